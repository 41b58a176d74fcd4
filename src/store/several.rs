//! Statements of several rows: each statement is a way to the database and back, and costs more than a row in it.

use super::StoreError;
use super::sql::{Arg, Tx};

/// An `INSERT` of several rows: what stands before their values, how many columns and rows, and what stands behind.
macro_rules! rows {
    ($before:expr, $columns:expr, $rows:expr, $behind:expr) => {{
        const BYTES: usize = $crate::store::several::text::<0>($before, $columns, $rows, $behind).1;
        const TEXT: &[u8] =
            &$crate::store::several::text::<BYTES>($before, $columns, $rows, $behind).0;
        match std::str::from_utf8(TEXT) {
            Ok(text) => text,
            Err(_) => panic!("a piece of it was not UTF-8"),
        }
    }};
}
pub(super) use rows;

/// Writes rows by the largest statements that they fill. `statements` are the same for so many rows each, the most first,
/// and the last for one. How many rows were changed.
pub(super) async fn write(
    tx: &mut Tx,
    statements: &[(usize, &'static str)],
    rows: Vec<Vec<Arg>>,
) -> Result<u64, StoreError> {
    let mut changed = 0;
    let mut rest = rows.as_slice();
    for (count, sql) in statements {
        while let Some((now, later)) = rest.split_at_checked(*count) {
            changed += tx.run(sql, now.concat()).await?;
            rest = later;
        }
    }
    Ok(changed)
}

/// Text of an `INSERT`, as much of it as `BYTES` hold, and how many it has.
pub(super) const fn text<const BYTES: usize>(
    before: &str,
    columns: usize,
    rows: usize,
    behind: &str,
) -> ([u8; BYTES], usize) {
    let mut text = Text {
        bytes: [0; BYTES],
        len: 0,
    };
    text.add(before.as_bytes());
    let mut value = 0;
    while value < columns * rows {
        text.add(match (value % columns, value) {
            (0, 0) => b"($",
            (0, _) => b"), ($",
            _ => b", $",
        });
        text.number(value + 1);
        value += 1;
    }
    text.add(b")");
    text.add(behind.as_bytes());
    (text.bytes, text.len)
}

struct Text<const BYTES: usize> {
    bytes: [u8; BYTES],
    len: usize,
}

impl<const BYTES: usize> Text<BYTES> {
    const fn add(&mut self, piece: &[u8]) {
        let mut at = 0;
        while at < piece.len() {
            if self.len < BYTES {
                self.bytes[self.len] = piece[at];
            }
            self.len += 1;
            at += 1;
        }
    }

    const fn number(&mut self, number: usize) {
        if number >= 10 {
            self.number(number / 10);
        }
        self.add(&[b'0' + (number % 10) as u8]);
    }
}
