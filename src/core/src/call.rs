//! The conversation, as a value.
//!
//! A shell feeds a [`Call`] facts with [`Call::handle`], wakes it at [`Call::deadline`] with [`Call::tick`], and performs
//! the [`Action`]s that come out. Audio never enters: the media engine turns fifty frames a second into about ten facts.
//!
//! What to do next is derived, after every fact, from what is the case (`settle`); no transition has to remember
//! everything that could follow it. The parts:
//!
//! - `listening`: the caller's speech, words and keys;
//! - `speaking`: the agent's replies, of which one may be *speaking* and one *drafting*;
//! - `ahead`: an answer that is thought of before the caller's turn is known to be over;
//! - `filling`: what bridges a silence while mind or voice take their time;
//! - `handing`: another agent takes the call over;
//! - `obeying`: what no mind can veto;
//! - `consent`: whether what the caller says may be stored;
//! - `answering`: who answered a call that we placed, and what is done about machines;
//! - `control`: an operator's hand in a live call;
//! - `trouble`: failures, long silences and the end;
//! - `tooling`: what the mind has done for the caller;
//! - `transferring`: putting the caller through to a person;
//! - `collecting`: keys for that, out of everybody's sight where they are secret;
//! - `unnoted`: what the caller said, held back while it may become a number that is not written down;
//! - `turn`: what the caller has said that is unanswered, and when it is over;
//! - [`endpoint`]: how much silence ends a turn.
//!
//! An event that carries a [`ReplyId`] is for the reply now speaking or drafting, or it is stale and changes nothing.

mod action;
mod ahead;
mod answering;
mod collecting;
mod consent;
mod control;
pub mod endpoint;
mod event;
mod filling;
mod handing;
mod listening;
mod obeying;
mod reply;
mod settings;
mod speaking;
mod timer;
mod timing;
mod tooling;
mod transferring;
mod trouble;
mod turn;
mod unnoted;

use std::collections::VecDeque;
use std::sync::Arc;

pub use action::{Action, Ask, Means, Note, StepDown};
pub use answering::{AnsweringPlan, OnMachine};
pub use collecting::{Check, FIELD_DIGITS_MAX, KeyField, KeyWork, KeysDone, PRESSED_MAX, Unkeyed};
pub use control::SAY_CHARS_MAX;
pub use endpoint::TURN_OVER;
pub(crate) use endpoint::TurnWords;
#[cfg(test)]
pub(crate) use endpoint::silence_after;
pub use event::{After, EndReason, Event, Expects, Position, ReplyId, Stage};
pub use handing::NextAgent;
pub use settings::{Keys, Limits, Notices, OverlapSettings, Settings, TurnSettings};
pub use timer::Timer;
pub use timing::{Hop, Profile, Provider, Staff, Timing};
pub use tooling::{Effect, Outcome, ToolSettings, UseId, WANTED_MAX, Wanted};
pub use transferring::{TransferEnd, TransferKind, TransferNews};

use crate::consent::gate::Gate;
use crate::time::At;
use answering::Answering;
use collecting::KeyPad;
use consent::Hearing;
use endpoint::Habits;
use filling::Fillers;
use listening::{Caller, Overlap};
use reply::{Mind, Origin, Playback, Reply};
use timer::Timers;
use tooling::Tools;
use transferring::Transfer;
use turn::OpenTurn;
use unnoted::Unnoted;

/// One phone call, from the first frame to the last.
///
/// It holds the only proof that what the caller says may be stored, so it cannot be copied.
#[derive(Debug)]
pub struct Call {
    settings: Arc<Settings>,
    phase: Phase,
    now: At,
    timers: Timers,
    /// The reply being said, halted or about to be said.
    speaking: Option<Reply>,
    /// The reply being thought of. Nobody hears of it.
    drafting: Option<Reply>,
    next_reply: u32,
    caller: Caller,
    open: OpenTurn,
    overlap: Option<Overlap>,
    /// Sentences to be said before anything else.
    notices: Vec<Arc<str>>,
    ending: Option<Ending>,
    /// The mind has not opened the conversation yet.
    owes_opening: bool,
    /// The last sentence the agent said, to be repeated after a notice.
    last_said: Option<Arc<str>>,
    /// The last sentences that the caller heard, the last first: what they say may answer these.
    asked: [Option<Arc<str>>; 2],
    /// How the caller pauses.
    habits: Habits,
    expects: Expects,
    nudges: usize,
    idle_since: At,
    /// All speech that began before this has been told.
    judged: At,
    strikes: Strikes,
    gate: Gate,
    /// What the caller says before consent is decided, until their turn is over.
    hearing: Option<Hearing>,
    /// The last saying of the notice of recording that was begun.
    announced: Option<u32>,
    /// Start of the words that refused or withdrew consent.
    objected_from: Option<At>,
    muted: bool,
    /// Since when consent is decided.
    decided: Option<At>,
    /// Sentences of an operator's that are still to be said.
    asked_says: VecDeque<Arc<str>>,
    fillers: Fillers,
    answering: Answering,
    /// Since when the caller has heard nothing of the agent; `None` while they do.
    hushed: Option<At>,
    /// Who works for it, as far as it was told.
    staff: Option<Arc<Staff>>,
    tools: Tools,
    /// A person is being called for the caller, or the caller is put through to them.
    transfer: Option<Transfer>,
    /// Another agent has taken over, and the caller has heard nothing of it yet.
    owes_words_of_next: bool,
    /// Uses from this one on are of the agent who speaks.
    agent_since: UseId,
    keypad: KeyPad,
    unnoted: Unnoted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Live,
    Ended,
}

/// The last words, once they have been decided on.
#[derive(Clone, Debug)]
struct Ending {
    reason: EndReason,
    /// They come from the recording: nothing is left to fall back on.
    recorded: bool,
    /// `None` once they are being said.
    words: Option<Words>,
}

#[derive(Clone, Debug)]
enum Words {
    Voiced(Arc<str>),
    /// No voice can be had: the recording that ships with the server.
    Recorded,
}

/// Failures since the stage last worked.
#[derive(Clone, Copy, Debug, Default)]
struct Strikes {
    ears: u8,
    mind: u8,
    voice: u8,
}

impl Call {
    /// A call that waits for its media stream. `now` counts towards the longest length of a call.
    pub fn new(settings: Arc<Settings>, now: At) -> Self {
        let mut timers = Timers::default();
        timers.set(Timer::TooLong, Some(now.plus(settings.limits.call_ms)));
        Self {
            gate: Gate::new(&settings.consent),
            hearing: None,
            announced: None,
            objected_from: None,
            muted: false,
            decided: None,
            asked_says: VecDeque::new(),
            fillers: Fillers::default(),
            answering: Answering::new(now.plus(settings.limits.call_ms)),
            hushed: Some(now),
            staff: None,
            tools: Tools::default(),
            transfer: None,
            owes_words_of_next: false,
            agent_since: UseId(0),
            keypad: KeyPad::default(),
            unnoted: Unnoted::default(),
            settings,
            phase: Phase::Waiting,
            now,
            timers,
            speaking: None,
            drafting: None,
            next_reply: 0,
            caller: Caller::default(),
            open: OpenTurn::default(),
            overlap: None,
            notices: Vec::new(),
            ending: None,
            owes_opening: false,
            last_said: None,
            asked: [None, None],
            habits: Habits::default(),
            expects: Expects::Words,
            nudges: 0,
            idle_since: now,
            judged: now,
            strikes: Strikes::default(),
        }
    }

    /// Takes in one fact. Timers that fell due before `now` fire first, so that a late shell gets the same conversation.
    pub fn handle(&mut self, now: At, event: Event, out: &mut Vec<Action>) {
        if now > self.now {
            self.fire_due(At::from_ms(now.ms() - 1), out);
        }
        self.now = self.now.max(now);
        if self.phase == Phase::Ended {
            return;
        }
        self.take(event, out);
        self.settle(out);
    }

    /// Fires what is due at `now`. Call it at [`Call::deadline`].
    pub fn tick(&mut self, now: At, out: &mut Vec<Action>) {
        self.fire_due(now, out);
        self.now = self.now.max(now);
    }

    /// When [`Call::tick`] is next needed and why. Only an ended call has none.
    pub fn deadline(&self) -> Option<(At, Timer)> {
        self.timers.earliest()
    }

    /// The conversation is over: nothing more will come out.
    pub fn is_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    /// The reply that the caller hears or is about to hear.
    pub fn speaking(&self) -> Option<ReplyId> {
        self.speaking.as_ref().map(|r| r.id)
    }

    /// The reply being thought of.
    pub fn drafting(&self) -> Option<ReplyId> {
        self.drafting.as_ref().map(|r| r.id)
    }

    fn fire_due(&mut self, now: At, out: &mut Vec<Action>) {
        while self.phase != Phase::Ended {
            let Some((at, _)) = self.timers.earliest().filter(|(at, _)| *at <= now) else {
                return;
            };
            self.now = self.now.max(at);
            if let Some(timer) = self.timers.pop_due(now) {
                self.fire(timer, out);
                self.settle(out);
            }
        }
    }

    fn take(&mut self, event: Event, out: &mut Vec<Action>) {
        if self.answering_told(&event, out) {
            return;
        }
        match event {
            Event::Answered => self.answered(out),
            Event::Staffed { staff } => self.staff = Some(staff),
            Event::LineClosed { reason } => self.line_closed(reason, out),
            Event::EndAsked { reason } => {
                self.end_with(self.settings.notices.closing.clone(), reason, out)
            }
            Event::SayAsked { text } => self.say_asked(&text),
            Event::Muted { on } => self.mute(on, out),
            Event::SpeechStarted { at } => self.speech_started(at),
            Event::SpeechPaused { at } => self.speech_paused(at),
            Event::SpeechResumed => self.caller.paused = None,
            Event::SpeechStopped { at } => self.speech_stopped(at),
            Event::Judged { until } => self.judged = self.judged.max(until),
            Event::Partial { until, text } => self.partial(until, text, out),
            Event::Final {
                until,
                text,
                confidence,
            } => self.final_text(until, &text, confidence, out),
            Event::TurnScored { until, complete } => self.turn_scored(until, complete),
            Event::HearFailed { until, fatal } => self.hear_failed(until, fatal, out),
            Event::Key { key } => self.key(key, out),
            Event::MindStarted { reply } => self.mind_started(reply),
            Event::MindSaid { reply, text } => self.mind_said(reply, text, out),
            Event::MindDone {
                reply,
                after,
                expects,
            } => self.mind_done(reply, after, expects, out),
            Event::ToolsWanted { reply, wanted } => self.tools_wanted(reply, wanted),
            Event::KeysWanted { id, work } => self.keys_wanted(id, work, out),
            Event::ToolUsed {
                id,
                outcome,
                result,
            } => self.tool_used(id, outcome, result, out),
            Event::HandedOver { id, next } => self.handed_over(id, next, out),
            Event::Transfer { id, news } => self.transfer_told(id, news, out),
            Event::MindFailed { reply } => self.mind_failed(reply, out),
            Event::VoiceFailed { reply, clause } => self.voice_failed(reply, clause, out),
            Event::Voiced {
                reply,
                clause,
                at,
                by,
            } => self.voiced(reply, clause, at, by),
            Event::WordsTimed {
                reply,
                clause,
                words,
            } => self.words_timed(reply, clause, &words),
            Event::PlaybackStarted { reply } => self.playback_started(reply, out),
            Event::RanDry { reply } => self.ran_dry(reply),
            Event::Heard { reply, position } => self.heard(reply, position, out),
            Event::Paused { reply, position } => self.paused(reply, position, out),
            Event::Played { reply } => self.played(reply, out),
            // Told above.
            Event::Toned { .. } | Event::CarrierHeard { .. } => {}
        }
    }

    fn fire(&mut self, timer: Timer, out: &mut Vec<Action>) {
        match timer {
            // These only wake `settle`, which sees that the moment has come.
            Timer::Overlap
            | Timer::EndOfTurn
            | Timer::Consent
            | Timer::Answering
            | Timer::Keys
            | Timer::Unnoted => {}
            Timer::OverlapVerdict => self.overlap = None,
            Timer::Transcript => self.transcript_missing(out),
            Timer::LongSpeech => self.speech_too_long(),
            Timer::Mind => self.mind_silent(out),
            Timer::Filler => self.fill(out),
            Timer::Playback => self.playback_stuck(out),
            Timer::Silence => self.silence(out),
            Timer::TooLong => self.too_long(out),
            Timer::Ending => self.ending_overdue(out),
        }
    }

    /// Derives what follows from what is the case now.
    fn settle(&mut self, out: &mut Vec<Action>) {
        if self.phase != Phase::Live {
            return;
        }
        self.settle_answering(out);
        if self.phase != Phase::Live {
            return;
        }
        self.settle_consent(out);
        self.settle_keys(out);
        self.settle_unnoted(out);
        self.settle_overlap(out);
        self.settle_transfer();
        self.settle_speaking(out);
        self.settle_floor(out);
        self.settle_tools(out);
        self.ask_for_keys(out);
        if self.phase == Phase::Live {
            self.arm();
        }
    }

    /// Sets every timer to what the state asks for; those of the whole call are left alone.
    fn arm(&mut self) {
        self.listen_for_keys();
        let speaks = |r: &Reply| r.playback == Playback::On;
        if !self.speaking.as_ref().is_some_and(speaks) {
            self.hushed.get_or_insert(self.now);
        }
        let limits = &self.settings.limits;
        let overlap = self.overlap_deadline();
        let verdict = self.verdict_deadline();
        let transcript = self
            .caller
            .missing_since()
            .map(|at| at.plus(limits.transcript_ms));
        let long_speech = self.caller.talking.map(|from| from.plus(limits.speech_ms));
        let thinking = [&self.drafting, &self.speaking]
            .into_iter()
            .flatten()
            .filter(|r| r.mind == Mind::Asked && !self.waits_for_keys(r));
        let mind = thinking.map(|r| r.mind_due(limits)).min();
        let playback = self
            .speaking
            .as_ref()
            .filter(|r| r.playback != Playback::Halted)
            .map(|r| r.progress.plus(limits.playback_ms));
        let silence = self
            .is_idle()
            .then(|| self.idle_since.plus(limits.silence_ms));
        let end_of_turn = self.may_think().then(|| self.turn_due()).flatten();
        let consent = self.consent_due();
        let filler = self.filler_due();
        let answering = self.answering_due();
        let keys = self.keypad_due();
        let unnoted = self.unnoted.due();
        for (timer, at) in [
            (Timer::Overlap, overlap),
            (Timer::OverlapVerdict, verdict),
            (Timer::Transcript, transcript),
            (Timer::LongSpeech, long_speech),
            (Timer::Mind, mind),
            (Timer::Filler, filler),
            (Timer::Playback, playback),
            (Timer::Silence, silence),
            (Timer::EndOfTurn, end_of_turn),
            (Timer::Consent, consent),
            (Timer::Answering, answering),
            (Timer::Keys, keys),
            (Timer::Unnoted, unnoted),
        ] {
            // What was due has been seen to just now; a limit of nothing at all must not hold time still.
            self.timers
                .set(timer, at.map(|at| at.max(self.now.plus(1))));
        }
    }

    /// Nobody speaks, and nothing is on its way.
    fn is_idle(&self) -> bool {
        self.speaking.is_none()
            && self.drafting.is_none()
            && self.caller.talking.is_none()
            && self.caller.missing_since().is_none()
            && self.open.is_empty()
            && self.notices.is_empty()
            && self.ending.is_none()
            && self.asked_says.is_empty()
            && self.may_ask_mind()
    }

    fn reply(&mut self, id: ReplyId) -> Option<&mut Reply> {
        [&mut self.speaking, &mut self.drafting]
            .into_iter()
            .flatten()
            .find(|r| r.id == id)
    }

    fn new_reply(&mut self, origin: Origin, mind: Mind) -> Reply {
        let id = ReplyId(self.next_reply);
        self.next_reply += 1;
        Reply::new(id, origin, mind, self.now)
    }

    fn answered(&mut self, out: &mut Vec<Action>) {
        if self.phase != Phase::Waiting {
            return;
        }
        self.phase = Phase::Live;
        self.idle_since = self.now;
        self.owes_opening = true;
        let mut opening = self.new_reply(Origin::Opening, Mind::None);
        for clause in &self.settings.notices.opening {
            opening.push(Arc::clone(clause), true);
        }
        self.begin_consent(&mut opening, out);
        self.begin_answering();
        self.speak(opening, out);
    }

    fn line_closed(&mut self, reason: EndReason, out: &mut Vec<Action>) {
        // Nothing follows any more.
        self.obey_late(out);
        self.cancel_draft(out);
        if let Some(mut reply) = self.speaking.take() {
            if reply.mind == Mind::Asked {
                out.push(Action::CancelThink { reply: reply.id });
            }
            self.note_heard(&mut reply, true, out);
        }
        self.over(reason, out);
    }

    fn over(&mut self, reason: EndReason, out: &mut Vec<Action>) {
        self.consent_ends(out);
        self.release_unnoted(out);
        self.keys_end(out);
        self.phase = Phase::Ended;
        self.timers.clear();
        out.push(Action::Note(Note::Ended {
            reason,
            at: self.now,
        }));
    }

    fn hang_up(&mut self, reason: EndReason, out: &mut Vec<Action>) {
        self.cancel_draft(out);
        self.over(reason, out);
        out.push(Action::HangUp { reason });
    }
}
