//! Changing a run as a whole: what users do to it besides triggering it.
//!
//! Every task instance is in memory; what may run is released, and the run's state is what its tasks say it is. The cost is
//! that of the run, as a user may expect; nothing on the way of a running task comes here.

use flow_model::advance::Instance;
use flow_model::ids::RunKey;
use flow_model::state::TaskInstanceState;
use flow_store::run::RunRow;
use flow_store::{Session, StoreError};

use crate::engine::{Engine, Written};
use crate::plan::{Holding, Plan};

/// What is done to a run. It is boxed, because a closure over these lifetimes cannot be part of a future that is sent.
pub(crate) type Change<'c, E> = Box<dyn FnOnce(&mut Plan<'_>, RunKey) -> Result<(), E> + Send + 'c>;

/// Changes a run that the transaction has locked, and follows what comes of that. If the change is refused, nothing is written.
pub(crate) async fn reshape<E: From<StoreError>>(
    db: &mut Session,
    engine: &Engine,
    run: RunRow,
    change: Change<'_, E>,
) -> Result<Written, E> {
    let key = run.key;
    let holding = Holding::load(db, engine, vec![run]).await?;
    let mut plan = Plan::of_everything(db, engine, &holding).await?;
    change(&mut plan, key)?;
    plan.settle(db).await?;
    Ok(plan.write(db).await?)
}

/// The task instances of a run whose state is as wished, but for those of tasks that its version does not have.
pub(crate) fn instances(plan: &Plan<'_>, run: RunKey, wanted: impl Fn(TaskInstanceState) -> bool) -> Vec<Instance> {
    let is_wanted = |key| plan.status(key).is_some_and(|status| wanted(status.state()));
    plan.rows_of(run).filter(|row| is_wanted(row.key)).map(|row| row.key.instance()).collect()
}
