//! How often somebody may be called.
//!
//! Some count conversations or refusals instead, after which nobody is called for a time.
//!
//! Every call that was asked for counts, answered or not, whatever it was about and whichever campaign it belonged to: the
//! rows of the pack that count by subject or by caller are so kept to as well. A day is 24 hours, so there are never two
//! calls where one is allowed on a day.

use serde::{Deserialize, Serialize};

use super::hours::Candidate;

/// Longest time over which calls are counted, ms: a year.
pub const CAP_MS_MAX: i64 = 366 * 24 * 3_600_000;

/// What a cap counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// Calls that were asked for.
    #[default]
    Calls,
    /// Calls, either way, in which somebody talked.
    Conversations,
    /// Calls in which the person did not want what was offered.
    Refusals,
}

/// When what happened with a number that caps count, milliseconds since 1970-01-01 UTC, each in any order and as far back as
/// the longest cap.
#[derive(Clone, Copy, Debug, Default)]
pub struct History<'a> {
    /// The client's calls to it began.
    pub began: &'a [i64],
    /// Conversations with it ended.
    pub talked: &'a [i64],
    /// They said that they did not want what was offered.
    pub declined: &'a [i64],
}

impl<'a> History<'a> {
    const fn of(self, counted: Counted) -> &'a [i64] {
        match counted {
            Counted::Calls => self.began,
            Counted::Conversations => self.talked,
            Counted::Refusals => self.declined,
        }
    }
}

/// So many calls within so long, and no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cap {
    /// Whose rule it is: a row of the pack as `US-FL`, `default` or `client`.
    pub rule: String,
    /// Most calls; at least 1.
    pub calls_max: u32,
    /// Within so long, ms; at most [`CAP_MS_MAX`].
    pub within_ms: i64,
    /// What counts.
    #[serde(default, skip_serializing_if = "Counted::are_calls")]
    pub counts: Counted,
    /// A courtesy of the client's that is not kept to the very call in which somebody asked to be called then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spares_asked: bool,
}

/// A cap, and how far it is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapCheck {
    /// Which.
    #[serde(flatten)]
    pub cap: Cap,
    /// What counts of it at the moment that was asked about.
    pub calls: u32,
    /// Before then no call may begin, ms since 1970; `None` if one may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_unix_ms: Option<i64>,
}

impl Counted {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
    fn are_calls(&self) -> bool {
        *self == Self::Calls
    }
}

impl Cap {
    /// How far it is used at a moment, by the moments at which calls began, in order. Those behind the moment count too: two
    /// clocks may differ. `asked` is when the call began in which they asked for this one.
    fn check(&self, at_unix_ms: i64, began: &[i64], asked: Option<i64>) -> CapCheck {
        let mut began = began.to_vec();
        let spared = asked.filter(|_| self.spares_asked);
        if let Some(at) = spared.and_then(|asked| began.iter().position(|began| *began == asked)) {
            began.remove(at);
        }
        let from = at_unix_ms.saturating_sub(self.within_ms);
        let counted = began.partition_point(|began| *began <= from);
        let counted = began.get(counted..).unwrap_or_default();
        let most = usize::try_from(self.calls_max).unwrap_or(usize::MAX);
        // Once this one counts no more, there is room for another.
        let leaver = counted.len().checked_sub(most);
        let leaver = leaver.and_then(|at| counted.get(at));
        CapCheck {
            cap: self.clone(),
            calls: u32::try_from(counted.len()).unwrap_or(u32::MAX),
            until_unix_ms: leaver.map(|began| began.saturating_add(self.within_ms)),
        }
    }
}

/// Every cap that holds, each once, and how far it is used.
pub(super) fn checks<'a>(
    own: &'a [Cap],
    of_purpose: impl Iterator<Item = &'a Cap>,
    candidates: &'a [Candidate<'_>],
    at_unix_ms: i64,
    (history, asked): (History<'_>, Option<i64>),
) -> Vec<CapCheck> {
    let sorted = |times: &[i64]| {
        let mut times = times.to_vec();
        times.sort_unstable();
        times
    };
    let [began, talked, declined] = [history.began, history.talked, history.declined].map(sorted);
    let history = History {
        began: &began,
        talked: &talked,
        declined: &declined,
    };
    let mut caps: Vec<&Cap> = Vec::new();
    let of_places = candidates.iter().flat_map(|candidate| &candidate.rule.caps);
    for cap in own.iter().chain(of_places).chain(of_purpose) {
        if !caps.contains(&cap) {
            caps.push(cap);
        }
    }
    let checks = caps
        .iter()
        .map(|cap| cap.check(at_unix_ms, history.of(cap.counts), asked));
    checks.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_leaves_room_for_another_when_it_is_old_enough() {
        let cap = |calls_max| Cap {
            rule: "default".to_owned(),
            calls_max,
            within_ms: 100,
            counts: Counted::Calls,
            spares_asked: false,
        };
        for (calls_max, at, began, calls, until) in [
            (1, 1_000, &[][..], 0, None),
            (1, 1_000, &[950], 1, Some(1_050)),
            (1, 1_050, &[950], 0, None),
            (1, 1_049, &[950], 1, Some(1_050)),
            (2, 1_000, &[950], 1, None),
            (2, 1_000, &[920, 950], 2, Some(1_020)),
            // More than were allowed: the cap was narrower before.
            (2, 1_000, &[920, 950, 960], 3, Some(1_050)),
            // A clock that was ahead.
            (1, 1_000, &[1_010], 1, Some(1_110)),
            (3, 1_000, &[1, 2, 3, 950, 960], 2, None),
        ] {
            let found = cap(calls_max).check(at, began, None);
            assert_eq!(
                (found.calls, found.until_unix_ms),
                (calls, until),
                "{at} {began:?}"
            );
        }
    }

    #[test]
    fn a_courtesy_is_not_kept_to_the_call_in_which_they_asked_but_to_every_other() {
        for (spares_asked, began, asked, until) in [
            (true, &[950][..], Some(950), None),
            (true, &[950], None, Some(1_050)),
            (false, &[950], Some(950), Some(1_050)),
            // There was another since.
            (true, &[950, 970], Some(950), Some(1_070)),
            // At the very same moment: one of the two is not the one.
            (true, &[950, 950], Some(950), Some(1_050)),
            (true, &[970], Some(950), Some(1_070)),
        ] {
            let cap = Cap {
                rule: "default".to_owned(),
                calls_max: 1,
                within_ms: 100,
                counts: Counted::Calls,
                spares_asked,
            };
            let found = cap.check(1_000, began, asked);
            assert_eq!(found.until_unix_ms, until, "{began:?} {asked:?}");
        }
    }
}
