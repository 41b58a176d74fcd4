//! What a call is told: facts, in the past tense.

use std::sync::Arc;

use super::collecting::KeyWork;
use super::handing::NextAgent;
use super::timing::{Provider, Staff};
use super::tooling::{Outcome, UseId, Wanted};
use super::transferring::TransferNews;
use crate::amd::{Told, Tone};
use crate::time::At;
use crate::times::WordTime;

/// Names one reply of the agent within its call. Ids are never used again, so an event that carries any id but that of
/// the reply now speaking or drafting is stale and dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyId(pub u32);

/// How far into a clause the caller has listened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The clause, counted from 0 within its reply.
    pub clause: u16,
    /// Milliseconds of it that were played to the caller.
    pub heard_ms: u32,
    /// Milliseconds that it lasts.
    pub clause_ms: u32,
}

/// What the mind wants once its reply has been heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum After {
    /// Listen to the caller.
    #[default]
    Listen,
    /// Listen, and do not mind that nothing was said: the caller is in the middle of something.
    Wait,
    /// End the call.
    HangUp,
}

/// What kind of answer the mind has just asked for. It decides how long a pause may be, and what keys mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expects {
    /// Any words; a key that is bound to a command is that command.
    #[default]
    Words,
    /// Digits, spoken or pressed: pauses may be longer, and a command key counts only after a star.
    Digits {
        /// So many would do: once they are there, a pause that sounds final need not be long.
        enough: u8,
    },
}

/// Which of the stages failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Speech-to-text.
    Ears,
    /// The language model or flow.
    Mind,
    /// Text-to-speech.
    Voice,
}

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The caller, or the carrier for them, closed the line.
    CallerHungUp,
    /// The media socket broke without a goodbye.
    LineLost,
    /// The agent ended the conversation: its mind did, or recording was refused and it holds no call without.
    AgentHungUp,
    /// The caller asked not to be called again.
    OptedOut,
    /// Nobody answered the nudges.
    Silence,
    /// The longest allowed length was reached.
    TooLong,
    /// A machine answered, and the agent does not speak with machines.
    Machine,
    /// A machine answered, and a message was left.
    MessageLeft,
    /// The caller was put through to a person.
    Transferred,
    /// A stage failed and the apology was the last thing said.
    Failed(Stage),
    /// The server is shutting down.
    Draining,
    /// An operator or the API ended it.
    Asked,
}

/// One fact about a live call.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The media stream began: somebody is listening.
    Answered,
    /// These work for the call from now on: at its start, and whenever another takes over.
    Staffed {
        /// Who.
        staff: Arc<Staff>,
    },
    /// The line is gone.
    LineClosed {
        /// What the carrier said of it.
        reason: EndReason,
    },
    /// Somebody wants the call ended, in words.
    EndAsked {
        /// Why.
        reason: EndReason,
    },
    /// An operator has the agent say something. It waits for consent to be decided and for what is being said to end, and
    /// the caller may interrupt it.
    SayAsked {
        /// The words.
        text: String,
    },
    /// An operator silences the agent's mind, or lets it go on. Notices are said all the same.
    Muted {
        /// Silent from now on.
        on: bool,
    },
    /// The caller's voice set in. `at` may lie a little in the past: the moment itself, not that of its discovery.
    SpeechStarted {
        /// Onset of the voice.
        at: At,
    },
    /// The caller's voice has been silent for a moment. It may be the end, which [`Event::SpeechStopped`] then tells, or go on.
    SpeechPaused {
        /// The silence began here.
        at: At,
    },
    /// It was a pause: the voice is back.
    SpeechResumed,
    /// The caller's voice ended.
    SpeechStopped {
        /// End of the voice; the silence began here.
        at: At,
    },
    /// All speech that began before this moment has been told: the sound up to here came and was listened to. Only then
    /// is silence known to be silence.
    Judged {
        /// Up to here.
        until: At,
    },
    /// The recogniser's guess at words still being spoken.
    Partial {
        /// Audio up to here is in it.
        until: At,
        /// The words so far.
        text: String,
    },
    /// The recogniser's verdict. Empty text is a verdict too: nothing was said.
    Final {
        /// All audio up to here is now transcribed.
        until: At,
        /// The words, of what followed the last `Final`.
        text: String,
        /// 0 to 1.
        confidence: f32,
    },
    /// The turn model's verdict on the speech that ended at `until`.
    TurnScored {
        /// The end of speech it looked at.
        until: At,
        /// Probability that the caller has finished, 0 to 1; or [`TURN_OVER`](super::TURN_OVER).
        complete: f32,
    },
    /// The recogniser gave no verdict for the audio up to `until`.
    HearFailed {
        /// The end of speech it was asked about.
        until: At,
        /// It will not recover in this call.
        fatal: bool,
    },
    /// A tone of a machine's was heard; asked for by [`Call::wants_tones`](super::Call::wants_tones).
    Toned {
        /// Which.
        tone: Tone,
        /// When it ended.
        at: At,
    },
    /// The carrier has found out who answered.
    CarrierHeard {
        /// What it says.
        told: Told,
    },
    /// The caller pressed a key: `0`–`9`, `*`, `#`, `A`–`D`.
    Key {
        /// The key.
        key: char,
    },
    /// The mind's first token came.
    MindStarted {
        /// For this reply.
        reply: ReplyId,
    },
    /// The mind finished a clause.
    MindSaid {
        /// Of this reply.
        reply: ReplyId,
        /// The words, fit to be spoken.
        text: String,
    },
    /// The mind has no more to say in this reply.
    MindDone {
        /// The reply.
        reply: ReplyId,
        /// What follows it.
        after: After,
        /// The kind of answer it hopes for.
        expects: Expects,
    },
    /// The mind wants these done before it goes on with a reply.
    ToolsWanted {
        /// The reply.
        reply: ReplyId,
        /// What, in the order in which the results are wanted.
        wanted: Vec<Wanted>,
    },
    /// A use of a tool wants keys before it goes on. Answered by [`Action::KeysDone`](super::Action::KeysDone), always.
    KeysWanted {
        /// The use.
        id: UseId,
        /// What it wants.
        work: KeyWork,
    },
    /// A use of a tool is over. Answers [`Action::UseTool`](super::Action::UseTool).
    ToolUsed {
        /// The use.
        id: UseId,
        /// How it ended.
        outcome: Outcome,
        /// What the mind gets of it: JSON or words, bounded by whoever did it.
        result: Arc<str>,
    },
    /// Another agent goes on with the call, as a use of a tool wanted; that use is over.
    HandedOver {
        /// The use.
        id: UseId,
        /// Who.
        next: NextAgent,
    },
    /// How a transfer goes that a use of a tool brought about. Its end is the end of the use.
    Transfer {
        /// The use.
        id: UseId,
        /// What is known now.
        news: TransferNews,
    },
    /// The mind failed; its shell has used up its retries.
    MindFailed {
        /// The reply it was asked for.
        reply: ReplyId,
    },
    /// A clause could not be voiced.
    VoiceFailed {
        /// Its reply.
        reply: ReplyId,
        /// The clause.
        clause: u16,
    },
    /// The voice gave the first sound of a clause.
    Voiced {
        /// Its reply.
        reply: ReplyId,
        /// The clause.
        clause: u16,
        /// When, which may lie in the past.
        at: At,
        /// Who made it, if not the call's voice: a mind that speaks for itself.
        by: Option<Provider>,
    },
    /// The voice has told when words of a clause are said: those behind the ones that it told of before.
    WordsTimed {
        /// The reply.
        reply: ReplyId,
        /// The clause.
        clause: u16,
        /// When, one for each word of the clause's text.
        words: Vec<WordTime>,
    },
    /// The first audio of a reply went out, or the first after it ran dry.
    PlaybackStarted {
        /// The reply.
        reply: ReplyId,
    },
    /// All audio of a reply so far has been played, and it is not at its end: the caller hears nothing.
    RanDry {
        /// The reply.
        reply: ReplyId,
    },
    /// The carrier confirmed how far a reply has been played.
    Heard {
        /// The reply.
        reply: ReplyId,
        /// How far.
        position: Position,
    },
    /// Playback was paused, here. Answers [`Action::Pause`](super::Action::Pause).
    Paused {
        /// The reply.
        reply: ReplyId,
        /// The last thing heard.
        position: Position,
    },
    /// All of a finished reply has been played.
    Played {
        /// The reply.
        reply: ReplyId,
    },
}
