//! Providers.

mod attempts;
mod audio;
mod hop;
mod streaming;
mod voice;
mod wire;

pub use hop::{Hop, Kind};
pub use streaming::{MakeStt, StreamingRecogniser};
pub use voice::{CloudVoice, CloudVoices, Kept, MakePost, MakeTts, Speaks};
