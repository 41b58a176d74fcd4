//! A line that is listened to as a call's is: the real ear, the real models, and the times at which a call would know what
//! they say. Only the clock is the line's own, so the outcome does not depend on the machine.

use std::collections::VecDeque;
use std::time::Duration;

use crate::stack::speech;
use trunkline::speech::{Hear, VadState};
use trunkline_core::amd::{self, Amd, AmdLimits, Verdict, Witness};
use trunkline_core::language::Language;
use trunkline_core::time::At;
use trunkline_media::ear::{Ear, EarSettings, Fact};
use trunkline_media::tones::Tone;

const PATIENT: Duration = Duration::from_secs(120);
/// As in a call: what is heard before and after speech, and when the first partial and the next is asked for.
const BEFORE: u64 = 300 * 8;
const AFTER: u64 = 200 * 8;
const PARTIAL_FIRST: u64 = 1_200 * 8;
const PARTIAL_EVERY: u64 = 500 * 8;
/// What the recogniser takes on a machine that has something else to do: twice its mean.
const HEARS_MS: u64 = 150;

/// Words on their way.
struct Words {
    due_ms: u64,
    text: String,
    is_final: bool,
}

/// One line.
pub(super) struct Line {
    ear: Ear,
    vad: VadState,
    amd: Amd,
    facts: Vec<Fact>,
    windows: Vec<i16>,
    words: VecDeque<Words>,
    speech_from: Option<u64>,
    speech_to: u64,
    partial_at: u64,
    pub(super) verdicts: Vec<Verdict>,
    /// Everything that was heard, for the table of what went wrong.
    pub(super) heard: String,
    /// When beeps ended, ms.
    pub(super) beeps_ms: Vec<u64>,
    /// What the decision was told, line by line: when, and what.
    pub(super) trace: String,
}

impl Line {
    pub(super) fn new() -> Self {
        let mut ear = Ear::new(EarSettings {
            keys: false,
            kept_ms: 22_000,
            ..EarSettings::default()
        });
        ear.listen_for_tones(true);
        let limits = AmdLimits::default();
        Self {
            ear,
            vad: VadState::default(),
            amd: Amd::new(Witness::Own, limits, Language::English, At::START),
            facts: Vec::new(),
            windows: Vec::new(),
            words: VecDeque::new(),
            speech_from: None,
            speech_to: 0,
            partial_at: 0,
            verdicts: Vec::new(),
            heard: String::new(),
            beeps_ms: Vec::new(),
            trace: String::new(),
        }
    }

    /// Listens to a whole line.
    pub(super) async fn listen(mut self, mulaw: &[u8]) -> Self {
        for frame in mulaw.chunks(160) {
            self.ear.push(frame, &mut self.facts);
            while let Some(batch) = self.ear.take_windows(&mut self.windows) {
                if batch.fresh {
                    self.vad = VadState::default();
                }
                let (state, windows) = (self.vad.clone(), self.windows.clone());
                let wanted_in = Duration::from_millis(1);
                let (state, scores) = loop {
                    // A machine that is busy answers late, and then it is asked again.
                    let (state, windows) = (state.clone(), windows.clone());
                    if let Ok(answer) = speech()
                        .voice_activity(state, windows, wanted_in.max(PATIENT))
                        .await
                    {
                        break answer;
                    }
                };
                self.vad = state;
                self.ear.scored(batch, &scores, &mut self.facts);
            }
            self.follow_facts().await;
            self.ask_partial().await;
            let now_ms = self.ear.position() / 8;
            self.take_words(now_ms);
            while self.amd.due().is_some_and(|due| due.ms() <= now_ms) {
                let verdict = self.amd.tick(At::from_ms(now_ms));
                self.verdicts.extend(verdict);
            }
        }
        self
    }

    fn trace(&mut self, what: &str) {
        let now_ms = self.ear.position() / 8;
        self.trace.push_str(&format!("{now_ms} {what}\n"));
    }

    fn now(&self) -> At {
        At::from_ms(self.ear.position() / 8)
    }

    async fn follow_facts(&mut self) {
        for fact in std::mem::take(&mut self.facts) {
            match fact {
                Fact::SpeechStarted { at } => {
                    self.speech_from = Some(at.saturating_sub(BEFORE).max(self.speech_to));
                    self.partial_at = at + PARTIAL_FIRST;
                    self.trace(&format!("speech {}", at / 8));
                    self.amd.speech_started(At::from_ms(at / 8));
                }
                Fact::SpeechStopped { at } => {
                    self.speech_to = at + AFTER;
                    self.trace(&format!("quiet {}", at / 8));
                    self.amd.speech_stopped(At::from_ms(at / 8));
                    if let Some(from) = self.speech_from.take() {
                        self.ask(from, at + AFTER, Hear::Final).await;
                    }
                }
                Fact::Tone { tone, at } => {
                    let of = match tone {
                        Tone::Beep => amd::Tone::Beep,
                        Tone::FaxAnswer => amd::Tone::FaxAnswer,
                        Tone::FaxCall => amd::Tone::FaxCall,
                        Tone::Network => amd::Tone::Network,
                    };
                    if matches!(tone, Tone::Beep | Tone::FaxCall) {
                        self.beeps_ms.push(at / 8);
                    }
                    self.trace(&format!("{tone:?} {}", at / 8));
                    let verdict = self.amd.toned(of, At::from_ms(at / 8), self.now());
                    self.verdicts.extend(verdict);
                }
                Fact::Key(_) | Fact::SpeechPaused { .. } | Fact::SpeechResumed => {}
            }
        }
    }

    async fn ask_partial(&mut self) {
        let Some(from) = self.speech_from.filter(|_| self.ear.speaking()) else {
            return;
        };
        let position = self.ear.position();
        let is_out = self.words.iter().any(|words| !words.is_final);
        if position < self.partial_at || is_out {
            return;
        }
        self.partial_at = position + PARTIAL_EVERY;
        self.ask(from, position, Hear::Partial).await;
    }

    async fn ask(&mut self, from: u64, to: u64, kind: Hear) {
        let mut audio = Vec::new();
        self.ear
            .audio(from, to.min(self.ear.position()), &mut audio);
        let heard = speech().hear(audio, kind, PATIENT).await.unwrap();
        self.words.push_back(Words {
            due_ms: self.ear.position() / 8 + HEARS_MS,
            text: heard.text,
            is_final: kind == Hear::Final,
        });
    }

    fn take_words(&mut self, now_ms: u64) {
        while self
            .words
            .front()
            .is_some_and(|words| words.due_ms <= now_ms)
        {
            let Some(words) = self.words.pop_front() else {
                return;
            };
            let kind = if words.is_final { "final" } else { "partial" };
            self.trace(&format!("{kind} {}", words.text));
            let verdict = match words.is_final {
                true => {
                    self.heard.push_str(&words.text);
                    self.heard.push_str(" | ");
                    self.amd.heard(&words.text, At::from_ms(now_ms))
                }
                false => self.amd.guessed(&words.text, At::from_ms(now_ms)),
            };
            self.verdicts.extend(verdict);
        }
    }
}
