//! Assets: what tasks publish, the runs that follow, and who is told of it.

use flow_broker::LocalBroker;
use flow_model::call::{Call, CallError, Reply};
use flow_model::ids::{AssetId, DagId};
use flow_model::port::Broker;
use flow_model::rest::PageRequest;
use flow_model::rest::Scope;
use flow_model::rest::assets::{Asset, AssetEvent, AssetEventFilter, AssetFilter, CreateAssetEvent};
use flow_model::rest::dag_runs::{DagRun, DagRunFilter, TriggerDagRun};
use flow_model::work::{AttemptEnd, AttemptRole, Job, TaskContext, Work};
use serde_json::{Value, json};

use crate::house::House;

mod grants;
mod partitions;
mod publishing;
mod states;
mod triggering;

fn dag(id: &str) -> DagId {
    id.parse().expect("a DAG's id")
}

/// A DAG of one task that updates these assets.
fn producer(id: &str, outlets: &[&str]) -> Value {
    json!({"dag_id": id, "tasks": [{"task_id": "make", "function": "f", "outlets": outlets}]})
}

/// A DAG of one task that runs when `expression` holds.
fn consumer(id: &str, expression: &Value) -> Value {
    json!({"dag_id": id, "schedule": {"assets": {"expression": expression}}, "tasks": [{"task_id": "use", "function": "f"}]})
}

fn named(name: &str) -> Value {
    json!({"asset": {"name": name}})
}

fn task(work: &Work) -> (&str, &str) {
    match &work.grant.claims.role {
        AttemptRole::Task { dag, task, .. } => (dag.as_str(), task.as_str()),
        other => panic!("{other:?} is no task"),
    }
}

fn context(work: &Work) -> &TaskContext {
    match &work.job {
        Job::Task(context) => context,
        other => panic!("{other:?} is no task"),
    }
}

/// The events that a task was handed, as `asset extra`.
fn handed(work: &Work) -> Vec<String> {
    let events: Vec<Value> = serde_json::from_str(&context(work).triggering_asset_events).expect("JSON");
    events
        .iter()
        .map(|event| format!("{} {}", event["asset"]["name"].as_str().expect("a name"), event["extra"]))
        .collect()
}

fn done() -> AttemptEnd {
    AttemptEnd::Success { value: None }
}

impl House {
    /// Starts a run of a DAG of `acme`.
    async fn run(&self, id: &str) {
        self.broker.start_run(&self.ada, &dag(id), TriggerDagRun::default()).await.expect("a run");
    }

    /// Lets happen what is due, and leases what there is.
    async fn next(&self) -> Vec<Work> {
        self.broker.tick().await.expect("a round of the timekeeper");
        self.claim(0).await
    }

    /// The one piece of work that there is, once what is due has happened.
    async fn next_one(&self) -> Work {
        let mut work = self.next().await;
        assert_eq!(work.len(), 1, "there is one piece of work");
        work.remove(0)
    }

    /// Plays whatever there is, as often as there is something. Answers the DAGs of the tasks, in order.
    async fn play(&self) -> Vec<String> {
        let mut played = Vec::new();
        loop {
            let round = self.next().await;
            if round.is_empty() {
                return played;
            }
            for work in round {
                self.broker.start(&work.grant).await.expect("the attempt counts");
                self.finish(&work, done()).await;
                played.push(task(&work).0.to_owned());
            }
        }
    }

    async fn emit(&self, work: &Work, asset: &str, extra: Option<Value>) -> Result<Reply, CallError> {
        let extra = extra.map(|extra| extra.to_string());
        let call = Call::AssetEmit { asset: asset.to_owned(), extra, alias: None, partition_key: None };
        self.broker.call(&work.grant, call).await
    }

    /// The assets of `acme` that are active, by name.
    async fn assets(&self) -> Vec<Asset> {
        let page = PageRequest { order_by: vec!["name".to_owned()], ..PageRequest::default() };
        let found = self.broker.assets(&self.ada.tenant, &AssetFilter::default(), &page).await;
        found.expect("a list").entries
    }

    async fn asset(&self, name: &str) -> AssetId {
        let assets = self.assets().await;
        assets.iter().find(|asset| asset.name.as_str() == name).unwrap_or_else(|| panic!("asset {name:?}")).id
    }

    async fn events(&self) -> Vec<AssetEvent> {
        let (filter, page) = (AssetEventFilter::default(), PageRequest::default());
        self.broker.asset_events_of(&self.ada.tenant, &filter, &page).await.expect("a list").entries
    }

    /// Says by hand that an asset of `acme` was updated.
    async fn update(&self, name: &str, key: Option<&str>) {
        let body = CreateAssetEvent {
            asset_id: self.asset(name).await,
            extra: serde_json::Map::new(),
            partition_key: key.map(|key| key.parse().expect("a key")),
        };
        self.broker.create_asset_event(&self.ada, body).await.expect("an event");
    }

    /// The runs of a DAG of `acme`, oldest first.
    async fn runs(&self, id: &str) -> Vec<DagRun> {
        runs_of(&self.broker, self, id).await
    }
}

async fn runs_of(broker: &LocalBroker, house: &House, id: &str) -> Vec<DagRun> {
    let scope = Scope { dag: Some(dag(id)), ..Scope::default() };
    let page = PageRequest { order_by: vec!["run_after".to_owned()], ..PageRequest::default() };
    let found = broker.runs(&house.ada.tenant, &scope, &DagRunFilter::default(), &page).await;
    found.expect("a list").entries
}
