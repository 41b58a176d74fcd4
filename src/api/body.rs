//! What a request says, read within bounds: JSON bodies, ids in paths, parameters of queries.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use trunkline_core::phone::PhoneNumber;

use super::problem::{Code, Problem};
use crate::ids;

/// Largest body of a request, in bytes.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Longest part of a request's own field names that a problem repeats, in characters.
const POINTER_CHARS_MAX: usize = 200;

/// The bytes of a body of at most [`BODY_BYTES_MAX`].
pub(super) async fn bytes(request: Request) -> Result<Bytes, Problem> {
    bytes_within(request, BODY_BYTES_MAX).await
}

/// The bytes of a body of at most `most`.
pub(super) async fn bytes_within(request: Request, most: usize) -> Result<Bytes, Problem> {
    let told = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if told.is_some_and(|told| told > most as u64) {
        return Err(too_large(most));
    }
    axum::body::to_bytes(request.into_body(), most)
        .await
        .map_err(|error| {
            // The limit is the only error that the peer hears of; for the others it is gone.
            tracing::debug!(%error, "body not read");
            too_large(most)
        })
}

fn too_large(most: usize) -> Problem {
    Problem::new(Code::TooLarge).detail(format!("a body has at most {most} bytes"))
}

/// The JSON in a body: unknown fields, wrong types and NULs are refused with a pointer.
pub(super) fn json<T: DeserializeOwned>(headers: &HeaderMap, bytes: &[u8]) -> Result<T, Problem> {
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|value| value.split(';').next().unwrap_or_default().trim());
    if !media_type.is_some_and(|media_type| media_type.eq_ignore_ascii_case("application/json")) {
        return Err(Problem::new(Code::UnsupportedMediaType));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Problem::new(Code::MalformedBody).detail("the body is not UTF-8"))?;
    let value: Value = serde_json::from_str(text).map_err(|error| {
        Problem::new(Code::MalformedBody).detail(format!(
            "line {}, column {}: {}",
            error.line(),
            error.column(),
            if error.is_eof() {
                "the JSON ends too early"
            } else {
                "this is not JSON, or nested too deeply"
            }
        ))
    })?;
    if let Some(pointer) = nul(&value, &mut String::new()) {
        let detail = "the character U+0000 is not accepted";
        return Err(Problem::invalid(pointer, "invalid_character", detail));
    }
    typed(value)
}

/// Reads a value as what it should be.
pub(super) fn typed<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let mut pointer = String::new();
        for segment in error.path() {
            let step = match segment {
                serde_path_to_error::Segment::Seq { index } => index.to_string(),
                serde_path_to_error::Segment::Map { key } => escaped(key),
                serde_path_to_error::Segment::Enum { variant } => escaped(variant),
                serde_path_to_error::Segment::Unknown => continue,
            };
            pointer.push('/');
            pointer.push_str(&step);
        }
        explain(pointer, &error.inner().to_string())
    })
}

/// The reader's message says which value it found, and that is not repeated: only what it should have been.
fn explain(mut pointer: String, message: &str) -> Problem {
    let expected = message
        .rsplit_once(", expected ")
        .map(|(_, expected)| Cow::from(format!("expected {expected}")));
    let name = |prefix: &str| {
        let rest = message.strip_prefix(prefix)?;
        Some(rest.split('`').next().unwrap_or_default().to_owned())
    };
    let (code, detail) = if let Some(field) = name("unknown field `") {
        let step = format!("/{}", escaped(&field));
        if !pointer.ends_with(&step) {
            pointer.push_str(&step);
        }
        ("unknown_field", Some("this field is not known here".into()))
    } else if let Some(field) = name("missing field `") {
        pointer.push('/');
        pointer.push_str(&escaped(&field));
        ("missing", Some("this field is needed".into()))
    } else if message.starts_with("duplicate field `") {
        ("duplicate", Some("this field is there twice".into()))
    } else if message.starts_with("invalid type") {
        ("wrong_type", expected)
    } else if message.starts_with("unknown variant") {
        ("unknown_value", expected)
    } else if message.contains("telephone number") || message.contains("country code") {
        let detail = "expected a telephone number in E.164 form, as +15550100123";
        ("invalid_number", Some(detail.into()))
    } else {
        ("invalid", expected)
    };
    Problem::invalid(
        pointer,
        code,
        detail.unwrap_or(Cow::Borrowed("this value cannot be used")),
    )
}

fn escaped(key: &str) -> String {
    let key: String = key.chars().take(POINTER_CHARS_MAX).collect();
    key.replace('~', "~0").replace('/', "~1")
}

/// Where a string with a NUL is; no database takes them everywhere.
fn nul(value: &Value, at: &mut String) -> Option<String> {
    let length = at.len();
    let found = match value {
        Value::String(text) => text.contains('\0').then(|| at.clone()),
        Value::Array(items) => items.iter().enumerate().find_map(|(index, item)| {
            at.push_str(&format!("/{index}"));
            let found = nul(item, at);
            at.truncate(length);
            found
        }),
        Value::Object(fields) => fields.iter().find_map(|(key, item)| {
            if key.contains('\0') {
                return Some(at.clone());
            }
            at.push('/');
            at.push_str(&escaped(key));
            let found = nul(item, at);
            at.truncate(length);
            found
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    };
    at.truncate(length);
    found
}

/// The body of a request that does not create: a PATCH.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let headers = request.headers().clone();
        let bytes = bytes(request).await?;
        json(&headers, &bytes).map(Self)
    }
}

/// An id in a path. What cannot be an id names nothing, so it is a 404 like any other that is not there.
pub(super) struct Id(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Ok(Path(id)) = Path::<String>::from_request_parts(parts, state).await else {
            return Err(Problem::not_found());
        };
        known_form(id).map(Self)
    }
}

/// An id and a number in a path.
pub(super) struct IdAnd(pub(super) String, pub(super) u32);

impl<S: Send + Sync> FromRequestParts<S> for IdAnd {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Ok(Path((id, number))) = Path::<(String, u32)>::from_request_parts(parts, state).await
        else {
            return Err(Problem::not_found());
        };
        Ok(Self(known_form(id)?, number))
    }
}

/// Two ids in a path.
pub(super) struct Ids(pub(super) String, pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Ids {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Ok(Path((first, second))) =
            Path::<(String, String)>::from_request_parts(parts, state).await
        else {
            return Err(Problem::not_found());
        };
        Ok(Self(known_form(first)?, known_form(second)?))
    }
}

fn known_form(id: String) -> Result<String, Problem> {
    let prefix = id.split('_').next().unwrap_or_default();
    if ids::is_id(prefix, &id) {
        Ok(id)
    } else {
        Err(Problem::not_found())
    }
}

/// The parameters of a query, to be taken one by one.
pub(super) struct Params(BTreeMap<String, String>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri) else {
            return Err(Problem::invalid(
                "query:",
                "invalid",
                "the query cannot be read",
            ));
        };
        let mut params = BTreeMap::new();
        for (name, value) in pairs {
            if value.contains('\0') {
                let detail = "the character U+0000 is not accepted";
                return Err(wrong_param(&name, "invalid_character", detail));
            }
            if params.insert(name.clone(), value).is_some() {
                return Err(wrong_param(
                    &name,
                    "duplicate",
                    "this parameter is there twice",
                ));
            }
        }
        Ok(Self(params))
    }
}

/// A parameter is at fault.
pub(super) fn wrong_param(name: &str, code: &'static str, detail: &'static str) -> Problem {
    Problem::invalid(format!("query:{}", escaped(name)), code, detail)
}

impl Params {
    /// Takes one, if it is there.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    /// Takes one and reads it.
    pub(super) fn read<T>(
        &mut self,
        name: &str,
        expected: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        self.take(name)
            .map(|text| read(&text).ok_or_else(|| wrong_param(name, "invalid", expected)))
            .transpose()
    }

    /// Nothing else may be there.
    pub(super) fn finish(self) -> Result<(), Problem> {
        match self.0.keys().next() {
            Some(name) => Err(wrong_param(
                name,
                "unknown_parameter",
                "this parameter is not known here",
            )),
            None => Ok(()),
        }
    }
}

/// A text that is there and no longer than it may be.
pub(super) fn text(pointer: &str, text: &str, chars_max: usize) -> Result<(), Problem> {
    if text.trim().is_empty() {
        return Err(Problem::invalid(pointer, "empty", "this must not be empty"));
    }
    if text.chars().count() > chars_max {
        let detail = format!("at most {chars_max} characters");
        return Err(Problem::invalid(pointer, "too_long", detail));
    }
    Ok(())
}

/// A telephone number in a body.
pub(super) fn number(pointer: &str, text: &str) -> Result<PhoneNumber, Problem> {
    PhoneNumber::parse(text)
        .map_err(|error| Problem::invalid(pointer, "invalid_number", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Wanted {
        name: String,
        count: Option<u32>,
        deep: Option<Deep>,
        list: Option<Vec<Deep>>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Deep {
        kind: Kind,
        number: Option<PhoneNumber>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        One,
        Other,
    }

    fn problem(body: &[u8]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json; charset=utf-8"),
        );
        let problem = json::<Wanted>(&headers, body).expect_err("refused");
        format!("{problem:?}")
    }

    #[test]
    fn what_is_wrong_is_pointed_at_and_not_repeated() {
        for (body, names) in [
            ("{\"name\":\"a\",\"nam\":1}", ["/nam\"", "unknown_field"]),
            ("{}", ["\"/name\"", "missing"]),
            ("{\"name\":7771}", ["\"/name\"", "wrong_type"]),
            ("{\"name\":\"a\",\"count\":\"7771\"}", ["\"/count\"", "u32"]),
            (
                "{\"name\":\"a\",\"deep\":{\"kind\":\"7771\"}}",
                ["\"/deep/kind", "unknown_value"],
            ),
            (
                "{\"name\":\"a\",\"list\":[{\"kind\":\"one\"},{\"kind\":\"other\",\"x\":1}]}",
                ["\"/list/1/x\"", "unknown_field"],
            ),
            (
                "{\"name\":\"a\",\"deep\":{\"kind\":\"one\",\"number\":\"7771\"}}",
                ["\"/deep/number\"", "invalid_number"],
            ),
            (
                "{\"name\":\"a\\u0000\"}",
                ["\"/name\"", "invalid_character"],
            ),
            ("{\"name\":", ["MalformedBody", "too early"]),
            ("7771", ["Invalid", "wrong_type"]),
            ("", ["MalformedBody", "line 1"]),
        ] {
            let problem = problem(body.as_bytes());
            for name in names {
                assert!(problem.contains(name), "{body} gave {problem}");
            }
            assert!(!problem.contains("7771"), "{body} gave {problem}");
        }
    }

    #[test]
    fn what_is_no_text_is_no_body() {
        assert!(problem(b"{\"name\":\"\xff\"}").contains("UTF-8"));
        let deep = "[".repeat(100_000);
        assert!(problem(deep.as_bytes()).contains("MalformedBody"));
        let none = json::<Wanted>(&HeaderMap::new(), b"{}").unwrap_err();
        assert_eq!(none.code(), Code::UnsupportedMediaType);
    }
}
