//! Rows that are numbers not to be called: which are new, and which are suppressed already.

use sha2::{Digest as _, Sha256};
use trunkline_core::contact::Fault;
use trunkline_core::opt_outs::Row;

use super::batch::{Seen, error};
use super::{Imports, Reading, Undone};
use crate::clock;
use crate::desk;
use crate::ids::new_id;
use crate::imports::OptOuts;
use crate::store::imports::Step;
use crate::store::suppressions::{NewSuppression, Reason};

/// Where it came from, as a suppression's source says it.
const SOURCE: &str = "import";

/// What these rows come to; and, of a dry run, what it has seen.
pub(super) async fn step(
    imports: &Imports,
    reading: &Reading,
    of: &OptOuts,
    listed: &[(u64, Row)],
) -> Result<(Step, Seen), Undone> {
    let (mut step, now_ms) = (Step::default(), clock::unix_ms());
    for (at, (line, row)) in listed.iter().enumerate() {
        if at % 50 == 49 {
            tokio::task::yield_now().await;
        }
        let reason = row.reason.as_ref().unwrap_or(&of.reason);
        let Some(reason) = Reason::parse(reason) else {
            let known: Vec<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
            let fault = Fault {
                pointer: "/reason".into(),
                code: "unknown_value",
                detail: format!("a reason is one of {}", known.join(", ")),
            };
            let columns = reading.columns.as_ref();
            let cell = columns.and_then(|columns| columns.of_fault(&fault.pointer));
            step.failed += 1;
            step.errors.push(error(*line, 0, cell, fault));
            continue;
        };
        step.suppressions.push(NewSuppression {
            id: new_id("sup"),
            campaign_id: row.campaign.clone().or_else(|| of.campaign_id.clone()),
            hash: desk::suppression_index(&reading.keys, &row.number),
            reason: reason.as_str().to_owned(),
            source: SOURCE.to_owned(),
            call_id: None,
            created_ms: now_ms,
        });
    }
    if !reading.import.is_dry {
        return Ok((step, Seen::new()));
    }
    let seen = count(imports, reading, &mut step).await?;
    Ok((step, seen))
}

/// What a dry run knows a number by, within its campaign.
fn name(hash: &[u8; 32], campaign_id: Option<&str>) -> [u8; 32] {
    let name = Sha256::new().chain_update(hash);
    name.chain_update(campaign_id.unwrap_or_default())
        .finalize()
        .into()
}

/// Counts what would be new, and leaves nothing to be written.
async fn count(imports: &Imports, reading: &Reading, step: &mut Step) -> Result<Seen, Undone> {
    let wanted = std::mem::take(&mut step.suppressions);
    let hashes: Vec<[u8; 32]> = wanted.iter().map(|new| new.hash).collect();
    let suppressions = imports.desk.store.suppressions();
    let held = suppressions.held(&reading.import.client, &hashes).await?;
    let mut seen: Seen = held
        .iter()
        .map(|row| name(&row.hash, row.campaign_id.as_deref()))
        .collect();
    for new in &wanted {
        let name = name(&new.hash, new.campaign_id.as_deref());
        match !reading.seen.contains(&name) && seen.insert(name) {
            true => step.added += 1,
            false => step.skipped += 1,
        }
    }
    Ok(seen)
}
