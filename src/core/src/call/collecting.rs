//! Keys for a tool: collected from the caller, or pressed on the line.
//!
//! A tool that wants keys is begun once the caller has heard what the reply says before it. The call then asks for them in
//! words of its own, which the first key cuts, and waits: for so many digits, or a key that ends them. What is too short,
//! fails its check or does not come is asked for again, so many times. `*` calls it off, and so does a caller who says
//! something else instead: their words cancel the reply that waits, and with it what was wanted.
//!
//! Digits that are *secret* leave the call by [`Action::KeysDone`] alone. From the first prompt until a moment after the last
//! key the caller is [withheld](Call::withholds): the shell takes silence for what comes from them, so that neither a
//! recogniser nor a recording gets a tone or a word. Keys of that time belong to the collection, and those that still come
//! behind it to nobody (`late`).
//!
//! Pressing goes the other way: tones, as a clause that talking does not cut.

mod asking;
mod late;
mod work;

use std::sync::Arc;

use super::action::{Action, Note};
use super::event::ReplyId;
use super::reply::{Fate, Mind, Reply};
use super::tooling::UseId;
use super::{Call, Phase};
use late::{EndOf, Late};
pub use work::{Check, FIELD_DIGITS_MAX, KeyField, KeyWork, KeysDone, PRESSED_MAX, Unkeyed};

use crate::redact;
use crate::secret::Secret;
use crate::time::At;

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
    /// What is pressed now may belong to what was collected.
    late: Option<Late>,
}

impl KeyPad {
    /// Takes a key that comes when what it is for is over.
    fn takes_late(&mut self, key: char, is_command: bool, now: At) -> bool {
        let Some(late) = self.late.as_mut() else {
            return false;
        };
        if !late.takes(key, is_command, now) {
            // What is to be obeyed yet is.
            self.late.take_if(|late| late.command().is_none());
            return false;
        }
        let until = late.secret_until(now);
        // What is secret now has an end of its own.
        let is_secret = self.collect().is_some_and(|collect| collect.is_secret);
        if !is_secret {
            self.tail = self.tail.max(until);
        }
        true
    }

    /// Keys of a secret may still come.
    fn is_late(&self, now: At) -> bool {
        let until = self.late.as_ref().and_then(|late| late.secret_until(now));
        until.is_some()
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
                // Those of a secret are nobody's, whoever else wants keys now.
                let is_kept = |late: &Late| match is_secret {
                    true => late.command().is_some(),
                    false => late.secret_until(self.now).is_some(),
                };
                self.keypad.late = self.keypad.late.filter(is_kept);
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
        let is_command = self.caller.star && self.settings.keys.command(key).is_some();
        if self.keypad.takes_late(key, is_command, now) {
            self.caller.star = key == '*';
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
            match (&done, collect.is_secret) {
                (_, true) => {
                    let late = Late::secret(end_of(&done), now);
                    self.keypad.tail = late.secret_until(now);
                    self.keypad.late = Some(late);
                }
                (KeysDone::Collected(rows), false) => {
                    if !self.keypad.is_late(now) {
                        self.keypad.late = ending_key.map(|key| Late::ending(key, now));
                    }
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

    /// Ends what is complete, late, or waited for by nobody.
    pub(super) fn settle_keys(&mut self, out: &mut Vec<Action>) {
        self.listen_for_keys();
        if let Some(id) = self.keypad.task.as_ref().map(|task| task.id) {
            self.settle_task(id, out);
        }
        if self.keypad.tail.is_some_and(|at| at <= self.now) {
            self.end_withholding(out);
        }
        let command = self.keypad.late.as_ref().and_then(Late::command);
        if command.is_some_and(|(_, at)| at <= self.now) {
            self.obey_late(out);
        }
    }

    /// Obeys a command by key behind which nothing came.
    pub(super) fn obey_late(&mut self, out: &mut Vec<Action>) {
        let late = self.keypad.late.take_if(|late| late.command().is_some());
        let key = late.and_then(|late| late.command()).map(|(key, _)| key);
        if let Some(command) = key.and_then(|key| self.settings.keys.command(key)) {
            self.obey_key(command, out);
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
        let command = self.keypad.late.as_ref().and_then(Late::command);
        [self.keys_due(), self.keypad.tail, command.map(|(_, at)| at)]
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

fn end_of(done: &KeysDone) -> EndOf {
    match done {
        KeysDone::Collected(_) | KeysDone::Pressed => EndOf::All,
        KeysDone::Not(Unkeyed::Cancelled) => EndOf::Star,
        KeysDone::Not(Unkeyed::TimedOut | Unkeyed::Wrong | Unkeyed::Left) => EndOf::Others,
    }
}

impl Reply {
    /// The mind waits for the result of this use.
    fn waits_for(&self, id: UseId) -> bool {
        self.mind == Mind::Asked && self.fate != Fate::Drop && self.wants_use(id)
    }
}
