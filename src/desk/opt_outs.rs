//! Callers who were promised not to be called again: a suppression each, sooner or later.

use trunkline_core::phone::PhoneNumber;
use trunkline_core::token::Direction;

use super::{Side, open_call_number, suppression_index};
use crate::clock;
use crate::ids;
use crate::journal::OptedOut;
use crate::store::calls::Call;
use crate::store::suppressions::NewSuppression;
use crate::store::{Store, StoreError};
use crate::vault::{ClientKeys, SubjectId, Unopened, Vault, VaultError};

/// Why a promise is not kept yet.
#[derive(Debug, thiserror::Error)]
enum NotYet {
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the number in the call's row cannot be opened: {0}")]
    Unopened(#[from] Unopened),
}

/// The suppression of a caller who said so in a call.
pub fn suppression(keys: &ClientKeys, person: &PhoneNumber, call_id: &str) -> NewSuppression {
    NewSuppression {
        id: ids::new_id("sup"),
        campaign_id: None,
        hash: suppression_index(keys, person),
        reason: "opt_out".to_owned(),
        source: "call".to_owned(),
        call_id: Some(call_id.to_owned()),
        created_ms: clock::unix_ms(),
    }
}

/// Makes the suppressions that a crash left promised. What fails is told, and found again by the next recovery.
pub(super) async fn keep_promises(store: &Store, vault: &Vault, promised: Vec<OptedOut>) {
    for one in promised {
        let OptedOut {
            client,
            call_id,
            promise,
        } = one;
        let call = store.calls().find(&client, &call_id).await;
        let kept = match call {
            Ok(Some(call)) => match vault.client(&client).await {
                Ok(keys) => suppress(store, &keys, &call).await,
                Err(error) => Err(error.into()),
            },
            Ok(None) => Ok(false),
            Err(error) => Err(error.into()),
        };
        match kept {
            Ok(true) => tracing::info!(call.id = %call_id, "suppressed, as was promised"),
            Ok(false) => {
                tracing::debug!(call.id = %call_id, "a caller opted out whose number is not known");
            }
            Err(error) => {
                tracing::error!(call.id = %call_id, %error, "an opt-out is not stored yet; trying again");
                continue;
            }
        }
        drop(tokio::task::spawn_blocking(move || promise.done()).await);
    }
}

/// Whether there is a number to suppress. Where somebody has lifted its suppression since the call, that holds.
async fn suppress(store: &Store, keys: &ClientKeys, call: &Call) -> Result<bool, NotYet> {
    let (side, number) = match call.direction {
        Direction::Inbound => (Side::From, &call.from),
        Direction::Outbound => (Side::To, &call.to),
    };
    let subject = call.subject_id.as_deref().and_then(SubjectId::parse);
    let (Some(number), Some(subject)) = (number, subject) else {
        return Ok(false);
    };
    let subject = match keys.subject_by_id(&subject).await {
        Err(VaultError::Forgotten) => return Ok(false),
        subject => subject?,
    };
    let number = open_call_number(&subject, &call.id, side, number)?;
    let Ok(person) = PhoneNumber::parse(&number) else {
        return Ok(false);
    };
    let new = suppression(keys, &person, &call.id);
    let suppressions = store.suppressions();
    if !suppressions
        .was_lifted(keys.id(), &new.hash, call.created_ms)
        .await?
    {
        suppressions.add(keys.id(), &new).await?;
    }
    Ok(true)
}
