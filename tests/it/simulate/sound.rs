//! A conversation in sound: the embedded voice calls a whole server in real time.

use trunkline::agent::Agents;
use trunkline::config::Config;
use trunkline::simulate::{Simulation, read};

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
