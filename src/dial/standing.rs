//! How a client stands with its operator and with itself: whether it was stopped, what it agreed to, how much it may call and
//! spend, and how many people it left waiting.

use std::sync::Arc;

use trunkline_core::policy::permission::{Consent, ConsentFound, Entry, consent};
use trunkline_core::policy::{Allowed, Standing};
use trunkline_core::ratios::Marks;
use trunkline_core::spend;

use super::asked::Question;
use super::{Dialer, LIVE_MS_MAX, Order, grounds};
use crate::desk::{self, Desk};
use crate::ids::ClientId;
use crate::store::StoreError;
use crate::store::call_consents::CallConsent;
use crate::store::limits::Limits;
use crate::store::standing::{Checks, Ground};
use crate::vault::ClientKeys;

/// Abandoned calls count for so long, ms (47 CFR 64.1200(a)(7): a campaign, or 30 days of it).
const ABANDONED_MS: i64 = 30 * 86_400_000;
/// What a call is taken to cost as long as none has told otherwise, in millionths of the currency.
const CALL_MICROS_LEAST: i64 = 100_000;

/// What an operator lets every client do, where nothing else is said of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRules {
    /// How much it may call.
    pub limits: Limits,
    /// The version of the agreement that it must have accepted; none if `None`.
    pub agreement: Option<String>,
    /// What a call is taken to cost at least while it goes on, in millionths of the currency.
    pub call_micros_least: i64,
    /// From where on too many of those called do not want to be.
    pub marks: Marks,
}

impl Default for ClientRules {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            agreement: None,
            call_micros_least: CALL_MICROS_LEAST,
            marks: Marks::default(),
        }
    }
}

impl Dialer {
    /// What the operator lets every client do.
    pub fn rules(&self) -> &ClientRules {
        self.rules.get_or_init(ClientRules::default)
    }

    /// Calls that began before then, ms since 1970, do not go on any more.
    pub fn live_since_ms(&self) -> i64 {
        self.now_ms() - LIVE_MS_MAX
    }

    /// How much a client may call.
    pub async fn limits(&self, desk: &Desk, client: &ClientId) -> Result<Limits, StoreError> {
        let own = desk.store.client_limits().find(client).await?;
        Ok(own.or(self.rules().limits))
    }

    /// How a client stands when a call is asked about.
    pub(super) async fn standing(
        &self,
        desk: &Desk,
        client: &ClientId,
        question: &Question<'_>,
    ) -> Result<Standing<'static>, StoreError> {
        let (store, now_ms) = (&desk.store, self.now_ms());
        let at_ms = question.at_ms.unwrap_or(now_ms);
        let suspended = store.suspensions().holds(client, question.agent_id).await?;
        let not_agreed = match &self.rules().agreement {
            None => false,
            Some(version) => !store.agreements().has(client, version).await?,
        };
        let limits = self.limits(desk, client).await?;
        let live_since_ms = self.live_since_ms();
        let limited = store
            .client_limits()
            .reached_until(client, &limits, live_since_ms, now_ms)
            .await?;
        let spent = self.spent_until(desk, client).await?;
        let calls = store.calls();
        let abandonment = calls.abandonment(client, now_ms - ABANDONED_MS).await?;
        // What is used up now is not any more at a later time.
        let then = |until_ms: &i64| *until_ms > at_ms;
        Ok(Standing {
            suspended,
            not_agreed,
            spent_until_ms: spent.filter(then),
            limited_until_ms: limited.filter(then),
            answered: abandonment.answered,
            abandoned: abandonment.abandoned,
            ..Standing::default()
        })
    }

    /// Until when a client has spent what it lets itself spend, ms since 1970.
    async fn spent_until(&self, desk: &Desk, client: &ClientId) -> Result<Option<i64>, StoreError> {
        let (spending, now_ms) = (desk.store.spending(), self.now_ms());
        let Some(caps) = spending.caps(client).await? else {
            return Ok(None);
        };
        let spent = spending.spent(client, &caps, now_ms).await?;
        let limits = desk.store.client_limits();
        let going_on = limits.going_on(client, self.live_since_ms()).await?;
        let least = self.rules().call_micros_least;
        Ok(spend::spent_until(&spent, going_on, least, now_ms))
    }

    /// What of a decision is asked once more when the attempt is written down.
    pub(super) async fn checks(
        &self,
        desk: &Desk,
        keys: &ClientKeys,
        allowed: &Allowed,
        order: &Order,
    ) -> Result<Checks, StoreError> {
        let caps = desk.store.spending().caps(keys.id()).await?;
        Ok(Checks {
            ground: ground(keys, allowed, order),
            limits: self.limits(desk, keys.id()).await?,
            spend: caps.map(|caps| (caps, self.rules().call_micros_least)),
        })
    }
}

/// The consent that a decision rests on, if it rests on one.
fn ground(keys: &ClientKeys, allowed: &Allowed, order: &Order) -> Option<Ground> {
    let found = allowed.trace().grounds.as_ref()?.consent;
    if !matches!(found, ConsentFound::Express | ConsentFound::Written) {
        return None;
    }
    let (wish, purpose, at_ms) = (
        order.grounds.wish(),
        order.grounds.purpose,
        allowed.at_unix_ms(),
    );
    let holds = move |rows: &[CallConsent]| {
        let mut ledger: Vec<Entry> = rows.iter().map(grounds::entry).collect();
        ledger.extend(wish.clone());
        !matches!(
            consent(&ledger, purpose, at_ms, None),
            Consent::Withdrawn(_)
        )
    };
    Some(Ground {
        index: desk::consent_index(keys, allowed.number()),
        holds: Arc::new(holds),
    })
}
