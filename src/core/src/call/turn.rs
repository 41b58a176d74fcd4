//! The caller's turn: what of theirs no heard reply has answered, and when it is over.

use std::borrow::Cow;

use super::Call;
use super::endpoint::{Asked, Said, silence_ms};
use crate::redact;
use crate::time::At;

/// Most unanswered text that is kept.
const OPEN_BYTES_MAX: usize = 16_000;
/// A shorter gap between two verdicts is none of the caller's: the recogniser cut speech in two.
const PAUSE_MS_MIN: u64 = 150;

/// Nobody hears an answer and speaks up in less.
const REACTION_MS: u64 = 300;

/// What the caller has said and pressed that no heard reply has answered.
#[derive(Clone, Debug, Default)]
pub(super) struct OpenTurn {
    pub(super) text: String,
    pub(super) keys: String,
    /// Keys that are written down.
    pub(super) noted_keys: usize,
    /// End of the last speech in it.
    pub(super) spoken: At,
    /// Where its words after the last pause begin, bytes.
    paused_at: usize,
    /// The longest pause in it, ms.
    pause_ms: u32,
    /// The last key in it.
    pub(super) pressed: At,
    /// When the last of its final words came.
    pub(super) worded: Option<At>,
    /// When it was decided to be over, unless more of it came since.
    pub(super) decided: Option<At>,
    /// How often an answer was thought of before it was over.
    pub(super) guesses: u32,
}

impl OpenTurn {
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.keys.is_empty()
    }

    /// Takes out what a reply has answered.
    pub(super) fn answered(&mut self, (text, keys): (usize, usize)) {
        let text = floor(&self.text, text);
        self.text.drain(..text);
        self.paused_at = self.paused_at.saturating_sub(text);
        if self.paused_at == 0 {
            self.pause_ms = 0;
        }
        self.keys.drain(..keys.min(self.keys.len()));
        self.noted_keys = self.noted_keys.saturating_sub(keys);
        if self.text.trim().is_empty() {
            self.text.clear();
        }
        self.guesses = 0;
        self.decided = None;
        if self.text.is_empty() {
            self.worded = None;
        }
    }

    /// The caller's last sound or key in it.
    pub(super) fn last_act(&self) -> At {
        self.spoken.max(self.pressed)
    }

    /// Adds words that were spoken `from` then `to` then. Returns how long the caller had paused within the turn before.
    pub(super) fn add(&mut self, text: &str, from: At, to: At) -> Option<u64> {
        let pause_ms = from.since(self.spoken);
        let is_pause = !self.text.is_empty() && pause_ms >= PAUSE_MS_MIN;
        if is_pause {
            self.pause_ms = self
                .pause_ms
                .max(u32::try_from(pause_ms).unwrap_or(u32::MAX));
        }
        if self.text.len() + text.len() < OPEN_BYTES_MAX {
            if !self.text.is_empty() {
                self.text.push(' ');
            }
            if is_pause {
                self.paused_at = self.text.len();
            }
            self.text.push_str(text);
            // A guess may have told the first digits.
            let told = match self.guesses {
                0 => redact::cards(&self.text),
                _ => redact::whole_cards(&self.text),
            };
            if let Cow::Owned(told) = told {
                self.text = told;
                self.paused_at = floor(&self.text, self.paused_at);
            }
        }
        self.spoken = self.spoken.max(to);
        is_pause.then_some(pause_ms)
    }

    /// The caller has paused in it.
    pub(super) fn has_pause(&self) -> bool {
        self.pause_ms > 0
    }
}

/// `at`, or where the text has a boundary before it.
fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

impl Call {
    /// More words of the turn. If there were some before, the pause between them is this caller's way of speaking.
    pub(super) fn add_words(&mut self, text: &str, from: At, to: At) {
        self.open.worded = Some(self.now);
        self.open.decided = None;
        if let Some(pause_ms) = self.open.add(text, from, to) {
            self.habits.paused(pause_ms);
        }
    }

    /// The silence after which a turn of these words is over, which begin as the open one does, ms.
    pub(super) fn silence_after(&self, text: &str) -> u32 {
        let said = Said {
            text,
            score: self.caller.score,
            paused_at: self.open.paused_at,
            pause_ms: self.open.pause_ms,
            expects: self.expects,
            asked: Asked(self.asked.each_ref().map(Option::as_deref)),
            language: self.settings.language,
            habits: self.habits,
        };
        silence_ms(&said, &self.settings.turn)
    }

    /// The caller speaks over an answer since `from`. Who begins when it has hardly begun does not answer it, but goes
    /// on with the turn that it cut: their pause was longer than we waited.
    pub(super) fn learn_from_cut_in(&mut self, from: At) {
        let answer = self.speaking.as_ref().filter(|r| r.committed);
        let Some(timing) = answer
            .map(|r| r.timing)
            .filter(|t| t.first_audio > At::START)
        else {
            return;
        };
        if from.since(timing.first_audio) < REACTION_MS {
            self.habits.paused(from.since(timing.speech_end));
        }
    }

    /// When the open turn is over.
    pub(super) fn turn_due(&self) -> Option<At> {
        let turn = &self.settings.turn;
        let words = (!self.open.text.is_empty()).then(|| {
            let wait_ms = self.silence_after(&self.open.text);
            self.open.spoken.plus(wait_ms)
        });
        let keys = (!self.open.keys.is_empty()).then(|| {
            let wait = if self.open.keys.ends_with('#') {
                0
            } else {
                turn.keys_ms
            };
            self.open.pressed.plus(wait)
        });
        words.max(keys)
    }
}
