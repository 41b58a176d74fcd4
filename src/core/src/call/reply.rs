//! One reply of the agent, from the first thought of it to the last word heard.

use std::sync::Arc;

use super::action::{Action, Note};
use super::event::{After, EndReason, Expects, Position, ReplyId};
use super::settings::Limits;
use super::timing::{Provider, Staff, Timing};
use super::tooling::{UseId, Want};
use crate::time::At;
use crate::times::WordTime;

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
    /// A sentence of an operator's.
    Asked,
    /// A sentence that bridges a silence, while a draft is awaited.
    Filler,
    /// The last words before the caller is put through.
    Transfer,
    /// What asks for keys, or presses them, while a draft waits for that.
    Prompt,
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
    /// When its first words end, as far as the voice has told, ms.
    ends: Vec<u32>,
    /// It belongs to the notice of recording.
    pub(super) notice: bool,
    /// It could not be voiced: whatever the marks say, nobody heard it.
    pub(super) lost: bool,
    /// It bridges a silence and is no part of what the reply says.
    pub(super) filler: bool,
    /// The call's own, as a filler is, but not passed over: it asks for keys, or is keys.
    pub(super) prompt: bool,
    /// It is the tones of these keys.
    pub(super) tones: Option<Arc<str>>,
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
    /// Who worked for the call when its first audio went out.
    by: Option<Arc<Staff>>,
    /// Who made the first sound of it, if not the call's voice.
    pub(super) voiced_by: Option<Provider>,
    /// Its times were told.
    is_timed: bool,
    /// Bytes and keys of the open turn that this reply answers.
    pub(super) answers: (usize, usize),
    pub(super) committed: bool,
    pub(super) ended: bool,
    pub(super) first_audio: Option<At>,
    /// Handed to the voice.
    pub(super) begun: Option<At>,
    /// Playback last made progress.
    pub(super) progress: At,
    /// Playback was told to halt.
    pub(super) halted: Option<At>,
    /// The mind last made progress.
    pub(super) mind_progress: At,
    /// Clauses before this one are in the transcript.
    pub(super) noted: usize,
    /// The saying of the notice of recording that is in it, and the sentences of that which were not heard whole.
    pub(super) notice: Option<Notice>,
    /// The mind was kept from denying what it is.
    pub(super) guarded: bool,
    /// The caller's words it was asked about before their turn was over: until that is known, it may not be heard.
    pub(super) guess: Option<String>,
    /// What the mind waits for.
    pub(super) wants: Vec<Want>,
    /// How often it wanted something.
    pub(super) rounds: u8,
    /// Uses whose results the mind knows, and the first clause that may speak of them.
    pub(super) served: Vec<(UseId, usize)>,
    /// It is no failure if the mind has nothing to say.
    pub(super) may_be_empty: bool,
}

/// The notice of recording within a reply.
#[derive(Clone, Copy, Debug)]
pub(super) struct Notice {
    /// Which saying of it.
    pub(super) number: u32,
    /// Sentences of it that have not been heard to their end.
    pub(super) left: usize,
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
                asked: now,
                ..Timing::default()
            },
            by: None,
            voiced_by: None,
            is_timed: false,
            answers: (0, 0),
            committed: false,
            ended: false,
            first_audio: None,
            begun: None,
            progress: now,
            halted: None,
            mind_progress: now,
            noted: 0,
            notice: None,
            guarded: false,
            guess: None,
            wants: Vec::new(),
            rounds: 0,
            served: Vec::new(),
            may_be_empty: false,
        }
    }

    pub(super) fn push(&mut self, text: Arc<str>, protected: bool) {
        self.clauses.push(Clause {
            text,
            protected,
            said: false,
            over: false,
            heard: 0,
            ends: Vec::new(),
            notice: false,
            lost: false,
            filler: false,
            prompt: false,
            tones: None,
        });
    }

    /// Adds the sentences of the notice of recording, for saying `number` of it.
    pub(super) fn push_notice<'a>(
        &mut self,
        number: u32,
        sentences: impl Iterator<Item = &'a Arc<str>>,
    ) {
        let before = self.clauses.len();
        for sentence in sentences {
            self.push(Arc::clone(sentence), true);
        }
        let left = self.clauses.len() - before;
        for clause in self.clauses.iter_mut().skip(before) {
            clause.notice = true;
        }
        self.notice = Some(Notice { number, left });
    }

    /// When the mind, or what it waits for, takes too long.
    pub(super) fn mind_due(&self, limits: &Limits) -> At {
        let ms = match self.wants.is_empty() {
            true => limits.mind_ms,
            false => limits.tools_ms,
        };
        self.mind_progress.plus(ms)
    }

    /// The caller hears the notice of recording, or has.
    pub(super) fn notice_has_begun(&self) -> bool {
        self.current()
            .is_none_or(|c| c.notice && (self.first_audio.is_some() || c.heard > 0))
    }

    pub(super) fn is_ending(&self) -> bool {
        matches!(self.origin, Origin::Ending(_))
    }

    /// The clause in play, or next to be, may not be cut by talking.
    pub(super) fn is_protected(&self) -> bool {
        match self.current() {
            Some(clause) => clause.protected,
            None => self.is_ending(),
        }
    }

    /// What the mind made is being said: whoever mutes it cuts this.
    pub(super) fn is_the_minds(&self) -> bool {
        !self.is_protected() && !self.is_over() && self.origin != Origin::Asked
    }

    /// Every clause was heard or given up, and the mind will send no more.
    pub(super) fn is_over(&self) -> bool {
        self.mind != Mind::Asked && self.clauses.iter().all(|c| c.over)
    }

    /// Takes the carrier's word for how far the caller has listened. Returns whether anything of the reply itself was
    /// heard, notices and fillers not counted.
    pub(super) fn heard(&mut self, position: Position, now: At) -> bool {
        let at = usize::from(position.clause);
        let Some(clause) = self.clauses.get_mut(at) else {
            return false;
        };
        if clause.over || clause.lost || !clause.said {
            return false;
        }
        self.progress = now.plus(position.clause_ms.saturating_sub(position.heard_ms));
        let is_own = !clause.protected && !clause.filler;
        let whole = position.clause_ms > 0 && position.heard_ms >= position.clause_ms;
        clause.heard = clause
            .heard
            .max(words_heard(&clause.text, &clause.ends, position));
        clause.over = whole;
        let mut of_notice = usize::from(whole && clause.notice);
        of_notice += count_heard(self.clauses.iter_mut().take(at));
        self.notice_heard(of_notice);
        position.heard_ms > 0 && is_own
    }

    /// The voice has told when the next words of a clause are said.
    pub(super) fn timed(&mut self, clause: u16, words: &[WordTime]) {
        let Some(clause) = self.clauses.get_mut(usize::from(clause)) else {
            return;
        };
        let count = clause.text.split_whitespace().count();
        for word in words.iter().take(count.saturating_sub(clause.ends.len())) {
            let last = clause.ends.last().copied().unwrap_or(0);
            clause.ends.push(word.to_ms.max(last));
        }
    }

    /// Words of its own are heard, from this moment on.
    pub(super) fn has_answered(
        &mut self,
        first_audio: At,
        by: Option<Arc<Staff>>,
        out: &mut Vec<Action>,
    ) {
        if self.answers != (0, 0) && self.timing.first_audio == At::START {
            self.timing.first_audio = first_audio.max(self.timing.decided);
            self.by = match (self.voiced_by.take(), by) {
                (Some(voice), Some(staff)) => {
                    let staff = Staff::clone(&staff);
                    Some(Arc::new(Staff { voice, ..staff }))
                }
                (_, by) => by,
            };
            out.push(Action::Note(Note::Answered {
                reply: self.id,
                timing: self.timing,
            }));
        }
    }

    /// Tells the times of the answer, once. If it was heard, the caller began to hear it at `heard`.
    pub(super) fn tell_times(&mut self, heard: Option<At>, out: &mut Vec<Action>) {
        let is_answer = self.timing.first_audio > At::START;
        if is_answer && !std::mem::replace(&mut self.is_timed, true) {
            let first_audio = self.timing.first_audio;
            self.timing.first_heard = heard.map(|at| at.max(first_audio));
            out.push(Action::Note(Note::Timed {
                reply: self.id,
                timing: self.timing,
                by: self.by.take(),
            }));
        }
    }

    /// All that was said has been heard: the carrier says so.
    pub(super) fn heard_whole(&mut self) {
        let of_notice = count_heard(self.clauses.iter_mut());
        self.notice_heard(of_notice);
    }

    /// All that was said is taken to have been heard, for want of anything better. It proves nothing about a notice.
    pub(super) fn presumed_heard(&mut self) {
        count_heard(self.clauses.iter_mut());
    }

    fn notice_heard(&mut self, sentences: usize) {
        if let Some(notice) = &mut self.notice {
            notice.left = notice.left.saturating_sub(sentences);
        }
    }

    /// The last of its sentences that were heard, the last first, notices not counted; `None` if there are none.
    pub(super) fn last_heard(&self) -> Option<[Option<Arc<str>>; 2]> {
        let mut heard = self
            .clauses
            .iter()
            .rev()
            .filter(|c| c.heard > 0 && !c.protected && !c.filler)
            .map(|c| Arc::clone(&c.text));
        let last = heard.next()?;
        Some([Some(last), heard.next()])
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

    /// Puts `notices` where the reply was halted: what follows is said again from the start of the cut clause. A notice
    /// of recording that has become pointless is not.
    pub(super) fn insert(&mut self, notices: impl IntoIterator<Item = Arc<str>>, is_decided: bool) {
        let rest = self.take_rest(|c| !(c.notice && is_decided));
        for notice in notices {
            self.push(notice, true);
        }
        self.clauses.extend(rest);
        self.playback = Playback::On;
        self.fate = Fate::GoOn;
    }

    /// Takes out what is left to be said, fillers not counted, to be said again.
    pub(super) fn take_rest(&mut self, is_wanted: impl Fn(&Clause) -> bool) -> Vec<Clause> {
        let left = self.clauses.iter().filter(|c| !c.over && !c.filler);
        let rest = left
            .filter(|c| is_wanted(c))
            .map(|c| Clause {
                said: false,
                heard: 0,
                ends: Vec::new(),
                lost: false,
                ..c.clone()
            })
            .collect();
        for clause in &mut self.clauses {
            clause.over = true;
        }
        self.ended = false;
        rest
    }
}

/// Counts what was said of these clauses as heard. Returns how many of them were of the notice of recording.
fn count_heard<'a>(clauses: impl Iterator<Item = &'a mut Clause>) -> usize {
    let mut of_notice = 0;
    for clause in clauses.filter(|c| c.said && !c.over && !c.lost) {
        clause.heard = clause.text.split_whitespace().count();
        clause.over = true;
        of_notice += usize::from(clause.notice);
    }
    of_notice
}

/// Words of a clause that were heard when `heard_ms` of its `clause_ms` were played: those that had ended by then. `ends`
/// tells when the first of them end; of the rest, those whose letters had all been spoken, if speech takes equally long
/// for each letter.
fn words_heard(text: &str, ends: &[u32], position: Position) -> usize {
    let Position {
        heard_ms,
        clause_ms,
        ..
    } = position;
    if heard_ms == 0 {
        return 0;
    }
    if heard_ms >= clause_ms {
        return text.split_whitespace().count();
    }
    let known = ends.iter().take_while(|end| **end <= heard_ms).count();
    if known < ends.len() {
        return known;
    }
    let from_ms = ends.last().copied().unwrap_or(0);
    let rest = text.split_whitespace().skip(known);
    let letters: usize = rest.clone().map(|w| w.chars().count()).sum();
    let (heard_ms, left_ms) = (heard_ms - from_ms, clause_ms.saturating_sub(from_ms).max(1));
    let spoken = letters as u64 * u64::from(heard_ms) / u64::from(left_ms);
    let mut sum = 0;
    let by_letters = rest.take_while(|word| {
        sum += word.chars().count() as u64;
        sum <= spoken
    });
    known + by_letters.count()
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
                words_heard("ab cd ef gh", &[], at(heard_ms)),
                words,
                "{heard_ms}"
            );
        }
    }

    #[test]
    fn words_are_heard_when_the_voice_says_that_they_end() {
        let at = |heard_ms| Position {
            clause: 0,
            heard_ms,
            clause_ms: 1000,
        };
        for (ends, heard_ms, words) in [
            (&[50, 700, 710, 1000][..], 49, 0),
            (&[50, 700, 710, 1000], 50, 1),
            (&[50, 700, 710, 1000], 699, 1),
            (&[50, 700, 710, 1000], 999, 3),
            // Nothing is known of the last two but that 300 ms are left for them.
            (&[50, 700], 700, 2),
            (&[50, 700], 849, 2),
            (&[50, 700], 850, 3),
            (&[50, 700], 1000, 4),
            // A voice that says nonsense.
            (&[2000, 2000, 2000], 999, 0),
            (&[2000], 1000, 4),
        ] {
            let heard = words_heard("ab cd ef gh", ends, at(heard_ms));
            assert_eq!(heard, words, "{ends:?} {heard_ms}");
        }
    }
}
