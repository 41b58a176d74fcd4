//! Calls whose row nothing will ever end: there is no journal to make the rest of it from.

use std::time::Duration;

use super::Desk;
use super::opening::OpenError;
use crate::clock;
use crate::journal::Journals;
use crate::live::LiveCalls;
use crate::store::{PAGE_ROWS_MAX, Store};
use crate::vault::Vault;

/// A call whose row is younger than this may be about to begin.
const YOUNG: Duration = Duration::from_secs(600);

/// Ends those that a crash left, before any call is under way.
pub(super) async fn end_lost(
    store: &Store,
    vault: &Vault,
    journals: &Journals,
) -> Result<(), OpenError> {
    end(store, vault, journals, i64::MAX, &LiveCalls::default()).await
}

/// Ends those that are not live, in a server that runs.
pub(super) async fn end_stray(desk: &Desk) -> Result<(), OpenError> {
    let young_ms = i64::try_from(YOUNG.as_millis()).unwrap_or(i64::MAX);
    let before_ms = clock::unix_ms() - young_ms;
    let Desk {
        store,
        vault,
        journals,
        live,
        ..
    } = desk;
    end(store, vault, journals, before_ms, live).await
}

async fn end(
    store: &Store,
    vault: &Vault,
    journals: &Journals,
    before_ms: i64,
    live: &LiveCalls,
) -> Result<(), OpenError> {
    // Another server's calls in the same database have their journals elsewhere.
    let clients = vault.clients().await?;
    let (mut after, mut ended) = (String::new(), 0_u64);
    loop {
        let page = store.system().behind(&after, PAGE_ROWS_MAX).await?;
        let Some(last) = page.last() else {
            break;
        };
        after.clone_from(&last.call_id);
        for call in page {
            let (client, id) = (&call.client, &call.call_id);
            let may_come = call.created_ms >= before_ms
                || live.is_live(client, id)
                || !clients.contains(client)
                || journals.has(client, id).await?;
            if !may_come && store.calls().end_lost(client, id).await? {
                ended += 1;
            }
        }
    }
    if ended > 0 {
        tracing::warn!(calls = ended, "calls that left no journal are over");
    }
    Ok(())
}
