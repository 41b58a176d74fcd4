//! Two clients: whatever one owns does not exist for the other. Every operation of the description is tried.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::rig::{Api, Who, agent, id};
use trunkline::dial::Question;
use trunkline::dial::grounds::Grounds;
use trunkline::store::decisions::DecisionAbout;

/// One operation of the description.
struct Operation {
    method: String,
    path: String,
    scope: String,
    description: Value,
}

/// Every operation under `/v1`.
async fn operations(api: &Api) -> (Vec<Operation>, Value) {
    let document = api
        .ask(None, "GET", "/openapi.json", &Value::Null, &[])
        .await
        .fine();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(path.starts_with("/v1/"), "{path}");
        for (method, description) in item.as_object().unwrap() {
            let scopes = description["security"][0]["key"].as_array();
            let scopes = scopes.unwrap_or_else(|| panic!("{method} {path} wants no scope"));
            assert_eq!(scopes.len(), 1, "{method} {path}");
            operations.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                scope: scopes[0].as_str().unwrap().to_owned(),
                description: description.clone(),
            });
        }
    }
    assert!(operations.len() > 40, "{}", operations.len());
    let mut names: Vec<_> = operations
        .iter()
        .map(|operation| operation.description["operationId"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), operations.len(), "operations share a name");
    (operations, document)
}

/// One of everything that a client can have, by the path under which the things are: the values of the path's
/// parameters.
async fn belongings(api: &Api, who: &Who) -> BTreeMap<&'static str, Vec<(&'static str, String)>> {
    let made = async |path: &str, body: Value| id(&api.post(who, path, &body).await.made());
    let agent_id = made("/v1/agents", agent()).await;
    let draft = format!("/v1/agents/{agent_id}/draft");
    let saved = api
        .ask(Some(&who.secret), "PUT", &draft, &agent(), &[])
        .await;
    saved.fine();
    let carrier = json!({
        "carrier": "twilio", "name": "Main", "secret": "0123456789abcdef0123456789abcdef",
        "settings": { "account_sid": "AC0123456789abcdef0123456789abcdef" },
    });
    let provider = json!({
        "kind": "model", "vendor": "openai_compatible", "name": "Ours", "secret": "sekrit",
        "settings": { "base_url": "https://llm.example.com/v1", "model": "m" },
    });
    let tool = json!({ "document": {
        "name": "book", "description": "Books.", "url": "https://crm.example.com/book",
    } });
    let suppression = json!({ "number": "+15550100123", "reason": "opt_out" });
    let consent = json!({
        "number": "+15550100123", "purposes": ["service"], "form": "express", "source": "call",
    });
    let complaint = json!({ "number": api.new_number(), "called_at": "2026-11-22T16:30:00Z" });
    let key = json!({ "name": "Other", "scopes": ["calls:read"] });
    let number = json!({ "number": api.new_number() });
    let blocked = json!({ "number": "+15550100123" });
    let callback = super::kept::callback(api, who).await;
    let documents = ("POST", "/v1/knowledge/documents?name=Hours");
    let document = api.upload(who, documents, None, "Open from nine.").await;
    let hook = json!({ "url": "https://crm.example.com/trunkline" });
    let hook = made("/v1/webhook-endpoints", hook).await;
    let test = format!("/v1/webhook-endpoints/{hook}/test");
    let tested = api.post(who, &test, &Value::Null).await;
    assert_eq!(tested.status, 202, "{tested:?}");
    let system = api.app.desk.store.system();
    while system.publish(0, 100).await.unwrap().events > 0 {}
    let told = format!("/v1/webhook-endpoints/{hook}/deliveries");
    let told = id(&api.get(who, &told).await.fine()["data"][0]);
    let contact = json!({ "phones": [{ "number": api.new_number() }] });
    let contact = made("/v1/contacts", contact).await;
    let list = made("/v1/contact-lists", json!({ "name": "Ours" })).await;
    let members = format!("/v1/contact-lists/{list}/contacts");
    api.post(who, &members, &json!({ "contacts": [contact] }))
        .await
        .fine();
    let rows = api.upload(
        who,
        ("POST", "/v1/imports"),
        Some("text/csv"),
        "phone\n+15550100123\n",
    );
    let import = rows.await.made();
    let registry = "/v1/registry-files?registry=gb-tps&as_of=2026-01-01";
    let registry = api.upload(
        who,
        ("POST", registry),
        Some("text/plain"),
        "+442079460018\n",
    );
    let registry = registry.await.made();
    BTreeMap::from([
        ("/v1/registry-files", vec![("id", id(&registry))]),
        ("/v1/contacts", vec![("id", contact.clone())]),
        (
            "/v1/contact-lists",
            vec![("id", list), ("contact", contact)],
        ),
        ("/v1/imports", vec![("id", id(&import))]),
        (
            "/v1/webhook-endpoints",
            vec![("id", hook), ("delivery_id", told)],
        ),
        (
            "/v1/knowledge/documents",
            vec![("id", id(&document.made()))],
        ),
        (
            "/v1/api-keys",
            vec![("id", made("/v1/api-keys", key).await)],
        ),
        (
            "/v1/agents",
            vec![("id", agent_id.clone()), ("version", "1".to_owned())],
        ),
        (
            "/v1/providers",
            vec![("id", made("/v1/providers", provider).await)],
        ),
        ("/v1/tools", vec![("id", made("/v1/tools", tool).await)]),
        (
            "/v1/carrier-accounts",
            vec![("id", made("/v1/carrier-accounts", carrier).await)],
        ),
        (
            "/v1/numbers",
            vec![("id", made("/v1/numbers", number).await)],
        ),
        (
            "/v1/blocked-callers",
            vec![("id", made("/v1/blocked-callers", blocked).await)],
        ),
        (
            "/v1/suppressions",
            vec![("id", made("/v1/suppressions", suppression).await)],
        ),
        (
            "/v1/consents",
            vec![("id", made("/v1/consents", consent).await)],
        ),
        (
            "/v1/complaints",
            vec![("id", made("/v1/complaints", complaint).await)],
        ),
        ("/v1/calls", vec![("id", super::kept::call(api, who).await)]),
        ("/v1/callbacks", vec![("id", callback)]),
        ("/v1/decisions", vec![("id", refused(api, who).await)]),
    ])
}

/// A call that was not allowed: its decision.
async fn refused(api: &Api, who: &Who) -> String {
    let keys = api.app.desk.keys(&who.client).await.unwrap();
    let question = Question {
        to: "+15550100123",
        places: &[],
        zones: &[],
        at_ms: None,
        asked_call_id: None,
        grounds: Grounds::default(),
        agent_id: None,
    };
    let (dialer, desk) = (api.app.dialer(), &api.app.desk);
    let verdict = dialer.may_call(desk, &keys, &question).await.unwrap();
    let about = (DecisionAbout::Call, "call_1");
    let noted = dialer.note_refusal(desk, &keys, question.to, &verdict, about);
    noted.await.unwrap();
    id(&api.get(who, "/v1/decisions").await.fine()["data"][0])
}

/// The path with its parameters filled in; none if it has none. A path that cannot be filled fails the test: whoever
/// adds one adds what belongs there.
fn filled(path: &str, belongings: &BTreeMap<&str, Vec<(&str, String)>>) -> Option<String> {
    let (collection, _) = path.split_once("/{")?;
    if collection == "/v1/rules" {
        // They are everybody's.
        return None;
    }
    let values = belongings
        .get(collection)
        .unwrap_or_else(|| panic!("{path}: no {collection} among the belongings"));
    let mut filled = path.to_owned();
    for (name, value) in values {
        filled = filled.replace(&format!("{{{name}}}"), value);
    }
    assert!(!filled.contains('{'), "{path}: {filled}");
    Some(filled)
}

/// A body that the operation takes: the schema's example, or one of our own.
fn body(operation: &Operation, document: &Value) -> Value {
    let content = &operation.description["requestBody"]["content"]["application/json"];
    let Some(name) = content["schema"]["$ref"].as_str() else {
        return Value::Null;
    };
    match name.rsplit('/').next().unwrap() {
        "AgentSpec" => agent(),
        "CallChange" => json!({ "metadata": {} }),
        "ComplaintChange" => json!({ "state": "upheld" }),
        "ClientChange" => json!({ "name": "Elm" }),
        "ProviderChange" | "CarrierAccountChange" | "KnowledgeDocumentChange" => {
            json!({ "name": "Elm" })
        }
        "ToolChange" => json!({ "secret_headers": {} }),
        "ContactDetails" => json!({}),
        "NewContactList" => json!({ "name": "Elm" }),
        "NewMembers" => json!({ "contacts": [trunkline::ids::new_id("con")] }),
        "NewHook" => json!({ "url": "https://crm.example.com/asked" }),
        "NumberChange" => json!({ "agent_id": null }),
        "Publish" => json!({}),
        "Withdrawal" => json!({ "source": "call" }),
        "Rollback" => json!({ "version": 1 }),
        "WantedSplit" => json!({ "versions": [{ "version": 1, "percent": 100 }] }),
        "WebhookEndpointChange" => json!({ "description": "Elm" }),
        "WebhookReplay" => json!({ "since": "2026-11-22T16:30:00Z" }),
        "Say" | "Context" => json!({ "text": "hello" }),
        other => {
            assert!(
                document["components"]["schemas"][other].is_object(),
                "{other}"
            );
            assert!(
                !operation.path.contains('{'),
                "{}: no body {other}",
                operation.path
            );
            json!({})
        }
    }
}

fn query(operation: &Operation) -> &'static str {
    let suppression = operation.path == "/v1/suppressions/{id}" && operation.method == "DELETE";
    if suppression { "?reason=mistake" } else { "" }
}

#[tokio::test]
async fn what_is_anothers_does_not_exist() {
    let api = Api::open().await;
    let (ours, theirs) = (api.client().await, api.client().await);
    let belongings = belongings(&api, &ours).await;
    // The same of theirs, so that an answer could be mixed up.
    self::belongings(&api, &theirs).await;
    let (operations, document) = operations(&api).await;
    let mut tried = 0;
    for operation in &operations {
        let Some(path) = filled(&operation.path, &belongings) else {
            continue;
        };
        let (what, uri) = (&operation.method, format!("{path}{}", query(operation)));
        let body = body(operation, &document);
        let foreign = api.ask(Some(&theirs.secret), what, &uri, &body, &[]).await;
        assert_eq!(foreign.status, 404, "{what} {uri}: {foreign:?}");
        if what == "HEAD" {
            continue;
        }
        assert_eq!(foreign.code(), "not_found");
        // Nor can it be told from what never was.
        let missing_uri = format!("{}{}", missing(&operation.path), query(operation));
        let missing = api
            .ask(Some(&theirs.secret), what, &missing_uri, &body, &[])
            .await;
        assert_eq!(
            alike(&foreign.json()),
            alike(&missing.json()),
            "{what} {uri}"
        );
        tried += 1;
    }
    assert!(tried > 25, "{tried}");
    // They are all still there for their owner, and whoever reads may read them.
    for operation in operations
        .iter()
        .filter(|operation| operation.method == "GET")
    {
        let Some(path) = filled(&operation.path, &belongings) else {
            continue;
        };
        let own = api.get(&ours, &path).await;
        assert_eq!(own.status, 200, "{path}: {own:?}");
    }
}

fn missing(path: &str) -> String {
    let sort = match path.split('/').nth(2).unwrap() {
        "api-keys" => "key",
        "agents" => "agent",
        "providers" => "prov",
        "tools" => "tool",
        "carrier-accounts" => "carr",
        "numbers" => "num",
        "blocked-callers" => "blk",
        "complaints" => "cmp",
        "consents" => "cns",
        "decisions" => "dec",
        "suppressions" => "sup",
        "calls" => "call",
        "callbacks" => "cb",
        "knowledge" => "doc",
        "webhook-endpoints" => "we",
        "contacts" => "con",
        "contact-lists" => "list",
        "imports" => "imp",
        "registry-files" => "reg",
        other => panic!("{other}"),
    };
    path.replace("{id}", &trunkline::ids::new_id(sort))
        .replace("{version}", "1")
        .replace("{delivery_id}", &trunkline::ids::new_id("dlv"))
        .replace("{contact}", &trunkline::ids::new_id("con"))
}

/// A problem without what is its own.
fn alike(problem: &Value) -> Value {
    let mut problem = problem.clone();
    let fields = problem.as_object_mut().unwrap();
    fields.remove("request_id").unwrap();
    fields.remove("instance").unwrap();
    problem
}

#[tokio::test]
async fn lists_hold_nothing_of_others() {
    let api = Api::open().await;
    let (ours, theirs) = (api.client().await, api.client().await);
    let belongings = belongings(&api, &ours).await;
    for (collection, values) in &belongings {
        let own = api.get(&ours, collection).await.fine();
        assert!(
            own["data"].to_string().contains(&values[0].1),
            "{collection}: {own}"
        );
        let foreign = api.get(&theirs, collection).await.fine();
        let ids = foreign["data"].as_array().unwrap().len();
        // Their own key is the one thing they have.
        assert_eq!(
            ids,
            usize::from(*collection == "/v1/api-keys"),
            "{collection}: {foreign}"
        );
    }
}

#[tokio::test]
async fn who_shows_no_key_is_let_in_nowhere() {
    let api = Api::open().await;
    let ours = api.client().await;
    let belongings = belongings(&api, &ours).await;
    let (operations, document) = operations(&api).await;
    let wrong = format!("tl_{}", "A".repeat(43));
    for operation in &operations {
        let path = filled(&operation.path, &belongings).unwrap_or(operation.path.clone());
        let body = body(operation, &document);
        for secret in [None, Some(wrong.as_str()), Some("nonsense"), Some("")] {
            let answer = api.ask(secret, &operation.method, &path, &body, &[]).await;
            assert_eq!(
                answer.status, 401,
                "{} {path}: {answer:?}",
                operation.method
            );
            assert_eq!(answer.code(), "unauthenticated");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
}

#[tokio::test]
async fn a_key_without_the_scope_is_refused_everywhere() {
    let api = Api::open().await;
    let ours = api.client().await;
    let belongings = belongings(&api, &ours).await;
    let (operations, document) = operations(&api).await;
    let scopes: Vec<&str> = trunkline::api::Scope::EACH
        .iter()
        .map(|(scope, _)| scope.as_str())
        .collect();
    for operation in &operations {
        assert!(
            scopes.contains(&operation.scope.as_str()),
            "{}",
            operation.scope
        );
        let others: Vec<&str> = scopes
            .iter()
            .copied()
            .filter(|scope| *scope != operation.scope)
            .collect();
        let who = api.key_of(&ours.client, &others, None).await;
        let path = filled(&operation.path, &belongings).unwrap_or(operation.path.clone());
        let body = body(operation, &document);
        let answer = api
            .ask(Some(&who.secret), &operation.method, &path, &body, &[])
            .await;
        assert_eq!(
            answer.status, 403,
            "{} {path}: {answer:?}",
            operation.method
        );
        assert_eq!(answer.code(), "forbidden");
        assert!(
            answer.json()["detail"]
                .as_str()
                .unwrap()
                .contains(&operation.scope)
        );
    }
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test's own switch is no configuration"
)]
async fn the_description_is_the_one_that_was_checked_in() {
    let api = Api::open().await;
    let answer = api
        .ask(None, "GET", "/openapi.json", &Value::Null, &[])
        .await;
    let text = String::from_utf8(answer.bytes.to_vec()).unwrap() + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/openapi.json");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        text == kept,
        "the API has changed: see what with BLESS=1 and a diff of fixtures/openapi.json"
    );
}

#[tokio::test]
async fn every_reference_of_the_description_leads_somewhere() {
    let api = Api::open().await;
    let (_, document) = operations(&api).await;
    let mut open = vec![&document];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                if let Some(name) = fields.get("$ref").and_then(Value::as_str) {
                    let pointer = name.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{name}");
                }
                open.extend(fields.values());
            }
            Value::Array(items) => open.extend(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

#[tokio::test]
async fn the_description_names_scopes_as_the_api_does() {
    let api = Api::open().await;
    let (_, document) = operations(&api).await;
    let named = document["components"]["schemas"]["Scope"]["enum"].as_array();
    let named: Vec<&str> = named
        .expect("there are scopes")
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    let scopes = trunkline::api::Scope::EACH
        .iter()
        .map(|(scope, _)| scope.as_str());
    assert_eq!(named, scopes.chain(["*"]).collect::<Vec<_>>());
}

#[tokio::test]
async fn who_says_what_they_saw_is_told_so_where_the_description_says_it() {
    let api = Api::open().await;
    let ours = api.client().await;
    let belongings = belongings(&api, &ours).await;
    let (operations, document) = operations(&api).await;
    let stale = [("if-match", "\"99\"")];
    let mut tried = 0;
    for operation in &operations {
        if operation.method == "GET" {
            continue;
        }
        let parameters = operation.description["parameters"].as_array().unwrap();
        let says = parameters
            .iter()
            .any(|parameter| parameter["name"] == "If-Match");
        if !says {
            continue;
        }
        let path = filled(&operation.path, &belongings).unwrap_or(operation.path.clone());
        let body = match operation.path.as_str() {
            "/v1/policy" => json!({ "destinations": [] }),
            _ => body(operation, &document),
        };
        let answer = api
            .ask(Some(&ours.secret), &operation.method, &path, &body, &stale)
            .await;
        assert_eq!(
            answer.status, 412,
            "{} {path}: {answer:?}",
            operation.method
        );
        tried += 1;
    }
    assert_eq!(tried, 23);
}
