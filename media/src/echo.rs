//! Our own voice, coming back on the caller's line.
//!
//! A telephone's line may return what is played to it, some time later and more quietly. It sounds like speech, because it
//! is: only that we are saying it. What comes in is therefore compared with what went out, at every delay that a line may
//! have. Loudness says nothing, and differs by any factor; so only signs are compared, those of the change from sample to
//! sample, 64 at a time. Noise, another voice, and a caller who speaks over an echo agree with us as often as a coin would.
//!
//! Nothing is allocated, and nothing is compared while we are silent or the line is.

use crate::{FRAME, SAMPLES_PER_MS, g711};

/// The longest time from sending audio to its echo, ms: the way out, the echo's own delay, and the way back.
pub const LAG_MS_MAX: u64 = 900;

/// Frames that one look compares, and that it is about.
pub const LOOK_FRAMES: u32 = 5;

/// Samples of a look.
const LOOK: usize = 12 * WORD;
const LOOK_WORDS: usize = LOOK / WORD;
const WORD: usize = 64;

/// Signs of what was sent: the last two seconds, or yet to be played.
const SENT_WORDS: usize = 256;
const SENT: u64 = (SENT_WORDS * WORD) as u64;

/// Sound shorter than this is not compared, in words of samples: too little agrees with anything. No fewer than
/// [`PROBE_WORDS`].
const WORDS_MIN: usize = 5;

/// Parts of a look that are this much quieter than its loudest, in energy, are not compared: noise is as loud there.
const QUIET: i64 = 50;

/// A look whose loudest part has less energy holds no sound: 64 samples of amplitude 10.
const ENERGY_MIN: i64 = 64 * 10 * 10;

/// How many more signs must agree than disagree, in parts of 1,000, for one look to be sure …
const AGREE_SURE: u32 = 480;
/// … and for two that find the same delay.
const AGREE_TWICE: u32 = 330;
/// The same at the delay of an echo that is known, for it to be there still.
const AGREE_STILL: u32 = 180;

/// Most delays are out of the question after so many loud words …
const PROBE_WORDS: usize = 3;
/// … at which so many more signs agree than disagree, or the other way round: by chance one delay in 250 does, and at the
/// delay of an echo all but a few looks do.
const PROBE_MIN: u32 = 40;

/// The first of those words may disagree by this much, or the other two need not be looked at: half of all delays go here,
/// and of those of an echo one in fifty.
const PROBE_FIRST_MIN: u32 = 6;

/// Sound that was compared for so many frames and is not ours is somebody else's, and from then on …
const SOMEBODY_FRAMES: u32 = 15;
/// … looks need not overlap.
const SOMEBODY_EVERY: u32 = LOOK_FRAMES;

/// Delays that differ by less are the same, in samples.
const SAME: u64 = 4;
/// Looks that found a delay and are not sure; two of them at least a look and at most two seconds apart make one that is.
const LIKELY_MAX: usize = 8;
const LIKELY: std::ops::RangeInclusive<u64> = LOOK as u64 + FRAME as u64..=2_000 * SAMPLES_PER_MS;

/// Once the delay is known, sound with up to this many times the energy of the echo that is due is that echo. A caller who
/// speaks over it is louder than our echo, or will be a moment later.
const LOUDER_MAX: f32 = 2.5;
/// Words that hold a frame.
const DUE_WORDS: u64 = 3;
/// How fast the loudness of an echo is learnt.
const LEARN: f32 = 0.15;
/// An echo has at most this part of the energy that was sent: what is louder is a caller who sounds like us.
const GAIN_MAX: f32 = 0.4;
/// How fast its loudest frame is forgotten.
const FADES: f32 = 0.98;
/// What has this part of the energy of that frame is looked at, though the gate holds it to be the line's noise.
const ALIKE: f32 = 0.25;
/// Sound that may be the echo by its loudness, and does not agree with it for so many frames, is none.
const DOUBTED_MAX: u32 = 12;
/// An echo that is due is missing if the line holds less than this part of it …
const MISSING: f32 = 1.0 / 16.0;
/// … and one that was missing for so many frames has never been one.
const MISSED_MAX: u32 = 20;

/// What was sent of late, and what has come in.
#[derive(Debug, Clone)]
pub struct EchoDetector {
    sent: [u64; SENT_WORDS],
    last_sent: i16,
    /// Where on the clock what was sent ends, in samples.
    sent_to: u64,
    /// The energy of each word of it.
    energies: [f32; SENT_WORDS],
    heard: [i16; LOOK],
    echo: Option<Echo>,
    /// When a look found a delay, and which, the newest last.
    likely: [(u64, u64); LIKELY_MAX],
    /// Frames of sound, less those without, in which nothing of ours was found.
    strange: u32,
}

/// What is known of the line's echo.
#[derive(Debug, Clone, Copy)]
struct Echo {
    /// Its delay, in samples.
    lag: u64,
    /// Its energy, in parts of what was sent.
    gain: f32,
    /// The energy of its loudest frame of late.
    heard: f32,
    /// Frames since it last agreed with what was sent.
    doubted: u32,
    /// Frames in which it was due and the line was silent, since then.
    missed: u32,
}

impl Default for EchoDetector {
    fn default() -> Self {
        Self {
            sent: [0; SENT_WORDS],
            last_sent: 0,
            sent_to: 0,
            energies: [0.0; SENT_WORDS],
            heard: [0; LOOK],
            echo: None,
            likely: [(0, u64::MAX); LIKELY_MAX],
            strange: 0,
        }
    }
}

impl EchoDetector {
    /// Mu-law audio went out at `at`, in samples of the clock, to be played behind what went out before.
    pub fn sent(&mut self, at: u64, mulaw: &[u8]) {
        if self.sent_to < at {
            self.silence(at);
        }
        let mut rest = mulaw;
        while !rest.is_empty() {
            let room = WORD - (self.sent_to % WORD as u64) as usize;
            let (part, after) = rest.split_at(room.min(rest.len()));
            let (mut signs, mut energy) = (0_u64, 0_i64);
            for (bit, byte) in part.iter().enumerate() {
                let sample = g711::mulaw_decode(*byte);
                signs |= u64::from(is_up(self.last_sent, sample)) << bit;
                energy += i64::from(sample) * i64::from(sample);
                self.last_sent = sample;
            }
            self.put(part.len(), signs, energy as f32);
            rest = after;
        }
    }

    /// What is not played by `at` will not be.
    pub fn cleared(&mut self, at: u64) {
        self.sent_to = self.sent_to.min(at);
    }

    /// Nothing was sent until then.
    fn silence(&mut self, at: u64) {
        // Whatever is older is overwritten as well.
        self.sent_to = self.sent_to.max(at.saturating_sub(SENT));
        self.last_sent = 0;
        while self.sent_to < at {
            let room = WORD as u64 - self.sent_to % WORD as u64;
            let samples = room.min(at - self.sent_to) as usize;
            // No sign is steady: it agrees with half of anything.
            let steady = 0x5555_5555_5555_5555 << (self.sent_to % 2);
            self.put(samples, steady, 0.0);
        }
    }

    /// So many samples that end in the word that they begin in: their signs, the first in bit 0, and their energy.
    fn put(&mut self, samples: usize, signs: u64, energy: f32) {
        let place = (self.sent_to / WORD as u64) as usize % SENT_WORDS;
        let bit = self.sent_to % WORD as u64;
        if bit == 0 {
            (self.sent[place], self.energies[place]) = (0, 0.0);
        }
        // What lies behind them is written over when it comes.
        let behind = !(u64::MAX << bit);
        self.sent[place] = self.sent[place] & behind | signs << bit;
        self.energies[place] += energy;
        self.sent_to += samples as u64;
    }

    /// Something that was sent may be heard at this moment, or its echo.
    pub fn sounds(&self, at: u64) -> bool {
        self.sent_to > 0 && at < self.sent_to + LAG_MS_MAX * SAMPLES_PER_MS
    }

    /// A frame came in that begins at `at`, in samples of the clock, with sound in it or not. How many frames, the newest
    /// of them this one, are known to be our own voice: none, one, or [`LOOK_FRAMES`].
    pub fn echoes(&mut self, at: u64, frame: &[i16; FRAME], is_loud: bool) -> u32 {
        self.heard.copy_within(FRAME.., 0);
        self.heard[LOOK - FRAME..].copy_from_slice(frame);
        if !self.sounds(at) {
            return 0;
        }
        let heard: f32 = frame.iter().map(|s| f32::from(*s) * f32::from(*s)).sum();
        // What lasts becomes the noise of the line to the gate, and may be our own voice all the same.
        let is_sound = is_loud || self.echo.is_some_and(|echo| heard >= echo.heard * ALIKE);
        if let Some(echo) = self.echo {
            let due = self.due(echo, at);
            let is_missing = heard < due * MISSING;
            if is_missing {
                self.miss(echo);
            }
            let is_like_it = heard <= due * LOUDER_MAX && (is_loud || !is_missing);
            if is_like_it && self.is_still_there(echo, at, heard, is_loud) {
                return 1;
            }
        }
        if !is_sound {
            self.strange = self.strange.saturating_sub(1);
            return 0;
        }
        self.strange = match self.strange {
            // Counts on in steps of a look, so that one is due where it comes round.
            strange if strange >= SOMEBODY_FRAMES + SOMEBODY_EVERY - 1 => SOMEBODY_FRAMES,
            strange => strange + 1,
        };
        if self.strange > SOMEBODY_FRAMES {
            return 0;
        }
        let begins = look_at(at);
        if !self.may_be_ours(begins) {
            return 0;
        }
        let Some(look) = Look::at(&self.heard) else {
            return 0;
        };
        let (agrees, lag) = self.best(&look, begins, 0..=LAG_MS_MAX * SAMPLES_PER_MS);
        let is_same = |(when, known): &(u64, u64)| {
            known.abs_diff(lag) <= SAME && LIKELY.contains(&at.saturating_sub(*when))
        };
        let is_twice = agrees >= AGREE_TWICE && self.likely.iter().any(is_same);
        if agrees >= AGREE_TWICE {
            self.likely.rotate_left(1);
            self.likely[LIKELY_MAX - 1] = (at, lag);
        }
        if agrees < AGREE_SURE && !is_twice {
            return 0;
        }
        let gain = self.gain(lag, begins);
        let louder_max = match self.echo {
            // The caller may be speaking over it.
            Some(echo) if echo.lag.abs_diff(lag) <= SAME => echo.gain * LOUDER_MAX,
            Some(_) | None => GAIN_MAX,
        };
        if gain > louder_max {
            return 0;
        }
        self.echo = Some(Echo {
            lag,
            gain,
            heard,
            doubted: 0,
            missed: 0,
        });
        self.strange = 0;
        LOOK_FRAMES
    }

    /// The energy of the echo that is due in a frame.
    fn due(&self, echo: Echo, at: u64) -> f32 {
        // A word more on either side: rooms and lines smear.
        let Some(from) = at.checked_sub(echo.lag + WORD as u64) else {
            return 0.0;
        };
        let first = from / WORD as u64;
        let places = (first..first + 3).map(|word| self.energy(word, DUE_WORDS));
        let loudest = places.fold(0.0, f32::max);
        loudest * echo.gain * (FRAME as f32 / (DUE_WORDS as usize * WORD) as f32)
    }

    /// An echo was due and did not come.
    fn miss(&mut self, echo: Echo) {
        let missed = echo.missed + 1;
        self.echo = Some(Echo { missed, ..echo }).filter(|_| missed <= MISSED_MAX);
    }

    /// Sound as loud as the echo that is due came in: follows its delay and loudness, which drift. False if it does not
    /// agree with what was sent, of a loud one only if it has not for a while.
    fn is_still_there(&mut self, echo: Echo, at: u64, heard: f32, is_loud: bool) -> bool {
        let Some(lag) = self.agrees_with(echo, at) else {
            let doubted = echo.doubted + u32::from(is_loud);
            if let Some(echo) = &mut self.echo {
                echo.doubted = doubted;
            }
            return is_loud && doubted <= DOUBTED_MAX;
        };
        let gain = self.gain(lag, look_at(at));
        let gain = echo.gain + (gain - echo.gain) * LEARN;
        self.echo = Some(Echo {
            lag,
            gain: gain.min(GAIN_MAX),
            heard: heard.max(echo.heard * FADES),
            doubted: 0,
            missed: 0,
        });
        true
    }

    /// The delay, about that of the echo, at which what came in agrees with what was sent.
    fn agrees_with(&self, echo: Echo, at: u64) -> Option<u64> {
        let near = echo.lag.saturating_sub(SAME)..=echo.lag + SAME;
        let look = Look::at(&self.heard)?;
        let (agrees, lag) = self.best(&look, look_at(at), near);
        (agrees >= AGREE_STILL).then_some(lag)
    }

    /// A look that begins here is not louder than any echo of what was sent could be: most callers are.
    fn may_be_ours(&self, begins: u64) -> bool {
        let known = self.echo.map_or(0.0, |echo| echo.gain * LOUDER_MAX);
        let first = begins.saturating_sub(LAG_MS_MAX * SAMPLES_PER_MS) / WORD as u64;
        let last = begins / WORD as u64;
        // A delay is no whole number of words, so a look touches one more.
        let words = LOOK_WORDS as u64 + 1;
        let mut sent = self.energy(first, words);
        let mut loudest = sent;
        for word in first..last {
            sent += self.word_energy(word + words) - self.word_energy(word);
            loudest = loudest.max(sent);
        }
        self.heard_energy() <= loudest * GAIN_MAX.max(known)
    }

    /// The energy of what came in of late.
    fn heard_energy(&self) -> f32 {
        let energies = self.heard.iter().map(|s| f32::from(*s) * f32::from(*s));
        energies.sum()
    }

    /// How much of the energy that was sent came back at this delay.
    fn gain(&self, lag: u64, begins: u64) -> f32 {
        let first = begins.saturating_sub(lag) / WORD as u64;
        let sent = self.energy(first, LOOK_WORDS as u64);
        self.heard_energy() / sent.max(1.0)
    }

    /// The energy of so many words of what was sent.
    fn energy(&self, first: u64, words: u64) -> f32 {
        let words = first..first + words;
        words.map(|word| self.word_energy(word)).sum()
    }

    /// The energy of one of them; none if it is not kept any more, or not sent yet.
    fn word_energy(&self, word: u64) -> f32 {
        let at = word * WORD as u64;
        let is_kept = at < self.sent_to && at + SENT > self.sent_to;
        match is_kept {
            true => self.energies[word as usize % SENT_WORDS],
            false => 0.0,
        }
    }

    /// How well a look agrees with what was sent, and at which delay it does so best.
    fn best(&self, look: &Look, begins: u64, lags: std::ops::RangeInclusive<u64>) -> (u32, u64) {
        let mut best = (0, 0);
        for lag in lags {
            // What is older than the ring, or not sent yet.
            let Some(from) = begins.checked_sub(lag) else {
                break;
            };
            if from + SENT <= self.sent_to {
                break;
            }
            if from >= self.sent_to {
                continue;
            }
            if look.is_out_of_question(&self.sent, from) {
                continue;
            }
            let agrees = look.agrees(&self.sent, from);
            if agrees > best.0 {
                best = (agrees, lag);
            }
        }
        best
    }
}

/// Where the look begins of which a frame at `at` is the newest.
fn look_at(at: u64) -> u64 {
    (at + FRAME as u64).saturating_sub(LOOK as u64)
}

/// The sign that is compared. Most of the sample before is taken off: the low tones of all voices are alike.
fn is_up(before: i16, sample: i16) -> bool {
    4 * i32::from(sample) >= 3 * i32::from(before)
}

/// The signs of a word of what came in, and which of the look it is.
type Signs = (usize, u64);

/// How many signs differ from what was sent, if the look begins at `from` of it.
fn differing(words: &[Signs], sent: &[u64; SENT_WORDS], from: u64) -> u32 {
    let (first, shift) = ((from / WORD as u64) as usize, from % WORD as u64);
    let differing = words.iter().map(|(at, signs)| {
        let (low, high) = (
            sent[(first + at) % SENT_WORDS],
            sent[(first + at + 1) % SENT_WORDS],
        );
        // Shifted in two steps, since a shift by 64 is none.
        let sent = low >> shift | (high << 1) << (63 - shift);
        (signs ^ sent).count_ones()
    });
    differing.sum()
}

/// The signs of what came in.
struct Look {
    /// Of the words with sound in them, in order; the first `count` hold.
    loud: [Signs; LOOK_WORDS],
    count: usize,
}

impl Look {
    /// `None` if it holds too little sound.
    fn at(heard: &[i16; LOOK]) -> Option<Self> {
        let (mut signs, mut energies) = ([0_u64; LOOK_WORDS], [0_i64; LOOK_WORDS]);
        let mut last = heard[0];
        for ((word, energy), samples) in signs.iter_mut().zip(&mut energies).zip(heard.chunks(WORD))
        {
            for (bit, sample) in samples.iter().enumerate() {
                *word |= u64::from(is_up(last, *sample)) << bit;
                *energy += i64::from(*sample) * i64::from(*sample);
                last = *sample;
            }
        }
        let loudest = energies
            .iter()
            .copied()
            .max()
            .filter(|e| *e >= ENERGY_MIN)?;
        let (mut loud, mut count) = ([(0, 0); LOOK_WORDS], 0);
        for (at, (signs, energy)) in signs.into_iter().zip(energies).enumerate() {
            if energy * QUIET >= loudest {
                loud[count] = (at, signs);
                count += 1;
            }
        }
        (count >= WORDS_MIN).then_some(Self { loud, count })
    }

    /// How many more signs agree than disagree, or the other way round, in parts of 1,000.
    fn agrees(&self, sent: &[u64; SENT_WORDS], from: u64) -> u32 {
        let differ = differing(&self.loud[..self.count], sent, from);
        let all = (self.count * WORD) as u32;
        (2 * differ).abs_diff(all) * 1_000 / all
    }

    /// The first loud words agree no better than by chance.
    fn is_out_of_question(&self, sent: &[u64; SENT_WORDS], from: u64) -> bool {
        let (first, rest) = self.loud[..PROBE_WORDS].split_at(1);
        let differ = differing(first, sent, from);
        if (2 * differ).abs_diff(WORD as u32) < PROBE_FIRST_MIN {
            return true;
        }
        let differ = differ + differing(rest, sent, from);
        (2 * differ).abs_diff((PROBE_WORDS * WORD) as u32) < PROBE_MIN
    }
}

#[cfg(test)]
mod tests;
