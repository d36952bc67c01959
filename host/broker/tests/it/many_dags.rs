//! Favorites, and pausing many DAGs at once.

use flow_broker::{Actor, LocalBroker, ServiceError};
use flow_model::ids::DagId;
use flow_model::rest::PageRequest;
use flow_model::rest::dags::{DagFilter, DagPatch};
use flow_test_support::{Stage, on_both, spec};
use serde_json::json;

async fn known(stage: &Stage<LocalBroker>, dag: &str) -> DagId {
    stage.know(spec(json!({"dag_id": dag, "tasks": [{"task_id": "t", "function": "f"}]}))).await
}

fn page(limit: u32, offset: u32) -> PageRequest {
    PageRequest { limit, offset, ..PageRequest::default() }
}

on_both! {
    async fn favorites_are_everybodys_own(db: TestStore) {
        let stage = Stage::open(db).await;
        let (local, ada) = (&stage.local, stage.admin());
        let bob = Actor { name: "bob".to_owned(), ..ada.clone() };
        let (etl, report) = (known(&stage, "etl").await, known(&stage, "report").await);
        let favorites = async |who: &Actor, wanted| {
            let filter = DagFilter { is_favorite: Some(wanted), ..DagFilter::default() };
            let found = local.dags(who, &filter, &PageRequest::default()).await.expect("a page").entries;
            found.iter().map(|dag| dag.dag_id.to_string()).collect::<Vec<_>>()
        };
        local.favorite_dag(&ada, &etl).await.expect("it is marked");
        assert!(matches!(local.favorite_dag(&ada, &etl).await, Err(ServiceError::Conflict { .. })));
        assert_eq!((favorites(&ada, true).await, favorites(&ada, false).await), (vec!["etl".into()], vec!["report".into()]));
        assert_eq!(favorites(&bob, true).await, [""; 0]);
        assert!(local.dag_details(&ada, &etl).await.expect("a DAG").is_favorite);
        assert!(!local.dag_details(&bob, &etl).await.expect("a DAG").is_favorite);
        assert!(matches!(local.unfavorite_dag(&bob, &etl).await, Err(ServiceError::Conflict { .. })));
        local.unfavorite_dag(&ada, &etl).await.expect("it was marked");
        assert_eq!(favorites(&ada, true).await, [""; 0]);

        let eve = Actor { tenant: stage.db.tenant("rival", stage.clock.now()).await, ..ada.clone() };
        assert!(matches!(local.favorite_dag(&eve, &report).await, Err(ServiceError::NotFound { .. })));
        assert!(matches!(local.unfavorite_dag(&eve, &report).await, Err(ServiceError::NotFound { .. })));
        local.favorite_dag(&ada, &report).await.expect("it is marked");
        local.delete_dag(&ada, &report).await.expect("it goes");
        known(&stage, "report").await;
        assert_eq!(favorites(&ada, true).await, [""; 0], "a DAG that comes back is nobody's favorite");
    }

    async fn a_pattern_pauses_many_dags(db: TestStore) {
        let stage = Stage::open(db).await;
        let (local, ada) = (&stage.local, stage.admin());
        for dag in ["etl_a", "etl_b", "report"] {
            known(&stage, dag).await;
        }
        let pause = async |filter: DagFilter, is_paused, page: PageRequest| {
            let shown = local.patch_dags(&ada, &filter, &DagPatch { is_paused }, &page).await.expect("a page");
            let names = shown.entries.iter().map(|dag| format!("{} {}", dag.dag_id, dag.is_paused));
            (names.collect::<Vec<_>>(), shown.total)
        };
        let paused = async || {
            let filter = DagFilter { paused: Some(true), ..DagFilter::default() };
            let found = local.dags(&ada, &filter, &PageRequest::default()).await.expect("a page").entries;
            found.iter().map(|dag| dag.dag_id.to_string()).collect::<Vec<_>>()
        };
        let none = DagFilter::default;
        assert_eq!(pause(none(), true, page(50, 0)).await, (vec![], 0), "without a pattern it is none");
        let etl = DagFilter { dag_id_prefix_pattern: Some("etl".to_owned()), ..none() };
        let shown = pause(etl, true, page(1, 1)).await;
        assert_eq!(shown, (vec!["etl_b true".to_owned()], 2), "a page shows a part of what was changed");
        assert_eq!(paused().await, ["etl_a", "etl_b"]);
        let those_that_are = DagFilter { dag_id_pattern: Some("~".to_owned()), paused: Some(true), ..none() };
        assert_eq!(pause(those_that_are, false, page(1, 0)).await, (vec!["etl_a false".to_owned()], 2));
        assert_eq!(paused().await, [""; 0]);
        let eve = Actor { tenant: stage.db.tenant("rival", stage.clock.now()).await, ..ada.clone() };
        let all = DagFilter { dag_id_pattern: Some("%".to_owned()), ..none() };
        let patch = DagPatch { is_paused: true };
        assert_eq!(local.patch_dags(&eve, &all, &patch, &PageRequest::default()).await.expect("a page").total, 0);
        assert_eq!(paused().await, [""; 0]);
    }
}
