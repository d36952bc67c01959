//! The table of routes: a route can only be entered together with who may call it.
//!
//! The router that checks access and the OpenAPI document that tells of it are both made from this one table.

use axum::Router;
use axum::middleware::from_fn_with_state;
use flow_model::roles::{Need, Role};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Response, ResponseBuilder};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt};

use crate::Api;
use crate::access::{Access, check};

/// The extension under which the OpenAPI document says which role an operation needs.
const ROLE_EXTENSION: &str = "x-flow-role";

/// Routes, each with who may call it; none means everybody.
#[derive(Default)]
pub(crate) struct Routes {
    entries: Vec<(Option<Access>, UtoipaMethodRouter<Api>)>,
}

impl Routes {
    /// Routes for everybody, without a token.
    pub(crate) fn open(self, routes: UtoipaMethodRouter<Api>) -> Self {
        self.entry(None, routes)
    }

    /// Routes for at least this role within a tenant and for the platform's administration, each for what is its own.
    pub(crate) fn at_least_or_platform(self, role: Role, routes: UtoipaMethodRouter<Api>) -> Self {
        self.entry(Some(Access::NeedsOrPlatform(role)), routes)
    }

    /// Routes for at least this role within a tenant.
    pub(crate) fn at_least(self, role: Role, routes: UtoipaMethodRouter<Api>) -> Self {
        self.entry(Some(Access::Needs(Need::AtLeast(role))), routes)
    }

    /// Routes of the platform's administration.
    pub(crate) fn platform(self, routes: UtoipaMethodRouter<Api>) -> Self {
        self.entry(Some(Access::Needs(Need::Platform)), routes)
    }

    /// These routes and those.
    pub(crate) fn join(mut self, other: Self) -> Self {
        self.entries.extend(other.entries);
        self
    }

    /// The router, with its checks in place.
    pub(crate) fn router(self, api: &Api) -> Router<Api> {
        let mut router = OpenApiRouter::default();
        for (access, routes) in self.entries {
            router = router.routes(match access {
                None => routes,
                Some(access) => {
                    let layer = from_fn_with_state((api.clone(), access), check);
                    routes.map(|methods| methods.route_layer(layer))
                }
            });
        }
        router.into()
    }

    /// Adds all operations, with who may call them, to `document`.
    pub(crate) fn describe(self, document: OpenApi) -> OpenApi {
        let mut router = OpenApiRouter::with_openapi(document);
        for (access, mut routes) in self.entries {
            for item in routes.1.paths.values_mut() {
                operations(item).for_each(|operation| annotate(operation, access));
            }
            router = router.routes(routes);
        }
        router.into_openapi()
    }

    fn entry(mut self, access: Option<Access>, routes: UtoipaMethodRouter<Api>) -> Self {
        self.entries.push((access, routes));
        self
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

fn annotate(operation: &mut Operation, access: Option<Access>) {
    let answers = &mut operation.responses.responses;
    for answer in answers.values_mut() {
        if let RefOr::T(answer) = answer
            && answer.description.is_empty()
        {
            "It was done".clone_into(&mut answer.description);
        }
    }
    answers.entry("default".to_owned()).or_insert_with(|| problem("What went wrong and what to do"));
    let Some(access) = access else {
        // An empty list says that the document's own requirement does not hold here.
        operation.security = Some(Vec::new());
        return;
    };
    answers.insert("401".to_owned(), problem("The token is missing, expired, revoked or not an api token"));
    answers.insert("403".to_owned(), problem("The token's role does not suffice"));
    operation.security = Some(vec![SecurityRequirement::new::<_, _, String>("token", [])]);
    operation.extensions.get_or_insert_default().insert(ROLE_EXTENSION.to_owned(), access.shown().into());
}

fn problem(description: &str) -> RefOr<Response> {
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new().description(description).content("application/problem+json", content).build().into()
}
