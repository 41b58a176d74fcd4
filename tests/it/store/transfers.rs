//! Transfers: written before anybody is called, open until it is known how they ended, and each client's own.

use trunkline::ids::new_id;
use trunkline::store::suppressions::NewSuppression;
use trunkline::store::transfers::{Kind, NewTransfer};

use super::bench::{Bench, NOW, hash, sealed};

super::on_both!(
    a_transfer_is_open_until_it_has_ended,
    nobody_is_called_who_is_suppressed_by_now,
);

fn transfer(call_id: &str) -> NewTransfer {
    NewTransfer {
        id: new_id("tran"),
        call_id: call_id.to_owned(),
        carrier_id: "carr_1".into(),
        agent_id: "agent_1".into(),
        kind: Kind::Warm,
        plan: sealed("plan"),
        caller_leg: "CA1".into(),
        suppression: hash(3),
        platform_suppression: hash(4),
        asked_ms: NOW,
    }
}

async fn a_transfer_is_open_until_it_has_ended(bench: Bench) {
    let (store, ours, theirs) = (&bench.store, &bench.ours, &bench.theirs);
    let (transfers, system) = (store.transfers(), store.system());
    let (first, second) = (transfer("call_1"), transfer("call_1"));
    for new in [&first, &second] {
        assert!(transfers.begin(ours, new).await.unwrap());
    }
    let found = transfers.of_call(ours, "call_1").await.unwrap();
    assert_eq!(found.len(), 2);
    let one = &found[0];
    assert_eq!(
        (&one.plan, one.kind, one.is_open),
        (&first.plan, Kind::Warm, true)
    );
    assert_eq!(
        (&one.person_leg, &one.outcome, one.ended_ms),
        (&None, &None, None)
    );
    assert_eq!(transfers.of_call(theirs, "call_1").await.unwrap(), []);
    let open = system.open_transfers("", 9).await.unwrap();
    assert_eq!(open.len(), 2);
    assert!(open.iter().all(|(client, _)| client == ours));

    // Nothing of it is another client's to change.
    assert!(!transfers.placed(theirs, &first.id, "CA2").await.unwrap());
    transfers
        .ended(theirs, &first.id, "declined", NOW)
        .await
        .unwrap();
    transfers
        .became(theirs, &first.id, "declined", NOW)
        .await
        .unwrap();
    let (owner, same) = system.transfer(&first.id).await.unwrap().unwrap();
    assert_eq!(
        (&owner, same.is_open, &same.person_leg, &same.outcome),
        (ours, true, &None, &None)
    );

    assert!(transfers.placed(ours, &first.id, "CA2").await.unwrap());
    assert!(!transfers.placed(ours, &first.id, "CA3").await.unwrap());
    let by_leg = transfers.of_carrier_call(ours, "CA2").await.unwrap();
    assert_eq!(by_leg.as_ref(), Some(&first.id));
    assert_eq!(
        transfers.of_carrier_call(theirs, "CA2").await.unwrap(),
        None
    );
    transfers
        .became(ours, &first.id, "put_through", NOW + 1)
        .await
        .unwrap();
    let (_, led) = system.transfer(&first.id).await.unwrap().unwrap();
    let told = (led.outcome.as_deref(), led.ended_ms, led.is_open);
    assert_eq!(told, (Some("put_through"), Some(NOW + 1), true));
    assert_eq!(system.open_transfers("", 9).await.unwrap().len(), 2);
    transfers
        .ended(ours, &first.id, "hung_up", NOW + 2)
        .await
        .unwrap();
    let (_, ended) = system.transfer(&first.id).await.unwrap().unwrap();
    let told = (ended.outcome.as_deref(), ended.ended_ms, ended.is_open);
    assert_eq!(told, (Some("hung_up"), Some(NOW + 2), false));
    let open = system.open_transfers("", 9).await.unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!(system.open_transfers(&second.id, 9).await.unwrap(), []);
    assert_eq!(system.transfer("tran_none").await.unwrap(), None);
}

async fn nobody_is_called_who_is_suppressed_by_now(bench: Bench) {
    let (store, ours) = (&bench.store, &bench.ours);
    let new = transfer("call_2");
    let suppression = NewSuppression {
        id: new_id("sup"),
        hash: new.suppression,
        reason: "asked".into(),
        source: "api".into(),
        call_id: None,
        campaign_id: None,
        created_ms: NOW,
    };
    store.suppressions().add(ours, &suppression).await.unwrap();
    let transfers = store.transfers();
    assert!(!transfers.begin(ours, &new).await.unwrap());
    assert_eq!(transfers.of_call(ours, "call_2").await.unwrap(), []);
    assert!(transfers.begin(&bench.theirs, &new).await.unwrap());
}
