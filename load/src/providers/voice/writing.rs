//! What the fake voices send, in the words of each protocol.

use super::super::speaking::Piece;
use super::super::tones::Format;
use super::super::{Shared, Socket};
use super::Protocol;
use serde_json::{Value, json};

impl Protocol {
    /// Adds a piece to what is to be sent: none, one or two messages.
    pub(super) fn write(self, piece: &Piece, format: Format, shared: &Shared, socket: &mut Socket) {
        match piece {
            Piece::Audio { .. } => self.audio(piece, format, shared, socket),
            Piece::Flushed { context } if self == Self::Cartesia => {
                let flushed = json!({"type": "flush_done", "context_id": context, "status_code": 206, "done": false,
                    "flush_done": true, "flush_id": 1});
                socket.text(&flushed.to_string());
            }
            Piece::Flushed { .. } => {}
            Piece::Done { context } => socket.text(&self.done(context).to_string()),
        }
    }

    fn done(self, context: &str) -> Value {
        match self {
            Self::Cartesia => {
                json!({"type": "done", "context_id": context, "status_code": 200, "done": true})
            }
            Self::Eleven { is_multi: true, .. } => json!({"isFinal": true, "contextId": context}),
            Self::Eleven {
                is_multi: false, ..
            } => {
                json!({"audio": null, "isFinal": true, "alignment": null, "normalizedAlignment": null})
            }
            Self::Aura => json!({"type": "Flushed", "sequence_id": 0}),
        }
    }

    fn audio(self, piece: &Piece, format: Format, shared: &Shared, socket: &mut Socket) {
        let Piece::Audio {
            context,
            reference,
            is_last,
            words,
            ..
        } = piece
        else {
            return;
        };
        let sound = shared.sound(*reference, *is_last, format);
        let ms_per_char = shared.delays.tts_ms_per_char;
        match self {
            Self::Cartesia => {
                socket.text(&chunk(context, &sound.base64));
                if let Some((words, from_ms)) = words {
                    let timed = timestamps(context, words, *from_ms, ms_per_char);
                    socket.text(&timed.to_string());
                }
            }
            Self::Eleven { is_multi, .. } => {
                let alignment = words
                    .as_ref()
                    .map_or(Value::Null, |(text, _)| alignment(text, ms_per_char));
                let context = is_multi.then_some(context.as_str());
                socket.text(&eleven(&sound.base64, &alignment, context));
            }
            Self::Aura => socket.binary(&sound.bytes),
        }
    }
}

/// Cartesia's audio. Written as it is: seven thousand a second are too many to put together as a tree first.
fn chunk(context: &str, base64: &str) -> String {
    let context = json!(context);
    format!(
        r#"{{"context_id":{context},"data":"{base64}","done":false,"status_code":206,"step_time":20.0,"type":"chunk"}}"#
    )
}

/// ElevenLabs' audio, the same way.
fn eleven(base64: &str, alignment: &Value, context: Option<&str>) -> String {
    let context = context.map_or(String::new(), |context| {
        format!(r#""contextId":{},"#, json!(context))
    });
    format!(
        r#"{{"alignment":{alignment},"audio":"{base64}",{context}"isFinal":null,"normalizedAlignment":{alignment}}}"#
    )
}

fn timestamps(context: &str, text: &str, from_ms: u64, ms_per_char: f64) -> Value {
    let words: Vec<&str> = text.split_whitespace().collect();
    let each_s = ms_per_char / 1e3 * text.chars().count() as f64 / words.len().max(1) as f64;
    let at = |count: usize| from_ms as f64 / 1e3 + each_s * count as f64;
    let starts: Vec<f64> = (0..words.len()).map(at).collect();
    let ends: Vec<f64> = (1..=words.len()).map(at).collect();
    json!({"type": "timestamps", "context_id": context, "status_code": 206, "done": false,
        "word_timestamps": {"words": words, "start": starts, "end": ends}})
}

fn alignment(text: &str, ms_per_char: f64) -> Value {
    let chars: Vec<String> = text.chars().map(String::from).collect();
    let each = ms_per_char as u64;
    let starts: Vec<u64> = (0..chars.len() as u64).map(|at| at * each).collect();
    json!({"charDurationsMs": vec![each; chars.len()], "charStartTimesMs": starts, "chars": chars})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audio_that_is_written_by_hand_is_the_same_json() {
        let alignment = alignment("Hi.", 35.0);
        for context in ["c", "a \"quoted\" one"] {
            for (by_hand, wanted) in [
                (
                    chunk(context, "AAA="),
                    json!({"type": "chunk", "context_id": context, "data": "AAA=", "done": false, "status_code": 206,
                        "step_time": 20.0}),
                ),
                (
                    eleven("AAA=", &alignment, Some(context)),
                    json!({"audio": "AAA=", "isFinal": null, "alignment": alignment, "normalizedAlignment": alignment,
                        "contextId": context}),
                ),
                (
                    eleven("AAA=", &Value::Null, None),
                    json!({"audio": "AAA=", "isFinal": null, "alignment": null, "normalizedAlignment": null}),
                ),
            ] {
                assert_eq!(by_hand, wanted.to_string());
            }
        }
    }
}
