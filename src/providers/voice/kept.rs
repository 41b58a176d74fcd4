//! Sentences that were made ahead: greetings, notices and whatever else an agent says word for word.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use trunkline_core::times::SpokenWord;

/// Most audio that is kept: half an hour's.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// Sentences of every voice of the server, by voice, pace and text. The oldest go when there is no room; one that is
/// missing is made when it is to be said. Cheap to clone.
#[derive(Clone, Default)]
pub struct Kept(Arc<Mutex<Sentences>>);

/// A sentence that was made.
#[derive(Clone)]
pub(super) struct Made {
    pub(super) audio: Arc<[u8]>,
    /// When its words are said, if the voice told that.
    pub(super) words: Arc<[SpokenWord]>,
}

impl Made {
    fn bytes(&self) -> usize {
        let words = self.words.iter().map(|word| word.text.len() + 32);
        self.audio.len() + words.sum::<usize>()
    }
}

type Key = (Arc<str>, u32, Arc<str>);

#[derive(Default)]
struct Sentences {
    made: HashMap<Key, Made>,
    /// The oldest first.
    order: VecDeque<Key>,
    bytes: usize,
}

impl Kept {
    pub(super) fn find(&self, voice: &Arc<str>, speed: f32, text: &Arc<str>) -> Option<Made> {
        let key = (Arc::clone(voice), pace(speed), Arc::clone(text));
        let sentences = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sentences.made.get(&key).cloned()
    }

    pub(super) fn put(&self, voice: &Arc<str>, speed: f32, text: &Arc<str>, made: Made) {
        let size = made.bytes() + text.len();
        if size > BYTES_MAX {
            return;
        }
        let key = (Arc::clone(voice), pace(speed), Arc::clone(text));
        let mut sentences = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sentences.made.insert(key.clone(), made).is_some() {
            return;
        }
        sentences.order.push_back(key);
        sentences.bytes += size;
        while sentences.bytes > BYTES_MAX
            && let Some(oldest) = sentences.order.pop_front()
        {
            if let Some(made) = sentences.made.remove(&oldest) {
                sentences.bytes -= made.bytes() + oldest.2.len();
            }
        }
    }
}

/// Paces that nobody can tell apart are one.
pub(super) fn pace(speed: f32) -> u32 {
    (speed.clamp(0.0, 100.0) * 100.0).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(audio: &[u8]) -> Made {
        Made {
            audio: audio.into(),
            words: Arc::new([]),
        }
    }

    #[test]
    fn a_sentence_is_found_under_its_voice_pace_and_text() {
        let kept = Kept::default();
        let name = |text: &str| Arc::<str>::from(text);
        kept.put(&name("a"), 1.0, &name("Hello."), made(&[1, 2]));
        for (voice, speed, text, found) in [
            ("a", 1.0, "Hello.", true),
            ("a", 1.001, "Hello.", true),
            ("a", 1.1, "Hello.", false),
            ("b", 1.0, "Hello.", false),
            ("a", 1.0, "Hello", false),
        ] {
            let audio = kept.find(&name(voice), speed, &name(text));
            assert_eq!(audio.is_some(), found, "{voice} {speed} {text}");
        }
    }

    #[test]
    fn the_oldest_goes_when_there_is_no_room() {
        let kept = Kept::default();
        let voice = Arc::<str>::from("a");
        let text = |n: usize| Arc::<str>::from(n.to_string());
        for n in 0..40 {
            kept.put(&voice, 1.0, &text(n), made(&vec![0; 1024 * 1024]));
        }
        assert!(kept.find(&voice, 1.0, &text(24)).is_none());
        assert!(kept.find(&voice, 1.0, &text(25)).is_some());
        let sentences = kept.0.lock().unwrap();
        assert_eq!(sentences.made.len(), sentences.order.len());
        assert!(sentences.bytes <= BYTES_MAX);
        drop(sentences);
        kept.put(&voice, 1.0, &text(99), made(&vec![0; BYTES_MAX + 1]));
        assert!(kept.find(&voice, 1.0, &text(99)).is_none());
    }
}
