//! What a document names of the client's and the operator's: there when it was written, and perhaps no more.

use crate::agent::{AgentSpec, EMBEDDED, OPERATORS};
use crate::api::auth::Caller;
use crate::api::problem::{Code, Problem};
use crate::api::refuse::stored;
use crate::app::App;
use crate::store::providers::ProviderKind;
use crate::tools;

/// A provider of the client's that a document names.
struct Named<'s> {
    pointer: String,
    id: &'s str,
    kind: ProviderKind,
}

fn providers(spec: &AgentSpec) -> Vec<Named<'_>> {
    use ProviderKind::{Model, Recogniser, Voice};
    let realtime = spec.realtime.as_ref();
    let first = [
        ("/recogniser", spec.recogniser.provider.as_ref(), Recogniser),
        ("/model", spec.model.provider.as_ref(), Model),
        ("/voice", spec.voice.provider.as_ref(), Voice),
        // An account for models is one for models that speak.
        (
            "/realtime",
            realtime.and_then(|one| one.provider.as_ref()),
            Model,
        ),
        ("/after/model", spec.after.model.provider.as_ref(), Model),
    ];
    let first = first.into_iter().filter_map(|(place, id, kind)| {
        Some(Named {
            pointer: format!("{place}/provider"),
            id: id?,
            kind,
        })
    });
    let behind = spec.fallbacks().into_iter().flat_map(|list| {
        let kind = match list.place {
            "/recogniser/fallbacks" => Recogniser,
            "/voice/fallbacks" => Voice,
            _ => Model,
        };
        let entries = list.entries.into_iter().enumerate();
        entries.map(move |(at, entry)| Named {
            pointer: format!("{}/{at}/provider", list.place),
            id: entry.provider,
            kind,
        })
    });
    let all = first.chain(behind);
    all.filter(|named| ![OPERATORS, EMBEDDED].contains(&named.id))
        .collect()
}

/// Whether everything that a document names is there: documents, providers that do what they are named for, and tools.
pub(super) async fn are_there(app: &App, caller: &Caller, spec: &AgentSpec) -> Result<(), Problem> {
    let (store, client) = (&app.desk.store, &caller.client);
    let mut missing = Vec::new();
    for (at, id) in spec.knowledge.iter().enumerate() {
        if store
            .knowledge()
            .find(client, id)
            .await
            .map_err(stored)?
            .is_none()
        {
            missing.push((format!("/knowledge/{at}"), "there is no such document"));
        }
    }
    for named in providers(spec) {
        let row = store.providers().find(client, named.id).await;
        if row
            .map_err(stored)?
            .is_none_or(|row| row.kind != named.kind)
        {
            missing.push((named.pointer, "there is no such provider for this"));
        }
    }
    for (at, name) in spec.tools.iter().enumerate() {
        let is_there = match name.as_str() {
            name if tools::BUILT_IN.contains(&name) => true,
            id if id.starts_with(tools::ID_PREFIX) => {
                let row = store.tools().find(client, id).await;
                row.map_err(stored)?.is_some()
            }
            name => app.stacks.defaults().tools.contains_key(name),
        };
        if !is_there {
            missing.push((format!("/tools/{at}"), "there is no such tool"));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let problem = Problem::new(Code::Invalid);
    Err(missing
        .into_iter()
        .fold(problem, |problem, (pointer, detail)| {
            problem.at(pointer, "not_found", detail)
        }))
}
