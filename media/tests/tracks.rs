//! Both tracks of a recording in step: twenty minutes over a line with a clock of its own, jitter and stalls.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use trunkline_media::line_clock::{LineClock, Placer};
use trunkline_media::mouth::{Mouth, MouthSettings, Out};
use trunkline_media::{FRAME, SAMPLES_PER_MS};

const MINUTES: u64 = 20;
/// One way, ms.
const DISTANCE_MS: f64 = 30.0;
const JITTER_MS: u64 = 80;
/// Nothing comes from the carrier in these, ms.
const STALLS: [Range<u64>; 3] = [61_500..63_500, 500_200..502_200, 1_100_000..1_102_000];

struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % bound
    }
}

enum Down {
    /// The reply, and how many samples of it.
    Audio(usize, usize),
    Mark(String),
    Clear,
}

enum Up {
    Frame,
    Mark(String),
}

/// A carrier that counts samples of its own: what it plays and what it takes of the caller go in step.
struct Carrier {
    ppm: f64,
    samples: u64,
    down: VecDeque<(f64, Down)>,
    up: VecDeque<(f64, Up)>,
    queue: VecDeque<Down>,
    /// When it played the samples of each reply.
    played: Vec<Vec<u64>>,
}

impl Carrier {
    fn run(&mut self, now_ms: u64, rng: &mut Rng) {
        let until = (now_ms as f64 * 8.0 * (1.0 + self.ppm / 1e6)) as u64;
        while self.samples < until {
            let now = self.samples as f64 / 8.0 / (1.0 + self.ppm / 1e6);
            while self.down.front().is_some_and(|(at, _)| *at <= now) {
                match self.down.pop_front().map(|(_, message)| message) {
                    Some(Down::Clear) | None => {
                        let dropped: Vec<Down> = self.queue.drain(..).collect();
                        for message in dropped {
                            self.echo(message, now, rng);
                        }
                    }
                    Some(message) => self.queue.push_back(message),
                }
            }
            self.play(now, rng);
            self.samples += 1;
            if self.samples.is_multiple_of(FRAME as u64) {
                self.send(Up::Frame, now, rng);
            }
        }
    }

    fn play(&mut self, now: f64, rng: &mut Rng) {
        while let Some(front) = self.queue.front_mut() {
            match front {
                Down::Audio(reply, rest @ 1..) => {
                    *rest -= 1;
                    self.played.resize_with(*reply + 1, Vec::new);
                    self.played[*reply].push(self.samples);
                    return;
                }
                Down::Audio(..) => drop(self.queue.pop_front()),
                Down::Mark(_) | Down::Clear => {
                    if let Some(mark) = self.queue.pop_front() {
                        self.echo(mark, now, rng);
                    }
                }
            }
        }
    }

    fn echo(&mut self, message: Down, now: f64, rng: &mut Rng) {
        if let Down::Mark(name) = message {
            self.send(Up::Mark(name), now, rng);
        }
    }

    fn send(&mut self, message: Up, now: f64, rng: &mut Rng) {
        let mut due = now + DISTANCE_MS + rng.below(JITTER_MS + 1) as f64;
        let stall = STALLS.iter().find(|stall| stall.contains(&(due as u64)));
        due = stall.map_or(due, |stall| stall.end as f64);
        due = self.up.back().map_or(due, |(last, _)| due.max(*last));
        self.up.push_back((due, message));
    }
}

/// What a recorder would store of the agent, and what the replies were.
#[derive(Default)]
struct Tracks {
    stored: Vec<(u64, Vec<u8>)>,
    said: Vec<Arc<[u8]>>,
    /// Where in the recording the caller's track begins.
    offset: u64,
}

fn record(carrier: &mut Carrier, rng: &mut Rng) -> Tracks {
    let mut tracks = Tracks::default();
    let mut mouth = Mouth::new(&MouthSettings {
        keep_heard: true,
        ..MouthSettings::default()
    });
    let (mut clock, mut placer) = (LineClock::default(), Placer::default());
    let (mut position, mut facts) = (0, Vec::new());
    let (mut next_reply, mut cut) = (500, u64::MAX);
    for now in 0..MINUTES * 60_000 {
        carrier.run(now, rng);
        while carrier.up.front().is_some_and(|(at, _)| *at <= now as f64) {
            match carrier.up.pop_front() {
                Some((_, Up::Mark(name))) => {
                    mouth.marked(clock.undelayed_ms(now), &name, &mut facts);
                }
                _ => {
                    position += FRAME as u64;
                    clock.observe(now, position);
                }
            }
        }
        if now == cut {
            mouth.cancel(now, tracks.said.len() as u32 - 1);
        }
        if now == next_reply {
            let reply = tracks.said.len() as u32;
            let samples = (1 + rng.below(8)) * 400 * SAMPLES_PER_MS;
            let audio: Arc<[u8]> = (0..samples).map(|_| rng.below(256) as u8).collect();
            assert_eq!(mouth.say(reply, 0, audio.clone()), Ok(()));
            tracks.said.push(audio);
            mouth.end(reply);
            // One in four is interrupted.
            cut = if rng.below(4) == 0 {
                now + 700
            } else {
                u64::MAX
            };
            next_reply = now + samples / SAMPLES_PER_MS + 300 + rng.below(4_000);
        }
        if mouth.next_due().is_some_and(|due| due <= now) {
            let due = now as f64 + DISTANCE_MS + rng.below(JITTER_MS + 1) as f64;
            let mut due = carrier.down.back().map_or(due, |(last, _)| due.max(*last));
            mouth.poll(now, &mut facts, &mut |out| {
                carrier.down.push_back(match out {
                    Out::Audio(audio) => (due, Down::Audio(tracks.said.len() - 1, audio.len())),
                    Out::Mark(name) => (due, Down::Mark(name.into())),
                    Out::Clear => (due, Down::Clear),
                });
                due += 0.001;
            });
        }
        facts.clear();
        mouth.heard_audio(now, &mut |piece| {
            let at = placer.place(&clock, piece.at, piece.audio.len());
            tracks.stored.push((at, piece.audio.to_vec()));
        });
    }
    assert_eq!(mouth.counters().heard_dropped, 0);
    tracks.offset = clock.caller_at(0);
    tracks
}

#[test]
fn both_tracks_stay_in_step_for_twenty_minutes() {
    for (seed, ppm) in [(11, 100.0), (12, -100.0)] {
        let mut rng = Rng(seed * 104_729);
        let mut carrier = Carrier {
            ppm,
            samples: 0,
            down: VecDeque::new(),
            up: VecDeque::new(),
            queue: VecDeque::new(),
            played: Vec::new(),
        };
        let tracks = record(&mut carrier, &mut rng);
        let (mut reply, mut stored, mut worst, mut last) = (0, 0, 0, 0);
        for (at, audio) in &tracks.stored {
            // Of each reply it is the beginning that is heard, up to where it was cut.
            while !tracks.said[reply][stored..].starts_with(audio) {
                (reply, stored) = (reply + 1, 0);
            }
            for (at, n) in (*at..).zip(stored..stored + audio.len()) {
                let sounded = carrier.played[reply][n] + tracks.offset;
                worst = worst.max(at.abs_diff(sounded));
            }
            assert!(stored == 0 || last == *at, "torn");
            stored += audio.len();
            last = at + audio.len() as u64;
        }
        assert!(reply > 200 && last > 19 * 60_000 * SAMPLES_PER_MS);
        assert!(worst <= 20 * SAMPLES_PER_MS, "{worst} samples off");
        println!("{ppm} ppm: {} ms off at worst", worst / SAMPLES_PER_MS);
    }
}
