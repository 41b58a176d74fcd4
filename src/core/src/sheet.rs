//! Rows of files that others made: CSV as RFC 4180 has it, with other delimiters too, and lines of JSON. Bytes come in
//! windows of any size, so a file of any length is read in constant memory, and one bad row costs itself alone.

use csv_core::{ReadRecordResult as Read, Reader, ReaderBuilder};

/// Longest row, in bytes.
pub const ROW_BYTES_MAX: usize = 64 * 1024;

/// The mark that some programs put in front of UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";
/// What may stand between two cells.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// What is wrong with one row, or with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is longer than a row may be.
    #[error("the row is longer than {} KiB", ROW_BYTES_MAX / 1024)]
    TooLong,
    /// It has more or fewer cells than the first row.
    #[error("the row has {has} cells, the first row has {wants}")]
    Cells {
        /// Its own.
        has: usize,
        /// Those of the first row.
        wants: usize,
    },
    /// A quotation mark opens and never closes.
    #[error(
        "a quotation mark opens a cell and is not closed; double it where it is part of the text"
    )]
    Quote,
    /// Its bytes are not UTF-8.
    #[error("the row is not UTF-8; save the file as UTF-8")]
    NotUtf8,
    /// It has the character U+0000.
    #[error("the row has the character U+0000")]
    Nul,
    /// It is no JSON object.
    #[error("the line is not a JSON object")]
    NotJson,
    /// The file is UTF-16.
    #[error("the file is UTF-16; save it as UTF-8")]
    Utf16,
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
}

impl Fault {
    /// Its stable name.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLong => "row_too_long",
            Self::Cells { .. } => "wrong_cell_count",
            Self::Quote => "unclosed_quote",
            Self::NotUtf8 => "not_utf8",
            Self::Nul => "invalid_character",
            Self::NotJson => "not_json",
            Self::Utf16 => "utf_16",
            Self::Empty => "empty",
        }
    }
}

/// What stands at the beginning of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Part of a row: more bytes are needed behind these.
    More,
    /// Bytes that are to be passed by, within a row that is too long.
    Skip {
        /// How many.
        bytes: usize,
    },
    /// Lines with nothing on them, that are to be passed by.
    Blank {
        /// Their bytes.
        bytes: usize,
        /// Their ends.
        lines: u64,
    },
    /// A row, to be had from [`Sheet::cells`] or [`Sheet::line`].
    Row {
        /// Its bytes, with its end.
        bytes: usize,
        /// Ends of lines before the row itself, and in all of it.
        lines: (u64, u64),
    },
    /// A row that cannot be used.
    Bad {
        /// What is passed by.
        bytes: usize,
        /// As for a row.
        lines: (u64, u64),
        /// Why.
        fault: Fault,
        /// The cell, counted from 1, where it is one.
        cell: Option<usize>,
    },
    /// Nothing more.
    End,
}

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Cells with this between them.
    Csv(u8),
    /// A JSON object in each line.
    JsonLines,
}

/// What is looked at first of a file: how many bytes to pass by.
///
/// # Errors
/// [`Fault::Utf16`], [`Fault::Empty`].
pub fn beginning(bytes: &[u8]) -> Result<usize, Fault> {
    if bytes.is_empty() {
        return Err(Fault::Empty);
    }
    let utf_16 = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    // Of plain letters every second byte is 0.
    if utf_16 || matches!(bytes, [0, _, 0, ..] | [_, 0, _, 0, ..]) {
        return Err(Fault::Utf16);
    }
    Ok(if bytes.starts_with(BOM) { BOM.len() } else { 0 })
}

/// What stands between the cells of a first line: of what may, what is there most often outside of quotation marks.
pub fn delimiter(line: &[u8]) -> u8 {
    let mut counts = [0_usize; DELIMITERS.len()];
    let mut quoted = false;
    for byte in line.iter().take_while(|b| !matches!(b, b'\n' | b'\r')) {
        if *byte == b'"' {
            quoted = !quoted;
        }
        if let Some(at) = DELIMITERS
            .iter()
            .position(|d| d == byte)
            .filter(|_| !quoted)
        {
            counts[at] += 1;
        }
    }
    let most = counts.iter().max().copied().unwrap_or(0);
    let at = counts.iter().position(|count| *count == most).unwrap_or(0);
    DELIMITERS[at]
}

/// Reads rows.
pub struct Sheet {
    form: Form,
    reader: Reader,
    /// Cells of every row; 0 until the first has been read.
    wants: usize,
    out: Vec<u8>,
    ends: Vec<usize>,
    cells: usize,
    is_skipping: bool,
    /// Ends of lines before the row that is being skipped.
    skipped_lines: u64,
}

impl Sheet {
    /// Of rows in this form, with so many cells; the first row says how many if that is 0.
    pub fn new(form: Form, cells: usize) -> Self {
        let delimiter = match form {
            Form::Csv(delimiter) => delimiter,
            Form::JsonLines => b',',
        };
        Self {
            form,
            reader: ReaderBuilder::new().delimiter(delimiter).build(),
            wants: cells,
            out: vec![0; ROW_BYTES_MAX + 1],
            ends: vec![0; crate::contact::COLUMNS_MAX + 2],
            cells: 0,
            is_skipping: false,
            skipped_lines: 0,
        }
    }

    /// The next row of a window; `is_last` if no bytes come behind it. Whoever has passed the bytes of a piece by gives what
    /// is behind them.
    pub fn next(&mut self, window: &[u8], is_last: bool) -> Piece {
        let blank = window
            .iter()
            .take_while(|b| matches!(b, b'\n' | b'\r'))
            .count();
        let (before, rest) = window.split_at(if self.is_skipping { 0 } else { blank });
        let before = (before.len(), ends_of_lines(before));
        if rest.is_empty() {
            return match is_last {
                true if self.is_skipping => self.skipped(before, 0),
                true => Piece::End,
                false if before.0 > 0 => Piece::Blank {
                    bytes: before.0,
                    lines: before.1,
                },
                false => Piece::More,
            };
        }
        let end = rest.iter().position(|b| *b == b'\n').map(|at| at + 1);
        if self.is_skipping {
            return match end {
                Some(end) => self.skipped(before, end),
                None => Piece::Skip { bytes: rest.len() },
            };
        }
        match self.form {
            Form::Csv(_) => self.row(before, rest, end, is_last),
            Form::JsonLines => self.json(before, rest, end, is_last),
        }
    }

    /// The cells of the row.
    pub fn cells(&self) -> impl Iterator<Item = &str> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).take(self.cells).map(|(begin, end)| {
            let cell = self.out.get(begin..*end).unwrap_or_default();
            std::str::from_utf8(cell).unwrap_or_default()
        })
    }

    /// The line of JSON.
    pub fn line(&self) -> &str {
        let line = self.out.get(..self.cells).unwrap_or_default();
        std::str::from_utf8(line).unwrap_or_default()
    }

    fn skipped(&mut self, before: (usize, u64), bytes: usize) -> Piece {
        self.is_skipping = false;
        let before = (before.0, self.skipped_lines);
        bad(before, bytes, 1, Fault::TooLong, None)
    }

    /// A row that is longer than it may be: its line is passed by.
    fn too_long(&mut self, before: (usize, u64), rest: &[u8], end: Option<usize>) -> Piece {
        match end {
            Some(end) => bad(before, end, 1, Fault::TooLong, None),
            None => {
                self.is_skipping = true;
                self.skipped_lines = before.1;
                Piece::Skip {
                    bytes: before.0 + rest.len(),
                }
            }
        }
    }

    fn row(
        &mut self,
        before: (usize, u64),
        rest: &[u8],
        end: Option<usize>,
        is_last: bool,
    ) -> Piece {
        let input = rest.get(..ROW_BYTES_MAX).unwrap_or(rest);
        self.reader.reset();
        let (mut read, mut written, mut cells) = (0, 0, 0);
        loop {
            let from = input.get(read..).unwrap_or_default();
            let (out, ends) = (&mut self.out[written..], &mut self.ends[cells..]);
            let (result, bytes, more, count) = self.reader.read_record(from, out, ends);
            read += bytes;
            written += more;
            cells += count;
            match result {
                Read::InputEmpty if from.is_empty() => break,
                Read::InputEmpty if input.len() < rest.len() || input.len() == ROW_BYTES_MAX => {
                    // A mark that was never closed makes one row of all that follows.
                    let first = rest.get(..end.unwrap_or(0)).unwrap_or_default();
                    return match first.len() < ROW_BYTES_MAX && is_odd(first) {
                        true => bad(before, first.len(), 1, Fault::Quote, None),
                        false => self.too_long(before, rest, end),
                    };
                }
                Read::InputEmpty if !is_last => return Piece::More,
                Read::InputEmpty => {}
                Read::OutputFull | Read::OutputEndsFull => {
                    let has = crate::contact::COLUMNS_MAX + 1;
                    let fault = Fault::Cells {
                        has,
                        wants: self.wants,
                    };
                    return match end {
                        Some(end) => bad(before, end, 1, fault, None),
                        None if is_last => bad(before, rest.len(), 0, fault, None),
                        None if rest.len() < ROW_BYTES_MAX => Piece::More,
                        None => self.too_long(before, rest, end),
                    };
                }
                Read::Record | Read::End => break,
            }
        }
        let row = input.get(..read).unwrap_or_default();
        self.judged(before, row, end, cells)
    }

    fn judged(
        &mut self,
        before: (usize, u64),
        row: &[u8],
        end: Option<usize>,
        cells: usize,
    ) -> Piece {
        self.cells = cells;
        let wants = if self.wants == 0 { cells } else { self.wants };
        let lines = ends_of_lines(row);
        // A mark that was left open takes in the rows behind it, up to the next mark: that one closes nothing.
        let is_long = end.is_some_and(|end| end < row.len());
        if is_long && !self.is_well_quoted(row) {
            return bad(before, end.unwrap_or(row.len()), 1, Fault::Quote, None);
        }
        if cells != wants {
            return bad(
                before,
                row.len(),
                lines,
                Fault::Cells { has: cells, wants },
                None,
            );
        }
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        let spans = begins.zip(self.ends.iter().copied()).take(cells);
        for (at, (begin, end)) in spans.enumerate() {
            let cell = self.out.get(begin..end).unwrap_or_default();
            let fault = match std::str::from_utf8(cell) {
                Err(_) => Fault::NotUtf8,
                Ok(text) if text.contains('\0') => Fault::Nul,
                Ok(_) => continue,
            };
            return bad(before, row.len(), lines, fault, Some(at + 1));
        }
        self.wants = wants;
        Piece::Row {
            bytes: before.0 + row.len(),
            lines: (before.1, before.1 + lines),
        }
    }

    /// Whether every mark that opens a cell is closed where the cell ends.
    fn is_well_quoted(&self, row: &[u8]) -> bool {
        let Form::Csv(delimiter) = self.form else {
            return true;
        };
        let is_edge = |byte: u8| byte == delimiter || matches!(byte, b'\n' | b'\r');
        let (mut begins, mut quoted) = (true, false);
        let mut bytes = row.iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            if !quoted {
                quoted = begins && byte == b'"';
                begins = is_edge(byte);
            } else if byte == b'"' && bytes.next_if_eq(&b'"').is_none() {
                quoted = false;
                if bytes.peek().is_some_and(|next| !is_edge(*next)) {
                    return false;
                }
            }
        }
        !quoted
    }

    fn json(
        &mut self,
        before: (usize, u64),
        rest: &[u8],
        end: Option<usize>,
        is_last: bool,
    ) -> Piece {
        let Some(bytes) = end.or(is_last.then_some(rest.len())) else {
            return match rest.len() > ROW_BYTES_MAX {
                true => self.too_long(before, rest, end),
                false => Piece::More,
            };
        };
        let row = rest.get(..bytes).unwrap_or_default();
        let lines = ends_of_lines(row);
        let fault = if bytes > ROW_BYTES_MAX {
            Fault::TooLong
        } else if std::str::from_utf8(row).is_err() {
            Fault::NotUtf8
        } else {
            self.out[..bytes].copy_from_slice(row);
            self.cells = bytes;
            return Piece::Row {
                bytes: before.0 + bytes,
                lines: (before.1, before.1 + lines),
            };
        };
        bad(before, bytes, lines, fault, None)
    }
}

fn bad(before: (usize, u64), bytes: usize, lines: u64, fault: Fault, cell: Option<usize>) -> Piece {
    Piece::Bad {
        bytes: before.0 + bytes,
        lines: (before.1, before.1 + lines),
        fault,
        cell,
    }
}

fn ends_of_lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|b| **b == b'\n').count() as u64
}

/// Whether there is a quotation mark without another.
fn is_odd(bytes: &[u8]) -> bool {
    bytes.iter().filter(|b| **b == b'"').count() % 2 == 1
}

#[cfg(test)]
mod tests;
