//! What calls used of whom, and what that cost.

use std::collections::BTreeMap;

use super::spending::{self, Cost};
use super::sql::{Columns, args, statements};
use super::{Durability, Store, StoreError};
use crate::ids::ClientId;

/// The part of a call that it has once: by it calls are counted.
const CARRIER: &str = "carrier";
/// Most lines of a call that are read.
const LINES_MAX: i64 = 1_000;

statements! {
    ADD = "INSERT INTO usage_lines (client_id, call_id, stage, vendor, unit, at, quantity, cost_micros, currency)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (client_id, call_id, stage, vendor, unit, at) DO NOTHING";
    LIST = "SELECT stage, vendor, unit, at, quantity, cost_micros, currency FROM usage_lines
        WHERE client_id = $1 AND call_id = $2 ORDER BY stage, vendor, unit, at LIMIT $3";
}

/// So much of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageLine {
    /// For which part of the call, in stable snake_case.
    pub stage: String,
    /// Of whom.
    pub vendor: String,
    /// What is counted, in stable snake_case.
    pub unit: String,
    /// Tells lines of one call apart.
    pub at: u64,
    /// How much.
    pub quantity: i64,
    /// What it cost, in millionths of the currency; `None` where no price was known.
    pub cost_micros: Option<i64>,
    /// The currency, where there is a cost.
    pub currency: Option<String>,
}

fn read(mut row: Columns) -> Result<UsageLine, StoreError> {
    Ok(UsageLine {
        stage: row.text()?,
        vendor: row.text()?,
        unit: row.text()?,
        at: row.count()?,
        quantity: row.int()?,
        cost_micros: row.int_opt()?,
        currency: row.text_opt()?,
    })
}

/// The table of what calls used.
pub struct Usage<'a>(pub(super) &'a Store);

impl Usage<'_> {
    /// Adds lines of a call, all or none; one that is there already stays as it is. What they cost is spent at `at_ms`, ms since
    /// 1970.
    pub async fn add(
        &self,
        client: &ClientId,
        call_id: &str,
        lines: &[UsageLine],
        at_ms: i64,
    ) -> Result<(), StoreError> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut tx = self.0.begin(Durability::Soon).await?;
        let mut costs: BTreeMap<&str, Cost> = BTreeMap::new();
        for line in lines {
            let args = args![
                client,
                call_id,
                &line.stage,
                &line.vendor,
                &line.unit,
                line.at,
                line.quantity,
                line.cost_micros,
                &line.currency
            ];
            if tx.run(ADD, args).await? == 0 {
                continue;
            }
            if let (Some(currency), Some(micros)) = (&line.currency, line.cost_micros) {
                let cost = costs.entry(currency).or_default();
                cost.micros = cost.micros.saturating_add(micros);
                if line.stage == CARRIER {
                    cost.calls = 1;
                }
            }
        }
        for (currency, cost) in costs {
            spending::add(&mut tx, client, currency, cost, at_ms).await?;
        }
        tx.commit().await
    }

    /// The lines of a call, in order.
    pub async fn list(
        &self,
        client: &ClientId,
        call_id: &str,
    ) -> Result<Vec<UsageLine>, StoreError> {
        self.0
            .all(LIST, args![client, call_id, LINES_MAX], read)
            .await
    }
}
