//! Runs that are run again as part of a backfill.

use flow_model::ids::{DagId, RunId, RunKey, TenantId};
use flow_model::state::RunState;
use flow_model::time::Millis;

use crate::column;
use crate::error::StoreError;
use crate::session::Session;

const AT: &str = "SELECT run_id, state FROM dag_run WHERE tenant = $1 AND dag_id = $2 AND logical_date = $3";

/// The run of a DAG that stands for a date, and its state.
pub async fn at(
    db: &mut Session,
    tenant: &TenantId,
    dag: &DagId,
    date: Millis,
) -> Result<Option<(RunId, RunState)>, StoreError> {
    let found: Option<(String, String)> = on!(db, c => {
        sqlx::query_as(AT).bind(tenant.as_str()).bind(dag.as_str()).bind(date.0).fetch_optional(&mut *c).await
    })?;
    let Some((run, state)) = found else { return Ok(None) };
    let state = column::named("dag_run.state", &state, RunState::from_name)?;
    Ok(Some((column::text("dag_run.run_id", &run)?, state)))
}

const JOIN_BACKFILL: &str = "UPDATE dag_run SET run_type = 'backfill', triggered_by = 'backfill', triggering_user = $3 \
     WHERE tenant = $1 AND run_key = $2";

/// Makes a run one of a backfill's.
pub async fn join_backfill(db: &mut Session, tenant: &TenantId, run: RunKey, user: &str) -> Result<(), StoreError> {
    let run = run.to_string();
    on!(db, c => {
        sqlx::query(JOIN_BACKFILL).bind(tenant.as_str()).bind(&run).bind(user).execute(&mut *c).await.map(drop)
    })?;
    Ok(())
}

const DROP_CONF: &str = "DELETE FROM dag_run_conf WHERE tenant = $1 AND run_key = $2";

/// Gives a run another configuration, or none.
pub async fn replace_conf(
    db: &mut Session,
    tenant: &TenantId,
    run: RunKey,
    conf: Option<&str>,
) -> Result<(), StoreError> {
    let key = run.to_string();
    on!(db, c => sqlx::query(DROP_CONF).bind(tenant.as_str()).bind(&key).execute(&mut *c).await.map(drop))?;
    match conf {
        Some(conf) => super::insert_confs(db, &[(tenant, run, conf)]),
        None => Ok(()),
    }
}
