//! Somebody says in a call that they want no more calls: their client is told so, signed, and the number is called no more.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use trunkline::carrier_double::rest::Delivery;
use trunkline::deliveries;

use super::rig::{NOON_MS, NUMBER, Town};
use crate::api::rig::{Api, id};
use crate::events::library::verify;
use crate::events::receiver::{Does, Receiver};
use crate::events::{endpoint, on_this_machine};
use crate::session::rig::{heard, speech, unhurried};

/// In New York.
const CALLED: &str = "+12125550137";

#[tokio::test(start_paused = true)]
async fn who_opts_out_in_a_call_is_told_of_signed_and_is_called_no_more() {
    let (mut town, receiver, secret, foreign) = unhurried(async {
        let town = Town::found_in_memory(Api::open().await, NOON_MS).await;
        town.may_call(NOON_MS).await;
        on_this_machine(&town.api);
        let receiver = Receiver::open(Does::Takes).await;
        let (_, secret) = endpoint(&town.api, &town.who, &receiver.url, &["*"]).await;
        let foreign = Receiver::open(Does::Takes).await;
        let stranger = town.api.client().await;
        endpoint(&town.api, &stranger, &foreign.url, &["*"]).await;
        (town, receiver, secret, foreign)
    })
    .await;
    let call = json!({ "to": CALLED, "from": NUMBER, "agent_id": town.agent_id, "consent": { "form": "written", "source": "web_form" } });
    // What the carrier says comes twice, and is told once.
    town.carrier.delivery(Delivery::Twice);
    let made = unhurried(town.api.post(&town.who, "/v1/calls", &call)).await;
    let call_id = id(&made.made());
    let (_, mut line) = unhurried(town.carrier.answered()).await.unwrap();
    line.wait_agent_speaking_ms(100).await.unwrap();
    line.speak(speech("please don't call me again"))
        .await
        .unwrap();
    line.wait_until_over().await;
    let words = heard(&line.finish().await.unwrap());
    assert!(words.contains("will not call you again"), "{words}");
    town.written().await;
    let refused = unhurried(town.api.post(&town.who, "/v1/calls", &call)).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (409, "suppressed")
    );

    let telling = tokio::spawn(deliveries::keep(Arc::clone(&town.api.app)));
    unhurried(async {
        while !receiver
            .taken()
            .iter()
            .any(|one| one.kind() == "call.ended")
        {
            town.api.app.deliveries.look();
            receiver.until_taken(receiver.taken().len() + 1).await;
        }
        town.api.app.draining.send_replace(true);
        telling.await.unwrap();
    })
    .await;
    let taken = receiver.taken();
    let told: BTreeMap<String, Value> = taken.iter().map(|one| (one.kind(), one.json())).collect();
    assert_eq!(told.len(), taken.len(), "{told:?}");
    let opted_out = &told["call.opt_out"];
    assert_eq!(opted_out["data"]["id"], call_id.as_str());
    let suppressed = &told["suppression.created"]["data"];
    assert_eq!(suppressed["call_id"], call_id.as_str());
    assert_eq!(suppressed["reason"], "opt_out");
    let of_call = taken.iter().map(|one| one.json());
    let of_call = of_call.filter(|one| one["data"]["id"] == call_id.as_str());
    let steps: Vec<_> = of_call.map(|one| one["seq"].as_u64().unwrap()).collect();
    assert_eq!(
        steps,
        (1..=steps.len() as u64).collect::<Vec<_>>(),
        "{told:?}"
    );
    assert_eq!(told["call.queued"]["seq"], 1);
    for one in &taken {
        assert!(!one.body.contains("555"), "{}", one.body);
        assert!(!one.body.contains("call me again"), "{}", one.body);
    }
    assert!(foreign.taken().is_empty());
    let count = taken.len();
    let said = tokio::task::spawn_blocking(move || {
        let all: Vec<_> = taken.iter().map(|one| (secret.as_str(), one)).collect();
        verify(&all)
    });
    let said = unhurried(said).await.unwrap();
    assert_eq!(said.len(), count);
    assert!(said.iter().all(|one| told.contains_key(one)), "{said:?}");
}
