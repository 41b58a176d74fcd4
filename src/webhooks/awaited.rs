//! Calls whose media socket is yet to come, and what the server must remember of them until then.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use trunkline_core::token::Claims;

use crate::clock;
use crate::ids::ClientId;

/// Most calls that are awaited at once.
pub const AWAITED_MAX: usize = 10_000;

/// A call that will open a media socket.
#[derive(Clone)]
pub struct AwaitedCall {
    /// What its token says. The time at which it expires is set when the token is made.
    pub claims: Claims,
    /// The account it comes from or is placed on, as `carr_…`.
    pub carrier_id: String,
    /// The carrier's id of it; `None` until the carrier has told it.
    pub carrier_call_id: Option<String>,
    /// Values of the agent's variables.
    pub variables: BTreeMap<String, String>,
    /// The contact that calls, where one has the number.
    pub contact_id: Option<String>,
}

impl fmt::Debug for AwaitedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwaitedCall")
            .field("call_id", &self.claims.call_id)
            .field("carrier_id", &self.carrier_id)
            .field("variables", &self.variables.len())
            .finish_non_exhaustive()
    }
}

/// No more calls can be awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{AWAITED_MAX} calls are awaited already")]
pub struct Full;

/// All of them.
#[derive(Default)]
pub struct Awaited(Mutex<Table>);

#[derive(Default)]
struct Table {
    calls: BTreeMap<String, (Instant, AwaitedCall)>,
    /// By account and the carrier's id.
    by_carrier: BTreeMap<(String, String), String>,
    deadlines: BTreeSet<(Instant, String)>,
}

impl Table {
    fn remove(&mut self, call_id: &str) -> Option<AwaitedCall> {
        let (deadline, call) = self.calls.remove(call_id)?;
        self.deadlines.remove(&(deadline, call_id.to_owned()));
        if let Some(carrier_call_id) = &call.carrier_call_id {
            let name = (call.carrier_id.clone(), carrier_call_id.clone());
            self.by_carrier.remove(&name);
        }
        Some(call)
    }

    fn forget_late(&mut self, now: Instant) {
        while let Some((deadline, call_id)) = self.deadlines.first().cloned()
            && deadline <= now
        {
            self.remove(&call_id);
        }
    }
}

impl Awaited {
    /// Awaits a call for so long; it replaces one of the same id.
    pub fn add(&self, call: AwaitedCall, patience: Duration) -> Result<(), Full> {
        let now = clock::timer_now();
        let mut table = self.lock();
        table.forget_late(now);
        let call_id = call.claims.call_id.clone();
        table.remove(&call_id);
        if table.calls.len() >= AWAITED_MAX {
            return Err(Full);
        }
        if let Some(carrier_call_id) = &call.carrier_call_id {
            let name = (call.carrier_id.clone(), carrier_call_id.clone());
            table.by_carrier.insert(name, call_id.clone());
        }
        let deadline = now + patience;
        table.deadlines.insert((deadline, call_id.clone()));
        table.calls.insert(call_id, (deadline, call));
        Ok(())
    }

    /// A call that is awaited, by our id.
    pub fn find(&self, call_id: &str) -> Option<AwaitedCall> {
        let mut table = self.lock();
        table.forget_late(clock::timer_now());
        table.calls.get(call_id).map(|(_, call)| call.clone())
    }

    /// A call that is awaited, by the account and the carrier's id.
    pub fn of_carrier(&self, carrier_id: &str, carrier_call_id: &str) -> Option<AwaitedCall> {
        let name = (carrier_id.to_owned(), carrier_call_id.to_owned());
        let mut table = self.lock();
        table.forget_late(clock::timer_now());
        let call_id = table.by_carrier.get(&name)?;
        table.calls.get(call_id).map(|(_, call)| call.clone())
    }

    /// The call has come, or will not come: it is awaited no longer.
    pub fn take(&self, call_id: &str) -> Option<AwaitedCall> {
        let mut table = self.lock();
        table.forget_late(clock::timer_now());
        table.remove(call_id)
    }

    /// How many calls of a client's are awaited.
    pub fn of_client(&self, client: &ClientId) -> usize {
        let mut table = self.lock();
        table.forget_late(clock::timer_now());
        let calls = table.calls.values();
        let whose = calls.map(|(_, call)| call.claims.client.as_deref());
        whose.filter(|of| *of == Some(client.as_str())).count()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trunkline_core::token::Direction;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn call(id: &str, carrier_call_id: Option<&str>) -> AwaitedCall {
        AwaitedCall {
            claims: Claims {
                call_id: id.into(),
                client: None,
                agent: "front-desk".into(),
                version: None,
                from: None,
                to: None,
                direction: Direction::Inbound,
                expires_unix_s: 0,
                reusable: false,
                carrier: None,
            },
            carrier_id: "carr_1".into(),
            carrier_call_id: carrier_call_id.map(str::to_owned),
            variables: BTreeMap::from([("name".into(), "Ann".into())]),
            contact_id: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_awaited_until_it_comes_or_is_late() {
        let awaited = Awaited::default();
        awaited.add(call("call_1", Some("CA1")), PATIENCE).unwrap();
        awaited.add(call("call_2", None), PATIENCE * 2).unwrap();
        let found = awaited.of_carrier("carr_1", "CA1").unwrap();
        assert_eq!(found.claims.call_id, "call_1");
        assert!(awaited.of_carrier("carr_2", "CA1").is_none());
        assert!(!format!("{found:?}").contains("Ann"));
        assert!(awaited.take("call_1").is_some());
        assert!(awaited.take("call_1").is_none());
        assert!(awaited.of_carrier("carr_1", "CA1").is_none());
        // The carrier tells its id later.
        awaited.add(call("call_2", Some("CA2")), PATIENCE).unwrap();
        assert!(awaited.of_carrier("carr_1", "CA2").is_some());
        tokio::time::advance(PATIENCE).await;
        assert!(awaited.find("call_2").is_none());
        let table = awaited.lock();
        assert!(table.by_carrier.is_empty() && table.deadlines.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_an_end_to_it() {
        let awaited = Awaited::default();
        for n in 0..AWAITED_MAX {
            awaited
                .add(call(&format!("call_{n}"), None), PATIENCE)
                .unwrap();
        }
        assert_eq!(awaited.add(call("one more", None), PATIENCE), Err(Full));
        awaited.add(call("call_7", Some("CA7")), PATIENCE).unwrap();
        tokio::time::advance(PATIENCE).await;
        awaited.add(call("one more", None), PATIENCE).unwrap();
    }
}
