//! Speech as a recogniser writes it, cut into plain words.

/// Longest text of one turn that is looked at, in characters.
const TEXT_CHARS_MAX: usize = 2000;
/// Most words of one turn that are looked at.
const WORDS_MAX: usize = 200;

/// Lower-case words without punctuation. `2:30` and `2.30` stay whole, `1,200` loses its comma, `p.m.` becomes `pm`, `2pm`
/// becomes two words, `3rd` stays one, `it's` becomes `its`.
pub(super) fn words(text: &str) -> Vec<String> {
    let signs: Vec<char> = text
        .chars()
        .take(TEXT_CHARS_MAX)
        .flat_map(char::to_lowercase)
        .collect();
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for (at, &sign) in signs.iter().enumerate() {
        let before = at
            .checked_sub(1)
            .and_then(|at| signs.get(at))
            .copied()
            .unwrap_or(' ');
        let after = signs.get(at + 1).copied().unwrap_or(' ');
        let between_digits = before.is_ascii_digit() && after.is_ascii_digit();
        match sign {
            '\'' | '’' | '`' => {}
            ':' | '.' if between_digits => word.push(sign),
            ',' if between_digits && three_digits_follow(&signs, at) => {}
            '.' if after.is_alphabetic() && before.is_alphabetic() && initials(&signs, at) => {}
            sign if sign.is_alphanumeric() => {
                if before.is_ascii_digit() && sign.is_alphabetic() && !ordinal_ending(&signs, at) {
                    close(&mut word, &mut words);
                }
                word.push(sign);
            }
            _ => close(&mut word, &mut words),
        }
        if words.len() >= WORDS_MAX {
            return words;
        }
    }
    close(&mut word, &mut words);
    words
}

fn close(word: &mut String, words: &mut Vec<String>) {
    if !word.is_empty() {
        words.push(std::mem::take(word));
    }
}

fn three_digits_follow(signs: &[char], comma: usize) -> bool {
    let digits = signs[comma + 1..]
        .iter()
        .take_while(|sign| sign.is_ascii_digit())
        .count();
    digits == 3
}

/// True if the dot at `dot` stands between single letters, as in `p.m.`.
fn initials(signs: &[char], dot: usize) -> bool {
    let single_before = dot < 2 || !signs[dot - 2].is_alphanumeric();
    let single_after = signs
        .get(dot + 2)
        .is_none_or(|sign| !sign.is_alphanumeric());
    single_before && single_after
}

fn ordinal_ending(signs: &[char], at: usize) -> bool {
    let ending: String = signs[at..]
        .iter()
        .take_while(|sign| sign.is_alphabetic())
        .collect();
    matches!(ending.as_str(), "st" | "nd" | "rd" | "th")
}

/// Where `phrase` stands in `words`, word for word; long words may differ by a letter or a plural ending.
pub(super) fn find(words: &[String], phrase: &[String]) -> Option<usize> {
    if phrase.is_empty() || phrase.len() > words.len() {
        return None;
    }
    words.windows(phrase.len()).position(|window| {
        window
            .iter()
            .zip(phrase)
            .all(|(word, want)| alike(word, want))
    })
}

fn alike(word: &str, want: &str) -> bool {
    if word == want {
        return true;
    }
    let (short, long) = if word.len() < want.len() {
        (word, want)
    } else {
        (want, word)
    };
    if short.len() >= 3 && long.strip_suffix('s') == Some(short) {
        return true;
    }
    let letters = |text: &str| text.chars().count() >= 6 && text.chars().all(char::is_alphabetic);
    letters(short) && super::error::distance(word, want) <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_words() {
        for (text, want) in [
            ("", ""),
            ("  ...!? ", ""),
            ("Yes, that's RIGHT.", "yes thats right"),
            ("At 2:30 p.m. please", "at 2:30 pm please"),
            ("2.30pm or 14:30.", "2.30 pm or 14:30"),
            ("the 3rd of March, 2pm", "the 3rd of march 2 pm"),
            ("$1,200 and 555,01", "1200 and 555 01"),
            ("twenty-five", "twenty five"),
            ("555-0142", "555 0142"),
            ("J.Smith e.g. this", "j smith eg this"),
            ("Ünïcode ÇA", "ünïcode ça"),
        ] {
            assert_eq!(words(text).join(" "), want, "{text}");
        }
        assert!(words(&"a ".repeat(100_000)).len() <= WORDS_MAX);
    }

    #[test]
    fn phrases_are_found_in_spite_of_small_slips() {
        let found = |text: &str, phrase: &str| find(&words(text), &words(phrase));
        assert_eq!(found("I'd like to book an appointment", "book"), Some(3));
        assert_eq!(found("two appointments", "appointment"), Some(1));
        assert_eq!(found("an apointment", "appointment"), Some(1));
        assert_eq!(found("a nook", "book"), None);
        assert_eq!(found("say that again", "say again"), None);
        assert_eq!(found("", "x"), None);
        assert_eq!(found("x", ""), None);
    }
}
