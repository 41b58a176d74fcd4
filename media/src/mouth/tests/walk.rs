//! Random conversations against a simulated carrier that plays exactly, and whose lines take time both ways.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::*;

mod carrier;
mod tape;

use carrier::{Carrier, Message};
use tape::Tape;

/// What a resume may say again.
const REWIND: u64 = 400 * SAMPLES_PER_MS;

struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 16) % bound
    }
}

/// All that was ever said, so that bytes can be found again by what they are.
#[derive(Default)]
struct Said {
    audio: Vec<u8>,
    places: HashMap<[u8; 8], u64>,
    /// Start, end, reply, clause.
    clauses: Vec<(u64, u64, u32, u16)>,
}

impl Said {
    fn clause(&mut self, rng: &mut Rng, reply: u32, clause: u16, ms: u64) -> Arc<[u8]> {
        self.begin(reply, clause);
        self.grow(rng, ms * SAMPLES_PER_MS)
    }

    fn begin(&mut self, reply: u32, clause: u16) {
        let start = self.audio.len() as u64;
        self.clauses.push((start, start, reply, clause));
    }

    /// More of the last clause.
    fn grow(&mut self, rng: &mut Rng, samples: u64) -> Arc<[u8]> {
        let start = self.audio.len();
        for _ in 0..samples {
            self.audio.push(rng.next() as u8);
        }
        for at in start.saturating_sub(7)..self.audio.len().saturating_sub(7) {
            let key: [u8; 8] = self.audio[at..at + 8].try_into().unwrap();
            assert_eq!(
                self.places.insert(key, at as u64),
                None,
                "noise repeats itself"
            );
        }
        self.clauses.last_mut().unwrap().1 = self.audio.len() as u64;
        self.audio[start..].into()
    }

    fn reply_at(&self, position: u64) -> u32 {
        let index = self
            .clauses
            .partition_point(|(_, end, ..)| *end <= position);
        self.clauses[index].2
    }
}

struct Walk {
    rng: Rng,
    now: u64,
    mouth: Mouth,
    carrier: Carrier,
    said: Said,
    facts: Vec<Fact>,
    open: BTreeMap<u32, u16>,
    /// The clause that grows.
    growing: Option<(u32, u16)>,
    /// What its pieces are shorter than: a fast voice or a slow one.
    piece_max_ms: u64,
    ended: BTreeSet<u32>,
    cancelled: BTreeSet<u32>,
    played: BTreeSet<u32>,
    /// Where the last chunk ended, and the span in which the next one may begin after something was taken back.
    sent_to: u64,
    sent: Vec<(u64, u64)>,
    may_begin: Option<(u64, u64)>,
    honest: bool,
    cancels: bool,
    chunk: u64,
    tape: Tape,
}

impl Walk {
    fn new(seed: u64, jitter_ms: u64) -> Self {
        let mut rng = Rng(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let settings = MouthSettings {
            chunk_ms: [20, 60, 100, 200][rng.below(4) as usize],
            lead_ms: [100, 300, 500, 1_000][rng.below(4) as usize],
            keep_heard: true,
            ..MouthSettings::default()
        };
        let carrier = Carrier {
            down: rng.below(60) * SAMPLES_PER_MS,
            up: rng.below(60) * SAMPLES_PER_MS,
            loses: [0, 0, 3, 1][rng.below(4) as usize],
            jitter: jitter_ms * SAMPLES_PER_MS,
            takes: vec![Vec::new()],
            ..Carrier::default()
        };
        Self {
            rng,
            now: 1_000,
            mouth: Mouth::new(&settings),
            honest: carrier.loses == 0 && jitter_ms == 0,
            cancels: seed.is_multiple_of(2),
            carrier,
            said: Said::default(),
            facts: Vec::new(),
            open: BTreeMap::new(),
            growing: None,
            piece_max_ms: [20, 125, 500, 1_000][(seed % 4) as usize],
            ended: BTreeSet::new(),
            cancelled: BTreeSet::new(),
            played: BTreeSet::new(),
            sent_to: 0,
            sent: Vec::new(),
            may_begin: None,
            chunk: u64::from(settings.chunk_ms) * SAMPLES_PER_MS,
            tape: Tape::new(jitter_ms * SAMPLES_PER_MS),
        }
    }

    fn run(&mut self) {
        for _ in 0..120 {
            self.act();
            let wait = self.rng.below(300);
            if self.growing.is_some() {
                for _ in 0..self.rng.below(6) {
                    self.append();
                    self.wait(wait / 6);
                }
            }
            self.wait(wait);
        }
        let open: Vec<u32> = self.open.keys().copied().collect();
        for reply in open {
            self.end(reply);
        }
        self.mouth.resume();
        let mut patience = 2_000;
        while !self.mouth.idle() || self.mouth.next_due().is_some() {
            self.wait(50);
            patience -= 1;
            assert!(patience > 0, "it never ends");
        }
        for reply in self.ended.difference(&self.cancelled) {
            assert!(
                self.played.contains(reply),
                "reply {reply} was never played"
            );
        }
        self.check_everything_sounded();
        self.listen(true);
        let heard_ahead = match self.carrier.loses {
            0 => self.carrier.jitter,
            _ => self.chunk,
        };
        self.tape.check(&self.carrier, heard_ahead);
        assert_eq!(self.mouth.counters().marks_ignored, 0);
    }

    fn act(&mut self) {
        // Half of the walks cancel nothing, so that positions can be compared to the end.
        match self.rng.below(if self.cancels { 12 } else { 10 }) {
            0..=2 => self.say(),
            3 => self.begin(),
            4 => self.end_clause(),
            5 | 6 => {
                if let Some(&reply) = self.open.keys().next() {
                    self.end(reply);
                }
            }
            7 | 8 => {
                let before = self.mouth.counters().clears;
                let cut = self.heard();
                let position = self.mouth.pause(self.now);
                self.listen(false);
                assert_eq!(position.map(|position| self.absolute(position)), cut);
                if self.mouth.counters().clears > before {
                    let cut = cut.unwrap();
                    self.may_begin = Some((cut.saturating_sub(REWIND), cut + SAMPLES_PER_MS));
                }
            }
            9 => self.mouth.resume(),
            10 => self.cancel(),
            _ => {
                if self.rng.below(3) == 0 {
                    self.take_back();
                    self.mouth.cancel_all(self.now);
                    self.listen(false);
                    let known: Vec<u32> = self.unplayed();
                    self.cancelled.extend(known);
                    self.open.clear();
                    self.refuse_late();
                }
            }
        }
        self.poll();
    }

    fn unplayed(&self) -> Vec<u32> {
        let known: BTreeSet<u32> = self
            .said
            .clauses
            .iter()
            .map(|(_, _, reply, _)| *reply)
            .collect();
        known.difference(&self.played).copied().collect()
    }

    /// The next clause of the last reply, or of a new one.
    fn next_clause(&mut self) -> (u32, u16) {
        let fresh = self
            .said
            .clauses
            .last()
            .map_or(1, |(_, _, reply, _)| reply + 1);
        let reply = match self.open.keys().next_back() {
            Some(&reply) if self.rng.below(4) != 0 && reply + 1 == fresh => reply,
            _ => fresh,
        };
        let number = self.open.entry(reply).or_insert(0);
        *number += 1;
        self.growing = None;
        (reply, *number)
    }

    fn say(&mut self) {
        let (reply, clause) = self.next_clause();
        let ms = 1 + self.rng.below(900);
        let audio = self.said.clause(&mut self.rng, reply, clause, ms);
        self.mouth.say(reply, clause, audio).unwrap();
    }

    fn begin(&mut self) {
        let (reply, clause) = self.next_clause();
        let expected_ms = self.rng.below(2_000) as u32;
        self.said.begin(reply, clause);
        self.mouth.begin(reply, clause, expected_ms).unwrap();
        self.growing = Some((reply, clause));
    }

    fn append(&mut self) {
        let Some((reply, clause)) = self.growing else {
            return;
        };
        let samples = self.rng.below(self.piece_max_ms) * SAMPLES_PER_MS;
        let audio = self.said.grow(&mut self.rng, samples);
        self.mouth.append(reply, clause, audio).unwrap();
        self.poll();
    }

    fn end_clause(&mut self) {
        if let Some((reply, clause)) = self.growing.take() {
            self.mouth.end_clause(reply, clause);
        }
    }

    /// What was cancelled grows no more.
    fn refuse_late(&mut self) {
        let gone = |(reply, _): &mut (u32, u16)| self.cancelled.contains(reply);
        if let Some((reply, clause)) = self.growing.take_if(gone) {
            let late = self.mouth.append(reply, clause, super::clause(20));
            assert_eq!(late, Err(SayError::Cancelled));
        }
    }

    fn end(&mut self, reply: u32) {
        self.open.remove(&reply);
        self.growing.take_if(|(growing, _)| *growing == reply);
        self.ended.insert(reply);
        self.mouth.end(reply);
        self.poll();
    }

    fn cancel(&mut self) {
        let unplayed = self.unplayed();
        if unplayed.is_empty() {
            return;
        }
        let reply = unplayed[self.rng.below(unplayed.len() as u64) as usize];
        self.take_back();
        let really = self
            .carrier
            .played
            .iter()
            .map(|(_, to)| *to)
            .max()
            .unwrap_or(0);
        let cancelled = self.mouth.cancel(self.now, reply);
        self.listen(false);
        if let Some(position) = cancelled {
            assert_eq!(position.reply, reply);
            assert!(self.absolute(position) <= really || !self.honest);
        }
        self.open.remove(&reply);
        self.cancelled.insert(reply);
        self.refuse_late();
    }

    /// What is at the carrier may be taken back: the next chunk may begin anywhere from what was heard on.
    fn take_back(&mut self) {
        // A resume may be saying again what was heard before it.
        let floor = self.mouth_heard_floor().min(self.sent_to);
        let (from, _) = self.may_begin.unwrap_or((floor, floor));
        self.may_begin = Some((from.min(floor), u64::MAX));
    }

    fn mouth_heard_floor(&self) -> u64 {
        self.heard().unwrap_or(0)
    }

    fn heard(&self) -> Option<u64> {
        self.mouth
            .heard(self.now)
            .map(|position| self.absolute(position))
    }

    fn absolute(&self, position: Position) -> u64 {
        let known = self
            .said
            .clauses
            .iter()
            .find(|(.., r, c)| (*r, *c) == (position.reply, position.clause));
        let (start, end, ..) = known.unwrap();
        assert!(u64::from(position.heard_ms) * SAMPLES_PER_MS <= end - start);
        let came_ms = ((end - start) / SAMPLES_PER_MS) as u32;
        if self.growing == Some((position.reply, position.clause)) {
            assert!(position.clause_ms > came_ms, "{position:?} is not whole");
        } else {
            assert_eq!(position.clause_ms, came_ms, "{position:?}");
        }
        start + u64::from(position.heard_ms) * SAMPLES_PER_MS
    }

    /// Puts on tape what was heard. By marks, unless something was just taken back.
    fn listen(&mut self, by_marks: bool) {
        self.tape
            .listen(&mut self.mouth, self.now, &self.said, by_marks);
    }

    /// Lets time pass, a few milliseconds at a time, polling only when due.
    fn wait(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now += 1;
            let now = self.now * SAMPLES_PER_MS;
            self.carrier.run_to(now, &mut self.rng);
            while self
                .carrier
                .echoes
                .front()
                .is_some_and(|(at, _)| *at <= now)
            {
                let Some((_, name)) = self.carrier.echoes.pop_front() else {
                    break;
                };
                self.mouth.marked(self.now, &name, &mut self.facts);
                self.listen(true);
                self.check_facts();
            }
            self.check_heard();
            if self.mouth.next_due().is_some_and(|due| due <= self.now) {
                self.poll();
            }
        }
    }

    fn poll(&mut self) {
        let mut sent = Vec::new();
        self.mouth.poll(self.now, &mut self.facts, &mut |out| {
            sent.push(match out {
                Out::Audio(bytes) => Err(bytes.to_vec()),
                Out::Mark(name) => Ok(Message::Mark(name.into())),
                Out::Clear => Ok(Message::Clear),
            });
        });
        for message in sent {
            let message = match message {
                Ok(message) => message,
                Err(bytes) => self.locate(&bytes),
            };
            let now = self.now * SAMPLES_PER_MS;
            self.carrier.send(now, message, &mut self.rng);
        }
        self.listen(true);
        self.check_facts();
        assert!(
            self.mouth.next_due().is_none_or(|due| due > self.now),
            "a poll leaves nothing due"
        );
    }

    /// Which audio this is, and that it is the right one to follow.
    fn locate(&mut self, bytes: &[u8]) -> Message {
        assert!(bytes.len() as u64 <= self.chunk);
        let from = match bytes.first_chunk::<8>() {
            Some(key) => self.said.places[key],
            None => self.sent_to,
        };
        let to = from + bytes.len() as u64;
        assert_eq!(bytes, &self.said.audio[from as usize..to as usize]);
        let grows = self.growing.map(|(reply, _)| reply) == Some(self.said.reply_at(from));
        if grows && to == self.said.audio.len() as u64 {
            let whole = to - from == self.chunk || (to - from).is_multiple_of(160);
            assert!(whole, "{from}..{to} is no frame, and more is to come");
        }
        assert!(
            !self.cancelled.contains(&self.said.reply_at(from)),
            "a cancelled reply is heard no more"
        );
        let cancelled_between = |from: u64, to: u64| {
            let inside = |(start, end, reply, _): &&(u64, u64, u32, u16)| {
                *start < to && *end > from && !self.cancelled.contains(reply)
            };
            self.said.clauses.iter().find(inside).is_none()
        };
        match self.may_begin.take() {
            Some((earliest, latest)) if from <= latest => {
                assert!(from >= earliest, "{from} is before {earliest}")
            }
            Some((_, latest)) => assert!(cancelled_between(latest, from), "lost {latest}..{from}"),
            None => assert!(
                from == self.sent_to
                    || (from > self.sent_to && cancelled_between(self.sent_to, from))
            ),
        }
        self.sent_to = to;
        self.sent.push((from, to));
        Message::Audio { from, to }
    }

    fn check_facts(&mut self) {
        let really = self.really_played();
        for fact in std::mem::take(&mut self.facts) {
            match fact {
                Fact::Started { reply } => assert!(!self.played.contains(&reply)),
                Fact::Heard {
                    reply,
                    clause,
                    heard_ms,
                    clause_ms,
                } => {
                    let at = self.absolute(Position {
                        reply,
                        clause,
                        heard_ms,
                        clause_ms,
                    });
                    assert!(
                        at <= really || !self.honest,
                        "{fact:?} but only {really} was played"
                    );
                }
                Fact::Played { reply } => {
                    assert!(self.ended.contains(&reply) && !self.cancelled.contains(&reply));
                    assert!(self.played.insert(reply), "played twice");
                    let end = self
                        .said
                        .clauses
                        .iter()
                        .rev()
                        .find(|(start, end, r, _)| *r == reply && start < end)
                        .map_or(0, |c| c.1);
                    assert!(
                        end <= really + self.slack(),
                        "played before it sounded: {end} of {really}"
                    );
                }
            }
        }
    }

    fn really_played(&self) -> u64 {
        self.carrier
            .played
            .iter()
            .map(|(_, to)| *to)
            .max()
            .unwrap_or(0)
    }

    /// A position that was told by the clock at a pause may end a reply a moment before its mark.
    fn slack(&self) -> u64 {
        if self.honest { 0 } else { self.chunk }
    }

    fn check_heard(&self) {
        let Some(position) = self
            .mouth
            .heard(self.now)
            .filter(|position| position.heard_ms > 0)
        else {
            return;
        };
        if self.carrier.jitter > 0 {
            // Over a line that is late by a little more at times, so is the truth.
            return;
        }
        let heard = self.absolute(position);
        let really = self.really_played();
        assert!(
            heard <= really + self.slack(),
            "heard {heard} of {really} at {}",
            self.now
        );
        let playing = self.said.reply_at(really.saturating_sub(1));
        let behind = self.chunk + self.carrier.down + self.carrier.up + 100 * SAMPLES_PER_MS;
        let over = !self.cancelled.is_empty() || self.played.contains(&playing);
        let current = !self.mouth.paused() && self.carrier.loses == 0 && !over;
        if current {
            assert!(
                heard + behind >= really,
                "heard only {heard} of {really} at {}",
                self.now
            );
        }
    }

    /// Every sample of a reply that was played has sounded, in order.
    fn check_everything_sounded(&self) {
        for (start, end, reply, _) in &self.said.clauses {
            if self.cancelled.contains(reply) {
                continue;
            }
            let mut reached = *start;
            for (from, to) in &self.carrier.played {
                if *from <= reached && reached < *to {
                    reached = *to;
                }
            }
            assert!(reached >= *end, "reply {reply} lost {reached}..{end}");
        }
    }
}

#[test]
fn random_conversations() {
    for seed in 1..=60 {
        for jitter_ms in [0, 15] {
            let outcome = std::panic::catch_unwind(|| Walk::new(seed, jitter_ms).run());
            assert!(outcome.is_ok(), "seed {seed}, jitter of {jitter_ms} ms");
        }
    }
}
