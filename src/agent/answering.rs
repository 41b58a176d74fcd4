//! The message that an agent leaves with a machine: who calls and that it is an AI, what is to be said, and how to be
//! called no more.

use std::sync::Arc;

use trunkline_core::call::Settings;
use trunkline_core::clause::Clauses;
use trunkline_core::flow::Vars;
use trunkline_core::language::fill;

use super::opening::{opening, opt_out_line};
use super::prompt::Template;
use super::spec::{AgentSpec, CallDirection};

/// What is said to machines, but for the values of one call.
#[derive(Clone, Debug)]
pub(super) struct Message {
    before: Vec<Arc<str>>,
    text: Template,
    after: Option<Arc<str>>,
}

impl Message {
    /// That of a document which is known to be right; `None` if it leaves none.
    pub(super) fn of(spec: &AgentSpec) -> Option<Self> {
        let answering = &spec.answering;
        let text = answering.message.as_deref();
        let text = text.filter(|_| answering.leaves_message())?;
        let mut before = opening(spec, CallDirection::Outbound);
        let opening_says_it = opt_out_line(spec).is_some();
        if opening_says_it {
            // What it says to do, nobody can who hears a recording of it.
            before.pop();
        }
        let own = answering.opt_out_line.as_deref();
        let texts = spec.tongue().opening();
        Some(Self {
            before,
            text: Template::parse(text).ok()?,
            after: opening_says_it.then(|| match own {
                Some(own) => own.into(),
                None => fill(&texts.call_back, &[("say", texts.say.as_str())]).into(),
            }),
        })
    }

    /// The settings of one call, with its message.
    pub(super) fn put_into(&self, settings: &Settings, vars: &Vars) -> Settings {
        let mut settings = settings.clone();
        let (mut clauses, mut cut) = (Vec::new(), Clauses::new());
        cut.push(&self.text.fill(vars), &mut clauses);
        cut.finish(&mut clauses);
        let own = clauses.into_iter().map(Arc::from);
        settings.answering.message = self.before.iter().cloned().chain(own).collect();
        settings.answering.message.extend(self.after.clone());
        settings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL_BACK: &str =
        "For no more calls from us, call this number back and say: don't call me again.";

    use crate::agent::{Agent, no_files};
    use serde_json::{Value, json};
    use std::collections::BTreeMap;
    use trunkline_core::call::OnMachine;
    use trunkline_core::consent::Mode;

    fn agent(answering: Value, opening: Value) -> Agent {
        let spec = json!({
            "name": "Robin", "business": "Oak", "prompt": "x", "opening": opening, "answering": answering,
            "variables": { "day": { "type": "text", "default": "Monday" } },
        });
        let spec: AgentSpec = serde_json::from_value(spec).unwrap();
        Agent::compile("a", 0, &spec, &no_files).unwrap()
    }

    fn message(agent: &Agent, direction: CallDirection, day: &str) -> Vec<String> {
        let given = BTreeMap::from([("day".to_owned(), day.to_owned())]);
        let vars = agent.ready(direction, &given).unwrap();
        let settings = agent.settings_with(direction, Mode::NoRecord, &vars);
        let message = settings.answering.message.iter();
        message.map(ToString::to_string).collect()
    }

    #[test]
    fn a_message_says_who_calls_what_for_and_how_to_be_called_no_more() {
        let answering = json!({
            "detect": "own", "on_machine": "leave_message", "message": "See you on {{day}}. Please call us back.",
        });
        let one = agent(answering.clone(), json!({ "purpose": "your visit" }));
        assert_eq!(
            message(&one, CallDirection::Outbound, "Friday"),
            [
                "Hello, this is Robin, the AI assistant of Oak, calling about your visit.",
                "See you on Friday.",
                "Please call us back.",
                CALL_BACK,
            ]
        );
        assert_eq!(message(&one, CallDirection::Inbound, "Friday"), [""; 0]);
        let plan = &one
            .settings_for(CallDirection::Outbound, Mode::NoRecord)
            .answering;
        assert_eq!(plan.on_machine, OnMachine::LeaveMessage);
        let inbound = one.settings_for(CallDirection::Inbound, Mode::NoRecord);
        assert!(
            inbound.answering.witness.is_none(),
            "only calls of its own are answered by machines"
        );

        let own_words = json!({ "texts": ["An AI of Oak speaks."], "opt_out_line": "" });
        let two = agent(answering.clone(), own_words);
        assert_eq!(
            message(&two, CallDirection::Outbound, "May"),
            [
                "An AI of Oak speaks.",
                "See you on May.",
                "Please call us back."
            ]
        );
        let mut with_line = answering;
        with_line["opt_out_line"] = json!("Call 555 for no more calls.");
        let three = agent(with_line, json!({}));
        let said = message(&three, CallDirection::Outbound, "May");
        assert_eq!(said.last().unwrap(), "Call 555 for no more calls.");
    }

    #[test]
    fn values_do_not_become_templates() {
        let answering =
            json!({ "detect": "both", "on_machine": "leave_message", "message": "For {{day}}." });
        let said = message(
            &agent(answering, json!({})),
            CallDirection::Outbound,
            "{{day}}",
        );
        assert!(said.contains(&"For {{day}}.".to_owned()), "{said:?}");
    }
}
