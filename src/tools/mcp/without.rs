//! In place of sessions, in a program that was built without MCP.

use serde_json::Value;

use super::{Answer, McpProblem, Unanswered, Way};

/// There is none.
pub(super) enum Session {}

impl Session {
    pub(super) async fn open(_: &Way) -> Result<Self, McpProblem> {
        std::future::ready(Err(McpProblem::Absent)).await
    }

    pub(super) fn is_open(&self) -> bool {
        match *self {}
    }

    pub(super) async fn list(&self) -> Result<Vec<Value>, McpProblem> {
        match *self {}
    }

    pub(super) async fn call(&self, _: &str, _: &Value) -> Result<Answer, Unanswered> {
        match *self {}
    }
}
