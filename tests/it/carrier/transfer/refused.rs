//! Who may not be called, and whose word does not count.

use trunkline::ids::new_id;
use trunkline::store::suspensions::{Cause, NewSuspension};
use trunkline_core::wire::twilio::webhook::Status;

use super::*;

#[tokio::test(start_paused = true)]
async fn nobody_is_called_whom_the_client_may_not_call() {
    let model = Model::open(tries("warm")).await;
    let town = unhurried(async {
        let town = town(&model, "warm").await;
        let secret = Some(town.who.secret.as_str());
        let nowhere = json!({ "destinations": ["+49"] });
        let put = town.api.ask(secret, "PUT", "/v1/policy", &nowhere, &[]);
        put.await.fine();
        town
    })
    .await;
    let scene = Scene::in_town(town, model, ASKS, []).await;
    let (town, model, _) = scene.goes_on().await;
    assert_told(&model, "refused");
    assert_eq!(town.carrier.calls().len(), 1, "nobody was called");
    let (_, events, kept) = kept(&town).await;
    assert_eq!(transfers(&events), ["kind=warm outcome=refused"]);
    assert_eq!(kept.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_called_for_a_client_that_was_stopped_meanwhile() {
    let model = Model::open(tries("warm")).await;
    let town = unhurried(town(&model, "warm")).await;
    let mut caller = town.rung().await;
    let sid = town.carrier.calls().pop().unwrap().sid;
    caller.wait_until_agent_quiet(900).await.unwrap();
    let stop = NewSuspension {
        id: new_id("sus"),
        agent_id: None,
        cause: Cause::Operator,
        note: None,
        hang_up: false,
        since_ms: 0,
    };
    let suspensions = town.api.app.desk.store.suspensions();
    let stopped = unhurried(suspensions.suspend(&town.who.client, &stop)).await;
    assert!(stopped.unwrap());
    caller.speak(speech(ASKS)).await.unwrap();
    caller.wait_for_answer().await.unwrap();
    let scene = Scene {
        town,
        model,
        caller,
        sid,
    };
    // The conversation goes on.
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
    let id = open(&scene.town).await[0].id.clone();
    let town = &scene.town;
    let statuses = unhurried(async {
        let theirs = another_account(town).await;
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
