//! Deepgram's two ways of listening: `/v1/listen`, which tells pieces that become final, and `/v2/listen` (Flux), which
//! tells turns.

use super::ears::{Ears, Heard, Manners, Words};
use super::request::Request;
use super::tones::Format;
use super::{Shared, Socket, Stage, UNANNOUNCED_MAX};
use crate::clock::{Micros, ms};
use crate::socket::Received;
use anyhow::Result;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::pin::pin;

/// Without audio and without a word it hangs up after so long.
const IDLE: Micros = ms(10_000);
const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";

/// Everything but the socket.
struct Listening<'a> {
    shared: &'a Shared,
    ears: Ears,
    dialect: Dialect,
    /// What is to be sent, and when.
    out: VecDeque<(Micros, String)>,
}

enum Dialect {
    Nova {
        tells_onset: bool,
        tells_interims: bool,
    },
    Flux {
        turn: u64,
        sequence: u64,
        is_begun: bool,
    },
}

/// Serves one connection until either side ends it.
pub(super) async fn serve(mut socket: Socket, request: &Request, shared: &Shared) -> Result<()> {
    shared.count(if is_flux(request) {
        "stt_flux"
    } else {
        "stt_nova"
    });
    let mut listening = Listening::new(request, shared);
    let mut changed = shared.changed.subscribe();
    let mut idle_since = shared.clock.now();
    // Set anew only to ring earlier, or when it has rung: audio comes far more often than that.
    let mut rings = 0;
    let mut alarm = pin!(shared.clock.until(rings));
    loop {
        let now = shared.clock.now();
        let (is_cut, stalled_until, late) = {
            let faults = shared.faults.borrow();
            let path = &request.path;
            (
                faults.cuts(Stage::Stt, path, request.at),
                faults.stalled_until(Stage::Stt, path, now),
                faults.slow(Stage::Stt, path, now),
            )
        };
        if is_cut {
            return Ok(());
        }
        while stalled_until.is_none()
            && listening
                .out
                .front()
                .is_some_and(|(due, _)| due + late <= now)
        {
            let Some((_, text)) = listening.out.pop_front() else {
                break;
            };
            socket.text(&text);
        }
        socket.flush().await?;
        let due = listening
            .out
            .front()
            .map(|(due, _)| stalled_until.unwrap_or(due + late));
        let wake = due
            .unwrap_or(Micros::MAX)
            .min(idle_since + IDLE)
            .max(now + 1);
        if wake < rings || rings <= now {
            rings = wake;
            alarm.set(shared.clock.until(rings));
        }
        tokio::select! {
            received = socket.next() => {
                idle_since = shared.clock.now();
                match received? {
                    Received::Binary([]) => return bye(&mut socket, listening).await,
                    Received::Binary(audio) => listening.hear(audio),
                    Received::Text(text) => {
                        let message: Value = serde_json::from_str(text).unwrap_or_default();
                        match message["type"].as_str().unwrap_or("") {
                            "Finalize" => listening.finalise(),
                            "Configure" => listening.configured(&message),
                            "CloseStream" => return bye(&mut socket, listening).await,
                            _ => {}
                        }
                    }
                    Received::Close(_) => return Ok(socket.close(None).await?),
                    Received::Ping => {}
                }
            }
            () = &mut alarm => {
                if shared.clock.now() >= idle_since + IDLE {
                    shared.count("stt_idle");
                    return Ok(socket.close(Some((1011, "NET-0001"))).await?);
                }
            }
            _ = changed.changed() => {}
        }
    }
}

fn is_flux(request: &Request) -> bool {
    request.path == "/v2/listen"
}

/// Says the rest, and what it all was, and closes.
async fn bye(socket: &mut Socket, mut listening: Listening<'_>) -> Result<()> {
    if listening.ears.is_speech() {
        listening.ended(false);
    }
    for (_, text) in std::mem::take(&mut listening.out) {
        socket.text(&text);
    }
    if matches!(listening.dialect, Dialect::Nova { .. }) {
        let metadata = json!({"type": "Metadata", "transaction_key": "deprecated", "request_id": REQUEST_ID, "sha256": "0",
            "created": "2026-01-01T00:00:00Z", "duration": listening.ears.heard_ms() as f64 / 1e3, "channels": 1});
        socket.text(&metadata.to_string());
    }
    Ok(socket.close(None).await?)
}

impl<'a> Listening<'a> {
    fn new(request: &Request, shared: &'a Shared) -> Self {
        let delays = &shared.delays;
        let is_true = |name| request.query(name) == Some("true");
        let manners = if is_flux(request) {
            Manners {
                first_interim_ms: 240,
                next_interim_ms: 240,
                whole_ms: request
                    .query("eager_eot_threshold")
                    .map(|_| delays.flux_eager_ms),
                end_ms: Some(delays.flux_end_ms),
                long_ms: None,
            }
        } else {
            Manners {
                first_interim_ms: 330,
                next_interim_ms: 300,
                whole_ms: is_true("interim_results").then_some(delays.whole_ms),
                end_ms: match request.query("endpointing") {
                    Some("false") => None,
                    _ => Some(
                        request
                            .number("endpointing")
                            .unwrap_or(delays.endpointing_ms),
                    ),
                },
                long_ms: request.number("utterance_end_ms"),
            }
        };
        let connections = {
            let mut counts = shared.counts.borrow_mut();
            let count = counts.entry("stt_connections_ever").or_default();
            *count += 1;
            *count
        };
        let rate_hz = request
            .number("sample_rate")
            .and_then(|rate| u32::try_from(rate).ok());
        let format = Format {
            is_mulaw: request.query("encoding") == Some("mulaw"),
            rate_hz: rate_hz.unwrap_or(16_000),
        };
        let mut listening = Self {
            shared,
            ears: Ears::new(manners, format, connections),
            dialect: if is_flux(request) {
                Dialect::Flux {
                    turn: 0,
                    sequence: 0,
                    is_begun: false,
                }
            } else {
                Dialect::Nova {
                    tells_onset: is_true("vad_events"),
                    tells_interims: is_true("interim_results"),
                }
            },
            out: VecDeque::new(),
        };
        if is_flux(request) {
            let hello = json!({"type": "Connected", "request_id": REQUEST_ID, "sequence_id": 0});
            listening.out.push_back((0, hello.to_string()));
        }
        listening
    }

    fn send(&mut self, message: &Value) {
        let due = self.shared.clock.now() + ms(self.shared.delays.stt_late_ms);
        self.out.push_back((due, message.to_string()));
    }

    fn hear(&mut self, audio: &[u8]) {
        let now = self.shared.clock.now();
        let mut told = Vec::new();
        self.ears.hear(now, audio, |ears, heard| {
            let all = !matches!(heard, Heard::Growing | Heard::Started);
            told.push((
                heard,
                ears.words(all),
                ears.heard_ms(),
                ears.last_voice_at(),
            ));
        });
        for (heard, words, heard_ms, voice_end) in told {
            if matches!(heard, Heard::Whole | Heard::Ended) {
                self.note(&words, voice_end, heard == Heard::Ended);
            }
            if matches!(self.dialect, Dialect::Nova { .. }) {
                self.tell_nova(&heard, &words, heard_ms);
            } else {
                self.tell_flux(&heard, &words, heard_ms);
            }
        }
    }

    fn note(&self, words: &Words, voice_end: Micros, is_final: bool) {
        let is_unannounced = !self.ears.is_announced() && words.to_ms > words.from_ms;
        let mut unannounced_ms = self.shared.unannounced_ms.borrow_mut();
        if is_final && is_unannounced && unannounced_ms.len() < UNANNOUNCED_MAX {
            unannounced_ms.push(words.to_ms - words.from_ms);
        }
        let due = self.shared.clock.now() + ms(self.shared.delays.stt_late_ms);
        self.shared
            .note(words.reference.map(|reference| reference.id), |trail| {
                trail.voice_end = Some(voice_end);
                if is_final {
                    trail.finalised = Some(due);
                }
            });
    }

    fn tell_nova(&mut self, heard: &Heard, words: &Words, heard_ms: u64) {
        let Dialect::Nova {
            tells_onset,
            tells_interims,
        } = self.dialect
        else {
            return;
        };
        let s = |ms: u64| ms as f64 / 1e3;
        match heard {
            Heard::Started if tells_onset => {
                self.send(&json!({"type": "SpeechStarted", "channel": [0, 1], "timestamp": s(words.from_ms)}));
            }
            Heard::Growing | Heard::Whole if tells_interims => {
                self.send(&results(words, heard_ms, [false; 3]));
            }
            Heard::Ended => self.send(&results(words, heard_ms, [true, true, false])),
            Heard::LongSilence => {
                let end_s = s(words.to_ms.saturating_sub(1_000));
                self.send(
                    &json!({"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": end_s}),
                );
            }
            Heard::Started | Heard::Growing | Heard::Whole | Heard::Resumed => {}
        }
    }

    fn tell_flux(&mut self, heard: &Heard, words: &Words, heard_ms: u64) {
        let Dialect::Flux {
            turn,
            sequence,
            is_begun,
        } = &mut self.dialect
        else {
            return;
        };
        if words.words.is_empty() && !*is_begun {
            // A turn begins with words; a sound is none.
            return;
        }
        let (event, confidence) = match heard {
            Heard::Growing if *is_begun => ("Update", 0.05),
            Heard::Growing => ("StartOfTurn", 0.05),
            Heard::Whole => ("EagerEndOfTurn", 0.5),
            Heard::Resumed => ("TurnResumed", 0.1),
            Heard::Ended => ("EndOfTurn", 0.9),
            Heard::Started | Heard::LongSilence => return,
        };
        *sequence += 1;
        let words_told: Vec<Value> = words
            .words
            .iter()
            .map(|word| json!({"word": word, "confidence": 0.99}))
            .collect();
        let message = json!({"type": "TurnInfo", "request_id": REQUEST_ID, "event": event, "turn_index": *turn,
            "sequence_id": *sequence, "audio_window_start": words.from_ms as f64 / 1e3,
            "audio_window_end": heard_ms as f64 / 1e3, "transcript": words.words.join(" "), "words": words_told,
            "end_of_turn_confidence": confidence});
        *is_begun = *heard != Heard::Ended;
        *turn += u64::from(*heard == Heard::Ended);
        self.send(&message);
    }

    /// Tells what there is as final, because somebody asked.
    fn finalise(&mut self) {
        self.shared.count("stt_finalize");
        self.ended(true);
    }

    fn ended(&mut self, is_asked: bool) {
        let words = self.ears.words(true);
        self.note(&words, self.ears.last_voice_at(), true);
        let heard_ms = self.ears.heard_ms();
        if matches!(self.dialect, Dialect::Nova { .. }) {
            self.send(&results(&words, heard_ms, [true, !is_asked, is_asked]));
        } else if self.ears.is_speech() {
            self.tell_flux(&Heard::Ended, &words, heard_ms);
        }
        self.ears.end();
    }

    fn configured(&mut self, asked: &Value) {
        let Dialect::Flux { sequence, .. } = &mut self.dialect else {
            return;
        };
        *sequence += 1;
        let answer = json!({"type": "ConfigureSuccess", "request_id": REQUEST_ID, "thresholds": asked["thresholds"],
            "keyterms": asked["keyterms"], "sequence_id": *sequence});
        self.send(&answer);
    }
}

/// A `Results` message; the three say whether it is final, ends the speech, and answers `Finalize`.
fn results(words: &Words, heard_ms: u64, [is_final, ends, is_asked]: [bool; 3]) -> Value {
    let (from_s, to_s) = (words.from_ms as f64 / 1e3, words.to_ms as f64 / 1e3);
    let step = (to_s - from_s) / words.words.len().max(1) as f64;
    let timed: Vec<Value> = words
        .words
        .iter()
        .enumerate()
        .map(|(at, word)| {
            let bare: String = word.chars().filter(|c| c.is_alphanumeric()).collect();
            let start = from_s + step * at as f64;
            json!({"word": bare.to_lowercase(), "punctuated_word": word, "start": start, "end": start + step,
                "confidence": 0.99})
        })
        .collect();
    let confidence = if words.words.is_empty() { 0.0 } else { 0.99 };
    json!({"type": "Results", "channel_index": [0, 1], "start": from_s, "duration": heard_ms as f64 / 1e3 - from_s,
        "is_final": is_final, "speech_final": ends, "from_finalize": is_asked,
        "channel": {"alternatives": [{"transcript": words.words.join(" "), "confidence": confidence, "words": timed}]},
        "metadata": {"request_id": REQUEST_ID, "model_info": {"name": "general-nova-3", "version": "", "arch": "nova-3"},
            "model_uuid": REQUEST_ID}})
}
