//! What callers and carriers find of a server that has too much to do.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use trunkline::admission::Full;
use trunkline::app::App;
use trunkline::carrier_double::rest::Rung;
use trunkline::config::LimitsConfig;
use trunkline_core::admission::{Reading, Why};
use trunkline_core::token::sign;

use super::rig::{Counts, NUMBER, STRANGER, Town};
use crate::session::raw::{Raw, upgrade};
use crate::session::rig::{House, claims, key, unhurried};

const PATIENCE: Duration = Duration::from_secs(30);
/// A reading so long after the last leaves nothing of it.
const LONG: Duration = Duration::from_secs(40);

/// A server with the usual limits has measured this.
fn measured(app: &App, cpu: f64, lag_ms: f64, wait_ms: f64) {
    app.admission.limit(LimitsConfig::default().limits());
    app.admission.read(Reading {
        cpu: Some(cpu),
        lag_ms: Some(lag_ms),
        wait_ms: Some(wait_ms),
    });
}

/// Status and words of the answer to a socket; `None` if it opened.
async fn refusal(house: &House, token: &str) -> Option<(u16, String)> {
    let answer = upgrade(house, token).await.err()?;
    assert_eq!(answer.headers()["retry-after"], "5");
    let words = answer.body().clone().unwrap_or_default();
    Some((answer.status().as_u16(), String::from_utf8(words).unwrap()))
}

/// The answer to the readiness check, head and body.
async fn readiness(house: &House) -> String {
    unhurried(async {
        let mut line = house.knock().await;
        let ask = "GET /readyz HTTP/1.1\r\nhost: trunkline.test\r\nconnection: close\r\n\r\n";
        line.write_all(ask.as_bytes()).await.unwrap();
        let mut answer = String::new();
        line.read_to_string(&mut answer).await.unwrap();
        answer
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn too_much_of_anything_turns_sockets_away_and_leaves_running_calls_alone() {
    for (cpu, lag_ms, wait_ms, code) in [
        (0.99, 1.0, 0.0, "cpu"),
        (0.1, 80.0, 0.0, "event_loop"),
        (0.1, 1.0, 400.0, "inference"),
    ] {
        let house = House::open().await;
        let counts = Counts::start();
        let app = &house.app;
        assert!(readiness(&house).await.contains("200 OK"));
        let _running = Raw::begin(&house, &claims("talker")).await;
        measured(app, cpu, lag_ms, wait_ms);
        let token = sign(&claims("talker"), &key());
        let refused = refusal(&house, &token).await;
        assert_eq!(refused, Some((503, format!("busy: {code}\n"))));
        let refusals = format!("trunkline_calls_refused_total {code} media");
        assert_eq!(counts.of(&refusals), 1);
        let ready = readiness(&house).await;
        assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
        assert!(ready.contains("retry-after: 5\r\n"), "{ready}");
        assert!(ready.ends_with(&format!("busy: {code}\n")), "{ready}");
        assert_eq!((app.tasks.len(), app.admission.levels().running), (1, 1));
        // The token was not spent.
        tokio::time::advance(LONG).await;
        measured(app, 0.1, 1.0, 0.0);
        assert_eq!(refusal(&house, &token).await, None, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_promised_call_is_let_in_however_full_it_has_become() {
    let house = House::open().await;
    let app = &house.app;
    let (promised, other) = (claims("talker"), claims("talker"));
    let agent = app.agents.find("talker").unwrap();
    let place = app.admit(&agent).unwrap();
    app.admission.promise(&promised.call_id, place, PATIENCE);
    measured(app, 1.0, 500.0, 5_000.0);
    assert_eq!(app.admit(&agent).err(), Some(Full::Load(Why::Cpu)));
    let other = refusal(&house, &sign(&other, &key())).await;
    assert_eq!(other, Some((503, "busy: cpu\n".into())));
    let rooms = house.ears.rooms();
    let _first = Raw::begin(&house, &promised).await;
    assert_eq!(house.ears.rooms(), rooms, "its room was kept for it");
    let levels = app.admission.levels();
    assert_eq!((levels.promised, levels.running), (0, 1));
    // It comes once.
    let again = upgrade(&house, &sign(&promised, &key())).await;
    assert_eq!(again.unwrap_err().status(), 409);
}

#[tokio::test]
async fn a_caller_of_a_full_server_hears_a_busy_line_and_later_an_agent() {
    let town = Town::found().await;
    let counts = Counts::start();
    let app = &town.api.app;
    let running = app.admission.place(Box::new(()), None);
    measured(app, 1.0, 1.0, 0.0);
    let rung = town.carrier.ring(STRANGER, NUMBER).await;
    assert!(
        matches!(&rung, Rung::Rejected(reason) if reason == "busy"),
        "{rung:?}"
    );
    assert_eq!(counts.of("trunkline_calls_refused_total cpu webhook"), 1);
    assert_eq!(counts.of("trunkline_calls_untaken_total busy"), 1);
    assert_eq!(town.rows().await.len(), 0);
    drop(running);
    let Rung::Line(mut line) = town.carrier.ring(STRANGER, NUMBER).await else {
        panic!("one call alone is always tried");
    };
    let levels = app.admission.levels();
    assert_eq!((levels.promised, levels.running), (0, 1));
    line.wait_until_over().await;
    assert_eq!(counts.of("trunkline_calls_refused_total cpu webhook"), 1);
}
