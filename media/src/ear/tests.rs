use super::*;
use crate::dtmf::{ToneSettings, tones};

struct Line {
    ear: Ear,
    facts: Vec<Fact>,
    windows: Vec<i16>,
}

impl Line {
    fn new(settings: EarSettings) -> Self {
        Self {
            ear: Ear::new(settings),
            facts: Vec::new(),
            windows: Vec::new(),
        }
    }

    /// Sends samples as the line's encoding in messages of `size` bytes, with a model that answers at once by the
    /// energy of each window.
    fn send(&mut self, samples: &[i16], size: usize) {
        let mut bytes = Vec::new();
        g711::mulaw_encode_into(samples, &mut bytes);
        for message in bytes.chunks(size) {
            self.ear.push(message, &mut self.facts);
            while let Some(batch) = self.ear.take_windows(&mut self.windows) {
                assert_eq!(self.windows.len(), batch.count * WINDOW);
                let scores = scores(&self.windows);
                self.ear.scored(batch, &scores, &mut self.facts);
            }
        }
    }
}

fn scores(windows: &[i16]) -> Vec<f32> {
    let loud = |window: &[i16; WINDOW]| {
        window
            .iter()
            .filter(|sample| sample.unsigned_abs() > 1_000)
            .count()
            > 64
    };
    windows
        .as_chunks::<WINDOW>()
        .0
        .iter()
        .map(|window| if loud(window) { 0.95 } else { 0.02 })
        .collect()
}

/// A buzz that no filter takes for a key.
fn voice(ms: usize) -> Vec<i16> {
    (0..ms * 8)
        .map(|n| {
            let phase = std::f32::consts::TAU * n as f32 / 8_000.0;
            (1..=8)
                .map(|k| (phase * 130.0 * k as f32).sin() * 2_500.0)
                .sum::<f32>() as i16
        })
        .collect()
}

fn silence(ms: usize) -> Vec<i16> {
    vec![0; ms * 8]
}

#[test]
fn speech_is_found_within_a_window_at_any_message_size() {
    let audio = [
        silence(1_000),
        voice(500),
        silence(1_000),
        voice(300),
        silence(600),
    ]
    .concat();
    let mut expected = None;
    for size in [1, 7, 80, 160, 161, 640, 4_000] {
        let mut line = Line::new(EarSettings::default());
        line.send(&audio, size);
        let [
            Fact::SpeechStarted { at: a },
            Fact::SpeechPaused { at: b_paused },
            Fact::SpeechStopped { at: b },
            Fact::SpeechStarted { at: c },
            Fact::SpeechPaused { at: d_paused },
            Fact::SpeechStopped { at: d },
        ] = line.facts[..]
        else {
            panic!("size {size}: {:?}", line.facts)
        };
        assert_eq!((b_paused, d_paused), (b, d), "size {size}");
        for (found, truth) in [(a, 8_000), (b, 12_000), (c, 20_000), (d, 22_400)] {
            assert!(
                found.abs_diff(truth) <= WINDOW as u64,
                "size {size}: {found} for {truth}"
            );
        }
        assert_eq!(
            *expected.get_or_insert((a, b, c, d)),
            (a, b, c, d),
            "size {size}"
        );
        assert_eq!(line.ear.position(), audio.len() as u64);
    }
}

#[test]
fn only_windows_near_sound_cost_the_model_anything() {
    let mut line = Line::new(EarSettings::default());
    line.send(
        &[silence(10_000), voice(320), silence(10_000)].concat(),
        160,
    );
    let counters = line.ear.counters();
    assert!(counters.scored <= 2 + 11 + 11, "{counters:?}");
    assert_eq!((counters.failed, counters.overtaken), (0, 0));
}

#[test]
fn batches_follow_each_other_and_are_fresh_after_a_shut_gate() {
    let mut line = Line::new(EarSettings::default());
    let mut bytes = Vec::new();
    g711::mulaw_encode_into(
        &[silence(640), voice(320), silence(1_000), voice(64)].concat(),
        &mut bytes,
    );
    let mut batches = Vec::new();
    for message in bytes.chunks(160) {
        line.ear.push(message, &mut line.facts);
        if let Some(batch) = line.ear.take_windows(&mut line.windows) {
            assert_eq!(
                line.ear.take_windows(&mut Vec::new()),
                None,
                "one at a time"
            );
            let scores = scores(&line.windows);
            line.ear.scored(batch, &scores, &mut line.facts);
            batches.push(batch);
        }
    }
    assert_eq!(batches[0].first_window, 18, "two windows before the sound");
    let fresh: Vec<u64> = batches
        .iter()
        .filter(|batch| batch.fresh)
        .map(|batch| batch.first_window)
        .collect();
    assert_eq!(fresh.len(), 2, "{batches:?}");
    for pair in batches.windows(2).filter(|pair| !pair[1].fresh) {
        assert_eq!(
            pair[0].first_window + pair[0].count as u64,
            pair[1].first_window
        );
    }
}

#[test]
fn a_model_that_fails_does_not_make_the_call_deaf() {
    let mut ear = Ear::new(EarSettings::default());
    let (mut facts, mut windows, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
    g711::mulaw_encode_into(
        &[silence(1_000), voice(500), silence(1_000)].concat(),
        &mut bytes,
    );
    for message in bytes.chunks(160) {
        ear.push(message, &mut facts);
        if let Some(batch) = ear.take_windows(&mut windows) {
            match batch.first_window % 2 {
                0 => ear.unscored(batch, &mut facts),
                _ => ear.scored(batch, &[], &mut facts),
            }
        }
    }
    let [
        Fact::SpeechStarted { at: start },
        Fact::SpeechPaused { .. },
        Fact::SpeechStopped { at: stop },
    ] = facts[..]
    else {
        panic!("{facts:?}")
    };
    assert!(
        start.abs_diff(8_000) <= 256 && stop.abs_diff(12_000) <= 320,
        "{start} {stop}"
    );
    assert!(ear.counters().failed > 0 && ear.counters().scored == 0);
}

#[test]
fn a_model_that_never_answers_is_overtaken_and_its_late_answer_ignored() {
    let mut ear = Ear::new(EarSettings::default());
    let (mut facts, mut windows, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
    g711::mulaw_encode_into(
        &[silence(1_000), voice(1_500), silence(4_000)].concat(),
        &mut bytes,
    );
    let mut taken = Vec::new();
    for message in bytes.chunks(160) {
        ear.push(message, &mut facts);
        taken.extend(ear.take_windows(&mut windows));
        assert!(
            ear.position() - ear.judged() <= 2_100 * 8,
            "never more than the bound behind"
        );
    }
    assert!(
        matches!(
            facts[..],
            [
                Fact::SpeechStarted { .. },
                Fact::SpeechPaused { .. },
                Fact::SpeechStopped { .. }
            ]
        ),
        "{facts:?}"
    );
    let before = (facts.clone(), ear.counters());
    for batch in taken {
        ear.scored(batch, &vec![0.9; batch.count], &mut facts);
    }
    assert_eq!(before.0, facts);
    assert!(before.1.overtaken > 0);
}

#[test]
fn keys_are_facts_and_never_speech() {
    for keys in [true, false] {
        let mut line = Line::new(EarSettings {
            keys,
            ..EarSettings::default()
        });
        for shift in 0..20 {
            line.send(&silence(500 + shift), 160);
            line.send(&tones("19#", &ToneSettings::default()).unwrap(), 160);
        }
        let expected: Vec<Fact> = if keys {
            "19#".repeat(20).chars().map(Fact::Key).collect()
        } else {
            Vec::new()
        };
        assert_eq!(line.facts, expected);
    }
}

#[test]
fn tones_of_machines_are_facts_while_they_are_listened_for() {
    let beep: Vec<i16> = (0..3_200)
        .map(|n| ((n as f32 * std::f32::consts::FRAC_PI_4).sin() * 9_000.0) as i16)
        .collect();
    let mut line = Line::new(EarSettings::default());
    for on in [false, true, false] {
        line.ear.listen_for_tones(on);
        line.send(&silence(500), 160);
        line.send(&beep, 160);
        line.send(&silence(500), 160);
    }
    // The second of three, 500 ms into its 1,400 and 400 long. The stand-in for the model takes it for speech, too.
    line.facts.retain(|fact| matches!(fact, Fact::Tone { .. }));
    let [
        Fact::Tone {
            tone: Tone::Beep,
            at,
        },
    ] = line.facts[..]
    else {
        panic!("{:?}", line.facts);
    };
    assert!(at.abs_diff((1_400 + 900) * 8) <= 320, "{at}");
}

#[test]
fn audio_is_what_was_received_and_only_what_is_kept() {
    let mut line = Line::new(EarSettings {
        kept_ms: 4_000,
        ..EarSettings::default()
    });
    let sent: Vec<i16> = (0..80_000_u32)
        .map(|n| g711::mulaw_decode((n / 3 % 251) as u8))
        .collect();
    line.send(&sent, 333);
    for (from, to, kept) in [
        (79_990, 80_000, 79_990..80_000),
        (50_000, 80_000, 50_000..80_000),
        (0, 50_000, 48_000..50_000),
        (70_000, 90_000, 70_000..80_000),
        (0, 10, 10..10),
        (90_000, 95_000, 80_000..80_000),
        (60_000, 50_000, 50_000..50_000),
    ] {
        let mut out = Vec::new();
        assert_eq!(line.ear.audio(from, to, &mut out), kept, "{from}..{to}");
        assert_eq!(
            out,
            sent[kept.start as usize..kept.end as usize],
            "{from}..{to}"
        );
    }
}

#[test]
fn every_encoding_is_heard() {
    let audio = [silence(400), voice(400), silence(600)].concat();
    for encoding in [
        Encoding::Mulaw,
        Encoding::Alaw,
        Encoding::L16Le,
        Encoding::L16Be,
    ] {
        let mut bytes = Vec::new();
        match encoding {
            Encoding::Mulaw => g711::mulaw_encode_into(&audio, &mut bytes),
            Encoding::Alaw => g711::alaw_encode_into(&audio, &mut bytes),
            Encoding::L16Le => crate::l16::encode_into(&audio, Endian::Little, &mut bytes),
            Encoding::L16Be => crate::l16::encode_into(&audio, Endian::Big, &mut bytes),
        }
        let mut ear = Ear::new(EarSettings {
            encoding,
            ..EarSettings::default()
        });
        let (mut facts, mut windows) = (Vec::new(), Vec::new());
        for message in bytes.chunks(161) {
            ear.push(message, &mut facts);
            while let Some(batch) = ear.take_windows(&mut windows) {
                let scores = scores(&windows);
                ear.scored(batch, &scores, &mut facts);
            }
        }
        assert!(
            matches!(
                facts[..],
                [
                    Fact::SpeechStarted { .. },
                    Fact::SpeechPaused { .. },
                    Fact::SpeechStopped { .. }
                ]
            ),
            "{encoding:?}"
        );
    }
}

#[test]
fn positions_in_time() {
    assert_eq!(
        (position_ms(8_000), position_ms(7), position_ms(0)),
        (1_000, 0, 0)
    );
}

#[test]
fn windows_that_decide_nothing_wait_for_each_other_and_others_do_not() {
    let mut line = Line::new(EarSettings::default());
    let mut bytes = Vec::new();
    g711::mulaw_encode_into(
        &[silence(640), voice(1_600), silence(1_000)].concat(),
        &mut bytes,
    );
    let mut batches = Vec::new();
    for message in bytes.chunks(160) {
        line.ear.push(message, &mut line.facts);
        if let Some(batch) = line.ear.take_windows(&mut line.windows) {
            let scores = scores(&line.windows);
            batches.push((line.ear.speaking(), batch));
            line.ear.scored(batch, &scores, &mut line.facts);
        }
    }
    let stopped = line
        .facts
        .iter()
        .any(|fact| matches!(fact, Fact::SpeechStopped { .. }));
    assert!(stopped, "{:?}", line.facts);
    let (urgent, calm) = batches
        .iter()
        .partition::<Vec<&(bool, WindowBatch)>, _>(|(_, batch)| batch.is_urgent);
    assert!(
        urgent[0].1.first_window == 18,
        "the beginning is asked about at once: {batches:?}"
    );
    let in_speech = calm.iter().filter(|(speaking, _)| *speaking).count();
    assert!(in_speech >= 10, "{batches:?}");
    assert!(
        calm.iter()
            .all(|(speaking, batch)| !speaking || batch.count == CALM_WINDOWS)
    );
    // From the end of the voice to the end of speech every window is asked about as it comes.
    let end = (640 + 1_600) * 8 / WINDOW as u64;
    let falling = urgent
        .iter()
        .filter(|(_, batch)| (end..end + 6).contains(&batch.first_window));
    assert!(falling.count() >= 5, "{batches:?}");
}

#[test]
fn energy_judges_every_window_as_it_comes() {
    let mut ear = Ear::new(EarSettings::default());
    let (mut facts, mut bytes) = (Vec::new(), Vec::new());
    g711::mulaw_encode_into(&voice(640), &mut bytes);
    for message in bytes.chunks(160) {
        ear.push(message, &mut facts);
        ear.judge_by_energy(&mut facts);
        assert!(ear.position() - ear.judged() < WINDOW as u64 + FRAME as u64);
    }
}
