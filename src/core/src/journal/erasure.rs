//! What is left of a journal whose content has to go.

use super::{Audio, Consent, Entry, SAMPLES_PER_MS, Speaker, Step};

impl Entry {
    /// What stays of this entry when the content of its call is deleted: everything without content, and of the agent
    /// what was heard before `notices_until_ms`, which is the notice itself. See [`notices_until_ms`].
    pub fn without_content(self, notices_until_ms: u64) -> Option<Entry> {
        match self {
            Entry::Audio(audio) => audio.notices(notices_until_ms).map(Entry::Audio),
            Entry::Turn(turn) => (turn.speaker == Speaker::Agent && turn.to_ms <= notices_until_ms)
                .then_some(Entry::Turn(turn)),
            Entry::Second { .. } => None,
            Entry::Began(_)
            | Entry::Consent(_)
            | Entry::NotKept { .. }
            | Entry::Event(_)
            | Entry::Erased { .. }
            | Entry::Ended(_) => Some(self),
        }
    }
}

impl Audio {
    /// The agent's channel before a moment.
    fn notices(self, until_ms: u64) -> Option<Audio> {
        let left = until_ms
            .saturating_mul(SAMPLES_PER_MS)
            .saturating_sub(self.from);
        let samples = self.samples.min(u32::try_from(left).unwrap_or(u32::MAX));
        let mut agent = self.agent.filter(|_| samples > 0)?;
        agent.truncate(samples as usize);
        Some(Audio {
            from: self.from,
            samples,
            caller: None,
            agent: Some(agent),
        })
    }
}

/// Until when the agent's words were but notices: the first decision about consent, ms. Nothing of a caller's can be in
/// what the agent said before it. `None` while nothing is decided: then all that is stored may stay.
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
    use crate::journal::{Ended, Turn};

    fn turn(speaker: Speaker, to_ms: u64) -> Entry {
        Entry::Turn(Turn {
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
        })
    }

    fn audio(from: u64, caller: bool, agent: bool) -> Entry {
        let sound = |there: bool| there.then(|| vec![1; 8_000]);
        Entry::Audio(Audio {
            from,
            samples: 8_000,
            caller: sound(caller),
            agent: sound(agent),
        })
    }

    #[test]
    fn only_the_notice_and_what_has_no_content_outlives_an_erasure() {
        let consent = |at_ms, step| Entry::Consent(Consent { at_ms, step });
        let granted = consent(
            1_500,
            Step::Granted {
                method: Method::Silence,
            },
        );
        let withdrawn = consent(
            9_000,
            Step::Withdrawn {
                class: Refusal::Objected,
                erase: true,
            },
        );
        let not_kept = Entry::NotKept {
            from_ms: 1,
            to_ms: 2,
        };
        let ended = Entry::Ended(Ended {
            at_ms: 9_500,
            reason: "line_lost".into(),
        });
        let all = [
            turn(Speaker::Agent, 1_500),
            audio(0, false, true),
            granted.clone(),
            audio(8_000, true, true),
            turn(Speaker::Agent, 1_501),
            turn(Speaker::Caller, 1_000),
            not_kept.clone(),
            audio(16_000, true, true),
            withdrawn.clone(),
            ended.clone(),
        ];
        let until = notices_until_ms(&all).unwrap();
        assert_eq!(until, 1_500);
        let left: Vec<Entry> = all
            .iter()
            .cloned()
            .filter_map(|entry| entry.without_content(until))
            .collect();
        let cut = Entry::Audio(Audio {
            from: 8_000,
            samples: 4_000,
            caller: None,
            agent: Some(vec![1; 4_000]),
        });
        assert_eq!(
            left,
            [
                turn(Speaker::Agent, 1_500),
                audio(0, false, true),
                granted,
                cut,
                not_kept,
                withdrawn,
                ended
            ]
        );
        assert_eq!(notices_until_ms(&all[..2]), None);
    }
}
