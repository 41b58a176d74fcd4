//! The mind at work on at most two replies, and what it is told of the conversation.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::{AbortHandle, Abortable, BoxStream, SelectAll};
use trunkline_core::call::{Ask, Event, Note, Provider, ReplyId};

use crate::think::{Mind, Thought};

pub(crate) struct Thinking {
    mind: Mind,
    thoughts: SelectAll<BoxStream<'static, (ReplyId, Thought)>>,
    running: Vec<(ReplyId, AbortHandle)>,
}

impl Thinking {
    pub(crate) fn new(mind: Mind) -> Self {
        Self {
            mind,
            thoughts: SelectAll::new(),
            running: Vec::with_capacity(2),
        }
    }

    pub(crate) fn think(&mut self, reply: ReplyId, ask: Ask) {
        let thoughts = self.mind.think(reply, ask);
        let (handle, registration) = AbortHandle::new_pair();
        self.running.push((reply, handle));
        self.thoughts.push(
            Abortable::new(thoughts.map(move |thought| (reply, thought)), registration).boxed(),
        );
    }

    pub(crate) fn cancel(&mut self, reply: ReplyId) {
        self.running.retain(|(id, handle)| {
            if *id == reply {
                handle.abort();
            }
            *id != reply
        });
        self.mind.forget(reply);
    }

    /// Another thinks from now on, and knows what was said so far.
    pub(crate) fn succeed(&mut self, mind: Mind) {
        let before = std::mem::replace(&mut self.mind, mind);
        self.mind.inherit(before);
    }

    /// Who thinks.
    pub(crate) fn provider(&self) -> Provider {
        self.mind.provider()
    }

    /// What a reply wanted has been done.
    pub(crate) fn go_on(&mut self, reply: ReplyId, results: Vec<Arc<str>>) {
        self.mind.go_on(reply, results);
    }

    pub(crate) fn commit(&mut self, reply: ReplyId) {
        self.mind.commit(reply);
    }

    pub(crate) fn told(&mut self, text: String) {
        self.mind.told(text);
    }

    pub(crate) fn note(&mut self, note: &Note, is_decided: bool) {
        self.mind.note(note, is_decided);
    }

    /// A mind thinks, or is about to be let go.
    pub(crate) fn is_at_work(&self) -> bool {
        !self.thoughts.is_empty()
    }

    /// The next thought; `None` while the mind has nothing to do.
    pub(crate) async fn next(&mut self) -> Option<(ReplyId, Thought)> {
        let (reply, thought) = self.thoughts.next().await?;
        if matches!(thought, Thought::Done { .. } | Thought::Failed) {
            self.running.retain(|(id, _)| *id != reply);
        }
        Some((reply, thought))
    }
}

/// What the call is told of a thought, or the vendor of the model that has taken over.
pub(crate) fn event(reply: ReplyId, thought: Thought) -> Result<Event, &'static str> {
    Ok(match thought {
        Thought::Started => Event::MindStarted { reply },
        Thought::TakenOver { vendor } => return Err(vendor),
        Thought::Wants(wanted) => Event::ToolsWanted { reply, wanted },
        Thought::Said(text) => Event::MindSaid { reply, text },
        Thought::Done { after, expects } => Event::MindDone {
            reply,
            after,
            expects,
        },
        Thought::Failed => Event::MindFailed { reply },
    })
}
