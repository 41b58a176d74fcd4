//! What somebody agreed to and wants no more.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    ALL, Consent, ConsentSource, EVIDENCE_CHARS_MAX, Purpose, find, made, names, past, sealed,
    too_many, word,
};
use crate::api::auth::Caller;
use crate::api::body::{Id, number, text};
use crate::api::once::{NewId, Posted};
use crate::api::problem::{Code, Problem};
use crate::api::refuse::stored;
use crate::app::App;
use crate::desk;
use crate::store::call_consents::{CallConsent as Row, NewWithdrawal as NewEntry};
use crate::vault::{SubjectId, VaultError};

/// A withdrawal. Whoever wants no calls at all is better suppressed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Withdrawal {
    /// Which calls they want no more; all of them if absent.
    #[schema(min_items = 1, max_items = 4)]
    purposes: Option<Vec<Purpose>>,
    /// When it was said; now if absent. It counts from the consent on that it takes back, at the earliest.
    #[schema(format = DateTime, example = "2026-11-24T09:30:00Z")]
    withdrawn_at: Option<String>,
    /// Where it was said.
    source: ConsentSource,
    /// What was said, and to whom. Kept sealed.
    #[schema(max_length = 8000)]
    evidence: Option<String>,
}

/// A withdrawal by somebody of whom no consent need be known.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct NewWithdrawal {
    /// Whose, in E.164 form.
    #[schema(example = "+15550100123")]
    number: String,
    /// Which calls they want no more; all of them if absent.
    #[schema(min_items = 1, max_items = 4)]
    purposes: Option<Vec<Purpose>>,
    /// When it was said; now if absent.
    #[schema(format = DateTime, example = "2026-11-24T09:30:00Z")]
    withdrawn_at: Option<String>,
    /// Where it was said.
    source: ConsentSource,
    /// What was said, and to whom. Kept sealed.
    #[schema(max_length = 8000)]
    evidence: Option<String>,
}

/// The purposes of a withdrawal: every one that is not left out on purpose.
fn taken_back(purposes: Option<&[Purpose]>) -> Result<Vec<String>, Problem> {
    match purposes {
        None => Ok(names(&ALL)),
        Some([]) => {
            let detail = "name at least one purpose, or leave the field out for all";
            Err(Problem::invalid("/purposes", "missing", detail))
        }
        Some(purposes) => Ok(names(purposes)),
    }
}

/// Note that somebody took back what they had agreed to
///
/// It is an entry of its own, and the next decision heeds it. Entries from before it that are about the same calls do not count
/// any more.
#[utoipa::path(
    post, path = "/v1/consents/{id}/withdraw", tag = "consents", params(("id" = String, Path)),
    request_body = Withdrawal, responses((status = 201, body = Consent)),
)]
pub(in crate::api) async fn of(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    Posted { body: new, once }: Posted<Withdrawal>,
) -> Result<Response, Problem> {
    let now_ms = app.dialer().now_ms();
    let at_ms = past("/withdrawn_at", new.withdrawn_at.as_ref(), now_ms)?;
    if let Some(evidence) = &new.evidence {
        text("/evidence", evidence, EVIDENCE_CHARS_MAX)?;
    }
    let purposes = taken_back(new.purposes.as_deref())?;
    let work = async move |new_id: NewId| {
        let keys = caller.keys(&app.desk).await?;
        let of = find(&app.desk, &caller, &id).await?;
        let subject =
            SubjectId::parse(&of.subject_id).ok_or_else(|| Problem::new(Code::Internal))?;
        let evidence = match keys.subject_by_id(&subject).await {
            Ok(subject) => sealed(&subject, &new_id.id, new.evidence.as_deref()),
            // Whoever is erased can still take back; there is nobody to seal for.
            Err(VaultError::Forgotten) => None,
            Err(error) => return Err(Problem::internal(&error)),
        };
        let row = NewEntry {
            id: new_id.id.clone(),
            purposes,
            source: word(&new.source),
            // Whatever was said when: it is this consent that is taken back.
            at_ms: at_ms.max(of.at_ms),
            recorded_ms: now_ms,
            evidence,
        };
        let consents = app.desk.store.call_consents();
        let added = consents.withdraw(&caller.client, &id, &row).await;
        if !added.map_err(stored)? {
            return Err(too_many("/number"));
        }
        made(&app, &keys, &caller, &new_id.id).await
    };
    once.settle_new("cns", work).await
}

/// Note that somebody wants no more of such calls, whatever they had agreed to
///
/// Also where no consent of theirs is known. It ends all that was given until now, and the next decision heeds it.
#[utoipa::path(
    post, path = "/v1/consents/withdraw", tag = "consents", request_body = NewWithdrawal,
    responses((status = 201, body = Consent)),
)]
pub(in crate::api) async fn by_number(
    State(app): State<Arc<App>>,
    caller: Caller,
    Posted { body: new, once }: Posted<NewWithdrawal>,
) -> Result<Response, Problem> {
    let person = number("/number", &new.number)?;
    let now_ms = app.dialer().now_ms();
    let at_ms = past("/withdrawn_at", new.withdrawn_at.as_ref(), now_ms)?;
    if let Some(evidence) = &new.evidence {
        text("/evidence", evidence, EVIDENCE_CHARS_MAX)?;
    }
    let purposes = taken_back(new.purposes.as_deref())?;
    let work = async move |new_id: NewId| {
        let keys = caller.keys(&app.desk).await?;
        let subject = keys.subject(Some(&person)).await;
        let subject = subject.map_err(|error| Problem::internal(&error))?;
        let row = Row {
            id: new_id.id.clone(),
            subject_id: subject.id().as_str().to_owned(),
            form: None,
            purposes,
            source: word(&new.source),
            at_ms,
            expires_ms: None,
            recorded_ms: now_ms,
            call_id: None,
            evidence: sealed(&subject, &new_id.id, new.evidence.as_deref()),
        };
        let hash = desk::consent_index(&keys, &person);
        let consents = app.desk.store.call_consents();
        let added = consents.add(&caller.client, &hash, &row).await;
        if !added.map_err(stored)? {
            return Err(too_many("/number"));
        }
        made(&app, &keys, &caller, &new_id.id).await
    };
    once.settle_new("cns", work).await
}
