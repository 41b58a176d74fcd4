//! What is on the ledger of a number, as the policy reads it.

use serde::{Deserialize, Serialize};
use trunkline_core::phone::PhoneNumber;
use trunkline_core::policy::permission::{Entry, Form, What};
use trunkline_core::policy::{Kind, LegalBasis, Purpose};

use crate::desk::{self, Desk};
use crate::store::StoreError;
use crate::store::call_consents::{CallConsent, ConsentForm};
use crate::vault::ClientKeys;

/// What a client says of a call's ground.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Grounds {
    /// What it is for.
    pub purpose: Purpose,
    /// Whom it reaches.
    pub kind: Kind,
    /// On which basis of the law.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basis: Option<LegalBasis>,
    /// When the person asked for this very call, ms since 1970: so they agreed to it, by word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wished_ms: Option<i64>,
}

impl Grounds {
    /// Those of a call that somebody asks for in a call of theirs: about what they have with the client.
    pub fn of_wish(at_ms: i64) -> Self {
        Self {
            purpose: Purpose::Service,
            wished_ms: Some(at_ms),
            ..Self::default()
        }
    }

    /// What their wish says, as an entry of the ledger would: whatever was taken back since goes before it.
    pub(super) fn wish(&self) -> Option<Entry> {
        self.wished_ms.map(|at_ms| Entry {
            id: "wish".to_owned(),
            at_ms,
            purposes: std::iter::once(self.purpose).collect(),
            what: What::Given {
                form: Form::Express,
                expires_ms: None,
            },
        })
    }
}

/// An entry as the policy reads it.
pub fn entry(row: &CallConsent) -> Entry {
    let purposes = row.purposes.iter();
    Entry {
        id: row.id.clone(),
        at_ms: row.at_ms,
        purposes: purposes.filter_map(|name| Purpose::parse(name)).collect(),
        what: row.form.map_or(What::Withdrawn, |form| What::Given {
            form: match form {
                ConsentForm::Express => Form::Express,
                ConsentForm::Written => Form::Written,
            },
            expires_ms: row.expires_ms,
        }),
    }
}

/// Everything that was known of a number at a moment, ms since 1970.
///
/// # Errors
/// The store does not answer.
pub async fn ledger(
    desk: &Desk,
    keys: &ClientKeys,
    number: &PhoneNumber,
    known_ms: i64,
) -> Result<Vec<Entry>, StoreError> {
    let index = desk::consent_index(keys, number);
    let consents = desk.store.call_consents();
    let rows = consents.ledger(keys.id(), &index, known_ms).await?;
    Ok(rows.iter().map(entry).collect())
}
