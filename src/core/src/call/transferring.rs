//! Putting the caller through to a person.
//!
//! The shell does it, for a use of a tool: it calls the person, who may decline, not be there, or be a machine. Meanwhile the
//! conversation goes on, and a silence is bridged by words that belong to the waiting. Once the person is there, the call says
//! its last words and hands the line over ([`Action::PutThrough`]). From then on until the shell says how it ended, the mind is
//! asked nothing, and the shell does not tell of a line that closes; if it failed, the conversation goes on, and the mind knows
//! of it by the result of the tool.

use std::sync::Arc;

use super::Call;
use super::action::{Action, Note};
use super::event::EndReason;
use super::reply::{Fate, Mind, Origin, Reply};
use super::tooling::{Outcome, UseId};

/// How the caller gets to the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferKind {
    /// The caller is sent to them, and hears it ring.
    Cold,
    /// They are called first, hear what it is about, and accept.
    Warm,
}

impl TransferKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Cold, Self::Warm];

    /// As events, metrics and the API write it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Warm => "warm",
        }
    }
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferEnd {
    /// The caller was put through: the call is over here.
    PutThrough,
    /// It was not tried: the number may not be called, or too much was asked for.
    Refused,
    /// The person declined.
    Declined,
    /// The person answered and pressed no key.
    Unconfirmed,
    /// A machine answered.
    Machine,
    /// Nobody answered.
    NoAnswer,
    /// The line was busy.
    Busy,
    /// The person could not be connected.
    Unreachable,
    /// The person hung up before the caller was put through.
    HungUp,
    /// The carrier did not do it, or we could not.
    Failed,
    /// The caller was gone before.
    CallerGone,
}

impl TransferEnd {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::PutThrough,
        Self::Refused,
        Self::Declined,
        Self::Unconfirmed,
        Self::Machine,
        Self::NoAnswer,
        Self::Busy,
        Self::Unreachable,
        Self::HungUp,
        Self::Failed,
        Self::CallerGone,
    ];

    /// As events, metrics, results and the API write it.
    pub fn code(self) -> &'static str {
        match self {
            Self::PutThrough => "put_through",
            Self::Refused => "refused",
            Self::Declined => "declined",
            Self::Unconfirmed => "unconfirmed",
            Self::Machine => "machine",
            Self::NoAnswer => "no_answer",
            Self::Busy => "busy",
            Self::Unreachable => "unreachable",
            Self::HungUp => "hung_up",
            Self::Failed => "failed",
            Self::CallerGone => "caller_gone",
        }
    }

    /// How the tool ended by which it was wanted.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::PutThrough => Outcome::Done,
            Self::Refused => Outcome::Refused,
            Self::Declined
            | Self::Unconfirmed
            | Self::Machine
            | Self::NoAnswer
            | Self::Busy
            | Self::Unreachable
            | Self::HungUp
            | Self::Failed
            | Self::CallerGone => Outcome::Failed,
        }
    }
}

/// How a transfer goes, as the shell tells it.
#[derive(Clone, Debug, PartialEq)]
pub enum TransferNews {
    /// The person is being called.
    Begun {
        /// How the caller is to get to them.
        kind: TransferKind,
        /// Said in turn to a caller who waits in silence.
        hold: Arc<[Arc<str>]>,
    },
    /// The caller may be put through. Answered by [`Action::PutThrough`] once they have heard this.
    Ready {
        /// How the caller gets to the person.
        kind: TransferKind,
        /// The last words before it.
        words: Arc<str>,
    },
    /// It is over.
    Ended {
        /// How the caller was to get to the person.
        kind: TransferKind,
        /// What became of it.
        end: TransferEnd,
        /// What the mind gets of it.
        result: Arc<str>,
    },
}

/// A transfer that goes on.
#[derive(Clone, Debug)]
pub(super) struct Transfer {
    id: UseId,
    hold: Arc<[Arc<str>]>,
    /// So many words were said to the waiting caller.
    held: usize,
    stage: Stage,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// The person is called, and the conversation goes on.
    Calling,
    /// These words are to be said.
    Ready(Arc<str>),
    /// They are being said.
    Saying,
    /// The line is somebody else's to lead.
    Away,
}

impl Call {
    /// The shell tells how a transfer goes.
    pub(super) fn transfer_told(&mut self, id: UseId, news: TransferNews, out: &mut Vec<Action>) {
        if !self.is_used(id) {
            return;
        }
        match news {
            TransferNews::Begun { kind, hold } => {
                if self.transfer.is_none() {
                    self.transfer_begun(id, kind, hold, out);
                }
            }
            TransferNews::Ready { kind, words } => {
                if self.transfer.is_none() {
                    self.transfer_begun(id, kind, Arc::default(), out);
                }
                if let Some(transfer) = self.transfer.as_mut().filter(|t| t.id == id)
                    && transfer.stage == Stage::Calling
                {
                    transfer.stage = Stage::Ready(words);
                    self.cancel_draft(out);
                }
            }
            TransferNews::Ended { kind, end, result } => {
                self.transfer_ended(id, kind, end, result, out);
            }
        }
    }

    fn transfer_begun(
        &mut self,
        id: UseId,
        kind: TransferKind,
        hold: Arc<[Arc<str>]>,
        out: &mut Vec<Action>,
    ) {
        self.transfer = Some(Transfer {
            id,
            hold,
            held: 0,
            stage: Stage::Calling,
        });
        out.push(Action::Note(Note::Transfer {
            kind,
            end: None,
            at: self.now,
        }));
    }

    fn transfer_ended(
        &mut self,
        id: UseId,
        kind: TransferKind,
        end: TransferEnd,
        result: Arc<str>,
        out: &mut Vec<Action>,
    ) {
        out.push(Action::Note(Note::Transfer {
            kind,
            end: Some(end),
            at: self.now,
        }));
        self.tool_used(id, end.outcome(), result, out);
        let reason = match end {
            TransferEnd::PutThrough => EndReason::Transferred,
            TransferEnd::CallerGone => EndReason::CallerHungUp,
            TransferEnd::Refused
            | TransferEnd::Declined
            | TransferEnd::Unconfirmed
            | TransferEnd::Machine
            | TransferEnd::NoAnswer
            | TransferEnd::Busy
            | TransferEnd::Unreachable
            | TransferEnd::HungUp
            | TransferEnd::Failed => return,
        };
        self.line_closed(reason, out);
        out.push(Action::HangUp { reason });
    }

    /// The use of this id is over, and with it the transfer that it brought about.
    pub(super) fn transfer_over(&mut self, id: UseId) {
        if self.transfer.take_if(|t| t.id == id).is_none() {
            return;
        }
        // What was to be said before it must not be said after it.
        let is_early = |r: &&mut Reply| r.origin == Origin::Transfer;
        if let Some(reply) = self.speaking.as_mut().filter(is_early) {
            reply.fate = Fate::Drop;
        }
        self.idle_since = self.now;
    }

    /// The caller is about to be put through, or is: no mind has anything to say to them.
    pub(super) fn is_leaving(&self) -> bool {
        let stage = self.transfer.as_ref().map(|t| &t.stage);
        stage.is_some_and(|stage| *stage != Stage::Calling)
    }

    /// The line was handed over.
    pub fn is_away(&self) -> bool {
        let stage = self.transfer.as_ref().map(|t| &t.stage);
        stage == Some(&Stage::Away)
    }

    /// What is being said makes way for the last words.
    pub(super) fn settle_transfer(&mut self) {
        let is_ready = |t: &Transfer| matches!(t.stage, Stage::Ready(_));
        if self.ending.is_some() || !self.transfer.as_ref().is_some_and(is_ready) {
            return;
        }
        let is_cut = |r: &&mut Reply| !r.is_protected() && r.fate == Fate::GoOn;
        if let Some(reply) = self.speaking.as_mut().filter(is_cut) {
            reply.fate = Fate::Drop;
        }
    }

    /// Says the last words before the caller is put through, if it is time for that.
    pub(super) fn say_before_transfer(&mut self, out: &mut Vec<Action>) {
        let Some(transfer) = &mut self.transfer else {
            return;
        };
        let Stage::Ready(words) = transfer.stage.clone() else {
            return;
        };
        transfer.stage = Stage::Saying;
        let mut reply = self.new_reply(Origin::Transfer, Mind::None);
        reply.push(words, true);
        self.speak(reply, out);
    }

    /// The caller has heard the last words.
    pub(super) fn put_through(&mut self, out: &mut Vec<Action>) {
        if let Some(transfer) = self
            .transfer
            .as_mut()
            .filter(|t| t.stage == Stage::Saying && self.ending.is_none())
        {
            transfer.stage = Stage::Away;
            out.push(Action::PutThrough { id: transfer.id });
        }
    }

    /// Somebody is being called: what is said to a silent caller meanwhile, if anything. `None` if nobody is.
    pub(super) fn hold_words(&mut self) -> Option<Option<Arc<str>>> {
        let transfer = self.transfer.as_mut()?;
        let count = transfer.hold.len().max(1);
        let words = transfer.hold.get(transfer.held % count).cloned();
        transfer.held += 1;
        Some(words)
    }
}
