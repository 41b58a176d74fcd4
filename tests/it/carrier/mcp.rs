//! A published MCP server, used in a call from its first ring to what is kept of it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use trunkline::stack::Defaults;
use trunkline::tools::{OwnTool, ToolSecret};

use super::rig::{Town, converse};
use crate::session::mcp_server::way_to;
use crate::session::model::{Answer, Model};
use crate::session::rig::{heard, unhurried};

const GOODBYE: &str = "Goodbye then.";
/// What is installed, by exact version and hash.
const PACKAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/mcp/requirements.txt");
/// What serves it.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/mcp/serve.py");

fn python(arguments: &[&str], path: Option<&Path>) -> Command {
    let mut command = Command::new("python3");
    command.args(arguments).env_remove("PYTHONPATH");
    if let Some(path) = path {
        command.env("PYTHONPATH", path);
    }
    command.stdin(Stdio::null()).stderr(Stdio::inherit());
    command
}

/// The folder of the packages, which `pip` fills once.
fn packages() -> PathBuf {
    let version = python(&["--version"], None).output().unwrap().stdout;
    let mut sum = Sha256::new_with_prefix(std::fs::read(PACKAGES).unwrap());
    sum.update(version);
    let name: String = sum
        .finalize()
        .iter()
        .take(8)
        .map(|b| format!("{b:02x}"))
        .collect();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("mcp-{name}"));
    if folder.exists() {
        return folder;
    }
    let part = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let target = part.path().join("packages");
    let installed = python(
        &[
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-input",
            "--disable-pip-version-check",
            "--no-deps",
            "--require-hashes",
            "--only-binary=:all:",
            "--root-user-action=ignore",
            "--requirement",
            PACKAGES,
            "--target",
            target.to_str().unwrap(),
        ],
        None,
    )
    .status()
    .unwrap();
    assert!(installed.success(), "pip could not install {PACKAGES}");
    // Another run of the tests may have been first.
    let _ = std::fs::rename(&target, &folder);
    assert!(folder.exists());
    folder
}

/// The server `mcp-server-time`, as it is published, at a port of loopback.
struct Published {
    process: Child,
    port: u16,
}

impl Published {
    fn start() -> Self {
        let mut command = python(&[PROGRAM], Some(&packages()));
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let out = process.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap();
        Self { process, port }
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn town(model: &Model, url: &str) -> Town {
    let document = json!({
        "kind": "mcp", "name": "clock", "description": "Knows times and zones.", "url": url,
        "tools": ["convert_time"], "words": "Let me look at the clock.",
    });
    let tool = OwnTool {
        document: serde_json::from_value(document).unwrap(),
        secret: ToolSecret::default(),
    };
    let defaults = Defaults {
        chat: Some(model.settings.clone()),
        tools: [("clock".to_owned(), tool)].into(),
        ..Defaults::default()
    };
    let town = Town::equipped(defaults).await;
    let clerk = json!({
        "name": "Robin", "business": "Oak", "prompt": "You are Robin.", "greeting": "How can I help you?",
        "recording": { "record": true, "mode": "affirmative", "places": ["US-NY"] },
        "turn": { "drafts_max": 0 }, "tools": ["clock"],
    });
    town.answer_by(&clerk).await;
    town
}

#[tokio::test(start_paused = true)]
async fn a_published_server_answers_a_caller() {
    let asked =
        r#"{"source_timezone":"Asia/Kolkata","time":"09:00","target_timezone":"Asia/Tokyo"}"#;
    let wrong =
        r#"{"source_timezone":"Asia/Kolkata","time":"09:00","target_timezone":"Mars/Olympus"}"#;
    let model = Model::open([
        Answer::Calls("", vec![("clock_convert_time", asked)]),
        Answer::Words(vec!["That is half past twelve in Tokyo."], 0),
        Answer::Calls("", vec![("clock_convert_time", wrong)]),
        Answer::Words(vec!["I know of no such place."], 0),
        Answer::Goodbye(GOODBYE),
    ])
    .await;
    let (town, methods, _published) = unhurried(async {
        let published = tokio::task::spawn_blocking(Published::start).await.unwrap();
        let (url, methods) = way_to(published.port).await;
        (town(&model, &url).await, methods, published)
    })
    .await;
    let mut line = town.rung().await;
    let says = [
        "yes please",
        "What is nine in Delhi in Tokyo?",
        "And on Mars?",
        "That is all.",
    ];
    converse(&mut line, &says).await;
    line.wait_until_over().await;
    let words = heard(&line.finish().await.unwrap());
    assert!(words.contains("half past twelve in Tokyo"), "{words}");

    // Of its two tools the model knows the one that is allowed, with the schema that the server gave.
    let request: Value = serde_json::from_str(&model.requests()[0]).unwrap();
    let tools = request["tools"].as_array().unwrap();
    let tools: Vec<&Value> = tools.iter().map(|tool| &tool["function"]).collect();
    assert_eq!(tools[0]["name"], "clock_convert_time");
    assert_eq!(tools[0]["description"], "Convert time between timezones");
    let required = &tools[0]["parameters"]["required"];
    assert_eq!(
        *required,
        json!(["source_timezone", "time", "target_timezone"])
    );
    assert!(!request.to_string().contains("get_current_time"));

    town.written().await;
    let transcript = town.shown("/transcript").await.fine();
    let turns = transcript["turns"].as_array().unwrap().iter();
    let used: Vec<&Value> = turns
        .map(|turn| &turn["tool"])
        .filter(|tool| tool.is_object())
        .collect();
    assert_eq!(used[0]["outcome"], "done", "{used:?}");
    let result: Value = serde_json::from_str(used[0]["result"].as_str().unwrap()).unwrap();
    assert_eq!(result["time_difference"], "+3.5h", "{result}");
    let there = result["target"]["datetime"].as_str().unwrap();
    assert!(there.ends_with("T12:30:00+09:00"), "{there}");
    assert_eq!(used[1]["outcome"], "failed", "{used:?}");
    let says = used[1]["result"].as_str().unwrap();
    assert!(says.contains("Mars/Olympus"), "{says}");
    let methods = methods.lock().unwrap().clone();
    let begun = [
        "initialize",
        "notifications/initialized",
        "tools/list",
        "tools/call",
        "tools/call",
    ];
    assert_eq!(methods[..5], begun, "{methods:?}");
}
