//! The line of a call: what comes on it, and when it is looked at.

use std::task::Poll;

use trunkline_core::call::{EndReason, Event};
use trunkline_core::journal::SILENCE;
use trunkline_core::time::At;
use trunkline_core::wire::twilio::{Inbound, Track};
use trunkline_media::g711::MULAW_SILENCE;

use super::Session;
use crate::line::Line;

/// A frame of what was not heard.
const SAMPLES_PER_FRAME: usize = 160;
const FRAME_MS: u64 = 20;

/// Audio may come this much ahead of real time: a carrier that caught up after a stall. More is a flood.
const AHEAD_MS_MAX: u64 = 30_000;

/// Messages that are taken from a line at once after a rest; what is left comes in its turn.
const AT_ONCE_MAX: usize = 8;

/// A frame that is this late was not the last to come. What is less may be the rest itself, or a server that has many lines
/// to look at: those it must not look at more often for it.
const LATE_MS: u64 = 35;

impl Session {
    /// The line is not looked at for now.
    pub(super) fn rests(&self) -> bool {
        self.rests_until > self.now().ms()
    }

    /// After a frame: the line rests for as long as admission finds right, unless something else waits for what comes next. It
    /// rests two frames instead of three while the caller may be at the end of what they say, and twice as long while the
    /// agent speaks and the caller is silent: whoever interrupts has to do so for longer than that (`overlap.pause_ms`) before
    /// anything follows from it.
    fn may_rest(&mut self, now: At, over_agent: bool) {
        let rest_ms = self.line_rests.ms();
        let may_sleep = over_agent && self.listening.is_silent() && rest_ms * 3 <= self.overlap_ms;
        let ms = if self.listening.is_hurried(over_agent) {
            rest_ms * 2 / 3
        } else if may_sleep {
            rest_ms * 2
        } else {
            rest_ms
        };
        let is_awaited = || {
            // A frame that is late has others behind it.
            let late_ms = now.ms().saturating_sub(self.listening.undelayed_ms(now));
            late_ms > LATE_MS
                || self.speaking.ends_by(now.ms() + ms)
                || !self.call.consent_decided()
                || self.call.wants_tones()
        };
        self.rests_until = match ms {
            0 => 0,
            _ if is_awaited() => 0,
            ms => now.ms() + ms,
        };
    }

    /// Takes in what came while the line rested.
    pub(super) fn read_on(&mut self) {
        for _ in 0..AT_ONCE_MAX {
            if self.call.is_ended() || self.gone.is_some() {
                return;
            }
            match self.line.received() {
                Poll::Ready(inbound) => self.inbound(inbound),
                Poll::Pending => return,
            }
        }
    }

    pub(super) fn inbound(&mut self, inbound: Option<Inbound>) {
        let event = match inbound {
            None => return self.line_closed(EndReason::LineLost),
            Some(Inbound::Stop) => return self.line_closed(EndReason::CallerHungUp),
            Some(Inbound::Media {
                track: Track::Inbound,
                ..
            }) => return self.media(),
            Some(Inbound::Key { digit }) => Event::Key { key: digit },
            Some(Inbound::Mark { name }) => {
                let now = self.now();
                let came = self.listening.undelayed_ms(now);
                self.speaking.marked(came, &name);
                return self.drive(None);
            }
            Some(
                Inbound::Media {
                    track: Track::Outbound,
                    ..
                }
                | Inbound::Connected { .. }
                | Inbound::Start(_)
                | Inbound::Unknown,
            ) => return,
        };
        self.drive(Some(event));
    }

    /// No mark will come any more: what the caller heard of the sentence in play is known by the clock alone.
    fn line_closed(&mut self, reason: EndReason) {
        if self.call.is_away() {
            // Whoever leads it now may have closed it.
            self.gone = Some(reason);
            self.line_closed.cancel();
            return;
        }
        if let Some(heard) = self.speaking.heard(self.now().ms()) {
            self.drive(Some(heard));
        }
        self.drive(Some(Event::LineClosed { reason }));
    }

    /// The caller is back after they were led away: what was not heard meanwhile is silence.
    pub(super) fn line_is_back(&mut self, line: Line) {
        self.line = line;
        self.gone = None;
        let now = self.now();
        let silence = [SILENCE; SAMPLES_PER_FRAME];
        while self.listening.audio_ms() + FRAME_MS <= now.ms() {
            self.frame(now, &silence);
        }
        self.drive_listening();
    }

    fn frame(&mut self, now: At, mulaw: &[u8]) {
        if let Some(keeping) = &mut self.keeping {
            let position = self.listening.position();
            keeping.caller(now, self.call.granted(), position, mulaw);
        }
        self.listening.push(now, mulaw, false, &self.jobs);
    }

    fn media(&mut self) {
        let now = self.now();
        if self.listening.audio_ms() > now.ms() + AHEAD_MS_MAX {
            tracing::warn!("audio came far faster than real time; the line is closed");
            return self.line_closed(EndReason::LineLost);
        }
        // Keys that are secret sound on the line, and people say them aloud as they press them: nobody hears that.
        let is_withheld = self.call.withholds();
        let hushed = is_withheld.then(|| vec![MULAW_SILENCE; self.line.audio().len()]);
        let audio = hushed.as_deref().unwrap_or(self.line.audio());
        if let Some(keeping) = &mut self.keeping {
            let position = self.listening.position();
            keeping.caller(now, self.call.granted(), position, audio);
        }
        let over_agent = self.call.speaking().is_some();
        self.listening.push(now, audio, over_agent, &self.jobs);
        self.drive_listening();
        self.may_rest(now, over_agent);
    }
}
