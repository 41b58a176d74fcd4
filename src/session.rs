//! The shell of one live call: one task, one loop.
//!
//! Frames go through the ear and become facts; facts, timers and the answers of the stages go into the [`Call`]; the
//! actions that come out are performed here. The session owns all its unfinished work, so the end of the task is the
//! end of everything it asked for.

mod handing;
mod keeping;
mod listening;
mod noting;
mod outside;
mod reading;
mod speaking;
pub(crate) mod thinking;
pub(crate) mod tooling;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;
use trunkline_core::admission::Why;
use trunkline_core::amd::Verdict;
use trunkline_core::call::{
    Action, Call, EndReason, Event, Note, Settings, Staff, Stage, StepDown, Timer,
};
use trunkline_core::consent::Refusal;
use trunkline_core::time::At;
use trunkline_core::wire::stt::SttEvent;

use crate::admission::LineRests;
use crate::clock;
use crate::journal::JournalFailure;
use crate::line::Line;
use crate::live::{Control, Controls};
use crate::metering::Meter;
use crate::metrics;
use crate::provider::{Ears, Hearing, OwnVoice, Voice};
use crate::succession::Succession;
use crate::think::Mind;
use crate::tools::Toolbox;
use crate::traces::CallTrace;
pub use handing::Successor;
pub use keeping::Keep;
use keeping::Keeping;
use listening::{Heard, Listening};
use outside::{Outside, Word};
use speaking::{Own, Speaking};
use thinking::Thinking;
use tooling::Tooling;

/// Everything a call needs that outlives it.
pub struct Means {
    /// The listening stages.
    pub ears: Arc<dyn Ears>,
    /// Who makes words of what the caller says.
    pub hearing: Hearing,
    /// Why our own models do not judge its turns, where they were to.
    pub stepped_down: Option<Why>,
    /// Who speaks, and who takes over.
    pub voices: Succession<Arc<dyn Voice>>,
    /// Voice's pace; 1 is its own.
    pub speed: f32,
    /// A mind that speaks for itself; notices are the voice's all the same.
    pub own_voice: Option<Arc<dyn OwnVoice>>,
    /// The call's settings.
    pub settings: Arc<Settings>,
    /// Who thinks.
    pub mind: Mind,
    /// What may be done for the mind; nothing if absent.
    pub tools: Option<Arc<Toolbox>>,
    /// Where notes go while the call lives.
    pub feed: broadcast::Sender<LiveNote>,
    /// Turns true when the server shuts down.
    pub draining: watch::Receiver<bool>,
    /// Where the call is kept; nothing of it is if absent.
    pub keep: Option<Keep>,
    /// What an operator tells the call while it lives.
    pub controls: Option<Controls>,
    /// What must be known outside at once.
    pub matters: Option<Box<dyn Matters>>,
    /// Where its turns are told of as spans, if anywhere.
    pub trace: Option<CallTrace>,
    /// What it uses of whom.
    pub meter: Meter,
    /// How long its line rests.
    pub line_rests: LineRests,
}

/// What must be known outside the call before it ends. The methods must not block.
pub trait Matters: Send {
    /// The caller does not want to be called again.
    fn opted_out(&self);
    /// The caller took their consent back, with what began at `from`; what was stored goes if `erase`.
    fn withdrawn(&self, class: Refusal, erase: bool, from: At);
    /// It is known who answered, or known better.
    fn answered_by(&self, verdict: Verdict);
    /// The person has heard the first words, from this moment on.
    fn greeted(&self, from: At);
    /// The call is over; so much of the caller is stored, and there is a recording or not.
    fn kept(&self, caller_ms: u64, is_recorded: bool);
    /// The recording stopped, since it could not be stored.
    fn unstored(&self, failure: JournalFailure, at: At);
}

/// A note of a live call, for whoever watches.
#[derive(Clone, Debug)]
pub struct LiveNote {
    /// The call.
    pub call_id: Arc<str>,
    /// What was noted.
    pub note: Note,
}

/// Work of a stage that has been done.
enum Done {
    Heard(Heard),
}

type Jobs = FuturesUnordered<BoxFuture<'static, Done>>;

/// One live call.
pub struct Session {
    call_id: Arc<str>,
    call: Call,
    line: Line,
    began: Instant,
    jobs: Jobs,
    listening: Listening,
    speaking: Speaking,
    thinking: Thinking,
    tooling: Tooling,
    feed: broadcast::Sender<LiveNote>,
    outside: Outside,
    keeping: Option<Keeping>,
    matters: Option<Box<dyn Matters>>,
    trace: Option<CallTrace>,
    /// The line closed while somebody else led it: it may come back.
    gone: Option<EndReason>,
    /// Tells whoever leads the caller that the line has closed.
    line_closed: CancellationToken,
    /// Events that performing an action brought about.
    follow_up: VecDeque<Event>,
    /// Reused between events.
    actions: Vec<Action>,
    reason: Option<EndReason>,
    /// A machine answered, as far as was known last.
    was_machine: bool,
    was_greeted: bool,
    /// Why the call began without our own models of turns, until it has said so.
    stepped_down: Option<Why>,
    line_rests: LineRests,
    /// Whoever interrupts the agent for less interrupts nothing, ms.
    overlap_ms: u64,
    /// The line is not looked at until then, ms.
    rests_until: u64,
    /// When something other than the line is due, ms.
    due: Option<u64>,
}

impl Session {
    /// A call on a line whose stream has started.
    pub fn new(call_id: Arc<str>, line: Line, means: Means) -> Self {
        let fillers = match means.settings.limits.filler_ms {
            0 => Vec::new(),
            _ => means.settings.notices.fillers.clone(),
        };
        let overlap_ms = means.settings.overlap.pause_ms.into();
        let began = clock::timer_now();
        let mut trace = means.trace;
        if let Some(trace) = &mut trace {
            trace.began(&call_id, clock::unix_ms());
        }
        let own = means
            .own_voice
            .map(|voice| Own::new(voice, Arc::clone(&means.settings)));
        Self {
            call_id,
            call: Call::new(means.settings, At::START),
            line,
            began,
            jobs: FuturesUnordered::new(),
            listening: Listening::new(means.ears, means.hearing, means.meter.clone()),
            speaking: Speaking::new(
                means.voices,
                means.speed,
                own,
                fillers,
                means.keep.is_some(),
                began,
                means.meter,
            ),
            thinking: Thinking::new(means.mind),
            tooling: Tooling::new(means.tools),
            feed: means.feed,
            outside: Outside::new(means.draining, means.controls),
            keeping: means.keep.map(Keeping::new),
            matters: means.matters,
            trace,
            gone: None,
            line_closed: CancellationToken::new(),
            follow_up: VecDeque::new(),
            actions: Vec::new(),
            reason: None,
            was_machine: false,
            was_greeted: false,
            stepped_down: means.stepped_down,
            line_rests: means.line_rests,
            overlap_ms,
            rests_until: 0,
            due: None,
        }
    }

    /// Holds the call until it ends and says why it did.
    pub async fn hold(mut self) -> EndReason {
        self.tell_staff();
        self.drive(Some(Event::Answered));
        if let Some(why) = self.stepped_down.take() {
            self.stepped_down(StepDown::Load(why));
        }
        let sleep = tokio::time::sleep(Duration::ZERO);
        tokio::pin!(sleep);
        while !self.call.is_ended() {
            if self.gone.is_some() {
                // Once: the carrier waits for the goodbye before it leads the caller on.
                self.line.close().await;
            }
            let rests = self.rests();
            self.wake_at(sleep.as_mut(), rests);
            tokio::select! {
                biased;
                () = sleep.as_mut() => self.woken(rests),
                Some(done) = self.jobs.next(), if !self.jobs.is_empty() => self.done(done),
                () = self.speaking.next() => self.voiced(),
                event = poll_fn(|cx| self.listening.poll_stream(cx)) => self.streamed(event),
                Some((reply, thought)) = self.thinking.next(), if self.thinking.is_at_work() => {
                    self.thought(reply, thought);
                }
                Some(told) = self.outside.next() => self.told(told),
                Some(news) = self.tooling.next(), if self.tooling.is_at_work() => self.progressed(news),
                inbound = self.line.attend(rests), if self.gone.is_none() => self.inbound(inbound),
            }
        }
        let reason = self.reason.unwrap_or(EndReason::LineLost);
        self.finish_tools().await;
        self.keep_the_rest();
        metrics::call_ended(reason, &self.speaking.counters());
        if let Some(trace) = self.trace.take() {
            trace.ended(reason);
        }
        tracing::info!(
            ?reason,
            length_ms = self.now().ms(),
            mouth = ?self.speaking.counters(),
            ear = ?self.listening.counters(),
            line = ?self.line.counts(),
            "call ended"
        );
        self.line.close().await;
        reason
    }

    fn now(&self) -> At {
        At::from_ms(clock::timer_now().duration_since(self.began).as_millis() as u64)
    }

    /// It is time for something, or for the line.
    fn woken(&mut self, rested: bool) {
        let now = self.now();
        if self.due.is_some_and(|due| due <= now.ms()) {
            self.listening.tick(now);
            self.drive(None);
            self.drive_listening();
            self.keep();
        }
        if rested {
            self.read_on();
        }
    }

    /// Sets the clock; one that rests is woken for its line too.
    fn wake_at(&mut self, sleep: Pin<&mut Sleep>, rests: bool) {
        let call = self.call.deadline().map(|(at, _): (At, Timer)| at.ms());
        let keeping = self.keeping.as_ref().map(Keeping::next_due);
        let listening = self.listening.next_due();
        let next = [call, self.speaking.next_due(), keeping, listening]
            .into_iter()
            .flatten()
            .min();
        self.due = next;
        let next = next.unwrap_or(u64::from(u32::MAX));
        let next = if rests {
            next.min(self.rests_until)
        } else {
            next
        };
        let at = self.began + Duration::from_millis(next);
        if sleep.deadline() != at {
            sleep.reset(at);
        }
    }

    fn streamed(&mut self, event: SttEvent) {
        let now = self.now();
        if let Some(vendor) = self.listening.taken_over() {
            self.taken_over(Stage::Ears, vendor);
        }
        self.listening.streamed(now, event);
        self.drive_listening();
    }

    /// What the ear has found, and, while silence may still agree to something, how far it has listened.
    fn drive_listening(&mut self) {
        if let Some(cause) = self.listening.stepped_down() {
            self.stepped_down(cause);
        }
        while let Some(event) = self.listening.next_event() {
            self.drive(Some(event));
        }
        if !self.call.consent_decided() {
            let until = self.listening.judged();
            self.drive(Some(Event::Judged { until }));
        }
    }

    /// Gives the journal what is due.
    fn keep(&mut self) {
        let now = self.now();
        let failure = self
            .keeping
            .as_mut()
            .and_then(|keeping| keeping.write(now, &mut self.speaking));
        self.unstored(failure);
    }

    fn keep_the_rest(&mut self) {
        let now = self.now();
        self.speaking.drop_rest(now.ms());
        let Some(keeping) = self.keeping.take() else {
            return;
        };
        let kept = keeping.finish(now, &mut self.speaking);
        if let Some(matters) = &self.matters {
            matters.kept(kept.caller_ms, kept.is_recorded);
        }
        self.unstored(kept.failure);
    }

    /// The recording stops where it cannot be stored; the conversation does not.
    fn unstored(&mut self, failure: Option<JournalFailure>) {
        let Some(failure) = failure else {
            return;
        };
        tracing::error!(%failure, "the recording of this call stops");
        if let Some(matters) = &self.matters {
            matters.unstored(failure, self.now());
        }
    }

    fn told(&mut self, word: Word) {
        let control = match word {
            Word::Control(control) => control,
            Word::Draining => {
                return self.drive(Some(Event::EndAsked {
                    reason: EndReason::Draining,
                }));
            }
        };
        let event = match control {
            Control::HangUp => Event::EndAsked {
                reason: EndReason::Asked,
            },
            Control::Say { text } => {
                self.drive(Some(Event::SayAsked { text }));
                return self.tell_full();
            }
            Control::Context { text } => return self.thinking.told(text),
            Control::CarrierHeard { told } => return self.carrier_heard(told),
            Control::Mute => Event::Muted { on: true },
            Control::Unmute => Event::Muted { on: false },
        };
        self.drive(Some(event));
    }

    /// Lets those outside know whether one more sentence would be said.
    fn tell_full(&self) {
        self.outside.tell_full(self.call.takes_no_say());
    }

    /// Another provider does the work of a stage from now on.
    fn taken_over(&mut self, stage: Stage, vendor: &'static str) {
        let at = self.now();
        self.note(Note::TakenOver { stage, vendor, at });
        self.tell_staff();
    }

    /// Tells the call who works for it.
    fn tell_staff(&mut self) {
        let staff = Arc::new(Staff {
            profile: self.listening.profile(),
            recogniser: self.listening.provider(),
            model: self.thinking.provider(),
            voice: self.speaking.provider(),
        });
        let now = self.now();
        self.call
            .handle(now, Event::Staffed { staff }, &mut self.actions);
        self.perform_all();
    }

    /// Our own models do not judge the call's turns from now on, or for a while.
    fn stepped_down(&mut self, cause: StepDown) {
        let at = self.now();
        self.note(Note::SteppedDown { cause, at });
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Heard(heard) => {
                let now = self.now();
                self.listening.done(now, heard, &self.jobs);
                self.drive_listening();
            }
        }
    }

    fn voiced(&mut self) {
        self.speaking.take_in(self.now().ms());
        self.drive(None);
    }

    /// Puts an event to the call, or only wakes it, and does what follows from that until nothing more does.
    fn drive(&mut self, event: Option<Event>) {
        self.put(event);
        let on = self.call.wants_tones();
        self.listening.ear().listen_for_tones(on);
    }

    fn put(&mut self, event: Option<Event>) {
        let now = self.now();
        match event {
            Some(event) => self.call.handle(now, event, &mut self.actions),
            None => self.call.tick(now, &mut self.actions),
        }
        self.perform_all();
        loop {
            let now_ms = self.now().ms();
            self.speaking
                .poll(now_ms, &mut self.line, self.listening.ear());
            if let Some(vendor) = self.speaking.taken_over() {
                self.taken_over(Stage::Voice, vendor);
            }
            let Some(event) = self
                .speaking
                .next_event()
                .or_else(|| self.follow_up.pop_front())
            else {
                break;
            };
            self.call.handle(self.now(), event, &mut self.actions);
            self.perform_all();
        }
    }

    fn perform_all(&mut self) {
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            self.perform(action);
        }
        self.actions = actions;
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Think { reply, ask } => self.thinking.think(reply, ask),
            Action::CancelThink { reply } => self.thinking.cancel(reply),
            Action::Commit { reply } => self.thinking.commit(reply),
            Action::Prepare { text, .. } => self.speaking.prepare(text),
            Action::Say {
                reply,
                clause,
                text,
            } => self.speaking.say(reply, clause, text),
            Action::Fill {
                reply,
                clause,
                text,
            } => self.speaking.fill(reply, clause, text),
            Action::Press {
                reply,
                clause,
                keys,
            } => self.speaking.press(reply, clause, &keys),
            Action::KeysDone { id, done } => self.tooling.keys_done(id, done),
            Action::SayRecorded { reply, clause } => self.speaking.say_recorded(reply, clause),
            Action::EndSay { reply } => self.speaking.end(reply),
            Action::Pause { reply } => {
                let position = self.speaking.pause(self.now().ms());
                self.follow_up.push_back(Event::Paused { reply, position });
            }
            Action::Resume { .. } => self.speaking.resume(),
            Action::Drop { .. } => self.speaking.drop_rest(self.now().ms()),
            Action::UseTool {
                id,
                tool,
                arguments,
            } => {
                let now = self.now();
                if let Some(work) = self.tooling.begin(id, tool, arguments, now) {
                    self.follow_up.push_back(Event::KeysWanted { id, work });
                }
            }
            Action::PutThrough { id } => {
                self.line_closed = CancellationToken::new();
                self.tooling.put_through(id, self.line_closed.clone());
            }
            Action::GoOn { reply, results } => self.thinking.go_on(reply, results),
            Action::Note(note) => self.note(note),
            Action::HangUp { .. } => {}
        }
    }

    fn thought(&mut self, reply: trunkline_core::call::ReplyId, thought: crate::think::Thought) {
        match thinking::event(reply, thought) {
            Ok(event) => self.drive(Some(event)),
            Err(vendor) => self.taken_over(Stage::Mind, vendor),
        }
    }
}
