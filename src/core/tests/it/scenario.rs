//! Plays `tests/scenarios/*.txt`: a screenplay each, compared whole.
//!
//! The first line says why the case exists. `> MS EVENT` is a fact, `< MS ACTION` what the call did about it, `@ MS TIMER`
//! a timer that fell due in between. `= SETTING VALUE` before the first fact changes a limit, or the
//! rule of consent. The ear is never behind unless the script tells how far it has `judged`. `BLESS=1` writes the file anew from the facts alone; read the diff before you
//! believe it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use trunkline_core::amd::{Told, Tone, Witness};
use trunkline_core::call::{
    Action, After, AnsweringPlan, Ask, Check, Effect, EndReason, Event, Expects, Hop, KeyField,
    KeyWork, KeysDone, NextAgent, Note, Notices, OnMachine, Outcome, Position, Profile, Provider,
    ReplyId, Settings, Staff, Stage, ToolSettings, TransferEnd, TransferKind, TransferNews, UseId,
    Wanted,
};
use trunkline_core::consent::{ConsentPlan, Mode, OnWithdrawal};
use trunkline_core::journal::Step;
use trunkline_core::language::Language;
use trunkline_core::rehearsal::Clocked;
use trunkline_core::secret::Secret;
use trunkline_core::time::At;
use trunkline_core::times::WordTime;

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

fn tone(name: &str) -> Option<Tone> {
    Some(match name {
        "beep" => Tone::Beep,
        "fax" => Tone::FaxAnswer,
        "fax-call" => Tone::FaxCall,
        "network" => Tone::Network,
        _ => return None,
    })
}

fn told(name: &str) -> Option<Told> {
    Some(match name {
        "human" => Told::Human,
        "machine" => Told::Machine {
            greeting_over: false,
        },
        "machine-end" => Told::Machine {
            greeting_over: true,
        },
        "fax" => Told::Fax,
        _ => return None,
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

/// Words of a line, where a quoted part is one word.
fn words(line: &str) -> Vec<String> {
    line.split('"')
        .enumerate()
        .flat_map(|(i, part)| match i % 2 {
            1 => vec![part.to_owned()],
            _ => part.split_whitespace().map(str::to_owned).collect(),
        })
        .collect()
}

fn event(line: &str) -> Option<Event> {
    let words = words(line);
    let word = |at: usize| words.get(at).map(String::as_str);
    let at = |i: usize| word(i)?.parse().ok().map(At::from_ms);
    let reply = |i: usize| word(i)?.split('.').next()?.parse().ok().map(ReplyId);
    let clause = |i: usize| word(i)?.split('.').nth(1)?.parse().ok();
    let position = || {
        let (heard, of) = word(2)?.split_once('/')?;
        Some(Position {
            clause: clause(1)?,
            heard_ms: heard.parse().ok()?,
            clause_ms: of.parse().ok()?,
        })
    };
    Some(match word(0)? {
        "answered" => Event::Answered,
        "hung-up" => Event::LineClosed {
            reason: EndReason::CallerHungUp,
        },
        "line-lost" => Event::LineClosed {
            reason: EndReason::LineLost,
        },
        "drain" => Event::EndAsked {
            reason: EndReason::Draining,
        },
        "operator-says" => Event::SayAsked {
            text: word(1)?.to_owned(),
        },
        "mute" => Event::Muted { on: true },
        "unmute" => Event::Muted { on: false },
        "speech" => Event::SpeechStarted { at: at(1)? },
        "judged" => Event::Judged { until: at(1)? },
        "falters" => Event::SpeechPaused { at: at(1)? },
        "resumes" => Event::SpeechResumed,
        "quiet" => Event::SpeechStopped { at: at(1)? },
        "partial" => Event::Partial {
            until: at(1)?,
            text: word(2)?.to_owned(),
        },
        "final" => Event::Final {
            until: at(1)?,
            text: word(2)?.to_owned(),
            confidence: word(3).map_or(Some(0.9), |c| c.parse().ok())?,
        },
        "score" => Event::TurnScored {
            until: at(1)?,
            complete: word(2)?.parse().ok()?,
        },
        "deaf" => Event::HearFailed {
            until: at(1)?,
            fatal: word(2) == Some("fatal"),
        },
        "tone" => Event::Toned {
            tone: tone(word(1)?)?,
            at: at(2)?,
        },
        "carrier" => Event::CarrierHeard {
            told: told(word(1)?)?,
        },
        "key" => Event::Key {
            key: word(1)?.chars().next()?,
        },
        "mind-started" => Event::MindStarted { reply: reply(1)? },
        "mind" => Event::MindSaid {
            reply: reply(1)?,
            text: word(2)?.to_owned(),
        },
        "mind-done" => Event::MindDone {
            reply: reply(1)?,
            after: match word(2) {
                Some("hang-up") => After::HangUp,
                Some("wait") => After::Wait,
                _ => After::Listen,
            },
            expects: if words.iter().any(|w| w == "digits") {
                Expects::Digits { enough: 7 }
            } else {
                Expects::Words
            },
        },
        "wants" => Event::ToolsWanted {
            reply: reply(1)?,
            wanted: words
                .iter()
                .skip(2)
                .map(|word| {
                    let (tool, arguments) = word.split_once(' ').unwrap_or((word, "{}"));
                    let (tool, arguments) = (tool.into(), arguments.into());
                    Wanted { tool, arguments }
                })
                .collect(),
        },
        "keys-wanted" => Event::KeysWanted {
            id: UseId(word(1)?.parse().ok()?),
            work: match word(2)? {
                "press" => KeyWork::Press(word(3)?.into()),
                kind => KeyWork::Collect {
                    fields: words[3..].chunks(2).map(field).collect::<Option<_>>()?,
                    is_secret: kind == "secret",
                },
            },
        },
        "used" => Event::ToolUsed {
            id: UseId(word(1)?.parse().ok()?),
            outcome: match word(2)? {
                "done" => Outcome::Done,
                "refused" => Outcome::Refused,
                "unknown" => Outcome::Unknown,
                _ => Outcome::Failed,
            },
            result: word(3)?.into(),
        },
        "handed-over" => Event::HandedOver {
            id: UseId(word(1)?.parse().ok()?),
            next: NextAgent {
                agent: word(2)?.into(),
                version: 3,
                settings: other_settings(word(2)?),
            },
        },
        "transfer" => Event::Transfer {
            id: UseId(word(1)?.parse().ok()?),
            news: transfer(&words[2..])?,
        },
        "mind-failed" => Event::MindFailed { reply: reply(1)? },
        "voice-failed" => Event::VoiceFailed {
            reply: reply(1)?,
            clause: clause(1)?,
        },
        "staffed" => Event::Staffed {
            staff: Arc::new(Staff {
                profile: Profile::Own,
                recogniser: Provider::of("embedded"),
                model: Provider::of("openai").with_model(word(1)?),
                voice: Provider::of("cartesia"),
            }),
        },
        "voiced" => Event::Voiced {
            reply: reply(1)?,
            clause: clause(1)?,
            at: at(2)?,
            by: word(3).map(|_| Provider::of("openai")),
        },
        "timed" => Event::WordsTimed {
            reply: reply(1)?,
            clause: clause(1)?,
            words: words.iter().skip(2).filter_map(|w| word_time(w)).collect(),
        },
        "playing" => Event::PlaybackStarted { reply: reply(1)? },
        "dry" => Event::RanDry { reply: reply(1)? },
        "heard" => Event::Heard {
            reply: reply(1)?,
            position: position()?,
        },
        "paused" => Event::Paused {
            reply: reply(1)?,
            position: position()?,
        },
        "played" => Event::Played { reply: reply(1)? },
        _ => return None,
    })
}

/// Those of another agent.
fn other_settings(name: &str) -> Arc<Settings> {
    Arc::new(Settings {
        notices: Notices::of(Language::English, name, "Oak Billing"),
        ..settings()
    })
}

/// As `warm begun "HOLD"…`, `warm ready "WORDS"` or `warm declined`.
fn transfer(words: &[String]) -> Option<TransferNews> {
    let (kind, rest) = words.split_first()?;
    let kind = TransferKind::ALL.into_iter().find(|k| k.code() == kind)?;
    let (what, rest) = rest.split_first()?;
    Some(match what.as_str() {
        "begun" => TransferNews::Begun {
            kind,
            hold: rest.iter().map(|words| words.as_str().into()).collect(),
        },
        "ready" => TransferNews::Ready {
            kind,
            words: rest.first()?.as_str().into(),
        },
        end => TransferNews::Ended {
            kind,
            end: TransferEnd::ALL.into_iter().find(|e| e.code() == end)?,
            result: format!("{{{end}}}").into(),
        },
    })
}

/// As `NAME [after-words] [not-awaited] [repeats] [opts-out] ["WORDS"]`.
fn tool(line: &str) -> Option<(String, ToolSettings)> {
    let words = words(line);
    let (name, rest) = words.split_first()?;
    let mut tool = ToolSettings::default();
    for word in rest {
        match word.as_str() {
            "after-words" => tool.after_words = true,
            "not-awaited" => tool.awaited = false,
            "repeats" => tool.repeats = true,
            "opts-out" => tool.effect = Effect::OptOut,
            words => tool.words = Some(words.into()),
        }
    }
    Some((name.clone(), tool))
}

/// As `4-8 "PROMPT"`, `13-19-luhn "PROMPT"`, or `4-8-usual "PROMPT"` for one without words of its own for what is wrong.
fn field(words: &[String]) -> Option<KeyField> {
    let [digits, prompt] = words else {
        return None;
    };
    let mut parts = digits.split('-');
    let mut digits = || parts.next()?.parse().ok();
    let (digits_min, digits_max) = (digits()?, digits()?);
    let kind = parts.next();
    Some(KeyField {
        prompt: prompt.as_str().into(),
        wrong: (kind != Some("usual")).then(|| "That was not right.".into()),
        digits_min,
        digits_max,
        terminator: Some('#'),
        first_ms: 8_000,
        between_ms: 3_000,
        check: match kind {
            Some("luhn") => Check::Luhn,
            Some("usual") | None => Check::None,
            Some(_) => return None,
        },
        tries: 2,
    })
}

/// As `120-480`, ms.
fn word_time(word: &str) -> Option<WordTime> {
    let (from, to) = word.split_once('-')?;
    Some(WordTime {
        from_ms: from.parse().ok()?,
        to_ms: to.parse().ok()?,
    })
}

fn show(action: &Action) -> String {
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
