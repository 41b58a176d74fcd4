//! From clauses to the carrier: the voice, the order of what it makes, and the mouth.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{AbortHandle, Abortable};
use futures_util::{StreamExt as _, TryStreamExt as _};
use trunkline_core::call::{Event, Position, ReplyId};
use trunkline_media::mouth::{self, Fact, HeardAudio, Mouth, MouthCounters, MouthSettings, Out};

use super::{Done, Jobs};
use crate::line::Line;
use crate::provider::{StageError, Voice};

/// Said when no voice can be had: "I am sorry, something is not working on our side. Please try again later. Goodbye."
/// Mu-law, 8 kHz. Its source stands in `fixtures/speech/README.md`.
const RECORDED_APOLOGY: &[u8] = include_bytes!("../../fixtures/speech/apology.ulaw");

/// The first clause of an answer is wanted as soon as this.
const FIRST_WANTED_IN: Duration = Duration::from_millis(200);
/// A clause that is prepared may never be said.
const PREPARED_WANTED_IN: Duration = Duration::from_millis(400);
/// A clause that is this much later than wanted counts as failed: an apology is better than more silence.
const PATIENCE: Duration = Duration::from_secs(5);

/// A clause has been voiced, or not.
pub(super) struct Voiced {
    take: u32,
    clause: u16,
    answer: Result<Arc<[u8]>, StageError>,
}

/// What waits to go to the mouth, in the order in which it is to be said.
enum Waiting {
    Clause {
        clause: u16,
        audio: Option<Arc<[u8]>>,
        work: AbortHandle,
    },
    End,
}

pub(super) struct Speaking {
    voice: Arc<dyn Voice>,
    speed: f32,
    mouth: Mouth,
    /// The reply being said, and the number the mouth knows it by: a reply whose rest was dropped goes on as another
    /// take.
    reply: Option<ReplyId>,
    take: u32,
    waiting: VecDeque<Waiting>,
    facts: Vec<Fact>,
    events: VecDeque<Event>,
}

fn position(at: mouth::Position) -> Position {
    Position {
        clause: at.clause,
        heard_ms: at.heard_ms,
        clause_ms: at.clause_ms,
    }
}

fn too_late() -> StageError {
    StageError {
        what: "the voice did not answer in time".into(),
        fatal: false,
    }
}

impl Speaking {
    /// `keep_heard`: [`Speaking::heard_audio`] will be asked for.
    pub(super) fn new(voice: Arc<dyn Voice>, speed: f32, keep_heard: bool) -> Self {
        Self {
            voice,
            speed,
            mouth: Mouth::new(&MouthSettings {
                keep_heard,
                ..MouthSettings::default()
            }),
            reply: None,
            take: 0,
            waiting: VecDeque::new(),
            facts: Vec::new(),
            events: VecDeque::new(),
        }
    }

    pub(super) fn counters(&self) -> MouthCounters {
        self.mouth.counters()
    }

    pub(super) fn next_due(&self) -> Option<u64> {
        self.mouth.next_due()
    }

    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(super) fn prepare(&self, text: Arc<str>, jobs: &Jobs) {
        let asked = self.voice.say(text, self.speed, PREPARED_WANTED_IN);
        jobs.push(Box::pin(async move {
            // Its audio is in the cache now. A failure shows when the clause is said.
            let _ = asked.for_each(async |_| ()).await;
            Done::Nothing
        }));
    }

    pub(super) fn say(&mut self, reply: ReplyId, clause: u16, text: Arc<str>, jobs: &Jobs) {
        self.begin(reply);
        let clauses = self
            .waiting
            .iter()
            .filter(|w| matches!(w, Waiting::Clause { .. }))
            .count() as u32;
        let wanted_in = FIRST_WANTED_IN
            + Duration::from_millis(self.mouth.queued_ms())
            + Duration::from_secs(1) * clauses;
        let asked = self.voice.say(text, self.speed, wanted_in);
        let (work, registration) = AbortHandle::new_pair();
        self.waiting.push_back(Waiting::Clause {
            clause,
            audio: None,
            work,
        });
        let take = self.take;
        let whole = asked.try_fold(Vec::new(), async |mut whole: Vec<u8>, piece| {
            whole.extend_from_slice(&piece);
            Ok(whole)
        });
        let asked = tokio::time::timeout(wanted_in + PATIENCE, whole);
        jobs.push(Box::pin(async move {
            match Abortable::new(asked, registration).await {
                Ok(answer) => Done::Voiced(Voiced {
                    take,
                    clause,
                    answer: answer.unwrap_or_else(|_| Err(too_late())).map(Into::into),
                }),
                Err(_) => Done::Nothing,
            }
        }));
    }

    pub(super) fn say_recorded(&mut self, reply: ReplyId, clause: u16) {
        self.begin(reply);
        let (work, _) = AbortHandle::new_pair();
        self.waiting.push_back(Waiting::Clause {
            clause,
            audio: Some(RECORDED_APOLOGY.into()),
            work,
        });
        self.hand_over();
    }

    pub(super) fn end(&mut self, reply: ReplyId) {
        if self.reply == Some(reply) {
            self.waiting.push_back(Waiting::End);
            self.hand_over();
        }
    }

    fn begin(&mut self, reply: ReplyId) {
        if self.reply != Some(reply) {
            // Whatever the last reply left behind must not hold this one back.
            self.forget_waiting();
            self.mouth.resume();
            self.reply = Some(reply);
            self.take += 1;
        }
    }

    /// Takes a voiced clause. The event is for a clause that could not be voiced.
    pub(super) fn voiced(&mut self, voiced: Voiced) -> Option<Event> {
        let reply = self.reply.filter(|_| voiced.take == self.take)?;
        match voiced.answer {
            Ok(made) => {
                for waiting in &mut self.waiting {
                    if let Waiting::Clause { clause, audio, .. } = waiting
                        && *clause == voiced.clause
                    {
                        *audio = Some(made);
                        break;
                    }
                }
                self.hand_over();
                None
            }
            Err(error) => {
                tracing::warn!(%error, "voice");
                Some(Event::VoiceFailed {
                    reply,
                    clause: voiced.clause,
                })
            }
        }
    }

    /// Gives the mouth what is voiced, in order.
    fn hand_over(&mut self) {
        while let Some(front) = self.waiting.front_mut() {
            match front {
                Waiting::Clause { audio: None, .. } => return,
                Waiting::Clause {
                    clause,
                    audio: Some(audio),
                    ..
                } => {
                    if let Err(error) = self.mouth.say(self.take, *clause, Arc::clone(audio)) {
                        tracing::warn!(%error, "clause not queued");
                    }
                }
                Waiting::End => self.mouth.end(self.take),
            }
            self.waiting.pop_front();
        }
    }

    pub(super) fn pause(&mut self, now_ms: u64) -> Position {
        let paused = self.mouth.pause(now_ms);
        paused
            .filter(|at| at.reply == self.take)
            .map_or_else(Position::default, position)
    }

    /// How far the caller has heard the reply in play, to the moment.
    pub(super) fn heard(&self, now_ms: u64) -> Option<Event> {
        let reply = self.reply?;
        let heard = self
            .mouth
            .heard(now_ms)
            .filter(|at| at.reply == self.take)?;
        Some(Event::Heard {
            reply,
            position: position(heard),
        })
    }

    /// What the caller has heard of the agent since the last time.
    pub(super) fn heard_audio(&mut self, now_ms: u64, sink: &mut impl FnMut(HeardAudio<'_>)) {
        self.mouth.heard_audio(now_ms, sink);
    }

    pub(super) fn resume(&mut self) {
        self.mouth.resume();
    }

    pub(super) fn drop_rest(&mut self, now_ms: u64) {
        self.forget_waiting();
        self.mouth.cancel_all(now_ms);
        self.mouth.resume();
        self.take += 1;
    }

    fn forget_waiting(&mut self) {
        for waiting in self.waiting.drain(..) {
            if let Waiting::Clause { work, .. } = waiting {
                work.abort();
            }
        }
    }

    pub(super) fn marked(&mut self, now_ms: u64, name: &str) {
        self.mouth.marked(now_ms, name, &mut self.facts);
        self.tell();
    }

    /// Sends what is due and notes what became known.
    pub(super) fn poll(&mut self, now_ms: u64, line: &mut Line) {
        self.mouth
            .poll(now_ms, &mut self.facts, &mut |out| match out {
                Out::Audio(audio) => line.audio_out(audio),
                Out::Mark(name) => line.mark(name),
                Out::Clear => line.clear(),
            });
        self.tell();
    }

    fn tell(&mut self) {
        let (reply, take) = (self.reply, self.take);
        let Some(reply) = reply else {
            return self.facts.clear();
        };
        let events = &mut self.events;
        events.extend(self.facts.drain(..).filter_map(|fact| match fact {
            Fact::Started { reply: of } if of == take => Some(Event::PlaybackStarted { reply }),
            Fact::Heard {
                reply: of,
                clause,
                heard_ms,
                clause_ms,
            } if of == take => Some(Event::Heard {
                reply,
                position: Position {
                    clause,
                    heard_ms,
                    clause_ms,
                },
            }),
            Fact::Played { reply: of } if of == take => Some(Event::Played { reply }),
            Fact::Started { .. } | Fact::Heard { .. } | Fact::Played { .. } => None,
        }));
    }
}
