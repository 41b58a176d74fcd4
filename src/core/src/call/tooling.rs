//! Tools: what the mind has done for the caller.
//!
//! A mind that wants something done says so and waits with the rest of its reply. Nothing is done for a *guess*, nor while
//! the caller may still be talking: what is done cannot be undone. Once begun, a use is the call's and not the reply's.
//! Whoever interrupts the reply does not stop it; its result is noted once, and the mind knows of it from then on. If it
//! comes when nobody waits for it any more, the mind is asked whether the caller should hear of it.
//!
//! The same thing wanted again while the caller has heard no result of the first time is not done twice, unless that does no
//! harm: the first use stands for both. So a reply that was interrupted after it booked, and is thought of anew, does not
//! book again.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;

use super::Call;
use super::action::{Action, Ask, Means, Note};
use super::event::ReplyId;
use super::reply::{Fate, Mind, Playback, Reply};
use crate::commands::Command;
use crate::consent::Refusal;
use crate::redact;
use crate::time::At;

/// Most tools that a mind may want at once.
pub const WANTED_MAX: usize = 16;
/// Most times that a reply may want tools.
const ROUNDS_MAX: u8 = 8;
/// Most uses of one call.
const USES_MAX: u32 = 200;
/// Most uses that are remembered.
const REMEMBERED_MAX: usize = 64;
/// A use that takes longer may have its own words said meanwhile.
const WORDS_AFTER_MS: u32 = 400;

/// The result of what was not done, since the mind wanted too much.
const TOO_MANY: &str = r#"{"error":"too many tool calls; answer the caller with what you know"}"#;
/// The result of a tool that the agent does not have.
const NO_SUCH_TOOL: &str = r#"{"error":"there is no such tool"}"#;
/// The result of what is not waited for.
const BEGUN: &str =
    r#"{"status":"begun","note":"you will be told the result; do not call it again"}"#;
/// The result of what the call itself does.
const OBEYED: &str = r#"{"status":"done"}"#;

/// Names one use of a tool within its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UseId(pub u32);

/// Something that the mind wants done.
#[derive(Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The tool's name.
    pub tool: Arc<str>,
    /// What it is called with: JSON, as the mind wrote it. Nobody has checked it.
    pub arguments: Arc<str>,
}

impl Wanted {
    /// Whether both are the same thing: spaces, and the order of names, make no other.
    fn is_same(&self, other: &Self) -> bool {
        let value = |wanted: &Self| serde_json::from_str::<Value>(&wanted.arguments).ok();
        let is_same_value = || value(self).is_some_and(|this| Some(this) == value(other));
        self.tool == other.tool && (self.arguments == other.arguments || is_same_value())
    }
}

impl std::fmt::Debug for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wanted")
            .field("tool", &self.tool)
            .finish_non_exhaustive()
    }
}

/// How a use of a tool ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was not done: no such tool, arguments that it does not take, or too many of them.
    Refused,
    /// It was tried and failed; nothing was done.
    Failed,
    /// Nobody knows whether it was done: the answer was lost, or did not come in time.
    Unknown,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Done, Self::Refused, Self::Failed, Self::Unknown];

    /// As metrics, events and the API write it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// What a tool does to the call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effect {
    /// Nothing by itself: the shell does it.
    #[default]
    Outside,
    /// The caller is not called again; the call says so and ends.
    OptOut,
}

/// What the call must know of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolSettings {
    /// Who does it.
    pub effect: Effect,
    /// The mind waits for the result. Otherwise it goes on at once, and is told later.
    pub awaited: bool,
    /// It is done once the caller has heard what the reply says before it.
    pub after_words: bool,
    /// Twice is as good as once.
    pub repeats: bool,
    /// Said while it is done, if that takes longer than a moment.
    pub words: Option<Arc<str>>,
}

impl Default for ToolSettings {
    fn default() -> Self {
        Self {
            effect: Effect::Outside,
            awaited: true,
            after_words: false,
            repeats: false,
            words: None,
        }
    }
}

/// What was done of what a reply wanted.
#[derive(Clone, Debug)]
pub(super) struct Want {
    wanted: Wanted,
    /// The use that stands for it.
    by: Option<UseId>,
    /// What the mind gets, if not the result of that use.
    instead: Option<&'static str>,
}

/// One use.
#[derive(Clone, Debug)]
struct Use {
    id: UseId,
    wanted: Wanted,
    began: At,
    result: Option<Arc<str>>,
    /// Nothing was done, since there were no keys: the same wanted again is another use.
    is_void: bool,
    /// The caller has heard what the mind made of it, or no mind waited for it.
    is_told: bool,
}

/// All uses of a call.
#[derive(Clone, Debug, Default)]
pub(super) struct Tools {
    next: u32,
    uses: VecDeque<Use>,
    /// A result came that no reply waits for.
    has_news: bool,
    /// The caller does not want to be called again, as the mind understood.
    opts_out: bool,
    /// Said once what is being done has taken a moment.
    words: Option<(Arc<str>, At)>,
}

impl Tools {
    fn get(&mut self, id: UseId) -> Option<&mut Use> {
        self.uses.iter_mut().find(|u| u.id == id)
    }

    /// A use of the same, whose result no caller has heard of.
    fn twin(&self, wanted: &Wanted) -> Option<UseId> {
        let twin = |u: &&Use| u.wanted.is_same(wanted) && !u.is_told && !u.is_void;
        self.uses.iter().find(twin).map(|u| u.id)
    }

    /// The id of the use that begins next.
    pub(super) fn next(&self) -> UseId {
        UseId(self.next)
    }

    /// A result came that no reply waits for.
    pub(super) fn has_news(&self) -> bool {
        self.has_news
    }

    /// Nothing was done for a use.
    pub(super) fn was_void(&mut self, id: UseId) {
        if let Some(used) = self.get(id) {
            used.is_void = true;
        }
    }

    fn begin(&mut self, wanted: Wanted, now: At) -> UseId {
        let id = UseId(self.next);
        self.next += 1;
        if self.uses.len() >= REMEMBERED_MAX {
            let oldest = self.uses.iter().position(|u| u.result.is_some());
            self.uses.remove(oldest.unwrap_or(0));
        }
        self.uses.push_back(Use {
            id,
            wanted,
            began: now,
            result: None,
            is_void: false,
            is_told: false,
        });
        id
    }
}

impl Call {
    /// The mind wants these done before it goes on with a reply.
    pub(super) fn tools_wanted(&mut self, id: ReplyId, wanted: Vec<Wanted>) {
        self.mind_started(id);
        let now = self.now;
        let is_waiting = |r: &&mut Reply| r.mind == Mind::Asked && r.wants.is_empty();
        let Some(reply) = self.reply(id).filter(is_waiting) else {
            return;
        };
        reply.mind_progress = now;
        reply.rounds = reply.rounds.saturating_add(1);
        let is_too_much = reply.rounds > ROUNDS_MAX;
        let wants = wanted.into_iter().enumerate().map(|(at, wanted)| Want {
            wanted: Wanted {
                arguments: match redact::cards(&wanted.arguments) {
                    Cow::Borrowed(_) => wanted.arguments,
                    Cow::Owned(told) => told.into(),
                },
                ..wanted
            },
            by: None,
            instead: (is_too_much || at >= WANTED_MAX).then_some(TOO_MANY),
        });
        reply.wants = wants.collect();
    }

    /// A use has ended.
    pub(super) fn tool_used(
        &mut self,
        id: UseId,
        outcome: Outcome,
        result: Arc<str>,
        out: &mut Vec<Action>,
    ) {
        let now = self.now;
        let Some(used) = self.tools.get(id).filter(|u| u.result.is_none()) else {
            return;
        };
        used.result = Some(Arc::clone(&result));
        out.push(Action::Note(Note::ToolUsed {
            id,
            tool: Arc::clone(&used.wanted.tool),
            arguments: Arc::clone(&used.wanted.arguments),
            outcome,
            result,
            from: used.began,
            to: now,
        }));
        self.transfer_over(id);
        let waits = |r: &Reply| r.wants_use(id);
        let mut replies = [&self.speaking, &self.drafting].into_iter().flatten();
        if !replies.any(waits) {
            self.tools.has_news = true;
        }
    }

    /// Nobody need hear of a use any more: the same again is another.
    pub(super) fn tool_is_told(&mut self, id: UseId) {
        if let Some(used) = self.tools.get(id) {
            used.is_told = true;
        }
    }

    /// A use that goes on.
    pub(super) fn is_used(&self, id: UseId) -> bool {
        let mut uses = self.tools.uses.iter();
        uses.any(|u| u.id == id && u.result.is_none())
    }

    /// Begins what is wanted and may be done now, and lets the mind go on that has all it waited for.
    pub(super) fn settle_tools(&mut self, out: &mut Vec<Action>) {
        if self.phase != super::Phase::Live {
            return;
        }
        let drafting = self.drafting.take();
        self.drafting = drafting.map(|reply| self.serve(reply, false, out));
        let speaking = self.speaking.take();
        self.speaking = speaking.map(|reply| self.serve(reply, true, out));
        if std::mem::take(&mut self.tools.opts_out) {
            self.object(Refusal::OptedOut, self.now, out);
            self.obey_mind(Command::OptOut, Means::Mind, out);
            self.settle_floor(out);
        }
    }

    fn serve(&mut self, mut reply: Reply, is_speaking: bool, out: &mut Vec<Action>) -> Reply {
        if reply.wants.is_empty() || !self.may_do_for(&reply) {
            return reply;
        }
        let is_heard = reply.clauses.iter().all(|c| c.over) && (is_speaking || reply.is_wordless());
        for at in 0..reply.wants.len() {
            self.begin_use(&mut reply, at, is_heard, out);
        }
        let result = |want: &Want| match (want.instead, want.by) {
            (Some(instead), _) => Some(Arc::from(instead)),
            (None, Some(id)) => self.tools.uses.iter().find(|u| u.id == id)?.result.clone(),
            (None, None) => None,
        };
        let results: Option<Vec<Arc<str>>> = reply.wants.iter().map(result).collect();
        if let Some(results) = results {
            let from = reply.clauses.len();
            let served = reply.wants.drain(..).filter_map(|w| w.by);
            reply.served.extend(served.map(|id| (id, from)));
            reply.mind_progress = self.now;
            self.tools.words = None;
            out.push(Action::GoOn {
                reply: reply.id,
                results,
            });
        }
        reply
    }

    /// What a reply wants may be done: it is no guess, nobody stops it, and the caller does not talk.
    fn may_do_for(&self, reply: &Reply) -> bool {
        reply.guess.is_none()
            && reply.fate == Fate::GoOn
            && reply.playback == Playback::On
            && self.ending.is_none()
            && self.notices.is_empty()
            && self.may_ask_mind()
            && self.caller.is_quiet()
            && self.overlap.is_none()
    }

    fn begin_use(&mut self, reply: &mut Reply, at: usize, is_heard: bool, out: &mut Vec<Action>) {
        let is_silent = reply.is_silent();
        let Some(want) = reply.wants.get_mut(at) else {
            return;
        };
        if want.by.is_some() || want.instead.is_some() {
            return;
        }
        let wanted = want.wanted.clone();
        let settings = Arc::clone(&self.settings);
        let Some(tool) = settings.tools.get(&*wanted.tool) else {
            want.instead = Some(NO_SUCH_TOOL);
            return;
        };
        if tool.after_words && !is_heard {
            return;
        }
        let twin = self.tools.twin(&wanted).filter(|_| !tool.repeats);
        if let Some(twin) = twin {
            want.by = Some(twin);
        } else if self.tools.next >= USES_MAX {
            want.instead = Some(TOO_MANY);
            return;
        } else {
            want.by = Some(self.use_tool(reply.id, wanted, tool.effect, out));
            reply.mind_progress = self.now;
            let said_by = self.now.plus(WORDS_AFTER_MS);
            let words = tool.words.clone().filter(|_| is_silent);
            self.tools.words = words.map(|words| (words, said_by));
        }
        if !tool.awaited {
            want.instead = Some(BEGUN);
        }
    }

    fn use_tool(
        &mut self,
        reply: ReplyId,
        wanted: Wanted,
        effect: Effect,
        out: &mut Vec<Action>,
    ) -> UseId {
        let (tool, arguments) = (Arc::clone(&wanted.tool), Arc::clone(&wanted.arguments));
        let id = self.tools.begin(wanted, self.now);
        out.push(Action::Note(Note::ToolBegun {
            id,
            reply,
            tool: Arc::clone(&tool),
            arguments: Arc::clone(&arguments),
            at: self.now,
        }));
        match effect {
            Effect::Outside => out.push(Action::UseTool {
                id,
                tool,
                arguments,
            }),
            Effect::OptOut => {
                self.tool_used(id, Outcome::Done, OBEYED.into(), out);
                self.tools.opts_out = true;
            }
        }
        id
    }

    /// The caller has heard something of a reply: what it knew of results, they know.
    pub(super) fn tools_told(&mut self) {
        let Some(reply) = &mut self.speaking else {
            return;
        };
        let heard_after = |from: usize, reply: &Reply| {
            let own = reply.clauses.iter().skip(from);
            own.filter(|c| !c.protected && !c.filler)
                .any(|c| c.heard > 0)
        };
        let mut served = std::mem::take(&mut reply.served);
        served.retain(|(id, from)| {
            let is_told = heard_after(*from, reply);
            if let Some(used) = self.tools.uses.iter_mut().find(|u| u.id == *id)
                && is_told
            {
                used.is_told = true;
            }
            !is_told
        });
        reply.served = served;
    }

    /// The mind is asked: whatever came meanwhile, it knows.
    pub(super) fn tools_are_known(&mut self) {
        self.tools.has_news = false;
    }

    /// Asks the mind whether the caller should hear of a result that came late.
    pub(super) fn tell_news(&mut self, out: &mut Vec<Action>) {
        let may_tell = self.tools.has_news && self.is_idle() && self.overlap.is_none();
        if may_tell && !self.owes_opening {
            self.think(Ask::News, out);
            if let Some(draft) = &mut self.drafting {
                draft.may_be_empty = true;
            }
        }
    }

    /// The words that belong to what is being done, and when they are due.
    pub(super) fn tool_words(&self) -> Option<At> {
        self.tools.words.as_ref().map(|(_, at)| *at)
    }

    /// Takes them out, to be said.
    pub(super) fn take_tool_words(&mut self) -> Option<Arc<str>> {
        let now = self.now;
        let words = self.tools.words.take_if(|(_, at)| *at <= now);
        words.map(|(words, _)| words)
    }
}

impl Reply {
    /// It has no words yet, fillers not counted.
    fn is_wordless(&self) -> bool {
        self.clauses.iter().all(|c| c.filler)
    }

    /// It waits for the result of this use.
    pub(super) fn wants_use(&self, id: UseId) -> bool {
        let is_for_it = |w: &Want| w.by == Some(id) && w.instead.is_none();
        self.wants.iter().any(is_for_it)
    }

    /// It says nothing while it waits for what was just begun.
    fn is_silent(&self) -> bool {
        self.clauses.iter().all(|c| c.over)
    }
}
