//! A language of tones: text becomes audio of which every letter can be read back, so that a recording proves which
//! words were played and a stand-in for a recogniser hears exactly what was said.
//!
//! Each letter lasts 60 ms and is one level, up or down. The last letter of a word ends in 40 ms of silence. Text of
//! a given length is always equally long, as the call assumes of speech.

use trunkline_core::times::SpokenWord;
use trunkline_media::g711::{mulaw_decode, mulaw_encode};

/// Samples of a letter: 60 ms.
pub(crate) const LETTER: usize = 480;
/// Silence at the end of a word: 40 ms.
const GAP: usize = 320;
/// mu-law of silence.
pub(crate) const SILENCE: u8 = 0xff;
/// The loudest come first: common letters are well above any noise.
const LETTERS: &str =
    "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ.,?!':;-()&/\"+*äöüßÄÖÜ";
/// A level that is no letter.
const NOISE: u8 = 0xdf;

/// How the text sounds: mu-law, 8 kHz.
pub(crate) fn voiced(text: &str) -> Vec<u8> {
    let mut audio = Vec::new();
    for word in text.split_whitespace() {
        let begin = audio.len();
        for letter in word.chars() {
            let place = LETTERS
                .chars()
                .position(|l| l == letter)
                .unwrap_or_else(|| panic!("{letter:?} of {text:?} is no letter of this language"));
            square(0x80 + place as u8, LETTER, &mut audio);
        }
        let end = audio.len();
        audio[end - GAP..].fill(SILENCE);
        // Words sound alike wherever they stand, and unlike each other.
        let seed = word
            .bytes()
            .fold(7, |seed, byte| seed * 31 % 65_521 + u32::from(byte));
        let sound = timbre(audio.split_off(begin), seed);
        audio.extend(sound);
    }
    audio
}

/// The same by another voice: as loud at every moment, and otherwise unlike. Without it, whoever calls would sound like an
/// echo of the agent.
pub(crate) fn by_another(audio: Vec<u8>) -> Vec<u8> {
    timbre(audio, 1)
}

/// Turns samples upside down at random, but always the same ones. A tone that repeats itself would agree with its echo at
/// any delay.
fn timbre(mut audio: Vec<u8>, seed: u32) -> Vec<u8> {
    let mut random = seed;
    for byte in &mut audio {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // The sign of a sample.
        *byte ^= (random >> 24) as u8 & 0x80;
    }
    audio
}

/// The same with words that are drawn out, each otherwise than the one before it, and with pauses after marks; and when
/// each is said. A letter takes one, two or three times as long, so only a voice's own times tell which words were
/// played.
pub(crate) fn drawled(text: &str) -> (Vec<u8>, Vec<SpokenWord>) {
    let (mut audio, mut words) = (Vec::new(), Vec::new());
    for (at, word) in text.split_whitespace().enumerate() {
        let from = audio.len();
        for sound in voiced(word).chunks(LETTER - GAP) {
            let is_silent = sound[0] | 0x80 == SILENCE;
            for _ in 0..if is_silent { 1 } else { [1, 3, 1, 2][at % 4] } {
                audio.extend_from_slice(sound);
            }
        }
        let ms = |samples: usize| u32::try_from(samples / 8).unwrap();
        words.push(SpokenWord {
            text: word.to_owned(),
            from_ms: ms(from),
            to_ms: ms(audio.len()),
        });
        if word.ends_with([',', '.', '?']) {
            audio.extend_from_slice(&[SILENCE; 2 * LETTER]);
        }
    }
    (audio, words)
}

/// A cough: as loud as a word, and none.
pub(crate) fn cough(ms: usize) -> Vec<u8> {
    let mut audio = Vec::new();
    square(NOISE, ms * 8, &mut audio);
    by_another(audio)
}

fn square(level: u8, samples: usize, audio: &mut Vec<u8>) {
    audio.extend((0..samples).map(|at| if at % 2 == 0 { level } else { level & 0x7f }));
}

/// The words in a recording. A letter of which only a part was played counts as a letter.
pub(crate) fn words(samples: &[i16]) -> String {
    let (mut words, mut word): (Vec<String>, String) = Default::default();
    for run in samples.chunk_by(|a, b| letter(*a) == letter(*b)) {
        match letter(run[0]) {
            Some(Some(letter)) => {
                word.extend(std::iter::repeat_n(letter, run.len().div_ceil(LETTER)))
            }
            // Noise is no letter, and a moment of silence is no end of a word.
            Some(None) => {}
            None if run.len() < GAP / 2 => {}
            None => words.extend(Some(std::mem::take(&mut word)).filter(|w| !w.is_empty())),
        }
    }
    words.extend(Some(word).filter(|w| !w.is_empty()));
    words.join(" ")
}

/// `None` for silence, `Some(None)` for noise.
fn letter(sample: i16) -> Option<Option<char>> {
    let loud = i16::try_from(sample.unsigned_abs()).unwrap_or(i16::MAX);
    (loud >= 200).then(|| LETTERS.chars().nth(usize::from(mulaw_encode(loud) - 0x80)))
}

/// Whether samples hold a voice.
pub(crate) fn is_voice(samples: &[i16]) -> bool {
    let loud = samples.iter().filter(|s| s.unsigned_abs() >= 200).count();
    loud * 2 > samples.len()
}

/// mu-law as samples.
pub(crate) fn samples(mulaw: &[u8]) -> Vec<i16> {
    mulaw.iter().map(|byte| mulaw_decode(*byte)).collect()
}

#[test]
fn what_is_voiced_reads_back() {
    let german = "Möchten Sie das nicht, drücken Sie 8. Äußern Öl Übel";
    assert_eq!(words(&samples(&voiced(german))), german);
    let text = "Hello, see you on Monday at 8:15 all right?";
    assert_eq!(words(&samples(&voiced(text))), text);
    let letters = text.chars().filter(|c| !c.is_whitespace()).count();
    assert_eq!(voiced(text).len(), letters * LETTER);
    assert_eq!(words(&samples(&cough(300))), "");
    assert!(is_voice(&samples(&cough(300))) && !is_voice(&samples(&[SILENCE; 256])));
}
