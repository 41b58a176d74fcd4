//! Markdown, as far as it matters for finding things: headings make places, everything else is text.

use super::chunk::{Cutter, Passage, Place, TooMuch};

/// Deepest heading.
const LEVELS: usize = 6;
/// Longest heading that is kept as part of a place, in characters.
const HEADING_CHARS_MAX: usize = 120;

/// The level and the words of a line that is a heading: `#` to `######`, a space, and words.
pub(super) fn heading(line: &str) -> Option<(usize, String)> {
    let line = line
        .strip_prefix("   ")
        .unwrap_or(line)
        .trim_start_matches(' ');
    let rest = line.trim_start_matches('#');
    let level = line.len() - rest.len();
    if !(1..=LEVELS).contains(&level) || !rest.starts_with([' ', '\t']) {
        return None;
    }
    let words = rest.trim().trim_end_matches('#').trim_end();
    (!words.is_empty()).then(|| {
        (
            level,
            plain(words).chars().take(HEADING_CHARS_MAX).collect(),
        )
    })
}

/// A heading made by the line under it: its level.
fn underline(line: &str) -> Option<usize> {
    let line = line.trim_end();
    let all = |sign: char| line.len() >= 3 && line.chars().all(|c| c == sign);
    if all('=') {
        return Some(1);
    }
    all('-').then_some(2)
}

/// Words without the signs that only shape them.
fn plain(words: &str) -> String {
    words.replace(['*', '`'], "").trim().to_owned()
}

/// The passages of a Markdown text, each with the headings above it.
///
/// # Errors
/// [`TooMuch`].
pub fn of_markdown(text: &str) -> Result<Vec<Passage>, TooMuch> {
    let mut cutter = Cutter::default();
    let mut headings: Vec<(usize, String)> = Vec::new();
    let mut section = String::new();
    let mut is_fenced = false;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~") {
            is_fenced = !is_fenced;
            continue;
        }
        let mut found = heading(line).filter(|_| !is_fenced);
        if found.is_none() && !is_fenced && is_title(line) {
            found = lines
                .next_if(|next| underline(next).is_some())
                .and_then(underline)
                .map(|level| (level, plain(line).chars().take(HEADING_CHARS_MAX).collect()));
        }
        let Some((level, words)) = found else {
            section.push_str(line);
            section.push('\n');
            continue;
        };
        cutter.push(&section, &place(&headings))?;
        section.clear();
        headings.retain(|(above, _)| *above < level);
        headings.push((level, words));
    }
    cutter.push(&section, &place(&headings))?;
    Ok(cutter.finish())
}

/// Whether a line could be a heading by the line under it; a list or a table's row could not.
fn is_title(line: &str) -> bool {
    let line = line.trim();
    line.chars().any(char::is_alphanumeric)
        && line.chars().count() <= HEADING_CHARS_MAX
        && !line.starts_with(['-', '*', '+', '>', '|'])
}

fn place(headings: &[(usize, String)]) -> Place {
    Place {
        headings: headings.iter().map(|(_, words)| words.clone()).collect(),
        ..Place::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passage_knows_the_headings_above_it() {
        let text = "Before all.\n\n# Clinic\n\nOak Street.\n\n## Hours ##\n\nNine to five.\n\n### *Weekends*\n\n\
                    Closed.\n\n## Prices\n\nSee below.\n\nParking\n-------\n\nBehind the house.\n\n\
                    ```\n# no heading\n```\n";
        let passages = of_markdown(text).unwrap();
        let found: Vec<(String, &str)> = passages
            .iter()
            .map(|passage| (passage.place.headings.join(" > "), passage.text.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                (String::new(), "Before all."),
                ("Clinic".into(), "Oak Street."),
                ("Clinic > Hours".into(), "Nine to five."),
                ("Clinic > Hours > Weekends".into(), "Closed."),
                ("Clinic > Prices".into(), "See below."),
                (
                    "Clinic > Parking".into(),
                    "Behind the house.\n\n# no heading"
                ),
            ]
        );
    }

    #[test]
    fn headings() {
        for (line, found) in [
            ("# A", Some((1, "A"))),
            ("###### Deep ######", Some((6, "Deep"))),
            ("####### too deep", None),
            ("#tag", None),
            ("#", None),
            ("  ## In a little", Some((2, "In a little"))),
        ] {
            let found = found.map(|(level, words): (usize, &str)| (level, words.to_owned()));
            assert_eq!(heading(line), found, "{line}");
        }
    }
}
