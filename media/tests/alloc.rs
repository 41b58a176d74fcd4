//! No allocation per frame: a call in steady state must not touch the heap, whatever passes through it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use trunkline_media::ear::{Ear, EarSettings};
use trunkline_media::mouth::{Mouth, MouthSettings, Out};
use trunkline_media::resample::Resampler;
use trunkline_media::{FRAME, WINDOW, g711};

struct Counting;

thread_local! {
    /// Allocations of this thread; tests run side by side.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

#[expect(
    unsafe_code,
    reason = "a global allocator is unsafe to implement; this one only counts"
)]
// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(
        allocations(|| drop(std::hint::black_box(vec![1_u8; 100]))),
        1
    );
}

/// One second of sound: a buzz of many harmonics.
fn buzz() -> Vec<u8> {
    let sample = |n: usize| {
        let phase = std::f32::consts::TAU * n as f32 / 8_000.0;
        g711::mulaw_encode(
            (1..=8)
                .map(|k| (phase * 130.0 * k as f32).sin() * 2_500.0)
                .sum::<f32>() as i16,
        )
    };
    (0..8_000).map(sample).collect()
}

/// Seconds of a line through an ear, with a model that answers everything at once.
fn hear(ear: &mut Ear, second: &[u8], seconds: usize) -> u64 {
    let (mut facts, mut windows) = (Vec::with_capacity(64), Vec::with_capacity(16 * WINDOW));
    let probabilities = [0.9; 16];
    allocations(|| {
        for _ in 0..seconds {
            facts.clear();
            for frame in second.chunks(FRAME) {
                ear.push(frame, &mut facts);
                while let Some(batch) = ear.take_windows(&mut windows) {
                    ear.scored(batch, &probabilities[..batch.count], &mut facts);
                }
            }
        }
    })
}

#[test]
fn an_ear_behind_a_shut_gate() {
    let mut ear = Ear::new(EarSettings::default());
    assert_eq!(hear(&mut ear, &[0xFF; 8_000], 60), 0);
    assert_eq!(ear.counters().scored, 0, "the gate was shut");
}

#[test]
fn an_ear_with_an_open_gate_and_speech_that_comes_and_goes() {
    let mut ear = Ear::new(EarSettings::default());
    let mut second = buzz();
    second[4_000..].fill(0xFF);
    assert_eq!(hear(&mut ear, &second, 60), 0);
    assert!(ear.counters().scored > 1_000, "the gate was open");
}

#[test]
fn an_ear_that_listens_for_tones() {
    let mut ear = Ear::new(EarSettings::default());
    ear.listen_for_tones(true);
    let mut second = buzz();
    second[4_000..].fill(0xFF);
    assert_eq!(hear(&mut ear, &second, 10), 0);
}

#[test]
fn an_ear_whose_model_is_dead() {
    let mut ear = Ear::new(EarSettings::default());
    let second = buzz();
    let mut facts = Vec::with_capacity(64);
    let count = allocations(|| {
        for frame in second.chunks(FRAME).cycle().take(3_000) {
            ear.push(frame, &mut facts);
        }
    });
    assert_eq!(count, 0);
    assert!(ear.counters().overtaken > 1_000);
}

#[test]
fn a_mouth_in_the_middle_of_a_reply() {
    for chunk_ms in [20, 100] {
        let mut mouth = Mouth::new(&MouthSettings {
            chunk_ms,
            keep_heard: true,
            ..MouthSettings::default()
        });
        let mut facts = Vec::with_capacity(64);
        let clause: Arc<[u8]> = buzz().into();
        for index in 0..60 {
            assert_eq!(mouth.say(1, index, clause.clone()), Ok(()));
        }
        let (mut marks, mut sent) = (std::collections::VecDeque::with_capacity(64), 0);
        let mut heard = 0;
        let count = allocations(|| {
            for now in (0..50_000).step_by(20) {
                facts.clear();
                mouth.poll(now, &mut facts, &mut |out| match out {
                    Out::Audio(bytes) => sent += bytes.len(),
                    Out::Mark(name) => marks.push_back((now + 600, short(name))),
                    Out::Clear => {}
                });
                while marks.front().is_some_and(|(due, _)| *due <= now) {
                    let Some((_, (name, length))) = marks.pop_front() else {
                        break;
                    };
                    mouth.marked(
                        now,
                        std::str::from_utf8(&name[..length]).unwrap(),
                        &mut facts,
                    );
                }
                assert!(mouth.heard(now).is_some());
                mouth.heard_audio(now, &mut |piece| heard += piece.audio.len());
            }
        });
        assert_eq!(count, 0, "chunks of {chunk_ms} ms");
        assert!(sent > 49_000 * 8);
        assert!(heard > 48_000 * 8);
        assert_eq!(mouth.counters().marks_ignored, 0);
    }
}

#[test]
fn a_mouth_in_the_middle_of_a_clause_that_grows() {
    let mut mouth = Mouth::new(&MouthSettings {
        keep_heard: true,
        ..MouthSettings::default()
    });
    let mut facts = Vec::with_capacity(64);
    let piece: Arc<[u8]> = buzz()[..1_000].into();
    assert_eq!(mouth.begin(1, 0, 50_000), Ok(()));
    let (mut mark, mut sent, mut heard) = (short(""), 0, 0);
    let count = allocations(|| {
        for now in (0..50_000).step_by(25) {
            facts.clear();
            if now % 125 == 0 {
                assert_eq!(mouth.append(1, 0, piece.clone()), Ok(()));
            }
            mouth.poll(now, &mut facts, &mut |out| match out {
                Out::Audio(bytes) => sent += bytes.len(),
                Out::Mark(name) => mark = short(name),
                Out::Clear => {}
            });
            let (name, length) = mark;
            let name = std::str::from_utf8(&name[..length]).unwrap();
            mouth.marked(now + 125, name, &mut facts);
            mouth.heard_audio(now, &mut |piece| heard += piece.audio.len());
        }
    });
    assert_eq!(count, 0);
    assert!(sent > 49_000 * 8 && heard > 48_000 * 8, "{sent}, {heard}");
}

/// A mark's name without the heap.
fn short(name: &str) -> ([u8; 24], usize) {
    let mut bytes = [0; 24];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    (bytes, name.len())
}

#[test]
fn a_resampler_after_its_first_piece() {
    for (from, to) in [
        (8_000, 16_000),
        (22_050, 8_000),
        (24_000, 8_000),
        (48_000, 8_000),
    ] {
        let mut resampler = Resampler::new(from, to).unwrap();
        let frame = vec![1_000_i16; from as usize / 50];
        let mut out = Vec::with_capacity(4_096);
        resampler.push_i16(&frame, &mut out);
        let count = allocations(|| {
            for _ in 0..500 {
                out.clear();
                resampler.push_i16(&frame, &mut out);
            }
        });
        assert_eq!(count, 0, "{from} -> {to}");
    }
}
