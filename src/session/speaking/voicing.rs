//! A sentence on its way from the voice: the pieces that came and wait for their turn, and whether more will come.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::{Instant, Sleep};
use trunkline_core::times::SpokenWord;
use trunkline_media::SAMPLES_PER_MS;

use crate::clock;
use crate::provider::{Passage, Pieces, Sound, StageError};

/// A voice that gives nothing for so long in mid-sentence has failed.
const BETWEEN: Duration = Duration::from_secs(2);
/// No more of a sentence is taken while so much of it waits, in samples.
const WAITING_MAX: usize = 60_000 * SAMPLES_PER_MS as usize;

/// Most words of a sentence whose times are taken.
const WORDS_MAX: usize = 2_000;

/// Why nothing more of a sentence comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// The voice said so.
    Voice,
    /// The voice said nothing for too long.
    Late,
    /// The mouth did not take it.
    Mouth,
}

/// Dropping it takes the request back.
pub(super) struct Voicing {
    /// The place of the voice that was asked.
    by: usize,
    /// Where in what the mind says itself, if it does.
    passage: Option<Passage>,
    /// `None` once the last piece came.
    pieces: Option<Pieces>,
    /// When the next piece is late.
    late: Pin<Box<Sleep>>,
    waiting: VecDeque<Arc<[u8]>>,
    waiting_samples: usize,
    /// It was not asked for more, since enough waits.
    is_held: bool,
    /// When the first piece came.
    first: Option<Instant>,
    samples: usize,
    samples_max: usize,
    /// When words are said, as far as the voice has told and nobody has asked.
    told: Vec<Arc<[SpokenWord]>>,
    words: usize,
    failed: Option<(StageError, Blame)>,
}

fn failed(what: &str) -> StageError {
    StageError {
        what: what.into(),
        fatal: false,
    }
}

impl Voicing {
    /// Of a sentence that the voice at a place was asked for. Its first piece may take as long as `patience`, and all of it be no longer than
    /// `ms_max`.
    pub(super) fn new(by: usize, pieces: Pieces, patience: Duration, ms_max: u32) -> Self {
        Self {
            by,
            passage: None,
            pieces: Some(pieces),
            late: Box::pin(tokio::time::sleep(patience)),
            waiting: VecDeque::new(),
            waiting_samples: 0,
            is_held: false,
            first: None,
            samples: 0,
            samples_max: (u64::from(ms_max) * SAMPLES_PER_MS) as usize,
            told: Vec::new(),
            words: 0,
            failed: None,
        }
    }

    /// The same sentence is wanted now.
    pub(super) fn wanted(&mut self, patience: Duration) {
        if self.samples == 0 {
            self.late.as_mut().reset(clock::timer_now() + patience);
        }
    }

    /// Takes what the voice gives. Ready when something new came of it, or it ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut news = Poll::Pending;
        while let Some(pieces) = &mut self.pieces {
            if self.waiting_samples >= WAITING_MAX {
                self.is_held = true;
                return news;
            }
            if std::mem::take(&mut self.is_held) {
                self.late.as_mut().reset(clock::timer_now() + BETWEEN);
            }
            match pieces.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(Sound::Words(told)))) => {
                    news = Poll::Ready(());
                    self.words += told.len().max(1);
                    if self.words <= WORDS_MAX {
                        self.told.push(told);
                    }
                }
                Poll::Ready(Some(Ok(Sound::Audio(piece)))) => {
                    news = Poll::Ready(());
                    self.came(piece);
                }
                Poll::Ready(Some(Err(error))) => {
                    news = Poll::Ready(());
                    self.fail(error, Blame::Voice);
                }
                Poll::Ready(None) => {
                    news = Poll::Ready(());
                    self.pieces = None;
                }
                Poll::Pending => {
                    if self.late.as_mut().poll(cx).is_ready() {
                        news = Poll::Ready(());
                        let what = match self.samples {
                            0 => "the voice did not answer in time",
                            _ => "the voice fell silent in mid-sentence",
                        };
                        self.fail(failed(what), Blame::Late);
                    }
                    return news;
                }
            }
        }
        news
    }

    fn came(&mut self, piece: Arc<[u8]>) {
        // Nothing counts too: a voice could go on giving it for ever.
        self.samples += piece.len().max(1);
        if self.samples > self.samples_max {
            let error = failed("the voice speaks far longer than the words take");
            return self.fail(error, Blame::Voice);
        }
        if !piece.is_empty() {
            self.late.as_mut().reset(clock::timer_now() + BETWEEN);
            self.first.get_or_insert_with(clock::timer_now);
            self.waiting_samples += piece.len();
            self.waiting.push_back(piece);
        }
    }

    /// It is not to go on. What came of it remains.
    pub(super) fn fail(&mut self, error: StageError, blame: Blame) {
        self.pieces = None;
        self.failed = Some((error, blame));
    }

    /// The same, as what the mind says itself there.
    pub(super) fn of(self, passage: Passage) -> Self {
        let passage = Some(passage);
        Self { passage, ..self }
    }

    /// Where in what the mind says itself.
    pub(super) fn passage(&self) -> Option<Passage> {
        self.passage
    }

    /// The place of the voice that was asked.
    pub(super) fn by(&self) -> usize {
        self.by
    }

    /// Whose failure it is, if it has failed.
    pub(super) fn blame(&self) -> Option<Blame> {
        self.failed.as_ref().map(|(_, blame)| *blame)
    }

    /// Some of it came.
    pub(super) fn has_begun(&self) -> bool {
        self.samples > 0
    }

    /// When its first sound came.
    pub(super) fn first(&self) -> Option<Instant> {
        self.first
    }

    /// The next piece.
    pub(super) fn take(&mut self) -> Option<Arc<[u8]>> {
        let piece = self.waiting.pop_front()?;
        self.waiting_samples -= piece.len();
        Some(piece)
    }

    /// When further words are said, once.
    pub(super) fn take_words(&mut self) -> Vec<Arc<[SpokenWord]>> {
        std::mem::take(&mut self.told)
    }

    /// A piece waits to be taken.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Why nothing more will come, if it is not the end of the sentence.
    pub(super) fn failure(&self) -> Option<&StageError> {
        self.failed.as_ref().map(|(error, _)| error)
    }

    /// All of the sentence came, and it lasts so long, ms.
    pub(super) fn whole_ms(&self) -> Option<u32> {
        let is_whole = self.pieces.is_none() && self.failed.is_none();
        is_whole.then_some((self.samples as u64 / SAMPLES_PER_MS) as u32)
    }
}
