//! What a person hears before a caller is put through to them, and which key they press.
//!
//! It is said by the agent's own voice over a media socket: no word of it reaches the carrier as text. Whoever presses no key
//! is given nobody, so a machine never takes a caller.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use trunkline_core::clause::Clauses;
use trunkline_core::guard;
use trunkline_core::language::{Language, TransferTexts, fill};
use trunkline_core::wire::twilio::Inbound;

use super::Told;
use crate::clock;
use crate::line::Line;
use crate::provider::{Sound, Voice};
use crate::succession::Succession;

/// Takes the call.
const ACCEPT: char = '1';
/// Does not.
const DECLINE: char = '2';
/// How long a key is waited for, each time that it was asked for.
const KEY_PATIENCE: Duration = Duration::from_secs(8);
/// So often a key is asked for.
const ASKED_MAX: usize = 2;
/// How long the voice may be silent in a sentence.
const VOICE_PATIENCE: Duration = Duration::from_secs(5);
/// Longest time for one sentence to be heard, from its first sound.
const SENTENCE_MAX: Duration = Duration::from_secs(60);
/// How long a person who has accepted waits here; whoever leads them elsewhere ends it sooner.
const LED_PATIENCE: Duration = Duration::from_secs(120);
/// Mu-law bytes that are sent at once.
const CHUNK_BYTES: usize = 1_600;

/// What is said to a person, and how.
pub(crate) struct Briefing {
    sentences: Vec<Arc<str>>,
    texts: &'static TransferTexts,
    voices: Succession<Arc<dyn Voice>>,
    speed: f32,
    /// Turns true when the caller is not to be had any more.
    over: watch::Receiver<bool>,
}

impl Briefing {
    /// In the language of the summary, by these voices: who calls, and what it is about. `over` turns true when there is no caller any more.
    pub(super) fn new(
        language: Language,
        introduction: &Arc<str>,
        summary: &str,
        voices: Succession<Arc<dyn Voice>>,
        speed: f32,
        over: watch::Receiver<bool>,
    ) -> Self {
        let (mut clauses, mut cut) = (Vec::new(), Clauses::new());
        cut.push(summary, &mut clauses);
        cut.finish(&mut clauses);
        let clauses = clauses.into_iter().map(Arc::<str>::from);
        let said = clauses.filter(|clause| !guard::denies_ai(language, "", clause));
        Self {
            sentences: std::iter::once(Arc::clone(introduction))
                .chain(said)
                .collect(),
            texts: language.transfer(),
            voices,
            speed,
            over,
        }
    }
}

/// What came of a sentence, or of waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    /// It was heard to its end, or the time is up.
    All,
    /// A key was pressed that means something.
    Key(char),
    /// The caller is not to be had any more.
    Over,
    /// The line is closed.
    Closed,
    /// No voice said it.
    Unspoken,
}

struct Speaker {
    line: Line,
    voices: Succession<Arc<dyn Voice>>,
    speed: f32,
    over: watch::Receiver<bool>,
    /// Keys that mean something; whatever else is pressed changes nothing.
    keys: &'static [char],
    /// Sentences so far.
    said: u32,
}

/// Says it all, and tells what the person wants.
pub(super) async fn brief(line: Line, briefing: &Briefing, told: &mpsc::Sender<Told>) {
    let texts = briefing.texts;
    let mut speaker = Speaker {
        line,
        voices: briefing.voices.clone(),
        speed: briefing.speed,
        over: briefing.over.clone(),
        keys: &[ACCEPT, DECLINE],
        said: 0,
    };
    let (answer, last) = match speaker.ask(&briefing.sentences, texts).await {
        Heard::Key(ACCEPT) => (Some(Told::Accepted), Some(&texts.thanks)),
        Heard::Key(_) => (Some(Told::Declined), Some(&texts.declined)),
        Heard::All => (Some(Told::Silent), Some(&texts.silent)),
        Heard::Unspoken => (Some(Told::Unspoken), None),
        Heard::Over => (None, Some(&texts.caller_gone)),
        // How the leg ended, the carrier tells.
        Heard::Closed => (None, None),
    };
    let is_accepted = matches!(answer, Some(Told::Accepted));
    if let Some(answer) = answer {
        // A transfer that is over needs no answer.
        let _ = told.send(answer).await;
    }
    speaker.keys = &[];
    if let Some(last) = last {
        speaker.line.clear();
        let mut heard = speaker.say(last, is_accepted).await;
        if is_accepted && heard == Heard::All {
            heard = speaker.wait(LED_PATIENCE, true).await;
        }
        if is_accepted && heard == Heard::Over {
            speaker.line.clear();
            speaker.say(&texts.caller_gone, false).await;
        }
    }
    speaker.line.close().await;
}

impl Speaker {
    /// Until a key is pressed that means something, or for so long.
    async fn ask(&mut self, sentences: &[Arc<str>], texts: &TransferTexts) -> Heard {
        for sentence in sentences {
            let heard = self.say(sentence, true).await;
            if heard != Heard::All {
                return heard;
            }
        }
        let (accept, decline) = (ACCEPT.to_string(), DECLINE.to_string());
        let press = fill(&texts.press, &[("accept", &accept), ("decline", &decline)]);
        for _ in 0..ASKED_MAX {
            let heard = self.say(&press, true).await;
            if heard != Heard::All {
                return heard;
            }
            let heard = self.wait(KEY_PATIENCE, true).await;
            if heard != Heard::All {
                return heard;
            }
        }
        Heard::All
    }

    /// Says a sentence until it was heard, or something happens.
    async fn say(&mut self, text: &str, may_end: bool) -> Heard {
        let text: Arc<str> = text.into();
        self.said += 1;
        let mark = format!("briefing:{}", self.said);
        loop {
            self.voices.begin();
            let voice = Arc::clone(&self.voices.current().stage);
            let mut pieces = voice.say(Arc::clone(&text), self.speed, Duration::ZERO);
            let mut until = clock::timer_now() + VOICE_PATIENCE;
            let failed = loop {
                tokio::select! {
                    biased;
                    () = gone(&mut self.over), if may_end => return Heard::Over,
                    piece = pieces.next() => match piece {
                        Some(Ok(Sound::Audio(audio))) => {
                            for chunk in audio.chunks(CHUNK_BYTES) {
                                self.line.audio_out(chunk);
                            }
                            until = clock::timer_now() + VOICE_PATIENCE;
                        }
                        Some(Ok(Sound::Words(_))) => {}
                        Some(Err(error)) => {
                            tracing::warn!(%error, "the voice failed before a transfer");
                            break true;
                        }
                        None => break false,
                    },
                    inbound = self.line.receive() => {
                        if let Some(heard) = heard(inbound, None, self.keys) {
                            return heard;
                        }
                    }
                    () = sleep_until(until) => break true,
                }
            };
            if !failed {
                self.voices.worked();
                self.line.mark(&mark);
                return self.wait_for(Some(&mark), SENTENCE_MAX, may_end).await;
            }
            if !self.voices.failed() {
                return Heard::Unspoken;
            }
        }
    }

    async fn wait(&mut self, patience: Duration, may_end: bool) -> Heard {
        self.wait_for(None, patience, may_end).await
    }

    /// Until a mark has come back, or for so long.
    async fn wait_for(&mut self, mark: Option<&str>, patience: Duration, may_end: bool) -> Heard {
        let until: Instant = clock::timer_now() + patience;
        loop {
            tokio::select! {
                biased;
                () = gone(&mut self.over), if may_end => return Heard::Over,
                inbound = self.line.receive() => {
                    if let Some(heard) = heard(inbound, mark, self.keys) {
                        return heard;
                    }
                }
                () = sleep_until(until) => return Heard::All,
            }
        }
    }
}

fn heard(inbound: Option<Inbound>, mark: Option<&str>, keys: &[char]) -> Option<Heard> {
    match inbound {
        None | Some(Inbound::Stop) => Some(Heard::Closed),
        Some(Inbound::Key { digit }) => keys.contains(&digit).then_some(Heard::Key(digit)),
        Some(Inbound::Mark { name }) => (mark == Some(name.as_str())).then_some(Heard::All),
        Some(
            Inbound::Connected { .. }
            | Inbound::Start(_)
            | Inbound::Media { .. }
            | Inbound::Unknown,
        ) => None,
    }
}

/// Returns when the caller is not to be had any more.
async fn gone(over: &mut watch::Receiver<bool>) {
    // Whoever would tell is gone too.
    let _ = over.wait_for(|over| *over).await;
}
