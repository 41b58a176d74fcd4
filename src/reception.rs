//! From a media token to a call: whose it is, who answers, by which rule it may be stored, and where.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::task::TaskTracker;
use trunkline_core::consent::verdict::{Facts, Party, Policy, verdict};
use trunkline_core::consent::{Mode, Refusal, RulePack};
use trunkline_core::geo;
use trunkline_core::geo::Place;
use trunkline_core::journal::Began;
use trunkline_core::phone::PhoneNumber;
use trunkline_core::time::At;
use trunkline_core::token::{Claims, Direction};

use crate::agent::{Agent, AgentError, Agents, MindSpec};
use crate::carrier::account::TWILIO;
use crate::desk::{self, Desk, Side};
use crate::dial::{Plan, PlanError};
use crate::ids::{self, ClientId};
use crate::journal::JournalFailure;
use crate::session::{Keep, Matters};
use crate::store::StoreError;
use crate::store::calls::{CallStatus, NewCall, TakenCall};
use crate::store::consents::Withdrawal;
use crate::store::suppressions::NewSuppression;
use crate::vault::{ClientKeys, SubjectKeys, Unopened, VaultError};
use crate::{clock, live::Controls};

/// Compiled versions that are kept at hand.
const COMPILED_MAX: usize = 256;
/// What cannot be stored is tried again after this, doubled each time up to a minute.
const AGAIN_MS: u64 = 250;
const AGAIN_MS_MAX: u64 = 60_000;

/// Why nobody answers.
#[derive(Debug, thiserror::Error)]
pub enum Turned {
    /// No such agent.
    #[error("no such agent")]
    NoAgent,
    /// The token names a client that is not there.
    #[error("no such client")]
    NoClient,
    /// Its stored version makes no agent.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The call has been held before, perhaps before a restart.
    #[error("this media URL has been used; each is good for one call")]
    Used,
    /// The store.
    #[error("the store does not answer: {0}")]
    Store(StoreError),
    /// The vault.
    #[error("the vault does not open: {0}")]
    Vault(#[from] VaultError),
    /// What was planned of the call cannot be had.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// What is stored of the agent cannot be opened.
    #[error("the agent's stored version cannot be opened: {0}")]
    Unopened(#[from] Unopened),
}

/// A call that has come in, before its first sound.
pub struct Arrival {
    /// The keys of whose call it is; absent on a server that nobody set up for a client.
    pub keys: Option<ClientKeys>,
    /// Who answers.
    pub agent: Arc<Agent>,
    /// The rule by which it may be stored.
    pub mode: Mode,
    /// Where it is kept; nothing is if absent.
    pub keep: Option<Keep>,
    /// What operators tell it.
    pub controls: Option<Controls>,
    /// What is known outside at once.
    pub ledger: Option<Arc<Ledger>>,
}

/// Receives calls.
pub struct Reception {
    agents: Agents,
    rules: &'static RulePack,
    /// Where the server stands.
    server: Option<Place>,
    compiled: Mutex<BTreeMap<(String, u32), Arc<Agent>>>,
}

impl Reception {
    /// One that knows the operator's agents.
    pub fn new(agents: Agents, server: Option<Place>) -> Self {
        Self {
            agents,
            rules: RulePack::shipped(),
            server,
            compiled: Mutex::default(),
        }
    }

    /// Receives the call of these claims. The carrier's id of it is `None` where only the media socket tells it.
    pub async fn receive(
        &self,
        desk: &Arc<Desk>,
        claims: &Claims,
        call_id: &str,
        carrier_call_id: Option<String>,
    ) -> Result<Arrival, Turned> {
        let client = match &claims.client {
            Some(named) => Some(ClientId::parse(named).map_err(|_| Turned::NoClient)?),
            None => desk.sole.clone(),
        };
        let Some(client) = client else {
            // A server that nobody set up for a client holds calls and keeps nothing.
            let agent = self.agents.find(&claims.agent).ok_or(Turned::NoAgent)?;
            return Ok(Arrival {
                keys: None,
                agent,
                mode: Mode::NoRecord,
                keep: None,
                controls: None,
                ledger: None,
            });
        };
        let keys = match desk.vault.client(&client).await {
            Err(VaultError::NoClient { .. }) => return Err(Turned::NoClient),
            keys => keys?,
        };
        let agent = self.agent(desk, &keys, &claims.agent).await?;
        let carrier = (TWILIO, carrier_call_id);
        self.keep(desk, &keys, claims, call_id, agent, carrier)
            .await
    }

    /// The agent of a name or id, as this client may use it.
    pub async fn agent(
        &self,
        desk: &Desk,
        keys: &ClientKeys,
        id: &str,
    ) -> Result<Arc<Agent>, Turned> {
        if let Some(agent) = self.agents.find(id) {
            return Ok(agent);
        }
        let agents = desk.store.agents();
        let row = agents
            .find(keys.id(), id)
            .await
            .map_err(Turned::Store)?
            .ok_or(Turned::NoAgent)?;
        if row.archived_ms.is_some() {
            return Err(Turned::NoAgent);
        }
        let name = (row.id.clone(), row.version);
        if let Some(agent) = self.lock().get(&name) {
            return Ok(Arc::clone(agent));
        }
        let version = agents
            .find_version(keys.id(), &row.id, row.version)
            .await
            .map_err(Turned::Store)?;
        let version = version.ok_or(Turned::NoAgent)?;
        let version_id = desk::version_id(&row.id, version.version);
        let body = desk::open(keys, desk::version_place(&version_id), &version.body)?;
        let agent = Arc::new(Agent::from_stored(&row.id, row.version, body.as_bytes())?);
        let mut compiled = self.lock();
        if compiled.len() >= COMPILED_MAX {
            compiled.pop_first();
        }
        compiled.insert(name, Arc::clone(&agent));
        Ok(agent)
    }

    async fn keep(
        &self,
        desk: &Arc<Desk>,
        keys: &ClientKeys,
        claims: &Claims,
        call_id: &str,
        agent: Arc<Agent>,
        (carrier, carrier_call_id): (&str, Option<String>),
    ) -> Result<Arrival, Turned> {
        let person = match claims.direction {
            Direction::Inbound => claims.from.as_ref(),
            Direction::Outbound => claims.to.as_ref(),
        };
        let plan = match claims.direction {
            Direction::Inbound => None,
            Direction::Outbound => Plan::of_call(desk, keys, call_id).await?,
        };
        let mut facts = self.facts(&agent, person);
        facts.policy.record &= plan.as_ref().is_none_or(|plan| plan.record);
        let verdict = verdict(self.rules, &facts);
        let mode = agent
            .settings_for(claims.direction, verdict.mode)
            .consent
            .mode;
        let mode = mode.unwrap_or(Mode::NoRecord);
        let subject = keys.subject(person).await?;
        let unix_ms = clock::unix_ms();
        let rules = verdict.pack.at_checksum();
        if plan.is_some() {
            let taken = TakenCall {
                now_ms: unix_ms,
                consent_mode: mode,
                rules: &rules,
                agent_version: agent.version,
            };
            let calls = desk.store.calls();
            let taken = calls.taken(keys.id(), call_id, &taken).await;
            if !taken.map_err(Turned::Store)? {
                return Err(Turned::Used);
            }
        } else {
            let new = new_call(keys, &subject, claims, call_id, &agent);
            let new = NewCall {
                created_ms: unix_ms,
                consent_mode: Some(mode),
                rules: Some(rules.clone()),
                carrier: Some(carrier.to_owned()),
                carrier_call_id,
                ..new
            };
            let calls = desk.store.calls();
            calls.add(keys.id(), &new).await.map_err(held_before)?;
        }
        let began = Began {
            unix_ms,
            agent: agent.id.clone(),
            agent_version: agent.version,
            direction: claims.direction,
            mode,
            rules,
            because: verdict.because,
        };
        let takes_context = matches!(agent.mind, MindSpec::Prompt { .. });
        let ledger = Arc::new(Ledger {
            desk: Arc::clone(desk),
            keys: keys.clone(),
            call_id: call_id.to_owned(),
            person: person.cloned(),
            pending: TaskTracker::new(),
        });
        let journal = desk
            .journals
            .begin(keys.id(), call_id, subject, began.clone());
        let (keep, mode) = match journal {
            Ok(journal) => (Some(Keep { journal, began }), mode),
            Err(error) => {
                // Nobody is asked about a recording that cannot be made.
                tracing::error!(%error, "this call is not recorded");
                (None, Mode::NoRecord)
            }
        };
        Ok(Arrival {
            keys: Some(keys.clone()),
            agent,
            mode,
            keep,
            controls: Some(desk.live.register(keys.id(), call_id, takes_context)),
            ledger: Some(ledger),
        })
    }

    fn facts(&self, agent: &Agent, person: Option<&PhoneNumber>) -> Facts {
        let policy = &agent.recording;
        let mut places = policy
            .places
            .iter()
            .filter_map(|place| place.parse::<Place>().ok());
        Facts {
            contact: Party {
                places: Vec::new(),
                number: person.map(geo::of),
            },
            business: places.next(),
            server: self.server,
            transferred: places
                .map(|place| Party {
                    places: vec![place],
                    number: None,
                })
                .collect(),
            policy: Policy {
                record: policy.record,
                mode: policy.mode.map(Into::into),
                use_recommended: policy.use_recommended,
                counsel: false,
                review: policy.review,
                analytics: policy.analytics,
            },
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, u32), Arc<Agent>>> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The row of a call that has come in.
fn new_call(
    keys: &ClientKeys,
    subject: &SubjectKeys,
    claims: &Claims,
    call_id: &str,
    agent: &Agent,
) -> NewCall {
    let seal = |side, number: &Option<PhoneNumber>| {
        number
            .as_ref()
            .map(|number| desk::seal_call_number(keys, subject, call_id, side, number))
    };
    NewCall {
        id: call_id.to_owned(),
        agent_id: agent.id.clone(),
        agent_version: agent.version,
        direction: claims.direction,
        status: CallStatus::InProgress,
        created_ms: 0,
        from: seal(Side::From, &claims.from),
        to: seal(Side::To, &claims.to),
        subject_id: Some(subject.id().as_str().to_owned()),
        consent_mode: None,
        rules: None,
        sealed_key: None,
        carrier: None,
        carrier_call_id: None,
        metadata: None,
    }
}

/// The store knows a call of this id already.
fn held_before(error: StoreError) -> Turned {
    if matches!(error, StoreError::Conflict) {
        return Turned::Used;
    }
    Turned::Store(error)
}

/// What a call makes known outside at once.
pub struct Ledger {
    desk: Arc<Desk>,
    keys: ClientKeys,
    call_id: String,
    person: Option<PhoneNumber>,
    pending: TaskTracker,
}

impl Ledger {
    /// Whose call it is.
    pub fn client(&self) -> &ClientId {
        self.keys.id()
    }

    /// Returns when what was made known is stored.
    pub async fn settled(&self) {
        self.pending.close();
        self.pending.wait().await;
    }
}

impl Matters for Arc<Ledger> {
    fn opted_out(&self) {
        let Some(person) = &self.person else {
            return tracing::warn!(
                "a caller without a number opted out: there is nothing to suppress"
            );
        };
        let new = NewSuppression {
            id: ids::new_id("sup"),
            campaign_id: None,
            hash: desk::suppression_index(&self.keys, person),
            reason: "opt_out".to_owned(),
            source: "call".to_owned(),
            call_id: Some(self.call_id.clone()),
            created_ms: clock::unix_ms(),
        };
        let ledger = Arc::clone(self);
        // Nobody waits for this handle; the tracker does.
        drop(
            self.pending
                .spawn(async move { ledger.suppress(&new).await }),
        );
    }

    fn withdrawn(&self, class: Refusal, erase: bool, from: At) {
        let withdrawal = Withdrawal {
            at_ms: from.ms(),
            class,
            erase,
            noted_ms: clock::unix_ms(),
        };
        let ledger = Arc::clone(self);
        drop(
            self.pending
                .spawn(async move { ledger.withdraw(&withdrawal).await }),
        );
    }

    fn kept(&self, caller_ms: u64, is_recorded: bool) {
        let ledger = Arc::clone(self);
        drop(self.pending.spawn(async move {
            let calls = ledger.desk.store.calls();
            let client = ledger.keys.id();
            if let Err(error) = calls
                .recorded(client, &ledger.call_id, caller_ms, is_recorded)
                .await
            {
                tracing::warn!(%error, "the length of the recording is not in its row");
            }
        }));
    }

    fn unstored(&self, failure: JournalFailure, at: At) {
        let detail = format!("reason={} at_ms={}", failure.code(), at.ms());
        tracing::error!(call.id = %self.call_id, %detail, "recording stopped");
    }
}

impl Ledger {
    /// Until it is stored: the caller has been told so.
    async fn suppress(&self, new: &NewSuppression) {
        let suppressions = self.desk.store.suppressions();
        until_stored("an opt-out", || suppressions.add(self.keys.id(), new)).await;
        tracing::info!(call.id = %self.call_id, "suppressed");
    }

    /// The same. From then on nobody is given what was stored, whatever the rows say yet.
    async fn withdraw(&self, withdrawal: &Withdrawal) {
        let consents = self.desk.store.consents();
        let client = self.keys.id();
        until_stored("a withdrawal", || {
            consents.withdraw(client, &self.call_id, withdrawal)
        })
        .await;
    }
}

async fn until_stored<T, F: Future<Output = Result<T, StoreError>>>(
    what: &str,
    store: impl Fn() -> F,
) {
    let mut wait_ms = AGAIN_MS;
    while let Err(error) = store().await {
        tracing::error!(%error, "{what} is not stored yet; trying again");
        tokio::time::sleep(std::time::Duration::from_millis(wait_ms)).await;
        wait_ms = (wait_ms * 2).min(AGAIN_MS_MAX);
    }
}
