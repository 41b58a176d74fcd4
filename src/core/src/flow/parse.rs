//! Reading a flow file: TOML to states, each value checked where it stands.

mod state;

use super::error::{FlowError, FlowProblem, nearest, place, state_at};
use super::template::Template;
use super::words::words;
use super::{
    Anytime, AnytimeAction, FLOW_BYTES_MAX, Flow, PHRASES_MAX, SAY_CHARS_MAX, STATES_MAX, check,
};
use serde::Deserialize;
use state::{RawState, StateReader};
use std::collections::{BTreeMap, BTreeSet};
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFlow {
    start: Spanned<String>,
    #[serde(default)]
    required: Vec<String>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    gave_up: Option<Spanned<String>>,
    #[serde(default)]
    states: BTreeMap<String, Spanned<RawState>>,
    #[serde(default)]
    anytime: BTreeMap<String, Spanned<RawAnytime>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAnytime {
    phrases: Vec<String>,
    key: Option<String>,
    next: Option<Spanned<String>>,
    #[serde(rename = "do")]
    action: Option<String>,
}

/// Most intents that hold in every state.
const ANYTIME_MAX: usize = 30;

/// A problem and the byte of the file where it is.
pub(super) type Misplaced = (FlowProblem, usize);

impl Flow {
    /// Reads a flow file. The error is the first mistake: its line and column, its state, and what to write instead.
    pub fn parse(source: &str) -> Result<Self, FlowError> {
        read(source).map_err(|(problem, offset)| {
            let (line, column) = place(source, offset);
            FlowError {
                line,
                column,
                state: state_at(source, offset),
                problem,
            }
        })
    }
}

fn read(source: &str) -> Result<Flow, Misplaced> {
    if source.len() > FLOW_BYTES_MAX {
        return Err((
            FlowProblem::TooLarge {
                what: "the file",
                max: "128 KiB".into(),
            },
            0,
        ));
    }
    let raw: RawFlow = toml::from_str(source).map_err(|error| {
        (
            FlowProblem::Syntax(error.message().to_owned()),
            error.span().map_or(0, |span| span.start),
        )
    })?;
    if raw.states.is_empty() {
        return Err((FlowProblem::NoStates, 0));
    }
    if raw.states.len() > STATES_MAX {
        return Err((
            FlowProblem::TooLarge {
                what: "the number of states",
                max: STATES_MAX.to_string(),
            },
            0,
        ));
    }
    let names: BTreeMap<&str, usize> = raw
        .states
        .keys()
        .enumerate()
        .map(|(at, name)| (name.as_str(), at))
        .collect();
    let target = |name: &Spanned<String>| {
        names.get(name.get_ref().as_str()).copied().ok_or_else(|| {
            let name_hint = nearest(
                name.get_ref(),
                names.keys().copied(),
                "add it, or name one that exists",
            );
            let problem = FlowProblem::UnknownState {
                name: name.get_ref().clone(),
                hint: name_hint,
            };
            (problem, name.span().start)
        })
    };
    let start = target(&raw.start)?;
    let gave_up = raw.gave_up.as_ref().map(template).transpose()?;
    let mut states = Vec::with_capacity(raw.states.len());
    let mut says_at = Vec::with_capacity(raw.states.len());
    for (name, state) in &raw.states {
        says_at.push(state.get_ref().say.span().start);
        states.push(
            StateReader {
                name,
                raw: state.get_ref(),
                target: &target,
            }
            .read()?,
        );
    }
    if raw.anytime.len() > ANYTIME_MAX {
        return Err((
            FlowProblem::TooLarge {
                what: "the number of anytime intents",
                max: ANYTIME_MAX.to_string(),
            },
            0,
        ));
    }
    let mut anytime = Vec::new();
    for entry in raw.anytime.values() {
        anytime.push(read_anytime(entry, &target)?);
    }
    let required: BTreeSet<String> = raw.required.into_iter().collect();
    let flow = Flow {
        start,
        states,
        anytime,
        defaults: raw.variables,
        required,
        gave_up,
    };
    check::check(&flow, &says_at)?;
    Ok(flow)
}

fn template(text: &Spanned<String>) -> Result<Template, Misplaced> {
    let at = text.span().start;
    if text.get_ref().chars().count() > SAY_CHARS_MAX {
        return Err((
            FlowProblem::TooLarge {
                what: "this text",
                max: format!("{SAY_CHARS_MAX} characters"),
            },
            at,
        ));
    }
    Template::parse(text.get_ref()).map_err(|problem| (problem, at))
}

fn shape(what: impl Into<String>, at: usize) -> Misplaced {
    (FlowProblem::Shape(what.into()), at)
}

fn phrases(list: &[String], at: usize) -> Result<Vec<Vec<String>>, Misplaced> {
    if list.len() > PHRASES_MAX {
        return Err((
            FlowProblem::TooLarge {
                what: "this list of phrases",
                max: PHRASES_MAX.to_string(),
            },
            at,
        ));
    }
    let phrases: Vec<Vec<String>> = list.iter().map(|phrase| words(phrase)).collect();
    if phrases.iter().any(Vec::is_empty) {
        return Err(shape("a phrase without a word in it; remove it", at));
    }
    Ok(phrases)
}

fn read_anytime(
    entry: &Spanned<RawAnytime>,
    target: &impl Fn(&Spanned<String>) -> Result<usize, Misplaced>,
) -> Result<Anytime, Misplaced> {
    let at = entry.span().start;
    let raw = entry.get_ref();
    let action = match (&raw.next, raw.action.as_deref()) {
        (Some(next), None) => AnytimeAction::Go(target(next)?),
        (None, Some("repeat")) => AnytimeAction::Repeat,
        _ => {
            return Err(shape(
                "an anytime intent has either `next = \"state\"` or `do = \"repeat\"`",
                at,
            ));
        }
    };
    let key = raw.key.as_deref().map(|key| key_of(key, at)).transpose()?;
    let phrases = phrases(&raw.phrases, at)?;
    if phrases.is_empty() && key.is_none() {
        return Err(shape("an anytime intent needs `phrases` or a `key`", at));
    }
    Ok(Anytime {
        phrases,
        key,
        action,
    })
}

fn key_of(text: &str, at: usize) -> Result<char, Misplaced> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(key), None) if key.is_ascii_digit() || matches!(key, '*' | '#') => Ok(key),
        _ => Err(shape("a key is one of 0 to 9, * and #", at)),
    }
}
