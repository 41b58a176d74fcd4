//! Suppressions, repeated requests, spent tokens: what must hold at once.

use trunkline::ids::new_id;
use trunkline::store::blocked_callers::BlockedCaller;
use trunkline::store::idempotency::{Answer, Attempt, Begun, KEPT_MS, LOST_AFTER_MS};
use trunkline::store::imports::{NewImport, Step};
use trunkline::store::suppressions::{NewSuppression, Scope};

use super::bench::{Bench, NOW, hash, sealed};

super::on_both!(
    a_suppression_holds_once_add_returns,
    a_lifted_suppression_stays_readable_and_can_be_made_anew,
    scopes_reach_as_far_as_they_say,
    a_list_of_numbers_is_taken_as_a_whole_and_once,
    a_caller_is_blocked_once_and_by_one_client,
    exactly_one_of_many_is_told_to_do_it,
    a_repeated_request_is_told_what_came_of_it,
    a_lost_request_may_be_tried_again,
    a_token_is_spent_once,
);

fn suppression(n: u8, campaign: Option<&str>) -> NewSuppression {
    NewSuppression {
        id: new_id("sup"),
        campaign_id: campaign.map(str::to_owned),
        hash: hash(n),
        reason: "opt_out".into(),
        source: "call".into(),
        call_id: Some("call_1".into()),
        created_ms: NOW,
    }
}

async fn a_suppression_holds_once_add_returns(bench: Bench) {
    let suppressions = bench.store.suppressions();
    let new = suppression(1, None);
    let (first, is_new) = suppressions.add(&bench.ours, &new).await.unwrap();
    assert!(is_new);
    // Another connection, as another process would have it.
    let other = trunkline::store::Store::open(&bench.config).await.unwrap();
    let found = other
        .suppressions()
        .check(&bench.ours, &hash(1), &hash(101), None)
        .await
        .unwrap();
    assert_eq!(found.as_ref(), Some(&first));
    other.close().await;

    let (again, is_new) = suppressions
        .add(&bench.ours, &suppression(1, None))
        .await
        .unwrap();
    assert_eq!((&again, is_new), (&first, false));
    assert_eq!(first.call_id.as_deref(), Some("call_1"));
    assert_eq!(
        suppressions
            .list(&bench.ours, None, None, 9)
            .await
            .unwrap()
            .data,
        std::slice::from_ref(&first)
    );

    assert_eq!(
        suppressions
            .check(&bench.theirs, &hash(1), &hash(101), None)
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        suppressions.find(&bench.theirs, &first.id).await.unwrap(),
        None
    );
    assert_eq!(
        suppressions
            .list(&bench.theirs, None, None, 9)
            .await
            .unwrap()
            .data,
        []
    );
    assert!(
        !suppressions
            .remove(&bench.theirs, &first.id, "error", NOW)
            .await
            .unwrap()
    );
}

async fn a_lifted_suppression_stays_readable_and_can_be_made_anew(bench: Bench) {
    let suppressions = bench.store.suppressions();
    let (first, _) = suppressions
        .add(&bench.ours, &suppression(1, None))
        .await
        .unwrap();
    suppressions
        .add(&bench.ours, &suppression(2, None))
        .await
        .unwrap();
    assert!(
        suppressions
            .remove(&bench.ours, &first.id, "new_consent", NOW + 1)
            .await
            .unwrap()
    );
    assert!(
        !suppressions
            .remove(&bench.ours, &first.id, "again", NOW + 2)
            .await
            .unwrap()
    );
    assert_eq!(
        suppressions
            .check(&bench.ours, &hash(1), &hash(101), None)
            .await
            .unwrap(),
        None
    );
    let lifted = suppressions
        .find(&bench.ours, &first.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (lifted.removed_ms, lifted.removed_reason.as_deref()),
        (Some(NOW + 1), Some("new_consent"))
    );
    let (second, is_new) = suppressions
        .add(&bench.ours, &suppression(1, None))
        .await
        .unwrap();
    assert!(is_new && second.id != first.id);
    let of_one = suppressions
        .list(&bench.ours, Some(&hash(1)), None, 9)
        .await
        .unwrap();
    assert_eq!(of_one.data.len(), 2);
}

async fn scopes_reach_as_far_as_they_say(bench: Bench) {
    let (suppressions, system) = (bench.store.suppressions(), bench.store.system());
    suppressions
        .add(&bench.ours, &suppression(1, Some("camp_1")))
        .await
        .unwrap();
    let check = async |campaign: Option<&str>| {
        let found = suppressions
            .check(&bench.ours, &hash(1), &hash(101), campaign)
            .await
            .unwrap();
        found.map(|suppression| suppression.scope)
    };
    assert_eq!(check(None).await, None);
    assert_eq!(check(Some("camp_2")).await, None);
    assert_eq!(check(Some("camp_1")).await, Some(Scope::Campaign));
    suppressions
        .add(&bench.ours, &suppression(1, None))
        .await
        .unwrap();
    assert_eq!(check(None).await, Some(Scope::Client));

    let (platform, is_new) = system.suppress(&suppression(101, None)).await.unwrap();
    assert!(is_new && !system.suppress(&suppression(101, None)).await.unwrap().1);
    assert_eq!(check(None).await, Some(Scope::Platform));
    let theirs = suppressions
        .check(&bench.theirs, &hash(1), &hash(101), None)
        .await
        .unwrap();
    assert_eq!(
        theirs.map(|suppression| suppression.scope),
        Some(Scope::Platform)
    );
    // A client can neither see nor lift the platform's.
    assert_eq!(
        suppressions.find(&bench.ours, &platform.id).await.unwrap(),
        None
    );
    assert!(
        !suppressions
            .remove(&bench.ours, &platform.id, "x", NOW)
            .await
            .unwrap()
    );
    assert!(system.unsuppress(&platform.id, "error", NOW).await.unwrap());
    assert_eq!(check(None).await, Some(Scope::Client));
}

const ROUTE: &str = "POST /v1/calls";

async fn begin(bench: &Bench, request: u8, now_ms: i64) -> Begun {
    let keys = bench.store.idempotency();
    let id = format!("call_{now_ms}");
    keys.begin(
        &bench.ours,
        ROUTE,
        "a key",
        &hash(request),
        Some(&id),
        now_ms,
    )
    .await
    .unwrap()
}

fn attempt(begun: Begun) -> Attempt {
    match begun {
        Begun::Do(attempt) => attempt,
        Begun::InProgress | Begun::Done(_) | Begun::OtherRequest => panic!("{begun:?}"),
    }
}

async fn exactly_one_of_many_is_told_to_do_it(bench: Bench) {
    let all = (0..16).map(|_| begin(&bench, 1, NOW));
    let all = futures_util::future::join_all(all).await;
    let told = all
        .iter()
        .filter(|begun| matches!(begun, Begun::Do(_)))
        .count();
    let waiting = all
        .iter()
        .filter(|begun| **begun == Begun::InProgress)
        .count();
    assert_eq!((told, waiting), (1, 15));
}

async fn a_repeated_request_is_told_what_came_of_it(bench: Bench) {
    let keys = bench.store.idempotency();
    let first = attempt(begin(&bench, 1, NOW).await);
    assert_eq!(begin(&bench, 1, NOW + 1).await, Begun::InProgress);
    assert_eq!(begin(&bench, 2, NOW + 1).await, Begun::OtherRequest);
    // The same key is free on another route, and for another client.
    let elsewhere = keys
        .begin(&bench.ours, "POST /v1/agents", "a key", &hash(1), None, NOW)
        .await
        .unwrap();
    assert!(matches!(elsewhere, Begun::Do(_)));
    let theirs = keys
        .begin(&bench.theirs, ROUTE, "a key", &hash(1), None, NOW)
        .await
        .unwrap();
    assert!(matches!(theirs, Begun::Do(_)));

    let answer = Answer {
        status: 201,
        resource_id: Some("call_1".into()),
        body: Some(sealed("{}")),
    };
    assert!(keys.finish(&bench.ours, &first, &answer).await.unwrap());
    assert_eq!(begin(&bench, 1, NOW + 2).await, Begun::Done(answer.clone()));
    assert_eq!(begin(&bench, 2, NOW + 2).await, Begun::OtherRequest);
    assert_eq!(begin(&bench, 1, NOW + KEPT_MS).await, Begun::Done(answer));
    // A day later it is forgotten, whether it was purged or not.
    attempt(begin(&bench, 2, NOW + KEPT_MS + 1).await);
    let purged = bench.store.system().purge(NOW + KEPT_MS + 1).await.unwrap();
    assert_eq!(purged, 2, "the two others");
}

async fn a_lost_request_may_be_tried_again(bench: Bench) {
    let keys = bench.store.idempotency();
    let lost = attempt(begin(&bench, 1, NOW).await);
    assert_eq!(
        begin(&bench, 1, NOW + LOST_AFTER_MS).await,
        Begun::InProgress
    );
    let second = attempt(begin(&bench, 1, NOW + LOST_AFTER_MS + 1).await);
    // What the first one may have made has an id by which it is found.
    assert_eq!((second.new_id(), second.is_again()), (lost.new_id(), true));
    // Whoever was given up can neither answer nor undo any more.
    let answer = Answer {
        status: 201,
        resource_id: None,
        body: None,
    };
    assert!(!keys.finish(&bench.ours, &lost, &answer).await.unwrap());
    keys.abandon(&bench.ours, &lost).await.unwrap();
    assert_eq!(
        begin(&bench, 1, NOW + LOST_AFTER_MS + 2).await,
        Begun::InProgress
    );
    // What failed may be tried again at once.
    keys.abandon(&bench.ours, &second).await.unwrap();
    let third = attempt(begin(&bench, 1, NOW + LOST_AFTER_MS + 3).await);
    assert!(!third.is_again() && third.new_id() != lost.new_id());
    // Another request is another thing, also under a key whose first request was lost.
    let other = attempt(begin(&bench, 2, NOW + 3 * LOST_AFTER_MS).await);
    assert!(!other.is_again() && other.new_id() != third.new_id());
}

async fn a_token_is_spent_once(bench: Bench) {
    let system = bench.store.system();
    assert!(system.spend_token(&hash(1), NOW + 10).await.unwrap());
    assert!(!system.spend_token(&hash(1), NOW + 10).await.unwrap());
    assert!(
        system
            .spend_token(&hash(2), NOW + 99_999_999)
            .await
            .unwrap()
    );
    assert_eq!(
        system.purge(NOW + 10).await.unwrap(),
        0,
        "a clock may yet go back"
    );
    assert_eq!(system.purge(NOW + 90_000_000).await.unwrap(), 1);
    assert!(
        !system
            .spend_token(&hash(2), NOW + 99_999_999)
            .await
            .unwrap()
    );
}

async fn a_list_of_numbers_is_taken_as_a_whole_and_once(bench: Bench) {
    let (imports, suppressions) = (bench.store.imports(), bench.store.suppressions());
    let import = NewImport {
        id: new_id("imp"),
        settings: sealed("a list"),
        list_id: None,
        is_dry: false,
        bytes: 100,
        now_ms: NOW,
    };
    assert!(imports.add(&bench.ours, &import, 5).await.unwrap());
    imports.begin(&bench.ours, &import.id).await.unwrap();
    let first = suppression(1, None);
    suppressions.add(&bench.ours, &first).await.unwrap();
    let of_list = |n, campaign| NewSuppression {
        source: "import".into(),
        call_id: None,
        ..suppression(n, campaign)
    };
    let step = Step {
        to: 50,
        line: 5,
        rows: 5,
        failed: 1,
        suppressions: vec![
            of_list(3, None),
            of_list(1, None),
            of_list(2, Some("spring")),
            of_list(3, None),
        ],
        ..Step::default()
    };
    let taken = imports.step(&bench.ours, &import.id, None, &step).await;
    assert!(taken.unwrap());
    // What was written is not written again by whoever comes back to the same place.
    let again = imports.step(&bench.ours, &import.id, None, &step).await;
    assert!(!again.unwrap());
    let late = Step {
        from: 10,
        suppressions: vec![of_list(4, None)],
        ..step.clone()
    };
    let late = imports.step(&bench.ours, &import.id, None, &late).await;
    assert!(!late.unwrap(), "it is elsewhere");
    let row = imports
        .find(&bench.ours, &import.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((row.added, row.skipped, row.failed), (2, 2, 1));
    let hashes = [1, 2, 3, 4, 5].map(hash);
    let mut held = suppressions.held(&bench.ours, &hashes).await.unwrap();
    held.sort_by_key(|row| row.hash);
    let held: Vec<([u8; 32], Scope, Option<&str>)> = held
        .iter()
        .map(|row| (row.hash, row.scope, row.campaign_id.as_deref()))
        .collect();
    let expected = [
        (hash(1), Scope::Client, None),
        (hash(2), Scope::Campaign, Some("spring")),
        (hash(3), Scope::Client, None),
    ];
    assert_eq!(held, expected);
    let stays = suppressions.find(&bench.ours, &first.id).await.unwrap();
    assert_eq!(stays.unwrap().source, "call");
    assert_eq!(suppressions.held(&bench.theirs, &hashes).await.unwrap(), []);
    // More than one statement asks about.
    let many: Vec<[u8; 32]> = (0..=255).cycle().take(300).map(hash).collect();
    let found = suppressions.held(&bench.ours, &many).await.unwrap();
    assert!(found.iter().any(|row| row.hash == hash(1)));
    assert_eq!(suppressions.held(&bench.ours, &[]).await.unwrap(), []);
    // The platform's are a list of their own.
    let system = bench.store.system();
    let everywhere = [of_list(101, None), of_list(102, None), of_list(101, None)];
    assert_eq!(system.suppress_all(&everywhere).await.unwrap(), 2);
    let held = system.suppressed(&[hash(101), hash(1)]).await.unwrap();
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].scope, Scope::Platform);
    let (own, platform) = (hash(9), hash(101));
    let found = suppressions.check(&bench.theirs, &own, &platform, None);
    assert_eq!(found.await.unwrap().unwrap().scope, Scope::Platform);
}

async fn a_caller_is_blocked_once_and_by_one_client(bench: Bench) {
    let blocked = bench.store.blocked_callers();
    let caller = |n| BlockedCaller {
        id: new_id("blk"),
        hash: hash(n),
        created_ms: NOW,
    };
    let first = caller(1);
    let added = blocked.add(&bench.ours, &first).await.unwrap();
    assert_eq!(added, (first.clone(), true));
    let again = blocked.add(&bench.ours, &caller(1)).await.unwrap();
    assert_eq!(again, (first.clone(), false));
    blocked.add(&bench.theirs, &caller(2)).await.unwrap();
    for (client, n, is_blocked) in [
        (&bench.ours, 1, true),
        (&bench.ours, 2, false),
        (&bench.theirs, 1, false),
        (&bench.theirs, 2, true),
    ] {
        let found = blocked.of_hash(client, &hash(n)).await.unwrap();
        assert_eq!(found.is_some(), is_blocked, "{n}");
    }
    assert_eq!(blocked.find(&bench.theirs, &first.id).await.unwrap(), None);
    assert!(!blocked.remove(&bench.theirs, &first.id).await.unwrap());
    let page = blocked.list(&bench.ours, None, 9).await.unwrap();
    assert_eq!(page.data, std::slice::from_ref(&first));
    assert!(blocked.remove(&bench.ours, &first.id).await.unwrap());
    assert_eq!(blocked.of_hash(&bench.ours, &hash(1)).await.unwrap(), None);
}
