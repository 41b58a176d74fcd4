//! A random walk: a line, a recogniser, a mind, a voice and a caller that do anything at any time, and what must hold
//! whatever they do.
//!
//! `WALK_EVENTS=10000000 cargo test --release -p trunkline-core walk` walks further than the default.

mod invariants;
mod world;

use invariants::{Observer, Step};
use std::collections::{BTreeMap, VecDeque};

use trunkline_core::call::{Action, EndReason, Note};
use world::World;

/// Steps shown of a walk that went wrong.
const SHOWN: usize = 25;

fn events() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "a switch of the test run, not of the product"
    )]
    std::env::var("WALK_EVENTS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(400_000)
}

/// Walks `events` events over as many calls as that takes, and counts what came out of them. `spoil` may falsify what
/// the observer sees.
fn walk(seed: u64, events: u64, mut spoil: impl FnMut(&mut Step)) -> Result<Tally, String> {
    let mut done = 0;
    let mut calls = 0;
    let mut tally = Tally::new();
    while done < events {
        let seed = seed.wrapping_add(calls);
        let mut world = World::new(seed);
        let mut observer = Observer::default();
        let mut history = VecDeque::new();
        while let Some(mut step) = world.step() {
            done += 1;
            spoil(&mut step);
            for action in &step.actions {
                *tally.entry(kind(action)).or_default() += 1;
            }
            *tally.entry("idle").or_default() += u64::from(step.is_idle);
            let verdict = observer.look(&step);
            if history.len() == SHOWN {
                history.pop_front();
            }
            history.push_back(step);
            if let Err(broken) = verdict {
                let show = |s: &Step| format!("{:>8} {:?} -> {:?}", s.now.ms(), s.cause, s.actions);
                let history: Vec<String> = history.iter().map(show).collect();
                return Err(format!("seed {seed}: {broken}\n{}", history.join("\n")));
            }
        }
        observer
            .finish()
            .map_err(|broken| format!("seed {seed}: {broken}"))?;
        calls += 1;
    }
    tally.insert("calls", calls);
    Ok(tally)
}

/// How often what came out.
type Tally = BTreeMap<&'static str, u64>;

fn kind(action: &Action) -> &'static str {
    match action {
        Action::Think { .. } => "think",
        Action::CancelThink { .. } => "cancel-think",
        Action::Prepare { .. } => "prepare",
        Action::Say { .. } => "say",
        Action::SayRecorded { .. } => "say-recorded",
        Action::EndSay { .. } => "end-say",
        Action::Pause { .. } => "pause",
        Action::Resume { .. } => "resume",
        Action::Drop { .. } => "drop",
        Action::Commit { .. } => "commit",
        Action::HangUp { .. } => "hang-up",
        Action::Note(Note::Commanded { .. }) => "command",
        Action::Note(Note::AgentSaid { cut: true, .. }) => "cut",
        Action::Note(Note::Ended {
            reason: EndReason::Failed(_),
            ..
        }) => "failed",
        Action::Note(Note::Ended {
            reason: EndReason::TooLong,
            ..
        }) => "too-long",
        Action::Note(Note::Ended { .. }) => "ended",
        Action::Note(_) => "note",
    }
}

#[test]
fn nothing_that_happens_breaks_an_invariant() {
    let events = events();
    let tally = walk(1, events, |_| {}).unwrap_or_else(|broken| panic!("{broken}"));
    println!("{events} events: {tally:?}");
    // A walk that never comes by a place proves nothing about it.
    for what in [
        "calls",
        "think",
        "cancel-think",
        "pause",
        "resume",
        "drop",
        "commit",
        "hang-up",
        "command",
        "cut",
        "idle",
    ] {
        assert!(
            tally.get(what).is_some_and(|n| *n > events / 4_000),
            "{what} in {tally:?}"
        );
    }
}

/// What the observer is worth: each falsified trace must be found out.
#[test]
fn the_observer_finds_what_is_broken_on_purpose() {
    type Spoil = Box<dyn FnMut(&mut Step)>;
    let drop_actions =
        |what: fn(&Action) -> bool| -> Spoil { Box::new(move |s| s.actions.retain(|a| !what(a))) };
    let spoils: Vec<(&str, Spoil)> = vec![
        (
            "a live call has a deadline",
            Box::new(|s| s.deadline = None),
        ),
        ("a due timer is spent", {
            let mut n = 0;
            Box::new(move |s| {
                n += u32::from(matches!(s.cause, invariants::Cause::Timer(_)));
                if n >= 50 && !s.is_ended {
                    s.deadline = Some(s.now);
                }
            })
        }),
        (
            "nothing heard goes unanswered",
            drop_actions(|a| matches!(a, Action::Think { .. })),
        ),
        ("no action after the end", {
            Box::new(move |s| {
                if s.speaking_before.is_none() && s.is_ended {
                    s.actions.push(Action::Note(Note::CallerPressed {
                        at: s.now,
                        keys: "1".into(),
                    }));
                }
            })
        }),
        ("nothing of a dead reply", {
            Box::new(|s| {
                let dropped = s.actions.iter().find_map(|a| {
                    if let Action::Drop { reply } = a {
                        Some(*reply)
                    } else {
                        None
                    }
                });
                if let Some(reply) = dropped.filter(|r| s.speaking != Some(*r) && !s.caller_talks) {
                    s.actions.push(Action::Resume { reply });
                }
            })
        }),
        ("a draft does nothing", {
            Box::new(|s| {
                if let Some(reply) = s.drafting {
                    s.actions.push(Action::Commit { reply });
                }
            })
        }),
        ("never speak over a talking caller", {
            Box::new(|s| {
                if let (Some(reply), true) = (s.speaking, s.caller_talks) {
                    s.actions.push(Action::Resume { reply });
                }
            })
        }),
        (
            "what is cancelled was asked for",
            drop_actions(|a| matches!(a, Action::CancelThink { .. })),
        ),
        (
            "the opening comes first",
            drop_actions(|a| matches!(a, Action::Say { .. })),
        ),
        ("the call ends once", {
            Box::new(|s| {
                if s.actions
                    .iter()
                    .any(|a| matches!(a, Action::Note(Note::Ended { .. })))
                {
                    let note = s
                        .actions
                        .iter()
                        .find(|a| matches!(a, Action::Note(Note::Ended { .. })))
                        .cloned();
                    s.actions.insert(0, note.unwrap());
                }
            })
        }),
    ];
    for (what, spoil) in spoils {
        let found = walk(7, 200_000, spoil);
        let broken = found.expect_err(what);
        assert!(
            broken.contains(what),
            "{what}: found something else: {}",
            broken.lines().next().unwrap()
        );
    }
}
