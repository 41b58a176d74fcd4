//! The slots of the first words.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// The first words of every call: who calls, that it is an AI, what about, and how to be called no more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OpeningSpec {
    /// The legal name of the business; `business` if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 120)]
    pub legal_entity: Option<String>,
    /// What calls of the business are about, as said after "calling about".
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 160, examples("your appointment"))]
    pub purpose: Option<String>,
    /// How the agent says what it is: "the AI assistant" if absent. It must say that it is an AI.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 80)]
    pub ai_notice: Option<String>,
    /// How to be called no more, said in calls that the business makes; a usual sentence if absent. Beside `texts` of
    /// one's own it may be empty, which leaves it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub opt_out_line: Option<String>,
    /// Sentences of one's own in place of the one made of the slots. They must say that an AI speaks. The recording
    /// notice is never part of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 8)]
    pub texts: Option<Vec<String>>,
}

/// A list of sentences, or the slots.
pub(super) fn texts_or_slots<'de, D: Deserializer<'de>>(from: D) -> Result<OpeningSpec, D::Error> {
    struct Either;
    impl<'de> Visitor<'de> for Either {
        type Value = OpeningSpec;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the opening's slots, or a list of its sentences")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<OpeningSpec, A::Error> {
            Ok(OpeningSpec {
                texts: Some(Vec::deserialize(SeqAccessDeserializer::new(list))?),
                ..OpeningSpec::default()
            })
        }

        fn visit_map<A: MapAccess<'de>>(self, slots: A) -> Result<OpeningSpec, A::Error> {
            OpeningSpec::deserialize(MapAccessDeserializer::new(slots))
        }
    }
    from.deserialize_any(Either)
}
