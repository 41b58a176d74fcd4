//! Registers of people who do not want to be called.

use trunkline::ids::{ClientId, new_id};
use trunkline::store::Sealed;
use trunkline::store::registries::{Completed, FileKind, FileState, NewFile, RegistryFile, Step};

use super::bench::{Bench, NOW, sealed};

super::on_both!(
    a_file_counts_once_it_was_read_and_is_its_clients_alone,
    what_was_read_is_written_once,
    a_file_that_does_not_count_is_swept,
    a_change_needs_what_it_changes,
);

async fn add(bench: &Bench, kind: FileKind, as_of_ms: i64) -> RegistryFile {
    let new = NewFile {
        id: new_id("reg"),
        registry: "gb-tps".into(),
        kind,
        settings: sealed("settings"),
        covers: vec!["+44".into(), "+4420".into()],
        as_of_ms,
        bytes: 100,
        now_ms: NOW,
    };
    let registries = bench.store.registries();
    assert!(registries.add(&bench.ours, &new, 9).await.unwrap());
    found(bench, &bench.ours, &new.id).await.unwrap()
}

async fn found(bench: &Bench, client: &ClientId, id: &str) -> Option<RegistryFile> {
    bench.store.registries().find(client, id).await.unwrap()
}

fn step(from: u64, run: u32, blocks: &[(u32, &[u8])]) -> Step {
    let blocks = blocks.iter();
    Step {
        from,
        to: from + 10,
        line: 3,
        rows: 2,
        numbers: 1,
        failed: 1,
        errors: r#"{"invalid_number":1}"#.into(),
        run,
        blocks: blocks
            .map(|(at, bytes)| (*at, Sealed(bytes.to_vec())))
            .collect(),
    }
}

async fn begin(bench: &Bench, file: &RegistryFile) {
    let begun = bench.store.registries().begin(&bench.ours, &file.id).await;
    assert_eq!(begun.unwrap(), Some(1));
}

async fn load(bench: &Bench, kind: FileKind, as_of_ms: i64, hashes: &[u8]) -> RegistryFile {
    let registries = bench.store.registries();
    let file = add(bench, kind, as_of_ms).await;
    begin(bench, &file).await;
    let step = step(0, 0, &[(7, hashes)]);
    assert!(registries.step(&bench.ours, &file.id, &step).await.unwrap());
    let done = registries.complete(&bench.ours, &file, NOW + 1).await;
    assert_eq!(done.unwrap(), Completed::Yes);
    file
}

async fn counting(bench: &Bench) -> Vec<String> {
    let files = bench
        .store
        .registries()
        .counting(&bench.ours)
        .await
        .unwrap();
    files.into_iter().map(|file| file.id).collect()
}

async fn a_file_counts_once_it_was_read_and_is_its_clients_alone(bench: Bench) {
    let registries = bench.store.registries();
    let first = add(&bench, FileKind::Full, NOW - 9).await;
    assert_eq!((first.state, first.counts), (FileState::Waiting, false));
    assert_eq!(first.covers, ["+44", "+4420"]);
    let next = bench.store.system().next_registry_file().await.unwrap();
    assert_eq!(next.unwrap(), first);
    // It is not begun.
    assert!(
        !registries
            .step(&bench.ours, &first.id, &step(0, 0, &[]))
            .await
            .unwrap()
    );
    begin(&bench, &first).await;
    let block = step(0, 0, &[(7, b"hash"), (8, b"other")]);
    assert!(
        !registries
            .step(&bench.theirs, &first.id, &block)
            .await
            .unwrap()
    );
    assert!(
        registries
            .step(&bench.ours, &first.id, &block)
            .await
            .unwrap()
    );
    assert_eq!(counting(&bench).await, [""; 0]);
    let hashes =
        async |client, id: &str, bucket| registries.hashes(client, id, bucket).await.unwrap();
    assert_eq!(hashes(&bench.ours, &first.id, 7).await, None);
    let done = registries.complete(&bench.ours, &first, NOW + 1).await;
    assert_eq!(done.unwrap(), Completed::Yes);
    assert_eq!(counting(&bench).await, std::slice::from_ref(&first.id));
    let found_blocks = hashes(&bench.ours, &first.id, 7).await.unwrap();
    assert_eq!(found_blocks, [Sealed(b"hash".to_vec())]);
    assert_eq!(hashes(&bench.ours, &first.id, 9).await, Some(Vec::new()));
    assert_eq!(hashes(&bench.theirs, &first.id, 7).await, None);
    assert_eq!(found(&bench, &bench.theirs, &first.id).await, None);
    let theirs = registries.counting(&bench.theirs).await.unwrap();
    assert_eq!(theirs, []);
    // Another in its place, in one step.
    let second = load(&bench, FileKind::Full, NOW - 8, b"new").await;
    assert_eq!(counting(&bench).await, std::slice::from_ref(&second.id));
    assert_eq!(hashes(&bench.ours, &first.id, 7).await, None);
    let before = found(&bench, &bench.ours, &first.id).await.unwrap();
    assert_eq!(before.state, FileState::Completed);
    assert_eq!((before.counts, before.uncounted_ms), (false, Some(NOW + 1)));
    // Nobody else has it count no more.
    assert!(!registries.stop(&bench.theirs, &second, NOW).await.unwrap());
    assert!(registries.stop(&bench.ours, &second, NOW).await.unwrap());
    assert_eq!(counting(&bench).await, [""; 0]);
    let page = registries.list(&bench.ours, None, 9).await.unwrap();
    assert_eq!(page.data.len(), 2);
    assert!(
        registries
            .list(&bench.theirs, None, 9)
            .await
            .unwrap()
            .data
            .is_empty()
    );
}

async fn what_was_read_is_written_once(bench: Bench) {
    let registries = bench.store.registries();
    let file = add(&bench, FileKind::Full, NOW).await;
    begin(&bench, &file).await;
    let steps = [
        step(0, 0, &[(7, b"one")]),
        step(10, 1, &[(7, b"two"), (9, b"x")]),
    ];
    for step in &steps {
        assert!(registries.step(&bench.ours, &file.id, step).await.unwrap());
        // A server that was killed does not know that it did.
        assert!(!registries.step(&bench.ours, &file.id, step).await.unwrap());
    }
    let now = found(&bench, &bench.ours, &file.id).await.unwrap();
    assert_eq!(
        (now.position, now.rows_read, now.numbers, now.failed),
        (20, 4, 2, 2)
    );
    assert_eq!((now.runs, now.tries, now.line), (2, 0, 3));
    assert_eq!(now.errors, r#"{"invalid_number":1}"#);
    let again = registries.begin(&bench.ours, &file.id).await.unwrap();
    assert_eq!(again, Some(1));
    let done = registries.complete(&bench.ours, &file, NOW).await.unwrap();
    assert_eq!(done, Completed::Yes);
    let both = registries.hashes(&bench.ours, &file.id, 7).await.unwrap();
    assert_eq!(both.unwrap().len(), 2);
    // More rows than fit a statement.
    let many = add(&bench, FileKind::Full, NOW).await;
    begin(&bench, &many).await;
    let blocks: Vec<(u32, &[u8])> = (0..139).map(|at| (at, &b"h"[..])).collect();
    let step = step(0, 0, &blocks);
    assert!(registries.step(&bench.ours, &many.id, &step).await.unwrap());
    // Of one that was taken back nothing more is written, and it never counts.
    let state = FileState::Cancelled;
    for wants in [true, false] {
        let ended = registries
            .end(&bench.ours, &many.id, state, None, NOW)
            .await;
        assert_eq!(ended.unwrap(), wants);
    }
    let done = registries.complete(&bench.ours, &many, NOW).await.unwrap();
    assert_eq!(done, Completed::No);
    assert_eq!(registries.begin(&bench.ours, &many.id).await.unwrap(), None);
    assert_eq!(counting(&bench).await, [file.id]);
}

async fn a_file_that_does_not_count_is_swept(bench: Bench) {
    let registries = bench.store.registries();
    let system = bench.store.system();
    let file = load(&bench, FileKind::Full, NOW, b"hash").await;
    assert_eq!(system.unswept_registry_file().await.unwrap(), None);
    registries.stop(&bench.ours, &file, NOW).await.unwrap();
    let unswept = system.unswept_registry_file().await.unwrap();
    assert_eq!(unswept, Some((bench.ours.clone(), file.id.clone())));
    let dropped = async |client, range| {
        registries
            .drop_numbers(client, &file.id, range)
            .await
            .unwrap()
    };
    assert_eq!(dropped(&bench.theirs, 0..9).await, 0);
    assert_eq!(dropped(&bench.ours, 0..7).await, 0);
    assert_eq!(dropped(&bench.ours, 7..8).await, 1);
    registries.swept(&bench.ours, &file.id).await.unwrap();
    assert_eq!(system.unswept_registry_file().await.unwrap(), None);
}

async fn a_change_needs_what_it_changes(bench: Bench) {
    let registries = bench.store.registries();
    let complete = async |kind, as_of_ms| {
        let file = add(&bench, kind, as_of_ms).await;
        begin(&bench, &file).await;
        registries.complete(&bench.ours, &file, NOW).await.unwrap()
    };
    assert_eq!(complete(FileKind::Additions, NOW).await, Completed::NoBase);
    let full = load(&bench, FileKind::Full, NOW, b"hash").await;
    assert_eq!(complete(FileKind::Full, NOW - 1).await, Completed::Older);
    assert_eq!(
        complete(FileKind::Removals, NOW - 1).await,
        Completed::Older
    );
    let more = load(&bench, FileKind::Additions, NOW + 1, b"more").await;
    // The newest first.
    assert_eq!(counting(&bench).await, [more.id.clone(), full.id.clone()]);
    // What changed it goes with it.
    registries.stop(&bench.ours, &full, NOW).await.unwrap();
    assert_eq!(counting(&bench).await, [""; 0]);
}
