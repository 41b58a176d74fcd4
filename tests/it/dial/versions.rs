//! Which version holds a call that is placed: settled before the carrier hears of it, and kept to.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use trunkline::desk;
use trunkline_core::phone::PhoneNumber;
use trunkline_core::versions::{Share, Split, Whose};

use super::rig::{Office, agent};
use crate::api::rig::id;

/// In New York.
fn numbers() -> impl Iterator<Item = String> {
    (100..112).map(|n| format!("+12125550{n}"))
}

impl Office {
    async fn change(&self, method: &str, what: &str, body: &Value) -> Value {
        let path = format!("/v1/agents/{}{what}", self.agent_id);
        let secret = Some(self.who.secret.as_str());
        let answer = self.api.ask(secret, method, &path, body, &[]).await;
        assert!((200..300).contains(&answer.status), "{answer:?}");
        answer.json()
    }

    /// The version that is to hold calls with a person.
    async fn version_for(&self, split: &Split, number: &str) -> u32 {
        let keys = self.api.app.desk.keys(&self.who.client).await.unwrap();
        let number = PhoneNumber::parse(number).unwrap();
        let hash = desk::call_index(&keys, &number);
        split.version_for(&self.agent_id, Whose::Person(&hash))
    }

    /// Somebody answers the call that was placed last: the version by which it is held, in its token and on the line.
    async fn held_by(&self, call_id: &str) -> (Option<u32>, u32) {
        let (carrier_call_id, place) = self.carrier.placed().pop().unwrap();
        self.answered(&place, &carrier_call_id).await;
        let app = &self.api.app;
        let claims = app.awaited.take(call_id).unwrap().claims;
        let expected = app.reception.expected(&app.desk, &claims, call_id);
        let expected = expected.await.unwrap();
        let arrival = app
            .reception
            .receive(&app.desk, &claims, expected, call_id, None)
            .await
            .unwrap();
        (claims.version, arrival.agent.version)
    }
}

fn named(name: &str) -> Value {
    let mut spec = agent(json!(["outbound"]));
    spec["name"] = name.into();
    spec
}

#[tokio::test]
async fn a_person_is_called_by_the_version_that_is_theirs() {
    let office = Office::open().await;
    office.change("POST", "/versions", &named("Two")).await;
    let shares = json!([{ "version": 1, "percent": 50 }, { "version": 2, "percent": 50 }]);
    office
        .change("PUT", "/split", &json!({ "versions": shares }))
        .await;
    let split: Vec<Share> = serde_json::from_value(shares).unwrap();
    let split = Split::try_from(split).unwrap();
    let mut seen = BTreeSet::new();
    for to in numbers() {
        let call = office.place(&to).await.made();
        let version = office.version_for(&split, &to).await;
        assert_eq!(call["agent_version"], version, "{to}");
        seen.insert(version);
        let (carrier_call_id, place) = office.carrier.placed().pop().unwrap();
        office.told(&place, &carrier_call_id, "no-answer").await;
    }
    assert_eq!(seen, BTreeSet::from([1, 2]));
    // Whoever asks for a version gets it.
    let to = numbers().next().unwrap();
    for version in [1, 2] {
        let mut call = office.call(&to);
        call["agent_version"] = version.into();
        let call = office
            .api
            .post(&office.who, "/v1/calls", &call)
            .await
            .made();
        assert_eq!(call["agent_version"], version);
        let (carrier_call_id, place) = office.carrier.placed().pop().unwrap();
        office.told(&place, &carrier_call_id, "no-answer").await;
    }
    let mut call = office.call(&to);
    call["agent_version"] = 9.into();
    let missing = office.api.post(&office.who, "/v1/calls", &call).await;
    assert_eq!(
        missing.fault(),
        ("/agent_version".into(), "not_found".into())
    );
}

#[tokio::test]
async fn what_is_published_while_it_rings_is_for_other_calls() {
    let office = Office::open().await;
    let to = numbers().next().unwrap();
    let call = office.place(&to).await.made();
    assert_eq!(call["agent_version"], 1);
    office.change("POST", "/versions", &named("Two")).await;
    assert_eq!(office.held_by(&id(&call)).await, (Some(1), 1));
    assert_eq!(office.shown(&id(&call)).await["agent_version"], 1);
    let next = office.place(&numbers().nth(1).unwrap()).await.made();
    assert_eq!(office.held_by(&id(&next)).await, (Some(2), 2));
}

#[tokio::test]
async fn a_draft_is_tried_as_it_was_when_the_call_was_placed() {
    let office = Office::open().await;
    office.change("PUT", "/draft", &named("Two")).await;
    let to = numbers().next().unwrap();
    let mut wanted = office.call(&to);
    wanted["agent_version"] = "draft".into();
    let call = office
        .api
        .post(&office.who, "/v1/calls", &wanted)
        .await
        .made();
    assert_eq!(call["agent_version"], 2);
    office.change("PUT", "/draft", &named("Three")).await;
    assert_eq!(office.held_by(&id(&call)).await, (Some(2), 2));
    let tried = office.change("GET", "/versions/2", &Value::Null).await;
    assert_eq!(
        (&tried["spec"]["name"], &tried["trial"]),
        (&json!("Two"), &json!(true))
    );
    // Nobody else is called with it.
    let usual = office.place(&numbers().nth(1).unwrap()).await.made();
    assert_eq!(usual["agent_version"], 1);
    // An agent that answers no call any more holds none that was placed before, either.
    office.change("PUT", "/draft", &named("Four")).await;
    let secret = Some(office.who.secret.as_str());
    let path = format!("/v1/agents/{}", office.agent_id);
    let gone = office
        .api
        .ask(secret, "DELETE", &path, &Value::Null, &[])
        .await;
    assert_eq!(gone.status, 204);
    let (carrier_call_id, place) = office.carrier.placed().pop().unwrap();
    office.answered(&place, &carrier_call_id).await;
    let app = &office.api.app;
    let claims = app.awaited.take(&id(&usual)).unwrap().claims;
    let expected = app
        .reception
        .expected(&app.desk, &claims, &id(&usual))
        .await;
    assert!(expected.is_err());
}
