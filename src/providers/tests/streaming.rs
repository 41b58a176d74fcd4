//! A recogniser's connection that is cut, stalls, lies or is refused: no word is lost or doubled, and every call learns
//! when nothing more will come.

use std::future::poll_fn;
use std::time::Duration;

use tokio::time::{advance, timeout};
use tokio_tungstenite::tungstenite::Message;
use trunkline_core::wire::link::Sent;
use trunkline_core::wire::stt::SttEvent;

use super::rig::{Door, PlainStt, hop};
use crate::clock;
use crate::provider::{Listener, Recogniser as _};
use crate::providers::{Kind, StreamingRecogniser};

const LOUD: u8 = 0x10;
const QUIET: u8 = 0xFF;

fn call_with(keep_alive: Option<(u64, Sent)>, capacity: usize) -> (Box<dyn Listener>, Door) {
    let (hop, door) = hop(Kind::Recogniser, capacity);
    let recogniser = StreamingRecogniser::new(hop, PlainStt::make(keep_alive, true));
    (recogniser.open(), door)
}

fn call() -> (Box<dyn Listener>, Door) {
    call_with(None, 1 << 20)
}

async fn event(line: &mut Box<dyn Listener>) -> Option<SttEvent> {
    let coming = poll_fn(|cx| line.poll_next(cx));
    let soon = Duration::from_secs(120);
    timeout(soon, coming).await.expect("an event comes")
}

/// The event as a line: what, when, and the words.
fn shown(event: Option<SttEvent>) -> String {
    match event {
        None => "end".into(),
        Some(SttEvent::Ready) => "ready".into(),
        Some(SttEvent::SpeechStarted { at_ms }) => format!("speech {at_ms}"),
        Some(SttEvent::Partial { until_ms, text }) => format!("partial {until_ms} {text}"),
        Some(SttEvent::Final {
            until_ms,
            text,
            words,
            asked,
            ..
        }) => {
            let spans: Vec<String> = words
                .iter()
                .map(|word| format!("{}-{}", word.from_ms, word.to_ms))
                .collect();
            let name = if asked { "asked" } else { "final" };
            format!("{name} {until_ms} {text} [{}]", spans.join(" "))
        }
        Some(SttEvent::TurnEnded { at_ms }) => format!("ended {at_ms}"),
        Some(SttEvent::TurnMayEnd { at_ms }) => format!("may_end {at_ms}"),
        Some(SttEvent::TurnResumed) => "resumed".into(),
        Some(SttEvent::Trouble { trouble, is_over }) => format!("trouble {trouble}, {is_over}"),
    }
}

async fn hears(line: &mut Box<dyn Listener>, expected: &str) {
    assert_eq!(shown(event(line).await), expected);
}

/// Audio that differs everywhere, from a sample of the call on.
fn audio(from: usize, samples: usize) -> Vec<u8> {
    let code = |n: usize| (n % 251) as u8 ^ (n / 251 % 256) as u8;
    (from..from + samples).map(code).collect()
}

fn push(line: &mut Box<dyn Listener>, from: usize, samples: usize) {
    for frame in audio(from, samples).chunks(160) {
        line.push(frame);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cut_utterance_is_sent_again_from_its_last_final_words() {
    let (mut line, mut door) = call();
    let mut first = door.open().await;
    push(&mut line, 0, 8_000);
    assert_eq!(first.audio(8_000).await, audio(0, 8_000));
    first.say("ready").await;
    first.say("final 500 hello").await;
    first.say("partial 900 wor").await;
    hears(&mut line, "ready").await;
    hears(&mut line, "final 500 hello [0-500]").await;
    hears(&mut line, "partial 900 wor").await;
    push(&mut line, 8_000, 800);
    first.audio(800).await;
    advance(Duration::from_secs(2)).await;
    drop(first);
    hears(&mut line, "trouble server: cut off, false").await;
    // What is said meanwhile comes behind it.
    push(&mut line, 8_800, 1_600);
    let mut second = door.open().await;
    push(&mut line, 10_400, 1_600);
    let again = second.audio(8_000).await;
    assert_eq!(again, audio(4_000, 8_000));
    second.say("ready").await;
    second.say("speech 100").await;
    second.say("partial 400 world").await;
    second.say("final 700 world").await;
    hears(&mut line, "speech 600").await;
    hears(&mut line, "partial 900 world").await;
    hears(&mut line, "final 1200 world [500-1200]").await;
    // And once more, in the middle of what the second connection had.
    advance(Duration::from_secs(2)).await;
    second.close(1_011).await;
    hears(&mut line, "trouble server: closed 1011, false").await;
    let mut third = door.open().await;
    assert_eq!(third.audio(2_400).await, audio(9_600, 2_400));
}

#[tokio::test(start_paused = true)]
async fn it_connects_before_there_is_audio_and_sends_what_gathered_until_then() {
    let (mut line, mut door) = call();
    let stream = door.knock().await;
    push(&mut line, 0, 24_000);
    let opened = tokio_tungstenite::accept_async(stream).await.unwrap();
    let mut peer = super::rig::Peer(opened);
    let all = timeout(Duration::from_secs(10), peer.audio(24_000)).await;
    assert_eq!(all.expect("all of it comes"), audio(0, 24_000));
}

#[tokio::test(start_paused = true)]
async fn a_question_follows_all_audio_and_its_answer_covers_it() {
    let (mut line, mut door) = call();
    let mut peer = door.open().await;
    line.push(&[QUIET; 40]);
    line.finalize();
    assert_eq!(peer.audio(40).await.len(), 40);
    assert_eq!(peer.text().await, "finalize");
    // The answer's time is short of what the question was about.
    peer.say("asked 2 yes").await;
    hears(&mut line, "asked 2 yes [0-2]").await;
    line.push(&[LOUD; 320]);
    peer.audio(320).await;
    drop(peer);
    hears(&mut line, "trouble server: cut off, false").await;
    let mut peer = door.open().await;
    assert_eq!(peer.audio(320).await, [LOUD; 320]);
    assert!(timeout(Duration::from_secs(1), peer.next()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_open_question_is_put_again_to_the_next_connection() {
    let (mut line, mut door) = call();
    let mut peer = door.open().await;
    line.push(&[LOUD; 800]);
    line.finalize();
    peer.audio(800).await;
    assert_eq!(peer.text().await, "finalize");
    peer.say("final 50 one").await;
    hears(&mut line, "final 50 one [0-50]").await;
    drop(peer);
    hears(&mut line, "trouble server: cut off, false").await;
    let mut peer = door.open().await;
    assert_eq!(peer.audio(400).await.len(), 400);
    assert_eq!(peer.text().await, "finalize");
    // All words came, and the answer alone is lost: it is given here.
    peer.say("final 50 two").await;
    hears(&mut line, "final 100 two [50-100]").await;
    drop(peer);
    hears(&mut line, "trouble server: cut off, false").await;
    let mut peer = door.open().await;
    hears(&mut line, "asked 100  []").await;
    assert!(timeout(Duration::from_secs(1), peer.next()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn who_cannot_be_asked_owes_no_answer() {
    let (hop, mut door) = hop(Kind::Recogniser, 1 << 20);
    let mut line = StreamingRecogniser::new(hop, PlainStt::make(None, false)).open();
    let mut peer = door.open().await;
    line.push(&[LOUD; 8_000]);
    line.finalize();
    peer.audio(8_000).await;
    assert!(timeout(Duration::from_secs(4), peer.next()).await.is_err());
    peer.say("final 1000 one").await;
    hears(&mut line, "final 1000 one [0-1000]").await;
    drop(peer);
    hears(&mut line, "trouble server: cut off, false").await;
    door.open().await.say("ready").await;
    hears(&mut line, "ready").await;
}

#[tokio::test(start_paused = true)]
async fn a_turn_in_doubt_is_in_no_doubt_after_a_loss() {
    let (mut line, mut door) = call();
    let mut peer = door.open().await;
    line.push(&[LOUD; 800]);
    peer.audio(800).await;
    peer.say("may_end 80").await;
    hears(&mut line, "may_end 80").await;
    drop(peer);
    hears(&mut line, "resumed").await;
    hears(&mut line, "trouble server: cut off, false").await;
}

#[tokio::test(start_paused = true)]
async fn silence_keeps_a_connection_alive_without_moving_the_calls_time() {
    let silence = Sent::Binary(vec![QUIET; 800]);
    let (mut line, mut door) = call_with(Some((4_000, silence)), 1 << 20);
    let mut peer = door.open().await;
    let before = clock::timer_now();
    assert_eq!(peer.audio(800).await, [QUIET; 800]);
    assert_eq!((clock::timer_now() - before).as_secs(), 4);
    line.push(&[LOUD; 1_600]);
    peer.audio(1_600).await;
    peer.say("final 200 one").await;
    hears(&mut line, "final 100 one [0-100]").await;
    drop(peer);
    hears(&mut line, "trouble server: cut off, false").await;
    let mut peer = door.open().await;
    assert_eq!(peer.audio(800).await, [LOUD; 800]);
    peer.say("final 100 two").await;
    hears(&mut line, "final 200 two [100-200]").await;
}

#[tokio::test(start_paused = true)]
async fn a_recogniser_that_says_nothing_to_speech_is_left_and_in_the_end_given_up() {
    let (mut line, mut door) = call();
    let speaking = async |line: &mut Box<dyn Listener>, peer: &mut super::rig::Peer| {
        let began = clock::timer_now();
        loop {
            line.push(&[LOUD; 160]);
            let ending = async { while peer.next().await.is_some() {} };
            if timeout(Duration::from_millis(20), ending).await.is_ok() {
                return (clock::timer_now() - began).as_millis();
            }
        }
    };
    let mut peer = door.open().await;
    for (at_least_ms, over) in [
        (5_000, "false"),
        (10_000, "false"),
        (20_000, "false"),
        (40_000, "true"),
    ] {
        let took_ms = speaking(&mut line, &mut peer).await;
        assert!(
            (at_least_ms..at_least_ms + 200).contains(&took_ms),
            "{took_ms}"
        );
        hears(&mut line, &format!("trouble server: says nothing, {over}")).await;
        if over == "false" {
            peer = door.open().await;
        }
    }
    hears(&mut line, "end").await;
    line.push(&[LOUD; 160]);
    line.finalize();
    hears(&mut line, "end").await;
    assert!(door.is_quiet());
}

#[tokio::test(start_paused = true)]
async fn an_unanswered_question_about_speech_is_a_stall_and_one_about_silence_is_not() {
    for (code, is_lost) in [(LOUD, true), (QUIET, false)] {
        let (mut line, mut door) = call();
        let mut peer = door.open().await;
        line.push(&[code; 8_000]);
        line.finalize();
        peer.audio(8_000).await;
        assert_eq!(peer.text().await, "finalize");
        let waited = timeout(Duration::from_millis(3_100), peer.next()).await;
        assert_eq!(waited.is_ok(), is_lost);
        if is_lost {
            assert!(waited.unwrap().is_none());
            hears(&mut line, "trouble server: says nothing, false").await;
            let mut peer = door.open().await;
            assert_eq!(peer.audio(8_000).await, [code; 8_000]);
            assert_eq!(peer.text().await, "finalize");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn silence_may_go_unanswered_for_long() {
    let (mut line, mut door) = call();
    let mut peer = door.open().await;
    for _ in 0..3_000 {
        line.push(&[QUIET; 160]);
        let heard = timeout(Duration::from_millis(20), peer.next()).await;
        assert!(!matches!(heard, Ok(None)));
    }
    assert!(door.is_quiet());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_left_and_another_gets_all_of_it() {
    let (mut line, mut door) = call_with(None, 1_024);
    let held = door.open().await;
    let began = clock::timer_now();
    push(&mut line, 0, 16_000);
    hears(&mut line, "trouble server: does not read, false").await;
    let took_ms = (clock::timer_now() - began).as_millis();
    assert!((3_000..3_100).contains(&took_ms), "{took_ms}");
    let mut peer = door.open().await;
    assert_eq!(peer.audio(16_000).await, audio(0, 16_000));
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn what_a_refusal_means_decides_whether_to_ask_again() {
    for (status, tries, last) in [
        ("401 Unauthorized", 1, "key: HTTP 401"),
        ("403 Forbidden", 1, "key: HTTP 403"),
        ("402 Payment Required", 1, "quota: HTTP 402"),
        ("400 Bad Request", 1, "request: HTTP 400"),
        (
            "302 Found\r\nlocation: http://10.0.0.2/",
            1,
            "request: HTTP 302",
        ),
        ("429 Too Many Requests", 4, "rate: HTTP 429"),
        ("500 Internal Server Error", 4, "server: HTTP 500"),
        ("SSH", 4, "protocol: no WebSocket"),
    ] {
        let (mut line, mut door) = call();
        for _ in 1..tries {
            door.refuse(status).await;
            hears(&mut line, &format!("trouble {last}, false")).await;
        }
        door.refuse(status).await;
        hears(&mut line, &format!("trouble {last}, true")).await;
        hears(&mut line, "end").await;
        assert!(door.is_quiet(), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_are_spaced_and_a_pause_that_is_asked_for_is_kept() {
    let (_line, mut door) = call();
    let mut at = clock::timer_now();
    let refusal = "503 Unavailable";
    for (status, pause_ms) in [
        (refusal, 250),
        ("429 x\r\nretry-after: 2", 2_000),
        (refusal, 1_000),
    ] {
        door.refuse(status).await;
        let stream = door.knock().await;
        let now = clock::timer_now();
        let paused_ms = (now - at).as_millis();
        assert!(
            (pause_ms..pause_ms + 20).contains(&paused_ms),
            "{paused_ms}"
        );
        at = now;
        // The one that knocked goes on to be refused.
        door.put_back(stream);
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_has_three_seconds() {
    let (mut line, mut door) = call();
    let began = clock::timer_now();
    let held = door.knock().await;
    hears(&mut line, "trouble server: no connection in time, false").await;
    assert_eq!((clock::timer_now() - began).as_secs(), 3);
    drop(held);
    door.open().await.say("ready").await;
    hears(&mut line, "ready").await;
}

#[tokio::test(start_paused = true)]
async fn garbage_is_borne_for_a_while() {
    let (mut line, mut door) = call();
    let mut peer = door.open().await;
    line.push(&[LOUD; 800]);
    for n in 0..40 {
        match n % 2 {
            0 => peer.say_bytes(vec![0; 100]).await,
            _ => peer.say("\u{fffd}{{{").await,
        }
    }
    peer.say("partial 50 still here").await;
    hears(&mut line, "partial 50 still here").await;
    peer.say("{").await;
    hears(&mut line, "trouble server: told, false").await;
    assert_eq!(door.open().await.audio(800).await, [LOUD; 800]);
}

#[tokio::test(start_paused = true)]
async fn a_huge_message_and_bytes_that_are_no_frame_end_a_connection() {
    let (mut line, mut door) = call();
    let mut peer = door.open().await;
    let sending = tokio::spawn(async move {
        let huge = Message::text("a".repeat(3 << 20));
        // It is not taken to its end.
        let _ = futures_util::SinkExt::send(&mut peer.0, huge).await;
    });
    hears(&mut line, "trouble protocol: message too long, false").await;
    sending.await.unwrap();
    let mut peer = door.open().await;
    let raw = peer.0.get_mut();
    tokio::io::AsyncWriteExt::write_all(raw, &[0xFF; 64])
        .await
        .unwrap();
    hears(&mut line, "trouble protocol: no WebSocket message, false").await;
    door.open().await.say("ready").await;
    hears(&mut line, "ready").await;
}

#[tokio::test(start_paused = true)]
async fn how_it_closes_decides_whether_it_is_opened_again() {
    for (code, goes_on) in [(1_000, true), (1_011, true), (4_029, true), (4_001, false)] {
        let (mut line, mut door) = call();
        let mut peer = door.open().await;
        peer.say("partial 0 a").await;
        hears(&mut line, "partial 0 a").await;
        peer.close(code).await;
        let told = shown(event(&mut line).await);
        assert!(
            told.ends_with(if goes_on { ", false" } else { ", true" }),
            "{told}"
        );
        if goes_on {
            door.open().await;
        } else {
            hears(&mut line, "end").await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_hangs_up_says_goodbye() {
    let (line, mut door) = call();
    let mut peer = door.open().await;
    peer.is_quiet().await;
    drop(line);
    assert_eq!(peer.text().await, "bye");
    assert!(
        matches!(peer.next().await, Some(Message::Close(Some(frame))) if u16::from(frame.code) == 1_000)
    );
    assert!(peer.next().await.is_none());
    // In the middle of an attempt, and between two.
    let (line, mut door) = call();
    let mut stream = door.knock().await;
    drop(line);
    let mut rest = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest)
        .await
        .unwrap();
    let (mut line, mut door) = call();
    door.refuse("500 x").await;
    hears(&mut line, "trouble server: HTTP 500, false").await;
    drop(line);
    advance(Duration::from_secs(10)).await;
    assert!(door.is_quiet());
}

#[tokio::test(start_paused = true)]
async fn trouble_that_is_told_ends_a_connection_or_the_whole() {
    let (mut line, mut door) = call();
    let mut peer = door.open().await;
    peer.say("over 0 rate").await;
    hears(&mut line, "trouble rate: told, false").await;
    let mut peer = door.open().await;
    peer.say("over 0 key").await;
    hears(&mut line, "trouble key: told, true").await;
    hears(&mut line, "end").await;
}
