//! `wit/runs.wit`

use flow_model::call::{Call, limit};
use flow_model::ids::RunId;
use flow_model::state::RunState;
use flow_model::time::Millis;

use super::{at_most, check_instant, check_object};
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
        let logical_date = logical_date.map(Millis);
        logical_date.into_iter().try_for_each(|date| check_instant("logical-date", date))?;
        self.ask(Call::RunTrigger { dag, conf, logical_date, run_id }).await
    }

    async fn state(&mut self, dag: String, run_id: String) -> Result<WitRunState, Error> {
        self.ask(Call::RunState { dag: dag.parse()?, run_id: run_id.parse()? }).await
    }

    async fn counts(&mut self, dag: String, states: Vec<WitRunState>) -> Result<u64, Error> {
        let states = states.into_iter().map(RunState::from).collect();
        self.ask(Call::RunCounts { dag: dag.parse()?, states }).await
    }

    async fn previous_success(&mut self) -> Result<Option<i64>, Error> {
        self.ask(Call::PreviousSuccess).await
    }
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
