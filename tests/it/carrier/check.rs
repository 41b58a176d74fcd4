//! `trunkline carrier check` against a carrier.

use std::process::Output;

use serde_json::json;

use super::rig::{BARE_NUMBER, NUMBER, Town};
use crate::api::rig::id;

async fn check(town: &Town, public_url: &str, base: &str) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("trunkline.toml");
    let data = town.api.data();
    let text = format!(
        "data = {data:?}\npublic_url = \"{public_url}\"\n[carriers]\ntwilio_base_url = \"{base}\"\n"
    );
    std::fs::write(&config, text).unwrap();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_trunkline"));
    let client = town.who.client.as_str();
    command.arg("--config").arg(&config);
    command.args(["carrier", "check", "--client", client]);
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.success(), text(stdout) + &text(stderr))
}

#[tokio::test]
async fn what_is_wrong_is_said_with_its_remedy() {
    let town = Town::found().await;
    let base = town.carrier.base_url();
    let (is_fine, said) = check(&town, "wss://trunkline.test", &base).await;
    assert!(!is_fine && said.contains("1 thing to mend"), "{said}");
    assert!(
        said.contains(&format!("WRONG  {BARE_NUMBER}: nobody answers it")),
        "{said}"
    );
    assert!(
        said.contains(&format!("ok     {NUMBER}: its calls come here")),
        "{said}"
    );
    let listed = town.api.get(&town.who, "/v1/numbers").await.fine();
    let bare = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .find(|number| number["number"] == BARE_NUMBER);
    let path = format!("/v1/numbers/{}", id(bare.unwrap()));
    town.api
        .patch(&town.who, &path, &json!({ "agent_id": town.agent_id }))
        .await
        .fine();
    let (is_fine, said) = check(&town, "wss://trunkline.test", &base).await;
    assert!(is_fine, "{said}");
    // The carrier was told another name than the server has now, and not one that carriers use.
    let (is_fine, said) = check(&town, "ws://other.test", &base).await;
    assert!(!is_fine && said.contains("5 things to mend"), "{said}");
    assert!(said.contains("set public_url to wss://"), "{said}");
    assert!(
        said.contains("set the voice webhook to http://other.test/webhooks/twilio/carr_"),
        "{said}"
    );
    let (is_fine, said) = check(&town, "wss://trunkline.test", "http://127.0.0.1:9").await;
    assert!(!is_fine && said.contains("does not answer"), "{said}");
    let account = format!("/v1/carrier-accounts/{}", town.carrier_id);
    let change = json!({ "secret": "00000000000000000000000000000001" });
    town.api.patch(&town.who, &account, &change).await.fine();
    let (is_fine, said) = check(&town, "wss://trunkline.test", &base).await;
    assert!(
        !is_fine && said.contains("auth token") && said.contains("20003"),
        "{said}"
    );
    assert!(!said.contains("00000000000000000000000000000001"), "{said}");
}
