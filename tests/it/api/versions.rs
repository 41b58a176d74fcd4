//! Drafts, what differs, publishing, going back, and versions that share an agent's calls: by HTTP.

use serde_json::{Value, json};
use trunkline_core::token::verify;

use super::rig::{Answer, Api, Who, agent, id};
use crate::session::rig::{key, now_s};

/// The same agent under another name.
fn named(name: &str) -> Value {
    let mut spec = agent();
    spec["name"] = name.into();
    spec
}

/// An agent of a client's, by HTTP.
struct Desk<'a> {
    api: &'a Api,
    who: &'a Who,
    path: String,
}

impl<'a> Desk<'a> {
    async fn open(api: &'a Api, who: &'a Who) -> Self {
        let made = api.post(who, "/v1/agents", &named("One")).await.made();
        let path = format!("/v1/agents/{}", id(&made));
        Self { api, who, path }
    }

    async fn ask(&self, method: &str, what: &str, body: &Value) -> Answer {
        self.seen(method, what, body, None).await
    }

    /// With the ETag of what was seen.
    async fn seen(&self, method: &str, what: &str, body: &Value, etag: Option<&str>) -> Answer {
        let (path, secret) = (format!("{}{what}", self.path), Some(&*self.who.secret));
        let headers: Vec<_> = etag.map(|etag| ("if-match", etag)).into_iter().collect();
        self.api.ask(secret, method, &path, body, &headers).await
    }

    async fn get(&self, what: &str) -> Answer {
        self.ask("GET", what, &Value::Null).await
    }

    /// Number, percent and whether it is a trial, the newest first.
    async fn listed(&self) -> Vec<(u64, u64, bool)> {
        let list = self.get("/versions").await.fine();
        let list = list["data"].as_array().unwrap().iter();
        let listed = list.map(|row| {
            let percent = row["percent"].as_u64().unwrap();
            assert_eq!(row["live"], percent > 0, "{row}");
            (
                row["version"].as_u64().unwrap(),
                percent,
                row["trial"].as_bool().unwrap(),
            )
        });
        listed.collect()
    }
}

#[tokio::test]
async fn a_draft_is_what_an_agent_is_to_become() {
    let api = Api::open().await;
    let (ours, theirs) = (api.client().await, api.client().await);
    let desk = Desk::open(&api, &ours).await;
    assert_eq!(desk.get("/draft").await.status, 404);
    let tag = desk.get("").await.header("etag").to_owned();
    let saved = desk.seen("PUT", "/draft", &named("Two"), Some(&tag)).await;
    assert_eq!(saved.fine()["based_on"], 1);
    let shown = desk.get("/draft").await;
    assert_eq!(shown.fine(), saved.fine());
    assert_eq!(shown.header("etag"), saved.header("etag"));
    assert_eq!(shown.fine()["spec"]["name"], "Two");
    assert!(
        shown.fine()["made_by"]
            .as_str()
            .unwrap()
            .starts_with("key_")
    );
    // Whoever saw what was before does not overwrite it.
    let stale = desk.seen("PUT", "/draft", &named("X"), Some(&tag)).await;
    assert_eq!(stale.status, 412);
    // The agent is as it was.
    let shown = desk.get("").await.fine();
    assert_eq!(
        (&shown["name"], &shown["version"]),
        (&json!("One"), &json!(1))
    );
    assert_eq!(desk.listed().await, [(1, 100, false)]);
    // It is checked as a version is.
    let mut hiding = agent();
    hiding["opening"] = json!({ "texts": ["Hello, this is Robin."] });
    let refused = desk.ask("PUT", "/draft", &hiding).await;
    assert_eq!(refused.status, 422);
    assert!(
        refused.json()["errors"]
            .to_string()
            .contains("no_ai_notice")
    );
    let mut reader = agent();
    reader["knowledge"] = json!(["doc_01JD0000000000000000000000"]);
    let refused = desk.ask("PUT", "/draft", &reader).await;
    assert_eq!(refused.fault(), ("/knowledge/0".into(), "not_found".into()));
    // It is nobody else's.
    let other = Desk {
        who: &theirs,
        path: desk.path.clone(),
        api: &api,
    };
    for (method, body) in [
        ("GET", Value::Null),
        ("PUT", agent()),
        ("DELETE", Value::Null),
    ] {
        assert_eq!(other.ask(method, "/draft", &body).await.status, 404);
    }
    assert_eq!(desk.get("/draft").await.fine()["spec"]["name"], "Two");
    let stale = desk
        .seen("DELETE", "/draft", &Value::Null, Some(&tag))
        .await;
    assert_eq!(stale.status, 412);
    assert_eq!(desk.ask("DELETE", "/draft", &Value::Null).await.status, 204);
    assert_eq!(desk.ask("DELETE", "/draft", &Value::Null).await.status, 404);
}

#[tokio::test]
async fn what_differs_is_told_place_by_place() {
    let api = Api::open().await;
    let who = api.client().await;
    let desk = Desk::open(&api, &who).await;
    let mut draft = named("Two");
    draft["greeting"] = "Good day.".into();
    draft["voice"] = json!({ "speed": 1.5, "pronunciations": { "a/b": "a by b" } });
    // A default that is said is no difference.
    draft["language"] = "en".into();
    desk.ask("PUT", "/draft", &draft).await.fine();
    let told = desk.get("/diff").await.fine();
    let changes = json!([
        { "pointer": "/greeting", "kind": "added", "after": "Good day." },
        { "pointer": "/name", "kind": "changed", "before": "One", "after": "Two" },
        { "pointer": "/voice/pronunciations/a~1b", "kind": "added", "after": "a by b" },
        { "pointer": "/voice/speed", "kind": "changed", "before": 1.0, "after": 1.5 },
    ]);
    assert_eq!(told["changes"], changes);
    assert_eq!(
        (&told["from"], &told["to"], &told["complete"]),
        (&json!(1), &json!("draft"), &json!(true))
    );
    desk.ask("POST", "/publish", &json!({})).await.made();
    let told = desk.get("/diff?from=1&to=2").await.fine();
    assert_eq!(told["changes"], changes);
    let back = desk.get("/diff?from=2&to=1").await.fine();
    assert_eq!(
        back["changes"][0],
        json!({ "pointer": "/greeting", "kind": "removed", "before": "Good day." })
    );
    assert_eq!(
        desk.get("/diff?from=2&to=2").await.fine()["changes"],
        json!([])
    );
    for (query, pointer, code) in [
        ("", "query:to", "not_found"),
        ("?from=9&to=1", "query:from", "not_found"),
        ("?from=1&to=newest", "query:to", "invalid"),
        ("?from=1&to=2&by=word", "query:by", "unknown_parameter"),
    ] {
        let refused = desk.get(&format!("/diff{query}")).await;
        assert_eq!(refused.fault(), (pointer.into(), code.into()), "{query}");
    }
}

#[tokio::test]
async fn a_draft_becomes_the_next_version_once() {
    let api = Api::open().await;
    let who = api.client().await;
    let desk = Desk::open(&api, &who).await;
    let none = desk.ask("POST", "/publish", &json!({})).await;
    assert_eq!((none.status, none.code()), (409, "conflict".into()));
    let saved = desk.ask("PUT", "/draft", &named("Two")).await;
    let tag = saved.header("etag").to_owned();
    let long = json!({ "note": "n".repeat(501) });
    let refused = desk.ask("POST", "/publish", &long).await;
    assert_eq!(refused.fault(), ("/note".into(), "too_long".into()));
    // Of two who publish at once what they saw, one does.
    let body = json!({ "note": "Says its new name" });
    let publish = || desk.seen("POST", "/publish", &body, Some(&tag));
    let both = futures_util::future::join(publish(), publish()).await;
    let mut statuses = [both.0.status, both.1.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 412]);
    let shown = desk.get("").await.fine();
    assert_eq!(
        (&shown["name"], &shown["version"]),
        (&json!("Two"), &json!(2))
    );
    assert_eq!(desk.get("/draft").await.status, 404);
    let second = desk.get("/versions/2").await.fine();
    assert_eq!(second["note"], "Says its new name");
    assert_eq!(second["rolled_back_to"], Value::Null);
    assert_eq!(second["spec"]["name"], "Two");
    assert!(second["made_by"].as_str().unwrap().starts_with("key_"));
    // Asked again with the same key, it is the same version.
    desk.ask("PUT", "/draft", &named("Three")).await.fine();
    let path = format!("{}/publish", desk.path);
    let headers = [("idempotency-key", "once")];
    let ask = || api.ask(Some(&who.secret), "POST", &path, &body, &headers);
    let (first, again) = (ask().await.made(), ask().await);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.made(), first);
    assert_eq!(
        desk.listed().await,
        [(3, 100, false), (2, 0, false), (1, 0, false)]
    );
    // A version may be added without a draft, as ever.
    let made = desk.ask("POST", "/versions", &named("Four")).await.made();
    assert_eq!(made["version"], 4);
    assert_eq!(desk.listed().await[0], (4, 100, false));
}

#[tokio::test]
async fn going_back_is_going_on() {
    let api = Api::open().await;
    let who = api.client().await;
    let desk = Desk::open(&api, &who).await;
    let provider = json!({
        "kind": "model", "vendor": "openai_compatible", "name": "Ours", "secret": "sekrit",
        "settings": { "base_url": "https://llm.example.com/v1", "model": "m" },
    });
    let provider = id(&api.post(&who, "/v1/providers", &provider).await.made());
    let tool = json!({ "document": {
        "name": "book", "description": "Books.", "url": "https://crm.example.com/book",
    } });
    let tool = id(&api.post(&who, "/v1/tools", &tool).await.made());
    let uploaded = ("POST", "/v1/knowledge/documents?name=Hours");
    let document = api.upload(&who, uploaded, None, "Open from nine.").await;
    let document = id(&document.made());
    let mut second = named("Two");
    second["model"] = json!({ "provider": provider, "fallbacks": [{ "provider": "operator" }] });
    second["tools"] = json!(["opt_out", tool]);
    second["knowledge"] = json!([document]);
    desk.ask("POST", "/versions", &second).await.made();
    desk.ask("POST", "/versions", &named("Three")).await.made();
    let stale = desk
        .seen("POST", "/rollback", &json!({ "version": 2 }), Some("\"1\""))
        .await;
    assert_eq!(stale.status, 412);
    let missing = desk
        .ask("POST", "/rollback", &json!({ "version": 9 }))
        .await;
    assert_eq!(missing.fault(), ("/version".into(), "not_found".into()));

    let body = json!({ "version": 2, "note": "Three was rude" });
    assert_eq!(
        desk.ask("POST", "/rollback", &body).await.made()["version"],
        4
    );
    let fourth = desk.get("/versions/4").await.fine();
    assert_eq!(
        (&fourth["rolled_back_to"], &fourth["note"]),
        (&json!(2), &json!("Three was rude"))
    );
    assert_eq!(fourth["spec"], desk.get("/versions/2").await.fine()["spec"]);
    assert_eq!(desk.get("").await.fine()["name"], "Two");
    assert_eq!(desk.listed().await.len(), 4, "nothing is taken back");

    // What it names is gone since.
    for path in [
        format!("/v1/providers/{provider}"),
        format!("/v1/tools/{tool}"),
        format!("/v1/knowledge/documents/{document}"),
    ] {
        assert_eq!(api.delete(&who, &path).await.status, 204, "{path}");
    }
    let refused = desk.ask("POST", "/rollback", &body).await;
    assert_eq!((refused.status, refused.code()), (409, "conflict".into()));
    let errors = refused.json()["errors"].clone();
    let at: Vec<&str> = errors
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(at, ["/knowledge/0", "/model/provider", "/tools/1"]);
    assert_eq!(desk.listed().await.len(), 4);
    // Nor is a draft of the same published.
    second["knowledge"] = json!([]);
    desk.ask("PUT", "/draft", &second).await.fine();
    let refused = desk.ask("POST", "/publish", &json!({})).await;
    assert_eq!(refused.status, 409);
    assert_eq!(refused.json()["errors"].as_array().unwrap().len(), 2);
    assert_eq!(desk.get("/draft").await.status, 200, "it is still there");
}

#[tokio::test]
async fn versions_share_calls_until_the_next_is_published() {
    let api = Api::open().await;
    let (ours, theirs) = (api.client().await, api.client().await);
    let desk = Desk::open(&api, &ours).await;
    for name in ["Two", "Three"] {
        desk.ask("POST", "/versions", &named(name)).await.made();
    }
    let of = |shares: &[(u32, u32)]| -> Value {
        let shares = shares
            .iter()
            .map(|(version, percent)| json!({ "version": version, "percent": percent }));
        json!({ "versions": shares.collect::<Vec<_>>() })
    };
    for (shares, pointer, code) in [
        (&[][..], "/versions", "wrong_count"),
        (&[(1, 50), (2, 49)], "/versions", "wrong_sum"),
        (&[(1, 0), (2, 100)], "/versions/0/percent", "out_of_range"),
        (&[(1, 50), (1, 50)], "/versions/1/version", "duplicate"),
        (&[(1, 50), (9, 50)], "/versions/1/version", "not_found"),
    ] {
        let refused = desk.ask("PUT", "/split", &of(shares)).await;
        assert_eq!(
            (refused.status, refused.fault()),
            (422, (pointer.into(), code.into())),
            "{shares:?}"
        );
    }
    assert_eq!(desk.listed().await[0], (3, 100, false));
    let shared = desk.ask("PUT", "/split", &of(&[(3, 20), (1, 80)])).await;
    assert_eq!(shared.fine()["split"], of(&[(1, 80), (3, 20)])["versions"]);
    assert_eq!(
        desk.listed().await,
        [(3, 20, false), (2, 0, false), (1, 80, false)]
    );
    let tag = shared.header("etag").to_owned();
    assert_eq!(desk.get("").await.header("etag"), tag);
    let other = Desk {
        who: &theirs,
        path: desk.path.clone(),
        api: &api,
    };
    let foreign = other.ask("PUT", "/split", &of(&[(1, 100)])).await;
    assert_eq!(foreign.status, 404);
    assert_eq!(
        other.ask("DELETE", "/split", &Value::Null).await.status,
        404
    );

    // A new version that is to get calls by and by.
    desk.ask("PUT", "/draft", &named("Four")).await.fine();
    let kept = desk.ask("POST", "/publish", &json!({ "keep": true })).await;
    assert_eq!(kept.made()["version"], 4);
    assert_eq!(
        desk.listed().await,
        [(4, 0, false), (3, 20, false), (2, 0, false), (1, 80, false)]
    );
    desk.ask("PUT", "/split", &of(&[(1, 95), (4, 5)]))
        .await
        .fine();
    let stale = desk
        .seen("DELETE", "/split", &Value::Null, Some(&tag))
        .await;
    assert_eq!(stale.status, 412);
    let ended = desk.ask("DELETE", "/split", &Value::Null).await.fine();
    assert_eq!(ended["split"], Value::Null);
    assert_eq!(desk.listed().await[0], (4, 100, false));
    // Kept where nothing was shared, the one that has all calls has them on.
    desk.ask("POST", "/rollback", &json!({ "version": 2, "keep": true }))
        .await
        .made();
    assert_eq!(desk.listed().await[..2], [(5, 0, false), (4, 100, false)]);
    desk.ask("POST", "/rollback", &json!({ "version": 1 }))
        .await
        .made();
    assert_eq!(desk.listed().await[..2], [(6, 100, false), (5, 0, false)]);
    // An archived agent is shared no more.
    assert_eq!(desk.ask("DELETE", "", &Value::Null).await.status, 204);
    assert_eq!(
        desk.ask("PUT", "/split", &of(&[(1, 100)])).await.status,
        409
    );
    assert_eq!(desk.listed().await[0], (6, 0, false));
}

#[tokio::test]
async fn a_draft_is_tried_by_who_may_change_it() {
    let api = Api::open().await;
    let who = api.client().await;
    let desk = Desk::open(&api, &who).await;
    let agent_id = desk.path.rsplit('/').next().unwrap().to_owned();
    let wanted = |version: Value| json!({ "agent_id": agent_id, "agent_version": version });
    let url = async |who: &Who, version: Value| {
        let made = api.post(who, "/v1/media-urls", &wanted(version)).await;
        let made = made.made();
        let token = made["url"].as_str().unwrap().rsplit('/').next().unwrap();
        verify(token, &key(), now_s()).unwrap().version
    };
    let none = api
        .post(&who, "/v1/media-urls", &wanted(json!("draft")))
        .await;
    assert_eq!(none.fault(), ("/agent_version".into(), "not_found".into()));
    desk.ask("PUT", "/draft", &named("Two")).await.fine();
    for refused in [json!("newest"), json!(1.5), json!(-1)] {
        let refused = api.post(&who, "/v1/media-urls", &wanted(refused)).await;
        assert_eq!(refused.fault().0, "/agent_version");
    }
    let missing = api.post(&who, "/v1/media-urls", &wanted(json!(2))).await;
    assert_eq!(
        missing.fault(),
        ("/agent_version".into(), "not_found".into())
    );
    // Tried twice, it is one trial; the draft is as it was.
    let tag = desk.get("/draft").await.header("etag").to_owned();
    assert_eq!(url(&who, json!("draft")).await, Some(2));
    assert_eq!(url(&who, json!("draft")).await, Some(2));
    assert_eq!(desk.get("/draft").await.fine()["tried_as"], 2);
    assert_eq!(desk.listed().await, [(2, 0, true), (1, 100, false)]);
    let saved = desk
        .seen("PUT", "/draft", &named("Three"), Some(&tag))
        .await;
    assert_eq!(saved.fine()["tried_as"], Value::Null);
    assert_eq!(url(&who, json!("draft")).await, Some(3));
    assert_eq!(url(&who, json!(2)).await, Some(2));
    // Without a wish it is settled when the call begins.
    assert_eq!(url(&who, Value::Null).await, None);
    assert_eq!(desk.get("/versions/2").await.fine()["spec"]["name"], "Two");
    let shares = json!({ "versions": [{ "version": 2, "percent": 100 }] });
    let refused = desk.ask("PUT", "/split", &shares).await;
    assert_eq!(refused.fault().1, "not_published");
    let made = desk.ask("POST", "/publish", &json!({})).await.made();
    assert_eq!(made["version"], 4, "no test call is counted as one of it");

    let caller = api
        .key_of(&who.client, &["calls:control", "calls:place"], None)
        .await;
    for version in [json!("draft"), json!(1)] {
        for path in ["/v1/media-urls", "/v1/calls"] {
            let mut body = wanted(version.clone());
            if path == "/v1/calls" {
                body["to"] = "+12125550137".into();
                body["from"] = "+12125550188".into();
            }
            let refused = api.post(&caller, path, &body).await;
            assert_eq!(refused.code(), "forbidden", "{path}");
        }
    }
    assert_eq!(url(&caller, Value::Null).await, None);
    // A draft of another's is nobody's.
    let other = api.client().await;
    let foreign = api
        .post(&other, "/v1/media-urls", &wanted(json!("draft")))
        .await;
    assert_eq!(foreign.fault(), ("/agent_id".into(), "not_found".into()));
}
