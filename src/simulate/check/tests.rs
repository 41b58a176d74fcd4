//! What is met and what is missed.

use serde_json::json;

use super::*;
use crate::simulate::course::{ToolUse, Who};

fn check(yaml: &str) -> Result<Check, WrongExpectation> {
    Check::try_from(&serde_saphyr::from_str::<Expect>(yaml).unwrap())
}

fn course() -> Course {
    let line = |who, turn, text: &str| Line {
        who,
        from_ms: 0,
        to_ms: 0,
        text: text.into(),
        turn,
    };
    Course {
        lines: vec![
            line(Who::Agent, 0, "Hello, this is Robin."),
            line(Who::Caller, 1, "Book me in, please."),
            line(Who::Agent, 1, "Which day suits"),
            line(Who::Agent, 1, "you?"),
            line(Who::Caller, 2, "Monday."),
            line(Who::Agent, 2, "You are booked for Monday at 10:30."),
        ],
        tools: vec![ToolUse {
            name: "book".into(),
            arguments: json!({"day": "monday", "at": {"hour": 10, "minute": 30}}),
            outcome: "done",
        }],
        answers_ms: vec![400, 200, 300, 900],
        caller_spoke: vec![(1_000, 3_000)],
        agent_began: vec![0, 3_500],
        call: json!({"ended_reason": "agent_hung_up", "has_recording": true,
            "consent": {"state": "granted"}, "disposition": {"label": "booked"},
            "after": {"data": {"day": "monday"}, "verdict": {"result": "success"}}}),
        transcript: json!({"turns": [{"text": "Book me in, please."}]}),
        ..Course::default()
    }
}

#[test]
fn what_is_the_case_is_met_and_what_is_not_says_what_is() {
    for (yaml, missed) in [
        ("agent_says: which day suits you", None),
        ("agent_says: BOOKED for monday\nturn: 2", None),
        ("agent_says: which day\nwithin_turn: 1", None),
        ("agent_says: booked\nwithin_turn: 1", Some("in turn 2")),
        ("agent_says: Tuesday", Some("it did not")),
        ("agent_says: hello\nturn: 9", Some("in turn 0")),
        ("agent_says_matching: 'booked .* at \\d+:\\d\\d'", None),
        ("agent_never_says: sorry", None),
        ("agent_never_says: Robin", Some("Hello, this is Robin.")),
        ("agent_never_says_matching: '^Tuesday'\nturn: 1", None),
        ("tool_called: book\narguments: {day: monday}", None),
        (
            "tool_called: book\narguments: {at: {hour: 10.0}}\ntimes: 1",
            None,
        ),
        (
            "tool_called: book\narguments: {day: friday}",
            Some("\"day\":\"monday\""),
        ),
        ("tool_called: book\ntimes: 2", Some("used 1 times")),
        ("tool_called: cancel", Some("not used, but book")),
        ("tool_not_called: cancel", None),
        ("tool_not_called: book", Some("used 1 times")),
        ("answers_within_ms: {p50: 300, p95: 900, max: 900}", None),
        (
            "answers_within_ms: {p50: 299}",
            Some("half came within 300 ms"),
        ),
        ("answers_within_ms: {max: 899}", Some("all within 900 ms")),
        ("caller_not_interrupted: true", None),
        ("caller_not_interrupted: false", Some("never did")),
        ("caller_turns: {max: 1}", None),
        ("caller_turns: {min: 1}", Some("there were 0")),
        ("ended_by: agent_hung_up", None),
        ("ended_by: silence", Some("agent_hung_up")),
        ("consent: granted", None),
        ("consent: refused", Some("granted")),
        ("recorded: true", None),
        ("recorded: false", Some("there is a recording")),
        ("disposition: booked", None),
        ("disposition: lost", Some("booked")),
        ("data: {day: monday}", None),
        ("data: {day: friday}", Some("monday")),
        ("verdict: success", None),
        ("verdict: failure", Some("success")),
        ("transcript_contains: book me in", None),
        ("transcript_contains: cancel", Some("not there")),
        ("transcript_lacks: cancel", None),
        ("transcript_lacks: book", Some("it is there")),
    ] {
        let outcome = check(yaml).unwrap().of(&course());
        match (missed, outcome) {
            (None, Ok(())) => {}
            (Some(words), Err(why)) => assert!(why.contains(words), "{yaml}: {why}"),
            (_, outcome) => panic!("{yaml}: {outcome:?}"),
        }
    }
}

#[test]
fn an_agent_that_speaks_into_the_callers_words_interrupts_them() {
    let over = |began| {
        let course = Course {
            agent_began: vec![began],
            ..course()
        };
        check("caller_not_interrupted: true").unwrap().of(&course)
    };
    assert!(over(2_000).unwrap_err().contains("2.0 s"));
    assert_eq!(over(1_200), Ok(()), "both began at once");
    assert_eq!(over(3_000), Ok(()));
}

#[test]
fn an_expectation_is_one_thing_that_can_be_checked() {
    for (yaml, wrong) in [
        ("{}", "exactly one"),
        ("agent_says: x\nended_by: silence", "exactly one"),
        ("turn: 2", "exactly one"),
        ("ended_by: silence\nturn: 2", "`turn` belongs to"),
        ("agent_says: x\nturn: 1\nwithin_turn: 2", "without `turn`"),
        (
            "agent_says: x\ntimes: 2",
            "`times` belongs to `tool_called`",
        ),
        ("agent_says: '?'", "expects nothing"),
        ("agent_says_matching: '('", "cannot be used"),
        ("agent_says_matching: ''", "expects nothing"),
        ("answers_within_ms: {}", "expects nothing"),
        ("consent: yes please", "undecided, granted"),
        ("verdict: good", "success, failure"),
        ("ended_by: boredom", "caller_hung_up"),
    ] {
        let error = check(yaml).unwrap_err().to_string();
        assert!(error.contains(wrong), "{yaml}: {error}");
    }
}
