//! Journal and rows together: what is in the one comes to the other, and goes from both.

use std::sync::Arc;

use tempfile::TempDir;
use trunkline::ids::new_id;
use trunkline::journal::{JournalSettings, Journals};
use trunkline::store::calls::{CallStatus, ConsentState};
use trunkline::store::rows::{Rows, content_aad};
use trunkline::vault::{ClientKeys, SubjectKeys, Vault};
use trunkline_core::journal::{Entry, Turn};

use super::bench::Bench;
use super::entries::{began, conversation, granted, step, turn};

super::on_both!(
    rows_open_with_the_key_that_their_call_names,
    what_is_erased_from_the_journal_goes_from_the_rows,
    rows_that_were_lost_come_again_from_the_journal,
);

/// A data folder beside the database.
struct Kept {
    bench: Bench,
    rows: Rows,
    journals: Journals,
    keys: ClientKeys,
    subject: SubjectKeys,
    id: String,
    folder: TempDir,
}

impl Kept {
    async fn new(bench: Bench) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::init(folder.path()).await.unwrap();
        let keys = vault.add_client(&bench.ours).await.unwrap();
        let subject = keys.subject(None).await.unwrap();
        let (rows, _writer) = Rows::start(bench.store.clone());
        let sink = Arc::new(rows.clone());
        let journals =
            Journals::open(folder.path(), vault, sink, JournalSettings::default()).unwrap();
        Self {
            bench,
            rows,
            journals,
            keys,
            subject,
            id: new_id("call"),
            folder,
        }
    }

    async fn written(&self) {
        self.journals.flush().await.unwrap();
        self.rows.flush().await.unwrap();
    }

    async fn record(&self, entries: &[Entry]) {
        let Entry::Began(began) = &entries[0] else {
            panic!("a journal begins with its beginning");
        };
        let journal = self.journals.begin(
            &self.bench.ours,
            &self.id,
            self.subject.clone(),
            began.clone(),
        );
        let journal = journal.unwrap();
        journal.append(entries[1..].to_vec()).unwrap();
        journal.close();
        self.written().await;
    }

    /// The turns' words, opened by way of what the rows say.
    async fn words(&self) -> Vec<String> {
        let (ours, store) = (&self.bench.ours, &self.bench.store);
        let call = store.calls().find(ours, &self.id).await.unwrap().unwrap();
        assert_eq!(call.subject_id.as_deref(), Some(self.subject.id().as_str()));
        let subject = self.keys.subject_by_id(self.subject.id()).await.unwrap();
        let key = subject.open_call_key(&call.sealed_key.unwrap().0).unwrap();
        let turns = store.turns().list(ours, &self.id).await.unwrap();
        let words = turns.iter().map(|row| {
            let json = key
                .open(&content_aad(ours, &self.id, row.seq), &row.body.0)
                .unwrap();
            serde_json::from_slice::<Turn>(&json).unwrap().text
        });
        words.collect()
    }

    /// Journals that the next start would look at.
    async fn looked_at(&self) -> u64 {
        let recovery = self.journals.recover().await.unwrap();
        assert!(recovery.left.is_empty(), "{recovery:?}");
        self.written().await;
        recovery.replayed
    }
}

async fn rows_open_with_the_key_that_their_call_names(bench: Bench) {
    let kept = Kept::new(bench).await;
    kept.record(&conversation()).await;
    assert_eq!(kept.words().await, ["My name is Ada.", "Hello Ada."]);
    let call = kept
        .bench
        .store
        .calls()
        .find(&kept.bench.ours, &kept.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (call.status, call.consent_state),
        (CallStatus::Ended, ConsentState::Granted)
    );
    assert_eq!(kept.bench.store.system().behind("", 9).await.unwrap(), []);
    assert_eq!(
        kept.looked_at().await,
        0,
        "what is committed needs no second look"
    );
    // Nothing that was said is in the database's files in clear.
    if let Some(path) = kept.bench.config.url.strip_prefix("sqlite:") {
        let folder = std::path::Path::new(path).parent().unwrap();
        for file in std::fs::read_dir(folder).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            // Long enough that no sealed bytes hold them by chance.
            for said in [b"name is ", b"Hello Ad"] {
                assert!(!bytes.windows(said.len()).any(|window| window == said));
            }
        }
    }
}

async fn what_is_erased_from_the_journal_goes_from_the_rows(bench: Bench) {
    let kept = Kept::new(bench).await;
    kept.record(&conversation()).await;
    let erased = kept
        .journals
        .erase(&kept.bench.ours, &kept.id)
        .await
        .unwrap();
    kept.written().await;
    assert!(erased >= 2, "{erased}");
    // What stays of a turn is that there was one; it opens with the call's new key.
    assert!(
        kept.words().await.iter().all(String::is_empty),
        "{:?}",
        kept.words().await
    );
    let (events, _) = kept
        .bench
        .store
        .events()
        .list(&kept.bench.ours, &kept.id, None, 9)
        .await
        .unwrap();
    assert!(
        events.iter().any(|event| event.kind == "erased"),
        "{events:?}"
    );
    assert_eq!(kept.looked_at().await, 0);
}

async fn rows_that_were_lost_come_again_from_the_journal(bench: Bench) {
    let kept = Kept::new(bench).await;
    // Far more at once than a call may give: the rest is not taken.
    let mut entries = vec![began(), step(10, granted())];
    entries.extend((0..2_000).map(|n| turn(1_000 + n, "hello")));
    kept.record(&entries).await;
    let (ours, store) = (&kept.bench.ours, &kept.bench.store);
    assert!(kept.rows.is_behind(ours, &kept.id));
    let before = store.turns().list(ours, &kept.id).await.unwrap().len();
    assert!((100..1_000).contains(&before), "{before}");
    assert_eq!(store.system().behind("", 9).await.unwrap().len(), 1);

    kept.rows.set_patient(true);
    assert_eq!(kept.looked_at().await, 1);
    kept.rows.set_patient(false);
    assert_eq!(kept.words().await.len(), 2_000);
    assert!(!kept.rows.is_behind(ours, &kept.id));
    assert_eq!(store.system().behind("", 9).await.unwrap(), []);
    assert_eq!(kept.looked_at().await, 0);

    // The whole database lost: everything of the journals comes again.
    let mut raw = kept.bench.raw().await;
    for table in ["calls", "turns", "events", "consents"] {
        raw.script(&format!("DELETE FROM {table}")).await.unwrap();
    }
    kept.rows.set_patient(true);
    let recovery = {
        let theirs = std::slice::from_ref(ours);
        assert_eq!(kept.journals.mark_all(theirs).await.unwrap(), 1);
        kept.journals.recover().await.unwrap()
    };
    assert_eq!((recovery.replayed, recovery.left.len()), (1, 0));
    kept.written().await;
    assert_eq!(kept.words().await.len(), 2_000);
    assert!(kept.folder.path().exists());
}
