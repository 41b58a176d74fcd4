//! Accounts with carriers. Their secrets go in and never out.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
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
use crate::desk::{self, Desk, Place};
use crate::store::carriers::{
    CarrierAccount as Row, CarrierChange as RowChange, NewCarrierAccount as NewRow,
};
use crate::vault::ClientKeys;
use crate::{clock, ids};

const NAME_CHARS_MAX: usize = 100;
/// Twilio's ids and tokens are 32 hexadecimal digits, the ids behind `AC`.
const TWILIO_HEX: usize = 32;

/// Which carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Carrier {
    /// Twilio.
    Twilio,
}

/// What is no secret of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CarrierSettings {
    /// The account's id with the carrier.
    #[schema(
        pattern = "^AC[0-9a-f]{32}$",
        example = "AC00000000000000000000000000000000"
    )]
    account_sid: String,
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
    settings: CarrierSettings,
}

/// What to change; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CarrierAccountChange {
    /// What to call it.
    #[schema(max_length = 100)]
    name: Option<String>,
    /// The account's token.
    #[schema(write_only)]
    secret: Option<String>,
    settings: Option<CarrierSettings>,
}

fn is_hex(text: &str) -> bool {
    text.len() == TWILIO_HEX && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn check_secret(secret: &str) -> Result<(), Problem> {
    if is_hex(secret) {
        return Ok(());
    }
    let detail = "expected an auth token: 32 hexadecimal digits";
    Err(Problem::invalid("/secret", "invalid", detail))
}

fn check_settings(settings: &CarrierSettings) -> Result<(), Problem> {
    if settings.account_sid.strip_prefix("AC").is_some_and(is_hex) {
        return Ok(());
    }
    let detail = "expected AC and 32 hexadecimal digits";
    Err(Problem::invalid("/settings/account_sid", "invalid", detail))
}

fn settings_json(settings: &CarrierSettings) -> Result<String, Problem> {
    serde_json::to_string(settings).map_err(|error| Problem::internal(&error))
}

fn show(keys: &ClientKeys, row: &Row) -> Result<CarrierAccount, Problem> {
    let open =
        |column, sealed| desk::open(keys, Place::new(column, &row.id), sealed).map_err(unopened);
    let settings = open("carrier_accounts.settings", &row.settings)?;
    Ok(CarrierAccount {
        id: row.id.clone(),
        carrier: match row.kind.as_str() {
            "twilio" => Carrier::Twilio,
            _ => return Err(Problem::internal(&"a carrier that is not known here")),
        },
        name: open("carrier_accounts.name", &row.name)?,
        settings: serde_json::from_str(&settings).map_err(|error| Problem::internal(&error))?,
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
    check_secret(&new.secret)?;
    check_settings(&new.settings)?;
    let work = async move {
        let desk = &app.desk;
        let keys = caller.keys(desk).await?;
        let id = ids::new_id("carr");
        let seal = |column, text: &str| desk::seal(&keys, Place::new(column, &id), text);
        let kind = match new.carrier {
            Carrier::Twilio => "twilio",
        };
        let row = NewRow {
            kind: kind.into(),
            name: seal("carrier_accounts.name", &new.name),
            secret: seal("carrier_accounts.secret", &new.secret),
            settings: seal("carrier_accounts.settings", &settings_json(&new.settings)?),
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
    Json(change): Json<CarrierAccountChange>,
) -> Result<At<CarrierAccount>, Problem> {
    let desk = &app.desk;
    let row = find(desk, &caller, &id).await?;
    let revision = seen.check(row.revision)?;
    let keys = caller.keys(desk).await?;
    let current = show(&keys, &row)?;
    let name = change.name.unwrap_or(current.name);
    let settings = change.settings.unwrap_or(current.settings);
    text("/name", &name, NAME_CHARS_MAX)?;
    check_settings(&settings)?;
    change.secret.as_deref().map(check_secret).transpose()?;
    let seal = |column, text: &str| desk::seal(&keys, Place::new(column, &id), text);
    let change = RowChange {
        name: seal("carrier_accounts.name", &name),
        secret: change
            .secret
            .map(|secret| seal("carrier_accounts.secret", &secret)),
        settings: seal("carrier_accounts.settings", &settings_json(&settings)?),
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
