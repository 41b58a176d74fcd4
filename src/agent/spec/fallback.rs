//! Who takes over when the first provider of a stage fails.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most that stand behind the first.
pub const FALLBACKS_MAX: usize = 3;
/// Stands for the operator's choice in the place of a provider's id.
pub const OPERATORS: &str = "operator";
/// Stands for what is built in.
pub const EMBEDDED: &str = "embedded";

/// A recogniser that takes over. Language, key terms and who judges turns are the agent's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecogniserFallback {
    /// Id of the client's provider; `operator` for the operator's recogniser, `embedded` for what is built in. Where the
    /// recogniser says when a turn is over (`turns`), one that cannot is passed over, and so are those that always do
    /// where the server's own models say it.
    #[schema(max_length = 64, examples("prov_01JD0000000000000000000000"))]
    pub provider: String,
    /// The provider's name for the model; its usual one if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub model: Option<String>,
}

/// A language model that takes over. How freely it chooses words, and the longest reply, are the agent's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelFallback {
    /// Id of the client's provider, or `operator` for the operator's model.
    #[schema(max_length = 64, examples("prov_01JD0000000000000000000000"))]
    pub provider: String,
    /// The provider's name for the model; that of the provider's settings if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub name: Option<String>,
}

/// A voice that takes over. Pace and pronunciations are the agent's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VoiceFallback {
    /// Id of the client's provider; `operator` for the operator's voice, `embedded` for what is built in.
    #[schema(max_length = 64, examples("prov_01JD0000000000000000000000"))]
    pub provider: String,
    /// The provider's name for the model; its usual one if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub model: Option<String>,
    /// The provider's id of the voice; the provider's setting if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub id: Option<String>,
}

/// A provider and what is chosen about it, whichever stage it is of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry<'s> {
    pub(crate) provider: &'s str,
    /// What else is chosen, by the name of its field.
    pub(crate) parts: [(&'static str, Option<&'s str>); 2],
}

fn entry<'s>(
    provider: &'s str,
    model: (&'static str, &'s Option<String>),
    voice: Option<&'s str>,
) -> Entry<'s> {
    Entry {
        provider,
        parts: [(model.0, model.1.as_deref()), ("id", voice)],
    }
}

/// The fallbacks of a stage.
pub(crate) struct List<'s> {
    /// Where they stand in the document.
    pub(crate) place: &'static str,
    /// Whom they stand behind.
    pub(crate) first: Entry<'s>,
    pub(crate) entries: Vec<Entry<'s>>,
}

impl super::AgentSpec {
    /// The lists that are there.
    pub(crate) fn fallbacks(&self) -> Vec<List<'_>> {
        let (model, recogniser, voice) = (&self.model, &self.recogniser, &self.voice);
        let models = model.fallbacks.as_ref().map(|list| List {
            place: "/model/fallbacks",
            first: entry(named(&model.provider), ("name", &model.name), None),
            entries: list
                .iter()
                .map(|other| entry(&other.provider, ("name", &other.name), None))
                .collect(),
        });
        let recognisers = recogniser.fallbacks.as_ref().map(|list| List {
            place: "/recogniser/fallbacks",
            first: entry(
                named(&recogniser.provider),
                ("model", &recogniser.model),
                None,
            ),
            entries: list
                .iter()
                .map(|other| entry(&other.provider, ("model", &other.model), None))
                .collect(),
        });
        let voices = voice.fallbacks.as_ref().map(|list| List {
            place: "/voice/fallbacks",
            first: entry(
                named(&voice.provider),
                ("model", &voice.model),
                voice.id.as_deref(),
            ),
            entries: list
                .iter()
                .map(|other| {
                    entry(
                        &other.provider,
                        ("model", &other.model),
                        other.id.as_deref(),
                    )
                })
                .collect(),
        });
        [models, recognisers, voices]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// Whom the first place names.
fn named(provider: &Option<String>) -> &str {
    provider.as_deref().unwrap_or(OPERATORS)
}
