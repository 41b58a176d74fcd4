//! Providers as their documentation describes them, strict about what they are sent. Their audio is the text itself, each
//! byte so often that it lasts 8 ms.

use base64::Engine as _;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};

use crate::wire::link::{Received, Sent};

/// How often each byte of a text is repeated: 8 ms of mu-law.
pub(super) const REPEATED: usize = 64;
/// Bytes of the text in one message of audio.
const PIECE: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Cartesia,
    Multi,
    Single,
    Aura,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Error {
    Rate,
    Key,
    Quota,
    Request,
    Server,
}

/// A message on its way to the codec.
#[derive(Clone, Debug)]
pub(super) enum Wire {
    Text(String),
    Binary(Vec<u8>),
}

impl Wire {
    pub(super) fn received(&self) -> Received<'_> {
        match self {
            Self::Text(text) => Received::Text(text),
            Self::Binary(bytes) => Received::Binary(bytes),
        }
    }

    fn json(value: &Value) -> Self {
        Self::Text(value.to_string())
    }
}

/// A message that waits to be sent, of which context, and whether it is that context's last.
struct Waiting {
    context: String,
    is_last: bool,
    wire: Wire,
}

pub(super) struct Double {
    protocol: Protocol,
    /// Whether what it has not sent yet of a context that is taken back is never sent.
    pub(super) forgets: bool,
    queue: VecDeque<Waiting>,
    /// Open contexts and their text so far.
    open: BTreeMap<String, String>,
    is_closed: bool,
}

impl Double {
    pub(super) fn new(protocol: Protocol) -> Self {
        let mut queue = VecDeque::new();
        if protocol == Protocol::Aura {
            queue.push_back(Waiting {
                context: String::new(),
                is_last: false,
                wire: Wire::json(&json!({"type": "Metadata", "request_id": "r"})),
            });
        }
        Self {
            protocol,
            forgets: false,
            queue,
            open: BTreeMap::new(),
            is_closed: false,
        }
    }

    /// Its next message.
    pub(super) fn speak(&mut self) -> Option<Wire> {
        let waiting = self.queue.pop_front()?;
        if waiting.is_last {
            self.open.remove(&waiting.context);
        }
        Some(waiting.wire)
    }

    pub(super) fn hear(&mut self, sent: &[Sent]) {
        for sent in sent {
            let Sent::Text(text) = sent else {
                panic!("{:?}: a binary message", self.protocol);
            };
            assert!(
                !self.is_closed,
                "{:?}: sent after the end: {text}",
                self.protocol
            );
            let message: Value = serde_json::from_str(text).unwrap();
            match self.protocol {
                Protocol::Cartesia => self.cartesia(&message),
                Protocol::Multi => self.multi(&message),
                Protocol::Single => self.single(&message),
                Protocol::Aura => self.aura(&message),
            }
        }
    }

    fn cartesia(&mut self, message: &Value) {
        let context = message["context_id"].as_str().unwrap().to_owned();
        if message["cancel"] == true {
            only(message, &["context_id", "cancel"]);
            self.open.remove(&context);
            if self.forgets {
                self.queue.retain(|waiting| waiting.context != context);
            }
            return;
        }
        only(
            message,
            &[
                "context_id",
                "model_id",
                "transcript",
                "voice",
                "output_format",
                "language",
                "continue",
                "add_timestamps",
                "max_buffer_delay_ms",
                "generation_config",
            ],
        );
        assert_eq!(message["voice"], json!({"mode": "id", "id": "a-voice"}));
        let format = json!({"container": "raw", "encoding": "pcm_mulaw", "sample_rate": 8000});
        assert_eq!(message["output_format"], format);
        assert_eq!(message["language"], "en");
        let transcript = message["transcript"].as_str().unwrap();
        self.grow(&context, transcript, 2);
        if message["continue"] == false {
            self.voice(&context);
        }
    }

    fn multi(&mut self, message: &Value) {
        only(
            message,
            &[
                "text",
                "context_id",
                "voice_settings",
                "flush",
                "close_context",
                "close_socket",
            ],
        );
        if message["close_socket"] == true {
            self.is_closed = true;
            return;
        }
        let Some(context) = message["context_id"].as_str() else {
            assert_eq!(*message, json!({"text": ""}), "not a sign of life");
            return;
        };
        if message["close_context"] == true {
            only(message, &["context_id", "close_context"]);
            self.voice(context);
            return;
        }
        let text = message["text"].as_str().unwrap();
        assert!(text.ends_with(' '), "{text:?}");
        let is_new = !self.open.contains_key(context);
        assert_eq!(is_new, text == " ", "a context begins with a space");
        assert!(is_new || message["voice_settings"].is_null());
        if is_new {
            pace(&message["voice_settings"]);
        }
        self.grow(context, text, 5);
    }

    fn single(&mut self, message: &Value) {
        only(message, &["text", "voice_settings"]);
        let text = message["text"].as_str().unwrap();
        if self.open.is_empty() {
            assert_eq!(text, " ", "the first message is a space");
            pace(&message["voice_settings"]);
        }
        if text.is_empty() {
            self.voice("");
            self.is_closed = true;
        } else {
            assert!(text.ends_with(' '), "{text:?}");
            self.grow("", text, 1);
        }
    }

    fn aura(&mut self, message: &Value) {
        match message["type"].as_str().unwrap() {
            "Speak" => {
                only(message, &["type", "text"]);
                let text = message["text"].as_str().unwrap();
                assert!(text.chars().count() <= 2_000);
                assert!(
                    !self.queue.iter().any(|waiting| waiting.is_last),
                    "audio has no names here: the one before must be done"
                );
                self.grow("", text, 1);
            }
            "Flush" => self.voice(""),
            "Clear" => {
                self.open.clear();
                if self.forgets {
                    self.queue.clear();
                }
                for waiting in &mut self.queue {
                    waiting.is_last = false;
                }
                self.queue.push_back(Waiting {
                    context: "Clear".into(),
                    is_last: false,
                    wire: Wire::json(&json!({"type": "Cleared", "sequence_id": 0})),
                });
            }
            "Close" => self.is_closed = true,
            other => panic!("{other}: no such message"),
        }
        if message["type"] != "Speak" {
            only(message, &["type"]);
        }
    }

    fn grow(&mut self, context: &str, text: &str, open_max: usize) {
        self.open.entry(context.into()).or_default().push_str(text);
        assert!(
            self.open.len() <= open_max,
            "{:?}: too many at once",
            self.protocol
        );
    }

    /// Everything there is to say of a context, made at once.
    fn voice(&mut self, context: &str) {
        let text = self
            .open
            .get(context)
            .expect("an open context")
            .trim()
            .to_owned();
        assert!(!text.is_empty(), "nothing to voice");
        let mut at = 0;
        for piece in text.as_bytes().chunks(PIECE) {
            let audio: Vec<u8> = piece.iter().flat_map(|byte| [*byte; REPEATED]).collect();
            let chars = text
                .char_indices()
                .filter(|(start, _)| (at..at + piece.len()).contains(start));
            let chars: Vec<(String, usize)> = chars.map(|(s, c)| (c.into(), s - at)).collect();
            for wire in self.audio(context, &audio, &chars) {
                self.push(context, false, wire);
            }
            at += piece.len();
        }
        if self.protocol == Protocol::Cartesia {
            self.push(context, false, word_timestamps(context, &text));
        }
        let last = match self.protocol {
            Protocol::Cartesia => {
                json!({"type": "done", "done": true, "status_code": 200, "context_id": context})
            }
            Protocol::Multi => json!({"isFinal": true, "contextId": context}),
            Protocol::Single => json!({"audio": null, "isFinal": true, "alignment": null}),
            Protocol::Aura => json!({"type": "Flushed", "sequence_id": 0}),
        };
        self.push(context, true, Wire::json(&last));
    }

    fn audio(&self, context: &str, audio: &[u8], chars: &[(String, usize)]) -> Vec<Wire> {
        let base64 = base64::engine::general_purpose::STANDARD.encode(audio);
        let alignment = json!({
            "chars": chars.iter().map(|(text, _)| text).collect::<Vec<_>>(),
            "charStartTimesMs": chars.iter().map(|(_, at)| at * 8).collect::<Vec<_>>(),
            "charDurationsMs": chars.iter().map(|(text, _)| text.len() * 8).collect::<Vec<_>>(),
        });
        match self.protocol {
            Protocol::Cartesia => vec![Wire::json(
                &json!({"type": "chunk", "context_id": context, "data": base64, "done": false, "status_code": 206}),
            )],
            Protocol::Multi => vec![Wire::json(
                &json!({"audio": base64, "isFinal": null, "alignment": alignment, "contextId": context}),
            )],
            Protocol::Single => vec![Wire::json(
                &json!({"audio": base64, "isFinal": null, "alignment": alignment}),
            )],
            Protocol::Aura => vec![Wire::Binary(audio.to_vec())],
        }
    }

    fn push(&mut self, context: &str, is_last: bool, wire: Wire) {
        let context = context.into();
        self.queue.push_back(Waiting {
            context,
            is_last,
            wire,
        });
    }

    /// A message of trouble, of a context or of everything.
    pub(super) fn error(&self, error: Error, context: Option<&str>) -> Wire {
        let (code, status) = match (self.protocol, error) {
            (Protocol::Cartesia, Error::Rate) => (json!("concurrency_limited"), 429),
            (Protocol::Multi | Protocol::Single, Error::Rate) => {
                (json!("max_active_conversations"), 1008)
            }
            (Protocol::Aura, Error::Rate) => (json!("RATE_LIMIT_EXCEEDED"), 0),
            (Protocol::Cartesia, Error::Key) => (Value::Null, 401),
            (Protocol::Aura, Error::Key) => (json!("INVALID_AUTH"), 0),
            (_, Error::Key) => (json!("invalid_api_key"), 1008),
            (Protocol::Cartesia, Error::Quota) => (Value::Null, 402),
            (_, Error::Quota) => (json!("quota_exceeded"), 1008),
            (Protocol::Aura, Error::Request) => (json!("DATA-0000"), 0),
            (_, Error::Request) => (json!("voice_not_found"), 404),
            (Protocol::Aura, Error::Server) => (json!("NET-0000"), 0),
            (_, Error::Server) => (json!("internal_error"), 500),
        };
        let mut message = match self.protocol {
            Protocol::Cartesia => {
                json!({"type": "error", "done": true, "status_code": status, "error_code": code, "title": "No."})
            }
            Protocol::Multi | Protocol::Single => {
                json!({"message": "No.", "error": code, "code": status})
            }
            Protocol::Aura => json!({"type": "Error", "code": code, "description": "No."}),
        };
        if let Some(context) = context {
            let key = match self.protocol {
                Protocol::Cartesia => "context_id",
                Protocol::Multi | Protocol::Single | Protocol::Aura => "contextId",
            };
            message[key] = context.into();
        }
        Wire::json(&message)
    }
}

fn word_timestamps(context: &str, text: &str) -> Wire {
    let mut at = 0;
    let mut words = Vec::new();
    for word in text.split_whitespace() {
        let from = at + text[at..].find(word).unwrap();
        at = from + word.len();
        words.push((word, from as f64 * 0.008, at as f64 * 0.008));
    }
    Wire::json(&json!({
        "type": "timestamps", "context_id": context, "done": false, "status_code": 206,
        "word_timestamps": {
            "words": words.iter().map(|(word, _, _)| word).collect::<Vec<_>>(),
            "start": words.iter().map(|(_, from, _)| from).collect::<Vec<_>>(),
            "end": words.iter().map(|(_, _, to)| to).collect::<Vec<_>>(),
        },
    }))
}

/// The pace that the settings ask for, if any.
fn pace(voice_settings: &Value) {
    if !voice_settings.is_null() {
        only(voice_settings, &["speed"]);
        let speed = voice_settings["speed"].as_f64().unwrap();
        assert!((0.7..=1.2).contains(&speed));
    }
}

/// No key but these.
fn only(message: &Value, keys: &[&str]) {
    for key in message.as_object().unwrap().keys() {
        assert!(keys.contains(&key.as_str()), "{key:?} is not known");
    }
}
