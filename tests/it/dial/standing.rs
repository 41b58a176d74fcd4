//! How a client stands: stopped, and at its limits. By HTTP, over two clients.

use std::sync::Arc;

use serde_json::{Value, json};
use trunkline::callbacks::running::round;
use trunkline::desk::setup::Books;
use trunkline::dial::grounds::Grounds;
use trunkline::dial::{ClientRules, NotDialled, Question, ending};
use trunkline::ids::new_id;
use trunkline::store::StoreConfig;
use trunkline::store::limits::Limits;
use trunkline::store::suspensions::{Cause, NewSuspension};
use trunkline_core::policy::{Allowed, Verdict};

use super::callbacks::{AT, ask, is, new_york, schedule, state, wanted};
use super::rig::{NOON, Office, moment, order};
use crate::api::rig::{Answer, Who, id};

pub(super) const TO: &str = "+12125550100";
pub(super) const OTHERS: [&str; 4] = [
    "+12125550101",
    "+12125550102",
    "+12125550103",
    "+12125550104",
];
const DAY: i64 = 86_400_000;

pub(super) fn reasons(answer: &Answer) -> Vec<String> {
    let problem = answer.json();
    let errors = problem["errors"].as_array().unwrap().iter();
    errors
        .map(|error| error["code"].as_str().unwrap().to_owned())
        .collect()
}

fn stop(agent_id: Option<&str>, hang_up: bool) -> NewSuspension {
    NewSuspension {
        id: new_id("sus"),
        agent_id: agent_id.map(str::to_owned),
        cause: Cause::Operator,
        note: None,
        hang_up,
        since_ms: 0,
    }
}

async fn suspend(office: &Office, new: &NewSuspension) {
    let suspensions = office.api.app.desk.store.suspensions();
    let client = &office.who.client;
    assert!(suspensions.suspend(client, new).await.unwrap());
}

async fn resume(office: &Office, agent_id: Option<&str>) {
    let suspensions = office.api.app.desk.store.suspensions();
    let client = &office.who.client;
    let lifted = suspensions.resume(client, agent_id, 1).await;
    assert!(lifted.unwrap());
}

/// Events of these kinds, the oldest first: kind, object and data.
pub(super) async fn events(office: &Office, who: &Who, family: &str) -> Vec<(String, Value)> {
    let system = office.api.app.desk.store.system();
    while system.publish(0, 100).await.unwrap().events > 0 {}
    let list = office.api.get(who, "/v1/events").await.fine();
    let all = list["data"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let named = all.map(|event| (text(&event["type"]), event["data"].clone()));
    named.filter(|(kind, _)| kind.starts_with(family)).collect()
}

/// A yes of the policy's, by the consent that is on the ledger.
async fn allowed(office: &Office, with: &Grounds) -> Allowed {
    let app = &office.api.app;
    let keys = app.desk.keys(&office.who.client).await.unwrap();
    let question = Question {
        to: TO,
        places: &[],
        zones: &[],
        at_ms: None,
        asked_call_id: None,
        grounds: *with,
        agent_id: Some(&office.agent_id),
    };
    match app.dialer().may_call(&app.desk, &keys, &question).await {
        Ok(Verdict::Allow(allowed)) => allowed,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_consent_that_is_withdrawn_between_the_decision_and_the_call_is_none() {
    let office = Office::open().await;
    let app = Arc::clone(&office.api.app);
    let consent = json!({
        "number": TO, "purposes": ["service", "marketing"], "form": "written", "source": "paper",
    });
    let consent = office.api.post(&office.who, "/v1/consents", &consent);
    let consent = id(&consent.await.made());
    let grounds = Grounds::default();
    let dial = async |allowed| {
        let mut order = order(&office).await;
        order.grounds = grounds;
        app.dialer().dial(&app, allowed, order).await
    };
    let yes = allowed(&office, &grounds).await;
    // What is taken back of something else changes nothing.
    let path = format!("/v1/consents/{consent}/withdraw");
    let other = json!({ "purposes": ["service"], "source": "message" });
    office.api.post(&office.who, &path, &other).await.made();
    dial(yes).await.unwrap();
    assert_eq!(office.carrier.asked(), 1);
    office.all_over().await;

    let yes = allowed(&office, &grounds).await;
    // Another client's ledger is its own.
    let (theirs, _) = office.neighbour("+12125550190").await;
    let foreign = json!({
        "number": TO, "purposes": ["marketing"], "form": "written", "source": "paper",
    });
    let foreign = office.api.post(&theirs, "/v1/consents", &foreign).await;
    let foreign = format!("/v1/consents/{}/withdraw", id(&foreign.made()));
    let words = json!({ "source": "message" });
    office.api.post(&theirs, &foreign, &words).await.made();
    dial(yes).await.unwrap();
    assert_eq!(office.carrier.asked(), 2);
    office.all_over().await;

    let yes = allowed(&office, &grounds).await;
    office.api.post(&office.who, &path, &words).await.made();
    let dialled = dial(yes).await;
    assert!(matches!(dialled, Err(NotDialled::Withdrawn)), "{dialled:?}");
    assert_eq!((office.carrier.asked(), office.calls().await), (2, 2));
}

#[tokio::test]
async fn a_client_that_was_stopped_calls_nobody_and_keeps_its_rights() {
    let office = Office::open().await;
    let (theirs, their_agent) = office.neighbour("+12125550190").await;
    let yes = allowed(&office, &super::rig::wished()).await;
    office.place(OTHERS[0]).await.made();
    suspend(&office, &stop(None, false)).await;

    let refused = office.place(OTHERS[1]).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "suspended")
    );
    assert!(reasons(&refused).contains(&"suspended".to_owned()));
    // A decision of before does not hold either.
    let app = Arc::clone(&office.api.app);
    let dialled = app.dialer().dial(&app, yes, order(&office).await).await;
    assert!(matches!(dialled, Err(NotDialled::Suspended)), "{dialled:?}");
    let checked = office.check(json!({ "to": OTHERS[1] })).await;
    assert_eq!(checked["verdict"], "deny");
    assert_eq!(checked["reasons"][0]["code"], "suspended");
    assert_eq!(office.carrier.asked(), 1);
    // The call that rings goes on.
    assert!(office.carrier.hung_up().is_empty());
    assert_eq!(ending::round(&app).await.unwrap(), 0);

    let shown = office.api.get(&office.who, "/v1/client").await.fine();
    assert_eq!(shown["suspension"]["cause"], "operator");
    assert_eq!(shown["suspension"]["reason"], Value::Null);
    assert_eq!(shown["suspended_agents"], json!([]));
    // Rights of the people called, and of the client to its data.
    office.suppress(OTHERS[2]).await;
    let consent = json!({
        "number": OTHERS[3], "purposes": ["service"], "form": "express", "source": "call",
    });
    let made = office.api.post(&office.who, "/v1/consents", &consent).await;
    let path = format!("/v1/consents/{}/withdraw", id(&made.made()));
    let words = json!({ "source": "call" });
    office.api.post(&office.who, &path, &words).await.made();
    assert_eq!(office.calls().await, 1);
    office.api.get(&office.who, "/v1/contacts").await.fine();

    // Another client calls on, and hears nothing of it.
    let mut call = office.call(TO);
    call["from"] = json!("+12125550190");
    call["agent_id"] = json!(their_agent);
    office.api.post(&theirs, "/v1/calls", &call).await.made();
    let other = office.api.get(&theirs, "/v1/client").await.fine();
    assert_eq!(other["suspension"], Value::Null);
    assert_eq!(events(&office, &theirs, "client.").await, []);

    resume(&office, None).await;
    office.place(OTHERS[1]).await.made();
    let shown = office.api.get(&office.who, "/v1/client").await.fine();
    assert_eq!(shown["suspension"], Value::Null);
    suspend(&office, &stop(None, false)).await;
    let told = events(&office, &office.who, "client.").await;
    let kinds: Vec<&str> = told.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(
        kinds,
        ["client.suspended", "client.resumed", "client.suspended"]
    );
    assert_eq!(told[0].1["cause"], "operator");
    assert_eq!(told[0].1["id"], office.who.client.as_str());
}

#[tokio::test]
async fn an_operators_command_holds_for_the_very_next_decision_of_a_running_server() {
    let office = Office::open().await;
    let (theirs, _) = office.neighbour("+12125550190").await;
    let data = office.api.data();
    let config = StoreConfig::sqlite(&data.join("trunkline.db"));
    let books = Books::open(&data, &config).await.unwrap();
    let client = &office.who.client;
    let why = "Numbers were bought, and nobody can say where.";
    assert!(books.suspend(client, None, why, false).await.unwrap());
    assert!(!books.suspend(client, None, "Again.", false).await.unwrap());
    assert!(books.suspend(client, None, " ", false).await.is_err());
    assert_eq!(office.place(TO).await.code(), "suspended");
    let shown = office.api.get(&office.who, "/v1/client").await.fine();
    assert_eq!(shown["suspension"]["reason"], why);
    let other = office.api.get(&theirs, "/v1/client").await.fine();
    assert_eq!(other["suspension"], Value::Null);
    assert!(!books.resume(&theirs.client, None).await.unwrap());
    assert!(books.resume(client, None).await.unwrap());
    office.place(TO).await.made();
    let limits = Limits {
        calls_at_once: Some(1),
        ..Limits::default()
    };
    books.set_limits(client, &limits).await.unwrap();
    assert_eq!(office.place(OTHERS[0]).await.code(), "too_many_calls");
}

#[tokio::test]
async fn one_agent_is_stopped_and_the_others_call_on() {
    let office = Office::open().await;
    let agent = super::rig::agent(json!(["outbound"]));
    let agent = office.api.post(&office.who, "/v1/agents", &agent).await;
    let other = id(&agent.made());
    suspend(&office, &stop(Some(&office.agent_id), false)).await;
    let refused = office.place(TO).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "suspended")
    );
    let mut call = office.call(TO);
    call["agent_id"] = json!(other);
    office
        .api
        .post(&office.who, "/v1/calls", &call)
        .await
        .made();
    let shown = office.api.get(&office.who, "/v1/client").await.fine();
    assert_eq!(shown["suspension"], Value::Null);
    assert_eq!(shown["suspended_agents"][0]["agent_id"], office.agent_id);
    office.all_over().await;
    resume(&office, Some(&office.agent_id)).await;
    office.place(TO).await.made();
    let told = events(&office, &office.who, "agent.").await;
    let kinds: Vec<&str> = told.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["agent.suspended", "agent.resumed"]);
    assert_eq!(told[0].1["id"], office.agent_id);
}

#[tokio::test]
async fn whoever_is_stopped_at_once_has_its_calls_ended() {
    let office = Office::open().await;
    let (theirs, their_agent) = office.neighbour("+12125550190").await;
    office.place(TO).await.made();
    let mut call = office.call(OTHERS[0]);
    call["from"] = json!("+12125550190");
    call["agent_id"] = json!(their_agent);
    office.api.post(&theirs, "/v1/calls", &call).await.made();
    suspend(&office, &stop(None, false)).await;
    let app = Arc::clone(&office.api.app);
    assert_eq!(ending::round(&app).await.unwrap(), 0);
    // Said again, with the calls.
    let suspensions = app.desk.store.suspensions();
    let again = stop(None, true);
    assert!(
        !suspensions
            .suspend(&office.who.client, &again)
            .await
            .unwrap()
    );
    assert_eq!(ending::round(&app).await.unwrap(), 1);
    let (ours, _) = &office.carrier.placed()[0];
    assert_eq!(office.carrier.hung_up(), std::slice::from_ref(ours));
}

#[tokio::test]
async fn a_callback_waits_while_its_client_is_stopped() {
    let office = Office::open().await;
    let callback = schedule(&office, TO, AT).await;
    let refused = schedule(&office, OTHERS[0], AT).await;
    suspend(&office, &stop(None, false)).await;
    // Nothing more is promised.
    let body = wanted(&office, OTHERS[1], AT);
    assert_eq!(ask(&office, &body).await.code(), "suspended");
    office.set_time(new_york("2026-11-24 15:30"));
    let app = &office.api.app;
    round(app).await;
    assert_eq!(
        state(&office, &callback).await,
        is("scheduled", "suspended")
    );
    assert_eq!(office.carrier.asked(), 0);
    // Who wants no call any more is heard meanwhile.
    office.suppress(OTHERS[0]).await;
    assert_eq!(state(&office, &refused).await.0, "cancelled");
    resume(&office, None).await;
    office.set_time(new_york("2026-11-24 15:40"));
    round(app).await;
    assert_eq!(office.carrier.asked(), 1);
}

#[tokio::test]
async fn a_client_calls_no_more_than_its_operator_lets_it() {
    let office = Office::open().await;
    let noon = moment(NOON);
    let app = &office.api.app;
    let usual = Limits {
        calls_per_day: Some(4),
        ..Limits::default()
    };
    let rules = ClientRules {
        limits: usual,
        ..ClientRules::default()
    };
    assert!(app.dialer().rules.set(rules).is_ok());
    let limits = app.desk.store.client_limits();
    let own = Limits {
        calls_at_once: Some(2),
        calls_per_second: Some(1),
        ..Limits::default()
    };
    limits.set(&office.who.client, &own, noon).await.unwrap();
    office.place(OTHERS[0]).await.made();
    let refused = office.place(OTHERS[1]).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (409, "too_many_calls")
    );
    assert_eq!(reasons(&refused), ["too_many_calls"]);
    assert_eq!(refused.header("retry-after"), "2");
    office.set_time(noon + 1_000);
    office.place(OTHERS[1]).await.made();
    office.set_time(noon + 2_000);
    // Two ring.
    let refused = office.place(OTHERS[2]).await;
    assert_eq!(refused.code(), "too_many_calls");
    assert_eq!(refused.json()["retry_at"], "2026-11-24T17:00:32.000Z");
    office.all_over().await;
    for (n, to) in [OTHERS[2], OTHERS[3]].into_iter().enumerate() {
        office.set_time(noon + 3_000 + 1_000 * n as i64);
        office.place(to).await.made();
    }
    office.all_over().await;
    office.set_time(noon + 3_600_000);
    let refused = office.place(TO).await;
    assert_eq!(reasons(&refused), ["too_many_calls"]);
    assert_eq!(refused.json()["retry_at"], "2026-11-25T17:00:00.000Z");
    let shown = office.api.get(&office.who, "/v1/limits").await.fine();
    let want = |limit: Value, used: u64| json!({ "limit": limit, "used": used });
    assert_eq!(shown["calls_at_once"], want(json!(2), 0));
    assert_eq!(shown["calls_per_second"], want(json!(1), 0));
    assert_eq!(shown["calls_per_day"], want(json!(4), 4));
    // What one client may says nothing of another.
    let (theirs, their_agent) = office.neighbour("+12125550190").await;
    let shown = office.api.get(&theirs, "/v1/limits").await.fine();
    assert_eq!(shown["calls_at_once"], want(Value::Null, 0));
    assert_eq!(shown["calls_per_day"], want(json!(4), 0));
    let mut call = office.call(TO);
    call["from"] = json!("+12125550190");
    call["agent_id"] = json!(their_agent);
    office.api.post(&theirs, "/v1/calls", &call).await.made();
    office.set_time(noon + DAY);
    office.place(TO).await.made();
}

#[tokio::test]
async fn of_many_at_once_no_more_are_placed_than_may_go_on() {
    let office = Office::open().await;
    let limits = office.api.app.desk.store.client_limits();
    let own = Limits {
        calls_at_once: Some(2),
        ..Limits::default()
    };
    limits.set(&office.who.client, &own, 0).await.unwrap();
    let calls = OTHERS.iter().map(|to| office.place(to));
    let answers = futures_util::future::join_all(calls).await;
    let made = answers.iter().filter(|answer| answer.status == 201);
    assert_eq!(made.count(), 2);
    assert_eq!(office.carrier.asked(), 2);
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(refused.code(), "too_many_calls");
    }
}
