//! Attempts, and what clients allow: written before anybody is called, once, and each client's own.

use trunkline::ids::new_id;
use trunkline::store::StoreError;
use trunkline::store::attempts::{AttemptState, Begun, NewAttempt};
use trunkline::store::calls::{CallStatus, NewCall};
use trunkline::store::suppressions::NewSuppression;
use trunkline_core::token::Direction;

use super::bench::{Bench, NOW, hash, number, sealed};

super::on_both!(
    an_attempt_goes_forward_and_never_back,
    a_suppressed_number_leaves_no_row,
    an_id_makes_one_call,
    calls_to_a_number_are_counted_in_the_transaction_that_writes_one,
    what_a_client_allows_is_its_own
);

fn call() -> NewCall {
    NewCall {
        id: new_id("call"),
        agent_id: "agent_1".into(),
        agent_version: 1,
        direction: Direction::Outbound,
        status: CallStatus::Queued,
        created_ms: NOW,
        from: Some(number(1)),
        to: Some(number(2)),
        subject_id: Some("subject".into()),
        consent_mode: None,
        rules: None,
        sealed_key: None,
        carrier: None,
        carrier_call_id: None,
        metadata: None,
    }
}

fn attempt() -> NewAttempt {
    NewAttempt {
        id: new_id("att"),
        carrier_id: "carr_1".into(),
        subject_id: "subject".into(),
        plan: sealed("plan"),
        decision: sealed("decision"),
        rules: "rules@1".into(),
        to_index: hash(2),
        suppression: hash(3),
        platform_suppression: hash(4),
        asked_ms: NOW,
        known_calls: u32::MAX,
        known_since_ms: NOW,
        callback_id: None,
    }
}

async fn an_attempt_goes_forward_and_never_back(bench: Bench) {
    let (store, ours, theirs) = (&bench.store, &bench.ours, &bench.theirs);
    let (attempts, system) = (store.attempts(), store.system());
    let (one, other) = (call(), call());
    let (first, second) = (attempt(), attempt());
    for (call, new) in [(&one, &first), (&other, &second)] {
        assert_eq!(attempts.begin(ours, call, new).await.unwrap(), Begun::Ask);
    }
    let found = attempts.of_call(ours, &one.id).await.unwrap().unwrap();
    assert_eq!(
        (found.state, &found.plan),
        (AttemptState::Asked, &first.plan)
    );
    assert_eq!(
        attempts.find(ours, &first.id).await.unwrap().as_ref(),
        Some(&found)
    );
    assert!(attempts.find(theirs, &first.id).await.unwrap().is_none());
    assert!(attempts.of_call(theirs, &one.id).await.unwrap().is_none());
    assert_eq!(
        system.attempt(&first.id).await.unwrap(),
        Some((ours.clone(), found.clone()))
    );
    assert_eq!(system.open_attempts("", 9).await.unwrap().len(), 2);
    assert_eq!(system.open_attempts("", 1).await.unwrap().len(), 1);

    // One is taken on, and over.
    assert!(!attempts.unknown(theirs, &first.id).await.unwrap());
    assert!(attempts.unknown(ours, &first.id).await.unwrap());
    assert!(
        !attempts
            .placed(theirs, &found, "twilio", "CA1")
            .await
            .unwrap()
    );
    assert!(
        attempts
            .placed(ours, &found, "twilio", "CA1")
            .await
            .unwrap()
    );
    assert!(
        !attempts
            .placed(ours, &found, "twilio", "CA2")
            .await
            .unwrap()
    );
    assert!(!attempts.unknown(ours, &first.id).await.unwrap());
    assert!(
        !attempts
            .failed(ours, &found, "never_placed", NOW)
            .await
            .unwrap()
    );
    let row = store.calls().find(ours, &one.id).await.unwrap().unwrap();
    assert_eq!(
        (row.status, row.carrier_call_id.as_deref()),
        (CallStatus::Queued, Some("CA1"))
    );
    let known = attempts.of_carrier_call(ours, "CA1").await.unwrap();
    assert_eq!(known.as_deref(), Some(first.id.as_str()));
    assert_eq!(attempts.of_carrier_call(theirs, "CA1").await.unwrap(), None);
    assert!(attempts.done(ours, &first.id).await.unwrap());
    assert!(!attempts.done(ours, &first.id).await.unwrap());

    // The other never was, and its call ends with it.
    let found = attempts.find(ours, &second.id).await.unwrap().unwrap();
    assert!(
        !attempts
            .failed(theirs, &found, "never_placed", NOW + 5)
            .await
            .unwrap()
    );
    assert!(
        attempts
            .failed(ours, &found, "never_placed", NOW + 5)
            .await
            .unwrap()
    );
    assert!(
        !attempts
            .placed(ours, &found, "twilio", "CA3")
            .await
            .unwrap()
    );
    let row = store.calls().find(ours, &other.id).await.unwrap().unwrap();
    assert_eq!(
        (row.status, row.ended_ms),
        (CallStatus::Ended, Some(NOW + 5))
    );
    assert_eq!(row.ended_reason.as_deref(), Some("never_placed"));
    assert!(system.open_attempts("", 9).await.unwrap().is_empty());
}

async fn a_suppressed_number_leaves_no_row(bench: Bench) {
    let (store, ours, theirs) = (&bench.store, &bench.ours, &bench.theirs);
    let suppression = |n| NewSuppression {
        id: new_id("sup"),
        campaign_id: None,
        hash: hash(n),
        reason: "opt_out".into(),
        source: "call".into(),
        call_id: None,
        created_ms: NOW,
    };
    let begin = async |client| {
        let call = call();
        let begun = store.attempts().begin(client, &call, &attempt()).await;
        let row = store.calls().find(client, &call.id).await.unwrap();
        let begun = begun.unwrap();
        assert_eq!(row.is_some(), begun == Begun::Ask);
        begun
    };
    store
        .suppressions()
        .add(ours, &suppression(3))
        .await
        .unwrap();
    assert_eq!(begin(ours).await, Begun::Suppressed);
    assert_eq!(begin(theirs).await, Begun::Ask);
    store.system().suppress(&suppression(4)).await.unwrap();
    assert_eq!(begin(theirs).await, Begun::Suppressed);
}

async fn an_id_makes_one_call(bench: Bench) {
    let (ours, attempts) = (&bench.ours, bench.store.attempts());
    let call = call();
    let first = attempt();
    assert_eq!(
        attempts.begin(ours, &call, &first).await.unwrap(),
        Begun::Ask
    );
    let again = attempts.begin(ours, &call, &attempt()).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
    let found = attempts.of_call(ours, &call.id).await.unwrap();
    assert_eq!(found.unwrap().id, first.id);
}

async fn calls_to_a_number_are_counted_in_the_transaction_that_writes_one(bench: Bench) {
    let (store, ours, theirs) = (&bench.store, &bench.ours, &bench.theirs);
    let attempts = store.attempts();
    let known = |known_calls| NewAttempt {
        known_calls,
        known_since_ms: NOW - 1,
        ..attempt()
    };
    let (first, at_once, next) = (known(0), known(0), known(1));
    let call_of_first = call();
    let begun = attempts.begin(ours, &call_of_first, &first).await;
    assert_eq!(begun.unwrap(), Begun::Ask);
    let refused = call();
    let begun = attempts.begin(ours, &refused, &at_once).await;
    assert_eq!(begun.unwrap(), Begun::Called);
    let none = attempts.of_call(ours, &refused.id).await.unwrap();
    assert_eq!(none, None);
    // Of another client's calls nobody knows here.
    let begun = attempts.begin(theirs, &call(), &known(0)).await;
    assert_eq!(begun.unwrap(), Begun::Ask);
    let begun = attempts.begin(ours, &call(), &next).await;
    assert_eq!(begun.unwrap(), Begun::Ask);
    let began = async |since| attempts.began(ours, &hash(2), since, 10).await.unwrap();
    assert_eq!(began(NOW - 1).await, [NOW, NOW]);
    assert_eq!(began(NOW).await, [0_i64; 0]);
    // What never was a call counts no more.
    let found = attempts.of_call(ours, &call_of_first.id).await.unwrap();
    let ended = attempts.failed(ours, &found.unwrap(), "refused", NOW).await;
    assert!(ended.unwrap());
    assert_eq!(began(NOW - 1).await, [NOW]);
}

async fn what_a_client_allows_is_its_own(bench: Bench) {
    let (ours, theirs) = (&bench.ours, &bench.theirs);
    let dialling = bench.store.dialling();
    assert_eq!(dialling.find(ours).await.unwrap().revision, 0);
    assert_eq!(
        dialling
            .set(ours, 0, &["+1212", "+49"], None, NOW)
            .await
            .unwrap(),
        1
    );
    let found = dialling.find(ours).await.unwrap();
    assert_eq!(found.destinations, ["+1212", "+49"]);
    assert_eq!(found.updated_ms, Some(NOW));
    assert!(dialling.find(theirs).await.unwrap().destinations.is_empty());
    // Of two that saw nothing yet, one is told that it was not alone.
    let stale = dialling.set(ours, 0, &[], None, NOW).await;
    assert!(matches!(stale, Err(StoreError::Stale { revision: 1 })));
    assert_eq!(dialling.set(ours, 1, &[], None, NOW + 1).await.unwrap(), 2);
    assert!(dialling.find(ours).await.unwrap().destinations.is_empty());
}
