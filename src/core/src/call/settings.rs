//! What an agent's maker may choose about a conversation.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::answering::AnsweringPlan;
use super::tooling::ToolSettings;
use crate::commands::Command;
use crate::consent::ConsentPlan;
use crate::language::{Language, fill};

/// All choices of one agent that the call itself needs. Texts are ready to be spoken: variables are filled in.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The language of the conversation.
    pub language: Language,
    /// When the caller's turn is over.
    pub turn: TurnSettings,
    /// What happens when caller and agent speak at once.
    pub overlap: OverlapSettings,
    /// How long things may take.
    pub limits: Limits,
    /// Keys bound to commands.
    pub keys: Keys,
    /// The mind has words of its own for a caller who is silent, and decides when that is enough. Otherwise the
    /// notices' nudges are said.
    pub mind_nudges: bool,
    /// Sentences that are said whatever the mind thinks.
    pub notices: Notices,
    /// Whether what is said may be stored, and how that is found out.
    pub consent: ConsentPlan,
    /// Whether it is found out who answered, and what is done about machines.
    pub answering: AnsweringPlan,
    /// The tools of the mind, by name. It has no others.
    pub tools: BTreeMap<Arc<str>, ToolSettings>,
}

impl Settings {
    /// Every sentence that is known before the call, so that a voice can make them before they are needed.
    pub fn sentences(&self) -> impl Iterator<Item = &Arc<str>> {
        let message = self.answering.message.iter();
        let of_tools = self.tools.values().filter_map(|tool| tool.words.as_ref());
        let fixed = self.notices.all().chain(self.consent.all());
        fixed.chain(of_tools).chain(message)
    }
}

/// When the caller's turn is over. Silences count from the end of the voice.
///
/// The sources of the figures: 200 ms of silence before a turn model is asked and 0.5 s after a number are the
/// practice of Pipecat and Vapi. Smart Turn v3.2 scores most complete utterances above 0.95 and most cut ones below 0.2,
/// but over a telephone some complete ones fall to 0.3, so between the two the words have a say.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TurnSettings {
    /// Silence after speech that the turn model holds to be complete.
    pub complete_ms: u32,
    /// Silence after a sentence that looks finished and that the turn model finds likely to be.
    pub likely_ms: u32,
    /// Silence after a sentence that looks finished and that the turn model doubts.
    pub doubted_ms: u32,
    /// Silence after speech that looks finished but has no score.
    pub unscored_ms: u32,
    /// Silence after a number in passing ("at three").
    pub number_ms: u32,
    /// Silence while digits are being dictated.
    pub dictation_ms: u32,
    /// Silence while a name is being spelled or an e-mail address told.
    pub spelling_ms: u32,
    /// Silence after speech that is plainly unfinished ("and…", a low score).
    pub incomplete_ms: u32,
    /// Score from which speech counts as complete.
    pub complete_score: f32,
    /// Score from which it counts as likely to be.
    pub likely_score: f32,
    /// Score below which it is unfinished, whatever the words.
    pub unfinished_score: f32,
    /// How often an answer may be thought of before a turn is over, when its words look finished; 0 for never. Each time
    /// costs a request to the mind and the voice of a clause, and an answer that is waited for is heard sooner.
    pub drafts_max: u32,
    /// Silence after a key until the keys are taken for an answer. `#` ends them at once.
    pub keys_ms: u32,
    /// The caller's own pauses are learnt during the call, and fit the silences after doubtful ends to them.
    pub learn_pauses: bool,
    /// The longest silence that a caller's pauses lead to.
    pub patience_ms_max: u32,
}

impl Default for TurnSettings {
    fn default() -> Self {
        Self {
            complete_ms: 200,
            likely_ms: 450,
            doubted_ms: 900,
            unscored_ms: 700,
            number_ms: 500,
            dictation_ms: 1_600,
            spelling_ms: 1_200,
            incomplete_ms: 1_200,
            complete_score: 0.8,
            likely_score: 0.5,
            unfinished_score: 0.2,
            drafts_max: 2,
            keys_ms: 1_800,
            learn_pauses: true,
            patience_ms_max: 2_000,
        }
    }
}

/// What happens when the caller speaks while the agent does.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OverlapSettings {
    /// Overlap after which playback halts.
    pub pause_ms: u32,
    /// After the end of a short overlap, how long its words are waited for before playback goes on.
    pub verdict_ms: u32,
    /// A shorter overlap of low confidence is a backchannel, whatever its text says.
    pub backchannel_ms: u32,
    /// What counts as low confidence there.
    pub confidence: f32,
}

impl Default for OverlapSettings {
    fn default() -> Self {
        Self {
            pause_ms: 200,
            verdict_ms: 450,
            backchannel_ms: 900,
            confidence: 0.6,
        }
    }
}

/// How long things may take, in milliseconds.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The whole call.
    pub call_ms: u32,
    /// Silence until the caller is nudged, and again between nudges.
    pub silence_ms: u32,
    /// The recogniser's verdict, after the end of speech.
    pub transcript_ms: u32,
    /// The mind's next clause.
    pub mind_ms: u32,
    /// What the mind wants done for a reply, all of it together.
    pub tools_ms: u32,
    /// Playback without progress.
    pub playback_ms: u32,
    /// One stretch of speech without a pause.
    pub speech_ms: u32,
    /// The last words of the call, from the decision to say them.
    pub ending_ms: u32,
    /// Silence from the end of the caller's voice, or of the agent's, until a filler bridges it, should an answer be on
    /// its way; 0 for none.
    pub filler_ms: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call_ms: 15 * 60_000,
            silence_ms: 8_000,
            transcript_ms: 2_500,
            mind_ms: 10_000,
            tools_ms: 60_000,
            playback_ms: 20_000,
            speech_ms: 45_000,
            ending_ms: 15_000,
            filler_ms: 2_000,
        }
    }
}

/// Keys bound to commands. While digits are being collected, a command key counts only after a star.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keys {
    /// "Don't call me again."
    pub opt_out: Option<char>,
    /// "Don't record."
    pub dont_record: Option<char>,
    /// "Are you a robot?"
    pub robot: Option<char>,
    /// "Stop talking."
    pub stop: Option<char>,
    /// "Yes" to the question of consent; any other digit once that is answered.
    pub consent_yes: Option<char>,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            opt_out: Some('9'),
            dont_record: Some('8'),
            robot: Some('7'),
            stop: Some('0'),
            consent_yes: Some('1'),
        }
    }
}

impl Keys {
    /// The command that a key is bound to.
    pub fn command(&self, key: char) -> Option<Command> {
        let bound = [
            (self.opt_out, Command::OptOut),
            (self.dont_record, Command::DontRecord),
            (self.robot, Command::Robot),
            (self.stop, Command::Stop),
        ];
        bound
            .into_iter()
            .find(|(k, _)| *k == Some(key))
            .map(|(_, command)| command)
    }
}

/// Sentences that are said whatever the mind thinks.
#[derive(Clone, Debug)]
pub struct Notices {
    /// Said first and never cut by talking: who is calling, and that it is an AI. At least one clause.
    pub opening: Vec<Arc<str>>,
    /// To "are you a robot?".
    pub robot: Arc<str>,
    /// To "don't record" where nothing is recorded.
    pub dont_record: Arc<str>,
    /// To "don't call me again"; the call ends with it.
    pub opt_out: Arc<str>,
    /// The recogniser made nothing of what was said.
    pub unheard: Arc<str>,
    /// The mind or the voice failed; it is being tried again.
    pub moment: Arc<str>,
    /// The mind failed in mid-answer.
    pub lost: Arc<str>,
    /// It failed again; the call ends with it.
    pub giving_up: Arc<str>,
    /// Bridge a silence while an answer takes long, in turn; none if empty.
    pub fillers: Vec<Arc<str>>,
    /// To silence, in turn; after the last the call ends.
    pub nudges: Vec<Arc<str>>,
    /// To silence after the last nudge; the call ends with it.
    pub silence_end: Arc<str>,
    /// The call has reached its longest length and ends with this.
    pub too_long: Arc<str>,
    /// The mind hung up without a word.
    pub farewell: Arc<str>,
    /// The server shuts down or an operator ends the call; it ends with this.
    pub closing: Arc<str>,
}

impl Notices {
    /// The sentences of an agent called `agent` that calls for `business`. The opening names both and says that it is
    /// an AI assistant, since that is the law or about to be in most places.
    pub fn of(language: Language, agent: &str, business: &str) -> Self {
        let (opening, texts) = (language.opening(), language.notices());
        let says = |template: &str| fill(template, &[("business", business)]).into();
        let several = |list: &[&str]| list.iter().map(|text| (*text).into()).collect();
        let who = [
            ("agent", agent),
            ("what", opening.what.as_str()),
            ("entity", business),
            ("about", ""),
        ];
        Self {
            opening: vec![fill(&opening.who, &who).into()],
            robot: says(&texts.robot),
            dont_record: says(&texts.dont_record),
            opt_out: says(&texts.opt_out),
            unheard: says(&texts.unheard),
            moment: says(&texts.moment),
            lost: says(&texts.lost),
            giving_up: says(&texts.giving_up),
            fillers: several(texts.fillers),
            nudges: several(texts.nudges),
            silence_end: says(&texts.silence_end),
            too_long: says(&texts.too_long),
            farewell: says(&texts.farewell),
            closing: says(&texts.closing),
        }
    }

    /// Every sentence, so that a voice can make them before they are needed.
    pub fn all(&self) -> impl Iterator<Item = &Arc<str>> {
        let one = [
            &self.robot,
            &self.dont_record,
            &self.opt_out,
            &self.unheard,
            &self.moment,
            &self.lost,
            &self.giving_up,
            &self.silence_end,
            &self.too_long,
            &self.farewell,
            &self.closing,
        ];
        let several = self.fillers.iter().chain(&self.nudges);
        self.opening.iter().chain(one).chain(several)
    }
}

impl Default for Notices {
    fn default() -> Self {
        Notices::of(Language::English, "the assistant", "our office")
    }
}
