//! Tools of a model that hears and speaks: they pass by the same guards as those of any mind, and cost is counted.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use trunkline::stack::Defaults;
use trunkline::tools::{OwnTool, ToolSecret};
use trunkline_core::call::{Note, Outcome};

use super::chat::GOODBYE;
use super::held::Held;
use super::rig::{House, Plot, speech};
use super::speaker::{Reply, Speaker};
use super::stand_in::Does;
use super::tool_server::{self, ToolServer};

const SEE: &str = "Let me see.";
const BOOKED: &str = "You are booked on Friday.";

/// The one tool of the operator's: it books, at this server.
fn book(base_url: &str) -> BTreeMap<String, OwnTool> {
    let document = json!({
        "name": "book", "description": "Books.", "url": format!("{base_url}/book"), "timeout_ms": 4_000,
        "arguments": { "type": "object", "properties": { "day": { "type": "string" } }, "required": ["day"] },
    });
    let tool = OwnTool {
        document: serde_json::from_value(document).unwrap(),
        secret: ToolSecret::default(),
    };
    [("book".to_owned(), tool)].into()
}

async fn house(speaker: &Speaker, server: &ToolServer) -> House {
    House::build(Plot {
        defaults: Defaults {
            realtime: Some(speaker.chosen()),
            tools: book(&server.base_url),
            ..Defaults::default()
        },
        ..Plot::default()
    })
    .await
}

async fn server() -> ToolServer {
    let done = tool_server::Reply::Fine(r#"{"ok":true}"#.into(), 30);
    ToolServer::open([done]).await
}

/// Says these things to an agent, each when it has been quiet for a while, until the server hangs up.
async fn hold(agent: &str, house: &House, says: &[&str]) -> Held {
    let notes = house.notes();
    let mut call = house.call(agent).await;
    for words in says {
        call.wait_until_agent_quiet(1_500).await.unwrap();
        call.speak(speech(words)).await.unwrap();
        call.wait_for_answer().await.unwrap();
    }
    call.wait_until_over().await;
    Held::over(call, notes).await
}

fn outcomes(notes: &[Note]) -> Vec<(String, Outcome)> {
    let used = |note: &Note| {
        let Note::ToolUsed { tool, outcome, .. } = note else {
            return None;
        };
        Some((tool.to_string(), *outcome))
    };
    notes.iter().filter_map(used).collect()
}

fn names(tools: &Value) -> Vec<&str> {
    let tools = tools.as_array().unwrap().iter();
    tools.map(|tool| tool["name"].as_str().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_tool_is_used_and_the_model_goes_on_with_its_result() {
    for is_beta in [false, true] {
        let speaker = Speaker::open(
            is_beta,
            [
                Reply::Uses(SEE, "book", r#"{"day":"Friday"}"#),
                Reply::Says(BOOKED),
                Reply::Goodbye(GOODBYE),
            ],
        )
        .await;
        let server = server().await;
        let house = house(&speaker, &server).await;
        let says = ["Book me in on Friday.", "Thank you, bye."];
        let held = hold("speaking-clerk", &house, &says).await;
        let said = format!("{SEE} {BOOKED} {GOODBYE}").to_uppercase();
        assert!(held.heard.ends_with(&said), "{}", held.heard);
        let [request] = &server.requests()[..] else {
            panic!("it was done once: {:?}", server.requests())
        };
        assert_eq!(request.json()["arguments"], json!({ "day": "Friday" }));
        assert_eq!(outcomes(&held.notes), [("book".into(), Outcome::Done)]);
        assert_eq!(speaker.errors(), Vec::<Value>::new());

        let updates = speaker.came("session.update");
        let [first, offer] = &updates[..] else {
            panic!("{updates:?}")
        };
        assert_eq!(names(&first["session"]["tools"]), ["end_call"]);
        assert_eq!(
            names(&offer["session"]["tools"]),
            ["end_call", "book", "opt_out"]
        );
        assert_eq!(offer["session"]["type"] == "realtime", !is_beta);
        let told = &speaker.came("conversation.item.create")[0]["item"];
        assert_eq!(told["type"], "function_call_output");
        assert_eq!(told["call_id"], "call_1");
        assert!(told["output"].as_str().unwrap().contains("true"), "{told}");
        let creates = speaker.came("response.create");
        let kinds = |create: &Value| -> Vec<String> {
            let items = create["response"]["input"].as_array().unwrap().iter();
            items
                .map(|item| item["type"].as_str().unwrap().to_owned())
                .collect()
        };
        // Asked to go on, it knows its own words as sound, what it called, and what came of that.
        let second = kinds(&creates[1]);
        assert!(
            second.ends_with(
                &[
                    "item_reference",
                    "item_reference",
                    "function_call",
                    "function_call_output"
                ]
                .map(str::to_owned)
            ),
            "{second:?}"
        );
        let input = creates[1]["response"]["input"].as_array().unwrap();
        assert_eq!(input[input.len() - 2]["arguments"], r#"{"day":"Friday"}"#);
        // And later on as well.
        let third = kinds(&creates[2]);
        let calls = third.iter().filter(|kind| kind.starts_with("function"));
        assert_eq!(calls.count(), 2, "{third:?}");
        let instructions = creates[0]["response"]["instructions"].as_str().unwrap();
        assert!(
            instructions.contains("What your tools return"),
            "{instructions}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_or_is_not_there_is_refused_and_the_model_is_told() {
    for (tool, arguments) in [
        ("book", r#"{"day":5}"#),
        ("book", r#"{"day":"Fri"#),
        ("book_a_table", "{}"),
        ("transfer", r#"{"target":"ann"}"#),
    ] {
        let speaker = Speaker::open(
            false,
            [
                Reply::Uses("", tool, arguments),
                Reply::Says("I cannot do that."),
                Reply::Goodbye(GOODBYE),
            ],
        )
        .await;
        let server = server().await;
        let house = house(&speaker, &server).await;
        let says = ["Book me in on Friday.", "Thank you, bye."];
        let held = hold("speaking-clerk", &house, &says).await;
        let said = format!("I cannot do that. {GOODBYE}").to_uppercase();
        assert!(held.heard.ends_with(&said), "{arguments}: {}", held.heard);
        assert!(server.requests().is_empty(), "{arguments}");
        let told = &speaker.came("conversation.item.create")[0]["item"];
        let output = told["output"].as_str().unwrap();
        assert!(output.contains("error"), "{arguments}: {output}");
        let done = |(_, outcome): &(String, Outcome)| *outcome == Outcome::Done;
        assert!(!outcomes(&held.notes).iter().any(done));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_done_for_a_guess_that_is_wrong() {
    let speaker = Speaker::open(
        false,
        [
            Reply::Uses("", "book", r#"{"day":"Friday"}"#),
            Reply::Says("Which day then?"),
            Reply::Goodbye(GOODBYE),
        ],
    )
    .await;
    let server = server().await;
    let house = house(&speaker, &server).await;
    // Nobody scores turns, so they are waited out, and the answer is thought of meanwhile.
    house.ears.turn.always(Does::Hangs);
    let notes = house.notes();
    let mut call = house.call("eager-clerk").await;
    call.wait_until_agent_quiet(900).await.unwrap();
    call.speak(speech("Book me in on Friday.")).await.unwrap();
    call.stay_silent(450).await.unwrap();
    call.speak(speech("Or rather not on Friday."))
        .await
        .unwrap();
    call.wait_for_answer().await.unwrap();
    call.wait_until_agent_quiet(900).await.unwrap();
    call.speak(speech("Thank you, bye.")).await.unwrap();
    call.wait_until_over().await;
    let held = Held::over(call, notes).await;
    assert!(server.requests().is_empty(), "nothing was booked");
    assert_eq!(outcomes(&held.notes), []);
    let said = format!("Which day then? {GOODBYE}").to_uppercase();
    assert!(held.heard.ends_with(&said), "{}", held.heard);
    assert_eq!(
        speaker.came("response.create").len(),
        3,
        "the guess was one"
    );
}
