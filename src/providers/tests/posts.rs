//! Voices and recognisers that are asked by POST, over loopback: what is sent, what is tried again, and what is told.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use trunkline_core::wire::stt::SttSettings;
use trunkline_core::wire::tts::{AudioFormat, TtsRequest};

use crate::egress::{Egress, Whose};
use crate::provider::{Sound, StageError, Voice as _};
use crate::providers::{Circuit, CloudVoice, CloudVoices, Hop, Kept, Kind, Speaks, Transcriber};

type Pieces = BoxStream<'static, Result<Sound, StageError>>;

/// A server that the test plays itself.
struct Server(TcpListener);

impl Server {
    async fn new(kind: Kind) -> (Self, Hop) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let hop = Hop {
            egress: Egress::new(),
            whose: Whose::Operator,
            base_url: format!("ws://127.0.0.1:{port}/v1/"),
            provider: "plain",
            model: Arc::default(),
            kind,
            circuit: Circuit::default(),
        };
        (Self(listener), hop)
    }

    /// The next request: its connection, head and body.
    async fn request(&self) -> (TcpStream, String, Vec<u8>) {
        let (mut stream, _) = self.0.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap();
        let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        (stream, head, body)
    }

    /// Answers the next request and closes.
    async fn answer(&self, answer: &str) -> (String, Vec<u8>) {
        let (mut stream, head, body) = self.request().await;
        stream.write_all(answer.as_bytes()).await.unwrap();
        (head, body)
    }
}

fn refusal(status: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}

const BEGUN: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";

fn voice(hop: Hop) -> CloudVoice {
    let make = |text: &str, speed| TtsRequest {
        path: "/speak".into(),
        headers: vec![("x-key", "hush".into())],
        body: format!("{text} {speed}"),
        format: AudioFormat::Mulaw8k,
    };
    CloudVoices::new(
        hop,
        Speaks::Post(Arc::new(make)),
        Kept::default(),
        "anybody",
    )
    .open(1.0)
}

fn say(voice: &CloudVoice) -> Pieces {
    voice.say("one".into(), 1.0, Duration::from_secs(1))
}

async fn all(mut pieces: Pieces) -> (Vec<u8>, Option<String>) {
    let mut audio = Vec::new();
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(Sound::Audio(piece)) => audio.extend_from_slice(&piece),
            Ok(Sound::Words(_)) => panic!("a POST tells no times"),
            Err(error) => return (audio, Some(format!("{error}, {}", error.fatal))),
        }
    }
    (audio, None)
}

#[tokio::test]
async fn audio_is_handed_on_as_it_comes() {
    let (server, hop) = Server::new(Kind::Voice).await;
    let voice = voice(hop);
    let mut pieces = say(&voice);
    let (begun, (mut stream, head, body)) =
        tokio::join!(async { pieces.next().await.unwrap().unwrap() }, async {
            let (mut stream, head, body) = server.request().await;
            let begin = format!("{BEGUN}2\r\nab\r\n");
            stream.write_all(begin.as_bytes()).await.unwrap();
            (stream, head, body)
        });
    // The rest is not there yet.
    assert!(matches!(begun, Sound::Audio(piece) if *piece == *b"ab"));
    assert!(head.starts_with("post /v1/speak http/1.1"), "{head}");
    assert!(head.contains("x-key: hush"), "{head}");
    assert_eq!(body, b"one 1");
    stream.write_all(b"1\r\nc\r\n0\r\n\r\n").await.unwrap();
    assert_eq!(all(pieces).await, (b"c".to_vec(), None));
}

#[tokio::test]
async fn who_drops_a_text_hangs_up() {
    let (server, hop) = Server::new(Kind::Voice).await;
    let voice = voice(hop);
    let mut pieces = say(&voice);
    let (_, mut stream) = tokio::join!(pieces.next(), async {
        let (mut stream, ..) = server.request().await;
        let begin = format!("{BEGUN}2\r\nab\r\n");
        stream.write_all(begin.as_bytes()).await.unwrap();
        stream
    });
    drop(pieces);
    let mut rest = Vec::new();
    // A reset is an end as well.
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
}

#[tokio::test]
async fn what_passes_is_tried_once_more_until_something_was_heard() {
    let fine = format!("{BEGUN}2\r\nab\r\n0\r\n\r\n");
    let broken = format!("{BEGUN}2\r\nab\r\n5\r\nc");
    let failed = |what: &str, fatal| Some(format!("the voice of plain: {what}, {fatal}"));
    let redirect = "302 Found\r\nlocation: /v1/elsewhere";
    for (answers, heard, told) in [
        (vec![refusal("500 Oh"), fine.clone()], "ab", None),
        (vec![String::new(), fine.clone()], "ab", None),
        (
            vec![refusal("429 Oh\r\nretry-after-ms: 5"), fine],
            "ab",
            None,
        ),
        (
            vec![refusal("500 Oh"), refusal("503 Oh")],
            "",
            failed("server: HTTP 503", false),
        ),
        (
            vec![refusal("429 Oh\r\nretry-after: 60")],
            "",
            failed("rate: HTTP 429", false),
        ),
        (vec![refusal("401 Oh")], "", failed("key: HTTP 401", true)),
        (
            vec![refusal(redirect)],
            "",
            failed("request: HTTP 302", true),
        ),
        (vec![broken], "abc", failed("server: broke off", false)),
    ] {
        let (server, hop) = Server::new(Kind::Voice).await;
        let voice = voice(hop);
        let answering = async {
            for answer in &answers {
                server.answer(answer).await;
            }
        };
        let (said, ()) = tokio::join!(all(say(&voice)), answering);
        assert_eq!(said, (heard.as_bytes().to_vec(), told), "{answers:?}");
    }
}

#[tokio::test]
async fn an_answer_without_sound_has_no_piece() {
    let (server, hop) = Server::new(Kind::Voice).await;
    let voice = voice(hop);
    let empty = refusal("200 OK");
    let (said, _) = tokio::join!(all(say(&voice)), server.answer(&empty));
    assert_eq!(said, (vec![], None));
}

#[tokio::test]
async fn an_utterance_goes_up_and_its_words_come_back() {
    let (server, hop) = Server::new(Kind::Recogniser).await;
    let settings = SttSettings {
        model: "whisper-1".into(),
        ..SttSettings::default()
    };
    let transcriber = Transcriber::new(hop, settings, "hush");
    let json = r#"{"text":" A table for two. "}"#;
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{json}",
        json.len()
    );
    let refused = refusal("503 Oh");
    let (words, (head, body)) = tokio::join!(transcriber.hear(vec![7; 800]), async {
        server.answer(&refused).await;
        server.answer(&answer).await
    });
    let words = words.unwrap();
    assert_eq!(words.text.trim(), "A table for two.");
    assert!(
        head.starts_with("post /v1/audio/transcriptions http/1.1"),
        "{head}"
    );
    assert!(head.contains("authorization: bearer hush"), "{head}");
    let samples = [7, 0].repeat(800);
    assert!(body.windows(1_600).any(|bytes| bytes == samples));
}

#[tokio::test]
async fn a_recogniser_that_refuses_is_told_without_a_word() {
    let garbage = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>";
    for (answers, told, fatal) in [
        (vec![refusal("401 Oh")], "key: ", true),
        (
            vec![refusal("500 Oh"), refusal("500 Oh")],
            "server: ",
            false,
        ),
        (
            vec![refusal("302 Found\r\nlocation: /x")],
            "request: HTTP 302",
            true,
        ),
        (
            vec![garbage.to_owned(), garbage.to_owned()],
            "protocol: not-json",
            false,
        ),
    ] {
        let (server, hop) = Server::new(Kind::Recogniser).await;
        let transcriber = Transcriber::new(hop, SttSettings::default(), "");
        let answering = async {
            for answer in &answers {
                server.answer(answer).await;
            }
        };
        let (heard, ()) = tokio::join!(transcriber.hear(vec![0; 80]), answering);
        let error = heard.err().unwrap();
        let begins = format!("the recogniser of plain: {told}");
        assert!(error.what.starts_with(&begins), "{error}");
        assert_eq!(error.fatal, fatal, "{told}");
    }
}
