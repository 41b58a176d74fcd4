//! A folder with one client, a sink that remembers what it was told, and entries of a small call.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use trunkline::ids::{ClientId, new_id};
use trunkline::journal::{
    CallJournal, Disk, JournalError, JournalSettings, Journals, Reading, RealDisk, Recovery,
    RowSink, Settled, SyncWhen,
};
use trunkline::vault::{CallKey, SubjectId, SubjectKeys, Vault};
use trunkline_core::consent::{Method, Mode, Refusal};
use trunkline_core::journal::{Audio, Began, Consent, Ended, Entry, Event, Speaker, Step, Turn};
use trunkline_core::phone::PhoneNumber;
use trunkline_core::token::Direction;

pub(super) const PHONE: &str = "+15005550006";

/// What a sink was told, in order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Told {
    Rekeyed(Vec<u8>),
    Row(u64, Entry),
    Erased(u64),
    CaughtUp,
}

#[derive(Default)]
pub(super) struct Rows {
    pub(super) told: Mutex<Vec<(String, Told)>>,
    pub(super) settled: Mutex<Vec<Settled>>,
}

impl Rows {
    pub(super) fn told(&self, call_id: &str) -> Vec<Told> {
        let told = self.told.lock().unwrap();
        let of_call = told.iter().filter(|(of, _)| of == call_id);
        of_call.map(|(_, told)| told.clone()).collect()
    }

    /// The rows that a database would have now.
    pub(super) fn table(&self, call_id: &str) -> Vec<(u64, Entry)> {
        let mut table: Vec<(u64, Entry)> = Vec::new();
        for told in self.told(call_id) {
            match told {
                Told::Row(seq, entry) => {
                    table.retain(|(of, _)| *of != seq);
                    table.push((seq, entry));
                }
                Told::Erased(before) => {
                    table.retain(|(seq, entry)| *seq >= before || !entry.is_content());
                }
                Told::Rekeyed(_) | Told::CaughtUp => {}
            }
        }
        table.sort_by_key(|(seq, _)| *seq);
        table
    }

    pub(super) fn settle(&self) {
        for settled in self.settled.lock().unwrap().drain(..) {
            settled.done();
        }
    }

    pub(super) fn push(&self, call_id: &str, told: Told) {
        self.told.lock().unwrap().push((call_id.to_owned(), told));
    }
}

impl RowSink for Rows {
    fn rekeyed(&self, _: &ClientId, call_id: &str, _: &SubjectId, sealed_key: &[u8]) {
        self.push(call_id, Told::Rekeyed(sealed_key.to_vec()));
    }

    fn rows(&self, _: &ClientId, call_id: &str, seq: u64, entry: &Entry, _: &CallKey) {
        assert!(!matches!(entry, Entry::Audio(_)), "sound is no row");
        self.push(call_id, Told::Row(seq, entry.clone()));
    }

    fn erased(&self, _: &ClientId, call_id: &str, before_seq: u64) {
        self.push(call_id, Told::Erased(before_seq));
    }

    fn caught_up(&self, _: &ClientId, call_id: &str, settled: Settled) {
        self.push(call_id, Told::CaughtUp);
        self.settled.lock().unwrap().push(settled);
    }
}

/// A data folder with a vault and one client.
pub(super) struct House {
    pub(super) data: tempfile::TempDir,
    pub(super) vault: Vault,
    pub(super) client: ClientId,
    pub(super) rows: Arc<Rows>,
    pub(super) settings: JournalSettings,
}

impl House {
    pub(super) async fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let vault = Vault::init(data.path()).await.unwrap();
        let client = ClientId::new();
        vault.add_client(&client).await.unwrap();
        let settings = JournalSettings {
            sync: SyncWhen::End,
            waiting_max: 64,
        };
        Self {
            data,
            vault,
            client,
            rows: Arc::default(),
            settings,
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.data.path()
    }

    pub(super) fn journals(&self) -> Journals {
        self.journals_on(Arc::new(RealDisk))
    }

    pub(super) fn journals_on(&self, disk: Arc<dyn Disk>) -> Journals {
        let rows: Arc<dyn RowSink> = Arc::clone(&self.rows) as _;
        Journals::open_on(disk, self.path(), self.vault.clone(), rows, self.settings).unwrap()
    }

    pub(super) async fn subject(&self) -> SubjectKeys {
        let phone = PhoneNumber::parse(PHONE).unwrap();
        let keys = self.vault.client(&self.client).await.unwrap();
        keys.subject(Some(&phone)).await.unwrap()
    }

    /// What the next start does that finds the database lost.
    pub(super) async fn all_again(&self, journals: &Journals) -> Result<Recovery, JournalError> {
        let client = std::slice::from_ref(&self.client);
        journals.mark_all(client).await?;
        journals.recover().await
    }

    pub(super) async fn begin(&self, journals: &Journals, call_id: &str) -> CallJournal {
        let subject = self.subject().await;
        journals
            .begin(&self.client, call_id, subject, began())
            .unwrap()
    }

    /// A call from beginning to end.
    pub(super) async fn call(&self, journals: &Journals, entries: &[Entry]) -> String {
        let call_id = new_id("call");
        let journal = self.begin(journals, &call_id).await;
        for entry in entries {
            journal.append(vec![entry.clone()]).unwrap();
        }
        journal.close();
        journals.flush().await.unwrap();
        call_id
    }

    pub(super) fn file(&self, call_id: &str) -> PathBuf {
        let day = "2026-03-04";
        let folder = self.path().join("journal").join(self.client.as_str());
        folder.join(day).join(format!("{call_id}.tlj"))
    }

    pub(super) fn marks(&self) -> usize {
        fs::read_dir(self.path().join("journal/open"))
            .unwrap()
            .count()
    }

    pub(super) async fn read(&self, journals: &Journals, call_id: &str) -> Reading {
        journals.read(&self.client, call_id).await.unwrap()
    }
}

pub(super) fn began() -> Began {
    Began {
        unix_ms: 1_772_582_400_000,
        agent: "front-desk".into(),
        agent_version: 3,
        direction: Direction::Inbound,
        mode: Mode::Announce,
        rules: "us@00".into(),
        because: vec!["the number's place".into()],
    }
}

pub(super) fn turn(speaker: Speaker, from_ms: u64, to_ms: u64, text: &str) -> Entry {
    Entry::Turn(Turn {
        speaker,
        from_ms,
        to_ms,
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

/// `samples` of both channels, each byte telling the second and the channel.
pub(super) fn audio(second: u64, samples: u32) -> Entry {
    let tone = |channel: u8| vec![(second as u8 % 50) * 2 + channel; samples as usize];
    Entry::Audio(Audio {
        from: second * 8_000,
        samples,
        caller: Some(tone(0)),
        agent: Some(tone(1)),
    })
}

pub(super) fn consent(at_ms: u64, step: Step) -> Entry {
    Entry::Consent(Consent { at_ms, step })
}

pub(super) fn granted(at_ms: u64) -> Entry {
    consent(
        at_ms,
        Step::Granted {
            method: Method::SaidYes,
        },
    )
}

pub(super) fn withdrawn(at_ms: u64) -> Entry {
    consent(
        at_ms,
        Step::Withdrawn {
            class: Refusal::Objected,
            erase: true,
            from_ms: at_ms,
        },
    )
}

pub(super) fn event(at_ms: u64, kind: &str) -> Entry {
    Entry::Event(Event {
        at_ms,
        kind: kind.into(),
        detail: String::new(),
    })
}

pub(super) fn ended(at_ms: u64, reason: &str) -> Entry {
    Entry::Ended(Ended {
        at_ms,
        reason: reason.into(),
    })
}

/// A small call: notice, consent, two turns, three seconds.
pub(super) fn small_call() -> Vec<Entry> {
    vec![
        turn(
            Speaker::Agent,
            0,
            900,
            "Wintergreen dental, this call is recorded",
        ),
        granted(1_000),
        audio(0, 8_000),
        turn(Speaker::Caller, 1_100, 1_900, "my name is Philippa Marlowe"),
        audio(1, 8_000),
        audio(2, 4_000),
        event(2_400, "opt_out"),
        ended(2_500, "caller_hung_up"),
    ]
}

pub(super) fn rows_of(entries: &[Entry]) -> Vec<(u64, Entry)> {
    let all = [Entry::Began(began())];
    let numbered = (0..).zip(all.iter().chain(entries));
    let rows = numbered.filter(|(_, entry)| !matches!(entry, Entry::Audio(_)));
    rows.map(|(seq, entry)| (seq, entry.clone())).collect()
}
