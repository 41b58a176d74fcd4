//! A caller who says anything at all, and files that are damaged.

use super::*;
use proptest::prelude::*;

const WORDS: &[&str] = &[
    "yes", "no", "book", "tuesday", "the", "third", "two", "thirty", "at", "oh", "double", "five",
    "repeat", "half", "past", "twenty", "hundred", "and", "march", "of", "noon", "my", "name",
    "is", "a", "not", "cancel", "hours", "in", "days", "next", "thousand", "2:30", "12", "5550142",
    "p.m.", "!", "é", "to", "quarter", "minus",
];

proptest! {
    #![proptest_config(crate::seeded::cases(400))]

    #[test]
    fn a_caller_may_say_anything(
        which in prop::sample::select(&["front_desk.toml", "reminder.toml", "survey.toml"][..]),
        turns in prop::collection::vec(
            prop_oneof![
                4 => prop::collection::vec(prop::sample::select(WORDS), 0..7).prop_map(|words| words.join(" ")),
                1 => ".{0,60}",
                1 => "#[0-9*#A-D]{0,18}",
            ],
            0..40,
        ),
    ) {
        let flow = example(which);
        let vars = vars();
        let (mut state, mut step) = flow.open(&vars);
        for turn in &turns {
            prop_assert!(step.listen != step.end.is_some());
            prop_assert!(step.say.len() <= flow.states.len() + 1);
            let heard = match turn.strip_prefix('#') {
                Some(keys) => Heard { text: "", keys },
                None => Heard { text: turn, keys: "" },
            };
            let again = flow.step(&state, heard, &vars);
            (state, step) = flow.step(&state, heard, &vars);
            prop_assert_eq!(&again, &(state.clone(), step.clone()));
        }
        // Left alone, every conversation comes to its end.
        for _ in 0..TURNS_MAX {
            (state, step) = flow.step(&state, Heard::default(), &vars);
        }
        prop_assert!(state.ended().is_some() && step.end == state.ended());
    }

    #[test]
    fn a_damaged_file_is_read_without_panic(
        which in prop::sample::select(&["front_desk.toml", "reminder.toml", "survey.toml"][..]),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        whole in any::<bool>(),
    ) {
        let mut bytes = source(which).into_bytes();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if !whole {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Err(error) = Flow::parse(&String::from_utf8_lossy(&bytes)) {
            prop_assert!(error.line >= 1 && error.column >= 1);
        }
    }
}
