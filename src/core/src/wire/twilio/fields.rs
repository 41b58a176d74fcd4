//! The JSON of a message, borrowed from its text, and the checks of single fields.

use super::{ID_BYTES_MAX, WireError};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow, default)]
    pub(super) event: Scalar<'a>,
    #[serde(borrow, default, rename = "sequenceNumber")]
    pub(super) sequence: Scalar<'a>,
    #[serde(borrow, default, rename = "streamSid")]
    pub(super) stream_id: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) protocol: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) version: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) start: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) media: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) dtmf: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) mark: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct StartPart<'a> {
    #[serde(borrow, default, rename = "accountSid")]
    pub(super) account: Scalar<'a>,
    #[serde(borrow, default, rename = "callSid")]
    pub(super) call: Scalar<'a>,
    #[serde(borrow, default, rename = "streamSid")]
    pub(super) stream_id: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) tracks: Names<'a>,
    #[serde(borrow, default, rename = "mediaFormat")]
    pub(super) media_format: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "customParameters")]
    pub(super) parameters: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct FormatPart<'a> {
    #[serde(borrow, default)]
    pub(super) encoding: Scalar<'a>,
    #[serde(borrow, default, rename = "sampleRate")]
    pub(super) sample_rate: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) channels: Scalar<'a>,
}

#[derive(Deserialize)]
pub(super) struct MediaPart<'a> {
    #[serde(borrow, default)]
    pub(super) track: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) chunk: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) timestamp: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) payload: Scalar<'a>,
}

#[derive(Deserialize)]
pub(super) struct KeyPart<'a> {
    #[serde(borrow, default)]
    pub(super) digit: Scalar<'a>,
}

#[derive(Deserialize)]
pub(super) struct MarkPart<'a> {
    #[serde(borrow, default)]
    pub(super) name: Scalar<'a>,
}

/// A value that should be a text or a whole number; anything else is read past and remembered as such.
#[derive(Debug, Clone, Default)]
pub(super) enum Scalar<'a> {
    #[default]
    Absent,
    Text(Cow<'a, str>),
    Number(u64),
    Other,
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Other)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Absent)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

/// The texts of a list; empty for anything that is not a list.
#[derive(Default)]
pub(super) struct Names<'a>(pub(super) Vec<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Names<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(raw) = Option::<&RawValue>::deserialize(deserializer)? else {
            return Ok(Self::default());
        };
        let items: Vec<Scalar<'a>> = serde_json::from_str(raw.get()).unwrap_or_default();
        Ok(Self(
            items
                .into_iter()
                .take(8)
                .filter_map(|item| match item {
                    Scalar::Text(name) => Some(name),
                    Scalar::Absent | Scalar::Number(_) | Scalar::Other => None,
                })
                .collect(),
        ))
    }
}

/// The entries of an object, in order, repeated names and all.
pub(super) struct Pairs<'a>(pub(super) Vec<(Cow<'a, str>, Scalar<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;

        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some((name, value)) = entries.next_entry::<Scalar<'de>, Scalar<'de>>()? {
                    if let Scalar::Text(name) = name {
                        pairs.push((name, value));
                    }
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(PairsVisitor)
    }
}

/// Reads `json`, which must be an object.
pub(super) fn object<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, WireError> {
    // A derived struct would also read a list, by position.
    if !json.trim_start().starts_with('{') {
        return Err(WireError::NotJson { column: 1 });
    }
    serde_json::from_str(json).map_err(|error| WireError::NotJson {
        column: error.column(),
    })
}

/// Reads an object within a message.
pub(super) fn part<'a, T: Deserialize<'a>>(
    raw: Option<&'a RawValue>,
    field: &'static str,
) -> Result<T, WireError> {
    let raw = raw.ok_or(WireError::Missing { field })?;
    object(raw.get()).map_err(|_| WireError::Wrong {
        field,
        expected: "an object of known shape",
    })
}

pub(super) fn text<'v, 'a>(
    value: &'v Scalar<'a>,
    field: &'static str,
    bytes_max: usize,
) -> Result<Cow<'v, str>, WireError> {
    match value {
        Scalar::Text(text) if text.len() <= bytes_max => Ok(Cow::Borrowed(text)),
        Scalar::Text(_) => Err(WireError::Wrong {
            field,
            expected: "shorter",
        }),
        Scalar::Absent => Err(WireError::Missing { field }),
        Scalar::Number(_) | Scalar::Other => Err(WireError::Wrong {
            field,
            expected: "a text",
        }),
    }
}

/// A whole number, written as one or as decimal digits.
pub(super) fn number(value: &Scalar<'_>, field: &'static str) -> Result<u64, WireError> {
    const EXPECTED: &str = "a whole number";
    match value {
        Scalar::Number(number) => Ok(*number),
        Scalar::Text(text) if text.bytes().all(|b| b.is_ascii_digit()) => {
            text.parse().map_err(|_| WireError::Wrong {
                field,
                expected: EXPECTED,
            })
        }
        Scalar::Absent => Err(WireError::Missing { field }),
        Scalar::Text(_) | Scalar::Other => Err(WireError::Wrong {
            field,
            expected: EXPECTED,
        }),
    }
}

/// An id of the carrier's: bounded, and made of characters that need no escape in JSON, a path or a log.
pub(super) fn id<'a>(value: Scalar<'a>, field: &'static str) -> Result<Cow<'a, str>, WireError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
    match value {
        Scalar::Text(id)
            if !id.is_empty() && id.len() <= ID_BYTES_MAX && id.bytes().all(allowed) =>
        {
            Ok(id)
        }
        Scalar::Absent => Err(WireError::Missing { field }),
        Scalar::Text(_) | Scalar::Number(_) | Scalar::Other => Err(WireError::Wrong {
            field,
            expected: "an id of at most 64 letters and digits",
        }),
    }
}
