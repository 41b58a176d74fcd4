//! The configuration: one typed tree with its defaults, read once and checked whole. Nothing else reads the environment.

mod callbacks;
mod carriers;
mod clients;
mod events;
mod inbound;
mod knowledge;
mod limits;
mod llm;
mod prices;
mod realtime;
mod rules;
mod simulate;
mod stages;
mod tools;
mod traces;

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

pub use callbacks::CallbacksConfig;
pub use carriers::CarriersConfig;
pub use clients::{ClientsConfig, RatiosConfig, is_version};
pub use events::EventsConfig;
pub use inbound::InboundConfig;
pub use knowledge::{EMBEDDINGS_KEY_VARIABLE, Embeddings, KnowledgeConfig};
pub use limits::LimitsConfig;
pub use llm::LlmConfig;
pub use prices::{PricesConfig, RateConfig};
pub use realtime::{REALTIME_KEY_VARIABLE, RealtimeConfig};
pub use rules::RulesConfig;
pub use simulate::{SIMULATE_KEY_VARIABLE, SimulateConfig};
pub use tools::ToolConfig;
pub use traces::{TRACES_HEADERS_VARIABLE, TracesConfig};

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
    /// The model that hears, thinks and speaks for agents that ask for one.
    pub realtime: RealtimeConfig,
    /// Who finds documents by their meaning.
    pub knowledge: KnowledgeConfig,
    /// What strangers and keys may take of the server.
    pub api: ApiConfig,
    /// What the server tells of itself.
    pub metrics: MetricsConfig,
    /// The carriers' REST interfaces, and what clients may have asked of their own servers.
    pub carriers: CarriersConfig,
    /// What every client may do, where nothing else is said of one.
    pub clients: ClientsConfig,
    /// How far ahead callers may be promised a call, and how late it may be.
    pub callbacks: CallbacksConfig,
    /// How long events are kept, and where clients may be told of them.
    pub events: EventsConfig,
    /// The operator's packs of rules.
    pub rules: RulesConfig,
    /// How often one number may call in.
    pub inbound: InboundConfig,
    /// How much the server may have to do before it turns new calls away.
    pub limits: LimitsConfig,
    /// Where calls are told of as spans.
    pub traces: TracesConfig,
    /// What providers cost the operator.
    pub prices: PricesConfig,
    /// What any agent may use besides talking.
    pub tools: Vec<ToolConfig>,
    /// What conversations are simulated with.
    pub simulate: SimulateConfig,
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
            .field("realtime", &self.realtime)
            .field("knowledge", &self.knowledge)
            .field("traces", &self.traces)
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
            realtime: RealtimeConfig::default(),
            knowledge: KnowledgeConfig::default(),
            api: ApiConfig::default(),
            metrics: MetricsConfig::default(),
            carriers: CarriersConfig::default(),
            clients: ClientsConfig::default(),
            callbacks: CallbacksConfig::default(),
            events: EventsConfig::default(),
            rules: RulesConfig::default(),
            inbound: InboundConfig::default(),
            limits: LimitsConfig::default(),
            traces: TracesConfig::default(),
            prices: PricesConfig::default(),
            tools: Vec::new(),
            simulate: SimulateConfig::default(),
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
            (EMBEDDINGS_KEY_VARIABLE, &mut config.knowledge.api_key),
            (VOICE_KEY_VARIABLE, &mut config.voice.api_key),
            (REALTIME_KEY_VARIABLE, &mut config.realtime.api_key),
            (SIMULATE_KEY_VARIABLE, &mut config.simulate.llm.api_key),
        ] {
            if let Some(key) = environment(variable).and_then(|key| key.into_string().ok()) {
                *place = Some(key);
            }
        }
        if let Some(headers) = environment(TRACES_HEADERS_VARIABLE) {
            // What is no text holds no header; it is told of as any other that is not.
            config.traces.add_headers(&headers.to_string_lossy())?;
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
        self.clients.rules()?;
        self.carriers.check()?;
        self.callbacks.check()?;
        self.events.check()?;
        self.rules.check()?;
        self.inbound.check()?;
        self.limits.check()?;
        self.traces.check()?;
        self.prices.prices()?;
        self.llm.check()?;
        self.simulate.llm.check()?;
        self.knowledge.check()?;
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
            realtime: self.realtime.chosen()?,
            tools: tools::by_name(&self.tools)?,
            in_words: false,
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
mod tests;
