//! A file is being read in while the server is killed: every row is taken once.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use super::server::{Place, Server};
use super::{Moments, asked};
use crate::stack;
use trunkline::models::ModelSet;

const ROWS_USUAL: u64 = 20_000;
const KILLS: u32 = 3;

/// `CONTACTS=1000000` reads more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_of_an_import_is_taken_once_however_often_the_server_is_killed() {
    let models = stack::models(ModelSet::Default);
    let rows = asked("CONTACTS").unwrap_or(ROWS_USUAL);
    let seed = asked("KILL_SEED").unwrap_or_else(|| u64::from(std::process::id()) * 0x9E37_79B9);
    println!("CONTACTS={rows} KILL_SEED={seed}");
    let mut moments = Moments(seed | 1);
    let place = Place::new(models.root());
    let mut server = Server::start(&place).await;
    let mut file = String::from("phone_number,external_id,first_name\n");
    for n in 0..rows {
        writeln!(file, "+1555{n:07},crm-{n},Name{n}").unwrap();
    }
    let import = server.send_file("/v1/imports", "text/csv", file).await;
    let path = format!("/v1/imports/{}", import["id"].as_str().unwrap());
    let mut kills = 0;
    let done = loop {
        let now = server.json(&path).await;
        if now["state"] == "completed" {
            break now;
        }
        assert!(now["state"] != "failed", "{now}");
        let read = now["rows"].as_u64().unwrap();
        // In each third of the file once.
        if kills < KILLS && read > u64::from(kills) * rows / u64::from(KILLS) {
            tokio::time::sleep(Duration::from_millis(moments.next_ms(300))).await;
            server.kill();
            println!("killed behind row {read}");
            kills += 1;
            server = Server::start(&place).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(kills, KILLS, "it was too quick to be killed: {done}");
    assert_eq!(
        (done["rows"].as_u64(), done["added"].as_u64()),
        (Some(rows), Some(rows))
    );
    assert_eq!((&done["failed"], &done["skipped"]), (&0.into(), &0.into()));
    let table = server.bytes("/v1/contacts/export?format=jsonl").await;
    let table = String::from_utf8(table).unwrap();
    let ids: Vec<String> = table
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["external_id"].to_string()
        })
        .collect();
    assert_eq!(ids.len() as u64, rows);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len() as u64, rows);
    let told = place.explain("+15550000000");
    assert!(
        told.starts_with("no (deny)\n  ") && told.contains("destination_not_allowed"),
        "{told}"
    );
    assert!(
        told.contains("packs of rules:\n  callserver/calling-hours/1+"),
        "{told}"
    );
    let said = place.import("phone\n+15550000000\n+15559990000\nnonsense\n");
    assert!(
        said.contains("completed: 3 rows, 1 added, 0 updated, 1 skipped, 1 failed"),
        "{said}"
    );
}
