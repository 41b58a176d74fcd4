//! A prompted agent whose model speaks Anthropic's protocol: the same calls as in [`super::chat`], asked and read otherwise.

use trunkline::carrier_double::Ending;
use trunkline::think::Dialect;
use trunkline_core::call::{EndReason, Stage};

use super::chat::{Asked, GIVING_UP, GOODBYE, MOMENT, hold_in};
use super::model::Answer;
use super::rig::{self, OPENING, longest_silence_ms};

async fn hold(answers: Vec<Answer>, says: &[&str]) -> Asked {
    hold_in(Dialect::Anthropic, answers, says).await
}

#[tokio::test(start_paused = true)]
async fn a_conversation_is_had_in_messages() {
    let held = hold(
        vec![
            Answer::Words(vec!["We are ", "open today. ", "Anything ", "else?"], 20),
            Answer::Goodbye(GOODBYE),
        ],
        &["When are you open?", "No thank you."],
    )
    .await;
    assert_eq!(
        held.heard,
        format!("We are open today. Anything else? {GOODBYE}")
    );
    assert_eq!(held.record.ending, Ending::ServerClosed(Some(1000)));
    assert_eq!(rig::reason(&held.notes), EndReason::AgentHungUp);
    for head in &held.heads {
        assert!(head.starts_with("POST /v1/messages HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("x-api-key: a-key-of-the-model"), "{head}");
        assert!(head.contains("anthropic-version: 2023-06-01"), "{head}");
        assert!(!head.to_lowercase().contains("authorization"), "{head}");
    }
    let body: serde_json::Value = serde_json::from_str(&held.requests[1]).unwrap();
    assert!(
        body["system"]
            .as_str()
            .unwrap()
            .contains("never claim to be a person")
    );
    assert_eq!(
        (&body["max_tokens"], &body["stream"]),
        (&1024.into(), &true.into())
    );
    assert_eq!(body["tools"][0]["name"], "end_call");
    assert_eq!(body["tools"][0]["input_schema"]["type"], "object");
    let told: Vec<(&str, &str)> = body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|turn| {
            let text = turn["content"][0]["text"].as_str().unwrap();
            (turn["role"].as_str().unwrap(), text)
        })
        .collect();
    assert_eq!(
        told,
        [
            ("user", "(The call begins.)"),
            ("assistant", &*format!("{OPENING} How can I help you?")),
            ("user", "When are you open?"),
            ("assistant", "We are open today. Anything else?"),
            ("user", "No thank you."),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_passing_trouble_is_tried_again_and_the_caller_never_hears_of_it() {
    for first in [
        Answer::Status(529, ""),
        Answer::Status(529, "retry-after: 1\r\n"),
        Answer::Status(500, ""),
        Answer::Status(429, "retry-after: 1\r\n"),
        Answer::HangUp,
    ] {
        let name = format!("{first:?}");
        let held = hold(vec![first, Answer::Goodbye(GOODBYE)], &["Thank you, bye."]).await;
        assert_eq!(held.heard, GOODBYE, "{name}");
        assert_eq!(held.requests.len(), 2, "{name}");
        assert!(longest_silence_ms(&held.record) < 2_500, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_apologised_for_and_the_question_asked_again() {
    let overloaded =
        br#"data: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    // What the model does at first, and how often it was asked in all.
    for (answers, asked) in [
        (vec![Answer::Status(529, ""), Answer::Status(529, "")], 3),
        (vec![Answer::Status(529, "retry-after: 30\r\n")], 2),
        (vec![Answer::Status(401, "")], 2),
        (vec![Answer::Bytes([&overloaded[..], b"\n\n"].concat())], 2),
        // The other protocol's stream says nothing in this one.
        (
            vec![Answer::Bytes(
                b"data: {\"choices\":[{\"delta\":{\"content\":\"Hi.\"}}]}\n\n".to_vec(),
            )],
            2,
        ),
        (vec![Answer::Bytes(b"data: {\"type\": 5}\n\n".to_vec())], 2),
        (vec![Answer::Bytes(vec![0xff; 100])], 2),
        (vec![Answer::Cut(vec![])], 2),
    ] {
        let name = format!("{answers:.60?}");
        let answers = answers
            .into_iter()
            .chain([Answer::Goodbye(GOODBYE)])
            .collect();
        let held = hold(answers, &["Thank you, bye."]).await;
        assert_eq!(held.heard, format!("{MOMENT} {GOODBYE}"), "{name}");
        assert_eq!(held.requests.len(), asked, "{name}");
        assert_eq!(rig::reason(&held.notes), EndReason::AgentHungUp, "{name}");
        assert!(longest_silence_ms(&held.record) <= 2_000, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_fails_again_ends_the_call_with_words() {
    for answers in [
        vec![Answer::Status(529, ""); 4],
        vec![Answer::Status(401, ""); 2],
        vec![Answer::Bytes(b"garbage\n\n".to_vec()); 2],
    ] {
        let name = format!("{answers:?}");
        let held = hold(answers, &["When are you open?"]).await;
        assert!(held.heard.ends_with(GIVING_UP), "{name}: {}", held.heard);
        assert_eq!(
            rig::reason(&held.notes),
            EndReason::Failed(Stage::Mind),
            "{name}"
        );
        assert!(longest_silence_ms(&held.record) <= 2_500, "{name}");
    }
}
