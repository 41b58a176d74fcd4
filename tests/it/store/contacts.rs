//! Contacts and imports: found by hashes alone, each client's own, and a step of an import whole or not at all.

use trunkline::ids::new_id;
use trunkline::store::StoreError;
use trunkline::store::contacts::ContactRow;
use trunkline::store::imports::{ImportState, NewImport, RowError, Step};

use super::bench::{Bench, NOW, hash, sealed};
use super::calls::new_call;

super::on_both!(
    a_number_is_one_contacts_of_a_client,
    many_are_written_and_found_at_once,
    a_step_is_written_once_and_whole,
    a_call_is_a_contacts_until_the_contact_is_gone,
);

fn contact(numbers: &[u8]) -> ContactRow {
    ContactRow {
        id: new_id("con"),
        body: sealed("body"),
        external_index: None,
        numbers: numbers.iter().map(|n| hash(*n)).collect(),
        now_ms: NOW,
    }
}

async fn a_number_is_one_contacts_of_a_client(bench: Bench) {
    let (contacts, lists) = (bench.store.contacts(), bench.store.contact_lists());
    let list = new_id("list");
    let body = sealed("list");
    assert!(
        lists
            .add(&bench.ours, (&list, &body), 1, NOW)
            .await
            .unwrap()
    );
    let other = new_id("list");
    assert!(
        !lists
            .add(&bench.ours, (&other, &body), 1, NOW)
            .await
            .unwrap()
    );
    let mut first = contact(&[1, 2]);
    first.external_index = Some(hash(9));
    contacts
        .add(&bench.ours, &first, std::slice::from_ref(&list))
        .await
        .unwrap();
    contacts
        .add(&bench.theirs, &contact(&[1, 2]), &[])
        .await
        .unwrap();
    let again = contacts.add(&bench.ours, &contact(&[3, 2]), &[]).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
    let third = contacts.of_numbers(&bench.ours, &[hash(3)]).await.unwrap();
    assert_eq!(third, [], "nothing of a contact that was not added");
    let foreign = contacts
        .add(&bench.theirs, &contact(&[7]), std::slice::from_ref(&list))
        .await;
    assert!(matches!(foreign, Err(StoreError::Reference)), "{foreign:?}");
    let mut external = contacts
        .of_externals(&bench.ours, &[hash(9)])
        .await
        .unwrap();
    external.dedup();
    assert_eq!(external, [(hash(9), first.id.clone())]);
    let (on_it, more) = contacts
        .list(&bench.ours, Some(&list), None, 10)
        .await
        .unwrap();
    assert_eq!((on_it.len(), more), (1, false));
    first.numbers = vec![hash(2), hash(3)];
    assert_eq!(contacts.change(&bench.ours, 1, &first).await.unwrap(), 2);
    let stale = contacts.change(&bench.ours, 1, &first).await;
    assert!(matches!(stale, Err(StoreError::Stale { revision: 2 })));
    let missing = contacts.change(&bench.theirs, 1, &first).await;
    assert!(matches!(missing, Err(StoreError::Missing { .. })));
    contacts
        .add(&bench.ours, &contact(&[1]), &[])
        .await
        .unwrap();
    assert!(!contacts.remove(&bench.theirs, &first.id).await.unwrap());
    assert!(contacts.remove(&bench.ours, &first.id).await.unwrap());
    let gone = contacts
        .of_numbers(&bench.ours, &[hash(2), hash(3)])
        .await
        .unwrap();
    assert_eq!(gone, []);
    assert_eq!(lists.count(&bench.ours, &list).await.unwrap(), 0);
}

async fn many_are_written_and_found_at_once(bench: Bench) {
    let contacts = bench.store.contacts();
    let (import, step) = (
        new_id("imp"),
        Step {
            new: (0..150).map(|n| contact(&[n])).collect(),
            to: 10,
            ..Step::default()
        },
    );
    add(&bench, &import).await;
    bench
        .store
        .imports()
        .begin(&bench.ours, &import)
        .await
        .unwrap();
    assert!(
        bench
            .store
            .imports()
            .step(&bench.ours, &import, None, &step)
            .await
            .unwrap()
    );
    let hashes: Vec<_> = (0..200).map(hash).collect();
    let mut found = contacts.of_numbers(&bench.ours, &hashes).await.unwrap();
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), 150);
    assert_eq!(
        contacts.of_numbers(&bench.theirs, &hashes).await.unwrap(),
        []
    );
    let ids: Vec<String> = step.new.iter().map(|new| new.id.clone()).collect();
    assert!(contacts.find_all(&bench.ours, &ids).await.unwrap().len() >= 150);
    assert_eq!(contacts.find_all(&bench.theirs, &ids).await.unwrap(), []);
    let (mut seen, mut after) = (0, None);
    loop {
        let (page, more) = contacts
            .list(&bench.ours, None, after.as_deref(), 40)
            .await
            .unwrap();
        seen += page.len();
        after = page.last().map(|row| row.id.clone());
        if !more {
            break;
        }
    }
    assert_eq!(seen, 150);
}

async fn add(bench: &Bench, id: &str) {
    let new = NewImport {
        id: id.to_owned(),
        settings: sealed("settings"),
        list_id: None,
        is_dry: false,
        bytes: 100,
        now_ms: NOW,
    };
    assert!(
        bench
            .store
            .imports()
            .add(&bench.ours, &new, 20)
            .await
            .unwrap()
    );
}

async fn a_step_is_written_once_and_whole(bench: Bench) {
    let imports = bench.store.imports();
    let id = new_id("imp");
    add(&bench, &id).await;
    let next = bench.store.system().next_import().await.unwrap().unwrap();
    assert_eq!(
        (next.client, next.id, next.state),
        (bench.ours.clone(), id.clone(), ImportState::Waiting)
    );
    assert_eq!(imports.begin(&bench.theirs, &id).await.unwrap(), None);
    assert_eq!(imports.begin(&bench.ours, &id).await.unwrap(), Some(1));
    assert_eq!(imports.begin(&bench.ours, &id).await.unwrap(), Some(2));
    let error = |line| RowError {
        line,
        place: 0,
        cell: Some(1),
        field: "/phones".into(),
        code: "missing".into(),
        detail: "a sentence".into(),
    };
    let step = Step {
        from: 0,
        to: 40,
        line: 5,
        rows: 4,
        new: vec![contact(&[1])],
        added: 1,
        failed: 3,
        errors: (2..5).map(error).collect(),
        ..Step::default()
    };
    assert!(imports.step(&bench.ours, &id, None, &step).await.unwrap());
    assert!(
        !imports.step(&bench.ours, &id, None, &step).await.unwrap(),
        "twice"
    );
    let taken = Step {
        from: 40,
        to: 80,
        new: vec![contact(&[2]), contact(&[1])],
        ..Step::default()
    };
    let refused = imports.step(&bench.ours, &id, None, &taken).await;
    assert!(matches!(refused, Err(StoreError::Conflict)));
    let there = imports.find(&bench.ours, &id).await.unwrap().unwrap();
    assert_eq!(
        (
            there.position,
            there.line,
            there.rows_read,
            there.added,
            there.failed
        ),
        (40, 5, 4, 1, 3)
    );
    assert_eq!(there.tries, 0);
    assert_eq!(
        bench
            .store
            .contacts()
            .of_numbers(&bench.ours, &[hash(2)])
            .await
            .unwrap(),
        []
    );
    let errors = imports.errors(&bench.ours, &id, (2, 0), 9).await.unwrap();
    assert_eq!(errors, [error(3), error(4)]);
    assert_eq!(
        imports.errors(&bench.theirs, &id, (0, 0), 9).await.unwrap(),
        []
    );
    assert_eq!(imports.find(&bench.theirs, &id).await.unwrap(), None);
    let state = ImportState::Cancelled;
    assert!(
        !imports
            .end(&bench.theirs, &id, state, None, NOW)
            .await
            .unwrap()
    );
    assert!(
        imports
            .end(&bench.ours, &id, state, None, NOW)
            .await
            .unwrap()
    );
    assert!(
        !imports
            .end(&bench.ours, &id, state, None, NOW)
            .await
            .unwrap()
    );
    let late = Step {
        from: 40,
        to: 80,
        ..Step::default()
    };
    assert!(!imports.step(&bench.ours, &id, None, &late).await.unwrap());
    assert!(bench.store.system().next_import().await.unwrap().is_none());
}

async fn a_call_is_a_contacts_until_the_contact_is_gone(bench: Bench) {
    let (contacts, calls) = (bench.store.contacts(), bench.store.calls());
    let (first, second) = (contact(&[1]), contact(&[2]));
    for new in [&first, &second] {
        contacts.add(&bench.ours, new, &[]).await.unwrap();
    }
    let mut ids = Vec::new();
    for of in [&first, &second] {
        let call = new_call(NOW);
        calls.add(&bench.ours, &call).await.unwrap();
        let foreign = calls.of_contact(&bench.theirs, &call.id, &of.id).await;
        foreign.unwrap();
        calls
            .of_contact(&bench.ours, &call.id, &of.id)
            .await
            .unwrap();
        ids.push(call.id);
    }
    let of_call = async |id: &str| {
        let call = calls.find(&bench.ours, id).await.unwrap();
        call.unwrap().contact_id
    };
    assert!(!contacts.remove(&bench.theirs, &first.id).await.unwrap());
    assert_eq!(of_call(&ids[0]).await.as_ref(), Some(&first.id));
    assert!(contacts.remove(&bench.ours, &first.id).await.unwrap());
    assert_eq!(of_call(&ids[0]).await, None);
    assert_eq!(of_call(&ids[1]).await, Some(second.id));
}
