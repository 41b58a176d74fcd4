//! How much of a caller a journal holds, as its entries come.

use std::ops::Range;

use super::{Entry, Leaves, SAMPLES_PER_MS};
use crate::journal::Step;

/// What is stored of a caller, entry by entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Samples, in order, without gaps between neighbours.
    caller: Vec<Range<u64>>,
    is_granted: bool,
}

impl Stored {
    /// The next entry. A withdrawal takes away what came before it and does not stay.
    pub fn add(&mut self, entry: &Entry) {
        match entry {
            Entry::Audio(audio) if audio.caller.is_some() => {
                let end = audio.from.saturating_add(u64::from(audio.samples));
                self.add_sound(audio.from..end);
            }
            Entry::Consent(consent) => match Leaves::of_withdrawal(consent.step, None) {
                Some(Leaves::Notices { .. }) => *self = Self::default(),
                Some(Leaves::Before { until_ms }) => {
                    self.cut(until_ms.saturating_mul(SAMPLES_PER_MS));
                }
                None => self.is_granted |= matches!(consent.step, Step::Granted { .. }),
            },
            Entry::Began(_)
            | Entry::Audio(_)
            | Entry::Turn(_)
            | Entry::NotKept { .. }
            | Entry::Event(_)
            | Entry::Second { .. }
            | Entry::Erased { .. }
            | Entry::Ended(_) => {}
        }
    }

    /// Sound of the caller's, ms.
    pub fn caller_ms(&self) -> u64 {
        let samples = self.caller.iter().map(|range| range.end - range.start);
        samples.sum::<u64>() / SAMPLES_PER_MS
    }

    /// Whether there is a recording to be had: the caller agreed, and did not want all of it deleted.
    pub fn is_recorded(&self) -> bool {
        self.is_granted
    }

    fn add_sound(&mut self, sound: Range<u64>) {
        match self.caller.last_mut() {
            // Seconds that follow each other are one stretch, so that an hour is not a list of thousands.
            Some(last) if (last.start..=last.end).contains(&sound.start) => {
                last.end = last.end.max(sound.end);
            }
            Some(_) | None => self.caller.push(sound),
        }
    }

    fn cut(&mut self, until: u64) {
        for range in &mut self.caller {
            range.end = range.end.min(until).max(range.start);
        }
        self.caller.retain(|range| !range.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consent::{Method, Refusal};
    use crate::journal::{Audio, Consent};

    fn second(n: u64, of_caller: bool) -> Entry {
        Entry::Audio(Audio {
            from: n * 8_000,
            samples: 8_000,
            caller: of_caller.then(|| vec![0; 8_000]),
            agent: Some(vec![0; 8_000]),
        })
    }

    fn step(step: Step) -> Entry {
        Entry::Consent(Consent { at_ms: 0, step })
    }

    fn granted() -> Entry {
        let method = Method::SaidYes;
        step(Step::Granted { method })
    }

    fn withdrawn(erase: bool, from_ms: u64) -> Entry {
        step(Step::Withdrawn {
            class: Refusal::Objected,
            erase,
            from_ms,
        })
    }

    #[test]
    fn what_is_stored_is_what_a_withdrawal_leaves() {
        let recorded = || {
            vec![
                second(0, false),
                granted(),
                second(1, true),
                second(2, true),
            ]
        };
        for (more, want) in [
            (vec![], (2_000, true)),
            (vec![second(2, true)], (2_000, true)),
            (vec![second(4, true)], (3_000, true)),
            (vec![withdrawn(true, 2_500)], (0, false)),
            (vec![withdrawn(false, 2_500)], (1_500, true)),
            (
                vec![second(4, true), withdrawn(false, 2_500)],
                (1_500, true),
            ),
            (vec![withdrawn(false, 500)], (0, true)),
            (
                vec![withdrawn(false, 9_000), withdrawn(true, 9_000)],
                (0, false),
            ),
        ] {
            let mut stored = Stored::default();
            for entry in recorded().iter().chain(&more) {
                stored.add(entry);
            }
            assert_eq!((stored.caller_ms(), stored.is_recorded()), want, "{more:?}");
        }
    }
}
