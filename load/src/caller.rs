//! One caller: what it says when, and what it makes of what it hears. Pure: the time is passed in.
//!
//! A call is: the greeting, a consent if the run asks for one, then turns until the window is over. A turn is a pause with
//! the marker of its code in the noise, speech, waiting, the answer. Some turns hesitate in the middle, and some answers are
//! interrupted.

mod disturbing;
mod echo;
mod hearing;
mod script;
#[cfg(test)]
mod tests;

use crate::clock::{Micros, ms};
use crate::playout::Playout;
use crate::speech::{Frame, Random};
use crate::tally::{PAUSES_MS, Tally};
use crate::tone::{CODES, Marker};
use disturbing::{Disturbance, Noises};
use hearing::Beginning;
pub(crate) use script::{Consent, Script};
use std::rc::Rc;

/// How long before an interruption its marker is sent.
const BARGE_MARKER: Micros = ms(300);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Greeting,
    Pause { until: Micros },
    Speaking { at: usize, is_barge: bool },
    Waiting,
    Answer,
}

/// What a caller does in a frame's time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said<'a> {
    /// Sends 20 ms of sound.
    Frame(&'a Frame),
    /// Presses a key, and sends as much sound.
    Key(char, &'a Frame),
    /// Hangs up.
    Goodbye,
}

#[derive(Clone, Copy)]
enum Line {
    Whole(usize),
    Halves {
        which: usize,
        pause: usize,
        pause_frames: usize,
    },
    Yes,
}

/// One caller in its call.
pub(crate) struct Caller {
    script: Rc<Script>,
    /// The carrier's end of the line.
    pub(crate) playout: Playout,
    /// What was measured so far.
    pub(crate) tally: Tally,
    random: Random,
    index: usize,
    phase: Phase,
    started: Micros,
    /// Turns so far, interruptions included.
    turn: usize,
    line: Line,
    /// The code of the latest words, or of the next.
    code: u8,
    /// That of this turn's first half.
    half_code: Option<u8>,
    codes_used: usize,
    hesitation: f64,
    hesitations: usize,
    /// The consent is still to be given, or is just being given.
    is_consenting: bool,
    speech_end: Micros,
    barge_start: Micros,
    is_cleared: bool,
    is_barge_marked: bool,
    /// The agent spoke in this turn before it was its turn.
    is_interjected: bool,
    /// A wrong answer was heard in this turn.
    is_wrong: bool,
    /// Since when the caller hears nothing and waits.
    silent_since: Micros,
    /// When the playing of this answer began.
    first_audible: Option<Micros>,
    /// When the audible audio received so far will have been played.
    audible_end: Option<Micros>,
    audible_length: Micros,
    /// Times that the queue was dry since the last audible frame, and in this answer.
    dry: Vec<Micros>,
    underruns: u64,
    /// When the last that the agent let be heard was played, whatever it was.
    last_audible: Micros,
    /// The answer's beginning, until it is known whose words it answers.
    beginning: Option<Beginning>,
    /// Which answers are disturbed, and how.
    noises: Noises,
    /// What disturbs this one.
    disturbance: Option<Disturbance>,
}

impl Caller {
    /// A call begins `now`. `index` is its number in the run; with `seed` it decides what is said.
    pub(crate) fn new(script: Rc<Script>, index: usize, seed: u64, now: Micros) -> Self {
        let is_consenting = script.consent != Consent::Unasked;
        let mixed = seed ^ (index as u64 + 1).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        Self {
            playout: Playout::default(),
            tally: Tally::default(),
            random: Random::new(mixed),
            index,
            phase: Phase::Greeting,
            started: now,
            turn: index % script.barge_every.max(1),
            line: Line::Whole(0),
            code: 0,
            half_code: None,
            codes_used: 0,
            hesitation: (index as f64 * 0.618).fract(),
            hesitations: 0,
            is_consenting,
            speech_end: now,
            barge_start: now,
            is_cleared: false,
            is_barge_marked: false,
            is_interjected: false,
            is_wrong: false,
            silent_since: now,
            first_audible: None,
            audible_end: None,
            audible_length: 0,
            dry: Vec::new(),
            underruns: 0,
            last_audible: now,
            beginning: None,
            noises: Noises::new(mixed, index),
            disturbance: None,
            script,
        }
    }

    /// Whether what happens now belongs to a turn that counts.
    fn counts(&self) -> bool {
        let script = &self.script;
        !self.is_consenting
            && self.speech_end >= script.window_from
            && self.speech_end < script.window_to
    }

    fn is_in_window(&self, now: Micros) -> bool {
        now >= self.script.window_from && now < self.script.window_to
    }

    /// What the caller does with the frame that is due `now`; `at` counts frames.
    pub(crate) fn say(&mut self, now: Micros, at: u64) -> Said<'_> {
        self.decide(now);
        if self.has_heard_enough(now) {
            return Said::Goodbye;
        }
        match self.phase {
            Phase::Pause { until } if now >= until => {
                let has_talked = self.script.talk.is_some() && self.tally.turns > 0;
                if now >= self.script.window_to || has_talked {
                    return Said::Goodbye;
                }
                if let (true, Consent::Key(key)) = (self.is_consenting, self.script.consent) {
                    self.speech_over(now);
                    return Said::Key(key, self.script.speech.noise(None, at));
                }
                self.choose_line(self.is_consenting);
                self.is_interjected = false;
                self.is_wrong = false;
                self.phase = Phase::Speaking {
                    at: 0,
                    is_barge: false,
                };
            }
            Phase::Greeting
            | Phase::Pause { .. }
            | Phase::Speaking { .. }
            | Phase::Waiting
            | Phase::Answer => {}
        }
        if let Phase::Speaking {
            at: position,
            is_barge,
        } = self.phase
        {
            let (length, _) = self.line_frame(position);
            if position + 1 < length {
                self.phase = Phase::Speaking {
                    at: position + 1,
                    is_barge,
                };
            } else {
                self.line_over(now, is_barge);
            }
            return Said::Frame(self.line_frame(position).1);
        }
        let marker = self.marker(now).filter(|_| self.script.is_marked);
        let is_audible = self.audible_end.is_some_and(|end| end > now);
        let quiet = self.script.speech.noise(marker, at);
        match &mut self.disturbance {
            Some(disturbance) => Said::Frame(disturbance.say(
                (now, at),
                is_audible,
                &self.script.speech.sounds,
                quiet,
            )),
            None => Said::Frame(quiet),
        }
    }

    /// What follows from the time alone.
    fn decide(&mut self, now: Micros) {
        let script = Rc::clone(&self.script);
        let is_over = self
            .audible_end
            .is_some_and(|end| now > end + script.answer_gap);
        match self.phase {
            Phase::Greeting if is_over => self.pause(now),
            Phase::Greeting
                if self.first_audible.is_none() && now > self.started + script.greeting_wait =>
            {
                self.tally.without_greeting += 1;
                self.pause(now);
            }
            Phase::Waiting if self.is_consenting => {
                if now > self.speech_end + script.consent_wait {
                    self.is_consenting = false;
                    self.pause(now);
                }
            }
            Phase::Waiting if now > self.speech_end + script.answer_wait => {
                if self.counts() {
                    self.tally.unanswered += 1;
                    self.tally.silence_max.see(now - self.silent_since);
                }
                self.turn += 1;
                self.pause(now);
            }
            Phase::Answer => {
                if self.interrupts()
                    && self
                        .first_audible
                        .is_some_and(|first| now >= first + script.barge_after)
                {
                    self.barge_in(now);
                } else if (is_over && !self.may_resume(now)) || self.is_endless(now) {
                    self.answer_over(now, false);
                    if self.is_consenting {
                        self.is_consenting = false;
                        self.tally.consents += 1;
                    } else {
                        self.turn += 1;
                    }
                    self.pause(now);
                }
            }
            Phase::Greeting | Phase::Pause { .. } | Phase::Speaking { .. } | Phase::Waiting => {}
        }
    }

    /// Whether the caller only wanted to hear so much of an answer.
    fn has_heard_enough(&self, now: Micros) -> bool {
        let is_answer = self.phase == Phase::Answer && !self.is_consenting;
        let heard = self.first_audible.filter(|_| is_answer);
        heard
            .zip(self.script.talk)
            .is_some_and(|(first, talk)| now >= first + talk)
    }

    /// Whether this turn's answer is one that is interrupted.
    fn interrupts(&self) -> bool {
        let every = self.script.barge_every;
        every > 0 && !self.is_consenting && self.turn % every == every - 1
    }

    fn barge_in(&mut self, now: Micros) {
        self.answer_over(now, true);
        if self.counts() {
            self.tally.barge_ins += 1;
        }
        if !self.is_barge_marked {
            self.next_code();
        }
        self.is_barge_marked = false;
        self.barge_start = now;
        self.is_cleared = false;
        self.is_wrong = false;
        self.choose_line(true);
        self.phase = Phase::Speaking {
            at: 0,
            is_barge: true,
        };
    }

    /// What is said next. Interruptions never hesitate, but count, so that the share is one of all turns.
    fn choose_line(&mut self, is_plain: bool) {
        self.half_code = None;
        if self.is_consenting {
            self.line = Line::Yes;
            return;
        }
        let speech = &self.script.speech;
        self.hesitation += self.script.hesitate;
        if is_plain || self.hesitation < 1.0 {
            self.line = Line::Whole((self.index + self.codes_used) % speech.whole.len());
            return;
        }
        self.hesitation -= 1.0;
        let which = self.index + self.hesitations;
        self.hesitations += 1;
        let pause = which % PAUSES_MS.len();
        // 250 ms is not a whole number of frames: 240 and 260 in turn.
        let pause_ms = PAUSES_MS[pause] as usize + 10 * (which / PAUSES_MS.len() % 2);
        self.line = Line::Halves {
            which: (which + which / 3) % speech.halves.len(),
            pause,
            pause_frames: pause_ms / 20,
        };
        self.half_code = Some(self.code);
        self.next_code();
    }

    /// The line's length in frames, and one of them.
    fn line_frame(&self, at: usize) -> (usize, &Frame) {
        let speech = &self.script.speech;
        let whole = |clip: &'_ [Frame]| clip.len();
        match self.line {
            Line::Whole(which) => (whole(&speech.whole[which]), &speech.whole[which][at]),
            Line::Yes => (whole(&speech.yes), &speech.yes[at]),
            Line::Halves {
                which,
                pause_frames,
                ..
            } => {
                let (first, second) = &speech.halves[which];
                let length = first.len() + pause_frames + second.len();
                let marker = Marker::Words {
                    code: self.code,
                    is_half: false,
                };
                let frame = match at.checked_sub(first.len()) {
                    None => &first[at],
                    Some(at) if at < pause_frames => {
                        speech.noise(Some(marker).filter(|_| self.script.is_marked), at as u64)
                    }
                    Some(at) => &second[at - pause_frames],
                };
                (length, frame)
            }
        }
    }

    /// The last frame of what is said goes out `now`.
    fn line_over(&mut self, now: Micros, is_barge: bool) {
        let is_interjected = self.is_interjected;
        self.speech_over(now);
        if self.counts() {
            self.tally.turns += 1;
            if is_barge {
                self.barge_over(now);
            } else if let Line::Halves { pause, .. } = self.line {
                self.tally.pauses[pause] += 1;
                self.tally.interjected[pause] += u64::from(is_interjected);
            } else if is_interjected {
                self.tally.out_of_turn += 1;
            }
        }
        // What an interruption opens is a turn of its own.
        self.turn += usize::from(is_barge);
        self.forget_answer();
    }

    fn barge_over(&mut self, now: Micros) {
        if self.is_cleared {
            return;
        }
        self.tally.barge_without_clear += 1;
        if let Some(end) = self.audible_end.filter(|end| *end <= now) {
            let stop = end.saturating_sub(self.barge_start);
            self.tally.barge_stop.push(stop);
        }
    }

    fn speech_over(&mut self, now: Micros) {
        self.speech_end = now;
        self.silent_since = now;
        self.is_interjected = false;
        self.phase = Phase::Waiting;
    }

    /// The marker that belongs into the noise now.
    fn marker(&mut self, now: Micros) -> Option<Marker> {
        match self.phase {
            Phase::Pause { .. } if self.is_consenting => Some(Marker::Consent),
            Phase::Pause { .. } => Some(Marker::Words {
                code: self.code,
                is_half: self.hesitation + self.script.hesitate >= 1.0,
            }),
            Phase::Answer if self.interrupts() && self.beginning.is_none() => {
                let from = self.first_audible? + self.script.barge_after;
                if now + BARGE_MARKER < from {
                    return None;
                }
                if !self.is_barge_marked {
                    self.is_barge_marked = true;
                    self.next_code();
                }
                Some(Marker::Words {
                    code: self.code,
                    is_half: false,
                })
            }
            Phase::Answer => self.disturbance.as_ref()?.marker(now),
            Phase::Greeting | Phase::Speaking { .. } | Phase::Waiting => None,
        }
    }

    fn next_code(&mut self) {
        self.codes_used += 1;
        self.code = ((self.index * 5 + self.codes_used) % usize::from(CODES)) as u8;
    }

    fn pause(&mut self, now: Micros) {
        let pause_ms = 200.0 + self.random.share() * 600.0;
        self.phase = Phase::Pause {
            until: now + (pause_ms * 1e3) as Micros,
        };
        self.forget_answer();
        self.is_interjected = false;
        self.is_barge_marked = false;
        self.next_code();
    }
}
