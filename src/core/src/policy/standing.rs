//! How the client stands, and what was learnt of the person and the line: whatever forbids a call beside law and hours.

use serde::{Deserialize, Serialize};

use super::reason::{Code, Reason};

/// Abandoned calls are at most so many of a thousand that people answered: below the 3 of a hundred of 47 CFR 64.1200(a)(7)
/// and 16 CFR 310.4(b)(4)(i), which this server never comes near.
const ABANDONED_PER_MILLE_MAX: u64 = 25;
/// So few abandoned calls say nothing yet.
const ABANDONED_MIN: u64 = 3;

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// Of a mobile network.
    Mobile,
    /// Fixed.
    Landline,
    /// Over the internet.
    Voip,
    /// The called side pays.
    TollFree,
    /// None of these.
    Other,
}

impl Line {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Mobile,
        Self::Landline,
        Self::Voip,
        Self::TollFree,
        Self::Other,
    ];

    /// Its name in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mobile => "mobile",
            Self::Landline => "landline",
            Self::Voip => "voip",
            Self::TollFree => "toll_free",
            Self::Other => "other",
        }
    }

    /// The line of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|line| line.name() == text)
    }
}

/// What the client's own system said right before the call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Predial {
    /// There is none, or it is asked later.
    #[default]
    NotAsked,
    /// Call.
    Eligible,
    /// Do not.
    Refused,
    /// It did not answer in time, or nothing that could be understood. Ask again then, ms since 1970.
    Unanswered(i64),
}

/// How the client stands, and what was learnt of the person and the line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing<'a> {
    /// The client, or the agent, was stopped.
    pub suspended: bool,
    /// The agreements that a processor needs are not accepted.
    pub not_agreed: bool,
    /// The client's own limit of what is spent is reached until then, ms since 1970.
    pub spent_until_ms: Option<i64>,
    /// The client calls as much as its operator lets it until then, ms since 1970.
    pub limited_until_ms: Option<i64>,
    /// The person may not be worked with now (GDPR art. 18), or is erased.
    pub restricted: bool,
    /// Calls of the last 30 days that people answered, and those of them in which nobody spoke in time.
    pub answered: u64,
    /// See [`Self::answered`].
    pub abandoned: u64,
    /// What the line is; `None` if nobody knows.
    pub line: Option<Line>,
    /// Lines that the client calls; all if empty.
    pub lines: &'a [Line],
    /// What the client's own system said.
    pub predial: Predial,
}

impl Standing<'_> {
    /// What of it forbids a call.
    pub(super) fn reasons(&self) -> impl Iterator<Item = Reason> {
        let abandons = self.abandoned >= ABANDONED_MIN
            && self.abandoned.saturating_mul(1_000)
                > self.answered.saturating_mul(ABANDONED_PER_MILLE_MAX);
        let is_other_line =
            !self.lines.is_empty() && self.line.is_none_or(|line| !self.lines.contains(&line));
        [
            (self.suspended, Code::Suspended),
            (self.not_agreed, Code::AgreementMissing),
            (self.spent_until_ms.is_some(), Code::SpendCapReached),
            (self.limited_until_ms.is_some(), Code::TooManyCalls),
            (self.restricted, Code::ContactRestricted),
            (is_other_line, Code::LineNotAllowed),
            (abandons, Code::TooManyAbandoned),
            (self.predial == Predial::Refused, Code::PredialRefused),
            (
                matches!(self.predial, Predial::Unanswered(_)),
                Code::PredialUnanswered,
            ),
        ]
        .into_iter()
        .filter(|(holds, _)| *holds)
        .map(|(_, code)| Reason::plain(code, None))
    }

    /// Before then nothing of it changes by itself, ms since 1970.
    pub(super) fn again_unix_ms(&self) -> Option<i64> {
        let predial = match self.predial {
            Predial::Unanswered(again_ms) => Some(again_ms),
            Predial::NotAsked | Predial::Eligible | Predial::Refused => None,
        };
        self.spent_until_ms.max(self.limited_until_ms).max(predial)
    }
}
