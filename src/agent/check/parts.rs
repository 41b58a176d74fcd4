//! The parts of a document that have a bound, each with its place.

use crate::tools::TOOLS_MAX;
use trunkline_core::consent::Mode;
use trunkline_core::times::spoken_ms;

use crate::agent::problem::step;
use crate::agent::recording::consent_plan;
use crate::agent::spec::AgentSpec;

/// Most variables.
pub(super) const VARIABLES_MAX: usize = 100;
/// Most respelled words.
pub(super) const PRONUNCIATIONS_MAX: usize = 200;
/// Most words that a recogniser is told of.
const KEY_TERMS_MAX: usize = 100;
/// Most places of business.
pub(super) const PLACES_MAX: usize = 50;
/// Most sentences of an opening of one's own.
const OPENING_TEXTS_MAX: usize = 8;
/// Most sentences that bridge a silence.
const FILLERS_MAX: usize = 5;
/// Most people to whom callers may be put through.
pub(super) const TRANSFERS_MAX: usize = 10;
/// Most agents to whom callers may be handed over.
pub(super) const HAND_OFF_MAX: usize = 10;
/// Most nudges to a silent caller.
const NUDGES_MAX: usize = 5;

/// A text in one line.
pub(super) struct Text<'s> {
    pub(super) pointer: String,
    pub(super) text: &'s str,
    pub(super) chars_max: usize,
    pub(super) is_spoken: bool,
}

/// A number and its bounds, both included.
pub(super) struct Number {
    pub(super) pointer: &'static str,
    pub(super) value: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

/// Every text in one line that is there. Of lists and tables that are too long, only the part that is allowed.
pub(super) fn texts(spec: &AgentSpec) -> Vec<Text<'_>> {
    let mut all = Vec::new();
    let mut put = |pointer: String, text, chars_max, is_spoken| {
        all.push(Text {
            pointer,
            text,
            chars_max,
            is_spoken,
        });
    };
    put("/name".into(), &spec.name, 80, true);
    put("/business".into(), &spec.business, 120, true);
    put(
        "/recording/reason".into(),
        &spec.recording.reason,
        160,
        true,
    );
    let slots = &spec.opening;
    // An empty one has a meaning of its own.
    let opt_out_line = slots.opt_out_line.as_deref();
    let opt_out_line = opt_out_line.filter(|line| !line.trim().is_empty());
    for (pointer, text, chars_max, is_spoken) in [
        ("/flow", spec.flow.as_deref(), 255, false),
        ("/greeting", spec.greeting.as_deref(), 500, false),
        (
            "/opening/legal_entity",
            slots.legal_entity.as_deref(),
            120,
            true,
        ),
        ("/opening/purpose", slots.purpose.as_deref(), 160, true),
        ("/opening/ai_notice", slots.ai_notice.as_deref(), 80, true),
        ("/opening/opt_out_line", opt_out_line, 200, true),
        (
            "/answering/message",
            spec.answering.message.as_deref(),
            600,
            false,
        ),
        (
            "/answering/opt_out_line",
            spec.answering.opt_out_line.as_deref(),
            200,
            true,
        ),
        ("/model/provider", spec.model.provider.as_deref(), 64, false),
        ("/model/name", spec.model.name.as_deref(), 200, false),
        (
            "/recogniser/provider",
            spec.recogniser.provider.as_deref(),
            64,
            false,
        ),
        (
            "/recogniser/model",
            spec.recogniser.model.as_deref(),
            200,
            false,
        ),
        ("/voice/provider", spec.voice.provider.as_deref(), 64, false),
        ("/voice/model", spec.voice.model.as_deref(), 200, false),
        ("/voice/id", spec.voice.id.as_deref(), 200, false),
    ] {
        if let Some(text) = text {
            put(pointer.into(), text, chars_max, is_spoken);
        }
    }
    for (name, text) in spec.notices.named() {
        if let Some(text) = text {
            put(format!("/notices/{name}"), text, 300, true);
        }
    }
    let own = slots.texts.as_deref().unwrap_or_default();
    let nudges = spec.notices.nudges.as_deref().unwrap_or_default();
    let fillers = spec.notices.fillers.as_deref().unwrap_or_default();
    for (place, list, most, chars_max, is_spoken) in [
        ("/opening/texts", own, OPENING_TEXTS_MAX, 300, true),
        ("/notices/nudges", nudges, NUDGES_MAX, 300, true),
        ("/notices/fillers", fillers, FILLERS_MAX, 300, true),
        (
            "/recogniser/key_terms",
            &spec.recogniser.key_terms,
            KEY_TERMS_MAX,
            80,
            false,
        ),
    ] {
        for (at, text) in list.iter().take(most).enumerate() {
            put(format!("{place}/{at}"), text, chars_max, is_spoken);
        }
    }
    for (word, respelling) in spec.voice.pronunciations.iter().take(PRONUNCIATIONS_MAX) {
        let pointer = format!("/voice/pronunciations{}", step(word));
        put(pointer.clone(), word, 60, true);
        put(pointer, respelling, 80, true);
    }
    all
}

/// Every list and table that is there: its place, how many entries it has, how many it may have.
pub(super) fn counts(spec: &AgentSpec) -> [(&'static str, usize, usize); 11] {
    let length = |list: &Option<Vec<String>>| list.as_ref().map_or(0, Vec::len);
    let directions = spec.directions.as_ref().map_or(0, Vec::len);
    [
        ("/directions", directions, 2),
        ("/tools", spec.tools.len(), TOOLS_MAX),
        ("/transfers", spec.transfers.len(), TRANSFERS_MAX),
        ("/hand_off", spec.hand_off.len(), HAND_OFF_MAX),
        (
            "/opening/texts",
            length(&spec.opening.texts),
            OPENING_TEXTS_MAX,
        ),
        ("/notices/nudges", length(&spec.notices.nudges), NUDGES_MAX),
        (
            "/notices/fillers",
            length(&spec.notices.fillers),
            FILLERS_MAX,
        ),
        (
            "/recogniser/key_terms",
            spec.recogniser.key_terms.len(),
            KEY_TERMS_MAX,
        ),
        (
            "/voice/pronunciations",
            spec.voice.pronunciations.len(),
            PRONUNCIATIONS_MAX,
        ),
        ("/variables", spec.variables.len(), VARIABLES_MAX),
        ("/recording/places", spec.recording.places.len(), PLACES_MAX),
    ]
}

/// Every number that is there.
pub(super) fn numbers(spec: &AgentSpec) -> Vec<Number> {
    let (turn, overlap, limits) = (&spec.turn, &spec.overlap, &spec.limits);
    let answering = &spec.answering;
    let whole = [
        ("/turn/complete_ms", turn.complete_ms, 100, 5_000),
        ("/turn/likely_ms", turn.likely_ms, 100, 5_000),
        ("/turn/doubted_ms", turn.doubted_ms, 100, 5_000),
        ("/turn/unscored_ms", turn.unscored_ms, 100, 5_000),
        ("/turn/number_ms", turn.number_ms, 100, 5_000),
        ("/turn/dictation_ms", turn.dictation_ms, 200, 10_000),
        ("/turn/spelling_ms", turn.spelling_ms, 200, 10_000),
        ("/turn/incomplete_ms", turn.incomplete_ms, 200, 10_000),
        ("/turn/drafts_max", turn.drafts_max, 0, 5),
        ("/turn/keys_ms", turn.keys_ms, 200, 10_000),
        ("/turn/patience_ms_max", turn.patience_ms_max, 200, 10_000),
        ("/overlap/pause_ms", overlap.pause_ms, 50, 2_000),
        ("/overlap/verdict_ms", overlap.verdict_ms, 0, 3_000),
        ("/overlap/backchannel_ms", overlap.backchannel_ms, 0, 5_000),
        ("/limits/call_ms", limits.call_ms, 10_000, 4 * 3_600_000),
        ("/limits/silence_ms", limits.silence_ms, 1_000, 120_000),
        ("/limits/transcript_ms", limits.transcript_ms, 500, 20_000),
        ("/limits/mind_ms", limits.mind_ms, 500, 60_000),
        ("/limits/tools_ms", limits.tools_ms, 1_000, 120_000),
        ("/limits/playback_ms", limits.playback_ms, 2_000, 120_000),
        ("/limits/speech_ms", limits.speech_ms, 5_000, 300_000),
        ("/limits/ending_ms", limits.ending_ms, 3_000, 18_000),
        ("/limits/filler_ms", limits.filler_ms, 0, 60_000),
        ("/answering/silence_ms", answering.silence_ms, 2_000, 30_000),
        (
            "/answering/long_greeting_ms",
            answering.long_greeting_ms,
            0,
            60_000,
        ),
        ("/answering/decide_ms", answering.decide_ms, 3_000, 60_000),
        ("/answering/beep_ms", answering.beep_ms, 5_000, 180_000),
        (
            "/answering/beep_silence_ms",
            answering.beep_silence_ms,
            1_000,
            20_000,
        ),
        (
            "/recording/retention_days",
            spec.recording.retention_days,
            1,
            3_650,
        ),
    ];
    let fractions = [
        ("/voice/speed", spec.voice.speed, 0.5, 2.0),
        ("/turn/complete_score", turn.complete_score, 0.0, 1.0),
        ("/turn/likely_score", turn.likely_score, 0.0, 1.0),
        ("/turn/unfinished_score", turn.unfinished_score, 0.0, 1.0),
        ("/overlap/confidence", overlap.confidence, 0.0, 1.0),
    ];
    let tokens_after = spec
        .after
        .model
        .max_tokens
        .map(|tokens| ("/after/model/max_tokens", tokens, 16, 32_768));
    let tokens = spec
        .model
        .max_tokens
        .map(|tokens| ("/model/max_tokens", tokens, 16, 4_096));
    let first_token = spec
        .model
        .first_token_ms
        .map(|ms| ("/model/first_token_ms", ms, 500, 20_000));
    let freedom = spec
        .model
        .temperature
        .map(|freedom| ("/model/temperature", freedom, 0.0, 2.0));
    let endpointing = spec
        .recogniser
        .endpointing_ms
        .map(|ms| ("/recogniser/endpointing_ms", ms, 50, 3_000));
    let whole = whole.into_iter().chain(tokens).chain(first_token);
    let whole = whole.chain(endpointing).chain(tokens_after);
    let whole = whole.map(|(pointer, value, least, most): (_, u32, u32, u32)| Number {
        pointer,
        value: value.into(),
        least: least.into(),
        most: most.into(),
    });
    let fractions = fractions.into_iter().chain(freedom);
    let fractions = fractions.map(|(pointer, value, least, most)| Number {
        pointer,
        value: f64::from(value),
        least,
        most,
    });
    whole.chain(fractions).collect()
}

/// About how long the recording notice takes under the rule that has the longest, ms.
pub(super) fn recording_notice_ms(spec: &AgentSpec) -> u32 {
    let notices = [Mode::Announce, Mode::Affirmative].map(|mode| {
        let plan = consent_plan(spec, mode);
        let said = plan.opening().map(|text| spoken_ms(text, spec.voice.speed));
        said.sum()
    });
    notices.into_iter().max().unwrap_or_default()
}
