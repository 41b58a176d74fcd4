//! Addresses at which a carrier opens one call's media socket.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use trunkline_core::token::{Claims, Direction};
use utoipa::ToSchema;

use super::agents::wanted::WantedVersion;
use super::auth::Caller;
use super::body::number;
use super::once::{Made, Posted};
use super::problem::{Code, Problem};
use super::refuse::stored;
use super::when::When;
use crate::agent::CallDirection;
use crate::app::{App, new_call_id};
use crate::clock;

const TTL_S_USUAL: u64 = 300;
const TTL_S_MAX: u64 = 86_400;

/// Which call the address is for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMediaUrl {
    /// The agent who answers: one made at the API. One with variables that every call must
    /// bring cannot be called so, since an address brings none.
    #[serde(alias = "assistant_id")]
    #[schema(example = "agent_01JD0000000000000000000000")]
    agent_id: String,
    /// In which version, in place of the one that its owner gives to such calls when the call begins; `draft` to try its
    /// draft as it is now. Needs `agents:write` too.
    agent_version: Option<WantedVersion>,
    /// The caller, in E.164 form.
    #[serde(alias = "from_number")]
    #[schema(example = "+15550100123")]
    from: Option<String>,
    /// The number called, in E.164 form.
    #[serde(alias = "to_number")]
    #[schema(example = "+15550100199")]
    to: Option<String>,
    /// Who calls whom; `inbound` if absent.
    direction: Option<CallDirection>,
    /// Seconds until the address stops working; 300 if absent.
    #[schema(minimum = 1, maximum = 86400)]
    ttl_seconds: Option<u64>,
}

/// An address for one call, once.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MediaUrl {
    /// The call's id, under which it is found once it began.
    #[schema(example = "call_01JD0000000000000000000000")]
    call_id: String,
    /// What to give to the carrier. Whoever has it can open the call: in the answer that makes it, and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "wss://voice.example.com/media/twilio/t1.e30.AAAA")]
    url: Option<String>,
    expires_at: When,
}

/// Make an address for one call's media
#[utoipa::path(
    post, path = "/v1/media-urls", tag = "live calls", request_body = NewMediaUrl,
    responses((status = 201, body = MediaUrl)),
)]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Posted { body: new, once }: Posted<NewMediaUrl>,
) -> Result<Response, Problem> {
    let read = |pointer, text: &Option<String>| {
        let text = text.as_deref();
        text.map(|text| number(pointer, text)).transpose()
    };
    let (from, to) = (read("/from", &new.from)?, read("/to", &new.to)?);
    let ttl_s = new.ttl_seconds.unwrap_or(TTL_S_USUAL);
    if !(1..=TTL_S_MAX).contains(&ttl_s) {
        let detail = "expected 1 to 86400";
        return Err(Problem::invalid("/ttl_seconds", "out_of_range", detail));
    }
    new.agent_version
        .map_or(Ok(()), |wanted| wanted.may(&caller))?;
    let work = async move {
        let agents = app.desk.store.agents();
        let agent = agents
            .find(&caller.client, &new.agent_id)
            .await
            .map_err(stored)?;
        if agent.is_none_or(|agent| agent.archived_ms.is_some()) {
            let detail = "there is no such agent here; agents from files are called by `trunkline stream-url`";
            return Err(Problem::invalid("/agent_id", "not_found", detail));
        }
        let version = match new.agent_version {
            Some(wanted) => Some(wanted.number(&app, &caller, &new.agent_id).await?),
            None => None,
        };
        let expires_ms = clock::unix_ms() + i64::try_from(ttl_s * 1_000).unwrap_or(i64::MAX);
        let claims = Claims {
            call_id: new_call_id(),
            client: Some(caller.client.as_str().to_owned()),
            agent: new.agent_id,
            version,
            from,
            to,
            direction: match new.direction {
                Some(CallDirection::Outbound) => Direction::Outbound,
                Some(CallDirection::Inbound) | None => Direction::Inbound,
            },
            expires_unix_s: u64::try_from(expires_ms / 1_000).unwrap_or(0),
            reusable: false,
            carrier: None,
        };
        let url = app
            .media_url(&claims)
            .ok_or_else(|| Problem::new(Code::Unavailable))?;
        let shown = MediaUrl {
            call_id: claims.call_id.clone(),
            url: Some(url),
            expires_at: When::of(expires_ms / 1_000 * 1_000),
        };
        let made = Made::new(&claims.call_id, String::new(), &shown)?;
        Ok(made.nowhere().secret(&["url"]))
    };
    once.settle(work).await
}
