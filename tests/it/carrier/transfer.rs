//! Callers who are put through to a person, by the carrier's own means: whoever hangs up, rings out, declines or is a machine,
//! the other side is never left alone, and the model is told what became of it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;
use trunkline::api::Rate;
use trunkline::carrier_double::rest::{BookedCall, Callee, Fault, Rung};
use trunkline::carrier_double::{CallRecord, Carrier};
use trunkline::providers::Providers;
use trunkline::stack::Defaults;
use trunkline::store::transfers::Transfer;
use trunkline_core::wire::twilio::webhook::Status;

use super::rig::{Counts, NOON_MS, NUMBER, STRANGER, TOKEN, Town};
use crate::api::rig::Api;
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
        let defaults = Defaults {
            chat: Some(model.settings.clone()),
            ..Defaults::default()
        };
        let town = unhurried(async {
            let api = Api::of(Rate::default(), defaults, Providers::default()).await;
            let town = Town::found_in_memory(api, NOON_MS).await;
            town.may_call(NOON_MS).await;
            town.answer_by(&clerk(kind)).await;
            town
        })
        .await;
        town.carrier.callee(callee);
        let rung = unhurried(town.carrier.ring(STRANGER, NUMBER)).await;
        let Rung::Line(mut caller) = rung else {
            panic!("the call was not taken: {rung:?}");
        };
        let sid = town.carrier.calls().pop().unwrap().sid;
        caller.wait_until_agent_quiet(900).await.unwrap();
        caller.speak(speech(ASKS)).await.unwrap();
        town.carrier.order(faults);
        caller.wait_for_answer().await.unwrap();
        Self {
            town,
            model,
            caller: *caller,
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
    tokio::time::sleep(Duration::from_secs(1)).await;
    // A leg is seen to before its row closes.
    for _ in 0..200 {
        let system = town.api.app.desk.store.system();
        if unhurried(system.open_transfers("", 10))
            .await
            .unwrap()
            .is_empty()
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    unhurried(async {
        let app = &town.api.app;
        app.tasks.close();
        app.tasks.wait().await;
        app.tasks.reopen();
        app.transfers.settled().await;
        app.desk.journals.flush().await.unwrap();
        app.desk.rows.flush().await.unwrap();
        let call_id = town.rows().await.pop().unwrap().id;
        let path = format!("/v1/calls/{call_id}");
        let row = town.api.get(&town.who, &path).await.fine();
        let events = town
            .api
            .get(&town.who, &format!("{path}/events"))
            .await
            .fine();
        let events = events["data"].as_array().unwrap().iter().map(|event| {
            let text = |name: &str| event[name].as_str().unwrap().to_owned();
            (text("type"), text("detail"))
        });
        let transfers = app.desk.store.transfers();
        let transfers = transfers.of_call(&town.who.client, &call_id).await.unwrap();
        (row, events.collect(), transfers)
    })
    .await
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

#[tokio::test(start_paused = true)]
async fn a_person_who_accepts_is_joined_with_the_caller() {
    let counts = Counts::start();
    let mut scene = Scene::set("warm", Callee::Answers).await;
    let (desk_sid, mut desk) = scene.picked_up().await;
    desk.wait_agent_speaking_ms(100).await.unwrap();
    desk.wait_until_agent_quiet(1_000).await.unwrap();
    desk.press('1').await.unwrap();
    scene
        .until("both are in a room", |calls| {
            calls.iter().all(|call| call.room.is_some())
        })
        .await;
    let rooms = scene
        .town
        .carrier
        .calls()
        .into_iter()
        .map(|call| call.room.unwrap());
    let rooms: Vec<(String, bool)> = rooms.map(|room| (room.name, room.starts)).collect();
    assert_eq!(rooms.len(), 2);
    assert_eq!(rooms[0].0, rooms[1].0, "they are in different rooms");
    assert!(
        rooms.iter().any(|(_, starts)| *starts),
        "nobody opens the room"
    );
    let record = scene.caller.finish().await.unwrap();
    let words = heard(&record);
    assert!(words.contains(&format!("{TRIES} {MEANWHILE}")), "{words}");
    assert!(words.ends_with(WARM_WORDS), "{words}");
    assert_eq!(record.violations, []);
    let desk = desk.finish().await.unwrap();
    let words = heard(&desk);
    assert!(words.starts_with(BRIEFED), "{words}");
    assert_eq!(desk.violations, []);

    // The person hangs up: the caller is not left in the room.
    scene.town.carrier.hang_up(&desk_sid).await;
    for sid in [&desk_sid, &scene.sid] {
        assert!(unhurried(scene.town.carrier.is_over_within(sid, PATIENCE)).await);
    }
    let (row, events, kept) = kept(&scene.town).await;
    assert_eq!(row["ended_reason"], "transferred");
    assert_eq!(
        transfers(&events),
        ["kind=warm", "kind=warm outcome=put_through"]
    );
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].outcome.as_deref(), Some("put_through"));
    assert_eq!(
        (kept[0].is_open, &kept[0].person_leg),
        (false, &Some(desk_sid))
    );
    assert_eq!(counts.of("trunkline_transfers_total warm put_through"), 1);
    let placed = scene.town.carrier.asked();
    let placed = placed.iter().filter(|asked| asked.ends_with("/Calls.json"));
    assert_eq!(placed.count(), 1, "the person was called once");
}

#[tokio::test(start_paused = true)]
async fn a_person_who_declines_gives_the_caller_back_to_the_agent() {
    let mut scene = Scene::set("warm", Callee::Answers).await;
    let (desk_sid, mut desk) = scene.picked_up().await;
    desk.wait_agent_speaking_ms(1_000).await.unwrap();
    desk.press('2').await.unwrap();
    desk.wait_until_over().await;
    let words = heard(&desk.finish().await.unwrap());
    assert!(words.ends_with("All right. Goodbye."), "{words}");
    assert!(unhurried(scene.town.carrier.is_over_within(&desk_sid, PATIENCE)).await);
    let (town, model, record) = scene.goes_on().await;
    assert!(!heard(&record).contains(WARM_WORDS));
    assert_told(&model, "declined");
    let (row, events, kept) = kept(&town).await;
    assert_eq!(row["ended_reason"], "agent_hung_up");
    assert_eq!(
        transfers(&events),
        ["kind=warm", "kind=warm outcome=declined"]
    );
    assert_eq!(kept[0].outcome.as_deref(), Some("declined"));
    assert!(kept.iter().all(|transfer| !transfer.is_open));
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_take_the_call_is_told_of_by_name() {
    for (callee, end) in [
        (Callee::Busy, "busy"),
        (Callee::Away, "no_answer"),
        (Callee::Unreachable, "unreachable"),
        // It rings, and nobody ever says how it ends.
        (Callee::Waits, "no_answer"),
    ] {
        let scene = Scene::set("warm", callee).await;
        let (town, model, record) = scene.goes_on().await;
        assert_told(&model, end);
        let is_held = heard(&record).contains("Still trying.");
        assert_eq!(is_held, callee == Callee::Waits, "{}", heard(&record));
        let (_, events, kept) = kept(&town).await;
        assert_eq!(transfers(&events)[1], format!("kind=warm outcome={end}"));
        assert_eq!(kept[0].outcome.as_deref(), Some(end));
        // Nothing goes on ringing.
        let calls = town.carrier.calls();
        assert!(calls.iter().all(|call| call.status.is_final()), "{calls:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_never_takes_a_caller() {
    // The carrier finds out, or nobody presses a key.
    for (is_found_out, end) in [(true, "machine"), (false, "unconfirmed")] {
        let mut scene = Scene::set("warm", Callee::Answers).await;
        let (desk_sid, desk) = scene.picked_up().await;
        if is_found_out {
            let status = scene
                .town
                .carrier
                .tell_answered_by(&desk_sid, "machine_start");
            assert_eq!(unhurried(status).await, 204);
        }
        let (town, model, record) = scene.goes_on().await;
        assert!(!heard(&record).contains(WARM_WORDS));
        assert_told(&model, end);
        let words = heard(&desk.finish().await.unwrap());
        assert!(words.ends_with("Goodbye."), "{words}");
        let (_, events, _) = kept(&town).await;
        assert_eq!(transfers(&events)[1], format!("kind=warm outcome={end}"));
        assert_eq!(town.carrier.calls()[1].status, Status::Completed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_who_hangs_up_before_they_are_joined_loses_nobody() {
    for accepts in [false, true] {
        let mut scene = Scene::set("warm", Callee::Answers).await;
        let (_, mut desk) = scene.picked_up().await;
        desk.wait_agent_speaking_ms(500).await.unwrap();
        if accepts {
            desk.press('1').await.unwrap();
            // The caller hears that they are there.
            scene.caller.wait_agent_speaking_ms(300).await.unwrap();
        }
        desk.hang_up().await.unwrap();
        let (town, model, _) = scene.goes_on().await;
        assert_told(&model, "hung_up");
        let (row, events, _) = kept(&town).await;
        assert_eq!(transfers(&events)[1], "kind=warm outcome=hung_up");
        assert_eq!(row["ended_reason"], "agent_hung_up");
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_hangs_up_leaves_nobody_waiting() {
    // While it rings, while the person listens, and while the caller hears that they are there.
    for moment in 0..3 {
        let callee = match moment {
            0 => Callee::Waits,
            _ => Callee::Answers,
        };
        let mut scene = Scene::set("warm", callee).await;
        let mut desk = None;
        if moment == 0 {
            scene.until("it rings", |calls| calls.len() == 2).await;
        } else {
            let (_, line) = scene.picked_up().await;
            let line = desk.insert(line);
            line.wait_agent_speaking_ms(500).await.unwrap();
        }
        if moment == 2 {
            desk.as_ref().unwrap().press('1').await.unwrap();
            scene.caller.wait_agent_speaking_ms(300).await.unwrap();
        }
        scene.caller.hang_up().await.unwrap();
        scene
            .until("both are over", |calls| {
                calls.iter().all(|call| call.status.is_final())
            })
            .await;
        if let Some(desk) = desk {
            let words = heard(&desk.finish().await.unwrap());
            assert!(
                words.ends_with("the caller has gone. Goodbye."),
                "{moment}: {words}"
            );
        }
        let (row, events, kept) = kept(&scene.town).await;
        assert_eq!(row["ended_reason"], "caller_hung_up", "{moment}");
        let last = *transfers(&events).last().unwrap();
        assert_eq!(last, "kind=warm outcome=caller_gone", "{moment}");
        assert_eq!(kept[0].outcome.as_deref(), Some("caller_gone"));
    }
}

/// Whether the carrier has called somebody may be unknown: then it is looked for, and nobody is called twice.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_calls_nobody_twice() {
    let mut scene = Scene::set_with("warm", Callee::Answers, [Fault::AnswerLost]).await;
    let (_, mut desk) = scene.picked_up().await;
    desk.wait_agent_speaking_ms(500).await.unwrap();
    desk.press('2').await.unwrap();
    let (town, model, _) = scene.goes_on().await;
    assert_told(&model, "declined");
    let placed = town.carrier.asked();
    let placed = placed
        .iter()
        .filter(|asked| asked.starts_with("POST") && asked.ends_with("/Calls.json"));
    assert_eq!(placed.count(), 1);
    drop(desk);
}

#[tokio::test(start_paused = true)]
async fn a_carrier_that_refuses_fails_the_transfer_alone() {
    let scene = Scene::set_with("warm", Callee::Answers, [Fault::TooMany(1)]).await;
    let (town, model, _) = scene.goes_on().await;
    assert_told(&model, "failed");
    assert_eq!(town.carrier.calls().len(), 1, "nobody was called");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_called_whom_the_client_may_not_call() {
    let model = Model::open(tries("warm")).await;
    let defaults = Defaults {
        chat: Some(model.settings.clone()),
        ..Defaults::default()
    };
    let town = unhurried(async {
        let api = Api::of(Rate::default(), defaults, Providers::default()).await;
        let town = Town::found_in_memory(api, NOON_MS).await;
        town.may_call(NOON_MS).await;
        town.answer_by(&clerk("warm")).await;
        let secret = Some(town.who.secret.as_str());
        let nowhere = json!({ "destinations": ["+49"] });
        town.api
            .ask(secret, "PUT", "/v1/policy", &nowhere, &[])
            .await
            .fine();
        town
    })
    .await;
    let rung = unhurried(town.carrier.ring(STRANGER, NUMBER)).await;
    let Rung::Line(mut caller) = rung else {
        panic!("the call was not taken: {rung:?}");
    };
    caller.wait_until_agent_quiet(900).await.unwrap();
    caller.speak(speech(ASKS)).await.unwrap();
    caller.wait_for_answer().await.unwrap();
    let sid = town.carrier.calls().pop().unwrap().sid;
    let scene = Scene {
        town,
        model,
        caller: *caller,
        sid,
    };
    let (town, model, _) = scene.goes_on().await;
    assert_told(&model, "refused");
    assert_eq!(town.carrier.calls().len(), 1, "nobody was called");
    let (_, events, kept) = kept(&town).await;
    assert_eq!(transfers(&events), ["kind=warm outcome=refused"]);
    assert_eq!(kept.len(), 0);
}

/// The address of a transfer's webhook is good for its own account alone, and for who signs with that account's secret.
#[tokio::test(start_paused = true)]
async fn a_webhook_of_anothers_transfer_is_refused() {
    let mut scene = Scene::set("warm", Callee::Waits).await;
    scene.until("it rings", |calls| calls.len() == 2).await;
    let desk_sid = scene.town.carrier.calls()[1].sid.clone();
    let id = {
        let system = scene.town.api.app.desk.store.system();
        let open = unhurried(system.open_transfers("", 10)).await.unwrap();
        open[0].1.id.clone()
    };
    let town = &scene.town;
    let statuses = unhurried(async {
        // Another client's account, with the same secret at the carrier.
        let other = town.api.client().await;
        let new = json!({
            "carrier": "twilio", "name": "Theirs", "secret": TOKEN,
            "settings": { "account_sid": "AC00000000000000000000000000000009" },
        });
        let made = town
            .api
            .post(&other, "/v1/carrier-accounts", &new)
            .await
            .made();
        let theirs = made["id"].as_str().unwrap().to_owned();
        let base = "https://trunkline.test/webhooks/twilio";
        let pairs = [
            ("CallSid", desk_sid.as_str()),
            ("AccountSid", "AC0"),
            ("CallStatus", "in-progress"),
            ("AnsweredBy", "machine_start"),
            ("DialCallStatus", "busy"),
        ];
        let mut statuses = Vec::new();
        for what in ["answer", "status", "amd", "after", "sent"] {
            let url = format!("{base}/{theirs}/transfer/{id}/{what}");
            statuses.push(town.carrier.post(&url, &pairs).await);
            let unknown = "tran_01JD0000000000000000000000";
            let url = format!("{base}/{}/transfer/{unknown}/{what}", town.carrier_id);
            statuses.push(town.carrier.post(&url, &pairs).await);
        }
        statuses
    })
    .await;
    assert!(statuses.iter().all(|status| *status == 404), "{statuses:?}");
    // It rings on.
    assert_eq!(scene.call(&desk_sid).status, Status::Ringing);
    scene.caller.hang_up().await.unwrap();
    scene
        .until("both are over", |calls| {
            calls.iter().all(|call| call.status.is_final())
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_is_sent_to_somebody_talks_to_them() {
    let mut scene = Scene::set("cold", Callee::Answers).await;
    scene
        .until("they talk", |calls| {
            calls.len() == 2 && calls.iter().all(|call| call.status == Status::InProgress)
        })
        .await;
    let record = scene.caller.finish().await.unwrap();
    assert!(heard(&record).ends_with(COLD_WORDS), "{}", heard(&record));
    assert_eq!(record.violations, []);
    let desk = scene.town.carrier.calls()[1].clone();
    assert_eq!((&*desk.from, &*desk.to), (NUMBER, DESK));
    scene.town.carrier.hang_up(&desk.sid).await;
    assert!(unhurried(scene.town.carrier.is_over_within(&scene.sid, PATIENCE)).await);
    let (row, events, kept) = kept(&scene.town).await;
    assert_eq!(row["ended_reason"], "transferred");
    assert_eq!(transfers(&events)[1], "kind=cold outcome=put_through");
    assert_eq!(kept[0].outcome.as_deref(), Some("put_through"));
}

/// They come back into the same call: what was said stands, and what they say then is answered.
#[tokio::test(start_paused = true)]
async fn a_caller_who_is_sent_to_nobody_comes_back() {
    for (callee, end) in [
        (Callee::Busy, "busy"),
        (Callee::Away, "no_answer"),
        (Callee::Unreachable, "unreachable"),
    ] {
        let mut scene = Scene::set("cold", callee).await;
        scene
            .until("somebody is called", |calls| calls.len() == 2)
            .await;
        let answered = unhurried(timeout(PATIENCE, scene.town.carrier.answered())).await;
        let (sid, back) = answered.expect("the caller is not back").unwrap();
        assert_eq!(sid, scene.sid);
        let before = std::mem::replace(&mut scene.caller, back)
            .finish()
            .await
            .unwrap();
        assert!(heard(&before).ends_with(COLD_WORDS), "{}", heard(&before));
        let (town, model, _) = scene.goes_on().await;
        assert_told(&model, end);
        let last = model.requests().pop().unwrap();
        assert!(last.contains(ASKS) && last.contains(TRIES), "{last}");
        let (row, events, kept) = kept(&town).await;
        assert_eq!(row["ended_reason"], "agent_hung_up");
        assert_eq!(transfers(&events)[1], format!("kind=cold outcome={end}"));
        assert_eq!(kept[0].outcome.as_deref(), Some(end));
        assert_eq!(town.rows().await.len(), 1, "it is one call");
    }
}

/// A server that was killed while a person was being called ends that call when it starts, and calls nobody.
#[tokio::test(start_paused = true)]
async fn a_person_who_was_called_by_a_server_that_died_is_let_go() {
    let mut scene = Scene::set("warm", Callee::Answers).await;
    let (desk_sid, mut desk) = scene.picked_up().await;
    desk.wait_agent_speaking_ms(500).await.unwrap();
    // The row knows the person's leg.
    loop {
        let system = scene.town.api.app.desk.store.system();
        let open = unhurried(system.open_transfers("", 10)).await.unwrap();
        if open
            .iter()
            .any(|(_, transfer)| transfer.person_leg.is_some())
        {
            break;
        }
        scene.town.keep_up().await;
    }
    let before = scene.town.carrier.asked().len();
    // As a start would: the rows are all that is left.
    let count = unhurried(trunkline::transfer::recovery::at_start(&scene.town.api.app)).await;
    assert_eq!(count.unwrap(), 1);
    scene
        .until("the person is let go", |calls| calls[1].status.is_final())
        .await;
    let asked = scene.town.carrier.asked();
    let placed = asked[before..]
        .iter()
        .filter(|asked| asked.ends_with("/Calls.json"));
    assert_eq!(placed.filter(|asked| asked.starts_with("POST")).count(), 0);
    assert_eq!(scene.call(&desk_sid).status, Status::Completed);
}
