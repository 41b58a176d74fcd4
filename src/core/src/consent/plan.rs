//! What an agent says and does about consent.

use std::sync::Arc;

use super::Mode;
use crate::call::Keys;
use crate::language::{Language, fill};

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

/// The keys that sentences name, as they go on after words; empty where there is no key.
#[derive(Clone, Debug)]
pub struct Pressing {
    /// To object.
    pub no: String,
    /// To agree.
    pub yes: String,
}

impl Pressing {
    /// The words of a language for these keys.
    pub fn of(language: Language, keys: &Keys) -> Self {
        let texts = language.consent();
        let press = |template: &str, key: Option<char>| {
            key.map(|key| fill(template, &[("key", &key.to_string())]))
                .unwrap_or_default()
        };
        Self {
            no: press(&texts.press_no, keys.dont_record),
            yes: press(&texts.press_yes, keys.consent_yes),
        }
    }
}

impl ConsentPlan {
    /// Sentences that name these keys and say what `on_withdrawal` does. The mode is left open.
    pub fn of(language: Language, keys: &Keys, on_withdrawal: OnWithdrawal) -> Self {
        let texts = language.consent();
        let pressing = Pressing::of(language, keys);
        let way_out = [("say", texts.say.as_str()), ("press", &pressing.no)];
        let yes = [("press", pressing.yes.as_str())];
        Self {
            mode: None,
            on_withdrawal,
            silence_ms: 2_000,
            answer_ms: 6_000,
            confidence: 0.6,
            notice: vec![
                texts.recorded.as_str().into(),
                fill(&texts.way_out, &way_out).into(),
            ],
            question: Some(fill(&texts.may_we, &yes).into()),
            again: fill(&texts.again, &yes).into(),
            thanks: texts.thanks.as_str().into(),
            declined: texts.declined.as_str().into(),
            stopped: match on_withdrawal {
                OnWithdrawal::Erase => &texts.stopped_and_deleted,
                OnWithdrawal::Keep => &texts.stopped,
            }
            .as_str()
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
        Self::of(Language::English, &Keys::default(), OnWithdrawal::default())
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
        let plan = ConsentPlan::of(Language::English, &keys, OnWithdrawal::Keep);
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
