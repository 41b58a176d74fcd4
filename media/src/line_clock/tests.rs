use super::*;

const MS: u64 = SAMPLES_PER_MS;

struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % bound
    }
}

/// A carrier whose clock is off by `ppm`, 40 ms away, that begins to send at `begins` ms.
#[derive(Clone, Copy)]
struct Carrier {
    begins: f64,
    ppm: f64,
}

impl Carrier {
    /// When so many samples of the stream are here, at the earliest, ms.
    fn ready_ms(self, position: u64) -> f64 {
        self.begins + 40.0 + position as f64 / 8.0 * (1.0 - self.ppm / 1e6)
    }

    /// Samples of the stream that are here at this time, were the line never late.
    fn position(self, now_ms: f64) -> f64 {
        (now_ms - self.begins - 40.0) * 8.0 / (1.0 - self.ppm / 1e6)
    }
}

/// Arrivals of the frames of twenty minutes, in order: when, and how many samples are here then.
fn arrivals(carrier: Carrier, jitter_ms: u64, stalls: &[f64], rng: &mut Rng) -> Vec<(u64, u64)> {
    let (mut last, mut arrivals) = (0, Vec::new());
    for frame in 1..=60_000 {
        let position = frame * FRAME as u64;
        let mut due = carrier.ready_ms(position) + rng.below(jitter_ms + 1) as f64;
        for &stall in stalls {
            if (stall..stall + 2_000.0).contains(&due) {
                due = stall + 2_000.0;
            }
        }
        last = last.max(due as u64);
        arrivals.push((last, position));
    }
    arrivals
}

#[test]
fn twenty_minutes_of_drift_jitter_and_stalls_stay_within_20_ms() {
    let stalls = [61_000.0, 400_000.0, 1_100_000.0];
    for (seed, ppm) in [(1, 100.0), (2, -100.0), (3, 0.0), (4, 200.0), (5, -200.0)] {
        for begins in [0.0, 2_345.0] {
            let mut rng = Rng(seed * 7_919);
            let carrier = Carrier { begins, ppm };
            let mut clock = LineClock::default();
            let mut arrivals = arrivals(carrier, 80, &stalls, &mut rng)
                .into_iter()
                .peekable();
            let (mut before, mut worst, mut worst_message) = (0, 0.0_f64, 0.0_f64);
            let settled = begins as u64 + 1_000;
            let end = carrier.ready_ms(60_000 * FRAME as u64) as u64;
            for now in 0..end {
                while let Some((_, position)) = arrivals.next_if(|(at, _)| *at <= now) {
                    clock.observe(now, position);
                    let late = clock.undelayed_ms(now) as f64 - carrier.ready_ms(position);
                    if now >= settled {
                        // It was sent within 20 ms from then.
                        worst_message = worst_message.max((late - 10.0).abs());
                    }
                }
                let at = clock.at(now);
                assert!(at >= before, "it goes back at {now}");
                before = at;
                if now >= settled {
                    let truth = carrier.position(now as f64) + clock.caller_at(0) as f64;
                    worst = worst.max((at as f64 - truth).abs() / 8.0);
                    assert!(now.abs_diff(clock.when_ms(at)) <= 1, "there and back");
                }
            }
            assert!(worst < 20.0, "{worst} ms off at {ppm} ppm");
            assert!(worst_message < 20.0, "a message is {worst_message} ms off");
            let drifted = clock.at(end).abs_diff(end * MS) as f64 / 8.0;
            let least = ppm.abs() * 1.2 - 100.0;
            assert!(drifted > least, "it follows the drift: {drifted} ms");
        }
    }
}

#[test]
fn before_the_first_frame_the_servers_clock_counts() {
    let mut clock = LineClock::default();
    assert_eq!((clock.at(1_000), clock.when_ms(8_000)), (8_000, 1_000));
    assert_eq!((clock.undelayed_ms(700), clock.caller_at(5)), (700, 5));
    clock.observe(3_000, 160);
    assert_eq!(clock.caller_at(0), 3_000 * MS - 160, "it ends now");
    assert_eq!(clock.at(3_000), 3_000 * MS);
    let mut clock = LineClock::default();
    clock.observe(5, 160);
    assert_eq!(
        (clock.caller_at(0), clock.at(5)),
        (0, 160),
        "not before the call"
    );
}

#[test]
fn audio_that_is_missing_is_not_awaited_for_ever() {
    let mut clock = LineClock::default();
    let mut position = 0;
    for now in (0..60_000).step_by(20) {
        // Nothing comes for four seconds, and what was said in them never does.
        if (20_000..24_000).contains(&now) {
            continue;
        }
        position += 160;
        clock.observe(now, position);
        let off = clock.at(now).abs_diff(clock.caller_at(position));
        assert!(
            off <= 8 * MS || (24_000..27_020).contains(&now),
            "{off} at {now}"
        );
        assert!(clock.at(now).abs_diff(now * MS + 160) <= 20 * MS);
    }
}

#[test]
fn a_slow_second_is_not_missing_audio() {
    let mut clock = LineClock::default();
    for frame in 1..3_000_u64 {
        // The line is 800 ms late for two and a half seconds.
        let due = frame * 20;
        let late = if (20_000..22_500).contains(&due) {
            800
        } else {
            0
        };
        clock.observe(due + late, frame * 160);
    }
    assert_eq!((clock.caller_at(0), clock.at(70_000)), (0, 70_000 * MS));
}

#[test]
fn numbers_from_outside_do_no_harm() {
    for (now, position) in [(0, u64::MAX), (u64::MAX, 0), (u64::MAX, u64::MAX), (7, 0)] {
        let mut clock = LineClock::default();
        for (now, position) in [(now, position), (now / 2, position / 3), (100, 800)] {
            clock.observe(now, position);
            for value in [0, 1, now, position, u64::MAX] {
                let _ = (
                    clock.at(value),
                    clock.when_ms(value),
                    clock.undelayed_ms(value),
                );
            }
        }
    }
}

#[test]
fn what_is_contiguous_stays_so() {
    let mut clock = LineClock::default();
    let mut placer = Placer::default();
    clock.observe(1_000, 160);
    assert_eq!(placer.place(&clock, 8_000, 800), 8_000);
    // The line turns out to be 50 ms quicker.
    clock.observe(1_010, 640);
    assert_eq!(placer.place(&clock, 8_800, 800), 8_800);
    assert_eq!(placer.place(&clock, 9_600, 5), 9_600);
    assert_eq!(placer.place(&clock, 9_606, 10), 10_006, "a new run");
    assert_eq!(placer.place(&clock, 9_616, 10), 10_016);
    assert_eq!(placer.place(&clock, 9_000, 10), 10_026, "never back");
}
