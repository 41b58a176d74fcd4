//! Callers who are put through to a person, by the carrier's own means: whoever hangs up, rings out, declines or is a machine,
//! the other side is never left alone, and the model is told what became of it.

mod alone;
mod cold;
mod german;
mod refused;
mod restart;
mod warm;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;
use trunkline::carrier_double::rest::{BookedCall, Callee, Fault};
use trunkline::carrier_double::{CallRecord, Carrier};
use trunkline::store::transfers::Transfer;

use super::rig::{NOON_MS, TOKEN, Town};
use crate::api::rig::id;
use crate::session::model::{Answer, Model};
use crate::session::rig::{heard, speech, unhurried};

/// The desk, in New York.
const DESK: &str = "+12125550137";
/// Longer than anything here takes; it passes only when something hangs.
const PATIENCE: Duration = Duration::from_secs(20);

const ASKS: &str = "Let me talk to a person please.";
const TRIES: &str = "I will ask at the desk.";
const MEANWHILE: &str = "It may take a moment.";
const WANTED: &str = r#"{"target":"desk","summary":"Ann would like to pay a bill."}"#;
const NOBODY: &str = "Nobody is free just now.";
const GOODBYE: &str = "Goodbye then.";
const WARM_WORDS: &str = "They are on the line. I am connecting you now.";
const COLD_WORDS: &str = "I am putting you through now. One moment, please.";
const BRIEFED: &str = "Hello, this is Robin, the AI assistant of Oak. A caller would like to speak with you. Ann would \
                       like to pay a bill. Press 1 to take the call, or 2 to decline.";
/// What the carrier's voice says to who is left.
const PERSON_GONE: &str = "The other side has hung up. Goodbye.";
const CALLER_GONE: &str = "I am sorry, the caller has gone. Goodbye.";
const GERMAN_CALLER_GONE: &str =
    "Es tut mir leid, am anderen Ende ist niemand mehr. Auf Wiederhören.";

fn clerk(kind: &str) -> Value {
    json!({
        "name": "Robin", "business": "Oak", "prompt": "You are Robin.", "greeting": "How can I help you?",
        "turn": { "drafts_max": 0 },
        "transfers": [{ "name": "desk", "description": "The desk.", "to": DESK, "kind": kind, "hold": ["Still trying."] }],
    })
}

/// What a model does whose transfer fails: it says so, and ends the call when the caller has nothing more to say.
fn tries(kind: &str) -> Vec<Answer> {
    let wanted = match kind {
        "warm" => WANTED,
        _ => r#"{"target":"desk"}"#,
    };
    let call = Answer::Calls(TRIES, vec![("transfer", wanted)]);
    // Where the caller is sent away at once, nobody may hear what the model says meanwhile.
    let meanwhile = if kind == "warm" { MEANWHILE } else { NOBODY };
    let mut answers = vec![call, Answer::Words(vec![meanwhile], 0)];
    answers.extend([Answer::Words(vec![NOBODY], 0), Answer::Goodbye(GOODBYE)]);
    answers
}

/// A town whose number is answered by the clerk, who may call in North America.
async fn town(model: &Model, kind: &str) -> Town {
    let town = Town::thinking(model).await;
    town.may_call(NOON_MS).await;
    town.answer_by(&clerk(kind)).await;
    town
}

/// A town with a clerk, and a caller who has asked for a person and heard that it is tried.
struct Scene {
    town: Town,
    model: Model,
    caller: Carrier,
    /// The carrier's id of the caller's call.
    sid: String,
}

impl Scene {
    async fn set(kind: &str, callee: Callee) -> Self {
        Self::set_with(kind, callee, []).await
    }

    async fn set_with(kind: &str, callee: Callee, faults: impl IntoIterator<Item = Fault>) -> Self {
        let model = Model::open(tries(kind)).await;
        let town = unhurried(town(&model, kind)).await;
        town.carrier.callee(callee);
        Self::in_town(town, model, ASKS, faults).await
    }

    /// In a town whose number is answered already.
    async fn in_town(
        town: Town,
        model: Model,
        asks: &str,
        faults: impl IntoIterator<Item = Fault>,
    ) -> Self {
        let mut caller = town.rung().await;
        let sid = town.carrier.calls().pop().unwrap().sid;
        caller.wait_until_agent_quiet(900).await.unwrap();
        caller.speak(speech(asks)).await.unwrap();
        town.carrier.order(faults);
        caller.wait_for_answer().await.unwrap();
        Self {
            town,
            model,
            caller,
            sid,
        }
    }

    /// The desk's line, once somebody has picked up there.
    async fn picked_up(&mut self) -> (String, Carrier) {
        self.until("somebody is called", |calls| calls.len() == 2)
            .await;
        let answered = unhurried(timeout(PATIENCE, self.town.carrier.answered())).await;
        answered.expect("nobody was called").unwrap()
    }

    /// Everything that is on its way to the carrier and back has come.
    async fn settle(&self) {
        unhurried(async {
            for _ in 0..3 {
                self.town.twilio().await.account().await.unwrap();
            }
        })
        .await;
    }

    /// Runs on until something is so of the carrier's books.
    async fn until(&mut self, what: &str, is_so: impl Fn(&[BookedCall]) -> bool) {
        for _ in 0..400 {
            // What is on its way to the carrier's interface comes first: faults are meant for it.
            if !self.is_asked() {
                self.town.keep_up().await;
            } else {
                self.settle().await;
            }
            if is_so(&self.town.carrier.calls()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{what}: {:?}", self.town.carrier.calls());
    }

    /// The carrier was asked to do something.
    fn is_asked(&self) -> bool {
        let asked = self.town.carrier.asked();
        asked.iter().any(|asked| asked.starts_with("POST"))
    }

    fn call(&self, sid: &str) -> BookedCall {
        let mut calls = self.town.carrier.calls().into_iter();
        calls.find(|call| call.sid == sid).unwrap()
    }

    /// The caller hears that nobody can be had, says that this was all, and is said goodbye to: what they heard.
    async fn goes_on(mut self) -> (Town, Model, CallRecord) {
        while !self.is_told() {
            match self.is_asked() {
                true => self.settle().await,
                false => self.town.keep_up().await,
            }
            if self.caller.stay_silent(200).await.is_err() {
                break;
            }
        }
        // What it says of it is heard.
        let _ = self.caller.wait_agent_speaking_ms(200).await;
        // Until the agent says goodbye.
        while self.caller.wait_until_agent_quiet(1_500).await.is_ok() {
            if self.caller.speak(speech("That is all.")).await.is_err() {
                break;
            }
            let _ = self.caller.wait_for_answer().await;
        }
        let record = self.caller.finish().await.unwrap();
        let words = heard(&record);
        assert!(
            words.contains(NOBODY) && words.ends_with(GOODBYE),
            "{words}"
        );
        assert_eq!(record.violations, []);
        (self.town, self.model, record)
    }

    /// The model has been told what became of it.
    fn is_told(&self) -> bool {
        told(&self.model).is_some_and(|told| told.contains("error"))
    }
}

/// What the API and the store show of the one call and its transfer.
async fn kept(town: &Town) -> (Value, Vec<(String, String)>, Vec<Transfer>) {
    // A leg is seen to before its row closes.
    for _ in 0..200 {
        if open(town).await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let app = &town.api.app;
    unhurried(app.transfers.settled()).await;
    town.written().await;
    let row = town.shown("").await.fine();
    let events = town.events().await;
    let call_id = row["id"].as_str().unwrap();
    let transfers = app.desk.store.transfers();
    let transfers = unhurried(transfers.of_call(&town.who.client, call_id)).await;
    (row, events, transfers.unwrap())
}

/// Another client's account, with the same secret at the carrier: its id.
async fn another_account(town: &Town) -> String {
    let other = town.api.client().await;
    let new = json!({
        "carrier": "twilio", "name": "Theirs", "secret": TOKEN,
        "settings": { "account_sid": "AC00000000000000000000000000000009" },
    });
    let made = town.api.post(&other, "/v1/carrier-accounts", &new).await;
    id(&made.made())
}

/// The transfers that are open.
async fn open(town: &Town) -> Vec<Transfer> {
    let system = town.api.app.desk.store.system();
    let open = unhurried(system.open_transfers("", 10)).await.unwrap();
    open.into_iter().map(|(_, transfer)| transfer).collect()
}

/// The events of transfers.
fn transfers(events: &[(String, String)]) -> Vec<&str> {
    let of_transfers = events
        .iter()
        .filter(|(kind, _)| kind.starts_with("transfer_"));
    of_transfers.map(|(_, detail)| detail.as_str()).collect()
}

/// What the model was told of the transfer, last.
fn told(model: &Model) -> Option<String> {
    let last = model.requests().pop()?;
    let body: Value = serde_json::from_str(&last).unwrap();
    let messages = body["messages"].as_array().unwrap();
    let mut results = messages.iter().filter(|message| message["role"] == "tool");
    Some(results.next()?["content"].as_str().unwrap().to_owned())
}

/// That the model was told of this end.
fn assert_told(model: &Model, end: &str) {
    let told = told(model).unwrap();
    assert!(told.contains(&format!("\"error\":\"{end}\"")), "{told}");
}
