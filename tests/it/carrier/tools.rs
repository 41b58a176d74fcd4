//! A tool of the operator's, used in a call from its first ring to what is kept of it: what was done stands in the
//! transcript if the caller agreed to that, and nothing of what they said is kept otherwise.

use serde_json::{Value, json};
use trunkline::knowledge::KnowledgeSettings;
use trunkline::stack::Defaults;
use trunkline::tools::{OwnTool, ToolSecret};

use super::rig::{Town, converse};
use crate::session::model::{Answer, Model};
use crate::session::rig::{heard, unhurried};
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
    let town = Town::equipped(defaults).await;
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
        let mut line = town.rung().await;
        converse(
            &mut line,
            &[word, "Book me in on Wednesday.", "That is all."],
        )
        .await;
        line.wait_until_over().await;
        let record = line.finish().await.unwrap();
        let words = heard(&record);
        assert!(
            words.contains("You are booked.") && words.ends_with(GOODBYE),
            "{words}"
        );
        assert_eq!(server.requests().len(), 1, "{word}");

        town.written().await;
        let transcript = town.shown("/transcript").await.fine();
        let text = town.shown("/transcript?format=text").await;
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

/// A document is looked into within the call, and its source stands in the transcript; what became of the call is the tool's
/// word.
#[tokio::test(start_paused = true)]
async fn an_answer_cites_its_document_and_the_call_gets_its_label() {
    let model = Model::open([
        Answer::Calls(
            "",
            vec![(
                "look_up_knowledge",
                r#"{"question":"What does a crown cost?"}"#,
            )],
        ),
        Answer::Words(vec!["A crown costs 900 dollars."], 0),
        Answer::Calls(
            "",
            vec![
                ("set_disposition", r#"{"label":"bought"}"#),
                ("set_disposition", r#"{"label":"informed"}"#),
            ],
        ),
        Answer::Goodbye(GOODBYE),
    ])
    .await;
    let town = unhurried(async {
        let town = Town::thinking(&model).await;
        let prices = b"treatment,price\nFilling,90 dollars\nCrown,900 dollars\n".to_vec();
        town.api.app.knowledge.equip(KnowledgeSettings {
            embedder: None,
            program: env!("CARGO_BIN_EXE_trunkline").into(),
        });
        let path = "/v1/knowledge/documents?name=Price%20list";
        let added = town.api.upload(&town.who, ("POST", path), None, prices).await;
        let document = added.json()["id"].as_str().unwrap().to_owned();
        assert_eq!(town.api.app.knowledge.catch_up().await.unwrap(), 1);
        let mut agent = clerk();
        agent["tools"] = json!(["set_disposition"]);
        agent["knowledge"] = json!([document]);
        agent["after"] = json!({ "dispositions": [
            { "label": "informed", "description": "They know." }, { "label": "booked", "description": "It is booked." },
        ] });
        town.answer_by(&agent).await;
        town
    })
    .await;
    let mut line = town.rung().await;
    let says = ["yes please", "What does a crown cost?", "That is all."];
    converse(&mut line, &says).await;
    line.wait_until_over().await;
    let words = heard(&line.finish().await.unwrap());
    assert!(words.contains("A crown costs 900 dollars."), "{words}");

    town.written().await;
    let transcript = town.shown("/transcript").await.fine();
    let row = town.shown("").await.fine();
    let turns = transcript["turns"].as_array().unwrap().iter();
    let tools: Vec<&Value> = turns
        .map(|turn| &turn["tool"])
        .filter(|tool| tool.is_object())
        .collect();
    let result = tools[0]["result"].as_str().unwrap();
    assert!(
        result.contains("Price list, row 2") && result.contains("900 dollars"),
        "{result}"
    );
    let outcomes: Vec<&Value> = tools.iter().map(|tool| &tool["outcome"]).collect();
    assert_eq!(outcomes, ["done", "refused", "done"], "{tools:?}");
    assert_eq!(row["disposition"]["label"], "informed", "{row}");
}
