//! Where a provider is, what it is called in metrics, and how its refusals are told.

use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, histogram};
use trunkline_core::call::Provider;
use trunkline_core::wire::link::{Handshake, Trouble, TroubleKind};

use super::circuit::Circuit;
use super::wire::Wire;
use crate::egress::{Egress, EgressError, Whose};
use crate::provider::StageError;

/// Longest pause that another side can ask for and is noted, ms.
const RETRY_AFTER_MS_MAX: u64 = 600_000;

/// What a provider does in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Hears.
    Recogniser,
    /// Thinks.
    Model,
    /// Speaks.
    Voice,
    /// Hears, thinks and speaks.
    Realtime,
    /// Makes vectors of texts.
    Embedder,
}

impl Kind {
    /// As metrics and logs write it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Recogniser => "recogniser",
            Self::Model => "model",
            Self::Voice => "voice",
            Self::Realtime => "realtime",
            Self::Embedder => "embedder",
        }
    }
}

/// Where a provider is, and whose address that is.
#[derive(Clone)]
pub struct Hop {
    /// The way out.
    pub egress: Egress,
    /// Whose address it is.
    pub whose: Whose,
    /// As `https://api.deepgram.com`: sockets are opened below it with `wss` for `https` and `ws` for `http`, and the
    /// other way round.
    pub base_url: String,
    /// The vendor's name in metrics and logs.
    pub provider: &'static str,
    /// The vendor's name for the model; empty for its usual one.
    pub model: Arc<str>,
    /// What it does.
    pub kind: Kind,
    /// What all calls know of it together.
    pub circuit: Circuit,
}

impl std::fmt::Debug for Hop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hop")
            .field("provider", &self.provider)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl Hop {
    /// Who is asked there.
    pub fn served_by(&self) -> Provider {
        Provider {
            vendor: self.provider,
            model: Arc::clone(&self.model),
            stands_in: false,
        }
    }

    /// Whether its owner may use its address, as far as that can be told without looking a name up.
    ///
    /// # Errors
    /// [`EgressError::Refused`], and what [`Egress::http`] fails with.
    pub fn check(&self) -> Result<(), EgressError> {
        if self.base_url.contains(['?', '#']) {
            let what = "a base URL ends before any query, since paths are put behind it";
            return Err(EgressError::Refused(what));
        }
        self.post("").map(drop)
    }

    /// Opens a socket, and counts how that went.
    pub(super) async fn open(
        &self,
        handshake: &Handshake,
        deadline: Duration,
    ) -> Result<Wire, EgressError> {
        let url = self.url(
            &handshake.path,
            [("https://", "wss://"), ("http://", "ws://")],
        );
        let opened = self
            .egress
            .websocket(self.whose, &url, &handshake.headers, deadline)
            .await;
        self.connected(match &opened {
            Ok(_) => "ok",
            Err(error) => outcome(error),
        });
        opened.map(Wire::new)
    }

    /// A client for POSTs, and the address of a path.
    pub(super) fn post(&self, path: &str) -> Result<(reqwest::Client, String), EgressError> {
        let url = self.url(path, [("wss://", "https://"), ("ws://", "http://")]);
        Ok((self.egress.http(self.whose, &url)?, url))
    }

    /// The same for a stage that knows trouble alone.
    pub(crate) fn post_to(&self, path: &str) -> Result<(reqwest::Client, String), Trouble> {
        self.post(path).map_err(|error| trouble_of(&error))
    }

    fn url(&self, path: &str, schemes: [(&str, &str); 2]) -> String {
        let base = self.base_url.trim_end_matches('/');
        for (from, to) in schemes {
            if let Some(rest) = base.strip_prefix(from) {
                return format!("{to}{rest}{path}");
            }
        }
        format!("{base}{path}")
    }

    /// Counts an attempt to connect.
    pub(crate) fn connected(&self, outcome: &'static str) {
        counter!("trunkline_provider_connects_total",
            "provider" => self.provider, "kind" => self.kind.code(), "outcome" => outcome)
        .increment(1);
    }

    /// Counts a connection that was lost and is made again.
    pub(super) fn reconnecting(&self, why: TroubleKind) {
        counter!("trunkline_provider_reconnects_total",
            "provider" => self.provider, "kind" => self.kind.code(), "why" => why.code())
        .increment(1);
    }

    /// Notes how long the first of what was asked for took. So it works.
    pub(crate) fn first_result(&self, after: Duration) {
        self.circuit.worked();
        histogram!("trunkline_provider_first_result_seconds",
            "provider" => self.provider, "kind" => self.kind.code())
        .record(after.as_secs_f64());
    }

    /// Counts audio that was thrown away because it could not be sent for too long.
    pub(super) fn dropped(&self, ms: u64) {
        if ms > 0 {
            counter!("trunkline_provider_audio_dropped_ms_total", "provider" => self.provider)
                .increment(ms);
        }
    }

    /// Notes a failure that any other call could meet: what is wrong with one request says nothing of the next.
    pub(super) fn met(&self, trouble: &Trouble) {
        if trouble.kind != TroubleKind::Request {
            self.circuit.failed();
        }
    }

    /// The failure of a stage.
    pub(crate) fn failed(&self, trouble: &Trouble) -> StageError {
        let (kind, provider) = (self.kind.code(), self.provider);
        StageError {
            what: format!("the {kind} of {provider}: {trouble}"),
            fatal: !trouble.kind.may_pass(),
        }
    }
}

fn outcome(error: &EgressError) -> &'static str {
    match error {
        EgressError::Refused(_) => "address",
        EgressError::Unreachable(_) => "unreachable",
        EgressError::Late { .. } => "late",
        EgressError::Status { status, .. } => status_kind(*status).code(),
        EgressError::Protocol => "protocol",
        EgressError::Tls(_) => "tls",
    }
}

/// What a connection that was not made says of the provider.
pub(super) fn trouble_of(error: &EgressError) -> Trouble {
    match error {
        EgressError::Refused(what) => Trouble::new(TroubleKind::Request, what),
        EgressError::Unreachable(what) => Trouble::new(TroubleKind::Server, what),
        EgressError::Late { .. } => Trouble::new(TroubleKind::Server, "no connection in time"),
        EgressError::Status { status, reasons } => {
            let header = |name| reasons.iter().find(|(given, _)| *given == name);
            let number = |name| header(name)?.1.trim().parse::<u64>().ok();
            refused(*status, number("retry-after-ms"), number("retry-after"))
        }
        EgressError::Protocol => Trouble::new(TroubleKind::Protocol, "no WebSocket"),
        EgressError::Tls(_) => Trouble::new(TroubleKind::Request, "no encryption here"),
    }
}

/// What a status other than success says.
pub(super) fn refused(
    status: u16,
    retry_after_ms: Option<u64>,
    retry_after_s: Option<u64>,
) -> Trouble {
    let mut trouble = Trouble::new(status_kind(status), &format!("HTTP {status}"));
    trouble.retry_after_ms = retry_after_ms
        .or(retry_after_s.map(|s| s.saturating_mul(1_000)))
        .map(|ms| ms.min(RETRY_AFTER_MS_MAX));
    trouble
}

fn status_kind(status: u16) -> TroubleKind {
    match status {
        // It is somewhere else now: redirects are not followed, so the address has to be mended.
        300..=399 => TroubleKind::Request,
        status => TroubleKind::of_status(status),
    }
}
