//! Runs.

use std::time::Duration;

use flow_broker::ServiceError;
use flow_model::rest::dag_runs::{DagRunFilter, TriggerDagRun};
use flow_model::rest::{Dates, JsonText, PageRequest, Scope};
use flow_model::run::RunType;
use flow_model::state::RunState;
use flow_model::time::Millis;
use flow_test_support::{Stage, on_both, returns};

use super::{all, by, is_not_found, know_one, names};

fn named(run: &str) -> TriggerDagRun {
    TriggerDagRun { dag_run_id: Some(run.parse().expect("a run id")), ..TriggerDagRun::default() }
}

fn json(text: &str) -> JsonText {
    JsonText::new(text.to_owned()).expect("it is JSON")
}

/// Every range at once, around `at`.
fn around(at: Millis) -> Dates {
    let (before, after) = (Some(Millis(at.0 - 1)), Some(Millis(at.0 + 1)));
    Dates {
        run_after_gte: Some(at),
        run_after_gt: before,
        run_after_lte: Some(at),
        run_after_lt: after,
        logical_date_gte: Some(at),
        logical_date_gt: before,
        logical_date_lte: Some(at),
        logical_date_lt: after,
        start_date_gte: Some(at),
        start_date_gt: before,
        start_date_lte: Some(at),
        start_date_lt: after,
        end_date_gte: Some(at),
        end_date_gt: before,
        end_date_lte: Some(at),
        end_date_lt: after,
        updated_at_gte: Some(at),
        updated_at_gt: before,
        updated_at_lte: Some(at),
        updated_at_lt: after,
        duration_gte: Some(0),
        duration_gt: Some(-1),
        duration_lte: Some(0),
        duration_lt: Some(1),
    }
}

on_both! {
    async fn runs_are_found_by_what_is_asked_for(db: TestStore) {
        let stage = Stage::open(db).await;
        let (etl, other) = (know_one(&stage, "etl").await, know_one(&stage, "other").await);
        let begin = stage.clock.now();
        let dated = TriggerDagRun { logical_date: Some(begin), run_after: Some(begin), ..named("first") };
        stage.trigger_with(&etl, dated).await;
        stage.play_all(|_| returns("1")).await;
        stage.clock.advance(Duration::from_mins(1));
        let conf = Some(json(r#"{"Region": "eu_west"}"#));
        stage.trigger_with(&etl, TriggerDagRun { conf, ..named("second") }).await;
        stage.clock.advance(Duration::from_mins(1));
        stage.trigger_with(&other, named("third")).await;

        let of_etl = Scope { dag: Some(etl.clone()), ..Scope::default() };
        let found = async |scope: &Scope, filter: DagRunFilter| {
            let page = stage.local.runs(&stage.tenant, scope, &filter, &all()).await.expect("a page");
            assert_eq!(page.total, page.entries.len() as u64);
            names(&page, |run| &run.dag_run_id)
        };
        let (every, none) = (Scope::default(), DagRunFilter::default);
        assert_eq!(found(&of_etl, none()).await, ["first", "second"]);
        assert_eq!(found(&every, none()).await, ["first", "second", "third"]);
        let states = vec![RunState::Running, RunState::Failed];
        assert_eq!(found(&every, DagRunFilter { state: states, ..none() }).await, ["second", "third"]);
        assert_eq!(found(&every, DagRunFilter { run_type: vec![RunType::Scheduled], ..none() }).await, [""; 0]);
        assert_eq!(found(&every, DagRunFilter { run_id_pattern: Some("IR".into()), ..none() }).await, ["first", "third"]);
        assert_eq!(found(&every, DagRunFilter { dag_id_pattern: Some("oth".into()), ..none() }).await, ["third"]);
        assert_eq!(found(&every, DagRunFilter { dates: around(begin), ..none() }).await, ["first"]);
        let not_yet = Dates { end_date_gte: Some(Millis(begin.0 + 1)), ..Dates::default() };
        assert_eq!(found(&every, DagRunFilter { dates: not_yet, ..none() }).await, [""; 0], "what has not ended has no end");
        let some = |text: &str| Some(text.to_owned());
        for (wanted, filter) in [
            ("third", DagRunFilter { run_id_prefix_pattern: some("th"), ..none() }),
            ("third", DagRunFilter { dag_id_prefix_pattern: some("x|other"), ..none() }),
            ("", DagRunFilter { triggering_user_name_prefix_pattern: some("Ada"), ..none() }),
            ("second", DagRunFilter { conf_contains: some("region\": \"EU_"), ..none() }),
            ("", DagRunFilter { conf_contains: some("e%w"), ..none() }),
            ("", DagRunFilter { consuming_asset_pattern: some("p"), ..none() }),
            ("", DagRunFilter { partition_key_pattern: some("p"), ..none() }),
            ("", DagRunFilter { partition_key_prefix_pattern: some("p"), ..none() }),
            ("", DagRunFilter { bundle_version: some("2"), ..none() }),
        ] {
            assert_eq!(found(&every, filter).await.join(""), wanted);
        }
        let by_ada = DagRunFilter { triggering_user_name_pattern: Some("ad_".into()), dag_version: vec![1, 2], ..none() };
        assert_eq!(found(&every, by_ada).await.len(), 3);
    }

    async fn runs_come_in_pages_and_orders(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = know_one(&stage, "etl").await;
        for run in ["x", "y", "z"] {
            stage.clock.advance(Duration::from_secs(1));
            stage.trigger_with(&dag, named(run)).await;
        }
        let scope = Scope { dag: Some(dag), ..Scope::default() };
        let filter = DagRunFilter::default();
        let newest = PageRequest { limit: 2, offset: 1, order_by: vec!["-id".to_owned()] };
        let page = stage.local.runs(&stage.tenant, &scope, &filter, &newest).await.expect("a page");
        assert_eq!((names(&page, |run| &run.dag_run_id), page.total), (vec!["y".to_owned(), "x".to_owned()], 3));
        let page = stage.local.runs(&stage.tenant, &scope, &filter, &by(&["-start_date"])).await.expect("a page");
        assert_eq!(names(&page, |run| &run.dag_run_id), ["z", "y", "x"]);
        let orders = ["dag_run_id", "run_id", "dag_id", "state", "run_type", "run_after", "queued_at", "logical_date"];
        for order in orders.into_iter().chain(["end_date", "-duration", "triggering_user_name", "updated_at", "conf"]) {
            stage.local.runs(&stage.tenant, &scope, &filter, &by(&[order])).await.expect(order);
        }
        let refused = stage.local.runs(&stage.tenant, &scope, &filter, &by(&["note"])).await;
        assert!(matches!(refused, Err(ServiceError::Invalid { .. })), "{refused:?}");
    }

    async fn a_run_is_shown_as_it_was_asked_for(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = know_one(&stage, "etl").await;
        let conf = r#"{"b": 1.10, "a": 123456789012345678901234567890}"#;
        let body = TriggerDagRun { conf: Some(json(conf)), note: Some("why".to_owned()), ..named("first") };
        let run = stage.trigger_with(&dag, body).await;
        stage.clock.advance(Duration::from_millis(1_500));
        stage.play_all(|_| returns("1")).await;
        let shown = stage.local.run(&stage.tenant, &dag, &run).await.expect("the run");
        assert_eq!(shown.conf, Some(json(conf)));
        assert_eq!(shown.note.as_deref(), Some("why"));
        assert_eq!((shown.state, shown.duration), (RunState::Success, Some(1.5)));
        assert_eq!(shown.triggering_user_name.as_deref(), Some("ada"));
        assert_eq!(shown.dag_versions[0].version_number, 1);
        let scope = Scope { dag: Some(dag), run: Some(run), task: None };
        let page = stage.local.runs(&stage.tenant, &scope, &DagRunFilter::default(), &all()).await.expect("a page");
        assert_eq!(page.entries, [shown]);
    }

    async fn a_large_configuration_is_not_in_lists(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = know_one(&stage, "etl").await;
        let conf = json(&format!(r#"{{"text":"{}"}}"#, "x".repeat(10_000)));
        let run = stage.trigger_with(&dag, TriggerDagRun { conf: Some(conf.clone()), ..named("large") }).await;
        stage.clock.advance(Duration::from_secs(1));
        stage.trigger_with(&dag, named("none")).await;
        let scope = Scope { dag: Some(dag.clone()), ..Scope::default() };
        let page = stage.local.runs(&stage.tenant, &scope, &DagRunFilter::default(), &all()).await.expect("a page");
        let confs: Vec<_> = page.entries.into_iter().map(|run| run.conf).collect();
        assert_eq!(confs, [None, Some(json("{}"))]);
        assert_eq!(stage.local.run(&stage.tenant, &dag, &run).await.expect("the run").conf, Some(conf));
    }

    async fn another_tenants_runs_are_not_there(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = know_one(&stage, "etl").await;
        let run = stage.trigger(&dag).await;
        let rival = stage.db.tenant("rival", stage.clock.now()).await;
        let scope = Scope { dag: Some(dag.clone()), ..Scope::default() };
        let filter = DagRunFilter::default();
        assert!(is_not_found(&stage.local.run(&rival, &dag, &run).await));
        assert!(is_not_found(&stage.local.runs(&rival, &scope, &filter, &all()).await));
        assert_eq!(stage.local.runs(&rival, &Scope::default(), &filter, &all()).await.expect("a page").total, 0);
        assert_eq!(stage.local.dag_stats(&rival, &[dag]).await.expect("the stats").total, 0);
    }
}
