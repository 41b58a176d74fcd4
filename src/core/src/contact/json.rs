//! A contact in a line of JSON.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::{ColumnError, Columns, Details, Fault, Value};

/// What an object says of a contact. Its plain fields are read as the columns of a table are, by their names or by a mapping;
/// beside them may stand `phones` as in the API, `variables` and `preferences`.
///
/// # Errors
/// What is wrong with its form.
pub fn of_json(
    object: Map<String, Json>,
    mapping: &BTreeMap<String, String>,
) -> Result<Details, Fault> {
    let (mut names, mut cells) = (Vec::new(), Vec::new());
    let mut nested = Vec::new();
    for (name, value) in object {
        match value {
            Json::Null => {}
            Json::String(text) => {
                names.push(name);
                cells.push(text);
            }
            Json::Bool(_) | Json::Number(_) => {
                names.push(name);
                cells.push(value.to_string());
            }
            Json::Array(_) | Json::Object(_) => nested.push((name, value)),
        }
    }
    if names.len() + nested.len() > super::COLUMNS_MAX {
        let detail = format!("at most {} fields", super::COLUMNS_MAX);
        return Err(Fault::new("", "too_many_columns", detail));
    }
    let has_phones = nested.iter().any(|(name, _)| name == "phones");
    let here = names.iter().filter_map(|name| mapping.get_key_value(name));
    let here: BTreeMap<String, String> = here
        .map(|(name, word)| (name.clone(), word.clone()))
        .collect();
    let mut details = match Columns::of(&names, &here) {
        Ok(columns) => columns.details(cells.iter().map(String::as_str)),
        Err(ColumnError::NoPhone) if has_phones => {
            // With a number for the while, the rest is read.
            names.push("phone_number".into());
            let columns = Columns::of(&names, &here);
            let columns = columns.map_err(|error| Fault::new("", "columns", error.to_string()))?;
            columns.details(cells.iter().map(String::as_str))
        }
        Err(error) => return Err(Fault::new("", "columns", error.to_string())),
    };
    for (name, value) in nested {
        // What the field is called may be about the person.
        let pointer = match name.as_str() {
            "variables" | "preferences" | "phones" => format!("/{name}"),
            _ => String::new(),
        };
        let wrong = |detail: &str| Fault::new(pointer.clone(), "wrong_type", detail);
        match (name.as_str(), value) {
            ("variables", Json::Object(fields)) => {
                for (name, value) in fields {
                    let value = scalar(value)
                        .ok_or_else(|| wrong("a variable is text, a number, true or false"))?;
                    details.variables.insert(name, value);
                }
            }
            ("preferences", Json::Object(fields)) => {
                for (name, value) in fields {
                    let value = scalar(value).ok_or_else(|| wrong("a preference is text"))?;
                    details.preferences.insert(name, value.text());
                }
            }
            ("phones", Json::Array(phones)) => {
                for phone in phones {
                    let read = phone_of(phone);
                    details.phones.push(read.ok_or_else(|| {
                        wrong("expected [{\"number\": \"+15550100123\", \"label\": \"mobile\"}]")
                    })?);
                }
            }
            _ => return Err(wrong("expected text, a number, true or false")),
        }
    }
    Ok(details)
}

fn scalar(value: Json) -> Option<Value> {
    match value {
        Json::String(text) => Some(Value::Text(text)),
        Json::Bool(value) => Some(Value::Boolean(value)),
        Json::Number(number) => Some(Value::Number(number)),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

fn phone_of(value: Json) -> Option<(String, Option<String>)> {
    match value {
        Json::String(number) => Some((number, None)),
        Json::Object(mut fields) => {
            let number = fields.remove("number")?.as_str()?.to_owned();
            let label = match fields.remove("label") {
                None | Some(Json::Null) => None,
                Some(label) => Some(label.as_str()?.to_owned()),
            };
            fields.is_empty().then_some((number, label))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Details, Fault> {
        let object: Map<String, Json> = serde_json::from_str(text).unwrap();
        of_json(object, &BTreeMap::new())
    }

    #[test]
    fn fields_are_columns_and_more() {
        let details = read(
            "{\"phone\":\"+15550100123\",\"First Name\":\"Ann\",\"age\":42,\"variables\":{\"vip\":true},\
             \"preferences\":{\"time\":\"morning\"}}",
        );
        let details = details.ok().unwrap();
        assert_eq!(details.phones[0].0, "+15550100123");
        assert_eq!(details.variables["first_name"].text(), "Ann");
        assert_eq!(details.variables["age"].text(), "42");
        assert_eq!(details.variables["vip"].text(), "true");
        assert_eq!(details.preferences["time"], "morning");
        let several = read(
            "{\"phones\":[\"+15550100123\",{\"number\":\"+15550100124\",\"label\":\"work\"}],\"plan\":\"a\"}",
        );
        let several = several.ok().unwrap();
        assert_eq!(several.phones.len(), 2);
        assert_eq!(several.variables["plan"].text(), "a");
    }

    #[test]
    fn what_has_no_place_is_refused() {
        for (text, pointer) in [
            // What a row calls a field of its own is told nowhere.
            ("{\"phone\":\"+15550100123\",\"x\":{\"y\":1}}", ""),
            ("{\"phones\":[{\"number\":1}]}", "/phones"),
            (
                "{\"phone\":\"+15550100123\",\"variables\":{\"a\":[]}}",
                "/variables",
            ),
            ("{\"name\":\"Ann\"}", ""),
        ] {
            let fault = read(text).err().unwrap();
            assert_eq!(fault.pointer, pointer, "{text}");
        }
    }
}
