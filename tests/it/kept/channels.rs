//! Both channels of a recording are in step, also at the end of a long call on a line with a clock of its own.

use trunkline::carrier_double::CallSetup;

use super::rig::{House, ask, hear_out};
use crate::session::tongue;

/// How far apart the channels may be, in samples: 10 ms, of the 20 that are promised.
pub(super) const STEP: i64 = 80;
/// Silence between two pieces of speech, in samples: 200 ms.
const PAUSE: usize = 1_600;

/// Where speech begins, in samples.
fn onsets(samples: &[i16]) -> Vec<usize> {
    let loud = |(at, sample): (usize, &i16)| (sample.unsigned_abs() >= 200).then_some(at);
    let mut onsets = Vec::new();
    let mut last = None;
    for at in samples.iter().enumerate().filter_map(loud) {
        if last.is_none_or(|last| at - last > PAUSE) {
            onsets.push(at);
        }
        last = Some(at);
    }
    onsets
}

/// By how many samples each piece of speech that is stored lies behind where the carrier had it on the line.
pub(super) fn lags(stored: &[u8], line: &[i16]) -> Vec<i64> {
    let (stored, line) = (onsets(&tongue::samples(stored)), onsets(line));
    assert_eq!(stored.len(), line.len(), "{stored:?} {line:?}");
    let pairs = stored.into_iter().zip(line);
    pairs
        .map(|(stored, line)| stored as i64 - line as i64)
        .collect()
}

/// From the least to the most.
pub(super) fn span<'a>(lags: impl IntoIterator<Item = &'a i64>) -> i64 {
    let (least, most) = lags
        .into_iter()
        .fold((i64::MAX, i64::MIN), |(least, most), lag| {
            (least.min(*lag), most.max(*lag))
        });
    most.saturating_sub(least)
}

/// An agent that asks the same two questions for as long as anybody answers.
const ENDLESS: &str = r#"
name = "Robinson"
business = "Wintergreen Orthodontics"
flow_text = '''
start = "day"
[states.day]
say = "Which day suits you?"
slot = "day"
type = "day"
retry = "Sorry, which day?"
next = "why"
else = "why"
[states.why]
say = "And why is that?"
slot = "why"
type = "text"
next = "day"
else = "day"
'''
[limits]
call_ms = 1500000
silence_ms = 20000
[recording]
record = true
mode = "affirmative"
places = ["US-NY"]
"#;
/// How long the call is, ms.
const CALL_MS: u64 = 20 * 60_000;

struct Long {
    caller: Vec<i64>,
    agent: Vec<i64>,
    length_off_ms: i64,
}

/// Twenty minutes of answers on a line with its own clock, which stalls once in the middle.
async fn hold(clock_ppm: i32) -> Long {
    let house = House::open(ENDLESS.into()).await;
    let mut setup = CallSetup::new(1);
    setup.clock_ppm = clock_ppm;
    let (call_id, mut call) = house.call_as(house.claims(), setup).await;
    hear_out(&mut call).await;
    ask(&mut call, "yes please").await;
    let mut turns = 0;
    while call.position_ms() < CALL_MS - 3_000 {
        // Moments of all kinds, so that nothing falls on the same millisecond of a second.
        call.stay_silent(6_000 + turns * 37 % 1_000).await.unwrap();
        if turns == 60 {
            call.stall(2_000).await.unwrap();
            call.stay_silent(4_000).await.unwrap();
        }
        let words = if turns % 2 == 0 {
            "on Monday"
        } else {
            "I like it"
        };
        ask(&mut call, words).await;
        turns += 1;
    }
    call.stay_silent(CALL_MS.saturating_sub(call.position_ms()))
        .await
        .unwrap();
    call.hang_up().await.unwrap();
    let record = house.finish(call).await;
    let kept = house.kept(&call_id).await;
    let granted = kept.granted_at();
    let stored = kept.caller.len() as i64;
    Long {
        caller: lags(&kept.caller[granted..], &record.caller()[granted..]),
        agent: lags(&kept.agent, &record.agent()),
        length_off_ms: stored / 8 - record.duration_ms() as i64,
    }
}

#[tokio::test(start_paused = true)]
async fn after_twenty_minutes_the_channels_are_in_step_whatever_the_clocks() {
    for clock_ppm in [200, -200] {
        let long = hold(clock_ppm).await;
        let (caller, agent) = (&long.caller, &long.agent);
        assert!(
            caller.len() > 100 && agent.len() > 100,
            "{} {}",
            caller.len(),
            agent.len()
        );
        let apart: Vec<i64> = [caller.first(), agent.first(), caller.last(), agent.last()]
            .map(|lag| *lag.unwrap())
            .to_vec();
        println!(
            "{clock_ppm} ppm: {} and {} pieces of speech; at first {} and {}, at last {} and {} samples behind the line; \
             caller within {}, agent within {}; length off by {} ms",
            caller.len(),
            agent.len(),
            apart[0],
            apart[1],
            apart[2],
            apart[3],
            span(caller),
            span(agent),
            long.length_off_ms,
        );
        // 20 ms are 160 samples; without the line's clock 200 millionths would be 1,920 by the end.
        let all: Vec<i64> = caller.iter().chain(agent).copied().collect();
        assert!(span(&all) <= STEP, "{clock_ppm}: {caller:?} {agent:?}");
        assert!(
            all.iter().all(|lag| lag.abs() <= STEP),
            "{clock_ppm}: {caller:?} {agent:?}"
        );
        // The call ends by the server's clock, which a slow line is behind.
        let behind_ms = (CALL_MS as i64 * i64::from(-clock_ppm) / 1_000_000).max(0);
        assert!(
            (-20..=20 + behind_ms).contains(&long.length_off_ms),
            "{clock_ppm}: {}",
            long.length_off_ms
        );
    }
}
