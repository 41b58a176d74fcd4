//! Vectors by a provider: what it is asked, and what becomes of documents while it fails.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde_json::{Value, json};
use trunkline::clock;
use trunkline::config::Config;
use trunkline::egress::Egress;
use trunkline::knowledge::Embedder;

use super::{DOCUMENTS, add, document, house, search};

/// A provider on this machine. Its vectors say how often a text speaks of three things.
#[derive(Default)]
struct Double {
    asked: Mutex<Vec<Value>>,
    /// The status that it answers with; 0 for a good answer.
    fails: AtomicU32,
}

async fn answer(State(double): State<Arc<Double>>, headers: HeaderMap, body: String) -> Response {
    assert_eq!(headers["authorization"], "Bearer sekrit");
    let body: Value = serde_json::from_str(&body).unwrap();
    double.asked.lock().unwrap().push(body.clone());
    let status = u16::try_from(double.fails.load(Ordering::Relaxed)).unwrap();
    if status != 0 {
        let words = json!({ "error": { "message": "the text was …", "code": "no" } });
        return (StatusCode::from_u16(status).unwrap(), axum::Json(words)).into_response();
    }
    let texts = body["input"].as_array().unwrap().iter();
    let data = texts.enumerate().map(|(index, text)| {
        let text = text.as_str().unwrap().to_lowercase();
        let speaks_of = |words: &[&str]| {
            words
                .iter()
                .map(|word| text.matches(word).count())
                .sum::<usize>() as f32
        };
        let vector = [
            speaks_of(&["dog", "puppy", "animal"]),
            speaks_of(&["car", "vehicle", "garage"]),
            0.1,
        ];
        json!({ "object": "embedding", "index": index, "embedding": vector })
    });
    let data: Vec<Value> = data.rev().collect();
    axum::Json(json!({ "object": "list", "data": data, "model": "m" })).into_response()
}

async fn provider() -> (Arc<Double>, Embedder) {
    let double = Arc::new(Double::default());
    let router = Router::new()
        .route("/v1/embeddings", post(answer))
        .with_state(Arc::clone(&double));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let toml = format!(
        "[knowledge]\nembeddings = \"openai_compatible\"\nbase_url = \"http://{address}/v1\"\nmodel = \"m\"\n\
         api_key = \"sekrit\"\n"
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trunkline.toml");
    std::fs::write(&path, toml).unwrap();
    let config = Config::load(Some(&path)).unwrap();
    let remote = config.knowledge.remote(&Egress::new()).unwrap();
    (double, Embedder::remote(remote))
}

const ANIMALS: &str = "Animals stay for fifteen euros a night.\n";

#[tokio::test]
async fn passages_and_questions_are_compared_by_its_vectors() {
    let (double, embedder) = provider().await;
    let (api, who) = house(Some(embedder)).await;
    let rows: String = (0..150)
        .map(|n| format!("{n},a garage for a car\n"))
        .collect();
    let table = format!("number,what\n{rows}150,{ANIMALS}");
    let id = add(&api, &who, "Rules", table).await;
    api.app.knowledge.catch_up().await.unwrap();
    assert_eq!(
        document(&api, &who, &id).await["found_by"],
        "words_and_meaning"
    );
    let found = search(&api, &who, &[&id], "May I bring my puppy?").await;
    assert_eq!(found[0]["row"], 151, "{found:?}");
    let asked = double.asked.lock().unwrap().clone();
    let sizes: Vec<usize> = asked
        .iter()
        .map(|body| body["input"].as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [64, 64, 23, 1]);
    assert_eq!(
        (&asked[0]["model"], &asked[3]["input"][0]),
        (&json!("m"), &json!("May I bring my puppy?"))
    );
    // The name of a document is part of what its passages are about.
    assert!(
        asked[0]["input"][0]
            .as_str()
            .unwrap()
            .starts_with("Rules\n")
    );
}

#[tokio::test]
async fn while_it_fails_words_have_to_do_and_vectors_are_made_later() {
    let (double, embedder) = provider().await;
    let (api, who) = house(Some(embedder)).await;
    // A key that is refused is not tried again.
    double.fails.store(401, Ordering::Relaxed);
    let id = add(&api, &who, "Rules", ANIMALS).await;
    assert_eq!(api.app.knowledge.catch_up().await.unwrap(), 1);
    assert_eq!(double.asked.lock().unwrap().len(), 1);
    let shown = document(&api, &who, &id).await;
    assert_eq!(
        (&shown["state"], &shown["found_by"]),
        (&json!("ready"), &json!("words"))
    );
    assert_eq!(
        search(&api, &who, &[&id], "What do animals cost?")
            .await
            .len(),
        1
    );
    assert!(
        search(&api, &who, &[&id], "May I bring my puppy?")
            .await
            .is_empty()
    );
    double.fails.store(0, Ordering::Relaxed);
    // Not at once; a server that starts anew does not wait.
    assert_eq!(api.app.knowledge.catch_up().await.unwrap(), 0);
    let system = api.app.desk.store.system();
    system.release_documents(clock::unix_ms()).await.unwrap();
    assert_eq!(api.app.knowledge.catch_up().await.unwrap(), 1);
    assert_eq!(
        document(&api, &who, &id).await["found_by"],
        "words_and_meaning"
    );
    assert_eq!(
        search(&api, &who, &[&id], "May I bring my puppy?")
            .await
            .len(),
        1
    );
    // A document that is gone is not asked about.
    let before = double.asked.lock().unwrap().len();
    let gone = add(&api, &who, "Gone", ANIMALS).await;
    assert_eq!(
        api.delete(&who, &format!("{DOCUMENTS}/{gone}"))
            .await
            .status,
        204
    );
    assert_eq!(api.app.knowledge.catch_up().await.unwrap(), 0);
    assert_eq!(double.asked.lock().unwrap().len(), before);
}
