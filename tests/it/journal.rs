//! Journals: what is written comes back, whatever happens to server, disk and folder.

mod crash;
mod disk;
mod erasure;
mod rig;

use std::fs;
use std::sync::{Arc, Mutex};

use rig::*;
use trunkline::ids::{ClientId, new_id};
use trunkline::journal::{Disk, JournalError, JournalSettings, Journals, SyncWhen};
use trunkline_core::journal::{Entry, Event, SILENCE, Speaker};

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
