//! "Stop recording" in mid-call, in words and by key, where what was stored goes and where it stays.

use trunkline::carrier_double::{CallRecord, Ending};
use trunkline::store::calls::ConsentState;
use trunkline_core::consent::Refusal;
use trunkline_core::journal::{Consent, Entry, SAMPLES_PER_MS, SILENCE, Speaker, Step};

use super::consent::ASKS;
use super::rig::{AGENT_BYE, AGENT_WHY, DAY, House, Kept, QUESTION, WHY, ask, booker, hear_out};
use crate::session::rig::{heard, speech};
use crate::session::tongue;

const OBJECTION: &str = "please don't record this call";

struct Withdrawn {
    house: House,
    call_id: String,
    record: CallRecord,
    kept: Kept,
    /// As it stood while the call went on.
    meanwhile: Kept,
    consent: Consent,
    /// When the caller began to say so, or pressed the key, ms.
    began_ms: u64,
}

/// Says yes, answers the first question, and takes the consent back before the second.
async fn withdraw(policy: &str, by_key: bool) -> Withdrawn {
    let house = House::open(booker(&format!("{ASKS}\non_withdrawal = \"{policy}\""))).await;
    let (call_id, mut call) = house.call().await;
    hear_out(&mut call).await;
    ask(&mut call, "yes please").await;
    ask(&mut call, DAY).await;
    house.settle().await;
    let before = house.kept(&call_id).await;
    assert_eq!(
        before.said(Speaker::Caller),
        [DAY],
        "it is read while it is written"
    );
    let began_ms = call.position_ms();
    if by_key {
        call.press('8').await.unwrap();
        hear_out(&mut call).await;
    } else {
        ask(&mut call, OBJECTION).await;
    }
    // Longer than the journal waits for a second to be complete.
    call.stay_silent(2_500).await.unwrap();
    house.settle().await;
    let meanwhile = house.kept(&call_id).await;
    call.wait_until_agent_quiet(700).await.unwrap();
    call.speak(speech(WHY)).await.unwrap();
    call.wait_until_over().await;
    let record = house.finish(call).await;
    assert_eq!(record.ending, Ending::ServerClosed(Some(1000)));
    assert!(heard(&record).ends_with(AGENT_BYE), "{}", heard(&record));
    let kept = house.kept(&call_id).await;
    let consent = *kept.steps().last().unwrap();
    Withdrawn {
        house,
        call_id,
        record,
        kept,
        meanwhile,
        consent,
        began_ms,
    }
}

fn withdrawn_from(call: &Withdrawn, by_key: bool, erases: bool) -> u64 {
    let Step::Withdrawn {
        class,
        erase,
        from_ms,
    } = call.consent.step
    else {
        panic!("the last step is the withdrawal: {:?}", call.consent);
    };
    let want = if by_key {
        Refusal::PressedNo
    } else {
        Refusal::Objected
    };
    assert_eq!((class, erase), (want, erases));
    assert!(
        from_ms.abs_diff(call.began_ms) <= 100,
        "{from_ms} {}",
        call.began_ms
    );
    from_ms
}

/// What holds of either policy.
async fn nothing_of_later(call: &Withdrawn, from_ms: u64) {
    let said = heard(&call.record);
    let answered = if matches!(call.consent.step, Step::Withdrawn { erase: true, .. }) {
        "All right, recording has stopped, and what was recorded is deleted."
    } else {
        "All right, recording has stopped."
    };
    assert!(said.contains(answered), "{said}");
    for kept in [&call.meanwhile, &call.kept] {
        let from = (from_ms * SAMPLES_PER_MS) as usize;
        let later = |sound: &[u8]| sound.iter().skip(from).any(|byte| *byte != SILENCE);
        assert!(!later(&kept.caller) && !later(&kept.agent));
        for turn in &kept.transcript().turns {
            assert!(turn.to_ms <= from_ms, "{turn:?} {from_ms}");
        }
        for turn in kept
            .entries
            .iter()
            .filter(|entry| matches!(entry, Entry::Turn(_)))
        {
            let Entry::Turn(turn) = turn else { continue };
            assert!(turn.to_ms <= from_ms, "it is in the file still: {turn:?}");
        }
    }
    let rows = call.house.turn_rows(&call.call_id).await;
    assert!(rows.iter().all(|turn| turn.to_ms <= from_ms), "{rows:?}");
    let row = call.house.row(&call.call_id).await;
    assert_eq!(row.consent_state, ConsentState::Withdrawn);
}

#[tokio::test(start_paused = true)]
async fn where_policy_deletes_nothing_but_the_notice_outlives_a_withdrawal() {
    for by_key in [false, true] {
        let call = withdraw("erase", by_key).await;
        let from_ms = withdrawn_from(&call, by_key, true);
        nothing_of_later(&call, from_ms).await;
        for kept in [&call.meanwhile, &call.kept] {
            assert!(!kept.has_caller_sound());
            assert_eq!(kept.said(Speaker::Caller), [""; 0]);
            let said = kept.said(Speaker::Agent).join(" ");
            assert!(said.ends_with(QUESTION), "{said}");
            let words = tongue::words(&tongue::samples(&kept.agent));
            assert_eq!(words, said);
            let erased = |entry: &&Entry| matches!(entry, Entry::Erased { .. });
            assert_eq!(
                kept.entries.iter().filter(erased).count(),
                1,
                "{:?}",
                kept.entries
            );
        }
        let rows = call.house.turn_rows(&call.call_id).await;
        assert!(
            rows.iter().all(|turn| turn.speaker == Speaker::Agent),
            "{rows:?}"
        );
        let row = call.house.row(&call.call_id).await;
        assert_eq!((row.has_recording, row.recorded_ms), (false, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn where_policy_keeps_it_ends_at_the_first_word_of_the_withdrawal() {
    for by_key in [false, true] {
        let call = withdraw("keep", by_key).await;
        let from_ms = withdrawn_from(&call, by_key, false);
        nothing_of_later(&call, from_ms).await;
        for kept in [&call.meanwhile, &call.kept] {
            assert_eq!(kept.said(Speaker::Caller), [DAY]);
            assert_eq!(kept.caller_words(), DAY);
            let said = kept.said(Speaker::Agent).join(" ");
            assert!(said.ends_with(AGENT_WHY), "{said}");
            assert_eq!(kept.agent_words(), said);
        }
        let row = call.house.row(&call.call_id).await;
        assert!(row.has_recording && row.recorded_ms > 0, "{row:?}");
        assert!(row.recorded_ms < from_ms, "{row:?}: {from_ms}");
    }
}
