//! What work costs the store: trips, statements, rows and commits of every verb, for each workload, on both databases. The outcome
//! is the golden file of each database, so that a change that adds a statement shows. Where many share a transaction the
//! number of statements does not depend on how many they are.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use flow_broker::{LocalBroker, PlatformActor};
use flow_model::call::Call;
use flow_model::port::{Broker, ClaimRequest, TenantScope};
use flow_model::rest::variables::VariableBody;
use flow_model::state::RunState;
use flow_model::work::{AttemptEnd, DeferTrigger, Deferral, Job, Work};
use flow_store::Tally;
use flow_test_support::{Stage, TestStore, returns, spec};
use futures::future::{join, join_all};
use serde_json::{Value, json};

/// A stage whose every verb is put on a bill.
struct Till {
    stage: Stage<LocalBroker>,
    dags: usize,
    bill: Vec<(&'static str, Tally)>,
}

impl Till {
    async fn open(db: TestStore) -> Self {
        let mut stage = Stage::open(db).await;
        let body = serde_json::from_value(json!({"name": "globex"})).expect("a tenant");
        let platform = PlatformActor { name: "root".to_owned() };
        stage.tenant = stage.local.create_tenant(&platform, body).await.expect("a new tenant").name;
        Self { stage, dags: 0, bill: Vec::new() }
    }

    fn tally(&self) -> Tally {
        self.stage.db.store.tally()
    }

    fn note(&mut self, verb: &'static str, before: Tally) {
        let cost = self.tally() - before;
        match self.bill.iter_mut().find(|(noted, _)| *noted == verb) {
            Some((_, sum)) => *sum = *sum + cost,
            None => self.bill.push((verb, cost)),
        }
    }

    /// So many runs of a DAG of these tasks, played to their end. Answers how many tasks that took.
    async fn play(&mut self, tasks: Value, runs: usize, end: impl Fn(&Job) -> AttemptEnd) -> usize {
        self.dags += 1;
        let id = format!("dag{}", self.dags);
        let dag = self.stage.know(spec(json!({"dag_id": id, "tasks": tasks}))).await;
        let before = self.tally();
        let mut begun = Vec::new();
        for _ in 0..runs {
            begun.push(self.stage.trigger(&dag).await);
            // A run's id is made of the time.
            self.stage.clock.advance(Duration::from_millis(1));
        }
        self.note("trigger", before);
        let mut played = 0;
        loop {
            let before = self.tally();
            let work = self.claim().await;
            if work.is_empty() {
                break;
            }
            self.note("claim", before);
            let before = self.tally();
            join_all(work.iter().map(|work| self.stage.finish(work, end(&work.job)))).await;
            self.note("finish", before);
            played += work.len();
        }
        for run in &begun {
            assert_eq!(self.stage.run_state(&dag, run).await, RunState::Success);
        }
        played
    }

    /// One run of a chain, played by a worker that always waits for what comes next. Answers how many tasks came next.
    async fn play_awaited(&mut self, length: usize) -> usize {
        self.dags += 1;
        let id = format!("dag{}", self.dags);
        let dag = self.stage.know(spec(json!({"dag_id": id, "tasks": chain(length)}))).await;
        let run = self.stage.trigger(&dag).await;
        let mut work = self.await_work().await;
        for _ in 1..length {
            let before = self.tally();
            work = join(self.await_work(), Box::pin(self.stage.finish(&work[0], returns("1")))).await.0;
            self.note("next", before);
        }
        let before = self.tally();
        self.stage.finish(&work[0], returns("1")).await;
        self.note("end", before);
        assert_eq!(self.stage.run_state(&dag, &run).await, RunState::Success);
        length - 1
    }

    /// Leases what there is for a worker that runs it at once.
    async fn claim(&self) -> Vec<Work> {
        self.claim_within(0).await
    }

    /// The same for one that waits.
    async fn await_work(&self) -> Vec<Work> {
        self.claim_within(30_000).await
    }

    async fn claim_within(&self, wait_ms: u64) -> Vec<Work> {
        let (worker, hostname) = (self.stage.worker, "till".to_owned());
        let tenants = TenantScope::All;
        let request = ClaimRequest { worker, hostname, tenants, slots: 1_024, wait_ms, begins: true };
        self.stage.port.claim(request).await.expect("work can be claimed")
    }

    /// The bill, in lines, and a new one begun.
    fn settle(&mut self, workload: &str, tasks: usize) -> String {
        let mut text = format!("{workload}\n");
        let mut sum = Tally::default();
        for (verb, cost) in std::mem::take(&mut self.bill) {
            text += &line(verb, figures(cost));
            sum = sum + cost;
        }
        text + &line("each", figures(sum).map(|count| share(count, tasks))) + "\n"
    }
}

fn figures(cost: Tally) -> [u64; 4] {
    [cost.trips, cost.statements, cost.rows, cost.commits]
}

fn line(of: &str, [trips, statements, rows, commits]: [impl Display; 4]) -> String {
    format!("  {of:<8}{trips:>7}{statements:>12}{rows:>8}{commits:>9}\n")
}

/// `count` divided by `tasks`, with two places.
fn share(count: u64, tasks: usize) -> String {
    let hundredths = (count * 100).div_ceil(tasks as u64);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

fn chain(length: usize) -> Value {
    let task = |at: usize| match at {
        0 => json!({"task_id": "t0", "function": "f"}),
        _ => json!({"task_id": format!("t{at}"), "function": "f", "arguments": [{"output": format!("t{}", at - 1)}]}),
    };
    (0..length).map(task).collect()
}

fn independent(count: usize) -> Value {
    (0..count).map(|at| json!({"task_id": format!("t{at}"), "function": "f"})).collect()
}

/// One task, `width` behind it, and one behind all of those.
fn fan(width: usize) -> Value {
    let ids: Vec<String> = (0..width).map(|at| format!("t{at}")).collect();
    let mut tasks = vec![json!({"task_id": "first", "function": "f"})];
    tasks.extend(ids.iter().map(|id| json!({"task_id": id, "function": "f", "depends_on": ["first"]})));
    tasks.push(json!({"task_id": "last", "function": "f", "arguments": [{"outputs": ids}]}));
    tasks.into()
}

/// A task that is mapped over what the one before it returned, and one behind all its instances.
fn mapped() -> Value {
    json!([
        {"task_id": "list", "function": "f"},
        {"task_id": "each", "function": "f", "arguments": [{"expand": {"output": "list"}}]},
        {"task_id": "sum", "function": "f", "arguments": [{"output": "each"}]},
    ])
}

async fn deferred(till: &mut Till) -> usize {
    let deferral = || {
        let trigger = DeferTrigger::Guest { trigger: "job".to_owned(), kwargs: "{}".to_owned() };
        AttemptEnd::Deferred(Deferral { trigger, resume_key: "here".to_owned(), timeout_ms: None })
    };
    till.play(independent(1), 1, |job| match job {
        Job::Task(context) if context.resume.is_none() => deferral(),
        Job::Task(_) => returns("1"),
        Job::Trigger { .. } => AttemptEnd::Fired { event: "1".to_owned() },
        Job::Http { .. } | Job::Parse { .. } | Job::Timetable(_) | Job::Callback { .. } => panic!("not {job:?}"),
    })
    .await;
    1
}

async fn variables(till: &mut Till) -> usize {
    let key = "key".parse().expect("a key");
    let body = VariableBody { key, value: json!("value"), description: None, team_name: None };
    till.stage.local.create_variable(&till.stage.admin(), body).await.expect("it can be made");
    let tasks = json!([{"task_id": "reads", "function": "f", "uses": {"variables": ["key"]}}]);
    let dag = till.stage.know(spec(json!({"dag_id": "reader", "tasks": tasks}))).await;
    till.stage.trigger(&dag).await;
    let work = till.claim().await.remove(0);
    let before = till.tally();
    for _ in 0..10 {
        let call = Call::VariableGet { key: "key".parse().expect("a key") };
        till.stage.port.call(&work.grant, call).await.expect("it is declared");
    }
    till.note("get", before);
    till.stage.finish(&work, returns("1")).await;
    10
}

async fn bill(db: TestStore) -> String {
    let mut till = Till::open(db).await;
    till.play(independent(1), 1, |_| returns("1")).await;
    till.bill.clear();
    let one = |_: &Job| returns("1");
    let list = format!("[{}1]", "1,".repeat(99));
    let lists = |job: &Job| match job {
        Job::Task(context) if context.task_id.as_str() == "list" => returns(&list),
        _ => returns("1"),
    };
    let mut text = line("", ["trips", "statements", "rows", "commits"]) + "\n";
    let tasks = till.play(independent(1), 1, one).await;
    text += &till.settle("one task", tasks);
    let tasks = till.play(chain(10), 1, one).await;
    text += &till.settle("chain of 10", tasks);
    let tasks = Box::pin(till.play_awaited(10)).await;
    text += &till.settle("chain of 10, awaited", tasks);
    let tasks = till.play(fan(100), 1, one).await;
    text += &till.settle("1 -> 100 -> 1", tasks);
    let tasks = till.play(independent(100), 10, one).await;
    text += &till.settle("10 runs of 100 tasks", tasks);
    let tasks = till.play(mapped(), 1, lists).await;
    text += &till.settle("mapped over 100, joined", tasks);
    let tasks = deferred(&mut till).await;
    text += &till.settle("deferred once", tasks);
    let tasks = variables(&mut till).await;
    text += &till.settle("variables.get", tasks);
    text
}

/// Fails unless `tests/it/cost/NAME.golden` is `outcome`.
fn keep(name: &str, outcome: &str) {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/cost/{name}.golden"));
    if std::fs::read_to_string(&kept).is_ok_and(|kept| kept == outcome) {
        return;
    }
    let new = kept.with_extension("golden.new");
    std::fs::write(&new, outcome).expect("the folder can be written");
    panic!("{name} has changed: read {0}, then `mv {0} {1}`", new.display(), kept.display());
}

#[tokio::test]
async fn is_as_agreed_on_sqlite() {
    keep("sqlite", &bill(TestStore::sqlite().await).await);
}

#[tokio::test]
async fn is_as_agreed_on_postgres() {
    keep("postgres", &bill(TestStore::postgres().await).await);
}

/// How many trips and statements each verb takes when so many tasks share every transaction.
async fn trips(db: TestStore, tasks: Value) -> Vec<(&'static str, [u64; 2])> {
    let mut till = Till::open(db).await;
    till.play(tasks, 1, |_| returns("1")).await;
    till.bill.iter().map(|(verb, cost)| (*verb, [cost.trips, cost.statements])).collect()
}

#[tokio::test]
async fn does_not_grow_with_how_many_share_it() {
    for (few, many) in [(independent(3), independent(30)), (fan(3), fan(30))] {
        for [one, other] in [
            [TestStore::sqlite().await, TestStore::sqlite().await],
            [TestStore::postgres().await, TestStore::postgres().await],
        ] {
            assert_eq!(trips(one, few.clone()).await, trips(other, many.clone()).await);
        }
    }
}
