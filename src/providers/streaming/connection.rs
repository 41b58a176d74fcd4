//! One connection to a recogniser, from its opening to its loss.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;
use trunkline_core::wire::link::{Sent, Trouble, TroubleKind};
use trunkline_core::wire::stt::{SttCodec, SttEvent};

use super::shared::{SAMPLES_PER_MS, Shared};
use super::timeline::Timeline;
use crate::clock;
use crate::providers::attempts::Lost;
use crate::providers::hop::Hop;
use crate::providers::wire::{Gone, Heard, Wire, received};

/// Most audio in one message: half a second.
const BATCH_MAX: usize = 500 * SAMPLES_PER_MS as usize;
/// Speech that is sent for so long without a message means that nobody listens.
const DEAF_AFTER: Duration = Duration::from_secs(5);
/// So much of it must be loud.
const DEAF_LOUD: u64 = 2_000 * SAMPLES_PER_MS;
/// Loud audio without final words, from which on there is something to say.
const SPOKEN_MIN: u64 = 500 * SAMPLES_PER_MS;
/// How often the watchdog looks when nothing else happens.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// Messages that make no sense and are borne.
const FAULTS_MAX: u32 = 40;
/// Questions that wait for answers on one connection.
const ASKS_MAX: usize = 32;

/// How a connection ended.
pub(super) enum End {
    /// The call is over, or nobody reads what is heard.
    Over,
    /// It was lost.
    Lost(Lost),
}

/// Speech that was sent since the last message.
struct Loud {
    since: Instant,
    samples: u64,
}

/// A question on its way: up to which sample, and when it was sent.
struct Asked {
    to: u64,
    at: Instant,
}

pub(super) struct Connection<'a> {
    wire: Wire,
    codec: &'a mut dyn SttCodec,
    shared: &'a Shared,
    hop: &'a Hop,
    timeline: Timeline,
    audio: Vec<u8>,
    out: Vec<Sent>,
    events: Vec<SttEvent>,
    /// How often something must be sent.
    keep_alive: Option<Duration>,
    sent_at: Instant,
    opened_at: Instant,
    heard_at: Instant,
    loud: Option<Loud>,
    /// Loud samples since the last final words.
    unanswered: u64,
    asked: VecDeque<Asked>,
    /// The number of the last question that was put.
    ask: u64,
    faults: u32,
    /// How much more patient to be with silence, as a power of two.
    stalls: u32,
    answer_patience: Duration,
    was_useful: bool,
    /// The turn was said to be maybe over.
    is_in_doubt: bool,
}

impl<'a> Connection<'a> {
    pub(super) fn new(
        wire: Wire,
        codec: &'a mut dyn SttCodec,
        shared: &'a Shared,
        hop: &'a Hop,
        stalls: u32,
        answer_patience: Duration,
    ) -> Self {
        let now = clock::timer_now();
        let begins_at = shared.begin();
        let keep_alive = codec.keep_alive().map(|(ms, _)| Duration::from_millis(ms));
        Self {
            wire,
            codec,
            shared,
            hop,
            timeline: Timeline::new(begins_at),
            audio: Vec::with_capacity(BATCH_MAX),
            out: Vec::new(),
            events: Vec::new(),
            keep_alive,
            sent_at: now,
            opened_at: now,
            heard_at: now,
            loud: None,
            unanswered: 0,
            asked: VecDeque::new(),
            ask: 0,
            faults: 0,
            stalls: stalls.min(3),
            answer_patience,
            was_useful: false,
            is_in_doubt: false,
        }
    }

    pub(super) async fn run(mut self, is_ready_told: &mut bool) -> End {
        self.codec.opened(&mut self.events);
        if let Some(end) = self.told(is_ready_told) {
            return end;
        }
        loop {
            let samples_max = if self.wire.is_clear() { BATCH_MAX } else { 0 };
            let taken = self.shared.take(samples_max, &mut self.audio);
            if taken.is_hung_up {
                self.codec.close(&mut self.out);
                self.wire.farewell(self.out).await;
                return End::Over;
            }
            if taken.has_gap {
                return self.lost(Trouble::new(TroubleKind::Server, "too slow"), true);
            }
            let now = clock::timer_now();
            self.codec.pending(&mut self.out, &mut self.events);
            if let Some(end) = self.told(is_ready_told) {
                return end;
            }
            self.send_audio(now);
            if let Some(ask) = taken.ask {
                self.put(ask, now);
            }
            self.keep_alive(now);
            self.wire.send(&mut self.out);
            if self.has_stalled(now) {
                return self.lost(Trouble::new(TroubleKind::Server, "says nothing"), true);
            }
            let due = self.due(now);
            match self.wire.next(&self.shared.wake, due, taken.is_more).await {
                Heard::Message(message) => {
                    if let Some(message) = received(&message) {
                        self.heard_at = clock::timer_now();
                        self.loud = None;
                        self.codec.receive(message, &mut self.events);
                    }
                    if let Some(end) = self.told(is_ready_told) {
                        return end;
                    }
                }
                Heard::Clear | Heard::Woken | Heard::Due => {}
                Heard::Gone(gone) => return self.gone(gone),
            }
        }
    }

    fn send_audio(&mut self, now: Instant) {
        if self.audio.is_empty() {
            return;
        }
        self.codec.audio(&self.audio, &mut self.out);
        self.timeline.sent(self.audio.len());
        self.sent_at = now;
        if is_loud(&self.audio) {
            let samples = self.audio.len() as u64;
            self.unanswered += samples;
            let loud = self.loud.get_or_insert(Loud {
                since: now,
                samples: 0,
            });
            loud.samples += samples;
        }
    }

    /// Asks for final words, once for each question of the call.
    fn put(&mut self, ask: u64, now: Instant) {
        if ask == self.ask {
            return;
        }
        self.ask = ask;
        let before = self.out.len();
        self.codec.finalize(&mut self.out);
        if self.out.len() == before {
            // This provider cannot be asked, so nobody will answer.
            self.shared.answered(ask);
        } else if self.asked.len() < ASKS_MAX {
            let to = self.shared.taken_to();
            self.asked.push_back(Asked { to, at: now });
        }
    }

    fn keep_alive(&mut self, now: Instant) {
        if self
            .keep_alive
            .is_none_or(|every| now < self.sent_at + every)
        {
            return;
        }
        self.sent_at = now;
        match self.codec.keep_alive() {
            // Silence is audio to the provider, and moves its time.
            Some((_, Sent::Binary(silence))) => {
                self.codec.audio(&silence, &mut self.out);
                self.timeline.silence(silence.len());
            }
            Some((_, text @ Sent::Text(_))) => self.out.push(text),
            None => self.keep_alive = None,
        }
    }

    fn has_stalled(&self, now: Instant) -> bool {
        let is_deaf = self.loud.as_ref().is_some_and(|loud| {
            loud.samples >= DEAF_LOUD << self.stalls && now >= self.deaf_at(loud)
        });
        let is_mute = self.unanswered >= SPOKEN_MIN && self.mute_at().is_some_and(|at| now >= at);
        is_deaf || is_mute
    }

    fn deaf_at(&self, loud: &Loud) -> Instant {
        loud.since + DEAF_AFTER * (1 << self.stalls)
    }

    /// When the oldest question, since which nothing came, has waited too long.
    fn mute_at(&self) -> Option<Instant> {
        let oldest = self.asked.front()?;
        (self.heard_at <= oldest.at).then_some(oldest.at + self.answer_patience)
    }

    /// When to look again, unless something happens before.
    fn due(&self, now: Instant) -> Instant {
        let loud = self.loud.as_ref().map(|loud| self.deaf_at(loud));
        let alive = self.keep_alive.map(|every| self.sent_at + every);
        [loud, self.mute_at(), alive]
            .into_iter()
            .flatten()
            .filter(|at| *at > now)
            .fold(now + LOOK_AGAIN, Instant::min)
    }

    /// Hands on what the codec made of the last message.
    fn told(&mut self, is_ready_told: &mut bool) -> Option<End> {
        let mut events = std::mem::take(&mut self.events);
        for event in events.drain(..) {
            match event {
                SttEvent::Trouble {
                    trouble,
                    is_over: true,
                } => return Some(self.lost(trouble, false)),
                SttEvent::Trouble { trouble, .. } => {
                    self.faults += 1;
                    if self.faults > FAULTS_MAX {
                        return Some(self.lost(trouble, false));
                    }
                    tracing::debug!(provider = self.hop.provider, %trouble, "recogniser complains");
                }
                SttEvent::Ready if std::mem::replace(is_ready_told, true) => {}
                event @ (SttEvent::Ready
                | SttEvent::SpeechStarted { .. }
                | SttEvent::Partial { .. }
                | SttEvent::Final { .. }
                | SttEvent::TurnEnded { .. }
                | SttEvent::TurnMayEnd { .. }
                | SttEvent::TurnResumed) => {
                    let event = self.placed(event);
                    if !self.shared.tell(event) {
                        let provider = self.hop.provider;
                        tracing::warn!(provider, "nobody reads what the recogniser says");
                        return Some(End::Over);
                    }
                }
            }
        }
        self.events = events;
        None
    }

    /// The event in the call's time, and what follows from it here.
    fn placed(&mut self, mut event: SttEvent) -> SttEvent {
        if event != SttEvent::Ready && !std::mem::replace(&mut self.was_useful, true) {
            self.hop.circuit.worked();
        }
        match &mut event {
            SttEvent::SpeechStarted { at_ms } => *at_ms = self.timeline.ms(*at_ms),
            SttEvent::TurnEnded { at_ms } => {
                *at_ms = self.timeline.ms(*at_ms);
                self.is_in_doubt = false;
            }
            SttEvent::TurnMayEnd { at_ms } => {
                *at_ms = self.timeline.ms(*at_ms);
                self.is_in_doubt = true;
            }
            SttEvent::TurnResumed => self.is_in_doubt = false,
            SttEvent::Partial { until_ms, .. } => *until_ms = self.timeline.ms(*until_ms),
            SttEvent::Final {
                until_ms,
                words,
                asked,
                ..
            } => {
                let covered = self.timeline.sample(*until_ms);
                *until_ms = self.timeline.ms(*until_ms);
                for word in words {
                    word.from_ms = self.timeline.ms(word.from_ms);
                    word.to_ms = self.timeline.ms(word.to_ms);
                }
                let covered = if *asked {
                    covered.max(self.answered())
                } else {
                    covered
                };
                self.shared.covered(covered);
                self.unanswered = 0;
            }
            SttEvent::Ready | SttEvent::Trouble { .. } => {}
        }
        event
    }

    /// The oldest question is answered; up to which sample it was about.
    fn answered(&mut self) -> u64 {
        let Some(asked) = self.asked.pop_front() else {
            return 0;
        };
        self.hop
            .first_result(clock::timer_now().saturating_duration_since(asked.at));
        if self.asked.is_empty() {
            self.shared.answered(self.ask);
        }
        asked.to
    }

    fn gone(&mut self, gone: Gone) -> End {
        let has_stalled = gone == Gone::Stuck;
        let trouble = match gone {
            Gone::Closed { code, reason } => self.codec.closed(code, &reason),
            Gone::Cut => Trouble::new(TroubleKind::Server, "cut off"),
            Gone::Stuck => Trouble::new(TroubleKind::Server, "does not read"),
            Gone::Nonsense(what) => Trouble::new(TroubleKind::Protocol, what),
        };
        self.lost(trouble, has_stalled)
    }

    fn lost(&mut self, trouble: Trouble, has_stalled: bool) -> End {
        if self.is_in_doubt {
            // The next connection knows nothing of the doubt, and judges the same words anew.
            self.shared.tell(SttEvent::TurnResumed);
        }
        End::Lost(Lost {
            trouble,
            was_useful: self.was_useful,
            has_stalled,
            lived: clock::timer_now().saturating_duration_since(self.opened_at),
        })
    }
}

/// Whether a batch may hold speech: an eighth of it is above -31 dB of full scale. Every fourth sample is looked at,
/// in its compressed form, where the bits turned over are a logarithmic scale.
fn is_loud(mulaw: &[u8]) -> bool {
    let looked_at = mulaw.iter().step_by(4);
    let all = looked_at.len();
    let loud = looked_at.filter(|&&code| !code & 0x7f >= 0x30).count();
    loud * 8 >= all.max(1)
}
