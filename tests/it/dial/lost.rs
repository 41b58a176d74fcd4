//! Answers that were lost, and servers that stopped in between: a call is found, and never dialled twice.

use std::sync::Arc;

use serde_json::json;
use trunkline::dial::sweep::{Sweep, round};
use trunkline::dial::{Question, reconcile};
use trunkline::store::attempts::{Attempt, AttemptState};
use trunkline_core::policy::Verdict;

use super::rig::{Mood, Office};
use crate::api::rig::id;

const TO: &str = "+12125550100";

async fn attempt(office: &Office, call_id: &str) -> Attempt {
    let attempts = office.api.app.desk.store.attempts();
    let found = attempts.of_call(&office.who.client, call_id).await;
    found.unwrap().unwrap()
}

#[tokio::test]
async fn a_carrier_that_accepts_and_is_not_heard_has_one_call() {
    let office = Office::open().await;
    office.carrier.set(Mood::AcceptsAndIsLost);
    let call = office.place(TO).await.made();
    let call_id = id(&call);
    assert_eq!(call["status"], "queued");
    office.settled().await;
    assert_eq!(office.carrier.asked(), 1);
    let found = attempt(&office, &call_id).await;
    assert_eq!(found.state, AttemptState::Placed);
    let (carrier_call_id, place) = office.carrier.placed().remove(0);
    assert_eq!(found.carrier_call_id, Some(carrier_call_id.clone()));
    // It goes on like any other.
    office.told(&place, &carrier_call_id, "busy").await;
    assert_eq!(office.shown(&call_id).await["outcome"], "busy");
    assert_eq!(attempt(&office, &call_id).await.state, AttemptState::Done);
}

#[tokio::test]
async fn two_lost_calls_to_one_number_are_told_apart() {
    let office = Office::open().await;
    office.place(TO).await.made();
    office.all_over().await;
    office.carrier.set(Mood::AcceptsAndIsLost);
    let lost = id(&office.place(TO).await.made());
    office.settled().await;
    let placed = office.carrier.placed();
    assert_eq!((placed.len(), office.carrier.asked()), (2, 2));
    let found = attempt(&office, &lost).await;
    assert_eq!(
        found.carrier_call_id.as_ref(),
        Some(&placed[1].0),
        "not the one of the other call"
    );
}

#[tokio::test]
async fn the_carriers_own_word_settles_a_lost_call() {
    let office = Office::open().await;
    office.carrier.set(Mood::AcceptsAndIsLost);
    office.carrier.be_deaf(true);
    let call_id = id(&office.place(TO).await.made());
    office.settled().await;
    assert_eq!(
        attempt(&office, &call_id).await.state,
        AttemptState::UnknownOutcome
    );
    // Nobody knows yet whether there is a call to be taken back.
    let path = format!("/v1/calls/{call_id}/hangup");
    let hangup = office.api.post(&office.who, &path, &json!(null)).await;
    assert_eq!(hangup.code(), "call_busy");
    let (carrier_call_id, place) = office.carrier.placed().remove(0);
    office.told(&place, &carrier_call_id, "ringing").await;
    let found = attempt(&office, &call_id).await;
    assert_eq!(
        (found.state, found.carrier_call_id),
        (AttemptState::Placed, Some(carrier_call_id))
    );
    assert_eq!(office.shown(&call_id).await["status"], "ringing");
    assert_eq!(office.carrier.asked(), 1);
}

#[tokio::test]
async fn a_request_that_never_arrived_is_given_up_and_not_made_again() {
    let office = Office::open().await;
    office.carrier.set(Mood::IsLost);
    let call_id = id(&office.place(TO).await.made());
    office.settled().await;
    let call = office.shown(&call_id).await;
    assert_eq!(
        (&call["status"], &call["ended_reason"]),
        (&json!("ended"), &json!("never_placed"))
    );
    assert_eq!(attempt(&office, &call_id).await.state, AttemptState::Failed);
    assert_eq!(office.carrier.asked(), 1);
}

#[tokio::test]
async fn a_carrier_that_cannot_be_asked_leaves_the_outcome_unknown_until_the_next_start() {
    let office = Office::open().await;
    office.carrier.set(Mood::AcceptsAndIsLost);
    office.carrier.be_deaf(true);
    let call_id = id(&office.place(TO).await.made());
    office.settled().await;
    assert_eq!(
        attempt(&office, &call_id).await.state,
        AttemptState::UnknownOutcome
    );
    office.carrier.be_deaf(false);
    assert_eq!(reconcile::at_start(&office.api.app).await.unwrap(), 1);
    office.settled().await;
    assert_eq!(attempt(&office, &call_id).await.state, AttemptState::Placed);
    assert_eq!(office.carrier.asked(), 1);
}

/// The server stops behind the commit of the attempt, while the carrier is being asked.
#[tokio::test]
async fn a_crash_between_asking_and_knowing_is_found_out_at_the_next_start() {
    for (mood, state) in [
        (Mood::AcceptsAndHangs, AttemptState::Placed),
        (Mood::Hangs, AttemptState::Failed),
    ] {
        let office = Office::open().await;
        office.carrier.set(mood);
        tokio::select! {
            answer = office.place(TO) => panic!("{answer:?}"),
            () = office.carrier.reached() => {}
        }
        let list = office.api.get(&office.who, "/v1/calls").await.fine();
        let call_id = id(&list["data"][0]);
        assert_eq!(attempt(&office, &call_id).await.state, AttemptState::Asked);
        assert_eq!(reconcile::at_start(&office.api.app).await.unwrap(), 1);
        office.settled().await;
        assert_eq!(attempt(&office, &call_id).await.state, state);
        assert_eq!(office.carrier.asked(), 1, "nothing is dialled again");
    }
}

#[tokio::test]
async fn the_end_of_a_call_that_nobody_heard_of_is_asked_for_at_the_next_start() {
    let office = Office::open().await;
    let call_id = id(&office.place(TO).await.made());
    assert_eq!(reconcile::at_start(&office.api.app).await.unwrap(), 1);
    office.settled().await;
    let call = office.shown(&call_id).await;
    assert_eq!(
        (&call["status"], &call["outcome"]),
        (&json!("ended"), &json!("no_answer"))
    );
    assert_eq!(reconcile::at_start(&office.api.app).await.unwrap(), 0);
}

#[tokio::test]
async fn a_number_that_is_suppressed_between_the_decision_and_the_call_is_not_called() {
    let office = Office::open().await;
    let app = Arc::clone(&office.api.app);
    let keys = app.desk.keys(&office.who.client).await.unwrap();
    let question = Question {
        to: TO,
        places: &[],
        zones: &[],
        at_ms: None,
        asked_call_id: None,
        grounds: super::rig::wished(),
        agent_id: None,
    };
    let verdict = app.dialer().may_call(&app.desk, &keys, &question).await;
    let Verdict::Allow(allowed) = verdict.unwrap() else {
        panic!("not allowed")
    };
    office.suppress(TO).await;
    let order = super::rig::order(&office).await;
    let dialled = app.dialer().dial(&app, allowed, order).await;
    assert!(matches!(
        dialled,
        Err(trunkline::dial::NotDialled::Suppressed)
    ));
    assert_eq!((office.carrier.asked(), office.calls().await), (0, 0));
}

#[tokio::test]
async fn an_old_yes_is_no_yes() {
    let office = Office::open().await;
    let app = Arc::clone(&office.api.app);
    let keys = app.desk.keys(&office.who.client).await.unwrap();
    let question = Question {
        to: TO,
        places: &[],
        zones: &[],
        at_ms: Some(app.dialer().now_ms() - 5_001),
        asked_call_id: None,
        grounds: super::rig::wished(),
        agent_id: None,
    };
    let verdict = app.dialer().may_call(&app.desk, &keys, &question).await;
    let Verdict::Allow(allowed) = verdict.unwrap() else {
        panic!("not allowed")
    };
    let order = super::rig::order(&office).await;
    let dialled = app.dialer().dial(&app, allowed, order).await;
    assert!(matches!(dialled, Err(trunkline::dial::NotDialled::Stale)));
    assert_eq!(office.carrier.asked(), 0);
}

/// Its end is asked for while the server runs, too.
#[tokio::test]
async fn a_call_whose_end_nobody_tells_is_asked_after_in_time() {
    let office = Office::open().await;
    let call_id = id(&office.place(TO).await.made());
    let sweep = Sweep::default();
    let ask = async || round(&office.api.app, &sweep, "").await.unwrap();
    assert_eq!(ask().await, "");
    assert_eq!(office.shown(&call_id).await["status"], "queued", "too soon");
    office.set_time(office.time() + sweep.older_ms + 1);
    // Who is talking here is not asked about.
    let live = &office.api.app.desk.live;
    let talking = live.register(&office.who.client, &call_id, false);
    ask().await;
    assert_eq!(office.shown(&call_id).await["status"], "queued");
    drop(talking);
    ask().await;
    let call = office.shown(&call_id).await;
    assert_eq!(
        (&call["status"], &call["outcome"]),
        (&json!("ended"), &json!("no_answer"))
    );
    // So the number may be called again.
    office.place(TO).await.made();
}

#[tokio::test]
async fn a_call_that_was_never_found_is_looked_for_once_more() {
    for (mood, state) in [
        (Mood::AcceptsAndIsLost, AttemptState::Placed),
        (Mood::IsLost, AttemptState::Failed),
    ] {
        let office = Office::open().await;
        office.carrier.set(mood);
        office.carrier.be_deaf(true);
        let call_id = id(&office.place(TO).await.made());
        office.settled().await;
        office.carrier.be_deaf(false);
        office.set_time(office.time() + Sweep::default().older_ms);
        let app = &office.api.app;
        assert_eq!(round(app, &Sweep::default(), "").await.unwrap(), "");
        assert_eq!(attempt(&office, &call_id).await.state, state);
        assert_eq!(office.carrier.asked(), 1);
    }
}
