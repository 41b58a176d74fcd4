//! Accounts with carriers. Their secrets go in and never out.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::auth::Caller;
use super::body::{Id, Json, Params, text};
use super::once::{Made, Posted};
use super::page::{Page, PageParams, Paged};
use super::problem::Problem;
use super::refuse::{stored, unopened};
use super::revision::{At, IfMatch};
use super::when::When;
use crate::app::App;
use crate::carrier::account::{Account, CarrierSettings, Secrets, TWILIO, Unusable};
use crate::desk::{self, Desk, Place};
use crate::store::carriers::{
    CarrierAccount as Row, CarrierChange as RowChange, NewCarrierAccount as NewRow,
};
use crate::vault::ClientKeys;
use crate::{clock, ids};

const NAME_CHARS_MAX: usize = 100;
/// Twilio's ids and tokens are 32 hexadecimal digits, the ids behind `AC`.
const TWILIO_HEX: usize = 32;
/// Longest secret other than a token.
const KEY_CHARS_MAX: usize = 200;
/// A shorter one could be guessed.
const HOOK_SECRET_CHARS_MIN: usize = 16;
const LABEL_CHARS_MAX: usize = 32;
const URL_CHARS_MAX: usize = 2_000;

/// Which carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Carrier {
    /// Twilio.
    Twilio,
}

/// An account with a carrier, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CarrierAccount {
    #[schema(example = "carr_01JD0000000000000000000000")]
    id: String,
    carrier: Carrier,
    /// What its owner calls it.
    #[schema(example = "Main account")]
    name: String,
    settings: CarrierSettings,
    created_at: When,
    updated_at: When,
}

/// An account to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCarrierAccount {
    carrier: Carrier,
    /// What to call it.
    #[schema(max_length = 100, example = "Main account")]
    name: String,
    /// The account's token; goes in and never out.
    #[schema(write_only, pattern = "^[0-9a-f]{32}$")]
    secret: String,
    /// The secret of `settings.api_key_sid`.
    #[schema(write_only)]
    api_key_secret: Option<String>,
    /// A shared key of the carrier's that signs its webhooks in place of the token.
    #[schema(write_only)]
    shared_key: Option<String>,
    /// Signs what `settings.inbound_webhook` is told: 16 to 200 characters.
    #[schema(write_only, min_length = 16, max_length = 200)]
    inbound_webhook_secret: Option<String>,
    settings: CarrierSettings,
}

/// What to change; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CarrierAccountChange {
    /// What to call it.
    #[schema(max_length = 100)]
    name: Option<String>,
    /// The account's token. The one before it stays good for the carrier's signatures until `previous_secret` is null.
    #[schema(write_only)]
    secret: Option<String>,
    /// The token before it, while the carrier may still sign with it; null takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(write_only, value_type = Option<String>)]
    previous_secret: Option<Option<String>>,
    /// The secret of `settings.api_key_sid`; null takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(write_only, value_type = Option<String>)]
    api_key_secret: Option<Option<String>>,
    /// A shared key of the carrier's that signs its webhooks; null takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(write_only, value_type = Option<String>)]
    shared_key: Option<Option<String>>,
    /// Signs what `settings.inbound_webhook` is told; null takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(write_only, value_type = Option<String>)]
    inbound_webhook_secret: Option<Option<String>>,
    settings: Option<CarrierSettings>,
}

/// A field that is there, were it null.
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

impl CarrierAccountChange {
    /// The secrets after the change.
    fn secrets(self, current: Secrets) -> Secrets {
        let previous_usual = match &self.secret {
            Some(new) if *new != current.auth_token => Some(current.auth_token.clone()),
            Some(_) | None => current.previous_auth_token,
        };
        Secrets {
            auth_token: self.secret.unwrap_or(current.auth_token),
            previous_auth_token: self.previous_secret.unwrap_or(previous_usual),
            api_key_secret: self.api_key_secret.unwrap_or(current.api_key_secret),
            shared_key: self.shared_key.unwrap_or(current.shared_key),
            inbound_webhook_secret: self
                .inbound_webhook_secret
                .unwrap_or(current.inbound_webhook_secret),
        }
    }
}

fn is_hex(text: &str) -> bool {
    text.len() == TWILIO_HEX && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn check_token(pointer: &str, token: &str) -> Result<(), Problem> {
    if is_hex(token) {
        return Ok(());
    }
    let detail = "expected an auth token: 32 hexadecimal digits";
    Err(Problem::invalid(pointer, "invalid", detail))
}

/// A secret that is not ours to judge: printable, and not absurd.
fn check_key(pointer: &str, key: Option<&str>, chars_min: usize) -> Result<(), Problem> {
    let fits = |key: &str| {
        (chars_min..=KEY_CHARS_MAX).contains(&key.len())
            && key.bytes().all(|b| b.is_ascii_graphic())
    };
    if key.is_none_or(fits) {
        return Ok(());
    }
    let detail = format!("expected {chars_min} to {KEY_CHARS_MAX} characters without spaces");
    Err(Problem::invalid(pointer, "invalid", detail))
}

fn check_secrets(secrets: &Secrets) -> Result<(), Problem> {
    check_token("/secret", &secrets.auth_token)?;
    if let Some(token) = &secrets.previous_auth_token {
        check_token("/previous_secret", token)?;
    }
    for (pointer, key, chars_min) in [
        ("/api_key_secret", &secrets.api_key_secret, 1),
        ("/shared_key", &secrets.shared_key, 1),
        (
            "/inbound_webhook_secret",
            &secrets.inbound_webhook_secret,
            HOOK_SECRET_CHARS_MIN,
        ),
    ] {
        check_key(pointer, key.as_deref(), chars_min)?;
    }
    Ok(())
}

/// Part of a host's name.
fn is_label(text: &str) -> bool {
    (1..=LABEL_CHARS_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
}

fn check_settings(settings: &CarrierSettings, secrets: &Secrets) -> Result<(), Problem> {
    let is_sid = |sid: &str, prefix| sid.strip_prefix(prefix).is_some_and(is_hex);
    let wrong =
        |pointer: &str, detail: &'static str| Err(Problem::invalid(pointer, "invalid", detail));
    if !is_sid(&settings.account_sid, "AC") {
        return wrong(
            "/settings/account_sid",
            "expected AC and 32 hexadecimal digits",
        );
    }
    if settings
        .api_key_sid
        .as_ref()
        .is_some_and(|sid| !is_sid(sid, "SK"))
    {
        return wrong(
            "/settings/api_key_sid",
            "expected SK and 32 hexadecimal digits",
        );
    }
    if settings.api_key_sid.is_some() != secrets.api_key_secret.is_some() {
        return wrong(
            "/settings/api_key_sid",
            "an API key needs its secret, api_key_secret, and the secret needs its key",
        );
    }
    if settings.region.is_some() != settings.edge.is_some() {
        return wrong(
            "/settings/region",
            "region and edge belong together: set both or neither",
        );
    }
    for (pointer, label) in [
        ("/settings/region", &settings.region),
        ("/settings/edge", &settings.edge),
    ] {
        if label.as_ref().is_some_and(|label| !is_label(label)) {
            return wrong(
                pointer,
                "expected a name as the carrier writes it, as ie1 or dublin",
            );
        }
    }
    if let Some(url) = &settings.inbound_webhook {
        let is_https = reqwest::Url::parse(url)
            .is_ok_and(|url| url.scheme() == "https" && url.fragment().is_none());
        if !is_https || url.len() > URL_CHARS_MAX {
            return wrong(
                "/settings/inbound_webhook",
                "expected an https address of at most 2000 characters",
            );
        }
        if secrets.inbound_webhook_secret.is_none() {
            return wrong(
                "/settings/inbound_webhook",
                "it needs inbound_webhook_secret, with which it is signed",
            );
        }
    }
    Ok(())
}

/// What cannot be sealed or opened: the server's own trouble.
fn unusable(error: Unusable) -> Problem {
    match error {
        Unusable::Store(error) => stored(error),
        Unusable::Vault(_) | Unusable::Unopened(_) | Unusable::Garbled => Problem::internal(&error),
    }
}

fn show(keys: &ClientKeys, row: &Row) -> Result<CarrierAccount, Problem> {
    let open =
        |column, sealed| desk::open(keys, Place::new(column, &row.id), sealed).map_err(unopened);
    let account = Account::open(keys.clone(), row).map_err(unusable)?;
    Ok(CarrierAccount {
        id: row.id.clone(),
        carrier: match row.kind.as_str() {
            TWILIO => Carrier::Twilio,
            _ => return Err(Problem::internal(&"a carrier that is not known here")),
        },
        name: open("carrier_accounts.name", &row.name)?,
        settings: account.settings,
        created_at: When::of(row.created_ms),
        updated_at: When::of(row.updated_ms),
    })
}

pub(super) async fn find(desk: &Desk, caller: &Caller, id: &str) -> Result<Row, Problem> {
    let row = desk.store.carriers().find(&caller.client, id).await;
    row.map_err(stored)?.ok_or_else(Problem::not_found)
}

/// Add an account
#[utoipa::path(
    post, path = "/v1/carrier-accounts", tag = "carrier accounts", request_body = NewCarrierAccount,
    responses((status = 201, body = CarrierAccount)),
)]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Posted { body: new, once }: Posted<NewCarrierAccount>,
) -> Result<Response, Problem> {
    text("/name", &new.name, NAME_CHARS_MAX)?;
    let secrets = Secrets {
        auth_token: new.secret,
        previous_auth_token: None,
        api_key_secret: new.api_key_secret,
        shared_key: new.shared_key,
        inbound_webhook_secret: new.inbound_webhook_secret,
    };
    check_secrets(&secrets)?;
    check_settings(&new.settings, &secrets)?;
    let work = async move {
        let desk = &app.desk;
        let keys = caller.keys(desk).await?;
        let id = ids::new_id("carr");
        let seal = |column, text: &str| desk::seal(&keys, Place::new(column, &id), text);
        let kind = match new.carrier {
            Carrier::Twilio => TWILIO,
        };
        let row = NewRow {
            kind: kind.into(),
            name: seal("carrier_accounts.name", &new.name),
            secret: secrets.seal(&keys, &id).map_err(unusable)?,
            settings: new.settings.seal(&keys, &id).map_err(unusable)?,
            created_ms: clock::unix_ms(),
            id: id.clone(),
        };
        desk.store
            .carriers()
            .add(&caller.client, &row)
            .await
            .map_err(stored)?;
        let shown = show(&keys, &find(desk, &caller, &id).await?)?;
        Ok(Made::new(&id, format!("/v1/carrier-accounts/{id}"), &shown)?.revision(1))
    };
    once.settle(work).await
}

/// List accounts
#[utoipa::path(
    get, path = "/v1/carrier-accounts", tag = "carrier accounts", params(PageParams),
    responses((status = 200, body = Paged<CarrierAccount>)),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
) -> Result<Answer<Paged<CarrierAccount>>, Problem> {
    let page = Page::alone("carrier-accounts", params)?;
    let keys = caller.keys(&app.desk).await?;
    let carriers = app.desk.store.carriers();
    let rows = carriers
        .list(&caller.client, page.after().as_ref(), page.limit)
        .await;
    page.try_of(rows.map_err(stored)?, |row| show(&keys, &row))
        .map(Answer)
}

/// Show an account, without its secret
#[utoipa::path(
    get, path = "/v1/carrier-accounts/{id}", tag = "carrier accounts", params(("id" = String, Path)),
    responses((status = 200, body = CarrierAccount)),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<At<CarrierAccount>, Problem> {
    let row = find(&app.desk, &caller, &id).await?;
    let keys = caller.keys(&app.desk).await?;
    Ok(At(row.revision, show(&keys, &row)?))
}

/// Change an account
#[utoipa::path(
    patch, path = "/v1/carrier-accounts/{id}", tag = "carrier accounts", params(("id" = String, Path)),
    request_body = CarrierAccountChange, responses((status = 200, body = CarrierAccount)),
)]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    seen: IfMatch,
    Id(id): Id,
    Json(mut change): Json<CarrierAccountChange>,
) -> Result<At<CarrierAccount>, Problem> {
    let desk = &app.desk;
    let row = find(desk, &caller, &id).await?;
    let revision = seen.check(row.revision)?;
    let keys = caller.keys(desk).await?;
    let current = Account::open(keys.clone(), &row).map_err(unusable)?;
    let name = match change.name.take() {
        Some(name) => name,
        None => show(&keys, &row)?.name,
    };
    let settings = change.settings.take().unwrap_or(current.settings);
    let secrets = change.secrets(current.secrets);
    text("/name", &name, NAME_CHARS_MAX)?;
    check_secrets(&secrets)?;
    check_settings(&settings, &secrets)?;
    let seal = |column, text: &str| desk::seal(&keys, Place::new(column, &id), text);
    let change = RowChange {
        name: seal("carrier_accounts.name", &name),
        secret: Some(secrets.seal(&keys, &id).map_err(unusable)?),
        settings: settings.seal(&keys, &id).map_err(unusable)?,
        updated_ms: clock::unix_ms(),
    };
    let carriers = desk.store.carriers();
    carriers
        .update(&caller.client, &id, revision, &change)
        .await
        .map_err(stored)?;
    let row = find(desk, &caller, &id).await?;
    Ok(At(row.revision, show(&keys, &row)?))
}

/// Remove an account with its secret
///
/// Not while one of the client's numbers comes from it.
#[utoipa::path(
    delete, path = "/v1/carrier-accounts/{id}", tag = "carrier accounts", params(("id" = String, Path)),
    responses((status = 204, description = "It is gone")),
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    let removed = app.desk.store.carriers().remove(&caller.client, &id).await;
    if removed.map_err(stored)? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found())
    }
}
