//! The REST interface of the account.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use trunkline_core::wire::twilio::form::{FORM_BYTES_MAX, Form};
use trunkline_core::wire::twilio::webhook::Status;

use super::super::Instructions;
use super::{BookedCall, Books, Fault, course};

const PAGE: &str = "<!doctype html><html><title>502</title><body>Bad gateway</body></html>";
/// Longest instructions that may come in a request, in characters.
const TWIML_CHARS_MAX: usize = 4_000;

pub(super) fn router(books: Arc<Books>) -> Router {
    Router::new().fallback(serve).with_state(books)
}

async fn serve(State(books): State<Arc<Books>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, FORM_BYTES_MAX).await else {
        return refusal(413, 0, "too long");
    };
    let path = head.uri.path().to_owned();
    let fault = {
        let mut open = books.lock();
        open.asked.push(format!("{} {path}", head.method));
        let is_change = head.method == Method::POST && !path.ends_with("/Calls.json");
        let ordered = is_change.then(|| open.change_faults.pop_front()).flatten();
        ordered.unwrap_or_else(|| open.faults.pop_front())
    };
    match fault {
        Some(Fault::TooMany(seconds)) => {
            let mut answer = refusal(429, 20429, "Too many requests");
            if let Ok(value) = seconds.to_string().parse() {
                answer.headers_mut().insert(header::RETRY_AFTER, value);
            }
            return answer;
        }
        Some(Fault::Trouble) => return page(StatusCode::BAD_GATEWAY),
        Some(Fault::Elsewhere) => {
            let to = [(header::LOCATION, "https://elsewhere.example.com/")];
            return (StatusCode::TEMPORARY_REDIRECT, to).into_response();
        }
        Some(Fault::AnswerLost | Fault::Silence | Fault::PageForAnswer | Fault::HangsUp) | None => {
        }
    }
    let query = head.uri.query().unwrap_or_default();
    let answer = answer(&books, &head.method, &head.headers, &path, query, &body).await;
    match fault {
        Some(Fault::AnswerLost) => {
            let broken = futures_util::stream::iter([
                Ok(Bytes::from_static(b"{\"sid\":")),
                Err(std::io::Error::other("cut")),
            ]);
            Response::new(Body::from_stream(broken))
        }
        Some(Fault::Silence) => std::future::pending().await,
        Some(Fault::PageForAnswer) => page(answer.status()),
        Some(Fault::HangsUp) => {
            if let Some(sid) = changed(&path) {
                course::turn(&books, sid, Status::Completed).await;
            }
            answer
        }
        Some(Fault::TooMany(_) | Fault::Trouble | Fault::Elsewhere) | None => answer,
    }
}

/// The call that a path names.
fn changed(path: &str) -> Option<&str> {
    path.rsplit('/').next()?.strip_suffix(".json")
}

async fn answer(
    books: &Arc<Books>,
    method: &Method,
    headers: &HeaderMap,
    path: &str,
    query: &str,
    body: &[u8],
) -> Response {
    if !is_known(books, headers) {
        return refusal(401, 20003, "Authenticate");
    }
    let root = format!("/2010-04-01/Accounts/{}", books.setup.account_sid);
    let Some(rest) = path.strip_prefix(&root) else {
        return refusal(404, 20404, "The requested resource was not found");
    };
    let (Ok(query), Ok(form)) = (Form::parse(query.as_bytes()), Form::parse(body)) else {
        return refusal(400, 20001, "Bad request");
    };
    let call = rest
        .strip_prefix("/Calls/")
        .and_then(|rest| rest.strip_suffix(".json"));
    match (method, rest, call) {
        (&Method::GET, ".json", _) => json_answer(200, &account(books)),
        (&Method::GET, "/IncomingPhoneNumbers.json", _) => {
            json_answer(200, &numbers(books, &query))
        }
        (&Method::GET, "/Calls.json", _) => json_answer(200, &list(books, &query)),
        (&Method::POST, "/Calls.json", _) => create(books, &form),
        (&Method::GET, _, Some(sid)) => match books.lock().calls.get(sid) {
            Some(call) => json_answer(200, &resource(books, call)),
            None => refusal(404, 20404, "The requested resource was not found"),
        },
        (&Method::POST, _, Some(sid)) => update(books, sid, &form).await,
        _ => refusal(404, 20404, "The requested resource was not found"),
    }
}

fn is_known(books: &Books, headers: &HeaderMap) -> bool {
    let told = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let basic = |user: &str, password: &str| {
        format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
    };
    let setup = &books.setup;
    let key = setup.api_key.as_ref();
    told.is_some_and(|told| {
        told == basic(&setup.account_sid, &setup.auth_token)
            || key.is_some_and(|(sid, secret)| told == basic(sid, secret))
    })
}

fn create(books: &Arc<Books>, form: &Form) -> Response {
    let is_number = |text: &str| {
        text.strip_prefix('+')
            .is_some_and(|digits| digits.len() >= 8 && digits.bytes().all(|b| b.is_ascii_digit()))
    };
    let Some(to) = form.first("To") else {
        return refusal(400, 21201, "No 'To' number is specified");
    };
    if !is_number(to) {
        return refusal(400, 21211, &format!("The 'To' number {to} is not valid"));
    }
    let from = form.first("From").unwrap_or_default();
    if !books.setup.numbers.iter().any(|own| own.number == from) {
        return refusal(
            400,
            21210,
            &format!("'From' phone number not verified: {from}"),
        );
    }
    if form.first("Url").is_some() && form.first("Twiml").is_some() {
        return refusal(400, 32019, "Url and Twiml");
    }
    let Some(url) = form.first("Url") else {
        return refusal(400, 21205, "Url parameter is required");
    };
    let is_async = form.first("AsyncAmd") == Some("true");
    if is_async && form.first("AsyncAmdStatusCallback").is_none() {
        return refusal(400, 21262, "AsyncAmd without callback");
    }
    if form
        .first("MachineDetection")
        .is_some_and(|mode| !matches!(mode, "Enable" | "DetectMessageEnd"))
    {
        return refusal(400, 20001, "MachineDetection is Enable or DetectMessageEnd");
    }
    let sid = books.sid("CA");
    let call = BookedCall {
        status_url: form.first("StatusCallback").map(str::to_owned),
        answer_url: url.to_owned(),
        events: events(form),
        amd_url: is_async
            .then(|| form.first("AsyncAmdStatusCallback").map(str::to_owned))
            .flatten(),
        ..BookedCall::new(sid.clone(), from, to, books.now_ms())
    };
    let shown = resource(books, &call);
    let callee = {
        let mut open = books.lock();
        open.calls.insert(sid.clone(), call);
        open.callee
    };
    tokio::spawn(course::dial(Arc::clone(books), sid, callee));
    json_answer(201, &shown)
}

/// Which events are told; the end alone unless the request says otherwise.
fn events(form: &Form) -> Vec<String> {
    let pairs = form.pairs().iter();
    let named = pairs.filter(|(name, _)| name == "StatusCallbackEvent");
    let events: Vec<String> = named.map(|(_, event)| event.clone()).collect();
    match events.is_empty() {
        true => vec!["completed".into()],
        false => events,
    }
}

async fn update(books: &Arc<Books>, sid: &str, form: &Form) -> Response {
    if !books.lock().calls.contains_key(sid) {
        return refusal(404, 20404, "The requested resource was not found");
    }
    let twiml = form.first("Twiml");
    if twiml.is_some_and(|twiml| twiml.chars().count() > TWIML_CHARS_MAX) {
        return refusal(400, 32018, "Twiml is too long");
    }
    let ends = matches!(form.first("Status"), Some("completed" | "canceled"));
    if !ends && twiml.is_none() {
        return refusal(400, 20001, "Nothing to change");
    }
    let is_done = match twiml.filter(|_| !ends) {
        // What is not understood drops the call.
        Some(twiml) => {
            let told = Instructions::read(twiml).unwrap_or(Instructions::HangUp);
            course::redirect(books, sid, told).await
        }
        None => course::end(books, sid).await,
    };
    if !is_done {
        return refusal(400, 21220, "Call is not in-progress. Cannot redirect.");
    }
    match books.lock().calls.get(sid) {
        Some(call) => json_answer(200, &resource(books, call)),
        None => refusal(404, 20404, "The requested resource was not found"),
    }
}

fn account(books: &Books) -> Value {
    json!({ "sid": books.setup.account_sid, "status": "active", "type": "Full", "friendly_name": "double" })
}

fn numbers(books: &Books, query: &Form) -> Value {
    let wanted = query.first("PhoneNumber");
    let numbers = books.setup.numbers.iter();
    let shown: Vec<Value> = numbers
        .filter(|own| wanted.is_none_or(|wanted| wanted == own.number))
        .enumerate()
        .map(|(n, own)| {
            json!({
                "sid": format!("PN{n:032x}"), "phone_number": own.number, "voice_url": own.voice_url,
                "voice_method": "POST", "voice_application_sid": "", "trunk_sid": null,
                "status_callback": own.status_url, "status_callback_method": "POST",
            })
        })
        .collect();
    json!({ "incoming_phone_numbers": shown, "page": 0, "next_page_uri": null })
}

fn list(books: &Books, query: &Form) -> Value {
    let open = books.lock();
    let (from, to) = (query.first("From"), query.first("To"));
    let fits = |call: &&BookedCall| {
        from.is_none_or(|from| from == call.from) && to.is_none_or(|to| to == call.to)
    };
    // Ids grow: the newest is the last.
    let calls = open.calls.values().rev().filter(fits).take(50);
    let shown: Vec<Value> = calls.map(|call| resource(books, call)).collect();
    json!({ "calls": shown, "page": 0, "page_size": 50, "next_page_uri": null })
}

fn resource(books: &Books, call: &BookedCall) -> Value {
    let date = |ms: Option<i64>| ms.map(course::date);
    let lasted = call.answered_ms.zip(call.ended_ms);
    json!({
        "sid": call.sid, "account_sid": books.setup.account_sid, "from": call.from, "to": call.to,
        "status": call.status.word(), "direction": if call.is_outbound { "outbound-api" } else { "inbound" },
        // A call that was only just made has no dates yet.
        "date_created": date(Some(call.created_ms).filter(|_| call.status != Status::Queued)),
        "start_time": date(call.answered_ms), "end_time": date(call.ended_ms),
        "duration": lasted.map(|(from, to)| ((to - from) / 1_000).to_string()),
        "price": null, "price_unit": "USD", "queue_time": "0", "answered_by": null,
        "parent_call_sid": call.parent.as_ref().map(|(sid, _)| sid),
    })
}

fn json_answer(status: u16, value: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (status, kind, value.to_string()).into_response()
}

fn refusal(status: u16, code: u32, message: &str) -> Response {
    let told = json!({
        "code": code, "message": message, "status": status,
        "more_info": format!("https://www.twilio.com/docs/errors/{code}"),
    });
    json_answer(status, &told)
}

fn page(status: StatusCode) -> Response {
    (status, [(header::CONTENT_TYPE, "text/html")], PAGE).into_response()
}
