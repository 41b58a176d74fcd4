//! What clients allow of their dialling.

use super::sql::{Columns, args, statements};
use super::{Store, StoreError};
use crate::ids::ClientId;

statements! {
    FIND = "SELECT destinations, updated_ms, revision, calls_24h_max, calls_7d_max, gap_s, lines FROM dialling WHERE client_id = $1";
    ADD = "INSERT INTO dialling (client_id, destinations, updated_ms, calls_24h_max, calls_7d_max, gap_s, lines, revision)
        VALUES ($1, $2, $3, $4, $5, $6, $7, 1)
        ON CONFLICT (client_id) DO NOTHING";
    UPDATE = "UPDATE dialling SET destinations = $3, updated_ms = $4, calls_24h_max = $5, calls_7d_max = $6, gap_s = $7,
            lines = $8, revision = revision + 1
        WHERE client_id = $1 AND revision = $2 RETURNING revision";
    REVISION = "SELECT revision FROM dialling WHERE client_id = $1";
}

/// How often one number is called at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frequency {
    /// Calls within 24 hours.
    pub calls_24h_max: i64,
    /// Calls within seven days.
    pub calls_7d_max: i64,
    /// From the beginning of one call to that of the next, s.
    pub gap_s: i64,
}

/// What a client allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// The beginnings of the numbers that may be called, as `+49`.
    pub destinations: Vec<String>,
    /// How often one number is called at most; `None` if the default holds.
    pub frequency: Option<Frequency>,
    /// The sorts of line that it calls, by name; all if empty.
    pub lines: Vec<String>,
    /// When it last changed, ms since 1970; `None` if it never did.
    pub updated_ms: Option<i64>,
    /// Grows with every change; 0 if there was none.
    pub revision: i64,
}

fn read(mut row: Columns) -> Result<Allowed, StoreError> {
    let destinations = row.text()?;
    let (updated_ms, revision) = (row.int()?, row.int()?);
    let frequency = match (row.int_opt()?, row.int_opt()?, row.int_opt()?) {
        (Some(calls_24h_max), Some(calls_7d_max), Some(gap_s)) => Some(Frequency {
            calls_24h_max,
            calls_7d_max,
            gap_s,
        }),
        _ => None,
    };
    let lines = row.text()?;
    Ok(Allowed {
        lines: lines.split_whitespace().map(str::to_owned).collect(),
        destinations: destinations.split_whitespace().map(str::to_owned).collect(),
        frequency,
        updated_ms: Some(updated_ms),
        revision,
    })
}

/// The table of what clients allow.
pub struct Dialling<'a>(pub(super) &'a Store);

impl Dialling<'_> {
    /// What a client allows; nothing if it never said.
    pub async fn find(&self, client: &ClientId) -> Result<Allowed, StoreError> {
        let row = self.0.one(FIND, args![client]).await?;
        row.map_or_else(|| Ok(Allowed::default()), read)
    }

    /// Replaces what it allows at `revision`. Each destination, and each line, is a text without spaces. The new revision.
    pub async fn set(
        &self,
        client: &ClientId,
        revision: i64,
        destinations: &[&str],
        (frequency, lines): (Option<Frequency>, &[&str]),
        now_ms: i64,
    ) -> Result<i64, StoreError> {
        let (text, lines) = (destinations.join(" "), lines.join(" "));
        let (text, lines) = (text.as_str(), lines.as_str());
        let (day, week, gap) = (
            frequency.map(|f| f.calls_24h_max),
            frequency.map(|f| f.calls_7d_max),
            frequency.map(|f| f.gap_s),
        );
        let add = args![client, text, now_ms, day, week, gap, lines];
        if revision == 0 && self.0.run(ADD, add).await? > 0 {
            return Ok(1);
        }
        let update = args![client, revision, text, now_ms, day, week, gap, lines];
        self.0
            .change("policy", (UPDATE, update), (REVISION, args![client]))
            .await
    }
}
