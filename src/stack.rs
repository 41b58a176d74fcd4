//! What a call is held with: who hears, who thinks and who speaks. The agent's choice comes first, by a provider of its
//! client's; then the operator's default; then what is built in.

use std::sync::Arc;

use serde::Deserialize;
use trunkline_core::wire::stt::SttSettings;
use trunkline_core::wire::tts::TtsSettings;

use crate::agent::{Agent, MindSpec, ModelSpec};
use crate::desk::{self, Desk, Place};
use crate::egress::Whose;
use crate::provider::{Hearing, Recogniser, Turns, Voice};
use crate::providers::{self, Account, Does, Hears, Kind, Providers, Unusable, Vendor};
use crate::store::StoreError;
use crate::store::providers::ProviderKind;
use crate::think::{ChatSettings, Dialect};
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
    /// Who speaks.
    pub voice: Arc<dyn Voice>,
    /// Who thinks, if that is a language model, and the way there.
    pub chat: Option<(reqwest::Client, Arc<ChatSettings>)>,
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
    embedded: Arc<dyn Voice>,
    defaults: Defaults,
}

impl Stacks {
    /// Stacks by this way out, with this voice built in.
    pub fn new(providers: Providers, embedded: Arc<dyn Voice>, defaults: Defaults) -> Self {
        Self {
            providers,
            embedded,
            defaults,
        }
    }

    /// The operator's defaults.
    pub fn defaults(&self) -> &Defaults {
        &self.defaults
    }

    /// Whether a usual call asks nothing of the embedded speech: it hears, judges turns and speaks elsewhere.
    pub fn is_elsewhere(&self) -> bool {
        let recogniser = self.defaults.recogniser.as_ref();
        let judges = recogniser
            .is_some_and(|chosen| chosen.vendor.judges_turns || chosen.turns == Some(Turns::Cloud));
        judges && self.defaults.voice.is_some()
    }

    /// Whether there is anybody to think for this agent.
    pub fn can_think_for(&self, agent: &Agent) -> bool {
        match agent.mind {
            MindSpec::Flow(_) => true,
            MindSpec::Prompt { .. } => {
                agent.model.provider.is_some() || self.defaults.chat.is_some()
            }
        }
    }

    /// What a call of this agent is held with. Connections begin to be made.
    ///
    /// # Errors
    /// [`NoStack`].
    pub async fn for_call(
        &self,
        desk: &Desk,
        keys: Option<&ClientKeys>,
        agent: &Agent,
    ) -> Result<Stack, NoStack> {
        let own = async |id: &Option<String>, kind| match id {
            Some(id) => own(desk, keys, agent, id, kind).await.map(Some),
            None => Ok(None),
        };
        let recogniser = own(&agent.recogniser.provider, Kind::Recogniser).await?;
        let voice = own(&agent.voice.provider, Kind::Voice).await?;
        let model = own(&agent.model.provider, Kind::Model).await?;
        Ok(Stack {
            hearing: self.hearing(agent, recogniser.as_ref())?,
            voice: self.voice_of(agent, voice.as_ref())?,
            chat: self.chat(agent, model.as_ref())?,
        })
    }

    /// The voice of an agent that has no provider of its own, for sentences that are made ahead of every call.
    pub fn usual_voice(&self, agent: &Agent) -> Option<Arc<dyn Voice>> {
        match agent.voice.provider {
            Some(_) => None,
            None => self.voice_of(agent, None).ok(),
        }
    }

    fn hearing(&self, agent: &Agent, own: Option<&Chosen>) -> Result<Hearing, NoStack> {
        let Some(chosen) = own.or(self.defaults.recogniser.as_ref()) else {
            return Ok(Hearing::Embedded);
        };
        let spec = &agent.recogniser;
        let turns = spec.turns.map(Turns::from).or(chosen.turns);
        let turns = match chosen.vendor.judges_turns {
            true => Turns::Cloud,
            false => turns.unwrap_or_default(),
        };
        let settings = SttSettings {
            model: spec.model.clone().unwrap_or_else(|| chosen.model.clone()),
            language: agent.language.clone(),
            key_terms: spec.key_terms.clone(),
            endpointing_ms: (turns == Turns::Cloud)
                .then(|| spec.endpointing_ms.unwrap_or(ENDPOINTING_MS)),
        };
        let hears = self
            .providers
            .hears(chosen.vendor, &chosen.account, &settings)?;
        Ok(match hears {
            Hears::Stream(recogniser) => Hearing::Streaming {
                recogniser: Arc::new(recogniser) as Arc<dyn Recogniser>,
                turns,
            },
            Hears::Clips(transcriber) => Hearing::ByUtterance(Arc::new(transcriber)),
        })
    }

    fn voice_of(&self, agent: &Agent, own: Option<&Chosen>) -> Result<Arc<dyn Voice>, NoStack> {
        let Some(chosen) = own.or(self.defaults.voice.as_ref()) else {
            return Ok(agent.pronunciations.voice(&self.embedded));
        };
        let spec = &agent.voice;
        let settings = TtsSettings {
            model: spec.model.clone().unwrap_or_else(|| chosen.model.clone()),
            voice: spec.id.clone().unwrap_or_else(|| chosen.voice.clone()),
            language: agent.language.clone(),
            speed: agent.speed,
        };
        let voices = self
            .providers
            .speaks(chosen.vendor, &chosen.account, &settings)?;
        let voice: Arc<dyn Voice> = Arc::new(voices.open(agent.speed));
        Ok(agent.pronunciations.voice(&voice))
    }

    fn chat(
        &self,
        agent: &Agent,
        own: Option<&Chosen>,
    ) -> Result<Option<(reqwest::Client, Arc<ChatSettings>)>, NoStack> {
        if let MindSpec::Flow(_) = agent.mind {
            return Ok(None);
        }
        let (whose, usual) = match own {
            Some(chosen) => (Whose::Client, self.chat_of(&agent.model, chosen)?),
            None => {
                let usual = self.defaults.chat.clone().ok_or_else(|| NoStack::NoModel {
                    agent: agent.id.clone(),
                })?;
                (Whose::Operator, usual)
            }
        };
        let http = self.providers.egress().http(whose, &usual.base_url)?;
        Ok(Some((http, Arc::new(agent.model.over(&usual)))))
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
            | Does::SpeaksPost(_) => Dialect::OpenAi,
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
