//! Calls that machines answer, from their request to their rows: voicemail with its beep, a person, and the carrier's word.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;
use trunkline::carrier_double::{Carrier, Ending, Speech};
use trunkline_media::g711;

use super::rig::{NOON_MS, NUMBER, Town};
use crate::api::rig::{Api, id};
use crate::session::rig::{heard, speech, unhurried};

const CALLED: &str = "+12125550137";
/// Longer than anything here takes; it passes only when something hangs.
const PATIENCE: Duration = Duration::from_secs(20);

const MAILBOX: &str = "Hi, you've reached Ann. Please leave a message after the beep.";
const OPENING: &str = "Hello, this is Robinson, the AI assistant of Oak, calling about your visit.";
const MESSAGE: &str = "Ann, please call us back.";
const CALL_BACK: &str =
    "For no more calls from us, call this number back and say: don't call me again.";

/// An agent that wants to know who answers.
fn caller(answering: &Value) -> Value {
    let flow = r#"
start = "bye"
[states.bye]
say = "Your visit is on Monday. Goodbye!"
end = true
"#;
    json!({
        "name": "Robinson", "business": "Oak", "directions": ["outbound"],
        "variables": { "who": { "type": "text", "default": "you" } },
        "opening": { "purpose": "your visit" },
        "recording": { "record": true, "mode": "announce", "reason": "to help you", "places": ["US-NY"] },
        "answering": answering,
        "flow_text": flow,
    })
}

fn beep(ms: usize) -> Speech {
    let tone = |n: usize| ((n as f32 * std::f32::consts::FRAC_PI_4).sin() * 9_000.0) as i16;
    let samples: Vec<i16> = (0..ms * 8).map(tone).collect();
    let mut bytes = Vec::new();
    g711::mulaw_encode_into(&samples, &mut bytes);
    Speech::mulaw(bytes)
}

/// Places a call of such an agent, which is answered: its id, the carrier's, and its line.
async fn answered(town: &mut Town, answering: &Value) -> (String, String, Carrier) {
    let agent_id = unhurried(async {
        let (api, who) = (&town.api, &town.who);
        id(&api.post(who, "/v1/agents", &caller(answering)).await.made())
    });
    let agent_id = agent_id.await;
    let call = json!({
        "to": CALLED, "from": NUMBER, "agent_id": agent_id, "variables": { "who": "Ann" }, "consent": { "form": "written", "source": "web_form" },
    });
    let made = unhurried(town.api.post(&town.who, "/v1/calls", &call))
        .await
        .made();
    let line = unhurried(timeout(PATIENCE, town.carrier.answered())).await;
    let (sid, line) = line.expect("nobody answered").unwrap();
    (id(&made), sid, line)
}

async fn town() -> Town {
    let town = Town::found_in_memory(Api::open().await, NOON_MS).await;
    town.may_call(NOON_MS).await;
    town
}

/// What the agent said to the end of the call.
async fn said(line: Carrier) -> String {
    let record = line.finish().await.unwrap();
    assert_eq!(record.violations, []);
    assert_eq!(record.ending, Ending::ServerClosed(Some(1000)));
    heard(&record)
}

/// The row, the events and the transcript of a call that is over, and who answered by its attempt.
async fn shown(town: &Town, call_id: &str, sid: &str) -> (Value, Value, Value, Option<String>) {
    assert!(unhurried(town.carrier.is_over_within(sid, PATIENCE)).await);
    // The server's side of a socket may wait for its clock.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let app = &town.api.app;
    let read = unhurried(async {
        app.tasks.close();
        app.tasks.wait().await;
        app.tasks.reopen();
        app.desk.journals.flush().await.unwrap();
        app.desk.rows.flush().await.unwrap();
        let path = |of: &str| format!("/v1/calls/{call_id}{of}");
        let attempts = app.desk.store.attempts();
        let attempt = attempts.of_call(&town.who.client, call_id).await.unwrap();
        (
            town.api.get(&town.who, &path("")).await.fine(),
            town.api.get(&town.who, &path("/events")).await.fine(),
            town.api.get(&town.who, &path("/transcript")).await.fine(),
            attempt.unwrap().answered_by,
        )
    });
    read.await
}

fn texts(transcript: &Value, speaker: &str) -> String {
    let turns = transcript["turns"].as_array().unwrap().iter();
    let of = turns.filter(|turn| turn["speaker"] == speaker);
    let texts: Vec<&str> = of.map(|turn| turn["text"].as_str().unwrap()).collect();
    texts.join(" ")
}

#[tokio::test(start_paused = true)]
async fn a_message_is_left_after_the_beep_and_nothing_of_the_machine_is_kept() {
    let mut town = unhurried(town()).await;
    let answering = json!({
        "detect": "own", "on_machine": "leave_message", "message": "{{who}}, please call us back.",
    });
    let (call_id, sid, mut line) = answered(&mut town, &answering).await;
    line.stay_silent(400).await.unwrap();
    line.speak(speech(MAILBOX)).await.unwrap();
    line.stay_silent(700).await.unwrap();
    line.speak(beep(400)).await.unwrap();
    let beeped_ms = line.position_ms();
    line.wait_until_over().await;
    let lasted_ms = line.position_ms();
    let words = said(line).await;
    let message = format!("{OPENING} {MESSAGE} {CALL_BACK}");
    assert!(words.ends_with(&message), "{words}");
    let before = words.strip_suffix(&message).unwrap();
    assert!(
        before.len() < OPENING.len(),
        "the opening went on into the greeting: {before:?}"
    );
    assert!(
        !before.contains("call us back") && !words.contains("Goodbye!"),
        "{words}"
    );
    // All of the message is behind the beep, and hardly anything else.
    let message_ms = message.chars().filter(|c| *c != ' ').count() as u64 * 60;
    let behind_ms = lasted_ms - beeped_ms;
    assert!(
        (message_ms..message_ms + 3_000).contains(&behind_ms),
        "{behind_ms} {message_ms}"
    );

    let (row, events, transcript, attempt) = shown(&town, &call_id, &sid).await;
    let told = [
        "answered_by",
        "answered_by_evidence",
        "ended_reason",
        "outcome",
    ]
    .map(|of| &row[of]);
    assert_eq!(
        told,
        ["machine", "words", "message_left", "completed"]
            .map(|of| json!(of))
            .each_ref()
    );
    let decided_s = row["answered_by_seconds"].as_f64().unwrap();
    assert!((0.4..6.0).contains(&decided_s), "{decided_s}");
    assert_eq!(attempt.as_deref(), Some("machine"));
    let events = events["data"].as_array().unwrap().iter();
    let of_answer: Vec<&Value> = events
        .filter(|event| event["type"] == "answered_by")
        .collect();
    assert_eq!(of_answer.len(), 1);
    assert!(
        of_answer[0]["detail"]
            .as_str()
            .unwrap()
            .starts_with("by=machine evidence=words after_ms=")
    );
    assert_eq!(row["consent"]["state"], "refused");
    assert_eq!(row["recorded_seconds"], 0.0);
    assert_eq!(texts(&transcript, "caller"), "");
}

#[tokio::test(start_paused = true)]
async fn a_person_who_says_hello_is_talked_to() {
    let mut town = unhurried(town()).await;
    let answering = json!({ "detect": "own", "on_machine": "hang_up" });
    let (call_id, sid, mut line) = answered(&mut town, &answering).await;
    line.stay_silent(500).await.unwrap();
    line.speak(speech("Hello?")).await.unwrap();
    line.wait_until_over().await;
    let words = said(line).await;
    assert!(
        words.starts_with(OPENING) && words.ends_with("Your visit is on Monday. Goodbye!"),
        "{words}"
    );
    let (row, _, _, attempt) = shown(&town, &call_id, &sid).await;
    let told = ["answered_by", "answered_by_evidence", "ended_reason"].map(|of| &row[of]);
    assert_eq!(
        told,
        ["human", "words", "agent_hung_up"]
            .map(|of| json!(of))
            .each_ref()
    );
    assert_eq!(attempt.as_deref(), Some("human"));
    // Nobody asked the carrier.
    assert_eq!(
        town.carrier.tell_answered_by(&sid, "machine_start").await,
        0
    );
}

#[tokio::test(start_paused = true)]
async fn the_carriers_word_ends_a_call_and_may_come_twice_and_late() {
    let mut town = unhurried(town()).await;
    let answering = json!({ "detect": "carrier", "on_machine": "hang_up" });
    let (call_id, sid, mut line) = answered(&mut town, &answering).await;
    line.stay_silent(400).await.unwrap();
    line.start_speaking(speech(MAILBOX)).await.unwrap();
    line.stay_silent(1_500).await.unwrap();
    for word in ["machine_start", "machine_start", "human"] {
        let told = unhurried(town.carrier.tell_answered_by(&sid, word)).await;
        assert_eq!(told, 204, "{word}");
    }
    line.wait_until_over().await;
    let words = said(line).await;
    assert!(!words.contains("Monday"), "{words}");
    let told = unhurried(town.carrier.tell_answered_by(&sid, "human")).await;
    assert_eq!(told, 204, "late");
    let (row, _, _, _) = shown(&town, &call_id, &sid).await;
    let told = ["answered_by", "answered_by_evidence", "ended_reason"].map(|of| &row[of]);
    assert_eq!(
        told,
        ["machine", "carrier", "machine"]
            .map(|of| json!(of))
            .each_ref()
    );
}
