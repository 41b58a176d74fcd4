//! Contacts: whom a client may want to call.

pub(super) mod contactable;
pub(super) mod export;
pub(super) mod lists;
pub(super) mod timeline;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use trunkline_core::contact::{Contact as Known, Details, Fault, Kind, Schema, Value, number};
use trunkline_core::phone::Country;
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::body::{Id, Json, Params, wrong_param};
use super::once::{Made, NewId, Posted};
use super::page::{Page, PageParams, Paged};
use super::problem::{Code, Problem};
use super::refuse::stored;
use super::revision::{At, IfMatch};
use super::when::When;
use crate::app::App;
use crate::clock;
use crate::contacts::{self, LISTS_OF_ONE_MAX, NotOpened, external_index, number_index};
use crate::desk::Desk;
use crate::ids;
use crate::store::contacts::Contact as Row;
use crate::vault::{ClientKeys, SubjectKeys};

/// Most lists that a new contact is put on.
const LISTS_AT_ONCE: usize = 10;

/// What sort of line is called. What is not known is treated as a consumer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ContactKind {
    /// A business.
    Business,
    /// A private person.
    Consumer,
    /// Not known.
    Unknown,
}

/// One number of a contact.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ContactPhone {
    /// In international form; spaces, dashes and brackets are left out.
    #[schema(example = "+15550100123")]
    number: String,
    /// Which of theirs it is.
    #[schema(max_length = 64, example = "mobile")]
    label: Option<String>,
}

/// A contact.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Contact {
    #[schema(example = "con_01JD0000000000000000000000")]
    id: String,
    /// Their numbers, the first called first.
    phones: Vec<ContactPhone>,
    /// What the client's own books call them.
    external_id: Option<String>,
    /// By whose clocks they live; their numbers' own zones hold beside it.
    #[schema(example = "America/New_York")]
    time_zone: Option<String>,
    postal_code: Option<String>,
    /// ISO 3166-1.
    #[schema(example = "US")]
    country: Option<String>,
    /// The part of the country, by ISO 3166-2.
    #[schema(example = "NY")]
    region: Option<String>,
    /// BCP 47.
    #[schema(example = "es-MX")]
    language: Option<String>,
    kind: ContactKind,
    /// What agents may be told.
    #[schema(value_type = Object)]
    variables: BTreeMap<String, Value>,
    /// Where the client has them from.
    source: Option<String>,
    /// Why they may be kept: `consent`, `contract`, `legal_obligation`, `vital_interests`, `public_task` or
    /// `legitimate_interests`.
    lawful_basis: Option<String>,
    /// What they like, as the client noted it. `calling_hours` says when they are called, as
    /// `mon-fri 09:00-12:00; sat 10:00-11:00`, or `never`.
    preferences: BTreeMap<String, String>,
    /// They may be kept and not worked with (GDPR art. 18): nobody calls them.
    restricted: bool,
    created_at: When,
    updated_at: When,
}

/// What is said of a contact. In a change, what is absent stays, and an empty text takes away.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ContactDetails {
    /// Their numbers, the first called first.
    #[schema(max_items = 8)]
    phones: Option<Vec<ContactPhone>>,
    /// What the client's own books call them; no two contacts share one.
    #[schema(max_length = 200, example = "crm-4711")]
    external_id: Option<String>,
    /// An IANA time zone.
    #[schema(example = "America/New_York")]
    time_zone: Option<String>,
    #[schema(max_length = 200)]
    postal_code: Option<String>,
    /// ISO 3166-1.
    #[schema(example = "US")]
    country: Option<String>,
    /// The part of the country, by ISO 3166-2.
    #[schema(example = "NY")]
    region: Option<String>,
    /// BCP 47.
    #[schema(example = "en")]
    language: Option<String>,
    /// `business`, `consumer` or `unknown`, which is treated as a consumer.
    #[schema(example = "consumer")]
    kind: Option<String>,
    /// Texts, numbers, true or false, of the types that the contact's lists declare.
    #[schema(value_type = Option<Object>)]
    variables: Option<BTreeMap<String, Value>>,
    #[schema(max_length = 200)]
    source: Option<String>,
    /// Why they may be kept, by article 6 (1) of the GDPR.
    #[schema(example = "consent")]
    lawful_basis: Option<String>,
    /// What they like. `calling_hours` says when they are called, as `mon-fri 09:00-12:00; sat 10:00-11:00`, or `never`.
    preferences: Option<BTreeMap<String, String>>,
    /// True forbids every call to them, as the restriction of processing does (GDPR art. 18), until it is false again.
    restricted: Option<bool>,
    /// By ISO 3166-1: numbers without `+` are written as within this country. It is not kept.
    #[schema(example = "DE")]
    default_country: Option<String>,
    /// Of a new contact: ids of the lists that it is put on.
    #[schema(max_items = 10)]
    lists: Option<Vec<String>>,
}

/// Which contacts.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description; `list` reads them")]
pub(super) struct ContactParams {
    /// With this number, in E.164 form (`+` is written `%2B` in an address).
    phone: Option<String>,
    /// That the client's own books call so.
    external_id: Option<String>,
    /// On this list.
    list: Option<String>,
}

pub(super) fn show(row: &Row, contact: Known) -> Contact {
    let kind = match contact.kind {
        Kind::Business => ContactKind::Business,
        Kind::Consumer => ContactKind::Consumer,
        Kind::Unknown => ContactKind::Unknown,
    };
    let details = contact.into_details();
    let phones = details.phones.into_iter();
    Contact {
        id: row.id.clone(),
        phones: phones
            .map(|(number, label)| ContactPhone { number, label })
            .collect(),
        external_id: details.external_id,
        time_zone: details.time_zone,
        postal_code: details.postal_code,
        country: details.country,
        region: details.region,
        language: details.language,
        kind,
        variables: details.variables,
        source: details.source,
        lawful_basis: details.lawful_basis,
        preferences: details.preferences,
        restricted: details.restricted.is_some(),
        created_at: When::of(row.created_ms),
        updated_at: When::of(row.updated_ms),
    }
}

impl ContactDetails {
    /// Over what was known.
    fn over(self, known: Details) -> Result<Details, Problem> {
        let phones = self.phones.map(|phones| {
            let phones = phones.into_iter();
            phones.map(|phone| (phone.number, phone.label)).collect()
        });
        let country = self.default_country.as_deref().map(Country::parse);
        let numbers_of = country.transpose().map_err(|error| {
            Problem::invalid("/default_country", "unknown_value", error.to_string())
        })?;
        // A new country without a region leaves none of the old country's.
        let region = match &self.country {
            Some(_) => self.region,
            None => self.region.or(known.region),
        };
        Ok(Details {
            phones: phones.unwrap_or(known.phones),
            external_id: self.external_id.or(known.external_id),
            time_zone: self.time_zone.or(known.time_zone),
            postal_code: self.postal_code.or(known.postal_code),
            country: self.country.or(known.country),
            region,
            language: self.language.or(known.language),
            kind: self.kind.or(known.kind),
            variables: self.variables.unwrap_or(known.variables),
            source: self.source.or(known.source),
            lawful_basis: self.lawful_basis.or(known.lawful_basis),
            preferences: self.preferences.unwrap_or(known.preferences),
            restricted: self
                .restricted
                .map(|yes| yes.to_string())
                .or(known.restricted),
            numbers_of,
        })
    }
}

pub(super) fn unread(error: NotOpened) -> Problem {
    match error {
        NotOpened::Store(error) => stored(error),
        NotOpened::Vault(_) | NotOpened::Unreadable => Problem::internal(&error),
    }
}

fn faulty(faults: Vec<Fault>) -> Problem {
    let problem = Problem::new(Code::Invalid);
    faults.into_iter().fold(problem, |problem, fault| {
        problem.at(fault.pointer, fault.code, fault.detail)
    })
}

async fn row(desk: &Desk, caller: &Caller, id: &str) -> Result<Row, Problem> {
    let row = desk.store.contacts().find(&caller.client, id).await;
    row.map_err(stored)?.ok_or_else(Problem::not_found)
}

/// A contact that is there, opened.
pub(super) async fn find(
    desk: &Desk,
    caller: &Caller,
    keys: &ClientKeys,
    id: &str,
) -> Result<(Row, Known, SubjectKeys), Problem> {
    let row = row(desk, caller, id).await?;
    let opened = contacts::open_all(keys, vec![row]).await.map_err(unread)?;
    opened.into_iter().next().ok_or_else(Problem::not_found)
}

/// Nobody else has its numbers or its external id.
async fn is_free(
    desk: &Desk,
    keys: &ClientKeys,
    contact: &Known,
    own_id: &str,
) -> Result<(), Problem> {
    let phones = contact.phones.iter();
    let numbers: Vec<_> = phones
        .map(|phone| number_index(keys, &phone.number))
        .collect();
    let store = desk.store.contacts();
    let owners = store
        .of_numbers(keys.id(), &numbers)
        .await
        .map_err(stored)?;
    let mut problem = None;
    let mut taken = |pointer: String, code: &'static str, owner: &str| {
        let detail = format!("{owner} has it already");
        let told = problem
            .take()
            .unwrap_or_else(|| Problem::new(Code::Conflict));
        problem = Some(told.at(pointer, code, detail));
    };
    for (index, owner) in owners.iter().filter(|(_, owner)| owner != own_id) {
        let at = numbers.iter().position(|number| number == index);
        let pointer = format!("/phones/{}/number", at.unwrap_or(0));
        taken(pointer, "number_taken", owner);
    }
    if let Some(external) = &contact.external_id {
        let index = external_index(keys, external);
        let owners = store.of_externals(keys.id(), &[index]).await;
        for (_, owner) in owners.map_err(stored)? {
            if owner != own_id {
                taken("/external_id".into(), "external_id_taken", &owner);
            }
        }
    }
    problem.map_or(Ok(()), Err)
}

/// The schemas of some lists.
async fn schemas(
    desk: &Desk,
    caller: &Caller,
    keys: &ClientKeys,
    ids: &[String],
) -> Result<Vec<Schema>, Problem> {
    let mut schemas = Vec::with_capacity(ids.len());
    for (at, id) in ids.iter().enumerate() {
        let list = desk.store.contact_lists().find(&caller.client, id).await;
        let Some(list) = list.map_err(stored)? else {
            let detail = "there is no such list";
            return Err(Problem::invalid(
                format!("/lists/{at}"),
                "not_found",
                detail,
            ));
        };
        schemas.push(lists::open(keys, &list)?.1);
    }
    Ok(schemas)
}

/// Add a contact
///
/// A number belongs to one contact of a client's, and so does an external id: what is taken answers `conflict`, and says whose
/// it is.
#[utoipa::path(
    post, path = "/v1/contacts", tag = "contacts", request_body = ContactDetails,
    responses((status = 201, body = Contact)),
)]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Posted {
        body: mut new,
        once,
    }: Posted<ContactDetails>,
) -> Result<Response, Problem> {
    let lists = new.lists.take().unwrap_or_default();
    if lists.len() > LISTS_AT_ONCE {
        return Err(Problem::invalid("/lists", "too_many", "at most 10 lists"));
    }
    let work = async move |new_id: NewId| {
        let (desk, id) = (&app.desk, &new_id.id);
        let keys = caller.keys(desk).await?;
        if !new_id.is_again() || row(desk, &caller, id).await.is_err() {
            let schemas = schemas(desk, &caller, &keys, &lists).await?;
            let schemas: Vec<&Schema> = schemas.iter().collect();
            let details = new.over(Details::default())?;
            let contact = Known::read(details, &schemas).map_err(faulty)?;
            is_free(desk, &keys, &contact, id).await?;
            let subject = contacts::new_subject(&keys, id).await;
            let subject = subject.map_err(|error| Problem::internal(&error))?;
            let made = contacts::seal(&keys, &subject, id, &contact, clock::unix_ms());
            let added = desk.store.contacts();
            let added = added.add(&caller.client, &made, &lists).await;
            added.map_err(stored)?;
        }
        let (row, contact, _) = find(desk, &caller, &keys, id).await?;
        let made = Made::new(id, format!("/v1/contacts/{id}"), &show(&row, contact))?;
        Ok(made.revision(row.revision))
    };
    once.settle_new("con", work).await
}

/// List contacts, the newest first
#[utoipa::path(
    get, path = "/v1/contacts", tag = "contacts", params(PageParams, ContactParams),
    responses((status = 200, body = Paged<Contact>)),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut params: Params,
) -> Result<Answer<Paged<Contact>>, Problem> {
    let desk = &app.desk;
    let page = Page::take("contacts", &mut params)?;
    let expected = "expected a number in E.164 form, its + written %2B";
    let phone = params.read("phone", expected, |text| number(text).ok())?;
    let external = params.take("external_id");
    let list = params.read("list", "expected a list's id", |text| {
        ids::is_id("list", text).then(|| text.to_owned())
    })?;
    params.finish()?;
    if [phone.is_some(), external.is_some(), list.is_some()]
        .iter()
        .filter(|is| **is)
        .count()
        > 1
    {
        let detail = "one of phone, external_id and list at a time";
        return Err(wrong_param("phone", "invalid", detail));
    }
    let keys = caller.keys(desk).await?;
    let store = desk.store.contacts();
    let owners = match (&phone, &external) {
        (Some(phone), _) => Some(
            store
                .of_numbers(&caller.client, &[number_index(&keys, phone)])
                .await,
        ),
        (None, Some(id)) => Some(
            store
                .of_externals(&caller.client, &[external_index(&keys, id)])
                .await,
        ),
        (None, None) => None,
    };
    let (rows, more) = match owners {
        Some(owners) => {
            let ids: Vec<String> = owners
                .map_err(stored)?
                .into_iter()
                .map(|(_, id)| id)
                .collect();
            let rows = store.find_all(&caller.client, &ids).await.map_err(stored)?;
            // The question is filled up with its first hash; one row answers it.
            (rows, false)
        }
        None => {
            let after = page.after_number::<String>();
            let rows = store.list(
                &caller.client,
                list.as_deref(),
                after.as_deref(),
                page.limit,
            );
            rows.await.map_err(stored)?
        }
    };
    let next = rows.last().filter(|_| more).map(|row| row.id.clone());
    let opened = contacts::open_all(&keys, rows).await.map_err(unread)?;
    let data = opened
        .into_iter()
        .map(|(row, contact, _)| show(&row, contact));
    Ok(Answer(page.up_to(data.collect(), next)))
}

/// Show a contact
#[utoipa::path(
    get, path = "/v1/contacts/{id}", tag = "contacts", params(("id" = String, Path)),
    responses((status = 200, body = Contact)),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<At<Contact>, Problem> {
    let keys = caller.keys(&app.desk).await?;
    let (row, contact, _) = find(&app.desk, &caller, &keys, &id).await?;
    Ok(At(row.revision, show(&row, contact)))
}

/// Change a contact
///
/// What is absent stays, an empty text takes away, and `variables` and `preferences` are replaced as a whole.
#[utoipa::path(
    patch, path = "/v1/contacts/{id}", tag = "contacts", params(("id" = String, Path)),
    request_body = ContactDetails, responses((status = 200, body = Contact)),
)]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    seen: IfMatch,
    Id(id): Id,
    Json(change): Json<ContactDetails>,
) -> Result<At<Contact>, Problem> {
    let desk = &app.desk;
    if change.lists.is_some() {
        let detail = "put it on a list with POST /v1/contact-lists/{id}/contacts";
        return Err(Problem::invalid("/lists", "unknown_field", detail));
    }
    let keys = caller.keys(desk).await?;
    let (row, known, subject) = find(desk, &caller, &keys, &id).await?;
    let revision = seen.check(row.revision)?;
    let lists = desk.store.contact_lists();
    let lists = lists
        .of_contact(&caller.client, &id, LISTS_OF_ONE_MAX)
        .await;
    let lists = lists.map_err(stored)?;
    let schemas: Result<Vec<Schema>, Problem> = lists
        .iter()
        .map(|list| Ok(lists::open(&keys, list)?.1))
        .collect();
    let schemas = schemas?;
    let schemas: Vec<&Schema> = schemas.iter().collect();
    let contact = Known::read(change.over(known.into_details())?, &schemas).map_err(faulty)?;
    is_free(desk, &keys, &contact, &id).await?;
    let made = contacts::seal(&keys, &subject, &id, &contact, clock::unix_ms());
    let store = desk.store.contacts();
    let changed = store.change(&caller.client, revision, &made).await;
    changed.map_err(stored)?;
    let (row, contact, _) = find(desk, &caller, &keys, &id).await?;
    Ok(At(row.revision, show(&row, contact)))
}

/// Remove a contact
///
/// It goes with its key, and so from every copy. Calls with its numbers stay, and so do suppressions.
#[utoipa::path(
    delete, path = "/v1/contacts/{id}", tag = "contacts", params(("id" = String, Path)),
    responses((status = 204, description = "It is gone")),
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    let desk = &app.desk;
    let keys = caller.keys(desk).await?;
    let removed = desk.store.contacts().remove(&caller.client, &id).await;
    // Also when the row is gone: whoever was stopped in between asks again.
    let subject = keys.contact_id(&id);
    let forgotten = desk.vault.forget_subject(&caller.client, &subject).await;
    let forgotten = forgotten.map_err(|error| Problem::internal(&error))?;
    match removed.map_err(stored)? || forgotten {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found()),
    }
}
