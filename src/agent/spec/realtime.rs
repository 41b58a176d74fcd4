//! A model that hears, thinks and speaks.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A model that hears, thinks and speaks by itself. Notices are said by the agent's voice all the same, and recogniser, model
/// and voice take over when it fails.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RealtimeSpec {
    /// Id of a provider of the client's that is a model of `openai` or of an `openai_compatible` endpoint; the operator's
    /// choice if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64, examples("prov_01JD0000000000000000000000"))]
    pub provider: Option<String>,
    /// The provider's name for the model that speaks. The operator's if absent; where `provider` is named, it must be too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub model: Option<String>,
    /// The provider's name for the voice; the operator's if absent and `provider` is too, and then the model's usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub voice: Option<String>,
    /// The provider's name for the model that writes down what the caller says. The operator's if absent; where `provider` is
    /// named, it must be too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub transcriber: Option<String>,
}
