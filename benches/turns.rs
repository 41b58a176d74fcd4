//! What the models of our own turns cost: voice detection of one line and of many at once, and the score of a turn by its
//! length. Processor time of the threads that compute, by `/proc`; zeros elsewhere.
//!
//! ```text
//! cargo bench --bench turns
//! ```
#![allow(
    clippy::print_stdout,
    missing_docs,
    reason = "a bench talks to its user and to nobody else"
)]

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::join_all;
use trunkline::config::Config;
use trunkline::models::{Check, ModelSet, ModelsDir};
use trunkline::provider::Room;
use trunkline::speech::{
    LINE_RATE, Speech, SpeechSettings, TURN_SAMPLES_MAX, VadState, WINDOW_SAMPLES,
};
use trunkline_media::g711::mulaw_decode;

const ROUNDS: usize = 200;
const SCORES: usize = 20;
/// Long enough for all questions of a round to come together.
const TOGETHER_IN: Duration = Duration::from_millis(4);
const PATIENT: Duration = Duration::from_secs(60);

fn main() -> anyhow::Result<()> {
    let root = Config::default().models_root()?;
    let mut show = |progress| println!("{progress}");
    let models = ModelsDir::ensure(&root, ModelSet::Default, Check::Stamp, &mut show)?;
    let settings = SpeechSettings {
        workers: Some(1),
        ..SpeechSettings::default()
    };
    let speech = Speech::load(&models, &settings)?;
    let voice: Vec<i16> = std::fs::read("fixtures/speech/long.ulaw")
        .context("fixtures/speech/long.ulaw, from the repository's root")?
        .into_iter()
        .map(mulaw_decode)
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    println!("voice detection            CPU-ms a window");
    for lines in [1, 2, 4, 8, 16, 32] {
        let ms = runtime.block_on(detect(&speech, &voice, lines))?;
        println!("{lines:>3} lines together       {ms:>8.4}");
    }
    println!("score of a turn            CPU-ms");
    for seconds in [1, 2, 3, 4, 6, 8] {
        let sound: Vec<i16> = voice
            .iter()
            .copied()
            .cycle()
            .take(seconds * LINE_RATE)
            .collect();
        let ms = runtime.block_on(score(&speech, &sound))?;
        println!("{seconds:>3} s                   {ms:>8.2}");
    }
    Ok(())
}

/// Milliseconds for each window, with so many lines that ask at the same time.
async fn detect(speech: &Speech, voice: &[i16], lines: usize) -> anyhow::Result<f64> {
    let admitted: Result<Vec<_>, _> = (0..lines).map(|_| speech.admit(Room::Turns)).collect();
    let _admitted = admitted?;
    let windows = voice.as_chunks::<WINDOW_SAMPLES>().0;
    let mut states = vec![VadState::default(); lines];
    let before = run_ms("speech-light");
    for round in 0..ROUNDS {
        let asked = states.drain(..).enumerate().map(|(line, state)| {
            let window = windows.get((round + 7 * line) % windows.len());
            let window = window.map(|window| window.to_vec()).unwrap_or_default();
            speech.voice_activity(state, window, TOGETHER_IN)
        });
        let answers: Result<Vec<_>, _> = join_all(asked).await.into_iter().collect();
        states.extend(answers?.into_iter().map(|(state, _)| state));
    }
    Ok((run_ms("speech-light") - before) / (ROUNDS * lines) as f64)
}

async fn score(speech: &Speech, sound: &[i16]) -> anyhow::Result<f64> {
    debug_assert!(sound.len() <= TURN_SAMPLES_MAX);
    let before = run_ms("speech-0");
    for _ in 0..SCORES {
        speech.turn_complete(sound.to_vec(), PATIENT).await?;
    }
    Ok((run_ms("speech-0") - before) / SCORES as f64)
}

/// Milliseconds that the thread of this name has computed.
fn run_ms(name: &str) -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten();
    let of_name = tasks.flatten().map(|task| task.path()).filter(|task| {
        let comm = std::fs::read_to_string(task.join("comm")).unwrap_or_default();
        comm.trim_end() == name
    });
    of_name.map(|task| run_ns(&task) / 1e6).sum()
}

fn run_ns(task: &Path) -> f64 {
    let stat = std::fs::read_to_string(task.join("schedstat")).unwrap_or_default();
    let first = stat.split_whitespace().next();
    first.and_then(|ns| ns.parse().ok()).unwrap_or(0.0)
}
