//! What the caller says, as the ear and the recogniser would tell it.
//!
//! The delays are those of the embedded stages: voice is told after two windows, a pause after 64 ms, its end after 200 ms,
//! partial words after 1.2 s.

use std::collections::VecDeque;

use crate::call::Event;
use crate::time::At;
use crate::times::spoken_ms;

/// From the onset of a voice until it is told.
const STARTED_AFTER_MS: u32 = 96;
/// From the end of a voice until it is told that it pauses, …
const PAUSED_AFTER_MS: u32 = 64;
/// … that it has ended, …
const STOPPED_AFTER_MS: u32 = 200;
/// … how finished it sounded, and what was said.
const SCORED_AFTER_MS: u32 = 240;
const FINAL_AFTER_MS: u32 = 280;
/// The first words while the caller speaks, and the next.
const PARTIAL_FIRST_MS: u32 = 1_200;
const PARTIAL_EVERY_MS: u32 = 600;
/// Nobody says anything in less.
const SPEECH_MS_MIN: u32 = 300;
/// Between two things that a caller says one behind the other.
const BREATH_MS: u32 = 600;
/// Scores of the turn model for what is finished and what is not.
const FINISHED: f32 = 0.97;
const UNFINISHED: f32 = 0.1;
/// How sure a recogniser is that has understood.
const CONFIDENCE: f32 = 0.95;

/// The caller's side.
#[derive(Debug, Default)]
pub(super) struct Ear {
    /// In order of their times.
    facts: VecDeque<(At, Event)>,
    busy_until: At,
}

impl Ear {
    pub(super) fn say(&mut self, now: At, words: &str) -> (At, At) {
        let trimmed = words.trim().trim_end_matches(['…', '.']).trim_end();
        let is_unfinished = words.trim().ends_with('…') || words.trim().ends_with("...");
        let text = if is_unfinished { trimmed } else { words.trim() };
        let from = self.free_from(now);
        let long = spoken_ms(text, 1.0).max(SPEECH_MS_MIN);
        let until = from.plus(long);
        self.put(
            from.plus(STARTED_AFTER_MS),
            Event::SpeechStarted { at: from },
        );
        let mut partial = PARTIAL_FIRST_MS;
        while partial < long {
            let (until, text) = (from.plus(partial), said_by(text, partial, long));
            self.put(until, Event::Partial { until, text });
            partial += PARTIAL_EVERY_MS;
        }
        self.put(
            until.plus(PAUSED_AFTER_MS),
            Event::SpeechPaused { at: until },
        );
        self.put(
            until.plus(STOPPED_AFTER_MS),
            Event::SpeechStopped { at: until },
        );
        let complete = if is_unfinished { UNFINISHED } else { FINISHED };
        self.put(
            until.plus(SCORED_AFTER_MS),
            Event::TurnScored { until, complete },
        );
        let text = text.to_owned();
        let confidence = CONFIDENCE;
        self.put(
            until.plus(FINAL_AFTER_MS),
            Event::Final {
                until,
                text,
                confidence,
            },
        );
        self.busy_until = until;
        (from, until)
    }

    pub(super) fn press(&mut self, now: At, keys: &str, every_ms: u32) -> At {
        let mut at = self.free_from(now);
        for key in keys.chars() {
            self.put(at, Event::Key { key });
            self.busy_until = at;
            at = at.plus(every_ms);
        }
        self.busy_until
    }

    pub(super) fn is_busy(&self, now: At) -> bool {
        now < self.busy_until || !self.facts.is_empty()
    }

    pub(super) fn next_due(&self) -> Option<At> {
        self.facts.front().map(|(at, _)| *at)
    }

    /// The next fact, if it is due.
    pub(super) fn pop(&mut self, now: At) -> Option<Event> {
        self.facts
            .pop_front_if(|(at, _)| *at <= now)
            .map(|(_, event)| event)
    }

    /// When something that is said behind all else may begin.
    fn free_from(&self, now: At) -> At {
        match self.busy_until {
            At::START => now,
            until => now.max(until.plus(BREATH_MS)),
        }
    }

    fn put(&mut self, at: At, event: Event) {
        self.facts.push_back((at, event));
    }
}

/// The words that have been said whole after `so_far` of `long` ms.
fn said_by(text: &str, so_far: u32, long: u32) -> String {
    let chars = text.chars().count() * so_far as usize / long.max(1) as usize;
    let end = text
        .char_indices()
        .nth(chars)
        .map_or(text.len(), |(at, _)| at);
    let whole = text[..end].rfind(' ').unwrap_or(0);
    text[..whole].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_come_in_the_order_of_a_real_ear() {
        let mut ear = Ear::default();
        let (from, until) = ear.say(At::from_ms(500), "I would like to book an appointment.");
        assert_eq!((from.ms(), until.ms()), (500, 500 + 36 * 60));
        ear.say(At::from_ms(500), "On the …");
        let all: Vec<(At, Event)> = ear.facts.iter().cloned().collect();
        assert!(all.is_sorted_by_key(|(at, _)| *at), "{all:?}");
        let text = |(_, event): &'_ (At, Event)| {
            if let Event::Partial { text, .. } | Event::Final { text, .. } = event {
                Some(text.clone())
            } else {
                None
            }
        };
        let texts = all.iter().filter_map(text);
        assert_eq!(
            texts.collect::<Vec<_>>(),
            [
                "I would like to",
                "I would like to book an",
                "I would like to book an appointment.",
                "On the"
            ]
        );
    }

    #[test]
    fn words_of_any_script_are_cut_between_characters() {
        for text in ["", "é", "Żółć gęślą jaźń", "你好 世界", "one"] {
            for at in [0, 1, 7, 300, 10_000] {
                assert!(text.starts_with(&said_by(text, at, 10_000)));
            }
        }
    }
}
