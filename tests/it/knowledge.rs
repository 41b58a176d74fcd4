//! Documents of clients, from their upload to what is found in them.

mod files;
mod found;
mod meaning;
mod provider;
mod refused;

use std::path::PathBuf;

use serde_json::{Value, json};
use trunkline::knowledge::{Embedder, KnowledgeSettings};

use crate::api::rig::{Api, Who, id};

const DOCUMENTS: &str = "/v1/knowledge/documents";

/// The program itself, which reads PDFs.
fn settings(embedder: Option<Embedder>) -> KnowledgeSettings {
    KnowledgeSettings {
        embedder,
        program: PathBuf::from(env!("CARGO_BIN_EXE_trunkline")),
    }
}

/// A server that reads documents when it is told to, and a client.
async fn house(embedder: Option<Embedder>) -> (Api, Who) {
    let api = Api::open().await;
    api.app.knowledge.equip(settings(embedder));
    let who = api.client().await;
    (api, who)
}

/// Uploads a document: its id.
async fn add(api: &Api, who: &Who, name: &str, bytes: impl Into<Vec<u8>>) -> String {
    let path = format!("{DOCUMENTS}?name={name}");
    let added = api.upload(who, ("POST", &path), None, bytes.into()).await;
    let made = added.made();
    assert_eq!(made["state"], "indexing", "{made}");
    id(&made)
}

async fn document(api: &Api, who: &Who, id: &str) -> Value {
    api.get(who, &format!("{DOCUMENTS}/{id}")).await.fine()
}

/// What is found: source, text and score of each.
async fn search(api: &Api, who: &Who, documents: &[&str], question: &str) -> Vec<Value> {
    let asked = json!({ "question": question, "documents": documents });
    let found = api.post(who, "/v1/knowledge/search", &asked).await.fine();
    found["data"].as_array().unwrap().clone()
}
