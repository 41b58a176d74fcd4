//! What a model is told of the conversation: what the caller said and what the caller heard, in the order of the telephone.

use std::collections::VecDeque;
use std::sync::Arc;

use trunkline_core::call::{Note, UseId};
use trunkline_core::journal::Step;
use trunkline_core::time::At;
use trunkline_core::wire::openai::{ChatMessage, ToolCall};
use trunkline_core::wire::realtime::Turn;

use crate::providers::{Held, Talk};

/// Most of a conversation that the model is told, in bytes; the oldest is left out first.
const HISTORY_BYTES_MAX: usize = 64 * 1024;

/// Most utterances that are withheld.
const WITHHELD_MAX: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaker {
    Caller,
    Agent,
    /// Something was done; what, stands in `used`.
    Tool,
}

/// What was done.
struct Used {
    id: UseId,
    tool: Box<str>,
    /// While it is being done, there is none.
    result: Option<Arc<str>>,
}

/// Told in place of a result that is not there yet.
const RUNNING: &str = r#"{"status":"running","note":"not done yet; you will be told"}"#;

/// A long call has a thousand of them, so each is as small as it can be.
struct Entry {
    /// When it began, ms of the call.
    from_ms: u32,
    speaker: Speaker,
    text: Box<str>,
    more: Option<Box<More>>,
}

const _: () = assert!(size_of::<Entry>() <= 32);

/// What few entries have.
enum More {
    /// The same as sound, where a model has it.
    Held(Held),
    /// What was done; the text is what it was done with.
    Used(Used),
}

impl Entry {
    fn used(&self) -> Option<&Used> {
        match self.more.as_deref() {
            Some(More::Used(used)) => Some(used),
            Some(More::Held(_)) | None => None,
        }
    }

    fn held(&self) -> Option<&Held> {
        match self.more.as_deref() {
            Some(More::Held(held)) => Some(held),
            Some(More::Used(_)) | None => None,
        }
    }

    fn bytes(&self) -> usize {
        let result = self.used().and_then(|used| used.result.as_ref());
        self.text.len() + result.map_or(0, |result| result.len())
    }

    /// The turns that it is to a model that hears.
    fn turns(&self) -> Vec<Kept> {
        let words = |turn| Kept { held: None, turn };
        let text = self.text.to_string();
        if let Some(used) = self.used() {
            let call = format!("use_{}", used.id.0);
            let output = used.result.as_deref().unwrap_or(RUNNING).to_owned();
            let called = Turn::Called {
                call: call.clone(),
                name: used.tool.to_string(),
                arguments: text,
            };
            return vec![words(called), words(Turn::Returned { call, output })];
        }
        let turn = match self.speaker {
            Speaker::Agent => Turn::Assistant(text),
            Speaker::Caller | Speaker::Tool => Turn::User(text),
        };
        vec![Kept {
            held: self.held().cloned(),
            turn,
        }]
    }
}

/// A turn for a model that hears.
#[derive(Clone)]
pub(in crate::think) struct Kept {
    /// As sound, where a connection has it.
    pub(in crate::think) held: Option<Held>,
    /// As words.
    pub(in crate::think) turn: Turn,
}

impl Kept {
    /// As sound, if the present connection has it.
    pub(in crate::think) fn now(&self, talk: &Talk) -> Turn {
        let held = self.held.as_ref().and_then(|held| talk.turn(held));
        held.unwrap_or_else(|| self.turn.clone())
    }
}

/// The conversation so far, bounded.
#[derive(Default)]
pub(in crate::think) struct History {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// What the caller said before it was decided whether they may be recorded, or in deciding it.
    withheld: Vec<(At, String)>,
    /// When that was decided.
    decided: Option<At>,
}

impl History {
    /// Takes in what a note says of the conversation.
    pub(super) fn note(&mut self, note: &Note, is_decided: bool) {
        self.note_as(note, is_decided, None);
    }

    /// Whether words of this note are withheld: they were said before it was decided whether they may be recorded, or in
    /// deciding it.
    pub(in crate::think) fn withholds(&self, note: &Note, is_decided: bool) -> bool {
        let Note::CallerSaid { from, .. } = note else {
            return false;
        };
        !is_decided || self.decided.is_some_and(|at| *from <= at)
    }

    /// The same of what a model has as sound. What is withheld becomes words if it is released.
    pub(in crate::think) fn note_as(&mut self, note: &Note, is_decided: bool, held: Option<Held>) {
        match note {
            Note::CallerSaid { from, text, .. } => {
                if self.withholds(note, is_decided) {
                    if self.withheld.len() < WITHHELD_MAX {
                        self.withheld.push((*from, text.clone()));
                    }
                    return;
                }
                self.add(*from, Speaker::Caller, text, held.map(More::Held));
            }
            Note::Consent {
                step: Step::Granted { .. } | Step::Refused { .. },
                at,
            } => self.decided = Some(*at),
            Note::CallerPressed { at, keys } => {
                let text = format!("(pressed the keys {keys})");
                self.add(*at, Speaker::Caller, &text, None);
            }
            // A model that reads them as its own words takes to saying them.
            Note::AgentSaid { filler: true, .. } => {}
            Note::AgentSaid {
                from, text, cut, ..
            } => {
                let end = if *cut { "…" } else { "" };
                let text = format!("{text}{end}");
                self.add(*from, Speaker::Agent, &text, held.map(More::Held));
            }
            Note::ToolBegun {
                id,
                tool,
                arguments,
                at,
                ..
            } => {
                let used = Used {
                    id: *id,
                    tool: (&**tool).into(),
                    result: None,
                };
                self.add(*at, Speaker::Tool, arguments, Some(More::Used(used)));
            }
            Note::ToolUsed { id, result, .. } => self.done(*id, result),
            Note::Withheld { .. }
            | Note::Interrupted { .. }
            | Note::Resumed { .. }
            | Note::Commanded { .. }
            | Note::Answered { .. }
            | Note::Timed { .. }
            | Note::Consent { .. }
            | Note::AnsweredBy { .. }
            | Note::Guarded { .. }
            | Note::StageFailed { .. }
            | Note::TakenOver { .. }
            | Note::SteppedDown { .. }
            | Note::Transfer { .. }
            | Note::HandedOver { .. }
            | Note::Ended { .. } => {}
        }
    }

    /// A reply is asked for, to these words: of what was withheld they say what belongs to the conversation. What only
    /// answered the question of consent is no model's business.
    pub(in crate::think) fn release(&mut self, asked: &str) {
        for (from, text) in std::mem::take(&mut self.withheld) {
            if asked.contains(text.as_str()) {
                self.add(from, Speaker::Caller, &text, None);
            }
        }
    }

    /// What was heard of the agent is known only once it has ended: it belongs before what the caller said into it.
    fn add(&mut self, from: At, speaker: Speaker, text: &str, more: Option<More>) {
        let from_ms = u32::try_from(from.ms()).unwrap_or(u32::MAX);
        let later = self
            .entries
            .iter()
            .rev()
            .take_while(|e| e.speaker != speaker && e.from_ms > from_ms);
        let at = self.entries.len() - later.count();
        self.bytes += text.len();
        self.entries.insert(
            at,
            Entry {
                from_ms,
                speaker,
                text: text.into(),
                more: more.map(Box::new),
            },
        );
        self.forget_the_oldest();
    }

    fn forget_the_oldest(&mut self) {
        while self.bytes > HISTORY_BYTES_MAX && self.entries.len() > 2 {
            self.bytes -= self.entries.pop_front().map_or(0, |e| e.bytes());
        }
    }

    /// Something was done, and this came of it.
    fn done(&mut self, id: UseId, result: &Arc<str>) {
        let mut used = self.entries.iter_mut().rev();
        let used = used.find_map(|e| match e.more.as_deref_mut() {
            Some(More::Used(used)) if used.id == id => Some(used),
            Some(_) | None => None,
        });
        if let Some(used) = used {
            used.result = Some(Arc::clone(result));
            self.bytes += result.len();
            self.forget_the_oldest();
        }
    }

    /// The turns for a model that hears.
    pub(in crate::think) fn turns(&self) -> Vec<Kept> {
        self.entries.iter().flat_map(Entry::turns).collect()
    }

    /// The messages for a model: what one side said in a row is one message.
    pub(super) fn messages(&self) -> Vec<ChatMessage> {
        let mut messages: Vec<ChatMessage> = Vec::with_capacity(self.entries.len() + 2);
        // Where the tools stand that were called in a row.
        let mut calls: Option<usize> = None;
        for entry in &self.entries {
            let Entry { speaker, text, .. } = entry;
            if let Some(used) = entry.used() {
                let at = *calls.get_or_insert_with(|| {
                    messages.push(ChatMessage::Assistant {
                        text: String::new(),
                        tool_calls: Vec::new(),
                    });
                    messages.len() - 1
                });
                let call_id = format!("use_{}", used.id.0);
                if let Some(ChatMessage::Assistant { tool_calls, .. }) = messages.get_mut(at) {
                    tool_calls.push(ToolCall {
                        id: call_id.clone(),
                        name: used.tool.to_string(),
                        arguments: text.to_string(),
                    });
                }
                let result = used.result.as_deref().unwrap_or(RUNNING).to_owned();
                messages.push(ChatMessage::Tool {
                    call_id,
                    text: result,
                });
                continue;
            }
            calls = None;
            match (messages.last_mut(), speaker) {
                (_, Speaker::Tool) => {}
                (Some(ChatMessage::User(before)), Speaker::Caller)
                | (Some(ChatMessage::Assistant { text: before, .. }), Speaker::Agent) => {
                    before.push(' ');
                    before.push_str(text);
                }
                (_, Speaker::Caller) => messages.push(ChatMessage::User(text.to_string())),
                (_, Speaker::Agent) => {
                    messages.push(ChatMessage::Assistant {
                        text: text.to_string(),
                        tool_calls: Vec::new(),
                    });
                }
            }
        }
        messages
    }
}

#[cfg(test)]
mod tests {
    use trunkline_core::call::ReplyId;

    use super::*;

    fn caller(from: u64, text: &str) -> Note {
        let (from, to) = (At::from_ms(from), At::from_ms(from + 500));
        Note::CallerSaid {
            from,
            to,
            text: text.into(),
            confidence: 0.9,
        }
    }

    fn agent(from: u64, to: u64, text: &str, cut: bool) -> Note {
        let (from, to) = (At::from_ms(from), At::from_ms(to));
        Note::AgentSaid {
            reply: ReplyId(1),
            from,
            to,
            text: text.into(),
            cut,
            filler: false,
        }
    }

    fn told(notes: &[Note]) -> Vec<String> {
        let mut history = History::default();
        for note in notes {
            history.note(note, true);
        }
        let show = |message: ChatMessage| match message {
            ChatMessage::User(text) => format!("caller: {text}"),
            ChatMessage::Assistant { text, .. } => format!("agent: {text}"),
            ChatMessage::System(_) | ChatMessage::Tool { .. } => "?".into(),
        };
        history.messages().into_iter().map(show).collect()
    }

    #[test]
    fn an_interruption_follows_what_it_interrupted() {
        let notes = [
            caller(6_000, "I need an appointment."),
            caller(9_000, "No, on Friday."),
            agent(8_200, 9_200, "We have time on", true),
        ];
        assert_eq!(
            told(&notes),
            [
                "caller: I need an appointment.",
                "agent: We have time on…",
                "caller: No, on Friday."
            ]
        );
    }

    #[test]
    fn what_one_side_says_in_a_row_is_one_message() {
        let notes = [
            agent(0, 900, "Hello.", false),
            agent(1_000, 1_900, "How can I help you?", false),
            caller(2_000, "I am"),
            caller(3_000, "not sure."),
        ];
        assert_eq!(
            told(&notes),
            [
                "agent: Hello. How can I help you?",
                "caller: I am not sure."
            ]
        );
    }

    #[test]
    fn what_bridged_a_silence_is_not_the_models() {
        let mut filler = agent(2_500, 3_500, "One moment, please.", false);
        if let Note::AgentSaid { filler, .. } = &mut filler {
            *filler = true;
        }
        let notes = [
            caller(0, "I need an appointment."),
            filler,
            agent(4_000, 5_000, "On Friday?", false),
        ];
        let kept = ["caller: I need an appointment.", "agent: On Friday?"];
        assert_eq!(told(&notes), kept);
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let mut history = History::default();
        for n in 0..100 {
            history.note(&caller(n * 1_000, &"x".repeat(4_000)), true);
            history.note(
                &agent(n * 1_000 + 600, n * 1_000 + 700, &n.to_string(), false),
                true,
            );
        }
        assert!(history.bytes <= HISTORY_BYTES_MAX);
        let last = history.messages().pop();
        assert!(matches!(last, Some(ChatMessage::Assistant { text, .. }) if text == "99"));
    }

    #[test]
    fn what_only_answered_the_question_of_consent_is_kept_from_the_model() {
        let mut history = History::default();
        let granted = Note::Consent {
            step: Step::Granted {
                method: trunkline_core::consent::Method::SaidYes,
            },
            at: At::from_ms(5_000),
        };
        history.note(&caller(1_000, "I need an appointment."), false);
        history.note(&granted, true);
        history.note(&caller(4_000, "Yes."), true);
        history.release("I need an appointment.");
        history.note(&caller(6_000, "On Friday."), true);
        assert_eq!(
            history.messages(),
            [ChatMessage::User(
                "I need an appointment. On Friday.".into()
            )]
        );
    }
}
