//! How much silence means that the caller has finished.

use super::event::Expects;
use super::settings::TurnSettings;

/// A score above every probability: a recogniser that judges turns itself, and has listened all along, holds this one to
/// be over.
pub const TURN_OVER: f32 = 2.0;

/// Silence, in milliseconds from the end of the voice, after which a turn of these words is over.
///
/// `score` is the turn model's probability that the caller has finished, when there is one.
pub fn silence_ms(
    text: &str,
    score: Option<f32>,
    expects: Expects,
    settings: &TurnSettings,
) -> u32 {
    let words: Vec<&str> = text.split_whitespace().collect();
    let Some(last) = words.last() else {
        return settings.unscored_ms;
    };
    let digits = trailing_digits(&words);
    let asked = match expects {
        Expects::Digits { enough } => Some(usize::from(enough)),
        Expects::Words => None,
    };
    let is_told = score.is_some_and(|score| score >= TURN_OVER);
    // Whoever was asked for digits may pause between them for as long as they like.
    if is_told && asked.is_none() && digits > 0 {
        return settings.complete_ms;
    }
    if digits >= 3 || (digits > 0 && asked.is_some()) {
        let sounds_final = score.is_some_and(|score| score >= settings.complete_score);
        let is_enough = asked.is_some_and(|enough| digits >= enough);
        return match is_enough && sounds_final {
            true => settings.doubted_ms.min(settings.dictation_ms),
            false => settings.dictation_ms,
        };
    }
    if text.trim_end().ends_with(['…', ',', '-'])
        || text.trim_end().ends_with("...")
        || is_dangling(last)
    {
        return settings.incomplete_ms;
    }
    if digits > 0 {
        return settings
            .number_ms
            .max(if score.is_some_and(|s| s < settings.complete_score) {
                settings.unscored_ms
            } else {
                0
            });
    }
    let Some(score) = score else {
        return settings.unscored_ms;
    };
    if score >= settings.complete_score {
        return settings.complete_ms;
    }
    let looks_finished = text.trim_end().ends_with(['.', '!', '?']);
    match looks_finished {
        true if score >= settings.likely_score => settings.likely_ms,
        // A turn model knows sentences; of one or two words it knows little.
        true if words.len() <= 2 => settings.unscored_ms,
        true if score >= settings.unfinished_score => settings.doubted_ms,
        true | false => settings.incomplete_ms,
    }
}

/// How many words at the end are digits or the names of digits; a group such as "555" counts as its length.
fn trailing_digits(words: &[&str]) -> usize {
    let mut count = 0;
    for word in words.iter().rev() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let digits = bare.chars().filter(char::is_ascii_digit).count();
        if digits > 0
            && bare
                .chars()
                .all(|c| c.is_ascii_digit() || matches!(c, '-' | '.' | ',' | ':'))
        {
            count += digits;
        } else if NUMBER_WORDS.iter().any(|n| n.eq_ignore_ascii_case(bare)) {
            count += 1;
        } else {
            break;
        }
    }
    count
}

const NUMBER_WORDS: [&str; 13] = [
    "zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "double",
    "triple",
];

/// Words after which English goes on.
fn is_dangling(word: &str) -> bool {
    const DANGLING: [&str; 36] = [
        "and", "or", "but", "for", "to", "the", "a", "an", "my", "your", "our", "of", "in", "at",
        "on", "with", "from", "because", "so", "if", "when", "that", "um", "uh", "er", "is", "are",
        "was", "than", "about", "like", "then", "by", "whether", "into", "as",
    ];
    let ends_a_sentence = word.ends_with(['.', '!', '?']);
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    // "What is it for?" is a whole sentence: a recogniser's full stop outweighs the word, except for the plainest ones.
    let plain = [
        "and", "or", "but", "because", "the", "a", "an", "my", "um", "uh", "er",
    ];
    if ends_a_sentence {
        plain.iter().any(|d| d.eq_ignore_ascii_case(bare))
    } else {
        DANGLING.iter().any(|d| d.eq_ignore_ascii_case(bare))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_follows_the_words_and_the_score() {
        const DIGITS: Expects = Expects::Digits { enough: 7 };
        let s = TurnSettings::default();
        let words = Expects::Words;
        let over = Some(TURN_OVER);
        let table: [(&str, Option<f32>, Expects, u32); 26] = [
            ("My reference is 300401.", over, words, s.complete_ms),
            ("I need help with my", over, words, s.incomplete_ms),
            ("It is 555-01.", over, DIGITS, s.dictation_ms),
            ("What is it", over, words, s.complete_ms),
            ("I need an appointment.", Some(0.97), words, s.complete_ms),
            ("I need an appointment.", Some(0.60), words, s.likely_ms),
            ("I need an appointment.", Some(0.30), words, s.doubted_ms),
            ("I need an appointment.", Some(0.10), words, s.incomplete_ms),
            ("I need an appointment", Some(0.60), words, s.incomplete_ms),
            ("I need an appointment.", None, words, s.unscored_ms),
            ("Yes.", Some(0.4), words, s.unscored_ms),
            ("Yes.", Some(0.9), words, s.complete_ms),
            (
                "I would like to come on Monday and",
                Some(0.9),
                words,
                s.incomplete_ms,
            ),
            ("I am calling because.", Some(0.9), words, s.incomplete_ms),
            ("What is it for?", Some(0.9), words, s.complete_ms),
            ("Well...", Some(0.9), words, s.incomplete_ms),
            ("It's at three.", Some(0.9), words, s.number_ms),
            ("It's at 3.", Some(0.2), words, s.unscored_ms),
            (
                "My number is five five five",
                Some(0.99),
                words,
                s.dictation_ms,
            ),
            ("My number is 555-01.", Some(0.99), words, s.dictation_ms),
            ("Seven.", Some(0.99), DIGITS, s.dictation_ms),
            ("It is 555-0142.", Some(0.99), DIGITS, s.doubted_ms),
            ("It is 555-0142.", Some(0.5), DIGITS, s.dictation_ms),
            ("It is 555-01.", Some(0.99), DIGITS, s.dictation_ms),
            ("I have no number.", Some(0.99), DIGITS, s.complete_ms),
            ("", None, words, s.unscored_ms),
        ];
        for (text, score, expects, ms) in table {
            assert_eq!(
                silence_ms(text, score, expects, &s),
                ms,
                "{text:?} {score:?}"
            );
        }
    }
}
