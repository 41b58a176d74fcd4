//! The gate between a caller and whatever stores. Only it makes a [`Granted`].

use serde::{Deserialize, Serialize};

use super::{ConsentPlan, Mode, OnWithdrawal};
use crate::journal::Step;
use crate::time::At;

/// Silence after the notice that may count as agreement, however little a plan asks for.
const SILENCE_MS_MIN: u32 = 2_000;
/// An answer may take this long, however little a plan asks for.
const ANSWER_MS_MIN: u32 = 1_000;
/// A notice that was cut or lost is said again; so often in all.
const TRIES_MAX: u8 = 2;

/// Proof that what the caller says from a moment on may be stored.
///
/// It can be neither made nor copied outside this module: whoever stores borrows it from the call, which drops it with
/// the first objection.
#[derive(Debug)]
pub struct Granted {
    since: At,
    method: Method,
}

impl Granted {
    /// Nothing that began before this moment is covered.
    pub fn since(&self) -> At {
        self.since
    }

    /// How it was given.
    pub fn method(&self) -> Method {
        self.method
    }

    fn mint(since: At, method: Method) -> Self {
        Self { since, method }
    }

    /// A grant for the unit tests of those who store; the product has no other way than the gate.
    #[cfg(test)]
    pub(crate) fn for_test(since: At) -> Self {
        Self::mint(since, Method::Silence)
    }
}

/// How consent was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The caller heard the whole notice and stayed silent.
    Silence,
    /// The caller heard the whole notice and went on talking without objecting.
    WentOn,
    /// The caller said yes to the question.
    SaidYes,
    /// The caller pressed the key for yes.
    PressedYes,
}

/// Why nothing is stored, or nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The rule or the client's policy stores nothing of this call; nobody was asked.
    NotAsked,
    /// The caller objected in words.
    Objected,
    /// The caller objected by key.
    PressedNo,
    /// The question was answered with no.
    SaidNo,
    /// The answer was not understood, twice.
    Unclear,
    /// There was no answer.
    NoAnswer,
    /// The caller does not want to be called again; nothing of them is kept but that.
    OptedOut,
    /// The notice could not be played to its end.
    NotHeard,
    /// A machine answered: there was nobody to agree.
    NoPerson,
    /// The call ended first.
    Ended,
}

/// What somebody said to the notice, as far as consent goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Yes.
    Yes,
    /// No.
    No,
    /// Words that neither agree nor object.
    Words,
    /// A greeting, or a sign of listening.
    Sign,
    /// The recogniser is unsure of it, or the speaker did not understand.
    Unclear,
}

/// One turn of the caller's, from the first sound to the last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spoken {
    pub(crate) from: At,
    pub(crate) to: At,
    pub(crate) meaning: Meaning,
}

/// One saying of the notice. Each that is begun has a number of its own.
#[derive(Clone, Copy, Debug)]
struct Round {
    number: u32,
    /// The question after an unclear answer.
    again: bool,
    /// Sayings of these words that were not heard whole.
    lost: u8,
    /// The caller began to hear it.
    from: Option<At>,
    /// Something was said over it that needs asking again: its start.
    doubt: Option<At>,
}

#[derive(Debug)]
enum State {
    /// The notice has not been heard whole.
    Announcing(Round),
    /// It has, at this moment.
    Heard(Round, At),
    Granted(Granted),
    /// Refused.
    Closed,
    Withdrawn,
}

/// The state of one call's consent. What it is told are facts; that they are in time is for it to check.
///
/// Where the rules leave room it takes the strict reading:
///
/// - a notice counts when all of it was heard, by the carrier's word; otherwise it is said again, and then given up;
/// - silence agrees only to the first notice of the two announcing modes, and counts from the end of all other sound;
/// - an utterance agrees only if it ends after the whole notice was heard, a *yes* to a question only if it begins after;
/// - a *no* counts from the moment the notice began; an objection counts always;
/// - once asked again, only a clear answer opens.
#[derive(Debug)]
pub(crate) struct Gate {
    /// A yes is needed from the start.
    affirmative: bool,
    silence_ms: u32,
    answer_ms: u32,
    erase: bool,
    state: State,
}

impl Gate {
    /// A gate that waits for its notice; shut for good where nothing is to be stored or there are no words to say.
    pub(crate) fn new(plan: &ConsentPlan) -> Self {
        let round = Round {
            number: 0,
            again: false,
            lost: 0,
            from: None,
            doubt: None,
        };
        let waits = plan.asks() && plan.opening().next().is_some();
        Self {
            affirmative: plan.mode == Some(Mode::Affirmative),
            silence_ms: plan.silence_ms.max(SILENCE_MS_MIN),
            answer_ms: plan.answer_ms.max(ANSWER_MS_MIN),
            erase: plan.on_withdrawal == OnWithdrawal::Erase,
            state: if waits {
                State::Announcing(round)
            } else {
                State::Closed
            },
        }
    }

    pub(crate) fn granted(&self) -> Option<&Granted> {
        match &self.state {
            State::Granted(granted) => Some(granted),
            State::Announcing(_) | State::Heard(..) | State::Closed | State::Withdrawn => None,
        }
    }

    /// Something was stored until the caller objected.
    pub(crate) fn was_withdrawn(&self) -> bool {
        matches!(self.state, State::Withdrawn)
    }

    pub(crate) fn is_decided(&self) -> bool {
        self.round().is_none()
    }

    /// The number of the saying that must be heard next, and whether it is the question that is asked again.
    pub(crate) fn owes(&self) -> Option<(u32, bool)> {
        match &self.state {
            State::Announcing(round) => Some((round.number, round.again)),
            State::Heard(..) | State::Granted(_) | State::Closed | State::Withdrawn => None,
        }
    }

    /// The caller is or will be asked a question, so that yes and no mean something.
    pub(crate) fn is_question(&self) -> bool {
        self.round().is_some_and(|r| self.affirmative || r.again)
    }

    fn round(&self) -> Option<Round> {
        match &self.state {
            State::Announcing(round) | State::Heard(round, _) => Some(*round),
            State::Granted(_) | State::Closed | State::Withdrawn => None,
        }
    }

    /// The caller begins to hear the notice.
    pub(crate) fn notice_began(&mut self, now: At) {
        if let State::Announcing(round) = &mut self.state {
            round.from.get_or_insert(now);
        }
    }

    /// The last word of the notice was heard.
    pub(crate) fn notice_heard(&mut self, now: At) -> Vec<Step> {
        let State::Announcing(round) = self.state else {
            return Vec::new();
        };
        self.state = State::Heard(round, now);
        let mut steps = vec![Step::Announced {
            from_ms: round.from.unwrap_or(now).ms(),
            again: round.again,
        }];
        if let Some(from) = round.doubt.filter(|_| !round.again) {
            steps.extend(self.unclear(from));
        }
        steps
    }

    /// The notice has ended and not all of it was heard.
    pub(crate) fn notice_lost(&mut self) -> Option<Step> {
        let State::Announcing(round) = &mut self.state else {
            return None;
        };
        round.lost += 1;
        round.number += 1;
        if round.lost < TRIES_MAX {
            return None;
        }
        self.refuse(Refusal::NotHeard)
    }

    /// Something else was said after the question: it is said once more, and answers count from its new end.
    pub(crate) fn repeat_question(&mut self) {
        if let State::Heard(round, _) = self.state
            && self.is_question()
        {
            self.state = State::Announcing(Round {
                number: round.number + 1,
                from: None,
                ..round
            });
        }
    }

    /// A turn of the caller's is over.
    pub(crate) fn spoke(&mut self, said: Spoken, now: At) -> Option<Step> {
        match self.state {
            State::Announcing(round) => self.spoke_over(round, said),
            State::Heard(round, heard) if said.to <= heard => self.spoke_over(round, said),
            State::Heard(round, heard) => self.answered(round, heard, said, now),
            State::Granted(_) | State::Closed | State::Withdrawn => None,
        }
    }

    /// The turn ended before the notice did: nothing in it agrees.
    fn spoke_over(&mut self, round: Round, said: Spoken) -> Option<Step> {
        let is_about_it = round.again || round.from.is_some_and(|from| said.to > from);
        if !is_about_it {
            return None;
        }
        let is_early_yes = said.meaning == Meaning::Yes
            && self.is_question()
            && round.from.is_some_and(|from| said.from >= from);
        match said.meaning {
            Meaning::No => return self.refuse(Refusal::SaidNo),
            // Where a yes is needed anyway, noise over the question need not be asked about.
            Meaning::Unclear if !self.is_question() => {}
            Meaning::Yes if is_early_yes => {}
            Meaning::Yes | Meaning::Unclear | Meaning::Words | Meaning::Sign => return None,
        }
        match &mut self.state {
            State::Announcing(round) => {
                round.doubt.get_or_insert(said.from);
                None
            }
            State::Heard(round, _) if !round.again => self.unclear(said.from),
            State::Heard(..) | State::Granted(_) | State::Closed | State::Withdrawn => None,
        }
    }

    fn answered(&mut self, round: Round, heard: At, said: Spoken, now: At) -> Option<Step> {
        let began_after = said.from >= heard;
        match said.meaning {
            Meaning::No => self.refuse(Refusal::SaidNo),
            Meaning::Yes if self.is_question() && began_after => self.grant(Method::SaidYes, now),
            // Asked a second time already: a clear answer may still come in time.
            Meaning::Yes if self.affirmative && round.again => None,
            Meaning::Yes | Meaning::Words if !self.affirmative => self.grant(Method::WentOn, now),
            Meaning::Sign if !self.is_question() => None,
            Meaning::Yes | Meaning::Words | Meaning::Sign | Meaning::Unclear => {
                self.unclear(said.from)
            }
        }
    }

    /// The key for yes. It means nothing where there is no question.
    pub(crate) fn pressed_yes(&mut self, now: At) -> Option<Step> {
        if !self.is_question() {
            return None;
        }
        match &mut self.state {
            State::Heard(_, heard) if now >= *heard => self.grant(Method::PressedYes, now),
            State::Announcing(round) if round.from.is_some() => {
                round.doubt.get_or_insert(now);
                None
            }
            State::Heard(..)
            | State::Announcing(_)
            | State::Granted(_)
            | State::Closed
            | State::Withdrawn => None,
        }
    }

    /// Any other key, pressed after a question.
    pub(crate) fn pressed_other(&mut self, now: At) -> Option<Step> {
        match &self.state {
            State::Heard(..) if self.is_question() => self.unclear(now),
            State::Heard(..)
            | State::Announcing(_)
            | State::Granted(_)
            | State::Closed
            | State::Withdrawn => None,
        }
    }

    /// When silence decides, if nobody has made a sound since `quiet_since`.
    pub(crate) fn silence_due(&self, quiet_since: At) -> Option<At> {
        let State::Heard(_, heard) = &self.state else {
            return None;
        };
        let wait_ms = if self.is_question() {
            self.answer_ms
        } else {
            self.silence_ms
        };
        Some(quiet_since.max(*heard).plus(wait_ms))
    }

    /// Nobody has made a sound since `quiet_since`.
    pub(crate) fn silent(&mut self, quiet_since: At, now: At) -> Option<Step> {
        if self.silence_due(quiet_since).is_none_or(|due| due > now) {
            return None;
        }
        match self.round()? {
            round if round.again => self.refuse(Refusal::NoAnswer),
            round if self.affirmative => {
                self.ask_again(round);
                None
            }
            _ => self.grant(Method::Silence, now),
        }
    }

    /// The caller does not want it, with what began at `from`: refused, or withdrawn.
    pub(crate) fn objected(&mut self, class: Refusal, from: At) -> Option<Step> {
        match self.state {
            State::Announcing(_) | State::Heard(..) => self.refuse(class),
            State::Granted(_) => {
                self.state = State::Withdrawn;
                let erase = self.erase;
                Some(Step::Withdrawn {
                    class,
                    erase,
                    from_ms: from.ms(),
                })
            }
            State::Closed | State::Withdrawn => None,
        }
    }

    /// The call is about to end: what is undecided is refused.
    pub(crate) fn ended(&mut self) -> Option<Step> {
        match self.state {
            State::Announcing(_) | State::Heard(..) => self.refuse(Refusal::Ended),
            State::Granted(_) | State::Closed | State::Withdrawn => None,
        }
    }

    fn unclear(&mut self, from: At) -> Option<Step> {
        let round = self.round()?;
        if round.again {
            return self.refuse(Refusal::Unclear);
        }
        self.ask_again(round);
        Some(Step::Unclear { from_ms: from.ms() })
    }

    fn ask_again(&mut self, round: Round) {
        self.state = State::Announcing(Round {
            number: round.number + 1,
            again: true,
            lost: 0,
            from: None,
            doubt: None,
        });
    }

    fn refuse(&mut self, class: Refusal) -> Option<Step> {
        self.state = State::Closed;
        Some(Step::Refused { class })
    }

    /// What began by now is from before the grant.
    fn grant(&mut self, method: Method, now: At) -> Option<Step> {
        self.state = State::Granted(Granted::mint(now.plus(1), method));
        Some(Step::Granted { method })
    }
}

#[cfg(test)]
mod tests;
