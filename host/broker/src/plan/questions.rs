//! Questions to people that a plan asks, and answers that it takes.

use flow_model::human_input::Answered;
use flow_model::ids::{AttemptId, TenantId};
use flow_model::time::Millis;
use flow_model::waiting::Waiting;
use flow_store::human_input::{self, NewQuestion};
use flow_store::task_instance::TaskRow;
use flow_store::{Session, StoreError};

/// See the module.
#[derive(Default)]
pub(super) struct Questions {
    asked: Vec<NewQuestion>,
    answered: Vec<(AttemptId, Answered)>,
}

impl Questions {
    /// A task instance waits for a person from now on.
    pub(super) fn ask(
        &mut self,
        tenant: &TenantId,
        attempt: AttemptId,
        (task, try_number): (&TaskRow, u32),
        now: Millis,
    ) {
        if let Some(Waiting::Human { form, until, .. }) = &task.wait {
            let (tenant, form) = (tenant.clone(), (**form).clone());
            self.asked.push(NewQuestion {
                attempt,
                tenant,
                task: task.key,
                try_number,
                form,
                asked_at: now,
                until: *until,
            });
        }
    }

    /// A question has its answer.
    pub(super) fn answer(&mut self, attempt: AttemptId, answered: Answered) {
        self.answered.push((attempt, answered));
    }

    pub(super) async fn write(self, db: &mut Session) -> Result<(), StoreError> {
        if !self.asked.is_empty() {
            human_input::insert(db, &self.asked).await?;
        }
        if !self.answered.is_empty() {
            human_input::answer(db, &self.answered).await?;
        }
        Ok(())
    }
}
