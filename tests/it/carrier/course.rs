//! What the carrier tells of a call, in whatever order it comes.

use trunkline::clock;
use trunkline::ids;
use trunkline::live::Control;
use trunkline::store::calls::{Call, CallStatus, NewCall};
use trunkline_core::amd::Told;
use trunkline_core::token::Direction;

use super::rig::{Counts, SID, Town};

async fn queued(town: &Town, now_ms: i64) -> String {
    let new = NewCall {
        id: ids::new_id("call"),
        agent_id: town.agent_id.clone(),
        agent_version: 1,
        direction: Direction::Outbound,
        status: CallStatus::Queued,
        created_ms: now_ms,
        from: None,
        to: None,
        subject_id: None,
        consent_mode: None,
        rules: None,
        sealed_key: None,
        carrier: None,
        carrier_call_id: None,
        metadata: None,
    };
    let calls = town.api.app.desk.store.calls();
    calls.add(&town.who.client, &new).await.unwrap();
    new.id
}

async fn row(town: &Town, id: &str) -> Call {
    let calls = town.api.app.desk.store.calls();
    calls.find(&town.who.client, id).await.unwrap().unwrap()
}

/// Tells a status as the carrier does, `after_s` seconds after the call was placed.
async fn tell(
    town: &Town,
    call_id: &str,
    sid: &str,
    now_ms: i64,
    status: &str,
    after_s: i64,
) -> u16 {
    let date = |ms: i64| chrono::DateTime::from_timestamp_millis(ms).unwrap();
    let at = date(now_ms + after_s * 1_000)
        .format("%a, %d %b %Y %H:%M:%S +0000")
        .to_string();
    let pairs = [
        ("CallSid", sid),
        ("AccountSid", SID),
        ("CallStatus", status),
        ("Timestamp", &at),
        ("CallDuration", "42"),
        ("SequenceNumber", "0"),
    ];
    town.carrier
        .post(&town.addresses().status(Some(call_id)), &pairs)
        .await
}

const COURSE: [(&str, i64); 4] = [
    ("initiated", 0),
    ("ringing", 1),
    ("in-progress", 3),
    ("completed", 45),
];

/// All orders of the numbers below `n`.
fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(n - 1);
    let longer = shorter.iter().flat_map(|order| {
        (0..n).map(|at| {
            let mut order = order.clone();
            order.insert(at, n - 1);
            order
        })
    });
    longer.collect()
}

#[tokio::test]
async fn every_order_of_callbacks_told_twice_ends_the_same() {
    let town = Town::found().await;
    let now_ms = clock::unix_ms() / 1_000 * 1_000;
    for order in orders(COURSE.len()) {
        let id = queued(&town, now_ms).await;
        let sid = format!("CA{id}");
        let mut ended = false;
        for at in order.iter().flat_map(|at| [at, at]) {
            let (status, after_s) = COURSE[*at];
            assert_eq!(tell(&town, &id, &sid, now_ms, status, after_s).await, 204);
            ended |= status == "completed";
            assert_eq!(
                row(&town, &id).await.status == CallStatus::Ended,
                ended,
                "{order:?}"
            );
        }
        let row = row(&town, &id).await;
        assert_eq!(row.outcome.as_deref(), Some("completed"), "{order:?}");
        assert_eq!(row.answered_ms, Some(now_ms + 3_000), "{order:?}");
        assert_eq!(row.ended_ms, Some(now_ms + 45_000), "{order:?}");
        assert_eq!(row.duration_ms, Some(42_000), "{order:?}");
        assert_eq!(row.carrier_call_id, Some(sid));
    }
}

#[tokio::test]
async fn the_first_end_counts() {
    let town = Town::found().await;
    let now_ms = clock::unix_ms() / 1_000 * 1_000;
    for (word, outcome) in [
        ("busy", "busy"),
        ("no-answer", "no_answer"),
        ("failed", "failed"),
        ("canceled", "canceled"),
    ] {
        let id = queued(&town, now_ms).await;
        let sid = format!("CA{id}");
        assert_eq!(tell(&town, &id, &sid, now_ms, word, 9).await, 204);
        let first = row(&town, &id).await;
        assert_eq!(
            (first.status, first.outcome.as_deref()),
            (CallStatus::Ended, Some(outcome))
        );
        assert_eq!((first.answered_ms, first.duration_ms), (None, None));
        for (later, after_s) in [
            ("completed", 12),
            ("in-progress", 13),
            ("ringing", 14),
            (word, 15),
        ] {
            assert_eq!(tell(&town, &id, &sid, now_ms, later, after_s).await, 204);
        }
        assert_eq!(row(&town, &id).await, first, "{word}");
    }
}

#[tokio::test]
async fn calls_that_are_not_ours_are_counted_and_no_more() {
    let town = Town::found().await;
    let counts = Counts::start();
    let now_ms = clock::unix_ms();
    let id = queued(&town, now_ms).await;
    assert_eq!(tell(&town, &id, "CA1", now_ms, "ringing", 1).await, 204);
    // Our call has another id at the carrier; one that is not here; another client's.
    assert_eq!(tell(&town, &id, "CA2", now_ms, "completed", 1).await, 200);
    assert_eq!(
        tell(&town, "call_0", "CA3", now_ms, "completed", 1).await,
        200
    );
    let other = town.api.client().await;
    let theirs = town.api.call_of(&other, "+15550100123", now_ms).await;
    let calls = town.api.app.desk.store.calls();
    calls
        .placed(&other.client, &theirs, "twilio", "CA4")
        .await
        .unwrap();
    assert_eq!(
        tell(&town, &theirs, "CA4", now_ms, "completed", 1).await,
        200
    );
    assert_eq!(
        tell(&town, &theirs, "CA5", now_ms, "completed", 1).await,
        200
    );
    assert_eq!(counts.of("trunkline_webhooks_unknown_total status"), 4);
    assert_eq!(tell(&town, &id, "CA1", now_ms, "levitating", 1).await, 200);
    assert_eq!(counts.of("trunkline_webhooks_unknown_total status_word"), 1);
    assert_eq!(row(&town, &id).await.status, CallStatus::Ringing);
    assert_eq!(
        calls
            .find(&other.client, &theirs)
            .await
            .unwrap()
            .unwrap()
            .status,
        CallStatus::InProgress
    );
    // A webhook that does not say which call it is about.
    let unnamed = [("AccountSid", SID), ("CallStatus", "completed")];
    assert_eq!(
        town.carrier
            .post(&town.addresses().status(None), &unnamed)
            .await,
        400
    );
}

#[tokio::test]
async fn who_answered_and_how_streams_went_is_taken_in() {
    let town = Town::found().await;
    let counts = Counts::start();
    let id = queued(&town, clock::unix_ms()).await;
    let addresses = town.addresses();
    let mut controls = town.api.app.desk.live.register(&town.who.client, &id, true);
    let amd = |who| [("CallSid", "CA1"), ("AccountSid", SID), ("AnsweredBy", who)];
    let url = addresses.answered_by(&id);
    assert_eq!(town.carrier.post(&url, &amd("human")).await, 204);
    assert_eq!(town.carrier.post(&url, &amd("machine_start")).await, 204);
    assert_eq!(town.carrier.post(&url, &amd("machine_end_beep")).await, 204);
    for told in [
        Told::Human,
        Told::Machine {
            greeting_over: false,
        },
        Told::Machine {
            greeting_over: true,
        },
    ] {
        assert_eq!(controls.next().await, Control::CarrierHeard { told });
    }
    assert_eq!(
        town.carrier
            .post(
                &addresses.answered_by("call_0"),
                &[
                    ("CallSid", "CA0"),
                    ("AccountSid", SID),
                    ("AnsweredBy", "fax")
                ]
            )
            .await,
        200
    );
    assert_eq!(counts.of("trunkline_webhooks_unknown_total amd"), 1);
    let stream = [
        ("CallSid", "CA1"),
        ("AccountSid", SID),
        ("StreamEvent", "stream-error"),
        ("StreamError", "31951"),
    ];
    assert_eq!(town.carrier.post(&addresses.stream(), &stream).await, 204);
    assert_eq!(counts.of("trunkline_carrier_stream_errors_total"), 1);
}
