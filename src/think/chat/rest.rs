//! What comes of an answer's stream behind its end: what the answer cost.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use trunkline_core::call::Provider;
use trunkline_core::cost::Tokens;
use trunkline_core::wire::openai::ChatEvent;

use super::dialect::Decoder;
use crate::clock;
use crate::metering::Meter;

/// How long that may take. Nobody waits for it.
const PATIENCE: Duration = Duration::from_secs(2);
/// Most pieces of a stream that are read behind the answer's end.
const PIECES_MAX: u32 = 64;

/// The streams of one reply's answers, behind their ends.
#[derive(Default)]
pub(super) struct Rests(Vec<Rest>);

struct Rest {
    response: reqwest::Response,
    decoder: Decoder,
    by: Provider,
    until: Instant,
    pieces_left: u32,
}

/// Counts what an answer cost, if this event says so.
pub(super) fn count(event: &ChatEvent, by: &Provider, meter: &Meter) {
    if let ChatEvent::Usage {
        prompt_tokens,
        cached_tokens,
        completion_tokens,
    } = event
    {
        let tokens = Tokens {
            read: *prompt_tokens,
            cached: *cached_tokens,
            written: *completion_tokens,
        };
        meter.thought(by, tokens);
    }
}

impl Rests {
    /// One stream more. A reply has few answers, each for what was done.
    pub(super) fn add(&mut self, response: reqwest::Response, decoder: Decoder, by: Provider) {
        self.0.push(Rest {
            response,
            decoder,
            by,
            until: clock::timer_now() + PATIENCE,
            pieces_left: PIECES_MAX,
        });
    }

    /// Reads them to their ends, or as long as they may take. Nothing is lost if this is given up and begun again.
    pub(super) async fn read(&mut self, meter: &Meter) {
        while let Some(rest) = self.0.last_mut() {
            if !rest.read_on(meter).await {
                self.0.pop();
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Rest {
    /// Reads one piece. False if there is no more to come.
    async fn read_on(&mut self, meter: &Meter) -> bool {
        let mut events = Vec::new();
        let piece = timeout_at(self.until, self.response.chunk()).await;
        let goes_on = match piece {
            Ok(Ok(Some(bytes))) => {
                self.decoder.push(&bytes, &mut events);
                self.pieces_left -= 1;
                self.pieces_left > 0
            }
            // A stream that breaks behind the answer's end has done what it was for.
            Ok(Ok(None) | Err(_)) | Err(_) => false,
        };
        for event in &events {
            count(event, &self.by, meter);
        }
        goes_on
    }
}
