//! What a document is, by its bytes. What its sender says of it is only held against them.

use std::fmt;

/// Bytes at the start of a file in which a PDF may begin.
const PDF_BEGINS_WITHIN: usize = 1_024;
/// Bytes that are looked at for a table or for headings.
const LOOKED_AT: usize = 64 * 1_024;
/// Lines that must look alike to make a table.
const TABLE_LINES: usize = 2;

/// What can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Plain text.
    Text,
    /// Text with headings.
    Markdown,
    /// Rows with a header.
    Csv,
    /// Pages.
    Pdf,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Text, Self::Markdown, Self::Csv, Self::Pdf];

    /// The word for it, in stable snake_case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Markdown => "markdown",
            Self::Csv => "csv",
            Self::Pdf => "pdf",
        }
    }

    /// Reads the word; `None` for any other text.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Its media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain",
            Self::Markdown => "text/markdown",
            Self::Csv => "text/csv",
            Self::Pdf => "application/pdf",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "plain text",
            Self::Markdown => "Markdown",
            Self::Csv => "CSV",
            Self::Pdf => "a PDF",
        })
    }
}

/// A document cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// There is nothing in it.
    #[error("the document is empty")]
    Empty,
    /// It is something that is not read here.
    #[error("the document is {what}; text, Markdown, CSV and PDF are read")]
    Other {
        /// What it is, as `a ZIP archive`.
        what: &'static str,
    },
    /// It is something else than was said.
    #[error("the document was sent as {claimed} and is {is}; send it as what it is")]
    Lies {
        /// What was said.
        claimed: Kind,
        /// What it is.
        is: Kind,
    },
    /// It was said to be a PDF and does not begin as one.
    #[error("the document was sent as a PDF and does not begin as one")]
    NoPdf,
    /// Its bytes are no text.
    #[error("the document is no text in UTF-8, nor in UTF-16 with a byte order mark")]
    NoText,
}

/// The beginnings of what is often sent in place of a document.
const OTHERS: &[(&[u8], &str)] = &[
    (
        b"PK\x03\x04",
        "a ZIP archive, or an office document, which is one",
    ),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x1f\x8b", "compressed by gzip"),
    (b"BZh", "compressed by bzip2"),
    (b"\xfd7zXZ", "compressed by xz"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an old office document",
    ),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"II*\0", "a picture (TIFF)"),
    (b"MM\0*", "a picture (TIFF)"),
    (b"RIFF", "a sound or a film (RIFF)"),
    (b"ID3", "a sound (MP3)"),
    (b"OggS", "a sound (Ogg)"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"{\\rtf", "rich text (RTF)"),
    (b"%!PS", "PostScript"),
    (b"SQLite format 3\0", "a database"),
];

/// What a document is. `claimed` is what its sender says, if anything.
///
/// # Errors
/// [`Unreadable`]: it is empty, nothing that is read here, or not what its sender says.
pub fn sniff(bytes: &[u8], claimed: Option<Kind>) -> Result<Kind, Unreadable> {
    if bytes.is_empty() {
        return Err(Unreadable::Empty);
    }
    let head = bytes.get(..PDF_BEGINS_WITHIN).unwrap_or(bytes);
    let begins_as_pdf = |within: &[u8]| within.windows(5).any(|five| five == b"%PDF-");
    // Text about PDFs may name the mark too: only what nobody calls text may have something in front of it.
    let is_pdf = head.starts_with(b"%PDF-")
        || (!matches!(claimed, Some(Kind::Text | Kind::Markdown | Kind::Csv))
            && begins_as_pdf(head)
            && text_of(bytes).is_err());
    if is_pdf || (claimed == Some(Kind::Pdf) && begins_as_pdf(head)) {
        return match claimed {
            None | Some(Kind::Pdf) => Ok(Kind::Pdf),
            Some(claimed) => Err(Unreadable::Lies {
                claimed,
                is: Kind::Pdf,
            }),
        };
    }
    let text = match text_of(bytes) {
        Ok(text) => text,
        // A mark of two letters may begin a text too: it tells what something is that is none.
        Err(unreadable) => {
            let other = OTHERS.iter().find(|(mark, _)| bytes.starts_with(mark));
            return Err(other.map_or(unreadable, |(_, what)| Unreadable::Other { what }));
        }
    };
    for (mark, what) in [("{\\rtf", "rich text (RTF)"), ("%!PS", "PostScript")] {
        if text.starts_with(mark) {
            return Err(Unreadable::Other { what });
        }
    }
    if text.trim().is_empty() {
        return Err(Unreadable::Empty);
    }
    match claimed {
        Some(Kind::Pdf) => Err(Unreadable::NoPdf),
        Some(kind) => Ok(kind),
        None => Ok(guess(&text)),
    }
}

/// A document's text: UTF-8, or UTF-16 with a byte order mark; lines end in `\n`.
///
/// # Errors
/// [`Unreadable::NoText`]: it is in no such encoding, or holds NULs or other characters that no text has.
pub fn text_of(bytes: &[u8]) -> Result<String, Unreadable> {
    let wide = |rest: &[u8], read: fn([u8; 2]) -> u16| {
        let (pairs, odd) = rest.as_chunks::<2>();
        let units = pairs.iter().map(|pair| read(*pair));
        let text: Result<String, _> = char::decode_utf16(units).collect();
        text.ok().filter(|_| odd.is_empty())
    };
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => std::str::from_utf8(rest).ok().map(str::to_owned),
        _ => std::str::from_utf8(bytes).ok().map(str::to_owned),
    };
    let text = text.ok_or(Unreadable::NoText)?;
    let is_strange = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\x0c' | '\x0b');
    if text.chars().any(is_strange) {
        return Err(Unreadable::NoText);
    }
    Ok(text.replace("\r\n", "\n").replace('\r', "\n"))
}

/// What a text looks like of which nothing was said.
fn guess(text: &str) -> Kind {
    let mut end = text.len().min(LOOKED_AT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let head = text.get(..end).unwrap_or(text);
    if super::table::looks_like_one(head, TABLE_LINES) {
        return Kind::Csv;
    }
    let mut is_fenced = false;
    for line in head.lines() {
        if line.starts_with("```") {
            is_fenced = !is_fenced;
        } else if !is_fenced && super::markdown::heading(line).is_some() {
            return Kind::Markdown;
        }
    }
    Kind::Text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_say_what_a_document_is() {
        let utf16: Vec<u8> = [0xff, 0xfe]
            .into_iter()
            .chain("Grüße".encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        for (bytes, claimed, is) in [
            (&b"We open at nine."[..], None, Ok(Kind::Text)),
            (b"# Hours\n\nNine to five.", None, Ok(Kind::Markdown)),
            (b"#hash tag and no heading", None, Ok(Kind::Text)),
            (b"```\n# a comment\n```\n", None, Ok(Kind::Text)),
            (b"name,price\nA,1\nB,2\n", None, Ok(Kind::Csv)),
            (
                b"Dear Ann, dear Bob,\nhello, you two,\n",
                None,
                Ok(Kind::Text),
            ),
            (b"name,price\nA,1\n", Some(Kind::Text), Ok(Kind::Text)),
            (b"%PDF-1.7\n%\xe2\xe3", None, Ok(Kind::Pdf)),
            (b"junk\n%PDF-1.7\n%\xe2\xe3", Some(Kind::Pdf), Ok(Kind::Pdf)),
            (b"Files begin with %PDF-1.7", None, Ok(Kind::Text)),
            (b"MZ is how the note begins", None, Ok(Kind::Text)),
            (&utf16, None, Ok(Kind::Text)),
            (b"", None, Err(Unreadable::Empty)),
            (b" \n\t ", None, Err(Unreadable::Empty)),
            (b"\xef\xbb\xbf", Some(Kind::Csv), Err(Unreadable::Empty)),
            (b"caf\xe9", None, Err(Unreadable::NoText)),
            (b"a\0b", Some(Kind::Text), Err(Unreadable::NoText)),
            (b"\xff\xfea\0b", None, Err(Unreadable::NoText)),
            (b"plain words", Some(Kind::Pdf), Err(Unreadable::NoPdf)),
            (
                b"%PDF-1.7\n",
                Some(Kind::Csv),
                Err(Unreadable::Lies {
                    claimed: Kind::Csv,
                    is: Kind::Pdf,
                }),
            ),
        ] {
            assert_eq!(
                sniff(bytes, claimed),
                is,
                "{:?}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    #[test]
    fn what_is_no_document_is_called_by_its_name() {
        for (bytes, name) in [
            (&b"PK\x03\x04\x14\0\0\0\x08\0"[..], "ZIP"),
            (b"\x89PNG\r\n\x1a\n\0", "PNG"),
            (b"\x7fELF\x02\x01\x01\0", "program"),
            (b"\x1f\x8b\x08\0", "gzip"),
            (b"{\\rtf1 hello}", "RTF"),
        ] {
            for claimed in [None, Some(Kind::Text), Some(Kind::Pdf)] {
                let error = sniff(bytes, claimed).unwrap_err();
                assert!(
                    matches!(error, Unreadable::Other { what } if what.contains(name)),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn lines_end_in_one_way() {
        assert_eq!(text_of(b"a\r\nb\rc\n").unwrap(), "a\nb\nc\n");
    }
}
