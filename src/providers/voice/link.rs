//! A call's connection to a voice, through all its reconnections: the call's end of it, and the task that holds it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;
use trunkline_core::wire::link::{Trouble, TroubleKind};
use trunkline_core::wire::tts::AudioFormat;

use super::MakeTts;
use super::clause::{Clause, Said};
use super::kept::pace;
use super::speaking::{End, Speaking};
use crate::providers::attempts::{Attempts, Lost};
use crate::providers::audio::ToMulaw;
use crate::providers::hop::{Hop, trouble_of};

/// How long one attempt to connect may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(3);
/// Texts that wait for the task.
const ASKED_MAX: usize = 64;
/// How often a connection that nobody used is made again before somebody needs it.
const IDLE_LOSSES_MAX: u32 = 3;

/// What the call and the task share.
#[derive(Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    pub(super) wake: Notify,
}

#[derive(Default)]
struct State {
    asked: VecDeque<Clause>,
    taken_back: Vec<u64>,
    tickets: u64,
    is_over: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a text back that is not wanted any more.
    pub(super) fn take_back(&self, ticket: u64) {
        let mut state = self.state();
        // One that the task has not seen is no work of its own, and there are never more than it has.
        match state
            .asked
            .iter()
            .position(|clause| clause.ticket == ticket)
        {
            Some(at) => drop(state.asked.remove(at)),
            None if !state.is_over => state.taken_back.push(ticket),
            None => {}
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Moves what was asked for behind what waits, and gives the texts that were taken back; `None` when all is over.
    pub(super) fn look(&self, waiting: &mut VecDeque<Clause>) -> Option<Vec<u64>> {
        let mut state = self.state();
        waiting.append(&mut state.asked);
        (!state.is_over).then(|| std::mem::take(&mut state.taken_back))
    }

    fn is_over(&self) -> bool {
        self.state().is_over
    }

    fn end(&self) {
        self.state().is_over = true;
        self.wake.notify_one();
    }

    async fn ended(&self) {
        while !self.is_over() {
            self.wake.notified().await;
        }
    }

    /// Waits until there is something to say, or all is over.
    async fn asked(&self) {
        loop {
            {
                let state = self.state();
                if state.is_over || !state.asked.is_empty() {
                    return;
                }
            }
            self.wake.notified().await;
        }
    }
}

/// The call's end of a link. Dropping it says goodbye.
pub(super) struct Link {
    shared: Arc<Shared>,
    speed: f32,
    format: AudioFormat,
    is_single: bool,
}

impl Link {
    /// Begins to connect.
    pub(super) fn open(hop: &Hop, make: &MakeTts, speed: f32) -> Self {
        let codec = make(speed);
        let shared = Arc::<Shared>::default();
        let link = Self {
            shared: Arc::clone(&shared),
            speed,
            format: codec.format(),
            is_single: codec.is_single(),
        };
        let task = Task {
            hop: hop.clone(),
            make: Arc::clone(make),
            speed,
            shared,
            waiting: VecDeque::new(),
            attempts: Attempts::default(),
            idle_losses: 0,
            is_parked: false,
        };
        tokio::spawn(task.run());
        link
    }

    pub(super) fn has_pace(&self, speed: f32) -> bool {
        pace(self.speed) == pace(speed)
    }

    /// It is for one text alone.
    pub(super) fn is_single(&self) -> bool {
        self.is_single
    }

    /// Has a text said behind those before; `None` if too many wait.
    pub(super) fn say(&self, text: Arc<str>) -> Option<Said> {
        let audio = ToMulaw::new(self.format).ok()?;
        let mut state = self.shared.state();
        if state.asked.len() >= ASKED_MAX {
            return None;
        }
        state.tickets += 1;
        let (clause, said) = Clause::new(state.tickets, text, audio, &self.shared);
        state.asked.push_back(clause);
        drop(state);
        self.shared.wake.notify_one();
        Some(said)
    }

    /// Has its only text said, and ends with it.
    pub(super) fn say_and_end(self, text: Arc<str>) -> Option<Said> {
        let said = self.say(text)?;
        Some(said.with_link(self))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.end();
    }
}

/// What holds the connection.
struct Task {
    hop: Hop,
    make: MakeTts,
    speed: f32,
    shared: Arc<Shared>,
    /// What the next connection has to say first.
    waiting: VecDeque<Clause>,
    attempts: Attempts,
    idle_losses: u32,
    /// No connection is wanted before there is something to say.
    is_parked: bool,
}

impl Task {
    async fn run(mut self) {
        loop {
            if self.is_parked {
                self.shared.asked().await;
                self.is_parked = false;
                self.attempts = Attempts::default();
            }
            let mut codec = (self.make)(self.speed);
            let handshake = codec.handshake();
            let opened = tokio::select! {
                biased;
                () = self.shared.ended() => return,
                opened = Box::pin(self.hop.open(&handshake, CONNECT_PATIENCE)) => opened,
            };
            let was_opened = opened.is_ok();
            let mut has_spoken = false;
            let lost = match opened {
                Ok(wire) => {
                    let speaking = Speaking::new(wire, &mut *codec, &self.shared, &self.hop);
                    let waiting = &mut self.waiting;
                    match Box::pin(speaking.run(waiting, &mut has_spoken)).await {
                        End::Over => return,
                        End::Lost(lost) => {
                            self.idle_losses = match has_spoken {
                                true => 0,
                                false => self.idle_losses + 1,
                            };
                            lost
                        }
                    }
                }
                Err(error) => {
                    let trouble = trouble_of(&error);
                    self.not_opened(&trouble);
                    Lost {
                        trouble,
                        was_useful: false,
                        has_stalled: false,
                        lived: Duration::ZERO,
                    }
                }
            };
            if !self.goes_on(&lost, was_opened, has_spoken).await {
                return;
            }
        }
    }

    /// A text has two attempts.
    fn not_opened(&mut self, trouble: &Trouble) {
        // Also what was asked for meanwhile learns of it.
        let taken_back = self.shared.look(&mut self.waiting).unwrap_or_default();
        self.waiting
            .retain(|clause| !taken_back.contains(&clause.ticket));
        let hop = &self.hop;
        self.waiting.retain_mut(|clause| {
            let goes_on = trouble.kind.may_pass() && !clause.has_failed_before;
            if !goes_on {
                clause.fail(hop, trouble);
            }
            clause.has_failed_before = true;
            goes_on
        });
    }

    /// Waits before the next attempt. False if all is over.
    async fn goes_on(&mut self, lost: &Lost, was_opened: bool, has_spoken: bool) -> bool {
        let pause = self.attempts.after(lost);
        let (provider, trouble) = (self.hop.provider, &lost.trouble);
        let is_idle = self.waiting.is_empty();
        if lost.has_stalled || !lost.was_useful && (has_spoken || !was_opened) {
            self.hop.met(trouble);
        }
        tracing::info!(provider, %trouble, is_idle, "voice lost");
        let Some(pause) = pause else {
            // Nothing helps now; when there is something to say, it may.
            tracing::warn!(provider, %trouble, "voice given up until it is needed");
            for clause in self.waiting.drain(..) {
                clause.fail(&self.hop, &lost.trouble);
            }
            self.is_parked = true;
            return !self.shared.is_over();
        };
        if is_idle && self.idle_losses >= IDLE_LOSSES_MAX {
            self.is_parked = true;
            return !self.shared.is_over();
        }
        self.hop.reconnecting(lost.trouble.kind);
        let patience = if is_idle {
            pause
        } else {
            pause.min(Duration::from_millis(250))
        };
        timeout(patience, self.shared.ended()).await.is_err()
    }
}

/// What is told of a voice that does not say what it was asked to.
pub(super) fn silent() -> Trouble {
    Trouble::new(TroubleKind::Server, "no audio in time")
}
