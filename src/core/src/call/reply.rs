//! One reply of the agent, from the first thought of it to the last word heard.

use std::sync::Arc;

use super::action::Timing;
use super::event::{After, EndReason, Expects, Position, ReplyId};
use crate::time::At;

/// What brought a reply about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The start of the call: notices, then the mind.
    Opening,
    /// The caller's turn.
    Turn,
    /// The caller's silence.
    Nudge,
    /// A command, or an apology that keeps the call going.
    Notice,
    /// "I didn't catch that": worthless as soon as the words turn up after all.
    Unheard,
    /// The last words of the call.
    Ending(EndReason),
}

/// How far the mind is with a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mind {
    /// It has no part in it.
    None,
    /// It was asked and has not finished.
    Asked,
    /// It has said all it will.
    Done,
}

/// What the carrier is doing with a reply's audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Playback {
    /// Playing, or waiting for audio to play.
    On,
    /// Told to halt; where, is not known yet.
    Halting,
    /// Halted.
    Halted,
}

/// What happens to a halted reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on when the caller is quiet.
    GoOn,
    /// It is dropped.
    Drop,
    /// It says its inserted notices and then repeats the clause that was cut.
    Insert,
}

#[derive(Clone, Debug)]
pub(super) struct Clause {
    pub(super) text: Arc<str>,
    /// May not be cut by talking.
    pub(super) protected: bool,
    /// Handed to the voice.
    pub(super) said: bool,
    /// Nothing more of it will be heard: it was heard whole, or its rest was dropped.
    pub(super) over: bool,
    /// Words of it that were heard.
    pub(super) heard: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) id: ReplyId,
    pub(super) origin: Origin,
    pub(super) mind: Mind,
    pub(super) clauses: Vec<Clause>,
    pub(super) after: After,
    pub(super) expects: Expects,
    pub(super) playback: Playback,
    pub(super) fate: Fate,
    pub(super) timing: Timing,
    /// Bytes and keys of the open turn that this reply answers.
    pub(super) answers: (usize, usize),
    pub(super) committed: bool,
    pub(super) ended: bool,
    pub(super) first_audio: Option<At>,
    /// Playback last made progress.
    pub(super) progress: At,
    /// Playback was told to halt.
    pub(super) halted: Option<At>,
    /// The mind last made progress.
    pub(super) mind_progress: At,
    /// Clauses before this one are in the transcript.
    pub(super) noted: usize,
}

impl Reply {
    pub(super) fn new(id: ReplyId, origin: Origin, mind: Mind, now: At) -> Self {
        Self {
            id,
            origin,
            mind,
            clauses: Vec::new(),
            after: After::Listen,
            expects: Expects::Words,
            playback: Playback::On,
            fate: Fate::GoOn,
            timing: Timing {
                decided: now,
                ..Timing::default()
            },
            answers: (0, 0),
            committed: false,
            ended: false,
            first_audio: None,
            progress: now,
            halted: None,
            mind_progress: now,
            noted: 0,
        }
    }

    pub(super) fn push(&mut self, text: Arc<str>, protected: bool) {
        self.clauses.push(Clause {
            text,
            protected,
            said: false,
            over: false,
            heard: 0,
        });
    }

    pub(super) fn is_ending(&self) -> bool {
        matches!(self.origin, Origin::Ending(_))
    }

    /// The clause in play, or next to be, may not be cut by talking.
    pub(super) fn is_protected(&self) -> bool {
        match self.clauses.iter().find(|c| !c.over) {
            Some(clause) => clause.protected,
            None => self.is_ending(),
        }
    }

    /// Every clause was heard or given up, and the mind will send no more.
    pub(super) fn is_over(&self) -> bool {
        self.mind != Mind::Asked && self.clauses.iter().all(|c| c.over)
    }

    /// Takes the carrier's word for how far the caller has listened. Returns whether anything of the reply itself was
    /// heard, notices not counted.
    pub(super) fn heard(&mut self, position: Position, now: At) -> bool {
        let at = usize::from(position.clause);
        let Some(clause) = self.clauses.get_mut(at) else {
            return false;
        };
        if clause.over || !clause.said {
            return false;
        }
        self.progress = now.plus(position.clause_ms.saturating_sub(position.heard_ms));
        let is_notice = clause.protected;
        let whole = position.clause_ms > 0 && position.heard_ms >= position.clause_ms;
        clause.heard = clause.heard.max(words_heard(&clause.text, position));
        clause.over = whole;
        for earlier in self
            .clauses
            .iter_mut()
            .take(at)
            .filter(|c| c.said && !c.over)
        {
            earlier.heard = earlier.text.split_whitespace().count();
            earlier.over = true;
        }
        position.heard_ms > 0 && !is_notice
    }

    /// All that was said has been heard.
    pub(super) fn heard_whole(&mut self) {
        for clause in self.clauses.iter_mut().filter(|c| c.said && !c.over) {
            clause.heard = clause.text.split_whitespace().count();
            clause.over = true;
        }
    }

    /// What was heard and is not in the transcript yet.
    pub(super) fn take_heard(&mut self) -> String {
        let mut text = String::new();
        for clause in self.clauses.iter().skip(self.noted) {
            for word in clause.text.split_whitespace().take(clause.heard) {
                if !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(word);
            }
        }
        self.noted = self.clauses.len();
        text
    }

    /// Puts `notices` where the reply was halted: what follows is said again from the start of the cut clause.
    pub(super) fn insert(&mut self, notices: impl IntoIterator<Item = Arc<str>>) {
        let rest: Vec<Clause> = self
            .clauses
            .iter()
            .filter(|c| !c.over)
            .map(|c| Clause {
                said: false,
                heard: 0,
                ..c.clone()
            })
            .collect();
        for clause in &mut self.clauses {
            clause.over = true;
        }
        for notice in notices {
            self.push(notice, true);
        }
        self.clauses.extend(rest);
        self.playback = Playback::On;
        self.fate = Fate::GoOn;
        self.ended = false;
    }
}

/// Words of a clause that were heard when `heard_ms` of its `clause_ms` were played: those whose letters had all been
/// spoken by then, if speech takes equally long for each letter.
fn words_heard(text: &str, position: Position) -> usize {
    if position.heard_ms == 0 {
        return 0;
    }
    if position.heard_ms >= position.clause_ms {
        return text.split_whitespace().count();
    }
    let letters: usize = text.split_whitespace().map(|w| w.chars().count()).sum();
    let spoken =
        letters as u64 * u64::from(position.heard_ms) / u64::from(position.clause_ms.max(1));
    let mut sum = 0;
    text.split_whitespace()
        .take_while(|word| {
            sum += word.chars().count() as u64;
            sum <= spoken
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_heard_by_their_letters() {
        let at = |heard_ms| Position {
            clause: 0,
            heard_ms,
            clause_ms: 1000,
        };
        for (heard_ms, words) in [(0, 0), (499, 1), (500, 2), (999, 3), (1000, 4), (2000, 4)] {
            assert_eq!(
                words_heard("ab cd ef gh", at(heard_ms)),
                words,
                "{heard_ms}"
            );
        }
    }
}
