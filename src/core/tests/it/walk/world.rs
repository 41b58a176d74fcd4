//! Everything around a call, driven by a seed: mostly plausible, often late, sometimes nonsense.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use trunkline_core::call::{
    Action, After, Ask, Call, Check, EndReason, Event, Expects, KeyField, KeyWork, Outcome,
    Position, ReplyId, ToolSettings, TransferEnd, TransferKind, TransferNews, UseId, Wanted,
};
use trunkline_core::consent::{Granted, Mode};
use trunkline_core::time::At;

use super::invariants::{Cause, Step};

/// A caller's sentence that carries a number of its own, so that its answer can be told.
pub(super) fn sentence(number: u32) -> String {
    format!("I would like to know about item {number} please.")
}

/// The rule of consent in the world of this seed.
fn mode(seed: u64) -> Option<Mode> {
    match seed / 4 % 6 {
        0 | 1 => None,
        2 => Some(Mode::Announce),
        3 => Some(Mode::AnnounceContinue),
        4 => Some(Mode::Affirmative),
        _ => Some(if seed.is_multiple_of(3) {
            Mode::NoRecord
        } else {
            Mode::AnnounceContinue
        }),
    }
}

/// One of each kind; only the mind knows a fourth.
fn tools() -> BTreeMap<Arc<str>, ToolSettings> {
    let look = ToolSettings {
        words: Some("Let me look.".into()),
        repeats: true,
        ..ToolSettings::default()
    };
    let later = ToolSettings {
        awaited: false,
        ..ToolSettings::default()
    };
    let transfer = ToolSettings {
        after_words: true,
        ..ToolSettings::default()
    };
    let pay = transfer.clone();
    [
        ("look", look),
        ("later", later),
        ("transfer", transfer),
        ("pay", pay),
    ]
    .map(|(name, tool)| (name.into(), tool))
    .into()
}

pub(super) struct World {
    pub(super) mode: Option<Mode>,
    pub(super) filler_ms: u32,
    call: Call,
    now: u64,
    random: u64,
    ended_for: u32,
    answered: bool,
    talking: Option<u64>,
    /// Speech whose verdict is owed: its end.
    owed: VecDeque<u64>,
    /// Replies the mind works on.
    thinking: Vec<ReplyId>,
    /// Those it waits with, for what it wants done.
    waiting: Vec<ReplyId>,
    /// What is being done.
    uses: Vec<UseId>,
    /// What wants keys first.
    wanting: Vec<UseId>,
    /// Those it has said something for.
    worded: Vec<ReplyId>,
    /// Clauses queued at the carrier: reply, clause.
    queue: VecDeque<(ReplyId, u16)>,
    ended_reply: Option<ReplyId>,
    pausing: Option<ReplyId>,
    sentences: u32,
    steps: u32,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut settings = crate::scenario::settings();
        // Some agents are quick to fill a silence.
        let filler_ms = [2_000, 300, 1_000][(seed % 3) as usize];
        settings.limits.call_ms = 180_000;
        settings.limits.filler_ms = filler_ms;
        settings.mind_nudges = seed.is_multiple_of(4);
        settings.consent.mode = mode(seed);
        settings.tools = tools();
        let mut call = Call::new(Arc::new(settings), At::START);
        call.handle(At::START, crate::scenario::all_judged(), &mut Vec::new());
        Self {
            mode: mode(seed),
            filler_ms,
            call,
            now: 0,
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            ended_for: 0,
            answered: false,
            talking: None,
            owed: VecDeque::new(),
            thinking: Vec::new(),
            waiting: Vec::new(),
            uses: Vec::new(),
            wanting: Vec::new(),
            worded: Vec::new(),
            queue: VecDeque::new(),
            ended_reply: None,
            pausing: None,
            sentences: 0,
            steps: 0,
        }
    }

    fn below(&mut self, n: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % n
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One event or one tick; `None` when the call has been over for a few events.
    pub(super) fn step(&mut self) -> Option<Step> {
        if self.call.is_ended() {
            self.ended_for += 1;
            if self.ended_for > 5 {
                return None;
            }
        }
        self.steps += 1;
        let (speaking_before, drafting_before) = (self.call.speaking(), self.call.drafting());
        let mut actions = Vec::new();
        self.now += if self.chance(15) {
            self.below(1_200)
        } else {
            self.below(60)
        };
        let due = self.call.deadline().filter(|(at, _)| at.ms() <= self.now);
        let (now, cause) = match due {
            Some((at, timer)) => {
                // Time goes back to the deadline: a shell wakes on time, the walk overshot.
                self.now = at.ms();
                self.call.tick(at, &mut actions);
                (at, Cause::Timer(timer))
            }
            None => {
                let event = self.event();
                let now = At::from_ms(self.now);
                self.call.handle(now, event.clone(), &mut actions);
                (now, Cause::Event(event))
            }
        };
        for action in &actions {
            self.perform(action);
        }
        Some(Step {
            now,
            cause,
            actions,
            deadline: self.call.deadline().map(|(at, _)| at),
            is_idle: matches!(
                self.call.deadline(),
                Some((_, trunkline_core::call::Timer::Silence))
            ),
            is_ended: self.call.is_ended(),
            speaking_before,
            drafting_before,
            speaking: self.call.speaking(),
            drafting: self.call.drafting(),
            caller_talks: self.talking.is_some(),
            granted_since: self.call.granted().map(Granted::since),
            is_withheld: self.call.withholds(),
        })
    }

    fn perform(&mut self, action: &Action) {
        match action {
            Action::Think { reply, .. } => self.thinking.push(*reply),
            Action::CancelThink { reply } => {
                self.thinking.retain(|r| r != reply);
                self.waiting.retain(|r| r != reply);
            }
            Action::Say { reply, clause, .. }
            | Action::Press { reply, clause, .. }
            | Action::Fill { reply, clause, .. }
            | Action::SayRecorded { reply, clause } => {
                self.queue.push_back((*reply, *clause));
            }
            Action::EndSay { reply } => self.ended_reply = Some(*reply),
            Action::Pause { reply } => self.pausing = Some(*reply),
            Action::Drop { reply } => self.queue.retain(|(r, _)| r != reply),
            Action::UseTool { id, tool, .. } if &**tool == "pay" => self.wanting.push(*id),
            Action::UseTool { id, .. } | Action::KeysDone { id, .. } => self.uses.push(*id),
            Action::GoOn { reply, .. } => self.waiting.retain(|r| r != reply),
            Action::Prepare { .. }
            | Action::Resume { .. }
            | Action::Commit { .. }
            | Action::PutThrough { .. }
            | Action::Note(_)
            | Action::HangUp { .. } => {}
        }
    }

    fn event(&mut self) -> Event {
        if !self.answered {
            self.answered = true;
            return Event::Answered;
        }
        if let Some(reply) = self.pausing.take_if(|_| true) {
            let clause = self
                .queue
                .front()
                .filter(|(r, _)| *r == reply)
                .map_or(0, |(_, c)| *c);
            let heard_ms = self.below(1_000) as u32;
            return Event::Paused {
                reply,
                position: Position {
                    clause,
                    heard_ms,
                    clause_ms: 1_000,
                },
            };
        }
        if let Some(id) = self.wanting.pop() {
            let work = self.key_work();
            return Event::KeysWanted { id, work };
        }
        if self.call.withholds() && self.chance(10) {
            let key = b"012345678901234567890123456789*#"[self.below(32) as usize] as char;
            return Event::Key { key };
        }
        if !self.uses.is_empty() && self.chance(20) {
            return self.used();
        }
        match self.below(100) {
            0..=9 => self.caller(),
            10..=34 => self.recogniser(),
            35..=58 => self.mind(),
            59..=93 => self.carrier(),
            94..=97 => self.nonsense(),
            98 => self.trouble(),
            _ if self.chance(25) => Event::Key {
                key: b"0123456789*#"[self.below(12) as usize] as char,
            },
            // An answer by key, while one may be asked for.
            _ if !self.call.consent_decided() => Event::Key { key: '1' },
            _ => self.carrier(),
        }
    }

    fn caller(&mut self) -> Event {
        let talking = self.talking;
        match talking {
            None if self.chance(40) => self.carrier(),
            None => {
                let at = self.now.saturating_sub(self.below(120));
                self.talking = Some(at);
                Event::SpeechStarted {
                    at: At::from_ms(at),
                }
            }
            Some(from) if self.chance(15) => Event::SpeechPaused {
                at: At::from_ms(from.max(self.now.saturating_sub(100))),
            },
            Some(_) if self.chance(6) => Event::SpeechResumed,
            Some(from) => {
                let at = from.max(self.now.saturating_sub(200));
                self.talking = None;
                self.owed.push_back(at);
                Event::SpeechStopped {
                    at: At::from_ms(at),
                }
            }
        }
    }

    fn recogniser(&mut self) -> Event {
        if let Some(from) = self.talking.filter(|_| self.now.is_multiple_of(3)) {
            let text = ["mm-hm", "I would", "I would like to know", ""][self.below(4) as usize];
            return self.partial(from, text.into());
        }
        // All that was said, but not yet for good.
        if let Some(from) = self.talking.or(self.owed.front().copied())
            && self.call.speaking().is_none()
            && self.chance(15)
        {
            let text = sentence(self.sentences + 1);
            return self.partial(from, text);
        }
        let Some(until) = self.owed.pop_front().map(At::from_ms) else {
            if self.chance(90) {
                return self.mind();
            }
            // A verdict nobody asked for, or a second one.
            return Event::TurnScored {
                until: At::from_ms(self.now),
                complete: 0.9,
            };
        };
        if !self.call.consent_decided() && self.chance(40) {
            return self.answer(until);
        }
        match self.below(40) {
            0..=8 => Event::Final {
                until,
                text: String::new(),
                confidence: 0.0,
            },
            9..=11 => Event::Final {
                until,
                text: "Mm-hm.".into(),
                confidence: 0.3,
            },
            12 => Event::Final {
                until,
                text: "Are you a robot?".into(),
                confidence: 0.9,
            },
            13 => Event::Final {
                until,
                text: "Please don't record the call.".into(),
                confidence: 0.9,
            },
            14 if self.chance(20) => Event::HearFailed {
                until,
                fatal: false,
            },
            15 => {
                // Comes later, or never.
                if self.chance(70) {
                    self.owed.push_back(until.ms());
                }
                Event::TurnScored {
                    until,
                    complete: 0.97,
                }
            }
            16..=21 => {
                self.owed.push_front(until.ms());
                Event::TurnScored {
                    until,
                    complete: self.below(100) as f32 / 100.0,
                }
            }
            _ => {
                // What comes of a guess need not be what was guessed.
                self.sentences += 1 + u32::from(self.chance(20));
                Event::Final {
                    until,
                    text: sentence(self.sentences),
                    confidence: 0.95,
                }
            }
        }
    }

    fn partial(&self, from: u64, text: String) -> Event {
        Event::Partial {
            until: At::from_ms(from.max(self.now)),
            text,
        }
    }

    /// What people say to a notice, as the recogniser has it.
    fn answer(&mut self, until: At) -> Event {
        let (text, confidence) = [
            ("Yes.", 0.9),
            ("Yes, please.", 0.9),
            ("Yes.", 0.9),
            ("No.", 0.9),
            ("Yes.", 0.5),
            ("Hello?", 0.9),
            ("Don't", 0.9),
            ("record me.", 0.9),
            ("What?", 0.9),
            ("Sorry, what about recording?", 0.9),
        ][self.below(10) as usize];
        Event::Final {
            until,
            text: text.into(),
            confidence,
        }
    }

    fn used(&mut self) -> Event {
        let at = self.below(self.uses.len() as u64) as usize;
        if self.chance(60) {
            return self.transfer(at);
        }
        // Some tell twice what they did.
        let id = match self.chance(90) {
            true => self.uses.swap_remove(at),
            false => self.uses[at],
        };
        let outcomes = [Outcome::Done, Outcome::Failed, Outcome::Unknown];
        Event::ToolUsed {
            id,
            outcome: outcomes[self.below(3) as usize],
            result: "{}".into(),
        }
    }

    /// Whatever was wanted, a person is called for it.
    fn transfer(&mut self, at: usize) -> Event {
        let id = self.uses[at];
        let kind = TransferKind::ALL[self.below(2) as usize];
        let news = match self.below(4) {
            0 => TransferNews::Begun {
                kind,
                hold: Arc::new(["Please hold.".into()]),
            },
            1 | 2 => TransferNews::Ready {
                kind,
                words: "I put you through.".into(),
            },
            _ => TransferNews::Ended {
                kind,
                end: TransferEnd::ALL[self.below(TransferEnd::ALL.len() as u64) as usize],
                result: "{}".into(),
            },
        };
        if matches!(news, TransferNews::Ended { .. }) {
            self.uses.swap_remove(at);
        }
        Event::Transfer { id, news }
    }

    /// Keys of the caller's, which only they may know, or not; or keys for a menu.
    fn key_work(&mut self) -> KeyWork {
        if self.chance(25) {
            return KeyWork::Press("12w#".into());
        }
        let field = |digits_max| KeyField {
            prompt: "Please key it in.".into(),
            wrong: Some("That was not right.".into()),
            digits_min: 2,
            digits_max,
            terminator: Some('#'),
            first_ms: 6_000,
            between_ms: 2_000,
            check: Check::None,
            tries: 2,
        };
        KeyWork::Collect {
            fields: vec![field(6), field(3)],
            is_secret: self.chance(75),
        }
    }

    /// The mind wants something done, often the same again.
    fn wants(&mut self, reply: ReplyId) -> Event {
        let wanted = (0..=self.below(2)).map(|_| Wanted {
            tool: ["look", "later", "transfer", "pay", "fly"][self.below(5) as usize].into(),
            arguments: ["{}", "{\"item\":1}"][self.below(2) as usize].into(),
        });
        Event::ToolsWanted {
            reply,
            wanted: wanted.collect(),
        }
    }

    fn mind(&mut self) -> Event {
        if self.thinking.is_empty() {
            return self.carrier();
        }
        let at = self.below(self.thinking.len() as u64) as usize;
        let reply = self.thinking[at];
        if self.waiting.contains(&reply) {
            return self.carrier();
        }
        if self.chance(10) {
            self.waiting.push(reply);
            return self.wants(reply);
        }
        match self.below(12) {
            0..=1 => Event::MindStarted { reply },
            // An empty answer is a failure; most minds have something to say.
            2..=7 | 9..=11 if !self.worded.contains(&reply) || self.chance(30) => {
                self.worded.push(reply);
                let text = match self.below(20) {
                    0 => "No, I'm not a robot.",
                    _ => "Here is one clause.",
                };
                Event::MindSaid {
                    reply,
                    text: text.into(),
                }
            }
            8 if self.chance(5) => {
                self.thinking.swap_remove(at);
                Event::MindFailed { reply }
            }
            _ => {
                self.thinking.swap_remove(at);
                let after = match self.below(100) {
                    0..2 => After::HangUp,
                    2..6 => After::Wait,
                    _ => After::Listen,
                };
                let expects = if self.chance(20) {
                    Expects::Digits { enough: 4 }
                } else {
                    Expects::Words
                };
                Event::MindDone {
                    reply,
                    after,
                    expects,
                }
            }
        }
    }

    fn carrier(&mut self) -> Event {
        let Some((reply, clause)) = self.queue.front().copied() else {
            return match self.ended_reply.take() {
                Some(reply) => Event::Played { reply },
                None => Event::TurnScored {
                    until: At::from_ms(self.now),
                    complete: 0.5,
                },
            };
        };
        match self.below(10) {
            0..=1 => Event::PlaybackStarted { reply },
            2 => Event::RanDry { reply },
            3..=5 => {
                let heard_ms = self.below(1_000) as u32;
                Event::Heard {
                    reply,
                    position: Position {
                        clause,
                        heard_ms,
                        clause_ms: 1_000,
                    },
                }
            }
            6 if self.chance(1) => {
                self.queue.pop_front();
                Event::VoiceFailed { reply, clause }
            }
            _ => {
                self.queue.pop_front();
                Event::Heard {
                    reply,
                    position: Position {
                        clause,
                        heard_ms: 1_000,
                        clause_ms: 1_000,
                    },
                }
            }
        }
    }

    /// Events of replies that are over or never were, and things told twice.
    fn nonsense(&mut self) -> Event {
        let reply = ReplyId(self.below(40) as u32);
        let live = [self.call.speaking(), self.call.drafting()];
        if live.contains(&Some(reply)) {
            return Event::Key { key: 'x' };
        }
        let position = Position {
            clause: self.below(4) as u16,
            heard_ms: self.below(9) as u32,
            clause_ms: 5,
        };
        match self.below(10) {
            0 => Event::MindSaid {
                reply,
                text: "Stale words.".into(),
            },
            1 => Event::MindDone {
                reply,
                after: After::HangUp,
                expects: Expects::Words,
            },
            2 => Event::MindFailed { reply },
            3 => Event::VoiceFailed { reply, clause: 0 },
            4 => Event::PlaybackStarted { reply },
            5 => Event::Heard { reply, position },
            6 => Event::Paused { reply, position },
            7 => Event::Played { reply },
            8 => Event::RanDry { reply },
            _ => Event::Answered,
        }
    }

    fn trouble(&mut self) -> Event {
        match self.below(150) {
            0 => Event::LineClosed {
                reason: EndReason::CallerHungUp,
            },
            1 => Event::EndAsked {
                reason: EndReason::Draining,
            },
            2 => Event::Final {
                until: At::from_ms(self.now),
                text: "Don't call me again.".into(),
                confidence: 0.9,
            },
            3 => Event::HearFailed {
                until: At::from_ms(self.now),
                fatal: true,
            },
            4..=8 => Event::Muted {
                on: self.chance(40),
            },
            9..=12 => Event::SayAsked {
                text: "A word from an operator.".into(),
            },
            _ => self.carrier(),
        }
    }
}

/// Whether a text puts sentence `number` to the mind.
pub(super) fn asks(ask: &Ask, number: u32) -> bool {
    matches!(ask, Ask::Answer { text, .. } if text.contains(&sentence(number)))
}
