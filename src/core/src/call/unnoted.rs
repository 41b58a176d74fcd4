//! What the caller said and is not written down yet.
//!
//! Numbers of payment cards are taken out of words before anybody else gets them. People dictate them in pieces, so a piece
//! that ends in more digits than may be shown is held back: until what follows shows what they are, the mind is asked, or a
//! few seconds are over. Digits that stood alone in a note before are remembered, so that what completes them is not noted.

use std::collections::VecDeque;

use super::Call;
use super::action::{Action, Note};
use crate::redact;
use crate::time::At;

/// A row of so many digits at the end of words is held back.
const HELD_DIGITS_MIN: usize = redact::FIRST_SHOWN_MAX;
/// Words are held back for so long after the last of them, ms.
const HELD_MS: u32 = 5_000;
/// Most pieces that are held back: a card's number has no more digits.
const PIECES_MAX: usize = redact::CARD_DIGITS_MAX;
/// Most that is remembered of a row of digits, in bytes.
const BEFORE_BYTES_MAX: usize = 400;

#[derive(Clone, Debug)]
struct Piece {
    from: At,
    to: At,
    text: String,
    confidence: f32,
}

/// Words that wait to be noted.
#[derive(Clone, Debug, Default)]
pub(super) struct Unnoted {
    pieces: VecDeque<Piece>,
    /// The digits that ended what was noted last.
    before: String,
    /// A mind was asked ahead about more digits of the row than may be shown beside its end.
    is_told: bool,
    /// When the last piece came.
    since: At,
}

impl Unnoted {
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// All that may go on as one row of digits, if these words come next.
    pub(super) fn with(&self, words: &str) -> String {
        let mut all = self.before.clone();
        let pieces = self.pieces.iter().map(|piece| piece.text.as_str());
        for piece in pieces.chain([words]) {
            all.push(' ');
            all.push_str(piece);
        }
        all
    }

    /// A mind is asked ahead about all of it, with these words behind.
    pub(super) fn tell(&mut self, words: &str) {
        let row = redact::trailing(&self.with(words));
        self.is_told |= row.is_some_and(|(_, digits)| digits > redact::FIRST_SHOWN_MAX);
    }

    /// When what is held is noted, if nothing more comes.
    pub(super) fn due(&self) -> Option<At> {
        (!self.pieces.is_empty()).then(|| self.since.plus(HELD_MS))
    }

    /// Lets go of the first pieces but for those that may go on; of all if nothing `is_awaited`.
    fn release(&mut self, is_awaited: bool, out: &mut Vec<Action>) {
        let mut joined = std::mem::take(&mut self.before);
        let mut noted = joined.len();
        let mut ends = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            joined.push(' ');
            joined.push_str(&piece.text);
            ends.push(joined.len());
        }
        let row = redact::trailing(&joined);
        let row_at = row.map_or(joined.len(), |(at, _)| at);
        self.is_told &= row.is_some();
        let is_long = row.is_some_and(|(_, digits)| digits >= HELD_DIGITS_MIN);
        for end in ends {
            let may_stay = is_awaited && is_long && end > row_at;
            if may_stay && self.pieces.len() <= PIECES_MAX {
                break;
            }
            noted = end;
            let Some(piece) = self.pieces.pop_front() else {
                break;
            };
            let is_sign = |c: char| c.is_whitespace() || ".,;:-".contains(c);
            let text = piece.text.trim_end().trim_start_matches(is_sign);
            if !text.is_empty() {
                out.push(Action::Note(Note::CallerSaid {
                    from: piece.from,
                    to: piece.to,
                    text: text.to_owned(),
                    confidence: piece.confidence,
                }));
            }
        }
        let mut from = row_at.max(noted.saturating_sub(BEFORE_BYTES_MAX));
        while !joined.is_char_boundary(from) {
            from += 1;
        }
        self.before = joined.get(from..noted).unwrap_or_default().to_owned();
    }
}

impl Call {
    /// Notes words of the caller's, or holds them back. Returns them without what nobody else may have.
    pub(super) fn note_words(
        &mut self,
        (from, to): (At, At),
        text: &str,
        confidence: f32,
        out: &mut Vec<Action>,
    ) -> String {
        let unnoted = &mut self.unnoted;
        unnoted.since = self.now;
        unnoted.pieces.push_back(Piece {
            from,
            to,
            text: text.to_owned(),
            confidence,
        });
        let mut texts: Vec<&mut String> = unnoted.pieces.iter_mut().map(|p| &mut p.text).collect();
        redact::cards_across(&unnoted.before, &mut texts, unnoted.is_told);
        let told = unnoted.pieces.back().map(|piece| piece.text.clone());
        unnoted.release(true, out);
        told.unwrap_or_default()
    }

    /// Notes all that is held back.
    pub(super) fn release_unnoted(&mut self, out: &mut Vec<Action>) {
        if !self.unnoted.is_empty() {
            self.unnoted.release(false, out);
        }
    }

    pub(super) fn settle_unnoted(&mut self, out: &mut Vec<Action>) {
        if self.unnoted.due().is_some_and(|at| at <= self.now) {
            self.release_unnoted(out);
        }
    }

    /// The open keys as others may have them, and those of them that are not written down yet.
    pub(super) fn keys_told(&self) -> (String, String) {
        let keys = &self.open.keys;
        let told = redact::cards(keys).into_owned();
        let new = keys.get(self.open.noted_keys..).unwrap_or_default();
        let new = match (told == *keys, self.open.noted_keys) {
            (true, _) => new.to_owned(),
            (false, 0) => told.clone(),
            (false, _) if new.is_empty() => String::new(),
            (false, _) => "[card number]".to_owned(),
        };
        (told, new)
    }
}
