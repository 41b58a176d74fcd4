//! Rows of one table, several by one statement: each statement is a way to the database and back, and costs more than the
//! row in it.

use super::{Body, Row};
use crate::store::StoreError;
use crate::store::calls::word;
use crate::store::several::rows;
use crate::store::sql::{Arg, Tx, args, statements};

/// Rows of the largest statement.
const ROWS_MAX: usize = 16;

const TURNS_INTO: &str =
    "INSERT INTO turns (client_id, call_id, seq, speaker, from_ms, to_ms, body, latency) VALUES ";
const TURNS_AGAIN: &str =
    " ON CONFLICT (client_id, call_id, seq) DO UPDATE SET speaker = excluded.speaker,
    from_ms = excluded.from_ms, to_ms = excluded.to_ms, body = excluded.body,
    latency = excluded.latency";
const EVENTS_INTO: &str =
    "INSERT INTO events (client_id, call_id, seq, at_ms, kind, detail) VALUES ";
const EVENTS_AGAIN: &str = " ON CONFLICT (client_id, call_id, seq) DO NOTHING";

statements! {
    TURNS_16 = rows!(TURNS_INTO, 8, ROWS_MAX, TURNS_AGAIN);
    TURNS_4 = rows!(TURNS_INTO, 8, 4, TURNS_AGAIN);
    TURN = rows!(TURNS_INTO, 8, 1, TURNS_AGAIN);
    EVENTS_16 = rows!(EVENTS_INTO, 6, ROWS_MAX, EVENTS_AGAIN);
    EVENTS_4 = rows!(EVENTS_INTO, 6, 4, EVENTS_AGAIN);
    EVENT = rows!(EVENTS_INTO, 6, 1, EVENTS_AGAIN);
}

/// One table's statements, by how many rows each writes, the most first; the last writes one.
pub(super) struct Table(&'static [(usize, &'static str)]);

pub(super) const TURNS: Table = Table(&[(ROWS_MAX, TURNS_16), (4, TURNS_4), (1, TURN)]);
pub(super) const EVENTS: Table = Table(&[(ROWS_MAX, EVENTS_16), (4, EVENTS_4), (1, EVENT)]);

/// Rows of one table that are still to be written, at most [`ROWS_MAX`].
pub(super) struct Run<'a> {
    table: &'static Table,
    rows: Vec<&'a Row>,
}

impl<'a> Run<'a> {
    pub(super) fn of(table: &'static Table) -> Self {
        Self {
            table,
            rows: Vec::with_capacity(ROWS_MAX),
        }
    }

    /// Takes one more; writes when there are enough.
    pub(super) async fn add(&mut self, tx: &mut Tx, row: &'a Row) -> Result<(), StoreError> {
        // PostgreSQL refuses a statement that would change one row twice.
        let is_there = |other: &&Row| {
            other.seq == row.seq && other.call_id == row.call_id && other.client == row.client
        };
        if self.rows.len() == ROWS_MAX || self.rows.iter().any(is_there) {
            self.write(tx).await?;
        }
        self.rows.push(row);
        Ok(())
    }

    /// Writes what there is.
    pub(super) async fn write(&mut self, tx: &mut Tx) -> Result<(), StoreError> {
        let mut rest = self.rows.as_slice();
        for (count, sql) in self.table.0 {
            while let Some((now, later)) = rest.split_at_checked(*count) {
                let mut args = Vec::with_capacity(count * 8);
                now.iter().for_each(|row| values(row, &mut args));
                tx.run(sql, args).await?;
                rest = later;
            }
        }
        self.rows.clear();
        Ok(())
    }
}

/// The values of a turn or an event, in the order of its columns.
fn values(row: &Row, out: &mut Vec<Arg>) {
    out.extend(args![&row.client, &*row.call_id, row.seq]);
    match &row.body {
        Body::Turn {
            speaker,
            from_ms,
            to_ms,
            sealed,
            latency,
        } => out.extend(args![&word(speaker), *from_ms, *to_ms, sealed, latency]),
        Body::Event {
            at_ms,
            kind,
            detail,
        } => out.extend(args![*at_ms, kind, detail]),
        Body::Began(_)
        | Body::Consent(_)
        | Body::Second { .. }
        | Body::Forget
        | Body::Ended { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_numbers_its_values_through() {
        assert_eq!(
            EVENT,
            "INSERT INTO events (client_id, call_id, seq, at_ms, kind, detail) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (client_id, call_id, seq) DO NOTHING"
        );
        let values = TURNS_16.split_once("VALUES ").unwrap().1;
        assert!(values.starts_with("($1, $2, $3, $4, $5, $6, $7, $8), ($9, $10, $11, "));
        assert!(values.contains("$127, $128) ON CONFLICT"));
    }
}
