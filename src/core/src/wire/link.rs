//! What every codec of a provider that is spoken to over a WebSocket has in common: how to knock, what to send, and what
//! can go wrong. The shell that owns the socket knows nothing of providers, and a provider's codec nothing of sockets.

/// How to open the socket.
#[derive(Clone, PartialEq, Eq)]
pub struct Handshake {
    /// Path and query, percent-encoded, as `/v1/listen?model=nova-3&encoding=mulaw`; the base URL's path stands before it.
    pub path: String,
    /// Headers to send, lower-case names. They hold the key.
    pub headers: Vec<(&'static str, String)>,
}

impl std::fmt::Debug for Handshake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| *name).collect();
        f.debug_struct("Handshake")
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}

/// One message for the provider.
#[derive(Clone, PartialEq, Eq)]
pub enum Sent {
    /// A text frame.
    Text(String),
    /// A binary frame.
    Binary(Vec<u8>),
}

impl std::fmt::Debug for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Binary(bytes) => write!(f, "Binary({} bytes)", bytes.len()),
        }
    }
}

/// One message of the provider's.
#[derive(Clone, Copy)]
pub enum Received<'a> {
    /// A text frame.
    Text(&'a str),
    /// A binary frame.
    Binary(&'a [u8]),
}

/// What kind of trouble a provider reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TroubleKind {
    /// The key is wrong, or may not do this.
    Key,
    /// The account has run out of money or quota.
    Quota,
    /// Too many requests or connections at once.
    Rate,
    /// It does not understand or does not like what was asked: asking again changes nothing.
    Request,
    /// It is in trouble itself.
    Server,
    /// What came is not of its protocol.
    Protocol,
}

impl TroubleKind {
    /// What an HTTP status means.
    pub fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::Key,
            402 => Self::Quota,
            408 | 429 => Self::Rate,
            400..=499 => Self::Request,
            _ => Self::Server,
        }
    }

    /// Whether the same may work if asked again.
    pub fn may_pass(self) -> bool {
        matches!(self, Self::Rate | Self::Server | Self::Protocol)
    }

    /// As metrics and logs write it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Quota => "quota",
            Self::Rate => "rate",
            Self::Request => "request",
            Self::Server => "server",
            Self::Protocol => "protocol",
        }
    }
}

/// What a provider reports. It never holds what was said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {code}", kind.code())]
pub struct Trouble {
    /// Of which kind.
    pub kind: TroubleKind,
    /// The provider's own short code for it, as `NET-0001`; shortened, without control characters.
    pub code: String,
    /// How long it asks to be left alone, ms.
    pub retry_after_ms: Option<u64>,
}

impl Trouble {
    /// Trouble of a kind, with the provider's code for it (cut to 60 characters).
    pub fn new(kind: TroubleKind, code: &str) -> Self {
        Self {
            kind,
            code: super::shortened(code, 60),
            retry_after_ms: None,
        }
    }
}
