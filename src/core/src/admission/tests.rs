use super::*;

const LIMITS: Limits = Limits {
    cpu: Some(0.85),
    lag_ms: Some(30.0),
    wait_ms: Some(150.0),
};
const READ_MS: u64 = 250;

fn reading(cpu: f64, lag_ms: f64, wait_ms: f64) -> Reading {
    Reading {
        cpu: Some(cpu),
        lag_ms: Some(lag_ms),
        wait_ms: Some(wait_ms),
    }
}

/// A server that runs calls, and its clock.
struct Server {
    load: Load,
    now_ms: u64,
}

impl Server {
    fn new(cores: usize) -> Self {
        Self {
            load: Load::new(LIMITS, cores),
            now_ms: 0,
        }
    }

    /// The same for so long, read as often as ever.
    fn stays(&mut self, ms: u64, reading: Reading) {
        for _ in 0..ms / READ_MS {
            self.now_ms += READ_MS;
            self.load.read(self.now_ms, reading);
        }
    }

    /// As many as are let in at once, of so many that ask.
    fn crowd(&mut self, asking: u32) -> u32 {
        let mut taken = 0;
        for _ in 0..asking {
            if self.load.verdict(true) == Verdict::Open {
                self.load.promise();
                self.load.came();
                taken += 1;
            }
        }
        taken
    }

    fn full(&mut self) -> Option<Why> {
        match self.load.verdict(true) {
            Verdict::Open => None,
            Verdict::Full { why } => Some(why),
        }
    }
}

#[test]
fn before_anything_is_measured_the_door_is_open() {
    let mut server = Server::new(1);
    assert_eq!(server.crowd(2_000), 2_000);
    // What is measured of nothing closes nothing either.
    server.stays(5_000, Reading::default());
    assert_eq!(server.full(), None);
    assert_eq!(server.load.levels().cpu_expected, None);
}

#[test]
fn each_reading_closes_the_door_at_its_mark_and_opens_it_lower() {
    type Row = (fn(f64) -> Reading, f64, Why);
    let rows: [Row; 3] = [
        // One call more is thought to cost a fiftieth of the one core.
        (|level| reading(level, 0.0, 0.0), 0.83, Why::Cpu),
        (|level| reading(0.1, level, 0.0), 30.0, Why::EventLoop),
        (|level| reading(0.1, 0.0, level), 150.0, Why::Inference),
    ];
    for (at, mark, why) in rows {
        let mut server = Server::new(1);
        assert_eq!(server.crowd(1), 1);
        server.stays(60_000, at(mark * 0.99));
        assert_eq!(server.full(), None, "{why:?} below its mark");
        server.stays(60_000, at(mark * 1.02));
        assert_eq!(server.full(), Some(why));
        server.stays(60_000, at(mark * 0.9));
        assert_eq!(server.full(), Some(why), "{why:?} between its marks");
        server.stays(60_000, at(mark * 0.8));
        assert_eq!(server.full(), None, "{why:?} under its lower mark");
        server.stays(60_000, at(mark * 0.9));
        assert_eq!(server.full(), None, "{why:?} between them again");
    }
}

#[test]
fn what_is_not_limited_closes_nothing() {
    for (limits, level) in [
        (
            Limits {
                cpu: None,
                ..LIMITS
            },
            reading(1.0, 0.0, 0.0),
        ),
        (
            Limits {
                lag_ms: None,
                ..LIMITS
            },
            reading(0.0, 9e9, 0.0),
        ),
        (
            Limits {
                wait_ms: None,
                ..LIMITS
            },
            reading(0.0, 0.0, 9e9),
        ),
    ] {
        let mut server = Server::new(1);
        server.load.limit(limits);
        server.crowd(1);
        server.stays(10_000, level);
        assert_eq!((server.full(), server.load.strained()), (None, None));
    }
}

#[test]
fn one_call_alone_is_always_tried() {
    let mut server = Server::new(1);
    server.stays(10_000, reading(1.0, 500.0, 5_000.0));
    assert_eq!(server.full(), None);
    server.load.promise();
    assert_eq!(server.full(), Some(Why::Cpu));
    server.load.not_coming();
    assert_eq!(server.full(), None);
}

#[test]
fn a_crowd_between_two_readings_meets_a_door_that_closes() {
    for (cores, busy, fit) in [(1, 0.05, 40), (1, 0.65, 10), (4, 0.05, 160), (4, 0.65, 40)] {
        let mut server = Server::new(cores);
        server.load.promise();
        server.load.came();
        server.stays(10_000, reading(busy, 1.0, 0.0));
        // One of fifty parts of a core each, up to 85 of a hundred.
        let taken = server.crowd(1_000);
        assert!(taken.abs_diff(fit) <= 1, "{cores} {busy}: {taken}");
        assert_eq!(server.full(), Some(Why::Cpu));
    }
}

#[test]
fn a_crowd_of_promised_calls_counts_until_it_comes_or_does_not() {
    let mut server = Server::new(1);
    server.stays(10_000, reading(0.05, 1.0, 0.0));
    let mut promised = 0;
    while server.full().is_none() {
        server.load.promise();
        promised += 1;
    }
    assert!((35..=41).contains(&promised), "{promised}");
    // They ring: nothing is measured of them, however long it takes.
    server.stays(60_000, reading(0.05, 1.0, 0.0));
    assert_eq!(server.full(), Some(Why::Cpu));
    for _ in 0..promised {
        server.load.not_coming();
    }
    assert_eq!(server.full(), None);
    assert_eq!(server.load.levels().promised, 0);
}

#[test]
fn a_crowd_is_not_counted_twice_once_it_is_measured() {
    let mut server = Server::new(1);
    server.stays(10_000, reading(0.0, 1.0, 0.0));
    for _ in 0..20 {
        server.load.promise();
        server.load.came();
    }
    // They cost what they were thought to: the level goes from what is expected to what is measured, and over neither.
    for _ in 0..80 {
        server.stays(READ_MS, reading(0.4, 1.0, 0.0));
        let expected = server.load.levels().cpu_expected.unwrap();
        assert!((0.38..=0.42).contains(&expected), "{expected}");
    }
    assert!((server.load.levels().cpu.unwrap() - 0.4).abs() < 0.001);
}

#[test]
fn what_a_call_costs_is_learnt() {
    // Cost of a call in parts of a core, and how many of them a core holds at most.
    for (cost, holds) in [(0.002, 425.0), (0.1, 8.5), (0.012, 71.0)] {
        let mut server = Server::new(1);
        server.stays(60_000, reading(0.04, 1.0, 0.0));
        for _ in 0..600 {
            server.crowd(1);
            let busy = (0.04 + cost * f64::from(server.load.levels().running)).min(1.0);
            server.stays(1_000, reading(busy, 1.0, 0.0));
        }
        let levels = server.load.levels();
        let (found, running) = (levels.call_cost, f64::from(levels.running));
        assert!((found / cost - 1.0).abs() < 0.2, "{found} of {cost}");
        let fit = (0.81 / cost).floor();
        assert!(running <= fit + 1.0, "{running} of {fit}: over the mark");
        assert!(
            running >= fit * 0.9 - 1.0 && running <= holds,
            "{running} of {fit}"
        );
        // Half of them hang up, and a crowd comes: as many are let in as fit.
        for _ in 0..levels.running / 2 {
            server.load.ended();
        }
        let busy = 0.04 + cost * f64::from(server.load.levels().running);
        server.stays(20_000, reading(busy, 1.0, 0.0));
        let taken = f64::from(server.crowd(10_000));
        let room = (0.85 - busy) / cost;
        assert!(
            (taken / room - 1.0).abs() < 0.25 || (taken - room).abs() <= 1.0,
            "{taken} of {room}"
        );
    }
}

#[test]
fn a_hiccup_closes_nothing_and_a_door_does_not_flap() {
    let mut server = Server::new(1);
    server.crowd(5);
    server.stays(20_000, reading(0.5, 2.0, 10.0));
    server.stays(READ_MS, reading(1.0, 2.0, 1_000.0));
    assert_eq!(server.full(), None);
    // Around its mark, by more than a call's cost either way, for a minute.
    let (mut turns, mut was) = (0, None);
    for second in 0..60 {
        let level = if second % 2 == 0 { 0.80 } else { 0.88 };
        server.stays(1_000, reading(level, 2.0, 10.0));
        let is = server.full();
        turns += u32::from(is != was);
        was = is;
    }
    assert!(turns <= 1, "{turns}");
}

#[test]
fn inference_that_waits_turns_away_only_who_needs_it() {
    let mut server = Server::new(1);
    server.crowd(1);
    server.stays(10_000, reading(0.2, 1.0, 60.0));
    assert_eq!(server.load.strained(), None);
    server.stays(10_000, reading(0.2, 1.0, 100.0));
    assert_eq!(
        (server.full(), server.load.strained()),
        (None, Some(Why::Inference))
    );
    server.stays(10_000, reading(0.2, 1.0, 200.0));
    assert_eq!(server.full(), Some(Why::Inference));
    assert_eq!(server.load.verdict(false), Verdict::Open);
    server.stays(10_000, reading(0.78, 1.0, 0.0));
    assert_eq!(
        (server.full(), server.load.strained()),
        (None, Some(Why::Cpu))
    );
}

#[test]
fn lines_rest_while_the_cpu_is_busy() {
    let mut server = Server::new(1);
    assert_eq!(server.load.rest_ms(), 0);
    // What a rest saves does not end it.
    for (cpu, rest_ms) in [(0.45, 0), (0.55, 60), (0.35, 60), (0.2, 0), (0.45, 0)] {
        server.stays(20_000, reading(cpu, 1.0, 1.0));
        assert_eq!(server.load.rest_ms(), rest_ms, "{cpu}");
    }
    // A server that cannot measure its CPU is never in a hurry to save it.
    server.stays(20_000, reading(0.9, 1.0, 1.0));
    let unknown = Reading {
        cpu: None,
        ..reading(0.9, 1.0, 1.0)
    };
    server.stays(20_000, unknown);
    assert_eq!(server.load.rest_ms(), 0);
}

#[test]
fn nonsense_is_borne() {
    let mut server = Server::new(0);
    server.load.ended();
    server.load.not_coming();
    for cpu in [f64::NAN, f64::INFINITY, -1.0, 40.0] {
        server.stays(1_000, reading(cpu, f64::NAN, f64::NAN));
    }
    server.load.read(0, reading(0.5, 1.0, 1.0));
    server.load.read(u64::MAX, reading(0.5, 1.0, 1.0));
    server.crowd(3);
    let levels = server.load.levels();
    assert!(levels.cpu.unwrap().is_finite() && levels.call_cost > 0.0);
    assert_eq!(server.full(), None);
}
