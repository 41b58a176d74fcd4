//! A carrier that does not answer, and a server that was gone: nobody is called twice, and nobody is left on a line.

use trunkline::carrier::{Carrier as _, Place};
use trunkline::carrier_double::rest::Delivery;
use trunkline::desk;
use trunkline::ids::new_id;
use trunkline::store::transfers::{Kind, NewTransfer};
use trunkline::transfer::recovery;
use trunkline_core::phone::PhoneNumber;
use trunkline_core::wire::twilio::webhook::Status;

use super::*;
use crate::carrier::rig::NUMBER;

const ROOM: &str = "<Response><Dial><Conference>room_1</Conference></Dial></Response>";

/// What a server has left behind that was killed: a caller who is on the line, a person who is called, and a row.
struct Left {
    town: Town,
    _model: Model,
    /// It is the caller's until it is dropped.
    _line: Carrier,
    caller: String,
    person: String,
    /// The transfer's id.
    id: String,
}

/// What is different from one to the other.
struct Case {
    /// What the row says of it.
    outcome: Option<&'static str>,
    /// The row knows the person's call.
    is_known: bool,
    /// The carrier was asked so long before noon, ms.
    before_ms: i64,
    /// The language of the plan.
    language: Option<&'static str>,
}

const BETWEEN: Case = Case {
    outcome: Some("put_through"),
    is_known: true,
    before_ms: 0,
    language: None,
};
const CALLED: Case = Case {
    outcome: None,
    ..BETWEEN
};
const UNKNOWN: Case = Case {
    is_known: false,
    ..CALLED
};

impl Left {
    async fn behind(case: &Case) -> Self {
        let model = Model::open([]).await;
        let town = unhurried(town(&model, "warm")).await;
        let line = town.rung().await;
        let caller = town.carrier.calls().pop().unwrap().sid;
        town.carrier.callee(Callee::Waits);
        let id = new_id("tran");
        // While nobody was there to be told.
        town.carrier.delivery(Delivery::Lost);
        let person = unhurried(async {
            let person = call_person(&town, &id).await;
            let rings = |call: &BookedCall| call.sid == person && call.status == Status::Ringing;
            while !town.carrier.calls().iter().any(rings) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            write(&town, case, &id, &caller, &person).await;
            person
        })
        .await;
        town.carrier.delivery(Delivery::InOrder);
        Self {
            town,
            _model: model,
            _line: line,
            caller,
            person,
            id,
        }
    }

    /// The person has picked up, and was led into their room.
    async fn led(&self) {
        unhurried(self.town.carrier.pick_up_with(&self.person, ROOM)).await;
    }

    /// The caller was led there, too: no agent speaks with them any more.
    async fn caller_led(&self) {
        unhurried(async {
            let twilio = self.town.twilio().await;
            twilio.redirect(&self.caller, ROOM).await.unwrap();
            let live = &self.town.api.app.desk.live;
            while live.count() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }

    /// The server starts: how many transfers it sees to.
    async fn start(&self) -> u64 {
        let started = recovery::at_start(&self.town.api.app);
        unhurried(started).await.unwrap()
    }

    /// Everything that goes on is over.
    async fn settled(&self) {
        unhurried(self.town.api.app.transfers.settled()).await;
    }

    fn call(&self, sid: &str) -> BookedCall {
        let mut calls = self.town.carrier.calls().into_iter();
        calls.find(|call| call.sid == sid).unwrap()
    }

    async fn row(&self) -> Transfer {
        let system = self.town.api.app.desk.store.system();
        let found = unhurried(system.transfer(&self.id)).await;
        found.unwrap().unwrap().1
    }

    /// Runs on until so many requests to the carrier have come since then.
    async fn until_asked(&self, before: usize, count: usize) {
        for _ in 0..1_000 {
            self.town.keep_up().await;
            if self.town.carrier.asked().len() >= before + count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        panic!("{:?}", self.town.carrier.asked());
    }
}

/// The call to the person: it rings.
async fn call_person(town: &Town, id: &str) -> String {
    let base = "https://trunkline.test/webhooks/twilio";
    let place = Place {
        from: PhoneNumber::parse(NUMBER).unwrap(),
        to: PhoneNumber::parse(DESK).unwrap(),
        answer_url: format!("{base}/none"),
        status_url: format!("{base}/{}/transfer/{id}/status", town.carrier_id),
        ring: Duration::from_secs(30),
        length_max: Duration::from_secs(60),
        machines: None,
    };
    town.twilio().await.place(place).await.unwrap().id
}

async fn write(town: &Town, case: &Case, id: &str, caller: &str, person: &str) {
    let account = town.account().await;
    let mut plan = json!({ "from": NUMBER, "to": DESK });
    if let Some(language) = case.language {
        plan["language"] = language.into();
    }
    let at = desk::Place::new("transfers.plan", id);
    let new = NewTransfer {
        id: id.to_owned(),
        call_id: town.rows().await.pop().unwrap().id,
        carrier_id: town.carrier_id.clone(),
        agent_id: "agent_1".into(),
        kind: Kind::Warm,
        plan: desk::seal(&account.keys, at, &plan.to_string()),
        caller_leg: caller.to_owned(),
        suppression: [1; 32],
        platform_suppression: [2; 32],
        asked_ms: NOON_MS - case.before_ms,
    };
    let (transfers, client) = (town.api.app.desk.store.transfers(), &town.who.client);
    assert!(transfers.begin(client, &new).await.unwrap());
    if case.is_known {
        assert!(transfers.placed(client, id, person).await.unwrap());
    }
    if let Some(outcome) = case.outcome {
        let noted = transfers.became(client, id, outcome, NOON_MS).await;
        noted.unwrap();
    }
}

/// Killed between the two who were led into a room: the one who is left there is told so when the server starts.
#[tokio::test(start_paused = true)]
async fn whoever_was_left_in_a_room_by_a_server_that_died_is_let_go() {
    let german = Case {
        language: Some("de"),
        ..BETWEEN
    };
    for (case, words) in [(&BETWEEN, CALLER_GONE), (&german, GERMAN_CALLER_GONE)] {
        let left = Left::behind(case).await;
        left.led().await;
        // While nobody was there to be told.
        left.town.carrier.delivery(Delivery::Lost);
        unhurried(left.town.carrier.hang_up(&left.caller)).await;
        let is_over = left.town.carrier.is_over_within(&left.caller, PATIENCE);
        assert!(unhurried(is_over).await);
        assert_eq!(left.start().await, 1);
        left.settled().await;
        let is_over = left.town.carrier.is_over_within(&left.person, PATIENCE);
        assert!(unhurried(is_over).await);
        let person = left.call(&left.person);
        assert_eq!(person.said.as_deref(), Some(words));
        let row = left.row().await;
        assert_eq!(row.outcome.as_deref(), Some("put_through"));
        assert!(!row.is_open);
        assert_eq!(left.start().await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_whose_person_is_gone_by_then_is_told_so() {
    let left = Left::behind(&BETWEEN).await;
    left.led().await;
    left.town.carrier.delivery(Delivery::Lost);
    unhurried(left.town.carrier.hang_up(&left.person)).await;
    assert_eq!(left.start().await, 1);
    left.settled().await;
    let is_over = left.town.carrier.is_over_within(&left.caller, PATIENCE);
    assert!(unhurried(is_over).await);
    let caller = left.call(&left.caller);
    assert_eq!(caller.said.as_deref(), Some(PERSON_GONE));
}

/// Both are there when the server starts: they are left alone, and whoever leaves later ends it for the other, whether or not they
/// have met.
#[tokio::test(start_paused = true)]
async fn two_who_talk_are_left_alone_and_end_together() {
    for is_caller in [true, false] {
        let left = Left::behind(&BETWEEN).await;
        left.led().await;
        left.caller_led().await;
        assert_eq!(left.start().await, 1);
        left.settled().await;
        for sid in [&left.caller, &left.person] {
            assert_eq!(left.call(sid).status, Status::InProgress);
        }
        assert!(!left.row().await.is_open);
        let (first, second, words) = match is_caller {
            true => (&left.caller, &left.person, CALLER_GONE),
            false => (&left.person, &left.caller, PERSON_GONE),
        };
        unhurried(async {
            let carrier = &left.town.carrier;
            carrier.hang_up(first).await;
            assert!(carrier.is_over_within(first, PATIENCE).await);
            assert!(carrier.is_over_within(second, PATIENCE).await);
        })
        .await;
        assert_eq!(left.call(second).said.as_deref(), Some(words));
    }
}

/// Another client's call that has the same name at the carrier ends nobody's.
#[tokio::test(start_paused = true)]
async fn the_end_of_anothers_call_ends_nobody() {
    let left = Left::behind(&BETWEEN).await;
    left.led().await;
    let town = &left.town;
    let statuses = unhurried(async {
        let theirs = another_account(town).await;
        let pairs = [
            ("CallSid", left.caller.as_str()),
            ("AccountSid", "AC0"),
            ("CallStatus", "completed"),
        ];
        let base = format!("https://trunkline.test/webhooks/twilio/{theirs}");
        let call_id = town.rows().await.pop().unwrap().id;
        let named = format!("{base}/status?call={call_id}");
        [
            town.carrier.post(&format!("{base}/status"), &pairs).await,
            town.carrier.post(&named, &pairs).await,
        ]
    })
    .await;
    // Passed over: telling it again would not help.
    assert_eq!(statuses, [200, 200]);
    left.settled().await;
    assert_eq!(left.call(&left.person).status, Status::InProgress);
}

/// A carrier in trouble is no reason to forget somebody: the transfer stays open until the carrier has answered.
#[tokio::test(start_paused = true)]
async fn a_carrier_in_trouble_leaves_a_transfer_open() {
    let left = Left::behind(&CALLED).await;
    let before = left.town.carrier.asked().len();
    left.town.carrier.order([Fault::Trouble; 4]);
    assert_eq!(left.start().await, 1);
    left.until_asked(before, 4).await;
    left.settled().await;
    assert_eq!(left.call(&left.person).status, Status::Ringing);
    assert!(left.row().await.is_open);

    // It is tried again: at the next start, and within a run.
    left.town.carrier.order([Fault::Trouble]);
    assert_eq!(left.start().await, 1);
    left.until_asked(before + 4, 2).await;
    left.settled().await;
    assert_eq!(left.call(&left.person).status, Status::Canceled);
    let row = left.row().await;
    assert_eq!((row.outcome.as_deref(), row.is_open), (Some("lost"), false));
}

/// Another call may have the same numbers, from another caller's transfer or from what else the client has: a call that the row does not
/// know is left alone, until the carrier itself tells whose it is.
#[tokio::test(start_paused = true)]
async fn a_call_between_the_same_numbers_is_not_taken_for_it() {
    let left = Left::behind(&UNKNOWN).await;
    let before = left.town.carrier.asked().len();
    assert_eq!(left.start().await, 1);
    left.settled().await;
    assert_eq!(left.call(&left.person).status, Status::Ringing);
    assert_eq!(left.town.carrier.asked().len(), before);
    let row = left.row().await;
    assert_eq!((row.outcome.as_deref(), row.is_open), (Some("lost"), false));
    // Its webhook names the transfer.
    left.led().await;
    let is_over = left.town.carrier.is_over_within(&left.person, PATIENCE);
    assert!(unhurried(is_over).await);
    left.settled().await;
    assert_eq!(left.call(&left.caller).status, Status::InProgress);
    assert_eq!(left.row().await.person_leg, Some(left.person.clone()));
}

/// What no carrier has any more is not asked about.
#[tokio::test(start_paused = true)]
async fn a_transfer_of_long_ago_is_over() {
    let case = Case {
        before_ms: 6 * 3_600_000,
        ..CALLED
    };
    let left = Left::behind(&case).await;
    let before = left.town.carrier.asked().len();
    assert_eq!(left.start().await, 1);
    left.settled().await;
    assert_eq!(left.town.carrier.asked().len(), before);
    assert!(!left.row().await.is_open);
}

/// A row may say that both were led though the caller never was, since the store failed. What is told of the person later cuts nobody off
/// who still talks with the agent.
#[tokio::test(start_paused = true)]
async fn a_caller_who_is_still_here_is_not_cut_off() {
    let left = Left::behind(&BETWEEN).await;
    left.led().await;
    unhurried(left.town.carrier.hang_up(&left.person)).await;
    left.settled().await;
    let caller = left.call(&left.caller);
    assert_eq!((caller.status, caller.said), (Status::InProgress, None));
}

/// Whether the carrier has called somebody may be unknown: then its webhooks tell, and nobody is called twice.
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

/// A server that was killed while a person was being called ends that call when it starts, and calls nobody.
#[tokio::test(start_paused = true)]
async fn a_person_who_was_called_by_a_server_that_died_is_let_go() {
    let mut scene = Scene::set("warm", Callee::Answers).await;
    let (desk_sid, mut desk) = scene.picked_up().await;
    desk.wait_agent_speaking_ms(500).await.unwrap();
    // The row knows the person's leg.
    while open(&scene.town).await[0].person_leg.is_none() {
        scene.town.keep_up().await;
    }
    let before = scene.town.carrier.asked().len();
    // As a start would: the rows are all that is left.
    let count = unhurried(recovery::at_start(&scene.town.api.app)).await;
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
