//! A caller who is handed over to another agent within the call: what was said is known there, and nobody else's agent can be
//! reached.

use serde_json::{Value, json};
use trunkline::carrier_double::Carrier;
use trunkline::stack::Defaults;

use super::rig::Town;
use crate::api::rig::id;
use crate::session::model::{Answer, Model};
use crate::session::rig::{heard, speech, unhurried};
use crate::session::speaker::{Reply, Speaker};

const FIRST: &str = "You are Robin of the front desk.";
const SECOND: &str = "You are Billie of billing.";
const THIRD: &str = "You are Frankie of the other desk.";
const WISH: &str = "My bill is wrong.";
const LAST_WORDS: &str = "I hand you to my colleague.";
const HAND_OFF: &str = r#"{"agent":"billing"}"#;
const GOODBYE: &str = "Goodbye then.";

fn front_desk(to: &[(&str, &str)]) -> Value {
    let to: Vec<Value> = to
        .iter()
        .map(|(name, agent)| json!({ "name": name, "agent": agent, "description": "Bills." }))
        .collect();
    json!({
        "name": "Robin", "business": "Oak", "prompt": FIRST, "greeting": "How can I help you?",
        "turn": { "drafts_max": 0 }, "hand_off": to,
    })
}

fn billing() -> Value {
    json!({
        "name": "Billie", "business": "Oak", "prompt": SECOND, "greeting": "You have reached billing.",
        "notices": { "robot": "Yes, I am Billie, an AI assistant." }, "tools": ["opt_out"],
        "turn": { "drafts_max": 0 },
    })
}

async fn make(town: &Town, agent: &Value) -> String {
    id(&town.api.post(&town.who, "/v1/agents", agent).await.made())
}

/// Says these things, each once the model was asked so often and it has been quiet for a while, until the server hangs up: what
/// was heard.
async fn converse(
    (town, model): (&Town, &Model),
    mut line: Carrier,
    says: &[(usize, &str)],
) -> String {
    for (asked, words) in says {
        while model.requests().len() < *asked {
            town.keep_up().await;
            line.stay_silent(50).await.unwrap();
        }
        line.wait_until_agent_quiet(1_500).await.unwrap();
        line.speak(speech(words)).await.unwrap();
        line.wait_for_answer().await.unwrap();
    }
    line.wait_until_over().await;
    let record = line.finish().await.unwrap();
    assert_eq!(record.violations, []);
    heard(&record)
}

fn body(request: &str) -> Value {
    serde_json::from_str(request).unwrap()
}

#[tokio::test(start_paused = true)]
async fn another_agent_goes_on_and_knows_what_was_said() {
    let model = Model::open([
        Answer::Calls(LAST_WORDS, vec![("hand_off", HAND_OFF)]),
        Answer::Words(vec!["This is Billie. What is wrong with it?"], 0),
        Answer::Goodbye(GOODBYE),
    ])
    .await;
    let (town, second) = unhurried(async {
        let town = Town::thinking(&model).await;
        let second = make(&town, &billing()).await;
        town.answer_by(&front_desk(&[("billing", &second)])).await;
        (town, second)
    })
    .await;
    let line = town.rung().await;
    let words = converse(
        (&town, &model),
        line,
        &[(0, WISH), (2, "Are you a robot?"), (2, "That is all.")],
    )
    .await;
    assert!(
        words.contains(&format!(
            "{LAST_WORDS} This is Billie. What is wrong with it?"
        )),
        "{words}"
    );
    assert!(
        words.contains("Yes, I am Billie, an AI assistant."),
        "{words}"
    );
    assert!(words.ends_with(GOODBYE), "{words}");
    // It is one call: nothing of its opening is said again, nor the other's greeting.
    assert_eq!(
        words.matches("the AI assistant of Oak").count(),
        1,
        "{words}"
    );
    assert!(!words.contains("You have reached billing."), "{words}");

    let requests = model.requests();
    let (first, other) = (body(&requests[0]), body(&requests[1]));
    let prompt = |body: &Value| body["messages"][0]["content"].as_str().unwrap().to_owned();
    assert!(prompt(&first).starts_with(FIRST) && prompt(&other).starts_with(SECOND));
    let told = other["messages"].to_string();
    assert!(told.contains(WISH) && told.contains(LAST_WORDS), "{told}");
    assert!(told.contains("handed over"), "{told}");
    let names = |body: &Value| -> Vec<String> {
        let tools = body["tools"].as_array().unwrap().iter();
        tools
            .map(|tool| tool["function"]["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&first), ["hand_off", "end_call"]);
    assert_eq!(names(&other), ["opt_out", "end_call"]);

    town.written().await;
    let events = town.events().await;
    let handed = events.iter().filter(|(kind, _)| kind == "handed_over");
    let handed: Vec<&String> = handed.map(|(_, detail)| detail).collect();
    assert_eq!(handed, [&format!("agent={second} version=1")]);
}

/// Whoever goes on has their own model and their own voice, and knows what was said to the one that heard and spoke.
#[tokio::test(start_paused = true)]
async fn a_model_that_hears_and_speaks_hands_over() {
    let speaker = Speaker::open(false, [Reply::Uses(LAST_WORDS, "hand_off", HAND_OFF)]).await;
    let model = Model::open([
        Answer::Words(vec!["This is Billie. I hand you to my colleague."], 0),
        Answer::Goodbye(GOODBYE),
    ])
    .await;
    let town = unhurried(async {
        let town = Town::equipped(Defaults {
            chat: Some(model.settings.clone()),
            realtime: Some(speaker.chosen()),
            ..Defaults::default()
        })
        .await;
        let second = make(&town, &billing()).await;
        let mut first = front_desk(&[("billing", &second)]);
        first["realtime"] = json!({});
        town.answer_by(&first).await;
        town
    })
    .await;
    let line = town.rung().await;
    let says = [(0, WISH), (1, "That is all.")];
    let words = converse((&town, &model), line, &says).await;
    // The same words are another's now.
    let said = format!(
        "{} This is Billie. {LAST_WORDS} {GOODBYE}",
        LAST_WORDS.to_uppercase()
    );
    assert!(words.ends_with(&said), "{words}");
    let told = &model.requests()[0];
    assert!(told.contains(SECOND), "{told}");
    assert!(told.contains(WISH) && told.contains(LAST_WORDS), "{told}");
    assert_eq!(speaker.came("response.create").len(), 1);
    town.written().await;
    assert!(
        town.events()
            .await
            .iter()
            .any(|(kind, _)| kind == "handed_over")
    );
}

/// An agent that is another client's, that is archived, or that follows a script: the first goes on.
#[tokio::test(start_paused = true)]
async fn whoever_cannot_go_on_leaves_the_call_to_the_first() {
    for case in ["theirs", "archived", "scripted", "unknown"] {
        let model = Model::open([
            Answer::Calls(LAST_WORDS, vec![("hand_off", HAND_OFF)]),
            Answer::Words(vec!["They are not there. I can help you myself."], 0),
            Answer::Goodbye(GOODBYE),
        ])
        .await;
        let town = unhurried(async {
            let town = Town::thinking(&model).await;
            let other = match case {
                "theirs" => {
                    let stranger = town.api.client().await;
                    id(&town
                        .api
                        .post(&stranger, "/v1/agents", &billing())
                        .await
                        .made())
                }
                "archived" => {
                    let other = make(&town, &billing()).await;
                    let path = format!("/v1/agents/{other}");
                    town.api.delete(&town.who, &path).await;
                    other
                }
                "scripted" => town.agent_id.clone(),
                _ => "agent_01JD0000000000000000000000".to_owned(),
            };
            town.answer_by(&front_desk(&[("billing", &other)])).await;
            town
        })
        .await;
        let line = town.rung().await;
        let words = converse((&town, &model), line, &[(0, WISH), (2, "That is all.")]).await;
        assert!(words.contains("I can help you myself."), "{case}: {words}");
        let requests = model.requests();
        let last = body(&requests[1]);
        let prompt = last["messages"][0]["content"].as_str().unwrap();
        assert!(prompt.starts_with(FIRST), "{case}");
        assert!(
            last["messages"]
                .to_string()
                .contains("cannot take calls now"),
            "{case}"
        );
        town.written().await;
        let events = town.events().await;
        assert!(
            events.iter().all(|(kind, _)| kind != "handed_over"),
            "{case}"
        );
    }
}

/// An agent that asks two at once: the first that is ready goes on, and the other takes neither mind nor voice from it.
#[tokio::test(start_paused = true)]
async fn of_two_who_are_asked_at_once_one_goes_on() {
    let other = r#"{"agent":"front"}"#;
    let model = Model::open([
        Answer::Calls(
            LAST_WORDS,
            vec![("hand_off", HAND_OFF), ("hand_off", other)],
        ),
        Answer::Words(vec!["What is wrong with it?"], 0),
        Answer::Goodbye(GOODBYE),
    ])
    .await;
    let (town, both) = unhurried(async {
        let town = Town::thinking(&model).await;
        let mut third = billing();
        third["prompt"] = THIRD.into();
        let both = [make(&town, &billing()).await, make(&town, &third).await];
        let to = [("billing", &*both[0]), ("front", &*both[1])];
        town.answer_by(&front_desk(&to)).await;
        (town, both)
    })
    .await;
    let line = town.rung().await;
    let words = converse((&town, &model), line, &[(0, WISH), (2, "That is all.")]).await;
    assert!(words.ends_with(GOODBYE), "{words}");
    town.written().await;
    let events = town.events().await;
    let handed = events.iter().filter(|(kind, _)| kind == "handed_over");
    let handed: Vec<&String> = handed.map(|(_, detail)| detail).collect();
    let [handed] = handed[..] else {
        panic!("{handed:?}");
    };
    let prompt = match handed.contains(&both[0]) {
        true => SECOND,
        false => THIRD,
    };
    let requests = model.requests();
    assert_eq!(requests.len(), 3);
    for request in &requests[1..] {
        let asked = body(request);
        let asked = asked["messages"][0]["content"].as_str().unwrap();
        assert!(asked.starts_with(prompt), "{handed}: {asked}");
    }
}

/// Two agents who hand a caller to and fro: there is an end to it.
#[tokio::test(start_paused = true)]
async fn a_caller_is_handed_to_and_fro_five_times_at_most() {
    let to_and_fro = (0..6).map(|_| Answer::Calls("", vec![("hand_off", HAND_OFF)]));
    let end = [
        Answer::Words(vec!["I help you myself."], 0),
        Answer::Goodbye(GOODBYE),
    ];
    let model = Model::open(to_and_fro.chain(end)).await;
    let town = unhurried(async {
        let town = Town::thinking(&model).await;
        // Each names the other; the second is made before the first is known, and changed then.
        let second = make(&town, &front_desk(&[("billing", "front-desk")])).await;
        let first = town.answer_by(&front_desk(&[("billing", &second)])).await;
        let path = format!("/v1/agents/{second}/versions");
        let spec = front_desk(&[("billing", &first)]);
        town.api.post(&town.who, &path, &spec).await.made();
        town
    })
    .await;
    let line = town.rung().await;
    let words = converse((&town, &model), line, &[(0, WISH), (7, "That is all.")]).await;
    assert!(words.contains("I help you myself."), "{words}");
    town.written().await;
    let events = town.events().await;
    let handed = events.iter().filter(|(kind, _)| kind == "handed_over");
    assert_eq!(handed.count(), 5);
    let requests = model.requests();
    assert!(
        requests[6].contains("handed over too often"),
        "{}",
        requests[6]
    );
}
