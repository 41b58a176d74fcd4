//! Words of an utterance, brought to one form so that tables can name them.

use std::ops::Range;

use crate::language::{fold, is_mark};

/// Words looked at, after contractions are opened. What follows is not read.
pub(super) const WORDS_MAX: usize = 400;
/// Bytes looked at: 400 words of a generous length.
const BYTES_MAX: usize = 8_192;
/// Letters kept of one word; no word in a table is as long.
const LETTERS_MAX: usize = 32;

/// How a word is set off from the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pause {
    /// Spoken on.
    None,
    /// A comma, a dash, a colon.
    Short,
    /// The end of a sentence.
    Full,
}

/// One word in lower case without punctuation, with its place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    /// Bytes of the utterance. Both halves of a contraction have the place of the whole.
    pub(super) place: Range<usize>,
    pub(super) pause: Pause,
}

/// How words are brought to one form, and which of them only hold others together.
#[derive(Debug, Default)]
pub(super) struct Forms {
    /// Short forms and what they stand for.
    pub(super) contractions: Vec<(String, String)>,
    /// What stands behind an apostrophe, and the word that it is.
    pub(super) suffixes: Vec<(String, String)>,
    /// What stands before an apostrophe, and the word that it is.
    pub(super) elisions: Vec<(String, String)>,
    /// Words that carry nothing.
    pub(super) fillers: Vec<String>,
    /// Words that begin a new clause.
    pub(super) clause_starts: Vec<String>,
    /// Letters lose their marks.
    pub(super) folds: bool,
}

/// The words of `text`: lower case, contractions opened ("don't" is "do not"), small numbers
/// written out, hyphens parting words. At most [`WORDS_MAX`].
pub(super) fn words(text: &str, forms: &Forms) -> Vec<Word> {
    let text = &text[..text.floor_char_boundary(BYTES_MAX)];
    let mut out: Vec<Word> = Vec::new();
    let mut raw = String::new();
    let mut letters = 0;
    let mut start = 0;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if forms.folds && is_mark(c) {
            continue;
        }
        if c.is_alphanumeric() || is_apostrophe(c) {
            if raw.is_empty() {
                start = at;
                letters = 0;
            }
            if letters < LETTERS_MAX {
                let plain = if is_apostrophe(c) { '\'' } else { c };
                match forms.folds {
                    true => fold(plain, &mut raw),
                    false => raw.extend(plain.to_lowercase()),
                }
            }
            letters += 1;
            continue;
        }
        if !raw.is_empty() {
            push(&mut out, raw.trim_matches('\''), start..at, forms);
            raw.clear();
            if out.len() >= WORDS_MAX {
                out.truncate(WORDS_MAX);
                return out;
            }
        }
        let pause = match c {
            '.' | '?' | '!' | '…' => Pause::Full,
            ',' | ';' | ':' | '—' | '–' => Pause::Short,
            _ => Pause::None,
        };
        if let Some(last) = out.last_mut() {
            last.pause = last.pause.max(pause);
        }
    }
    out
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’' | '‘' | '`')
}

fn push(out: &mut Vec<Word>, raw: &str, place: Range<usize>, forms: &Forms) {
    if raw.is_empty() {
        return;
    }
    let find = |pairs: &'_ [(String, String)], short: &str| {
        let found = pairs.iter().position(|(one, _)| one == short);
        found.and_then(|at| pairs.get(at).map(|(_, long)| long.clone()))
    };
    let parts = raw.split_once('\'');
    let mut add = |text: &str| {
        out.push(Word {
            text: text.to_owned(),
            place: place.clone(),
            pause: Pause::None,
        });
    };
    if let Some(long) = find(&forms.contractions, raw) {
        long.split(' ').for_each(add);
    } else if let Some((stem, tail)) = parts
        && let Some(word) = find(&forms.suffixes, tail)
    {
        add(stem);
        add(&word);
    } else if let Some((stem, tail)) = parts
        && let Some(word) = find(&forms.elisions, stem)
    {
        word.split(' ').for_each(add);
        push(out, tail, place, forms);
    } else {
        add(&raw.replace('\'', ""));
    }
}

/// Whether `heard` may be `meant`: long enough to be told from others, beginning alike, and one
/// letter apart, or two where the consonants agree.
pub(super) fn is_near(heard: &str, meant: &str) -> bool {
    let (h, m) = (heard.as_bytes(), meant.as_bytes());
    let short = h.len().min(m.len());
    if short < 4 || h.len().abs_diff(m.len()) > 2 || consonant(h[0]) != consonant(m[0]) {
        return false;
    }
    if !heard.is_ascii() || !meant.is_ascii() {
        return false;
    }
    match distance(h, m) {
        0 | 1 => true,
        2 => short >= 6 && key(h) == key(m),
        _ => false,
    }
}

/// What words that are near have in common: the class of the first letter.
pub(super) fn first_class(word: &str) -> u8 {
    word.bytes().next().map_or(0, consonant)
}

/// A class for consonants that a telephone line mixes up; 0 for vowels and silent letters.
fn consonant(letter: u8) -> u8 {
    match letter {
        b'b' | b'p' => 1,
        b'd' | b't' => 2,
        b'g' | b'k' | b'c' | b'q' => 3,
        b'f' | b'v' => 4,
        b's' | b'z' | b'x' | b'j' => 5,
        b'm' | b'n' => 6,
        b'l' => 7,
        b'r' => 8,
        b'w' | b'u' => 9,
        _ => 0,
    }
}

fn key(word: &[u8]) -> Vec<u8> {
    let mut key: Vec<u8> = word
        .iter()
        .map(|l| consonant(*l))
        .filter(|c| *c != 0 && *c != 9)
        .collect();
    key.dedup();
    key
}

/// Letters to insert, delete or change; of words longer than those of any table only the first letters are compared.
fn distance(a: &[u8], b: &[u8]) -> usize {
    const LETTERS: usize = LETTERS_MAX + 2;
    let (a, b) = (&a[..a.len().min(LETTERS)], &b[..b.len().min(LETTERS)]);
    let mut row: [usize; LETTERS + 1] = std::array::from_fn(|n| n);
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(x != y))
                .min(above + 1)
                .min(row[j] + 1);
            diagonal = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = pairs
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        owned.collect()
    }

    fn forms() -> Forms {
        Forms {
            contractions: pairs(&[("don't", "do not"), ("dont", "do not"), ("2", "two")]),
            suffixes: pairs(&[("s", "is"), ("d", "would"), ("ll", "will")]),
            ..Forms::default()
        }
    }

    #[test]
    fn words_are_opened_at_either_side_of_an_apostrophe() {
        let forms = Forms {
            contractions: pairs(&[("j", "je"), ("aujourd'hui", "aujourdhui")]),
            elisions: pairs(&[("j", "je"), ("n", "ne"), ("qu", "que"), ("d", "de")]),
            folds: true,
            ..Forms::default()
        };
        for (text, want) in [
            ("J’ai dit", "je ai dit"),
            ("j ai dit", "je ai dit"),
            ("n'appelez", "ne appelez"),
            ("D'ACCORD", "de accord"),
            ("qu'Élodie", "que elodie"),
            ("aujourd'hui", "aujourdhui"),
            ("quelqu'un", "quelquun"),
            ("fu\u{308}r", "fur"),
            ("d'", "d"),
        ] {
            let words = words(text, &forms);
            let words: Vec<&str> = words.iter().map(|w| w.text.as_str()).collect();
            assert_eq!(words.join(" "), want, "{text}");
        }
    }

    fn plain(text: &str) -> String {
        words(text, &forms())
            .iter()
            .map(|w| w.text.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn words_have_one_form() {
        for (text, want) in [
            ("Don’t CALL me!", "do not call me"),
            (
                "I'd say it's fine, we'll see",
                "i would say it is fine we will see",
            ),
            ("opt-out", "opt out"),
            ("'quoted' o'clock", "quoted oclock"),
            ("2 o’clocks", "two oclocks"),
            ("...!?", ""),
            ("", ""),
            ("Éire ÀÉ", "éire àé"),
        ] {
            assert_eq!(plain(text), want, "{text}");
        }
    }

    #[test]
    fn places_and_pauses_point_into_the_text() {
        let w = words("Stop. Don't, now", &forms());
        let seen: Vec<_> = w.iter().map(|w| (w.place.clone(), w.pause)).collect();
        assert_eq!(
            seen,
            [
                (0..4, Pause::Full),
                (6..11, Pause::None),
                (6..11, Pause::Short),
                (13..16, Pause::None)
            ]
        );
    }

    #[test]
    fn long_input_is_cut() {
        assert_eq!(
            words(&"a ".repeat(5_000), &Forms::default()).len(),
            WORDS_MAX
        );
        assert_eq!(words(&"don't ".repeat(5_000), &forms()).len(), WORDS_MAX);
        let one = words(&"é".repeat(100_000), &Forms::default());
        assert_eq!(one.len(), 1);
        assert_eq!(one[0].text.chars().count(), LETTERS_MAX);
    }

    #[test]
    fn near_words() {
        for (heard, meant, want) in [
            ("recorded", "record", true),
            ("recoded", "recorded", true),
            ("recorder", "recorded", true),
            ("really", "real", false),
            ("call", "cold", false),
            ("calm", "call", true),
            ("stop", "shop", true),
            ("top", "stop", false),
            ("number", "numbers", true),
            ("unsubscribed", "unsubscribe", true),
            ("not", "now", false),
            ("robust", "robot", false),
        ] {
            assert_eq!(is_near(heard, meant), want, "{heard} {meant}");
        }
    }
}
