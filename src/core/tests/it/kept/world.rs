//! A line, a caller, a recogniser, a mind and a voice that are late, wrong and impatient, driven by a seed in steps of
//! one frame.

mod caller;

use std::collections::VecDeque;
use std::sync::Arc;

use trunkline_core::call::Note;
use trunkline_core::call::{
    Action, After, Ask, Call, EndReason, Event, Expects, Outcome, Position, ReplyId, Settings,
    ToolSettings, UseId, Wanted,
};
use trunkline_core::consent::{ConsentPlan, Method, Mode, OnWithdrawal};
use trunkline_core::journal::{Began, Entry, Step};
use trunkline_core::record::{Recorder, RecorderSettings};
use trunkline_core::time::At;
use trunkline_core::token::Direction;

use super::disk::Disk;
use super::observer::{FRAME_MS, Observer, Side, frame};
use super::{Guard, Tally};

pub(super) fn settings(consent: ConsentPlan) -> Settings {
    Settings {
        tools: [("look".into(), ToolSettings::default())].into(),
        consent,
        ..crate::scenario::settings()
    }
}

/// A clause on its way to the caller's ear.
struct Clause {
    reply: ReplyId,
    number: u16,
    text: Arc<str>,
    ms: u32,
    heard_ms: u32,
    /// The voice fails to make it.
    fails: bool,
}

/// What the caller is saying.
struct Speech {
    from: u64,
    until: u64,
    number: usize,
}

pub(super) struct World {
    random: u64,
    now: u64,
    call: Call,
    plan: ConsentPlan,
    recorder: Recorder,
    disk: Disk,
    observer: Observer,
    /// Facts on their way: when they arrive, and what.
    coming: Vec<(u64, Event)>,
    speech: Option<Speech>,
    /// Beginnings and ends of what they said before.
    spoke: Vec<(u64, u64)>,
    /// So long after it happened the ear tells of it, ms.
    ear_late: u64,
    /// End of the caller's last speech.
    quiet_since: u64,
    sentences: usize,
    queue: VecDeque<Clause>,
    halted: bool,
    started: Option<ReplyId>,
    all_said: Option<ReplyId>,
    /// Frames of the caller's that the network holds back, from this number on, until that moment.
    stalled: Option<(u64, u64)>,
    /// When each sentence of the notice was last heard whole.
    heard: Vec<(Arc<str>, u64)>,
    last_yes_from: Option<u64>,
    broken: Option<String>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut below = |n: u64| below(&mut random, n);
        let plan = ConsentPlan {
            mode: match below(12) {
                0 => None,
                1 => Some(Mode::NoRecord),
                2..=4 => Some(Mode::Announce),
                5..=7 => Some(Mode::AnnounceContinue),
                _ => Some(Mode::Affirmative),
            },
            on_withdrawal: if below(2) == 0 {
                OnWithdrawal::Keep
            } else {
                OnWithdrawal::Erase
            },
            ..ConsentPlan::default()
        };
        let ear_late = match below(3) {
            0 => below(1_500),
            _ => 0,
        };
        let mut recorder = Recorder::new(RecorderSettings {
            settle_ms: u32::try_from(below(3) * 300).unwrap_or(0),
        });
        recorder.began(Began {
            unix_ms: 0,
            agent: "walk".into(),
            agent_version: 0,
            direction: Direction::Inbound,
            mode: plan.mode.unwrap_or(Mode::NoRecord),
            rules: "walk@0".into(),
            because: Vec::new(),
        });
        Self {
            call: Call::new(Arc::new(settings(plan.clone())), At::START),
            plan,
            random,
            now: 0,
            recorder,
            disk: Disk::new(),
            observer: Observer::default(),
            coming: Vec::new(),
            speech: None,
            spoke: Vec::new(),
            ear_late,
            quiet_since: 0,
            sentences: 0,
            queue: VecDeque::new(),
            halted: false,
            started: None,
            all_said: None,
            stalled: None,
            heard: Vec::new(),
            last_yes_from: None,
            broken: None,
        }
    }

    fn below(&mut self, n: u64) -> u64 {
        below(&mut self.random, n)
    }

    fn chance(&mut self, permille: u64) -> bool {
        self.below(1_000) < permille
    }

    /// Lives through one call and checks what it left behind.
    pub(super) fn live(mut self, guard: Guard<'_>, tally: &mut Tally) -> Result<(), String> {
        let end = 4_000 + self.below(16_000);
        self.feed(Event::Answered, guard, tally);
        while !self.call.is_ended() && self.broken.is_none() {
            self.now += FRAME_MS;
            self.step(guard, tally);
            if self.now >= end {
                let reason = EndReason::CallerHungUp;
                self.feed(Event::LineClosed { reason }, guard, tally);
            }
            if self.now.is_multiple_of(1_000) || self.chance(5) {
                let mut entries = Vec::new();
                self.recorder.take(At::from_ms(self.now), &mut entries);
                self.disk.write(&entries)?;
            }
        }
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        // What the network held back comes in the end, and is nobody's any more.
        self.deliver(guard, self.now / FRAME_MS + 5);
        let mut entries = Vec::new();
        self.recorder.finish(At::from_ms(self.now), &mut entries);
        self.disk.write(&entries)?;
        let stored = self.disk.read()?;
        if self.recorder.dropped() > 0 {
            return Err("a recorder that is asked every second drops nothing".into());
        }
        if self.plan.mode.is_none_or(|mode| mode == Mode::NoRecord) {
            *tally.entry("never asked").or_default() += 1;
            if stored.iter().any(Entry::is_content) {
                return Err("a call that is not recorded leaves no content".into());
            }
        }
        self.observer.check(&stored, tally)
    }

    fn step(&mut self, guard: Guard<'_>, tally: &mut Tally) {
        while let Some((at, _)) = self.call.deadline().filter(|(at, _)| at.ms() <= self.now) {
            let mut actions = Vec::new();
            self.call.tick(at, &mut actions);
            self.perform(actions, guard, tally);
        }
        // What came first is told first; what is told may call off the rest.
        while let Some(at) = (0..self.coming.len())
            .filter(|at| self.coming[*at].0 <= self.now)
            .min_by_key(|at| self.coming[*at].0)
        {
            let (_, event) = self.coming.remove(at);
            self.feed(event, guard, tally);
        }
        self.talk(guard, tally);
        // An onset may lie 59 ms back.
        let until = At::from_ms(self.now.saturating_sub(self.ear_late + 60));
        self.feed(Event::Judged { until }, guard, tally);
        self.play(guard, tally);
        if self.chance(4) {
            let key = b"0123456789*#"[self.below(12) as usize] as char;
            self.observer.pressed(self.now, key);
            self.feed(Event::Key { key }, guard, tally);
        }
        match self.below(12_000) {
            0 => self.feed(
                Event::EndAsked {
                    reason: EndReason::Draining,
                },
                guard,
                tally,
            ),
            1..=2 => self.feed(
                Event::SayAsked {
                    text: "A word from the office.".into(),
                },
                guard,
                tally,
            ),
            3..=5 => {
                let on = self.chance(300);
                self.feed(Event::Muted { on }, guard, tally);
            }
            6 => self.feed(
                Event::HearFailed {
                    until: At::from_ms(self.now),
                    fatal: true,
                },
                guard,
                tally,
            ),
            _ => {}
        }
        self.frames(guard);
    }

    fn feed(&mut self, event: Event, guard: Guard<'_>, tally: &mut Tally) {
        let mut actions = Vec::new();
        self.call.handle(At::from_ms(self.now), event, &mut actions);
        self.perform(actions, guard, tally);
    }

    /// Frames of both sides up to now; the caller's may be held back for a while, and come twice.
    fn frames(&mut self, guard: Guard<'_>) {
        let number = self.now / FRAME_MS - 1;
        if self.started.is_some() && !self.halted {
            self.recorder
                .agent(number * 160, &frame(Side::Agent, number));
        }
        if self.stalled.is_none() && self.chance(3) {
            self.stalled = Some((number, self.now + self.below(1_800)));
        }
        match self.stalled {
            Some((_, until)) if until > self.now => {}
            _ => self.deliver(guard, number),
        }
    }

    fn deliver(&mut self, guard: Guard<'_>, last: u64) {
        let mut first = self.stalled.take().map_or(last, |(first, _)| first);
        if self.chance(10) {
            first = first.saturating_sub(1 + self.below(3));
        }
        for number in first..=last {
            self.caller_frame(guard, number * 160, number);
            self.observer.frame(number);
        }
        if self.chance(2) {
            // A clock gone mad.
            let at = u64::MAX / (1 + self.below(1_000));
            self.caller_frame(guard, at, last);
        }
    }

    fn caller_frame(&mut self, guard: Guard<'_>, at: u64, number: u64) {
        let granted = match guard {
            Guard::Gate => self.call.granted(),
            Guard::Borrowed(granted) => Some(granted),
        };
        self.recorder
            .caller(granted, at, &frame(Side::Caller, number));
    }

    /// The carrier plays what is queued and tells how far it is.
    fn play(&mut self, guard: Guard<'_>, tally: &mut Tally) {
        if self.halted {
            return;
        }
        let Some(clause) = self.queue.front_mut() else {
            self.started = None;
            if let Some(reply) = self.all_said.take() {
                self.feed(Event::Played { reply }, guard, tally);
            }
            return;
        };
        if clause.fails {
            let (reply, clause) = (clause.reply, clause.number);
            self.queue.pop_front();
            return self.feed(Event::VoiceFailed { reply, clause }, guard, tally);
        }
        clause.heard_ms = (clause.heard_ms + FRAME_MS as u32).min(clause.ms);
        let (reply, is_whole) = (clause.reply, clause.heard_ms == clause.ms);
        let position = position(clause);
        let text = Arc::clone(&clause.text);
        if self.started != Some(reply) {
            self.started = Some(reply);
            self.feed(Event::PlaybackStarted { reply }, guard, tally);
        }
        if is_whole {
            self.queue
                .retain(|c| c.reply != reply || c.number != position.clause);
            self.heard.retain(|(heard, _)| *heard != text);
            self.heard.push((text, self.now));
        }
        if is_whole || self.chance(50) {
            self.feed(Event::Heard { reply, position }, guard, tally);
        }
    }

    fn perform(&mut self, actions: Vec<Action>, guard: Guard<'_>, tally: &mut Tally) {
        for action in actions {
            match action {
                Action::Think { reply, ask } => self.think(reply, &ask),
                Action::CancelThink { reply } => {
                    self.coming.retain(|(_, event)| !is_of_mind(event, reply));
                }
                Action::Say {
                    reply,
                    clause,
                    text,
                }
                | Action::Fill {
                    reply,
                    clause,
                    text,
                } => self.say(reply, clause, text),
                Action::SayRecorded { reply, clause } => {
                    self.say(reply, clause, "Something is wrong.".into());
                }
                // No tool of this world wants keys.
                Action::Press { .. } | Action::KeysDone { .. } => {}
                Action::UseTool { id, arguments, .. } => self.use_tool(id, arguments),
                Action::GoOn { reply, results } => {
                    self.answer(reply, self.now, results.join(" "));
                }
                Action::EndSay { reply } => self.all_said = Some(reply),
                Action::Pause { reply } => {
                    self.halted = true;
                    let clause = self.queue.front().filter(|c| c.reply == reply);
                    let position = clause.map(position).unwrap_or_default();
                    let at = self.now + FRAME_MS;
                    self.coming.push((at, Event::Paused { reply, position }));
                }
                Action::Resume { .. } => self.halted = false,
                Action::Drop { reply } => {
                    self.halted = false;
                    self.queue.retain(|c| c.reply != reply);
                    self.all_said.take_if(|said| *said == reply);
                }
                Action::Note(note) => self.note(&note, guard, tally),
                Action::Prepare { .. }
                | Action::Commit { .. }
                | Action::PutThrough { .. }
                | Action::HangUp { .. } => {}
            }
        }
    }

    fn note(&mut self, note: &Note, guard: Guard<'_>, tally: &mut Tally) {
        self.observer.note(note, tally);
        if let Note::Consent {
            step: Step::Granted { method },
            ..
        } = note
        {
            self.broken = self.doubt(*method);
        }
        let granted = match guard {
            Guard::Gate => self.call.granted(),
            Guard::Borrowed(granted) => Some(granted),
        };
        self.recorder.note(granted, note);
    }

    /// Why the gate should not have opened now, going by what the caller heard and did.
    fn doubt(&self, method: Method) -> Option<String> {
        let heard = |text: &Arc<str>| {
            self.heard
                .iter()
                .find(|(t, _)| t == text)
                .map(|(_, at)| *at)
        };
        let notice: Option<Vec<u64>> = self.plan.opening().map(heard).collect();
        let notice = notice
            .filter(|_| self.plan.asks())
            .and_then(|n| n.into_iter().max());
        let asked = [self.plan.question.as_ref(), Some(&self.plan.again)];
        let asked = asked.into_iter().flatten().filter_map(heard).min();
        let doubt = match (method, notice) {
            (_, None) => "the notice was not heard whole",
            (Method::Silence, Some(notice)) if self.now < notice + 2_000 => {
                "two seconds have not passed since the notice"
            }
            (Method::Silence, Some(notice)) if self.silence_ms_since(notice) < 2_000 => {
                "the caller was not silent for two seconds"
            }
            (Method::SaidYes, Some(_))
                if self
                    .last_yes_from
                    .is_none_or(|yes| asked.is_none_or(|asked| yes < asked)) =>
            {
                "no yes began after the question"
            }
            (Method::Silence | Method::WentOn | Method::SaidYes | Method::PressedYes, Some(_)) => {
                return None;
            }
        };
        Some(format!(
            "granted by {method:?} at {}, but {doubt}",
            self.now
        ))
    }

    /// How long the caller was silent at a stretch after a moment, whatever the ear has told so far.
    fn silence_ms_since(&self, moment: u64) -> u64 {
        let (mut since, mut longest) = (moment, 0);
        for (from, until) in &self.spoke {
            longest = longest.max(from.saturating_sub(since));
            since = since.max(*until);
        }
        let until = self.speech.as_ref().map_or(self.now, |speech| speech.from);
        longest.max(until.saturating_sub(since))
    }

    /// A mind that repeats what it was told.
    fn think(&mut self, reply: ReplyId, ask: &Ask) {
        let text = match ask {
            Ask::Open => "How can I help you?".to_owned(),
            Ask::Silence | Ask::News | Ask::HandedOver => "Are you there?".to_owned(),
            Ask::Answer { text, keys, .. } => format!("You told me: {text} {keys}"),
        };
        let at = self.now + 40 + self.below(400);
        if self.chance(10) {
            self.coming.push((at, Event::MindFailed { reply }));
            return;
        }
        self.coming.push((at, Event::MindStarted { reply }));
        if self.chance(15) {
            let (tool, arguments) = ("look".into(), text.into());
            let wanted = vec![Wanted { tool, arguments }];
            self.coming
                .push((at + 10, Event::ToolsWanted { reply, wanted }));
            return;
        }
        self.answer(reply, at, text);
    }

    /// A tool that repeats what it was told.
    fn use_tool(&mut self, id: UseId, result: Arc<str>) {
        let outcome = Outcome::Done;
        let at = self.now + 20 + self.below(900);
        self.coming.push((
            at,
            Event::ToolUsed {
                id,
                outcome,
                result,
            },
        ));
    }

    fn answer(&mut self, reply: ReplyId, at: u64, text: String) {
        self.coming.push((at + 20, Event::MindSaid { reply, text }));
        let (after, expects) = match self.below(20) {
            0 => (After::HangUp, Expects::Words),
            1..=6 => (After::Listen, Expects::Digits { enough: 3 }),
            _ => (After::Listen, Expects::Words),
        };
        let done = Event::MindDone {
            reply,
            after,
            expects,
        };
        let at = at + 40 + self.below(200);
        self.coming.push((at, done));
    }

    fn say(&mut self, reply: ReplyId, number: u16, text: Arc<str>) {
        let ms = 100 + u32::try_from(self.below(500)).unwrap_or(0);
        self.queue.push_back(Clause {
            reply,
            number,
            text,
            ms,
            heard_ms: 0,
            fails: self.random.is_multiple_of(200),
        });
    }
}

fn position(clause: &Clause) -> Position {
    Position {
        clause: clause.number,
        heard_ms: clause.heard_ms,
        clause_ms: clause.ms,
    }
}

fn is_of_mind(event: &Event, id: ReplyId) -> bool {
    matches!(event, Event::MindStarted { reply } | Event::MindSaid { reply, .. }
        | Event::MindDone { reply, .. } | Event::MindFailed { reply }
        | Event::ToolsWanted { reply, .. } if *reply == id)
}

fn below(random: &mut u64, n: u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random % n
}
