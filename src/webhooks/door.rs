//! Whether a request comes from the carrier that it names.

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts as _, Path, Request};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use metrics::counter;
use trunkline_core::token::Claims;
use trunkline_core::wire::twilio::form::{FORM_BYTES_MAX, Form};
use trunkline_core::wire::twilio::signature::{SETTINGS_HEADER, SIGNATURE_HEADER, Signed};

use super::https_base;
use crate::app::App;
use crate::carrier::account::{Account, Unusable};
use crate::desk::Unnamed;
use crate::ids::{self, ClientId};

/// A request that is the carrier's.
pub(crate) struct Visit {
    /// The account it is about.
    pub(crate) account: Account,
    /// Its body.
    pub(crate) form: Form,
    /// Its query.
    pub(crate) query: Form,
}

/// Of a request whose path names the account alone: nothing else reaches the routes of an account.
impl FromRequest<Arc<App>> for Visit {
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Response> {
        let (mut head, body) = request.into_parts();
        let named = Path::<String>::from_request_parts(&mut head, app).await;
        let Path(carrier_id) = named.map_err(|unnamed| unnamed.into_response())?;
        admit(app, &carrier_id, Request::from_parts(head, body)).await
    }
}

/// Lets a request in if the carrier signed it with a secret of the account that its address names.
pub(crate) async fn admit(
    app: &App,
    carrier_id: &str,
    request: Request,
) -> Result<Visit, Response> {
    let (head, body) = request.into_parts();
    if !ids::is_id("carr", carrier_id) {
        return Err(refuse("account"));
    }
    // What is unsigned costs nothing more than this.
    if !head.headers.contains_key(SIGNATURE_HEADER) {
        return Err(refuse("unsigned"));
    }
    let Ok(body) = to_bytes(body, FORM_BYTES_MAX).await else {
        return Err(refuse("body"));
    };
    let account = match Account::named(&app.desk, carrier_id).await {
        Ok(Some(account)) => account,
        Ok(None) => return Err(refuse("account")),
        Err(error) => return Err(unusable(&error)),
    };
    let url = address(&https_base(&app.public_url), &head.uri);
    account
        .verify(&signed(&url, &head.headers, &body))
        .map_err(|forged| refuse(forged.code()))?;
    let query = head.uri.query().unwrap_or_default();
    let (Ok(form), Ok(query)) = (Form::parse(&body), Form::parse(query.as_bytes())) else {
        return Err(refuse("body"));
    };
    Ok(Visit {
        account,
        form,
        query,
    })
}

/// Whether the upgrade of a media socket comes from the carrier that was given its token.
///
/// A token that a voice webhook gave away is good for the carrier alone. Any other token opens a socket for whoever has
/// it; but a signature, if there is one, must be by one of the client's carrier accounts.
pub async fn verify_upgrade(
    app: &App,
    claims: &Claims,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<(), Response> {
    let is_signed = headers.contains_key(SIGNATURE_HEADER);
    let client = match &claims.client {
        Some(client) => ClientId::parse(client).ok(),
        None => match app.desk.unnamed() {
            Unnamed::Of(client) => Some(client),
            Unnamed::Nobody | Unnamed::Unclear => None,
        },
    };
    let accounts = match (&client, &claims.carrier) {
        (Some(client), Some(id)) => {
            let found = Account::find(&app.desk, client, id).await;
            found.map(|account| account.into_iter().collect())
        }
        (Some(client), None) if is_signed => Account::all(&app.desk, client).await,
        (_, None) => return Ok(()),
        (None, Some(_)) => Ok(Vec::new()),
    };
    let accounts: Vec<Account> = accounts.map_err(|error| unusable(&error))?;
    if accounts.is_empty() && claims.carrier.is_none() {
        return Ok(());
    }
    let url = address(&app.public_url, uri);
    let request = signed(&url, headers, &[]);
    let mut why = "account";
    for account in &accounts {
        match account.verify(&request) {
            Ok(()) => return Ok(()),
            Err(forged) => why = forged.code(),
        }
    }
    counter!("trunkline_media_refused_total", "reason" => why).increment(1);
    Err(StatusCode::FORBIDDEN.into_response())
}

/// The address as the carrier was given it: from the configuration, never from what the request says of itself.
fn address(base: &str, uri: &Uri) -> String {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    format!("{base}{path}")
}

fn signed<'a>(url: &'a str, headers: &'a HeaderMap, body: &'a [u8]) -> Signed<'a> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Signed {
        url,
        signature: text(SIGNATURE_HEADER),
        settings: text(SETTINGS_HEADER),
        content_type: text(header::CONTENT_TYPE.as_str()),
        body,
    }
}

fn refuse(reason: &'static str) -> Response {
    counter!("trunkline_webhooks_refused_total", "reason" => reason).increment(1);
    StatusCode::FORBIDDEN.into_response()
}

/// The server's own trouble: the carrier may ask again.
pub(super) fn unusable(error: &Unusable) -> Response {
    tracing::error!(%error, "a carrier account cannot be used");
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}
