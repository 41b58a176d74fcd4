//! Scenarios from files: read within bounds, and wrong with line and column.

use std::path::{Path, PathBuf};

use serde_saphyr::{
    DefaultMessageFormatter, DuplicateKeyPolicy, Location, MergeKeyPolicy, MessageFormatter as _,
    Options, Spanned,
};

use super::caller::Deed;
use super::check::Check;
use super::people::AFTER_MS_MAX;
use super::scenario::{Mode, Scenario};

/// Largest file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Most files of a folder.
const FILES_MAX: usize = 1_000;
/// Most scenarios of a file.
const SCENARIOS_MAX: usize = 500;
/// Most steps of a script, and most expectations.
const STEPS_MAX: usize = 500;
/// Longest that a conversation may be made.
const SECONDS_MAX: u32 = 3_600;
/// Longest that a tool may be made to take.
const TOOL_MS_MAX: u64 = 4_500;
/// Loudest noise, and quietest.
const NOISE_DB: std::ops::RangeInclusive<f32> = -80.0..=-6.0;
/// Most turns of a persona.
const TURNS_MAX: u32 = 200;

/// A scenario cannot be used. Says where and why.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {what}", path.display(), place.map(|(line, column)| format!(", line {line}, column {column}")).unwrap_or_default())]
pub struct Unreadable {
    path: PathBuf,
    place: Option<(u64, u64)>,
    what: String,
}

/// A scenario that can be played.
#[derive(Clone, Debug)]
pub struct Ready {
    /// The file it stands in.
    pub file: PathBuf,
    /// What it says.
    pub scenario: Scenario,
    /// What the caller does, if that is written down.
    pub script: Option<Vec<Deed>>,
    /// What must be the case, in order.
    pub checks: Vec<Check>,
}

/// All scenarios of a file, or of every `.yaml` and `.yml` of a folder, by name.
///
/// # Errors
/// The first thing that is wrong.
pub fn scenarios(path: &Path) -> Result<Vec<Ready>, Unreadable> {
    let wrong = |error: std::io::Error| Unreadable {
        path: path.to_owned(),
        place: None,
        what: error.to_string(),
    };
    let is_folder = std::fs::metadata(path).map_err(wrong)?.is_dir();
    let files = if is_folder {
        files_of(path)?
    } else {
        vec![path.to_owned()]
    };
    let mut all = Vec::new();
    for file in files {
        all.extend(of_file(&file)?);
    }
    Ok(all)
}

fn files_of(folder: &Path) -> Result<Vec<PathBuf>, Unreadable> {
    let wrong = |what: String| Unreadable {
        path: folder.to_owned(),
        place: None,
        what,
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| wrong(error.to_string()))? {
        let path = entry.map_err(|error| wrong(error.to_string()))?.path();
        let is_yaml = path
            .extension()
            .is_some_and(|ending| ending == "yaml" || ending == "yml");
        if is_yaml {
            files.push(path);
        }
        if files.len() > FILES_MAX {
            return Err(wrong(format!(
                "there are more than {FILES_MAX} scenario files"
            )));
        }
    }
    if files.is_empty() {
        return Err(wrong("there is no .yaml file in it".into()));
    }
    files.sort();
    Ok(files)
}

fn of_file(path: &Path) -> Result<Vec<Ready>, Unreadable> {
    let wrong = |place, what: String| Unreadable {
        path: path.to_owned(),
        place,
        what,
    };
    let io = |error: std::io::Error| wrong(None, error.to_string());
    let size = std::fs::metadata(path).map_err(io)?.len();
    if size > FILE_BYTES_MAX {
        let what = format!("it has {size} bytes; at most {FILE_BYTES_MAX} are read");
        return Err(wrong(None, what));
    }
    let text = std::fs::read_to_string(path).map_err(io)?;
    let read = parse(&text).map_err(|(place, what)| wrong(place, what))?;
    let mut ready = Vec::new();
    for scenario in read {
        let (script, checks) = checked(&scenario).map_err(|(place, what)| {
            let what = format!("scenario {:?}: {what}", scenario.name);
            wrong(place, what)
        })?;
        ready.push(Ready {
            file: path.to_owned(),
            scenario,
            script,
            checks,
        });
    }
    Ok(ready)
}

/// Line and column, if they are known, and what is wrong there.
type Wrong = (Option<(u64, u64)>, String);

fn place(location: Location) -> Option<(u64, u64)> {
    let (line, column) = (location.line(), location.column());
    (line > 0).then_some((line, column))
}

fn parse(text: &str) -> Result<Vec<Scenario>, Wrong> {
    let read = serde_saphyr::from_multiple_with_options(text, options()).map_err(|error| {
        let place = error.location().and_then(place);
        let what = DefaultMessageFormatter.format_message(error.without_snippet());
        (place, what.into_owned())
    })?;
    if read.is_empty() {
        return Err((None, "there is no scenario in it".into()));
    }
    Ok(read)
}

/// What is refused costs no more than its bytes: no depth, no aliases that multiply, no merging of keys.
fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 32,
            flow_nesting_limit: 32,
            max_documents: SCENARIOS_MAX,
            max_aliases: 100,
            max_anchors: 100,
            max_events: 200_000,
            max_nodes: 100_000,
            max_total_scalar_bytes: 1024 * 1024,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
    }
}

fn checked(scenario: &Scenario) -> Result<(Option<Vec<Deed>>, Vec<Check>), Wrong> {
    bounds(scenario).map_err(|what| (None, what))?;
    let script = match (&scenario.caller.script, &scenario.caller.persona) {
        (Some(steps), None) => Some(every(steps, Deed::try_from)?),
        (None, Some(_)) => None,
        (Some(_), Some(_)) | (None, None) => {
            return Err((None, "`caller` has either a `script` or a `persona`".into()));
        }
    };
    let checks = every(&scenario.expect, Check::try_from)?;
    if checks.is_empty() {
        return Err((None, "it expects nothing; give it an `expect`".into()));
    }
    Ok((script, checks))
}

fn every<'a, T, U, E: std::fmt::Display>(
    items: &'a [Spanned<T>],
    read: impl Fn(&'a T) -> Result<U, E>,
) -> Result<Vec<U>, Wrong> {
    let read = |item: &'a Spanned<T>| {
        read(&item.value).map_err(|error| (place(item.referenced), error.to_string()))
    };
    items.iter().map(read).collect()
}

fn bounds(scenario: &Scenario) -> Result<(), String> {
    let name = scenario.name.trim();
    if name.is_empty() || name.chars().count() > 200 || name.chars().any(char::is_control) {
        return Err("`name` is one line of 1 to 200 characters".into());
    }
    if !(1..=SECONDS_MAX).contains(&scenario.max_seconds) {
        return Err(format!("`max_seconds` is between 1 and {SECONDS_MAX}"));
    }
    let steps = scenario.caller.script.as_ref().map_or(0, Vec::len);
    if steps > STEPS_MAX || scenario.expect.len() > STEPS_MAX {
        return Err(format!(
            "there are more than {STEPS_MAX} steps or expectations"
        ));
    }
    if let Some(persona) = &scenario.caller.persona {
        if !(1..=TURNS_MAX).contains(&persona.max_turns) {
            return Err(format!("`max_turns` is between 1 and {TURNS_MAX}"));
        }
        if persona.goal.trim().is_empty() {
            return Err("`goal` says what the caller wants of the call".into());
        }
    }
    for (name, tool) in &scenario.tools {
        if tool.after_ms > TOOL_MS_MAX {
            return Err(format!(
                "`after_ms` of the tool {name:?} is at most {TOOL_MS_MAX}"
            ));
        }
        if tool.live && (tool.answer.is_some() || tool.fails.is_some() || tool.after_ms > 0) {
            return Err(format!(
                "the tool {name:?} is `live`, so it has no answer here"
            ));
        }
        if tool.answer.is_some() && tool.fails.is_some() {
            return Err(format!(
                "the tool {name:?} has either an `answer` or it `fails`"
            ));
        }
    }
    for (name, callee) in &scenario.people {
        if callee.after_ms > AFTER_MS_MAX {
            return Err(format!("`after_ms` of {name:?} is at most {AFTER_MS_MAX}"));
        }
    }
    if let Some(noise) = scenario
        .noise
        .filter(|noise| !NOISE_DB.contains(&noise.level_db))
    {
        let level = noise.level_db;
        return Err(format!(
            "`level_db` is {level}; it is between {} and {}",
            NOISE_DB.start(),
            NOISE_DB.end()
        ));
    }
    if scenario.mode == Mode::Text && (scenario.noise.is_some() || scenario.line.is_some()) {
        return Err("`noise` and `line` need `mode: audio`".into());
    }
    let stalls = scenario.line.is_some_and(|line| line.stall_ms > 0);
    if stalls
        && scenario
            .line
            .is_none_or(|line| line.stall_every_ms < line.stall_ms.max(500))
    {
        return Err("`stall_every_ms` is at least 500, and no less than `stall_ms`".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Ready>, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        std::fs::write(&file, text).unwrap();
        let shown = format!("{}", file.display());
        scenarios(&file).map_err(|error| error.to_string().replace(&shown, "a.yaml"))
    }

    const BASE: &str = "name: a\ncaller: {script: [{say: Hello}]}\nexpect: [{agent_says: Hello}]\n";

    #[test]
    fn several_scenarios_of_a_file_are_read_in_order() {
        let two = format!(
            "{BASE}---\n{}",
            BASE.replace("name: a", "name: b\nmode: audio")
        );
        let read = read(&two).unwrap();
        let names: Vec<&str> = read.iter().map(|ready| &*ready.scenario.name).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(read[1].scenario.mode, Mode::Audio);
        assert_eq!(read[0].checks.len(), 1);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let expect = |yaml: &str| {
            BASE.replace(
                "expect: [{agent_says: Hello}]",
                &format!("expect:\n  - {yaml}"),
            )
        };
        for (text, names) in [
            (BASE.replace("name: a", "nam: a"), vec!["line 1", "nam"]),
            (
                format!("{BASE}mood: good\n"),
                vec!["line 4, column", "mood"],
            ),
            (
                BASE.replace("say: Hello", "shout: Hello"),
                vec!["line 2", "shout"],
            ),
            (
                BASE.replace("say: Hello", "say: Hello, press: '1'"),
                vec!["line 2, column", "exactly one of"],
            ),
            (
                expect("{agent_says: Hello, times: 2}"),
                vec!["line 4, column", "belongs to"],
            ),
            (
                expect("agent_says_matching: '('"),
                vec!["line 4, column", "cannot be used"],
            ),
            (BASE.replace("Hello}]", "Hello"), vec!["line"]),
            (
                BASE.replace("expect: [{agent_says: Hello}]", "expect: []"),
                vec!["expects nothing"],
            ),
            (
                BASE.replace("script: [{say: Hello}]", "number: '+15550100123'"),
                vec!["either a `script`"],
            ),
            (
                format!("{BASE}noise: {{kind: white, level_db: -40}}\n"),
                vec!["mode: audio"],
            ),
            (format!("{BASE}max_seconds: 0\n"), vec!["max_seconds"]),
            (
                format!("{BASE}people: {{ann: {{does: dances}}}}\n"),
                vec!["line 4, column", "dances"],
            ),
            (
                format!("{BASE}people: {{ann: {{does: accepts, after_ms: 130000}}}}\n"),
                vec!["after_ms", "\"ann\""],
            ),
            (
                expect("{transfer_ended: maybe}"),
                vec!["line 4, column", "put_through"],
            ),
            (
                format!("{BASE}tools: {{a: {{live: true, fails: no}}}}\n"),
                vec!["`live`"],
            ),
            (format!("{BASE}name: b\n"), vec!["line 4", "name"]),
            (String::new(), vec!["no scenario"]),
        ] {
            let error = read(&text).expect_err(&text);
            for name in names {
                assert!(error.contains(name), "{text}\n{error}: no {name:?}");
            }
        }
    }

    #[test]
    fn bombs_are_refused() {
        let mut laughs = String::from("a: &a [x,x,x,x,x,x,x,x,x]\n");
        for (before, name) in ('a'..'i').zip('b'..) {
            let list = vec![format!("*{before}"); 9].join(",");
            laughs.push_str(&format!("{name}: &{name} [{list}]\n"));
        }
        let deep = format!("{BASE}tools: {{a: {{answer: {}}}}}\n", "[".repeat(5_000));
        for text in [laughs, deep, "\0".into(), "name: !!binary x".into()] {
            assert!(read(&text).is_err());
        }
    }
}
