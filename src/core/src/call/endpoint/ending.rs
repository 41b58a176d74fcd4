//! What a turn's words end in.

use super::super::event::Expects;
use super::digits::{self, Number};
use super::letters;
use super::tail::{Word, ends_with, tail};
use super::words::TurnWords;
use super::{Part, Said, address};
use crate::commands;

/// Words of an answer that is a yes or a no and nothing else.
const ANSWER_WORDS_MAX: usize = 4;
/// So few words are too few for the turn model.
const SHORT_WORDS_MAX: usize = 2;

/// What a turn's words end in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// There are none.
    Nothing,
    /// A number that is dictated.
    Digits(Part),
    /// Letters, or an e-mail address.
    Letters(Part),
    /// A street or a house number.
    Address(Part),
    /// A word or a sign after which speech goes on.
    Dangling,
    /// A number in passing.
    Number,
    /// A yes or a no to a question.
    Answer,
    /// One or two words that the recogniser ends as a sentence.
    Short,
    /// More of them.
    Sentence,
    /// Words without an end.
    Words,
}

impl Ending {
    pub(super) fn of(said: &Said<'_>) -> Self {
        let words = tail(said.text);
        let Some(last) = words.last() else {
            return Ending::Nothing;
        };
        let language = said.language.turn_words();
        let number = digits::trailing(&words, language);
        if let Some(part) = dictated(said, &words, number, language) {
            return Ending::Digits(part);
        }
        // Before what dangles: "at" and "dot" do, in an e-mail address.
        let told = letters::email(&words, said.asked, language)
            .or_else(|| letters::spelled(&words, said.asked, language));
        if let Some(part) = told {
            return Ending::Letters(part);
        }
        if last.trails_off() || dangles(&words, last, language) {
            return Ending::Dangling;
        }
        if let Some(part) = address::part(&words, said.asked, language) {
            return Ending::Address(part);
        }
        if number.digits > 0 && !number.is_amount {
            return Ending::Number;
        }
        if words.len() <= ANSWER_WORDS_MAX
            && said.asked.is_question()
            && commands::yes_no(said.language, said.text).is_some()
        {
            return Ending::Answer;
        }
        match last.ends_a_sentence() {
            true if words.len() <= SHORT_WORDS_MAX => Ending::Short,
            true => Ending::Sentence,
            false => Ending::Words,
        }
    }
}

/// A number that is dictated, and how much there is of it.
fn dictated(
    said: &Said<'_>,
    words: &[Word<'_>],
    number: Number,
    language: &TurnWords,
) -> Option<Part> {
    let first = words.get(words.len().saturating_sub(number.words))?;
    let in_groups = said.paused_at > first.at;
    if let Expects::Digits { enough } = said.expects {
        let is_enough = number.digits >= usize::from(enough);
        return (number.digits > 0).then_some(match (is_enough, in_groups) {
            (true, true) => Part::InGroups,
            (true, false) => Part::Open,
            (false, _) => Part::Missing,
        });
    }
    let part = digits::part(words, number, said.asked, language)?;
    Some(match part {
        Part::Whole if in_groups => Part::WholeInGroups,
        Part::Long | Part::Open if in_groups => Part::InGroups,
        Part::Loose | Part::Group if in_groups => Part::Missing,
        Part::Missing
        | Part::Group
        | Part::Loose
        | Part::Open
        | Part::Long
        | Part::Whole
        | Part::InGroups
        | Part::WholeInGroups => part,
    })
}

/// Words after which speech goes on.
fn dangles(words: &[Word<'_>], last: &Word<'_>, language: &TurnWords) -> bool {
    // "What is it for?" is a whole sentence: a recogniser's full stop outweighs most words.
    (!last.ends_a_sentence() && last.is_in(language.dangling))
        || (!last.raw.ends_with('?') && ends_with(words, language.always_dangling))
}
