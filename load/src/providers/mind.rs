//! The fake models: OpenAI's chat completions and Anthropic's messages. They repeat the number they find in the last words.

use super::request::{self, Request};
use super::{Shared, Stage};
use crate::clock::{Micros, ms};
use crate::tone::{CODES, Reference};
use anyhow::{Result, bail};
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// After this token the first sentence is whole.
const FIRST_SENTENCE: usize = 5;
/// What every answer ends with.
pub(super) const ENDING: &str = "right?";

/// Answers one request, at once or as a stream.
pub(super) async fn answer(stream: &mut TcpStream, asked: &Request, shared: &Shared) -> Result<()> {
    shared.count("llm");
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let reference = note(&body, asked.at, shared);
    let tokens = reply(reference);
    let is_openai = asked.path == "/v1/chat/completions";
    let dialect = Dialect {
        is_openai,
        model: body["model"].as_str().unwrap_or("fixed").to_owned(),
    };
    let id = reference.map(|reference| reference.id);
    let first = asked.at + ms(shared.delays.llm_first_ms);
    let rest = ms(shared.delays.llm_rest_ms);
    let wait = async |at: Micros| {
        if !shared.wait(Stage::Llm, &asked.path, asked.at, at).await {
            shared.count("llm_cut");
            bail!("cut by order");
        }
        Ok(())
    };
    if body["stream"] != true {
        wait(first + rest).await?;
        return request::reply(stream, 200, &dialect.whole(&tokens.concat()).to_string()).await;
    }
    request::begin(stream, "text/event-stream").await?;
    wait(first).await?;
    request::piece(stream, dialect.start().as_bytes()).await?;
    for (at, token) in tokens.iter().enumerate() {
        wait(first + rest * at as u64 / tokens.len() as u64).await?;
        if let Err(error) = request::piece(stream, dialect.token(token).as_bytes()).await {
            shared.count("llm_dropped_by_client");
            return Err(error);
        }
        let now = shared.clock.now();
        shared.note(id, |trail| match at {
            0 => trail.first_token = Some(now),
            FIRST_SENTENCE => trail.sentence = Some(now),
            _ => {}
        });
    }
    let wants_usage = body["stream_options"]["include_usage"] == true;
    request::piece(stream, dialect.end(wants_usage).as_bytes()).await?;
    request::piece(stream, b"").await
}

/// Notes what the request carries; what it asks about is the last of it.
fn note(body: &Value, at: Micros, shared: &Shared) -> Option<Reference> {
    let mut told: Vec<Reference> = Vec::new();
    let messages = body["messages"].as_array().map_or(&[][..], Vec::as_slice);
    for message in messages.iter().filter(|message| message["role"] == "user") {
        let text = message["content"].to_string();
        for (_, reference) in Reference::all(&text) {
            shared.note(Some(reference.id), |trail| {
                trail.carried.get_or_insert(at);
            });
            told.push(reference);
        }
    }
    for (reference, lost, is_twice) in gaps(&told) {
        shared.note(Some(reference.id), |trail| {
            trail.lost_before = trail.lost_before.max(lost);
            trail.is_twice |= is_twice;
        });
    }
    let last = told.last().copied();
    shared.note(last.map(|reference| reference.id), |trail| {
        trail.asked = Some(at);
        trail.requests += 1;
    });
    last
}

/// What is missing of a conversation, whose pieces of speech are numbered in turn by their codes: in front of which piece
/// how many are, and which one was there already. A piece without a code may be any.
fn gaps(told: &[Reference]) -> Vec<(Reference, u64, bool)> {
    let mut found = Vec::new();
    let (mut last, mut unread): (Option<Reference>, u64) = (None, 0);
    for &reference in told {
        let Some(code) = reference.code else {
            unread += 1;
            continue;
        };
        let before = last
            .replace(reference)
            .filter(|last| last.id != reference.id);
        let Some(before) = before.and_then(|last| last.code) else {
            continue;
        };
        let step = u64::from((code + CODES - before) % CODES);
        let lost = step.saturating_sub(1 + std::mem::take(&mut unread));
        found.push((reference, lost, step == 0));
    }
    found.retain(|(_, lost, is_twice)| *lost > 0 || *is_twice);
    found
}

/// 26 tokens: four sentences, the number in the first, should that be cut off in the next, and in the last, whose end tells
/// whose answer ends.
fn reply(reference: Option<Reference>) -> Vec<String> {
    let number = format!(" {}", reference.map_or(0, Reference::number));
    let mut tokens: Vec<String> = [
        "The",
        " reference",
        &number,
        " is",
        " here",
        ".",
        " I",
        " moved",
        " reference",
        &number,
    ]
    .map(str::to_owned)
    .to_vec();
    // It ends with [`ENDING`].
    let rest = format!(
        " to Thursday . Please come at three in the afternoon . Is reference{number} right ?"
    );
    tokens.extend(rest.split(' ').skip(1).map(|word| {
        if [".", "?"].contains(&word) {
            word.to_owned()
        } else {
            format!(" {word}")
        }
    }));
    tokens
}

struct Dialect {
    is_openai: bool,
    model: String,
}

impl Dialect {
    fn chunk(&self, delta: &Value, finish: &Value) -> String {
        let chunk = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000,
            "model": self.model, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
        format!("data: {chunk}\n\n")
    }

    fn start(&self) -> String {
        if self.is_openai {
            return self.chunk(&json!({"role": "assistant", "content": ""}), &Value::Null);
        }
        let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": self.model, "content": [],
            "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 50, "output_tokens": 1}});
        event(&json!({"type": "message_start", "message": message}))
            + &event(
                &json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            )
    }

    fn token(&self, token: &str) -> String {
        if self.is_openai {
            return self.chunk(&json!({ "content": token }), &Value::Null);
        }
        event(
            &json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": token}}),
        )
    }

    fn end(&self, wants_usage: bool) -> String {
        if !self.is_openai {
            return event(&json!({"type": "content_block_stop", "index": 0}))
                + &event(
                    &json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
                    "usage": {"output_tokens": 26}}),
                )
                + &event(&json!({"type": "message_stop"}));
        }
        let mut end = self.chunk(&json!({}), &json!("stop"));
        if wants_usage {
            let usage = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000,
                "model": self.model, "choices": [], "usage": openai_usage()});
            end.push_str(&format!("data: {usage}\n\n"));
        }
        end + "data: [DONE]\n\n"
    }

    fn whole(&self, text: &str) -> Value {
        if self.is_openai {
            let message = json!({"role": "assistant", "content": text});
            return json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": self.model,
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": openai_usage()});
        }
        json!({"id": "msg_1", "type": "message", "role": "assistant", "model": self.model, "stop_reason": "end_turn",
            "stop_sequence": null, "content": [{"type": "text", "text": text}],
            "usage": {"input_tokens": 50, "output_tokens": 26}})
    }
}

fn openai_usage() -> Value {
    json!({"prompt_tokens": 50, "completion_tokens": 26, "total_tokens": 76})
}

fn event(data: &Value) -> String {
    format!(
        "event: {}\ndata: {data}\n\n",
        data["type"].as_str().unwrap_or("error")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_two_sentences_carry_the_number() {
        let tokens = reply(Some(Reference {
            id: 10_001,
            code: Some(4),
        }));
        assert_eq!(tokens.len(), 26);
        let text = tokens.concat();
        assert_eq!(
            tokens[..=FIRST_SENTENCE].concat(),
            "The reference 1000104 is here."
        );
        assert_eq!(Reference::all(&text).len(), 3);
        assert!(text.ends_with("the afternoon. Is reference 1000104 right?"));
    }

    #[test]
    fn both_dialects_stream_what_they_are_known_for() {
        let openai = Dialect {
            is_openai: true,
            model: "m".into(),
        };
        assert!(openai.token("x").starts_with("data: {"));
        assert!(
            openai.end(true).contains("\"choices\":[]")
                && openai.end(false).ends_with("data: [DONE]\n\n")
        );
        let anthropic = Dialect {
            is_openai: false,
            model: "m".into(),
        };
        assert!(
            anthropic
                .start()
                .starts_with("event: message_start\ndata: ")
        );
        assert!(anthropic.token("x").contains("\"text_delta\""));
        assert!(anthropic.end(false).contains("event: message_stop"));
    }

    #[test]
    fn what_is_missing_between_two_pieces_of_speech_was_lost() {
        let told = |codes: &[Option<u8>]| -> Vec<Reference> {
            let numbered = codes.iter().zip(1..);
            numbered.map(|(&code, id)| Reference { id, code }).collect()
        };
        for (codes, gap) in [
            (&[Some(14), Some(15), Some(0), Some(1)][..], None),
            (&[Some(14), Some(1)], Some((2, 2, false))),
            (&[Some(3), None, Some(5)], None),
            (&[Some(3), None, Some(7)], Some((3, 2, false))),
            (&[Some(3), Some(3), Some(4)], Some((2, 0, true))),
            (&[None, Some(3)], None),
            (&[], None),
        ] {
            let found: Vec<(u64, u64, bool)> = gaps(&told(codes))
                .into_iter()
                .map(|(reference, lost, is_twice)| (reference.id, lost, is_twice))
                .collect();
            assert_eq!(found, Vec::from_iter(gap), "{codes:?}");
        }
        // One piece named twice is one piece.
        let one = Reference {
            id: 7,
            code: Some(2),
        };
        assert_eq!(gaps(&[one, one]), []);
    }
}
