//! What a call wants done: actions, in the imperative.

use std::sync::Arc;

use super::collecting::KeysDone;
use super::event::{EndReason, ReplyId, Stage};
use super::timing::{Staff, Timing};
use super::tooling::{Outcome, UseId};
use super::transferring::{TransferEnd, TransferKind};
use crate::admission::Why;
use crate::amd::Verdict;
use crate::commands::Command;
use crate::journal::Step;
use crate::time::At;

/// Why a call does without our own models of turns: the loudness of the line and the recogniser's words stand in for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepDown {
    /// It began so, since there was too much to do.
    Load(Why),
    /// The voice model did not answer in time.
    VoiceModel,
    /// The turn model did not answer in time.
    TurnModel,
}

impl StepDown {
    /// As metrics and events write it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Load(why) => why.code(),
            Self::VoiceModel => "voice_model",
            Self::TurnModel => "turn_model",
        }
    }
}

/// What the mind is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// To open the conversation; the notices are being said already.
    Open,
    /// To say something to a caller who is silent.
    Silence,
    /// To tell the caller of what has been done meanwhile, if they should know.
    News,
    /// To take up a conversation that another agent has led so far.
    HandedOver,
    /// To answer the caller.
    Answer {
        /// All words that no reply has answered yet. A reply that nobody heard did not answer them.
        text: String,
        /// All keys that no reply has answered yet.
        keys: String,
        /// The end of `text` of which nothing was noted yet: words that the recogniser may still change. Should it, this
        /// reply is cancelled.
        guessed: String,
    },
}

/// One thing for the shell to do. None fails at once: a failure comes back as an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Ask the mind. Until [`Action::Commit`] it may have no effect that outlives the reply.
    Think {
        /// The reply that its events must carry.
        reply: ReplyId,
        /// What is asked.
        ask: Ask,
    },
    /// Stop thinking about a reply; what the mind did for it is undone.
    CancelThink {
        /// The reply.
        reply: ReplyId,
    },
    /// Voice a clause so that it is at hand; it may never be said.
    Prepare {
        /// The draft it belongs to.
        reply: ReplyId,
        /// The words.
        text: Arc<str>,
    },
    /// Voice a clause and queue it for playing, behind what the reply has queued.
    Say {
        /// The reply.
        reply: ReplyId,
        /// Position of the clause in it.
        clause: u16,
        /// The words.
        text: Arc<str>,
    },
    /// As [`Action::Say`], with a sentence that only bridges a silence: where the voice does not have it at hand, it is
    /// passed over, and its failure told.
    Fill {
        /// The reply.
        reply: ReplyId,
        /// Position of the clause in it.
        clause: u16,
        /// The words.
        text: Arc<str>,
    },
    /// Play the tones of keys, as a clause of the reply.
    Press {
        /// The reply.
        reply: ReplyId,
        /// Position of the clause in it.
        clause: u16,
        /// Digits, `*`, `#`, `A`–`D`, and `w` for half a second of silence.
        keys: Arc<str>,
    },
    /// Play the recording that is kept for when no voice can be had.
    SayRecorded {
        /// The reply.
        reply: ReplyId,
        /// Position of the clause in it.
        clause: u16,
    },
    /// No more clauses follow in this reply.
    EndSay {
        /// The reply.
        reply: ReplyId,
    },
    /// Stop playing and keep the rest. Answered by [`Event::Paused`](super::Event::Paused).
    Pause {
        /// The reply.
        reply: ReplyId,
    },
    /// Go on playing where the caller last heard it, at a word.
    Resume {
        /// The reply.
        reply: ReplyId,
    },
    /// Forget what is queued and being voiced for a reply and has not been played. What is said again in the same breath
    /// need not be voiced anew.
    Drop {
        /// The reply.
        reply: ReplyId,
    },
    /// The caller has begun to hear this reply: what the mind did for it now holds.
    Commit {
        /// The reply.
        reply: ReplyId,
    },
    /// Use a tool. Answered by [`Event::ToolUsed`](super::Event::ToolUsed), whatever becomes of the reply that wanted it.
    UseTool {
        /// The use.
        id: UseId,
        /// The tool's name, as the mind wrote it: there may be none.
        tool: Arc<str>,
        /// JSON, as the mind wrote it.
        arguments: Arc<str>,
    },
    /// The caller has heard the last words: hand the line over. Answered by the end of the transfer.
    PutThrough {
        /// The use that brought it about.
        id: UseId,
    },
    /// What came of the keys that a use wanted. Answers [`Event::KeysWanted`](super::Event::KeysWanted).
    KeysDone {
        /// The use.
        id: UseId,
        /// The keys, or why there are none.
        done: KeysDone,
    },
    /// All that the mind wanted done for a reply has been: it goes on.
    GoOn {
        /// The reply.
        reply: ReplyId,
        /// A result for each thing that was wanted, in that order.
        results: Vec<Arc<str>>,
    },
    /// Write something down.
    Note(Note),
    /// Close the line. The last action of a call, but for the note that says so.
    HangUp {
        /// Why.
        reason: EndReason,
    },
}

/// How a command of the caller's reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// Spoken.
    Words,
    /// Pressed.
    Key,
    /// Told to the mind, which understood it.
    Mind,
}

/// Something worth writing down about the conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// The caller said something.
    CallerSaid {
        /// Start of the speech.
        from: At,
        /// End of the speech.
        to: At,
        /// The words.
        text: String,
        /// 0 to 1.
        confidence: f32,
    },
    /// The caller pressed keys that the mind will be told of.
    CallerPressed {
        /// When the last was pressed.
        at: At,
        /// The keys.
        keys: String,
    },
    /// What came from the caller was for nobody, since they were pressing digits that are secret.
    Withheld {
        /// The first moment of it.
        from: At,
        /// The last.
        to: At,
    },
    /// The caller heard this.
    AgentSaid {
        /// The reply it belongs to.
        reply: ReplyId,
        /// First audio.
        from: At,
        /// Last audio.
        to: At,
        /// The words that were heard, not those that were written.
        text: String,
        /// The caller cut it short.
        cut: bool,
        /// It only bridged a silence: the mind knows nothing of it.
        filler: bool,
    },
    /// Playback was halted because the caller spoke over it.
    Interrupted {
        /// The reply.
        reply: ReplyId,
        /// When.
        at: At,
    },
    /// It was nothing: playback went on.
    Resumed {
        /// The reply.
        reply: ReplyId,
        /// When.
        at: At,
    },
    /// The caller gave a command that no mind can veto.
    Commanded {
        /// Which.
        command: Command,
        /// How.
        means: Means,
        /// When.
        at: At,
    },
    /// An answer reached the caller.
    Answered {
        /// The reply.
        reply: ReplyId,
        /// Its times so far.
        timing: Timing,
    },
    /// All that will be known of how an answer came about: once the caller begins to hear it, or will not.
    Timed {
        /// The reply.
        reply: ReplyId,
        /// Its times.
        timing: Timing,
        /// Who worked for the call when its first audio went out, if the call was told.
        by: Option<Arc<Staff>>,
    },
    /// A step of consent.
    Consent {
        /// What happened.
        step: Step,
        /// When.
        at: At,
    },
    /// It became known who answered a call that we placed; later evidence may change it.
    AnsweredBy {
        /// Who, and by what that is known.
        verdict: Verdict,
        /// When.
        at: At,
    },
    /// The mind was about to deny being an AI; the truth was said in its place.
    Guarded {
        /// The reply.
        reply: ReplyId,
        /// When.
        at: At,
    },
    /// What the mind wants is being done.
    ToolBegun {
        /// The use.
        id: UseId,
        /// The reply that wanted it.
        reply: ReplyId,
        /// The tool.
        tool: Arc<str>,
        /// JSON, as the mind wrote it.
        arguments: Arc<str>,
        /// When.
        at: At,
    },
    /// It is over.
    ToolUsed {
        /// The use.
        id: UseId,
        /// The tool.
        tool: Arc<str>,
        /// JSON, as the mind wrote it.
        arguments: Arc<str>,
        /// How it ended.
        outcome: Outcome,
        /// What the mind gets of it: JSON or words.
        result: Arc<str>,
        /// When it was begun.
        from: At,
        /// When it was over.
        to: At,
    },
    /// Another agent goes on with the call from here.
    HandedOver {
        /// Its id or name.
        agent: Arc<str>,
        /// Its version; 0 for one from a file.
        version: u32,
        /// When.
        at: At,
    },
    /// A transfer began, or is over.
    Transfer {
        /// How the caller gets to the person.
        kind: TransferKind,
        /// What became of it; `None` when it begins.
        end: Option<TransferEnd>,
        /// When.
        at: At,
    },
    /// A stage failed.
    StageFailed {
        /// Which.
        stage: Stage,
        /// When.
        at: At,
    },
    /// The shell has another provider do the work of a stage from now on, since the one before failed.
    TakenOver {
        /// Which stage.
        stage: Stage,
        /// Who does it now: the vendor's name.
        vendor: &'static str,
        /// When.
        at: At,
    },
    /// The shell does without our own models of turns from now on, or for a while.
    SteppedDown {
        /// Why.
        cause: StepDown,
        /// When.
        at: At,
    },
    /// The call is over.
    Ended {
        /// Why.
        reason: EndReason,
        /// When.
        at: At,
    },
}
