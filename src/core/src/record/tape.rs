//! Two channels of sound on one sample clock, given back second by second.

use std::collections::VecDeque;

use crate::journal::{Audio, SAMPLES_PER_SECOND, SILENCE};

/// Sound further than this from the second being written is not stored: no clock that works is so far off, and nothing
/// outside may decide how much memory is taken.
pub(super) const SECONDS_ASTRAY_MAX: u64 = 60;
/// Pieces that came after their second was written and wait to be fetched.
const LATE_PIECES_MAX: usize = 64;
const SECOND: usize = SAMPLES_PER_SECOND as usize;

/// Whose sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Caller,
    Agent,
}

/// Samples that did not simply follow those before them. All but `astray` are in the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Irregular {
    /// Came again for a moment that had sound already: the later ones were taken.
    pub overlapping: u64,
    /// Came after their second was written, and were written as a piece of their own.
    pub late: u64,
    /// Lay more than a minute from the rest: dropped.
    pub astray: u64,
}

#[derive(Debug, Default)]
struct Second {
    caller: Option<Vec<u8>>,
    agent: Option<Vec<u8>>,
}

/// The sound that has not been written yet. A silent second has none.
#[derive(Debug, Default)]
pub(super) struct Tape {
    /// The first second that was not given back, counted from the start of the call.
    base: u64,
    seconds: VecDeque<Second>,
    late: VecDeque<Audio>,
    /// The sample after the last that came, of caller and agent.
    next: [u64; 2],
    irregular: Irregular,
}

impl Tape {
    /// Lays `mulaw` over whatever is at sample `at`.
    pub(super) fn put(&mut self, channel: Channel, at: u64, mulaw: &[u8]) {
        let base = self.base * SAMPLES_PER_SECOND;
        let far = SECONDS_ASTRAY_MAX * SAMPLES_PER_SECOND;
        if at.saturating_add(far) < base || at >= base + far {
            self.irregular.astray += mulaw.len() as u64;
            return;
        }
        let room = base + far - at;
        let (mulaw, beyond) = mulaw.split_at(clipped(room, mulaw.len()));
        self.irregular.astray += beyond.len() as u64;
        let next = &mut self.next[usize::from(channel == Channel::Agent)];
        self.irregular.overlapping += next.saturating_sub(at).min(mulaw.len() as u64);
        *next = (*next).max(at + mulaw.len() as u64);
        let (late, mut rest) = mulaw.split_at(clipped(base.saturating_sub(at), mulaw.len()));
        if !late.is_empty() {
            self.put_late(channel, at, late);
        }
        let mut at = at + late.len() as u64;
        while !rest.is_empty() {
            let index = clipped(at / SAMPLES_PER_SECOND - self.base, usize::MAX);
            let offset = clipped(at % SAMPLES_PER_SECOND, SECOND);
            let (now, later) = rest.split_at(rest.len().min(SECOND - offset));
            self.buffer(index, channel)[offset..offset + now.len()].copy_from_slice(now);
            at += now.len() as u64;
            rest = later;
        }
    }

    /// Gives back every whole second before `until`, a count of seconds. A hole of more than a minute is left out.
    pub(super) fn take_seconds(&mut self, until: u64, mut give: impl FnMut(Audio)) {
        self.late.drain(..).for_each(&mut give);
        while self.base < until {
            if self.seconds.is_empty() && until - self.base > SECONDS_ASTRAY_MAX {
                self.base = until;
                return;
            }
            give(self.take_second(SECOND));
        }
    }

    /// Gives back all that lies before sample `end`, and forgets the rest.
    pub(super) fn take_until(&mut self, end: u64, mut give: impl FnMut(Audio)) {
        self.take_seconds(end / SAMPLES_PER_SECOND, &mut give);
        let part = clipped(end.saturating_sub(self.base * SAMPLES_PER_SECOND), SECOND);
        if part > 0 {
            give(self.take_second(part));
        }
        self.clear();
    }

    /// Forgets what was not given back.
    pub(super) fn clear(&mut self) {
        self.seconds.clear();
        self.late.clear();
    }

    /// The sample after the last that came.
    pub(super) fn end(&self) -> u64 {
        self.next[0].max(self.next[1])
    }

    pub(super) fn irregular(&self) -> Irregular {
        self.irregular
    }

    fn put_late(&mut self, channel: Channel, at: u64, mulaw: &[u8]) {
        self.irregular.late += mulaw.len() as u64;
        for (piece, bytes) in mulaw.chunks(SECOND).enumerate() {
            let from = at + (piece * SECOND) as u64;
            let goes_on = self.late.back_mut().and_then(|last| {
                let (end, room) = (
                    last.from + u64::from(last.samples),
                    SECOND - last.samples as usize,
                );
                let sound = match channel {
                    Channel::Caller => last.caller.as_mut(),
                    Channel::Agent => last.agent.as_mut(),
                };
                sound
                    .filter(|_| end == from && bytes.len() <= room)
                    .map(|sound| (&mut last.samples, sound))
            });
            if let Some((samples, sound)) = goes_on {
                sound.extend_from_slice(bytes);
                *samples += samples_of(bytes);
                continue;
            }
            if self.late.len() == LATE_PIECES_MAX {
                self.irregular.astray += bytes.len() as u64;
                continue;
            }
            let sound = Some(bytes.to_vec());
            let (caller, agent) = match channel {
                Channel::Caller => (sound, None),
                Channel::Agent => (None, sound),
            };
            self.late.push_back(Audio {
                from,
                samples: samples_of(bytes),
                caller,
                agent,
            });
        }
    }

    fn buffer(&mut self, index: usize, channel: Channel) -> &mut [u8] {
        while self.seconds.len() <= index {
            self.seconds.push_back(Second::default());
        }
        let second = &mut self.seconds[index];
        let sound = match channel {
            Channel::Caller => &mut second.caller,
            Channel::Agent => &mut second.agent,
        };
        sound.get_or_insert_with(|| vec![SILENCE; SECOND])
    }

    fn take_second(&mut self, samples: usize) -> Audio {
        let from = self.base * SAMPLES_PER_SECOND;
        self.base += 1;
        let second = self.seconds.pop_front().unwrap_or_default();
        // The buffer itself goes: what is written of it is not copied before that.
        let keep = |sound: Option<Vec<u8>>| {
            let mut sound = sound?;
            sound.truncate(samples);
            sound.iter().any(|b| *b != SILENCE).then_some(sound)
        };
        let (caller, agent) = (keep(second.caller), keep(second.agent));
        Audio {
            from,
            samples: u32::try_from(samples).unwrap_or(u32::MAX),
            caller,
            agent,
        }
    }
}

/// `count`, at most `max`.
fn clipped(count: u64, max: usize) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX).min(max)
}

fn samples_of(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(tape: &mut Tape, until: u64) -> Vec<Audio> {
        let mut out = Vec::new();
        tape.take_seconds(until, |audio| out.push(audio));
        out
    }

    #[test]
    fn both_channels_lie_on_one_clock_and_gaps_are_silence() {
        let mut tape = Tape::default();
        tape.put(Channel::Caller, 100, &[1; 160]);
        tape.put(Channel::Agent, 7_950, &[2; 160]);
        tape.put(Channel::Caller, 400, &[3; 10]);
        let out = seconds(&mut tape, 3);
        assert_eq!(out.len(), 3);
        assert_eq!(
            out.iter().map(|a| (a.from, a.samples)).collect::<Vec<_>>(),
            [(0, 8_000), (8_000, 8_000), (16_000, 8_000)]
        );
        let caller = out[0].caller.as_ref().unwrap();
        assert_eq!(caller.len(), 8_000);
        let want = |at: usize| match at {
            100..260 => 1,
            400..410 => 3,
            _ => SILENCE,
        };
        assert!(caller.iter().enumerate().all(|(at, b)| *b == want(at)));
        assert_eq!(out[0].agent.as_ref().unwrap()[7_949..], {
            let mut tail = vec![2; 51];
            tail[0] = SILENCE;
            tail
        });
        assert_eq!(out[1].caller, None);
        assert_eq!(out[1].agent.as_ref().unwrap()[..111], {
            let mut head = vec![2; 111];
            head[110] = SILENCE;
            head
        });
        assert_eq!((&out[2].caller, &out[2].agent), (&None, &None));
        assert_eq!(tape.irregular(), Irregular::default());
    }

    #[test]
    fn later_sound_wins_and_is_counted() {
        let mut tape = Tape::default();
        tape.put(Channel::Caller, 0, &[1; 320]);
        tape.put(Channel::Caller, 160, &[2; 320]);
        tape.put(Channel::Caller, 40, &[3; 10]);
        let out = seconds(&mut tape, 1);
        let caller = out[0].caller.as_ref().unwrap();
        let want = |at: usize| match at {
            40..50 => 3,
            0..160 => 1,
            160..480 => 2,
            _ => SILENCE,
        };
        assert!(caller.iter().enumerate().all(|(at, b)| *b == want(at)));
        assert_eq!(tape.irregular().overlapping, 160 + 10);
    }

    #[test]
    fn sound_that_comes_after_its_second_is_a_piece_of_its_own() {
        let mut tape = Tape::default();
        tape.put(Channel::Caller, 0, &[1; 160]);
        assert_eq!(seconds(&mut tape, 2).len(), 2);
        tape.put(Channel::Caller, 160, &[2; 160]);
        tape.put(Channel::Caller, 320, &[3; 160]);
        tape.put(Channel::Agent, 500, &[4; 160]);
        // Half of this one is late.
        tape.put(Channel::Caller, 15_900, &[5; 200]);
        let out = seconds(&mut tape, 2);
        assert_eq!(
            out.iter().map(|a| (a.from, a.samples)).collect::<Vec<_>>(),
            [(160, 320), (500, 160), (15_900, 100)]
        );
        assert_eq!(out[0].caller, Some([[2; 160], [3; 160]].concat()));
        assert_eq!((&out[0].agent, &out[1].caller), (&None, &None));
        assert_eq!(tape.irregular().late, 320 + 160 + 100);
        let rest = seconds(&mut tape, 3);
        assert_eq!(rest[0].caller.as_ref().unwrap()[..100], [5; 100]);
    }

    #[test]
    fn nothing_outside_decides_how_much_memory_is_taken() {
        let mut tape = Tape::default();
        for at in [480_000, u64::MAX - 80, u64::MAX / 2] {
            tape.put(Channel::Caller, at, &[1; 160]);
        }
        assert_eq!(tape.irregular().astray, 480);
        assert!(tape.seconds.is_empty());
        tape.put(Channel::Caller, 479_920, &[1; 160]);
        assert_eq!((tape.irregular().astray, tape.seconds.len()), (560, 60));
        assert_eq!(seconds(&mut tape, 60).len(), 60);
        // A clock that jumps by a year leaves a hole, not thirty million entries.
        assert_eq!(seconds(&mut tape, 31_536_000).len(), 0);
        tape.put(Channel::Caller, 0, &[1; 160]);
        assert_eq!(tape.irregular().astray, 720);
        for n in 0..1_000 {
            tape.put(Channel::Caller, 31_535_990 * 8_000 + 2 * n, &[1]);
        }
        assert_eq!(tape.late.len(), LATE_PIECES_MAX);
    }

    #[test]
    fn every_second_begins_silent() {
        let mut tape = Tape::default();
        for second in 0..100 {
            for frame in 0..50 {
                tape.put(Channel::Caller, second * 8_000 + frame * 160, &[7; 160]);
            }
            tape.put(Channel::Agent, second * 8_000, &[8]);
            let out = seconds(&mut tape, second + 1);
            assert_eq!(out[0].caller, Some(vec![7; 8_000]));
            assert_eq!(out[0].agent.as_ref().unwrap()[1..], [SILENCE; 7_999]);
            assert!(tape.seconds.is_empty());
        }
    }

    #[test]
    fn the_end_is_exact_to_the_sample() {
        let mut tape = Tape::default();
        tape.put(Channel::Agent, 8_000, &[1; 400]);
        let mut out = Vec::new();
        tape.take_until(8_300, |audio| out.push(audio));
        assert_eq!(
            out.iter().map(|a| (a.from, a.samples)).collect::<Vec<_>>(),
            [(0, 8_000), (8_000, 300)]
        );
        assert_eq!(out[1].agent, Some(vec![1; 300]));
        assert!(tape.seconds.is_empty());
    }
}
