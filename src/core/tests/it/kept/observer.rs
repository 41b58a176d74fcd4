//! What may be in the file at the end, known from the world and not from the gate's own proof.

use std::collections::{BTreeMap, BTreeSet};

use trunkline_core::call::Note;
use trunkline_core::journal::{Audio, Entry, Speaker, Step, Turn};

use super::Tally;

pub(super) const FRAME_MS: u64 = 20;
const FRAME: usize = 160;

/// Whose frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Caller,
    Agent,
}

/// The sound of frame `number`: its bytes tell the frame and whose it is, and none is silence.
pub(super) fn frame(side: Side, number: u64) -> [u8; FRAME] {
    std::array::from_fn(|at| sample(side, number, at))
}

fn sample(side: Side, number: u64, at: usize) -> u8 {
    let digit = (number / 100_u64.pow((at % 3) as u32) % 100) as u8;
    match side {
        Side::Caller => digit,
        Side::Agent => digit + 120,
    }
}

/// The word that only sentence `number` holds.
pub(super) fn token(number: usize) -> String {
    format!("kumquat{number}x")
}

fn tokens(text: &str) -> impl Iterator<Item = usize> {
    text.split("kumquat")
        .skip(1)
        .filter_map(|rest| rest.split_once('x')?.0.parse().ok())
}

#[derive(Default)]
pub(super) struct Observer {
    granted_ms: Option<u64>,
    /// From where on nothing may be kept, and whether what was before goes too.
    ended: Option<(u64, bool)>,
    /// Start and end of the sentence that holds each word.
    spoken: BTreeMap<usize, (u64, u64)>,
    pressed: Vec<(u64, char)>,
    /// Frames and words that came with consent and must not be lost.
    frames: BTreeSet<u64>,
    words: BTreeSet<usize>,
}

impl Observer {
    pub(super) fn spoke(&mut self, number: usize, from_ms: u64, to_ms: u64) {
        self.spoken.insert(number, (from_ms, to_ms));
    }

    pub(super) fn pressed(&mut self, at_ms: u64, key: char) {
        self.pressed.push((at_ms, key));
    }

    /// A frame of the caller's reached the recorder.
    pub(super) fn frame(&mut self, number: u64) {
        if self.is_open(number * FRAME_MS) {
            self.frames.insert(number);
        }
    }

    pub(super) fn note(&mut self, note: &Note, tally: &mut Tally) {
        match note {
            Note::Consent { step, at } => self.step(*step, at.ms(), tally),
            Note::CallerSaid { from, text, .. } if self.is_open(from.ms()) => {
                self.words.extend(tokens(text));
            }
            Note::CallerSaid { .. }
            | Note::CallerPressed { .. }
            | Note::Withheld { .. }
            | Note::AgentSaid { .. }
            | Note::Interrupted { .. }
            | Note::Resumed { .. }
            | Note::Commanded { .. }
            | Note::Answered { .. }
            | Note::Timed { .. }
            | Note::AnsweredBy { .. }
            | Note::Guarded { .. }
            | Note::StageFailed { .. }
            | Note::TakenOver { .. }
            | Note::SteppedDown { .. }
            | Note::ToolBegun { .. }
            | Note::ToolUsed { .. }
            | Note::Transfer { .. }
            | Note::HandedOver { .. }
            | Note::Ended { .. } => {}
        }
    }

    /// What began then must be kept; the very millisecond of the grant may go either way.
    fn is_open(&self, began_ms: u64) -> bool {
        self.ended.is_none() && self.granted_ms.is_some_and(|granted| began_ms > granted)
    }

    fn step(&mut self, step: Step, at_ms: u64, tally: &mut Tally) {
        let what = match step {
            Step::Announced { .. } | Step::Unclear { .. } => return,
            Step::Granted { method } => {
                self.granted_ms = Some(at_ms);
                match format!("{method:?}").as_str() {
                    "Silence" => "granted by Silence",
                    "WentOn" => "granted by WentOn",
                    "SaidYes" => "granted by SaidYes",
                    _ => "granted by PressedYes",
                }
            }
            Step::Refused { .. } => {
                self.ended = Some((0, true));
                "refused"
            }
            Step::Withdrawn { erase, from_ms, .. } => {
                self.ended = Some((from_ms, erase));
                if erase {
                    "withdrawn, erased"
                } else {
                    "withdrawn, kept before"
                }
            }
        };
        *tally.entry(what).or_default() += 1;
        if let Some((end_ms, erase)) = self.ended {
            let spoken = &self.spoken;
            self.frames
                .retain(|number| !erase && (number + 1) * FRAME_MS <= end_ms);
            self.words
                .retain(|number| !erase && spoken.get(number).is_some_and(|(_, to)| *to <= end_ms));
        }
    }

    /// Whether what lasted that long may be kept of the caller.
    fn is_lawful(&self, from_ms: u64, to_ms: u64) -> bool {
        let began = self.granted_ms.is_some_and(|granted| granted <= from_ms);
        began
            && match self.ended {
                None => true,
                Some((_, true)) => false,
                Some((end_ms, false)) => to_ms <= end_ms,
            }
    }

    /// Compares the file with what may and must be in it.
    pub(super) fn check(&mut self, entries: &[Entry], tally: &mut Tally) -> Result<(), String> {
        if !matches!(entries.first(), Some(Entry::Began(_)))
            || !matches!(entries.last(), Some(Entry::Ended(_)))
        {
            return Err("a journal begins and ends in order".into());
        }
        for entry in entries {
            match entry {
                Entry::Audio(audio) => self.check_audio(audio, tally)?,
                Entry::Turn(turn) => self.check_turn(turn, tally)?,
                Entry::NotKept { .. } => *tally.entry("not kept").or_default() += 1,
                Entry::Began(_)
                | Entry::Consent(_)
                | Entry::Event(_)
                | Entry::Second { .. }
                | Entry::Erased { .. }
                | Entry::Ended(_) => {}
            }
        }
        if let Some(lost) = self.frames.first() {
            return Err(format!(
                "{} frames that may be kept are lost, the first at {} ms",
                self.frames.len(),
                lost * FRAME_MS
            ));
        }
        if let Some(lost) = self.words.first() {
            return Err(format!("a sentence that may be kept is lost: {lost}"));
        }
        Ok(())
    }

    fn check_audio(&mut self, audio: &Audio, tally: &mut Tally) -> Result<(), String> {
        for (side, sound) in [(Side::Caller, &audio.caller), (Side::Agent, &audio.agent)] {
            let Some(sound) = sound else { continue };
            if sound.len() != audio.samples as usize {
                return Err("a channel is as long as its entry".into());
            }
            for (at, byte) in sound.iter().enumerate().filter(|(_, byte)| **byte != 0xFF) {
                let place = audio.from + at as u64;
                let (number, within) = (place / FRAME as u64, (place % FRAME as u64) as usize);
                if *byte != sample(side, number, within) {
                    return Err(format!("sample {place} is not where it belongs"));
                }
                if side == Side::Agent {
                    continue;
                }
                // The whole frame must have begun within consent; only its own sample must be from before the end.
                if !self.is_lawful(number * FRAME_MS, place.div_ceil(8)) {
                    return Err(format!(
                        "sample {place} of the caller's is kept unlawfully: {:?}, {:?}",
                        self.granted_ms, self.ended
                    ));
                }
                if within == FRAME - 1 {
                    self.frames.remove(&number);
                }
            }
            if side == Side::Caller {
                *tally.entry("caller seconds kept").or_default() += 1;
            }
        }
        Ok(())
    }

    fn check_turn(&mut self, turn: &Turn, tally: &mut Tally) -> Result<(), String> {
        let what = match turn.speaker {
            // What the agent repeats of the caller's words counts as they do.
            Speaker::Agent if tokens(&turn.text).next().is_none() => "agent turns kept",
            Speaker::Agent => "agent turns with the caller's words",
            // So does what was done with them.
            Speaker::Tool => "tools used with the caller's words",
            Speaker::Caller if turn.keys.is_some() => "keys kept",
            Speaker::Caller => "caller turns kept",
        };
        *tally.entry(what).or_default() += 1;
        if what == "agent turns kept" {
            return Ok(());
        }
        let unlawful = |what: &str| {
            let (from, to) = (turn.from_ms, turn.to_ms);
            let (granted, ended) = (self.granted_ms, self.ended);
            Err(format!(
                "{what} of the caller's is kept unlawfully: {from}-{to}, {granted:?}, {ended:?}"
            ))
        };
        if !self.is_lawful(turn.from_ms, turn.to_ms) {
            return unlawful("a turn");
        }
        for number in tokens(&turn.text) {
            let (from, to) = self.spoken[&number];
            if turn.speaker == Speaker::Caller && !self.is_lawful(from, to) {
                return unlawful("a word");
            }
            if turn.speaker == Speaker::Caller {
                self.words.remove(&number);
            }
        }
        let keys = turn.keys.as_deref().unwrap_or_default();
        let mut pressed = self
            .pressed
            .iter()
            .filter(|(at, _)| self.is_lawful(*at, *at) && *at <= turn.to_ms);
        if !keys
            .chars()
            .all(|key| pressed.any(|(_, pressed)| *pressed == key))
        {
            return unlawful("a key");
        }
        Ok(())
    }
}
