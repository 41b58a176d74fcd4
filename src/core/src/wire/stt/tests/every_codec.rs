//! The list that every codec has to pass.

use super::*;

fn final_of(codec: &str, turn: u64, until_ms: f64, text: &str) -> String {
    let (seconds, text) = (until_ms / 1000.0, serde_json::to_string(text).unwrap());
    match codec {
        "deepgram" => format!(
            r#"{{"type":"Results","start":0,"duration":{seconds},"is_final":true,"speech_final":true,"channel":{{"alternatives":[{{"transcript":{text}}}]}}}}"#
        ),
        "flux" => format!(
            r#"{{"type":"TurnInfo","event":"EndOfTurn","turn_index":{turn},"audio_window_end":{seconds},"transcript":{text}}}"#
        ),
        _ => format!(
            r#"{{"type":"Turn","turn_order":{turn},"end_of_turn":true,"transcript":{text},"words":[{{"text":"x","start":0,"end":{until_ms}}}]}}"#
        ),
    }
}

fn partial_of(codec: &str, text: &str) -> String {
    let text = serde_json::to_string(text).unwrap();
    match codec {
        "deepgram" => format!(
            r#"{{"type":"Results","start":0,"duration":1,"is_final":false,"channel":{{"alternatives":[{{"transcript":{text}}}]}}}}"#
        ),
        "flux" => format!(
            r#"{{"type":"TurnInfo","event":"Update","turn_index":0,"audio_window_end":1,"transcript":{text}}}"#
        ),
        _ => format!(r#"{{"type":"Turn","turn_order":0,"end_of_turn":false,"transcript":{text}}}"#),
    }
}

/// The final among some events: until when, and its words.
fn final_in(events: &[SttEvent]) -> Option<(u64, String)> {
    events.iter().find_map(|event| match event {
        SttEvent::Final { until_ms, text, .. } => Some((*until_ms, text.clone())),
        SttEvent::Ready
        | SttEvent::SpeechStarted { .. }
        | SttEvent::Partial { .. }
        | SttEvent::TurnEnded { .. }
        | SttEvent::TurnMayEnd { .. }
        | SttEvent::TurnResumed
        | SttEvent::Trouble { .. } => None,
    })
}

fn ends_in(events: &[SttEvent]) -> usize {
    let is_end = |event: &&SttEvent| matches!(event, SttEvent::TurnEnded { .. });
    events.iter().filter(is_end).count()
}

#[test]
fn the_key_is_in_its_header_and_nowhere_else() {
    for (name, codec) in CODECS {
        let handshake = codec(&SttSettings::default()).handshake();
        let value = match name {
            "assemblyai" => KEY.to_owned(),
            _ => format!("Token {KEY}"),
        };
        assert_eq!(handshake.headers, [("authorization", value)], "{name}");
        assert!(!handshake.path.contains(KEY), "{name}");
        assert!(!format!("{handshake:?}").contains(KEY), "{name}");
    }
}

#[test]
fn debug_shows_no_word() {
    for (name, _) in CODECS {
        let mut codec = sending(name);
        let mut shown = String::new();
        for message in [
            partial_of(name, "xylophone"),
            final_of(name, 0, 900.0, "xylophone"),
        ] {
            shown += &format!("{:?}", receive(&mut *codec, &message));
        }
        assert!(
            shown.contains("Partial(") && shown.contains("Final("),
            "{name}"
        );
        assert!(!shown.contains("xylophone"), "{name}: {shown}");
    }
}

#[test]
fn it_is_ready_once() {
    for (name, beginning) in [
        ("deepgram", r#"{"type":"SpeechStarted"}"#),
        ("flux", r#"{"type":"Connected"}"#),
        ("assemblyai", r#"{"type":"Begin","id":7}"#),
    ] {
        let mut codec = sending(name);
        let events: Vec<_> = (0..3)
            .flat_map(|_| receive(&mut *codec, beginning))
            .filter(|event| *event == SttEvent::Ready)
            .collect();
        assert_eq!(events.len(), 1, "{name}");
    }
}

#[test]
fn a_turn_has_a_partial_a_final_and_one_end() {
    for (name, _) in CODECS {
        let mut codec = sending(name);
        let partial = receive(&mut *codec, &partial_of(name, " hello "));
        assert!(
            matches!(partial.last(), Some(SttEvent::Partial { text, .. }) if text == "hello"),
            "{name}"
        );
        let mut events = receive(&mut *codec, &final_of(name, 0, 2000.0, "hello there"));
        assert_eq!(
            final_in(&events),
            Some((2000, "hello there".to_owned())),
            "{name}"
        );
        assert!(
            matches!(events.last(), Some(SttEvent::TurnEnded { at_ms: 2000 })),
            "{name}"
        );
        let again = match name {
            "deepgram" => r#"{"type":"UtteranceEnd","last_word_end":2}"#.to_owned(),
            _ => final_of(name, 0, 2000.0, "Hello there."),
        };
        events.extend(receive(&mut *codec, &again));
        assert_eq!(ends_in(&events), 1, "{name}");
        events.extend(receive(&mut *codec, &final_of(name, 1, 3000.0, "bye")));
        assert_eq!(ends_in(&events), 2, "{name}");
    }
}

#[test]
fn a_final_without_words_is_a_final() {
    for (name, _) in CODECS {
        let mut codec = sending(name);
        let events = receive(&mut *codec, &final_of(name, 0, 1500.0, ""));
        assert_eq!(final_in(&events), Some((1500, String::new())), "{name}");
    }
}

#[test]
fn a_question_is_answered() {
    for (name, answer) in [
        (
            "deepgram",
            r#"{"type":"Results","start":0,"duration":1,"is_final":true,"from_finalize":true}"#,
        ),
        (
            "flux",
            r#"{"type":"TurnInfo","event":"EndOfTurn","turn_index":0,"trigger":"manual"}"#,
        ),
        (
            "assemblyai",
            r#"{"type":"Turn","turn_order":0,"end_of_turn":true}"#,
        ),
    ] {
        let mut codec = sending(name);
        let answers = |events: &[SttEvent]| {
            let is_answer =
                |event: &&SttEvent| matches!(event, SttEvent::Final { asked: true, .. });
            events.iter().filter(is_answer).count()
        };
        codec.finalize(&mut Vec::new());
        assert_eq!(answers(&receive(&mut *codec, answer)), 1, "{name}");
        let next = receive(&mut *codec, &final_of(name, 1, 3000.0, "bye"));
        assert_eq!((next.len() > 1, answers(&next)), (true, 0), "{name}");
    }
}

#[test]
fn finals_never_go_back_nor_beyond_what_was_sent() {
    for (name, _) in CODECS {
        let mut codec = sending(name);
        let times = [5000.0, 2000.0, -7.0, 6000.0, 1e15, 0.0];
        let until: Vec<u64> = (0..)
            .zip(times)
            .filter_map(|(turn, ms)| {
                final_in(&receive(&mut *codec, &final_of(name, turn, ms, "word")))
            })
            .map(|(until_ms, _)| until_ms)
            .collect();
        assert_eq!(until, [5000, 5000, 5000, 6000, 10_000, 10_000], "{name}");
    }
}

#[test]
fn the_unknown_is_passed_over() {
    for (name, _) in CODECS {
        let mut codec = sending(name);
        codec.opened(&mut Vec::new());
        for message in [
            r#"{"type":"SomethingNew","is_final":true,"end_of_turn":true}"#,
            r#"{"type":"TurnInfo","event":"SomethingNew","transcript":""}"#,
            r#"{"type":["Results"]}"#,
            r#"{"type":null}"#,
            "{}",
            " {\"a\":[[[]]]} ",
        ] {
            assert!(receive(&mut *codec, message).is_empty(), "{name} {message}");
        }
        let odd = final_of(name, 0, 900.0, "hello").replacen('{', r#"{"new":{"a":[1]},"#, 1);
        let events = receive(&mut *codec, &odd);
        assert_eq!(final_in(&events), Some((900, "hello".to_owned())), "{name}");
    }
}

#[test]
fn numbers_and_truth_in_quotes_are_read() {
    for (name, message) in [
        (
            "deepgram",
            r#"{"type":"Results","start":"0.5","duration":"1.25","is_final":"true","speech_final":"true","channel":{"alternatives":[{"transcript":"hi","confidence":"0.5"}]}}"#,
        ),
        (
            "flux",
            r#"{"type":"TurnInfo","event":"EndOfTurn","turn_index":"0","audio_window_end":"1.75","transcript":"hi","words":[{"word":"hi","confidence":"0.5"}]}"#,
        ),
        (
            "assemblyai",
            r#"{"type":"Turn","turn_order":"0","end_of_turn":"true","transcript":"hi","words":[{"text":"hi","start":"0","end":"1750","confidence":"0.5"}]}"#,
        ),
    ] {
        let events = receive(&mut *sending(name), message);
        assert_eq!(final_in(&events), Some((1750, "hi".to_owned())), "{name}");
        assert_eq!(ends_in(&events), 1, "{name}");
        assert!(
            matches!(events.iter().rev().nth(1), Some(SttEvent::Final { confidence, .. }) if *confidence == 0.5),
            "{name}"
        );
    }
}

#[test]
fn a_long_transcript_is_cut_at_a_character() {
    for (name, _) in CODECS {
        let mut codec = sending(name);
        let long = format!("a{}", "é".repeat(TRANSCRIPT_BYTES_MAX));
        for message in [partial_of(name, &long), final_of(name, 0, 900.0, &long)] {
            let cut = receive(&mut *codec, &message)
                .into_iter()
                .find_map(|event| match event {
                    SttEvent::Partial { text, .. } | SttEvent::Final { text, .. } => Some(text),
                    SttEvent::Ready
                    | SttEvent::SpeechStarted { .. }
                    | SttEvent::TurnEnded { .. }
                    | SttEvent::TurnMayEnd { .. }
                    | SttEvent::TurnResumed
                    | SttEvent::Trouble { .. } => None,
                })
                .unwrap();
            assert_eq!(cut.len(), TRANSCRIPT_BYTES_MAX - 1, "{name}");
        }
    }
}

#[test]
fn nonsense_is_borne_up_to_a_limit() {
    let deep = format!("{{\"type\":{}", "[".repeat(60_000));
    let long = format!("{{\"type\":\"{}\"}}", "x".repeat(MESSAGE_BYTES_MAX));
    let nonsense: [(Received<'_>, &str); 7] = [
        (Received::Text(""), "not-json"),
        (Received::Text("nonsense"), "not-json"),
        (Received::Text("[\"Results\"]"), "not-json"),
        (Received::Text("{\"type\":\"Results\""), "not-json"),
        (Received::Text(&deep), "not-json"),
        (Received::Text(&long), "too-long"),
        (Received::Binary(&[0, 159, 146]), "binary"),
    ];
    for (name, _) in CODECS {
        let mut codec = sending(name);
        let mut out = Vec::new();
        for count in 1..=FAULTS_MAX + 1 {
            let (message, code) = nonsense[count as usize % nonsense.len()];
            out.clear();
            codec.receive(message, &mut out);
            let is_over = count > FAULTS_MAX;
            let trouble = Trouble::new(TroubleKind::Protocol, code);
            assert!(
                out == [SttEvent::Trouble { trouble, is_over }],
                "{name} {count}"
            );
        }
        for message in [final_of(name, 0, 900.0, "hello").as_str(), "nonsense"] {
            assert!(
                receive(&mut *codec, message).is_empty(),
                "{name}: it is over"
            );
        }

        let mut codec = sending(name);
        for turn in 0..100 {
            codec.receive(Received::Binary(&[1]), &mut out);
            let events = receive(&mut *codec, &final_of(name, turn, 900.0, "hello"));
            assert!(
                final_in(&events).is_some(),
                "{name}: what makes sense is heard still"
            );
        }
    }
}

#[test]
fn every_byte_of_audio_is_sent_once_and_in_order() {
    for (name, codec) in CODECS {
        let mut codec = codec(&SttSettings::default());
        let (mut given, mut out) = (Vec::new(), Vec::new());
        for (n, bytes) in (0_u8..).zip([160, 0, 1, 160, 160, 7, 24_000, 159, 480, 160, 33]) {
            let audio: Vec<u8> = (0..bytes).map(|at| (at % 251) as u8 ^ n).collect();
            codec.audio(&audio, &mut out);
            given.extend(audio);
            if n % 3 == 0 {
                codec.finalize(&mut out);
            }
        }
        codec.close(&mut out);
        let mut sent = Vec::new();
        for message in out {
            if let Sent::Binary(audio) = message {
                assert!(!audio.is_empty(), "{name}: an empty frame says goodbye");
                sent.extend(audio);
            }
        }
        assert_eq!(sent.get(..given.len()), Some(&given[..]), "{name}");
        let rest = &sent[given.len()..];
        assert!(
            rest.len() < 400 && rest.iter().all(|&byte| byte == 0xff),
            "{name}"
        );
    }
}
