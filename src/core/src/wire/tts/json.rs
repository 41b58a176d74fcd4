//! Values that should be of some type and are read past if they are not: an odd one must not cost the whole message.

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Longest message that is read, in bytes: 98 s of audio in base64.
pub(super) const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// Most entries of a list that are read.
const LIST_MAX: usize = 16 * 1024;

/// A value that should be a text, a number or a flag.
#[derive(Default)]
pub(super) enum Lax<'a> {
    #[default]
    Nothing,
    Text(Cow<'a, str>),
    Number(f64),
    Flag(bool),
}

impl Lax<'_> {
    /// The text, if it is one and is not empty.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) if !text.is_empty() => Some(text),
            Self::Text(_) | Self::Nothing | Self::Number(_) | Self::Flag(_) => None,
        }
    }

    /// The number, if it is one that an HTTP status could be.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Number(number) if (100.0..600.0).contains(number) => Some(*number as u16),
            Self::Number(_) | Self::Nothing | Self::Text(_) | Self::Flag(_) => None,
        }
    }

    pub(super) fn is_true(&self) -> bool {
        matches!(self, Self::Flag(true))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Lax<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LaxVisitor)
    }
}

struct LaxVisitor;

impl<'de> Visitor<'de> for LaxVisitor {
    type Value = Lax<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Lax::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Lax::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Lax::Number(number as f64))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Lax::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Lax::Number(number))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Lax::Flag(flag))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Lax::Nothing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Lax::Nothing)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Lax::Nothing)
    }
}

/// Reads a message, which must be an object within bounds.
pub(super) fn object<'a, T: Deserialize<'a>>(json: &'a str) -> Option<T> {
    // A derived struct would also read a list, by position.
    let is_object = json.len() <= MESSAGE_BYTES_MAX && json.trim_start().starts_with('{');
    is_object.then(|| serde_json::from_str(json).ok()).flatten()
}

/// Reads an object within a message.
pub(super) fn part<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    object(raw?.get())
}

/// The entries of a list; none of anything that is not a list.
pub(super) fn list(raw: Option<&RawValue>) -> Vec<Lax<'_>> {
    let list: Option<Vec<Lax<'_>>> = raw.and_then(|raw| serde_json::from_str(raw.get()).ok());
    let mut list = list.unwrap_or_default();
    list.truncate(LIST_MAX);
    list
}

/// Milliseconds of a number of them; none of what is not in a context's audio.
pub(super) fn ms(value: &Lax<'_>, ms_each: f64) -> Option<u32> {
    match value {
        Lax::Number(number) => {
            let ms = number * ms_each;
            (0.0..=f64::from(u32::MAX / 2))
                .contains(&ms)
                .then(|| ms.round() as u32)
        }
        Lax::Nothing | Lax::Text(_) | Lax::Flag(_) => None,
    }
}
