//! Requests as they come over the wire, and short answers.

use crate::clock::Micros;
use anyhow::{Result, bail};
use std::fmt::Write as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

const HEAD_BYTES_MAX: usize = 64 * 1024;
const BODY_BYTES_MAX: usize = 4 << 20;

/// One request.
#[derive(Debug, Default)]
pub(super) struct Request {
    /// Without the query.
    pub(super) path: String,
    query: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// Present if a WebSocket is asked for.
    pub(super) upgrade_key: Option<String>,
    protocol: Option<String>,
    /// Some key came with it.
    pub(super) has_key: bool,
    /// The connection is to be closed behind the answer.
    pub(super) is_last: bool,
    /// When it came.
    pub(super) at: Micros,
}

impl Request {
    /// Reads the next one of a connection; what is behind it stays in the buffer. `None`: no more come.
    pub(super) async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<Option<Self>> {
        let head_end = loop {
            if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            if buffer.len() > HEAD_BYTES_MAX {
                bail!("the head is too long");
            }
            if stream.read_buf(buffer).await? == 0 {
                return Ok(None);
            }
        };
        let head = String::from_utf8_lossy(&buffer[..head_end]).into_owned();
        buffer.drain(..head_end + 4);
        let mut request = Self::of_head(&head);
        let header = |name| header(&head, name);
        if header("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
            request.read_chunks(stream, buffer).await?;
        } else {
            let length = header("content-length")
                .and_then(|v| v.parse().ok())
                .unwrap_or(0);
            request.body = take(stream, buffer, length).await?;
        }
        Ok(Some(request))
    }

    fn of_head(head: &str) -> Self {
        let target = head.split(' ').nth(1).unwrap_or("/");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut request = Self {
            path: path.to_owned(),
            query: query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.replace("%2F", "/")))
                .collect(),
            is_last: header(head, "connection").is_some_and(|v| v.eq_ignore_ascii_case("close")),
            upgrade_key: header(head, "sec-websocket-key").map(str::to_owned),
            protocol: header(head, "sec-websocket-protocol")
                .and_then(|offered| offered.split(',').next())
                .map(|first| first.trim().to_owned()),
            ..Self::default()
        };
        let in_head = [
            "authorization",
            "xi-api-key",
            "x-api-key",
            "sec-websocket-protocol",
        ];
        let in_query = ["api_key", "xi-api-key", "token"];
        request.has_key = in_head.iter().any(|name| header(head, name).is_some())
            || in_query.iter().any(|name| request.query(name).is_some());
        request
    }

    async fn read_chunks(&mut self, stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<()> {
        loop {
            let line_end = loop {
                match buffer.windows(2).position(|two| two == b"\r\n") {
                    Some(at) => break at,
                    None if stream.read_buf(buffer).await? == 0 => bail!("cut within a chunk"),
                    None => {}
                }
            };
            let size = String::from_utf8_lossy(&buffer[..line_end]).into_owned();
            let size = usize::from_str_radix(size.split(';').next().unwrap_or("").trim(), 16)?;
            buffer.drain(..line_end + 2);
            let mut chunk = take(stream, buffer, size + 2).await?;
            chunk.truncate(size);
            self.body.extend(chunk);
            if size == 0 {
                return Ok(());
            }
            if self.body.len() > BODY_BYTES_MAX {
                bail!("the body is too long");
            }
        }
    }

    /// A value of the query.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// A number of the query.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.query(name)?.parse().ok()
    }

    /// Answers an upgrade.
    pub(super) async fn upgrade(&self, stream: &mut TcpStream) -> Result<()> {
        let accept = derive_accept_key(self.upgrade_key.as_deref().unwrap_or("").as_bytes());
        let mut head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\ndg-request-id: 00000000-0000-4000-8000-000000000000\r\n"
        );
        if let Some(protocol) = &self.protocol {
            let _ = write!(head, "Sec-WebSocket-Protocol: {protocol}\r\n");
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).await?;
        Ok(())
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

async fn take(stream: &mut TcpStream, buffer: &mut Vec<u8>, length: usize) -> Result<Vec<u8>> {
    if length > BODY_BYTES_MAX {
        bail!("the body is too long");
    }
    while buffer.len() < length {
        if stream.read_buf(buffer).await? == 0 {
            bail!("cut within the body");
        }
    }
    Ok(buffer.drain(..length).collect())
}

/// Answers with JSON.
pub(super) async fn reply(stream: &mut TcpStream, status: u16, body: &str) -> Result<()> {
    let reason = match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        429 => "Too Many Requests",
        _ => "Out Of Order",
    };
    let answer = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    Ok(())
}

/// Begins an answer that comes in pieces.
pub(super) async fn begin(stream: &mut TcpStream, content_type: &str) -> Result<()> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    Ok(())
}

/// Sends a piece; an empty one is the end.
pub(super) async fn piece(stream: &mut TcpStream, bytes: &[u8]) -> Result<()> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend(bytes);
    chunk.extend(b"\r\n");
    stream.write_all(&chunk).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_where_and_with_which_key() {
        let head = "GET /v1/listen?encoding=mulaw&endpointing=200 HTTP/1.1\r\nHost: x\r\nAuthorization: Token k\r\nSEC-WebSocket-Key: abc";
        let request = Request::of_head(head);
        assert_eq!(
            (request.path.as_str(), request.has_key),
            ("/v1/listen", true)
        );
        assert_eq!(
            (request.query("encoding"), request.number("endpointing")),
            (Some("mulaw"), Some(200))
        );
        assert_eq!(request.upgrade_key.as_deref(), Some("abc"));
        assert!(!Request::of_head("GET /v1/listen HTTP/1.1\r\nHost: x").has_key);
        assert!(Request::of_head("GET /tts?api_key=k HTTP/1.1").has_key);
        assert!(!request.is_last);
        assert!(Request::of_head("GET / HTTP/1.1\r\nConnection: close").is_last);
    }
}
