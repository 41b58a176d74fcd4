//! How an answer came about, for people and programs that read it: every moment and every hop, and nothing left out that
//! is not known.

use serde::{Deserialize, Serialize};

use crate::call::Hop;
use crate::journal::{Latency, ServedBy};

/// The moments of one answer, ms of the call, its hops, and who had a part in it. What is `None` is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breakdown {
    /// The caller's last sound, or their last key.
    pub speech_end_ms: u64,
    /// The last of the turn's final words came.
    pub words_ms: Option<u64>,
    /// The turn was decided to be over.
    pub decided_ms: u64,
    /// The mind was asked; before the decision if it thought ahead.
    pub asked_ms: Option<u64>,
    /// The mind's first token.
    pub first_token_ms: Option<u64>,
    /// The first clause was given to the voice.
    pub first_clause_ms: Option<u64>,
    /// The voice's first sound.
    pub first_voice_ms: Option<u64>,
    /// The first audio went out.
    pub first_audio_ms: u64,
    /// The caller began to hear it, as the carrier's marks tell.
    pub first_heard_ms: Option<u64>,
    /// How long each part of the way took.
    pub hops: HopsMs,
    /// It was thought of before the turn was known to be over.
    pub ahead: bool,
    /// Who says when turns are over: `own` or `cloud`.
    pub profile: Option<String>,
    /// Who made words of what the caller said.
    pub recogniser: Option<ServedBy>,
    /// Who thought.
    pub model: Option<ServedBy>,
    /// Who spoke.
    pub voice: Option<ServedBy>,
}

/// How long each part of the way to an answer took, ms. They overlap where work is done side by side. See
/// [`Hop`] for where each begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HopsMs {
    /// From the caller's last sound to the last final words.
    pub recogniser_ms: Option<u64>,
    /// From the caller's last sound to the decision that the turn is over.
    pub end_of_turn_ms: u64,
    /// From the question to the mind's first token.
    pub model_ms: Option<u64>,
    /// From there to the first clause.
    pub clause_ms: Option<u64>,
    /// From the clause to the voice's first sound.
    pub voice_ms: Option<u64>,
    /// From there, and not before the decision, to the first audio that went out.
    pub floor_ms: Option<u64>,
    /// From there until the caller began to hear it.
    pub playout_ms: Option<u64>,
    /// From the caller's last sound to the first audio that went out.
    pub answer_ms: u64,
}

impl Breakdown {
    /// Of what a journal holds.
    pub fn of(latency: &Latency) -> Self {
        let timing = latency.timing();
        let ms = |hop| timing.hop_ms(hop);
        Self {
            speech_end_ms: latency.speech_end_ms,
            words_ms: latency.words_ms,
            decided_ms: latency.decided_ms,
            asked_ms: latency.asked_ms,
            first_token_ms: latency.first_token_ms,
            first_clause_ms: latency.first_clause_ms,
            first_voice_ms: latency.first_voice_ms,
            first_audio_ms: latency.first_audio_ms,
            first_heard_ms: latency.first_heard_ms,
            hops: HopsMs {
                recogniser_ms: ms(Hop::Recogniser),
                end_of_turn_ms: ms(Hop::EndOfTurn).unwrap_or_default(),
                model_ms: latency.asked_ms.and_then(|_| ms(Hop::Model)),
                clause_ms: ms(Hop::Clause),
                voice_ms: ms(Hop::Voice),
                floor_ms: ms(Hop::Floor),
                playout_ms: ms(Hop::Playout),
                answer_ms: ms(Hop::Answer).unwrap_or_default(),
            },
            ahead: latency.ahead,
            profile: latency.profile.clone(),
            recogniser: latency.recogniser.clone(),
            model: latency.model.clone(),
            voice: latency.voice.clone(),
        }
    }
}
