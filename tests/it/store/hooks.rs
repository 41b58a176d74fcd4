//! Systems of clients' own that are asked before a call.

use trunkline::store::StoreError;
use trunkline::store::hooks::{HookChange, HookKind};

use super::bench::{Bench, NOW, hash, sealed};

super::on_both!(
    a_client_has_one_of_each_kind,
    what_was_said_is_kept_for_a_while,
);

fn change(url: &str, now_ms: i64) -> HookChange {
    HookChange {
        url: sealed(url),
        secret: sealed("secret"),
        timeout_ms: 900,
        now_ms,
    }
}

async fn a_client_has_one_of_each_kind(bench: Bench) {
    let hooks = bench.store.hooks();
    let (ours, kind) = (&bench.ours, HookKind::Predial);
    assert_eq!(hooks.find(ours, kind).await.unwrap(), None);
    assert_eq!(
        hooks.set(ours, kind, 0, &change("a", NOW)).await.unwrap(),
        1
    );
    let found = hooks.find(ours, kind).await.unwrap().unwrap();
    assert_eq!(
        (found.kind, found.timeout_ms, found.revision),
        (kind, 900, 1)
    );
    assert_eq!((found.url, found.secret), (sealed("a"), sealed("secret")));
    for (client, kind) in [(ours, HookKind::Screening), (&bench.theirs, kind)] {
        assert_eq!(hooks.find(client, kind).await.unwrap(), None);
        assert!(!hooks.remove(client, kind).await.unwrap());
    }
    // Of two that saw nothing yet, one is told that it was not alone.
    let stale = hooks.set(ours, kind, 0, &change("b", NOW)).await;
    assert!(matches!(stale, Err(StoreError::Stale { revision: 1 })));
    assert_eq!(
        hooks
            .set(ours, kind, 1, &change("b", NOW + 1))
            .await
            .unwrap(),
        2
    );
    let found = hooks.find(ours, kind).await.unwrap().unwrap();
    assert_eq!((found.url, found.updated_ms), (sealed("b"), NOW + 1));
    assert!(hooks.remove(ours, kind).await.unwrap());
    assert_eq!(hooks.find(ours, kind).await.unwrap(), None);
}

async fn what_was_said_is_kept_for_a_while(bench: Bench) {
    const DAY_MS: i64 = 86_400_000;
    let hooks = bench.store.hooks();
    let said = async |client, number| hooks.screened(client, &hash(number)).await.unwrap();
    for (number, text, at_ms) in [
        (1, "one", NOW),
        (1, "older", NOW - 1),
        (2, "two", NOW + DAY_MS),
    ] {
        let body = sealed(text);
        hooks
            .screen(&bench.ours, &hash(number), &body, at_ms)
            .await
            .unwrap();
    }
    assert_eq!(said(&bench.ours, 1).await, Some((sealed("one"), NOW)));
    assert_eq!(said(&bench.theirs, 1).await, None);
    let body = sealed("theirs");
    hooks
        .screen(&bench.theirs, &hash(1), &body, NOW + DAY_MS)
        .await
        .unwrap();
    let system = bench.store.system();
    system.purge(NOW + 30 * DAY_MS + 1).await.unwrap();
    assert_eq!(said(&bench.ours, 1).await, None);
    assert_eq!(
        said(&bench.ours, 2).await,
        Some((sealed("two"), NOW + DAY_MS))
    );
    // What was said goes with who said it, and of no other client.
    hooks
        .remove(&bench.ours, HookKind::Screening)
        .await
        .unwrap();
    assert_eq!(said(&bench.ours, 2).await, None);
    assert_eq!(said(&bench.theirs, 1).await, Some((body, NOW + DAY_MS)));
}
