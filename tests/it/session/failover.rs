//! Stages that fail in mid-call while another stands ready: the caller is answered, no word said so far is lost, and
//! nobody is apologised for.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use trunkline::egress::Whose;
use trunkline::providers::{Account, Kind, find};
use trunkline::stack::{Behind, Chosen, Defaults};
use trunkline_core::call::{EndReason, Note, Stage};

use super::chat::{GOODBYE, MOMENT};
use super::held::{self, Held, ask_in_vain, talk};
use super::model::{Answer, Model};
use super::rig::{self, House, OPENING, Plot, heard, longest_silence_ms};
use super::stand_in::{Break, Does, Trickle};
use super::tongue;

const LOST: &str = "Sorry, something went wrong there. Could you say that again?";
/// Longer than any voice is waited for.
const QUIET_MS: u64 = 2_500;
const BYE: &str = "Thank you. See you on Monday.";

/// Who took over, as the notes have it.
fn taken_over(notes: &[Note]) -> Vec<(Stage, &'static str)> {
    let mut all = Vec::new();
    for note in notes {
        if let Note::TakenOver { stage, vendor, .. } = note {
            all.push((*stage, *vendor));
        }
    }
    all
}

/// What was heard but for the sentences that bridge a silence.
fn without_fillers(heard: &str) -> String {
    let spaced = format!("{heard} ");
    let fillers = ["One moment, please. ", "Just a second. "];
    let left = fillers
        .iter()
        .fold(spaced, |left, filler| left.replace(filler, ""));
    left.trim_end().to_owned()
}

fn chosen(vendor: &str, kind: Kind, base_url: String) -> Chosen {
    Chosen {
        vendor: find(vendor, kind).unwrap(),
        account: Account {
            whose: Whose::Operator,
            owner: String::new(),
            base_url: Some(base_url),
            key: "hush".into(),
        },
        model: String::new(),
        voice: String::new(),
        turns: None,
    }
}

/// A voice by POST that says everything in capitals, or refuses.
struct Shouter {
    base_url: String,
    texts: Arc<Mutex<Vec<String>>>,
}

impl Shouter {
    async fn open(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let texts = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&texts);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                socket.set_nodelay(true).unwrap();
                tokio::spawn(shout(socket, status, Arc::clone(&heard)));
            }
        });
        Self { base_url, texts }
    }

    fn behind(&self) -> Defaults {
        let voice = chosen("deepgram_aura_post", Kind::Voice, self.base_url.clone());
        Defaults {
            voice_behind: vec![Behind::Chosen(voice)],
            ..Defaults::default()
        }
    }
}

async fn shout(mut socket: TcpStream, status: u16, heard: Arc<Mutex<Vec<String>>>) {
    let mut kept: Vec<u8> = Vec::new();
    loop {
        let text = String::from_utf8(kept.clone()).unwrap();
        let whole = text.split_once("\r\n\r\n").filter(|(head, body)| {
            let head = head.to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1).unwrap();
            body.len()
                >= length
                    .split("\r\n")
                    .next()
                    .unwrap()
                    .parse::<usize>()
                    .unwrap()
        });
        let Some((_, body)) = whole else {
            let mut bytes = [0_u8; 4_096];
            match socket.read(&mut bytes).await {
                Ok(count) if count > 0 => kept.extend_from_slice(&bytes[..count]),
                _ => return,
            }
            continue;
        };
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        let words = body["text"].as_str().unwrap();
        heard.lock().unwrap().push(words.to_owned());
        let audio = match status {
            200 => tongue::voiced(&words.to_uppercase()),
            _ => Vec::new(),
        };
        let head = format!(
            "HTTP/1.1 {status} Told\r\ncontent-length: {}\r\n\r\n",
            audio.len()
        );
        socket
            .write_all(&[head.as_bytes(), &audio].concat())
            .await
            .unwrap();
        kept.clear();
    }
}

async fn house(defaults: Defaults) -> House {
    House::build(Plot {
        defaults,
        ..Plot::default()
    })
    .await
}

/// After the opening, every word behind the first in capitals is one too.
fn never_flips(heard: &str) -> bool {
    let is_loud = |word: &&str| word.chars().all(|c| !c.is_lowercase());
    let rest = heard.strip_prefix(OPENING).unwrap();
    let words: Vec<&str> = rest.split_whitespace().collect();
    let from = words.iter().position(is_loud);
    from.is_some_and(|from| words[from..].iter().all(is_loud))
}

#[tokio::test(start_paused = true)]
async fn a_clause_that_cannot_be_voiced_is_voiced_by_the_next_which_stays() {
    for trouble in [Does::Fails, Does::Dies, Does::Hangs] {
        for sentence in [0, 1, 2] {
            let shouter = Shouter::open(200).await;
            let house = house(shouter.behind()).await;
            // From then on it would answer well.
            house.voice.plan.next(vec![Does::Answers(150); sentence]);
            house.voice.plan.next([trouble]);
            let held = talk(&house, QUIET_MS).await;
            let name = format!("{trouble:?} at {sentence}: {}", held.heard);
            assert!(held.heard.starts_with(OPENING), "{name}");
            let same = held.heard.to_uppercase();
            assert!(same.contains("WHICH DAY SUITS YOU? THANK YOU."), "{name}");
            assert!(same.ends_with(&BYE.to_uppercase()), "{name}");
            assert!(!same.contains("SORRY"), "{name}");
            assert!(never_flips(&held.heard), "{name}");
            let voice = (Stage::Voice, "deepgram_aura_post");
            assert_eq!(taken_over(&held.notes), [voice], "{name}");
            assert_eq!(held.failures(), 0, "{name}");
            assert_eq!(rig::reason(&held.notes), EndReason::AgentHungUp);
            assert!(longest_silence_ms(&held.record) < 3_000, "{name}");
            let texts = shouter.texts.lock().unwrap().clone();
            let mut once = texts.clone();
            once.sort();
            once.dedup();
            assert_eq!(once.len(), texts.len(), "each sentence once: {texts:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_clause_that_breaks_off_is_owned_up_to_in_the_voice_that_takes_over() {
    for breaks in [Break::Error(5_000), Break::Silence(5_000)] {
        let shouter = Shouter::open(200).await;
        let house = house(shouter.behind()).await;
        let trickle = Trickle {
            first_ms: 60,
            piece_ms: 50,
            percent: 100,
            breaks: Some(breaks),
        };
        house.voice.trickles.lock().unwrap().0.push_back(trickle);
        let held = talk(&house, QUIET_MS).await;
        let name = format!("{breaks:?}: {}", held.heard);
        let moment = MOMENT.to_uppercase();
        assert!(held.heard.starts_with(OPENING), "{name}");
        assert!(held.heard.contains(&moment), "{name}");
        assert!(held.heard.ends_with(&BYE.to_uppercase()), "{name}");
        assert!(never_flips(&held.heard), "{name}");
        let voice = (Stage::Voice, "deepgram_aura_post");
        assert_eq!(taken_over(&held.notes), [voice], "{name}");
        assert_eq!(held.failures(), 1, "{name}");
        assert_eq!(rig::reason(&held.notes), EndReason::AgentHungUp);
    }
}

#[tokio::test(start_paused = true)]
async fn where_every_voice_fails_the_recorded_apology_is_heard() {
    let shouter = Shouter::open(401).await;
    let house = house(shouter.behind()).await;
    house.voice.plan.always(Does::Fails);
    house.voice.forget_all();
    let mut notes = house.notes();
    let mut call = house.call("talker").await;
    call.wait_until_over().await;
    let record = call.finish().await.unwrap();
    assert!(heard(&record).ends_with(rig::APOLOGY), "{}", heard(&record));
    assert!(longest_silence_ms(&record) < 3_000);
    assert_eq!(rig::reason(&notes.take()), EndReason::Failed(Stage::Voice));
    assert!(!shouter.texts.lock().unwrap().is_empty(), "both were asked");
}

/// A chat, with what was heard after the greeting.
async fn chat(house: &House, says: &[&str]) -> Held {
    let held = held::chat(house, says, 700).await;
    let greeting = format!("{OPENING} How can I help you? ");
    let heard = held.heard.strip_prefix(&greeting).unwrap_or(&held.heard);
    Held {
        heard: heard.to_owned(),
        ..held
    }
}

fn minds(first: &Model, others: &[&Model]) -> Defaults {
    Defaults {
        chat: Some(first.settings.clone()),
        chat_behind: others.iter().map(|model| model.settings.clone()).collect(),
        ..Defaults::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_mind_that_fails_before_its_first_clause_gives_way_within_the_reply() {
    let open = "We are open today.";
    for (trouble, silence_ms_max) in [
        (Answer::Status(500, ""), 1_500),
        (Answer::Status(503, "retry-after: 1\r\n"), 1_500),
        (Answer::Status(429, "retry-after: 30\r\n"), 1_500),
        (Answer::Status(401, ""), 1_500),
        (Answer::Status(400, ""), 1_500),
        (Answer::HangUp, 1_500),
        (Answer::Bytes(b"<html>not a stream</html>".to_vec()), 1_500),
        (Answer::Bytes(b"data: [DONE]\n\n".to_vec()), 1_500),
        (Answer::Cut(vec![]), 1_500),
        (Answer::Cut(vec!["Well, we"]), 1_500),
        (Answer::Words(vec![" "], 0), 1_500),
        // Late: three seconds to the first token, and three to the first clause.
        (Answer::Silence, 4_500),
        (Answer::Dribble, 5_500),
        (Answer::Stall(vec!["Well, we"]), 4_500),
    ] {
        let name = format!("{trouble:?}");
        // Who refuses what is asked is asked once more, without what an answer costs.
        let tries = if matches!(trouble, Answer::Status(400, _)) {
            2
        } else {
            1
        };
        let answers = std::iter::repeat_n(trouble, tries);
        let answers = answers.chain([Answer::Goodbye("Never asked again.")]);
        let first = Model::open(answers).await;
        let second = Model::open([Answer::Words(vec![open], 0), Answer::Goodbye(GOODBYE)]).await;
        let house = house(minds(&first, &[&second])).await;
        let held = chat(&house, &["When are you open?", "Thank you, bye."]).await;
        let heard = without_fillers(&held.heard);
        assert_eq!(heard, format!("{open} {GOODBYE}"), "{name}");
        let model = (Stage::Mind, "openai_compatible");
        assert_eq!(taken_over(&held.notes), [model], "{name}");
        assert_eq!(held.failures(), 0, "{name}");
        assert_eq!(first.requests().len(), tries, "{name}: the second stays");
        assert_eq!(second.requests().len(), 2, "{name}");
        assert_eq!(
            first.requests()[0],
            second.requests()[0],
            "{name}: the same history"
        );
        let silence = longest_silence_ms(&held.record);
        assert!(silence <= silence_ms_max, "{name}: {silence} ms of silence");
    }
}

#[tokio::test(start_paused = true)]
async fn no_second_mind_goes_on_with_what_another_began_to_say() {
    for broken in [
        Answer::Cut(vec!["We have time on Tuesday. ", "And on Wed"]),
        Answer::Stall(vec!["We have time on Tuesday. ", "And on Wed"]),
    ] {
        let name = format!("{broken:?}");
        let first = Model::open([broken, Answer::Goodbye(GOODBYE)]).await;
        let second = Model::open([Answer::Goodbye("Nobody asks me.")]).await;
        let house = house(minds(&first, &[&second])).await;
        let heard = without_fillers(&ask_in_vain(&house).await.heard);
        let end = format!("We have time on Tuesday. And on Wed {LOST} {GOODBYE}");
        assert!(heard.ends_with(&end), "{name}: {heard}");
        assert_eq!(second.requests().len(), 0, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_mind_is_asked_before_anybody_is_sorry() {
    let failing = || Model::open([Answer::Status(500, ""), Answer::Status(500, "")]);
    let [first, second] = [failing().await, failing().await];
    let third = Model::open([Answer::Status(401, ""), Answer::Goodbye(GOODBYE)]).await;
    let house = house(minds(&first, &[&second, &third])).await;
    let held = chat(&house, &["Thank you, bye."]).await;
    assert_eq!(held.heard, format!("{MOMENT} {GOODBYE}"));
    assert_eq!(held.failures(), 1, "one apology for all three");
    let counts = [&first, &second, &third].map(|model| model.requests().len());
    assert_eq!(counts, [2, 2, 2], "and all three again");
}

#[tokio::test(start_paused = true)]
async fn later_calls_leave_a_mind_alone_that_fails_and_one_tries_it_again() {
    let mut answers = vec![Answer::Status(503, ""); 3];
    answers.extend(vec![Answer::Goodbye("I am back."); 3]);
    let first = Model::open(answers).await;
    let second = Model::open(vec![Answer::Goodbye(GOODBYE); 8]).await;
    let house = house(minds(&first, &[&second])).await;
    for call in 0..5 {
        let held = chat(&house, &["Thank you, bye."]).await;
        assert_eq!(held.heard, GOODBYE);
        let model = (Stage::Mind, "openai_compatible");
        assert_eq!(taken_over(&held.notes), [model], "also where it began so");
        assert_eq!(first.requests().len(), (call + 1).min(3));
    }
    tokio::time::advance(Duration::from_secs(16)).await;
    for _ in 0..2 {
        let held = chat(&house, &["Thank you, bye."]).await;
        assert_eq!(held.heard, "I am back.");
        assert_eq!(taken_over(&held.notes), []);
    }
}

/// What a recogniser's socket does.
#[derive(Clone, Copy, Debug)]
enum Ear {
    /// It is refused.
    Refuses,
    /// It is open, and nothing comes.
    Deaf,
    /// It breaks off after so much audio, each time.
    Breaks(usize),
}

async fn deepgram(ear: Ear) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            socket.set_nodelay(true).unwrap();
            tokio::spawn(async move {
                if let Ear::Refuses = ear {
                    let refusal = b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n";
                    let mut head = [0_u8; 4_096];
                    let _ = socket.read(&mut head).await;
                    return socket.write_all(refusal).await.unwrap();
                }
                let mut socket = tokio_tungstenite::accept_async(socket).await.unwrap();
                let mut left = match ear {
                    Ear::Breaks(bytes) => bytes,
                    Ear::Refuses | Ear::Deaf => usize::MAX,
                };
                while let Some(Ok(message)) = socket.next().await {
                    left = left.saturating_sub(message.into_data().len());
                    if left == 0 {
                        return;
                    }
                }
            });
        }
    });
    base_url
}

#[tokio::test(start_paused = true)]
async fn words_that_a_recogniser_lost_are_heard_by_the_next() {
    for (ear, response_ms_max) in [
        (Ear::Refuses, 1_500),
        (Ear::Deaf, 3_500),
        // In the midst of the caller's only words.
        (Ear::Breaks(4_000), 2_500),
    ] {
        let recogniser = chosen("deepgram", Kind::Recogniser, deepgram(ear).await);
        let house = house(Defaults {
            recogniser: Some(recogniser),
            recogniser_behind: vec![Behind::Embedded],
            ..Defaults::default()
        })
        .await;
        let held = talk(&house, QUIET_MS).await;
        let name = format!("{ear:?}: {}", held.heard);
        assert!(held.heard.ends_with(&format!("suits you? {BYE}")), "{name}");
        assert_eq!(
            rig::caller_said(&held.notes),
            ["On Monday please."],
            "{name}"
        );
        assert_eq!(
            taken_over(&held.notes),
            [(Stage::Ears, "embedded")],
            "{name}"
        );
        assert_eq!(held.failures(), 0, "{name}");
        let response_ms = held.record.turns[0].response_ms().unwrap();
        assert!(response_ms < response_ms_max, "{name}: {response_ms} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_takes_over_who_was_not_named() {
    // The embedded ears and voice are there, and are not asked.
    let recogniser = chosen("deepgram", Kind::Recogniser, deepgram(Ear::Refuses).await);
    let house = house(Defaults {
        recogniser: Some(recogniser),
        ..Defaults::default()
    })
    .await;
    let held = talk(&house, QUIET_MS).await;
    assert_eq!(taken_over(&held.notes), []);
    assert_eq!(rig::reason(&held.notes), EndReason::Failed(Stage::Ears));
}
