//! What the process writes of itself, and what no setting brings into it.

use std::io::IsTerminal as _;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config;

/// Targets of the server's own begin so.
const OWN: &str = "trunkline";
/// Writes what MCP servers say, and addresses with what stands in them, at every level.
const INDISCREET: &str = "rmcp";

/// Starts the log; `usual` is what is shown where the environment says nothing.
pub(super) fn start(usual: &str) {
    let filter = EnvFilter::new(config::log_filter().unwrap_or_else(|| usual.to_owned()));
    let ceiling = ceiling(&filter);
    tracing_subscriber::registry()
        .with(filter)
        .with(ceiling)
        .with(
            tracing_subscriber::fmt::layer()
                .with_writer(std::io::stderr)
                .with_ansi(std::io::stderr().is_terminal()),
        )
        .init();
}

/// What others' crates may say at most. At `trace` some of them write whole messages: words, numbers and keys.
///
/// The ceiling is nowhere above the filter: the most that either lets through is what crates that write to `log` ask about
/// first, for every frame of every socket.
fn ceiling(filter: &EnvFilter) -> Targets {
    let most = filter.max_level_hint().unwrap_or(LevelFilter::TRACE);
    Targets::new()
        .with_default(LevelFilter::DEBUG.min(most))
        .with_target(OWN, most)
        .with_target(INDISCREET, LevelFilter::OFF)
}

#[cfg(test)]
mod tests {
    use tracing::{Level, Subscriber as _};

    use super::*;

    #[test]
    fn others_are_never_heard_at_trace() {
        for filter in ["trace", "tungstenite=trace,hyper=trace,trunkline=trace"] {
            let filter = EnvFilter::new(filter);
            let ceiling = ceiling(&filter);
            let log = tracing_subscriber::registry().with(filter).with(ceiling);
            tracing::subscriber::with_default(log, || {
                assert!(!tracing::enabled!(target: "tungstenite::protocol", Level::TRACE));
                assert!(!tracing::enabled!(target: "hyper::proto::h1::io", Level::TRACE));
                assert!(tracing::enabled!(target: "tungstenite::protocol", Level::DEBUG));
                assert!(!tracing::enabled!(target: "rmcp::service", Level::ERROR));
                assert!(tracing::enabled!(target: "trunkline::session", Level::TRACE));
                assert!(tracing::enabled!(target: "trunkline_core::call", Level::TRACE));
            });
        }
    }

    #[test]
    fn what_nobody_wants_to_see_is_not_asked_about() {
        let filter = EnvFilter::new("info");
        let ceiling = ceiling(&filter);
        let log = tracing_subscriber::registry().with(filter).with(ceiling);
        assert_eq!(log.max_level_hint(), Some(LevelFilter::INFO));
    }
}
