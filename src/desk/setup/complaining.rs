//! Complaints that whoever runs the server gets: whose call it was is found.

use trunkline_core::phone::PhoneNumber;

use super::{Books, SetupError};
use crate::clock;
use crate::complaints::{self, Incoming};
use crate::desk::call_index;
use crate::ids::{self, ClientId};
use crate::store::complaints::ComplaintSource;

/// Clients that are looked at.
const CLIENTS_MAX: u32 = 10_000;

impl Books {
    /// Gives a complaint about a call to every client that had one with the number about that time, ms since 1970, and suppresses
    /// the number there. Whose it was, with the complaint's id. Of one client alone if `only`.
    pub async fn complain(
        &self,
        only: Option<ClientId>,
        number: &PhoneNumber,
        about_ms: i64,
        text: Option<&str>,
    ) -> Result<Vec<(ClientId, String)>, SetupError> {
        let clients = match only {
            Some(client) => vec![client],
            None => self.store.system().open_clients(CLIENTS_MAX).await?,
        };
        let mut taken = Vec::new();
        for client in clients {
            let keys = self.vault.client(&client).await?;
            let index = call_index(&keys, number);
            let calls = complaints::calls_about(&self.store, &client, &index, about_ms);
            if calls.await?.is_empty() {
                continue;
            }
            let id = ids::new_id("cmp");
            let incoming = Incoming {
                number,
                about_ms,
                text,
                source: ComplaintSource::Operator,
                now_ms: clock::unix_ms(),
            };
            complaints::take(&self.store, &keys, &id, &incoming).await?;
            taken.push((client, id));
        }
        Ok(taken)
    }
}
