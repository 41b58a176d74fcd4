//! The tools that are about one call: its agent's documents, what becomes of it, the people it is put through to, and the other
//! agents that may go on with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use futures_util::FutureExt as _;
use trunkline_core::call::{NextAgent, Settings};
use trunkline_core::consent::Mode;
use trunkline_core::phone::PhoneNumber;
use trunkline_core::token::{Claims, Direction};

use super::{App, in_language};
use crate::agent::{Agent, MindSpec};
use crate::callbacks::{self, Asker};
use crate::metering::Meter;
use crate::reception::{Which, person};
use crate::session::Successor;
use crate::think::{ChatMind, Mind};
use crate::tools::{self, CallFacts, HandOver, Tool, Toolbox, Used};
use crate::transfer::{Caller, Tries};
use crate::vault::ClientKeys;

/// So often a call is handed over.
const HANDED_MAX: u8 = 5;

/// A call, as far as its tools must know of it.
#[derive(Clone)]
pub(super) struct OfCall {
    pub(super) claims: Claims,
    pub(super) keys: Option<ClientKeys>,
    /// Who speaks.
    pub(super) agent: Arc<Agent>,
    /// The rule by which it may be stored.
    pub(super) mode: Mode,
    /// Our id of it.
    pub(super) call_id: String,
    /// The carrier's, where that is known.
    pub(super) leg: Option<String>,
    /// What it brought for the variables of whoever speaks.
    pub(super) variables: BTreeMap<String, String>,
    /// So often it was handed over.
    pub(super) handed: Arc<AtomicU8>,
    /// What its transfers have in common.
    pub(super) tries: Arc<Tries>,
    /// What it uses of whom.
    pub(super) meter: Meter,
}

impl App {
    /// Everything that the agent of a call may use, with the tools that its stack has.
    pub(super) fn toolbox(self: &Arc<Self>, of: &OfCall, stack: Vec<Tool>) -> Toolbox {
        let of_call = self.tools_of_call(of);
        let mut tools: Vec<Tool> = stack.into_iter().chain(of_call).collect();
        if let Some(stand_ins) = self.stand_ins.get() {
            tools = stand_ins.put_into(tools, &of.agent.tools);
        }
        Toolbox::new(tools, facts(of))
    }

    fn tools_of_call(self: &Arc<Self>, of: &OfCall) -> Vec<Tool> {
        let (agent, Some(keys)) = (&of.agent, &of.keys) else {
            return Vec::new();
        };
        let has_prompt = matches!(agent.mind, MindSpec::Prompt { .. });
        let mut all = Vec::new();
        if !agent.knowledge.is_empty() && has_prompt {
            self.knowledge.open_ahead(keys.id(), &agent.knowledge);
            let (knowledge, documents) = (Arc::clone(&self.knowledge), agent.knowledge.clone());
            all.extend(tools::look_up(knowledge, keys.id().clone(), documents));
        }
        if agent
            .tools
            .iter()
            .any(|name| name == tools::SET_DISPOSITION)
        {
            let (desk, call_id) = (Arc::clone(&self.desk), of.call_id.clone());
            all.extend(tools::set_disposition(desk, keys.clone(), call_id, agent));
        }
        if agent
            .tools
            .iter()
            .any(|name| name == tools::SCHEDULE_CALLBACK)
        {
            all.extend(self.callback_tool(of, keys));
        }
        if has_prompt {
            all.extend(self.transfer_tool(of, keys));
            all.extend(tools::hand_off(&agent.hand_off, self.hand_over(of)));
        }
        all
    }

    /// Puts the caller through to the agent's people, if there are any and the call is a carrier's.
    fn transfer_tool(self: &Arc<Self>, of: &OfCall, keys: &ClientKeys) -> Option<Tool> {
        let (agent, claims) = (&of.agent, &of.claims);
        if agent.transfers.targets.is_empty() {
            return None;
        }
        if let Some(stand_ins) = self.stand_ins.get() {
            return tools::transfer(&agent.transfers, stand_ins.put_through(agent));
        }
        let own = own(claims).cloned();
        let (Some(own), Some(carrier_id), Some(leg)) = (own, &claims.carrier, &of.leg) else {
            tracing::warn!(agent = %agent.id, "a call that no carrier brings is put through to nobody");
            return None;
        };
        let caller = Caller {
            app: Arc::clone(self),
            keys: keys.clone(),
            carrier_id: carrier_id.clone(),
            call_id: of.call_id.clone(),
            leg: leg.clone(),
            own,
            agent: Arc::clone(agent),
            tries: Arc::clone(&of.tries),
        };
        tools::transfer(&agent.transfers, caller.put_through())
    }

    /// Has the caller called back, by the agent and from the number of this call.
    fn callback_tool(self: &Arc<Self>, of: &OfCall, keys: &ClientKeys) -> Option<Tool> {
        let asker = Asker {
            keys: keys.clone(),
            agent: Arc::clone(&of.agent),
            call_id: of.call_id.clone(),
            person: person(&of.claims).cloned(),
            own: own(&of.claims).cloned(),
            is_ours: of.claims.direction == Direction::Outbound,
            variables: of.variables.clone(),
        };
        callbacks::tool(self, asker)
    }

    /// Has one of the agents ready that this one names.
    fn hand_over(self: &Arc<Self>, of: &OfCall) -> HandOver {
        let (app, of) = (Arc::clone(self), of.clone());
        Arc::new(move |arguments| {
            let (app, of) = (Arc::clone(&app), of.clone());
            async move {
                let name = arguments["agent"].as_str().unwrap_or_default();
                let named = of.agent.hand_off.iter().find(|one| one.name == name);
                let named = named.ok_or_else(|| Used::refused("there is no such colleague"))?;
                if of.handed.load(Ordering::Relaxed) >= HANDED_MAX {
                    return Err(Used::refused(
                        "the caller has been handed over too often; go on yourself",
                    ));
                }
                let successor = app.successor(&of, &named.agent).await?;
                of.handed.fetch_add(1, Ordering::Relaxed);
                Ok(Box::new(successor))
            }
            .boxed()
        })
    }

    /// Another agent with everything that it needs to go on with a call; one of the same client's, or of the operator's.
    async fn successor(self: &Arc<Self>, of: &OfCall, id: &str) -> Result<Successor, Used> {
        let absent = |why: &dyn std::fmt::Display| {
            tracing::warn!(agent = %of.agent.id, %why, "a call is not handed over");
            Used::failed("that colleague cannot take calls now; go on yourself")
        };
        let keys = of.keys.as_ref().ok_or_else(|| absent(&"no client"))?;
        let which = Which::Shared {
            person: person(&of.claims),
            call_id: &of.call_id,
        };
        let agent = self.reception.agent(&self.desk, keys, id, which).await;
        let agent = agent.map_err(|turned| absent(&turned))?;
        let MindSpec::Prompt { prompt, .. } = &agent.mind else {
            return Err(absent(&"it has no prompt"));
        };
        if agent.realtime.is_some() {
            return Err(absent(&"it has a model that hears and speaks"));
        }
        let direction = of.claims.direction;
        let variables = agent.declared(&of.variables);
        let vars = agent.ready(direction, &variables);
        let vars = vars.map_err(|error| absent(&error))?;
        let stack = self.stacks.for_call(&self.desk, Some(keys), &agent, None);
        let stack = stack.await.map_err(|error| absent(&error))?;
        let models = stack
            .models
            .ok_or_else(|| absent(&"nobody thinks for it"))?;
        let next = OfCall {
            agent: Arc::clone(&agent),
            variables: of.variables.clone(),
            ..of.clone()
        };
        let toolbox = self.toolbox(&next, stack.tools);
        let settings = agent.settings_with(direction, of.mode, &vars);
        let settings = Arc::new(Settings {
            tools: toolbox.settings(),
            ..Settings::clone(&settings)
        });
        let prompt = in_language(prompt.fill(&vars), &agent);
        let mind = ChatMind::new(models, &prompt, None, toolbox.specs());
        let mind = mind.metered(of.meter.clone());
        Ok(Successor {
            next: NextAgent {
                agent: agent.id.as_str().into(),
                version: agent.version,
                settings,
            },
            mind: Mind::Chat(mind),
            voices: stack.voices,
            speed: agent.speed,
            tools: Some(Arc::new(toolbox)).filter(|toolbox| !toolbox.is_empty()),
        })
    }
}

/// The client's number in a call.
fn own(claims: &Claims) -> Option<&PhoneNumber> {
    match claims.direction {
        Direction::Inbound => claims.to.as_ref(),
        Direction::Outbound => claims.from.as_ref(),
    }
}

/// What the owner of a tool is told of a call.
fn facts(of: &OfCall) -> CallFacts {
    let number = |number: &Option<PhoneNumber>| number.as_ref().map(|n| n.as_str().to_owned());
    let claims = &of.claims;
    CallFacts {
        id: of.call_id.clone(),
        agent: of.agent.id.clone(),
        agent_version: of.agent.version,
        direction: match claims.direction {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
        },
        from: number(&claims.from),
        to: number(&claims.to),
    }
}
