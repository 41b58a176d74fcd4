//! Who wants something done and says goodbye in one breath knows nothing of what comes of it: they are told before the line closes.

use serde_json::Value;
use trunkline_core::call::EndReason;

use super::chat::GOODBYE;
use super::model::{Answer, Model};
use super::speaker::{Reply, Speaker};
use super::tool_server::{self, ToolServer};
use super::{rig, speaker_tools, tools};

const LEAVES: &str = "I am booking Friday for you, goodbye.";
const SORRY: &str = "I am sorry, Friday is full.";

#[tokio::test(start_paused = true)]
async fn a_model_is_told_what_came_of_it_before_it_hangs_up() {
    let calls = vec![("book", r#"{"day":"Friday"}"#), ("end_call", "{}")];
    let full = tool_server::Reply::Status(409, "", r#"{"full":true}"#);
    let done = tool_server::Reply::Fine(r#"{"ok": true}"#.into(), 30);
    let sorry = vec![Answer::Words(vec![SORRY], 0), Answer::Goodbye(GOODBYE)];
    // Nothing more is to be said: the goodbye stands.
    let nothing = vec![Answer::Words(vec![], 0)];
    let cases = [(full, vec![SORRY, GOODBYE], sorry), (done, vec![], nothing)];
    for (replies, then, answers) in cases {
        let first = Answer::Calls(LEAVES, calls.clone());
        let model = Model::open([first].into_iter().chain(answers)).await;
        let server = ToolServer::open([replies]).await;
        let house = tools::house(&model, &server).await;
        let says = ["Book me in on Friday.", "That is all."];
        let held = tools::hold(&house, &says[..then.len().clamp(1, 2)]).await;
        let said = [&[LEAVES][..], &then].concat().join(" ");
        assert!(held.heard.ends_with(&said), "{}", held.heard);
        assert_eq!(rig::reason(&held.notes), EndReason::AgentHungUp);
        let told = tools::messages(&model.requests()[1]);
        let results: Vec<&str> = told
            .iter()
            .filter(|message| message["role"] == "tool")
            .map(|message| message["content"].as_str().unwrap())
            .collect();
        assert_eq!(results.len(), 2, "{results:?}");
        assert!(results[1].contains("waits"), "{results:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_speaks_is_told_too() {
    let friday = r#"{"day":"Friday"}"#;
    let full = tool_server::Reply::Status(409, "", r#"{"full":true}"#);
    let done = tool_server::Reply::Fine(r#"{"ok":true}"#.into(), 30);
    let cases = [
        (
            full,
            vec![SORRY, GOODBYE],
            vec![Reply::Says(SORRY), Reply::Goodbye(GOODBYE)],
        ),
        // Nothing more is to be said.
        (done, vec![], vec![Reply::Says("")]),
    ];
    for (answers, then, replies) in cases {
        let first = Reply::Writes(LEAVES, "book", friday, 0, true);
        let replies: Vec<Reply> = [first].into_iter().chain(replies).collect();
        let speaker = Speaker::open(false, replies).await;
        let server = ToolServer::open([answers]).await;
        let house = speaker_tools::house(&speaker, &server).await;
        let says = ["Book me in on Friday.", "Thank you, bye."];
        let says = &says[..then.len().clamp(1, 2)];
        let held = speaker_tools::hold("speaking-clerk", &house, says).await;
        let said = [&[LEAVES][..], &then].concat().join(" ").to_uppercase();
        assert!(held.heard.ends_with(&said), "{}", held.heard);
        let told = speaker.came("conversation.item.create");
        let waits = |item: &Value| item["item"]["output"].as_str().unwrap().contains("waits");
        assert_eq!(
            told.iter().filter(|item| waits(item)).count(),
            1,
            "{told:?}"
        );
    }
}
