//! Lines that break the rules: each ends as it should, is counted, and does not disturb the call beside it.

use std::time::Duration;

use tokio_tungstenite::tungstenite::Message;
use trunkline::carrier_double::{CallRecord, CallSetup, Carrier};
use trunkline_core::call::{EndReason, Note};
use trunkline_core::wire::twilio::{CarrierSide, Outgoing};

use super::logs::Log;
use super::raw::{Closed, Marks, Raw};
use super::rig::{self, House, OPENING, agent_said, claims, heard, speech};
use super::tongue::{self, SILENCE};

/// A call as it should be, beside the one that is not.
async fn bystander(house: &House) -> CallRecord {
    let mut call = house.call("talker").await;
    ordinary(&mut call).await;
    call.finish().await.unwrap()
}

async fn ordinary(call: &mut Carrier) {
    call.wait_until_agent_quiet(700).await.unwrap();
    call.speak(speech("On Monday please.")).await.unwrap();
    call.wait_until_over().await;
}

/// What became of a bad line.
struct After {
    notes: Vec<Note>,
    log: Log,
}

impl After {
    /// Why the bad call ended, if one had begun.
    fn reason(&self) -> Option<EndReason> {
        rig::reasons(&self.notes).first().copied()
    }

    /// What its line counted, as the log has it.
    fn counted(&self, what: &str) {
        let ends = self.log.lines("line=Counts");
        assert!(
            ends.iter().any(|line| line.contains(what)),
            "{what:?} is not in {ends:?}"
        );
    }
}

/// Runs a bad line beside a good call, and compares the good call with one that was alone.
async fn beside(attack: impl AsyncFnOnce(&House)) -> After {
    let alone = bystander(&House::open().await).await;
    let log = Log::start();
    let house = House::open().await;
    let mut feed = house.app.feed.subscribe();
    let (disturbed, ()) = tokio::join!(bystander(&house), attack(&house));
    assert!(
        heard(&alone).ends_with("See you on Monday."),
        "{}",
        heard(&alone)
    );
    assert!(
        disturbed.stereo == alone.stereo,
        "not a sample of the good call differs"
    );
    assert_eq!(
        (&disturbed.turns, disturbed.media_received),
        (&alone.turns, alone.media_received)
    );
    assert_eq!(disturbed.violations, []);
    assert!(
        house.is_empty_within(15_000).await,
        "a task was left behind"
    );
    assert_eq!(house.ears.rooms(), 8, "a room was left taken");
    let mut notes = Vec::new();
    let mut good = None;
    while let Ok(live) = feed.try_recv() {
        // The good call speaks first: it was there first.
        if good.get_or_insert_with(|| live.call_id.clone()) != &live.call_id {
            notes.push(live.note);
        }
    }
    After { notes, log }
}

fn mulaw_tone() -> Vec<u8> {
    tongue::cough(20)
}

/// A good call's note comes first, so that [`beside`] knows it: the bad line begins a moment later.
async fn begin(house: &House) -> Raw {
    tokio::time::sleep(Duration::from_millis(5_000)).await;
    Raw::begin(house, &claims("talker")).await
}

#[tokio::test(start_paused = true)]
async fn nonsense_is_borne_fifty_times() {
    let after = beside(async |house| {
        let mut raw = begin(house).await;
        for at in 0..50 {
            raw.text = ["", "{", "null", "{\"event\":7}", "{\"event\":\"media\"}"][at % 5].into();
            raw.send_text().await;
        }
        raw.silence_for(1_000).await;
        assert_eq!(raw.closed, None, "it is still held");
        raw.text = "once more".into();
        raw.send_text().await;
        assert_eq!(raw.closed_within(3_000).await, Some(Closed::Code(1000)));
    })
    .await;
    assert_eq!(after.reason(), Some(EndReason::LineLost));
    after.counted("unreadable: 51,");
    assert_eq!(after.log.lines("broke the protocol").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_oversized_message_ends_the_line() {
    for oversized in [
        Message::text("x".repeat(64 * 1024 + 1)),
        Message::binary(vec![0_u8; 1 << 20]),
    ] {
        let after = beside(async |house| {
            let mut raw = begin(house).await;
            raw.silence_for(200).await;
            raw.send(oversized).await;
            assert!(raw.closed_within(3_000).await.is_some(), "it is still open");
        })
        .await;
        assert_eq!(after.reason(), Some(EndReason::LineLost));
        assert_eq!(after.log.lines("media socket broke").len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_of_the_largest_size_is_read() {
    let after = beside(async |house| {
        let mut raw = begin(house).await;
        let filler = "x".repeat(64 * 1024 - 30);
        raw.text = format!("{{\"event\":\"new\",\"x\":\"{filler}\"}}");
        assert!(raw.text.len() <= 64 * 1024);
        raw.send_text().await;
        raw.silence_for(500).await;
        assert_eq!(raw.closed, None);
        raw.side.stop(&mut raw.text);
        raw.send_text().await;
        assert_eq!(raw.closed_within(1_000).await, Some(Closed::Code(1000)));
    })
    .await;
    assert_eq!(after.reason(), Some(EndReason::CallerHungUp));
    after.counted("unknown: 1,");
}

#[tokio::test(start_paused = true)]
async fn frames_of_other_kinds_are_passed_over() {
    let after = beside(async |house| {
        let mut raw = begin(house).await;
        for _ in 0..100 {
            raw.send(Message::binary(vec![1_u8; 160])).await;
            raw.send(Message::Ping(vec![1_u8; 16].into())).await;
            raw.send(Message::Pong(Vec::new().into())).await;
            raw.listen_for(1).await;
        }
        raw.silence_for(500).await;
        assert_eq!(raw.closed, None);
        raw.send(Message::Close(None)).await;
        assert!(raw.closed_within(1_000).await.is_some());
    })
    .await;
    assert_eq!(after.reason(), Some(EndReason::CallerHungUp));
    after.counted("media: 25,");
}

#[tokio::test(start_paused = true)]
async fn repeated_late_and_foreign_messages_are_counted() {
    let after = beside(async |house| {
        let mut raw = begin(house).await;
        let mut held_back = String::new();
        for at in 0..40_u64 {
            raw.side.media(at * 20, &[SILENCE; 160], &mut raw.text);
            match at % 4 {
                // Sent twice.
                0 => {
                    raw.send_text().await;
                    raw.send_text().await;
                }
                // Sent after the next.
                1 => held_back.clone_from(&raw.text),
                2 => {
                    raw.send_text().await;
                    raw.text.clone_from(&held_back);
                    raw.send_text().await;
                }
                _ => raw.send_text().await,
            }
            raw.listen_for(20).await;
        }
        let mut other = CarrierSide::new(CallSetup::new(1234).start);
        for _ in 0..5 {
            other.media(0, &[SILENCE; 160], &mut raw.text);
            raw.send_text().await;
        }
        raw.listen_for(200).await;
        assert_eq!(raw.closed, None, "none of that is worth a call");
        raw.side.stop(&mut raw.text);
        raw.send_text().await;
        raw.send_text().await;
        raw.listen_for(1_000).await;
    })
    .await;
    assert_eq!(after.reason(), Some(EndReason::CallerHungUp));
    after.counted("late: 10,");
    after.counted("duplicates: 10,");
    after.counted("foreign: 5,");
}

#[tokio::test(start_paused = true)]
async fn a_second_start_is_ignored_if_it_is_the_same_and_fatal_if_not() {
    for (seed, reason) in [(99, EndReason::CallerHungUp), (100, EndReason::LineLost)] {
        let after = beside(async |house| {
            let mut raw = begin(house).await;
            raw.silence_for(200).await;
            CarrierSide::new(CallSetup::new(seed).start).start(&mut raw.text);
            raw.send_text().await;
            raw.silence_for(400).await;
            assert_eq!(raw.closed.is_none(), reason == EndReason::CallerHungUp);
            raw.side.stop(&mut raw.text);
            raw.send_text().await;
            assert_eq!(raw.closed_within(1_000).await, Some(Closed::Code(1000)));
        })
        .await;
        assert_eq!(after.reason(), Some(reason));
        after.counted("misplaced: 1 }");
    }
}

#[tokio::test(start_paused = true)]
async fn audio_before_the_start_is_passed_over() {
    let after = beside(async |house| {
        let mut raw = Raw::open(house, &claims("talker")).await;
        let mut before = CarrierSide::new(CallSetup::new(99).start);
        for at in 0..20 {
            before.media(at * 20, &mulaw_tone(), &mut raw.text);
            raw.send_text().await;
        }
        raw.listen_for(4_000).await;
        assert_eq!(
            (raw.closed, raw.came.len()),
            (None, 0),
            "nothing is said before the start"
        );
        raw.listen_for(1_000).await;
        raw.side.start(&mut raw.text);
        raw.send_text().await;
        raw.silence_for(1_000).await;
        assert!(!raw.audio().is_empty());
        raw.side.stop(&mut raw.text);
        raw.send_text().await;
        raw.listen_for(1_000).await;
    })
    .await;
    assert_eq!(after.reason(), Some(EndReason::CallerHungUp));
    after.counted("misplaced: 20 }");
}

#[tokio::test(start_paused = true)]
async fn marks_that_lie_do_not_stop_the_conversation() {
    for (marks, counter) in [
        (Marks::Never, "marks_ignored: 0,"),
        (Marks::AtOnce, "marks_lost: 0,"),
        (Marks::Unknown, "marks_lost: "),
        (Marks::Twice, "marks_lost: 0,"),
    ] {
        let after = beside(async |house| {
            let mut raw = begin(house).await;
            raw.marks = marks;
            raw.silence_for(120_000).await;
            assert_eq!(raw.closed, Some(Closed::Code(1000)), "{marks:?}");
            let said = tongue::words(&tongue::samples(&raw.audio()));
            assert!(said.starts_with(OPENING), "{marks:?}: {said}");
            assert!(
                said.contains("Which day would suit you?"),
                "{marks:?}: {said}"
            );
        })
        .await;
        assert_eq!(after.reason(), Some(EndReason::AgentHungUp), "{marks:?}");
        let ends = after.log.lines("marks_ignored").join("\n");
        assert!(ends.contains(counter), "{marks:?}: {ends}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_in_mid_word_ends_everything_at_once() {
    let after = beside(async |house| {
        let mut raw = begin(house).await;
        raw.silence_for(1_500).await;
        raw.side.stop(&mut raw.text);
        raw.send_text().await;
        let sent = raw.came.len();
        assert_eq!(raw.closed_within(10).await, Some(Closed::Code(1000)));
        assert!(raw.came.len() <= sent + 2, "it talked on to nobody");
    })
    .await;
    assert_eq!(after.reason(), Some(EndReason::CallerHungUp));
    let said = agent_said(&after.notes);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].1 && OPENING.starts_with(&said[0].0), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn a_line_that_breaks_without_a_word_ends_the_call() {
    let after = beside(async |house| {
        let mut raw = begin(house).await;
        raw.silence_for(1_500).await;
        raw.cut();
    })
    .await;
    assert_eq!(after.reason(), Some(EndReason::LineLost));
}

#[tokio::test(start_paused = true)]
async fn a_line_on_which_no_audio_comes_is_held_by_the_clock() {
    let after = beside(async |house| {
        let mut raw = begin(house).await;
        assert_eq!(raw.closed_within(180_000).await, Some(Closed::Code(1000)));
    })
    .await;
    assert_eq!(after.reason(), Some(EndReason::AgentHungUp));
    after.counted("media: 0,");
}

#[tokio::test(start_paused = true)]
async fn a_carrier_that_does_not_read_is_given_up() {
    let after = beside(async |house| {
        tokio::time::sleep(Duration::from_millis(5_000)).await;
        let mut raw = Raw::begin(house, &claims("reader")).await;
        // It goes on sending, and never looks.
        for _ in 0..60_000 / 20 {
            if house.app.tasks.is_empty() {
                break;
            }
            raw.side.media(0, &[SILENCE; 160], &mut raw.text);
            let text = Message::text(raw.text.clone());
            let _ = tokio::time::timeout(Duration::from_millis(1), raw.write(text)).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(house.app.tasks.len(), 0, "after a minute it is still held");
    })
    .await;
    assert_eq!(after.reason(), Some(EndReason::LineLost));
    assert_eq!(after.log.lines("the carrier does not read").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn audio_far_faster_than_real_time_ends_the_call() {
    let after = beside(async |house| {
        let mut raw = begin(house).await;
        let second = [SILENCE; 8_000];
        for _ in 0..32 {
            raw.frame(&second).await;
            raw.listen_for(1).await;
        }
        assert_eq!(raw.closed_within(1_000).await, Some(Closed::Code(1000)));
    })
    .await;
    assert_eq!(after.reason(), Some(EndReason::LineLost));
    assert_eq!(after.log.lines("far faster than real time").len(), 1);
    let media = after.log.lines("line=Counts");
    assert!(media.iter().any(|l| l.contains("media: 32,")), "{media:?}");
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_never_starts_is_closed() {
    let after = beside(async |house| {
        let mut raw = Raw::open(house, &claims("talker")).await;
        raw.side.connected(&mut raw.text);
        raw.send_text().await;
        assert_eq!(raw.closed_within(9_900).await, None);
        assert_eq!(raw.closed_within(200).await, Some(Closed::Code(1000)));
        assert_eq!(raw.came, []);
    })
    .await;
    assert_eq!(after.reason(), None, "there was no call");
    assert_eq!(after.log.lines("never started").len(), 1);
    after.counted("accepted: 1,");
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_leaves_before_its_start_is_no_call() {
    let after = beside(async |house| {
        let mut raw = Raw::open(house, &claims("talker")).await;
        raw.send(Message::Close(None)).await;
        raw.listen_for(100).await;
        Raw::open(house, &claims("talker")).await.cut();
        let mut raw = Raw::open(house, &claims("talker")).await;
        for _ in 0..60 {
            raw.text = "hello?".into();
            raw.send_text().await;
        }
        assert!(raw.closed_within(100).await.is_some());
    })
    .await;
    assert_eq!(after.reason(), None);
    assert_eq!(after.log.lines("closed before its start").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_farewell_waits_for_the_carriers_answer() {
    let house = House::open().await;
    let mut raw = Raw::begin(&house, &claims("talker")).await;
    raw.silence_for(120_000).await;
    assert_eq!(raw.closed, Some(Closed::Code(1000)));
    // What was under way when the server closed is no reason to break the line.
    raw.finish_closing().await;
    assert!(house.is_empty_within(100).await);
    assert!(!raw.came.iter().any(|out| matches!(out, Outgoing::Clear)));
}
