//! Lists of numbers and the line that people call to be called no more: whatever is confirmed is on the disk.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use trunkline_core::wire::twilio::form::{Form, encode};
use trunkline_core::wire::twilio::signature::{Algorithm, SIGNATURE_HEADER, sign};

use super::server::{Place, Server};
use super::{Moments, asked};
use crate::stack;
use trunkline::models::ModelSet;

const ROWS_USUAL: u64 = 20_000;
const KILLS: u32 = 3;
const TOKEN: &str = "f0e1d2c3b4a5968778695a4b3c2d1e0f";
const LINE: &str = "+15005550006";

/// `OPT_OUTS=1000000` reads more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_number_of_a_list_is_taken_once_however_often_the_server_is_killed() {
    let models = stack::models(ModelSet::Default);
    let rows = asked("OPT_OUTS").unwrap_or(ROWS_USUAL);
    let seed = asked("KILL_SEED").unwrap_or_else(|| u64::from(std::process::id()) * 0x9E37_79B9);
    println!("OPT_OUTS={rows} KILL_SEED={seed}");
    let mut moments = Moments(seed | 1);
    let place = Place::new(models.root());
    let mut server = Server::start(&place).await;
    let mut file = String::new();
    for n in 0..rows {
        writeln!(file, "+1555{n:07}").unwrap();
    }
    let import = server
        .send_file("/v1/suppressions/import", "text/plain", file)
        .await;
    let path = format!("/v1/imports/{}", import["id"].as_str().unwrap());
    let mut kills = 0;
    let done = loop {
        let now = server.json(&path).await;
        if now["state"] == "completed" {
            break now;
        }
        assert!(now["state"] != "failed", "{now}");
        let read = now["rows"].as_u64().unwrap();
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
    let count = |name: &str| done[name].as_u64();
    assert_eq!((count("rows"), count("added")), (Some(rows), Some(rows)));
    assert_eq!((count("failed"), count("skipped")), (Some(0), Some(0)));
    let table = server.bytes("/v1/suppressions/export").await;
    let table = String::from_utf8(table).unwrap();
    assert_eq!(table.lines().count() as u64, rows + 1);
    let numbers: Vec<String> = (0..1_000).map(|n| format!("+1555{n:07}")).collect();
    let body = json!({ "numbers": numbers });
    let found = server.post("/v1/suppressions/check-many", &body).await;
    assert_eq!(found["suppressed"].as_array().unwrap().len(), 1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_heard_that_they_are_called_no_more_is_suppressed_though_the_server_was_killed_then()
 {
    let models = stack::models(ModelSet::Default);
    let place = Place::new(models.root());
    let mut server = Server::start(&place).await;
    let account = json!({
        "carrier": "twilio", "name": "Main", "secret": TOKEN,
        "settings": { "account_sid": "AC0123456789abcdef0123456789abcdef" },
    });
    let account = server.post("/v1/carrier-accounts", &account).await;
    let account = account["id"].as_str().unwrap();
    let number = json!({ "number": LINE, "carrier_account_id": account, "opt_out_line": true });
    server.post("/v1/numbers", &number).await;
    let url = format!("http://{}/webhooks/twilio/{account}/voice", place.address);
    for n in 0..KILLS {
        let caller = format!("+1415555010{n}");
        let pairs = [
            ("CallSid", "CAfedcba9876543210fedcba9876543210"),
            ("AccountSid", "AC0123456789abcdef0123456789abcdef"),
            ("From", caller.as_str()),
            ("To", LINE),
            ("Direction", "inbound"),
        ];
        let body = encode(pairs.iter().copied());
        let form = Form::parse(body.as_bytes()).unwrap();
        let signature = sign(TOKEN, Algorithm::Sha1, &url, &form);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = http
            .post(&url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header(SIGNATURE_HEADER, signature)
            .body(body);
        let words = request.send().await.unwrap().text().await.unwrap();
        server.kill();
        assert!(words.contains("Oak will not call you again."), "{words}");
        server = Server::start(&place).await;
        let body = json!({ "number": caller });
        let found = server.post("/v1/suppressions/check", &body).await;
        assert_eq!(found["suppressed"], true, "{found}");
        assert_eq!(found["suppression"]["source"], "opt_out_line");
        // The event stands with it.
        let events = server.json("/v1/events?limit=100").await;
        let id = &found["suppression"]["id"];
        let mut told = events["data"].as_array().unwrap().iter();
        let is_told = |event: &Value| event["data"]["id"] == *id;
        assert!(told.any(is_told), "{id}: {events}");
    }
}
