//! Who stands behind whom in a call: of a client's own providers, the operator's and what is built in.

use std::sync::Arc;

use serde_json::{Value, json};
use trunkline::agent::{Agent, AgentSpec, no_files};
use trunkline::egress::Whose;
use trunkline::provider::Hearing;
use trunkline::providers::{Account, Kind, Providers, find};
use trunkline::stack::{Behind, Chosen, Defaults, Stacks};
use trunkline::succession::Succession;
use trunkline::think::{ChatSettings, Dialect};

use super::rig::{Api, Who, agent};
use crate::session::stand_in::{StandInEars, StandInVoice};

fn chosen(vendor: &str, kind: Kind) -> Chosen {
    Chosen {
        vendor: find(vendor, kind).unwrap(),
        account: Account {
            whose: Whose::Operator,
            owner: String::new(),
            base_url: None,
            key: "hush".into(),
        },
        model: String::new(),
        voice: "robin".into(),
        turns: None,
    }
}

fn chat(model: &str) -> ChatSettings {
    ChatSettings {
        dialect: Dialect::OpenAi,
        base_url: "http://127.0.0.1:1/v1".into(),
        model: model.into(),
        api_key: None,
        temperature: Some(0.5),
        max_tokens: None,
    }
}

/// An operator with others behind his own.
fn stacks() -> Stacks {
    let defaults = Defaults {
        realtime: None,
        recogniser: Some(chosen("deepgram", Kind::Recogniser)),
        voice: Some(chosen("openai", Kind::Voice)),
        chat: Some(chat("large")),
        recogniser_behind: vec![Behind::Embedded],
        voice_behind: vec![
            Behind::Chosen(chosen("deepgram_aura_post", Kind::Voice)),
            Behind::Embedded,
        ],
        chat_behind: vec![chat("small")],
        tools: Default::default(),
        in_words: false,
    };
    Stacks::new(
        Providers::default(),
        Arc::new(StandInEars::new(1)),
        Arc::new(StandInVoice::new()),
        defaults,
    )
}

/// All members, in order.
fn members<T>(mut succession: Succession<T>, show: impl Fn(&'static str, &T) -> String) -> String {
    let mut all = Vec::new();
    loop {
        let member = succession.current();
        all.push(show(member.vendor, &member.stage));
        if !succession.failed() {
            return all.join(", ");
        }
    }
}

/// Who speaks and who thinks for an agent of this client with these choices.
async fn order(api: &Api, who: &Who, choices: &Value) -> (String, String, bool) {
    let mut document = agent();
    for (name, value) in choices.as_object().unwrap() {
        document[name] = value.clone();
    }
    let spec = AgentSpec::from_json(document.to_string().as_bytes()).unwrap();
    let agent = Agent::compile("agent_1", 1, &spec, &no_files).unwrap();
    let keys = api.app.desk.vault.client(&who.client).await.unwrap();
    let stack = stacks()
        .for_call(&api.app.desk, Some(&keys), &agent, None)
        .await
        .unwrap();
    let voices = members(stack.voices, |vendor, _| vendor.to_owned());
    let models = members(stack.models.unwrap(), |vendor, model| {
        let settings = &model.settings;
        let temperature = settings.temperature.unwrap_or_default();
        let ms = model.first_token.as_millis();
        format!("{vendor} {} {temperature} {ms}", settings.model)
    });
    (
        voices,
        models,
        matches!(stack.hearing, Hearing::Streaming { .. }),
    )
}

async fn provider(api: &Api, who: &Who, new: Value) -> String {
    let made = api.post(who, "/v1/providers", &new).await.made();
    made["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_agents_own_list_comes_first_and_no_client_is_given_to_whom_it_did_not_choose() {
    let api = Api::open().await;
    let (ours, theirs) = (api.client().await, api.client().await);
    let voice = json!({
        "kind": "voice", "vendor": "elevenlabs_post", "name": "V", "secret": "s", "settings": { "voice": "ana" },
    });
    let model = json!({
        "kind": "model", "vendor": "anthropic", "name": "M", "secret": "s", "settings": { "model": "m1" },
    });
    let (voice, model) = (
        provider(&api, &ours, voice).await,
        provider(&api, &ours, model).await,
    );
    let operators = "openai, deepgram_aura_post, embedded";
    let minds = "openai_compatible large 0.5 3000, openai_compatible small 0.5 3000";
    for (name, choices, voices, models) in [
        (
            "the operator's behind the operator's",
            json!({}),
            operators,
            minds,
        ),
        (
            "nobody behind a client's own",
            json!({ "voice": { "provider": voice }, "model": { "provider": model } }),
            "elevenlabs_post",
            "anthropic m1 0 3000",
        ),
        (
            "nobody at all",
            json!({ "voice": { "fallbacks": [] }, "model": { "fallbacks": [] } }),
            "openai",
            "openai_compatible large 0.5 3000",
        ),
        (
            "whom the agent names, each as it was chosen here",
            json!({
                "voice": { "provider": voice, "fallbacks": [
                    { "provider": voice, "id": "other" }, { "provider": "operator" }, { "provider": "embedded" },
                ] },
                "model": {
                    "name": "huge", "temperature": 0.25, "first_token_ms": 1500,
                    "fallbacks": [{ "provider": model }, { "provider": model, "name": "m2" }],
                },
            }),
            "elevenlabs_post, elevenlabs_post, openai, embedded",
            "openai_compatible huge 0.25 1500, anthropic m1 0.25 1500, anthropic m2 0.25 1500",
        ),
        (
            "one that is not there, or does something else, is left out",
            json!({
                "voice": { "fallbacks": [{ "provider": "prov_1" }, { "provider": model }, { "provider": "embedded" }] },
                "model": { "fallbacks": [{ "provider": voice }] },
            }),
            "openai, embedded",
            "openai_compatible large 0.5 3000",
        ),
    ] {
        let (found_voices, found_models, _) = order(&api, &ours, &choices).await;
        assert_eq!(found_voices, voices, "{name}");
        assert_eq!(found_models, models, "{name}");
    }
    let foreign = json!({
        "voice": { "fallbacks": [{ "provider": voice }] },
        "model": { "fallbacks": [{ "provider": model }] },
    });
    let (voices, models, _) = order(&api, &theirs, &foreign).await;
    assert_eq!(voices, "openai", "another client's");
    assert_eq!(models, "openai_compatible large 0.5 3000");
}

#[tokio::test]
async fn a_recogniser_by_the_utterance_listens_all_the_time_where_another_stands_behind_it() {
    let api = Api::open().await;
    let who = api.client().await;
    let clips = json!({
        "kind": "recogniser", "vendor": "openai", "name": "R", "secret": "s", "settings": {},
    });
    let clips = provider(&api, &who, clips).await;
    for (recogniser, streams) in [
        (json!({ "provider": clips }), false),
        (json!({ "provider": clips, "fallbacks": [] }), false),
        (
            json!({ "provider": clips, "fallbacks": [{ "provider": "prov_1" }] }),
            false,
        ),
        (
            json!({ "provider": clips, "fallbacks": [{ "provider": "operator" }] }),
            true,
        ),
        (
            json!({ "provider": clips, "fallbacks": [{ "provider": "embedded" }] }),
            true,
        ),
        (json!({}), true),
    ] {
        let choices = json!({ "recogniser": recogniser });
        assert_eq!(order(&api, &who, &choices).await.2, streams, "{choices}");
    }
}
