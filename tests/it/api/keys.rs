//! Keys: shown once, of scopes, revocable, and no more than so many requests a second.

use serde_json::{Value, json};
use trunkline::api::Rate;
use trunkline::clock;

use super::rig::{Api, Who, id};

#[tokio::test]
async fn a_key_is_shown_once() {
    let api = Api::open().await;
    let who = api.client().await;
    let new = json!({ "name": "Front office", "scopes": ["calls:read", "calls:read"] });
    let idempotency = [("idempotency-key", "one")];
    let ask = async || {
        api.ask(
            Some(&who.secret),
            "POST",
            "/v1/api-keys",
            &new,
            &idempotency,
        )
        .await
    };
    let first = ask().await;
    let made = first.made();
    let secret = made["secret"].as_str().unwrap();
    assert_eq!(made["scopes"], json!(["calls:read"]));
    assert_eq!(
        first.header("location"),
        format!("/v1/api-keys/{}", id(&made))
    );
    let again = ask().await;
    assert_eq!(
        (again.status, again.header("idempotency-replayed")),
        (201, "true")
    );
    assert_eq!(again.json()["id"], made["id"]);
    for text in [
        again.json().to_string(),
        api.get(&who, "/v1/api-keys").await.fine().to_string(),
        api.get(&who, first.header("location"))
            .await
            .fine()
            .to_string(),
    ] {
        assert!(
            text.contains(&id(&made)) && !text.contains(secret),
            "{text}"
        );
        assert!(!text.contains("\"secret\""), "{text}");
    }
    let listed = api.get(&who, "/v1/api-keys").await.fine();
    assert_eq!(
        listed["data"].as_array().unwrap().len(),
        2,
        "the repetition made none"
    );
    // And it works.
    let new = Who {
        secret: secret.to_owned(),
        ..who
    };
    assert_eq!(api.get(&new, "/v1/calls").await.status, 200);
    assert_eq!(api.get(&new, "/v1/agents").await.status, 403);
}

#[tokio::test]
async fn no_key_makes_one_that_may_do_more() {
    let api = Api::open().await;
    let all = api.client().await;
    let few = api
        .key_of(&all.client, &["api-keys:write", "calls:read"], None)
        .await;
    for (scopes, status) in [
        (json!(["calls:read"]), 201),
        (json!(["calls:read", "api-keys:write"]), 201),
        (json!(["calls:control"]), 403),
        (json!(["calls:read", "*"]), 403),
        (json!([]), 422),
        (json!(["calls:sing"]), 422),
    ] {
        let new = json!({ "name": "x", "scopes": scopes });
        assert_eq!(
            api.post(&few, "/v1/api-keys", &new).await.status,
            status,
            "{new}"
        );
    }
    let all_new = json!({ "name": "x", "scopes": ["*"] });
    assert_eq!(api.post(&all, "/v1/api-keys", &all_new).await.status, 201);
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_at_once() {
    let api = Api::open().await;
    let who = api.client().await;
    let new = json!({ "name": "x", "scopes": ["*"] });
    let made = api.post(&who, "/v1/api-keys", &new).await.made();
    let other = Who {
        client: who.client.clone(),
        secret: made["secret"].as_str().unwrap().to_owned(),
    };
    assert_eq!(api.get(&other, "/v1/client").await.status, 200);
    let path = format!("/v1/api-keys/{}", id(&made));
    assert_eq!(api.delete(&who, &path).await.status, 204);
    assert_eq!(api.get(&other, "/v1/client").await.status, 401);
    assert!(api.get(&who, &path).await.fine()["revoked_at"].is_string());
    assert_eq!(
        api.delete(&who, &path).await.status,
        204,
        "a second time changes nothing"
    );
}

#[tokio::test]
async fn an_expired_key_opens_nothing() {
    let api = Api::open().await;
    let who = api.client().await;
    let old = api
        .key_of(&who.client, &["*"], Some(clock::unix_ms() - 1))
        .await;
    assert_eq!(api.get(&old, "/v1/client").await.status, 401);
    for (expires_at, status) in [
        ("2020-01-01T00:00:00Z", 422),
        ("tomorrow", 422),
        ("2999-01-01T00:00:00Z", 201),
    ] {
        let new = json!({ "name": "x", "scopes": ["*"], "expires_at": expires_at });
        assert_eq!(api.post(&who, "/v1/api-keys", &new).await.status, status);
    }
}

#[tokio::test]
async fn a_closed_client_opens_nothing() {
    let api = Api::open().await;
    let who = api.client().await;
    let clients = api.app.desk.store.clients();
    clients.close(&who.client, clock::unix_ms()).await.unwrap();
    assert_eq!(api.get(&who, "/v1/client").await.status, 401);
}

#[tokio::test]
async fn a_key_may_ask_so_often_and_no_more() {
    let api = Api::with(Rate {
        per_second: 1,
        burst: 3,
    })
    .await;
    let (one, other) = (api.client().await, api.client().await);
    for left in [2, 1, 0] {
        let answer = api.get(&one, "/v1/client").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("ratelimit-limit"), "3");
        assert_eq!(answer.header("ratelimit-remaining"), left.to_string());
    }
    let refused = api.get(&one, "/v1/client").await;
    assert_eq!(
        (refused.status, refused.code()),
        (429, "rate_limited".into())
    );
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(refused.json()["retry_after"], 1);
    assert_eq!(api.get(&other, "/v1/client").await.status, 200);
}

#[tokio::test]
async fn the_scheme_is_bearer_in_any_case() {
    let api = Api::open().await;
    let who = api.client().await;
    for (value, status) in [
        (format!("bearer {}", who.secret), 200),
        (format!("BEARER  {}", who.secret), 200),
        (format!("Basic {}", who.secret), 401),
        (who.secret.clone(), 401),
        (format!("Bearer {}x", who.secret), 401),
        (format!("Bearer {}", who.secret.to_lowercase()), 401),
    ] {
        let headers = [("authorization", value.as_str())];
        let answer = api
            .ask(None, "GET", "/v1/client", &Value::Null, &headers)
            .await;
        assert_eq!(answer.status, status);
    }
}
