//! What came of a call: what was heard and done, and what the server has stored of it.

use serde_json::Value;
use trunkline_core::call::{EndReason, Note, TransferEnd};

use crate::demo::report::consent_words;

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The person on the line.
    Caller,
    /// The agent.
    Agent,
    /// Neither: something happened.
    Event,
}

/// One line of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Who.
    pub who: Who,
    /// When it began, ms from the call's start.
    pub from_ms: u64,
    /// When it ended.
    pub to_ms: u64,
    /// What was said, as it was heard, or what happened.
    pub text: String,
    /// The caller's turn, counted from 1; of the agent, the one that it spoke after.
    pub turn: u32,
}

/// A use of a tool.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolUse {
    /// Its name.
    pub name: String,
    /// What it was called with.
    pub arguments: Value,
    /// How it ended.
    pub outcome: &'static str,
}

/// What came of a call.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// The conversation, in the order in which it was noted.
    pub lines: Vec<Line>,
    /// What the agent had done.
    pub tools: Vec<ToolUse>,
    /// Somebody is being called for the caller.
    pub is_calling: bool,
    /// How each transfer ended, by its code.
    pub transfers: Vec<&'static str>,
    /// The agents that went on with the call, in turn.
    pub handed_to: Vec<String>,
    /// From the end of the caller's voice to the first sound of each answer, ms.
    pub answers_ms: Vec<u64>,
    /// When the caller spoke in truth: from and to, ms.
    pub caller_spoke: Vec<(u64, u64)>,
    /// When the agent began a reply, ms.
    pub agent_began: Vec<u64>,
    /// Why it ended.
    pub ended: Option<EndReason>,
    /// When.
    pub length_ms: u64,
    /// What the caller could not do.
    pub undone: Option<String>,
    /// The call was ended, since it took too long.
    pub is_late: bool,
    /// The call as the API shows it; null if nothing is stored.
    pub call: Value,
    /// Its transcript as the API shows it.
    pub transcript: Value,
    /// What the server did wrong on the line, as the carrier saw it.
    pub violations: Vec<String>,
    /// What the agent has said, for the caller.
    pub heard: Vec<String>,
    pub(super) turn: u32,
    pub(super) caller_has_floor: bool,
}

impl Course {
    /// Takes a note of the call's.
    pub fn note(&mut self, note: &Note) {
        match note {
            Note::CallerSaid { from, to, text, .. } => {
                self.callers();
                self.put(Who::Caller, from.ms(), to.ms(), text.clone());
            }
            Note::CallerPressed { at, keys } => {
                self.callers();
                self.put(Who::Caller, at.ms(), at.ms(), format!("[keys {keys}]"));
            }
            Note::AgentSaid {
                from,
                to,
                text,
                cut,
                ..
            } => {
                self.caller_has_floor = false;
                self.agent_began.push(from.ms());
                self.heard.push(text.clone());
                let cut = if *cut { " — (interrupted)" } else { "" };
                self.put(Who::Agent, from.ms(), to.ms(), format!("{text}{cut}"));
            }
            Note::Resumed { at, .. } => self.event(at.ms(), "the agent goes on"),
            Note::Commanded { command, at, .. } => {
                self.event(at.ms(), &format!("heard the command {command:?}"));
            }
            Note::Answered { timing, .. } => {
                let ms = timing.first_audio.since(timing.speech_end);
                self.answers_ms.push(ms);
            }
            Note::Consent { step, at } => self.event(at.ms(), consent_words(*step)),
            Note::AnsweredBy { verdict, at } => {
                self.event(at.ms(), &format!("answered by: {}", verdict.by.code()));
            }
            Note::Guarded { at, .. } => {
                self.event(at.ms(), "a denial of being an AI was not said");
            }
            Note::StageFailed { stage, at } => self.event(at.ms(), &format!("{stage:?} failed")),
            Note::ToolUsed {
                tool,
                arguments,
                outcome,
                to,
                ..
            } => {
                let call = format!("used {tool} {arguments}: {}", outcome.code());
                self.event(to.ms(), &call);
                self.tools.push(ToolUse {
                    name: tool.to_string(),
                    arguments: serde_json::from_str(arguments).unwrap_or(Value::Null),
                    outcome: outcome.code(),
                });
            }
            Note::TakenOver { stage, vendor, at } => {
                self.event(at.ms(), &format!("{vendor} takes over: {stage:?}"));
            }
            Note::SteppedDown { cause, at } => {
                let what = format!("turns are judged without our models: {}", cause.code());
                self.event(at.ms(), &what);
            }
            Note::Withheld { to, .. } => {
                self.event(to.ms(), "keys that only their server gets were pressed");
            }
            Note::HandedOver { agent, at, .. } => {
                self.handed_to.push(agent.to_string());
                self.event(at.ms(), &format!("{agent} goes on with the call"));
            }
            Note::Transfer { end, at, .. } => {
                let how = end.map_or("begun", TransferEnd::code);
                // One that is refused was never begun: another may go on.
                self.is_calling &= *end == Some(TransferEnd::Refused);
                self.is_calling |= end.is_none();
                self.transfers.extend(end.map(TransferEnd::code));
                self.event(at.ms(), &format!("transfer: {how}"));
            }
            Note::Ended { reason, at } => {
                self.ended = Some(*reason);
                self.length_ms = at.ms();
                self.event(at.ms(), &format!("the call ended: {reason:?}"));
            }
            Note::Interrupted { .. } | Note::Timed { .. } | Note::ToolBegun { .. } => {}
        }
    }

    /// What the agent said, with the turn that it said it after.
    pub fn agent_lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.who == Who::Agent)
    }

    /// The caller's turns.
    pub fn caller_turns(&self) -> u32 {
        self.turn
    }

    /// The conversation alone, a line each.
    pub fn conversation(&self) -> String {
        let said = self.lines.iter().filter_map(|line| match line.who {
            Who::Caller => Some(format!("caller: {}", line.text)),
            Who::Agent => Some(format!("agent: {}", line.text)),
            Who::Event if line.text.starts_with("used ") => Some(format!("({})", line.text)),
            Who::Event => None,
        });
        said.collect::<Vec<_>>().join("\n")
    }

    /// The conversation as it is shown, with times.
    pub fn shown(&self) -> String {
        let mut shown = String::new();
        for line in &self.lines {
            let (who, text) = match line.who {
                Who::Caller => ("caller", line.text.clone()),
                Who::Agent => ("agent", line.text.clone()),
                Who::Event => ("", format!("({})", line.text)),
            };
            let seconds = line.to_ms as f64 / 1_000.0;
            shown.push_str(&format!("{seconds:7.1}s  {who:<7} {text}\n"));
        }
        shown
    }

    /// The caller says something: it is a new turn if the agent has spoken since.
    fn callers(&mut self) {
        if !std::mem::replace(&mut self.caller_has_floor, true) {
            self.turn += 1;
        }
    }

    fn event(&mut self, at_ms: u64, what: &str) {
        self.put(Who::Event, at_ms, at_ms, what.to_owned());
    }

    fn put(&mut self, who: Who, from_ms: u64, to_ms: u64, text: String) {
        let turn = self.turn;
        self.lines.push(Line {
            who,
            from_ms,
            to_ms,
            text,
            turn,
        });
    }
}
