//! What became of a bulk request, as Airflow answers it.

use flow_broker::{ActionOutcome, BulkOutcome};
use flow_model::rest::bulk::{BulkError, BulkResponse, BulkResult};

use crate::http::{Json, Problem};

/// The answer: 200 whatever became of the single objects.
pub(super) fn answer(outcome: BulkOutcome) -> Json<BulkResponse> {
    let BulkOutcome { create, update, delete } = outcome;
    Json(BulkResponse { create: create.map(result), update: update.map(result), delete: delete.map(result) })
}

fn result(outcome: ActionOutcome) -> BulkResult {
    let errors = outcome.refused.into_iter().map(|refusal| {
        let problem = Problem::from(refusal);
        BulkError { error: problem.summary(), status_code: problem.status().as_u16() }
    });
    BulkResult { success: outcome.done, errors: errors.collect() }
}
