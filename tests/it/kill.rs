//! The server is killed in mid-call, again and again on one data folder, and started anew: what was finished a second
//! before is there, and plays. With the real program, the real speech, real sockets and real time.
//!
//! `KILLS` says how often (3 if it does not), `KILL_SEED` when: each run prints its own.

mod addresses;
mod after;
mod caller;
mod contacts;
mod opt_outs;
mod server;

use std::time::Duration;

use serde_json::json;

use crate::events::library::verify;
use crate::events::receiver::{Does, Receiver};
use crate::stack;
use after::Loss;
use caller::Call;
use server::Server;
use trunkline::models::ModelSet;

const KILLS_USUAL: u32 = 3;
/// From the last caller's consent to the kill, ms: long enough for something of that caller to be kept.
const KILL_MS_MIN: u64 = 1_500;
const KILL_MS_SPAN: u64 = 6_000;

/// A small generator: the same seed, the same moments.
struct Moments(u64);

impl Moments {
    fn next_ms(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a test runs is no configuration of the product"
)]
fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_finished_a_second_before_a_kill_is_there_and_plays() {
    let models = stack::models(ModelSet::Default);
    let kills = asked("KILLS").unwrap_or(u64::from(KILLS_USUAL));
    let seed = asked("KILL_SEED").unwrap_or_else(|| u64::from(std::process::id()) * 0x9E37_79B9);
    println!("KILLS={kills} KILL_SEED={seed}");
    let mut moments = Moments(seed | 1);
    let place = server::Place::new(models.root());
    let mut server = Server::start(&place).await;
    let mut losses: Vec<Loss> = Vec::new();
    let mut before: Vec<(String, Vec<u8>)> = Vec::new();
    for kill in 0..kills {
        let calls = [
            Call::begin(&place, "+442079460123", caller::Consent::Stays, kill).await,
            Call::begin(&place, "+15550100123", caller::Consent::SaysYes, kill).await,
            Call::begin(&place, "+15550100177", caller::Consent::PressesYes, kill).await,
        ];
        let mut kept = Vec::new();
        for call in calls {
            if server.until_decided(&call.id).await {
                kept.push(call);
                continue;
            }
            assert_eq!(call.consent(), caller::Consent::SaysYes);
            println!("kill {kill}: a yes was not understood; that call is left out");
            call.hangs_up().await;
        }
        let wait_ms = KILL_MS_MIN + moments.next_ms(KILL_MS_SPAN);
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        server.kill();
        let mut records = Vec::new();
        for call in kept {
            records.push(call.over().await);
        }
        server = Server::start(&place).await;
        for record in &records {
            let (loss, recording) = after::check(&server, record).await;
            println!("kill {kill} after {wait_ms} ms: {loss}");
            losses.push(loss);
            before.push((record.id.clone(), recording));
        }
    }
    // Nothing that was stored before is lost by any later kill.
    for (id, recording) in &before {
        let path = format!("/v1/calls/{id}/recording");
        assert!(server.bytes(&path).await == *recording, "{id} changed");
    }
    let second = place.refuses(&["serve", "--listen", "127.0.0.1:0"]);
    let holder = format!("another server (process {})", server.process_id());
    assert!(second.contains(&holder), "{second}");
    place
        .sql("ALTER TABLE migrations RENAME TO elsewhere")
        .await;
    let broken = (503, "the store does not work\n".to_owned());
    assert_eq!(server.state("/readyz").await, broken);
    assert_eq!(server.state("/healthz").await, (200, "ok\n".to_owned()));
    place
        .sql("ALTER TABLE elsewhere RENAME TO migrations")
        .await;
    assert_eq!(server.state("/readyz").await.0, 200);
    let call = Call::begin(&place, "+442079460123", caller::Consent::Stays, kills).await;
    call.hangs_up().await;
    println!("{}", after::Figures(&losses));
    println!("starts took {:?}", server.starts());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_opted_out_before_a_kill_is_called_no_more_and_their_client_is_told() {
    const FROM: &str = "+15550100188";
    let models = stack::models(ModelSet::Default);
    let place = server::Place::new(models.root());
    let mut server = Server::start(&place).await;
    // It is away until the server is killed, so that nothing arrives before.
    let receiver = Receiver::open(Does::Answers(503)).await;
    let new = json!({ "url": receiver.url, "events": ["call.opt_out", "suppression.created"] });
    let endpoint = server.post("/v1/webhook-endpoints", &new).await;
    let (call_id, carrier) = caller::opts_out(&place, FROM).await;
    server.kill();
    receiver.now(Does::Takes);
    drop(carrier);
    let server = Server::start(&place).await;
    let question = json!({ "number": FROM });
    let answer = server.post("/v1/suppressions/check", &question).await;
    assert_eq!(answer["suppressed"], true, "{answer}");
    assert_eq!(answer["suppression"]["call_id"], call_id.as_str());
    receiver.until_taken(2).await;
    let taken = receiver.taken();
    let mut kinds: Vec<_> = taken.iter().map(|one| one.kind()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["call.opt_out", "suppression.created"]);
    let about = taken
        .iter()
        .find(|one| one.kind() == "call.opt_out")
        .unwrap();
    assert_eq!(about.json()["data"]["id"], call_id.as_str());
    let secret = endpoint["secret"].as_str().unwrap().to_owned();
    let said = tokio::task::spawn_blocking(move || {
        let told: Vec<_> = taken.iter().map(|one| (secret.as_str(), one)).collect();
        verify(&told)
    });
    let mut said = said.await.unwrap();
    said.sort_unstable();
    assert_eq!(said, kinds);
    drop(server);
    // Killed once more, and started once more: nothing is told twice.
    let server = Server::start(&place).await;
    let call = server.json(&format!("/v1/calls/{call_id}")).await;
    assert_eq!(call["status"], "ended", "{call}");
    let page = server.json("/v1/events?types=call.opt_out").await;
    assert_eq!(page["data"].as_array().unwrap().len(), 1, "{page}");
    assert_eq!(receiver.taken().len(), 2);
}
