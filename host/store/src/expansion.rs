//! Mapped tasks of runs, once it is known how many instances they have.

use flow_model::advance::Expansion;
use flow_model::graph::TaskIndex;
use flow_model::ids::{RunKey, TenantId};
use serde::Serialize;

use crate::column;
use crate::dialect::Batch;
use crate::error::StoreError;
use crate::session::Session;

/// What is kept about a mapped task of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpansionRow {
    /// The run.
    pub run: RunKey,
    /// The task.
    pub task: TaskIndex,
    /// Whose it is.
    pub tenant: TenantId,
    /// How many instances it has, what they share and how they ended.
    pub facts: Expansion,
}

#[derive(Serialize)]
struct Columns<'a> {
    run_key: RunKey,
    task_index: u32,
    tenant: &'a str,
    facts: String,
}

impl<'a> TryFrom<&'a ExpansionRow> for Columns<'a> {
    type Error = StoreError;

    fn try_from(row: &'a ExpansionRow) -> Result<Self, StoreError> {
        Ok(Self {
            run_key: row.run,
            task_index: row.task.0,
            tenant: row.tenant.as_str(),
            facts: column::to_json(&row.facts)?,
        })
    }
}

const SAVE: Batch = batch!(
    "INSERT INTO expansion (run_key, task_index, tenant, facts) SELECT r.run_key, r.task_index, r.tenant, r.facts FROM ",
    rows(run_key text, task_index bigint, tenant text, facts text),
    " WHERE true ON CONFLICT (run_key, task_index) DO UPDATE SET facts = excluded.facts"
);

/// Creates or replaces. The caller holds the runs' locks.
pub fn save(db: &mut Session, expansions: &[ExpansionRow]) -> Result<(), StoreError> {
    for part in expansions.chunks(column::ROWS_PER_STATEMENT) {
        let part = part.iter().map(Columns::try_from).collect::<Result<Vec<_>, _>>()?;
        db.post(SAVE, &part)?;
    }
    Ok(())
}

#[derive(Serialize)]
struct KeyColumns {
    run_key: RunKey,
    task_index: u32,
}

fn keys(of: &[(RunKey, TaskIndex)]) -> Vec<KeyColumns> {
    of.iter().map(|&(run_key, task)| KeyColumns { run_key, task_index: task.0 }).collect()
}

const LOAD: Batch = batch!(
    "SELECT e.run_key, e.task_index, e.tenant, e.facts FROM ",
    rows(run_key text, task_index bigint),
    " CROSS JOIN expansion AS e WHERE e.run_key = r.run_key AND e.task_index = r.task_index"
);

/// Those of these tasks that are expanded.
pub async fn load(db: &mut Session, of: &[(RunKey, TaskIndex)]) -> Result<Vec<ExpansionRow>, StoreError> {
    let mut found = Vec::new();
    for part in of.chunks(column::ROWS_PER_STATEMENT) {
        let loaded: Vec<(String, i64, String, String)> = db.find(LOAD, &keys(part)).await?;
        for row in loaded {
            found.push(read(&row)?);
        }
    }
    Ok(found)
}

const OF_RUN: &str = "SELECT run_key, task_index, tenant, facts FROM expansion WHERE tenant = $1 AND run_key = $2";

/// Every expanded task of a run.
pub async fn of_run(db: &mut Session, tenant: &TenantId, run: RunKey) -> Result<Vec<ExpansionRow>, StoreError> {
    let run = run.to_string();
    let loaded: Vec<(String, i64, String, String)> =
        on!(db, c => sqlx::query_as(OF_RUN).bind(tenant.as_str()).bind(&run).fetch_all(&mut *c).await)?;
    loaded.iter().map(read).collect()
}

fn read((run, task, tenant, facts): &(String, i64, String, String)) -> Result<ExpansionRow, StoreError> {
    Ok(ExpansionRow {
        run: column::text("expansion.run_key", run)?,
        task: TaskIndex(column::count("expansion.task_index", *task)?),
        tenant: column::text("expansion.tenant", tenant)?,
        facts: column::json("expansion.facts", facts)?,
    })
}

const DELETE: Batch = batch!(
    "DELETE FROM expansion WHERE (run_key, task_index) IN (SELECT r.run_key, r.task_index FROM ",
    rows(run_key text, task_index bigint),
    ")"
);

/// Forgets expansions of tasks that are to be expanded anew.
pub async fn delete(db: &mut Session, of: &[(RunKey, TaskIndex)]) -> Result<(), StoreError> {
    db.write(DELETE, &keys(of)).await
}
