//! What stands in for the tools of an agent: nothing leaves the machine that the scenario does not want to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use serde_json::{Value, json};
use trunkline_core::call::{ToolSettings, TransferKind};

use super::people::People;
use super::scenario::{Mode, Scenario, ToolAnswer};
use crate::agent::Agent;
use crate::schema::Schema;
use crate::tools::{BUILT_IN, Does, PutThrough, Tool, Used};

/// Told of a tool for which the scenario has no answer.
const NO_ANSWER: &str = "this is a test, and the scenario has no answer for this tool";

/// Puts what a scenario says in place of an agent's tools.
pub struct StandIns {
    answers: BTreeMap<String, ToolAnswer>,
    takes_time: bool,
    people: People,
}

impl StandIns {
    pub(super) fn of(scenario: &Scenario) -> Self {
        Self {
            answers: scenario.tools.clone(),
            // Without sound it is the rehearsal's clock that waits for a tool.
            takes_time: scenario.mode == Mode::Audio,
            people: People::of(&scenario.people),
        }
    }

    /// The people of an agent, as the scenario has them.
    pub fn put_through(&self, agent: &Arc<Agent>) -> PutThrough {
        self.people.put_through(agent, self.takes_time)
    }

    /// The tools of an agent, which names these, as the scenario has them: those of others are done here, unless they are to
    /// be live.
    pub fn put_into(&self, tools: Vec<Tool>, named: &[String]) -> Vec<Tool> {
        let mut all: Vec<Tool> = tools.into_iter().map(|tool| self.stand_in(tool)).collect();
        for (name, answer) in &self.answers {
            let is_there = all.iter().any(|tool| *tool.name == **name);
            let is_agents = named.contains(name) && !BUILT_IN.contains(&name.as_str());
            if !is_there
                && is_agents
                && let Some(tool) = self.made(name, answer)
            {
                all.push(tool);
            }
        }
        all
    }

    fn stand_in(&self, tool: Tool) -> Tool {
        let answer = self.answers.get(&*tool.name);
        let is_outside = matches!(tool.does, Does::Http(_) | Does::Mcp(_));
        match answer {
            Some(answer) if answer.live => tool,
            Some(answer) => Tool {
                does: self.does(answer),
                ..tool
            },
            None if is_outside => Tool {
                does: Does::Here(Arc::new(|_: Value| {
                    std::future::ready(Used::failed(NO_ANSWER)).boxed()
                })),
                ..tool
            },
            None => tool,
        }
    }

    /// A tool that the configuration does not have.
    fn made(&self, name: &str, answer: &ToolAnswer) -> Option<Tool> {
        let any = json!({ "type": "object" });
        Some(Tool {
            name: name.into(),
            description: answer
                .description
                .clone()
                .unwrap_or_else(|| name.to_owned()),
            arguments: Schema::parse(answer.arguments.as_ref().unwrap_or(&any)).ok()?,
            settings: ToolSettings::default(),
            does: self.does(answer),
        })
    }

    fn does(&self, answer: &ToolAnswer) -> Does {
        let used = match (&answer.fails, &answer.answer) {
            (Some(why), _) => Used::failed(why),
            (None, Some(Value::String(words))) => Used::done(words),
            (None, Some(value)) => Used::done(&value.to_string()),
            (None, None) => Used::done("{}"),
        };
        let wait = Duration::from_millis(if self.takes_time { answer.after_ms } else { 0 });
        Does::Here(Arc::new(move |_: Value| {
            let used = used.clone();
            async move {
                if !wait.is_zero() {
                    tokio::time::sleep(wait).await;
                }
                used
            }
            .boxed()
        }))
    }
}

/// What is wrong with the tools and the people of a scenario for these agents, the first of which answers the call.
///
/// # Errors
/// Says which.
pub(super) fn fit(scenario: &Scenario, agents: &[Arc<Agent>]) -> Result<(), String> {
    let Some(agent) = agents.first() else {
        return Ok(());
    };
    let has = |names: Vec<&str>| match names.is_empty() {
        true => "it has none".to_owned(),
        false => format!("it has {}", names.join(", ")),
    };
    for (name, callee) in &scenario.people {
        if agents
            .iter()
            .all(|agent| agent.transfers.find(name).is_none())
        {
            let targets = agent.transfers.targets.iter();
            let has = has(targets.map(|target| target.name.as_str()).collect());
            return Err(format!(
                "the agent {} puts nobody through to {name:?}; {has}",
                agent.id
            ));
        }
        let mut targets = agents.iter().filter_map(|agent| agent.transfers.find(name));
        if !callee.does.may_be_of_cold() && targets.any(|target| target.kind == TransferKind::Cold)
        {
            return Err(format!(
                "{name:?} is sent the caller at once (`kind = \"cold\"`): whoever answers has them, so they can only be `accepts`, `no_answer`, \
                 `busy` or `unreachable`"
            ));
        }
    }
    for (name, answer) in &scenario.tools {
        if !agents.iter().any(|agent| agent.tools.contains(name)) {
            let has = has(agent.tools.iter().map(String::as_str).collect());
            return Err(format!(
                "the agent {} has no tool {name:?}; {has}",
                agent.id
            ));
        }
        if let Some(Err(problem)) = answer.arguments.as_ref().map(Schema::parse) {
            return Err(format!("`arguments` of the tool {name:?}: {problem}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use trunkline_core::call::{Outcome, UseId};

    use super::*;
    use crate::tools::{CallFacts, Toolbox, opt_out};

    fn stand_ins(answers: &str) -> StandIns {
        StandIns {
            answers: serde_saphyr::from_str(answers).unwrap(),
            takes_time: false,
            people: People::default(),
        }
    }

    #[tokio::test]
    async fn a_canned_answer_is_given_to_arguments_that_fit() {
        let stand_ins = stand_ins(
            "book: {answer: {id: 7}, arguments: {type: object, required: [day]}}\nfind: {fails: no such visit}",
        );
        let named = ["book", "find", "opt_out"].map(str::to_owned);
        let tools = stand_ins.put_into(vec![opt_out().unwrap()], &named);
        let names: Vec<&str> = tools.iter().map(|tool| &*tool.name).collect();
        assert_eq!(names, ["opt_out", "book", "find"]);
        let toolbox = Toolbox::new(tools.clone(), CallFacts::default());
        let booked = toolbox
            .begin(UseId(1), "book", "{\"day\":\"monday\"}")
            .work
            .await;
        assert_eq!(
            (booked.outcome, &*booked.result),
            (Outcome::Done, "{\"id\":7}")
        );
        let wrong = toolbox.begin(UseId(2), "book", "{}").work.await;
        assert_eq!(wrong.outcome, Outcome::Refused);
        let failed = toolbox.begin(UseId(3), "find", "{}").work.await;
        assert_eq!(failed.outcome, Outcome::Failed);
        assert!(failed.result.contains("no such visit"));
    }
}
