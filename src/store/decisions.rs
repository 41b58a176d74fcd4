//! Calls that were asked for and not allowed. Those that were allowed are attempts, which keep why by themselves.

use super::page::rows_asked;
use super::sql::{Columns, args, statements, words};
use super::{Cursor, Page, Sealed, Store, StoreError};
use crate::ids::ClientId;

macro_rules! columns {
    () => {
        "id, subject_id, about, object_id, verdict, codes, rules, again_ms, made_ms, trace"
    };
}

statements! {
    ADD = "INSERT INTO decisions
            (client_id, id, number_index, subject_id, about, object_id, verdict, codes, rules, again_ms, made_ms, trace)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    FIND = concat!("SELECT ", columns!(), " FROM decisions WHERE client_id = $1 AND id = $2");
    LIST = concat!("SELECT ", columns!(), " FROM decisions
        WHERE client_id = $1 AND (made_ms, id) < ($2, $3) ORDER BY made_ms DESC, id DESC LIMIT $4");
    LIST_OF = concat!("SELECT ", columns!(), " FROM decisions
        WHERE client_id = $1 AND number_index = $5 AND (made_ms, id) < ($2, $3) ORDER BY made_ms DESC, id DESC LIMIT $4");
}

words! {
    /// What was asked for.
    DecisionAbout {
        /// A call, at once.
        Call = "call",
        /// A callback: when it was scheduled, or when its time came.
        Callback = "callback",
    }
}

words! {
    /// What was said to it.
    DecisionVerdict {
        /// Not before a moment.
        Defer = "defer",
        /// No.
        Deny = "deny",
    }
}

/// A call that was not allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// `dec_…`.
    pub id: String,
    /// Who was to be called, as the vault knows them.
    pub subject_id: String,
    /// What was asked for.
    pub about: DecisionAbout,
    /// The id that it had or would have had, as `call_…` or `cb_…`.
    pub object_id: String,
    /// What was said to it.
    pub verdict: DecisionVerdict,
    /// Why, by names of [`trunkline_core::policy::Code`].
    pub codes: Vec<String>,
    /// Id and checksum of the pack of hours.
    pub rules: String,
    /// When it would be asked again, ms since 1970.
    pub again_ms: Option<i64>,
    /// When, ms since 1970.
    pub made_ms: i64,
    /// How it was decided, sealed under the subject's key.
    pub trace: Sealed,
}

fn read(mut row: Columns) -> Result<Decision, StoreError> {
    Ok(Decision {
        id: row.text()?,
        subject_id: row.text()?,
        about: row.word("what was asked for", DecisionAbout::parse)?,
        object_id: row.text()?,
        verdict: row.word("a verdict", DecisionVerdict::parse)?,
        codes: row.text()?.split_whitespace().map(str::to_owned).collect(),
        rules: row.text()?,
        again_ms: row.int_opt()?,
        made_ms: row.int()?,
        trace: row.sealed()?,
    })
}

/// The table of calls that were not allowed.
pub struct Decisions<'a>(pub(super) &'a Store);

impl Decisions<'_> {
    /// Keeps a decision about a number, by its keyed hash.
    pub async fn add(
        &self,
        client: &ClientId,
        hash: &[u8; 32],
        new: &Decision,
    ) -> Result<(), StoreError> {
        let codes = new.codes.join(" ");
        let args = args![
            client,
            &new.id,
            hash,
            &new.subject_id,
            new.about,
            &new.object_id,
            new.verdict,
            codes.as_str(),
            &new.rules,
            new.again_ms,
            new.made_ms,
            &new.trace
        ];
        self.0.run(ADD, args).await.map(|_| ())
    }

    /// A decision of a client's.
    pub async fn find(&self, client: &ClientId, id: &str) -> Result<Option<Decision>, StoreError> {
        let row = self.0.one(FIND, args![client, id]).await?;
        row.map(read).transpose()
    }

    /// A client's decisions, the newest first; those about one number, if its keyed hash is given.
    pub async fn list(
        &self,
        client: &ClientId,
        hash: Option<&[u8; 32]>,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<Decision>, StoreError> {
        let (made_ms, id) = Cursor::start(after);
        let mut args = args![client, made_ms, id, rows_asked(limit)];
        let sql = match hash {
            None => LIST,
            Some(hash) => {
                args.extend(args![hash]);
                LIST_OF
            }
        };
        let rows = self.0.all(sql, args, read).await?;
        Ok(Page::of(rows, limit, |decision| Cursor {
            created_ms: decision.made_ms,
            id: decision.id.clone(),
        }))
    }
}
