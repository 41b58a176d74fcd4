//! Consent given and refused by voice, given by going on, and what of the call is there afterwards.

use trunkline::carrier_double::{CallRecord, Carrier, Ending};
use trunkline::store::calls::{CallStatus, ConsentState};
use trunkline_core::consent::{Method, Mode, Refusal};
use trunkline_core::journal::{Entry, SAMPLES_PER_MS, SILENCE, Speaker, Step};

use super::channels::{STEP, lags, span};
use super::rig::{
    AGENT_BYE, AGENT_WHY, DAY, House, Kept, NOTICE, QUESTION, WHY, ask, booker, hear_out,
};
use crate::session::rig::{heard, speech};

/// Asks for a yes.
pub(super) const ASKS: &str = "mode = \"affirmative\"";
/// Tells, and goes on.
pub(super) const TELLS: &str = "mode = \"announce_continue\"\nuse_recommended = false";

/// Answers the question about recording with these words, and then the booker's questions to the end.
pub(super) async fn answer(house: &House, words: &str) -> (String, CallRecord) {
    let (call_id, mut call) = house.call().await;
    hear_out(&mut call).await;
    ask(&mut call, words).await;
    book(house, call_id, call).await
}

/// Answers the booker's questions to the end of the call.
pub(super) async fn book(
    house: &House,
    call_id: String,
    mut call: Carrier,
) -> (String, CallRecord) {
    ask(&mut call, DAY).await;
    call.speak(speech(WHY)).await.unwrap();
    call.wait_until_over().await;
    let record = house.finish(call).await;
    assert_eq!(record.ending, Ending::ServerClosed(Some(1000)));
    let heard = heard(&record);
    assert!(
        heard.ends_with(&format!("{AGENT_WHY} {AGENT_BYE}")),
        "{heard}"
    );
    (call_id, record)
}

fn not_kept(kept: &Kept) -> Vec<(u64, u64)> {
    let span = |entry: &Entry| {
        let Entry::NotKept { from_ms, to_ms } = entry else {
            return None;
        };
        Some((*from_ms, *to_ms))
    };
    kept.entries.iter().filter_map(span).collect()
}

#[tokio::test(start_paused = true)]
async fn after_a_spoken_yes_all_of_the_call_is_kept_and_nothing_of_before() {
    let house = House::open(booker(ASKS)).await;
    let (call_id, record) = answer(&house, "yes please").await;
    let heard = heard(&record);
    assert!(heard.contains(QUESTION), "{heard}");
    let kept = house.kept(&call_id).await;

    let [Entry::Began(began), .., Entry::Ended(ended)] = &*kept.entries else {
        panic!("a journal has a beginning and an end");
    };
    assert_eq!(
        (began.mode, ended.reason.as_str()),
        (Mode::Affirmative, "agent_hung_up")
    );
    let steps: Vec<Step> = kept.steps().iter().map(|consent| consent.step).collect();
    assert!(
        matches!(
            steps[..],
            [
                Step::Announced { again: false, .. },
                Step::Granted {
                    method: Method::SaidYes
                }
            ]
        ),
        "{steps:?}"
    );

    // Words: the yes is but a span of time.
    assert_eq!(kept.said(Speaker::Caller), [DAY, WHY]);
    assert_eq!(kept.said(Speaker::Agent).join(" "), heard);
    let yes = record.turns[0];
    let [(from_ms, to_ms)] = not_kept(&kept)[..] else {
        panic!("one utterance is not kept");
    };
    assert!(from_ms.abs_diff(yes.started_ms) <= 100, "{from_ms} {yes:?}");
    assert!(
        to_ms.abs_diff(yes.ended_ms.unwrap()) <= 250,
        "{to_ms} {yes:?}"
    );

    // Sound: on the same clock as the line, to the frame.
    let granted = kept.granted_at();
    assert!(kept.caller[..granted].iter().all(|byte| *byte == SILENCE));
    assert_eq!(kept.caller_words(), format!("{DAY} {WHY}"));
    assert_eq!(kept.agent_words(), heard);
    let caller = lags(&kept.caller[granted..], &record.caller()[granted..]);
    let agent = lags(&kept.agent, &record.agent());
    println!("samples behind the line: caller {caller:?}, agent {agent:?}");
    assert!(
        caller.len() >= 2 && agent.len() >= 4,
        "{caller:?} {agent:?}"
    );
    assert!(span(&caller) == 0 && caller[0] == 0, "{caller:?}");
    assert!(agent.iter().all(|lag| lag.abs() <= STEP), "{agent:?}");
    let length_ms = kept.caller.len() as u64 / SAMPLES_PER_MS;
    assert!(
        length_ms.abs_diff(record.duration_ms()) <= 20,
        "{length_ms}"
    );

    // Rows.
    let row = house.row(&call_id).await;
    assert_eq!((row.status, row.has_recording), (CallStatus::Ended, true));
    assert_eq!(row.consent_state, ConsentState::Granted);
    assert_eq!(row.consent_method, Some(Method::SaidYes));
    assert_eq!(row.ended_reason.as_deref(), Some("agent_hung_up"));
    let granted_ms = length_ms - (granted as u64) / SAMPLES_PER_MS;
    assert!(
        row.recorded_ms.abs_diff(granted_ms) <= 1_000,
        "{} {granted_ms}",
        row.recorded_ms
    );
    let mut turns = house.turn_rows(&call_id).await;
    turns.sort_by_key(|turn| (turn.from_ms, turn.to_ms));
    let told: Vec<&str> = turns.iter().map(|turn| turn.text.as_str()).collect();
    let transcript = kept.transcript();
    let want: Vec<&str> = transcript
        .turns
        .iter()
        .map(|turn| turn.text.as_str())
        .collect();
    assert_eq!(told, want);
    assert_eq!(house.consent_rows(&call_id).await, steps);
    let events = house.event_rows(&call_id).await;
    let spans = events.iter().filter(|event| event.kind == "not_kept");
    assert_eq!(spans.count(), 1, "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn after_a_spoken_no_nothing_of_the_caller_is_kept_and_the_service_goes_on() {
    let house = House::open(booker(ASKS)).await;
    let (call_id, record) = answer(&house, "no thank you").await;
    let kept = house.kept(&call_id).await;
    let steps = kept.steps();
    let refused = steps.last().unwrap();
    let want = Step::Refused {
        class: Refusal::SaidNo,
    };
    assert_eq!((steps.len(), refused.step), (2, want), "{steps:?}");

    assert!(!kept.has_caller_sound());
    assert_eq!(kept.said(Speaker::Caller), [""; 0]);
    // The three utterances of the caller are spans of time.
    assert_eq!(not_kept(&kept).len(), 3);
    for turn in &kept.transcript().turns {
        assert!(turn.to_ms <= refused.at_ms, "{turn:?}");
    }
    let said = kept.said(Speaker::Agent).join(" ");
    assert!(said.ends_with(QUESTION), "{said}");
    assert!(heard(&record).starts_with(&said));
    assert!((kept.agent.len() as u64) / SAMPLES_PER_MS <= refused.at_ms);
    assert_eq!(kept.agent_words(), said);

    let row = house.row(&call_id).await;
    assert_eq!(
        (row.status, row.has_recording, row.recorded_ms),
        (CallStatus::Ended, false, 0)
    );
    assert_eq!(row.consent_state, ConsentState::Refused);
    let rows = house.turn_rows(&call_id).await;
    assert!(rows.iter().all(|turn| turn.speaker == Speaker::Agent));
    let told: Vec<&str> = rows.iter().map(|turn| turn.text.as_str()).collect();
    assert_eq!(told.join(" "), said);
}

#[tokio::test(start_paused = true)]
async fn after_a_notice_two_seconds_of_silence_or_going_on_open_the_gate() {
    for by_silence in [true, false] {
        let house = House::open(booker(TELLS)).await;
        let (call_id, mut call) = house.call().await;
        // The notice, and no more: nobody asks anything before consent is decided.
        let mut events = call.events();
        hear_out(&mut call).await;
        let first = "Hello there, I would like to make an appointment";
        if by_silence {
            call.wait_agent_speaking_ms(100).await.unwrap();
            call.wait_until_agent_quiet(700).await.unwrap();
        } else {
            ask(&mut call, first).await;
        }
        while events.try_recv().is_ok() {}
        let (call_id, record) = book(&house, call_id, call).await;
        let kept = house.kept(&call_id).await;
        let Some(Entry::Began(began)) = kept.entries.first() else {
            panic!("a journal has a beginning");
        };
        assert_eq!(began.mode, Mode::AnnounceContinue);
        assert!(heard(&record).contains(NOTICE), "{}", heard(&record));
        let steps = kept.steps();
        let [announced, granted] = &steps[..] else {
            panic!("two steps of consent: {steps:?}");
        };
        assert!(matches!(
            announced.step,
            Step::Announced { again: false, .. }
        ));
        let Step::Granted { method } = granted.step else {
            panic!("granted: {steps:?}");
        };
        assert!(
            kept.caller[..kept.granted_at()]
                .iter()
                .all(|byte| *byte == SILENCE)
        );
        if by_silence {
            assert_eq!(method, Method::Silence);
            let waited_ms = granted.at_ms - announced.at_ms;
            // Silence is known once the sound of two seconds has come and been listened to.
            assert!((2_000..2_250).contains(&waited_ms), "{waited_ms}");
        } else {
            assert_eq!(method, Method::WentOn);
            let spoke = record.turns[0];
            assert!(
                granted.at_ms >= spoke.ended_ms.unwrap(),
                "{granted:?} {spoke:?}"
            );
            assert_eq!(
                not_kept(&kept).len(),
                1,
                "the utterance that opened it is not kept"
            );
        }
        assert_eq!(kept.said(Speaker::Caller), [DAY, WHY]);
        assert_eq!(kept.caller_words(), format!("{DAY} {WHY}"));
        assert_eq!(kept.agent_words(), heard(&record));
        assert!(house.row(&call_id).await.has_recording);
    }
}
