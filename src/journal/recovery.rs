//! After a crash: what becomes of the journals that are marked.

use std::path::PathBuf;

use trunkline_core::journal::HeaderError;

use super::failure::JournalError;
use super::over::Finished;
use super::place::{Place, Root, is_promise};
use super::{Journals, Settled, lock};
use crate::ids::ClientId;

/// What was found after a crash.
#[derive(Debug, Default)]
pub struct Recovery {
    /// Journals whose rows were given to the sink again.
    pub replayed: u64,
    /// Of these, those whose call was cut short by the crash.
    pub unfinished: u64,
    /// Bytes of torn writes that were cut off.
    pub cut_bytes: u64,
    /// Entries of content that had still to be deleted.
    pub erased: u64,
    /// Records in the midst of journals that cannot be opened; they were left where they are.
    pub damaged: u64,
    /// What is stored of each call whose rows were given again, which is no row of a journal's.
    pub kept: Vec<Kept>,
    /// Callers who were promised not to be called again, where that may not be a suppression yet.
    pub opted_out: Vec<OptedOut>,
    /// Journals that could not be finished. They are as they were.
    pub left: Vec<Left>,
}

/// A call whose caller is not to be called again.
#[derive(Debug)]
pub struct OptedOut {
    /// The client.
    pub client: ClientId,
    /// The call.
    pub call_id: String,
    /// To be told once the suppression is stored; if it is dropped, the call is found again.
    pub promise: Settled,
}

/// How much of a call is stored.
#[derive(Debug)]
pub struct Kept {
    /// The client.
    pub client: ClientId,
    /// The call.
    pub call_id: String,
    /// Sound of the caller's, ms.
    pub caller_ms: u64,
    /// There is a recording to be had.
    pub is_recorded: bool,
}

/// A journal that could not be finished.
#[derive(Debug)]
pub struct Left {
    /// The client.
    pub client: ClientId,
    /// The call.
    pub call_id: String,
    /// Why, and what to do.
    pub problem: JournalError,
}

pub(super) async fn recover(journals: &Journals) -> Result<Recovery, JournalError> {
    let places = journals.look(Root::marked).await?;
    let mut recovery = Recovery::default();
    for (place, marks) in places {
        let name = (place.client.clone(), place.call_id.clone());
        if lock(&journals.0.calls).contains(&name) {
            continue;
        }
        // What was promised is kept, whatever becomes of the journal.
        let (promises, marks): (Vec<_>, Vec<_>) =
            marks.into_iter().partition(|mark| is_promise(mark));
        let mut promise = (!promises.is_empty()).then_some(Settled { marks: promises });
        match finish(journals, place, marks, promise.is_some()).await {
            Ok(Some(finished)) => {
                promise = promise.or(finished.promise);
                recovery.replayed += 1;
                recovery.unfinished += u64::from(finished.was_open);
                recovery.cut_bytes += finished.cut_bytes;
                recovery.erased += finished.erased;
                recovery.damaged += finished.damaged;
                let (client, call_id) = name.clone();
                recovery.kept.push(Kept {
                    client,
                    call_id,
                    caller_ms: finished.caller_ms,
                    is_recorded: finished.is_recorded,
                });
            }
            Ok(None) => {}
            Err(problem) => {
                let (client, call_id) = name.clone();
                recovery.left.push(Left {
                    client,
                    call_id,
                    problem,
                });
            }
        }
        if let Some(promise) = promise {
            let (client, call_id) = name;
            recovery.opted_out.push(OptedOut {
                client,
                call_id,
                promise,
            });
        }
    }
    Ok(recovery)
}

/// `None` if nothing was ever in it.
async fn finish(
    journals: &Journals,
    place: Place,
    marks: Vec<PathBuf>,
    is_promised: bool,
) -> Result<Option<Finished>, JournalError> {
    let subject = match journals.open_place(place.clone()).await {
        Ok((_, _, subject)) => subject,
        Err(JournalError::Missing { .. }) => {
            // Marked, and stopped before it was made; or removed.
            Settled { marks }.done();
            return Ok(None);
        }
        Err(JournalError::Head {
            problem: HeaderError::Short,
            ..
        }) => {
            // The head is on disk before anything else is written.
            journals
                .on_writer(move |writer| writer.remove(&place))
                .await??;
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    journals
        .on_writer(move |writer| writer.recover(&place, &subject, marks, is_promised))
        .await?
        .map(Some)
}
