//! Files that are fetched from an address.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use trunkline::imports::fetching;
use trunkline::stack::Defaults;

use crate::api::rig::{Api, Who, id};
use crate::events::on_this_machine;

const FILE: &str = "phone,Name\n+4930123456,Ann\n030 123457,Bob\n12,Cy\n";

/// Somebody's server of files.
pub(crate) struct Shelf {
    base: String,
    inner: Arc<Inner>,
    _serving: JoinHandle<()>,
}

struct Inner {
    asked: AtomicUsize,
    /// What may be answered of `slow.csv`.
    slow: Semaphore,
    /// `busy.csv` is there from then on.
    well_from: AtomicUsize,
}

async fn file(
    State(inner): State<Arc<Inner>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let asked = inner.asked.fetch_add(1, Ordering::SeqCst);
    // Nobody of ours says who asks, or for whom.
    assert!(!headers.contains_key("authorization"));
    let to = |place: &str| (StatusCode::FOUND, [(header::LOCATION, place.to_owned())]);
    let csv = [(header::CONTENT_TYPE, "text/csv")];
    match name.as_str() {
        "file.csv" => (csv, FILE).into_response(),
        "file.jsonl" => "{\"phone\":\"+4930123458\"}\n".into_response(),
        "slow.csv" => {
            inner.slow.acquire().await.unwrap().forget();
            (csv, FILE).into_response()
        }
        "busy.csv" if asked < inner.well_from.load(Ordering::SeqCst) => {
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
        "busy.csv" => (csv, FILE).into_response(),
        "moved.csv" => to("/file.csv").into_response(),
        "circle.csv" => to("/circle.csv").into_response(),
        // A public address, unencrypted: none that an operator's endpoints may have.
        "elsewhere.csv" => to("http://93.184.215.14/file.csv").into_response(),
        "odd.csv" => to("file:///etc/passwd").into_response(),
        "page.csv" => ([(header::CONTENT_TYPE, "text/html")], "<p>").into_response(),
        "packed.csv" => ([(header::CONTENT_ENCODING, "gzip")], "x").into_response(),
        "huge.csv" => {
            let first = stream::iter([Ok::<_, std::io::Error>("phone\n")]);
            let body = Body::from_stream(first.chain(stream::pending()));
            ([(header::CONTENT_LENGTH, "1073741825")], body).into_response()
        }
        "short.csv" => {
            let broken = Err(std::io::Error::other("gone"));
            let pieces = stream::iter([Ok("phone\n"), broken]);
            ([(header::CONTENT_LENGTH, "100")], Body::from_stream(pieces)).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

impl Shelf {
    pub(crate) async fn open() -> Self {
        let inner = Arc::new(Inner {
            asked: AtomicUsize::new(0),
            slow: Semaphore::new(0),
            well_from: AtomicUsize::new(usize::MAX),
        });
        let router = Router::new()
            .route("/{name}", get(file))
            .with_state(Arc::clone(&inner));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            base,
            inner,
            _serving: serving,
        }
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.base)
    }

    fn asked(&self) -> usize {
        self.inner.asked.load(Ordering::SeqCst)
    }

    /// Has `slow.csv` be answered so often.
    pub(crate) fn let_go(&self, times: usize) {
        self.inner.slow.add_permits(times);
    }

    pub(crate) async fn until_asked(&self, times: usize) {
        while self.asked() < times {
            tokio::task::yield_now().await;
        }
    }
}

async fn house() -> (Api, Shelf, Who) {
    let api = Api::open().await;
    on_this_machine(&api);
    let who = api.client().await;
    (api, Shelf::open().await, who)
}

async fn ask(api: &Api, who: &Who, body: &Value) -> String {
    let made = api.post(who, "/v1/imports", body).await.made();
    assert_eq!(
        (&made["state"], &made["bytes"]),
        (&json!("fetching"), &json!(0))
    );
    assert_eq!(made["url"], body["url"]);
    id(&made)
}

async fn shown(api: &Api, who: &Who, import: &str) -> Value {
    api.get(who, &format!("/v1/imports/{import}")).await.fine()
}

/// What comes of an import once it was fetched, as often as it may be tried, and read.
async fn done(api: &Api, who: &Who, import: &str) -> Value {
    for _ in 0..fetching::TRIES_MAX {
        fetching::catch_up(&api.app).await.unwrap();
        // What is to be tried again later is tried now.
        api.app.desk.store.system().release_fetches().await.unwrap();
    }
    api.app.imports.catch_up().await.unwrap();
    shown(api, who, import).await
}

fn kept(api: &Api) -> usize {
    let files = std::fs::read_dir(api.data().join("imports"));
    files.map_or(0, Iterator::count)
}

#[tokio::test]
async fn a_file_is_fetched_and_read_as_if_it_had_been_sent() {
    let (api, shelf, who) = house().await;
    let theirs = api.client().await;
    let url = format!("{}?token=s3cr3t-of-theirs", shelf.url("file.csv"));
    let body = json!({ "url": url, "default_country": "DE", "mapping": { "Name": "ignore" } });
    let import = ask(&api, &who, &body).await;
    // What waits to be fetched is not read.
    assert_eq!(api.app.imports.catch_up().await.unwrap(), 0);
    let foreign = api.get(&theirs, &format!("/v1/imports/{import}")).await;
    assert_eq!(foreign.status, 404);
    assert_eq!(fetching::catch_up(&api.app).await.unwrap(), 1);
    assert_eq!(shown(&api, &who, &import).await["state"], "waiting");
    let done = done(&api, &who, &import).await;
    assert_eq!(done["state"], "completed", "{done}");
    assert_eq!((&done["added"], &done["failed"]), (&json!(2), &json!(1)));
    assert_eq!(done["bytes"], FILE.len());
    assert_eq!(shelf.asked(), 1);
    let found = api
        .get(&who, "/v1/contacts?phone=%2B4930123457")
        .await
        .fine();
    assert_eq!(found["data"][0]["variables"], json!({}));
    assert_eq!(kept(&api), 0);
    for entry in std::fs::read_dir(api.data()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            !text.contains("s3cr3t-of-theirs"),
            "the address is on the disk"
        );
    }
    // Lines of JSON are known by the address, and one redirect is followed.
    for name in ["file.jsonl", "moved.csv"] {
        let import = ask(
            &api,
            &who,
            &json!({ "url": shelf.url(name), "dry_run": true }),
        )
        .await;
        let done = self::done(&api, &who, &import).await;
        assert_eq!(done["state"], "completed", "{name}: {done}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_had_says_why() {
    let (api, shelf, who) = house().await;
    for (name, code, asked) in [
        ("none.csv", "not_given", 1),
        ("circle.csv", "too_many_redirects", 4),
        ("elsewhere.csv", "address_refused", 1),
        ("odd.csv", "address_refused", 1),
        ("page.csv", "web_page", 1),
        ("packed.csv", "encoded", 1),
        ("huge.csv", "too_large", 1),
        // These may pass, and are tried again.
        ("short.csv", "broken_off", 4),
        ("busy.csv", "server_error", 4),
    ] {
        let before = shelf.asked();
        let import = ask(&api, &who, &json!({ "url": shelf.url(name) })).await;
        let done = done(&api, &who, &import).await;
        let told = (&done["state"], &done["problem"]["code"]);
        assert_eq!(told, (&json!("fetch_failed"), &json!(code)), "{name}");
        assert!(done["ended_at"].is_string());
        assert_eq!(shelf.asked() - before, asked, "{name}");
        assert_eq!(kept(&api), 0, "{name}");
    }
    // Nobody is there.
    let import = ask(&api, &who, &json!({ "url": "http://127.0.0.1:1/file.csv" })).await;
    let done = done(&api, &who, &import).await;
    assert_eq!(done["problem"]["code"], "unreachable");
}

#[tokio::test]
async fn one_that_fails_for_a_moment_is_tried_again() {
    let (api, shelf, who) = house().await;
    shelf.inner.well_from.store(2, Ordering::SeqCst);
    let import = ask(&api, &who, &json!({ "url": shelf.url("busy.csv") })).await;
    assert_eq!(fetching::catch_up(&api.app).await.unwrap(), 1);
    assert_eq!(shown(&api, &who, &import).await["state"], "fetching");
    // Not at once.
    assert_eq!(fetching::catch_up(&api.app).await.unwrap(), 0);
    let done = done(&api, &who, &import).await;
    assert_eq!(
        (&done["state"], &done["added"]),
        (&json!("completed"), &json!(1))
    );
    assert_eq!(shelf.asked(), 3);
}

#[tokio::test]
async fn a_restart_fetches_anew() {
    let (api, shelf, who) = house().await;
    let import = ask(&api, &who, &json!({ "url": shelf.url("slow.csv") })).await;
    let app = Arc::clone(&api.app);
    let fetch = tokio::spawn(async move { fetching::catch_up(&app).await });
    shelf.until_asked(1).await;
    // Nobody else fetches it meanwhile.
    assert_eq!(fetching::catch_up(&api.app).await.unwrap(), 0);
    fetch.abort();
    assert!(fetch.await.unwrap_err().is_cancelled());
    let api = api.again(Defaults::default()).await;
    on_this_machine(&api);
    assert_eq!(shown(&api, &who, &import).await["state"], "fetching");
    shelf.let_go(2);
    let fetching = tokio::spawn(fetching::keep(Arc::clone(&api.app)));
    while shown(&api, &who, &import).await["state"] == "fetching" {
        tokio::task::yield_now().await;
    }
    fetching.abort();
    api.app.imports.catch_up().await.unwrap();
    let done = shown(&api, &who, &import).await;
    assert_eq!(
        (&done["state"], &done["added"]),
        (&json!("completed"), &json!(1))
    );
    assert_eq!(shelf.asked(), 2);
}

#[tokio::test]
async fn one_that_was_taken_back_is_not_read_and_holds_up_nobody_elses() {
    let (api, shelf, who) = house().await;
    let theirs = api.client().await;
    let import = ask(&api, &who, &json!({ "url": shelf.url("slow.csv") })).await;
    let next = ask(&api, &who, &json!({ "url": shelf.url("file.csv") })).await;
    let other = ask(&api, &theirs, &json!({ "url": shelf.url("file.csv") })).await;
    let app = Arc::clone(&api.app);
    let fetch = tokio::spawn(async move { fetching::catch_up(&app).await });
    shelf.until_asked(1).await;
    // Of one client one at a time.
    assert_eq!(fetching::catch_up(&api.app).await.unwrap(), 1);
    assert_eq!(shown(&api, &theirs, &other).await["state"], "waiting");
    assert_eq!(shown(&api, &who, &next).await["state"], "fetching");
    let cancel = format!("/v1/imports/{import}/cancel");
    let cancelled = api.post(&who, &cancel, &Value::Null).await;
    assert_eq!(cancelled.fine()["state"], "cancelled");
    shelf.let_go(1);
    fetch.await.unwrap().unwrap();
    let stays = done(&api, &who, &import).await;
    assert_eq!(
        (&stays["state"], &stays["rows"]),
        (&json!("cancelled"), &json!(0))
    );
    assert_eq!(shown(&api, &who, &next).await["state"], "completed");
    assert_eq!(kept(&api), 0);
}

#[tokio::test]
async fn what_is_asked_for_is_looked_at_first() {
    let api = Api::open().await;
    let who = api.client().await;
    let fine = "https://files.example.com/a.csv";
    for (body, pointer) in [
        (json!({ "url": "http://files.example.com/a.csv" }), "/url"),
        (json!({ "url": "https://127.0.0.1/a.csv" }), "/url"),
        (json!({ "url": "https://169.254.169.254/latest" }), "/url"),
        (json!({ "url": "https://db.internal/a.csv" }), "/url"),
        (
            json!({ "url": "https://a:b@files.example.com/a.csv" }),
            "/url",
        ),
        (json!({ "url": "" }), "/url"),
        (
            json!({ "url": fine, "list": "list_01J8Z0000000000000000000AA" }),
            "/list",
        ),
        (
            json!({ "url": fine, "default_country": "XX" }),
            "/default_country",
        ),
        (
            json!({ "url": fine, "mapping": { "a": "nonsense" } }),
            "/mapping",
        ),
    ] {
        let refused = api.post(&who, "/v1/imports", &body).await;
        assert_eq!(refused.status, 422, "{body}");
        assert_eq!(refused.fault().0, pointer, "{body}");
    }
    let key = [("idempotency-key", "once")];
    let (mut ids, body) = (Vec::new(), json!({ "url": fine }));
    for _ in 0..2 {
        let path = "/v1/imports?";
        let asked = api.ask(Some(&who.secret), "POST", path, &body, &key);
        ids.push(id(&asked.await.made()));
    }
    assert_eq!(ids[0], ids[1]);
    for _ in 1..20 {
        api.post(&who, "/v1/imports", &json!({ "url": fine }))
            .await
            .made();
    }
    let too_many = api.post(&who, "/v1/imports", &json!({ "url": fine })).await;
    assert_eq!(too_many.status, 409);
}
