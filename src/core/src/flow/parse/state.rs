//! One state of a flow file, each value checked where it stands.

use super::super::error::{FlowProblem, nearest};
use super::super::words::words;
use super::super::{Ask, Choice, EndKind, Kind, PHRASES_MAX, State, Then};
use super::{Misplaced, key_of, phrases, shape, template};
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawState {
    pub(super) say: Spanned<String>,
    slot: Option<Spanned<String>>,
    #[serde(rename = "type")]
    kind: Option<Spanned<String>>,
    choices: Option<Spanned<BTreeMap<String, Vec<String>>>>,
    digits: Option<Spanned<[u8; 2]>>,
    min: Option<i64>,
    max: Option<i64>,
    between: Option<Spanned<[String; 2]>>,
    keys: Option<Spanned<BTreeMap<String, String>>>,
    to: Option<Spanned<BTreeMap<String, Spanned<String>>>>,
    next: Option<Spanned<String>>,
    #[serde(rename = "else")]
    otherwise: Option<Spanned<String>>,
    retry: Option<Spanned<String>>,
    nudge: Option<Spanned<String>>,
    tries: Option<Spanned<u8>>,
    end: Option<Spanned<RawEnd>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawEnd {
    Flag(bool),
    Named(String),
}

pub(super) struct StateReader<'a, T> {
    pub(super) name: &'a str,
    pub(super) raw: &'a RawState,
    pub(super) target: &'a T,
}

impl<T: Fn(&Spanned<String>) -> Result<usize, Misplaced>> StateReader<'_, T> {
    pub(super) fn read(&self) -> Result<State, Misplaced> {
        let raw = self.raw;
        let at = raw.say.span().start;
        let say = template(&raw.say)?;
        let then = match (&raw.kind, &raw.end) {
            (Some(_), Some(end)) => {
                return Err(shape(
                    "a state that asks cannot end; end in another state",
                    end.span().start,
                ));
            }
            (Some(kind), None) => Then::Ask(Box::new(self.ask(kind)?)),
            (None, end) => {
                self.asks_nothing()?;
                match (end, &raw.next) {
                    (Some(end), Some(_)) => {
                        return Err(shape("either `end` or `next`, not both", end.span().start));
                    }
                    (Some(end), None) => Then::End(Self::end(end)?),
                    (None, Some(next)) => Then::Go((self.target)(next)?),
                    (None, None) => return Err((FlowProblem::NoWayOn, at)),
                }
            }
        };
        Ok(State {
            name: self.name.to_owned(),
            say,
            then,
        })
    }

    fn end(end: &Spanned<RawEnd>) -> Result<EndKind, Misplaced> {
        match end.get_ref() {
            RawEnd::Flag(true) => Ok(EndKind::Finished),
            RawEnd::Named(name) if name == "finished" => Ok(EndKind::Finished),
            RawEnd::Named(name) if name == "person" => Ok(EndKind::Person),
            RawEnd::Flag(false) | RawEnd::Named(_) => Err(shape(
                "`end` is true or \"person\"; leave it out if the state does not end",
                end.span().start,
            )),
        }
    }

    fn asks_nothing(&self) -> Result<(), Misplaced> {
        let raw = self.raw;
        let asking = [
            ("slot", raw.slot.as_ref().map(Spanned::span)),
            ("choices", raw.choices.as_ref().map(Spanned::span)),
            ("digits", raw.digits.as_ref().map(Spanned::span)),
            ("between", raw.between.as_ref().map(Spanned::span)),
            ("keys", raw.keys.as_ref().map(Spanned::span)),
            ("to", raw.to.as_ref().map(Spanned::span)),
            ("else", raw.otherwise.as_ref().map(Spanned::span)),
            ("retry", raw.retry.as_ref().map(Spanned::span)),
            ("nudge", raw.nudge.as_ref().map(Spanned::span)),
            ("tries", raw.tries.as_ref().map(Spanned::span)),
        ];
        match asking
            .into_iter()
            .find_map(|(key, span)| span.map(|span| (key, span)))
        {
            Some((key, span)) => Err(shape(
                format!("`{key}` is for a state that asks; add a `type`"),
                span.start,
            )),
            None => Ok(()),
        }
    }

    fn ask(&self, kind_name: &Spanned<String>) -> Result<Ask, Misplaced> {
        let raw = self.raw;
        let at = kind_name.span().start;
        let kind = self.kind(kind_name)?;
        let slot = raw
            .slot
            .as_ref()
            .map_or(self.name, |slot| slot.get_ref())
            .to_owned();
        if slot.is_empty() || !slot.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(shape(
                format!(
                    "the slot `{slot}` cannot be said back; name it with letters, digits and _"
                ),
                at,
            ));
        }
        let answers = answers(&kind);
        let mut to = BTreeMap::new();
        if let Some(ways) = &raw.to {
            for (answer, state) in ways.get_ref() {
                if !answers.iter().any(|known| known == answer) {
                    let hint = nearest(
                        answer,
                        answers.iter().map(String::as_str),
                        "name one of its choices",
                    );
                    return Err(shape(
                        format!("`to` has no answer `{answer}` here; {hint}"),
                        state.span().start,
                    ));
                }
                to.insert(answer.clone(), (self.target)(state)?);
            }
        }
        let next = raw.next.as_ref().map(self.target).transpose()?;
        if next.is_none() {
            if answers.is_empty() {
                return Err(shape(
                    "this question leads nowhere; add `next = \"state\"`",
                    at,
                ));
            }
            if let Some(missing) = answers.iter().find(|answer| !to.contains_key(*answer)) {
                return Err(shape(
                    format!("the answer `{missing}` leads nowhere; add it to `to`, or add `next`"),
                    at,
                ));
            }
        }
        let tries = raw.tries.as_ref().map_or(3, |tries| *tries.get_ref());
        if !(1..=20).contains(&tries) {
            return Err(shape(
                "`tries` is from 1 to 20",
                raw.tries.as_ref().map_or(at, |tries| tries.span().start),
            ));
        }
        Ok(Ask {
            slot,
            keys: self.keys(&kind, &answers)?,
            kind,
            to,
            next,
            otherwise: raw.otherwise.as_ref().map(self.target).transpose()?,
            retry: raw.retry.as_ref().map(template).transpose()?,
            nudge: raw.nudge.as_ref().map(template).transpose()?,
            tries,
        })
    }

    fn kind(&self, name: &Spanned<String>) -> Result<Kind, Misplaced> {
        let raw = self.raw;
        let at = name.span().start;
        let name = name.get_ref().as_str();
        let own = [
            ("choices", raw.choices.is_some(), "choice"),
            ("digits", raw.digits.is_some(), "digits"),
            ("between", raw.between.is_some(), "time"),
            ("min", raw.min.is_some(), "number"),
            ("max", raw.max.is_some(), "number"),
        ];
        if let Some((key, _, kind)) = own
            .into_iter()
            .find(|(_, there, kind)| *there && *kind != name)
        {
            return Err(shape(
                format!("`{key}` is for the type {kind}, not {name}"),
                at,
            ));
        }
        Ok(match name {
            "yes_no" => Kind::YesNo,
            "number" => {
                let (min, max) = (raw.min.unwrap_or(i64::MIN), raw.max.unwrap_or(i64::MAX));
                if min > max {
                    return Err(shape("`min` is above `max`", at));
                }
                Kind::Number { min, max }
            }
            "digits" => {
                let [min, max] = raw
                    .digits
                    .as_ref()
                    .map_or([1, 20], |digits| *digits.get_ref());
                if !(1..=max).contains(&min) || max > 40 {
                    return Err(shape("`digits` is [from, to], between 1 and 40", at));
                }
                Kind::Digits {
                    min: usize::from(min),
                    max: usize::from(max),
                }
            }
            "day" => Kind::Day,
            "time" => Kind::Time {
                between: raw.between.as_ref().map(between).transpose()?,
            },
            "choice" => Kind::Choice(self.choices(at)?),
            "name" => Kind::Name,
            "text" => Kind::Text,
            other => return Err((FlowProblem::UnknownType(other.to_owned()), at)),
        })
    }

    fn choices(&self, at: usize) -> Result<Vec<Choice>, Misplaced> {
        let Some(choices) = &self.raw.choices else {
            return Err(shape(
                "a choice needs `choices`, such as choices.book = [\"book\", \"appointment\"]",
                at,
            ));
        };
        let at = choices.span().start;
        if choices.get_ref().len() > PHRASES_MAX {
            return Err((
                FlowProblem::TooLarge {
                    what: "this list of choices",
                    max: PHRASES_MAX.to_string(),
                },
                at,
            ));
        }
        if choices.get_ref().len() < 2 {
            return Err(shape("a choice is between two or more `choices`", at));
        }
        let mut read = Vec::new();
        for (name, list) in choices.get_ref() {
            let mut phrases = phrases(list, at)?;
            // Its own name is a way to say it.
            phrases.push(words(&name.replace('_', " ")));
            phrases.retain(|phrase| !phrase.is_empty());
            read.push(Choice {
                name: name.clone(),
                phrases,
            });
        }
        Ok(read)
    }

    fn keys(&self, kind: &Kind, answers: &[String]) -> Result<BTreeMap<char, String>, Misplaced> {
        let Some(keys) = &self.raw.keys else {
            let yes_no = [('1', "yes".to_owned()), ('2', "no".to_owned())];
            return Ok(if *kind == Kind::YesNo {
                BTreeMap::from(yes_no)
            } else {
                BTreeMap::new()
            });
        };
        let at = keys.span().start;
        let mut read = BTreeMap::new();
        for (key, answer) in keys.get_ref() {
            if !answers.contains(answer) {
                let hint = nearest(
                    answer,
                    answers.iter().map(String::as_str),
                    "only yes_no and choice have `keys`",
                );
                return Err(shape(
                    format!("the key {key} gives `{answer}`, which is no answer here; {hint}"),
                    at,
                ));
            }
            read.insert(key_of(key, at)?, answer.clone());
        }
        Ok(read)
    }
}

/// The answers that can be told apart by name.
fn answers(kind: &Kind) -> Vec<String> {
    match kind {
        Kind::YesNo => vec!["yes".to_owned(), "no".to_owned()],
        Kind::Choice(choices) => choices.iter().map(|choice| choice.name.clone()).collect(),
        Kind::Number { .. }
        | Kind::Digits { .. }
        | Kind::Day
        | Kind::Time { .. }
        | Kind::Name
        | Kind::Text => Vec::new(),
    }
}

fn between(range: &Spanned<[String; 2]>) -> Result<(u16, u16), Misplaced> {
    let clock = |text: &String| {
        let (hour, minute) = text.split_once(':')?;
        let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
        (hour < 24 && minute < 60).then_some(hour * 60 + minute)
    };
    let [from, to] = range.get_ref();
    match (clock(from), clock(to)) {
        (Some(from), Some(to)) if from < to => Ok((from, to)),
        _ => Err(shape(
            "`between` is [\"08:00\", \"18:00\"]: two times of one day, the earlier first",
            range.span().start,
        )),
    }
}
