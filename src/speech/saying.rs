//! Texts made into sound, and each only once: what was said before is kept, and what is being made for somebody is waited
//! for by everybody else who wants it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};

use super::cache::{Key, SpokenCache};
use super::engines::Engines;
use super::pool::Pool;
use super::queue::Kind;
use super::{Espeak, PATIENCE, SpeechError, answered, check_length, spoken};
use crate::clock;

const SENTENCE_PAUSE_MS: usize = 180;
/// Each sentence of a text is needed about this long after the one before.
const SENTENCE_SPACING: Duration = Duration::from_secs(1);

/// How the voice speaks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VoiceSettings {
    /// 1 is the voice's own pace, 2 twice as fast; 0.5 to 2.
    pub speed: f32,
}

impl Default for VoiceSettings {
    fn default() -> Self {
        VoiceSettings { speed: 1.0 }
    }
}

/// What is to be played.
#[derive(Debug, Clone, PartialEq)]
pub struct Spoken {
    /// Mu-law, 8 kHz, mono.
    pub audio: Arc<[u8]>,
    /// Whether it was made before.
    pub from_cache: bool,
}

type Saying = BoxFuture<'static, Result<Arc<[u8]>, SpeechError>>;

/// What has been said and what is being said.
pub(super) struct Sayings {
    workers: Arc<Pool<Engines>>,
    espeak: Espeak,
    phoneme_voice: String,
    cache: Mutex<SpokenCache>,
    under_way: Mutex<HashMap<Key, WeakShared<Saying>>>,
}

impl Sayings {
    pub(super) fn new(
        workers: Arc<Pool<Engines>>,
        espeak: Espeak,
        phoneme_voice: String,
        cache: SpokenCache,
    ) -> Self {
        Self {
            workers,
            espeak,
            phoneme_voice,
            cache: Mutex::new(cache),
            under_way: Mutex::default(),
        }
    }

    pub(super) fn espeak(&self) -> &Espeak {
        &self.espeak
    }

    /// Texts that are kept, and their bytes without those of the pinned.
    pub(super) fn kept(&self) -> (usize, usize) {
        let cache = lock(&self.cache);
        (cache.len(), cache.bytes())
    }

    pub(super) async fn say(
        self: &Arc<Self>,
        text: &str,
        voice: &VoiceSettings,
        deadline: Duration,
    ) -> Result<Spoken, SpeechError> {
        let key = key(text, voice)?;
        if let Some(audio) = lock(&self.cache).find(&key) {
            return Ok(Spoken {
                audio,
                from_cache: true,
            });
        }
        let saying = self.join_or_begin(&key, voice.speed, deadline);
        let made = tokio::time::timeout(deadline + PATIENCE, saying).await;
        let audio = made.unwrap_or(Err(SpeechError::Late))?;
        Ok(Spoken {
            audio,
            from_cache: false,
        })
    }

    pub(super) async fn pin(
        self: &Arc<Self>,
        text: &str,
        voice: &VoiceSettings,
        deadline: Duration,
    ) -> Result<(), SpeechError> {
        self.say(text, voice, deadline).await?;
        let pinned = lock(&self.cache).pin(&key(text, voice)?);
        if pinned {
            Ok(())
        } else {
            Err(SpeechError::Busy)
        }
    }

    /// The future that makes the text, shared by everyone who wants it now. It ends when nobody does any more.
    fn join_or_begin(
        self: &Arc<Self>,
        key: &Key,
        speed: f32,
        deadline: Duration,
    ) -> Shared<Saying> {
        let mut saying = lock(&self.under_way);
        if let Some(shared) = saying.get(key).and_then(WeakShared::upgrade) {
            return shared;
        }
        saying.retain(|_, weak| weak.upgrade().is_some());
        let of_all = Arc::clone(self);
        let of_future = key.clone();
        let future: Saying = Box::pin(async move {
            let audio = of_all.make(&of_future.text, speed, deadline).await?;
            lock(&of_all.cache).keep(of_future, Arc::clone(&audio));
            Ok(audio)
        });
        let shared = future.shared();
        if let Some(weak) = shared.downgrade() {
            saying.insert(key.clone(), weak);
        }
        shared
    }

    /// Sentence by sentence, so that more urgent work can come between.
    async fn make(
        &self,
        text: &str,
        speed: f32,
        deadline: Duration,
    ) -> Result<Arc<[u8]>, SpeechError> {
        let sentences = spoken::sentences(text);
        let last = sentences.len().saturating_sub(1);
        let mut answers = Vec::new();
        let mut wanted = deadline;
        for (number, sentence) in sentences.into_iter().enumerate() {
            let phonemes = self.phonemes(&sentence, deadline + PATIENCE).await?;
            let pause_ms = if number < last { SENTENCE_PAUSE_MS } else { 0 };
            let run = move |engines: &mut Engines| engines.say(&phonemes, speed, pause_ms);
            answers.push(
                self.workers
                    .submit((Kind::Voice, 1), clock::now() + wanted, run)?,
            );
            wanted += SENTENCE_SPACING;
        }
        let mut audio = Vec::new();
        for answer in answers {
            audio.extend(answered(answer, Kind::Voice, wanted).await?);
        }
        if audio.is_empty() {
            return Err(SpeechError::NothingToSay);
        }
        Ok(audio.into())
    }

    /// Of a sentence: of each clause, and the mark that ends it, which the voice was trained to hear.
    async fn phonemes(
        &self,
        sentence: &[spoken::Clause],
        deadline: Duration,
    ) -> Result<String, SpeechError> {
        let mut phonemes = String::new();
        for clause in sentence {
            if !phonemes.is_empty() {
                phonemes.push(' ');
            }
            let of_clause = self
                .espeak
                .phonemes(&clause.text, &self.phoneme_voice, deadline)
                .await?;
            phonemes.push_str(&of_clause);
            phonemes.push(clause.end);
        }
        Ok(phonemes)
    }
}

fn key(text: &str, voice: &VoiceSettings) -> Result<Key, SpeechError> {
    check_length(
        "a text in characters",
        text.chars().count(),
        spoken::TEXT_CHARS_MAX,
    )?;
    let text = spoken::spoken(text);
    if !text.chars().any(char::is_alphanumeric) {
        return Err(SpeechError::NothingToSay);
    }
    let speed = if voice.speed.is_finite() {
        voice.speed
    } else {
        1.0
    };
    Ok(Key {
        speed: (speed.clamp(0.5, 2.0) * 1_000.0).round() as u32,
        text,
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
