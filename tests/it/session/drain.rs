//! The end of the server: live calls say goodbye, new ones are turned away, and it does not wait for ever.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::Instant;
use trunkline::api::DRAIN_PATIENCE;
use trunkline::carrier_double::{CallSetup, Carrier, ConnectError, Ending};
use trunkline_core::call::EndReason;
use trunkline_core::token::sign;

use super::raw::{Closed, Marks, Raw};
use super::rig::{House, claims, heard, key, reason, reasons, speech, unhurried};
use super::stand_in::Does;
use super::tongue;

const CLOSING: &str = "I am sorry, I have to end this call now. Goodbye.";

#[expect(clippy::disallowed_methods, reason = "the paused clock of the test")]
fn now() -> Instant {
    Instant::now()
}

#[tokio::test(start_paused = true)]
async fn the_server_ends_when_its_calls_have_said_goodbye() {
    let house = House::open().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let serving = tokio::spawn(trunkline::api::serve(
        Arc::clone(&house.app),
        listener,
        async {
            let _ = stopped.await;
        },
    ));
    let dial = async |seed| {
        let token = sign(&claims("talker"), &key());
        let url = format!("ws://{address}/media/twilio/{token}");
        Carrier::connect(&url, CallSetup::new(seed)).await
    };
    let mut notes = house.notes();
    // One hears the opening, one the question, one is speaking.
    let mut speaking = dial(1).await.unwrap();
    speaking.wait_until_agent_quiet(700).await.unwrap();
    let mut listening = dial(2).await.unwrap();
    listening.wait_agent_speaking_ms(5_000).await.unwrap();
    let mut opening = dial(3).await.unwrap();
    opening.wait_agent_speaking_ms(500).await.unwrap();
    speaking
        .start_speaking(speech("Well, let me think about that for a while."))
        .await
        .unwrap();
    speaking.stay_silent(500).await.unwrap();
    let began = now();
    stop.send(()).unwrap();
    let mut ends = Vec::new();
    for mut call in [speaking, listening, opening] {
        call.wait_until_over().await;
        let record = call.finish().await.unwrap();
        assert_eq!(record.ending, Ending::ServerClosed(Some(1000)));
        assert_eq!(record.violations, []);
        ends.push(heard(&record));
    }
    assert!(
        ends.iter().all(|words| words.ends_with(CLOSING)),
        "{ends:?}"
    );
    // What is left to do is other threads': no clock is needed for it.
    unhurried(serving).await.unwrap().unwrap();
    assert!(now() - began < DRAIN_PATIENCE, "{:?}", now() - began);
    assert!(matches!(dial(4).await, Err(ConnectError::Unreachable(_))));
    assert_eq!(reasons(&notes.take()), [EndReason::Draining; 3]);
}

/// Serves until told to stop at once, beside what goes on; how long that took.
async fn serve_and_stop(house: &House, beside: impl Future<Output = ()>) -> Duration {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let began = now();
    let serving = async {
        trunkline::api::serve(Arc::clone(&house.app), listener, async {})
            .await
            .unwrap();
        now() - began
    };
    tokio::join!(serving, beside).0
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_that_cannot_be_said_does_not_hold_up_the_end() {
    for marks in [Marks::Never, Marks::AtOnce] {
        let house = House::open().await;
        let mut raw = Raw::begin(&house, &claims("reader")).await;
        raw.marks = marks;
        raw.silence_for(10_000).await;
        house.voice.forget_all();
        house.voice.plan.always(Does::Hangs);
        let took = serve_and_stop(&house, raw.silence_for(60_000)).await;
        assert!(took < DRAIN_PATIENCE, "{marks:?}: {took:?}");
        assert_eq!(raw.closed, Some(Closed::Code(1000)), "{marks:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_server_does_not_wait_for_ever() {
    let house = House::open().await;
    let stuck = house.app.tasks.spawn(std::future::pending::<()>());
    let took = serve_and_stop(&house, async {}).await;
    assert!(
        took >= DRAIN_PATIENCE && took < DRAIN_PATIENCE + Duration::from_secs(1),
        "{took:?}"
    );
    stuck.abort();
}

#[tokio::test(start_paused = true)]
async fn a_call_that_begins_as_the_server_ends_says_goodbye_too() {
    let house = House::open().await;
    let mut notes = house.notes();
    // The socket is open, and the stream begins a moment too late.
    let mut raw = Raw::open(&house, &claims("talker")).await;
    raw.side.connected(&mut raw.text);
    raw.send_text().await;
    raw.listen_for(100).await;
    house.app.draining.send_replace(true);
    raw.listen_for(100).await;
    raw.side.start(&mut raw.text);
    raw.send_text().await;
    raw.silence_for(15_000).await;
    assert_eq!(raw.closed, Some(Closed::Code(1000)), "it is still held");
    let said = tongue::words(&tongue::samples(&raw.audio()));
    assert!(said.ends_with(CLOSING), "{said}");
    assert_eq!(reason(&notes.take()), EndReason::Draining);
}
