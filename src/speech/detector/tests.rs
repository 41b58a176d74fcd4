use super::*;
use std::sync::mpsc;

/// Tells how many lines came together, and waits to be let go on.
struct Gate {
    came: mpsc::SyncSender<usize>,
    go: mpsc::Receiver<Result<(), SpeechError>>,
}

impl Judge for Gate {
    fn judge(&mut self, lines: &mut [Line]) -> Result<(), SpeechError> {
        self.came.send(lines.len()).unwrap();
        for line in lines.iter_mut() {
            let windows = line.samples.as_chunks::<WINDOW_SAMPLES>().0;
            line.probabilities = windows.iter().map(|window| f32::from(window[0])).collect();
        }
        self.go.recv().unwrap()
    }
}

struct Rig {
    detector: Detector,
    came: mpsc::Receiver<usize>,
    go: mpsc::SyncSender<Result<(), SpeechError>>,
}

impl Rig {
    fn new(capacity: usize, calls: usize) -> Self {
        let (came_in, came) = mpsc::sync_channel(64);
        let (go, go_out) = mpsc::sync_channel(64);
        let gate = Gate {
            came: came_in,
            go: go_out,
        };
        let detector = Detector::start(gate, capacity).unwrap();
        detector
            .lane
            .shared
            .lock()
            .load
            .calls_changed(calls, clock::now());
        Rig { detector, came, go }
    }

    fn ask(&self, first: i16, wanted_in: Duration) -> oneshot::Receiver<Judged> {
        let samples = vec![first; WINDOW_SAMPLES];
        let asked = self.detector.ask(VadState::default(), samples, wanted_in);
        asked.unwrap()
    }
}

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn who_comes_meanwhile_is_judged_together_and_each_gets_its_own() {
    let rig = Rig::new(100, 0);
    let first = rig.ask(1, Duration::ZERO);
    assert_eq!(rig.came.recv().unwrap(), 1);
    let others: Vec<_> = (2..5).map(|n| rig.ask(n, Duration::ZERO)).collect();
    let gone = rig.ask(9, Duration::ZERO);
    drop(gone);
    rig.go.send(Ok(())).unwrap();
    assert_eq!(first.blocking_recv().unwrap().unwrap().1, [1.0]);
    assert_eq!(rig.came.recv().unwrap(), 3);
    rig.go.send(Ok(())).unwrap();
    for (n, other) in (2_u8..5).zip(others) {
        assert_eq!(other.blocking_recv().unwrap().unwrap().1, [f32::from(n)]);
    }
    let stats = rig.detector.lane.stats();
    assert_eq!((stats.done, stats.cancelled, stats.waiting), (4, 1, 0));
}

#[test]
fn with_many_calls_the_patient_wait_for_one_who_is_not() {
    let rig = Rig::new(100, CALLS_FOR_COMPANY);
    let patient: Vec<_> = (0..3).map(|n| rig.ask(n, HOUR)).collect();
    let urgent = rig.ask(7, Duration::ZERO);
    assert_eq!(rig.came.recv().unwrap(), 4);
    rig.go.send(Ok(())).unwrap();
    assert_eq!(urgent.blocking_recv().unwrap().unwrap().1, [7.0]);
    for answer in patient {
        assert!(answer.blocking_recv().unwrap().is_ok());
    }
}

#[test]
fn a_full_batch_waits_for_nobody() {
    let rig = Rig::new(100, CALLS_FOR_COMPANY);
    let answers: Vec<_> = (0..40).map(|n| rig.ask(n, HOUR)).collect();
    assert_eq!(rig.came.recv().unwrap(), TOGETHER_MAX);
    drop(answers);
    rig.go.send(Ok(())).unwrap();
}

#[test]
fn with_few_calls_nobody_waits_for_company() {
    let rig = Rig::new(100, CALLS_FOR_COMPANY - 1);
    let answer = rig.ask(3, HOUR);
    assert_eq!(rig.came.recv().unwrap(), 1);
    rig.go.send(Ok(())).unwrap();
    assert!(answer.blocking_recv().unwrap().is_ok());
}

#[test]
fn a_full_queue_refuses_and_a_failure_is_told_to_all() {
    let rig = Rig::new(2, CALLS_FOR_COMPANY);
    let (one, other) = (rig.ask(1, HOUR), rig.ask(2, HOUR));
    let refused = rig.detector.ask(VadState::default(), Vec::new(), HOUR);
    assert!(matches!(refused, Err(SpeechError::Busy)));
    assert_eq!(rig.detector.lane.stats().refused, 1);
    drop(one);
    drop(other);
    let rig = Rig::new(2, 0);
    let answer = rig.ask(1, Duration::ZERO);
    assert_eq!(rig.came.recv().unwrap(), 1);
    rig.go.send(Err(SpeechError::Late)).unwrap();
    assert!(matches!(
        answer.blocking_recv().unwrap(),
        Err(SpeechError::Late)
    ));
}

#[test]
fn the_end_tells_who_waits() {
    let rig = Rig::new(2, CALLS_FOR_COMPANY);
    let answer = rig.ask(1, HOUR);
    drop(rig);
    assert!(answer.blocking_recv().is_err());
}
