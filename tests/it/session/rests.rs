//! A server with much to do lets lines rest between two readings of them.

use std::time::Duration;

use trunkline::carrier_double::Ending;
use trunkline::clock;
use trunkline_core::call::{EndReason, Note};

use super::conversation::book;
use super::rig::{House, heard, reason};

#[tokio::test(start_paused = true)]
async fn the_conversation_is_the_same() {
    let house = House::open().await;
    house.app.admission.line_rests().set(60);
    let mut notes = house.notes();
    let record = book(house.call("front-desk").await).await;
    let heard = heard(&record);
    assert!(
        heard.ends_with("Thank you. You are booked for Monday at 2:30 PM. Goodbye!"),
        "{heard}"
    );
    assert_eq!(record.ending, Ending::ServerClosed(Some(1000)));
    assert_eq!((record.clears, record.underruns), (0, 0));
    assert_eq!(record.violations, []);
    assert_eq!(reason(&notes.take()), EndReason::AgentHungUp);
    // The end of a turn depends on the next frame, and no line rests there.
    for (turn, most) in record.turns.iter().zip([600, 600, 900, 2_000, 600]) {
        assert!(turn.response_ms().is_some_and(|ms| ms < most), "{turn:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_meanwhile_is_seen_after_the_rest_and_all_of_it() {
    for (rest_ms, seen_after) in [(0, 0..60), (1_000, 60..1_061)] {
        let house = House::open().await;
        house.app.admission.line_rests().set(rest_ms);
        let mut notes = house.notes();
        let mut call = house.call("reader").await;
        call.wait_agent_speaking_ms(1_500).await.unwrap();
        call.hang_up().await.unwrap();
        let hung_up = clock::timer_now();
        let ended = |note: &Note| {
            let Note::Ended { reason, .. } = note else {
                return None;
            };
            Some(*reason)
        };
        assert_eq!(notes.until(ended).await, EndReason::CallerHungUp);
        let after = clock::timer_now() - hung_up;
        let range = Duration::from_millis(seen_after.start)..Duration::from_millis(seen_after.end);
        assert!(range.contains(&after), "rests of {rest_ms} ms: {after:?}");
    }
}
