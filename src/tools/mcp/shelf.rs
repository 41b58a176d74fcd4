//! What servers have, remembered for a while, so that a call need not wait for its agent's servers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{LIST_PATIENCE, McpProblem, McpServer, Offers};
use crate::clock;
use crate::ids::ClientId;
use crate::tools::ToolDocument;

/// How long what a server has is taken for what it has.
const FRESH: Duration = Duration::from_secs(5 * 60);
/// How long one that failed is not asked again.
const FAILED: Duration = Duration::from_secs(20);
/// Servers that are remembered at once.
const SERVERS_MAX: usize = 1_000;

/// Which server, of whose, as it is described now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WhichServer {
    /// The client; none for the operator's.
    pub client: Option<ClientId>,
    /// The document's id, or the operator's name for it.
    pub id: String,
    /// The document's revision.
    pub revision: i64,
}

struct Known {
    until: Instant,
    offers: Result<Arc<Offers>, McpProblem>,
}

/// What servers have.
#[derive(Default)]
pub struct McpShelf(Mutex<BTreeMap<WhichServer, Known>>);

impl McpShelf {
    /// What this server has: remembered, or asked for now.
    ///
    /// # Errors
    /// [`McpProblem`], also that of a moment ago.
    pub async fn offers(
        &self,
        which: WhichServer,
        document: &ToolDocument,
        server: &McpServer,
    ) -> Result<Arc<Offers>, McpProblem> {
        if let Some(offers) = self.known(&which) {
            return offers;
        }
        let offers = server.offers(document, LIST_PATIENCE).await.map(Arc::new);
        self.keep(which, offers.clone());
        offers
    }

    fn known(&self, which: &WhichServer) -> Option<Result<Arc<Offers>, McpProblem>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let one = known.get(which)?;
        (clock::timer_now() < one.until).then(|| one.offers.clone())
    }

    /// Remembers what a server has just said.
    pub fn keep(&self, which: WhichServer, offers: Result<Arc<Offers>, McpProblem>) {
        let now = clock::timer_now();
        let until = now + if offers.is_ok() { FRESH } else { FAILED };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= SERVERS_MAX && !known.contains_key(&which) {
            known.retain(|_, one| now < one.until);
        }
        if known.len() >= SERVERS_MAX && !known.contains_key(&which) {
            let next = known.iter().min_by_key(|(_, one)| one.until);
            if let Some(which) = next.map(|(which, _)| which.clone()) {
                known.remove(&which);
            }
        }
        known.insert(which, Known { until, offers });
    }
}
