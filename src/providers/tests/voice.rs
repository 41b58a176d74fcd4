//! A voice over a socket that is cut, stalls or refuses: a clause is said, tried once more, or told to have failed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use tokio::time::{advance, timeout};
use trunkline_core::wire::tts::AudioFormat;

use super::rig::{Door, PlainTts, hop};
use crate::clock;
use crate::provider::{Sound, StageError, Voice as _};
use crate::providers::{CloudVoice, CloudVoices, Kept, Kind, Speaks};

type Pieces = BoxStream<'static, Result<Sound, StageError>>;

fn voices(is_single: bool, format: AudioFormat) -> (CloudVoices, Door) {
    let (hop, door) = hop(Kind::Voice, 1 << 20);
    let make = Arc::new(move |_| Box::new(PlainTts { is_single, format }) as _);
    let voices = CloudVoices::new(hop, Speaks::Socket(make), Kept::default(), "anybody");
    (voices, door)
}

fn voice() -> (CloudVoice, Door) {
    let (voices, door) = voices(false, AudioFormat::Mulaw8k);
    (voices.open(1.0), door)
}

fn say(voice: &CloudVoice, text: &str) -> Pieces {
    voice.say(text.into(), 1.0, Duration::from_secs(1))
}

/// The next piece, or how it ended.
async fn piece(pieces: &mut Pieces) -> Result<Vec<u8>, String> {
    let coming = timeout(Duration::from_secs(60), pieces.next());
    match coming.await.expect("a piece or the end comes") {
        Some(Ok(Sound::Audio(piece))) => Ok(piece.to_vec()),
        Some(Ok(Sound::Words(words))) => Err(format!("{words:?}")),
        Some(Err(error)) => Err(format!("{error}, {}", error.fatal)),
        None => Err("end".into()),
    }
}

async fn is_said(pieces: &mut Pieces, expected: &[&[u8]]) {
    for piece_expected in expected {
        assert_eq!(piece(pieces).await.as_deref(), Ok(*piece_expected));
    }
    assert_eq!(piece(pieces).await, Err("end".into()));
    assert_eq!(piece(pieces).await, Err("end".into()));
}

#[tokio::test(start_paused = true)]
async fn clauses_come_in_pieces_each_to_its_own() {
    let (voice, mut door) = voice();
    let mut peer = door.open().await;
    let mut first = say(&voice, "one");
    let mut second = say(&voice, "two");
    assert_eq!(peer.text().await, "say 1 one");
    assert_eq!(peer.text().await, "say 2 two");
    peer.say_bytes(vec![1, 10, 11]).await;
    peer.say_bytes(vec![2, 20]).await;
    peer.say_bytes(vec![9, 90]).await;
    peer.say_bytes(vec![1, 12]).await;
    peer.say("done 1").await;
    peer.say_bytes(vec![1, 13]).await;
    peer.say("done 2").await;
    is_said(&mut first, &[&[10, 11], &[12]]).await;
    is_said(&mut second, &[&[20]]).await;
}

#[tokio::test(start_paused = true)]
async fn when_words_are_said_is_told_and_kept() {
    let (voice, mut door) = voice();
    let mut peer = door.open().await;
    let mut pieces = say(&voice, "one two");
    peer.text().await;
    peer.say_bytes(vec![1, 10]).await;
    peer.say("word 1 one 20 300").await;
    peer.say("word 9 none 0 1").await;
    peer.say("done 1").await;
    assert_eq!(piece(&mut pieces).await, Ok(vec![10]));
    let told = "[SpokenWord(20-300)]".to_owned();
    assert_eq!(piece(&mut pieces).await, Err(told.clone()));
    assert_eq!(piece(&mut pieces).await, Err("end".into()));
    let keeping = voice.keep("three".into(), 1.0);
    let (kept, ()) = tokio::join!(keeping, async {
        assert_eq!(peer.text().await, "say 2 three");
        peer.say("word 2 three 20 300").await;
        peer.say_bytes(vec![2, 30]).await;
        peer.say("done 2").await;
    });
    kept.unwrap();
    let mut pieces = say(&voice, "three");
    assert_eq!(piece(&mut pieces).await, Err(told));
    assert_eq!(piece(&mut pieces).await, Ok(vec![30]));
    assert_eq!(piece(&mut pieces).await, Err("end".into()));
}

#[tokio::test(start_paused = true)]
async fn samples_become_mulaw() {
    let (voices, mut door) = voices(false, AudioFormat::Pcm16 { rate: 8_000 });
    let voice = voices.open(1.0);
    let mut peer = door.open().await;
    let mut pieces = say(&voice, "one");
    peer.text().await;
    peer.say_bytes(vec![1, 0]).await;
    peer.say_bytes(vec![1, 0, 0]).await;
    peer.say_bytes(vec![1, 0x80]).await;
    peer.say("done 1").await;
    is_said(&mut pieces, &[&[0xFF], &[0x00]]).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_is_taken_back() {
    let (voice, mut door) = voice();
    let stream = door.knock().await;
    let early = say(&voice, "never mind");
    let kept = say(&voice, "one");
    drop(early);
    let opened = tokio_tungstenite::accept_async(stream).await.unwrap();
    let mut peer = super::rig::Peer(opened);
    assert_eq!(peer.text().await, "say 1 one");
    drop(kept);
    assert_eq!(peer.text().await, "cancel 1");
    // One that is complete is not.
    let mut pieces = say(&voice, "two");
    assert_eq!(peer.text().await, "say 2 two");
    peer.say_bytes(vec![2, 1]).await;
    peer.say("done 2").await;
    is_said(&mut pieces, &[&[1]]).await;
    drop(pieces);
    drop(voice);
    assert_eq!(peer.text().await, "bye");
}

#[tokio::test(start_paused = true)]
async fn what_is_begun_goes_on_where_it_is_and_is_let_go_for_anything_else() {
    let (voice, mut door) = voice();
    let mut peer = door.open().await;
    for text in ["one", "one", "two", "three"] {
        voice.begin(&text.into(), 1.0);
    }
    for asked in ["say 1 one", "say 2 two", "say 3 three"] {
        assert_eq!(peer.text().await, asked);
    }
    peer.say_bytes(vec![1, 10]).await;
    peer.say_bytes(vec![1, 11]).await;
    peer.say("done 1").await;
    let mut first = say(&voice, "one");
    is_said(&mut first, &[&[10], &[11]]).await;
    // Said again, it is made again; and the others are not what is said next.
    let mut again = say(&voice, "one");
    let mut after = Vec::new();
    for _ in 0..3 {
        after.push(peer.text().await);
    }
    after.sort_unstable();
    assert_eq!(after, ["cancel 2", "cancel 3", "say 4 one"]);
    peer.say_bytes(vec![4, 40]).await;
    peer.say("done 4").await;
    is_said(&mut again, &[&[40]]).await;
}

#[tokio::test(start_paused = true)]
async fn what_failed_before_anybody_waited_for_it_is_asked_for_anew() {
    let (voice, mut door) = voice();
    voice.begin(&"one".into(), 1.0);
    let mut first = door.open().await;
    assert_eq!(first.text().await, "say 1 one");
    let mut second = door.open().await;
    assert_eq!(second.text().await, "say 1 one");
    assert!(second.next().await.is_none(), "both were silent too long");
    let mut pieces = say(&voice, "one");
    let mut third = door.open().await;
    assert_eq!(third.text().await, "say 1 one");
    third.say_bytes(vec![1, 7]).await;
    third.say("done 1").await;
    is_said(&mut pieces, &[&[7]]).await;
}

#[tokio::test(start_paused = true)]
async fn a_cut_before_the_first_piece_is_not_heard() {
    let (voice, mut door) = voice();
    let mut peer = door.open().await;
    let mut begun = say(&voice, "begun");
    let mut waiting = say(&voice, "waiting");
    peer.text().await;
    peer.text().await;
    peer.say_bytes(vec![1, 1]).await;
    assert_eq!(piece(&mut begun).await, Ok(vec![1]));
    drop(peer);
    let broken = Err("the voice of plain: server: cut off, false".into());
    assert_eq!(piece(&mut begun).await, broken);
    let mut after = say(&voice, "after");
    let mut peer = door.open().await;
    assert_eq!(peer.text().await, "say 1 waiting");
    assert_eq!(peer.text().await, "say 2 after");
    peer.say_bytes(vec![1, 2]).await;
    peer.say("done 1").await;
    is_said(&mut waiting, &[&[2]]).await;
    peer.say_bytes(vec![2, 3]).await;
    peer.say("done 2").await;
    is_said(&mut after, &[&[3]]).await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_voice_has_two_seconds_twice() {
    let (voice, mut door) = voice();
    let began = clock::timer_now();
    let mut pieces = say(&voice, "one");
    let mut first = door.open().await;
    assert_eq!(first.text().await, "say 1 one");
    let mut second = door.open().await;
    assert_eq!(second.text().await, "say 1 one");
    assert_eq!((clock::timer_now() - began).as_secs(), 2);
    let silent = Err("the voice of plain: server: no audio in time, false".into());
    assert_eq!(piece(&mut pieces).await, silent);
    assert_eq!((clock::timer_now() - began).as_secs(), 4);
    assert!(first.next().await.is_none());
    // Between two pieces as well.
    let mut peer = door.open().await;
    let mut pieces = say(&voice, "two");
    peer.text().await;
    peer.say_bytes(vec![1, 7]).await;
    assert_eq!(piece(&mut pieces).await, Ok(vec![7]));
    assert_eq!(piece(&mut pieces).await, silent);
}

#[tokio::test(start_paused = true)]
async fn a_clause_waits_for_those_before_it_without_being_late() {
    let (voice, mut door) = voice();
    let mut peer = door.open().await;
    let mut first = say(&voice, "one");
    let mut second = say(&voice, "two");
    peer.text().await;
    peer.text().await;
    for n in 0..5 {
        advance(Duration::from_millis(1_500)).await;
        peer.say_bytes(vec![1, n]).await;
        assert_eq!(piece(&mut first).await, Ok(vec![n]));
    }
    peer.say("done 1").await;
    advance(Duration::from_millis(1_500)).await;
    peer.say_bytes(vec![2, 9]).await;
    peer.say("done 2").await;
    is_said(&mut second, &[&[9]]).await;
}

#[tokio::test(start_paused = true)]
async fn trouble_with_a_clause_leaves_the_others_alone() {
    let (voice, mut door) = voice();
    let mut peer = door.open().await;
    let mut first = say(&voice, "one");
    let mut second = say(&voice, "two");
    let mut third = say(&voice, "three");
    for _ in 0..3 {
        peer.text().await;
    }
    peer.say("trouble 1 server").await;
    assert_eq!(peer.text().await, "say 4 one");
    peer.say("trouble 4 server").await;
    peer.say("trouble 2 key").await;
    peer.say_bytes(vec![3, 3]).await;
    peer.say("done 3").await;
    let told = |kind: &str, fatal| Err(format!("the voice of plain: {kind}: told, {fatal}"));
    assert_eq!(piece(&mut first).await, told("server", false));
    assert_eq!(piece(&mut second).await, told("key", true));
    is_said(&mut third, &[&[3]]).await;
    assert!(door.is_quiet());
}

#[tokio::test(start_paused = true)]
async fn a_refused_voice_fails_what_waits_and_is_tried_when_something_is_to_be_said() {
    let (voice, mut door) = voice();
    let mut pieces = say(&voice, "one");
    door.refuse("401 Unauthorized").await;
    let told = Err("the voice of plain: key: HTTP 401, true".into());
    assert_eq!(piece(&mut pieces).await, told);
    advance(Duration::from_secs(60)).await;
    assert!(door.is_quiet());
    let mut pieces = say(&voice, "two");
    door.refuse("500 Oh").await;
    door.refuse("500 Oh").await;
    let told = Err("the voice of plain: server: HTTP 500, false".into());
    assert_eq!(piece(&mut pieces).await, told);
    let mut pieces = say(&voice, "three");
    let mut peer = door.open().await;
    assert_eq!(peer.text().await, "say 1 three");
    peer.say_bytes(vec![1, 3]).await;
    peer.say("done 1").await;
    is_said(&mut pieces, &[&[3]]).await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_kept_alive_and_made_again_a_few_times() {
    let (voice, mut door) = voice();
    let mut peer = door.open().await;
    let began = clock::timer_now();
    assert_eq!(peer.text().await, "alive");
    assert_eq!((clock::timer_now() - began).as_secs(), 10);
    for _ in 0..2 {
        peer.close(1_000).await;
        peer = door.open().await;
        advance(Duration::from_secs(20)).await;
    }
    peer.close(1_000).await;
    advance(Duration::from_secs(60)).await;
    assert!(door.is_quiet(), "three nobody used are enough");
    let _pieces = say(&voice, "one");
    assert_eq!(door.open().await.text().await, "say 1 one");
}

#[tokio::test(start_paused = true)]
async fn a_socket_for_one_text_has_another_ready_behind_it() {
    let (voices, mut door) = voices(true, AudioFormat::Mulaw8k);
    let voice = voices.open(1.0);
    let mut first = door.open().await;
    let mut pieces = say(&voice, "one");
    let mut spare = door.open().await;
    assert_eq!(first.text().await, "say 1 one");
    first.say_bytes(vec![1, 1]).await;
    first.say("done 1").await;
    is_said(&mut pieces, &[&[1]]).await;
    assert_eq!(first.text().await, "bye");
    let pieces = say(&voice, "two");
    assert_eq!(spare.text().await, "say 1 two");
    drop(pieces);
    assert_eq!(spare.text().await, "bye");
    let mut last = door.open().await;
    last.is_quiet().await;
    drop(voice);
    assert_eq!(last.text().await, "bye");
    assert!(door.is_quiet());
}

#[tokio::test(start_paused = true)]
async fn another_pace_has_another_connection() {
    let (voice, mut door) = voice();
    let mut usual = door.open().await;
    let _slow = voice.say("slow".into(), 0.8, Duration::ZERO);
    let _usual = say(&voice, "usual");
    assert_eq!(door.open().await.text().await, "say 1 slow");
    assert_eq!(usual.text().await, "say 1 usual");
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_is_there_for_every_call() {
    let (voices, mut door) = voices(false, AudioFormat::Mulaw8k);
    let voice = voices.open(1.0);
    let mut peer = door.open().await;
    let keeping = tokio::spawn(voice.keep("Good day.".into(), 1.0));
    assert_eq!(peer.text().await, "say 1 Good day.");
    peer.say_bytes(vec![1, 5, 6]).await;
    peer.say_bytes(vec![1, 7]).await;
    peer.say("done 1").await;
    keeping.await.unwrap().unwrap();
    voice.keep("Good day.".into(), 1.0).await.unwrap();
    is_said(&mut say(&voices.open(1.0), "Good day."), &[&[5, 6, 7]]).await;
    // What failed is not kept.
    let keeping = tokio::spawn(voice.keep("Bad day.".into(), 1.0));
    assert_eq!(peer.text().await, "say 2 Bad day.");
    peer.say_bytes(vec![2, 5]).await;
    peer.say("trouble 2 server").await;
    assert!(keeping.await.unwrap().is_err());
    let _again = say(&voice, "Bad day.");
    assert_eq!(peer.text().await, "say 3 Bad day.");
}

#[tokio::test(start_paused = true)]
async fn audio_without_end_is_ended() {
    let (voice, mut door) = voice();
    let mut peer = door.open().await;
    let mut pieces = say(&voice, "one");
    peer.text().await;
    let mut piece_sent = vec![0; 100_001];
    piece_sent[0] = 1;
    for _ in 0..20 {
        peer.say_bytes(piece_sent.clone()).await;
    }
    assert_eq!(peer.text().await, "cancel 1");
    let mut bytes = 0;
    let last = loop {
        match piece(&mut pieces).await {
            Ok(audio) => bytes += audio.len(),
            Err(last) => break last,
        }
    };
    assert_eq!(
        last,
        "the voice of plain: protocol: audio without end, false"
    );
    assert_eq!(bytes, 1_900_000);
}
