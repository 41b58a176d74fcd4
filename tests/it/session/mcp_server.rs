//! An MCP server on a loopback socket, which does what the protocol says or what a test has it do instead; and a way to one
//! that is another process, before which a paused clock stands still.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::rig::unhurried;
use super::tool_server::{self, Request};

/// The session that it opens.
const SESSION: &str = "s-1";

/// What it does with a message.
#[derive(Clone, Debug)]
pub(crate) enum Says {
    /// The result of the request, as JSON.
    Result(Value),
    /// These messages as events, and no more. `"ID"` stands for the request's id.
    Events(Vec<Value>),
    /// One event again and again, as long as somebody reads.
    Endless(Value),
    /// Comments for ever, which are no events.
    Humming,
    /// This status, with these header lines and this body.
    Status(u16, &'static str, String),
    /// The connection breaks before an answer.
    HangUp,
    /// Nothing, for ever.
    Silence,
}

type Script = Arc<dyn Fn(&str, &Value) -> Option<Says> + Send + Sync>;

pub(crate) struct McpDouble {
    /// Where it is.
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl McpDouble {
    /// One with these tools. `script` says what it does with a message of a method, where it does not do the usual.
    pub(crate) async fn open(
        tools: Value,
        script: impl Fn(&str, &Value) -> Option<Says> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let requests = Arc::clone(&seen);
        let script: Script = Arc::new(script);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                socket.set_nodelay(true).unwrap();
                let (requests, script) = (Arc::clone(&requests), Arc::clone(&script));
                tokio::spawn(serve(socket, requests, tools.clone(), script));
            }
        });
        Self { url, seen }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// The methods of all messages in turn; of a request without one, its line's first word.
    pub(crate) fn methods(&self) -> Vec<String> {
        self.requests().iter().map(method).collect()
    }

    /// How often something was to be done.
    pub(crate) fn calls(&self) -> usize {
        let methods = self.methods();
        methods.iter().filter(|m| *m == "tools/call").count()
    }
}

fn method(request: &Request) -> String {
    let message: Value = serde_json::from_str(&request.body).unwrap_or_default();
    let first = request.line.split(' ').next().unwrap();
    message["method"].as_str().unwrap_or(first).to_owned()
}

fn usual(method: &str, tools: &Value) -> Says {
    match method {
        "initialize" => Says::Result(json!({
            "protocolVersion": "2025-11-25", "capabilities": { "tools": {} },
            "serverInfo": { "name": "double", "version": "1" },
        })),
        "tools/list" => Says::Result(json!({ "tools": tools })),
        "tools/call" => Says::Result(json!({ "content": [{ "type": "text", "text": "done" }] })),
        "DELETE" => Says::Status(200, "", String::new()),
        _ => Says::Status(202, "", String::new()),
    }
}

async fn serve(
    mut socket: TcpStream,
    seen: Arc<Mutex<Vec<Request>>>,
    tools: Value,
    script: Script,
) {
    let mut kept = Vec::new();
    while let Some(request) = tool_server::request(&mut socket, &mut kept).await {
        let method = method(&request);
        let message: Value = serde_json::from_str(&request.body).unwrap_or_default();
        seen.lock().unwrap().push(request);
        let says = script(&method, &message).unwrap_or_else(|| usual(&method, &tools));
        if answer(&mut socket, says, &message["id"]).await.is_err() {
            return;
        }
    }
}

async fn answer(socket: &mut TcpStream, says: Says, id: &Value) -> std::io::Result<()> {
    let events = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nmcp-session-id: {SESSION}\r\nconnection: close\r\n\r\n"
    );
    let event = |message: &Value| {
        let text = message.to_string().replace("\"ID\"", &id.to_string());
        format!("event: message\ndata: {text}\n\n")
    };
    match says {
        Says::Result(result) => {
            let body = json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nmcp-session-id: {SESSION}\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            socket.write_all((head + &body).as_bytes()).await
        }
        Says::Events(messages) => {
            let body: String = messages.iter().map(event).collect();
            socket.write_all((events + &body).as_bytes()).await?;
            Err(std::io::ErrorKind::ConnectionAborted.into())
        }
        Says::Endless(message) => {
            socket.write_all(events.as_bytes()).await?;
            let piece = event(&message);
            loop {
                socket.write_all(piece.as_bytes()).await?;
            }
        }
        Says::Humming => {
            socket.write_all(events.as_bytes()).await?;
            loop {
                socket.write_all(b": still here\n\n").await?;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Says::Status(status, headers, body) => {
            let length = body.len();
            let head =
                format!("HTTP/1.1 {status} Told\r\n{headers}content-length: {length}\r\n\r\n");
            socket.write_all((head + &body).as_bytes()).await
        }
        Says::HangUp => Err(std::io::ErrorKind::ConnectionAborted.into()),
        Says::Silence => std::future::pending().await,
    }
}

/// Passes requests on to a server on this port of loopback, one connection for each; a paused clock stands still until it has
/// answered. Where that is to be found, and the methods that were passed on.
pub(crate) async fn way_to(port: u16) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let methods: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&methods);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            tokio::spawn(async move {
                let mut kept = Vec::new();
                let Some(request) = tool_server::request(&mut socket, &mut kept).await else {
                    return;
                };
                seen.lock().unwrap().push(method(&request));
                let answer = unhurried(passed_on(&request, port)).await;
                let _ = socket.write_all(&answer).await;
            });
        }
    });
    (url, methods)
}

async fn passed_on(request: &Request, port: u16) -> Vec<u8> {
    let mut head = format!("{}\r\nconnection: close\r\n", request.line);
    for (name, value) in request.headers() {
        let value: &str = match name {
            "connection" => continue,
            "host" => &format!("127.0.0.1:{port}"),
            _ => value,
        };
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let whole = format!("{head}\r\n{}", request.body);
    server.write_all(whole.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await.unwrap();
    answer
}
