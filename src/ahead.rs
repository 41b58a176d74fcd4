//! What calls are held with, opened before their media sockets come.
//!
//! While a call that we placed rings, the way to its voice and its language model is made, and its notices are voiced as
//! far as they are not kept yet. Its recogniser is called once somebody has answered, or together with the rest when a
//! carrier asks what to do with a call that came in: some vendors bill the time that a recogniser's socket is open, and
//! most calls that ring are answered by nobody. The opening of a call that came in is begun by its own voice meanwhile, and
//! goes on where it is when the media socket opens.
//!
//! Each stack is made for one call of one client's, and only that call gets it. There are so many at most, each waits so
//! long at most, and one whose call does not come says goodbye.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::counter;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use trunkline_core::admission::Why;
use trunkline_core::call::Settings;

use crate::agent::Agent;
use crate::app::App;
use crate::ids::ClientId;
use crate::provider::{Hearing, Listener, Recogniser};
use crate::stack::Stack;
use crate::think::{Model, open_ahead};
use crate::vault::ClientKeys;

/// Stacks that wait at once.
pub const AHEAD_MAX: usize = 256;
/// Those of one client among them.
pub const AHEAD_OF_CLIENT_MAX: usize = 64;
/// How long a carrier may take from our instructions to the media socket, before its stack is given up.
const SOCKET_PATIENCE: Duration = Duration::from_secs(30);
/// After so long a ring, the carrier needs so much more to tell that it is over.
const RING_SLACK: Duration = Duration::from_secs(10);
/// How long the way to a language model may take.
const MODEL_PATIENCE: Duration = Duration::from_secs(5);

/// A call that may come.
pub(crate) struct Coming<'a> {
    /// Whose.
    pub(crate) keys: &'a ClientKeys,
    /// Our id of it.
    pub(crate) call_id: &'a str,
    /// Who holds it.
    pub(crate) agent: &'a Arc<Agent>,
    /// Why it is to do without our own models of turns, if it can.
    pub(crate) down: Option<Why>,
}

/// The stacks that wait for their calls.
#[derive(Clone, Default)]
pub struct Ahead(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    /// By our id of the call.
    waiting: BTreeMap<String, Waiting>,
    made: u64,
}

/// A place for a call's stack, and what is in it.
struct Waiting {
    /// Tells it from another place for the same call.
    number: u64,
    client: ClientId,
    /// Id and version: what was opened fits no other.
    agent: (String, u32),
    /// The agent's pace.
    speed: f32,
    /// None while it is being put together.
    stack: Option<Stack>,
    /// Its recogniser has been called.
    is_called: bool,
    /// Voices notices, and gives the place up in time.
    upkeep: Option<AbortOnDropHandle<()>>,
}

impl Ahead {
    /// How many wait.
    pub fn count(&self) -> usize {
        self.lock().waiting.len()
    }

    /// The stack of a call that has come, if one waits that was made for this client and agent.
    pub fn take(&self, call_id: &str, client: &ClientId, agent: &Agent) -> Option<Stack> {
        let waiting = self.lock().waiting.remove(call_id)?;
        let fits = waiting.client == *client && waiting.agent == name(agent);
        let stack = waiting.stack.filter(|_| fits);
        count(if stack.is_some() { "used" } else { "unfit" });
        stack
    }

    /// The call will not come.
    pub fn forget(&self, call_id: &str) {
        if self.lock().waiting.remove(call_id).is_some() {
            count("call_did_not_come");
        }
    }

    /// The place of a call's stack that was put together for this agent, which it was made for; else it is given free.
    fn found(&self, coming: &Coming<'_>) -> Option<u64> {
        let mut table = self.lock();
        let waiting = table.waiting.get(coming.call_id)?;
        let fits = waiting.client == *coming.keys.id() && waiting.agent == name(coming.agent);
        if fits && waiting.stack.is_some() {
            return Some(waiting.number);
        }
        let unfit = table.waiting.remove(coming.call_id);
        drop(table);
        drop(unfit);
        None
    }

    /// A place for a call's stack: its number. None if there is one already, or too many.
    fn reserve(&self, coming: &Coming<'_>) -> Option<u64> {
        let client = coming.keys.id();
        let mut table = self.lock();
        if table.waiting.contains_key(coming.call_id) {
            return None;
        }
        let own = table.waiting.values().filter(|w| w.client == *client);
        if table.waiting.len() >= AHEAD_MAX || own.count() >= AHEAD_OF_CLIENT_MAX {
            drop(table);
            count("too_many");
            return None;
        }
        table.made += 1;
        let waiting = Waiting {
            number: table.made,
            client: client.clone(),
            agent: name(coming.agent),
            speed: coming.agent.speed,
            stack: None,
            is_called: false,
            upkeep: None,
        };
        let number = waiting.number;
        table.waiting.insert(coming.call_id.to_owned(), waiting);
        Some(number)
    }

    /// Changes what is in a place, unless the call is not expected any more.
    fn change<T>(&self, call_id: &str, number: u64, with: impl FnOnce(&mut Waiting) -> T) {
        let mut table = self.lock();
        let waiting = table.waiting.get_mut(call_id);
        if let Some(waiting) = waiting.filter(|waiting| waiting.number == number) {
            with(waiting);
        }
    }

    /// Nobody came in time, or nothing could be opened.
    fn give_up(&self, call_id: &str, number: u64, why: &'static str) {
        let mut table = self.lock();
        let is_there = |waiting: &Waiting| waiting.number == number;
        if table.waiting.get(call_id).is_some_and(is_there) {
            let waiting = table.waiting.remove(call_id);
            drop(table);
            drop(waiting);
            count(why);
        }
    }

    /// Puts a stack together in a new place. The place's number.
    async fn open(&self, app: &App, coming: &Coming<'_>) -> Option<u64> {
        if !app.stacks.connects_for(coming.agent) {
            return None;
        }
        let number = self.reserve(coming)?;
        let _place = Place {
            ahead: self,
            call_id: coming.call_id,
            number,
        };
        let keys = Some(coming.keys);
        let (agent, down) = (coming.agent, coming.down);
        let stack = app.stacks.for_call(&app.desk, keys, agent, down).await;
        let stack = stack
            .inspect_err(
                |error| tracing::warn!(call.id = coming.call_id, %error, "nothing is opened ahead"),
            )
            .ok()?;
        self.change(coming.call_id, number, |waiting| {
            waiting.stack = Some(stack)
        });
        Some(number)
    }

    /// Begins to open what may wait without being used, and to voice `notices`; until `patience` is over.
    fn keep_up(&self, call_id: &str, number: u64, notices: Vec<Arc<str>>, patience: Duration) {
        let ahead = self.clone();
        self.change(call_id, number, |waiting| {
            let (Some(stack), speed) = (&waiting.stack, waiting.speed) else {
                return;
            };
            if let Some(models) = &stack.models {
                let Model { http, settings, .. } = models.current().stage.clone();
                drop(tokio::spawn(async move {
                    let _ = timeout(MODEL_PATIENCE, open_ahead(&http, &settings)).await;
                }));
            }
            let voice = Arc::clone(&stack.voices.current().stage);
            let call_id = call_id.to_owned();
            let upkeep = tokio::spawn(async move {
                let voicing = async {
                    for notice in notices {
                        if voice.keep(notice, speed).await.is_err() {
                            break;
                        }
                    }
                    std::future::pending::<()>().await;
                };
                let _ = timeout(patience, voicing).await;
                ahead.give_up(&call_id, number, "call_too_late");
            });
            waiting.upkeep = Some(AbortOnDropHandle::new(upkeep));
        });
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives a place free unless something came into it.
struct Place<'a> {
    ahead: &'a Ahead,
    call_id: &'a str,
    number: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut is_empty = false;
        self.ahead.change(self.call_id, self.number, |waiting| {
            is_empty = waiting.stack.is_none();
        });
        if is_empty {
            self.ahead.give_up(self.call_id, self.number, "not_opened");
        }
    }
}

/// A call was placed and rings, for so long at most. Its notices are those of `settings`.
pub(crate) async fn rings(app: &App, coming: &Coming<'_>, settings: &Settings, ring: Duration) {
    let Some(number) = app.ahead.open(app, coming).await else {
        return;
    };
    let is_kept = app.stacks.speaks_elsewhere(coming.agent);
    let notices = match is_kept {
        true => settings.sentences().cloned().collect(),
        // What the embedded voice keeps, it keeps for good: that is for the operator's agents.
        false => Vec::new(),
    };
    let patience = ring + RING_SLACK;
    app.ahead.keep_up(coming.call_id, number, notices, patience);
}

/// Somebody answered a call, or a call came in: the carrier is told where the media socket is. From here on the voice is
/// the call's own, and nothing is voiced with it but what it will say first: the sentences of `opening`.
pub(crate) async fn answered(app: &App, coming: &Coming<'_>, opening: &[Arc<str>]) {
    let ahead = &app.ahead;
    let Some(number) = (match ahead.found(coming) {
        Some(number) => Some(number),
        None => ahead.open(app, coming).await,
    }) else {
        return;
    };
    ahead.change(coming.call_id, number, |waiting| {
        if let Some(stack) = &mut waiting.stack {
            call_recogniser(&mut stack.hearing, &mut waiting.is_called);
            let voice = &stack.voices.current().stage;
            for sentence in opening {
                voice.begin(sentence, waiting.speed);
            }
        }
    });
    ahead.keep_up(coming.call_id, number, Vec::new(), SOCKET_PATIENCE);
}

fn name(agent: &Agent) -> (String, u32) {
    (agent.id.clone(), agent.version)
}

fn count(outcome: &'static str) {
    counter!("trunkline_opened_ahead_total", "outcome" => outcome).increment(1);
}

/// A recogniser that has been called once, before it was asked to.
struct Called {
    first: Mutex<Option<Box<dyn Listener>>>,
    recogniser: Arc<dyn Recogniser>,
}

impl Recogniser for Called {
    fn open(&self) -> Box<dyn Listener> {
        let first = self
            .first
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        first.unwrap_or_else(|| self.recogniser.open())
    }
}

/// A recogniser that listens all the time begins to connect; an answer that is asked for twice calls it once.
fn call_recogniser(hearing: &mut Hearing, is_called: &mut bool) {
    if let Hearing::Streaming { recogniser, .. } = hearing
        && !std::mem::replace(is_called, true)
    {
        *recogniser = Arc::new(Called {
            first: Mutex::new(Some(recogniser.open())),
            recogniser: Arc::clone(recogniser),
        });
    }
}
