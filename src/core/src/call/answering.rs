//! Who answered a call that we placed, and what is done about machines.
//!
//! The opening is said at once, since most who answer are people. Until it is known who answered, what is said agrees to
//! nothing and commands nothing: it waits for the verdict, which comes with it, or within a second or so. Who cannot be told
//! is a person. Of a machine nothing is stored, its words are nobody's wishes, and it is hung up on, left a message, or
//! talked to. A message waits for the beep, or for the greeting to be over; then it is said whole, over whatever is heard,
//! and the call ends with it. While it waits, the call has an [`Ending`] without words: no mind is asked, and nothing else is said.

mod plan;

use std::sync::Arc;

use super::action::{Action, Note};
use super::event::{EndReason, Event, ReplyId};
use super::listening::Verdict as Words;
use super::reply::{Fate, Mind, Origin, Reply};
use super::turn::OpenTurn;
use super::{Call, Ending, Phase, Timer};
use crate::amd::{Amd, AnsweredBy, Evidence, Told, Tone, Verdict, Witness};
use crate::consent::Refusal;
use crate::time::At;
pub use plan::{AnsweringPlan, OnMachine};

/// A message has so long for each of its characters, and so long more.
const CHAR_MS: u32 = 110;
const MESSAGE_SLACK_MS: u32 = 15_000;

/// Where the call is with whoever answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stand {
    /// It talks to them, whoever they are.
    #[default]
    Talks,
    /// It waits for the moment to leave its message.
    Waits {
        /// When it began to.
        since: At,
        /// The machine takes a message now.
        ready: bool,
    },
    /// It says the message.
    Leaves {
        /// In this reply.
        reply: ReplyId,
    },
}

/// What is known of who answered, and what was done about it.
#[derive(Clone, Debug)]
pub(super) struct Answering {
    /// `None` where nobody wants to know, and before the answer.
    amd: Option<Amd>,
    stand: Stand,
    /// Words that wait for the verdict, and how sure the recogniser is.
    held: Option<(Words, f32)>,
    /// They are being put to the call now.
    is_released: bool,
    /// So often the message was begun: once, and once more if the beep came in the middle of it.
    begun: u8,
    /// It may be begun again, since the beep came in the middle of it.
    again: bool,
    /// The moment of the answer: what was heard up to it is nobody's.
    since: At,
    /// The call must be over by then.
    too_long: At,
}

impl Answering {
    pub(super) fn new(too_long: At) -> Self {
        Self {
            amd: None,
            stand: Stand::default(),
            held: None,
            is_released: false,
            begun: 0,
            again: false,
            since: At::START,
            too_long,
        }
    }

    /// Nobody knows yet who answered, and what they say waits for that.
    pub(super) fn is_open(&self) -> bool {
        self.amd.as_ref().is_some_and(Amd::is_open)
    }

    fn is_at_machine(&self) -> bool {
        self.stand != Stand::Talks
    }
}

impl Call {
    /// Who answered, as far as is known; `None` where nobody wants to know.
    pub fn answered_by(&self) -> Option<Verdict> {
        self.answering.amd.as_ref().and_then(Amd::verdict)
    }

    /// Tones of machines are worth listening for.
    pub fn wants_tones(&self) -> bool {
        let is_live = self.phase == Phase::Live;
        let (now, waits) = (self.now, self.answering.is_at_machine());
        let amd = self.answering.amd.as_ref().filter(|_| is_live);
        amd.is_some_and(|amd| waits || amd.wants_tones(now))
    }

    /// A machine answered: its words are no commands.
    pub(super) fn hears_machine(&self) -> bool {
        self.answered_by()
            .is_some_and(|verdict| !verdict.by.is_person())
    }

    /// The carrier's evidence counts.
    pub fn heeds_carrier(&self) -> bool {
        let witness = self.settings.answering.witness;
        matches!(witness, Some(Witness::Carrier | Witness::Both))
    }

    /// Somebody or something answered: all that counts comes from now on.
    pub(super) fn begin_answering(&mut self) {
        let plan = &self.settings.answering;
        let (language, now) = (self.settings.language, self.now);
        let Some(witness) = plan.witness else {
            return;
        };
        let mut amd = Amd::new(witness, plan.limits, language, now);
        self.caller.begin_anew(now);
        if let Some(since) = self.caller.talking {
            amd.speech_started(since);
        }
        self.answering.amd = Some(amd);
        self.answering.since = now;
    }

    /// Takes in what an event says about who answered. True if it has ended the call, or is for nobody else.
    pub(super) fn answering_told(&mut self, event: &Event, out: &mut Vec<Action>) -> bool {
        let now = self.now;
        if self.answering.is_at_machine()
            && let Event::EndAsked { reason } = event
        {
            self.leave_machine(*reason, out);
            return true;
        }
        let Some(amd) = &mut self.answering.amd else {
            return matches!(event, Event::Toned { .. } | Event::CarrierHeard { .. });
        };
        let verdict = match event {
            Event::SpeechStarted { at } => {
                amd.speech_started(*at);
                None
            }
            Event::SpeechStopped { at } => {
                amd.speech_stopped((*at).min(now));
                None
            }
            Event::Partial { text, .. } => amd.guessed(text, now),
            Event::Key {
                key: '0'..='9' | '*' | '#' | 'A'..='D',
            } => amd.pressed(now),
            Event::Toned { tone, at } => {
                let (tone, at) = (*tone, (*at).min(now));
                let verdict = amd.toned(tone, at, now);
                self.follow_answered(verdict, out);
                self.beeped(tone);
                return true;
            }
            Event::CarrierHeard { told } => {
                let verdict = amd.told(*told, now);
                self.follow_answered(verdict, out);
                let is_over = *told
                    == Told::Machine {
                        greeting_over: true,
                    };
                if let Stand::Waits { ready, .. } = &mut self.answering.stand {
                    *ready |= is_over && self.settings.answering.witness != Some(Witness::Own);
                }
                return true;
            }
            Event::Answered
            | Event::Staffed { .. }
            | Event::LineClosed { .. }
            | Event::EndAsked { .. }
            | Event::SayAsked { .. }
            | Event::Muted { .. }
            | Event::SpeechPaused { .. }
            | Event::SpeechResumed
            | Event::Judged { .. }
            | Event::Final { .. }
            | Event::Key { .. }
            | Event::TurnScored { .. }
            | Event::HearFailed { .. }
            | Event::MindStarted { .. }
            | Event::MindSaid { .. }
            | Event::ToolsWanted { .. }
            | Event::ToolUsed { .. }
            | Event::Transfer { .. }
            | Event::HandedOver { .. }
            | Event::KeysWanted { .. }
            | Event::MindDone { .. }
            | Event::MindFailed { .. }
            | Event::VoiceFailed { .. }
            | Event::Voiced { .. }
            | Event::WordsTimed { .. }
            | Event::PlaybackStarted { .. }
            | Event::RanDry { .. }
            | Event::Heard { .. }
            | Event::Paused { .. }
            | Event::Played { .. } => None,
        };
        self.follow_answered(verdict, out);
        self.phase == Phase::Ended
    }

    /// Words of whoever answered, whose verdict they may bring. True if nothing else is to be made of them: they wait for
    /// the verdict, or are a machine's, whose words are no commands and agree to nothing.
    pub(super) fn answering_hears(
        &mut self,
        words: &Words,
        confidence: f32,
        out: &mut Vec<Action>,
    ) -> bool {
        let now = self.now;
        let Some(amd) = &mut self.answering.amd else {
            return false;
        };
        if self.answering.is_released {
            return false;
        }
        if words.to <= self.answering.since {
            return true;
        }
        let reads_as_machine = amd.is_machines(&words.text);
        let verdict = amd.heard(&words.text, now);
        if amd.is_open() {
            let held = self.answering.held.take();
            self.answering.held = Some(match held {
                Some((before, sure)) => (before.and(words), sure.min(confidence)),
                None => (words.clone(), confidence),
            });
            return true;
        }
        // What was said before is older than these words, and comes before them.
        self.follow_answered(verdict, out);
        if self.phase != Phase::Live {
            return true;
        }
        let is_machines = match self.answered_by() {
            Some(_) => self.hears_machine(),
            None => reads_as_machine,
        };
        if is_machines {
            self.note_machines(words, confidence, out);
        }
        if is_machines && !self.answering.is_at_machine() && self.gate.is_decided() {
            // Who talks to a machine must know what it says.
            self.take_words(&words.text, confidence, words.from, words.to, out);
        }
        is_machines
    }

    /// Words of a machine's are part of what was heard, and of nothing else.
    fn note_machines(&mut self, words: &Words, confidence: f32, out: &mut Vec<Action>) {
        self.note_words((words.from, words.to), &words.text, confidence, out);
    }

    /// Does what time and silence ask for.
    pub(super) fn settle_answering(&mut self, out: &mut Vec<Action>) {
        let now = self.now;
        let verdict = self.answering.amd.as_mut().and_then(|amd| amd.tick(now));
        self.follow_answered(verdict, out);
        if self.phase == Phase::Live
            && self.speaking.is_none()
            && self.message_due().is_some_and(|at| at <= now)
        {
            self.leave_message(out);
        }
    }

    /// When [`Call::settle_answering`] next has something to do by itself.
    pub(super) fn answering_due(&self) -> Option<At> {
        let verdict = self.answering.amd.as_ref().and_then(Amd::due);
        let message = self.message_due().filter(|_| self.speaking.is_none());
        [verdict, message].into_iter().flatten().min()
    }

    /// When the message is to begin, if nothing more is heard.
    fn message_due(&self) -> Option<At> {
        let Stand::Waits { since, ready } = self.answering.stand else {
            return None;
        };
        if ready {
            return Some(self.now);
        }
        let quiet = since.max(self.caller.stopped_at());
        let is_quiet = self.caller.talking.is_none();
        is_quiet.then(|| quiet.plus(self.settings.answering.silence_ms))
    }

    fn follow_answered(&mut self, verdict: Option<Verdict>, out: &mut Vec<Action>) {
        let Some(verdict) = verdict.filter(|_| self.phase == Phase::Live) else {
            return;
        };
        out.push(Action::Note(Note::AnsweredBy {
            verdict,
            at: self.now,
        }));
        if verdict.by.is_person() {
            if self.answering.is_at_machine() {
                self.picked_up(verdict.evidence, out);
            }
            if let Some((words, confidence)) = self.answering.held.take() {
                self.answering.is_released = true;
                self.final_text(words.to, &words.text, confidence, out);
                self.answering.is_released = false;
            }
            return;
        }
        // What it said while nobody knew was said by nobody.
        if let Some((words, confidence)) = self.answering.held.take() {
            self.note_machines(&words, confidence, out);
        }
        self.object(Refusal::NoPerson, At::START, out);
        self.hearing = None;
        let plan = &self.settings.answering;
        let on_machine = match (verdict.by, verdict.evidence) {
            (AnsweredBy::Fax, _) => OnMachine::HangUp,
            (AnsweredBy::Ivr, _) if plan.hangs_up_on_ivr => OnMachine::HangUp,
            (AnsweredBy::Ivr, _) => OnMachine::Continue,
            // Behind these notes nobody records anything.
            (_, Evidence::NetworkTone) if plan.on_machine == OnMachine::LeaveMessage => {
                OnMachine::HangUp
            }
            _ => plan.on_machine,
        };
        match on_machine {
            // A menu that is on the way to a mailbox is waited out.
            OnMachine::Continue | OnMachine::LeaveMessage if self.answering.is_at_machine() => {}
            OnMachine::Continue => {}
            OnMachine::LeaveMessage if self.answering.begun == 0 && !plan.message.is_empty() => {
                self.wait_for_beep(verdict.evidence == Evidence::Beep, out);
            }
            OnMachine::LeaveMessage | OnMachine::HangUp => {
                self.leave_machine(EndReason::Machine, out);
            }
        }
    }

    /// Falls silent until the machine takes a message.
    fn wait_for_beep(&mut self, ready: bool, out: &mut Vec<Action>) {
        if self.ending.is_some() {
            return;
        }
        self.answering.stand = Stand::Waits {
            since: self.now,
            ready,
        };
        self.ending = Some(Ending {
            reason: EndReason::Machine,
            recorded: false,
            words: None,
        });
        self.notices.clear();
        self.asked_says.clear();
        self.overlap = None;
        self.owes_opening = false;
        self.open = OpenTurn::default();
        self.cancel_draft(out);
        self.timers.set(Timer::TooLong, None);
        let wait_ms = self.settings.answering.beep_ms;
        self.timers.set(Timer::Ending, Some(self.now.plus(wait_ms)));
        if let Some(reply) = &mut self.speaking {
            reply.fate = Fate::Drop;
        }
    }

    /// A beep: the machine records from now on, and what was said of the message before is not in it.
    fn beeped(&mut self, tone: Tone) {
        if !matches!(tone, Tone::Beep | Tone::FaxCall) {
            return;
        }
        match &mut self.answering.stand {
            Stand::Talks => {}
            Stand::Waits { ready, .. } => *ready = true,
            Stand::Leaves { reply } if self.answering.begun == 1 => {
                let reply = *reply;
                self.answering.again = true;
                self.answering.stand = Stand::Waits {
                    since: self.now,
                    ready: true,
                };
                if let Some(said) = self.speaking.as_mut().filter(|r| r.id == reply) {
                    said.fate = Fate::Drop;
                }
            }
            Stand::Leaves { .. } => {}
        }
    }

    fn leave_message(&mut self, out: &mut Vec<Action>) {
        let is_again = std::mem::take(&mut self.answering.again);
        if self.answering.begun > u8::from(is_again) {
            return self.leave_machine(EndReason::Machine, out);
        }
        self.answering.begun += 1;
        let mut reply = self.new_reply(Origin::Ending(EndReason::MessageLeft), Mind::None);
        let mut chars = 0;
        for sentence in &self.settings.answering.message {
            chars += sentence.len();
            reply.push(Arc::clone(sentence), true);
        }
        let chars = u32::try_from(chars).unwrap_or(u32::MAX);
        let wait_ms = chars
            .saturating_mul(CHAR_MS)
            .saturating_add(MESSAGE_SLACK_MS);
        self.timers.set(Timer::Ending, Some(self.now.plus(wait_ms)));
        self.answering.stand = Stand::Leaves { reply: reply.id };
        self.speak(reply, out);
    }

    /// A person is there after all: the message is not left, and they hear who is calling.
    fn picked_up(&mut self, evidence: Evidence, out: &mut Vec<Action>) {
        self.answering.stand = Stand::Talks;
        self.ending = None;
        self.timers.set(Timer::Ending, None);
        self.timers
            .set(Timer::TooLong, Some(self.answering.too_long));
        if let Some(reply) = &mut self.speaking {
            reply.fate = Fate::Drop;
        }
        self.cancel_draft(out);
        let opening = self.settings.notices.opening.iter().map(Arc::clone);
        self.notices.extend(opening);
        // What they said is answered; a key asks for nothing.
        self.owes_opening = evidence != Evidence::Words;
    }

    /// Hangs up at once.
    fn leave_machine(&mut self, reason: EndReason, out: &mut Vec<Action>) {
        if let Some(mut reply) = self.speaking.take() {
            if reply.mind == Mind::Asked {
                out.push(Action::CancelThink { reply: reply.id });
            }
            self.note_heard(&mut reply, true, out);
        }
        self.hang_up(reason, out);
    }

    /// The voice failed in a message: a machine needs no apology. True if the call has ended.
    pub(super) fn message_failed(&mut self, out: &mut Vec<Action>) -> bool {
        let is_at_machine = self.answering.is_at_machine();
        if is_at_machine {
            self.leave_machine(EndReason::Failed(super::Stage::Voice), out);
        }
        is_at_machine
    }
}

impl Words {
    /// These and those that followed.
    fn and(self, next: &Self) -> Self {
        Self {
            from: self.from,
            to: next.to,
            text: format!("{} {}", self.text, next.text),
        }
    }
}

impl Reply {
    /// Why the call ends with this reply: a message of which a sentence was not heard was not left.
    pub(super) fn ends_for(&self, reason: EndReason) -> EndReason {
        let was_heard = self.clauses.iter().all(|clause| clause.heard > 0);
        if reason == EndReason::MessageLeft && !was_heard {
            return EndReason::Machine;
        }
        reason
    }
}
