//! Takes one mend out at a time, in a copy of the sources, and runs the tests that the table names for it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::{Mend, Proof, Row, mends, root, rows};

/// Longest that a test may take without its mend; one that hangs has noticed. In seconds.
const PATIENCE_S: &str = "900";

/// A copy of all that is under version control, built by itself.
struct Copy {
    folder: PathBuf,
    target: PathBuf,
}

impl Copy {
    /// In `target`, where an earlier copy may be: what is the same there is not built again.
    fn make(target: PathBuf) -> Self {
        let folder = target.join("without");
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others"])
            .arg("--exclude-standard")
            .current_dir(root())
            .output()
            .unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        for file in listed.split('\0').filter(|file| !file.is_empty()) {
            let Ok(bytes) = std::fs::read(root().join(file)) else {
                continue;
            };
            let to = folder.join(file);
            if std::fs::read(&to).is_ok_and(|there| there == bytes) {
                continue;
            }
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::write(to, bytes).unwrap();
        }
        Self { folder, target }
    }

    fn test(&self, choice: &[String]) -> Output {
        Command::new("timeout")
            .args([PATIENCE_S, "cargo", "test"])
            .args(choice)
            .env("CARGO_TARGET_DIR", &self.target)
            .current_dir(&self.folder)
            .output()
            .unwrap()
    }
}

/// What cargo is asked for, and the line of its output that says that the test has failed.
fn choice(proof: &Proof) -> (Vec<String>, String) {
    let (package, binary, name, failure) = match proof {
        Proof::Scenario { file } => {
            let file = Path::new(file).file_name().unwrap().to_str().unwrap();
            let name = "every_scenario_plays_as_written";
            let binary = "--test=conversations";
            ("trunkline-core", binary, name, format!("{file}:"))
        }
        Proof::Test { file, name } => {
            let (package, binary) = match file.as_str() {
                file if file.starts_with("tests/it/") => ("trunkline", "--test=it"),
                file if file.starts_with("src/core/tests/it/") => {
                    ("trunkline-core", "--test=conversations")
                }
                file if file.starts_with("src/core/src/") => ("trunkline-core", "--lib"),
                "media/tests/alloc.rs" => ("trunkline-media", "--test=alloc"),
                file if file.starts_with("media/src/") => ("trunkline-media", "--lib"),
                file if file.starts_with("src/") => ("trunkline", "--lib"),
                _ => panic!("it is not known how {file} is tested"),
            };
            (package, binary, name.as_str(), name.clone())
        }
    };
    let choice = ["-q", "-p", package, binary, "--", name].map(str::to_owned);
    (choice.into(), failure)
}

/// What becomes of a test without the mend.
fn outcome(copy: &Copy, row: &Row) -> &'static str {
    let (choice, failure) = choice(&row.proof);
    let output = copy.test(&choice);
    let text = String::from_utf8_lossy(&output.stdout);
    match output.status.code() {
        Some(124) => "hangs",
        _ if output.status.success() => "NOT NOTICED",
        _ if !text.contains("test result: FAILED") => {
            println!("{text}{}", String::from_utf8_lossy(&output.stderr));
            "DOES NOT BUILD"
        }
        _ if text.lines().any(|line| is_failure(line, &failure)) => "fails",
        _ => "FAILS ELSEWHERE",
    }
}

fn is_failure(line: &str, of: &str) -> bool {
    let line = line.trim();
    line == of || line.ends_with(&format!("::{of}")) || of.ends_with(':') && line.starts_with(of)
}

#[expect(
    clippy::disallowed_methods,
    reason = "switches of the test run, not of the product"
)]
fn switch(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// With `MENDS=WORD`, those alone whose name or file has the word in it. `MENDS_TARGET` is where the copy is built, and
/// is kept.
#[test]
#[ignore = "builds the server once for each mend: cargo test --test it complaints::without -- --ignored --nocapture"]
fn its_mend_each_test_of_the_table_fails() {
    let only = switch("MENDS").unwrap_or_default();
    let passing = tempfile::tempdir().unwrap();
    let kept = switch("MENDS_TARGET").map(PathBuf::from);
    let copy = Copy::make(kept.unwrap_or_else(|| passing.path().to_owned()));
    let rows = rows();
    let is_asked_for = |mend: &Mend| mend.without.contains(&only) || mend.file.contains(&only);
    let mut unnoticed = 0;
    for mend in mends().into_iter().filter(is_asked_for) {
        let file = copy.folder.join(&mend.file);
        let whole = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, whole.replacen(&mend.from, &mend.to, 1)).unwrap();
        println!("{} ({})", mend.without, mend.file);
        for row in rows.iter().filter(|row| row.mend == mend.without) {
            let outcome = outcome(&copy, row);
            unnoticed += usize::from(!["fails", "hangs"].contains(&outcome));
            println!("  {outcome}: {} {}", row.of, row.proof);
        }
        std::fs::write(&file, whole).unwrap();
    }
    assert_eq!(unnoticed, 0);
}
