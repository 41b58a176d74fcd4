//! A model that hears, thinks and speaks over one socket, as a call sees it: a recogniser, a mind and a voice.
//!
//! All three are faces of one [`Talk`]. The socket is a recogniser's like any other (`providers/streaming.rs`): it is opened,
//! watched, made again and given up by the same rules, and who stands behind it hears again what has no final words. What
//! else goes over it, answers asked for and given, passes by the `Talk`, which a mind and a voice share.
//!
//! The vendor decides nothing. It is told to answer, with the very conversation that it is to answer: what the caller said
//! and what they heard, the items of the connection where it has them as sound, and words otherwise. So what was said before
//! consent, what nobody heard, and what a lost connection knew need no second thought.

mod ears;
mod making;
mod spoken;
mod talk;

use std::sync::Arc;

use trunkline_core::wire::realtime::{Realtime, RealtimeSettings};

use super::hop::Hop;
use super::streaming::{MakeStt, StreamingRecogniser};

pub use talk::{Held, Talk, Waits};

/// The tool by which a model ends the call.
pub(crate) const END_CALL: &str = "end_call";

/// A model of one call that hears and speaks.
pub struct Speaker {
    /// The call's conversation with it.
    pub talk: Arc<Talk>,
    /// Its ears; opening them opens the socket.
    pub recogniser: StreamingRecogniser,
}

impl Speaker {
    /// Of one call, at `hop`.
    pub(super) fn new(hop: Hop, settings: RealtimeSettings, key: &str) -> Self {
        let talk = Arc::new(Talk::new(hop.clone()));
        let (of_codec, key) = (Arc::clone(&talk), key.to_owned());
        let codec: MakeStt = Arc::new(move || {
            let wire = Realtime::new(&settings, &key);
            Box::new(ears::Wired::new(
                wire,
                Arc::clone(&of_codec),
                settings.silence_ms,
            ))
        });
        let recogniser = StreamingRecogniser::new(hop, codec).woken_by(talk.wake());
        Self { talk, recogniser }
    }
}
