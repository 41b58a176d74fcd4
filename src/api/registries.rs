//! Registers of people who do not want to be called: which ones count, and what the client has of them.

pub(super) mod files;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use serde::Serialize;
use trunkline_core::policy::Purpose as Why;
use utoipa::ToSchema;

use super::auth::Caller;
use super::body::Params;
use super::consents::Purpose;
use super::problem::Problem;
use super::refuse::stored;
use super::when::When;
use crate::app::App;
use crate::store::registries::{FileKind, RegistryFile};

/// What a client has of a register.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LoadedRegistry {
    /// The full file by which calls are decided.
    #[schema(example = "reg_01JD0000000000000000000000")]
    file_id: String,
    /// Files that changed it since.
    changes: usize,
    /// Of when the newest file that may hold new numbers is.
    as_of: When,
    /// From then on its answers count no more.
    stale_at: When,
    /// Beginnings of the numbers that it knows. Any other is not checked by it.
    #[schema(example = json!(["+1212"]))]
    covers: Vec<String>,
    /// Rows of the full file that are numbers.
    numbers: u64,
}

/// A register that the rules know.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Registry {
    #[schema(example = "us-national")]
    id: String,
    name: String,
    /// Where it counts: a country as `GB`.
    #[schema(example = "US")]
    place: String,
    /// The calls for which it counts.
    purposes: Vec<Purpose>,
    /// How old its answer may be, in seconds.
    max_age_seconds: i64,
    /// What is loaded of it; without that nobody there is called for such a purpose, unless consent goes before the register.
    loaded: Option<LoadedRegistry>,
}

/// The registers that the rules know.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RegistryList {
    data: Vec<Registry>,
}

fn loaded(files: &[RegistryFile], age_ms_max: i64) -> Option<LoadedRegistry> {
    let full = files.iter().find(|file| file.kind == FileKind::Full)?;
    let new = files.iter().filter(|file| file.kind != FileKind::Removals);
    let as_of_ms = new.map(|file| file.as_of_ms).max()?;
    Some(LoadedRegistry {
        file_id: full.id.clone(),
        changes: files.len() - 1,
        as_of: When::of(as_of_ms),
        stale_at: When::of(as_of_ms.saturating_add(age_ms_max)),
        covers: full.covers.clone(),
        numbers: full.numbers,
    })
}

/// List the registers that the rules know, and what is loaded of each
#[utoipa::path(
    get, path = "/v1/registries", tag = "policy", responses((status = 200, body = RegistryList)),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
) -> Result<Answer<RegistryList>, Problem> {
    params.finish()?;
    let mut files: BTreeMap<String, Vec<RegistryFile>> = BTreeMap::new();
    let counting = app.desk.store.registries().counting(&caller.client).await;
    for file in counting.map_err(stored)? {
        files.entry(file.registry.clone()).or_default().push(file);
    }
    let packs = app.desk.rules.now();
    let known = packs.permission.all_registries().iter();
    let data = known.map(|registry| {
        let purposes = Why::ALL.into_iter();
        Registry {
            id: registry.id.clone(),
            name: registry.name.clone(),
            place: registry.place.to_string(),
            purposes: purposes
                .filter(|purpose| registry.purposes.has(*purpose))
                .map(Into::into)
                .collect(),
            max_age_seconds: registry.age_ms_max / 1_000,
            loaded: files
                .get(&registry.id)
                .and_then(|files| loaded(files, registry.age_ms_max)),
        }
    });
    Ok(Answer(RegistryList {
        data: data.collect(),
    }))
}
