//! From clauses to the carrier: the voice, the order of what it makes, and the mouth.
//!
//! A clause comes in pieces. The first goes to the mouth as soon as it is the clause's turn, so an answer begins while the
//! voice is still at work on it; the next few clauses are voiced meanwhile, and wait.
//!
//! A clause that breaks off has failed, whether some of it was handed over or not: the call would otherwise take all its
//! words to have been heard, those of a notice too, as soon as the reply was played. What the caller did hear of it is told
//! first. Nothing behind it is said; the call halts, says that it needs a moment, and has the clause said again.

mod clause;
mod filling;
mod own;
mod pace;
mod takeover;
mod voicing;

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;
use trunkline_core::call::{Event, Position, Provider, ReplyId};
use trunkline_core::times::Matching;
use trunkline_media::dtmf::{self, ToneSettings};
use trunkline_media::ear::Ear;
use trunkline_media::mouth::{self, Fact, HeardAudio, Mouth, MouthCounters, MouthSettings, Out};

use self::clause::Clause;
use self::filling::FILLER_PATIENCE;
pub(super) use self::own::Own;
use self::pace::Pace;
use self::voicing::Voicing;
use crate::line::Line;
use crate::metering::Meter;
use crate::provider::Voice;
use crate::succession::Succession;

/// Said when no voice can be had: "I am sorry, something is not working on our side. Please try again later. Goodbye."
/// Mu-law, 8 kHz. Its source stands in `fixtures/speech/README.md`.
const RECORDED_APOLOGY: &[u8] = include_bytes!("../../fixtures/speech/apology.ulaw");

/// So much is sent ahead of real time …
const LEAD_MS: u32 = 700;
/// … and once it is, chunks go out four at a time: a carrier that is sent to less often costs less, and it never has less
/// than 300 ms left.
const REFILL_MS: u32 = 300;
/// The first clause of an answer is wanted as soon as this.
const FIRST_WANTED_IN: Duration = Duration::from_millis(200);
/// A clause that is prepared may never be said.
const PREPARED_WANTED_IN: Duration = Duration::from_millis(400);
/// A clause whose first piece is this much later than wanted counts as failed: an apology is better than more silence.
const PATIENCE: Duration = Duration::from_secs(5);
/// Clauses that are voiced at once.
const ASKED_MAX: usize = 4;
/// How keys sound that are pressed for a mind: more than twice what ITU-T Q.24 asks receivers to hear (40 ms each).
const PRESSED: ToneSettings = ToneSettings {
    on_ms: 100,
    off_ms: 100,
    level_dbfs: -14.0,
};
/// Sentences voiced ahead of their reply, as many as the call asks for.
const PREPARED_MAX: usize = 2;
/// What waits to go to the mouth, in the order in which it is to be said.
enum Waiting {
    Clause(Box<Clause>),
    End,
}

/// A sentence that may be said soon.
struct Prepared {
    text: Arc<str>,
    voicing: Voicing,
}

pub(super) struct Speaking {
    voices: Succession<Arc<dyn Voice>>,
    /// The place of the voice that the call knows of.
    voice_told: usize,
    taken_over: Option<&'static str>,
    /// The mind's own voice.
    own: Option<Own>,
    speed: f32,
    mouth: Mouth,
    /// The reply being said, and the number the mouth knows it by: a reply whose rest was dropped goes on as another
    /// take.
    reply: Option<ReplyId>,
    take: u32,
    waiting: VecDeque<Waiting>,
    prepared: VecDeque<Prepared>,
    /// What was just dropped: it need not be asked for again if it is said again at once.
    dropped: Vec<Prepared>,
    /// Sentences that are of use only if they are at hand, and the last voice that was asked for them.
    ahead: Vec<Arc<str>>,
    made_by: Option<usize>,
    /// The voice at work on them.
    making: Option<BoxFuture<'static, ()>>,
    /// Some of the reply is with the carrier, as far as the call knows.
    is_sounding: bool,
    pace: Pace,
    /// When the call began.
    began: Instant,
    meter: Meter,
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

impl Speaking {
    /// `ahead`: sentences that are of use only if they are at hand. `keep_heard`: [`Speaking::heard_audio`] will be asked
    /// for.
    pub(super) fn new(
        voices: Succession<Arc<dyn Voice>>,
        speed: f32,
        own: Option<Own>,
        ahead: Vec<Arc<str>>,
        keep_heard: bool,
        began: Instant,
        meter: Meter,
    ) -> Self {
        Self {
            voices,
            voice_told: 0,
            taken_over: None,
            own,
            speed,
            mouth: Mouth::new(&MouthSettings {
                keep_heard,
                lead_ms: LEAD_MS,
                refill_ms: REFILL_MS,
                ..MouthSettings::default()
            }),
            reply: None,
            take: 0,
            waiting: VecDeque::new(),
            prepared: VecDeque::new(),
            dropped: Vec::new(),
            ahead,
            made_by: None,
            making: None,
            is_sounding: false,
            pace: Pace::new(speed),
            began,
            meter,
            facts: Vec::new(),
            events: VecDeque::new(),
        }
    }

    /// Others speak from now on. What is being said goes on as it is.
    pub(super) fn succeed(
        &mut self,
        voices: Succession<Arc<dyn Voice>>,
        speed: f32,
        ahead: Vec<Arc<str>>,
    ) {
        // A clause that a mind has said before is another's now.
        self.own = None;
        self.voices = voices;
        self.voice_told = 0;
        self.speed = speed;
        self.pace = Pace::new(speed);
        self.prepared.clear();
        self.dropped.clear();
        self.ahead = ahead;
        self.made_by = None;
        self.making = None;
    }

    pub(super) fn counters(&self) -> MouthCounters {
        self.mouth.counters()
    }

    /// Who speaks.
    pub(super) fn provider(&self) -> Provider {
        self.voices.provider()
    }

    pub(super) fn next_due(&self) -> Option<u64> {
        self.mouth.next_due()
    }

    /// The caller will have heard all that is said by then: what comes next may follow at once.
    pub(super) fn ends_by(&self, ms: u64) -> bool {
        self.mouth.ends_by(ms)
    }

    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Has a sentence voiced that may be said soon. A failure shows when it is said.
    pub(super) fn prepare(&mut self, text: Arc<str>) {
        if self.prepared.iter().any(|ahead| ahead.text == text) {
            return;
        }
        if self.prepared.len() >= PREPARED_MAX {
            self.prepared.pop_front();
        }
        let voicing = self.ask(&text, PREPARED_WANTED_IN);
        self.prepared.push_back(Prepared { text, voicing });
    }

    fn ask(&mut self, text: &Arc<str>, wanted_in: Duration) -> Voicing {
        if let Some(voicing) = self.own_voicing(text, wanted_in) {
            return voicing;
        }
        self.note_voice();
        self.meter.voiced(&self.voices.provider(), text);
        let voice = &self.voices.current().stage;
        let pieces = voice.say(Arc::clone(text), self.speed, wanted_in);
        let expected_ms = self.pace.expected_ms(text);
        let ms_max = expected_ms.saturating_mul(4).saturating_add(10_000);
        Voicing::new(self.voices.at(), pieces, wanted_in + PATIENCE, ms_max)
    }

    pub(super) fn say(&mut self, reply: ReplyId, clause: u16, text: Arc<str>) {
        let dropped = self.dropped.iter().position(|p| p.text == text);
        let voicing = dropped.map(|at| self.dropped.swap_remove(at).voicing);
        self.put(reply, clause, text, voicing, false);
    }

    fn put(
        &mut self,
        reply: ReplyId,
        number: u16,
        text: Arc<str>,
        voicing: Option<Voicing>,
        is_filler: bool,
    ) {
        self.begin(reply);
        self.waiting.push_back(Waiting::Clause(Box::new(Clause {
            number,
            matching: Matching::new(&text),
            text,
            voicing,
            is_begun: false,
            is_lost: false,
            is_filler,
        })));
        self.ask_next();
    }

    pub(super) fn say_recorded(&mut self, reply: ReplyId, clause: u16) {
        self.begin(reply);
        let audio: Arc<[u8]> = RECORDED_APOLOGY.into();
        if let Err(error) = self.mouth.say(self.take, clause, audio) {
            tracing::warn!(%error, "the recorded apology was not queued");
        }
    }

    /// Plays keys as tones. Nothing of the reply may wait before them.
    pub(super) fn press(&mut self, reply: ReplyId, clause: u16, keys: &str) {
        self.begin(reply);
        let tones = dtmf::tones_mulaw(keys, &PRESSED);
        let queued = tones.map(|audio| self.mouth.say(self.take, clause, audio.into()));
        if !matches!(queued, Ok(Ok(()))) {
            tracing::warn!("keys were not queued");
            self.events.push_back(Event::VoiceFailed { reply, clause });
        }
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
            self.waiting.clear();
            self.mouth.resume();
            self.reply = Some(reply);
            self.take += 1;
            self.is_sounding = false;
            self.forget_passages();
        }
    }

    /// Asks the voice for the first few clauses that wait.
    fn ask_next(&mut self) {
        let mut wanted_in = FIRST_WANTED_IN + Duration::from_millis(self.mouth.queued_ms());
        for at in 0..self.waiting.len().min(ASKED_MAX) {
            let Some(Waiting::Clause(clause)) = self.waiting.get(at) else {
                return;
            };
            if clause.voicing.is_none() {
                let (text, is_filler) = (Arc::clone(&clause.text), clause.is_filler);
                let voicing = self.take_prepared(&text);
                let mut voicing = voicing.unwrap_or_else(|| self.ask(&text, wanted_in));
                // Those behind the first may have to wait until the voice is done with it.
                voicing.wanted(match is_filler {
                    true => FILLER_PATIENCE,
                    false if at == 0 => wanted_in + self.patience(),
                    false => wanted_in + PATIENCE,
                });
                if let Some(Waiting::Clause(clause)) = self.waiting.get_mut(at) {
                    clause.voicing = Some(voicing);
                }
            }
            wanted_in += Duration::from_secs(1);
        }
    }

    fn take_prepared(&mut self, text: &Arc<str>) -> Option<Voicing> {
        let at = self.prepared.iter().position(|p| p.text == *text)?;
        Some(self.prepared.remove(at)?.voicing)
    }

    /// Until the voice has given something that waits to be said, or failed.
    pub(super) async fn next(&mut self) {
        std::future::poll_fn(|cx| self.poll_voice(cx)).await;
    }

    fn poll_voice(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.making
            .take_if(|making| making.as_mut().poll(cx).is_ready());
        for ahead in &mut self.prepared {
            // Nobody waits for it.
            let _ = ahead.voicing.poll(cx);
        }
        let is_lost = |ahead: &Prepared| ahead.voicing.failure().is_some();
        let mut news = Poll::Pending;
        if self.voices.has_next() && self.prepared.iter().any(is_lost) {
            // Somebody else may prepare it, and say what comes before.
            news = Poll::Ready(());
        } else {
            self.prepared.retain(|ahead| !is_lost(ahead));
        }
        for waiting in &mut self.waiting {
            if let Waiting::Clause(clause) = waiting
                && let Some(voicing) = &mut clause.voicing
                && voicing.poll(cx).is_ready()
            {
                news = Poll::Ready(());
            }
        }
        news
    }

    /// Takes what the voice has given, and tells of clauses that could not be voiced.
    pub(super) fn take_in(&mut self, now_ms: u64) {
        self.take_over();
        self.say_for_own();
        self.hand_over();
        let Some(reply) = self.reply else {
            return;
        };
        let (mut lost, mut was_heard) = (Vec::new(), false);
        for waiting in &mut self.waiting {
            let Waiting::Clause(clause) = waiting else {
                continue;
            };
            let failure = clause.voicing.as_ref().and_then(Voicing::failure);
            if let Some(error) = failure.filter(|_| !clause.is_lost) {
                tracing::warn!(%error, was_begun = clause.is_begun, "voice");
                was_heard |= clause.is_begun;
                lost.push(clause.number);
                clause.is_lost = true;
            }
        }
        self.pass_over_fillers();
        if was_heard {
            self.events.extend(self.heard(now_ms));
        }
        let failed = |clause| Event::VoiceFailed { reply, clause };
        self.events.extend(lost.into_iter().map(failed));
    }

    /// Gives the mouth what is voiced, in order.
    fn hand_over(&mut self) {
        while let Some(front) = self.waiting.front_mut() {
            if let (Some(own), Waiting::Clause(clause)) = (&mut self.own, &*front) {
                own.note(clause.number, clause.voicing.as_ref());
            }
            match front {
                Waiting::Clause(clause) => {
                    let was_begun = clause.is_begun;
                    let is_whole = clause.hand_over(&mut self.mouth, self.take, &mut self.pace);
                    if clause.is_begun && !was_begun {
                        self.events.extend(clause.voiced(
                            self.reply,
                            self.began,
                            self.own.as_ref(),
                        ));
                    }
                    let times = clause.take_times(&mut self.mouth, self.take);
                    if let (Some(reply), Some(words)) = (self.reply, times) {
                        self.events.push_back(Event::WordsTimed {
                            reply,
                            clause: clause.number,
                            words,
                        });
                    }
                    if !is_whole {
                        return;
                    }
                }
                Waiting::End => self.mouth.end(self.take),
            }
            self.waiting.pop_front();
            self.next_is_wanted();
            self.ask_next();
        }
    }

    pub(super) fn pause(&mut self, now_ms: u64) -> Position {
        let paused = self.mouth.pause(now_ms);
        let paused = paused.filter(|at| at.reply == self.take);
        if let Some(at) = paused {
            self.heard_of_own(at.clause, at.heard_ms);
        }
        paused.map_or_else(Position::default, position)
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

    /// Forgets what is left of the reply. What the voice is at work on is let go at the next [`Speaking::poll`], unless it
    /// was said again by then.
    pub(super) fn drop_rest(&mut self, now_ms: u64) {
        let heard = self.mouth.heard(now_ms);
        if let Some(at) = heard.filter(|at| at.reply == self.take) {
            self.heard_of_own(at.clause, at.heard_ms);
        }
        let clauses = self.waiting.drain(..).filter_map(|waiting| match waiting {
            Waiting::Clause(clause) => Some(*clause),
            Waiting::End => None,
        });
        let clauses: Vec<Clause> = clauses.collect();
        // A voice that has failed is asked anew for everything.
        if !clauses.iter().any(|clause| clause.is_lost) {
            let left = clauses.into_iter().filter(|clause| !clause.is_begun);
            self.dropped.extend(left.filter_map(Clause::prepared));
        }
        self.is_sounding = false;
        self.mouth.cancel_all(now_ms);
        self.mouth.resume();
        self.take += 1;
    }

    pub(super) fn marked(&mut self, now_ms: u64, name: &str) {
        self.mouth.marked(now_ms, name, &mut self.facts);
        self.tell();
    }

    /// Sends what is due, which the ear may hear again, and notes what became known.
    pub(super) fn poll(&mut self, now_ms: u64, line: &mut Line, ear: &mut Ear) {
        self.dropped.clear();
        // What was heard has made room.
        self.hand_over();
        self.mouth
            .poll(now_ms, &mut self.facts, &mut |out| match out {
                Out::Audio(audio) => {
                    line.audio_out(audio);
                    ear.sent(now_ms, audio);
                }
                Out::Mark(name) => line.mark(name),
                Out::Clear => {
                    line.clear();
                    ear.sent_cleared(now_ms);
                }
            });
        self.tell();
        if let Some(reply) = self.reply.filter(|_| self.is_sounding && self.mouth.idle()) {
            self.is_sounding = false;
            self.events.push_back(Event::RanDry { reply });
        }
    }

    fn tell(&mut self) {
        let (reply, take) = (self.reply, self.take);
        let Some(reply) = reply else {
            return self.facts.clear();
        };
        let started = |fact: &Fact| matches!(fact, Fact::Started { reply: of } if *of == take);
        self.is_sounding |= self.facts.iter().any(started);
        if self.facts.iter().any(|f| matches!(f, Fact::Played { .. })) {
            self.make_ahead();
        }
        if let Some(own) = &self.own {
            own.follow(&self.facts, take);
        }
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
