//! The configuration: one typed tree with its defaults, read once and checked whole. Nothing else reads the environment.

mod carriers;
mod llm;
mod stages;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, de};
use trunkline_core::geo::Place;

pub use stages::{RECOGNISER_KEY_VARIABLE, StageConfig, VOICE_KEY_VARIABLE};

use crate::agent::FALLBACKS_MAX;
use crate::api::ApiLimits;
use crate::models::ModelsDir;
use crate::place::toml_problem;
use crate::providers::Kind;
use crate::stack::Defaults;
use crate::store::StoreConfig;
use crate::think::ChatSettings;

pub use carriers::CarriersConfig;
pub use llm::LlmConfig;

/// The file that is read when none is named, if it exists.
pub const FILE_USUAL: &str = "trunkline.toml";
/// The environment's name for the language model's key.
pub const LLM_KEY_VARIABLE: &str = "TRUNKLINE_LLM_API_KEY";

/// The environment's name for the database.
pub const DATABASE_VARIABLE: &str = "TRUNKLINE_DATABASE_URL";
/// The database's file in the data folder.
const DATABASE_FILE: &str = "trunkline.db";
/// Connections to a database that is not a file.
const DATABASE_CONNECTIONS: u32 = 10;

/// Everything an operator may choose.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the server listens.
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
    /// How carriers reach it, as `wss://voice.example.com`; from `listen` if absent.
    pub public_url: Option<String>,
    /// Where the server keeps everything: keys, calls, rows.
    pub data: PathBuf,
    /// The database, as `postgres://user:password@host/name`; a file in the data folder if absent. The environment's
    /// `TRUNKLINE_DATABASE_URL` comes first.
    pub database_url: Option<String>,
    /// Where the server stands, as `US-VA` or `DE`: one of the places whose rules of consent hold for its calls.
    pub place: Option<Place>,
    /// A folder of agents, one TOML file each, beside those that ship with the server.
    pub agents: Option<PathBuf>,
    /// Where the speech models are; the cache folder of the user if absent.
    pub models: Option<PathBuf>,
    /// The embedded speech.
    pub speech: SpeechConfig,
    /// Who hears for agents that do not choose; what is built in if no vendor is named.
    pub recogniser: StageConfig,
    /// Who speaks for agents that do not choose; what is built in if no vendor is named.
    pub voice: StageConfig,
    /// The language model of agents that have a prompt instead of a flow.
    pub llm: LlmConfig,
    /// What strangers and keys may take of the server.
    pub api: ApiConfig,
    /// What the server tells of itself.
    pub metrics: MetricsConfig,
    /// The carriers' REST interfaces, and what clients may have asked of their own servers.
    pub carriers: CarriersConfig,
}

/// What strangers and keys may take of the server.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiConfig {
    /// Requests a second of one key, for any length of time; 300 if absent.
    pub requests_per_second: Option<u32>,
    /// Requests of one key at once after a pause; twice as many as a second's if absent.
    pub burst: Option<u32>,
    /// Connections that are open at once and are no media sockets; 1,024 if absent.
    pub connections: Option<usize>,
}

/// What the server tells of itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// Where Prometheus reads `/metrics`, as `127.0.0.1:9464`; nowhere if absent. It asks nobody who they are: keep it off
    /// the internet.
    pub listen: Option<SocketAddr>,
}

/// The embedded speech.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpeechConfig {
    /// Inference workers; one less than the machine's cores if absent.
    pub workers: Option<usize>,
    /// Final transcripts by the larger recogniser: fewer errors, about nine times the time.
    pub better_ears: bool,
    /// Whether recordings are heard once more by the larger recogniser, for agents that ask for it.
    pub second_pass: bool,
}

impl Default for SpeechConfig {
    fn default() -> Self {
        Self {
            workers: None,
            better_ears: false,
            second_pass: true,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("public_url", &self.public_url)
            .field("data", &self.data)
            .field(
                "database_url",
                &self.database_url.as_ref().map(|_| "[redacted]"),
            )
            .field("place", &self.place)
            .field("agents", &self.agents)
            .field("models", &self.models)
            .field("speech", &self.speech)
            .field("recogniser", &self.recogniser)
            .field("voice", &self.voice)
            .field("llm", &self.llm)
            .finish()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            data: PathBuf::from("data"),
            database_url: None,
            place: None,
            agents: None,
            models: None,
            speech: SpeechConfig::default(),
            recogniser: StageConfig::default(),
            voice: StageConfig::default(),
            llm: LlmConfig::default(),
            api: ApiConfig::default(),
            metrics: MetricsConfig::default(),
            carriers: CarriersConfig::default(),
        }
    }
}

/// The configuration cannot be used. Says what, where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {cause}; name another file with --config, or create it", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The file is not the TOML it should be.
    #[error("{}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its line.
        message: String,
    },
    /// A value makes no sense.
    #[error("{key}: {problem}")]
    Value {
        /// The setting.
        key: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
}

impl Config {
    /// Reads `path`, or the usual file where there is one, or takes the defaults.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let named = path.is_some();
        let path = path.unwrap_or(Path::new(FILE_USUAL));
        let mut config = match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text)?,
            Err(cause) if !named && cause.kind() == std::io::ErrorKind::NotFound => Self::default(),
            Err(cause) => {
                return Err(ConfigError::Unreadable {
                    path: path.to_owned(),
                    cause,
                });
            }
        };
        if let Some(key) = environment(LLM_KEY_VARIABLE).and_then(|key| key.into_string().ok()) {
            config.llm.api_key = Some(key);
        }
        if let Some(url) = environment(DATABASE_VARIABLE).and_then(|url| url.into_string().ok()) {
            config.database_url = Some(url);
        }
        for (variable, place) in [
            (RECOGNISER_KEY_VARIABLE, &mut config.recogniser.api_key),
            (VOICE_KEY_VARIABLE, &mut config.voice.api_key),
        ] {
            if let Some(key) = environment(variable).and_then(|key| key.into_string().ok()) {
                *place = Some(key);
            }
        }
        config.read_fallback_keys(|name| environment(name)?.into_string().ok());
        config.check()?;
        Ok(config)
    }

    /// The keys of those that take over: `TRUNKLINE_VOICE_FALLBACK_1_API_KEY` and the like, counted from 1.
    fn read_fallback_keys(&mut self, environment: impl Fn(&str) -> Option<String>) {
        let [recognisers, voices] = [&mut self.recogniser, &mut self.voice].map(|stage| {
            let keys = stage.fallbacks.iter_mut().map(|stage| &mut stage.api_key);
            keys.collect::<Vec<_>>()
        });
        let models = self.llm.fallbacks.iter_mut().map(|llm| &mut llm.api_key);
        for (stage, keys) in [
            ("RECOGNISER", recognisers),
            ("VOICE", voices),
            ("LLM", models.collect()),
        ] {
            for (number, place) in keys.into_iter().take(FALLBACKS_MAX).enumerate() {
                let variable = format!("TRUNKLINE_{stage}_FALLBACK_{}_API_KEY", number + 1);
                if let Some(key) = environment(&variable) {
                    *place = Some(key);
                }
            }
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let mut config: Self = toml::from_str(text).map_err(|error| ConfigError::Invalid {
            path: path.to_owned(),
            message: toml_problem(text, &error),
        })?;
        // Paths in a file are relative to the file.
        let base = path.parent().unwrap_or(Path::new(""));
        config.data = base.join(&config.data);
        config.agents = config.agents.map(|agents| base.join(agents));
        config.models = config.models.map(|models| base.join(models));
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.stages()?;
        if let Some(url) = &self.public_url {
            let rest = url
                .strip_prefix("wss://")
                .or_else(|| url.strip_prefix("ws://"));
            if rest.is_none_or(|rest| rest.is_empty() || rest.contains(['?', '#', ' '])) {
                let problem =
                    format!("{url:?} is no WebSocket address; write it as wss://voice.example.com");
                return Err(ConfigError::Value {
                    key: "public_url",
                    problem,
                });
            }
        }
        if let Some(url) = &self.database_url
            && !["sqlite:", "postgres://", "postgresql://"]
                .iter()
                .any(|scheme| url.starts_with(scheme))
        {
            let problem = "must begin with postgres:// or sqlite:; leave it out for a file in the data folder".into();
            return Err(ConfigError::Value {
                key: "database_url",
                problem,
            });
        }
        if self.speech.workers.is_some_and(|n| n == 0 || n > 256) {
            let problem =
                "must be between 1 and 256; leave it out for one less than the cores".into();
            return Err(ConfigError::Value {
                key: "speech.workers",
                problem,
            });
        }
        for (key, value, most) in [
            (
                "api.requests_per_second",
                self.api.requests_per_second,
                1_000_000,
            ),
            ("api.burst", self.api.burst, 1_000_000),
            (
                "api.connections",
                self.api
                    .connections
                    .map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
                100_000,
            ),
        ] {
            if value.is_some_and(|value| !(1..=most).contains(&value)) {
                let problem = format!("must be between 1 and {most}");
                return Err(ConfigError::Value { key, problem });
            }
        }
        self.carriers.check()?;
        self.llm.check()?;
        Ok(())
    }

    /// The database.
    pub fn store(&self) -> StoreConfig {
        match &self.database_url {
            Some(url) => StoreConfig {
                url: url.clone(),
                connections: DATABASE_CONNECTIONS,
            },
            None => StoreConfig::sqlite(&self.data.join(DATABASE_FILE)),
        }
    }

    /// What strangers and keys may take of the server.
    pub fn limits(&self) -> ApiLimits {
        let mut limits = ApiLimits::default();
        if let Some(per_second) = self.api.requests_per_second {
            limits.rate.per_second = per_second;
            limits.rate.burst = per_second.saturating_mul(2);
        }
        limits.rate.burst = self.api.burst.unwrap_or(limits.rate.burst);
        if let Some(connections) = self.api.connections {
            limits.doorway.connections_max = connections;
        }
        limits
    }

    /// The language model, if there is one.
    pub fn chat(&self) -> Option<ChatSettings> {
        self.llm.chat()
    }

    /// Who hears, speaks and thinks for agents that do not choose.
    ///
    /// # Errors
    /// [`ConfigError::Value`]: a vendor that is not known, or that lacks something.
    pub fn stages(&self) -> Result<Defaults, ConfigError> {
        Ok(Defaults {
            recogniser: self.recogniser.chosen("recogniser", Kind::Recogniser)?,
            voice: self.voice.chosen("voice", Kind::Voice)?,
            chat: self.chat(),
            recogniser_behind: self
                .recogniser
                .behind("recogniser.fallbacks", Kind::Recogniser)?,
            voice_behind: self.voice.behind("voice.fallbacks", Kind::Voice)?,
            chat_behind: self.llm.behind(),
        })
    }

    /// The models' folder.
    pub fn models_root(&self) -> Result<PathBuf, ConfigError> {
        let usual = || ModelsDir::usual_root(environment("XDG_CACHE_HOME"), environment("HOME"));
        self.models
            .clone()
            .or_else(usual)
            .ok_or(ConfigError::Value {
                key: "models",
                problem: "there is no HOME to keep the models in; name a folder".into(),
            })
    }

    /// How carriers reach the server.
    pub fn public_url(&self) -> String {
        let url = self
            .public_url
            .clone()
            .unwrap_or_else(|| format!("ws://{}", self.listen));
        url.trim_end_matches('/').to_owned()
    }
}

/// An address to listen at; the standard library's error does not say what is missing.
fn address<'de, D: Deserializer<'de>>(from: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map_err(|_| {
        let problem = "it must be an IP address and a port, as 127.0.0.1:8080";
        de::Error::custom(format!("{text:?} is no address to listen at; {problem}"))
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the environment"
)]
fn environment(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// What the environment says about log levels, as `info` or `trunkline=debug`.
pub fn log_filter() -> Option<String> {
    environment("TRUNKLINE_LOG").and_then(|v| v.into_string().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::Behind;
    use crate::think::Dialect;

    fn parsed(text: &str) -> Result<Config, String> {
        let config = Config::parse(Path::new("/etc/trunkline/trunkline.toml"), text)
            .map_err(|e| e.to_string())?;
        config.check().map_err(|e| e.to_string())?;
        Ok(config)
    }

    #[test]
    fn three_lines_are_a_language_model() {
        let text = "[llm]\nbase_url = \"http://127.0.0.1:11434/v1\"\nmodel = \"llama3.2\"\n";
        let chat = parsed(text).unwrap().chat().unwrap();
        assert_eq!((chat.model.as_str(), chat.api_key), ("llama3.2", None));
        assert_eq!(chat.dialect, Dialect::OpenAi);
        let text = "[llm]\ndialect = \"anthropic\"\nbase_url = \"https://x\"\nmodel = \"y\"\n";
        let chat = parsed(text).unwrap().chat().unwrap();
        assert_eq!(chat.dialect, Dialect::Anthropic);
    }

    #[test]
    fn limits_follow_the_file() {
        let limits = |text| parsed(text).unwrap().limits();
        let rate = limits("[api]\nrequests_per_second = 7").rate;
        assert_eq!((rate.per_second, rate.burst), (7, 14));
        let limits = limits("[api]\nburst = 9\nconnections = 5");
        assert_eq!((limits.rate.burst, limits.doorway.connections_max), (9, 5));
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        assert_eq!(
            parsed("data = \"d\"").unwrap().data,
            Path::new("/etc/trunkline/d")
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, names) in [
            (
                "lisen = \"127.0.0.1:1\"",
                vec!["trunkline.toml", "line 1", "lisen"],
            ),
            ("\n\nlisten = \"here\"", vec!["line 3", "listen"]),
            (
                "listen = \"8080\"",
                vec!["line 1", "an IP address and a port, as 127.0.0.1:8080"],
            ),
            (
                "[llm]\nmax_tokens = 0",
                vec!["llm.max_tokens: must be between 16 and 4096"],
            ),
            ("public_url = \"https://x\"", vec!["public_url", "wss://"]),
            ("public_url = \"wss://\"", vec!["public_url"]),
            ("[speech]\nworkers = 0", vec!["speech.workers", "between 1"]),
            ("[api]\nburst = 0", vec!["api.burst", "between 1"]),
            (
                "[api]\nconnections = 0",
                vec!["api.connections", "between 1"],
            ),
            ("[llm]\nbase_url = \"http://x/v1\"", vec!["llm", "both"]),
            (
                "[llm]\ndialect = \"esperanto\"",
                vec!["line 2", "dialect", "openai", "anthropic"],
            ),
            (
                "[llm]\nbase_url = \"x\"\nmodel = \"y\"",
                vec!["llm.base_url", "http://"],
            ),
            (
                "[llm]\nbase_url = \"http://x\"\nmodel = \"y\"\ntemperature = 9.0",
                vec!["llm.temperature"],
            ),
        ] {
            let error = parsed(text).expect_err(text);
            for name in names {
                assert!(
                    error.contains(name),
                    "{text:?} gave {error:?}, which does not name {name:?}"
                );
            }
        }
    }

    const FALLBACKS: &str = "[llm]\nbase_url = \"http://a/v1\"\nmodel = \"a\"\n\
        [[llm.fallbacks]]\nbase_url = \"http://b/v1\"\nmodel = \"b\"\napi_key = \"sekrit\"\n\
        [[llm.fallbacks]]\ndialect = \"anthropic\"\nbase_url = \"https://c\"\nmodel = \"c\"\n\
        [recogniser]\nvendor = \"deepgram\"\napi_key = \"k\"\n\
        [[recogniser.fallbacks]]\nvendor = \"assemblyai\"\napi_key = \"k\"\n\
        [[recogniser.fallbacks]]\nvendor = \"embedded\"\n\
        [voice]\nvendor = \"cartesia\"\nvoice = \"v\"\napi_key = \"k\"\n\
        [[voice.fallbacks]]\nvendor = \"deepgram_aura\"\napi_key = \"k\"\n";

    #[test]
    fn fallbacks_are_in_order_and_have_keys_of_their_own() {
        let mut config = parsed(FALLBACKS).unwrap();
        assert!(!format!("{config:?}").contains("sekrit"));
        config.read_fallback_keys(|name| {
            let known = [
                "TRUNKLINE_LLM_FALLBACK_2_API_KEY",
                "TRUNKLINE_VOICE_FALLBACK_1_API_KEY",
            ];
            known.contains(&name).then(|| format!("of {name}"))
        });
        let defaults = config.stages().unwrap();
        let models = defaults.chat_behind.iter();
        let models: Vec<_> = models
            .map(|chat| (chat.model.as_str(), chat.api_key.as_deref()))
            .collect();
        let second = Some("of TRUNKLINE_LLM_FALLBACK_2_API_KEY");
        assert_eq!(models, [("b", Some("sekrit")), ("c", second)]);
        let names = |behind: &[Behind]| -> Vec<String> {
            let show = |behind: &Behind| match behind {
                Behind::Chosen(chosen) => format!("{} {}", chosen.vendor.name, chosen.account.key),
                Behind::Embedded => "embedded".into(),
            };
            behind.iter().map(show).collect()
        };
        assert_eq!(
            names(&defaults.recogniser_behind),
            ["assemblyai k", "embedded"]
        );
        let voice = "deepgram_aura of TRUNKLINE_VOICE_FALLBACK_1_API_KEY";
        assert_eq!(names(&defaults.voice_behind), [voice]);
        let none = parsed("").unwrap().stages().unwrap();
        assert!(none.recogniser_behind.is_empty() && none.chat_behind.is_empty());
    }

    #[test]
    fn a_fallback_that_cannot_take_over_is_refused() {
        let model = "[[llm.fallbacks]]\nbase_url = \"http://b\"\nmodel = \"b\"\n";
        let first = "[llm]\nbase_url = \"http://a\"\nmodel = \"a\"\n";
        let ears = "[recogniser]\nvendor = \"deepgram\"\napi_key = \"k\"\n";
        let behind = |vendor: &str| format!("[[recogniser.fallbacks]]\nvendor = \"{vendor}\"\n");
        for (text, name) in [
            (format!("{first}{}", model.repeat(4)), "at most 3"),
            (model.to_owned(), "set llm.base_url"),
            (
                format!("{first}[[llm.fallbacks]]\nmodel = \"b\"\n"),
                "base_url",
            ),
            (
                format!("{first}{model}[[llm.fallbacks.fallbacks]]\nmodel = \"c\"\n"),
                "of its own",
            ),
            (format!("{ears}{}", behind("nobody")), "no vendor of it"),
            (format!("{ears}{}", behind("assemblyai")), "needs a key"),
            (
                format!("{ears}{}", behind("embedded").repeat(4)),
                "at most 3",
            ),
            (
                format!("{ears}{}model = \"m\"\n", behind("embedded")),
                "nothing to choose",
            ),
            (
                format!("{ears}{}turns = \"own\"\n", behind("embedded")),
                "of its own",
            ),
            (behind("embedded"), "set recogniser.vendor"),
            (
                format!("{ears}turns = \"cloud\"\n{}", behind("embedded")),
                "recogniser.fallbacks: ",
            ),
            (
                format!("{ears}{}api_key = \"k\"\n", behind("deepgram_flux")),
                "recogniser.fallbacks: ",
            ),
        ] {
            let error = parsed(&text).expect_err(&text);
            assert!(error.contains(name), "{text:?} gave {error:?}");
        }
    }

    #[test]
    fn a_key_is_not_shown() {
        let config =
            parsed("[llm]\nbase_url = \"http://x\"\nmodel = \"y\"\napi_key = \"sekrit\"").unwrap();
        assert!(!format!("{config:?} {:?}", config.chat()).contains("sekrit"));
    }
}
