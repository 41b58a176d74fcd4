//! Packs of rules that were decided by, places that are closed, and calls that were not allowed.

use trunkline::ids::new_id;
use trunkline::store::decisions::{Decision, DecisionAbout, DecisionVerdict};
use trunkline::store::rules::Closure;

use super::bench::{Bench, NOW, hash, sealed};

super::on_both!(
    a_pack_is_kept_once_by_its_checksum,
    a_closure_holds_until_it_is_over_or_ended,
    there_are_no_more_closures_than_are_looked_at,
    a_decision_is_its_clients_alone,
    old_decisions_are_forgotten_step_by_step,
);

async fn a_pack_is_kept_once_by_its_checksum(bench: Bench) {
    let rules = bench.store.rules();
    for (now_ms, body) in [(NOW, b"{}"), (NOW + 1, b"[]")] {
        rules
            .keep("ab", "hours/1+2026", body, now_ms)
            .await
            .unwrap();
    }
    let found = rules.find("ab").await.unwrap().unwrap();
    assert_eq!(
        (found.body.as_slice(), found.first_ms),
        (b"{}".as_slice(), NOW)
    );
    assert_eq!(rules.find("cd").await.unwrap(), None);
}

fn closure(place: &str, from_ms: i64, until_ms: i64) -> Closure {
    Closure {
        id: new_id("clo"),
        place: place.into(),
        from_ms,
        until_ms,
        reason: "Proclamation 12".into(),
        created_ms: NOW,
    }
}

async fn a_closure_holds_until_it_is_over_or_ended(bench: Bench) {
    let rules = bench.store.rules();
    let (now, later) = (
        closure("US-LA", NOW, NOW + 10),
        closure("US-NY", NOW + 5, NOW + 20),
    );
    for new in [&later, &now] {
        assert!(rules.close(new).await.unwrap());
    }
    let at = async |at_ms| bench.store.rules().closures(at_ms).await.unwrap();
    assert_eq!(at(NOW).await, [now.clone(), later.clone()]);
    assert_eq!(at(NOW + 10).await, std::slice::from_ref(&later));
    assert!(rules.open(&later.id, NOW + 12).await.unwrap());
    assert_eq!(at(NOW + 12).await, []);
    assert!(!rules.open(&later.id, NOW + 13).await.unwrap());
    assert!(!rules.open("clo_none", NOW).await.unwrap());
}

async fn there_are_no_more_closures_than_are_looked_at(bench: Bench) {
    let rules = bench.store.rules();
    for n in 0..1_000 {
        let new = closure("US-LA", NOW, NOW + 1 + n);
        assert!(rules.close(&new).await.unwrap());
    }
    let more = Closure {
        created_ms: NOW,
        ..closure("US-NY", NOW, NOW + 1)
    };
    assert!(!rules.close(&more).await.unwrap());
    // One is over by then.
    let later = Closure {
        created_ms: NOW + 1,
        ..more
    };
    assert!(rules.close(&later).await.unwrap());
}

fn decision(made_ms: i64) -> Decision {
    Decision {
        id: new_id("dec"),
        subject_id: "sub_1".into(),
        about: DecisionAbout::Callback,
        object_id: "cb_1".into(),
        verdict: DecisionVerdict::Defer,
        codes: vec!["holiday".into(), "call_in_progress".into()],
        rules: "hours/1+2026@ab".into(),
        again_ms: Some(made_ms + 5),
        made_ms,
        trace: sealed("{}"),
    }
}

async fn a_decision_is_its_clients_alone(bench: Bench) {
    let decisions = bench.store.decisions();
    let (first, second) = (decision(NOW), decision(NOW + 1));
    for (number, new) in [(1, &first), (2, &second)] {
        let hash = hash(number);
        decisions.add(&bench.ours, &hash, new).await.unwrap();
    }
    let found = decisions.find(&bench.ours, &first.id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&first));
    assert_eq!(
        decisions.find(&bench.theirs, &first.id).await.unwrap(),
        None
    );
    let list = async |client, number: Option<u8>| {
        let hash = number.map(hash);
        let page = decisions.list(client, hash.as_ref(), None, 10).await;
        page.unwrap().data
    };
    assert_eq!(
        list(&bench.ours, None).await,
        [second.clone(), first.clone()]
    );
    assert_eq!(
        list(&bench.ours, Some(1)).await,
        std::slice::from_ref(&first)
    );
    assert_eq!(list(&bench.theirs, Some(1)).await, []);
    let page = decisions.list(&bench.ours, None, None, 1).await.unwrap();
    let next = decisions
        .list(&bench.ours, None, page.next.as_ref(), 1)
        .await
        .unwrap();
    assert_eq!((page.data, next.data), (vec![second], vec![first]));
    assert_eq!(next.next, None);
}

async fn old_decisions_are_forgotten_step_by_step(bench: Bench) {
    let decisions = bench.store.decisions();
    for n in 0..5 {
        let client = if n % 2 == 0 {
            &bench.ours
        } else {
            &bench.theirs
        };
        let (hash, new) = (hash(1), decision(NOW + n));
        decisions.add(client, &hash, &new).await.unwrap();
    }
    let system = bench.store.system();
    assert_eq!(system.forget_decisions(NOW + 3, 2).await.unwrap(), 2);
    assert_eq!(system.forget_decisions(NOW + 3, 2).await.unwrap(), 1);
    assert_eq!(system.forget_decisions(NOW + 3, 2).await.unwrap(), 0);
    let left = decisions.list(&bench.ours, None, None, 9).await.unwrap();
    assert_eq!(left.data.len(), 1);
}
