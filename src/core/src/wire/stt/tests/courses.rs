//! Courses of events as the providers tell them, from the fixtures.

use super::*;

const COURSES: &[(&str, &str, &[&str])] = &[
    (
        "deepgram",
        "deepgram/turn.jsonl",
        &[
            "ready",
            "speech 880",
            "partial 1300 \"Hello,\"",
            "partial 1900 \"Hello, I would\"",
            "final 2200 \"Hello, I would like\" 0.98 [Hello,@880-1200 I@1280-1360 would@1360-1600 like@1600-1840]",
            "partial 2700 \"a\"",
            "final 3160 \"a table.\" 0.98 [a@2300-2380 table.@2400-2800]",
            "ended 2800",
        ],
    ),
    (
        "deepgram",
        "deepgram/utterance_end.jsonl",
        &[
            "ready",
            "final 1000 \"\" 0.00 []",
            "speech 1200",
            "final 2000 \"Yes.\" 0.95 [Yes.@1300-1600]",
            "ended 1600",
            "final 3000 \"No.\" 0.90 [No.@2200-2500]",
            "ended 2500",
        ],
    ),
    (
        "deepgram",
        "deepgram/silence.jsonl",
        &[
            "ready",
            "final 3030 \"\" 0.00 []",
            "speech 3200",
            "final 3930 \"\" 0.00 []",
            "ended 3930",
        ],
    ),
    (
        "deepgram",
        "deepgram/finalize.jsonl",
        &[
            "ready",
            "partial 1300 \"Hello,\"",
            "final 1240 \"Hello,\" 0.98 [Hello,@880-1200] asked",
        ],
    ),
    (
        "flux",
        "deepgram/flux_turn.jsonl",
        &[
            "ready",
            "speech 500",
            "partial 900 \"Hello\"",
            "partial 1200 \"Hello there,\"",
            "partial 1600 \"Hello there,\"",
            "may end 1100",
            "resumed",
            "partial 1900 \"Hello there, a\"",
            "partial 2800 \"Hello there, a table please.\"",
            "may end 2500",
            "final 3000 \"Hello there, a table please.\" 0.98 [Hello@500-800 there,@880-1100 a@1700-1760 table@1800-2100 please.@2100-2500]",
            "ended 2500",
        ],
    ),
    (
        "flux",
        "deepgram/flux_turn_without_times.jsonl",
        &[
            "ready",
            "speech 400",
            "partial 900 \"Hello\"",
            "final 1900 \"Hello there.\" 0.80 []",
            "ended 1900",
            "speech 1900",
            "partial 2600 \"Yes\"",
            "final 2800 \"Yes.\" 0.80 [] asked",
            "ended 2800",
        ],
    ),
    (
        "flux",
        "deepgram/flux_error.jsonl",
        &[
            "ready",
            "trouble request: ConfigureFailure",
            "trouble server: INTERNAL_SERVER_ERROR over",
        ],
    ),
    (
        "assemblyai",
        "assemblyai/turn.jsonl",
        &[
            "ready",
            "speech 440",
            "partial 800 \"hello\"",
            "partial 1120 \"hello there\"",
            "partial 1120 \"hello there\"",
            "may end 1120",
            "resumed",
            "partial 2200 \"hello there again\"",
            "final 2200 \"hello there again\" 0.80 [hello@480-800 there@880-1120 again@1900-2200]",
            "ended 2200",
            "speech 3000",
            "partial 3300 \"yes\"",
        ],
    ),
    (
        "assemblyai",
        "assemblyai/formatted_at_once.jsonl",
        &[
            "ready",
            "speech 480",
            "final 1120 \"Hello there.\" 0.85 [Hello@480-800 there.@880-1120]",
            "ended 1120",
            "final 1120 \"\" 1.00 []",
            "ended 1120",
        ],
    ),
    (
        "assemblyai",
        "assemblyai/termination.jsonl",
        &["ready", "trouble server: Termination over"],
    ),
    (
        "assemblyai",
        "assemblyai/error.jsonl",
        &["ready", "trouble server: 3008 over"],
    ),
];

#[test]
fn every_course_is_told_as_it_went() {
    for (codec, file, expected) in COURSES {
        let mut codec = sending(codec);
        let events: Vec<String> = fixture(file)
            .iter()
            .flat_map(|line| receive(&mut *codec, line))
            .map(|event| told(&event))
            .collect();
        assert_eq!(events, *expected, "{file}");
    }
}

/// Which codec reads a fixture, and the fixture; all there are.
pub(super) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    COURSES.iter().map(|(codec, file, _)| (*codec, *file))
}

#[test]
fn an_utterance_end_of_an_earlier_turn_does_not_end_the_next() {
    let mut codec = sending("deepgram");
    let result = |start: f64, end: f64| {
        format!(
            r#"{{"type":"Results","start":{start},"duration":1,"is_final":true,"channel":{{"alternatives":[{{"transcript":"yes","words":[{{"word":"yes","start":{start},"end":{end}}}]}}]}}}}"#
        )
    };
    receive(&mut *codec, &result(1.0, 1.4));
    let ended = r#"{"type":"UtteranceEnd","last_word_end":1.4}"#;
    assert_eq!(receive(&mut *codec, ended).len(), 1);
    receive(&mut *codec, &result(3.0, 3.4));
    assert!(receive(&mut *codec, ended).is_empty());
    let ended = r#"{"type":"UtteranceEnd","last_word_end":"3.4"}"#;
    assert_eq!(told(&receive(&mut *codec, ended)[0]), "ended 3400");
}

#[test]
fn deepgram_is_ready_as_soon_as_the_socket_is_open_and_says_so_once() {
    let mut codec = sending("deepgram");
    let mut out = Vec::new();
    codec.opened(&mut out);
    codec.opened(&mut out);
    out.extend(receive(&mut *codec, &fixture("deepgram/turn.jsonl")[0]));
    let told: Vec<String> = out.iter().map(told).collect();
    assert_eq!(told, ["ready", "speech 880"]);
}

#[test]
fn after_a_goodbye_a_termination_is_no_trouble() {
    let mut codec = sending("assemblyai");
    codec.close(&mut Vec::new());
    let events: Vec<_> = fixture("assemblyai/termination.jsonl")
        .iter()
        .flat_map(|line| receive(&mut *codec, line))
        .collect();
    assert!(matches!(*events, [SttEvent::Ready]));
}
