//! The conversation as a voice: the sound of its clauses on the way to the caller, and how far they were heard.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::StreamExt as _;
use futures_util::stream;
use trunkline_core::call::Provider;
use trunkline_core::wire::link::{Trouble, TroubleKind};

use super::Talk;
use crate::provider::{OwnVoice, Passage, Pieces, Sound, StageError};
use crate::providers::realtime::spoken::BYTES_PER_MS;

/// Most sound that is handed over at once: half a second.
const PIECE_BYTES_MAX: usize = 500 * BYTES_PER_MS;

/// A clause's sound on its way to the caller.
struct Sounding {
    talk: Arc<Talk>,
    at: Passage,
    given: usize,
    is_over: bool,
}

impl OwnVoice for Arc<Talk> {
    fn provider(&self) -> Provider {
        self.served_by()
    }

    fn spoken(&self, text: &str) -> Option<(Passage, Pieces)> {
        let at = self.state().passage(text)?;
        let sounding = Sounding {
            talk: Arc::clone(self),
            at,
            given: 0,
            is_over: false,
        };
        let pieces = stream::unfold(sounding, |mut sounding| async move {
            if sounding.is_over {
                return None;
            }
            let next = std::future::poll_fn(|cx| {
                sounding.talk.poll_sound(sounding.at, sounding.given, cx)
            });
            let piece = next.await?;
            match &piece {
                Ok(piece) => sounding.given += piece.len(),
                Err(_) => sounding.is_over = true,
            }
            Some((piece.map(Sound::Audio), sounding))
        });
        Some((at, pieces.boxed()))
    }

    fn heard(&self, at: Passage, heard_ms: u32) {
        let mut state = self.state();
        if let Some(making) = state.making(at.answer)
            && let Some(begins) = making.spoken.begins(at.clause)
        {
            let to_ms = (begins / BYTES_PER_MS) as u64 + u64::from(heard_ms);
            making.heard_ms = making.heard_ms.max(to_ms);
        }
    }
}

impl Talk {
    /// The next of a clause's sound from its byte `from` on; `None` when that was all.
    fn poll_sound(
        &self,
        at: Passage,
        from: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Arc<[u8]>, StageError>>> {
        let failed = || {
            let trouble = Trouble::new(TroubleKind::Server, "an answer broke off");
            Poll::Ready(Some(Err(self.hop.failed(&trouble))))
        };
        let mut state = self.state();
        let Some(making) = state.making(at.answer) else {
            return failed();
        };
        let sound = making.spoken.sound(at.clause, from);
        if !sound.is_empty() {
            let piece = sound.get(..PIECE_BYTES_MAX).unwrap_or(sound);
            return Poll::Ready(Some(Ok(piece.into())));
        }
        if making.spoken.is_whole(at.clause) {
            return Poll::Ready(None);
        }
        if !making.is_open() {
            return failed();
        }
        making.wakes(cx.waker());
        Poll::Pending
    }
}
