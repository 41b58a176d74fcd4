//! Clients and their keys.

use trunkline::ids::{ClientId, new_id};
use trunkline::store::StoreError;
use trunkline::store::api_keys::{LAST_USED_EVERY_MS, NewApiKey};

use super::bench::{Bench, NOW, hash, sealed};

super::on_both!(
    a_client_is_renamed_at_its_revision_and_closed_once,
    clients_are_listed_newest_first,
    a_key_is_found_by_its_hash_until_it_is_revoked_or_its_client_closed,
    a_keys_last_use_is_noted_coarsely,
    one_hash_is_one_key,
);

async fn a_client_is_renamed_at_its_revision_and_closed_once(bench: Bench) {
    let clients = bench.store.clients();
    assert_eq!(
        clients.find(&bench.ours).await.unwrap().unwrap().revision,
        1
    );
    assert_eq!(
        clients
            .rename(&bench.ours, 1, &sealed("new"))
            .await
            .unwrap(),
        2
    );
    let stale = clients
        .rename(&bench.ours, 1, &sealed("newer"))
        .await
        .unwrap_err();
    assert!(
        matches!(stale, StoreError::Stale { revision: 2 }),
        "{stale}"
    );
    let nobody = clients
        .rename(&ClientId::new(), 1, &sealed("x"))
        .await
        .unwrap_err();
    assert!(matches!(nobody, StoreError::Missing { .. }), "{nobody}");
    let taken = clients
        .add(&bench.ours, &sealed("x"), NOW)
        .await
        .unwrap_err();
    assert!(matches!(taken, StoreError::Conflict), "{taken}");

    assert!(clients.close(&bench.ours, NOW + 5).await.unwrap());
    assert!(!clients.close(&bench.ours, NOW + 9).await.unwrap());
    let ours = clients.find(&bench.ours).await.unwrap().unwrap();
    assert_eq!((ours.name, ours.closed_ms), (sealed("new"), Some(NOW + 5)));
    let theirs = clients.find(&bench.theirs).await.unwrap().unwrap();
    assert_eq!(
        (theirs.name, theirs.closed_ms, theirs.revision),
        (sealed("a name"), None, 1)
    );
}

async fn clients_are_listed_newest_first(bench: Bench) {
    let newest = ClientId::new();
    bench
        .store
        .clients()
        .add(&newest, &sealed("n"), NOW + 1)
        .await
        .unwrap();
    let first = bench.store.system().clients(None, 2).await.unwrap();
    assert_eq!(first.data[0].id, newest);
    assert_eq!(first.data.len(), 2);
    let rest = bench
        .store
        .system()
        .clients(first.next.as_ref(), 2)
        .await
        .unwrap();
    assert_eq!((rest.data.len(), rest.next), (1, None));
    assert_ne!(rest.data[0].id, first.data[1].id);
}

fn key(n: u8) -> NewApiKey {
    NewApiKey {
        id: new_id("key"),
        hash: hash(n),
        name: sealed("ci"),
        scopes: vec!["calls:read".into(), "agents:write".into()],
        created_ms: NOW,
        expires_ms: Some(NOW + 100),
    }
}

async fn a_key_is_found_by_its_hash_until_it_is_revoked_or_its_client_closed(bench: Bench) {
    let (keys, system) = (bench.store.api_keys(), bench.store.system());
    let (first, second) = (key(1), key(2));
    keys.add(&bench.ours, &first).await.unwrap();
    keys.add(&bench.theirs, &second).await.unwrap();

    let found = system.api_key(&hash(1)).await.unwrap().unwrap();
    assert_eq!(
        (&found.client, &found.id, &found.scopes),
        (&bench.ours, &first.id, &first.scopes)
    );
    assert!(found.is_live(NOW + 99) && !found.is_live(NOW + 100));
    assert_eq!(system.api_key(&hash(3)).await.unwrap(), None);

    // Another client neither sees nor revokes it.
    assert_eq!(keys.find(&bench.theirs, &first.id).await.unwrap(), None);
    assert!(!keys.revoke(&bench.theirs, &first.id, NOW).await.unwrap());
    assert_eq!(keys.list(&bench.theirs).await.unwrap().len(), 1);
    assert!(
        system
            .api_key(&hash(1))
            .await
            .unwrap()
            .unwrap()
            .is_live(NOW)
    );

    assert!(keys.revoke(&bench.ours, &first.id, NOW + 1).await.unwrap());
    assert!(keys.revoke(&bench.ours, &first.id, NOW + 7).await.unwrap());
    let revoked = system.api_key(&hash(1)).await.unwrap().unwrap();
    assert_eq!(revoked.revoked_ms, Some(NOW + 1));
    assert!(!revoked.is_live(NOW + 2));

    bench
        .store
        .clients()
        .close(&bench.theirs, NOW)
        .await
        .unwrap();
    assert_eq!(system.api_key(&hash(2)).await.unwrap(), None);
}

async fn a_keys_last_use_is_noted_coarsely(bench: Bench) {
    let keys = bench.store.api_keys();
    let new = key(1);
    keys.add(&bench.ours, &new).await.unwrap();
    let last = async || keys.find(&bench.ours, &new.id).await.unwrap().unwrap();
    let steps = [
        (NOW, NOW),
        (NOW + LAST_USED_EVERY_MS, NOW),
        (NOW + LAST_USED_EVERY_MS + 1, NOW + LAST_USED_EVERY_MS + 1),
    ];
    for (used_ms, noted_ms) in steps {
        keys.used(&bench.ours, &last().await, used_ms)
            .await
            .unwrap();
        assert_eq!(
            last().await.last_used_ms,
            Some(noted_ms),
            "used at {used_ms}"
        );
    }
}

async fn one_hash_is_one_key(bench: Bench) {
    let keys = bench.store.api_keys();
    keys.add(&bench.ours, &key(1)).await.unwrap();
    let again = keys.add(&bench.theirs, &key(1)).await.unwrap_err();
    assert!(matches!(again, StoreError::Conflict), "{again}");
    let nobodys = keys.add(&ClientId::new(), &key(2)).await.unwrap_err();
    assert!(matches!(nobodys, StoreError::Reference), "{nobodys}");
    assert_eq!(keys.list(&bench.theirs).await.unwrap(), []);
}
