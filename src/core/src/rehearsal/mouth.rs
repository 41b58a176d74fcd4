//! A mouth without sound: it takes as long as the words do, and tells what was heard every tenth of a second, as the marks
//! of a carrier do.

use std::collections::VecDeque;

use crate::call::{Event, Position, ReplyId};
use crate::time::At;
use crate::times::spoken_ms;

/// What was heard is told this often.
const MARK_MS: u32 = 100;
/// Nothing is said in less.
const CLAUSE_MS_MIN: u32 = 200;

/// A clause that is being said.
#[derive(Clone, Copy, Debug)]
struct Playing {
    number: u16,
    ms: u32,
    /// Of that, what had been heard at `since`.
    heard_ms: u32,
    since: At,
    /// What was told last.
    told_ms: u32,
}

impl Playing {
    fn heard(&self, now: At) -> u32 {
        let more = u32::try_from(now.since(self.since)).unwrap_or(u32::MAX);
        self.heard_ms.saturating_add(more).min(self.ms)
    }

    fn position(&self, heard_ms: u32) -> Position {
        Position {
            clause: self.number,
            heard_ms,
            clause_ms: self.ms,
        }
    }

    /// When the next mark comes back.
    fn next_mark(&self) -> At {
        let next = (self.told_ms / MARK_MS + 1) * MARK_MS;
        self.since
            .plus(next.min(self.ms).saturating_sub(self.heard_ms))
    }
}

#[derive(Debug)]
pub(super) struct Mouth {
    speed: f32,
    reply: Option<ReplyId>,
    waiting: VecDeque<(u16, u32)>,
    playing: Option<Playing>,
    /// The last thing heard of the reply.
    last: Position,
    is_ended: bool,
    is_paused: bool,
    is_sounding: bool,
    /// What is told at once.
    facts: VecDeque<(At, Event)>,
    sounds_since: Option<At>,
    quiet_since: At,
}

impl Mouth {
    /// What is said from now on is said at this pace.
    pub(super) fn succeed(&mut self, speed: f32) {
        self.speed = speed;
    }

    pub(super) fn new(speed: f32) -> Self {
        Self {
            speed,
            reply: None,
            waiting: VecDeque::new(),
            playing: None,
            last: Position::default(),
            is_ended: false,
            is_paused: false,
            is_sounding: false,
            facts: VecDeque::new(),
            sounds_since: None,
            quiet_since: At::START,
        }
    }

    pub(super) fn sounds_since(&self) -> Option<At> {
        self.sounds_since
    }

    pub(super) fn quiet_since(&self) -> At {
        self.quiet_since
    }

    pub(super) fn say(&mut self, now: At, reply: ReplyId, clause: u16, text: &str) {
        if self.reply != Some(reply) {
            self.begin(now, reply);
        }
        let ms = spoken_ms(text, self.speed).max(CLAUSE_MS_MIN);
        self.waiting.push_back((clause, ms));
        let at = now;
        self.facts.push_back((
            now,
            Event::Voiced {
                reply,
                clause,
                at,
                by: None,
            },
        ));
        self.go_on(now);
    }

    pub(super) fn end(&mut self, now: At, reply: ReplyId) {
        if self.reply == Some(reply) {
            self.is_ended = true;
            self.go_on(now);
        }
    }

    pub(super) fn pause(&mut self, now: At, reply: ReplyId) {
        if let Some(playing) = self.playing.as_mut().filter(|_| !self.is_paused) {
            playing.heard_ms = playing.heard(now);
            playing.since = now;
            self.last = playing.position(playing.heard_ms);
        }
        self.is_paused = true;
        self.fall_quiet(now);
        let position = self.last;
        self.facts
            .push_back((now, Event::Paused { reply, position }));
    }

    pub(super) fn resume(&mut self, now: At) {
        if !std::mem::take(&mut self.is_paused) {
            return;
        }
        if let Some(playing) = &mut self.playing {
            playing.since = now;
            self.sounds_since = Some(now);
        }
        self.go_on(now);
    }

    pub(super) fn drop_rest(&mut self, now: At) {
        self.waiting.clear();
        self.playing = None;
        self.is_paused = false;
        self.is_sounding = false;
        self.is_ended = false;
        self.fall_quiet(now);
    }

    pub(super) fn next_due(&self) -> Option<At> {
        let fact = self.facts.front().map(|(at, _)| *at);
        let playing = self.playing.as_ref().filter(|_| !self.is_paused);
        [fact, playing.map(Playing::next_mark)]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next fact, if one is due.
    pub(super) fn pop(&mut self, now: At) -> Option<Event> {
        if self.facts.is_empty() {
            self.play(now);
        }
        self.facts
            .pop_front_if(|(at, _)| *at <= now)
            .map(|(_, event)| event)
    }

    fn begin(&mut self, now: At, reply: ReplyId) {
        self.drop_rest(now);
        self.reply = Some(reply);
        self.last = Position::default();
    }

    /// A mark has come back.
    fn play(&mut self, now: At) {
        let (Some(reply), false) = (self.reply, self.is_paused) else {
            return;
        };
        let Some(playing) = self.playing.as_mut().filter(|p| p.next_mark() <= now) else {
            return;
        };
        playing.told_ms = playing.heard(now);
        let position = playing.position(playing.told_ms);
        self.last = position;
        if position.heard_ms == position.clause_ms {
            self.playing = None;
        }
        self.facts
            .push_back((now, Event::Heard { reply, position }));
        self.go_on(now);
    }

    /// Begins the next clause, or tells that there is none.
    fn go_on(&mut self, now: At) {
        let (Some(reply), None, false) = (self.reply, self.playing, self.is_paused) else {
            return;
        };
        if let Some((number, ms)) = self.waiting.pop_front() {
            self.playing = Some(Playing {
                number,
                ms,
                heard_ms: 0,
                since: now,
                told_ms: 0,
            });
            self.sounds_since.get_or_insert(now);
            if !std::mem::replace(&mut self.is_sounding, true) {
                self.facts
                    .push_back((now, Event::PlaybackStarted { reply }));
            }
            return;
        }
        if std::mem::take(&mut self.is_ended) {
            self.facts.push_back((now, Event::Played { reply }));
        } else if self.is_sounding {
            self.facts.push_back((now, Event::RanDry { reply }));
        }
        self.is_sounding = false;
        self.fall_quiet(now);
    }

    fn fall_quiet(&mut self, now: At) {
        if self.sounds_since.take().is_some() {
            self.quiet_since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(mouth: &mut Mouth, until_ms: u64) -> Vec<(u64, Event)> {
        let mut all = Vec::new();
        while let Some(due) = mouth.next_due().filter(|at| at.ms() <= until_ms) {
            let event = mouth.pop(due).expect("something is due");
            all.push((due.ms(), event));
        }
        all
    }

    #[test]
    fn a_clause_is_heard_piece_by_piece_and_a_pause_keeps_the_rest() {
        let mut mouth = Mouth::new(1.0);
        let reply = ReplyId(1);
        // Five characters: 300 ms.
        mouth.say(At::START, reply, 0, "Hello");
        mouth.end(At::START, reply);
        let first = drained(&mut mouth, 150);
        assert!(
            matches!(first[1], (0, Event::PlaybackStarted { .. })),
            "{first:?}"
        );
        assert!(matches!(first[2], (100, Event::Heard { .. })), "{first:?}");
        mouth.pause(At::from_ms(150), reply);
        let paused = drained(&mut mouth, 5_000);
        let position = Position {
            clause: 0,
            heard_ms: 150,
            clause_ms: 300,
        };
        assert_eq!(paused, [(150, Event::Paused { reply, position })]);
        assert_eq!(
            (mouth.sounds_since(), mouth.quiet_since().ms()),
            (None, 150)
        );
        mouth.resume(At::from_ms(1_000));
        let rest = drained(&mut mouth, 5_000);
        let times: Vec<u64> = rest.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [1_050, 1_150, 1_150], "{rest:?}");
        assert_eq!(rest[2].1, Event::Played { reply });
        assert_eq!(mouth.quiet_since().ms(), 1_150);
    }

    #[test]
    fn what_is_dropped_is_not_heard_and_a_reply_without_its_end_runs_dry() {
        let mut mouth = Mouth::new(1.0);
        mouth.say(At::START, ReplyId(1), 0, "Hello");
        assert!(matches!(
            drained(&mut mouth, 9_000).last(),
            Some((300, Event::RanDry { .. }))
        ));
        mouth.say(At::from_ms(400), ReplyId(2), 0, "Hello again");
        mouth.drop_rest(At::from_ms(500));
        let told = drained(&mut mouth, 9_000);
        assert!(
            !told
                .iter()
                .any(|(_, event)| matches!(event, Event::Played { .. })),
            "{told:?}"
        );
        assert_eq!(mouth.next_due(), None);
    }
}
