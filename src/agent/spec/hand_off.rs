//! The other agents to whom an agent may hand a caller over.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Another agent that may go on with a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HandOffSpec {
    /// By which the model names it: small letters, digits and `_`.
    #[schema(max_length = 40, examples("billing"))]
    pub name: String,
    /// Its id, or its name if it is the operator's. It must have a prompt and no `realtime`, be for calls of this direction, and its variables must
    /// have defaults or be brought by the call.
    #[schema(max_length = 128, examples("agent_01JD0000000000000000000000"))]
    pub agent: String,
    /// When it is the right one, for the model.
    #[schema(max_length = 300, examples("Bills and payments."))]
    pub description: String,
}
