//! What the call does, as a screenplay tells it.

use std::sync::Arc;

use trunkline_core::call::{Action, Ask, Hop, KeysDone, Note, Staff, Stage, TransferEnd};
use trunkline_core::journal::Step;
use trunkline_core::secret::Secret;
pub(super) fn show(action: &Action) -> String {
    match action {
        Action::Think {
            reply,
            ask: Ask::Open,
        } => format!("think {} open", reply.0),
        Action::Think {
            reply,
            ask: Ask::Silence,
        } => format!("think {} silence", reply.0),
        Action::Think {
            reply,
            ask: Ask::HandedOver,
        } => format!("think {} handed-over", reply.0),
        Action::Think {
            reply,
            ask: Ask::News,
        } => format!("think {} news", reply.0),
        Action::UseTool {
            id,
            tool,
            arguments,
        } => format!("use {} {tool} {arguments}", id.0),
        Action::PutThrough { id } => format!("put-through {}", id.0),
        Action::Press {
            reply,
            clause,
            keys,
        } => format!("press {}.{clause} {keys}", reply.0),
        Action::KeysDone { id, done } => {
            let rows = |rows: &[Secret]| {
                let rows: Vec<&str> = rows.iter().map(Secret::expose).collect();
                rows.join(", ")
            };
            let done = match done {
                KeysDone::Collected(digits) => rows(digits),
                KeysDone::Pressed => "pressed".into(),
                KeysDone::Not(why) => format!("not: {why:?}"),
            };
            format!("keys {} {done}", id.0)
        }
        Action::GoOn { reply, results } => format!("go-on {} {}", reply.0, results.join(", ")),
        Action::Think {
            reply,
            ask: Ask::Answer { text, guessed, .. },
        } if !guessed.is_empty() => {
            format!("think {} \"{text}\" guessed \"{guessed}\"", reply.0)
        }
        Action::Think {
            reply,
            ask: Ask::Answer { text, keys, .. },
        } if keys.is_empty() => {
            format!("think {} \"{text}\"", reply.0)
        }
        Action::Think {
            reply,
            ask: Ask::Answer { text, keys, .. },
        } => {
            format!("think {} \"{text}\" keys {keys}", reply.0)
        }
        Action::CancelThink { reply } => format!("cancel-think {}", reply.0),
        Action::Prepare { reply, text } => format!("prepare {} \"{text}\"", reply.0),
        Action::Say {
            reply,
            clause,
            text,
        } => format!("say {}.{clause} \"{text}\"", reply.0),
        Action::Fill {
            reply,
            clause,
            text,
        } => format!("fill {}.{clause} \"{text}\"", reply.0),
        Action::SayRecorded { reply, clause } => format!("say-recorded {}.{clause}", reply.0),
        Action::EndSay { reply } => format!("end-say {}", reply.0),
        Action::Pause { reply } => format!("pause {}", reply.0),
        Action::Resume { reply } => format!("resume {}", reply.0),
        Action::Drop { reply } => format!("drop {}", reply.0),
        Action::Commit { reply } => format!("commit {}", reply.0),
        Action::Note(note) => format!("note {}", show_note(note)),
        Action::HangUp { reason } => format!("hang-up {reason:?}"),
    }
}

fn show_step(step: Step) -> String {
    match step {
        Step::Announced { from_ms, again } => {
            format!(
                "announced from {from_ms}{}",
                if again { " again" } else { "" }
            )
        }
        Step::Unclear { from_ms } => format!("unclear from {from_ms}"),
        Step::Granted { method } => format!("granted by {method:?}"),
        Step::Refused { class } => format!("refused: {class:?}"),
        Step::Withdrawn {
            class,
            erase,
            from_ms,
        } => {
            let stored = if erase { "erased" } else { "kept" };
            format!("withdrawn: {class:?} from {from_ms}, what is stored is {stored}")
        }
    }
}

fn show_note(note: &Note) -> String {
    match note {
        Note::CallerSaid { from, to, text, .. } => {
            format!("caller {}-{} \"{text}\"", from.ms(), to.ms())
        }
        Note::Withheld { from, to } => format!("withheld {}-{}", from.ms(), to.ms()),
        Note::CallerPressed { keys, .. } => format!("caller pressed {keys}"),
        Note::AgentSaid {
            reply,
            text,
            cut,
            filler,
            ..
        } => {
            format!(
                "agent {} \"{text}\"{}{}",
                reply.0,
                if *cut { " cut" } else { "" },
                if *filler { " filler" } else { "" }
            )
        }
        Note::ToolBegun {
            id, reply, tool, ..
        } => format!("tool {} {tool} begun for {}", id.0, reply.0),
        Note::ToolUsed {
            id, tool, outcome, ..
        } => format!("tool {} {tool} {}", id.0, outcome.code()),
        Note::Interrupted { reply, .. } => format!("interrupted {}", reply.0),
        Note::Resumed { reply, .. } => format!("resumed {}", reply.0),
        Note::Commanded { command, means, .. } => format!("command {command:?} by {means:?}"),
        Note::Answered { reply, timing: t } => format!(
            "answered {}: speech end {}, decided {}, first token {}, first audio {}",
            reply.0,
            t.speech_end.ms(),
            t.decided.ms(),
            t.first_token.map_or(0, |_| t.token_wanted().ms()),
            t.first_audio.ms()
        ),
        Note::Timed { reply, timing, by } => {
            let hops = Hop::ALL.map(|hop| match timing.hop_ms(hop) {
                Some(ms) => format!("{} {ms}", hop.name()),
                None => format!("{} ?", hop.name()),
            });
            let ahead = if timing.is_ahead { ", ahead" } else { "" };
            let names = |staff: &Arc<Staff>| {
                let (model, voice) = (&staff.model.model, staff.voice.vendor);
                format!(", by {model}, voiced by {voice}")
            };
            let by = by.as_ref().map_or_else(String::new, names);
            format!("timed {}: {}{ahead}{by}", reply.0, hops.join(", "))
        }
        Note::Consent { step, .. } => format!("consent {}", show_step(*step)),
        Note::AnsweredBy { verdict, .. } => format!(
            "answered by {}: {} after {}",
            verdict.by.code(),
            verdict.evidence.code(),
            verdict.after_ms
        ),
        Note::Guarded { reply, .. } => format!("guarded {}", reply.0),
        Note::StageFailed {
            stage: Stage::Ears, ..
        } => "ears failed".into(),
        Note::StageFailed {
            stage: Stage::Mind, ..
        } => "mind failed".into(),
        Note::StageFailed {
            stage: Stage::Voice,
            ..
        } => "voice failed".into(),
        Note::HandedOver { agent, version, .. } => format!("handed over to {agent} {version}"),
        Note::Transfer { kind, end, .. } => {
            let how = end.map_or("begun", TransferEnd::code);
            format!("transfer {} {how}", kind.code())
        }
        Note::TakenOver { stage, vendor, .. } => format!("{stage:?} taken over by {vendor}"),
        Note::SteppedDown { cause, .. } => format!("stepped down: {}", cause.code()),
        Note::Ended { reason, .. } => format!("ended {reason:?}"),
    }
}
