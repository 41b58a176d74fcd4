//! A tool that a server of its owner's does: asked once, unless asking twice is as good.

use std::collections::BTreeMap;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, Url};
use serde_json::{Map, Value};
use trunkline_core::call::{KeyWork, UseId};
use trunkline_core::secret::Secret;
use zeroize::Zeroizing;

use super::document::headers;
use super::keys::without;
use super::tries::{Missed, tried};
use super::{Body, CallFacts, Method, SigningKey, ToolDocument, Used, WrongTool, mismatches};
use crate::clock;
use crate::schema::Schema;

/// Most of an answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Most of a refusal that the model is told, in bytes.
const REFUSAL_BYTES_MAX: usize = 1024;
/// Longest argument within an address, in bytes.
const PLACED_BYTES_MAX: usize = 500;

/// A tool, and the way to it.
pub struct HttpTool {
    document: ToolDocument,
    result: Option<Schema>,
    headers: HeaderMap,
    key: Option<SigningKey>,
    http: Client,
    /// How long a use may take in all, ms.
    pub(super) timeout_ms: u32,
    /// Twice is as good as once.
    pub(super) repeats: bool,
}

impl HttpTool {
    /// The tool of a document, by this client of `egress`, whose rule the address keeps.
    ///
    /// # Errors
    /// The document is wrong.
    pub fn new(
        document: &ToolDocument,
        secret_headers: &BTreeMap<String, String>,
        key: Option<SigningKey>,
        http: Client,
    ) -> Result<Self, WrongTool> {
        document.check()?;
        headers("/secret_headers", secret_headers)?;
        let mut all = HeaderMap::new();
        for (name, value) in &document.headers {
            insert(&mut all, name, value, false);
        }
        for (name, value) in secret_headers {
            insert(&mut all, name, value, true);
        }
        Ok(Self {
            result: document.result()?,
            timeout_ms: document.timeout_ms,
            repeats: document.repeats(),
            document: document.clone(),
            headers: all,
            key,
            http,
        })
    }

    /// Uses it. Takes as long as it takes: whoever calls this watches the clock.
    ///
    /// `keys`: the rows of digits that its document wants, in that order; they go into the body and nowhere else, and what is
    /// answered is told without them.
    pub(super) async fn use_for(
        &self,
        call: &CallFacts,
        id: UseId,
        arguments: &Value,
        keys: &[Secret],
    ) -> Used {
        let (url, rest) = match self.address(arguments) {
            Ok(address) => address,
            Err(why) => return Used::refused(why),
        };
        let body = self.body(call, id, rest, keys);
        tried(self.repeats, || self.ask(call, id, &url, &body, keys)).await
    }

    /// The address with its arguments in it, and the arguments that are not.
    fn address(&self, arguments: &Value) -> Result<(Url, Value), &'static str> {
        let mut rest = arguments.as_object().cloned().unwrap_or_default();
        let mut text = self.document.url.clone();
        for name in self.document.placed() {
            let value = rest.remove(name).map(|value| word(&value));
            let value = value.filter(|value| !value.is_empty() && value.len() <= PLACED_BYTES_MAX);
            let value =
                value.ok_or("an argument that stands in the address is empty or too long")?;
            // A step that leads elsewhere is none.
            if value == "." || value == ".." {
                return Err("an argument that stands in the address is none");
            }
            text = text.replace(&format!("{{{name}}}"), &escaped(&value));
        }
        let mut url = Url::parse(&text).map_err(|_| "the tool's address is none")?;
        if self.document.method.has_no_body() {
            let mut query = url.query_pairs_mut();
            for (name, value) in &rest {
                query.append_pair(name, &word(value));
            }
            drop(query);
            if url.query() == Some("") {
                url.set_query(None);
            }
        }
        Ok((url, Value::Object(rest)))
    }

    /// What it wants of keys, if anything.
    pub(super) fn wants_keys(&self) -> Option<KeyWork> {
        self.document.wants_keys()
    }

    fn body(
        &self,
        call: &CallFacts,
        id: UseId,
        mut arguments: Value,
        keys: &[Secret],
    ) -> Zeroizing<Vec<u8>> {
        if let Value::Object(arguments) = &mut arguments {
            for (row, digits) in self.document.keys.iter().zip(keys) {
                arguments.insert(row.field.clone(), digits.expose().into());
            }
        }
        let body = match (self.document.method.has_no_body(), self.document.body) {
            (true, _) => return Zeroizing::default(),
            (false, Body::Arguments) => arguments,
            (false, Body::Envelope) => {
                let mut envelope = Map::new();
                envelope.insert("tool".into(), self.document.name.as_str().into());
                envelope.insert("use".into(), use_id(call, id).into());
                envelope.insert("arguments".into(), arguments);
                // A call's facts are texts and numbers.
                let call = serde_json::to_value(call).unwrap_or_default();
                envelope.insert("call".into(), call);
                Value::Object(envelope)
            }
        };
        Zeroizing::new(body.to_string().into_bytes())
    }

    async fn ask(
        &self,
        call: &CallFacts,
        id: UseId,
        url: &Url,
        body: &[u8],
        keys: &[Secret],
    ) -> Result<Used, Missed> {
        let method = match self.document.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        };
        let id = use_id(call, id);
        let mut request = self
            .http
            .request(method, url.clone())
            .headers(self.headers.clone())
            .header("idempotency-key", &id);
        if let Some(key) = &self.key {
            let unix_s = clock::unix_ms() / 1_000;
            request = request
                .header("webhook-id", &id)
                .header("webhook-timestamp", unix_s)
                .header("webhook-signature", key.sign(&id, unix_s, body));
        }
        if !self.document.method.has_no_body() {
            let json = HeaderValue::from_static("application/json");
            request = request.header("content-type", json).body(body.to_vec());
        }
        match request.send().await {
            Ok(response) => self.read(response, keys).await,
            Err(error) if error.is_connect() => {
                Err(Missed::NotDone("the tool's server is not reached".into()))
            }
            Err(error) if error.is_builder() || error.is_request() && error.is_redirect() => {
                Err(Missed::NotDone("the tool cannot be asked".into()))
            }
            Err(_) => Err(Missed::Unclear(
                "the tool's server broke off before it answered".into(),
            )),
        }
    }

    async fn read(&self, response: Response, keys: &[Secret]) -> Result<Used, Missed> {
        let status = response.status();
        if status.is_redirection() {
            let why = "the tool's server points elsewhere, which is not followed";
            return Ok(Used::failed(why));
        }
        if status.is_server_error() || status.as_u16() == 429 {
            let why = format!("the tool's server answered with status {}", status.as_u16());
            return Err(match status.as_u16() {
                // They say that nothing was begun.
                429 | 503 => Missed::NotDone(why),
                _ => Missed::Unclear(why),
            });
        }
        let is_success = status.is_success();
        let body = text(response).await?;
        if !is_success {
            let body = without(&body, keys);
            let end = body.floor_char_boundary(REFUSAL_BYTES_MAX);
            let refusal = serde_json::json!({
                "error": "the tool's server refused",
                "status": status.as_u16(),
                "says": &body[..end],
            });
            let failed = Used::failed("");
            return Ok(Used {
                result: refusal.to_string().into(),
                ..failed
            });
        }
        Ok(self.checked(&body, keys))
    }

    /// What was answered, if it is what the tool says that it answers.
    fn checked(&self, body: &str, keys: &[Secret]) -> Used {
        let Some(schema) = &self.result else {
            let said = body.trim();
            return Used::done(&if said.is_empty() {
                r#"{"status":"done"}"#.into()
            } else {
                without(said, keys)
            });
        };
        let Ok(value) = serde_json::from_str::<Value>(body) else {
            return Used::unknown("the tool answered with something that is not JSON");
        };
        match schema.check(&value) {
            Ok(()) => Used::done(&without(&value.to_string(), keys)),
            Err(wrong) => {
                Used::unknown(&mismatches("the tool's answer is not as promised", &wrong))
            }
        }
    }
}

fn insert(headers: &mut HeaderMap, name: &str, value: &str, is_secret: bool) {
    let name = HeaderName::from_bytes(name.as_bytes());
    let value = HeaderValue::from_str(value);
    if let (Ok(name), Ok(mut value)) = (name, value) {
        value.set_sensitive(is_secret);
        headers.insert(name, value);
    }
}

/// One use, among all of the server's.
fn use_id(call: &CallFacts, id: UseId) -> String {
    format!("{}.{}", call.id, id.0)
}

/// A value within an address.
fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// Every byte that is no letter, digit, `-`, `.`, `_` or `~` as `%XX`.
fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

async fn text(mut response: Response) -> Result<String, Missed> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(piece)) if body.len() + piece.len() <= ANSWER_BYTES_MAX => {
                body.extend_from_slice(&piece);
            }
            Ok(Some(_)) => {
                let why = format!("the tool answered with more than {ANSWER_BYTES_MAX} bytes");
                return Err(Missed::Unclear(why));
            }
            Ok(None) => break,
            Err(_) => {
                let why = "the tool's server broke off in its answer";
                return Err(Missed::Unclear(why.into()));
            }
        }
    }
    String::from_utf8(body)
        .map_err(|_| Missed::Unclear("the tool answered with something that is no text".into()))
}
