//! A carrier that plays exactly, over lines that take time both ways.

use std::collections::VecDeque;

use super::Rng;

pub(super) enum Message {
    Audio { from: u64, to: u64 },
    Mark(String),
    Clear,
}

/// Plays one sample after the other. Times in samples of the clock.
#[derive(Default)]
pub(super) struct Carrier {
    pub(super) down: u64,
    pub(super) up: u64,
    /// What each direction may add to that, message by message; nothing overtakes.
    pub(super) jitter: u64,
    pub(super) coming: VecDeque<(u64, Message)>,
    pub(super) queue: VecDeque<Message>,
    pub(super) echoes: VecDeque<(u64, String)>,
    /// One mark of so many is lost; 0 loses none.
    pub(super) loses: u64,
    /// Positions that really sounded, as ranges in order.
    pub(super) played: Vec<(u64, u64)>,
    /// The same between one clear and the next, each with when it began to sound.
    pub(super) takes: Vec<Vec<(u64, u64, u64)>>,
    pub(super) clock: u64,
}

impl Carrier {
    pub(super) fn run_to(&mut self, now: u64, rng: &mut Rng) {
        while self.clock < now {
            while self.coming.front().is_some_and(|(at, _)| *at <= self.clock) {
                let Some((_, message)) = self.coming.pop_front() else {
                    break;
                };
                match message {
                    Message::Clear => {
                        self.takes.push(Vec::new());
                        for message in std::mem::take(&mut self.queue) {
                            if let Message::Mark(name) = message {
                                self.echo(name, rng);
                            }
                        }
                    }
                    Message::Audio { .. } | Message::Mark(_) => self.queue.push_back(message),
                }
            }
            while matches!(self.queue.front(), Some(Message::Mark(_))) {
                if let Some(Message::Mark(name)) = self.queue.pop_front() {
                    self.echo(name, rng);
                }
            }
            let until = self.coming.front().map_or(now, |(at, _)| (*at).min(now));
            let Some(Message::Audio { from, to }) = self.queue.front_mut() else {
                self.clock = until;
                continue;
            };
            let count = (until - self.clock).min(*to - *from);
            let (clock, from_now) = (self.clock, *from);
            let take = self.takes.last_mut().unwrap();
            match take.last_mut() {
                Some((at, from, to)) if *to == from_now && *at + (*to - *from) == clock => {
                    *to += count;
                }
                _ => take.push((clock, from_now, from_now + count)),
            }
            match self.played.last_mut() {
                Some(last) if last.1 == *from => last.1 += count,
                _ => self.played.push((*from, *from + count)),
            }
            *from += count;
            let over = *from == *to;
            if over {
                self.queue.pop_front();
            }
            self.clock += count;
        }
    }

    fn echo(&mut self, name: String, rng: &mut Rng) {
        if self.loses == 0 || rng.below(self.loses) != 0 {
            let due = self.clock + self.up + rng.below(self.jitter + 1);
            let due = self.echoes.back().map_or(due, |(last, _)| due.max(*last));
            self.echoes.push_back((due, name));
        }
    }

    pub(super) fn send(&mut self, now: u64, message: Message, rng: &mut Rng) {
        let due = now + self.down + rng.below(self.jitter + 1);
        let due = self.coming.back().map_or(due, |(last, _)| due.max(*last));
        self.coming.push_back((due, message));
    }
}
