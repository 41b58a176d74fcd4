//! Requests that may be repeated: the first does it, the others are told what came of it.

use sha2::{Digest as _, Sha256};

use super::sql::{args, statements};
use super::{Durability, Sealed, Store, StoreError};
use crate::ids::ClientId;

/// How long a key is remembered, ms: a day, and an hour for clocks that differ.
pub const KEPT_MS: i64 = 25 * 3_600_000;
/// A request that began so long ago and never ended was lost with its server, ms.
pub const LOST_AFTER_MS: i64 = 120_000;

statements! {
    BEGIN = "INSERT INTO idempotency_keys (client_id, route, key_hash, request_hash, state, created_ms, resource_id)
        VALUES ($1, $2, $3, $4, 'in_progress', $5, $6) ON CONFLICT (client_id, route, key_hash) DO NOTHING";
    FIND = "SELECT request_hash, state, status, resource_id, body, created_ms FROM idempotency_keys
        WHERE client_id = $1 AND route = $2 AND key_hash = $3";
    RENEW = "UPDATE idempotency_keys
        SET request_hash = $4, state = 'in_progress', status = NULL, resource_id = $7, body = NULL, created_ms = $5
        WHERE client_id = $1 AND route = $2 AND key_hash = $3 AND created_ms = $6";
    FINISH = "UPDATE idempotency_keys SET state = 'done', status = $5, resource_id = $6, body = $7
        WHERE client_id = $1 AND route = $2 AND key_hash = $3 AND created_ms = $4 AND state = 'in_progress'";
    ABANDON = "DELETE FROM idempotency_keys
        WHERE client_id = $1 AND route = $2 AND key_hash = $3 AND created_ms = $4 AND state = 'in_progress'";
    PURGE = "DELETE FROM idempotency_keys WHERE created_ms < $1";
}

/// What to do with a request that carries a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Do it, then tell [`Idempotency::finish`] or [`Idempotency::abandon`] with this.
    Do(Attempt),
    /// The first is still under way.
    InProgress,
    /// It was done: this was the answer.
    Done(Answer),
    /// The key was used for another request.
    OtherRequest,
}

/// The right to do what a key stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    route: String,
    key_hash: [u8; 32],
    began_ms: i64,
    new_id: Option<String>,
    is_again: bool,
}

impl Attempt {
    /// The id for what is to be made. An attempt that was lost had the same: if it got so far, there is one of that id.
    #[must_use]
    pub fn new_id(&self) -> Option<&str> {
        self.new_id.as_deref()
    }

    /// Whether an attempt of the same request was lost, and nobody knows how far it got.
    #[must_use]
    pub fn is_again(&self) -> bool {
        self.is_again
    }
}

/// What came of a request; never a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// What was made.
    pub resource_id: Option<String>,
    /// The answer's body, sealed.
    pub body: Option<Sealed>,
}

/// The table of keys.
pub struct Idempotency<'a>(pub(super) &'a Store);

impl Idempotency<'_> {
    /// Whether to do the request that carries `key`. `request_hash` is over everything that makes it that request. Exactly
    /// one of several at once is told to do it, under the id `new_id` or that of an attempt before it.
    pub async fn begin(
        &self,
        client: &ClientId,
        route: &str,
        key: &str,
        request_hash: &[u8; 32],
        new_id: Option<&str>,
        now_ms: i64,
    ) -> Result<Begun, StoreError> {
        // A key is the client's own text, which may be anything: only its hash is kept.
        let key_hash: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        let mut attempt = Attempt {
            route: route.to_owned(),
            key_hash,
            began_ms: now_ms,
            new_id: new_id.map(str::to_owned),
            is_again: false,
        };
        let mut tx = self.0.begin(Durability::Now).await?;
        if tx
            .run(
                BEGIN,
                args![client, route, &key_hash, request_hash, now_ms, new_id],
            )
            .await?
            > 0
        {
            tx.commit().await?;
            return Ok(Begun::Do(attempt));
        }
        let Some(mut row) = tx.one(FIND, args![client, route, &key_hash]).await? else {
            // Abandoned or purged between the two statements.
            return Ok(Begun::InProgress);
        };
        let (first_hash, state) = (row.hash()?, row.text()?);
        let (status, resource_id, body) = (row.int_opt()?, row.text_opt()?, row.sealed_opt()?);
        let began_ms = row.int()?;
        let in_progress = state == "in_progress";
        let age_ms = now_ms - began_ms;
        if age_ms > KEPT_MS || (in_progress && age_ms > LOST_AFTER_MS) {
            if in_progress && first_hash == *request_hash && resource_id.is_some() {
                (attempt.new_id, attempt.is_again) = (resource_id, true);
            }
            let args = args![
                client,
                route,
                &key_hash,
                request_hash,
                now_ms,
                began_ms,
                &attempt.new_id
            ];
            if tx.run(RENEW, args).await? > 0 {
                tx.commit().await?;
                return Ok(Begun::Do(attempt));
            }
            return Ok(Begun::InProgress);
        }
        if first_hash != *request_hash {
            return Ok(Begun::OtherRequest);
        }
        if in_progress {
            return Ok(Begun::InProgress);
        }
        let status = status.and_then(|status| u16::try_from(status).ok());
        let status = status.ok_or(StoreError::Unreadable { what: "a status" })?;
        Ok(Begun::Done(Answer {
            status,
            resource_id,
            body,
        }))
    }

    /// It was done, and this was the answer. Whether the attempt was still the one in force.
    pub async fn finish(
        &self,
        client: &ClientId,
        attempt: &Attempt,
        answer: &Answer,
    ) -> Result<bool, StoreError> {
        let Attempt {
            route,
            key_hash,
            began_ms,
            ..
        } = attempt;
        let status = i64::from(answer.status);
        let args = args![
            client,
            route,
            key_hash,
            *began_ms,
            status,
            &answer.resource_id,
            answer.body.as_ref()
        ];
        Ok(self.0.run(FINISH, args).await? > 0)
    }

    /// It was not done, and nothing came of it: it may be tried again.
    pub async fn abandon(&self, client: &ClientId, attempt: &Attempt) -> Result<(), StoreError> {
        let Attempt {
            route,
            key_hash,
            began_ms,
            ..
        } = attempt;
        self.0
            .run(ABANDON, args![client, route, key_hash, *began_ms])
            .await
            .map(|_| ())
    }
}

pub(super) async fn purge(store: &Store, now_ms: i64) -> Result<u64, StoreError> {
    store.run(PURGE, args![now_ms - KEPT_MS]).await
}
