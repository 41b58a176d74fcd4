//! How the account reaches the server: webhooks by HTTP, and media sockets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{Request, Uri};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use trunkline_core::wire::twilio::form::{Form, encode};
use trunkline_core::wire::twilio::signature::SIGNATURE_HEADER;

use super::super::{CallSetup, Carrier};
use super::Books;
use crate::egress::Io;

/// How long the server may take for a webhook.
const PATIENCE: Duration = Duration::from_secs(15);
/// Most of an answer that is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A stream to where an address really is. Nothing is encrypted here.
async fn reach(books: &Books, uri: &Uri) -> Option<Box<dyn Io>> {
    let net = &books.world.net;
    let (host, port) = (uri.host()?.to_owned(), uri.port_u16().unwrap_or(80));
    let address = match host.parse() {
        Ok(ip) => std::net::SocketAddr::new(ip, port),
        Err(_) => *net.lookup(host, port).await.ok()?.first()?,
    };
    net.connect(address).await.ok()
}

/// Sends a signed form: the status and the body of the answer; `None` if there was none.
pub(super) async fn post(books: &Books, url: &str, form: &Form) -> Option<(u16, String)> {
    timeout(PATIENCE, exchange(books, url, form)).await.ok()?
}

async fn exchange(books: &Books, url: &str, form: &Form) -> Option<(u16, String)> {
    let local: Uri = books.local(url).parse().ok()?;
    let pairs = form.pairs().iter();
    let body = encode(pairs.map(|(name, value)| (name.as_str(), value.as_str())));
    let request = Request::post(local.path_and_query()?.as_str())
        .header(HOST, local.authority()?.as_str())
        .header(
            CONTENT_TYPE,
            "application/x-www-form-urlencoded; charset=UTF-8",
        )
        .header(SIGNATURE_HEADER, books.signature(url, form))
        .body(Body::from(body))
        .ok()?;
    let stream = TokioIo::new(reach(books, &local).await?);
    let (mut sender, connection) = http1::handshake(stream).await.ok()?;
    // It ends with the sender, and fails only with the answer.
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(request).await.ok()?;
    let status = answer.status().as_u16();
    let body = axum::body::to_bytes(Body::new(answer.into_body()), ANSWER_BYTES_MAX).await;
    connection.abort();
    Some((status, String::from_utf8(body.ok()?.into()).ok()?))
}

/// Opens a call's media socket; `None` if the server does not let it in.
pub(super) async fn connect(
    books: &Arc<Books>,
    sid: &str,
    url: &str,
    parameters: &BTreeMap<String, String>,
) -> Option<Carrier> {
    let mut setup = CallSetup::new(books.counter.load(Ordering::Relaxed));
    setup.start.account.clone_from(&books.setup.account_sid);
    setup.start.carrier_call_id = sid.to_owned();
    setup.start.parameters.clone_from(parameters);
    let setup = setup.header(SIGNATURE_HEADER, books.signature(url, &Form::default()));
    let local = books.local(url);
    let stream = reach(books, &local.parse().ok()?).await?;
    Carrier::connect_over(stream, &local, setup).await.ok()
}
