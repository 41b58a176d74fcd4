//! Calls from their first request to the last row, in both directions, with nothing left out: the client's API, the
//! policy, the carrier's REST interface, its signed webhooks, its media, a conversation, and what is kept of it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;
use trunkline::carrier_double::rest::{Delivery, Rung};
use trunkline::carrier_double::{Carrier, Ending, Speech};
use trunkline::store::attempts::AttemptState;

use super::rig::{NOON_MS, NUMBER, STRANGER, Town};
use crate::api::rig::{Api, id};
use crate::session::rig::{heard, speech, unhurried};

/// In New York.
const CALLED: [&str; 2] = ["+12125550137", "+12125550138"];
/// Longer than anything here takes; it passes only when something hangs.
const PATIENCE: Duration = Duration::from_secs(20);

const YES: &str = "yes please";
const DAY: &str = "Wednesday suits my grandmother";
const GOODBYE: &str = "Wonderful, Wednesday. Goodbye!";

/// Asks for a yes, and then for a day.
fn booker() -> Value {
    let flow = r#"
start = "day"
required = ["who"]
[states.day]
say = "Which weekday suits {{who}}?"
slot = "day"
type = "day"
retry = "Sorry, which weekday?"
nudge = "Which weekday would suit?"
next = "bye"
else = "bye"
[states.bye]
say = "Wonderful, {{day|or:some day}}. Goodbye!"
end = true
"#;
    json!({
        "name": "Robinson", "business": "Oak", "directions": ["inbound", "outbound"],
        "variables": { "who": { "type": "text", "default": "you" } },
        "opening": { "purpose": "your appointment" },
        "recording": { "record": true, "mode": "affirmative", "reason": "to help you", "places": ["US-NY"] },
        "flow_text": flow,
    })
}

/// A town at noon, whose number is answered by the booker, and who may call in North America.
async fn town() -> (Town, String) {
    let town = Town::found_in_memory(Api::open().await, NOON_MS).await;
    town.may_call(NOON_MS).await;
    let agent_id = town.answer_by(&booker()).await;
    (town, agent_id)
}

async fn ask(line: &mut Carrier, words: Speech) {
    line.speak(words).await.unwrap();
    line.wait_for_answer().await.unwrap();
    line.wait_until_agent_quiet(700).await.unwrap();
}

/// Agrees, names a day and listens until the agent has hung up: what was heard, and how long the call was in seconds.
async fn converse(mut line: Carrier) -> (String, f64) {
    line.wait_agent_speaking_ms(100).await.unwrap();
    line.wait_until_agent_quiet(700).await.unwrap();
    ask(&mut line, speech(YES)).await;
    line.speak(speech(DAY)).await.unwrap();
    line.wait_until_over().await;
    let lasted_ms = line.position_ms();
    let record = line.finish().await.unwrap();
    assert_eq!(record.violations, []);
    assert_eq!(record.ending, Ending::ServerClosed(Some(1000)));
    (
        heard(&record),
        f64::from(u32::try_from(lasted_ms).unwrap()) / 1_000.0,
    )
}

/// What the API shows of a call that the agent has ended: its row, its consent and its transcript.
async fn shown(town: &Town, call_id: &str, lasted_s: f64) -> [Value; 3] {
    let app = &town.api.app;
    // The server's side of a socket may wait for its clock.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let paths = ["", "/consent", "/transcript"].map(|of| format!("/v1/calls/{call_id}{of}"));
    let read = unhurried(async {
        app.tasks.close();
        app.tasks.wait().await;
        app.tasks.reopen();
        app.desk.journals.flush().await.unwrap();
        app.desk.rows.flush().await.unwrap();
        let [row, consent, transcript] = &paths;
        let get = async |path: &str| town.api.get(&town.who, path).await.fine();
        [get(row).await, get(consent).await, get(transcript).await]
    });
    let [row, consent, transcript] = read.await;
    assert_eq!(
        (&row["status"], &row["outcome"], &row["ended_reason"]),
        (
            &json!("ended"),
            &json!("completed"),
            &json!("agent_hung_up")
        )
    );
    // The carrier counts whole seconds.
    let shown_s = row["duration_seconds"].as_f64().unwrap();
    assert!((shown_s - lasted_s).abs() <= 1.0, "{shown_s} {lasted_s}");
    assert_eq!(row["live"], false);
    let state = (&consent["mode"], &consent["state"], &consent["method"]);
    assert_eq!(
        state,
        (&json!("affirmative"), &json!("granted"), &json!("said_yes"))
    );
    let turns = transcript["turns"].as_array().unwrap();
    let of = |speaker: &str| -> String {
        let turns = turns.iter().filter(|turn| turn["speaker"] == speaker);
        let texts: Vec<&str> = turns.map(|turn| turn["text"].as_str().unwrap()).collect();
        texts.join(" ")
    };
    // The yes itself was said before it allowed to keep anything.
    assert_eq!(of("caller"), DAY);
    assert!(of("agent").ends_with(GOODBYE), "{}", of("agent"));
    [row, consent, transcript]
}

/// Places a call with an Idempotency-Key: its id.
async fn place(town: &Town, agent_id: &str, to: &str) -> String {
    let call = json!({
        "to": to, "from": NUMBER, "agent_id": agent_id, "variables": { "who": "Ann" },
        "metadata": { "ticket": 7 }, "consent": { "form": "written", "source": "web_form" },
    });
    let headers = [("idempotency-key", to)];
    let secret = Some(town.who.secret.as_str());
    let asked = || town.api.ask(secret, "POST", "/v1/calls", &call, &headers);
    let made = unhurried(asked()).await.made();
    let again = unhurried(asked()).await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.made()["id"], made["id"]);
    id(&made)
}

#[tokio::test(start_paused = true)]
async fn calls_are_held_from_their_request_to_their_rows_in_both_directions() {
    let (mut town, agent_id) = unhurried(town()).await;
    for (to, delivery) in CALLED
        .into_iter()
        .zip([Delivery::Twice, Delivery::LateAndReversed])
    {
        town.carrier.delivery(delivery);
        let call_id = place(&town, &agent_id, to).await;
        let answered = unhurried(timeout(PATIENCE, town.carrier.answered())).await;
        let (sid, line) = answered.expect("nobody answered").unwrap();
        let path = format!("/v1/calls/{call_id}");
        let row = unhurried(town.api.get(&town.who, &path)).await.fine();
        let live = (&row["status"], &row["live"]);
        assert_eq!(live, (&json!("in_progress"), &json!(true)));
        let (words, lasted_s) = converse(line).await;
        assert!(
            words.starts_with(
                "Hello, this is Robinson, the AI assistant of Oak, calling about your appointment."
            ),
            "{words}"
        );
        assert!(words.contains("Which weekday suits Ann?"), "{words}");
        assert!(words.ends_with(GOODBYE), "{words}");
        assert!(unhurried(town.carrier.is_over_within(&sid, PATIENCE)).await);
        let [row, _, _] = shown(&town, &call_id, lasted_s).await;
        assert_eq!(row["direction"], "outbound");
        assert_eq!((&row["from"], &row["to"]), (&json!(NUMBER), &json!(to)));
        assert_eq!(row["metadata"], json!({ "ticket": 7 }));
        let attempts = town.api.app.desk.store.attempts();
        let attempt = unhurried(attempts.of_call(&town.who.client, &call_id)).await;
        let attempt = attempt.unwrap().unwrap();
        assert_eq!(attempt.state, AttemptState::Done);
        assert_eq!(attempt.carrier_call_id.as_deref(), Some(sid.as_str()));
        // When the person heard the first words is noted, once.
        let calls = town.api.app.desk.store.calls();
        let greeted = unhurried(calls.greeted(&town.who.client, &call_id, 1)).await;
        assert!(!greeted.unwrap());
    }
    let asked = town.carrier.asked();
    let placed = asked.iter().filter(|asked| asked.starts_with("POST"));
    assert_eq!(placed.count(), CALLED.len(), "{asked:?}");

    town.carrier.delivery(Delivery::Twice);
    let rung = unhurried(town.carrier.ring(STRANGER, NUMBER)).await;
    let Rung::Line(line) = rung else {
        panic!("the call was not taken: {rung:?}");
    };
    let (words, lasted_s) = converse(*line).await;
    assert!(words.contains("Which weekday suits you?"), "{words}");
    let sid = town.carrier.calls().pop().unwrap().sid;
    assert!(unhurried(town.carrier.is_over_within(&sid, PATIENCE)).await);
    let rows = unhurried(town.rows()).await;
    let row = rows
        .iter()
        .find(|row| row.carrier_call_id.as_deref() == Some(sid.as_str()));
    let [row, _, _] = shown(&town, &row.unwrap().id, lasted_s).await;
    assert_eq!(row["direction"], "inbound");
    assert_eq!(
        (&row["from"], &row["to"]),
        (&json!(STRANGER), &json!(NUMBER))
    );
    assert_eq!(rows.len(), 3, "every call has one row");
}
