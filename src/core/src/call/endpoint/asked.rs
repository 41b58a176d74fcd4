//! What the agent's words ask for, which says how the answer may end.

use super::digits::{self, Cue};
use super::tail::{holds, tail};
use super::words::{Phrase, TurnWords};

/// The agent's last sentences, the last first. They are looked into only for an answer whose end may depend on them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a>(pub [Option<&'a str>; 2]);

impl<'a> Asked<'a> {
    fn sentences(self) -> impl Iterator<Item = &'a str> {
        self.0.into_iter().flatten()
    }

    /// Something, with a question mark.
    pub(super) fn is_question(self) -> bool {
        let mut sentences = self.sentences();
        sentences.any(|sentence| sentence.trim_end().ends_with('?'))
    }

    /// A number of this kind.
    pub(super) fn number(self, language: &TurnWords) -> Option<Cue> {
        self.sentences()
            .find_map(|sentence| digits::cue(&tail(sentence), language))
    }

    /// Something called by one of these words.
    pub(super) fn names(self, list: &[&str]) -> bool {
        let mut sentences = self.sentences();
        sentences.any(|sentence| tail(sentence).iter().any(|word| word.is_in(list)))
    }

    /// Something called by one of these phrases.
    pub(super) fn holds(self, phrases: &[Phrase]) -> bool {
        let mut sentences = self.sentences();
        sentences.any(|sentence| holds(&tail(sentence), phrases))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    #[test]
    fn a_question_names_what_it_asks_for() {
        let english = Language::English.turn_words();
        for (text, expected) in [
            ("What is your telephone number, please?", Some(Cue::Phone)),
            ("How can we reach you?", Some(Cue::Phone)),
            ("May I have your booking reference?", Some(Cue::Reference)),
            ("And the last four digits of your card?", Some(Cue::Card)),
            ("Which room are you in?", Some(Cue::Short)),
            ("What can I do for you?", None),
        ] {
            let asked = Asked([Some(text), None]);
            assert_eq!(asked.number(english), expected, "{text}");
            assert!(asked.is_question());
            let then = Asked([Some("Take your time."), Some(text)]);
            assert_eq!(then.number(english), expected, "{text}");
            assert!(then.is_question());
        }
        let asked = Asked([Some("Please spell your email address."), None]);
        assert!(asked.names(english.email) && asked.names(english.spelling));
        assert!(asked.holds(english.address) && !asked.is_question());
        assert!(!Asked::default().is_question());
    }
}
