//! Callbacks: one for a number, taken once, gone with an opt-out, and each client's own.

use trunkline::ids::new_id;
use trunkline::store::StoreError;
use trunkline::store::attempts::{Begun, NewAttempt};
use trunkline::store::callbacks::{
    Callback, CallbackFilter, CallbackState, NewCallback, Scheduled,
};
use trunkline::store::calls::{CallStatus, NewCall};
use trunkline::store::consents::Withdrawal;
use trunkline::store::suppressions::NewSuppression;
use trunkline_core::consent::Refusal;
use trunkline_core::token::Direction;

use super::bench::{Bench, NOW, hash, number, sealed};

super::on_both!(
    a_number_has_one_callback_at_a_time,
    a_callback_is_taken_once_and_ends_with_its_attempt,
    an_opt_out_ends_what_was_promised,
    a_note_goes_with_consent,
    lists_are_in_order_and_filtered,
    a_callback_that_a_carrier_could_not_take_on_waits_longer_each_time,
    an_opt_out_and_a_promise_at_once_leave_no_promise,
    a_note_and_its_withdrawal_at_once_leave_no_note,
    every_client_has_its_turn,
);

fn callback(n: u8) -> NewCallback {
    NewCallback {
        id: new_id("cb"),
        agent_id: "agent_1".into(),
        asked_call_id: Some("call_1".into()),
        subject_id: "subject".into(),
        plan: sealed("plan"),
        note: Some(sealed("note")),
        number_index: hash(n),
        platform_index: hash(n + 100),
        zone: "America/New_York".into(),
        agreed_ms: NOW + 1_000,
        expires_ms: NOW + 9_000,
        created_ms: NOW,
    }
}

fn call(id: &str) -> NewCall {
    NewCall {
        id: id.to_owned(),
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

fn attempt(callback: &NewCallback) -> NewAttempt {
    NewAttempt {
        id: new_id("att"),
        carrier_id: "carr_1".into(),
        subject_id: "subject".into(),
        plan: sealed("plan"),
        decision: sealed("decision"),
        rules: "rules@1".into(),
        to_index: hash(2),
        suppression: callback.number_index,
        platform_suppression: callback.platform_index,
        asked_ms: NOW,
        windows: Vec::new(),
        live_since_ms: i64::MAX,
        callback_id: Some(callback.id.clone()),
        checks: Default::default(),
    }
}

fn suppression(hash: [u8; 32], campaign_id: Option<&str>) -> NewSuppression {
    NewSuppression {
        id: new_id("sup"),
        campaign_id: campaign_id.map(str::to_owned),
        hash,
        reason: "opt_out".into(),
        source: "api".into(),
        call_id: None,
        created_ms: NOW + 5,
    }
}

async fn found(bench: &Bench, new: &NewCallback) -> Callback {
    let callbacks = bench.store.callbacks();
    let mut all = Vec::new();
    for client in [&bench.ours, &bench.theirs] {
        all.extend(callbacks.find(client, &new.id).await.unwrap());
    }
    assert_eq!(all.len(), 1, "it is one client's");
    all.remove(0)
}

fn end(callback: &Callback) -> (CallbackState, Option<&str>, Option<i64>) {
    (
        callback.state,
        callback.reason.as_deref(),
        callback.ended_ms,
    )
}

async fn a_number_has_one_callback_at_a_time(bench: Bench) {
    let (callbacks, ours, theirs) = (bench.store.callbacks(), &bench.ours, &bench.theirs);
    let (first, second, other, foreign) = (callback(1), callback(1), callback(2), callback(1));
    let yes = |replaced| Scheduled::Yes { replaced };
    for (client, new, replaced) in [
        (ours, &first, false),
        (ours, &other, false),
        (theirs, &foreign, false),
        (ours, &second, true),
    ] {
        let scheduled = callbacks.schedule(client, new).await;
        assert_eq!(scheduled.unwrap(), yes(replaced));
    }
    let replaced = found(&bench, &first).await;
    assert_eq!(
        end(&replaced),
        (CallbackState::Cancelled, Some("replaced"), Some(NOW))
    );
    for new in [&second, &other, &foreign] {
        let one = found(&bench, new).await;
        assert_eq!(end(&one), (CallbackState::Scheduled, None, None));
        assert_eq!((one.due_ms, one.agreed_ms), (NOW + 1_000, NOW + 1_000));
        assert_eq!((&one.plan, &one.note), (&new.plan, &new.note));
    }
    // The same again is the same, and nothing of the one that stands is lost.
    let again = callbacks.schedule(ours, &second).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
    assert_eq!(found(&bench, &second).await.state, CallbackState::Scheduled);
    assert_eq!(callbacks.asked_in(ours, "call_1").await.unwrap().len(), 3);
    assert_eq!(callbacks.asked_in(theirs, "call_1").await.unwrap().len(), 1);
}

async fn a_callback_is_taken_once_and_ends_with_its_attempt(bench: Bench) {
    let (store, ours, theirs) = (&bench.store, &bench.ours, &bench.theirs);
    let (callbacks, attempts, system) = (store.callbacks(), store.attempts(), store.system());
    let new = callback(3);
    callbacks.schedule(ours, &new).await.unwrap();
    assert_eq!(callbacks.due(ours, NOW, 9).await.unwrap(), []);
    assert_eq!(system.next_callback().await.unwrap(), Some(NOW + 1_000));
    assert!(
        !callbacks
            .later(theirs, &new.id, NOW + 2_000, "waits")
            .await
            .unwrap()
    );
    assert!(
        callbacks
            .later(ours, &new.id, NOW + 2_000, "waits")
            .await
            .unwrap()
    );
    assert_eq!(callbacks.due(ours, NOW + 1_999, 9).await.unwrap(), []);
    let due = callbacks.due(ours, NOW + 2_000, 9).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!(&due[0].id, &new.id);
    assert_eq!(callbacks.due(theirs, NOW + 2_000, 9).await.unwrap(), []);

    // Nobody else's attempt takes it, and of two attempts one does; the other leaves no row.
    let (wrong, one, two) = (attempt(&new), attempt(&new), attempt(&new));
    let begun = attempts
        .begin(theirs, &call("call_w"), &wrong, || true)
        .await
        .unwrap();
    assert_eq!(begun, Begun::Taken);
    assert_eq!(
        attempts
            .begin(ours, &call("call_a"), &one, || true)
            .await
            .unwrap(),
        Begun::Ask
    );
    assert_eq!(
        attempts
            .begin(ours, &call("call_b"), &two, || true)
            .await
            .unwrap(),
        Begun::Taken
    );
    assert!(store.calls().find(ours, "call_b").await.unwrap().is_none());
    assert!(attempts.find(ours, &two.id).await.unwrap().is_none());
    let taken = callbacks.of_call(ours, "call_a").await.unwrap().unwrap();
    assert_eq!(
        (taken.state, taken.attempt_id.as_ref()),
        (CallbackState::Dialling, Some(&one.id))
    );
    assert!(callbacks.of_call(theirs, "call_a").await.unwrap().is_none());
    assert_eq!(system.next_callback().await.unwrap(), None);
    let (done, failed) = (CallbackState::Done, CallbackState::Failed);
    assert!(
        !callbacks
            .end(ours, &new.id, failed, "late", NOW)
            .await
            .unwrap()
    );
    assert!(!callbacks.later(ours, &new.id, NOW, "late").await.unwrap());

    assert!(
        !callbacks
            .called(theirs, &one.id, done, "completed", NOW)
            .await
            .unwrap()
    );
    assert!(
        callbacks
            .called(ours, &one.id, done, "completed", NOW + 7)
            .await
            .unwrap()
    );
    assert!(
        !callbacks
            .called(ours, &one.id, failed, "busy", NOW + 8)
            .await
            .unwrap()
    );
    assert_eq!(
        end(&found(&bench, &new).await),
        (done, Some("completed"), Some(NOW + 7))
    );

    // An attempt that comes to nothing takes its callback along.
    let new = callback(3);
    callbacks.schedule(ours, &new).await.unwrap();
    let lost = attempt(&new);
    attempts
        .begin(ours, &call("call_c"), &lost, || true)
        .await
        .unwrap();
    let row = attempts.find(ours, &lost.id).await.unwrap().unwrap();
    assert!(
        attempts
            .failed(ours, &row, "never_placed", NOW + 9, &[])
            .await
            .unwrap()
    );
    assert_eq!(
        end(&found(&bench, &new).await),
        (failed, Some("never_placed"), Some(NOW + 9))
    );
}

async fn an_opt_out_ends_what_was_promised(bench: Bench) {
    let (store, ours, theirs) = (&bench.store, &bench.ours, &bench.theirs);
    let (callbacks, suppressions) = (store.callbacks(), store.suppressions());
    let (mine, other, foreign) = (callback(5), callback(6), callback(5));
    for (client, new) in [(ours, &mine), (ours, &other), (theirs, &foreign)] {
        callbacks.schedule(client, new).await.unwrap();
    }
    // Of a campaign alone: the client may still call.
    suppressions
        .add(ours, &suppression(hash(5), Some("camp_1")))
        .await
        .unwrap();
    assert_eq!(found(&bench, &mine).await.state, CallbackState::Scheduled);
    suppressions
        .add(ours, &suppression(hash(5), None))
        .await
        .unwrap();
    let cancelled = (CallbackState::Cancelled, Some("suppressed"), Some(NOW + 5));
    assert_eq!(end(&found(&bench, &mine).await), cancelled);
    for new in [&other, &foreign] {
        assert_eq!(found(&bench, new).await.state, CallbackState::Scheduled);
    }
    // Nor is another promised.
    let again = callbacks.schedule(ours, &callback(5)).await.unwrap();
    assert_eq!(again, Scheduled::Suppressed);
    // The platform's word is everybody's.
    store
        .system()
        .suppress(&suppression(hash(105), None))
        .await
        .unwrap();
    assert_eq!(end(&found(&bench, &foreign).await), cancelled);
    assert_eq!(found(&bench, &other).await.state, CallbackState::Scheduled);
    let theirs = callbacks.schedule(theirs, &callback(5)).await.unwrap();
    assert_eq!(theirs, Scheduled::Suppressed);
}

async fn a_note_goes_with_consent(bench: Bench) {
    let (store, ours, theirs) = (&bench.store, &bench.ours, &bench.theirs);
    let (callbacks, consents) = (store.callbacks(), store.consents());
    let (mine, elsewhere, foreign) = (
        callback(7),
        NewCallback {
            asked_call_id: Some("call_2".into()),
            ..callback(8)
        },
        callback(7),
    );
    for (client, new) in [(ours, &mine), (ours, &elsewhere), (theirs, &foreign)] {
        callbacks.schedule(client, new).await.unwrap();
    }
    let withdrawal = Withdrawal {
        at_ms: 1,
        class: Refusal::Objected,
        erase: false,
        noted_ms: NOW,
    };
    consents
        .withdraw(ours, "call_1", &withdrawal)
        .await
        .unwrap();
    assert_eq!(found(&bench, &mine).await.note, None);
    assert_eq!(found(&bench, &mine).await.state, CallbackState::Scheduled);
    for new in [&elsewhere, &foreign] {
        assert!(found(&bench, new).await.note.is_some());
    }
    // Nor is what was to be remembered for the call in which they take it back.
    let attempts = store.attempts();
    let begun = attempts
        .begin(ours, &call("call_back"), &attempt(&elsewhere), || true)
        .await;
    assert_eq!(begun.unwrap(), Begun::Ask);
    consents
        .withdraw(ours, "call_back", &withdrawal)
        .await
        .unwrap();
    assert_eq!(found(&bench, &elsewhere).await.note, None);
    // Nothing more of that call is remembered, if there is a row of it.
    store.calls().add(ours, &call("call_3")).await.unwrap();
    consents
        .withdraw(ours, "call_3", &withdrawal)
        .await
        .unwrap();
    let late = NewCallback {
        asked_call_id: Some("call_3".into()),
        ..callback(9)
    };
    callbacks.schedule(ours, &late).await.unwrap();
    assert_eq!(found(&bench, &late).await.note, None);
}

async fn lists_are_in_order_and_filtered(bench: Bench) {
    let (callbacks, ours) = (bench.store.callbacks(), &bench.ours);
    let mut ids = Vec::new();
    for n in 20..25_u8 {
        let new = NewCallback {
            created_ms: NOW + i64::from(n),
            agent_id: format!("agent_{}", n % 2),
            ..callback(n)
        };
        callbacks.schedule(ours, &new).await.unwrap();
        ids.insert(0, new.id);
    }
    let all = CallbackFilter::default();
    let first = callbacks.list(ours, &all, None, 3).await.unwrap();
    let rest = callbacks
        .list(ours, &all, first.next.as_ref(), 3)
        .await
        .unwrap();
    let listed = first.data.iter().chain(&rest.data);
    assert_eq!(listed.map(|row| row.id.clone()).collect::<Vec<_>>(), ids);
    assert!(rest.next.is_none());
    let cancelled = CallbackState::Cancelled;
    callbacks
        .end(ours, &ids[0], cancelled, "requested", NOW)
        .await
        .unwrap();
    for (state, agent_id, expected) in [
        (Some(cancelled), None, vec![0]),
        (Some(CallbackState::Scheduled), None, vec![1, 2, 3, 4]),
        (None, Some("agent_1"), vec![1, 3]),
        (Some(CallbackState::Scheduled), Some("agent_0"), vec![2, 4]),
        (Some(CallbackState::Done), None, vec![]),
    ] {
        let filter = CallbackFilter {
            state,
            agent_id: agent_id.map(str::to_owned),
        };
        let page = callbacks.list(ours, &filter, None, 9).await.unwrap();
        let listed: Vec<&String> = page.data.iter().map(|row| &row.id).collect();
        let expected: Vec<&String> = expected.into_iter().map(|at: usize| &ids[at]).collect();
        assert_eq!(listed, expected);
    }
    let foreign = callbacks.list(&bench.theirs, &all, None, 9).await.unwrap();
    assert_eq!(foreign.data, []);
}

/// Has the callback dialled, and the carrier not take it on.
async fn fail(bench: &Bench, new: &NewCallback, now_ms: i64, pauses_ms: &[i64]) {
    let attempts = bench.store.attempts();
    let made = attempt(new);
    let call = call(&new_id("call"));
    let begun = attempts.begin(&bench.ours, &call, &made, || true).await;
    assert_eq!(begun.unwrap(), Begun::Ask);
    let row = attempts.find(&bench.ours, &made.id).await.unwrap().unwrap();
    let failed = attempts.failed(&bench.ours, &row, "carrier_busy", now_ms, pauses_ms);
    assert!(failed.await.unwrap());
}

async fn a_callback_that_a_carrier_could_not_take_on_waits_longer_each_time(bench: Bench) {
    let (store, ours) = (&bench.store, &bench.ours);
    let callbacks = store.callbacks();
    let new = callback(30);
    callbacks.schedule(ours, &new).await.unwrap();
    for (pauses_ms, due_ms) in [([100, 200, 300], NOW + 100), ([100, 200, 300], NOW + 200)] {
        fail(&bench, &new, NOW, &pauses_ms).await;
        let waits = found(&bench, &new).await;
        assert_eq!(
            (waits.state, waits.reason.as_deref(), waits.due_ms),
            (CallbackState::Scheduled, Some("carrier_busy"), due_ms)
        );
        assert_eq!((waits.attempt_id, waits.call_id), (None, None));
    }
    // Too late for a third time, and it was tried often enough.
    let late = callback(31);
    callbacks.schedule(ours, &late).await.unwrap();
    fail(&bench, &late, NOW + 8_901, &[100]).await;
    fail(&bench, &new, NOW, &[100, 200]).await;
    for new in [&late, &new] {
        let one = found(&bench, new).await;
        assert_eq!(one.state, CallbackState::Failed);
    }
    // Another was promised meanwhile, or none is wanted any more.
    let (first, second, unwanted) = (callback(32), callback(32), callback(33));
    for (new, other, reason) in [
        (&first, Some(&second), "replaced"),
        (&unwanted, None, "suppressed"),
    ] {
        callbacks.schedule(ours, new).await.unwrap();
        let made = attempt(new);
        let attempts = store.attempts();
        let call = call(&new_id("call"));
        attempts.begin(ours, &call, &made, || true).await.unwrap();
        match other {
            Some(other) => drop(callbacks.schedule(ours, other).await.unwrap()),
            None => {
                let new = suppression(hash(33), None);
                store.suppressions().add(ours, &new).await.unwrap();
            }
        }
        let row = attempts.find(ours, &made.id).await.unwrap().unwrap();
        let failed = attempts.failed(ours, &row, "carrier_busy", NOW, &[1]).await;
        assert!(failed.unwrap());
        assert_eq!(
            end(&found(&bench, new).await),
            (CallbackState::Cancelled, Some(reason), Some(NOW))
        );
    }
    assert_eq!(found(&bench, &second).await.state, CallbackState::Scheduled);
}

async fn an_opt_out_and_a_promise_at_once_leave_no_promise(bench: Bench) {
    let (store, ours) = (&bench.store, &bench.ours);
    for n in 60..80_u8 {
        let new = callback(n);
        let mut opt_out = suppression(hash(n), None);
        let everywhere = n % 2 == 0;
        if everywhere {
            opt_out.hash = hash(n + 100);
        }
        let says_no = async {
            match everywhere {
                true => drop(store.system().suppress(&opt_out).await.unwrap()),
                false => drop(store.suppressions().add(ours, &opt_out).await.unwrap()),
            }
        };
        let callbacks = store.callbacks();
        let (scheduled, ()) = futures_util::join!(callbacks.schedule(ours, &new), says_no);
        match scheduled.unwrap() {
            Scheduled::Suppressed => {}
            Scheduled::Yes { .. } => {
                let one = found(&bench, &new).await;
                assert_eq!(one.state, CallbackState::Cancelled, "{n}");
            }
        }
    }
}

async fn a_note_and_its_withdrawal_at_once_leave_no_note(bench: Bench) {
    let (store, ours) = (&bench.store, &bench.ours);
    for n in 80..100_u8 {
        let call_id = format!("call_{n}");
        store.calls().add(ours, &call(&call_id)).await.unwrap();
        let new = NewCallback {
            asked_call_id: Some(call_id.clone()),
            ..callback(n)
        };
        let withdrawal = Withdrawal {
            at_ms: 1,
            class: Refusal::Objected,
            erase: false,
            noted_ms: NOW,
        };
        let (callbacks, consents) = (store.callbacks(), store.consents());
        let (scheduled, withdrawn) = futures_util::join!(
            callbacks.schedule(ours, &new),
            consents.withdraw(ours, &call_id, &withdrawal)
        );
        scheduled.unwrap();
        withdrawn.unwrap();
        assert_eq!(found(&bench, &new).await.note, None, "{n}");
    }
}

async fn every_client_has_its_turn(bench: Bench) {
    let (callbacks, system) = (bench.store.callbacks(), bench.store.system());
    let due = |n: u8, agreed_ms| NewCallback {
        agreed_ms,
        ..callback(n)
    };
    let mut ours = Vec::new();
    for n in 0..5_u8 {
        let new = due(n, NOW + i64::from(n));
        callbacks.schedule(&bench.ours, &new).await.unwrap();
        ours.push(new.id);
    }
    let theirs = due(9, NOW + 100);
    callbacks.schedule(&bench.theirs, &theirs).await.unwrap();
    for (now_ms, clients) in [
        (NOW - 1, vec![]),
        (NOW + 99, vec![&bench.ours]),
        (NOW + 100, vec![&bench.ours, &bench.theirs]),
    ] {
        let (mut found, mut after) = (Vec::new(), String::new());
        while let Some(client) = system.due_client(&after, now_ms).await.unwrap() {
            after = client.as_str().to_owned();
            found.push(client);
        }
        let mut expected: Vec<_> = clients.into_iter().cloned().collect();
        expected.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        assert_eq!(found, expected);
    }
    let first = callbacks.due(&bench.ours, NOW + 100, 3).await.unwrap();
    let first: Vec<&String> = first.iter().map(|callback| &callback.id).collect();
    assert_eq!(first, [&ours[0], &ours[1], &ours[2]]);
    let other = callbacks.due(&bench.theirs, NOW + 100, 3).await.unwrap();
    assert_eq!(other.len(), 1);
}
