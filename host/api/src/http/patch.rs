//! Bodies of which only those members count that an `update_mask` names.

use axum::extract::{FromRequest, FromRequestParts, Request};
use flow_model::rest::bulk::{BulkAction, BulkBody};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::IntoParams;

use super::body::{json, parse};
use super::extract::Query;
use super::problem::Problem;

/// Airflow's parameter of a PATCH.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MaskQuery {
    /// If given, the only members of the body that count; may be given several times.
    #[serde(default)]
    update_mask: Vec<String>,
}

/// The body of a PATCH, without the members that its mask leaves out.
pub(crate) struct Patch<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Patch<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let Query(MaskQuery { update_mask }) = Query::from_request_parts(&mut parts, state).await?;
        let bytes = json(&parts.headers, body).await?;
        if update_mask.is_empty() {
            return parse(&bytes).map(Self);
        }
        masked(parse(&bytes)?, |member| update_mask.iter().any(|named| named == member)).map(Self)
    }
}

/// What the members of an object for which `counts` holds make.
fn masked<T: DeserializeOwned>(mut members: Map<String, Value>, counts: impl Fn(&str) -> bool) -> Result<T, Problem> {
    members.retain(|member, _| counts(member));
    let kept = serde_json::to_vec(&members).map_err(|_| Problem::internal())?;
    parse(&kept)
}

/// A bulk request as it is sent: what a change consists of is known once its mask has been applied.
pub(crate) type RawBulk<C, D = String> = BulkBody<C, Map<String, Value>, D>;

/// Applies the masks of a bulk request. The members `names` say which object is meant and always count.
pub(crate) fn unmask<C, U: DeserializeOwned, D>(
    raw: RawBulk<C, D>,
    names: &[&str],
) -> Result<BulkBody<C, U, D>, Problem> {
    let actions = raw.actions.into_iter().map(|action| {
        Ok(match action {
            BulkAction::Create { entities, action_on_existence } => {
                BulkAction::Create { entities, action_on_existence }
            }
            BulkAction::Delete { entities, action_on_non_existence } => {
                BulkAction::Delete { entities, action_on_non_existence }
            }
            BulkAction::Update { entities, update_mask, action_on_non_existence } => {
                let mask = update_mask.as_deref();
                let counts =
                    |member: &str| names.contains(&member) || mask.is_none_or(|mask| mask.iter().any(|m| m == member));
                let entities = entities.into_iter().map(|entity| masked(entity, counts)).collect::<Result<_, _>>()?;
                BulkAction::Update { entities, update_mask, action_on_non_existence }
            }
        })
    });
    Ok(BulkBody { actions: actions.collect::<Result<_, Problem>>()? })
}

#[cfg(test)]
mod tests {
    use flow_model::rest::Change;
    use flow_model::rest::variables::{VariableBody, VariablePatch};
    use serde_json::json;

    use super::*;

    fn updates(body: Value) -> Vec<VariablePatch> {
        let raw: RawBulk<VariableBody> = serde_json::from_value(body).expect("a bulk request");
        let bulk: BulkBody<_, VariablePatch> = unmask(raw, &["key"]).expect("the masks leave changes");
        let of = |action| match action {
            BulkAction::Update { entities, .. } => entities,
            BulkAction::Create { .. } | BulkAction::Delete { .. } => Vec::new(),
        };
        bulk.actions.into_iter().flat_map(of).collect()
    }

    #[test]
    fn only_what_the_mask_names_is_changed() {
        let entity = json!({"key": "k", "value": "new", "description": "new"});
        let masked = updates(json!({"actions": [
            {"action": "update", "entities": [entity.clone()], "update_mask": ["description", "unknown"]},
            {"action": "update", "entities": [entity]},
            {"action": "delete", "entities": ["k"]},
        ]}));
        let shown: Vec<_> = masked.iter().map(|patch| (patch.value.is_some(), patch.description.clone())).collect();
        let described = Change::To(Some("new".to_owned()));
        assert_eq!(shown, [(false, described.clone()), (true, described)]);
        assert!(masked.iter().all(|patch| patch.key.is_some()), "which object is meant is not masked");
    }
}
