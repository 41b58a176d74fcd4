//! Disks that fail: the recording stops, and nothing else does.

use std::io;
use std::sync::Condvar;
use std::sync::atomic::{AtomicUsize, Ordering};

use trunkline::journal::JournalFailure;

use super::*;

/// A disk with room for so many bytes; the write that does not fit is torn.
struct Small {
    left: AtomicUsize,
}

impl Small {
    fn of(bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicUsize::new(bytes),
        })
    }
}

impl Disk for Small {
    fn write(&self, file: &mut fs::File, bytes: &[u8]) -> io::Result<usize> {
        use std::io::Write as _;
        let left = self.left.load(Ordering::SeqCst);
        if left == 0 {
            return Err(io::Error::from_raw_os_error(28));
        }
        let count = bytes.len().min(left);
        file.write_all(&bytes[..count])?;
        self.left.fetch_sub(count, Ordering::SeqCst);
        Ok(count)
    }
}

#[tokio::test]
async fn a_full_disk_stops_the_recording_and_tears_nothing() {
    // The bytes of the call's head and first entry, from a disk with room.
    let house = House::new().await;
    let journals = house.journals();
    let probe = new_id("call");
    let journal = house.begin(&journals, &probe).await;
    journals.flush().await.unwrap();
    let first = fs::metadata(house.file(&probe)).unwrap().len() as usize;
    journal
        .append(vec![turn(Speaker::Agent, 0, 9, "hello")])
        .unwrap();
    journals.flush().await.unwrap();
    let second = fs::metadata(house.file(&probe)).unwrap().len() as usize;
    drop((journal, journals));

    for room in [
        0,
        1,
        first - 1,
        first,
        first + 1,
        second - 1,
        second,
        second + 100,
    ] {
        let disk = Small::of(room);
        let journals = house.journals_on(Arc::clone(&disk) as _);
        let call_id = new_id("call");
        let journal = house.begin(&journals, &call_id).await;
        journal
            .append(vec![turn(Speaker::Agent, 0, 9, "hello")])
            .ok();
        journals.flush().await.unwrap();
        journal.append(vec![audio(0, 8_000)]).ok();
        journals.flush().await.unwrap();
        assert_eq!(journal.failed(), Some(JournalFailure::Full), "room {room}");
        assert_eq!(
            journal.append(vec![granted(9), ended(2_000, "caller_hung_up")]),
            Err(JournalFailure::Full)
        );
        // Nothing torn is left in the file.
        let bytes = fs::metadata(house.file(&call_id)).map_or(0, |file| file.len() as usize);
        let whole = [0, first, second];
        assert!(whole.contains(&bytes), "room {room}: {bytes} bytes");
        assert!(bytes <= room);

        // Room again: the end is written, and the next call is whole.
        disk.left.store(1 << 30, Ordering::SeqCst);
        journal.close();
        journals.flush().await.unwrap();
        let table: Vec<Entry> = house
            .rows
            .table(&call_id)
            .into_iter()
            .map(|(_, entry)| entry)
            .collect();
        let mut want = vec![Entry::Began(began())];
        want.extend((bytes == second).then(|| turn(Speaker::Agent, 0, 9, "hello")));
        let at_ms = if bytes == second { 9 } else { 0 };
        want.push(Entry::Event(Event {
            at_ms,
            kind: "recording_failed".into(),
            detail: "reason=disk_full".into(),
        }));
        // What was agreed to is never lost, nor how the call ended.
        want.push(granted(9));
        want.push(ended(2_000, "caller_hung_up"));
        assert_eq!(table, want, "room {room}");
        let reading = house.read(&journals, &call_id).await;
        assert_eq!(reading.contents().unwrap().entries.len(), want.len());
        let next = house.call(&journals, &small_call()).await;
        assert_eq!(house.rows.table(&next), rows_of(&small_call()));
    }
}

#[tokio::test]
async fn one_call_failing_leaves_the_others_recorded() {
    let house = House::new().await;
    let disk = Small::of(1 << 20);
    let journals = house.journals_on(Arc::clone(&disk) as _);
    let (one, two) = (new_id("call"), new_id("call"));
    let journal_one = house.begin(&journals, &one).await;
    let journal_two = house.begin(&journals, &two).await;
    journals.flush().await.unwrap();
    disk.left.store(0, Ordering::SeqCst);
    journal_one.append(vec![audio(0, 8_000)]).unwrap();
    journals.flush().await.unwrap();
    disk.left.store(1 << 20, Ordering::SeqCst);
    journal_two.append(small_call()).unwrap();
    journals.flush().await.unwrap();
    assert_eq!(journal_one.failed(), Some(JournalFailure::Full));
    assert_eq!(journal_two.failed(), None);
    assert_eq!(house.rows.table(&two), rows_of(&small_call()));
}

#[tokio::test]
async fn a_folder_that_is_none_or_goes_away_is_told() {
    let house = House::new().await;
    let journals = house.journals();
    let of_client = house.path().join("journal").join(house.client.as_str());
    fs::write(&of_client, "in the way").unwrap();
    let journal = house.begin(&journals, "call_1").await;
    journals.flush().await.unwrap();
    assert_eq!(journal.failed(), Some(JournalFailure::Vanished));
    journal.close();
    fs::remove_file(&of_client).unwrap();
    let call_id = house.call(&journals, &small_call()).await;
    assert_eq!(house.rows.table(&call_id), rows_of(&small_call()));

    let journal = house.begin(&journals, "call_2").await;
    journals.flush().await.unwrap();
    assert_eq!(journal.failed(), None);
    fs::remove_dir_all(house.path().join("journal")).unwrap();
    journal.append(vec![audio(0, 8_000)]).unwrap();
    journals.flush().await.unwrap();
    assert_eq!(journal.failed(), Some(JournalFailure::Vanished));
    let next = house.begin(&journals, "call_3").await;
    journals.flush().await.unwrap();
    assert_eq!(next.failed(), Some(JournalFailure::Vanished));
    assert!(
        !house.path().join("journal").exists(),
        "what may be a missing disk is not made anew"
    );
    for (journal, failure) in [(journal, "gone"), (next, "gone")] {
        let said = journal.append(vec![audio(0, 1)]).unwrap_err().to_string();
        assert!(said.contains(failure), "{said}");
    }
}

/// A disk that may not be written to.
struct Locked;

impl Disk for Locked {
    fn write(&self, _: &mut fs::File, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}

#[tokio::test]
async fn a_read_only_disk_is_told() {
    let house = House::new().await;
    let journals = house.journals_on(Arc::new(Locked));
    let journal = house.begin(&journals, "call_1").await;
    journals.flush().await.unwrap();
    assert_eq!(journal.failed(), Some(JournalFailure::ReadOnly));
    assert!(!house.file("call_1").exists());
    journal.close();
    journals.flush().await.unwrap();
    assert_eq!(house.marks(), 0, "there is nothing to come back to");
}

/// A disk on which nothing moves until it is let go.
#[derive(Default)]
struct Stuck {
    free: Mutex<bool>,
    freed: Condvar,
}

impl Disk for Stuck {
    fn write(&self, file: &mut fs::File, bytes: &[u8]) -> io::Result<usize> {
        use std::io::Write as _;
        let mut free = self.free.lock().unwrap();
        while !*free {
            free = self.freed.wait(free).unwrap();
        }
        file.write(bytes)
    }
}

#[tokio::test]
async fn a_disk_that_is_stuck_holds_up_nobody() {
    let mut house = House::new().await;
    house.settings.waiting_max = 4;
    let disk = Arc::new(Stuck::default());
    let journals = house.journals_on(Arc::clone(&disk) as _);
    let journal = house.begin(&journals, "call_1").await;
    let mut taken = Vec::new();
    let failure = loop {
        let entry = turn(Speaker::Agent, taken.len() as u64, 9, "hello");
        match journal.append(vec![entry.clone()]) {
            Ok(()) => taken.push(entry),
            Err(failure) => break failure,
        }
        assert!(taken.len() < 10, "what waits is bounded");
    };
    assert_eq!(failure, JournalFailure::Behind);
    assert_eq!(journal.failed(), Some(JournalFailure::Behind));
    // Its end is noted although there is no room to say so.
    assert!(
        journal
            .append(vec![ended(5_000, "caller_hung_up")])
            .is_err()
    );
    journal.close();
    *disk.free.lock().unwrap() = true;
    disk.freed.notify_all();
    journals.close().await;
    let table = house.rows.table("call_1");
    assert_eq!(table.last().unwrap().1, ended(5_000, "caller_hung_up"));
    assert!(table.iter().any(
        |(_, entry)| matches!(entry, Entry::Event(event) if event.detail == "reason=disk_slow")
    ));
}
