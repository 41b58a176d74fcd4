//! Lists in pages: newest first, and stable while rows are added.

/// Most rows of a page.
pub const PAGE_ROWS_MAX: u32 = 200;

/// Where a page ended: the next begins behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// When that row was made, milliseconds since 1970.
    pub created_ms: i64,
    /// Its id.
    pub id: String,
}

impl Cursor {
    /// The text that a client is given, as `1767225600000.call_01J…`.
    #[must_use]
    pub fn encode(&self) -> String {
        format!("{}.{}", self.created_ms, self.id)
    }

    /// Reads what [`Cursor::encode`] wrote; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (created_ms, id) = text.split_once('.')?;
        let id_is_sound = id.len() <= 64
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        Some(Self {
            created_ms: created_ms.parse().ok()?,
            id: id_is_sound.then(|| id.to_owned())?,
        })
    }

    /// Behind which a list begins: behind `after`, or at the newest row.
    pub(super) fn start(after: Option<&Self>) -> (i64, &str) {
        after.map_or((i64::MAX, ""), |cursor| {
            (cursor.created_ms, cursor.id.as_str())
        })
    }
}

/// Part of a list, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub data: Vec<T>,
    /// Where the next page begins; `None` at the end of the list.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// A page of `limit` rows at most from one row more than that.
    pub(super) fn of(mut rows: Vec<T>, limit: u32, place: impl FnOnce(&T) -> Cursor) -> Self {
        let more = cut(&mut rows, limit);
        let next = rows.last().filter(|_| more).map(place);
        Self { data: rows, next }
    }
}

/// Cuts what was asked for by [`rows_asked`] to the limit. Whether there was more.
pub(super) fn cut<T>(rows: &mut Vec<T>, limit: u32) -> bool {
    let limit = limit.clamp(1, PAGE_ROWS_MAX) as usize;
    let more = rows.len() > limit;
    rows.truncate(limit);
    more
}

/// How many rows to ask for, so that it shows whether there are more.
pub(super) fn rows_asked(limit: u32) -> i64 {
    i64::from(limit.clamp(1, PAGE_ROWS_MAX)) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nothing_else_does() {
        let cursor = Cursor {
            created_ms: 1_767_225_600_000,
            id: "call_01J8Z0000000000000000000AA".into(),
        };
        assert_eq!(Cursor::parse(&cursor.encode()), Some(cursor));
        for wrong in [
            "",
            ".",
            "1",
            "x.call_1",
            "1.a b",
            "1.'--",
            "99999999999999999999.a",
        ] {
            assert_eq!(Cursor::parse(wrong), None, "{wrong:?}");
        }
    }
}
