//! Complaints, and what is counted of calls, on both databases.

use trunkline::ids::new_id;
use trunkline::store::StoreError;
use trunkline::store::attempts::{Begun, NewAttempt};
use trunkline::store::calls::CarrierEnd;
use trunkline::store::complaints::{ComplaintSource, ComplaintState, NewComplaint};
use trunkline::store::suppressions::NewSuppression;
use trunkline::store::suspensions::{Cause, NewSuspension};
use trunkline_core::ratios::Counts;

use super::attempts::{attempt, call};
use super::bench::{Bench, NOW, hash, sealed};

super::on_both!(
    a_complaint_is_its_clients_alone,
    calls_are_counted_by_what_became_of_them,
    who_is_left_waiting_is_counted,
);

fn complaint(created_ms: i64) -> NewComplaint {
    NewComplaint {
        id: new_id("cmp"),
        number_index: hash(1),
        subject_id: "subject".into(),
        source: ComplaintSource::Authority,
        about_ms: NOW - 5,
        body: sealed("words"),
        suppression_id: "sup_1".into(),
        created_ms,
    }
}

async fn a_complaint_is_its_clients_alone(bench: Bench) {
    let (ours, theirs) = (&bench.ours, &bench.theirs);
    let complaints = bench.store.complaints();
    let (first, second) = (complaint(NOW), complaint(NOW + 1));
    for new in [&first, &second, &first] {
        complaints.add(ours, new).await.unwrap();
    }
    let found = complaints.find(ours, &first.id).await.unwrap().unwrap();
    assert_eq!(
        (found.state, found.source, &found.body, found.revision),
        (
            ComplaintState::Open,
            ComplaintSource::Authority,
            &first.body,
            1
        )
    );
    assert_eq!(complaints.find(theirs, &first.id).await.unwrap(), None);
    let page = complaints.list(ours, None, 1).await.unwrap();
    assert_eq!(page.data[0].id, second.id);
    let rest = complaints.list(ours, page.next.as_ref(), 9).await.unwrap();
    assert_eq!(rest.data, [found]);
    assert!(
        complaints
            .list(theirs, None, 9)
            .await
            .unwrap()
            .data
            .is_empty()
    );
    let set = async |client, revision| {
        let state = ComplaintState::Upheld;
        complaints
            .set_state(client, &first.id, revision, state, NOW + 9)
            .await
    };
    assert!(matches!(
        set(theirs, 1).await,
        Err(StoreError::Missing { .. })
    ));
    assert_eq!(set(ours, 1).await.unwrap(), 2);
    assert!(matches!(
        set(ours, 1).await,
        Err(StoreError::Stale { revision: 2 })
    ));
    let found = complaints.find(ours, &first.id).await.unwrap().unwrap();
    assert_eq!(
        (found.state, found.updated_ms),
        (ComplaintState::Upheld, NOW + 9)
    );
    // Told of once each.
    let system = bench.store.system();
    while system.publish(NOW, 100).await.unwrap().events > 0 {}
    let (told, _) = bench.store.outbox().list(ours, 0, 9).await.unwrap();
    assert_eq!(told.len(), 2);
    let (told, _) = bench.store.outbox().list(theirs, 0, 9).await.unwrap();
    assert!(told.is_empty());
}

/// A call that was placed and answered, and lasted so long; its id.
async fn held(bench: &Bench, n: u8, lasted_ms: i64) -> String {
    let (store, ours, call) = (&bench.store, &bench.ours, call());
    let new = NewAttempt {
        to_index: hash(n),
        ..attempt()
    };
    let begun = store.attempts().begin(ours, &call, &new, || true).await;
    assert_eq!(begun.unwrap(), Begun::Ask);
    assert!(
        store
            .calls()
            .answered(ours, &call.id, NOW + 1)
            .await
            .unwrap()
    );
    let end = CarrierEnd {
        ended_ms: NOW + 1 + lasted_ms,
        outcome: "completed",
        answered_ms: None,
        duration_ms: Some(lasted_ms),
    };
    let ended = store.calls().ended_at_carrier(ours, &call.id, &end).await;
    assert!(ended.unwrap());
    call.id
}

async fn calls_are_counted_by_what_became_of_them(bench: Bench) {
    let (store, ours, theirs) = (&bench.store, &bench.ours, &bench.theirs);
    let mut calls = Vec::new();
    for (n, lasted_ms) in [(10, 5_999), (11, 6_000), (12, 60_000)] {
        calls.push(held(&bench, n, lasted_ms).await);
    }
    // A number that is none, and a carrier that would not.
    for (n, failure) in [(13, "invalid_number"), (14, "carrier_refused")] {
        let (call, new) = (
            call(),
            NewAttempt {
                to_index: hash(n),
                ..attempt()
            },
        );
        let attempts = store.attempts();
        let begun = attempts.begin(ours, &call, &new, || true).await;
        assert_eq!(begun.unwrap(), Begun::Ask);
        let found = attempts.find(ours, &new.id).await.unwrap().unwrap();
        let failed = attempts.failed(ours, &found, failure, NOW + 1, &[]).await;
        assert!(failed.unwrap());
    }
    // An opt-out of a call's, and one that came by another way.
    for (n, call_id) in [(20, Some(calls[0].clone())), (21, None)] {
        let new = NewSuppression {
            id: new_id("sup"),
            campaign_id: None,
            hash: hash(n),
            reason: "opt_out".into(),
            source: "call".into(),
            call_id,
            created_ms: NOW + 1,
        };
        store.suppressions().add(ours, &new).await.unwrap();
    }
    store
        .complaints()
        .add(ours, &complaint(NOW + 1))
        .await
        .unwrap();
    let ratios = store.ratios();
    let want = Counts {
        placed: 5,
        answered: 3,
        short: 1,
        opt_outs: 1,
        invalid: 1,
        complaints: 1,
    };
    assert_eq!(ratios.counts(ours, NOW - 1).await.unwrap(), want);
    let later = ratios.counts(ours, NOW + 1).await.unwrap();
    assert_eq!(later, Counts::default());
    let foreign = ratios.counts(theirs, 0).await.unwrap();
    assert_eq!(foreign, Counts::default());
    // Only what this server stopped by itself begins anew.
    let suspensions = store.suspensions();
    for (cause, want) in [(Cause::Operator, 0), (Cause::OptOuts, NOW + 7)] {
        let new = NewSuspension {
            id: new_id("sus"),
            agent_id: None,
            cause,
            note: None,
            hang_up: false,
            since_ms: NOW,
        };
        assert!(suspensions.suspend(ours, &new).await.unwrap());
        assert!(suspensions.resume(ours, None, NOW + 7).await.unwrap());
        assert_eq!(ratios.last_lifted(ours).await.unwrap(), want);
        assert_eq!(ratios.last_lifted(theirs).await.unwrap(), 0);
    }
}

async fn who_is_left_waiting_is_counted(bench: Bench) {
    let (ours, theirs) = (&bench.ours, &bench.theirs);
    let calls = bench.store.calls();
    for (n, greeted_after_ms, lasted_ms) in [
        (30, Some(2_000), 9_000),
        (31, Some(2_001), 9_000),
        (32, None, 2_001),
        (33, None, 2_000),
    ] {
        let id = held(&bench, n, lasted_ms).await;
        if let Some(after_ms) = greeted_after_ms {
            let greeted = calls.greeted(ours, &id, NOW + 1 + after_ms);
            assert!(greeted.await.unwrap());
            assert!(!calls.greeted(ours, &id, NOW).await.unwrap());
            assert!(!calls.greeted(theirs, &id, NOW).await.unwrap());
        }
    }
    let counted = calls.abandonment(ours, NOW).await.unwrap();
    assert_eq!((counted.answered, counted.abandoned), (4, 2));
    let counted = calls.abandonment(ours, NOW + 1).await.unwrap();
    assert_eq!((counted.answered, counted.abandoned), (0, 0));
    let counted = calls.abandonment(theirs, 0).await.unwrap();
    assert_eq!((counted.answered, counted.abandoned), (0, 0));
}
