//! Numbers that nobody may call, whichever client: the operator's own word.

use trunkline_core::phone::PhoneNumber;

use super::{Books, SetupError};
use crate::clock;
use crate::ids::new_id;
use crate::store::suppressions::{NewSuppression, Reason};

/// Where it came from, as a suppression's source says it.
const SOURCE: &str = "operator";
/// Numbers that are written at once.
const AT_ONCE: usize = 500;

impl Books {
    fn everywhere(&self, number: &PhoneNumber) -> [u8; 32] {
        self.vault.platform_index("suppression", number.as_str())
    }

    /// Forbids every client to call these numbers, and ends what they were promised of callbacks; a running server heeds it
    /// from the next decision on. How many were not forbidden before.
    pub async fn suppress(
        &self,
        numbers: &[PhoneNumber],
        reason: Reason,
    ) -> Result<u64, SetupError> {
        let (mut added, now_ms) = (0, clock::unix_ms());
        for numbers in numbers.chunks(AT_ONCE) {
            let new = numbers.iter().map(|number| NewSuppression {
                id: new_id("sup"),
                campaign_id: None,
                hash: self.everywhere(number),
                reason: reason.as_str().to_owned(),
                source: SOURCE.to_owned(),
                call_id: None,
                created_ms: now_ms,
            });
            let new: Vec<NewSuppression> = new.collect();
            added += self.store.system().suppress_all(&new).await?;
        }
        Ok(added)
    }

    /// Takes that back; what clients themselves forbid stays. Whether it was in force.
    pub async fn unsuppress(&self, number: &PhoneNumber, reason: &str) -> Result<bool, SetupError> {
        let system = self.store.system();
        let held = system.suppressed(&[self.everywhere(number)]).await?;
        let Some(row) = held.first() else {
            return Ok(false);
        };
        let lifted = system.unsuppress(&row.id, reason, clock::unix_ms());
        Ok(lifted.await?)
    }
}
