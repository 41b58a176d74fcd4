//! Nobody waits in silence: what bridges it while a voice or a model takes its time, and what follows.

use trunkline::carrier_double::Ending;
use trunkline_core::call::{EndReason, Note, Stage};

use super::barge_in::QUESTION;
use super::held::{self, Held};
use super::model::{Answer, Model};
use super::rig::{self, House, OPENING, Plot, agent_said, longest_silence_ms, speech};
use super::stand_in::{Break, Does, Trickle};

const FIRST: &str = "One moment, please.";
const SECOND: &str = "Just a second.";
const MOMENT: &str = "Sorry, one moment please.";
const BYE: &str = "Thank you. See you on Monday.";
/// No caller waits so long without a sound.
const SILENCE_MS_MAX: usize = 3_000;

impl Held {
    /// What was written down as said only to bridge a silence.
    fn fillers(&self) -> Vec<&str> {
        let mut fillers = Vec::new();
        for note in &self.notes {
            if let Note::AgentSaid {
                filler: true, text, ..
            } = note
            {
                fillers.push(text.as_str());
            }
        }
        fillers
    }

    /// From the end of the caller's speech to the first word of the last answer, by the call's own account.
    fn answered_ms(&self) -> u64 {
        let mut answered_ms = 0;
        for note in &self.notes {
            if let Note::Answered { timing, .. } = note {
                answered_ms = timing.first_audio.since(timing.speech_end);
            }
        }
        answered_ms
    }
}

/// Answers the talker's question, whose answer the voice takes its time for.
async fn hold(house: &House, trouble: impl FnOnce(&House)) -> Held {
    let notes = house.notes();
    let mut call = house.call("talker").await;
    call.wait_until_agent_quiet(1_200).await.unwrap();
    trouble(house);
    call.speak(speech("On Monday please.")).await.unwrap();
    call.wait_until_over().await;
    Held::over(call, notes).await
}

#[tokio::test(start_paused = true)]
async fn a_voice_that_stalls_is_bridged_and_its_answer_follows_once() {
    for (stall_ms, fillers) in [(1_200, vec![]), (3_000, vec![FIRST]), (4_600, vec![FIRST])] {
        let house = House::open().await;
        let stall = |house: &House| house.voice.plan.next([Does::Answers(stall_ms); 2]);
        let held = hold(&house, stall).await;
        let said = [vec![OPENING, QUESTION], fillers.clone(), vec![BYE]].concat();
        assert_eq!(held.heard, said.join(" "), "{stall_ms}");
        assert_eq!(held.fillers(), fillers, "{stall_ms}");
        assert_eq!(rig::reason(&held.notes), EndReason::AgentHungUp);
        assert_eq!(held.failures_of(Stage::Voice), 0, "{stall_ms}");
        let said = agent_said(&held.notes);
        assert_eq!(said.last(), Some(&(BYE.to_owned(), false)), "{stall_ms}");
        // The answer's time is its own: that of the stall, or of the filler that was in play when it came.
        let answered_ms = held.answered_ms();
        let bounds = stall_ms..stall_ms + 2_500;
        assert!(bounds.contains(&answered_ms), "{stall_ms}: {answered_ms}");
        let silence_ms = longest_silence_ms(&held.record);
        assert!(silence_ms < SILENCE_MS_MAX, "{stall_ms}: {silence_ms}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_voice_that_hangs_is_bridged_until_it_is_tried_again() {
    let house = House::open().await;
    let hang = |house: &House| house.voice.plan.next([Does::Hangs; 2]);
    let held = hold(&house, hang).await;
    assert!(held.heard.ends_with(BYE), "{}", held.heard);
    assert!(held.fillers().len() >= 2, "{}", held.heard);
    assert_eq!(held.heard.matches(BYE).count(), 1, "{}", held.heard);
    assert_eq!(rig::reason(&held.notes), EndReason::AgentHungUp);
    let silence_ms = longest_silence_ms(&held.record);
    assert!(silence_ms < SILENCE_MS_MAX, "{silence_ms}: {}", held.heard);
}

#[tokio::test(start_paused = true)]
async fn a_voice_that_hangs_for_good_is_replaced_by_the_recording() {
    let house = House::open().await;
    let hang = |house: &House| house.voice.plan.always(Does::Hangs);
    let held = hold(&house, hang).await;
    assert!(held.heard.ends_with(rig::APOLOGY), "{}", held.heard);
    assert_eq!(rig::reason(&held.notes), EndReason::Failed(Stage::Voice));
    assert_eq!(held.record.ending, Ending::ServerClosed(Some(1000)));
    let silence_ms = longest_silence_ms(&held.record);
    assert!(silence_ms < SILENCE_MS_MAX, "{silence_ms}: {}", held.heard);
}

#[tokio::test(start_paused = true)]
async fn a_filler_that_is_not_at_hand_holds_up_nothing() {
    let house = House::open().await;
    let stall = |house: &House| {
        house.voice.forget_all();
        // Of the answer's two clauses; then of the filler.
        let plan = [Does::Answers(3_000), Does::Answers(3_000), Does::Hangs];
        house.voice.plan.next(plan);
    };
    let held = hold(&house, stall).await;
    assert_eq!(held.heard, format!("{OPENING} {QUESTION} {BYE}"));
    assert_eq!(held.failures_of(Stage::Voice), 0);
    assert!((3_000..4_500).contains(&held.answered_ms()));
}

#[tokio::test(start_paused = true)]
async fn a_stall_between_two_sentences_is_bridged_too() {
    let piece = Trickle {
        first_ms: 60,
        piece_ms: 50,
        percent: 500,
        breaks: None,
    };
    let late = Trickle {
        first_ms: 5_000,
        ..piece
    };
    let house = House::open().await;
    let stall = |house: &House| {
        let mut trickles = house.voice.trickles.lock().unwrap();
        trickles.0.extend([piece, late]);
    };
    let held = hold(&house, stall).await;
    let said = format!("{OPENING} {QUESTION} Thank you. {FIRST} See you on Monday.");
    assert_eq!(held.heard, said);
    assert_eq!(held.fillers(), [FIRST]);
    let silence_ms = longest_silence_ms(&held.record);
    assert!(silence_ms < SILENCE_MS_MAX, "{silence_ms}");
}

#[tokio::test(start_paused = true)]
async fn a_sentence_that_stops_in_the_middle_is_not_filled_but_said_again() {
    let broken = Trickle {
        first_ms: 60,
        piece_ms: 50,
        percent: 500,
        breaks: Some(Break::Silence(200)),
    };
    let house = House::open().await;
    let stall = |house: &House| house.voice.trickles.lock().unwrap().0.push_back(broken);
    let held = hold(&house, stall).await;
    assert!(
        held.heard.ends_with(&format!("{MOMENT} {BYE}")),
        "{}",
        held.heard
    );
    assert_eq!(held.fillers(), [""; 0]);
    let silence_ms = longest_silence_ms(&held.record);
    assert!(silence_ms < SILENCE_MS_MAX, "{silence_ms}");
}

#[tokio::test(start_paused = true)]
async fn a_model_that_stalls_is_bridged_and_does_not_know() {
    let model = Model::open([
        Answer::Words(vec!["We are ", "open ", "today."], 1_700),
        Answer::Goodbye("All right, goodbye."),
    ])
    .await;
    let house = House::build(Plot {
        chat: Some(model.settings.clone()),
        ..Plot::default()
    })
    .await;
    let held = held::chat(&house, &["When are you open?", "No thank you."], 2_200).await;
    let said = format!(
        "{OPENING} How can I help you? {FIRST} {SECOND} We are open today. All right, goodbye."
    );
    assert_eq!(held.heard, said);
    assert_eq!(held.fillers(), [FIRST, SECOND]);
    let silence_ms = longest_silence_ms(&held.record);
    assert!(silence_ms < SILENCE_MS_MAX, "{silence_ms}");
    // It was asked once for each turn, and was not told of the filler.
    let requests = model.requests();
    assert_eq!(requests.len(), 2);
    assert!(!requests[1].contains(FIRST), "{}", requests[1]);
    assert!(requests[1].contains("We are open today."));
}
