//! What 20 ms of a call cost: `cargo bench -p trunkline-media`. A call has 50 of them a second.

use std::sync::Arc;

use divan::{Bencher, black_box};
use trunkline_media::ear::{Ear, EarSettings, Encoding};
use trunkline_media::gate::level_dbfs;
use trunkline_media::mouth::{Mouth, MouthSettings, Out};
use trunkline_media::resample::Resampler;
use trunkline_media::tones::ToneDetector;
use trunkline_media::{FRAME, WINDOW, dtmf, g711};

fn main() {
    divan::main();
}

/// Seconds of a line as frames of mu-law.
fn frames(samples: impl Iterator<Item = i16>) -> Vec<Vec<u8>> {
    let mut bytes = Vec::new();
    g711::mulaw_encode_into(&samples.take(16_000).collect::<Vec<_>>(), &mut bytes);
    bytes.chunks(FRAME).map(<[u8]>::to_vec).collect()
}

fn noise(peak: i32) -> impl Iterator<Item = i16> {
    let mut seed = 1_u32;
    std::iter::repeat_with(move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((seed >> 16) as i32 * peak / 32_768 - peak) as i16
    })
}

fn buzz() -> impl Iterator<Item = i16> {
    (0..).map(|n| {
        let phase = std::f32::consts::TAU * n as f32 / 8_000.0;
        (1..=8)
            .map(|k| (phase * 130.0 * k as f32).sin() * 2_500.0)
            .sum::<f32>() as i16
    })
}

/// The ear with a model that costs nothing.
fn hear(bencher: Bencher<'_, '_>, frames: &[Vec<u8>]) {
    let mut ear = Ear::new(EarSettings {
        encoding: Encoding::Mulaw,
        ..EarSettings::default()
    });
    let (mut facts, mut windows) = (Vec::with_capacity(64), Vec::with_capacity(16 * WINDOW));
    let mut line = frames.iter().cycle();
    bencher.bench_local(|| {
        facts.clear();
        if let Some(frame) = line.next() {
            ear.push(black_box(frame), &mut facts);
        }
        while let Some(batch) = ear.take_windows(&mut windows) {
            ear.scored(batch, &[0.9; 16][..batch.count], &mut facts);
        }
        facts.len()
    });
}

#[divan::bench]
fn ear_gate_shut(bencher: Bencher<'_, '_>) {
    hear(bencher, &frames(noise(20)));
}

#[divan::bench]
fn ear_gate_open(bencher: Bencher<'_, '_>) {
    // Loud for a second and quiet for one: the gate adapts to what never stops.
    hear(bencher, &frames(buzz().take(8_000).chain(noise(20))));
}

#[divan::bench]
fn ear_key_tones(bencher: Bencher<'_, '_>) {
    let tones = dtmf::tones("1234567890", &dtmf::ToneSettings::default()).unwrap_or_default();
    hear(bencher, &frames(tones.into_iter()));
}

/// What a call costs more while it is not known who answered: speech, and nothing at all.
#[divan::bench(args = ["speech", "beep", "silence"])]
fn machine_tones(bencher: Bencher<'_, '_>, sound: &str) {
    let beep = (0..).map(|n| ((n as f32 * std::f32::consts::FRAC_PI_4).sin() * 9_000.0) as i16);
    let samples: Vec<i16> = match sound {
        "speech" => buzz().take(16_000).collect(),
        "beep" => beep.take(16_000).collect(),
        _ => noise(20).take(16_000).collect(),
    };
    let frames: Vec<[i16; FRAME]> = samples.as_chunks::<FRAME>().0.to_vec();
    let mut detector = ToneDetector::default();
    let mut line = frames.iter().cycle();
    bencher.bench_local(|| {
        line.next().map(|frame| {
            let level = level_dbfs(black_box(frame));
            detector.push(frame, level)
        })
    });
}

#[divan::bench(args = [false, true])]
fn mouth_20_ms(bencher: Bencher<'_, '_>, keep_heard: bool) {
    let clause: Arc<[u8]> = vec![0x90; 480_000].into();
    let mut mouth = Mouth::new(&MouthSettings {
        chunk_ms: 20,
        keep_heard,
        ..MouthSettings::default()
    });
    let mut facts = Vec::with_capacity(64);
    let mut name = String::with_capacity(24);
    let (mut now, mut number) = (0, 0);
    bencher.bench_local(|| {
        now += 20;
        facts.clear();
        if mouth.queued_ms() < 2_000 {
            number += 1;
            let _ = mouth.say(1, number, clause.clone());
        }
        mouth.poll(now, &mut facts, &mut |out| {
            if let Out::Mark(mark) = out {
                name.clear();
                name.push_str(mark);
            }
            black_box(out);
        });
        mouth.marked(now, &name, &mut facts);
        let mut heard = 0;
        mouth.heard_audio(now, &mut |piece| heard += black_box(piece.audio).len());
        facts.len() + heard
    });
}

#[divan::bench(args = [(8_000, 16_000), (22_050, 8_000), (24_000, 8_000), (48_000, 8_000)])]
fn resample_20_ms(bencher: Bencher<'_, '_>, (from, to): (u32, u32)) {
    let Ok(mut resampler) = Resampler::new(from, to) else {
        return;
    };
    let input: Vec<i16> = noise(8_000).take(from as usize / 50).collect();
    let mut out = Vec::with_capacity(4_096);
    bencher.bench_local(|| {
        out.clear();
        resampler.push_i16(black_box(&input), &mut out);
        out.len()
    });
}

#[divan::bench]
fn mulaw_decode_20_ms(bencher: Bencher<'_, '_>) {
    let frame = [0x93_u8; FRAME];
    let mut samples = [0; FRAME];
    bencher.bench_local(|| g711::mulaw_decode_into(black_box(&frame), &mut samples));
}
