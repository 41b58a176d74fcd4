//! What the store's and the vault's errors are to a client.

use super::problem::{Code, Problem};
use crate::store::StoreError;
use crate::vault::Unopened;

/// What an error of the store is to a client.
pub(super) fn stored(error: StoreError) -> Problem {
    match error {
        StoreError::Missing { .. } => Problem::not_found(),
        StoreError::Stale { .. } => Problem::new(Code::PreconditionFailed),
        StoreError::Conflict => Problem::new(Code::Conflict).detail("there is one like it already"),
        StoreError::Reference => Problem::new(Code::Conflict)
            .detail("it names something that does not exist, or something else still needs it"),
        StoreError::Database(_) | StoreError::File { .. } => {
            tracing::error!(%error, "the store failed");
            Problem::new(Code::Unavailable).retry_after(1)
        }
        StoreError::Config(_) | StoreError::Migration(_) | StoreError::Unreadable { .. } => {
            Problem::internal(&error)
        }
    }
}

/// What it is that something sealed does not open: the server's own trouble.
pub(super) fn unopened(error: Unopened) -> Problem {
    Problem::internal(&error)
}
