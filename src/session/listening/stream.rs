//! A recogniser that listens all the time: its words and verdicts, and what the ear finds, become facts of the call.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use trunkline_core::call::{Event, Provider, TURN_OVER};
use trunkline_core::time::At;
use trunkline_core::wire::stt::SttEvent;

use crate::provider::{Haste, Listener, Turns};

/// Recognisers put the end of words so much before or after where the ear puts the end of the voice, in samples.
const SLACK: u64 = super::ms(150);
/// After speech of which no word was heard so far, how long its words are waited for, ms.
const WORDS_WITHIN_MS: u32 = 900;
/// After the end of speech, how long the recogniser's verdict on the turn is worth hurrying for, ms.
const VERDICT_WITHIN_MS: u32 = 1_500;
/// So much silence is sent again after a reconnection, in samples: a word may have begun in it …
const SILENCE_KEPT: u64 = super::ms(1_000);
/// … and so often the rest is let go.
const SETTLE_EVERY: u64 = super::ms(500);
/// Ends of speech that wait for their words.
const STOPS_MAX: usize = 16;

/// The end of a stretch of speech.
#[derive(Clone, Copy, Debug)]
struct Stop {
    /// The sample behind its last.
    sample: u64,
    /// The same as the call was told it.
    until: At,
    /// When it is taken for a sound without words.
    given_up: At,
}

pub(super) struct Stream {
    listener: Box<dyn Listener>,
    turns: Turns,
    /// The call was told that the caller speaks, since this sample.
    talking: Option<u64>,
    /// The last end of speech that the call was told.
    stopped: Option<Stop>,
    /// Ends of speech without final words.
    stops: VecDeque<Stop>,
    /// Audio up to here has its final words.
    transcribed: u64,
    /// There are words since then that are not final.
    has_partial: bool,
    /// There are words, final or not, of the speech that goes on.
    has_words: bool,
    /// The recogniser's verdict on the turn is waited for until then.
    verdict_until: Option<At>,
    haste: Haste,
    /// The ear has heard a voice since the last final words.
    is_unanswered: bool,
    /// Nothing was said before this sample that has no final words.
    settled: u64,
    is_over: bool,
}

impl Stream {
    pub(super) fn new(listener: Box<dyn Listener>, turns: Turns) -> Self {
        Self {
            listener,
            turns,
            talking: None,
            stopped: None,
            stops: VecDeque::new(),
            transcribed: 0,
            has_partial: false,
            has_words: false,
            verdict_until: None,
            haste: Haste::None,
            is_unanswered: false,
            settled: 0,
            is_over: false,
        }
    }

    pub(super) fn turns(&self) -> Turns {
        self.turns
    }

    pub(super) fn push(&mut self, mulaw: &[u8]) {
        self.listener.push(mulaw);
    }

    /// Looks at where the conversation stands, with every frame: how soon audio is wanted, if only for what the caller does
    /// (once they are silent, for the recogniser's verdict on their turn too), and what of it is done with. `position`:
    /// samples received.
    pub(super) fn attend(&mut self, haste: Haste, position: u64, now: At) {
        let haste = match self.verdict_until {
            Some(until) if now < until => Haste::Now,
            Some(_) | None => haste,
        };
        if std::mem::replace(&mut self.haste, haste) != haste {
            self.listener.hasten(haste);
        }
        let silent_to = position.saturating_sub(SILENCE_KEPT);
        if silent_to >= self.settled + SETTLE_EVERY && self.is_silent_before(silent_to) {
            self.settled = silent_to;
            self.listener.settle(silent_to);
        }
    }

    /// Words are wanted as soon as they are there.
    pub(super) fn is_hurried(&self) -> bool {
        self.haste == Haste::Now
    }

    /// Neither the ear nor the recogniser has heard anything before `sample` that has no final words. A recogniser that has
    /// none for a voice may be deaf, and the next one has to hear it.
    fn is_silent_before(&self, sample: u64) -> bool {
        !self.is_unanswered
            && !self.has_partial
            && self.stopped.is_none_or(|stop| stop.sample <= sample)
    }

    /// The next thing the recogniser says; never again once it is gone.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<SttEvent> {
        if self.is_over {
            return Poll::Pending;
        }
        match self.listener.poll_next(cx) {
            Poll::Ready(Some(event)) => Poll::Ready(event),
            Poll::Ready(None) => {
                self.is_over = true;
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Who listens.
    pub(super) fn provider(&self) -> Provider {
        self.listener.provider()
    }

    /// The vendor that has taken over since this was asked last.
    pub(super) fn taken_over(&mut self) -> Option<&'static str> {
        self.listener.taken_over()
    }

    /// The ear found the beginning of speech.
    pub(super) fn started(&mut self, sample: u64, at: At, out: &mut VecDeque<Event>) {
        if self.talking.is_none() {
            self.verdict_until = None;
            self.is_unanswered = true;
            self.has_words = false;
            self.talking = Some(sample);
            out.push_back(Event::SpeechStarted { at });
        }
    }

    /// The ear, or the recogniser, found the end of speech.
    pub(super) fn stopped(&mut self, sample: u64, until: At, now: At, out: &mut VecDeque<Event>) {
        if self.talking.take().is_none() {
            return;
        }
        let given_up = now.plus(WORDS_WITHIN_MS);
        let stop = Stop {
            sample,
            until,
            given_up,
        };
        self.stopped = Some(stop);
        out.push_back(Event::SpeechStopped { at: until });
        match self.turns {
            Turns::Own => self.listener.finalize(),
            Turns::Cloud => self.verdict_until = Some(now.plus(VERDICT_WITHIN_MS)),
        }
        if self.turns == Turns::Own || sample > self.transcribed + SLACK {
            if self.stops.len() >= STOPS_MAX {
                self.stops.pop_front();
            }
            self.stops.push_back(stop);
        } else if !self.has_words {
            // The recogniser found it empty before the ear found its end.
            out.push_back(Event::Final {
                until,
                text: String::new(),
                confidence: 1.0,
            });
        }
    }

    /// What the recogniser said; `when` tells the moment at which a sample was spoken.
    pub(super) fn heard(
        &mut self,
        event: SttEvent,
        now: At,
        when: impl Fn(u64) -> At,
        out: &mut VecDeque<Event>,
    ) {
        match event {
            SttEvent::SpeechStarted { at_ms } => {
                let sample = super::ms(at_ms);
                let is_new = self.stopped.is_none_or(|stop| sample > stop.sample);
                if self.turns == Turns::Cloud && is_new {
                    self.started(sample, when(sample), out);
                }
            }
            SttEvent::Partial { until_ms, text } => {
                self.has_partial = !text.is_empty();
                self.has_words |= self.has_partial;
                if self.has_partial {
                    let until = when(super::ms(until_ms)).min(now);
                    out.push_back(Event::Partial { until, text });
                }
            }
            SttEvent::Final {
                until_ms,
                text,
                confidence,
                asked,
                ..
            } => {
                self.has_partial = false;
                self.has_words |= !text.is_empty();
                self.is_unanswered = self.talking.is_some();
                let sample = super::ms(until_ms);
                self.transcribed = self.transcribed.max(sample);
                let mut until = None;
                let mut asked = asked;
                while let Some(stop) = self
                    .stops
                    .pop_front_if(|stop| asked || stop.sample <= sample + SLACK)
                {
                    until = Some(stop.until);
                    asked = false;
                }
                // Silence that was transcribed is news only where words are waited for.
                if until.is_none() && text.is_empty() {
                    return;
                }
                let until = until.unwrap_or_else(|| when(sample).min(now));
                out.push_back(Event::Final {
                    until,
                    text,
                    confidence,
                });
            }
            SttEvent::TurnEnded { at_ms } => self.turn_ended(super::ms(at_ms), now, when, out),
            SttEvent::Trouble {
                trouble,
                is_over: true,
            } => {
                tracing::warn!(%trouble, "recogniser");
                self.is_over = true;
                out.push_back(Event::HearFailed {
                    until: now,
                    fatal: true,
                });
            }
            SttEvent::Trouble { trouble, .. } => tracing::debug!(%trouble, "recogniser"),
            SttEvent::TurnMayEnd { at_ms } if self.turns == Turns::Cloud => {
                let at = when(super::ms(at_ms)).min(now);
                out.push_back(Event::SpeechPaused { at });
            }
            SttEvent::TurnResumed if self.turns == Turns::Cloud => {
                out.push_back(Event::SpeechResumed);
            }
            SttEvent::Ready | SttEvent::TurnMayEnd { .. } | SttEvent::TurnResumed => {}
        }
    }

    /// The recogniser holds the turn to be over, where its word counts.
    fn turn_ended(
        &mut self,
        sample: u64,
        now: At,
        when: impl Fn(u64) -> At,
        out: &mut VecDeque<Event>,
    ) {
        if self.turns == Turns::Own {
            return;
        }
        match self.talking {
            // It is about the speech before this.
            Some(since) if sample < since => return,
            // A line that is noisy, or a voice that is quiet: the ear has not found the end.
            Some(_) => self.stopped(sample, when(sample).min(now), now, out),
            None => {}
        }
        self.verdict_until = None;
        if let Some(stop) = self.stopped {
            out.push_back(Event::TurnScored {
                until: stop.until,
                complete: TURN_OVER,
            });
        }
    }

    /// Takes speech of which no word came for a sound.
    pub(super) fn tick(&mut self, now: At, out: &mut VecDeque<Event>) {
        while let Some(stop) = self.stops.pop_front_if(|stop| stop.given_up <= now) {
            // Words that are not final yet are waited for as long as the call likes.
            if !self.has_partial && !self.is_over {
                out.push_back(Event::Final {
                    until: stop.until,
                    text: String::new(),
                    confidence: 1.0,
                });
            }
        }
    }

    /// When [`Stream::tick`] next has something to do, ms.
    pub(super) fn next_due(&self) -> Option<u64> {
        self.stops.front().map(|stop| stop.given_up.ms())
    }
}

#[cfg(test)]
mod tests;
