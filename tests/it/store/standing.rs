//! How clients stand: who was stopped, how much they may call and spend, what they agreed to, on both databases.

use std::sync::Arc;

use trunkline::ids::new_id;
use trunkline::store::agreements::Agreement;
use trunkline::store::attempts::{Begun, NewAttempt};
use trunkline::store::call_consents::{CallConsent, ConsentForm};
use trunkline::store::limits::Limits;
use trunkline::store::spending::{Caps, Cost};
use trunkline::store::standing::{Checks, Ground};
use trunkline::store::suspensions::{Cause, NewSuspension};
use trunkline::store::usage::UsageLine;
use trunkline_core::spend::Period;

use super::attempts::{attempt, call};
use super::bench::{Bench, NOW, hash, sealed};

super::on_both!(
    who_was_stopped_begins_no_call,
    a_consent_must_still_be_there,
    no_more_is_begun_than_may_go_on,
    what_calls_cost_is_summed_by_day_and_month,
    an_agreement_is_accepted_once,
    of_stopping_and_dialling_at_once_either_comes_first,
);

const DAY: i64 = 86_400_000;

fn stop(agent_id: Option<&str>) -> NewSuspension {
    NewSuspension {
        id: new_id("sus"),
        agent_id: agent_id.map(str::to_owned),
        cause: Cause::Operator,
        note: Some(sealed("why")),
        hang_up: false,
        since_ms: NOW,
    }
}

/// An attempt at a number of its own.
fn to(n: u8, checks: Checks) -> NewAttempt {
    NewAttempt {
        to_index: hash(n),
        live_since_ms: 0,
        checks,
        ..attempt()
    }
}

async fn who_was_stopped_begins_no_call(bench: Bench) {
    let (store, ours, theirs) = (&bench.store, &bench.ours, &bench.theirs);
    let (attempts, suspensions) = (store.attempts(), store.suspensions());
    let begin = async |client, n| {
        let new = to(n, Checks::default());
        attempts.begin(client, &call(), &new, || true).await
    };
    assert!(suspensions.suspend(ours, &stop(None)).await.unwrap());
    assert!(!suspensions.suspend(ours, &stop(None)).await.unwrap());
    assert_eq!(begin(ours, 20).await.unwrap(), Begun::Suspended);
    assert_eq!(begin(theirs, 20).await.unwrap(), Begun::Ask);
    let held = suspensions.in_force(ours).await.unwrap();
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].note, Some(sealed("why")));
    assert_eq!(suspensions.in_force(theirs).await.unwrap(), []);
    assert!(!suspensions.resume(theirs, None, NOW).await.unwrap());
    assert!(suspensions.resume(ours, None, NOW).await.unwrap());
    assert!(!suspensions.resume(ours, None, NOW).await.unwrap());
    assert_eq!(begin(ours, 20).await.unwrap(), Begun::Ask);
    // One agent alone: another one's calls begin.
    let other = stop(Some("agent_2"));
    assert!(suspensions.suspend(ours, &other).await.unwrap());
    assert_eq!(begin(ours, 21).await.unwrap(), Begun::Ask);
    let same = stop(Some("agent_1"));
    assert!(suspensions.suspend(ours, &same).await.unwrap());
    assert_eq!(begin(ours, 22).await.unwrap(), Begun::Suspended);
    assert!(suspensions.holds(ours, Some("agent_1")).await.unwrap());
    assert!(!suspensions.holds(ours, None).await.unwrap());
    assert!(!suspensions.holds(theirs, Some("agent_1")).await.unwrap());
    // Only those whose calls are to end are looked for.
    let system = store.system();
    assert_eq!(system.suspensions_to_end("", 9).await.unwrap(), []);
    let now = NewSuspension {
        hang_up: true,
        ..stop(Some("agent_1"))
    };
    assert!(!suspensions.suspend(ours, &now).await.unwrap());
    let to_end = system.suspensions_to_end("", 9).await.unwrap();
    assert_eq!(to_end.len(), 1);
    assert_eq!((&to_end[0].client, &to_end[0].id), (ours, &same.id));
    assert_eq!(system.suspensions_to_end(&same.id, 9).await.unwrap(), []);
}

async fn a_consent_must_still_be_there(bench: Bench) {
    let (store, ours, theirs) = (&bench.store, &bench.ours, &bench.theirs);
    let entry = |form| CallConsent {
        id: new_id("cns"),
        subject_id: "subject".into(),
        form,
        purposes: vec!["marketing".into()],
        source: "paper".into(),
        at_ms: NOW,
        expires_ms: None,
        recorded_ms: NOW,
        call_id: None,
        evidence: None,
    };
    let consents = store.call_consents();
    let given = entry(Some(ConsentForm::Written));
    consents.add(ours, &hash(30), &given).await.unwrap();
    let checks = || Checks {
        ground: Some(Ground {
            index: hash(30),
            holds: Arc::new(|rows| rows.iter().all(|row| row.form.is_some())),
        }),
        ..Checks::default()
    };
    let begin = async |n| {
        let new = to(n, checks());
        store.attempts().begin(ours, &call(), &new, || true).await
    };
    consents.add(theirs, &hash(30), &entry(None)).await.unwrap();
    consents.add(ours, &hash(31), &entry(None)).await.unwrap();
    assert_eq!(begin(32).await.unwrap(), Begun::Ask);
    consents.add(ours, &hash(30), &entry(None)).await.unwrap();
    assert_eq!(begin(33).await.unwrap(), Begun::Withdrawn);
}

async fn no_more_is_begun_than_may_go_on(bench: Bench) {
    let (store, ours, theirs) = (&bench.store, &bench.ours, &bench.theirs);
    let own = Limits {
        calls_at_once: Some(2),
        ..Limits::default()
    };
    let table = store.client_limits();
    assert_eq!(table.find(ours).await.unwrap(), Limits::default());
    table.set(ours, &own, NOW).await.unwrap();
    assert_eq!(table.find(ours).await.unwrap(), own);
    assert_eq!(table.find(theirs).await.unwrap(), Limits::default());
    let checks = Checks {
        limits: own,
        ..Checks::default()
    };
    // Many at once, of which each thinks that it may.
    let begin = async |n| {
        let new = to(n, checks.clone());
        store.attempts().begin(ours, &call(), &new, || true).await
    };
    let begun = futures_util::future::join_all((40..48).map(begin)).await;
    let count = |want: Begun| {
        let all = begun.iter();
        all.filter(|begun| matches!(begun, Ok(begun) if *begun == want))
            .count()
    };
    assert_eq!((count(Begun::Ask), count(Begun::Limited)), (2, 6));
    let used = table.used(ours, 0, NOW).await.unwrap();
    assert_eq!((used.at_once, used.last_second, used.last_day), (2, 2, 2));
    let used = table.used(ours, 0, NOW + 2_000).await.unwrap();
    assert_eq!((used.last_second, used.last_day), (0, 2));
    assert_eq!(table.used(theirs, 0, NOW).await.unwrap().at_once, 0);
    for (limits, want) in [
        (own, Some(NOW + 30_000)),
        (
            Limits {
                calls_per_second: Some(2),
                ..Limits::default()
            },
            Some(NOW + 1_000),
        ),
        (
            Limits {
                calls_per_second: Some(3),
                calls_per_day: Some(2),
                ..Limits::default()
            },
            Some(NOW + DAY),
        ),
        (
            Limits {
                calls_per_day: Some(0),
                ..Limits::default()
            },
            Some(NOW + DAY),
        ),
        (Limits::default(), None),
    ] {
        let until = table.reached_until(ours, &limits, 0, NOW).await.unwrap();
        assert_eq!(until, want, "{limits:?}");
    }
    let theirs = table.reached_until(theirs, &own, 0, NOW).await.unwrap();
    assert_eq!(theirs, None);
}

async fn what_calls_cost_is_summed_by_day_and_month(bench: Bench) {
    let (store, ours, theirs) = (&bench.store, &bench.ours, &bench.theirs);
    let line = |at, stage: &str, currency: Option<&str>, micros| UsageLine {
        stage: stage.into(),
        vendor: "acme".into(),
        unit: "characters".into(),
        at,
        quantity: 1,
        cost_micros: currency.map(|_| micros),
        currency: currency.map(str::to_owned),
    };
    let (usage, spending) = (store.usage(), store.spending());
    let first = [
        line(0, "carrier", Some("EUR"), 40),
        line(1, "voice", Some("EUR"), 7),
        line(2, "voice", Some("USD"), 9),
        line(3, "voice", None, 0),
    ];
    for _ in 0..3 {
        usage.add(ours, "call_1", &first, NOW).await.unwrap();
    }
    // What is found out later belongs to the same call.
    let later = [line(4, "after", Some("EUR"), 3)];
    usage.add(ours, "call_1", &later, NOW).await.unwrap();
    let next_day = [line(0, "carrier", Some("EUR"), 100)];
    usage
        .add(ours, "call_2", &next_day, NOW + DAY)
        .await
        .unwrap();
    let cost = async |client, period, currency: &str, at_ms| {
        spending
            .cost(client, period, currency, at_ms)
            .await
            .unwrap()
    };
    let of = |micros, calls| Cost { micros, calls };
    assert_eq!(cost(ours, Period::Day, "EUR", NOW).await, of(50, 1));
    assert_eq!(cost(ours, Period::Day, "USD", NOW).await, of(9, 0));
    assert_eq!(cost(ours, Period::Day, "EUR", NOW + DAY).await, of(100, 1));
    assert_eq!(cost(ours, Period::Month, "EUR", NOW).await, of(150, 2));
    assert_eq!(cost(theirs, Period::Month, "EUR", NOW).await, of(0, 0));

    assert_eq!(spending.caps(ours).await.unwrap(), None);
    let caps = Caps {
        currency: "EUR".into(),
        day_max: Some(60),
        month_max: None,
    };
    spending.set_caps(ours, Some(&caps), NOW).await.unwrap();
    assert_eq!(spending.caps(ours).await.unwrap(), Some(caps.clone()));
    assert_eq!(spending.caps(theirs).await.unwrap(), None);
    let begin = async |n| {
        let checks = Checks {
            spend: Some((caps.clone(), 6)),
            ..Checks::default()
        };
        let new = to(n, checks);
        store.attempts().begin(ours, &call(), &new, || true).await
    };
    // The mean of a call is 50: with one that goes on, 60 are reached.
    assert_eq!(begin(50).await.unwrap(), Begun::Ask);
    assert_eq!(begin(51).await.unwrap(), Begun::Limited);
    spending.set_caps(ours, None, NOW).await.unwrap();
    assert_eq!(spending.caps(ours).await.unwrap(), None);
}

async fn an_agreement_is_accepted_once(bench: Bench) {
    let (ours, theirs) = (&bench.ours, &bench.theirs);
    let agreements = bench.store.agreements();
    let new = |by: &str| Agreement {
        id: new_id("agr"),
        version: "dpa-2026-01".into(),
        accepted_by: sealed(by),
        accepted_ms: NOW,
    };
    let first = new("Ann");
    for (row, is_new) in [
        (first.clone(), true),
        (first.clone(), false),
        (new("Bob"), false),
    ] {
        let accepted = agreements.accept(ours, &row).await.unwrap();
        assert_eq!(accepted, Some((first.clone(), is_new)));
    }
    assert!(agreements.has(ours, "dpa-2026-01").await.unwrap());
    assert!(!agreements.has(ours, "dpa-2026-02").await.unwrap());
    assert!(!agreements.has(theirs, "dpa-2026-01").await.unwrap());
    assert_eq!(agreements.list(ours).await.unwrap(), [first]);
    assert_eq!(agreements.list(theirs).await.unwrap(), []);
}

async fn of_stopping_and_dialling_at_once_either_comes_first(bench: Bench) {
    let (store, ours) = (&bench.store, &bench.ours);
    for n in 60..68 {
        let (attempts, suspensions) = (store.attempts(), store.suspensions());
        let (call, new, stop) = (call(), to(n, Checks::default()), stop(None));
        let begin = attempts.begin(ours, &call, &new, || true);
        let (begun, stopped) =
            futures_util::future::join(begin, suspensions.suspend(ours, &stop)).await;
        assert!(stopped.unwrap());
        let begun = begun.unwrap();
        let row = store.calls().find(ours, &call.id).await.unwrap();
        assert_eq!(row.is_some(), begun == Begun::Ask, "{begun:?}");
        assert!(matches!(begun, Begun::Ask | Begun::Suspended));
        // From then on nothing begins.
        let (again, late) = (super::attempts::call(), to(n, Checks::default()));
        let begun = attempts.begin(ours, &again, &late, || true);
        assert_eq!(begun.await.unwrap(), Begun::Suspended);
        assert!(suspensions.resume(ours, None, NOW).await.unwrap());
    }
}
