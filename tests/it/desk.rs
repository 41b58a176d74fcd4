//! The house between its calls: opened after a loss, and cared for while it runs.

mod opt_outs;
mod unended;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::watch;
use trunkline::desk::setup::Books;
use trunkline::desk::{Desk, Unnamed, care};
use trunkline::ids::{self, ClientId};
use trunkline::journal::{CallJournal, JournalSettings};
use trunkline::store::StoreConfig;
use trunkline::store::calls::CallStatus;
use trunkline_core::consent::{Method, Mode};
use trunkline_core::journal::{Began, Consent, Ended, Entry, Event, Speaker, Step, Turn};
use trunkline_core::token::Direction;

use crate::session::rig::unhurried;

/// A data folder of a client's.
pub(crate) struct Folder {
    folder: TempDir,
    pub(crate) client: ClientId,
}

impl Folder {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        let books = Books::make(folder.path(), &config).await.unwrap();
        let client = books.add_client("Oak").await.unwrap();
        Self { folder, client }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn open(&self) -> Desk {
        let (data, settings) = (self.folder.path(), JournalSettings::default());
        let (desk, recovery) = Desk::open(data, &config(data), settings).await.unwrap();
        assert!(recovery.left.is_empty(), "{recovery:?}");
        desk
    }

    /// The database and its log.
    fn database(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        let files = files.map(|file| file.unwrap().path());
        let name = |file: &PathBuf| file.file_name().unwrap().to_str().unwrap().to_owned();
        files
            .filter(|file| name(file).starts_with("trunkline.db"))
            .collect()
    }
}

fn config(data: &Path) -> StoreConfig {
    StoreConfig::sqlite(&data.join("trunkline.db"))
}

pub(crate) fn began() -> Began {
    Began {
        unix_ms: 1_795_365_000_000,
        agent: "front-desk".into(),
        agent_version: 0,
        direction: Direction::Inbound,
        mode: Mode::Announce,
        rules: "rules@1".into(),
        because: Vec::new(),
    }
}

/// A call that has begun, without a number.
pub(crate) async fn begin(desk: &Desk, client: &ClientId) -> (String, CallJournal) {
    let id = ids::new_id("call");
    let keys = desk.vault.client(client).await.unwrap();
    let subject = keys.subject(None).await.unwrap();
    let journal = desk.journals.begin(client, &id, subject, began()).unwrap();
    journal.append(vec![Entry::Began(began())]).unwrap();
    (id, journal)
}

pub(crate) fn granted(at_ms: u64) -> Entry {
    let method = Method::SaidYes;
    Entry::Consent(Consent {
        at_ms,
        step: Step::Granted { method },
    })
}

pub(crate) fn said(speaker: Speaker, from_ms: u64, text: &str) -> Entry {
    Entry::Turn(Turn {
        speaker,
        from_ms,
        to_ms: from_ms + 900,
        text: text.into(),
        keys: None,
        confidence: None,
        cut: false,
        halts: Vec::new(),
        latency: None,
        words: Vec::new(),
        tool: None,
    })
}

/// Ends a call and waits until all of it is written.
pub(crate) async fn end(desk: &Desk, journal: CallJournal, at_ms: u64) {
    let reason = "caller_hung_up".into();
    journal
        .append(vec![Entry::Ended(Ended { at_ms, reason })])
        .unwrap();
    journal.close();
    desk.journals.flush().await.unwrap();
    desk.rows.flush().await.unwrap();
}

#[tokio::test]
async fn a_lost_database_is_made_again_from_the_journals() {
    let house = Folder::new().await;
    let desk = house.open().await;
    let mut calls = Vec::new();
    for _ in 0..3 {
        let (id, journal) = begin(&desk, &house.client).await;
        let turns = (0..40).map(|n| said(Speaker::Agent, n * 1_000, "We open at eight."));
        journal.append(turns.collect()).unwrap();
        end(&desk, journal, 40_000).await;
        calls.push(id);
    }
    desk.close().await;
    desk.store.close().await;
    drop(desk);
    for file in house.database() {
        std::fs::remove_file(file).unwrap();
    }

    let desk = house.open().await;
    assert_eq!(desk.unnamed(), Unnamed::Of(house.client.clone()));
    for id in &calls {
        let call = desk.store.calls().find(&house.client, id).await.unwrap();
        assert_eq!(call.unwrap().status, CallStatus::Ended);
        let turns = desk.store.turns().list(&house.client, id).await.unwrap();
        assert_eq!(turns.len(), 40);
    }
}

#[tokio::test]
async fn a_client_that_was_added_to_an_empty_database_hides_none_that_was_lost() {
    let house = Folder::new().await;
    let desk = house.open().await;
    let (id, journal) = begin(&desk, &house.client).await;
    end(&desk, journal, 1_000).await;
    desk.close().await;
    desk.store.close().await;
    drop(desk);
    for file in house.database() {
        std::fs::remove_file(file).unwrap();
    }
    let books = Books::open(house.path(), &config(house.path())).await;
    let books = books.unwrap();
    let added = books.add_client("Elm").await.unwrap();
    drop(books);

    let desk = house.open().await;
    let call = desk.store.calls().find(&house.client, &id).await.unwrap();
    assert_eq!(call.unwrap().status, CallStatus::Ended);
    assert_eq!(desk.unnamed(), Unnamed::Unclear);
    assert!(desk.store.clients().find(&added).await.unwrap().is_some());
}

#[tokio::test]
async fn keys_of_a_client_that_was_never_added_make_no_client() {
    let house = Folder::new().await;
    let vault = trunkline::vault::Vault::open(house.path()).await.unwrap();
    let half = ClientId::new();
    vault.add_client(&half).await.unwrap();
    drop(vault);
    let desk = house.open().await;
    assert_eq!(desk.unnamed(), Unnamed::Of(house.client.clone()));
    assert_eq!(desk.store.clients().find(&half).await.unwrap(), None);
}

#[tokio::test]
async fn a_server_ends_though_its_database_is_away() {
    let house = Folder::new().await;
    let desk = house.open().await;
    let (_, journal) = begin(&desk, &house.client).await;
    desk.store.close().await;
    drop(journal);
    desk.journals.flush().await.unwrap();
    // The wait is the clock's, which may now leap.
    tokio::time::pause();
    desk.close().await;
    drop(desk);
    let marks = std::fs::read_dir(house.path().join("journal/open"));
    assert_eq!(marks.unwrap().count(), 1, "the next start makes the rows");
}

#[tokio::test]
async fn an_opening_after_an_orderly_end_reads_no_journal_again() {
    let house = Folder::new().await;
    let desk = house.open().await;
    let (_, journal) = begin(&desk, &house.client).await;
    end(&desk, journal, 1_000).await;
    desk.close().await;
    drop(desk);
    let data = house.folder.path();
    let (_, recovery) = Desk::open(data, &config(data), JournalSettings::default())
        .await
        .unwrap();
    assert_eq!(recovery.replayed, 0, "{recovery:?}");
}

#[tokio::test]
async fn a_round_finishes_what_is_behind_and_leaves_live_calls_alone() {
    let house = Folder::new().await;
    let desk = house.open().await;
    let (live, live_journal) = begin(&desk, &house.client).await;
    let (id, journal) = begin(&desk, &house.client).await;
    // More at once than any conversation gives: its rows are not taken.
    let event = |_| {
        Entry::Event(Event {
            at_ms: 0,
            kind: "stage_failed".into(),
            detail: "stage=voice".into(),
        })
    };
    journal.append((0..400).map(event).collect()).unwrap();
    end(&desk, journal, 1_000).await;
    assert!(desk.rows.is_behind(&house.client, &id));

    let round = care::round(&desk).await;
    desk.rows.flush().await.unwrap();
    assert_eq!(round.recovery.replayed, 1, "{round:?}");
    assert!(!desk.rows.is_behind(&house.client, &id));
    let call = async |id| desk.store.calls().find(&house.client, id).await.unwrap();
    assert_eq!(call(&id).await.unwrap().status, CallStatus::Ended);
    assert_eq!(call(&live).await.unwrap().status, CallStatus::InProgress);
    assert_eq!(care::round(&desk).await.recovery.replayed, 0);
    end(&desk, live_journal, 2_000).await;
    assert_eq!(call(&live).await.unwrap().status, CallStatus::Ended);
}

#[tokio::test(start_paused = true)]
async fn care_goes_round_every_minute_and_ends_with_the_server() {
    let house = unhurried(Folder::new()).await;
    let desk = Arc::new(unhurried(house.open()).await);
    let expired = [1; 32];
    let spent = async |desk: &Desk| desk.store.system().spend_token(&expired, 0).await.unwrap();
    assert!(unhurried(spent(&desk)).await);
    assert!(!unhurried(spent(&desk)).await);
    let (draining, told) = watch::channel(false);
    let keeping = tokio::spawn(care::keep(Arc::clone(&desk), told));
    tokio::task::yield_now().await;
    tokio::time::advance(Duration::from_secs(61)).await;
    // A token that was forgotten can be spent again.
    unhurried(async {
        while !spent(&desk).await {
            tokio::task::yield_now().await;
        }
    })
    .await;
    draining.send_replace(true);
    keeping.await.unwrap();
}
