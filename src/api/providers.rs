//! Providers of a client's own: who hears, thinks and speaks in its calls. Their secrets go in and never out.

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
use super::outside::public_url;
use super::page::{Page, PageParams, Paged};
use super::problem::{Code, Problem};
use super::refuse::{stored, unopened};
use super::revision::{At, IfMatch};
use super::when::When;
use crate::app::App;
use crate::desk::{self, Desk, Place};
use crate::store::providers::{
    NewProvider as NewRow, Provider as Row, ProviderChange as RowChange, ProviderKind,
};
use crate::vault::ClientKeys;
use crate::{clock, ids};

const NAME_CHARS_MAX: usize = 100;
const SECRET_CHARS_MAX: usize = 4_096;
const MODEL_CHARS_MAX: usize = 200;

/// What a provider does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// Hears.
    Recogniser,
    /// Thinks.
    Model,
    /// Speaks.
    Voice,
}

/// Who a provider is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Vendor {
    /// Any endpoint that speaks OpenAI's chat API.
    OpenaiCompatible,
    /// What the server has built in.
    Embedded,
}

/// Whose a provider is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Owner {
    /// The client's own.
    Client,
    /// The server's operator's, for every client.
    Operator,
}

/// How to reach a provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderSettings {
    /// Where it is: an address on the public internet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500, example = "https://llm.example.com/v1")]
    base_url: Option<String>,
    /// Its name for what is to be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200, example = "gpt-4o-mini")]
    model: Option<String>,
}

/// A provider, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Provider {
    #[schema(example = "prov_01JD0000000000000000000000")]
    id: String,
    owner: Owner,
    kind: Kind,
    vendor: Vendor,
    /// What its owner calls it.
    #[schema(example = "Our model")]
    name: String,
    settings: ProviderSettings,
    created_at: When,
    updated_at: When,
}

/// What the operator of the server provides to every client.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProviderDefault {
    owner: Owner,
    kind: Kind,
    vendor: Vendor,
    /// The name of what is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
}

/// All defaults.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProviderDefaults {
    data: Vec<ProviderDefault>,
}

/// A provider to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewProvider {
    kind: Kind,
    vendor: Vendor,
    /// What to call it.
    #[schema(max_length = 100, example = "Our model")]
    name: String,
    /// What opens it; goes in and never out.
    #[schema(max_length = 4096, write_only)]
    secret: Option<String>,
    #[serde(default)]
    settings: ProviderSettings,
}

/// What to change; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderChange {
    /// What to call it.
    #[schema(max_length = 100)]
    name: Option<String>,
    /// What opens it; an empty text takes it away.
    #[schema(max_length = 4096, write_only)]
    secret: Option<String>,
    settings: Option<ProviderSettings>,
}

impl From<ProviderKind> for Kind {
    fn from(kind: ProviderKind) -> Self {
        match kind {
            ProviderKind::Recogniser => Self::Recogniser,
            ProviderKind::Model => Self::Model,
            ProviderKind::Voice => Self::Voice,
        }
    }
}

impl From<Kind> for ProviderKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Recogniser => Self::Recogniser,
            Kind::Model => Self::Model,
            Kind::Voice => Self::Voice,
        }
    }
}

impl Vendor {
    fn as_str(self) -> &'static str {
        match self {
            Self::OpenaiCompatible => "openai_compatible",
            Self::Embedded => "embedded",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::OpenaiCompatible, Self::Embedded]
            .into_iter()
            .find(|vendor| vendor.as_str() == text)
    }
}

fn check(kind: Kind, vendor: Vendor, settings: &ProviderSettings) -> Result<(), Problem> {
    let fits = match vendor {
        Vendor::OpenaiCompatible => kind == Kind::Model,
        Vendor::Embedded => kind != Kind::Model,
    };
    if !fits {
        let detail = "this vendor does not do that";
        return Err(Problem::invalid("/vendor", "wrong_kind", detail));
    }
    match vendor {
        Vendor::Embedded => {
            if *settings != ProviderSettings::default() {
                let detail = "what is built in has no settings";
                return Err(Problem::invalid("/settings", "unknown_field", detail));
            }
        }
        Vendor::OpenaiCompatible => {
            let missing = |field: &str| {
                Problem::invalid(
                    format!("/settings/{field}"),
                    "missing",
                    "this field is needed",
                )
            };
            let url = settings
                .base_url
                .as_deref()
                .ok_or_else(|| missing("base_url"))?;
            public_url("/settings/base_url", url)?;
            let model = settings.model.as_deref().ok_or_else(|| missing("model"))?;
            text("/settings/model", model, MODEL_CHARS_MAX)?;
        }
    }
    Ok(())
}

fn check_secret(secret: Option<&str>) -> Result<(), Problem> {
    if secret.is_some_and(|secret| {
        secret.chars().count() > SECRET_CHARS_MAX || secret.chars().any(char::is_control)
    }) {
        let detail = "at most 4096 characters, none of them a control character";
        return Err(Problem::invalid("/secret", "invalid", detail));
    }
    Ok(())
}

fn settings_json(settings: &ProviderSettings) -> Result<String, Problem> {
    serde_json::to_string(settings).map_err(|error| Problem::internal(&error))
}

fn show(keys: &ClientKeys, row: &Row) -> Result<Provider, Problem> {
    let open =
        |column, sealed| desk::open(keys, Place::new(column, &row.id), sealed).map_err(unopened);
    let settings = open("providers.settings", &row.settings)?;
    Ok(Provider {
        owner: Owner::Client,
        kind: row.kind.into(),
        vendor: Vendor::parse(&row.vendor)
            .ok_or_else(|| Problem::internal(&"a vendor that is not known here"))?,
        name: open("providers.name", &row.name)?,
        settings: serde_json::from_str(&settings).map_err(|error| Problem::internal(&error))?,
        created_at: When::of(row.created_ms),
        updated_at: When::of(row.updated_ms),
        id: row.id.clone(),
    })
}

async fn find(desk: &Desk, caller: &Caller, id: &str) -> Result<Row, Problem> {
    let row = desk.store.providers().find(&caller.client, id).await;
    row.map_err(stored)?.ok_or_else(Problem::not_found)
}

/// Add a provider
#[utoipa::path(
    post, path = "/v1/providers", tag = "providers", request_body = NewProvider,
    responses((status = 201, body = Provider)),
)]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Posted { body: new, once }: Posted<NewProvider>,
) -> Result<Response, Problem> {
    text("/name", &new.name, NAME_CHARS_MAX)?;
    check(new.kind, new.vendor, &new.settings)?;
    check_secret(new.secret.as_deref())?;
    let work = async move {
        let desk = &app.desk;
        let keys = caller.keys(desk).await?;
        let id = ids::new_id("prov");
        let seal = |column, text: &str| desk::seal(&keys, Place::new(column, &id), text);
        let row = NewRow {
            kind: new.kind.into(),
            vendor: new.vendor.as_str().into(),
            name: seal("providers.name", &new.name),
            secret: seal(
                "providers.secret",
                new.secret.as_deref().unwrap_or_default(),
            ),
            settings: seal("providers.settings", &settings_json(&new.settings)?),
            created_ms: clock::unix_ms(),
            id: id.clone(),
        };
        desk.store
            .providers()
            .add(&caller.client, &row)
            .await
            .map_err(stored)?;
        let shown = show(&keys, &find(desk, &caller, &id).await?)?;
        Ok(Made::new(&id, format!("/v1/providers/{id}"), &shown)?.revision(1))
    };
    once.settle(work).await
}

/// List the client's own providers
#[utoipa::path(
    get, path = "/v1/providers", tag = "providers", params(PageParams),
    responses((status = 200, body = Paged<Provider>)),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
) -> Result<Answer<Paged<Provider>>, Problem> {
    let page = Page::alone("providers", params)?;
    let keys = caller.keys(&app.desk).await?;
    let providers = app.desk.store.providers();
    let rows = providers
        .list(&caller.client, page.after().as_ref(), page.limit)
        .await;
    page.try_of(rows.map_err(stored)?, |row| show(&keys, &row))
        .map(Answer)
}

/// List what the operator provides to every client
#[utoipa::path(
    get, path = "/v1/providers/defaults", tag = "providers",
    responses((status = 200, body = ProviderDefaults)),
)]
pub(super) async fn defaults(State(app): State<Arc<App>>, _: Caller) -> Answer<ProviderDefaults> {
    let embedded = |kind| ProviderDefault {
        owner: Owner::Operator,
        kind,
        vendor: Vendor::Embedded,
        model: None,
    };
    let mut data = vec![embedded(Kind::Recogniser), embedded(Kind::Voice)];
    data.extend(app.chat_model().map(|model| ProviderDefault {
        owner: Owner::Operator,
        kind: Kind::Model,
        vendor: Vendor::OpenaiCompatible,
        model: Some(model.to_owned()),
    }));
    Answer(ProviderDefaults { data })
}

/// Show a provider, without its secret
#[utoipa::path(
    get, path = "/v1/providers/{id}", tag = "providers", params(("id" = String, Path)),
    responses((status = 200, body = Provider)),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<At<Provider>, Problem> {
    let row = find(&app.desk, &caller, &id).await?;
    let keys = caller.keys(&app.desk).await?;
    Ok(At(row.revision, show(&keys, &row)?))
}

/// Change a provider
#[utoipa::path(
    patch, path = "/v1/providers/{id}", tag = "providers", params(("id" = String, Path)),
    request_body = ProviderChange, responses((status = 200, body = Provider)),
)]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    seen: IfMatch,
    Id(id): Id,
    Json(change): Json<ProviderChange>,
) -> Result<At<Provider>, Problem> {
    let desk = &app.desk;
    let row = find(desk, &caller, &id).await?;
    let revision = seen.check(row.revision)?;
    let keys = caller.keys(desk).await?;
    let current = show(&keys, &row)?;
    let name = change.name.unwrap_or(current.name);
    let settings = change.settings.unwrap_or(current.settings);
    text("/name", &name, NAME_CHARS_MAX)?;
    check(current.kind, current.vendor, &settings)?;
    check_secret(change.secret.as_deref())?;
    let seal = |column, text: &str| desk::seal(&keys, Place::new(column, &id), text);
    let change = RowChange {
        name: seal("providers.name", &name),
        secret: change
            .secret
            .map(|secret| seal("providers.secret", &secret)),
        settings: seal("providers.settings", &settings_json(&settings)?),
        updated_ms: clock::unix_ms(),
    };
    let providers = desk.store.providers();
    providers
        .update(&caller.client, &id, revision, &change)
        .await
        .map_err(stored)?;
    let row = find(desk, &caller, &id).await?;
    Ok(At(row.revision, show(&keys, &row)?))
}

/// Remove a provider with its secret
#[utoipa::path(
    delete, path = "/v1/providers/{id}", tag = "providers", params(("id" = String, Path)),
    responses((status = 204, description = "It is gone")),
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    let removed = app.desk.store.providers().remove(&caller.client, &id).await;
    if removed.map_err(stored)? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::new(Code::NotFound))
    }
}
