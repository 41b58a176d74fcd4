//! The command as its user meets it. None of these needs a model.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;
use trunkline_core::token::{Claims, Direction, Key, TokenError, verify};

use crate::session::rig::now_s;

/// A folder with these files, and the command run in it.
struct Desk(TempDir);

struct Said {
    status: i32,
    out: String,
    err: String,
}

impl Desk {
    fn with(files: &[(&str, &str)]) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            std::fs::write(desk.path(name), text).unwrap();
        }
        desk
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &str) -> Said {
        let Output {
            status,
            stdout,
            stderr,
        } = Command::new(env!("CARGO_BIN_EXE_trunkline"))
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .env_clear()
            .env("HOME", self.0.path())
            .output()
            .unwrap();
        Said {
            status: status.code().unwrap(),
            out: String::from_utf8(stdout).unwrap(),
            err: String::from_utf8(stderr).unwrap(),
        }
    }

    /// The key that the command has made.
    fn key(&self, data: &str) -> Key {
        let text = std::fs::read_to_string(self.path(data).join("media.key")).unwrap();
        let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..64).step_by(2).map(byte).collect();
        Key::from_bytes(&bytes).unwrap()
    }
}

/// Fails with status 1, says all of this, each once, and nothing on the standard output.
fn refuses(desk: &Desk, arguments: &str, names: &[&str]) {
    let said = desk.run(arguments);
    assert_eq!(said.status, 1, "{arguments}: {}", said.err);
    assert_eq!(said.out, "", "{arguments}");
    assert!(
        said.err.starts_with("trunkline: "),
        "{arguments}: {}",
        said.err
    );
    for name in names {
        assert!(
            said.err.contains(name),
            "{arguments} does not name {name:?}: {}",
            said.err
        );
    }
    assert!(!said.err.contains("panicked"), "{arguments}: {}", said.err);
    let causes = said.err.matches("os error").count();
    assert!(
        causes <= 1,
        "{arguments} says its cause {causes} times: {}",
        said.err
    );
}

#[test]
fn a_wrong_configuration_is_refused_with_its_file_and_line() {
    for (text, names) in [
        (
            "listen = \"127.0.0.1:1\"\nlisen = 3\n",
            vec!["line 2", "lisen", "listen"],
        ),
        ("\n\nlisten = \"here\"\n", vec!["line 3", "listen"]),
        ("[speech]\nworkers = \"many\"\n", vec!["line 2", "workers"]),
        (
            "[speech]\nworkers = 0\n",
            vec!["speech.workers", "between 1 and 256"],
        ),
        ("[llm]\nmodle = \"x\"\n", vec!["line 2", "modle"]),
        (
            "[llm]\nmodel = \"x\"\n",
            vec!["llm.base_url", "both or neither"],
        ),
        ("public_url = \"https://x\"\n", vec!["public_url", "wss://"]),
        ("public_url = \"wss://x/?a=b\"\n", vec!["public_url"]),
        ("listen = \"127.0.0.1:1\"\nlisten", vec!["line 2"]),
        ("agents = \"none\"\n", vec!["none", "`agents`"]),
    ] {
        let desk = Desk::with(&[("trunkline.toml", text), ("mine.toml", text)]);
        let is_read = !names
            .iter()
            .any(|n| n.contains('.') || *n == "public_url" || *n == "none");
        for (arguments, file) in [
            ("agents list", "trunkline.toml"),
            ("--config mine.toml agents list", "mine.toml"),
            (
                "stream-url --agent front-desk --config mine.toml",
                "mine.toml",
            ),
            ("serve --config mine.toml --listen 127.0.0.1:0", "mine.toml"),
        ] {
            // A value that makes no sense is named by its key instead of its place.
            let mut names = names.clone();
            names.extend(is_read.then_some(file));
            refuses(&desk, arguments, &names);
        }
    }
    refuses(
        &Desk::with(&[]),
        "agents list --config none.toml",
        &["none.toml", "--config"],
    );
}

#[test]
fn a_port_that_is_taken_is_named_with_a_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let configuration = format!("listen = \"{address}\"\n");
    let desk = Desk::with(&[("trunkline.toml", &configuration)]);
    let address = address.to_string();
    let names = [address.as_str(), "in use", "--listen", "`listen`"];
    refuses(&desk, "serve", &names);
    refuses(
        &Desk::with(&[]),
        &format!("serve --listen {address}"),
        &names,
    );
}

/// The claims in a URL that the command printed.
fn claims(desk: &Desk, data: &str, base: &str, said: &Said) -> Result<Claims, TokenError> {
    assert_eq!((said.status, said.err.as_str()), (0, ""));
    let token = said
        .out
        .strip_prefix(base)
        .and_then(|rest| rest.strip_prefix("/media/twilio/"))
        .and_then(|rest| rest.strip_suffix('\n'))
        .unwrap_or_else(|| panic!("not below {base}: {}", said.out));
    assert!(!token.contains(['/', '?', '#', '\n']));
    verify(token, &desk.key(data), now_s())
}

#[test]
fn a_media_url_is_signed_with_the_key_that_the_server_uses() {
    let desk = Desk::with(&[]);
    let usual = claims(
        &desk,
        "data",
        "ws://127.0.0.1:8080",
        &desk.run("stream-url --agent front-desk"),
    )
    .unwrap();
    assert_eq!(
        (usual.agent.as_str(), usual.direction),
        ("front-desk", Direction::Inbound)
    );
    assert!(!usual.reusable && usual.from.is_none() && usual.to.is_none());
    assert!(usual.call_id.starts_with("call_"));
    assert!((295..=300).contains(&(usual.expires_unix_s - now_s())));

    let again = desk.run("stream-url --agent front-desk");
    let again = claims(&desk, "data", "ws://127.0.0.1:8080", &again).unwrap();
    assert_ne!(
        usual.call_id, again.call_id,
        "each is for a call of its own"
    );

    let desk = Desk::with(&[(
        "trunkline.toml",
        "public_url = \"wss://voice.example.com/\"\ndata = \"kept/here\"\n",
    )]);
    let said = desk.run(
        "stream-url --agent assistant --from +15005550006 --to +15005550009 --outbound --reusable --ttl 60",
    );
    let told = claims(&desk, "kept/here", "wss://voice.example.com", &said).unwrap();
    assert_eq!(
        (told.agent.as_str(), told.direction),
        ("assistant", Direction::Outbound)
    );
    assert!(told.reusable && told.from.is_some() && told.to.is_some());
    assert!((55..=60).contains(&(told.expires_unix_s - now_s())));
    #[cfg(unix)]
    {
        let key = std::fs::metadata(desk.path("kept/here/media.key")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(&key.permissions());
        assert_eq!(mode & 0o777, 0o600, "nobody else may read it");
    }
}

#[test]
fn a_media_url_that_cannot_be_made_says_why() {
    let desk = Desk::with(&[("trunkline.toml", "data = \"file\"\n"), ("file", "")]);
    refuses(
        &desk,
        "stream-url --agent nobody",
        &["\"nobody\"", "assistant, front-desk"],
    );
    refuses(
        &desk,
        "stream-url --agent front-desk",
        &["file", "data folder", "`data`"],
    );
    let desk = Desk::with(&[]);
    std::fs::create_dir(desk.path("data")).unwrap();
    std::fs::write(desk.path("data/media.key"), "short").unwrap();
    refuses(
        &desk,
        "stream-url --agent front-desk",
        &["data/media.key", "is not a key", "delete it"],
    );
    for wrong in [
        "--ttl 0",
        "--ttl 86401",
        "--from 5550006",
        "--to x",
        "--what",
    ] {
        let said = desk.run(&format!("stream-url --agent front-desk {wrong}"));
        assert_eq!(said.status, 2, "{wrong}");
        let flag = wrong.split(' ').next().unwrap();
        assert!(
            said.err.contains(flag) && said.err.contains("--help"),
            "{wrong}: {}",
            said.err
        );
        assert!(!said.err.contains("panicked"), "{}", said.err);
    }
}

#[test]
fn a_demo_of_an_agent_that_is_not_there_names_those_that_are_before_it_fetches_a_model() {
    // Models could not be kept here.
    let desk = Desk::with(&[("trunkline.toml", "models = \"file\"\n"), ("file", "")]);
    let names = ["\"front-dsk\"", "assistant, front-desk"];
    refuses(&desk, "demo --agent front-dsk", &names);
    refuses(&desk, "demo", &["file"]);
}

const AGENT: &str = "name = \"Robin\"\nbusiness = \"Oak\"\n";

#[test]
fn an_agent_that_is_wrong_is_refused_with_its_place() {
    let flow = "start = \"a\"\n[states.a]\nsay = \"Hello.\"\n";
    for (agent, flow, names) in [
        (
            format!("{AGENT}promt = \"x\"\n"),
            "",
            vec!["line 3", "promt"],
        ),
        (AGENT.into(), "", vec!["`flow`", "`prompt`"]),
        (
            format!("{AGENT}flow = \"none.toml\"\n"),
            "",
            vec!["none.toml", "os error"],
        ),
        (
            "name = \"\"\nbusiness = \"x\"\nprompt = \"y\"".into(),
            "",
            vec!["/name: "],
        ),
        (
            format!("{AGENT}prompt = \"x\"\nopening = [\"Hello.\"]\n"),
            "",
            vec!["`opening`", "AI assistant"],
        ),
        (
            format!("{AGENT}flow = \"a.flow.toml\"\n"),
            flow,
            vec!["a.flow.toml", "line 3", "state `a`", "end = true"],
        ),
        (
            format!("{AGENT}flow = \"a.flow.toml\"\n"),
            "start = \"b\"\n[states.a]\nsay = \"Hello.\"\nend = true\n",
            vec!["a.flow.toml", "line 1", "no state `b`"],
        ),
        (
            format!("{AGENT}flow = \"a.flow.toml\"\n"),
            "start = \"a\"\n[states.a]\nsay = \"Hello {{name\"\nend = true\n",
            vec!["a.flow.toml", "line 3", "}}"],
        ),
        (
            format!("{AGENT}flow = \"a.flow.toml\"\n"),
            "start = ",
            vec!["a.flow.toml", "line 1"],
        ),
    ] {
        let desk = Desk::with(&[("a.toml", &agent), ("a.flow.toml", flow)]);
        let mut names = names;
        names.push("a.toml");
        refuses(&desk, "agents check a.toml", &names);
    }
    let desk = Desk::with(&[]);
    refuses(&desk, "agents check none.toml", &["none.toml"]);
    let large = format!("{AGENT}prompt = \"{}\"\n", "x".repeat(1024 * 1024));
    refuses(
        &Desk::with(&[("a.toml", &large)]),
        "agents check a.toml",
        &["a.toml", "1048576"],
    );
}

#[test]
fn agents_of_ones_own_stand_beside_those_that_ship() {
    let agent = format!("{AGENT}flow = \"mine.flow.toml\"\n");
    let flow = "start = \"a\"\n[states.a]\nsay = \"Hello.\"\nend = true\n";
    let desk = Desk::with(&[("trunkline.toml", "agents = \"who\"\n")]);
    std::fs::create_dir(desk.path("who")).unwrap();
    std::fs::write(desk.path("who/mine.toml"), agent).unwrap();
    std::fs::write(desk.path("who/mine.flow.toml"), flow).unwrap();
    let said = desk.run("agents list");
    assert_eq!(
        (said.status, said.out.as_str()),
        (0, "assistant\nfront-desk\nmine\n")
    );
    let said = desk.run("agents check who/mine.toml");
    assert_eq!(
        (said.status, said.out.as_str()),
        (0, "agent mine is fine\n")
    );
    assert_eq!(desk.run("stream-url --agent mine").status, 0);
}

#[test]
fn help_tells_every_command_and_option() {
    let desk = Desk::with(&[]);
    let said = desk.run("--help");
    assert_eq!(said.status, 0);
    for command in [
        "demo",
        "serve",
        "stream-url",
        "models",
        "agents",
        "say",
        "transcribe",
    ] {
        let line = said
            .out
            .lines()
            .find(|line| line.trim_start().starts_with(command));
        let told = line.and_then(|line| line.trim_start().strip_prefix(command));
        assert!(
            told.is_some_and(|told| told.trim().len() > 5),
            "{command}: {}",
            said.out
        );
        let own = desk.run(&format!("{command} --help"));
        assert_eq!(own.status, 0, "{command}");
        let lines: Vec<&str> = own.out.lines().map(str::trim).collect();
        for (at, option) in lines
            .iter()
            .enumerate()
            .filter(|(_, l)| l.starts_with("--"))
        {
            // What it means stands behind it or below.
            let words = option
                .split_once("  ")
                .map_or(lines[at + 1], |(_, words)| words);
            assert!(words.trim().len() > 5, "{command}: {option}");
        }
    }
    assert!(desk.run("serve --help").out.contains("--listen"));
    assert!(desk.run("--version").out.starts_with("trunkline "));
    assert_eq!(desk.run("").status, 2);
    assert!(
        !Path::new(&desk.path("data")).exists(),
        "asking leaves nothing behind"
    );
}

#[test]
fn a_long_opening_is_advised_against() {
    let agent = |record: bool| {
        format!(
            "name = \"Robin\"\nbusiness = \"Oak\"\nprompt = \"x\"\n[opening]\npurpose = \"your visit\"\n\
             [recording]\nrecord = {record}\n"
        )
    };
    let desk = Desk::with(&[("short.toml", &agent(false)), ("long.toml", &agent(true))]);
    let said = desk.run("agents check short.toml");
    assert_eq!(
        (said.status, said.out.as_str()),
        (0, "agent short is fine\n")
    );
    let said = desk.run("agents check long.toml");
    assert_eq!(said.status, 0, "{}", said.err);
    assert!(
        said.out.contains("advice: /opening: ") && said.out.contains("keep them to 12 s"),
        "{}",
        said.out
    );
}

#[test]
fn an_operator_forbids_numbers_to_everybody() {
    let list = "+15550100101\n\n5550100102\n +1 (555) 010-0103 \n";
    let desk = Desk::with(&[("list.txt", list)]);
    assert_eq!(desk.run("init").status, 0);
    let said = desk.run("suppress +15550100101 --reason do_not_call");
    assert_eq!(said.status, 0, "{}", said.err);
    assert!(said.out.contains("1 are new, 0 lines"), "{}", said.out);
    let said = desk.run("suppress --file list.txt --reason opt_out");
    assert_eq!(said.status, 1);
    assert!(said.err.contains("line 3: "), "{}", said.err);
    assert!(said.out.starts_with("2 numbers"), "{}", said.out);
    assert!(said.out.contains("1 are new, 1 lines"), "{}", said.out);
    assert!(!said.err.contains("5550100102"), "{}", said.err);
    let said = desk.run("unsuppress +15550100103 --reason mistake");
    assert_eq!(said.status, 0, "{}", said.err);
    refuses(
        &desk,
        "unsuppress +15550100103 --reason mistake",
        &["does not forbid this number"],
    );
    refuses(&desk, "suppress --reason other", &["--file"]);
    refuses(
        &desk,
        "suppress --file nowhere --reason other",
        &["nowhere"],
    );
    refuses(
        &desk,
        "suppress 911 --reason other",
        &["one of the numbers"],
    );
}
