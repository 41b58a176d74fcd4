//! Which calls need room among those that the embedded speech can hear.

use std::sync::Arc;

use serde_json::{Value, json};
use trunkline::agent::Agent;
use trunkline::config::Config;
use trunkline::provider::{Hearing, Room, Turns};
use trunkline::providers::Providers;
use trunkline::stack::Stacks;
use trunkline_core::admission::Why;

use crate::api::rig::Api;
use crate::session::stand_in::{StandInEars, StandInVoice};

const VOICE: &str = "[voice]\nvendor = \"deepgram_aura\"\napi_key = \"k\"\n";

fn agent(recogniser: &Value, voice: &Value) -> Agent {
    let spec = json!({
        "name": "Robin", "business": "Oak", "prompt": "You are Robin.", "directions": ["inbound"],
        "recogniser": recogniser, "voice": voice,
    });
    Agent::from_stored("agent_1", 1, spec.to_string().as_bytes()).unwrap()
}

#[test]
fn only_calls_that_hear_judge_and_speak_elsewhere_need_none() {
    let hears = |rest: &str| format!("[recogniser]\napi_key = \"k\"\nvendor = {rest}\n");
    let (own, cloud, flux) = (
        hears("\"deepgram\""),
        hears("\"deepgram\"\nturns = \"cloud\""),
        hears("\"deepgram_flux\""),
    );
    let usual = json!({});
    let clients = json!({ "provider": "prov_1" });
    let asks = |turns: &str| json!({ "turns": turns });
    let clients_cloud = json!({ "provider": "prov_1", "turns": "cloud" });
    for (defaults, recogniser, voice, is_elsewhere) in [
        ("", &usual, &usual, false),
        (&*cloud, &usual, &usual, true),
        (&*own, &usual, &usual, false),
        (&*flux, &usual, &usual, true),
        // The agent has its own way, whatever is usual.
        (&*own, &asks("cloud"), &usual, true),
        (&*cloud, &asks("own"), &usual, false),
        (&*flux, &asks("own"), &usual, true),
        (&*cloud, &clients, &usual, false),
        (&*flux, &clients, &usual, false),
        ("", &clients_cloud, &usual, true),
        ("", &asks("cloud"), &usual, false),
    ] {
        for (speaks, voice, has_voice) in [
            (VOICE, voice, true),
            ("", &clients, true),
            ("", &usual, false),
        ] {
            let config: Config = toml::from_str(&format!("{defaults}{speaks}")).unwrap();
            let stages = config.stages().unwrap();
            let ears = Arc::new(StandInEars::new(1));
            let voice_here = Arc::new(StandInVoice::new());
            let stacks = Stacks::new(Providers::default(), ears, voice_here, stages);
            let agent = agent(recogniser, voice);
            // Words that are made elsewhere take none of the embedded recogniser's room.
            let hears = !defaults.is_empty() || recogniser.get("provider").is_some();
            let room = match (is_elsewhere && has_voice, hears && has_voice) {
                (true, _) => None,
                (false, true) => Some(Room::Turns),
                (false, false) => Some(Room::Whole),
            };
            assert_eq!(
                (stacks.is_elsewhere(&agent), stacks.room_for(&agent)),
                (is_elsewhere && has_voice, room),
                "{defaults}{speaks}{recogniser}{voice}"
            );
        }
    }
}

/// What calls that step down do without: whether one of these stages surely asks nothing of the embedded speech then, and
/// whether it steps down.
#[tokio::test]
async fn calls_whose_recogniser_can_judge_turns_step_down_and_no_others() {
    let api = Api::open().await;
    let nobody = "base_url = \"http://127.0.0.1:9\"\n";
    let hears = |rest: &str| format!("[recogniser]\napi_key = \"k\"\n{nobody}vendor = {rest}\n");
    let speaks = format!("{VOICE}{nobody}");
    let deepgram = hears("\"deepgram\"");
    let behind = format!("{deepgram}[[recogniser.fallbacks]]\nvendor = \"embedded\"\n");
    let clips = hears("\"openai\"");
    for (defaults, recogniser, steps, surely) in [
        (&*deepgram, json!({}), true, true),
        (&*deepgram, json!({ "step_down": false }), false, false),
        (&*deepgram, json!({ "turns": "cloud" }), false, false),
        // It would lose who takes over, unless its agent says that it may.
        (&*behind, json!({}), false, false),
        (&*behind, json!({ "step_down": true }), true, true),
        // It cannot judge turns, whatever is asked of it; or always does.
        (&*clips, json!({ "step_down": true }), false, false),
        (&*hears("\"deepgram_flux\""), json!({}), false, false),
        ("", json!({ "step_down": true }), false, false),
    ] {
        let config: Config = toml::from_str(&format!("{defaults}{speaks}")).unwrap();
        let stages = config.stages().unwrap();
        let (ears, voice) = (StandInEars::new(1), StandInVoice::new());
        let providers = Providers::default();
        let stacks = Stacks::new(providers, Arc::new(ears), Arc::new(voice), stages);
        let mut spec = json!({
            "name": "Robin", "business": "Oak", "directions": ["inbound"], "recogniser": recogniser,
            "flow_text": "start = \"bye\"\n[states.bye]\nsay = \"Bye.\"\nend = true\n",
        });
        spec["voice"] = json!({});
        let agent = Agent::from_stored("agent_1", 1, spec.to_string().as_bytes()).unwrap();
        let what = format!("{defaults} {recogniser}");
        assert_eq!(stacks.surely_steps_down(&agent), surely, "{what}");
        for (down, is_down) in [(None, false), (Some(Why::Inference), steps)] {
            let stack = stacks.for_call(&api.app.desk, None, &agent, down).await;
            let stack = stack.unwrap();
            assert_eq!(stack.stepped_down, down.filter(|_| is_down), "{what}");
            if let Hearing::Streaming { turns, .. } = stack.hearing {
                let is_own = matches!(stacks.room_for(&agent), Some(Room::Turns)) && !is_down;
                assert_eq!(turns == Turns::Own, is_own, "{what}");
            }
        }
    }
}
