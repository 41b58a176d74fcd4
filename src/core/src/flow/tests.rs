//! The example flows walked to their ends, every mistake of an author, and a caller who says anything at all.

use super::*;
use proptest::prelude::*;
use std::path::PathBuf;

fn source(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/flows")
        .join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn example(name: &str) -> Flow {
    Flow::parse(&source(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn vars() -> Vars {
    [("patient", "Ana"), ("appointment", "tomorrow at 3 PM")]
        .into_iter()
        .collect()
}

/// Plays the caller's part, one entry a turn; `#12` is keys, an empty entry silence. What came of it, a line for each
/// thing said, kept or ended.
fn play(flow: &Flow, caller: &[&str]) -> Vec<String> {
    let vars = vars();
    let (mut state, mut step) = flow.open(&vars);
    let mut lines = Vec::new();
    let mut caller = caller.iter();
    loop {
        lines.extend(
            step.filled
                .iter()
                .map(|(slot, value)| format!("{slot} = {}", value.normalised())),
        );
        lines.extend(step.say.iter().cloned());
        assert!(
            step.listen != step.end.is_some(),
            "it listens or has ended: {lines:?}"
        );
        if let Some(end) = step.end {
            lines.push(format!("[{end:?}]"));
            assert_eq!(caller.next(), None, "the caller has more to say: {lines:?}");
            return lines;
        }
        let Some(line) = caller.next() else {
            return lines;
        };
        let heard = match line.strip_prefix('#') {
            Some(keys) => Heard { text: "", keys },
            None => Heard {
                text: line,
                keys: "",
            },
        };
        (state, step) = flow.step(&state, heard, &vars);
    }
}

#[test]
fn the_documented_flow_is_one() {
    let documentation = include_str!("../flow.rs");
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

#[test]
fn an_ended_conversation_stays_ended() {
    let flow = example("survey.toml");
    let (state, _) = flow.open(&vars());
    let (state, step) = flow.step(
        &state,
        Heard {
            text: "no",
            keys: "",
        },
        &vars(),
    );
    assert_eq!(step.end, Some(EndKind::Finished));
    let (again, step) = flow.step(
        &state,
        Heard {
            text: "yes",
            keys: "",
        },
        &vars(),
    );
    assert_eq!(
        (again.ended(), step.end, step.say.len(), step.listen),
        (Some(EndKind::Finished), Some(EndKind::Finished), 0, false)
    );
}

#[test]
fn a_step_can_be_tried_and_forgotten() {
    let flow = example("survey.toml");
    let (state, _) = flow.open(&vars());
    let kept = state.clone();
    let (other, _) = flow.step(
        &state,
        Heard {
            text: "yes",
            keys: "",
        },
        &vars(),
    );
    assert_eq!(state, kept);
    assert_eq!(
        (flow.state_name(&state), flow.state_name(&other)),
        ("willing", "grade")
    );
}

#[test]
fn debug_shows_nothing_of_a_caller() {
    let flow = example("front_desk.toml");
    let vars: Vars = [("patient", "Zebedee")].into_iter().collect();
    let (mut state, _) = flow.open(&vars);
    let mut shown = format!("{vars:?}");
    for text in ["book", "Friday", "noon", "Zebedee", "5550142"] {
        let heard = Heard { text, keys: "" };
        let (next, step) = flow.step(&state, heard, &vars);
        shown += &format!("{heard:?} {step:?} {next:?}");
        state = next;
    }
    assert!(
        !shown.contains("Zebedee") && !shown.contains("555") && !shown.contains("Friday"),
        "{shown}"
    );
}

/// A flow with one thing changed, and what is said of it.
#[test]
fn mistakes_are_placed_and_mended() {
    let base = "start = \"ask\"\n\n[variables]\nfirm = \"Elm\"\n\n[states.ask]\nsay = \"Hello from {{firm}}. Coming?\"\ntype = \"yes_no\"\nretry = \"Yes or no?\"\nnext = \"bye\"\n\n[states.bye]\nsay = \"Goodbye.\"\nend = true\n";
    assert!(Flow::parse(base).is_ok());
    let cases: &[(&str, &str, &str)] = &[
        (
            "start = \"ask\"",
            "",
            "line 1, column 1: missing field `start`",
        ),
        (
            "start = \"ask\"",
            "start = \"aks\"",
            "line 1, column 9: there is no state `aks`; did you mean `ask`?",
        ),
        (
            "next = \"bye\"",
            "next = \"by\"",
            "line 10, column 8, state `ask`: there is no state `by`; did you mean `bye`?",
        ),
        (
            "next = \"bye\"",
            "next = \"elsewhere\"",
            "line 10, column 8, state `ask`: there is no state `elsewhere`; add it, or name one that exists",
        ),
        (
            "next = \"bye\"",
            "nxt = \"bye\"",
            "line 10, column 1, state `ask`: unknown field `nxt`, expected one of ",
        ),
        (
            "next = \"bye\"\n",
            "",
            "line 8, column 8, state `ask`: the answer `yes` leads nowhere; add it to `to`, or add `next`",
        ),
        (
            "next = \"bye\"",
            "next = bye",
            "line 10, column 8, state `ask`: ",
        ),
        (
            "yes_no",
            "maybe",
            "line 8, column 8, state `ask`: there is no type `maybe`; use yes_no, number, digits, day, time, choice, name or text",
        ),
        (
            "yes_no",
            "text\"\nmin = 1\nslot = \"x",
            "line 8, column 8, state `ask`: `min` is for the type number, not text",
        ),
        (
            "yes_no",
            "choice",
            "line 8, column 8, state `ask`: a choice needs `choices`, such as ",
        ),
        (
            "yes_no",
            "digits\"\ndigits = [9, 3]\nslot = \"x",
            "line 8, column 8, state `ask`: `digits` is [from, to], between 1 and 40",
        ),
        (
            "yes_no",
            "time\"\nbetween = [\"18:00\", \"8:00\"]\nslot = \"x",
            "line 9, column 11, state `ask`: `between` is ",
        ),
        (
            "yes_no",
            "yes_no\"\ntries = 0\nslot = \"x",
            "line 9, column 9, state `ask`: `tries` is from 1 to 20",
        ),
        (
            "yes_no",
            "yes_no\"\nslot = \"a b",
            "line 8, column 8, state `ask`: the slot `a b` cannot be said back; ",
        ),
        (
            "yes_no",
            "yes_no\"\nto = { yess = \"bye\" }\nslot = \"x",
            "line 9, column 15, state `ask`: `to` has no answer `yess` here; did you mean `yes`?",
        ),
        (
            "yes_no",
            "yes_no\"\nend = true\nslot = \"x",
            "line 9, column 7, state `ask`: a state that asks cannot end; ",
        ),
        (
            "end = true",
            "end = \"fin\"",
            "line 14, column 7, state `bye`: `end` is true or \"person\"; ",
        ),
        (
            "end = true",
            "",
            "line 13, column 7, state `bye`: the call would fall silent here; ",
        ),
        (
            "end = true",
            "end = true\nretry = \"What?\"",
            "line 15, column 9, state `bye`: `retry` is for a state that asks; add a `type`",
        ),
        (
            "end = true",
            "end = true\nnext = \"ask\"",
            "line 14, column 7, state `bye`: either `end` or `next`, not both",
        ),
        (
            "end = true",
            "next = \"bye\"",
            "line 13, column 7, state `bye`: these states would speak for ever without listening: bye; ",
        ),
        (
            "{{firm}}",
            "{{frm}}",
            "line 7, column 7, state `ask`: `{{frm}}` is set nowhere; did you mean `firm`?",
        ),
        (
            "{{firm}}",
            "{{firm",
            "line 7, column 7, state `ask`: the text has a `{{` without its `}}`; ",
        ),
        (
            "{{firm}}",
            "{{ask}}",
            "line 7, column 7, state `ask`: `{{ask}}` may not be known yet here; ",
        ),
        (
            "\"Yes or no?\"",
            "\"{{nobody_at_all}}\"",
            "line 7, column 7, state `ask`: `{{nobody_at_all}}` is set nowhere; add it to ",
        ),
        (
            "[states.bye]",
            "[states.lost]\nsay = \"x\"\nend = true\n\n[states.bye]",
            "line 13, column 7, state `lost`: nothing leads to this state; ",
        ),
        (
            "[states.bye]",
            "[anytime.x]\nphrases = [\"hm\"]\n\n[states.bye]",
            "line 12, column 1: an anytime intent has either ",
        ),
        (
            "[states.bye]",
            "[anytime.x]\nphrases = [\"?!\"]\ndo = \"repeat\"\n\n[states.bye]",
            "line 12, column 1: a phrase without a word in it; remove it",
        ),
        (
            "[states.bye]",
            "[anytime.x]\nphrases = []\nkey = \"12\"\ndo = \"repeat\"\n\n[states.bye]",
            "line 12, column 1: a key is one of 0 to 9, * and #",
        ),
    ];
    for (from, to, want) in cases {
        assert!(base.contains(from), "{from}");
        let error = Flow::parse(&base.replacen(from, to, 1))
            .expect_err(want)
            .to_string();
        assert!(
            error.starts_with(want),
            "{to}:\n   got {error}\n  want {want}"
        );
    }
}

#[test]
fn a_slot_must_be_filled_on_every_way_to_where_it_is_said() {
    let flow = |else_way: &str| {
        format!(
            "start = 'a'\n[states.a]\nsay = 'Who?'\ntype = 'name'\nslot = 'who'\nnext = 'b'\nelse = '{else_way}'\n[states.b]\nsay = 'Hello {{{{who}}}}.'\nend = true\n[states.c]\nsay = 'Bye.'\nend = true\n"
        )
    };
    let lost = Flow::parse(&flow("b")).unwrap_err();
    assert!(
        matches!(lost.problem, FlowProblem::NotYetKnown { ref name } if name == "who"),
        "{lost}"
    );
    assert!(Flow::parse(&flow("c")).is_ok());
}

#[test]
fn large_files_are_refused() {
    let too_large = |source: &str| {
        matches!(
            Flow::parse(source).unwrap_err().problem,
            FlowProblem::TooLarge { .. }
        )
    };
    assert!(too_large(&"#".repeat(FLOW_BYTES_MAX + 1)));
    let many: String = (0..=STATES_MAX)
        .map(|at| format!("[states.s{at}]\nsay = 'x'\nend = true\n"))
        .collect();
    assert!(too_large(&format!("start = 's0'\n{many}")));
    let long = "x".repeat(SAY_CHARS_MAX + 1);
    assert!(too_large(&format!(
        "start = 'a'\n[states.a]\nsay = '{long}'\nend = true\n"
    )));
    assert!(matches!(
        Flow::parse("start = 'a'").unwrap_err().problem,
        FlowProblem::NoStates
    ));
}

const WORDS: &[&str] = &[
    "yes", "no", "book", "tuesday", "the", "third", "two", "thirty", "at", "oh", "double", "five",
    "repeat", "half", "past", "twenty", "hundred", "and", "march", "of", "noon", "my", "name",
    "is", "a", "not", "cancel", "hours", "in", "days", "next", "thousand", "2:30", "12", "5550142",
    "p.m.", "!", "é", "to", "quarter", "minus",
];

proptest! {
    #![proptest_config(crate::seeded::cases(400))]

    #[test]
    fn a_caller_may_say_anything(
        which in prop::sample::select(&["front_desk.toml", "reminder.toml", "survey.toml"][..]),
        turns in prop::collection::vec(
            prop_oneof![
                4 => prop::collection::vec(prop::sample::select(WORDS), 0..7).prop_map(|words| words.join(" ")),
                1 => ".{0,60}",
                1 => "#[0-9*#A-D]{0,18}",
            ],
            0..40,
        ),
    ) {
        let flow = example(which);
        let vars = vars();
        let (mut state, mut step) = flow.open(&vars);
        for turn in &turns {
            prop_assert!(step.listen != step.end.is_some());
            prop_assert!(step.say.len() <= flow.states.len() + 1);
            let heard = match turn.strip_prefix('#') {
                Some(keys) => Heard { text: "", keys },
                None => Heard { text: turn, keys: "" },
            };
            let again = flow.step(&state, heard, &vars);
            (state, step) = flow.step(&state, heard, &vars);
            prop_assert_eq!(&again, &(state.clone(), step.clone()));
        }
        // Left alone, every conversation comes to its end.
        for _ in 0..TURNS_MAX {
            (state, step) = flow.step(&state, Heard::default(), &vars);
        }
        prop_assert!(state.ended().is_some() && step.end == state.ended());
    }

    #[test]
    fn a_damaged_file_is_read_without_panic(
        which in prop::sample::select(&["front_desk.toml", "reminder.toml", "survey.toml"][..]),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        whole in any::<bool>(),
    ) {
        let mut bytes = source(which).into_bytes();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if !whole {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Err(error) = Flow::parse(&String::from_utf8_lossy(&bytes)) {
            prop_assert!(error.line >= 1 && error.column >= 1);
        }
    }
}

#[test]
fn standing_texts_depend_on_no_answer() {
    let flow = Flow::parse(
        "start = \"a\"\n[variables]\nwho = \"Oak\"\n[states.a]\nsay = \"Welcome to {{who}}. Which day?\"\nslot = \"day\"\ntype = \"day\"\n\
         retry = \"Which day, please?\"\nnext = \"b\"\nelse = \"b\"\n[states.b]\nsay = \"See you {{day|or:soon}}.\"\nend = true\n",
    )
    .unwrap();
    assert_eq!(
        flow.standing_texts(&Vars::new()),
        ["Welcome to Oak. Which day?", "Which day, please?"]
    );
}
