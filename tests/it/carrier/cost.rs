//! What the model that holds a call costs: its answers' tokens times their prices, and nobody waits to be told of them.

use std::time::Duration;

use serde_json::{Value, json};
use trunkline::api::Rate as Pace;
use trunkline::carrier_double::rest::Rung;
use trunkline::providers::Providers;
use trunkline::stack::Defaults;
use trunkline_core::cost::{Prices, Rate, Unit};

use super::rig::{NOON_MS, NUMBER, STRANGER, Town};
use crate::api::rig::Api;
use crate::session::model::{Answer, Model};
use crate::session::rig::{heard, speech, unhurried};
use crate::session::speaker::{Reply, Speaker};

const HOURS: &str = "We are open until six.";
const GOODBYE: &str = "Goodbye then.";

fn part(part: &Value) -> String {
    format!("data: {part}\n\n")
}

fn delta(delta: &Value) -> String {
    part(&json!({ "choices": [{ "index": 0, "delta": delta }] }))
}

fn finish(reason: &str) -> String {
    part(&json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": reason }] }))
}

/// As OpenAI tells it, behind the end.
fn usage(read: u64, cached: u64, written: u64) -> String {
    let usage = json!({
        "prompt_tokens": read, "completion_tokens": written, "prompt_tokens_details": { "cached_tokens": cached },
    });
    part(&json!({ "choices": [], "usage": usage })) + "data: [DONE]\n\n"
}

fn end_call() -> String {
    let function = json!({ "name": "end_call", "arguments": "{}" });
    delta(
        &json!({ "tool_calls": [{ "index": 0, "id": "c", "type": "function", "function": function }] }),
    )
}

/// What the model's answers of this call cost, and what each request asked of usage.
async fn held(answers: Vec<Answer>) -> (Value, Vec<bool>) {
    let model = Model::open(answers).await;
    let defaults = Defaults {
        chat: Some(model.settings.clone()),
        ..Defaults::default()
    };
    let (used, words) = cost(defaults, json!({})).await;
    assert!(words.contains(HOURS) && words.ends_with(GOODBYE), "{words}");
    let asks = |request: &String| {
        let request: Value = serde_json::from_str(request).unwrap();
        request["stream_options"]["include_usage"] == true
    };
    let asked = model.requests().iter().map(asks).collect();
    (used, asked)
}

/// What the models of a call cost by which these defaults hold, and what the caller heard. `change`: what the agent has besides.
async fn cost(defaults: Defaults, change: Value) -> (Value, String) {
    let town = unhurried(async {
        let api = Api::of(Pace::default(), defaults, Providers::default()).await;
        let town = Town::found_in_memory(api, NOON_MS).await;
        let mut agent = json!({
            "name": "Robin", "business": "Oak", "prompt": "You are Robin.", "greeting": "How can I help you?",
            "turn": { "drafts_max": 0 },
        });
        for (field, value) in change.as_object().unwrap() {
            agent[field] = value.clone();
        }
        town.answer_by(&agent).await;
        town
    })
    .await;
    let rate = |unit, micros| Rate {
        vendor: "openai_compatible".into(),
        model: Some("stand-in".into()),
        unit,
        per: 1_000_000,
        micros,
        from_ms: 0,
    };
    let prices = Prices {
        currency: "EUR".into(),
        rates: vec![
            rate(Unit::TokensIn, 2_000_000),
            rate(Unit::TokensCached, 500_000),
            rate(Unit::TokensOut, 8_000_000),
            rate(Unit::AudioTokensIn, 32_000_000),
            rate(Unit::AudioTokensOut, 64_000_000),
        ],
    };
    let app = &town.api.app;
    assert!(app.prices.set(prices).is_ok());
    let rung = unhurried(town.carrier.ring(STRANGER, NUMBER)).await;
    let Rung::Line(mut line) = rung else {
        panic!("the call was not taken: {rung:?}");
    };
    for says in ["When do you close?", "That is all."] {
        line.wait_until_agent_quiet(900).await.unwrap();
        line.speak(speech(says)).await.unwrap();
        line.wait_for_answer().await.unwrap();
    }
    line.wait_until_over().await;
    let words = heard(&line.finish().await.unwrap());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let row = unhurried(async {
        app.tasks.close();
        app.tasks.wait().await;
        app.tasks.reopen();
        app.desk.journals.flush().await.unwrap();
        app.desk.rows.flush().await.unwrap();
        let path = format!("/v1/calls/{}", town.rows().await.pop().unwrap().id);
        town.api.get(&town.who, &path).await.fine()
    })
    .await;
    let used = row["cost"]["used"].as_array().unwrap().iter();
    let of_model = used.filter(|line| line["stage"] == "model").cloned();
    (of_model.collect(), words)
}

#[tokio::test(start_paused = true)]
async fn the_models_tokens_are_in_a_calls_cost() {
    let hours = delta(&json!({ "content": HOURS })) + &finish("stop");
    let goodbye = delta(&json!({ "content": GOODBYE })) + &end_call() + &finish("tool_calls");
    let told = [usage(1_000, 200, 20), usage(1_200, 1_000, 10)];
    for late_ms in [0, 700] {
        let answers = [&hours, &goodbye].into_iter().zip(&told);
        let answers = answers.map(|(said, told)| match late_ms {
            0 => Answer::Bytes((said.clone() + told).into_bytes()),
            ms => Answer::Late(said.clone().into_bytes(), ms, told.clone().into_bytes()),
        });
        let (used, asked) = held(answers.collect()).await;
        let line = |unit: &str, quantity: u64, micros: u64| {
            json!({
                "stage": "model", "vendor": "openai_compatible", "unit": unit, "quantity": quantity,
                "cost_micros": micros, "currency": "EUR",
            })
        };
        let lines = [
            line("tokens_cached", 1_200, 600),
            line("tokens_in", 1_000, 2_000),
            line("tokens_out", 30, 240),
        ];
        let mut used = used.as_array().unwrap().clone();
        used.sort_by_key(|line| line["unit"].to_string());
        assert_eq!(used, lines, "{late_ms}");
        assert_eq!(asked, [true, true]);
    }
}

/// A server of an older make refuses the question: it is asked without, and from then on.
#[tokio::test(start_paused = true)]
async fn who_does_not_tell_what_an_answer_costs_answers_all_the_same() {
    let answers = vec![
        Answer::Status(400, ""),
        Answer::Words(vec![HOURS], 0),
        Answer::Goodbye(GOODBYE),
    ];
    let (used, asked) = held(answers).await;
    assert_eq!(used, json!([]));
    assert_eq!(asked, [true, false, false]);
}

/// The sound of a model that hears and speaks is counted apart from its words, and what has no price costs nothing known.
#[tokio::test(start_paused = true)]
async fn the_sound_of_a_model_that_speaks_is_in_a_calls_cost() {
    let speaker = Speaker::open(false, [Reply::Says(HOURS), Reply::Goodbye(GOODBYE)]).await;
    let defaults = Defaults {
        realtime: Some(speaker.chosen()),
        ..Defaults::default()
    };
    let (used, words) = cost(defaults, json!({ "realtime": {} })).await;
    assert!(words.ends_with(&GOODBYE.to_uppercase()), "{words}");
    let mut used: Vec<(String, u64, Value)> = used
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            let unit = line["unit"].as_str().unwrap().to_owned();
            let quantity = line["quantity"].as_u64().unwrap();
            (unit, quantity, line["cost_micros"].clone())
        })
        .collect();
    used.sort_by_key(|(unit, ..)| unit.clone());
    // Twice what the stand-in says of an answer.
    let want = [
        ("audio_tokens_cached", 6, Value::Null),
        ("audio_tokens_in", 14, json!(448)),
        ("audio_tokens_out", 84, json!(5_376)),
        ("tokens_cached", 8, json!(4)),
        ("tokens_in", 32, json!(64)),
        ("tokens_out", 16, json!(128)),
    ];
    let want = want.map(|(unit, quantity, micros)| (unit.to_owned(), quantity, micros));
    assert_eq!(used, want);
}
