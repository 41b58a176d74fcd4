//! Our outgoing messages as the carrier judges them: an extra key, a missing key, a wrong stream or bad JSON is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use std::fmt;

/// A message of ours that the carrier accepts.
#[derive(Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// Audio to queue.
    Media {
        /// Raw mu-law, 8 kHz.
        audio: Vec<u8>,
    },
    /// A mark to return.
    Mark {
        /// Its name.
        name: String,
    },
    /// Forget what is queued and return every mark.
    Clear,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Media { audio } => write!(f, "Media({} bytes)", audio.len()),
            Self::Mark { name } => write!(f, "Mark({name:?})"),
            Self::Clear => f.write_str("Clear"),
        }
    }
}

/// Why the carrier would answer a message with its warning 31951.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not a JSON object.
    #[error("not a JSON object")]
    NotJson,
    /// The event is not `media`, `mark` or `clear`.
    #[error("not an event that the carrier takes")]
    UnknownEvent,
    /// Another stream than this socket's.
    #[error("streamSid is not this stream's")]
    WrongStream,
    /// A key is missing, is one too many, or has the wrong type.
    #[error("the keys of {within} are not exactly {expected}")]
    Keys {
        /// The object that has them.
        within: &'static str,
        /// What they should have been.
        expected: &'static str,
    },
    /// The payload is not padded base64.
    #[error("media.payload is not base64")]
    Payload,
}

/// Reads a message of ours as strictly as the carrier does. `stream_id` is the one from `start`.
pub fn check_outgoing(message: &str, stream_id: &str) -> Result<Outgoing, Refused> {
    let Ok(Value::Object(mut message)) = serde_json::from_str(message) else {
        return Err(Refused::NotJson);
    };
    let event = taken_text(&mut message, "event").ok_or(Refused::UnknownEvent)?;
    match taken_text(&mut message, "streamSid") {
        Some(named) if named == stream_id => {}
        Some(_) => return Err(Refused::WrongStream),
        None => {
            return Err(Refused::Keys {
                within: "the message",
                expected: "event, streamSid and its own",
            });
        }
    }
    let outgoing = match event.as_str() {
        "media" => {
            let payload = only_text(&mut message, "media", "payload").ok_or(Refused::Keys {
                within: "media",
                expected: "payload",
            })?;
            Outgoing::Media {
                audio: STANDARD.decode(payload).map_err(|_| Refused::Payload)?,
            }
        }
        "mark" => Outgoing::Mark {
            name: only_text(&mut message, "mark", "name").ok_or(Refused::Keys {
                within: "mark",
                expected: "name",
            })?,
        },
        "clear" => Outgoing::Clear,
        _ => return Err(Refused::UnknownEvent),
    };
    if message.is_empty() {
        Ok(outgoing)
    } else {
        Err(Refused::Keys {
            within: "the message",
            expected: "event, streamSid and its own",
        })
    }
}

fn taken_text(object: &mut Map<String, Value>, key: &str) -> Option<String> {
    match object.remove(key)? {
        Value::String(text) => Some(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}

/// Takes `outer` out of the message, if it is an object whose only key is `key`, a text.
fn only_text(message: &mut Map<String, Value>, outer: &str, key: &str) -> Option<String> {
    let Value::Object(mut inner) = message.remove(outer)? else {
        return None;
    };
    let text = taken_text(&mut inner, key)?;
    inner.is_empty().then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::twilio::{clear, mark, media};
    use proptest::prelude::*;

    const SID: &str = "MZ0123456789abcdef0123456789abcdef";

    #[test]
    fn what_we_write_is_accepted() {
        let mut out = String::from("left over");
        media(SID, &[0x7e, 0x7f, 0xfe, 0xff], &mut out);
        assert_eq!(
            out,
            format!(r#"{{"event":"media","streamSid":"{SID}","media":{{"payload":"fn/+/w=="}}}}"#)
        );
        assert_eq!(
            check_outgoing(&out, SID),
            Ok(Outgoing::Media {
                audio: vec![0x7e, 0x7f, 0xfe, 0xff]
            })
        );
        mark(SID, "t3:c12", &mut out);
        assert_eq!(
            out,
            format!(r#"{{"event":"mark","streamSid":"{SID}","mark":{{"name":"t3:c12"}}}}"#)
        );
        assert_eq!(
            check_outgoing(&out, SID),
            Ok(Outgoing::Mark {
                name: "t3:c12".into()
            })
        );
        clear(SID, &mut out);
        assert_eq!(out, format!(r#"{{"event":"clear","streamSid":"{SID}"}}"#));
        assert_eq!(check_outgoing(&out, SID), Ok(Outgoing::Clear));
    }

    #[test]
    fn what_the_carrier_warns_of_is_refused() {
        let whole = Refused::Keys {
            within: "the message",
            expected: "event, streamSid and its own",
        };
        let media = Refused::Keys {
            within: "media",
            expected: "payload",
        };
        let cases = [
            ("", Refused::NotJson),
            ("[]", Refused::NotJson),
            (r#"{"event":"media""#, Refused::NotJson),
            (r#"{"streamSid":"S"}"#, Refused::UnknownEvent),
            (r#"{"event":"play","streamSid":"S"}"#, Refused::UnknownEvent),
            (r#"{"event":"clear"}"#, whole.clone()),
            (r#"{"event":"clear","streamSid":"T"}"#, Refused::WrongStream),
            (
                r#"{"event":"clear","streamSid":"S","clear":{}}"#,
                whole.clone(),
            ),
            (
                r#"{"event":"clear","streamSid":"S","sequenceNumber":"1"}"#,
                whole,
            ),
            (r#"{"event":"media","streamSid":"S"}"#, media.clone()),
            (
                r#"{"event":"media","streamSid":"S","media":{}}"#,
                media.clone(),
            ),
            (
                r#"{"event":"media","streamSid":"S","media":{"payload":5}}"#,
                media.clone(),
            ),
            (
                r#"{"event":"media","streamSid":"S","media":{"payload":"","track":"outbound"}}"#,
                media,
            ),
            (
                r#"{"event":"media","streamSid":"S","media":{"payload":"!"}}"#,
                Refused::Payload,
            ),
            (
                r#"{"event":"media","streamSid":"S","media":{"payload":"fn8"}}"#,
                Refused::Payload,
            ),
            (
                r#"{"event":"mark","streamSid":"S","mark":"x"}"#,
                Refused::Keys {
                    within: "mark",
                    expected: "name",
                },
            ),
        ];
        for (message, want) in cases {
            assert_eq!(check_outgoing(message, "S"), Err(want), "{message}");
        }
    }

    proptest! {
        #![proptest_config(crate::seeded::cases(256))]

        #[test]
        fn any_audio_and_any_mark_go_through(audio in prop::collection::vec(any::<u8>(), 0..400), name in ".{0,40}") {
            let mut out = String::new();
            media(SID, &audio, &mut out);
            prop_assert_eq!(check_outgoing(&out, SID), Ok(Outgoing::Media { audio }));
            mark(SID, &name, &mut out);
            prop_assert_eq!(check_outgoing(&out, SID), Ok(Outgoing::Mark { name }));
        }

        #[test]
        fn any_text_is_judged_without_panic(text in ".{0,200}") {
            let _ = check_outgoing(&text, SID);
        }
    }
}
