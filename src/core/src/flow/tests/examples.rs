//! The example flows, walked to their ends.

use super::*;

#[test]
fn the_documented_flow_is_one() {
    let documentation = include_str!("../../flow.rs");
    let (_, rest) = documentation.split_once("```toml").unwrap();
    let (toml, _) = rest.split_once("```").unwrap();
    let toml: String = toml
        .lines()
        .map(|line| line.trim_start_matches("//!").trim_start().to_owned() + "\n")
        .collect();
    let flow = Flow::parse(&toml).unwrap();
    assert_eq!(
        play(&flow, &["repeat", "yes"]).last().unwrap(),
        "[Finished]"
    );
}

#[test]
fn an_appointment_is_booked() {
    let lines = play(
        &example("front_desk.toml"),
        &[
            "Hi, I'd like to make an appointment please.",
            "Next Tuesday.",
            "Half past two.",
            "My name is Ana Silva.",
            "five five five, oh one four two",
            "Yes, that's right.",
        ],
    );
    assert_eq!(
        lines,
        [
            "Thank you for calling Elm Street Dental. Would you like to book an appointment, cancel one, or hear our opening hours?",
            "purpose = book",
            "Which day suits you?",
            "day = next-tuesday",
            "And at what time? We see patients between eight and six.",
            "time = 14:30",
            "What is your name, please?",
            "name = Ana Silva",
            "And your telephone number? You can say it or key it in.",
            "phone = 5550142",
            "So that is next Tuesday at 2:30 PM, for Ana Silva, number 5 5 5, 0 1 4 2. Is that right?",
            "confirm = yes",
            "Thank you, Ana Silva. You are booked for next Tuesday at 2:30 PM. Goodbye!",
            "[Finished]",
        ]
    );
}

/// The lines that follow the one with `after` in it.
fn tail<'a>(lines: &'a [String], after: &str) -> Vec<&'a str> {
    let at = lines
        .iter()
        .position(|line| line.contains(after))
        .unwrap_or_else(|| panic!("{after}: {lines:?}"));
    lines[at + 1..].iter().map(String::as_str).collect()
}

#[test]
fn one_answer_may_hold_two() {
    let lines = play(
        &example("front_desk.toml"),
        &["book", "tomorrow morning at ten"],
    );
    assert_eq!(
        tail(&lines, "Which day"),
        [
            "day = +1/morning",
            "time = 10:00",
            "What is your name, please?"
        ]
    );
}

#[test]
fn a_wrong_read_back_is_asked_again() {
    let lines = play(
        &example("front_desk.toml"),
        &[
            "#1",
            "the third",
            "9:15",
            "Bob",
            "#5550142#",
            "no",
            "Friday",
            "noon",
            "Bob",
            "5550143",
            "#1",
        ],
    );
    assert!(lines.contains(
        &"So that is the 3rd at 9:15 AM, for Bob, number 5 5 5, 0 1 4 2. Is that right?".to_owned()
    ));
    assert!(lines.contains(
        &"So that is Friday at noon, for Bob, number 5 5 5, 0 1 4 3. Is that right?".to_owned()
    ));
    assert_eq!(lines.last().unwrap(), "[Finished]");
}

#[test]
fn digits_may_come_in_pieces() {
    let flow = example("front_desk.toml");
    let start = ["book", "Friday", "noon", "Bob"];
    let with = |more: &[&str]| {
        let lines = play(&flow, &[&start[..], more].concat());
        tail(&lines, "And your telephone")
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let kept = |digits: &str| format!("phone = {digits}");
    assert_eq!(
        with(&["five five five", "oh one", "four two"])[0],
        kept("5550142")
    );
    assert_eq!(
        with(&["#5", "#5", "#50142", "#9", "#"])[0],
        kept("55501429")
    );
    assert_eq!(with(&["#55501429", ""])[0], kept("55501429"));
    assert_eq!(with(&["#123*5550142#"])[0], kept("5550142"));
    assert_eq!(with(&["#123456789012345"])[0], kept("123456789012345"));
    assert_eq!(with(&["#123"]), [""; 0]);
    assert_eq!(
        with(&["#123#"])[0],
        "Sorry, please give me the digits of your telephone number, one by one."
    );
    assert_eq!(with(&["five", ""])[0], "Your telephone number, please.");
    assert_eq!(
        with(&["I don't have one"])[0],
        "Sorry, please give me the digits of your telephone number, one by one."
    );
}

#[test]
fn a_time_outside_opening_hours_is_not_taken() {
    let lines = play(
        &example("front_desk.toml"),
        &["book", "Friday", "nine in the evening"],
    );
    assert_eq!(
        tail(&lines, "And at what time"),
        ["Sorry, what time, between eight and six? For example, half past two."]
    );
}

#[test]
fn intents_hold_everywhere() {
    let flow = example("front_desk.toml");
    let lines = play(
        &flow,
        &[
            "book",
            "can you say that again please",
            "I want to speak to a person",
        ],
    );
    assert_eq!(
        tail(&lines, "Would you like to book"),
        [
            "purpose = book",
            "Which day suits you?",
            "Which day suits you?",
            "One moment, I will put you through to the front desk.",
            "[Person]"
        ]
    );
    let lines = play(
        &flow,
        &[
            "book",
            "Friday",
            "noon",
            "could you repeat that please",
            "#0",
        ],
    );
    assert_eq!(
        tail(&lines, "time = 12:00"),
        [
            "What is your name, please?",
            "What is your name, please?",
            "One moment, I will put you through to the front desk.",
            "[Person]"
        ]
    );
}

#[test]
fn misses_and_silence_lead_on() {
    let flow = example("front_desk.toml");
    let lines = play(&flow, &["mumble", "blah", "what"]);
    assert_eq!(
        tail(&lines, "Thank you for calling"),
        [
            "Sorry, please say book, cancel, or opening hours.",
            "Sorry, please say book, cancel, or opening hours.",
            "One moment, I will put you through to the front desk.",
            "[Person]",
        ]
    );
    let lines = play(&flow, &["", " ... ", ""]);
    assert_eq!(
        tail(&lines, "Thank you for calling"),
        [
            "Are you still there? You can say book, cancel, or opening hours.",
            "Are you still there? You can say book, cancel, or opening hours.",
            "One moment, I will put you through to the front desk.",
            "[Person]",
        ]
    );
    let stubborn = Flow::parse("start = 'a'\ngave_up = 'Bye.'\n[states.a]\nsay = 'Yes?'\ntype = 'yes_no'\nnext = 'b'\n[states.b]\nsay = 'Done.'\nend = true").unwrap();
    assert_eq!(
        play(&stubborn, &["x", "", "x", "x"]),
        ["Yes?", "Yes?", "Yes?", "Yes?", "Bye.", "[GaveUp]"]
    );
}

#[test]
fn a_reminder_is_confirmed_moved_or_stopped() {
    let flow = example("reminder.toml");
    assert!(flow.missing(&vars()).is_empty());
    assert_eq!(flow.missing(&Vars::new()), ["appointment", "patient"]);
    assert_eq!(
        play(&flow, &["speaking, yes", "#1"]),
        [
            "Hello, this is Elm Street Dental with a reminder for Ana. Am I speaking with Ana?",
            "hello = yes",
            "You have an appointment tomorrow at 3 PM. Will you be there? You can also press 1 for yes, or 2 for no.",
            "coming = yes",
            "Wonderful, see you then. Goodbye!",
            "[Finished]",
        ]
    );
    let lines = play(&flow, &["yes", "I'm afraid I can't", "Thursday"]);
    assert_eq!(
        tail(&lines, "coming = no"),
        [
            "No problem. Which day would suit you better?",
            "new_day = thursday",
            "Thank you. We will call you about Thursday. Goodbye!",
            "[Finished]"
        ]
    );
    let lines = play(&flow, &["Don't call me any more!"]);
    assert_eq!(
        lines[1..],
        [
            "I understand. We will not call you again.",
            "Goodbye!",
            "[Finished]"
        ]
    );
    assert_eq!(
        play(&flow, &["no, wrong number"]).last().unwrap(),
        "[Finished]"
    );
}

#[test]
fn a_survey_is_answered() {
    let flow = example("survey.toml");
    let lines = play(
        &flow,
        &[
            "sure",
            "I'd say nine",
            "absolutely",
            "The waiting room was cold.",
        ],
    );
    assert_eq!(
        lines,
        [
            "Hello Ana, this is Elm Street Dental. May I ask you three short questions about your visit?",
            "willing = yes",
            "From zero to ten, how pleased were you?",
            "grade = 9",
            "Would you come again?",
            "again = yes",
            "Is there anything you would like to tell us?",
            "remarks = The waiting room was cold.",
            "Thank you, that helps us.",
            "Goodbye!",
            "[Finished]",
        ]
    );
    let (_, step) = flow.open(&Vars::new());
    assert_eq!(
        step.say[0],
        "Hello there, this is Elm Street Dental. May I ask you three short questions about your visit?"
    );
    let lines = play(&flow, &["yes", "fifteen", "#10", "no", "repeat", "", ""]);
    assert!(
        lines.contains(&"grade = 10".to_owned()) && lines.last().unwrap() == "[Finished]",
        "{lines:?}"
    );
}
