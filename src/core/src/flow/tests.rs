//! The example flows walked to their ends, every mistake of an author, and a caller who says anything at all.

mod anything;
mod examples;
mod mistakes;

use super::*;
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
