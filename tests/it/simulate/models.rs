//! Conversations with language models: one thinks for the agent, another plays the caller and judges.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use trunkline::agent::Agent;
use trunkline::config::Config;
use trunkline::simulate::model::Model as Judge;
use trunkline::simulate::report::{self, Outcome};
use trunkline::simulate::{Simulation, read};

use crate::session::model::{Answer, Model};

/// An agent that books; of its calls something is to be known.
const CLERK: &str = r#"
name = "Robin"
business = "Oak"
greeting = "How can I help you?"
prompt = "You book visits for {{practice}}."
tools = ["book"]
[variables]
practice = { type = "text" }
[turn]
drafts_max = 0
[recording]
record = true
reason = "for quality"
analytics = true
[after]
extract = { type = "object", properties = { day = { type = "string" } }, required = ["day"] }
dispositions = [{ label = "booked", description = "A visit was booked." }]
"#;
const SCENARIO: &str = r#"
name: books by tool
context: { practice: Oak }
caller:
  persona:
    goal: You want a visit on Monday.
    character: You are in a hurry.
    max_turns: 4
tools:
  book:
    description: Books a visit.
    arguments: { type: object, properties: { day: { type: string } }, required: [day] }
    answer: { visit: 7 }
    after_ms: 2500
expect:
  - agent_says: How can I help you
    turn: 1
  - tool_called: book
    arguments: { day: monday }
    times: 1
  - agent_says: booked for Monday
    turn: 2
  - ended_by: agent_hung_up
  - disposition: booked
  - data: { day: monday }
  - judge: Was the caller told that the visit is booked?
"#;

fn words(text: &'static str) -> Answer {
    Answer::Words(vec![text], 0)
}

/// A run of this scenario with this agent; `thinker` thinks for it, `player` plays and judges.
fn simulation(
    folder: &Path,
    agent: &str,
    scenario: &str,
    thinker: &Model,
    player: &Model,
) -> Simulation {
    let path = folder.join("clerk.toml");
    std::fs::write(&path, agent).unwrap();
    let file = folder.join("a.yaml");
    std::fs::write(&file, scenario).unwrap();
    let mut config = Config::default();
    config.llm.base_url = Some(thinker.settings.base_url.clone());
    config.llm.model = Some(thinker.settings.model.clone());
    let simulation = Simulation {
        config,
        agent: Arc::new(Agent::read(&path).unwrap()),
        scenarios: read::scenarios(&file).unwrap(),
        repeat: 1,
        jobs: 1,
        speech: None,
        model: Some(Judge::new(player.settings.clone()).unwrap()),
        recordings: None,
    };
    simulation.check().unwrap();
    simulation
}

#[tokio::test(flavor = "multi_thread")]
async fn a_played_caller_books_by_tool_and_a_judge_says_why() {
    let known = r#"{"data": {"day": "monday"}, "disposition": "booked"}"#;
    let thinker = Model::open([
        Answer::Calls("", vec![("book", "{\"day\":\"monday\"}")]),
        words("You are booked for Monday."),
        Answer::Goodbye("Goodbye!"),
        words(known),
    ])
    .await;
    let player = Model::open([
        words("Yes, that is fine."),
        words("I would like a visit on Monday, please."),
        words("Thank you, goodbye. [hang up]"),
        words("Certainly: {\"reason\": \"It said so.\", \"answer\": true}"),
    ])
    .await;
    let folder = tempfile::tempdir().unwrap();
    let simulation = simulation(folder.path(), CLERK, SCENARIO, &thinker, &player);
    let results = simulation.run(&|_| {}).await;
    assert!(results[0].is_met(), "{}", results[0]);
    let json = report::json(&results);
    let judged = &json["conversations"][0]["expected"][6];
    assert_eq!(
        (&judged["met"], &judged["because"]),
        (&json!(true), &json!("It said so."))
    );
    let asked = thinker.requests();
    assert!(
        asked[0].contains("You book visits for Oak."),
        "{}",
        asked[0]
    );
    assert!(asked[0].contains("Books a visit."), "{}", asked[0]);
    assert!(
        asked[1].contains("visit\\\\\\\":7") || asked[1].contains("{\\\"visit\\\":7}"),
        "{}",
        asked[1]
    );
    let played = player.requests();
    assert!(
        played[0].contains("You want a visit on Monday. "),
        "{}",
        played[0]
    );
    assert!(played[1].contains("How can I help you?"), "{}", played[0]);
    assert!(
        played[3].contains("caller: I would like a visit on Monday"),
        "{}",
        played[3]
    );
    // The tool took its time by the call's clock, and nobody waited for it.
    let lines = json["conversations"][0]["lines"].as_array().unwrap();
    let at = |what: &str| {
        let line = lines
            .iter()
            .find(|line| line["text"].as_str().unwrap().contains(what));
        line.unwrap_or_else(|| panic!("no {what} in {lines:?}"))["to_ms"]
            .as_u64()
            .unwrap()
    };
    assert!(
        at("used book") >= at("I would like a visit") + 2_500,
        "{lines:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_judge_who_says_no_makes_a_miss_and_one_who_says_nothing_an_error() {
    let no = "{\"reason\": \"Nothing was booked.\", \"answer\": false}";
    for (judged, missed) in [(vec![words(no)], true), (vec![], false)] {
        let thinker = Model::open([Answer::Goodbye("We are closed. Goodbye!")]).await;
        let player = Model::open(judged).await;
        let folder = tempfile::tempdir().unwrap();
        let scenario = "name: a\ncaller: {script: [{say: 'Hello, are you open?'}]}\nexpect: [{judge: Was it booked?}]\n";
        let agent = "name = \"Robin\"\nbusiness = \"Oak\"\ngreeting = \"Hello.\"\nprompt = \"x\"\n[turn]\ndrafts_max = 0\n";
        let simulation = simulation(folder.path(), agent, scenario, &thinker, &player);
        let results = simulation.run(&|_| {}).await;
        match (&results[0].outcome, missed) {
            (Outcome::Played(findings), true) => {
                assert_eq!(findings[0].missed.as_deref(), Some("Nothing was booked."));
            }
            (Outcome::Unplayed(why), false) => assert!(why.contains("the model stand-in"), "{why}"),
            (outcome, _) => panic!("{outcome:?}"),
        }
        assert!(!results[0].is_met());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_without_an_answer_fails_and_nothing_leaves_the_machine() {
    let thinker = Model::open([
        Answer::Calls("", vec![("find", "{}")]),
        words("I cannot look that up."),
        Answer::Goodbye("Goodbye!"),
    ])
    .await;
    let player = Model::open([]).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/find", listener.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let scenario = "name: a\ncaller: {script: [{say: Where is my parcel?}, {say: Thank you.}]}\n\
                    expect: [{tool_called: find}, {agent_says: cannot look that up}]\n";
    let agent = CLERK
        .replace("\"book\"", "\"find\"")
        .replace("practice = { type = \"text\" }", "practice = \"Oak\"");
    let mut simulation = simulation(folder.path(), &agent, scenario, &thinker, &player);
    let config = format!("[[tools]]\nname = \"find\"\ndescription = \"Finds.\"\nurl = \"{url}\"\n");
    let file = folder.path().join("trunkline.toml");
    std::fs::write(&file, config).unwrap();
    simulation.config.tools = Config::load(Some(&file)).unwrap().tools;
    let results = simulation.run(&|_| {}).await;
    assert!(results[0].is_met(), "{}", results[0]);
    assert_eq!(
        results[0].course.as_ref().unwrap().tools[0].outcome,
        "failed"
    );
    let nobody = listener.accept().map(|_| ()).unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
}
