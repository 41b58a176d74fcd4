//! From frames to facts: the ear, and what it asks of the recogniser and the turn model.

mod asking;
mod order;
mod patience;
mod stream;
mod withheld;

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use trunkline_core::amd;
use trunkline_core::call::{Event, Profile, Provider, StepDown};
use trunkline_core::time::At;
use trunkline_core::wire::stt::SttEvent;
use trunkline_media::ear::{Ear, EarCounters, EarSettings, Fact, WindowBatch, position_ms};
use trunkline_media::line_clock::LineClock;
use trunkline_media::tones::Tone;

use self::order::InOrder;
use self::patience::Patience;
use self::stream::Stream;
use self::withheld::Withheld;
use super::Jobs;
use crate::agent::EMBEDDED;
use crate::metering::{Given, Meter};
use crate::provider::{Ears, Haste, Hearing, StageError, Transcriber, Turns, Words};
use crate::speech::VadState;

/// How much of the caller is kept where somebody else makes the words: what the turn model looks at …
const KEPT_FOR_TURNS_MS: u32 = 9_000;
/// … or nothing to speak of, and windows are judged as they come.
const KEPT_LEAST_MS: u32 = 1_000;
const UNRESOLVED_LEAST_MS: u32 = 200;
/// How much of the caller is kept: the longest piece that is transcribed at once, and what comes before and after it.
const KEPT_MS: u32 = 22_000;
/// Audio before the onset that the recogniser is given: the ear finds the onset a little late.
const BEFORE: u64 = ms(300);
/// Audio after the end that it is given.
const AFTER: u64 = ms(200);
/// Speech before a first partial; from less, the recogniser makes things up.
const PARTIAL_FIRST: u64 = ms(1_200);
/// Speech that begins this long after the last is a turn of its own to the turn model.
const TURN_GAP: u64 = ms(4_000);

/// Windows that the voice model has had for longer than this are judged without it, ms.
const VOICE_LATE_MS: u64 = 500;
/// Failures in a row after which a call does without the voice model for a while …
const VOICE_MISSES_MAX: u32 = 8;
/// … and without the turn model.
const TURN_MISSES_MAX: u32 = 3;

/// Voice must last two windows before it is told, and its first may be taken for silence.
const UNTOLD: u64 = ms(96);

const fn ms(ms: u64) -> u64 {
    ms * trunkline_media::SAMPLES_PER_MS
}

/// An answer of a listening stage.
pub(super) enum Heard {
    Activity {
        batch: WindowBatch,
        answer: Result<(VadState, Vec<f32>), StageError>,
    },
    Partial {
        until: At,
        answer: Result<Words, StageError>,
    },
    Final {
        number: u64,
        until: At,
        answer: Result<Words, StageError>,
    },
    Score {
        until: At,
        answer: Result<f32, StageError>,
    },
}

/// Who makes the words.
enum Recogniser {
    /// The ears do, of each utterance.
    Ears,
    /// Another recogniser does, of each utterance.
    Utterances(Arc<dyn Transcriber>),
    /// One that listens all the time.
    Stream(Stream),
}

impl Recogniser {
    fn provider(&self) -> Provider {
        match self {
            Self::Ears => Provider::of(EMBEDDED),
            Self::Utterances(transcriber) => transcriber.provider(),
            Self::Stream(stream) => stream.provider(),
        }
    }
}

pub(super) struct Listening {
    ears: Arc<dyn Ears>,
    recogniser: Recogniser,
    ear: Ear,
    withheld: Withheld,
    vad: VadState,
    clock: LineClock,
    facts: Vec<Fact>,
    windows: Vec<i16>,
    /// First sample of the speech that goes on and has no final transcript yet.
    speech_from: Option<u64>,
    /// First sample of the caller's turn, for the turn model.
    turn_from: Option<u64>,
    speech_to: u64,
    partial_at: u64,
    partial_is_out: bool,
    finals: InOrder,
    events: VecDeque<Event>,
    /// With the voice model, and the windows that it has been asked about.
    voice_model: Patience,
    asked: Option<(WindowBatch, At)>,
    turn_model: Patience,
    stepped_down: Option<StepDown>,
    /// The sound that the recogniser was given.
    given: Given,
}

impl Listening {
    pub(super) fn new(ears: Arc<dyn Ears>, hearing: Hearing, meter: Meter) -> Self {
        let mut settings = EarSettings {
            keys: false,
            kept_ms: KEPT_MS,
            ..EarSettings::default()
        };
        let recogniser = match hearing {
            Hearing::Embedded => Recogniser::Ears,
            Hearing::ByUtterance(transcriber) => Recogniser::Utterances(transcriber),
            Hearing::Streaming { recogniser, turns } => {
                let stream = Stream::new(recogniser.open(), turns);
                match turns {
                    Turns::Own => settings.kept_ms = KEPT_FOR_TURNS_MS,
                    Turns::Cloud => {
                        settings.kept_ms = KEPT_LEAST_MS;
                        settings.unresolved_ms_max = UNRESOLVED_LEAST_MS;
                    }
                }
                Recogniser::Stream(stream)
            }
        };
        let given = Given::to(recogniser.provider(), meter);
        Self {
            ears,
            recogniser,
            given,
            ear: Ear::new(settings),
            withheld: Withheld::default(),
            vad: VadState::default(),
            clock: LineClock::default(),
            facts: Vec::with_capacity(4),
            windows: Vec::new(),
            speech_from: None,
            turn_from: None,
            speech_to: 0,
            partial_at: 0,
            partial_is_out: false,
            finals: InOrder::default(),
            events: VecDeque::new(),
            voice_model: Patience::new(VOICE_MISSES_MAX),
            asked: None,
            turn_model: Patience::new(TURN_MISSES_MAX),
            stepped_down: None,
        }
    }

    /// The ear, which must know what is sent.
    pub(super) fn ear(&mut self) -> &mut Ear {
        &mut self.ear
    }

    /// Milliseconds of audio received.
    pub(super) fn audio_ms(&self) -> u64 {
        position_ms(self.ear.position())
    }

    /// When a message that came now, behind the frames received so far, would have come on a line that is never late, ms.
    pub(super) fn undelayed_ms(&self, now: At) -> u64 {
        self.clock.undelayed_ms(now.ms())
    }

    /// Samples received.
    pub(super) fn position(&self) -> u64 {
        self.ear.position()
    }

    pub(super) fn counters(&self) -> EarCounters {
        self.ear.counters()
    }

    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The caller's turn has been answered: the next speech begins another.
    pub(super) fn turn_answered(&mut self) {
        self.turn_from = self.speech_from.filter(|_| self.ear.speaking());
    }

    /// Takes in audio of the caller; `over_agent`: while the agent has the floor.
    pub(super) fn push(&mut self, now: At, payload: &[u8], over_agent: bool, jobs: &Jobs) {
        let spoken = self.spoken(self.ear.position());
        self.ear.next_spoken_at(spoken.ms());
        self.ear.push(payload, &mut self.facts);
        self.clock.observe(now.ms(), self.ear.position());
        self.mind_the_voice_model(now);
        let is_left_alone = self.voice_model.is_spent(now);
        if is_left_alone {
            self.ear.judge_by_energy(&mut self.facts);
        }
        if let Recogniser::Stream(stream) = &mut self.recogniser {
            let given = &mut self.given;
            let give = |mulaw: &[u8]| {
                given.add(mulaw.len());
                stream.push(mulaw);
            };
            self.withheld.push(payload, &self.ear, give);
            let is_cloud = stream.turns() == Turns::Cloud;
            if is_cloud {
                self.ear.judge_by_energy(&mut self.facts);
            }
            self.follow_facts(now, jobs);
            self.attend(now, over_agent);
            if is_cloud {
                return;
            }
        } else {
            self.follow_facts(now, jobs);
        }
        self.ask_activity(now, jobs);
        self.ask_partial(now, jobs);
    }

    /// A voice model that keeps the call waiting is not waited for any longer: the loudness of the line stands in for it.
    fn mind_the_voice_model(&mut self, now: At) {
        if let Some((batch, _)) = self
            .asked
            .take_if(|(_, asked_at)| now.since(*asked_at) > VOICE_LATE_MS)
        {
            self.ear.unscored(batch, &mut self.facts);
            self.voice_model.overdue(now);
            self.stepped_down = Some(StepDown::VoiceModel);
        }
    }

    /// Why the call has just begun to do without our own models, if it has.
    pub(super) fn stepped_down(&mut self) -> Option<StepDown> {
        self.stepped_down.take()
    }

    /// Lets the recogniser know whether words are waited for: the caller may be at the end of what they say, or mean to
    /// interrupt.
    fn attend(&mut self, now: At, over_agent: bool) {
        let is_speaking = self.ear.speaking();
        let haste = match is_speaking && (over_agent || self.ear.is_quiet()) {
            true => Haste::Now,
            false if is_speaking => Haste::Soon,
            false => Haste::None,
        };
        let position = self.ear.position();
        if let Recogniser::Stream(stream) = &mut self.recogniser {
            stream.attend(haste, position, now);
        }
    }

    /// Something depends on the next frame: the caller may be at the end of what they say, or mean to interrupt. Where words
    /// are made of whole utterances, all of their speech is such. `over_agent`: while the agent has the floor.
    pub(super) fn is_hurried(&self, over_agent: bool) -> bool {
        let is_interrupted = over_agent && !self.ear.is_quiet();
        is_interrupted
            || match &self.recogniser {
                Recogniser::Stream(stream) => stream.is_hurried(),
                Recogniser::Ears | Recogniser::Utterances(_) => self.ear.speaking(),
            }
    }

    /// The caller does not speak, and made no sound just now.
    pub(super) fn is_silent(&self) -> bool {
        self.ear.is_quiet() && !self.ear.speaking()
    }

    /// What a recogniser says that listens all the time; nothing ever from any other.
    pub(super) fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<SttEvent> {
        match &mut self.recogniser {
            Recogniser::Stream(stream) => stream.poll_next(cx),
            Recogniser::Ears | Recogniser::Utterances(_) => Poll::Pending,
        }
    }

    /// Who makes the words.
    pub(super) fn provider(&self) -> Provider {
        self.recogniser.provider()
    }

    /// Who says when turns are over.
    pub(super) fn profile(&self) -> Profile {
        match &self.recogniser {
            Recogniser::Stream(stream) => match stream.turns() {
                Turns::Own => Profile::Own,
                Turns::Cloud => Profile::Cloud,
            },
            Recogniser::Ears | Recogniser::Utterances(_) => Profile::Own,
        }
    }

    /// The vendor of a recogniser that has taken over since this was asked last.
    pub(super) fn taken_over(&mut self) -> Option<&'static str> {
        let taken_over = match &mut self.recogniser {
            Recogniser::Stream(stream) => stream.taken_over(),
            Recogniser::Ears | Recogniser::Utterances(_) => None,
        };
        if taken_over.is_some() {
            self.given.goes_to(self.recogniser.provider());
        }
        taken_over
    }

    /// Takes in what it said.
    pub(super) fn streamed(&mut self, now: At, event: SttEvent) {
        // It hears the beginning of our own voice before that is known for it.
        if let SttEvent::SpeechStarted { at_ms } = event
            && self.ear.hears_only_itself_since(ms(at_ms))
        {
            return;
        }
        let clock = &self.clock;
        if let Recogniser::Stream(stream) = &mut self.recogniser {
            let when = |sample| At::from_ms(clock.when_ms(clock.caller_at(sample)));
            stream.heard(event, now, when, &mut self.events);
        }
    }

    /// When [`Listening::tick`] next has something to do, ms.
    pub(super) fn next_due(&self) -> Option<u64> {
        match &self.recogniser {
            Recogniser::Stream(stream) => stream.next_due(),
            Recogniser::Ears | Recogniser::Utterances(_) => None,
        }
    }

    pub(super) fn tick(&mut self, now: At) {
        if let Recogniser::Stream(stream) = &mut self.recogniser {
            stream.tick(now, &mut self.events);
        }
    }

    pub(super) fn done(&mut self, now: At, heard: Heard, jobs: &Jobs) {
        match heard {
            // What comes so late that it was given up is no news, and its state no state to go on with.
            Heard::Activity { batch, .. }
                if self.asked.take_if(|(asked, _)| *asked == batch).is_none() => {}
            Heard::Activity {
                batch,
                answer: Ok((state, probabilities)),
            } => {
                self.voice_model.answered();
                self.vad = state;
                self.ear.scored(batch, &probabilities, &mut self.facts);
            }
            Heard::Activity {
                batch,
                answer: Err(error),
            } => {
                tracing::debug!(%error, "voice detection");
                if self.voice_model.missed(now) {
                    self.stepped_down = Some(StepDown::VoiceModel);
                }
                self.ear.unscored(batch, &mut self.facts);
            }
            Heard::Partial { until, answer } => {
                self.partial_is_out = false;
                if let Ok(words) = answer {
                    self.events.push_back(Event::Partial {
                        until,
                        text: words.text,
                    });
                }
            }
            Heard::Final {
                number,
                until,
                answer,
            } => {
                let event = match answer {
                    Ok(Words { text, confidence }) => Event::Final {
                        until,
                        text,
                        confidence,
                    },
                    Err(error) => {
                        tracing::warn!(%error, "recogniser");
                        Event::HearFailed {
                            until,
                            fatal: error.fatal,
                        }
                    }
                };
                self.finals.answered(number, event, &mut self.events);
            }
            Heard::Score { until, answer } => match answer {
                Ok(complete) => {
                    self.turn_model.answered();
                    tracing::debug!(complete, "turn model");
                    self.events.push_back(Event::TurnScored { until, complete });
                }
                Err(error) => {
                    tracing::debug!(%error, "turn model");
                    if self.turn_model.missed(now) {
                        self.stepped_down = Some(StepDown::TurnModel);
                    }
                }
            },
        }
        self.follow_facts(now, jobs);
        self.ask_activity(now, jobs);
    }

    fn follow_facts(&mut self, now: At, jobs: &Jobs) {
        let mut facts = std::mem::take(&mut self.facts);
        for fact in facts.drain(..) {
            match fact {
                Fact::Key(key) => self.events.push_back(Event::Key { key }),
                Fact::Tone { tone, at } => {
                    let at = self.moment(now, at);
                    let tone = of_machine(tone);
                    self.events.push_back(Event::Toned { tone, at });
                }
                Fact::SpeechStarted { at } => {
                    if at > self.speech_to + TURN_GAP {
                        self.turn_from = None;
                    }
                    self.turn_from.get_or_insert(at);
                    self.speech_from = Some(at.saturating_sub(BEFORE).max(self.speech_to));
                    self.partial_at = at + PARTIAL_FIRST;
                    let began = self.spoken(at);
                    match &mut self.recogniser {
                        Recogniser::Stream(stream) => stream.started(at, began, &mut self.events),
                        Recogniser::Ears | Recogniser::Utterances(_) => {
                            self.events.push_back(Event::SpeechStarted { at: began });
                        }
                    }
                }
                Fact::SpeechPaused { at } => {
                    let at = self.moment(now, at);
                    self.events.push_back(Event::SpeechPaused { at });
                }
                Fact::SpeechResumed => self.events.push_back(Event::SpeechResumed),
                Fact::SpeechStopped { at } => {
                    let until = self.moment(now, at);
                    self.speech_to = at;
                    let from = self.speech_from.take();
                    if let Recogniser::Stream(stream) = &mut self.recogniser {
                        stream.stopped(at, until, now, &mut self.events);
                        if stream.turns() == Turns::Own {
                            self.ask_score(now, at + AFTER, until, jobs);
                        }
                        continue;
                    }
                    self.events.push_back(Event::SpeechStopped { at: until });
                    if let Some(from) = from {
                        self.ask_final(from, at + AFTER, until, jobs);
                        self.ask_score(now, at + AFTER, until, jobs);
                    }
                }
            }
        }
        self.facts = facts;
    }

    /// All speech that began before this moment has been told.
    pub(super) fn judged(&self) -> At {
        self.spoken(self.ear.judged().saturating_sub(UNTOLD))
    }

    /// When a sample was spoken, by the line's own clock: words that a stalled line brings late were not said late, and
    /// none may pass for words from after a grant.
    fn spoken(&self, sample: u64) -> At {
        At::from_ms(self.clock.when_ms(self.clock.caller_at(sample)))
    }

    /// When a sample was heard: its distance from the newest one, back from now.
    fn moment(&self, now: At, sample: u64) -> At {
        let ago = position_ms(self.ear.position().saturating_sub(sample));
        At::from_ms(now.ms().saturating_sub(ago))
    }

    fn audio(&self, from: u64, to: u64) -> Vec<i16> {
        let mut audio = Vec::with_capacity(to.saturating_sub(from) as usize);
        self.ear.audio(from, to, &mut audio);
        audio
    }
}

/// A tone, as the call knows it.
fn of_machine(tone: Tone) -> amd::Tone {
    match tone {
        Tone::Beep => amd::Tone::Beep,
        Tone::FaxAnswer => amd::Tone::FaxAnswer,
        Tone::FaxCall => amd::Tone::FaxCall,
        Tone::Network => amd::Tone::Network,
    }
}
