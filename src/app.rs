//! The handles that a request or a call may use.

mod call_tools;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use tokio::sync::{broadcast, watch};
use tokio_util::task::TaskTracker;
use trunkline_core::admission::Why;
use trunkline_core::call::Settings;
use trunkline_core::cost::{Prices, Units};
use trunkline_core::geo::Place;
use trunkline_core::language::Language;
use trunkline_core::token::{Claims, Direction, Key};

use crate::admission::{Admission, Full, Place as Admitted};
use crate::agent::{Agent, Agents, MindSpec, NotForThisCall};
use crate::ahead::Ahead;
use crate::api::ApiLimits;
use crate::callbacks::Callbacks;
use crate::clock;
use crate::config::CarriersConfig;
use crate::deliveries::Deliveries;
use crate::desk::Desk;
use crate::dial::Dialer;
use crate::egress::Egress;
use crate::hooks::Hooks;
use crate::ids::ClientId;
use crate::imports::Imports;
use crate::inbound::Floods;
use crate::knowledge::Knowledge;
use crate::metering::{self, Meter};
use crate::provider::{Ears, OwnVoice, StageError, Voice};
use crate::providers::Providers;
use crate::reception::{Arrival, Reception};
use crate::registries::Registries;
use crate::second_pass::SecondPass;
use crate::session::{LiveNote, Matters, Means};
use crate::simulate::StandIns;
use crate::stack::{Defaults, Stack, Stacks};
use crate::telephony::MEDIA_PATH;
use crate::think::{ChatMind, FlowMind, Mind, RealtimeMind};
use crate::tickets::Tickets;
use crate::traces::Traces;
use crate::transfer::Transfers;
use crate::webhooks::Awaited;
use call_tools::OfCall;

/// Notes kept for a watcher that is slow; it learns how many it missed.
const FEED_NOTES_MAX: usize = 1_024;

/// Calls at once, whatever they ask for.
const CALLS_MAX: usize = 5_000;

/// One server.
pub struct App {
    /// The listening stages.
    pub ears: Arc<dyn Ears>,
    /// The speaking stage.
    pub voice: Arc<dyn Voice>,
    /// The operator's agents.
    pub agents: Agents,
    /// Who receives calls.
    pub reception: Reception,
    /// Who may open a media socket.
    pub tickets: Tickets,
    /// Notes of live calls.
    pub feed: broadcast::Sender<LiveNote>,
    /// True once the server shuts down.
    pub draining: watch::Sender<bool>,
    /// Live calls.
    pub tasks: TaskTracker,
    /// What is kept for clients.
    pub desk: Arc<Desk>,
    /// How carriers reach the server, as `wss://voice.example.com`.
    pub public_url: String,
    /// What strangers and keys may take of the server.
    pub limits: ApiLimits,
    /// Callers who are being put through to somebody.
    pub transfers: Transfers,
    /// People who are to be called back.
    pub callbacks: Callbacks,
    /// What clients are told of.
    pub deliveries: Deliveries,
    /// What agents may look things up in.
    pub knowledge: Arc<Knowledge>,
    /// Files of contacts that are read in.
    pub imports: Arc<Imports>,
    /// Registers of people who do not want to be called.
    pub registries: Arc<Registries>,
    /// Who places calls; the carriers' own interfaces while it is not set.
    pub dialer: OnceLock<Dialer>,
    /// Calls whose media socket is yet to come.
    pub awaited: Awaited,
    /// Who calls in too often.
    pub floods: Floods,
    /// What the operator has said of carriers; their own addresses and rules while it is not set.
    pub carriers: OnceLock<CarriersConfig>,
    /// The way out.
    pub egress: Egress,
    /// Who hears recordings once more; nobody while it is not set.
    pub second_pass: OnceLock<SecondPass>,
    /// What calls are held with.
    pub stacks: Stacks,
    /// What was opened for calls whose media socket is yet to come.
    pub ahead: Ahead,
    /// Which calls are let in, by what the server has measured of itself.
    pub admission: Admission,
    /// Where calls are told of as spans; nowhere while it is not set.
    pub traces: OnceLock<Traces>,
    /// What providers cost the operator; nothing is known of that while it is not set.
    pub prices: OnceLock<Prices>,
    /// What is put in place of agents' tools, where calls are simulated.
    pub stand_ins: OnceLock<StandIns>,
}

/// What a server is made of.
pub struct Parts {
    /// The listening stages.
    pub ears: Arc<dyn Ears>,
    /// The speaking stage.
    pub voice: Arc<dyn Voice>,
    /// Who may answer.
    pub agents: Agents,
    /// Keys of media tokens, the newest first.
    pub keys: Vec<Key>,
    /// Accept tokens that open many sockets.
    pub allow_reusable: bool,
    /// Who hears, speaks and thinks for agents that do not choose.
    pub defaults: Defaults,
    /// The way to providers.
    pub providers: Providers,
    /// What is kept for clients.
    pub desk: Arc<Desk>,
    /// How carriers reach the server, as `wss://voice.example.com`.
    pub public_url: String,
    /// What strangers and keys may take of the server.
    pub limits: ApiLimits,
    /// Where the server stands: one of the places whose rules of consent hold.
    pub place: Option<Place>,
}

impl App {
    /// A server that does not listen yet.
    pub fn new(parts: Parts) -> Arc<Self> {
        let (ears, voice) = (Arc::clone(&parts.ears), Arc::clone(&parts.voice));
        Arc::new(Self {
            ears: parts.ears,
            voice: parts.voice,
            reception: Reception::new(parts.agents.clone(), parts.place, parts.desk.rules.clone()),
            agents: parts.agents,
            tickets: Tickets::new(parts.keys, parts.allow_reusable),
            knowledge: Arc::new(Knowledge::new(Arc::clone(&parts.desk))),
            imports: Arc::new(Imports::new(Arc::clone(&parts.desk))),
            registries: Arc::new(Registries::new(Arc::clone(&parts.desk))),
            feed: broadcast::Sender::new(FEED_NOTES_MAX),
            draining: watch::Sender::new(false),
            tasks: TaskTracker::new(),
            desk: parts.desk,
            public_url: parts.public_url,
            limits: parts.limits,
            dialer: OnceLock::new(),
            transfers: Transfers::default(),
            callbacks: Callbacks::default(),
            deliveries: Deliveries::default(),
            awaited: Awaited::default(),
            floods: Floods::default(),
            carriers: OnceLock::new(),
            egress: parts.providers.egress().clone(),
            second_pass: OnceLock::new(),
            stacks: Stacks::new(parts.providers, ears, voice, parts.defaults),
            ahead: Ahead::default(),
            admission: Admission::default(),
            traces: OnceLock::new(),
            prices: OnceLock::new(),
            stand_ins: OnceLock::new(),
        })
    }

    /// Voices ahead what every call may need at once, so that no caller waits for it and no later failure of the voice
    /// is silent. A voice of somebody else's that fails here is tried again when it is to speak.
    pub async fn warm(&self) -> Result<(), StageError> {
        for agent in self.agents.iter() {
            let is_embedded = self.stacks.defaults().voice.is_none();
            for sentence in agent.sentences() {
                match self.keep(agent, sentence).await {
                    Err(error) if is_embedded => return Err(error),
                    Err(error) => {
                        tracing::warn!(%error, agent = %agent.id, "sentences not made ahead");
                        break;
                    }
                    Ok(()) => {}
                }
            }
        }
        Ok(())
    }

    /// Voices ahead what calls are likely to need, as long as nothing more urgent is asked of the voice; and with the voices
    /// that take over what any call may need at once.
    pub async fn prepare(&self) {
        for agent in self.agents.iter() {
            for voice in self.stacks.usual_voices_behind(agent) {
                for sentence in agent.sentences() {
                    if let Err(error) = voice.keep(sentence, agent.speed).await {
                        tracing::warn!(%error, agent = %agent.id, "sentences not made ahead");
                        break;
                    }
                }
            }
            for sentence in agent.likely_sentences() {
                if let Err(error) = self.keep(agent, sentence).await {
                    // It will be tried again when it is to be said.
                    tracing::warn!(%error, agent = %agent.id, "sentence not made ahead");
                }
            }
        }
    }

    async fn keep(&self, agent: &Agent, sentence: Arc<str>) -> Result<(), StageError> {
        match self.stacks.usual_voice(agent) {
            Some(voice) => voice.keep(sentence, agent.speed).await,
            None => Ok(()),
        }
    }

    /// Writes down what a call used, and what that cost by the prices of now; lines are numbered from `first` on. What fails
    /// is told: the call's cost is not known then.
    pub async fn used(&self, client: &ClientId, call_id: &str, units: &Units, first: u64) {
        let usual = Prices::default();
        let prices = self.prices.get().unwrap_or(&usual);
        let (store, now_ms) = (&self.desk.store, clock::unix_ms());
        let written = metering::write(store, client, call_id, units, prices, now_ms, first).await;
        if let Err(error) = written {
            tracing::error!(call.id = %call_id, %error, "what a call used is not written down");
        }
    }

    /// Who places calls.
    pub fn dialer(&self) -> &Dialer {
        let dialer = self.dialer.get_or_init(|| {
            let carriers = self.carriers.get();
            let base_url = carriers.and_then(|carriers| carriers.twilio_base_url.clone());
            Dialer::by_rest(self.egress.clone(), base_url)
        });
        let whose = || self.deliveries.settings().whose();
        let hooks = || Hooks::new(self.egress.clone(), whose());
        dialer.hooks.get_or_init(hooks);
        dialer
    }

    /// The address at which a carrier opens the call of these claims; none on a server without a signing key.
    pub fn media_url(&self, claims: &Claims) -> Option<String> {
        let token = self.tickets.sign(claims)?;
        Some(format!("{}{MEDIA_PATH}/{token}", self.public_url))
    }

    /// Our id of the call that a token opens: its own, or a new one for each socket of a reusable token.
    pub fn call_id(&self, claims: &Claims) -> String {
        if claims.reusable {
            new_call_id()
        } else {
            claims.call_id.clone()
        }
    }

    /// A place for one call more of this agent: room with the embedded speech, if it asks anything of it, on a server that
    /// has not too much to do. A call that can do without our models of turns gives them up before it is turned away.
    ///
    /// # Errors
    /// [`Full`].
    pub fn admit(&self, agent: &Agent) -> Result<Admitted, Full> {
        self.takes_calls(false)?;
        let room = self.stacks.room_for(agent);
        let down = self.admission.strained();
        let is_without = room.is_none() || (down.is_some() && self.stacks.surely_steps_down(agent));
        self.admission.is_open(!is_without)?;
        let Some(room) = room.filter(|_| !is_without) else {
            return Ok(self.admission.place(Box::new(()), down));
        };
        match self.ears.admit(room) {
            Ok(room) => Ok(self.admission.place(room, down)),
            Err(_) if self.stacks.surely_steps_down(agent) => {
                Ok(self.admission.place(Box::new(()), Some(Why::Inference)))
            }
            Err(_) => Err(Full::Places),
        }
    }

    /// Whether there is a place for any call at all. `uses_models`: for one that asks something of the embedded speech.
    ///
    /// # Errors
    /// [`Full`].
    pub fn takes_calls(&self, uses_models: bool) -> Result<(), Full> {
        if *self.draining.borrow() {
            return Err(Full::Draining);
        }
        if self.tasks.len() >= CALLS_MAX {
            return Err(Full::Calls);
        }
        self.admission.is_open(uses_models)
    }

    /// Whether a call of an agent that chooses nothing would be taken now.
    ///
    /// # Errors
    /// [`Full`].
    pub fn ready(&self) -> Result<(), Full> {
        let room = self.stacks.usual_room();
        self.takes_calls(room.is_some())?;
        match room.map(|room| self.ears.admit(room)) {
            None | Some(Ok(_)) => Ok(()),
            Some(Err(_)) => Err(Full::Places),
        }
    }

    /// A call whose media socket was to come will not come: nothing is remembered or held open for it any more.
    pub fn not_coming(&self, call_id: &str) {
        self.awaited.take(call_id);
        self.ahead.forget(call_id);
        self.admission.forget(call_id);
    }

    /// Whether an agent could hold such a call now, with these values of its variables.
    pub fn can_hold(
        &self,
        agent: &Agent,
        direction: Direction,
        variables: &BTreeMap<String, String>,
    ) -> Result<(), NotForThisCall> {
        agent.ready(direction, variables)?;
        if !self.stacks.can_think_for(agent) {
            return Err(NotForThisCall::Mindless);
        }
        match self.stacks.can_talk_for(agent) {
            true => Ok(()),
            false => Err(NotForThisCall::Speechless {
                language: agent.tongue().name(),
            }),
        }
    }

    /// What a call needs that has come in, with the values that it brings for the agent's variables. `leg` is the carrier's id
    /// of it, where that is known.
    pub fn means(
        self: &Arc<Self>,
        claims: &Claims,
        call_id: &str,
        arrival: Arrival,
        stack: Stack,
        variables: &BTreeMap<String, String>,
        leg: Option<&str>,
    ) -> Result<Means, NotForThisCall> {
        let agent = &*arrival.agent;
        let vars = agent.ready(claims.direction, variables)?;
        let (own_voice, meter) = (stack.talk.clone(), Meter::default());
        let of = OfCall {
            claims: claims.clone(),
            keys: arrival.keys.clone(),
            agent: Arc::clone(&arrival.agent),
            mode: arrival.mode,
            call_id: call_id.to_owned(),
            leg: leg.map(str::to_owned),
            variables: variables.clone(),
            handed: Arc::default(),
            tries: Arc::default(),
            meter: meter.clone(),
        };
        let toolbox = self.toolbox(&of, stack.tools);
        let mut settings = agent.settings_with(claims.direction, arrival.mode, &vars);
        if !toolbox.is_empty() {
            let tools = toolbox.settings();
            settings = Arc::new(Settings {
                tools,
                ..Settings::clone(&settings)
            });
        }
        let mind = match (&agent.mind, stack.models) {
            (MindSpec::Prompt { prompt, greeting }, models) if own_voice.is_some() => {
                let prompt = in_language(prompt.fill(&vars), agent);
                let prompt = with_background(prompt, arrival.background.as_deref());
                let spare = models.map(|models| {
                    let vendor = models.current().vendor;
                    (
                        ChatMind::new(models, &prompt, None, toolbox.specs())
                            .metered(meter.clone()),
                        vendor,
                    )
                });
                let talk = stack.talk.ok_or(NotForThisCall::Mindless)?;
                let greeting = greeting.as_ref().map(|greeting| greeting.fill(&vars));
                let first_ms = agent.model.first_token_ms;
                let mind = RealtimeMind::new(talk, &prompt, greeting, spare, first_ms);
                Mind::Realtime(Box::new(mind.serving(toolbox.specs(), meter.clone())))
            }
            (MindSpec::Prompt { prompt, greeting }, Some(models)) => {
                let greeting = greeting.as_ref().map(|greeting| greeting.fill(&vars));
                let prompt = in_language(prompt.fill(&vars), agent);
                let prompt = with_background(prompt, arrival.background.as_deref());
                let mind = ChatMind::new(models, &prompt, greeting, toolbox.specs());
                Mind::Chat(mind.metered(meter.clone()))
            }
            (MindSpec::Prompt { .. }, None) => return Err(NotForThisCall::Mindless),
            (MindSpec::Flow(flow), _) => Mind::Flow(FlowMind::new(Arc::clone(flow), vars)),
        };
        Ok(Means {
            ears: Arc::clone(&self.ears),
            hearing: stack.hearing,
            voices: stack.voices,
            speed: agent.speed,
            own_voice: own_voice.map(|talk| Arc::new(talk) as Arc<dyn OwnVoice>),
            settings,
            mind,
            tools: Some(Arc::new(toolbox)).filter(|toolbox| !toolbox.is_empty()),
            stepped_down: stack.stepped_down,
            line_rests: self.admission.line_rests(),
            feed: self.feed.clone(),
            draining: self.draining.subscribe(),
            keep: arrival.keep,
            controls: arrival.controls,
            matters: arrival
                .ledger
                .map(|ledger| Box::new(ledger) as Box<dyn Matters>),
            meter,
            trace: self.traces.get().and_then(|traces| traces.call(claims)),
        })
    }
}

/// A prompt with the rule that the agent's language is spoken; English ones have always been taken for that.
fn in_language(prompt: String, agent: &Agent) -> String {
    let (tongue, tag) = (agent.tongue(), &agent.language);
    if tongue == Language::English {
        return prompt;
    }
    format!(
        "{prompt}\n\nSpeak {} only, as it is spoken where the language tag is {tag}.",
        tongue.name()
    )
}

/// A prompt with what else is to be known of this call.
fn with_background(prompt: String, background: Option<&str>) -> String {
    match background {
        Some(background) => format!("{prompt}\n\n{background}"),
        None => prompt,
    }
}

/// A new id of a call.
pub fn new_call_id() -> String {
    format!("call_{}", ulid::Ulid::new())
}
