//! What an agent keeps of its calls.

use serde::{Deserialize, Serialize};
use trunkline_core::consent::Mode;
use utoipa::ToSchema;

/// What is kept of a call, and by which rule. Whatever is chosen here, the law of the places that a call touches can
/// only be tightened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RecordingSpec {
    /// Record and transcribe calls, once the person on the line has agreed.
    #[schema(default = false)]
    pub record: bool,
    /// At least this much consent; the law's rule if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<RecordingMode>,
    /// Follow the recommended rule of a place where it is stricter than its law.
    #[schema(default = true)]
    pub use_recommended: bool,
    /// After a refusal, and after consent was taken back.
    pub on_refusal: OnRefusal,
    /// What becomes of what was kept when consent is taken back.
    pub on_withdrawal: OnWithdrawal,
    /// Days for which recording and transcript are to be kept. It is kept with the agent; nothing deletes by it yet.
    #[schema(minimum = 1, maximum = 3650, default = 365)]
    pub retention_days: u32,
    /// Why calls are recorded, as said after "this call is recorded and transcribed".
    #[schema(max_length = 160, default = "for quality")]
    pub reason: String,
    /// People may listen to and read recorded calls.
    #[schema(default = false)]
    pub review: bool,
    /// Recorded calls may be analysed by machine.
    #[schema(default = false)]
    pub analytics: bool,
    /// Where the business has establishments whose rules hold too: ISO 3166 codes.
    #[schema(max_items = 50, examples(json!(["US-CA", "DE"])))]
    pub places: Vec<String>,
}

impl Default for RecordingSpec {
    fn default() -> Self {
        Self {
            record: false,
            mode: None,
            use_recommended: true,
            on_refusal: OnRefusal::default(),
            on_withdrawal: OnWithdrawal::default(),
            retention_days: 365,
            reason: "for quality".into(),
            review: false,
            analytics: false,
            places: Vec::new(),
        }
    }
}

impl RecordingSpec {
    /// The least strict rule that the agent's own policy allows.
    pub fn floor(&self) -> Mode {
        match self.mode {
            _ if !self.record => Mode::NoRecord,
            mode => mode.map_or(Mode::Announce, Mode::from),
        }
    }
}

/// How much a person must have agreed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordingMode {
    /// A notice is said; going on is agreement.
    Announce,
    /// The whole notice must have been heard before anything is kept.
    AnnounceContinue,
    /// Nothing is kept without a yes.
    Affirmative,
}

impl From<RecordingMode> for Mode {
    fn from(mode: RecordingMode) -> Self {
        match mode {
            RecordingMode::Announce => Mode::Announce,
            RecordingMode::AnnounceContinue => Mode::AnnounceContinue,
            RecordingMode::Affirmative => Mode::Affirmative,
        }
    }
}

/// What happens to a call of which nothing, or nothing more, may be kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnRefusal {
    /// The call goes on and nothing is kept.
    #[default]
    ContinueUnrecorded,
    /// The call ends with a friendly word.
    EndCall,
}

/// What happens to what was kept before consent was taken back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnWithdrawal {
    /// It is erased.
    #[default]
    Erase,
    /// It stays.
    Keep,
}

impl From<OnWithdrawal> for trunkline_core::consent::OnWithdrawal {
    fn from(of: OnWithdrawal) -> Self {
        match of {
            OnWithdrawal::Erase => Self::Erase,
            OnWithdrawal::Keep => Self::Keep,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_only_as_lenient_as_it_says() {
        for (record, mode, want) in [
            (false, None, Mode::NoRecord),
            (false, Some(RecordingMode::Announce), Mode::NoRecord),
            (true, None, Mode::Announce),
            (true, Some(RecordingMode::Announce), Mode::Announce),
            (
                true,
                Some(RecordingMode::AnnounceContinue),
                Mode::AnnounceContinue,
            ),
            (true, Some(RecordingMode::Affirmative), Mode::Affirmative),
        ] {
            let policy = RecordingSpec {
                record,
                mode,
                ..RecordingSpec::default()
            };
            assert_eq!(policy.floor(), want, "{policy:?}");
        }
    }
}
