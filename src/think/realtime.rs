//! A model that hears and speaks, as the mind of one call: what it is asked, and who answers when it does not.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use trunkline_core::call::{After, Ask, Note, Provider, ReplyId};
use trunkline_core::wire::openai::{ToolCall, ToolSpec};
use trunkline_core::wire::realtime::Turn;

use super::Thought;
use super::briefing::{self, Briefing};
use super::chat::history::{History, Kept};
use super::chat::{ChatMind, STILL_THERE, TOOL_RULES};
use crate::clock;
use crate::metering::Meter;
use crate::providers::{Held, Talk, Waits};

/// How long an answer may take to begin, if the agent says nothing of it.
const FIRST: Duration = Duration::from_millis(2_000);
/// The same while there is no connection, and somebody else could answer.
const UNCONNECTED: Duration = Duration::from_millis(500);
/// An answer that has begun and stops for so long has failed.
const BETWEEN: Duration = Duration::from_millis(1_500);
/// Replies whose answers are remembered.
const REPLIES_MAX: usize = 4;

/// A model that hears and speaks, and the conversation.
pub struct RealtimeMind {
    talk: Arc<Talk>,
    briefing: Briefing,
    history: History,
    first: Duration,
    /// Who answers when it does not: from then on, for the rest of the call.
    spare: Option<(ChatMind, &'static str)>,
    is_spare: Arc<AtomicBool>,
    replies: VecDeque<Reply>,
}

/// Which answers a reply is: one, and another each time that something was done for it.
struct Reply {
    id: ReplyId,
    /// The first and the others, in order.
    asks: Vec<u64>,
    /// The caller has heard some of it, or something else in its place: as sound it is not the whole.
    is_noted: bool,
    /// One before the last has said something.
    has_said: bool,
    /// What the last was asked.
    conversation: Vec<Kept>,
    /// What it answers.
    about: Ask,
    /// Where it is told what it goes on with.
    rounds: mpsc::Sender<Round>,
}

/// A reply for which something was done goes on.
struct Round {
    /// With this answer.
    ask: u64,
    /// Who answers in its place knows what was done, too.
    spare: Option<BoxStream<'static, Thought>>,
    /// It had taken its leave.
    has_left: bool,
}

impl RealtimeMind {
    /// By the agent's prompt. The greeting, if any, is said instead of asking it to open. `spare` answers when it fails, and
    /// is of this vendor; `first_ms` is how long an answer may take to begin.
    pub fn new(
        talk: Arc<Talk>,
        prompt: &str,
        greeting: Option<String>,
        spare: Option<(ChatMind, &'static str)>,
        first_ms: Option<u32>,
    ) -> Self {
        Self {
            talk,
            briefing: Briefing::new(prompt, greeting),
            history: History::default(),
            first: first_ms.map_or(FIRST, |ms| Duration::from_millis(ms.into())),
            spare,
            is_spare: Arc::default(),
            replies: VecDeque::new(),
        }
    }

    /// The same, which may have something done besides ending the call, and counts what its answers cost here.
    #[must_use]
    pub fn serving(mut self, tools: Vec<ToolSpec>, meter: Meter) -> Self {
        if !tools.is_empty() {
            self.briefing.add_rule(TOOL_RULES);
        }
        self.talk.serves(tools, meter);
        self
    }

    /// Leaves what was said so far, and what operators have added, to another.
    pub(super) fn leave_to(self, mind: &mut ChatMind) {
        mind.takes_on(&self.briefing, self.history);
    }

    /// Who answers just now.
    pub(super) fn provider(&self) -> Provider {
        match &self.spare {
            Some((mind, _)) if self.is_spare.load(Ordering::Relaxed) => Provider {
                stands_in: true,
                ..mind.provider()
            },
            Some(_) | None => self.talk.served_by(),
        }
    }

    pub(super) fn told(&mut self, text: String) {
        if let Some((spare, _)) = &mut self.spare {
            spare.told(text.clone());
        }
        self.briefing.add(text);
    }

    pub(super) fn think(&mut self, reply: ReplyId, ask: Ask) -> BoxStream<'static, Thought> {
        if let Some(greeting) = self.briefing.greets(&ask) {
            return greeting;
        }
        self.history.release(briefing::words(&ask));
        let spare = self
            .spare
            .as_mut()
            .map(|(mind, vendor)| (mind.think(reply, ask.clone()), *vendor));
        let spare = match spare {
            Some((thoughts, _)) if self.is_spare.load(Ordering::Relaxed) => return thoughts,
            spare => spare,
        };
        let words = |turn| Kept { held: None, turn };
        let mut conversation = self.history.turns();
        conversation.extend(self.briefing.told().map(Turn::System).map(words));
        let unspoken = briefing::unspoken(&ask).map(|text| Turn::User(text.into()));
        conversation.extend(unspoken.map(words));
        if let Ask::Answer { guessed, .. } = &ask
            && !guessed.is_empty()
        {
            conversation.push(words(Turn::User(guessed.clone())));
        }
        let is_brief = spare.is_some() && !self.talk.is_open();
        let patience = if is_brief { UNCONNECTED } else { self.first };
        let number = self.ask(&conversation, None);
        let (rounds, next) = mpsc::channel(1);
        if self.replies.len() >= REPLIES_MAX {
            self.replies.pop_front();
        }
        self.replies.push_back(Reply {
            id: reply,
            asks: vec![number],
            is_noted: false,
            has_said: false,
            conversation,
            about: ask,
            rounds,
        });
        let answering = Answering {
            talk: Arc::clone(&self.talk),
            ask: number,
            first: self.first,
            due: clock::timer_now() + patience,
            rounds: next,
            waits: false,
            has_said: false,
            has_left: false,
            is_over: false,
            spare,
            is_spare: Arc::clone(&self.is_spare),
            instead: None,
        };
        stream::unfold(answering, |mut answering| async move {
            let thought = answering.next().await?;
            Some((thought, answering))
        })
        .boxed()
    }

    /// Asks for an answer to this conversation, which may go on with another.
    fn ask(&self, conversation: &[Kept], goes_on: Option<u64>) -> u64 {
        let turns = conversation.iter().map(|kept| kept.now(&self.talk));
        let turns = turns.collect();
        let instructions = self.briefing.instructions.clone();
        self.talk.ask(instructions, turns, goes_on)
    }

    /// What a reply wanted has been done: it is asked to go on, also if it had taken its leave, since it knew nothing of the results.
    pub(super) fn go_on(&mut self, reply: ReplyId, results: Vec<Arc<str>>) {
        if let Some((spare, _)) = &mut self.spare
            && self.is_spare.load(Ordering::Relaxed)
        {
            return spare.go_on(reply, results);
        }
        let Some(at) = self.replies.iter().position(|known| known.id == reply) else {
            return;
        };
        let of = &mut self.replies[at];
        let waits = of.asks.last().and_then(|ask| self.talk.waits(*ask));
        // One whose answer is not kept any more is not thought of either.
        let Some(waits) = waits else {
            return;
        };
        of.has_said |= !waits.text.is_empty();
        let has_left = waits.leave.is_some();
        of.conversation.extend(done(&self.talk, waits, &results));
        let (conversation, before) = (
            std::mem::take(&mut of.conversation),
            of.asks.last().copied(),
        );
        // What has begun to be said is nobody else's.
        let spared = (!of.has_said).then(|| known(&of.about));
        let ask = self.ask(&conversation, before);
        let spare = self.spare.as_mut().zip(spared).map(|((mind, _), about)| {
            mind.forget(reply);
            mind.think(reply, about)
        });
        let of = &mut self.replies[at];
        of.conversation = conversation;
        of.asks.push(ask);
        // One round waits for one answer; a reply that is not thought of any more, for none.
        let _ = of.rounds.try_send(Round {
            ask,
            spare,
            has_left,
        });
    }

    pub(super) fn forget(&mut self, reply: ReplyId) {
        if let Some((spare, _)) = &mut self.spare {
            spare.forget(reply);
        }
        if let Some(reply) = self.replies.iter().find(|known| known.id == reply) {
            reply.asks.iter().for_each(|ask| self.talk.cancel(*ask));
        }
    }

    pub(super) fn note(&mut self, note: &Note, is_decided: bool) {
        if let Some((spare, _)) = &mut self.spare {
            spare.note(note, is_decided);
        }
        let mut held = self.held(note);
        if self.history.withholds(note, is_decided)
            && let Some(held) = held.take()
        {
            self.talk.forget(held);
        }
        self.history.note_as(note, is_decided, held);
    }

    /// What the note tells of, as the connection has it.
    fn held(&mut self, note: &Note) -> Option<Held> {
        match note {
            Note::CallerSaid { text, .. } => self.talk.take_item(text),
            Note::AgentSaid {
                reply,
                cut,
                filler: false,
                ..
            } => {
                let reply = self.replies.iter_mut().find(|known| known.id == *reply)?;
                let is_first = !std::mem::replace(&mut reply.is_noted, true);
                let ask = *reply.asks.last()?;
                let held = match (cut, reply.has_said) {
                    // Where in which of its answers it was cut, words alone tell.
                    (true, true) => {
                        self.talk.cancel(ask);
                        None
                    }
                    (true, false) => self.talk.cut(ask),
                    (false, _) => self.talk.whole(ask),
                };
                held.filter(|_| is_first && !reply.has_said)
            }
            Note::Guarded { reply, .. } => {
                // Something else is said in its place.
                if let Some(reply) = self.replies.iter_mut().find(|known| known.id == *reply) {
                    reply.is_noted = true;
                }
                None
            }
            Note::AgentSaid { .. }
            | Note::CallerPressed { .. }
            | Note::Withheld { .. }
            | Note::Interrupted { .. }
            | Note::Resumed { .. }
            | Note::Commanded { .. }
            | Note::Answered { .. }
            | Note::Timed { .. }
            | Note::Consent { .. }
            | Note::StageFailed { .. }
            | Note::TakenOver { .. }
            | Note::AnsweredBy { .. }
            | Note::ToolBegun { .. }
            | Note::ToolUsed { .. }
            | Note::Transfer { .. }
            | Note::HandedOver { .. }
            | Note::SteppedDown { .. }
            | Note::Ended { .. } => None,
        }
    }
}

/// What is answered, once something was done for it: nothing that was said is a guess any more.
fn known(ask: &Ask) -> Ask {
    match ask.clone() {
        Ask::Answer { text, keys, .. } => Ask::Answer {
            text,
            keys,
            guessed: String::new(),
        },
        other @ (Ask::Open | Ask::Silence | Ask::News | Ask::HandedOver) => other,
    }
}

/// What was said and done, as an answer that goes on is told of it; the connection is told, too.
fn done(talk: &Talk, waits: Waits, results: &[Arc<str>]) -> Vec<Kept> {
    let mut turns = Vec::new();
    if !waits.text.is_empty() {
        turns.push(Kept {
            held: waits.held,
            turn: Turn::Assistant(waits.text),
        });
    }
    let outputs = results.iter().map(ToString::to_string);
    let outputs = outputs.chain(std::iter::repeat(String::new()));
    let called = waits.calls.into_iter().zip(outputs);
    let left = waits.leave.map(|leave| (leave, STILL_THERE.to_owned()));
    for (call, output) in called.chain(left) {
        talk.returned(waits.connection, &call, &output);
        let ToolCall {
            id,
            name,
            arguments,
        } = call;
        let called = Turn::Called {
            call: id.clone(),
            name,
            arguments,
        };
        let returned = Turn::Returned { call: id, output };
        turns.extend([called, returned].map(|turn| Kept { held: None, turn }));
    }
    turns
}

/// An answer as it comes, or that of whoever answers in its place.
struct Answering {
    talk: Arc<Talk>,
    ask: u64,
    /// How long an answer may take to begin.
    first: Duration,
    due: Instant,
    /// What it goes on with when something was done.
    rounds: mpsc::Receiver<Round>,
    /// It waits for that.
    waits: bool,
    has_said: bool,
    /// It has taken its leave, and said nothing since.
    has_left: bool,
    is_over: bool,
    spare: Option<(BoxStream<'static, Thought>, &'static str)>,
    is_spare: Arc<AtomicBool>,
    instead: Option<BoxStream<'static, Thought>>,
}

impl Answering {
    async fn next(&mut self) -> Option<Thought> {
        if let Some(instead) = &mut self.instead {
            return instead.next().await;
        }
        if self.is_over {
            return None;
        }
        if self.waits {
            let round = self.rounds.recv().await?;
            self.ask = round.ask;
            self.has_left |= round.has_left;
            if let (Some(spare), Some((instead, _))) = (round.spare, &mut self.spare) {
                *instead = spare;
            }
            self.waits = false;
            self.due = clock::timer_now() + self.first;
        }
        let thought =
            timeout_at(self.due, poll_fn(|cx| self.talk.poll_thought(self.ask, cx))).await;
        self.due = clock::timer_now() + BETWEEN;
        match thought {
            Ok(Thought::Failed) => Some(self.failed()),
            Err(_) => {
                self.talk.is_late(self.ask);
                Some(self.failed())
            }
            // Nothing came of it that the caller need know.
            Ok(Thought::Done { expects, .. }) if self.has_left => {
                self.is_over = true;
                let after = After::HangUp;
                Some(Thought::Done { after, expects })
            }
            Ok(thought) => {
                let has_said = matches!(thought, Thought::Said(_));
                self.has_said |= has_said;
                self.has_left &= !has_said;
                self.is_over = matches!(thought, Thought::Done { .. });
                self.waits = matches!(thought, Thought::Wants(_));
                Some(thought)
            }
        }
    }

    /// What was begun is never continued by another, who answers from the next time on.
    fn failed(&mut self) -> Thought {
        self.is_over = true;
        let Some((instead, vendor)) = self.spare.take() else {
            return Thought::Failed;
        };
        self.is_spare.store(true, Ordering::Relaxed);
        self.talk.cancel(self.ask);
        if self.has_said {
            return Thought::Failed;
        }
        self.instead = Some(instead);
        Thought::TakenOver { vendor }
    }
}
