//! What is left of a journal whose content has to go, all of it or from a moment on.

use super::{Audio, Consent, Entry, SAMPLES_PER_MS, Speaker, Step, Turn};

/// What stays of the content that is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    /// Only what was heard of the agent before this moment, ms, which is the notice itself: see [`notices_until_ms`].
    Notices {
        /// The moment.
        until_ms: u64,
    },
    /// What was over at this moment, ms.
    Before {
        /// The moment.
        until_ms: u64,
    },
}

impl Leaves {
    /// What a withdrawal leaves of what is stored, `None` if `step` is none. `decided_ms`: [`notices_until_ms`] of the
    /// entries before it. From then on the journal must hold no more than that.
    pub fn of_withdrawal(step: Step, decided_ms: Option<u64>) -> Option<Leaves> {
        let Step::Withdrawn { erase, from_ms, .. } = step else {
            return None;
        };
        Some(if erase {
            let until_ms = decided_ms.map_or(from_ms, |decided| decided.min(from_ms));
            Leaves::Notices { until_ms }
        } else {
            Leaves::Before { until_ms: from_ms }
        })
    }

    /// What stays of one entry. Those without content stay as they are.
    pub fn of(self, entry: Entry) -> Option<Entry> {
        match entry {
            Entry::Audio(audio) => self.of_audio(audio).map(Entry::Audio),
            Entry::Turn(turn) => self.has(&turn).then_some(Entry::Turn(turn)),
            Entry::Second { turns, recogniser } => {
                let turns: Vec<Turn> = turns.into_iter().filter(|turn| self.has(turn)).collect();
                (!turns.is_empty()).then_some(Entry::Second { turns, recogniser })
            }
            Entry::Began(_)
            | Entry::Consent(_)
            | Entry::NotKept { .. }
            | Entry::Event(_)
            | Entry::Erased { .. }
            | Entry::Ended(_) => Some(entry),
        }
    }

    /// Whether a turn stays.
    pub fn has(self, turn: &Turn) -> bool {
        match self {
            Leaves::Notices { until_ms } => {
                turn.speaker == Speaker::Agent && turn.to_ms <= until_ms
            }
            Leaves::Before { until_ms } => turn.to_ms <= until_ms,
        }
    }

    fn of_audio(self, audio: Audio) -> Option<Audio> {
        let (until_ms, caller) = match self {
            Leaves::Notices { until_ms } => (until_ms, None),
            Leaves::Before { until_ms } => (until_ms, audio.caller),
        };
        let left = until_ms
            .saturating_mul(SAMPLES_PER_MS)
            .saturating_sub(audio.from);
        let samples = audio.samples.min(u32::try_from(left).unwrap_or(u32::MAX));
        let cut = |sound: Option<Vec<u8>>| {
            sound.map(|mut sound| {
                sound.truncate(samples as usize);
                sound
            })
        };
        (samples > 0).then_some(Audio {
            from: audio.from,
            samples,
            caller: cut(caller),
            agent: cut(audio.agent),
        })
    }
}

/// What withdrawals leave, told entry by entry in the order of a journal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Withdrawals {
    decided_ms: Option<u64>,
}

impl Withdrawals {
    /// What the next entry leaves of those before it; `None` if it takes nothing away.
    pub fn after(&mut self, entry: &Entry) -> Option<Leaves> {
        let leaves = match entry {
            Entry::Consent(consent) => Leaves::of_withdrawal(consent.step, self.decided_ms),
            Entry::Began(_)
            | Entry::Audio(_)
            | Entry::Turn(_)
            | Entry::NotKept { .. }
            | Entry::Event(_)
            | Entry::Second { .. }
            | Entry::Erased { .. }
            | Entry::Ended(_) => None,
        };
        self.decided_ms = self.decided_ms.or_else(|| notices_until_ms([entry]));
        leaves
    }

    /// The notices alone, of all entries so far; `None` while nothing is decided.
    pub fn notices(&self) -> Option<Leaves> {
        self.decided_ms.map(|until_ms| Leaves::Notices { until_ms })
    }
}

/// Until when the agent's words were but notices: the first decision about consent, ms. Nothing of a caller's can be in
/// what the agent said before it. `None` while nothing is decided.
pub fn notices_until_ms<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Option<u64> {
    entries.into_iter().find_map(|entry| match entry {
        Entry::Consent(Consent {
            at_ms,
            step: Step::Granted { .. } | Step::Refused { .. } | Step::Withdrawn { .. },
        }) => Some(*at_ms),
        Entry::Began(_)
        | Entry::Audio(_)
        | Entry::Turn(_)
        | Entry::Consent(_)
        | Entry::NotKept { .. }
        | Entry::Event(_)
        | Entry::Second { .. }
        | Entry::Erased { .. }
        | Entry::Ended(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consent::{Method, Refusal};
    use crate::journal::Ended;

    fn turn(speaker: Speaker, to_ms: u64) -> Turn {
        Turn {
            speaker,
            from_ms: 0,
            to_ms,
            text: "words".into(),
            keys: None,
            confidence: None,
            cut: false,
            halts: Vec::new(),
            latency: None,
            words: Vec::new(),
            tool: None,
        }
    }

    fn audio(from: u64, samples: u32, caller: bool, agent: bool) -> Entry {
        let sound = |there: bool| there.then(|| vec![1; samples as usize]);
        Entry::Audio(Audio {
            from,
            samples,
            caller: sound(caller),
            agent: sound(agent),
        })
    }

    fn second(turns: &[Turn]) -> Entry {
        Entry::Second {
            turns: turns.to_vec(),
            recogniser: "large".into(),
        }
    }

    fn withdrawn(erase: bool) -> Step {
        Step::Withdrawn {
            class: Refusal::Objected,
            erase,
            from_ms: 2_500,
        }
    }

    /// What is left of a call granted at 1,500 ms.
    fn left(erase: bool) -> Vec<Entry> {
        let stored = stored();
        let leaves = Leaves::of_withdrawal(withdrawn(erase), notices_until_ms(&stored)).unwrap();
        stored
            .into_iter()
            .filter_map(|entry| leaves.of(entry))
            .collect()
    }

    fn stored() -> Vec<Entry> {
        let [granted, not_kept, ended] = without_content();
        vec![
            Entry::Turn(turn(Speaker::Agent, 1_500)),
            audio(0, 8_000, false, true),
            granted,
            audio(8_000, 8_000, true, true),
            Entry::Turn(turn(Speaker::Agent, 1_501)),
            Entry::Turn(turn(Speaker::Caller, 2_500)),
            Entry::Turn(turn(Speaker::Caller, 2_501)),
            second(&[turn(Speaker::Caller, 2_500), turn(Speaker::Caller, 2_501)]),
            second(&[turn(Speaker::Caller, 2_501)]),
            not_kept,
            audio(16_000, 8_000, true, true),
            audio(24_000, 8_000, true, true),
            ended,
        ]
    }

    fn without_content() -> [Entry; 3] {
        let granted = Step::Granted {
            method: Method::Silence,
        };
        [
            Entry::Consent(Consent {
                at_ms: 1_500,
                step: granted,
            }),
            Entry::NotKept {
                from_ms: 1,
                to_ms: 2,
            },
            Entry::Ended(Ended {
                at_ms: 9_500,
                reason: "line_lost".into(),
            }),
        ]
    }

    #[test]
    fn only_the_notice_and_what_has_no_content_outlives_an_erasure() {
        let [granted, not_kept, ended] = without_content();
        let want = [
            Entry::Turn(turn(Speaker::Agent, 1_500)),
            audio(0, 8_000, false, true),
            granted,
            audio(8_000, 4_000, false, true),
            not_kept,
            ended,
        ];
        assert_eq!(left(true), want);
    }

    #[test]
    fn a_withdrawal_that_keeps_what_was_before_cuts_at_its_first_word() {
        let [granted, not_kept, ended] = without_content();
        let want = [
            Entry::Turn(turn(Speaker::Agent, 1_500)),
            audio(0, 8_000, false, true),
            granted,
            audio(8_000, 8_000, true, true),
            Entry::Turn(turn(Speaker::Agent, 1_501)),
            Entry::Turn(turn(Speaker::Caller, 2_500)),
            second(&[turn(Speaker::Caller, 2_500)]),
            not_kept,
            audio(16_000, 4_000, true, true),
            ended,
        ];
        assert_eq!(left(false), want);
    }

    #[test]
    fn only_a_withdrawal_takes_anything_away() {
        let [Entry::Consent(granted), ..] = without_content() else {
            panic!("the first is a step of consent");
        };
        assert_eq!(Leaves::of_withdrawal(granted.step, None), None);
        let undecided = Leaves::of_withdrawal(withdrawn(true), None);
        assert_eq!(undecided, Some(Leaves::Notices { until_ms: 2_500 }));
    }
}
