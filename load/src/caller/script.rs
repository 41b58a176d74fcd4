//! What all callers of a run have in common.

use crate::clock::{Micros, ms};
use crate::speech::{Noise, Speech};

/// How the caller agrees to the recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    /// Nobody asks.
    Unasked,
    /// It says so.
    Spoken,
    /// It presses a key.
    Key(char),
}

/// What all callers of a run have in common.
pub(crate) struct Script {
    /// What they say.
    pub(crate) speech: Speech,
    /// Turns whose speech ends from here on count ...
    pub(crate) window_from: Micros,
    /// ... and up to here; then callers finish their turn and hang up.
    pub(crate) window_to: Micros,
    /// How long they wait for a greeting to begin.
    pub(crate) greeting_wait: Micros,
    /// Silence after which an answer is over.
    pub(crate) answer_gap: Micros,
    /// Every how many turns they interrupt; 0: never.
    pub(crate) barge_every: usize,
    /// How far into an answer.
    pub(crate) barge_after: Micros,
    /// Audio sooner than this after the end of speech answers something else.
    pub(crate) latency_min: Micros,
    /// A gap in an answer longer than this is an underrun.
    pub(crate) underrun: Micros,
    /// After this an answer does not come any more.
    pub(crate) answer_wait: Micros,
    /// Share of turns that hesitate.
    pub(crate) hesitate: f64,
    /// Share of the answers that are not interrupted in which there is a noise, of these kinds in turn.
    pub(crate) noises: f64,
    pub(crate) noise_kinds: Vec<Noise>,
    /// How far into the answer the noise begins, and how much later it may.
    pub(crate) noise_after: Micros,
    pub(crate) noise_range: Micros,
    /// How much quieter a line returns what is played on it, decibels: from the loudest to the quietest.
    pub(crate) echo_db: (f64, f64),
    /// How long an answer that was halted for a noise may take to go on.
    pub(crate) resume_wait: Micros,
    /// Callers take one turn, hear so much of the answer, and hang up.
    pub(crate) talk: Option<Micros>,
    /// Whether turns are marked with their code.
    pub(crate) is_marked: bool,
    /// How they agree to the recording.
    pub(crate) consent: Consent,
    /// How long they wait for the server to react to that.
    pub(crate) consent_wait: Micros,
}

impl Script {
    /// The usual script, without a window.
    pub(crate) fn usual(speech: Speech) -> Self {
        Self {
            speech,
            window_from: 0,
            window_to: Micros::MAX,
            greeting_wait: ms(2_000),
            answer_gap: ms(800),
            barge_every: 3,
            barge_after: ms(700),
            latency_min: ms(150),
            underrun: ms(20),
            answer_wait: ms(10_000),
            hesitate: 0.33,
            noises: 0.0,
            noise_kinds: Noise::ALL.to_vec(),
            noise_after: ms(700),
            noise_range: ms(1_300),
            echo_db: (18.0, 26.0),
            resume_wait: ms(4_000),
            talk: None,
            is_marked: true,
            consent: Consent::Unasked,
            consent_wait: ms(4_000),
        }
    }
}
