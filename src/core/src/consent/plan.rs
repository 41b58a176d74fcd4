//! What an agent says and does about consent.

use std::sync::Arc;

use super::Mode;
use crate::call::Keys;

/// What happens to what is stored when a caller takes their consent back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnWithdrawal {
    /// It is deleted.
    #[default]
    Erase,
    /// It is kept up to there.
    Keep,
}

/// How one call asks for consent to be stored. By default it does not, and nothing is.
#[derive(Clone, Debug)]
pub struct ConsentPlan {
    /// What the rules ask for. `None`: there is no question of storing, and nothing is noted about it either.
    pub mode: Option<Mode>,
    /// What becomes of what is stored when it is withdrawn.
    pub on_withdrawal: OnWithdrawal,
    /// Silence after the notice that counts as agreement; less than 2,000 is taken for 2,000.
    pub silence_ms: u32,
    /// How long the answer to a question is waited for; less than 1,000 is taken for 1,000.
    pub answer_ms: u32,
    /// Below this confidence, 0 to 1, an utterance neither agrees nor declines.
    pub confidence: f32,
    /// Says that the call is recorded. A call that has no words here is not stored.
    pub notice: Vec<Arc<str>>,
    /// The question of [`Mode::Affirmative`], after the notice.
    pub question: Option<Arc<str>>,
    /// The question after an unclear answer, in every mode: it is answered with yes or no.
    pub again: Arc<str>,
    /// After a yes.
    pub thanks: Arc<str>,
    /// After a refusal.
    pub declined: Arc<str>,
    /// After a withdrawal.
    pub stopped: Arc<str>,
    /// In place of `declined` and `stopped`, of an agent that holds no call without recording: the call ends with it.
    pub goodbye: Option<Arc<str>>,
}

impl ConsentPlan {
    /// English sentences that name these keys and say what `on_withdrawal` does. The mode is left open.
    pub fn english(keys: &Keys, on_withdrawal: OnWithdrawal) -> Self {
        let press = |key: Option<char>, what: &str| {
            key.map(|key| format!(", or press {key}{what}"))
                .unwrap_or_default()
        };
        let no = press(keys.dont_record, "");
        let yes = press(keys.consent_yes, " for yes");
        Self {
            mode: None,
            on_withdrawal,
            silence_ms: 2_000,
            answer_ms: 6_000,
            confidence: 0.6,
            notice: vec![
                "This call is recorded and transcribed.".into(),
                format!("If you prefer not, say: please don't record this call{no}.").into(),
            ],
            question: Some(format!("May we record this call? Please say yes or no{yes}.").into()),
            again: format!(
                "Sorry, I need to be sure. May we record this call? Please say yes or no{yes}."
            )
            .into(),
            thanks: "Thank you, recording is on.".into(),
            declined: "All right, this call is not recorded.".into(),
            stopped: match on_withdrawal {
                OnWithdrawal::Erase => {
                    "All right, recording has stopped, and what was recorded is deleted."
                }
                OnWithdrawal::Keep => "All right, recording has stopped.",
            }
            .into(),
            goodbye: None,
        }
    }

    /// The caller must hear or be asked something before anything is stored.
    pub fn asks(&self) -> bool {
        match self.mode {
            Some(Mode::Announce | Mode::AnnounceContinue | Mode::Affirmative) => true,
            Some(Mode::NoRecord) | None => false,
        }
    }

    /// The sentences that end the opening, in order. All of them must be heard whole.
    pub fn opening(&self) -> impl Iterator<Item = &Arc<str>> {
        let question = self
            .question
            .as_ref()
            .filter(|_| self.mode == Some(Mode::Affirmative));
        let asks = self.asks();
        self.notice
            .iter()
            .chain(question)
            .filter(move |text| asks && !text.trim().is_empty())
    }

    /// Every sentence that a call with this plan may say, so that a voice can make them before they are needed.
    pub fn all(&self) -> impl Iterator<Item = &Arc<str>> {
        let others = [&self.again, &self.thanks, &self.declined, &self.stopped];
        let asks = self.asks();
        self.opening().chain(
            others
                .into_iter()
                .chain(&self.goodbye)
                .filter(move |_| asks),
        )
    }
}

impl Default for ConsentPlan {
    fn default() -> Self {
        Self::english(&Keys::default(), OnWithdrawal::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentences_name_the_keys_there_are() {
        let plan = ConsentPlan {
            mode: Some(Mode::Affirmative),
            ..ConsentPlan::default()
        };
        let said: Vec<&str> = plan.opening().map(AsRef::as_ref).collect();
        assert_eq!(said.len(), 3);
        assert!(said[1].ends_with("or press 8."), "{said:?}");
        assert!(said[2].ends_with("or press 1 for yes."), "{said:?}");
        let keys = Keys {
            dont_record: None,
            consent_yes: None,
            ..Keys::default()
        };
        let plan = ConsentPlan::english(&keys, OnWithdrawal::Keep);
        assert!(plan.notice.iter().all(|text| !text.contains("press")));
        assert!(!plan.stopped.contains("deleted"));
    }

    #[test]
    fn only_a_plan_that_asks_says_anything() {
        for (mode, sentences, all) in [
            (None, 0, 0),
            (Some(Mode::NoRecord), 0, 0),
            (Some(Mode::Announce), 2, 6),
            (Some(Mode::AnnounceContinue), 2, 6),
            (Some(Mode::Affirmative), 3, 7),
        ] {
            let plan = ConsentPlan {
                mode,
                ..ConsentPlan::default()
            };
            assert_eq!(plan.opening().count(), sentences, "{mode:?}");
            assert_eq!(plan.all().count(), all, "{mode:?}");
        }
    }
}
