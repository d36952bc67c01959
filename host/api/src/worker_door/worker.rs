//! What a worker's token is needed for: to claim work, to renew what is held, and to tell what becomes of it.

use axum::Json;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use flow_model::port::{Broker, BrokerError, ClaimRequest, News, Notice, Renewal, TenantScope};
use flow_model::work::{Grant, Work};
use futures::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::attempt::{grant, json};
use super::refusal::Refusal;
use crate::Api;
use crate::access::bearer;
use crate::tokens::{AttemptToken, Stamp, WorkerClaims};

/// The worker that a request comes from, as its token says: whom it may serve.
pub(super) struct Worker {
    tenants: TenantScope,
}

impl FromRequestParts<Api> for Worker {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let refuse = |reason: String| BrokerError::Unauthorized(reason);
        let token = bearer(&parts.headers)
            .ok_or_else(|| refuse("send the worker's token as `Authorization: Bearer TOKEN`".to_owned()))?;
        let (registered, own) =
            api.tokens.verify::<WorkerClaims>(token).await.map_err(|error| refuse(error.to_string()))?;
        match api.broker.live_token(registered.jti).await {
            Ok(Some(_)) => Ok(Self { tenants: own.tenants }),
            Ok(None) => Err(refuse("the token was revoked: get a new one".to_owned()).into()),
            Err(error) => Err(BrokerError::Unavailable(error.to_string()).into()),
        }
    }
}

pub(super) async fn claim(
    State(api): State<Api>,
    worker: Worker,
    request: Request,
) -> Result<Json<Vec<Work>>, Refusal> {
    let wish: ClaimRequest = json(request).await?;
    let wish = ClaimRequest { tenants: worker.tenants, ..wish };
    // A waiting claim is answered as if nothing had come, so that the worker asks the next server.
    let claimed = tokio::select! {
        claimed = api.broker.claim(wish) => claimed?,
        () = api.shutdown.cancelled() => Vec::new(),
    };
    let signed = claimed.into_iter().map(|work| Ok(Work { grant: sign(&api, work.grant)?, ..work }));
    Ok(Json(signed.collect::<Result<_, BrokerError>>()?))
}

/// The attempts that a worker still runs, by their tokens.
#[derive(Serialize, Deserialize)]
pub(super) struct Held {
    tokens: Vec<String>,
}

pub(super) async fn renew(
    State(api): State<Api>,
    worker: Worker,
    request: Request,
) -> Result<Json<Vec<Renewal>>, Refusal> {
    let held: Held = json(request).await?;
    let mut grants = Vec::with_capacity(held.tokens.len());
    for token in &held.tokens {
        // A token that is no longer accepted is answered as a lost attempt; the others are renewed all the same.
        let known = grant(&api.tokens, token).await.ok();
        grants.push(known.filter(|grant| worker.tenants.has(&grant.claims.tenant)));
    }
    let known: Vec<Grant> = grants.iter().flatten().cloned().collect();
    let mut renewed = api.broker.renew(&known).await?.into_iter();
    let answers = grants.iter().map(|grant| match grant.as_ref().and_then(|_| renewed.next()) {
        Some(Renewal::Renewed(grant)) => Ok(Renewal::Renewed(Box::new(sign(&api, *grant)?))),
        Some(Renewal::Fenced) | None => Ok(Renewal::Fenced),
    });
    Ok(Json(answers.collect::<Result<_, BrokerError>>()?))
}

/// Takes what a worker tells, all at once, so that one transaction can hold it. `null` answers what was taken.
pub(super) async fn tell(
    State(api): State<Api>,
    worker: Worker,
    request: Request,
) -> Result<Json<Vec<Option<BrokerError>>>, Refusal> {
    // Read one by one: a notice that makes no sense is no reason to refuse those of other attempts.
    let notices: Vec<Box<RawValue>> = json(request).await?;
    let taken = notices.iter().map(|notice| take(&api, &worker, notice.get()));
    Ok(Json(join_all(taken).await.into_iter().map(Result::err).collect()))
}

async fn take(api: &Api, worker: &Worker, notice: &str) -> Result<(), BrokerError> {
    let notice = serde_json::from_str(notice).map_err(|error| BrokerError::Invalid(error.to_string()))?;
    let Notice { token, news } = notice;
    let grant = grant(&api.tokens, &token).await?;
    if !worker.tenants.has(&grant.claims.tenant) {
        return Err(BrokerError::Unauthorized("the attempt is of a tenant that this worker does not serve".to_owned()));
    }
    match news {
        News::Start => api.broker.start(&grant).await,
        News::Log(lines) => Broker::log(&api.broker, &grant, lines).await,
        News::Finish(report) => api.broker.finish(&grant, report).await,
    }
}

fn sign(api: &Api, grant: Grant) -> Result<Grant, BrokerError> {
    let stamp =
        Stamp { jti: api.tokens.fresh_id(), subject: grant.claims.attempt.to_string(), expires: grant.claims.expires };
    let own = AttemptToken { claims: grant.claims.clone() };
    let token = api.tokens.sign(stamp, own).map_err(|error| BrokerError::Unavailable(error.to_string()))?;
    Ok(Grant { token, ..grant })
}
