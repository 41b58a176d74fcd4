//! What may be done with a campaign, and what becomes of it.

use serde::{Deserialize, Serialize};

/// Where a campaign is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is being written. Nothing was checked.
    Draft,
    /// Its contacts are looked through.
    Validating,
    /// It was checked, and waits for its client's word.
    Ready,
    /// Its client said the word, and the time it is to start has not come.
    Scheduled,
    /// It dials.
    Running,
    /// It was stopped and can go on; calls that live are brought to their end.
    Paused,
    /// Nobody is left to be called; calls that live are brought to their end.
    Completing,
    /// Everybody was called, or cannot be.
    Completed,
    /// It was given up; calls that live are brought to their end.
    Cancelling,
    /// It was given up.
    Cancelled,
    /// It cannot go on, and no word of its client's helps.
    Failed,
}

/// Why a campaign was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pause {
    /// Its client did it.
    User,
    /// It went too badly ([`super::breaker`]).
    Breaker,
    /// What it may use is used up.
    Budget,
    /// Its client or agent was stopped.
    Suspended,
    /// It has no carrier account, number or agent that can be used.
    Provider,
}

impl Pause {
    /// Its name, as `budget`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Breaker => "breaker",
            Self::Budget => "budget",
            Self::Suspended => "suspended",
            Self::Provider => "provider",
        }
    }
}

/// What is done with a campaign, or has happened to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Its contacts are to be looked through.
    Validate,
    /// It can be started.
    Passed,
    /// It cannot be started as it is.
    Rejected,
    /// Something of it was changed.
    Edit,
    /// It is to dial; `later`: its start has not come.
    Start {
        /// Whether the time it is to start is yet to come.
        later: bool,
    },
    /// The time it was to start has come.
    Begin,
    /// It is to dial no more for now.
    Pause,
    /// It is to go on; `later` as in [`Step::Start`].
    Resume {
        /// Whether the time it is to start is yet to come.
        later: bool,
    },
    /// Nobody is left to be called.
    RunOut,
    /// Somebody is to be called again, or was added.
    Refill,
    /// It is given up.
    Cancel,
    /// None of its calls lives, and none may be at a carrier.
    Settle,
    /// It cannot go on.
    Fail,
}

/// What was asked of a campaign cannot be done where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a campaign that is {} cannot be {}", .state.name(), .step.participle())]
pub struct Misstep {
    /// Where it is.
    pub state: State,
    /// What was asked.
    pub step: Step,
}

impl Step {
    const fn participle(self) -> &'static str {
        match self {
            Self::Validate => "validated",
            Self::Passed | Self::Rejected => "judged",
            Self::Edit => "edited",
            Self::Start { .. } => "started",
            Self::Begin => "begun",
            Self::Pause => "paused",
            Self::Resume { .. } => "resumed",
            Self::RunOut => "completed",
            Self::Refill => "refilled",
            Self::Cancel => "cancelled",
            Self::Settle => "settled",
            Self::Fail => "failed",
        }
    }
}

impl State {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Draft,
        Self::Validating,
        Self::Ready,
        Self::Scheduled,
        Self::Running,
        Self::Paused,
        Self::Completing,
        Self::Completed,
        Self::Cancelling,
        Self::Cancelled,
        Self::Failed,
    ];

    /// Its name, as `running`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Validating => "validating",
            Self::Ready => "ready",
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completing => "completing",
            Self::Completed => "completed",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// Whether its contacts may be dialled.
    #[must_use]
    pub const fn dials(self) -> bool {
        matches!(self, Self::Running)
    }

    /// Whether nothing more becomes of it.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled | Self::Failed)
    }

    /// Whether contacts may be added to it.
    #[must_use]
    pub const fn takes_contacts(self) -> bool {
        !self.is_over() && !matches!(self, Self::Cancelling | Self::Validating)
    }

    /// Whether it may be deleted as if it had never been: nobody can have been called.
    #[must_use]
    pub const fn may_be_deleted(self) -> bool {
        matches!(self, Self::Draft | Self::Ready)
    }

    /// Where it is after a step.
    ///
    /// # Errors
    /// [`Misstep`]: it stays where it is.
    pub const fn after(self, step: Step) -> Result<Self, Misstep> {
        let state = match (self, step) {
            (Self::Draft | Self::Ready, Step::Validate) => Self::Validating,
            (Self::Validating, Step::Passed) => Self::Ready,
            (Self::Validating, Step::Rejected) => Self::Draft,
            // What was checked is not what it is now.
            (Self::Draft | Self::Ready, Step::Edit) => Self::Draft,
            (Self::Scheduled | Self::Paused, Step::Edit) => self,
            (Self::Ready, Step::Start { later }) | (Self::Paused, Step::Resume { later }) => {
                if later {
                    Self::Scheduled
                } else {
                    Self::Running
                }
            }
            (Self::Scheduled, Step::Begin) | (Self::Completing, Step::Refill) => Self::Running,
            (Self::Scheduled | Self::Running, Step::Pause) => Self::Paused,
            (Self::Running, Step::RunOut) => Self::Completing,
            (Self::Completing, Step::Settle) => Self::Completed,
            (
                Self::Draft
                | Self::Validating
                | Self::Ready
                | Self::Scheduled
                | Self::Running
                | Self::Paused
                | Self::Completing,
                Step::Cancel,
            ) => Self::Cancelling,
            (Self::Cancelling, Step::Settle) => Self::Cancelled,
            (
                Self::Validating
                | Self::Scheduled
                | Self::Running
                | Self::Paused
                | Self::Completing,
                Step::Fail,
            ) => Self::Failed,
            (state, step) => return Err(Misstep { state, step }),
        };
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use State::{
        Cancelled, Cancelling, Completed, Completing, Draft, Paused, Ready, Running, Scheduled,
        Validating,
    };

    const STEPS: [Step; 15] = [
        Step::Validate,
        Step::Passed,
        Step::Rejected,
        Step::Edit,
        Step::Start { later: false },
        Step::Start { later: true },
        Step::Begin,
        Step::Pause,
        Step::Resume { later: false },
        Step::Resume { later: true },
        Step::RunOut,
        Step::Refill,
        Step::Cancel,
        Step::Settle,
        Step::Fail,
    ];

    #[test]
    fn a_life_from_draft_to_end() {
        let lives: [&[(Step, State)]; 3] = [
            &[
                (Step::Validate, Validating),
                (Step::Rejected, Draft),
                (Step::Edit, Draft),
                (Step::Validate, Validating),
                (Step::Passed, Ready),
                (Step::Start { later: true }, Scheduled),
                (Step::Edit, Scheduled),
                (Step::Begin, Running),
                (Step::Pause, Paused),
                (Step::Edit, Paused),
                (Step::Resume { later: false }, Running),
                (Step::RunOut, Completing),
                (Step::Refill, Running),
                (Step::RunOut, Completing),
                (Step::Settle, Completed),
            ],
            &[
                (Step::Validate, Validating),
                (Step::Passed, Ready),
                (Step::Edit, Draft),
                (Step::Cancel, Cancelling),
                (Step::Settle, Cancelled),
            ],
            &[
                (Step::Validate, Validating),
                (Step::Passed, Ready),
                (Step::Start { later: true }, Scheduled),
                (Step::Pause, Paused),
                (Step::Resume { later: true }, Scheduled),
                (Step::Begin, Running),
                (Step::Fail, State::Failed),
            ],
        ];
        for life in lives {
            let mut state = Draft;
            for (step, want) in life {
                state = state.after(*step).unwrap();
                assert_eq!(state, *want, "{step:?}");
            }
        }
    }

    #[test]
    fn a_misstep_says_what_is_the_case() {
        let told = Draft.after(Step::Start { later: false }).unwrap_err();
        assert_eq!(
            told.to_string(),
            "a campaign that is draft cannot be started"
        );
        let told = Running.after(Step::Edit).unwrap_err();
        assert_eq!(
            told.to_string(),
            "a campaign that is running cannot be edited"
        );
    }

    #[test]
    fn names_are_those_of_the_written_form() {
        for state in State::ALL {
            let written = serde_json::to_value(state).unwrap();
            assert_eq!(written, state.name());
        }
    }

    proptest! {
        #![proptest_config(crate::seeded::cases(512))]

        #[test]
        fn whatever_is_done_it_dials_only_when_told_to(
            steps in prop::collection::vec(prop::sample::select(&STEPS[..]), 0..40),
        ) {
            let (mut state, mut was_checked, mut was_told) = (Draft, false, false);
            for step in steps {
                let before = state;
                match state.after(step) {
                    Ok(next) => state = next,
                    Err(misstep) => prop_assert_eq!(misstep, Misstep { state, step }),
                }
                prop_assert!(!before.is_over() || state == before, "the end is the end");
                if state == Ready {
                    was_checked = true;
                }
                if before != state && matches!(step, Step::Start { .. }) {
                    was_told = true;
                }
                if matches!(state, Draft) {
                    (was_checked, was_told) = (false, false);
                }
                prop_assert!(!state.dials() || (was_checked && was_told));
                if before == Paused && state.dials() {
                    let is_resumed = matches!(step, Step::Resume { .. });
                    prop_assert!(is_resumed);
                }
            }
        }
    }
}
