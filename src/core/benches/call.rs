//! What the pure heart costs: `cargo bench -p trunkline-core`. A call has about ten events a second.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a bench that cannot go on says so by panicking"
)]

use std::sync::Arc;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use trunkline_core::call::{
    Action, After, Call, EndReason, Event, Expects, Note, Notices, Position, ReplyId, Settings,
};
use trunkline_core::clause::Clauses;
use trunkline_core::commands;
use trunkline_core::flow::{Flow, Heard, Vars};
use trunkline_core::language::Language;
use trunkline_core::time::At;
use trunkline_core::wire::twilio;

fn main() {
    divan::main();
}

/// What the caller says in turn; every third is said into the agent's answer.
const TURNS: [&str; 12] = [
    "What time do you open on Saturdays?",
    "Thank you, I would like to book an appointment for my daughter.",
    "Next Tuesday would be good, if you have time in the morning.",
    "Ten thirty in the morning, please.",
    "No, wait, could we make that eleven o'clock instead of half past ten?",
    "My number is five five five, zero one four two.",
    "Mm-hm.",
    "Could you tell me what it costs, and whether my insurance pays for it?",
    "I see. And where exactly do I have to go when I come in?",
    "Are you a robot?",
    "All right, that sounds good to me.",
    "Yes, that is right, thank you very much.",
];
const ANSWER: [&str; 2] = [
    "We are open from eight in the morning to six in the evening, Monday to Friday.",
    "Would you like me to note that down for you, or is there something else?",
];
const CLAUSE_MS: u32 = 3_200;
/// How often the carrier's marks tell how far the agent has been heard.
const HEARD_EVERY_MS: u32 = 400;

/// Holds a conversation with a call, and keeps what it told it.
struct Screenplay {
    call: Call,
    now: u64,
    events: Vec<(At, Event)>,
    actions: Vec<Action>,
    notes: Vec<Note>,
    asked: Option<ReplyId>,
    queue: Vec<(ReplyId, u16)>,
    paused: Option<ReplyId>,
}

impl Screenplay {
    fn write() -> Self {
        let mut play = Self {
            call: call(),
            now: 0,
            events: Vec::new(),
            actions: Vec::new(),
            notes: Vec::new(),
            asked: None,
            queue: Vec::new(),
            paused: None,
        };
        play.tell(Event::Answered);
        play.think();
        play.listen(u32::MAX);
        play.listen(u32::MAX);
        for (number, text) in TURNS.into_iter().enumerate() {
            play.now += 700;
            play.turn(text);
            let heard_ms = if number % 3 == 1 { 1_500 } else { u32::MAX };
            play.listen(heard_ms);
            if heard_ms == u32::MAX {
                play.listen(heard_ms);
            }
        }
        play.tell(Event::LineClosed {
            reason: EndReason::CallerHungUp,
        });
        play
    }

    fn tell(&mut self, event: Event) {
        let now = At::from_ms(self.now);
        self.events.push((now, event.clone()));
        self.call.handle(now, event, &mut self.actions);
        for action in self.actions.drain(..) {
            match action {
                Action::Think { reply, .. } => self.asked = Some(reply),
                Action::Say { reply, clause, .. } | Action::Fill { reply, clause, .. } => {
                    self.queue.push((reply, clause));
                }
                Action::Pause { reply } => self.paused = Some(reply),
                Action::Drop { reply } => self.queue.retain(|(of, _)| *of != reply),
                Action::Note(note) => self.notes.push(note),
                Action::CancelThink { .. }
                | Action::Prepare { .. }
                | Action::SayRecorded { .. }
                | Action::EndSay { .. }
                | Action::Resume { .. }
                | Action::Commit { .. }
                | Action::UseTool { .. }
                | Action::PutThrough { .. }
                | Action::Press { .. }
                | Action::KeysDone { .. }
                | Action::GoOn { .. }
                | Action::HangUp { .. } => {}
            }
        }
        if let Some(reply) = self.paused.take() {
            let clause = self.queue.first().map_or(0, |(_, clause)| *clause);
            let position = Position {
                clause,
                heard_ms: 1_500,
                clause_ms: CLAUSE_MS,
            };
            self.tell(Event::Paused { reply, position });
        }
    }

    /// The caller speaks, is understood, and the mind answers.
    fn turn(&mut self, text: &str) {
        self.tell(Event::SpeechStarted {
            at: At::from_ms(self.now - 100),
        });
        let words: Vec<&str> = text.split(' ').collect();
        for said in (3..words.len()).step_by(2) {
            self.now += 600;
            self.tell(Event::Partial {
                until: At::from_ms(self.now - 50),
                text: words[..said].join(" "),
            });
        }
        self.now += 500;
        let until = At::from_ms(self.now - 200);
        self.tell(Event::SpeechStopped { at: until });
        self.now += 60;
        self.tell(Event::TurnScored {
            until,
            complete: 0.97,
        });
        self.now += 60;
        self.tell(Event::Final {
            until,
            text: text.into(),
            confidence: 0.93,
        });
        self.think();
    }

    fn think(&mut self) {
        let Some(reply) = self.asked.take() else {
            return;
        };
        self.now += 150;
        self.tell(Event::MindStarted { reply });
        for text in ANSWER {
            self.now += 100;
            self.tell(Event::MindSaid {
                reply,
                text: text.into(),
            });
        }
        self.tell(Event::MindDone {
            reply,
            after: After::Listen,
            expects: Expects::Words,
        });
    }

    /// Plays what is queued of one reply, or so much of it.
    fn listen(&mut self, ms_max: u32) {
        let Some((reply, _)) = self.queue.first().copied() else {
            return;
        };
        self.now += 120;
        self.tell(Event::PlaybackStarted { reply });
        let mut played_ms = 0;
        while let Some((of, clause)) = self.queue.first().copied().filter(|(of, _)| *of == reply) {
            for heard_ms in (0..=CLAUSE_MS).step_by(HEARD_EVERY_MS as usize).skip(1) {
                self.now += u64::from(HEARD_EVERY_MS);
                played_ms += HEARD_EVERY_MS;
                let position = Position {
                    clause,
                    heard_ms,
                    clause_ms: CLAUSE_MS,
                };
                self.tell(Event::Heard {
                    reply: of,
                    position,
                });
                if played_ms >= ms_max {
                    return;
                }
            }
            self.queue.retain(|queued| *queued != (of, clause));
        }
        self.tell(Event::Played { reply });
    }
}

fn call() -> Call {
    let settings = Settings {
        notices: Notices::of(Language::English, "Robin", "Oak Street Dental"),
        ..Settings::default()
    };
    Call::new(Arc::new(settings), At::START)
}

#[divan::bench]
fn a_conversation_per_event(bencher: Bencher<'_, '_>) {
    let play = Screenplay::write();
    let count = |of: fn(&Note) -> bool| play.notes.iter().filter(|note| of(note)).count();
    let answered = count(|note| matches!(note, Note::Answered { .. }));
    let interrupted = count(|note| matches!(note, Note::Interrupted { .. }));
    assert!(
        answered >= 8 && interrupted >= 2,
        "the screenplay is no conversation: {answered} answers, {interrupted} interruptions"
    );
    bencher
        .counter(ItemsCount::new(play.events.len()))
        .with_inputs(|| (call(), play.events.clone(), Vec::with_capacity(64)))
        .bench_local_values(|(mut call, events, mut actions)| {
            for (now, event) in events {
                call.handle(now, event, &mut actions);
                black_box(&actions);
                actions.clear();
            }
            (call, actions)
        });
}

/// The event of which a call has most: how far the agent has been heard.
#[divan::bench]
fn heard(bencher: Bencher<'_, '_>) {
    let mut call = call();
    let mut actions = Vec::new();
    call.handle(At::START, Event::Answered, &mut actions);
    let reply = call.speaking().expect("the opening is being said");
    call.handle(At::START, Event::PlaybackStarted { reply }, &mut actions);
    bencher.bench_local(|| {
        let position = Position {
            clause: 0,
            heard_ms: 400,
            clause_ms: CLAUSE_MS,
        };
        let event = Event::Heard { reply, position };
        call.handle(At::from_ms(400), black_box(event), &mut actions);
        actions.clear();
    });
}

const TWELVE_WORDS: &str = "I would like to move my appointment to Thursday in the morning";

#[divan::bench(args = [
    TWELVE_WORDS,
    "Could you please take my number off of your calling list right now",
])]
fn commands_detect_all(text: &str) -> Vec<commands::Detected> {
    commands::detect_all(Language::English, black_box(text), 0.9)
}

#[divan::bench(args = ["mm-hm", TWELVE_WORDS])]
fn commands_is_backchannel(text: &str) -> bool {
    commands::is_backchannel(Language::English, black_box(text))
}

#[divan::bench(args = ["I would like to book an appointment", "well I do not know"])]
fn flow_step(bencher: Bencher<'_, '_>, text: &str) {
    let flow = Flow::parse(include_str!("../../agents/front-desk.flow.toml"))
        .expect("the agent that ships has a flow that parses");
    let vars = Vars::new();
    let (state, _) = flow.open(&vars);
    bencher.bench_local(|| {
        let heard = Heard { text, keys: "" };
        flow.step(black_box(&state), heard, &vars)
    });
}

/// 20 ms of the caller.
#[divan::bench]
fn twilio_decode_media(bencher: Bencher<'_, '_>) {
    let mut message = String::new();
    twilio::media(
        "MZ0123456789abcdef0123456789abcdef",
        &[0x7E; 160],
        &mut message,
    );
    let message = message.replace(
        r#""media":{"#,
        r#""sequenceNumber":"4711","media":{"track":"inbound","chunk":"4710","timestamp":"94200","#,
    );
    let mut audio = Vec::with_capacity(512);
    let decoded = twilio::decode(&message, &mut audio).expect("it is as the carrier writes it");
    assert!(matches!(decoded.inbound, twilio::Inbound::Media { .. }) && audio.len() == 160);
    bencher.bench_local(|| {
        let decoded = twilio::decode(black_box(&message), &mut audio).is_ok();
        black_box(&audio);
        decoded
    });
}

/// 100 ms of the agent.
#[divan::bench]
fn twilio_encode_media(bencher: Bencher<'_, '_>) {
    let audio = [0x7E; 800];
    let mut message = String::with_capacity(2_048);
    bencher.bench_local(|| {
        message.clear();
        twilio::media(
            "MZ0123456789abcdef0123456789abcdef",
            black_box(&audio),
            &mut message,
        );
        black_box(&message);
    });
}

#[divan::bench]
fn clauses_per_token(bencher: Bencher<'_, '_>) {
    let text = ANSWER.join(" ").repeat(4);
    let tokens: Vec<&str> = text.split_inclusive(' ').collect();
    bencher
        .counter(ItemsCount::new(tokens.len()))
        .bench_local(|| {
            let (mut clauses, mut out) = (Clauses::new(), Vec::new());
            for token in &tokens {
                clauses.push(black_box(token), &mut out);
            }
            clauses.finish(&mut out);
            out
        });
}
