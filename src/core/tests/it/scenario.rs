//! Plays `tests/scenarios/*.txt`: a screenplay each, compared whole.
//!
//! The first line says why the case exists. `> MS EVENT` is a fact, `< MS ACTION` what the call did about it, `@ MS TIMER`
//! a timer that fell due in between. `= SETTING VALUE` before the first fact changes a limit, or the
//! rule of consent. The ear is never behind unless the script tells how far it has `judged`. `BLESS=1` writes the file anew from the facts alone; read the diff before you
//! believe it.

mod reading;
mod showing;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use trunkline_core::amd::Witness;
use trunkline_core::call::{Action, AnsweringPlan, Event, Note, Notices, OnMachine, Settings};
use trunkline_core::consent::{ConsentPlan, Mode, OnWithdrawal};
use trunkline_core::language::Language;
use trunkline_core::rehearsal::Clocked;
use trunkline_core::time::At;

use reading::{event, tool};
use showing::show;

/// Notices short enough to read in a trace.
pub(crate) fn settings() -> Settings {
    let mut notices = Notices::of(Language::English, "Robin", "Oak Dental");
    notices.nudges = vec!["Are you still there?".into(), "Hello?".into()];
    let consent = ConsentPlan {
        notice: vec!["This call is recorded.".into()],
        question: Some("May we record it?".into()),
        again: "Sorry, may we record this call, yes or no?".into(),
        stopped: "All right, recording has stopped.".into(),
        ..ConsentPlan::default()
    };
    Settings {
        notices,
        consent,
        ..Settings::default()
    }
}

/// The notices of another language, whole.
fn speak(settings: &mut Settings, language: Language) {
    settings.language = language;
    settings.notices = Notices::of(language, "Robin", "Oak Dental");
    settings.consent = ConsentPlan::of(language, &settings.keys, OnWithdrawal::Erase);
}

#[test]
fn every_scenario_plays_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    files.retain(|f| f.extension().is_some_and(|e| e == "txt"));
    assert!(
        files.len() >= 30,
        "{} scenarios in {}",
        files.len(),
        folder.display()
    );
    #[expect(
        clippy::disallowed_methods,
        reason = "a switch of the test run, not of the product"
    )]
    let bless = std::env::var("BLESS").is_ok();
    let mut wrong = Vec::new();
    for file in files {
        let written = std::fs::read_to_string(&file).unwrap();
        let played = play(&written).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        if bless && played != written {
            std::fs::write(&file, &played).unwrap();
        } else if played != written {
            wrong.push(difference(&file, &written, &played));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} scenarios differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn difference(file: &Path, written: &str, played: &str) -> String {
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    let at = written
        .lines()
        .zip(played.lines())
        .take_while(|(a, b)| a == b)
        .count();
    let line = |text: &str| text.lines().nth(at).unwrap_or("(the end)").to_owned();
    format!(
        "{name}:{}\n  written: {}\n  played:  {}",
        at + 1,
        line(written),
        line(played)
    )
}

fn play(script: &str) -> Result<String, String> {
    let mut settings = settings();
    // Whoever writes of one thing need not write of answers that are thought of ahead.
    settings.turn.drafts_max = 0;
    if let Some(tag) = script.lines().find_map(|l| l.strip_prefix("= language ")) {
        let language = Language::of(tag).ok_or(format!("no language {tag}"))?;
        speak(&mut settings, language);
    }
    for (name, value) in script
        .lines()
        .filter_map(|l| l.strip_prefix("= ")?.split_once(' '))
    {
        let ms = || value.parse().map_err(|e| format!("= {name}: {e}"));
        match (name, value) {
            ("call_ms", _) => settings.limits.call_ms = ms()?,
            ("mind_ms", _) => settings.limits.mind_ms = ms()?,
            ("tools_ms", _) => settings.limits.tools_ms = ms()?,
            ("drafts_max", _) => settings.turn.drafts_max = ms()?,
            ("filler_ms", _) => settings.limits.filler_ms = ms()?,
            ("mind_nudges", _) => settings.mind_nudges = ms()? > 0,
            ("consent", _) => settings.consent.mode = Some(mode(value)?),
            ("on_withdrawal", "keep") => settings.consent.on_withdrawal = OnWithdrawal::Keep,
            ("on_refusal", "end") => {
                settings.consent.goodbye = Some("Then I end the call. Goodbye.".into());
            }
            ("notice", "none") => settings.consent.notice.clear(),
            ("answering", _) => settings.answering = answering(value)?,
            ("on_ivr", "hang_up") => settings.answering.hangs_up_on_ivr = true,
            ("tool", _) => {
                let (name, tool) = tool(value).ok_or_else(|| format!("= tool {value}"))?;
                settings.tools.insert(name.into(), tool);
            }
            ("language", _) => {}
            // Told by the few that are about them.
            ("times", "told") => {}
            _ => return Err(format!("no setting {name} {value}")),
        }
    }
    let tells_times = script.lines().any(|line| line == "= times told");
    let is_shown =
        |action: &Action| tells_times || !matches!(action, Action::Note(Note::Timed { .. }));
    let mut call = Clocked::new(Arc::new(settings));
    let mut played = String::new();
    let mut actions = Vec::new();
    if !tells_judged(script) {
        call.handle(At::START, all_judged(), &mut actions);
    }
    for (number, line) in script.lines().enumerate() {
        if line.starts_with(['<', '@']) {
            continue;
        }
        let Some(fact) = line.strip_prefix("> ") else {
            if number == 0 && !line.starts_with("# ") {
                return Err("the first line must say why the case exists: `# ...`".into());
            }
            played.push_str(line);
            played.push('\n');
            continue;
        };
        let (ms, fact) = fact
            .split_once(' ')
            .ok_or(format!("line {}: `> MS FACT`", number + 1))?;
        let now = At::from_ms(
            ms.parse()
                .map_err(|e| format!("line {}: {e}", number + 1))?,
        );
        while let Some((at, timer)) = call.tick_before(now, &mut actions) {
            actions.retain(is_shown);
            // A timer that changed nothing is not worth a line.
            if !actions.is_empty() {
                writeln!(played, "@ {} {timer:?}", at.ms()).unwrap();
            }
            write_actions(&mut played, at, &mut actions);
        }
        writeln!(played, "{line}").unwrap();
        if fact != "wait" {
            let event = event(fact).ok_or(format!("line {}: no such fact: {fact}", number + 1))?;
            call.handle(now, event, &mut actions);
            actions.retain(is_shown);
        }
        write_actions(&mut played, now, &mut actions);
    }
    Ok(played)
}

/// An ear that is never behind.
pub(crate) fn all_judged() -> Event {
    let until = At::from_ms(u64::MAX);
    Event::Judged { until }
}

fn tells_judged(script: &str) -> bool {
    let mut facts = script.lines().filter_map(|line| line.strip_prefix("> "));
    facts.any(|fact| fact.contains(" judged "))
}

/// Whose evidence counts, and what is done when a machine answers.
pub(crate) fn answering(value: &str) -> Result<AnsweringPlan, String> {
    let (witness, on_machine) = value.split_once(' ').ok_or("whose, and what then")?;
    Ok(AnsweringPlan {
        witness: Some(match witness {
            "own" => Witness::Own,
            "carrier" => Witness::Carrier,
            "both" => Witness::Both,
            _ => return Err(format!("no witness {witness}")),
        }),
        on_machine: match on_machine {
            "hang_up" => OnMachine::HangUp,
            "leave_message" => OnMachine::LeaveMessage,
            "continue" => OnMachine::Continue,
            _ => return Err(format!("no such thing to do: {on_machine}")),
        },
        message: vec![
            "Hello, this is Robin, the AI assistant of Oak Dental.".into(),
            "Please call us back.".into(),
        ],
        ..AnsweringPlan::default()
    })
}

fn mode(name: &str) -> Result<Mode, String> {
    match name {
        "announce" => Ok(Mode::Announce),
        "announce_continue" => Ok(Mode::AnnounceContinue),
        "affirmative" => Ok(Mode::Affirmative),
        "no_record" => Ok(Mode::NoRecord),
        _ => Err(format!("no mode {name}")),
    }
}

fn write_actions(played: &mut String, now: At, actions: &mut Vec<Action>) {
    for action in actions.drain(..) {
        writeln!(played, "< {} {}", now.ms(), show(&action)).unwrap();
    }
}
