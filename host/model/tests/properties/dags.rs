//! Random DAGs with what their attempts come to, in the format of the golden vectors.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value, json};

const RULES: &[&str] = &[
    "all_success",
    "all_failed",
    "all_done",
    "all_done_min_one_success",
    "all_done_setup_success",
    "one_success",
    "one_failed",
    "one_done",
    "none_failed",
    "none_failed_min_one_success",
    "none_skipped",
    "all_skipped",
    "always",
];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Plain,
    Empty,
    Branch,
    ShortCircuit,
    Mapped,
    Setup,
    Teardown,
}

/// What one task is made of.
#[derive(Debug, Clone)]
struct Seed {
    kind: Kind,
    rule: usize,
    upstream: Vec<Index>,
    picks: [Index; 3],
    numbers: [u8; 8],
    in_group: bool,
    flags: [bool; 4],
}

fn seeds() -> impl Strategy<Value = Seed> {
    let kind = prop_oneof![
        6 => Just(Kind::Plain),
        1 => Just(Kind::Empty),
        2 => Just(Kind::Branch),
        2 => Just(Kind::ShortCircuit),
        3 => Just(Kind::Mapped),
        1 => Just(Kind::Setup),
        1 => Just(Kind::Teardown),
    ];
    let rule = prop_oneof![2 => Just(0), 3 => 0..RULES.len()];
    let rest = (any::<[Index; 3]>(), any::<[u8; 8]>(), any::<bool>(), any::<[bool; 4]>());
    (kind, rule, vec(any::<Index>(), 0..4), rest).prop_map(
        |(kind, rule, upstream, (picks, numbers, in_group, flags))| Seed {
            kind,
            rule,
            upstream,
            picks,
            numbers,
            in_group,
            flags,
        },
    )
}

/// DAGs of up to ten tasks with every rule, branches, short circuits, mapped tasks, a mapped group, setups and teardowns, in
/// one run or in two of which the second waits for the first.
pub(crate) fn vectors() -> impl Strategy<Value = Value> {
    (vec(seeds(), 1..10), any::<Index>(), 0u8..5, any::<bool>())
        .prop_map(|(seeds, begin, length, two_runs)| vector(&seeds, begin, length, two_runs))
}

fn vector(seeds: &[Seed], begin: Index, length: u8, two_runs: bool) -> Value {
    let begin = begin.index(seeds.len());
    // The group is mapped over the task before it, if that returns something, else over so many elements.
    let over = begin.checked_sub(1).filter(|&at| length == 0 && seeds[at].kind == Kind::Plain);
    let mut sources: Vec<usize> = over.into_iter().collect();
    let in_group = |at: usize| at >= begin && at <= begin + 4 && seeds[at].in_group;
    let mut tasks = Vec::new();
    for (at, seed) in seeds.iter().enumerate() {
        tasks.push(task(seeds, at, seed, in_group(at), &mut sources));
    }
    let expand = over.map_or_else(|| json!(length), |at| json!(format!("t{at}")));
    let groups = json!([{"id": "g", "expand": expand, "parent": null}]);
    let outcomes = |run: usize| outcomes(seeds, run, &sources, &tasks);
    json!({
        "dag": {"fail_fast": false, "tasks": tasks, "groups": groups},
        "outcomes": outcomes(0), "outcomes_run1": outcomes(1), "runs": if two_runs { 2 } else { 1 },
    })
}

fn task(seeds: &[Seed], at: usize, seed: &Seed, in_group: bool, sources: &mut Vec<usize>) -> Value {
    let mut upstream: Vec<usize> = seed.upstream.iter().filter(|_| at > 0).map(|up| up.index(at.max(1))).collect();
    let kind = if in_group && seed.kind == Kind::Mapped { Kind::Plain } else { seed.kind };
    let rule = if in_group && RULES[seed.rule] == "always" { "all_done" } else { RULES[seed.rule] };
    let mut spec = json!({
        "id": format!("t{at}"),
        "trigger_rule": rule,
        "retries": seed.numbers[7] % 2,
        "group": in_group.then_some("g"),
        "depends_on_past": seed.numbers[5].is_multiple_of(8),
        "wait_for_downstream": seed.numbers[5].is_multiple_of(16),
    });
    match kind {
        Kind::Plain => {}
        Kind::Empty => spec["kind"] = "empty".into(),
        Kind::Branch => spec["kind"] = "branch".into(),
        Kind::Setup => spec["kind"] = "setup".into(),
        Kind::ShortCircuit => {
            spec["kind"] = "short_circuit".into();
            spec["ignore_downstream_trigger_rules"] = seed.flags[0].into();
        }
        Kind::Mapped => {
            let source = (at > 0 && seed.flags[1]).then(|| seed.picks[0].index(at.max(1)));
            let source = source.filter(|&source| matches!(seeds[source].kind, Kind::Plain | Kind::Mapped));
            upstream.extend(source);
            sources.extend(source);
            spec["kind"] = "mapped".into();
            spec["expand"] = source.map_or_else(|| json!(seed.numbers[6] % 4), |source| json!(format!("t{source}")));
        }
        Kind::Teardown => {
            let setups: Vec<usize> = (0..at).filter(|&up| seeds[up].kind == Kind::Setup).take(2).collect();
            upstream.extend(&setups);
            spec["kind"] = "teardown".into();
            spec["trigger_rule"] = "all_done_setup_success".into();
            spec["setups"] = setups.iter().map(|setup| format!("t{setup}")).collect();
            spec["on_failure_fail_dagrun"] = seed.flags[0].into();
        }
    }
    upstream.sort_unstable();
    upstream.dedup();
    spec["upstream"] = upstream.iter().map(|up| format!("t{up}")).collect();
    spec
}

fn outcomes(seeds: &[Seed], run: usize, sources: &[usize], tasks: &[Value]) -> Value {
    let mut all = Map::new();
    for (at, seed) in seeds.iter().enumerate() {
        let one = |number: u8| outcome(seeds.len(), at, seed, number, sources.contains(&at), &tasks[at]);
        all.insert(format!("t{at}"), json!([one(seed.numbers[run])]));
        for index in 0..3 {
            all.insert(format!("t{at}:{index}"), json!([one(seed.numbers[run + 1 + index])]));
        }
    }
    Value::Object(all)
}

fn outcome(tasks: usize, at: usize, seed: &Seed, number: u8, is_source: bool, task: &Value) -> Value {
    match number % 8 {
        0 => "fail".into(),
        1 => "fail_no_retry".into(),
        2 => "skip".into(),
        _ if is_source && task["kind"] != "mapped" => json!({"return_len": number % 4}),
        3..=6 if task["kind"] == "branch" => {
            let behind: Vec<String> = seed
                .picks
                .iter()
                .filter(|_| at + 1 < tasks)
                .map(|pick| format!("t{}", at + 1 + pick.index((tasks - at - 1).max(1))))
                .collect();
            json!({"branch": behind[..behind.len().min(usize::from(number % 3))]})
        }
        3..=5 if task["kind"] == "short_circuit" => json!({"bool": false}),
        _ => "success".into(),
    }
}
