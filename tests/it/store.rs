//! The store: the same tests on SQLite and on PostgreSQL, two clients in each.

mod after;
mod attempts;
mod bench;
mod call_consents;
mod callbacks;
mod calls;
mod clients;
mod complaints;
mod contacts;
mod entries;
mod fetches;
mod hooks;
mod kept;
mod knowledge;
mod opening;
mod outbox;
mod registries;
mod rows;
mod rules;
mod setup;
mod sources;
mod speed;
mod standing;
mod statements;
mod suppressions;
mod transfers;
mod versions;

/// Each function once on either database.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::store::bench::Bench::sqlite().await).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                if let Some(bench) = $crate::store::bench::Bench::postgres().await {
                    super::$name(bench).await;
                }
            })+
        }
    };
}
use on_both;
