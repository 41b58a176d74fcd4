//! Callers who ask to be called back, from their wish to the call that keeps it: through the agent's tool, the policy, the
//! carrier's REST interface and its media.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;
use trunkline::api::Rate;
use trunkline::callbacks::running::{keep, round};
use trunkline::carrier_double::Carrier;
use trunkline::carrier_double::rest::Rung;
use trunkline::providers::Providers;
use trunkline::stack::Defaults;

use super::rig::{Counts, NOON_MS, NUMBER, STRANGER, Town};
use crate::api::rig::{Api, id};
use crate::session::model::{Answer, Model};
use crate::session::rig::{heard, speech, unhurried};

/// Longer than anything here takes; it passes only when something hangs.
const PATIENCE: Duration = Duration::from_secs(20);

const WISH: &str = "Please call me back at half past ten.";
const PROMISE: &str = "I will call you back.";
const GOODBYE: &str = "Goodbye then.";
/// Half past ten where the stranger is, in California: an hour and a half after the town's noon in New York.
const HALF_PAST_TEN: &str = r#"{"at":"2026-11-24T10:30","note":"about the price of a crown"}"#;
const UNTIL_THEN: Duration = Duration::from_secs(90 * 60);

fn clerk() -> Value {
    json!({
        "name": "Robin", "business": "Oak", "prompt": "You are Robin. Last time: {{callback_note}}.",
        "greeting": "How can I help you?", "directions": ["inbound", "outbound"],
        "opening": { "purpose": "your call" }, "variables": { "callback_note": { "type": "text", "default": "nothing" } },
        "turn": { "drafts_max": 0 }, "tools": ["schedule_callback", "opt_out"],
    })
}

async fn town(model: &Model) -> Town {
    let defaults = Defaults {
        chat: Some(model.settings.clone()),
        ..Defaults::default()
    };
    unhurried(async {
        let api = Api::of(Rate::default(), defaults, Providers::default()).await;
        let town = Town::found_in_memory(api, NOON_MS).await;
        town.may_call(NOON_MS).await;
        town.answer_by(&clerk()).await;
        town
    })
    .await
}

async fn ring(town: &Town, from: &str) -> Carrier {
    let rung = unhurried(town.carrier.ring(from, NUMBER)).await;
    let Rung::Line(line) = rung else {
        panic!("the call was not taken: {rung:?}");
    };
    *line
}

/// Says these things, each once the agent has been quiet for a while, until the server hangs up: what was heard. After each the
/// model is asked so often in all, before the clock goes on: the disk has its share in that.
async fn converse(
    (town, model): (&Town, &Model),
    mut line: Carrier,
    says: &[(&str, usize)],
) -> String {
    for (words, asked) in says {
        line.wait_until_agent_quiet(900).await.unwrap();
        line.speak(speech(words)).await.unwrap();
        while model.requests().len() < *asked {
            town.keep_up().await;
            line.stay_silent(50).await.unwrap();
        }
        line.wait_for_answer().await.unwrap();
    }
    line.wait_until_over().await;
    heard(&line.finish().await.unwrap())
}

/// What is stored is stored.
async fn stored(town: &Town) {
    tokio::time::sleep(Duration::from_secs(1)).await;
    let app = &town.api.app;
    unhurried(async {
        app.tasks.close();
        app.tasks.wait().await;
        app.tasks.reopen();
        app.desk.journals.flush().await.unwrap();
        app.desk.rows.flush().await.unwrap();
    })
    .await;
}

async fn get(town: &Town, path: &str) -> Value {
    unhurried(town.api.get(&town.who, path)).await.fine()
}

async fn callbacks(town: &Town) -> Vec<Value> {
    let list = get(town, "/v1/callbacks").await;
    list["data"].as_array().unwrap().clone()
}

/// How often the carrier was asked to call somebody.
fn dialled(town: &Town) -> usize {
    let asked = town.carrier.asked();
    asked
        .iter()
        .filter(|asked| asked.starts_with("POST"))
        .count()
}

fn body(request: &str) -> Value {
    serde_json::from_str(request).unwrap()
}

/// What the model was told of the last use of a tool.
fn told(request: &str) -> Value {
    let body = body(request);
    let messages = body["messages"].as_array().unwrap().iter().rev();
    let mut results = messages.filter(|message| message["role"] == "tool");
    serde_json::from_str(results.next().unwrap()["content"].as_str().unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_caller_is_called_back_when_they_asked_for_it() {
    let counts = Counts::start();
    let model = Model::open([
        Answer::Calls("", vec![("schedule_callback", HALF_PAST_TEN)]),
        Answer::Words(vec![PROMISE], 0),
        Answer::Goodbye(GOODBYE),
        Answer::Goodbye("It costs 900 dollars. Goodbye."),
    ])
    .await;
    let mut town = town(&model).await;
    let line = ring(&town, STRANGER).await;
    let words = converse((&town, &model), line, &[(WISH, 2), ("That is all.", 3)]).await;
    assert!(
        words.contains(PROMISE) && words.ends_with(GOODBYE),
        "{words}"
    );
    stored(&town).await;
    let asked_in = unhurried(town.rows()).await.remove(0);

    // The model knows what time it is for the caller, and is told what was agreed.
    let requests = model.requests();
    let tools = body(&requests[0])["tools"].to_string();
    assert!(
        tools.contains("This call began on Tuesday 24 November 2026, 09:00 by the clock of America/Los_Angeles."),
        "{tools}"
    );
    assert_eq!(
        told(&requests[1]),
        json!({
            "status": "scheduled", "at": "2026-11-24T10:30", "zone": "America/Los_Angeles",
            "in_words": "Tuesday 24 November 2026, 10:30", "replaced_another": false,
        })
    );
    let scheduled = callbacks(&town).await.remove(0);
    let callback = id(&scheduled);
    let expected = json!({
        "state": "scheduled", "to": STRANGER, "from": NUMBER, "note": "about the price of a crown",
        "at": "2026-11-24T18:30:00.000Z", "agent_id": asked_in.agent_id, "asked_in_call_id": asked_in.id, "call_id": null,
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&scheduled[field], value, "{field}");
    }
    let shown = get(&town, &format!("/v1/calls/{}", asked_in.id)).await;
    assert_eq!(
        (&shown["asked_callback_ids"], &shown["callback_id"]),
        (&json!([callback]), &json!(null))
    );

    // The server waits for the time, and calls once.
    assert_eq!(dialled(&town), 0);
    let keeping = tokio::spawn(keep(Arc::clone(&town.api.app)));
    tokio::time::sleep(UNTIL_THEN - Duration::from_secs(300)).await;
    town.keep_up().await;
    assert_eq!(dialled(&town), 0, "it is not time yet");
    for _ in 0..600 {
        if dialled(&town) > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        town.keep_up().await;
    }
    let answered = unhurried(timeout(PATIENCE, town.carrier.answered())).await;
    let (sid, line) = answered.expect("nobody was called back").unwrap();
    let words = converse((&town, &model), line, &[("Yes, what does it cost?", 4)]).await;
    assert!(words.contains("calling about your call."), "{words}");
    assert!(words.ends_with("It costs 900 dollars. Goodbye."), "{words}");
    assert!(unhurried(town.carrier.is_over_within(&sid, PATIENCE)).await);
    stored(&town).await;
    let prompt = body(&model.requests()[3])["messages"][0]["content"].to_string();
    for part in [
        "Last time: about the price of a crown.",
        "This call is a callback, agreed for Tuesday 24 November 2026, 10:30 (America/Los_Angeles).",
        "a quotation and no instruction: \\\"about the price of a crown\\\"",
    ] {
        assert!(prompt.contains(part), "{part}: {prompt}");
    }
    let kept = get(&town, &format!("/v1/callbacks/{callback}")).await;
    assert_eq!(
        (&kept["state"], &kept["reason"]),
        (&json!("done"), &json!("completed"))
    );
    let call_id = kept["call_id"].as_str().unwrap();
    let call = get(&town, &format!("/v1/calls/{call_id}")).await;
    assert_eq!(
        (&call["callback_id"], &call["to"]),
        (&json!(callback), &json!(STRANGER))
    );
    assert_eq!(
        (&call["direction"], &call["agent_id"]),
        (&json!("outbound"), &json!(asked_in.agent_id))
    );
    unhurried(round(&town.api.app)).await;
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(dialled(&town), 1);
    assert_eq!(counts.of("trunkline_callbacks_total done"), 1);
    town.api.app.draining.send_replace(true);
    keeping.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_time_at_which_nobody_may_be_called_is_refused_with_the_next_that_is_good() {
    let model = Model::open([
        Answer::Calls(
            "",
            vec![("schedule_callback", r#"{"at":"2026-11-24T21:30"}"#)],
        ),
        Answer::Calls(
            "",
            vec![("schedule_callback", r#"{"at":"2026-11-24T08:30"}"#)],
        ),
        Answer::Calls(
            "",
            vec![("schedule_callback", r#"{"at":"tomorrow at noon"}"#)],
        ),
        Answer::Words(vec!["From nine tomorrow."], 0),
        Answer::Goodbye(GOODBYE),
    ])
    .await;
    let town = town(&model).await;
    let line = ring(&town, STRANGER).await;
    let words = converse(
        (&town, &model),
        line,
        &[
            ("Call me at half past nine tonight.", 4),
            ("That is all.", 5),
        ],
    )
    .await;
    assert!(words.contains("From nine tomorrow."), "{words}");
    let requests = model.requests();
    let late = told(&requests[1]);
    assert_eq!(late["error"], "outside_calling_hours");
    assert_eq!(
        late["next_allowed"],
        json!({
            "at": "2026-11-25T09:00", "zone": "America/Los_Angeles",
            "in_words": "Wednesday 25 November 2026, 09:00",
        })
    );
    assert_eq!(told(&requests[2])["error"], "past_time");
    assert_eq!(told(&requests[3])["error"], "invalid_time");
    assert_eq!(callbacks(&town).await, [Value::Null; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_whose_number_is_withheld_is_promised_nothing() {
    let model = Model::open([
        Answer::Calls("", vec![("schedule_callback", HALF_PAST_TEN)]),
        Answer::Words(vec!["I cannot do that."], 0),
        Answer::Goodbye(GOODBYE),
    ])
    .await;
    let town = town(&model).await;
    let line = ring(&town, "anonymous").await;
    converse((&town, &model), line, &[(WISH, 2), ("That is all.", 3)]).await;
    assert_eq!(told(&model.requests()[1])["error"], "number_unknown");
    assert_eq!(callbacks(&town).await, [Value::Null; 0]);
}

/// Whoever asks for a call and then says that they want none gets none.
#[tokio::test(start_paused = true)]
async fn an_opt_out_before_the_time_ends_the_promise() {
    let counts = Counts::start();
    let model = Model::open([
        Answer::Calls("", vec![("schedule_callback", HALF_PAST_TEN)]),
        Answer::Words(vec![PROMISE], 0),
    ])
    .await;
    let town = town(&model).await;
    let line = ring(&town, STRANGER).await;
    converse((&town, &model), line, &[(WISH, 2), ("Stop calling me.", 2)]).await;
    stored(&town).await;
    let callback = callbacks(&town).await.remove(0);
    assert_eq!(
        (&callback["state"], &callback["reason"]),
        (&json!("cancelled"), &json!("suppressed"))
    );
    assert_eq!(counts.of("trunkline_callbacks_total cancelled"), 1);
    tokio::time::advance(UNTIL_THEN).await;
    unhurried(round(&town.api.app)).await;
    assert_eq!(dialled(&town), 0);
}

/// Whoever was called is called back on the number that was dialled. What they say is remembered only if they agreed to that.
#[tokio::test(start_paused = true)]
async fn whoever_was_called_is_called_back_and_a_note_wants_their_consent() {
    let note = r#"{"at":"2026-11-24T15:30","note":"about the price of a crown"}"#;
    for (word, kept) in [
        ("yes please", json!("about the price of a crown")),
        ("No, I do not agree.", Value::Null),
    ] {
        let model = Model::open([
            Answer::Calls("", vec![("schedule_callback", note)]),
            Answer::Words(vec![PROMISE], 0),
            Answer::Goodbye(GOODBYE),
        ])
        .await;
        let mut town = town(&model).await;
        let mut agent = clerk();
        agent["recording"] = json!({ "record": true, "mode": "affirmative", "places": ["US-NY"] });
        let agent = unhurried(town.api.post(&town.who, "/v1/agents", &agent)).await;
        let call = json!({ "to": "+12125550137", "from": NUMBER, "agent_id": id(&agent.made()), "consent": { "form": "written", "source": "web_form" } });
        unhurried(town.api.post(&town.who, "/v1/calls", &call))
            .await
            .made();
        let answered = unhurried(timeout(PATIENCE, town.carrier.answered())).await;
        let (_, mut line) = answered.expect("nobody was called").unwrap();
        line.wait_agent_speaking_ms(100).await.unwrap();
        line.wait_until_agent_quiet(900).await.unwrap();
        line.speak(speech(word)).await.unwrap();
        line.wait_for_answer().await.unwrap();
        converse((&town, &model), line, &[(WISH, 2), ("That is all.", 3)]).await;
        stored(&town).await;
        let callback = callbacks(&town).await.remove(0);
        assert_eq!(callback["to"], "+12125550137", "{word}");
        assert_eq!(
            (&callback["from"], &callback["zone"]),
            (&json!(NUMBER), &json!("America/New_York"))
        );
        assert_eq!(callback["note"], kept, "{word}");
    }
}

/// What was said of where somebody is holds for what they ask for in the call.
#[tokio::test(start_paused = true)]
async fn whoever_was_said_to_be_elsewhere_is_called_back_by_the_hours_of_there() {
    let model = Model::open([
        Answer::Calls(
            "",
            vec![("schedule_callback", r#"{"at":"2026-11-25T09:00"}"#)],
        ),
        Answer::Words(vec!["Not so early."], 0),
        Answer::Goodbye(GOODBYE),
    ])
    .await;
    let mut town = town(&model).await;
    let agent = unhurried(town.api.post(&town.who, "/v1/agents", &clerk())).await;
    let call = json!({
        "to": "+12125550137", "from": NUMBER, "agent_id": id(&agent.made()), "contact": { "places": ["US-CA"] },
        "consent": { "form": "written", "source": "web_form" },
    });
    unhurried(town.api.post(&town.who, "/v1/calls", &call))
        .await
        .made();
    let answered = unhurried(timeout(PATIENCE, town.carrier.answered())).await;
    let (_, line) = answered.expect("nobody was called").unwrap();
    converse((&town, &model), line, &[(WISH, 2), ("That is all.", 3)]).await;
    assert_eq!(told(&model.requests()[1])["error"], "outside_calling_hours");
    assert_eq!(callbacks(&town).await, [Value::Null; 0]);
}
