//! What the three faces of a call's model share: answers asked for and made, and what the connection knows as sound.

mod state;
mod voice;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use metrics::counter;
use tokio::sync::Notify;
use trunkline_core::call::Provider;
use trunkline_core::cost::SpokenTokens;
use trunkline_core::wire::link::{Sent, Trouble, TroubleKind};
use trunkline_core::wire::openai::{ToolCall, ToolSpec};
use trunkline_core::wire::realtime::{About, Answer, Outcome, Realtime, RealtimeEvent, Turn};

use super::END_CALL;
use super::making::{Making, Phase};
use crate::clock;
use crate::metering::Meter;
use crate::providers::hop::Hop;
use crate::think::Thought;
use state::{Order, State};

/// Something that a connection has as sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Which connection.
    connection: u32,
    /// The vendor's id of it.
    item: String,
}

/// What an answer waits for.
pub struct Waits {
    /// What it has said so far, as sound.
    pub held: Option<Held>,
    /// The same in words; empty if it has said nothing.
    pub text: String,
    /// What it wants done.
    pub calls: Vec<ToolCall>,
    /// It ends the call, by this use of the tool for it.
    pub leave: Option<ToolCall>,
    /// The connection that knows of it.
    pub connection: u32,
}

/// A call's conversation with a model that hears and speaks. All of it may be used from anywhere at any time; nothing waits.
pub struct Talk {
    state: Mutex<State>,
    wake: Arc<Notify>,
    hop: Hop,
}

impl Talk {
    pub(super) fn new(hop: Hop) -> Self {
        Self {
            state: Mutex::new(State::new()),
            wake: Arc::new(Notify::new()),
            hop,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    /// Who is talked to, and by which model.
    pub fn served_by(&self) -> Provider {
        self.hop.served_by()
    }

    /// There is a connection.
    pub fn is_open(&self) -> bool {
        self.state().is_open
    }

    /// What the model may call besides the end of the call, and where its tokens count, from now on.
    pub fn serves(&self, tools: Vec<ToolSpec>, meter: Meter) {
        let mut state = self.state();
        (state.tools, state.offered, state.meter) = (tools, None, meter);
        drop(state);
        self.wake.notify_one();
    }

    // The mind's side.

    /// Asks for an answer to this conversation, once those before it are over; its number. It may go on with another, whose
    /// sound is still wanted.
    pub fn ask(&self, instructions: String, conversation: Vec<Turn>, goes_on: Option<u64>) -> u64 {
        let ask = self.state().ask(instructions, conversation, goes_on);
        self.wake.notify_one();
        ask
    }

    /// What an answer has said and wants done, once it waits for that.
    pub fn waits(&self, ask: u64) -> Option<Waits> {
        let mut state = self.state();
        let making = state.making(ask)?;
        let held = match (&making.item, making.is_odd) {
            (Some((item, _)), false) => Some(Held {
                connection: making.connection,
                item: item.clone(),
            }),
            (None, _) | (_, true) => None,
        };
        Some(Waits {
            held,
            text: making.text.clone(),
            calls: std::mem::take(&mut making.calls),
            leave: making.leave.take(),
            connection: making.connection,
        })
    }

    /// What came of something that an answer wanted done.
    pub fn returned(&self, connection: u32, call: &ToolCall, output: &str) {
        let (call, output) = (call.id.clone(), output.to_owned());
        self.state()
            .order(connection, Order::ToolAnswered { call, output });
        self.wake.notify_one();
    }

    /// The next thought of an answer.
    pub fn poll_thought(&self, ask: u64, cx: &mut Context<'_>) -> Poll<Thought> {
        let mut state = self.state();
        let Some(making) = state.making(ask) else {
            return Poll::Ready(Thought::Failed);
        };
        match making.thought() {
            Some(thought) => Poll::Ready(thought),
            None => {
                making.wakes(cx.waker());
                Poll::Pending
            }
        }
    }

    /// An answer did not come in time, or stopped coming: the connection is not trusted with another.
    pub fn is_late(&self, ask: u64) {
        let mut state = self.state();
        let is_open = state.is_open;
        let Some(making) = state.making(ask).filter(|making| making.is_open()) else {
            return;
        };
        making.breaks();
        state.is_stuck |= is_open;
        drop(state);
        self.hop
            .met(&Trouble::new(TroubleKind::Server, "no answer in time"));
        self.wake.notify_one();
    }

    /// An answer is not wanted any more. What of it was not heard at all is forgotten.
    pub fn cancel(&self, ask: u64) {
        self.state().cancel(ask);
        self.wake.notify_one();
    }

    /// The caller cut an answer: what of it they did not hear is forgotten, and no more of it made. What they heard, as sound.
    pub fn cut(&self, ask: u64) -> Option<Held> {
        let mut state = self.state();
        state.cancel(ask);
        let making = state.making(ask).filter(|making| !making.is_odd)?;
        let heard_ms = making.heard_ms.min(making.spoken.audio_ms());
        let ((item, content), connection) = (making.item.clone()?, making.connection);
        let order = Order::Truncate {
            ask,
            item: item.clone(),
            content,
            heard_ms,
        };
        state.order(connection, order);
        drop(state);
        self.wake.notify_one();
        Some(Held { connection, item })
    }

    /// An answer as sound, if it was heard whole.
    pub fn whole(&self, ask: u64) -> Option<Held> {
        let mut state = self.state();
        let making = state.making(ask).filter(|making| !making.is_odd)?;
        let connection = making.connection;
        let (item, _) = making.item.clone()?;
        Some(Held { connection, item })
    }

    /// What the caller said in these words, as sound, if the connection has it; once.
    pub fn take_item(&self, words: &str) -> Option<Held> {
        let mut state = self.state();
        let at = state
            .items
            .iter()
            .position(|(_, text)| text == words.trim())?;
        let (item, _) = state.items.remove(at)?;
        let connection = state.connection;
        Some(Held { connection, item })
    }

    /// Has the connection forget something.
    pub fn forget(&self, held: Held) {
        let Held { connection, item } = held;
        self.state().order(connection, Order::Delete { item });
        self.wake.notify_one();
    }

    /// A turn as the connection has it, if it does.
    pub fn turn(&self, held: &Held) -> Option<Turn> {
        let state = self.state();
        let is_odd = |making: &Making| {
            making.is_odd
                && making
                    .item
                    .as_ref()
                    .is_some_and(|(item, _)| *item == held.item)
        };
        let is_there = held.connection == state.connection && state.is_open;
        (is_there && !state.answers.iter().any(is_odd)).then(|| Turn::Item(held.item.clone()))
    }

    // The connection's side.

    /// Somebody begins to connect: the number of the connection.
    pub(super) fn connecting(&self) -> u32 {
        self.state().connecting()
    }

    pub(super) fn opened(&self, connection: u32) {
        let mut state = self.state();
        state.is_open |= connection == state.connection;
    }

    pub(super) fn disconnected(&self, connection: u32) {
        let mut state = self.state();
        if connection != state.connection {
            return;
        }
        state.is_open = false;
        for making in state.answers.iter_mut().filter(|making| making.is_busy()) {
            making.breaks();
        }
    }

    /// What the caller said in an item; nothing, if it was no words.
    pub(super) fn heard_item(&self, connection: u32, item: &str, words: &str) {
        let mut state = self.state();
        state.unheard = 0;
        if words.is_empty() {
            let item = item.to_owned();
            return state.order(connection, Order::Delete { item });
        }
        state.keep_item(item, words);
    }

    /// An item was not written down; how many in a row.
    pub(super) fn unheard(&self) -> u32 {
        let mut state = self.state();
        state.unheard += 1;
        state.unheard
    }

    /// Writes what is to be sent. What came of it if the connection is to be given up.
    pub(super) fn send(
        &self,
        connection: u32,
        wire: &Realtime,
        out: &mut Vec<Sent>,
    ) -> Option<Trouble> {
        let mut state = self.state();
        if state.is_stuck {
            state.is_stuck = false;
            return Some(Trouble::new(TroubleKind::Server, "no answer in time"));
        }
        let is_news = !state.tools.is_empty() && state.offered != Some(connection);
        if is_news && connection == state.connection {
            state.offered = Some(connection);
            wire.offer(&state.tools, out);
        }
        for (of, order) in std::mem::take(&mut state.orders) {
            if of != connection {
                continue;
            }
            match order {
                Order::Cancel { response } => wire.cancel(&response, out),
                Order::Truncate {
                    ask,
                    item,
                    content,
                    heard_ms,
                } => {
                    wire.truncate(ask, &item, content, heard_ms, out);
                }
                Order::Delete { item } => wire.delete(&item, out),
                Order::ToolAnswered { call, output } => wire.tool_answered(&call, &output, out),
            }
        }
        if state.answers.iter().any(Making::is_busy) {
            return None;
        }
        let next = state
            .answers
            .iter_mut()
            .find(|making| making.phase == Phase::Waiting);
        if let Some(making) = next {
            making.phase = Phase::Asked;
            making.connection = connection;
            making.asked_at = clock::timer_now();
            let conversation = std::mem::take(&mut making.conversation);
            let answer = Answer {
                ask: making.ask,
                instructions: &making.instructions,
                conversation: &conversation,
            };
            wire.answer(&answer, out);
        }
        None
    }

    /// Takes in what came of answers.
    pub(super) fn took(&self, connection: u32, event: RealtimeEvent) {
        let mut state = self.state();
        match event {
            RealtimeEvent::Answering { response, ask } => {
                state.answering(connection, response, ask)
            }
            RealtimeEvent::Words { response, delta } => {
                if let Some(making) = state.going(&response) {
                    making.begins();
                    making.words(&delta);
                }
            }
            RealtimeEvent::WordsEnded { response } => {
                if let Some(making) = state.going(&response) {
                    making.words_ended();
                }
            }
            RealtimeEvent::Audio {
                response,
                item,
                content,
                mulaw,
            } => {
                let is_full = state.is_full(mulaw.len());
                if let Some(making) = state.going(&response) {
                    if is_full {
                        making.breaks();
                        return;
                    }
                    if making.spoken.audio_ms() == 0 {
                        let after = clock::timer_now().saturating_duration_since(making.asked_at);
                        self.hop.first_result(after);
                    }
                    making.begins();
                    making.audio(&item, content, &mulaw);
                }
            }
            RealtimeEvent::AudioEnded { response } => {
                if let Some(making) = state.going(&response) {
                    making.spoken.audio_ended();
                }
            }
            RealtimeEvent::Calling { response } => {
                if let Some(making) = state.going(&response) {
                    making.is_calling();
                }
            }
            RealtimeEvent::Called {
                response,
                call,
                name,
                arguments,
            } => {
                if let Some(making) = state.going(&response) {
                    making.begins();
                    let is_leave = name == END_CALL;
                    let call = ToolCall {
                        id: call,
                        name,
                        arguments,
                    };
                    match is_leave {
                        true => making.leave = Some(call),
                        false => making.calls(call),
                    }
                }
            }
            RealtimeEvent::Answered {
                response,
                outcome,
                tokens,
            } => {
                self.count(&state.meter, tokens.unwrap_or_default());
                if let Outcome::Failed(trouble) = &outcome {
                    tracing::warn!(provider = self.hop.provider, %trouble, "an answer failed");
                    self.hop.met(trouble);
                }
                state.answered(&response, &outcome);
            }
            RealtimeEvent::Trouble { trouble, about, .. } => {
                tracing::info!(provider = self.hop.provider, %trouble, "a request was refused");
                match about {
                    About::Answer(ask) => {
                        if let Some(making) = state.making(ask) {
                            making.breaks();
                        }
                    }
                    About::Truncation(ask) => {
                        if let Some(making) = state.making(ask) {
                            making.is_odd = true;
                        }
                    }
                    About::Tools => self.tools_refused(connection, &mut state, &trouble),
                    About::Session | About::Other => {}
                }
            }
            RealtimeEvent::Ready
            | RealtimeEvent::SpeechStarted { .. }
            | RealtimeEvent::SpeechStopped { .. }
            | RealtimeEvent::Hears { .. }
            | RealtimeEvent::Heard { .. }
            | RealtimeEvent::Unheard { .. }
            | RealtimeEvent::Truncated { .. } => {}
        }
        drop(state);
        // The end of one answer may be the beginning of the next, and orders may have come of it.
        self.wake.notify_one();
    }

    /// The vendor does not know what may be called: the model does without, and the operator is told, once per connection.
    fn tools_refused(&self, connection: u32, state: &mut State, trouble: &Trouble) {
        if state.refused.replace(connection) == Some(connection) {
            return;
        }
        let tools = state.tools.len();
        tracing::warn!(provider = self.hop.provider, %trouble, tools, "the model cannot use its tools: the vendor refuses them");
    }

    fn count(&self, meter: &Meter, tokens: SpokenTokens) {
        meter.spoke(&self.served_by(), tokens);
        let SpokenTokens { text, audio } = tokens;
        let (read, written) = (text.read + audio.read, text.written + audio.written);
        for (kind, count) in [("read", read), ("written", written)] {
            counter!("trunkline_realtime_tokens_total", "provider" => self.hop.provider, "kind" => kind)
                .increment(count);
        }
    }
}
