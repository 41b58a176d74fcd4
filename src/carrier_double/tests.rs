//! The simulated carrier against servers of a few lines, over memory and a paused clock.

use super::*;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::DuplexStream;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};
use trunkline_core::wire::twilio::{Inbound, Stream, clear, mark, media};
use trunkline_media::g711::mulaw_decode;

/// A server's half, which reads with the decoder that the product reads with.
struct Server {
    socket: WebSocketStream<DuplexStream>,
    stream: Stream,
    began: Instant,
    heard: Vec<u8>,
    text: String,
}

impl Server {
    async fn next(&mut self) -> Option<(u64, Inbound)> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    let inbound = self.stream.receive(text.as_str(), &mut self.heard).unwrap();
                    return Some((self.ms(), inbound));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// Reads until `wanted`, or the end of the call; when it came.
    async fn until(&mut self, wanted: impl Fn(&Inbound) -> bool) -> Option<u64> {
        while let Some((at, inbound)) = self.next().await {
            if wanted(&inbound) {
                return Some(at);
            }
        }
        None
    }

    /// Reads until audio that is louder than line noise, or, with `loud` false, that is not.
    async fn until_level(&mut self, loud: bool) -> u64 {
        loop {
            let (at, inbound) = self.next().await.unwrap();
            let is_loud = self
                .heard
                .iter()
                .any(|b| mulaw_decode(*b).unsigned_abs() > 1_000);
            if matches!(inbound, Inbound::Media { .. }) && is_loud == loud {
                return at;
            }
        }
    }

    async fn say(&mut self, ms: usize) {
        let id = self.stream.stream_id().unwrap().to_owned();
        media(&id, &tone_mulaw(ms), &mut self.text);
        self.send_text().await;
    }

    async fn mark(&mut self, name: &str) {
        let id = self.stream.stream_id().unwrap().to_owned();
        mark(&id, name, &mut self.text);
        self.send_text().await;
    }

    async fn clear(&mut self) {
        let id = self.stream.stream_id().unwrap().to_owned();
        clear(&id, &mut self.text);
        self.send_text().await;
    }

    async fn send_text(&mut self) {
        self.socket
            .send(Message::text(self.text.clone()))
            .await
            .unwrap();
    }

    async fn send(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    fn ms(&self) -> u64 {
        #[expect(clippy::disallowed_methods, reason = "the paused clock of the test")]
        let now = Instant::now();
        u64::try_from((now - self.began).as_millis()).unwrap()
    }
}

fn tone(ms: usize) -> Vec<i16> {
    (0..ms * 8)
        .map(|i| if i % 8 < 4 { 8_000 } else { -8_000 })
        .collect()
}

fn tone_mulaw(ms: usize) -> Vec<u8> {
    Speech::pcm(&tone(ms)).0
}

fn setup() -> CallSetup {
    CallSetup::new(7)
}

/// A call to `server`, which is run after it has read `connected` and `start`.
async fn call<F, T>(setup: CallSetup, server: impl FnOnce(Server) -> F) -> (Carrier, JoinHandle<T>)
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let accepting = tokio::spawn(tokio_tungstenite::accept_async(theirs));
    let carrier = Carrier::connect_over(ours, "ws://carrier.test/media", setup)
        .await
        .unwrap();
    let socket = accepting.await.unwrap().unwrap();
    #[expect(clippy::disallowed_methods, reason = "the paused clock of the test")]
    let began = Instant::now();
    let mut half = Server {
        socket,
        stream: Stream::new(),
        began,
        heard: Vec::new(),
        text: String::new(),
    };
    assert!(matches!(
        half.next().await,
        Some((_, Inbound::Connected { .. }))
    ));
    assert!(matches!(half.next().await, Some((_, Inbound::Start(_)))));
    let serving = tokio::spawn(server(half));
    (carrier, serving)
}

#[tokio::test(start_paused = true)]
async fn frames_come_every_20_ms_and_never_drift() {
    let (carrier, serving) = call(setup(), |mut s| async move {
        let (mut at, mut heard) = (Vec::new(), Vec::new());
        while let Some((ms, inbound)) = s.next().await {
            if let Inbound::Media {
                chunk,
                timestamp_ms,
                ..
            } = inbound
            {
                at.push((ms, chunk, timestamp_ms));
                heard.append(&mut s.heard);
            }
        }
        (at, s.stream.counts(), heard)
    })
    .await;
    sleep(Duration::from_millis(60_010)).await;
    let record = carrier.finish().await.unwrap();
    let (at, counts, heard) = serving.await.unwrap();
    let want: Vec<(u64, u64, u64)> = (0..3_000).map(|n| (n * 20 + 20, n + 1, n * 20)).collect();
    assert_eq!(at, want);
    assert_eq!(
        (counts.media, counts.skipped, counts.late, counts.misplaced),
        (3_000, 0, 0, 0)
    );
    assert_eq!(heard.len(), 3_000 * 160);
    let loudest = heard
        .iter()
        .map(|b| mulaw_decode(*b).unsigned_abs())
        .max()
        .unwrap();
    assert!((8..200).contains(&loudest), "line noise of {loudest}");
    assert_eq!(record.ending, Ending::CallerHungUp);
    assert_eq!(record.violations, []);
}

#[tokio::test(start_paused = true)]
async fn a_mark_returns_when_what_stood_before_it_was_played() {
    let (carrier, serving) = call(setup(), |mut s| async move {
        let named = |want: &'static str| move |i: &Inbound| matches!(i, Inbound::Mark { name } if name == want);
        s.mark("idle").await;
        let idle = s.until(named("idle")).await.unwrap();
        s.say(500).await;
        s.mark("half").await;
        s.say(510).await;
        s.mark("whole").await;
        let begun = s.ms();
        let half = s.until(named("half")).await.unwrap() - begun;
        let whole = s.until(named("whole")).await.unwrap() - begun;
        s.until(|i| matches!(i, Inbound::Stop)).await.unwrap();
        (idle, half, whole)
    })
    .await;
    let mut events = carrier.events();
    sleep(Duration::from_millis(2_000)).await;
    let record = carrier.finish().await.unwrap();
    assert_eq!(serving.await.unwrap(), (0, 500, 1_010));
    let mut seen = Vec::new();
    while let Ok(event) = events.try_recv() {
        seen.push(event);
    }
    assert!(seen.contains(&Event::AgentStarted { at_ms: 0 }), "{seen:?}");
    assert!(
        seen.contains(&Event::AgentQuiet { at_ms: 1_010 }),
        "{seen:?}"
    );
    let agent = record.agent();
    assert!(agent[..8_080].iter().all(|s| s.unsigned_abs() > 7_000));
    assert!(agent[8_080..].iter().all(|s| *s == 0));
    assert_eq!(
        (record.media_received, record.clears, record.underruns),
        (2, 0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_clear_empties_the_queue_and_returns_the_marks_at_once() {
    let (mut carrier, serving) = call(setup(), |mut s| async move {
        s.say(3_000).await;
        s.mark("a").await;
        s.say(3_000).await;
        s.mark("b").await;
        s.until_level(true).await;
        s.clear().await;
        let cleared = s.ms();
        let is_mark = |i: &Inbound| matches!(i, Inbound::Mark { .. });
        let back = (
            s.until(is_mark).await.unwrap(),
            s.until(is_mark).await.unwrap(),
        );
        s.until(|i| matches!(i, Inbound::Stop)).await;
        (cleared, back)
    })
    .await;
    let mut events = carrier.events();
    carrier.wait_agent_speaking_ms(1_000).await.unwrap();
    assert!(carrier.agent_is_playing());
    carrier.speak(Speech::pcm(&tone(400))).await.unwrap();
    carrier.wait_until_agent_quiet(500).await.unwrap();
    assert!(!carrier.agent_is_playing());
    let record = carrier.finish().await.unwrap();
    let (cleared, back) = serving.await.unwrap();
    assert_eq!((cleared, cleared), back);
    let turn = record.turns[0];
    assert!(turn.agent_was_speaking);
    assert!(turn.barge_in_ms().unwrap() <= 20, "{turn:?}");
    assert_eq!((record.clears, record.cleared_ms), (1, 6_000 - cleared));
    let mut marks = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let Event::MarkEchoed { name, played, .. } = event {
            marks.push((name, played));
        }
    }
    assert_eq!(marks, [("a".to_owned(), false), ("b".to_owned(), false)]);
}

#[tokio::test(start_paused = true)]
async fn the_response_is_measured_from_the_end_of_speech_to_the_first_audible_answer() {
    let (mut carrier, serving) = call(setup(), |mut s| async move {
        for think_ms in [300, 700] {
            s.until_level(true).await;
            s.until_level(false).await;
            sleep(Duration::from_millis(think_ms)).await;
            s.say(800).await;
        }
        s.until(|i| matches!(i, Inbound::Stop)).await;
    })
    .await;
    // 600 ms of sound and 200 ms of silence: the clip's own tail does not count as speech.
    let mut clip = tone(600);
    clip.resize(800 * 8, 0);
    let mut responses = Vec::new();
    for _ in 0..2 {
        carrier.speak(Speech::pcm(&clip)).await.unwrap();
        responses.push(carrier.wait_for_answer().await.unwrap());
        carrier.wait_until_agent_quiet(400).await.unwrap();
    }
    let record = carrier.finish().await.unwrap();
    serving.await.unwrap();
    // The server hears the end one frame after the last audible one was sent.
    assert_eq!(responses, [320, 720]);
    assert_eq!(
        record
            .turns
            .iter()
            .map(Turn::response_ms)
            .collect::<Vec<_>>(),
        [Some(320), Some(720)]
    );
    let start = usize::try_from(record.turns[1].started_ms * 8).unwrap();
    let caller = record.caller();
    assert!(
        caller[start..start + 4_800]
            .iter()
            .all(|s| s.unsigned_abs() > 7_000)
    );
    assert!(
        caller[start - 160..start]
            .iter()
            .all(|s| s.unsigned_abs() < 200)
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_server_does_wrong_is_kept() {
    let (mut carrier, serving) = call(setup(), |mut s| async move {
        let id = s.stream.stream_id().unwrap().to_owned();
        s.send(Message::binary(vec![1, 2, 3])).await;
        s.send(Message::text("nonsense")).await;
        s.send(Message::text(r#"{"event":"clear","streamSid":"MZother"}"#))
            .await;
        s.send(Message::text(format!(
            r#"{{"event":"clear","streamSid":"{id}","reason":"x"}}"#
        )))
        .await;
        s.send(Message::text(format!(
            r#"{{"event":"hangup","streamSid":"{id}"}}"#
        )))
        .await;
        let abnormal = CloseFrame {
            code: CloseCode::Error,
            reason: "".into(),
        };
        s.send(Message::Close(Some(abnormal))).await;
        s.until(|_| false).await;
    })
    .await;
    carrier.wait_until_over().await;
    let record = carrier.finish().await.unwrap();
    serving.await.unwrap();
    let codes: Vec<u16> = record.violations.iter().map(|v| v.code).collect();
    assert_eq!(codes, [31950, 31951, 31951, 31951, 31951, 31921]);
    assert_eq!(record.ending, Ending::ServerClosed(Some(1011)));
    assert_eq!(record.clears, 0);
}

#[tokio::test(start_paused = true)]
async fn keys_and_the_stop_are_sent_and_a_line_may_be_cut() {
    for (say_stop, want) in [(true, 1), (false, 0)] {
        let (mut carrier, serving) = call(setup(), |mut s| async move {
            let (mut keys, mut stops) = (String::new(), 0);
            while let Some((_, inbound)) = s.next().await {
                if let Inbound::Key { digit } = inbound {
                    keys.push(digit);
                } else if matches!(inbound, Inbound::Stop) {
                    stops += 1;
                }
            }
            (keys, stops)
        })
        .await;
        for key in ['9', '#', '0'] {
            carrier.press(key).await.unwrap();
            carrier.stay_silent(100).await.unwrap();
        }
        if say_stop {
            carrier.hang_up().await.unwrap()
        } else {
            carrier.cut_off().await.unwrap()
        }
        carrier.wait_until_over().await;
        assert_eq!(serving.await.unwrap(), ("9#0".to_owned(), want));
        assert_eq!(carrier.speak(Speech::pcm(&tone(20))).await, Err(CallOver));
        assert_eq!(carrier.finish().await.unwrap().ending, Ending::CallerHungUp);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stalled_line_catches_up_without_drift() {
    let (mut carrier, serving) = call(setup(), |mut s| async move {
        let mut at = Vec::new();
        while let Some((ms, inbound)) = s.next().await {
            if matches!(inbound, Inbound::Media { .. }) {
                at.push(ms);
            }
        }
        at
    })
    .await;
    carrier.stay_silent(200).await.unwrap();
    carrier.stall(300).await.unwrap();
    carrier.stay_silent(600).await.unwrap();
    carrier.finish().await.unwrap();
    let at = serving.await.unwrap();
    assert_eq!(at[9], 200);
    assert!(at[10..=24].iter().all(|ms| *ms == 500), "{at:?}");
    assert_eq!((at[25], at[39]), (520, 800));
}

#[tokio::test(start_paused = true)]
async fn a_line_has_a_clock_of_its_own() {
    for (clock_ppm, want_ms) in [
        (0, 10_000),
        (1_000, 9_990),
        (-1_000, 10_010),
        (-9_000, 10_010),
    ] {
        let setup = CallSetup {
            clock_ppm,
            ..setup()
        };
        let (mut carrier, serving) =
            call(
                setup,
                |mut s| async move { while s.next().await.is_some() {} },
            )
            .await;
        let began = crate::clock::timer_now();
        carrier.stay_silent(10_000).await.unwrap();
        let took_ms = (crate::clock::timer_now() - began).as_millis();
        // A timer counts whole milliseconds, and a script looks every 20.
        assert!(took_ms.abs_diff(want_ms) <= 2, "{clock_ppm}: {took_ms} ms");
        let record = carrier.finish().await.unwrap();
        assert!(record.duration_ms() >= 10_000);
        serving.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_leaves_ends_every_wait() {
    let (mut carrier, serving) = call(setup(), |mut s| async move {
        s.say(1_000).await;
        sleep(Duration::from_millis(300)).await;
        s.send(Message::Close(Some(CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        })))
        .await;
        s.until(|_| false).await;
    })
    .await;
    assert_eq!(carrier.wait_agent_speaking_ms(5_000).await, Err(CallOver));
    let record = carrier.finish().await.unwrap();
    serving.await.unwrap();
    assert_eq!(
        (record.ending, record.violations.len()),
        (Ending::ServerClosed(Some(1000)), 0)
    );
    assert_eq!(record.duration_ms(), 300);
}

#[tokio::test(start_paused = true)]
async fn a_call_has_a_longest_length_and_a_dropped_carrier_hangs_up() {
    let short = CallSetup {
        call_ms_max: 1_000,
        ..setup()
    };
    let (mut carrier, serving) = call(short, |mut s| async move {
        s.until(|i| matches!(i, Inbound::Stop)).await
    })
    .await;
    carrier.wait_until_over().await;
    assert_eq!(carrier.finish().await.unwrap().ending, Ending::TooLong);
    assert_eq!(serving.await.unwrap(), Some(1_000));
    let (carrier, serving) = call(setup(), |mut s| async move {
        s.until(|i| matches!(i, Inbound::Stop)).await
    })
    .await;
    drop(carrier);
    assert!(serving.await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_call_may_not_come_about() {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let query = Carrier::connect_over(ours, "ws://carrier.test/media?t=1", setup()).await;
    assert!(matches!(query, Err(ConnectError::QueryInUrl)));
    drop(theirs);
    let (ours, _silent) = tokio::io::duplex(1 << 16);
    let silent = Carrier::connect_over(ours, "ws://carrier.test/media", setup()).await;
    assert!(matches!(silent, Err(ConnectError::TimedOut)));
    let (ours, mut theirs) = tokio::io::duplex(1 << 16);
    let refusing = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut request = vec![0; 4_096];
        let read = theirs.read(&mut request).await.unwrap();
        theirs
            .write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
        String::from_utf8_lossy(&request[..read]).to_lowercase()
    });
    let signed = setup().header("X-Twilio-Signature", "c2lnbmVk");
    let refused = Carrier::connect_over(ours, "ws://carrier.test/media", signed).await;
    assert!(matches!(refused, Err(ConnectError::Refused(403))));
    assert!(
        refusing
            .await
            .unwrap()
            .contains("x-twilio-signature: c2lnbmvk")
    );
}

#[test]
fn ids_follow_from_the_seed() {
    let (a, b) = (CallSetup::new(1).start, CallSetup::new(2).start);
    assert_eq!(a, CallSetup::new(1).start);
    assert_ne!(a.stream_id, b.stream_id);
    for (id, prefix) in [
        (&a.account, "AC"),
        (&a.carrier_call_id, "CA"),
        (&a.stream_id, "MZ"),
    ] {
        assert!(id.starts_with(prefix) && id.len() == 34, "{id}");
    }
}

#[tokio::test]
async fn a_call_goes_over_a_real_socket() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/media", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut socket = tokio_tungstenite::accept_async(socket).await.unwrap();
        let mut stream = Stream::new();
        let mut heard = Vec::new();
        let mut frames = 0;
        while frames < 3 {
            let Some(Ok(Message::Text(text))) = socket.next().await else {
                panic!("a text frame");
            };
            let inbound = stream.receive(text.as_str(), &mut heard).unwrap();
            frames += usize::from(matches!(inbound, Inbound::Media { .. }));
        }
        socket.close(None).await.unwrap();
        while let Some(Ok(_)) = socket.next().await {}
    });
    let mut carrier = Carrier::connect(&url, setup()).await.unwrap();
    carrier.wait_until_over().await;
    serving.await.unwrap();
    let record = carrier.finish().await.unwrap();
    assert!(matches!(record.ending, Ending::ServerClosed(_)));
    assert_eq!(record.violations, []);
    let nobody = Carrier::connect("ws://127.0.0.1:1/media", setup()).await;
    assert!(matches!(nobody, Err(ConnectError::Unreachable(_))));
}
