//! The ledger of consents to calls.

use trunkline::ids::new_id;
use trunkline::store::call_consents::{CallConsent, ConsentForm, NewWithdrawal};

use super::bench::{Bench, NOW, hash, sealed};

super::on_both!(
    an_entry_is_added_once_and_is_its_clients_alone,
    what_was_known_then_is_told_later,
    a_full_ledger_still_takes_withdrawals,
);

fn entry(form: Option<ConsentForm>, recorded_ms: i64) -> CallConsent {
    CallConsent {
        id: new_id("cns"),
        subject_id: "sub_1".into(),
        form,
        purposes: vec!["marketing".into(), "service".into()],
        source: "web_form".into(),
        at_ms: NOW - 5,
        expires_ms: Some(NOW + 5),
        recorded_ms,
        call_id: None,
        evidence: Some(sealed("form 12")),
    }
}

async fn an_entry_is_added_once_and_is_its_clients_alone(bench: Bench) {
    let consents = bench.store.call_consents();
    let new = entry(Some(ConsentForm::Written), NOW);
    for _ in 0..2 {
        assert!(consents.add(&bench.ours, &hash(1), &new).await.unwrap());
    }
    // Another connection, as another process would have it.
    let other = trunkline::store::Store::open(&bench.config).await.unwrap();
    let ledger = other
        .call_consents()
        .ledger(&bench.ours, &hash(1), NOW)
        .await;
    assert_eq!(ledger.unwrap(), std::slice::from_ref(&new));
    other.close().await;
    assert_eq!(
        consents.find(&bench.ours, &new.id).await.unwrap(),
        Some(new.clone())
    );
    assert_eq!(consents.find(&bench.theirs, &new.id).await.unwrap(), None);
    for (client, number) in [(&bench.theirs, 1), (&bench.ours, 2)] {
        let ledger = consents.ledger(client, &hash(number), NOW).await.unwrap();
        assert_eq!(ledger, []);
    }
    let withdrawal = withdrawal(NOW + 1);
    // Another client takes nothing back.
    consents
        .withdraw(&bench.theirs, &new.id, &withdrawal)
        .await
        .unwrap();
    assert_eq!(
        consents
            .ledger(&bench.ours, &hash(1), i64::MAX)
            .await
            .unwrap()
            .len(),
        1
    );
    for _ in 0..2 {
        assert!(
            consents
                .withdraw(&bench.ours, &new.id, &withdrawal)
                .await
                .unwrap()
        );
    }
    let ledger = consents
        .ledger(&bench.ours, &hash(1), i64::MAX)
        .await
        .unwrap();
    let [first, second] = ledger.as_slice() else {
        panic!("{ledger:?}")
    };
    assert_eq!(first, &new);
    assert_eq!(
        (second.form, second.purposes.as_slice()),
        (None, &["service".to_owned()][..])
    );
    assert_eq!(second.subject_id, new.subject_id);
}

fn withdrawal(recorded_ms: i64) -> NewWithdrawal {
    NewWithdrawal {
        id: new_id("cns"),
        purposes: vec!["service".into()],
        source: "call".into(),
        at_ms: NOW,
        recorded_ms,
        evidence: None,
    }
}

async fn what_was_known_then_is_told_later(bench: Bench) {
    let consents = bench.store.call_consents();
    for later in 0..3 {
        let new = entry(Some(ConsentForm::Express), NOW + later);
        consents.add(&bench.ours, &hash(1), &new).await.unwrap();
    }
    for (known_ms, count) in [(NOW - 1, 0), (NOW, 1), (NOW + 1, 2), (i64::MAX, 3)] {
        let ledger = consents
            .ledger(&bench.ours, &hash(1), known_ms)
            .await
            .unwrap();
        assert_eq!(ledger.len(), count, "{known_ms}");
        let of = Some((&hash(1), known_ms));
        let page = consents.list(&bench.ours, of, None, 9).await.unwrap();
        assert_eq!(page.data.len(), count);
    }
    let first = consents.list(&bench.ours, None, None, 2).await.unwrap();
    let rest = consents
        .list(&bench.ours, None, first.next.as_ref(), 2)
        .await
        .unwrap();
    let times: Vec<i64> = first
        .data
        .iter()
        .chain(&rest.data)
        .map(|e| e.recorded_ms)
        .collect();
    assert_eq!(times, [NOW + 2, NOW + 1, NOW]);
}

async fn a_full_ledger_still_takes_withdrawals(bench: Bench) {
    let consents = bench.store.call_consents();
    let mut last = String::new();
    for _ in 0..500 {
        let new = entry(Some(ConsentForm::Express), NOW);
        last.clone_from(&new.id);
        assert!(consents.add(&bench.ours, &hash(1), &new).await.unwrap());
    }
    let more = entry(Some(ConsentForm::Express), NOW);
    assert!(!consents.add(&bench.ours, &hash(1), &more).await.unwrap());
    assert!(
        consents
            .withdraw(&bench.ours, &last, &withdrawal(NOW))
            .await
            .unwrap()
    );
    let ledger = consents.ledger(&bench.ours, &hash(1), NOW).await.unwrap();
    assert_eq!(ledger.len(), 501);
}
