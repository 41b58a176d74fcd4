//! The router, as a table of contents, and the life of the server behind it.

mod body;
mod envelope;
mod listen;
mod page;
mod problem;
mod rate;
mod scope;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;

pub use body::BODY_BYTES_MAX;
pub use envelope::REQUEST_ID;
pub use listen::{Doorway, accept};
pub use problem::{Code, Problem};
pub use rate::Rate;
pub use scope::{Scope, Scopes};

use crate::app::App;
use crate::telephony;

/// How long live calls may take to end when the server does: their last words, and a little.
pub const DRAIN_PATIENCE: Duration = Duration::from_secs(20);

/// The routes.
pub fn router(app: &Arc<App>) -> Router {
    Router::new()
        .route(
            &format!("{}/{{token}}", telephony::MEDIA_PATH),
            get(telephony::media),
        )
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .with_state(Arc::clone(app))
}

/// Serves until `stop`, then lets live calls say goodbye.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        // Small messages at a steady beat: nothing is gained by holding them back.
        let _ = stream.set_nodelay(true);
    });
    let serving = tokio::spawn(accept(
        listener,
        router(&app),
        Doorway::default(),
        app.draining.subscribe(),
    ));
    stop.await;
    tracing::info!(
        calls = app.tasks.len(),
        "shutting down: live calls say goodbye"
    );
    app.draining.send_replace(true);
    app.tasks.close();
    if tokio::time::timeout(DRAIN_PATIENCE, app.tasks.wait())
        .await
        .is_err()
    {
        tracing::warn!(calls = app.tasks.len(), "calls were cut off");
    }
    serving.abort();
    Ok(())
}

async fn ready(State(app): State<Arc<App>>) -> (StatusCode, &'static str) {
    if *app.draining.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n");
    }
    match app.ears.admit() {
        Ok(_) => (StatusCode::OK, "ready\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "busy\n"),
    }
}
