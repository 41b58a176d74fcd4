//! The list, continued: trouble, garbage, and more of everything than there should be.

use super::contexts::{AUDIO_BYTES_MAX, NONSENSE_MAX, WAITING_MAX};
use super::*;

#[test]
fn trouble_of_a_context_ends_it_and_trouble_of_the_connection_everything() {
    for protocol in PROTOCOLS {
        for (error, want) in [
            (doubles::Error::Rate, TroubleKind::Rate),
            (doubles::Error::Key, TroubleKind::Key),
            (doubles::Error::Quota, TroubleKind::Quota),
            (doubles::Error::Request, TroubleKind::Request),
            (doubles::Error::Server, TroubleKind::Server),
        ] {
            let mut pair = Pair::new(protocol);
            pair.say(1, "We are open.");
            pair.step();
            let wire = pair.double.error(error, None);
            pair.receive(&wire);
            pair.receive(&wire);
            assert_eq!(pair.kinds(), [(None, want)], "{protocol:?} {error:?}");
            let before = pair.events.len();
            pair.run();
            assert_eq!(pair.events.len(), before, "{protocol:?}: nothing after it");

            if matches!(protocol, Protocol::Cartesia | Protocol::Multi) {
                let mut pair = Pair::new(protocol);
                pair.say(1, "We are open.");
                pair.say(2, "Goodbye.");
                for _ in 0..2 {
                    let wire = pair.double.error(error, Some("c1"));
                    pair.receive(&wire);
                    let wire = pair.double.error(error, Some("somebody else's"));
                    pair.receive(&wire);
                }
                pair.run();
                assert_eq!(pair.kinds(), [(Some(1), want)], "{protocol:?} {error:?}");
                assert_eq!((pair.ends(1), pair.ends(2)), ((0, 1), (1, 0)));
                assert_eq!(pair.voiced(2), "Goodbye.");
            }
        }
    }
}

#[test]
fn garbage_is_borne_and_unknown_things_are_passed_over() {
    let garbage = ["", "{", "[1,2]", "null", "\u{0}", "[\"chunk\",\"c1\"]"];
    let unknown = [
        r#"{"type":"hello","context_id":"c1","data":"////","audio":null}"#,
        r#"{"type":"chunk","context_id":"c9","data":"////","contextId":"c9","audio":"////"}"#,
        r#"{"type":"done","context_id":"c01","contextId":"c01","isFinal":true}"#,
        r#"{"type":"timestamps","context_id":"c1","contextId":"c1","word_timestamps":7,"alignment":[]}"#,
        r#"{"type":"Warning","code":"SLOW","description":"It may take a little longer","context_id":"c9","contextId":"c9"}"#,
    ];
    for protocol in PROTOCOLS {
        for text in garbage.iter().chain(&unknown) {
            // On a socket without names, everything is about its one context.
            if protocol == Protocol::Single && unknown.contains(text) {
                continue;
            }
            let mut pair = Pair::new(protocol);
            pair.say(1, "We are open.");
            pair.step();
            pair.receive(&Wire::Text((*text).into()));
            pair.run();
            assert_eq!(pair.voiced(1), "We are open.", "{protocol:?} {text}");
            assert_eq!(pair.ends(1), (1, 0), "{protocol:?} {text}");
        }
        let mut pair = Pair::new(protocol);
        for _ in 0..NONSENSE_MAX + 5 {
            pair.receive(&Wire::Text("garbage".into()));
        }
        assert_eq!(
            pair.kinds(),
            [(None, TroubleKind::Protocol)],
            "{protocol:?}"
        );
    }
}

#[test]
fn audio_that_is_none_or_too_much_ends_its_context() {
    let chunk = |protocol, data: &str| match protocol {
        Protocol::Cartesia => format!(r#"{{"type":"chunk","context_id":"c1","data":"{data}"}}"#),
        Protocol::Multi | Protocol::Single | Protocol::Aura => {
            format!(r#"{{"audio":"{data}","contextId":"c1"}}"#)
        }
    };
    for protocol in PROTOCOLS {
        let mut pair = Pair::new(protocol);
        pair.say(1, "We are open.");
        let piece = vec![0xff; 300_000];
        let wire = if protocol == Protocol::Aura {
            Wire::Binary(piece.clone())
        } else {
            let mut bad = Pair::new(protocol);
            bad.say(1, "We are open.");
            bad.receive(&Wire::Text(chunk(protocol, "!!")));
            assert_eq!(
                bad.kinds(),
                [(Some(1), TroubleKind::Protocol)],
                "{protocol:?}"
            );
            use base64::Engine as _;
            let base64 = base64::engine::general_purpose::STANDARD.encode(&piece);
            Wire::Text(chunk(protocol, &base64))
        };
        for _ in 0..20 {
            pair.receive(&wire);
        }
        let came: usize = pair
            .events
            .iter()
            .map(|event| {
                if let TtsEvent::Audio { bytes, .. } = event {
                    bytes.len()
                } else {
                    0
                }
            })
            .sum();
        assert!(came <= AUDIO_BYTES_MAX, "{protocol:?}");
        assert_eq!(
            pair.kinds(),
            [(Some(1), TroubleKind::Protocol)],
            "{protocol:?}"
        );
        // A message that is longer than any is not read at all.
        let mut pair = Pair::new(protocol);
        pair.say(1, "We are open.");
        pair.receive(&if protocol == Protocol::Aura {
            Wire::Binary(vec![0xff; 1024 * 1024 + 1])
        } else {
            Wire::Text(chunk(protocol, &"/".repeat(1024 * 1024)))
        });
        assert_eq!(pair.voiced(1), "", "{protocol:?}");
    }
}

#[test]
fn one_context_too_many_is_refused_and_one_without_words_is_done() {
    for protocol in PROTOCOLS {
        let mut pair = Pair::new(protocol);
        pair.say(0, " \n");
        if !pair.codec.is_single() {
            for context in 1..200 {
                pair.say(context, "Words.");
            }
        }
        pair.receive(&Wire::Text("{\"type\":\"hello\"}".into()));
        assert_eq!(pair.ends(0), (1, 0), "{protocol:?}");
        if !pair.codec.is_single() {
            let refused = pair.kinds().len();
            assert!(
                (100..200 - WAITING_MAX).contains(&refused),
                "{protocol:?} {refused}"
            );
        }
    }
}
