//! What is to be known of a call once it is over.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// What a language model finds out about a call after its end, from what is stored of it. All of it but `dispositions` needs
/// `recording.record` and `recording.analytics`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AfterSpec {
    /// Whether a summary is written.
    #[schema(default = false)]
    pub summary: bool,
    /// How it is to be written; as usual if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        max_length = 2_000,
        examples("One sentence for the front desk, in German.")
    )]
    pub summary_instructions: Option<String>,
    /// A JSON Schema of data that are wanted: at most 32 KiB, 16 deep, references within itself only, and patterns without
    /// look-around.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, examples(json!({ "type": "object", "properties": { "day": { "type": "string", "format": "date" } } })))]
    pub extract: Option<Value>,
    /// A question or criteria for a verdict: success, failure or unclear, with a reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2_000, examples("Was an appointment agreed on?"))]
    pub success: Option<String>,
    /// Labels of which a call gets one: from a model where calls may be analysed, from people and tools in any case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 50)]
    pub dispositions: Vec<DispositionSpec>,
    /// Who finds it out; the agent's own model if nothing is chosen.
    pub model: AfterModelSpec,
}

/// One label of what can become of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DispositionSpec {
    /// Small letters, digits and `_`.
    #[schema(max_length = 40, examples("booked"))]
    pub label: String,
    /// When it is the right one.
    #[schema(
        max_length = 300,
        examples("An appointment was agreed on, with day and time.")
    )]
    pub description: String,
}

/// Another model than the agent's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AfterModelSpec {
    /// Id of the client's provider; the agent's own, or the operator's, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64, examples("prov_01JD0000000000000000000000"))]
    pub provider: Option<String>,
    /// The provider's name for the model; the agent's choice, or the provider's usual one, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub name: Option<String>,
    /// Longest answer, in tokens; the endpoint's own limit if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 16, maximum = 32_768)]
    pub max_tokens: Option<u32>,
}
