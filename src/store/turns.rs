//! What was said in calls.

use trunkline_core::journal::{Latency, Speaker};

use super::calls::parse_word;
use super::sql::{Columns, args, statements};
use super::{Sealed, Store, StoreError};
use crate::ids::ClientId;

/// Most turns of a call that are read at once.
pub const TURNS_MAX: i64 = 20_000;

statements! {
    LIST = "SELECT seq, speaker, from_ms, to_ms, body FROM turns
        WHERE client_id = $1 AND call_id = $2 ORDER BY seq LIMIT $3";
    LATENCIES = "SELECT seq, from_ms, latency FROM turns
        WHERE client_id = $1 AND call_id = $2 AND latency IS NOT NULL ORDER BY seq LIMIT $3";
    SECOND_PASS = "SELECT seq, recogniser, body FROM second_passes
        WHERE client_id = $1 AND call_id = $2 ORDER BY seq LIMIT $3";
}

/// One turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnRow {
    /// The journal's sequence number.
    pub seq: u64,
    /// Who spoke.
    pub speaker: Speaker,
    /// Start of the sound, ms of the call.
    pub from_ms: u64,
    /// End of the sound, ms of the call.
    pub to_ms: u64,
    /// The journal's [`Turn`](trunkline_core::journal::Turn) as JSON, sealed with the call's key under
    /// [`content_aad`](super::rows::content_aad).
    pub body: Sealed,
}

/// How one answer came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatencyRow {
    /// The journal's sequence number of the turn.
    pub seq: u64,
    /// Start of its sound, ms of the call.
    pub from_ms: u64,
    /// Its moments and vendors, without names of models.
    pub latency: Latency,
}

/// What a better recogniser made of the recording, or a part of it where it is too long for one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondPass {
    /// The journal's sequence number.
    pub seq: u64,
    /// Which recogniser.
    pub recogniser: String,
    /// The turns as a JSON array of [`Turn`](trunkline_core::journal::Turn), sealed with the call's key under
    /// [`content_aad`](super::rows::content_aad).
    pub body: Sealed,
}

fn read(mut row: Columns) -> Result<TurnRow, StoreError> {
    Ok(TurnRow {
        seq: row.count()?,
        speaker: row.word("a speaker", parse_word)?,
        from_ms: row.count()?,
        to_ms: row.count()?,
        body: row.sealed()?,
    })
}

/// The tables of turns and of second passes. [`Rows`](super::rows::Rows) writes them.
pub struct Turns<'a>(pub(super) &'a Store);

impl Turns<'_> {
    /// All turns of a call in order, at most [`TURNS_MAX`].
    pub async fn list(&self, client: &ClientId, call_id: &str) -> Result<Vec<TurnRow>, StoreError> {
        self.0
            .all(LIST, args![client, call_id, TURNS_MAX], read)
            .await
    }

    /// How the answers of a call came about, in order, at most [`TURNS_MAX`].
    pub async fn latencies(
        &self,
        client: &ClientId,
        call_id: &str,
    ) -> Result<Vec<LatencyRow>, StoreError> {
        let read = |mut row: Columns| {
            Ok(LatencyRow {
                seq: row.count()?,
                from_ms: row.count()?,
                latency: row.word("a latency", |text| serde_json::from_str(text).ok())?,
            })
        };
        self.0
            .all(LATENCIES, args![client, call_id, TURNS_MAX], read)
            .await
    }

    /// The second pass of a call in its parts, in order; none if there was none.
    pub async fn second_pass(
        &self,
        client: &ClientId,
        call_id: &str,
    ) -> Result<Vec<SecondPass>, StoreError> {
        let read = |mut row: Columns| {
            Ok(SecondPass {
                seq: row.count()?,
                recogniser: row.text()?,
                body: row.sealed()?,
            })
        };
        self.0
            .all(SECOND_PASS, args![client, call_id, TURNS_MAX], read)
            .await
    }
}
