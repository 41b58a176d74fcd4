//! The JSON of recognisers, borrowed from its text. A value of a wrong kind is as good as none: it never spoils the
//! message around it.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// A single value; lists and objects are read past.
#[derive(Clone, Default)]
pub(in crate::wire) enum Scalar<'a> {
    #[default]
    Absent,
    Text(Cow<'a, str>),
    Number(f64),
    Flag(bool),
}

impl Scalar<'_> {
    /// The text, or an empty one.
    pub(in crate::wire) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Absent | Self::Number(_) | Self::Flag(_) => "",
        }
    }

    /// A finite number, written as one or in a text.
    pub(in crate::wire) fn number(&self) -> Option<f64> {
        let number = match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Absent | Self::Flag(_) => None,
        };
        number.filter(|number: &f64| number.is_finite())
    }

    /// A count or an index: whole and not negative.
    pub(in crate::wire) fn whole(&self) -> Option<u64> {
        let number = self.number()?;
        // Exact up to 2^53, and the largest number there is beyond.
        (number >= 0.0).then_some(number as u64)
    }

    /// True only if it is said to be.
    pub(in crate::wire) fn flag(&self) -> bool {
        match self {
            Self::Flag(flag) => *flag,
            Self::Text(text) => text.eq_ignore_ascii_case("true"),
            Self::Number(number) => *number == 1.0,
            Self::Absent => false,
        }
    }
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
        Ok(Scalar::Number(number as f64))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(number))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Flag(flag))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Absent)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Absent)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Absent)
    }
}

/// Reads `json`, which must be an object.
pub(in crate::wire) fn object<'a, T: Deserialize<'a>>(json: &'a str) -> Option<T> {
    // A derived struct would also read a list, by position.
    if !json.trim_start().starts_with('{') {
        return None;
    }
    serde_json::from_str(json).ok()
}

/// The first `most` objects of a list; none if it is not a list. What in it is not such an object is passed over.
pub(super) fn objects<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>, most: usize) -> Vec<T> {
    let Some(raw) = raw else {
        return Vec::new();
    };
    let mut deserializer = serde_json::Deserializer::from_str(raw.get());
    deserializer
        .deserialize_seq(Objects {
            most,
            of: PhantomData,
        })
        .unwrap_or_default()
}

struct Objects<T> {
    most: usize,
    of: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Objects<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut objects = Vec::new();
        while objects.len() < self.most
            && let Some(raw) = items.next_element::<&'de RawValue>()?
        {
            objects.extend(object::<T>(raw.get()));
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(objects)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Holder<'a> {
        #[serde(borrow, default)]
        value: Scalar<'a>,
        #[serde(borrow, default)]
        list: Option<&'a RawValue>,
    }

    #[test]
    fn a_value_is_what_can_be_made_of_it() {
        type Row = (&'static str, &'static str, Option<f64>, Option<u64>, bool);
        let rows: &[Row] = &[
            ("\"a\"", "a", None, None, false),
            ("\" 1.5 \"", " 1.5 ", Some(1.5), Some(1), false),
            ("7", "", Some(7.0), Some(7), false),
            ("-1", "", Some(-1.0), None, false),
            ("1e300", "", Some(1e300), Some(u64::MAX), false),
            ("\"NaN\"", "NaN", None, None, false),
            ("\"inf\"", "inf", None, None, false),
            ("true", "", None, None, true),
            ("\"True\"", "True", None, None, true),
            ("null", "", None, None, false),
            ("[1,[2]]", "", None, None, false),
            ("{\"a\":{}}", "", None, None, false),
        ];
        for (json, text, number, whole, flag) in rows {
            let json = format!("{{\"value\":{json},\"more\":[{{}}]}}");
            let holder: Holder<'_> = object(&json).unwrap();
            assert_eq!(holder.value.text(), *text, "{json}");
            assert_eq!(holder.value.number(), *number, "{json}");
            assert_eq!(holder.value.whole(), *whole, "{json}");
            assert_eq!(holder.value.flag(), *flag, "{json}");
        }
    }

    #[test]
    fn only_objects_of_a_list_are_taken() {
        let holder: Holder<'_> =
            object(r#"{"list":[1,{"value":1},"x",[{}],{"value":2},{"value":3}]}"#).unwrap();
        let numbers = |most| {
            objects::<Holder<'_>>(holder.list, most)
                .iter()
                .filter_map(|one| one.value.whole())
                .collect::<Vec<_>>()
        };
        assert_eq!(numbers(9), [1, 2, 3]);
        assert_eq!(numbers(2), [1, 2]);
        for not_a_list in ["{}", r#"{"list":{}}"#, r#"{"list":4}"#] {
            let holder: Holder<'_> = object(not_a_list).unwrap();
            assert!(objects::<Holder<'_>>(holder.list, 9).is_empty());
        }
        assert!(object::<Holder<'_>>("[\"x\",null]").is_none());
    }
}
