//! What a call is held with: who hears, who thinks and who speaks. The agent's choice comes first, by a provider of its
//! client's; then the operator's default; then what is built in. Others may stand behind each: see `stack/behind.rs`.

mod after;
mod behind;
mod realtime;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use trunkline_core::admission::Why;
use trunkline_core::language::Language;
use trunkline_core::wire::stt::SttSettings;

pub use after::Asked;
pub use behind::Behind;
use behind::Thinks;
pub use realtime::RealtimeChosen;

use crate::agent::{Agent, MindSpec, ModelSpec};
use crate::desk::{self, Desk, Place};
use crate::egress::Whose;
use crate::provider::{Ears, Hearing, Recogniser, Room, Turns, Voice};
use crate::providers::{self, Account, Does, Hears, Kind, Providers, Talk, Unusable, Vendor};
use crate::store::StoreError;
use crate::store::providers::ProviderKind;
use crate::succession::Succession;
use crate::think::{ChatSettings, Dialect, Model};
use crate::tools::{self, McpShelf, OwnTool, Sources, Tool};
use crate::vault::{ClientKeys, Unopened};

/// Silence after which a recogniser that judges turns holds speech to be over, ms.
const ENDPOINTING_MS: u32 = 200;

/// A provider as somebody has set it up.
#[derive(Clone)]
pub struct Chosen {
    /// Who.
    pub vendor: &'static Vendor,
    /// Where, and with which key.
    pub account: Account,
    /// The vendor's name for the model; its usual one if empty.
    pub model: String,
    /// The vendor's id of the voice.
    pub voice: String,
    /// Who says when a turn is over, if that was chosen.
    pub turns: Option<Turns>,
}

impl Chosen {
    /// Whether it can be used at all.
    ///
    /// # Errors
    /// [`Unusable`] says what is missing.
    pub fn check(&self) -> Result<(), Unusable> {
        Providers::default().hop(self.vendor, &self.account)?;
        Ok(())
    }

    /// Who says when a turn is over, if an agent chose this of its recogniser.
    pub fn turns(&self, of_agent: Option<Turns>) -> Turns {
        match (self.vendor.does, self.vendor.judges_turns) {
            (_, true) => Turns::Cloud,
            (Does::HearsClips, false) => Turns::Own,
            (_, false) => of_agent.or(self.turns).unwrap_or_default(),
        }
    }
}

/// What the operator chose for every agent that does not choose for itself.
#[derive(Clone, Default)]
pub struct Defaults {
    /// Who hears; what is built in if absent.
    pub recogniser: Option<Chosen>,
    /// Who speaks; what is built in if absent.
    pub voice: Option<Chosen>,
    /// Who thinks for agents with a prompt.
    pub chat: Option<ChatSettings>,
    /// Who hears, thinks and speaks for agents that ask for that.
    pub realtime: Option<RealtimeChosen>,
    /// Who takes over from the recogniser, in order.
    pub recogniser_behind: Vec<Behind>,
    /// Who takes over from the voice, in order.
    pub voice_behind: Vec<Behind>,
    /// Who takes over from the model, in order.
    pub chat_behind: Vec<ChatSettings>,
    /// What any agent may use besides talking, by name.
    pub tools: BTreeMap<String, OwnTool>,
    /// Calls are held in words: nobody need hear or speak, so nobody who does is missed.
    pub in_words: bool,
}

/// A call cannot be held with what its agent chose. Says what to do.
#[derive(Debug, thiserror::Error)]
pub enum NoStack {
    /// There is no language model.
    #[error(
        "agent {agent} has a prompt, but no language model is configured; set llm.base_url and llm.model, or its model.provider"
    )]
    NoModel {
        /// The agent.
        agent: String,
    },
    /// There is no model that hears and speaks.
    #[error(
        "agent {agent} asks for a model that hears and speaks, and none is configured; set realtime.vendor, realtime.model and realtime.transcriber, or its realtime.provider"
    )]
    NoRealtime {
        /// The agent.
        agent: String,
    },
    /// The embedded speech would have to be used, in a language that it does not know.
    #[error(
        "agent {agent} speaks {language}, and the embedded {stage} is English; choose a provider for it"
    )]
    EnglishOnly {
        /// The agent.
        agent: String,
        /// The language's name.
        language: &'static str,
        /// `recogniser` or `voice`.
        stage: &'static str,
    },
    /// The agent names a provider that is not there, or that does something else.
    #[error(
        "agent {agent} names the provider {id}, which is not there as a {kind}; make a version that names another"
    )]
    NoProvider {
        /// The agent.
        agent: String,
        /// Which.
        id: String,
        /// As what.
        kind: &'static str,
    },
    /// What is set up cannot be used.
    #[error(transparent)]
    Unusable(#[from] Unusable),
    /// The store.
    #[error("the store does not answer: {0}")]
    Store(#[from] StoreError),
    /// A provider's row cannot be opened.
    #[error("the provider's settings cannot be opened: {0}")]
    Unopened(#[from] Unopened),
    /// No connection can be made at all.
    #[error("no HTTP client: {0}")]
    Http(#[from] crate::egress::EgressError),
}

/// What one call is held with.
pub struct Stack {
    /// Who hears.
    pub hearing: Hearing,
    /// Who speaks, and who takes over.
    pub voices: Succession<Arc<dyn Voice>>,
    /// Who thinks, if that is a language model, and who takes over.
    pub models: Option<Succession<Model>>,
    /// Why the recogniser says when turns are over, where our own models were to.
    pub stepped_down: Option<Why>,
    /// A model that hears, thinks and speaks; all others stand behind it.
    pub talk: Option<Arc<Talk>>,
    /// What its mind may have done.
    pub tools: Vec<Tool>,
}

/// Settings of a provider as rows keep them.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RowSettings {
    base_url: Option<String>,
    model: Option<String>,
    voice: Option<String>,
}

/// Makes stacks.
pub struct Stacks {
    providers: Providers,
    ears: Arc<dyn Ears>,
    embedded: Arc<dyn Voice>,
    defaults: Defaults,
    mcp: McpShelf,
}

impl Stacks {
    /// Stacks by this way out, with these ears and this voice built in.
    pub fn new(
        providers: Providers,
        ears: Arc<dyn Ears>,
        embedded: Arc<dyn Voice>,
        defaults: Defaults,
    ) -> Self {
        Self {
            providers,
            ears,
            embedded,
            defaults,
            mcp: McpShelf::default(),
        }
    }

    /// What MCP servers have.
    pub fn mcp(&self) -> &McpShelf {
        &self.mcp
    }

    /// The operator's defaults.
    pub fn defaults(&self) -> &Defaults {
        &self.defaults
    }

    /// What a call of this agent needs of the embedded speech; `None` for nothing.
    pub fn room_for(&self, agent: &Agent) -> Option<Room> {
        match (self.is_elsewhere(agent), self.hears_elsewhere(agent)) {
            (true, _) => None,
            (false, true) if self.speaks_elsewhere(agent) => Some(Room::Turns),
            (false, _) => Some(Room::Whole),
        }
    }

    /// Whether a call of this agent surely asks nothing of the embedded speech: it hears, judges turns and speaks elsewhere.
    /// Of a client's own recogniser only what the agent says of it is known here.
    pub fn is_elsewhere(&self, agent: &Agent) -> bool {
        let (own, asked) = (&agent.recogniser.provider, agent.recogniser.turns);
        let usual = self.defaults.recogniser.as_ref().filter(|_| own.is_none());
        let asked = asked
            .map(Turns::from)
            .or(usual.and_then(|chosen| chosen.turns));
        let is_realtime = agent.realtime.is_some();
        let hears = is_realtime || own.is_some() || usual.is_some();
        let always = usual.is_some_and(|chosen| chosen.vendor.judges_turns) && !is_realtime;
        let judges = asked == Some(Turns::Cloud) || always;
        hears && judges && self.speaks_elsewhere(agent)
    }

    /// Whether a call of this agent needs a connection to anybody.
    pub fn connects_for(&self, agent: &Agent) -> bool {
        let hears = agent.recogniser.provider.is_some() || self.defaults.recogniser.is_some();
        let thinks = matches!(agent.mind, MindSpec::Prompt { .. });
        hears || thinks || self.speaks_elsewhere(agent)
    }

    /// Whether somebody else than the embedded voice speaks for this agent.
    pub fn speaks_elsewhere(&self, agent: &Agent) -> bool {
        agent.voice.provider.is_some() || self.defaults.voice.is_some()
    }

    /// Whether somebody else than the embedded recogniser hears for this agent.
    fn hears_elsewhere(&self, agent: &Agent) -> bool {
        agent.realtime.is_some()
            || agent.recogniser.provider.is_some()
            || self.defaults.recogniser.is_some()
    }

    /// Whether there is speech in this agent's language: what is built in knows English alone.
    pub fn can_talk_for(&self, agent: &Agent) -> bool {
        self.speech_for(agent).is_ok()
    }

    fn speech_for(&self, agent: &Agent) -> Result<(), NoStack> {
        let missing = match (self.hears_elsewhere(agent), self.speaks_elsewhere(agent)) {
            _ if self.defaults.in_words || agent.tongue() == Language::English => return Ok(()),
            (true, true) => return Ok(()),
            (false, _) => "recogniser",
            (true, false) => "voice",
        };
        Err(NoStack::EnglishOnly {
            agent: agent.id.clone(),
            language: agent.tongue().name(),
            stage: missing,
        })
    }

    /// Whether there is anybody to think for this agent.
    pub fn can_think_for(&self, agent: &Agent) -> bool {
        match agent.mind {
            MindSpec::Flow(_) => true,
            MindSpec::Prompt { .. } => match &agent.realtime {
                Some(realtime) => realtime.provider.is_some() || self.defaults.realtime.is_some(),
                None => agent.model.provider.is_some() || self.defaults.chat.is_some(),
            },
        }
    }

    /// What a call of an agent that chooses nothing needs of the embedded speech; `None` for nothing.
    pub fn usual_room(&self) -> Option<Room> {
        let usual = self.defaults.recogniser.as_ref();
        let judges = usual.is_some_and(|chosen| chosen.turns(None) == Turns::Cloud);
        match (usual, &self.defaults.voice) {
            (Some(_), Some(_)) if judges => None,
            (Some(_), Some(_)) => Some(Room::Turns),
            (Some(_) | None, _) => Some(Room::Whole),
        }
    }

    /// Whether a call of this agent, whose turns our own models judge, asks nothing of the embedded speech once it steps
    /// down. Of a client's own recogniser nothing is known here.
    pub fn surely_steps_down(&self, agent: &Agent) -> bool {
        let usual = self.defaults.recogniser.as_ref();
        let usual = usual.filter(|_| agent.recogniser.provider.is_none());
        let behind = &self.defaults.recogniser_behind;
        self.speaks_elsewhere(agent)
            && agent.realtime.is_none()
            && agent.recogniser.fallbacks.is_none()
            && usual.is_some_and(|chosen| steps_down(agent, chosen, behind))
    }

    /// What a call of this agent is held with. Connections begin to be made. `down`: why it is to do without our own models
    /// of turns, if it can.
    ///
    /// # Errors
    /// [`NoStack`].
    pub async fn for_call(
        &self,
        desk: &Desk,
        keys: Option<&ClientKeys>,
        agent: &Agent,
        down: Option<Why>,
    ) -> Result<Stack, NoStack> {
        self.speech_for(agent)?;
        let own = async |id: &Option<String>, kind| match id {
            Some(id) => own(desk, keys, agent, id, kind).await.map(Some),
            None => Ok(None),
        };
        let recogniser = own(&agent.recogniser.provider, Kind::Recogniser).await?;
        let voice = own(&agent.voice.provider, Kind::Voice).await?;
        let model = own(&agent.model.provider, Kind::Model).await?;
        let behind = self.behind(desk, keys, agent).await;
        let egress = self.providers.egress();
        let sources = Sources {
            desk,
            keys,
            operators: &self.defaults.tools,
            egress,
            shelf: &self.mcp,
        };
        let tools = tools::of_agent(&sources, agent).await;
        let voices = self.voices(agent, voice.as_ref(), &behind.voices)?;
        let models = self.models(agent, model.as_ref(), &behind.models);
        let Some(speaker) = self.speaker(desk, keys, agent).await? else {
            let chosen = recogniser.as_ref().or(self.defaults.recogniser.as_ref());
            let can = |chosen: &Chosen| steps_down(agent, chosen, &behind.recognisers);
            let stepped_down = down.filter(|_| chosen.is_some_and(can));
            let turns = chosen.map(|chosen| match stepped_down {
                Some(_) => Turns::Cloud,
                None => chosen.turns(agent.recogniser.turns.map(Turns::from)),
            });
            return Ok(Stack {
                hearing: self.hearing(agent, chosen.zip(turns), &behind.recognisers)?,
                voices,
                models: models?,
                stepped_down,
                talk: None,
                tools,
            });
        };
        let (talk, own) = (speaker.talk, recogniser.as_ref());
        Ok(Stack {
            hearing: self.hearing_by(agent, speaker.recogniser, own, &behind.recognisers),
            voices,
            models: match models {
                Err(NoStack::NoModel { .. }) => None,
                models => models?,
            },
            stepped_down: None,
            talk: Some(talk),
            tools,
        })
    }

    /// Who speaks for an agent, in a call of its own. Connections begin to be made.
    ///
    /// # Errors
    /// [`NoStack`].
    pub async fn voices_for(
        &self,
        desk: &Desk,
        keys: &ClientKeys,
        agent: &Agent,
    ) -> Result<Succession<Arc<dyn Voice>>, NoStack> {
        let own = match &agent.voice.provider {
            Some(id) => Some(own(desk, Some(keys), agent, id, Kind::Voice).await?),
            None => None,
        };
        let behind = self.behind(desk, Some(keys), agent).await;
        self.voices(agent, own.as_ref(), &behind.voices)
    }

    /// The voice of an agent that has no provider of its own, for sentences that are made ahead of every call.
    pub fn usual_voice(&self, agent: &Agent) -> Option<Arc<dyn Voice>> {
        match agent.voice.provider {
            Some(_) => None,
            None if !self.can_talk_for(agent) => None,
            None => self.voice_of(agent, None).ok(),
        }
    }

    fn hearing(
        &self,
        agent: &Agent,
        chosen: Option<(&Chosen, Turns)>,
        behind: &[Behind],
    ) -> Result<Hearing, NoStack> {
        let Some((chosen, turns)) = chosen else {
            return Ok(Hearing::Embedded);
        };
        let model = agent.recogniser.model.as_ref();
        let hears = self.hears(agent, chosen, model.unwrap_or(&chosen.model), turns)?;
        let others = self.hear_behind(agent, behind, turns);
        Ok(match hears {
            Hears::Clips(transcriber) if others.is_empty() => {
                Hearing::ByUtterance(Arc::new(transcriber))
            }
            hears @ (Hears::Clips(_) | Hears::Stream(_)) => {
                let recogniser = behind::listening(chosen.vendor, hears).followed_by(others);
                Hearing::Streaming {
                    recogniser: Arc::new(recogniser) as Arc<dyn Recogniser>,
                    turns,
                }
            }
        })
    }

    fn hears(
        &self,
        agent: &Agent,
        chosen: &Chosen,
        model: &str,
        turns: Turns,
    ) -> Result<Hears, Unusable> {
        let spec = &agent.recogniser;
        let settings = SttSettings {
            model: model.to_owned(),
            language: agent.language.clone(),
            key_terms: spec.key_terms.clone(),
            endpointing_ms: (turns == Turns::Cloud)
                .then(|| spec.endpointing_ms.unwrap_or(ENDPOINTING_MS)),
        };
        self.providers
            .hears(chosen.vendor, &chosen.account, &settings)
    }

    fn voice_of(&self, agent: &Agent, own: Option<&Chosen>) -> Result<Arc<dyn Voice>, NoStack> {
        Ok(self.voices(agent, own, &[])?.current().stage.clone())
    }

    fn models(
        &self,
        agent: &Agent,
        own: Option<&Chosen>,
        behind: &[Thinks],
    ) -> Result<Option<Succession<Model>>, NoStack> {
        if let MindSpec::Flow(_) = agent.mind {
            return Ok(None);
        }
        let first = match own {
            Some(chosen) => Thinks::Own(chosen.clone()),
            None => {
                let usual = self.defaults.chat.clone().ok_or_else(|| NoStack::NoModel {
                    agent: agent.id.clone(),
                })?;
                Thinks::Operators(usual)
            }
        };
        let first = self.thinks(agent, &agent.model, &first)?;
        Ok(Some(Succession::new(
            first,
            self.think_behind(agent, behind),
        )))
    }

    fn chat_of(&self, spec: &ModelSpec, chosen: &Chosen) -> Result<ChatSettings, NoStack> {
        let hop = self.providers.hop(chosen.vendor, &chosen.account)?;
        let model = spec.name.clone().unwrap_or_else(|| chosen.model.clone());
        let dialect = match chosen.vendor.does {
            Does::ThinksAsAnthropic => Dialect::Anthropic,
            Does::ThinksAsOpenAi
            | Does::HearsStream(_)
            | Does::HearsClips
            | Does::SpeaksStream(_)
            | Does::SpeaksPost(_)
            | Does::Converses(_) => Dialect::OpenAi,
        };
        Ok(ChatSettings {
            dialect,
            base_url: hop.base_url,
            model,
            api_key: Some(chosen.account.key.clone()).filter(|key| !key.is_empty()),
            temperature: None,
            max_tokens: None,
        })
    }
}

/// Whether a call of this agent that is heard by this one can leave its turns to it. One that would lose somebody who takes
/// over does so only if its agent says so.
fn steps_down(agent: &Agent, chosen: &Chosen, behind: &[Behind]) -> bool {
    let spec = &agent.recogniser;
    let is_asked_to = match spec.step_down {
        Some(is_asked_to) => is_asked_to,
        None => behind.iter().all(|next| next.unfit(Turns::Cloud).is_none()),
    };
    let own = chosen.turns(spec.turns.map(Turns::from)) == Turns::Own;
    own && is_asked_to && matches!(chosen.vendor.does, Does::HearsStream(_))
}

/// A client's own provider.
async fn own(
    desk: &Desk,
    keys: Option<&ClientKeys>,
    agent: &Agent,
    id: &str,
    kind: Kind,
) -> Result<Chosen, NoStack> {
    let missing = || NoStack::NoProvider {
        agent: agent.id.clone(),
        id: id.to_owned(),
        kind: kind.code(),
    };
    let keys = keys.ok_or_else(missing)?;
    let row = desk.store.providers().find(keys.id(), id).await?;
    let row = row.ok_or_else(missing)?;
    let row_kind = match row.kind {
        ProviderKind::Recogniser => Kind::Recogniser,
        ProviderKind::Model => Kind::Model,
        ProviderKind::Voice => Kind::Voice,
    };
    let vendor = providers::find(&row.vendor, kind).filter(|_| row_kind == kind);
    let vendor = vendor.ok_or_else(missing)?;
    let open = |column, sealed| desk::open(keys, Place::new(column, &row.id), sealed);
    let settings = open("providers.settings", &row.settings)?;
    let settings: RowSettings = serde_json::from_str(&settings).map_err(|_| missing())?;
    Ok(Chosen {
        vendor,
        account: Account {
            whose: Whose::Client,
            owner: keys.id().as_str().to_owned(),
            base_url: settings.base_url,
            key: open("providers.secret", &row.secret)?,
        },
        model: settings.model.unwrap_or_default(),
        voice: settings.voice.unwrap_or_default(),
        turns: None,
    })
}
