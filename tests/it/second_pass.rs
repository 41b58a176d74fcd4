//! Recordings are heard once more after the call, and only those that may be.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use trunkline::desk::Desk;
use trunkline::provider::StageError;
use trunkline::second_pass::{BetterEars, SecondPass};
use trunkline::speech::Segment;
use trunkline_core::consent::Refusal;
use trunkline_core::journal::{Audio, Consent, Entry, Speaker, Step, Turn};
use trunkline_core::transcript::Transcript;
use trunkline_media::g711::mulaw_decode;

use crate::desk::{Folder, begin, end, granted, said};
use crate::session::rig::unhurried;

/// What the caller's and the agent's bytes sound like.
const CALLER: u8 = 0x10;
const AGENT: u8 = 0x90;

/// Hears one segment in everything, as soon as it may.
struct Ears {
    heard: Mutex<Vec<Vec<i16>>>,
    /// As many pieces as it may finish.
    may: Semaphore,
    began: Semaphore,
}

impl Ears {
    fn new(may: usize) -> Arc<Self> {
        Arc::new(Self {
            heard: Mutex::default(),
            may: Semaphore::new(may),
            began: Semaphore::new(0),
        })
    }

    fn heard(&self) -> Vec<Vec<i16>> {
        self.heard.lock().unwrap().clone()
    }
}

struct Shared(Arc<Ears>);

impl BetterEars for Shared {
    fn name(&self) -> &str {
        "stand-in"
    }

    fn transcribe(&self, audio: Vec<i16>) -> BoxFuture<'static, Result<Vec<Segment>, StageError>> {
        let ears = Arc::clone(&self.0);
        async move {
            ears.began.add_permits(1);
            ears.may.acquire().await.unwrap().forget();
            let number = {
                let mut heard = ears.heard.lock().unwrap();
                heard.push(audio);
                heard.len()
            };
            Ok(vec![Segment {
                start_ms: 100,
                end_ms: 900,
                text: format!("better {number}"),
                confidence: 0.75,
            }])
        }
        .boxed()
    }
}

fn sound(seconds: std::ops::Range<u64>, caller: bool) -> Vec<Entry> {
    let second = |n| {
        Entry::Audio(Audio {
            from: n * 8_000,
            samples: 8_000,
            caller: caller.then(|| vec![CALLER; 8_000]),
            agent: Some(vec![AGENT; 8_000]),
        })
    };
    seconds.map(second).collect()
}

fn step(step: Step) -> Entry {
    Entry::Consent(Consent { at_ms: 2_500, step })
}

/// A call that is over: its id.
async fn call(desk: &Desk, house: &Folder, entries: Vec<Entry>, seconds: u64) -> Arc<str> {
    let (id, journal) = begin(desk, &house.client).await;
    journal.append(entries).unwrap();
    end(desk, journal, seconds * 1_000).await;
    id.into()
}

async fn journal(desk: &Desk, house: &Folder, id: &str) -> Vec<Entry> {
    let reading = desk.journals.read(&house.client, id).await.unwrap();
    let entries = reading.contents().unwrap().entries;
    entries.into_iter().map(|(_, entry)| entry).collect()
}

fn second(entries: &[Entry]) -> Vec<(String, Vec<Turn>)> {
    let of = |entry: &Entry| {
        let Entry::Second { turns, recogniser } = entry else {
            return None;
        };
        Some((recogniser.clone(), turns.clone()))
    };
    entries.iter().filter_map(of).collect()
}

#[tokio::test]
async fn what_is_kept_of_the_caller_is_heard_once_more() {
    let house = Folder::new().await;
    let desk = Arc::new(house.open().await);
    let mut entries = vec![granted(1_000)];
    entries.extend(sound(0..2, false));
    entries.push(said(Speaker::Caller, 3_000, "batter"));
    entries.extend(sound(2..70, true));
    let id = call(&desk, &house, entries, 70).await;
    let ears = Ears::new(9);
    let (pass, task) = SecondPass::start(Arc::clone(&desk), Arc::new(Shared(ears.clone())), 1);
    pass.ask(&house.client, &id);
    // It is not heard a second time.
    pass.ask(&house.client, &id);
    drop(pass);
    task.await.unwrap();

    let heard = ears.heard();
    let lengths: Vec<usize> = heard.iter().map(Vec::len).collect();
    assert_eq!(lengths.iter().sum::<usize>(), 70 * 8_000);
    assert!(
        lengths.len() == 2 && lengths[0] <= 60 * 8_000,
        "{lengths:?}"
    );
    let expected: Vec<i16> = [(2, 0xFF), (68, CALLER)]
        .into_iter()
        .flat_map(|(seconds, byte)| vec![mulaw_decode(byte); seconds * 8_000])
        .collect();
    assert!(heard.concat() == expected, "the caller's channel alone");
    let entries = journal(&desk, &house, &id).await;
    let second = second(&entries);
    assert_eq!(second.len(), 1);
    let (recogniser, turns) = &second[0];
    let offset_ms = lengths[0] as u64 / 8;
    let found: Vec<_> = turns
        .iter()
        .map(|turn| (turn.from_ms, turn.to_ms))
        .collect();
    assert_eq!(recogniser, "stand-in");
    assert_eq!(found, [(100, 900), (offset_ms + 100, offset_ms + 900)]);
    let text = Transcript::of(&entries);
    let said: Vec<&str> = text.turns.iter().map(|turn| turn.text.as_str()).collect();
    assert_eq!(said, ["better 1", "better 2"]);
}

#[tokio::test]
async fn who_did_not_agree_is_not_heard_again() {
    let house = Folder::new().await;
    let desk = Arc::new(house.open().await);
    let class = Refusal::Objected;
    let withdrawn = |erase| {
        let from_ms = 2_000;
        step(Step::Withdrawn {
            class,
            erase,
            from_ms,
        })
    };
    let ears = Ears::new(9);
    let (pass, task) = SecondPass::start(Arc::clone(&desk), Arc::new(Shared(ears.clone())), 1);
    for last in [
        vec![],
        vec![step(Step::Refused { class })],
        vec![granted(1_000), withdrawn(true)],
        vec![granted(1_000), withdrawn(false)],
    ] {
        let mut entries = sound(0..2, !last.is_empty());
        entries.extend(last);
        pass.ask(&house.client, &call(&desk, &house, entries, 3).await);
    }
    let mut entries = vec![granted(500)];
    entries.extend(sound(0..2, true));
    let erased = call(&desk, &house, entries, 3).await;
    desk.journals.erase(&house.client, &erased).await.unwrap();
    pass.ask(&house.client, &erased);
    drop(pass);
    task.await.unwrap();
    assert!(ears.heard().is_empty());
}

#[tokio::test]
async fn what_is_erased_while_it_is_heard_stays_erased() {
    let house = Folder::new().await;
    let desk = Arc::new(house.open().await);
    let mut entries = vec![granted(500)];
    entries.extend(sound(0..2, true));
    let id = call(&desk, &house, entries, 3).await;
    let ears = Ears::new(0);
    let (pass, task) = SecondPass::start(Arc::clone(&desk), Arc::new(Shared(ears.clone())), 1);
    pass.ask(&house.client, &id);
    ears.began.acquire().await.unwrap().forget();
    desk.journals.erase(&house.client, &id).await.unwrap();
    ears.may.add_permits(1);
    drop(pass);
    task.await.unwrap();
    assert_eq!(ears.heard().len(), 1);
    assert!(second(&journal(&desk, &house, &id).await).is_empty());
    // And nobody else can add words to it.
    let words = Entry::Second {
        turns: Vec::new(),
        recogniser: "late".into(),
    };
    let added = desk.journals.add(&house.client, &id, vec![words]).await;
    assert!(added.is_err());
}

#[tokio::test(start_paused = true)]
async fn live_calls_come_first() {
    let house = unhurried(Folder::new()).await;
    let desk = Arc::new(unhurried(house.open()).await);
    let mut entries = vec![granted(500)];
    entries.extend(sound(0..2, true));
    let id = unhurried(call(&desk, &house, entries, 3)).await;
    let live = desk.live.register(&house.client, "call_other", true);
    let ears = Ears::new(9);
    let (pass, task) = SecondPass::start(Arc::clone(&desk), Arc::new(Shared(ears.clone())), 1);
    pass.ask(&house.client, &id);
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert!(ears.heard().is_empty());
    drop(live);
    drop(pass);
    unhurried(task).await.unwrap();
    assert_eq!(ears.heard().len(), 1);
}
