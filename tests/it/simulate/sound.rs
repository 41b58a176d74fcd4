//! A conversation in sound: the embedded voice calls a whole server in real time.

use std::sync::Arc;

use trunkline::agent::{Agent, Agents};
use trunkline::config::Config;
use trunkline::simulate::{Simulation, read};

use crate::session::model::{Answer, Model};

const SCENARIO: &str = r#"
name: asks for the opening hours by telephone
mode: audio
noise: { kind: rumble, level_db: -50 }
caller:
  script:
    - say: Yes, that is fine.
    - say: What time do you open?
    - wait_for: eight in the morning
    - say: No, thank you. Goodbye.
expect:
  - agent_says: Monday to Friday
  - ended_by: agent_hung_up
  - consent: granted
  - recorded: true
  - transcript_contains: open
  - answers_within_ms: { max: 5000 }
"#;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a call in real time, half a minute: cargo test --test it simulate::sound -- --ignored --nocapture"]
async fn a_caller_with_a_voice_is_heard_answered_and_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    std::fs::write(&file, SCENARIO).unwrap();
    let simulation = Simulation {
        config: Config::default(),
        agent: Agents::load(None).unwrap().named("front-desk").unwrap(),
        colleagues: Agents::default(),
        scenarios: read::scenarios(&file).unwrap(),
        repeat: 1,
        jobs: 1,
        speech: Some(crate::stack::speech()),
        model: None,
        recordings: Some(folder.path().to_owned()),
    };
    simulation.check().unwrap();
    let results = simulation.run(&|_| {}).await;
    println!("{}", results[0]);
    assert!(results[0].is_met(), "{}", results[0]);
    let name = "asks-for-the-opening-hours-by-telephone-1.wav";
    let recording = std::fs::metadata(folder.path().join(name)).unwrap();
    // At least ten seconds of two channels of 16 bits at 8 kHz.
    assert!(recording.len() > 320_000, "{}", recording.len());
}

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
[[transfers]]
name = "emergency"
description = "Pain."
to = "+12125550140"
kind = "cold"
words = "Stay on the line."
"#;

/// People are called in a call with sound, too: in their own time, and nobody's telephone rings.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "two calls in real time, a minute: cargo test --test it simulate::sound -- --ignored --nocapture"]
async fn a_caller_with_a_voice_is_put_through_or_is_told_why_not() {
    let warm = r#"{"target":"ann","summary":"A bill."}"#;
    let cold = r#"{"target":"emergency","summary":"Pain."}"#;
    for (people, arguments, expected) in [
        (
            "{ann: {does: accepts, after_ms: 4000}}",
            warm,
            "[{transfer_ended: put_through}, {ended_by: transferred}, {agent_says: putting you through now}]",
        ),
        (
            "{emergency: {does: busy, after_ms: 2000}}",
            cold,
            "[{transfer_ended: busy}, {agent_says: cannot take the call}, {ended_by: agent_hung_up}]",
        ),
    ] {
        let call = Answer::Calls("One moment.", vec![("transfer", arguments)]);
        let sorry = Answer::Goodbye("They cannot take the call. Goodbye.");
        // Who is sent away at once hears nothing meanwhile.
        let meanwhile = (arguments == warm).then(|| Answer::Words(vec!["I am trying."], 0));
        let answers = [call].into_iter().chain(meanwhile).chain([sorry]);
        let model = Model::open(answers).await;
        let folder = tempfile::tempdir().unwrap();
        let desk = folder.path().join("desk.toml");
        std::fs::write(&desk, DESK).unwrap();
        let file = folder.path().join("a.yaml");
        let scenario = format!(
            "name: a\nmode: audio\ncaller: {{script: [{{say: I want to speak to Ann please.}}]}}\npeople: {people}\nexpect: {expected}\n"
        );
        std::fs::write(&file, scenario).unwrap();
        let mut config = Config::default();
        config.llm.base_url = Some(model.settings.base_url.clone());
        config.llm.model = Some(model.settings.model.clone());
        let simulation = Simulation {
            config,
            agent: Arc::new(Agent::read(&desk).unwrap()),
            colleagues: Agents::default(),
            scenarios: read::scenarios(&file).unwrap(),
            repeat: 1,
            jobs: 1,
            speech: Some(crate::stack::speech()),
            model: None,
            recordings: None,
        };
        simulation.check().unwrap();
        let results = simulation.run(&|_| {}).await;
        println!("{}", results[0]);
        assert!(results[0].is_met(), "{people} {}", results[0]);
    }
}
