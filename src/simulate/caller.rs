//! The caller: what they do next, by what they hear. Scripted callers and played ones wait for the same moments, in text as
//! in sound.

#[cfg(test)]
mod tests;

use super::scenario::Step;

/// A polite caller speaks so long after the agent has finished, ms.
const POLITE_MS: u64 = 800;
/// A caller who is not answered goes on after so long, ms.
const UNANSWERED_MS: u64 = 12_000;
/// For a moment that does not come, a caller waits so long, ms.
const PATIENCE_MS: u64 = 60_000;
/// After their last step, they give the agent so long to end the call, ms.
const LAST_MS: u64 = 5_000;

/// When something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The agent has answered and finished.
    Polite,
    /// The agent has been speaking for so long, ms.
    Over(u64),
}

/// One step of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Says this.
    Say(String, When),
    /// Presses these keys.
    Press(String, When),
    /// Says nothing for so long, ms, once the agent has finished.
    Silence(u64),
    /// Waits until the agent has said this.
    WaitFor(String),
    /// Hangs up.
    HangUp(When),
}

/// What is wrong with a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongStep {
    /// It says nothing to do, or several things.
    #[error("a step has exactly one of `say`, `press`, `silence_ms`, `wait_for` and `hang_up`")]
    NotOne,
    /// It does nothing.
    #[error("this step does nothing; leave it out")]
    Nothing,
    /// There is no such key.
    #[error("keys are 0 to 9, *, # and A to D")]
    Keys,
    /// It interrupts with nothing.
    #[error("`interrupt_after_ms` belongs to `say`, `press` or `hang_up`")]
    Interrupts,
    /// It lasts too long.
    #[error("it lasts longer than an hour")]
    TooLong,
}

impl TryFrom<&Step> for Deed {
    type Error = WrongStep;

    fn try_from(step: &Step) -> Result<Self, WrongStep> {
        let when = step.interrupt_after_ms.map_or(When::Polite, When::Over);
        let say = step.say.as_deref().map(str::trim);
        let all = [
            say.map(|words| Self::Say(words.to_owned(), when)),
            step.press.clone().map(|keys| Self::Press(keys, when)),
            step.silence_ms.map(Self::Silence),
            step.wait_for.clone().map(Self::WaitFor),
            (step.hang_up == Some(true)).then_some(Self::HangUp(when)),
        ];
        let mut given = all.into_iter().flatten();
        let (Some(deed), None) = (given.next(), given.next()) else {
            return Err(WrongStep::NotOne);
        };
        let waits = matches!(deed, Self::Silence(_) | Self::WaitFor(_));
        if waits && when != When::Polite {
            return Err(WrongStep::Interrupts);
        }
        deed.checked()
    }
}

impl Deed {
    fn checked(self) -> Result<Self, WrongStep> {
        const HOUR_MS: u64 = 3_600_000;
        match &self {
            Self::Say(words, _) | Self::WaitFor(words) if words.trim().is_empty() => {
                return Err(WrongStep::Nothing);
            }
            Self::Press(keys, _) if keys.is_empty() => return Err(WrongStep::Nothing),
            Self::Press(keys, _) if !keys.chars().all(is_key) => return Err(WrongStep::Keys),
            Self::Silence(ms) if *ms > HOUR_MS => return Err(WrongStep::TooLong),
            Self::Say(_, When::Over(ms))
            | Self::Press(_, When::Over(ms))
            | Self::HangUp(When::Over(ms))
                if *ms > HOUR_MS =>
            {
                return Err(WrongStep::TooLong);
            }
            Self::Say(..)
            | Self::Press(..)
            | Self::Silence(_)
            | Self::WaitFor(_)
            | Self::HangUp(_) => {}
        }
        Ok(self)
    }
}

fn is_key(key: char) -> bool {
    matches!(key, '0'..='9' | '*' | '#' | 'A'..='D')
}

/// What a caller knows of the call.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// What time it is.
    pub now_ms: u64,
    /// Since when the agent can be heard; `None` while it cannot.
    pub agent_since_ms: Option<u64>,
    /// When it was heard last.
    pub quiet_since_ms: u64,
    /// The caller is still doing what they did last.
    pub is_busy: bool,
    /// The agent is at work on an answer, as far as that is known.
    pub is_working: bool,
    /// Somebody is being called for them.
    pub is_calling: bool,
    /// What the agent has said so far.
    pub heard: &'a [String],
}

/// What the caller does now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// Nothing, until then at the latest.
    Wait(Option<u64>),
    /// Begins to say this.
    Say(String),
    /// Presses these keys.
    Press(String),
    /// Hangs up.
    HangUp,
    /// Is asked what they do: they are played. [`Caller::decided`] takes the answer.
    Ask,
}

/// Who decides what the caller does.
#[derive(Debug)]
enum Plan {
    Script(std::vec::IntoIter<Deed>),
    /// A persona, with the turns that it has left.
    Played {
        turns_left: u32,
    },
}

/// The caller of one call.
#[derive(Debug)]
pub struct Caller {
    plan: Plan,
    /// What is done next, once its moment has come.
    next: Option<Deed>,
    /// When what was done last was over.
    done_ms: u64,
    /// Since when the next thing waits.
    waits_since_ms: Option<u64>,
    /// Since when a silence lasts.
    silent_since_ms: Option<u64>,
    /// What the agent had said when the caller last did something.
    heard: usize,
    /// Nothing is left to do.
    is_through: bool,
    undone: Option<String>,
}

impl Caller {
    /// One with a script.
    pub fn scripted(script: Vec<Deed>) -> Self {
        Self::new(Plan::Script(script.into_iter()))
    }

    /// One who is played, for at most so many turns.
    pub fn played(turns_max: u32) -> Self {
        Self::new(Plan::Played {
            turns_left: turns_max,
        })
    }

    fn new(plan: Plan) -> Self {
        Self {
            plan,
            next: None,
            done_ms: 0,
            waits_since_ms: None,
            silent_since_ms: None,
            heard: 0,
            is_through: false,
            undone: None,
        }
    }

    /// What could not be done, since its moment did not come.
    pub fn undone(&self) -> Option<&str> {
        self.undone.as_deref()
    }

    /// The call ended: what is left of the script could not be done.
    pub fn cut_short(&mut self) {
        let Plan::Script(rest) = &mut self.plan else {
            return;
        };
        let mut left = self.next.take().into_iter().chain(rest);
        let is_missed = |left: &Deed| !matches!(left, Deed::HangUp(_) | Deed::Silence(_));
        if let Some(left) = left.find(is_missed) {
            let what = format!("the call was over before the caller could {left}");
            self.undone.get_or_insert(what);
        }
    }

    /// What the caller was asked to do was begun; they are at it until then.
    pub fn did(&mut self, until_ms: u64) {
        self.done_ms = until_ms;
        self.waits_since_ms = None;
        self.silent_since_ms = None;
    }

    /// What a caller who is played does next, after [`Move::Ask`].
    pub fn decided(&mut self, deed: Deed) {
        self.next = Some(deed);
    }

    /// What the caller does now.
    pub fn poll(&mut self, view: &View<'_>) -> Move {
        if view.is_busy {
            return Move::Wait(None);
        }
        let waits_since = *self.waits_since_ms.get_or_insert(view.now_ms);
        if self.next.is_none() {
            match self.choose(view) {
                Ok(next) => self.next = next,
                Err(chosen) => return chosen,
            }
        }
        let Some(next) = self.next.clone() else {
            return self.last(view);
        };
        match next {
            Deed::Silence(ms) => self.keep_silent(view, ms),
            Deed::WaitFor(words) => self.wait_for(view, &words, waits_since),
            Deed::Say(_, when) | Deed::Press(_, when) | Deed::HangUp(when) => {
                match self.comes(view, when, waits_since) {
                    Ok(()) => self.do_it(view),
                    Err(until) => Move::Wait(until),
                }
            }
        }
    }

    fn do_it(&mut self, view: &View<'_>) -> Move {
        self.heard = view.heard.len();
        match self.next.take() {
            Some(Deed::Say(words, _)) => Move::Say(words),
            Some(Deed::Press(keys, _)) => Move::Press(keys),
            Some(Deed::HangUp(_) | Deed::Silence(_) | Deed::WaitFor(_)) | None => Move::HangUp,
        }
    }

    /// The next step; `Err` for what is to be done to know it.
    fn choose(&mut self, view: &View<'_>) -> Result<Option<Deed>, Move> {
        match &mut self.plan {
            Plan::Script(steps) => Ok(steps.next()),
            Plan::Played { turns_left: 0 } => Ok(Some(Deed::HangUp(When::Polite))),
            Plan::Played { turns_left } => {
                let left = *turns_left - 1;
                let since = self.waits_since_ms.unwrap_or(view.now_ms);
                if let Err(until) = self.comes(view, When::Polite, since) {
                    return Err(Move::Wait(until));
                }
                self.plan = Plan::Played { turns_left: left };
                Err(Move::Ask)
            }
        }
    }

    /// Whether the moment has come; until when to wait, if not.
    fn comes(&mut self, view: &View<'_>, when: When, waits_since: u64) -> Result<(), Option<u64>> {
        match when {
            When::Polite => self.polite(view, POLITE_MS, waits_since),
            When::Over(ms) => {
                if let Some(since) = view.agent_since_ms {
                    let at = since.max(self.done_ms) + ms;
                    return if view.now_ms >= at {
                        Ok(())
                    } else {
                        Err(Some(at))
                    };
                }
                let until = waits_since + PATIENCE_MS;
                if view.now_ms < until {
                    return Err(Some(until));
                }
                let what = format!("the agent did not speak for {ms} ms, to be interrupted");
                self.undone.get_or_insert(what);
                Ok(())
            }
        }
    }

    /// Whether the agent has answered what was done last, and has been quiet for so long; or does not answer.
    fn polite(&self, view: &View<'_>, quiet_ms: u64, waits_since: u64) -> Result<(), Option<u64>> {
        if view.agent_since_ms.is_some() || view.is_working {
            return Err(None);
        }
        let is_answered = view.quiet_since_ms > self.done_ms;
        let at = if is_answered {
            view.quiet_since_ms + quiet_ms
        } else {
            waits_since.max(view.quiet_since_ms) + UNANSWERED_MS
        };
        if view.now_ms >= at {
            Ok(())
        } else {
            Err(Some(at))
        }
    }

    fn keep_silent(&mut self, view: &View<'_>, ms: u64) -> Move {
        if self.silent_since_ms.is_none() {
            let waits_since = self.waits_since_ms.unwrap_or(view.now_ms);
            if let Err(until) = self.polite(view, 0, waits_since) {
                return Move::Wait(until);
            }
        }
        let since = *self
            .silent_since_ms
            .get_or_insert(view.quiet_since_ms.max(self.done_ms));
        let until = since + ms;
        if view.now_ms < until {
            return Move::Wait(Some(until));
        }
        // What the agent said meanwhile was no answer to anything.
        self.next = None;
        self.did(view.quiet_since_ms.saturating_sub(1));
        self.heard = view.heard.len();
        self.poll(view)
    }

    fn wait_for(&mut self, view: &View<'_>, words: &str, waits_since: u64) -> Move {
        let fresh = view.heard.get(self.heard..).unwrap_or_default();
        if fresh.iter().any(|said| holds(said, words)) {
            self.next = None;
            return self.poll(view);
        }
        let until = waits_since + PATIENCE_MS;
        if view.now_ms < until {
            return Move::Wait(Some(until));
        }
        let what = format!(
            "the agent did not say {words:?} in {} s",
            PATIENCE_MS / 1_000
        );
        self.undone.get_or_insert(what);
        Move::HangUp
    }

    /// After the last step the agent has the last word, if it wants it.
    fn last(&mut self, view: &View<'_>) -> Move {
        self.is_through = true;
        if view.is_calling {
            return Move::Wait(None);
        }
        let since = self.waits_since_ms.unwrap_or(view.now_ms);
        match self.polite(view, LAST_MS, since) {
            Ok(()) => Move::HangUp,
            Err(until) => Move::Wait(until),
        }
    }
}

impl std::fmt::Display for Deed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Say(words, _) => write!(f, "say {words:?}"),
            Self::Press(keys, _) => write!(f, "press {keys}"),
            Self::Silence(ms) => write!(f, "be silent for {ms} ms"),
            Self::WaitFor(words) => write!(f, "hear {words:?}"),
            Self::HangUp(_) => f.write_str("hang up"),
        }
    }
}

/// Whether a text holds these words: case, punctuation and blanks are not looked at.
pub fn holds(text: &str, words: &str) -> bool {
    let plain = |text: &str| {
        let mut plain = String::from(" ");
        for word in text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|w| !w.is_empty())
        {
            plain.push_str(&word.to_lowercase());
            plain.push(' ');
        }
        plain
    };
    let words = plain(words);
    words.len() > 1 && plain(text).contains(&words)
}
