//! Who agreed to be called for what, and who took it back: a ledger to which rows are added and from which none is taken.

use super::page::rows_asked;
use super::sql::{Columns, Tx, args, statements, words};
use super::{Cursor, Durability, Page, Sealed, Store, StoreError};
use crate::ids::ClientId;

macro_rules! columns {
    () => {
        "id, subject_id, form, purposes, source, at_ms, expires_ms, recorded_ms, call_id, evidence"
    };
}

/// Most entries of one number: more are refused, so that none is ever passed over in a decision.
const ENTRIES_MAX: i64 = 1_000;
/// Most entries of one number when a consent comes; the rest is kept for withdrawals.
const GIVEN_MAX: i64 = 500;

statements! {
    COUNT = "SELECT COUNT(*) FROM call_consents WHERE client_id = $1 AND number_index = $2";
    COUNT_OF = "SELECT COUNT(*) FROM call_consents WHERE client_id = $1
        AND number_index = (SELECT number_index FROM call_consents WHERE client_id = $1 AND id = $2)";
    NUMBER = "SELECT number_index FROM call_consents WHERE client_id = $1 AND id = $2";
    ADD = "INSERT INTO call_consents (client_id, id, number_index, subject_id, form, purposes, source, at_ms, expires_ms, recorded_ms,
            call_id, evidence)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        ON CONFLICT (client_id, id) DO NOTHING";
    AGAIN = "INSERT INTO call_consents (client_id, id, number_index, subject_id, form, purposes, source, at_ms, expires_ms, recorded_ms,
            call_id, evidence)
        SELECT client_id, $3, number_index, subject_id, NULL, $4, $5, $6, NULL, $7, NULL, $8
            FROM call_consents WHERE client_id = $1 AND id = $2
        ON CONFLICT (client_id, id) DO NOTHING";
    FIND = concat!("SELECT ", columns!(), " FROM call_consents WHERE client_id = $1 AND id = $2");
    LEDGER = concat!("SELECT ", columns!(), " FROM call_consents
        WHERE client_id = $1 AND number_index = $2 AND recorded_ms <= $3 ORDER BY recorded_ms, id LIMIT $4");
    LIST = concat!("SELECT ", columns!(), " FROM call_consents
        WHERE client_id = $1 AND (recorded_ms, id) < ($2, $3) ORDER BY recorded_ms DESC, id DESC LIMIT $4");
    LIST_OF = concat!("SELECT ", columns!(), " FROM call_consents
        WHERE client_id = $1 AND number_index = $5 AND recorded_ms <= $6 AND (recorded_ms, id) < ($2, $3)
        ORDER BY recorded_ms DESC, id DESC LIMIT $4");
}

words! {
    /// In which form somebody agreed.
    ConsentForm {
        /// By word or deed.
        Express = "express",
        /// In writing, signed.
        Written = "written",
    }
}

/// One entry of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallConsent {
    /// `cns_…`.
    pub id: String,
    /// Whose it is, as the vault knows them.
    pub subject_id: String,
    /// In which form they agreed; `None` is a withdrawal.
    pub form: Option<ConsentForm>,
    /// What it is about, by names of [`trunkline_core::policy::Purpose`].
    pub purposes: Vec<String>,
    /// Where it came from, in stable snake_case.
    pub source: String,
    /// When it was said, ms since 1970.
    pub at_ms: i64,
    /// It does not hold any more then, ms since 1970.
    pub expires_ms: Option<i64>,
    /// When it came to this server, ms since 1970.
    pub recorded_ms: i64,
    /// The call in which it was said, or for which it was told.
    pub call_id: Option<String>,
    /// What proves it, sealed under the subject's key.
    pub evidence: Option<Sealed>,
}

/// A withdrawal of what an entry says.
#[derive(Clone, Debug)]
pub struct NewWithdrawal {
    /// `cns_…`.
    pub id: String,
    /// What is taken back.
    pub purposes: Vec<String>,
    /// Where it came from, in stable snake_case.
    pub source: String,
    /// When it was said, ms since 1970.
    pub at_ms: i64,
    /// Now, ms since 1970.
    pub recorded_ms: i64,
    /// What proves it, sealed under the subject's key.
    pub evidence: Option<Sealed>,
}

fn read(mut row: Columns) -> Result<CallConsent, StoreError> {
    Ok(CallConsent {
        id: row.text()?,
        subject_id: row.text()?,
        form: row.word_opt("a form of consent", ConsentForm::parse)?,
        purposes: row.text()?.split_whitespace().map(str::to_owned).collect(),
        source: row.text()?,
        at_ms: row.int()?,
        expires_ms: row.int_opt()?,
        recorded_ms: row.int()?,
        call_id: row.text_opt()?,
        evidence: row.sealed_opt()?,
    })
}

/// The ledger of consents to calls.
pub struct CallConsents<'a>(pub(super) &'a Store);

impl CallConsents<'_> {
    /// Adds an entry for a number, by its keyed hash: on the disk when this returns. False if the number has as many as it may
    /// have; an entry that is there already stays as it is.
    pub async fn add(
        &self,
        client: &ClientId,
        hash: &[u8; 32],
        new: &CallConsent,
    ) -> Result<bool, StoreError> {
        let mut tx = self.0.begin(Durability::Now).await?;
        if new.form.is_none() {
            tx.alone(hash).await?;
        }
        let count = tx.one(COUNT, args![client, hash]).await?;
        let count = count.map(|mut row| row.int()).transpose()?.unwrap_or(0);
        let most = match new.form {
            Some(_) => GIVEN_MAX,
            None => ENTRIES_MAX,
        };
        if count >= most {
            return Ok(false);
        }
        let purposes = new.purposes.join(" ");
        let args = args![
            client,
            &new.id,
            hash,
            &new.subject_id,
            new.form,
            purposes.as_str(),
            &new.source,
            new.at_ms,
            new.expires_ms,
            new.recorded_ms,
            &new.call_id,
            new.evidence.as_ref(),
        ];
        tx.run(ADD, args).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Adds the withdrawal of what an entry says: on the disk when this returns. False as of [`Self::add`].
    pub async fn withdraw(
        &self,
        client: &ClientId,
        of: &str,
        new: &NewWithdrawal,
    ) -> Result<bool, StoreError> {
        let purposes = new.purposes.join(" ");
        let args = args![
            client,
            of,
            &new.id,
            purposes.as_str(),
            &new.source,
            new.at_ms,
            new.recorded_ms,
            new.evidence.as_ref(),
        ];
        let mut tx = self.0.begin(Durability::Now).await?;
        if let Some(mut row) = tx.one(NUMBER, args![client, of]).await? {
            tx.alone(&row.hash()?).await?;
        }
        let count = tx.one(COUNT_OF, args![client, of]).await?;
        if count.map(|mut row| row.int()).transpose()?.unwrap_or(0) >= ENTRIES_MAX {
            return Ok(false);
        }
        tx.run(AGAIN, args).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// One entry.
    pub async fn find(
        &self,
        client: &ClientId,
        id: &str,
    ) -> Result<Option<CallConsent>, StoreError> {
        let row = self.0.one(FIND, args![client, id]).await?;
        row.map(read).transpose()
    }

    /// Everything that was known of a number at a moment, ms since 1970, the oldest first.
    pub async fn ledger(
        &self,
        client: &ClientId,
        hash: &[u8; 32],
        known_ms: i64,
    ) -> Result<Vec<CallConsent>, StoreError> {
        let args = args![client, hash, known_ms, ENTRIES_MAX];
        self.0.all(LEDGER, args, read).await
    }

    /// Entries of the client, the newest first; of one number, and as they were known at a moment, if both are given.
    pub async fn list(
        &self,
        client: &ClientId,
        of: Option<(&[u8; 32], i64)>,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<CallConsent>, StoreError> {
        let (recorded_ms, id) = Cursor::start(after);
        let mut args = args![client, recorded_ms, id, rows_asked(limit)];
        let sql = match of {
            None => LIST,
            Some((hash, known_ms)) => {
                args.push(hash.into());
                args.push(known_ms.into());
                LIST_OF
            }
        };
        let rows = self.0.all(sql, args, read).await?;
        Ok(Page::of(rows, limit, |entry| Cursor {
            created_ms: entry.recorded_ms,
            id: entry.id.clone(),
        }))
    }
}

/// The whole ledger of a number, in a transaction during which nothing of it is taken back.
pub(super) async fn ledger_alone(
    tx: &mut Tx,
    client: &ClientId,
    hash: &[u8; 32],
) -> Result<Vec<CallConsent>, StoreError> {
    tx.alone(hash).await?;
    let args = args![client, hash, i64::MAX, ENTRIES_MAX];
    tx.all(LEDGER, args, read).await
}
