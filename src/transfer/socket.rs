//! The media sockets of transfers: a person's, who hears what it is about, and a caller's, who is back.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::WebSocketUpgrade;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use trunkline_core::token::Claims;
use trunkline_core::wire::twilio::MESSAGE_BYTES_MAX;

use super::{Told, briefing};
use crate::app::App;
use crate::line::Line;

/// How long a socket may be open without its start.
const START_PATIENCE: Duration = Duration::from_secs(10);

/// A socket with a token of a transfer, which its carrier has signed where it must: it is let in once, while the transfer goes
/// on.
pub(crate) fn come(app: &Arc<App>, claims: &Claims, upgrade: WebSocketUpgrade) -> Response {
    let Some((told, briefing)) = app.transfers.expects(claims) else {
        return (StatusCode::NOT_FOUND, "no such transfer\n").into_response();
    };
    if app.tickets.spend(claims).is_err() {
        return (StatusCode::CONFLICT, "this media URL has been used\n").into_response();
    }
    let live = app.transfers.running.token();
    upgrade
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| async move {
            let mut line = Line::new(socket);
            let started = tokio::time::timeout(START_PATIENCE, line.start()).await;
            if !matches!(started, Ok(true)) {
                tracing::info!("the media socket of a transfer never started");
                return line.close().await;
            }
            match briefing {
                Some(briefing) => briefing::brief(line, &briefing, &told).await,
                None => drop(told.send(Told::Back(Box::new(line))).await),
            }
            drop(live);
        })
}
