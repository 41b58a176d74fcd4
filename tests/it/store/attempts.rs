//! Attempts, and what clients allow: written before anybody is called, once, and each client's own.

use trunkline::ids::new_id;
use trunkline::store::StoreError;
use trunkline::store::after::{OwnWord, SetBy};
use trunkline::store::attempts::{AttemptState, Begun, NewAttempt, Window};
use trunkline::store::calls::{CallEnd, CallStatus, CarrierEnd, NewCall};
use trunkline::store::standing::Checks;
use trunkline::store::suppressions::NewSuppression;
use trunkline_core::token::Direction;

use super::bench::{Bench, NOW, hash, number, sealed};

super::on_both!(
    an_attempt_goes_forward_and_never_back,
    a_suppressed_number_leaves_no_row,
    an_id_makes_one_call,
    calls_to_a_number_are_counted_in_the_transaction_that_writes_one,
    nobody_is_called_while_a_call_with_them_goes_on,
    of_two_that_begin_at_once_one_does,
    what_is_too_old_once_nobody_is_in_between_is_not_begun,
    old_attempts_are_found_some_at_a_time,
    conversations_and_refusals_are_found_by_the_number,
    what_a_client_allows_is_its_own
);

const DAY: i64 = 24 * 3_600_000;

pub(super) fn call() -> NewCall {
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

pub(super) fn attempt() -> NewAttempt {
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
        windows: Vec::new(),
        live_since_ms: i64::MAX,
        callback_id: None,
        checks: Checks::default(),
    }
}

async fn an_attempt_goes_forward_and_never_back(bench: Bench) {
    let (store, ours, theirs) = (&bench.store, &bench.ours, &bench.theirs);
    let (attempts, system) = (store.attempts(), store.system());
    let (one, other) = (call(), call());
    let (first, second) = (attempt(), attempt());
    for (call, new) in [(&one, &first), (&other, &second)] {
        assert_eq!(
            attempts.begin(ours, call, new, || true).await.unwrap(),
            Begun::Ask
        );
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
            .failed(ours, &found, "never_placed", NOW, &[])
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
            .failed(theirs, &found, "never_placed", NOW + 5, &[])
            .await
            .unwrap()
    );
    assert!(
        attempts
            .failed(ours, &found, "never_placed", NOW + 5, &[])
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
        let begun = store
            .attempts()
            .begin(client, &call, &attempt(), || true)
            .await;
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
        attempts.begin(ours, &call, &first, || true).await.unwrap(),
        Begun::Ask
    );
    let again = attempts.begin(ours, &call, &attempt(), || true).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
    let found = attempts.of_call(ours, &call.id).await.unwrap();
    assert_eq!(found.unwrap().id, first.id);
}

fn window(since_ms: i64, calls_max: u32) -> Window {
    Window {
        since_ms,
        apart_from_call_id: None,
        calls_max,
    }
}

async fn calls_to_a_number_are_counted_in_the_transaction_that_writes_one(bench: Bench) {
    let (store, ours, theirs) = (&bench.store, &bench.ours, &bench.theirs);
    let attempts = store.attempts();
    // A week ago, and one that is to be the only one of the day.
    let of_day = |asked_ms| NewAttempt {
        windows: vec![window(NOW - 7 * DAY, 7), window(NOW - DAY, 1)],
        asked_ms,
        ..attempt()
    };
    let begin = async |client, new: &NewAttempt| {
        let call = call();
        let begun = attempts.begin(client, &call, new, || true).await.unwrap();
        let row = attempts.of_call(client, &call.id).await.unwrap();
        assert_eq!(row.is_some(), begun == Begun::Ask);
        (begun, call.id)
    };
    let (begun, _) = begin(ours, &of_day(NOW - 7 * DAY + 1)).await;
    assert_eq!(begun, Begun::Ask);
    let (begun, first) = begin(ours, &of_day(NOW)).await;
    assert_eq!(begun, Begun::Ask);
    assert_eq!(begin(ours, &of_day(NOW)).await.0, Begun::Called);
    // Of another client's calls nobody knows here.
    assert_eq!(begin(theirs, &of_day(NOW)).await.0, Begun::Ask);
    // One call is not counted where it was asked for in it; every other is.
    let apart = |call_id: &str| NewAttempt {
        windows: vec![Window {
            apart_from_call_id: Some(call_id.to_owned()),
            ..window(NOW - DAY, 1)
        }],
        ..attempt()
    };
    assert_eq!(begin(ours, &apart("call_other")).await.0, Begun::Called);
    assert_eq!(begin(ours, &apart(&first)).await.0, Begun::Ask);
    assert_eq!(begin(ours, &apart(&first)).await.0, Begun::Called);
    let began = async |since| attempts.began(ours, &hash(2), since, 10).await.unwrap();
    assert_eq!(began(NOW - 1).await, [NOW, NOW]);
    assert_eq!(began(NOW).await, [0_i64; 0]);
    // What never was a call counts no more.
    let found = attempts.of_call(ours, &first).await.unwrap().unwrap();
    let ended = attempts.failed(ours, &found, "refused", NOW, &[]).await;
    assert!(ended.unwrap());
    assert_eq!(began(NOW - 1).await, [NOW]);
}

async fn nobody_is_called_while_a_call_with_them_goes_on(bench: Bench) {
    let (store, ours, theirs) = (&bench.store, &bench.ours, &bench.theirs);
    let attempts = store.attempts();
    let now = || NewAttempt {
        live_since_ms: NOW - DAY,
        ..attempt()
    };
    let begin = async |client| {
        let begun = attempts.begin(client, &call(), &now(), || true).await;
        let index = hash(2);
        let is_engaged = attempts.is_engaged(client, &index, NOW - DAY).await;
        (begun.unwrap(), is_engaged.unwrap())
    };
    let ring = async |client, direction, from, to| {
        let rings = NewCall {
            direction,
            status: CallStatus::InProgress,
            from: Some(number(from)),
            to: Some(number(to)),
            ..call()
        };
        store.calls().add(client, &rings).await.unwrap();
        rings.id
    };
    // They ring: nobody else does, as long as they do.
    let calls_us = ring(ours, Direction::Inbound, 2, 1).await;
    assert_eq!(begin(ours).await, (Begun::Engaged, true));
    // Who is called from there is not there, and another client's calls are not ours.
    ring(theirs, Direction::Outbound, 2, 1).await;
    ring(theirs, Direction::Inbound, 1, 2).await;
    assert_eq!(begin(theirs).await, (Begun::Ask, true));
    assert_eq!(begin(theirs).await, (Begun::Engaged, true));
    let end = CallEnd::default();
    store
        .calls()
        .ended(ours, &calls_us, NOW, &end)
        .await
        .unwrap();
    // One that nobody knows the end of is over some time.
    let ages = attempts.is_engaged(theirs, &hash(2), NOW).await;
    assert!(!ages.unwrap());
    let of_call = ring(ours, Direction::Outbound, 1, 2).await;
    assert_eq!(begin(ours).await, (Begun::Engaged, true));
    store
        .calls()
        .ended(ours, &of_call, NOW, &end)
        .await
        .unwrap();
    assert_eq!(begin(ours).await, (Begun::Ask, true));
}

/// Also where they do not wait for each other's writing.
async fn of_two_that_begin_at_once_one_does(bench: Bench) {
    let (attempts, ours) = (bench.store.attempts(), &bench.ours);
    for n in 40..50_u8 {
        let new = |live_since_ms, windows| NewAttempt {
            to_index: hash(n),
            windows,
            live_since_ms,
            ..attempt()
        };
        let by_count = || new(i64::MAX, vec![window(NOW - 1, 1)]);
        let by_line = || new(NOW - 1, Vec::new());
        let both: [NewAttempt; 8] = match n % 2 {
            0 => std::array::from_fn(|_| by_count()),
            _ => std::array::from_fn(|_| by_line()),
        };
        let begun = both.iter().map(async |new| {
            let begun = attempts.begin(ours, &call(), new, || true).await;
            begun.unwrap() == Begun::Ask
        });
        let begun = futures_util::future::join_all(begun).await;
        assert_eq!(begun.iter().filter(|begun| **begun).count(), 1, "{n}");
    }
}

async fn what_is_too_old_once_nobody_is_in_between_is_not_begun(bench: Bench) {
    let (attempts, ours) = (bench.store.attempts(), &bench.ours);
    let call = call();
    let begun = attempts.begin(ours, &call, &attempt(), || false).await;
    assert_eq!(begun.unwrap(), Begun::Stale);
    assert_eq!(attempts.of_call(ours, &call.id).await.unwrap(), None);
}

async fn old_attempts_are_found_some_at_a_time(bench: Bench) {
    let (store, ours, theirs) = (&bench.store, &bench.ours, &bench.theirs);
    let (attempts, system) = (store.attempts(), store.system());
    let mut ids: Vec<String> = (0..4).map(|_| new_id("att")).collect();
    ids.sort();
    for ((id, n), client) in ids.iter().zip(0..).zip([ours, theirs, ours, ours]) {
        let new = NewAttempt {
            id: id.clone(),
            asked_ms: NOW + n,
            ..attempt()
        };
        attempts
            .begin(client, &call(), &new, || true)
            .await
            .unwrap();
    }
    let found = async |after: &str, by_ms, limit| {
        let open = system.open_attempts_since(after, by_ms, limit).await;
        let open = open.unwrap().into_iter();
        open.map(|(_, attempt)| attempt.id).collect::<Vec<_>>()
    };
    assert_eq!(found("", NOW - 1, 9).await, [""; 0]);
    assert_eq!(found("", NOW + 2, 9).await, ids[..3]);
    assert_eq!(found("", NOW + 9, 2).await, ids[..2]);
    assert_eq!(found(&ids[1], NOW + 9, 2).await, ids[2..]);
    let over = attempts.find(ours, &ids[0]).await.unwrap().unwrap();
    attempts
        .failed(ours, &over, "refused", NOW, &[])
        .await
        .unwrap();
    assert_eq!(found("", NOW, 9).await, [""; 0]);
}

async fn what_a_client_allows_is_its_own(bench: Bench) {
    let (ours, theirs) = (&bench.ours, &bench.theirs);
    let dialling = bench.store.dialling();
    assert_eq!(dialling.find(ours).await.unwrap().revision, 0);
    assert_eq!(
        dialling
            .set(ours, 0, &["+1212", "+49"], (None, &["mobile", "voip"]), NOW)
            .await
            .unwrap(),
        1
    );
    let found = dialling.find(ours).await.unwrap();
    assert_eq!(found.destinations, ["+1212", "+49"]);
    assert_eq!(found.lines, ["mobile", "voip"]);
    assert_eq!(found.updated_ms, Some(NOW));
    assert!(dialling.find(theirs).await.unwrap().destinations.is_empty());
    // Of two that saw nothing yet, one is told that it was not alone.
    let stale = dialling.set(ours, 0, &[], (None, &[]), NOW).await;
    assert!(matches!(stale, Err(StoreError::Stale { revision: 1 })));
    let set = dialling.set(ours, 1, &[], (None, &[]), NOW + 1).await;
    assert_eq!(set.unwrap(), 2);
    let found = dialling.find(ours).await.unwrap();
    assert!(found.destinations.is_empty() && found.lines.is_empty());
}

async fn conversations_and_refusals_are_found_by_the_number(bench: Bench) {
    let calls = bench.store.calls();
    let over = async |new: NewCall, answered_ms: Option<i64>, ended_ms: i64| {
        calls.add(&bench.ours, &new).await.unwrap();
        let end = CarrierEnd {
            ended_ms,
            outcome: "completed",
            answered_ms,
            duration_ms: answered_ms.map(|_| 5),
        };
        calls
            .ended_at_carrier(&bench.ours, &new.id, &end)
            .await
            .unwrap();
        new.id
    };
    let to_them = over(call(), Some(NOW + 1), NOW + 10).await;
    over(call(), None, NOW + 20).await;
    let inbound = NewCall {
        direction: Direction::Inbound,
        from: Some(number(2)),
        to: Some(number(1)),
        ..call()
    };
    let from_them = over(inbound, Some(NOW + 21), NOW + 30).await;
    let attempts = bench.store.attempts();
    let talked = async |client, n, since_ms| {
        let hash = hash(n);
        let times = attempts.talked(client, &hash, since_ms, 9).await;
        let mut times = times.unwrap();
        times.sort_unstable();
        times
    };
    assert_eq!(talked(&bench.ours, 2, NOW - 1).await, [NOW + 10, NOW + 30]);
    assert_eq!(talked(&bench.ours, 2, NOW).await, [0; 0]);
    assert_eq!(talked(&bench.ours, 1, NOW - 1).await, [0; 0]);
    assert_eq!(talked(&bench.theirs, 2, NOW - 1).await, [0; 0]);
    for (call_id, label) in [(&to_them, 7), (&from_them, 8)] {
        let word = OwnWord {
            hash: hash(label),
            word: sealed("a word"),
        };
        let after = bench.store.after();
        let labelled = after.label(&bench.ours, call_id, &word, SetBy::Person, NOW);
        assert!(labelled.await.unwrap());
    }
    let declined = async |client, labels: [u8; 3]| {
        let labels = labels.map(hash);
        let times = attempts
            .declined(client, &hash(2), (NOW - 1, 9), &labels)
            .await;
        let mut times = times.unwrap();
        times.sort_unstable();
        times
    };
    assert_eq!(declined(&bench.ours, [7, 8, 9]).await, [NOW + 10, NOW + 30]);
    assert_eq!(declined(&bench.ours, [1, 7, 9]).await, [NOW + 10]);
    assert_eq!(declined(&bench.ours, [1, 3, 9]).await, [0; 0]);
    assert_eq!(declined(&bench.theirs, [7, 8, 9]).await, [0; 0]);
}
