//! Lists of calls under filters, each from an index made for it.

use trunkline_core::token::Direction;

use super::{Call, CallStatus, ConsentState, columns, direction_word, read};
use crate::ids::ClientId;
use crate::store::page::rows_asked;
use crate::store::sql::{args, statements};
use crate::store::{Cursor, Page, Store, StoreError};

/// A condition on a column: one that leads is in the index that the list is read from; any other lets everything
/// through while it is null.
macro_rules! condition {
    (lead $column:literal $value:literal) => {
        concat!(" AND ", $column, " = ", $value)
    };
    (rest $column:literal $value:literal) => {
        concat!(
            " AND (",
            $column,
            " = ",
            $value,
            " OR ",
            $value,
            " IS NULL)"
        )
    };
}

/// One list: `$1` client, `$2` created from, `$3` and `$4` the row behind which it begins, `$5` how many rows; then the
/// filters.
macro_rules! list {
    ($agent:ident $direction:ident $consent:ident $status:ident $from:ident $to:ident) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM calls WHERE client_id = $1 AND created_ms >= $2 AND (created_ms, id) < ($3, $4)",
            condition!($agent "agent_id" "$6"),
            condition!($direction "direction" "$7"),
            condition!($consent "consent_state" "$8"),
            condition!($status "status" "$9"),
            condition!($from "from_index" "$10"),
            condition!($to "to_index" "$11"),
            " ORDER BY created_ms DESC, id DESC LIMIT $5"
        )
    };
}

statements! {
    //                                 agent direction consent status from to
    BY_TIME = list!(rest rest rest rest rest rest);
    BY_AGENT = list!(lead rest rest rest rest rest);
    BY_DIRECTION = list!(rest lead rest rest rest rest);
    BY_CONSENT = list!(rest rest lead rest rest rest);
    BY_AGENT_DIRECTION = list!(lead lead rest rest rest rest);
    BY_AGENT_CONSENT = list!(lead rest lead rest rest rest);
    BY_DIRECTION_CONSENT = list!(rest lead lead rest rest rest);
    BY_AGENT_DIRECTION_CONSENT = list!(lead lead lead rest rest rest);
    BY_STATUS = list!(rest rest rest lead rest rest);
    BY_FROM = list!(rest rest rest rest lead rest);
    BY_TO = list!(rest rest rest rest rest lead);
}

/// Which calls a list shows; what is `None` lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// Of this agent.
    pub agent_id: Option<String>,
    /// That are here.
    pub status: Option<CallStatus>,
    /// Who called whom.
    pub direction: Option<Direction>,
    /// That came from the number of this keyed hash.
    pub from_index: Option<[u8; 32]>,
    /// That went to the number of this keyed hash.
    pub to_index: Option<[u8; 32]>,
    /// Made at this time or later, ms since 1970.
    pub created_from_ms: Option<i64>,
    /// Made before this time, ms since 1970.
    pub created_until_ms: Option<i64>,
    /// With this state of consent.
    pub consent: Option<ConsentState>,
}

impl CallFilter {
    /// The list that reads the fewest rows. Of one number there are few calls, and few are under way; among calls that
    /// have ended, that they have tells nothing.
    fn sql(&self) -> &'static str {
        if self.from_index.is_some() {
            return BY_FROM;
        }
        if self.to_index.is_some() {
            return BY_TO;
        }
        match self.status {
            Some(CallStatus::Queued | CallStatus::Ringing | CallStatus::InProgress) => {
                return BY_STATUS;
            }
            Some(CallStatus::Ended) | None => {}
        }
        match (
            self.agent_id.is_some(),
            self.direction.is_some(),
            self.consent.is_some(),
        ) {
            (false, false, false) => BY_TIME,
            (true, false, false) => BY_AGENT,
            (false, true, false) => BY_DIRECTION,
            (false, false, true) => BY_CONSENT,
            (true, true, false) => BY_AGENT_DIRECTION,
            (true, false, true) => BY_AGENT_CONSENT,
            (false, true, true) => BY_DIRECTION_CONSENT,
            (true, true, true) => BY_AGENT_DIRECTION_CONSENT,
        }
    }
}

pub(super) async fn page(
    store: &Store,
    client: &ClientId,
    filter: &CallFilter,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<Call>, StoreError> {
    let until = (filter.created_until_ms.unwrap_or(i64::MAX), "");
    let (created_ms, id) = Cursor::start(after).min(until);
    let args = args![
        client,
        filter.created_from_ms.unwrap_or(i64::MIN),
        created_ms,
        id,
        rows_asked(limit),
        &filter.agent_id,
        filter.direction.map(direction_word),
        filter.consent,
        filter.status,
        filter.from_index.as_ref(),
        filter.to_index.as_ref(),
    ];
    let rows = store.all(filter.sql(), args, read).await?;
    Ok(Page::of(rows, limit, |call| Cursor {
        created_ms: call.created_ms,
        id: call.id.clone(),
    }))
}
