//! The nouns, one by one: what goes in comes out, and what must not does not.

use serde_json::{Value, json};
use trunkline::api::Rate;
use trunkline::live::Control;
use trunkline::providers::Providers;
use trunkline::stack::Defaults;
use trunkline_core::token::{Direction, verify};

use super::rig::{Api, agent, id};
use crate::session::rig::{key, now_s};
use crate::session::speaker::Speaker;

#[tokio::test]
async fn an_agent_has_versions_that_never_change() {
    let api = Api::open().await;
    let who = api.client().await;
    let made = api.post(&who, "/v1/agents", &agent()).await;
    let (agent_id, etag) = (id(&made.made()), made.header("etag").to_owned());
    let path = format!("/v1/agents/{agent_id}");
    assert_eq!(api.get(&who, &path).await.header("etag"), etag);
    let versions = format!("{path}/versions");
    let mut next = agent();
    next["name"] = "Marian".into();
    let seen = [("if-match", etag.as_str())];
    let second = api
        .ask(Some(&who.secret), "POST", &versions, &next, &seen)
        .await;
    assert_eq!(second.made()["version"], 2);
    let stale = api
        .ask(Some(&who.secret), "POST", &versions, &next, &seen)
        .await;
    assert_eq!(stale.status, 412);
    let shown = api.get(&who, &path).await.fine();
    assert_eq!(
        (&shown["version"], &shown["name"]),
        (&json!(2), &json!("Marian"))
    );
    for (version, name) in [(1, "Robin"), (2, "Marian")] {
        let shown = api.get(&who, &format!("{versions}/{version}")).await;
        assert_eq!(shown.fine()["spec"]["name"], name);
        assert!(shown.header("cache-control").contains("immutable"));
    }
    assert_eq!(api.get(&who, &format!("{versions}/3")).await.status, 404);
    // What a version shows is a version again.
    let spec = &api.get(&who, &format!("{versions}/1")).await.fine()["spec"];
    assert_eq!(api.post(&who, &versions, spec).await.made()["version"], 3);
    assert_eq!(api.delete(&who, &path).await.status, 204);
    assert_eq!(api.post(&who, &versions, &agent()).await.status, 409);
    assert!(api.get(&who, &path).await.fine()["archived_at"].is_string());
    assert_eq!(api.get(&who, "/v1/agents").await.fine()["data"], json!([]));
}

#[tokio::test]
async fn an_agent_that_hides_what_it_is_is_not_taken() {
    let api = Api::open().await;
    let who = api.client().await;
    let mut hiding = agent();
    hiding["opening"] = json!({ "texts": ["Hello, this is Robin."] });
    let answer = api.post(&who, "/v1/agents", &hiding).await;
    assert_eq!(answer.status, 422);
    assert!(
        answer.json()["errors"].to_string().contains("no_ai_notice"),
        "{answer:?}"
    );
}

fn tool() -> Value {
    json!({
        "name": "book", "description": "Books a day.", "url": "https://crm.example.com/days/{day}",
        "arguments": { "type": "object", "properties": { "day": { "type": "string" } }, "required": ["day"] },
    })
}

#[tokio::test]
async fn a_tools_secrets_are_shown_once_or_never() {
    let api = Api::open().await;
    let who = api.client().await;
    let new = json!({ "document": tool(), "secret_headers": { "authorization": "Bearer sekrit" } });
    let made = api.post(&who, "/v1/tools", &new).await.made();
    let key = made["signing_key"].as_str().unwrap().to_owned();
    assert!(key.starts_with("whsec_"), "{key}");
    let one = format!("/v1/tools/{}", id(&made));
    let change = json!({ "document": { "name": "book", "description": "Books.", "url": "https://crm.example.com/" } });
    let changed = api.patch(&who, &one, &change).await;
    assert_eq!(changed.fine()["document"]["description"], "Books.");
    // What is absent stays.
    assert_eq!(changed.fine()["secret_headers"], json!(["authorization"]));
    let listed = api.get(&who, "/v1/tools").await;
    for answer in [changed, listed, api.get(&who, &one).await] {
        let text = String::from_utf8_lossy(&answer.bytes).into_owned();
        assert!(
            !text.contains("sekrit") && !text.contains("whsec_"),
            "{text}"
        );
    }
    assert_eq!(api.delete(&who, &one).await.status, 204);
    assert_eq!(api.get(&who, &one).await.status, 404);
}

#[tokio::test]
async fn a_tool_that_cannot_be_used_is_refused_by_name() {
    let api = Api::open().await;
    let who = api.client().await;
    for (field, value, at) in [
        ("name", json!("end_call"), "/document/name"),
        ("name", json!("a b"), "/document/name"),
        ("description", json!(""), "/document/description"),
        ("url", json!("http://crm.example.com/"), "/document/url"),
        ("url", json!("https://127.0.0.1/"), "/document/url"),
        (
            "url",
            json!("https://169.254.169.254/latest"),
            "/document/url",
        ),
        ("url", json!("https://{day}.example.com/"), "/document/url"),
        (
            "url",
            json!("https://crm.example.com/{night}"),
            "/document/url",
        ),
        (
            "url",
            json!("https://crm.example.com/{day"),
            "/document/url",
        ),
        ("timeout_ms", json!(60_000), "/document/timeout_ms"),
        ("headers", json!({ "host": "other" }), "/document/headers"),
        ("headers", json!({ "a b": "c" }), "/document/headers"),
        (
            "arguments",
            json!({ "type": "string" }),
            "/document/arguments/type",
        ),
        (
            "arguments",
            json!({ "type": "object", "properties": { "day": { "type": "daytime" } } }),
            "/document/arguments/properties/day/type",
        ),
        ("after_words", json!(true), "/document/after_words"),
    ] {
        let mut document = tool();
        document[field] = value.clone();
        if field == "after_words" {
            document["awaited"] = json!(false);
        }
        let answer = api
            .post(&who, "/v1/tools", &json!({ "document": document }))
            .await;
        assert_eq!(answer.status, 422, "{field} {value} {answer:?}");
        let errors = answer.json()["errors"].to_string();
        assert!(errors.contains(at), "{field} {value}: {errors}");
    }
    let new = json!({ "document": tool(), "signing_key": "whsec_c2hvcnQ=" });
    let answer = api.post(&who, "/v1/tools", &new).await;
    assert_eq!(answer.status, 422);
    assert!(answer.json()["errors"].to_string().contains("/signing_key"));
}

#[tokio::test]
async fn secrets_go_in_and_never_out() {
    let api = Api::open().await;
    let who = api.client().await;
    let secret = "0123456789abcdef0123456789abcdef";
    let carrier = json!({
        "carrier": "twilio", "name": "Main", "secret": secret,
        "settings": { "account_sid": "ACfedcba9876543210fedcba9876543210" },
    });
    let provider = json!({
        "kind": "model", "vendor": "openai_compatible", "name": "Ours", "secret": secret,
        "settings": { "base_url": "https://llm.example.com/v1", "model": "m" },
    });
    for (path, new) in [
        ("/v1/carrier-accounts", carrier),
        ("/v1/providers", provider),
    ] {
        let made = api.post(&who, path, &new).await;
        let one = format!("{path}/{}", id(&made.made()));
        let change = json!({ "name": "Another", "secret": secret });
        let changed = api.patch(&who, &one, &change).await;
        assert_eq!(changed.fine()["name"], "Another");
        assert_eq!(changed.fine()["settings"], new["settings"]);
        let listed = api.get(&who, path).await;
        for answer in [made, changed, listed, api.get(&who, &one).await] {
            assert!(!String::from_utf8_lossy(&answer.bytes).contains(secret));
        }
        assert_eq!(api.delete(&who, &one).await.status, 204);
        assert_eq!(api.get(&who, &one).await.status, 404);
        assert_eq!(api.delete(&who, &one).await.status, 404);
    }
    let defaults = api.get(&who, "/v1/providers/defaults").await.fine();
    assert!(
        defaults["data"]
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["owner"] == "operator")
    );
}

#[tokio::test]
async fn what_the_operator_provides_is_listed_stage_by_stage() {
    let speaker = Speaker::open(false, []).await;
    let defaults = Defaults {
        realtime: Some(speaker.chosen()),
        ..Defaults::default()
    };
    let api = Api::of(Rate::default(), defaults, Providers::default()).await;
    let who = api.client().await;
    let listed = api.get(&who, "/v1/providers/defaults").await.fine();
    let one =
        |kind: &str, vendor: &str| json!({ "owner": "operator", "kind": kind, "vendor": vendor });
    let mut speaks = one("realtime", "openai_compatible");
    speaks["model"] = "stand-in".into();
    assert_eq!(
        listed["data"],
        json!([
            one("recogniser", "embedded"),
            one("voice", "embedded"),
            speaks
        ])
    );
    assert!(!listed.to_string().contains("hush"), "no key");
    // Without one there is none.
    let api = Api::open().await;
    let who = api.client().await;
    let listed = api.get(&who, "/v1/providers/defaults").await.fine();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_number_belongs_to_one_client_and_is_answered_by_one_of_its_agents() {
    let api = Api::open().await;
    let (ours, theirs) = (api.client().await, api.client().await);
    let agent_id = id(&api.post(&ours, "/v1/agents", &agent()).await.made());
    let new = json!({ "number": "+15550100123", "agent_id": agent_id });
    let foreign = api.post(&theirs, "/v1/numbers", &new).await;
    assert_eq!(
        foreign.fault(),
        ("/agent_id".into(), "not_found".into()),
        "another's agent"
    );
    let made = api.post(&ours, "/v1/numbers", &new).await.made();
    assert_eq!(
        (&made["number"], &made["agent_id"]),
        (&new["number"], &new["agent_id"])
    );
    for who in [&ours, &theirs] {
        let again = api
            .post(who, "/v1/numbers", &json!({ "number": "+15550100123" }))
            .await;
        assert_eq!((again.status, again.code()), (409, "conflict".into()));
    }
    let path = format!("/v1/numbers/{}", id(&made));
    assert_eq!(
        api.patch(&ours, &path, &json!({})).await.fine()["agent_id"],
        json!(agent_id),
        "absent stays"
    );
    assert_eq!(
        api.patch(&ours, &path, &json!({ "agent_id": null }))
            .await
            .fine()["agent_id"],
        Value::Null
    );
    assert_eq!(
        api.patch(&ours, &path, &json!({ "agent_id": agent_id }))
            .await
            .fine()["agent_id"],
        json!(agent_id)
    );
    assert_eq!(
        api.delete(&ours, &format!("/v1/agents/{agent_id}"))
            .await
            .status,
        204
    );
    assert_eq!(
        api.get(&ours, &path).await.fine()["agent_id"],
        Value::Null,
        "an archived agent answers nothing"
    );
    assert_eq!(api.delete(&ours, &path).await.status, 204);
    assert_eq!(
        api.post(&theirs, "/v1/numbers", &json!({ "number": "+15550100123" }))
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn calls_are_found_by_what_is_known_of_them() {
    let api = Api::open().await;
    let who = api.client().await;
    let first = api.call_of(&who, "+15550100123", 1_795_365_000_000).await;
    let second = api.call_of(&who, "+15550100124", 1_795_365_060_000).await;
    let shown = api.get(&who, &format!("/v1/calls/{first}")).await.fine();
    assert_eq!(
        (&shown["from"], &shown["to"]),
        (&json!("+15550100123"), &json!("+15550100199"))
    );
    assert_eq!(
        (&shown["status"], &shown["live"]),
        (&json!("in_progress"), &json!(false))
    );
    assert_eq!(shown["created_at"], "2026-11-22T16:30:00.000Z");
    assert_eq!(shown["consent"]["mode"], "affirmative");
    for (query, found) in [
        ("", vec![&second, &first]),
        ("?from=%2B15550100123", vec![&first]),
        ("?to=%2B15550100199", vec![&second, &first]),
        ("?to=%2B15550100123", vec![]),
        ("?status=in_progress", vec![&second, &first]),
        ("?status=ended", vec![]),
        (
            "?direction=inbound&agent_id=front-desk",
            vec![&second, &first],
        ),
        ("?direction=outbound", vec![]),
        ("?consent=undecided", vec![&second, &first]),
        ("?consent=granted", vec![]),
        ("?created_from=2026-11-22T16:30:01Z", vec![&second]),
        ("?created_until=2026-11-22T17:31:00%2B01:00", vec![&first]),
    ] {
        let listed = api.get(&who, &format!("/v1/calls{query}")).await.fine();
        let ids: Vec<String> = listed["data"].as_array().unwrap().iter().map(id).collect();
        assert_eq!(ids.iter().collect::<Vec<_>>(), found, "{query}");
    }
}

#[tokio::test]
async fn who_was_forgotten_has_no_number_any_more() {
    let api = Api::open().await;
    let who = api.client().await;
    let call = api.call_of(&who, "+15550100123", 1_795_365_000_000).await;
    let desk = &api.app.desk;
    let keys = desk.vault.client(&who.client).await.unwrap();
    let phone = trunkline_core::phone::PhoneNumber::parse("+15550100123").unwrap();
    let subject = keys.subject_id(&phone);
    desk.vault
        .forget_subject(&who.client, &subject)
        .await
        .unwrap();
    let shown = api.get(&who, &format!("/v1/calls/{call}")).await.fine();
    assert_eq!((&shown["from"], &shown["to"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn a_client_notes_what_it_likes_on_a_call() {
    let api = Api::open().await;
    let who = api.client().await;
    let path = format!(
        "/v1/calls/{}",
        api.call_of(&who, "+15550100123", 1_795_365_000_000).await
    );
    let change = json!({ "metadata": { "order": 7, "who": { "name": "Ann" } } });
    assert_eq!(
        api.patch(&who, &path, &change).await.fine()["metadata"],
        change["metadata"]
    );
    assert_eq!(
        api.get(&who, &path).await.fine()["metadata"],
        change["metadata"]
    );
    let huge = json!({ "metadata": { "x": "y".repeat(20_000) } });
    assert_eq!(
        api.patch(&who, &path, &huge).await.fault(),
        ("/metadata".into(), "too_long".into())
    );
}

#[tokio::test]
async fn a_live_call_is_told_what_to_do() {
    let api = Api::open().await;
    let (ours, theirs) = (api.client().await, api.client().await);
    let call = api.call_of(&ours, "+15550100123", 1_795_365_000_000).await;
    let path = |what: &str| format!("/v1/calls/{call}/{what}");
    let late = api.post(&ours, &path("hangup"), &Value::Null).await;
    assert_eq!((late.status, late.code()), (409, "call_not_live".into()));
    let mut controls = api.app.desk.live.register(&ours.client, &call, true);
    assert_eq!(
        api.get(&ours, &format!("/v1/calls/{call}")).await.fine()["live"],
        true
    );
    for (what, body, control) in [
        (
            "say",
            json!({ "text": "Hello." }),
            Control::Say {
                text: "Hello.".into(),
            },
        ),
        (
            "context",
            json!({ "text": "Be brief." }),
            Control::Context {
                text: "Be brief.".into(),
            },
        ),
        ("mute", Value::Null, Control::Mute),
        ("unmute", json!({}), Control::Unmute),
        ("hangup", Value::Null, Control::HangUp),
    ] {
        assert_eq!(api.post(&theirs, &path(what), &body).await.status, 404);
        let told = api.post(&ours, &path(what), &body).await;
        assert_eq!(told.status, 202, "{told:?}");
        assert_eq!(told.json(), json!({ "call_id": call, "told": what }));
        assert_eq!(controls.next().await, control);
    }
    // Said once, however often it is asked for with one key.
    let once = [("idempotency-key", "k")];
    for _ in 0..3 {
        let body = json!({ "text": "Once." });
        let told = api
            .ask(Some(&ours.secret), "POST", &path("say"), &body, &once)
            .await;
        assert_eq!(told.status, 202);
    }
    assert_eq!(
        controls.next().await,
        Control::Say {
            text: "Once.".into()
        }
    );
    let mut busy = None;
    for _ in 0..100 {
        let told = api.post(&ours, &path("mute"), &Value::Null).await;
        if told.status != 202 {
            busy = Some(told);
            break;
        }
        assert_eq!(told.status, 202);
    }
    assert_eq!(busy.unwrap().code(), "call_busy");
    for body in [
        json!({ "text": "" }),
        json!({ "text": "x".repeat(2_001) }),
        json!({}),
    ] {
        assert_eq!(
            api.post(&ours, &path("say"), &body).await.fault().0,
            "/text"
        );
    }
}

#[tokio::test]
async fn a_media_url_opens_one_call_of_one_client() {
    let api = Api::open().await;
    let who = api.client().await;
    let agent_id = id(&api.post(&who, "/v1/agents", &agent()).await.made());
    let new = json!({
        "agent_id": agent_id, "from": "+15550100123", "direction": "outbound", "ttl_seconds": 60,
    });
    let once = [("idempotency-key", "k")];
    let ask = async || {
        api.ask(Some(&who.secret), "POST", "/v1/media-urls", &new, &once)
            .await
    };
    let (made, again) = (ask().await, ask().await);
    let url = made.made()["url"].as_str().unwrap().to_owned();
    let token = url
        .strip_prefix("wss://trunkline.test/media/twilio/")
        .unwrap();
    let claims = verify(token, &key(), now_s()).unwrap();
    assert_eq!(claims.client.as_deref(), Some(who.client.as_str()));
    assert_eq!(
        (claims.agent, claims.direction),
        (agent_id, Direction::Outbound)
    );
    assert_eq!(claims.from.unwrap().as_str(), "+15550100123");
    assert!((now_s() + 50..=now_s() + 60).contains(&claims.expires_unix_s));
    assert_eq!(made.json()["call_id"], claims.call_id);
    assert_eq!(again.made()["call_id"], made.json()["call_id"]);
    assert!(again.json().get("url").is_none(), "{again:?}");
}

#[tokio::test]
async fn a_suppression_holds_until_it_is_lifted_for_a_reason() {
    let api = Api::open().await;
    let (ours, theirs) = (api.client().await, api.client().await);
    let new = json!({ "number": "+15550100123", "reason": "objection" });
    let question = json!({ "number": "+15550100123" });
    let asked = async |who| {
        api.post(who, "/v1/suppressions/check", &question)
            .await
            .fine()
    };
    assert_eq!(asked(&ours).await["suppressed"], false);
    let made = api.post(&ours, "/v1/suppressions", &new).await.made();
    let again = api.post(&ours, "/v1/suppressions", &new).await;
    assert_eq!(
        (again.status, &again.json()["id"]),
        (200, &made["id"]),
        "one number, one suppression"
    );
    assert_eq!(asked(&ours).await["suppression"]["id"], made["id"]);
    assert_eq!(
        asked(&theirs).await["suppressed"],
        false,
        "clients do not share"
    );
    let path = format!("/v1/suppressions/{}", id(&made));
    for answer in [
        api.get(&ours, "/v1/suppressions").await,
        api.get(&ours, &path).await,
    ] {
        assert!(!String::from_utf8_lossy(&answer.bytes).contains("5550100123"));
    }
    assert_eq!(
        api.delete(&ours, &path).await.fault(),
        ("query:reason".into(), "missing".into())
    );
    assert_eq!(
        api.delete(&ours, &format!("{path}?reason=bored"))
            .await
            .status,
        422
    );
    assert_eq!(
        api.delete(&ours, &format!("{path}?reason=new_consent"))
            .await
            .status,
        204
    );
    assert_eq!(asked(&ours).await["suppressed"], false);
    let lifted = api.get(&ours, &path).await.fine();
    assert_eq!(lifted["removed_reason"], "new_consent");
    assert!(lifted["removed_at"].is_string());
}
