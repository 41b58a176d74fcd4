//! What a call needs of its recogniser, its turn model and its voice, whoever provides them.
//!
//! Each method returns a future or a stream that owns what it needs: a call keeps its unfinished work itself, and
//! dropping it takes the request back.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use trunkline_core::call::Provider;
use trunkline_core::times::SpokenWord;
use trunkline_core::wire::stt::SttEvent;

use crate::agent::EMBEDDED;
use crate::speech::VadState;

/// A stage could not do what it was asked. The text names the stage and the cause, never what was said.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what}")]
pub struct StageError {
    /// What went wrong.
    pub what: String,
    /// It will not work again in this call.
    pub fatal: bool,
}

/// There is no room for another call.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the server cannot take another call now; try again in a few seconds")]
pub struct Busy;

/// Words, and how sure the recogniser is of them.
#[derive(Clone, Default)]
pub struct Words {
    /// The words; empty when nothing was said.
    pub text: String,
    /// 0 to 1.
    pub confidence: f32,
}

/// What a call needs of the embedded speech, beside others that need the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// Words, voice and turns.
    Whole,
    /// When somebody speaks and has finished; the words are made elsewhere.
    Turns,
}

/// Which transcript is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hear {
    /// Of speech that goes on; may be skipped.
    Partial,
    /// Of speech that has ended.
    Final,
}

/// The listening stages.
pub trait Ears: Send + Sync {
    /// Room for one call, held until dropped.
    fn admit(&self, room: Room) -> Result<Box<dyn Send>, Busy>;

    /// Probability of voice in each window of 256 samples at 8 kHz.
    fn activity(
        &self,
        state: VadState,
        windows: Vec<i16>,
        wanted_in: Duration,
    ) -> BoxFuture<'static, Result<(VadState, Vec<f32>), StageError>>;

    /// The words in 8 kHz audio.
    fn hear(
        &self,
        audio: Vec<i16>,
        kind: Hear,
        wanted_in: Duration,
    ) -> BoxFuture<'static, Result<Words, StageError>>;

    /// Probability that the speaker has finished, of audio that ends in the silence after the words.
    fn turn_complete(
        &self,
        audio: Vec<i16>,
        wanted_in: Duration,
    ) -> BoxFuture<'static, Result<f32, StageError>>;
}

/// A recogniser that listens while the caller speaks.
pub trait Recogniser: Send + Sync {
    /// Begins to connect for one call, and returns at once.
    fn open(&self) -> Box<dyn Listener>;
}

/// One call's connection to a recogniser, through all its reconnections. Dropping it says goodbye.
pub trait Listener: Send {
    /// The caller's audio, 8 kHz mu-law, behind what came before. Never waits; what cannot be sent yet is kept for a
    /// while, and sent again after a reconnection if it has no final words yet.
    fn push(&mut self, mulaw: &[u8]);

    /// How soon audio is wanted from now on.
    fn hasten(&mut self, haste: Haste);

    /// Nothing was said before this sample that has no final words yet: it need not be sent again.
    fn settle(&mut self, sample: u64);

    /// Asks for the final words of all audio so far, since the speaker seems to have stopped.
    fn finalize(&mut self);

    /// The next event, its times in milliseconds of the audio pushed since the first. After `None` nothing comes any more.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<SttEvent>>;

    /// Who listens just now.
    fn provider(&self) -> Provider {
        Provider::of(EMBEDDED)
    }

    /// The vendor of the recogniser that has taken over since this was asked last, if one has. An event comes with it.
    fn taken_over(&mut self) -> Option<&'static str> {
        None
    }
}

/// How soon a recogniser is to have the caller's audio. A message costs much the same however short it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Haste {
    /// Nobody speaks: four tenths of a second at a time.
    #[default]
    None,
    /// Somebody speaks: a tenth of a second at a time.
    Soon,
    /// Somebody's turn depends on it: as it comes.
    Now,
}

/// A recogniser that is given one utterance at a time.
pub trait Transcriber: Send + Sync {
    /// The words in 8 kHz audio.
    fn transcribe(&self, audio: Vec<i16>) -> BoxFuture<'static, Result<Words, StageError>>;

    /// Who that is.
    fn provider(&self) -> Provider {
        Provider::of(EMBEDDED)
    }
}

/// Who makes words of what the caller says, and who says when they have finished.
#[derive(Clone, Default)]
pub enum Hearing {
    /// The ears do both.
    #[default]
    Embedded,
    /// The ears find utterances and judge turns; somebody else makes words of them.
    ByUtterance(Arc<dyn Transcriber>),
    /// A recogniser that listens all the time makes the words.
    Streaming {
        /// The recogniser.
        recogniser: Arc<dyn Recogniser>,
        /// Who says when a turn is over.
        turns: Turns,
    },
}

/// Who says when a turn is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Turns {
    /// Our own models: voice detection in sound, the turn model once per candidate end.
    #[default]
    Own,
    /// The recogniser's own events, and the loudness of the line: no model runs per frame or turn.
    Cloud,
}

/// A sentence's sound, as [`Voice::say`] gives it.
pub type Pieces = BoxStream<'static, Result<Sound, StageError>>;

/// Where in what a mind says itself a clause stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    /// Which of its answers.
    pub answer: u64,
    /// Which clause of that, from 0.
    pub clause: usize,
}

/// A mind that speaks for itself: to the words that it gives, it has the sound.
pub trait OwnVoice: Send + Sync {
    /// Whose voice that is.
    fn provider(&self) -> Provider;

    /// The sound of words that it gave, as [`Voice::say`] has it; `None` if it has none, or not all of it any more.
    fn spoken(&self, text: &str) -> Option<(Passage, Pieces)>;

    /// The caller has heard so much of a clause, in milliseconds.
    fn heard(&self, passage: Passage, heard_ms: u32);
}

/// What a voice gives of a sentence.
#[derive(Clone)]
pub enum Sound {
    /// The next audio: mu-law, 8 kHz, of any length.
    Audio(Arc<[u8]>),
    /// When further words of the sentence are said, as the voice tells it.
    Words(Arc<[SpokenWord]>),
}

impl From<Arc<[u8]>> for Sound {
    fn from(audio: Arc<[u8]>) -> Self {
        Self::Audio(audio)
    }
}

/// The speaking stage.
pub trait Voice: Send + Sync {
    /// A sentence as mu-law audio, 8 kHz, in pieces of any length and in order, and when its words are said, if the voice
    /// tells that. The end of the stream is the end of the sentence; one that ends without audio has no sound. An error
    /// is the last item. Dropping the stream takes the request back.
    ///
    /// `wanted_in`: when the first piece is needed, from now.
    fn say(
        &self,
        text: Arc<str>,
        speed: f32,
        wanted_in: Duration,
    ) -> BoxStream<'static, Result<Sound, StageError>>;

    /// Begins with a sentence that this voice is to say first, before anybody listens, if it can be begun. It is let go
    /// when something else is said before it.
    fn begin(&self, _text: &Arc<str>, _speed: f32) {}

    /// Makes a sentence that every caller may hear, and keeps it for good.
    fn keep(&self, text: Arc<str>, speed: f32) -> BoxFuture<'static, Result<(), StageError>>;
}
