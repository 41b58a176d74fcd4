//! The caller: their speech, their words, their keys, and whether they spoke over the agent.

use super::action::{Action, Note};
use super::event::{After, Expects};
use super::reply::{Fate, Mind, Origin, Playback};
use super::{Call, Stage};
use crate::commands;
use crate::redact;
use crate::time::At;

/// Longest text taken from one verdict, in characters; a minute of fast speech has about 1,200.
const TEXT_CHARS_MAX: usize = 4_000;
/// Most keys that are kept for one answer.
const KEYS_MAX: usize = 64;
/// A verdict may end this much before the voice does and still be about all of it.
const VERDICT_SLACK_MS: u64 = 150;

/// What is known of the caller's voice and of the recogniser that listens to it.
#[derive(Clone, Debug, Default)]
pub(super) struct Caller {
    /// Speaking since.
    pub(super) talking: Option<At>,
    /// Start of the speech that has no verdict yet.
    pub(super) from: At,
    /// Start of the speech before that one. A verdict that comes late is about it.
    before: At,
    /// Speech last ended here.
    stopped: Option<At>,
    /// Silent since, for a moment, within speech.
    pub(super) paused: Option<At>,
    /// All before this has its verdict.
    transcribed: At,
    pub(super) partial: String,
    /// Audio up to here is in it.
    partial_until: At,
    pub(super) score: Option<f32>,
    /// The last verdict with words, for commands that a pause cut in two.
    pub(super) last: Option<Verdict>,
    pub(super) star: bool,
    /// A partial has stood in for the verdict on everything up to here; should that come after all, it says nothing new.
    stood_in: Option<At>,
}

/// Words of the caller's, and when they were spoken.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) from: At,
    pub(super) to: At,
    pub(super) text: String,
}

impl Caller {
    /// What was heard so far is over and done with.
    pub(super) fn begin_anew(&mut self, now: At) {
        let talking = self.talking.map(|_| now);
        *self = Self {
            talking,
            from: now,
            before: now,
            transcribed: now,
            ..Self::default()
        };
    }

    /// Speech without a verdict begins here.
    fn begin(&mut self, at: At) {
        if at != self.from {
            self.before = std::mem::replace(&mut self.from, at);
        }
    }

    /// Where the speech began that a verdict up to `until` is about: never later than it did, since words from before a
    /// grant must not pass for later ones.
    fn start_of(&self, until: At) -> At {
        let starts = [self.from, self.before];
        let start = starts.into_iter().find(|start| *start <= until);
        start.unwrap_or(At::START)
    }

    /// Not speaking, and every sound so far has its verdict.
    pub(super) fn is_quiet(&self) -> bool {
        self.talking.is_none() && self.missing_since().is_none()
    }

    /// Where the voice ended that a verdict up to `to` is about: recognisers may count some of the silence in.
    pub(super) fn voice_end(&self, from: At, to: At) -> At {
        match (self.talking, self.stopped) {
            (None, Some(stopped)) => to.min(stopped.max(from)),
            (Some(_), _) | (None, None) => to,
        }
    }

    /// Words that are no verdict yet and hold all that was said, the caller being silent.
    pub(super) fn whole_partial(&self) -> Option<&str> {
        let silent = match self.talking {
            Some(_) => self.paused,
            None => self.stopped,
        }?;
        let is_whole = self.partial_until.ms() + VERDICT_SLACK_MS >= silent.ms();
        (is_whole && !self.partial.is_empty()).then_some(self.partial.as_str())
    }

    /// Where the voice last ended.
    pub(super) fn stopped_at(&self) -> At {
        self.stopped.unwrap_or_default()
    }

    /// The end of speech whose verdict is missing.
    pub(super) fn missing_since(&self) -> Option<At> {
        let stopped = self.stopped.filter(|_| self.talking.is_none())?;
        (stopped.since(self.transcribed) > VERDICT_SLACK_MS).then_some(stopped)
    }
}

/// The caller spoke while the agent did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Overlap {
    pub(super) from: At,
    pub(super) ended: Option<At>,
}

impl Call {
    pub(super) fn speech_started(&mut self, at: At) {
        if self.caller.talking.is_some() {
            return;
        }
        let at = at.min(self.now);
        if self.caller.missing_since().is_none() {
            self.caller.begin(at);
        }
        self.caller.talking = Some(at);
        self.caller.paused = None;
        self.caller.score = None;
        if self.speaking.as_ref().is_some_and(|r| !r.is_protected()) {
            self.overlap = Some(Overlap {
                from: at,
                ended: None,
            });
        }
    }

    pub(super) fn speech_paused(&mut self, at: At) {
        if self.caller.talking.is_some() {
            self.caller.paused = Some(at.min(self.now));
        }
    }

    pub(super) fn speech_stopped(&mut self, at: At) {
        if self.caller.talking.take().is_none() {
            return;
        }
        self.caller.paused = None;
        // The ear's clock and ours may drift while a line stalls: the end is what the verdict will be about, so the start
        // gives way.
        let at = at.min(self.now);
        self.caller.from = self.caller.from.min(at);
        self.caller.stopped = Some(at);
        self.idle_since = self.now;
        if let Some(overlap) = &mut self.overlap {
            overlap.ended = Some(at);
        }
    }

    pub(super) fn turn_scored(&mut self, until: At, complete: f32) {
        let is_current = self
            .caller
            .stopped
            .is_some_and(|s| s.since(until).max(until.since(s)) <= VERDICT_SLACK_MS);
        if is_current && self.caller.talking.is_none() && complete.is_finite() {
            self.caller.score = Some(complete);
        }
    }

    pub(super) fn partial(&mut self, until: At, text: String, out: &mut Vec<Action>) {
        if until <= self.caller.transcribed
            || (self.caller.talking.is_none() && self.caller.missing_since().is_none())
        {
            return;
        }
        self.caller.partial = bounded(&text).to_owned();
        self.caller.partial_until = until.min(self.now);
        self.doubt_guess(out);
        // Words in mid-overlap that are more than a backchannel: the floor is the caller's. The words themselves
        // are answered when the verdict comes.
        let overlap_ms = self.overlap.map_or(0, |o| until.since(o.from));
        let is_long = overlap_ms > u64::from(self.settings.overlap.backchannel_ms);
        if is_long
            && text.split_whitespace().count() >= 3
            && !commands::is_backchannel(self.settings.language, &text)
        {
            self.yield_floor(out);
        }
    }

    pub(super) fn final_text(
        &mut self,
        until: At,
        text: &str,
        confidence: f32,
        out: &mut Vec<Action>,
    ) {
        if self.caller.stood_in.is_some_and(|at| until <= at) {
            return self.obey_late_words(bounded(text), confidence, out);
        }
        let from = self.caller.start_of(until);
        let to = until.clamp(from, self.now.max(from));
        self.caller.transcribed = self.caller.transcribed.max(until.min(self.now));
        if self.caller.talking.is_some() {
            let goes_on = self.caller.talking.map_or(to, |talking| talking.max(to));
            self.caller.begin(goes_on);
        }
        self.caller.partial.clear();
        let text = bounded(text);
        if text.is_empty() {
            return;
        }
        let confidence = if confidence.is_finite() {
            confidence.clamp(0.0, 1.0)
        } else {
            0.0
        };
        self.strikes.ears = 0;
        self.nudges = 0;
        let words = Verdict {
            from,
            to,
            text: text.to_owned(),
        };
        if self.answering_hears(&words, confidence, out) {
            return;
        }
        let was_decided = self.gate.is_decided();
        let found = self.commands_in(text, confidence, to);
        // What ends the keeping of words is written down before the words.
        let objected = self.object_in_words(&found, from, out);
        let told = self.note_words((from, to), text, confidence, out);
        self.obey_words(&found, objected, out);
        self.caller.last = Some(Verdict {
            from,
            to,
            text: text.to_owned(),
        });
        if found.covers() {
            return;
        }
        // What completes a number within the turn is taken out of the whole turn.
        let text = match redact::has_card(&format!("{} {text}", self.open.text)) {
            true => text,
            false if told.trim().is_empty() => return,
            false => told.as_str(),
        };
        match (was_decided, self.gate.is_decided()) {
            (true, _) => self.take_words(text, confidence, from, to, out),
            (false, true) => self.take_rest(
                &found.rest(self.settings.language, text),
                confidence,
                from,
                to,
                out,
            ),
            (false, false) => self.hear_before_consent(text, confidence, from, to),
        }
    }

    /// Words that are no command: an interruption, a backchannel, or (part of) a turn.
    pub(super) fn take_words(
        &mut self,
        text: &str,
        confidence: f32,
        from: At,
        to: At,
        out: &mut Vec<Action>,
    ) {
        let (overlap, language) = (&self.settings.overlap, self.settings.language);
        let is_short = to.since(from) < u64::from(overlap.backchannel_ms);
        let is_unsure = is_short && confidence < overlap.confidence;
        let is_backchannel = is_unsure || commands::is_backchannel(language, text);
        if let Some(reply) = &self.speaking {
            let early_answer =
                reply.asks_last() && commands::yes_no(language, text).is_some() && !is_unsure;
            let ignored = match reply.origin {
                Origin::Unheard => false,
                Origin::Opening => is_backchannel || commands::is_greeting(language, text),
                Origin::Turn
                | Origin::Nudge
                | Origin::Notice
                | Origin::Asked
                | Origin::Filler
                | Origin::Transfer
                | Origin::Prompt
                | Origin::Ending(_) => {
                    is_backchannel
                        || (reply.after == After::HangUp && commands::is_farewell(language, text))
                }
            };
            if early_answer {
                self.add_words(text, from, to);
                self.overlap = None;
                return;
            }
            if ignored {
                self.overlap = None;
                return;
            }
            self.learn_from_cut_in(from);
            self.yield_floor(out);
        } else if self.drafting.as_ref().is_some_and(|r| r.answers != (0, 0)) && is_backchannel {
            // "Mm-hm" while we think about what was said before adds nothing.
            return;
        }
        self.owes_opening = false;
        self.add_words(text, from, to);
        if !self.guessed_right() {
            self.cancel_draft(out);
        }
    }

    /// The caller has the floor: a reply that may be cut is dropped.
    pub(super) fn yield_floor(&mut self, _out: &mut Vec<Action>) {
        if let Some(reply) = self.speaking.as_mut().filter(|r| !r.is_protected()) {
            reply.fate = Fate::Drop;
            self.overlap = None;
        }
    }

    pub(super) fn key(&mut self, key: char, out: &mut Vec<Action>) {
        if !matches!(key, '0'..='9' | '*' | '#' | 'A'..='D') || self.phase != super::Phase::Live {
            return;
        }
        self.nudges = 0;
        self.idle_since = self.now;
        if self.key_for_tool(key, out) {
            return;
        }
        if let Some(reply) = self.speaking.as_ref().filter(|r| r.mind == Mind::Done) {
            self.expects = reply.expects;
        }
        let after_star = std::mem::replace(&mut self.caller.star, key == '*');
        let bound = self
            .settings
            .keys
            .command(key)
            .filter(|_| after_star || self.expects == Expects::Words);
        if let Some(command) = bound {
            return self.obey_key(command, out);
        }
        if self.gate.is_question() && key != '*' {
            return self.key_to_question(key, out);
        }
        if key == '*' || self.open.keys.len() >= KEYS_MAX {
            return;
        }
        self.yield_floor(out);
        self.cancel_draft(out);
        self.owes_opening = false;
        self.open.keys.push(key);
        self.open.pressed = self.now;
        self.open.decided = None;
    }

    pub(super) fn settle_overlap(&mut self, out: &mut Vec<Action>) {
        let Some(reply) = &self.speaking else {
            self.overlap = None;
            return;
        };
        if self.overlap.is_none() && self.caller.talking.is_some() && !reply.is_protected() {
            self.overlap = Some(Overlap {
                from: self.now,
                ended: None,
            });
        }
        if self.caller.is_quiet() {
            self.overlap = None;
        }
        if self.overlap_deadline().is_some_and(|at| at <= self.now)
            && let Some(reply) = &mut self.speaking
        {
            reply.playback = Playback::Halting;
            reply.halted = Some(self.now);
            reply.progress = self.now;
            out.push(Action::Pause { reply: reply.id });
            out.push(Action::Note(Note::Interrupted {
                reply: reply.id,
                at: self.now,
            }));
        }
    }

    /// When the running overlap halts playback.
    pub(super) fn overlap_deadline(&self) -> Option<At> {
        let overlap = self.overlap.filter(|o| o.ended.is_none())?;
        let reply = self.speaking.as_ref()?;
        (reply.playback == Playback::On && reply.fate == Fate::GoOn && !reply.is_protected())
            .then(|| overlap.from.plus(self.settings.overlap.pause_ms))
    }

    /// When an overlap that has ended counts as nothing, should no words come of it.
    pub(super) fn verdict_deadline(&self) -> Option<At> {
        let overlap = self.overlap?;
        let ended = overlap.ended?;
        let settings = &self.settings.overlap;
        let is_short = ended.since(overlap.from) < u64::from(settings.backchannel_ms);
        let wait = if is_short {
            settings.verdict_ms
        } else {
            self.settings.limits.transcript_ms
        };
        Some(ended.plus(wait).max(self.now.plus(1)))
    }

    /// The caller's words and keys could be put to the mind, were the turn over.
    pub(super) fn may_think(&self) -> bool {
        !self.open.is_empty()
            && self.may_ask_mind()
            && self.drafting.as_ref().is_none_or(|r| r.guess.is_some())
            && self.ending.is_none()
            && self.caller.is_quiet()
            && self
                .speaking
                .as_ref()
                .is_none_or(|r| matches!(r.origin, Origin::Notice | Origin::Filler))
    }

    /// The recogniser owes a verdict and will not give it.
    pub(super) fn transcript_missing(&mut self, out: &mut Vec<Action>) {
        let Some(stopped) = self.caller.missing_since() else {
            return;
        };
        let partial = std::mem::take(&mut self.caller.partial);
        if !partial.is_empty() {
            self.final_text(stopped, &partial, 0.5, out);
            self.caller.stood_in = Some(stopped);
            return;
        }
        self.unheard(stopped, out);
    }

    pub(super) fn hear_failed(&mut self, until: At, fatal: bool, out: &mut Vec<Action>) {
        out.push(Action::Note(Note::StageFailed {
            stage: Stage::Ears,
            at: self.now,
        }));
        if fatal {
            return self.give_up(Stage::Ears, out);
        }
        let partial_is_of_it = self.caller.talking.is_some() && !self.caller.partial.is_empty();
        if partial_is_of_it {
            let partial = std::mem::take(&mut self.caller.partial);
            return self.final_text(until, &partial, 0.5, out);
        }
        if self
            .caller
            .missing_since()
            .is_some_and(|stopped| until.ms() + VERDICT_SLACK_MS >= stopped.ms())
        {
            self.transcript_missing(out);
        }
    }

    /// Speech without a verdict: asked for again, unless it was too short to be words or the agent is speaking anyway.
    fn unheard(&mut self, stopped: At, out: &mut Vec<Action>) {
        let spoken_ms = stopped.since(self.caller.from);
        self.caller.transcribed = stopped;
        if !self.gate.is_decided() {
            return self.not_understood(self.caller.from, stopped);
        }
        let is_busy = self.muted
            || self.speaking.is_some()
            || self.drafting.is_some()
            || !self.open.is_empty()
            || self.ending.is_some();
        if spoken_ms < u64::from(self.settings.overlap.backchannel_ms) / 2 || is_busy {
            return;
        }
        self.strikes.ears = self.strikes.ears.saturating_add(1);
        if self.strikes.ears >= 3 {
            return self.give_up(Stage::Ears, out);
        }
        let mut reply = self.new_reply(Origin::Unheard, Mind::None);
        reply.push(self.settings.notices.unheard.clone(), false);
        self.speak(reply, out);
    }

    /// A stretch of "speech" without end: with words, they are a turn; without, it is noise and counts for nothing.
    pub(super) fn speech_too_long(&mut self) {
        self.caller.talking = None;
        self.caller.stopped = Some(self.now);
        self.idle_since = self.now;
        if self.caller.partial.is_empty() {
            self.caller.transcribed = self.now;
            self.not_understood(self.caller.from, self.now);
        }
    }
}

fn bounded(text: &str) -> &str {
    let text = text.trim();
    text.char_indices()
        .nth(TEXT_CHARS_MAX)
        .map_or(text, |(at, _)| &text[..at])
}
