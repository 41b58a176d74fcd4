//! The fake voices' protocols: Cartesia, ElevenLabs (one context and many) and Deepgram Aura over WebSockets; Aura, ElevenLabs
//! and OpenAI's speech by POST.

mod writing;

use super::request::{self, Request};
use super::speaking::{Ask, Piece, Speaking, ends_answer, pieces_in, step};
use super::tones::Format;
use super::{Shared, Socket, Stage};
use crate::clock::{Micros, ms};
use crate::socket::Received;
use crate::tone::Reference;
use anyhow::Result;
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// How long Cartesia waits for the rest of a sentence where it is not told, and ElevenLabs.
const PATIENCE: Micros = ms(3_000);

impl Format {
    fn of(asked: &Request) -> Self {
        let named = asked.query("output_format").unwrap_or("");
        let rate = named.rsplit('_').next().and_then(|rate| rate.parse().ok());
        let is_mulaw = named.starts_with("ulaw") || asked.query("encoding") == Some("mulaw");
        let usual = if is_mulaw { 8_000 } else { 24_000 };
        let rate = asked
            .number("sample_rate")
            .and_then(|rate| u32::try_from(rate).ok())
            .or(rate);
        Self {
            is_mulaw,
            rate_hz: rate.unwrap_or(usual).clamp(8_000, 48_000),
        }
    }
}

/// Answers a POST with audio.
pub(super) async fn speak(stream: &mut TcpStream, asked: &Request, shared: &Shared) -> Result<()> {
    shared.count("tts_posts");
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let text = body["text"]
        .as_str()
        .or(body["input"].as_str())
        .unwrap_or("");
    let reference = Reference::last(text);
    let id = reference.map(|reference| reference.id);
    shared.note(id, |trail| {
        trail.voiced.get_or_insert(asked.at);
    });
    let first = asked.at + ms(shared.delays.tts_first_ms);
    let pieces = pieces_in(text, shared.delays.tts_ms_per_char);
    for at in 0..pieces {
        let is_last = ends_answer(text) && at + 1 == pieces;
        let audio = shared.sound(reference, is_last, Format::of(asked));
        let due = first + at * step(&shared.delays);
        if !shared.wait(Stage::Tts, &asked.path, asked.at, due).await {
            shared.count("tts_cut");
            anyhow::bail!("cut by order");
        }
        if at == 0 {
            request::begin(stream, "application/octet-stream").await?;
            let now = shared.clock.now();
            shared.note(id, |trail| {
                trail.first_audio.get_or_insert(now);
            });
        }
        request::piece(stream, &audio.bytes).await?;
    }
    request::piece(stream, b"").await
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Cartesia,
    Eleven { is_multi: bool, is_eager: bool },
    Aura,
}

/// What a message asks for.
enum Wanted {
    Text(Ask),
    Cancel(String),
    Close,
    Nothing,
}

impl Protocol {
    fn of(asked: &Request) -> Self {
        match asked.path.as_str() {
            "/tts/websocket" => Self::Cartesia,
            "/v1/speak" => Self::Aura,
            path => Self::Eleven {
                is_multi: path.ends_with("multi-stream-input"),
                is_eager: asked.query("auto_mode") == Some("true"),
            },
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Cartesia => "tts_cartesia",
            Self::Eleven { .. } => "tts_elevenlabs",
            Self::Aura => "tts_aura",
        }
    }

    fn read(self, message: &Value) -> Wanted {
        let text = |key: &str| message[key].as_str().unwrap_or("").to_owned();
        let is = |key: &str| message[key] == true;
        match self {
            Self::Cartesia if is("cancel") => Wanted::Cancel(text("context_id")),
            Self::Cartesia => Wanted::Text(Ask {
                context: text("context_id"),
                text: text("transcript"),
                now: is("flush") || message["max_buffer_delay_ms"] == 0,
                ends: !is("continue") && !is("flush"),
                patience: Some(
                    message["max_buffer_delay_ms"]
                        .as_u64()
                        .map_or(PATIENCE, |patience| ms(patience.min(5_000))),
                ),
            }),
            Self::Eleven { .. } if is("close_socket") => Wanted::Close,
            Self::Eleven { is_multi, is_eager } => Wanted::Text(Ask {
                context: if message["context_id"].is_string() {
                    text("context_id")
                } else {
                    text("contextId")
                },
                text: text("text"),
                now: is_eager || is("flush") || is("try_trigger_generation"),
                ends: if is_multi {
                    is("close_context")
                } else {
                    message["text"] == ""
                },
                patience: Some(PATIENCE),
            }),
            Self::Aura => match message["type"].as_str().unwrap_or("") {
                "Speak" => Wanted::Text(Ask {
                    text: text("text"),
                    ..Ask::default()
                }),
                "Flush" => Wanted::Text(Ask {
                    now: true,
                    ends: true,
                    ..Ask::default()
                }),
                "Clear" => Wanted::Cancel(String::new()),
                "Close" => Wanted::Close,
                _ => Wanted::Nothing,
            },
        }
    }
}

/// Serves one socket until either side ends it.
pub(super) async fn serve(mut socket: Socket, asked: &Request, shared: &Shared) -> Result<()> {
    let protocol = Protocol::of(asked);
    shared.count(protocol.name());
    let mut format = Format::of(asked);
    let mut speaking = Speaking::new(&shared.delays);
    let mut changed = shared.changed.subscribe();
    loop {
        let now = shared.clock.now();
        let (is_cut, stalled_until, late) = {
            let faults = shared.faults.borrow();
            (
                faults.cuts(Stage::Tts, &asked.path, asked.at),
                faults.stalled_until(Stage::Tts, &asked.path, now),
                faults.slow(Stage::Tts, &asked.path, now),
            )
        };
        if is_cut {
            return Ok(());
        }
        let pieces = if stalled_until.is_some() {
            Vec::new()
        } else {
            speaking.take(now)
        };
        let mut is_over = false;
        for piece in pieces {
            note(&piece, now, shared);
            protocol.write(&piece, format, shared, &mut socket);
            is_over |= matches!(
                (protocol, &piece),
                (
                    Protocol::Eleven {
                        is_multi: false,
                        ..
                    },
                    Piece::Done { .. }
                )
            );
        }
        socket.flush().await?;
        if is_over {
            return Ok(socket.close(None).await?);
        }
        let due = speaking
            .due()
            .map(|due| due.max(stalled_until.unwrap_or(0)).max(now + 1));
        tokio::select! {
            received = socket.next() => {
                let text = match received? {
                    Received::Text(text) => text,
                    Received::Binary(_) | Received::Ping => continue,
                    Received::Close(_) => return Ok(socket.close(None).await?),
                };
                let message: Value = serde_json::from_str(text).unwrap_or_default();
                format = reformatted(format, &message["output_format"]);
                match protocol.read(&message) {
                    Wanted::Text(ask) => {
                        let at = shared.clock.now();
                        let news = speaking.ask(at, late, ask);
                        shared.note(news.map(|reference| reference.id), |trail| {
                            trail.voiced.get_or_insert(at);
                        });
                    }
                    Wanted::Cancel(context) => {
                        shared.count("tts_cancelled");
                        speaking.cancel(&context);
                        if protocol == Protocol::Aura {
                            let cleared = json!({"type": "Cleared", "sequence_id": 0}).to_string();
                            socket.text(&cleared);
                        }
                    }
                    Wanted::Close => return Ok(socket.close(None).await?),
                    Wanted::Nothing => {}
                }
            }
            () = shared.clock.until(due.unwrap_or(Micros::MAX / 4)), if due.is_some() => {}
            _ = changed.changed() => {}
        }
    }
}

fn note(piece: &Piece, now: Micros, shared: &Shared) {
    if let Piece::Audio {
        reference,
        is_first: true,
        ..
    } = piece
    {
        shared.note(reference.map(|reference| reference.id), |trail| {
            trail.first_audio.get_or_insert(now);
        });
    }
}

/// Cartesia names the format in every message.
fn reformatted(format: Format, named: &Value) -> Format {
    Format {
        is_mulaw: named["encoding"]
            .as_str()
            .map_or(format.is_mulaw, |encoding| encoding == "pcm_mulaw"),
        rate_hz: named["sample_rate"]
            .as_u64()
            .map_or(format.rate_hz, |rate| rate.clamp(8_000, 48_000) as u32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(protocol: Protocol, message: Value) -> Option<(String, bool, bool)> {
        match protocol.read(&message) {
            Wanted::Text(ask) => Some((ask.context + "|" + &ask.text, ask.now, ask.ends)),
            Wanted::Cancel(_) | Wanted::Close | Wanted::Nothing => None,
        }
    }

    #[test]
    fn every_protocol_says_what_is_to_be_spoken() {
        let cartesia = Protocol::Cartesia;
        let multi = Protocol::Eleven {
            is_multi: true,
            is_eager: false,
        };
        let single = Protocol::Eleven {
            is_multi: false,
            is_eager: true,
        };
        for (protocol, message, wanted) in [
            (
                cartesia,
                json!({"context_id": "c", "transcript": "A ", "continue": true}),
                Some(("c|A ", false, false)),
            ),
            (
                cartesia,
                json!({"context_id": "c", "transcript": "B.", "continue": false}),
                Some(("c|B.", false, true)),
            ),
            (cartesia, json!({"context_id": "c", "cancel": true}), None),
            (
                multi,
                json!({"context_id": "c", "text": "A ", "flush": true}),
                Some(("c|A ", true, false)),
            ),
            (
                multi,
                json!({"context_id": "c", "close_context": true}),
                Some(("c|", false, true)),
            ),
            (multi, json!({"close_socket": true}), None),
            (single, json!({"text": "A "}), Some(("|A ", true, false))),
            (single, json!({"text": ""}), Some(("|", true, true))),
            (
                Protocol::Aura,
                json!({"type": "Speak", "text": "A"}),
                Some(("|A", false, false)),
            ),
            (
                Protocol::Aura,
                json!({"type": "Flush"}),
                Some(("|", true, true)),
            ),
            (Protocol::Aura, json!({"type": "Clear"}), None),
        ] {
            let wanted = wanted.map(|(text, now, ends)| (text.to_owned(), now, ends));
            assert_eq!(asked(protocol, message.clone()), wanted, "{message}");
        }
    }
}
