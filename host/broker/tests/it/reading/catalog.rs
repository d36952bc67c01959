//! DAGs, their labels, versions and tasks; jobs and health.

use std::time::Duration;

use flow_broker::{Actor, ServiceError};
use flow_model::ids::DagId;
use flow_model::rest::dag_versions::DagVersionFilter;
use flow_model::rest::dags::{Dag, DagFilter, DagPatch, TagsMatch};
use flow_model::rest::health::HealthStatus;
use flow_model::rest::jobs::JobFilter;
use flow_model::rest::tasks::TimeDelta;
use flow_model::rest::{Names, NewestRun, PageRequest};
use flow_model::state::RunState;
use flow_model::time::Millis;
use flow_store::dag;
use flow_test_support::{Stage, on_both, returns, spec};
use serde_json::json;

use super::{all, by, is_not_found, know_one, names};

fn tagged(dag: &str, tags: &[&str]) -> flow_model::dag::DagSpec {
    spec(json!({"dag_id": dag, "tags": tags, "tasks": [{"task_id": "a", "function": "f"}]}))
}

/// Every filter at once, so that each enters a statement.
fn every_filter() -> DagFilter {
    DagFilter {
        dag_id_pattern: Some("x".to_owned()),
        dag_display_name_pattern: Some("x".to_owned()),
        dag_id_prefix_pattern: Some("x".to_owned()),
        dag_display_name_prefix_pattern: Some("x".to_owned()),
        is_favorite: Some(true),
        has_asset_schedule: Some(false),
        asset_dependency: Some("x".to_owned()),
        dag_run_state: vec![RunState::Failed, RunState::Queued],
        tags: vec!["x".to_owned(), "y".to_owned()],
        tags_match_mode: TagsMatch::All,
        owners: vec!["x".to_owned()],
        exclude_stale: true,
        paused: Some(false),
        has_import_errors: Some(true),
        last_dag_run_state: Some(RunState::Failed),
        bundle_name: Some("x".to_owned()),
        bundle_version: Some("1".to_owned()),
        newest_run: NewestRun {
            dag_run_start_date_gte: Some(Millis(0)),
            dag_run_start_date_gt: Some(Millis(0)),
            dag_run_start_date_lte: Some(Millis(9)),
            dag_run_start_date_lt: Some(Millis(9)),
            dag_run_end_date_gte: Some(Millis(0)),
            dag_run_end_date_gt: Some(Millis(0)),
            dag_run_end_date_lte: Some(Millis(9)),
            dag_run_end_date_lt: Some(Millis(9)),
        },
    }
}

on_both! {
    async fn dags_are_found_by_what_is_asked_for(db: TestStore) {
        let stage = Stage::open(db).await;
        let etl = stage.know(tagged("etl_daily", &["sales", "eu"])).await;
        let report = stage.know(tagged("report", &["sales", "say \"hi\", [you]"])).await;
        let stale = stage.know(tagged("stale", &[])).await;
        let mut tx = stage.db.store.begin("alter").await.expect("a transaction");
        let mut row = dag::find(&mut tx, &stage.tenant, &stale).await.expect("a look").expect("a DAG");
        row.is_stale = true;
        dag::put(&mut tx, &row).await.expect("a DAG");
        let mut row = dag::find(&mut tx, &stage.tenant, &report).await.expect("a look").expect("a DAG");
        row.is_paused = true;
        dag::put(&mut tx, &row).await.expect("a DAG");
        tx.commit().await.expect("a commit");
        stage.trigger(&etl).await;
        stage.play_all(|_| returns("1")).await;

        let found = async |filter: DagFilter| {
            let page = stage.local.dags(&stage.admin(), &filter, &all()).await.expect("a page");
            assert_eq!(page.total, page.entries.len() as u64);
            names(&page, |dag| &dag.dag_id)
        };
        let none = DagFilter::default;
        let tags = |tags: &[&str]| tags.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(found(none()).await, ["etl_daily", "report"]);
        assert_eq!(found(DagFilter { exclude_stale: false, ..none() }).await, ["etl_daily", "report", "stale"]);
        assert_eq!(found(DagFilter { dag_id_pattern: Some("DAIL".into()), ..none() }).await, ["etl_daily"]);
        assert_eq!(found(DagFilter { dag_id_prefix_pattern: Some("x|et".into()), ..none() }).await, ["etl_daily"]);
        assert_eq!(found(DagFilter { dag_id_prefix_pattern: Some("ET".into()), ..none() }).await, [""; 0]);
        assert_eq!(found(DagFilter { dag_id_pattern: Some("nothing|REP".into()), ..none() }).await, ["report"]);
        assert_eq!(found(DagFilter { dag_run_state: vec![RunState::Success], ..none() }).await, ["etl_daily"]);
        assert_eq!(found(DagFilter { has_asset_schedule: Some(true), ..none() }).await, [""; 0]);
        assert_eq!(found(DagFilter { has_asset_schedule: Some(false), ..none() }).await, ["etl_daily", "report"]);
        assert_eq!(found(DagFilter { paused: Some(true), ..none() }).await, ["report"]);
        assert_eq!(found(DagFilter { tags: tags(&["eu", "say \"hi\", [you]"]), ..none() }).await, ["etl_daily", "report"]);
        assert_eq!(found(DagFilter { tags: tags(&["hi"]), ..none() }).await, [""; 0]);
        let both = DagFilter { tags: tags(&["eu", "sales"]), tags_match_mode: TagsMatch::All, ..none() };
        assert_eq!(found(both).await, ["etl_daily"]);
        assert_eq!(found(DagFilter { last_dag_run_state: Some(RunState::Success), ..none() }).await, ["etl_daily"]);
        assert_eq!(found(DagFilter { has_import_errors: Some(true), ..none() }).await, [""; 0]);
        assert_eq!(found(DagFilter { bundle_version: Some("1".into()), ..none() }).await, ["etl_daily", "report"]);
        assert_eq!(found(every_filter()).await, [""; 0]);
    }

    async fn dags_come_in_pages_and_orders(db: TestStore) {
        let stage = Stage::open(db).await;
        for dag in ["a", "b", "c"] {
            know_one(&stage, dag).await;
        }
        let filter = DagFilter::default();
        let second = PageRequest { limit: 1, offset: 1, order_by: vec!["-dag_id".to_owned()] };
        let page = stage.local.dags(&stage.admin(), &filter, &second).await.expect("a page");
        assert_eq!((names(&page, |dag| &dag.dag_id), page.total), (vec!["b".to_owned()], 3));
        let orders = ["dag_id", "dag_display_name", "next_dagrun", "next_dagrun_run_after", "last_run_state"];
        for order in orders.into_iter().chain(["last_run_start_date"]) {
            stage.local.dags(&stage.admin(), &filter, &by(&[order])).await.expect(order);
        }
        let refused = stage.local.dags(&stage.admin(), &filter, &by(&["owner; --"])).await;
        assert!(matches!(refused, Err(ServiceError::Invalid { .. })), "{refused:?}");
    }

    async fn another_tenants_dags_are_not_there(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = know_one(&stage, "a").await;
        let rival = stage.db.tenant("rival", stage.clock.now()).await;
        let eve = Actor { tenant: rival.clone(), ..stage.admin() };
        assert_eq!(stage.local.dags(&eve, &DagFilter::default(), &all()).await.expect("a page").total, 0);
        assert!(is_not_found(&stage.local.dag(&rival, &dag).await));
        assert!(is_not_found(&stage.local.dag_details(&eve, &dag).await));
        assert!(is_not_found(&stage.local.tasks(&rival, &dag, None).await));
        assert!(is_not_found(&stage.local.dag_versions(&rival, Some(&dag), &DagVersionFilter::default(), &all()).await));
        assert!(is_not_found(&stage.local.dag_version(&rival, &dag, 1).await));
        assert_eq!(stage.local.dag_tags(&rival, Names::ALL, &all()).await.expect("a page").total, 0);
    }

    async fn labels_are_listed_once(db: TestStore) {
        let stage = Stage::open(db).await;
        stage.know(tagged("a", &["sales", "eu"])).await;
        stage.know(tagged("b", &["sales"])).await;
        let page = stage.local.dag_tags(&stage.tenant, Names::ALL, &all()).await.expect("a page");
        assert_eq!((page.entries, page.total), (vec!["eu".to_owned(), "sales".to_owned()], 2));
        let page = stage.local.dag_tags(&stage.tenant, Names { pattern: Some("SAL"), prefix: Some("sa") }, &by(&["-name"])).await.expect("a page");
        assert_eq!(page.entries, ["sales"]);
    }

    async fn a_dag_is_known_in_detail(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(json!({
            "dag_id": "etl", "description": "moves", "tags": ["eu"], "catchup": true, "start_date": "2026-01-01T00:00:00Z",
            "schedule": {"cron": {"expression": "0 4 * * *", "timezone": "Europe/Amsterdam"}},
            "tasks": [{"task_id": "a", "function": "f"}],
        }))).await;
        let details = stage.local.dag_details(&stage.admin(), &dag).await.expect("the DAG");
        assert_eq!(details.dag, stage.local.dag(&stage.tenant, &dag).await.expect("the DAG"));
        assert_eq!(details.dag.description.as_deref(), Some("moves"));
        assert_eq!(details.dag.tags[0].name, "eu");
        assert_eq!(details.timezone.as_deref(), Some("Europe/Amsterdam"));
        assert!(details.catchup && details.dag.next_dagrun_run_after.is_some());
        let filter = DagVersionFilter { version_number: Some(1), bundle_name: Some("stage".into()), bundle_version: Some("1".into()) };
        let versions = stage.local.dag_versions(&stage.tenant, Some(&dag), &filter, &by(&["-version_number"])).await;
        assert_eq!(versions.expect("a page").entries.first(), details.latest_dag_version.as_ref());
        assert_eq!(stage.local.dag_version(&stage.tenant, &dag, 1).await.ok(), details.latest_dag_version);
        assert!(is_not_found(&stage.local.dag_version(&stage.tenant, &dag, 2).await));
        let everyones = stage.local.dag_versions(&stage.tenant, None, &DagVersionFilter::default(), &all()).await;
        assert_eq!(everyones.expect("a page").total, 1);
    }

    async fn a_paused_dag_shows_what_would_come_next(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(json!({
            "dag_id": "daily", "schedule": {"cron_data_interval": {"expression": "@daily"}},
            "tasks": [{"task_id": "a", "function": "f"}],
        }))).await;
        let pause = async |is_paused| {
            stage.local.patch_dag(&stage.admin(), &dag, DagPatch { is_paused }).await.expect("it can be changed")
        };
        let next = |dag: &Dag| {
            (dag.next_dagrun_run_after, dag.next_dagrun_logical_date, dag.next_dagrun_data_interval_end)
        };
        let going = next(&stage.local.dag(&stage.tenant, &dag).await.expect("the DAG"));
        assert_eq!(next(&pause(true).await), going);
        let listed = stage.local.dags(&stage.admin(), &DagFilter::default(), &all()).await.expect("a page").entries;
        assert_eq!(next(&listed[0]), going);
        assert!(listed[0].timing.is_backfillable && listed[0].timing.allowed_run_types.is_none());
        stage.pass(Duration::from_hours(72)).await;
        let later = stage.local.dag_details(&stage.admin(), &dag).await.expect("the DAG");
        assert!(later.dag.next_dagrun_run_after > going.0, "it moves on with the time");
        assert_eq!(later.active_runs_count, 0, "and yet nothing runs");
        let run = stage.trigger(&dag).await;
        pause(false).await;
        stage.pass(Duration::ZERO).await;
        assert_eq!(stage.run_state(&dag, &run).await, RunState::Running);
        let running = stage.local.dag_details(&stage.admin(), &dag).await.expect("the DAG").active_runs_count;
        assert!(running >= 1, "{running}");
    }

    async fn tasks_know_their_neighbours(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(json!({"dag_id": "etl", "uses": {"variables": ["x"]}, "tasks": [
            {"task_id": "z", "function": "read", "retries": 2, "retry_delay_ms": 90_000, "execution_timeout_ms": 1_500},
            {"task_id": "b", "function": "write", "depends_on": ["z"], "uses": {"variables": ["y"]}},
        ]}))).await;
        let tasks = stage.local.tasks(&stage.tenant, &dag, None).await.expect("the tasks");
        assert_eq!(names(&tasks, |task| &task.task_id), ["b", "z"]);
        let tasks = stage.local.tasks(&stage.tenant, &dag, Some("-task_id")).await.expect("the tasks");
        assert_eq!(names(&tasks, |task| &task.task_id), ["z", "b"]);
        let z = stage.local.task(&stage.tenant, &dag, &"z".parse().expect("a task id")).await.expect("the task");
        assert_eq!(z, tasks.entries[0]);
        assert_eq!(z.downstream_task_ids, [tasks.entries[1].task_id.clone()]);
        assert_eq!(z.retry_delay, TimeDelta { days: 0, seconds: 90, microseconds: 0 });
        assert_eq!(z.execution_timeout, Some(TimeDelta { days: 0, seconds: 1, microseconds: 500_000 }));
        assert_eq!((z.class_ref.class_name.as_str(), tasks.entries[1].uses.variables.len()), ("read", 2));
        assert!(is_not_found(&stage.local.task(&stage.tenant, &dag, &"c".parse().expect("a task id")).await));
        let unsortable = stage.local.tasks(&stage.tenant, &dag, Some("owner")).await;
        assert!(matches!(unsortable, Err(ServiceError::Invalid { .. })), "{unsortable:?}");
    }

    async fn runs_are_counted_by_their_states(db: TestStore) {
        let stage = Stage::open(db).await;
        let (a, b) = (know_one(&stage, "a").await, know_one(&stage, "b").await);
        stage.trigger(&a).await;
        stage.play_all(|_| returns("1")).await;
        stage.trigger(&a).await;
        stage.trigger(&b).await;
        let stats = stage.local.dag_stats(&stage.tenant, &[]).await.expect("the stats");
        assert_eq!(names(&stats, |dag| &dag.dag_id), ["a", "b"]);
        let count = |state| stats.entries[0].stats.iter().find(|one| one.state == state).map(|one| one.count);
        assert_eq!(RunState::ALL.iter().map(|&state| count(state)).collect::<Vec<_>>(), [Some(0), Some(1), Some(1), Some(0)]);
        let none: DagId = "none".parse().expect("a DAG id");
        assert_eq!(stage.local.dag_stats(&stage.tenant, &[b, none]).await.expect("the stats").total, 1);
    }

    async fn jobs_are_alive_while_they_are_heard_of(db: TestStore) {
        let stage = Stage::open(db).await;
        let jobs = async |filter: JobFilter| {
            let page = stage.local.jobs(&filter, &by(&["job_type"])).await.expect("a page");
            page.entries.into_iter().filter_map(|job| job.job_type).collect::<Vec<_>>()
        };
        assert_eq!(jobs(JobFilter { is_alive: Some(true), ..<_>::default() }).await, ["SchedulerJob", "WorkerJob"]);
        assert_eq!(stage.local.health().await.scheduler.status, Some(HealthStatus::Healthy));
        stage.clock.advance(Duration::from_secs(31));
        assert!(stage.claim(1).await.is_empty());
        assert_eq!(jobs(JobFilter { is_alive: Some(false), ..<_>::default() }).await, ["SchedulerJob"]);
        let health = stage.local.health().await;
        assert_eq!(health.scheduler.status, Some(HealthStatus::Unhealthy));
        assert_eq!(health.metadatabase.status, Some(HealthStatus::Healthy));
        let every = JobFilter {
            is_alive: Some(true),
            job_state: Some("running".to_owned()),
            job_type: Some("WorkerJob".to_owned()),
            hostname: Some("stage".to_owned()),
            start_date_gte: Some(Millis(0)),
            start_date_lte: Some(stage.clock.now()),
            start_date_gt: Some(Millis(0)),
            start_date_lt: Some(stage.clock.now()),
            ..JobFilter::default()
        };
        assert_eq!(jobs(every.clone()).await, ["WorkerJob"]);
        let ended = JobFilter { end_date_gte: Some(Millis(0)), end_date_lt: Some(Millis(0)), ..every };
        assert_eq!(jobs(ended).await, [""; 0]);
        for order in ["id", "state", "hostname", "start_date", "latest_heartbeat", "-end_date"] {
            stage.local.jobs(&JobFilter::default(), &by(&[order])).await.expect(order);
        }
    }
}
