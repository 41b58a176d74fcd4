//! What machines and people say when they answer.
//!
//! A phrase is words in small letters without apostrophes; `a|b` is either word, `*` up to three of any. It is looked for
//! anywhere, and must end in what is new: the last words of what was said before only help to find what a pause cut.

use serde::Deserialize;

use crate::commands::plain_words;
use crate::language::{Language, fold, lines};

/// Words of what was said before that a phrase may begin in.
const WORDS_BEFORE: usize = 5;
/// Words that are read.
const WORDS_MAX: usize = 160;
const WORD_BYTES_MAX: usize = 24;
/// Words that a `*` may stand for.
const GAP_WORDS_MAX: usize = 3;
/// So many phrases that a person may use too are a machine's …
const DOUBTS_MAX: u8 = 2;
/// … and so many before it is known how the sentence ends.
const DOUBTS_SO_FAR_MAX: u8 = 3;

/// The phrases of one language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Phrases {
    /// Only voicemail and networks say these.
    #[serde(deserialize_with = "lines")]
    voicemail: &'static [&'static str],
    /// Voicemail says these, and menus that offer it.
    #[serde(deserialize_with = "lines")]
    message: &'static [&'static str],
    /// Menus, and services that screen calls.
    #[serde(deserialize_with = "lines")]
    menu: &'static [&'static str],
    /// Voicemail says these, and people may.
    #[serde(deserialize_with = "lines")]
    doubts: &'static [&'static str],
    /// What nobody but a person offers, whatever stands beside it.
    #[serde(deserialize_with = "lines")]
    offers: &'static [&'static str],
    /// People say these when they answer.
    #[serde(deserialize_with = "lines")]
    person: &'static [&'static str],
}

impl Phrases {
    /// The same without marks on letters.
    pub(crate) fn folded(self) -> Self {
        let all = |list: &'static [&'static str]| {
            let plain = |phrase: &&str| {
                let mut plain = String::new();
                phrase.chars().for_each(|c| fold(c, &mut plain));
                &*plain.leak()
            };
            &*list.iter().map(plain).collect::<Vec<&'static str>>().leak()
        };
        Self {
            voicemail: all(self.voicemail),
            message: all(self.message),
            menu: all(self.menu),
            doubts: all(self.doubts),
            offers: all(self.offers),
            person: all(self.person),
        }
    }
}

/// What a text says about who said it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    /// Words, those from before not counted.
    pub(super) count: usize,
    voicemail: bool,
    message: bool,
    menu: bool,
    pub(super) doubts: u8,
    offer: bool,
    person: bool,
}

impl Reading {
    /// The machine that says such things, if one does.
    pub(super) fn machine(self) -> Option<super::AnsweredBy> {
        self.machine_from(DOUBTS_MAX)
    }

    /// The same of words that may go on.
    pub(super) fn machine_so_far(self) -> Option<super::AnsweredBy> {
        self.machine_from(DOUBTS_SO_FAR_MAX)
    }

    fn machine_from(self, doubts_max: u8) -> Option<super::AnsweredBy> {
        let is_mail = self.message || self.doubts >= doubts_max;
        match (self.voicemail, self.menu, self.offer, is_mail) {
            (true, _, false, _) => Some(super::AnsweredBy::Machine),
            (_, true, _, _) => Some(super::AnsweredBy::Ivr),
            (_, _, false, true) => Some(super::AnsweredBy::Machine),
            (_, _, _, _) => None,
        }
    }

    /// Only a person says such things.
    pub(super) fn is_human(self) -> bool {
        (self.offer || self.person) && self.machine().is_none()
    }

    /// A machine may have said it.
    pub(super) fn is_doubtful(self) -> bool {
        self.doubts > 0 && !self.is_human()
    }
}

/// Reads a text that was said after `before`.
pub(super) fn read(language: Language, before: &str, text: &str) -> Reading {
    let split = |text: &str| {
        if language == Language::English {
            split(text, WORDS_MAX)
        } else {
            plain_words(language, text, WORDS_MAX)
        }
    };
    let mut words = split(before);
    words.drain(..words.len().saturating_sub(WORDS_BEFORE));
    let new = words.len();
    words.extend(split(text));
    let has = |phrase: &&str| is_in(phrase, &words, new);
    let any = |phrases: &[&str]| phrases.iter().any(&has);
    let table = language.machines();
    let doubts = table.doubts.iter().filter(|phrase| has(phrase)).count();
    Reading {
        count: words.len() - new,
        voicemail: any(table.voicemail),
        message: any(table.message),
        menu: any(table.menu),
        doubts: u8::try_from(doubts).unwrap_or(u8::MAX),
        offer: any(table.offers),
        person: any(table.person),
    }
}

fn split(text: &str, words_max: usize) -> Vec<String> {
    let is_apostrophe = |c: char| matches!(c, '\'' | '’' | '‘' | '`');
    let raw = text.split(|c: char| !c.is_alphanumeric() && !is_apostrophe(c));
    let plain = raw.map(|word| {
        let letters = word.chars().filter(|c| !is_apostrophe(*c));
        let small = letters.flat_map(char::to_lowercase);
        small.take(WORD_BYTES_MAX).collect::<String>()
    });
    plain
        .filter(|word| !word.is_empty())
        .take(words_max)
        .collect()
}

/// Whether `phrase` is in `words` and ends behind the first `new` of them.
fn is_in(phrase: &str, words: &[String], new: usize) -> bool {
    (0..words.len()).any(|from| ends(phrase, &words[from..], from).is_some_and(|end| end > new))
}

/// Where a phrase ends that begins with the first of these words, which is number `at`; the last such place.
fn ends(phrase: &str, words: &[String], at: usize) -> Option<usize> {
    let (token, rest) = match phrase.split_once(' ') {
        Some((token, rest)) => (token, rest),
        None if phrase.is_empty() => return Some(at),
        None => (phrase, ""),
    };
    if token == "*" {
        let gaps = 0..=GAP_WORDS_MAX.min(words.len());
        return gaps
            .filter_map(|gap| ends(rest, &words[gap..], at + gap))
            .max();
    }
    let (word, after) = words.split_first()?;
    let fits = token.split('|').any(|one| one == word);
    fits.then(|| ends(rest, after, at + 1)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amd::AnsweredBy;

    fn machine(text: &str) -> Option<AnsweredBy> {
        read(Language::English, "", text).machine()
    }

    #[test]
    fn phrases_have_alternatives_and_gaps() {
        let words = split("Please, don't LEAVE me your message—now!", 10);
        assert_eq!(
            words,
            ["please", "dont", "leave", "me", "your", "message", "now"]
        );
        for (phrase, found) in [
            ("leave me|us", true),
            ("leave * message", true),
            ("please * message", false),
            ("leave message", false),
            ("now", true),
        ] {
            assert_eq!(is_in(phrase, &words, 0), found, "{phrase}");
        }
        assert!(
            !is_in("leave * message", &words, 6),
            "it ends in what was there before"
        );
        assert!(is_in("message now", &words, 6));
    }

    #[test]
    fn what_a_pause_cut_is_found_and_what_was_found_is_not_found_again() {
        let read = |before, text| read(Language::English, before, text).machine();
        assert_eq!(
            read("Please leave your", "message now"),
            Some(AnsweredBy::Machine)
        );
        assert_eq!(read("Leave a message after the beep.", "Hello?"), None);
    }

    #[test]
    fn machines_are_known_by_their_words() {
        for text in [
            "Hi, you've reached the voicemail of Anna",
            "Please leave your name and number",
            "I'm not available right now, leave me a message",
            "Record your message at the tone.",
            "You have reached Paul. I can't come to the phone",
            "The person you are calling is not available",
            "Your call has been forwarded to an automatic voice message system",
            "The number you have dialed is not in service.",
            "When you have finished recording, you may hang up or press 1 for more options",
            "we're closed, our office hours are nine to five, I will get back to you",
        ] {
            assert_eq!(machine(text), Some(AnsweredBy::Machine), "{text}");
        }
        for text in [
            "For sales, press one.",
            "Press 2 for billing",
            "Please listen carefully as our menu options have changed.",
            "If you know your party's extension, you may dial it",
            "To leave a message, press 5",
            "Would you like to leave a message? Press one",
            "Please say your name and why you are calling",
            "If you record your name and reason for calling, I'll see if this person is available",
        ] {
            assert_eq!(machine(text), Some(AnsweredBy::Ivr), "{text}");
        }
    }

    #[test]
    fn people_are_not_taken_for_machines() {
        for text in [
            "Hello?",
            "Oak Dental, this is Sarah, how can I help you?",
            "You've reached Oak Dental, Sarah speaking, how may I help you?",
            "He is not available right now, would you like to leave a message?",
            "She's away from her desk. Can I take a message?",
            "I can put you through to his voicemail",
            "Sorry, I can't talk right now, who is this?",
            "I'm driving, can you call me back later?",
            "Good morning, thank you for calling Miller and Sons, Peter speaking.",
            "Yes, hello, hold on a second, let me turn the radio down.",
            "Is this about the message I left?",
        ] {
            assert_eq!(machine(text), None, "{text}");
        }
        for text in [
            "Oak Dental, how can I help you?",
            "Who is this?",
            "Peter speaking.",
            "Hang on, let me turn the radio down",
        ] {
            assert!(read(Language::English, "", text).is_human(), "{text}");
        }
    }
}
