//! The measures themselves: callers against a server whose every delay is known, in a time of their own.

mod noises;

use super::*;
use crate::speech::{Noise, Speech};
use crate::tally::Spread;
use crate::tone::{closing, code_hz, sine};
use trunkline_media::g711::{mulaw_decode, mulaw_encode};

const VOICE: u16 = 600;

/// What the scripted server does with the words it heard.
#[derive(Clone, Copy, PartialEq)]
enum Answers {
    Right,
    ToTheTurnBefore,
    WithoutACode,
    Never,
}

/// What it does with a sound that is no turn.
#[derive(Clone, Copy, PartialEq)]
enum OnNoise {
    /// Speaks on.
    Nothing,
    /// Falls silent, and goes on when it is over.
    Resume,
    /// Falls silent for good.
    Drop,
    /// Falls silent and answers it.
    Answer,
}

#[derive(Clone, Copy)]
struct Server {
    answers: Answers,
    /// From the last voiced frame to the answer's first.
    latency_ms: u64,
    /// Silence after which it takes a turn for over.
    endpoint_ms: u64,
    /// The queue runs dry for so long in the middle of each answer.
    gap_ms: u64,
    /// Whether it clears when interrupted, and then still sends so many frames.
    clears: bool,
    stale_frames: u64,
    /// Sends `clear` so long after the start of each answer.
    cuts_after_ms: Option<u64>,
    greets: bool,
    /// Whether it hears the code in a pause as well as before the words.
    hears_pauses: bool,
    on_noise: OnNoise,
}

const PUNCTUAL: Server = Server {
    answers: Answers::Right,
    latency_ms: 400,
    endpoint_ms: 200,
    gap_ms: 0,
    clears: true,
    stale_frames: 0,
    cuts_after_ms: None,
    greets: true,
    hears_pauses: true,
    on_noise: OnNoise::Nothing,
};

const ANSWER_FRAMES: u64 = 100;

#[derive(Default)]
struct State {
    recent: Vec<i16>,
    voiced: u32,
    is_speech: bool,
    last_voice: u64,
    code: Option<u8>,
    before: Option<u8>,
    /// When the next frame goes out, how many are left, and in which tone.
    due: u64,
    left: u64,
    tone: Option<u8>,
    /// What it hears is no turn.
    is_noise: bool,
    /// Frames of an answer that was halted.
    kept: u64,
}

/// How many frames at its end close an answer.
const CLOSING_FRAMES: u64 = 5;

/// Runs one call for `minutes` against the server, in steps of a millisecond.
fn rehearse(server: Server, minutes: u64, change: impl FnOnce(&mut Script)) -> Tally {
    let mut script = Script::usual(Speech::bundled().unwrap());
    script.hesitate = 0.0;
    script.barge_every = 0;
    script.window_to = ms(minutes * 60_000);
    change(&mut script);
    let mut caller = Caller::new(Rc::new(script), 0, 1, 0);
    let mut state = State {
        left: if server.greets { 50 } else { 0 },
        due: 300,
        ..State::default()
    };
    for now in 0..(minutes + 1) * 60_000 {
        while state.left > 0 && now >= state.due {
            send(server, &mut state, &mut caller, now);
        }
        if now % 20 == 7 {
            match caller.say(ms(now), now / 20) {
                Said::Frame(frame) | Said::Key(_, frame) => {
                    let samples: Vec<i16> = frame.iter().map(|&c| mulaw_decode(c)).collect();
                    hear(server, &mut state, &samples, &mut caller, now);
                }
                Said::Goodbye => {
                    caller.hung_up(ms(now));
                    return caller.tally;
                }
            }
        }
    }
    panic!("the call did not end");
}

fn send(server: Server, state: &mut State, caller: &mut Caller, now: u64) {
    let tone = if state.left <= CLOSING_FRAMES {
        closing(state.tone, 8_000, 160, 8_000.0)
    } else {
        sine(code_hz(state.tone), 8_000, 160, 8_000.0)
    };
    let frame: Vec<u8> = tone.into_iter().map(mulaw_encode).collect();
    caller.heard(ms(now), &frame);
    state.left -= 1;
    state.due += 20;
    if state.left == ANSWER_FRAMES / 2 {
        state.due += server.gap_ms;
    }
    let played = (ANSWER_FRAMES - state.left.min(ANSWER_FRAMES)) * 20;
    if server.cuts_after_ms == Some(played) {
        caller.cleared(ms(now));
        state.left = 0;
    }
}

fn hear(server: Server, state: &mut State, samples: &[i16], caller: &mut Caller, now: u64) {
    if samples.iter().any(|s| s.unsigned_abs() > VOICE) {
        state.voiced += 1;
        state.last_voice = now;
        let silence = std::mem::take(&mut state.recent);
        if silence.len() > 960 && (server.hears_pauses || !state.is_speech) {
            let from = silence.len().saturating_sub(1_280);
            let marker = Marker::read(&silence[from..], 8_000);
            // What nothing is told of is its own voice.
            state.is_noise = matches!(marker, Some(Marker::Sound | Marker::Backchannel) | None);
            if !state.is_noise {
                state.before = state.code;
                state.code = match marker {
                    Some(Marker::Words { code, .. }) => Some(code),
                    Some(Marker::Consent | Marker::Sound | Marker::Backchannel) | None => None,
                };
            }
        }
        if state.voiced == 3 {
            state.is_speech = true;
            if state.is_noise {
                if state.left > 0 && server.on_noise != OnNoise::Nothing {
                    caller.cleared(ms(now));
                    state.kept = std::mem::take(&mut state.left);
                }
            } else if state.left > 0 && server.clears {
                caller.cleared(ms(now));
                state.left = server.stale_frames;
            }
        }
    } else {
        state.voiced = 0;
        state.recent.extend(samples);
        if state.is_speech && now >= state.last_voice + server.endpoint_ms {
            state.is_speech = false;
            if std::mem::take(&mut state.is_noise) {
                let kept = std::mem::take(&mut state.kept);
                (state.left, state.due) = match server.on_noise {
                    OnNoise::Nothing => return,
                    OnNoise::Drop => (0, now),
                    OnNoise::Resume => (kept, now),
                    OnNoise::Answer => (ANSWER_FRAMES, now),
                };
                if server.on_noise == OnNoise::Answer {
                    state.tone = None;
                }
                return;
            }
            state.tone = match server.answers {
                Answers::Right => state.code,
                Answers::ToTheTurnBefore => state.before,
                Answers::WithoutACode => None,
                Answers::Never => return,
            };
            state.left = ANSWER_FRAMES;
            state.due = state.last_voice + server.latency_ms;
        }
    }
}

fn ms_of(times: &[Micros]) -> (f64, f64) {
    let spread = Spread::of(times);
    (spread.p50, spread.max)
}

#[test]
fn an_answer_after_400_ms_is_measured_as_400_ms() {
    let tally = rehearse(PUNCTUAL, 5, |_| ());
    assert!(tally.turns > 40, "{}", tally.turns);
    assert_eq!(tally.verified, tally.turns);
    assert_eq!(ms_of(&tally.plain), (400.0, 400.0));
    assert_eq!(tally.silence_max.0, ms(400));
    assert_eq!(ms_of(&tally.greeting), (300.0, 300.0));
    assert_eq!(ms_of(&tally.answer_length), (2_000.0, 2_000.0));
    let faults = [
        tally.wrong,
        tally.unverified,
        tally.unanswered,
        tally.premature,
        tally.out_of_turn,
        tally.underruns,
        tally.unasked_clears,
        tally.stale_frames,
        tally.without_greeting,
        tally.barge_ins,
    ];
    assert_eq!(faults, [0; 10]);
}

#[test]
fn an_answer_to_the_turn_before_is_wrong_and_no_answer() {
    let tally = rehearse(
        Server {
            answers: Answers::ToTheTurnBefore,
            ..PUNCTUAL
        },
        5,
        |_| (),
    );
    // The first turn has none before it: its answer carries no code.
    assert_eq!((tally.unverified, tally.verified), (1, 0));
    assert_eq!(
        (tally.wrong, tally.unanswered),
        (tally.turns - 1, tally.turns - 1)
    );
    assert_eq!((tally.plain.len(), tally.wrong_to_half), (1, 0));
}

#[test]
fn an_answer_that_never_comes_is_silence() {
    let tally = rehearse(
        Server {
            answers: Answers::Never,
            ..PUNCTUAL
        },
        2,
        |_| (),
    );
    assert!(tally.turns > 5);
    assert_eq!((tally.unanswered, tally.answered()), (tally.turns, 0));
    assert!((ms(10_000)..=ms(10_040)).contains(&tally.silence_max.0));
}

#[test]
fn a_gap_of_40_ms_is_an_underrun_and_one_of_15_ms_is_not() {
    let tally = rehearse(
        Server {
            gap_ms: 40,
            ..PUNCTUAL
        },
        2,
        |_| (),
    );
    assert_eq!(
        (tally.underruns, tally.answers_with_underrun),
        (tally.answers, tally.answers)
    );
    assert!(tally.answers > 10);
    assert_eq!(ms_of(&tally.gaps), (40.0, 40.0));
    let tally = rehearse(
        Server {
            gap_ms: 15,
            ..PUNCTUAL
        },
        2,
        |_| (),
    );
    assert_eq!((tally.underruns, ms_of(&tally.gaps)), (0, (15.0, 15.0)));
}

#[test]
fn answers_without_a_code_count_as_unverified() {
    let tally = rehearse(
        Server {
            answers: Answers::WithoutACode,
            ..PUNCTUAL
        },
        2,
        |_| (),
    );
    assert_eq!((tally.unverified, tally.verified), (tally.turns, 0));
    assert_eq!(ms_of(&tally.plain), (400.0, 400.0));
}

#[test]
fn an_early_answer_is_premature() {
    let tally = rehearse(
        Server {
            latency_ms: 130,
            endpoint_ms: 100,
            ..PUNCTUAL
        },
        2,
        |_| (),
    );
    assert_eq!(
        (tally.premature, tally.plain.len() as u64),
        (tally.turns, tally.answered())
    );
    assert!(tally.turns > 10);
}

#[test]
fn interruptions_are_timed_to_the_clear() {
    let barge = |script: &mut Script| script.barge_every = 3;
    let tally = rehearse(PUNCTUAL, 5, barge);
    assert!(tally.barge_ins > 10, "{}", tally.barge_ins);
    assert_eq!(ms_of(&tally.barge_clear), (40.0, 40.0));
    assert_eq!((tally.barge_without_clear, tally.stale_frames), (0, 0));
    assert_eq!(
        (tally.wrong, tally.verified),
        (0, tally.turns),
        "what an interruption says is answered too"
    );
    let tally = rehearse(
        Server {
            stale_frames: 4,
            ..PUNCTUAL
        },
        5,
        barge,
    );
    assert_eq!(tally.stale_frames, 4 * tally.barge_ins);
    let tally = rehearse(
        Server {
            clears: false,
            ..PUNCTUAL
        },
        5,
        barge,
    );
    assert_eq!(
        (tally.barge_without_clear, tally.barge_clear.len()),
        (tally.barge_ins, 0)
    );
    assert_eq!(tally.barge_stop.len() as u64, tally.barge_ins);
}

#[test]
fn a_clear_that_nobody_asked_for_is_noticed() {
    let cuts = Server {
        cuts_after_ms: Some(1_000),
        ..PUNCTUAL
    };
    let tally = rehearse(cuts, 2, |_| ());
    assert!(tally.turns > 10);
    assert_eq!(
        (tally.unasked_clears, tally.verified),
        (tally.turns, tally.turns)
    );
}

#[test]
fn who_answers_within_a_pause_interjects() {
    let all = |script: &mut Script| script.hesitate = 1.0;
    let tally = rehearse(PUNCTUAL, 10, all);
    // 400 ms of latency: a pause of 250 ms is over before, the others are not. The answer to the first half goes on
    // into the second and is cut there; what answers the whole is right.
    assert_eq!(tally.interjected[0], 0);
    assert_eq!(
        (tally.interjected[1], tally.interjected[2]),
        (tally.pauses[1], tally.pauses[2])
    );
    assert!(
        tally.pauses.iter().all(|turns| *turns > 10),
        "{:?}",
        tally.pauses
    );
    assert_eq!(
        (tally.plain.len(), tally.hesitating.len() as u64),
        (0, tally.turns)
    );
    let patient = rehearse(
        Server {
            endpoint_ms: 800,
            latency_ms: 1_000,
            ..PUNCTUAL
        },
        10,
        all,
    );
    assert_eq!(patient.interjected, [0; 3]);
    assert_eq!(
        (patient.wrong, ms_of(&patient.hesitating)),
        (0, (1_000.0, 1_000.0))
    );
}

#[test]
fn the_answer_to_half_a_sentence_is_wrong() {
    // It hears the code before the pause only, as a server does that loses the second half.
    let deaf = Server {
        endpoint_ms: 800,
        latency_ms: 900,
        hears_pauses: false,
        ..PUNCTUAL
    };
    let tally = rehearse(deaf, 5, |script| script.hesitate = 1.0);
    assert_eq!(
        (tally.wrong, tally.wrong_to_half),
        (tally.turns, tally.turns)
    );
}

#[test]
fn consent_comes_first_and_counts_nowhere() {
    for consent in [Consent::Spoken, Consent::Key('1')] {
        let tally = rehearse(PUNCTUAL, 2, |script| script.consent = consent);
        assert_eq!(
            tally.consents,
            u64::from(consent == Consent::Spoken),
            "a key alone makes no speech here"
        );
        assert_eq!(tally.verified, tally.turns);
    }
}

#[test]
fn only_turns_of_the_window_count() {
    let tally = rehearse(PUNCTUAL, 3, |script| script.window_from = ms(120_000));
    let all = rehearse(PUNCTUAL, 3, |_| ());
    assert!(
        (all.turns / 4..all.turns / 2).contains(&tally.turns),
        "{} of {}",
        tally.turns,
        all.turns
    );
}

#[test]
fn a_call_without_a_greeting_goes_on() {
    let tally = rehearse(
        Server {
            greets: false,
            ..PUNCTUAL
        },
        1,
        |_| (),
    );
    assert_eq!((tally.without_greeting, tally.verified), (1, tally.turns));
}

#[test]
fn who_wants_to_hear_so_much_of_one_answer_hangs_up_then() {
    let short = |script: &mut Script| script.talk = Some(ms(1_000));
    let tally = rehearse(PUNCTUAL, 1, short);
    assert_eq!((tally.turns, tally.verified, tally.answers), (1, 1, 1));
    assert!(tally.answer_length.is_empty(), "it hung up in the middle");
    let silent = Server {
        answers: Answers::Never,
        ..PUNCTUAL
    };
    let tally = rehearse(silent, 1, short);
    assert_eq!((tally.turns, tally.unanswered), (1, 1));
}
