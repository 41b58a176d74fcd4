//! What a live call can be told.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use trunkline_core::call::SAY_CHARS_MAX;
use utoipa::ToSchema;

use super::find;
use crate::api::auth::Caller;
use crate::api::body::{Id, text};
use crate::api::once::{Bare, Made, Once, Posted};
use crate::api::problem::{Code, Problem};
use crate::api::refuse::stored;
use crate::app::App;
use crate::dial::NotCancelled;
use crate::live::{Control, Untold};

const CONTEXT_CHARS_MAX: usize = 8_000;

/// Words to be said.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Say {
    /// The words.
    #[schema(max_length = 600, example = "One more thing: please bring your card.")]
    text: String,
}

/// Something to know.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Context {
    /// What the agent should know from its next answer on; it is not read out.
    #[schema(
        max_length = 8000,
        example = "The three o'clock slot has just been taken."
    )]
    text: String,
}

/// The call was told; it does it in a moment.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Told {
    #[schema(example = "call_01JD0000000000000000000000")]
    call_id: String,
    #[schema(value_type = String, example = "hangup")]
    told: &'static str,
}

async fn tell(
    app: Arc<App>,
    caller: Caller,
    id: String,
    once: Once,
    told: &'static str,
    control: Control,
) -> Result<Response, Problem> {
    find(&app.desk, &caller, &id).await?;
    let work = async move {
        let hangs_up = control == Control::HangUp;
        match app.desk.live.send(&caller.client, &id, control) {
            Ok(()) => {}
            Err(Untold::Scripted) => return Err(Problem::new(Code::AgentFollowsScript)),
            Err(Untold::Busy) => return Err(Problem::new(Code::CallBusy).retry_after(1)),
            // Nobody has answered it yet, perhaps.
            Err(Untold::NotLive) if hangs_up => cancel(&app, &caller, &id).await?,
            Err(Untold::NotLive) => return Err(Problem::new(Code::CallNotLive)),
        }
        let answer = Told {
            call_id: id.clone(),
            told,
        };
        let made = Made::new(&id, String::new(), &answer)?;
        Ok(made.nowhere().status(StatusCode::ACCEPTED))
    };
    once.settle(work).await
}

/// Takes back a call that we placed and nobody has answered.
async fn cancel(app: &App, caller: &Caller, id: &str) -> Result<(), Problem> {
    let cancelled = app.dialer().cancel(app, &caller.client, id).await;
    cancelled.map_err(|error| match error {
        NotCancelled::NotLive => Problem::new(Code::CallNotLive),
        NotCancelled::NotYet => Problem::new(Code::CallBusy)
            .detail("whether the carrier has the call is being looked up")
            .retry_after(2),
        NotCancelled::Store(error) => stored(error),
        error @ (NotCancelled::Carrier(_) | NotCancelled::Account(_) | NotCancelled::Egress(_)) => {
            tracing::warn!(%error, "a call is not taken back");
            Problem::new(Code::Unavailable).retry_after(2)
        }
    })
}

/// Say goodbye and end
///
/// A call that we placed and nobody has answered yet is taken back at the carrier, without a word.
#[utoipa::path(
    post, path = "/v1/calls/{id}/hangup", tag = "live calls", params(("id" = String, Path)),
    responses((status = 202, body = Told)),
)]
pub(in crate::api) async fn hangup(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    Bare(once): Bare,
) -> Result<Response, Problem> {
    tell(app, caller, id, once, "hangup", Control::HangUp).await
}

/// Say something
///
/// It is said as soon as the caller is not speaking.
#[utoipa::path(
    post, path = "/v1/calls/{id}/say", tag = "live calls", params(("id" = String, Path)),
    request_body = Say, responses((status = 202, body = Told)),
)]
pub(in crate::api) async fn say(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    Posted { body, once }: Posted<Say>,
) -> Result<Response, Problem> {
    text("/text", &body.text, SAY_CHARS_MAX)?;
    let control = Control::Say { text: body.text };
    tell(app, caller, id, once, "say", control).await
}

/// Let the agent know something
#[utoipa::path(
    post, path = "/v1/calls/{id}/context", tag = "live calls", params(("id" = String, Path)),
    request_body = Context, responses((status = 202, body = Told)),
)]
pub(in crate::api) async fn context(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    Posted { body, once }: Posted<Context>,
) -> Result<Response, Problem> {
    text("/text", &body.text, CONTEXT_CHARS_MAX)?;
    let control = Control::Context { text: body.text };
    tell(app, caller, id, once, "context", control).await
}

/// Stay silent
///
/// The agent listens and says nothing until it is unmuted; the law's notices are said nevertheless.
#[utoipa::path(
    post, path = "/v1/calls/{id}/mute", tag = "live calls", params(("id" = String, Path)),
    responses((status = 202, body = Told)),
)]
pub(in crate::api) async fn mute(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    Bare(once): Bare,
) -> Result<Response, Problem> {
    tell(app, caller, id, once, "mute", Control::Mute).await
}

/// Speak again
#[utoipa::path(
    post, path = "/v1/calls/{id}/unmute", tag = "live calls", params(("id" = String, Path)),
    responses((status = 202, body = Told)),
)]
pub(in crate::api) async fn unmute(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    Bare(once): Bare,
) -> Result<Response, Problem> {
    tell(app, caller, id, once, "unmute", Control::Unmute).await
}
