//! The audio engine of Trunkline: bytes of a phone line in, facts out, and speech back.
//!
//! Everything here is pure: no clock, no socket, no thread. Time is passed in (`now_ms`), positions are counted in
//! samples of 8 kHz, and nothing is allocated per 20 ms frame once a call runs.
//!
//! | module | what it is |
//! |---|---|
//! | [`g711`], [`l16`] | the encodings of telephone audio |
//! | [`frame`] | any inbound size to exact 20 ms frames |
//! | [`gate`] | a cheap energy gate in front of the voice model |
//! | [`vad`] | voice probabilities to "speech started" and "speech stopped" |
//! | [`dtmf`] | key tones in the audio, and making them |
//! | [`tones`] | beeps of voicemail, faxes, and the notes before a network's announcement |
//! | [`echo`] | our own voice, coming back on the caller's line |
//! | [`ear`] | the listening side of a call: all of the above, and the last seconds of audio |
//! | [`line_clock`] | the carrier's clock beside the server's: where in a recording a moment belongs |
//! | [`mouth`] | the speaking side: chunks sent ahead, marks, and what was really heard |
//! | [`resample`] | 8, 16, 22.05, 24 and 48 kHz into each other |
//! | [`export`] | a stored recording as WAV, any range of it, and as Ogg Opus |
//! | [`wav`], [`decode`] | recordings and uploaded prompts |

pub mod decode;
pub mod dtmf;
pub mod ear;
pub mod echo;
pub mod export;
pub mod frame;
pub mod g711;
pub mod gate;
pub mod l16;
pub mod line_clock;
pub mod mouth;
pub mod resample;
pub mod tones;
pub mod vad;
pub mod wav;

/// Samples a second on a telephone line, and of all audio this crate keeps.
pub const RATE_HZ: u32 = 8_000;

/// Samples in one millisecond.
pub const SAMPLES_PER_MS: u64 = 8;

/// Samples in one frame of 20 ms.
pub const FRAME: usize = 160;

/// Samples in one window of 32 ms, the step of the voice model.
pub const WINDOW: usize = 256;
