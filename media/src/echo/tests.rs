use super::*;
use crate::ear::{Ear, EarSettings, Fact, position_ms};
use crate::wav;

/// What the agent says: `fixtures/speech/README.md`.
fn agent() -> Vec<Vec<i16>> {
    let voices: [&[u8]; 3] = [
        include_bytes!("../../../fixtures/speech/long.ulaw"),
        include_bytes!("../../../fixtures/speech/apology.ulaw"),
        include_bytes!("../../../fixtures/speech/complete.ulaw"),
    ];
    let decoded =
        |bytes: &[u8]| -> Vec<i16> { bytes.iter().map(|byte| g711::mulaw_decode(*byte)).collect() };
    let [first, second, third] = voices.map(decoded);
    // An opening, and what may be interrupted.
    vec![
        [&second[..first.len()], &first].concat(),
        [&first[..24_000], &third].concat(),
    ]
}

/// How much of it is the opening, in samples.
fn opening(agent: &[i16]) -> usize {
    match agent.len() {
        60_000.. => agent.len() / 2,
        _ => 24_000,
    }
}

/// Who calls: `fixtures/speech/caller/README.md`, and people of `fixtures/speech/recorded/README.md`.
fn callers() -> Vec<Vec<i16>> {
    let voices: [&[u8]; 5] = [
        include_bytes!("../../../fixtures/speech/caller/1.wav"),
        include_bytes!("../../../fixtures/speech/caller/4.wav"),
        include_bytes!("../../../fixtures/speech/recorded/novel-2.wav"),
        include_bytes!("../../../fixtures/speech/recorded/novel-5.wav"),
        include_bytes!("../../../fixtures/speech/recorded/cards-2.wav"),
    ];
    let read = |bytes: &[u8]| {
        let clip = wav::read(bytes).unwrap();
        let rate_hz = clip.rate_hz;
        let samples = clip.into_mono();
        match rate_hz {
            8_000 => samples,
            16_000 => samples
                .chunks_exact(2)
                .map(|two| (two[0] / 2) + (two[1] / 2))
                .collect(),
            other => panic!("{other} Hz"),
        }
    };
    voices.map(read).into()
}

fn scaled(samples: &[i16], db: f64) -> Vec<f64> {
    let factor = 10_f64.powf(db / 20.0);
    samples.iter().map(|s| f64::from(*s) * factor).collect()
}

/// What a line makes of a voice: it loses its lowest and highest tones, and smears a little.
fn through_a_line(samples: &[f64]) -> Vec<f64> {
    let (mut low, mut high, mut before) = (0.0, 0.0, 0.0);
    let filtered = samples.iter().map(|sample| {
        high += 0.55 * (sample - high);
        low += 0.15 * (high - low);
        let band = high - low;
        let smeared = band + 0.3 * before;
        before = band;
        smeared
    });
    filtered.collect()
}

struct Noise(u32);

impl Noise {
    /// About -66 dBFS.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (f64::from(self.0 >> 16) / 32_768.0 - 1.0) * 28.0
    }
}

/// The frame that begins at `at`: two sounds, each from a sample of the line on, and the line's noise.
fn on_the_line(at: usize, sounds: [(usize, &[f64]); 2], noise: &mut Noise) -> Vec<u8> {
    let sample = |at: usize| {
        let heard = sounds.map(|(from, sound)| at.checked_sub(from).and_then(|at| sound.get(at)));
        heard.into_iter().flatten().sum::<f64>() + noise.next()
    };
    let samples = (at..at + FRAME).map(sample);
    samples.map(|s| g711::mulaw_encode(s as i16)).collect()
}

/// Plays `agent` to a line that returns `echo` of it `delay` samples later, while `caller` speaks from `caller_from` on.
/// Where speech was found to start, and when that was known, ms.
fn speech_found(
    agent: &[i16],
    echo: &[f64],
    delay: usize,
    caller: &[f64],
    caller_from: usize,
) -> (Vec<(u64, u64)>, u64) {
    let mut ear = Ear::new(EarSettings::default());
    let mut noise = Noise(delay as u32 + caller_from as u32);
    let (mut facts, mut found) = (Vec::new(), Vec::new());
    let sent: Vec<u8> = agent.iter().map(|s| g711::mulaw_encode(*s)).collect();
    // Half a second of quiet line first, and chunks of 100 ms up to half a second ahead.
    let start = 4_000;
    let end = start + agent.len().max(caller_from + caller.len()) + delay;
    let mut chunks = sent.chunks(800).enumerate();
    for at in (0..end).step_by(FRAME) {
        while at >= start
            && let Some((number, chunk)) = chunks.clone().next()
            && start + number * 800 <= at + 3_200
        {
            ear.sent((at / 8) as u64, chunk);
            chunks.next();
        }
        let sounds = [(start + delay, echo), (start + caller_from, caller)];
        let frame = on_the_line(at, sounds, &mut noise);
        ear.next_spoken_at((at / 8) as u64);
        ear.push(&frame, &mut facts);
        ear.judge_by_energy(&mut facts);
        for fact in facts.drain(..) {
            if let Fact::SpeechStarted { at: began } = fact {
                let ms = |at: u64| position_ms(at).saturating_sub(500);
                found.push((ms(began), ms((at + FRAME) as u64)));
            }
        }
    }
    (found, ear.counters().echoes)
}

#[test]
fn an_echo_of_our_own_voice_is_not_a_caller() {
    let (mut runs, mut starts, mut faint) = (0, Vec::new(), Vec::new());
    for (which, agent) in agent().iter().enumerate() {
        for echo_ms in [0, 20, 60, 130, 250, 370, 500] {
            for db in [-6.0, -12.0, -18.0, -24.0, -30.0, -36.0, -40.0] {
                let echo = through_a_line(&scaled(agent, db));
                // Way out and way back.
                let delay = (90 + echo_ms) * 8 + 3;
                let (mut found, echoes) = speech_found(agent, &echo, delay, &[], 0);
                // What comes first is the opening, which nobody interrupts, and from which the echo is learnt.
                found.retain(|(began, _)| *began > opening(agent) as u64 / 8);
                runs += 1;
                assert!(echoes > 0 || db == -40.0, "{which} {echo_ms} ms {db} dB");
                let found = found.into_iter().map(|found| (which, echo_ms, db, found));
                match db {
                    // No louder than the noise of the line.
                    -40.0 => faint.extend(found),
                    _ => starts.extend(found),
                }
            }
        }
    }
    println!("{runs} echoes, taken for a caller: {starts:?}, faint ones: {faint:?}");
    assert!(starts.is_empty(), "{starts:?}");
    assert!(faint.len() <= 7, "{faint:?}");
}

#[test]
fn a_caller_is_heard_over_an_echo_and_without_one() {
    // An echo as loud as the caller hides them for a moment: what is as loud as our echo is held to be it.
    for (db, share_min) in [
        (None, 0.99),
        (Some(-30.0), 0.99),
        (Some(-24.0), 0.99),
        (Some(-18.0), 0.95),
        (Some(-12.0), 0.7),
    ] {
        let (mut runs, mut late) = (0, Vec::new());
        for agent in agent() {
            for (who, caller) in callers().iter().enumerate() {
                let first = caller.iter().position(|s| s.unsigned_abs() > 800).unwrap();
                for from_ms in (100..900).step_by(100) {
                    let from_ms = opening(&agent) / 8 + from_ms;
                    let echo = db.map_or(Vec::new(), |db| through_a_line(&scaled(&agent, db)));
                    let caller = scaled(&caller[first..], 0.0);
                    let caller = &caller[..caller.len().min(8_000)];
                    let (found, _) = speech_found(&agent, &echo, 1_203, caller, from_ms * 8);
                    let known = found
                        .iter()
                        .map(|(_, known)| known.saturating_sub(from_ms as u64));
                    let known = known.clone().max();
                    runs += 1;
                    // The agent is halted 200 ms after the onset, so what is known by then costs nothing.
                    if known.is_none_or(|known| known > 220) {
                        late.push((who, from_ms, known));
                    }
                }
            }
        }
        println!(
            "echo {db:?} dB: {runs} interruptions, {} late: {late:?}",
            late.len()
        );
        let share = 1.0 - late.len() as f64 / f64::from(runs);
        assert!(share >= share_min, "{db:?} dB: {share}: {late:?}");
    }
}

/// So many of the 20 ms frames of `echo` are known for it, in parts of 1.
fn known(agent: &[i16], echo: &[f64], delay: usize) -> f64 {
    let sounding = echo.chunks(FRAME).filter(|frame| {
        let energy: f64 = frame.iter().map(|sample| sample * sample).sum();
        energy > (FRAME * 60 * 60) as f64
    });
    let sounding = sounding.count();
    let (_, known) = speech_found(agent, echo, delay, &[], 0);
    known as f64 / sounding as f64
}

#[test]
fn tones_of_ours_are_known_though_each_comes_a_little_later() {
    // A tone is as loud as the one that is due, and agrees with it at its own delay alone: what was known is of no use.
    let tone = |hz: f64| {
        (0..48_000).map(move |at| {
            (8_000.0 * (at as f64 * hz * std::f64::consts::TAU / 8_000.0).sin()) as i16
        })
    };
    for (delay_ms, db) in [(150, -12.0), (215, -18.0), (300, -20.0), (215, -22.0)] {
        let (mut agent, mut late) = (Vec::new(), Vec::new());
        for hz in [600.0, 440.0, 1_350.0, 850.0, 2_100.0] {
            let answer: Vec<i16> = tone(hz).chain(std::iter::repeat_n(0, 4_000)).collect();
            agent.extend(&answer);
            late.extend(answer.into_iter().chain([0; 10]));
        }
        let echo = through_a_line(&scaled(&late, db));
        let known = known(&agent, &echo, delay_ms * 8);
        println!("{delay_ms} ms, {db} dB: {known:.3}");
        assert!(known > 0.9, "{delay_ms} ms, {db} dB: {known:.3}");
    }
}

#[test]
fn a_tone_that_lasts_is_ours_to_its_end_and_through_its_changes() {
    // It is found at the shortest delay at which it agrees, by any number of its periods too early; and after a while the
    // gate takes it for the noise of the line. Where the next tone begins, what was known of its delay is of no use.
    let tone = |hz: f64, ms: usize| {
        let step = hz * std::f64::consts::TAU / 8_000.0;
        (0..ms * 8).map(move |at| (8_000.0 * (at as f64 * step).sin()) as i16)
    };
    for hz in [600.0, 900.0, 1_350.0, 2_100.0, 2_850.0] {
        for (delay_ms, db) in [(150, -18.0), (250, -22.0), (300, -18.0)] {
            let parts = [tone(hz, 3_700), tone(440.0, 400), tone(hz, 900)];
            let agent: Vec<i16> = parts.into_iter().flatten().collect();
            let echo = through_a_line(&scaled(&agent, db));
            let known = known(&agent, &echo, delay_ms * 8);
            println!("{hz} Hz, {delay_ms} ms, {db} dB: {known:.3}");
            assert!(known > 0.98, "{hz} Hz, {delay_ms} ms, {db} dB: {known:.3}");
        }
    }
}

#[test]
fn an_echo_whose_delay_changes_is_found_again() {
    for agent in agent() {
        let mut echo = through_a_line(&scaled(&agent, -15.0));
        // From the second on, each second is 3 ms later.
        for at in (8_000..echo.len()).step_by(8_000) {
            echo.splice(at..at, std::iter::repeat_n(0.0, 24));
        }
        let known = known(&agent, &echo, 1_203);
        println!("{known:.3}");
        assert!(known > 0.9, "{known:.3}");
    }
}

#[test]
fn whether_all_sound_of_late_is_ours() {
    let voice = &agent()[1];
    let echo = through_a_line(&scaled(voice, -18.0));
    let caller = &callers()[0];
    let talks = caller.iter().position(|s| s.unsigned_abs() > 800).unwrap();
    let caller = scaled(&caller[talks..], 0.0);
    let mut ear = Ear::new(EarSettings::default());
    let (mut facts, mut noise) = (Vec::new(), Noise(7));
    let sent: Vec<u8> = voice.iter().map(|s| g711::mulaw_encode(*s)).collect();
    let mut chunks = sent.chunks(800);
    // The echo comes back after 150 ms, and the caller begins after two seconds.
    let (delay, cut_in) = (1_200, 16_000);
    for at in (0..24_000).step_by(FRAME) {
        if at % 800 == 0 {
            ear.sent((at / 8) as u64, chunks.next().unwrap());
        }
        let frame = on_the_line(at, [(delay, &echo), (cut_in, &caller)], &mut noise);
        ear.next_spoken_at((at / 8) as u64);
        ear.push(&frame, &mut facts);
        ear.judge_by_energy(&mut facts);
        let ours = ear.hears_only_itself_since(at.saturating_sub(2_400) as u64);
        match at {
            // Before anything comes back, and before that is known for what it is.
            0..1_200 => assert!(!ours, "{at}"),
            4_000..16_000 => assert!(ours, "{at}"),
            18_000.. => assert!(!ours, "{at}"),
            _ => {}
        }
    }
}
