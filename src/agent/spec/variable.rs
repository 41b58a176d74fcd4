//! Values that a call brings along: what they are called, and what they may be.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use trunkline_core::flow::VALUE_CHARS_MAX;
use trunkline_core::phone::PhoneNumber;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// A variable of a flow or a prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VariableSpec {
    /// What its values are.
    #[serde(rename = "type")]
    pub kind: VariableKind,
    /// Its value in calls that bring none; empty for one that calls may leave out. Without it, every call must bring a
    /// value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// A variable that is declared in full.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Declared {
    /// What its values are; `text` if absent.
    #[serde(rename = "type", default)]
    kind: VariableKind,
    /// Its value in calls that bring none; empty for one that calls may leave out. Without it, every call must bring a
    /// value.
    #[serde(default)]
    #[schema(max_length = 500)]
    default: Option<String>,
}

impl PartialSchema for VariableSpec {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("A default of type `text`"))
            .max_length(Some(VALUE_CHARS_MAX));
        OneOfBuilder::new()
            .description(Some("A variable of a flow or a prompt."))
            .item(text)
            .item(Declared::schema())
            .into()
    }
}

impl ToSchema for VariableSpec {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Declared::schemas(schemas);
    }
}

/// What the values of a variable are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VariableKind {
    /// Any words.
    #[default]
    Text,
    /// A number, as `-12.5`.
    Number,
    /// A day, as `2027-01-31`.
    Date,
    /// A time of day, as `14:30`.
    Time,
    /// A telephone number, as `+15005550006`.
    Phone,
}

impl VariableKind {
    /// Whether `value` is one of these. The error says what it must be, never what it is.
    pub fn accepts(self, value: &str) -> Result<(), &'static str> {
        let fits = match self {
            VariableKind::Text => value.chars().count() <= VALUE_CHARS_MAX,
            VariableKind::Number => is_number(value),
            VariableKind::Date => {
                value.len() == 10 && chrono::NaiveDate::parse_from_str(value, "%Y-%m-%d").is_ok()
            }
            VariableKind::Time => {
                value.len() == 5 && chrono::NaiveTime::parse_from_str(value, "%H:%M").is_ok()
            }
            VariableKind::Phone => PhoneNumber::parse(value).is_ok(),
        };
        if fits {
            return Ok(());
        }
        Err(match self {
            VariableKind::Text => "it must have at most 500 characters",
            VariableKind::Number => "it must be a number, as -12.5",
            VariableKind::Date => "it must be a day, as 2027-01-31",
            VariableKind::Time => "it must be a time of day, as 14:30",
            VariableKind::Phone => "it must be a telephone number, as +15005550006",
        })
    }
}

fn is_number(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    value.len() <= 30 && all_digits(whole) && all_digits(part)
}

impl<'de> Deserialize<'de> for VariableSpec {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = VariableSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or a table of `type` and `default`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<VariableSpec, E> {
                Ok(VariableSpec {
                    kind: VariableKind::Text,
                    default: Some(text.to_owned()),
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<VariableSpec, A::Error> {
                let Declared { kind, default } =
                    Declared::deserialize(MapAccessDeserializer::new(table))?;
                Ok(VariableSpec { kind, default })
            }
        }
        from.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_of_their_type() {
        use VariableKind::{Date, Number, Phone, Text, Time};
        let long = "x".repeat(VALUE_CHARS_MAX + 1);
        for (kind, good, bad) in [
            (
                Text,
                vec!["Ana", "é", &long[..VALUE_CHARS_MAX]],
                vec![long.as_str()],
            ),
            (
                Number,
                vec!["0", "-12.5", "007"],
                vec![
                    "",
                    "-",
                    "1.",
                    ".5",
                    "1e9",
                    "1,000",
                    "NaN",
                    "1111111111111111111111111111111",
                ],
            ),
            (
                Date,
                vec!["2027-01-31", "2028-02-29"],
                vec!["2027-02-29", "2027-1-31", "31.1.2027", "", "2027-01-31 "],
            ),
            (
                Time,
                vec!["14:30", "00:00"],
                vec!["24:00", "2:30", "14:30:00", "2 pm", ""],
            ),
            (
                Phone,
                vec!["+15005550006"],
                vec!["15005550006", "+1 500", ""],
            ),
        ] {
            for value in good {
                assert_eq!(kind.accepts(value), Ok(()), "{kind:?} {value}");
            }
            for value in bad {
                assert!(kind.accepts(value).is_err(), "{kind:?} {value:?}");
            }
        }
    }
}
