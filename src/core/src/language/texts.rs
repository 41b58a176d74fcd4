//! Sentences of a language. `{agent}`, `{business}` and the like are filled in.

use serde::Deserialize;

use super::lists::{Phrase, lines, terms};
use super::{fold, is_mark};

/// The first words of calls, and the last of a message.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpeningTexts {
    /// Who calls, with `{agent}`, `{what}`, `{entity}` and `{about}`.
    pub who: String,
    /// What the agent is: an AI.
    pub what: String,
    /// What it calls about, with `{purpose}`; it goes on after `{entity}`.
    pub about: String,
    /// What to say to be called no more.
    pub say: String,
    /// How to be called no more, with `{say}` and `{key}`.
    pub opt_out: String,
    /// The same for who hears a message, with `{say}`.
    pub call_back: String,
}

/// What is said whatever the mind thinks; see [`crate::call::Notices`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeTexts {
    /// With `{business}`.
    pub robot: String,
    pub(crate) dont_record: String,
    /// With `{business}`.
    pub(crate) opt_out: String,
    pub(crate) unheard: String,
    pub(crate) moment: String,
    pub(crate) lost: String,
    pub(crate) giving_up: String,
    #[serde(deserialize_with = "lines")]
    pub(crate) fillers: Phrase,
    #[serde(deserialize_with = "lines")]
    pub(crate) nudges: Phrase,
    pub(crate) silence_end: String,
    pub(crate) too_long: String,
    pub(crate) farewell: String,
    pub(crate) closing: String,
    /// The keys that were pressed are not what was asked for; they are asked for again.
    pub(crate) keys_wrong: String,
}

/// What is said and asked about recording.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentTexts {
    /// That the call is recorded.
    pub recorded: String,
    /// The same with why, as `{reason}`.
    pub recorded_for: String,
    /// How to object, with `{say}` and `{press}`.
    pub way_out: String,
    /// What to say to object.
    pub say: String,
    /// A key to object with, `{key}`; it goes on after words.
    pub press_no: String,
    /// A key to agree with, `{key}`; it goes on after words.
    pub press_yes: String,
    /// That the call is to be recorded, with `{reason}`; [`ConsentTexts::is_it_right`] follows.
    pub would_like: String,
    /// Whether it may be, with `{press}`.
    pub is_it_right: String,
    /// The question without the sentence before it, with `{press}`.
    pub may_we: String,
    /// The question after an unclear answer, with `{press}`.
    pub again: String,
    /// After a yes.
    pub thanks: String,
    /// After a refusal.
    pub declined: String,
    /// After a withdrawal, if what was recorded is deleted.
    pub stopped_and_deleted: String,
    /// After a withdrawal, if it is kept.
    pub stopped: String,
    /// The call ends with it, where none is held without recording.
    pub goodbye: String,
    /// Why calls are recorded, where nobody says why.
    pub reason: String,
    /// Words that a reason may begin with …
    #[serde(deserialize_with = "terms")]
    pub reason_begins: Phrase,
    /// … and what is put before one that begins otherwise.
    pub reason_by: String,
}

/// What is said to either side of a transfer, where the agent's document has no words of its own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferTexts {
    /// The language and a place, as `de-DE`, for the sentences that the carrier's own voice says.
    pub locale: String,
    /// To a caller whose person is there.
    pub warm: String,
    /// To a caller who is sent to somebody.
    pub cold: String,
    /// In turn to a caller who waits in silence.
    #[serde(deserialize_with = "lines")]
    pub hold: Phrase,
    /// First to the person: who calls, with `{agent}` and `{business}`, and that it is an AI.
    pub introduction: String,
    /// Which keys they may press, as `{accept}` and `{decline}`.
    pub press: String,
    /// To a person who takes the caller.
    pub thanks: String,
    /// To one who does not.
    pub declined: String,
    /// To one who pressed nothing.
    pub silent: String,
    /// To a person whose caller is not to be had any more.
    pub caller_gone: String,
    /// By the carrier's voice, to a caller whose person has hung up.
    pub person_gone: String,
    /// By the carrier's voice, to a caller who cannot come back to the agent.
    pub nobody: String,
}

/// What a number says that nobody answers: by the carrier's own voice.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineTexts {
    /// Outside its hours, with `{business}`.
    pub closed: String,
    /// To who wants to be called no more and withholds their number: to key it in.
    pub withheld: String,
    /// What was keyed in is no number; [`LineTexts::withheld`] follows.
    pub unread: String,
    /// Nothing was keyed in.
    pub nothing: String,
}

/// Words that say that an AI speaks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AiWords {
    #[serde(deserialize_with = "terms")]
    says: Phrase,
    /// Such a word does not count this soon after one of these.
    #[serde(deserialize_with = "terms")]
    denied_by: Phrase,
    /// Nor this soon before one of these.
    #[serde(default, deserialize_with = "terms")]
    denied_before: Phrase,
}

/// So many words away a denial still denies.
const DENIED_WITHIN: usize = 3;

impl AiWords {
    /// Whether a text says that an AI speaks.
    pub(super) fn are_in(&self, text: &str) -> bool {
        let plain = |text: &str| {
            let mut plain = String::new();
            let letters = text.chars().filter(|c| !is_mark(*c));
            letters.for_each(|c| fold(c, &mut plain));
            plain
        };
        let text = plain(text).replace("a.i.", "ai ").replace("i.a.", "ia ");
        let parts = text.split(|c: char| !c.is_alphanumeric());
        let words: Vec<&str> = parts.filter(|word| !word.is_empty()).collect();
        let has = |list: Phrase, from: usize, to: usize| {
            let words = words.get(from..to.min(words.len())).unwrap_or_default();
            words
                .iter()
                .any(|word| list.iter().any(|one| plain(one) == *word))
        };
        (0..words.len()).any(|at| {
            has(self.says, at, at + 1)
                && !has(self.denied_by, at.saturating_sub(DENIED_WITHIN), at)
                && !has(self.denied_before, at + 1, at + 1 + DENIED_WITHIN)
        })
    }
}

/// `template` with its `{names}` filled in, in one pass: what a value holds is not looked into.
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        filled.push_str(before);
        let known = values.iter().find_map(|(name, value)| {
            let after = from.strip_prefix('{')?.strip_prefix(name)?;
            Some((value, after.strip_prefix('}')?))
        });
        rest = match known {
            Some((value, after)) => {
                filled.push_str(value);
                after
            }
            None => {
                filled.push('{');
                &from[1..]
            }
        };
    }
    filled.push_str(rest);
    filled
}
