//! Who agreed to be called, for what, and who took it back. Entries are added and never changed: what was known at any moment
//! can be told later.

mod given;
pub(super) mod withdrawing;

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use trunkline_core::phone::PhoneNumber;
use trunkline_core::policy::permission::{Consent as Known, Form, consent};
use trunkline_core::policy::{LegalBasis as Basis, Purpose as Of};
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::body::{Id, Params, number};
use super::once::{Made, NewId, Posted};
use super::page::{Page, PageParams, Paged};
use super::problem::{Code, Problem};
use super::refuse::{stored, unopened};
use super::when::{self, When};
use crate::app::App;
use crate::desk::{self, Desk, Place};
use crate::dial::grounds;
use crate::store::call_consents::{CallConsent as Row, ConsentForm as Stored};
use crate::vault::{ClientKeys, SubjectId, SubjectKeys, VaultError};

const EVIDENCE: &str = "call_consents.evidence";
/// Longest evidence, in characters: the wording that was agreed to, with how and where.
const EVIDENCE_CHARS_MAX: usize = 8_000;
/// So far may the client's clock go ahead of this server's, ms.
const AHEAD_MS_MAX: i64 = 300_000;

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Purpose {
    /// It sells, advertises, or asks for donations.
    Marketing,
    /// It asks for opinions.
    Survey,
    /// It is about something the person already has with the client: an order, an appointment, a contract.
    Service,
    /// It asks for money that is owed.
    Collections,
}

impl From<Of> for Purpose {
    fn from(purpose: Of) -> Self {
        match purpose {
            Of::Marketing => Self::Marketing,
            Of::Survey => Self::Survey,
            Of::Service => Self::Service,
            Of::Collections => Self::Collections,
        }
    }
}

impl From<Purpose> for Of {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Marketing => Self::Marketing,
            Purpose::Survey => Self::Survey,
            Purpose::Service => Self::Service,
            Purpose::Collections => Self::Collections,
        }
    }
}

/// On which ground of the law a call is made, where no consent is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum LegalBasis {
    /// They agreed; there must be a consent.
    Consent,
    /// A contract with them, or their wish for one.
    Contract,
    /// The law demands it.
    LegalObligation,
    /// Somebody's life.
    VitalInterests,
    /// A task in the public interest.
    PublicTask,
    /// Interests of the client's that theirs do not outweigh.
    LegitimateInterests,
}

impl From<LegalBasis> for Basis {
    fn from(basis: LegalBasis) -> Self {
        match basis {
            LegalBasis::Consent => Self::Consent,
            LegalBasis::Contract => Self::Contract,
            LegalBasis::LegalObligation => Self::LegalObligation,
            LegalBasis::VitalInterests => Self::VitalInterests,
            LegalBasis::PublicTask => Self::PublicTask,
            LegalBasis::LegitimateInterests => Self::LegitimateInterests,
        }
    }
}

/// In which form somebody agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ConsentForm {
    /// By word or deed.
    Express,
    /// In writing, signed, also electronically.
    Written,
}

/// Where it was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ConsentSource {
    /// A form on the web.
    WebForm,
    /// Paper.
    Paper,
    /// A message.
    Message,
    /// A call.
    Call,
    /// Face to face.
    InPerson,
    /// Another way.
    Other,
}

/// A consent that somebody gave.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Given {
    /// In which form. The law of some places wants it in writing.
    form: ConsentForm,
    /// When it was given; now if absent.
    #[schema(format = DateTime, example = "2026-03-01T09:30:00Z")]
    obtained_at: Option<String>,
    /// When it ends; never if absent.
    #[schema(format = DateTime, example = "2027-03-01T00:00:00Z")]
    expires_at: Option<String>,
    /// Where it was said.
    source: ConsentSource,
    /// What proves it: the wording that was agreed to, how and where. Kept sealed.
    #[schema(
        max_length = 8000,
        example = "Form 12, box 3: \"You may call me about offers with an automated voice.\""
    )]
    evidence: Option<String>,
}

/// A consent to be put on the ledger.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewConsent {
    /// Whose, in E.164 form.
    #[schema(example = "+15550100123")]
    number: String,
    /// To which calls. Consent to one kind of calls is none to another.
    #[schema(min_items = 1, max_items = 4)]
    purposes: Vec<Purpose>,
    /// In which form. The law of some places wants it in writing.
    form: ConsentForm,
    /// When it was given; now if absent, which is refused of somebody who took back what they had agreed to.
    #[schema(format = DateTime, example = "2026-03-01T09:30:00Z")]
    obtained_at: Option<String>,
    /// When it ends; never if absent.
    #[schema(format = DateTime, example = "2027-03-01T00:00:00Z")]
    expires_at: Option<String>,
    /// Where it was said.
    source: ConsentSource,
    /// What proves it: the wording that was agreed to, how and where. Kept sealed.
    #[schema(max_length = 8000)]
    evidence: Option<String>,
}

/// Consent, or its withdrawal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ConsentKind {
    Given,
    Withdrawn,
}

/// One entry of the ledger; the number itself is not told.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Consent {
    #[schema(example = "cns_01JD0000000000000000000000")]
    id: String,
    /// Given, or taken back.
    kind: ConsentKind,
    /// In which form it was given.
    #[schema(example = "written")]
    form: Option<&'static str>,
    /// About which calls it is.
    #[schema(example = json!(["marketing"]))]
    purposes: Vec<String>,
    /// Where it was said, in stable snake_case.
    #[schema(example = "web_form")]
    source: String,
    /// When it was said.
    at: When,
    expires_at: Option<When>,
    /// Since when it counts in decisions.
    recorded_at: When,
    /// The call in which it was said, or for which it was told.
    call_id: Option<String>,
    /// What proves it; null once the person was erased.
    evidence: Option<String>,
}

/// Which entries.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description; `list` reads them")]
pub(super) struct ConsentParams {
    /// Of this number, in E.164 form.
    number: Option<String>,
    /// As the ledger was at that moment; only with `number`.
    known_at: Option<String>,
}

/// A number whose consent is asked about.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConsentQuestion {
    /// In E.164 form.
    #[schema(example = "+15550100123")]
    number: String,
    /// For which calls.
    purpose: Purpose,
    /// At which moment; at `known_at` if absent, else now.
    #[schema(format = DateTime, example = "2026-11-24T09:30:00Z")]
    at: Option<String>,
    /// From what the ledger held at that moment; now if absent.
    #[schema(format = DateTime, example = "2026-11-24T09:30:00Z")]
    known_at: Option<String>,
}

/// What is known of somebody's consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ConsentState {
    /// There is none for such calls.
    Missing,
    /// It was taken back.
    Withdrawn,
    /// Its time is over.
    Expired,
    /// By word or deed.
    Express,
    /// In writing.
    Written,
}

/// What is known of somebody's consent, and by which entry.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConsentAnswer {
    state: ConsentState,
    /// The entry that says so.
    consent: Option<Consent>,
}

const ALL: [Purpose; 4] = [
    Purpose::Marketing,
    Purpose::Survey,
    Purpose::Service,
    Purpose::Collections,
];

fn word<T: Serialize>(value: &T) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

fn names(purposes: &[Purpose]) -> Vec<String> {
    let named = ALL.iter().filter(|one| purposes.contains(one));
    named.map(word).collect()
}

fn moment(pointer: &str, text: Option<&String>) -> Result<Option<i64>, Problem> {
    text.map(|text| when::field(pointer, text)).transpose()
}

/// A moment that is not yet to come.
fn past(pointer: &str, text: Option<&String>, now_ms: i64) -> Result<i64, Problem> {
    let at_ms = moment(pointer, text)?.unwrap_or(now_ms);
    if at_ms > now_ms + AHEAD_MS_MAX {
        let detail = "it lies in the future: a consent is noted once it is given";
        return Err(Problem::invalid(pointer, "in_the_future", detail));
    }
    // Their clock is a little ahead of ours: what they say holds from now on.
    Ok(at_ms.min(now_ms))
}

impl From<ConsentForm> for Form {
    fn from(form: ConsentForm) -> Self {
        match form {
            ConsentForm::Express => Self::Express,
            ConsentForm::Written => Self::Written,
        }
    }
}

impl From<ConsentForm> for Stored {
    fn from(form: ConsentForm) -> Self {
        match form {
            ConsentForm::Express => Self::Express,
            ConsentForm::Written => Self::Written,
        }
    }
}

fn too_many(pointer: &str) -> Problem {
    let detail = "the ledger of this number is full";
    Problem::invalid(pointer, "too_many", detail)
}

fn sealed(subject: &SubjectKeys, id: &str, evidence: Option<&str>) -> Option<crate::store::Sealed> {
    evidence.map(|text| desk::seal_for(subject, Place::new(EVIDENCE, id), text))
}

async fn show(keys: &ClientKeys, row: Row) -> Result<Consent, Problem> {
    let evidence = match &row.evidence {
        None => None,
        Some(sealed) => {
            let id =
                SubjectId::parse(&row.subject_id).ok_or_else(|| Problem::new(Code::Internal))?;
            match keys.subject_by_id(&id).await {
                Err(VaultError::Forgotten) => None,
                Err(error) => return Err(Problem::internal(&error)),
                Ok(subject) => {
                    let place = Place::new(EVIDENCE, &row.id);
                    Some(desk::open_for(&subject, place, sealed).map_err(unopened)?)
                }
            }
        }
    };
    Ok(Consent {
        kind: match row.form {
            Some(_) => ConsentKind::Given,
            None => ConsentKind::Withdrawn,
        },
        form: row.form.map(Stored::as_str),
        id: row.id,
        purposes: row.purposes,
        source: row.source,
        at: When::of(row.at_ms),
        expires_at: row.expires_ms.map(When::of),
        recorded_at: When::of(row.recorded_ms),
        call_id: row.call_id,
        evidence,
    })
}

async fn find(desk: &Desk, caller: &Caller, id: &str) -> Result<Row, Problem> {
    let row = desk.store.call_consents().find(&caller.client, id).await;
    row.map_err(stored)?.ok_or_else(Problem::not_found)
}

async fn made(app: &App, keys: &ClientKeys, caller: &Caller, id: &str) -> Result<Made, Problem> {
    let row = find(&app.desk, caller, id).await?;
    let shown = show(keys, row).await?;
    Made::new(id, format!("/v1/consents/{id}"), &shown)
}

/// Note that somebody agreed to be called
///
/// On the disk before the answer, and counted by the next decision.
#[utoipa::path(
    post, path = "/v1/consents", tag = "consents", request_body = NewConsent,
    responses((status = 201, body = Consent)),
)]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Posted { body: new, once }: Posted<NewConsent>,
) -> Result<Response, Problem> {
    let person = number("/number", &new.number)?;
    if new.purposes.is_empty() {
        let detail = "name at least one purpose";
        return Err(Problem::invalid("/purposes", "missing", detail));
    }
    let given = Given {
        form: new.form,
        obtained_at: new.obtained_at,
        expires_at: new.expires_at,
        source: new.source,
        evidence: new.evidence,
    };
    let work = async move |new_id: NewId| {
        let keys = caller.keys(&app.desk).await?;
        let at = ("", &person);
        given
            .note(&app, &keys, at, (&new_id.id, None), &new.purposes)
            .await?;
        made(&app, &keys, &caller, &new_id.id).await
    };
    once.settle_new("cns", work).await
}

/// List entries of the ledger, the newest first
#[utoipa::path(
    get, path = "/v1/consents", tag = "consents", params(PageParams, ConsentParams),
    responses((status = 200, body = Paged<Consent>)),
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut params: Params,
) -> Result<Answer<Paged<Consent>>, Problem> {
    let keys = caller.keys(&app.desk).await?;
    let page = Page::take("consents", &mut params)?;
    let of = params.read("number", "expected a number in E.164 form", |text| {
        PhoneNumber::parse(text).ok()
    })?;
    let known = params.read(
        "known_at",
        "expected a time as 2026-11-24T09:30:00Z",
        when::parse,
    )?;
    params.finish()?;
    let hash = of.map(|person| desk::consent_index(&keys, &person));
    let of = hash.as_ref().map(|hash| (hash, known.unwrap_or(i64::MAX)));
    let consents = app.desk.store.call_consents();
    let rows = consents
        .list(&caller.client, of, page.after().as_ref(), page.limit)
        .await;
    let rows = rows.map_err(stored)?;
    let next = rows.next.map(|cursor| cursor.encode());
    let mut data = Vec::with_capacity(rows.data.len());
    for row in rows.data {
        data.push(show(&keys, row).await?);
    }
    Ok(Answer(page.up_to(data, next)))
}

/// Show an entry of the ledger
#[utoipa::path(
    get, path = "/v1/consents/{id}", tag = "consents", params(("id" = String, Path)),
    responses((status = 200, body = Consent)),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Answer<Consent>, Problem> {
    let row = find(&app.desk, &caller, &id).await?;
    let keys = caller.keys(&app.desk).await?;
    show(&keys, row).await.map(Answer)
}

/// Ask whether somebody agrees to be called, now or at any moment, from what was known then
#[utoipa::path(
    post, path = "/v1/consents/check", tag = "consents", request_body = ConsentQuestion,
    responses((status = 200, body = ConsentAnswer)),
)]
pub(super) async fn check(
    State(app): State<Arc<App>>,
    caller: Caller,
    Posted { body, once }: Posted<ConsentQuestion>,
) -> Result<Response, Problem> {
    let person = number("/number", &body.number)?;
    let at_ms = moment("/at", body.at.as_ref())?;
    let known_ms = moment("/known_at", body.known_at.as_ref())?;
    let work = async move {
        let keys = caller.keys(&app.desk).await?;
        let ledger = grounds::ledger(&app.desk, &keys, &person, known_ms.unwrap_or(i64::MAX)).await;
        let mut ledger = ledger.map_err(stored)?;
        let now_ms = app.dialer().now_ms();
        let at_ms = at_ms.or(known_ms).unwrap_or(now_ms);
        // Of a moment that is past it is asked what held then. A decision of now heeds every withdrawal.
        if at_ms < now_ms {
            ledger.retain(|entry| entry.at_ms <= at_ms);
        }
        let found = consent(&ledger, body.purpose.into(), at_ms, None);
        let state = match found {
            Known::Given(_, Form::Express) => ConsentState::Express,
            Known::Given(_, Form::Written) => ConsentState::Written,
            Known::Expired(_) => ConsentState::Expired,
            Known::Withdrawn(_) => ConsentState::Withdrawn,
            Known::Missing | Known::Reassigned(_) => ConsentState::Missing,
        };
        let shown = match found.entry() {
            None => None,
            Some(entry) => {
                let row = find(&app.desk, &caller, &entry.id).await?;
                Some(show(&keys, row).await?)
            }
        };
        let answer = ConsentAnswer {
            state,
            consent: shown,
        };
        let made = Made::new("", String::new(), &answer)?;
        Ok(made.nowhere().status(StatusCode::OK))
    };
    once.settle(work).await
}

/// The id of the consent that was told with a call or a callback: one for each, however often it is asked for.
pub(super) fn id_with(id: &str) -> String {
    let (_, rest) = id.split_once('_').unwrap_or(("", id));
    format!("cns_{rest}")
}
