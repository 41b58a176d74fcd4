//! One transfer, from the wish to its end. It belongs to no call's task: whatever becomes of the call, the leg to the person is
//! seen to.

mod cold;
mod tidying;
mod warm;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use trunkline_core::call::{TransferEnd, TransferKind, TransferNews};
use trunkline_core::phone::PhoneNumber;
use trunkline_core::policy::TransferAllowed;

use super::webhook::url;
use super::{Briefing, PREFIX, Plan, Registered, Told};
use crate::agent::{Agent, Target};
use crate::app::App;
use crate::carrier::account::Account;
use crate::carrier::{Carrier, CarrierError, CarrierStatus};
use crate::line::Line;
use crate::store::transfers::{Kind, NewTransfer};
use crate::tools::{Progress, PutThrough};
use crate::vault::ClientKeys;
use crate::{clock, desk, ids};

/// Transfers that one call may try.
const TRIES_MAX: u8 = 5;
/// After so long a ring, the carrier may need so much more to tell how it ended.
const RING_SLACK: Duration = Duration::from_secs(10);
/// How long the caller may take until they have heard the last words: they may be telling something long.
const LEADING_MAX: Duration = Duration::from_secs(75);
/// How long the line may take to close after an answer of the carrier's was lost.
const LOST_PATIENCE: Duration = Duration::from_secs(5);
/// Steps that a call may not have looked at yet.
const STEPS_MAX: usize = 8;

/// A caller, as far as they can be put through.
pub(crate) struct Caller {
    pub(crate) app: Arc<App>,
    /// The keys of whose call it is.
    pub(crate) keys: ClientKeys,
    /// The account that it comes from or is placed on, as `carr_…`.
    pub(crate) carrier_id: String,
    /// Our id of the call.
    pub(crate) call_id: String,
    /// The carrier's.
    pub(crate) leg: String,
    /// The client's number in it.
    pub(crate) own: PhoneNumber,
    /// Who speaks.
    pub(crate) agent: Arc<Agent>,
    /// What all transfers of the call have in common.
    pub(crate) tries: Arc<Tries>,
}

/// What a call's transfers have in common, whichever of its agents tries them.
#[derive(Debug, Default)]
pub(crate) struct Tries {
    is_busy: AtomicBool,
    count: AtomicU8,
}

impl Tries {
    /// A transfer may begin: one at a time, and so many in all.
    fn begin(self: &Arc<Self>) -> Option<Busy> {
        let was_busy = self.is_busy.swap(true, Ordering::Relaxed);
        let busy = (!was_busy).then(|| Busy(Arc::clone(self)))?;
        let more = |count: u8| (count < TRIES_MAX).then_some(count + 1);
        let counted = self
            .count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        counted.is_ok().then_some(busy)
    }
}

/// A transfer of the call goes on, until this is dropped.
struct Busy(Arc<Tries>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.is_busy.store(false, Ordering::Relaxed);
    }
}

impl Caller {
    /// By which the call's mind has them put through.
    pub(crate) fn put_through(self) -> PutThrough {
        let caller = Arc::new(self);
        Arc::new(move |arguments, through| {
            let (sender, receiver) = mpsc::channel(STEPS_MAX);
            let running = caller.app.transfers.running.clone();
            // Its end is the end of the steps.
            drop(running.spawn(run(Arc::clone(&caller), arguments, through, sender)));
            stream::unfold(receiver, |mut receiver| async move {
                let step = receiver.recv().await?;
                Some((step, receiver))
            })
            .boxed()
        })
    }
}

/// A transfer under way.
struct Transfer {
    caller: Arc<Caller>,
    target: Target,
    id: String,
    account: Account,
    carrier: Arc<dyn Carrier>,
    steps: mpsc::Sender<Progress>,
    told: Registered,
    /// The caller has heard the last words; the token tells when their line closes. An error once the call is over.
    through: oneshot::Receiver<CancellationToken>,
    /// Turns true when the person need not wait any more.
    over: watch::Sender<bool>,
    /// The carrier's id of the call to the person.
    person: Option<String>,
    /// Somebody has answered that call.
    is_answered: bool,
    /// It is over.
    is_gone: bool,
    /// The person was led away from the voice that they heard, or may have been.
    is_led: bool,
    plan: Plan,
}

async fn run(
    caller: Arc<Caller>,
    arguments: Value,
    through: oneshot::Receiver<CancellationToken>,
    steps: mpsc::Sender<Progress>,
) {
    let name = arguments["target"].as_str().unwrap_or_default();
    let target = caller.agent.transfers.find(name).cloned();
    let kind = target.as_ref().map_or(TransferKind::Warm, |t| t.kind);
    let begun = target.and_then(|target| Some((target, caller.tries.begin()?)));
    let Some((target, busy)) = begun else {
        return end(&steps, kind, TransferEnd::Refused).await;
    };
    let summary = arguments["summary"].as_str().unwrap_or_default();
    let begun = begin(&caller, target, summary, through, steps.clone()).await;
    let mut transfer = match begun {
        Ok(transfer) => transfer,
        Err(why) => {
            drop(busy);
            return end(&steps, kind, why).await;
        }
    };
    let became = match kind {
        TransferKind::Warm => transfer.warm().await,
        TransferKind::Cold => transfer.cold().await,
    };
    tracing::info!(call.id = %caller.call_id, outcome = became.code(), "a transfer is over");
    drop(busy);
    end(&steps, kind, became).await;
    drop(steps);
    transfer.tidy(became).await;
}

/// Tells the call how it ended. A call that is not there any more need not know.
async fn end(steps: &mpsc::Sender<Progress>, kind: TransferKind, end: TransferEnd) {
    let result = told_of(end).into();
    let news = TransferNews::Ended { kind, end, result };
    let _ = steps.send(Progress::Transfer(news)).await;
}

/// What a model is told of an end.
pub(crate) fn told_of(end: TransferEnd) -> String {
    let note = match end {
        TransferEnd::PutThrough => return json!({ "status": end.code() }).to_string(),
        TransferEnd::Refused => "this cannot be tried now, or not at all; do not try it again",
        TransferEnd::Declined => "that person cannot take the call now",
        TransferEnd::Unconfirmed => "somebody picked up and did not take the call",
        TransferEnd::Machine => "an answering machine picked up",
        TransferEnd::NoAnswer => "nobody picked up",
        TransferEnd::Busy => "the line is busy",
        TransferEnd::Unreachable => "the number could not be reached",
        TransferEnd::HungUp => "that person hung up before the caller was put through",
        TransferEnd::Failed => "it did not work, for a technical reason",
        TransferEnd::CallerGone => "the caller has hung up",
    };
    json!({ "error": end.code(), "note": note }).to_string()
}

/// Asks whether it may be, and writes it down: nobody has been called yet.
async fn begin(
    caller: &Arc<Caller>,
    target: Target,
    summary: &str,
    through: oneshot::Receiver<CancellationToken>,
    steps: mpsc::Sender<Progress>,
) -> Result<Transfer, TransferEnd> {
    let failed = |cause: &dyn std::fmt::Display| {
        tracing::error!(%cause, "a transfer cannot be tried");
        TransferEnd::Failed
    };
    let (app, keys) = (&caller.app, &caller.keys);
    let (client, dialer) = (keys.id(), app.dialer());
    let account = Account::find(&app.desk, client, &caller.carrier_id).await;
    let account = account.map_err(|error| failed(&error))?;
    let account = account.ok_or_else(|| failed(&"the carrier account is gone"))?;
    let carrier = dialer.carrier(&account).map_err(|error| failed(&error))?;
    let allowed = allowed(caller, &target).await?;
    let (id, to) = (ids::new_id(PREFIX), allowed.number().clone());
    let (over, is_over) = watch::channel(false);
    let briefing = match target.kind {
        TransferKind::Cold => None,
        TransferKind::Warm => {
            let voices = app.stacks.voices_for(&app.desk, keys, &caller.agent).await;
            let voices = voices.map_err(|error| failed(&error))?;
            let introduction = &caller.agent.transfers.introduction;
            let speed = caller.agent.speed;
            let briefing = Briefing::new(
                caller.agent.tongue(),
                introduction,
                summary,
                voices,
                speed,
                is_over,
            );
            Some(Arc::new(briefing))
        }
    };
    let plan = Plan {
        from: caller.own.clone(),
        to: to.clone(),
        language: caller.agent.tongue().tag().to_owned(),
    };
    let new = NewTransfer {
        call_id: caller.call_id.clone(),
        agent_id: caller.agent.id.clone(),
        carrier_id: account.id.clone(),
        kind: match target.kind {
            TransferKind::Cold => Kind::Cold,
            TransferKind::Warm => Kind::Warm,
        },
        plan: plan.seal(keys, &id).map_err(|error| failed(&error))?,
        caller_leg: caller.leg.clone(),
        suppression: desk::suppression_index(keys, &to),
        platform_suppression: app.desk.platform_suppression_index(&to),
        asked_ms: dialer.now_ms(),
        id: id.clone(),
    };
    let written = app.desk.store.transfers().begin(client, &new).await;
    if !written.map_err(|error| failed(&error))? {
        return Err(TransferEnd::Refused);
    }
    let told = app.transfers.register(client, &id, briefing);
    Ok(Transfer {
        caller: Arc::clone(caller),
        target,
        id,
        account,
        carrier,
        steps,
        told,
        through,
        over,
        person: None,
        is_answered: false,
        is_gone: false,
        is_led: false,
        plan,
    })
}

async fn allowed(caller: &Caller, target: &Target) -> Result<TransferAllowed, TransferEnd> {
    let (app, keys) = (&caller.app, &caller.keys);
    let asked = app
        .dialer()
        .may_transfer(&app.desk, keys, &caller.agent.id, &target.to)
        .await;
    match asked {
        Ok(Ok(allowed)) => Ok(allowed),
        Ok(Err(reasons)) => {
            let codes: Vec<&str> = reasons.iter().map(|reason| reason.code.name()).collect();
            tracing::warn!(reasons = ?codes, "a transfer is not allowed");
            Err(TransferEnd::Refused)
        }
        Err(error) => {
            tracing::error!(%error, "whether a transfer is allowed cannot be found out");
            Err(TransferEnd::Failed)
        }
    }
}

/// What a carrier's refusal means for a transfer.
fn refused(error: &CarrierError) -> TransferEnd {
    match error {
        CarrierError::Gone => TransferEnd::CallerGone,
        CarrierError::Refused { .. }
        | CarrierError::Busy { .. }
        | CarrierError::Unreachable
        | CarrierError::Unknown { .. } => TransferEnd::Failed,
    }
}

/// How a call to a person ended that nobody took.
fn ended(status: CarrierStatus) -> TransferEnd {
    match status {
        CarrierStatus::Busy => TransferEnd::Busy,
        CarrierStatus::NoAnswer | CarrierStatus::Canceled => TransferEnd::NoAnswer,
        CarrierStatus::Failed => TransferEnd::Unreachable,
        CarrierStatus::Completed => TransferEnd::HungUp,
        CarrierStatus::Queued | CarrierStatus::Ringing | CarrierStatus::InProgress => {
            TransferEnd::Failed
        }
    }
}

impl Transfer {
    fn app(&self) -> &Arc<App> {
        &self.caller.app
    }

    fn url(&self, what: &str) -> String {
        url(&self.app().public_url, &self.account.id, &self.id, what)
    }

    async fn tell(&self, news: TransferNews) {
        // A call that is not there any more shows by its end.
        let _ = self.steps.send(Progress::Transfer(news)).await;
    }

    async fn ready(&self) {
        let (kind, words) = (self.target.kind, Arc::clone(&self.target.words));
        self.tell(TransferNews::Ready { kind, words }).await;
    }

    /// Until the caller has heard the last words: what tells when their line closes. The person may hang up meanwhile.
    async fn until_ready(&mut self) -> Result<CancellationToken, TransferEnd> {
        let until: Instant = clock::timer_now() + LEADING_MAX;
        loop {
            let told = tokio::select! {
                biased;
                told = self.told.told.recv() => told,
                ready = &mut self.through => return ready.map_err(|_| TransferEnd::CallerGone),
                () = sleep_until(until) => return Err(TransferEnd::Failed),
            };
            if let Some(Heard::Not(end)) = self.hear(told).await
                && self.is_gone
            {
                return Err(end);
            }
        }
    }

    /// Whether the carrier leads the caller from now on. Where its answer was lost, the line that closes tells it.
    async fn was_led(
        &self,
        answer: Result<(), CarrierError>,
        line_closed: &CancellationToken,
    ) -> Result<(), TransferEnd> {
        match answer {
            Ok(()) => Ok(()),
            Err(CarrierError::Unknown { what }) => {
                tracing::warn!(what, "whether a caller is led is not known yet");
                let closed = timeout(LOST_PATIENCE, line_closed.cancelled()).await;
                closed.map_err(|_| TransferEnd::Failed)
            }
            Err(error) => {
                tracing::warn!(%error, "a caller is not led");
                Err(refused(&error))
            }
        }
    }

    async fn hear(&mut self, told: Option<Told>) -> Option<Heard> {
        match told? {
            Told::Known(id) => {
                self.know(id).await;
                None
            }
            Told::Answered => {
                self.is_answered = true;
                None
            }
            Told::Ended(status) => {
                self.is_gone = true;
                Some(Heard::Not(ended(status)))
            }
            Told::Machine => Some(Heard::Not(TransferEnd::Machine)),
            Told::Accepted => Some(Heard::Accepted),
            Told::Declined => Some(Heard::Not(TransferEnd::Declined)),
            Told::Silent => Some(Heard::Not(TransferEnd::Unconfirmed)),
            Told::Unspoken => Some(Heard::Not(TransferEnd::Failed)),
            Told::Sent(status) => Some(Heard::Sent(status)),
            Told::Back(line) => Some(Heard::Back(line)),
        }
    }

    /// The carrier's id of the call to the person is known.
    async fn know(&mut self, id: String) {
        if self.person.is_some() {
            return;
        }
        let transfers = self.app().desk.store.transfers();
        let client = self.caller.keys.id();
        if let Err(error) = transfers.placed(client, &self.id, &id).await {
            // Whoever starts after this one has to be told of it.
            tracing::error!(%error, "the call to a person is not stored");
        }
        self.person = Some(id);
    }
}

/// What was heard that decides something.
enum Heard {
    /// The person takes the caller.
    Accepted,
    /// They do not.
    Not(TransferEnd),
    /// How it went that the caller was sent to the number.
    Sent(Option<CarrierStatus>),
    /// The caller is back.
    Back(Box<Line>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_tries_five_times_and_one_at_a_time() {
        let tries = Arc::new(Tries::default());
        let mut begun = 0;
        // More often than a byte can count.
        for _ in 0..300 {
            let Some(busy) = tries.begin() else {
                continue;
            };
            begun += 1;
            assert!(tries.begin().is_none(), "one goes on");
            drop(busy);
        }
        assert_eq!(begun, TRIES_MAX);
    }
}
