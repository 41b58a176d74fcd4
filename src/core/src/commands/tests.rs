//! What must be found, and what must not.

use super::Command::{DontRecord, OptOut, Robot, Stop};
use super::in_english::{
    answered, detect, detect_all, is_backchannel, is_farewell, is_greeting, is_puzzled, yes_no,
};
use super::*;

const SURE: f32 = 0.9;

fn command(text: &str) -> Option<Command> {
    detect(text, SURE).map(|d| d.command)
}

#[test]
fn commands_are_found() {
    let found: [(Command, &[&str]); 4] = [
        (
            OptOut,
            &[
                "Don't call me again.",
                "please don’t call me again",
                "Do not ever call this number again!",
                "Never call me.",
                "don't call me at work",
                "Don't call here anymore",
                "um, don't, like, call me",
                "Hi, yes, I'm busy, and please don't call me again, thank you, bye.",
                "Stop calling.",
                "Stop calling me every day!",
                "Will you please stop calling this number",
                "Can you stop calling me?",
                "If you don't stop calling me I will sue",
                "I told you guys to stop calling",
                "Quit calling me",
                "Take me off your list.",
                "Could you take my number off of your calling list please",
                "remove me from the list",
                "Remove my number",
                "Please delete my number from your database",
                "Lose my number, okay?",
                "Unsubscribe.",
                "unsubscribe me from this list",
                "I want to opt out",
                "I'd like to opt out.",
                "opt-out",
                "opt me out please",
                "I am opting out of these calls",
                "Do not contact me",
                "Put me on your do not call list.",
                "I'm on the national do not call registry",
                "I don't want any more calls",
                "I don't want to hear from you again",
                "I don't want you to call me anymore",
                "No more calls please",
                "I'd rather you didn't call me again",
                "Could you not call me again",
                "leave me alone",
                "I withdraw my consent to be called",
                // As the recogniser has it.
                "And subscribe me.",
                "I want to lock it out.",
                "Please take me off to your colony and lift.",
                "Put me on your do not call this.",
                "God calling me.",
                "I don't want any more calm.",
            ],
        ),
        (
            DontRecord,
            &[
                "Please don't record this call.",
                "Don't record me",
                "Do not record this",
                "Stop recording.",
                "Could you stop the recording please",
                "stop recording me right now",
                "I don't want to be recorded",
                "I do not want this call recorded.",
                "I don't consent to being recorded",
                "I do not consent to recording",
                "I did not agree to be recorded",
                "I'd rather not be recorded.",
                "You may not record me",
                "Turn off the recording",
                "Turn the recorder off",
                "No recording please",
                "Without recording, please.",
                "Delete the recording",
                "Can we talk without being recorded?",
                "You don't have my permission to record this",
                "Yes, but don't record this call",
                // As the recogniser has it.
                "Do not report this conversation.",
                "I'd rather not be reported.",
                "Drop the recording.",
                "Turned off the recording.",
            ],
        ),
        (
            Robot,
            &[
                "Are you a robot?",
                "are you a real person",
                "Am I talking to a robot?",
                "Am I speaking with a human being or a machine?",
                "Is this a robot",
                "Is this a recording?",
                "Is this an AI?",
                "Is this AI",
                "Wait, are you a bot?",
                "Are you human?",
                "Are you real?",
                "You're a robot, aren't you?",
                "You sound like a robot",
                "Is this an automated call?",
                "Is there a real person there?",
                "Hello? Am I talking to a computer here or what? Am I talking to a computer?",
                // As the recogniser has it.
                "And I talk into a robot.",
                "Is this an eye?",
                "Are you a dot?",
                "Is the throw box.",
            ],
        ),
        (
            Stop,
            &[
                "Stop.",
                "Stop, stop, stop!",
                "please stop",
                "Stop talking.",
                "Um, stop it.",
                "Be quiet",
                "Shut up.",
                "Wait.",
                "Wait a minute",
                "Hold on a second please.",
                "Hang on",
                "One moment please",
                "Just a second",
                "Let me talk",
                "Can you stop talking for a minute",
                // As the recogniser has it.
                "Stab.",
                "Please start talking.",
                "So hold on a second",
            ],
        ),
    ];
    for (want, texts) in found {
        for text in texts {
            assert_eq!(command(text), Some(want), "{text}");
        }
    }
}

#[test]
fn other_talk_is_let_be() {
    for text in [
        "",
        "...",
        "I'll stop by at three",
        "please don't call before nine",
        "Don't call me before nine.",
        "Don't call me tomorrow, call me on Friday.",
        "don't call me now, I'm driving",
        "Don't call me again until Monday",
        "don't call me Bob",
        "can you stop at the pharmacy",
        "I don't record my hours",
        "put me on the list",
        "Put me on the list for Tuesday",
        "is the robot vacuum available",
        "Is this a robot vacuum or a mop?",
        "I'd like a call again tomorrow",
        "Please call me again next week.",
        "Don't forget to call me again on Monday.",
        "They never call me back",
        "You never call me back!",
        "I don't call here often",
        "I don't want to opt out",
        "I never said stop calling",
        "What happens if I opt out?",
        "If you remove my number, will I still get the bill?",
        "Do not remove me from your list",
        "I don't want to lose my number when I switch",
        "Can you remove my number from the order?",
        "Delete my number and add the new one",
        "What time should I stop calling clients?",
        "Take me through your price list",
        "Please take that off my bill",
        "the bus stop is right outside",
        "My car won't stop making that noise",
        "don't stop",
        "We have to wait for the plumber",
        "Please hold the line",
        "hold the booking until Friday",
        "I have a recording studio",
        "I broke the record last year",
        "Do you record the temperature?",
        "Is this call being recorded?",
        "He stopped recording his show",
        "I need my medical record",
        "We don't record anything here",
        "Are you open on Monday?",
        "are you in Boston",
        "Are you really open?",
        "Does a real person check the orders?",
        "That's a real problem",
        "I want to talk to a real person",
        "Can I talk to a real estate agent",
        "my computer stopped working",
        "Am I talking to the billing department?",
        "I want to check out on Sunday",
        "I walked out of the shop",
        "How are you today",
        "Subscribe me to the newsletter",
        "I want to know what you have",
        "call me back in ten minutes",
        "give me the number again",
        "No thanks.",
    ] {
        assert_eq!(command(text), None, "{text}");
    }
}

#[test]
fn a_match_says_where_it_is_and_how_much_it_covers() {
    let text = "Well, um, I am at lunch, so please don't call me again, thanks.";
    let found = detect(text, SURE).unwrap();
    assert_eq!(&text[found.span.clone()], "don't call me again");
    assert!((found.covers - 5.0 / 9.0).abs() < 0.001, "{found:?}");
    assert_eq!(
        detect("Um, don't call me again, please!", SURE)
            .unwrap()
            .covers,
        1.0
    );
}

#[test]
fn two_commands_in_one_breath_are_both_found() {
    let found = detect_all("Stop recording, and don't ever call me again.", SURE);
    assert_eq!(
        found.iter().map(|d| d.command).collect::<Vec<_>>(),
        [OptOut, DontRecord]
    );
}

#[test]
fn an_unsure_text_must_be_exact() {
    for (text, confidence, want) in [
        ("Don't call me again", 0.05, Some(OptOut)),
        ("Remove me from your lists", 0.9, Some(OptOut)),
        ("I don't consent to recoding", 0.9, Some(DontRecord)),
        ("I don't consent to recoding", 0.1, None),
        ("I don't consent to recoding", f32::NAN, None),
    ] {
        assert_eq!(
            detect(text, confidence).map(|d| d.command),
            want,
            "{text} {confidence}"
        );
    }
}

#[test]
fn only_the_first_words_are_read() {
    let mut text = "la ".repeat(399);
    assert_eq!(command(&format!("{text}stop calling me")), None);
    text.truncate(300);
    assert_eq!(command(&format!("{text}. stop calling me")), Some(OptOut));
    let flood = "stop calling ".repeat(100_000);
    assert_eq!(detect(&flood, SURE).unwrap().command, OptOut);
    assert_eq!(yes_no(&"yes no ".repeat(100_000)), None);
    assert!(!is_backchannel(&"okay ".repeat(100_000)));
}

#[test]
fn yes_and_no() {
    let answers: [(Option<Answer>, &[&str]); 3] = [
        (
            Some(Answer::Yes),
            &[
                "Yes.",
                "Yeah",
                "yep, that's fine",
                "Yes that is fine.",
                "Um, sure",
                "Sure, go ahead",
                "Okay.",
                "That's okay with me",
                "Of course",
                "I agree",
                "Yes, I consent.",
                "I don't mind",
                "No problem",
                "No, I don't mind.",
                "go ahead",
                "absolutely",
                "You can record",
                "yes please do",
                "why not",
            ],
        ),
        (
            Some(Answer::No),
            &[
                "No.",
                "no thanks",
                "Nope",
                "No, I don't",
                "I'd rather not.",
                "I don't agree",
                "I do not consent",
                "not really",
                "Absolutely not.",
                "Please don't.",
                "That's not okay",
                "no way",
                "You know.",
                "Please don't record this call.",
            ],
        ),
        (
            None,
            &[
                "",
                "um",
                "Yes and no",
                "Yes, but don't record this",
                "yeah, no",
                "Yes, who is this?",
                "Okay, what for?",
                "Sure, but only until noon",
                "maybe",
                "I don't know",
                "I did not hear you",
                "What?",
                "Say that again",
                "Absolutely hard.",
                "You can call me tomorrow",
                "I do yoga",
                "My name is Ann",
                "Mm-hmm,",
                "Okay so I was wondering about the bill that came in last month",
            ],
        ),
    ];
    for (want, texts) in answers {
        for text in texts {
            assert_eq!(yes_no(text), want, "{text}");
        }
    }
}

#[test]
fn signs_of_listening_and_greetings() {
    for (text, backchannel, greeting) in [
        ("Mm-hm.", true, false),
        ("mhm", true, false),
        ("Uh-huh", true, false),
        ("Okay.", true, false),
        ("Right, right.", true, false),
        ("Yeah, I see.", true, false),
        ("oh okay, got it", true, false),
        ("Oh really?", true, false),
        ("Okay, but wait", false, false),
        ("Right now I can't", false, false),
        ("No", false, false),
        ("um", false, false),
        ("", false, false),
        ("Hello?", false, true),
        ("hi there", false, true),
        ("Hello, hello? Anyone there?", false, true),
        ("Good morning!", false, true),
        ("Hello, who is this?", false, true),
        ("Hello, I have a question", false, false),
        ("High there", false, false),
    ] {
        assert_eq!(is_backchannel(text), backchannel, "backchannel: {text}");
        assert_eq!(is_greeting(text), greeting, "greeting: {text}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_survived(text in ".{0,400}", confidence in proptest::num::f32::ANY) {
        for found in detect_all(&text, confidence) {
            proptest::prop_assert!(text.get(found.span).is_some());
            proptest::prop_assert!((0.0..=1.0).contains(&found.covers));
        }
        let _ = (yes_no(&text), is_backchannel(&text), is_greeting(&text));
    }
}

#[test]
fn goodbyes() {
    for goodbye in [
        "Bye.",
        "Okay, bye.",
        "Thank you, goodbye!",
        "Thanks, you too. Bye bye.",
        "Have a nice day.",
    ] {
        assert!(is_farewell(goodbye), "{goodbye:?}");
    }
    for more in [
        "Goodbye is what he said yesterday.",
        "Thanks, but what time?",
        "Bye the way.",
        "",
    ] {
        assert!(!is_farewell(more), "{more:?}");
    }
}

#[test]
fn what_is_said_beside_an_answer_is_kept() {
    use Answer::{No, Yes};
    for (text, answer, is_first, rest) in [
        ("Yes.", Yes, true, ""),
        ("Yes, that's fine, sure.", Yes, true, ""),
        ("Um, yes please.", Yes, true, ""),
        (
            "Yes, and I'd like to book an appointment.",
            Yes,
            true,
            "and I'd like to book an appointment.",
        ),
        (
            "yes i need to move my appointment",
            Yes,
            true,
            "i need to move my appointment",
        ),
        ("No.", No, true, ""),
        ("No, thanks.", No, true, ""),
        ("I don't want that.", No, true, ""),
        (
            "no i need an appointment",
            No,
            true,
            "i need an appointment",
        ),
        (
            "No. I need to move my appointment.",
            No,
            true,
            "I need to move my appointment.",
        ),
        (
            "I would like to know about item five. No.",
            No,
            false,
            "I would like to know about item five.",
        ),
        ("Hi, my line is not working", No, false, ""),
        (
            "No. I would like to know about item five. No, not now.",
            No,
            true,
            "I would like to know about item five.",
        ),
        (
            "I need an appointment, but no recording",
            No,
            false,
            "I need an appointment,",
        ),
    ] {
        let want = Answered {
            answer,
            is_first,
            rest: rest.to_owned(),
        };
        assert_eq!(answered(text), Some(want), "{text}");
    }
    // A yes that nothing sets off from a long sentence may be a sign of listening, and a doubt is none.
    for text in [
        "Okay so I was wondering about the bill that came in last month",
        "Okay, I was wondering about the bill that came in last month",
        "Yes, and I'd like to know what happens to the recording afterwards",
    ] {
        assert_eq!(answered(text), None, "{text}");
    }
}

#[test]
fn who_is_puzzled_has_not_agreed() {
    for (text, puzzled) in [
        ("What?", true),
        ("Sorry?", true),
        ("Say that again.", true),
        ("I didn't catch that.", true),
        ("I do not understand you.", true),
        ("Are you recording this?", true),
        ("Why is this call being recorded at all, and by whom?", true),
        ("Hi, what time do you open tomorrow?", false),
        ("I need an appointment.", false),
        ("I would like to see my medical records.", false),
        ("", false),
    ] {
        assert_eq!(is_puzzled(text), puzzled, "{text}");
    }
}
