//! Lists of contacts.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use trunkline_core::contact::{Contact as Known, Schema, Type};
use utoipa::ToSchema;

use super::{faulty, unread};
use crate::api::auth::Caller;
use crate::api::body::{Id, Ids, Json, Params, text};
use crate::api::once::{Made, NewId, Posted};
use crate::api::page::{Page, PageParams, Paged};
use crate::api::problem::{Code, Problem};
use crate::api::refuse::stored;
use crate::api::revision::{At, IfMatch};
use crate::api::when::When;
use crate::app::App;
use crate::clock;
use crate::contacts::{self, LISTS_MAX};
use crate::desk::Desk;
use crate::store::StoreError;
use crate::store::contacts::lists::ContactList as Row;
use crate::vault::ClientKeys;

const NAME_CHARS_MAX: usize = 200;
/// Contacts that are put on a list at once.
const MEMBERS_AT_ONCE: usize = 1_000;

/// What a variable is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum VariableType {
    /// Text.
    String,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A day, as `2026-11-24`.
    Date,
}

/// A list of contacts.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ContactList {
    #[schema(example = "list_01JD0000000000000000000000")]
    id: String,
    #[schema(example = "Renewals")]
    name: String,
    /// Which variables its contacts have, and of which type; others may be there too.
    variables: BTreeMap<String, VariableType>,
    /// How many contacts are on it.
    contacts: u64,
    created_at: When,
    updated_at: When,
}

/// A list to be made, or what it is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct NewContactList {
    #[schema(max_length = 200, example = "Renewals")]
    name: String,
    /// Which variables its contacts have, and of which type.
    #[serde(default)]
    #[schema(example = json!({ "plan": "string", "renews_on": "date" }))]
    variables: BTreeMap<String, VariableType>,
}

/// Contacts to be put on a list.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct NewMembers {
    /// Ids of contacts.
    #[schema(max_items = 1000, example = json!(["con_01JD0000000000000000000000"]))]
    contacts: Vec<String>,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct MembersAdded {
    /// How many were not on it before.
    added: u64,
}

impl From<VariableType> for Type {
    fn from(of: VariableType) -> Self {
        match of {
            VariableType::String => Self::String,
            VariableType::Number => Self::Number,
            VariableType::Boolean => Self::Boolean,
            VariableType::Date => Self::Date,
        }
    }
}

impl From<Type> for VariableType {
    fn from(of: Type) -> Self {
        match of {
            Type::String => Self::String,
            Type::Number => Self::Number,
            Type::Boolean => Self::Boolean,
            Type::Date => Self::Date,
        }
    }
}

/// A list's name and its schema.
pub(in crate::api) fn open(keys: &ClientKeys, row: &Row) -> Result<(String, Schema), Problem> {
    contacts::open_list(keys, row).map_err(unread)
}

async fn show(desk: &Desk, keys: &ClientKeys, row: &Row) -> Result<ContactList, Problem> {
    let (name, schema) = open(keys, row)?;
    let count = desk.store.contact_lists().count(keys.id(), &row.id).await;
    let types = schema.types().iter();
    Ok(ContactList {
        id: row.id.clone(),
        name,
        variables: types
            .map(|(name, of)| (name.clone(), (*of).into()))
            .collect(),
        contacts: count.map_err(stored)?,
        created_at: When::of(row.created_ms),
        updated_at: When::of(row.updated_ms),
    })
}

fn sealed(
    keys: &ClientKeys,
    id: &str,
    new: NewContactList,
) -> Result<crate::store::Sealed, Problem> {
    text("/name", &new.name, NAME_CHARS_MAX)?;
    let variables = new
        .variables
        .into_iter()
        .map(|(name, of)| (name, of.into()));
    let schema = Schema::of(variables.collect());
    let schema =
        schema.map_err(|error| Problem::invalid("/variables", "invalid", error.to_string()))?;
    Ok(contacts::seal_list(keys, id, &new.name, &schema))
}

async fn find(desk: &Desk, caller: &Caller, id: &str) -> Result<Row, Problem> {
    let row = desk.store.contact_lists().find(&caller.client, id).await;
    row.map_err(stored)?.ok_or_else(Problem::not_found)
}

/// Make a list
#[utoipa::path(
    post, path = "/v1/contact-lists", tag = "contacts", request_body = NewContactList,
    responses((status = 201, body = ContactList)),
)]
pub(in crate::api) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Posted { body: new, once }: Posted<NewContactList>,
) -> Result<Response, Problem> {
    let work = async move |new_id: NewId| {
        let (desk, id) = (&app.desk, &new_id.id);
        let keys = caller.keys(desk).await?;
        let body = sealed(&keys, id, new)?;
        let lists = desk.store.contact_lists();
        let added = lists
            .add(&caller.client, (id, &body), LISTS_MAX, clock::unix_ms())
            .await;
        match added {
            Ok(true) => {}
            Err(StoreError::Conflict) if new_id.is_again() => {}
            Ok(false) => {
                let detail = format!("there are {LISTS_MAX} lists, which is the most; remove one");
                return Err(Problem::new(Code::Conflict).detail(detail));
            }
            Err(error) => return Err(stored(error)),
        }
        let row = find(desk, &caller, id).await?;
        let shown = show(desk, &keys, &row).await?;
        let made = Made::new(id, format!("/v1/contact-lists/{id}"), &shown)?;
        Ok(made.revision(row.revision))
    };
    once.settle_new("list", work).await
}

/// List the lists
#[utoipa::path(
    get, path = "/v1/contact-lists", tag = "contacts", params(PageParams),
    responses((status = 200, body = Paged<ContactList>)),
)]
pub(in crate::api) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    params: Params,
) -> Result<Answer<Paged<ContactList>>, Problem> {
    let page = Page::alone("contact-lists", params)?;
    let keys = caller.keys(&app.desk).await?;
    let lists = app.desk.store.contact_lists();
    let rows = lists
        .list(&caller.client, page.after().as_ref(), page.limit)
        .await;
    let rows = rows.map_err(stored)?;
    let next = rows.next.map(|cursor| cursor.encode());
    let mut data = Vec::with_capacity(rows.data.len());
    for row in &rows.data {
        data.push(show(&app.desk, &keys, row).await?);
    }
    Ok(Answer(page.up_to(data, next)))
}

/// Show a list
#[utoipa::path(
    get, path = "/v1/contact-lists/{id}", tag = "contacts", params(("id" = String, Path)),
    responses((status = 200, body = ContactList)),
)]
pub(in crate::api) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<At<ContactList>, Problem> {
    let row = find(&app.desk, &caller, &id).await?;
    let keys = caller.keys(&app.desk).await?;
    Ok(At(row.revision, show(&app.desk, &keys, &row).await?))
}

/// Change a list
///
/// Contacts that are on it already are not looked at again.
#[utoipa::path(
    put, path = "/v1/contact-lists/{id}", tag = "contacts", params(("id" = String, Path)),
    request_body = NewContactList, responses((status = 200, body = ContactList)),
)]
pub(in crate::api) async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    seen: IfMatch,
    Id(id): Id,
    Json(new): Json<NewContactList>,
) -> Result<At<ContactList>, Problem> {
    let desk = &app.desk;
    let row = find(desk, &caller, &id).await?;
    let revision = seen.check(row.revision)?;
    let keys = caller.keys(desk).await?;
    let body = sealed(&keys, &id, new)?;
    let lists = desk.store.contact_lists();
    let changed = lists
        .change(&caller.client, &id, revision, &body, clock::unix_ms())
        .await;
    changed.map_err(stored)?;
    let row = find(desk, &caller, &id).await?;
    Ok(At(row.revision, show(desk, &keys, &row).await?))
}

/// Remove a list; its contacts stay
#[utoipa::path(
    delete, path = "/v1/contact-lists/{id}", tag = "contacts", params(("id" = String, Path)),
    responses((status = 204, description = "It is gone")),
)]
pub(in crate::api) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    let removed = app
        .desk
        .store
        .contact_lists()
        .remove(&caller.client, &id)
        .await;
    match removed.map_err(stored)? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found()),
    }
}

/// Put contacts on a list
///
/// All of them or none: each must be there, with variables that the list declares of the types that it declares.
#[utoipa::path(
    post, path = "/v1/contact-lists/{id}/contacts", tag = "contacts", params(("id" = String, Path)),
    request_body = NewMembers, responses((status = 200, body = MembersAdded)),
)]
pub(in crate::api) async fn put_on(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    Posted { body, once }: Posted<NewMembers>,
) -> Result<Response, Problem> {
    if !(1..=MEMBERS_AT_ONCE).contains(&body.contacts.len()) {
        let detail = format!("1 to {MEMBERS_AT_ONCE} contacts");
        return Err(Problem::invalid("/contacts", "invalid", detail));
    }
    let list = find(&app.desk, &caller, &id).await?;
    let work = async move {
        let desk = &app.desk;
        let keys = caller.keys(desk).await?;
        let (_, schema) = open(&keys, &list)?;
        let rows = desk
            .store
            .contacts()
            .find_all(&caller.client, &body.contacts)
            .await;
        let opened = contacts::open_all(&keys, rows.map_err(stored)?).await;
        let opened = opened.map_err(unread)?;
        for (at, id) in body.contacts.iter().enumerate() {
            let Some((_, contact, _)) = opened.iter().find(|(row, ..)| row.id == *id) else {
                let detail = "there is no such contact";
                return Err(Problem::invalid(
                    format!("/contacts/{at}"),
                    "not_found",
                    detail,
                ));
            };
            if let Err(mut faults) = Known::read(contact.clone().into_details(), &[&schema]) {
                for fault in &mut faults {
                    fault.pointer = format!("/contacts/{at}{}", fault.pointer);
                }
                return Err(faulty(faults));
            }
        }
        let lists = desk.store.contact_lists();
        let added = lists.put(&caller.client, &list.id, &body.contacts).await;
        let added = MembersAdded {
            added: added.map_err(stored)?,
        };
        let made = Made::new("", String::new(), &added)?;
        Ok(made.nowhere().status(StatusCode::OK))
    };
    once.settle(work).await
}

/// Take a contact off a list
#[utoipa::path(
    delete, path = "/v1/contact-lists/{id}/contacts/{contact}", tag = "contacts",
    params(("id" = String, Path), ("contact" = String, Path)),
    responses((status = 204, description = "It is not on it")),
)]
pub(in crate::api) async fn take_off(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(id, contact): Ids,
) -> Result<StatusCode, Problem> {
    let lists = app.desk.store.contact_lists();
    match lists
        .take_off(&caller.client, &id, &contact)
        .await
        .map_err(stored)?
    {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found()),
    }
}
