//! The gate between a caller and whatever stores. Only it makes a [`Granted`].

use serde::{Deserialize, Serialize};

use crate::time::At;

/// Proof that what the caller says from a moment on may be stored.
///
/// It can be neither made nor copied outside this module: whoever stores borrows it from the call, which drops it with
/// the first objection.
#[derive(Debug)]
pub struct Granted {
    since: At,
    method: Method,
}

impl Granted {
    /// Nothing that began before this moment is covered.
    pub fn since(&self) -> At {
        self.since
    }

    /// How it was given.
    pub fn method(&self) -> Method {
        self.method
    }

    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the gate's transitions are its only user")
    )]
    fn mint(since: At, method: Method) -> Self {
        Self { since, method }
    }

    /// A grant for the unit tests of those who store; the product has no other way than the gate.
    #[cfg(test)]
    pub(crate) fn for_test(since: At) -> Self {
        Self::mint(since, Method::Silence)
    }
}

/// How consent was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The caller heard the whole notice and stayed silent.
    Silence,
    /// The caller heard the whole notice and went on talking without objecting.
    WentOn,
    /// The caller said yes to the question.
    SaidYes,
    /// The caller pressed the key for yes.
    PressedYes,
}

/// Why nothing is stored, or nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The rule or the client's policy stores nothing of this call; nobody was asked.
    NotAsked,
    /// The caller objected in words.
    Objected,
    /// The caller objected by key.
    PressedNo,
    /// The question was answered with no.
    SaidNo,
    /// The answer was not understood, twice.
    Unclear,
    /// There was no answer.
    NoAnswer,
    /// The caller does not want to be called again; nothing of them is kept but that.
    OptedOut,
    /// The call ended first.
    Ended,
}
