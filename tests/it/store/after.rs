//! What becomes known of calls, what they used, and how they are counted.

use trunkline::ids::{ClientId, new_id};
use trunkline::store::Sealed;
use trunkline::store::after::{AfterState, DueCall, Found, OwnWord, SetBy};
use trunkline::store::analytics::{CountedCall, Span};
use trunkline::store::calls::{CallStatus, NewCall};
use trunkline::store::consents::Withdrawal;
use trunkline::store::rows::{Row, Rows};
use trunkline::store::usage::UsageLine;
use trunkline_core::consent::Refusal;
use trunkline_core::journal::{Entry, Latency, Step};

use super::bench::{Bench, NOW, hash, sealed};
use super::calls::new_call;
use super::entries::{began, ended, event, granted, step, turn};

super::on_both!(
    a_call_is_due_once_its_rows_are_complete_and_until_it_is_known,
    what_takes_consent_back_takes_what_was_found,
    the_word_that_counts_for_most_stays,
    what_a_call_used_is_written_once,
    calls_are_counted_once_each_and_with_all_that_is_theirs,
);

fn call(created_ms: i64) -> NewCall {
    NewCall {
        status: CallStatus::InProgress,
        ..new_call(created_ms)
    }
}

fn word(n: u8) -> OwnWord {
    OwnWord {
        hash: hash(n),
        word: sealed("a label"),
    }
}

/// Writes the rows of a call, as its journal would.
async fn write(bench: &Bench, client: &ClientId, id: &str, entries: &[Entry]) {
    let (rows, writer) = Rows::start(bench.store.clone());
    for (seq, entry) in (0..).zip(entries) {
        if let Some(row) = Row::of(client, id, seq, entry, |_, _| b"sealed".to_vec()) {
            assert!(rows.put(row));
        }
    }
    rows.flush().await.unwrap();
    drop(rows);
    writer.await.unwrap();
}

fn agreed() -> Vec<Entry> {
    vec![
        began(),
        step(900, granted()),
        turn(1_000, "a"),
        ended(5_000),
    ]
}

async fn due(bench: &Bench, now_ms: i64) -> Vec<DueCall> {
    bench
        .store
        .system()
        .due_after(now_ms, None, 10)
        .await
        .unwrap()
}

fn found(body: &Sealed) -> Found<'_> {
    Found {
        now_ms: NOW + 9,
        verdict: Some("success"),
        body,
        label: None,
    }
}

async fn a_call_is_due_once_its_rows_are_complete_and_until_it_is_known(bench: Bench) {
    let (ours, theirs) = (&bench.ours, &bench.theirs);
    let after = bench.store.after();
    let new = call(NOW);
    bench.store.calls().add(ours, &new).await.unwrap();
    after
        .want(ours, &new.id, &["summary", "data"], NOW)
        .await
        .unwrap();
    after
        .want(ours, &new.id, &["verdict"], NOW + 1)
        .await
        .unwrap();
    assert_eq!(due(&bench, NOW + 1).await, []);
    write(&bench, ours, &new.id, &agreed()).await;
    let expected = DueCall {
        client: ours.clone(),
        call_id: new.id.clone(),
        tries: 0,
        due_ms: NOW,
    };
    assert_eq!(due(&bench, NOW - 1).await, []);
    assert_eq!(due(&bench, NOW).await, std::slice::from_ref(&expected));
    let behind = bench
        .store
        .system()
        .due_after(NOW, Some(&expected), 10)
        .await;
    assert_eq!(behind.unwrap(), []);
    // Nobody else's.
    assert!(!after.begin_try(theirs, &new.id).await.unwrap());
    assert_eq!(after.find(theirs, &new.id).await.unwrap(), None);
    let body = sealed("what was found");
    assert!(!after.done(theirs, &new.id, &found(&body)).await.unwrap());

    assert!(after.begin_try(ours, &new.id).await.unwrap());
    after
        .try_later(ours, &new.id, NOW + 50, "model_late")
        .await
        .unwrap();
    assert_eq!(due(&bench, NOW + 49).await, []);
    assert_eq!(due(&bench, NOW + 50).await[0].tries, 1);
    let row = after.find(ours, &new.id).await.unwrap().unwrap();
    assert_eq!(
        (row.state, row.reason.as_deref()),
        (AfterState::Waiting, Some("model_late"))
    );
    assert!(after.done(ours, &new.id, &found(&body)).await.unwrap());
    let row = after.find(ours, &new.id).await.unwrap().unwrap();
    assert_eq!((row.state, row.reason), (AfterState::Done, None));
    assert_eq!(row.parts, ["summary", "data"]);
    assert_eq!(
        (row.body, row.verdict.as_deref()),
        (Some(body.clone()), Some("success"))
    );
    assert_eq!(due(&bench, i64::MAX).await, []);
    // It is found out once.
    assert!(!after.done(ours, &new.id, &found(&body)).await.unwrap());
    let given_up = after
        .give_up(ours, &new.id, AfterState::Failed, "late", NOW)
        .await;
    assert!(!given_up.unwrap());
}

async fn what_takes_consent_back_takes_what_was_found(bench: Bench) {
    let ours = &bench.ours;
    let after = bench.store.after();
    let body = sealed("what was found");
    let mut ids = Vec::new();
    for _ in 0..2 {
        let new = call(NOW);
        bench.store.calls().add(ours, &new).await.unwrap();
        after.want(ours, &new.id, &["summary"], NOW).await.unwrap();
        write(&bench, ours, &new.id, &agreed()).await;
        ids.push(new.id);
    }
    // Taken back before it was stored.
    let withdrawal = Withdrawal {
        at_ms: 4_000,
        class: Refusal::Objected,
        erase: true,
        noted_ms: NOW,
    };
    bench
        .store
        .consents()
        .withdraw(ours, &ids[0], &withdrawal)
        .await
        .unwrap();
    assert!(!after.done(ours, &ids[0], &found(&body)).await.unwrap());
    // And after it.
    let labelled = Found {
        label: Some(&word(1)),
        ..found(&body)
    };
    assert!(after.done(ours, &ids[1], &labelled).await.unwrap());
    assert!(after.disposition(ours, &ids[1]).await.unwrap().is_some());
    for id in &ids {
        let withdrawn = Step::Withdrawn {
            class: Refusal::Objected,
            erase: false,
            from_ms: 4_000,
        };
        let mut entries = agreed();
        entries.insert(3, step(4_000, withdrawn));
        write(&bench, ours, id, &entries).await;
        let row = after.find(ours, id).await.unwrap().unwrap();
        assert_eq!(
            (row.state, row.reason.as_deref()),
            (AfterState::Skipped, Some("withdrawn"))
        );
        assert_eq!((row.body, row.verdict), (None, None));
        assert_eq!(after.disposition(ours, id).await.unwrap(), None);
    }
}

async fn the_word_that_counts_for_most_stays(bench: Bench) {
    let (ours, theirs) = (&bench.ours, &bench.theirs);
    let after = bench.store.after();
    let id = new_id("call");
    for (by, n, is_set) in [
        (SetBy::Model, 1, true),
        (SetBy::Model, 2, true),
        (SetBy::Tool, 3, true),
        (SetBy::Model, 4, false),
        (SetBy::Tool, 5, true),
        (SetBy::Person, 6, true),
        (SetBy::Tool, 7, false),
        (SetBy::Model, 8, false),
        (SetBy::Person, 9, true),
    ] {
        let set = after.label(ours, &id, &word(n), by, NOW).await;
        assert_eq!(set.unwrap(), is_set, "{n}");
    }
    let row = after.disposition(ours, &id).await.unwrap().unwrap();
    assert_eq!((row.label.hash, row.set_by), (hash(9), SetBy::Person));
    assert_eq!(after.disposition(theirs, &id).await.unwrap(), None);
}

fn line(unit: &str, cost_micros: Option<i64>) -> UsageLine {
    UsageLine {
        stage: "voice".into(),
        vendor: "acme".into(),
        unit: unit.into(),
        at: 0,
        quantity: 120,
        cost_micros,
        currency: cost_micros.map(|_| "EUR".into()),
    }
}

async fn what_a_call_used_is_written_once(bench: Bench) {
    let (ours, theirs) = (&bench.ours, &bench.theirs);
    let usage = bench.store.usage();
    let lines = [line("characters", Some(7)), line("tokens_in", None)];
    for _ in 0..2 {
        usage.add(ours, "call_1", &lines, NOW).await.unwrap();
    }
    assert_eq!(usage.list(ours, "call_1").await.unwrap(), lines);
    assert_eq!(usage.list(theirs, "call_1").await.unwrap(), []);
}

async fn calls_are_counted_once_each_and_with_all_that_is_theirs(bench: Bench) {
    let (ours, theirs) = (&bench.ours, &bench.theirs);
    let store = &bench.store;
    let mut answered = turn(2_000, "an answer");
    if let Entry::Turn(turn) = &mut answered {
        turn.latency = Some(Box::new(Latency {
            speech_end_ms: 1_000,
            decided_ms: 1_200,
            first_audio_ms: 1_750,
            ..Latency::default()
        }));
    }
    let mut entries = agreed();
    entries.insert(3, answered);
    entries.insert(4, event(3_000, "opt_out"));
    let mut ids = Vec::new();
    // More than a page, several at one time.
    for n in 0..230 {
        let client = if n % 23 == 0 { theirs } else { ours };
        let new = call(NOW + n / 3);
        store.calls().add(client, &new).await.unwrap();
        if client == ours {
            ids.push((new.created_ms, new.id));
        }
    }
    ids.sort();
    let some = &ids[150].1;
    write(&bench, ours, some, &entries).await;
    store
        .usage()
        .add(
            ours,
            some,
            &[line("characters", Some(7)), line("tokens_in", Some(8))],
            NOW,
        )
        .await
        .unwrap();
    store
        .after()
        .label(ours, some, &word(1), SetBy::Person, NOW)
        .await
        .unwrap();
    let span = Span {
        from_ms: NOW,
        until_ms: NOW + 1_000,
        agent_id: None,
    };
    let all = async |span: &Span| {
        let mut all: Vec<CountedCall> = Vec::new();
        loop {
            let page = store
                .analytics()
                .page(ours, span, all.last())
                .await
                .unwrap();
            if page.is_empty() {
                return all;
            }
            all.extend(page);
        }
    };
    let counted = all(&span).await;
    let found: Vec<_> = counted
        .iter()
        .map(|call| (call.facts.created_ms, call.id.clone()))
        .collect();
    assert_eq!(found, ids);
    for call in &counted {
        let facts = &call.facts;
        let is_it = call.id == *some;
        assert_eq!(facts.answers_ms, if is_it { vec![750] } else { vec![] });
        assert_eq!((facts.has_opted_out, facts.is_priced), (is_it, is_it));
        assert_eq!(
            facts.costs,
            if is_it {
                vec![("EUR".to_owned(), 15)]
            } else {
                vec![]
            }
        );
        assert_eq!(
            call.label.as_ref().map(|label| label.hash),
            is_it.then(|| hash(1))
        );
    }
    let other = Span {
        agent_id: Some("agent_2".into()),
        ..span.clone()
    };
    assert!(all(&other).await.is_empty());
    let shorter = Span {
        until_ms: NOW + 2,
        ..span.clone()
    };
    assert!(
        all(&shorter)
            .await
            .iter()
            .all(|call| call.facts.created_ms < NOW + 2)
    );
    let analytics = store.analytics();
    let count = u32::try_from(ids.len()).unwrap();
    assert!(!analytics.is_beyond(ours, &span, count).await.unwrap());
    assert!(analytics.is_beyond(ours, &span, count - 1).await.unwrap());
}
