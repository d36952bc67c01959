//! `wit/task-instance.wit`

use flow_model::call::Call;

use crate::bindings::imports::task_instance::Host;
use crate::bindings::imports::types::Error;
use crate::guest::Guest;

impl Host for Guest {
    async fn heartbeat(&mut self, progress: Option<f64>) -> Result<(), Error> {
        // The worker renews the lease; without progress there is nothing to tell.
        let Some(fraction) = progress else { return Ok(()) };
        if !(0.0..=1.0).contains(&fraction) {
            return Err(Error::Invalid(format!("progress must be from 0 to 1, not {fraction}")));
        }
        if self.may_report(fraction) { self.ask(Call::Progress { fraction }).await } else { Ok(()) }
    }

    async fn is_cancelled(&mut self) -> bool {
        self.leash.cancelled()
    }

    async fn set_map_label(&mut self, label: String) {
        self.map_label.set(&label);
    }
}
