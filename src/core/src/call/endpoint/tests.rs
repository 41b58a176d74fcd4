use super::*;

const DIGITS: Expects = Expects::Digits { enough: 7 };
const WORDS: Expects = Expects::Words;
const OVER: Option<f32> = Some(TURN_OVER);

fn s() -> TurnSettings {
    TurnSettings::default()
}

fn said(text: &str, score: Option<f32>) -> Said<'_> {
    Said {
        text,
        score,
        ..Said::default()
    }
}

fn check(said: Said<'_>, expected_ms: u32) {
    assert_eq!(silence_ms(&said, &s()), expected_ms, "{said:?}");
}

#[test]
fn silence_follows_the_words_and_the_score() {
    let s = s();
    let table: [(&str, Option<f32>, Expects, u32); 55] = [
        ("My reference is 300401.", OVER, WORDS, 0),
        ("I need help with my", OVER, WORDS, s.incomplete_ms),
        ("It is 555-01.", OVER, DIGITS, s.dictation_ms),
        ("It is 555-0142.", OVER, DIGITS, s.number_ms),
        ("What is it", OVER, WORDS, 0),
        ("I need an appointment.", Some(0.97), WORDS, s.complete_ms),
        ("I need an appointment.", Some(0.60), WORDS, s.likely_ms),
        ("I need an appointment.", Some(0.30), WORDS, s.doubted_ms),
        ("I need an appointment.", Some(0.10), WORDS, s.incomplete_ms),
        ("I need an appointment", Some(0.60), WORDS, s.incomplete_ms),
        ("I need an appointment.", None, WORDS, s.unscored_ms),
        ("Yes.", Some(0.4), WORDS, s.unscored_ms),
        ("Yes.", Some(0.9), WORDS, s.complete_ms),
        (
            "I would like to come on Monday and",
            Some(0.9),
            WORDS,
            s.incomplete_ms,
        ),
        (
            "I would like to come on Monday and-",
            Some(0.9),
            WORDS,
            s.incomplete_ms,
        ),
        ("I am calling because.", Some(0.9), WORDS, s.incomplete_ms),
        // What a small recogniser made of sentences that were cut, and the turn model of their sound.
        ("I am calling about.", Some(0.845), WORDS, s.incomplete_ms),
        ("My number is.", Some(0.98), WORDS, s.incomplete_ms),
        (
            "I would like to know whether.",
            Some(0.72),
            WORDS,
            s.incomplete_ms,
        ),
        ("Um.", Some(0.67), WORDS, s.incomplete_ms),
        ("Um, let me see.", Some(0.9), WORDS, s.incomplete_ms),
        ("What is it for?", Some(0.9), WORDS, s.complete_ms),
        ("Well...", Some(0.9), WORDS, s.incomplete_ms),
        ("It's at three.", Some(0.9), WORDS, s.number_ms),
        ("It's at 3.", Some(0.2), WORDS, s.unscored_ms),
        ("At 10:30.", Some(0.98), WORDS, s.complete_ms),
        ("In 2024.", Some(0.985), WORDS, s.complete_ms),
        ("Room 304.", Some(0.97), WORDS, s.number_ms),
        // Groups before a pause score as high as the whole: the words must know better.
        (
            "My number is five five five",
            Some(0.99),
            WORDS,
            s.dictation_ms,
        ),
        ("My number is 555.", OVER, WORDS, s.dictation_ms),
        ("My number is 555-01.", Some(0.99), WORDS, s.dictation_ms),
        (
            "My reference is one zero zero.",
            Some(0.984),
            WORDS,
            s.dictation_ms,
        ),
        ("My reference is 1001.", Some(0.97), WORDS, s.number_ms),
        ("My reference is 10010.", Some(0.43), WORDS, s.dictation_ms),
        ("It's 7-3-2-1.", Some(0.94), WORDS, s.doubted_ms),
        // A number that is whole ends soon, unless the voice goes on.
        ("My reference is 100104.", Some(0.98), WORDS, s.complete_ms),
        ("My reference is 100104.", Some(0.42), WORDS, s.complete_ms),
        ("reference 100104", Some(0.9), WORDS, s.complete_ms),
        ("My reference is 100104.", Some(0.05), WORDS, s.number_ms),
        ("My reference is 100104.", None, WORDS, s.number_ms),
        ("My number is 5550142.", Some(0.956), WORDS, s.complete_ms),
        (
            "My reference is 100104 and",
            Some(0.98),
            WORDS,
            s.incomplete_ms,
        ),
        ("Seven.", Some(0.99), DIGITS, s.dictation_ms),
        ("It is 555-0142.", Some(0.99), DIGITS, s.number_ms),
        ("It is 555-0142.", Some(0.4), DIGITS, s.dictation_ms),
        ("It is 555-01.", Some(0.99), DIGITS, s.dictation_ms),
        ("I have no number.", Some(0.99), DIGITS, s.complete_ms),
        ("That's S, N, I", Some(0.9), WORDS, s.number_ms),
        ("My name is Smith, S M I", Some(0.9), WORDS, s.spelling_ms),
        ("Smith, S-M-I-T-H.", Some(0.3), WORDS, s.complete_ms),
        ("Write to john at gmail", OVER, WORDS, s.spelling_ms),
        (
            "Write to john at gmail dot com.",
            Some(0.758),
            WORDS,
            s.complete_ms,
        ),
        (
            "I live at twelve Baker Street.",
            Some(0.98),
            WORDS,
            s.number_ms,
        ),
        (
            "I live at two hundred and forty.",
            Some(0.98),
            WORDS,
            s.doubted_ms,
        ),
        ("", None, WORDS, s.unscored_ms),
    ];
    for (text, score, expects, ms) in table {
        let said = said(text, score);
        check(Said { expects, ..said }, ms);
    }
}

#[test]
fn a_number_told_in_groups_is_waited_for_in_its_rhythm() {
    let s = s();
    // A bar is the pause.
    let phone = "It is five five five |zero one two three.";
    for (text, score, expects, pause_ms, expected_ms) in [
        (phone, Some(0.97), WORDS, 200, s.number_ms),
        (phone, Some(0.97), WORDS, 400, 650),
        (phone, Some(0.6), WORDS, 400, 650),
        (phone, Some(0.97), WORDS, 1_000, 1_400),
        (phone, Some(0.97), WORDS, 3_000, s.dictation_ms),
        (phone, Some(0.3), WORDS, 400, s.dictation_ms),
        (phone, OVER, WORDS, 400, 650),
        ("It is 555 |01", Some(0.97), WORDS, 400, s.dictation_ms),
        (
            "My number is 0207 |946",
            Some(0.97),
            WORDS,
            400,
            s.dictation_ms,
        ),
        ("My code is 100 |104.", Some(0.98), WORDS, 310, s.doubted_ms),
        ("555 |0142", Some(0.97), DIGITS, 200, s.doubted_ms),
        ("555 |0142", Some(0.97), DIGITS, 800, 1_150),
        ("555 |0142", OVER, DIGITS, 800, 1_150),
        // The pause is not within the number.
        ("My code is |100104.", Some(0.97), WORDS, 700, s.complete_ms),
        (
            "555 0142. |Thank you.",
            Some(0.97),
            WORDS,
            700,
            s.complete_ms,
        ),
    ] {
        let whole = text.replace('|', "");
        let said = Said {
            paused_at: text.find('|').unwrap(),
            pause_ms,
            expects,
            ..said(&whole, score)
        };
        check(said, expected_ms);
    }
}

#[test]
fn the_question_says_how_its_answer_may_end() {
    let s = s();
    for (question, text, score, expected_ms) in [
        (
            "What is your phone number?",
            "555 123",
            Some(0.97),
            s.dictation_ms,
        ),
        ("What is your reference?", "1001.", Some(0.97), s.number_ms),
        ("Could you spell that?", "S, M", Some(0.97), s.spelling_ms),
        (
            "What is your e-mail address?",
            "john dot smith",
            Some(0.97),
            s.spelling_ms,
        ),
        (
            "What is your address?",
            "It's twelve.",
            Some(0.97),
            s.doubted_ms,
        ),
        ("Shall I book it?", "Yes.", Some(0.4), s.likely_ms),
        ("Shall I book it?", "Yes.", Some(0.97), s.complete_ms),
        ("Shall I book it?", "Yes.", Some(0.1), s.unscored_ms),
        ("I have booked it.", "Yes.", Some(0.4), s.unscored_ms),
    ] {
        let asked = Asked([Some(question), None]);
        let said = said(text, score);
        check(Said { asked, ..said }, expected_ms);
    }
}

#[test]
fn only_doubtful_ends_follow_the_callers_habits() {
    let mut slow = Habits::default();
    slow.paused(1_400);
    let s = s();
    for (text, score, expected_ms) in [
        ("I need an appointment.", Some(0.97), s.complete_ms),
        ("I need an appointment.", Some(0.6), 675),
        ("My reference is 100104.", Some(0.97), s.complete_ms),
        ("I need help with my", Some(0.97), 1_500),
        ("I need an appointment.", OVER, 0),
    ] {
        let said = said(text, score);
        check(
            Said {
                habits: slow,
                ..said
            },
            expected_ms,
        );
    }
}

#[test]
fn a_better_score_never_waits_longer() {
    let (mut slow, mut brisk) = (Habits::default(), Habits::default());
    slow.paused(1_400);
    (0..9).for_each(|_| brisk.answered(false));
    let settings = s();
    for text in [
        "",
        "Yes.",
        "I need an appointment.",
        "I need an appointment",
        "I need help with my",
        "It's at three.",
        "five five five",
        "It's 7-3-2-1.",
        "My code is 1001.",
        "My code is 100104.",
        "My number is 555 0142",
        "S, M, I, T",
        "Smith, S M I",
        "john at gmail dot com",
        "twelve Baker Street.",
    ] {
        for habits in [Habits::default(), slow, brisk] {
            for (paused_at, expects) in [(0, WORDS), (text.len(), WORDS), (0, DIGITS)] {
                let waits = [0.1, 0.3, 0.6, 0.9, TURN_OVER].map(|score| {
                    let said = Said {
                        paused_at,
                        pause_ms: 700,
                        expects,
                        asked: Asked([Some("Shall I book it?"), None]),
                        habits,
                        ..said(text, Some(score))
                    };
                    silence_ms(&said, &settings)
                });
                assert!(waits.is_sorted_by(|a, b| a >= b), "{text:?} {waits:?}");
                assert!(waits[0] >= settings.complete_ms, "{text:?} {waits:?}");
                let longest = settings.dictation_ms.max(settings.patience_ms_max);
                assert!(waits[0] <= longest, "{text:?} {waits:?}");
            }
        }
    }
}

#[test]
fn no_words_are_too_strange() {
    let long = "nine ".repeat(4_000);
    for text in [
        "@",
        "a@",
        "@.",
        ".",
        "-",
        "1-",
        "double",
        "dot",
        "ß é 中文",
        "’",
        "\u{0}",
        &long,
    ] {
        for language in Language::ALL.iter().copied() {
            for score in [None, Some(f32::NAN), Some(-1.0), Some(0.9), OVER] {
                let said = Said {
                    paused_at: text.len() / 2,
                    pause_ms: u32::MAX,
                    language,
                    ..said(text, score)
                };
                assert!(silence_ms(&said, &s()) <= s().dictation_ms, "{text:?}");
            }
        }
    }
}

#[test]
fn ordinary_sentences_end_at_once() {
    for text in [
        "My name is John Smith.",
        "Around ten o'clock.",
        "The first one, please.",
        "It costs $250.",
        "On May 5th.",
        "At 5 pm.",
        "I live on Baker Street.",
        "We moved to 12 Baker Street last year.",
        "My address is the same.",
        "I sent you an email last week.",
        "I use Gmail.",
        "I'm at home right now.",
        "It's plan B.",
        "I have a TV.",
        "What are you talking about?",
        "I don't know what that is.",
        "How do you spell that?",
        "You can reach me on my mobile.",
        "My order hasn't arrived.",
        "I would like to.",
        "So it is.",
        "Turn it on.",
        "I am 42 years old.",
    ] {
        check(said(text, Some(0.97)), s().complete_ms);
    }
}
