//! What makes a fast wrong answer fail.

use flow_tests::Client;
use serde_json::Value;

/// As many entries as one page holds.
const PAGE: usize = 1_000;

/// Every task of the run succeeded at its first try and left its result. Reads each of them.
pub(crate) async fn every_task(tenant: &Client, dag: &str, run: &str, tasks: usize) {
    assert!(tasks <= PAGE, "larger runs are counted");
    let list = tenant.get(format_args!("{}?limit={PAGE}", instances(dag, run))).await.expect(200);
    let list = list["task_instances"].as_array().expect("a list");
    assert_eq!(list.len(), tasks, "{dag} {run}");
    let is_right = |task: &Value| task["state"] == "success" && task["try_number"] == 1;
    assert!(list.iter().all(is_right), "{dag} {run}: {list:?}");
    results(tenant, dag, run, tasks).await;
}

/// So many tasks of the run succeeded at their first try, left a result, and there are no others. Counts them.
pub(crate) async fn all_tasks(tenant: &Client, dag: &str, run: &str, tasks: usize) {
    assert_eq!(count(tenant, dag, run, "state=success&try_number=1").await, tasks, "{dag} {run}");
    assert_eq!(count(tenant, dag, run, "").await, tasks, "{dag} {run}");
    results(tenant, dag, run, tasks).await;
}

/// How many task instances of the run are as the conditions say; `~` stands for all runs.
pub(crate) async fn count(tenant: &Client, dag: &str, run: &str, conditions: &str) -> usize {
    let list = tenant.get(format_args!("{}?limit=1&{conditions}", instances(dag, run))).await.expect(200);
    list["total_entries"].as_u64().and_then(|count| usize::try_from(count).ok()).expect("a count")
}

async fn results(tenant: &Client, dag: &str, run: &str, tasks: usize) {
    let xcoms = format!("{}/~/xcomEntries?limit=1", instances(dag, run));
    assert_eq!(tenant.get(xcoms).await.expect(200)["total_entries"], tasks, "{dag} {run}: results");
}

fn instances(dag: &str, run: &str) -> String {
    format!("/api/v2/dags/{dag}/dagRuns/{run}/taskInstances")
}
