//! The caller of the demo: what is said, and when.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use crate::carrier_double::{CallOver, Carrier, Speech as Sound};
use crate::speech::Speech;
use crate::speech::recording::read_wav;
use trunkline_media::resample::resample_i16;

/// Silence of the agent's after which the caller speaks.
const POLITE_MS: u64 = 800;
/// eSpeak NG's own voice, nothing like the agent's.
const VOICE: &str = "en-us+f3";
/// Slower than its usual pace: it is hard to understand even so.
const PACE: f32 = 0.85;
const MAKING: Duration = Duration::from_secs(10);

/// A real recording: speaker and licence stand in `fixtures/speech/recorded/README.md`.
const RECORDED: &[u8] = include_bytes!("../../fixtures/speech/recorded/forward.wav");

/// When a caller begins to speak.
enum When {
    /// The agent has finished.
    AgentIsQuiet,
    /// The agent has been speaking for so long: an interruption.
    AgentSpeaks { for_ms: u64 },
}

/// One thing the caller says.
pub(super) struct Line {
    when: When,
    sound: Sound,
}

impl Line {
    pub(super) async fn perform(self, carrier: &mut Carrier) -> Result<(), CallOver> {
        match self.when {
            When::AgentIsQuiet => {
                carrier.wait_for_answer().await?;
                carrier.wait_until_agent_quiet(POLITE_MS).await?;
            }
            When::AgentSpeaks { for_ms } => carrier.wait_agent_speaking_ms(for_ms).await?,
        }
        carrier.speak(self.sound).await
    }
}

/// A caller who books an appointment, off the script at first and once interrupting.
pub(super) async fn built_in(speech: &Speech) -> anyhow::Result<Vec<Line>> {
    use When::{AgentIsQuiet, AgentSpeaks};
    let script = [
        (AgentIsQuiet, "What time do you open?"),
        (
            AgentSpeaks { for_ms: 2_500 },
            "Thank you, yes, I would like to book an appointment.",
        ),
        (AgentIsQuiet, "Next Tuesday would be good."),
        (AgentIsQuiet, "At half past two in the afternoon."),
        (
            AgentIsQuiet,
            "My number is five five five, zero one four two.",
        ),
        (AgentIsQuiet, "Yes, that is right."),
    ];
    let recorded = trunkline_media::wav::read(RECORDED)?.into_mono();
    let mut lines = vec![Line {
        when: AgentIsQuiet,
        sound: Sound::pcm(&recorded),
    }];
    for (when, text) in script {
        let (samples, rate) = speech.espeak().speak(text, VOICE, PACE, MAKING).await?;
        let samples = resample_i16(rate, trunkline_media::RATE_HZ, &samples)?;
        lines.push(Line {
            when,
            sound: Sound::pcm(&louder(samples)),
        });
    }
    Ok(lines)
}

/// Brings a voice to the level of a telephone.
fn louder(mut samples: Vec<i16>) -> Vec<i16> {
    let peak = samples
        .iter()
        .map(|s| i32::from(*s).abs())
        .max()
        .unwrap_or(0)
        .max(1);
    for sample in &mut samples {
        *sample = (i32::from(*sample) * 16_000 / peak) as i16;
    }
    samples
}

/// A caller of the user's own recordings, each said when the agent is quiet.
pub(super) fn from_files(files: &[PathBuf]) -> anyhow::Result<Vec<Line>> {
    let line = |file: &PathBuf| {
        let samples = read_wav(file, 0).with_context(|| Path::display(file).to_string())?;
        Ok(Line {
            when: When::AgentIsQuiet,
            sound: Sound::pcm(&samples),
        })
    };
    files.iter().map(line).collect()
}
