//! A client's server that is told of events, and does what a test wants.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What a receiver does with what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    /// Takes it.
    Takes,
    /// Answers with this status.
    Answers(u16),
    /// Answers nothing, ever.
    Hangs,
    /// Points elsewhere: at its own other path.
    Redirects,
    /// Takes it, and answers without end.
    Talks,
}

/// Something that came.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Told {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }

    pub(crate) fn event_id(&self) -> &str {
        &self.headers["webhook-id"]
    }
}

struct Inner {
    does: Mutex<Does>,
    /// All that came, and what of it was taken.
    came: Mutex<Vec<Told>>,
    taken: Mutex<Vec<Told>>,
    elsewhere: Mutex<usize>,
    counts: watch::Sender<(usize, usize)>,
}

pub(crate) struct Receiver {
    pub(crate) url: String,
    inner: Arc<Inner>,
    _serving: JoinHandle<()>,
}

impl Receiver {
    pub(crate) async fn open(does: Does) -> Self {
        let inner = Arc::new(Inner {
            does: Mutex::new(does),
            came: Mutex::default(),
            taken: Mutex::default(),
            elsewhere: Mutex::default(),
            counts: watch::Sender::new((0, 0)),
        });
        let router = Router::new()
            .route("/told", post(told))
            .route("/elsewhere", post(elsewhere).get(elsewhere))
            .with_state(Arc::clone(&inner));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/told", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url,
            inner,
            _serving: serving,
        }
    }

    pub(crate) fn now(&self, does: Does) {
        *self.inner.does.lock().unwrap() = does;
    }

    pub(crate) fn came(&self) -> usize {
        self.inner.came.lock().unwrap().len()
    }

    /// What came first, whatever became of it.
    pub(crate) fn came_first(&self) -> Told {
        self.inner.came.lock().unwrap()[0].clone()
    }

    pub(crate) fn taken(&self) -> Vec<Told> {
        self.inner.taken.lock().unwrap().clone()
    }

    pub(crate) fn elsewhere(&self) -> usize {
        *self.inner.elsewhere.lock().unwrap()
    }

    /// Waits until so many were taken.
    pub(crate) async fn until_taken(&self, count: usize) {
        let mut counts = self.inner.counts.subscribe();
        counts.wait_for(|(_, taken)| *taken >= count).await.unwrap();
    }

    /// Waits until so many came, whatever became of them.
    pub(crate) async fn until_came(&self, count: usize) {
        let mut counts = self.inner.counts.subscribe();
        counts.wait_for(|(came, _)| *came >= count).await.unwrap();
    }
}

async fn told(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    let headers = headers.iter().map(|(name, value)| {
        let value = value.to_str().unwrap().to_owned();
        (name.as_str().to_owned(), value)
    });
    let told = Told {
        headers: headers.collect(),
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    let does = *inner.does.lock().unwrap();
    let is_taken = matches!(does, Does::Takes | Does::Talks | Does::Answers(200..=299));
    inner.came.lock().unwrap().push(told.clone());
    if is_taken {
        inner.taken.lock().unwrap().push(told);
    }
    inner.counts.send_modify(|(came, taken)| {
        *came += 1;
        *taken += usize::from(is_taken);
    });
    match does {
        Does::Takes => StatusCode::NO_CONTENT.into_response(),
        Does::Answers(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Does::Hangs => pending().await,
        Does::Redirects => {
            let to = [("location", "/elsewhere")];
            (StatusCode::TEMPORARY_REDIRECT, to).into_response()
        }
        Does::Talks => {
            let piece = Bytes::from(vec![b'x'; 64 * 1024]);
            let without_end = futures_util::stream::repeat_with(move || {
                Ok::<_, std::convert::Infallible>(piece.clone())
            });
            Body::from_stream(without_end).into_response()
        }
    }
}

async fn elsewhere(State(inner): State<Arc<Inner>>) -> StatusCode {
    *inner.elsewhere.lock().unwrap() += 1;
    StatusCode::OK
}
