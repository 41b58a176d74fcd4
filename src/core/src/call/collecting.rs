//! Keys for a tool: collected from the caller, or pressed on the line.
//!
//! A tool that wants keys is begun once the caller has heard what the reply says before it. The call then asks for them in
//! words of its own, which the first key cuts, and waits: for so many digits, or a key that ends them. What is too short,
//! fails its check or does not come is asked for again, so many times. `*` calls it off, and so does a caller who says
//! something else instead: their words cancel the reply that waits, and with it what was wanted.
//!
//! Digits that are *secret* leave the call by [`Action::KeysDone`] alone. From the first prompt until a moment after the last
//! key the caller is [withheld](Call::withholds): the shell takes silence for what comes from them, so that neither a
//! recogniser nor a recording gets a tone or a word. Keys of that time are no commands: all of them belong to the collection.
//!
//! Pressing goes the other way: tones, as a clause that talking does not cut.

mod work;

use std::sync::Arc;

use super::action::{Action, Note};
use super::event::ReplyId;
use super::reply::{Fate, Mind, Origin, Playback, Reply};
use super::speaking::say_rest;
use super::tooling::UseId;
use super::{Call, Phase};
pub use work::{Check, FIELD_DIGITS_MAX, KeyField, KeyWork, KeysDone, PRESSED_MAX, Unkeyed};

use crate::guard;
use crate::redact;
use crate::secret::Secret;
use crate::time::At;

/// A tone may sound on after its key was told: so long the caller is withheld after the last one, and the keys that belong
/// behind it are nobody's, ms.
const TAIL_MS: u32 = 1_000;
/// The same after a collection that was called off.
const SHORT_TAIL_MS: u32 = 300;
/// The same after one that the caller may be in the middle of, since it ended for another reason.
const LONG_TAIL_MS: u32 = 3_000;
/// Keys that go on coming are nobody's for so long, ms.
const TAILS_MS: u32 = 30_000;
/// A key that ends a row of digits which was over by its length belongs to it for so long, ms.
const ENDING_KEY_MS: u32 = 2_000;

/// What is being done with keys.
#[derive(Clone, Debug)]
struct Task {
    id: UseId,
    work: Work,
}

#[derive(Clone, Debug)]
enum Work {
    Collect(Collect),
    /// The clause that sounds as the keys, once it was begun.
    Press {
        keys: Arc<str>,
        begun: Option<(ReplyId, usize)>,
    },
}

#[derive(Clone, Debug)]
struct Collect {
    fields: Vec<KeyField>,
    is_secret: bool,
    done: Vec<Secret>,
    /// Of the field that is being collected.
    keys: Secret,
    last_key: Option<At>,
    /// It was asked for so often.
    asked: u8,
    /// Is to be said as soon as nobody speaks.
    owed: Option<Arc<str>>,
    /// Since when nothing is said.
    silent: Option<At>,
}

impl Collect {
    fn field(&self) -> Option<&KeyField> {
        self.fields.get(self.done.len())
    }

    fn begin_field(&mut self) {
        self.keys = Secret::with_room(FIELD_DIGITS_MAX.into());
        self.asked = 1;
        self.last_key = None;
        self.silent = None;
        self.owed = self.field().map(|field| Arc::clone(&field.prompt));
    }

    fn is_right(&self) -> bool {
        let digits = self.keys.expose();
        self.field().is_some_and(|field| {
            digits.len() >= field.digits_min.into()
                && match field.check {
                    Check::None => true,
                    Check::Luhn => redact::is_luhn(digits),
                }
        })
    }
}

/// The keys of a call, as far as they are for tools.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyPad {
    task: Option<Task>,
    /// Since when the caller is withheld.
    withheld: Option<At>,
    /// Until when they still are, once nothing secret is collected any more.
    tail: Option<At>,
    /// What is pressed then belongs to what was collected.
    late: Option<Late>,
}

/// Keys that come after what they are for.
#[derive(Clone, Copy, Debug)]
enum Late {
    /// This one, until then.
    Ending(char, At),
    /// Any, until then; each for so much longer, up to that.
    Secret { until: At, ms: u32, end: At },
}

impl KeyPad {
    /// Takes a key that belongs behind a secret or is the one that ends other keys. A star is none.
    fn takes_late(&mut self, key: char, now: At) -> bool {
        match &mut self.late {
            Some(Late::Ending(ending, until)) => *ending == key && now < *until,
            Some(Late::Secret { until, ms, end }) if now < *until && key != '*' => {
                *until = now.plus(*ms).min(*end);
                self.tail = self.tail.max(Some(*until));
                true
            }
            Some(Late::Secret { .. }) | None => {
                self.late = None;
                false
            }
        }
    }

    pub(super) fn is_at_work(&self) -> bool {
        self.task.is_some()
    }

    fn collect(&mut self) -> Option<&mut Collect> {
        match &mut self.task.as_mut()?.work {
            Work::Collect(collect) => Some(collect),
            Work::Press { .. } => None,
        }
    }
}

impl Call {
    /// What comes from the caller now is for nobody: the shell takes it for silence, and notes no key.
    pub fn withholds(&self) -> bool {
        self.keypad.withheld.is_some()
    }

    /// A use of a tool wants keys before it goes on.
    pub(super) fn keys_wanted(&mut self, id: UseId, work: KeyWork, out: &mut Vec<Action>) {
        if let KeyWork::Collect { fields, .. } = &work
            && fields.is_empty()
        {
            return self.give_keys(id, KeysDone::Collected(Vec::new()), out);
        }
        let is_refused =
            self.phase != Phase::Live || self.keypad.is_at_work() || !self.is_waited_for(id);
        if is_refused {
            let done = KeysDone::Not(Unkeyed::Left);
            return self.give_keys(id, done, out);
        }
        let work = match work {
            KeyWork::Press(keys) => Work::Press { keys, begun: None },
            KeyWork::Collect { fields, is_secret } => {
                let mut collect = Collect {
                    fields,
                    is_secret,
                    done: Vec::new(),
                    keys: Secret::with_room(0),
                    last_key: None,
                    asked: 0,
                    owed: None,
                    silent: None,
                };
                collect.begin_field();
                if is_secret {
                    self.keypad.withheld.get_or_insert(self.now);
                    self.keypad.tail = None;
                }
                self.keypad.late = None;
                Work::Collect(collect)
            }
        };
        self.keypad.task = Some(Task { id, work });
        self.keys_go_on();
    }

    /// A reply still waits for the result of this use.
    fn is_waited_for(&self, id: UseId) -> bool {
        let mut live = [&self.speaking, &self.drafting].into_iter().flatten();
        self.ending.is_none() && live.any(|reply| reply.waits_for(id))
    }

    /// A reply waits for keys, which have times of their own.
    pub(super) fn waits_for_keys(&self, reply: &Reply) -> bool {
        let task = self.keypad.task.as_ref();
        task.is_some_and(|task| reply.wants_use(task.id))
    }

    /// The reply that waits has not been forgotten.
    fn keys_go_on(&mut self) {
        let now = self.now;
        for reply in [&mut self.speaking, &mut self.drafting]
            .into_iter()
            .flatten()
        {
            reply.mind_progress = now;
        }
    }

    /// Takes a key if it belongs to what is being collected, or was.
    pub(super) fn key_for_tool(&mut self, key: char, out: &mut Vec<Action>) -> bool {
        let now = self.now;
        if self.keypad.takes_late(key, now) {
            return true;
        }
        let Some(collect) = self.keypad.collect() else {
            return false;
        };
        let Some(field) = collect.field() else {
            return false;
        };
        let ends = field.terminator == Some(key);
        let digits_max = usize::from(field.digits_max);
        self.caller.star = key == '*';
        if key == '*' {
            self.end_keys(KeysDone::Not(Unkeyed::Cancelled), out);
            return true;
        }
        if key.is_ascii_digit() {
            collect.keys.push(key);
        }
        if collect.keys.is_empty() {
            // It may be the one that ends the field before.
            return true;
        }
        let is_complete = ends || collect.keys.len() >= digits_max;
        collect.last_key = Some(now);
        collect.owed = None;
        self.cut_prompt();
        self.keys_go_on();
        if is_complete {
            self.field_complete(Unkeyed::Wrong, out);
        }
        true
    }

    /// The field has all the digits that it will have.
    fn field_complete(&mut self, if_not: Unkeyed, out: &mut Vec<Action>) {
        let usual = self.settings.language.notices().keys_wrong.as_str();
        let Some(collect) = self.keypad.collect() else {
            return;
        };
        let Some(field) = collect.field() else {
            return;
        };
        if !collect.is_right() {
            if collect.asked >= field.tries {
                return self.end_keys(KeysDone::Not(if_not), out);
            }
            let wrong = field.wrong.as_deref().unwrap_or(usual);
            let again = format!("{wrong} {}", field.prompt);
            collect.asked += 1;
            collect.keys = Secret::with_room(FIELD_DIGITS_MAX.into());
            collect.last_key = None;
            collect.silent = None;
            collect.owed = Some(again.into());
            return;
        }
        let room = Secret::with_room(0);
        collect
            .done
            .push(std::mem::replace(&mut collect.keys, room));
        if collect.field().is_some() {
            return collect.begin_field();
        }
        let done = std::mem::take(&mut collect.done);
        self.end_keys(KeysDone::Collected(done), out);
    }

    fn end_keys(&mut self, done: KeysDone, out: &mut Vec<Action>) {
        let now = self.now;
        let Some(Task { id, work }) = self.keypad.task.take() else {
            return;
        };
        self.cut_prompt();
        self.keys_go_on();
        // The caller has just been busy themselves.
        self.fillers.last = now;
        if let Work::Collect(collect) = work {
            let ending_key = collect.fields.last().and_then(|field| field.terminator);
            let tail_ms = match &done {
                KeysDone::Collected(_) | KeysDone::Pressed => TAIL_MS,
                KeysDone::Not(Unkeyed::Cancelled) => SHORT_TAIL_MS,
                KeysDone::Not(Unkeyed::TimedOut | Unkeyed::Wrong | Unkeyed::Left) => LONG_TAIL_MS,
            };
            let until = now.plus(tail_ms);
            match (&done, collect.is_secret) {
                (KeysDone::Not(Unkeyed::Cancelled), true) => self.keypad.tail = Some(until),
                (_, true) => {
                    self.keypad.tail = Some(until);
                    self.keypad.late = Some(Late::Secret {
                        until,
                        ms: tail_ms,
                        end: now.plus(TAILS_MS),
                    });
                }
                (KeysDone::Collected(rows), false) => {
                    let until = now.plus(ENDING_KEY_MS);
                    self.keypad.late = ending_key.map(|key| Late::Ending(key, until));
                    let at = collect.last_key.unwrap_or(now);
                    for row in rows {
                        let keys = redact::cards(row.expose()).into_owned();
                        out.push(Action::Note(Note::CallerPressed { at, keys }));
                    }
                }
                (_, false) => {}
            }
        }
        self.give_keys(id, done, out);
    }

    fn give_keys(&mut self, id: UseId, done: KeysDone, out: &mut Vec<Action>) {
        if let KeysDone::Not(_) = done {
            self.tools.was_void(id);
        }
        out.push(Action::KeysDone { id, done });
    }

    /// The caller presses: they need not be asked any more.
    fn cut_prompt(&mut self) {
        let is_asking = |r: &&mut Reply| {
            let current = r.current().is_some_and(|c| c.prompt && c.tones.is_none());
            current && r.fate == Fate::GoOn
        };
        if let Some(reply) = self.speaking.as_mut().filter(is_asking) {
            reply.fate = Fate::Insert;
        }
    }

    /// Ends what is complete, late, or waited for by nobody.
    pub(super) fn settle_keys(&mut self, out: &mut Vec<Action>) {
        self.listen_for_keys();
        if let Some(id) = self.keypad.task.as_ref().map(|task| task.id) {
            self.settle_task(id, out);
        }
        if self.keypad.tail.is_some_and(|at| at <= self.now) {
            self.end_withholding(out);
        }
    }

    /// Keys are waited for from when nothing is said any more.
    pub(super) fn listen_for_keys(&mut self) {
        let (is_sounding, now) = (self.is_sounding(), self.now);
        if let Some(collect) = self.keypad.collect() {
            match is_sounding {
                true => collect.silent = None,
                false => _ = collect.silent.get_or_insert(now),
            }
        }
    }

    fn settle_task(&mut self, id: UseId, out: &mut Vec<Action>) {
        let is_waited_for = self.is_waited_for(id);
        let is_late = self.keys_due().is_some_and(|at| at <= self.now);
        match self.keypad.task.as_mut().map(|task| &mut task.work) {
            Some(Work::Press {
                begun: Some(at), ..
            }) => {
                let at = *at;
                match self.was_pressed(at) {
                    None => {}
                    Some(true) => {
                        // A menu is answered by keys alone.
                        let live = [&mut self.speaking, &mut self.drafting].into_iter();
                        let waits = live.flatten().filter(|reply| reply.waits_for(id));
                        waits.for_each(|reply| reply.may_be_empty = true);
                        self.end_keys(KeysDone::Pressed, out);
                    }
                    Some(false) => self.end_keys(KeysDone::Not(Unkeyed::Left), out),
                }
            }
            Some(_) if !is_waited_for => self.end_keys(KeysDone::Not(Unkeyed::Left), out),
            Some(Work::Collect(_)) if is_late => self.field_complete(Unkeyed::TimedOut, out),
            Some(Work::Collect(_) | Work::Press { begun: None, .. }) | None => {}
        }
    }

    /// Says what is owed, or presses, if the floor is free.
    pub(super) fn ask_for_keys(&mut self, out: &mut Vec<Action>) {
        let is_live = self.phase == Phase::Live;
        let Some(id) = self
            .keypad
            .task
            .as_ref()
            .filter(|_| is_live)
            .map(|task| task.id)
        else {
            return;
        };
        let is_free = self.notices.is_empty()
            && self.ending.is_none()
            && self.caller.is_quiet()
            && self.overlap.is_none();
        let language = self.settings.language;
        let Some(task) = self.keypad.task.as_mut().filter(|_| is_free) else {
            return;
        };
        let (text, tones) = match &task.work {
            Work::Collect(collect) => match &collect.owed {
                // A mind may have written it.
                Some(text) if guard::denies_ai(language, "", text) => {
                    (Arc::clone(&self.settings.notices.robot), None)
                }
                Some(text) => (redact::cards(text).into(), None),
                None => return,
            },
            Work::Press { keys, begun: None } => {
                (format!("[pressed {keys}]").into(), Some(Arc::clone(keys)))
            }
            Work::Press { .. } => return,
        };
        let Some(at) = self.put_prompt(id, text, tones, out) else {
            return;
        };
        self.keys_go_on();
        match self.keypad.task.as_mut().map(|task| &mut task.work) {
            Some(Work::Collect(collect)) => (collect.owed, collect.silent) = (None, None),
            Some(Work::Press { begun, .. }) => *begun = Some(at),
            None => {}
        }
    }

    /// Puts a clause of the call's own behind what the waiting reply has said, or into a reply of its own. `None` if somebody
    /// speaks.
    fn put_prompt(
        &mut self,
        id: UseId,
        text: Arc<str>,
        tones: Option<Arc<str>>,
        out: &mut Vec<Action>,
    ) -> Option<(ReplyId, usize)> {
        let Some(mut reply) = self.speaking.take() else {
            let mut reply = self.new_reply(Origin::Prompt, Mind::None);
            reply.push_prompt(text, tones);
            let at = (reply.id, 0);
            self.speak(reply, out);
            return Some(at);
        };
        let is_free = reply.waits_for(id)
            && reply.playback == Playback::On
            && reply.clauses.iter().all(|c| c.over);
        let at = is_free.then(|| {
            self.note_heard(&mut reply, false, out);
            reply.push_prompt(text, tones);
            reply.progress = self.now;
            say_rest(&mut reply, out);
            (reply.id, reply.clauses.len() - 1)
        });
        self.speaking = Some(reply);
        at
    }

    /// Whether all keys were heard; `None` while they sound.
    fn was_pressed(&self, (reply, clause): (ReplyId, usize)) -> Option<bool> {
        let reply = self.speaking.as_ref().filter(|r| r.id == reply);
        match reply.and_then(|r| r.clauses.get(clause)) {
            Some(clause) if !clause.over => None,
            Some(clause) => Some(clause.heard >= clause.text.split_whitespace().count()),
            None => Some(false),
        }
    }

    fn is_sounding(&self) -> bool {
        let speaks = |reply: &Reply| reply.clauses.iter().any(|c| !c.over);
        !self.notices.is_empty() || self.speaking.as_ref().is_some_and(speaks)
    }

    /// When the next key is late.
    fn keys_due(&self) -> Option<At> {
        let Work::Collect(collect) = &self.keypad.task.as_ref()?.work else {
            return None;
        };
        let field = collect.field().filter(|_| collect.owed.is_none())?;
        match collect.last_key {
            Some(last) => Some(last.plus(field.between_ms)),
            None => {
                let since = collect.silent.filter(|_| self.caller.is_quiet())?;
                Some(since.max(self.caller.stopped_at()).plus(field.first_ms))
            }
        }
    }

    /// When [`Call::settle_keys`] next has something to do by itself.
    pub(super) fn keypad_due(&self) -> Option<At> {
        [self.keys_due(), self.keypad.tail]
            .into_iter()
            .flatten()
            .min()
    }

    fn end_withholding(&mut self, out: &mut Vec<Action>) {
        self.keypad.tail = None;
        if let Some(from) = self.keypad.withheld.take_if(|_| true) {
            let to = self.now;
            out.push(Action::Note(Note::Withheld { from, to }));
        }
    }

    /// The call is over.
    pub(super) fn keys_end(&mut self, out: &mut Vec<Action>) {
        self.end_keys(KeysDone::Not(Unkeyed::Left), out);
        self.end_withholding(out);
    }
}

impl Reply {
    /// The mind waits for the result of this use.
    fn waits_for(&self, id: UseId) -> bool {
        self.mind == Mind::Asked && self.fate != Fate::Drop && self.wants_use(id)
    }
}
