//! A model that hears and speaks, as the mind of one call: what it is asked, and who answers when it does not.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use tokio::time::{Instant, timeout_at};
use trunkline_core::call::{Ask, Note, Provider, ReplyId};
use trunkline_core::wire::realtime::Turn;

use super::Thought;
use super::briefing::{self, Briefing};
use super::chat::ChatMind;
use super::chat::history::History;
use crate::clock;
use crate::providers::{Held, Talk};

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

/// Which answer a reply is.
struct Reply {
    id: ReplyId,
    ask: u64,
    /// The caller has heard some of it, or something else in its place: as sound it is not the whole.
    is_noted: bool,
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
        let mut turns = self.history.turns(&self.talk);
        turns.extend(self.briefing.told().map(Turn::System));
        turns.extend(briefing::unspoken(&ask).map(|text| Turn::User(text.into())));
        if let Ask::Answer { guessed, .. } = ask
            && !guessed.is_empty()
        {
            turns.push(Turn::User(guessed));
        }
        let is_brief = spare.is_some() && !self.talk.is_open();
        let patience = if is_brief { UNCONNECTED } else { self.first };
        let number = self.talk.ask(self.briefing.instructions.clone(), turns);
        if self.replies.len() >= REPLIES_MAX {
            self.replies.pop_front();
        }
        self.replies.push_back(Reply {
            id: reply,
            ask: number,
            is_noted: false,
        });
        let answering = Answering {
            talk: Arc::clone(&self.talk),
            ask: number,
            due: clock::timer_now() + patience,
            has_said: false,
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

    /// What the spare wanted has been done.
    pub(super) fn go_on(&mut self, reply: ReplyId, results: Vec<Arc<str>>) {
        if let Some((spare, _)) = &mut self.spare {
            spare.go_on(reply, results);
        }
    }

    pub(super) fn forget(&mut self, reply: ReplyId) {
        if let Some((spare, _)) = &mut self.spare {
            spare.forget(reply);
        }
        if let Some(reply) = self.replies.iter().find(|known| known.id == reply) {
            self.talk.cancel(reply.ask);
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
                let held = match cut {
                    true => self.talk.cut(reply.ask),
                    false => self.talk.whole(reply.ask),
                };
                held.filter(|_| is_first)
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

/// An answer as it comes, or that of whoever answers in its place.
struct Answering {
    talk: Arc<Talk>,
    ask: u64,
    due: Instant,
    has_said: bool,
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
        let thought =
            timeout_at(self.due, poll_fn(|cx| self.talk.poll_thought(self.ask, cx))).await;
        self.due = clock::timer_now() + BETWEEN;
        match thought {
            Ok(Thought::Failed) => Some(self.failed()),
            Err(_) => {
                self.talk.is_late(self.ask);
                Some(self.failed())
            }
            Ok(thought) => {
                self.has_said |= matches!(thought, Thought::Said(_));
                self.is_over = matches!(thought, Thought::Done { .. });
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
