//! What happened in calls, without a word of what was said.

use super::page::{cut, rows_asked};
use super::sql::{Columns, args, statements};
use super::{Store, StoreError};
use crate::ids::ClientId;

statements! {
    LIST = "SELECT seq, at_ms, kind, detail FROM events
        WHERE client_id = $1 AND call_id = $2 AND seq > $3 ORDER BY seq LIMIT $4";
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// The journal's sequence number.
    pub seq: u64,
    /// When, ms of the call.
    pub at_ms: u64,
    /// What, in stable snake_case.
    pub kind: String,
    /// Particulars without personal data.
    pub detail: String,
}

fn read(mut row: Columns) -> Result<EventRow, StoreError> {
    Ok(EventRow {
        seq: row.count()?,
        at_ms: row.count()?,
        kind: row.text()?,
        detail: row.text()?,
    })
}

/// The table of events. [`Rows`](super::rows::Rows) writes it.
pub struct Events<'a>(pub(super) &'a Store);

impl Events<'_> {
    /// Events of a call behind `after_seq` (from the first if `None`) in order, and whether there are more.
    pub async fn list(
        &self,
        client: &ClientId,
        call_id: &str,
        after_seq: Option<u64>,
        limit: u32,
    ) -> Result<(Vec<EventRow>, bool), StoreError> {
        let after = after_seq.map_or(-1, |seq| i64::try_from(seq).unwrap_or(i64::MAX));
        let args = args![client, call_id, after, rows_asked(limit)];
        let mut rows = self.0.all(LIST, args, read).await?;
        let more = cut(&mut rows, limit);
        Ok((rows, more))
    }
}
