//! Asking the client which agent takes a call. Whatever goes wrong, the number's own agent takes it.

use std::time::Duration;

use metrics::counter;
use trunkline_core::phone::PhoneNumber;
use trunkline_core::wire::hook::{self, ANSWER_BYTES_MAX, Choice, Incoming};
use trunkline_core::wire::twilio::webhook::VoiceRequest;

use crate::carrier::account::Account;
use crate::clock;
use crate::egress::{Egress, Whose};
use crate::store::numbers::Number;

/// How long the client's server may take, from the connection to the last byte: the caller hears it ring meanwhile.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the client's webhook chooses; the number's own agent where there is none, or none that answers.
pub(super) async fn ask(
    egress: &Egress,
    account: &Account,
    call: &VoiceRequest,
    call_id: &str,
    number: &Number,
) -> Choice {
    let (Some(url), Some(secret)) = (
        &account.settings.inbound_webhook,
        &account.secrets.inbound_webhook_secret,
    ) else {
        return own();
    };
    let text = |number: &'_ Option<PhoneNumber>| number.as_ref().map(|n| n.as_str().to_owned());
    let (from, to, forwarded) = (text(&call.from), text(&call.to), text(&call.forwarded_from));
    let body = hook::request(&Incoming {
        call_id,
        carrier_call_id: &call.call_id,
        from: from.as_deref(),
        to: to.as_deref(),
        forwarded_from: forwarded.as_deref(),
        is_number_vouched_for: call.is_number_vouched_for,
        number_id: &number.id,
        agent_id: number.agent_id.as_deref(),
    });
    let asked = tokio::time::timeout(PATIENCE, exchange(egress, url, secret, body)).await;
    match asked.unwrap_or(Err("timeout")) {
        Ok(choice) => choice,
        Err(reason) => {
            counter!("trunkline_inbound_webhook_failures_total", "reason" => reason).increment(1);
            tracing::warn!(client = %account.client, reason, "the inbound webhook did not choose");
            own()
        }
    }
}

fn own() -> Choice {
    Choice::Take {
        agent_id: None,
        variables: std::collections::BTreeMap::new(),
    }
}

async fn exchange(
    egress: &Egress,
    url: &str,
    secret: &str,
    body: String,
) -> Result<Choice, &'static str> {
    let now_s = u64::try_from(clock::unix_ms() / 1_000).unwrap_or(0);
    let signature = hook::sign(secret, now_s, body.as_bytes());
    let http = egress
        .http(Whose::Client, url)
        .map_err(|_| "refused_address")?;
    let mut response = http
        .post(url)
        .header("content-type", "application/json")
        .header(hook::SIGNATURE_HEADER, signature)
        .body(body)
        .send()
        .await
        .map_err(|_| "unreachable")?;
    if !response.status().is_success() {
        return Err("status");
    }
    let mut answer = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| "broken_off")? {
        if answer.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err("too_long");
        }
        answer.extend_from_slice(&chunk);
    }
    hook::read(&answer).map_err(|_| "unreadable")
}
