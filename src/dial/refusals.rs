//! Calls that were not allowed, kept with their reasons.

use trunkline_core::phone::PhoneNumber;
use trunkline_core::policy::Verdict;

use super::{Dialer, PlanError};
use crate::desk::{self, Desk, Place};
use crate::ids;
use crate::store::attempts::Attempt;
use crate::store::decisions::{Decision, DecisionAbout, DecisionVerdict};
use crate::store::{Sealed, StoreError};
use crate::vault::{ClientKeys, SubjectId, VaultError};

const COLUMN: &str = "decisions.trace";

/// Why a decision is not kept.
#[derive(Debug, thiserror::Error)]
pub enum NotNoted {
    /// The store.
    #[error("the store does not answer: {0}")]
    Store(#[from] StoreError),
    /// The vault.
    #[error("the vault does not open: {0}")]
    Vault(#[from] VaultError),
    /// It has no written form.
    #[error("the decision has no written form: {0}")]
    Unwritable(#[from] serde_json::Error),
}

impl Dialer {
    /// Keeps a verdict that is no yes, of a call or a callback of this id. What is no number was nobody's, and is not kept.
    ///
    /// # Errors
    /// [`NotNoted`].
    pub async fn note_refusal(
        &self,
        desk: &Desk,
        keys: &ClientKeys,
        to: &str,
        verdict: &Verdict,
        (about, object_id): (DecisionAbout, &str),
    ) -> Result<(), NotNoted> {
        let (said, again_ms) = match verdict {
            Verdict::Allow(_) => return Ok(()),
            Verdict::Defer(deferred) => (DecisionVerdict::Defer, Some(deferred.until_unix_ms)),
            Verdict::Deny(_) => (DecisionVerdict::Deny, None),
        };
        let Ok(number) = PhoneNumber::parse(to) else {
            return Ok(());
        };
        let subject = keys.subject(Some(&number)).await?;
        let (id, trace) = (ids::new_id("dec"), serde_json::to_string(verdict.trace())?);
        let mut codes: Vec<String> = Vec::new();
        for reason in verdict.reasons() {
            let name = reason.code.name();
            if !codes.iter().any(|code| code == name) {
                codes.push(name.to_owned());
            }
        }
        let decision = Decision {
            subject_id: subject.id().as_str().to_owned(),
            about,
            object_id: object_id.to_owned(),
            verdict: said,
            codes,
            rules: verdict.trace().pack.at_checksum(),
            again_ms,
            made_ms: self.now_ms(),
            trace: desk::seal_for(&subject, Place::new(COLUMN, &id), &trace),
            id,
        };
        let index = desk::call_index(keys, &number);
        let decisions = desk.store.decisions();
        decisions.add(keys.id(), &index, &decision).await?;
        Ok(())
    }
}

/// How a decision was made, JSON; none if the person was forgotten since.
///
/// # Errors
/// [`PlanError`].
pub async fn trace(keys: &ClientKeys, decision: &Decision) -> Result<Option<String>, PlanError> {
    let place = Place::new(COLUMN, &decision.id);
    open(keys, &decision.subject_id, place, &decision.trace).await
}

/// Why a call was allowed, JSON; none if the person was forgotten since.
///
/// # Errors
/// [`PlanError`].
pub async fn of_attempt(keys: &ClientKeys, attempt: &Attempt) -> Result<Option<String>, PlanError> {
    let place = Place::new("attempts.decision", &attempt.id);
    open(keys, &attempt.subject_id, place, &attempt.decision).await
}

async fn open(
    keys: &ClientKeys,
    subject_id: &str,
    place: Place<'_>,
    sealed: &Sealed,
) -> Result<Option<String>, PlanError> {
    let id = SubjectId::parse(subject_id).ok_or(PlanError::Garbled)?;
    let subject = match keys.subject_by_id(&id).await {
        Err(VaultError::Forgotten) => return Ok(None),
        subject => subject?,
    };
    Ok(Some(desk::open_for(&subject, place, sealed)?))
}
