//! What was drawn, once every id is known.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Call, Draft, GroupDraft, Teardown};
use crate::Result;
use crate::asset::Outlet;
use crate::spec::{Object, named};

/// What was drawn.
pub(crate) struct Drawn {
    pub(crate) groups: Vec<Value>,
    pub(crate) tasks: Vec<Value>,
    /// What the tasks read and update.
    pub(crate) outlets: Vec<Outlet>,
}

impl Draft {
    /// The groups and tasks by their ids, or the first mistake.
    pub(crate) fn finish(self) -> Result<Drawn> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let group_ids = self.group_ids();
        let ids = self.ids(&group_ids);
        let groups =
            self.groups.into_iter().zip(&group_ids).map(|(group, id)| group.json(id, &group_ids, &ids)).collect();
        let mut outlets = Vec::new();
        let mut tasks = Vec::with_capacity(ids.len());
        for (mut call, id) in self.calls.into_iter().zip(&ids) {
            for (key, named) in
                [("inlets", std::mem::take(&mut call.inlets)), ("outlets", std::mem::take(&mut call.outlets))]
            {
                call.settings.set_list(key, named.iter().map(Outlet::name));
                outlets.extend(named);
            }
            tasks.push(call.json(id, &group_ids, &ids));
        }
        Ok(Drawn { groups, tasks, outlets })
    }

    /// Every group's id, with those of the groups around it, numbered where it is given again.
    fn group_ids(&self) -> Vec<String> {
        let mut numbers = Numbers::default();
        let mut ids: Vec<String> = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            let id = inside(group.parent.map(|parent| ids[parent].as_str()), &group.id);
            ids.push(numbers.distinguish(id));
        }
        ids
    }

    /// Every task's id: as given, else its function's name, numbered from the second call on; behind its group's.
    fn ids(&self, groups: &[String]) -> Vec<String> {
        let mut numbers = Numbers::default();
        let id = |call: &Call| {
            let group = call.group.map(|group| groups[group].as_str());
            match &call.id {
                Some(id) => inside(group, id),
                None => numbers.distinguish(inside(group, &call.name)),
            }
        };
        self.calls.iter().map(id).collect()
    }
}

fn inside(group: Option<&str>, id: &str) -> String {
    group.map_or_else(|| id.to_owned(), |group| format!("{group}.{id}"))
}

/// How often each id was given.
#[derive(Default)]
struct Numbers(BTreeMap<String, u32>);

impl Numbers {
    fn distinguish(&mut self, id: String) -> String {
        match self.0.entry(id.clone()).and_modify(|n| *n += 1).or_insert(0) {
            0 => id,
            n => format!("{id}__{n}"),
        }
    }
}

impl GroupDraft {
    fn json(self, id: &str, groups: &[String], tasks: &[String]) -> Value {
        let mut said = self.settings;
        said.set("group_id", id);
        if let Some(parent) = self.parent {
            said.set("parent", groups[parent].as_str());
        }
        let lists = self.expand.into_iter().map(|(name, source)| json!({ "name": name, "over": source.json(tasks) }));
        said.set_list("expand", lists);
        said.into()
    }
}

impl Call {
    fn json(self, id: &str, groups: &[String], tasks: &[String]) -> Value {
        let mut said = self.settings;
        said.set("task_id", id);
        if said.0.contains_key("map_index_template") {
            said.set_list("parameters", self.parameters.iter().copied());
        }
        said.set_list("arguments", self.arguments.into_iter().map(|argument| argument.json(tasks)));
        said.set_list("depends_on", named(&self.depends_on, tasks));
        if let Some(source) = self.expand_kwargs {
            said.set("expand_kwargs", source.json(tasks));
        }
        if let Some(group) = self.group {
            said.set("group", groups[group].as_str());
        }
        said.set_unless_default("setup", self.is_setup);
        if let Some(Teardown { setups, on_failure_fail_dagrun }) = self.teardown {
            let mut teardown = Object::default();
            teardown.set_list("setups", named(&setups, tasks));
            teardown.set_unless_default("on_failure_fail_dagrun", on_failure_fail_dagrun);
            said.set("teardown", teardown);
        }
        said.into()
    }
}
