//! How much of a script a recogniser got wrong.

use crate::numerals::{TENS, UNITS};

/// Word errors of a text against a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordErrors {
    /// Words to be changed, added or left out to make the one the other.
    pub errors: usize,
    /// Words of the script.
    pub words: usize,
}

impl WordErrors {
    /// Compares what was heard with what was said. Case and punctuation do not count, and digits count as the words
    /// they are read as: "555-0142" is "five five five zero one four two", "10:30" is "ten thirty".
    pub fn between(said: &str, heard: &str) -> Self {
        let (said, heard) = (words(said), words(heard));
        Self {
            errors: distance(&said, &heard),
            words: said.len(),
        }
    }

    /// Errors for each word of the script: 0 is perfect, and more than 1 is possible.
    pub fn rate(&self) -> f64 {
        self.errors as f64 / self.words.max(1) as f64
    }
}

impl std::fmt::Display for WordErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} of {} words ({:.1} %)",
            self.errors,
            self.words,
            self.rate() * 100.0
        )
    }
}

fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase().replace(['\'', '’'], "");
    let mut words = Vec::new();
    for word in lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
    {
        match word.bytes().all(|b| b.is_ascii_digit()) {
            true => read_digits(word, &mut words),
            false => words.push(word.to_owned()),
        }
    }
    words
}

fn read_digits(digits: &str, words: &mut Vec<String>) {
    let number: usize = digits.parse().unwrap_or(usize::MAX);
    let mut push = |word: &str| words.push(word.to_owned());
    if digits.len() > 2 || digits.starts_with('0') {
        digits
            .bytes()
            .for_each(|b| push(UNITS.get(usize::from(b - b'0')).unwrap_or(&"")));
    } else if let Some(word) = UNITS.get(number) {
        push(word);
    } else {
        push(TENS.get(number / 10 - 2).unwrap_or(&""));
        if !number.is_multiple_of(10) {
            push(UNITS.get(number % 10).unwrap_or(&""));
        }
    }
}

/// Levenshtein's distance in words, one row at a time.
fn distance(a: &[String], b: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, word) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in b.iter().enumerate() {
            let change = diagonal + usize::from(word != other);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_in_words() {
        for (said, heard, errors, words) in [
            ("Yes, that is right.", "yes that's right", 2, 4),
            ("five five five, zero one four two", "555-0142.", 0, 7),
            ("Ten thirty in the morning.", "10:30 in the morning", 0, 5),
            ("Room forty two", "room 42", 0, 3),
            ("one two", "", 2, 2),
            ("", "one", 1, 0),
            ("a b c d", "a x c d e", 2, 4),
        ] {
            assert_eq!(
                WordErrors::between(said, heard),
                WordErrors { errors, words },
                "{said:?} {heard:?}"
            );
        }
    }
}
