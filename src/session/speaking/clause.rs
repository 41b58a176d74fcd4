//! A sentence of a reply, from the voice to the mouth.

use std::sync::Arc;

use tokio::time::Instant;
use trunkline_core::call::{Event, ReplyId};
use trunkline_core::time::At;
use trunkline_core::times::{Matching, WordTime};
use trunkline_media::mouth::Mouth;

use super::pace::Pace;
use super::voicing::{Blame, Voicing};
use super::{Own, Prepared, own};
use crate::provider::StageError;

/// So much waits in the mouth at most, but for one piece.
const QUEUED_MS_MAX: u64 = 60_000;

/// A sentence that is to be said.
pub(super) struct Clause {
    pub(super) number: u16,
    pub(super) text: Arc<str>,
    /// Once the voice was asked.
    pub(super) voicing: Option<Voicing>,
    /// Some of it was handed over.
    pub(super) is_begun: bool,
    /// Its failure was told.
    pub(super) is_lost: bool,
    /// It is passed over if the voice does not have it at hand.
    pub(super) is_filler: bool,
    pub(super) matching: Matching,
}

impl Clause {
    /// When further words of it are said, if the voice has told, once the mouth has begun with it.
    pub(super) fn take_times(&mut self, mouth: &mut Mouth, take: u32) -> Option<Vec<WordTime>> {
        let voicing = self.voicing.as_mut().filter(|_| self.is_begun)?;
        let mut times = Vec::new();
        for word in voicing.take_words().iter().flat_map(|told| told.iter()) {
            self.matching.take(word, &mut times);
        }
        if times.is_empty() {
            return None;
        }
        let words = times.iter().map(|word| (word.from_ms, word.to_ms));
        mouth.timed(take, self.number, words);
        Some(times)
    }

    /// What the voice has made of it so far, or is at work on.
    pub(super) fn prepared(self) -> Option<Prepared> {
        let (text, voicing) = (self.text, self.voicing?);
        Some(Prepared { text, voicing })
    }

    /// The first sound of it came, to be told when that is handed over. If it is the mind's own, it came from `own`.
    pub(super) fn voiced(
        &self,
        reply: Option<ReplyId>,
        began: Instant,
        own: Option<&Own>,
    ) -> Option<Event> {
        let voicing = self.voicing.as_ref()?;
        let ms = voicing
            .first()?
            .saturating_duration_since(began)
            .as_millis() as u64;
        let own = own.filter(|_| voicing.passage().is_some());
        Some(Event::Voiced {
            reply: reply?,
            clause: self.number,
            at: At::from_ms(ms),
            by: own.map(Own::provider),
        })
    }

    /// Gives the mouth what came of it. False if more of it is to be said, or it failed.
    pub(super) fn hand_over(&mut self, mouth: &mut Mouth, take: u32, pace: &mut Pace) -> bool {
        let Some(voicing) = &mut self.voicing else {
            return false;
        };
        if !self.is_begun && own::may_wait(voicing, mouth.queued_ms()) {
            return false;
        }
        while mouth.queued_ms() < QUEUED_MS_MAX
            && let Some(piece) = voicing.take()
        {
            let begun = match self.is_begun {
                true => Ok(()),
                false => mouth.begin(take, self.number, pace.expected_ms(&self.text)),
            };
            if let Err(error) = begun.and_then(|()| mouth.append(take, self.number, piece)) {
                let error = StageError {
                    what: format!("the mouth did not take a clause: {error}"),
                    fatal: false,
                };
                voicing.fail(error, Blame::Mouth);
                return false;
            }
            self.is_begun = true;
        }
        let Some(whole_ms) = voicing.whole_ms().filter(|_| !voicing.is_waiting()) else {
            return false;
        };
        if voicing.passage().is_none() {
            pace.learn(&self.text, whole_ms);
        }
        mouth.end_clause(take, self.number);
        true
    }
}
