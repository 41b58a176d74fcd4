//! Recognisers that take over from one another: no word said so far is lost, and none is heard twice.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, advance, timeout};
use trunkline_core::wire::stt::SttEvent;

use super::rig::{Door, PlainStt, hop};
use crate::clock;
use crate::provider::{Listener, Recogniser as _, StageError, Transcriber, Words};
use crate::providers::{Circuit, Circuits, Identity, Kind, StreamingRecogniser};

const LOUD: u8 = 0x10;
const QUIET: u8 = 0xFF;

/// A recogniser of this name, and where its connections arrive.
fn recogniser(provider: &'static str, circuit: Circuit) -> (StreamingRecogniser, Door) {
    let (mut hop, door) = hop(Kind::Recogniser, 1 << 20);
    (hop.provider, hop.circuit) = (provider, circuit);
    (
        StreamingRecogniser::new(hop, PlainStt::make(None, true)),
        door,
    )
}

fn two() -> (Box<dyn Listener>, Door, Door) {
    let (first, one) = recogniser("first", Circuit::default());
    let (second, other) = recogniser("second", Circuit::default());
    (first.followed_by([second]).open(), one, other)
}

/// The next event as a line.
async fn event(line: &mut Box<dyn Listener>) -> String {
    let coming = poll_fn(|cx| line.poll_next(cx));
    let event = timeout(Duration::from_secs(120), coming).await;
    match event.expect("an event comes") {
        None => "end".into(),
        Some(SttEvent::Ready) => "ready".into(),
        Some(SttEvent::Partial { until_ms, text }) => format!("partial {until_ms} {text}"),
        Some(SttEvent::Final {
            until_ms,
            text,
            asked,
            ..
        }) => {
            let name = if asked { "asked" } else { "final" };
            format!("{name} {until_ms} {text}")
        }
        Some(SttEvent::TurnResumed) => "resumed".into(),
        Some(SttEvent::Trouble { trouble, is_over }) => format!("trouble {trouble}, {is_over}"),
        Some(
            SttEvent::SpeechStarted { .. }
            | SttEvent::TurnEnded { .. }
            | SttEvent::TurnMayEnd { .. },
        ) => panic!("nobody said so"),
    }
}

async fn hears(line: &mut Box<dyn Listener>, expected: &str) {
    assert_eq!(event(line).await, expected);
}

/// Audio that differs everywhere.
fn audio(from: usize, samples: usize) -> Vec<u8> {
    let code = |n: usize| (n % 251) as u8 ^ (n / 251 % 256) as u8;
    (from..from + samples).map(code).collect()
}

#[tokio::test(start_paused = true)]
async fn the_next_one_gets_all_audio_without_final_words_and_the_open_question() {
    let (mut line, mut one, mut other) = two();
    let mut peer = one.open().await;
    line.push(&audio(0, 8_000));
    peer.audio(8_000).await;
    peer.say("final 500 hello").await;
    peer.say("partial 900 wor").await;
    hears(&mut line, "final 500 hello").await;
    hears(&mut line, "partial 900 wor").await;
    line.push(&audio(8_000, 1_600));
    line.finalize();
    peer.audio(1_600).await;
    assert_eq!(peer.text().await, "finalize");
    // It is lost twice, and gives nothing in between.
    drop(peer);
    hears(&mut line, "trouble server: cut off, false").await;
    one.refuse("503 Busy").await;
    hears(&mut line, "trouble server: HTTP 503, false").await;
    assert_eq!(line.taken_over(), None);
    one.refuse("503 Busy").await;
    hears(&mut line, "trouble server: HTTP 503, false").await;
    assert_eq!(line.taken_over(), Some("second"));
    assert_eq!(line.taken_over(), None, "it is told once");
    let mut peer = other.open().await;
    assert_eq!(peer.audio(5_600).await, audio(4_000, 5_600));
    assert_eq!(peer.text().await, "finalize");
    peer.say("asked 690 world").await;
    hears(&mut line, "asked 1190 world").await;
    // From here on it is the second's call.
    line.push(&audio(9_600, 800));
    assert_eq!(peer.audio(800).await, audio(9_600, 800));
    assert!(one.is_quiet());
}

#[tokio::test(start_paused = true)]
async fn one_that_is_open_and_says_nothing_is_left_at_once() {
    let (mut line, mut one, mut other) = two();
    let mut peer = one.open().await;
    line.push(&[LOUD; 8_000]);
    peer.audio(8_000).await;
    peer.say("partial 900 hello").await;
    hears(&mut line, "partial 900 hello").await;
    line.finalize();
    assert_eq!(peer.text().await, "finalize");
    let asked: Instant = clock::timer_now();
    hears(&mut line, "trouble server: says nothing, false").await;
    let waited = clock::timer_now() - asked;
    assert_eq!(waited.as_millis(), 1_500, "not twice");
    let mut peer = other.open().await;
    assert_eq!(peer.audio(8_000).await, [LOUD; 8_000]);
    assert_eq!(peer.text().await, "finalize");
    assert_eq!(line.taken_over(), Some("second"));
}

#[tokio::test(start_paused = true)]
async fn what_another_attempt_cannot_mend_is_not_attempted() {
    for status in ["401 No", "402 Pay", "400 What"] {
        let (mut line, mut one, mut other) = two();
        line.push(&[LOUD; 800]);
        one.refuse(status).await;
        let told = event(&mut line).await;
        assert!(told.ends_with(", false"), "{told}");
        assert_eq!(other.open().await.audio(800).await, [LOUD; 800]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_call_learns_when_nobody_is_left() {
    let (mut line, mut one, mut other) = two();
    one.refuse("401 No").await;
    hears(&mut line, "trouble key: HTTP 401, false").await;
    // The last one has all the patience there is.
    for _ in 0..3 {
        other.refuse("503 Busy").await;
        hears(&mut line, "trouble server: HTTP 503, false").await;
    }
    other.refuse("503 Busy").await;
    hears(&mut line, "trouble server: HTTP 503, true").await;
    hears(&mut line, "end").await;
}

#[tokio::test(start_paused = true)]
async fn the_first_stands_behind_the_last_once_that_has_worked() {
    let (mut line, mut one, mut other) = two();
    one.refuse("401 No").await;
    hears(&mut line, "trouble key: HTTP 401, false").await;
    let mut peer = other.open().await;
    line.push(&[LOUD; 800]);
    peer.audio(800).await;
    peer.say("final 50 one").await;
    hears(&mut line, "final 50 one").await;
    assert_eq!(line.taken_over(), Some("second"));
    drop(peer);
    hears(&mut line, "trouble server: cut off, false").await;
    for _ in 0..2 {
        other.refuse("503 Busy").await;
        hears(&mut line, "trouble server: HTTP 503, false").await;
    }
    assert_eq!(line.taken_over(), Some("first"));
    assert_eq!(one.open().await.audio(400).await, [LOUD; 400]);
}

#[tokio::test(start_paused = true)]
async fn a_call_begins_with_the_next_while_the_first_is_left_alone() {
    let circuits = Circuits::default();
    let circuit = circuits.of(&Identity {
        kind: Kind::Recogniser,
        vendor: "first",
        owner: "",
        base_url: "x",
        key: "",
        model: "",
    });
    let (first, mut one) = recogniser("first", circuit);
    let (second, mut other) = recogniser("second", Circuit::default());
    let both = first.followed_by([second]);
    // One call counts two failures, and another the third.
    for (refusals, told) in [(2, "second"), (1, "second")] {
        let mut line = both.open();
        for _ in 0..refusals {
            one.refuse("503 Busy").await;
            hears(&mut line, "trouble server: HTTP 503, false").await;
        }
        if refusals == 2 {
            let _peer = other.open().await;
            assert_eq!(line.taken_over(), Some(told));
        }
    }
    let mut line = both.open();
    other.open().await.say("ready").await;
    hears(&mut line, "ready").await;
    assert_eq!(line.taken_over(), Some("second"));
    advance(Duration::from_secs(16)).await;
    // One call tries it, and no other while that is at it.
    let mut trial = both.open();
    let mut peer = one.open().await;
    let _other_call = both.open();
    let _other_peer = other.open().await;
    trial.push(&[LOUD; 800]);
    peer.audio(800).await;
    peer.say("final 100 one").await;
    hears(&mut trial, "final 100 one").await;
    let _next = both.open();
    one.open().await;
}

#[derive(Default)]
struct Clips {
    heard: Mutex<Vec<usize>>,
    fails: Mutex<usize>,
}

impl Transcriber for Clips {
    fn transcribe(&self, audio: Vec<i16>) -> BoxFuture<'static, Result<Words, StageError>> {
        let loud = audio.iter().filter(|s| s.unsigned_abs() > 200).count();
        let mut heard = self.heard.lock().unwrap();
        heard.push(audio.len());
        let mut fails = self.fails.lock().unwrap();
        let fails_now = *fails > 0;
        *fails = fails.saturating_sub(1);
        async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            match fails_now {
                true => Err(StageError {
                    what: "told to".into(),
                    fatal: false,
                }),
                false => Ok(Words {
                    text: format!("{loud} loud"),
                    confidence: 0.7,
                }),
            }
        }
        .boxed()
    }
}

fn clips(clips: &Arc<Clips>) -> StreamingRecogniser {
    StreamingRecogniser::by_utterance("clips", Arc::clone(clips) as _, Circuit::default())
}

#[tokio::test(start_paused = true)]
async fn one_that_takes_utterances_takes_over_from_one_that_listens() {
    let (first, mut one) = recogniser("first", Circuit::default());
    let heard = Arc::<Clips>::default();
    let mut line = first.followed_by([clips(&heard)]).open();
    let mut peer = one.open().await;
    line.push(&[LOUD; 8_000]);
    peer.audio(8_000).await;
    peer.say("final 500 hello").await;
    hears(&mut line, "final 500 hello").await;
    line.finalize();
    assert_eq!(peer.text().await, "finalize");
    peer.say("over 0 key").await;
    hears(&mut line, "trouble key: told, false").await;
    hears(&mut line, "ready").await;
    assert_eq!(line.taken_over(), Some("clips"));
    hears(&mut line, "asked 1000 4000 loud").await;
    // Another utterance after a minute of silence, of which little is sent along.
    for _ in 0..3_000 {
        line.push(&[QUIET; 160]);
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        line.push(&[LOUD; 160]);
    }
    line.finalize();
    hears(&mut line, "asked 63000 16000 loud").await;
    let heard = heard.heard.lock().unwrap().clone();
    assert_eq!(heard[0], 4_000, "from the last final words on");
    assert!((28_000..45_000).contains(&heard[1]), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_takes_utterances_is_given_up_for_the_next_and_loses_nothing() {
    let heard = Arc::new(Clips::default());
    *heard.fails.lock().unwrap() = 1;
    let (second, mut other) = recogniser("second", Circuit::default());
    let mut line = clips(&heard).followed_by([second]).open();
    hears(&mut line, "ready").await;
    line.push(&[LOUD; 1_600]);
    line.finalize();
    hears(&mut line, "trouble server: told to, false").await;
    let mut peer = other.open().await;
    assert_eq!(peer.audio(1_600).await, [LOUD; 1_600]);
    assert_eq!(peer.text().await, "finalize");
    assert_eq!(line.taken_over(), Some("second"));
}

#[tokio::test(start_paused = true)]
async fn the_last_one_that_takes_utterances_may_fail_now_and_then() {
    let heard = Arc::new(Clips::default());
    *heard.fails.lock().unwrap() = 2;
    let mut line = clips(&heard).open();
    hears(&mut line, "ready").await;
    for _ in 0..2 {
        line.push(&[LOUD; 1_600]);
        line.finalize();
        hears(&mut line, "trouble server: told to, false").await;
    }
    line.push(&[LOUD; 1_600]);
    line.finalize();
    hears(&mut line, "asked 600 1600 loud").await;
    // Speech without a pause goes up in pieces.
    for _ in 0..1_100 {
        line.push(&[LOUD; 160]);
        tokio::task::yield_now().await;
    }
    let told = event(&mut line).await;
    assert!(told.starts_with("final 20"), "{told}");
    *heard.fails.lock().unwrap() = 3;
    for is_over in [false, false, true] {
        line.push(&[LOUD; 1_600]);
        line.finalize();
        hears(&mut line, &format!("trouble server: told to, {is_over}")).await;
    }
    hears(&mut line, "end").await;
}
