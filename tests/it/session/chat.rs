//! A prompted agent and its language model, well and unwell: whatever the model does, the caller hears words.

use std::time::Duration;

use tokio::time::timeout;
use trunkline::carrier_double::{CallRecord, Ending};
use trunkline::think::Dialect;
use trunkline_core::call::{EndReason, Note, Stage};

use super::held::{self, Held, ask_in_vain};
use super::model::{Answer, Model};
use super::rig::{self, House, OPENING, Plot, agent_said, heard, longest_silence_ms, speech};

pub(super) const MOMENT: &str = "Sorry, one moment please.";
const LOST: &str = "Sorry, something went wrong there. Could you say that again?";
pub(super) const GIVING_UP: &str =
    "I am sorry, something is not working on our side. Please try again later. Goodbye.";
pub(super) const GOODBYE: &str = "All right, goodbye.";

/// A call that is over, and what its model was asked.
pub(super) struct Asked {
    pub(super) record: CallRecord,
    pub(super) notes: Vec<Note>,
    pub(super) requests: Vec<String>,
    /// Their request lines and headers.
    pub(super) heads: Vec<String>,
    /// After the greeting.
    pub(super) heard: String,
    /// What the turn model was asked about.
    judged: Vec<String>,
}

async fn house(model: &Model) -> House {
    House::build(Plot {
        chat: Some(model.settings.clone()),
        ..Plot::default()
    })
    .await
}

/// Says these things, each when the agent has been quiet for a while, until the server hangs up.
async fn hold(answers: Vec<Answer>, says: &[&str]) -> Asked {
    hold_in(Dialect::OpenAi, answers, says).await
}

/// The same with a model that speaks this.
pub(super) async fn hold_in(dialect: Dialect, answers: Vec<Answer>, says: &[&str]) -> Asked {
    let model = Model::open_in(dialect, answers).await;
    let house = house(&model).await;
    let Held {
        record,
        notes,
        heard: all,
    } = held::chat(&house, says, 700).await;
    let greeting = format!("{OPENING} How can I help you? ");
    let Some(heard) = all.strip_prefix(&greeting) else {
        panic!("{all:?}");
    };
    assert!(house.is_empty_within(100).await);
    Asked {
        heard: heard.to_owned(),
        record,
        notes,
        requests: model.requests(),
        heads: model.heads(),
        judged: house.ears.judged(),
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_spoken_as_it_streams_and_the_model_is_told_what_was_heard() {
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
    assert_eq!(
        held.judged,
        ["When are you open?", "No thank you."],
        "a turn is judged by itself"
    );
    assert_eq!(held.requests.len(), 2);
    let body: serde_json::Value = serde_json::from_str(&held.requests[1]).unwrap();
    let told: Vec<(&str, &str)> = body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .skip(1)
        .map(|m| (m["role"].as_str().unwrap(), m["content"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ("assistant", &*format!("{OPENING} How can I help you?")),
            ("user", "When are you open?"),
            ("assistant", "We are open today. Anything else?"),
            ("user", "No thank you."),
        ]
    );
    assert_eq!(body["model"], "stand-in");
}

#[tokio::test(start_paused = true)]
async fn a_passing_trouble_is_tried_again_and_the_caller_never_hears_of_it() {
    for first in [
        Answer::Status(500, ""),
        Answer::Status(503, "retry-after: 1\r\n"),
        Answer::Status(429, "retry-after: 1\r\n"),
        Answer::Status(429, "retry-after-ms: 300\r\n"),
        // Not followed: the key is for the endpoint that was named.
        Answer::Status(307, "location: http://127.0.0.1:1/\r\n"),
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
    let long_line = [b"data: ".to_vec(), vec![b'x'; 1 << 20]].concat();
    let endless = b"data: {\"choices\":[]}\n\n".repeat(500_000);
    // What the model does at first, how often it was asked in all, and the longest silence.
    let cases = [
        (
            vec![Answer::Status(500, ""), Answer::Status(500, "")],
            3,
            2_000,
        ),
        (vec![Answer::Status(429, "retry-after: 30\r\n")], 2, 2_000),
        (vec![Answer::Status(401, "")], 2, 2_000),
        (
            vec![Answer::Bytes(b"<html>not a stream</html>".to_vec())],
            2,
            2_000,
        ),
        (
            vec![Answer::Bytes(b"data: {\"choices\": 5}\n\n".to_vec())],
            2,
            2_000,
        ),
        (vec![Answer::Bytes(b"data: [DONE]\n\n".to_vec())], 2, 2_000),
        (vec![Answer::Bytes(vec![0xff; 100])], 2, 2_000),
        (vec![Answer::Bytes(Vec::new())], 2, 2_000),
        (vec![Answer::Bytes(long_line)], 2, 2_000),
        (vec![Answer::Bytes(endless)], 2, 3_000),
        (
            vec![Answer::Bytes(
                b"{\"error\":{\"message\":\"overloaded\"}}".to_vec(),
            )],
            2,
            2_000,
        ),
        (vec![Answer::Silence], 2, 3_000),
        (vec![Answer::Dribble], 2, 3_000),
        (vec![Answer::Cut(vec![])], 2, 2_000),
    ];
    for (answers, asked, silence_ms_max) in cases {
        let name = format!("{answers:.60?}");
        let name: String = name.chars().take(80).collect();
        let answers = answers
            .into_iter()
            .chain([Answer::Goodbye(GOODBYE)])
            .collect();
        let held = hold(answers, &["Thank you, bye."]).await;
        // A model that takes long is waited for with fillers; one in play when it fails is word enough.
        let fillers = [
            "One moment, please. ",
            "Just a second. ",
            "I will be right with you. ",
        ];
        let said = fillers
            .iter()
            .fold(held.heard.clone(), |said, filler| said.replace(filler, ""));
        let is_filled = said != held.heard;
        assert!(
            !is_filled || silence_ms_max > 2_000,
            "{name}: {}",
            held.heard
        );
        if !(is_filled && said == GOODBYE) {
            assert_eq!(said, format!("{MOMENT} {GOODBYE}"), "{name}");
        }
        assert_eq!(held.requests.len(), asked, "{name}");
        assert_eq!(rig::reason(&held.notes), EndReason::AgentHungUp, "{name}");
        let silence = longest_silence_ms(&held.record);
        assert!(silence <= silence_ms_max, "{name}: {silence} ms of silence");
        assert!(
            held.requests.iter().all(|body| body == &held.requests[0]),
            "{name}: the same question each time"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_fails_again_ends_the_call_with_words() {
    for (answers, silence_ms_max) in [
        (vec![Answer::Status(500, ""); 4], 2_500),
        (vec![Answer::Status(401, ""); 2], 2_500),
        (vec![Answer::Silence, Answer::Silence], 3_000),
        (vec![Answer::Silence, Answer::Cut(vec![])], 3_000),
        (vec![Answer::Bytes(b"garbage\n\n".to_vec()); 2], 2_500),
    ] {
        let name = format!("{answers:?}");
        let held = hold(answers, &["When are you open?"]).await;
        assert!(held.heard.ends_with(GIVING_UP), "{name}: {}", held.heard);
        assert_eq!(
            held.record.ending,
            Ending::ServerClosed(Some(1000)),
            "{name}"
        );
        assert_eq!(
            rig::reason(&held.notes),
            EndReason::Failed(Stage::Mind),
            "{name}"
        );
        let silence = longest_silence_ms(&held.record);
        assert!(silence <= silence_ms_max, "{name}: {silence} ms of silence");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_breaks_off_is_owned_up_to() {
    for broken in [
        Answer::Cut(vec!["We have time on Tuesday. ", "And on Wed"]),
        Answer::Stall(vec!["We have time on Tuesday. ", "And on Wed"]),
    ] {
        let name = format!("{broken:?}");
        let model = Model::open([broken, Answer::Goodbye(GOODBYE)]).await;
        let house = house(&model).await;
        let Held {
            record,
            notes,
            heard,
        } = ask_in_vain(&house).await;
        let said = heard.replace("One moment, please. Just a second. ", "");
        assert!(
            said.ends_with(&format!(
                "We have time on Tuesday. And on Wed {LOST} {GOODBYE}"
            )),
            "{name}: {heard}"
        );
        assert!(longest_silence_ms(&record) < 3_000, "{name}");
        assert_eq!(rig::reason(&notes), EndReason::AgentHungUp, "{name}");
        let told = model.requests().pop().unwrap();
        assert!(
            told.contains("something went wrong there"),
            "the model knows what was heard"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_wanted_any_more_is_taken_back() {
    // While it thinks, and while it streams.
    for slow in [
        Answer::Silence,
        Answer::Stall(vec!["We are open from eight to six. "]),
        Answer::Words(vec!["Well, "; 200], 100),
    ] {
        let name = format!("{slow:.40?}");
        let mut model = Model::open([slow, Answer::Goodbye(GOODBYE)]).await;
        let house = house(&model).await;
        let mut notes = house.notes();
        let mut call = house.call("chatter").await;
        call.wait_until_agent_quiet(700).await.unwrap();
        call.speak(speech("When are you open?")).await.unwrap();
        call.stay_silent(2_500).await.unwrap();
        call.speak(speech("Never mind, thank you, goodbye then."))
            .await
            .unwrap();
        // Well before the call is over, which would take back everything.
        let took_back = timeout(Duration::from_millis(700), model.given_up(1));
        assert!(
            took_back.await.is_ok(),
            "{name}: the connection is still open"
        );
        call.wait_until_over().await;
        let record = call.finish().await.unwrap();
        assert!(
            heard(&record).ends_with(GOODBYE),
            "{name}: {}",
            heard(&record)
        );
        assert!(
            !heard(&record).contains("Sorry"),
            "{name}: {}",
            heard(&record)
        );
        let requests = model.requests();
        assert_eq!(requests.len(), 2, "{name}");
        assert!(requests[1].contains("When are you open?") && requests[1].contains("Never mind"));
        let notes = notes.take();
        let said: Vec<String> = agent_said(&notes).into_iter().map(|(t, _)| t).collect();
        assert_eq!(
            said.join(" ").replace('…', ""),
            words_whole(&record, &said),
            "{name}"
        );
    }
}

/// The transcript's own words, if each was played.
fn words_whole(record: &CallRecord, said: &[String]) -> String {
    let heard = heard(record);
    for part in said {
        assert!(
            heard.contains(part.as_str()),
            "{part:?} is not in {heard:?}"
        );
    }
    said.join(" ")
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_hangs_up_takes_the_question_back() {
    let mut model = Model::open([Answer::Silence]).await;
    let house = house(&model).await;
    let mut notes = house.notes();
    let mut call = house.call("chatter").await;
    call.wait_until_agent_quiet(700).await.unwrap();
    call.speak(speech("When are you open?")).await.unwrap();
    call.stay_silent(1_500).await.unwrap();
    assert_eq!(model.requests().len(), 1);
    call.hang_up().await.unwrap();
    let took_back = timeout(Duration::from_secs(1), model.given_up(1));
    assert!(took_back.await.is_ok(), "the connection is still open");
    assert!(house.is_empty_within(3_000).await);
    assert_eq!(rig::reason(&notes.take()), EndReason::CallerHungUp);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_nobody_reaches_is_not_silence() {
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let mut model = Model::open([]).await;
    model.settings.base_url = format!("http://{gone}/v1");
    let house = house(&model).await;
    let mut notes = house.notes();
    let mut call = house.call("chatter").await;
    call.wait_until_agent_quiet(700).await.unwrap();
    call.speak(speech("When are you open?")).await.unwrap();
    call.wait_until_over().await;
    let record = call.finish().await.unwrap();
    assert!(heard(&record).ends_with(GIVING_UP), "{}", heard(&record));
    assert_eq!(rig::reason(&notes.take()), EndReason::Failed(Stage::Mind));
}
