//! What guests may call: their role, what their task declared, their own tenant, and only while their lease lasts.

use flow_model::call::{Call, CallError, Reply};
use flow_model::port::Broker;
use flow_model::rest::connections::ConnectionBody;
use flow_model::rest::dag_runs::TriggerDagRun;
use flow_model::rest::variables::VariableBody;
use flow_model::work::{AttemptEnd, ErrorClass, Failure, Work};
use flow_test_support::on_both;
use serde_json::json;

use crate::house::House;

fn variable(key: &str, value: &str) -> VariableBody {
    VariableBody { key: key.parse().expect("a key"), value: json!(value), description: None, team_name: None }
}

fn get(key: &str) -> Call {
    Call::VariableGet { key: key.parse().expect("a key") }
}

fn set(key: &str, value: &str) -> Call {
    Call::VariableSet { key: key.parse().expect("a key"), value: value.to_owned() }
}

fn connect(id: &str) -> Call {
    Call::ConnectionGet { id: id.parse().expect("an id") }
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with what a call answers")]
fn text(value: &str) -> Result<Reply, CallError> {
    Ok(Reply::Text(value.to_owned()))
}

fn retryable() -> AttemptEnd {
    let failure = Failure { class: ErrorClass::Error, message: "once more".to_owned(), location: None };
    AttemptEnd::Failed(failure)
}

/// A try of a task that uses variables `region` and `job_*`, and connection `warehouse`.
async fn task(house: &House) -> Work {
    let uses = json!({"variables": ["region", "job_*", "absent"], "connections": ["warehouse"]});
    let task = json!({"task_id": "t", "function": "f", "retries": 1, "retry_delay_ms": 0, "uses": uses});
    house.accept(&house.ada, "m", &json!([{"dag_id": "d", "tasks": [task]}])).await;
    let dag = "d".parse().expect("a DAG id");
    house.broker.trigger_run(&house.ada, &dag, TriggerDagRun::default()).await.expect("a run");
    begin(house).await
}

async fn begin(house: &House) -> Work {
    let work = house.claim(5_000).await.remove(0);
    house.broker.start(&work.grant).await.expect("the attempt counts");
    work
}

on_both! {
    async fn a_task_reaches_what_it_declared_and_nothing_else(db: TestStore) {
        let house = House::open(db).await;
        let (broker, ada, eve) = (&house.broker, &house.ada, &house.eve);
        for (actor, key, value) in [(ada, "region", "eu"), (ada, "hidden", "h"), (ada, "job_1", "one"), (eve, "absent", "e")] {
            broker.create_variable(actor, variable(key, value)).await.expect("a new variable");
        }
        let grant = task(&house).await.grant;
        assert_eq!(broker.call(&grant, get("region")).await, text("eu"));
        assert_eq!(broker.call(&grant, get("hidden")).await, Err(CallError::Denied), "it is not declared");
        assert_eq!(broker.call(&grant, get("absent")).await, Err(CallError::NotFound), "it is another tenant's");
        assert_eq!(broker.call(&grant, set("hidden", "x")).await, Err(CallError::Denied));
        assert_eq!(broker.call(&grant, set("job_2", "two")).await, Ok(Reply::Done));
        assert_eq!(broker.call(&grant, get("job_2")).await, text("two"));
        let keys = |prefix: &str, page| Call::VariableKeys { prefix: prefix.to_owned(), page };
        let all = ["job_1", "job_2", "region"].map(str::to_owned).to_vec();
        assert_eq!(broker.call(&grant, keys("", 0)).await, Ok(Reply::Keys(all)));
        assert_eq!(broker.call(&grant, keys("job_", 0)).await.map(|reply| reply == Reply::Keys(vec![])), Ok(false));
        assert_eq!(broker.call(&grant, keys("", 1)).await, Ok(Reply::Keys(vec![])));
        let delete = || Call::VariableDelete { key: "job_2".parse().expect("a key") };
        assert_eq!(broker.call(&grant, delete()).await, Ok(Reply::Done));
        assert_eq!(broker.call(&grant, delete()).await, Err(CallError::NotFound));
        assert_eq!(broker.call(&grant, set("job_2", &"x".repeat(65_537))).await, Err(CallError::TooLarge));
    }

    async fn a_connection_reaches_the_guest_in_clear(db: TestStore) {
        let house = House::open(db).await;
        let body: ConnectionBody = serde_json::from_value(json!({
            "connection_id": "warehouse", "conn_type": "postgres", "host": "db", "login": "etl", "password": "p@ss",
        }))
        .expect("a connection");
        house.broker.create_connection(&house.ada, body).await.expect("a new connection");
        let grant = task(&house).await.grant;
        let Ok(Reply::Connection(found)) = house.broker.call(&grant, connect("warehouse")).await else {
            unreachable!("the task declared it");
        };
        assert_eq!((found.password.as_deref(), found.uri().as_str()), (Some("p@ss"), "postgres://etl:p%40ss@db"));
        assert_eq!(house.broker.call(&grant, connect("other")).await, Err(CallError::Denied));
    }

    async fn a_parse_only_reads_variables(db: TestStore) {
        let house = House::open(db).await;
        house.broker.create_variable(&house.ada, variable("region", "eu")).await.expect("a new variable");
        let module = "m".parse().expect("a module's name");
        let upload = house.broker.upload_module(&house.ada, &module, "x".into());
        let (_, ()) = tokio::join!(upload, async {
            let work = begin(&house).await;
            let call = async |call| house.broker.call(&work.grant, call).await;
            assert_eq!(call(get("region")).await, text("eu"));
            assert_eq!(call(set("region", "us")).await, Err(CallError::Denied));
            assert_eq!(call(connect("warehouse")).await, Err(CallError::Denied));
            assert_eq!(call(Call::StateClear).await, Err(CallError::Denied));
            house.finish(&work, retryable()).await;
        });
    }

    async fn task_state_survives_a_retry_and_nothing_survives_the_lease(db: TestStore) {
        let house = House::open(db).await;
        house.broker.create_variable(&house.ada, variable("region", "eu")).await.expect("a new variable");
        let first = task(&house).await;
        let key = |name: &str| name.parse().expect("a key");
        let put = |name: &str, value: &str| Call::StateSet { key: key(name), value: value.to_owned() };
        let read = |name: &str| Call::StateGet { key: key(name) };
        let call = async |work: &Work, call| house.broker.call(&work.grant, call).await;
        assert_eq!(call(&first, read("row")).await, Err(CallError::NotFound));
        assert_eq!(call(&first, put("row", "17")).await, Ok(Reply::Done));
        assert_eq!(call(&first, put("row", "18")).await, Ok(Reply::Done));
        assert_eq!(call(&first, put("other", "x")).await, Ok(Reply::Done));
        assert_eq!(call(&first, put("row", "a\0b")).await.map_err(|error| error.to_string().len() > 10), Err(true));
        house.finish(&first, retryable()).await;
        for refused in [read("row"), put("row", "late"), get("region"), set("region", "late"), connect("warehouse")] {
            assert_eq!(call(&first, refused).await, Err(CallError::Denied), "the attempt is over");
        }

        house.broker.tick().await.expect("a round of the timekeeper");
        let second = begin(&house).await;
        assert_eq!(call(&second, read("row")).await, text("18"));
        assert_eq!(call(&second, Call::StateDelete { key: key("other") }).await, Ok(Reply::Done));
        assert_eq!(call(&second, read("other")).await, Err(CallError::NotFound));
        assert_eq!(call(&second, Call::StateClear).await, Ok(Reply::Done));
        assert_eq!(call(&second, read("row")).await, Err(CallError::NotFound));
        for n in 0..1_000 {
            assert_eq!(call(&second, put(&format!("k{n}"), "v")).await, Ok(Reply::Done));
        }
        let full = call(&second, put("one_more", "v")).await;
        assert_eq!(full, Err(CallError::Quota("task state keys: 1000 in use, 1 more wanted, 1000 allowed".to_owned())));
        assert_eq!(call(&second, put("k7", "again")).await, Ok(Reply::Done));
    }
}
