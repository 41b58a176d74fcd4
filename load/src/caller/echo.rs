//! A line that returns what is played on it: later, more quietly, mixed with the caller's own sound where the caller is.

use crate::clock::{Micros, ms};
use crate::speech::Frame;
use std::collections::VecDeque;
use trunkline_media::FRAME;
use trunkline_media::g711::{mulaw_decode, mulaw_encode};

const SAMPLE_US: u64 = 125;
const FRAME_LASTS: Micros = ms(20);

/// The echo of one line.
pub(super) struct Echo {
    delay: Micros,
    gain: f64,
    /// What is played, from when on.
    played: VecDeque<(Micros, Vec<i16>)>,
    /// When the call's first frame was due: a line's clock is even, however late a frame is sent.
    began: Option<Micros>,
    frame: Frame,
}

impl Echo {
    /// One that comes so much later and is so much quieter.
    pub(super) fn new(delay: Micros, attenuation_db: f64) -> Self {
        Self {
            delay,
            gain: 10f64.powf(-attenuation_db / 20.0),
            played: VecDeque::new(),
            began: None,
            frame: [0; FRAME],
        }
    }

    /// This is played from `begin` on.
    pub(super) fn plays(&mut self, begin: Micros, mulaw: &[u8]) {
        let samples = mulaw.iter().map(|&code| mulaw_decode(code)).collect();
        self.played.push_back((begin, samples));
    }

    /// What was to be played after `now` is not.
    pub(super) fn cleared(&mut self, now: Micros) {
        self.played.retain_mut(|(begin, samples)| {
            let kept = now.saturating_sub(*begin) / SAMPLE_US;
            samples.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
            !samples.is_empty()
        });
    }

    /// The last 20 ms at the caller's: their own sound, and what the line returns. `at` counts the call's frames.
    pub(super) fn mixed(&mut self, now: Micros, at: u64, own: &Frame) -> &Frame {
        self.frame = *own;
        let since = at * FRAME_LASTS;
        let now = *self.began.get_or_insert(now.saturating_sub(since)) + since;
        let back = FRAME_LASTS + self.delay;
        let ends = |(begin, samples): &(Micros, Vec<i16>)| begin + samples.len() as u64 * SAMPLE_US;
        while self
            .played
            .front()
            .is_some_and(|part| ends(part) + back <= now)
        {
            self.played.pop_front();
        }
        for (at, code) in self.frame.iter_mut().enumerate() {
            let Some(moment) = (now + at as u64 * SAMPLE_US).checked_sub(back) else {
                continue;
            };
            let played = self.played.iter().find(|part| moment < ends(part));
            let sample = played.and_then(|(begin, samples)| {
                samples.get(usize::try_from(moment.checked_sub(*begin)? / SAMPLE_US).ok()?)
            });
            if let Some(&sample) = sample {
                let sum = f64::from(mulaw_decode(*code)) + f64::from(sample) * self.gain;
                *code = mulaw_encode(sum as i16);
            }
        }
        &self.frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trunkline_media::g711::MULAW_SILENCE;

    /// The samples of `frames` frames from 20 ms before the call's beginning, sent up to a millisecond late.
    fn returned(echo: &mut Echo, frames: u64) -> Vec<i16> {
        let quiet = [MULAW_SILENCE; FRAME];
        assert_eq!(echo.began, None);
        (0..frames)
            .flat_map(|at| *echo.mixed(at * FRAME_LASTS + at % 3 * 500, at, &quiet))
            .map(mulaw_decode)
            .collect()
    }

    #[test]
    fn what_is_played_returns_later_and_a_tenth_as_loud() {
        let mut echo = Echo::new(ms(150), 20.0);
        echo.plays(ms(10), &[mulaw_encode(8_000); 80]);
        echo.plays(ms(40), &[mulaw_encode(-8_000); 80]);
        let heard = returned(&mut echo, 21);
        let at_ms = |ms: usize| heard[(ms + 20) * 8];
        for (range, sample) in [(160..170, 800), (190..200, -800)] {
            for ms in range {
                assert!((at_ms(ms) - sample).abs() < 40, "{ms}: {}", at_ms(ms));
            }
        }
        for ms in (0..160).chain(170..190).chain(200..400) {
            assert_eq!(at_ms(ms), 0, "{ms}");
        }
    }

    #[test]
    fn what_was_taken_back_does_not_return() {
        let mut echo = Echo::new(ms(150), 6.0);
        echo.plays(0, &[mulaw_encode(8_000); 800]);
        echo.plays(ms(100), &[mulaw_encode(8_000); 800]);
        echo.cleared(ms(30));
        let heard = returned(&mut echo, 30);
        assert!(heard[170 * 8..200 * 8].iter().all(|s| *s > 3_000));
        assert!(heard[200 * 8..].iter().all(|s| *s == 0));
    }

    #[test]
    fn the_callers_own_sound_stays() {
        let mut echo = Echo::new(ms(150), 20.0);
        let own = [mulaw_encode(500); FRAME];
        assert_eq!(echo.mixed(ms(500), 25, &own), &own);
    }
}
