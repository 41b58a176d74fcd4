//! One fact without end.

use trunkline_core::call::{Event, ReplyId};
use trunkline_core::time::At;

use super::{Call, call, look, mode};

/// Bytes that a call may have written down of itself: 400 clauses and all it keeps of the caller's words, twice over.
const STATE_BYTES_MAX: usize = 200_000;

type Flood = Box<dyn Fn(&Call) -> Event>;

/// The same fact over and over, while the clock stands still or hardly moves, leaves a call no larger than it may be.
#[test]
fn a_flood_does_not_make_a_call_grow() {
    let long = "caf\u{e9} au lait ".repeat(500);
    let floods: [(&str, Flood); 13] = [
        ("finals", final_of(long.clone())),
        ("robot questions", final_of("Are you a robot?".into())),
        (
            "refusals to be recorded",
            final_of("Don't record this.".into()),
        ),
        ("stops", final_of("Stop.".into())),
        ("clauses", {
            let long: String = long.chars().take(300).collect();
            Box::new(move |call| Event::MindSaid {
                reply: call.drafting().or(call.speaking()).unwrap_or(ReplyId(0)),
                text: long.clone(),
            })
        }),
        ("keys", Box::new(|_| Event::Key { key: '5' })),
        ("command keys", Box::new(|_| Event::Key { key: '7' })),
        ("partials", {
            let long = long.clone();
            Box::new(move |_| Event::Partial {
                until: At::from_ms(u64::MAX),
                text: long.clone(),
            })
        }),
        ("unclear words", final_of("recording".into())),
        ("sentences of an operator's", {
            let long = long.clone();
            Box::new(move |_| Event::SayAsked { text: long.clone() })
        }),
        ("muting and unmuting", {
            let on = std::cell::Cell::new(false);
            Box::new(move |_| Event::Muted {
                on: !on.replace(!on.get()),
            })
        }),
        ("denials", {
            Box::new(|call| Event::MindSaid {
                reply: call.drafting().or(call.speaking()).unwrap_or(ReplyId(0)),
                text: "I'm not a robot.".into(),
            })
        }),
        ("voice failures", {
            Box::new(|call| Event::VoiceFailed {
                reply: call.speaking().unwrap_or(ReplyId(0)),
                clause: 0,
            })
        }),
    ];
    let mut large = Vec::new();
    for (name, flood) in floods {
        for (step_ms, rule) in [(0, 0), (1, 0), (1, 1), (1, 5)] {
            let (mut call, mut actions) = (call(mode(rule), ""), Vec::new());
            call.handle(At::START, Event::Answered, &mut actions);
            for n in 0..1_000 {
                actions.clear();
                let event = flood(&call);
                call.handle(At::from_ms(n * step_ms), event, &mut actions);
                look(&call, false, &actions).unwrap_or_else(|broken| panic!("{name}: {broken}"));
                if call.is_ended() {
                    break;
                }
            }
            let bytes = format!("{call:?}").len();
            if bytes > STATE_BYTES_MAX {
                let mode = mode(rule);
                large.push(format!(
                    "{name}, {step_ms} ms apart, {mode:?}: {bytes} bytes"
                ));
            }
        }
    }
    assert!(large.is_empty(), "{}", large.join("\n"));
}

fn final_of(text: String) -> Flood {
    Box::new(move |_| Event::Final {
        until: At::from_ms(u64::MAX),
        text: text.clone(),
        confidence: 0.95,
    })
}
