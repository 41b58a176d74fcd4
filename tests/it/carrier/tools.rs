//! A tool of the operator's, used in a call from its first ring to what is kept of it: what was done stands in the
//! transcript if the caller agreed to that, and nothing of what they said is kept otherwise.

use std::time::Duration;

use serde_json::{Value, json};
use trunkline::api::Rate;
use trunkline::carrier_double::rest::Rung;
use trunkline::providers::Providers;
use trunkline::stack::Defaults;
use trunkline::tools::{OwnTool, ToolSecret};

use super::rig::{NOON_MS, NUMBER, STRANGER, Town};
use crate::api::rig::Api;
use crate::session::model::{Answer, Model};
use crate::session::rig::{heard, speech, unhurried};
use crate::session::tool_server::{Reply, ToolServer};

const GOODBYE: &str = "Goodbye then.";

fn clerk() -> Value {
    json!({
        "name": "Robin", "business": "Oak", "prompt": "You are Robin.", "greeting": "How can I help you?",
        "recording": { "record": true, "mode": "affirmative", "places": ["US-NY"] },
        "turn": { "drafts_max": 0 }, "tools": ["book"],
    })
}

async fn town(model: &Model, server: &ToolServer) -> Town {
    let document = json!({
        "name": "book", "description": "Books.", "url": format!("{}/book", server.base_url),
        "arguments": { "type": "object", "properties": { "day": { "type": "string" } } },
    });
    let tool = OwnTool {
        document: serde_json::from_value(document).unwrap(),
        secret: ToolSecret::default(),
    };
    let defaults = Defaults {
        chat: Some(model.settings.clone()),
        tools: [("book".to_owned(), tool)].into(),
        ..Defaults::default()
    };
    let api = Api::of(Rate::default(), defaults, Providers::default()).await;
    let town = Town::found_in_memory(api, NOON_MS).await;
    town.answer_by(&clerk()).await;
    town
}

#[tokio::test(start_paused = true)]
async fn what_was_done_is_kept_if_the_caller_agreed() {
    for (word, is_kept) in [("yes please", true), ("No, I do not agree.", false)] {
        let model = Model::open([
            Answer::Calls("", vec![("book", r#"{"day":"Wednesday"}"#)]),
            Answer::Words(vec!["You are booked."], 0),
            Answer::Goodbye(GOODBYE),
        ])
        .await;
        let server = ToolServer::open([Reply::Fine(r#"{"number":"K-17"}"#.into(), 20)]).await;
        let town = unhurried(town(&model, &server)).await;
        let rung = unhurried(town.carrier.ring(STRANGER, NUMBER)).await;
        let Rung::Line(mut line) = rung else {
            panic!("the call was not taken: {rung:?}");
        };
        for says in [word, "Book me in on Wednesday.", "That is all."] {
            line.wait_until_agent_quiet(900).await.unwrap();
            line.speak(speech(says)).await.unwrap();
            line.wait_for_answer().await.unwrap();
        }
        line.wait_until_over().await;
        let record = line.finish().await.unwrap();
        let words = heard(&record);
        assert!(
            words.contains("You are booked.") && words.ends_with(GOODBYE),
            "{words}"
        );
        assert_eq!(server.requests().len(), 1, "{word}");

        let app = &town.api.app;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let [transcript, text] = unhurried(async {
            app.tasks.close();
            app.tasks.wait().await;
            app.tasks.reopen();
            app.desk.journals.flush().await.unwrap();
            app.desk.rows.flush().await.unwrap();
            let call_id = town.rows().await.pop().unwrap().id;
            let path = format!("/v1/calls/{call_id}/transcript");
            let json = town.api.get(&town.who, &path).await;
            let text = town
                .api
                .get(&town.who, &format!("{path}?format=text"))
                .await;
            [json, text]
        })
        .await;
        let transcript = transcript.fine();
        let turns = transcript["turns"].as_array().unwrap();
        let tools: Vec<&Value> = turns
            .iter()
            .filter(|turn| turn["speaker"] == "tool")
            .collect();
        let text = String::from_utf8_lossy(&text.bytes).into_owned();
        if !is_kept {
            assert_eq!(tools, [&Value::Null; 0], "{word}");
            assert!(
                !text.contains("Wednesday") && !text.contains("K-17"),
                "{text}"
            );
            continue;
        }
        assert_eq!(
            tools[0]["tool"],
            json!({
                "name": "book", "arguments": r#"{"day":"Wednesday"}"#, "outcome": "done",
                "result": r#"{"number":"K-17"}"#,
            })
        );
        assert!(
            text.contains(r#" Tool: book {"day":"Wednesday"} [done] {"number":"K-17"}"#),
            "{text}"
        );
    }
}
