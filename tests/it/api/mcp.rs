//! MCP servers among the tools: what their documents may say, and what asking one tells.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use trunkline::api::Rate;
use trunkline::egress::{Egress, Io, Net};
use trunkline::providers::Providers;
use trunkline::stack::Defaults;

use super::rig::{Api, id};

fn tool() -> Value {
    json!({ "name": "book", "description": "Books a day.", "url": "https://crm.example.com/book" })
}

fn mcp() -> Value {
    json!({ "kind": "mcp", "name": "crm", "description": "Ours.", "url": "https://crm.example.com/mcp" })
}

#[tokio::test]
async fn an_mcp_servers_document_says_nothing_of_single_tools() {
    let api = Api::open().await;
    let who = api.client().await;
    for (field, value, at) in [
        ("name", json!("x".repeat(33)), "/document/name"),
        (
            "arguments",
            json!({ "type": "object" }),
            "/document/arguments",
        ),
        ("method", json!("GET"), "/document/method"),
        ("repeatable", json!(true), "/document/repeatable"),
        (
            "url",
            json!("https://crm.example.com/{day}"),
            "/document/url",
        ),
        ("url", json!("http://crm.example.com/mcp"), "/document/url"),
        ("url", json!("https://10.0.0.1/mcp"), "/document/url"),
        (
            "headers",
            json!({ "mcp-session-id": "x" }),
            "/document/headers",
        ),
        ("tools", json!(["a", ""]), "/document/tools/1"),
        ("tools", json!(vec!["a"; 65]), "/document/tools"),
        ("kind", json!("smtp"), "/document/kind"),
    ] {
        let mut document = mcp();
        document[field] = value.clone();
        let new = json!({ "document": document });
        let answer = api.post(&who, "/v1/tools", &new).await;
        assert_eq!(answer.status, 422, "{field} {value} {answer:?}");
        let errors = answer.json()["errors"].to_string();
        assert!(errors.contains(at), "{field} {value}: {errors}");
    }
    let signed =
        json!({ "document": mcp(), "signing_key": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" });
    let answer = api.post(&who, "/v1/tools", &signed).await;
    assert!(answer.json()["errors"].to_string().contains("/signing_key"));
    let mut plain = tool();
    plain["tools"] = json!(["book"]);
    let answer = api
        .post(&who, "/v1/tools", &json!({ "document": plain }))
        .await;
    assert!(
        answer.json()["errors"]
            .to_string()
            .contains("/document/tools")
    );
}

/// A network whose every name leads into it.
struct Inside;

impl Net for Inside {
    fn lookup(&self, _: String, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        async move { Ok(vec![SocketAddr::from(([10, 0, 0, 7], port))]) }.boxed()
    }

    fn connect(&self, to: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Io>>> {
        panic!("connected to {to}");
    }
}

#[cfg(feature = "mcp")]
#[tokio::test]
async fn asking_an_mcp_server_tells_why_it_did_not_say_what_it_has() {
    let providers = Providers::new(Egress::over(Arc::new(Inside)));
    let api = Api::of(Rate::default(), Defaults::default(), providers).await;
    let (ours, theirs) = (api.client().await, api.client().await);
    let new = json!({ "document": mcp(), "secret_headers": { "authorization": "Bearer sekrit" } });
    let made = api.post(&ours, "/v1/tools", &new).await.made();
    assert!(made.get("signing_key").is_none(), "{made}");
    assert_eq!(made["document"]["kind"], "mcp");
    let check = format!("/v1/tools/{}/check", id(&made));
    let answer = api.post(&ours, &check, &Value::Null).await;
    // A client's name that leads into a network of the operator's leads nowhere.
    let told = json!({ "problem": "the MCP server is not reached", "tools": [], "left_out": [] });
    assert_eq!((answer.status, answer.json()), (200, told));
    assert_eq!(api.post(&theirs, &check, &Value::Null).await.status, 404);
    let plain = api
        .post(&ours, "/v1/tools", &json!({ "document": tool() }))
        .await
        .made();
    let check = format!("/v1/tools/{}/check", id(&plain));
    assert_eq!(api.post(&ours, &check, &Value::Null).await.status, 409);
}

#[cfg(not(feature = "mcp"))]
#[tokio::test]
async fn a_server_built_without_mcp_says_so() {
    let api = Api::open().await;
    let who = api.client().await;
    let answer = api
        .post(&who, "/v1/tools", &json!({ "document": mcp() }))
        .await;
    let errors = answer.json()["errors"].to_string();
    assert!(
        errors.contains("/document/kind") && errors.contains("built without MCP"),
        "{errors}"
    );
}
