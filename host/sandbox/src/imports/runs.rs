//! `wit/runs.wit`

use flow_model::call::{Call, Reply, limit};
use flow_model::ids::RunId;
use flow_model::state::RunState;
use flow_model::time::Millis;

use super::{at_most, check_object, text};
use crate::bindings::imports::runs::{Host, RunState as WitRunState};
use crate::bindings::imports::types::Error;
use crate::guest::Guest;

impl Host for Guest {
    async fn trigger(
        &mut self,
        dag: String,
        conf: Option<String>,
        logical_date: Option<i64>,
        run_id: Option<String>,
    ) -> Result<String, Error> {
        let dag = dag.parse()?;
        if let Some(conf) = &conf {
            at_most(limit::XCOM, conf)?;
            check_object("conf", conf)?;
        }
        let run_id = run_id.map(|id| id.parse::<RunId>()).transpose()?;
        self.ask(Call::RunTrigger { dag, conf, logical_date: logical_date.map(Millis), run_id }, text).await
    }

    async fn state(&mut self, dag: String, run_id: String) -> Result<WitRunState, Error> {
        self.ask(Call::RunState { dag: dag.parse()?, run_id: run_id.parse()? }, run_state).await
    }

    async fn counts(&mut self, dag: String, states: Vec<WitRunState>) -> Result<u64, Error> {
        let states = states.into_iter().map(RunState::from).collect();
        self.ask(Call::RunCounts { dag: dag.parse()?, states }, count).await
    }

    async fn previous_success(&mut self) -> Result<Option<i64>, Error> {
        self.ask(Call::PreviousSuccess, instant).await
    }
}

fn run_state(reply: Reply) -> Option<WitRunState> {
    if let Reply::RunState(state) = reply { Some(state.into()) } else { None }
}

fn count(reply: Reply) -> Option<u64> {
    if let Reply::Count(count) = reply { Some(count) } else { None }
}

fn instant(reply: Reply) -> Option<Option<i64>> {
    if let Reply::Instant(instant) = reply { Some(instant.map(|at| at.0)) } else { None }
}

impl From<WitRunState> for RunState {
    fn from(state: WitRunState) -> Self {
        match state {
            WitRunState::Queued => Self::Queued,
            WitRunState::Running => Self::Running,
            WitRunState::Success => Self::Success,
            WitRunState::Failed => Self::Failed,
        }
    }
}

impl From<RunState> for WitRunState {
    fn from(state: RunState) -> Self {
        match state {
            RunState::Queued => Self::Queued,
            RunState::Running => Self::Running,
            RunState::Success => Self::Success,
            RunState::Failed => Self::Failed,
        }
    }
}
