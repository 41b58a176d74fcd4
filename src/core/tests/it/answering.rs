//! Calls that find out who answered, walked at random: people, machines, tones and a carrier that say anything at any
//! time, and what must hold whatever they do.
//!
//! `WALK_CALLS=200000 cargo test --release -p trunkline-core answering` walks further than the default.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use trunkline_core::amd::{Told, Tone, Verdict};
use trunkline_core::call::{
    Action, After, Call, EndReason, Event, Expects, Note, Position, ReplyId,
};
use trunkline_core::consent::Mode;
use trunkline_core::time::At;

use crate::scenario;

const MESSAGE: [&str; 2] = [
    "Hello, this is Robin, the AI assistant of Oak Dental.",
    "Please call us back.",
];
const STEPS_MAX: usize = 500;
const HEARD: [&str; 12] = [
    "Hello?",
    "Yes, who is this?",
    "You've reached Ann.",
    "I can't come to the phone right now.",
    "Please leave a message after the beep.",
    "For sales, press one.",
    "Don't call me again.",
    "Please don't record this call.",
    "Yes.",
    "Oak Dental, how can I help you?",
    "I would like to know about item one please.",
    "",
];

fn calls() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "a switch of the test run, not of the product"
    )]
    let asked = std::env::var("WALK_CALLS").ok();
    asked.and_then(|n| n.parse().ok()).unwrap_or(4_000)
}

struct World {
    call: Call,
    plan: &'static str,
    now: u64,
    random: u64,
    talking: bool,
    owed: VecDeque<u64>,
    thinking: Vec<ReplyId>,
    queue: VecDeque<(ReplyId, u16)>,
    pausing: Option<ReplyId>,
    ended_reply: Option<ReplyId>,
}

impl World {
    fn new(seed: u64, plan: &'static str) -> Self {
        let mut settings = scenario::settings();
        settings.limits.call_ms = 180_000;
        settings.answering = scenario::answering(plan).unwrap();
        settings.consent.mode =
            [None, Some(Mode::Announce), Some(Mode::Affirmative)][(seed % 3) as usize];
        let mut call = Call::new(Arc::new(settings), At::START);
        call.handle(At::START, scenario::all_judged(), &mut Vec::new());
        Self {
            call,
            plan,
            now: 0,
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            talking: false,
            owed: VecDeque::new(),
            thinking: Vec::new(),
            queue: VecDeque::new(),
            pausing: None,
            ended_reply: None,
        }
    }

    fn below(&mut self, n: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % n
    }

    fn moment(&mut self) -> At {
        let ago = self.below(200);
        At::from_ms(self.now.saturating_sub(ago))
    }

    fn text(&mut self) -> String {
        HEARD[self.below(HEARD.len() as u64) as usize].into()
    }

    fn event(&mut self) -> Event {
        if let Some(reply) = self.pausing.take() {
            let clause = self.queue.front().map_or(0, |(_, clause)| *clause);
            let heard_ms = self.below(1_000) as u32;
            let position = Position {
                clause,
                heard_ms,
                clause_ms: 1_000,
            };
            return Event::Paused { reply, position };
        }
        match self.below(100) {
            0..=9 => {
                let at = self.moment();
                self.talking = !self.talking;
                if self.talking {
                    return Event::SpeechStarted { at };
                }
                self.owed.push_back(at.ms());
                Event::SpeechStopped { at }
            }
            10..=13 => Event::Partial {
                until: At::from_ms(self.now),
                text: self.text(),
            },
            14..=24 => {
                let until = self.owed.pop_front().unwrap_or(self.now);
                Event::Final {
                    until: At::from_ms(until),
                    text: self.text(),
                    confidence: 0.9,
                }
            }
            25..=27 => {
                let tone = [
                    Tone::Beep,
                    Tone::Beep,
                    Tone::FaxCall,
                    Tone::Network,
                    Tone::FaxAnswer,
                ][self.below(5) as usize];
                Event::Toned {
                    tone,
                    at: self.moment(),
                }
            }
            28..=29 => Event::CarrierHeard {
                told: [
                    Told::Human,
                    Told::Machine {
                        greeting_over: false,
                    },
                    Told::Machine {
                        greeting_over: true,
                    },
                    Told::Fax,
                ][self.below(4) as usize],
            },
            30 => Event::Key {
                key: b"0159#"[self.below(5) as usize] as char,
            },
            31 if self.below(8) == 0 => Event::EndAsked {
                reason: EndReason::Asked,
            },
            31 => Event::SayAsked {
                text: "A word from an operator.".into(),
            },
            32 if self.below(4) == 0 => {
                let reply = self.call.speaking().unwrap_or(ReplyId(0));
                Event::VoiceFailed { reply, clause: 0 }
            }
            32..=50 => match self.thinking.first().copied() {
                Some(reply) if self.below(2) == 0 => Event::MindSaid {
                    reply,
                    text: "Well now.".into(),
                },
                Some(reply) => Event::MindDone {
                    reply,
                    after: After::Listen,
                    expects: Expects::Words,
                },
                None => Event::Judged {
                    until: At::from_ms(self.now),
                },
            },
            _ => match self.queue.pop_front() {
                Some((reply, clause)) => Event::Heard {
                    reply,
                    position: Position {
                        clause,
                        heard_ms: 1_000,
                        clause_ms: 1_000,
                    },
                },
                None => match self.ended_reply.take() {
                    Some(reply) => Event::Played { reply },
                    None => Event::Judged {
                        until: At::from_ms(self.now),
                    },
                },
            },
        }
    }

    fn perform(&mut self, action: &Action) {
        match action {
            Action::Think { reply, .. } => self.thinking.push(*reply),
            Action::CancelThink { reply } => self.thinking.retain(|r| r != reply),
            Action::Say { reply, clause, .. }
            | Action::Fill { reply, clause, .. }
            | Action::Press { reply, clause, .. }
            | Action::SayRecorded { reply, clause } => self.queue.push_back((*reply, *clause)),
            Action::EndSay { reply } => self.ended_reply = Some(*reply),
            Action::Pause { reply } => self.pausing = Some(*reply),
            Action::Drop { reply } => self.queue.retain(|(r, _)| r != reply),
            Action::Prepare { .. }
            | Action::Resume { .. }
            | Action::Commit { .. }
            | Action::UseTool { .. }
            | Action::PutThrough { .. }
            | Action::KeysDone { .. }
            | Action::GoOn { .. }
            | Action::Note(_)
            | Action::HangUp { .. } => {}
        }
    }
}

/// What is seen of one call from outside.
#[derive(Default)]
struct Observer {
    verdict: Option<Verdict>,
    /// So often the message began.
    begun: u32,
    /// A tone came since it did.
    toned: bool,
    ended: bool,
}

impl Observer {
    fn is_machine(&self) -> bool {
        self.verdict.is_some_and(|verdict| !verdict.by.is_person())
    }

    fn look(
        &mut self,
        world: &World,
        event: Option<&Event>,
        actions: &[Action],
    ) -> Result<(), String> {
        self.toned |= matches!(event, Some(Event::Toned { .. }));
        let is_talked_to = world.plan.ends_with("continue");
        for action in actions {
            if self.ended {
                return Err("no action after the end".into());
            }
            // Whether anything is asked or said for a mind while a machine listens that is not talked to.
            let is_quiet = self.is_machine()
                && !is_talked_to
                && self.verdict.is_some_and(|v| v.by.code() != "ivr");
            match action {
                Action::Note(Note::AnsweredBy { verdict, .. }) => self.verdict = Some(*verdict),
                Action::Think { .. } | Action::Prepare { .. } | Action::Fill { .. } if is_quiet => {
                    return Err("nothing of a mind is asked for a machine".into());
                }
                Action::Say { text, .. } if is_quiet && !MESSAGE.contains(&text.as_ref()) => {
                    return Err(format!(
                        "nothing but the message is said to a machine: {text}"
                    ));
                }
                Action::Say { text, .. } if text.as_ref() == MESSAGE[1] => {
                    let may_again = self.begun == 1 && self.toned;
                    if self.begun > 0 && !may_again {
                        return Err("a message is left once".into());
                    }
                    if !self.is_machine() {
                        return Err("a message is for machines".into());
                    }
                    self.begun += 1;
                    self.toned = false;
                }
                Action::HangUp {
                    reason: EndReason::Machine | EndReason::MessageLeft,
                } if !self.is_machine() => {
                    return Err("no person is hung up on".into());
                }
                Action::HangUp {
                    reason: EndReason::MessageLeft,
                } if self.begun == 0 => {
                    return Err("what was left was said".into());
                }
                Action::Note(Note::Commanded {
                    means: trunkline_core::call::Means::Words,
                    ..
                }) if self.is_machine() => {
                    return Err("a machine's words are no commands".into());
                }
                Action::Think { .. }
                | Action::CancelThink { .. }
                | Action::Prepare { .. }
                | Action::Say { .. }
                | Action::Fill { .. }
                | Action::SayRecorded { .. }
                | Action::EndSay { .. }
                | Action::Pause { .. }
                | Action::Resume { .. }
                | Action::Drop { .. }
                | Action::Commit { .. }
                | Action::UseTool { .. }
                | Action::PutThrough { .. }
                | Action::Press { .. }
                | Action::KeysDone { .. }
                | Action::GoOn { .. }
                | Action::Note(_)
                | Action::HangUp { .. } => {}
            }
        }
        if self.is_machine() && world.call.granted().is_some() {
            return Err("a machine agrees to nothing".into());
        }
        self.ended = world.call.is_ended();
        if !self.ended && world.call.deadline().is_none() {
            return Err("a live call has a deadline".into());
        }
        Ok(())
    }
}

fn walk(
    seed: u64,
    plan: &'static str,
    tally: &mut BTreeMap<String, u32>,
    mut spoil: impl FnMut(&mut Vec<Action>),
) -> Result<(), String> {
    let mut world = World::new(seed, plan);
    let mut observer = Observer::default();
    let mut history = VecDeque::new();
    let mut event = Some(Event::Answered);
    for _ in 0..STEPS_MAX {
        let mut actions = Vec::new();
        let due = world.call.deadline().filter(|(at, _)| at.ms() <= world.now);
        match (&event, due) {
            (_, Some((at, _))) => {
                world.now = at.ms();
                world.call.tick(at, &mut actions);
                event = None;
            }
            (Some(event), None) => {
                world
                    .call
                    .handle(At::from_ms(world.now), event.clone(), &mut actions)
            }
            (None, None) => {}
        }
        for action in &actions {
            world.perform(action);
        }
        spoil(&mut actions);
        history.push_back(format!("{} {event:?} -> {actions:?}", world.now));
        if history.len() > 20 {
            history.pop_front();
        }
        let seen = observer.look(&world, event.as_ref(), &actions);
        seen.map_err(|broken| {
            let history: Vec<String> = history.iter().cloned().collect();
            format!("{plan}, seed {seed}: {broken}\n{}", history.join("\n"))
        })?;
        for action in &actions {
            let name = if let Action::HangUp { reason } = action {
                format!("{reason:?}")
            } else if let Action::Note(Note::AnsweredBy { verdict, .. }) = action {
                verdict.by.code().to_owned()
            } else {
                continue;
            };
            *tally.entry(name).or_default() += 1;
        }
        if world.call.is_ended() {
            break;
        }
        world.now += match world.below(8) {
            0 => world.below(3_000),
            _ => world.below(80),
        };
        event = Some(world.event());
    }
    if observer.begun == 2 {
        *tally.entry("begun again".into()).or_default() += 1;
    }
    Ok(())
}

const PLANS: [&str; 5] = [
    "own hang_up",
    "own leave_message",
    "both leave_message",
    "carrier leave_message",
    "both continue",
];

#[test]
fn no_person_is_hung_up_on_and_a_message_is_left_once() {
    let mut tally = BTreeMap::new();
    for seed in 0..calls() {
        let plan = PLANS[(seed % PLANS.len() as u64) as usize];
        walk(seed, plan, &mut tally, |_| {}).unwrap_or_else(|broken| panic!("{broken}"));
    }
    println!("{tally:?}");
    for what in [
        "human",
        "machine",
        "ivr",
        "fax",
        "unknown",
        "Machine",
        "MessageLeft",
        "begun again",
        "OptedOut",
    ] {
        assert!(
            tally.get(what).is_some_and(|n| *n >= 20),
            "{what} in {tally:?}"
        );
    }
}

/// What the observer is worth.
#[test]
fn what_is_broken_on_purpose_is_found() {
    type Spoil = fn(&mut Vec<Action>);
    let spoils: [(&str, Spoil); 3] = [
        ("a message is left once", |actions| {
            let again: Vec<Action> = actions
                .iter()
                .filter(|a| matches!(a, Action::Say { text, .. } if text.as_ref() == MESSAGE[1]))
                .cloned()
                .collect();
            actions.extend(again);
        }),
        ("a message is for machines", |actions| {
            actions.retain(|a| {
                !matches!(
                    a,
                    Action::Note(Note::AnsweredBy { .. }) | Action::HangUp { .. }
                )
            });
        }),
        ("no person is hung up on", |actions| {
            actions.retain(|a| {
                !matches!(a, Action::Note(Note::AnsweredBy { verdict, .. }) if !verdict.by.is_person())
            });
        }),
    ];
    for (what, spoil) in spoils {
        let plan = if what.contains("person") {
            PLANS[0]
        } else {
            PLANS[1]
        };
        let found = (0..3_000).find_map(|seed| walk(seed, plan, &mut BTreeMap::new(), spoil).err());
        let found = found.expect(what);
        assert!(
            found.contains(what),
            "{what}: {}",
            found.lines().next().unwrap()
        );
    }
}
