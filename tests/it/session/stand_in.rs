//! Stand-ins for the recogniser and the voice, which hear and say the language of tones and fail as they are told to.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt as _, StreamExt as _};
use trunkline::provider::{Busy, Ears, Hear, Sound, StageError, Voice, Words};
use trunkline::speech::{VadState, WINDOW_SAMPLES};

use super::tongue;

/// What a stage does with a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Does {
    /// Answers after so many milliseconds.
    Answers(u64),
    Fails,
    /// Fails, and says that it always will.
    Dies,
    /// Neither.
    Hangs,
}

impl Does {
    async fn work(self) -> Result<(), StageError> {
        let failed = |fatal| StageError {
            what: "the stand-in was told to fail".into(),
            fatal,
        };
        match self {
            Does::Answers(ms) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Ok(())
            }
            Does::Fails => Err(failed(false)),
            Does::Dies => Err(failed(true)),
            Does::Hangs => std::future::pending().await,
        }
    }
}

/// Sound that a stage was given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given {
    /// All of it, in the order of the requests.
    pub(crate) samples: Vec<i16>,
    /// The words in each request.
    pub(crate) words: Vec<String>,
}

/// What a stage does with its next requests, and then with all others.
#[derive(Debug)]
pub(crate) struct Plan {
    next: Mutex<VecDeque<Does>>,
    usual: Mutex<Does>,
}

impl Plan {
    fn new(usual: Does) -> Self {
        Self {
            next: Mutex::default(),
            usual: Mutex::new(usual),
        }
    }

    pub(crate) fn next(&self, does: impl IntoIterator<Item = Does>) {
        self.next.lock().unwrap().extend(does);
    }

    pub(crate) fn always(&self, does: Does) {
        *self.usual.lock().unwrap() = does;
    }

    fn take(&self) -> Does {
        let next = self.next.lock().unwrap().pop_front();
        next.unwrap_or(*self.usual.lock().unwrap())
    }
}

#[derive(Debug)]
pub(crate) struct StandInEars {
    pub(crate) activity: Plan,
    pub(crate) partial: Plan,
    pub(crate) last: Plan,
    pub(crate) turn: Plan,
    /// All sound that it was given, if that is kept.
    given: Mutex<Option<Given>>,
    /// What the turn model was given, in words.
    judged: Mutex<Vec<String>>,
    rooms: Arc<AtomicUsize>,
}

impl StandInEars {
    pub(crate) fn new(rooms: usize) -> Self {
        Self {
            activity: Plan::new(Does::Answers(2)),
            partial: Plan::new(Does::Answers(80)),
            last: Plan::new(Does::Answers(100)),
            turn: Plan::new(Does::Answers(30)),
            given: Mutex::default(),
            judged: Mutex::default(),
            rooms: Arc::new(AtomicUsize::new(rooms)),
        }
    }

    /// Keeps what it is given from now on.
    pub(crate) fn keep(&self) {
        self.given.lock().unwrap().get_or_insert_default();
    }

    /// All sound that it was given since.
    pub(crate) fn given(&self) -> Given {
        self.given.lock().unwrap().clone().unwrap_or_default()
    }

    fn note(&self, audio: &[i16]) {
        if let Some(given) = &mut *self.given.lock().unwrap() {
            given.samples.extend_from_slice(audio);
            given.words.push(tongue::words(audio));
        }
    }

    /// The words in all that the turn model was asked about.
    pub(crate) fn judged(&self) -> Vec<String> {
        self.judged.lock().unwrap().clone()
    }

    /// Calls that there is still room for.
    pub(crate) fn rooms(&self) -> usize {
        self.rooms.load(Ordering::Relaxed)
    }
}

struct Room(Arc<AtomicUsize>);

impl Drop for Room {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Ears for StandInEars {
    fn admit(&self, _: trunkline::provider::Room) -> Result<Box<dyn Send>, Busy> {
        let taken = self
            .rooms
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        match taken {
            Ok(_) => Ok(Box::new(Room(Arc::clone(&self.rooms)))),
            Err(_) => Err(Busy),
        }
    }

    fn activity(
        &self,
        state: VadState,
        windows: Vec<i16>,
        _wanted_in: Duration,
    ) -> BoxFuture<'static, Result<(VadState, Vec<f32>), StageError>> {
        self.note(&windows);
        let does = self.activity.take();
        async move {
            does.work().await?;
            let probability = |w: &[i16]| if tongue::is_voice(w) { 0.95 } else { 0.02 };
            Ok((
                state,
                windows
                    .chunks_exact(WINDOW_SAMPLES)
                    .map(probability)
                    .collect(),
            ))
        }
        .boxed()
    }

    fn hear(
        &self,
        audio: Vec<i16>,
        kind: Hear,
        _: Duration,
    ) -> BoxFuture<'static, Result<Words, StageError>> {
        self.note(&audio);
        let does = match kind {
            Hear::Partial => self.partial.take(),
            Hear::Final => self.last.take(),
        };
        async move {
            does.work().await?;
            let text = tongue::words(&audio);
            let confidence = if text.is_empty() { 0.0 } else { 0.9 };
            Ok(Words { text, confidence })
        }
        .boxed()
    }

    fn turn_complete(
        &self,
        audio: Vec<i16>,
        _: Duration,
    ) -> BoxFuture<'static, Result<f32, StageError>> {
        self.note(&audio);
        self.judged.lock().unwrap().push(tongue::words(&audio));
        let does = self.turn.take();
        async move { does.work().await.map(|()| 0.97) }.boxed()
    }
}

/// How a sentence comes that comes in pieces.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trickle {
    /// When the first piece comes.
    pub(crate) first_ms: u64,
    /// Each piece holds so much.
    pub(crate) piece_ms: u64,
    /// How fast the others follow: 100 is as fast as they are played.
    pub(crate) percent: u64,
    /// What comes of it, if that is not all.
    pub(crate) breaks: Option<Break>,
}

/// How a sentence breaks off, after so many ms of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Break {
    Error(usize),
    Silence(usize),
}

impl Trickle {
    fn pieces(self, audio: Vec<u8>) -> BoxStream<'static, Result<Sound, StageError>> {
        let (whole_ms, does) = match self.breaks {
            None => (audio.len() / 8, None),
            Some(Break::Error(ms)) => (ms, Some(Does::Fails)),
            Some(Break::Silence(ms)) => (ms, Some(Does::Hangs)),
        };
        let audio = audio[..audio.len().min(whole_ms * 8)].to_vec();
        let pieces = audio.chunks(self.piece_ms as usize * 8);
        let pieces: Vec<Arc<[u8]>> = pieces.map(Into::into).collect();
        let later = self.piece_ms * 100 / self.percent;
        let coming = futures_util::stream::iter(pieces.into_iter().enumerate());
        let coming = coming.then(move |(at, piece)| async move {
            let wait_ms = if at == 0 { self.first_ms } else { later };
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            Ok(Sound::Audio(piece))
        });
        let end = futures_util::stream::iter(does)
            .then(Does::work)
            .filter_map(|end| async move { end.err().map(Err) });
        coming.chain(end).boxed()
    }
}

#[derive(Debug)]
pub(crate) struct StandInVoice {
    /// If set, sentences that are not kept come in pieces: the next ones, and then all others.
    pub(crate) trickles: Mutex<(VecDeque<Trickle>, Option<Trickle>)>,
    /// Of sentences that are not kept.
    pub(crate) plan: Plan,
    /// Words are drawn out, and the voice tells when they are said.
    pub(crate) drawls: AtomicBool,
    kept: Arc<Mutex<HashSet<Arc<str>>>>,
    /// What calls had it voice.
    asked: Mutex<Vec<String>>,
}

impl StandInVoice {
    pub(crate) fn new() -> Self {
        Self {
            asked: Mutex::default(),
            trickles: Mutex::default(),
            plan: Plan::new(Does::Answers(150)),
            drawls: AtomicBool::new(false),
            kept: Arc::default(),
        }
    }

    /// What calls had it voice, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// As if nothing had been made ahead.
    pub(crate) fn forget_all(&self) {
        self.kept.lock().unwrap().clear();
    }
}

impl Voice for StandInVoice {
    fn say(
        &self,
        text: Arc<str>,
        _: f32,
        _: Duration,
    ) -> BoxStream<'static, Result<Sound, StageError>> {
        self.asked.lock().unwrap().push(text.to_string());
        if self.drawls.load(Ordering::Relaxed) {
            let (audio, words) = tongue::drawled(&text);
            // Some voices tell the words before they are heard, and some after.
            let (now, later) = words.split_at(words.len() / 2);
            let half = audio.len() / 2;
            let sounds = [
                Sound::Words(now.into()),
                Sound::Audio(audio[..half].into()),
                Sound::Audio(audio[half..].into()),
                Sound::Words(later.into()),
            ];
            return futures_util::stream::iter(sounds.map(Ok)).boxed();
        }
        let kept = Arc::clone(&self.kept);
        let is_kept = kept.lock().unwrap().contains(&text);
        if !is_kept {
            let (next, usual) = &mut *self.trickles.lock().unwrap();
            if let Some(trickle) = next.pop_front().or(*usual) {
                return trickle.pieces(tongue::voiced(&text));
            }
        }
        let does = if is_kept {
            Does::Answers(0)
        } else {
            self.plan.take()
        };
        async move {
            does.work().await?;
            let audio = tongue::voiced(&text).into();
            kept.lock().unwrap().insert(text);
            Ok(Sound::Audio(audio))
        }
        .into_stream()
        .boxed()
    }

    fn keep(&self, text: Arc<str>, _: f32) -> BoxFuture<'static, Result<(), StageError>> {
        self.kept.lock().unwrap().insert(text);
        async { Ok(()) }.boxed()
    }
}
