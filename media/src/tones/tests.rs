use super::*;
use crate::g711;
use crate::gate::level_dbfs;

/// One part of a line's sound: tones (Hz, dBFS) for so many ms; none are silence.
type Part<'a> = (&'a [(f32, f32)], usize);

struct Line {
    samples: Vec<i16>,
    seed: u32,
    noise_dbfs: f32,
}

impl Line {
    fn new(noise_dbfs: f32, seed: u32) -> Self {
        Self {
            samples: Vec::new(),
            seed,
            noise_dbfs,
        }
    }

    fn noise(&mut self) -> f32 {
        self.seed = self
            .seed
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        let peak = 32_768.0 * 10_f32.powf(self.noise_dbfs / 20.0) * 3_f32.sqrt();
        ((self.seed >> 8) as f32 / (1 << 23) as f32 - 1.0) * peak
    }

    fn add(&mut self, parts: &[Part<'_>]) {
        for (tones, ms) in parts {
            for n in 0..ms * 8 {
                let t = n as f32 / 8_000.0;
                let tone: f32 = tones
                    .iter()
                    .map(|(hz, dbfs)| {
                        let peak = 32_768.0 * 10_f32.powf(dbfs / 20.0) * 2_f32.sqrt();
                        peak * (std::f32::consts::TAU * hz * t).sin()
                    })
                    .sum();
                let sample = (tone + self.noise()).clamp(-32_000.0, 32_000.0) as i16;
                self.samples
                    .push(g711::mulaw_decode(g711::mulaw_encode(sample)));
            }
        }
    }
}

/// What is heard, with the end of each in ms.
fn heard(samples: &[i16]) -> Vec<(Tone, u32, u32)> {
    let mut detector = ToneDetector::default();
    let mut all = Vec::new();
    for (n, frame) in samples.as_chunks::<FRAME>().0.iter().enumerate() {
        if let Some(Sounded {
            tone,
            lasted_ms,
            ago_ms,
        }) = detector.push(frame, level_dbfs(frame))
        {
            all.push((tone, lasted_ms, (n as u32 + 1) * 20 - ago_ms));
        }
    }
    all
}

fn kinds(parts: &[Part<'_>]) -> Vec<Tone> {
    let mut line = Line::new(-62.0, 5);
    line.add(&[(&[], 300)]);
    line.add(parts);
    line.add(&[(&[], 400)]);
    heard(&line.samples)
        .into_iter()
        .map(|(tone, ..)| tone)
        .collect()
}

#[test]
fn beeps_of_every_length_and_pitch_are_heard_and_timed() {
    for hz in [
        440.0, 500.0, 620.0, 800.0, 950.0, 1_000.0, 1_200.0, 1_400.0, 1_700.0, 2_000.0,
    ] {
        for ms in [150, 200, 350, 800, 1_500, 2_000] {
            for (dbfs, noise, offset) in [(-12.0, -62.0, 0), (-24.0, -50.0, 37), (-30.0, -55.0, 91)]
            {
                let mut line = Line::new(noise, ms as u32 + offset as u32);
                line.add(&[(&[], 400)]);
                line.samples.truncate(line.samples.len() - offset);
                let from = line.samples.len();
                line.add(&[(&[(hz, dbfs)], ms), (&[], 500)]);
                let found = heard(&line.samples);
                let end = ((from + ms * 8) / 8) as u32;
                assert!(
                    matches!(found[..], [(Tone::Beep, lasted, to)]
                        if lasted.abs_diff(ms as u32) <= 50 && to.abs_diff(end) <= 40),
                    "{hz} Hz, {ms} ms, {dbfs} dBFS in {noise}, ends {end}: {found:?}"
                );
            }
        }
    }
}

#[test]
fn what_is_no_beep_is_none() {
    let (a, b) = (-14.0, -16.0);
    let cases: &[(&str, &[Part<'_>])] = &[
        ("too short", &[(&[(1_000.0, a)], 60)]),
        ("too long", &[(&[(1_000.0, a)], 4_000)]),
        ("too quiet", &[(&[(1_000.0, -52.0)], 400)]),
        ("too high", &[(&[(2_600.0, a)], 400)]),
        (
            "American ringing",
            &[(&[(440.0, a), (480.0, a)], 2_000), (&[], 600)],
        ),
        (
            "British ringing",
            &[
                (&[(400.0, a), (450.0, a)], 400),
                (&[], 200),
                (&[(400.0, a), (450.0, a)], 400),
            ],
        ),
        ("European ringing", &[(&[(425.0, a)], 1_000)]),
        (
            "busy",
            &[
                (&[(480.0, a), (620.0, a)], 500),
                (&[], 500),
                (&[(480.0, a), (620.0, a)], 500),
            ],
        ),
        ("dial tone", &[(&[(350.0, a), (440.0, a)], 2_000)]),
        ("a key", &[(&[(770.0, a), (1_336.0, b)], 250)]),
        (
            "a key pressed long",
            &[(&[(941.0, a), (1_477.0, b)], 1_200)],
        ),
    ];
    for (name, parts) in cases {
        assert_eq!(kinds(parts), [], "{name}");
    }
    let pair: &[Part<'_>] = &[(&[(600.0, a), (1_500.0, b)], 400)];
    assert_eq!(kinds(pair), [Tone::Beep], "two tones at once");
    let chime: &[Part<'_>] = &[(&[(880.0, a)], 200), (&[(1_175.0, a)], 300)];
    assert_eq!(kinds(chime), [Tone::Beep], "one after another");
}

#[test]
fn faxes_and_networks_are_told_apart_from_beeps() {
    let a = -14.0;
    let call: &[Part<'_>] = &[(&[(1_100.0, a)], 500), (&[], 3_000), (&[(1_100.0, a)], 500)];
    assert_eq!(kinds(call), [Tone::FaxCall, Tone::FaxCall]);
    assert_eq!(kinds(&[(&[(1_100.0, a)], 250)]), [Tone::Beep]);
    assert_eq!(kinds(&[(&[(2_100.0, a)], 3_000)]), [Tone::FaxAnswer]);
    for notes in [
        [950.0, 1_400.0, 1_800.0],
        [985.2, 1_428.5, 1_776.7],
        [913.8, 1_370.6, 1_776.7],
    ] {
        for (ms, gap) in [(330, 0), (274, 10), (380, 30)] {
            let [one, two, three] = notes.map(|hz| [(hz, a)]);
            let parts: &[Part<'_>] =
                &[(&one, ms), (&[], gap), (&two, ms), (&[], gap), (&three, ms)];
            assert_eq!(kinds(parts), [Tone::Network], "{notes:?} {ms} {gap}");
        }
    }
}

/// Vowel-like sounds: a pitch that glides or is held, with formants, at a level that swells.
#[test]
fn voices_are_no_tones() {
    let mut found = Vec::new();
    for voice in 0..240_u32 {
        let pitch = 85.0 + (voice % 80) as f32 * 3.4;
        // A third of them sing: nobody speaks so evenly.
        let glide = if voice % 3 == 0 { 0.002 } else { 0.06 };
        let formants = [
            300.0 + (voice * 37 % 600) as f32,
            900.0 + (voice * 91 % 1_500) as f32,
        ];
        let mut phases = [0.0_f32; 24];
        let mut samples: Vec<i16> = (0..8_000)
            .map(|n| {
                let t = n as f32 / 8_000.0;
                let hz = pitch * (1.0 + glide * (t * 9.0).sin());
                let mut sum = 0.0;
                for (index, phase) in phases.iter_mut().enumerate() {
                    let harmonic = hz * (index + 1) as f32;
                    *phase += std::f32::consts::TAU * harmonic / 8_000.0;
                    let gain: f32 = formants
                        .iter()
                        .map(|f| 1.0 / (1.0 + ((harmonic - f) / 80.0).powi(2)))
                        .sum();
                    // Glottis and lips lose 6 dB an octave, and the line what is below 300 Hz.
                    let line = (harmonic / 300.0).min(1.0).powi(2);
                    let gain = line * (gain + 0.05) / (index + 1) as f32;
                    sum += if harmonic < 3_400.0 {
                        gain * phase.sin()
                    } else {
                        0.0
                    };
                }
                let swell = 0.6 + 0.4 * (t * 6.0 + voice as f32).sin();
                (sum * swell * 24_000.0).clamp(-32_000.0, 32_000.0) as i16
            })
            .collect();
        samples.resize(samples.len() + 3_200, 0);
        let tones = heard(&samples).into_iter();
        found.extend(tones.map(|tone| (voice, pitch, formants, tone)));
    }
    assert_eq!(found, []);
}
