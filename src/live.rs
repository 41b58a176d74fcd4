//! The calls that are live, and the way to tell one of them something while it is.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use trunkline_core::amd::Told;

use crate::ids::ClientId;

/// What a call may be told that it has not yet done; a call that is behind by more is told so.
const CONTROLS_MAX: usize = 16;

/// What a live call can be told.
#[derive(Clone, PartialEq, Eq)]
pub enum Control {
    /// Say goodbye and end.
    HangUp,
    /// Say this, as soon as the caller is not speaking.
    Say {
        /// The words.
        text: String,
    },
    /// Let the mind know this from its next answer on; it is not said.
    Context {
        /// What it should know.
        text: String,
    },
    /// The carrier has found out who answered.
    CarrierHeard {
        /// What it says.
        told: Told,
    },
    /// Stay silent: listen, and answer nothing.
    Mute,
    /// Speak again.
    Unmute,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HangUp => "HangUp",
            Self::Say { .. } => "Say",
            Self::Context { .. } => "Context",
            Self::CarrierHeard { .. } => "CarrierHeard",
            Self::Mute => "Mute",
            Self::Unmute => "Unmute",
        })
    }
}

/// Why a call was not told something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untold {
    /// It is not live, or not this client's.
    #[error("the call is not live")]
    NotLive,
    /// Its agent follows a script, and can know no more than that.
    #[error("the call's agent follows a script")]
    Scripted,
    /// It has not yet done what it was told before.
    #[error("the call has not yet done what it was told before")]
    Busy,
}

/// A live call from outside.
struct Live {
    client: ClientId,
    sender: mpsc::Sender<Control>,
    /// Its mind can be told something.
    takes_context: bool,
    /// Nothing more would be said now.
    is_full: Arc<AtomicBool>,
}

type Calls = HashMap<Box<str>, Live>;

/// The live calls of this server. Cheap to clone.
#[derive(Clone, Default)]
pub struct LiveCalls(Arc<Mutex<Calls>>);

/// The ear of one live call: as long as it exists, the call counts as live.
pub struct Controls {
    calls: LiveCalls,
    call_id: Box<str>,
    controls: mpsc::Receiver<Control>,
    is_full: Arc<AtomicBool>,
}

/// What a call lets those outside know of itself.
pub struct Fullness(Arc<AtomicBool>);

impl Fullness {
    /// Says whether one more sentence would be said.
    pub fn set(&self, is_full: bool) {
        self.0.store(is_full, Ordering::Relaxed);
    }
}

impl LiveCalls {
    /// From now until the returned ear is dropped, the call of this client is live. `takes_context`: its mind can be told
    /// something.
    pub fn register(&self, client: &ClientId, call_id: &str, takes_context: bool) -> Controls {
        let (sender, controls) = mpsc::channel(CONTROLS_MAX);
        let is_full = Arc::new(AtomicBool::new(false));
        let live = Live {
            client: client.clone(),
            sender,
            takes_context,
            is_full: Arc::clone(&is_full),
        };
        self.lock().insert(call_id.into(), live);
        Controls {
            calls: self.clone(),
            call_id: call_id.into(),
            controls,
            is_full,
        }
    }

    /// Tells a client's call something, without waiting until it is done.
    pub fn send(&self, client: &ClientId, call_id: &str, control: Control) -> Result<(), Untold> {
        match self.lock().get(call_id) {
            Some(live) if live.client == *client => live.send(control),
            Some(_) | None => Err(Untold::NotLive),
        }
    }

    /// Whether a client's call is live here.
    pub fn is_live(&self, client: &ClientId, call_id: &str) -> bool {
        self.lock()
            .get(call_id)
            .is_some_and(|live| live.client == *client)
    }

    /// How many of a client's are live.
    pub fn of_client(&self, client: &ClientId) -> usize {
        let calls = self.lock();
        calls.values().filter(|live| live.client == *client).count()
    }

    /// How many are live.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    fn send(&self, control: Control) -> Result<(), Untold> {
        match control {
            Control::Context { .. } if !self.takes_context => return Err(Untold::Scripted),
            Control::Say { .. } if self.is_full.load(Ordering::Relaxed) => {
                return Err(Untold::Busy);
            }
            Control::Context { .. }
            | Control::Say { .. }
            | Control::CarrierHeard { .. }
            | Control::HangUp
            | Control::Mute
            | Control::Unmute => {}
        }
        self.sender.try_send(control).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Untold::Busy,
            mpsc::error::TrySendError::Closed(_) => Untold::NotLive,
        })
    }
}

impl Controls {
    /// Where the call says whether one more sentence would be said.
    pub fn fullness(&self) -> Fullness {
        Fullness(Arc::clone(&self.is_full))
    }

    /// The next thing that the call is told; waits for ever if there is none.
    pub async fn next(&mut self) -> Control {
        match self.controls.recv().await {
            Some(control) => control,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Controls {
    fn drop(&mut self) {
        self.controls.close();
        let mut calls = self.calls.lock();
        // One that registered under the same id later stays.
        if calls
            .get(&self.call_id)
            .is_some_and(|live| live.sender.is_closed())
        {
            calls.remove(&self.call_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_is_told_only_by_its_client_and_only_while_it_lives() {
        let live = LiveCalls::default();
        let (ours, theirs) = (ClientId::new(), ClientId::new());
        let mut controls = live.register(&ours, "call_1", true);
        assert_eq!(
            live.send(&theirs, "call_1", Control::HangUp),
            Err(Untold::NotLive)
        );
        live.send(&ours, "call_1", Control::Mute).unwrap();
        assert_eq!(controls.next().await, Control::Mute);
        for _ in 0..CONTROLS_MAX {
            live.send(&ours, "call_1", Control::Mute).unwrap();
        }
        assert_eq!(
            live.send(&ours, "call_1", Control::HangUp),
            Err(Untold::Busy)
        );
        drop(controls);
        assert_eq!(
            live.send(&ours, "call_1", Control::HangUp),
            Err(Untold::NotLive)
        );
        assert_eq!(live.count(), 0);
    }

    #[test]
    fn what_is_to_be_said_is_not_shown() {
        let text = "Your number is 5550100".into();
        assert_eq!(format!("{:?}", Control::Say { text }), "Say");
    }
}
