//! One SQL text on two databases: values in, rows out, transactions.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Postgres, Row as _, Sqlite, Transaction};

use super::{Sealed, StoreError};

/// Declares the statements of a file, and the list from which the tests prepare each on both databases.
macro_rules! statements {
    ($($(#[$meta:meta])* $name:ident = $sql:expr;)+) => {
        $($(#[$meta])* const $name: &str = $sql;)+
        /// Every statement of this file, by name.
        pub(in crate::store) const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $name)),+];
    };
}
pub(super) use statements;

/// The values of a statement, in the order of its `$1`, `$2`, ….
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::sql::Arg::from($value)),*] };
}
pub(super) use args;

/// An enum that is a word in the database and in the API.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_meta])* $variant,)+ }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word for it, in stable snake_case.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// Reads the word; `None` for any other text.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl From<$name> for $crate::store::sql::Arg {
            fn from(value: $name) -> Self { value.as_str().into() }
        }

        impl From<Option<$name>> for $crate::store::sql::Arg {
            fn from(value: Option<$name>) -> Self { value.map($name::as_str).into() }
        }
    };
}
pub(super) use words;

/// One value of a statement.
#[derive(Clone)]
pub(super) enum Arg {
    Text(Option<String>),
    Int(Option<i64>),
    Bytes(Option<Vec<u8>>),
}

impl From<&str> for Arg {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}
impl From<Option<&str>> for Arg {
    fn from(value: Option<&str>) -> Self {
        Self::Text(value.map(str::to_owned))
    }
}
impl From<&String> for Arg {
    fn from(value: &String) -> Self {
        Self::Text(Some(value.clone()))
    }
}
impl From<&Option<String>> for Arg {
    fn from(value: &Option<String>) -> Self {
        Self::Text(value.clone())
    }
}
impl From<&crate::ids::ClientId> for Arg {
    fn from(value: &crate::ids::ClientId) -> Self {
        value.as_str().into()
    }
}
impl From<i64> for Arg {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}
impl From<Option<i64>> for Arg {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}
impl From<u32> for Arg {
    fn from(value: u32) -> Self {
        Self::Int(Some(value.into()))
    }
}
impl From<u64> for Arg {
    /// Times and sequence numbers of a call never come near 2⁶³.
    fn from(value: u64) -> Self {
        Self::Int(Some(i64::try_from(value).unwrap_or(i64::MAX)))
    }
}
impl From<bool> for Arg {
    fn from(value: bool) -> Self {
        Self::Int(Some(value.into()))
    }
}
impl From<&Sealed> for Arg {
    fn from(value: &Sealed) -> Self {
        Self::Bytes(Some(value.0.clone()))
    }
}
impl From<Option<&Sealed>> for Arg {
    fn from(value: Option<&Sealed>) -> Self {
        Self::Bytes(value.map(|sealed| sealed.0.clone()))
    }
}
impl From<&[u8; 32]> for Arg {
    fn from(value: &[u8; 32]) -> Self {
        Self::Bytes(Some(value.to_vec()))
    }
}
impl From<Option<&[u8; 32]>> for Arg {
    fn from(value: Option<&[u8; 32]>) -> Self {
        Self::Bytes(value.map(|hash| hash.to_vec()))
    }
}

macro_rules! query {
    ($sql:expr, $args:expr) => {{
        let mut query = sqlx::query($sql);
        for arg in $args {
            query = match arg {
                Arg::Text(text) => query.bind(text),
                Arg::Int(int) => query.bind(int),
                Arg::Bytes(bytes) => query.bind(bytes),
            };
        }
        query
    }};
}
pub(super) use query;

/// A row of either database.
pub(super) enum Record {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// Reads a row's columns from left to right.
pub(super) struct Columns {
    row: Record,
    next: usize,
}

macro_rules! column {
    ($self:ident, $type:ty) => {{
        let at = $self.next;
        $self.next += 1;
        match &$self.row {
            Record::Sqlite(row) => row.try_get_unchecked::<$type, _>(at),
            Record::Postgres(row) => row.try_get_unchecked::<$type, _>(at),
        }
        .map_err(StoreError::from)
    }};
}

impl Columns {
    pub(super) fn new(row: Record) -> Self {
        Self { row, next: 0 }
    }

    pub(super) fn text(&mut self) -> Result<String, StoreError> {
        column!(self, String)
    }

    pub(super) fn text_opt(&mut self) -> Result<Option<String>, StoreError> {
        column!(self, Option<String>)
    }

    pub(super) fn int(&mut self) -> Result<i64, StoreError> {
        column!(self, i64)
    }

    pub(super) fn int_opt(&mut self) -> Result<Option<i64>, StoreError> {
        column!(self, Option<i64>)
    }

    pub(super) fn flag(&mut self) -> Result<bool, StoreError> {
        Ok(self.int()? != 0)
    }

    /// A count, a version or a time of a call: never negative.
    pub(super) fn count(&mut self) -> Result<u64, StoreError> {
        let int = self.int()?;
        u64::try_from(int).map_err(|_| StoreError::Unreadable { what: "a count" })
    }

    pub(super) fn version(&mut self) -> Result<u32, StoreError> {
        let int = self.int()?;
        u32::try_from(int).map_err(|_| StoreError::Unreadable { what: "a version" })
    }

    pub(super) fn version_opt(&mut self) -> Result<Option<u32>, StoreError> {
        let version = self.int_opt()?.map(u32::try_from).transpose();
        version.map_err(|_| StoreError::Unreadable { what: "a version" })
    }

    pub(super) fn sealed(&mut self) -> Result<Sealed, StoreError> {
        Ok(Sealed(column!(self, Vec<u8>)?))
    }

    pub(super) fn sealed_opt(&mut self) -> Result<Option<Sealed>, StoreError> {
        Ok(column!(self, Option<Vec<u8>>)?.map(Sealed))
    }

    pub(super) fn hash(&mut self) -> Result<[u8; 32], StoreError> {
        let bytes = column!(self, Vec<u8>)?;
        bytes
            .try_into()
            .map_err(|_| StoreError::Unreadable { what: "a hash" })
    }

    pub(super) fn hash_opt(&mut self) -> Result<Option<[u8; 32]>, StoreError> {
        let bytes: Option<Vec<u8>> = column!(self, Option<Vec<u8>>)?;
        let hash = bytes.map(<[u8; 32]>::try_from).transpose();
        hash.map_err(|_| StoreError::Unreadable { what: "a hash" })
    }

    pub(super) fn client(&mut self) -> Result<crate::ids::ClientId, StoreError> {
        let text = self.text()?;
        crate::ids::ClientId::parse(&text).map_err(|_| StoreError::Unreadable {
            what: "a client's id",
        })
    }

    /// A word of an enum.
    pub(super) fn word<T>(
        &mut self,
        what: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        parse(&self.text()?).ok_or(StoreError::Unreadable { what })
    }

    pub(super) fn word_opt<T>(
        &mut self,
        what: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let Some(text) = self.text_opt()? else {
            return Ok(None);
        };
        parse(&text)
            .map(Some)
            .ok_or(StoreError::Unreadable { what })
    }
}

const ALONE: &str = "SELECT pg_advisory_xact_lock($1)";

/// A transaction that writes. Dropped without [`Tx::commit`], nothing of it happened.
pub(super) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

macro_rules! on {
    ($tx:expr, $connection:ident => $body:expr) => {
        match $tx {
            Tx::Sqlite(tx) => {
                let $connection = &mut **tx;
                $body
            }
            Tx::Postgres(tx) => {
                let $connection = &mut **tx;
                $body
            }
        }
    };
}

impl Tx {
    /// How many rows it changed.
    pub(super) async fn run(
        &mut self,
        sql: &'static str,
        args: Vec<Arg>,
    ) -> Result<u64, StoreError> {
        Ok(on!(self, connection => query!(sql, args).execute(connection).await?.rows_affected()))
    }

    /// The row, if there is one.
    pub(super) async fn one(
        &mut self,
        sql: &'static str,
        args: Vec<Arg>,
    ) -> Result<Option<Columns>, StoreError> {
        let row = match self {
            Tx::Sqlite(tx) => query!(sql, args)
                .fetch_optional(&mut **tx)
                .await?
                .map(Record::Sqlite),
            Tx::Postgres(tx) => query!(sql, args)
                .fetch_optional(&mut **tx)
                .await?
                .map(Record::Postgres),
        };
        Ok(row.map(Columns::new))
    }

    /// All rows, each read by `read`.
    pub(super) async fn all<T>(
        &mut self,
        sql: &'static str,
        args: Vec<Arg>,
        read: impl Fn(Columns) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let rows: Vec<Record> = match self {
            Tx::Sqlite(tx) => {
                let rows = query!(sql, args).fetch_all(&mut **tx).await?;
                rows.into_iter().map(Record::Sqlite).collect()
            }
            Tx::Postgres(tx) => {
                let rows = query!(sql, args).fetch_all(&mut **tx).await?;
                rows.into_iter().map(Record::Postgres).collect()
            }
        };
        rows.into_iter()
            .map(|row| read(Columns::new(row)))
            .collect()
    }

    /// Whoever else would do the same with this key waits until the transaction is over. On SQLite everybody who writes does.
    pub(super) async fn alone(&mut self, key: &[u8; 32]) -> Result<(), StoreError> {
        if let Tx::Postgres(tx) = self {
            let (first, _) = key.split_first_chunk().unwrap_or((&[0; 8], &[]));
            let lock = query!(ALONE, args![i64::from_be_bytes(*first)]);
            lock.execute(&mut **tx).await?;
        }
        Ok(())
    }

    /// Several statements of one text, without values.
    pub(super) async fn script(&mut self, sql: &'static str) -> Result<(), StoreError> {
        on!(self, connection => { sqlx::raw_sql(sql).execute(connection).await?; });
        Ok(())
    }

    /// All of it happens, or an error and nothing of it.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Tx::Sqlite(tx) => tx.commit().await?,
            Tx::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}
