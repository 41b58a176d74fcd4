//! The command as its user meets it: what it says, what it writes, and its exit code.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

struct Said {
    status: i32,
    out: String,
    err: String,
}

/// Runs the command in an empty folder.
fn simulate(desk: &TempDir, arguments: &[&str]) -> Said {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_trunkline"))
        .arg("simulate")
        .args(arguments)
        .current_dir(desk.path())
        .env_clear()
        .env("HOME", desk.path())
        .env("TMPDIR", desk.path())
        .output()
        .unwrap();
    Said {
        status: status.code().unwrap(),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

fn examples() -> String {
    example("booking.yaml")
}

fn example(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/simulate");
    folder.join(name).to_str().unwrap().to_owned()
}

/// A folder with these files.
fn desk(files: &[(&str, &str)]) -> TempDir {
    let desk = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(desk.path().join(name), text).unwrap();
    }
    desk
}

fn json(desk: &TempDir, name: &str) -> Value {
    let text = std::fs::read_to_string(desk.path().join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// What was said and done in each conversation, with its times.
fn courses(report: &Value) -> Vec<(String, Value)> {
    let all = report["conversations"].as_array().unwrap();
    let course = |one: &Value| {
        (
            one["name"].as_str().unwrap().to_owned(),
            one["lines"].clone(),
        )
    };
    all.iter().map(course).collect()
}

#[test]
fn the_examples_are_met_and_the_same_each_time_whatever_runs_beside_them() {
    let desk = desk(&[]);
    let examples = examples();
    let once = simulate(&desk, &["front-desk", &examples, "--json", "once.json"]);
    assert_eq!(once.status, 0, "{}\n{}", once.out, once.err);
    assert!(
        once.out.contains("ok      books an appointment"),
        "{}",
        once.out
    );
    assert!(
        once.out.ends_with("4 conversations: 4 met\n"),
        "{}",
        once.out
    );
    assert!(
        once.err.contains("[1/4] books an appointment (text)"),
        "{}",
        once.err
    );
    let arguments = [
        "front-desk",
        &examples,
        "--json",
        "again.json",
        "--jobs",
        "3",
        "--repeat",
        "2",
    ];
    let again = simulate(&desk, &arguments);
    assert_eq!(again.status, 0, "{}\n{}", again.out, again.err);
    let (once, again) = (
        courses(&json(&desk, "once.json")),
        courses(&json(&desk, "again.json")),
    );
    assert_eq!((once.len(), again.len()), (4, 8));
    for (at, (name, lines)) in once.iter().enumerate() {
        for (repeated, its_lines) in &again[2 * at..2 * at + 2] {
            assert!(
                repeated.starts_with(name.as_str()),
                "{repeated} is not {name}"
            );
            assert_eq!(lines, its_lines, "{name}");
        }
    }
    // What was there for the conversations alone went with them.
    let left: Vec<String> = std::fs::read_dir(desk.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("trunkline-simulate"))
        .collect();
    assert_eq!(left, [] as [String; 0]);
}

#[test]
fn an_agent_of_another_language_is_called_in_words() {
    let desk = desk(&[]);
    let said = simulate(&desk, &[&example("praxis.toml"), &example("praxis.yaml")]);
    assert_eq!(said.status, 0, "{}\n{}", said.out, said.err);
    assert!(
        said.out.ends_with("2 conversations: 2 met\n"),
        "{}",
        said.out
    );
}

const MISSES: &str = r#"
name: asks & leaves <early>
caller:
  script:
    - say: Yes, that is fine.
    - say: What time do you open?
    - hang_up: true
expect:
  - agent_says: eight in the morning
  - agent_says: a quarter to nine
  - ended_by: agent_hung_up
"#;

#[test]
fn a_miss_is_told_with_the_conversation_and_the_exit_code_is_1() {
    let desk = desk(&[("misses.yaml", MISSES)]);
    let said = simulate(
        &desk,
        &["front-desk", "misses.yaml", "--junit", "report.xml"],
    );
    assert_eq!(said.status, 1, "{}\n{}", said.out, said.err);
    for part in [
        "MISSED  asks & leaves <early>",
        "expected: the agent says \"a quarter to nine\"",
        "but: it did not",
        "expected: the call ends by agent_hung_up",
        "but: it is caller_hung_up",
        "caller  What time do you open?",
        "1 conversations: 0 met, 1 missed",
    ] {
        assert!(said.out.contains(part), "no {part:?} in {}", said.out);
    }
    let xml = std::fs::read_to_string(desk.path().join("report.xml")).unwrap();
    assert_eq!(
        without_times(&xml),
        r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="trunkline simulate" tests="1" failures="1" errors="0" time="T">
  <testsuite name="misses.yaml" tests="1" failures="1" errors="0" time="T">
    <testcase classname="misses.yaml" name="asks &amp; leaves &lt;early&gt;" time="T">
      <failure message="expected: the agent says &quot;a quarter to nine&quot;; but: it did not"/>
      <failure message="expected: the call ends by agent_hung_up; but: it is caller_hung_up"/>
      <system-out>CONVERSATION</system-out>
    </testcase>
  </testsuite>
</testsuites>
"#
    );
}

/// The report without what it took, and with its conversation, which has a test of its own, left out.
fn without_times(xml: &str) -> String {
    let mut out = String::new();
    for line in xml.lines() {
        let line = match line.split_once(" time=\"") {
            Some((before, rest)) => {
                let (_, after) = rest.split_once('"').unwrap();
                format!("{before} time=\"T\"{after}")
            }
            None => line.to_owned(),
        };
        out.push_str(&line);
        out.push('\n');
    }
    let (from, to) = (
        out.find("<system-out>").unwrap() + 12,
        out.find("</system-out>").unwrap(),
    );
    assert!(
        out[from..to].contains("caller  What time do you open?"),
        "{out}"
    );
    out.replace_range(from..to, "CONVERSATION");
    out
}

#[test]
fn what_cannot_be_played_is_told_with_its_place_and_the_exit_code_is_2() {
    let persona =
        "name: a\ncaller: {persona: {goal: Book a visit.}}\nexpect: [{ended_by: silence}]\n";
    let tools =
        "name: a\ncaller: {script: [{say: x}]}\ntools: {book: {}}\nexpect: [{ended_by: silence}]\n";
    let context = "name: a\ncaller: {script: [{say: x}]}\ncontext: {mood: good}\nexpect: [{ended_by: silence}]\n";
    let desk = desk(&[
        (
            "typo.yaml",
            "name: a\ncaller: {script: [{shout: x}]}\nexpect: []\n",
        ),
        ("persona.yaml", persona),
        ("tools.yaml", tools),
        ("context.yaml", context),
        (
            "mindless.toml",
            "name = \"Robin\"\nbusiness = \"Oak\"\nprompt = \"x\"\n",
        ),
        ("wrong.toml", "listen = 3\n"),
    ]);
    let examples = examples();
    for (arguments, names) in [
        (
            vec!["front-desk", "typo.yaml"],
            vec!["typo.yaml, line 2", "shout"],
        ),
        (
            vec!["front-desk", "persona.yaml"],
            vec!["a `persona` needs a language model"],
        ),
        (
            vec!["front-desk", "tools.yaml"],
            vec!["has no tool \"book\"; it has none"],
        ),
        (vec!["front-desk", "context.yaml"], vec!["/variables/mood"]),
        (vec!["front-desk", "none.yaml"], vec!["none.yaml"]),
        (vec!["front-desk", "."], vec!["/typo.yaml, line 2"]),
        (
            vec!["nobody", &examples],
            vec!["there is no agent \"nobody\"", "front-desk"],
        ),
        (
            vec!["front-desk", &examples, "--filter", "swims"],
            vec!["no scenario is left"],
        ),
        (
            vec!["front-desk", &examples, "--filter", "("],
            vec!["--filter"],
        ),
        (
            vec!["front-desk", &examples, "--llm", "here"],
            vec!["--llm"],
        ),
        (
            vec!["front-desk", &examples, "--config", "wrong.toml"],
            vec!["line 1"],
        ),
    ] {
        let said = simulate(&desk, &arguments);
        assert_eq!(said.status, 2, "{arguments:?}: {}{}", said.out, said.err);
        for name in names {
            assert!(
                said.err.contains(name),
                "{arguments:?}: no {name:?} in {}",
                said.err
            );
        }
        assert!(!said.err.contains("panicked"), "{}", said.err);
    }
    // An agent whose model is not there holds no conversation.
    let said = simulate(
        &desk,
        &[
            "mindless.toml",
            &examples,
            "--filter",
            "^books",
            "--junit",
            "report.xml",
        ],
    );
    assert_eq!(said.status, 2, "{}{}", said.out, said.err);
    assert!(
        said.out.contains("no language model is configured"),
        "{}",
        said.out
    );
    let xml = std::fs::read_to_string(desk.path().join("report.xml")).unwrap();
    assert!(
        xml.contains("errors=\"1\"") && xml.contains("<error message="),
        "{xml}"
    );
}
