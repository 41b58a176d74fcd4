//! Whether and when a contact is tried again, by what came of the attempts so far.

use serde::{Deserialize, Serialize};

use super::outcome::{Leads, Outcome};
use crate::policy::Zone;

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;
/// Most attempts at a contact.
pub const ATTEMPTS_MAX: u32 = 20;
/// A pause is at most so long, ms.
pub const DELAY_MS_MAX: i64 = 60 * DAY_MS;
/// What was taken back by us is tried again after this, at least, ms.
const TAKEN_BACK_MS: i64 = 60_000;

/// How a contact is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryRules {
    /// So many attempts at most, the first with them.
    pub attempts_max: u32,
    /// So many within any 24 hours.
    pub per_day_max: u32,
    /// From the beginning of one to that of the next, ms.
    pub gap_ms: i64,
    /// After they were added, they are tried no more, ms.
    pub expire_after_ms: i64,
    /// By outcome; whatever has no rule is not tried again.
    pub rules: Vec<RetryRule>,
}

/// How a contact is tried again after one outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryRule {
    /// After this.
    pub on: Outcome,
    /// So long after the end of the attempt, ms.
    pub delay_ms: i64,
    /// So often after this outcome.
    pub again_max: u32,
    /// At a part of the day at which they were tried less.
    #[serde(default)]
    pub vary_day_part: bool,
}

/// What is wrong with rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RetryError {
    /// Attempts.
    #[error("a contact is tried 1 to {ATTEMPTS_MAX} times, and at least once a day")]
    Attempts,
    /// A length of time.
    #[error("a pause is no shorter than nothing and no longer than 60 days")]
    Delay,
    /// A rule for an outcome that has none.
    #[error("after `{}` nobody is tried again by a rule", .0.name())]
    NoRuleFor(Outcome),
    /// Two rules for one outcome.
    #[error("there are two rules for `{}`", .0.name())]
    Twice(Outcome),
}

impl Default for RetryRules {
    fn default() -> Self {
        let rule = |on, delay_ms, again_max| RetryRule {
            on,
            delay_ms,
            again_max,
            vary_day_part: on == Outcome::NoAnswer,
        };
        Self {
            attempts_max: 3,
            per_day_max: 2,
            gap_ms: 2 * HOUR_MS,
            expire_after_ms: 14 * DAY_MS,
            rules: vec![
                rule(Outcome::Busy, HOUR_MS / 4, 2),
                rule(Outcome::NoAnswer, 4 * HOUR_MS, 2),
                rule(Outcome::AnsweredMachine, DAY_MS, 1),
                rule(Outcome::Unreachable, HOUR_MS, 2),
                rule(Outcome::NetworkFailed, HOUR_MS / 6, 3),
                rule(Outcome::AgentFailed, HOUR_MS, 1),
            ],
        }
    }
}

impl RetryRules {
    /// Whether they can be kept to.
    ///
    /// # Errors
    /// [`RetryError`].
    pub fn check(&self) -> Result<(), RetryError> {
        if !(1..=ATTEMPTS_MAX).contains(&self.attempts_max) || self.per_day_max == 0 {
            return Err(RetryError::Attempts);
        }
        let is_well = |ms: i64| (0..=DELAY_MS_MAX).contains(&ms);
        let delays = self.rules.iter().map(|rule| rule.delay_ms);
        if ![self.gap_ms, self.expire_after_ms]
            .into_iter()
            .chain(delays)
            .all(is_well)
        {
            return Err(RetryError::Delay);
        }
        for (index, rule) in self.rules.iter().enumerate() {
            if rule.on.leads() != Leads::ByRule {
                return Err(RetryError::NoRuleFor(rule.on));
            }
            if self
                .rules
                .iter()
                .skip(index + 1)
                .any(|other| other.on == rule.on)
            {
                return Err(RetryError::Twice(rule.on));
            }
        }
        Ok(())
    }
}

/// An attempt at a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    /// What came of it.
    pub outcome: Outcome,
    /// When it began, ms since 1970.
    pub began_ms: i64,
    /// When it ended, ms since 1970.
    pub ended_ms: i64,
}

/// What is done with a contact next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: they were reached.
    Reached,
    /// They are called, no sooner than then, ms since 1970.
    CallAt(i64),
    /// Nothing until it is known what came of the last attempt.
    Wait,
    /// Nothing: they are given up.
    Over(Why),
}

/// Why a contact is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// They were tried as often as the campaign says.
    AttemptsUsed,
    /// They were tried as often as the campaign says after this outcome.
    OutcomeUsed,
    /// The campaign has no rule for this outcome.
    NoRule,
    /// After this outcome nobody is tried again.
    NeverAgain,
    /// It would be too late for them.
    Expired,
}

impl Why {
    /// Its name, as `attempts_used`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AttemptsUsed => "attempts_used",
            Self::OutcomeUsed => "outcome_used",
            Self::NoRule => "no_rule",
            Self::NeverAgain => "never_again",
            Self::Expired => "expired",
        }
    }
}

/// A contact of a campaign, as far as it matters when they are called again.
#[derive(Clone, Copy, Debug)]
pub struct Contact<'a> {
    /// When they were added, ms since 1970.
    pub added_ms: i64,
    /// By whose clock they live, if that is known.
    pub zone: Option<Zone>,
    /// Every attempt so far, the first first.
    pub tried: &'a [Tried],
    /// The parts of the day that the campaign's hours leave open, of [`DayPart::ALL`]; all if empty.
    pub parts: &'a [DayPart],
}

/// A part of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DayPart {
    /// Until noon.
    Morning,
    /// Until 17:00.
    Afternoon,
    /// From 17:00 on.
    Evening,
}

impl DayPart {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Morning, Self::Afternoon, Self::Evening];

    const fn of_hour(hour: i64) -> Self {
        match hour {
            ..12 => Self::Morning,
            12..17 => Self::Afternoon,
            17.. => Self::Evening,
        }
    }

    /// The part of the day at a moment by a clock.
    #[must_use]
    pub fn at(zone: Zone, unix_ms: i64) -> Self {
        let local_ms = unix_ms.saturating_add(zone.ahead_ms(unix_ms));
        Self::of_hour(local_ms.rem_euclid(DAY_MS) / HOUR_MS)
    }
}

/// What is done with a contact next.
#[must_use]
pub fn next(rules: &RetryRules, contact: &Contact<'_>) -> Next {
    let expires_ms = contact.added_ms.saturating_add(rules.expire_after_ms);
    let Some(last) = contact.tried.last() else {
        return Next::CallAt(contact.added_ms);
    };
    let counted = contact
        .tried
        .iter()
        .filter(|tried| tried.outcome.leads() != Leads::Again);
    let (again_ms, vary) = match last.outcome.leads() {
        Leads::Reached => return Next::Reached,
        Leads::Never => return Next::Over(Why::NeverAgain),
        Leads::Unknown => return Next::Wait,
        Leads::Again => (last.ended_ms.saturating_add(TAKEN_BACK_MS), false),
        Leads::ByRule => {
            let mut of_outcome = rules.rules.iter();
            let Some(rule) = of_outcome.find(|rule| rule.on == last.outcome) else {
                return Next::Over(Why::NoRule);
            };
            let alike = counted
                .clone()
                .filter(|tried| tried.outcome == last.outcome);
            if alike.count() > rule.again_max as usize {
                return Next::Over(Why::OutcomeUsed);
            }
            (
                last.ended_ms.saturating_add(rule.delay_ms),
                rule.vary_day_part,
            )
        }
    };
    if counted.count() >= rules.attempts_max as usize {
        return Next::Over(Why::AttemptsUsed);
    }
    let mut at_ms = again_ms.max(spaced(rules, contact.tried));
    if let (true, Some(zone)) = (vary, contact.zone) {
        // Where that would be too late, another time of the day is better than none.
        let varied_ms = varied(contact, zone, at_ms);
        if varied_ms <= expires_ms {
            at_ms = varied_ms;
        }
    }
    if at_ms > expires_ms {
        return Next::Over(Why::Expired);
    }
    Next::CallAt(at_ms)
}

/// The first moment at which neither the gap nor the count of a day is broken. What was taken back may have rung.
fn spaced(rules: &RetryRules, tried: &[Tried]) -> i64 {
    let rang = tried.iter().filter(|tried| tried.outcome.may_have_rung());
    let mut began: Vec<i64> = rang.map(|tried| tried.began_ms).collect();
    began.sort_unstable();
    let after =
        |ms: Option<&i64>, pause_ms: i64| ms.map_or(i64::MIN, |ms| ms.saturating_add(pause_ms));
    let nth = began.len().checked_sub(rules.per_day_max as usize);
    let nth = nth.and_then(|index| began.get(index));
    after(began.last(), rules.gap_ms).max(after(nth, DAY_MS))
}

/// The first moment from `from_ms` on that lies in a part of the day in which the contact was tried least.
fn varied(contact: &Contact<'_>, zone: Zone, from_ms: i64) -> i64 {
    let parts = match contact.parts {
        [] => &DayPart::ALL,
        parts => parts,
    };
    let tries = |part: DayPart| {
        let rang = contact
            .tried
            .iter()
            .filter(|tried| tried.outcome.may_have_rung());
        rang.filter(|tried| DayPart::at(zone, tried.began_ms) == part)
            .count()
    };
    let least = parts.iter().map(|part| tries(*part)).min();
    let is_least = |part: DayPart| parts.contains(&part) && Some(tries(part)) == least;
    // Hour by hour, so that a day on which the clocks are set has as many as it has.
    let mut at_ms = from_ms;
    for _ in 0..49 {
        if is_least(DayPart::at(zone, at_ms)) {
            return at_ms;
        }
        let local_ms = at_ms.saturating_add(zone.ahead_ms(at_ms));
        at_ms = at_ms.saturating_add(HOUR_MS - local_ms.rem_euclid(HOUR_MS));
    }
    from_ms
}

#[cfg(test)]
mod tests;
