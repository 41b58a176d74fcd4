//! Heard tones and silences, moment by moment.

use super::*;
use crate::tone::sine;
use trunkline_media::g711::mulaw_encode;

const MANNERS: Manners = Manners {
    first_interim_ms: 330,
    next_interim_ms: 300,
    whole_ms: Some(40),
    end_ms: Some(200),
    long_ms: Some(1_000),
};

fn told(parts: &[(f64, f64, usize)]) -> Vec<(u64, Heard, String)> {
    let linear = told_in(false, parts);
    assert_eq!(told_in(true, parts), linear);
    linear
}

fn told_in(is_mulaw: bool, parts: &[(f64, f64, usize)]) -> Vec<(u64, Heard, String)> {
    let rate_hz = 8_000;
    let mut ears = Ears::new(MANNERS, Format { is_mulaw, rate_hz }, 1);
    let mut told = Vec::new();
    for &(hz, amplitude, ms) in parts {
        let samples = sine(hz, rate_hz, ms * 8, amplitude).into_iter();
        let bytes: Vec<u8> = if is_mulaw {
            samples.map(mulaw_encode).collect()
        } else {
            samples.flat_map(i16::to_le_bytes).collect()
        };
        // Not whole blocks.
        for piece in bytes.chunks(150) {
            ears.hear(0, piece, |ears, heard| {
                let all = heard != Heard::Growing && heard != Heard::Started;
                told.push((ears.heard_ms(), heard, ears.words(all).words.join(" ")));
            });
        }
    }
    told
}

#[test]
fn a_code_is_voice_where_its_sample_is() {
    let format = Format {
        is_mulaw: true,
        rate_hz: 8_000,
    };
    let ears = Ears::new(MANNERS, format, 1);
    for code in 0..=u8::MAX {
        let is_voice = mulaw_decode(code).unsigned_abs() > VOICE_PEAK;
        assert_eq!(ears.is_voice(&[0xFF, code]), is_voice, "{code}");
    }
}

#[test]
fn a_turn_is_told_at_the_right_moments_with_its_code() {
    let hz = Marker::Words {
        code: 4,
        is_half: false,
    }
    .hz();
    let told = told(&[(hz, 50.0, 400), (200.0, 9_000.0, 700), (0.0, 0.0, 1_400)]);
    let moments: Vec<(u64, Heard)> = told
        .iter()
        .map(|(at, heard, _)| (*at, heard.clone()))
        .collect();
    assert_eq!(
        moments,
        [
            (430, Heard::Started),
            (730, Heard::Growing),
            (1_030, Heard::Growing),
            (1_140, Heard::Whole),
            (1_300, Heard::Ended),
            (2_100, Heard::LongSilence),
        ]
    );
    assert_eq!(told[4].2, "Good morning, reference 1000104.");
    assert_eq!(
        told[3].2, told[4].2,
        "an answer may be drafted on the words before their final"
    );
}

#[test]
fn a_hesitating_turn_has_two_codes_and_an_unfinished_half() {
    let half = Marker::Words {
        code: 4,
        is_half: true,
    }
    .hz();
    let rest = Marker::Words {
        code: 5,
        is_half: false,
    }
    .hz();
    let told = told(&[
        (half, 50.0, 400),
        (200.0, 9_000.0, 600),
        (rest, 50.0, 160),
        (200.0, 9_000.0, 600),
        (0.0, 0.0, 400),
    ]);
    let wholes: Vec<&str> = told
        .iter()
        .filter(|(_, heard, _)| *heard == Heard::Whole)
        .map(|(_, _, text)| text.as_str())
        .collect();
    assert_eq!(
        wholes,
        [
            "Good morning, reference 1000104 and",
            "Good morning, could we please reference 1000205."
        ]
    );
}

#[test]
fn a_yes_is_written_as_one() {
    let told = told(&[
        (Marker::Consent.hz(), 50.0, 400),
        (200.0, 9_000.0, 600),
        (0.0, 0.0, 400),
    ]);
    assert!(
        told.iter()
            .any(|(_, heard, text)| *heard == Heard::Ended && text == "Yes, that is fine.")
    );
}

#[test]
fn a_sound_has_no_words_and_a_sign_of_listening_has_its_own() {
    for (marker, words) in [(Marker::Sound, ""), (Marker::Backchannel, "Mm-hm.")] {
        let told = told(&[
            (marker.hz(), 50.0, 300),
            (200.0, 9_000.0, 400),
            (0.0, 0.0, 400),
        ]);
        assert!(told.iter().all(|(_, _, text)| text == words));
        assert!(told.iter().any(|(_, heard, _)| *heard == Heard::Ended));
    }
}

#[test]
fn a_moment_of_voice_is_no_word() {
    let quiet = (0.0, 0.0, 400);
    for (ms, has_words) in [(110, false), (120, true)] {
        let told = told(&[quiet, (200.0, 9_000.0, ms), quiet]);
        let ended = told.iter().find(|(_, heard, _)| *heard == Heard::Ended);
        assert_eq!(ended.map(|(_, _, text)| !text.is_empty()), Some(has_words));
    }
}
