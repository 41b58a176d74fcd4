//! One text on its way to being heard: the voice's side of it, and the call's.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::sync::mpsc;
use tokio::time::Instant;
use trunkline_core::times::SpokenWord;
use trunkline_core::wire::link::{Trouble, TroubleKind};

use super::super::audio::ToMulaw;
use super::super::hop::Hop;
use super::link::{Link, Shared};
use crate::clock;
use crate::provider::{Sound, StageError};

/// Pieces of one text that wait for a call that does not read.
const PIECES_MAX: usize = 4_096;
/// Longest audio of one text: four minutes.
const AUDIO_BYTES_MAX: usize = 240 * 8_000;

pub(super) enum Piece {
    Sound(Sound),
    End,
    Failed(StageError),
}

/// The voice's side of a text.
pub(super) struct Clause {
    /// Its number on this link, whatever context it becomes.
    pub(super) ticket: u64,
    pub(super) text: Arc<str>,
    /// Its number on the connection.
    pub(super) context: u32,
    pub(super) asked_at: Instant,
    /// Since when it waits for its first or next piece; none while one before it is voiced.
    pub(super) waits_since: Instant,
    pub(super) has_audio: bool,
    pub(super) has_failed_before: bool,
    audio: ToMulaw,
    bytes: usize,
    pieces: mpsc::Sender<Piece>,
}

/// Nobody wants more of a text.
pub(super) struct Unwanted;

impl Clause {
    /// Both sides of a text.
    pub(super) fn new(
        ticket: u64,
        text: Arc<str>,
        audio: ToMulaw,
        shared: &Arc<Shared>,
    ) -> (Self, Said) {
        let (sender, pieces) = mpsc::channel(PIECES_MAX);
        let now = clock::timer_now();
        let clause = Self {
            ticket,
            text,
            context: 0,
            asked_at: now,
            waits_since: now,
            has_audio: false,
            has_failed_before: false,
            audio,
            bytes: 0,
            pieces: sender,
        };
        let said = Said {
            ticket,
            pieces,
            is_over: false,
            shared: Arc::clone(shared),
            link: None,
        };
        (clause, said)
    }

    /// More audio came.
    pub(super) fn push(&mut self, bytes: &[u8], hop: &Hop) -> Result<(), Unwanted> {
        let now = clock::timer_now();
        self.waits_since = now;
        let mut out = Vec::new();
        self.audio.push(bytes, &mut out);
        if out.is_empty() {
            return Ok(());
        }
        if !std::mem::replace(&mut self.has_audio, true) {
            hop.first_result(now.saturating_duration_since(self.asked_at));
        }
        self.bytes += out.len();
        let piece = Piece::Sound(Sound::Audio(out.into()));
        if self.bytes <= AUDIO_BYTES_MAX && self.pieces.try_send(piece).is_ok() {
            return Ok(());
        }
        let trouble = Trouble::new(TroubleKind::Protocol, "audio without end");
        self.fail(hop, &trouble);
        Err(Unwanted)
    }

    /// The voice told when words of it are said.
    pub(super) fn words(&self, words: Vec<(String, u32, u32)>) {
        let spoken = words.into_iter().map(|(text, from_ms, to_ms)| SpokenWord {
            text,
            from_ms,
            to_ms,
        });
        // Without them the call goes by the length of the words.
        let _ = self
            .pieces
            .try_send(Piece::Sound(Sound::Words(spoken.collect())));
    }

    /// All of it came.
    pub(super) fn finish(mut self) {
        let mut out = Vec::new();
        self.audio.finish(&mut out);
        if !out.is_empty() {
            // Whoever does not take it does not want it any more.
            let _ = self.pieces.try_send(Piece::Sound(Sound::Audio(out.into())));
        }
        let _ = self.pieces.try_send(Piece::End);
    }

    /// It will not come, or not all of it. If there is no room to say so, the end of the sender says it.
    pub(super) fn fail(&self, hop: &Hop, trouble: &Trouble) {
        let _ = self.pieces.try_send(Piece::Failed(hop.failed(trouble)));
    }
}

/// The call's side of a text. Dropping it takes the text back.
pub(super) struct Said {
    ticket: u64,
    pieces: mpsc::Receiver<Piece>,
    is_over: bool,
    shared: Arc<Shared>,
    /// Its own connection, where one is for a single text.
    link: Option<Link>,
}

impl Said {
    pub(super) fn with_link(mut self, link: Link) -> Self {
        self.link = Some(link);
        self
    }
}

impl Stream for Said {
    type Item = Result<Sound, StageError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let piece = std::task::ready!(self.pieces.poll_recv(cx));
        if let Some(Piece::Sound(sound)) = piece {
            return Poll::Ready(Some(Ok(sound)));
        }
        self.is_over = true;
        self.link = None;
        Poll::Ready(match piece {
            Some(Piece::Failed(error)) => Some(Err(error)),
            None => Some(Err(StageError {
                what: "the voice broke off".into(),
                fatal: false,
            })),
            Some(Piece::End | Piece::Sound(_)) => None,
        })
    }
}

impl Drop for Said {
    fn drop(&mut self) {
        if !self.is_over {
            self.shared.take_back(self.ticket);
        }
    }
}
