//! Who thinks for an agent: a scripted flow, or a language model.

mod briefing;
mod chat;
mod flow;
mod realtime;

use std::sync::Arc;

use futures_util::stream::BoxStream;
use trunkline_core::call::{After, Ask, Expects, Note, Provider, ReplyId, Wanted};

pub use chat::{Answered, Bounds, Unanswered, ask_once};
pub use chat::{ChatMind, ChatSettings, Dialect, FIRST_TOKEN_MS, Model};
pub(crate) use chat::{end_call, open_ahead};
pub use flow::FlowMind;
pub use realtime::RealtimeMind;

/// The vendor of a script, in metrics and events.
pub const FLOW: &str = "flow";

/// A piece of a reply in the making.
#[derive(Clone, Debug, PartialEq)]
pub enum Thought {
    /// The first token came.
    Started,
    /// Another model is asked from here on, since the one before failed; nothing of that one's reply was given.
    TakenOver {
        /// Whose it is.
        vendor: &'static str,
    },
    /// A clause is ready to be spoken.
    Said(String),
    /// These are to be done before there is more of it; [`Mind::go_on`] tells what came of them.
    Wants(Vec<Wanted>),
    /// The reply is complete.
    Done {
        /// What follows it.
        after: After,
        /// The kind of answer it hopes for.
        expects: Expects,
    },
    /// No reply, or no more of it, will come. Retries are used up.
    Failed,
}

/// The mind of one call.
pub enum Mind {
    /// A script.
    Flow(FlowMind),
    /// A language model.
    Chat(ChatMind),
    /// A model that hears and speaks.
    Realtime(Box<RealtimeMind>),
}

impl Mind {
    /// Begins a reply. Dropping the stream ends the work for it; nothing it did holds before [`Mind::commit`].
    pub fn think(&mut self, reply: ReplyId, ask: Ask) -> BoxStream<'static, Thought> {
        match self {
            Mind::Flow(mind) => mind.think(reply, ask),
            Mind::Chat(mind) => mind.think(reply, ask),
            Mind::Realtime(mind) => mind.think(reply, ask),
        }
    }

    /// Takes over what another has been told of the conversation. A script knows nothing that it could give.
    pub fn inherit(&mut self, before: Self) {
        match (self, before) {
            (Mind::Chat(mind), Mind::Chat(before)) => mind.inherit(before),
            (Mind::Chat(mind), Mind::Realtime(before)) => before.leave_to(mind),
            (Mind::Flow(_) | Mind::Realtime(_), _) | (_, Mind::Flow(_)) => {}
        }
    }

    /// Who thinks just now.
    pub fn provider(&self) -> Provider {
        match self {
            Mind::Flow(_) => Provider::of(FLOW),
            Mind::Chat(mind) => mind.provider(),
            Mind::Realtime(mind) => mind.provider(),
        }
    }

    /// What a reply wanted has been done: a result for each, in order.
    pub fn go_on(&mut self, reply: ReplyId, results: Vec<Arc<str>>) {
        match self {
            Mind::Flow(_) => {}
            Mind::Chat(mind) => mind.go_on(reply, results),
            Mind::Realtime(mind) => mind.go_on(reply, results),
        }
    }

    /// The caller has begun to hear this reply.
    pub fn commit(&mut self, reply: ReplyId) {
        match self {
            Mind::Flow(mind) => mind.commit(reply),
            Mind::Chat(_) | Mind::Realtime(_) => {}
        }
    }

    /// The caller will never hear this reply.
    pub fn forget(&mut self, reply: ReplyId) {
        match self {
            Mind::Flow(mind) => mind.forget(reply),
            Mind::Chat(mind) => mind.forget(reply),
            Mind::Realtime(mind) => mind.forget(reply),
        }
    }

    /// An operator adds something that the mind should know from its next reply on; a script cannot know more than it does.
    pub fn told(&mut self, text: String) {
        match self {
            Mind::Flow(_) => {}
            Mind::Chat(mind) => mind.told(text),
            Mind::Realtime(mind) => mind.told(text),
        }
    }

    /// Something was said that belongs to the conversation. Before consent `is_decided` it does so only if a reply is asked
    /// for it later.
    pub fn note(&mut self, note: &Note, is_decided: bool) {
        match self {
            Mind::Flow(_) => {}
            Mind::Chat(mind) => mind.note(note, is_decided),
            Mind::Realtime(mind) => mind.note(note, is_decided),
        }
    }
}
