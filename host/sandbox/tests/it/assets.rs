//! Events of assets and values of other runs, as guests ask for them.

use std::sync::Arc;

use flow_model::call::Call;
use flow_model::time::Millis;
use flow_model::work::{AttemptEnd, AttemptLimits};
use flow_sandbox::Attempt;

use crate::support::guests::Wat;
use crate::support::stage::{Stage, attempt, task};
use crate::support::world::World;

const IMPORTS: &str = r#"
    (import "flow:host/assets@0.1.0" "emit"
        (func $emit (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
    (import "flow:host/assets@0.1.0" "events" (func $events (param i32 i32 i32 i64 i32 i32)))
    (import "flow:host/xcom@0.1.0" "pull-from"
        (func $pull_from (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#;
/// `orders` at 500, `{}` at 510, `x` at 520.
const TEXTS: &str = r#"(data (i32.const 500) "orders") (data (i32.const 510) "{}") (data (i32.const 520) "x")
    (func $expect (param $case i32)
        (if (i32.ne (i32.load8_u (i32.const 200)) (local.get $case)) (then unreachable)))"#;

async fn run(body: &str) -> (AttemptEnd, Vec<Call>) {
    let run = format!("{body} (i32.const 64)");
    let guest = Wat { imports: IMPORTS, run: run.leak(), rest: TEXTS, ..Wat::default() };
    let (stage, world) = (Stage::new(), Arc::<World>::default());
    let module = stage.module(guest.component()).await;
    let limits = AttemptLimits::default();
    let end = stage.run(Attempt { limits, ..attempt(module, task("main", "[]"), &world) }).await.end;
    let calls = world.calls.lock().expect("nobody panicked").clone();
    (end, calls)
}

#[tokio::test]
async fn what_is_asked_arrives() {
    let (end, calls) = run("
        (call $emit (i32.const 500) (i32.const 6) (i32.const 1) (i32.const 510) (i32.const 2)
            (i32.const 1) (i32.const 520) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 200))
        (call $expect (i32.const 0))
        (call $events (i32.const 500) (i32.const 6) (i32.const 1) (i64.const 5) (i32.const 9999) (i32.const 200))
        (call $expect (i32.const 0))
        (call $pull_from (i32.const 520) (i32.const 1) (i32.const 500) (i32.const 6) (i32.const 520) (i32.const 1)
            (i32.const 500) (i32.const 6) (i32.const 1) (i32.const 3) (i32.const 200))
        (call $expect (i32.const 0))")
    .await;
    assert_eq!(end, AttemptEnd::Success { value: None });
    let emit = Call::AssetEmit {
        asset: "orders".into(),
        extra: Some("{}".into()),
        alias: Some("x".into()),
        partition_key: None,
    };
    let events = Call::AssetEvents { asset: "orders".into(), since: Some(Millis(5)), limit: 1_000 };
    let pull = Call::XcomPullFrom {
        dag: "x".parse().expect("a DAG id"),
        run_id: "orders".parse().expect("a run id"),
        task: "x".parse().expect("a task id"),
        key: "orders".parse().expect("a key"),
        map_index: Some(3),
    };
    assert_eq!(calls, [emit, events, pull]);
}

#[tokio::test]
async fn what_is_malformed_is_refused_and_never_asked() {
    let (end, calls) = run("
        ;; No name, extra that is not an object, an alias of a control character, an instant of no year.
        (call $emit (i32.const 500) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
            (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 200))
        (call $expect (i32.const 1))
        (call $emit (i32.const 500) (i32.const 6) (i32.const 1) (i32.const 520) (i32.const 1)
            (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 200))
        (call $expect (i32.const 1))
        (call $emit (i32.const 500) (i32.const 6) (i32.const 0) (i32.const 0) (i32.const 0)
            (i32.const 1) (i32.const 10) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 200))
        (call $expect (i32.const 1))
        (call $events (i32.const 500) (i32.const 6) (i32.const 1) (i64.const 9223372036854775807) (i32.const 1)
            (i32.const 200))
        (call $expect (i32.const 1))")
    .await;
    assert_eq!(end, AttemptEnd::Success { value: None });
    assert_eq!(calls, []);
}
