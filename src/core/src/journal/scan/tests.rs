use super::*;
use crate::journal::codec::Encoder;
use crate::journal::codec::tests::{TestSeal, every_entry, file, header};
use crate::journal::{Ended, encode_header};
use crate::seeded::cases;
use proptest::prelude::*;

const KEY: TestSeal = TestSeal([1; 32]);

/// The entries before the stop, and the stop.
fn read(bytes: &[u8], key: &TestSeal) -> Result<(Vec<Entry>, Option<Stop>), HeaderError> {
    let (_, scanner) = Scanner::new(bytes)?;
    let mut entries = Vec::new();
    let mut stop = None;
    for found in scanner.entries(key) {
        assert_eq!(stop, None, "nothing follows a stop");
        match found {
            Ok((_, entry)) => entries.push(entry),
            Err(found) => stop = Some(found),
        }
    }
    Ok((entries, stop))
}

fn records(bytes: &[u8]) -> Vec<RecordRef> {
    let (_, scanner) = Scanner::new(bytes).unwrap();
    scanner.map(Result::unwrap).collect()
}

#[test]
fn every_altered_byte_is_noticed_where_it_is() {
    let all = every_entry();
    let bytes = file("call_a", 1, &all);
    let records = records(&bytes);
    let first = records[0].offset as usize;
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1 << (at % 8);
        let Ok((entries, stop)) = read(&altered, &KEY) else {
            assert!(at < first, "byte {at}");
            continue;
        };
        assert!(at >= first, "byte {at} of the head");
        let hit = records.iter().position(|r| (at as u64) < r.end()).unwrap();
        assert_eq!(entries, all[..hit], "byte {at}");
        let stop = stop.unwrap();
        assert_eq!((stop.offset, stop.seq), (records[hit].offset, hit as u64));
    }
}

#[test]
fn every_cut_leaves_whole_entries_and_says_where_to_cut() {
    let all = every_entry();
    let bytes = file("call_a", 1, &all);
    let records = records(&bytes);
    for end in records[0].offset as usize..bytes.len() {
        let (entries, stop) = read(&bytes[..end], &KEY).unwrap();
        let whole = records.iter().filter(|r| r.end() <= end as u64).count();
        assert_eq!(entries, all[..whole], "cut at {end}");
        assert!(!matches!(entries.last(), Some(Entry::Ended(_))));
        match stop {
            None => assert_eq!(records[whole].offset, end as u64),
            Some(stop) => {
                assert_eq!(
                    (stop.why, stop.offset),
                    (Why::CutOff, records[whole].offset)
                );
            }
        }
    }
}

#[test]
fn records_cannot_be_left_out_repeated_exchanged_or_brought_from_elsewhere() {
    let all = every_entry();
    let bytes = file("call_a", 1, &all);
    let records = records(&bytes);
    let part = |n: usize| &bytes[records[n].offset as usize..records[n].end() as usize];
    let head = &bytes[..records[0].offset as usize];
    let build = |order: &[usize]| -> Vec<u8> {
        let parts = order.iter().flat_map(|n| part(*n));
        head.iter().chain(parts).copied().collect()
    };
    for (what, order, whole) in [
        ("left out", &[0, 2, 3][..], 1),
        ("the first left out", &[1, 2], 0),
        ("repeated", &[0, 1, 1, 2], 2),
        ("exchanged", &[0, 2, 1], 1),
    ] {
        let (entries, stop) = read(&build(order), &KEY).unwrap();
        assert_eq!(entries, all[..whole], "{what}");
        assert_eq!(stop.unwrap().why, Why::Sequence, "{what}");
    }
    // The same key, number and content, but another call's file.
    let other = file("call_b", 1, &all);
    let mut mixed = head.to_vec();
    mixed.extend_from_slice(&other[head.len()..]);
    let (entries, stop) = read(&mixed, &KEY).unwrap();
    assert_eq!((entries.len(), stop.unwrap().why), (0, Why::Tampered));
    let (entries, stop) = read(&bytes, &TestSeal([2; 32])).unwrap();
    assert_eq!((entries.len(), stop.unwrap().why), (0, Why::Tampered));
}

#[test]
fn a_journal_is_written_on_after_a_crash_without_using_a_number_twice() {
    let all = every_entry();
    let bytes = file("call_a", 1, &all[..5]);
    let mut torn = bytes[..bytes.len() - 3].to_vec();
    let (_, mut scanner) = Scanner::new(&torn).unwrap();
    let stop = scanner.by_ref().find_map(Result::err).unwrap();
    assert_eq!(scanner.cursor().next_seq(), 4);
    let hash = scanner.hash();
    torn.truncate(stop.offset as usize);
    let ended = Entry::Ended(Ended {
        at_ms: 9,
        reason: "server_lost".into(),
    });
    let mut encoder = Encoder::resume(hash, stop.seq);
    let seq = encoder
        .append(&ended, &mut TestSeal([1; 32]), &mut torn)
        .unwrap();
    assert_eq!(seq, 4 + RESUME_GAP);
    encoder
        .append(&all[3], &mut TestSeal([1; 32]), &mut torn)
        .unwrap();
    let (entries, stop) = read(&torn, &KEY).unwrap();
    assert_eq!(stop, None);
    assert_eq!(entries[..4], all[..4]);
    assert_eq!(entries[4..], [ended, all[3].clone()]);
}

#[test]
fn a_length_from_outside_takes_no_memory() {
    let bytes = file("call_a", 1, &every_entry());
    let records = records(&bytes);
    for (class, len, why) in [
        (1, u32::MAX, Why::Length),
        (1, 256 * 1024 + 1, Why::Length),
        (1, 256 * 1024, Why::CutOff),
        (2, 64 * 1024 + 1, Why::Length),
        (2, 64 * 1024, Why::CutOff),
        (1, 15, Why::Length),
        (0, 100, Why::Class),
        (4, 100, Why::Class),
    ] {
        let mut altered = bytes.clone();
        let at = records[0].offset as usize;
        altered[at..at + 4].copy_from_slice(&u32::to_le_bytes(len));
        altered[at + 4] = class;
        let (entries, stop) = read(&altered, &KEY).unwrap();
        assert_eq!(
            (entries.len(), stop.unwrap().why),
            (0, why),
            "{class} {len}"
        );
    }
}

#[test]
fn sound_is_found_by_its_samples_without_opening_anything() {
    let bytes = file("call_a", 1, &every_entry());
    let records = records(&bytes);
    let found =
        |from, to| -> Vec<u64> { audio_between(&records, from, to).map(|r| r.seq).collect() };
    assert_eq!(found(0, 1), [1]);
    assert_eq!(found(8_004, 8_200), [1, 4]);
    assert_eq!(found(10_000, 17_000), [4, 5]);
    assert_eq!(found(40_000, 50_000), [] as [u64; 0]);
    assert_eq!(found(0, u64::MAX), [1, 4, 5, 6]);
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn garbage_never_panics(garbage in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&garbage, &KEY);
        let (mut bytes, _) = encode_header(&crate::journal::codec::tests::header("call_a")).unwrap();
        bytes.extend_from_slice(&garbage);
        let (entries, stop) = read(&bytes, &KEY).unwrap();
        prop_assert_eq!(entries.len(), 0);
        prop_assert_eq!(stop.is_some(), !garbage.is_empty());
    }

    /// A key in the wrong hands, or a bug of ours: what opens need not be an entry.
    #[test]
    fn sealed_garbage_never_panics(
        class in 1u8..4,
        garbage in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        use crate::journal::codec::Seal as _;
        let (mut bytes, hash) = encode_header(&crate::journal::codec::tests::header("call_a")).unwrap();
        let record = RecordRef {
            class: Class::from_code(class).unwrap(),
            seq: 0,
            at_ms: 0,
            offset: 0,
            sealed_bytes: (garbage.len() + TAG_BYTES) as u32,
        };
        let mut content = garbage;
        let tag = TestSeal([1; 32]).seal(0, &aad(&record.head(), hash), &mut content);
        bytes.extend_from_slice(&record.head());
        bytes.extend_from_slice(&content);
        bytes.extend_from_slice(&tag);
        let (entries, stop) = read(&bytes, &KEY).unwrap();
        prop_assert!(entries.len() == 1 || stop.unwrap().why == Why::Content);
    }
}

#[test]
fn numbers_may_be_missing_behind_a_mark_of_erasure_alone() {
    let began = every_entry().remove(0);
    let mark = Entry::Erased {
        at_ms: 9,
        entries: 3,
    };
    for (first, fine) in [(began, false), (mark, true)] {
        let (mut bytes, hash) = encode_header(&header("call_a")).unwrap();
        let mut encoder = Encoder::new(hash);
        let mut seal = TestSeal([1; 32]);
        let ended = Entry::Ended(Ended {
            at_ms: 9,
            reason: "hung_up".into(),
        });
        encoder.append(&first, &mut seal, &mut bytes).unwrap();
        encoder.skip_to(4);
        encoder.append(&ended, &mut seal, &mut bytes).unwrap();
        encoder.skip_to(2);
        encoder.append(&first, &mut seal, &mut bytes).unwrap();
        let (entries, stop) = read(&bytes, &KEY).unwrap();
        if fine {
            assert_eq!(entries, [first.clone(), ended, first]);
            assert_eq!(records(&bytes)[2].seq, 5, "it never goes back");
        } else {
            assert_eq!(entries, [first]);
            assert_eq!(stop.unwrap().why, Why::Sequence);
        }
    }
}
