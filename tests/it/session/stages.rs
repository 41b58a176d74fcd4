//! Ears and voices that fail, are slow, or do nothing at all.

use trunkline::carrier_double::Ending;
use trunkline_core::call::{EndReason, Note, Stage, StepDown};

use super::held::talk;
use super::rig::{self, House, OPENING, agent_said, heard, longest_silence_ms, speech};
use super::stand_in::Does;

const UNHEARD: &str = "Sorry, I didn't catch that. Could you say it again?";
const MOMENT: &str = "Sorry, one moment please.";
const GIVING_UP: &str =
    "I am sorry, something is not working on our side. Please try again later. Goodbye.";
const BYE: &str = "Thank you. See you on Monday.";

#[tokio::test(start_paused = true)]
async fn a_verdict_that_fails_is_asked_for_again() {
    for trouble in [Does::Fails, Does::Hangs] {
        let house = House::open().await;
        house.ears.partial.always(trouble);
        house.ears.last.next([trouble]);
        let held = talk(&house, 1_200).await;
        assert!(
            held.heard.ends_with(&format!("{UNHEARD} {BYE}")),
            "{trouble:?}: {}",
            held.heard
        );
        assert_eq!(held.record.ending, Ending::ServerClosed(Some(1000)));
        assert_eq!(rig::reason(&held.notes), EndReason::AgentHungUp);
        assert!(longest_silence_ms(&held.record) < 3_500, "{trouble:?}");
        assert_eq!(held.failures_of(Stage::Ears), 1, "{trouble:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn ears_that_stay_deaf_end_the_call_with_words() {
    for (trouble, times) in [(Does::Fails, 2), (Does::Hangs, 2), (Does::Dies, 0)] {
        let house = House::open().await;
        house.ears.partial.always(trouble);
        house.ears.last.always(trouble);
        let held = talk(&house, 1_200).await;
        assert_eq!(
            held.heard.matches(UNHEARD).count(),
            times,
            "{trouble:?}: {}",
            held.heard
        );
        assert!(
            held.heard.ends_with(GIVING_UP),
            "{trouble:?}: {}",
            held.heard
        );
        assert_eq!(held.record.ending, Ending::ServerClosed(Some(1000)));
        assert_eq!(rig::reason(&held.notes), EndReason::Failed(Stage::Ears));
        assert!(longest_silence_ms(&held.record) < 4_500, "{trouble:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_partial_stands_in_for_a_verdict_that_never_comes() {
    let house = House::open().await;
    house.ears.last.always(Does::Hangs);
    let mut notes = house.notes();
    let mut call = house.call("talker").await;
    call.wait_until_agent_quiet(700).await.unwrap();
    call.speak(speech(
        "Well I think I would like to come in on Monday please.",
    ))
    .await
    .unwrap();
    call.wait_until_over().await;
    let record = call.finish().await.unwrap();
    assert!(heard(&record).ends_with(BYE), "{}", heard(&record));
    assert_eq!(rig::reason(&notes.take()), EndReason::AgentHungUp);
}

#[tokio::test(start_paused = true)]
async fn slow_ears_only_cost_time() {
    let house = House::open().await;
    house.ears.last.always(Does::Answers(1_800));
    house.ears.turn.always(Does::Hangs);
    let held = talk(&house, 1_200).await;
    assert!(held.heard.ends_with(BYE), "{}", held.heard);
    assert!(!held.heard.contains("Sorry"), "{}", held.heard);
    let response_ms = held.record.turns[0].response_ms().unwrap();
    assert!((1_800..2_600).contains(&response_ms), "{response_ms}");
}

#[tokio::test(start_paused = true)]
async fn without_voice_detection_loudness_decides() {
    for trouble in [Does::Fails, Does::Dies, Does::Hangs, Does::Answers(1_000)] {
        let house = House::open().await;
        house.ears.activity.always(trouble);
        let held = talk(&house, 1_200).await;
        assert!(held.heard.ends_with(BYE), "{trouble:?}: {}", held.heard);
        assert_eq!(
            rig::reason(&held.notes),
            EndReason::AgentHungUp,
            "{trouble:?}"
        );
        assert!(longest_silence_ms(&held.record) < 4_500, "{trouble:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sentence_that_could_not_be_voiced_is_voiced_again() {
    for trouble in [Does::Fails, Does::Dies] {
        let house = House::open().await;
        // The first two sentences are made while the opening is played.
        house
            .voice
            .plan
            .next([Does::Answers(150), Does::Answers(150), trouble]);
        let held = talk(&house, 1_200).await;
        assert!(
            held.heard.starts_with(OPENING),
            "{trouble:?}: {}",
            held.heard
        );
        assert!(held.heard.contains(MOMENT), "{trouble:?}: {}", held.heard);
        assert!(held.heard.ends_with(BYE), "{trouble:?}: {}", held.heard);
        assert!(held.failures_of(Stage::Voice) > 0);
        assert_eq!(
            rig::reason(&held.notes),
            EndReason::AgentHungUp,
            "{trouble:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn without_any_voice_the_recorded_apology_is_heard() {
    for trouble in [Does::Fails, Does::Dies, Does::Hangs] {
        for nothing_ahead in [false, true] {
            let house = House::open().await;
            house.voice.plan.always(trouble);
            if nothing_ahead {
                house.voice.forget_all();
            }
            let mut notes = house.notes();
            let mut call = house.call("talker").await;
            call.wait_until_over().await;
            let record = call.finish().await.unwrap();
            let name = format!("{trouble:?}, nothing ahead: {nothing_ahead}");
            let heard = heard(&record);
            assert!(heard.ends_with(rig::APOLOGY), "{name}: {heard}");
            assert_eq!(record.ending, Ending::ServerClosed(Some(1000)), "{name}");
            assert_eq!(record.violations, [], "{name}");
            let notes = notes.take();
            assert_eq!(
                rig::reason(&notes),
                EndReason::Failed(Stage::Voice),
                "{name}"
            );
            assert!(longest_silence_ms(&record) < 15_000, "{name}");
            let said: Vec<String> = agent_said(&notes).into_iter().map(|(t, _)| t).collect();
            assert!(
                !said.join(" ").contains("We are open"),
                "{name}: nobody heard the question, so it is not in the transcript: {said:?}"
            );
        }
    }
}

/// Why a call did without a model of ours, as often as it did.
fn stepped_down(notes: &[Note]) -> Vec<StepDown> {
    let mut causes = Vec::new();
    for note in notes {
        if let Note::SteppedDown { cause, .. } = note {
            causes.push(*cause);
        }
    }
    causes
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_models_are_overrun_goes_on_without_them_and_says_so() {
    for trouble in [Does::Hangs, Does::Answers(1_000), Does::Fails] {
        let house = House::open().await;
        house.ears.activity.always(trouble);
        let held = talk(&house, 1_200).await;
        assert!(held.heard.ends_with(BYE), "{trouble:?}: {}", held.heard);
        assert_eq!(
            stepped_down(&held.notes),
            [StepDown::VoiceModel],
            "{trouble:?}"
        );
        // Loudness is quicker than a model that keeps the call waiting.
        assert!(longest_silence_ms(&held.record) < 2_500, "{trouble:?}");
    }
    let house = House::open().await;
    let held = talk(&house, 1_200).await;
    assert_eq!(stepped_down(&held.notes), []);
}
