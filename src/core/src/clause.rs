//! Cutting a model's text, as it streams in, into clauses that a voice can say.
//!
//! The first clause is cut early, so that speech begins while the model still writes; later ones at the ends of
//! sentences, where a voice sounds best. What a caller cannot hear, such as asterisks and link addresses, is left out.

mod markdown;

use markdown::Plain;

/// Longest clause, in characters.
pub const CLAUSE_CHARS_MAX: usize = 300;
/// From how many characters on the first clause may end at a comma, dash or colon.
const FIRST_CHARS_MIN: usize = 12;
/// From how many characters on a later clause may.
const LONG_CHARS_MIN: usize = 120;

/// Abbreviations that a sentence hardly ever ends with.
const NEVER_LAST: &[&str] = &[
    "mr", "mrs", "ms", "mx", "dr", "prof", "st", "rev", "hon", "gen", "col", "sgt", "capt", "lt",
    "cmdr", "gov", "sen", "rep", "pres", "messrs", "mme", "vs", "e.g", "i.e", "eg", "ie", "cf",
    "viz", "approx", "ca", "fig", "vol", "pp", "ext", "tel", "incl", "mt", "ft",
];
/// Abbreviations that a sentence may end with: the next word's capital tells.
const MAY_BE_LAST: &[&str] = &[
    "etc", "inc", "ltd", "co", "corp", "llc", "jr", "sr", "ave", "blvd", "rd", "ln", "hwy", "apt",
    "dept", "est", "min", "max", "hr", "hrs", "sec", "jan", "feb", "mar", "apr", "jun", "jul",
    "aug", "sep", "sept", "oct", "nov", "dec", "mon", "tue", "tues", "wed", "thu", "thur", "thurs",
    "fri", "al",
];

/// What the next character must be for a clause to end where it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unless {
    /// A capital or an opening quotation mark.
    NotCapital,
    /// Anything but a digit.
    Digit,
    /// Anything, except a digit after a digit: "March 3, 2027" is one date.
    DigitAfterDigit,
}

/// Cuts one reply. Feeding it whole or letter by letter gives the same clauses.
#[derive(Debug, Clone, Default)]
pub struct Clauses {
    plain: Plain,
    text: String,
    chars: usize,
    /// True once a clause has been given out.
    begun: bool,
    /// White space has come since the last character of `text`.
    spaced: bool,
    /// The clause may end at that white space.
    pending: Option<Unless>,
}

impl Clauses {
    /// For the beginning of a reply.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece of text, of any length; complete clauses are appended to `out`, each trimmed, with something
    /// to say in it, and of at most [`CLAUSE_CHARS_MAX`] characters.
    pub fn push(&mut self, text: &str, out: &mut Vec<String>) {
        let mut plain = std::mem::take(&mut self.plain);
        for sign in text.chars() {
            plain.push(sign, &mut |sign| self.take(sign, out));
        }
        self.plain = plain;
    }

    /// Ends the reply: what is left is the last clause. Ready for another reply then.
    pub fn finish(&mut self, out: &mut Vec<String>) {
        let mut plain = std::mem::take(&mut self.plain);
        plain.finish(&mut |sign| self.take(sign, out));
        self.cut(out);
        *self = Self::default();
    }

    fn take(&mut self, sign: char, out: &mut Vec<String>) {
        if sign == '\n' {
            self.cut(out);
            return;
        }
        if sign.is_whitespace() {
            if !self.spaced && !self.text.is_empty() {
                self.at_space(out);
            }
            return;
        }
        if self.spaced {
            let ends = self
                .pending
                .take()
                .is_some_and(|unless| self.ends_before(unless, sign));
            if ends {
                self.cut(out);
            } else {
                self.text.push(' ');
                self.chars += 1;
            }
            self.spaced = false;
        } else if self.ends_without_space(sign) {
            self.cut(out);
        }
        self.text.push(sign);
        self.chars += 1;
        if self.chars >= CLAUSE_CHARS_MAX {
            self.cut_long(out);
        }
    }

    fn at_space(&mut self, out: &mut Vec<String>) {
        self.spaced = true;
        let bare = self.text.trim_end_matches(is_closer);
        let quoted = bare.len() < self.text.len();
        self.pending = match bare.chars().next_back() {
            Some('!' | '?') if quoted => Some(Unless::NotCapital),
            Some('!' | '?') => {
                self.cut(out);
                None
            }
            Some('…') => Some(Unless::NotCapital),
            Some('.') => match full_stop(bare) {
                Stop::None => None,
                Stop::Wait(unless) => Some(unless),
                Stop::Sure if quoted => Some(Unless::NotCapital),
                Stop::Sure => {
                    self.cut(out);
                    None
                }
            },
            Some(',' | ';' | ':' | '—' | '–') if self.soft_enough() => {
                Some(Unless::DigitAfterDigit)
            }
            Some('-') if self.soft_enough() && (bare.ends_with(" -") || bare.ends_with("--")) => {
                Some(Unless::DigitAfterDigit)
            }
            _ => None,
        };
    }

    fn soft_enough(&self) -> bool {
        self.chars
            >= if self.begun {
                LONG_CHARS_MIN
            } else {
                FIRST_CHARS_MIN
            }
    }

    fn ends_before(&self, unless: Unless, sign: char) -> bool {
        match unless {
            Unless::NotCapital => {
                sign.is_uppercase() || matches!(sign, '"' | '“' | '«' | '¿' | '¡')
            }
            Unless::Digit => !sign.is_numeric(),
            Unless::DigitAfterDigit => {
                let before = self.text.trim_end_matches(|c: char| {
                    matches!(c, ',' | ';' | ':' | '—' | '–' | '-' | ' ')
                });
                !(sign.is_numeric() && before.ends_with(char::is_numeric))
            }
        }
    }

    /// Scripts without spaces end sentences by their own signs, and an em dash needs no space.
    fn ends_without_space(&self, next: char) -> bool {
        match self.text.chars().next_back() {
            Some('。' | '！' | '？' | '।') => {
                !is_closer(next) && !matches!(next, '。' | '！' | '？' | '」' | '』')
            }
            Some('—') => self.soft_enough() && next.is_alphabetic(),
            _ => false,
        }
    }

    fn cut(&mut self, out: &mut Vec<String>) {
        let clause = self.text.trim();
        if clause.chars().any(char::is_alphanumeric) {
            out.push(clause.to_owned());
            self.begun = true;
        }
        self.text.clear();
        self.chars = 0;
        self.spaced = false;
        self.pending = None;
    }

    /// A clause without an end is cut at its last comma, else between words, else where it stands.
    fn cut_long(&mut self, out: &mut Vec<String>) {
        let half = self
            .text
            .char_indices()
            .nth(CLAUSE_CHARS_MAX / 2)
            .map_or(0, |(at, _)| at);
        let late = |at: usize| (at >= half).then_some(at);
        let comma = [", ", "; ", ": "]
            .iter()
            .filter_map(|mark| self.text.rfind(mark))
            .max()
            .and_then(late);
        let at = comma
            .map(|at| at + 1)
            .or_else(|| self.text.rfind(' ').and_then(late))
            .unwrap_or(self.text.len());
        let rest = self.text.split_off(at).trim_start().to_owned();
        self.cut(out);
        self.chars = rest.chars().count();
        self.text = rest;
    }
}

fn is_closer(sign: char) -> bool {
    matches!(sign, '"' | '\'' | '”' | '’' | ')' | ']' | '»')
}

enum Stop {
    None,
    Wait(Unless),
    Sure,
}

/// What the full stop at the end of `text` is: of an abbreviation, of a number in a list, of an ellipsis, or of a sentence.
fn full_stop(text: &str) -> Stop {
    if text.ends_with("..") {
        return Stop::Wait(Unless::NotCapital);
    }
    let opener = |sign: char| matches!(sign, '"' | '\'' | '“' | '‘' | '(' | '[' | '«');
    let word = text
        .rsplit(' ')
        .next()
        .unwrap_or(text)
        .trim_start_matches(opener);
    let body = word.strip_suffix('.').unwrap_or(word);
    let lower = body.to_lowercase();
    if NEVER_LAST.contains(&lower.as_str()) {
        return Stop::None;
    }
    if MAY_BE_LAST.contains(&lower.as_str()) {
        return Stop::Wait(Unless::NotCapital);
    }
    if lower == "no" || lower == "nos" {
        return Stop::Wait(Unless::Digit);
    }
    let mut letters = body.split('.');
    if body.contains('.')
        && letters.all(|part| part.chars().count() == 1 && part.chars().all(char::is_alphabetic))
    {
        return Stop::Wait(Unless::NotCapital);
    }
    if lower == "ph.d" {
        return Stop::Wait(Unless::NotCapital);
    }
    let mut signs = body.chars();
    if let (Some(only), None) = (signs.next(), signs.next())
        && only.is_uppercase()
        && only != 'I'
    {
        return Stop::None;
    }
    let numbered = text.len() == word.len()
        && body.len() <= 3
        && body.chars().all(|sign| sign.is_ascii_digit());
    if numbered { Stop::None } else { Stop::Sure }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(text: &str) -> Vec<String> {
        let mut out = Vec::new();
        let mut clauses = Clauses::new();
        clauses.push(text, &mut out);
        clauses.finish(&mut out);
        out
    }

    fn by_letter(text: &str) -> Vec<String> {
        let mut out = Vec::new();
        let mut clauses = Clauses::new();
        for letter in text.chars() {
            clauses.push(letter.encode_utf8(&mut [0; 4]), &mut out);
        }
        clauses.finish(&mut out);
        out
    }

    #[test]
    fn clauses_are_cut_where_a_voice_would_pause() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            ("  \n ... — !\n", &[]),
            ("Hello there", &["Hello there"]),
            ("Hi. How are you?", &["Hi.", "How are you?"]),
            (
                "Sure, I can help you with that, one moment.",
                &["Sure, I can help you with that,", "one moment."],
            ),
            (
                "I can do that for you: a check-up. And more, a cleaning, say.",
                &[
                    "I can do that for you:",
                    "a check-up.",
                    "And more, a cleaning, say.",
                ],
            ),
            (
                "Let me check that - one second.",
                &["Let me check that -", "one second."],
            ),
            (
                "Let me check that—one second.",
                &["Let me check that—", "one second."],
            ),
            (
                "Our well-known tooth-whitening, then.",
                &["Our well-known tooth-whitening,", "then."],
            ),
            (
                "It costs 3.5 or $1,200 in all. Fine?",
                &["It costs 3.5 or $1,200 in all.", "Fine?"],
            ),
            ("It costs 3. Then 4.", &["It costs 3.", "Then 4."]),
            (
                "Dr. Smith and Mrs. Jones are in. So is J. R. Ewing.",
                &["Dr. Smith and Mrs. Jones are in.", "So is J. R. Ewing."],
            ),
            (
                "Bring papers, e.g. a card, i.e. an ID.",
                &["Bring papers,", "e.g. a card, i.e. an ID."],
            ),
            (
                "Come at 9 a.m. tomorrow. Or at 4 p.m. We close at 6 p.m.",
                &[
                    "Come at 9 a.m. tomorrow.",
                    "Or at 4 p.m.",
                    "We close at 6 p.m.",
                ],
            ),
            (
                "See www.example.com/a?b=c or mail a.b@example.com. Thanks!",
                &[
                    "See www.example.com/a?b=c or mail a.b@example.com.",
                    "Thanks!",
                ],
            ),
            (
                "Well... let me see... Yes.",
                &["Well... let me see...", "Yes."],
            ),
            ("Well… let me see… Yes.", &["Well… let me see…", "Yes."]),
            (
                "No. 5 is open. No. We are closed.",
                &["No. 5 is open.", "No.", "We are closed."],
            ),
            (
                "It was on March 3, 2027, in the evening.",
                &["It was on March 3, 2027,", "in the evening."],
            ),
            (
                "It is 10:30 now. Really?! Yes.",
                &["It is 10:30 now.", "Really?!", "Yes."],
            ),
            (
                "\"Is it open?\" she asked. \"Yes.\" He left.",
                &["\"Is it open?\" she asked.", "\"Yes.\"", "He left."],
            ),
            (
                "I met Smith Jr. there. And so do I. Good.",
                &["I met Smith Jr. there.", "And so do I.", "Good."],
            ),
            (
                "Acme Inc. makes it. In the U.S. it is known.",
                &["Acme Inc. makes it.", "In the U.S. it is known."],
            ),
            (
                "今日は晴れです。明日は雨です。",
                &["今日は晴れです。", "明日は雨です。"],
            ),
            (
                "**Yes**, we *do*.\n\n- Monday\n- Tuesday\n",
                &["Yes, we do.", "Monday", "Tuesday"],
            ),
            (
                "1. Open the door. 2. Go in.",
                &["1, Open the door.", "2. Go in."],
            ),
            (
                "# Title\nText with `code` and [a link](https://x.example/y?z=1).",
                &["Title", "Text with code and a link."],
            ),
        ];
        for (text, want) in cases {
            assert_eq!(whole(text), *want, "{text}");
            assert_eq!(by_letter(text), *want, "letter by letter: {text}");
        }
    }

    #[test]
    fn the_first_clause_does_not_wait_for_the_rest() {
        let mut clauses = Clauses::new();
        let mut out = Vec::new();
        clauses.push("I can certainly help you with that, l", &mut out);
        assert_eq!(out, ["I can certainly help you with that,"]);
        clauses.push("et me look, yes. ", &mut out);
        assert_eq!(out.len(), 2, "a sentence needs only its space");
    }

    #[test]
    fn long_texts_are_cut_at_commas_then_words_then_anywhere() {
        let commas = whole(&format!("Yes. {}", "and then some more words, ".repeat(20)));
        assert!(
            commas[1..commas.len() - 1]
                .iter()
                .all(|clause| clause.ends_with(',')),
            "{commas:?}"
        );
        assert!(
            commas[1..commas.len() - 1]
                .iter()
                .all(|clause| (LONG_CHARS_MIN..=150).contains(&clause.chars().count()))
        );
        let words = whole(&"word ".repeat(200));
        assert!(
            words
                .iter()
                .all(|clause| clause.ends_with("word") && clause.len() <= CLAUSE_CHARS_MAX),
            "{words:?}"
        );
        let letters = whole(&"é".repeat(1000));
        assert_eq!(
            letters
                .iter()
                .map(|clause| clause.chars().count())
                .collect::<Vec<_>>(),
            [300, 300, 300, 100]
        );
    }

    #[test]
    fn one_splitter_serves_reply_after_reply() {
        let mut clauses = Clauses::new();
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for out in [&mut first, &mut second] {
            clauses.push("I can help you with that, surely", out);
            clauses.finish(out);
        }
        assert_eq!(first, second);
    }

    proptest! {
        #![proptest_config(crate::seeded::cases(512))]

        #[test]
        fn the_pieces_do_not_matter(
            text in prop_oneof![
                "[a-zA-Z0-9 .,:;!?*_#`~\\[\\]()\\n|>…—\"'-]{0,400}",
                "(Dr\\.|e\\.g\\.|p\\.m\\.|3\\.5|\\$1,200|www\\.x\\.org|\\.\\.\\.|[a-z]{1,9}|[A-Z][a-z]{1,5}|[.,!?:-]| |\\n|\\*\\*|- ){0,80}",
                ".{0,120}",
            ],
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let want = whole(&text);
            prop_assert_eq!(&by_letter(&text), &want);
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).filter(|at| text.is_char_boundary(*at)).collect();
            places.sort_unstable();
            let (mut clauses, mut out, mut from) = (Clauses::new(), Vec::new(), 0);
            for at in places.into_iter().chain([text.len()]) {
                clauses.push(&text[from..at], &mut out);
                from = at;
            }
            clauses.finish(&mut out);
            prop_assert_eq!(&out, &want);
            for clause in &want {
                prop_assert!(clause.chars().count() <= CLAUSE_CHARS_MAX && clause.trim() == clause);
                prop_assert!(clause.chars().any(char::is_alphanumeric));
            }
        }

        #[test]
        fn no_word_is_lost(text in "[A-Za-z][a-zA-Z0-9 .,:;!?]{0,600}") {
            let letters = |text: &str| text.chars().filter(|sign| sign.is_alphanumeric()).collect::<String>();
            prop_assert_eq!(letters(&whole(&text).concat()), letters(&text));
        }
    }
}
