//! What the lines of a screenplay say.

use std::sync::Arc;

use trunkline_core::amd::{Told, Tone};
use trunkline_core::call::{
    After, Check, Effect, EndReason, Event, Expects, KeyField, KeyWork, NextAgent, Notices,
    Outcome, Position, Profile, Provider, ReplyId, Settings, Staff, ToolSettings, TransferEnd,
    TransferKind, TransferNews, UseId, Wanted,
};
use trunkline_core::language::Language;
use trunkline_core::time::At;
use trunkline_core::times::WordTime;

use super::settings;

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

pub(super) fn event(line: &str) -> Option<Event> {
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
pub(super) fn tool(line: &str) -> Option<(String, ToolSettings)> {
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
