//! Documents: uploads, what is made of them, and what becomes of both.

use trunkline::ids::new_id;
use trunkline::store::knowledge::{Due, Indexed, NewDocument, State, Upload};
use trunkline::store::{Sealed, StoreError};
use trunkline_core::knowledge::Kind;

use super::bench::{Bench, NOW, sealed};

super::on_both!(
    an_upload_is_seen_once_all_of_it_is_read,
    what_was_seen_before_is_seen_until_the_new_is_read,
    what_is_removed_leaves_nothing,
    what_waits_longest_is_due_first,
    a_client_has_so_many_documents_and_no_more,
);

fn upload(body: &str, now_ms: i64) -> Upload {
    Upload {
        kind: Kind::Pdf,
        bytes: body.len() as u64,
        body: sealed(body),
        now_ms,
    }
}

async fn added(bench: &Bench, now_ms: i64) -> String {
    let id = new_id("doc");
    let new = NewDocument {
        id: id.clone(),
        name: sealed("a name"),
        upload: upload("a source", now_ms),
    };
    let knowledge = bench.store.knowledge();
    assert!(knowledge.add(&bench.ours, &new, 500).await.unwrap());
    id
}

fn indexed(parts: u32, embedder: &str) -> Indexed<'_> {
    Indexed {
        passages: parts * 2,
        parts,
        embedder,
        due_ms: NOW + 1_000,
        now_ms: NOW + 5,
    }
}

/// The texts of a generation's parts.
async fn parts(bench: &Bench, id: &str, generation: u32) -> Vec<Sealed> {
    let knowledge = bench.store.knowledge();
    let parts = knowledge.parts(&bench.ours, id, generation, 0, 100).await;
    parts.unwrap().into_iter().map(|(_, body)| body).collect()
}

async fn an_upload_is_seen_once_all_of_it_is_read(bench: Bench) {
    let (knowledge, ours, theirs) = (bench.store.knowledge(), &bench.ours, &bench.theirs);
    let id = added(&bench, NOW).await;
    let row = knowledge.find(ours, &id).await.unwrap().unwrap();
    assert_eq!(
        (row.state, row.generation, row.shown),
        (State::Indexing, 1, 0)
    );
    assert_eq!((row.kind, row.bytes, row.passages), (Kind::Pdf, 8, 0));
    let source = knowledge.source(ours, &id, 1).await.unwrap();
    assert_eq!(source, Some(sealed("a source")));
    assert_eq!(knowledge.source(theirs, &id, 1).await.unwrap(), None);
    assert_eq!(knowledge.find(theirs, &id).await.unwrap(), None);

    // A part that was written before the server was lost is written again.
    let bodies = [sealed("old"), sealed("two"), sealed("of another try")];
    assert!(knowledge.put_parts(ours, &id, 1, 0, &bodies).await.unwrap());
    assert!(
        knowledge
            .put_parts(ours, &id, 1, 0, &[sealed("one")])
            .await
            .unwrap()
    );
    assert!(
        !knowledge
            .put_parts(theirs, &id, 1, 0, &[sealed("x")])
            .await
            .unwrap()
    );
    assert!(
        knowledge
            .finish(ours, &id, 1, &indexed(2, "local"))
            .await
            .unwrap()
    );
    let row = knowledge.find(ours, &id).await.unwrap().unwrap();
    assert_eq!((row.state, row.shown, row.passages), (State::Ready, 1, 4));
    assert_eq!(
        (row.embedder.as_str(), row.updated_ms, row.revision),
        ("local", NOW + 5, 2)
    );
    assert_eq!(parts(&bench, &id, 1).await, [sealed("one"), sealed("two")]);
    let second = knowledge.parts(ours, &id, 1, 1, 1).await.unwrap();
    assert_eq!(second, [(1, sealed("two"))]);
    // What was uploaded is not kept beside what was made of it.
    assert_eq!(knowledge.source(ours, &id, 1).await.unwrap(), None);
    let others = knowledge.parts(theirs, &id, 1, 0, 10).await.unwrap();
    assert_eq!(others, []);
}

async fn what_was_seen_before_is_seen_until_the_new_is_read(bench: Bench) {
    let (knowledge, ours) = (bench.store.knowledge(), &bench.ours);
    let id = added(&bench, NOW).await;
    knowledge
        .put_parts(ours, &id, 1, 0, &[sealed("one")])
        .await
        .unwrap();
    knowledge
        .finish(ours, &id, 1, &indexed(1, ""))
        .await
        .unwrap();
    let new = upload("another source", NOW + 10);
    let stale = knowledge.replace(ours, &id, 1, &new).await;
    assert!(matches!(stale, Err(StoreError::Stale { revision: 2 })));
    let theirs = knowledge.replace(&bench.theirs, &id, 2, &new).await;
    assert!(matches!(theirs, Err(StoreError::Missing { .. })));
    assert_eq!(knowledge.replace(ours, &id, 2, &new).await.unwrap(), 3);
    let row = knowledge.find(ours, &id).await.unwrap().unwrap();
    assert_eq!(
        (row.state, row.generation, row.shown),
        (State::Indexing, 2, 1)
    );
    assert_eq!(parts(&bench, &id, 1).await, [sealed("one")]);

    // One that cannot be read changes nothing of that.
    assert!(
        knowledge
            .fail(ours, &id, 2, "damaged", NOW + 20)
            .await
            .unwrap()
    );
    let row = knowledge.find(ours, &id).await.unwrap().unwrap();
    assert_eq!((row.state, row.shown), (State::Failed, 1));
    assert_eq!(row.problem.as_deref(), Some("damaged"));
    assert_eq!(knowledge.source(ours, &id, 2).await.unwrap(), None);
    assert_eq!(parts(&bench, &id, 1).await, [sealed("one")]);

    // Who read an upload that has been replaced has read it in vain.
    let again = knowledge
        .replace(ours, &id, row.revision, &new)
        .await
        .unwrap();
    knowledge.replace(ours, &id, again, &new).await.unwrap();
    assert_eq!(knowledge.begin(ours, &id, 3, NOW).await.unwrap(), None);
    knowledge
        .put_parts(ours, &id, 3, 0, &[sealed("late")])
        .await
        .unwrap();
    assert!(
        !knowledge
            .finish(ours, &id, 3, &indexed(1, ""))
            .await
            .unwrap()
    );
    assert!(!knowledge.fail(ours, &id, 3, "damaged", NOW).await.unwrap());
    assert_eq!(parts(&bench, &id, 3).await, []);
    assert_eq!(knowledge.source(ours, &id, 3).await.unwrap(), None);
    knowledge
        .put_parts(ours, &id, 4, 0, &[sealed("four")])
        .await
        .unwrap();
    assert!(
        knowledge
            .finish(ours, &id, 4, &indexed(1, ""))
            .await
            .unwrap()
    );
    let row = knowledge.find(ours, &id).await.unwrap().unwrap();
    assert_eq!((row.state, row.shown, row.problem), (State::Ready, 4, None));
    assert_eq!(parts(&bench, &id, 1).await, []);
    assert_eq!(parts(&bench, &id, 4).await, [sealed("four")]);
}

async fn what_is_removed_leaves_nothing(bench: Bench) {
    let (knowledge, ours) = (bench.store.knowledge(), &bench.ours);
    let id = added(&bench, NOW).await;
    knowledge
        .put_parts(ours, &id, 1, 0, &[sealed("one")])
        .await
        .unwrap();
    assert!(!knowledge.remove(&bench.theirs, &id).await.unwrap());
    assert!(knowledge.remove(ours, &id).await.unwrap());
    assert!(!knowledge.remove(ours, &id).await.unwrap());
    assert_eq!(knowledge.source(ours, &id, 1).await.unwrap(), None);
    assert_eq!(parts(&bench, &id, 1).await, []);
    // Nor does who still reads it bring anything back.
    assert!(
        !knowledge
            .put_parts(ours, &id, 1, 1, &[sealed("two")])
            .await
            .unwrap()
    );
    assert!(
        !knowledge
            .finish(ours, &id, 1, &indexed(1, ""))
            .await
            .unwrap()
    );
    assert_eq!(knowledge.find(ours, &id).await.unwrap(), None);
}

async fn what_waits_longest_is_due_first(bench: Bench) {
    let (knowledge, ours, system) = (bench.store.knowledge(), &bench.ours, bench.store.system());
    let (second, first) = (added(&bench, NOW + 2).await, added(&bench, NOW + 1).await);
    let due = async |now_ms, embedder| {
        let due: Option<Due> = system.due_document(now_ms, embedder).await.unwrap();
        due.map(|due| (due.id, due.state))
    };
    assert_eq!(due(NOW, "local").await, None);
    assert_eq!(
        due(NOW + 9, "").await,
        Some((first.clone(), State::Indexing))
    );
    // One that is begun lets others go first, but not over the end of the server.
    for tries in 1..=2 {
        let begun = knowledge.begin(ours, &first, 1, NOW + 100).await.unwrap();
        assert_eq!(begun, Some(tries));
    }
    assert_eq!(
        due(NOW + 9, "").await,
        Some((second.clone(), State::Indexing))
    );
    assert_eq!(system.release_documents(NOW).await.unwrap(), 2);
    assert!(due(NOW, "").await.is_some());
    knowledge
        .put_parts(ours, &first, 1, 0, &[sealed("one")])
        .await
        .unwrap();
    knowledge
        .finish(ours, &first, 1, &indexed(1, "local"))
        .await
        .unwrap();
    knowledge
        .fail(ours, &second, 1, "damaged", NOW)
        .await
        .unwrap();
    // One that has another's vectors is due if others are wanted.
    let late = NOW + 5_000;
    assert_eq!(due(late, "").await, None);
    assert_eq!(due(late, "local").await, None);
    assert_eq!(
        due(late, "other").await,
        Some((first.clone(), State::Ready))
    );
    assert_eq!(due(NOW, "other").await, None);
    assert_eq!(
        knowledge.renew(ours, &first, 1, late).await.unwrap(),
        Some(2)
    );
    assert_eq!(knowledge.renew(ours, &first, 1, late).await.unwrap(), None);
    let row = knowledge.find(ours, &first).await.unwrap().unwrap();
    assert_eq!((row.state, row.generation, row.shown), (State::Ready, 2, 1));
}

async fn a_client_has_so_many_documents_and_no_more(bench: Bench) {
    let knowledge = bench.store.knowledge();
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(added(&bench, NOW + n).await);
    }
    let new = NewDocument {
        id: new_id("doc"),
        name: sealed("a name"),
        upload: upload("x", NOW),
    };
    assert!(!knowledge.add(&bench.ours, &new, 3).await.unwrap());
    // What others have does not count.
    assert!(knowledge.add(&bench.theirs, &new, 3).await.unwrap());
    let page = knowledge.list(&bench.ours, None, 2).await.unwrap();
    let listed: Vec<&str> = page.data.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(listed, [ids[2].as_str(), &ids[1]]);
    let rest = knowledge
        .list(&bench.ours, page.next.as_ref(), 2)
        .await
        .unwrap();
    assert_eq!((rest.data.len(), rest.next), (1, None));
    let renamed = knowledge
        .rename(&bench.ours, &ids[0], 1, &sealed("b"), NOW + 9)
        .await;
    assert_eq!(renamed.unwrap(), 2);
    let stale = knowledge
        .rename(&bench.ours, &ids[0], 1, &sealed("c"), NOW)
        .await;
    assert!(matches!(stale, Err(StoreError::Stale { revision: 2 })));
}
