//! Tones of machines: the beep behind a voicemail's greeting, a fax, the three notes before a network's announcement.
//!
//! Every 20 ms the last 32 ms are looked at: one or two tones that hold nearly all energy, at a steady pitch and level, make
//! a *note*; notes with hardly a gap between them make a *sounding*, and what that was is told once it is over (a fax's
//! answer as soon as it is certain). Keys (DTMF), the tones of a ringing or busy line, and voices are none of it: a voice
//! that holds one harmonic does not hold pitch and level as well. Meant to run for the first seconds of a call that
//! wants to know who answered, and no longer.
//!
//! Sources: ITU-T T.30 (1100 Hz for 0.5 s every 3 s of a calling fax, 2100 Hz for 2.6 to 4 s of an answering one), ITU-T
//! E.180 (three notes of 950, 1400 and 1800 Hz, 330 ms each) and Telcordia's variants of them, ITU-T E.180 supplement 2
//! (ringing, busy and dial tones).

mod spectrum;

use crate::FRAME;
use spectrum::{LOOK, Pitch, Spectrum};

/// Quieter sound is not looked at.
const LOUD_DBFS_MIN: f32 = -45.0;
/// Pitch of beeps.
const BEEP_HZ: std::ops::RangeInclusive<f32> = 385.0..=2_050.0;
/// Looks of a beep, at least: 150 ms give six whole ones, and five that are steady.
const BEEP_LOOKS_MIN: u32 = 5;
/// Two tones at once may be two harmonics of a voice: they must last longer.
const PAIR_LOOKS_MIN: u32 = 8;
/// A longer one is no beep.
const BEEP_MS_MAX: u32 = 2_400;
/// How far pitch and level of a note may stray from its start. Machines hold both; a voice that holds its pitch swells.
const STEADY_HZ: f32 = 12.0;
const STEADY_DB: f32 = 2.0;
/// A sounding stands out of what comes before it and after it: where a voice holds its pitch, it goes on.
const ALONE_DB: f32 = 6.0;
/// The look behind a note that says what comes after: the first may hold the last of the note.
const AFTER_LOOKS: u32 = 3;
/// A sounding is over after so many looks without a note.
const GAP_LOOKS_MAX: u32 = 4;
/// Notes of one sounding that are remembered.
const NOTES_MAX: usize = 3;
/// What a fax that answers sends, and for how long it is heard before it is believed.
const FAX_ANSWER_HZ: f32 = 2_100.0;
const FAX_ANSWER_MS: u32 = 900;
/// What a fax that calls sends.
const FAX_CALL_HZ: f32 = 1_100.0;
const FAX_CALL_MS: std::ops::RangeInclusive<u32> = 400..=620;
const FAX_HZ: f32 = 40.0;
/// The three notes, each within this.
const NETWORK_HZ: [std::ops::RangeInclusive<f32>; 3] =
    [890.0..=1_010.0, 1_340.0..=1_460.0, 1_740.0..=1_840.0];
const NETWORK_NOTE_MS: std::ops::RangeInclusive<u32> = 180..=460;
/// Single tones of ringing and busy lines: 400 and 425 Hz, and 440 with 480 Hz, which one look cannot tell apart.
const LINE_HZ: [std::ops::RangeInclusive<f32>; 2] = [392.0..=433.0, 447.0..=490.0];
/// Their pairs.
const LINE_PAIRS_HZ: [(f32, f32); 4] = [
    (350.0, 440.0),
    (400.0, 450.0),
    (440.0, 480.0),
    (480.0, 620.0),
];
const LINE_PAIR_HZ: f32 = 16.0;
const KEY_ROWS_HZ: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const KEY_COLUMNS_HZ: [f32; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];

/// Whose tone it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// A beep, as voicemail gives before it records.
    Beep,
    /// A fax that answers.
    FaxAnswer,
    /// A fax that calls. A beep may sound the same: only its repetition tells.
    FaxCall,
    /// The notes before a network's announcement.
    Network,
}

/// A tone that was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sounded {
    /// Whose.
    pub tone: Tone,
    /// How long it lasted, ms; of a fax's answer, so far.
    pub lasted_ms: u32,
    /// It ended so long before the end of the frame that told it, ms.
    pub ago_ms: u32,
}

/// A stretch of one steady pitch.
#[derive(Debug, Clone, Copy, Default)]
struct Note {
    pitch: Pitch,
    looks: u32,
}

impl Note {
    fn ms(self) -> u32 {
        // The first look has some of it in its 32 ms, and so has the last.
        self.looks * 20 + 10
    }

    fn is_beep(self) -> bool {
        let Pitch { low_hz, high_hz } = self.pitch;
        let is_single = self.pitch.is_single();
        let looks_min = if is_single {
            BEEP_LOOKS_MIN
        } else {
            PAIR_LOOKS_MIN
        };
        let is_in_range = BEEP_HZ.contains(&low_hz) && (is_single || BEEP_HZ.contains(&high_hz));
        is_in_range && self.looks >= looks_min && !self.is_of_the_line() && !self.is_key()
    }

    fn is_of_the_line(self) -> bool {
        let Pitch { low_hz, high_hz } = self.pitch;
        if self.pitch.is_single() {
            return LINE_HZ.iter().any(|range| range.contains(&low_hz));
        }
        let is_near = |(low, high): &(f32, f32)| {
            (low - low_hz).abs() <= LINE_PAIR_HZ && (high - high_hz).abs() <= LINE_PAIR_HZ
        };
        LINE_PAIRS_HZ.iter().any(is_near)
    }

    fn is_key(self) -> bool {
        let is_near =
            |table: &[f32], hz: f32| table.iter().any(|key| (key - hz).abs() <= key * 0.025);
        is_near(&KEY_ROWS_HZ, self.pitch.low_hz) && is_near(&KEY_COLUMNS_HZ, self.pitch.high_hz)
    }

    fn is_at(self, hz: f32) -> bool {
        self.pitch.is_single() && (self.pitch.low_hz - hz).abs() <= FAX_HZ
    }
}

/// Listens for tones on one line.
#[derive(Debug, Clone)]
pub struct ToneDetector {
    spectrum: Spectrum,
    look: [i16; LOOK],
    /// The note that sounds, and the level at which it began.
    note: Note,
    level_dbfs: f32,
    /// Levels of the last two frames, the older first; and that of before the sounding.
    recent_dbfs: [f32; 2],
    before_dbfs: f32,
    /// Notes of the sounding before it.
    notes: [Note; NOTES_MAX],
    count: usize,
    /// Looks since the sounding began, and since the last note of it.
    looks: u32,
    gap: u32,
    /// A fax's answer so far, ms; it turns its phase around, which interrupts notes.
    answer_ms: u32,
    /// Something in it was no tone of a machine's.
    spoilt: bool,
}

impl Default for ToneDetector {
    fn default() -> Self {
        Self {
            spectrum: Spectrum::new(),
            look: [0; LOOK],
            note: Note::default(),
            level_dbfs: 0.0,
            recent_dbfs: [-100.0; 2],
            before_dbfs: -100.0,
            notes: [Note::default(); NOTES_MAX],
            count: 0,
            looks: 0,
            gap: 0,
            answer_ms: 0,
            spoilt: false,
        }
    }
}

impl ToneDetector {
    /// Listens to the next frame, whose level the caller already knows (see [`crate::gate::level_dbfs`]).
    pub fn push(&mut self, frame: &[i16; FRAME], level_dbfs: f32) -> Option<Sounded> {
        self.look.copy_within(FRAME.., 0);
        self.look[LOOK - FRAME..].copy_from_slice(frame);
        let pitch = match level_dbfs >= LOUD_DBFS_MIN {
            true => self.spectrum.pitch(&self.look),
            false => None,
        };
        let before_dbfs = self.recent_dbfs[0];
        self.recent_dbfs = [self.recent_dbfs[1], level_dbfs];
        if !self.is_sounding() {
            self.before_dbfs = before_dbfs;
        }
        self.looks = self.looks.saturating_add(u32::from(self.is_sounding()));
        let Some(pitch) = pitch else {
            self.end_note();
            self.gap = self.gap.saturating_add(1);
            let goes_on = level_dbfs > self.level_dbfs - ALONE_DB;
            self.spoilt |= self.gap == AFTER_LOOKS && goes_on;
            return self.over();
        };
        let is_steady = (level_dbfs - self.level_dbfs).abs() <= STEADY_DB;
        let goes_on = self.note.looks > 0 && pitch.is_like(self.note.pitch, STEADY_HZ);
        match (goes_on, is_steady) {
            (true, true) => self.note.looks = self.note.looks.saturating_add(1),
            // The edges of a tone fill a look only in part.
            (true, false) if self.note.looks <= 1 => {
                self.note.pitch = pitch;
                self.level_dbfs = level_dbfs;
            }
            (true, false) => self.end_note(),
            (false, _) => {
                self.end_note();
                self.note = Note { pitch, looks: 1 };
                self.level_dbfs = level_dbfs;
            }
        }
        self.gap = 0;
        self.fax_answers()
    }

    fn is_sounding(&self) -> bool {
        self.count > 0 || self.note.looks > 0
    }

    /// A fax's answer, once there has been enough of it; told once.
    fn fax_answers(&mut self) -> Option<Sounded> {
        if !self.note.is_at(FAX_ANSWER_HZ) {
            return None;
        }
        let before = self.answer_ms;
        self.answer_ms += 20;
        let is_news = before < FAX_ANSWER_MS && self.answer_ms >= FAX_ANSWER_MS;
        is_news.then_some(Sounded {
            tone: Tone::FaxAnswer,
            lasted_ms: self.answer_ms,
            ago_ms: 0,
        })
    }

    /// The note is over. One that was too short for a note spoils nothing: voices are full of them.
    fn end_note(&mut self) {
        let note = std::mem::take(&mut self.note);
        if note.looks < BEEP_LOOKS_MIN {
            return;
        }
        self.spoilt |= self.count == 0 && self.before_dbfs > self.level_dbfs - ALONE_DB;
        match self.notes.get_mut(self.count) {
            Some(slot) => {
                *slot = note;
                self.count += 1;
            }
            None => self.spoilt = true,
        }
    }

    /// What the sounding was, now that it is over.
    fn over(&mut self) -> Option<Sounded> {
        if self.gap <= GAP_LOOKS_MAX {
            return None;
        }
        let notes = &self.notes[..self.count];
        let lasted_ms: u32 = notes.iter().map(|note| note.ms()).sum();
        let tone = match self.spoilt || notes.is_empty() {
            true => None,
            false => tone_of(notes, lasted_ms, (self.looks.saturating_sub(self.gap)) * 20),
        };
        self.count = 0;
        self.looks = 0;
        self.answer_ms = 0;
        self.spoilt = false;
        let ago_ms = self.gap * 20;
        tone.map(|tone| Sounded {
            tone,
            lasted_ms,
            ago_ms,
        })
    }
}

/// What notes make, which together sounded `lasted_ms` of `of_ms`.
fn tone_of(notes: &[Note], lasted_ms: u32, of_ms: u32) -> Option<Tone> {
    if let [first, second, third] = notes {
        let fits = [first, second, third]
            .into_iter()
            .zip(NETWORK_HZ)
            .all(|(note, range)| {
                range.contains(&note.pitch.low_hz) && NETWORK_NOTE_MS.contains(&note.ms())
            });
        if fits {
            return Some(Tone::Network);
        }
    }
    if let [note] = notes
        && note.is_at(FAX_CALL_HZ)
        && FAX_CALL_MS.contains(&note.ms())
    {
        return Some(Tone::FaxCall);
    }
    // Steady notes are most of it: a voice has a few among much else.
    let is_mostly_notes = lasted_ms * 4 >= of_ms * 3;
    let is_beep = is_mostly_notes && lasted_ms <= BEEP_MS_MAX && notes.iter().all(|n| n.is_beep());
    is_beep.then_some(Tone::Beep)
}

#[cfg(test)]
mod tests;
