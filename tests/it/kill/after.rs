//! What is left of a call that a kill cut short, held against what was on the line.

use std::fmt;

use serde_json::Value;
use trunkline_media::wav;

use super::caller::{Consent, Over};
use super::server::Server;

/// What is finished this long before a kill is there, ms.
const PROMISE_MS: u64 = 1_000;
/// Frames are this long, ms: neither side knows a moment more exactly.
const FRAME_MS: u64 = 20;
/// Agent audio this quiet counts as none, as the carrier's double has it.
const AUDIBLE: u16 = 200;
/// A pause of the agent's that no reply has within it, ms.
const PAUSE_MS: u64 = 700;
/// The grant is noted with the moment it was given, and found by the frames that come after it was, ms.
const OPENED_LATE_MS_MAX: u64 = 500;
/// Samples by which the recording is found on the line.
const PROBE: usize = 1_600;

/// What a kill cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loss {
    consent: Consent,
    /// From the start of the recording to the kill, ms.
    call_ms: u64,
    recorded_ms: u64,
    caller_ms: u64,
    opened_late_ms: u64,
    /// Turns that are there, and those that had to be.
    turns: (usize, usize),
    /// The agent's channel is this much late, ms.
    agent_late_ms: Option<i64>,
}

impl Loss {
    fn lost_ms(&self) -> u64 {
        self.call_ms.saturating_sub(self.recorded_ms)
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?}: call {} ms, recorded {} ms ({} ms lost), {} ms of the caller (from {} ms after the grant), {} turns, {} due, agent off by {:?} ms",
            self.consent,
            self.call_ms,
            self.recorded_ms,
            self.lost_ms(),
            self.caller_ms,
            self.opened_late_ms,
            self.turns.0,
            self.turns.1,
            self.agent_late_ms,
        )
    }
}

pub(super) struct Figures<'a>(pub(super) &'a [Loss]);

impl fmt::Display for Figures<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lost = || self.0.iter().map(Loss::lost_ms);
        let late = self.0.iter().filter_map(|loss| loss.agent_late_ms);
        write!(
            f,
            "{} calls cut short: lost {} to {} ms of sound before the kill; {} turns kept, {} of them due; {} s of callers' \
             sound equal byte for byte; agent's channel off by at most {} ms",
            self.0.len(),
            lost().min().unwrap_or(0),
            lost().max().unwrap_or(0),
            self.0.iter().map(|loss| loss.turns.0).sum::<usize>(),
            self.0.iter().map(|loss| loss.turns.1).sum::<usize>(),
            self.0.iter().map(|loss| loss.caller_ms).sum::<u64>() / 1_000,
            late.map(i64::abs).max().unwrap_or(0),
        )
    }
}

/// Checks a call after the restart; what it cost, and its recording.
pub(super) async fn check(server: &Server<'_>, over: &Over) -> (Loss, Vec<u8>) {
    let path = format!("/v1/calls/{}", over.id);
    let call = server.json(&path).await;
    assert_eq!(call["status"], "ended", "{call}");
    assert_eq!(call["ended_reason"], "server_lost", "{call}");
    assert_eq!(call["consent"]["state"], "granted", "{call}");
    assert_eq!(call["has_recording"], true, "{call}");
    assert_eq!(call["live"], false, "{call}");
    let transcript = server.json(&format!("{path}/transcript")).await;
    let granted_ms = granted_ms(&transcript);
    answers_are_told(&server.json(&path).await, &transcript);

    let both = server.bytes(&format!("{path}/recording")).await;
    let (caller, agent) = (channel(&both, 0), channel(&both, 1));
    let recorded_ms = caller.len() as u64 / 8;
    let line = over.line.caller();
    let begun_ms = begun(&caller, &line);
    let call_ms = begun_ms.samples as u64 / 8 + over.line.duration_ms();
    assert!(
        recorded_ms <= call_ms + FRAME_MS,
        "{recorded_ms} of {call_ms} ms: more than there was"
    );
    let due_ms = (call_ms - FRAME_MS).saturating_sub(PROMISE_MS) / 1_000 * 1_000;
    assert!(
        recorded_ms >= due_ms,
        "{recorded_ms} of {call_ms} ms: a finished second is missing"
    );

    // Not a sample from before the grant, and every one since the first frame that found the gate open.
    let grant = first_kept(granted_ms, begun_ms.samples);
    let loud = caller.iter().position(|sample| *sample != 0).unwrap();
    assert!(loud >= grant, "from before the grant");
    let first = begun_ms.samples + (loud - begun_ms.samples) / 160 * 160;
    let opened_late_ms = (first - grant) as u64 / 8;
    assert!(
        opened_late_ms <= OPENED_LATE_MS_MAX,
        "kept {opened_late_ms} ms after the grant"
    );
    let kept = caller[first..]
        .iter()
        .zip(&line[first - begun_ms.samples..]);
    let other = kept.clone().filter(|(kept, said)| kept != said).count();
    let at = kept.clone().position(|(kept, said)| kept != said);
    assert_eq!(
        (other, at),
        (0, None),
        "of {} samples from {first} on",
        caller.len() - first
    );
    let caller_ms = (caller.len().saturating_sub(first)) as u64 / 8;
    let told_ms = (call["recorded_seconds"].as_f64().unwrap() * 1_000.0).round() as u64;
    assert!(
        told_ms >= caller_ms && told_ms <= recorded_ms,
        "{call} says {told_ms}, not {caller_ms} ms"
    );

    let agent_late_ms = late_ms(&agent, &over.line.agent(), begun_ms.samples);
    assert!(
        agent_late_ms.is_none_or(|late| late.unsigned_abs() <= FRAME_MS),
        "agent off by {agent_late_ms:?} ms"
    );
    let due = turns(
        over,
        &transcript,
        granted_ms,
        begun_ms.samples as u64 / 8,
        call_ms,
    );
    let loss = Loss {
        consent: over.consent,
        call_ms,
        recorded_ms,
        caller_ms,
        opened_late_ms,
        turns: (transcript["turns"].as_array().unwrap().len(), due),
        agent_late_ms,
    };
    (loss, both)
}

fn channel(recording: &[u8], which: u16) -> Vec<i16> {
    wav::read(recording).unwrap().into_channel(which).unwrap()
}

fn granted_ms(transcript: &Value) -> u64 {
    let steps = transcript["consent"].as_array().unwrap();
    let granted = steps.iter().find(|step| step["step"]["step"] == "granted");
    granted.unwrap()["at_ms"].as_u64().unwrap()
}

/// The recording's sample of the line's first.
struct Begun {
    samples: usize,
}

/// Finds where the line's first sample is in the recording, by the sound itself: once, for the whole call.
fn begun(caller: &[i16], line: &[i16]) -> Begun {
    // The line's noise is there from the first kept frame on.
    let loud = caller.iter().position(|sample| *sample != 0);
    let at = loud.expect("nothing of the caller is kept");
    let probe = &caller[at..(at + PROBE).min(caller.len())];
    assert!(
        probe.len() >= 800,
        "too little of the caller is kept: {} samples",
        caller.len()
    );
    let mut found = (0..=at).filter(|start| line.get(*start..start + probe.len()) == Some(probe));
    let start = found.next().expect("what is kept was never on the line");
    assert_eq!(found.next(), None, "the line repeats itself");
    Begun {
        samples: at - start,
    }
}

/// The first sample of the first frame that began after the grant.
fn first_kept(granted_ms: u64, begun: usize) -> usize {
    let granted = granted_ms as usize * 8;
    begun + granted.saturating_sub(begun).div_ceil(160) * 160
}

/// How much later the agent is in the recording than on the line, ms: where both differ least. `None` if it is silent.
fn late_ms(kept: &[i16], line: &[i16], begun: usize) -> Option<i64> {
    let audible = kept.iter().filter(|s| s.unsigned_abs() >= AUDIBLE).count();
    if audible < 4_000 {
        return None;
    }
    let differ = |late: i64| -> u64 {
        let shift = begun as i64 + late;
        let pairs = kept
            .iter()
            .enumerate()
            .filter(|(_, s)| s.unsigned_abs() >= AUDIBLE);
        pairs
            .map(|(at, kept)| {
                let on_line = usize::try_from(at as i64 - shift).ok();
                let heard = on_line.and_then(|at| line.get(at)).copied().unwrap_or(0);
                u64::from(kept.abs_diff(heard))
            })
            .sum()
    };
    (-320..=320)
        .min_by_key(|late| differ(*late))
        .map(|late| late / 8)
}

/// How the answers came about is in the journal, and in the rows that were made of it again.
fn answers_are_told(call: &Value, transcript: &Value) {
    let moments = |latency: &Value| {
        let moment = |name: &str| latency[name].as_u64();
        [
            "speech_end_ms",
            "decided_ms",
            "first_audio_ms",
            "first_heard_ms",
        ]
        .map(moment)
    };
    let turns = transcript["turns"].as_array().unwrap().iter();
    let kept: Vec<_> = turns
        .filter_map(|turn| turn.get("latency"))
        .map(moments)
        .collect();
    let shown = call["latency"]["turns"].as_array().unwrap().iter();
    let shown: Vec<_> = shown.map(|turn| moments(&turn["latency"])).collect();
    assert_eq!(shown, kept);
}

/// Every turn that was finished in time is in the transcript; how many those are. A turn of the caller's is finished
/// when it is answered, one of the agent's when its end is heard and nothing follows.
fn turns(over: &Over, transcript: &Value, granted_ms: u64, begun_ms: u64, call_ms: u64) -> usize {
    let until_ms = (call_ms - FRAME_MS).saturating_sub(PROMISE_MS);
    let kept = |speaker: &str, from_ms: u64, to_ms: u64| {
        let turns = transcript["turns"].as_array().unwrap();
        turns.iter().any(|turn| {
            let at = |name: &str| turn[name].as_u64().unwrap();
            turn["speaker"] == speaker
                && at("from_ms") < to_ms
                && at("to_ms") > from_ms
                && !turn["text"].as_str().unwrap().is_empty()
        })
    };
    let mut due = 0;
    for turn in &over.line.turns {
        let Some(ended_ms) = turn.ended_ms else {
            continue;
        };
        let (from_ms, to_ms) = (begun_ms + turn.started_ms, begun_ms + ended_ms);
        if from_ms < granted_ms {
            assert!(
                !kept("caller", from_ms, to_ms),
                "words from before the grant: {transcript}"
            );
        } else if turn.answered_ms.is_some_and(|at| begun_ms + at <= until_ms) {
            assert!(
                kept("caller", from_ms, to_ms),
                "{from_ms} to {to_ms} of {call_ms}: {transcript}"
            );
            due += 1;
        }
    }
    for (from, to) in replies(&over.line.agent()) {
        // Whoever hears the end says so with a mark.
        let heard = over.heard.iter().find(|at| **at + FRAME_MS >= to);
        if heard.is_some_and(|at| begun_ms + at <= until_ms) {
            let (from_ms, to_ms) = (begun_ms + from, begun_ms + to);
            assert!(
                kept("agent", from_ms, to_ms),
                "{from_ms} to {to_ms} of {call_ms}: {transcript}"
            );
            due += 1;
        }
    }
    due
}

/// From where to where the agent was heard without a long pause, ms, where one follows.
fn replies(agent: &[i16]) -> Vec<(u64, u64)> {
    let mut replies: Vec<(u64, u64)> = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    for (at, sample) in agent.iter().enumerate() {
        let is_audible = sample.unsigned_abs() >= AUDIBLE;
        match &mut open {
            Some((_, last)) if is_audible => *last = at,
            Some((first, last)) if at - *last > PAUSE_MS as usize * 8 => {
                replies.push((*first as u64 / 8, *last as u64 / 8));
                open = None;
            }
            None if is_audible => open = Some((at, at)),
            Some(_) | None => {}
        }
    }
    replies
}
