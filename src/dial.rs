//! The only way to a carrier that places calls.
//!
//! It takes an [`Allowed`], which only the policy makes, and keeps this order: the attempt is on the disk before the
//! carrier hears of it, and the suppression is asked about once more in the transaction that writes it; the carrier is
//! asked once; an answer that was lost is looked up ([`reconcile`]), and never asked for again.

mod asked;
pub mod ending;
pub mod frequency;
pub mod grounds;
mod hooked;
pub mod judging;
mod leg;
mod own;
mod person;
mod plan;
pub mod reconcile;
pub mod refusals;
pub mod settle;
pub mod standing;
pub mod sweep;
pub mod webhook;
mod written;

pub use asked::Question;
pub(crate) use leg::{Leg, TALK_MAX};
pub use own::{NoAccount, account_of};
pub(crate) use own::{RING_USUAL, carriers_detection};
pub use plan::{Plan, PlanError, Promise};
pub use standing::ClientRules;
pub use sweep::Sweep;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::task::TaskTracker;
use trunkline_core::phone::PhoneNumber;
use trunkline_core::policy::{Allowed, Zone};
use trunkline_core::token::Direction;

use crate::admission;
use crate::agent::Agent;
use crate::ahead::{self, Coming};
use crate::app::App;
use crate::carrier::account::{Account, Unusable};
use crate::carrier::{Carrier, CarrierError, MachineDetection};
use crate::clock;
use crate::egress::{Egress, EgressError, Whose};
use crate::hooks::Hooks;
use crate::ids::ClientId;
use crate::store::StoreError;
use crate::store::attempts::{Attempt, AttemptState};
use crate::vault::VaultError;

/// How old a yes of the policy's may be when the carrier is asked, ms.
const ALLOWED_MS_MAX: i64 = 5_000;
/// How long a call may last at the carrier.
const LENGTH_MAX: Duration = Duration::from_secs(4 * 3_600);
/// After so long a ring, the carrier may need so much more to tell that somebody answered.
const RING_SLACK: Duration = Duration::from_secs(10);
/// A call cannot go on for longer than this after it was asked for, ms: it rings, and ends at its greatest length.
const LIVE_MS_MAX: i64 = 5 * 3_600_000;
/// Before a callback is asked for again that a carrier could not take on just then, ms: after the first time, the second, …
/// How late it may be bounds it as well.
const AGAIN_MS: [i64; 6] = [60_000, 120_000, 300_000, 900_000, 1_800_000, 3_600_000];
/// The carrier's interface is on the public network, whatever the account's region.
const CARRIER_URL: &str = "https://api.twilio.com";

/// How accounts are reached.
pub trait Reach: Send + Sync {
    /// The carrier of an account.
    fn carrier(&self, account: &Account) -> Result<Arc<dyn Carrier>, EgressError>;
}

/// By the carriers' own interfaces.
struct ByRest {
    egress: Egress,
    /// The operator's, in place of the carrier's own.
    base_url: Option<String>,
}

impl Reach for ByRest {
    fn carrier(&self, account: &Account) -> Result<Arc<dyn Carrier>, EgressError> {
        let base_url = self.base_url.as_deref();
        let http = self
            .egress
            .http(Whose::Operator, base_url.unwrap_or(CARRIER_URL))?;
        Ok(Arc::new(account.carrier(http, base_url)))
    }
}

/// How long a callback waits that the carrier did not take on: for ever if it never would.
fn pauses_after(error: &CarrierError) -> Vec<i64> {
    let least = match error {
        CarrierError::Busy { retry_after } => retry_after.unwrap_or_default(),
        CarrierError::Unreachable => Duration::ZERO,
        CarrierError::Refused { .. } | CarrierError::Gone | CarrierError::Unknown { .. } => {
            return Vec::new();
        }
    };
    let least_ms = i64::try_from(least.as_millis()).unwrap_or(i64::MAX);
    AGAIN_MS.map(|pause_ms| pause_ms.max(least_ms)).to_vec()
}

/// Who places calls.
pub struct Dialer {
    reach: Arc<dyn Reach>,
    now_ms: Box<dyn Fn() -> i64 + Send + Sync>,
    /// Before each look for a call of which nobody knows whether it was placed.
    waits: Vec<Duration>,
    /// Attempts that are being looked up.
    settling: TaskTracker,
    /// The way to clients' systems that are asked before a call; while it is not there none is, and whose client has one is
    /// not called.
    pub(crate) hooks: OnceLock<Hooks>,
    /// What the operator lets every client do; the usual while it is not set.
    pub rules: OnceLock<ClientRules>,
}

/// A call to be placed.
pub struct Order {
    /// Its id: there can be one call of it, across crashes.
    pub call_id: String,
    /// Who speaks.
    pub agent: Arc<Agent>,
    /// The client's number that calls.
    pub from: PhoneNumber,
    /// The account that it belongs to.
    pub account: Account,
    /// What the agent is told.
    pub variables: BTreeMap<String, String>,
    /// False forbids to record; true leaves it to the agent's settings and the law.
    pub record: bool,
    /// How long it may ring.
    pub ring: Duration,
    /// What to find out about who answers; the verdict is told to the live call.
    pub machines: Option<MachineDetection>,
    /// The client's own notes on it, JSON.
    pub metadata: Option<String>,
    /// The callback that it keeps, if it keeps one that is still to be dialled.
    pub promise: Option<Promise>,
    /// Where the person is said to be, beside what their number says.
    pub places: Vec<trunkline_core::geo::Place>,
    /// By which clocks they are said to live.
    pub zones: Vec<Zone>,
    /// What it is for, and what makes it lawful.
    pub grounds: grounds::Grounds,
    /// Its place among the calls, which it keeps while it rings; without one it is let in if there is one when it comes.
    pub seat: Option<admission::Place>,
}

/// Why a call that was allowed is not placed.
#[derive(Debug, thiserror::Error)]
pub enum NotDialled {
    /// The number has been suppressed since.
    #[error("the number has been suppressed")]
    Suppressed,
    /// The client or the agent has been stopped since.
    #[error("the client or the agent was stopped; decide again")]
    Suspended,
    /// The consent was taken back since: ask again.
    #[error("the consent was taken back; decide again")]
    Withdrawn,
    /// The client calls or spends as much as it may by now: ask again.
    #[error("the client calls or spends as much as it may; decide again")]
    Limited,
    /// The number has been called since: ask again.
    #[error("the number has just been called; decide again")]
    Called,
    /// A call with the number goes on.
    #[error("a call with the number goes on; decide again")]
    Engaged,
    /// The callback was taken back, or somebody else dials it.
    #[error("the callback is not to be dialled any more")]
    Taken,
    /// The yes is too old: ask again.
    #[error("the decision is older than {ALLOWED_MS_MAX} ms; decide again")]
    Stale,
    /// The store.
    #[error("the store does not answer: {0}")]
    Store(#[from] StoreError),
    /// The vault.
    #[error("the vault does not open: {0}")]
    Vault(#[from] VaultError),
    /// The carrier cannot be reached from here.
    #[error(transparent)]
    Egress(#[from] EgressError),
    /// Something could not be written down.
    #[error("the attempt has no written form: {0}")]
    Unwritable(#[from] serde_json::Error),
}

/// Why a call that was placed is not taken back.
#[derive(Debug, thiserror::Error)]
pub enum NotCancelled {
    /// There is no such call, or it is over.
    #[error("the call is not live")]
    NotLive,
    /// Whether the carrier has it is not known yet.
    #[error("the carrier has not said yet whether it has the call")]
    NotYet,
    /// The carrier could not be asked, or did not do it.
    #[error("the carrier did not end the call: {0}")]
    Carrier(#[from] CarrierError),
    /// The account cannot be used.
    #[error(transparent)]
    Account(#[from] Unusable),
    /// The carrier cannot be reached from here.
    #[error(transparent)]
    Egress(#[from] EgressError),
    /// The store.
    #[error("the store does not answer: {0}")]
    Store(#[from] StoreError),
}

impl Dialer {
    /// One that reaches accounts so, and knows the time of day from here.
    pub fn new(reach: Arc<dyn Reach>, now_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self {
            reach,
            now_ms: Box::new(now_ms),
            waits: reconcile::WAITS_S.map(Duration::from_secs).into(),
            settling: TaskTracker::new(),
            hooks: OnceLock::new(),
            rules: OnceLock::new(),
        }
    }

    /// The same, with other pauses before each look for a call of which nobody knows whether it was placed. After the last
    /// look, a call that was in no list is taken for one that was never placed.
    #[must_use]
    pub fn looking_after(self, waits: Vec<Duration>) -> Self {
        Self { waits, ..self }
    }

    /// One that uses the carriers' own interfaces, or one at an address of the operator's.
    pub fn by_rest(egress: Egress, base_url: Option<String>) -> Self {
        Self::new(Arc::new(ByRest { egress, base_url }), clock::unix_ms)
    }

    /// The time of day by which it decides, ms since 1970.
    pub fn now_ms(&self) -> i64 {
        (self.now_ms)()
    }

    /// Returns when no attempt is being looked up any more.
    pub async fn settled(&self) {
        self.settling.close();
        self.settling.wait().await;
        self.settling.reopen();
    }

    /// Places a call that is allowed. From then on there is a row of it, whatever the carrier says.
    pub async fn dial(
        &self,
        app: &Arc<App>,
        allowed: Allowed,
        mut order: Order,
    ) -> Result<(), NotDialled> {
        if !self.is_young(&allowed) {
            return Err(NotDialled::Stale);
        }
        // Whoever cannot be asked is not written down as asked.
        let carrier = self.reach.carrier(&order.account)?;
        let attempt = self.write(app, &allowed, &order).await?;
        let place = written::placement(app, &attempt, allowed.number(), &order);
        let seat = order.seat.take();
        let coming = Coming {
            keys: &order.account.keys,
            call_id: &attempt.call_id,
            agent: &order.agent,
            down: seat.as_ref().and_then(admission::Place::down),
        };
        if let Some(seat) = seat {
            let patience = order.ring + RING_SLACK;
            app.admission.promise(&attempt.call_id, seat, patience);
        }
        let (agent, person) = (&order.agent, Some(allowed.number()));
        let way = Direction::Outbound;
        let settings = app.reception.settings(agent, way, person, order.record);
        // Its place is taken first: the carrier may tell how the call goes before it answers.
        let opened = ahead::rings(app, &coming, &settings, order.ring);
        let ((), answer) = futures_util::future::join(opened, carrier.place(place)).await;
        if let Err(error) = &answer
            && !error.may_have_acted()
        {
            app.not_coming(&attempt.call_id);
        }
        self.note(app, order.account.client, &attempt, carrier.name(), answer)
            .await;
        Ok(())
    }

    /// What the carrier said is noted; what it did not say is looked up in time.
    async fn note(
        &self,
        app: &Arc<App>,
        client: ClientId,
        attempt: &Attempt,
        carrier: &str,
        answer: Result<crate::carrier::CarrierCall, CarrierError>,
    ) {
        let attempts = app.desk.store.attempts();
        let noted = match answer {
            Ok(call) => attempts.placed(&client, attempt, carrier, &call.id).await,
            Err(error) if error.may_have_acted() => {
                tracing::warn!(call.id = %attempt.call_id, %error, "a call is looked up");
                let noted = attempts.unknown(&client, &attempt.id).await;
                self.look_for(app, client, attempt.id.clone());
                noted
            }
            Err(error) => {
                tracing::warn!(call.id = %attempt.call_id, %error, "a call is not placed");
                let (reason, now_ms) = (error.reason(), self.now_ms());
                let pauses_ms = pauses_after(&error);
                attempts
                    .failed(&client, attempt, reason, now_ms, &pauses_ms)
                    .await
            }
        };
        if let Err(error) = noted {
            // It stays `asked`, and is looked up in time, unless the carrier's own word comes before.
            tracing::error!(call.id = %attempt.call_id, %error, "what the carrier said is not stored");
        }
    }

    /// Looks an attempt up until its outcome is known, in the background.
    fn look_for(&self, app: &Arc<App>, client: ClientId, attempt_id: String) {
        let app = Arc::clone(app);
        drop(self.settling.spawn(async move {
            let mut draining = app.draining.subscribe();
            tokio::select! {
                () = reconcile::until_known(&app, &client, &attempt_id) => {}
                _ = draining.wait_for(|draining| *draining) => {}
            }
        }));
    }

    /// Takes an attempt back that may be on the disk though nobody was told so, and of which the carrier has heard nothing.
    fn take_back(&self, app: &Arc<App>, client: ClientId, attempt_id: String) {
        let app = Arc::clone(app);
        drop(self.settling.spawn(async move {
            let mut draining = app.draining.subscribe();
            tokio::select! {
                () = reconcile::take_back(&app, &client, &attempt_id) => {}
                _ = draining.wait_for(|draining| *draining) => {}
            }
        }));
    }

    /// Ends a call that nobody has answered yet.
    pub async fn cancel(
        &self,
        app: &App,
        client: &ClientId,
        call_id: &str,
    ) -> Result<(), NotCancelled> {
        let attempt = app.desk.store.attempts().of_call(client, call_id).await?;
        let attempt = attempt.ok_or(NotCancelled::NotLive)?;
        match (attempt.state, &attempt.carrier_call_id) {
            (AttemptState::Asked | AttemptState::UnknownOutcome, _) => Err(NotCancelled::NotYet),
            (AttemptState::Placed, Some(carrier_call_id)) => {
                let carrier = self.carrier_of(app, client, &attempt).await?;
                match carrier.hang_up(carrier_call_id).await {
                    Err(CarrierError::Gone) => Err(NotCancelled::NotLive),
                    other => Ok(other?),
                }
            }
            (AttemptState::Placed | AttemptState::Failed | AttemptState::Done, _) => {
                Err(NotCancelled::NotLive)
            }
        }
    }

    /// The carrier of an attempt's account.
    async fn carrier_of(
        &self,
        app: &App,
        client: &ClientId,
        attempt: &Attempt,
    ) -> Result<Arc<dyn Carrier>, NotCancelled> {
        let account = Account::find(&app.desk, client, &attempt.carrier_id).await?;
        let account = account.ok_or(NotCancelled::NotLive)?;
        Ok(self.reach.carrier(&account)?)
    }
}
