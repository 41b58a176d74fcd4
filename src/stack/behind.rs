//! Who stands behind whom: the others that may hear, speak and think in a call.
//!
//! An agent's own list comes first. Without one, the operator's stand behind the operator's; nobody stands behind a provider
//! of a client's that its agent did not name, since no client's calls go to whom they have not chosen. One that cannot be
//! had is left out: a call that can be held is held.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use trunkline_core::language::Language;
use trunkline_core::wire::tts::TtsSettings;

use super::{Chosen, NoStack, Stacks, own};
use crate::agent::{Agent, EMBEDDED, MindSpec, ModelSpec, OPERATORS};
use crate::desk::Desk;
use crate::egress::Whose;
use crate::provider::{Ears, Hear, StageError, Transcriber, Turns, Voice, Words};
use crate::providers::{
    Circuit, CloudVoices, Does, Hears, Identity, Kind, StreamingRecogniser, Vendor,
};
use crate::succession::{Member, Succession};
use crate::think::{ChatSettings, Dialect, FIRST_TOKEN_MS, Model};
use crate::vault::ClientKeys;

/// How soon the embedded recogniser is wanted to answer.
const WANTED_IN: Duration = Duration::from_millis(250);

/// One that takes over from a recogniser or a voice.
#[derive(Clone)]
pub enum Behind {
    /// A provider.
    Chosen(Chosen),
    /// What is built in.
    Embedded,
}

impl Behind {
    /// Why it cannot take over from a recogniser in calls of which this one says when turns are over.
    pub fn unfit(&self, turns: Turns) -> Option<&'static str> {
        let does = match self {
            Self::Chosen(chosen) => Some((chosen.vendor.does, chosen.vendor.judges_turns)),
            Self::Embedded => None,
        };
        match (turns, does) {
            (Turns::Own, Some((_, true))) => Some(
                "it always says itself when a turn is over; name another, or let the first one say it too",
            ),
            (Turns::Cloud, None | Some((Does::HearsClips, _))) => Some(
                "it cannot say when a turn is over; name one that listens all the time, or set `turns` to own",
            ),
            (Turns::Own | Turns::Cloud, _) => None,
        }
    }
}

/// A language model, by whose it is.
#[derive(Clone)]
pub(super) enum Thinks {
    Own(Chosen),
    Operators(ChatSettings),
}

/// Everybody behind the first ones of a call.
#[derive(Default)]
pub(super) struct AllBehind {
    pub(super) recognisers: Vec<Behind>,
    pub(super) voices: Vec<Behind>,
    pub(super) models: Vec<Thinks>,
}

/// Finds providers of an agent's client.
struct Finding<'a> {
    desk: &'a Desk,
    keys: Option<&'a ClientKeys>,
    agent: &'a Agent,
}

impl Finding<'_> {
    /// One of the client's own; what is not chosen of it here is as its settings say.
    async fn own(
        &self,
        id: &str,
        kind: Kind,
        model: &Option<String>,
        voice: &Option<String>,
    ) -> Option<Chosen> {
        let found = own(self.desk, self.keys, self.agent, id, kind).await;
        let mut chosen = passed_over(self.agent, kind, found)?;
        put(&mut chosen.model, model);
        put(&mut chosen.voice, voice);
        Some(chosen)
    }

    async fn speech(
        &self,
        id: &str,
        usual: Option<&Chosen>,
        kind: Kind,
        model: &Option<String>,
        voice: &Option<String>,
    ) -> Option<Behind> {
        let mut chosen = match (id, usual) {
            (EMBEDDED, _) | (OPERATORS, None) => return Some(Behind::Embedded),
            (OPERATORS, Some(usual)) => usual.clone(),
            _ => return self.own(id, kind, model, voice).await.map(Behind::Chosen),
        };
        put(&mut chosen.model, model);
        put(&mut chosen.voice, voice);
        Some(Behind::Chosen(chosen))
    }
}

fn put(place: &mut String, chosen: &Option<String>) {
    if let Some(chosen) = chosen {
        place.clone_from(chosen);
    }
}

/// One that cannot be had is told of and left out.
fn passed_over<T, E: std::fmt::Display>(agent: &Agent, kind: Kind, had: Result<T, E>) -> Option<T> {
    let told = |error: &E| {
        let kind = kind.code();
        tracing::warn!(agent = %agent.id, kind, %error, "a fallback is left out of this call");
    };
    had.inspect_err(told).ok()
}

impl Stacks {
    /// Who stands behind the first ones of a call of this agent.
    pub(super) async fn behind(
        &self,
        desk: &Desk,
        keys: Option<&ClientKeys>,
        agent: &Agent,
    ) -> AllBehind {
        let finding = Finding { desk, keys, agent };
        let (defaults, mut all) = (&self.defaults, AllBehind::default());
        let spec = &agent.recogniser;
        let (usual, kind) = (defaults.recogniser.as_ref(), Kind::Recogniser);
        match &spec.fallbacks {
            Some(list) => {
                for next in list {
                    let (id, model) = (&next.provider, &next.model);
                    let found = finding.speech(id, usual, kind, model, &None).await;
                    all.recognisers.extend(found);
                }
            }
            None if spec.provider.is_none() => {
                all.recognisers.clone_from(&defaults.recogniser_behind)
            }
            None => {}
        }
        let spec = &agent.voice;
        let (usual, kind) = (defaults.voice.as_ref(), Kind::Voice);
        match &spec.fallbacks {
            Some(list) => {
                for next in list {
                    let (id, model) = (&next.provider, &next.model);
                    let found = finding.speech(id, usual, kind, model, &next.id).await;
                    all.voices.extend(found);
                }
            }
            None if spec.provider.is_none() => all.voices.clone_from(&defaults.voice_behind),
            None => {}
        }
        if let MindSpec::Prompt { .. } = agent.mind {
            all.models = self.models_behind(&finding).await;
        }
        all
    }

    async fn models_behind(&self, finding: &Finding<'_>) -> Vec<Thinks> {
        let (spec, usual) = (&finding.agent.model, &self.defaults.chat);
        let mut models = Vec::new();
        match &spec.fallbacks {
            Some(list) => {
                for next in list {
                    models.extend(match (next.provider.as_str(), usual) {
                        (OPERATORS, Some(usual)) => {
                            let mut chat = usual.clone();
                            put(&mut chat.model, &next.name);
                            Some(Thinks::Operators(chat))
                        }
                        (OPERATORS, None) => None,
                        (id, _) => {
                            let found = finding.own(id, Kind::Model, &next.name, &None).await;
                            found.map(Thinks::Own)
                        }
                    });
                }
            }
            None if spec.provider.is_none() => {
                let behind = self.defaults.chat_behind.iter().cloned();
                models.extend(behind.map(Thinks::Operators));
            }
            None => {}
        }
        models
    }

    /// The recognisers that take over, as far as they can.
    pub(super) fn hear_behind(
        &self,
        agent: &Agent,
        behind: &[Behind],
        turns: Turns,
    ) -> Vec<StreamingRecogniser> {
        let one = |next: &Behind| {
            if let Some(problem) = next.unfit(turns) {
                return passed_over(agent, Kind::Recogniser, Err(problem));
            }
            let chosen = match next {
                Behind::Chosen(chosen) => chosen,
                // What is built in hears English.
                Behind::Embedded if agent.tongue() != Language::English => return None,
                Behind::Embedded => {
                    let ears = Arc::new(ByEars(Arc::clone(&self.ears)));
                    let circuit = Circuit::default();
                    return Some(StreamingRecogniser::by_utterance(EMBEDDED, ears, circuit));
                }
            };
            let hears = self.hears(agent, chosen, &chosen.model, turns);
            let hears = passed_over(agent, Kind::Recogniser, hears)?;
            Some(listening(chosen.vendor, hears))
        };
        behind.iter().filter_map(one).collect()
    }

    /// Who speaks in a call. The one that begins also begins to connect.
    pub(super) fn voices(
        &self,
        agent: &Agent,
        own: Option<&Chosen>,
        behind: &[Behind],
    ) -> Result<Succession<Arc<dyn Voice>>, NoStack> {
        let first = match own.or(self.defaults.voice.as_ref()) {
            None => spoken_by(None),
            Some(chosen) => {
                let spec = &agent.voice;
                let model = spec.model.as_ref().unwrap_or(&chosen.model);
                let voice = spec.id.as_ref().unwrap_or(&chosen.voice);
                spoken_by(Some((
                    chosen.vendor,
                    self.speaks(agent, chosen, model, voice)?,
                )))
            }
        };
        let others = behind.iter().filter_map(|next| match next {
            // What is built in speaks English.
            Behind::Embedded if agent.tongue() != Language::English => None,
            Behind::Embedded => Some(spoken_by(None)),
            Behind::Chosen(chosen) => {
                let speaks = self.speaks(agent, chosen, &chosen.model, &chosen.voice);
                let speaks = passed_over(agent, Kind::Voice, speaks)?;
                Some(spoken_by(Some((chosen.vendor, speaks))))
            }
        });
        let mut voices = Succession::new(first, others);
        voices.begin();
        Ok(voices.map(|voices, begins| match voices {
            None => agent.pronunciations.voice(&self.embedded),
            Some(voices) => {
                let voice = if begins {
                    voices.open(agent.speed)
                } else {
                    voices.ready()
                };
                agent
                    .pronunciations
                    .voice(&(Arc::new(voice) as Arc<dyn Voice>))
            }
        }))
    }

    /// The operator's voices that take over from his own for an agent that chooses none, for sentences that are made
    /// ahead of every call.
    pub fn usual_voices_behind(&self, agent: &Agent) -> Vec<Arc<dyn Voice>> {
        let spec = &agent.voice;
        if spec.provider.is_some() || spec.fallbacks.is_some() {
            return Vec::new();
        }
        let one = |next: &Behind| match next {
            Behind::Embedded if agent.tongue() != Language::English => None,
            Behind::Embedded => Some(Arc::clone(&self.embedded)),
            Behind::Chosen(chosen) => {
                let speaks = self.speaks(agent, chosen, &chosen.model, &chosen.voice);
                let speaks = passed_over(agent, Kind::Voice, speaks)?;
                Some(Arc::new(speaks.ready()) as Arc<dyn Voice>)
            }
        };
        let voices = self.defaults.voice_behind.iter().filter_map(one);
        voices
            .map(|voice| agent.pronunciations.voice(&voice))
            .collect()
    }

    fn speaks(
        &self,
        agent: &Agent,
        chosen: &Chosen,
        model: &str,
        voice: &str,
    ) -> Result<CloudVoices, super::Unusable> {
        let settings = TtsSettings {
            model: model.to_owned(),
            voice: voice.to_owned(),
            language: agent.language.clone(),
            speed: agent.speed,
        };
        self.providers
            .speaks(chosen.vendor, &chosen.account, &settings)
    }

    /// The models that take over.
    pub(super) fn think_behind(&self, agent: &Agent, behind: &[Thinks]) -> Vec<Member<Model>> {
        // What is chosen of the first alone is its name.
        let spec = ModelSpec {
            name: None,
            ..agent.model.clone()
        };
        let one = |next| passed_over(agent, Kind::Model, self.thinks(agent, &spec, next));
        behind.iter().filter_map(one).collect()
    }

    /// A model as a call asks it, by what is chosen about it.
    pub(super) fn thinks(
        &self,
        agent: &Agent,
        spec: &ModelSpec,
        model: &Thinks,
    ) -> Result<Member<Model>, NoStack> {
        let (whose, vendor, owner, usual) = match model {
            Thinks::Own(chosen) => {
                let owner = chosen.account.owner.as_str();
                (
                    Whose::Client,
                    chosen.vendor.name,
                    owner,
                    self.chat_of(spec, chosen)?,
                )
            }
            Thinks::Operators(chat) => {
                let vendor = match chat.dialect {
                    Dialect::OpenAi => "openai_compatible",
                    Dialect::Anthropic => "anthropic",
                };
                (Whose::Operator, vendor, "", chat.clone())
            }
        };
        let settings = spec.over(&usual);
        let circuit = self.providers.circuits().of(&Identity {
            kind: Kind::Model,
            vendor,
            owner,
            base_url: &settings.base_url,
            key: settings.api_key.as_deref().unwrap_or_default(),
            model: &settings.model,
        });
        let first_token_ms = agent.model.first_token_ms.unwrap_or(FIRST_TOKEN_MS);
        Ok(Member {
            model: settings.model.as_str().into(),
            stage: Model {
                http: self.providers.egress().http(whose, &settings.base_url)?,
                settings: Arc::new(settings),
                first_token: Duration::from_millis(first_token_ms.into()),
            },
            vendor,
            circuit,
        })
    }
}

/// A recogniser as one that listens all the time.
pub(super) fn listening(vendor: &'static Vendor, hears: Hears) -> StreamingRecogniser {
    match hears {
        Hears::Stream(recogniser) => recogniser,
        Hears::Clips(transcriber) => {
            let circuit = transcriber.circuit().clone();
            StreamingRecogniser::by_utterance(vendor.name, Arc::new(transcriber), circuit)
        }
    }
}

/// A provider's voice, or what is built in.
fn spoken_by(voices: Option<(&'static Vendor, CloudVoices)>) -> Member<Option<CloudVoices>> {
    match voices {
        None => Member {
            stage: None,
            vendor: EMBEDDED,
            model: Arc::default(),
            circuit: Circuit::default(),
        },
        Some((vendor, voices)) => Member {
            vendor: vendor.name,
            model: voices.served_by().model,
            circuit: voices.circuit().clone(),
            stage: Some(voices),
        },
    }
}

/// The embedded recogniser, given whole utterances.
struct ByEars(Arc<dyn Ears>);

impl Transcriber for ByEars {
    fn transcribe(&self, audio: Vec<i16>) -> BoxFuture<'static, Result<Words, StageError>> {
        self.0.hear(audio, Hear::Final, WANTED_IN)
    }
}
