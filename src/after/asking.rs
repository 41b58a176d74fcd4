//! The question about a call, and its answer: asked once more if it does not fit.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use trunkline_core::after::{ANSWER_BYTES_MAX, Findings, Said, again, record};
use trunkline_core::cost::{Stage, Tokens, Units};
use trunkline_core::wire::openai::{ChatMessage, ErrorKind};

use crate::agent::After;
use crate::stack::Asked;
use crate::think::{Bounds, Unanswered, ask_once};

/// From a question to the end of its answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What became known of a call. What was not asked is absent.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Known {
    /// The summary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Data that fit the agent's schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
    /// The verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// The label that the model chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disposition: Option<String>,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // It says what was said.
        f.debug_struct("Known").finish_non_exhaustive()
    }
}

/// Whether a call reached what it was for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// `success`, `failure` or `unclear`.
    pub result: String,
    /// Why.
    pub reason: String,
}

/// Why nothing became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// Another try would come to the same.
    Final(&'static str),
    /// Another try may help, no sooner than in so many ms if the model said so.
    Passing(&'static str, Option<u64>),
}

/// Asks a model about a call.
///
/// What it costs is added to `units`, whether or not anything becomes known.
pub(super) async fn ask(
    asked: &Asked,
    after: &After,
    said: &[Said],
    units: &mut Units,
) -> Result<Known, Unknown> {
    let mut messages = vec![
        ChatMessage::System(after.wanted.instructions()),
        ChatMessage::User(record(said)),
    ];
    let answer = once(asked, &messages, units).await?;
    let misfits = match fitting(after, &answer) {
        Ok(known) => return Ok(known),
        Err(misfits) => misfits,
    };
    tracing::debug!(
        misfits = misfits.len(),
        "a model's answer about a call does not fit; asked once more"
    );
    messages.push(ChatMessage::Assistant {
        text: answer,
        tool_calls: Vec::new(),
    });
    messages.push(ChatMessage::User(again(&misfits)));
    let answer = once(asked, &messages, units).await?;
    fitting(after, &answer).map_err(|_| Unknown::Final("answer_does_not_fit"))
}

/// An answer that fits all that was asked, or what does not, a line each.
fn fitting(after: &After, answer: &str) -> Result<Known, Vec<String>> {
    let findings = after.wanted.read(answer)?;
    if let (Some(schema), Some(data)) = (&after.schema, &findings.data) {
        schema.check(data).map_err(|mismatches| {
            let lines = mismatches
                .iter()
                .map(|mismatch| format!("/data{}: {}", mismatch.path, mismatch.what));
            lines.collect::<Vec<String>>()
        })?;
    }
    Ok(Known::from(findings))
}

impl From<Findings> for Known {
    fn from(findings: Findings) -> Self {
        Self {
            summary: findings.summary,
            data: findings.data,
            verdict: findings.verdict.map(|(result, reason)| Verdict {
                result: result.as_str().to_owned(),
                reason,
            }),
            disposition: findings.disposition,
        }
    }
}

async fn once(
    asked: &Asked,
    messages: &[ChatMessage],
    units: &mut Units,
) -> Result<String, Unknown> {
    let bounds = Bounds {
        patience: PATIENCE,
        bytes_max: ANSWER_BYTES_MAX,
    };
    match ask_once(&asked.http, &asked.settings, messages, bounds).await {
        Ok(answered) => {
            if let Some((read, written)) = answered.tokens {
                let tokens = Tokens {
                    read,
                    written,
                    cached: 0,
                };
                units.add_tokens(Stage::After, asked.vendor, &asked.settings.model, tokens);
            }
            Ok(answered.text)
        }
        Err(unanswered) => {
            tracing::warn!(vendor = asked.vendor, error = %unanswered, "no answer about a call");
            Err(unknown(&unanswered))
        }
    }
}

fn unknown(unanswered: &Unanswered) -> Unknown {
    let error = match unanswered {
        Unanswered::NotReached => return Unknown::Passing("model_not_reached", None),
        Unanswered::Late => return Unknown::Passing("model_late", None),
        Unanswered::TooLong => return Unknown::Final("answer_too_long"),
        Unanswered::Refused(error) => error,
    };
    let wait_ms = error.retry_after_ms;
    match error.kind {
        // Whoever owns the account may mend these.
        ErrorKind::Unauthorised => Unknown::Passing("model_unauthorised", wait_ms),
        ErrorKind::Quota => Unknown::Passing("model_out_of_quota", wait_ms),
        ErrorKind::RateLimited => Unknown::Passing("model_rate_limited", wait_ms),
        ErrorKind::Overloaded => Unknown::Passing("model_overloaded", wait_ms),
        ErrorKind::Server => Unknown::Passing("model_failed", wait_ms),
        ErrorKind::Cut => Unknown::Passing("model_cut", wait_ms),
        ErrorKind::NotFound => Unknown::Final("model_not_found"),
        ErrorKind::TooLong => Unknown::Final("call_too_long"),
        ErrorKind::BadRequest => Unknown::Final("model_refused"),
        ErrorKind::Garbled => Unknown::Final("model_garbled"),
    }
}
