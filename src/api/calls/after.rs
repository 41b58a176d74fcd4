//! What became known of a call once it was over.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Row, subject};
use crate::after::{self, Known};
use crate::api::auth::Caller;
use crate::api::problem::Problem;
use crate::api::refuse::{stored, unopened};
use crate::api::scope::Scope;
use crate::api::when::When;
use crate::app::App;
use crate::store::after::{AfterRow, AfterState, SetBy};
use crate::vault::ClientKeys;

/// How far something is that is to become known of a call. Further words may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum State {
    /// Still to be found out: the call goes on, or its turn has not come.
    Waiting,
    /// Found out.
    Done,
    /// It could not be found out, and is not tried again.
    Failed,
    /// It must not, or cannot, be found out: nothing of the call is kept, or no longer.
    Skipped,
}

/// Whether a call reached what it was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum VerdictIs {
    /// It did.
    Success,
    /// It did not.
    Failure,
    /// What was said does not tell.
    Unclear,
}

/// The answer to the agent's `after.success`.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Verdict {
    result: VerdictIs,
    /// Why; null for a key without `transcripts:read`.
    reason: Option<String>,
}

/// What a model found out about a call after its end. It goes when consent is taken back.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct AfterCall {
    state: State,
    /// Why it failed, was skipped, or is tried again, in stable snake_case: `nothing_kept`, `refused`, `withdrawn`, `erased`,
    /// `nothing_said`, `forgotten`, `no_model`, `model_late`, `answer_does_not_fit`, …
    reason: Option<String>,
    /// What was wanted: `summary`, `data`, `verdict`, `disposition`.
    parts: Vec<String>,
    /// How often a model was turned to.
    tries: u64,
    /// When the call began.
    wanted_at: When,
    /// When it was found out or given up.
    finished_at: Option<When>,
    /// Null until it is found out, and for a key without `transcripts:read`.
    summary: Option<String>,
    /// A value that fits the agent's `after.extract`; null until it is found out, and for a key without `transcripts:read`.
    data: Option<Value>,
    /// Null until it is found out.
    verdict: Option<Verdict>,
}

/// Who said what became of a call. Further words may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum DispositionBy {
    /// A model, after the call.
    Model,
    /// A tool that the agent's mind called.
    Tool,
    /// A person, by `PATCH /v1/calls/{id}`: their word is not changed by the others.
    Person,
}

/// What became of a call, in a word of its agent's list.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Disposition {
    #[schema(example = "booked")]
    label: String,
    set_by: DispositionBy,
    set_at: When,
}

/// A label to give to a call.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, max_length = 40, example = "booked")]
pub(in crate::api) struct Label(String);

impl From<AfterState> for State {
    fn from(state: AfterState) -> Self {
        match state {
            AfterState::Waiting => Self::Waiting,
            AfterState::Done => Self::Done,
            AfterState::Failed => Self::Failed,
            AfterState::Skipped => Self::Skipped,
        }
    }
}

impl VerdictIs {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "success" => Some(Self::Success),
            "failure" => Some(Self::Failure),
            "unclear" => Some(Self::Unclear),
            _ => None,
        }
    }
}

/// What became known of a call, as far as this caller may see it.
pub(super) async fn known(
    app: &App,
    caller: &Caller,
    keys: &ClientKeys,
    call: &Row,
) -> Result<Option<AfterCall>, Problem> {
    let row = app.desk.store.after().find(&caller.client, &call.id).await;
    let Some(row) = row.map_err(stored)? else {
        return Ok(None);
    };
    let may_read = caller.scopes.allow(Scope::TranscriptsRead);
    let known = if may_read {
        opened(keys, call, &row).await
    } else {
        Known::default()
    };
    let result = row.verdict.as_deref().and_then(VerdictIs::parse);
    let reason = known.verdict.map(|verdict| verdict.reason);
    Ok(Some(AfterCall {
        state: row.state.into(),
        reason: row.reason,
        parts: row.parts,
        tries: row.tries,
        wanted_at: When::of(row.wanted_ms),
        finished_at: row.done_ms.map(When::of),
        summary: known.summary,
        data: known.data,
        verdict: result.map(|result| Verdict { result, reason }),
    }))
}

/// Nothing, once the person on the line is forgotten.
async fn opened(keys: &ClientKeys, call: &Row, row: &AfterRow) -> Known {
    let (Some(body), Some(key)) = (&row.body, &call.sealed_key) else {
        return Known::default();
    };
    let Some(subject) = subject(keys, call).await else {
        return Known::default();
    };
    let opened = subject.open_call_key(&key.0);
    let opened = opened.and_then(|key| after::open(keys.id(), &call.id, &key, body));
    opened.unwrap_or_else(|error| {
        tracing::error!(call.id = %call.id, %error, "what is known of a call cannot be opened");
        Known::default()
    })
}

/// What became of a call, if anybody said.
pub(super) async fn disposition(
    app: &App,
    keys: &ClientKeys,
    call_id: &str,
) -> Result<Option<Disposition>, Problem> {
    let row = app.desk.store.after().disposition(keys.id(), call_id).await;
    let Some(row) = row.map_err(stored)? else {
        return Ok(None);
    };
    Ok(Some(Disposition {
        label: after::label_of(keys, &row.label).map_err(unopened)?,
        set_by: match row.set_by {
            SetBy::Model => DispositionBy::Model,
            SetBy::Tool => DispositionBy::Tool,
            SetBy::Person => DispositionBy::Person,
        },
        set_at: When::of(row.set_ms),
    }))
}

impl Label {
    /// The label, if the agent that held the call has it.
    pub(super) async fn known(
        self,
        app: &App,
        keys: &ClientKeys,
        call: &Row,
    ) -> Result<String, Problem> {
        let version = (call.agent_id.as_str(), call.agent_version);
        let agent = app
            .reception
            .version(&app.desk, keys, version.0, version.1)
            .await;
        match agent {
            Ok(agent) if agent.after.has_label(&self.0) => Ok(self.0),
            Ok(_) | Err(_) => {
                let detail =
                    "expected a label of `after.dispositions` of the agent that held the call";
                Err(Problem::invalid("/disposition", "unknown_value", detail))
            }
        }
    }
}
