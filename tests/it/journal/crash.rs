//! After a crash: every whole record is there, and nothing else.

use super::*;

/// The entries that a journal holds, sound and all.
async fn all(house: &House, journals: &Journals, call_id: &str) -> Vec<Entry> {
    let reading = house.read(journals, call_id).await;
    let contents = reading.contents().unwrap();
    assert_eq!((contents.damaged, reading.stop()), (0, None));
    contents
        .entries
        .into_iter()
        .map(|(_, entry)| entry)
        .collect()
}

#[tokio::test]
async fn a_file_cut_anywhere_keeps_every_whole_record() {
    let house = House::new().await;
    let journals = house.journals();
    let call = [
        granted(10),
        turn(Speaker::Agent, 0, 10, "hello"),
        audio(0, 40),
        turn(Speaker::Caller, 20, 30, "yes"),
        audio(1, 40),
        ended(1_005, "caller_hung_up"),
    ];
    let call_id = new_id("call");
    let journal = house.begin(&journals, &call_id).await;
    let path = house.file(&call_id);
    let mut ends = Vec::new();
    for entry in &call {
        journal.append(vec![entry.clone()]).unwrap();
        journals.flush().await.unwrap();
        ends.push(fs::metadata(&path).unwrap().len() as usize);
    }
    journal.close();
    journals.flush().await.unwrap();
    let whole = fs::read(&path).unwrap();
    for cut in ends[2]..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let recovery = journals.recover().await.unwrap();
        let kept = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(recovery.unfinished, 1, "cut at {cut}");
        assert_eq!(recovery.cut_bytes as usize, cut - ends[kept - 1]);
        assert!(recovery.left.is_empty());
        let at_ms = match kept {
            3 => 10,
            4 => 30,
            _ => 1_005,
        };
        let mut want = vec![Entry::Began(began())];
        want.extend_from_slice(&call[..kept]);
        want.retain(|entry| !matches!(entry, Entry::Audio(_)));
        want.extend([event(at_ms, "server_lost"), ended(at_ms, "server_lost")]);
        assert_eq!(all(&house, &journals, &call_id).await, want, "cut at {cut}");
        let reading = house.read(&journals, &call_id).await;
        let end = if kept > 4 { 8_040 } else { 40 };
        assert_eq!(reading.samples().unwrap(), end, "cut at {cut}");
        assert_eq!(reading.audio(0, 40).unwrap().caller, [0; 40]);
        assert_eq!(
            reading.contents().unwrap().entries,
            house
                .rows
                .table(&call_id)
                .into_iter()
                .filter(|(seq, _)| *seq <= kept as u64 || *seq > 1 << 32)
                .collect::<Vec<_>>()
        );
        // A second look finds it in order.
        let again = journals.recover().await.unwrap();
        assert_eq!(
            (again.replayed, again.unfinished, again.cut_bytes),
            (1, 0, 0)
        );
        house.rows.told.lock().unwrap().clear();
    }
}

#[tokio::test]
async fn garbage_and_blanks_at_the_end_are_cut_off_and_damage_is_left() {
    let house = House::new().await;
    let journals = house.journals();
    let call = small_call();
    let call_id = house.call(&journals, &call[..7]).await;
    let path = house.file(&call_id);
    let whole = fs::read(&path).unwrap();
    let with = |tail: &[u8]| [&whole[..], tail].concat();
    for (what, tail, cut) in [
        ("garbage", vec![0xA5; 3_000], true),
        ("a length and no more", vec![0xFF, 0x10, 0, 0, 1], true),
        ("blanks after a loss of power", vec![0; 3 << 20], true),
        ("more than a crash leaves", vec![0xA5; 1 << 20], false),
    ] {
        let file = with(&tail);
        fs::write(&path, &file).unwrap();
        let recovery = house.all_again(&journals).await.unwrap();
        assert_eq!(recovery.left.len(), usize::from(!cut), "{what}");
        let now = fs::read(&path).unwrap();
        if cut {
            assert_eq!(recovery.cut_bytes, tail.len() as u64, "{what}");
            assert_eq!(now, whole, "{what}");
        } else {
            assert_eq!(now, file, "{what}");
            let said = recovery.left[0].problem.to_string();
            assert!(said.contains("nothing was cut off"), "{said}");
        }
    }
    // Damage in the midst costs that record alone.
    let mut bent = whole.clone();
    bent[whole.len() / 2] ^= 1;
    fs::write(&path, &bent).unwrap();
    let recovery = house.all_again(&journals).await.unwrap();
    assert_eq!((recovery.damaged, recovery.cut_bytes), (1, 0));
    assert_eq!(fs::read(&path).unwrap(), bent);
    let reading = house.read(&journals, &call_id).await;
    let sound = reading.audio(0, 20_000).unwrap();
    assert_eq!(sound.damaged, 1);
    assert_eq!(
        reading.contents().unwrap().entries.len(),
        rows_of(&call[..7]).len() + 2
    );
}

#[tokio::test]
async fn one_that_cannot_be_opened_holds_up_no_other() {
    let house = House::new().await;
    let journals = house.journals();
    let keys = house.vault.client(&house.client).await.unwrap();
    let someone = keys.subject(None).await.unwrap();
    let forgotten = new_id("call");
    let journal = journals
        .begin(&house.client, &forgotten, someone.clone(), began())
        .unwrap();
    journals.flush().await.unwrap();
    drop(journal);
    let bent = house.call(&journals, &small_call()).await;
    let empty = house.call(&journals, &small_call()).await;
    let missing = house.call(&journals, &small_call()).await;
    let good = house.call(&journals, &small_call()).await;
    journals.close().await;
    drop(journals);
    house
        .vault
        .forget_subject(&house.client, someone.id())
        .await
        .unwrap();
    let mut bytes = fs::read(house.file(&bent)).unwrap();
    bytes[20] ^= 1;
    fs::write(house.file(&bent), &bytes).unwrap();
    fs::write(house.file(&empty), "TLJ").unwrap();
    fs::remove_file(house.file(&missing)).unwrap();
    house.rows.told.lock().unwrap().clear();

    let journals = house.journals();
    let recovery = journals.recover().await.unwrap();
    let mut left: Vec<&str> = recovery.left.iter().map(|l| l.call_id.as_str()).collect();
    left.sort_unstable();
    assert_eq!(left, [&forgotten, &bent]);
    for left in &recovery.left {
        let said = left.problem.to_string();
        assert!(
            said.contains("deleted") || said.contains("damaged"),
            "{said}"
        );
    }
    assert_eq!(fs::read(house.file(&bent)).unwrap(), bytes, "left as it is");
    assert!(!house.file(&empty).exists(), "nothing was ever in it");
    assert_eq!(house.rows.table(&good), rows_of(&small_call()));
    assert_eq!(recovery.replayed, 1);
}

#[tokio::test]
async fn rows_come_again_until_they_are_committed() {
    let house = House::new().await;
    let journals = house.journals();
    let call_id = house.call(&journals, &small_call()).await;
    journals.close().await;
    drop(journals);
    assert_eq!(house.marks(), 1);
    house.rows.told.lock().unwrap().clear();
    house.rows.settled.lock().unwrap().clear();
    let journals = house.journals();
    let mut recovery = journals.recover().await.unwrap();
    assert_eq!((recovery.replayed, recovery.unfinished), (1, 0));
    assert_eq!(house.rows.table(&call_id), rows_of(&small_call()));
    house.rows.settle();
    // The caller opted out: that has a mark of its own, until it is done.
    assert_eq!(house.marks(), 1);
    let opted_out = recovery.opted_out.pop().unwrap();
    assert_eq!(opted_out.call_id, call_id);
    opted_out.promise.done();
    assert_eq!(house.marks(), 0);
    let recovery = journals.recover().await.unwrap();
    assert_eq!(recovery.replayed, 0);
    let recovery = house.all_again(&journals).await.unwrap();
    assert_eq!(recovery.replayed, 1, "an empty database is filled again");
}

#[tokio::test]
async fn a_call_that_goes_on_is_not_recovered() {
    let house = House::new().await;
    let journals = house.journals();
    let call_id = new_id("call");
    let journal = house.begin(&journals, &call_id).await;
    journals.flush().await.unwrap();
    for recovery in [journals.recover().await, house.all_again(&journals).await] {
        let recovery = recovery.unwrap();
        assert_eq!((recovery.replayed, recovery.left.len()), (0, 0));
    }
    journal.append(small_call()).unwrap();
    journals.flush().await.unwrap();
    assert_eq!(house.rows.table(&call_id), rows_of(&small_call()));
}

#[tokio::test]
async fn nonsense_in_place_of_a_journal_is_an_error() {
    let house = House::new().await;
    let journals = house.journals();
    let call_id = house.call(&journals, &small_call()).await;
    let whole = fs::read(house.file(&call_id)).unwrap();
    let mut seed = 7_u32;
    for length in [0, 1, 4, 8, 100, 400, 5_000] {
        let mut random = vec![0_u8; length];
        for byte in &mut random {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (seed >> 24) as u8;
        }
        fs::write(house.file(&call_id), &random).unwrap();
        let read = journals.read(&house.client, &call_id).await;
        assert!(matches!(read, Err(JournalError::Head { .. })), "{length}");
        let header = &whole[..whole.len().min(300)];
        fs::write(house.file(&call_id), [header, &random].concat()).unwrap();
        if let Ok(reading) = journals.read(&house.client, &call_id).await {
            drop(reading.contents().unwrap());
            drop(reading.audio(0, 8_000).unwrap());
        }
    }
}
