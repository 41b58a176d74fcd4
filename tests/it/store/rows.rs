//! Rows made from journals.

use trunkline::ids::{ClientId, new_id};
use trunkline::journal::RowSink as _;
use trunkline::store::calls::{CallStatus, ConsentState};
use trunkline::store::rows::{Row, Rows, content_aad};
use trunkline::store::turns::LatencyRow;
use trunkline::vault::SubjectId;
use trunkline_core::consent::{Method, Refusal};
use trunkline_core::journal::{Entry, Latency, ServedBy, Speaker, Step, Turn};
use trunkline_core::token::Direction;

use super::bench::{Bench, NOW};
use super::entries::{began, conversation, ended, event, granted, second, step, turn};

super::on_both!(
    a_journal_becomes_rows_and_again_the_same_rows,
    a_consent_withdrawn_stays_withdrawn,
    what_is_forgotten_is_gone,
    rows_written_together_are_as_if_one_by_one,
    a_call_that_comes_too_fast_is_behind_until_its_journal_is_read,
    rows_of_two_clients_never_mix,
    rows_wait_for_a_database_that_fails,
    what_had_to_go_goes_although_there_was_no_room_to_say_so,
);

fn latency() -> Latency {
    Latency {
        speech_end_ms: 1_500,
        decided_ms: 1_700,
        first_token_ms: Some(1_800),
        first_audio_ms: 2_000,
        ahead: true,
        model: Some(ServedBy {
            vendor: "openai".into(),
            model: Some("a-model-of-their-own".into()),
            stands_in: false,
        }),
        ..Latency::default()
    }
}

/// Sealed with what it is bound to in front, so that a test can look into it.
fn row(client: &ClientId, call_id: &str, seq: usize, entry: &Entry) -> Option<Row> {
    let seal = |aad: &[u8], plain: &[u8]| [aad, b"|", plain].concat();
    Row::of(client, call_id, seq as u64, entry, seal)
}

fn rows_of(client: &ClientId, call_id: &str, entries: &[Entry]) -> Vec<Row> {
    let entries = entries.iter().enumerate();
    entries
        .filter_map(|(seq, entry)| row(client, call_id, seq, entry))
        .collect()
}

fn put_all(rows: &Rows, client: &ClientId, call_id: &str, entries: &[Entry]) {
    for row in rows_of(client, call_id, entries) {
        assert!(rows.put(row));
    }
}

async fn a_journal_becomes_rows_and_again_the_same_rows(bench: Bench) {
    let (rows, _writer) = Rows::start(bench.store.clone());
    let (ours, id) = (&bench.ours, new_id("call"));
    put_all(&rows, ours, &id, &conversation());
    rows.flush().await.unwrap();

    let call = bench.store.calls().find(ours, &id).await.unwrap().unwrap();
    assert_eq!(
        (call.status, call.direction, call.agent_id.as_str()),
        (CallStatus::Ended, Direction::Inbound, "front-desk")
    );
    assert_eq!(
        (call.consent_state, call.consent_method),
        (ConsentState::Granted, Some(Method::SaidYes))
    );
    assert_eq!(
        (call.answered_ms, call.ended_ms, call.duration_ms),
        (Some(NOW), Some(NOW + 3_000), Some(3_000))
    );
    assert_eq!(call.ended_reason.as_deref(), Some("caller_hung_up"));
    let turns = bench.store.turns().list(ours, &id).await.unwrap();
    assert_eq!(
        turns.iter().map(|turn| turn.seq).collect::<Vec<_>>(),
        [4, 5]
    );
    assert_eq!(
        (turns[0].speaker, turns[0].from_ms, turns[0].to_ms),
        (Speaker::Caller, 1_001, 1_901)
    );
    let expected = [content_aad(ours, &id, 4), b"|".to_vec()].concat();
    let json = turns[0].body.0.strip_prefix(&expected[..]).unwrap();
    let read: Turn = serde_json::from_slice(json).unwrap();
    assert_eq!(Entry::Turn(read), turn(1_001, "My name is Ada."));
    // What tells how an answer came about stands in clear, but for names of models.
    let told = bench.store.turns().latencies(ours, &id).await.unwrap();
    assert_eq!(told, []);
    let (from_ms, latency) = (2_000, latency());
    let mut answered = turn(from_ms, "Ada, then.");
    if let Entry::Turn(turn) = &mut answered {
        turn.latency = Some(Box::new(latency.clone()));
    }
    let other = new_id("call");
    put_all(&rows, ours, &other, &[began(), answered, ended(3_000)]);
    rows.flush().await.unwrap();
    let told = bench.store.turns().latencies(ours, &other).await.unwrap();
    let seq = told[0].seq;
    let want = LatencyRow {
        seq,
        from_ms,
        latency: latency.without_models(),
    };
    assert_eq!(told, [want]);
    assert_ne!(told[0].latency, latency, "the model's name is not in clear");
    let (events, more) = bench.store.events().list(ours, &id, None, 9).await.unwrap();
    let told: Vec<_> = events
        .iter()
        .map(|event| (event.seq, event.kind.as_str(), event.detail.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (6, "not_kept", "to_ms=90"),
            (7, "stage_failed", "stage=voice")
        ]
    );
    assert!(!more);
    let (after, _) = bench
        .store
        .events()
        .list(ours, &id, Some(6), 9)
        .await
        .unwrap();
    assert_eq!(after, events[1..]);
    let steps = bench.store.consents().list(ours, &id).await.unwrap();
    assert_eq!(
        steps.iter().map(|row| row.step).collect::<Vec<_>>(),
        [
            Step::Announced {
                from_ms: 10,
                again: false
            },
            granted()
        ]
    );
    let second = bench.store.turns().second_pass(ours, &id).await.unwrap();
    let parts = second.iter().map(|part| (part.seq, &*part.recogniser));
    assert_eq!(parts.collect::<Vec<_>>(), [(8, "base"), (9, "base")]);
    assert_eq!(bench.store.system().behind("", 9).await.unwrap(), []);

    // The same journal once more, as after a crash, and from the middle.
    for from in [0, 4] {
        let again = rows_of(ours, &id, &conversation()).split_off(from);
        rows.replay(ours, &id, again).await.unwrap();
        rows.flush().await.unwrap();
        assert_eq!(bench.store.turns().list(ours, &id).await.unwrap(), turns);
        assert_eq!(
            bench
                .store
                .events()
                .list(ours, &id, None, 9)
                .await
                .unwrap()
                .0,
            events
        );
        assert_eq!(bench.store.consents().list(ours, &id).await.unwrap(), steps);
        assert_eq!(
            bench.store.calls().find(ours, &id).await.unwrap().unwrap(),
            call
        );
    }
    assert_eq!(rows.report().failures, 0);
}

async fn a_consent_withdrawn_stays_withdrawn(bench: Bench) {
    let (rows, _writer) = Rows::start(bench.store.clone());
    let (ours, id) = (&bench.ours, new_id("call"));
    put_all(&rows, ours, &id, &[began(), step(900, granted())]);
    rows.flush().await.unwrap();
    let withdrawn = Step::Withdrawn {
        class: Refusal::Objected,
        erase: true,
        from_ms: 1_000,
    };
    put_all(
        &rows,
        ours,
        &new_id("call"),
        &[began(), step(900, granted()), step(1_000, withdrawn)],
    );
    let state = async || {
        bench
            .store
            .calls()
            .find(ours, &id)
            .await
            .unwrap()
            .unwrap()
            .consent_state
    };
    assert_eq!(state().await, ConsentState::Granted);
    let withdrawal = trunkline::store::consents::Withdrawal {
        at_ms: 1_000,
        class: Refusal::Objected,
        erase: true,
        noted_ms: NOW,
    };
    bench
        .store
        .consents()
        .withdraw(ours, &id, &withdrawal)
        .await
        .unwrap();
    // Rows that were under way, or are read again, do not bring it back.
    rows.replay(
        ours,
        &id,
        rows_of(ours, &id, &[began(), step(900, granted())]),
    )
    .await
    .unwrap();
    rows.flush().await.unwrap();
    assert_eq!(state().await, ConsentState::Withdrawn);
}

async fn what_is_forgotten_is_gone(bench: Bench) {
    let (rows, _writer) = Rows::start(bench.store.clone());
    let (ours, id) = (&bench.ours, new_id("call"));
    let entries = [
        began(),
        turn(1_001, "before"),
        second(),
        Entry::Erased {
            at_ms: 2_000,
            entries: 2,
        },
        turn(3_001, "after"),
    ];
    put_all(&rows, ours, &id, &entries[..3]);
    put_all(&rows, &bench.theirs, &id, &entries[..2]);
    rows.flush().await.unwrap();
    // A session tells how much stays when it ends; rows of what goes may come later.
    let calls = bench.store.calls();
    assert!(calls.recorded(ours, &id, 1_500, true).await.unwrap());
    rows.erased(ours, &id, 3);
    for row in rows_of(ours, &id, &entries).split_off(3) {
        assert!(rows.put(row));
    }
    rows.flush().await.unwrap();
    let call = calls.find(ours, &id).await.unwrap().unwrap();
    assert_eq!((call.recorded_ms, call.has_recording), (1_500, true));
    let turns = bench.store.turns().list(ours, &id).await.unwrap();
    assert_eq!(turns.iter().map(|turn| turn.seq).collect::<Vec<_>>(), [4]);
    assert_eq!(
        bench.store.turns().second_pass(ours, &id).await.unwrap(),
        []
    );
    let (events, _) = bench.store.events().list(ours, &id, None, 9).await.unwrap();
    assert_eq!(
        (events[0].kind.as_str(), events[0].detail.as_str()),
        ("erased", "entries=2")
    );
    assert_eq!(
        bench
            .store
            .turns()
            .list(&bench.theirs, &id)
            .await
            .unwrap()
            .len(),
        1
    );
    // What was sealed anew replaces what is there.
    let sealed_anew = Row::of(ours, &id, 4, &entries[4], |_, _| b"anew".to_vec()).unwrap();
    assert!(rows.put(sealed_anew));
    rows.flush().await.unwrap();
    assert_eq!(
        bench.store.turns().list(ours, &id).await.unwrap()[0].body.0,
        b"anew"
    );
}

async fn rows_written_together_are_as_if_one_by_one(bench: Bench) {
    let (rows, _writer) = Rows::start(bench.store.clone());
    let (ours, id) = (&bench.ours, new_id("call"));
    let said = |n: u64| match n % 3 {
        0 => event(n, "key_pressed"),
        _ => turn(n, &format!("sentence {n}")),
    };
    let mut entries = vec![began()];
    entries.extend((1..100).map(said));
    let of = |seq: u64, body: &str| {
        let entry = turn(seq, "anew");
        let body = body.as_bytes().to_vec();
        Row::of(ours, &id, seq, &entry, |_, _| body).unwrap()
    };
    // All in one batch: what is forgotten in its midst, and rows that come twice, the later to stay.
    put_all(&rows, ours, &id, &entries);
    put_all(&rows, &bench.theirs, &id, &entries[..50]);
    rows.erased(ours, &id, 50);
    for row in [of(52, "first"), of(53, "first"), of(52, "second")] {
        assert!(rows.put(row));
    }
    rows.flush().await.unwrap();
    assert_eq!((rows.report().batches, rows.report().failures), (1, 0));
    let turns = bench.store.turns().list(ours, &id).await.unwrap();
    let seqs: Vec<u64> = turns.iter().map(|turn| turn.seq).collect();
    let kept = (50..100).filter(|n| n % 3 != 0);
    assert_eq!(seqs, kept.collect::<Vec<_>>());
    let body = |seq: u64| {
        turns
            .iter()
            .find(|turn| turn.seq == seq)
            .unwrap()
            .body
            .0
            .clone()
    };
    assert_eq!(
        (body(52), body(53)),
        (b"second".to_vec(), b"first".to_vec())
    );
    let expected = [content_aad(ours, &id, 98), b"|".to_vec()].concat();
    assert!(body(98).starts_with(&expected));
    let (events, _) = bench
        .store
        .events()
        .list(ours, &id, None, 99)
        .await
        .unwrap();
    assert_eq!(events.len(), 33);
    assert_eq!((events[0].seq, &*events[0].kind), (3, "key_pressed"));
    let theirs = bench.store.turns().list(&bench.theirs, &id).await.unwrap();
    assert_eq!(theirs.len(), (1..50).filter(|n| n % 3 != 0).count());
}

async fn a_call_that_comes_too_fast_is_behind_until_its_journal_is_read(bench: Bench) {
    let (rows, _writer) = Rows::start(bench.store.clone());
    let (ours, id) = (&bench.ours, new_id("call"));
    let mut entries = vec![began()];
    entries.extend((0..1_000).map(|n| event(n, "key_pressed")));
    entries.push(ended(1_000));
    let taken = rows_of(ours, &id, &entries)
        .into_iter()
        .map(|row| rows.put(row));
    let taken: Vec<bool> = taken.collect();
    let first_refused = taken.iter().position(|taken| !taken).unwrap();
    // What has been taken is a prefix: nothing after the first gap, not even the end.
    assert!(
        taken[first_refused..].iter().all(|taken| !taken),
        "{first_refused}"
    );
    assert!((100..500).contains(&first_refused), "{first_refused}");
    assert!(rows.is_behind(ours, &id) && !rows.is_behind(&bench.theirs, &id));
    rows.flush().await.unwrap();
    let (events, _) = bench
        .store
        .events()
        .list(ours, &id, None, 1_000)
        .await
        .unwrap();
    let seqs: Vec<u64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..first_refused as u64).collect::<Vec<_>>());
    let behind = bench.store.system().behind("", 9).await.unwrap();
    assert_eq!(behind.len(), 1);

    let rest = rows_of(ours, &id, &entries).split_off(first_refused);
    rows.replay(ours, &id, rest).await.unwrap();
    rows.flush().await.unwrap();
    assert!(!rows.is_behind(ours, &id));
    assert_eq!(bench.store.system().behind("", 9).await.unwrap(), []);
    let mut seen = 0;
    let mut after = None;
    loop {
        let (events, more) = bench
            .store
            .events()
            .list(ours, &id, after, 200)
            .await
            .unwrap();
        seen += events.len();
        after = events.last().map(|event| event.seq);
        if !more {
            break;
        }
    }
    assert_eq!(seen, 1_000);
    // At the pace of a conversation nothing is refused, however long it lasts.
    let long = new_id("call");
    for n in 0..2_000_usize {
        let row = row(ours, &long, n, &event(n as u64 * 500, "tick")).unwrap();
        assert!(rows.put(row), "{n}");
    }
}

async fn rows_of_two_clients_never_mix(bench: Bench) {
    let (rows, _writer) = Rows::start(bench.store.clone());
    // Even if a call's id were the same.
    let id = new_id("call");
    put_all(&rows, &bench.ours, &id, &conversation());
    put_all(&rows, &bench.theirs, &id, &[began(), turn(501, "theirs")]);
    rows.flush().await.unwrap();
    let theirs = bench.store.turns().list(&bench.theirs, &id).await.unwrap();
    assert_eq!(
        theirs.iter().map(|turn| turn.from_ms).collect::<Vec<_>>(),
        [501]
    );
    assert_eq!(
        bench
            .store
            .events()
            .list(&bench.theirs, &id, None, 9)
            .await
            .unwrap()
            .0,
        []
    );
    assert_eq!(
        bench
            .store
            .consents()
            .list(&bench.theirs, &id)
            .await
            .unwrap(),
        []
    );
    assert_eq!(
        bench
            .store
            .turns()
            .second_pass(&bench.theirs, &id)
            .await
            .unwrap(),
        []
    );
    let call = bench
        .store
        .calls()
        .find(&bench.theirs, &id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(call.status, CallStatus::InProgress);
    assert_eq!(
        bench
            .store
            .turns()
            .list(&bench.ours, &id)
            .await
            .unwrap()
            .len(),
        2
    );
}

async fn rows_wait_for_a_database_that_fails(bench: Bench) {
    let (rows, _writer) = Rows::start(bench.store.clone());
    let (ours, id) = (&bench.ours, new_id("call"));
    let mut raw = bench.raw().await;
    raw.script("ALTER TABLE turns RENAME TO turns_away")
        .await
        .unwrap();
    put_all(&rows, ours, &id, &conversation());
    let flush = tokio::spawn({
        let rows = rows.clone();
        async move { rows.flush().await }
    });
    while rows.report().failures == 0 {
        tokio::task::yield_now().await;
    }
    raw.script("ALTER TABLE turns_away RENAME TO turns")
        .await
        .unwrap();
    flush.await.unwrap().unwrap();
    assert_eq!(bench.store.turns().list(ours, &id).await.unwrap().len(), 2);
    assert_eq!(rows.report().refused, 0);
}

async fn what_had_to_go_goes_although_there_was_no_room_to_say_so(bench: Bench) {
    let (rows, _writer) = Rows::start(bench.store.clone());
    let (ours, id) = (&bench.ours, new_id("call"));
    put_all(&rows, ours, &id, &[began(), turn(1_001, "to go")]);
    rows.flush().await.unwrap();
    let mut raw = bench.raw().await;
    raw.script("ALTER TABLE events RENAME TO events_away")
        .await
        .unwrap();
    let other = new_id("call");
    let mut taken = 0_usize;
    while row(ours, &other, taken, &event(taken as u64 * 500, "tick"))
        .is_some_and(|row| rows.put(row))
    {
        taken += 1;
        if taken == 600 {
            // The writer has its batch, and the rest waits in the queue.
            while rows.report().failures == 0 {
                tokio::task::yield_now().await;
            }
        }
    }
    rows.erased(ours, &id, 2);
    raw.script("ALTER TABLE events_away RENAME TO events")
        .await
        .unwrap();
    rows.flush().await.unwrap();
    assert_eq!(bench.store.turns().list(ours, &id).await.unwrap().len(), 1);
    // The file stands anew, and what is left of it comes again.
    let subject = SubjectId::parse(&format!("sub_{}", "0".repeat(52)));
    rows.rekeyed(ours, &id, &subject.unwrap(), b"another");
    assert!(rows.put(row(ours, &id, 3, &ended(2_000)).unwrap()));
    rows.flush().await.unwrap();
    assert_eq!(bench.store.turns().list(ours, &id).await.unwrap(), []);
}
