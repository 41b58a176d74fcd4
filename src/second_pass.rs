//! The second pass: after a call, a better recogniser hears once more what is kept of the caller, and its words go into
//! the journal beside those heard live.
//!
//! One recording at a time, a minute of sound at a time, and only while the calls that are live leave a core to spare. A
//! recording that waits when the server ends is not heard again. Consent is looked at in the journal before a recording
//! is read and again before anything is written: of a call that was refused, withdrawn or erased nothing is heard.

mod base;
mod stretch;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use trunkline_core::journal::{Entry, SAMPLES_PER_MS, SILENCE, Speaker, Step, Turn};
use trunkline_core::redact;
use trunkline_media::g711::mulaw_decode;

use crate::desk::Desk;
use crate::ids::ClientId;
use crate::journal::{JournalError, Reading};
use crate::provider::StageError;
use crate::speech::Segment;

pub use base::Base;
use stretch::{STRETCH_SAMPLES_MAX, cut};

/// Recordings that wait at most; more are not heard again.
const WAITING_MAX: usize = 1_024;
/// How often it is asked whether calls leave a core to spare.
const LULL_EVERY: Duration = Duration::from_secs(1);
/// Bytes of turns, as JSON, in one entry: what a record of a journal holds, and room for the rest of it.
const PART_BYTES_MAX: usize = 192 * 1024;

/// A recogniser that takes its time.
pub trait BetterEars: Send + Sync {
    /// What transcripts call it.
    fn name(&self) -> &str;

    /// What is said in a minute of 16-bit sound at 8 kHz, in order, with times from its start.
    fn transcribe(&self, audio: Vec<i16>) -> BoxFuture<'static, Result<Vec<Segment>, StageError>>;
}

/// A recording was not heard again.
#[derive(Debug, thiserror::Error)]
enum Unheard {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("{0}")]
    Ears(#[from] StageError),
    #[error("the work was cut off: {0}")]
    CutOff(#[from] tokio::task::JoinError),
}

/// The way to the second pass. A clone leads to the same one.
#[derive(Clone, Debug)]
pub struct SecondPass {
    waiting: mpsc::Sender<(ClientId, Arc<str>)>,
}

impl SecondPass {
    /// Begins the work, which ends when the last [`SecondPass`] is dropped and nothing waits. A piece is heard only
    /// while fewer than `live_max` calls are live.
    pub fn start(
        desk: Arc<Desk>,
        ears: Arc<dyn BetterEars>,
        live_max: usize,
    ) -> (Self, JoinHandle<()>) {
        let (waiting, mut due) = mpsc::channel::<(ClientId, Arc<str>)>(WAITING_MAX);
        let work = Work {
            desk,
            ears,
            live_max: live_max.max(1),
        };
        let task = tokio::spawn(async move {
            while let Some((client, call_id)) = due.recv().await {
                match work.hear(&client, &call_id).await {
                    Ok(turns) => tracing::info!(call.id = %call_id, turns, "heard once more"),
                    Err(error) => {
                        tracing::warn!(call.id = %call_id, %error, "not heard once more");
                    }
                }
            }
        });
        (Self { waiting }, task)
    }

    /// Has the recording of a call that is over heard once more. Never waits.
    pub fn ask(&self, client: &ClientId, call_id: &Arc<str>) {
        let call = (client.clone(), Arc::clone(call_id));
        if self.waiting.try_send(call).is_err() {
            tracing::warn!(call.id = %call_id, "not heard once more: too many recordings wait");
        }
    }
}

struct Work {
    desk: Arc<Desk>,
    ears: Arc<dyn BetterEars>,
    live_max: usize,
}

impl Work {
    /// How many turns were written.
    async fn hear(&self, client: &ClientId, call_id: &str) -> Result<usize, Unheard> {
        // What the session handed over last is in the file then.
        self.desk.journals.flush().await?;
        let (reading, may) = self.consented(client, call_id).await?;
        if !may {
            return Ok(0);
        }
        let turns = without_cards(self.turns(reading).await?);
        // The recording may have been erased meanwhile.
        if turns.is_empty() || !self.consented(client, call_id).await?.1 {
            return Ok(0);
        }
        let count = turns.len();
        let entries = parts(turns).into_iter().map(|turns| Entry::Second {
            turns,
            recogniser: self.ears.name().to_owned(),
        });
        let journals = &self.desk.journals;
        journals.add(client, call_id, entries.collect()).await?;
        Ok(count)
    }

    /// The journal, and whether its caller may be heard once more.
    async fn consented(
        &self,
        client: &ClientId,
        call_id: &str,
    ) -> Result<(Reading, bool), Unheard> {
        let reading = self.desk.journals.read(client, call_id).await?;
        let looked = tokio::task::spawn_blocking(move || {
            let contents = reading.contents()?;
            let may = may_hear(contents.entries.iter().map(|(_, entry)| entry));
            Ok((reading, may))
        });
        looked.await?
    }

    async fn turns(&self, reading: Reading) -> Result<Vec<Turn>, Unheard> {
        let reading = Arc::new(reading);
        let (mut turns, mut from) = (Vec::new(), 0);
        loop {
            self.lull().await;
            let of_stretch = Arc::clone(&reading);
            let read = tokio::task::spawn_blocking(move || {
                let end = of_stretch.samples()?;
                let to = end.min(from + STRETCH_SAMPLES_MAX);
                let mut sound = of_stretch.audio(from, to)?.caller;
                if to < end {
                    sound.truncate(cut(&sound));
                }
                Ok::<_, JournalError>(sound)
            });
            let sound = read.await??;
            if sound.is_empty() {
                return Ok(turns);
            }
            let start_ms = from / SAMPLES_PER_MS;
            from += sound.len() as u64;
            if sound.iter().all(|byte| *byte == SILENCE) {
                continue;
            }
            let sound = sound.iter().map(|byte| mulaw_decode(*byte)).collect();
            let segments = self.ears.transcribe(sound).await?;
            turns.extend(segments.into_iter().map(|segment| turn(start_ms, segment)));
        }
    }

    /// Until calls leave a core to spare.
    async fn lull(&self) {
        while self.desk.live.count() >= self.live_max {
            tokio::time::sleep(LULL_EVERY).await;
        }
    }
}

/// Numbers of payment cards stand in no text, though the recording may have them as sound.
fn without_cards(mut turns: Vec<Turn>) -> Vec<Turn> {
    let mut texts: Vec<&mut String> = turns.iter_mut().map(|turn| &mut turn.text).collect();
    redact::cards_across("", &mut texts, false);
    turns.retain(|turn| !turn.text.trim().is_empty());
    turns
}

fn turn(start_ms: u64, segment: Segment) -> Turn {
    Turn {
        speaker: Speaker::Caller,
        from_ms: start_ms + segment.start_ms as u64,
        to_ms: start_ms + segment.end_ms as u64,
        text: segment.text,
        keys: None,
        confidence: Some(segment.confidence),
        cut: false,
        halts: Vec::new(),
        latency: None,
        words: Vec::new(),
        tool: None,
    }
}

/// Whether a journal says that its caller agreed and did not take it back, and that nobody did this before.
fn may_hear<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> bool {
    let mut granted = false;
    for entry in entries {
        match entry {
            Entry::Consent(consent) => match consent.step {
                Step::Granted { .. } => granted = true,
                Step::Refused { .. } | Step::Withdrawn { .. } => return false,
                Step::Announced { .. } | Step::Unclear { .. } => {}
            },
            Entry::Erased { .. } | Entry::Second { .. } => return false,
            Entry::Began(_)
            | Entry::Audio(_)
            | Entry::Turn(_)
            | Entry::NotKept { .. }
            | Entry::Event(_)
            | Entry::Ended(_) => {}
        }
    }
    granted
}

/// Turns in parts that each fit a record.
fn parts(turns: Vec<Turn>) -> Vec<Vec<Turn>> {
    let mut parts = Vec::new();
    let (mut part, mut bytes) = (Vec::new(), 0);
    for turn in turns {
        let length = serde_json::to_vec(&turn).map_or(0, |json| json.len() + 1);
        if bytes + length > PART_BYTES_MAX && !part.is_empty() {
            parts.push(std::mem::take(&mut part));
            bytes = 0;
        }
        bytes += length;
        part.push(turn);
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use trunkline_core::consent::{Method, Refusal};
    use trunkline_core::journal::Consent;

    fn step(step: Step) -> Entry {
        Entry::Consent(Consent { at_ms: 0, step })
    }

    #[test]
    fn only_who_agreed_and_stayed_with_it_is_heard_again() {
        let yes = || {
            step(Step::Granted {
                method: Method::SaidYes,
            })
        };
        let class = Refusal::Objected;
        let withdrawn = |erase| {
            step(Step::Withdrawn {
                class,
                erase,
                from_ms: 0,
            })
        };
        let erased = Entry::Erased {
            at_ms: 0,
            entries: 1,
        };
        let second = Entry::Second {
            turns: Vec::new(),
            recogniser: String::new(),
        };
        for (entries, may) in [
            (vec![], false),
            (vec![yes()], true),
            (vec![step(Step::Refused { class })], false),
            (vec![yes(), withdrawn(true)], false),
            (vec![yes(), withdrawn(false)], false),
            (vec![yes(), erased], false),
            (vec![yes(), second], false),
        ] {
            assert_eq!(may_hear(&entries), may, "{entries:?}");
        }
    }

    #[test]
    fn every_part_fits_a_record() {
        let segment = |n: usize| Segment {
            start_ms: n,
            end_ms: n + 1,
            text: "\"quoted\" ".repeat(200),
            confidence: 1.0,
        };
        let turns: Vec<Turn> = (0..400).map(|n| turn(0, segment(n))).collect();
        let parts = parts(turns.clone());
        assert!(parts.len() > 3);
        for part in &parts {
            let bytes = serde_json::to_vec(part).unwrap().len();
            assert!(bytes <= PART_BYTES_MAX + 1, "{bytes}");
        }
        assert_eq!(parts.concat(), turns);
    }
}
