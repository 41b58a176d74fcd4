//! What every model is told besides the conversation itself: who it is, the rules of the house, what operators add, and
//! what stands for a caller who has said nothing yet.

use std::collections::VecDeque;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use trunkline_core::call::{After, Ask, Expects};

use super::Thought;

/// Said to every model, after the agent's own prompt.
const HOUSE_RULES: &str = "You are speaking on the telephone. Answer in one to three short sentences of plain speech, \
without lists, headings, symbols or emoji. Ask one question at a time. You are an AI assistant: say so if asked, and \
never claim to be a person. Your words may be cut off by the caller; what they did not hear is not in the conversation. \
When the conversation is over, say goodbye and call end_call.";
/// Stands for what the caller says when the call begins.
const OPEN: &str = "(The call begins. Greet the caller.)";
/// The same when they are silent.
const SILENCE: &str = "(The caller says nothing.)";
/// The same when something was done meanwhile.
const NEWS: &str = "(Something that was being done has ended; its result is above. Tell the caller in one sentence if it \
matters to them and you have not told them; otherwise answer with nothing at all.)";
/// The same when another agent has led the conversation so far.
const HANDED_OVER: &str = "(The caller has been handed over to you by a colleague; what they said to each other is above. Say in a \
few words who you are, do not ask again what the caller has told already, and go on with what they want.)";
/// Most pieces of context that operators may add; the oldest is left out first.
const TOLD_MAX: usize = 16;

/// What a model is told besides the conversation.
pub(super) struct Briefing {
    /// Who it is, and the rules.
    pub(super) instructions: String,
    greeting: Option<String>,
    told: VecDeque<String>,
}

impl Briefing {
    /// By the agent's prompt. The greeting, if any, is said instead of asking a model to open.
    pub(super) fn new(prompt: &str, greeting: Option<String>) -> Self {
        Self {
            instructions: format!("{prompt}\n\n{HOUSE_RULES}"),
            greeting,
            told: VecDeque::new(),
        }
    }

    /// One more rule of the house.
    pub(super) fn add_rule(&mut self, rule: &str) {
        self.instructions.push(' ');
        self.instructions.push_str(rule);
    }

    /// An operator adds something.
    pub(super) fn add(&mut self, text: String) {
        if self.told.len() >= TOLD_MAX {
            self.told.pop_front();
        }
        self.told.push_back(text);
    }

    /// What operators have added, the oldest first.
    pub(super) fn told(&self) -> impl Iterator<Item = String> {
        self.told.iter().cloned()
    }

    /// The greeting, if it answers this and no model is to be asked.
    pub(super) fn greets(&self, ask: &Ask) -> Option<BoxStream<'static, Thought>> {
        let greeting = self.greeting.clone().filter(|_| *ask == Ask::Open)?;
        let done = Thought::Done {
            after: After::Listen,
            expects: Expects::Words,
        };
        Some(stream::iter([Thought::Started, Thought::Said(greeting), done]).boxed())
    }
}

/// The words of the caller's that are to be answered, as far as they are known for good.
pub(super) fn words(ask: &Ask) -> &str {
    match ask {
        Ask::Answer { text, .. } => text,
        Ask::Open | Ask::Silence | Ask::News | Ask::HandedOver => "",
    }
}

/// What stands for a caller who has not spoken.
pub(super) fn unspoken(ask: &Ask) -> Option<&'static str> {
    match ask {
        Ask::Open => Some(OPEN),
        Ask::Silence => Some(SILENCE),
        Ask::News => Some(NEWS),
        Ask::HandedOver => Some(HANDED_OVER),
        Ask::Answer { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_operators_add_the_oldest_is_left_out_first() {
        let mut briefing = Briefing::new("You are Robin.", None);
        for number in 0..TOLD_MAX + 2 {
            briefing.add(number.to_string());
        }
        let told: Vec<String> = briefing.told().collect();
        assert_eq!((told.len(), &*told[0]), (TOLD_MAX, "2"));
        assert!(briefing.instructions.starts_with("You are Robin.\n\n"));
    }

    #[tokio::test]
    async fn only_an_opening_is_answered_by_the_greeting() {
        let briefing = Briefing::new("", Some("Hello.".into()));
        let thoughts: Vec<Thought> = briefing.greets(&Ask::Open).unwrap().collect().await;
        assert_eq!(thoughts[1], Thought::Said("Hello.".into()));
        assert!(briefing.greets(&Ask::Silence).is_none());
        assert!(Briefing::new("", None).greets(&Ask::Open).is_none());
    }
}
