//! What was uploaded is read, found with its place, replaced and removed; and what was left half done is done.

use serde_json::json;
use trunkline::clock;

use super::files::PRACTICE;
use super::{DOCUMENTS, add, document, house, search, settings};
use crate::api::rig::{Api, agent};

const HOURS: &str = "# Oak Street Dental\n\n## Opening hours\n\nWe are open from nine to five on weekdays.\n\n\
    ## Cancellations\n\nAn appointment can be cancelled without charge until the day before.\n";
const PRICES: &str =
    "treatment,price\nFilling,90 dollars\nCleaning,75 dollars\nBleaching,310 dollars\n";

#[tokio::test]
async fn documents_of_every_kind_are_found_with_their_places() {
    let (api, who) = house(None).await;
    let hours = add(&api, &who, "Hours", HOURS).await;
    let prices = add(&api, &who, "Prices", PRICES).await;
    let practice = add(&api, &who, "Our%20practice", PRACTICE).await;
    let note = add(
        &api,
        &who,
        "Note",
        "Doctor Weller is on holiday until Easter.",
    )
    .await;
    let all = [hours.as_str(), &prices, &practice, &note];
    assert!(
        search(&api, &who, &all, "When are you open?")
            .await
            .is_empty()
    );
    assert_eq!(api.app.knowledge.catch_up().await.unwrap(), 4);
    assert_eq!(api.app.knowledge.catch_up().await.unwrap(), 0);
    for (id, kind, passages) in [
        (&hours, "markdown", 2),
        (&prices, "csv", 3),
        (&practice, "pdf", 2),
        (&note, "text", 1),
    ] {
        let shown = document(&api, &who, id).await;
        assert_eq!(shown["state"], "ready", "{shown}");
        assert_eq!(
            (&shown["kind"], &shown["passages"]),
            (&json!(kind), &json!(passages))
        );
        assert_eq!(
            (&shown["found_by"], &shown["problem"]),
            (&json!("words"), &json!(null))
        );
    }
    for (question, source, says) in [
        (
            "When are you open?",
            "Hours, Oak Street Dental › Opening hours",
            "nine to five",
        ),
        (
            "How do I cancel my appointment?",
            "Hours, Oak Street Dental › Cancellations",
            "without charge",
        ),
        (
            "What is the price of bleaching?",
            "Prices, row 3",
            "310 dollars",
        ),
        (
            "How much are gold crowns?",
            "Our practice, page 1",
            "1,900 dollars",
        ),
        (
            "Who are your insurance partners?",
            "Our practice, page 2",
            "Delta and Aetna",
        ),
        ("Is Doctor Weller there?", "Note", "until Easter"),
    ] {
        let found = search(&api, &who, &all, question).await;
        assert_eq!(found[0]["source"], source, "{question}: {found:?}");
        let text = found[0]["text"].as_str().unwrap();
        assert!(text.contains(says), "{question}: {text}");
    }
    // Only in what was named.
    let found = search(&api, &who, &[&prices], "When are you open?").await;
    assert!(found.is_empty(), "{found:?}");
}

#[tokio::test]
async fn what_was_there_before_is_found_until_the_new_is_read() {
    let (api, who) = house(None).await;
    let id = add(&api, &who, "Hours", "We open at nine.").await;
    api.app.knowledge.catch_up().await.unwrap();
    let texts = async || {
        let found = search(&api, &who, &[&id], "When do you open?").await;
        let texts = found
            .iter()
            .map(|passage| passage["text"].as_str().unwrap().to_owned());
        texts.collect::<Vec<_>>()
    };
    assert_eq!(texts().await, ["We open at nine."]);
    let content = format!("{DOCUMENTS}/{id}/content");
    let put = async |bytes: &'static [u8]| api.upload(&who, ("PUT", &content), None, bytes).await;
    let replaced = put(b"We open at ten.").await.fine();
    assert_eq!(
        (&replaced["state"], &replaced["passages"]),
        (&json!("indexing"), &json!(1))
    );
    assert_eq!(texts().await, ["We open at nine."]);
    api.app.knowledge.catch_up().await.unwrap();
    assert_eq!(texts().await, ["We open at ten."]);
    // What cannot be read takes nothing away.
    put(b"%PDF-1.7\n%\xe2\xe3 and nothing more").await.fine();
    api.app.knowledge.catch_up().await.unwrap();
    let shown = document(&api, &who, &id).await;
    assert_eq!(
        (&shown["state"], &shown["problem"]["code"]),
        (&json!("failed"), &json!("damaged"))
    );
    assert_eq!(texts().await, ["We open at ten."]);
    // Another name, at once.
    let path = format!("{DOCUMENTS}/{id}");
    api.patch(&who, &path, &json!({ "name": "When" }))
        .await
        .fine();
    let found = search(&api, &who, &[&id], "When do you open?").await;
    assert_eq!(found[0]["source"], "When");
    // Gone is gone.
    assert_eq!(api.delete(&who, &path).await.status, 204);
    assert_eq!(api.delete(&who, &path).await.status, 404);
    let asked = json!({ "question": "open", "documents": [id] });
    let answer = api.post(&who, "/v1/knowledge/search", &asked).await;
    assert_eq!(answer.fault(), ("/documents/0".into(), "not_found".into()));
    let found = api
        .app
        .knowledge
        .look_up(
            &who.client,
            std::slice::from_ref(&id),
            "open",
            3,
            std::time::Duration::from_secs(30),
        )
        .await;
    assert!(found.unwrap().is_empty());
}

#[tokio::test]
async fn nothing_of_a_document_is_stored_in_clear() {
    let (api, who) = house(None).await;
    let id = add(
        &api,
        &who,
        "Zanzibar",
        "The password of the vault is Rumpelstiltskin.",
    )
    .await;
    let is_there = || {
        let mut folders = vec![api.data()];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let bytes = std::fs::read(&path).unwrap();
                for secret in [
                    "Rumpelstiltskin",
                    "rumpelstiltskin",
                    "Zanzibar",
                    "UnVtcGVsc3RpbHRza2lu",
                ] {
                    if bytes
                        .windows(secret.len())
                        .any(|window| window == secret.as_bytes())
                    {
                        found.push((path.clone(), secret));
                    }
                }
            }
        }
        found
    };
    assert!(is_there().is_empty(), "{:?}", is_there());
    api.app.knowledge.catch_up().await.unwrap();
    let found = search(&api, &who, &[&id], "password of the vault").await;
    assert!(found[0].to_string().contains("Rumpelstiltskin"));
    assert!(is_there().is_empty(), "{:?}", is_there());
    let passages = api
        .app
        .knowledge
        .look_up(
            &who.client,
            &[id],
            "password",
            3,
            std::time::Duration::from_secs(30),
        )
        .await;
    assert!(!format!("{passages:?}").contains("Rumpel"));
}

#[tokio::test]
async fn what_a_killed_server_left_is_read_by_the_next() {
    let (api, who) = house(None).await;
    let left = add(&api, &who, "Left", "We open at nine.").await;
    let fatal = add(&api, &who, "Fatal", "This one ends every server.").await;
    let store = &api.app.desk.store;
    let far_ms = clock::unix_ms() + 300_000;
    // As a server does before it is killed in the midst of it.
    store
        .knowledge()
        .begin(&who.client, &left, 1, far_ms)
        .await
        .unwrap();
    for _ in 0..3 {
        store
            .knowledge()
            .begin(&who.client, &fatal, 1, far_ms)
            .await
            .unwrap();
    }
    assert_eq!(api.app.knowledge.catch_up().await.unwrap(), 0);
    let reading = api.app.knowledge.start(settings(None));
    // Each is read at most once more; both are out of `indexing` then.
    let shown = async |id: &str| document(&api, &who, id).await;
    loop {
        let states = [shown(&left).await, shown(&fatal).await];
        if states.iter().all(|shown| shown["state"] != "indexing") {
            break;
        }
        tokio::task::yield_now().await;
    }
    reading.abort();
    assert_eq!(shown(&left).await["state"], "ready");
    assert_eq!(shown(&fatal).await["problem"]["code"], "interrupted");
    let found = search(&api, &who, &[&left], "When do you open?").await;
    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn an_agent_names_documents_of_its_own_client() {
    let (api, who) = house(None).await;
    let theirs = api.client().await;
    let own = add(&api, &who, "Ours", "We open at nine.").await;
    let foreign = add(&api, &theirs, "Theirs", "We open at ten.").await;
    let with = |ids: &[&str]| {
        let mut agent = agent();
        agent["knowledge"] = json!(ids);
        agent
    };
    let made = api.post(&who, "/v1/agents", &with(&[&own])).await.made();
    let version = format!("/v1/agents/{}/versions/1", made["id"].as_str().unwrap());
    let version = api.get(&who, &version).await.fine();
    assert_eq!(version["spec"]["knowledge"], json!([own]));
    for (ids, pointer, code) in [
        (vec![own.as_str(), &foreign], "/knowledge/1", "not_found"),
        (
            vec!["doc_01JD0000000000000000000000"],
            "/knowledge/0",
            "not_found",
        ),
        (
            vec!["prov_01JD0000000000000000000000"],
            "/knowledge/0",
            "bad_format",
        ),
        (vec![&own, &own], "/knowledge/1", "conflict"),
    ] {
        let path = format!("/v1/agents/{}/versions", made["id"].as_str().unwrap());
        for path in ["/v1/agents", &path] {
            let answer = api.post(&who, path, &with(&ids)).await;
            assert_eq!(answer.status, 422, "{answer:?}");
            assert_eq!(answer.fault(), (pointer.into(), code.into()));
        }
    }
    // Nor is anything found in another's, whoever names it.
    api.app.knowledge.catch_up().await.unwrap();
    let found = api
        .app
        .knowledge
        .look_up(
            &who.client,
            &[foreign, own],
            "open",
            9,
            std::time::Duration::from_secs(30),
        )
        .await;
    let texts: Vec<String> = found
        .unwrap()
        .into_iter()
        .map(|passage| passage.text)
        .collect();
    assert_eq!(texts, ["We open at nine."]);
}

#[tokio::test]
async fn an_upload_is_done_once() {
    let (api, who) = house(None).await;
    let upload = async |name: &str, bytes: &'static str| {
        let uri = format!("{DOCUMENTS}?name={name}");
        let request = axum::http::Request::post(uri)
            .header("authorization", format!("Bearer {}", who.secret))
            .header("idempotency-key", "one")
            .header("content-type", "text/plain")
            .body(bytes.into());
        api.send(request.unwrap()).await
    };
    let first = upload("A", "We open at nine.").await.made();
    let again = upload("A", "We open at nine.").await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.made()["id"], first["id"]);
    // Another name or other bytes are another request.
    assert_eq!(
        upload("B", "We open at nine.").await.code(),
        "idempotency_key_reuse"
    );
    assert_eq!(
        upload("A", "We open at ten.").await.code(),
        "idempotency_key_reuse"
    );
    let listed = api.get(&who, DOCUMENTS).await.fine();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_document_is_in_memory_before_the_first_question() {
    let (api, who): (Api, _) = house(None).await;
    let id = add(&api, &who, "Hours", "We open at nine.").await;
    api.app.knowledge.catch_up().await.unwrap();
    // Who has no time at all is told so, or of the client's documents alone.
    let late = api
        .app
        .knowledge
        .look_up(
            &who.client,
            std::slice::from_ref(&id),
            "open",
            3,
            std::time::Duration::ZERO,
        )
        .await;
    // A machine that is quick enough has it before it looks at the clock.
    let mut found = late.iter().flatten();
    assert!(found.all(|passage| *passage.document == *id), "{late:?}");
    api.app
        .knowledge
        .open_ahead(&who.client, std::slice::from_ref(&id));
    let found = search(&api, &who, &[&id], "When do you open?").await;
    assert_eq!(found.len(), 1);
}
