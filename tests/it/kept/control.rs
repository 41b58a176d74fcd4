//! What operators tell a live call, and what can be read of it while it is live.

use trunkline::carrier_double::Ending;
use trunkline::live::{Control, Untold};
use trunkline::store::calls::CallStatus;
use trunkline_core::journal::{SAMPLES_PER_MS, Speaker};

use super::consent::ASKS;
use super::rig::{AGENT_WHY, DAY, House, Plot, WHY, ask, booker, hear_out};
use crate::session::model::{Answer, Model};
use crate::session::rig::{heard, speech};

/// Words of an operator's.
const TOLD: &str = "Doctor Martinez is running fifteen minutes late today.";
const CLOSING: &str = "I am sorry, I have to end this call now. Goodbye.";

impl House {
    fn tell(&self, call_id: &str, control: Control) {
        let live = &self.desk().live;
        live.send(&self.client, call_id, control).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_live_call_says_falls_silent_goes_on_and_ends_as_it_is_told() {
    let house = House::open(booker(ASKS)).await;
    let (call_id, mut call) = house.call().await;
    hear_out(&mut call).await;
    ask(&mut call, "yes please").await;
    house.tell(&call_id, Control::Say { text: TOLD.into() });
    hear_out(&mut call).await;

    house.tell(&call_id, Control::Mute);
    call.stay_silent(100).await.unwrap();
    let muted_ms = call.position_ms();
    call.speak(speech(DAY)).await.unwrap();
    call.stay_silent(6_000).await.unwrap();
    assert!(
        !call.agent_is_playing(),
        "it answered although it was to be silent"
    );
    let unmuted_ms = call.position_ms();
    house.tell(&call_id, Control::Unmute);
    hear_out(&mut call).await;

    house.tell(&call_id, Control::HangUp);
    call.wait_until_over().await;
    let record = house.finish(call).await;
    assert_eq!(record.ending, Ending::ServerClosed(Some(1000)));
    let said = heard(&record);
    assert!(said.contains(TOLD), "{said}");
    assert!(said.ends_with(CLOSING), "{said}");
    let agent = record.agent();
    let silent = muted_ms * SAMPLES_PER_MS..unmuted_ms * SAMPLES_PER_MS;
    let while_muted = &agent[silent.start as usize..silent.end as usize];
    assert!(while_muted.iter().all(|sample| sample.unsigned_abs() < 200));

    let kept = house.kept(&call_id).await;
    let told = kept.said(Speaker::Agent);
    assert_eq!(told.join(" "), said);
    let transcript = kept.transcript();
    assert_eq!(
        kept.said(Speaker::Caller),
        [DAY],
        "what is said to a mute agent is heard"
    );
    let mute = |turn: &&trunkline_core::transcript::Turn| {
        turn.speaker == Speaker::Agent && turn.from_ms > muted_ms && turn.to_ms < unmuted_ms
    };
    assert_eq!(transcript.turns.iter().filter(mute).count(), 0);
    assert_eq!(transcript.ended.as_deref(), Some("asked"));
    assert!(said.contains(AGENT_WHY), "{said}");
    let live = &house.desk().live;
    assert_eq!(
        live.send(&house.client, &call_id, Control::Mute),
        Err(Untold::NotLive)
    );
}

const PROMPTED: &str = r#"
name = "Robinson"
business = "Wintergreen Orthodontics"
greeting = "How can I help you?"
prompt = "You are Robinson."
[recording]
record = true
mode = "affirmative"
places = ["US-NY"]
"#;

#[tokio::test(start_paused = true)]
async fn a_prompted_agent_knows_what_it_is_told_from_its_next_answer_on() {
    let model = Model::open([
        Answer::Words(vec!["We are open today. ", "Anything else?"], 20),
        Answer::Goodbye("He is late. Goodbye."),
    ])
    .await;
    let mut plot = Plot::of(PROMPTED.into());
    plot.chat = Some(model.settings.clone());
    let house = House::build(plot).await;
    let (call_id, mut call) = house.call().await;
    hear_out(&mut call).await;
    ask(&mut call, "yes please").await;
    ask(&mut call, "When are you open?").await;
    house.tell(&call_id, Control::Context { text: TOLD.into() });
    call.speak(speech("Is the doctor there?")).await.unwrap();
    call.wait_until_over().await;
    let record = house.finish(call).await;
    let requests = model.requests();
    let [before, after] = &requests[..] else {
        panic!("two requests: {requests:?}");
    };
    assert!(
        !before.contains(TOLD) && after.contains(TOLD),
        "{requests:?}"
    );
    let said = heard(&record);
    assert!(!said.contains("Martinez"), "it is not said: {said}");
    let kept = house.kept(&call_id).await;
    assert_eq!(kept.said(Speaker::Agent).join(" "), said);
    assert_eq!(
        kept.said(Speaker::Caller),
        ["When are you open?", "Is the doctor there?"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_is_read_while_it_is_live() {
    let house = House::open(booker(ASKS)).await;
    let (call_id, mut call) = house.call().await;
    hear_out(&mut call).await;
    ask(&mut call, "yes please").await;
    ask(&mut call, DAY).await;
    // A second of sound is handed over when it is over and settled.
    call.stay_silent(1_700).await.unwrap();
    house.settle().await;
    let now_ms = call.position_ms();
    let kept = house.kept(&call_id).await;
    let transcript = kept.transcript();
    assert_eq!(transcript.ended, None);
    assert_eq!(kept.said(Speaker::Caller), [DAY]);
    assert!(kept.said(Speaker::Agent).join(" ").ends_with(AGENT_WHY));
    assert_eq!(kept.caller_words(), DAY);
    let length_ms = kept.caller.len() as u64 / SAMPLES_PER_MS;
    assert!(
        length_ms <= now_ms && length_ms + 2_000 >= now_ms,
        "{length_ms} {now_ms}"
    );
    let row = house.row(&call_id).await;
    assert_eq!((row.status, row.ended_ms), (CallStatus::InProgress, None));
    let rows = house.turn_rows(&call_id).await;
    assert!(rows.iter().any(|turn| turn.text == DAY), "{rows:?}");
    call.speak(speech(WHY)).await.unwrap();
    call.wait_until_over().await;
    house.finish(call).await;
    assert_eq!(house.kept(&call_id).await.said(Speaker::Caller), [DAY, WHY]);
}
