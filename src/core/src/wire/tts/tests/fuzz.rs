//! Anything at all, and damaged fixtures: nothing panics, and what comes out is bounded and of contexts that were asked for.

use proptest::prelude::*;

use super::fixtures::{ANSWERS, wires};
use super::*;

proptest! {
    #![proptest_config(crate::seeded::cases(256))]

    #[test]
    fn damaged_messages_are_read_without_panic(
        which in 0..ANSWERS.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cancelled in 0..4_u32,
        tail in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let (protocol, name, _) = ANSWERS[which];
        let mut bytes: Vec<(bool, Vec<u8>)> = wires(name).into_iter().map(|wire| match wire {
            Wire::Text(text) => (true, text.into_bytes()),
            Wire::Binary(bytes) => (false, bytes),
        }).collect();
        for (line, at, byte) in damage {
            let line = line.index(bytes.len());
            let at = at.index(bytes[line].1.len());
            bytes[line].1[at] = byte;
        }
        bytes.push((true, tail));
        let (mut codec, mut out, mut events) = (codec(protocol, &settings()), vec![], vec![]);
        for context in 1..4 {
            codec.say(context, "We are open.", &mut out);
        }
        codec.cancel(cancelled, &mut out);
        for (is_text, bytes) in bytes.iter().cycle().take(40) {
            let text = String::from_utf8_lossy(bytes);
            let message = if *is_text { Received::Text(&text) } else { Received::Binary(bytes) };
            codec.receive(message, &mut out, &mut events);
        }
        let mut ended = Vec::new();
        for event in &events {
            let of = match event {
                TtsEvent::Ready => continue,
                TtsEvent::Audio { context, .. } | TtsEvent::Words { context, .. } | TtsEvent::Done { context } => Some(*context),
                TtsEvent::Trouble { context, .. } => *context,
            };
            if let Some(of) = of {
                prop_assert!((1..4).contains(&of) && of != cancelled, "{:?}", event);
                prop_assert!(!ended.contains(&of), "{:?} after its end", event);
            }
            if matches!(event, TtsEvent::Done { .. } | TtsEvent::Trouble { .. }) {
                prop_assert!(!ended.contains(&0), "after the end of everything");
                ended.push(of.unwrap_or(0));
            }
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic(
        messages in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..200)), 0..20),
        code in any::<u16>(),
        reason in ".{0,60}",
        text in ".{0,60}",
    ) {
        for protocol in PROTOCOLS {
            let (mut codec, mut out, mut events) = (codec(protocol, &settings()), vec![], vec![]);
            codec.say(0, &text, &mut out);
            for (is_text, bytes) in &messages {
                let text = String::from_utf8_lossy(bytes);
                let message = if *is_text { Received::Text(&text) } else { Received::Binary(bytes) };
                codec.receive(message, &mut out, &mut events);
            }
            let trouble = codec.closed(code, &reason);
            prop_assert!(trouble.code.chars().count() <= 61);
        }
    }
}
