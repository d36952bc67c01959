//! What attempts use, by tenant, and what the host counts of all of them together.

use flow_model::port::{Broker, Report};
use flow_model::work::{Usage, Work};
use flow_test_support::{Stage, fails, on_both, returns, spec};
use serde_json::json;

const USAGE: Usage = Usage { cpu_us: 2_500, wall_us: 40_000, peak_memory_bytes: 3 << 20 };

async fn play(stage: &Stage<flow_broker::LocalBroker>, work: &Work, end: flow_model::work::AttemptEnd) {
    stage.port_start(work).await;
    let report = Report { end, usage: USAGE, retry: None, map_label: None };
    stage.local.finish(&work.grant, report).await.expect("the attempt counts");
}

on_both! {
    async fn every_try_is_metered_and_stays_so_when_its_run_goes(db: TestStore) {
        let stage = Stage::open(db).await;
        let task = json!({"task_id": "t", "function": "f", "retries": 1, "retry_delay_ms": 60_000});
        let dag = stage.know(spec(json!({"dag_id": "d", "tasks": [task]}))).await;
        let run = stage.trigger(&dag).await;
        let used = async || {
            let usage = stage.local.tenant_usage(&stage.tenant).await.expect("its usage");
            (usage.attempts, usage.cpu_ms, usage.wall_ms, usage.memory_mib_ms)
        };
        assert_eq!(used().await, (0, 0, 0, 0));
        play(&stage, &stage.claim_one().await, fails(flow_model::work::ErrorClass::Timeout)).await;
        assert_eq!(used().await, (1, 2, 40, 120), "a try that awaits another counts once");
        stage.pass(std::time::Duration::from_mins(1)).await;
        let second = stage.claim_one().await;
        assert_eq!(used().await, (1, 2, 40, 120));
        play(&stage, &second, returns("1")).await;
        assert_eq!(used().await, (2, 5, 80, 240));
        let other = stage.trigger(&dag).await;
        play(&stage, &stage.claim_one().await, returns("1")).await;
        for (run, rest) in [(&run, 3), (&other, 3)] {
            stage.local.delete_run(&stage.admin(), &dag, run).await.expect("it goes");
            assert_eq!(used().await.0, rest);
        }
        assert_eq!(used().await, (3, 7, 120, 360));
        let rival = stage.db.tenant("rival", stage.clock.now()).await;
        assert_eq!(stage.local.tenant_usage(&rival).await.expect("its usage").attempts, 0);

        let metrics = stage.local.metrics().await.expect("the metrics");
        let ended: Vec<_> = metrics.attempts_ended.into_iter().collect();
        assert_eq!(ended, [(("task", "success"), 2), (("task", "timeout"), 1)]);
        assert_eq!((metrics.attempts_claimed, metrics.tenants), (3, 2));
    }

    async fn work_is_counted_by_what_it_awaits(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = stage.know(spec(json!({"dag_id": "d", "tasks": [{"task_id": "t", "function": "f", "retries": 1,
            "retry_delay_ms": 60_000}]}))).await;
        for _ in 0..3 {
            stage.trigger(&dag).await;
        }
        let queue = async || {
            let queue = stage.local.metrics().await.expect("the metrics").queue;
            (queue.claimable, queue.delayed, queue.leased)
        };
        assert_eq!(queue().await, (3, 0, 0));
        let first = stage.claim(1).await.remove(0);
        assert_eq!(queue().await, (2, 0, 1));
        play(&stage, &first, fails(flow_model::work::ErrorClass::Error)).await;
        assert_eq!(queue().await, (2, 1, 0));
    }
}
