//! Whose a call is, and what is known of one that is not kept.

use trunkline::carrier_double::{CallSetup, ConnectError};
use trunkline::clock;
use trunkline::desk::{self, Place, Unnamed, care};
use trunkline::ids::ClientId;
use trunkline::store::calls::CallStatus;
use trunkline_core::consent::Mode;
use trunkline_core::token::Claims;

use super::consent::ASKS;
use super::rig::{House, booker, hear_out};
use crate::session::rig::unhurried;

/// Why the call is turned away, with 404.
async fn turned_away(house: &House, claims: &Claims) -> String {
    match house.try_call(claims, CallSetup::new(1)).await {
        Err(ConnectError::Refused(404)) => {}
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("the call is held"),
    }
    let (desk, call_id) = (&house.app.desk, &claims.call_id);
    let reception = &house.app.reception;
    let received = unhurried(async {
        let expected = reception.expected(desk, claims, call_id).await?;
        reception
            .receive(desk, claims, expected, call_id, None)
            .await
    });
    received.await.err().unwrap().to_string()
}

async fn add_client(house: &House) {
    let desk = house.desk();
    let client = ClientId::new();
    let keys = desk.vault.add_client(&client).await.unwrap();
    let name = desk::seal(&keys, Place::new("clients.name", client.as_str()), "Elm");
    let clients = desk.store.clients();
    clients.add(&client, &name, clock::unix_ms()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_that_names_no_client_is_the_only_clients_or_nobodys() {
    let house = House::open(booker(ASKS)).await;
    let mut claims = house.claims();
    claims.client = None;
    assert_eq!(house.desk().unnamed(), Unnamed::Of(house.client.clone()));
    let (call_id, call) = house.call_as(claims.clone(), CallSetup::new(1)).await;
    drop(call);
    assert!(house.desk().live.is_live(&house.client, &call_id));

    unhurried(add_client(&house)).await;
    unhurried(care::round(house.desk())).await;
    assert_eq!(house.desk().unnamed(), Unnamed::Unclear);
    claims.call_id = trunkline::app::new_call_id();
    let said = turned_away(&house, &claims).await;
    assert_eq!(
        said,
        "this media URL names no client, and there are several"
    );
    claims.client = Some(house.client.as_str().to_owned());
    claims.call_id = trunkline::app::new_call_id();
    house.call_as(claims, CallSetup::new(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_was_closed_has_no_calls() {
    let house = House::open(booker(ASKS)).await;
    let clients = house.desk().store.clients();
    let closed = unhurried(clients.close(&house.client, clock::unix_ms())).await;
    assert!(closed.unwrap());
    let said = turned_away(&house, &house.claims()).await;
    assert_eq!(said, "no such client");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_cannot_be_kept_is_none_that_is_recorded_and_it_ends() {
    let house = House::open(booker(ASKS)).await;
    unhurried(house.desk().journals.close()).await;
    let (call_id, mut call) = house.call().await;
    hear_out(&mut call).await;
    let row = house.row(&call_id).await;
    assert_eq!(
        (row.status, row.consent_mode),
        (CallStatus::InProgress, Some(Mode::NoRecord))
    );
    drop(call);
    house.over().await;
    let row = house.row(&call_id).await;
    assert_eq!(row.status, CallStatus::Ended);
    assert_eq!(row.ended_reason.as_deref(), Some("caller_hung_up"));
    assert_eq!(row.consent_mode, Some(Mode::NoRecord));
    assert!(row.duration_ms.is_some());
    let behind = unhurried(house.desk().store.system().behind("", 9)).await;
    assert_eq!(behind.unwrap(), []);
}
