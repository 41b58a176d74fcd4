//! Opening a WebSocket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, handshake::client::Request};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use super::net::{Io, resolve};
use super::target::{Target, Whose};
use super::{Egress, EgressError};

/// An open WebSocket.
pub type Socket = WebSocketStream<MaybeTlsStream<Box<dyn Io>>>;

/// Longest message that is taken.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// Read at once. A call has two or three sockets, and the library's usual 128 KiB are held for each.
const READ_BYTES: usize = 6 * 1024;
/// Most that waits to be written inside the socket.
const WRITE_BYTES_MAX: usize = 512 * 1024;
/// Headers of a refusal that say why, or for how long.
const REASONS: [&str; 3] = ["retry-after", "retry-after-ms", "dg-error"];
/// Most that is read of each.
const REASON_CHARS_MAX: usize = 100;

impl Egress {
    /// Opens a WebSocket within `deadline`, which holds for name, connection, encryption and handshake together.
    /// Messages are bounded to 1 MiB.
    ///
    /// # Errors
    /// Every kind of [`EgressError`]. None holds the address or a header.
    pub async fn websocket(
        &self,
        whose: Whose,
        url: &str,
        headers: &[(&'static str, String)],
        deadline: Duration,
    ) -> Result<Socket, EgressError> {
        let target = Target::of(whose, url, ["wss", "ws"])?;
        let request = request(&target, headers)?;
        match timeout(deadline, self.open(target, request, deadline)).await {
            Ok(opened) => opened,
            Err(_) => Err(EgressError::Late {
                after_ms: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX),
            }),
        }
    }

    async fn open(
        &self,
        target: Target,
        request: Request,
        deadline: Duration,
    ) -> Result<Socket, EgressError> {
        let addresses = match target.ip {
            Some(ip) => vec![SocketAddr::new(ip, target.port)],
            None => resolve(&*self.0.net, target.reach, target.host, target.port).await?,
        };
        let connector = match target.url.scheme() {
            "wss" => Connector::Rustls(self.tls()?),
            _ => Connector::Plain,
        };
        let stream = self.reach_one(&addresses, deadline).await?;
        let limits = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .write_buffer_size(READ_BYTES)
            .max_write_buffer_size(WRITE_BYTES_MAX)
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let opened =
            client_async_tls_with_config(request, stream, Some(limits), Some(connector)).await;
        match opened {
            Ok((socket, _)) => Ok(socket),
            Err(error) => Err(not_opened(&error)),
        }
    }

    /// The first address that answers; none of several may use up the time of the others.
    async fn reach_one(
        &self,
        addresses: &[SocketAddr],
        deadline: Duration,
    ) -> Result<Box<dyn Io>, EgressError> {
        let share = match addresses.len() {
            1 => deadline,
            _ => deadline / 3,
        };
        for address in addresses {
            if let Ok(Ok(stream)) = timeout(share, self.0.net.connect(*address)).await {
                return Ok(stream);
            }
        }
        Err(EgressError::Unreachable("nobody answers at its host"))
    }

    pub(super) fn tls(&self) -> Result<Arc<rustls::ClientConfig>, EgressError> {
        if let Some(tls) = self.0.tls.get() {
            return Ok(Arc::clone(tls));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let built = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_platform_verifier())
            .map_err(|error| EgressError::Tls(error.to_string()))?
            .with_no_client_auth();
        Ok(Arc::clone(self.0.tls.get_or_init(|| Arc::new(built))))
    }
}

fn request(target: &Target, headers: &[(&'static str, String)]) -> Result<Request, EgressError> {
    let Ok(mut request) = target.url.as_str().into_client_request() else {
        return Err(EgressError::Refused("it is no address of a WebSocket"));
    };
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        let (Ok(name), Ok(mut value)) = (name, HeaderValue::from_str(value)) else {
            let what = "its key or another header has a character that cannot be sent";
            return Err(EgressError::Refused(what));
        };
        value.set_sensitive(true);
        request.headers_mut().insert(name, value);
    }
    Ok(request)
}

fn not_opened(error: &Error) -> EgressError {
    match error {
        Error::Http(answer) => EgressError::Status {
            status: answer.status().as_u16(),
            reasons: reasons(answer.headers()),
        },
        Error::Io(_) | Error::ConnectionClosed | Error::AlreadyClosed => {
            EgressError::Unreachable("the connection broke while it was opened")
        }
        Error::Tls(_) => EgressError::Unreachable("the connection could not be encrypted"),
        Error::Url(_) | Error::HttpFormat(_) => {
            EgressError::Refused("it is no address of a WebSocket")
        }
        Error::Protocol(_)
        | Error::Capacity(_)
        | Error::WriteBufferFull(_)
        | Error::Utf8(_)
        | Error::AttackAttempt => EgressError::Protocol,
    }
}

fn reasons(headers: &HeaderMap) -> Vec<(&'static str, String)> {
    let value = |name: &&'static str| {
        let text = headers.get(*name)?.to_str().ok()?;
        Some((*name, text.chars().take(REASON_CHARS_MAX).collect()))
    };
    REASONS.iter().filter_map(value).collect()
}
