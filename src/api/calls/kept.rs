//! What a call left behind, opened for whoever may see it.

use crate::api::auth::Caller;
use crate::api::problem::{Code, Problem};
use crate::desk::Desk;
use crate::journal::{JournalError, Reading};
use crate::vault::VaultError;

/// The journal of a call of the caller's own. The call itself was found before.
pub(super) async fn journal(desk: &Desk, caller: &Caller, id: &str) -> Result<Reading, Problem> {
    let reading = desk.journals.read(&caller.client, id).await;
    reading.map_err(|error| refused(&error))
}

/// Does what reads the disk, on a thread that may wait for it.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, JournalError> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| refused(&error)),
        Err(error) => Err(Problem::internal(&error)),
    }
}

fn refused(error: &JournalError) -> Problem {
    match error {
        JournalError::Missing { .. } => {
            Problem::not_found().detail("nothing that was said in this call is kept")
        }
        JournalError::Vault(VaultError::Forgotten) => Problem::not_found()
            .detail("the person on the line was forgotten, and what they said with them"),
        JournalError::Io { .. } | JournalError::Failed { .. } | JournalError::Stopped => {
            tracing::error!(%error, "a journal cannot be read");
            Problem::new(Code::Unavailable).retry_after(1)
        }
        JournalError::Present { .. }
        | JournalError::Live { .. }
        | JournalError::Erased { .. }
        | JournalError::Unfit
        | JournalError::Head { .. }
        | JournalError::Misplaced { .. }
        | JournalError::Damaged { .. }
        | JournalError::Key { .. }
        | JournalError::Vault(_)
        | JournalError::Entry { .. }
        | JournalError::Long => Problem::internal(error),
    }
}
