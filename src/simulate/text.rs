//! A conversation in words: the real call, mind and tools, and everything that is kept of it; no sound and no waiting.
//!
//! The clock is the rehearsal's. It leaps from one thing that is due to the next, and goes as the machine's does only while
//! a mind or a tool is at work elsewhere: so a flow's conversation takes no time and is the same to the millisecond, and a
//! model's is as quick as the model is. While the caller is being played it stands still.

mod colleagues;
mod keeping;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::{sleep, timeout_at};
use trunkline_core::call::{Action, Event, Note, ReplyId, UseId};
use trunkline_core::commands::Command;
use trunkline_core::journal::Step;
use trunkline_core::record;
use trunkline_core::rehearsal::Rehearsal;
use trunkline_core::time::At;

use super::Asked;
use super::caller::{Caller, Move, View};
use super::course::Course;
use super::house::House;
use super::people::People;
use super::persona::Persona;
use crate::clock;
use crate::session::thinking::{Thinking, event};
use crate::session::tooling::{AFTER_THE_CALL, Tooling};
use crate::session::{Matters, Means};
use crate::think::Thought;
use crate::tools::{Progress, Used};
use colleagues::Calling;
use keeping::Keeping;

/// Moments at which nothing came of anything, before it is clear that nothing will.
const STEPS_MAX: u32 = 1_000_000;

/// Holds the call that is asked for, and says what came of it.
pub(super) async fn hold(
    house: &House,
    asked: &Asked<'_>,
    caller: Caller,
    persona: Option<Persona>,
) -> anyhow::Result<Course> {
    let app = &house.app;
    let scenario = &asked.ready.scenario;
    let claims = house.claims(
        &asked.agent.id,
        scenario.direction,
        scenario.caller.number.as_ref(),
    )?;
    let expected = app
        .reception
        .expected(&app.desk, &claims, &claims.call_id)
        .await?;
    let call_id = claims.call_id.clone();
    let arrival = app
        .reception
        .receive(&app.desk, &claims, expected, &call_id, None)
        .await?;
    let ledger = arrival.ledger.clone();
    let stack = app
        .stacks
        .for_call(&app.desk, arrival.keys.as_ref(), &arrival.agent, None)
        .await?;
    let means = app.means(&claims, &call_id, arrival, stack, &scenario.context, None)?;
    let play = Play::new(means, asked, caller, persona);
    let mut course = play.hold().await?;
    if let (Some(ledger), Some(ended)) = (ledger, course.ended) {
        ledger.over(record::reason(ended)).await;
        ledger.settled().await;
    }
    (course.call, course.transcript) = house.stored(&call_id, asked.looks_after()).await?;
    Ok(course)
}

/// A use that begins later, so that its tool takes as long as it is to take.
struct Later {
    at: At,
    id: UseId,
    tool: Arc<str>,
    arguments: Arc<str>,
    wanted_at: At,
}

/// What the shell was waiting for.
enum News {
    Thought(Option<(ReplyId, Thought)>),
    Used(Option<(UseId, Progress)>),
    Time,
}

struct Play<'a> {
    rehearsal: Rehearsal,
    thinking: Thinking,
    tooling: Tooling,
    later: Vec<Later>,
    calling: Calling,
    keeping: Option<Keeping>,
    matters: Option<Box<dyn Matters>>,
    course: Course,
    caller: Caller,
    persona: Option<Persona>,
    asked: &'a Asked<'a>,
    out: Vec<Action>,
}

impl<'a> Play<'a> {
    fn new(means: Means, asked: &'a Asked<'a>, caller: Caller, persona: Option<Persona>) -> Self {
        Self {
            rehearsal: Rehearsal::new(means.settings, means.speed),
            thinking: Thinking::new(means.mind),
            tooling: Tooling::new(means.tools),
            later: Vec::new(),
            calling: Calling::new(People::of(&asked.ready.scenario.people)),
            keeping: means.keep.map(Keeping::new),
            matters: means.matters,
            course: Course::default(),
            caller,
            persona,
            asked,
            out: Vec::new(),
        }
    }

    async fn hold(mut self) -> anyhow::Result<Course> {
        self.rehearsal.answered(&mut self.out);
        let end = At::from_ms(u64::from(self.asked.ready.scenario.max_seconds) * 1_000);
        let mut steps = 0;
        loop {
            self.work();
            if self.rehearsal.call().is_ended() {
                break;
            }
            steps += 1;
            anyhow::ensure!(steps < STEPS_MAX, "the conversation does not get on");
            if self.take_in_at_once() {
                continue;
            }
            if self.rehearsal.now() >= end {
                self.course.is_late = true;
                self.rehearsal.hang_up(&mut self.out);
                continue;
            }
            let is_working = self.is_working();
            let view = view(&self.rehearsal, &self.course, is_working);
            let wake = match self.caller.poll(&view) {
                Move::Wait(until) => until,
                deed @ (Move::Say(_) | Move::Press(_) | Move::HangUp | Move::Ask) => {
                    self.does(deed).await?;
                    continue;
                }
            };
            self.wait(wake, end).await;
        }
        self.caller.cut_short();
        self.finish().await;
        Ok(self.course)
    }

    /// Does what the call wants done, and what comes of that.
    fn work(&mut self) {
        while !self.out.is_empty() {
            for action in std::mem::take(&mut self.out) {
                self.perform(action);
            }
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Think { reply, ask } => self.thinking.think(reply, ask),
            Action::CancelThink { reply } => self.thinking.cancel(reply),
            Action::Commit { reply } => self.thinking.commit(reply),
            Action::GoOn { reply, results } => self.thinking.go_on(reply, results),
            Action::UseTool {
                id,
                tool,
                arguments,
            } => self.use_tool(id, tool, arguments),
            Action::Note(note) => self.note(&note),
            Action::KeysDone { id, done } => self.tooling.keys_done(id, done),
            Action::PutThrough { id } => self.put_through(id),
            // What belongs to the line and the voice was done by the rehearsal.
            Action::HangUp { .. }
            | Action::Prepare { .. }
            | Action::Say { .. }
            | Action::Fill { .. }
            | Action::SayRecorded { .. }
            | Action::Press { .. }
            | Action::EndSay { .. }
            | Action::Pause { .. }
            | Action::Resume { .. }
            | Action::Drop { .. } => {}
        }
    }

    fn use_tool(&mut self, id: UseId, tool: Arc<str>, arguments: Arc<str>) {
        let now = self.rehearsal.now();
        let answer = self.asked.ready.scenario.tools.get(&*tool);
        match answer.map_or(0, |answer| answer.after_ms) {
            0 => self.begin(id, tool, arguments, now),
            ms => self.later.push(Later {
                at: At::from_ms(now.ms() + ms),
                id,
                tool,
                arguments,
                wanted_at: now,
            }),
        }
    }

    /// Begins a use, which may want the caller to press keys first.
    fn begin(&mut self, id: UseId, tool: Arc<str>, arguments: Arc<str>, from: At) {
        self.calling
            .used(id, &tool, &arguments, self.rehearsal.now());
        if let Some(work) = self.tooling.begin(id, tool, arguments, from) {
            let wanted = Event::KeysWanted { id, work };
            self.rehearsal.tell(wanted, &mut self.out);
        }
    }

    fn note(&mut self, note: &Note) {
        self.course.note(note);
        let now = self.rehearsal.now();
        let call = self.rehearsal.call();
        if let Some(keeping) = &mut self.keeping {
            keeping.note(now, call.granted(), note);
        }
        self.thinking.note(note, call.consent_decided());
        let Some(matters) = &self.matters else {
            return;
        };
        if let Note::Commanded {
            command: Command::OptOut,
            ..
        } = note
        {
            matters.opted_out();
        }
        if let Note::AnsweredBy { verdict, .. } = note {
            matters.answered_by(*verdict);
        }
        if let Note::AgentSaid { from, .. } = note {
            matters.greeted(*from);
        }
        if let Note::Consent {
            step:
                Step::Withdrawn {
                    class,
                    erase,
                    from_ms,
                },
            ..
        } = note
        {
            matters.withdrawn(*class, *erase, At::from_ms(*from_ms));
        }
    }

    fn is_working(&self) -> bool {
        self.thinking.is_at_work() || self.tooling.is_at_work() || !self.later.is_empty()
    }

    /// Takes what a mind or a tool has at hand; false if they have nothing.
    fn take_in_at_once(&mut self) -> bool {
        let now = self.rehearsal.now();
        if let Some(at) = self.later.iter().position(|later| later.at <= now) {
            let later = self.later.swap_remove(at);
            self.begin(later.id, later.tool, later.arguments, later.wanted_at);
        }
        if self.news_at_hand() {
            return true;
        }
        if self.thinking.is_at_work()
            && let Some(thought) = self.thinking.next().now_or_never()
        {
            self.thought(thought);
            return true;
        }
        if self.tooling.is_at_work()
            && let Some(used) = self.tooling.next().now_or_never()
        {
            self.used(used);
            return true;
        }
        false
    }

    fn thought(&mut self, thought: Option<(ReplyId, Thought)>) {
        let Some((reply, thought)) = thought else {
            return;
        };
        // Which vendor took over is of no interest to a call without sound.
        if let Ok(event) = event(reply, thought) {
            self.rehearsal.tell(event, &mut self.out);
        }
    }

    fn used(&mut self, progress: Option<(UseId, Progress)>) {
        let Some((id, progress)) = progress else {
            return;
        };
        let Used { outcome, result } = match progress {
            Progress::Used(used) => used,
            Progress::HandOver(successor) => return self.hand_over(id, *successor),
            Progress::Transfer(news) => return self.transfer(id, news),
            Progress::Back(_) => return,
        };
        self.calling.over(id);
        self.tooling.over(id);
        let event = Event::ToolUsed {
            id,
            outcome,
            result,
        };
        self.rehearsal.tell(event, &mut self.out);
    }

    async fn does(&mut self, deed: Move) -> anyhow::Result<()> {
        match deed {
            Move::Wait(_) => {}
            Move::Say(words) => {
                let (from, until) = self.rehearsal.say(&words);
                self.course.caller_spoke.push((from.ms(), until.ms()));
                self.caller.did(until.ms());
            }
            Move::Press(keys) => {
                let until = self.rehearsal.press(&keys);
                self.caller.did(until.ms());
            }
            Move::HangUp => self.rehearsal.hang_up(&mut self.out),
            Move::Ask => {
                let persona = self.persona.as_mut();
                let persona = persona.ok_or_else(|| anyhow::anyhow!("nobody plays the caller"))?;
                let deed = persona.next(&self.course).await?;
                self.caller.decided(deed);
            }
        }
        Ok(())
    }

    /// Lets time go on to whatever is due next.
    async fn wait(&mut self, wake: Option<u64>, end: At) {
        let now = self.rehearsal.now();
        let later = self.later.iter().map(|later| later.at).min();
        let due = [
            self.rehearsal.next_due(),
            wake.map(At::from_ms),
            later,
            self.calling.next_due(),
            Some(end),
        ];
        let due = due.into_iter().flatten().min().unwrap_or(end).max(now);
        if !self.thinking.is_at_work() && !self.tooling.is_at_work() {
            return self.rehearsal.advance(due, &mut self.out);
        }
        let began = clock::timer_now();
        let news = tokio::select! {
            biased;
            thought = self.thinking.next(), if self.thinking.is_at_work() => News::Thought(thought),
            used = self.tooling.next(), if self.tooling.is_at_work() => News::Used(used),
            () = sleep(Duration::from_millis(due.since(now))) => News::Time,
        };
        let took = clock::timer_now().duration_since(began);
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let until = match news {
            News::Time => due,
            News::Thought(_) | News::Used(_) => At::from_ms(now.ms().saturating_add(took)).min(due),
        };
        self.pass(until);
        match news {
            News::Thought(thought) => self.thought(thought),
            News::Used(used) => self.used(used),
            News::Time => {}
        }
    }

    /// Lets time go on to a moment, whatever is to be done on the way.
    fn pass(&mut self, until: At) {
        loop {
            self.rehearsal.advance(until, &mut self.out);
            if self.out.is_empty() {
                return;
            }
            self.work();
            if self.rehearsal.call().is_ended() || self.rehearsal.now() >= until {
                return;
            }
        }
    }

    /// What was begun is waited for, and what is to be stored is handed over.
    async fn finish(&mut self) {
        let until = clock::timer_now() + AFTER_THE_CALL;
        let now = self.rehearsal.now();
        for later in std::mem::take(&mut self.later) {
            self.begin(later.id, later.tool, later.arguments, later.wanted_at);
        }
        self.tooling.no_more_keys();
        self.nobody_is_called();
        while let Ok(Some((id, progress))) = timeout_at(until, self.tooling.next()).await {
            let used = match progress {
                Progress::Used(used) => Some(used),
                // Nobody is left to be handed over.
                Progress::HandOver(_) => Some(Used::failed("the call was over")),
                Progress::Transfer(_) | Progress::Back(_) => None,
            };
            if let Some(note) = used.and_then(|used| self.tooling.note(id, used, now)) {
                self.note(&note);
            }
        }
        for note in self.tooling.given_up(now) {
            self.note(&note);
        }
        self.course.undone = self.caller.undone().map(str::to_owned);
        let Some(keeping) = self.keeping.take() else {
            return;
        };
        let stored = keeping.finish(now, self.rehearsal.call().granted());
        if let Some(matters) = &self.matters {
            matters.kept(stored.caller_ms(), stored.is_recorded());
        }
    }
}

fn view<'a>(rehearsal: &Rehearsal, course: &'a Course, is_working: bool) -> View<'a> {
    View {
        now_ms: rehearsal.now().ms(),
        agent_since_ms: rehearsal.agent_since().map(At::ms),
        quiet_since_ms: rehearsal.quiet_since().ms(),
        is_busy: rehearsal.caller_is_busy(),
        is_working,
        is_calling: course.is_calling,
        heard: &course.heard,
    }
}
