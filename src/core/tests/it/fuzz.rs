//! A call told anything at all: bytes become facts with any times, any ids and any words, and what must hold even then.
//!
//! Unlike the walk's, these facts need not be plausible. Bytes that once broke something, or that reach far, lie in
//! `tests/fuzz/call/`, a file each, and are replayed. `FUZZ_CASES=1000000 cargo test --release -p trunkline-core fuzz`
//! looks further than the default.

mod floods;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use trunkline_core::amd::{self, Tone};
use trunkline_core::call::{
    Action, After, Call, Check, EndReason, Event, Expects, KeyField, KeyWork, Note, Outcome,
    Position, ReplyId, Stage, Timer, TransferKind, TransferNews, UseId, Wanted,
};
use trunkline_core::consent::Mode;
use trunkline_core::journal::Step;
use trunkline_core::time::At;
use trunkline_core::times::WordTime;

/// Bytes of one case: some hundreds of events.
const BYTES_MAX: usize = 1_500;
/// Actions that one event may bring about: a draft of 400 clauses that is to be said, and what ends with it.
const ACTIONS_MAX: usize = 430;

/// Words with something in them for every detector, and for whoever counts bytes where there are characters.
const TEXTS: [&str; 18] = [
    "",
    " ",
    "mm-hm",
    "I would like to book an appointment, please.",
    "and",
    "my number is five five five",
    "yes",
    "no, wait",
    "stop",
    "Are you a robot?",
    "Don't call me again.",
    "please don't",
    "record this call",
    "h\u{e9}llo \u{1f600} \u{4f60}\u{597d}",
    "\u{0}\u{feff}\u{202e}",
    "Goodbye.",
    "No, I'm not a robot.",
    "yes, and I need an appointment",
];

/// What machines say.
const MACHINES: [&str; 3] = [
    "You've reached Ann. Leave a message after the beep.",
    "For sales, press one.",
    "Hello?",
];

/// Takes facts off a string of bytes. When it is used up, it is all zeros.
struct Bytes<'a> {
    rest: &'a [u8],
}

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else {
            return 0;
        };
        self.rest = rest;
        *first
    }

    fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n
    }

    fn number(&mut self) -> u64 {
        (0..8).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }

    /// Mostly a little later, at times much later, earlier, or absurd.
    fn moment(&mut self, now: u64) -> u64 {
        let step = u64::from(self.byte());
        match self.byte() {
            0..=159 => now.saturating_add(step),
            160..=199 => now.saturating_add(step * 10),
            200..=239 => now,
            240..=249 => now.saturating_sub(step * 10),
            250 => now.saturating_add(step * 2_000),
            251 => step,
            252 if step > 250 => self.number(),
            _ => now.saturating_add(1),
        }
    }

    fn at(&mut self, now: u64) -> At {
        At::from_ms(self.moment(now))
    }

    fn text(&mut self) -> String {
        match self.byte() {
            0..=199 => TEXTS[self.below(TEXTS.len())].into(),
            200..=229 => TEXTS[self.below(TEXTS.len())].repeat(self.below(200)),
            _ => {
                let length = self.below(40).min(self.rest.len());
                let (raw, rest) = self.rest.split_at(length);
                self.rest = rest;
                String::from_utf8_lossy(raw).into_owned()
            }
        }
    }

    fn key_work(&mut self) -> KeyWork {
        if self.byte() < 60 {
            return KeyWork::Press(self.text().into());
        }
        let is_secret = self.byte() < 180;
        let fields = (0..self.below(4)).map(|_| KeyField {
            prompt: self.text().into(),
            wrong: Some(self.text().into()),
            digits_min: self.byte() / 16,
            digits_max: self.byte() / 8,
            terminator: [Some('#'), None, Some('*')][self.below(3)],
            first_ms: u32::from(self.byte()) * 50,
            between_ms: u32::from(self.byte()) * 20,
            check: [Check::None, Check::Luhn][self.below(2)],
            tries: self.byte() / 64,
        });
        KeyWork::Collect {
            fields: fields.collect(),
            is_secret,
        }
    }

    /// Mostly a reply that lives.
    fn reply(&mut self, call: &Call) -> ReplyId {
        let live = [call.speaking(), call.drafting()];
        match self.byte() {
            pick @ 0..=219 => live[usize::from(pick % 2)]
                .or(live[usize::from(1 - pick % 2)])
                .unwrap_or(ReplyId(0)),
            220..=249 => ReplyId(u32::from(self.byte())),
            _ => ReplyId(u32::MAX),
        }
    }

    fn position(&mut self) -> Position {
        let mut ms = || match self.byte() {
            255 => u32::MAX,
            ms => u32::from(ms) * 20,
        };
        let (heard_ms, clause_ms) = (ms(), ms());
        Position {
            clause: match self.byte() {
                255 => u16::MAX,
                clause => u16::from(clause % 6),
            },
            heard_ms,
            clause_ms,
        }
    }

    fn probability(&mut self) -> f32 {
        match self.byte() {
            255 => f32::NAN,
            254 => f32::INFINITY,
            253 => -1.0,
            share => f32::from(share) / 252.0,
        }
    }

    fn end_reason(&mut self) -> EndReason {
        [
            EndReason::CallerHungUp,
            EndReason::LineLost,
            EndReason::AgentHungUp,
            EndReason::OptedOut,
            EndReason::Silence,
            EndReason::TooLong,
            EndReason::Failed(Stage::Mind),
            EndReason::Draining,
            EndReason::Asked,
        ][self.below(9)]
    }

    fn event(&mut self, call: &Call, now: u64) -> Event {
        match self.byte() {
            0..=9 => Event::Answered,
            10..=37 => Event::SpeechStarted { at: self.at(now) },
            38..=43 => Event::SpeechPaused { at: self.at(now) },
            44..=45 => Event::SpeechResumed,
            46..=63 => Event::SpeechStopped { at: self.at(now) },
            64..=65 => Event::Judged {
                until: self.at(now),
            },
            66..=79 => Event::Partial {
                until: self.at(now),
                text: self.text(),
            },
            80..=109 => Event::Final {
                until: self.at(now),
                text: self.text(),
                confidence: self.probability(),
            },
            110..=123 => Event::TurnScored {
                until: self.at(now),
                complete: self.probability(),
            },
            124 => Event::HearFailed {
                until: self.at(now),
                fatal: self.byte() > 220,
            },
            125..=137 => Event::Key {
                key: char::from(b"0123456789*#Dx\x00\xFF"[self.below(16)]),
            },
            138..=147 => Event::MindStarted {
                reply: self.reply(call),
            },
            148..=169 => Event::MindSaid {
                reply: self.reply(call),
                text: self.text(),
            },
            170..=183 => Event::MindDone {
                reply: self.reply(call),
                after: [After::Listen, After::Wait, After::Listen, After::HangUp][self.below(4)],
                expects: [Expects::Words, Expects::Digits { enough: 7 }][self.below(2)],
            },
            184 => Event::MindFailed {
                reply: self.reply(call),
            },
            185 => Event::VoiceFailed {
                reply: self.reply(call),
                clause: self.position().clause,
            },
            186 => Event::WordsTimed {
                reply: self.reply(call),
                clause: self.position().clause,
                words: vec![
                    WordTime {
                        from_ms: u32::from(self.byte()),
                        to_ms: u32::from(self.byte()) * 8,
                    };
                    self.below(4)
                ],
            },
            187..=203 => Event::PlaybackStarted {
                reply: self.reply(call),
            },
            204..=227 => Event::Heard {
                reply: self.reply(call),
                position: self.position(),
            },
            228..=239 => Event::Paused {
                reply: self.reply(call),
                position: self.position(),
            },
            240..=252 => Event::Played {
                reply: self.reply(call),
            },
            253 if self.byte() < 100 => Event::ToolsWanted {
                reply: self.reply(call),
                wanted: vec![
                    Wanted {
                        tool: ["book", "look", "fly"][self.below(3)].into(),
                        arguments: self.text().into(),
                    };
                    self.below(20)
                ],
            },
            253 if self.byte() < 60 => Event::Transfer {
                id: UseId(u32::from(self.byte()) / 64),
                news: TransferNews::Ready {
                    kind: TransferKind::Warm,
                    words: self.text().into(),
                },
            },
            253 => match self.byte() {
                byte if byte % 16 > 12 => Event::KeysWanted {
                    id: UseId(u32::from(byte) / 16),
                    work: self.key_work(),
                },
                byte => Event::ToolUsed {
                    id: UseId(u32::from(byte) / 16),
                    outcome: Outcome::Done,
                    result: self.text().into(),
                },
            },
            254 => Event::RanDry {
                reply: self.reply(call),
            },
            // Rare, or nothing would be seen of what comes later.
            255 => match self.byte() {
                0..=100 => Event::Answered,
                101..=120 => Event::Toned {
                    tone: [Tone::Beep, Tone::FaxAnswer, Tone::FaxCall, Tone::Network]
                        [self.below(4)],
                    at: self.at(now),
                },
                121..=140 => Event::Final {
                    until: self.at(now),
                    text: MACHINES[self.below(MACHINES.len())].into(),
                    confidence: 0.9,
                },
                141..=160 => Event::CarrierHeard {
                    told: [
                        amd::Told::Human,
                        amd::Told::Machine {
                            greeting_over: self.byte() > 128,
                        },
                        amd::Told::Fax,
                    ][self.below(3)],
                },
                161..=180 => Event::SayAsked { text: self.text() },
                181..=200 => Event::Muted {
                    on: self.byte() < 128,
                },
                201..=229 => Event::EndAsked {
                    reason: self.end_reason(),
                },
                230..=255 => Event::LineClosed {
                    reason: self.end_reason(),
                },
            },
        }
    }
}

/// The rule of consent for a string of bytes: half of them ask for none.
fn mode(bytes: usize) -> Option<Mode> {
    [
        None,
        Some(Mode::Announce),
        None,
        Some(Mode::AnnounceContinue),
        None,
        Some(Mode::Affirmative),
        None,
        Some(Mode::NoRecord),
    ][bytes % 8]
}

fn call(mode: Option<Mode>, answering: &str) -> Call {
    let mut settings = crate::scenario::settings();
    settings.consent.mode = mode;
    if let Ok(plan) = crate::scenario::answering(answering) {
        settings.answering = plan;
    }
    let mut call = Call::new(Arc::new(settings), At::START);
    // Fuzz seldom finds a moment that is late enough by itself.
    call.handle(At::START, crate::scenario::all_judged(), &mut Vec::new());
    call
}

/// For a report: what the call was told last.
#[derive(Debug)]
#[expect(dead_code, reason = "read by `Debug` alone")]
enum Told {
    Tick(Timer),
    Event(Event),
}

/// What came of one string of bytes, for those who want to know that they reach far.
type Tally = BTreeMap<&'static str, u32>;

fn run(bytes: &[u8]) -> Result<Tally, String> {
    run_as(bytes, "")
}

/// The same of a call that finds out who answered.
fn run_as(bytes: &[u8], answering: &str) -> Result<Tally, String> {
    let mut call = call(mode(bytes.len()), answering);
    let mut bytes = Bytes { rest: bytes };
    let mut is_granted = false;
    let (mut now, mut tally, mut actions) = (0, Tally::new(), Vec::new());
    let mut pausing = None;
    while !bytes.rest.is_empty() {
        now = bytes.moment(now);
        let was_ended = call.is_ended();
        let told = match call.deadline().filter(|_| bytes.byte() < 40) {
            Some((at, timer)) => {
                now = at.ms();
                call.tick(at, &mut actions);
                Told::Tick(timer)
            }
            None => {
                // A halt is mostly answered, or few calls would go on after one.
                let event = match pausing.take().filter(|_| bytes.byte() < 180) {
                    Some(reply) => Event::Paused {
                        reply,
                        position: bytes.position(),
                    },
                    None => bytes.event(&call, now),
                };
                call.handle(At::from_ms(now), event.clone(), &mut actions);
                Told::Event(event)
            }
        };
        let kept = keeps_consent(&call, is_granted, &actions);
        look(&call, was_ended, &actions)
            .and(kept)
            .map_err(|broken| {
                format!("{broken}, at {now} ms after {told:?}: {actions:?}\n{call:?}")
            })?;
        is_granted = call.granted().is_some();
        for action in actions.drain(..) {
            *tally.entry(name(&action)).or_default() += 1;
            if let Action::Pause { reply } = action {
                pausing = Some(reply);
            }
        }
        *tally.entry("events").or_default() += 1;
    }
    finish(call, &mut actions)?;
    Ok(tally)
}

/// A call that is told nothing more ends by its own timers, and soon.
fn finish(mut call: Call, actions: &mut Vec<Action>) -> Result<(), String> {
    for _ in 0..1_000 {
        let Some((at, _)) = call.deadline() else {
            return match call.is_ended() {
                true => Ok(()),
                false => Err("a live call has no deadline".into()),
            };
        };
        let was_ended = call.is_ended();
        call.tick(at, actions);
        look(&call, was_ended, actions)?;
        actions.clear();
    }
    Err(format!("a call left alone does not end:\n{call:?}"))
}

/// No mind is asked before consent is decided, and its proof comes and goes with the notes that say so.
fn keeps_consent(call: &Call, was_granted: bool, actions: &[Action]) -> Result<(), String> {
    let thinks = actions.iter().any(|a| matches!(a, Action::Think { .. }));
    if thinks && !call.consent_decided() {
        return Err("a mind is asked before consent is decided".into());
    }
    let steps = actions.iter().filter_map(|a| {
        if let Action::Note(Note::Consent { step, .. }) = a {
            Some(*step)
        } else {
            None
        }
    });
    let is_granted = steps.fold(was_granted, |is_granted, step| match step {
        Step::Granted { .. } => true,
        Step::Refused { .. } | Step::Withdrawn { .. } => false,
        Step::Announced { .. } | Step::Unclear { .. } => is_granted,
    });
    match call.granted().is_some() == is_granted {
        true => Ok(()),
        false => Err("the proof of consent and the notes about it differ".into()),
    }
}

fn look(call: &Call, was_ended: bool, actions: &[Action]) -> Result<(), String> {
    if was_ended && !actions.is_empty() {
        return Err("something comes out after the end".into());
    }
    if call.is_ended() != call.deadline().is_none() {
        return Err("a live call has a deadline, and only a live one".into());
    }
    if actions.len() > ACTIONS_MAX {
        return Err(format!("{} actions at once", actions.len()));
    }
    let ends = |a: &&Action| matches!(a, Action::Note(Note::Ended { .. }));
    let ended = actions.iter().filter(ends).count();
    if ended != usize::from(call.is_ended() && !was_ended) {
        return Err(format!("{ended} ends are noted"));
    }
    let mut replies = [call.speaking(), call.drafting()].into_iter().flatten();
    if replies
        .next()
        .is_some_and(|one| Some(one) == replies.next())
    {
        return Err("one reply is both spoken and drafted".into());
    }
    Ok(())
}

fn name(action: &Action) -> &'static str {
    match action {
        Action::Think { .. } => "think",
        Action::CancelThink { .. } => "cancel-think",
        Action::Prepare { .. } => "prepare",
        Action::Say { .. } => "say",
        Action::Fill { .. } => "fill",
        Action::SayRecorded { .. } => "say-recorded",
        Action::Press { .. } => "press",
        Action::KeysDone { .. } => "keys-done",
        Action::EndSay { .. } => "end-say",
        Action::Pause { .. } => "pause",
        Action::Resume { .. } => "resume",
        Action::Drop { .. } => "drop",
        Action::Commit { .. } => "commit",
        Action::HangUp { .. } => "hang-up",
        Action::UseTool { .. } => "use-tool",
        Action::PutThrough { .. } => "put-through",
        Action::GoOn { .. } => "go-on",
        Action::Note(Note::Interrupted { .. }) => "interrupted",
        Action::Note(Note::Commanded { .. }) => "commanded",
        Action::Note(Note::Answered { .. }) => "answered",
        Action::Note(Note::AnsweredBy { .. }) => "answered-by",
        Action::Note(Note::Guarded { .. }) => "guarded",
        Action::Note(Note::Consent { step, .. }) => match step {
            Step::Granted { .. } => "granted",
            Step::Refused { .. } => "refused",
            Step::Withdrawn { .. } => "withdrawn",
            Step::Announced { .. } | Step::Unclear { .. } => "announced",
        },
        Action::Note(_) => "note",
    }
}

/// From a fixed seed, unless more cases are asked for.
fn cases() -> Config {
    #[expect(
        clippy::disallowed_methods,
        reason = "a switch of the test run, not of the product"
    )]
    let asked = std::env::var("FUZZ_CASES")
        .ok()
        .and_then(|n| n.parse().ok());
    Config {
        cases: asked.unwrap_or(3_000),
        rng_seed: RngSeed::Fixed(0x7275_6e6b),
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    }
}

#[test]
fn any_bytes_make_a_call_that_keeps_its_promises() {
    let mut tally = Tally::new();
    let mut runner = TestRunner::new(cases());
    // Facts that begin with somebody listening: from anything else little follows.
    let bytes = prop::collection::vec(any::<u8>(), 0..BYTES_MAX).prop_map(|mut bytes| {
        bytes.splice(0..0, [0, 0, 255, 0]);
        bytes
    });
    let counted = std::cell::RefCell::new(&mut tally);
    let found = runner.run(&bytes, |bytes| {
        let of_one = run(&bytes).map_err(TestCaseError::fail)?;
        for (what, count) in of_one {
            *counted.borrow_mut().entry(what).or_default() += count;
        }
        Ok(())
    });
    if let Err(broken) = found {
        panic!("{broken}");
    }
    // What never came out was never looked at.
    for (what, least) in [
        ("think", 3_000),
        ("cancel-think", 500),
        ("say", 5_000),
        ("pause", 100),
        ("resume", 20),
        ("drop", 100),
        ("commit", 100),
        ("commanded", 500),
        ("answered", 30),
        ("hang-up", 1_000),
        ("announced", 100),
        ("granted", 20),
        ("refused", 300),
        ("withdrawn", 2),
        ("guarded", 20),
    ] {
        let count = tally.get(what).copied().unwrap_or(0);
        assert!(count >= least, "{what}: {count}; in all {tally:?}");
    }
}

#[test]
fn any_bytes_make_a_call_that_finds_out_who_answered() {
    for answering in [
        "own hang_up",
        "both leave_message",
        "own continue",
        "carrier leave_message",
    ] {
        let mut runner = TestRunner::new(Config {
            cases: cases().cases / 4,
            ..cases()
        });
        let bytes = prop::collection::vec(any::<u8>(), 0..BYTES_MAX).prop_map(|mut bytes| {
            bytes.splice(0..0, [0, 0, 255, 0]);
            bytes
        });
        let tally = std::cell::RefCell::new(Tally::new());
        let found = runner.run(&bytes, |bytes| {
            for (what, count) in run_as(&bytes, answering).map_err(TestCaseError::fail)? {
                *tally.borrow_mut().entry(what).or_default() += count;
            }
            Ok(())
        });
        if let Err(broken) = found {
            panic!("{answering}: {broken}");
        }
        let found_out = tally.borrow().get("answered-by").copied();
        assert!(
            found_out.is_some_and(|n| n > 100),
            "{answering}: {found_out:?}"
        );
    }
}

#[test]
fn the_corpus_replays() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/call");
    let mut replayed = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|ending| ending == "md") {
            continue;
        }
        if let Err(broken) = run(&std::fs::read(&file).unwrap()) {
            panic!("{}: {broken}", file.display());
        }
        replayed += 1;
    }
    assert!(replayed >= 5, "{replayed} files in {}", folder.display());
}
