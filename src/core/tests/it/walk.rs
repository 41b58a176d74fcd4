//! A random walk: a line, a recogniser, a mind, a voice and a caller that do anything at any time, and what must hold
//! whatever they do.
//!
//! `WALK_EVENTS=10000000 cargo test --release -p trunkline-core walk` walks further than the default.

mod consent;
mod invariants;
mod tools;
mod world;

use invariants::{Cause, Observer, Step};
use std::collections::{BTreeMap, VecDeque};

use trunkline_core::call::{Action, EndReason, Event, KeysDone, Note};
use trunkline_core::consent::Method;
use trunkline_core::journal::Step as Consent;
use trunkline_core::time::At;
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
        let mut observer = Observer::new(world.mode, world.filler_ms);
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
        Action::Fill { .. } => "fill",
        Action::SayRecorded { .. } => "say-recorded",
        Action::EndSay { .. } => "end-say",
        Action::Press { .. } => "press",
        Action::KeysDone {
            done: KeysDone::Not(_),
            ..
        } => "no-keys",
        Action::KeysDone { .. } => "keys",
        Action::Pause { .. } => "pause",
        Action::Resume { .. } => "resume",
        Action::Drop { .. } => "drop",
        Action::Commit { .. } => "commit",
        Action::HangUp { .. } => "hang-up",
        Action::UseTool { .. } => "use-tool",
        Action::PutThrough { .. } => "put-through",
        Action::GoOn { .. } => "go-on",
        Action::Note(Note::ToolBegun { .. }) => "tool-begun",
        Action::Note(Note::ToolUsed { .. }) => "tool-used",
        Action::Note(Note::Commanded { .. }) => "command",
        Action::Note(Note::Guarded { .. }) => "guarded",
        Action::Note(Note::Consent { step, .. }) => match step {
            Consent::Announced { .. } => "announced",
            Consent::Unclear { .. } => "unclear",
            Consent::Granted { method } => match method {
                Method::Silence => "granted-by-silence",
                Method::WentOn => "granted-by-going-on",
                Method::SaidYes => "granted-by-yes",
                Method::PressedYes => "granted-by-key",
            },
            Consent::Refused { .. } => "refused",
            Consent::Withdrawn { .. } => "withdrawn",
        },
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
        "use-tool",
        "put-through",
        "go-on",
        "tool-used",
        "think",
        "cancel-think",
        "pause",
        "resume",
        "drop",
        "commit",
        "hang-up",
        "command",
        "cut",
        "fill",
        "idle",
    ] {
        assert!(
            tally.get(what).is_some_and(|n| *n > events / 4_000),
            "{what} in {tally:?}"
        );
    }
    for what in [
        "keys",
        "no-keys",
        "press",
        "announced",
        "unclear",
        "granted-by-silence",
        "granted-by-going-on",
        "granted-by-yes",
        "granted-by-key",
        "refused",
        "withdrawn",
        "guarded",
    ] {
        assert!(
            tally.get(what).is_some_and(|n| *n > events / 100_000),
            "{what} in {tally:?}"
        );
    }
}

/// What the observer is worth: each falsified trace must be found out.
fn is_grant(action: &Action) -> bool {
    matches!(
        action,
        Action::Note(Note::Consent {
            step: Consent::Granted { .. },
            ..
        })
    )
}

fn is_caller(action: &Action) -> bool {
    matches!(action, Action::Note(Note::CallerSaid { .. }))
}

/// Falsified traces of consent, muting and denials.
fn consent_spoils() -> Vec<(&'static str, Spoil)> {
    vec![
        ("no mind is asked before consent is decided", {
            Box::new(|s| s.actions.retain(|a| !is_grant(a)))
        }),
        ("a notice counts when it was heard whole", {
            Box::new(|s| {
                if let Cause::Event(Event::Heard { position, .. }) = &mut s.cause {
                    position.heard_ms = 0;
                }
            })
        }),
        ("the proof lasts as long as the grant", {
            Box::new(|s| {
                let withdrawn = s.actions.iter().any(|a| kind(a) == "withdrawn");
                if withdrawn {
                    s.granted_since = Some(s.now);
                }
            })
        }),
        ("what was said up to the grant is from before it", {
            Box::new(|s| {
                if s.actions.iter().any(is_grant) {
                    s.granted_since = Some(s.now);
                }
            })
        }),
        ("an objection ends consent before it is noted", {
            Box::new(|s| s.actions.sort_by_key(|a| !is_caller(a)))
        }),
        ("seconds of silence", {
            Box::new(|s| {
                // The grant comes a little too early.
                if s.actions.iter().any(|a| kind(a) == "granted-by-silence") {
                    s.now = At::from_ms(s.now.ms() - 1);
                }
            })
        }),
        ("consent is decided once", {
            Box::new(|s| {
                if let Some(at) = s.actions.iter().position(|a| kind(a) == "refused") {
                    let again = s.actions[at].clone();
                    s.actions.insert(at, again);
                }
            })
        }),
        ("a muted mind is not asked", {
            Box::new(|s| {
                if let Cause::Event(Event::Muted { on }) = &mut s.cause {
                    *on = true;
                }
            })
        }),
        ("nobody denies being an AI", {
            Box::new(|s| {
                for action in &mut s.actions {
                    if let Action::Say { text, .. } = action
                        && text.contains("not a person")
                    {
                        *text = "No, I'm not a robot.".into();
                    }
                }
            })
        }),
    ]
}

type Spoil = Box<dyn FnMut(&mut Step)>;

#[test]
fn the_observer_finds_what_is_broken_on_purpose() {
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
                if let Some(reply) =
                    dropped.filter(|r| s.speaking != Some(*r) && !s.caller_talks && !s.is_ended)
                {
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
        ("nobody waits in silence", {
            Box::new(|s| {
                if let (Some(_), None, Some(at)) = (s.drafting, s.speaking, s.deadline) {
                    s.deadline = Some(at.plus(10_000));
                }
            })
        }),
        ("a filler is for an answer to come", {
            let (mut n, mut of_mind) = (0, Vec::new());
            Box::new(move |s| {
                n += 1;
                let fill = |reply| Action::Fill {
                    reply,
                    clause: 0,
                    text: "One moment, please.".into(),
                };
                let begun = s.actions.iter().find_map(|a| {
                    if let Action::Say { reply, .. } = a {
                        Some(*reply)
                    } else {
                        None
                    }
                });
                for action in &s.actions {
                    if let Action::Think { reply, .. } = action {
                        of_mind.push(*reply);
                    }
                }
                let begun = begun.filter(|r| !of_mind.contains(r));
                let notice = begun.filter(|r| r.0 > 0 && s.drafting.is_none() && n > 2_000);
                s.actions.extend(notice.map(fill));
            })
        }),
        ("a filler leaves time for an answer", {
            Box::new(|s| {
                let fill = s.actions.iter().rfind(|a| matches!(a, Action::Fill { .. }));
                let again = fill.cloned();
                s.actions.extend(again);
            })
        }),
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
    let spoils = spoils.into_iter().chain(consent_spoils());
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
