//! The embedded recogniser and voice: what a call hears and says without any service outside.
//!
//! [`Speech`] is the handle. Its work is done by threads of its own, `cores - 1` heavy ones that own a session of every
//! model and a light one that only detects voice, from queues ordered by deadline. Nothing here knows of calls; state
//! that a call has between requests ([`VadState`]) is a value that it keeps.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::clock;
use crate::models::{ModelsDir, manifest};
use crate::provider::Room;

mod cache;
mod detector;
mod engines;
mod error;
pub mod espeak;
mod lane;
mod load;
mod mel;
mod moonshine;
mod pieces;
mod piper;
mod pool;
mod queue;
pub mod recording;
mod runtime;
mod saying;
mod silero;
mod smart_turn;
pub mod spoken;
mod stages;
mod tokens;
mod transcribe;
mod voice;
mod waits;

pub use error::SpeechError;
pub use espeak::Espeak;
pub use lane::LaneStats;

pub use queue::Kind;
pub use saying::{Spoken, VoiceSettings};
pub use silero::{VadState, WINDOW_SAMPLES};
pub use transcribe::Segment;
pub use voice::LINE_RATE;

use cache::SpokenCache;
use detector::Detector;
use engines::Engines;
use pool::Pool;
use runtime::Runtime;
use saying::Sayings;
use silero::Silero;
use waits::Waits;

/// The longest sound that is heard at once, in samples: two minutes.
pub const HEAR_SAMPLES_MAX: usize = 120 * LINE_RATE;
/// What counts for the end of a turn, in samples: eight seconds.
pub const TURN_SAMPLES_MAX: usize = 8 * LINE_RATE;
/// The most windows in one request for voice activity: ten seconds.
pub const ACTIVITY_WINDOWS_MAX: usize = 320;
const HEAVY_KINDS: [Kind; 4] = [Kind::Final, Kind::TurnScore, Kind::Voice, Kind::Partial];
const HEAVY_WAITING_MAX_PER_WORKER: usize = 32;
const LIGHT_WAITING_MAX: usize = 4_096;
/// What does not expire is still waited for this long after its deadline.
const PATIENCE: Duration = Duration::from_secs(20);

/// How the workers are set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpeechSettings {
    /// Heavy workers; none means one less than the machine's cores, at least one.
    pub workers: Option<usize>,
    /// Final transcripts by Moonshine base, which must have been fetched: fewer errors, about nine times the time.
    pub better_ears: bool,
    /// Another Piper voice, its `.onnx` with the `.onnx.json` beside it; none means the fetched one.
    pub voice: Option<PathBuf>,
    /// Another build of the ONNX runtime's library; none means the fetched one.
    pub runtime_library: Option<PathBuf>,
    /// Bytes of spoken sentences that are kept to be said again.
    pub cache_bytes_max: usize,
}

impl Default for SpeechSettings {
    fn default() -> Self {
        SpeechSettings {
            workers: None,
            better_ears: false,
            voice: None,
            runtime_library: None,
            cache_bytes_max: 64 * 1024 * 1024,
        }
    }
}

/// Which transcript is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hear {
    /// Of an utterance that goes on; given up when there is more urgent work.
    Partial,
    /// Of a whole utterance; always made.
    Final,
}

/// What was heard. Its `Debug` shows no words.
#[derive(Clone, PartialEq)]
pub struct Transcript {
    /// The words; empty when there was no speech.
    pub text: String,
    /// Mean probability of the tokens, 0 to 1; 0 when there was no speech.
    pub confidence: f32,
    /// Tokens the text was made of.
    pub tokens: usize,
    /// Milliseconds of sound.
    pub audio_ms: usize,
}

impl std::fmt::Debug for Transcript {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transcript")
            .field("text", &"[redacted]")
            .field("confidence", &self.confidence)
            .field("tokens", &self.tokens)
            .field("audio_ms", &self.audio_ms)
            .finish()
    }
}

/// What the workers have done and have before them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpeechStats {
    /// Transcripts, turn scores and speech.
    pub heavy: LaneStats,
    /// Voice activity.
    pub light: LaneStats,
    /// Spoken sentences that are kept.
    pub cache_entries: usize,
    /// Their bytes, pinned ones not counted.
    pub cache_bytes: usize,
}

/// Room for one call. Dropped when the call ends.
pub struct Admission {
    inner: Arc<Inner>,
    room: Room,
}

impl Drop for Admission {
    fn drop(&mut self) {
        let now = clock::now();
        if self.room == Room::Whole {
            self.inner.heavy.lane.release(now);
        }
        self.inner.light.lane.release(now);
    }
}

impl std::fmt::Debug for Admission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Admission")
    }
}

/// The handle of the recogniser and the voice. Clones share the workers, which end with the last of them.
#[derive(Clone)]
pub struct Speech {
    inner: Arc<Inner>,
}

struct Inner {
    heavy: Arc<Pool<Engines>>,
    light: Detector,
    sayings: Arc<Sayings>,
    waits: Arc<Waits>,
}

impl Speech {
    /// Loads every model once for each worker and runs it once. Blocks for a few seconds: not for an executor's thread.
    pub fn load(models: &ModelsDir, settings: &SpeechSettings) -> Result<Self, SpeechError> {
        let or_fetched = |chosen: &Option<PathBuf>, fetched: &str| {
            let fetched = || models.path(fetched);
            chosen.clone().unwrap_or_else(fetched)
        };
        let library = or_fetched(&settings.runtime_library, manifest::ONNX_RUNTIME_PATH);
        let voice = or_fetched(&settings.voice, manifest::PIPER_PATH);
        let runtime = Runtime::load(&library)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = settings.workers.unwrap_or(cores.saturating_sub(1)).max(1);
        let engines = load_engines(&runtime, models, &voice, settings.better_ears, workers)?;
        let silero = Silero::load(&runtime, &models.path(manifest::SILERO_PATH))?;
        let capacity = workers * HEAVY_WAITING_MAX_PER_WORKER;
        let espeak = Espeak::new(
            &models.path(manifest::ESPEAK_LIBRARY_PATH),
            &models.path(manifest::ESPEAK_DATA_FOLDER),
        )?;
        let heavy = Pool::start("speech", engines, &HEAVY_KINDS, capacity)?;
        let heavy = Arc::new(heavy);
        let cache = SpokenCache::new(settings.cache_bytes_max);
        let phoneme_voice = piper::phoneme_voice(&voice)?;
        let sayings = Sayings::new(Arc::clone(&heavy), espeak, phoneme_voice, cache);
        let inner = Inner {
            heavy,
            light: Detector::start(silero, LIGHT_WAITING_MAX)?,
            sayings: Arc::new(sayings),
            waits: Arc::default(),
        };
        Ok(Speech {
            inner: Arc::new(inner),
        })
    }

    /// The words in `audio`, 16-bit at 8 kHz, at most [`HEAR_SAMPLES_MAX`]. `deadline` is when they are wanted: a partial
    /// is given up then ([`SpeechError::Late`]), a final is still made. Dropping the future takes the request back.
    pub async fn hear(
        &self,
        audio: Vec<i16>,
        kind: Hear,
        deadline: Duration,
    ) -> Result<Transcript, SpeechError> {
        check_length("sound in samples", audio.len(), HEAR_SAMPLES_MAX)?;
        let audio_ms = audio.len() * 1_000 / LINE_RATE;
        let best = kind == Hear::Final;
        let kind = match kind {
            Hear::Partial => Kind::Partial,
            Hear::Final => Kind::Final,
        };
        let audio = Arc::new(audio);
        let mut texts = Vec::new();
        let (mut tokens, mut certain) = (0, 0.0);
        for piece in pieces::pieces(&audio) {
            let audio = Arc::clone(&audio);
            let (waits, asked) = (Arc::clone(&self.inner.waits), clock::now());
            let run = move |engines: &mut Engines| {
                if best {
                    waits.note(clock::now() - asked);
                }
                engines.hear(audio.get(piece).unwrap_or_default(), best)
            };
            let answer = self
                .inner
                .heavy
                .submit((kind, 1), clock::now() + deadline, run)?;
            let heard = answered(answer, kind, deadline).await?;
            if !heard.text.is_empty() {
                certain += heard.confidence * heard.tokens as f32;
                tokens += heard.tokens;
                texts.push(heard.text);
            }
        }
        Ok(Transcript {
            text: texts.join(" "),
            confidence: certain / tokens.max(1) as f32,
            tokens,
            audio_ms,
        })
    }

    /// How likely it is, 0 to 1, that the speaker is done. Of `audio`, 16-bit at 8 kHz, the last eight seconds count;
    /// it should end with the first silence after the words. Too late is [`SpeechError::Late`].
    pub async fn turn_complete(
        &self,
        mut audio: Vec<i16>,
        deadline: Duration,
    ) -> Result<f32, SpeechError> {
        check_length("sound in samples", audio.len(), HEAR_SAMPLES_MAX)?;
        audio.drain(..audio.len().saturating_sub(TURN_SAMPLES_MAX));
        let (waits, asked) = (Arc::clone(&self.inner.waits), clock::now());
        let run = move |engines: &mut Engines| {
            waits.note(clock::now() - asked);
            engines.turn_complete(&audio)
        };
        let answer = self
            .inner
            .heavy
            .submit((Kind::TurnScore, 1), clock::now() + deadline, run)?;
        let answer = answered(answer, Kind::TurnScore, deadline).await;
        if let Err(SpeechError::Late) = answer {
            self.inner.waits.note(clock::now() - asked);
        }
        answer
    }

    /// How likely each window of [`WINDOW_SAMPLES`] samples at 8 kHz is to hold a voice, and the state to go on with. A
    /// call begins with `VadState::default()`. A rest shorter than a window is ignored. Until it is wanted, the question
    /// may wait for others that are answered with it.
    pub async fn voice_activity(
        &self,
        state: VadState,
        windows: Vec<i16>,
        wanted_in: Duration,
    ) -> Result<(VadState, Vec<f32>), SpeechError> {
        let count = windows.len() / WINDOW_SAMPLES;
        check_length("sound in windows", count, ACTIVITY_WINDOWS_MAX)?;
        let answer = self.inner.light.ask(state, windows, wanted_in)?;
        let wanted = clock::now() + wanted_in;
        let answer = answered(answer, Kind::Activity, wanted_in).await;
        let late = clock::now().saturating_duration_since(wanted);
        self.inner.waits.note(late);
        answer
    }

    /// The text, at most [`spoken::TEXT_CHARS_MAX`] characters, as the voice says it. Markdown, emoji and tags are left
    /// out. What was said before comes from the cache, and what is being made for someone else is waited for. Best given
    /// a sentence at a time: nothing is returned before all of it is made.
    pub async fn say(
        &self,
        text: &str,
        voice: &VoiceSettings,
        deadline: Duration,
    ) -> Result<Spoken, SpeechError> {
        self.inner.sayings.say(text, voice, deadline).await
    }

    /// Makes the text now and keeps it for good: openings, apologies, what every caller hears.
    pub async fn pin(
        &self,
        text: &str,
        voice: &VoiceSettings,
        deadline: Duration,
    ) -> Result<(), SpeechError> {
        self.inner.sayings.pin(text, voice, deadline).await
    }

    /// Room for one call more, or [`SpeechError::Busy`] when the workers could not serve it in time.
    pub fn admit(&self, room: Room) -> Result<Admission, SpeechError> {
        let now = clock::now();
        self.inner.light.lane.admit(now)?;
        if room == Room::Whole
            && let Err(busy) = self.inner.heavy.lane.admit(now)
        {
            self.inner.light.lane.release(now);
            return Err(busy);
        }
        Ok(Admission {
            inner: Arc::clone(&self.inner),
            room,
        })
    }

    /// The longest that a transcript or a turn's score has waited for its turn since this was asked last, or that voice
    /// detection was late, ms.
    #[must_use]
    pub fn waited_ms(&self) -> f64 {
        self.inner.waits.take_ms()
    }

    /// eSpeak NG's process, which also has plain voices of its own.
    #[must_use]
    pub fn espeak(&self) -> &Espeak {
        self.inner.sayings.espeak()
    }

    /// What the workers have done and have before them.
    #[must_use]
    pub fn stats(&self) -> SpeechStats {
        let (cache_entries, cache_bytes) = self.inner.sayings.kept();
        SpeechStats {
            heavy: self.inner.heavy.lane.stats(),
            light: self.inner.light.lane.stats(),
            cache_entries,
            cache_bytes,
        }
    }
}

fn load_engines(
    runtime: &Runtime,
    models: &ModelsDir,
    voice: &Path,
    better_ears: bool,
    workers: usize,
) -> Result<Vec<Engines>, SpeechError> {
    let load = || {
        let mut engines = Engines::load(runtime, models, voice, better_ears)?;
        engines.warm_up()?;
        Ok(engines)
    };
    std::thread::scope(|scope| {
        let loading: Vec<_> = (0..workers).map(|_| scope.spawn(load)).collect();
        let joined = loading.into_iter().map(|thread| {
            thread.join().unwrap_or_else(|_| {
                Err(SpeechError::inference(
                    "a speech worker",
                    "it panicked while loading",
                ))
            })
        });
        joined.collect()
    })
}

async fn answered<T>(
    answer: oneshot::Receiver<Result<T, SpeechError>>,
    kind: Kind,
    deadline: Duration,
) -> Result<T, SpeechError> {
    let patience = if kind.expires() {
        Duration::ZERO
    } else {
        PATIENCE
    };
    match tokio::time::timeout(deadline + patience, answer).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(SpeechError::Stopped),
        Err(_) => Err(SpeechError::Late),
    }
}

fn check_length(what: &'static str, found: usize, limit: usize) -> Result<(), SpeechError> {
    if found > limit {
        return Err(SpeechError::TooLong { what, found, limit });
    }
    Ok(())
}
