//! Tables: comma-separated values, each row with the names of its columns.

use super::chunk::{Cutter, PASSAGE_CHARS_MAX, Passage, Place, TooMuch, sentences};

/// Most columns of a table.
pub const COLUMNS_MAX: usize = 200;
/// Longest value, in characters; the rest is left out.
const VALUE_CHARS_MAX: usize = 4_000;
/// What may stand between values.
const SEPARATORS: [char; 4] = [',', ';', '\t', '|'];

/// A text is no table that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTable {
    /// A header, and nothing below it.
    #[error("the table has a header and no rows")]
    NoRows,
    /// Quotation marks that open and never close.
    #[error("the table's row {row} opens a quotation mark that is never closed")]
    OpenQuote {
        /// Counted from 1; the header is row 0.
        row: usize,
    },
    /// More columns than a table may have.
    #[error("the table's row {row} has more than {COLUMNS_MAX} columns")]
    Wide {
        /// Counted from 1; the header is row 0.
        row: usize,
    },
    /// More than the header names.
    #[error("the table's row {row} has more values than the header has names")]
    Ragged {
        /// Counted from 1.
        row: usize,
    },
    /// More rows than passages.
    #[error(transparent)]
    TooMuch(#[from] TooMuch),
}

/// Reads rows one by one.
struct Rows<'a> {
    rest: &'a str,
    separator: char,
    read: usize,
}

impl Rows<'_> {
    /// The next row that has anything in it, with its number; `None` at the end.
    fn next(&mut self) -> Result<Option<(usize, Vec<String>)>, NoTable> {
        while !self.rest.is_empty() {
            let row = self.row()?;
            let number = self.read;
            if row.iter().any(|value| !value.is_empty()) {
                self.read += 1;
                return Ok(Some((number, row)));
            }
        }
        Ok(None)
    }

    fn row(&mut self) -> Result<Vec<String>, NoTable> {
        let mut row = Vec::new();
        loop {
            let (value, ended_by) = self.value()?;
            if row.len() >= COLUMNS_MAX {
                return Err(NoTable::Wide { row: self.read });
            }
            row.push(value);
            if ended_by != Some(self.separator) {
                return Ok(row);
            }
        }
    }

    /// The next value, and what ended it: the separator, the end of the line, or of the text.
    fn value(&mut self) -> Result<(String, Option<char>), NoTable> {
        let mut value = String::new();
        let mut is_quoted = false;
        let mut was_quoted = false;
        let mut chars = self.rest.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if is_quoted {
                if c != '"' {
                    value.push(c);
                } else if chars.next_if(|(_, next)| *next == '"').is_some() {
                    value.push('"');
                } else {
                    is_quoted = false;
                }
            } else if c == '"' && !was_quoted && value.trim().is_empty() {
                value.clear();
                (is_quoted, was_quoted) = (true, true);
            } else if c == self.separator || c == '\n' {
                self.rest = self.rest.get(at + c.len_utf8()..).unwrap_or_default();
                return Ok((tidy(&value), Some(c)));
            } else {
                value.push(c);
            }
        }
        if is_quoted {
            return Err(NoTable::OpenQuote { row: self.read });
        }
        self.rest = "";
        Ok((tidy(&value), None))
    }
}

fn tidy(value: &str) -> String {
    let words: Vec<&str> = value.split_whitespace().collect();
    let value = words.join(" ");
    match value.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => value.get(..end).unwrap_or_default().to_owned(),
        None => value,
    }
}

/// What stands between the values of a table: whatever its first line has most of.
fn separator(text: &str) -> char {
    let line = text.lines().find(|line| !line.trim().is_empty());
    let count = |sign: char| line.map_or(0, |line| line.matches(sign).count());
    // Of equally many the first in the list: `max_by_key` would take the last.
    let mut best = SEPARATORS[0];
    for sign in SEPARATORS {
        if count(sign) > count(best) {
            best = sign;
        }
    }
    best
}

/// Whether the lines of a text are rows of at least two values, all with as many as the first: `lines` of them under a
/// header.
pub(super) fn looks_like_one(text: &str, lines: usize) -> bool {
    let mut rows = Rows {
        rest: text,
        separator: separator(text),
        read: 0,
    };
    let Ok(Some((_, header))) = rows.next() else {
        return false;
    };
    let is_name =
        |name: &String| !name.is_empty() && name.chars().count() <= 60 && !name.ends_with('.');
    if header.len() < 2 || !header.iter().all(is_name) {
        return false;
    }
    let mut seen = 0;
    while let Ok(Some((_, row))) = rows.next() {
        // The text may be the beginning of a longer one, cut in its last row.
        if row.len() != header.len() {
            return rows.rest.is_empty() && seen >= lines.max(8);
        }
        seen += 1;
    }
    seen >= lines
}

/// The passages of a table: each row with the names of its columns, long rows in several. The first row is the header.
///
/// # Errors
/// [`NoTable`].
pub fn of_table(text: &str) -> Result<Vec<Passage>, NoTable> {
    let mut rows = Rows {
        rest: text,
        separator: separator(text),
        read: 0,
    };
    let (_, header) = rows.next()?.ok_or(NoTable::NoRows)?;
    let mut cutter = Cutter::default();
    while let Some((number, row)) = rows.next()? {
        // What stands behind the last name is let pass while there is nothing in it.
        let named = row.iter().rposition(|value| !value.is_empty());
        if named.is_some_and(|last| last >= header.len()) {
            return Err(NoTable::Ragged { row: number });
        }
        let place = Place {
            row: u32::try_from(number).ok(),
            ..Place::default()
        };
        let mut open = String::new();
        for (name, value) in header
            .iter()
            .zip(&row)
            .filter(|(_, value)| !value.is_empty())
        {
            let field = match name.is_empty() {
                true => value.clone(),
                false => format!("{name}: {value}"),
            };
            for piece in sentences_if_long(&field) {
                let is_full = !open.is_empty()
                    && open.chars().count() + 2 + piece.chars().count() > PASSAGE_CHARS_MAX;
                if is_full {
                    let text = std::mem::take(&mut open);
                    let place = place.clone();
                    cutter.add(Passage { place, text })?;
                }
                if !open.is_empty() {
                    open.push_str("; ");
                }
                open.push_str(piece);
            }
        }
        cutter.add(Passage { place, text: open })?;
    }
    let passages = cutter.finish();
    match passages.is_empty() {
        true => Err(NoTable::NoRows),
        false => Ok(passages),
    }
}

fn sentences_if_long(field: &str) -> Vec<&str> {
    if field.chars().count() <= PASSAGE_CHARS_MAX {
        vec![field]
    } else {
        sentences(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Result<Vec<(u32, String)>, NoTable> {
        let passages = of_table(text)?.into_iter();
        Ok(passages
            .map(|passage| (passage.place.row.unwrap(), passage.text))
            .collect())
    }

    #[test]
    fn a_row_is_read_with_the_names_of_its_columns() {
        for (text, found) in [
            (
                "name,price\nCrown,\"$1,200\"\n\nFilling,90\n",
                vec![
                    (1, "name: Crown; price: $1,200"),
                    (2, "name: Filling; price: 90"),
                ],
            ),
            (
                "Ort;Straße\n\"Lüneburg\";\"Am \"\"Sande\"\"\n5\"",
                vec![(1, "Ort: Lüneburg; Straße: Am \"Sande\" 5")],
            ),
            ("a\tb\n1\t\n\t2\n", vec![(1, "a: 1"), (2, "b: 2")]),
            ("only\none\ntwo", vec![(1, "only: one"), (2, "only: two")]),
            ("a,b\n1,2,,\n", vec![(1, "a: 1; b: 2")]),
        ] {
            let found = found.into_iter().map(|(row, text)| (row, text.to_owned()));
            assert_eq!(rows(text), Ok(found.collect()), "{text}");
        }
    }

    #[test]
    fn what_is_no_table_is_refused_with_its_row() {
        let wide = vec!["x"; 10_000].join(",");
        for (text, error) in [
            ("", NoTable::NoRows),
            ("a,b\n", NoTable::NoRows),
            ("a,b\n1,\"2\n3,4\n", NoTable::OpenQuote { row: 1 }),
            ("a,b\n1,2\n1,2,3\n", NoTable::Ragged { row: 2 }),
            (&wide, NoTable::Wide { row: 0 }),
            (&format!("a,b\n{wide}"), NoTable::Wide { row: 1 }),
            (&"a\n".repeat(10_002), NoTable::TooMuch(TooMuch)),
        ] {
            assert_eq!(rows(text), Err(error));
        }
    }

    #[test]
    fn a_long_value_is_cut_and_a_long_row_has_several_passages() {
        let text = format!("id,terms\n7,{}\n", "All of it is agreed. ".repeat(150));
        let found = rows(&text).unwrap();
        assert!(found.len() > 2, "{}", found.len());
        for (row, text) in found {
            assert_eq!(row, 1);
            assert!(text.chars().count() <= PASSAGE_CHARS_MAX);
        }
    }

    #[test]
    fn only_what_is_regular_is_taken_for_a_table() {
        for (text, is_one) in [
            ("a,b\n1,2\n3,4\n", true),
            ("a;b\n1;2\n3;4", true),
            ("a,b\n1,2\n", false),
            ("a\n1\n2\n3\n", false),
            ("a,b\n1,2\n3,4,5\n", false),
            ("Hello, world.\nThis is, well, text.\nYes, it is.", false),
        ] {
            assert_eq!(looks_like_one(text, 2), is_one, "{text}");
        }
    }
}
