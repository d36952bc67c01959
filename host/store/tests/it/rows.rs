//! Runs, task instances, values and logs: what goes in comes out, many rows at a time.

use std::time::Duration;

use flow_model::advance::{Node, Skips};
use flow_model::graph::TaskIndex;
use flow_model::ids::EntryKey;
use flow_model::state::{Phase, RunState, TaskStatus, Terminal};
use flow_model::timetable::DataInterval;
use flow_model::trigger_rule::UpstreamCounts;
use flow_model::waiting::Waiting;
use flow_model::work::{ErrorClass, Usage};
use flow_store::log::LogChunk;
use flow_store::run::RunRow;
use flow_store::task_instance::TaskRow;
use flow_store::xcom::NewXcom;
use flow_store::{StoreError, log, run, task_instance, work, xcom};
use flow_test_support::on_both;

use crate::seed::{self, NOW, attempt, new_task, run_key, task_key, tenant, worker};

fn every_phase() -> Vec<Phase> {
    let id = attempt(7);
    let mut phases = vec![Phase::None, Phase::Scheduled, Phase::Queued(id), Phase::Running(id)];
    phases.extend([Phase::UpForRetry(id, NOW), Phase::UpForReschedule(id, NOW)]);
    phases.extend([Phase::Deferred(id), Phase::AwaitingInput(id)]);
    phases.extend(Terminal::ALL.map(Phase::Ended));
    phases
}

on_both! {
    async fn a_task_instance_comes_back_as_it_was_saved(db: TestStore) {
        let mut tx = db.store.begin("test").await.expect("a transaction");
        let phases = every_phase();
        let keys: Vec<_> = (0..).take(phases.len()).map(|task| task_key(1, task)).collect();
        let new: Vec<_> = keys.iter().map(|&key| new_task(key, TaskStatus::NEW)).collect();
        task_instance::insert(&mut tx, &new).expect("they are new");
        let rows: Vec<TaskRow> = keys.iter().zip(&phases).map(|(&key, &phase)| TaskRow {
            key,
            node: Node {
                status: TaskStatus { phase, try_number: 3, losses: 1 },
                seen: UpstreamCounts { success: 1, failed: 2, skipped: 3, ..UpstreamCounts::default() },
                skips: Some(Skips { tasks: vec![TaskIndex(7)], sweeps: true }),
                length: Some(5),
                max_tries: 4,
            },
            wait: Some(Waiting::Sensor { first_poke: NOW }),
            spent_ms: 6,
            map_label: Some("a ☃".to_owned()),
            queued_at: Some(NOW),
            start_date: Some(NOW.after(Duration::from_secs(1))),
            end_date: None,
            worker: Some(worker(1)),
            error: Some((ErrorClass::GuestBug, "it's a \"trap\" ☃\n".to_owned())),
            usage: Some(Usage { cpu_us: 1, wall_us: 2, peak_memory_bytes: u64::from(u32::MAX) + 1 }),
        }).collect();
        task_instance::save(&mut tx, &rows).expect("they can be saved");
        assert_eq!(task_instance::of_run(&mut tx, &tenant("acme"), run_key(1)).await.expect("a look"), rows);
        let some = task_instance::load(&mut tx, &[keys[2], task_key(9, 9)]).await.expect("a look");
        assert_eq!(some, [rows[2].clone()]);
        let foreign = task_instance::of_run(&mut tx, &tenant("other"), run_key(1)).await.expect("a look");
        assert_eq!(foreign, [], "another tenant sees nothing");
    }

    async fn more_rows_than_a_statement_takes_are_several_statements(db: TestStore) {
        let mut tx = db.store.begin("test").await.expect("a transaction");
        let new: Vec<_> = (0..10_000).map(|task| new_task(task_key(1, task), TaskStatus::NEW)).collect();
        task_instance::insert(&mut tx, &new).expect("they are new");
        let keys: Vec<_> = new.iter().map(|task| task.key).collect();
        assert_eq!(task_instance::load(&mut tx, &keys).await.expect("a look").len(), 10_000);
    }

    async fn the_database_itself_refuses_states_that_contradict_themselves(db: TestStore) {
        let mut tx = db.store.begin("test").await.expect("a transaction");
        let ended_without_end = RunRow { state: RunState::Success, ..seed::run(1) };
        let refused = run::insert(&mut tx, &[ended_without_end]).await.expect_err("a run that ended has an end");
        assert!(matches!(refused, StoreError::Statement(_)), "{refused}");
    }

    async fn a_taken_run_id_or_logical_date_is_left_out(db: TestStore) {
        let mut tx = db.store.begin("test").await.expect("a transaction");
        let dated = |number| RunRow { logical_date: Some(NOW), ..seed::run(number) };
        let twice = RunRow { key: run_key(3), ..seed::run(2) };
        let created = run::insert(&mut tx, &[dated(1), dated(4), seed::run(2), twice]).await.expect("an answer");
        assert_eq!(created.len(), 2);
        assert!(created.contains(&run_key(1)) && created.contains(&run_key(2)), "{created:?}");
    }

    async fn a_run_comes_back_as_it_was_saved(db: TestStore) {
        let mut tx = db.store.begin("test").await.expect("a transaction");
        let mut row = RunRow {
            logical_date: Some(NOW),
            interval: Some(DataInterval { start: NOW, end: NOW.after(Duration::from_secs(1)) }),
            ..seed::run(1)
        };
        run::insert(&mut tx, std::slice::from_ref(&row)).await.expect("it is new");
        row.state = RunState::Failed;
        row.tally.unfinished = 0;
        row.tally.failed_leaves = 1;
        row.end_date = Some(NOW);
        run::save(&mut tx, std::slice::from_ref(&row)).expect("it can be saved");
        assert_eq!(run::lock(&mut tx, &row.tenant, &row.dag_id, &row.run_id).await.expect("a look"), Some(row.clone()));
        let foreign = run::find(&mut tx, &tenant("other"), &row.dag_id, &row.run_id).await.expect("a look");
        assert_eq!(foreign, None, "another tenant sees nothing");
        run::insert_confs(&mut tx, &[(&row.tenant, row.key, "{\"a\":\"\\u0000\"}")]).expect("it has none yet");
        let found = run::with_conf(&mut tx, &[row.key, run_key(9)]).await.expect("a look");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].conf.as_deref(), Some("{\"a\":\"\\u0000\"}"), "JSON is kept as it was written");
    }

    async fn values_replace_each_other_and_can_be_cleared(db: TestStore) {
        let mut tx = db.store.begin("test").await.expect("a transaction");
        let key: EntryKey = xcom::RETURN_VALUE.parse().expect("a key");
        let put = |task: u32, value: &str| NewXcom {
            tenant: tenant("acme"), task: task_key(1, task), key: key.clone(), value: value.to_owned(),
        };
        xcom::put(&mut tx, &[put(0, "1"), put(1, "\"\\u0000\"")], NOW).expect("they can be stored");
        xcom::put(&mut tx, &[put(0, "2")], NOW).expect("it can be replaced");
        let wanted = [task_key(1, 0), task_key(1, 1), task_key(1, 2)];
        let mut found = xcom::returned(&mut tx, &wanted).await.expect("a look");
        found.sort();
        let values: Vec<&str> = found.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, ["2", "\"\\u0000\""]);
        xcom::clear(&mut tx, &tenant("acme"), &task_key(1, 0)).await.expect("it can be cleared");
        assert_eq!(xcom::returned(&mut tx, &wanted).await.expect("a look").len(), 1);
    }

    async fn only_a_leased_attempt_can_log(db: TestStore) {
        let mut tx = db.store.begin("test").await.expect("a transaction");
        let leased = flow_store::work::WorkRow { turn: Some(1), ..seed::work(1, "acme", None) };
        work::insert(&mut tx, &[leased.clone(), seed::work(2, "acme", Some(2))]).expect("they are new");
        let leased = flow_store::work::WorkRow { lease: Some((worker(1), NOW)), ..leased };
        work::take(&mut tx, &[leased]).expect("it can be leased");
        let chunk = |number, of: &str, seq| LogChunk {
            tenant: tenant(of), attempt: attempt(number), seq, lines: format!("{{\"n\":{seq}}}\n"),
        };
        let chunks = [chunk(1, "acme", 10), chunk(2, "acme", 11), chunk(1, "other", 12), chunk(1, "acme", 9)];
        let accepted = log::append(&mut tx, &chunks).await.expect("an answer");
        assert_eq!(accepted, [attempt(1), attempt(1)]);
        let read = log::read(&mut tx, (&tenant("acme"), task_key(1, 0)), 1, -1, 10).await.expect("a look");
        assert_eq!(read.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [9, 10]);
    }
}
