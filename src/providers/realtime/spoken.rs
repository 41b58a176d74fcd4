//! What a model says by itself: its words, cut into clauses, and the sound of each.
//!
//! Words and sound come in two streams, each faster than it is spoken, and nothing says which sound is of which word. Where
//! a clause ends is found in the sound: at the pause that is nearest to where its letters, at the pace of the voice, let it be
//! expected. Within a clause the call interpolates, as for every voice. Where in the whole answer the caller stopped
//! listening is exact all the same: clauses only share the sound out.

use std::ops::Range;
use std::sync::Arc;

use trunkline_core::clause::Clauses;

/// Bytes of mu-law in a millisecond.
pub(super) const BYTES_PER_MS: usize = 8;
/// Sound is looked at in pieces of this length.
const FRAME: usize = 20 * BYTES_PER_MS;
/// A pause between clauses has so many of them at least.
const PAUSE_FRAMES: usize = 6;
/// The end of a clause is looked for from here …
const EARLIEST: f32 = 0.6;
/// … to here, as parts of what is expected.
const LATEST: f32 = 1.6;
/// A pause this close to what is expected is the end; for others, more sound is waited for.
const NEAR: Range<f32> = 0.8..1.3;
/// The pace of a voice that has not spoken yet.
pub(super) const MS_PER_LETTER: f32 = 75.0;
/// Longest sound of one answer: four minutes.
const AUDIO_BYTES_MAX: usize = 240_000 * BYTES_PER_MS;
/// Most clauses of one answer.
const CLAUSES_MAX: usize = 400;

/// It would not end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Endless;

struct Clause {
    text: Arc<str>,
    letters: usize,
    /// Where its sound ends, once that is known; it begins where the one before ends.
    to: Option<usize>,
    /// It has been asked for.
    is_asked: bool,
}

/// One answer.
pub(super) struct Spoken {
    cutter: Clauses,
    clauses: Vec<Clause>,
    audio: Vec<u8>,
    has_all_words: bool,
    has_all_audio: bool,
    ms_per_letter: f32,
}

impl Spoken {
    /// By a voice of this pace.
    pub(super) fn new(ms_per_letter: f32) -> Self {
        Self {
            cutter: Clauses::new(),
            clauses: Vec::new(),
            audio: Vec::new(),
            has_all_words: false,
            has_all_audio: false,
            ms_per_letter,
        }
    }

    /// More words came; the clauses that they complete.
    pub(super) fn words(&mut self, delta: &str) -> Result<Vec<String>, Endless> {
        self.has_all_words = false;
        let mut cut = Vec::new();
        self.cutter.push(delta, &mut cut);
        self.take(cut)
    }

    /// No more words come.
    pub(super) fn words_ended(&mut self) -> Result<Vec<String>, Endless> {
        let mut cut = Vec::new();
        self.cutter.finish(&mut cut);
        let cut = self.take(cut);
        self.has_all_words = true;
        self.share();
        cut
    }

    fn take(&mut self, cut: Vec<String>) -> Result<Vec<String>, Endless> {
        for text in &cut {
            self.clauses.push(Clause {
                text: text.as_str().into(),
                letters: text.chars().filter(|c| !c.is_whitespace()).count().max(1),
                to: None,
                is_asked: false,
            });
        }
        self.share();
        match self.clauses.len() > CLAUSES_MAX {
            true => Err(Endless),
            false => Ok(cut),
        }
    }

    /// More sound came.
    pub(super) fn audio(&mut self, mulaw: &[u8]) -> Result<(), Endless> {
        if self.audio.len() + mulaw.len() > AUDIO_BYTES_MAX {
            return Err(Endless);
        }
        self.has_all_audio = false;
        self.audio.extend_from_slice(mulaw);
        self.share();
        Ok(())
    }

    /// No more sound comes.
    pub(super) fn audio_ended(&mut self) {
        self.has_all_audio = true;
        self.share();
    }

    /// Bytes of sound that came.
    pub(super) fn bytes(&self) -> usize {
        self.audio.len()
    }

    /// Whole milliseconds of sound that came.
    pub(super) fn audio_ms(&self) -> u64 {
        (self.audio.len() / BYTES_PER_MS) as u64
    }

    /// The pace that it showed, once it is whole and long enough to tell.
    pub(super) fn pace(&self) -> Option<f32> {
        let letters: usize = self.clauses.iter().map(|clause| clause.letters).sum();
        let is_whole = self.has_all_audio && self.has_all_words;
        (is_whole && letters >= 20).then(|| self.audio_ms() as f32 / letters as f32)
    }

    /// The clause of these words that is to be said: the first of them that was not asked for, or else the last; and whether
    /// it was asked for before.
    pub(super) fn find(&mut self, text: &str) -> Option<(usize, bool)> {
        let same = |clause: &Clause| &*clause.text == text;
        let fresh = self.clauses.iter().position(|c| same(c) && !c.is_asked);
        let at = fresh.or_else(|| self.clauses.iter().rposition(same))?;
        let was_asked = std::mem::replace(&mut self.clauses.get_mut(at)?.is_asked, true);
        Some((at, was_asked))
    }

    /// Where the sound of a clause begins, in bytes; `None` while that is not known.
    pub(super) fn begins(&self, at: usize) -> Option<usize> {
        match at.checked_sub(1) {
            None => Some(0),
            Some(before) => self.clauses.get(before)?.to,
        }
    }

    /// All of a clause's sound is there.
    pub(super) fn is_whole(&self, at: usize) -> bool {
        let to = self.clauses.get(at).and_then(|clause| clause.to);
        to.is_some_and(|to| to <= self.audio.len())
    }

    /// A clause's sound came, and there is none.
    pub(super) fn is_silent(&self, at: usize) -> bool {
        let to = self.clauses.get(at).and_then(|clause| clause.to);
        to.is_some() && self.begins(at) == to
    }

    /// The sound of a clause from its byte `from` on, as far as it is known to be its own.
    pub(super) fn sound(&self, at: usize, from: usize) -> &[u8] {
        let (Some(begins), Some(clause)) = (self.begins(at), self.clauses.get(at)) else {
            return &[];
        };
        let is_last = self.has_all_words && at + 1 == self.clauses.len();
        let surely = match (clause.to, is_last) {
            (Some(to), _) => to,
            (None, true) => self.audio.len(),
            (None, false) => begins + part(self.expected(clause), EARLIEST),
        };
        let end = surely.min(self.audio.len());
        self.audio.get(begins + from..end).unwrap_or_default()
    }

    /// Bytes that a clause's sound is expected to have.
    fn expected(&self, clause: &Clause) -> usize {
        (clause.letters as f32 * self.ms_per_letter) as usize * BYTES_PER_MS
    }

    /// Finds where clauses end, as far as that can be told.
    fn share(&mut self) {
        while let Some(at) = self.clauses.iter().position(|clause| clause.to.is_none()) {
            let Some(begins) = self.begins(at) else {
                return;
            };
            let is_last = self.has_all_words && at + 1 == self.clauses.len();
            let to = match (is_last, at + 1 < self.clauses.len()) {
                (true, _) => self.has_all_audio.then_some(self.audio.len()),
                (false, true) => self.end_of(at, begins),
                (false, false) => None,
            };
            let Some(to) = to else {
                return;
            };
            if let Some(clause) = self.clauses.get_mut(at) {
                clause.to = Some(to);
            }
        }
    }

    /// Where the clause ends behind which another follows.
    fn end_of(&self, at: usize, begins: usize) -> Option<usize> {
        let clause = self.clauses.get(at)?;
        let all = self.audio.len();
        let expected = match self.has_all_audio && self.has_all_words {
            // All of it is there to be shared out.
            true => {
                let letters: usize = self.clauses.iter().skip(at).map(|c| c.letters).sum();
                all.saturating_sub(begins) * clause.letters / letters.max(1)
            }
            false => self.expected(clause),
        };
        let latest = begins + part(expected, LATEST);
        let window = begins + part(expected, EARLIEST)..latest.min(all);
        let pauses = pauses(&self.audio, window);
        let distance = |middle: &usize| middle.abs_diff(begins + expected);
        if self.has_all_audio || all >= latest {
            let nearest = pauses
                .into_iter()
                .map(|(middle, _)| middle)
                .min_by_key(distance);
            return Some(nearest.unwrap_or((begins + expected).min(all)));
        }
        let near = begins + part(expected, NEAR.start)..begins + part(expected, NEAR.end);
        let ended = pauses.into_iter().filter(|(_, is_over)| *is_over);
        ended
            .map(|(middle, _)| middle)
            .find(|middle| near.contains(middle))
    }
}

fn part(of: usize, part: f32) -> usize {
    (of as f32 * part) as usize
}

/// The middle of each pause in a part of the sound, and whether sound follows it there.
fn pauses(audio: &[u8], window: Range<usize>) -> Vec<(usize, bool)> {
    let first = window.start.next_multiple_of(FRAME);
    let part = audio.get(first..window.end).unwrap_or_default();
    let (mut pauses, mut since) = (Vec::new(), None);
    let mut at = first;
    for frame in part.chunks_exact(FRAME) {
        match (is_quiet(frame), since) {
            (true, None) => since = Some(at),
            (false, Some(from)) => {
                pauses.extend(pause(from, at, true));
                since = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
        at += FRAME;
    }
    pauses.extend(since.and_then(|from| pause(from, at, false)));
    pauses
}

fn pause(from: usize, to: usize, is_over: bool) -> Option<(usize, bool)> {
    (to - from >= PAUSE_FRAMES * FRAME).then_some(((from + to) / 2, is_over))
}

/// All of it is below about -40 dB of full scale. With its bits turned over, mu-law is a logarithmic scale.
fn is_quiet(mulaw: &[u8]) -> bool {
    mulaw.iter().all(|code| !code & 0x7f < 0x28)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOUD: u8 = 0x10;
    const QUIET: u8 = 0xff;

    fn sound(ms: usize) -> Vec<u8> {
        vec![LOUD; ms * BYTES_PER_MS]
    }

    fn pause(ms: usize) -> Vec<u8> {
        vec![QUIET; ms * BYTES_PER_MS]
    }

    fn ends_ms(spoken: &Spoken) -> Vec<Option<usize>> {
        let ms = |clause: &Clause| clause.to.map(|to| to / BYTES_PER_MS);
        spoken.clauses.iter().map(ms).collect()
    }

    #[test]
    fn clauses_end_at_the_pause_nearest_to_where_their_letters_do() {
        let mut spoken = Spoken::new(100.0);
        // 14 letters: 1,400 ms; and 8.
        assert_eq!(
            spoken.words("At nine o'clock. Or").unwrap(),
            ["At nine o'clock."]
        );
        spoken
            .audio(&[sound(600), pause(150), sound(500)].concat())
            .unwrap();
        assert_eq!(ends_ms(&spoken), [None], "what follows is not known");
        assert_eq!(spoken.sound(0, 0).len(), 840 * BYTES_PER_MS);
        assert_eq!(spoken.words(" at ten? Hm").unwrap(), ["Or at ten?"]);
        assert_eq!(ends_ms(&spoken), [None, None]);
        spoken.audio(&[pause(200), sound(100)].concat()).unwrap();
        assert_eq!(
            ends_ms(&spoken)[0],
            Some(1_350),
            "the pause from 1,250 to 1,450"
        );
        assert!(spoken.is_whole(0) && !spoken.is_whole(1));
        spoken.audio(&sound(700)).unwrap();
        assert_eq!(spoken.words_ended().unwrap(), ["Hm"]);
        spoken.audio_ended();
        let all = 600 + 150 + 500 + 200 + 100 + 700;
        let ends = ends_ms(&spoken);
        assert_eq!(ends[2], Some(all));
        let pieces: Vec<u8> = (0..3).flat_map(|at| spoken.sound(at, 0).to_vec()).collect();
        assert_eq!(pieces, spoken.audio, "each sample once, in order");
    }

    #[test]
    fn the_last_clause_is_given_as_it_comes() {
        let mut spoken = Spoken::new(100.0);
        spoken.words("Yes.").unwrap();
        spoken.words_ended().unwrap();
        spoken.audio(&sound(900)).unwrap();
        assert_eq!(spoken.sound(0, 0).len(), 900 * BYTES_PER_MS);
        assert_eq!(
            spoken.sound(0, 800 * BYTES_PER_MS).len(),
            100 * BYTES_PER_MS
        );
        assert!(!spoken.is_whole(0));
        spoken.audio_ended();
        assert!(spoken.is_whole(0) && !spoken.is_silent(0));
        assert!(spoken.sound(0, 900 * BYTES_PER_MS).is_empty());
        assert_eq!(spoken.find("Yes."), Some((0, false)));
        assert_eq!(spoken.find("Yes."), Some((0, true)));
        assert_eq!(spoken.find("No."), None);
    }

    #[test]
    fn words_without_sound_are_silent_and_without_a_pause_shares_are_by_letters() {
        let mut spoken = Spoken::new(100.0);
        spoken.words("We are open. From nine. ").unwrap();
        spoken.words_ended().unwrap();
        spoken.audio_ended();
        assert!(spoken.is_silent(0) && spoken.is_silent(1));
        let mut spoken = Spoken::new(100.0);
        spoken.words("Abcdefghij. Abcdefghij. ").unwrap();
        spoken.audio(&sound(3_000)).unwrap();
        spoken.words_ended().unwrap();
        spoken.audio_ended();
        assert_eq!(ends_ms(&spoken)[1], Some(3_000));
        assert!(
            spoken
                .pace()
                .is_some_and(|pace| (136.0..137.0).contains(&pace))
        );
    }

    #[test]
    fn nothing_goes_on_for_ever() {
        let mut spoken = Spoken::new(75.0);
        assert_eq!(spoken.audio(&vec![0; AUDIO_BYTES_MAX]), Ok(()));
        assert_eq!(spoken.audio(&[0]), Err(Endless));
        let words = "Ja. Nein. ".repeat(CLAUSES_MAX);
        assert_eq!(spoken.words(&words), Err(Endless));
    }
}
