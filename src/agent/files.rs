//! Agents as files: those that ship, and a folder of the operator's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::spec::AgentSpec;
use super::{Agent, AgentError, Problem, ProblemCode};
use crate::place::toml_problem;

/// Agents that ship with the server.
const SHIPPED: [(&str, &str); 2] = [
    ("front-desk", include_str!("../agents/front-desk.toml")),
    ("assistant", include_str!("../agents/assistant.toml")),
];
/// Their flows.
const SHIPPED_FLOWS: [(&str, &str); 1] = [(
    "front-desk.flow.toml",
    include_str!("../agents/front-desk.flow.toml"),
)];
/// Largest agent or flow file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// No file is an agent of this name.
#[derive(Debug, thiserror::Error)]
#[error("there is no agent {id:?}; there are: {}", known.join(", "))]
pub struct NoAgent {
    /// The name.
    pub id: String,
    /// Those there are.
    pub known: Vec<String>,
}

/// All agents of a server's files.
#[derive(Clone, Debug, Default)]
pub struct Agents(BTreeMap<String, Arc<Agent>>);

impl Agents {
    /// The shipped ones, and those in `folder`: `NAME.toml` each; `*.flow.toml` are flows. One of the same name takes
    /// the place of a shipped one.
    pub fn load(folder: Option<&Path>) -> Result<Self, AgentError> {
        let mut agents = BTreeMap::new();
        for (id, text) in SHIPPED {
            let flow = |name: &str| {
                let shipped = SHIPPED_FLOWS.iter().find(|(shipped, _)| *shipped == name);
                shipped
                    .map(|(_, text)| (*text).to_owned())
                    .ok_or_else(|| format!("{name}: not shipped"))
            };
            let (agent, _) = parse(id, Path::new(id), text, &flow)?;
            agents.insert(id.to_owned(), Arc::new(agent));
        }
        for path in folder.map(files).transpose()?.unwrap_or_default() {
            let agent = Agent::read(&path)?;
            agents.insert(agent.id.clone(), Arc::new(agent));
        }
        Ok(Self(agents))
    }

    /// These and no others.
    pub fn of(agents: impl IntoIterator<Item = Arc<Agent>>) -> Self {
        let by_id = |agent: Arc<Agent>| (agent.id.clone(), agent);
        Self(agents.into_iter().map(by_id).collect())
    }

    /// One by its name.
    pub fn find(&self, id: &str) -> Option<Arc<Agent>> {
        self.0.get(id).cloned()
    }

    /// One by its name, for whoever must be told which names there are.
    ///
    /// # Errors
    /// [`NoAgent`].
    pub fn named(&self, id: &str) -> Result<Arc<Agent>, NoAgent> {
        self.find(id).ok_or_else(|| NoAgent {
            id: id.to_owned(),
            known: self.0.keys().cloned().collect(),
        })
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Agent>> {
        self.0.values()
    }
}

impl Agent {
    /// Reads one file.
    pub fn read(path: &Path) -> Result<Self, AgentError> {
        Ok(Self::read_advised(path)?.0)
    }

    /// Reads one file, and tells what works but is not advised.
    pub fn read_advised(path: &Path) -> Result<(Self, Vec<Problem>), AgentError> {
        let wrong = |cause| AgentError::file(path, ProblemCode::UnreadableFile, cause);
        let text = read_bounded(path).map_err(wrong)?;
        let id = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        parse(id, path, &text, &|flow| {
            read_bounded(&path.parent().unwrap_or(Path::new("")).join(flow))
        })
    }
}

fn parse(
    id: &str,
    path: &Path,
    text: &str,
    flow: &dyn Fn(&str) -> Result<String, String>,
) -> Result<(Agent, Vec<Problem>), AgentError> {
    let spec: AgentSpec = toml::from_str(text).map_err(|error| {
        AgentError::file(path, ProblemCode::Malformed, toml_problem(text, &error))
    })?;
    let agent = Agent::compile(id, 0, &spec, flow).map_err(|problems| AgentError::File {
        path: path.to_owned(),
        problems,
    })?;
    Ok((agent, spec.advice()))
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, AgentError> {
    let wrong = |error: std::io::Error| {
        let cause = format!("the folder of `agents` cannot be read: {error}");
        AgentError::file(folder, ProblemCode::UnreadableFile, cause)
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if name.ends_with(".toml") && !name.ends_with(".flow.toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read_bounded(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path)
        .map_err(|error| format!("{}: {error}", path.display()))?
        .len();
    if size > FILE_BYTES_MAX {
        return Err(format!(
            "{} has {size} bytes; at most {FILE_BYTES_MAX} are read",
            path.display()
        ));
    }
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Agent, String> {
        let read = parse("a", Path::new("a.toml"), text, &|_| {
            Err("no such flow".into())
        });
        read.map(|(agent, _)| agent).map_err(|e| e.to_string())
    }

    #[test]
    fn the_shipped_agents_are_whole() {
        let agents = Agents::load(None).unwrap();
        let record = |id| agents.find(id).unwrap().recording.record;
        assert!(record("front-desk") && !record("assistant"));
        for (id, text) in SHIPPED {
            let spec: AgentSpec = toml::from_str(text).unwrap();
            let inbound = AgentSpec {
                directions: Some(vec![crate::agent::CallDirection::Inbound]),
                ..spec
            };
            assert_eq!(inbound.advice(), [], "{id}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let base = "name = \"Robin\"\nbusiness = \"Oak\"\n";
        for (more, names) in [
            ("", vec!["`flow`", "`prompt`"]),
            (
                "prompt = \"x\"\nflow = \"y\"",
                vec!["/prompt: ", "either a `flow`"],
            ),
            ("flow = \"y.flow.toml\"", vec!["/flow: no such flow"]),
            (
                "prompt = \"x\"\nopening = [\"Hello, this is Robin.\"]",
                vec![
                    "/opening/texts: ",
                    "must say that the caller speaks with an AI",
                ],
            ),
            (
                "prompt = \"x\"\n[voice]\nspeed = 9.0",
                vec!["/voice/speed: 9 is not between 0.5 and 2"],
            ),
            (
                "prompt = \"x\"\n[voice]\nspeed = nan",
                vec!["/voice/speed: NaN is not between"],
            ),
            ("promt = \"x\"", vec!["line 3"]),
            (
                "prompt = \"x\"\n[limits]\nplayback_ms = 0\ncall_ms = 1",
                vec![
                    "\n  /limits/playback_ms: 0 is not between",
                    "\n  /limits/call_ms: 1 is not",
                ],
            ),
        ] {
            let error = parsed(&format!("{base}{more}")).expect_err(more);
            assert!(error.contains("a.toml"), "{more:?} gave {error:?}");
            for name in names {
                assert!(error.contains(name), "{more:?} gave {error:?}");
            }
        }
    }
}
