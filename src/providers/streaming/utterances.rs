//! A recogniser that is given utterances, in the place of one that listens all the time: audio gathers until its words are
//! asked for.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use trunkline_core::wire::link::{Trouble, TroubleKind};
use trunkline_core::wire::stt::SttEvent;
use trunkline_media::g711::mulaw_decode;

use super::GivenUp;
use super::shared::{SAMPLES_PER_MS, Shared};
use crate::provider::{Transcriber, Words};
use crate::providers::circuit::Circuit;

/// Speech without a pause is transcribed in pieces of this length.
const PIECE_MAX: usize = 20_000 * SAMPLES_PER_MS as usize;
/// So much is kept of what seems to be silence: a quiet voice may have begun in it.
const SILENCE_MAX: usize = 1_500 * SAMPLES_PER_MS as usize;
/// Words later than this are none …
const PATIENCE: Duration = Duration::from_secs(6);
/// … and where another recogniser stands ready.
const BRIEF: Duration = Duration::from_secs(3);
/// Failures in a row that are borne where nobody else is left.
const FAILURES_MAX: u32 = 3;

/// Who is given the utterances. Cheap to clone.
#[derive(Clone)]
pub(super) struct Utterances {
    /// As events and logs write it.
    pub(super) vendor: &'static str,
    pub(super) transcriber: Arc<dyn Transcriber>,
    pub(super) circuit: Circuit,
}

/// What gathers.
struct Gathered {
    /// The call's sample behind the last.
    to: u64,
    audio: Vec<u8>,
    batch: Vec<u8>,
    is_silent: bool,
}

impl Utterances {
    /// Listens until it fails; `None` when the call is over.
    pub(super) async fn listen(&self, shared: &Shared, has_next: bool) -> Option<GivenUp> {
        let begins_at = shared.begin();
        shared.tell(SttEvent::Ready);
        let mut gathered = Gathered {
            to: begins_at,
            audio: Vec::new(),
            batch: Vec::new(),
            is_silent: true,
        };
        let (mut failures, mut has_worked) = (0, false);
        loop {
            let taken = shared.take(PIECE_MAX, &mut gathered.batch);
            if taken.is_hung_up {
                return None;
            }
            if taken.has_gap {
                shared.begin();
                gathered.audio.clear();
                continue;
            }
            gathered.add(shared.taken_to());
            if taken.ask.is_none() {
                gathered.forget_silence(shared);
            }
            let is_long = gathered.audio.len() >= PIECE_MAX;
            if taken.ask.is_none() && !is_long {
                if !taken.is_more {
                    shared.wake.notified().await;
                }
                continue;
            }
            let words = tokio::select! {
                biased;
                () = shared.hung_up() => return None,
                words = self.words(&gathered.audio, has_next) => words,
            };
            let trouble = match words {
                Ok(words) => {
                    (failures, has_worked) = (0, true);
                    let asked = taken.ask.is_some();
                    if !shared.tell(gathered.told(words, asked)) {
                        return None;
                    }
                    None
                }
                Err(trouble) => {
                    failures += 1;
                    Some(trouble)
                }
            };
            if let Some(trouble) = trouble {
                let is_final = !trouble.kind.may_pass() || has_next || failures >= FAILURES_MAX;
                if is_final {
                    return Some(GivenUp {
                        trouble,
                        has_worked,
                    });
                }
                let is_over = false;
                shared.tell(SttEvent::Trouble { trouble, is_over });
            }
            shared.covered(gathered.to);
            gathered.audio.clear();
            gathered.is_silent = true;
            if let Some(ask) = taken.ask {
                shared.answered(ask);
            }
        }
    }

    async fn words(&self, audio: &[u8], has_next: bool) -> Result<Words, Trouble> {
        if audio.is_empty() {
            return Ok(Words {
                text: String::new(),
                confidence: 1.0,
            });
        }
        let audio = audio.iter().map(|code| mulaw_decode(*code)).collect();
        let patience = if has_next { BRIEF } else { PATIENCE };
        match timeout(patience, self.transcriber.transcribe(audio)).await {
            Ok(Ok(words)) => Ok(words),
            Ok(Err(error)) => {
                let kind = match error.fatal {
                    true => TroubleKind::Request,
                    false => TroubleKind::Server,
                };
                // It is named by whoever failed, without a word of what was said.
                Err(Trouble::new(kind, &error.what))
            }
            Err(_) => {
                self.circuit.failed();
                Err(Trouble::new(TroubleKind::Server, "no words in time"))
            }
        }
    }
}

impl Gathered {
    fn add(&mut self, to: u64) {
        self.is_silent = self.is_silent && !is_audible(&self.batch);
        self.audio.append(&mut self.batch);
        self.to = to;
    }

    /// Leaves out the beginning of what nobody spoke in.
    fn forget_silence(&mut self, shared: &Shared) {
        let over = self.audio.len().saturating_sub(SILENCE_MAX);
        // Not for every batch.
        if self.is_silent && over > SILENCE_MAX {
            self.audio.drain(..over);
            shared.covered(self.to - self.audio.len() as u64);
        }
    }

    fn told(&self, words: Words, asked: bool) -> SttEvent {
        SttEvent::Final {
            until_ms: self.to / SAMPLES_PER_MS,
            text: words.text,
            confidence: words.confidence,
            words: Vec::new(),
            asked,
        }
    }
}

/// Whether there may be a voice, however quiet: an eighth of it is above about -43 dB of full scale.
fn is_audible(mulaw: &[u8]) -> bool {
    let looked_at = mulaw.iter().step_by(4);
    let all = looked_at.len();
    let loud = looked_at.filter(|&&code| !code & 0x7f >= 0x1c).count();
    loud * 8 >= all.max(1)
}
