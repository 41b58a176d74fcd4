//! The router, as a table of contents, and the life of the server behind it.

mod agents;
mod agreements;
mod analytics;
mod api_keys;
mod auth;
mod blocked_callers;
mod body;
mod callbacks;
mod calls;
mod carriers;
mod client;
mod complaints;
mod consents;
mod contacts;
mod decisions;
mod disclosures;
mod docs;
mod envelope;
mod events;
mod hooks;
mod imports;
mod knowledge;
mod limits;
mod listen;
mod media_urls;
mod numbers;
mod once;
mod outside;
mod page;
mod policy;
mod problem;
mod providers;
mod rate;
mod ratios;
mod refuse;
mod registries;
mod revision;
mod rules;
mod scope;
mod span;
mod spend;
mod suppressions;
mod table;
mod tools;
mod webhook_endpoints;
mod when;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use body::BODY_BYTES_MAX;
pub use envelope::REQUEST_ID;
pub use listen::{Doorway, accept};
pub use problem::{Code, Problem};
pub use rate::Rate;
pub use scope::{Scope, Scopes};

use crate::admission::{Full, RETRY_AFTER_S};
use crate::after;
use crate::app::App;
use crate::callbacks::running;
use crate::deliveries;
use crate::desk::care;
use crate::dial::{ending, judging, sweep};
use crate::telephony;
use crate::webhooks;
use auth::Door;
use table::Table;
use webhook_endpoints::deliveries as told;

/// What strangers and keys may take of the server.
#[derive(Clone, Copy, Debug, Default)]
pub struct ApiLimits {
    /// How often a key may ask.
    pub rate: Rate,
    /// What connections may hold.
    pub doorway: Doorway,
}

/// How long HTTP answers under way may take to end once the last call has.
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);
/// How long a request may take until its answer begins.
const REQUEST_PATIENCE: Duration = Duration::from_secs(30);
/// How long a readiness check waits for the store.
const STORE_PATIENCE: Duration = Duration::from_secs(2);
/// How long live calls may take to end when the server does: their last words, and a little.
pub const DRAIN_PATIENCE: Duration = Duration::from_secs(20);

/// Where files are sent to.
const FILES: [&str; 3] = [
    imports::PATH,
    registries::files::PATH,
    suppressions::import::PATH,
];

/// The routes.
pub fn router(app: &Arc<App>) -> Router {
    let (v1, document) = v1(app).split_for_parts();
    Router::new()
        .route(
            &format!("{}/{{token}}", telephony::MEDIA_PATH),
            get(telephony::media),
        )
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .merge(crate::dial::webhook::routes())
        .merge(crate::transfer::routes())
        .merge(webhooks::routes())
        .merge(v1)
        .merge(docs::routes(&document))
        .fallback(async || Problem::not_found())
        .layer(
            ServiceBuilder::new()
                .layer(from_fn(envelope::seal))
                .layer(CatchPanicLayer::custom(envelope::panicked))
                .layer(from_fn(within_patience)),
        )
        .with_state(Arc::clone(app))
}

/// Lets a request take so long until its answer begins; one that brings a file, longer.
async fn within_patience(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let brings_file = request.method() == Method::POST
        && route.is_some_and(|route| FILES.contains(&route.as_str()));
    let patience = if brings_file {
        imports::INTAKE_PATIENCE
    } else {
        REQUEST_PATIENCE
    };
    let answered = tokio::time::timeout(patience, next.run(request)).await;
    answered.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
}

/// The API, each route with the scope that it wants.
fn v1(app: &Arc<App>) -> OpenApiRouter<Arc<App>> {
    let door = Arc::new(Door::new(Arc::clone(app), app.limits.rate));
    Table::new(door, OpenApiRouter::with_openapi(docs::frame()))
        .add(Scope::ClientRead, routes!(client::get))
        .add(Scope::ClientRead, routes!(limits::get))
        .add(Scope::ClientRead, routes!(ratios::get))
        .add(Scope::ClientRead, routes!(agreements::list))
        .add(Scope::ClientWrite, routes!(client::change))
        .add(Scope::ClientWrite, routes!(agreements::accept))
        .add(Scope::KeysRead, routes!(api_keys::list))
        .add(Scope::KeysRead, routes!(api_keys::get))
        .add(Scope::KeysWrite, routes!(api_keys::create))
        .add(Scope::KeysWrite, routes!(api_keys::revoke))
        .add(Scope::AgentsRead, routes!(agents::list))
        .add(Scope::AgentsRead, routes!(agents::get))
        .add(Scope::AgentsRead, routes!(agents::versions::list))
        .add(Scope::AgentsRead, routes!(agents::versions::get))
        .add(Scope::AgentsRead, routes!(agents::draft::get))
        .add(Scope::AgentsRead, routes!(agents::diff::get))
        .add(Scope::AgentsWrite, routes!(agents::create))
        .add(Scope::AgentsWrite, routes!(agents::archive))
        .add(Scope::AgentsWrite, routes!(agents::publish::add))
        .add(Scope::AgentsWrite, routes!(agents::draft::put))
        .add(Scope::AgentsWrite, routes!(agents::draft::remove))
        .add(Scope::AgentsWrite, routes!(agents::publish::of_draft))
        .add(Scope::AgentsWrite, routes!(agents::publish::rollback))
        .add(Scope::AgentsWrite, routes!(agents::split::put))
        .add(Scope::AgentsWrite, routes!(agents::split::end))
        .add(Scope::ProvidersRead, routes!(providers::list))
        .add(Scope::ProvidersRead, routes!(providers::defaults))
        .add(Scope::ProvidersRead, routes!(providers::get))
        .add(Scope::ProvidersWrite, routes!(providers::create))
        .add(Scope::ProvidersWrite, routes!(providers::change))
        .add(Scope::ProvidersWrite, routes!(providers::remove))
        .add(Scope::ToolsRead, routes!(tools::list))
        .add(Scope::ToolsRead, routes!(tools::get))
        .add(Scope::ToolsWrite, routes!(tools::create))
        .add(Scope::ToolsWrite, routes!(tools::change))
        .add(Scope::ToolsWrite, routes!(tools::remove))
        .add(Scope::ToolsWrite, routes!(tools::check::check))
        .add(Scope::CarriersRead, routes!(carriers::list))
        .add(Scope::CarriersRead, routes!(carriers::get))
        .add(Scope::CarriersWrite, routes!(carriers::create))
        .add(Scope::CarriersWrite, routes!(carriers::change))
        .add(Scope::CarriersWrite, routes!(carriers::remove))
        .add(Scope::NumbersRead, routes!(numbers::list))
        .add(Scope::NumbersRead, routes!(numbers::get))
        .add(Scope::NumbersWrite, routes!(numbers::create))
        .add(Scope::NumbersWrite, routes!(numbers::change))
        .add(Scope::NumbersWrite, routes!(numbers::remove))
        .add(Scope::NumbersRead, routes!(blocked_callers::list))
        .add(Scope::NumbersRead, routes!(blocked_callers::get))
        .add(Scope::NumbersWrite, routes!(blocked_callers::create))
        .add(Scope::NumbersWrite, routes!(blocked_callers::remove))
        .add(Scope::CallsRead, routes!(callbacks::list))
        .add(Scope::CallsRead, routes!(callbacks::get))
        .add(Scope::CallsPlace, routes!(callbacks::create))
        .add(Scope::CallsPlace, routes!(callbacks::cancel))
        .add(Scope::CallsRead, routes!(calls::list))
        .add(Scope::CallsPlace, routes!(calls::place::create))
        .add(Scope::CallsPlace, routes!(calls::check::check))
        .add(Scope::CallsRead, routes!(calls::get))
        .add(Scope::CallsControl, routes!(calls::change))
        .add(Scope::CallsRead, routes!(calls::course::events))
        .add(Scope::CallsRead, routes!(calls::course::consent))
        .add(Scope::TranscriptsRead, routes!(calls::transcript::get))
        .add(Scope::RecordingsRead, routes!(calls::recording::get))
        .add(Scope::CallsControl, routes!(calls::control::hangup))
        .add(Scope::CallsControl, routes!(calls::control::say))
        .add(Scope::CallsControl, routes!(calls::control::context))
        .add(Scope::CallsControl, routes!(calls::control::mute))
        .add(Scope::CallsControl, routes!(calls::control::unmute))
        .add(Scope::CallsControl, routes!(media_urls::create))
        .add(Scope::ConsentsRead, routes!(consents::list))
        .add(Scope::ConsentsRead, routes!(consents::get))
        .add(Scope::ConsentsRead, routes!(consents::check))
        .add(Scope::ConsentsWrite, routes!(consents::create))
        .add(Scope::ConsentsWrite, routes!(consents::withdrawing::of))
        .add(
            Scope::ConsentsWrite,
            routes!(consents::withdrawing::by_number),
        )
        .add(Scope::ContactsRead, routes!(contacts::list))
        .add(Scope::ContactsRead, routes!(contacts::get))
        .add(Scope::ContactsRead, routes!(contacts::timeline::get))
        .add(Scope::ContactsRead, routes!(contacts::contactable::get))
        .add(Scope::ContactsRead, routes!(contacts::lists::list))
        .add(Scope::ContactsRead, routes!(contacts::lists::get))
        .add(Scope::ContactsExport, routes!(contacts::export::get))
        .add(Scope::ContactsRead, routes!(imports::list))
        .add(Scope::ContactsRead, routes!(imports::get))
        .add(Scope::ContactsRead, routes!(imports::errors::csv))
        .add(Scope::ContactsWrite, routes!(imports::create))
        .add(Scope::ContactsWrite, routes!(imports::cancel))
        .add(Scope::ContactsWrite, routes!(contacts::create))
        .add(Scope::ContactsWrite, routes!(contacts::change))
        .add(Scope::ContactsWrite, routes!(contacts::remove))
        .add(Scope::ContactsWrite, routes!(contacts::lists::create))
        .add(Scope::ContactsWrite, routes!(contacts::lists::change))
        .add(Scope::ContactsWrite, routes!(contacts::lists::remove))
        .add(Scope::ContactsWrite, routes!(contacts::lists::put_on))
        .add(Scope::ContactsWrite, routes!(contacts::lists::take_off))
        .add(Scope::SuppressionsRead, routes!(suppressions::list))
        .add(Scope::SuppressionsRead, routes!(suppressions::get))
        .add(Scope::SuppressionsRead, routes!(suppressions::check))
        .add(Scope::SuppressionsRead, routes!(suppressions::many::check))
        .add(Scope::SuppressionsRead, routes!(suppressions::export::get))
        .add(
            Scope::SuppressionsWrite,
            routes!(suppressions::import::create),
        )
        .add(Scope::SuppressionsWrite, routes!(suppressions::create))
        .add(Scope::SuppressionsWrite, routes!(suppressions::remove))
        .add(Scope::AnalyticsRead, routes!(analytics::get))
        .add(Scope::KnowledgeRead, routes!(knowledge::list))
        .add(Scope::KnowledgeRead, routes!(knowledge::get))
        .add(Scope::KnowledgeRead, routes!(knowledge::search))
        .add(Scope::KnowledgeWrite, routes!(knowledge::create))
        .add(Scope::KnowledgeWrite, routes!(knowledge::change))
        .add(Scope::KnowledgeWrite, routes!(knowledge::replace))
        .add(Scope::KnowledgeWrite, routes!(knowledge::remove))
        .add(Scope::WebhooksRead, routes!(webhook_endpoints::list))
        .add(Scope::WebhooksRead, routes!(webhook_endpoints::get))
        .add(Scope::WebhooksRead, routes!(told::list))
        .add(Scope::WebhooksWrite, routes!(webhook_endpoints::create))
        .add(Scope::WebhooksWrite, routes!(webhook_endpoints::change))
        .add(Scope::WebhooksWrite, routes!(webhook_endpoints::remove))
        .add(Scope::WebhooksWrite, routes!(webhook_endpoints::rotate))
        .add(Scope::WebhooksWrite, routes!(webhook_endpoints::test))
        .add(Scope::WebhooksWrite, routes!(told::replay))
        .add(Scope::WebhooksWrite, routes!(told::replay_since))
        .add(Scope::DisclosuresRead, routes!(disclosures::list))
        .add(Scope::DisclosuresRead, routes!(disclosures::export))
        .add(Scope::EventsRead, routes!(events::list))
        .add(Scope::PolicyRead, routes!(rules::list))
        .add(Scope::PolicyRead, routes!(rules::get))
        .add(Scope::CallsRead, routes!(decisions::list))
        .add(Scope::CallsRead, routes!(decisions::get))
        .add(Scope::CallsRead, routes!(decisions::of_call))
        .add(Scope::RegistriesRead, routes!(registries::list))
        .add(Scope::RegistriesRead, routes!(registries::files::list))
        .add(Scope::RegistriesRead, routes!(registries::files::get))
        .add(Scope::RegistriesWrite, routes!(registries::files::create))
        .add(Scope::RegistriesWrite, routes!(registries::files::cancel))
        .add(Scope::RegistriesWrite, routes!(registries::files::remove))
        .add(Scope::PolicyRead, routes!(hooks::screening))
        .add(Scope::PolicyRead, routes!(hooks::predial))
        .add(Scope::PolicyWrite, routes!(hooks::set_screening))
        .add(Scope::PolicyWrite, routes!(hooks::set_predial))
        .add(Scope::PolicyWrite, routes!(hooks::remove_screening))
        .add(Scope::PolicyWrite, routes!(hooks::remove_predial))
        .add(Scope::ComplaintsRead, routes!(complaints::list))
        .add(Scope::ComplaintsRead, routes!(complaints::get))
        .add(Scope::ComplaintsWrite, routes!(complaints::create))
        .add(Scope::ComplaintsWrite, routes!(complaints::change))
        .add(Scope::PolicyRead, routes!(policy::get))
        .add(Scope::PolicyWrite, routes!(policy::set))
        .finish()
}

/// Serves until `stop`, then lets live calls say goodbye and closes the desk.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        // Small messages at a steady beat: nothing is gained by holding them back.
        let _ = stream.set_nodelay(true);
    });
    let mut serving = tokio::spawn(accept(
        listener,
        router(&app),
        app.limits.doorway,
        app.draining.subscribe(),
    ));
    let caring = tokio::spawn(care::keep(Arc::clone(&app.desk), app.draining.subscribe()));
    let knowing = tokio::spawn(after::keep(Arc::clone(&app)));
    let mut calling = tokio::spawn(running::keep(Arc::clone(&app)));
    let asking = tokio::spawn(sweep::keep(Arc::clone(&app)));
    let ending = tokio::spawn(ending::keep(Arc::clone(&app)));
    let judging = tokio::spawn(judging::keep(Arc::clone(&app)));
    let mut telling = tokio::spawn(deliveries::keep(Arc::clone(&app)));
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
    // Nobody is left on a line for nothing.
    let _ = tokio::time::timeout(ANSWER_PATIENCE, app.transfers.settled()).await;
    if tokio::time::timeout(ANSWER_PATIENCE, &mut serving)
        .await
        .is_err()
    {
        serving.abort();
    }
    // A carrier that is being asked is heard out: what it says is noted.
    if tokio::time::timeout(ANSWER_PATIENCE, &mut calling)
        .await
        .is_err()
    {
        calling.abort();
    }
    asking.abort();
    ending.abort();
    judging.abort();
    // Nor is a client's server that is being told cut off without need.
    if tokio::time::timeout(ANSWER_PATIENCE, &mut telling)
        .await
        .is_err()
    {
        telling.abort();
    }
    caring.abort();
    knowing.abort();
    app.desk.close().await;
    Ok(())
}

/// Whether new calls should be sent here, in words; why not, if they should not.
async fn ready(State(app): State<Arc<App>>) -> Response {
    let unready = |words: String| {
        let again = [(RETRY_AFTER, RETRY_AFTER_S.to_string())];
        (StatusCode::SERVICE_UNAVAILABLE, again, words).into_response()
    };
    if *app.draining.borrow() {
        return unready("shutting down\n".into());
    }
    let store = tokio::time::timeout(STORE_PATIENCE, app.desk.store.system().ready()).await;
    if !matches!(store, Ok(Ok(()))) {
        return unready("the store does not work\n".into());
    }
    match app.ready() {
        Ok(()) => (StatusCode::OK, "ready\n").into_response(),
        Err(Full::Draining) => unready("shutting down\n".into()),
        Err(full) => unready(format!("busy: {}\n", full.code())),
    }
}
