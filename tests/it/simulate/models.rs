//! Conversations with language models: one thinks for the agent, another plays the caller and judges.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use trunkline::agent::{Agent, Agents};
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
    let simulation = with(folder, agent, scenario, thinker, player);
    simulation.check().unwrap();
    simulation
}

/// The same, which need not fit.
fn with(folder: &Path, agent: &str, scenario: &str, thinker: &Model, player: &Model) -> Simulation {
    let path = folder.join("clerk.toml");
    std::fs::write(&path, agent).unwrap();
    let file = folder.join("a.yaml");
    std::fs::write(&file, scenario).unwrap();
    let mut config = Config::default();
    config.llm.base_url = Some(thinker.settings.base_url.clone());
    config.llm.model = Some(thinker.settings.model.clone());
    Simulation {
        config,
        agent: Arc::new(Agent::read(&path).unwrap()),
        colleagues: Agents::default(),
        scenarios: read::scenarios(&file).unwrap(),
        repeat: 1,
        jobs: 1,
        speech: None,
        model: Some(Judge::new(player.settings.clone()).unwrap()),
        recordings: None,
    }
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

/// An agent that has people, and a colleague.
const DESK: &str = r#"
name = "Robin"
business = "Oak"
greeting = "How can I help you?"
prompt = "You are the front desk."
[turn]
drafts_max = 0
[[transfers]]
name = "ann"
description = "Bills."
to = "+12125550137"
words = "I am putting you through now."
hold = ["It is still ringing."]
[[transfers]]
name = "emergency"
description = "Pain."
to = "+12125550140"
kind = "cold"
words = "Stay on the line."
[[hand_off]]
name = "billing"
agent = "ledger"
description = "Bills."
"#;
/// That colleague.
const LEDGER: &str = r#"
name = "Kim"
business = "Oak"
prompt = "You keep the ledger."
tools = ["balance"]
[turn]
drafts_max = 0
"#;

fn transfer(arguments: &'static str) -> Answer {
    Answer::Calls("One moment.", vec![("transfer", arguments)])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_of_the_scenario_takes_the_caller_or_does_not() {
    let warm = r#"{"target":"ann","summary":"A bill."}"#;
    let cold = r#"{"target":"emergency","summary":"Pain."}"#;
    // What the person does, what is to be expected, and what the model is asked in the end.
    for (people, arguments, expected, goes_on) in [
        (
            "{ann: {does: accepts, after_ms: 30000}}",
            warm,
            "[{transferred_to: ann}, {transfer_ended: put_through}, {ended_by: transferred}, \
              {agent_says: It is still ringing}, {agent_says: I am putting you through now}]",
            false,
        ),
        (
            "{ann: {does: declines, after_ms: 9000}}",
            warm,
            "[{transfer_ended: declined}, {agent_never_says: putting you through}, \
              {agent_says: cannot take the call}, {ended_by: agent_hung_up}]",
            true,
        ),
        (
            "{}",
            warm,
            "[{transfer_ended: no_answer}, {ended_by: agent_hung_up}]",
            true,
        ),
        (
            "{emergency: {does: accepts}}",
            cold,
            "[{transferred_to: emergency}, {agent_says: Stay on the line}, {ended_by: transferred}]",
            false,
        ),
        (
            "{emergency: {does: busy}}",
            cold,
            "[{transfer_ended: busy}, {ended_by: agent_hung_up}]",
            true,
        ),
    ] {
        let thinker = Model::open([
            transfer(arguments),
            words("I am trying."),
            Answer::Goodbye("Ann cannot take the call. Goodbye."),
        ])
        .await;
        let player = Model::open([]).await;
        let folder = tempfile::tempdir().unwrap();
        let scenario = format!(
            "name: a\ncaller: {{script: [{{say: I want to speak to Ann.}}]}}\npeople: {people}\nexpect: {expected}\n"
        );
        let simulation = simulation(folder.path(), DESK, &scenario, &thinker, &player);
        let results = simulation.run(&|_| {}).await;
        assert!(results[0].is_met(), "{people} {}", results[0]);
        assert!(results[0].took.as_secs() < 8, "nobody waits for a person");
        let course = results[0].course.as_ref().unwrap();
        let tried: Vec<&str> = course.tools.iter().map(|used| used.name.as_str()).collect();
        assert_eq!(tried, ["transfer"]);
        let told = thinker
            .requests()
            .iter()
            .any(|asked| asked.contains("\\\"error\\\""));
        assert_eq!(
            told, goes_on,
            "{people}: whether a model is told how it ended"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_meanwhile_is_put_through_to_nobody() {
    let thinker = Model::open([
        transfer(r#"{"target":"ann","summary":"A bill."}"#),
        words("I am trying."),
    ])
    .await;
    let player = Model::open([]).await;
    let folder = tempfile::tempdir().unwrap();
    let scenario = "name: a\ncaller: {script: [{say: I want to speak to Ann.}, {hang_up: true}]}\n\
                    people: {ann: {does: accepts, after_ms: 60000}}\n\
                    expect: [{transfer_ended: caller_gone}, {ended_by: caller_hung_up}]\n";
    let simulation = simulation(folder.path(), DESK, scenario, &thinker, &player);
    let results = simulation.run(&|_| {}).await;
    assert!(results[0].is_met(), "{}", results[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_agent_goes_on_with_its_own_prompt_and_tools() {
    let thinker = Model::open([
        Answer::Calls(
            "I hand you over.",
            vec![("hand_off", r#"{"agent":"billing"}"#)],
        ),
        words("This is Kim, what is it about?"),
        Answer::Calls("", vec![("balance", "{}")]),
        Answer::Goodbye("You owe seven euros. Goodbye."),
    ])
    .await;
    let player = Model::open([]).await;
    let folder = tempfile::tempdir().unwrap();
    let scenario = "name: a\ncaller: {script: [{say: It is about my bill.}, {say: How much is it?}]}\n\
                    tools: {balance: {description: Looks it up., answer: {euros: 7}}}\n\
                    expect: [{handed_to: ledger}, {agent_says: This is Kim}, {tool_called: balance}, {ended_by: agent_hung_up}]\n";
    let ledger = folder.path().join("ledger.toml");
    std::fs::write(&ledger, LEDGER).unwrap();
    let colleagues = Agents::of([Arc::new(Agent::read(&ledger).unwrap())]);
    let mut simulation = with(folder.path(), DESK, scenario, &thinker, &player);
    // Who is not there takes no calls, and has no tools.
    assert!(simulation.check().is_err());
    simulation.colleagues = colleagues;
    simulation.check().unwrap();
    let results = simulation.run(&|_| {}).await;
    assert!(results[0].is_met(), "{}", results[0]);
    let asked = thinker.requests();
    assert!(asked[1].contains("You keep the ledger."), "{}", asked[1]);
    assert!(asked[1].contains("It is about my bill."), "{}", asked[1]);
    assert!(!asked[0].contains("Looks it up.") && asked[2].contains("Looks it up."));
}

/// Who has just taken the call over is not replaced by whom the one before wanted as well.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_agents_who_are_to_go_on_with_a_call_the_first_does() {
    let desk = DESK.to_owned()
        + "[[hand_off]]\nname = \"other\"\nagent = \"archive\"\ndescription = \"Old bills.\"\n";
    let both = vec![
        ("hand_off", r#"{"agent":"billing"}"#),
        ("hand_off", r#"{"agent":"other"}"#),
    ];
    let thinker = Model::open([
        Answer::Calls("I hand you over.", both),
        words("This is Kim, what is it about?"),
        Answer::Goodbye("Goodbye."),
    ])
    .await;
    let player = Model::open([]).await;
    let folder = tempfile::tempdir().unwrap();
    let scenario = "name: a\ncaller: {script: [{say: It is about my bill.}, {say: That is all.}]}\n\
                    expect: [{handed_to: ledger}, {agent_says: This is Kim}, {ended_by: agent_hung_up}]\n";
    let colleagues = [
        ("ledger", LEDGER.replace("tools = [\"balance\"]", "")),
        (
            "archive",
            LEDGER
                .replace("tools = [\"balance\"]", "")
                .replace("ledger", "archive"),
        ),
    ];
    let colleagues = colleagues.map(|(id, text)| {
        let path = folder.path().join(format!("{id}.toml"));
        std::fs::write(&path, text).unwrap();
        Arc::new(Agent::read(&path).unwrap())
    });
    let mut simulation = with(folder.path(), &desk, scenario, &thinker, &player);
    simulation.colleagues = Agents::of(colleagues);
    simulation.check().unwrap();
    let results = simulation.run(&|_| {}).await;
    assert!(results[0].is_met(), "{}", results[0]);
    let course = results[0].course.as_ref().unwrap();
    assert_eq!(course.handed_to, ["ledger"]);
    for asked in &thinker.requests()[1..] {
        assert!(asked.contains("You keep the ledger."), "{asked}");
    }
}

/// A second transfer is refused while the first goes on: the caller is still being put through, and waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_waits_on_while_a_second_transfer_is_refused() {
    let first = r#"{"target":"ann","summary":"A bill."}"#;
    let second = r#"{"target":"ann","summary":"Still a bill."}"#;
    let thinker = Model::open([transfer(first), transfer(second), words("I am trying.")]).await;
    let player = Model::open([]).await;
    let folder = tempfile::tempdir().unwrap();
    let scenario = "name: a\ncaller: {script: [{say: I want to speak to Ann.}]}\n\
                    people: {ann: {does: accepts, after_ms: 30000}}\n\
                    expect: [{transfer_ended: put_through}, {ended_by: transferred}]\n";
    let simulation = simulation(folder.path(), DESK, scenario, &thinker, &player);
    let results = simulation.run(&|_| {}).await;
    assert!(results[0].is_met(), "{}", results[0]);
    let course = results[0].course.as_ref().unwrap();
    assert_eq!(course.transfers, ["refused", "put_through"]);
}

/// Who is sent the caller at once is not asked whether they take them.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_declines_a_caller_who_is_sent_to_them() {
    let (thinker, player) = (Model::open([]).await, Model::open([]).await);
    for (does, is_fine) in [
        ("declines", false),
        ("unconfirmed", false),
        ("machine", false),
        ("accepts", true),
        ("unreachable", true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let scenario = format!(
            "name: a\ncaller: {{script: [{{say: Help.}}]}}\npeople: {{emergency: {{does: {does}}}}}\nexpect: [{{ended_by: agent_hung_up}}]\n"
        );
        let mut simulation = with(folder.path(), DESK, &scenario, &thinker, &player);
        let ledger = folder.path().join("ledger.toml");
        std::fs::write(&ledger, LEDGER.replace("tools = [\"balance\"]", "")).unwrap();
        simulation.colleagues = Agents::of([Arc::new(Agent::read(&ledger).unwrap())]);
        let checked = simulation.check();
        assert_eq!(checked.is_ok(), is_fine, "{does}: {checked:?}");
    }
}
