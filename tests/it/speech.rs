//! The embedded recogniser and voice with their real models: without them these tests fail, they are never skipped.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::stack::speech;
use trunkline::models::ModelSet;
use trunkline::speech::{
    Hear, LINE_RATE, Speech, SpeechError, SpeechSettings, VadState, VoiceSettings, WINDOW_SAMPLES,
    recording,
};
use trunkline_core::call::TurnSettings;
use trunkline_core::call::endpoint::{Said, silence_ms};
use trunkline_media::g711::mulaw_decode;

const PATIENT: Duration = Duration::from_secs(60);

fn load(set: ModelSet) -> Speech {
    let models = crate::stack::models(set);
    let settings = SpeechSettings {
        better_ears: set == ModelSet::Base,
        workers: Some(1),
        ..SpeechSettings::default()
    };
    Speech::load(&models, &settings).unwrap()
}

fn decoded(bytes: &[u8]) -> Vec<i16> {
    bytes.iter().map(|byte| mulaw_decode(*byte)).collect()
}

async fn said(speech: &Speech, text: &str) -> Vec<i16> {
    let spoken = speech
        .say(text, &VoiceSettings::default(), PATIENT)
        .await
        .unwrap();
    decoded(&spoken.audio)
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new("fixtures/speech").join(name)).unwrap()
}

fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .replace('-', " ")
        .split_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}

/// Words to be changed, added or left out to make one of the other.
fn word_errors(said: &[String], heard: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, word) in said.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in heard.iter().enumerate() {
            let kept = diagonal + usize::from(word != other);
            diagonal = row[j + 1];
            row[j + 1] = kept.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[heard.len()]
}

const SENTENCES: [&str; 10] = [
    "Thank you for calling, how can I help you today?",
    "I can offer you Tuesday morning or Thursday afternoon.",
    "May I have your telephone number, please?",
    "Our opening hours are from nine to five, Monday to Friday.",
    "I am sorry, I did not understand that.",
    "Would you like me to repeat the address?",
    "The doctor is on holiday until the end of the month.",
    "Your appointment has been moved to the third of December.",
    "You can stop this call at any time by pressing nine.",
    "Please hold the line while I connect you to a colleague.",
];

#[test]
fn words_are_counted_right() {
    for (said, heard, errors) in [
        ("a b c", "A, b c.", 0),
        ("a b c", "a c", 1),
        ("a b c", "a x c d", 2),
        ("a b", "", 2),
        ("", "a", 1),
    ] {
        assert_eq!(
            word_errors(&words(said), &words(heard)),
            errors,
            "{said} / {heard}"
        );
    }
}

#[tokio::test]
async fn what_the_voice_says_over_a_telephone_line_is_heard() {
    let speech = speech();
    let (mut errors, mut count) = (0, 0);
    for sentence in SENTENCES {
        let audio = said(&speech, sentence).await;
        let heard = speech.hear(audio, Hear::Final, PATIENT).await.unwrap();
        assert!(heard.confidence > 0.5 && heard.tokens > 3, "{heard:?}");
        errors += word_errors(&words(sentence), &words(&heard.text));
        count += words(sentence).len();
    }
    let rate = errors as f64 / count as f64;
    assert!(rate < 0.15, "{errors} of {count} words wrong");
}

#[tokio::test]
async fn the_better_ears_hear_too() {
    let speech = load(ModelSet::Base);
    let audio = decoded(&fixture("long.ulaw"));
    let heard = speech.hear(audio, Hear::Final, PATIENT).await.unwrap();
    let expected = words("I can offer you Tuesday at half past ten, or Thursday in the afternoon.");
    assert!(
        word_errors(&expected, &words(&heard.text)) <= 2,
        "{}",
        heard.text
    );
}

#[tokio::test]
async fn silence_noise_and_key_tones_have_no_words() {
    let speech = speech();
    let key = |low: f32, high: f32| -> Vec<i16> {
        (0..LINE_RATE)
            .map(|n| {
                let t = n as f32 / LINE_RATE as f32 * std::f32::consts::TAU;
                (((t * low).sin() + (t * high).sin()) * 6_000.0) as i16
            })
            .collect()
    };
    let mut seed = 1_u32;
    let noise = (0..2 * LINE_RATE)
        .map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((seed >> 20) as i16) - 2_048
        })
        .collect();
    for (name, audio) in [
        ("nothing", vec![]),
        ("silence", vec![0; 2 * LINE_RATE]),
        ("key 5", key(770.0, 1_336.0)),
        ("key #", key(941.0, 1_477.0)),
        ("noise", noise),
    ] {
        let heard = speech.hear(audio, Hear::Final, PATIENT).await.unwrap();
        assert_eq!(heard.text, "", "{name}");
        assert_eq!(heard.tokens, 0);
    }
}

/// Nearly: the silence in front of a turn is stood for by fewer positions than the reference has, and scores in the middle
/// move by up to this much (`fixtures/speech/README.md`).
const SCORE_MOVES_MAX: f64 = 0.2;

#[tokio::test]
async fn the_end_of_a_turn_scores_nearly_as_in_the_reference() {
    let speech = speech();
    let reference: serde_json::Value = serde_json::from_slice(&fixture("smart_turn.json")).unwrap();
    for case in reference["cases"].as_array().unwrap() {
        let audio = decoded(&fixture(case["file"].as_str().unwrap()));
        let score = speech.turn_complete(audio, PATIENT).await.unwrap();
        let expected = case["probability"].as_f64().unwrap();
        assert!(
            (f64::from(score) - expected).abs() < SCORE_MOVES_MAX,
            "{case}: {score}"
        );
    }
}

/// What is sure stays sure: whole sentences of the telephone's recordings, and the same cut where nobody stops.
#[tokio::test]
async fn what_is_sure_of_a_turns_end_is_as_sure_at_a_quarter_of_the_cost() {
    let speech = speech();
    for (file, part, least, most) in [
        ("caller/1.wav", 1.0, 0.9, 1.0),
        ("caller/1.wav", 0.62, 0.0, 0.2),
        ("caller/2.wav", 0.62, 0.0, 0.2),
        ("caller/4.wav", 1.0, 0.9, 1.0),
        ("caller/6.wav", 1.0, 0.8, 1.0),
        ("caller/refused-2.wav", 0.62, 0.0, 0.2),
        ("recorded/cards-1.wav", 1.0, 0.9, 1.0),
        ("recorded/novel-1.wav", 1.0, 0.9, 1.0),
        ("recorded/novel-1.wav", 0.62, 0.0, 0.2),
        ("recorded/novel-4.wav", 0.62, 0.0, 0.2),
    ] {
        let path = Path::new("fixtures/speech").join(file);
        let mut audio = recording::read_wav(&path, 0).unwrap();
        audio.truncate((audio.len() as f64 * part) as usize);
        audio.extend(vec![0; LINE_RATE / 5]);
        let score = speech.turn_complete(audio, PATIENT).await.unwrap();
        assert!((least..=most).contains(&score), "{file} {part}: {score}");
    }
}

#[tokio::test]
async fn lines_judged_together_are_judged_as_each_alone() {
    let speech = speech();
    let audio = decoded(&fixture("long.ulaw"));
    let parts: Vec<Vec<i16>> = (1..6)
        .map(|n| audio[n * 1_000..n * 5_000].to_vec())
        .collect();
    let together = parts.iter().map(|part| {
        speech.voice_activity(VadState::default(), part.clone(), Duration::from_millis(50))
    });
    let together = futures_util::future::join_all(together).await;
    for (part, of_part) in parts.into_iter().zip(together) {
        let alone = speech.voice_activity(VadState::default(), part, Duration::ZERO);
        let (alone, of_part) = (alone.await.unwrap().1, of_part.unwrap().1);
        assert_eq!(alone.len(), of_part.len());
        for (one, other) in alone.iter().zip(&of_part) {
            assert!((one - other).abs() < 1e-3, "{one} {other}");
        }
    }
}

/// Groups of digits sound finished, so what is heard must say whether a number is whole.
#[tokio::test]
async fn a_whole_number_ends_a_turn_and_a_part_of_it_does_not() {
    let speech = speech();
    let settings = TurnSettings::default();
    // The pause of the recording, and its end, in milliseconds.
    for (file, end_ms, expected_ms) in [
        ("caller/5.wav", 2_720, settings.dictation_ms),
        ("caller/5.wav", 4_280, settings.complete_ms),
    ] {
        let path = Path::new("fixtures/speech").join(file);
        let mut audio = recording::read_wav(&path, 0).unwrap();
        audio.truncate(end_ms * LINE_RATE / 1_000);
        audio.extend(vec![0; LINE_RATE / 5]);
        let heard = speech.hear(audio.clone(), Hear::Final, PATIENT);
        let text = heard.await.unwrap().text;
        let score = speech.turn_complete(audio, PATIENT).await.unwrap();
        let said = Said {
            text: &text,
            score: Some(score),
            ..Said::default()
        };
        let silence_ms = silence_ms(&said, &settings);
        assert_eq!(silence_ms, expected_ms, "{text} {score}");
    }
}

#[tokio::test]
async fn voice_activity_goes_on_from_a_value_wherever_the_windows_are_cut() {
    let speech = speech();
    let mut audio = vec![0; 20 * WINDOW_SAMPLES];
    audio.extend(decoded(&fixture("long.ulaw")));
    let (_, whole) = speech
        .voice_activity(VadState::default(), audio.clone(), PATIENT)
        .await
        .unwrap();
    assert!(
        whole[5..20].iter().all(|probability| *probability < 0.2),
        "{whole:?}"
    );
    let voiced = whole[20..]
        .iter()
        .filter(|probability| **probability > 0.5)
        .count();
    assert!(
        voiced * 10 > (whole.len() - 20) * 7,
        "{voiced} of {}",
        whole.len()
    );

    let mut state = VadState::default();
    let mut parts = Vec::new();
    for part in audio.chunks(3 * WINDOW_SAMPLES) {
        let (next, probabilities) = speech
            .voice_activity(state, part.to_vec(), PATIENT)
            .await
            .unwrap();
        state = next;
        parts.extend(probabilities);
    }
    assert_eq!(whole, parts);
}

#[tokio::test]
async fn a_text_is_made_once_for_everyone() {
    let speech = speech();
    let voice = VoiceSettings::default();
    let text = "This call may be recorded.";
    let (one, other) = tokio::join!(
        speech.say(text, &voice, PATIENT),
        speech.say(text, &voice, PATIENT)
    );
    let (one, other) = (one.unwrap(), other.unwrap());
    assert!(Arc::ptr_eq(&one.audio, &other.audio));
    let again = speech
        .say("This call **may** be recorded.", &voice, PATIENT)
        .await
        .unwrap();
    assert!(again.from_cache && Arc::ptr_eq(&one.audio, &again.audio));
    speech.pin(text, &voice, PATIENT).await.unwrap();

    let faster = VoiceSettings { speed: 1.5 };
    let faster = speech.say(text, &faster, PATIENT).await.unwrap();
    assert!(!faster.from_cache);
    assert!((faster.audio.len() as f32) < one.audio.len() as f32 * 0.85);
}

#[tokio::test]
async fn what_cannot_be_said_or_heard_is_refused() {
    let speech = speech();
    let voice = VoiceSettings::default();
    for text in ["", "  \n", "***", "\u{1f600}"] {
        let refused = speech.say(text, &voice, PATIENT).await;
        assert!(
            matches!(refused, Err(SpeechError::NothingToSay)),
            "{text:?}"
        );
    }
    let refused = speech.say(&"a ".repeat(3_000), &voice, PATIENT).await;
    assert!(matches!(refused, Err(SpeechError::TooLong { .. })));
    let refused = speech
        .hear(vec![0; 121 * LINE_RATE], Hear::Final, PATIENT)
        .await;
    assert!(matches!(refused, Err(SpeechError::TooLong { .. })));
}

#[tokio::test]
async fn another_voice_speaks_and_is_heard() {
    let speech = speech();
    let text = "I would like to book an appointment for next week.";
    let (samples, rate) = speech
        .espeak()
        .speak(text, "en-us+f3", 0.9, PATIENT)
        .await
        .unwrap();
    assert_eq!(rate, 22_050);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), wav(&samples, rate)).unwrap();
    let audio = recording::read_wav(file.path(), 0).unwrap();
    let heard = speech.hear(audio, Hear::Final, PATIENT).await.unwrap();
    assert!(
        word_errors(&words(text), &words(&heard.text)) <= 4,
        "{}",
        heard.text
    );
}

#[tokio::test]
async fn a_recording_is_transcribed_with_its_times() {
    let speech = speech();
    let mut audio = vec![0; LINE_RATE];
    audio.extend(decoded(&fixture("complete.ulaw")));
    audio.resize(5 * LINE_RATE, 0);
    audio.extend(decoded(&fixture("long.ulaw")));
    let segments = speech.transcribe(&audio).await.unwrap();
    let [first, second] = &segments[..] else {
        panic!("{segments:?}");
    };
    assert!(first.start_ms.abs_diff(900) < 200, "{segments:?}");
    assert!(second.start_ms.abs_diff(4_900) < 200, "{segments:?}");
    assert!(first.end_ms < second.start_ms && second.end_ms <= audio.len() * 1_000 / LINE_RATE);
    assert_eq!(words(&first.text), words("How can I help you today"));
}

/// 16-bit mono.
fn wav(samples: &[i16], rate: u32) -> Vec<u8> {
    let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    file.extend(rate.to_le_bytes());
    file.extend([0, 0, 0, 0, 2, 0, 16, 0]);
    file.extend(b"data\xff\xff\xff\x7f");
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    file
}
