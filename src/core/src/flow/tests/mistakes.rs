//! Every mistake of an author is placed, and told how to be mended.

use super::*;

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
