//! Who may call a route: the token's signature, its revocation, its role. Routes say what they need, handlers get who
//! asks.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use flow_broker::{Actor, PlatformActor};
use flow_model::ids::TokenId;
use flow_model::roles::{Need, Role};
use flow_model::run::TriggeredBy;
use futures::future::BoxFuture;

use crate::Api;
use crate::http::Problem;
use crate::tokens::ApiClaims;

/// Whom an accepted `api` token speaks for. The tenant exists only here and only from the token.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// A member of a tenant, or a program of one.
    Member(Actor),
    /// The platform's administration, without a tenant.
    Platform(PlatformActor),
}

impl Caller {
    fn role(&self) -> Role {
        match self {
            Self::Member(actor) => actor.role,
            Self::Platform(_) => Role::PlatformAdmin,
        }
    }

    fn new(name: String, claims: ApiClaims, by: TriggeredBy) -> Option<Self> {
        match (claims.role, claims.tenant) {
            (Role::PlatformAdmin, None) => Some(Self::Platform(PlatformActor { name })),
            (role @ (Role::Viewer | Role::User | Role::Op | Role::Admin), Some(tenant)) => {
                Some(Self::Member(Actor { tenant, name, role, by }))
            }
            (Role::PlatformAdmin, Some(_)) | (Role::Viewer | Role::User | Role::Op | Role::Admin, None) => None,
        }
    }
}

/// What a route asks for, besides an accepted token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// What the model's role matrix says.
    Needs(Need),
    /// At least this role within a tenant, or the platform's administration; each reaches what is its own.
    NeedsOrPlatform(Role),
}

impl Access {
    /// The smallest role that suffices, for the OpenAPI document.
    pub(crate) fn shown(self) -> String {
        let platform = Role::PlatformAdmin.as_str();
        match self {
            Self::Needs(Need::Platform) => platform.to_owned(),
            Self::Needs(Need::AtLeast(role)) => role.as_str().to_owned(),
            Self::NeedsOrPlatform(role) => format!("{} or {platform}", role.as_str()),
        }
    }

    fn allows(self, role: Role) -> bool {
        match self {
            Self::Needs(need) => role.meets(need),
            Self::NeedsOrPlatform(least) => role.meets(Need::AtLeast(least)) || role.meets(Need::Platform),
        }
    }
}

/// The layer in front of every route that is not open: answers 401 or 403, or lets the request through with its caller.
pub(crate) async fn check(
    State((api, access)): State<(Api, Access)>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (caller, session) = authenticate(&api, request.headers()).await?;
    if !access.allows(caller.role()) {
        let detail =
            format!("this needs the role {}, the token has the role {}", access.shown(), caller.role().as_str());
        return Err(Problem::forbidden(detail));
    }
    request.extensions_mut().insert(caller);
    request.extensions_mut().insert(session);
    Ok(next.run(request).await)
}

async fn authenticate(api: &Api, headers: &HeaderMap) -> Result<(Caller, Session), Problem> {
    let token = bearer(headers).ok_or_else(|| {
        Problem::unauthenticated("not authenticated: send an api token as `Authorization: Bearer TOKEN`")
    })?;
    let (registered, claims) =
        api.tokens.verify::<ApiClaims>(token).await.map_err(|error| Problem::unauthenticated(error.to_string()))?;
    if api.broker.live_token(registered.jti).await?.is_none() {
        return Err(Problem::unauthenticated("the token was revoked: get a new one"));
    }
    let session = Session(registered.jti);
    let caller = Caller::new(registered.sub, claims, program(headers));
    Ok((caller.ok_or_else(|| Problem::unauthenticated("the token is malformed"))?, session))
}

/// By what somebody asks: our own command line says who it is.
fn program(headers: &HeaderMap) -> TriggeredBy {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    if agent.is_some_and(|agent| agent.starts_with("flow-host/")) { TriggeredBy::Cli } else { TriggeredBy::RestApi }
}

/// The bearer token of a request.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        // Absent only on a route that was registered as open but asks who calls: a mistake of ours.
        parts.extensions.get().cloned().ok_or_else(Problem::internal)
    }
}

/// The token that a request came with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Session(pub(crate) TokenId);

impl<S: Send + Sync> FromRequestParts<S> for Session {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get().copied().ok_or_else(Problem::internal)
    }
}

/// The caller, on a route that needs a role within a tenant and answers with a stream.
pub(crate) struct Listener {
    /// Who listens.
    pub(crate) actor: Actor,
    /// Ready when the stream must end: the server shuts down, or the listener's token has ended.
    pub(crate) until: BoxFuture<'static, ()>,
}

impl FromRequestParts<Api> for Listener {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Member(actor) = Member::from_request_parts(parts, api).await?;
        let Session(jti) = Session::from_request_parts(parts, api).await?;
        let (broker, shutdown) = (api.broker.clone(), api.shutdown.clone());
        let until = Box::pin(async move {
            tokio::select! {
                () = shutdown.cancelled() => (),
                () = broker.token_ended(jti) => (),
            }
        });
        Ok(Self { actor, until })
    }
}

/// The caller, on a route that needs a role within a tenant.
pub(crate) struct Member(pub(crate) Actor);

impl<S: Send + Sync> FromRequestParts<S> for Member {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Caller::from_request_parts(parts, state).await? {
            Caller::Member(actor) => Ok(Self(actor)),
            Caller::Platform(_) => Err(Problem::forbidden("this needs a token of a tenant")),
        }
    }
}

/// The caller, on a route of the platform's administration.
pub(crate) struct Platform(pub(crate) PlatformActor);

impl<S: Send + Sync> FromRequestParts<S> for Platform {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Caller::from_request_parts(parts, state).await? {
            Caller::Platform(actor) => Ok(Self(actor)),
            Caller::Member(_) => Err(Problem::forbidden("this needs a platform-admin token")),
        }
    }
}
