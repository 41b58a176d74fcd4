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
use crate::agent::EMBEDDED;
use crate::app::App;
use crate::desk::{self, Desk, Place};
use crate::providers;
use crate::stack::Behind;
use crate::store::providers::{
    NewProvider as NewRow, Provider as Row, ProviderChange as RowChange, ProviderKind,
};
use crate::think::Dialect;
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
    /// Another address than the vendor's own, on the public internet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500, example = "https://llm.example.com/v1")]
    base_url: Option<String>,
    /// Its name for the model to be used; its usual one if absent. A language model needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200, example = "gpt-4o-mini")]
    model: Option<String>,
    /// Its id of the voice to be used, for a provider that speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    voice: Option<String>,
}

/// A provider, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Provider {
    #[schema(example = "prov_01JD0000000000000000000000")]
    id: String,
    owner: Owner,
    kind: Kind,
    /// Who it is, as `deepgram`.
    #[schema(max_length = 64, example = "openai_compatible")]
    vendor: String,
    /// What its owner calls it.
    #[schema(example = "Our model")]
    name: String,
    settings: ProviderSettings,
    created_at: When,
    updated_at: When,
}

/// What a default does in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DefaultKind {
    /// Hears.
    Recogniser,
    /// Thinks.
    Model,
    /// Speaks.
    Voice,
    /// Hears, thinks and speaks, for agents that ask for that.
    Realtime,
}

/// What the operator of the server provides to every client.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProviderDefault {
    owner: Owner,
    kind: DefaultKind,
    /// Who it is, as `deepgram`.
    #[schema(max_length = 64, example = "openai_compatible")]
    vendor: String,
    /// The name of what is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// Its place, from 1, among those that take over when the first fails; absent for the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 3)]
    fallback: Option<usize>,
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
    /// Who it is, as `deepgram`.
    #[schema(max_length = 64, example = "openai_compatible")]
    vendor: String,
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

impl From<Kind> for providers::Kind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Recogniser => Self::Recogniser,
            Kind::Model => Self::Model,
            Kind::Voice => Self::Voice,
        }
    }
}

/// What is embedded needs no provider: an agent that names none has it, unless the operator chose otherwise.
fn check(
    kind: Kind,
    vendor: &str,
    secret: Option<&str>,
    settings: &ProviderSettings,
) -> Result<(), Problem> {
    let missing =
        |pointer: &str, detail: &str| Err(Problem::invalid(pointer, "missing", detail.to_owned()));
    let Some(vendor) = providers::find(vendor, kind.into()) else {
        let vendors = providers::VENDORS.iter();
        let known = vendors.filter(|vendor| vendor.does.kind() == kind.into());
        let known: Vec<&str> = known.map(|vendor| vendor.name).collect();
        let detail = format!("no vendor of this kind; known are {}", known.join(", "));
        return Err(Problem::invalid("/vendor", "unknown_value", detail));
    };
    match &settings.base_url {
        Some(url) => public_url("/settings/base_url", url)?,
        None if vendor.base_url.is_none() => {
            return missing(
                "/settings/base_url",
                "this vendor has no address of its own",
            );
        }
        None => {}
    }
    if vendor.key.is_needed() && secret.is_some_and(|secret| secret.trim().is_empty()) {
        return missing("/secret", "this vendor needs a key");
    }
    for (pointer, value, is_its) in [
        ("/settings/model", &settings.model, true),
        ("/settings/voice", &settings.voice, kind == Kind::Voice),
    ] {
        let Some(value) = value else { continue };
        if !is_its {
            let detail = "only a provider that speaks has a voice";
            return Err(Problem::invalid(pointer, "unknown_field", detail));
        }
        text(pointer, value, MODEL_CHARS_MAX)?;
    }
    if kind == Kind::Model && settings.model.is_none() {
        return missing("/settings/model", "this field is needed");
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
        vendor: row.vendor.clone(),
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
    let secret = new.secret.as_deref().unwrap_or_default();
    check(new.kind, &new.vendor, Some(secret), &new.settings)?;
    check_secret(new.secret.as_deref())?;
    let work = async move {
        let desk = &app.desk;
        let keys = caller.keys(desk).await?;
        let id = ids::new_id("prov");
        let seal = |column, text: &str| desk::seal(&keys, Place::new(column, &id), text);
        let row = NewRow {
            kind: new.kind.into(),
            vendor: new.vendor,
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
    let defaults = app.stacks.defaults();
    let mut data = Vec::new();
    for (kind, first, behind) in [
        (
            DefaultKind::Recogniser,
            &defaults.recogniser,
            &defaults.recogniser_behind,
        ),
        (DefaultKind::Voice, &defaults.voice, &defaults.voice_behind),
    ] {
        let behind = behind.iter().map(|next| match next {
            Behind::Chosen(chosen) => Some(chosen),
            Behind::Embedded => None,
        });
        let all = std::iter::once(first.as_ref()).chain(behind);
        data.extend(all.enumerate().map(|(place, chosen)| {
            ProviderDefault {
                owner: Owner::Operator,
                kind,
                vendor: chosen
                    .map_or(EMBEDDED, |chosen| chosen.vendor.name)
                    .to_owned(),
                model: chosen
                    .map(|chosen| chosen.model.clone())
                    .filter(|model| !model.is_empty()),
                fallback: Some(place).filter(|place| *place > 0),
            }
        }));
    }
    let models = defaults.chat.iter().chain(&defaults.chat_behind);
    data.extend(models.enumerate().map(|(place, chat)| {
        ProviderDefault {
            owner: Owner::Operator,
            kind: DefaultKind::Model,
            vendor: match chat.dialect {
                Dialect::OpenAi => "openai_compatible",
                Dialect::Anthropic => "anthropic",
            }
            .to_owned(),
            model: Some(chat.model.clone()),
            fallback: Some(place).filter(|place| *place > 0),
        }
    }));
    let realtime = defaults.realtime.iter().map(|realtime| &realtime.chosen);
    data.extend(realtime.map(|chosen| ProviderDefault {
        owner: Owner::Operator,
        kind: DefaultKind::Realtime,
        vendor: chosen.vendor.name.to_owned(),
        model: Some(chosen.model.clone()).filter(|model| !model.is_empty()),
        fallback: None,
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
    check(
        current.kind,
        &current.vendor,
        change.secret.as_deref(),
        &settings,
    )?;
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
