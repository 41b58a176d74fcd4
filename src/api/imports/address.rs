//! Imports of files that are fetched from an address.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRequest as _, Request};
use axum::http::header;
use axum::response::Response;
use serde::Deserialize;
use trunkline_core::phone::Country;
use utoipa::ToSchema;

use super::{COLUMNS, ImportFormat, ImportOnDuplicate, PATH, are_columns, find, show};
use crate::api::auth::Caller;
use crate::api::body::Params;
use crate::api::once::{Made, NewId, Posted};
use crate::api::problem::{Code, Problem};
use crate::api::refuse::stored;
use crate::api::webhook_endpoints::reachable;
use crate::app::App;
use crate::clock;
use crate::desk;
use crate::ids;
use crate::imports::{Form, OPEN_MAX, OnDuplicate, Settings, settings_place};
use crate::store::imports::NewImport;

/// A file that is to be fetched, and what is to be done with it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct ImportByAddress {
    /// Encrypted, and on the public internet. Kept sealed.
    #[schema(example = "https://crm.example.com/export.csv")]
    url: String,
    /// `csv` or `jsonl`; told by the address's ending (`.jsonl`, `.ndjson`) if absent.
    #[schema(value_type = Option<ImportFormat>)]
    format: Option<Form>,
    /// The list that its contacts are put on.
    list: Option<String>,
    /// True to be told what would come of it.
    #[serde(default)]
    dry_run: bool,
    /// What becomes of contacts that are there: `skip` or `update`.
    #[serde(default)]
    #[schema(value_type = Option<ImportOnDuplicate>)]
    on_duplicate: OnDuplicate,
    /// What columns hold whose names do not say it, as in the query of a file that is sent.
    #[serde(default)]
    #[schema(example = json!({ "Handy": "phone_number.mobile" }))]
    mapping: BTreeMap<String, String>,
    /// By ISO 3166-1: numbers without `+` are written as within this country, or as within the row's own `country`.
    #[schema(example = "DE")]
    default_country: Option<String>,
}

/// Whether a request names a file's address in place of sending the file.
pub(super) fn is_named(request: &Request) -> bool {
    let media_type = request.headers().get(header::CONTENT_TYPE);
    let media_type = media_type.and_then(|value| value.to_str().ok());
    let media_type = media_type.and_then(|value| value.split(';').next());
    media_type.is_some_and(|of| of.trim().eq_ignore_ascii_case("application/json"))
}

/// By the path's ending.
fn form(url: &str) -> Form {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let path = path.to_ascii_lowercase();
    match path.ends_with(".jsonl") || path.ends_with(".ndjson") {
        true => Form::Jsonl,
        false => Form::Csv,
    }
}

impl ImportByAddress {
    fn settings(self) -> Result<Settings, Problem> {
        if !are_columns(&self.mapping) {
            return Err(Problem::invalid("/mapping", "unknown_value", COLUMNS));
        }
        let country = self.default_country.as_deref().map(Country::parse);
        let default_country = country.transpose().map_err(|error| {
            Problem::invalid("/default_country", "unknown_value", error.to_string())
        })?;
        Ok(Settings {
            form: self.format.unwrap_or_else(|| form(&self.url)),
            on_duplicate: self.on_duplicate,
            mapping: self.mapping,
            opt_outs: None,
            default_country,
            address: Some(self.url),
        })
    }
}

/// Has a file be fetched and read in the background.
pub(super) async fn create(
    app: Arc<App>,
    caller: Caller,
    params: Params,
    request: Request,
) -> Result<Response, Problem> {
    params.finish()?;
    let posted = Posted::<ImportByAddress>::from_request(request, &app).await?;
    let Posted { body, once } = posted;
    reachable(&app, &body.url)?;
    if let Some(list) = &body.list {
        let lists = app.desk.store.contact_lists();
        let found = match ids::is_id("list", list) {
            true => lists.find(&caller.client, list).await.map_err(stored)?,
            false => None,
        };
        if found.is_none() {
            return Err(Problem::invalid(
                "/list",
                "not_found",
                "there is no such list",
            ));
        }
    }
    let (list_id, is_dry) = (body.list.clone(), body.dry_run);
    let settings = body.settings()?;
    let settings = serde_json::to_string(&settings).map_err(|error| Problem::internal(&error))?;
    let work = async move |new: NewId| {
        let (desk, id) = (&app.desk, &new.id);
        let keys = caller.keys(desk).await?;
        if !new.is_again() || find(desk, &caller, id).await.is_err() {
            let import = NewImport {
                id: id.clone(),
                settings: desk::seal(&keys, settings_place(id), &settings),
                list_id,
                is_dry,
                bytes: 0,
                now_ms: clock::unix_ms(),
            };
            let fetches = desk.store.fetches();
            let added = fetches.add(&caller.client, &import, OPEN_MAX).await;
            if !added.map_err(stored)? {
                let detail = format!("{OPEN_MAX} imports wait already, which is the most");
                return Err(Problem::new(Code::Conflict).detail(detail));
            }
            app.imports.asked();
        }
        let row = find(desk, &caller, id).await?;
        Made::new(id, format!("{PATH}/{id}"), &show(&keys, &row)?)
    };
    once.settle_new("imp", work).await
}
