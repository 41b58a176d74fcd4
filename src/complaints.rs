//! Complaints about calls: whoever complains is not called again, and what is known of the calls is found.

use serde::{Deserialize, Serialize};
use trunkline_core::phone::PhoneNumber;
use trunkline_core::policy::Trace;

use crate::desk::{self, Place};
use crate::ids::{self, ClientId};
use crate::store::calls::{Call, CallFilter};
use crate::store::complaints::{Complaint, ComplaintSource, NewComplaint};
use crate::store::suppressions::NewSuppression;
use crate::store::{Store, StoreError};
use crate::vault::{ClientKeys, SubjectId, SubjectKeys, Unopened, VaultError};

const COLUMN: &str = "complaints.body";
/// Why the number is suppressed.
const REASON: &str = "complaint";
/// Calls so long before and after the time that the person says are taken for those they mean, ms: people remember days, and not
/// always the right one.
const AROUND_MS: i64 = 3 * 86_400_000;
/// Most calls that are found for one complaint.
const CALLS_MAX: u32 = 50;
/// Longest text, in characters.
pub const TEXT_CHARS_MAX: usize = 8_000;

/// What a complaint says, sealed for the person.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Body {
    /// The number that was called.
    pub number: String,
    /// In the person's words, or in those of whoever wrote them down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Something about complaints could not be done.
#[derive(Debug, thiserror::Error)]
pub enum ComplaintError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// What is stored cannot be opened.
    #[error(transparent)]
    Unopened(#[from] Unopened),
    /// What is stored has no form that is understood.
    #[error("a complaint is stored in a form that is not understood: {0}")]
    Garbled(#[from] serde_json::Error),
}

/// A complaint as it comes in.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// The number that was called.
    pub number: &'a PhoneNumber,
    /// When the call was, ms since 1970, as the person says.
    pub about_ms: i64,
    /// What they say.
    pub text: Option<&'a str>,
    /// How it came in.
    pub source: ComplaintSource,
    /// Now, ms since 1970.
    pub now_ms: i64,
}

/// A call that a complaint may mean, and why it was placed.
#[derive(Debug)]
pub struct Meant {
    /// The call.
    pub call: Call,
    /// How it was decided that it may be; nothing of calls that came in, and of people who are forgotten.
    pub decision: Option<Trace>,
}

impl Meant {
    /// The entry of the ledger of consents on which it rests.
    #[must_use]
    pub fn consent_id(&self) -> Option<&str> {
        let grounds = self.decision.as_ref()?.grounds.as_ref()?;
        grounds.entry.as_deref()
    }
}

/// Takes a complaint: the number is suppressed first, and then it is written down. On the disk when this returns; the id makes it
/// one, however often it is told.
///
/// # Errors
/// The store or the vault. The number may be suppressed all the same.
pub async fn take(
    store: &Store,
    keys: &ClientKeys,
    id: &str,
    incoming: &Incoming<'_>,
) -> Result<(), ComplaintError> {
    let number = incoming.number;
    let new = NewSuppression {
        id: ids::new_id("sup"),
        campaign_id: None,
        hash: desk::suppression_index(keys, number),
        reason: REASON.to_owned(),
        source: REASON.to_owned(),
        call_id: None,
        created_ms: incoming.now_ms,
    };
    let (suppression, _) = store.suppressions().add(keys.id(), &new).await?;
    let subject = keys.subject(Some(number)).await?;
    let body = Body {
        number: number.as_str().to_owned(),
        text: incoming.text.map(str::to_owned),
    };
    let body = serde_json::to_string(&body)?;
    let new = NewComplaint {
        id: id.to_owned(),
        number_index: desk::call_index(keys, number),
        subject_id: subject.id().as_str().to_owned(),
        source: incoming.source,
        about_ms: incoming.about_ms,
        body: desk::seal_for(&subject, Place::new(COLUMN, id), &body),
        suppression_id: suppression.id,
        created_ms: incoming.now_ms,
    };
    store.complaints().add(keys.id(), &new).await?;
    Ok(())
}

/// What a complaint says; nothing once the person is forgotten.
///
/// # Errors
/// The vault, or what is stored cannot be read.
pub async fn open(keys: &ClientKeys, row: &Complaint) -> Result<Option<Body>, ComplaintError> {
    let Some(subject) = subject(keys, &row.subject_id).await? else {
        return Ok(None);
    };
    let text = desk::open_for(&subject, Place::new(COLUMN, &row.id), &row.body)?;
    Ok(Some(serde_json::from_str(&text)?))
}

async fn subject(keys: &ClientKeys, id: &str) -> Result<Option<SubjectKeys>, ComplaintError> {
    let Some(id) = SubjectId::parse(id) else {
        return Ok(None);
    };
    match keys.subject_by_id(&id).await {
        Err(VaultError::Forgotten) => Ok(None),
        subject => Ok(Some(subject?)),
    }
}

/// The calls of a client's with a number about a time, both ways, newest first.
///
/// # Errors
/// The store does not answer.
pub async fn calls_about(
    store: &Store,
    client: &ClientId,
    number_index: &[u8; 32],
    about_ms: i64,
) -> Result<Vec<Call>, StoreError> {
    let around = CallFilter {
        created_from_ms: Some(about_ms.saturating_sub(AROUND_MS)),
        created_until_ms: Some(about_ms.saturating_add(AROUND_MS)),
        ..CallFilter::default()
    };
    let mut found = Vec::new();
    for filter in [
        CallFilter {
            to_index: Some(*number_index),
            ..around.clone()
        },
        CallFilter {
            from_index: Some(*number_index),
            ..around
        },
    ] {
        let page = store.calls().list(client, &filter, None, CALLS_MAX).await?;
        found.extend(page.data);
    }
    found.sort_by_key(|call: &Call| std::cmp::Reverse(call.created_ms));
    found.dedup_by(|one, other| one.id == other.id);
    Ok(found)
}

/// The calls that a complaint may mean, each with the decision that let it be placed.
///
/// # Errors
/// The store, the vault, or what is stored cannot be read.
pub async fn meant(
    store: &Store,
    keys: &ClientKeys,
    row: &Complaint,
) -> Result<Vec<Meant>, ComplaintError> {
    let client = keys.id();
    let calls = calls_about(store, client, &row.number_index, row.about_ms).await?;
    let mut meant = Vec::with_capacity(calls.len());
    for call in calls {
        let decision = decision(store, keys, &call.id).await?;
        meant.push(Meant { call, decision });
    }
    Ok(meant)
}

/// How it was decided that a call may be placed.
async fn decision(
    store: &Store,
    keys: &ClientKeys,
    call_id: &str,
) -> Result<Option<Trace>, ComplaintError> {
    let Some(attempt) = store.attempts().of_call(keys.id(), call_id).await? else {
        return Ok(None);
    };
    let Some(subject) = subject(keys, &attempt.subject_id).await? else {
        return Ok(None);
    };
    let place = Place::new("attempts.decision", &attempt.id);
    let text = desk::open_for(&subject, place, &attempt.decision)?;
    // One of a later server's is not understood here, and is no reason to show nothing.
    Ok(serde_json::from_str(&text).ok())
}
