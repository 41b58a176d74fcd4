//! A card's number that is read aloud, in any pieces and at any pace: it is in no note and in nothing that the mind is asked.

use std::sync::Arc;

use proptest::prelude::*;
use trunkline_core::call::{Action, After, Ask, Call, EndReason, Event, Expects, Note, ReplyId};
use trunkline_core::redact;
use trunkline_core::time::At;

const NAMES: [&str; 10] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
];

/// What came out of a call in which the caller says these, with so much silence after each, ms.
struct Told {
    notes: Vec<String>,
    asked: Vec<String>,
    /// The mind was asked before all was said.
    is_early: bool,
}

fn told(pieces: &[(String, u64)]) -> Told {
    let mut call = Call::new(Arc::new(crate::scenario::settings()), At::START);
    let mut told = Told {
        notes: Vec::new(),
        asked: Vec::new(),
        is_early: false,
    };
    let mut out = Vec::new();
    let opening = ReplyId(0);
    for event in [
        crate::scenario::all_judged(),
        Event::Answered,
        Event::PlaybackStarted { reply: opening },
        Event::Played { reply: opening },
        Event::MindDone {
            reply: ReplyId(1),
            after: After::Wait,
            expects: Expects::Words,
        },
    ] {
        call.handle(At::from_ms(1_000), event, &mut out);
    }
    out.clear();
    let mut now = 2_000;
    for (at, (text, gap_ms)) in pieces.iter().enumerate() {
        let (from, until) = (At::from_ms(now), At::from_ms(now + 400));
        live(&mut call, from, &mut out);
        take(&mut out, &mut told, at < pieces.len());
        for (ms, event) in [
            (now, Event::SpeechStarted { at: from }),
            (now + 400, Event::SpeechStopped { at: until }),
            (
                now + 450,
                Event::Final {
                    until,
                    text: text.clone(),
                    confidence: 0.9,
                },
            ),
        ] {
            call.handle(At::from_ms(ms), event, &mut out);
            take(&mut out, &mut told, at + 1 < pieces.len());
        }
        now += 460 + gap_ms;
    }
    live(&mut call, At::from_ms(now + 4_000), &mut out);
    let reason = EndReason::CallerHungUp;
    call.handle(
        At::from_ms(now + 4_000),
        Event::LineClosed { reason },
        &mut out,
    );
    take(&mut out, &mut told, false);
    told
}

fn live(call: &mut Call, until: At, out: &mut Vec<Action>) {
    while let Some((at, _)) = call.deadline().filter(|(at, _)| *at < until) {
        call.tick(at, out);
    }
}

fn take(out: &mut Vec<Action>, told: &mut Told, is_early: bool) {
    for action in out.drain(..) {
        if let Action::Note(Note::CallerSaid { text, .. }) = action {
            told.notes.push(text);
        } else if let Action::Think {
            ask: Ask::Answer { text, .. },
            ..
        } = action
        {
            told.is_early |= is_early;
            told.asked.push(text);
        }
    }
}

/// A number of 16 digits with the right check digit.
fn card(rest: &[u8]) -> String {
    let digits: String = rest.iter().map(|d| char::from(b'0' + d % 10)).collect();
    let digits = format!("45{}", &digits[..13]);
    let mut all = (0..10).map(|check| format!("{digits}{check}"));
    all.find(|number| redact::is_luhn(number)).unwrap()
}

/// The digits in pieces of these lengths, written or named.
fn in_pieces(card: &str, lengths: &[usize], named: &[bool], gaps: &[u64]) -> Vec<(String, u64)> {
    let (mut rest, mut pieces) = (card, Vec::new());
    for at in 0.. {
        let (part, behind) = rest.split_at(lengths[at % lengths.len()].min(rest.len()));
        let text = match named[at % named.len()] {
            false => part.to_owned(),
            true => {
                let names = part.bytes().map(|b| NAMES[usize::from(b - b'0')]);
                names.collect::<Vec<_>>().join(" ")
            }
        };
        pieces.push((text, gaps[at % gaps.len()]));
        rest = behind;
        if rest.is_empty() {
            break;
        }
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_pieces_let_a_cards_number_through(
        rest in prop::collection::vec(any::<u8>(), 13),
        lengths in prop::collection::vec(1..9_usize, 1..17),
        named in prop::collection::vec(any::<bool>(), 1..5),
        gaps in prop::collection::vec(0..2_500_u64, 1..5),
        around in any::<bool>(),
    ) {
        let card = card(&rest);
        let mut pieces = in_pieces(&card, &lengths, &named, &gaps);
        if around {
            pieces[0].0.insert_str(0, "My card is ");
            pieces.last_mut().unwrap().0.push_str(", thanks.");
        }
        let told = told(&pieces);
        prop_assert!(!told.asked.is_empty(), "{pieces:?}");
        let all = told.notes.join(" ");
        prop_assert!(!redact::has_card(&all), "{pieces:?}: {:?}", told.notes);
        for asked in &told.asked {
            prop_assert!(!redact::has_card(asked), "{pieces:?}: {asked}");
        }
        // Where it is said within one turn, no more is told than may be shown.
        if !told.is_early && named.iter().all(|named| !named) {
            let digits = all.bytes().filter(u8::is_ascii_digit).count();
            // Its first 13 digits may be a number by themselves; then three more follow.
            prop_assert!(digits <= redact::FIRST_SHOWN_MAX + 4 + 3, "{pieces:?}: {all}");
            prop_assert!(all.contains("[card number"), "{pieces:?}: {all}");
        }
        if around {
            prop_assert!(all.contains("My card is") && all.contains("thanks"), "{all}");
        }
    }

    #[test]
    fn what_is_no_card_is_told_whole(digits in "[0-9]{7,12}", gap in 0..400_u64) {
        let half = digits.len() / 2;
        let pieces = [
            (format!("My number is {}", &digits[..half]), gap),
            (format!("{}, please.", &digits[half..]), gap),
        ];
        let told = told(&pieces);
        let texts: Vec<&str> = pieces.iter().map(|(text, _)| text.as_str()).collect();
        prop_assert_eq!(&told.notes, &texts);
    }
}
