//! Thinking ahead: an answer to words that look finished, while it is not known yet that the turn is over.
//!
//! Such a draft is a *guess*. It costs a request and the voice of one clause, and has no other effect: it is not heard, and
//! what its mind did for it does not hold, before the turn is over with the very words it was asked about. Other words, or
//! none, and it is cancelled.

use super::Call;
use super::action::{Action, Ask};
use super::reply::{Mind, Origin};
use crate::redact;

impl Call {
    /// Asks the mind about words that look finished.
    pub(super) fn think_ahead(&mut self, out: &mut Vec<Action>) {
        let is_guess = self.drafting.as_ref().is_some_and(|r| r.guess.is_some());
        if is_guess && self.caller.is_quiet() && !self.guessed_right() {
            // All verdicts are there, and nobody said that.
            self.cancel_draft(out);
        }
        let Some((text, guessed)) = self.finished_looking() else {
            return;
        };
        self.unnoted.tell(&guessed);
        let mut draft = self.new_reply(Origin::Turn, Mind::Asked);
        self.open.guesses += 1;
        draft.guess = Some(text.clone());
        out.push(Action::Think {
            reply: draft.id,
            ask: Ask::Answer {
                text,
                keys: String::new(),
                guessed,
            },
        });
        self.drafting = Some(draft);
    }

    /// All words of the turn so far, if the caller is silent after them and nothing says that they go on; and those at their
    /// end that are no verdict yet.
    fn finished_looking(&self) -> Option<(String, String)> {
        let turn = &self.settings.turn;
        let is_free = self.open.guesses < turn.drafts_max
            && self.drafting.is_none()
            && self.speaking.is_none()
            && self.ending.is_none()
            && self.notices.is_empty()
            && self.asked_says.is_empty()
            && self.open.keys.is_empty()
            && !self.owes_opening
            && self.may_ask_mind();
        if !is_free {
            return None;
        }
        // What was begun before consent was decided may be its answer, and that is nothing for a mind.
        let is_after = self.decided.is_some_and(|at| self.caller.from > at);
        let guessed = match self.caller.is_quiet() {
            true => "",
            false => self.caller.whole_partial().filter(|_| is_after)?,
        };
        let text = joined(&self.open.text, guessed);
        // It may become a number that no mind gets.
        if redact::has_card(&text) || redact::is_most_of_card(&self.unnoted.with(guessed)) {
            return None;
        }
        let is_finished = !text.is_empty() && self.silence_after(&text) <= turn.unscored_ms;
        is_finished.then(|| (text, guessed.to_owned()))
    }

    /// The turn is over: the guess becomes its answer if it was right, and otherwise the mind is asked now.
    pub(super) fn answer_turn(&mut self, out: &mut Vec<Action>) {
        let (text, keys) = (self.open.text.clone(), self.open.keys.clone());
        let is_right = self.guessed_right() && keys.is_empty();
        let (now, spoken, words) = (self.now, self.open.last_act(), self.open.worded);
        let decided = *self.open.decided.get_or_insert(now);
        self.release_unnoted(out);
        if let Some(draft) = self.drafting.as_mut().filter(|_| is_right) {
            draft.guess = None;
            draft.answers = (text.len(), 0);
            draft.mind_progress = now;
            draft.timing.speech_end = spoken;
            draft.timing.words = words;
            draft.timing.decided = decided;
            draft.timing.is_ahead = true;
            self.fillers.count = 0;
            return;
        }
        self.cancel_draft(out);
        let guessed = String::new();
        let ask = Ask::Answer {
            text,
            keys,
            guessed,
        };
        self.think(ask, out);
    }

    /// The draft is a guess, at the words that the turn has now.
    pub(super) fn guessed_right(&self) -> bool {
        let guess = self.drafting.as_ref().and_then(|r| r.guess.as_deref());
        guess.is_some_and(|guess| are_same(guess, &self.open.text))
    }

    /// The recogniser has other words now: the guess is not worth finishing.
    pub(super) fn doubt_guess(&mut self, out: &mut Vec<Action>) {
        let Some(guess) = self.drafting.as_ref().and_then(|r| r.guess.as_deref()) else {
            return;
        };
        if !are_same(guess, &joined(&self.open.text, &self.caller.partial)) {
            self.cancel_draft(out);
        }
    }

    /// Nothing came of a guess. It will be asked for when the turn is over.
    pub(super) fn drop_guess(&mut self, out: &mut Vec<Action>) {
        self.open.guesses = u32::MAX;
        self.cancel_draft(out);
    }
}

fn joined(open: &str, partial: &str) -> String {
    match (open, partial) {
        ("", words) | (words, "") => words.to_owned(),
        (open, partial) => format!("{open} {partial}"),
    }
}

/// The same words, however they are written.
fn are_same(one: &str, other: &str) -> bool {
    let words = |text: &'_ str| -> Vec<String> {
        let words = text.split_whitespace().map(|word| {
            let letters = word.chars().filter(|c| c.is_alphanumeric());
            letters.flat_map(char::to_lowercase).collect::<String>()
        });
        words.filter(|word| !word.is_empty()).collect()
    };
    words(one) == words(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_same_however_they_are_written() {
        for (one, other, same) in [
            ("On Monday, please.", "on monday please", true),
            ("It's at 3.", "Its at 3", true),
            ("On Monday.", "On Monday. And", false),
            ("", "...", true),
            ("On Monday", "Monday on", false),
        ] {
            assert_eq!(are_same(one, other), same, "{one:?} {other:?}");
        }
    }
}
