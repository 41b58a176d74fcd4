//! Calls that a crash left without a journal.

use trunkline::clock;
use trunkline::desk::{Desk, care};
use trunkline::ids;
use trunkline::store::calls::{Call, CallStatus, NewCall};
use trunkline_core::token::Direction;

use super::{Folder, begin};

async fn row(house: &Folder, desk: &Desk, status: CallStatus, created_ms: i64) -> String {
    let id = ids::new_id("call");
    let row = NewCall {
        id: id.clone(),
        agent_id: "front-desk".into(),
        agent_version: 0,
        direction: Direction::Outbound,
        status,
        created_ms,
        from: None,
        to: None,
        subject_id: None,
        consent_mode: None,
        rules: None,
        sealed_key: None,
        carrier: None,
        carrier_call_id: None,
        metadata: None,
    };
    desk.store.calls().add(&house.client, &row).await.unwrap();
    id
}

async fn find(house: &Folder, desk: &Desk, id: &str) -> Call {
    let call = desk.store.calls().find(&house.client, id).await.unwrap();
    call.unwrap()
}

#[tokio::test]
async fn a_start_ends_calls_that_have_no_journal() {
    let house = Folder::new().await;
    let desk = house.open().await;
    let now_ms = clock::unix_ms();
    let mut lost = Vec::new();
    for _ in 0..300 {
        lost.push(row(&house, &desk, CallStatus::InProgress, now_ms).await);
    }
    let queued = row(&house, &desk, CallStatus::Queued, now_ms).await;
    desk.close().await;
    drop(desk);
    let desk = house.open().await;
    for id in &lost {
        let call = find(&house, &desk, id).await;
        assert_eq!(call.status, CallStatus::Ended);
        assert_eq!(call.ended_reason.as_deref(), Some("server_lost"));
        assert_eq!(call.ended_ms, Some(now_ms));
    }
    assert_eq!(
        find(&house, &desk, &queued).await.status,
        CallStatus::Queued
    );
}

#[tokio::test]
async fn a_round_ends_old_strays_and_nothing_that_may_yet_begin() {
    let house = Folder::new().await;
    let desk = house.open().await;
    let now_ms = clock::unix_ms();
    let old_ms = now_ms - 3_600_000;
    let stray = row(&house, &desk, CallStatus::InProgress, old_ms).await;
    let young = row(&house, &desk, CallStatus::InProgress, now_ms).await;
    let unkept = row(&house, &desk, CallStatus::InProgress, old_ms).await;
    let _held = desk.live.register(&house.client, &unkept, true);
    let (recorded, _journal) = begin(&desk, &house.client).await;
    desk.journals.flush().await.unwrap();
    desk.rows.flush().await.unwrap();
    care::round(&desk).await;
    let status = async |id| find(&house, &desk, id).await.status;
    assert_eq!(status(&stray).await, CallStatus::Ended);
    for id in [&young, &unkept, &recorded] {
        assert_eq!(status(id).await, CallStatus::InProgress);
    }
}
