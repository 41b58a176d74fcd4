//! HTTP/1.1 by hand: addresses, the driver's own short requests, and the carrier's signature.

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 4 << 20;
const HEAD_BYTES_MAX: usize = 16 * 1024;
const PATIENCE: Duration = Duration::from_secs(10);

/// An address without TLS: the driver is for the machine it runs on, and for a network of one's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The whole URL.
    pub(crate) url: String,
    /// Host and port.
    pub(crate) authority: String,
    /// Path and query.
    pub(crate) path: String,
}

impl Target {
    /// Reads `ws://host:port/path` or `http://host:port/path`.
    ///
    /// # Errors
    /// It is neither, or has no host.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let url = url.trim();
        let Some((scheme, rest)) = url.split_once("://") else {
            bail!("{url} is no URL; give ws://host:port/path or http://host:port/path");
        };
        if !["ws", "http"].contains(&scheme) {
            bail!(
                "{scheme}:// is not spoken here; give the server's address without TLS, ws:// or http://"
            );
        }
        let (authority, path) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if authority.is_empty() {
            bail!("{url} names no host");
        }
        let port = if authority
            .rsplit_once(':')
            .is_some_and(|(_, p)| p.parse::<u16>().is_ok())
        {
            ""
        } else {
            ":80"
        };
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self {
            url: url.to_owned(),
            authority: format!("{authority}{port}"),
            path: format!("{slash}{path}"),
        })
    }

    /// The same host, another path.
    pub(crate) fn at(&self, path: &str) -> Self {
        Self {
            path: path.to_owned(),
            ..self.clone()
        }
    }

    /// Connects.
    ///
    /// # Errors
    /// Nobody listens there.
    pub(crate) async fn connect(&self) -> Result<TcpStream> {
        let stream = tokio::time::timeout(PATIENCE, TcpStream::connect(&self.authority))
            .await
            .context("no answer within 10 s")
            .and_then(|connected| connected.map_err(Into::into))
            .with_context(|| format!("connecting to {}", self.authority))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Asks with `method` and without a body: status and body.
    ///
    /// # Errors
    /// No HTTP answer comes.
    pub(crate) async fn ask(&self, method: &str) -> Result<(u16, String)> {
        let asked = async {
            let mut stream = self.connect().await?;
            let head = format!(
                "{method} {} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                self.path, self.authority
            );
            stream.write_all(head.as_bytes()).await?;
            let mut answer = Vec::new();
            stream
                .take(ANSWER_BYTES_MAX)
                .read_to_end(&mut answer)
                .await?;
            let answer = String::from_utf8_lossy(&answer).into_owned();
            let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP answer")?;
            let status = head
                .split(' ')
                .nth(1)
                .and_then(|status| status.parse().ok());
            anyhow::Ok((status.context("no HTTP status")?, body.to_owned()))
        };
        tokio::time::timeout(PATIENCE, asked)
            .await
            .context("no answer within 10 s")?
            .with_context(|| format!("{method} {}", self.path))
    }
}

/// Asks for a WebSocket at `target`, with headers of one's own: what came behind the answer.
///
/// # Errors
/// The server answers otherwise, or a header would be two.
pub(crate) async fn upgrade(
    stream: &mut TcpStream,
    target: &Target,
    headers: &[(&str, String)],
) -> Result<Vec<u8>> {
    let key = generate_key();
    let mut head = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n",
        target.path, target.authority
    );
    for (name, value) in headers {
        if [name, value.as_str()]
            .iter()
            .any(|text| text.contains(['\r', '\n']))
        {
            bail!("a header of the upgrade holds a line break");
        }
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::with_capacity(1_024);
    let head_end = loop {
        if let Some(at) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if answer.len() > HEAD_BYTES_MAX || stream.read_buf(&mut answer).await? == 0 {
            bail!("no HTTP answer to the upgrade");
        }
    };
    accepted(&String::from_utf8_lossy(&answer[..head_end]), &key)?;
    answer.drain(..head_end + 4);
    Ok(answer)
}

/// Whether an answer's head accepts an upgrade with `key`.
fn accepted(head: &str, key: &str) -> Result<()> {
    let status = head.lines().next().unwrap_or("");
    if status.split(' ').nth(1) != Some("101") {
        bail!("the upgrade is refused: {status}");
    }
    let accept = derive_accept_key(key.as_bytes());
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    let is_accept = |(name, value): (&str, &str)| {
        name.eq_ignore_ascii_case("sec-websocket-accept") && value.trim() == accept
    };
    if !headers.any(is_accept) {
        bail!("the upgrade is answered with a wrong Sec-WebSocket-Accept");
    }
    Ok(())
}

/// `X-Twilio-Signature` of an upgrade: HMAC-SHA1 of the URL alone.
///
/// # Errors
/// Never with a token of any length.
pub(crate) fn twilio_signature(token: &str, public_url: &str) -> Result<String> {
    let mut mac =
        Hmac::<Sha1>::new_from_slice(token.as_bytes()).context("the token cannot be a key")?;
    mac.update(public_url.as_bytes());
    Ok(STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        for (url, authority, path) in [
            ("ws://127.0.0.1:8765/ws?a=b", "127.0.0.1:8765", "/ws?a=b"),
            ("http://localhost", "localhost:80", "/"),
            ("ws://h:1?x", "h:1", "/?x"),
        ] {
            let target = Target::parse(url).unwrap();
            assert_eq!(
                (target.authority.as_str(), target.path.as_str()),
                (authority, path)
            );
        }
        for url in ["wss://h/x", "h:80", "ws:///x", ""] {
            assert!(Target::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn an_upgrade_is_accepted_with_its_own_key_alone() {
        // The example of RFC 6455, section 1.3.
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        assert!(accepted(head, key).is_ok());
        for (head, key, why) in [
            (head, "x3JJHMbDL1EzLkh9GBhXDw==", "wrong"),
            ("HTTP/1.1 101 Switching Protocols", key, "wrong"),
            ("HTTP/1.1 503 Busy", key, "503 Busy"),
            ("", key, "refused"),
        ] {
            let error = accepted(head, key).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn the_signature_is_the_carriers() {
        // The documented example: URL and sorted parameters in one text, token 12345.
        let text = "https://mycompany.com/myapp.php?foo=1&bar=2CallSidCA1234567890ABCDECaller+14158675309Digits1234From+14158675309To+18005551212";
        assert_eq!(
            twilio_signature("12345", text).unwrap(),
            "RSOYDt4T1cUTdK1PDd93/VVr8B8="
        );
    }
}
