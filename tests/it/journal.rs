//! Journals: what is written comes back, whatever happens to server, disk and folder.

mod crash;
mod disk;
mod erasure;

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
use trunkline_core::journal::{
    Audio, Began, Consent, Ended, Entry, Event, SILENCE, Speaker, Step, Turn,
};
use trunkline_core::phone::PhoneNumber;
use trunkline_core::token::Direction;

const PHONE: &str = "+15005550006";

/// What a sink was told, in order.
#[derive(Clone, Debug, PartialEq)]
enum Told {
    Rekeyed(Vec<u8>),
    Row(u64, Entry),
    Erased(u64),
    CaughtUp,
}

#[derive(Default)]
struct Rows {
    told: Mutex<Vec<(String, Told)>>,
    settled: Mutex<Vec<Settled>>,
}

impl Rows {
    fn told(&self, call_id: &str) -> Vec<Told> {
        let told = self.told.lock().unwrap();
        let of_call = told.iter().filter(|(of, _)| of == call_id);
        of_call.map(|(_, told)| told.clone()).collect()
    }

    /// The rows that a database would have now.
    fn table(&self, call_id: &str) -> Vec<(u64, Entry)> {
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

    fn settle(&self) {
        for settled in self.settled.lock().unwrap().drain(..) {
            settled.done();
        }
    }

    fn push(&self, call_id: &str, told: Told) {
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
struct House {
    data: tempfile::TempDir,
    vault: Vault,
    client: ClientId,
    rows: Arc<Rows>,
    settings: JournalSettings,
}

impl House {
    async fn new() -> Self {
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

    fn path(&self) -> &Path {
        self.data.path()
    }

    fn journals(&self) -> Journals {
        self.journals_on(Arc::new(RealDisk))
    }

    fn journals_on(&self, disk: Arc<dyn Disk>) -> Journals {
        let rows: Arc<dyn RowSink> = Arc::clone(&self.rows) as _;
        Journals::open_on(disk, self.path(), self.vault.clone(), rows, self.settings).unwrap()
    }

    async fn subject(&self) -> SubjectKeys {
        let phone = PhoneNumber::parse(PHONE).unwrap();
        let keys = self.vault.client(&self.client).await.unwrap();
        keys.subject(Some(&phone)).await.unwrap()
    }

    /// What the next start does that finds the database lost.
    async fn all_again(&self, journals: &Journals) -> Result<Recovery, JournalError> {
        let client = std::slice::from_ref(&self.client);
        journals.mark_all(client).await?;
        journals.recover().await
    }

    async fn begin(&self, journals: &Journals, call_id: &str) -> CallJournal {
        let subject = self.subject().await;
        journals
            .begin(&self.client, call_id, subject, began())
            .unwrap()
    }

    /// A call from beginning to end.
    async fn call(&self, journals: &Journals, entries: &[Entry]) -> String {
        let call_id = new_id("call");
        let journal = self.begin(journals, &call_id).await;
        for entry in entries {
            journal.append(vec![entry.clone()]).unwrap();
        }
        journal.close();
        journals.flush().await.unwrap();
        call_id
    }

    fn file(&self, call_id: &str) -> PathBuf {
        let day = "2026-03-04";
        let folder = self.path().join("journal").join(self.client.as_str());
        folder.join(day).join(format!("{call_id}.tlj"))
    }

    fn marks(&self) -> usize {
        fs::read_dir(self.path().join("journal/open"))
            .unwrap()
            .count()
    }

    async fn read(&self, journals: &Journals, call_id: &str) -> Reading {
        journals.read(&self.client, call_id).await.unwrap()
    }
}

fn began() -> Began {
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

fn turn(speaker: Speaker, from_ms: u64, to_ms: u64, text: &str) -> Entry {
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
    })
}

/// `samples` of both channels, each byte telling the second and the channel.
fn audio(second: u64, samples: u32) -> Entry {
    let tone = |channel: u8| vec![(second as u8 % 50) * 2 + channel; samples as usize];
    Entry::Audio(Audio {
        from: second * 8_000,
        samples,
        caller: Some(tone(0)),
        agent: Some(tone(1)),
    })
}

fn consent(at_ms: u64, step: Step) -> Entry {
    Entry::Consent(Consent { at_ms, step })
}

fn granted(at_ms: u64) -> Entry {
    consent(
        at_ms,
        Step::Granted {
            method: Method::SaidYes,
        },
    )
}

fn withdrawn(at_ms: u64) -> Entry {
    consent(
        at_ms,
        Step::Withdrawn {
            class: Refusal::Objected,
            erase: true,
            from_ms: at_ms,
        },
    )
}

fn event(at_ms: u64, kind: &str) -> Entry {
    Entry::Event(Event {
        at_ms,
        kind: kind.into(),
        detail: String::new(),
    })
}

fn ended(at_ms: u64, reason: &str) -> Entry {
    Entry::Ended(Ended {
        at_ms,
        reason: reason.into(),
    })
}

/// A small call: notice, consent, two turns, three seconds.
fn small_call() -> Vec<Entry> {
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

fn rows_of(entries: &[Entry]) -> Vec<(u64, Entry)> {
    let all = [Entry::Began(began())];
    let numbered = (0..).zip(all.iter().chain(entries));
    let rows = numbered.filter(|(_, entry)| !matches!(entry, Entry::Audio(_)));
    rows.map(|(seq, entry)| (seq, entry.clone())).collect()
}

#[tokio::test]
async fn what_is_written_is_read_also_while_the_call_goes_on() {
    let house = House::new().await;
    let journals = house.journals();
    let call_id = new_id("call");
    let journal = house.begin(&journals, &call_id).await;
    let call = small_call();
    for entry in &call[..4] {
        journal.append(vec![entry.clone()]).unwrap();
    }
    journals.flush().await.unwrap();
    let live = house.read(&journals, &call_id).await;
    assert_eq!(live.contents().unwrap().entries, rows_of(&call[..4]));
    assert_eq!((live.samples().unwrap(), live.stop()), (8_000, None));

    journal.append(call[4..].to_vec()).unwrap();
    assert_eq!(journal.failed(), None);
    journal.close();
    journals.flush().await.unwrap();
    assert_eq!(
        live.contents().unwrap().entries.len(),
        4,
        "a reading does not move"
    );
    let reading = house.read(&journals, &call_id).await;
    assert_eq!(reading.contents().unwrap().entries, rows_of(&call));
    assert_eq!(reading.samples().unwrap(), 20_000);
    let sound = reading.audio(7_998, 8_002).unwrap();
    assert_eq!(sound.caller, [0, 0, 2, 2]);
    assert_eq!(sound.agent, [1, 1, 3, 3]);
    let sound = reading.audio(19_999, 20_002).unwrap();
    assert_eq!(
        (sound.caller, sound.damaged),
        (vec![4, SILENCE, SILENCE], 0)
    );
    assert!(reading.audio(5, 5).unwrap().caller.is_empty());
    assert!(matches!(
        reading.audio(0, 4_800_001),
        Err(JournalError::Long)
    ));

    let told = house.rows.told(&call_id);
    assert!(matches!(told[0], Told::Rekeyed(_)));
    assert_eq!(told.last(), Some(&Told::CaughtUp));
    assert_eq!(house.rows.table(&call_id), rows_of(&call));
}

#[tokio::test]
async fn ids_of_others_and_of_nobody_open_nothing() {
    let house = House::new().await;
    let journals = house.journals();
    let call_id = house.call(&journals, &small_call()).await;
    let stranger = ClientId::new();
    house.vault.add_client(&stranger).await.unwrap();
    for (client, id) in [
        (&stranger, call_id.as_str()),
        (&house.client, "call_x"),
        (&house.client, "../../keys"),
        (&house.client, ""),
    ] {
        let read = journals.read(client, id).await;
        assert!(matches!(read, Err(JournalError::Missing { .. })), "{id:?}");
        let erased = journals.erase(client, id).await;
        assert!(matches!(erased, Err(JournalError::Missing { .. })));
        let removed = journals.remove(client, id).await;
        assert!(matches!(removed, Err(JournalError::Missing { .. })));
    }
    let subject = house.subject().await;
    let begun = journals.begin(&stranger, "call_1", subject.clone(), began());
    assert!(matches!(begun, Err(JournalError::Unfit)));
    let begun = journals.begin(&house.client, "a/b", subject.clone(), began());
    assert!(matches!(begun, Err(JournalError::Unfit)));
    let _live = journals
        .begin(&house.client, "call_1", subject.clone(), began())
        .unwrap();
    let begun = journals.begin(&house.client, "call_1", subject, began());
    assert!(matches!(begun, Err(JournalError::Present { .. })));
    journals.flush().await.unwrap();
    let removed = journals.remove(&house.client, "call_1").await;
    assert!(matches!(removed, Err(JournalError::Live { .. })));
    // A journal under another call's name is not that call's.
    let moved = house.file("call_2");
    fs::copy(house.file(&call_id), moved).unwrap();
    let read = journals.read(&house.client, "call_2").await;
    assert!(matches!(read, Err(JournalError::Misplaced { .. })));
}

#[tokio::test]
async fn a_file_of_the_same_call_is_never_written_over() {
    let house = House::new().await;
    let journals = house.journals();
    let call_id = house.call(&journals, &small_call()).await;
    let before = fs::read(house.file(&call_id)).unwrap();
    let journal = house.begin(&journals, &call_id).await;
    journals.flush().await.unwrap();
    assert!(journal.failed().is_some());
    journal.close();
    journals.flush().await.unwrap();
    assert_eq!(fs::read(house.file(&call_id)).unwrap(), before);
}

#[tokio::test]
async fn a_second_pass_is_added_and_a_journal_is_removed_whole() {
    let house = House::new().await;
    let journals = house.journals();
    let call = small_call();
    let call_id = house.call(&journals, &call).await;
    let second = Entry::Second {
        turns: Vec::new(),
        recogniser: "better".into(),
    };
    journals
        .add(&house.client, &call_id, vec![second.clone()])
        .await
        .unwrap();
    let reading = house.read(&journals, &call_id).await;
    let contents = reading.contents().unwrap();
    let (seq, last) = contents.entries.last().unwrap();
    assert_eq!(last, &second);
    assert!(*seq > call.len() as u64);
    assert_eq!(house.rows.table(&call_id), contents.entries);
    journals.remove(&house.client, &call_id).await.unwrap();
    assert!(!house.file(&call_id).exists());
    assert_eq!(house.marks(), 0);
    let read = journals.read(&house.client, &call_id).await;
    assert!(matches!(read, Err(JournalError::Missing { .. })));
}

#[tokio::test]
async fn a_session_that_vanishes_leaves_an_ended_journal() {
    let house = House::new().await;
    let journals = house.journals();
    let call_id = new_id("call");
    let journal = house.begin(&journals, &call_id).await;
    journal
        .append(vec![granted(1), audio(0, 8_000), audio(1, 8_000)])
        .unwrap();
    drop(journal);
    journals.flush().await.unwrap();
    let table = house.rows.table(&call_id);
    let end = [event(2_000, "session_lost"), ended(2_000, "session_lost")];
    let last: Vec<Entry> = table[2..].iter().map(|(_, entry)| entry.clone()).collect();
    assert_eq!(last, end);
    // And so does one that is still going on when the server closes.
    let other = new_id("call");
    let journal = house.begin(&journals, &other).await;
    journals.close().await;
    assert!(matches!(
        house.rows.table(&other).last(),
        Some((_, Entry::Ended(_)))
    ));
    assert!(journal.append(vec![audio(0, 8_000)]).is_err());
    assert!(matches!(journals.flush().await, Err(JournalError::Stopped)));
}

#[tokio::test]
async fn nothing_of_a_call_can_be_read_in_the_folder() {
    let house = House::new().await;
    let journals = house.journals();
    let call_id = house.call(&journals, &small_call()).await;
    journals.close().await;
    let mut pending = vec![house.path().to_owned()];
    let mut bytes = Vec::new();
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            bytes.extend(path.to_str().unwrap().as_bytes());
            if path.is_dir() {
                pending.push(path);
            } else {
                bytes.extend(fs::read(path).unwrap());
            }
        }
    }
    let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    assert!(has(call_id.as_bytes()), "the test sees the folder");
    for secret in [
        "Philippa",
        "Marlowe",
        "name",
        "Wintergreen",
        "recorded",
        PHONE,
        &PHONE[1..],
        "front-desk",
        "opt_out",
        "caller_hung_up",
    ] {
        assert!(!has(secret.as_bytes()), "{secret:?} can be read");
    }
    assert!(!has(&[2; 64]) && !has(&[3; 64]), "sound can be read");
}

/// What journals cost: `cargo test --test it journal::cost -- --ignored --nocapture`, with `--release` for a figure.
#[tokio::test]
#[ignore = "measures CPU time, which other tests would spoil: cargo test --release --test it journal::cost -- --ignored --nocapture"]
async fn cost() {
    fn cpu_ms() -> u64 {
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split(' ').collect();
        // User and system time in hundredths of a second.
        10 * (fields[12].parse::<u64>().unwrap() + fields[13].parse::<u64>().unwrap())
    }
    const CALLS: u64 = 100;
    const SECONDS: u64 = 120;
    for sync in [SyncWhen::End, SyncWhen::Second] {
        let mut house = House::new().await;
        house.settings = JournalSettings {
            sync,
            ..JournalSettings::default()
        };
        let journals = house.journals();
        let mut calls = Vec::new();
        for _ in 0..CALLS {
            calls.push(house.begin(&journals, &new_id("call")).await);
        }
        journals.flush().await.unwrap();
        let seconds: Vec<Entry> = (0..SECONDS).map(|second| audio(second, 8_000)).collect();
        let before = cpu_ms();
        let began = trunkline::clock::now();
        for second in &seconds {
            for call in &calls {
                let said = turn(Speaker::Caller, 0, 1_000, "one turn in every second or so");
                call.append(vec![second.clone(), said]).unwrap();
            }
            journals.flush().await.unwrap();
        }
        let spent = (cpu_ms() - before) as f64;
        let per_second = spent / (CALLS * SECONDS) as f64;
        println!(
            "{sync:?}: {per_second:.4} CPU-ms per call-second, {:?} for {CALLS} x {SECONDS} s",
            began.elapsed()
        );
        let began = trunkline::clock::now();
        drop(calls);
        journals.flush().await.unwrap();
        println!("ending {CALLS} calls: {:?}", began.elapsed());
    }
    let house = House::new().await;
    let journals = house.journals();
    let call_id = new_id("call");
    let journal = house.begin(&journals, &call_id).await;
    for second in 0..3_600 {
        let said = turn(
            Speaker::Caller,
            second * 1_000,
            second * 1_000 + 900,
            "words",
        );
        journal.append(vec![audio(second, 8_000), said]).unwrap();
        journals.flush().await.unwrap();
    }
    journal.append(vec![granted(0)]).unwrap();
    journal.close();
    journals.flush().await.unwrap();
    for _ in 0..2 {
        let began = trunkline::clock::now();
        let reading = house.read(&journals, &call_id).await;
        let indexed = began.elapsed();
        assert_eq!(reading.contents().unwrap().entries.len(), 3_604);
        let words = began.elapsed();
        assert_eq!(reading.samples().unwrap(), 3_600 * 8_000);
        reading.audio(1_000 * 8_000, 1_010 * 8_000).unwrap();
        let sound = began.elapsed();
        println!("an hour: indexed {indexed:?}, words {words:?}, ten seconds of sound {sound:?}");
    }
    let began = trunkline::clock::now();
    house.all_again(&journals).await.unwrap();
    println!(
        "an hour looked through after a crash: {:?}",
        began.elapsed()
    );
    let began = trunkline::clock::now();
    assert_eq!(
        journals.erase(&house.client, &call_id).await.unwrap(),
        7_200
    );
    println!("an hour erased: {:?}", began.elapsed());
}
