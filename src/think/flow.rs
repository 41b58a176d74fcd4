//! A flow at work in one call. The script itself is pure: `trunkline_core::flow`.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use trunkline_core::call::{After, Ask, Expects, ReplyId};
use trunkline_core::clause::Clauses;
use trunkline_core::flow::{Flow, FlowState, Heard, Step, Vars};

use super::Thought;

/// A script, where it stands, and where it would stand if the replies in the making were heard.
pub struct FlowMind {
    flow: Arc<Flow>,
    vars: Vars,
    at: FlowState,
    tried: Vec<(ReplyId, FlowState)>,
}

impl FlowMind {
    /// A script at its beginning.
    pub fn new(flow: Arc<Flow>, vars: Vars) -> Self {
        let (at, _) = flow.open(&vars);
        Self {
            flow,
            vars,
            at,
            tried: Vec::new(),
        }
    }

    pub(super) fn think(&mut self, reply: ReplyId, ask: Ask) -> BoxStream<'static, Thought> {
        let (state, step) = match &ask {
            Ask::Open => self.flow.open(&self.vars),
            // A script has nothing done.
            Ask::Silence | Ask::News | Ask::HandedOver => {
                self.flow.step(&self.at, Heard::default(), &self.vars)
            }
            Ask::Answer { text, keys, .. } => {
                self.flow.step(&self.at, Heard { text, keys }, &self.vars)
            }
        };
        let digits = self.flow.digits_awaited(&state);
        self.tried.push((reply, state));
        stream::iter(thoughts(&step, digits)).boxed()
    }

    pub(super) fn commit(&mut self, reply: ReplyId) {
        if let Some(at) = self.tried.iter().position(|(id, _)| *id == reply) {
            self.at = self.tried.swap_remove(at).1;
        }
    }

    pub(super) fn forget(&mut self, reply: ReplyId) {
        self.tried.retain(|(id, _)| *id != reply);
    }
}

fn thoughts(step: &Step, digits: Option<usize>) -> Vec<Thought> {
    let mut clauses = Vec::new();
    let mut cut = Clauses::new();
    for text in &step.say {
        cut.push(text, &mut clauses);
        cut.finish(&mut clauses);
    }
    let after = match (step.end, clauses.is_empty()) {
        (Some(_), _) => After::HangUp,
        (None, true) => After::Wait,
        (None, false) => After::Listen,
    };
    let expects = digits.map_or(Expects::Words, |enough| Expects::Digits {
        enough: u8::try_from(enough).unwrap_or(u8::MAX),
    });
    let said = clauses.into_iter().map(Thought::Said);
    std::iter::once(Thought::Started)
        .chain(said)
        .chain([Thought::Done { after, expects }])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOW: &str = r#"
start = "day"
[states.day]
say = "Which day suits you?"
slot = "day"
type = "day"
next = "bye"
else = "bye"
[states.bye]
say = "Thank you. See you {{day|or:soon}}."
end = true
"#;

    async fn said(mind: &mut FlowMind, reply: u32, ask: Ask) -> Vec<Thought> {
        mind.think(ReplyId(reply), ask).collect().await
    }

    fn answer(text: &str) -> Ask {
        Ask::Answer {
            text: text.into(),
            keys: String::new(),
            guessed: String::new(),
        }
    }

    #[tokio::test]
    async fn what_nobody_heard_did_not_happen() {
        let mut mind = FlowMind::new(Arc::new(Flow::parse(FLOW).unwrap()), Vars::new());
        let opening = said(&mut mind, 1, Ask::Open).await;
        assert_eq!(opening[1], Thought::Said("Which day suits you?".into()));
        mind.commit(ReplyId(1));
        let first = said(&mut mind, 2, answer("Monday")).await;
        mind.forget(ReplyId(2));
        let second = said(&mut mind, 3, answer("Monday")).await;
        assert_eq!(
            first, second,
            "the first reply was not heard, so the script had not moved"
        );
        assert!(matches!(
            second.last(),
            Some(Thought::Done {
                after: After::HangUp,
                ..
            })
        ));
        mind.commit(ReplyId(3));
        assert_ne!(said(&mut mind, 4, answer("Monday")).await, second);
    }
}
