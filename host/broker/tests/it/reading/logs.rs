//! Logs of tries.

use flow_broker::ServiceError;
use flow_model::port::Broker;
use flow_model::rest::logs::{LogQuery, TaskLog};
use flow_model::time::Millis;
use flow_model::work::{LogLevel, LogLine, LogSource};
use flow_test_support::{Stage, on_both, returns};

use super::{is_not_found, know_one};

fn line(event: &str) -> LogLine {
    let (timestamp, level) = (Millis(0), LogLevel::Info);
    LogLine { timestamp, level, source: LogSource::Stdout, event: event.to_owned(), fields: None }
}

fn events(log: &TaskLog) -> Vec<&str> {
    log.content.iter().map(|message| message.event.as_str()).collect()
}

on_both! {
    async fn a_log_goes_on_until_its_try_is_over(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = know_one(&stage, "etl").await;
        let run = stage.trigger(&dag).await;
        let a = "a".parse().expect("a task id");
        let log = async |try_number: u32, token: Option<String>| {
            let query = LogQuery { full_content: false, token };
            stage.local.task_log(&stage.tenant, (&dag, &run), (&a, None), try_number, &query).await
        };
        let early = log(1, None).await.expect("a log");
        assert!(early.content.is_empty() && early.continuation_token.is_some(), "it will begin");
        let work = stage.claim_one().await;
        stage.port_start(&work).await;
        stage.port.log(&work.grant, vec![line("one"), line("two\u{1b}[2J")]).await.expect("it is kept");
        let first = log(1, early.continuation_token).await.expect("a log");
        assert_eq!(events(&first), ["one", "two\u{1b}[2J"]);
        stage.port.log(&work.grant, vec![line("three")]).await.expect("it is kept");
        stage.finish(&work, returns("1")).await;
        let rest = log(1, first.continuation_token).await.expect("a log");
        assert_eq!((events(&rest), &rest.continuation_token), (vec!["three"], &None));
        assert_eq!(events(&log(1, None).await.expect("a log")), ["one", "two\u{1b}[2J", "three"]);
        assert!(is_not_found(&log(2, None).await), "there will be no second try");
        assert!(is_not_found(&log(0, None).await));
        let refused = log(1, Some("x".to_owned())).await;
        assert!(matches!(refused, Err(ServiceError::Invalid { .. })), "{refused:?}");
        let rival = stage.db.tenant("rival", stage.clock.now()).await;
        assert!(is_not_found(&stage.local.task_log(&rival, (&dag, &run), (&a, None), 1, &LogQuery::default()).await));
    }

    async fn a_long_log_comes_in_parts_or_whole(db: TestStore) {
        let stage = Stage::open(db).await;
        let dag = know_one(&stage, "etl").await;
        let run = stage.trigger(&dag).await;
        let a = "a".parse().expect("a task id");
        let work = stage.claim_one().await;
        stage.port_start(&work).await;
        for number in 0..130 {
            stage.port.log(&work.grant, vec![line(&number.to_string())]).await.expect("it is kept");
        }
        stage.finish(&work, returns("1")).await;
        let log = async |query: LogQuery| {
            stage.local.task_log(&stage.tenant, (&dag, &run), (&a, None), 1, &query).await.expect("a log")
        };
        let first = log(LogQuery::default()).await;
        assert_eq!(first.content.len(), 100);
        let rest = log(LogQuery { token: first.continuation_token, ..LogQuery::default() }).await;
        assert_eq!((rest.content.len(), rest.continuation_token), (30, None));
        let whole = log(LogQuery { full_content: true, token: None }).await;
        assert_eq!((whole.content.len(), whole.continuation_token), (130, None));
    }
}
