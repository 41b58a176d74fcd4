//! What is kept of a simulated call: both directions on one clock, what the server did wrong, and how fast it answered.

use super::Event;
use super::playout::SILENCE;
use std::io::{Seek, Write};
use trunkline_media::g711::mulaw_decode;
use trunkline_media::wav::{Recording, WavError};

/// Violations that are kept; more are counted.
const VIOLATIONS_MAX: usize = 1_000;
/// Turns that are kept.
const TURNS_MAX: usize = 10_000;
/// Agent audio this quiet counts as none: -44 dBFS.
pub(super) const AUDIBLE: u16 = 200;
/// Silence after which the agent has fallen quiet, in samples: 200 ms.
const QUIET_SAMPLES: u64 = 1_600;

/// Something the server did that the carrier would complain of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The carrier's number for it: 31950 a binary frame, 31951 a bad message, 31931 too much audio queued, 31921 an
    /// abnormal close, 31924 a breach of the WebSocket protocol; 0 for a server that does not read.
    pub code: u16,
    /// What it was, without the server's words.
    pub what: String,
    /// When, in milliseconds since the stream began.
    pub at_ms: u64,
}

/// One turn of the caller. All times are milliseconds since the stream began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The caller began to speak.
    pub started_ms: u64,
    /// The last audible frame was sent; `None` if the call ended first.
    pub ended_ms: Option<u64>,
    /// The agent was speaking when the caller began: a barge-in.
    pub agent_was_speaking: bool,
    /// Of a barge-in: the agent fell silent.
    pub agent_silenced_ms: Option<u64>,
    /// The agent's next audible audio that began after the caller had ended, as played.
    pub answered_ms: Option<u64>,
}

impl Turn {
    /// From the end of the caller's speech to the first audible agent audio, in milliseconds.
    pub fn response_ms(&self) -> Option<u64> {
        Some(self.answered_ms?.saturating_sub(self.ended_ms?))
    }

    /// Of a barge-in: from the caller's first sound to the agent's silence, in milliseconds.
    pub fn barge_in_ms(&self) -> Option<u64> {
        Some(self.agent_silenced_ms?.saturating_sub(self.started_ms))
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The caller hung up.
    CallerHungUp,
    /// The server closed the socket, with this code if it gave one.
    ServerClosed(Option<u16>),
    /// The connection broke.
    Broken,
    /// The longest length allowed was reached.
    TooLong,
}

/// A finished call.
#[derive(Clone, Debug)]
pub struct CallRecord {
    /// Samples at 8 kHz, interleaved: left what the caller sent, right what the agent said, as played.
    pub stereo: Vec<i16>,
    /// What the server did wrong, in order; at most 1,000.
    pub violations: Vec<Violation>,
    /// The caller's turns.
    pub turns: Vec<Turn>,
    /// How it ended.
    pub ending: Ending,
    /// How often the server emptied the queue.
    pub clears: u32,
    /// Agent audio cleared before it was played, in milliseconds.
    pub cleared_ms: u64,
    /// Media messages of the server.
    pub media_received: u64,
    /// Times that the agent's audio ran dry in mid-speech, for 20 to 200 ms.
    pub underruns: u32,
}

impl CallRecord {
    /// Length of the call in milliseconds.
    pub fn duration_ms(&self) -> u64 {
        self.stereo.len() as u64 / 16
    }

    /// Writes the recording as WAV: stereo, 16 bit, 8 kHz; left the caller, right the agent.
    pub fn write_wav(&self, writer: impl Write + Seek) -> Result<(), WavError> {
        let mut recording = Recording::new(writer, 2)?;
        recording.write(&self.stereo)?;
        recording.finish()
    }

    /// What the caller sent, 8 kHz.
    pub fn caller(&self) -> Vec<i16> {
        self.stereo.iter().step_by(2).copied().collect()
    }

    /// What the agent said, as played, 8 kHz.
    pub fn agent(&self) -> Vec<i16> {
        self.stereo.iter().skip(1).step_by(2).copied().collect()
    }
}

/// The record as it grows.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    /// Mu-law, one byte per sample.
    caller: Vec<u8>,
    pub(super) agent: Vec<u8>,
    /// Agent samples already looked at.
    seen: u64,
    last_audible: Option<u64>,
    run_started: Option<u64>,
    turns: Vec<Turn>,
    violations: Vec<Violation>,
    pub(super) clears: u32,
    pub(super) cleared_samples: u64,
    pub(super) media_received: u64,
    underruns: u32,
}

impl Recorder {
    /// A frame of the caller, which belongs at sample `position`.
    pub(super) fn caller_sent(&mut self, position: u64, frame: &[u8]) {
        self.caller
            .resize(usize::try_from(position).unwrap_or(0), SILENCE);
        self.caller.extend_from_slice(frame);
    }

    pub(super) fn turn_started(&mut self, at_ms: u64) {
        if self.turns.len() < TURNS_MAX {
            self.turns.push(Turn {
                started_ms: at_ms,
                ended_ms: None,
                agent_was_speaking: self.run_started.is_some(),
                agent_silenced_ms: None,
                answered_ms: None,
            });
        }
    }

    pub(super) fn turn_ended(&mut self, at_ms: u64) {
        if let Some(turn) = self.turns.last_mut() {
            turn.ended_ms = Some(at_ms);
        }
    }

    /// Looks at agent audio played since the last time, and tells when the agent began and fell quiet.
    pub(super) fn listen(&mut self, events: &mut Vec<Event>) {
        let from = usize::try_from(self.seen).unwrap_or(0);
        for at in from..self.agent.len() {
            let position = at as u64;
            let audible = mulaw_decode(self.agent[at]).unsigned_abs() >= AUDIBLE;
            let gap = self.last_audible.map_or(u64::MAX, |last| position - last);
            if audible {
                if self.run_started.is_none() {
                    self.run_started = Some(position);
                    self.answered(position / 8);
                    events.push(Event::AgentStarted {
                        at_ms: position / 8,
                    });
                }
                self.last_audible = Some(position);
            } else if self.run_started.is_some() && gap >= QUIET_SAMPLES {
                self.fell_quiet(events);
            }
        }
        self.seen = self.agent.len() as u64;
    }

    /// The queue ran dry while the agent was speaking and audio came again after `gap_samples`.
    pub(super) fn refilled(&mut self, gap_samples: u64) {
        if self.run_started.is_some() && (160..QUIET_SAMPLES).contains(&gap_samples) {
            self.underruns = self.underruns.saturating_add(1);
        }
    }

    /// The server emptied the queue: what the agent was saying is over.
    pub(super) fn cleared(&mut self, discarded: u64, events: &mut Vec<Event>) {
        self.clears = self.clears.saturating_add(1);
        self.cleared_samples += discarded;
        events.push(Event::Cleared {
            at_ms: self.seen / 8,
            discarded_ms: discarded / 8,
        });
        if self.run_started.is_some() {
            self.fell_quiet(events);
        }
    }

    pub(super) fn violation(&mut self, code: u16, what: impl Into<String>, at_ms: u64) {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(Violation {
                code,
                what: what.into(),
                at_ms,
            });
        }
    }

    /// The sample after the agent's last audible one, and where its run began if it is speaking.
    pub(super) fn agent_state(&self) -> (Option<u64>, Option<u64>) {
        (self.last_audible.map(|at| at + 1), self.run_started)
    }

    /// The last turn.
    pub(super) fn turn(&self) -> Option<Turn> {
        self.turns.last().copied()
    }

    pub(super) fn finish(mut self, ending: Ending) -> CallRecord {
        let length = self.caller.len().max(self.agent.len());
        self.caller.resize(length, SILENCE);
        self.agent.resize(length, SILENCE);
        let both = self.caller.iter().zip(&self.agent);
        CallRecord {
            stereo: both
                .flat_map(|(c, a)| [mulaw_decode(*c), mulaw_decode(*a)])
                .collect(),
            violations: self.violations,
            turns: self.turns,
            ending,
            clears: self.clears,
            cleared_ms: self.cleared_samples / 8,
            media_received: self.media_received,
            underruns: self.underruns,
        }
    }

    fn answered(&mut self, at_ms: u64) {
        if let Some(turn) = self.turns.last_mut()
            && turn.ended_ms.is_some_and(|end| end <= at_ms)
            && turn.answered_ms.is_none()
        {
            turn.answered_ms = Some(at_ms);
        }
    }

    fn fell_quiet(&mut self, events: &mut Vec<Event>) {
        self.run_started = None;
        let at_ms = self.last_audible.map_or(0, |at| (at + 1) / 8);
        if let Some(turn) = self.turns.last_mut()
            && turn.agent_was_speaking
            && turn.agent_silenced_ms.is_none()
        {
            turn.agent_silenced_ms = Some(at_ms.max(turn.started_ms));
        }
        events.push(Event::AgentQuiet { at_ms });
    }
}
