//! What a caller makes of the agent's audio.

use super::{Caller, Disturbance, Line, Phase};
use crate::clock::Micros;
use crate::tone::Spoken;
use trunkline_media::g711::mulaw_decode;

/// A sample above this is the agent speaking; what is below is silence that it sends.
const AUDIBLE: u16 = 500;
/// How much of an answer its tone is read from: 40 ms.
const LOOK: usize = 320;
/// How often the next part is looked at if the tone is not clear.
const LOOKS_MAX: usize = 8;

/// The beginning of an answer whose tone is not known yet.
pub(super) struct Beginning {
    latency: Micros,
    samples: Vec<i16>,
    looks: usize,
}

impl Caller {
    /// Audio came: mu-law, 8 kHz, any length.
    pub(crate) fn heard(&mut self, now: Micros, mulaw: &[u8]) {
        if self.is_in_window(now) {
            self.tally.media_in += 1;
        }
        let dry_since = self.playout.end();
        let (begin, end) = self.playout.queue(now, mulaw.len());
        let is_halted = self
            .disturbance
            .as_ref()
            .is_some_and(Disturbance::is_halted);
        if self.audible_end.is_some() && now > dry_since && !is_halted {
            self.dry.push(now - dry_since);
        }
        if !mulaw
            .iter()
            .any(|&code| mulaw_decode(code).unsigned_abs() >= AUDIBLE)
        {
            return;
        }
        self.last_audible = end;
        match self.phase {
            Phase::Greeting | Phase::Answer => {}
            Phase::Waiting => {
                if !self.answer_begins(now, begin) {
                    return;
                }
            }
            Phase::Speaking { is_barge: true, .. } => {
                if self.is_cleared {
                    self.tally.stale_frames += u64::from(self.counts());
                    return;
                }
            }
            Phase::Speaking {
                is_barge: false, ..
            } => {
                self.is_interjected = true;
                return;
            }
            Phase::Pause { .. } => {
                if !self.is_interjected && self.is_in_window(now) && !self.is_consenting {
                    self.tally.out_of_turn += 1;
                }
                self.is_interjected = true;
                return;
            }
        }
        self.audible(now, mulaw, begin, end);
    }

    /// Audio while the caller waits: false if it cannot be an answer.
    fn answer_begins(&mut self, now: Micros, begin: Micros) -> bool {
        let latency = now - self.speech_end;
        if latency < self.script.latency_min && !self.is_consenting {
            // Of an answer that was given too soon, or the rest of one that was interrupted.
            if !self.is_interjected && self.counts() {
                self.tally.premature += 1;
            }
            self.is_interjected = true;
            self.silent_since = self.playout.end();
            return false;
        }
        if self.counts() {
            self.tally
                .silence_max
                .see(begin.saturating_sub(self.silent_since));
        }
        self.forget_answer();
        self.beginning = Some(Beginning {
            latency,
            samples: Vec::with_capacity(LOOK),
            looks: 0,
        });
        self.phase = Phase::Answer;
        if self.may_be_disturbed() {
            self.disturbance = self.noises.next(&self.script, begin, self.code);
        }
        true
    }

    fn audible(&mut self, now: Micros, mulaw: &[u8], begin: Micros, end: Micros) {
        if self.first_audible.is_none() {
            self.first_audible = Some(begin);
            if self.phase == Phase::Greeting {
                self.tally.greeting.push(now - self.started);
            }
        }
        if let Some(disturbance) = &mut self.disturbance {
            disturbance.heard(begin, mulaw);
        }
        let dry = std::mem::take(&mut self.dry);
        if self.phase == Phase::Answer && self.counts() {
            for gap in dry {
                let is_underrun = gap > self.script.underrun;
                self.tally.underruns += u64::from(is_underrun);
                self.underruns += u64::from(is_underrun);
                self.tally.silence_max.see(gap);
                self.tally.gaps.push(gap);
            }
        }
        self.audible_end = Some(end);
        self.audible_length += end - begin;
        if self.phase == Phase::Answer {
            self.verify(mulaw, end);
        }
    }

    /// Reads whose words the answer answers, as soon as enough of it has come.
    fn verify(&mut self, mulaw: &[u8], end: Micros) {
        let Some(mut beginning) = self.beginning.take() else {
            return;
        };
        beginning
            .samples
            .extend(mulaw.iter().map(|&code| mulaw_decode(code)));
        while beginning.samples.len() >= LOOK {
            match Spoken::read(&beginning.samples[..LOOK]) {
                Spoken::Unclear if beginning.looks < LOOKS_MAX => {
                    beginning.looks += 1;
                    beginning.samples.drain(..LOOK / 2);
                }
                Spoken::Code(code) if self.script.is_marked && !self.is_consenting => {
                    if code == self.code {
                        self.answered(beginning.latency, true);
                    } else {
                        self.wrong(code, end);
                    }
                    return;
                }
                Spoken::Code(_) | Spoken::Neutral | Spoken::Unclear => {
                    self.answered(beginning.latency, false);
                    return;
                }
            }
        }
        self.beginning = Some(beginning);
    }

    fn answered(&mut self, latency: Micros, is_verified: bool) {
        if let (Some(disturbance), true) = (&mut self.disturbance, is_verified) {
            disturbance.is_of_own_answer();
        }
        if !self.counts() {
            return;
        }
        if is_verified {
            self.tally.verified += 1;
        } else {
            self.tally.unverified += 1;
        }
        if matches!(self.line, Line::Halves { .. }) {
            self.tally.hesitating.push(latency);
        } else {
            self.tally.plain.push(latency);
        }
    }

    /// An answer to other words is none: the caller goes on waiting.
    fn wrong(&mut self, code: u8, end: Micros) {
        if !self.is_wrong && self.counts() {
            self.tally.wrong += 1;
            self.tally.wrong_to_half += u64::from(self.half_code == Some(code));
        }
        self.is_wrong = true;
        self.phase = Phase::Waiting;
        self.silent_since = end;
        self.forget_answer();
    }

    /// What is queued was taken back.
    pub(crate) fn cleared(&mut self, now: Micros) {
        self.playout.clear(now);
        self.dry.clear();
        let was_audible = self.audible_end.is_some_and(|end| end > now);
        self.audible_end = self.audible_end.map(|end| end.min(now));
        match self.phase {
            Phase::Speaking { is_barge: true, .. } if !self.is_cleared => {
                self.is_cleared = true;
                if self.counts() {
                    self.tally.barge_clear.push(now - self.barge_start);
                    self.tally.barge_stop.push(now - self.barge_start);
                }
            }
            // Servers may clear at every turn of the caller's; what counts is an answer that is cut.
            Phase::Answer if was_audible => {
                let disturbance = self.disturbance.as_mut();
                let is_asked = disturbance.is_some_and(|disturbance| disturbance.cleared(now));
                if !is_asked && self.counts() {
                    self.tally.unasked_clears += 1;
                }
            }
            Phase::Greeting
            | Phase::Pause { .. }
            | Phase::Speaking { .. }
            | Phase::Waiting
            | Phase::Answer => {}
        }
    }

    /// The call is over, `now`, for whatever reason: what was waited for did not come.
    pub(crate) fn hung_up(&mut self, now: Micros) {
        let silence = now.saturating_sub(self.last_audible);
        self.tally.silence_at_end.see(silence);
        if self.phase == Phase::Waiting && self.counts() {
            self.tally
                .silence_max
                .see(now.saturating_sub(self.silent_since));
        }
        if self.phase == Phase::Answer {
            self.answer_over(now, true);
        }
    }

    pub(super) fn answer_over(&mut self, now: Micros, is_cut: bool) {
        if let Some(Beginning { latency, .. }) = self.beginning.take() {
            // Over before there was enough of it to tell.
            self.answered(latency, false);
        }
        if self.counts() {
            self.tally.answers += 1;
            self.tally.answers_with_underrun += u64::from(self.underruns > 0);
            if self.disturbance.is_some() {
                self.disturbed(now, is_cut);
            } else if !is_cut {
                self.tally.answer_length.push(self.audible_length);
            }
        }
        self.underruns = 0;
    }

    pub(super) fn forget_answer(&mut self) {
        self.first_audible = None;
        self.audible_end = None;
        self.audible_length = 0;
        self.underruns = 0;
        self.dry.clear();
        self.beginning = None;
        self.disturbance = None;
    }
}
