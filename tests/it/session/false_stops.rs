//! What is not an interruption does not stop the agent, and what is one does so soon: counted.

use trunkline::carrier_double::{Event, Speech};
use trunkline_core::call::Note;

use super::barge_in::{QUESTION, until_opening_is_said};
use super::rig::{House, agent_said, speech};
use super::tongue;

#[derive(Default, Debug)]
struct Count {
    tried: usize,
    paused: usize,
    /// The agent did not go on, or lost or repeated more than a word.
    dropped: usize,
    /// From the first frame of the sound to `clear`, ms.
    stopped_ms: Vec<u64>,
}

/// When the carrier was told to forget what it had not played, if that is what happened.
pub(super) fn cleared_ms(event: &Event) -> Option<u64> {
    match event {
        Event::Cleared { at_ms, .. } => Some(*at_ms),
        Event::AgentStarted { .. }
        | Event::AgentQuiet { .. }
        | Event::MarkEchoed { .. }
        | Event::ServerClosed { .. } => None,
    }
}

/// Makes a sound `after_ms` into the agent's question, and hangs up when all of the question could have been said.
async fn disturb(house: &House, after_ms: u64, sound: &[u8], count: &mut Count) {
    let mut notes = house.notes();
    let mut call = house.call("talker").await;
    let mut events = call.events();
    until_opening_is_said(&mut call).await;
    call.stay_silent(after_ms).await.unwrap();
    let from_ms = call.position_ms();
    call.speak(Speech::mulaw(sound.to_vec())).await.unwrap();
    call.stay_silent(10_500).await.unwrap();
    let record = call.finish().await.unwrap();
    assert!(house.is_empty_within(5_000).await);
    let notes = notes.take();
    count.tried += 1;
    count.paused += notes
        .iter()
        .filter(|note| matches!(note, Note::Interrupted { .. }))
        .count();
    let is_whole = agent_said(&notes)
        .iter()
        .any(|(text, cut)| !cut && text.ends_with(QUESTION));
    count.dropped += usize::from(!is_whole || !record.violations.is_empty());
    let cleared = std::iter::from_fn(|| events.try_recv().ok()).find_map(|e| cleared_ms(&e));
    count.stopped_ms.extend(cleared.map(|at| at - from_ms));
}

/// Peers 2 and 4: coughs, "mm-hm" and noise make the agent pause at most.
#[tokio::test(start_paused = true)]
async fn coughs_and_signs_of_listening_drop_no_reply() {
    let house = House::open().await;
    let mut all = Count::default();
    for sound in [
        tongue::cough(120),
        tongue::cough(300),
        tongue::cough(700),
        tongue::cough(1_500),
        tongue::by_another(tongue::voiced("mm-hm")),
        tongue::by_another(tongue::voiced("yeah")),
        tongue::by_another(tongue::voiced("uh-huh")),
        tongue::by_another(tongue::voiced("okay")),
    ] {
        let mut count = Count::default();
        for after_ms in (300..6_000).step_by(450) {
            disturb(&house, after_ms, &sound, &mut count).await;
        }
        all.tried += count.tried;
        all.paused += count.paused;
        all.dropped += count.dropped;
    }
    println!("{all:?}");
    assert_eq!(all.dropped, 0, "of {}", all.tried);
    assert!(all.tried >= 100 && all.paused >= all.tried / 2);
}

/// Peers 16: who interrupts is not talked over.
#[tokio::test(start_paused = true)]
async fn an_interruption_stops_the_agent_within_a_quarter_of_a_second() {
    let house = House::open().await;
    let mut count = Count::default();
    for words in [
        "No wait, Tuesday please.",
        "Can we make that Monday?",
        "Hold on.",
    ] {
        for after_ms in (300..6_000).step_by(170) {
            let mut notes = house.notes();
            let mut call = house.call("talker").await;
            let mut events = call.events();
            until_opening_is_said(&mut call).await;
            call.stay_silent(after_ms).await.unwrap();
            let from_ms = call.position_ms();
            call.speak(speech(words)).await.unwrap();
            call.stay_silent(900).await.unwrap();
            call.finish().await.unwrap();
            assert!(house.is_empty_within(5_000).await);
            let dropped = agent_said(&notes.take()).iter().any(|(_, cut)| *cut);
            count.tried += 1;
            count.dropped += usize::from(dropped);
            let cleared =
                std::iter::from_fn(|| events.try_recv().ok()).find_map(|e| cleared_ms(&e));
            count.stopped_ms.extend(cleared.map(|at| at - from_ms));
        }
    }
    count.stopped_ms.sort_unstable();
    let soon = count.stopped_ms.iter().filter(|ms| **ms <= 250).count();
    println!("{count:?}");
    assert!(
        soon * 100 >= count.tried * 99,
        "{soon} of {}: {count:?}",
        count.tried
    );
}

/// Peers 2 and 16: a line that returns the agent's own voice is no caller.
#[tokio::test(start_paused = true)]
async fn the_agents_own_echo_stops_nothing_and_is_no_turn() {
    let house = House::open().await;
    for (delay_ms, shift) in [(40, 1), (160, 2), (300, 3)] {
        let mut notes = house.notes();
        let mut call = house.call("talker").await;
        // The echo of the whole conversation: what was heard of it is known beforehand, and so is when.
        let said = [
            tongue::voiced(super::rig::OPENING),
            tongue::voiced(QUESTION),
        ]
        .concat();
        let faint = |byte: &u8| {
            let sample = trunkline_media::g711::mulaw_decode(*byte);
            trunkline_media::g711::mulaw_encode(sample >> shift)
        };
        let echo: Vec<u8> = said.iter().map(faint).collect();
        call.wait_agent_speaking_ms(20).await.unwrap();
        call.stay_silent(delay_ms).await.unwrap();
        call.speak(Speech::mulaw(echo)).await.unwrap();
        call.stay_silent(500).await.unwrap();
        let record = call.finish().await.unwrap();
        assert!(house.is_empty_within(5_000).await);
        let notes = notes.take();
        let said = super::rig::caller_said(&notes);
        assert_eq!(
            (said.as_slice(), record.clears),
            (&[][..], 0),
            "{delay_ms} ms"
        );
        assert!(
            agent_said(&notes)
                .iter()
                .any(|(text, cut)| !cut && text.ends_with(QUESTION))
        );
    }
}
