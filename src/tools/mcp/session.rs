//! A session with a server, by the crate `rmcp`: what is read of it is bounded, and nothing of it is repeated, reconnected or
//! followed without our saying so.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the crate's enums grow with the protocol, and what is new is nothing that we know"
)]

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use reqwest::header::{HeaderName, HeaderValue};
use rmcp::RoleClient;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ClientConfig,
    ClientJsonRpcMessage, ClientRequest, ContentBlock, ErrorCode, Implementation, ListToolsRequest,
    PaginatedRequestParams, ResourceContents, ServerResult,
};
use rmcp::service::{ClientInitializeError, RunningService, ServiceError, serve_client};
use rmcp::transport::common::client_side_sse::NeverRetry;
use rmcp::transport::streamable_http_client::{
    SseError, StreamableHttpClient, StreamableHttpClientTransportConfig, StreamableHttpError,
    StreamableHttpPostResponse, StreamableHttpResponseLimits,
};
use rmcp::transport::{DynamicTransportError, StreamableHttpClientTransport};
use serde_json::Value;
use sse_stream::Sse;

use super::{Answer, McpProblem, Unanswered, Way, shortened};

/// Most of one answer or event, in bytes.
const MESSAGE_BYTES_MAX: usize = 512 * 1024;
/// Most of a refusal that is not JSON, in bytes.
const REFUSAL_BYTES_MAX: usize = 4 * 1024;
/// Most events of one answer, and most bytes of them.
const EVENTS_MAX: usize = 256;
const EVENT_BYTES_MAX: usize = 1024 * 1024;
/// Messages that wait between the protocol's tasks.
const MESSAGES_WAITING: usize = 8;
/// Most pages of a list, and most tools of all of them.
const PAGES_MAX: usize = 8;
const LISTED_MAX: usize = 512;
/// Longest mark of a page, in bytes.
const CURSOR_BYTES_MAX: usize = 4 * 1024;

type Http = StreamableHttpError<reqwest::Error>;

/// An open session; it is closed when this is dropped.
pub(super) struct Session(RunningService<RoleClient, ClientConfig>);

impl Session {
    pub(super) async fn open(way: &Way) -> Result<Self, McpProblem> {
        let mut config = StreamableHttpClientTransportConfig::with_uri(Arc::clone(&way.url));
        config.retry_config = Arc::new(<NeverRetry as Default>::default());
        config.reinit_on_expired_session = false;
        config.channel_buffer_capacity = MESSAGES_WAITING;
        config.max_sse_event_size = MESSAGE_BYTES_MAX;
        config.max_json_response_size = MESSAGE_BYTES_MAX;
        config.max_error_response_size = REFUSAL_BYTES_MAX;
        let headers = way.headers.iter();
        config.custom_headers = headers.map(|(n, v)| (n.clone(), v.clone())).collect();
        let client = Bounded(way.http.clone());
        let transport = StreamableHttpClientTransport::with_client(client, config);
        let us = Implementation::new("trunkline", env!("CARGO_PKG_VERSION"));
        // Nothing that a server may ask of us is offered: no words of ours, no files, no forms.
        let us = ClientConfig::new(ClientCapabilities::default(), us);
        let opened = serve_client(us, transport).await;
        opened.map(Self).map_err(|error| not_opened(&error))
    }

    pub(super) fn is_open(&self) -> bool {
        !self.0.is_closed() && !self.0.peer().is_transport_closed()
    }

    /// Every tool that the server lists, as the protocol writes it. One that is no tool is among them.
    pub(super) async fn list(&self) -> Result<Vec<Value>, McpProblem> {
        let mut listed = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let page = PaginatedRequestParams::default().with_cursor(cursor.take());
            let request = ListToolsRequest::with_param(page);
            let request = ClientRequest::ListToolsRequest(request);
            let answer = self.0.peer().send_request(request).await;
            let mut page = match answer.map_err(|error| not_answered(&error))? {
                ServerResult::ListToolsResult(page) => serde_json::to_value(page),
                // What is a list but for one of its tools.
                ServerResult::CustomResult(page) => Ok(page.0),
                _ => return Err(McpProblem::Protocol),
            }
            .map_err(|_| McpProblem::Protocol)?;
            let Some(tools) = page["tools"].as_array_mut() else {
                return Err(McpProblem::Protocol);
            };
            listed.append(tools);
            listed.truncate(LISTED_MAX);
            cursor = page["nextCursor"].as_str().map(str::to_owned);
            let is_next = |cursor: &String| !cursor.is_empty() && cursor.len() <= CURSOR_BYTES_MAX;
            if !cursor.as_ref().is_some_and(is_next) || listed.len() >= LISTED_MAX {
                break;
            }
        }
        Ok(listed)
    }

    /// Has a tool do something, once.
    pub(super) async fn call(&self, theirs: &str, arguments: &Value) -> Result<Answer, Unanswered> {
        let arguments = arguments.as_object().cloned().unwrap_or_default();
        let request = CallToolRequestParams::new(theirs.to_owned()).with_arguments(arguments);
        let answer = self.0.peer().call_tool_once(request).await;
        match answer.map_err(|error| unanswered(&error))? {
            CallToolResponse::Complete(result) => Ok(read(result)),
            _ => Err(Unanswered::Declined(
                "the tool asks for what a call cannot give it".into(),
            )),
        }
    }
}

/// An answer as a value and as text. Pictures and sounds are said to be there, no more.
fn read(result: CallToolResult) -> Answer {
    let mut text = String::new();
    for block in result.content {
        let said = match block {
            ContentBlock::Text(said) => said.text,
            ContentBlock::Resource(inside) => match inside.resource {
                ResourceContents::TextResourceContents { text, .. } => text,
                _ => "(data that is not shown)".into(),
            },
            _ => "(something that is not text)".into(),
        };
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&said);
    }
    Answer {
        is_error: result.is_error == Some(true),
        value: result.structured_content.filter(|value| !value.is_null()),
        text,
    }
}

fn not_opened(error: &ClientInitializeError) -> McpProblem {
    match error {
        ClientInitializeError::TransportError { error, .. } => failed(error),
        ClientInitializeError::JsonRpcError(error) => McpProblem::Refused(error.code.0),
        _ => McpProblem::Protocol,
    }
}

fn not_answered(error: &ServiceError) -> McpProblem {
    match error {
        ServiceError::McpError(error) => McpProblem::Refused(error.code.0),
        ServiceError::TransportSend(error) => failed(error),
        _ => McpProblem::Protocol,
    }
}

fn failed(error: &DynamicTransportError) -> McpProblem {
    match error.error.downcast_ref::<Http>() {
        Some(Http::Client(_)) => McpProblem::Unreached,
        Some(Http::HttpStatus(told)) => McpProblem::Status(told.status),
        Some(Http::AuthRequired(_) | Http::InsufficientScope(_)) => McpProblem::Unauthorized,
        Some(_) | None => McpProblem::Protocol,
    }
}

/// What is known of a use whose answer is an error, or did not come.
fn unanswered(error: &ServiceError) -> Unanswered {
    match error {
        ServiceError::McpError(error) => {
            let why = format!("the tool's server refused: {}", shortened(&error.message));
            let begins_nothing = [
                ErrorCode::METHOD_NOT_FOUND,
                ErrorCode::INVALID_PARAMS,
                ErrorCode::INVALID_REQUEST,
            ];
            match begins_nothing.contains(&error.code) {
                true => Unanswered::Declined(why),
                false => Unanswered::Unclear(why),
            }
        }
        ServiceError::TransportSend(error) => match error.error.downcast_ref::<Http>() {
            Some(Http::Client(error)) if error.is_connect() => {
                Unanswered::Unasked(McpProblem::Unreached)
            }
            Some(Http::HttpStatus(told)) => {
                let why = McpProblem::Status(told.status).to_string();
                match told.status {
                    // They say that nothing was begun.
                    429 | 503 => Unanswered::Declined(why),
                    _ => Unanswered::Unclear(why),
                }
            }
            Some(Http::AuthRequired(_) | Http::InsufficientScope(_)) => {
                Unanswered::Declined(McpProblem::Unauthorized.to_string())
            }
            Some(Http::SessionExpired) => {
                Unanswered::Declined("the MCP server has forgotten the session".into())
            }
            Some(_) | None => broke_off(),
        },
        _ => broke_off(),
    }
}

fn broke_off() -> Unanswered {
    Unanswered::Unclear("the tool's server broke off, or answered with something else".into())
}

/// A client of `egress`, of whose answers so much is read and no more. Streams that a server opens of its own accord are not
/// wanted, and one that broke is not taken up again.
#[derive(Clone)]
struct Bounded(reqwest::Client);

type Headers = HashMap<HeaderName, HeaderValue>;
type Events = BoxStream<'static, Result<Sse, SseError>>;

impl StreamableHttpClient for Bounded {
    type Error = reqwest::Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth: Option<String>,
        headers: Headers,
    ) -> Result<StreamableHttpPostResponse, Http> {
        let limits = StreamableHttpResponseLimits::default();
        self.post_message_with_response_limits(uri, message, session_id, auth, headers, limits)
            .await
    }

    async fn post_message_with_response_limits(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth: Option<String>,
        headers: Headers,
        limits: StreamableHttpResponseLimits,
    ) -> Result<StreamableHttpPostResponse, Http> {
        let http = &self.0;
        let answer = http
            .post_message_with_response_limits(uri, message, session_id, auth, headers, limits)
            .await?;
        let StreamableHttpPostResponse::Sse(events, session_id) = answer else {
            return Ok(answer);
        };
        Ok(StreamableHttpPostResponse::Sse(bounded(events), session_id))
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        auth: Option<String>,
        headers: Headers,
    ) -> Result<(), Http> {
        self.0.delete_session(uri, session_id, auth, headers).await
    }

    async fn get_stream(
        &self,
        _: Arc<str>,
        _: Option<Arc<str>>,
        _: Option<String>,
        _: Option<String>,
        _: Headers,
    ) -> Result<Events, Http> {
        std::future::ready(Err(Http::ServerDoesNotSupportSse)).await
    }
}

fn bounded(events: Events) -> Events {
    let (mut events_left, mut bytes_left) = (EVENTS_MAX, EVENT_BYTES_MAX);
    let within = move |event: &Result<Sse, SseError>| {
        let bytes = event.as_ref().ok().and_then(|event| event.data.as_ref());
        let bytes = bytes.map_or(0, String::len);
        let is_within = events_left > 0 && bytes <= bytes_left;
        events_left = events_left.saturating_sub(1);
        bytes_left = bytes_left.saturating_sub(bytes);
        std::future::ready(is_within)
    };
    events.take_while(within).boxed()
}
