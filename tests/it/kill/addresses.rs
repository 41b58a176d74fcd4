//! A file is being fetched while the server is killed: the next one fetches it anew, and every row is taken once.

use serde_json::json;

use super::server::{Place, Server};
use crate::contacts::addresses::Shelf;
use crate::stack;
use trunkline::models::ModelSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_fetched_anew_after_the_server_was_killed() {
    let models = stack::models(ModelSet::Default);
    let (place, shelf) = (Place::new(models.root()), Shelf::open().await);
    let mut server = Server::start(&place).await;
    let body = json!({ "url": shelf.url("slow.csv"), "default_country": "DE" });
    let body = body.to_string();
    let import = server
        .send_file("/v1/imports", "application/json", body)
        .await;
    assert_eq!(import["state"], "fetching");
    shelf.until_asked(1).await;
    server.kill();
    let server = Server::start(&place).await;
    shelf.until_asked(2).await;
    shelf.let_go(2);
    let path = format!("/v1/imports/{}", import["id"].as_str().unwrap());
    let done = loop {
        let now = server.json(&path).await;
        if now["ended_at"].is_string() {
            break now;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert_eq!(
        (&done["state"], &done["added"]),
        (&json!("completed"), &json!(2))
    );
    // The command does the same, and tells what there was and what there was not.
    let said = place.import_from(&shelf.url("file.csv"));
    assert!(
        said.contains("completed: 3 rows, 0 added, 0 updated, 2 skipped, 1 failed"),
        "{said}"
    );
    let page = shelf.url("page.csv");
    let told = place.refuses(&["contacts", "import", "--url", &page, "--key", &place.secret]);
    assert!(told.contains("a page for people"), "{told}");
}
