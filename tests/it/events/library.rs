//! The library that Standard Webhooks' authors publish for Python, which `pip` fetches once.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::receiver::Told;

/// What is installed, by exact version and hash.
const PACKAGES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/fixtures/standard_webhooks/requirements.txt"
);
/// What asks it.
const PROGRAM: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/fixtures/standard_webhooks/verify.py"
);

fn python(arguments: &[&str]) -> Command {
    let mut command = Command::new("python3");
    command.args(arguments).env_remove("PYTHONPATH");
    command.stderr(Stdio::inherit());
    command
}

/// The folder of the package.
fn packages() -> PathBuf {
    let sum = Sha256::digest(std::fs::read(PACKAGES).unwrap());
    let name: String = sum.iter().take(8).map(|b| format!("{b:02x}")).collect();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("standard-webhooks-{name}"));
    if folder.exists() {
        return folder;
    }
    let part = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let target = part.path().join("packages");
    let mut pip = python(&["-m", "pip", "install", "--quiet", "--no-input"]);
    pip.args([
        "--disable-pip-version-check",
        "--no-deps",
        "--require-hashes",
    ]);
    pip.args(["--only-binary=:all:", "--root-user-action=ignore"]);
    pip.args(["--requirement", PACKAGES, "--target"])
        .arg(&target);
    let installed = pip.stdin(Stdio::null()).status().unwrap();
    assert!(installed.success(), "pip could not install {PACKAGES}");
    // Another run of the tests may have been first.
    let _ = std::fs::rename(&target, &folder);
    assert!(folder.exists());
    folder
}

/// What the library says of each: its type, or why it is refused.
pub(crate) fn verify(told: &[(&str, &Told)]) -> Vec<String> {
    let mut command = python(&[PROGRAM]);
    command.env("PYTHONPATH", packages());
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut lines = String::new();
    for (secret, told) in told {
        let line = json!({ "secret": secret, "headers": told.headers, "body": told.body });
        lines += &line.to_string();
        lines.push('\n');
    }
    let mut input = process.stdin.take().unwrap();
    input.write_all(lines.as_bytes()).unwrap();
    drop(input);
    let said = process.wait_with_output().unwrap();
    assert!(said.status.success());
    let said = String::from_utf8(said.stdout).unwrap();
    said.lines().map(str::to_owned).collect()
}
