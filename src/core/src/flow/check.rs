//! Checks of a flow as a whole: what can be reached, what is known where, what would never end.

use super::error::{FlowProblem, nearest};
use super::parse::Misplaced;
use super::template::Template;
use super::{AnytimeAction, Flow, State, Then};
use std::collections::BTreeSet;

/// `says_at` is the place of each state's `say` in the file.
pub(super) fn check(flow: &Flow, says_at: &[usize]) -> Result<(), Misplaced> {
    defined(flow, says_at)?;
    let known = known_on_entry(flow);
    for ((state, known), at) in flow.states.iter().zip(&known).zip(says_at) {
        let Some(known) = known else {
            return Err((FlowProblem::Unreachable, *at));
        };
        for template in texts(state) {
            for (name, fallback) in template.variables() {
                if !fallback && !given(flow, name) && !known.contains(name) {
                    return Err((
                        FlowProblem::NotYetKnown {
                            name: name.to_owned(),
                        },
                        *at,
                    ));
                }
            }
        }
    }
    if let Some((name, _)) = flow
        .gave_up
        .iter()
        .flat_map(Template::variables)
        .find(|(name, or)| !or && !given(flow, name))
    {
        return Err((
            FlowProblem::NotYetKnown {
                name: name.to_owned(),
            },
            0,
        ));
    }
    endless(flow, says_at)
}

fn texts(state: &State) -> impl Iterator<Item = &Template> {
    let ask = if let Then::Ask(ask) = &state.then {
        Some(ask)
    } else {
        None
    };
    let more = ask
        .into_iter()
        .flat_map(|ask| ask.retry.iter().chain(&ask.nudge));
    std::iter::once(&state.say).chain(more)
}

/// True for a variable that comes with the call or has a default.
fn given(flow: &Flow, name: &str) -> bool {
    flow.defaults.contains_key(name) || flow.required.contains(name)
}

fn defined(flow: &Flow, says_at: &[usize]) -> Result<(), Misplaced> {
    let slots = flow.states.iter().filter_map(|state| match &state.then {
        Then::Ask(ask) => Some(ask.slot.as_str()),
        Then::Go(_) | Then::End(_) => None,
    });
    let names: BTreeSet<&str> = slots
        .chain(flow.defaults.keys().map(String::as_str))
        .chain(flow.required.iter().map(String::as_str))
        .collect();
    let everywhere = flow
        .states
        .iter()
        .zip(says_at)
        .flat_map(|(state, at)| texts(state).map(move |text| (text, *at)));
    for (template, at) in everywhere.chain(flow.gave_up.iter().map(|text| (text, 0))) {
        if let Some((name, _)) = template.variables().find(|(name, _)| !names.contains(name)) {
            let hint = nearest(
                name,
                names.iter().copied(),
                "add it to [variables] or to `required`",
            );
            return Err((
                FlowProblem::UndefinedVariable {
                    name: name.to_owned(),
                    hint,
                },
                at,
            ));
        }
    }
    Ok(())
}

/// For each state, the slots that are filled on every way to it; none if there is no way.
fn known_on_entry(flow: &Flow) -> Vec<Option<BTreeSet<&str>>> {
    let mut known: Vec<Option<BTreeSet<&str>>> = vec![None; flow.states.len()];
    let mut open = vec![(flow.start, BTreeSet::new())];
    while let Some((at, arriving)) = open.pop() {
        let Some(entry) = known.get_mut(at) else {
            continue;
        };
        let narrowed = match entry {
            None => arriving,
            Some(before) => {
                let both: BTreeSet<&str> = before.intersection(&arriving).copied().collect();
                if both.len() == before.len() {
                    continue;
                }
                both
            }
        };
        *entry = Some(narrowed.clone());
        match &flow.states[at].then {
            Then::End(_) => {}
            Then::Go(next) => open.push((*next, narrowed)),
            Then::Ask(ask) => {
                let mut answered = narrowed.clone();
                answered.insert(ask.slot.as_str());
                for next in ask.to.values().chain(&ask.next) {
                    open.push((*next, answered.clone()));
                }
                let unanswered = flow
                    .anytime
                    .iter()
                    .filter_map(|intent| match intent.action {
                        AnytimeAction::Go(next) => Some(next),
                        AnytimeAction::Repeat => None,
                    });
                for next in unanswered.chain(ask.otherwise) {
                    open.push((next, narrowed.clone()));
                }
            }
        }
    }
    known
}

fn endless(flow: &Flow, says_at: &[usize]) -> Result<(), Misplaced> {
    for first in 0..flow.states.len() {
        let mut way = Vec::new();
        let mut at = first;
        while let Then::Go(next) = &flow.states[at].then {
            way.push(flow.states[at].name.as_str());
            if *next == first {
                let at = says_at.get(first).copied().unwrap_or(0);
                return Err((FlowProblem::Endless(way.join(" -> ")), at));
            }
            if way.len() > flow.states.len() {
                break;
            }
            at = *next;
        }
    }
    Ok(())
}
