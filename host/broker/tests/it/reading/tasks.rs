//! Task instances, their tries and what they hand to each other.

use std::time::Duration;

use flow_model::ids::{EntryKey, TaskId};
use flow_model::rest::task_instances::TaskInstanceFilter;
use flow_model::rest::xcoms::XcomFilter;
use flow_model::rest::{Dates, Scope};
use flow_model::state::TaskInstanceState;
use flow_model::time::Millis;
use flow_model::work::ErrorClass;
use flow_test_support::{Stage, fails, on_both, returns, spec};
use serde_json::json;

use super::{all, by, is_not_found, know_one, names};

use TaskInstanceState::{Failed, Queued, Success};

fn task(id: &str) -> TaskId {
    id.parse().expect("a task id")
}

fn key(key: &str) -> EntryKey {
    key.parse().expect("a key")
}

/// Every range at once, each of them wide open.
fn ever() -> Dates {
    let (first, last) = (Some(Millis(0)), Some(Millis(i64::MAX)));
    Dates {
        run_after_gte: first,
        run_after_gt: first,
        run_after_lte: last,
        run_after_lt: last,
        start_date_gte: first,
        start_date_gt: first,
        start_date_lte: last,
        start_date_lt: last,
        end_date_gte: first,
        end_date_gt: first,
        end_date_lte: last,
        end_date_lt: last,
        duration_gte: Some(0),
        duration_lt: Some(1_000),
        updated_at_gte: first,
        updated_at_gt: first,
        updated_at_lte: last,
        updated_at_lt: last,
        ..Dates::default()
    }
}

/// Conditions of every kind that the task `z` of the DAG `etl` meets.
fn wide() -> TaskInstanceFilter {
    TaskInstanceFilter {
        state: vec![Success],
        task_id: Some("z".to_owned()),
        task_display_name_pattern: Some("Z".to_owned()),
        dag_id_pattern: Some("t".to_owned()),
        run_id_pattern: Some("manual".to_owned()),
        task_display_name_prefix_pattern: Some("z".to_owned()),
        dag_id_prefix_pattern: Some("et".to_owned()),
        run_id_prefix_pattern: Some("manual".to_owned()),
        map_index: vec![-1, 0],
        try_number: vec![1, 2],
        version_number: vec![1],
        dates: ever(),
        ..TaskInstanceFilter::default()
    }
}

on_both! {
    async fn task_instances_are_found_by_what_is_asked_for(db: TestStore) {
        let stage = Stage::open(db).await;
        let tasks = json!([
            {"task_id": "z", "function": "read", "pool": "db"},
            {"task_id": "b", "function": "f", "depends_on": ["z"], "group": "inner"},
            {"task_id": "c", "function": "f", "depends_on": ["b"]},
        ]);
        let pool = serde_json::from_value(json!({"name": "db", "slots": 1})).expect("a pool");
        stage.local.create_pool(&stage.admin(), pool).await.expect("it can be made");
        let groups = json!([{"group_id": "outer"}, {"group_id": "inner", "parent": "outer"}]);
        let dag = stage.know(spec(json!({"dag_id": "etl", "tasks": tasks, "groups": groups}))).await;
        let run = stage.trigger(&dag).await;
        let work = stage.claim_one().await;
        stage.play(&work, returns("1")).await;
        let other = know_one(&stage, "other").await;
        stage.clock.advance(Duration::from_secs(1));
        stage.trigger(&other).await;

        let of_run = Scope { dag: Some(dag.clone()), run: Some(run.clone()), task: None };
        let found = async |scope: &Scope, filter: TaskInstanceFilter| {
            let page = stage.local.task_instances(&stage.tenant, scope, &filter, &all()).await.expect("a page");
            assert_eq!(page.total, page.entries.len() as u64);
            names(&page, |task| &task.last_try.task_id)
        };
        let (every, none) = (Scope::default(), TaskInstanceFilter::default);
        assert_eq!(found(&of_run, none()).await, ["z", "b", "c"]);
        assert_eq!(found(&every, none()).await, ["z", "b", "c", "a"]);
        let waiting = vec![TaskInstanceState::None, Failed];
        assert_eq!(found(&every, TaskInstanceFilter { state: waiting, ..none() }).await, ["c"]);
        assert_eq!(found(&every, TaskInstanceFilter { task_id: Some("b".into()), ..none() }).await, ["b"]);
        let of_task = Scope { task: Some(task("b")), ..of_run.clone() };
        assert_eq!(found(&of_task, none()).await, ["b"]);
        assert_eq!(found(&every, wide()).await, ["z"]);
        let like = |traits: serde_json::Value| TaskInstanceFilter {
            traits: serde_json::from_value(traits).expect("conditions"),
            ..none()
        };
        assert_eq!(found(&of_run, like(json!({"pool": ["db"], "operator": ["read"]}))).await, ["z"]);
        assert_eq!(found(&every, like(json!({"pool_name_prefix_pattern": "default"}))).await, ["b", "c", "a"]);
        assert_eq!(found(&every, like(json!({"task_group_id": "outer"}))).await, ["b"]);
        assert_eq!(found(&of_run, like(json!({"executor": ["celery"]}))).await, [""; 0]);
        let labelled = TaskInstanceFilter {
            rendered_map_index_pattern: Some("x".to_owned()),
            rendered_map_index_prefix_pattern: Some("x".to_owned()),
            ..none()
        };
        assert_eq!(found(&every, labelled).await, [""; 0]);
        let orders = ["id", "dag_id", "run_id", "dag_run_id", "map_index", "try_number", "run_after", "logical_date"];
        for order in orders.into_iter().chain(["queued_when", "start_date", "end_date", "-duration", "state", "data_interval_end"]) {
            stage.local.task_instances(&stage.tenant, &every, &none(), &by(&[order])).await.expect(order);
        }
        let page = stage.local.task_instances(&stage.tenant, &of_run, &none(), &by(&["-task_id"])).await.expect("a page");
        assert_eq!(names(&page, |task| &task.last_try.task_id), ["z", "c", "b"]);
        let waits = stage.local.task_instance(&stage.tenant, (&dag, &run), (&task("c"), None)).await.expect("it is there");
        assert_eq!((waits.last_try.state, waits.last_try.try_number), (None, 0));
    }

    async fn tries_are_listed_once_each(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = know_one(&stage, "flaky").await;
        let run = stage.trigger(&dag).await;
        let a = task("a");
        let tries = async || {
            let page = stage.local.task_instance_tries(&stage.tenant, (&dag, &run), (&a, None)).await.expect("the tries");
            page.entries.iter().map(|one| (one.try_number, one.state)).collect::<Vec<_>>()
        };
        assert_eq!(tries().await, [(1, Some(Queued))]);
        let work = stage.claim_one().await;
        stage.clock.advance(Duration::from_secs(2));
        stage.port_start(&work).await;
        stage.clock.advance(Duration::from_millis(250));
        stage.finish(&work, fails(ErrorClass::GuestBug)).await;
        assert_eq!(tries().await, [(1, Some(Failed))], "the second try has not begun");
        stage.pass(Duration::from_mins(1)).await;
        stage.play_all(|_| returns("1")).await;
        assert_eq!(tries().await, [(1, Some(Failed)), (2, Some(Success))]);
        let first = stage.local.task_instance_try(&stage.tenant, (&dag, &run), (&a, None), 1).await.expect("a try");
        assert_eq!((first.error_class, first.duration), (Some(ErrorClass::GuestBug), Some(0.25)));
        assert_eq!((first.hostname.as_deref(), first.task_id), (Some("stage"), a.clone()));
        assert!(is_not_found(&stage.local.task_instance_try(&stage.tenant, (&dag, &run), (&a, None), 3).await));
        let last = stage.local.task_instance(&stage.tenant, (&dag, &run), (&a, None)).await.expect("it is there");
        assert_eq!((last.last_try.try_number, last.last_try.error_class), (2, None));
    }

    async fn xcoms_are_shown_to_the_letter(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = know_one(&stage, "etl").await;
        let run = stage.trigger(&dag).await;
        stage.play_all(|_| returns("[1.0, 18446744073709551617]")).await;
        let entry = stage.local.xcom_entry(&stage.tenant, (&dag, &run), (&task("a"), None), &key("return_value")).await;
        let entry = entry.expect("what the task returned");
        assert_eq!(entry.value.as_str(), "[1.0, 18446744073709551617]");
        let scope = Scope { dag: Some(dag.clone()), run: Some(run.clone()), task: Some(task("a")) };
        let filter = XcomFilter {
            xcom_key: Some("return_value".to_owned()),
            xcom_key_pattern: Some("RETURN".to_owned()),
            xcom_key_prefix_pattern: Some("x|ret".to_owned()),
            dag_display_name_pattern: Some("ETL".to_owned()),
            dag_display_name_prefix_pattern: Some("etl".to_owned()),
            run_id_pattern: Some("manual".to_owned()),
            run_id_prefix_pattern: Some("manual".to_owned()),
            task_id_pattern: Some("A".to_owned()),
            task_id_prefix_pattern: Some("a".to_owned()),
            map_index: Some(-1),
            map_index_filter: Some(-1),
            dates: ever(),
        };
        let other = XcomFilter { task_id_prefix_pattern: Some("A".to_owned()), ..filter.clone() };
        assert_eq!(stage.local.xcom_entries(&stage.tenant, &scope, &other, &all()).await.expect("a page").total, 0);
        for scope in [&scope, &Scope::default()] {
            let page = stage.local.xcom_entries(&stage.tenant, scope, &filter, &by(&["-timestamp"])).await.expect("a page");
            assert_eq!((page.entries, page.total), (vec![entry.xcom.clone()], 1));
        }
        for order in ["key", "map_index", "task_id", "dag_id", "run_id", "run_after", "logical_date"] {
            stage.local.xcom_entries(&stage.tenant, &scope, &filter, &by(&[order])).await.expect(order);
        }
        let absent = stage.local.xcom_entry(&stage.tenant, (&dag, &run), (&task("a"), None), &key("other")).await;
        assert!(is_not_found(&absent));
    }

    async fn another_tenants_tasks_are_not_there(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = know_one(&stage, "etl").await;
        let run = stage.trigger(&dag).await;
        stage.play_all(|_| returns("1")).await;
        let rival = stage.db.tenant("rival", stage.clock.now()).await;
        let (local, a) = (&stage.local, task("a"));
        let scope = Scope { dag: Some(dag.clone()), run: Some(run.clone()), task: None };
        let (tasks, xcoms) = (TaskInstanceFilter::default(), XcomFilter::default());
        assert!(is_not_found(&local.task_instances(&rival, &scope, &tasks, &all()).await));
        assert!(is_not_found(&local.xcom_entries(&rival, &scope, &xcoms, &all()).await));
        assert_eq!(local.task_instances(&rival, &Scope::default(), &tasks, &all()).await.expect("a page").total, 0);
        assert_eq!(local.xcom_entries(&rival, &Scope::default(), &xcoms, &all()).await.expect("a page").total, 0);
        assert!(is_not_found(&local.task_instance(&rival, (&dag, &run), (&a, None)).await));
        assert!(is_not_found(&local.task_instance_tries(&rival, (&dag, &run), (&a, None)).await));
        assert!(is_not_found(&local.xcom_entry(&rival, (&dag, &run), (&a, None), &key("return_value")).await));
        assert!(is_not_found(&local.task_instance(&stage.tenant, (&dag, &run), (&a, Some(0))).await), "it is not mapped");
        assert!(is_not_found(&local.task_instance(&stage.tenant, (&dag, &run), (&task("b"), None)).await));
    }
}
