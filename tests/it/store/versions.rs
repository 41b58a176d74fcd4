//! Drafts, new versions, and how versions share an agent's calls.

use trunkline::ids::{ClientId, new_id};
use trunkline::store::StoreError;
use trunkline::store::agents::{Publication, SealedVersion};
use trunkline_core::versions::{Share, Split};

use super::bench::{Bench, NOW, sealed};

super::on_both!(
    a_draft_is_one_clients_and_saved_on_what_was_seen,
    a_draft_that_is_tried_gets_a_number_and_keeps_it,
    publishing_takes_the_draft_and_ends_the_sharing,
    of_two_that_publish_at_once_one_does,
    of_two_that_try_a_draft_at_once_one_numbers_it,
    an_archived_agent_has_no_draft_and_gets_none,
);

async fn new_agent(bench: &Bench) -> String {
    let id = new_id("agent");
    let (agents, by) = (bench.store.agents(), Some("key_1"));
    agents
        .add(&bench.ours, &id, &sealed("a"), &sealed("one"), by, NOW)
        .await
        .unwrap();
    id
}

/// Makes a version whose document is `text`.
async fn publish(
    bench: &Bench,
    id: &str,
    revision: i64,
    (text, split, takes_draft): (&str, Option<&Split>, bool),
) -> Result<(i64, u32), StoreError> {
    let (name, text) = (sealed("a"), text.to_owned());
    // What is sealed for a number opens under no other.
    let seal = |number| SealedVersion {
        body: sealed(&format!("{text} as {number}")),
        note: Some(sealed("why")),
    };
    let new = Publication {
        name: &name,
        seal: &seal,
        made_by: Some("key_2"),
        rolled_back_to: (text == "back").then_some(1),
        split,
        takes_draft,
        now_ms: NOW + 5,
    };
    let agents = bench.store.agents();
    agents.publish(&bench.ours, id, revision, &new).await
}

async fn save(
    bench: &Bench,
    client: &ClientId,
    id: &str,
    revision: i64,
) -> Result<i64, StoreError> {
    let (drafts, body) = (
        bench.store.drafts(),
        sealed(&format!("draft on {revision}")),
    );
    drafts
        .save(client, id, revision, &body, "key_1", NOW + revision)
        .await
}

/// Numbers the draft that was saved at `revision`.
async fn number(bench: &Bench, id: &str, revision: i64) -> Option<u32> {
    let seal = |number| SealedVersion {
        body: sealed(&format!("tried as {number}")),
        note: None,
    };
    let drafts = bench.store.drafts();
    let numbered = drafts.number(&bench.ours, id, revision, NOW + 7, &seal);
    numbered.await.unwrap()
}

fn split(shares: &[(u32, u32)]) -> Split {
    let shares = shares
        .iter()
        .map(|&(version, percent)| Share { version, percent });
    Split::try_from(shares.collect::<Vec<_>>()).unwrap()
}

async fn a_draft_is_one_clients_and_saved_on_what_was_seen(bench: Bench) {
    let id = new_agent(&bench).await;
    let drafts = bench.store.drafts();
    assert_eq!(drafts.find(&bench.ours, &id).await.unwrap(), None);
    assert_eq!(save(&bench, &bench.ours, &id, 1).await.unwrap(), 2);
    let stale = save(&bench, &bench.ours, &id, 1).await;
    assert!(matches!(stale, Err(StoreError::Stale { revision: 2 })));
    let draft = drafts.find(&bench.ours, &id).await.unwrap().unwrap();
    assert_eq!(
        (draft.body, draft.based_on, draft.revision, draft.trial),
        (sealed("draft on 1"), 1, 2, None)
    );
    assert_eq!((draft.made_by.as_str(), draft.saved_ms), ("key_1", NOW + 1));
    // The agent is as it was but for its revision.
    let agent = bench.store.agents().find(&bench.ours, &id).await.unwrap();
    let agent = agent.unwrap();
    assert_eq!((agent.version, agent.revision, agent.split), (1, 2, None));

    // Another client's drafts do not exist.
    assert_eq!(drafts.find(&bench.theirs, &id).await.unwrap(), None);
    let theirs = save(&bench, &bench.theirs, &id, 2).await;
    assert!(matches!(theirs, Err(StoreError::Missing { .. })));
    let theirs = drafts.remove(&bench.theirs, &id, 2, NOW).await;
    assert!(matches!(theirs, Err(StoreError::Missing { .. })));
    let seal = |_| SealedVersion {
        body: sealed("x"),
        note: None,
    };
    let theirs = drafts.number(&bench.theirs, &id, 2, NOW, &seal).await;
    assert_eq!(theirs.unwrap(), None);
    let agents = bench.store.agents();
    let theirs = agents.set_split(&bench.theirs, &id, 2, None, NOW).await;
    assert!(matches!(theirs, Err(StoreError::Missing { .. })));

    let stale = drafts.remove(&bench.ours, &id, 1, NOW).await;
    assert!(matches!(stale, Err(StoreError::Stale { revision: 2 })));
    let gone = drafts.remove(&bench.ours, &id, 2, NOW).await;
    assert_eq!(gone.unwrap(), Some(3));
    assert_eq!(drafts.find(&bench.ours, &id).await.unwrap(), None);
    // There is nothing to throw away, so nothing changes.
    let gone = drafts.remove(&bench.ours, &id, 3, NOW).await;
    assert_eq!(gone.unwrap(), None);
    // Whoever saw the first draft does not overwrite the second.
    assert_eq!(save(&bench, &bench.ours, &id, 3).await.unwrap(), 4);
    assert!(save(&bench, &bench.ours, &id, 2).await.is_err());
}

async fn a_draft_that_is_tried_gets_a_number_and_keeps_it(bench: Bench) {
    let id = new_agent(&bench).await;
    let (agents, drafts) = (bench.store.agents(), bench.store.drafts());
    assert_eq!(number(&bench, &id, 1).await, None, "there is no draft");
    save(&bench, &bench.ours, &id, 1).await.unwrap();
    // No number is lost to a try that comes to nothing.
    assert_eq!(number(&bench, &id, 1).await, None, "that is no draft");
    assert_eq!(number(&bench, &id, 2).await, Some(2));
    assert_eq!(number(&bench, &id, 2).await, None, "it has one");
    let draft = drafts.find(&bench.ours, &id).await.unwrap().unwrap();
    assert_eq!((draft.trial, draft.revision), (Some(2), 2));
    let trial = agents.find_version(&bench.ours, &id, 2).await.unwrap();
    let trial = trial.unwrap();
    assert_eq!(
        (trial.body, trial.is_trial, trial.made_by.as_deref()),
        (sealed("tried as 2"), true, Some("key_1"))
    );
    // Nothing of the agent changed.
    let agent = agents.find(&bench.ours, &id).await.unwrap().unwrap();
    assert_eq!((agent.version, agent.revision), (1, 2));
    // Saved anew, it is another.
    save(&bench, &bench.ours, &id, 2).await.unwrap();
    let draft = drafts.find(&bench.ours, &id).await.unwrap().unwrap();
    assert_eq!(draft.trial, None);
    assert_eq!(
        number(&bench, &id, 2).await,
        None,
        "that was the one before"
    );
    assert_eq!(number(&bench, &id, 3).await, Some(3));
    // What is published has a number of its own, and what was tried stays as it was.
    let published = publish(&bench, &id, 3, ("new", None, true)).await;
    assert_eq!(published.unwrap(), (4, 4));
    let (all, _) = agents
        .list_versions(&bench.ours, &id, None, 9)
        .await
        .unwrap();
    let all: Vec<_> = all.iter().map(|row| (row.version, row.is_trial)).collect();
    assert_eq!(all, [(4, false), (3, true), (2, true), (1, false)]);
}

async fn publishing_takes_the_draft_and_ends_the_sharing(bench: Bench) {
    let id = new_agent(&bench).await;
    let (agents, drafts) = (bench.store.agents(), bench.store.drafts());
    let nothing = publish(&bench, &id, 1, ("x", None, true)).await;
    assert!(matches!(
        nothing,
        Err(StoreError::Missing { what: "draft" })
    ));
    save(&bench, &bench.ours, &id, 1).await.unwrap();
    // What failed left nothing behind: the next version is the second.
    let published = publish(&bench, &id, 2, ("new", None, true)).await;
    assert_eq!(published.unwrap(), (3, 2));
    assert_eq!(drafts.find(&bench.ours, &id).await.unwrap(), None);
    let row = agents.find_version(&bench.ours, &id, 2).await.unwrap();
    let row = row.unwrap();
    assert_eq!(
        (
            row.body,
            row.note,
            row.made_by.as_deref(),
            row.rolled_back_to
        ),
        (sealed("new as 2"), Some(sealed("why")), Some("key_2"), None)
    );

    let shared = split(&[(1, 80), (2, 20)]);
    let set = agents.set_split(&bench.ours, &id, 2, Some(&shared), NOW);
    assert!(matches!(set.await, Err(StoreError::Stale { revision: 3 })));
    let set = agents.set_split(&bench.ours, &id, 3, Some(&shared), NOW + 9);
    assert_eq!(set.await.unwrap(), 4);
    let agent = agents.find(&bench.ours, &id).await.unwrap().unwrap();
    assert_eq!((agent.split.as_ref(), agent.version), (Some(&shared), 2));
    let listed = agents.list(&bench.ours, None, 9).await.unwrap().data;
    assert_eq!(listed[0].split, Some(shared.clone()));
    // It is kept where that is wanted, and ends where it is not.
    let kept = publish(&bench, &id, 4, ("back", Some(&shared), false)).await;
    assert_eq!(kept.unwrap(), (5, 3));
    let agent = agents.find(&bench.ours, &id).await.unwrap().unwrap();
    assert_eq!((agent.split, agent.version), (Some(shared), 3));
    let row = agents.find_version(&bench.ours, &id, 3).await.unwrap();
    assert_eq!(row.unwrap().rolled_back_to, Some(1));
    let ended = publish(&bench, &id, 5, ("new", None, false)).await;
    assert_eq!(ended.unwrap(), (6, 4));
    let agent = agents.find(&bench.ours, &id).await.unwrap().unwrap();
    assert_eq!(agent.split, None);
}

async fn of_two_that_publish_at_once_one_does(bench: Bench) {
    let id = new_agent(&bench).await;
    let all = (0..4).map(|_| publish(&bench, &id, 1, ("new", None, false)));
    let all = futures_util::future::join_all(all).await;
    let (done, late): (Vec<_>, Vec<_>) = all.into_iter().partition(Result::is_ok);
    assert_eq!((done.len(), late.len()), (1, 3));
    for late in late {
        assert!(
            matches!(late, Err(StoreError::Stale { revision: 2 })),
            "{late:?}"
        );
    }
    let agents = bench.store.agents();
    let (rows, _) = agents
        .list_versions(&bench.ours, &id, None, 9)
        .await
        .unwrap();
    assert_eq!(rows.len(), 2);
}

async fn of_two_that_try_a_draft_at_once_one_numbers_it(bench: Bench) {
    let id = new_agent(&bench).await;
    save(&bench, &bench.ours, &id, 1).await.unwrap();
    let all = (0..4).map(|_| number(&bench, &id, 2));
    let mut all = futures_util::future::join_all(all).await;
    all.sort();
    assert_eq!(all, [None, None, None, Some(2)]);
    let agents = bench.store.agents();
    let (rows, _) = agents
        .list_versions(&bench.ours, &id, None, 9)
        .await
        .unwrap();
    assert_eq!(rows.len(), 2);
}

async fn an_archived_agent_has_no_draft_and_gets_none(bench: Bench) {
    let id = new_agent(&bench).await;
    save(&bench, &bench.ours, &id, 1).await.unwrap();
    let agents = bench.store.agents();
    agents.archive(&bench.ours, &id, 2, NOW).await.unwrap();
    let drafts = bench.store.drafts();
    assert_eq!(drafts.find(&bench.ours, &id).await.unwrap(), None);
    let late = save(&bench, &bench.ours, &id, 3).await;
    assert!(matches!(late, Err(StoreError::Missing { .. })));
    assert_eq!(number(&bench, &id, 2).await, None);
    let late = agents.set_split(&bench.ours, &id, 3, None, NOW).await;
    assert!(matches!(late, Err(StoreError::Missing { .. })));
}
