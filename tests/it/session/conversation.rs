//! Whole conversations by script.

use trunkline::carrier_double::{CallRecord, Carrier, Ending, Event};
use trunkline_core::call::{EndReason, Note};

use super::rig::{self, House, OPENING, agent_said, caller_said, heard, speech};
use super::stand_in::Does;

/// Books an appointment with the front desk.
pub(super) async fn book(mut call: Carrier) -> CallRecord {
    for words in [
        "I want to book an appointment please.",
        "On Monday.",
        "At half past two.",
        "five five five oh one two three",
        "yes",
    ] {
        call.wait_until_agent_quiet(700).await.unwrap();
        call.speak(speech(words)).await.unwrap();
        call.wait_for_answer().await.unwrap();
    }
    call.wait_until_over().await;
    call.finish().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_scripted_call_is_held_from_the_disclosure_to_the_goodbye() {
    let house = House::open().await;
    let mut notes = house.notes();
    let record = book(house.call("front-desk").await).await;
    let heard = heard(&record);
    assert!(
        heard.starts_with("Hello, this is Robin, the AI assistant of Oak Street Dental. Would you"),
        "{heard}"
    );
    assert!(
        heard.ends_with("Thank you. You are booked for Monday at 2:30 PM. Goodbye!"),
        "{heard}"
    );
    assert_eq!(record.ending, Ending::ServerClosed(Some(1000)));
    assert_eq!(record.violations, []);
    assert_eq!((record.clears, record.underruns), (0, 0));
    // Recogniser 100 ms, voice 150 ms, and the silence that ends a turn: 200 ms, 500 ms after a number in passing and
    // 1.6 s while digits are being given.
    let responses: Vec<u64> = record
        .turns
        .iter()
        .filter_map(|t| t.response_ms())
        .collect();
    assert_eq!(responses.len(), 5, "{:?}", record.turns);
    for (turn, response_ms) in responses.into_iter().enumerate() {
        let most = match turn {
            2 => 900,
            3 => 2_000,
            _ => 600,
        };
        assert!(response_ms < most, "turn {turn} took {response_ms} ms");
    }

    let notes = notes.take();
    assert_eq!(rig::reason(&notes), EndReason::AgentHungUp);
    assert_eq!(caller_said(&notes)[1], "On Monday.");
    let said: Vec<String> = agent_said(&notes)
        .into_iter()
        .map(|(text, _)| text)
        .collect();
    assert_eq!(said.join(" "), heard, "the transcript is what was played");
    assert!(agent_said(&notes).iter().all(|(_, cut)| !cut));
    assert!(matches!(notes.last(), Some(Note::Ended { .. })));
    assert!(house.is_empty_within(100).await);
    assert_eq!(house.ears.rooms(), 8, "its room is free again");
}

#[tokio::test(start_paused = true)]
async fn the_first_words_come_at_once_although_the_voice_is_slow() {
    let house = House::open().await;
    house.voice.plan.always(Does::Answers(5_000));
    let mut call = house.call("talker").await;
    let mut events = call.events();
    let began = loop {
        if let Event::AgentStarted { at_ms } = events.recv().await.unwrap() {
            break at_ms;
        }
    };
    assert!(began <= 300, "first audio after {began} ms");
    call.wait_until_agent_quiet(300).await.unwrap();
    let record = call.finish().await.unwrap();
    assert_eq!(heard(&record), OPENING);
}

#[tokio::test(start_paused = true)]
async fn a_call_is_the_same_each_time() {
    let mut records = Vec::new();
    for _ in 0..2 {
        let house = House::open().await;
        let record = book(house.call("front-desk").await).await;
        records.push((record.stereo, record.turns, record.media_received));
    }
    assert!(
        records[0] == records[1],
        "a paused clock leaves nothing to chance"
    );
}

#[tokio::test(start_paused = true)]
async fn keys_answer_and_a_bound_key_commands() {
    let house = House::open().await;
    let mut notes = house.notes();
    let mut call = house.call("front-desk").await;
    call.wait_until_agent_quiet(700).await.unwrap();
    // The menu's first choice.
    call.press('1').await.unwrap();
    call.wait_agent_speaking_ms(100).await.unwrap();
    call.wait_until_agent_quiet(700).await.unwrap();
    call.press('9').await.unwrap();
    call.wait_until_over().await;
    let record = call.finish().await.unwrap();
    assert_eq!(record.ending, Ending::ServerClosed(Some(1000)));
    let heard = heard(&record);
    assert!(heard.contains("Which day suits you?"), "{heard}");
    assert!(
        heard.ends_with("Understood. Oak Street Dental will not call you again. Goodbye."),
        "{heard}"
    );
    assert_eq!(rig::reason(&notes.take()), EndReason::OptedOut);
}

#[tokio::test(start_paused = true)]
async fn nobody_there_is_asked_for_and_then_let_go() {
    let house = House::open().await;
    let mut notes = house.notes();
    let mut call = house.call("talker").await;
    call.wait_until_over().await;
    let record = call.finish().await.unwrap();
    assert_eq!(record.ending, Ending::ServerClosed(Some(1000)));
    let heard = heard(&record);
    assert!(heard.contains("Which day would suit you?"), "{heard}");
    assert!(super::rig::longest_silence_ms(&record) < 9_000);
    assert_eq!(rig::reason(&notes.take()), EndReason::AgentHungUp);
}
