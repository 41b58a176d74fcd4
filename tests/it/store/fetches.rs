//! Files that are fetched: by one server at a time, of a client's one at a time. And the log of what was told of whom.

use trunkline::ids::{ClientId, new_id};
use trunkline::store::Cursor;
use trunkline::store::disclosures::Disclosure;
use trunkline::store::imports::{ImportState, NewImport};

use super::bench::{Bench, NOW, sealed};

super::on_both!(
    one_server_fetches_a_file_and_another_takes_over_from_one_that_is_silent,
    one_that_was_taken_back_is_fetched_by_nobody,
    disclosures_are_each_clients_own,
);

async fn ask(bench: &Bench, client: &ClientId, now_ms: i64) -> String {
    let new = NewImport {
        id: new_id("imp"),
        settings: sealed("settings"),
        list_id: None,
        is_dry: false,
        bytes: 0,
        now_ms,
    };
    let added = bench.store.fetches().add(client, &new, 3).await;
    assert!(added.unwrap());
    new.id
}

async fn state(bench: &Bench, client: &ClientId, id: &str) -> (ImportState, u64) {
    let found = bench.store.imports().find(client, id).await;
    let found = found.unwrap().unwrap();
    (found.state, found.bytes)
}

async fn one_server_fetches_a_file_and_another_takes_over_from_one_that_is_silent(bench: Bench) {
    let (system, fetches) = (bench.store.system(), bench.store.fetches());
    let first = ask(&bench, &bench.ours, NOW).await;
    let second = ask(&bench, &bench.ours, NOW + 1).await;
    let foreign = ask(&bench, &bench.theirs, NOW + 2).await;
    let claim = async |server: &str, now_ms: i64| {
        let claimed = system.claim_fetch(server, now_ms, now_ms + 100);
        claimed.await.unwrap()
    };
    // Nothing is read of what is not there.
    assert!(system.next_import().await.unwrap().is_none());
    let one = claim("srv_1", NOW + 10).await.unwrap();
    assert_eq!((&one.client, &one.id, one.tries), (&bench.ours, &first, 1));
    // Of one client one at a time; others do not wait.
    let other = claim("srv_2", NOW + 11).await.unwrap();
    assert_eq!((&other.client, &other.id), (&bench.theirs, &foreign));
    assert!(claim("srv_3", NOW + 12).await.is_none());
    // Who says so holds it; nobody does for another client.
    assert!(fetches.hold(&bench.ours, &one, NOW + 300).await.unwrap());
    assert!(!fetches.hold(&bench.theirs, &one, NOW + 300).await.unwrap());
    assert_eq!(claim("srv_3", NOW + 200).await.unwrap().id, foreign);
    assert!(!fetches.fetched(&bench.theirs, &other, 7).await.unwrap());
    // The one that was silent has lost it, whatever it brings.
    let again = claim("srv_4", NOW + 301).await.unwrap();
    assert_eq!((&again.id, again.tries), (&first, 2));
    assert!(!fetches.hold(&bench.ours, &one, NOW + 900).await.unwrap());
    assert!(!fetches.fetched(&bench.ours, &one, 7).await.unwrap());
    assert!(!fetches.later(&bench.ours, &one, NOW).await.unwrap());
    // What failed comes again in its time, and the next of the client's meanwhile.
    assert!(
        fetches
            .later(&bench.ours, &again, NOW + 1_000)
            .await
            .unwrap()
    );
    let next = claim("srv_5", NOW + 302).await.unwrap();
    assert_eq!(next.id, second);
    assert!(fetches.fetched(&bench.ours, &next, 9).await.unwrap());
    assert_eq!(
        state(&bench, &bench.ours, &second).await,
        (ImportState::Waiting, 9)
    );
    assert_eq!(system.next_import().await.unwrap().unwrap().id, second);
    let last = claim("srv_6", NOW + 1_000).await.unwrap();
    assert_eq!((last.id, last.tries), (first, 3));
    // A server that is alone claims at its start what it held before.
    system.release_fetches().await.unwrap();
    assert_eq!(claim("srv_7", NOW + 1_001).await.unwrap().tries, 4);
}

async fn one_that_was_taken_back_is_fetched_by_nobody(bench: Bench) {
    let (system, fetches) = (bench.store.system(), bench.store.fetches());
    let id = ask(&bench, &bench.ours, NOW).await;
    let fetch = system
        .claim_fetch("srv_1", NOW, NOW + 100)
        .await
        .unwrap()
        .unwrap();
    let imports = bench.store.imports();
    let ended = imports.end(&bench.ours, &id, ImportState::Cancelled, None, NOW + 1);
    assert!(ended.await.unwrap());
    assert!(!fetches.hold(&bench.ours, &fetch, NOW + 200).await.unwrap());
    assert!(!fetches.fetched(&bench.ours, &fetch, 5).await.unwrap());
    assert!(
        system
            .claim_fetch("srv_2", NOW + 500, NOW + 600)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        state(&bench, &bench.ours, &id).await,
        (ImportState::Cancelled, 0)
    );
    // It frees its place.
    for n in 0..3 {
        ask(&bench, &bench.ours, NOW + n).await;
    }
    let new = NewImport {
        id: new_id("imp"),
        settings: sealed("settings"),
        list_id: None,
        is_dry: false,
        bytes: 0,
        now_ms: NOW,
    };
    assert!(!fetches.add(&bench.ours, &new, 3).await.unwrap());
    assert!(fetches.add(&bench.theirs, &new, 3).await.unwrap());
}

async fn disclosures_are_each_clients_own(bench: Bench) {
    let log = bench.store.disclosures();
    let new = |person: u8, at_ms: i64| Disclosure {
        id: new_id("dis"),
        person: [person; 32],
        fields: vec!["person.number".into(), "person.external_id".into()],
        endpoint_id: new_id("we"),
        event_id: new_id("evt"),
        kind: "call.ended".into(),
        object_id: new_id("call"),
        at_ms,
    };
    let rows = [new(1, NOW), new(2, NOW + 1), new(1, NOW + 2)];
    for row in &rows {
        log.add(&bench.ours, row).await.unwrap();
    }
    // Whose endpoints and events these are is not asked: both may go before.
    log.add(&bench.theirs, &new(1, NOW + 1)).await.unwrap();
    let page = log.list(&bench.ours, None, None, 2).await.unwrap();
    assert_eq!(page.data, [rows[2].clone(), rows[1].clone()]);
    let rest = log
        .list(&bench.ours, None, page.next.as_ref(), 2)
        .await
        .unwrap();
    assert_eq!(rest.data, [rows[0].clone()]);
    let of_one = log
        .list(&bench.ours, Some(&[1; 32]), None, 9)
        .await
        .unwrap();
    assert_eq!(of_one.data, [rows[2].clone(), rows[0].clone()]);
    let begin = Cursor {
        created_ms: NOW,
        id: rows[0].id.clone(),
    };
    let since = log.since(&bench.ours, &begin, NOW + 1, 9).await.unwrap();
    assert_eq!(since, [rows[1].clone()]);
    assert_eq!(
        log.list(&bench.theirs, None, None, 9)
            .await
            .unwrap()
            .data
            .len(),
        1
    );
}
