//! Variables of contacts: what a list declares of them, and what they are.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{Fault, NAME_CHARS_MAX, VALUE_CHARS_MAX, VARIABLES_MAX};

/// What a variable is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// Text.
    String,
    /// A number with or without a fraction, with a point.
    Number,
    /// True or false.
    Boolean,
    /// A day of the calendar, as `2026-11-24`.
    Date,
}

/// A variable's value. A date is text.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// True or false.
    Boolean(bool),
    /// A number.
    Number(serde_json::Number),
    /// Text, and dates.
    Text(String),
}

impl std::fmt::Debug for Value {
    /// A variable may be anything of a person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Value {
    /// As agents are told it, and as files have it.
    pub fn text(&self) -> String {
        match self {
            Self::Boolean(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Text(value) => value.clone(),
        }
    }
}

/// Which variables a list's contacts have. Others may be there too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Schema(BTreeMap<String, Type>);

/// Why a schema is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Too many names.
    #[error("at most {VARIABLES_MAX} variables")]
    TooMany,
    /// A name that is none.
    #[error(
        "a variable's name has 1 to {NAME_CHARS_MAX} letters of ASCII, digits and underscores, and begins with a letter or an underscore"
    )]
    Name,
}

impl Schema {
    /// Of names and types.
    ///
    /// # Errors
    /// [`SchemaError`].
    pub fn of(types: BTreeMap<String, Type>) -> Result<Self, SchemaError> {
        if types.len() > VARIABLES_MAX {
            return Err(SchemaError::TooMany);
        }
        match types.keys().all(|name| is_name(name)) {
            true => Ok(Self(types)),
            false => Err(SchemaError::Name),
        }
    }

    /// The types by name.
    pub fn types(&self) -> &BTreeMap<String, Type> {
        &self.0
    }
}

/// Whether a variable may be called so.
pub(super) fn is_name(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts
        && name.len() <= NAME_CHARS_MAX
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Values as the schemas have them; those that no schema names stay as they are.
pub(super) fn typed(
    given: BTreeMap<String, Value>,
    schemas: &[&Schema],
    faults: &mut Vec<Fault>,
) -> BTreeMap<String, Value> {
    if given.len() > VARIABLES_MAX {
        let detail = format!("at most {VARIABLES_MAX} variables");
        faults.push(Fault::new("/variables", "too_many", detail));
        return BTreeMap::new();
    }
    let mut variables = BTreeMap::new();
    for (name, value) in given {
        if !is_name(&name) {
            let error = SchemaError::Name.to_string();
            faults.push(Fault::new("/variables", "invalid_name", error));
            continue;
        }
        let pointer = format!("/variables/{name}");
        if value.text().chars().count() > VALUE_CHARS_MAX {
            let detail = format!("at most {VALUE_CHARS_MAX} characters");
            faults.push(Fault::new(pointer, "too_long", detail));
            continue;
        }
        let wanted = schemas.iter().find_map(|schema| schema.0.get(&name));
        let read = match wanted {
            None => Some(value),
            Some(wanted) => read(&value, *wanted),
        };
        match read {
            Some(value) => drop(variables.insert(name, value)),
            None => {
                let detail = match wanted {
                    Some(Type::Number) => "expected a number, as 12.5",
                    Some(Type::Boolean) => "expected true or false",
                    Some(Type::Date) => "expected a day of the calendar, as 2026-11-24",
                    Some(Type::String) | None => "expected text",
                };
                faults.push(Fault::new(pointer, "wrong_type", detail));
            }
        }
    }
    variables
}

fn read(value: &Value, wanted: Type) -> Option<Value> {
    let text = value.text();
    let text = text.trim();
    Some(match (wanted, value) {
        (Type::String, _) => Value::Text(value.text()),
        (Type::Number, Value::Number(number)) => Value::Number(number.clone()),
        (Type::Number, Value::Text(_)) => Value::Number(number(text)?),
        (Type::Boolean, Value::Boolean(value)) => Value::Boolean(*value),
        (Type::Boolean, Value::Text(_)) => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Value::Boolean(true),
            "false" | "no" | "0" => Value::Boolean(false),
            _ => return None,
        },
        (Type::Date, Value::Text(_)) => {
            let has_form = text.len() == 10;
            let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
            Value::Text(day.filter(|_| has_form)?.to_string())
        }
        (Type::Number, Value::Boolean(_))
        | (Type::Boolean, Value::Number(_))
        | (Type::Date, Value::Boolean(_) | Value::Number(_)) => return None,
    })
}

/// A number as JSON has it, but with zeros in front of it too.
fn number(text: &str) -> Option<serde_json::Number> {
    let decimal = |c: char| c.is_ascii_digit() || matches!(c, '-' | '.');
    if !text.chars().all(decimal) {
        return None;
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    let number: f64 = text.parse().ok()?;
    serde_json::Number::from_f64(number)
}
