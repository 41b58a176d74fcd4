//! The accept loop: how many may be connected, how long they may take to ask, and how they are let go.

mod patient;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::{Semaphore, watch};
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use patient::Patient;

/// Limits of what strangers may hold open.
#[derive(Clone, Copy, Debug)]
pub struct Doorway {
    /// Connections that are open at once and are no media sockets yet; further ones wait in the system's queue.
    pub connections_max: usize,
    /// How long a connection may take to ask: from its opening, or from the end of the answer before.
    pub head_patience: Duration,
    /// How long a connection may take none of what it is sent.
    pub write_patience: Duration,
    /// Most bytes that a request line and its headers may have.
    pub head_bytes_max: usize,
    /// Most headers of a request.
    pub headers_max: usize,
}

impl Default for Doorway {
    fn default() -> Self {
        Self {
            connections_max: 1_024,
            head_patience: Duration::from_secs(10),
            write_patience: Duration::from_secs(60),
            head_bytes_max: 32 * 1024,
            headers_max: 64,
        }
    }
}

/// Accepts until `closed` turns true, then lets the answers under way be finished. A connection that became a media
/// socket counts no longer: calls have their own bound.
///
/// HTTP/1.1 alone is spoken: carriers need its upgrade, and hyper-util's detection of the version waits for the first
/// byte without a deadline.
pub async fn accept<L: Listener>(
    mut listener: L,
    router: Router,
    doorway: Doorway,
    mut closed: watch::Receiver<bool>,
) {
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(doorway.connections_max));
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(doorway.head_patience)
        .max_buf_size(doorway.head_bytes_max)
        .max_headers(doorway.headers_max);
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await.0, place)
        };
        let (io, place) = tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => break,
            accepted = accepted => accepted,
        };
        let service = router
            .clone()
            .map_request(
                |request: hyper::Request<hyper::body::Incoming>| -> Request {
                    request.map(Body::new)
                },
            )
            .map_err(|never: Infallible| match never {});
        let (builder, mut closed) = (builder.clone(), closed.clone());
        connections.spawn(async move {
            let service = TowerToHyperService::new(service);
            let io = TokioIo::new(Patient::new(io, doorway.write_patience));
            let connection = builder.serve_connection(io, service).with_upgrades();
            tokio::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => Some(ended),
                _ = closed.wait_for(|closed| *closed) => None,
            };
            let ended = match ended {
                Some(ended) => ended,
                None => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "connection ended early");
            }
            drop(place);
        });
    }
    connections.close();
    connections.wait().await;
}
