//! A recording as a file: WAV made on the fly, any range of it, and Ogg Opus, a fifth of its size or less.
//!
//! A recording has two tracks of equal length, 8 kHz: the caller on the left, the agent on the right. Files say in
//! themselves that the agent's speech is made by a machine.

mod ogg;
mod opus;
mod wav;

pub use self::opus::{OggOpus, OpusError};
pub use self::wav::RangedWav;

/// Which tracks of a recording a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tracks {
    /// Two channels: the caller left, the agent right.
    Both,
    /// One channel: the caller.
    Caller,
    /// One channel: the agent.
    Agent,
}

impl Tracks {
    /// Channels of the file, 1 or 2.
    pub fn channels(self) -> u16 {
        match self {
            Tracks::Both => 2,
            Tracks::Caller | Tracks::Agent => 1,
        }
    }

    /// What a channel of the file holds of a moment, caller and agent.
    fn sample(self, [caller, agent]: [i16; 2], channel: usize) -> i16 {
        match (self, channel) {
            (Tracks::Caller, _) | (Tracks::Both, 0) => caller,
            (Tracks::Agent | Tracks::Both, _) => agent,
        }
    }

    /// Which speech in the file is made by a machine.
    fn mark(self) -> Option<&'static str> {
        match self {
            Tracks::Both => Some("right channel: AI-generated speech"),
            Tracks::Caller => None,
            Tracks::Agent => Some("AI-generated speech"),
        }
    }
}
