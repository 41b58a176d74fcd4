//! From a media token to a call: whose it is, who answers, by which rule it may be stored, and where.

mod ledger;
mod which;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use trunkline_core::call::Settings;
use trunkline_core::consent::Mode;
use trunkline_core::consent::verdict::{Facts, Party, Policy, Verdict, verdict};
use trunkline_core::geo;
use trunkline_core::geo::Place;
use trunkline_core::journal::Began;
use trunkline_core::phone::PhoneNumber;
use trunkline_core::token::{Claims, Direction};
use trunkline_core::versions::Whose;

use crate::agent::{Agent, AgentError, Agents, MindSpec};
use crate::carrier::account::TWILIO;
use crate::desk::{self, Desk, Side, Unnamed};
use crate::dial::{Plan, PlanError};
use crate::ids::ClientId;
use crate::rules::Rules;
use crate::session::Keep;
use crate::store::StoreError;
use crate::store::agents::SealedVersion;
use crate::store::calls::{CallStatus, NewCall, TakenCall};
use crate::vault::{ClientKeys, SubjectKeys, Unopened, VaultError};
use crate::{after, callbacks, clock, live::Controls};
pub use ledger::Ledger;
pub use which::Which;
pub(crate) use which::person;

/// How often a draft is looked at anew that changes while a call is to be held with it.
const DRAFT_TRIES: usize = 5;
/// Compiled versions that are kept at hand.
const COMPILED_MAX: usize = 256;

/// Why nobody answers.
#[derive(Debug, thiserror::Error)]
pub enum Turned {
    /// No such agent.
    #[error("no such agent")]
    NoAgent,
    /// The agent has no such version.
    #[error("the agent has no such version")]
    NoVersion,
    /// The agent has no draft.
    #[error("the agent has no draft")]
    NoDraft,
    /// The token names a client that is not there, or is closed.
    #[error("no such client")]
    NoClient,
    /// The client was stopped, and the call came in.
    #[error("the client was stopped; it takes no calls")]
    Suspended,
    /// The token names no client, and it cannot be told which is meant.
    #[error("this media URL names no client, and there are several")]
    WhichClient,
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

/// A call that may come in.
pub struct Expected {
    /// The keys of whose call it is; absent on a server that nobody set up for a client.
    pub keys: Option<ClientKeys>,
    /// Who answers.
    pub agent: Arc<Agent>,
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
    /// What a model is to know of this call beside its prompt.
    pub background: Option<String>,
}

/// Receives calls.
pub struct Reception {
    agents: Agents,
    rules: Rules,
    /// Where the server stands.
    server: Option<Place>,
    compiled: Mutex<BTreeMap<(String, u32), Arc<Agent>>>,
}

impl Reception {
    /// One that knows the operator's agents.
    pub fn new(agents: Agents, server: Option<Place>, rules: Rules) -> Self {
        Self {
            agents,
            rules,
            server,
            compiled: Mutex::default(),
        }
    }

    /// Whose call that of these claims is, and who answers it. `call_id` is our id of it.
    pub async fn expected(
        &self,
        desk: &Desk,
        claims: &Claims,
        call_id: &str,
    ) -> Result<Expected, Turned> {
        let whose = match &claims.client {
            Some(named) => Unnamed::Of(ClientId::parse(named).map_err(|_| Turned::NoClient)?),
            None => desk.unnamed(),
        };
        let client = match whose {
            Unnamed::Of(client) => client,
            Unnamed::Unclear => return Err(Turned::WhichClient),
            // A server that nobody set up for a client holds calls and keeps nothing.
            Unnamed::Nobody => {
                let agent = self.agents.find(&claims.agent).ok_or(Turned::NoAgent)?;
                return Ok(Expected { keys: None, agent });
            }
        };
        let row = desk.store.clients().find(&client).await;
        let row = row.map_err(Turned::Store)?;
        if row.is_none_or(|row| row.closed_ms.is_some()) {
            return Err(Turned::NoClient);
        }
        // What was placed before goes on.
        if claims.direction == Direction::Inbound {
            let suspensions = desk.store.suspensions();
            let stopped = suspensions.holds(&client, Some(&claims.agent)).await;
            if stopped.map_err(Turned::Store)? {
                return Err(Turned::Suspended);
            }
        }
        let keys = match desk.vault.client(&client).await {
            Err(VaultError::NoClient { .. }) => return Err(Turned::NoClient),
            keys => keys?,
        };
        let which = Which::of(claims, call_id);
        let agent = self.agent(desk, &keys, &claims.agent, which).await?;
        Ok(Expected {
            keys: Some(keys),
            agent,
        })
    }

    /// Receives the call of these claims. The carrier's id of it is `None` where only the media socket tells it.
    pub async fn receive(
        &self,
        desk: &Arc<Desk>,
        claims: &Claims,
        Expected { keys, agent }: Expected,
        call_id: &str,
        carrier_call_id: Option<String>,
    ) -> Result<Arrival, Turned> {
        let Some(keys) = keys else {
            return Ok(Arrival {
                keys: None,
                agent,
                mode: Mode::NoRecord,
                keep: None,
                controls: None,
                ledger: None,
                background: None,
            });
        };
        let carrier = (TWILIO, carrier_call_id);
        self.keep(desk, &keys, claims, call_id, agent, carrier)
            .await
    }

    /// The agent of a name or id, as this client may use it, in the version that a call is held with. An agent from a file
    /// has but one.
    pub async fn agent(
        &self,
        desk: &Desk,
        keys: &ClientKeys,
        id: &str,
        which: Which<'_>,
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
        let number = match (which, &row.split) {
            (Which::Settled(number), _) => number,
            (Which::Draft, _) => self.draft(desk, keys, &row.id).await?,
            (Which::Shared { .. }, None) => row.version,
            (Which::Shared { person, call_id }, Some(split)) => {
                let hash = person.map(|number| desk::call_index(keys, number));
                let whose = hash.as_ref().map_or(Whose::Unknown(call_id), Whose::Person);
                split.version_for(&row.id, whose)
            }
        };
        self.version(desk, keys, &row.id, number).await
    }

    /// An agent as it held a call: a stored version of a client's, also of an agent that is archived; the present one where
    /// it comes from a file, whose version is 0.
    ///
    /// # Errors
    /// [`Turned::NoAgent`], [`Turned::NoVersion`], or that the version cannot be used any more.
    pub async fn version(
        &self,
        desk: &Desk,
        keys: &ClientKeys,
        id: &str,
        number: u32,
    ) -> Result<Arc<Agent>, Turned> {
        if number == 0 {
            return self.agents.find(id).ok_or(Turned::NoAgent);
        }
        let name = (id.to_owned(), number);
        if let Some(agent) = self.lock().get(&name) {
            return Ok(Arc::clone(agent));
        }
        let agents = desk.store.agents();
        let version = agents.find_version(keys.id(), id, number).await;
        let version = version.map_err(Turned::Store)?.ok_or(Turned::NoVersion)?;
        let version_id = desk::version_id(id, version.version);
        let body = desk::open(keys, desk::version_place(&version_id), &version.body)?;
        let agent = Arc::new(Agent::from_stored(id, number, body.as_bytes())?);
        let mut compiled = self.lock();
        if compiled.len() >= COMPILED_MAX {
            compiled.pop_first();
        }
        compiled.insert(name, Arc::clone(&agent));
        Ok(agent)
    }

    /// The number of an agent's draft as it is now. A state of it gets one when a call is first to be held with it, and is kept
    /// under it.
    async fn draft(&self, desk: &Desk, keys: &ClientKeys, id: &str) -> Result<u32, Turned> {
        let drafts = desk.store.drafts();
        for _ in 0..DRAFT_TRIES {
            let draft = drafts.find(keys.id(), id).await.map_err(Turned::Store)?;
            let draft = draft.ok_or(Turned::NoDraft)?;
            if let Some(number) = draft.trial {
                return Ok(number);
            }
            let body = desk::open(keys, desk::draft_place(id), &draft.body)?;
            let seal = |number| SealedVersion {
                body: desk::seal(
                    keys,
                    desk::version_place(&desk::version_id(id, number)),
                    &body,
                ),
                note: None,
            };
            let (revision, now_ms) = (draft.revision, clock::unix_ms());
            let numbered = drafts.number(keys.id(), id, revision, now_ms, &seal).await;
            if let Some(number) = numbered.map_err(Turned::Store)? {
                return Ok(number);
            }
            // It was saved anew meanwhile, or another call has tried it.
        }
        Err(Turned::Store(StoreError::Conflict))
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
        let person = which::person(claims);
        let plan = match claims.direction {
            Direction::Inbound => None,
            Direction::Outbound => Plan::of_call(desk, keys, call_id).await?,
        };
        let may_record = plan.as_ref().is_none_or(|plan| plan.record);
        let promise = plan.as_ref().and_then(|plan| plan.promise.as_ref());
        let background = match promise {
            Some(promise) => {
                let note = callbacks::note(desk, keys, &promise.callback_id).await;
                Some(promise.told(note.as_deref()))
            }
            None => None,
        };
        let verdict = self.rule(&agent, person, may_record);
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
        let wanted = after::parts(&agent.after);
        if !wanted.is_empty() {
            let wanted = desk
                .store
                .after()
                .want(keys.id(), call_id, &wanted, unix_ms)
                .await;
            if let Err(error) = wanted {
                // The caller is not made to pay for it.
                tracing::error!(%error, "nothing will be known of this call once it is over");
            }
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
        let journal = desk
            .journals
            .begin(keys.id(), call_id, subject, began.clone());
        let (keep, mode) = match journal {
            Ok(journal) => (Some(Keep { journal, began }), mode),
            Err(error) => {
                // Nobody is asked about a recording that cannot be made.
                tracing::error!(%error, "this call is not recorded");
                let unkept = desk.store.calls().unkept(keys.id(), call_id).await;
                unkept.map_err(Turned::Store)?;
                (None, Mode::NoRecord)
            }
        };
        let person = person.cloned();
        let whom = (claims.direction, person);
        let ledger = Ledger::new(desk, keys, call_id, unix_ms, whom, keep.is_some());
        Ok(Arrival {
            keys: Some(keys.clone()),
            agent,
            mode,
            keep,
            controls: Some(desk.live.register(keys.id(), call_id, takes_context)),
            ledger: Some(Arc::new(ledger)),
            background,
        })
    }

    /// The settings of a call with this person, if nothing changes before it. `may_record` is false where whoever wants
    /// the call forbids to record it.
    pub fn settings(
        &self,
        agent: &Agent,
        direction: Direction,
        person: Option<&PhoneNumber>,
        may_record: bool,
    ) -> Arc<Settings> {
        let rule = self.rule(agent, person, may_record);
        Arc::clone(agent.settings_for(direction, rule.mode))
    }

    /// Where an agent's business is, the likeliest place first: by the agent's own word, then by the server's.
    pub fn places(&self, agent: &Agent) -> Vec<Place> {
        let own = agent.recording.places.iter();
        let own = own.filter_map(|place| place.parse::<Place>().ok());
        own.chain(self.server).collect()
    }

    /// By which rule a call with this person may be stored.
    fn rule(&self, agent: &Agent, person: Option<&PhoneNumber>, may_record: bool) -> Verdict {
        let mut facts = self.facts(agent, person);
        facts.policy.record &= may_record;
        verdict(&self.rules.now().consent, &facts)
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
