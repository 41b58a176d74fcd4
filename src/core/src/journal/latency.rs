//! How an answer came about in time.

use serde::{Deserialize, Serialize};

use crate::call::{Provider, Staff, Timing};
use crate::time::At;

/// Bytes of a model's name that are written down.
const MODEL_BYTES_MAX: usize = 128;

/// The moments of one answer, ms of the call, and who had a part in it. What is `None` is not known; journals of old know
/// four moments and nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// The caller's last sound, or their last key.
    pub speech_end_ms: u64,
    /// The last of the turn's final words came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words_ms: Option<u64>,
    /// The turn was decided to be over.
    pub decided_ms: u64,
    /// The mind was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_ms: Option<u64>,
    /// The mind's first token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_ms: Option<u64>,
    /// The first clause was given to the voice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_clause_ms: Option<u64>,
    /// The voice's first sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_voice_ms: Option<u64>,
    /// The first audio went out.
    pub first_audio_ms: u64,
    /// The caller began to hear it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_heard_ms: Option<u64>,
    /// It was thought of before the turn was known to be over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ahead: bool,
    /// Who says when turns are over: `own` or `cloud`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Who made words of what the caller said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recogniser: Option<ServedBy>,
    /// Who thought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ServedBy>,
    /// Who spoke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<ServedBy>,
}

/// Who did the work of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedBy {
    /// The vendor.
    pub vendor: String,
    /// The vendor's name for the model; `None` for its usual one.
    #[serde(default)]
    pub model: Option<String>,
    /// It took over from one that failed.
    #[serde(default)]
    pub stands_in: bool,
}

impl Latency {
    /// From what a call noted.
    pub fn of(timing: &Timing, by: Option<&Staff>) -> Self {
        let served = |pick: fn(&Staff) -> &Provider| by.map(|staff| ServedBy::of(pick(staff)));
        Self {
            speech_end_ms: timing.speech_end.ms(),
            words_ms: timing.words.map(At::ms),
            decided_ms: timing.decided.ms(),
            asked_ms: Some(timing.asked.ms()),
            first_token_ms: timing.first_token.map(At::ms),
            first_clause_ms: timing.first_clause.map(At::ms),
            first_voice_ms: timing.first_voice.map(At::ms),
            first_audio_ms: timing.first_audio.ms(),
            first_heard_ms: timing.first_heard.map(At::ms),
            ahead: timing.is_ahead,
            profile: by.map(|staff| staff.profile.name().to_owned()),
            recogniser: served(|staff| &staff.recogniser),
            model: served(|staff| &staff.model),
            voice: served(|staff| &staff.voice),
        }
    }

    /// The same without names of models.
    #[must_use]
    pub fn without_models(&self) -> Self {
        let unnamed = |served: &Option<ServedBy>| {
            let served = served.clone()?;
            Some(ServedBy {
                model: None,
                ..served
            })
        };
        Self {
            recogniser: unnamed(&self.recogniser),
            model: unnamed(&self.model),
            voice: unnamed(&self.voice),
            ..self.clone()
        }
    }

    /// The moments as a call knows them, to measure hops by.
    pub fn timing(&self) -> Timing {
        Timing {
            speech_end: At::from_ms(self.speech_end_ms),
            words: self.words_ms.map(At::from_ms),
            decided: At::from_ms(self.decided_ms),
            asked: At::from_ms(self.asked_ms.unwrap_or(self.decided_ms)),
            first_token: self.first_token_ms.map(At::from_ms),
            first_clause: self.first_clause_ms.map(At::from_ms),
            first_voice: self.first_voice_ms.map(At::from_ms),
            first_audio: At::from_ms(self.first_audio_ms),
            first_heard: self.first_heard_ms.map(At::from_ms),
            is_ahead: self.ahead,
        }
    }
}

impl ServedBy {
    fn of(provider: &Provider) -> Self {
        let model = cut(&provider.model);
        Self {
            vendor: provider.vendor.to_owned(),
            model: (!model.is_empty()).then(|| model.to_owned()),
            stands_in: provider.stands_in,
        }
    }
}

/// What fits of a model's name, whole characters.
fn cut(model: &str) -> &str {
    let mut end = model.len().min(MODEL_BYTES_MAX);
    while !model.is_char_boundary(end) {
        end -= 1;
    }
    &model[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Profile;

    #[test]
    fn a_latency_of_old_is_read() {
        let old = r#"{"speech_end_ms":1,"decided_ms":2,"first_token_ms":3,"first_audio_ms":4}"#;
        let read: Latency = serde_json::from_str(old).unwrap();
        let want = Latency {
            speech_end_ms: 1,
            decided_ms: 2,
            first_token_ms: Some(3),
            first_audio_ms: 4,
            ..Latency::default()
        };
        assert_eq!(read, want);
        assert_eq!(
            read.timing().asked,
            At::from_ms(2),
            "it asked when it had decided"
        );
    }

    #[test]
    fn it_says_what_the_call_noted() {
        let at = At::from_ms;
        let timing = Timing {
            speech_end: at(1),
            words: Some(at(2)),
            decided: at(4),
            asked: at(3),
            first_token: Some(at(5)),
            first_clause: Some(at(6)),
            first_voice: Some(at(7)),
            first_audio: at(8),
            first_heard: Some(at(9)),
            is_ahead: true,
        };
        let staff = Staff {
            profile: Profile::Cloud,
            recogniser: Provider::of("deepgram").with_model("nova-3"),
            model: Provider::of("openai").with_model(&"ä".repeat(100)),
            voice: Provider {
                stands_in: true,
                ..Provider::of("embedded")
            },
        };
        let latency = Latency::of(&timing, Some(&staff));
        assert_eq!(latency.timing(), timing);
        let json = serde_json::to_value(&latency).unwrap();
        assert_eq!(json["profile"], "cloud");
        assert_eq!(json["recogniser"]["model"], "nova-3");
        assert_eq!(json["model"]["model"], "ä".repeat(64), "whole characters");
        let voice = serde_json::json!({ "vendor": "embedded", "model": null, "stands_in": true });
        assert_eq!(json["voice"], voice);
        let again: Latency = serde_json::from_value(json).unwrap();
        assert_eq!(again, latency);
        let unnamed = serde_json::to_string(&latency.without_models()).unwrap();
        assert!(
            unnamed.contains("deepgram") && !unnamed.contains("nova"),
            "{unnamed}"
        );
    }
}
