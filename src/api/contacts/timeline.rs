//! What happened with a contact.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::find;
use crate::api::auth::Caller;
use crate::api::body::{Id, Params};
use crate::api::problem::Problem;
use crate::api::refuse::stored;
use crate::api::when::When;
use crate::app::App;
use crate::desk;
use crate::store::calls::CallFilter;
use crate::store::page::PAGE_ROWS_MAX;

/// Entries whose request does not say.
const USUAL: u32 = 50;

/// How much.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description; `get` reads it")]
pub(in crate::api) struct TimelineParams {
    /// Most entries.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// What an entry is about. Further words may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum TimelineKind {
    /// A call, from or to one of their numbers.
    Call,
    /// A call that they were promised.
    Callback,
    /// One of their numbers is not to be called.
    Suppression,
}

/// One thing that happened.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct TimelineEntry {
    kind: TimelineKind,
    at: When,
    /// What it is: to be had from its own path.
    #[schema(example = "call_01JD0000000000000000000000")]
    id: String,
    /// Where it is, as its own path says it: a call's status, a callback's state, `in_force` or `lifted`.
    #[schema(example = "ended")]
    state: &'static str,
    /// Of a call: `inbound` or `outbound`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    direction: Option<&'static str>,
    /// Why it is so, in stable snake_case.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    reason: Option<String>,
}

/// What happened, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Timeline {
    data: Vec<TimelineEntry>,
}

/// Show what happened with a contact
///
/// The calls, callbacks and suppressions of its numbers, the newest first.
#[utoipa::path(
    get, path = "/v1/contacts/{id}/timeline", tag = "contacts", params(("id" = String, Path), TimelineParams),
    responses((status = 200, body = Timeline)),
)]
pub(in crate::api) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    mut params: Params,
) -> Result<Answer<Timeline>, Problem> {
    let limit = params.read("limit", "expected 1 to 200", |text| {
        let limit = text.parse().ok();
        limit.filter(|limit| (1..=PAGE_ROWS_MAX).contains(limit))
    })?;
    params.finish()?;
    let limit = limit.unwrap_or(USUAL);
    let desk = &app.desk;
    let keys = caller.keys(desk).await?;
    let (_, contact, _) = find(desk, &caller, &keys, &id).await?;
    let store = &desk.store;
    // By time and id: what two numbers have in common is there once.
    let mut all = BTreeMap::new();
    for phone in &contact.phones {
        let index = desk::call_index(&keys, &phone.number);
        let sides = [(Some(index), None), (None, Some(index))];
        for (from_index, to_index) in sides {
            let filter = CallFilter {
                from_index,
                to_index,
                ..CallFilter::default()
            };
            let calls = store
                .calls()
                .list(&caller.client, &filter, None, limit)
                .await;
            for call in calls.map_err(stored)?.data {
                let entry = TimelineEntry {
                    kind: TimelineKind::Call,
                    at: When::of(call.created_ms),
                    id: call.id,
                    state: call.status.as_str(),
                    direction: Some(match from_index {
                        Some(_) => "inbound",
                        None => "outbound",
                    }),
                    reason: call.ended_reason,
                };
                all.insert((call.created_ms, entry.id.clone()), entry);
            }
        }
        let index = desk::suppression_index(&keys, &phone.number);
        let callbacks = store
            .callbacks()
            .of_number(&caller.client, &index, limit)
            .await;
        for callback in callbacks.map_err(stored)? {
            let entry = TimelineEntry {
                kind: TimelineKind::Callback,
                at: When::of(callback.created_ms),
                id: callback.id,
                state: callback.state.as_str(),
                direction: None,
                reason: callback.reason,
            };
            all.insert((callback.created_ms, entry.id.clone()), entry);
        }
        let held = store.suppressions();
        let held = held.list(&caller.client, Some(&index), None, limit).await;
        for row in held.map_err(stored)?.data {
            let entry = TimelineEntry {
                kind: TimelineKind::Suppression,
                at: When::of(row.created_ms),
                id: row.id,
                state: if row.removed_ms.is_some() {
                    "lifted"
                } else {
                    "in_force"
                },
                direction: None,
                reason: Some(row.reason),
            };
            all.insert((row.created_ms, entry.id.clone()), entry);
        }
    }
    let newest = all.into_values().rev().take(limit as usize);
    Ok(Answer(Timeline {
        data: newest.collect(),
    }))
}
