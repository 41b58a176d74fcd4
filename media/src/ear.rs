//! The listening side of a call: bytes of the carrier in, facts out, and the last seconds of audio kept.
//!
//! Every 20 ms frame passes the energy gate and the key detector. Windows of 32 ms that the gate lets through wait for a
//! voice model that runs elsewhere: [`Ear::take_windows`] hands them out, [`Ear::scored`] takes the answer. Windows
//! behind a shut gate are silence without asking. Windows are resolved strictly in order, and the endpointer's time is
//! the time of the last window resolved, so a slow model delays facts but never reorders them. A model that fails
//! ([`Ear::unscored`]) or falls too far behind is replaced by the gate's own opinion: a dead model does not make the
//! call deaf.

use std::collections::VecDeque;
use std::ops::Range;

use crate::dtmf::DtmfDetector;
use crate::frame::Framer;
use crate::g711;
use crate::gate::{Gate, GateSettings};
use crate::l16::{Endian, L16Decoder};
use crate::vad::{Edge, EndpointSettings, Endpointer};
use crate::{FRAME, RATE_HZ, SAMPLES_PER_MS, WINDOW};

/// Most windows handed out at once.
pub const BATCH_WINDOWS_MAX: usize = 16;

/// Windows before the gate opened that go to the model too: speech often begins more softly than the gate hears.
const PRE_ROLL: usize = 2;

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
    /// How much audio is kept, 4,000 to 600,000 ms; two bytes a sample.
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
    /// The caller fell silent here; decided `stop_ms` later.
    SpeechStopped {
        /// Sample where the voice ended.
        at: u64,
    },
    /// A key was pressed: `0`-`9`, `*`, `#`, `A`-`D`.
    Key(char),
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
}

/// What went wrong on the way, since the start of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EarCounters {
    /// Windows the model scored.
    pub scored: u64,
    /// Windows behind the gate, or of key tones, that no model had to see.
    pub gated: u64,
    /// Windows resolved by energy since a batch failed.
    pub failed: u64,
    /// Windows resolved by energy since the model was too far behind.
    pub overtaken: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// Behind the gate, may still become pre-roll.
    Shut,
    /// A key tone: silence whatever the gate says.
    Tone,
    /// For the model.
    Open,
}

#[derive(Debug, Clone, Copy)]
struct Pending {
    wait: Wait,
    loud: bool,
}

/// Frame flags of the recent past, the newest in bit 0.
#[derive(Debug, Clone, Copy, Default)]
struct Recent {
    open: u32,
    loud: u32,
    tone: u32,
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
}

impl Ear {
    /// An ear for a line that has sent nothing yet.
    pub fn new(settings: EarSettings) -> Self {
        let kept_ms = u64::from(settings.kept_ms.clamp(4_000, 600_000));
        let unresolved_ms = u64::from(settings.unresolved_ms_max.clamp(200, 3_000));
        Self {
            decoder: Decoder::new(settings.encoding),
            kept: Ring::new((kept_ms * SAMPLES_PER_MS) as usize),
            framer: Framer::default(),
            gate: Gate::new(settings.gate),
            dtmf: DtmfDetector::default(),
            keys: settings.keys,
            recent: Recent::default(),
            frames: 0,
            windows: Windows::new(
                &settings.endpoint,
                (unresolved_ms * SAMPLES_PER_MS) as usize / WINDOW,
            ),
        }
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
                self.recent.open = self.recent.open << 1 | u32::from(gate.open);
                self.recent.loud = self.recent.loud << 1 | u32::from(gate.loud);
                self.recent.tone = self.recent.tone << 1 | u32::from(dtmf.tone);
                self.frames += 1;
                self.windows.follow(self.frames, self.recent, facts);
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

    /// Appends the samples from `from` up to `to` that are still kept, and says which they are.
    pub fn audio(&self, from: u64, to: u64, out: &mut Vec<i16>) -> Range<u64> {
        self.kept.copy(from, to, out)
    }

    /// The level of the last frame and the line's noise, both in dBFS.
    pub fn levels_dbfs(&self) -> (f32, f32) {
        (self.gate.level_dbfs(), self.gate.floor_dbfs())
    }

    /// The next windows for the voice model, 256 samples each, replacing what is in `out`. `None` when none wait, or
    /// while a batch is out. Answer with [`Ear::scored`] or [`Ear::unscored`].
    pub fn take_windows(&mut self, out: &mut Vec<i16>) -> Option<WindowBatch> {
        let batch = self.windows.take()?;
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

    /// How windows were resolved so far.
    pub fn counters(&self) -> EarCounters {
        self.windows.counters
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

/// The last samples of a line, addressed by their position since its start.
#[derive(Debug, Clone)]
struct Ring {
    samples: Vec<i16>,
    written: u64,
}

impl Ring {
    fn new(capacity: usize) -> Self {
        Self {
            samples: vec![0; capacity],
            written: 0,
        }
    }

    fn extend(&mut self, mut samples: &[i16]) {
        let capacity = self.samples.len();
        while !samples.is_empty() {
            let at = (self.written % capacity as u64) as usize;
            let (piece, rest) = samples.split_at(samples.len().min(capacity - at));
            self.samples[at..at + piece.len()].copy_from_slice(piece);
            self.written += piece.len() as u64;
            samples = rest;
        }
    }

    fn copy(&self, from: u64, to: u64, out: &mut Vec<i16>) -> Range<u64> {
        let capacity = self.samples.len() as u64;
        let to = to.min(self.written);
        let from = from.max(self.written.saturating_sub(capacity)).min(to);
        let mut at = from;
        while at < to {
            let start = at % capacity;
            let count = (to - at).min(capacity - start);
            out.extend_from_slice(&self.samples[start as usize..(start + count) as usize]);
            at += count;
        }
        from..to
    }
}

/// The windows not resolved yet, in order, and the endpointer they go to.
#[derive(Debug, Clone)]
struct Windows {
    endpointer: Endpointer,
    pending: VecDeque<Pending>,
    /// Index of `pending[0]`.
    first: u64,
    pending_max: usize,
    out: Option<WindowBatch>,
    /// The window after the last one the model scored or was given.
    scored_to: u64,
    counters: EarCounters,
}

impl Windows {
    fn new(endpoint: &EndpointSettings, pending_max: usize) -> Self {
        Self {
            endpointer: Endpointer::new(endpoint),
            pending: VecDeque::with_capacity(pending_max + 2),
            first: 0,
            pending_max,
            out: None,
            scored_to: u64::MAX,
            counters: EarCounters::default(),
        }
    }

    /// Adds every window that the first `frames` frames complete.
    fn follow(&mut self, frames: u64, recent: Recent, facts: &mut Vec<Fact>) {
        loop {
            let start = (self.first + self.pending.len() as u64) * WINDOW as u64;
            if start + WINDOW as u64 > frames * FRAME as u64 {
                return;
            }
            // The window lies in at most three frames; they are the newest bits of the flags.
            let (oldest, newest) = (
                start / FRAME as u64,
                (start + WINDOW as u64 - 1) / FRAME as u64,
            );
            let mask = (1_u32 << (newest - oldest + 1)) - 1;
            let age = frames - 1 - newest;
            let any = |flags: u32| flags >> age & mask != 0;
            let wait = match (any(recent.tone), any(recent.open)) {
                (true, _) => Wait::Tone,
                (false, true) => Wait::Open,
                (false, false) => Wait::Shut,
            };
            if wait == Wait::Open {
                self.open_pre_roll();
            }
            self.pending.push_back(Pending {
                wait,
                loud: any(recent.loud) && wait == Wait::Open,
            });
            self.settle(facts);
        }
    }

    /// The windows just before an open one go to the model too.
    fn open_pre_roll(&mut self) {
        for pending in self.pending.iter_mut().rev().take(PRE_ROLL) {
            if pending.wait != Wait::Shut {
                return;
            }
            pending.wait = Wait::Open;
        }
    }

    /// Resolves from the front all that needs no model.
    fn settle(&mut self, facts: &mut Vec<Fact>) {
        while let Some(&Pending { wait, loud }) = self.pending.front() {
            match wait {
                Wait::Tone => self.counters.gated += 1,
                Wait::Shut if self.pending.len() > PRE_ROLL => self.counters.gated += 1,
                Wait::Open if self.pending.len() > self.pending_max => {
                    self.counters.overtaken += 1;
                    self.resolve(f32::from(u8::from(loud)), facts);
                    self.forget_overtaken_batch();
                    continue;
                }
                Wait::Shut | Wait::Open => return,
            }
            self.resolve(0.0, facts);
        }
    }

    /// A batch all of whose windows were resolved without it is not out any more.
    fn forget_overtaken_batch(&mut self) {
        if self
            .out
            .is_some_and(|batch| batch.first_window + batch.count as u64 <= self.first)
        {
            self.out = None;
        }
    }

    fn resolve(&mut self, probability: f32, facts: &mut Vec<Fact>) {
        self.pending.pop_front();
        self.first += 1;
        match self.endpointer.push(probability) {
            Some(Edge::SpeechStarted { at }) => facts.push(Fact::SpeechStarted { at }),
            Some(Edge::SpeechStopped { at }) => facts.push(Fact::SpeechStopped { at }),
            None => {}
        }
    }

    fn take(&mut self) -> Option<WindowBatch> {
        if self.out.is_some() {
            return None;
        }
        // What precedes the first open window is at most a pre-roll that may yet change, so only the front counts.
        let waiting = self
            .pending
            .iter()
            .take(BATCH_WINDOWS_MAX)
            .take_while(|pending| pending.wait == Wait::Open);
        let count = waiting.count();
        if count == 0 {
            return None;
        }
        let batch = WindowBatch {
            first_window: self.first,
            count,
            fresh: self.scored_to != self.first,
        };
        self.scored_to = self.first + count as u64;
        self.out = Some(batch);
        Some(batch)
    }

    fn answer(&mut self, batch: WindowBatch, probabilities: Option<&[f32]>, facts: &mut Vec<Fact>) {
        if self.out != Some(batch) {
            return;
        }
        self.out = None;
        let probabilities =
            probabilities.filter(|probabilities| probabilities.len() == batch.count);
        if probabilities.is_none() {
            // The model's memory is unsure: start it afresh.
            self.scored_to = u64::MAX;
        }
        // Windows of the batch that were overtaken meanwhile are resolved already.
        let overtaken = (self.first - batch.first_window) as usize;
        for index in overtaken..batch.count {
            let Some(&Pending { loud, .. }) = self.pending.front() else {
                return;
            };
            let probability = match probabilities {
                Some(probabilities) => {
                    self.counters.scored += 1;
                    probabilities[index]
                }
                None => {
                    self.counters.failed += 1;
                    f32::from(u8::from(loud))
                }
            };
            self.resolve(probability, facts);
        }
        self.settle(facts);
    }
}

/// Milliseconds since the start of the call of a position in samples.
pub fn position_ms(position: u64) -> u64 {
    position * 1_000 / u64::from(RATE_HZ)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtmf::{ToneSettings, tones};

    struct Line {
        ear: Ear,
        facts: Vec<Fact>,
        windows: Vec<i16>,
    }

    impl Line {
        fn new(settings: EarSettings) -> Self {
            Self {
                ear: Ear::new(settings),
                facts: Vec::new(),
                windows: Vec::new(),
            }
        }

        /// Sends samples as the line's encoding in messages of `size` bytes, with a model that answers at once by the
        /// energy of each window.
        fn send(&mut self, samples: &[i16], size: usize) {
            let mut bytes = Vec::new();
            g711::mulaw_encode_into(samples, &mut bytes);
            for message in bytes.chunks(size) {
                self.ear.push(message, &mut self.facts);
                while let Some(batch) = self.ear.take_windows(&mut self.windows) {
                    assert_eq!(self.windows.len(), batch.count * WINDOW);
                    let scores = scores(&self.windows);
                    self.ear.scored(batch, &scores, &mut self.facts);
                }
            }
        }
    }

    fn scores(windows: &[i16]) -> Vec<f32> {
        let loud = |window: &[i16; WINDOW]| {
            window
                .iter()
                .filter(|sample| sample.unsigned_abs() > 1_000)
                .count()
                > 64
        };
        windows
            .as_chunks::<WINDOW>()
            .0
            .iter()
            .map(|window| if loud(window) { 0.95 } else { 0.02 })
            .collect()
    }

    /// A buzz that no filter takes for a key.
    fn voice(ms: usize) -> Vec<i16> {
        (0..ms * 8)
            .map(|n| {
                let phase = std::f32::consts::TAU * n as f32 / 8_000.0;
                (1..=8)
                    .map(|k| (phase * 130.0 * k as f32).sin() * 2_500.0)
                    .sum::<f32>() as i16
            })
            .collect()
    }

    fn silence(ms: usize) -> Vec<i16> {
        vec![0; ms * 8]
    }

    #[test]
    fn speech_is_found_within_a_window_at_any_message_size() {
        let audio = [
            silence(1_000),
            voice(500),
            silence(1_000),
            voice(300),
            silence(600),
        ]
        .concat();
        let mut expected = None;
        for size in [1, 7, 80, 160, 161, 640, 4_000] {
            let mut line = Line::new(EarSettings::default());
            line.send(&audio, size);
            let [
                Fact::SpeechStarted { at: a },
                Fact::SpeechStopped { at: b },
                Fact::SpeechStarted { at: c },
                Fact::SpeechStopped { at: d },
            ] = line.facts[..]
            else {
                panic!("size {size}: {:?}", line.facts)
            };
            for (found, truth) in [(a, 8_000), (b, 12_000), (c, 20_000), (d, 22_400)] {
                assert!(
                    found.abs_diff(truth) <= WINDOW as u64,
                    "size {size}: {found} for {truth}"
                );
            }
            assert_eq!(
                *expected.get_or_insert((a, b, c, d)),
                (a, b, c, d),
                "size {size}"
            );
            assert_eq!(line.ear.position(), audio.len() as u64);
        }
    }

    #[test]
    fn only_windows_near_sound_cost_the_model_anything() {
        let mut line = Line::new(EarSettings::default());
        line.send(
            &[silence(10_000), voice(320), silence(10_000)].concat(),
            160,
        );
        let counters = line.ear.counters();
        assert!(counters.scored <= 2 + 11 + 11, "{counters:?}");
        assert_eq!((counters.failed, counters.overtaken), (0, 0));
    }

    #[test]
    fn batches_follow_each_other_and_are_fresh_after_a_shut_gate() {
        let mut line = Line::new(EarSettings::default());
        let mut bytes = Vec::new();
        g711::mulaw_encode_into(
            &[silence(640), voice(320), silence(1_000), voice(64)].concat(),
            &mut bytes,
        );
        let mut batches = Vec::new();
        for message in bytes.chunks(160) {
            line.ear.push(message, &mut line.facts);
            if let Some(batch) = line.ear.take_windows(&mut line.windows) {
                assert_eq!(
                    line.ear.take_windows(&mut Vec::new()),
                    None,
                    "one at a time"
                );
                let scores = scores(&line.windows);
                line.ear.scored(batch, &scores, &mut line.facts);
                batches.push(batch);
            }
        }
        assert_eq!(batches[0].first_window, 18, "two windows before the sound");
        let fresh: Vec<u64> = batches
            .iter()
            .filter(|batch| batch.fresh)
            .map(|batch| batch.first_window)
            .collect();
        assert_eq!(fresh.len(), 2, "{batches:?}");
        for pair in batches.windows(2).filter(|pair| !pair[1].fresh) {
            assert_eq!(
                pair[0].first_window + pair[0].count as u64,
                pair[1].first_window
            );
        }
    }

    #[test]
    fn a_model_that_fails_does_not_make_the_call_deaf() {
        let mut ear = Ear::new(EarSettings::default());
        let (mut facts, mut windows, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
        g711::mulaw_encode_into(
            &[silence(1_000), voice(500), silence(1_000)].concat(),
            &mut bytes,
        );
        for message in bytes.chunks(160) {
            ear.push(message, &mut facts);
            if let Some(batch) = ear.take_windows(&mut windows) {
                match batch.first_window % 2 {
                    0 => ear.unscored(batch, &mut facts),
                    _ => ear.scored(batch, &[], &mut facts),
                }
            }
        }
        let [
            Fact::SpeechStarted { at: start },
            Fact::SpeechStopped { at: stop },
        ] = facts[..]
        else {
            panic!("{facts:?}")
        };
        assert!(
            start.abs_diff(8_000) <= 256 && stop.abs_diff(12_000) <= 320,
            "{start} {stop}"
        );
        assert!(ear.counters().failed > 0 && ear.counters().scored == 0);
    }

    #[test]
    fn a_model_that_never_answers_is_overtaken_and_its_late_answer_ignored() {
        let mut ear = Ear::new(EarSettings::default());
        let (mut facts, mut windows, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
        g711::mulaw_encode_into(
            &[silence(1_000), voice(1_500), silence(4_000)].concat(),
            &mut bytes,
        );
        let mut taken = Vec::new();
        for message in bytes.chunks(160) {
            ear.push(message, &mut facts);
            taken.extend(ear.take_windows(&mut windows));
            assert!(
                ear.position() - ear.judged() <= 2_100 * 8,
                "never more than the bound behind"
            );
        }
        assert!(
            matches!(
                facts[..],
                [Fact::SpeechStarted { .. }, Fact::SpeechStopped { .. }]
            ),
            "{facts:?}"
        );
        let before = (facts.clone(), ear.counters());
        for batch in taken {
            ear.scored(batch, &vec![0.9; batch.count], &mut facts);
        }
        assert_eq!(before.0, facts);
        assert!(before.1.overtaken > 0);
    }

    #[test]
    fn keys_are_facts_and_never_speech() {
        for keys in [true, false] {
            let mut line = Line::new(EarSettings {
                keys,
                ..EarSettings::default()
            });
            for shift in 0..20 {
                line.send(&silence(500 + shift), 160);
                line.send(&tones("19#", &ToneSettings::default()).unwrap(), 160);
            }
            let expected: Vec<Fact> = if keys {
                "19#".repeat(20).chars().map(Fact::Key).collect()
            } else {
                Vec::new()
            };
            assert_eq!(line.facts, expected);
        }
    }

    #[test]
    fn audio_is_what_was_received_and_only_what_is_kept() {
        let mut line = Line::new(EarSettings {
            kept_ms: 4_000,
            ..EarSettings::default()
        });
        let sent: Vec<i16> = (0..80_000_u32)
            .map(|n| g711::mulaw_decode((n / 3 % 251) as u8))
            .collect();
        line.send(&sent, 333);
        for (from, to, kept) in [
            (79_990, 80_000, 79_990..80_000),
            (50_000, 80_000, 50_000..80_000),
            (0, 50_000, 48_000..50_000),
            (70_000, 90_000, 70_000..80_000),
            (0, 10, 10..10),
            (90_000, 95_000, 80_000..80_000),
            (60_000, 50_000, 50_000..50_000),
        ] {
            let mut out = Vec::new();
            assert_eq!(line.ear.audio(from, to, &mut out), kept, "{from}..{to}");
            assert_eq!(
                out,
                sent[kept.start as usize..kept.end as usize],
                "{from}..{to}"
            );
        }
    }

    #[test]
    fn every_encoding_is_heard() {
        let audio = [silence(400), voice(400), silence(600)].concat();
        for encoding in [
            Encoding::Mulaw,
            Encoding::Alaw,
            Encoding::L16Le,
            Encoding::L16Be,
        ] {
            let mut bytes = Vec::new();
            match encoding {
                Encoding::Mulaw => g711::mulaw_encode_into(&audio, &mut bytes),
                Encoding::Alaw => g711::alaw_encode_into(&audio, &mut bytes),
                Encoding::L16Le => crate::l16::encode_into(&audio, Endian::Little, &mut bytes),
                Encoding::L16Be => crate::l16::encode_into(&audio, Endian::Big, &mut bytes),
            }
            let mut ear = Ear::new(EarSettings {
                encoding,
                ..EarSettings::default()
            });
            let (mut facts, mut windows) = (Vec::new(), Vec::new());
            for message in bytes.chunks(161) {
                ear.push(message, &mut facts);
                while let Some(batch) = ear.take_windows(&mut windows) {
                    let scores = scores(&windows);
                    ear.scored(batch, &scores, &mut facts);
                }
            }
            assert!(
                matches!(
                    facts[..],
                    [Fact::SpeechStarted { .. }, Fact::SpeechStopped { .. }]
                ),
                "{encoding:?}"
            );
        }
    }

    #[test]
    fn positions_in_time() {
        assert_eq!(
            (position_ms(8_000), position_ms(7), position_ms(0)),
            (1_000, 0, 0)
        );
    }
}
