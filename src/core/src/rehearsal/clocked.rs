//! A call whose clock goes only as far as it is told.

use std::sync::Arc;

use crate::call::{Action, Call, Event, Settings, Timer};
use crate::time::At;

/// A call, and what time it is.
#[derive(Debug)]
pub struct Clocked {
    call: Call,
    now: At,
}

impl Clocked {
    /// A call at its start.
    pub fn new(settings: Arc<Settings>) -> Self {
        Self {
            call: Call::new(settings, At::START),
            now: At::START,
        }
    }

    /// The call.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// The moment of what was done last.
    pub fn now(&self) -> At {
        self.now
    }

    /// Wakes the call for the first of its timers that is due before `until`, at the moment when it is, and tells which;
    /// `None` if none is.
    pub fn tick_before(&mut self, until: At, actions: &mut Vec<Action>) -> Option<(At, Timer)> {
        let (at, timer) = self.call.deadline().filter(|(at, _)| *at < until)?;
        self.now = self.now.max(at);
        self.call.tick(self.now, actions);
        Some((at, timer))
    }

    /// Tells the call something at a moment; time does not go back.
    pub fn handle(&mut self, at: At, event: Event, actions: &mut Vec<Action>) {
        self.now = self.now.max(at);
        self.call.handle(self.now, event, actions);
    }

    /// Lets time pass in which nothing is due.
    pub fn wait_until(&mut self, at: At) {
        self.now = self.now.max(at);
    }
}
