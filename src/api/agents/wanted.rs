//! A version that whoever wants a call asks for, in place of the one that the agent's owner gives to such calls.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::agent::Agent;
use crate::api::auth::Caller;
use crate::api::problem::{Code, Problem};
use crate::api::refuse::{stored, unopened};
use crate::api::scope::Scope;
use crate::app::App;
use crate::reception::{Turned, Which};

/// A version by its number, or the draft.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(example = "draft")]
pub(in crate::api) enum WantedVersion {
    /// This version.
    Number(u32),
    /// The draft.
    Draft(DraftWord),
}

/// The draft.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum DraftWord {
    /// As it is now.
    Draft,
}

impl WantedVersion {
    /// Whether a key may choose. What was not published is for those alone who may change agents.
    pub(in crate::api) fn may(self, caller: &Caller) -> Result<(), Problem> {
        if caller.scopes.allow(Scope::AgentsWrite) {
            return Ok(());
        }
        let detail = "`agent_version` needs a key with the scope agents:write too";
        Err(Problem::new(Code::Forbidden).detail(detail))
    }

    pub(in crate::api) fn which<'a>(self) -> Which<'a> {
        match self {
            Self::Number(number) => Which::Settled(number),
            Self::Draft(DraftWord::Draft) => Which::Draft,
        }
    }

    /// Whether this is what was found. An agent from a file has no versions.
    pub(in crate::api) fn is(self, agent: &Agent) -> Result<(), Problem> {
        match self {
            Self::Number(number) if number == agent.version => Ok(()),
            Self::Draft(DraftWord::Draft) if agent.version > 0 => Ok(()),
            Self::Number(_) => Err(not_there(Turned::NoVersion)),
            Self::Draft(DraftWord::Draft) => Err(not_there(Turned::NoDraft)),
        }
    }

    /// Its number, of an agent that is there.
    pub(in crate::api) async fn number(
        self,
        app: &App,
        caller: &Caller,
        agent_id: &str,
    ) -> Result<u32, Problem> {
        let keys = caller.keys(&app.desk).await?;
        let found = app
            .reception
            .agent(&app.desk, &keys, agent_id, self.which());
        let agent = found.await.map_err(not_there)?;
        self.is(&agent)?;
        Ok(agent.version)
    }
}

/// Why no agent is found for a call.
pub(in crate::api) fn not_there(turned: Turned) -> Problem {
    match turned {
        Turned::NoAgent => Problem::invalid("/agent_id", "not_found", "there is no such agent"),
        Turned::NoVersion => {
            Problem::invalid("/agent_version", "not_found", "there is no such version")
        }
        Turned::NoDraft => {
            Problem::invalid("/agent_version", "not_found", "the agent has no draft")
        }
        Turned::Store(error) => stored(error),
        Turned::Unopened(error) => unopened(error),
        turned @ (Turned::NoClient
        | Turned::Agent(_)
        | Turned::Used
        | Turned::Vault(_)
        | Turned::WhichClient
        | Turned::Suspended
        | Turned::Plan(_)) => Problem::internal(&turned),
    }
}
