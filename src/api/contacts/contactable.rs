//! Whether a contact may be called, number by number.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use serde::Serialize;
use trunkline_core::contact::Kind as ContactKind;
use trunkline_core::policy::{Kind, Purpose};
use utoipa::{IntoParams, ToSchema};

use super::find;
use crate::api::auth::Caller;
use crate::api::body::{Id, Params};
use crate::api::calls::check::{CallAnswer, answer};
use crate::api::problem::Problem;
use crate::api::refuse::stored;
use crate::api::when::{self, When};
use crate::app::App;
use crate::dial::Question;
use crate::dial::grounds::Grounds;

/// When.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description; `get` reads it")]
pub(in crate::api) struct AtParam {
    /// The moment that is asked about; now if absent.
    at: Option<String>,
    /// What the call would be for: `marketing`, which the law allows least, if absent; `survey`, `service` or `collections`.
    purpose: Option<String>,
}

/// Whether one of a contact's numbers may be called.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct PhoneContactability {
    #[schema(example = "+15550100123")]
    number: String,
    label: Option<String>,
    #[serde(flatten)]
    answer: CallAnswer,
}

/// Whether a contact may be called.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Contactability {
    /// The moment that was asked about.
    at: When,
    /// Its numbers, the first called first.
    phones: Vec<PhoneContactability>,
}

/// Ask whether a contact may be called
///
/// Nothing is dialled. For each number the answer is what `POST /v1/calls/check` says with what is known of the contact: its
/// place and its time zone hold beside those of the number, its kind and its lawful basis are those of the call.
#[utoipa::path(
    get, path = "/v1/contacts/{id}/contactability", tag = "contacts", params(("id" = String, Path), AtParam),
    responses((status = 200, body = Contactability)),
)]
pub(in crate::api) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    mut params: Params,
) -> Result<Answer<Contactability>, Problem> {
    let expected = "expected a moment in RFC 3339, as 2026-11-22T16:30:00Z";
    let at_ms = params.read("at", expected, when::parse)?;
    let expected = "expected marketing, survey, service or collections";
    let purpose = params.read("purpose", expected, Purpose::parse)?;
    let purpose = purpose.unwrap_or_default();
    params.finish()?;
    let keys = caller.keys(&app.desk).await?;
    let (_, contact, _) = find(&app.desk, &caller, &keys, &id).await?;
    let at_ms = at_ms.unwrap_or_else(|| app.dialer().now_ms());
    let places: Vec<_> = contact.place.into_iter().collect();
    let zones: Vec<_> = contact.zone().into_iter().collect();
    let mut phones = Vec::with_capacity(contact.phones.len());
    let grounds = Grounds {
        purpose,
        kind: match contact.kind {
            ContactKind::Business => Kind::Business,
            ContactKind::Consumer | ContactKind::Unknown => Kind::Consumer,
        },
        basis: contact.lawful_basis,
        wished_ms: None,
    };
    for phone in contact.phones {
        let question = Question {
            to: phone.number.as_str(),
            places: &places,
            zones: &zones,
            at_ms: Some(at_ms),
            asked_call_id: None,
            grounds,
            agent_id: None,
        };
        let verdict = app.dialer().may_call(&app.desk, &keys, &question).await;
        phones.push(PhoneContactability {
            answer: answer(&verdict.map_err(stored)?),
            number: phone.number.into(),
            label: phone.label,
        });
    }
    Ok(Answer(Contactability {
        at: When::of(at_ms),
        phones,
    }))
}
