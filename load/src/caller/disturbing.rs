//! Noises while the agent speaks, and what becomes of the answer.
//!
//! A server may halt for a noise; what it may not do is let the answer go. The last piece of an answer sounds different, in
//! the answer's own code: an answer whose last piece was played came to its end, and any other was dropped.

use super::echo::Echo;
use super::{BARGE_MARKER, Caller, Script};
use crate::clock::{Micros, ms};
use crate::speech::{Frame, Noise, Random, Sounds};
use crate::tone::{Marker, Spoken};
use trunkline_media::FRAME;
use trunkline_media::g711::mulaw_decode;

/// How late an echo is.
const ECHO_MS: f64 = 150.0;
const ECHO_RANGE_MS: f64 = 150.0;
/// No answer that is disturbed takes longer.
const ANSWER_MAX: Micros = ms(30_000);
/// Samples of a frame, in time.
const SAMPLE_US: u64 = 125;

/// Which of a caller's answers are disturbed, and how.
pub(super) struct Noises {
    random: Random,
    /// Rises by the share of answers that are disturbed; from 1 on it is time.
    due: f64,
    count: usize,
    /// This line's echo.
    echo_delay: Micros,
    /// How quiet it is, from the loudest to the quietest.
    echo_share: f64,
}

impl Noises {
    /// Those of a caller; other callers begin with other kinds.
    pub(super) fn new(seed: u64, index: usize) -> Self {
        let mut random = Random::new(seed ^ 0x5EED_0F40_153E_0001);
        let echo_ms = ECHO_MS + random.share() * ECHO_RANGE_MS;
        Self {
            echo_delay: (echo_ms * 1e3) as Micros,
            echo_share: random.share(),
            due: (index as f64 * 0.618).fract(),
            count: index,
            random,
        }
    }

    /// What disturbs the answer that begins at `begin`, if anything does.
    /// `code`: that of the words it answers.
    pub(super) fn next(&mut self, script: &Script, begin: Micros, code: u8) -> Option<Disturbance> {
        self.due += script.noises;
        if self.due < 1.0 || script.noise_kinds.is_empty() {
            return None;
        }
        self.due -= 1.0;
        let kind = script.noise_kinds[self.count % script.noise_kinds.len()];
        let which = self.count / script.noise_kinds.len();
        self.count += 1;
        let after = script.noise_after as f64 + self.random.share() * script.noise_range as f64;
        let (loudest, quietest) = script.echo_db;
        let echo_db = loudest + self.echo_share * (quietest - loudest);
        let echo = || Echo::new(self.echo_delay, echo_db);
        let from = match kind {
            Noise::Echo => begin,
            Noise::Cough | Noise::MmHm | Noise::Street => begin + after as Micros,
        };
        let length = script.speech.sounds.of(kind, which).len() as u64;
        Some(Disturbance {
            kind,
            which,
            code,
            is_own: false,
            from,
            to: from + length * ms(20),
            said: 0,
            echo: (kind == Noise::Echo).then(echo),
            halted: None,
            halts: Vec::new(),
            closing: None,
            is_answered: false,
        })
    }
}

/// What disturbs an answer.
pub(super) struct Disturbance {
    kind: Noise,
    which: usize,
    code: u8,
    /// The answer is known to be one to the caller's words.
    is_own: bool,
    from: Micros,
    to: Micros,
    /// Frames of it that were sent.
    said: usize,
    echo: Option<Echo>,
    /// The answer was taken back then, and nothing was heard since.
    halted: Option<Micros>,
    /// How long nothing was heard, every time that it went on.
    halts: Vec<Micros>,
    /// When the closing piece of the answer is played.
    closing: Option<Micros>,
    /// An answer to something else was heard to its end.
    is_answered: bool,
}

impl Disturbance {
    /// The caller's next frame, which is `quiet` otherwise. A noise that comes too late to be heard over the agent, who is
    /// audible or not, does not come.
    pub(super) fn say<'a>(
        &'a mut self,
        (now, at): (Micros, u64),
        is_audible: bool,
        sounds: &'a Sounds,
        quiet: &'a Frame,
    ) -> &'a Frame {
        if let Some(echo) = &mut self.echo {
            return echo.mixed(now, at, quiet);
        }
        let sound = sounds.of(self.kind, self.which);
        let is_time = now >= self.from && (self.said > 0 || is_audible);
        match sound.get(self.said).filter(|_| is_time) {
            Some(frame) => {
                self.said += 1;
                self.to = self.to.max(now);
                frame
            }
            None => quiet,
        }
    }

    /// What is told of it beforehand.
    pub(super) fn marker(&self, now: Micros) -> Option<Marker> {
        let is_next = now + BARGE_MARKER >= self.from && now < self.from;
        self.kind.marker().filter(|_| is_next)
    }

    /// Audible audio came, played from `begin` on.
    pub(super) fn heard(&mut self, begin: Micros, mulaw: &[u8]) {
        if let Some(echo) = &mut self.echo {
            echo.plays(begin, mulaw);
        }
        if let Some(since) = self.halted.take() {
            self.halts.push(begin.saturating_sub(since));
        }
        for (at, part) in mulaw.chunks_exact(FRAME).enumerate() {
            let samples: [i16; FRAME] = std::array::from_fn(|i| mulaw_decode(part[i]));
            if let Some(closing) = Spoken::closing(&samples) {
                self.closes(closing, begin + (at * FRAME) as u64 * SAMPLE_US);
            }
        }
    }

    fn closes(&mut self, closing: Spoken, at: Micros) {
        if closing == Spoken::Code(self.code) {
            self.closing.get_or_insert(at);
        } else {
            self.is_answered = true;
        }
    }

    /// The answer turned out to be one to the caller's words.
    pub(super) fn is_of_own_answer(&mut self) {
        self.is_own = true;
    }

    /// What is queued was taken back; true if the noise may be why.
    pub(super) fn cleared(&mut self, now: Micros) -> bool {
        if let Some(echo) = &mut self.echo {
            echo.cleared(now);
        }
        self.closing = self.closing.filter(|at| *at <= now);
        let is_why = self.has_begun();
        if is_why {
            self.halted = Some(now);
        }
        is_why
    }

    /// The answer was taken back and has not gone on.
    pub(super) fn is_halted(&self) -> bool {
        self.halted.is_some()
    }

    fn has_begun(&self) -> bool {
        self.said > 0 || self.echo.is_some()
    }

    /// The answer has come to its end.
    fn is_complete(&self, now: Micros) -> bool {
        self.closing.is_some_and(|at| at <= now)
    }
}

impl Caller {
    /// Whether the answer that begins is one that a noise may come into.
    pub(super) fn may_be_disturbed(&self) -> bool {
        self.script.is_marked && !self.is_consenting && !self.interrupts() && self.counts()
    }

    /// Whether an answer that has fallen silent may go on yet.
    pub(super) fn may_resume(&self, now: Micros) -> bool {
        let Some(disturbance) = self.disturbance.as_ref().filter(|d| d.has_begun()) else {
            return false;
        };
        let since = self.audible_end.unwrap_or(0).max(disturbance.to);
        !disturbance.is_complete(now) && now <= since + self.script.resume_wait
    }

    /// Whether what goes on and on is no answer any more: an agent that answers itself.
    pub(super) fn is_endless(&self, now: Micros) -> bool {
        self.disturbance.is_some()
            && self
                .first_audible
                .is_some_and(|first| now > first + ANSWER_MAX)
    }

    /// An answer is over that was to be disturbed. Who hung up in it knows nothing of its end; and what was no answer to
    /// the caller's words has none.
    pub(super) fn disturbed(&mut self, now: Micros, is_cut: bool) {
        let Some(disturbance) = self.disturbance.take() else {
            return;
        };
        if is_cut || !disturbance.is_own || !disturbance.has_begun() {
            return;
        }
        let is_dropped = !disturbance.is_complete(now);
        let halts = disturbance.halts.len() + usize::from(disturbance.is_halted());
        if is_dropped || disturbance.is_answered {
            self.tally.noise_troubles.push(format!(
                "call {}, {} at {:.2} s, which {}: {}, halted {halts} times{}",
                self.index,
                disturbance.kind.name(),
                disturbance.from as f64 / 1e6,
                disturbance.which,
                if is_dropped {
                    "dropped"
                } else {
                    "came to its end"
                },
                if disturbance.is_answered {
                    ", and something else was answered"
                } else {
                    ""
                },
            ));
        }
        let tally = &mut self.tally.noises[disturbance.kind as usize];
        tally.made += 1;
        tally.halted += u64::from(halts > 0);
        tally.dropped += u64::from(is_dropped);
        tally.answered += u64::from(disturbance.is_answered);
        tally.halts.extend(disturbance.halts);
    }
}
