//! Words as they are compared: in small letters, without accents, and reduced to their stems.

use std::collections::HashMap;

use rust_stemmers::Stemmer;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::languages::Language;

/// Longest word that is compared whole, in characters.
const WORD_CHARS_MAX: usize = 40;
/// How much of a word is its stem in languages whose endings are not known, in characters.
const STEM_CHARS: usize = 6;

/// Whether a character belongs to writing without spaces, so that pairs of characters stand for words.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{e00}'..='\u{e7f}')
}

/// Small letters without accents, and letters that are written in two ways written in one.
fn fold(word: &str) -> String {
    let mut folded = String::with_capacity(word.len());
    // Wide and narrow forms and ligatures are the same letter.
    for c in word.nfkd().filter(|c| !is_combining_mark(*c)) {
        for c in c.to_lowercase() {
            match c {
                'ß' => folded.push_str("ss"),
                'æ' => folded.push_str("ae"),
                'œ' => folded.push_str("oe"),
                'ø' => folded.push('o'),
                'ł' => folded.push('l'),
                'đ' | 'ð' => folded.push('d'),
                'ı' => folded.push('i'),
                c if is_combining_mark(c) => {}
                c => folded.push(c),
            }
        }
    }
    folded
}

/// The words of a text as they are written, in small letters.
fn raw(text: &str) -> impl Iterator<Item = String> {
    // What stands within a word is no end of it: `don't`, `o’clock`.
    let is_inside =
        |c: char| c.is_alphanumeric() || is_combining_mark(c) || matches!(c, '\'' | '’');
    text.split(move |c: char| !is_inside(c))
        .flat_map(|word| match word.split_once(['\'', '’']) {
            // English endings go, and what is elided in front of a word stands for itself.
            Some((before, "s" | "t" | "re" | "ll" | "ve" | "d" | "m")) => [before, ""],
            Some((before, after)) => [before, after],
            None => [word, ""],
        })
        .filter(|word| !word.is_empty())
        .map(|word| {
            word.chars()
                .take(WORD_CHARS_MAX)
                .flat_map(char::to_lowercase)
                .collect()
        })
}

/// The words of a text, folded; none is left out.
#[must_use]
pub fn folded(text: &str) -> Vec<String> {
    raw(text).map(|word| fold(&word)).collect()
}

/// Makes the terms of one language's texts.
pub struct Terms {
    language: Language,
    stemmer: Option<Stemmer>,
    /// The stems of words that came before; `None` for those that say little.
    known: HashMap<String, Option<String>>,
}

impl Terms {
    /// For texts in this language.
    #[must_use]
    pub fn new(language: Language) -> Self {
        Self {
            language,
            stemmer: language.stemmer(),
            known: HashMap::new(),
        }
    }

    /// Gives each term of a text, in order, those that say little left out.
    pub fn each(&mut self, text: &str, mut take: impl FnMut(&str)) {
        for word in raw(text) {
            if word.chars().any(is_unspaced) {
                for pair in pairs(&word) {
                    take(&pair);
                }
                continue;
            }
            if let Some(known) = self.known.get(&word) {
                if let Some(term) = known {
                    take(term);
                }
                continue;
            }
            let term = self.term(&word);
            if let Some(term) = &term {
                take(term);
            }
            self.known.insert(word, term);
        }
    }

    /// The terms of a text, each once, in the order of their first place.
    #[must_use]
    pub fn distinct(&mut self, text: &str) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        self.each(text, |term| {
            if !all.iter().any(|known| known == term) {
                all.push(term.to_owned());
            }
        });
        all
    }

    fn term(&self, word: &str) -> Option<String> {
        let plain = fold(word);
        if plain.is_empty() || self.language.is_common(&plain) {
            return None;
        }
        // Numbers and codes are what they are.
        if plain.chars().any(|c| c.is_ascii_digit()) {
            return Some(plain);
        }
        Some(match &self.stemmer {
            Some(stemmer) => fold(&stemmer.stem(word)),
            None => plain.chars().take(STEM_CHARS).collect(),
        })
    }
}

fn pairs(word: &str) -> Vec<String> {
    let chars: Vec<char> = fold(word).chars().collect();
    match chars.as_slice() {
        [one] => vec![one.to_string()],
        many => many.windows(2).map(|pair| pair.iter().collect()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(language: Language, text: &str) -> String {
        let mut all = Vec::new();
        Terms::new(language).each(text, |term| all.push(term.to_owned()));
        all.join(" ")
    }

    #[test]
    fn forms_of_a_word_are_one_term() {
        for (language, one, other) in [
            (Language::English, "cancellations", "cancellation"),
            (Language::English, "Appointments", "the appointment"),
            (Language::English, "What's the opening?", "opens"),
            (Language::German, "Öffnungszeiten", "die OFFNUNGSZEIT"),
            (Language::German, "Kündigungen", "Kündigung"),
            (Language::French, "l'assurance", "assurances"),
            (Language::Spanish, "habitaciones", "habitación"),
            (Language::Italian, "prenotazioni", "prenotazione"),
            (Language::Portuguese, "reservas", "reserva"),
            (Language::Dutch, "afspraken", "de afspraak"),
            (Language::Polish, "ubezpieczenia", "ubezpieczeniem"),
            (Language::Lithuanian, "draudimas", "draudimo"),
            (Language::Turkish, "randevular", "randevu"),
        ] {
            let (one_term, other_term) = (terms(language, one), terms(language, other));
            assert!(!one_term.is_empty());
            assert_eq!(one_term, other_term, "{one}, {other}");
        }
    }

    #[test]
    fn terms_of_a_question() {
        for (language, text, found) in [
            (
                Language::English,
                "What are your opening hours?",
                "open hour",
            ),
            (Language::English, "Is ACME-42 in stock?", "acm 42 stock"),
            (Language::English, "", ""),
            (
                Language::German,
                "Wie sind die Öffnungszeiten?",
                "offnungszeit",
            ),
            (Language::English, "営業時間は", "営業 業時 時間 間は"),
            (Language::English, "ﬁne Ⅷ ＡＢＣ", "fine viii abc"),
        ] {
            assert_eq!(terms(language, text), found, "{text}");
        }
    }

    #[test]
    fn a_word_without_end_is_cut() {
        let found = terms(Language::Polish, &"ż".repeat(100_000));
        assert_eq!(found, "zzzzzz");
        let found = terms(Language::English, &"7".repeat(100_000));
        assert_eq!(found.len(), WORD_CHARS_MAX);
    }
}
