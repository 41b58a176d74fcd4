//! A conversation in sound and in real time: a server of its own, a simulated carrier, and a caller with the embedded voice.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{broadcast, oneshot};
use trunkline_core::token::sign;

use super::Asked;
use super::caller::{Caller, Move, View};
use super::course::Course;
use super::house::House;
use super::noise;
use super::persona::Persona;
use super::scenario::{LineFaults, NoiseKind, Scenario};
use crate::api;
use crate::carrier_double::{CallRecord, CallSetup, Carrier, Speech as Sound};
use crate::session::LiveNote;
use crate::speech::{Speech, VoiceSettings};
use crate::telephony::MEDIA_PATH;
use crate::webhooks::AwaitedCall;

/// How often the caller listens.
const TICK: Duration = Duration::from_millis(20);
/// Between two keys.
const KEY_EVERY: Duration = Duration::from_millis(250);
/// How long the voice may take for a sentence of the caller's.
const VOICED_WITHIN: Duration = Duration::from_secs(30);
/// How long a call may take from its token to its socket.
const COMES_WITHIN: Duration = Duration::from_secs(60);
/// How long the last notes of a call may take.
const LAST_NOTES: Duration = Duration::from_secs(10);
/// What others talk about.
const BABBLE: [&str; 3] = [
    "and then I told him that it was not our turn, but he would not listen to anybody, as usual",
    "we could take the train on Saturday, if the children are well, and come back on Sunday night",
    "there was a long queue at the counter, so I left, and I shall have to go there again tomorrow",
];

/// Holds the call that is asked for, and says what came of it. The sound of both sides goes to `out`, if that is given.
pub(super) async fn hold(
    house: &House,
    speech: &Speech,
    asked: &Asked<'_>,
    (caller, persona): (Caller, Option<Persona>),
    out: Option<&Path>,
) -> anyhow::Result<Course> {
    let app = &house.app;
    let scenario = &asked.ready.scenario;
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .context("no port on 127.0.0.1")?;
    let address = listener.local_addr()?;
    app.warm().await.context("the voice does not work")?;
    let (enough, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(api::serve(Arc::clone(app), listener, async move {
        // Whoever lets go of the call lets go of the server.
        let _ = stopped.await;
    }));
    let claims = house.claims(
        &asked.agent.id,
        scenario.direction,
        scenario.caller.number.as_ref(),
    )?;
    let call_id = claims.call_id.clone();
    let url = format!("ws://{address}{MEDIA_PATH}/{}", sign(&claims, &house.key));
    let awaited = AwaitedCall {
        claims,
        carrier_id: String::new(),
        carrier_call_id: None,
        variables: scenario.context.clone(),
        contact_id: None,
    };
    app.awaited.add(awaited, COMES_WITHIN)?;
    let notes = app.feed.subscribe();
    let setup = setup(scenario, speech).await?;
    let carrier = Carrier::connect(&url, setup)
        .await
        .context("the server refused the call")?;
    let talk = Talk {
        carrier,
        speech,
        notes,
        course: Course::default(),
        caller,
        persona,
        faults: scenario.line.unwrap_or_default(),
        next_stall_ms: 0,
        max_ms: u64::from(scenario.max_seconds) * 1_000,
    };
    let (mut course, record) = talk.hold().await?;
    if let Some(out) = out {
        let file = std::fs::File::create(out).with_context(|| out.display().to_string())?;
        record.write_wav(std::io::BufWriter::new(file))?;
    }
    of_the_line(&mut course, &record);
    (course.call, course.transcript) = house.stored(&call_id, asked.looks_after()).await?;
    // A server that has stopped already needs no telling.
    let _ = enough.send(());
    serving.await??;
    Ok(course)
}

async fn setup(scenario: &Scenario, speech: &Speech) -> anyhow::Result<CallSetup> {
    let mut setup = CallSetup::new(7);
    setup.clock_ppm = scenario.line.map_or(0, |line| line.clock_ppm);
    if let Some(spec) = scenario.noise {
        let mut voices = Vec::new();
        if spec.kind == NoiseKind::Babble {
            for text in BABBLE {
                let said = speech.say(text, &VoiceSettings { speed: 1.0 }, VOICED_WITHIN);
                voices.push(said.await?.audio);
            }
        }
        setup.background = Some(noise::noise(spec, &voices));
    }
    Ok(setup)
}

/// What the carrier saw.
fn of_the_line(course: &mut Course, record: &CallRecord) {
    let spoke = record.turns.iter();
    course.caller_spoke = spoke
        .filter_map(|turn| Some((turn.started_ms, turn.ended_ms?)))
        .collect();
    let wrong = record.violations.iter();
    course.violations = wrong
        .map(|violation| format!("{}: {}", violation.code, violation.what))
        .collect();
}

struct Talk<'a> {
    carrier: Carrier,
    speech: &'a Speech,
    notes: broadcast::Receiver<LiveNote>,
    course: Course,
    caller: Caller,
    persona: Option<Persona>,
    faults: LineFaults,
    next_stall_ms: u64,
    max_ms: u64,
}

impl Talk<'_> {
    async fn hold(mut self) -> anyhow::Result<(Course, CallRecord)> {
        while !self.carrier.is_over() {
            self.take_notes();
            if self.course.ended.is_some() {
                break;
            }
            let now_ms = self.carrier.position_ms();
            if now_ms >= self.max_ms {
                self.course.is_late = true;
                break;
            }
            self.stall(now_ms).await;
            let deed = self.caller.poll(&View {
                now_ms,
                agent_since_ms: self.carrier.agent_since_ms(),
                quiet_since_ms: self.carrier.agent_quiet_since_ms(),
                is_busy: self.carrier.caller_is_speaking(),
                is_working: false,
                is_calling: self.course.is_calling,
                heard: &self.course.heard,
            });
            match deed {
                Move::HangUp => break,
                Move::Wait(_) => tokio::time::sleep(TICK).await,
                Move::Say(_) | Move::Press(_) | Move::Ask => self.does(deed, now_ms).await?,
            }
        }
        self.caller.cut_short();
        self.course.undone = self.caller.undone().map(str::to_owned);
        let Self {
            carrier,
            mut notes,
            mut course,
            ..
        } = self;
        let record = carrier.finish().await?;
        let last = async {
            while course.ended.is_none() {
                match notes.recv().await {
                    Ok(live) => course.note(&live.note),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                }
            }
        };
        tokio::time::timeout(LAST_NOTES, last)
            .await
            .context("the call did not end")?;
        Ok((course, record))
    }

    fn take_notes(&mut self) {
        loop {
            match self.notes.try_recv() {
                Ok(live) => self.course.note(&live.note),
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    /// Holds the caller's sound back, if the line does so and it is time.
    async fn stall(&mut self, now_ms: u64) {
        if self.faults.stall_ms == 0 || now_ms < self.next_stall_ms {
            return;
        }
        if self.next_stall_ms > 0 {
            // A call that is over stalls no more.
            let _ = self.carrier.stall(self.faults.stall_ms).await;
        }
        self.next_stall_ms = now_ms + self.faults.stall_every_ms;
    }

    /// What the caller does. The call may end meanwhile.
    async fn does(&mut self, deed: Move, now_ms: u64) -> anyhow::Result<()> {
        match deed {
            Move::Wait(_) | Move::HangUp => {}
            Move::Say(words) => {
                let voice = VoiceSettings { speed: 1.0 };
                let said = self.speech.say(&words, &voice, VOICED_WITHIN).await?;
                let sound = Sound::mulaw(said.audio.to_vec());
                let until_ms = self.carrier.position_ms() + sound.duration_ms();
                if self.carrier.start_speaking(sound).await.is_ok() {
                    self.caller.did(until_ms);
                }
            }
            Move::Press(keys) => {
                for key in keys.chars() {
                    if self.carrier.press(key).await.is_err() {
                        return Ok(());
                    }
                    tokio::time::sleep(KEY_EVERY).await;
                }
                self.caller.did(now_ms.max(self.carrier.position_ms()));
            }
            Move::Ask => {
                let persona = self.persona.as_mut().context("nobody plays the caller")?;
                let deed = persona.next(&self.course).await?;
                self.caller.decided(deed);
            }
        }
        Ok(())
    }
}
