//! How the answers of a call came about in time.

use serde::Serialize;
use trunkline_core::transcript::Breakdown;
use utoipa::ToSchema;

use crate::store::turns::LatencyRow;

/// Answers of a call that are shown one by one with the call; the transcript has all.
const ANSWERS_SHOWN: usize = 200;

/// The moments of one answer, ms from the call's start, its hops, and who had a part in it. What is null is not known.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a description of the pure crate's own")]
pub(in crate::api) struct Latency {
    /// The caller's last sound, or their last key.
    speech_end_ms: u64,
    /// The last of the turn's final words came.
    words_ms: Option<u64>,
    /// The turn was decided to be over.
    decided_ms: u64,
    /// The mind was asked; before the decision if it thought ahead.
    asked_ms: Option<u64>,
    /// The mind's first token.
    first_token_ms: Option<u64>,
    /// The first clause was given to the voice.
    first_clause_ms: Option<u64>,
    /// The voice's first sound.
    first_voice_ms: Option<u64>,
    /// The first audio went out to the carrier.
    first_audio_ms: u64,
    /// The caller began to hear it, as the carrier's echo of what was sent tells.
    first_heard_ms: Option<u64>,
    hops: HopsMs,
    /// It was thought of before the turn was known to be over.
    ahead: bool,
    /// Who says when turns are over: `own`, the server's models, or `cloud`, the recogniser's events.
    #[schema(example = "cloud")]
    profile: Option<String>,
    /// Who made words of what the caller said.
    recogniser: Option<ServedBy>,
    /// Who thought: a language model's vendor, or `flow` for a script.
    model: Option<ServedBy>,
    /// Who spoke.
    voice: Option<ServedBy>,
}

/// How long each part of the way to an answer took, ms. They overlap where work is done side by side.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a description of the pure crate's own")]
pub(in crate::api) struct HopsMs {
    /// From the caller's last sound to the last final words.
    recogniser_ms: Option<u64>,
    /// From the caller's last sound to the decision that the turn is over.
    end_of_turn_ms: u64,
    /// From the question to the mind's first token.
    model_ms: Option<u64>,
    /// From there to the first clause.
    clause_ms: Option<u64>,
    /// From the clause to the voice's first sound.
    voice_ms: Option<u64>,
    /// From there, and not before the decision, to the first audio that went out.
    floor_ms: Option<u64>,
    /// From there until the caller began to hear it.
    playout_ms: Option<u64>,
    /// From the caller's last sound to the first audio that went out.
    answer_ms: u64,
}

/// Who did the work of a stage.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a description of the pure crate's own")]
pub(in crate::api) struct ServedBy {
    /// The vendor; `embedded` is what is built in.
    #[schema(example = "deepgram")]
    vendor: String,
    /// The vendor's name for the model; null for its usual one, and everywhere but in transcripts.
    model: Option<String>,
    /// It took over from one that failed.
    stands_in: bool,
}

/// How one answer came about.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct AnsweredTurn {
    /// Its place in the call's journal; grows.
    seq: u64,
    /// Start of its sound, ms from the call's start.
    from_ms: u64,
    #[schema(value_type = Latency)]
    latency: Breakdown,
}

/// How quickly the caller was answered, from their last sound to the first audio of each answer.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct CallLatency {
    /// Turns that were answered.
    answers: usize,
    /// Of these, those that were thought of before the turn was known to be over.
    ahead: usize,
    /// Half of the answers took no longer; null without any.
    answer_ms_p50: Option<u64>,
    /// Nineteen in twenty took no longer.
    answer_ms_p95: Option<u64>,
    answer_ms_max: Option<u64>,
    /// The last 200 of them, in order. Without names of models: those are in the transcript.
    turns: Vec<AnsweredTurn>,
}

impl CallLatency {
    /// Of a call's answers, in order.
    pub(super) fn of(rows: &[LatencyRow]) -> Self {
        let all = rows.iter().map(|row| AnsweredTurn {
            seq: row.seq,
            from_ms: row.from_ms,
            latency: Breakdown::of(&row.latency),
        });
        let mut turns: Vec<AnsweredTurn> = all.collect();
        let ahead = turns.iter().filter(|turn| turn.latency.ahead).count();
        let times = turns.iter().map(|turn| turn.latency.hops.answer_ms);
        let mut times: Vec<u64> = times.collect();
        times.sort_unstable();
        let shown = turns.split_off(turns.len().saturating_sub(ANSWERS_SHOWN));
        Self {
            answers: times.len(),
            ahead,
            answer_ms_p50: percentile(&times, 50),
            answer_ms_p95: percentile(&times, 95),
            answer_ms_max: times.last().copied(),
            turns: shown,
        }
    }
}

/// The least of `sorted` that so many in a hundred do not exceed.
fn percentile(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use trunkline_core::journal::Latency as Kept;

    fn row(seq: u64, answer_ms: u64) -> LatencyRow {
        LatencyRow {
            seq,
            from_ms: seq * 1_000,
            latency: Kept {
                speech_end_ms: seq * 1_000,
                first_audio_ms: seq * 1_000 + answer_ms,
                ahead: seq.is_multiple_of(2),
                ..Kept::default()
            },
        }
    }

    #[test]
    fn percentiles_are_of_all_answers_and_the_last_are_shown() {
        let none = CallLatency::of(&[]);
        assert_eq!((none.answers, none.answer_ms_p50), (0, None));
        let one = CallLatency::of(&[row(1, 300)]);
        assert_eq!(
            (one.answer_ms_p50, one.answer_ms_p95),
            (Some(300), Some(300))
        );
        let rows: Vec<LatencyRow> = (1..=400).map(|n| row(n, 401 - n)).collect();
        let many = CallLatency::of(&rows);
        assert_eq!((many.answers, many.ahead), (400, 200));
        let figures = (many.answer_ms_p50, many.answer_ms_p95, many.answer_ms_max);
        assert_eq!(figures, (Some(200), Some(380), Some(400)));
        assert_eq!((many.turns.len(), many.turns[0].seq), (200, 201));
    }
}
