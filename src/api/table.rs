//! The table of the API's routes: each with the scope that it wants, which also stands in its description.

use std::sync::Arc;

use axum::middleware::from_fn_with_state;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{
    Content, HeaderBuilder, PathItem, Ref, RefOr, Required, ResponseBuilder, SecurityRequirement,
};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::auth::{Door, Guard, guard};
use super::problem::MEDIA_TYPE;
use super::scope::Scope;
use crate::app::App;

/// The name of the security scheme.
pub(super) const SCHEME: &str = "key";

/// Routes behind the door. There is no way to add one without its scope.
pub(super) struct Table {
    door: Arc<Door>,
    router: OpenApiRouter<Arc<App>>,
}

impl Table {
    pub(super) fn new(door: Arc<Door>, router: OpenApiRouter<Arc<App>>) -> Self {
        Self { door, router }
    }

    /// Adds routes that want `scope`.
    pub(super) fn add(self, wants: Scope, routes: UtoipaMethodRouter<Arc<App>>) -> Self {
        let (schemas, mut paths, methods) = routes;
        for (path, item) in &mut paths.paths {
            for (method, operation) in operations(item) {
                operation.operation_id = Some(name(method, path));
                describe(operation, method, path, wants);
            }
        }
        let guard_of = Guard {
            door: Arc::clone(&self.door),
            wants,
        };
        let methods = methods.route_layer(from_fn_with_state(guard_of, guard));
        Self {
            router: self.router.routes((schemas, paths, methods)),
            door: self.door,
        }
    }

    pub(super) fn finish(self) -> OpenApiRouter<Arc<App>> {
        self.router
    }
}

/// The operations of a path, each with its method.
fn operations(item: &mut PathItem) -> Vec<(&'static str, &mut Operation)> {
    [
        ("get", item.get.as_mut()),
        ("post", item.post.as_mut()),
        ("patch", item.patch.as_mut()),
        ("put", item.put.as_mut()),
        ("delete", item.delete.as_mut()),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation?)))
    .collect()
}

/// A name for an operation, as `post_calls_id_say`: handlers have theirs from their files.
fn name(method: &str, path: &str) -> String {
    let path = path.trim_start_matches("/v1/");
    let words = path
        .split(['/', '-', '{', '}'])
        .filter(|word| !word.is_empty());
    words.fold(method.to_owned(), |name, word| name + "_" + word)
}

/// What is true of every operation.
fn describe(operation: &mut Operation, method: &str, path: &str, wants: Scope) {
    operation.security = Some(vec![SecurityRequirement::new(SCHEME, [wants.as_str()])]);
    let mut headers = Vec::new();
    if method == "post" {
        headers.push(header(
            "Idempotency-Key",
            "Repeats with the same key and the same request are answered as the first was, without its secrets, for a \
             day.",
        ));
    }
    if takes_if_match(method, path) {
        headers.push(header(
            "If-Match",
            "The ETag of what was seen: the change is refused if it is another by now.",
        ));
    }
    operation
        .parameters
        .get_or_insert_default()
        .extend(headers.into_iter().map(RefOr::T));
    let problem = Content::new(Some(Ref::from_schema_name("Problem")));
    let problem = ResponseBuilder::new()
        .description("What went wrong; `code` says it for machines")
        .content(MEDIA_TYPE, problem)
        .header(
            "x-request-id",
            HeaderBuilder::new()
                .description(Some("The request's id"))
                .build(),
        )
        .build();
    operation
        .responses
        .responses
        .insert("default".into(), RefOr::T(problem));
}

/// Whether a route wants to know which state of the thing its caller saw. `IfMatch` in a route's arguments belongs here.
fn takes_if_match(method: &str, path: &str) -> bool {
    match method {
        "patch" | "put" => true,
        "post" => matches!(
            path,
            "/v1/agents/{id}/versions" | "/v1/agents/{id}/publish" | "/v1/agents/{id}/rollback"
        ),
        "delete" => matches!(
            path,
            "/v1/agents/{id}" | "/v1/agents/{id}/draft" | "/v1/agents/{id}/split"
        ),
        _ => false,
    }
}

fn header(name: &str, description: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
}
