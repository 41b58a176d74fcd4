//! The caller of the demo: what is said, and when.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::carrier_double::{CallOver, Carrier, Speech as Sound};
use crate::speech::recording::read_wav;

/// Silence of the agent's after which the caller speaks.
const POLITE_MS: u64 = 800;
/// A real recording: speaker and licence stand in `fixtures/speech/recorded/README.md`.
const RECORDED: &[u8] = include_bytes!("../../fixtures/speech/recorded/forward.wav");

/// The lines of `fixtures/speech/caller/script.txt`, by another synthesiser than the agent's.
const SCRIPTED: [&[u8]; 6] = [
    include_bytes!("../../fixtures/speech/caller/1.wav"),
    include_bytes!("../../fixtures/speech/caller/2.wav"),
    include_bytes!("../../fixtures/speech/caller/3.wav"),
    include_bytes!("../../fixtures/speech/caller/4.wav"),
    include_bytes!("../../fixtures/speech/caller/5.wav"),
    include_bytes!("../../fixtures/speech/caller/6.wav"),
];

/// Agrees to the recording.
const CONSENT: &[u8] = include_bytes!("../../fixtures/speech/caller/consent-1.wav");
/// The lines of `fixtures/speech/caller/refused.txt`.
const REFUSED: [&[u8]; 3] = [
    include_bytes!("../../fixtures/speech/caller/refused-1.wav"),
    include_bytes!("../../fixtures/speech/caller/refused-2.wav"),
    include_bytes!("../../fixtures/speech/caller/refused-3.wav"),
];

/// What the built-in caller says, line by line.
pub(super) const SCRIPT: &str = concat!(
    include_str!("../../fixtures/speech/caller/consent.txt"),
    "\n",
    include_str!("../../fixtures/speech/recorded/forward.txt"),
    "\n",
    include_str!("../../fixtures/speech/caller/script.txt")
);

/// When a caller begins to speak.
enum When {
    /// The agent has finished.
    AgentIsQuiet,
    /// The agent has been speaking for so long: an interruption.
    AgentSpeaks { for_ms: u64 },
}

/// One thing the caller says.
pub struct Line {
    when: When,
    sound: Sound,
}

impl Line {
    /// Waits for its moment and says it. An error if the call ends first.
    pub async fn perform(self, carrier: &mut Carrier) -> Result<(), CallOver> {
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
///
/// # Errors
/// A recording that cannot be read, which the demo's own always can.
pub fn built_in() -> anyhow::Result<Vec<Line>> {
    use When::{AgentIsQuiet, AgentSpeaks};
    let when = [
        AgentIsQuiet,
        AgentIsQuiet,
        AgentIsQuiet,
        AgentSpeaks { for_ms: 2_500 },
        AgentIsQuiet,
        AgentIsQuiet,
        AgentIsQuiet,
        AgentIsQuiet,
    ];
    [CONSENT, RECORDED]
        .into_iter()
        .chain(SCRIPTED)
        .zip(when)
        .map(|(wav, when)| line(wav, when))
        .collect()
}

/// A caller who does not want to be recorded, asks something all the same, and says goodbye.
pub(super) fn refusing() -> anyhow::Result<Vec<Line>> {
    let lines = REFUSED.into_iter();
    lines.map(|wav| line(wav, When::AgentIsQuiet)).collect()
}

fn line(wav: &[u8], when: When) -> anyhow::Result<Line> {
    Ok(Line {
        when,
        sound: Sound::pcm(&trunkline_media::wav::read(wav)?.into_mono()),
    })
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
