//! `/api/v2/assets/{asset_id}/grants` and `/api/v2/assetGrants`: assets that tenants share.

use axum::extract::State;
use axum::http::StatusCode;
use flow_model::ids::{AssetId, GrantId};
use flow_model::rest::assets::{AcceptGrant, AssetGrant, IncomingGrant, OfferAsset};
use flow_model::roles::Role;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::Routes;
use super::assets::AssetPath;
use super::collection::{AssetGrants, IncomingGrants};
use crate::Api;
use crate::access::Member;
use crate::http::{Json, PageQuery, Path, Problem, Query, whole};

pub(super) fn routes() -> Routes {
    Routes::default()
        .at_least(Role::Op, routes!(get_asset_grants))
        .at_least(Role::Admin, routes!(offer_asset))
        .at_least(Role::Admin, routes!(withdraw_asset))
        .at_least(Role::Op, routes!(get_incoming_grants))
        .at_least(Role::Admin, routes!(accept_grant))
        .at_least(Role::Admin, routes!(decline_grant))
}

#[derive(Deserialize, IntoParams)]
struct OfferPath {
    /// The asset's number.
    #[serde(deserialize_with = "whole")]
    asset_id: i64,
    /// The offer's number.
    #[serde(deserialize_with = "whole")]
    grant_id: i64,
}

#[derive(Deserialize, IntoParams)]
struct GrantPath {
    /// The offer's number.
    #[serde(deserialize_with = "whole")]
    grant_id: i64,
}

/// To whom an asset is offered.
#[utoipa::path(
    get,
    path = "/api/v2/assets/{asset_id}/grants",
    tag = "Asset Grant",
    params(AssetPath, PageQuery),
    responses((status = 200, body = AssetGrants)),
)]
async fn get_asset_grants(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<AssetPath>,
    Query(page): Query<PageQuery>,
) -> Result<Json<AssetGrants>, Problem> {
    Ok(Json(api.broker.asset_grants(&actor.tenant, path.id(), &page.into()).await?.into()))
}

/// Offers an asset to another tenant. It sees the asset's events once it has accepted.
#[utoipa::path(
    post,
    path = "/api/v2/assets/{asset_id}/grants",
    tag = "Asset Grant",
    params(AssetPath),
    responses((status = 201, body = AssetGrant)),
)]
async fn offer_asset(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<AssetPath>,
    Json(body): Json<OfferAsset>,
) -> Result<(StatusCode, Json<AssetGrant>), Problem> {
    Ok((StatusCode::CREATED, Json(api.broker.offer_asset(&actor, path.id(), body).await?)))
}

/// Takes an offer back, accepted or not.
#[utoipa::path(
    delete,
    path = "/api/v2/assets/{asset_id}/grants/{grant_id}",
    tag = "Asset Grant",
    params(OfferPath),
    responses((status = 204)),
)]
async fn withdraw_asset(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<OfferPath>,
) -> Result<StatusCode, Problem> {
    api.broker.withdraw_asset(&actor, AssetId(path.asset_id), GrantId(path.grant_id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What other tenants offer.
#[utoipa::path(
    get,
    path = "/api/v2/assetGrants",
    tag = "Asset Grant",
    params(PageQuery),
    responses((status = 200, body = IncomingGrants)),
)]
async fn get_incoming_grants(
    State(api): State<Api>,
    Member(actor): Member,
    Query(page): Query<PageQuery>,
) -> Result<Json<IncomingGrants>, Problem> {
    Ok(Json(api.broker.incoming_grants(&actor.tenant, &page.into()).await?.into()))
}

/// Accepts what another tenant offers.
#[utoipa::path(
    post,
    path = "/api/v2/assetGrants/{grant_id}/accept",
    tag = "Asset Grant",
    params(GrantPath),
    responses((status = 200, body = IncomingGrant)),
)]
async fn accept_grant(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<GrantPath>,
    Json(body): Json<AcceptGrant>,
) -> Result<Json<IncomingGrant>, Problem> {
    Ok(Json(api.broker.accept_grant(&actor, GrantId(path.grant_id), body).await?))
}

/// Declines what another tenant offers, also after it was accepted.
#[utoipa::path(
    delete,
    path = "/api/v2/assetGrants/{grant_id}",
    tag = "Asset Grant",
    params(GrantPath),
    responses((status = 204)),
)]
async fn decline_grant(
    State(api): State<Api>,
    Member(actor): Member,
    Path(path): Path<GrantPath>,
) -> Result<StatusCode, Problem> {
    api.broker.decline_grant(&actor, GrantId(path.grant_id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
