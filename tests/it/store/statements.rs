//! Every statement is understood by both databases and reads through an index.

use sqlx::{Executor as _, Row as _, SqlSafeStr as _, Statement as _};
use trunkline::store::statements;

use super::bench::{Bench, Raw};

super::on_both!(
    every_statement_can_be_prepared,
    no_statement_reads_a_whole_table,
    lists_of_calls_use_their_index
);

async fn every_statement_can_be_prepared(bench: Bench) {
    let statements = statements();
    assert!(statements.len() > 80, "{}", statements.len());
    let mut raw = bench.raw().await;
    for (name, sql) in statements {
        let values = match &mut raw {
            Raw::Sqlite(connection) => {
                let statement = connection.prepare(sql.into_sql_str()).await;
                count(
                    statement
                        .unwrap_or_else(|error| panic!("{name}: {error}"))
                        .parameters(),
                )
            }
            Raw::Postgres(connection) => {
                let statement = connection.prepare(sql.into_sql_str()).await;
                count(
                    statement
                        .unwrap_or_else(|error| panic!("{name}: {error}"))
                        .parameters(),
                )
            }
        };
        assert_eq!(values, values_named(sql), "{name}");
    }
}

fn count<T>(parameters: Option<sqlx::Either<&[T], usize>>) -> usize {
    match parameters {
        Some(sqlx::Either::Left(types)) => types.len(),
        Some(sqlx::Either::Right(count)) => count,
        None => 0,
    }
}

/// The highest `$n`.
fn values_named(sql: &str) -> usize {
    let numbers = sql.split('$').skip(1).map(|rest| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        rest[..digits].parse().unwrap()
    });
    numbers.max().unwrap_or(0)
}

/// The lines of the database's plan for a statement whatever its values are.
async fn plan(raw: &mut Raw, sql: &'static str) -> Vec<String> {
    match raw {
        Raw::Sqlite(connection) => {
            let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
            let rows = sqlx::query(explain).fetch_all(connection).await.unwrap();
            rows.iter()
                .map(|row| row.get::<String, _>("detail"))
                .collect()
        }
        Raw::Postgres(connection) => {
            // Tables are empty here: what is left is whether an index could be used at all.
            let settings =
                "SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off;
                SET plan_cache_mode = force_generic_plan; DEALLOCATE ALL";
            connection.execute(sqlx::raw_sql(settings)).await.unwrap();
            let prepare = sqlx::AssertSqlSafe(format!("PREPARE looked_at AS {sql}"));
            connection.execute(sqlx::raw_sql(prepare)).await.unwrap();
            let nulls = vec!["NULL"; values_named(sql)].join(", ");
            let values = if nulls.is_empty() {
                nulls
            } else {
                format!("({nulls})")
            };
            let explain =
                sqlx::AssertSqlSafe(format!("EXPLAIN (COSTS OFF) EXECUTE looked_at{values}"));
            let rows = connection.fetch_all(sqlx::raw_sql(explain)).await.unwrap();
            rows.iter().map(|row| row.get::<String, _>(0)).collect()
        }
    }
}

async fn no_statement_reads_a_whole_table(bench: Bench) {
    let mut raw = bench.raw().await;
    for (name, sql) in statements() {
        // It counts the handful of steps of the schema.
        if name == "system.READY" {
            continue;
        }
        for line in plan(&mut raw, sql).await {
            let whole = match raw {
                Raw::Sqlite(_) => {
                    let own = ["INDEX", "VALUES CLAUSE"]
                        .iter()
                        .any(|of| line.contains(of));
                    line.starts_with("SCAN") && !own
                }
                Raw::Postgres(_) => line.contains("Seq Scan"),
            };
            assert!(!whole, "{name}: {line}");
            let sorts = line.contains("TEMP B-TREE") || line.trim_start().starts_with("Sort");
            // Of the operator's defaults there is a handful.
            assert!(!sorts || name == "providers.DEFAULT_LIST", "{name}: {line}");
        }
    }
}

async fn lists_of_calls_use_their_index(bench: Bench) {
    let mut raw = bench.raw().await;
    let mut lists = 0;
    for (name, sql) in statements() {
        let Some(lead) = name.strip_prefix("calls::list.BY_") else {
            continue;
        };
        lists += 1;
        let index = format!("calls_by_{}", lead.to_lowercase());
        let plan = plan(&mut raw, sql).await.join("\n");
        let uses = match raw {
            Raw::Sqlite(_) => format!("USING INDEX {index} (client_id=?"),
            Raw::Postgres(_) => format!("using {index} on calls"),
        };
        assert!(plan.contains(&uses), "{name} should use {index}:\n{plan}");
        if matches!(raw, Raw::Sqlite(_)) {
            assert!(plan.contains("(created_ms,id)<(?,?)"), "{name}:\n{plan}");
        }
    }
    assert_eq!(lists, 11);
}
