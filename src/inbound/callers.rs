//! Who calls: the client's contact that has the number, and what its variables tell an agent.

use std::collections::BTreeMap;

use trunkline_core::contact::Value;
use trunkline_core::phone::PhoneNumber;

use crate::contacts::{NotOpened, number_index, open_all};
use crate::desk::Desk;
use crate::vault::ClientKeys;

/// A contact that calls.
#[derive(Default)]
pub struct Known {
    /// `con_…`.
    pub contact_id: Option<String>,
    /// Its variables, as agents take them.
    pub variables: BTreeMap<String, String>,
}

/// The contact of this client's that has a number; nobody where there is none, or where it cannot be read now: the call is
/// not lost for it.
pub async fn known(desk: &Desk, keys: &ClientKeys, caller: Option<&PhoneNumber>) -> Known {
    let Some(caller) = caller else {
        return Known::default();
    };
    find(desk, keys, caller).await.unwrap_or_else(|error| {
        tracing::warn!(client = %keys.id(), %error, "it is not known which contact calls");
        Known::default()
    })
}

async fn find(desk: &Desk, keys: &ClientKeys, caller: &PhoneNumber) -> Result<Known, NotOpened> {
    let contacts = desk.store.contacts();
    let index = number_index(keys, caller);
    let owners = contacts.of_numbers(keys.id(), &[index]).await?;
    let Some((_, contact_id)) = owners.first() else {
        return Ok(Known::default());
    };
    let row = contacts.find(keys.id(), contact_id).await?;
    let opened = open_all(keys, row.into_iter().collect()).await?;
    let Some((row, contact, _)) = opened.into_iter().next() else {
        return Ok(Known::default());
    };
    let variables = contact.variables.iter();
    Ok(Known {
        contact_id: Some(row.id),
        variables: variables
            .map(|(name, value)| (name.clone(), Value::text(value)))
            .collect(),
    })
}

/// Notes with a call that has begun which contact it is.
pub async fn note(desk: &Desk, keys: &ClientKeys, call_id: &str, contact_id: &str) {
    let calls = desk.store.calls();
    if let Err(error) = calls.of_contact(keys.id(), call_id, contact_id).await {
        tracing::warn!(call.id = %call_id, %error, "which contact calls is not in the row of the call");
    }
}
