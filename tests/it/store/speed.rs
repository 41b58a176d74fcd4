//! How fast, beside a million calls. Run by name:
//! `cargo test --test it -- --ignored --nocapture store::speed`

use std::time::{Duration, Instant};

use sqlx::Connection as _;
use trunkline::ids::new_id;
use trunkline::store::calls::{CallFilter, CallStatus, ConsentState};
use trunkline::store::rows::{Row, Rows};
use trunkline_core::journal::{Entry, Speaker, Turn, Word};
use trunkline_core::token::Direction;

use super::bench::{Bench, NOW, Raw};

const CALLS: i64 = 1_000_000;
const LIST_MAX: Duration = Duration::from_millis(10);
const TRANSCRIPT_MAX: Duration = Duration::from_millis(50);

/// A year of calls: 50 agents, one call in a hundred withdrawn, one in ten thousand under way, 20,000 people.
async fn fill(bench: &Bench) {
    let hash = |number: &str| {
        if bench.is_sqlite() {
            format!("CAST(printf('%032d', {number}) AS BLOB)")
        } else {
            format!("convert_to(lpad(({number})::text, 32, '0'), 'UTF8')")
        }
    };
    let id = if bench.is_sqlite() {
        "printf('call_%026d', n)"
    } else {
        "'call_' || lpad(n::text, 26, '0')"
    };
    let numbers = if bench.is_sqlite() {
        format!(
            "WITH RECURSIVE s (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < {CALLS} - 1)"
        )
    } else {
        format!("WITH s AS (SELECT generate_series(0, {CALLS} - 1) AS n)")
    };
    let sql = format!(
        "{numbers} INSERT INTO calls (client_id, id, agent_id, agent_version, direction, status, created_ms,
            from_number, from_index, to_number, to_index, consent_state, recorded_ms, has_recording, metadata, revision,
            rows_done)
        SELECT '{}', {id}, 'agent_' || (n % 50), 1, CASE WHEN n % 50 < 40 THEN 'inbound' ELSE 'outbound' END,
            CASE WHEN n % 10000 = 1 THEN 'in_progress' ELSE 'ended' END, {NOW} - CAST({CALLS} - n AS BIGINT) * 30000,
            {from}, {from}, {to}, {to}, CASE WHEN n % 100 = 0 THEN 'withdrawn' ELSE 'granted' END, 60000, 1,
            {to}, 4, 1
        FROM s",
        bench.ours,
        from = hash("n % 20000"),
        to = hash("n % 7"),
    );
    bench.raw().await.script(&sql).await.unwrap();
}

fn index(number: u32) -> [u8; 32] {
    format!("{number:032}").into_bytes().try_into().unwrap()
}

fn filters() -> Vec<CallFilter> {
    let mut filters = Vec::new();
    for bits in 0_u32..32 {
        let on = |bit: u32| bits & (1 << bit) != 0;
        filters.push(CallFilter {
            agent_id: on(0).then(|| "agent_7".to_owned()),
            // No agent speaks in both directions: with an agent this finds nothing, the worst case of a scan.
            direction: on(1).then_some(Direction::Outbound),
            consent: on(2).then_some(ConsentState::Withdrawn),
            status: on(3).then_some(if on(0) {
                CallStatus::Ended
            } else {
                CallStatus::InProgress
            }),
            created_until_ms: on(4).then_some(NOW - CALLS * 15_000),
            ..CallFilter::default()
        });
    }
    filters.push(CallFilter {
        from_index: Some(index(77)),
        ..CallFilter::default()
    });
    filters.push(CallFilter {
        to_index: Some(index(3)),
        ..CallFilter::default()
    });
    filters.push(CallFilter {
        from_index: Some(index(77)),
        direction: Some(Direction::Outbound),
        ..CallFilter::default()
    });
    filters
}

#[expect(clippy::disallowed_methods, reason = "it measures")]
fn now() -> Instant {
    Instant::now()
}

async fn lists_beside_a_million(bench: Bench) {
    let began = now();
    fill(&bench).await;
    println!("{CALLS} calls in {:?}", began.elapsed());
    if let Raw::Postgres(mut connection) = bench.raw().await {
        sqlx::query("ANALYZE calls")
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    }
    let mut worst = Duration::ZERO;
    for filter in filters() {
        let mut times = Vec::new();
        let mut found = 0;
        for _ in 0..20 {
            let began = now();
            found = bench
                .store
                .calls()
                .list(&bench.ours, &filter, None, 50)
                .await
                .unwrap()
                .data
                .len();
            times.push(began.elapsed());
        }
        times.sort();
        println!(
            "{:>9.3?} median {:>9.3?} most, {found:>2} found: {filter:?}",
            times[10], times[19]
        );
        worst = worst.max(times[10]);
    }
    println!("worst median {worst:?}");
    assert!(worst < LIST_MAX, "{worst:?}");
}

/// An hour: 1,500 turns of twelve words, each word with its times.
async fn the_transcript_of_an_hour(bench: Bench) {
    let (rows, _writer) = Rows::start(bench.store.clone());
    let ids: Vec<String> = (0..10).map(|_| new_id("call")).collect();
    let began = now();
    for n in 0..1_500_u64 {
        let at = n * 2_400;
        let word = |w: u64| Word {
            from_ms: at + w * 150,
            to_ms: at + w * 150 + 120,
            text: "wordlike".into(),
        };
        let turn = Entry::Turn(Turn {
            speaker: Speaker::Caller,
            from_ms: at,
            to_ms: at + 2_000,
            text: "wordlike ".repeat(12),
            keys: None,
            confidence: Some(0.9),
            cut: false,
            halts: vec![],
            latency: None,
            words: (0..12).map(word).collect(),
            tool: None,
        });
        // Ten calls at once, so that their turns lie between one another.
        for id in &ids {
            let row = Row::of(&bench.ours, id, n, &turn, |_, plain| plain.to_vec()).unwrap();
            assert!(rows.put(row));
        }
        if n % 100 == 0 {
            rows.flush().await.unwrap();
        }
    }
    rows.flush().await.unwrap();
    println!("15,000 turns in {:?}, {:?}", began.elapsed(), rows.report());
    let mut times = Vec::new();
    for id in &ids {
        let began = now();
        assert_eq!(
            bench
                .store
                .turns()
                .list(&bench.ours, id)
                .await
                .unwrap()
                .len(),
            1_500
        );
        times.push(began.elapsed());
    }
    times.sort();
    println!(
        "transcript of 1,500 turns: {:?} median, {:?} most",
        times[5], times[9]
    );
    assert!(times[5] < TRANSCRIPT_MAX);
}

macro_rules! measured {
    ($($name:ident)+) => {
        mod sqlite {
            $(#[tokio::test]
            #[ignore = "fills a million rows and measures for minutes: cargo test --test it store::speed -- --ignored --nocapture --test-threads 1"]
            async fn $name() {
                super::$name(crate::store::bench::Bench::sqlite().await).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            #[ignore = "fills a million rows and measures for minutes: cargo test --test it store::speed -- --ignored --nocapture --test-threads 1"]
            async fn $name() {
                if let Some(bench) = crate::store::bench::Bench::postgres().await {
                    super::$name(bench).await;
                }
            })+
        }
    };
}
measured!(lists_beside_a_million the_transcript_of_an_hour);
