//! What was heard, as audio: where it lies on the clock.

use super::*;

fn mouth(lead_ms: u32) -> Mouth {
    Mouth::new(&MouthSettings {
        keep_heard: true,
        lead_ms,
        ..MouthSettings::default()
    })
}

/// Noise in which every place can be told from every other.
fn noise(ms: usize) -> Arc<[u8]> {
    let mut seed = 7_u32;
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    };
    (0..ms * MS).map(|_| next()).collect()
}

/// Runs of what was handed out: when each began, ms, and its audio.
fn fetch(mouth: &mut Mouth, now_ms: u64) -> Vec<(u64, Vec<u8>)> {
    let mut runs: Vec<(u64, Vec<u8>)> = Vec::new();
    mouth.heard_audio(
        now_ms,
        &mut |HeardAudio { at, audio }| match runs.last_mut() {
            Some((began, run)) if *began + run.len() as u64 == at => run.extend_from_slice(audio),
            _ => runs.push((at, audio.to_vec())),
        },
    );
    for (at, _) in &mut runs {
        assert!(at.is_multiple_of(SAMPLES_PER_MS));
        *at /= SAMPLES_PER_MS;
    }
    runs
}

/// Polls as time passes; mark number n comes at `marks[n]`, and counts for what it says.
fn play(mouth: &mut Mouth, marks: &[u64], until: u64) {
    let mut facts = Vec::new();
    for now in 0..=until {
        for (seq, _) in marks.iter().enumerate().filter(|(_, at)| **at == now) {
            mouth.marked(now, &format!("1.{seq}"), &mut facts);
        }
        mouth.poll(now, &mut facts, &mut |_| {});
    }
    assert_eq!(mouth.counters().marks_ignored, 0);
}

#[test]
fn a_mouth_that_keeps_nothing_hands_out_nothing() {
    let mut mouth = Mouth::new(&MouthSettings::default());
    mouth.say(1, 0, clause(100)).unwrap();
    play(&mut mouth, &[150], 200);
    assert_eq!(fetch(&mut mouth, 200), []);
}

#[test]
fn late_marks_tear_no_holes() {
    let audio = noise(3_000);
    // Played from 60 ms on. Marks come up to 80 ms late, and those of a stall together at its end.
    let jitter = [80, 30, 80, 10, 70, 25, 0, 60, 80, 80, 5];
    for (jitter, stall) in [
        (&[0][..], 0..0),
        (&jitter, 0..0),
        (&[0], 150..1_900),
        (&[0], 700..2_400),
        (&jitter, 900..1_700),
    ] {
        let mut mouth = mouth(500);
        mouth.say(1, 0, audio.clone()).unwrap();
        let due = (1..=30).map(|n| 60 + n * 100).zip(jitter.iter().cycle());
        let late = due.map(|(due, jitter)| due + jitter);
        let marks: Vec<u64> = late
            .map(|due| if stall.contains(&due) { stall.end } else { due })
            .collect();
        play(&mut mouth, &marks, 3_200);
        let heard = fetch(&mut mouth, 3_200);
        let [(at, run)] = &heard[..] else {
            panic!("{} pieces, {stall:?}", heard.len());
        };
        assert!((60..=70).contains(at), "at {at}, {stall:?}");
        assert_eq!(run[..], audio[..]);
    }
}

#[test]
fn a_carrier_that_ran_dry_goes_on_later() {
    let audio = noise(1_000);
    let mut mouth = mouth(300);
    mouth.say(1, 0, audio.clone()).unwrap();
    // The fifth chunk was 700 ms on its way.
    let marks: Vec<u64> = (1..=10)
        .map(|n| 60 + n * 100 + if n > 4 { 400 } else { 0 })
        .collect();
    play(&mut mouth, &marks, 2_000);
    let (before, after) = audio.split_at(400 * MS);
    assert_eq!(
        fetch(&mut mouth, 2_000),
        [(60, before.to_vec()), (860, after.to_vec())]
    );
}

#[test]
fn nothing_is_handed_out_before_it_is_known_where_it_belongs() {
    let audio = noise(1_000);
    let mut mouth = mouth(500);
    mouth.say(1, 0, audio.clone()).unwrap();
    assert_eq!(mouth.heard_until(40), 20 * SAMPLES_PER_MS);
    play(&mut mouth, &[160, 260, 360], 360);
    assert_eq!(fetch(&mut mouth, 360), []);
    assert_eq!(mouth.heard_until(360), 0, "it was sent at 0");
    mouth.marked(460, "1.3", &mut Vec::new());
    assert_eq!(fetch(&mut mouth, 460), [(60, audio[..400 * MS].to_vec())]);
    assert_eq!(mouth.heard_until(460), 460 * SAMPLES_PER_MS);
}

#[test]
fn of_what_was_taken_back_the_heard_part_remains() {
    let audio = noise(1_000);
    let mut mouth = mouth(500);
    mouth.say(1, 0, audio.clone()).unwrap();
    play(&mut mouth, &[160], 200);
    assert_eq!(mouth.cancel(200, 1), position(1, 0, 140, 1_000));
    assert_eq!(fetch(&mut mouth, 200), [(60, audio[..140 * MS].to_vec())]);
    // Before the first mark, the clock knows.
    let mut mouth = self::mouth(500);
    mouth.say(1, 0, audio.clone()).unwrap();
    play(&mut mouth, &[], 130);
    assert_eq!(mouth.pause(130), position(1, 0, 30, 1_000));
    assert_eq!(fetch(&mut mouth, 130), [(100, audio[..30 * MS].to_vec())]);
    assert_eq!(mouth.cancel_all(140), position(1, 0, 30, 1_000));
    assert_eq!(fetch(&mut mouth, 140), []);
}

#[test]
fn what_a_resume_says_again_was_heard_again() {
    let audio = noise(600);
    let mut mouth = mouth(500);
    mouth.say(1, 0, audio.clone()).unwrap();
    mouth.end(1);
    play(&mut mouth, &[150, 250, 350], 380);
    assert_eq!(mouth.pause(380), position(1, 0, 330, 600));
    let mut facts = Vec::new();
    mouth.poll(380, &mut facts, &mut |_| {});
    mouth.resume();
    let mut again = Vec::new();
    mouth.poll(1_000, &mut facts, &mut |out| match out {
        Out::Audio(audio) => again.extend_from_slice(audio),
        Out::Mark(_) | Out::Clear => {}
    });
    let chunks = again.len().div_ceil(100 * MS) as u64;
    assert!(again.len() > 270 * MS, "from before the cut");
    for n in 1..=chunks {
        let at = 1_050 + (n * 100).min((again.len() / MS) as u64);
        mouth.marked(at, &format!("2.{}", 5 + n), &mut facts);
    }
    let heard = fetch(&mut mouth, 2_000);
    assert_eq!(heard[0], (50, audio[..330 * MS].to_vec()));
    assert_eq!(heard[1].1, again);
    assert_eq!(heard.len(), 2);
    let mut places = audio.windows(again.len());
    assert!(places.any(|place| place == again), "in one piece");
}

#[test]
fn without_marks_the_clock_tells() {
    let audio = noise(350);
    let mut mouth = mouth(500);
    mouth.say(1, 0, audio.clone()).unwrap();
    mouth.end(1);
    play(&mut mouth, &[], 2_349);
    assert_eq!(
        fetch(&mut mouth, 2_349),
        [(100, audio[..300 * MS].to_vec())]
    );
    assert_eq!(mouth.heard_until(2_349), 400 * SAMPLES_PER_MS);
    mouth.poll(2_350, &mut Vec::new(), &mut |_| {});
    assert_eq!(
        fetch(&mut mouth, 2_350),
        [(400, audio[300 * MS..].to_vec())]
    );
}

#[test]
fn what_nobody_fetches_is_bounded() {
    let mut mouth = mouth(500);
    for second in 0..6_000_u64 {
        mouth.say(second as u32, 0, clause(20)).unwrap();
        mouth.end(second as u32);
        mouth.poll(second * 1_000, &mut Vec::new(), &mut |_| {});
        mouth.marked(
            second * 1_000 + 120,
            &format!("1.{second}"),
            &mut Vec::new(),
        );
    }
    assert_eq!(mouth.counters().heard_dropped, (6_000 - 4_096) * 160);
    assert_eq!(fetch(&mut mouth, 6_000_000).len(), 4_096);
}
