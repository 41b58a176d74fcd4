//! Keys in both directions: the caller presses what a model asks for, and a model presses its way through a menu.

use serde_json::{Value, json};
use trunkline::stack::Defaults;
use trunkline::tools::{OwnTool, RESULT_BYTES_MAX, ToolSecret};
use trunkline_core::call::{Note, Outcome};
use trunkline_media::FRAME;
use trunkline_media::dtmf::DtmfDetector;
use trunkline_media::gate::level_dbfs;

use super::held::Held;
use super::model::{Answer, Model};
use super::rig::{House, Plot, agent_said, speech};
use super::tool_server::{Reply, ToolServer};

const GOODBYE: &str = "All right, goodbye.";

async fn house(model: &Model) -> House {
    House::build(Plot {
        chat: Some(model.settings.clone()),
        ..Plot::default()
    })
    .await
}

/// What the model was told of the tool that it used first.
fn told(model: &Model) -> String {
    let body: Value = serde_json::from_str(&model.requests()[1]).unwrap();
    let messages = body["messages"].as_array().unwrap();
    let tool = messages.iter().find(|message| message["role"] == "tool");
    tool.unwrap()["content"].as_str().unwrap().to_owned()
}

fn outcomes(notes: &[Note]) -> Vec<Outcome> {
    let used = |note: &Note| {
        let Note::ToolUsed { outcome, .. } = note else {
            return None;
        };
        Some(*outcome)
    };
    notes.iter().filter_map(used).collect()
}

fn keys_in(samples: &[i16]) -> String {
    let mut detector = DtmfDetector::default();
    let mut found = String::new();
    for frame in samples.as_chunks::<FRAME>().0 {
        found.extend(detector.push(frame, level_dbfs(frame)).key);
    }
    found
}

#[tokio::test(start_paused = true)]
async fn a_model_has_the_caller_press_an_accounts_number_and_no_cards() {
    for (keys, result, outcome) in [
        ("902105", r#"{"keys":"902105"}"#, Outcome::Done),
        ("9021#", r#"{"keys":"9021"}"#, Outcome::Done),
        ("90*", "called it off", Outcome::Refused),
    ] {
        let arguments =
            r#"{"prompt":"Please key in your account number.","digits_min":3,"digits_max":6}"#;
        let model = Model::open([
            Answer::Calls("", vec![("collect_keys", arguments)]),
            Answer::Words(vec!["Thank you."], 0),
            Answer::Goodbye(GOODBYE),
        ])
        .await;
        let house = house(&model).await;
        let (notes, mut watched) = (house.notes(), house.notes());
        let mut call = house.call("presser").await;
        call.wait_until_agent_quiet(900).await.unwrap();
        call.speak(speech("What do I owe?")).await.unwrap();
        call.wait_agent_speaking_ms(300).await.unwrap();
        for key in keys.chars() {
            call.press(key).await.unwrap();
            call.stay_silent(150).await.unwrap();
        }
        let thanked = |note: &Note| {
            matches!(note, Note::AgentSaid { text, .. } if text == "Thank you.").then_some(())
        };
        watched.until(thanked).await;
        call.wait_until_agent_quiet(900).await.unwrap();
        call.speak(speech("That is all.")).await.unwrap();
        call.wait_until_over().await;
        let held = Held::over(call, notes).await;
        assert!(told(&model).contains(result), "{keys}: {}", told(&model));
        assert_eq!(outcomes(&held.notes), [outcome], "{keys}");
        let pressed = held.notes.iter().filter_map(|note| {
            let Note::CallerPressed { keys, .. } = note else {
                return None;
            };
            Some(keys.as_str())
        });
        let pressed: Vec<&str> = pressed.collect();
        let expected = keys.trim_end_matches('#');
        let expected = Some(expected).filter(|_| outcome == Outcome::Done);
        assert_eq!(pressed, expected.into_iter().collect::<Vec<_>>());
        // The first key cut the prompt.
        assert!(!held.heard.contains("account number."), "{}", held.heard);
        assert!(held.heard.ends_with(GOODBYE), "{}", held.heard);
    }
}

#[tokio::test(start_paused = true)]
async fn a_card_that_is_pressed_for_a_model_is_not_told_to_it() {
    let card = "4539578763621486";
    let model = Model::open([
        Answer::Calls(
            "",
            vec![("collect_keys", r#"{"prompt":"Your account number."}"#)],
        ),
        Answer::Words(vec!["Not that one, please."], 0),
        Answer::Goodbye(GOODBYE),
    ])
    .await;
    let house = house(&model).await;
    let notes = house.notes();
    let mut call = house.call("presser").await;
    call.wait_until_agent_quiet(900).await.unwrap();
    call.speak(speech("What do I owe?")).await.unwrap();
    call.wait_agent_speaking_ms(300).await.unwrap();
    for key in card.chars().chain(['#']) {
        call.press(key).await.unwrap();
        call.stay_silent(100).await.unwrap();
    }
    call.wait_for_answer().await.unwrap();
    call.wait_until_agent_quiet(900).await.unwrap();
    call.speak(speech("That is all.")).await.unwrap();
    call.wait_until_over().await;
    let held = Held::over(call, notes).await;
    assert_eq!(outcomes(&held.notes), [Outcome::Refused]);
    assert!(
        !model.requests().concat().contains("45395787"),
        "{:?}",
        model.requests()
    );
    assert!(
        !format!("{:?}", held.notes).contains("45395787"),
        "{:?}",
        held.notes
    );
    assert!(told(&model).contains("payment card"), "{}", told(&model));
}

/// A menu is answered by tones within our own sound, as loud as the carrier's, and told when they were played.
#[tokio::test(start_paused = true)]
async fn a_model_presses_keys_and_goes_on_when_they_were_played() {
    let model = Model::open([
        Answer::Calls("One moment.", vec![("send_keys", r#"{"keys":"1w23#9"}"#)]),
        Answer::Words(vec!["I have pressed it."], 0),
        Answer::Goodbye(GOODBYE),
    ])
    .await;
    let house = house(&model).await;
    let notes = house.notes();
    let mut call = house.call("presser").await;
    call.wait_until_agent_quiet(900).await.unwrap();
    call.speak(speech("For the desk, press 1.")).await.unwrap();
    call.wait_for_answer().await.unwrap();
    call.wait_until_agent_quiet(900).await.unwrap();
    call.speak(speech("That is all.")).await.unwrap();
    call.wait_until_over().await;
    let held = Held::over(call, notes).await;
    assert_eq!(keys_in(&held.record.agent()), "123#9");
    assert_eq!(told(&model), r#"{"status":"pressed"}"#);
    assert_eq!(outcomes(&held.notes), [Outcome::Done]);
    let said = agent_said(&held.notes);
    assert!(
        said.contains(&("[pressed 1w23#9]".to_owned(), false)),
        "{said:?}"
    );
}

/// What a model writes in place of keys or of a prompt reaches nobody.
#[tokio::test(start_paused = true)]
async fn what_is_no_key_is_not_pressed() {
    for (tool, arguments) in [
        ("send_keys", r#"{"keys":"call me"}"#),
        ("send_keys", r#"{"keys":""}"#),
        (
            "send_keys",
            r#"{"keys":"111111111111111111111111111111111"}"#,
        ),
        ("collect_keys", r#"{"digits_max":4}"#),
        ("collect_keys", r#"{"prompt":"Digits.","digits_max":40}"#),
        (
            "collect_keys",
            r#"{"prompt":"Digits.","digits_min":5,"digits_max":4}"#,
        ),
    ] {
        let model = Model::open([
            Answer::Calls("", vec![(tool, arguments)]),
            Answer::Goodbye(GOODBYE),
        ])
        .await;
        let house = house(&model).await;
        let notes = house.notes();
        let mut call = house.call("presser").await;
        call.wait_until_agent_quiet(900).await.unwrap();
        call.speak(speech("Hello there, press something."))
            .await
            .unwrap();
        call.wait_until_over().await;
        let held = Held::over(call, notes).await;
        assert_eq!(outcomes(&held.notes), [Outcome::Refused], "{arguments}");
        assert!(
            !held.heard.contains("Digits"),
            "{arguments}: {}",
            held.heard
        );
        assert!(held.heard.ends_with(GOODBYE), "{}", held.heard);
    }
}

/// A server that repeats what it was given is told on without it, wherever its answer is cut for the model.
#[tokio::test(start_paused = true)]
async fn no_part_of_a_secret_is_left_where_an_answer_is_cut() {
    const CODE: &str = "73519264";
    // The first digits are in front of the cut, and the others behind it.
    let across = |cut: usize| format!("{} {CODE} {}", "x".repeat(cut - 5), "y".repeat(2_000));
    let refusal: &str = across(1_024).leak();
    let kept = RESULT_BYTES_MAX - " … (cut)".len();
    for reply in [
        Reply::Fine(across(kept), 0),
        Reply::Fine(json!({ "told": across(kept - 9) }).to_string(), 0),
        Reply::Status(422, "", refusal),
    ] {
        let model = Model::open([
            Answer::Calls("", vec![("book", r#"{"day":"Friday"}"#)]),
            Answer::Words(vec!["Thank you."], 0),
            Answer::Goodbye(GOODBYE),
        ])
        .await;
        let server = ToolServer::open([reply]).await;
        let document = json!({
            "name": "book", "description": "Books.", "url": server.base_url,
            "arguments": { "type": "object" },
            "keys": [{ "field": "code", "prompt": "Key in your code.", "digits": [8, 8] }],
        });
        let tool = OwnTool {
            document: serde_json::from_value(document).unwrap(),
            secret: ToolSecret::default(),
        };
        let house = House::build(Plot {
            chat: Some(model.settings.clone()),
            defaults: Defaults {
                tools: [("book".to_owned(), tool)].into(),
                ..Defaults::default()
            },
            ..Plot::default()
        })
        .await;
        let (notes, mut watched) = (house.notes(), house.notes());
        let mut call = house.call("clerk").await;
        call.wait_until_agent_quiet(900).await.unwrap();
        call.speak(speech("Book me in, please.")).await.unwrap();
        call.wait_agent_speaking_ms(300).await.unwrap();
        for key in CODE.chars() {
            call.press(key).await.unwrap();
            call.stay_silent(150).await.unwrap();
        }
        let thanked = |note: &Note| {
            matches!(note, Note::AgentSaid { text, .. } if text == "Thank you.").then_some(())
        };
        watched.until(thanked).await;
        call.wait_until_agent_quiet(900).await.unwrap();
        call.speak(speech("That is all.")).await.unwrap();
        call.wait_until_over().await;
        let held = Held::over(call, notes).await;
        assert!(server.requests()[0].body.contains(CODE));
        let told = told(&model);
        assert!(!told.contains(&CODE[..2]), "{told}");
        assert!(told.contains("xxx [wit"), "{told}");
        assert_eq!(outcomes(&held.notes).len(), 1);
    }
}
