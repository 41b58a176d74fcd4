//! Which version holds a call that came in.

use serde_json::{Value, json};
use trunkline::carrier_double::rest::Rung;
use trunkline::desk;
use trunkline_core::phone::PhoneNumber;
use trunkline_core::versions::{Share, Split, Whose};

use super::rig::{NOON_MS, NUMBER, Town, greeter};
use crate::api::rig::Api;
use crate::session::rig::{heard, unhurried};

const NAMES: [&str; 2] = ["Robin", "Marian"];

/// A town whose number is answered by two versions of an agent, half and half.
async fn town() -> (Town, Split) {
    let town = Town::found_in_memory(Api::open().await, NOON_MS).await;
    change(&town, "POST", "/versions", &greeter(NAMES[1])).await;
    let shares = json!([{ "version": 1, "percent": 50 }, { "version": 2, "percent": 50 }]);
    change(&town, "PUT", "/split", &json!({ "versions": shares })).await;
    let shares: Vec<Share> = serde_json::from_value(shares).unwrap();
    (town, Split::try_from(shares).unwrap())
}

async fn change(town: &Town, method: &str, what: &str, body: &Value) {
    let path = format!("/v1/agents/{}{what}", town.agent_id);
    let secret = Some(town.who.secret.as_str());
    let answer = town.api.ask(secret, method, &path, body, &[]).await;
    assert!((200..300).contains(&answer.status), "{answer:?}");
}

/// A caller for each version.
async fn callers(town: &Town, split: &Split) -> [String; 2] {
    let keys = town.api.app.desk.keys(&town.who.client).await.unwrap();
    [1, 2].map(|version| {
        let mut numbers = (0..100).map(|n| format!("+141555501{n:02}"));
        let is_theirs = |number: &String| {
            let hash = desk::call_index(&keys, &PhoneNumber::parse(number).unwrap());
            split.version_for(&town.agent_id, Whose::Person(&hash)) == version
        };
        numbers.find(is_theirs).unwrap()
    })
}

/// Calls, and listens until the agent has hung up.
async fn ring(town: &Town, from: &str) -> String {
    let rung = unhurried(town.carrier.ring(from, NUMBER)).await;
    let Rung::Line(mut line) = rung else {
        panic!("the call was not taken: {rung:?}");
    };
    line.wait_until_over().await;
    heard(&line.finish().await.unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_caller_hears_the_same_version_each_time() {
    let (town, split) = unhurried(town()).await;
    let callers = unhurried(callers(&town, &split)).await;
    for _ in 0..2 {
        for (from, name) in callers.iter().zip(NAMES) {
            let words = ring(&town, from).await;
            assert!(words.contains(&format!("this is {name},")), "{words}");
        }
    }
    ring(&town, "anonymous").await;
    let mut rows = unhurried(town.rows()).await;
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    let last = rows.pop().unwrap();
    let versions: Vec<u32> = rows.iter().map(|row| row.agent_version).collect();
    assert_eq!(versions, [1, 2, 1, 2]);
    // Who has no number has one of them too.
    assert!(last.from.is_none());
    let theirs = split.version_for(&town.agent_id, Whose::Unknown(&last.id));
    assert_eq!(last.agent_version, theirs);
}

#[tokio::test(start_paused = true)]
async fn what_is_published_before_the_socket_comes_is_for_other_calls() {
    let (town, split) = unhurried(town()).await;
    let [first, second] = unhurried(callers(&town, &split)).await;
    let settled = async |sid: &str, from: &str| {
        let pairs = [
            ("CallSid", sid),
            ("AccountSid", "AC1"),
            ("From", from),
            ("To", NUMBER),
            ("Direction", "inbound"),
        ];
        let voice = town.addresses().voice(None);
        assert_eq!(unhurried(town.carrier.post(&voice, &pairs)).await, 200);
        let app = &town.api.app;
        let awaited = app.awaited.of_carrier(&town.carrier_id, sid).unwrap();
        let (claims, id) = (&awaited.claims, &awaited.claims.call_id);
        let expected = app.reception.expected(&app.desk, claims, id);
        let held_by = unhurried(expected).await.unwrap().agent.version;
        assert_eq!(claims.version, Some(held_by));
        held_by
    };
    assert_eq!(settled("CA1", &first).await, 1);
    assert_eq!(settled("CA2", &second).await, 2);
    unhurried(change(&town, "POST", "/versions", &greeter("Tuck"))).await;
    // Asked about again, these stay what they were; a new one is the new version's.
    assert_eq!(settled("CA1", &first).await, 1);
    assert_eq!(settled("CA2", &second).await, 2);
    assert_eq!(settled("CA3", &first).await, 3);
}
