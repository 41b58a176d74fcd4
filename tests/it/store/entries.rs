//! Entries of a conversation, as a journal has them.

use trunkline_core::consent::{Method, Mode};
use trunkline_core::journal::{Audio, Began, Consent, Ended, Entry, Event, Speaker, Step, Turn};
use trunkline_core::token::Direction;

use super::bench::NOW;

pub(super) fn began() -> Entry {
    Entry::Began(Began {
        unix_ms: NOW,
        agent: "front-desk".into(),
        agent_version: 0,
        direction: Direction::Inbound,
        mode: Mode::Affirmative,
        rules: "us@abc".into(),
        because: vec![],
    })
}

pub(super) fn turn(from_ms: u64, text: &str) -> Entry {
    Entry::Turn(Turn {
        speaker: if from_ms.is_multiple_of(2) {
            Speaker::Agent
        } else {
            Speaker::Caller
        },
        from_ms,
        to_ms: from_ms + 900,
        text: text.into(),
        keys: None,
        confidence: Some(0.5),
        cut: false,
        halts: vec![],
        latency: None,
        words: vec![],
        tool: None,
    })
}

pub(super) fn step(at_ms: u64, step: Step) -> Entry {
    Entry::Consent(Consent { at_ms, step })
}

pub(super) fn event(at_ms: u64, kind: &str) -> Entry {
    Entry::Event(Event {
        at_ms,
        kind: kind.into(),
        detail: "stage=voice".into(),
    })
}

pub(super) fn second() -> Entry {
    Entry::Second {
        turns: vec![],
        recogniser: "base".into(),
    }
}

pub(super) fn ended(at_ms: u64) -> Entry {
    Entry::Ended(Ended {
        at_ms,
        reason: "caller_hung_up".into(),
    })
}

pub(super) fn granted() -> Step {
    Step::Granted {
        method: Method::SaidYes,
    }
}

pub(super) fn conversation() -> Vec<Entry> {
    vec![
        began(),
        step(
            100,
            Step::Announced {
                from_ms: 10,
                again: false,
            },
        ),
        step(900, granted()),
        Entry::Audio(Audio {
            from: 0,
            samples: 8_000,
            caller: None,
            agent: None,
        }),
        turn(1_001, "My name is Ada."),
        turn(2_000, "Hello Ada."),
        Entry::NotKept {
            from_ms: 50,
            to_ms: 90,
        },
        event(2_500, "stage_failed"),
        second(),
        second(),
        ended(3_000),
    ]
}
