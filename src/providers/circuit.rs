//! What all calls know of a provider together: whether it works just now, and whether it may be asked what it costs.
//!
//! An account is one circuit: the same vendor under another address, key or model, or of another client, is another. A
//! call with somebody else to turn to asks its circuits before it begins; one without asks nobody.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use metrics::{counter, gauge};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use trunkline_core::failover::{Breaker, Change};

use super::hop::Kind;
use crate::clock;

/// Accounts that are known at once. Beyond, those that no call uses go first.
const CIRCUITS_MAX: usize = 1_024;

/// What makes an account another.
#[derive(Clone, Copy)]
pub struct Identity<'a> {
    /// What the provider does.
    pub kind: Kind,
    /// The vendor's name, as metrics and logs may write it.
    pub vendor: &'static str,
    /// Id of the client whose it is; empty for the operator's.
    pub owner: &'a str,
    /// Where it is.
    pub base_url: &'a str,
    /// The key.
    pub key: &'a str,
    /// The model.
    pub model: &'a str,
}

/// The circuits of a server. Cheap to clone.
#[derive(Clone, Default)]
pub struct Circuits(Arc<Mutex<BTreeMap<[u8; 32], Circuit>>>);

/// One circuit, shared by the calls that use the account. Cheap to clone; the default is nobody's and always closed.
#[derive(Clone, Default)]
pub struct Circuit(Option<Arc<Inner>>);

struct Inner {
    kind: Kind,
    vendor: &'static str,
    is_clients: bool,
    since: Instant,
    breaker: Mutex<Breaker>,
    /// It is counted among the open ones.
    is_counted: AtomicBool,
    /// Whether it takes requests that ask what an answer costs, once that is known.
    tells_usage: OnceLock<bool>,
}

impl Circuits {
    /// The circuit of an account.
    pub fn of(&self, identity: &Identity<'_>) -> Circuit {
        let mut hash = Sha256::new();
        for part in [
            identity.kind.code(),
            identity.vendor,
            identity.owner,
            identity.base_url,
            identity.key,
            identity.model,
        ] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        let mut circuits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name: [u8; 32] = hash.finalize().into();
        if let Some(circuit) = circuits.get(&name) {
            return circuit.clone();
        }
        if circuits.len() >= CIRCUITS_MAX {
            make_room(&mut circuits);
        }
        let circuit = Circuit(Some(Arc::new(Inner {
            kind: identity.kind,
            vendor: identity.vendor,
            is_clients: !identity.owner.is_empty(),
            since: clock::timer_now(),
            breaker: Mutex::default(),
            is_counted: AtomicBool::new(false),
            tells_usage: OnceLock::new(),
        })));
        circuits.insert(name, circuit.clone());
        circuit
    }
}

/// Leaves out what no call uses and what works; if all are in use and open, any one.
fn make_room(circuits: &mut BTreeMap<[u8; 32], Circuit>) {
    circuits.retain(|_, circuit| circuit.is_used() || circuit.is_open());
    if circuits.len() < CIRCUITS_MAX {
        return;
    }
    let closed = circuits.iter().find(|(_, circuit)| !circuit.is_open());
    let goes = closed.or_else(|| circuits.iter().next());
    if let Some(name) = goes.map(|(name, _)| *name) {
        circuits.remove(&name);
    }
}

impl Circuit {
    /// It failed too often lately: it is left alone, or on trial.
    pub fn is_open(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|inner| inner.breaker().is_open())
    }

    /// Whether a call that has somebody else should ask it now. One that is told yes while the circuit is open is its
    /// trial.
    pub fn admits(&self) -> bool {
        let Some(inner) = &self.0 else {
            return true;
        };
        let (admits, change) = inner.breaker().admits(inner.now_ms());
        inner.tell(change);
        admits
    }

    /// It did what a call asked of it.
    pub fn worked(&self) {
        if let Some(inner) = &self.0 {
            let change = inner.breaker().worked(inner.now_ms());
            inner.tell(change);
        }
    }

    /// It did not, and the same could fail for any other call.
    pub fn failed(&self) {
        if let Some(inner) = &self.0 {
            let change = inner.breaker().failed(inner.now_ms());
            inner.tell(change);
        }
    }

    /// Whether it takes requests that ask what an answer costs; `None` while nobody knows.
    pub fn tells_usage(&self) -> Option<bool> {
        self.0.as_ref()?.tells_usage.get().copied()
    }

    /// It has answered one that asked, or has refused it and answered without. What was learnt first stays.
    pub fn learn_usage(&self, tells: bool) {
        if let Some(inner) = &self.0 {
            let _ = inner.tells_usage.set(tells);
        }
    }

    fn is_used(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|inner| Arc::strong_count(inner) > 1)
    }
}

impl Inner {
    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        clock::timer_now()
            .saturating_duration_since(self.since)
            .as_millis() as u64
    }

    fn tell(&self, change: Option<Change>) {
        let Some(change) = change else {
            return;
        };
        let (provider, kind) = (self.vendor, self.kind.code());
        let whose = if self.is_clients {
            "client"
        } else {
            "operator"
        };
        let to = change.code();
        counter!("trunkline_circuit_changes_total", "provider" => provider, "kind" => kind, "to" => to)
            .increment(1);
        self.count(change != Change::Closed);
        match change {
            Change::Opened => {
                tracing::warn!(provider, kind, whose, "provider fails: it is left alone");
            }
            Change::Tried => tracing::info!(provider, kind, whose, "provider is tried again"),
            Change::Closed => tracing::info!(provider, kind, whose, "provider works again"),
        }
    }

    /// Counts it among the open ones, or no longer.
    fn count(&self, is_open: bool) {
        if self.is_counted.swap(is_open, Ordering::Relaxed) == is_open {
            return;
        }
        let open = gauge!("trunkline_circuits_open", "provider" => self.vendor, "kind" => self.kind.code());
        match is_open {
            true => open.increment(1.0),
            false => open.decrement(1.0),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.count(false);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    const PLAIN: Identity<'_> = Identity {
        kind: Kind::Voice,
        vendor: "plain",
        owner: "",
        base_url: "https://x",
        key: "hush",
        model: "m",
    };

    fn broken(circuit: &Circuit) {
        for _ in 0..3 {
            circuit.failed();
        }
    }

    #[test]
    fn an_account_is_one_circuit_and_any_other_is_another() {
        let circuits = Circuits::default();
        broken(&circuits.of(&PLAIN));
        assert!(circuits.of(&PLAIN).is_open());
        for other in [
            Identity {
                kind: Kind::Model,
                ..PLAIN
            },
            Identity {
                vendor: "other",
                ..PLAIN
            },
            Identity {
                owner: "cli_1",
                ..PLAIN
            },
            Identity {
                base_url: "https://xh",
                key: "ush",
                ..PLAIN
            },
            Identity {
                model: "n",
                ..PLAIN
            },
        ] {
            assert!(!circuits.of(&other).is_open());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_tries_it_and_all_know() {
        let circuits = Circuits::default();
        let [one, other] = [circuits.of(&PLAIN), circuits.of(&PLAIN)];
        assert!(one.admits());
        broken(&one);
        assert!(!one.admits() && !other.admits());
        advance(Duration::from_secs(16)).await;
        assert!(other.admits() && !one.admits());
        other.worked();
        assert!(one.admits() && !one.is_open());
        assert!(Circuit::default().admits());
        broken(&Circuit::default());
        assert!(!Circuit::default().is_open());
    }

    #[test]
    fn there_are_never_too_many_and_what_is_known_to_fail_stays() {
        let circuits = Circuits::default();
        let named = |n: usize| {
            let owner = n.to_string();
            circuits.of(&Identity {
                owner: &owner,
                ..PLAIN
            })
        };
        broken(&named(7));
        let used: Vec<Circuit> = (0..3).map(named).collect();
        for n in 0..3 * CIRCUITS_MAX {
            named(n);
        }
        assert!(circuits.0.lock().unwrap().len() <= CIRCUITS_MAX);
        assert!(named(7).is_open());
        broken(&used[1]);
        assert!(named(1).is_open(), "the same");
        // All in use.
        let _all: Vec<Circuit> = (0..3 * CIRCUITS_MAX).map(named).collect();
        assert!(circuits.0.lock().unwrap().len() <= CIRCUITS_MAX);
    }
}
