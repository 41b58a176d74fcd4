//! What a caller is told and asked about recording.

use trunkline_core::consent::Mode;

use super::opening::slot;
use super::spec::AgentSpec;

/// The words that come after the opening where `mode` holds: the notice, and the question if one is asked. `None` where
/// nothing is recorded.
pub(super) fn notice(spec: &AgentSpec, mode: Mode) -> Option<(String, Option<String>)> {
    let reason = slot(&spec.recording.reason);
    let is_clause = ["for ", "to ", "so ", "because "]
        .iter()
        .any(|start| reason.to_lowercase().starts_with(start));
    let reason = if is_clause {
        reason.to_owned()
    } else {
        format!("for {reason}")
    };
    let told = format!("This call is recorded and transcribed {reason}.");
    let no = &spec.keys.dont_record;
    match mode.max(spec.recording.floor()) {
        Mode::Announce | Mode::AnnounceContinue => {
            let way_out = format!("If you object, say: don't record, or press {no}.");
            Some((format!("{told} {way_out}"), None))
        }
        Mode::Affirmative => {
            let asked = format!("May we record and transcribe this call {reason}?");
            let how = "Please say yes or no, or press 1 for yes.".to_owned();
            Some((asked, Some(how)))
        }
        Mode::NoRecord => None,
    }
}

/// The longest of the notices of all rules.
pub(super) fn longest_notice(spec: &AgentSpec) -> Option<String> {
    let modes = [Mode::Announce, Mode::Affirmative];
    let notices = modes.iter().filter_map(|mode| {
        let (notice, question) = notice(spec, *mode)?;
        Some(format!("{notice} {}", question.unwrap_or_default()))
    });
    notices.max_by_key(String::len)
}
