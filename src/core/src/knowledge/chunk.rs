//! Text in passages: by paragraphs, long ones by sentences, with a little of the end of each at the start of the next.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Most passages of one document.
pub const PASSAGES_MAX: usize = 10_000;
/// Longest passage, in characters.
pub const PASSAGE_CHARS_MAX: usize = 1_200;
/// A passage that is longer takes no further paragraph.
const PASSAGE_CHARS_GOOD: usize = 700;
/// How much of the end of a passage the next begins with, at most, in characters.
const OVERLAP_CHARS_MAX: usize = 160;

/// Where in its document a passage stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The headings above it, the outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headings: Vec<String>,
    /// The page that it is on, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// The row of a table that it is or begins with, from 1; the header is no row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u32>,
}

impl fmt::Display for Place {
    /// As `Hours › Weekends, page 3`; nothing if nothing is known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headings.join(" › "))?;
        let mut is_first = self.headings.is_empty();
        for (what, number) in [("page", self.page), ("row", self.row)] {
            if let Some(number) = number {
                let comma = if is_first { "" } else { ", " };
                write!(f, "{comma}{what} {number}")?;
                is_first = false;
            }
        }
        Ok(())
    }
}

/// A piece of a document, long enough to answer and short enough to be said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    /// Where it stands.
    #[serde(default)]
    pub place: Place,
    /// Its words; at most [`PASSAGE_CHARS_MAX`] characters.
    pub text: String,
}

/// A document has more passages than one may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the document has more than {PASSAGES_MAX} passages; split it")]
pub struct TooMuch;

/// The text of one page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// From 1.
    pub page: u32,
    /// What is on it.
    pub text: String,
}

/// The passages of plain text.
///
/// # Errors
/// [`TooMuch`].
pub fn of_text(text: &str) -> Result<Vec<Passage>, TooMuch> {
    let mut cutter = Cutter::default();
    cutter.push(text, &Place::default())?;
    Ok(cutter.finish())
}

/// The passages of pages, each on one page.
///
/// # Errors
/// [`TooMuch`].
pub fn of_pages(pages: &[Page]) -> Result<Vec<Passage>, TooMuch> {
    let mut cutter = Cutter::default();
    for page in pages {
        let place = Place {
            page: Some(page.page),
            ..Place::default()
        };
        cutter.push(&unbroken(&page.text), &place)?;
    }
    Ok(cutter.finish())
}

/// A page's text with its lines joined to paragraphs, and words that were cut at the end of a line whole again.
fn unbroken(page: &str) -> String {
    let mut text = String::with_capacity(page.len());
    for line in page.lines().map(str::trim) {
        if line.is_empty() {
            text.push_str("\n\n");
            continue;
        }
        let before_hyphen = text
            .strip_suffix('-')
            .and_then(|whole| whole.chars().next_back());
        let is_cut = before_hyphen.is_some_and(char::is_lowercase)
            && line.chars().next().is_some_and(char::is_lowercase);
        if is_cut {
            text.pop();
        } else if !text.is_empty() && !text.ends_with('\n') {
            text.push(' ');
        }
        text.push_str(line);
    }
    text
}

/// Cuts sections, one after another.
#[derive(Default)]
pub(super) struct Cutter {
    passages: Vec<Passage>,
}

impl Cutter {
    /// Cuts one section; a passage never reaches into the next.
    pub(super) fn push(&mut self, section: &str, place: &Place) -> Result<(), TooMuch> {
        let mut open = String::new();
        let mut chars = 0;
        for paragraph in paragraphs(section) {
            let length = paragraph.chars().count();
            if length > PASSAGE_CHARS_MAX {
                self.close(&mut open, place)?;
                self.push_long(&paragraph, place)?;
                chars = 0;
                continue;
            }
            if !open.is_empty()
                && (chars + 2 + length > PASSAGE_CHARS_MAX || chars >= PASSAGE_CHARS_GOOD)
            {
                let before = overlap(&open).to_owned();
                self.close(&mut open, place)?;
                if before.chars().count() + 2 + length <= PASSAGE_CHARS_MAX {
                    open = before;
                }
                chars = open.chars().count();
            }
            if !open.is_empty() {
                open.push_str("\n\n");
                chars += 2;
            }
            open.push_str(&paragraph);
            chars += length;
        }
        self.close(&mut open, place)
    }

    /// A paragraph that is too long for one passage, by its sentences.
    fn push_long(&mut self, paragraph: &str, place: &Place) -> Result<(), TooMuch> {
        let mut open = String::new();
        for sentence in sentences(paragraph) {
            let fits = |open: &str| {
                open.chars().count() + 1 + sentence.chars().count() <= PASSAGE_CHARS_MAX
            };
            if !open.is_empty() && (!fits(&open) || open.chars().count() >= PASSAGE_CHARS_GOOD) {
                let before = overlap(&open).to_owned();
                self.close(&mut open, place)?;
                if fits(&before) {
                    open = before;
                }
            }
            if !open.is_empty() {
                open.push(' ');
            }
            open.push_str(sentence);
        }
        self.close(&mut open, place)
    }

    fn close(&mut self, open: &mut String, place: &Place) -> Result<(), TooMuch> {
        let text = std::mem::take(open);
        if !text.chars().any(char::is_alphanumeric) {
            return Ok(());
        }
        self.add(Passage {
            place: place.clone(),
            text,
        })
    }

    /// Takes a passage as it is.
    pub(super) fn add(&mut self, passage: Passage) -> Result<(), TooMuch> {
        if self.passages.len() >= PASSAGES_MAX {
            return Err(TooMuch);
        }
        self.passages.push(passage);
        Ok(())
    }

    pub(super) fn finish(self) -> Vec<Passage> {
        self.passages
    }
}

/// Paragraphs with single spaces, their lines kept.
fn paragraphs(section: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut open = String::new();
    for line in section.split(['\n', '\x0c']) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.is_empty() {
            if !open.is_empty() {
                all.push(std::mem::take(&mut open));
            }
            continue;
        }
        if !open.is_empty() {
            open.push('\n');
        }
        open.push_str(&words.join(" "));
    }
    if !open.is_empty() {
        all.push(open);
    }
    all
}

/// Pieces of a text of at most [`PASSAGE_CHARS_MAX`] characters, cut behind sentences where there are any, else between
/// words, else anywhere.
pub(super) fn sentences(text: &str) -> Vec<&str> {
    let mut all = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = sentence_end(rest);
        let (sentence, behind) = rest.split_at(end);
        all.push(sentence.trim());
        rest = behind.trim_start();
    }
    all
}

fn sentence_end(text: &str) -> usize {
    let mut last_space = None;
    let mut is_over = false;
    for (count, (at, c)) in text.char_indices().enumerate() {
        if count >= PASSAGE_CHARS_MAX {
            return last_space.unwrap_or(at);
        }
        if c.is_whitespace() {
            if is_over || c == '\n' {
                return at;
            }
            // A cut within a sentence is better not at its very start.
            if count > PASSAGE_CHARS_MAX / 2 {
                last_space = Some(at);
            }
        }
        is_over = matches!(c, '.' | '!' | '?' | '…' | '。' | '！' | '？')
            || (is_over && matches!(c, '"' | '\'' | ')' | '”' | '»'));
        // Writing without spaces ends a sentence by its own sign.
        if matches!(c, '。' | '！' | '？') {
            return at + c.len_utf8();
        }
    }
    text.len()
}

/// The last sentences of a passage that are short enough to begin the next with.
fn overlap(text: &str) -> &str {
    let mut start = text.len();
    for sentence in sentences(text).into_iter().rev() {
        let Some(at) = text.get(..start).and_then(|head| head.rfind(sentence)) else {
            break;
        };
        if text.get(at..).map_or(0, |tail| tail.chars().count()) > OVERLAP_CHARS_MAX {
            break;
        }
        start = at;
    }
    text.get(start..).unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        let passages = of_text(text).unwrap();
        passages.into_iter().map(|passage| passage.text).collect()
    }

    #[test]
    fn short_paragraphs_share_a_passage_and_long_ones_are_cut_behind_sentences() {
        assert_eq!(
            texts("One.\n\n\n  Two   words.\nThree.\n"),
            ["One.\n\nTwo words.\nThree."]
        );
        let sentence =
            |n: usize| format!("This is sentence number {n} of a paragraph without an end.");
        let long: Vec<String> = (0..60).map(sentence).collect();
        let found = texts(&long.join(" "));
        assert!(found.len() > 3, "{}", found.len());
        for pair in found.windows(2) {
            assert!(pair[0].ends_with("end."), "{}", pair[0]);
            // What ends one begins the next.
            let last = sentences(&pair[0]).pop().unwrap();
            assert!(pair[1].contains(last), "{last} in {}", pair[1]);
        }
        for n in 0..60 {
            assert!(found.iter().any(|text| text.contains(&sentence(n))), "{n}");
        }
    }

    #[test]
    fn nothing_is_lost_and_nothing_is_too_long() {
        let walls = [
            "x".repeat(5_000),
            "word ".repeat(2_000),
            "。".repeat(3_000) + &"漢".repeat(2_000),
            "a\u{301}".repeat(2_000),
            format!("{}\n\n{}", "Short. ".repeat(100), "y".repeat(1_300)),
        ];
        for wall in walls {
            let found = texts(&wall);
            let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
            let kept: usize = found.iter().map(|text| letters(text)).sum();
            assert!(kept >= letters(&wall));
            for text in &found {
                assert!(
                    text.chars().count() <= PASSAGE_CHARS_MAX,
                    "{}",
                    text.chars().count()
                );
            }
        }
        assert!(texts("--- *** ...").is_empty());
    }

    #[test]
    fn more_than_can_be_kept_is_refused() {
        let paragraph = "A paragraph of its own. ".repeat(35);
        let text = format!("{paragraph}\n\n").repeat(PASSAGES_MAX + 1);
        assert_eq!(of_text(&text), Err(TooMuch));
    }

    #[test]
    fn a_page_reads_on_over_its_lines() {
        let pages = [
            Page {
                page: 1,
                text: "Our insur-\nance covers\nfire.\n\nAnd water.".into(),
            },
            Page {
                page: 7,
                text: "E-\nMail us".into(),
            },
        ];
        let passages = of_pages(&pages).unwrap();
        assert_eq!(passages[0].text, "Our insurance covers fire.\n\nAnd water.");
        assert_eq!(passages[1].text, "E- Mail us");
        assert_eq!(passages[1].place.to_string(), "page 7");
    }

    #[test]
    fn places_as_people_read_them() {
        for (headings, page, row, text) in [
            (&[][..], None, None, ""),
            (&["Hours", "Weekends"], None, None, "Hours › Weekends"),
            (&["Hours"], Some(3), None, "Hours, page 3"),
            (&[], None, Some(12), "row 12"),
        ] {
            let headings = headings
                .iter()
                .map(|words: &&str| (*words).to_owned())
                .collect();
            let place = Place {
                headings,
                page,
                row,
            };
            assert_eq!(place.to_string(), text);
        }
    }
}
