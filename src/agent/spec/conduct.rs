//! How an agent holds a conversation. The document's own words for the settings of the call, so that one can change
//! without the other; the defaults are the call's.

use serde::{Deserialize, Serialize};
use trunkline_core::call::{Keys, Limits, Notices, OverlapSettings, TurnSettings};
use utoipa::ToSchema;

/// Defaults from the call's settings, and the way back to them. A setting that only one of the two has does not compile.
macro_rules! mirrors {
    ($spec:ident, $settings:ident { $($field:ident),+ $(,)? }) => {
        impl Default for $spec {
            fn default() -> Self {
                let $settings { $($field),+ } = $settings::default();
                Self { $($field),+ }
            }
        }

        impl $spec {
            /// As the call takes it.
            pub fn settings(&self) -> $settings {
                let Self { $($field),+ } = *self;
                $settings { $($field),+ }
            }
        }
    };
}

/// When the caller's turn is over. Silences count from the end of the voice, in milliseconds; scores are 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TurnSpec {
    /// Silence after speech that the turn model holds to be complete.
    #[schema(minimum = 100, maximum = 5000, default = 200)]
    pub complete_ms: u32,
    /// Silence after a sentence that looks finished and that the turn model finds likely to be.
    #[schema(minimum = 100, maximum = 5000, default = 450)]
    pub likely_ms: u32,
    /// Silence after a sentence that looks finished and that the turn model doubts.
    #[schema(minimum = 100, maximum = 5000, default = 900)]
    pub doubted_ms: u32,
    /// Silence after speech that looks finished but has no score.
    #[schema(minimum = 100, maximum = 5000, default = 700)]
    pub unscored_ms: u32,
    /// Silence after a number in passing ("at three").
    #[schema(minimum = 100, maximum = 5000, default = 500)]
    pub number_ms: u32,
    /// Silence while digits are being dictated.
    #[schema(minimum = 200, maximum = 10000, default = 1600)]
    pub dictation_ms: u32,
    /// Silence while a name is being spelled or an e-mail address told.
    #[schema(minimum = 200, maximum = 10000, default = 1200)]
    pub spelling_ms: u32,
    /// Silence after speech that is plainly unfinished.
    #[schema(minimum = 200, maximum = 10000, default = 1200)]
    pub incomplete_ms: u32,
    /// Score from which speech counts as complete.
    #[schema(minimum = 0, maximum = 1, default = 0.8)]
    pub complete_score: f32,
    /// Score from which it counts as likely to be.
    #[schema(minimum = 0, maximum = 1, default = 0.5)]
    pub likely_score: f32,
    /// Score below which it is unfinished, whatever the words.
    #[schema(minimum = 0, maximum = 1, default = 0.2)]
    pub unfinished_score: f32,
    /// How often an answer may be thought of before a turn is over, when its words look finished; 0 for never. Each time
    /// costs a request to the mind and the voice of a clause; nothing of it is heard unless it answers the whole turn.
    #[schema(minimum = 0, maximum = 5, default = 2)]
    pub drafts_max: u32,
    /// Silence after a key until the keys are taken for an answer. `#` ends them at once.
    #[schema(minimum = 200, maximum = 10000, default = 1800)]
    pub keys_ms: u32,
    /// The caller's own pauses are learnt during the call, and fit the silences after doubtful ends to them: up to half
    /// as long again for one who pauses, up to a fifth less for one who does not. Clear ends stay as they are.
    #[schema(default = true)]
    pub learn_pauses: bool,
    /// The longest silence that a caller's pauses lead to.
    #[schema(minimum = 200, maximum = 10000, default = 2000)]
    pub patience_ms_max: u32,
}

mirrors!(
    TurnSpec,
    TurnSettings {
        complete_ms,
        likely_ms,
        doubted_ms,
        unscored_ms,
        number_ms,
        dictation_ms,
        spelling_ms,
        incomplete_ms,
        complete_score,
        likely_score,
        unfinished_score,
        drafts_max,
        keys_ms,
        learn_pauses,
        patience_ms_max,
    }
);

/// What happens when the caller speaks while the agent does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OverlapSpec {
    /// Overlap after which playback halts, ms.
    #[schema(minimum = 50, maximum = 2000, default = 200)]
    pub pause_ms: u32,
    /// After the end of a short overlap, how long its words are waited for before playback goes on, ms.
    #[schema(minimum = 0, maximum = 3000, default = 450)]
    pub verdict_ms: u32,
    /// A shorter overlap of low confidence is a backchannel, whatever its text says, ms.
    #[schema(minimum = 0, maximum = 5000, default = 900)]
    pub backchannel_ms: u32,
    /// What counts as low confidence there.
    #[schema(minimum = 0, maximum = 1, default = 0.6)]
    pub confidence: f32,
}

mirrors!(
    OverlapSpec,
    OverlapSettings {
        pause_ms,
        verdict_ms,
        backchannel_ms,
        confidence
    }
);

/// How long things may take, in milliseconds. A limit of next to nothing makes no conversation, and no farewell may be
/// longer than a server that shuts down waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsSpec {
    /// The whole call.
    #[schema(minimum = 10000, maximum = 14400000, default = 900000)]
    pub call_ms: u32,
    /// Silence until the caller is nudged, and again between nudges.
    #[schema(minimum = 1000, maximum = 120000, default = 8000)]
    pub silence_ms: u32,
    /// The recogniser's verdict, after the end of speech.
    #[schema(minimum = 500, maximum = 20000, default = 2500)]
    pub transcript_ms: u32,
    /// The mind's next clause.
    #[schema(minimum = 500, maximum = 60000, default = 10000)]
    pub mind_ms: u32,
    /// Playback without progress.
    #[schema(minimum = 2000, maximum = 120000, default = 20000)]
    pub playback_ms: u32,
    /// One stretch of speech without a pause.
    #[schema(minimum = 5000, maximum = 300000, default = 45000)]
    pub speech_ms: u32,
    /// The last words of the call, from the decision to say them.
    #[schema(minimum = 3000, maximum = 18000, default = 15000)]
    pub ending_ms: u32,
    /// Silence from the end of the caller's voice, or of the agent's, until a filler bridges it, should an answer be on
    /// its way; 0 for none.
    #[schema(minimum = 0, maximum = 60000, default = 2000)]
    pub filler_ms: u32,
    /// What tools do for one answer, all of it together.
    #[schema(minimum = 1000, maximum = 120000, default = 60000)]
    pub tools_ms: u32,
}

mirrors!(
    LimitsSpec,
    Limits {
        call_ms,
        silence_ms,
        transcript_ms,
        mind_ms,
        playback_ms,
        speech_ms,
        ending_ms,
        filler_ms,
        tools_ms,
    }
);

/// The keys of the caller's commands, one digit each; an empty text means none. While digits are being collected, they
/// count after a star.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KeysSpec {
    /// "Don't call me again." There must be one.
    #[schema(max_length = 1, default = "9")]
    pub opt_out: String,
    /// "Don't record." There must be one if calls are recorded.
    #[schema(max_length = 1, default = "8")]
    pub dont_record: String,
    /// "Are you a robot?"
    #[schema(max_length = 1, default = "7")]
    pub robot: String,
    /// "Stop talking."
    #[schema(max_length = 1, default = "0")]
    pub stop: String,
    /// "Yes" to the question whether the call may be recorded.
    #[schema(max_length = 1, default = "1")]
    pub consent_yes: String,
}

impl Default for KeysSpec {
    fn default() -> Self {
        let Keys {
            opt_out,
            dont_record,
            robot,
            stop,
            consent_yes,
        } = Keys::default();
        let text = |key: Option<char>| key.map(String::from).unwrap_or_default();
        Self {
            opt_out: text(opt_out),
            dont_record: text(dont_record),
            robot: text(robot),
            stop: text(stop),
            consent_yes: text(consent_yes),
        }
    }
}

impl KeysSpec {
    /// As the call takes it.
    pub fn settings(&self) -> Keys {
        let key = |text: &str| text.chars().next();
        Keys {
            opt_out: key(&self.opt_out),
            dont_record: key(&self.dont_record),
            robot: key(&self.robot),
            stop: key(&self.stop),
            consent_yes: key(&self.consent_yes),
        }
    }

    /// Each with its name.
    pub(in crate::agent) fn named(&self) -> [(&'static str, &str); 5] {
        [
            ("opt_out", &self.opt_out),
            ("dont_record", &self.dont_record),
            ("robot", &self.robot),
            ("stop", &self.stop),
            ("consent_yes", &self.consent_yes),
        ]
    }
}

/// Sentences in an agent's own words, at most 300 characters each; those left out are the usual ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NoticesSpec {
    /// To "are you a robot?". It must say that an AI speaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 300)]
    pub robot: Option<String>,
    /// To "don't record".
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 300)]
    pub dont_record: Option<String>,
    /// To "don't call me again"; the call ends with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 300)]
    pub opt_out: Option<String>,
    /// The recogniser made nothing of what was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 300)]
    pub unheard: Option<String>,
    /// The mind or the voice failed; it is being tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 300)]
    pub moment: Option<String>,
    /// The mind failed in mid-answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 300)]
    pub lost: Option<String>,
    /// It failed again; the call ends with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 300)]
    pub giving_up: Option<String>,
    /// Bridge a silence while an answer takes long, in turn; none if the list is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 5)]
    pub fillers: Option<Vec<String>>,
    /// To silence, in turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 5)]
    pub nudges: Option<Vec<String>>,
    /// To silence after the last nudge; the call ends with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 300)]
    pub silence_end: Option<String>,
    /// The call has reached its longest length and ends with this.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 300)]
    pub too_long: Option<String>,
    /// The mind hung up without a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 300)]
    pub farewell: Option<String>,
    /// The server shuts down or an operator ends the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 300)]
    pub closing: Option<String>,
}

impl NoticesSpec {
    /// Puts the agent's own words in the place of the usual ones.
    pub fn apply(&self, notices: &mut Notices) {
        let own = [
            (&self.robot, &mut notices.robot),
            (&self.dont_record, &mut notices.dont_record),
            (&self.opt_out, &mut notices.opt_out),
            (&self.unheard, &mut notices.unheard),
            (&self.moment, &mut notices.moment),
            (&self.lost, &mut notices.lost),
            (&self.giving_up, &mut notices.giving_up),
            (&self.silence_end, &mut notices.silence_end),
            (&self.too_long, &mut notices.too_long),
            (&self.farewell, &mut notices.farewell),
            (&self.closing, &mut notices.closing),
        ];
        for (text, notice) in own {
            if let Some(text) = text {
                *notice = text.as_str().into();
            }
        }
        let several = [
            (&self.fillers, &mut notices.fillers),
            (&self.nudges, &mut notices.nudges),
        ];
        for (own, usual) in several {
            if let Some(own) = own {
                *usual = own.iter().map(|text| text.as_str().into()).collect();
            }
        }
    }

    /// Each single sentence of its own with its name.
    pub(in crate::agent) fn named(&self) -> [(&'static str, Option<&str>); 11] {
        [
            ("robot", self.robot.as_deref()),
            ("dont_record", self.dont_record.as_deref()),
            ("opt_out", self.opt_out.as_deref()),
            ("unheard", self.unheard.as_deref()),
            ("moment", self.moment.as_deref()),
            ("lost", self.lost.as_deref()),
            ("giving_up", self.giving_up.as_deref()),
            ("silence_end", self.silence_end.as_deref()),
            ("too_long", self.too_long.as_deref()),
            ("farewell", self.farewell.as_deref()),
            ("closing", self.closing.as_deref()),
        ]
    }
}
