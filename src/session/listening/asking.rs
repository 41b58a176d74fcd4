//! What is asked of the models and the recogniser that hear one utterance at a time.

use std::time::Duration;

use trunkline_core::time::At;

use super::{BEFORE, Heard, Listening, Recogniser, ms};
use crate::provider::{Hear, StageError};
use crate::session::{Done, Jobs};
use crate::speech::VadState;

/// Speech between partials.
const PARTIAL_EVERY: u64 = ms(500);
/// Speech without a pause is transcribed in pieces of this length.
const PIECE_MAX: u64 = ms(20_000);
/// What the turn model looks at.
const TURN: u64 = ms(8_000);
/// A verdict later than this is none: those after it wait for it.
const FINAL_PATIENCE: Duration = Duration::from_secs(6);
const FINAL_WANTED_IN: Duration = Duration::from_millis(250);
/// A late score is still worth having: without one the turn waits longer.
const SCORE_WANTED_IN: Duration = Duration::from_millis(600);
/// A turn is over long before a score that comes later than this.
const SCORE_PATIENCE: Duration = Duration::from_millis(1_500);
const PARTIAL_WANTED_IN: Duration = Duration::from_millis(600);
/// When it is wanted whether there is a voice: at once, or …
const ACTIVITY_WANTED_IN: Duration = Duration::from_millis(3);
/// … before the next window, where it decides nothing.
const CALM_ACTIVITY_WANTED_IN: Duration = Duration::from_millis(10);

impl Listening {
    /// Asks the voice model about the windows that wait, unless it has some already or is left alone.
    pub(super) fn ask_activity(&mut self, now: At, jobs: &Jobs) {
        if self.voice_model.is_spent(now) {
            return;
        }
        let Some(batch) = self.ear.take_windows(&mut self.windows) else {
            return;
        };
        if batch.fresh {
            self.vad = VadState::default();
        }
        self.asked = Some((batch, now));
        let wanted_in = match batch.is_urgent {
            true => ACTIVITY_WANTED_IN,
            false => CALM_ACTIVITY_WANTED_IN,
        };
        let asked = self
            .ears
            .activity(self.vad.clone(), self.windows.clone(), wanted_in);
        jobs.push(Box::pin(async move {
            Done::Heard(Heard::Activity {
                batch,
                answer: asked.await,
            })
        }));
    }

    /// Asks what is being said, where it is time to; of speech that does not end, for final words of a piece.
    pub(super) fn ask_partial(&mut self, now: At, jobs: &Jobs) {
        if let Recogniser::Stream(_) = self.recogniser {
            return;
        }
        let Some(from) = self.speech_from.filter(|_| self.ear.speaking()) else {
            return;
        };
        let position = self.ear.position();
        if position - from > PIECE_MAX {
            self.speech_from = Some(position);
            return self.ask_final(from, position, self.moment(now, position), jobs);
        }
        let is_due = position >= self.partial_at && !self.partial_is_out;
        if !is_due || !matches!(self.recogniser, Recogniser::Ears) {
            return;
        }
        self.partial_at = position + PARTIAL_EVERY;
        self.partial_is_out = true;
        let until = self.moment(now, position);
        let asked = self
            .ears
            .hear(self.audio(from, position), Hear::Partial, PARTIAL_WANTED_IN);
        jobs.push(Box::pin(async move {
            Done::Heard(Heard::Partial {
                until,
                answer: asked.await,
            })
        }));
    }

    /// Asks for the words between two samples.
    pub(super) fn ask_final(&mut self, from: u64, to: u64, until: At, jobs: &Jobs) {
        let audio = self.audio(from, to);
        self.given.add(audio.len());
        let asked = match &self.recogniser {
            Recogniser::Utterances(transcriber) => transcriber.transcribe(audio),
            Recogniser::Ears | Recogniser::Stream(_) => {
                self.ears.hear(audio, Hear::Final, FINAL_WANTED_IN)
            }
        };
        let number = self.finals.asked();
        jobs.push(Box::pin(async move {
            let answer = tokio::time::timeout(FINAL_PATIENCE, asked).await;
            let answer = answer.unwrap_or_else(|_| {
                Err(StageError {
                    what: "the recogniser did not answer".into(),
                    fatal: false,
                })
            });
            Done::Heard(Heard::Final {
                number,
                until,
                answer,
            })
        }));
    }

    /// Asks the turn model whether the turn ends with this sample, unless it is left alone.
    pub(super) fn ask_score(&mut self, now: At, to: u64, until: At, jobs: &Jobs) {
        if self.turn_model.is_spent(now) {
            return;
        }
        let from = self
            .turn_from
            .unwrap_or(to)
            .saturating_sub(BEFORE)
            .max(to.saturating_sub(TURN));
        let asked = self
            .ears
            .turn_complete(self.audio(from, to), SCORE_WANTED_IN);
        jobs.push(Box::pin(async move {
            let answer = tokio::time::timeout(SCORE_PATIENCE, asked).await;
            let answer = answer.unwrap_or_else(|_| {
                Err(StageError {
                    what: "the turn model did not answer".into(),
                    fatal: false,
                })
            });
            Done::Heard(Heard::Score { until, answer })
        }));
    }
}
