//! What a caller is told and asked about recording.

use std::sync::Arc;

use trunkline_core::consent::{ConsentPlan, Mode, Pressing};
use trunkline_core::language::{ConsentTexts, fill};

use super::opening::slot;
use super::spec::{AgentSpec, OnRefusal, RecordingSpec};

/// How a call for which `mode` holds asks for consent. The agent's own policy can make it stricter, not more lenient.
pub(super) fn consent_plan(spec: &AgentSpec, mode: Mode) -> ConsentPlan {
    let keys = spec.keys.settings();
    let mode = mode.max(spec.recording.floor());
    let language = spec.tongue();
    let texts = language.consent();
    let reason = why(texts, &spec.recording.reason);
    let pressing = Pressing::of(language, &keys);
    let because = [("reason", reason.as_str())];
    let (notice, question): (Vec<Arc<str>>, _) = match mode {
        Mode::Announce | Mode::AnnounceContinue => {
            let way_out = [("say", texts.say.as_str()), ("press", pressing.no.as_str())];
            let way_out = fill(&texts.way_out, &way_out);
            (
                vec![fill(&texts.recorded_for, &because).into(), way_out.into()],
                None,
            )
        }
        Mode::Affirmative => {
            let asked = fill(&texts.is_it_right, &[("press", pressing.yes.as_str())]);
            (
                vec![fill(&texts.would_like, &because).into()],
                Some(asked.into()),
            )
        }
        Mode::NoRecord => (Vec::new(), None),
    };
    let goodbye = match spec.recording.on_refusal {
        OnRefusal::ContinueUnrecorded => None,
        OnRefusal::EndCall => Some(texts.goodbye.as_str().into()),
    };
    ConsentPlan {
        mode: Some(mode),
        notice,
        question,
        goodbye,
        ..ConsentPlan::of(language, &keys, spec.recording.on_withdrawal.into())
    }
}

/// The reason, so that it goes on after "this call is recorded". One that was left as it is by default is said in the
/// language of the call.
fn why(texts: &ConsentTexts, reason: &str) -> String {
    if reason == RecordingSpec::default().reason {
        return texts.reason.clone();
    }
    let reason = slot(reason);
    let first = reason.split_whitespace().next().unwrap_or_default();
    let begins = texts.reason_begins.contains(&first.to_lowercase().as_str());
    match begins || texts.reason_by.is_empty() {
        true => reason.to_owned(),
        false => format!("{} {reason}", texts.reason_by),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(recording: &str, mode: Mode) -> ConsentPlan {
        let text =
            format!("name = \"R\"\nbusiness = \"O\"\nprompt = \"p\"\n[recording]\n{recording}");
        consent_plan(&toml::from_str(&text).unwrap(), mode)
    }

    #[test]
    fn a_caller_is_told_why_and_how_to_object_or_agree() {
        let record = "record = true\n";
        let told = "This call is recorded and transcribed";
        let no = "If you prefer not, say: please don't record this call, or press 8.";
        let asked = "Is that all right? Please say yes or no, or press 1 for yes.";
        for (more, mode, want) in [
            ("", Mode::Announce, format!("{told} for quality. {no}")),
            (
                "",
                Mode::AnnounceContinue,
                format!("{told} for quality. {no}"),
            ),
            (
                "reason = \"to keep our agreement.\"",
                Mode::Announce,
                format!("{told} to keep our agreement. {no}"),
            ),
            (
                "reason = \"training\"",
                Mode::Affirmative,
                format!("We would like to record and transcribe this call for training. {asked}"),
            ),
            ("", Mode::NoRecord, String::new()),
            (
                "mode = \"affirmative\"",
                Mode::Announce,
                format!("We would like to record and transcribe this call for quality. {asked}"),
            ),
        ] {
            let plan = plan(&format!("{record}{more}"), mode);
            let said: Vec<&str> = plan.opening().map(AsRef::as_ref).collect();
            assert_eq!(said.join(" "), want, "{more} {mode:?}");
        }
        let off = plan("", Mode::Announce);
        assert_eq!((off.mode, off.opening().count()), (Some(Mode::NoRecord), 0));
    }

    #[test]
    fn what_follows_a_refusal_is_the_agents_choice() {
        let usual = plan("record = true", Mode::Announce);
        assert!(usual.goodbye.is_none() && usual.stopped.contains("deleted"));
        let strict = "record = true\non_refusal = \"end_call\"\non_withdrawal = \"keep\"";
        let strict = plan(strict, Mode::Announce);
        assert!(strict.goodbye.is_some() && !strict.stopped.contains("deleted"));
        assert!(
            strict
                .all()
                .any(|text| Some(text) == strict.goodbye.as_ref())
        );
    }
}
