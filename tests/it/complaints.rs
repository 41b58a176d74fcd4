//! `tests/COMPLAINTS.md` and `tests/mends.toml`: what the table names is there, so that it does not rot.

mod without;

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use serde::Deserialize;

/// What users of such servers complain about.
const COMPLAINTS: u32 = 22;

/// A line of the table: something that is promised, what proves it, and the mend without which that fails.
#[derive(Debug)]
struct Row {
    /// A number of [`COMPLAINTS`], or a letter.
    of: String,
    /// A file and the name of a test in it, or a scenario.
    proof: Proof,
    mend: String,
}

#[derive(Debug)]
enum Proof {
    Test { file: String, name: String },
    Scenario { file: String },
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Test { file, name } => write!(f, "{file}::{name}"),
            Self::Scenario { file } => f.write_str(file),
        }
    }
}

/// A change of the sources that takes something out again.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mend {
    /// What is the case without it.
    without: String,
    file: String,
    /// This text stands in the file once …
    from: String,
    /// … and this takes its place.
    to: String,
}

#[derive(Deserialize)]
struct Mends {
    mend: Vec<Mend>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    let text = std::fs::read_to_string(root().join(file));
    text.unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// What stands between back quotes, which is all of it.
fn quoted(cell: &str) -> &str {
    let inner = cell.strip_prefix('`').and_then(|c| c.strip_suffix('`'));
    inner.unwrap_or_else(|| panic!("{cell:?} has no back quotes"))
}

fn rows() -> Vec<Row> {
    let text = read("tests/COMPLAINTS.md");
    let lines = text.lines().filter_map(|line| line.strip_prefix("| "));
    let mut rows = Vec::new();
    for line in lines.filter(|line| !line.starts_with("# ")) {
        let cells: Vec<&str> = line.trim_end_matches('|').split('|').collect();
        let [of, _, _, proof, without] = cells[..] else {
            panic!("not five cells: {line}");
        };
        let proof = quoted(proof.trim());
        let proof = match proof.split_once("::") {
            Some((file, name)) => Proof::Test {
                file: file.into(),
                name: name.into(),
            },
            None => Proof::Scenario { file: proof.into() },
        };
        rows.push(Row {
            of: of.trim().into(),
            proof,
            mend: quoted(without.trim()).into(),
        });
    }
    rows
}

fn mends() -> Vec<Mend> {
    let mends: Mends = toml::from_str(&read("tests/mends.toml")).unwrap();
    mends.mend
}

/// Whether the text has a test function of this name.
fn has_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let begins = [format!("fn {name}("), format!("async fn {name}(")];
    let found = lines
        .iter()
        .position(|line| begins.iter().any(|begin| line.starts_with(begin)));
    let Some(at) = found else {
        return false;
    };
    let above = lines[..at].iter().rev();
    let mut attributes = above.take_while(|line| line.starts_with("#["));
    attributes.any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
}

#[test]
fn every_complaint_has_a_row_and_every_row_is_filled() {
    let rows = rows();
    let numbers: BTreeSet<u32> = rows.iter().filter_map(|row| row.of.parse().ok()).collect();
    assert!(numbers.into_iter().eq(1..=COMPLAINTS));
    for letter in ["A", "B", "C"] {
        assert!(rows.iter().any(|row| row.of == letter), "{letter}");
    }
}

#[test]
fn every_test_and_scenario_of_the_table_is_there() {
    for row in rows() {
        match &row.proof {
            Proof::Test { file, name } => {
                assert!(has_test(&read(file), name), "no test {name} in {file}");
            }
            Proof::Scenario { file } => {
                assert!(file.starts_with("tests/scenarios/"), "{file}");
                assert!(!read(file).is_empty(), "{file}");
            }
        }
    }
}

#[test]
fn every_mend_of_the_table_can_still_be_taken_out() {
    let mends = mends();
    let rows = rows();
    let names: BTreeSet<&str> = mends.iter().map(|mend| mend.without.as_str()).collect();
    assert_eq!(names.len(), mends.len(), "two mends of one name");
    for row in &rows {
        assert!(names.contains(&*row.mend), "no mend {:?}", row.mend);
    }
    for mend in &mends {
        let (name, file) = (&mend.without, &mend.file);
        assert!(
            rows.iter().any(|row| row.mend == *name),
            "{name:?} is in no row"
        );
        assert_ne!(mend.from, mend.to, "{name:?}");
        let times = read(file).matches(&mend.from).count();
        assert_eq!(times, 1, "{name:?}: its text in {file}");
    }
}
