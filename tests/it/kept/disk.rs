//! The disk runs full in mid-call: the recording stops, and nothing else does.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use trunkline::journal::{Disk, JournalError};
use trunkline::store::calls::{CallStatus, ConsentState};
use trunkline::store::events::EventRow;
use trunkline_core::journal::{SAMPLES_PER_MS, Speaker};

use super::consent::{ASKS, answer, book};
use super::rig::{DAY, House, Plot, QUESTION, WHY, ask, booker, hear_out};
use crate::session::rig::{heard, speech, unhurried};

/// A disk that can be full.
#[derive(Default)]
struct Filling(AtomicBool);

impl Disk for Filling {
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<usize> {
        if self.0.load(Ordering::SeqCst) {
            return Err(io::Error::from_raw_os_error(28));
        }
        file.write(bytes)
    }
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_runs_full_in_mid_call_stops_the_recording_and_not_the_conversation() {
    let disk = Arc::new(Filling::default());
    let mut plot = Plot::of(booker(ASKS));
    plot.disk = Some(Arc::clone(&disk) as _);
    let house = House::build(plot).await;

    let (call_id, mut call) = house.call().await;
    hear_out(&mut call).await;
    ask(&mut call, "yes please").await;
    house.settle().await;
    disk.0.store(true, Ordering::SeqCst);
    let full_ms = call.position_ms();
    // Said to the end, with nothing left out.
    let (call_id, record) = book(&house, call_id, call).await;
    assert_eq!(
        heard(&record).matches("Sorry").count(),
        0,
        "{}",
        heard(&record)
    );

    // There is no room still, and the rows say it all the same.
    let failed = [("recording_failed".to_owned(), "reason=disk_full".to_owned())];
    let events = |rows: Vec<EventRow>| -> Vec<(String, String)> {
        let of_failure = rows.into_iter().filter(|event| event.kind != "not_kept");
        of_failure.map(|event| (event.kind, event.detail)).collect()
    };
    assert_eq!(events(house.event_rows(&call_id).await), failed);
    let row = house.row(&call_id).await;
    assert_eq!(row.status, CallStatus::Ended);
    assert_eq!(row.ended_reason.as_deref(), Some("agent_hung_up"));
    let length_ms = record.duration_ms();
    assert!(
        row.duration_ms.unwrap().abs_diff(length_ms) <= 100,
        "{row:?} {length_ms}"
    );
    // What was stored before is there.
    let kept = house.kept(&call_id).await;
    assert_eq!(kept.said(Speaker::Caller), [""; 0]);
    assert!(kept.said(Speaker::Agent).join(" ").contains(QUESTION));
    let stored_ms = kept.caller.len() as u64 / SAMPLES_PER_MS;
    assert!(
        stored_ms <= full_ms && stored_ms + 2_000 >= full_ms,
        "{stored_ms} {full_ms}"
    );
    disk.0.store(false, Ordering::SeqCst);

    // Room again: the next call is whole.
    let (next, record) = answer(&house, "yes please").await;
    let kept = house.kept(&next).await;
    assert_eq!(kept.said(Speaker::Caller), [DAY, WHY]);
    assert_eq!(kept.caller_words(), format!("{DAY} {WHY}"));
    assert_eq!(kept.agent_words(), heard(&record));
    assert!(kept.events().is_empty(), "{:?}", kept.events());
    let row = house.row(&next).await;
    assert_eq!((row.status, row.has_recording), (CallStatus::Ended, true));
}

#[tokio::test(start_paused = true)]
async fn a_withdrawal_after_the_disk_ran_full_deletes_what_was_stored() {
    for room_again in [true, false] {
        let disk = Arc::new(Filling::default());
        let mut plot = Plot::of(booker(ASKS));
        plot.disk = Some(Arc::clone(&disk) as _);
        let house = House::build(plot).await;
        let (call_id, mut call) = house.call().await;
        hear_out(&mut call).await;
        ask(&mut call, "yes please").await;
        ask(&mut call, DAY).await;
        call.stay_silent(1_700).await.unwrap();
        house.settle().await;
        let kept = house.kept(&call_id).await;
        assert_eq!(
            (kept.said(Speaker::Caller), kept.caller_words()),
            (vec![DAY.into()], DAY.into())
        );

        disk.0.store(true, Ordering::SeqCst);
        call.stay_silent(3_000).await.unwrap();
        ask(&mut call, "please don't record this call").await;
        disk.0.store(!room_again, Ordering::SeqCst);
        call.speak(speech(WHY)).await.unwrap();
        call.wait_until_over().await;
        let record = house.finish(call).await;
        assert!(
            heard(&record).contains("what was recorded is deleted"),
            "{}",
            heard(&record)
        );

        if room_again {
            let kept = house.kept(&call_id).await;
            assert!(!kept.has_caller_sound());
            assert_eq!(kept.said(Speaker::Caller), [""; 0]);
            assert!(kept.said(Speaker::Agent).join(" ").ends_with(QUESTION));
        } else {
            let read = unhurried(house.desk().journals.read(&house.client, &call_id)).await;
            assert!(
                matches!(read, Err(JournalError::Missing { .. })),
                "the file is gone"
            );
        }
        let turns = house.desk().store.turns();
        let turns = unhurried(turns.list(&house.client, &call_id))
            .await
            .unwrap();
        assert!(
            turns.iter().all(|turn| turn.speaker == Speaker::Agent),
            "{turns:?}"
        );
        let row = house.row(&call_id).await;
        assert_eq!(row.consent_state, ConsentState::Withdrawn);
        assert_eq!((row.status, row.has_recording), (CallStatus::Ended, false));
    }
}
