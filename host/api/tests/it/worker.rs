//! A worker that does what scripts say: modules answer with their own bytes, tasks with the name of their function.

use flow_broker::LocalBroker;
use flow_model::ids::JobId;
use flow_model::port::{Broker, ClaimRequest, Report, TenantScope};
use flow_model::work::{AttemptEnd, ErrorClass, Failure, Job, LogLevel, LogLine, LogSource, TaskContext, Usage, Work};
use serde_json::{Value, json};

use crate::host::{BEGIN, Host, ask, component};

/// Works until it is dropped.
pub(crate) struct Worker(tokio::task::JoinHandle<()>);

impl Worker {
    pub(crate) fn start(broker: LocalBroker) -> Self {
        Self(tokio::spawn(async move {
            loop {
                for work in broker.claim(wish(1)).await.expect("claims are answered") {
                    finish(&broker, work).await;
                }
            }
        }))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A host with a tenant of one DAG with one task, and that tenant's administrator's token.
pub(crate) async fn with_a_dag() -> (Host, String) {
    with_tasks(&json!([{ "task_id": "t", "function": "f" }])).await
}

/// The same with a DAG of these tasks.
pub(crate) async fn with_tasks(tasks: &Value) -> (Host, String) {
    let host = Host::start().await;
    let admin = host.tenant("acme").await;
    let worker = Worker::start(host.broker.clone());
    let dags = json!([{ "dag_id": "d", "tasks": tasks }]);
    let upload = ask("POST", "/api/v2/modules/m").token(&admin).body("application/wasm", component(&dags));
    host.ask(upload).await.expect(201);
    drop(worker);
    (host, admin)
}

/// A wish for work.
pub(crate) fn wish(slots: u32) -> ClaimRequest {
    let (worker, hostname) = (JobId::mint(BEGIN, [9; 10]), "far.example".to_owned());
    ClaimRequest { worker, hostname, tenants: TenantScope::All, slots, wait_ms: 30_000, begins: false }
}

async fn finish(broker: &LocalBroker, work: Work) {
    broker.start(&work.grant).await.expect("it may start");
    let end = match &work.job {
        Job::Parse { .. } => {
            let bytes = broker.module(&work.grant).await.expect("it may read its module");
            AttemptEnd::Parsed { dags: String::from_utf8(bytes[4..].to_vec()).expect("a script") }
        }
        Job::Task(context) => {
            Broker::log(broker, &work.grant, vec![line(context)]).await.expect("it may log");
            outcome(context)
        }
        Job::Callback { .. } => AttemptEnd::Success { value: None },
        Job::Trigger { .. } | Job::Http { .. } | Job::Timetable(_) => panic!("no test here asks for {:?}", work.job),
    };
    broker
        .finish(&work.grant, Report { end, usage: Usage::default(), retry: None, map_label: None })
        .await
        .expect("it may finish");
}

fn line(context: &TaskContext) -> LogLine {
    LogLine {
        timestamp: BEGIN,
        level: LogLevel::Info,
        source: LogSource::Stdout,
        event: format!("{} of {} works", context.task_id, context.run_id),
        fields: None,
    }
}

fn outcome(context: &TaskContext) -> AttemptEnd {
    match context.function.as_str() {
        "fail" => AttemptEnd::Failed(Failure {
            class: ErrorClass::Fatal,
            message: "it was to fail".to_owned(),
            location: None,
        }),
        name => AttemptEnd::Success { value: Some(format!("\"{name}\"")) },
    }
}
