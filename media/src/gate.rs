//! A cheap energy gate: is there anything on the line worth asking the voice model about?
//!
//! The level of each 20 ms frame is compared with the quietest level of the last 3.2 s. Speech has gaps, so within that
//! time its minimum is the line's own noise; steady noise has none, so it becomes its own floor and the gate shuts.
//! The gate opens on the first loud frame and stays open for a hangover longer than the pauses inside words.

use crate::FRAME;

/// How the gate decides. Levels are dBFS: RMS of a frame, 0 for a full-scale square wave.
#[derive(Debug, Clone, PartialEq)]
pub struct GateSettings {
    /// How far above the noise floor a frame counts as sound, in dB.
    pub margin_db: f32,
    /// Nothing quieter than this opens the gate: comfort noise and the codec's own hiss lie below.
    pub open_dbfs_min: f32,
    /// The floor assumed before the line has been heard for a while.
    pub floor_start_dbfs: f32,
    /// The floor never rises above this, so that on a very loud line the model decides.
    pub floor_dbfs_max: f32,
    /// How long the gate stays open after the last loud frame.
    pub hangover_ms: u32,
}

impl Default for GateSettings {
    fn default() -> Self {
        Self {
            margin_db: 9.0,
            open_dbfs_min: -57.0,
            floor_start_dbfs: -62.0,
            floor_dbfs_max: -35.0,
            hangover_ms: 320,
        }
    }
}

/// What the gate says of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateFrame {
    /// Sound now, or a moment ago: worth the model's time.
    pub open: bool,
    /// Sound in this very frame.
    pub loud: bool,
}

const SLOTS: usize = 8;
const SLOT_FRAMES: u32 = 20;
const SILENCE_DBFS: f32 = -100.0;

/// The gate of one line.
#[derive(Debug, Clone)]
pub struct Gate {
    settings: GateSettings,
    /// Quietest level of each of the last eight 0.4 s; the slot being filled is `slot`.
    minima: [f32; SLOTS],
    slot: usize,
    slot_frames: u32,
    hangover_frames: u32,
    hanging: u32,
    level_dbfs: f32,
}

impl Gate {
    /// A gate that has heard nothing yet.
    pub fn new(settings: GateSettings) -> Self {
        let start = settings.floor_start_dbfs;
        let hangover_frames = settings.hangover_ms.div_ceil(20).min(500);
        Self {
            settings,
            minima: [start; SLOTS],
            slot: 0,
            slot_frames: 0,
            hangover_frames,
            hanging: 0,
            level_dbfs: SILENCE_DBFS,
        }
    }

    /// Judges the next frame.
    pub fn push(&mut self, frame: &[i16; FRAME]) -> GateFrame {
        self.level_dbfs = level_dbfs(frame);
        let loud = self.level_dbfs > self.threshold_dbfs();
        self.note_minimum(self.level_dbfs);
        if loud {
            self.hanging = self.hangover_frames;
        } else {
            self.hanging = self.hanging.saturating_sub(1);
        }
        GateFrame {
            open: loud || self.hanging > 0,
            loud,
        }
    }

    /// The level of the last frame, in dBFS.
    pub fn level_dbfs(&self) -> f32 {
        self.level_dbfs
    }

    /// The line's noise as far as known, in dBFS.
    pub fn floor_dbfs(&self) -> f32 {
        self.minima
            .iter()
            .fold(self.settings.floor_dbfs_max, |low, &level| low.min(level))
    }

    fn threshold_dbfs(&self) -> f32 {
        (self.floor_dbfs() + self.settings.margin_db).max(self.settings.open_dbfs_min)
    }

    fn note_minimum(&mut self, level: f32) {
        if self.slot_frames == 0 {
            self.minima[self.slot] = level;
        } else {
            self.minima[self.slot] = self.minima[self.slot].min(level);
        }
        self.slot_frames += 1;
        if self.slot_frames == SLOT_FRAMES {
            self.slot_frames = 0;
            self.slot = (self.slot + 1) % SLOTS;
        }
    }
}

/// RMS level of a frame in dBFS, without its DC; -100 for silence.
pub fn level_dbfs(frame: &[i16; FRAME]) -> f32 {
    let mut sum = 0_i32;
    let mut squares = 0_i64;
    for &sample in frame {
        let sample = i32::from(sample);
        sum += sample;
        squares += i64::from(sample * sample);
    }
    let mean = sum as f32 / FRAME as f32;
    let power = squares as f32 / FRAME as f32 - mean * mean;
    if power < 0.5 {
        SILENCE_DBFS
    } else {
        10.0 * (power / (32_768.0 * 32_768.0)).log10()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise of a given level, the same each time.
    struct Noise(u32);

    impl Noise {
        fn frame(&mut self, dbfs: f32) -> [i16; FRAME] {
            let peak = 32_768.0 * 10_f32.powf(dbfs / 20.0) * 3_f32.sqrt();
            std::array::from_fn(|_| {
                self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ((self.0 >> 8) as f32 / (1 << 23) as f32 - 1.0)
                    .mul_add(peak, 0.0)
                    .round() as i16
            })
        }
    }

    fn voice(noise: &mut Noise, index: usize, dbfs: f32) -> [i16; FRAME] {
        let background = noise.frame(-65.0);
        let peak = 32_768.0 * 10_f32.powf(dbfs / 20.0) * 2_f32.sqrt();
        std::array::from_fn(|n| {
            let t = (index * FRAME + n) as f32 / 8_000.0;
            background[n] + (peak * (std::f32::consts::TAU * 180.0 * t).sin()) as i16
        })
    }

    #[test]
    fn levels_are_true() {
        assert_eq!(level_dbfs(&[0; FRAME]), SILENCE_DBFS);
        assert!(
            (level_dbfs(&std::array::from_fn(|n| if n % 2 == 0 {
                32_767
            } else {
                -32_767
            })))
            .abs()
                < 0.01
        );
        assert!((level_dbfs(&Noise(1).frame(-40.0)) + 40.0).abs() < 1.0);
        assert_eq!(level_dbfs(&[5_000; FRAME]), SILENCE_DBFS, "DC is not sound");
    }

    #[test]
    fn steady_lines_stay_shut() {
        for (name, dbfs) in [
            ("digital silence", -120.0),
            ("comfort noise", -65.0),
            ("hiss", -60.0),
            ("noisy", -54.5),
        ] {
            let mut gate = Gate::new(GateSettings::default());
            let mut noise = Noise(7);
            for index in 0..1_000 {
                assert!(
                    !gate.push(&noise.frame(dbfs)).open,
                    "{name} opened the gate at frame {index}"
                );
            }
        }
    }

    #[test]
    fn comfort_noise_that_follows_digital_silence_stays_shut() {
        let mut gate = Gate::new(GateSettings::default());
        let mut noise = Noise(3);
        for _ in 0..500 {
            gate.push(&[0; FRAME]);
        }
        for _ in 0..500 {
            assert!(!gate.push(&noise.frame(-62.0)).open);
        }
    }

    #[test]
    fn loud_noise_opens_it_and_becomes_the_floor_within_four_seconds() {
        let mut gate = Gate::new(GateSettings::default());
        let mut noise = Noise(5);
        for _ in 0..200 {
            gate.push(&noise.frame(-65.0));
        }
        assert!(
            gate.push(&noise.frame(-45.0)).open,
            "a step up might be a voice"
        );
        for _ in 0..200 {
            gate.push(&noise.frame(-45.0));
        }
        for _ in 0..500 {
            assert!(!gate.push(&noise.frame(-45.0)).open);
        }
    }

    #[test]
    fn quiet_speech_in_line_noise_opens_it_at_once_and_pauses_do_not_shut_it() {
        let mut gate = Gate::new(GateSettings::default());
        let mut noise = Noise(9);
        for _ in 0..300 {
            gate.push(&noise.frame(-65.0));
        }
        // Syllables of 160 ms with pauses of 240 ms, for 20 s.
        for index in 0..1_000 {
            let sounding = index % 20 < 8;
            let frame = if sounding {
                voice(&mut noise, index, -45.0)
            } else {
                noise.frame(-65.0)
            };
            let said = gate.push(&frame);
            assert!(said.open, "shut at frame {index}");
            assert_eq!(said.loud, sounding, "frame {index}");
        }
        let shut_after = (0..100).find(|_| !gate.push(&noise.frame(-65.0)).open);
        assert_eq!(
            shut_after,
            Some(3),
            "320 ms after the last sound, of which 240 had passed"
        );
    }
}
