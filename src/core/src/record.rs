//! The recorder: a call's sound and notes go in, journal entries come out, and only those that may be kept.
//!
//! What the caller says and plays is stored by functions that take a [`Granted`], which only the consent gate makes, and
//! only if it began no earlier than the grant. The agent's channel is kept from the start, until a refusal. After that
//! nothing of content is stored: steps of consent, events and the times of what was not kept are.
//!
//! Feed it frames and notes as they come, call [`Recorder::take`] about once a second and hand what comes out to the
//! journal in that order. [`Step::Withdrawn`] orders the journal to delete of what it holds all but what
//! [`Leaves::of_withdrawal`] says.

mod names;
mod tape;

use std::collections::BTreeMap;

pub use names::reason;
pub use tape::Irregular;

use crate::call::{Note, ReplyId};
use crate::consent::{Granted, Mode};
use crate::journal::{
    Began, Consent, Ended, Entry, Event, Halt, Latency, Leaves, SAMPLES_PER_MS, SAMPLES_PER_SECOND,
    Speaker, Step, ToolUse, Turn,
};
use crate::time::At;
use tape::{Channel, Tape};

/// Bytes of one turn's words; more are cut off.
pub const TEXT_BYTES_MAX: usize = 32 * 1024;
/// Keys of one turn; more are cut off.
pub const KEYS_MAX: usize = 128;
/// Halts of one turn that are written down.
pub const HALTS_MAX: usize = 64;
/// Replies whose times are remembered until they are heard.
const REPLIES_MAX: usize = 16;
/// Entries that wait to be fetched. Beyond, turns and events are dropped and counted; consent and the end never are.
const READY_MAX: usize = 1_024;

/// How a call is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecorderSettings {
    /// How long a second of sound is waited for after it is over, ms. What comes later is written as a piece of its
    /// own, so this only decides how tidy a journal is, and how much of it a crash costs.
    pub settle_ms: u32,
}

impl Default for RecorderSettings {
    fn default() -> Self {
        Self { settle_ms: 500 }
    }
}

/// What is known of a reply before its words are.
#[derive(Debug, Default)]
struct Pending {
    latency: Option<Latency>,
    halts: Vec<Halt>,
}

/// Nothing more is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// Nothing at all: the call is not recorded, or over.
    Never,
    /// What may stay; of the agent it may still be written down.
    Leaves(Leaves),
}

/// Turns one call into journal entries. It holds at most a minute of sound, and usually little more than a second.
#[derive(Debug)]
pub struct Recorder {
    settings: RecorderSettings,
    tape: Tape,
    ready: Vec<Entry>,
    began: bool,
    granted_at: Option<At>,
    stopped: Option<Stop>,
    pending: BTreeMap<ReplyId, Pending>,
    ended: Option<Ended>,
    dropped: u64,
}

impl Recorder {
    /// A recorder at the start of a call.
    pub fn new(settings: RecorderSettings) -> Self {
        Self {
            settings,
            tape: Tape::default(),
            ready: Vec::new(),
            began: false,
            granted_at: None,
            stopped: None,
            pending: BTreeMap::new(),
            ended: None,
            dropped: 0,
        }
    }

    /// The first entry. Until then nothing comes out; of a call in [`Mode::NoRecord`] no content ever does.
    pub fn began(&mut self, began: Began) {
        if self.began {
            return;
        }
        self.began = true;
        if began.mode == Mode::NoRecord {
            self.stop(Stop::Never);
            self.ready.retain(|entry| !entry.is_content());
        }
        self.ready.insert(0, Entry::Began(began));
    }

    /// Sound of the caller's, mu-law at 8 kHz, whose first sample is number `at` of the call. Without a grant, or if it
    /// began before the grant, nothing of it is kept.
    pub fn caller(&mut self, granted: Option<&Granted>, at: u64, mulaw: &[u8]) {
        let began = At::from_ms(at / SAMPLES_PER_MS);
        if let Some(granted) = self.covered(granted, began) {
            self.keep_sound(granted, at, mulaw);
        }
    }

    /// Sound of the agent's that was heard, mu-law at 8 kHz, whose first sample is number `at` of the call.
    pub fn agent(&mut self, at: u64, mulaw: &[u8]) {
        if self.stopped.is_none() {
            self.tape.put(Channel::Agent, at, mulaw);
        }
    }

    /// A note of the call's. `granted` is what the call holds after the event that the note came of.
    pub fn note(&mut self, granted: Option<&Granted>, note: &Note) {
        match note {
            Note::CallerSaid { from, to, .. } => match self.covered(granted, *from) {
                Some(granted) => self.keep_words(granted, note),
                None => self.not_kept(*from, *to),
            },
            Note::CallerPressed { at, .. } => match self.covered(granted, *at) {
                Some(granted) => self.keep_words(granted, note),
                None => self.not_kept(*at, *at),
            },
            Note::Withheld { from, to } => {
                let detail = format!("ms={}", to.since(*from));
                self.event(*from, "keys_withheld", &detail);
                self.not_kept(*from, *to);
            }
            Note::AgentSaid {
                reply,
                from,
                to,
                text,
                cut,
                filler: _,
            } => self.agent_said(*reply, *from, *to, text, *cut),
            Note::Interrupted { reply, at } => self.interrupted(*reply, *at),
            Note::Resumed { reply, at } => self.resumed(*reply, *at),
            // What is told later has all of it.
            Note::Answered { .. } => {}
            Note::Timed { reply, timing, by } => {
                let latency = Latency::of(timing, by.as_deref());
                self.pending(*reply).latency = Some(latency);
            }
            Note::Commanded { command, means, at } => {
                self.event(*at, names::command(*command), names::means(*means));
            }
            Note::AnsweredBy { verdict, at } => {
                let detail = format!(
                    "by={} evidence={} after_ms={}",
                    verdict.by.code(),
                    verdict.evidence.code(),
                    verdict.after_ms
                );
                self.event(*at, "answered_by", &detail);
            }
            Note::ToolBegun { tool, at, .. } => {
                self.event(*at, "tool_begun", &format!("tool={tool}"));
            }
            Note::ToolUsed {
                tool,
                outcome,
                from,
                to,
                ..
            } => {
                let took_ms = to.since(*from);
                let detail = format!("tool={tool} outcome={} ms={took_ms}", outcome.code());
                self.event(*to, "tool_used", &detail);
                if let Some(granted) = self.covered(granted, *from) {
                    self.keep_words(granted, note);
                }
            }
            Note::HandedOver { agent, version, at } => {
                let detail = format!("agent={agent} version={version}");
                self.event(*at, "handed_over", &detail);
            }
            Note::Transfer { kind, end, at } => {
                let kind = kind.code();
                match end {
                    None => self.event(*at, "transfer_begun", &format!("kind={kind}")),
                    Some(end) => {
                        let detail = format!("kind={kind} outcome={}", end.code());
                        self.event(*at, "transfer_ended", &detail);
                    }
                }
            }
            Note::Guarded { at, .. } => self.event(*at, "denial_guarded", ""),
            Note::StageFailed { stage, at } => {
                self.event(*at, "stage_failed", names::stage(*stage));
            }
            Note::TakenOver { stage, vendor, at } => {
                let detail = format!("{} vendor={vendor}", names::stage(*stage));
                self.event(*at, "stage_taken_over", &detail);
            }
            Note::SteppedDown { cause, at } => {
                let detail = format!("cause={}", cause.code());
                self.event(*at, "stepped_down", &detail);
            }
            Note::Consent { step, at } => self.consent(*step, *at),
            Note::Ended { reason, at } => {
                self.ended.get_or_insert_with(|| Ended {
                    at_ms: at.ms(),
                    reason: names::reason(*reason).to_owned(),
                });
            }
        }
    }

    /// Appends the entries that are complete by `now`: notes at once, a second of sound when it is over and settled.
    pub fn take(&mut self, now: At, out: &mut Vec<Entry>) {
        if !self.began {
            return;
        }
        out.append(&mut self.ready);
        if self.stopped.is_none() {
            let settled = now.ms().saturating_sub(u64::from(self.settings.settle_ms));
            self.tape
                .take_seconds(settled / 1_000, |audio| out.push(Entry::Audio(audio)));
        }
    }

    /// Appends the rest, and the end. Call it once, when the call is over; what comes later is not kept.
    pub fn finish(&mut self, now: At, out: &mut Vec<Entry>) {
        self.take(now, out);
        if !self.began {
            return;
        }
        let ended = self.ended.take().unwrap_or_else(|| Ended {
            at_ms: now.ms(),
            reason: "aborted".to_owned(),
        });
        if self.stopped.is_none() {
            let end = ended.at_ms.saturating_mul(SAMPLES_PER_MS);
            // The line's clock may have run ahead of the server's.
            let end = end.max(self.tape.end().min(end.saturating_add(SAMPLES_PER_SECOND)));
            self.tape
                .take_until(end, |audio| out.push(Entry::Audio(audio)));
            self.stop(Stop::Never);
        }
        out.push(Entry::Ended(ended));
        self.began = false;
    }

    /// What was irregular in the sound so far, of both channels.
    pub fn irregular(&self) -> Irregular {
        self.tape.irregular()
    }

    /// Turns and events lost because nobody fetched them.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The grant, if it covers what began at `began` and nothing was stopped.
    fn covered<'a>(&self, granted: Option<&'a Granted>, began: At) -> Option<&'a Granted> {
        granted.filter(|granted| self.stopped.is_none() && began >= granted.since())
    }

    fn keep_sound(&mut self, _: &Granted, at: u64, mulaw: &[u8]) {
        self.tape.put(Channel::Caller, at, mulaw);
    }

    fn keep_words(&mut self, _: &Granted, note: &Note) {
        let turn = if let Note::CallerSaid {
            from,
            to,
            text,
            confidence,
        } = note
        {
            Turn {
                confidence: confidence.is_finite().then_some(confidence.clamp(0.0, 1.0)),
                text: cut_text(text, TEXT_BYTES_MAX).to_owned(),
                ..turn(Speaker::Caller, *from, *to)
            }
        } else if let Note::CallerPressed { at, keys } = note {
            Turn {
                keys: Some(keys.chars().take(KEYS_MAX).collect()),
                ..turn(Speaker::Caller, *at, *at)
            }
        } else if let Note::ToolUsed {
            tool,
            arguments,
            outcome,
            result,
            from,
            to,
            ..
        } = note
        {
            let used = ToolUse {
                name: cut_text(tool, TEXT_BYTES_MAX).to_owned(),
                arguments: cut_text(arguments, TEXT_BYTES_MAX).to_owned(),
                outcome: outcome.code().to_owned(),
                result: cut_text(result, TEXT_BYTES_MAX).to_owned(),
            };
            Turn {
                tool: Some(Box::new(used)),
                ..turn(Speaker::Tool, *from, *to)
            }
        } else {
            return;
        };
        self.push(Entry::Turn(turn));
    }

    fn not_kept(&mut self, from: At, to: At) {
        self.push(Entry::NotKept {
            from_ms: from.ms(),
            to_ms: to.max(from).ms(),
        });
    }

    fn agent_said(&mut self, reply: ReplyId, from: At, to: At, text: &str, cut: bool) {
        let Pending { latency, halts } = self.pending.remove(&reply).unwrap_or_default();
        let turn = Turn {
            text: cut_text(text, TEXT_BYTES_MAX).to_owned(),
            cut,
            halts,
            latency: latency.map(Box::new),
            ..turn(Speaker::Agent, from, to)
        };
        let kept = match self.stopped {
            None => true,
            Some(Stop::Never) => false,
            Some(Stop::Leaves(leaves)) => leaves.has(&turn),
        };
        if kept {
            self.push(Entry::Turn(turn));
        }
    }

    fn interrupted(&mut self, reply: ReplyId, at: At) {
        let halts = &mut self.pending(reply).halts;
        if halts.len() < HALTS_MAX {
            halts.push(Halt {
                at_ms: at.ms(),
                resumed_ms: None,
            });
        }
    }

    fn resumed(&mut self, reply: ReplyId, at: At) {
        if let Some(halt) = self.pending(reply).halts.last_mut() {
            halt.resumed_ms.get_or_insert(at.ms());
        }
    }

    fn pending(&mut self, reply: ReplyId) -> &mut Pending {
        while self.pending.len() >= REPLIES_MAX && !self.pending.contains_key(&reply) {
            // Ids grow: the smallest belongs to a reply that nobody heard.
            self.pending.pop_first();
        }
        self.pending.entry(reply).or_default()
    }

    fn event(&mut self, at: At, kind: &str, detail: &str) {
        self.push(Entry::Event(Event {
            at_ms: at.ms(),
            kind: kind.to_owned(),
            detail: detail.to_owned(),
        }));
    }

    fn consent(&mut self, step: Step, at: At) {
        let until_ms = at.ms();
        match step {
            Step::Announced { .. } | Step::Unclear { .. } => {}
            Step::Granted { .. } => self.granted_at = self.granted_at.or(Some(at)),
            Step::Refused { .. } => self.stop_at(Leaves::Before { until_ms }),
            Step::Withdrawn { .. } => {
                let leaves = Leaves::of_withdrawal(step, self.granted_at.map(At::ms));
                self.stop_at(leaves.unwrap_or(Leaves::Notices { until_ms: 0 }));
            }
        }
        self.ready.push(Entry::Consent(Consent {
            at_ms: at.ms(),
            step,
        }));
    }

    /// Stops, and keeps of what was not fetched what may stay.
    fn stop_at(&mut self, leaves: Leaves) {
        if self.stopped.is_none() {
            let (Leaves::Before { until_ms } | Leaves::Notices { until_ms }) = leaves;
            let end = until_ms.saturating_mul(SAMPLES_PER_MS);
            self.tape
                .take_until(end, |audio| self.ready.push(Entry::Audio(audio)));
        }
        let ready = std::mem::take(&mut self.ready);
        self.ready = ready.into_iter().filter_map(|e| leaves.of(e)).collect();
        self.stop(Stop::Leaves(leaves));
    }

    /// Never loosens what an earlier stop allows.
    fn stop(&mut self, stop: Stop) {
        self.tape.clear();
        let is_looser = match self.stopped {
            None => false,
            Some(Stop::Never) => true,
            Some(Stop::Leaves(_)) => matches!(stop, Stop::Leaves(Leaves::Before { .. })),
        };
        if !is_looser {
            self.stopped = Some(stop);
        }
    }

    fn push(&mut self, entry: Entry) {
        if self.ready.len() < READY_MAX {
            self.ready.push(entry);
        } else {
            self.dropped += 1;
        }
    }
}

fn turn(speaker: Speaker, from: At, to: At) -> Turn {
    Turn {
        speaker,
        from_ms: from.ms(),
        to_ms: to.max(from).ms(),
        text: String::new(),
        keys: None,
        confidence: None,
        cut: false,
        halts: Vec::new(),
        latency: None,
        words: Vec::new(),
        tool: None,
    }
}

/// At most `bytes_max` bytes of `text`, whole characters.
fn cut_text(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests;
