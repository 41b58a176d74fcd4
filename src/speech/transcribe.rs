//! A whole recording: found where there is voice, heard piece by piece.

use std::ops::Range;
use std::time::Duration;

use super::pieces::pieces;
use super::{ACTIVITY_WINDOWS_MAX, Hear, LINE_RATE, Speech, SpeechError, VadState, WINDOW_SAMPLES};

/// Calls come first.
const WANTED_IN: Duration = Duration::from_millis(100);

const VOICE_BEGINS: f32 = 0.5;
const VOICE_ENDS: f32 = 0.35;
/// A pause this long ends a stretch of voice: 512 ms.
const PAUSE_WINDOWS: usize = 16;
/// A stretch shorter than this is a click: 96 ms.
const VOICE_WINDOWS_MIN: usize = 3;
/// What is kept before and after a stretch: 192 ms.
const AROUND_WINDOWS: usize = 6;
/// Nobody waits for a recording.
const DEADLINE: Duration = Duration::from_secs(300);

/// A stretch of speech.
#[derive(Clone, PartialEq)]
pub struct Segment {
    /// Where it begins, in milliseconds from the start of the recording.
    pub start_ms: usize,
    /// Where it ends.
    pub end_ms: usize,
    /// The words.
    pub text: String,
    /// Mean probability of the tokens, 0 to 1.
    pub confidence: f32,
}

impl std::fmt::Debug for Segment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Segment")
            .field("start_ms", &self.start_ms)
            .field("end_ms", &self.end_ms)
            .field("text", &"[redacted]")
            .field("confidence", &self.confidence)
            .finish()
    }
}

impl Speech {
    /// The words of a recording of any length, 16-bit at 8 kHz, with their times. Read a file by
    /// [`super::recording::read_wav`].
    pub async fn transcribe(&self, audio: &[i16]) -> Result<Vec<Segment>, SpeechError> {
        let mut probabilities = Vec::with_capacity(audio.len() / WINDOW_SAMPLES);
        let mut state = VadState::default();
        for part in audio.chunks(ACTIVITY_WINDOWS_MAX * WINDOW_SAMPLES) {
            let (next, of_part) = self.voice_activity(state, part.to_vec(), WANTED_IN).await?;
            state = next;
            probabilities.extend(of_part);
        }
        let mut segments = Vec::new();
        for stretch in stretches(&probabilities, audio.len()) {
            let sound = audio.get(stretch.clone()).unwrap_or_default();
            for piece in pieces(sound) {
                let of_piece = sound.get(piece.clone()).unwrap_or_default().to_vec();
                let heard = self.hear(of_piece, Hear::Final, DEADLINE).await?;
                if heard.text.is_empty() {
                    continue;
                }
                let ms = |samples: usize| (stretch.start + samples) * 1_000 / LINE_RATE;
                segments.push(Segment {
                    start_ms: ms(piece.start),
                    end_ms: ms(piece.end),
                    text: heard.text,
                    confidence: heard.confidence,
                });
            }
        }
        Ok(segments)
    }
}

/// Where there is voice, in samples, with a little around it, in order and apart.
fn stretches(probabilities: &[f32], samples: usize) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut voice: Option<Range<usize>> = None;
    let mut close = |voice: &mut Option<Range<usize>>| {
        if let Some(range) = voice
            .take()
            .filter(|range| range.len() >= VOICE_WINDOWS_MIN)
        {
            let start = range.start.saturating_sub(AROUND_WINDOWS) * WINDOW_SAMPLES;
            let end = ((range.end + AROUND_WINDOWS) * WINDOW_SAMPLES).min(samples);
            let start = found.last().map_or(start, |before| start.max(before.end));
            found.push(start..end);
        }
    };
    for (index, probability) in probabilities.iter().enumerate() {
        match voice.as_mut() {
            None if *probability >= VOICE_BEGINS => voice = Some(index..index + 1),
            None => {}
            Some(range) if *probability >= VOICE_ENDS => range.end = index + 1,
            Some(range) if index - range.end >= PAUSE_WINDOWS => close(&mut voice),
            Some(_) => {}
        }
    }
    close(&mut voice);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(parts: &[(f32, usize)]) -> Vec<f32> {
        parts
            .iter()
            .flat_map(|(probability, count)| std::iter::repeat_n(*probability, *count))
            .collect()
    }

    #[test]
    fn voice_is_found_with_a_little_around_it() {
        let w = WINDOW_SAMPLES;
        for (parts, expected) in [
            (vec![(0.0, 100)], vec![]),
            (vec![(0.0, 10), (0.9, 20), (0.0, 70)], vec![(4, 36)]),
            (vec![(0.9, 20)], vec![(0, 20)]),
            // A click, a dip that does not end it, a pause that does.
            (vec![(0.0, 10), (0.9, 2), (0.0, 50)], vec![]),
            (vec![(0.9, 10), (0.4, 30), (0.9, 10)], vec![(0, 50)]),
            (
                vec![(0.9, 10), (0.1, 18), (0.9, 10), (0.1, 30)],
                vec![(0, 16), (22, 44)],
            ),
        ] {
            let windows = windows(&parts);
            let found: Vec<_> = stretches(&windows, windows.len() * w)
                .iter()
                .map(|range| (range.start / w, range.end / w))
                .collect();
            assert_eq!(found, expected, "{parts:?}");
        }
    }

    #[test]
    fn stretches_never_overlap() {
        let windows = windows(&[(0.9, 10), (0.0, 17), (0.9, 10), (0.0, 17), (0.9, 5)]);
        let found = stretches(&windows, windows.len() * WINDOW_SAMPLES);
        assert_eq!(found.len(), 3);
        assert!(found.windows(2).all(|pair| pair[0].end <= pair[1].start));
    }
}
