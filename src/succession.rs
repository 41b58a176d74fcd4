//! Several that can do the same in a call: one does it, and the others stand ready to take over.

use std::sync::Arc;

use trunkline_core::call::Provider;
use trunkline_core::failover::{COUNT_MAX, Rota};

use crate::providers::Circuit;

/// One of several.
#[derive(Clone)]
pub struct Member<T> {
    /// What does it.
    pub stage: T,
    /// Who that is, as events, metrics and logs write it.
    pub vendor: &'static str,
    /// The vendor's name for the model; empty for its usual one.
    pub model: Arc<str>,
    /// What all calls know of it.
    pub circuit: Circuit,
}

/// In the order in which they take over; at most four count. Clones share the members, not whose turn it is.
pub struct Succession<T> {
    members: Arc<[Member<T>]>,
    rota: Rota,
}

impl<T> Clone for Succession<T> {
    fn clone(&self) -> Self {
        Self {
            members: Arc::clone(&self.members),
            rota: self.rota,
        }
    }
}

impl<T> Succession<T> {
    /// One, and those behind it.
    pub fn new(first: Member<T>, others: impl IntoIterator<Item = Member<T>>) -> Self {
        let members: Arc<[_]> = std::iter::once(first)
            .chain(others)
            .take(COUNT_MAX)
            .collect();
        let rota = Rota::new(members.len(), 0);
        Self { members, rota }
    }

    /// One that nobody stands behind.
    pub fn alone(stage: T, vendor: &'static str) -> Self {
        let circuit = Circuit::default();
        let member = Member {
            stage,
            vendor,
            model: Arc::default(),
            circuit,
        };
        Self::new(member, [])
    }

    /// Whose turn it is.
    #[expect(
        clippy::expect_used,
        reason = "there is a first, and a rota never points behind its count"
    )]
    pub fn current(&self) -> &Member<T> {
        self.members.get(self.rota.at()).expect("its turn")
    }

    /// Who the one is whose turn it is.
    pub fn provider(&self) -> Provider {
        let member = self.current();
        Provider {
            vendor: member.vendor,
            model: Arc::clone(&member.model),
            stands_in: self.at() > 0,
        }
    }

    /// The same members made into something else. `make` is told which one begins.
    pub fn map<U>(self, mut make: impl FnMut(&T, bool) -> U) -> Succession<U> {
        let begins = self.rota.at();
        let members = self.members.iter().enumerate().map(|(at, member)| Member {
            stage: make(&member.stage, at == begins),
            vendor: member.vendor,
            model: Arc::clone(&member.model),
            circuit: member.circuit.clone(),
        });
        Succession {
            members: members.collect(),
            rota: self.rota,
        }
    }

    /// The place of the one whose turn it is; 0 is the first.
    pub fn at(&self) -> usize {
        self.rota.at()
    }

    /// The same, with the turn of the one at this place.
    pub fn starting(&self, at: usize) -> Self {
        Self {
            members: Arc::clone(&self.members),
            rota: Rota::new(self.members.len(), at),
        }
    }

    /// Somebody could take over.
    pub fn has_next(&self) -> bool {
        self.rota.has_next()
    }

    /// Passes over those that are left alone just now, if there is anybody else. To be asked before something is asked of
    /// the one whose turn it is, and not twice: who is told that a provider on trial may be asked is its trial.
    pub fn begin(&mut self) {
        let members = &self.members;
        self.rota.begin(|at| admits(members, at));
    }

    /// The one whose turn it is failed. False if nobody is left to take over; then it begins anew.
    pub fn failed(&mut self) -> bool {
        let members = &self.members;
        self.rota.failed(|at| admits(members, at))
    }

    /// The one whose turn it is worked.
    pub fn worked(&mut self) {
        self.rota.worked();
    }
}

fn admits<T>(members: &[Member<T>], at: usize) -> bool {
    members
        .get(at)
        .is_some_and(|member| member.circuit.admits())
}
