//! Tools of a model that hears and speaks: they pass by the same guards as those of any mind, and cost is counted.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use trunkline::stack::Defaults;
use trunkline::tools::{OwnTool, ToolSecret};
use trunkline_core::call::{Note, Outcome};

use super::chat::GOODBYE;
use super::held::Held;
use super::logs::Log;
use super::model::{Answer, Model};
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

pub(super) async fn house(speaker: &Speaker, server: &ToolServer) -> House {
    house_with(speaker, server, None).await
}

async fn house_with(speaker: &Speaker, server: &ToolServer, spare: Option<&Model>) -> House {
    House::build(Plot {
        defaults: Defaults {
            realtime: Some(speaker.chosen()),
            chat: spare.map(|model| model.settings.clone()),
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
pub(super) async fn hold(agent: &str, house: &House, says: &[&str]) -> Held {
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

/// The vendor is lost once something was done: who answers in its place knows of it, and what they want done again, in other letters,
/// is not.
#[tokio::test(start_paused = true)]
async fn who_takes_over_after_something_was_done_does_not_do_it_again() {
    for fault in [Reply::Fails, Reply::Silence] {
        let book = Reply::Uses("", "book", r#"{"day":"Friday","note":"at nine"}"#);
        let speaker = Speaker::open(false, [book, fault]).await;
        let again = r#"{ "note": "at nine",  "day": "Friday" }"#;
        let spare = Model::open([
            Answer::Calls("", vec![("book", again)]),
            Answer::Words(vec![BOOKED], 0),
            Answer::Goodbye(GOODBYE),
        ])
        .await;
        let server = server().await;
        let house = house_with(&speaker, &server, Some(&spare)).await;
        let says = ["Book me in on Friday.", "Thank you, bye."];
        let held = hold("speaking-clerk", &house, &says).await;
        let said = format!("{BOOKED} {GOODBYE}");
        assert!(held.heard.ends_with(&said), "{}", held.heard);
        assert_eq!(server.requests().len(), 1, "it was done once");
        assert_eq!(outcomes(&held.notes), [("book".into(), Outcome::Done)]);
        let first: Value = serde_json::from_str(&spare.requests()[0]).unwrap();
        let messages = first["messages"].as_array().unwrap();
        let told: Vec<&Value> = messages.iter().filter(|m| m["role"] == "tool").collect();
        let [told] = &told[..] else {
            panic!("{messages:?}")
        };
        assert_eq!(told["content"], r#"{"ok":true}"#);
        let words = |m: &&Value| m["role"] == "user" && m["content"] == "Book me in on Friday.";
        assert_eq!(messages.iter().filter(words).count(), 1, "{messages:?}");
    }
}

/// What is called with much takes its time to be written: that is no silence.
#[tokio::test(start_paused = true)]
async fn a_tool_that_is_called_with_much_is_waited_for() {
    let long = Reply::Writes("", "book", r#"{"day":"Friday"}"#, 8_000, false);
    let replies = [long, Reply::Says(BOOKED), Reply::Goodbye(GOODBYE)];
    let speaker = Speaker::open(false, replies).await;
    let server = server().await;
    let house = house(&speaker, &server).await;
    let notes = house.notes();
    let mut call = house.call("speaking-clerk").await;
    call.wait_until_agent_quiet(1_500).await.unwrap();
    call.speak(speech("Book me in on Friday.")).await.unwrap();
    call.stay_silent(11_000).await.unwrap();
    call.speak(speech("Thank you, bye.")).await.unwrap();
    call.wait_until_over().await;
    let held = Held::over(call, notes).await;
    let booked = BOOKED.to_uppercase();
    assert!(held.heard.contains(&booked), "{}", held.heard);
    assert_eq!(server.requests().len(), 1);
    let failed = |note: &Note| matches!(note, Note::StageFailed { .. });
    assert!(!held.notes.iter().any(failed), "{}", held.heard);
}

/// But not for ever.
#[tokio::test(start_paused = true)]
async fn a_tool_that_is_never_called_to_the_end_is_given_up() {
    let endless = Reply::Writes("", "book", r#"{"day":"Friday"}"#, 600_000, false);
    let speaker = Speaker::open(false, [endless.clone(), endless]).await;
    let server = server().await;
    let house = house(&speaker, &server).await;
    let notes = house.notes();
    let mut call = house.call("speaking-clerk").await;
    call.wait_until_agent_quiet(1_500).await.unwrap();
    call.speak(speech("Book me in on Friday.")).await.unwrap();
    let is_over = call.stay_silent(60_000).await.is_err();
    assert!(is_over, "it is said goodbye to");
    let held = Held::over(call, notes).await;
    assert!(held.heard.ends_with("Goodbye."), "{}", held.heard);
    assert!(server.requests().is_empty());
}

/// A long row of answers, each with something to do: the caller hears the first ones whole, though the last are made by then.
#[tokio::test(start_paused = true)]
async fn what_a_reply_said_first_is_heard_however_often_it_goes_on() {
    const SAID: [&str; 8] = [
        "I am going to look at Monday first, since that is the day after tomorrow.",
        "Now I am going to look at Tuesday, which is often the busiest day of all.",
        "Now I am going to look at Wednesday, when we close at noon as a rule here.",
        "Now I am going to look at Thursday, when we are open until eight at night.",
        "Now I am going to look at Friday, when we have two more chairs than before.",
        "Now I am going to look at Saturday, when there is a market on the square.",
        "Now I am going to look at Sunday, when only the practice in town is open.",
        "And I am going to look at the holidays, of which there are two this month.",
    ];
    const DAYS: [&str; 8] = [
        r#"{"day":"Monday"}"#,
        r#"{"day":"Tuesday"}"#,
        r#"{"day":"Wednesday"}"#,
        r#"{"day":"Thursday"}"#,
        r#"{"day":"Friday"}"#,
        r#"{"day":"Saturday"}"#,
        r#"{"day":"Sunday"}"#,
        r#"{"day":"holiday"}"#,
    ];
    let rounds = SAID.iter().zip(DAYS);
    let rounds = rounds.map(|(said, day)| Reply::Uses(said, "book", day));
    let replies = rounds.chain([Reply::Says(BOOKED), Reply::Goodbye(GOODBYE)]);
    let speaker = Speaker::open(false, replies.collect::<Vec<_>>()).await;
    let server = server().await;
    let house = house(&speaker, &server).await;
    let says = ["Book me in on all days.", "Thank you, bye."];
    let held = hold("speaking-clerk", &house, &says).await;
    let said = format!("{} {BOOKED} {GOODBYE}", SAID.join(" ")).to_uppercase();
    assert!(held.heard.ends_with(&said), "{}", held.heard);
    assert_eq!(server.requests().len(), 8);
}

/// The model can do nothing then, and the operator is told so, once.
#[tokio::test(start_paused = true)]
async fn tools_that_the_vendor_refuses_are_told_of() {
    let log = Log::start();
    let speaker = Speaker::open(false, [Reply::Says(SEE), Reply::Goodbye(GOODBYE)]).await;
    speaker.refuses_tools();
    let server = server().await;
    let house = house(&speaker, &server).await;
    let says = ["Book me in on Friday.", "Thank you, bye."];
    let held = hold("speaking-clerk", &house, &says).await;
    let said = format!("{SEE} {GOODBYE}").to_uppercase();
    assert!(held.heard.ends_with(&said), "{}", held.heard);
    let told = log.lines("the model cannot use its tools");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("invalid_function_parameters"), "{told:?}");
}
