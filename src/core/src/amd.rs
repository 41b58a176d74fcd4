//! Who answered a call that we placed: a person, an answering machine, a menu, a fax, or nobody can tell.
//!
//! [`Amd`] is told what was heard since the *answer*, never before it: when somebody spoke, in which words, which tones
//! sounded, and what the carrier thinks. Each of these may be *evidence* for a class, of a rank; the first makes the
//! verdict, and later evidence changes it only if its rank is higher. So a carrier's late word does not undo what was
//! plainly said. A person becomes a machine only within the first seconds, and never after having said what only people
//! say; a machine becomes a person whenever one speaks up.
//!
//! Who cannot be told is a person. A short greeting followed by silence is a person's; only words, tones, or a speech that
//! goes on and on without a pause are a machine's.

mod evidence;
mod words;

use crate::commands;
use crate::language::Language;
use crate::time::At;
pub use evidence::{AnsweredBy, Evidence, Told, Tone, Verdict, Witness};
use evidence::{GREETED_RANK, PLAIN_RANK};
pub(crate) use words::Phrases;
use words::Reading;

/// A pause that is shorter does not end a stretch of speech.
const STRETCH_GAP_MS: u64 = 450;
/// Silence after a greeting whose words are known …
const GREETED_MS: u32 = 500;
/// … whose words may be a machine's …
const DOUBTED_MS: u32 = 1_600;
/// … and whose words are not known.
const WORDLESS_MS: u32 = 1_000;
/// Words that a speech without a pause has, at least, if it is to be a machine's.
const LONG_WORDS_MIN: usize = 20;
/// A greeting of no more words is a person's who waits for an answer.
const SHORT_WORDS_MAX: usize = 3;
/// A beep is voicemail's after this much speech; and after less, if nothing is said for so long behind it.
const BEEP_SPEECH_MS: u64 = 1_000;
const BEEP_ALONE_MS: u32 = 2_000;
/// One that comes later than this after the last word is somebody's microwave.
const BEEP_AFTER_MS: u64 = 6_000;
/// A fax that calls repeats its tone after this long.
const FAX_CALL_EVERY_MS: std::ops::RangeInclusive<u64> = 2_500..=4_500;
/// After this long a person is not taken for a machine any more …
const REVISED_MS: u64 = 15_000;
/// … or after this long, where the carrier alone is believed, whose verdict takes its time.
const REVISED_BY_CARRIER_MS: u64 = 45_000;
/// A verdict changes so often and no more.
const CHANGES_MAX: u8 = 4;
/// Most of the last words that are kept, in bytes.
const LAST_BYTES_MAX: usize = 400;

/// How long things may take, ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmdLimits {
    /// Nobody has said anything since the answer.
    pub silence_ms: u32,
    /// Fluent speech without a pause that is a machine's; 0 for never.
    pub long_greeting_ms: u32,
    /// From the answer until who cannot be told is taken for a person.
    pub decide_ms: u32,
}

impl Default for AmdLimits {
    fn default() -> Self {
        Self {
            silence_ms: 6_000,
            long_greeting_ms: 10_000,
            decide_ms: 15_000,
        }
    }
}

/// What is known of who answered one call.
#[derive(Clone, Debug)]
pub struct Amd {
    witness: Witness,
    limits: AmdLimits,
    language: Language,
    answered: At,
    /// Speaking since.
    talking: Option<At>,
    /// Speech last ended here.
    stopped: Option<At>,
    /// Start of the stretch of speech that goes on, or was the last.
    stretch: At,
    spoken_ms: u64,
    /// The recogniser's guess at what is being said, as far as it matters.
    partial: Reading,
    /// What was said last, and how that reads with what was said before it.
    last: String,
    reading: Option<Reading>,
    /// Phrases so far that people may use too.
    doubts: u8,
    beep: Option<At>,
    fax_call: Option<At>,
    verdict: Option<Verdict>,
    rank: u8,
    changes: u8,
}

impl Amd {
    /// Somebody or something answered now.
    pub fn new(witness: Witness, limits: AmdLimits, language: Language, answered: At) -> Self {
        Self {
            witness,
            limits,
            language,
            answered,
            talking: None,
            stopped: None,
            stretch: answered,
            spoken_ms: 0,
            partial: Reading::default(),
            last: String::new(),
            reading: None,
            doubts: 0,
            beep: None,
            fax_call: None,
            verdict: None,
            rank: 0,
            changes: 0,
        }
    }

    /// The verdict so far.
    pub fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    /// What is said may still be a machine's: our own evidence counts, and there is no verdict yet.
    pub fn is_open(&self) -> bool {
        self.verdict.is_none() && self.witness != Witness::Carrier
    }

    /// Tones may still tell something about who answered.
    pub fn wants_tones(&self, now: At) -> bool {
        let is_early = now.since(self.answered) < REVISED_MS;
        self.witness != Witness::Carrier && self.rank < Evidence::Beep.rank() && is_early
    }

    /// Somebody began to speak.
    pub fn speech_started(&mut self, at: At) {
        let at = at.max(self.answered);
        if self.talking.is_some() {
            return;
        }
        let is_new = self
            .stopped
            .is_none_or(|stopped| at.since(stopped) > STRETCH_GAP_MS);
        if is_new {
            self.stretch = at;
        }
        self.talking = Some(at);
    }

    /// They stopped.
    pub fn speech_stopped(&mut self, at: At) {
        if let Some(from) = self.talking.take() {
            let at = at.max(from);
            self.spoken_ms += at.since(from);
            self.stopped = Some(at);
            self.reading = None;
        }
    }

    /// The recogniser's guess at what is being said.
    pub fn guessed(&mut self, text: &str, now: At) -> Option<Verdict> {
        if self.witness == Witness::Carrier {
            return None;
        }
        self.partial = self.read(text);
        // A machine need not be heard out; a person may go on in a way that makes them none.
        let by = self.partial.machine_so_far()?;
        self.propose(by, Evidence::Words, now)
    }

    /// The recogniser's verdict on what was said.
    pub fn heard(&mut self, text: &str, now: At) -> Option<Verdict> {
        self.partial = Reading::default();
        if self.witness == Witness::Carrier || text.is_empty() {
            return None;
        }
        let reading = self.read(text);
        self.doubts = match reading.is_human() {
            true => 0,
            false => reading.doubts,
        };
        self.last.clear();
        let from = text.ceil_char_boundary(text.len().saturating_sub(LAST_BYTES_MAX));
        self.last.push_str(&text[from..]);
        self.reading = Some(reading);
        if let Some(by) = reading.machine() {
            return self.propose(by, Evidence::Words, now);
        }
        // Whoever greets in three words waits for an answer. One who was taken for a machine must say more than "thanks".
        let is_short = reading.count <= SHORT_WORDS_MAX && !reading.is_doubtful();
        let is_greeting = match self.verdict {
            None => is_short && self.talking.is_none(),
            Some(_) => commands::is_greeting(self.language, text),
        };
        if reading.is_human() {
            self.propose(AnsweredBy::Human, Evidence::Words, now)
        } else if is_greeting {
            let rank = match self.verdict {
                Some(verdict) if !verdict.by.is_person() => PLAIN_RANK,
                Some(_) | None => GREETED_RANK,
            };
            self.propose_at(rank, AnsweredBy::Human, Evidence::Words, now)
        } else {
            None
        }
    }

    /// Whether a text reads like a machine's: nothing in it is a wish of the person who is called.
    pub fn is_machines(&self, text: &str) -> bool {
        self.read(text).machine().is_some()
    }

    /// A tone ended at `at`.
    pub fn toned(&mut self, tone: Tone, at: At, now: At) -> Option<Verdict> {
        if self.witness == Witness::Carrier {
            return None;
        }
        let (by, evidence) = match tone {
            Tone::FaxAnswer => (AnsweredBy::Fax, Evidence::FaxTone),
            Tone::Network => (AnsweredBy::Machine, Evidence::NetworkTone),
            Tone::Beep | Tone::FaxCall => {
                let is_late = self
                    .stopped
                    .is_some_and(|stopped| at.since(stopped) > BEEP_AFTER_MS);
                if self.spoken_ms >= BEEP_SPEECH_MS && self.talking.is_none() && !is_late {
                    (AnsweredBy::Machine, Evidence::Beep)
                } else if tone == Tone::FaxCall
                    && self
                        .fax_call
                        .replace(at)
                        .is_some_and(|last| FAX_CALL_EVERY_MS.contains(&at.since(last)))
                {
                    (AnsweredBy::Fax, Evidence::FaxTone)
                } else {
                    self.beep = Some(at).filter(|_| tone == Tone::Beep);
                    return None;
                }
            }
        };
        self.propose(by, evidence, now)
    }

    /// The carrier's word, which may come late, twice, or against what it said before.
    pub fn told(&mut self, told: Told, now: At) -> Option<Verdict> {
        if self.witness == Witness::Own {
            return None;
        }
        let by = match told {
            Told::Human => AnsweredBy::Human,
            Told::Machine { .. } => AnsweredBy::Machine,
            Told::Fax => AnsweredBy::Fax,
        };
        self.propose(by, Evidence::Carrier, now)
    }

    /// A key was pressed: no machine does.
    pub fn pressed(&mut self, now: At) -> Option<Verdict> {
        self.propose(AnsweredBy::Human, Evidence::Key, now)
    }

    /// When [`Amd::tick`] next has something to say, unless more is told before.
    pub fn due(&self) -> Option<At> {
        match self.verdict {
            None => self.next().map(|(at, ..)| at),
            Some(_) => None,
        }
    }

    /// Decides by the time that has passed.
    pub fn tick(&mut self, now: At) -> Option<Verdict> {
        let (_, by, evidence) = self.next().filter(|(at, ..)| *at <= now)?;
        match self.verdict {
            None => self.propose(by, evidence, now),
            Some(_) => None,
        }
    }

    /// The verdict that time brings first, and when.
    fn next(&self) -> Option<(At, AnsweredBy, Evidence)> {
        let up = self.answered.plus(self.limits.decide_ms);
        let up = (up, AnsweredBy::Unknown, Evidence::TimeUp);
        if self.witness == Witness::Carrier {
            return Some(up);
        }
        let other = match (self.talking, self.stopped) {
            (Some(_), _) => self.long_greeting(),
            (None, Some(stopped)) => {
                let (wait_ms, by, evidence) = match (self.reading, self.beep) {
                    (_, Some(_)) => (BEEP_ALONE_MS, AnsweredBy::Machine, Evidence::Beep),
                    (None, None) => (WORDLESS_MS, AnsweredBy::Human, Evidence::ShortGreeting),
                    (Some(reading), None) if reading.is_doubtful() => {
                        (DOUBTED_MS, AnsweredBy::Human, Evidence::ShortGreeting)
                    }
                    (Some(_), None) => (GREETED_MS, AnsweredBy::Human, Evidence::ShortGreeting),
                };
                let from = self.beep.map_or(stopped, |beep| beep.max(stopped));
                Some((from.plus(wait_ms), by, evidence))
            }
            (None, None) => Some(match self.beep {
                Some(beep) => (
                    beep.plus(BEEP_ALONE_MS),
                    AnsweredBy::Machine,
                    Evidence::Beep,
                ),
                None => {
                    let at = self.answered.plus(self.limits.silence_ms);
                    (at, AnsweredBy::Unknown, Evidence::Silence)
                }
            }),
        };
        Some(other.filter(|(at, ..)| *at < up.0).unwrap_or(up))
    }

    /// Nobody greets for so long without a pause, in so many words, none of which asks or offers anything.
    fn long_greeting(&self) -> Option<(At, AnsweredBy, Evidence)> {
        let long_ms = self.limits.long_greeting_ms;
        let is_fluent = self.partial.count >= LONG_WORDS_MIN && !self.partial.is_human();
        let at = self.stretch.plus(long_ms);
        (long_ms > 0 && is_fluent).then_some((at, AnsweredBy::Machine, Evidence::LongGreeting))
    }

    /// How a text reads, with what was said before it.
    fn read(&self, text: &str) -> Reading {
        let mut reading = words::read(self.language, &self.last, text);
        reading.doubts = reading.doubts.saturating_add(self.doubts);
        reading
    }

    fn propose(&mut self, by: AnsweredBy, evidence: Evidence, now: At) -> Option<Verdict> {
        self.propose_at(evidence.rank(), by, evidence, now)
    }

    fn propose_at(
        &mut self,
        rank: u8,
        by: AnsweredBy,
        evidence: Evidence,
        now: At,
    ) -> Option<Verdict> {
        let verdict = Verdict {
            by,
            evidence,
            after_ms: now.since(self.answered),
        };
        let Some(known) = self.verdict else {
            self.verdict = Some(verdict);
            self.rank = rank;
            return self.verdict;
        };
        if known.by == by {
            self.rank = self.rank.max(rank);
            return None;
        }
        let speaks_up = rank == PLAIN_RANK && by.is_person() && !known.by.is_person();
        let is_late =
            known.by.is_person() && !by.is_person() && verdict.after_ms > self.revised_ms();
        let outranks =
            rank > self.rank || speaks_up || rank == PLAIN_RANK && self.is_of_machines(by);
        if !outranks || is_late || self.changes >= CHANGES_MAX {
            return None;
        }
        self.rank = rank;
        self.changes += 1;
        self.verdict = Some(verdict);
        self.verdict
    }

    /// One machine that turns out to be another: a menu behind which there is voicemail.
    fn is_of_machines(&self, by: AnsweredBy) -> bool {
        let known = self.verdict.map(|verdict| verdict.by);
        !by.is_person() && known.is_some_and(|known| !known.is_person())
    }

    fn revised_ms(&self) -> u64 {
        match self.witness {
            Witness::Carrier => REVISED_BY_CARRIER_MS,
            Witness::Own | Witness::Both => REVISED_MS,
        }
    }
}

#[cfg(test)]
mod tests;
