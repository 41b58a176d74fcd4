//! Bodies and paths that nobody means well with.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use super::rig::{Answer, Api, Who, agent};

async fn raw(api: &Api, who: &Who, media_type: &str, body: impl Into<Body>) -> Answer {
    let request = Request::builder()
        .method("POST")
        .uri("/v1/suppressions")
        .header("authorization", format!("Bearer {}", who.secret))
        .header("content-type", media_type)
        .body(body.into())
        .unwrap();
    api.send(request).await
}

#[tokio::test]
async fn a_body_has_a_size_a_type_and_a_form() {
    let api = Api::open().await;
    let who = api.client().await;
    let json = "application/json";
    let endless = || {
        let pieces = (0..10_000).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1_024]));
        Body::from_stream(futures_util::stream::iter(pieces))
    };
    for (answer, status, code, what) in [
        (
            raw(&api, &who, json, vec![b' '; 10 << 20]).await,
            413,
            "too_large",
            "10 MB",
        ),
        (
            raw(&api, &who, json, endless()).await,
            413,
            "too_large",
            "10 MB of unknown length",
        ),
        (
            raw(&api, &who, json, "[".repeat(500_000)).await,
            400,
            "malformed_body",
            "depth",
        ),
        (
            raw(&api, &who, json, "{\"number\":\"\u{fffd}").await,
            400,
            "malformed_body",
            "an end",
        ),
        (
            raw(&api, &who, json, vec![b'{', b'"', 0xff, b'"']).await,
            400,
            "malformed_body",
            "bytes",
        ),
        (
            raw(&api, &who, json, "").await,
            400,
            "malformed_body",
            "nothing",
        ),
        (raw(&api, &who, json, "null").await, 422, "invalid", "null"),
        (raw(&api, &who, json, "[]").await, 422, "invalid", "a list"),
        (
            raw(&api, &who, "text/plain", "{}").await,
            415,
            "unsupported_media_type",
            "a text",
        ),
        (
            raw(&api, &who, "", "{}").await,
            415,
            "unsupported_media_type",
            "no type",
        ),
    ] {
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{what}"
        );
    }
}

#[tokio::test]
async fn what_is_wrong_is_pointed_at_and_not_repeated() {
    let api = Api::open().await;
    let who = api.client().await;
    let long = "x".repeat(300);
    for (path, body, pointer, code) in [
        (
            "/v1/suppressions",
            json!({ "reason": "other" }),
            "/number",
            "missing",
        ),
        (
            "/v1/suppressions",
            json!({ "number": "5550100777", "reason": "other" }),
            "/number",
            "invalid_number",
        ),
        (
            "/v1/suppressions",
            json!({ "number": 5550100777_u64, "reason": "other" }),
            "/number",
            "wrong_type",
        ),
        (
            "/v1/suppressions",
            json!({ "number": "+15550100777", "reason": "5550100777" }),
            "/reason",
            "unknown_value",
        ),
        (
            "/v1/suppressions",
            json!({ "number": "+15550100777", "reason": "other", "more": 1 }),
            "/more",
            "unknown_field",
        ),
        (
            "/v1/suppressions",
            json!({ "number": "\u{0}5550100777", "reason": "other" }),
            "/number",
            "invalid_character",
        ),
        (
            "/v1/api-keys",
            json!({ "name": " ", "scopes": ["*"] }),
            "/name",
            "empty",
        ),
        (
            "/v1/api-keys",
            json!({ "name": long, "scopes": ["*"] }),
            "/name",
            "too_long",
        ),
        (
            "/v1/api-keys",
            json!({ "name": "x", "scopes": ["*", 5550100777_u64] }),
            "/scopes/1",
            "wrong_type",
        ),
        (
            "/v1/agents",
            json!({ "name": "Robin", "business": "Oak" }),
            "",
            "required",
        ),
        (
            "/v1/agents",
            json!({ "name": "R", "business": "O", "prompt": "x", "voice": { "sped": 1 } }),
            "/voice/sped",
            "unknown_field",
        ),
        (
            "/v1/media-urls",
            json!({ "agent_id": "agent_01JD0000000000000000000000" }),
            "/agent_id",
            "not_found",
        ),
        (
            "/v1/media-urls",
            json!({ "agent_id": "x", "ttl_seconds": 0 }),
            "/ttl_seconds",
            "out_of_range",
        ),
    ] {
        let answer = api.post(&who, path, &body).await;
        assert_eq!(answer.status, 422, "{path} {body}: {answer:?}");
        let (found, found_code) = answer.fault();
        assert_eq!(
            (found.as_str(), found_code.as_str()),
            (pointer, code),
            "{path} {body}"
        );
        assert!(
            !answer.json().to_string().contains("5550100777"),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn an_address_that_leads_inside_is_refused() {
    let api = Api::open().await;
    let who = api.client().await;
    for url in [
        "http://llm.example.com",
        "https://127.0.0.1/v1",
        "https://169.254.169.254/",
        "https://db.internal/",
    ] {
        let provider = json!({
            "kind": "model", "vendor": "openai_compatible", "name": "x",
            "settings": { "base_url": url, "model": "m" },
        });
        let answer = api.post(&who, "/v1/providers", &provider).await;
        assert_eq!(
            answer.fault(),
            ("/settings/base_url".into(), "invalid_url".into()),
            "{url}"
        );
    }
}

#[tokio::test]
async fn a_store_that_fails_is_said_so_without_its_words() {
    let api = Api::open().await;
    let who = api.client().await;
    assert_eq!(api.get(&who, "/v1/client").await.status, 200);
    api.app.desk.store.close().await;
    for (method, path, body) in [
        ("GET", "/v1/agents", Value::Null),
        ("POST", "/v1/agents", agent()),
        ("PATCH", "/v1/client", json!({ "name": "x" })),
    ] {
        let answer = api
            .ask(
                Some(&who.secret),
                method,
                path,
                &body,
                &[("idempotency-key", "k")],
            )
            .await;
        assert_eq!(
            (answer.status, answer.code()),
            (503, "unavailable".into()),
            "{method} {path}"
        );
        let text = answer.json().to_string().to_lowercase();
        assert!(!text.contains("pool") && !text.contains("sql"), "{text}");
    }
}
