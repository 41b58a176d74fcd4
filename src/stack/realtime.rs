//! A model that hears, thinks and speaks, and who stands behind it: the agent's recogniser, model and voice, with those behind
//! them.

use std::sync::Arc;

use trunkline_core::wire::realtime::RealtimeSettings;

use super::{Behind, Chosen, ENDPOINTING_MS, NoStack, Stacks, own};
use crate::agent::Agent;
use crate::desk::Desk;
use crate::provider::{Hearing, Recogniser, Turns};
use crate::providers::{self, Kind, Speaker, StreamingRecogniser};
use crate::think::end_call;
use crate::vault::ClientKeys;

/// A model that hears, thinks and speaks, as somebody has set it up.
#[derive(Clone)]
pub struct RealtimeChosen {
    /// Who, and by which model and voice.
    pub chosen: Chosen,
    /// The vendor's name for the model that writes down what the caller says.
    pub transcriber: String,
}

impl Stacks {
    /// The model that hears and speaks in a call of this agent, if it asks for one.
    pub(super) async fn speaker(
        &self,
        desk: &Desk,
        keys: Option<&ClientKeys>,
        agent: &Agent,
    ) -> Result<Option<Speaker>, NoStack> {
        let Some(spec) = &agent.realtime else {
            return Ok(None);
        };
        let mut realtime = match (&spec.provider, &self.defaults.realtime) {
            (Some(id), _) => {
                // A client's account is a model's: the address and the key are the same.
                let account = own(desk, keys, agent, id, Kind::Model).await?;
                let vendor = providers::find(account.vendor.name, Kind::Realtime);
                let vendor = vendor.ok_or_else(|| NoStack::NoProvider {
                    agent: agent.id.clone(),
                    id: id.clone(),
                    kind: Kind::Realtime.code(),
                })?;
                RealtimeChosen {
                    chosen: Chosen {
                        vendor,
                        model: String::new(),
                        voice: String::new(),
                        ..account
                    },
                    transcriber: String::new(),
                }
            }
            (None, Some(usual)) => usual.clone(),
            (None, None) => {
                return Err(NoStack::NoRealtime {
                    agent: agent.id.clone(),
                });
            }
        };
        let chosen = &mut realtime.chosen;
        for (place, own) in [
            (&mut chosen.model, &spec.model),
            (&mut chosen.voice, &spec.voice),
            (&mut realtime.transcriber, &spec.transcriber),
        ] {
            if let Some(own) = own {
                place.clone_from(own);
            }
        }
        let settings = RealtimeSettings {
            model: realtime.chosen.model.clone(),
            voice: realtime.chosen.voice.clone(),
            transcriber: realtime.transcriber,
            language: agent.language.clone(),
            silence_ms: agent.recogniser.endpointing_ms.unwrap_or(ENDPOINTING_MS),
            tools: end_call().into_iter().collect(),
            ..RealtimeSettings::default()
        };
        let Chosen {
            vendor, account, ..
        } = &realtime.chosen;
        let speaker = self.providers.converses(vendor, account, settings)?;
        Ok(Some(speaker))
    }

    /// Who hears in a call of a model that hears and speaks. `own` and `behind` are those of the agent's recogniser.
    pub(super) fn hearing_by(
        &self,
        agent: &Agent,
        first: StreamingRecogniser,
        own: Option<&Chosen>,
        behind: &[Behind],
    ) -> Hearing {
        let usual = own.or(self.defaults.recogniser.as_ref());
        let asked = agent.recogniser.turns.map(Turns::from);
        let turns = asked.or(usual.and_then(|chosen| chosen.turns));
        let turns = turns.unwrap_or_default();
        let ordinary = match usual {
            Some(chosen) => {
                let mut chosen = chosen.clone();
                if let Some(model) = &agent.recogniser.model {
                    chosen.model.clone_from(model);
                }
                Behind::Chosen(chosen)
            }
            None => Behind::Embedded,
        };
        let all: Vec<Behind> = std::iter::once(ordinary)
            .chain(behind.iter().cloned())
            .collect();
        let others = self.hear_behind(agent, &all, turns);
        Hearing::Streaming {
            recogniser: Arc::new(first.followed_by(others)) as Arc<dyn Recogniser>,
            turns,
        }
    }
}
