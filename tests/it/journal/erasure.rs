//! Erasure: what has to go is gone from the file, and what stays keeps its number.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// What stays of [`small_call`] with a withdrawal behind it: numbers as they were, marks where content was.
fn kept(call: &[Entry], at_ms: u64) -> Vec<(u64, Entry)> {
    let gone = |entries| Entry::Erased { at_ms, entries };
    let mut want = rows_of(call);
    // The second of sound before the grant stays as the agent's alone, and is no row.
    want.retain(
        |(_, entry)| !matches!(entry, Entry::Turn(turn) if turn.speaker == Speaker::Caller),
    );
    want.push((4, gone(3)));
    want.sort_by_key(|(seq, _)| *seq);
    want
}

#[tokio::test]
async fn a_withdrawal_erases_at_once_and_the_call_goes_on() {
    let house = House::new().await;
    let journals = house.journals();
    let call_id = new_id("call");
    let journal = house.begin(&journals, &call_id).await;
    let mut call = small_call()[..7].to_vec();
    for entry in &call {
        journal.append(vec![entry.clone()]).unwrap();
    }
    journals.flush().await.unwrap();
    let before = house.read(&journals, &call_id).await;
    assert!(before.audio(8_000, 8_010).unwrap().caller == [2; 10]);
    let old_key = before.header().sealed_key.clone();

    call.push(withdrawn(2_500));
    journal.append(vec![withdrawn(2_500)]).unwrap();
    journals.flush().await.unwrap();
    let reading = house.read(&journals, &call_id).await;
    assert_eq!(reading.stop(), None);
    assert_eq!(reading.contents().unwrap().entries, kept(&call, 2_500));
    // Of the sound, the agent's notice is left.
    assert_eq!(reading.samples().unwrap(), 8_000);
    let sound = reading.audio(0, 20_000).unwrap();
    assert_eq!(sound.caller, vec![SILENCE; 20_000]);
    assert_eq!(sound.agent[..8_000], [1; 8_000]);
    assert_eq!(sound.agent[8_000..], [SILENCE; 12_000]);
    assert_ne!(reading.header().sealed_key, old_key, "a new key");
    assert_eq!(house.rows.table(&call_id), kept(&call, 2_500));

    for entry in [event(3_000, "stage_failed"), ended(4_000, "caller_hung_up")] {
        call.push(entry.clone());
        journal.append(vec![entry]).unwrap();
    }
    journal.close();
    journals.flush().await.unwrap();
    let reading = house.read(&journals, &call_id).await;
    assert_eq!(reading.contents().unwrap().entries, kept(&call, 2_500));
    assert_eq!(house.rows.table(&call_id), kept(&call, 2_500));
    // Looking again changes nothing.
    let file = fs::read(house.file(&call_id)).unwrap();
    let recovery = house.all_again(&journals).await.unwrap();
    assert_eq!((recovery.erased, recovery.left.len()), (0, 0));
    assert_eq!(fs::read(house.file(&call_id)).unwrap(), file);
    assert_eq!(house.rows.table(&call_id), kept(&call, 2_500));
}

/// A disk that is full whenever somebody says so.
#[derive(Default)]
struct Full(AtomicBool);

impl Disk for Full {
    fn write(&self, file: &mut fs::File, bytes: &[u8]) -> io::Result<usize> {
        use std::io::Write as _;
        // Only what is written anew fails: nothing but a rewritten file begins with a head.
        if self.0.load(Ordering::SeqCst) && bytes.starts_with(b"TLJ1") {
            return Err(io::ErrorKind::StorageFull.into());
        }
        file.write(bytes)
    }
}

#[tokio::test]
async fn an_erasure_that_failed_is_done_when_it_can_be() {
    let house = House::new().await;
    let disk = Arc::new(Full::default());
    let journals = house.journals_on(Arc::clone(&disk) as _);
    let mut call = small_call()[..7].to_vec();
    call.push(withdrawn(2_500));
    let (crashed, later) = (new_id("call"), new_id("call"));
    let journal = house.begin(&journals, &crashed).await;
    let other = house.begin(&journals, &later).await;
    journals.flush().await.unwrap();
    disk.0.store(true, Ordering::SeqCst);
    for entry in &call {
        journal.append(vec![entry.clone()]).unwrap();
        other.append(vec![entry.clone()]).unwrap();
    }
    journals.flush().await.unwrap();
    let words = |table: &[(u64, Entry)]| {
        table
            .iter()
            .any(|(_, entry)| matches!(entry, Entry::Turn(turn) if turn.speaker == Speaker::Caller))
    };
    assert!(!words(&house.rows.table(&crashed)), "rows go at once");
    let unerased = house.read(&journals, &crashed).await;
    assert!(words(&unerased.contents().unwrap().entries));
    call.push(ended(2_500, "caller_hung_up"));
    journal.append(call[8..].to_vec()).unwrap();
    journal.close();
    journals.flush().await.unwrap();
    assert!(
        !house.rows.told(&crashed).contains(&Told::CaughtUp),
        "it is not done"
    );

    // The other's is tried again with its next entry.
    disk.0.store(false, Ordering::SeqCst);
    other.append(call[8..].to_vec()).unwrap();
    other.close();
    journals.flush().await.unwrap();
    assert_eq!(house.rows.table(&later), kept(&call, 2_500));
    journals.close().await;
    drop(journals);

    let next = house.file(&crashed).with_extension("tlj.next");
    fs::write(&next, "half of a file").unwrap();
    let journals = house.journals();
    let recovery = journals.recover().await.unwrap();
    assert_eq!((recovery.erased, recovery.left.len()), (3, 0));
    assert!(!next.exists());
    let reading = house.read(&journals, &crashed).await;
    assert_eq!(reading.contents().unwrap().entries, kept(&call, 2_500));
    assert_eq!(house.rows.table(&crashed), kept(&call, 2_500));
}

#[tokio::test]
async fn a_call_that_is_over_is_erased_by_order() {
    let house = House::new().await;
    let journals = house.journals();
    let call = small_call();
    let call_id = house.call(&journals, &call).await;
    house.rows.settle();
    let old = fs::read(house.file(&call_id)).unwrap();
    let erased = journals.erase(&house.client, &call_id).await.unwrap();
    assert_eq!(erased, 3);
    let reading = house.read(&journals, &call_id).await;
    assert_eq!(reading.contents().unwrap().entries, kept(&call, 2_500));
    assert_eq!(house.rows.table(&call_id), kept(&call, 2_500));
    assert_eq!(house.marks(), 1, "until the rows are committed");
    house.rows.settle();
    assert_eq!(house.marks(), 0);
    // No sealed content of the old file is in the new one.
    let new = fs::read(house.file(&call_id)).unwrap();
    for part in old.chunks(512).skip(1) {
        assert!(
            !new.windows(part.len().min(64))
                .any(|w| w == &part[..part.len().min(64)])
        );
    }
    assert_eq!(journals.erase(&house.client, &call_id).await.unwrap(), 0);
}

#[tokio::test]
async fn whoever_is_forgotten_cannot_be_read() {
    let house = House::new().await;
    let journals = house.journals();
    let call_id = house.call(&journals, &small_call()).await;
    let subject = house.subject().await;
    house
        .vault
        .forget_subject(&house.client, subject.id())
        .await
        .unwrap();
    let Err(error) = journals.read(&house.client, &call_id).await else {
        panic!("a forgotten person's call was read");
    };
    assert!(error.to_string().contains("deleted"), "{error}");
    assert!(house.file(&call_id).exists());
    // Also when the same person calls again and has a key again.
    house.call(&journals, &small_call()).await;
    let read = journals.read(&house.client, &call_id).await;
    assert!(matches!(read, Err(JournalError::Key { .. })));
}
