//! What a server says when it does not reply: what kind of trouble it is, and whether to try again.

use serde_json::Value;

/// Longest pause that a server may ask for, in milliseconds; a longer one is cut to it.
pub const RETRY_AFTER_MS_MAX: u64 = 600_000;
/// Longest message that is kept, in characters.
const MESSAGE_CHARS_MAX: usize = 200;
/// Longest error body that is read, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// A reply that did not come, or broke off.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct ChatError {
    /// What kind of trouble.
    pub kind: ErrorKind,
    /// True if the same request may succeed a little later.
    pub retry: bool,
    /// How long the server asks us to wait, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// The server's words, shortened; long numbers and anything like a key are blotted out.
    pub message: String,
}

/// What kind of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// The key is wrong, or not allowed this.
    #[error("not authorised")]
    Unauthorised,
    /// The account is out of money: waiting does not help.
    #[error("out of quota")]
    Quota,
    /// Too many requests at once.
    #[error("rate limited")]
    RateLimited,
    /// The server is too busy, or timed out.
    #[error("overloaded")]
    Overloaded,
    /// No such model or path.
    #[error("not found")]
    NotFound,
    /// The conversation is longer than the model can read.
    #[error("conversation too long")]
    TooLong,
    /// The server does not take this request.
    #[error("bad request")]
    BadRequest,
    /// The server broke.
    #[error("server error")]
    Server,
    /// The stream was not what was promised, or exceeded a limit.
    #[error("garbled stream")]
    Garbled,
    /// The stream broke off before the reply was complete.
    #[error("stream cut off")]
    Cut,
}

impl ErrorKind {
    fn retry(self) -> bool {
        match self {
            Self::RateLimited | Self::Overloaded | Self::Server | Self::Cut => true,
            Self::Unauthorised
            | Self::Quota
            | Self::NotFound
            | Self::TooLong
            | Self::BadRequest
            | Self::Garbled => false,
        }
    }
}

impl ChatError {
    pub(in crate::wire) fn new(kind: ErrorKind, message: &str) -> Self {
        Self {
            kind,
            retry: kind.retry(),
            retry_after_ms: None,
            message: blotted(message),
        }
    }

    /// Reads the value of an `error` key: an object, or just a text. `status`: the HTTP status, if one came with it.
    pub(in crate::wire) fn read(error: &Value, status: Option<u16>) -> Self {
        let field = |name: &str| match error.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) | None => {
                String::new()
            }
        };
        let message = error
            .as_str()
            .map_or_else(|| field("message"), str::to_owned);
        let (code, kind) = (field("code"), field("type"));
        let status = status
            .or_else(|| code.parse().ok())
            .or_else(|| field("status").parse().ok());
        let kind = kind_of(&code, &kind, status);
        let message = match (message.is_empty(), code.is_empty()) {
            (false, true) => message,
            (false, false) => format!("{code}: {message}"),
            (true, _) => code,
        };
        Self::new(kind, &message)
    }
}

/// Reads an answer that is not 2xx. `retry_after` and `retry_after_ms` are the values of the headers `retry-after` (seconds; dates
/// are passed over) and `retry-after-ms`.
pub fn error_body(
    status: u16,
    body: &[u8],
    retry_after: Option<&str>,
    retry_after_ms: Option<&str>,
) -> ChatError {
    let body = body.get(..BODY_BYTES_MAX).unwrap_or(body);
    let json: Option<Value> = serde_json::from_slice(body).ok();
    // Some servers wrap the object in a list.
    let object = json.as_ref().map(|json| json.get(0).unwrap_or(json));
    let inner = object
        .and_then(|object| object.get("error").or_else(|| object.get("detail")))
        .or(object);
    let mut error = ChatError::read(inner.unwrap_or(&Value::Null), Some(status));
    if error.message.is_empty() {
        error.message = format!("HTTP {status}");
    }
    if error.retry {
        error.retry_after_ms = pause(retry_after, retry_after_ms);
    }
    error
}

fn kind_of(code: &str, kind: &str, status: Option<u16>) -> ErrorKind {
    for name in [code, kind] {
        match name {
            "insufficient_quota" | "billing_hard_limit_reached" | "billing_error" => {
                return ErrorKind::Quota;
            }
            "context_length_exceeded" | "string_above_max_length" | "request_too_large" => {
                return ErrorKind::TooLong;
            }
            "rate_limit_exceeded" | "rate_limit_error" | "tokens" | "requests" => {
                return ErrorKind::RateLimited;
            }
            "invalid_api_key" | "authentication_error" | "permission_error" => {
                return ErrorKind::Unauthorised;
            }
            "model_not_found" | "not_found_error" => return ErrorKind::NotFound,
            "overloaded_error" | "engine_overloaded" | "timeout_error" => {
                return ErrorKind::Overloaded;
            }
            _ => {}
        }
    }
    match status {
        Some(401 | 403) => ErrorKind::Unauthorised,
        Some(402) => ErrorKind::Quota,
        Some(404) => ErrorKind::NotFound,
        Some(413) => ErrorKind::TooLong,
        Some(429) => ErrorKind::RateLimited,
        Some(408 | 409 | 425 | 502 | 503 | 504 | 529) => ErrorKind::Overloaded,
        Some(400..=499) => ErrorKind::BadRequest,
        Some(500..=599) => ErrorKind::Server,
        Some(_) | None if kind == "invalid_request_error" => ErrorKind::BadRequest,
        Some(_) | None => ErrorKind::Server,
    }
}

fn pause(seconds: Option<&str>, milliseconds: Option<&str>) -> Option<u64> {
    let number = |text: &str| {
        text.trim()
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite() && *number >= 0.0)
    };
    let ms = milliseconds
        .and_then(number)
        .or_else(|| seconds.and_then(number).map(|seconds| seconds * 1000.0))?;
    // In range after `min`, and never negative.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bounded on the line itself"
    )]
    Some(ms.min(600_000.0).ceil() as u64)
}

/// The server's words without keys, long numbers and long ids, which may be a caller's or a secret.
fn blotted(message: &str) -> String {
    let words = message
        .split_whitespace()
        .take(MESSAGE_CHARS_MAX)
        .map(|word| {
            let digits = word.chars().filter(char::is_ascii_digit).count();
            let key = word
                .trim_start_matches(|sign: char| !sign.is_alphanumeric())
                .starts_with("sk-");
            let long_id = word.chars().count() >= 20 && digits > 0;
            if digits >= 6 || key || long_id || word.contains('@') {
                "[…]"
            } else {
                word
            }
        });
    crate::wire::shortened(&words.collect::<Vec<_>>().join(" "), MESSAGE_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_apart() {
        let cases: &[(u16, &str, ErrorKind, bool, &str)] = &[
            (
                401,
                r#"{"error":{"message":"Incorrect API key provided: sk-abc123.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
                ErrorKind::Unauthorised,
                false,
                "invalid_api_key: Incorrect API key provided: […]",
            ),
            (
                429,
                r#"{"error":{"message":"Slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#,
                ErrorKind::RateLimited,
                true,
                "rate_limit_exceeded: Slow down",
            ),
            (
                429,
                r#"{"error":{"message":"You exceeded your quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
                ErrorKind::Quota,
                false,
                "insufficient_quota: You exceeded your quota",
            ),
            (
                400,
                r#"{"error":{"message":"This model's maximum context length is 8192 tokens","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
                ErrorKind::TooLong,
                false,
                "context_length_exceeded: This model's maximum context length is 8192 tokens",
            ),
            (
                404,
                r#"{"error":"model 'x' not found"}"#,
                ErrorKind::NotFound,
                false,
                "model 'x' not found",
            ),
            (
                400,
                r#"{"object":"error","message":"bad","type":"BadRequestError","code":400}"#,
                ErrorKind::BadRequest,
                false,
                "400: bad",
            ),
            (
                400,
                r#"[{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT"}}]"#,
                ErrorKind::BadRequest,
                false,
                "400: bad",
            ),
            (
                422,
                r#"{"detail":"what"}"#,
                ErrorKind::BadRequest,
                false,
                "what",
            ),
            (500, "", ErrorKind::Server, true, "HTTP 500"),
            (
                502,
                "<html>Bad Gateway</html>",
                ErrorKind::Overloaded,
                true,
                "HTTP 502",
            ),
            (529, "{}", ErrorKind::Overloaded, true, "HTTP 529"),
            (
                529,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}"#,
                ErrorKind::Overloaded,
                true,
                "Overloaded",
            ),
            (
                400,
                r#"{"type":"error","error":{"type":"billing_error","message":"Your credit balance is too low"}}"#,
                ErrorKind::Quota,
                false,
                "Your credit balance is too low",
            ),
            (
                413,
                r#"{"type":"error","error":{"type":"request_too_large","message":"Too large"}}"#,
                ErrorKind::TooLong,
                false,
                "Too large",
            ),
            (418, "null", ErrorKind::BadRequest, false, "HTTP 418"),
        ];
        for (status, body, kind, retry, message) in cases {
            let error = error_body(*status, body.as_bytes(), None, None);
            assert_eq!(
                (error.kind, error.retry, error.message.as_str()),
                (*kind, *retry, *message),
                "{body}"
            );
        }
    }

    #[test]
    fn pauses_are_read_and_bounded() {
        for (seconds, milliseconds, want) in [
            (Some("2"), None, Some(2000)),
            (Some("0.5"), None, Some(500)),
            (Some("2"), Some("150"), Some(150)),
            (Some("99999999999"), None, Some(RETRY_AFTER_MS_MAX)),
            (Some("-1"), None, None),
            (Some("NaN"), None, None),
            (Some("Wed, 21 Oct 2026 07:28:00 GMT"), None, None),
            (None, None, None),
        ] {
            assert_eq!(
                error_body(429, b"{}", seconds, milliseconds).retry_after_ms,
                want,
                "{seconds:?} {milliseconds:?}"
            );
        }
        assert_eq!(
            error_body(401, b"{}", Some("2"), None).retry_after_ms,
            None,
            "no use in waiting"
        );
    }

    #[test]
    fn messages_are_short_and_clean() {
        let error = error_body(400, br#"{"error":{"message":"no +15005550006 of a.b@example.com (sk-proj-x) 0123456789abcdef0123 ok"}}"#, None, None);
        assert_eq!(error.message, "no […] of […] […] […] ok");
        let long = format!(r#"{{"error":{{"message":"{}"}}}}"#, "word ".repeat(5000));
        assert!(
            error_body(400, long.as_bytes(), None, None)
                .message
                .chars()
                .count()
                <= MESSAGE_CHARS_MAX + 1
        );
    }
}
