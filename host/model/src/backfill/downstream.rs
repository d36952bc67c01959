//! Which DAGs use what a DAG makes: those whose range is replayed after its own.

use std::collections::{BTreeMap, BTreeSet};

use crate::asset::{ReferenceKind, references};
use crate::dag::DagSpec;
use crate::ids::DagId;

/// An asset or an alias, by the name that it has in all DAGs of a tenant.
type Thing = (bool, String);

/// The DAGs that use what `start` makes, directly or through others, each with its stage: that of a DAG is higher than
/// those of all DAGs that it uses something of. Where DAGs use each other in a ring, some of them come too early.
pub fn downstream<'a>(dags: &[&'a DagSpec], start: &DagId) -> Vec<(&'a DagId, u32)> {
    let names = names_of_places(dags);
    let makes: Vec<BTreeSet<Thing>> = dags.iter().map(|dag| things(dag, &names, makes)).collect();
    let uses: Vec<BTreeSet<Thing>> = dags.iter().map(|dag| things(dag, &names, uses)).collect();
    let follow =
        |from: usize, to: usize| to != from && dags[to].dag_id != *start && !makes[from].is_disjoint(&uses[to]);
    let following: Vec<Vec<usize>> =
        (0..dags.len()).map(|from| (0..dags.len()).filter(|&to| follow(from, to)).collect()).collect();
    let mut stages: BTreeMap<usize, u32> = BTreeMap::new();
    stages.extend(dags.iter().position(|dag| dag.dag_id == *start).map(|at| (at, 0)));
    // The longest way without a ring has as many steps as there are DAGs.
    for _ in 0..dags.len() {
        let reached: Vec<(usize, u32)> = stages
            .iter()
            .flat_map(|(&from, &stage)| following[from].iter().map(move |&to| (to, stage + 1)))
            .filter(|(to, stage)| stages.get(to).is_none_or(|known| known < stage))
            .collect();
        if reached.is_empty() {
            break;
        }
        for (to, stage) in reached {
            let known = stages.entry(to).or_insert(stage);
            *known = stage.max(*known);
        }
    }
    let mut found: Vec<(&DagId, u32)> =
        stages.into_iter().filter(|(_, stage)| *stage > 0).map(|(at, stage)| (&dags[at].dag_id, stage)).collect();
    found.sort_by_key(|&(dag, stage)| (stage, dag));
    found
}

/// What the assets at a place are called, as DAGs declare them.
fn names_of_places(dags: &[&DagSpec]) -> BTreeMap<String, String> {
    let assets = dags.iter().flat_map(|dag| &dag.assets);
    assets.map(|asset| (asset.place().to_owned(), asset.name.as_str().to_owned())).collect()
}

fn things(dag: &DagSpec, names: &BTreeMap<String, String>, wanted: fn(ReferenceKind) -> bool) -> BTreeSet<Thing> {
    let wanted = references(dag).into_iter().filter(|reference| wanted(reference.kind));
    wanted
        .map(|reference| {
            let name = match reference.kind {
                ReferenceKind::ScheduleUri => names.get(&reference.target).cloned().unwrap_or(reference.target),
                ReferenceKind::Declared
                | ReferenceKind::ScheduleName
                | ReferenceKind::ScheduleAlias
                | ReferenceKind::Outlet
                | ReferenceKind::OutletAlias
                | ReferenceKind::Inlet
                | ReferenceKind::InletAlias => reference.target,
            };
            (reference.kind.is_alias(), name)
        })
        .collect()
}

fn makes(kind: ReferenceKind) -> bool {
    match kind {
        ReferenceKind::Outlet | ReferenceKind::OutletAlias => true,
        ReferenceKind::Declared
        | ReferenceKind::ScheduleName
        | ReferenceKind::ScheduleUri
        | ReferenceKind::ScheduleAlias
        | ReferenceKind::Inlet
        | ReferenceKind::InletAlias => false,
    }
}

fn uses(kind: ReferenceKind) -> bool {
    match kind {
        ReferenceKind::ScheduleName
        | ReferenceKind::ScheduleUri
        | ReferenceKind::ScheduleAlias
        | ReferenceKind::Inlet
        | ReferenceKind::InletAlias => true,
        ReferenceKind::Declared | ReferenceKind::Outlet | ReferenceKind::OutletAlias => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn dag(id: &str, inlets: &[&str], outlets: &[&str], more: &Value) -> DagSpec {
        let task = json!({"task_id": "t", "function": "f", "inlets": inlets, "outlets": outlets});
        let mut dag = json!({"dag_id": id, "tasks": [task]});
        dag.as_object_mut().expect("a DAG").extend(more.as_object().expect("members").clone());
        serde_json::from_value(dag).expect("a DAG")
    }

    fn found(dags: &[DagSpec]) -> Vec<(String, u32)> {
        let dags: Vec<&DagSpec> = dags.iter().collect();
        let start = "start".parse().expect("an id");
        downstream(&dags, &start).into_iter().map(|(dag, stage)| (dag.to_string(), stage)).collect()
    }

    #[test]
    fn a_dag_comes_after_all_that_it_uses_something_of() {
        let none = json!({});
        let dags = [
            dag("start", &["raw"], &["a"], &none),
            dag("late", &["a", "b"], &["c"], &none),
            dag("middle", &["a"], &["b"], &none),
            dag("other", &["z"], &["a"], &none),
        ];
        assert_eq!(found(&dags), [("middle".to_owned(), 1), ("late".to_owned(), 2)]);
    }

    #[test]
    fn a_schedule_can_name_an_asset_by_its_place() {
        let by_place = json!({"schedule": {"assets": {"expression": {"asset": {"uri": "s3://lake/a"}}}}});
        let declared = json!({"assets": [{"name": "a", "uri": "s3://lake/a"}]});
        let dags = [dag("start", &[], &["a"], &declared), dag("next", &[], &[], &by_place)];
        assert_eq!(found(&dags), [("next".to_owned(), 1)]);
    }

    #[test]
    fn a_ring_has_an_end() {
        let none = json!({});
        let dags = [
            dag("start", &["b"], &["a"], &none),
            dag("x", &["a", "y"], &["x"], &none),
            dag("y", &["x"], &["y", "b"], &none),
        ];
        let mut dags: Vec<String> = found(&dags).into_iter().map(|(dag, _)| dag).collect();
        dags.sort();
        assert_eq!(dags, ["x", "y"]);
    }
}
