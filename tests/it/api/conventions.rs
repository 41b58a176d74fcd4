//! What holds for every endpoint: pages, repeated requests, revisions, problems.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use trunkline::clock;
use trunkline::store::idempotency::{Begun, LOST_AFTER_MS};

use super::rig::{Api, Who, agent, id};
use crate::session::logs::Log;

async fn keyed(api: &Api, who: &Who, key: &str, path: &str, body: &Value) -> super::rig::Answer {
    let headers = [("idempotency-key", key)];
    api.ask(Some(&who.secret), "POST", path, body, &headers)
        .await
}

#[tokio::test]
async fn a_repeated_request_does_nothing_and_is_answered_alike() {
    let api = Api::open().await;
    let (ours, theirs) = (api.client().await, api.client().await);
    let first = keyed(&api, &ours, "k", "/v1/agents", &agent()).await;
    let again = keyed(&api, &ours, "k", "/v1/agents", &agent()).await;
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(first.json(), again.json());
    assert_eq!(first.header("location"), again.header("location"));
    assert_eq!(
        (
            first.header("idempotency-replayed"),
            again.header("idempotency-replayed")
        ),
        ("", "true")
    );
    let mut other = agent();
    other["name"] = "Marian".into();
    let reuse = keyed(&api, &ours, "k", "/v1/agents", &other).await;
    assert_eq!(
        (reuse.status, reuse.code()),
        (422, "idempotency_key_reuse".into())
    );
    // Another client, or another route, has keys of its own.
    assert_ne!(
        keyed(&api, &theirs, "k", "/v1/agents", &agent())
            .await
            .made()["id"],
        first.json()["id"]
    );
    let suppression = json!({ "number": "+15550100123", "reason": "other" });
    assert_eq!(
        keyed(&api, &ours, "k", "/v1/suppressions", &suppression)
            .await
            .status,
        201
    );
    // The same body for another thing is another request.
    let versions = |id: &str| format!("/v1/agents/{id}/versions");
    let second = id(&keyed(&api, &ours, "k2", "/v1/agents", &agent())
        .await
        .made());
    assert_eq!(
        keyed(&api, &ours, "v", &versions(&id(&first.json())), &agent())
            .await
            .status,
        201
    );
    assert_eq!(
        keyed(&api, &ours, "v", &versions(&second), &agent())
            .await
            .code(),
        "idempotency_key_reuse"
    );
    assert_eq!(
        api.get(&ours, "/v1/agents").await.fine()["data"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn of_requests_at_once_with_one_key_one_is_done() {
    let api = Api::open().await;
    let who = api.client().await;
    let body = agent();
    let asked = (0..8).map(|_| keyed(&api, &who, "k", "/v1/agents", &body));
    let answers = futures_util::future::join_all(asked).await;
    for answer in &answers {
        match answer.status {
            201 => {}
            409 => assert_eq!(answer.code(), "idempotency_in_progress"),
            _ => panic!("{answer:?}"),
        }
    }
    assert!(answers.iter().any(|answer| answer.status == 201));
    assert_eq!(
        api.get(&who, "/v1/agents").await.fine()["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn what_a_lost_server_made_is_not_made_again() {
    let api = Api::open().await;
    let who = api.client().await;
    for (path, body) in [
        ("/v1/agents", agent()),
        ("/v1/numbers", json!({ "number": "+15550100777" })),
        ("/v1/api-keys", json!({ "name": "Ours", "scopes": ["*"] })),
        (
            "/v1/suppressions",
            json!({ "number": "+15550100778", "reason": "opt_out" }),
        ),
    ] {
        // It was made, and the server was lost before it could note the answer.
        let made = id(&api.post(&who, path, &body).await.made());
        let hash = Sha256::new()
            .chain_update(path)
            .chain_update([0])
            .chain_update(body.to_string());
        let hash: [u8; 32] = hash.finalize().into();
        let keys = api.app.desk.store.idempotency();
        let long_ago_ms = clock::unix_ms() - LOST_AFTER_MS - 1_000;
        let begun = keys.begin(&who.client, path, "k", &hash, Some(&made), long_ago_ms);
        assert!(matches!(begun.await.unwrap(), Begun::Do(_)));

        let count = async || {
            api.get(&who, path).await.fine()["data"]
                .as_array()
                .unwrap()
                .len()
        };
        let before = count().await;
        for _ in 0..2 {
            let again = keyed(&api, &who, "k", path, &body).await;
            assert!([200, 201].contains(&again.status), "{again:?}");
            assert_eq!(id(&again.json()), made, "{path}");
            assert_eq!(again.json().get("secret"), None);
        }
        assert_eq!(count().await, before, "{path}");
    }
}

#[tokio::test]
async fn a_request_that_failed_may_be_tried_again_with_its_key() {
    let api = Api::open().await;
    let who = api.client().await;
    let number =
        json!({ "number": "+15550100123", "agent_id": "agent_01JD0000000000000000000000" });
    let failed = keyed(&api, &who, "k", "/v1/numbers", &number).await;
    assert_eq!((failed.status, failed.fault().0), (422, "/agent_id".into()));
    let fixed = json!({ "number": "+15550100123" });
    assert_eq!(
        keyed(&api, &who, "k", "/v1/numbers", &fixed).await.status,
        201
    );
    for key in ["", &"k".repeat(256)] {
        let wrong = keyed(&api, &who, key, "/v1/agents", &agent()).await;
        assert_eq!(wrong.fault().0, "header:idempotency-key");
    }
}

#[tokio::test]
async fn lists_come_a_page_at_a_time() {
    let api = Api::open().await;
    let who = api.client().await;
    let mut calls = Vec::new();
    for n in 0..7 {
        calls.push(
            api.call_of(&who, "+15550100123", 1_795_365_000_000 + n)
                .await,
        );
    }
    calls.reverse();
    let (mut seen, mut path) = (Vec::new(), "/v1/calls?limit=3".to_owned());
    for has_more in [true, true, false] {
        let page = api.get(&who, &path).await.fine();
        seen.extend(page["data"].as_array().unwrap().iter().map(id));
        assert_eq!(page["has_more"], has_more);
        assert_eq!(page["next_cursor"].is_string(), has_more);
        path = format!(
            "/v1/calls?limit=3&after={}",
            page["next_cursor"].as_str().unwrap_or_default()
        );
        // What comes meanwhile does not shift the pages.
        api.call_of(&who, "+15550100123", 1_795_365_009_000).await;
    }
    assert_eq!(seen, calls);
    let all = api.get(&who, "/v1/calls").await.fine();
    assert_eq!(all["data"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn every_list_has_pages() {
    let api = Api::open().await;
    let who = api.client().await;
    for n in 0..3 {
        let number = format!("+1555010010{n}");
        let agent_id = id(&api.post(&who, "/v1/agents", &agent()).await.made());
        api.post(&who, &format!("/v1/agents/{agent_id}/versions"), &agent())
            .await
            .made();
        api.post(&who, "/v1/numbers", &json!({ "number": number }))
            .await
            .made();
        let documents = ("POST", "/v1/knowledge/documents?name=Hours");
        api.upload(&who, documents, None, "Open.").await.made();
        let suppression = json!({ "number": number, "reason": "other" });
        api.post(&who, "/v1/suppressions", &suppression)
            .await
            .made();
        api.post(
            &who,
            "/v1/api-keys",
            &json!({ "name": "x", "scopes": ["*"] }),
        )
        .await
        .made();
    }
    let agents = api.get(&who, "/v1/agents").await.fine();
    let versions = format!("/v1/agents/{}/versions", id(&agents["data"][0]));
    let lists = [
        "/v1/agents",
        "/v1/numbers",
        "/v1/suppressions",
        "/v1/api-keys",
        "/v1/knowledge/documents",
        &versions,
    ];
    for list in lists {
        let whole = api.get(&who, list).await.fine();
        assert_eq!(whole["has_more"], false, "{list}");
        let mut pieces = Vec::new();
        let mut after = String::new();
        loop {
            let page = api
                .get(&who, &format!("{list}?limit=1{after}"))
                .await
                .fine();
            pieces.extend(page["data"].as_array().unwrap().clone());
            match page["next_cursor"].as_str() {
                Some(cursor) => after = format!("&after={cursor}"),
                None => break,
            }
        }
        assert_eq!(Value::from(pieces), whole["data"], "{list}");
        assert!(whole["data"].as_array().unwrap().len() > 1, "{list}");
    }
}

#[tokio::test]
async fn a_cursor_of_nowhere_is_refused() {
    let api = Api::open().await;
    let who = api.client().await;
    for _ in 0..2 {
        api.post(&who, "/v1/agents", &agent()).await.made();
    }
    let page = api.get(&who, "/v1/agents?limit=1").await.fine();
    let cursor = page["next_cursor"].as_str().unwrap();
    let other_list = api.get(&who, &format!("/v1/calls?after={cursor}")).await;
    assert_eq!(
        (other_list.status, other_list.code()),
        (400, "invalid_cursor".into())
    );
    for wrong in [
        "",
        "x",
        &cursor[1..],
        &format!("{cursor}A"),
        &"A".repeat(3_000),
        "%00",
        "%ff",
    ] {
        let answer = api.get(&who, &format!("/v1/agents?after={wrong}")).await;
        assert!(matches!(answer.status, 400 | 422), "{wrong}: {answer:?}");
        answer.code();
    }
}

#[tokio::test]
async fn a_query_says_nothing_that_is_not_understood() {
    let api = Api::open().await;
    let who = api.client().await;
    for (query, pointer) in [
        ("limit=0", "query:limit"),
        ("limit=201", "query:limit"),
        ("limit=-1", "query:limit"),
        ("limit=99999999999999999999", "query:limit"),
        ("limit=5&limit=6", "query:limit"),
        ("limt=5", "query:limt"),
        ("status=gone", "query:status"),
        ("direction=up", "query:direction"),
        ("consent=maybe", "query:consent"),
        ("from=15550100123", "query:from"),
        ("from=+15550100123", "query:from"),
        ("created_from=yesterday", "query:created_from"),
        ("agent_id=..%2F..", "query:agent_id"),
        ("status=a%00", "query:status"),
    ] {
        let answer = api.get(&who, &format!("/v1/calls?{query}")).await;
        assert_eq!(
            (answer.status, answer.fault().0.as_str()),
            (422, pointer),
            "{query}"
        );
    }
}

#[tokio::test]
async fn who_changes_something_says_what_they_saw() {
    let api = Api::open().await;
    let who = api.client().await;
    let first = api.get(&who, "/v1/client").await;
    let etag = first.header("etag").to_owned();
    assert_eq!(etag, "\"1\"");
    let change = async |name: &str, seen: &str| {
        let headers = [("if-match", seen)];
        let body = json!({ "name": name });
        api.ask(Some(&who.secret), "PATCH", "/v1/client", &body, &headers)
            .await
    };
    let changed = change("Elm", &etag).await;
    assert_eq!(changed.fine()["name"], "Elm");
    assert_eq!(changed.header("etag"), "\"2\"");
    let late = change("Ash", &etag).await;
    assert_eq!(
        (late.status, late.code()),
        (412, "precondition_failed".into())
    );
    assert_eq!(change("Fir", "\"7\", \"2\"").await.status, 200);
    assert_eq!(change("Yew", "*").await.status, 200);
    assert_eq!(
        api.patch(&who, "/v1/client", &json!({ "name": "Oak" }))
            .await
            .status,
        200
    );
    assert_eq!(api.get(&who, "/v1/client").await.fine()["name"], "Oak");
}

#[tokio::test]
async fn what_the_router_refuses_is_a_problem_too() {
    let api = Api::open().await;
    let who = api.client().await;
    for (method, path, status, code) in [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/v1/nowhere", 404, "not_found"),
        ("PUT", "/v1/agents", 405, "method_not_allowed"),
        ("DELETE", "/v1/client", 405, "method_not_allowed"),
        ("GET", "/v1/agents/x", 404, "not_found"),
        ("GET", "/v1/agents/%ff", 404, "not_found"),
        (
            "GET",
            "/v1/agents/agent_01JD0000000000000000000000/versions/x",
            404,
            "not_found",
        ),
        (
            "GET",
            "/v1/agents/agent_01JD0000000000000000000000/versions/-1",
            404,
            "not_found",
        ),
    ] {
        let answer = api
            .ask(Some(&who.secret), method, path, &Value::Null, &[])
            .await;
        assert_eq!(
            (answer.status, answer.code()),
            (status, code.into()),
            "{method} {path}"
        );
    }
    let answer = api
        .ask(Some(&who.secret), "PUT", "/v1/agents", &Value::Null, &[])
        .await;
    assert!(answer.header("allow").contains("GET"), "{answer:?}");
}

#[tokio::test]
async fn every_code_is_explained_where_its_type_leads() {
    let api = Api::open().await;
    for code in trunkline::api::Code::ALL {
        let path = format!("/problems/{}", code.as_str());
        let page = api.ask(None, "GET", &path, &Value::Null, &[]).await;
        assert_eq!(page.status, 200);
        assert!(String::from_utf8_lossy(&page.bytes).contains(code.title()));
    }
    assert_eq!(
        api.ask(None, "GET", "/problems/x", &Value::Null, &[])
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let api = Api::open().await;
    let page = api.ask(None, "GET", "/docs/", &Value::Null, &[]).await;
    assert_eq!(page.status, 200, "{page:?}");
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'") && policy.contains("script-src 'self'"),
        "{policy}"
    );
    let html = String::from_utf8(page.bytes.to_vec()).unwrap();
    assert!(
        !html.contains("http://") && !html.contains("https://"),
        "{html}"
    );
    assert!(
        !html.contains("<script>"),
        "a script in the page would not run: {html}"
    );
    for file in [
        "swagger-ui.css",
        "swagger-ui-bundle.js",
        "swagger-initializer.js",
    ] {
        let answer = api
            .ask(None, "GET", &format!("/docs/{file}"), &Value::Null, &[])
            .await;
        assert_eq!(answer.status, 200, "{file}");
    }
    let start = api
        .ask(
            None,
            "GET",
            "/docs/swagger-initializer.js",
            &Value::Null,
            &[],
        )
        .await;
    let start = String::from_utf8(start.bytes.to_vec()).unwrap();
    assert!(
        start.contains("/openapi.json") && start.contains("\"none\""),
        "{start}"
    );
}

#[tokio::test]
async fn a_request_may_name_the_day_of_its_version() {
    let api = Api::open().await;
    let who = api.client().await;
    for (version, status) in [
        ("2026-11-22", 200),
        ("2030-01-01", 200),
        ("2026-13-01", 422),
        ("1", 422),
        ("latest", 422),
    ] {
        let headers = [("api-version", version)];
        let secret = Some(who.secret.as_str());
        let answer = api
            .ask(secret, "GET", "/v1/client", &Value::Null, &headers)
            .await;
        assert_eq!(answer.status, status, "{version}");
    }
    assert_eq!(
        api.get(&who, "/v1/client").await.header("api-version"),
        "2026-11-22"
    );
}

#[tokio::test]
async fn the_log_names_the_route_and_nothing_of_the_request() {
    let api = Api::open().await;
    let who = api.client().await;
    let call = api.call_of(&who, "+15550100123", 1_795_365_000_000).await;
    let log = Log::start();
    let suppression = json!({ "number": "+15550100177", "reason": "other" });
    api.post(&who, "/v1/suppressions", &suppression)
        .await
        .made();
    api.get(&who, "/v1/calls?from=%2B15550100123").await.fine();
    api.get(&who, &format!("/v1/calls/{call}")).await.fine();
    api.get(&who, "/v1/+15550100123").await;
    api.ask(Some("tl_sekrit"), "GET", "/v1/client", &Value::Null, &[])
        .await;
    let lines = log.lines("request");
    for (line, names) in lines.iter().zip([
        vec![
            "POST",
            "route=\"/v1/suppressions\"",
            "status=201",
            "key_",
            "req_",
        ],
        vec!["GET", "route=\"/v1/calls\"", "status=200"],
        vec!["route=\"/v1/calls/{id}\"", "code=\"none\""],
        vec!["route=\"none\"", "status=404", "code=\"not_found\""],
        vec!["status=401", "\"none\""],
    ]) {
        for name in names {
            assert!(line.contains(name), "{name}: {line}");
        }
    }
    assert_eq!(lines.len(), 5, "{lines:#?}");
    for secret in ["5550100", "sekrit", &who.secret[3..], &call] {
        assert!(!log.text().contains(secret), "{secret}: {}", log.text());
    }
}

#[tokio::test]
async fn whether_it_lives_is_told_to_anybody() {
    let api = Api::open().await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(
            api.ask(None, "GET", path, &Value::Null, &[]).await.status,
            200
        );
    }
    api.app.desk.store.close().await;
    let ready = api.ask(None, "GET", "/readyz", &Value::Null, &[]).await;
    assert_eq!(ready.status, 503, "{ready:?}");
    assert_eq!(
        api.ask(None, "GET", "/healthz", &Value::Null, &[])
            .await
            .status,
        200
    );
}
