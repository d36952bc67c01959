//! Mistakes in how tasks are written that have nothing to do with their order.

use super::{Graph, GraphError, TaskIndex};
use crate::dag::{Argument, DagSpec, TaskSpec};
use crate::map_label;
use crate::trigger_rule::TriggerRule;

impl Graph {
    /// Refuses what does not go together.
    pub(super) fn check(&self) -> Result<(), GraphError> {
        for task in self.tasks() {
            self.check_arguments(task)?;
            self.check_label(task)?;
            self.check_role(task)?;
            check_rule(&self.spec, self.task(task))?;
            let group = self.mapped_group(task).filter(|_| self.rule(task) == TriggerRule::Always);
            if let Some(group) = group {
                let (task, group) = (self.name(task), self.group(group).group_id.to_string());
                return Err(GraphError::AlwaysInMappedGroup { task, group });
            }
        }
        Ok(())
    }

    fn check_arguments(&self, at: TaskIndex) -> Result<(), GraphError> {
        let task = self.task(at);
        for argument in &task.arguments {
            match argument {
                Argument::Expand(_) if task.expand_kwargs.is_some() => {
                    return Err(GraphError::TwoMappings(self.name(at)));
                }
                Argument::Keyword(name) if task.expand_kwargs.is_none() => {
                    let argument = name.clone();
                    return Err(GraphError::KeywordWithoutMapping { task: self.name(at), argument });
                }
                Argument::GroupItem(name) if !self.has_item(at, name) => {
                    return Err(GraphError::UnknownGroupItem { task: self.name(at), item: name.clone() });
                }
                Argument::Literal(_)
                | Argument::Output(_)
                | Argument::Outputs(_)
                | Argument::Conf(_)
                | Argument::Expand(_)
                | Argument::Keyword(_)
                | Argument::GroupItem(_) => {}
            }
        }
        Ok(())
    }

    fn check_label(&self, at: TaskIndex) -> Result<(), GraphError> {
        let task = self.task(at);
        let names = task.map_index_template.iter().flat_map(|template| map_label::names(template));
        match names.into_iter().find(|name| !task.parameters.iter().any(|parameter| parameter == name)) {
            Some(name) => Err(GraphError::UnknownParameter { task: self.name(at), parameter: name.to_owned() }),
            None => Ok(()),
        }
    }

    fn has_item(&self, task: TaskIndex, name: &str) -> bool {
        let group = self.mapped_group(task).map(|group| self.group(group));
        group.is_some_and(|group| group.expand.iter().any(|item| item.name == name))
    }

    fn check_role(&self, at: TaskIndex) -> Result<(), GraphError> {
        let task = self.task(at);
        if !self.is_teardown(at) {
            return Ok(());
        }
        if self.is_setup(at) {
            return Err(GraphError::SetupAndTeardown(self.name(at)));
        }
        match task.trigger_rule {
            TriggerRule::AllSuccess | TriggerRule::AllDoneSetupSuccess => Ok(()),
            TriggerRule::AllFailed
            | TriggerRule::AllDone
            | TriggerRule::AllDoneMinOneSuccess
            | TriggerRule::OneSuccess
            | TriggerRule::OneFailed
            | TriggerRule::OneDone
            | TriggerRule::NoneFailed
            | TriggerRule::NoneFailedMinOneSuccess
            | TriggerRule::NoneSkipped
            | TriggerRule::AllSkipped
            | TriggerRule::Always => Err(GraphError::TeardownWithRule(self.name(at))),
        }
    }

    fn name(&self, task: TaskIndex) -> String {
        self.task(task).task_id.to_string()
    }
}

fn check_rule(dag: &DagSpec, task: &TaskSpec) -> Result<(), GraphError> {
    let is_plain = task.teardown.is_some() || task.trigger_rule == TriggerRule::AllSuccess;
    if dag.fail_fast && !is_plain { Err(GraphError::RuleWithFailFast(task.task_id.to_string())) } else { Ok(()) }
}
