//! `wit/xcom.wit`

use flow_model::call::{Call, limit};

use super::{at_most, check_json};
use crate::bindings::imports::types::Error;
use crate::bindings::imports::xcom::Host;
use crate::guest::Guest;

impl Host for Guest {
    async fn push(&mut self, key: String, value: String) -> Result<(), Error> {
        let key = key.parse()?;
        at_most(limit::XCOM, &value)?;
        check_json("the value", &value)?;
        self.ask(Call::XcomPush { key, value }).await
    }

    async fn pull(&mut self, task: String, key: String, map_index: Option<u32>) -> Result<String, Error> {
        self.ask(Call::XcomPull { task: task.parse()?, key: key.parse()?, map_index }).await
    }

    async fn pull_all(&mut self, task: String, key: String) -> Result<String, Error> {
        self.ask(Call::XcomPullAll { task: task.parse()?, key: key.parse()? }).await
    }

    async fn pull_from(
        &mut self,
        dag: String,
        run_id: String,
        task: String,
        key: String,
        map_index: Option<u32>,
    ) -> Result<String, Error> {
        let (dag, run_id, task, key) = (dag.parse()?, run_id.parse()?, task.parse()?, key.parse()?);
        self.ask(Call::XcomPullFrom { dag, run_id, task, key, map_index }).await
    }
}
