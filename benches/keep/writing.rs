//! Calls that are being written, each as its session would: a frame of both directions every 20 ms through the recorder,
//! once a second into its journal, and from there into rows.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use tokio::time::{Interval, MissedTickBehavior};
use trunkline::agent::Agents;
use trunkline::ids;
use trunkline::journal::CallJournal;
use trunkline_core::call::{Call, Event, Note, Position, ReplyId, Timing};
use trunkline_core::consent::Mode;
use trunkline_core::journal::SILENCE;
use trunkline_core::record::{Recorder, RecorderSettings};
use trunkline_core::time::At;
use trunkline_core::token::Direction;
use trunkline_media::line_clock::{LineClock, Placer};

use crate::house::{House, began};

const FRAME_MS: u64 = 20;
const FRAME_SAMPLES: usize = 160;
/// Frames from one turn to the next: caller and agent take turns every 1.5 s.
const TURN_FRAMES: u64 = 75;
const SILENT_FRAME: [u8; FRAME_SAMPLES] = [SILENCE; FRAME_SAMPLES];
/// When it is agreed to keep the call: from here on both are.
const AGREED_MS: u64 = 5_000;

/// A second of something like speech, another for every number.
pub(crate) fn sound(number: u64) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..8_000).map(|_| next()).collect()
}

/// A call whose caller heard the notice and kept silent.
fn agreed() -> anyhow::Result<Call> {
    let agents = Agents::load(None)?;
    let agent = agents
        .find("front-desk")
        .ok_or_else(|| anyhow!("no agent"))?;
    let mut settings = (**agent.settings_for(Direction::Inbound, Mode::Announce)).clone();
    settings.consent.mode = Some(Mode::Announce);
    let clauses = settings.notices.opening.len() + settings.consent.opening().count();
    let (mut call, mut out) = (Call::new(Arc::new(settings), At::START), Vec::new());
    let reply = ReplyId(0);
    let until = At::from_ms(AGREED_MS);
    call.handle(At::START, Event::Judged { until }, &mut out);
    call.handle(At::START, Event::Answered, &mut out);
    call.handle(At::START, Event::PlaybackStarted { reply }, &mut out);
    for clause in 0..clauses {
        let position = Position {
            clause: u16::try_from(clause)?,
            heard_ms: 100,
            clause_ms: 100,
        };
        call.handle(At::START, Event::Heard { reply, position }, &mut out);
    }
    call.handle(At::START, Event::Played { reply }, &mut out);
    call.tick(At::from_ms(AGREED_MS), &mut out);
    Ok(call)
}

struct One {
    recorder: Recorder,
    clock: LineClock,
    placer: Placer,
    journal: CallJournal,
}

/// Calls that are under way.
pub(crate) struct Writing {
    calls: Vec<Option<One>>,
    agreed: Call,
    sound: Vec<u8>,
    due: Interval,
    frame: u64,
    heard: u64,
}

impl Writing {
    /// Begins so many; those that are not kept do nothing but take their frames.
    pub(crate) async fn begin(house: &House, calls: usize, keeps: bool) -> anyhow::Result<Self> {
        let agreed = agreed()?;
        if agreed.granted().is_none() {
            return Err(anyhow!("silence after the notice was not agreement"));
        }
        let mut all = Vec::new();
        for number in 0..calls {
            if !keeps {
                all.push(None);
                continue;
            }
            let journal = house.begin(&ids::new_id("call"), number).await?;
            let mut recorder = Recorder::new(RecorderSettings::default());
            recorder.began(began());
            all.push(Some(One {
                recorder,
                clock: LineClock::default(),
                placer: Placer::default(),
                journal,
            }));
        }
        let mut due = tokio::time::interval(Duration::from_millis(FRAME_MS));
        due.set_missed_tick_behavior(MissedTickBehavior::Burst);
        Ok(Self {
            calls: all,
            agreed,
            sound: sound(1),
            due,
            // They began while nothing was kept yet.
            frame: AGREED_MS / FRAME_MS,
            heard: 0,
        })
    }

    /// In real time.
    pub(crate) async fn run(&mut self, length: Duration) -> anyhow::Result<()> {
        for _ in 0..length.as_millis() as u64 / FRAME_MS {
            self.due.tick().await;
            self.step()?;
        }
        Ok(())
    }

    fn step(&mut self) -> anyhow::Result<()> {
        let Self {
            calls,
            agreed,
            sound,
            frame,
            heard,
            ..
        } = self;
        let now = At::from_ms((*frame + 1) * FRAME_MS);
        for (number, call) in calls.iter_mut().enumerate() {
            let begins = (*frame as usize * 13 + number * 160) % (sound.len() - FRAME_SAMPLES);
            let audio = &sound[begins..begins + FRAME_SAMPLES];
            *heard = heard.wrapping_add(u64::from(std::hint::black_box(audio)[0]));
            let Some(call) = call else { continue };
            let position = *frame * FRAME_SAMPLES as u64;
            call.clock
                .observe(now.ms(), position + FRAME_SAMPLES as u64);
            let at = call.clock.caller_at(position);
            call.recorder.caller(agreed.granted(), at, audio);
            // Each has seconds and turns of its own; the agent is silent while the caller has the floor, and no line is.
            let phase = *frame + number as u64;
            let is_agents = (phase / TURN_FRAMES).is_multiple_of(2);
            let at = call
                .placer
                .place(&call.clock, now.ms() - FRAME_MS, FRAME_SAMPLES);
            let voice = if is_agents { audio } else { &SILENT_FRAME };
            call.recorder.agent(at, voice);
            if phase.is_multiple_of(TURN_FRAMES) {
                for note in notes(phase / TURN_FRAMES, now) {
                    call.recorder.note(agreed.granted(), &note);
                }
            }
            if phase.is_multiple_of(1_000 / FRAME_MS) {
                let mut entries = Vec::new();
                call.recorder.take(now, &mut entries);
                call.journal.append(entries)?;
            }
        }
        *frame += 1;
        Ok(())
    }

    /// Ends them all and waits until everything is where it belongs.
    pub(crate) async fn end(self, house: &House) -> anyhow::Result<()> {
        let now = At::from_ms(self.frame * FRAME_MS);
        for mut call in self.calls.into_iter().flatten() {
            let mut entries = Vec::new();
            call.recorder.finish(now, &mut entries);
            call.journal.append(entries)?;
            call.journal.close();
        }
        house.desk.journals.flush().await?;
        Ok(house.desk.rows.flush().await?)
    }
}

/// What is noted of a turn that just ended.
fn notes(turn: u64, now: At) -> Vec<Note> {
    let from = At::from_ms(now.ms().saturating_sub(1_200));
    let text = "could you tell me what it costs & whether my insurance pays".to_owned();
    if turn.is_multiple_of(2) {
        return vec![Note::CallerSaid {
            from,
            to: now,
            text,
            confidence: 0.9,
        }];
    }
    let reply = ReplyId(turn as u32);
    let timing = Timing {
        speech_end: from,
        decided: from,
        first_token: Some(from),
        first_audio: from,
        ..Timing::default()
    };
    vec![
        Note::Timed {
            reply,
            timing,
            by: None,
        },
        Note::AgentSaid {
            reply,
            from,
            to: now,
            text,
            cut: false,
            filler: false,
        },
    ]
}
