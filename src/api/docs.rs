//! The description of the API, and a page to browse it; the page loads nothing from elsewhere.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use tower::ServiceBuilder;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Server,
};
use utoipa::{PartialSchema as _, ToSchema as _};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::problem::{Body9457, Code, FieldError, Problem};
use super::scope::Scope;
use super::table::SCHEME;

/// Where the description is.
const DOCUMENT: &str = "/openapi.json";
/// The page's scripts and styles are the server's own; it may connect to the server alone.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The description without its routes.
pub(super) fn frame() -> OpenApi {
    let scopes = Scope::EACH
        .iter()
        .map(|(scope, means)| format!("- `{scope}`: {means}\n"));
    let about = format!(
        "Calls, agents and what calls leave behind, per client.\n\n\
         A key goes into `Authorization: Bearer tl_…`. Each operation wants one scope of it; `*` stands for all:\n\n{}\n\
         What belongs to another client does not exist: 404. Times are RFC 3339 in UTC, numbers E.164. Lists come a page \
         at a time, the newest first. Whatever goes wrong is an RFC 9457 problem with a stable `code`. Words in answers \
         that are marked so may be joined by further ones: tolerate those you do not know.\n\n\
         Every answer has `x-request-id`. Answers to a good key also have `api-version`, `ratelimit-limit` (requests at \
         once), `ratelimit-remaining` and `ratelimit-reset` (seconds until the next may be made, or all that \
         may be made at once); a 429 has `retry-after`. \
         A request may name the day of the API it was written for in `api-version`; there is one so far. An answer that is repeated for an `Idempotency-Key` has `idempotency-replayed: true`.",
        scopes.collect::<String>()
    );
    let key = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An API key, as `tl_…`"))
        .build();
    let mut schemas = vec![
        (Body9457::name().into_owned(), Body9457::schema()),
        (Code::name().into_owned(), Code::schema()),
        (FieldError::name().into_owned(), FieldError::schema()),
    ];
    Body9457::schemas(&mut schemas);
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme(SCHEME, SecurityScheme::Http(key))
        .build();
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Trunkline")
                .version("1")
                .description(Some(about))
                .license(None::<LicenseBuilder>.map(LicenseBuilder::build))
                .build(),
        )
        .servers(Some([Server::new("/")]))
        .components(Some(components))
        .build()
}

/// The routes of the description and of the page.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(document: &OpenApi) -> Router<S> {
    let json: Arc<str> = document.to_pretty_json().unwrap_or_default().into();
    let document = get(async move |State(()): State<()>| {
        (
            [(header::CONTENT_TYPE, "application/json")],
            json.to_string(),
        )
    })
    .with_state(());
    // The page would otherwise ask a stranger whether the description is sound.
    let config = Config::from(DOCUMENT)
        .validator_url("none")
        .try_it_out_enabled(true);
    let layer = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
    };
    let page: Router<S> = SwaggerUi::new("/docs").config(config).into();
    let page = page.layer(
        ServiceBuilder::new()
            .layer(layer(header::CONTENT_SECURITY_POLICY, POLICY))
            .layer(layer(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .layer(layer(header::REFERRER_POLICY, "no-referrer")),
    );
    Router::new()
        .route(DOCUMENT, document)
        .route("/problems/{code}", get(explain))
        .merge(page)
}

/// What a problem's `type` leads to.
async fn explain(Path(name): Path<String>) -> Result<Response, Problem> {
    let code = Code::ALL.into_iter().find(|code| code.as_str() == name);
    let code = code.ok_or_else(Problem::not_found)?;
    let page = format!(
        "<!doctype html><meta charset=\"utf-8\"><title>{0}</title><h1><code>{0}</code></h1><p>{1}.</p><p>Status {2}.</p>",
        code.as_str(),
        code.title(),
        code.status().as_u16()
    );
    Ok(Html(page).into_response())
}
