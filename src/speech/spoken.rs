//! From what a language model writes to what a voice can say: no marks, no pictures, digits where digits are meant; and
//! from a text to its sentences and clauses.

/// The longest text that is spoken at once, in characters.
pub const TEXT_CHARS_MAX: usize = 4_000;
/// A sentence longer than this is cut at a word, so that one run of the voice stays short.
const SENTENCE_CHARS_MAX: usize = 400;
/// A run of this many digits is a number to be noted, not counted: it is read digit by digit.
const DIGITS_READ_SINGLY_MIN: usize = 6;

/// A clause and the mark that ends it: one of `. ? ! , ; :`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clause {
    pub(super) text: String,
    pub(super) end: char,
}

/// The clauses of one sentence.
pub(super) type Sentence = Vec<Clause>;

/// The text as it should be spoken: Markdown, emoji, tags and control characters gone, links by their words, line ends
/// as sentence ends, money and long numbers spelled so that they are read right.
#[must_use]
pub fn spoken(text: &str) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(|line| spoken_line(line.trim()))
        .filter(|line| line.chars().any(char::is_alphanumeric))
        .collect();
    let mut whole = String::with_capacity(text.len());
    for line in &lines {
        if !whole.is_empty() {
            if !whole.ends_with(['.', '!', '?', ',', ';', ':']) {
                whole.push('.');
            }
            whole.push(' ');
        }
        whole.push_str(line);
    }
    whole
}

fn spoken_line(line: &str) -> String {
    let line = line.trim_start_matches(['#', '>', ' ']);
    let line = ["- ", "* ", "+ ", "\u{2022} "]
        .iter()
        .find_map(|bullet| line.strip_prefix(bullet))
        .unwrap_or(line);
    let line = without_tags(&links_by_words(line));
    let plain: String = line.chars().map(plain_character).collect();
    plain
        .split_whitespace()
        .map(spoken_word)
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// `[words](address)` and `![words](address)` become `words`.
fn links_by_words(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('[') {
        let Some((words, tail)) = after.split_once("](") else {
            break;
        };
        let Some((_, beyond)) = tail.split_once(')') else {
            break;
        };
        out.push_str(before.strip_suffix('!').unwrap_or(before));
        out.push_str(words);
        rest = beyond;
    }
    out.push_str(rest);
    out
}

/// Takes out `<...>` where it is a tag: a letter or a slash follows the bracket, and it closes soon.
fn without_tags(line: &str) -> String {
    const TAG_CHARS_MAX: usize = 120;
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let opens = after.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
        match after.split_once('>') {
            Some((tag, beyond)) if opens && tag.len() <= TAG_CHARS_MAX => {
                out.push(' ');
                rest = beyond;
            }
            Some(_) | None => {
                out.push(' ');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn plain_character(character: char) -> char {
    match character {
        '\u{2018}' | '\u{2019}' => '\'',
        '\u{2026}' | '\u{3002}' => '.',
        '\u{2013}' | '\u{2014}' => ',',
        '*' | '_' | '`' | '~' | '|' | '[' | ']' | '{' | '}' | '<' | '>' | '\\' | '^' | '"'
        | '\u{201c}' | '\u{201d}' | '(' | ')' => ' ',
        '&' | '+' | '=' | '%' | '$' | '#' | '@' | '/' | '\'' | '-' => character,
        '.' | ',' | '?' | '!' | ';' | ':' | '\u{a3}' | '\u{20ac}' | '\u{b0}' => character,
        _ if character.is_alphanumeric() => character,
        // Marks that belong to the letter before them.
        '\u{300}'..='\u{36f}' => character,
        _ => ' ',
    }
}

fn spoken_word(word: &str) -> String {
    match word {
        "&" => return "and".into(),
        "=" => return "equals".into(),
        "+" => return "plus".into(),
        "-" | "/" | "#" | "@" => return String::new(),
        _ => {}
    }
    let core = word.trim_end_matches(['.', ',', '?', '!', ';', ':']);
    let ending = word.strip_prefix(core).unwrap_or_default();
    if let Some(money) = money(core) {
        return money + ending;
    }
    if let Some(digits) = single_digits(core) {
        return digits + ending;
    }
    word.to_owned()
}

/// `$5` is "5 dollars", `$12.50` "12 dollars and 50 cents".
fn money(word: &str) -> Option<String> {
    let (one, many, part, rest) = if let Some(rest) = word.strip_prefix('$') {
        ("dollar", "dollars", "cents", rest)
    } else if let Some(rest) = word.strip_prefix('\u{a3}') {
        ("pound", "pounds", "pence", rest)
    } else {
        ("euro", "euros", "cents", word.strip_prefix('\u{20ac}')?)
    };
    let (whole, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    let is_number =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == ',');
    if !is_number(whole) || !(fraction.is_empty() || is_number(fraction)) {
        return None;
    }
    let unit = if whole == "1" { one } else { many };
    Some(match fraction {
        "" | "00" => format!("{whole} {unit}"),
        _ if fraction.len() == 2 => format!(
            "{whole} {unit} and {} {part}",
            fraction.trim_start_matches('0')
        ),
        _ => format!("{whole}.{fraction} {many}"),
    })
}

/// A telephone number, a card or an order number, digit by digit with a pause where it was parted.
fn single_digits(word: &str) -> Option<String> {
    let body = word.strip_prefix('+').unwrap_or(word);
    let digits = body.chars().filter(char::is_ascii_digit).count();
    let only_digits = body
        .chars()
        .all(|c| c.is_ascii_digit() || c == '-' || c == '.');
    // "2025-11-22" and "1.5" are not numbers to be noted.
    let is_date = body.len() == 10 && body.split('-').map(str::len).eq([4, 2, 2]);
    if !only_digits || digits < DIGITS_READ_SINGLY_MIN || is_date || body.matches('.').count() == 1
    {
        return None;
    }
    let groups: Vec<String> = body
        .split(['-', '.'])
        .filter(|group| !group.is_empty())
        .map(|group| {
            group
                .chars()
                .map(String::from)
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    Some(groups.join(", "))
}

/// The sentences of a text that [`spoken`] has made, each in clauses.
pub(super) fn sentences(text: &str) -> Vec<Sentence> {
    let mut sentences: Vec<Sentence> = Vec::new();
    let mut sentence = Sentence::new();
    let mut length = 0;
    for clause in clauses(text) {
        length += clause.text.chars().count();
        let ends = matches!(clause.end, '.' | '?' | '!') || length > SENTENCE_CHARS_MAX;
        sentence.push(clause);
        if ends {
            sentences.push(std::mem::take(&mut sentence));
            length = 0;
        }
    }
    if !sentence.is_empty() {
        sentences.push(sentence);
    }
    sentences
}

fn clauses(text: &str) -> Vec<Clause> {
    let mut clauses = Vec::new();
    let mut current = String::new();
    let close = |current: &mut String, end: char, clauses: &mut Vec<Clause>| {
        let text = std::mem::take(current);
        let text = text.trim();
        if text.chars().any(char::is_alphanumeric) {
            clauses.push(Clause {
                text: text.to_owned(),
                end,
            });
        }
    };
    for word in text.split_whitespace() {
        let core = word.trim_end_matches(['.', ',', '?', '!', ';', ':']);
        let ending = word.strip_prefix(core).unwrap_or_default();
        let end = strongest(ending).filter(|end| *end != '.' || !is_abbreviation(core));
        current.push_str(if end.is_some() { core } else { word });
        current.push(' ');
        if let Some(end) = end {
            close(&mut current, end, &mut clauses);
        } else if current.chars().count() > SENTENCE_CHARS_MAX {
            close(&mut current, ',', &mut clauses);
        }
    }
    close(&mut current, '.', &mut clauses);
    clauses
}

fn strongest(ending: &str) -> Option<char> {
    ['?', '!', '.', ';', ':', ',']
        .into_iter()
        .find(|mark| ending.contains(*mark))
}

/// Whether a full stop after the word belongs to it.
fn is_abbreviation(word: &str) -> bool {
    const KNOWN: [&str; 12] = [
        "mr", "mrs", "ms", "dr", "prof", "st", "vs", "e.g", "i.e", "approx", "jr", "sr",
    ];
    let word = word.to_ascii_lowercase();
    KNOWN.contains(&word.as_str())
        || (word.len() == 1 && word.chars().all(char::is_alphabetic) && word != "i")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_writes_becomes_what_a_voice_says() {
        for (written, said) in [
            ("Hello **there**, _friend_!", "Hello there , friend !"),
            ("Hello, friend!", "Hello, friend!"),
            (
                "## Our hours\n- Monday 9 to 5\n- Sunday closed",
                "Our hours. Monday 9 to 5. Sunday closed",
            ),
            (
                "See [our page](https://example.com/a) now",
                "See our page now",
            ),
            ("a [broken link", "a broken link"),
            ("Great \u{1f600}\u{200d}\u{1f44d} news", "Great news"),
            ("<speak>Hi<break time=\"1s\"/> you</speak>", "Hi you"),
            ("2 < 3 and x > y", "2 3 and x y"),
            ("It\u{2019}s fine\u{2026} really", "It's fine. really"),
            ("one\u{2014}two", "one,two"),
            ("salt & pepper", "salt and pepper"),
            (
                "It costs $12.50, not $1 or $1,000.00.",
                "It costs 12 dollars and 50 cents, not 1 dollar or 1,000 dollars.",
            ),
            ("It is $2.5 million", "It is 2.5 dollars million"),
            ("Call +1-202-555-0123.", "Call 1, 2 0 2, 5 5 5, 0 1 2 3."),
            (
                "Order 1234567 of 2025-11-22",
                "Order 1 2 3 4 5 6 7 of 2025-11-22",
            ),
            (
                "at 10:30, 3.5 miles, 2,500 people",
                "at 10:30, 3.5 miles, 2,500 people",
            ),
            ("a\u{0}b\u{1b}[31mc", "a b 31mc"),
            ("***", ""),
            ("", ""),
            ("caf\u{e9} cafe\u{301}", "caf\u{e9} cafe\u{301}"),
        ] {
            assert_eq!(spoken(written), said, "{written}");
        }
    }

    #[test]
    fn sentences_end_where_they_end() {
        let parts = |text: &str| -> Vec<Vec<String>> {
            sentences(text)
                .iter()
                .map(|sentence| {
                    sentence
                        .iter()
                        .map(|clause| format!("{}{}", clause.text, clause.end))
                        .collect()
                })
                .collect()
        };
        for (text, expected) in [
            ("Hi, you. Yes?", vec![vec!["Hi,", "you."], vec!["Yes?"]]),
            ("Dr. Smith is in", vec![vec!["Dr. Smith is in."]]),
            ("At 10:30, 3.5 miles", vec![vec!["At 10:30,", "3.5 miles."]]),
            ("Really?! No.", vec![vec!["Really?"], vec!["No."]]),
            ("well ... then", vec![vec!["well."], vec!["then."]]),
            ("So did I. Good", vec![vec!["So did I."], vec!["Good."]]),
            (" , . ", vec![]),
        ] {
            assert_eq!(parts(text), expected, "{text}");
        }
    }

    #[test]
    fn a_text_without_any_stop_is_cut_all_the_same() {
        let sentences = sentences(&"word ".repeat(1_000));
        assert!(sentences.len() >= 10);
        for clause in sentences.iter().flatten() {
            assert!(clause.text.chars().count() <= SENTENCE_CHARS_MAX + 20);
        }
        let words: usize = sentences
            .iter()
            .flatten()
            .map(|clause| clause.text.split(' ').count())
            .sum();
        assert_eq!(words, 1_000);
    }
}
