//! What calls of one client's have in common, whoever wants them: the number that calls with its account, how long they ring, and
//! what the carrier is to find out.

use std::time::Duration;

use trunkline_core::amd::Witness;
use trunkline_core::call::OnMachine;
use trunkline_core::phone::PhoneNumber;
use trunkline_core::token::Direction;

use crate::agent::Agent;
use crate::carrier::MachineDetection;
use crate::carrier::account::{Account, Unusable};
use crate::desk::Desk;
use crate::ids::ClientId;
use crate::store::StoreError;

/// How long a call rings if nobody says otherwise.
pub(crate) const RING_USUAL: Duration = Duration::from_secs(45);
/// How long a carrier's detection of machines takes if nobody says otherwise.
const MACHINES_USUAL: Duration = Duration::from_secs(30);

/// Why a number cannot call.
#[derive(Debug, thiserror::Error)]
pub enum NoAccount {
    /// The client has no such number.
    #[error("the client has no such number")]
    NoNumber,
    /// It belongs to no account with a carrier.
    #[error("the number belongs to no carrier account")]
    NoCarrier,
    /// The account cannot be used.
    #[error(transparent)]
    Account(#[from] Unusable),
    /// The store.
    #[error("the store does not answer: {0}")]
    Store(#[from] StoreError),
}

/// The account by which a number of the client's calls, as it is now.
///
/// # Errors
/// [`NoAccount`].
pub async fn account_of(
    desk: &Desk,
    client: &ClientId,
    number: &PhoneNumber,
) -> Result<Account, NoAccount> {
    let index = desk.own_number_index(number);
    let row = desk.store.system().number_called(&index).await?;
    let row = row.filter(|row| row.client == *client);
    let carrier_id = row.ok_or(NoAccount::NoNumber)?.carrier_id;
    let carrier_id = carrier_id.ok_or(NoAccount::NoCarrier)?;
    let account = Account::find(desk, client, &carrier_id).await?;
    account.ok_or(NoAccount::NoCarrier)
}

/// What the carrier is to find out for an agent that heeds it.
pub(crate) fn carriers_detection(agent: &Agent) -> Option<MachineDetection> {
    let plan = &agent.settings(Direction::Outbound).answering;
    let (is_alone, is_heeded) = match plan.witness {
        Some(Witness::Carrier) => (true, true),
        Some(Witness::Both) => (false, true),
        Some(Witness::Own) | None => (false, false),
    };
    is_heeded.then(|| MachineDetection {
        // Who hears beeps itself would rather know sooner.
        waits_for_end: is_alone && plan.on_machine == OnMachine::LeaveMessage,
        timeout: MACHINES_USUAL,
        verdict_url: None,
    })
}
