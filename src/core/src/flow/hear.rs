//! What an answer means to the question that was asked.

use super::value::SlotValue;
use super::words::{find, words};
use super::{Choice, Kind, clock, number, when};

/// Longest free text and name that is kept, in characters.
const TEXT_CHARS_MAX: usize = 500;
/// Most words of a name; more is a sentence.
const NAME_WORDS_MAX: usize = 6;
/// Most words of a name that is spelt.
const LETTERS_MAX: usize = 24;

const YES: &[&str] = &[
    "yes",
    "yeah",
    "yep",
    "yup",
    "ya",
    "aye",
    "sure",
    "surely",
    "correct",
    "right",
    "exactly",
    "ok",
    "okay",
    "alright",
    "of course",
    "certainly",
    "absolutely",
    "definitely",
    "please do",
    "go ahead",
    "sounds good",
    "thats good",
    "good",
    "great",
    "perfect",
    "fine",
    "i do",
    "i am",
    "i will",
    "i can",
    "it is",
    "that is",
    "uh huh",
    "mm hm",
    "mhm",
    "affirmative",
    "no problem",
    "not a problem",
    "thats not a problem",
    "its not a problem",
    "that is not a problem",
    "it is not a problem",
    "why not",
    "i would",
    "id like that",
    "id love to",
];
const NO: &[&str] = &[
    "no",
    "nope",
    "nah",
    "no thanks",
    "no thank you",
    "not",
    "not really",
    "not right",
    "not correct",
    "not good",
    "not ok",
    "not okay",
    "not fine",
    "not sure",
    "thats not it",
    "dont",
    "i dont",
    "do not",
    "cant",
    "i cant",
    "cannot",
    "wont",
    "i wont",
    "isnt",
    "wasnt",
    "wrong",
    "incorrect",
    "never",
    "negative",
    "neither",
    "unfortunately",
    "im not",
    "i am not",
    "it is not",
    "that is not",
    "its not",
    "thats not",
    "is not",
    "not great",
    "not perfect",
    "not now",
    "no way",
];
const FILLERS: &[&str] = &[
    "um", "uh", "er", "erm", "hm", "hmm", "well", "so", "like", "please", "just", "hi", "hello",
    "hey", "ok", "okay", "yes", "yeah", "oh",
];

const POLITE: &[&str] = &[
    "um", "uh", "well", "please", "sorry", "can", "could", "would", "you", "i", "to", "want",
    "like", "id", "that", "it", "again", "just", "me", "a", "the",
];

/// The answer in `text`, if it is one to `kind`.
pub(super) fn answer(kind: &Kind, text: &str, said: &[String]) -> Option<SlotValue> {
    match kind {
        Kind::YesNo => yes_no(said).map(SlotValue::YesNo),
        Kind::Number { min, max } => number::first(said)
            .filter(|number| (min..=max).contains(&number))
            .map(SlotValue::Number),
        // Digits may come in pieces, so they are gathered where the state is.
        Kind::Digits { .. } => None,
        Kind::Day => when::day(said).map(SlotValue::Day),
        Kind::Time { between } => clock::time(said, *between).map(SlotValue::Time),
        Kind::Choice(choices) => {
            choice(choices, said).map(|name| SlotValue::Choice(name.to_owned()))
        }
        Kind::Name => name(text).map(SlotValue::Name),
        Kind::Text => free_text(text).map(SlotValue::Text),
    }
}

/// How many words a "not" reaches over.
const NOT_REACH: usize = 3;

/// True for a yes, false for a no, none for neither or both. At each place the longest phrase counts, so that "not a
/// problem" is a yes, and what a "not" denies is no yes.
fn yes_no(said: &[String]) -> Option<bool> {
    let (mut yes, mut no) = (false, false);
    let (mut at, mut denied_until) = (0, 0);
    while at < said.len() {
        let longest = |list: &[&str]| {
            list.iter()
                .filter_map(|phrase| starts(&said[at..], phrase))
                .max()
                .unwrap_or(0)
        };
        let (for_yes, for_no) = (longest(YES), longest(NO));
        yes |= for_yes > for_no && at >= denied_until;
        no |= for_no > for_yes;
        let end = at + for_yes.max(for_no).max(1);
        if for_no > for_yes && said[end - 1] == "not" {
            denied_until = end + NOT_REACH;
        }
        at = end;
    }
    (yes != no).then_some(yes)
}

/// How many words `phrase` has, if `said` starts with it.
fn starts(said: &[String], phrase: &str) -> Option<usize> {
    let mut count = 0;
    for word in phrase.split(' ') {
        if said.get(count)? != word {
            return None;
        }
        count += 1;
    }
    Some(count)
}

/// The choice with the longest phrase in what was said; none if two are equal.
fn choice<'a>(choices: &'a [Choice], said: &[String]) -> Option<&'a str> {
    let mut best: Option<(usize, &str)> = None;
    let mut tie = false;
    for choice in choices {
        let longest = choice
            .phrases
            .iter()
            .filter(|phrase| find(said, phrase).is_some())
            .map(Vec::len)
            .max();
        let Some(longest) = longest else { continue };
        match best {
            Some((most, _)) if longest < most => {}
            Some((most, _)) if longest == most => tie = true,
            _ => (best, tie) = (Some((longest, choice.name.as_str())), false),
        }
    }
    best.filter(|_| !tie).map(|(_, name)| name)
}

/// True if one of `phrases` was said: anywhere, or on its own but for polite words where `whole` is asked for.
pub(super) fn intends(phrases: &[Vec<String>], said: &[String], whole: bool) -> bool {
    if !whole {
        return phrases.iter().any(|phrase| find(said, phrase).is_some());
    }
    let bare = |words: &[String]| -> Vec<String> {
        words
            .iter()
            .filter(|word| !POLITE.contains(&word.as_str()))
            .cloned()
            .collect()
    };
    let meant = bare(said);
    phrases
        .iter()
        .any(|phrase| said == phrase || (!meant.is_empty() && meant == bare(phrase)))
}

/// A person's name: what is left when "my name is" and the like are taken off. Letters said one by one are joined.
fn name(text: &str) -> Option<String> {
    const BEFORE: &[&[&str]] = &[
        &["my", "name", "is"],
        &["my", "names"],
        &["the", "name", "is"],
        &["the", "names"],
        &["name", "is"],
        &["this", "is"],
        &["its"],
        &["it", "is"],
        &["i", "am"],
        &["im"],
        &["thats"],
        &["that", "is"],
        &["you", "can", "call", "me"],
        &["call", "me"],
        &["for"],
    ];
    const AFTER: &[&str] = &["speaking", "here", "please", "thanks"];
    let clean: String = text
        .chars()
        .take(TEXT_CHARS_MAX)
        .filter(|c| c.is_alphabetic() || matches!(c, ' ' | '-' | '\'' | '’' | '.'))
        .collect();
    let said: Vec<&str> = clean
        .split_whitespace()
        .map(|word| word.trim_matches(['.', '-', '\'', '’']))
        .filter(|word| !word.is_empty())
        .collect();
    let plain: Vec<String> = said.iter().map(|word| words(word).concat()).collect();
    let mut start = 0;
    loop {
        let rest = &plain[start.min(plain.len())..];
        let lead = BEFORE
            .iter()
            .find(|lead| rest.len() > lead.len() && rest.iter().zip(**lead).all(|(a, b)| a == b));
        start += match (lead, rest.first()) {
            (Some(lead), _) => lead.len(),
            (None, Some(first)) if FILLERS.contains(&first.as_str()) => 1,
            (None, _) => break,
        };
    }
    let mut end = plain.len();
    while end > start
        && (AFTER.contains(&plain[end - 1].as_str()) || FILLERS.contains(&plain[end - 1].as_str()))
    {
        end -= 1;
    }
    let parts = said.get(start..end)?;
    if parts.is_empty() || parts.len() > LETTERS_MAX {
        return None;
    }
    let mut name = String::new();
    let mut letters = false;
    let mut count = 0;
    for part in parts {
        let letter = part.chars().count() == 1;
        if !(letter && letters) {
            count += 1;
            if !name.is_empty() {
                name.push(' ');
            }
            name.extend(capitalised(part));
        } else {
            name.push_str(&part.to_lowercase());
        }
        letters = letter;
    }
    (count <= NAME_WORDS_MAX).then_some(name)
}

fn capitalised(word: &str) -> impl Iterator<Item = char> {
    let mut chars = word.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    first.chain(chars.collect::<Vec<_>>())
}

fn free_text(text: &str) -> Option<String> {
    let kept: String = text
        .chars()
        .filter(|c| !c.is_control())
        .take(TEXT_CHARS_MAX)
        .collect();
    let kept = kept.split_whitespace().collect::<Vec<_>>().join(" ");
    kept.chars().any(char::is_alphanumeric).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes_and_no() {
        let cases: &[(&str, Option<bool>)] = &[
            ("Yes.", Some(true)),
            ("yeah, that's right", Some(true)),
            ("uh huh", Some(true)),
            ("Sure, no problem!", Some(true)),
            ("that's not a problem", Some(true)),
            ("why not", Some(true)),
            ("No.", Some(false)),
            ("no thanks", Some(false)),
            ("that's not right", Some(false)),
            ("I don't think so", Some(false)),
            ("I can't", Some(false)),
            ("not really", Some(false)),
            ("yes, well, no", None),
            ("the green one", None),
            ("", None),
        ];
        for (text, want) in cases {
            assert_eq!(yes_no(&words(text)), *want, "{text}");
        }
    }

    #[test]
    fn choices() {
        let list = |name: &str, phrases: &[&str]| Choice {
            name: name.into(),
            phrases: phrases.iter().map(|phrase| words(phrase)).collect(),
        };
        let choices = [
            list("book", &["book", "appointment"]),
            list("change", &["change", "move my appointment"]),
            list("cancel", &["cancel"]),
        ];
        for (text, want) in [
            ("I'd like to book please", Some("book")),
            ("an appointment", Some("book")),
            ("move my appointment", Some("change")),
            ("cancel or change", None),
            ("something else", None),
            ("CANCEL!", Some("cancel")),
        ] {
            assert_eq!(choice(&choices, &words(text)), want, "{text}");
        }
    }

    #[test]
    fn names() {
        for (text, want) in [
            ("Ana Silva", Some("Ana Silva")),
            ("my name is ana silva", Some("Ana Silva")),
            (
                "Um, hi, this is Jean-Luc O'Neill.",
                Some("Jean-Luc O'Neill"),
            ),
            ("yeah it's Bob please", Some("Bob")),
            ("s m i t h", Some("Smith")),
            ("Dr. Who speaking", Some("Dr Who")),
            ("Im", Some("Im")),
            ("um", None),
            ("please", None),
            (
                "I was wondering whether you could tell me the opening hours",
                None,
            ),
            ("12", None),
            ("", None),
        ] {
            assert_eq!(name(text).as_deref(), want, "{text}");
        }
    }
}
