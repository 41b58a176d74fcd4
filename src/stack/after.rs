//! Who finds out about a call once it is over.

use std::sync::Arc;

use super::behind::Thinks;
use super::{NoStack, Stacks, own};
use crate::agent::{Agent, ModelSpec};
use crate::desk::Desk;
use crate::providers::Kind;
use crate::think::{ChatSettings, Dialect};
use crate::vault::ClientKeys;

/// Longest answer of an endpoint that must be told one, in tokens.
const TOKENS_USUAL: u32 = 4_096;

/// A model that is asked after a call.
pub struct Asked {
    /// The way.
    pub http: reqwest::Client,
    /// Where it is and how it is asked.
    pub settings: Arc<ChatSettings>,
    /// Who that is, as units and metrics name them.
    pub vendor: &'static str,
}

impl Stacks {
    /// Who is asked about a call of this agent once it is over: whom `after.model` names, or the agent's own model, or the
    /// operator's. Nobody takes over; it is tried again later.
    ///
    /// # Errors
    /// [`NoStack`].
    pub async fn for_after(
        &self,
        desk: &Desk,
        keys: &ClientKeys,
        agent: &Agent,
    ) -> Result<Asked, NoStack> {
        let chosen = &agent.after.model;
        let usual_name = agent
            .model
            .name
            .clone()
            .filter(|_| chosen.provider.is_none());
        let spec = ModelSpec {
            name: chosen.name.clone().or(usual_name),
            ..ModelSpec::default()
        };
        let provider = chosen.provider.as_ref().or(agent.model.provider.as_ref());
        let thinks = match provider {
            Some(id) => Thinks::Own(own(desk, Some(keys), agent, id, Kind::Model).await?),
            None => {
                Thinks::Operators(self.defaults.chat.clone().ok_or_else(|| NoStack::NoModel {
                    agent: agent.id.clone(),
                })?)
            }
        };
        let member = self.thinks(agent, &spec, &thinks)?;
        // What a reply on the line may have in tokens is too little here.
        let max_tokens = chosen.max_tokens.or(match member.stage.settings.dialect {
            Dialect::OpenAi => None,
            Dialect::Anthropic => Some(TOKENS_USUAL),
        });
        let settings = ChatSettings {
            max_tokens,
            ..(*member.stage.settings).clone()
        };
        Ok(Asked {
            http: member.stage.http,
            settings: Arc::new(settings),
            vendor: member.vendor,
        })
    }
}
