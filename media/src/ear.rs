//! The listening side of a call: bytes of the carrier in, facts out, and the last seconds of audio kept.
//!
//! Every 20 ms frame passes the energy gate and the key detector. Windows of 32 ms that the gate lets through wait for a
//! voice model that runs elsewhere: [`Ear::take_windows`] hands them out, [`Ear::scored`] takes the answer. Windows
//! behind a shut gate are silence without asking. Windows are resolved strictly in order, and the endpointer's time is
//! the time of the last window resolved, so a slow model delays facts but never reorders them. A model that fails
//! ([`Ear::unscored`]) or falls too far behind is replaced by the gate's own opinion: a dead model does not make the
//! call deaf.

mod ring;
mod windows;

use std::ops::Range;

use crate::dtmf::DtmfDetector;
use crate::echo::{EchoDetector, LOOK_FRAMES};
use crate::frame::Framer;
use crate::g711;
use crate::gate::{Gate, GateSettings};
use crate::l16::{Endian, L16Decoder};
use crate::tones::{Sounded, Tone, ToneDetector};
use crate::vad::EndpointSettings;
use crate::{FRAME, RATE_HZ, SAMPLES_PER_MS, WINDOW};
use ring::Ring;
use windows::{Recent, Windows};

/// Most windows handed out at once.
pub const BATCH_WINDOWS_MAX: usize = 16;

/// Windows that decide nothing are handed out so many at a time: most of what asking costs does not depend on how many.
const CALM_WINDOWS: usize = 4;

/// Windows before the gate opened that go to the model too: speech often begins more softly than the gate hears.
const PRE_ROLL: usize = 2;

/// While we may be heard, frames are judged so much later: only then is it known whether they are our own voice. A caller
/// who interrupts is halted for counting from the onset of the voice, so this costs them nothing.
const HELD_FRAMES: u32 = LOOK_FRAMES - 1;

/// How the carrier writes 8 kHz audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// G.711 mu-law, one byte a sample.
    Mulaw,
    /// G.711 A-law, one byte a sample.
    Alaw,
    /// Linear 16 bit, least significant byte first.
    L16Le,
    /// Linear 16 bit, most significant byte first.
    L16Be,
}

/// How one line is heard.
#[derive(Debug, Clone, PartialEq)]
pub struct EarSettings {
    /// The carrier's encoding.
    pub encoding: Encoding,
    /// How much audio is kept, 1,000 to 600,000 ms, and at least twice `unresolved_ms_max`; two bytes a sample.
    pub kept_ms: u32,
    /// The energy gate.
    pub gate: GateSettings,
    /// The endpointer.
    pub endpoint: EndpointSettings,
    /// A window unresolved for longer than this is resolved by energy. 200 to 3,000 ms.
    pub unresolved_ms_max: u32,
    /// Report keys heard in the audio. Off for a carrier that reports them itself; tones are never speech either way.
    pub keys: bool,
}

impl Default for EarSettings {
    fn default() -> Self {
        Self {
            encoding: Encoding::Mulaw,
            kept_ms: 32_000,
            gate: GateSettings::default(),
            endpoint: EndpointSettings::default(),
            unresolved_ms_max: 2_000,
            keys: true,
        }
    }
}

/// What the ear heard. Positions are samples of 8 kHz since the first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// The caller began to speak here; decided some 64 ms later.
    SpeechStarted {
        /// Sample where the voice began.
        at: u64,
    },
    /// The caller has been silent since here, and may be done; decided `pause_ms` later.
    SpeechPaused {
        /// Sample where the voice ended.
        at: u64,
    },
    /// They were not done.
    SpeechResumed,
    /// The caller fell silent here; decided `stop_ms` later.
    SpeechStopped {
        /// Sample where the voice ended.
        at: u64,
    },
    /// A key was pressed: `0`-`9`, `*`, `#`, `A`-`D`.
    Key(char),
    /// A machine's tone ended here, or has lasted long enough; only while they are listened for.
    Tone {
        /// Whose.
        tone: Tone,
        /// Sample where it ended.
        at: u64,
    },
}

/// Windows handed to the voice model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowBatch {
    /// Index of the first window since the start of the call; it begins at sample `first_window * 256`.
    pub first_window: u64,
    /// How many windows follow each other, 1 to [`BATCH_WINDOWS_MAX`].
    pub count: usize,
    /// The model's memory of this line must be reset first: the window before was not scored by it.
    pub fresh: bool,
    /// Something may be decided by it: speech that goes on while it is loud, and silence that stays quiet, can wait a little.
    pub is_urgent: bool,
}

/// What went wrong on the way, since the start of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EarCounters {
    /// Windows the model scored.
    pub scored: u64,
    /// Windows behind the gate, or of key tones, that no model had to see.
    pub gated: u64,
    /// Windows resolved by energy since a batch failed, or since there is no model.
    pub failed: u64,
    /// Windows resolved by energy since the model was too far behind.
    pub overtaken: u64,
    /// Frames in which our own voice came back.
    pub echoes: u64,
}

/// The ear of one call.
#[derive(Debug, Clone)]
pub struct Ear {
    decoder: Decoder,
    kept: Ring,
    framer: Framer,
    gate: Gate,
    dtmf: DtmfDetector,
    keys: bool,
    recent: Recent,
    frames: u64,
    windows: Windows,
    echo: EchoDetector,
    echoes: u64,
    /// Only while tones of machines are listened for.
    tones: Option<Box<ToneDetector>>,
    /// The newest frames that are not judged yet.
    held: u32,
    /// The moment at which the line's first sample was spoken, in samples of the mouth's clock.
    origin: i64,
}

impl Ear {
    /// An ear for a line that has sent nothing yet.
    pub fn new(settings: EarSettings) -> Self {
        let unresolved_ms = u64::from(settings.unresolved_ms_max.clamp(200, 3_000));
        let kept_ms = u64::from(settings.kept_ms.clamp(1_000, 600_000)).max(2 * unresolved_ms);
        Self {
            decoder: Decoder::new(settings.encoding),
            kept: Ring::new((kept_ms * SAMPLES_PER_MS) as usize),
            framer: Framer::default(),
            gate: Gate::new(settings.gate),
            dtmf: DtmfDetector::default(),
            keys: settings.keys,
            recent: Recent::default(),
            frames: 0,
            echo: EchoDetector::default(),
            echoes: 0,
            tones: None,
            held: 0,
            origin: 0,
            windows: Windows::new(
                &settings.endpoint,
                (unresolved_ms * SAMPLES_PER_MS) as usize / WINDOW,
            ),
        }
    }

    /// Mu-law audio of ours goes out at `now_ms`, to be played behind what went out before. What comes back of it is not
    /// the caller.
    pub fn sent(&mut self, now_ms: u64, mulaw: &[u8]) {
        self.echo.sent(now_ms * SAMPLES_PER_MS, mulaw);
    }

    /// What went out and was not played is taken back.
    pub fn sent_cleared(&mut self, now_ms: u64) {
        self.echo.cleared(now_ms * SAMPLES_PER_MS);
    }

    /// The sample that comes next was spoken at this moment of the clock by which [`Ear::sent`] is told.
    pub fn next_spoken_at(&mut self, ms: u64) {
        self.origin = (ms * SAMPLES_PER_MS) as i64 - self.position() as i64;
    }

    /// Listens for tones of machines from now on, or no longer. It costs nothing while it does not.
    pub fn listen_for_tones(&mut self, on: bool) {
        match on {
            true => drop(self.tones.get_or_insert_default()),
            false => self.tones = None,
        }
    }

    /// Samples received of which it is known whether they are our own voice coming back: all, unless we may be heard.
    pub fn known(&self) -> u64 {
        match self.held {
            0 => self.position(),
            held => (self.frames - u64::from(held)) * FRAME as u64,
        }
    }

    /// The sound at this sample, of the last 640 ms, is our own voice coming back.
    pub fn is_own_voice(&self, sample: u64) -> bool {
        let age = self.frames.checked_sub(sample / FRAME as u64 + 1);
        age.and_then(|age| self.recent.echo.checked_shr(u32::try_from(age).ok()?))
            .is_some_and(|echo| echo & 1 != 0)
    }

    /// All sound since this sample is our own voice coming back, as far as is known: of the last 640 ms at most.
    pub fn hears_only_itself_since(&self, sample: u64) -> bool {
        let since = self.position().saturating_sub(sample);
        let frames = since.div_ceil(FRAME as u64).clamp(1, u32::BITS.into());
        let mask = u32::MAX >> (u64::from(u32::BITS) - frames);
        let Recent { loud, echo, .. } = self.recent;
        echo & mask != 0 && loud & !echo & mask == 0
    }

    /// Hears one message of the carrier, of any size, and appends what became known.
    pub fn push(&mut self, payload: &[u8], facts: &mut Vec<Fact>) {
        let mut bytes = payload;
        let mut scratch = [0_i16; FRAME];
        loop {
            let count = self.decoder.decode(&mut bytes, &mut scratch);
            if count == 0 {
                return;
            }
            let mut samples = &scratch[..count];
            self.kept.extend(samples);
            while let Some(frame) = self.framer.next(&mut samples) {
                let gate = self.gate.push(frame);
                let dtmf = self.dtmf.push(frame, self.gate.level_dbfs());
                if let (true, Some(key)) = (self.keys, dtmf.key) {
                    facts.push(Fact::Key(key));
                }
                if let Some(tones) = &mut self.tones
                    && let Some(Sounded { tone, ago_ms, .. }) =
                        tones.push(frame, self.gate.level_dbfs())
                {
                    let end = (self.frames + 1) * FRAME as u64;
                    let at = end.saturating_sub(u64::from(ago_ms) * SAMPLES_PER_MS);
                    facts.push(Fact::Tone { tone, at });
                }
                self.recent.open = self.recent.open << 1 | u32::from(gate.open);
                self.recent.loud = self.recent.loud << 1 | u32::from(gate.loud);
                self.recent.tone = self.recent.tone << 1 | u32::from(dtmf.tone);
                self.recent.echo <<= 1;
                let at = self.origin + (self.frames * FRAME as u64) as i64;
                let at = u64::try_from(at).unwrap_or(0);
                let echoes = self.echo.echoes(at, frame, gate.loud);
                self.recent.echo |= (1 << echoes) - 1;
                self.echoes += u64::from(echoes > 0);
                self.frames += 1;
                self.held = match self.echo.sounds(at) {
                    true => (self.held + 1).min(HELD_FRAMES),
                    false => 0,
                };
                let (frames, recent) = (self.frames - u64::from(self.held), self.recent);
                self.windows.follow(frames, recent.before(self.held), facts);
            }
        }
    }

    /// Samples received.
    pub fn position(&self) -> u64 {
        self.kept.written
    }

    /// Samples the endpointer has judged: facts before this position are all told.
    pub fn judged(&self) -> u64 {
        self.windows.endpointer.position()
    }

    /// Between a `SpeechStarted` and its `SpeechStopped`.
    pub fn speaking(&self) -> bool {
        self.windows.endpointer.speaking()
    }

    /// The last frame held no sound worth the name.
    pub fn is_quiet(&self) -> bool {
        self.recent.loud & 1 == 0
    }

    /// Appends the samples from `from` up to `to` that are still kept, and says which they are.
    pub fn audio(&self, from: u64, to: u64, out: &mut Vec<i16>) -> Range<u64> {
        self.kept.copy(from, to, out)
    }

    /// The level of the last frame and the line's noise, both in dBFS.
    pub fn levels_dbfs(&self) -> (f32, f32) {
        (self.gate.level_dbfs(), self.gate.floor_dbfs())
    }

    /// The next windows for the voice model, 256 samples each, replacing what is in `out`. `None` when none wait, while a
    /// batch is out, or while the few that wait would decide nothing. Answer with [`Ear::scored`] or [`Ear::unscored`].
    pub fn take_windows(&mut self, out: &mut Vec<i16>) -> Option<WindowBatch> {
        let batch = self.windows.take(false)?;
        out.clear();
        let from = batch.first_window * WINDOW as u64;
        self.kept
            .copy(from, from + (batch.count * WINDOW) as u64, out);
        Some(batch)
    }

    /// The model's answer: one probability of voice per window of the batch. An answer of the wrong length is a failed
    /// one; an answer to a batch that is not out any more is ignored.
    pub fn scored(&mut self, batch: WindowBatch, probabilities: &[f32], facts: &mut Vec<Fact>) {
        self.windows.answer(batch, Some(probabilities), facts);
    }

    /// The batch failed: its windows are judged by energy.
    pub fn unscored(&mut self, batch: WindowBatch, facts: &mut Vec<Fact>) {
        self.windows.answer(batch, None, facts);
    }

    /// Judges the windows that wait by energy, for a line that has no voice model.
    pub fn judge_by_energy(&mut self, facts: &mut Vec<Fact>) {
        while let Some(batch) = self.windows.take(true) {
            self.windows.answer(batch, None, facts);
        }
    }

    /// How windows were resolved so far.
    pub fn counters(&self) -> EarCounters {
        EarCounters {
            echoes: self.echoes,
            ..self.windows.counters
        }
    }
}

#[derive(Debug, Clone)]
enum Decoder {
    Mulaw,
    Alaw,
    L16(L16Decoder),
}

impl Decoder {
    fn new(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Mulaw => Self::Mulaw,
            Encoding::Alaw => Self::Alaw,
            Encoding::L16Le => Self::L16(L16Decoder::new(Endian::Little)),
            Encoding::L16Be => Self::L16(L16Decoder::new(Endian::Big)),
        }
    }

    /// Takes bytes off the front and fills `samples`; how many were written, 0 when the bytes are used up.
    fn decode(&mut self, bytes: &mut &[u8], samples: &mut [i16]) -> usize {
        let count = match self {
            Self::Mulaw => g711::mulaw_decode_into(bytes, samples),
            Self::Alaw => g711::alaw_decode_into(bytes, samples),
            Self::L16(decoder) => return decoder.decode(bytes, samples),
        };
        *bytes = &bytes[count..];
        count
    }
}

/// Milliseconds since the start of the call of a position in samples.
pub fn position_ms(position: u64) -> u64 {
    position * 1_000 / u64::from(RATE_HZ)
}

#[cfg(test)]
mod tests;
