//! The worker door: who may knock with which token, and what a fenced attempt is told.

use flow_model::call::Call;
use flow_model::port::{BrokerError, News, Notice, Renewal, Report};
use flow_model::time::Millis;
use flow_model::work::{AttemptEnd, LogLevel, LogLine, LogSource, Usage, Work};
use serde_json::{Value, json};

use crate::host::{Ask, Host, ask, name};
use crate::worker::{wish, with_a_dag};

async fn trigger(host: &Host, admin: &str, run: &str) {
    let body = json!({ "dag_run_id": run, "logical_date": null });
    let answer = host.ask(ask("POST", "/api/v2/dags/d/dagRuns").token(admin).json(&body)).await;
    assert!(answer.status.is_success(), "{}", answer.text());
}

fn claim(token: &str) -> Ask {
    let wish = serde_json::to_value(flow_model::port::ClaimRequest { wait_ms: 0, ..wish(10) }).expect("it is JSON");
    ask("POST", "/internal/v1/claim").token(token).json(&wish)
}

async fn claimed(host: &Host, token: &str) -> Vec<Work> {
    serde_json::from_value(host.ask(claim(token)).await.expect(200).json()).expect("work")
}

fn finish() -> News {
    let end = AttemptEnd::Success { value: Some("1".to_owned()) };
    News::Finish(Report { end, usage: Usage::default(), retry: None, map_label: None })
}

fn line() -> LogLine {
    let (level, source) = (LogLevel::Info, LogSource::Log);
    LogLine { timestamp: Millis(0), level, source, event: "late".to_owned(), fields: None }
}

fn notice(work: &Work, news: News) -> Notice {
    Notice { token: work.grant.token.clone(), news }
}

fn telling(token: &str, notices: &[Notice]) -> Ask {
    ask("POST", "/internal/v1/tell").token(token).json(&serde_json::to_value(notices).expect("it is JSON"))
}

/// What the door answers to notices.
async fn told(host: &Host, token: &str, notices: &[Notice]) -> Vec<Option<BrokerError>> {
    serde_json::from_value(host.ask(telling(token, notices)).await.expect(200).json()).expect("answers")
}

fn as_attempt(work: &Work, verb: &str) -> Ask {
    ask("POST", format!("/internal/v1/{verb}")).token(&work.grant.token)
}

#[tokio::test]
async fn an_attempt_goes_through_the_door_from_claim_to_finish() {
    let (host, admin) = with_a_dag().await;
    trigger(&host, &admin, "r").await;
    let worker = host.worker().await;
    let work = claimed(&host, &worker).await;
    assert_eq!(work.len(), 1);
    assert_eq!(told(&host, &worker, &[notice(&work[0], News::Start)]).await, [None]);
    let module = host.ask(ask("GET", "/internal/v1/module").token(&work[0].grant.token)).await.expect(200);
    assert!(module.body.starts_with(b"\0asm"));
    let call = serde_json::to_value(Call::StateSet { key: "k".parse().expect("a key"), value: "v".to_owned() });
    host.ask(as_attempt(&work[0], "call").json(&call.expect("it is JSON"))).await.expect(200);
    assert_eq!(told(&host, &worker, &[notice(&work[0], News::Log(Vec::new()))]).await, [None]);
    assert_eq!(told(&host, &worker, &[notice(&work[0], finish())]).await, [None]);
    let run = host.ask(ask("GET", "/api/v2/dags/d/dagRuns/r").token(&admin)).await.expect(200).json();
    assert_eq!(run["state"], "success");
}

#[tokio::test]
async fn a_finished_attempt_is_fenced() {
    let (host, admin) = with_a_dag().await;
    trigger(&host, &admin, "r").await;
    let worker = host.worker().await;
    let work = claimed(&host, &worker).await.remove(0);
    told(&host, &worker, &[notice(&work, News::Start)]).await;
    told(&host, &worker, &[notice(&work, finish())]).await;
    let fenced = || Some(BrokerError::Fenced(work.grant.claims.attempt));
    let late = [notice(&work, News::Start), notice(&work, News::Log(vec![line()]))];
    assert_eq!(told(&host, &worker, &late).await, [fenced(), fenced()]);
    let renew = ask("POST", "/internal/v1/renew").token(&worker).json(&json!({ "tokens": [work.grant.token] }));
    let renewals: Vec<Renewal> = serde_json::from_value(host.ask(renew).await.expect(200).json()).expect("renewals");
    assert_eq!(renewals, [Renewal::Fenced]);
}

#[tokio::test]
async fn each_notice_is_answered_for_itself() {
    let (host, admin) = with_a_dag().await;
    for run in ["r", "s"] {
        trigger(&host, &admin, run).await;
    }
    let worker = host.worker().await;
    let work = claimed(&host, &worker).await;
    let garbage = json!({ "token": "garbage", "news": "start" });
    let nonsense = json!({ "token": work[0].grant.token, "news": "dance" });
    let starts = work.iter().map(|work| serde_json::to_value(notice(work, News::Start)).expect("it is JSON"));
    let notices: Vec<Value> = [garbage, nonsense].into_iter().chain(starts).collect();
    let answer = host.ask(ask("POST", "/internal/v1/tell").token(&worker).json(&json!(notices))).await.expect(200);
    let answers: Vec<Option<BrokerError>> = serde_json::from_value(answer.json()).expect("answers");
    let [Some(BrokerError::Unauthorized(_)), Some(BrokerError::Invalid(_)), None, None] = &answers[..] else {
        panic!("{answers:?}");
    };
}

#[tokio::test]
async fn every_token_opens_its_own_door_alone() {
    let (host, admin) = with_a_dag().await;
    trigger(&host, &admin, "r").await;
    let (worker, platform) = (host.worker().await, host.platform().await);
    let work = claimed(&host, &worker).await.remove(0);
    for token in [&admin, &platform, &work.grant.token, &"garbage".to_owned()] {
        host.ask(claim(token)).await.expect(401);
        host.ask(ask("POST", "/internal/v1/renew").token(token).json(&json!({ "tokens": [] }))).await.expect(401);
        host.ask(telling(token, &[notice(&work, News::Start)])).await.expect(401);
    }
    for token in [&admin, &platform, &worker, &"garbage".to_owned()] {
        host.ask(ask("POST", "/internal/v1/call").token(token).json(&json!([]))).await.expect(401);
        host.ask(ask("GET", "/internal/v1/module").token(token)).await.expect(401);
    }
    host.ask(ask("POST", "/internal/v1/claim")).await.expect(401);
    for token in [&worker, &work.grant.token] {
        host.ask(ask("GET", "/api/v2/dags").token(token)).await.expect(401);
    }
}

#[tokio::test]
async fn a_worker_of_some_tenants_gets_nothing_of_others() {
    let (host, admin) = with_a_dag().await;
    trigger(&host, &admin, "r").await;
    host.tenant("other").await;
    let token = host.worker_for(Some(vec![name("other")])).await;
    assert_eq!(claimed(&host, &token).await, []);
    let work = claimed(&host, &host.worker().await).await.remove(0);
    let renew = ask("POST", "/internal/v1/renew").token(&token).json(&json!({ "tokens": [work.grant.token] }));
    assert_eq!(host.ask(renew).await.expect(200).json(), json!([{ "renewal": "fenced" }]));
    let start = [notice(&work, News::Start)];
    let answers = told(&host, &token, &start).await;
    assert!(matches!(answers[..], [Some(BrokerError::Unauthorized(_))]), "{answers:?}");
    assert_eq!(told(&host, &host.worker().await, &start).await, [None]);
}

#[tokio::test]
async fn renewing_answers_in_order_whatever_is_among_them() {
    let (host, admin) = with_a_dag().await;
    trigger(&host, &admin, "r").await;
    let worker = host.worker().await;
    let work = claimed(&host, &worker).await.remove(0);
    let tokens = json!({ "tokens": ["garbage", work.grant.token, worker] });
    let renew = ask("POST", "/internal/v1/renew").token(&worker).json(&tokens);
    let renewals: Vec<Renewal> = serde_json::from_value(host.ask(renew).await.expect(200).json()).expect("renewals");
    assert!(matches!(&renewals[..], [Renewal::Fenced, Renewal::Renewed(_), Renewal::Fenced]), "{renewals:?}");
}

#[tokio::test]
async fn a_waiting_claim_ends_with_the_server() {
    let (host, _) = with_a_dag().await;
    let worker = host.worker().await;
    let wish = serde_json::to_value(wish(1)).expect("it is JSON");
    let waiting = host.ask(ask("POST", "/internal/v1/claim").token(&worker).json(&wish));
    host.shutdown.cancel();
    assert_eq!(waiting.await.expect(200).json(), json!([]));
}

#[tokio::test]
async fn bodies_that_are_none_are_refused() {
    let (host, admin) = with_a_dag().await;
    trigger(&host, &admin, "r").await;
    let worker = host.worker().await;
    host.ask(ask("POST", "/internal/v1/claim").token(&worker).body("application/json", "{")).await.expect(400);
    let mut nameless = serde_json::to_value(wish(1)).expect("it is JSON");
    nameless["hostname"] = json!("a\u{0}b");
    host.ask(ask("POST", "/internal/v1/claim").token(&worker).json(&nameless)).await.expect(400);
    let work = claimed(&host, &worker).await.remove(0);
    host.ask(as_attempt(&work, "call").json(&json!({ "call": "format_disk" }))).await.expect(400);
    host.ask(telling(&worker, &[]).header("content-length", "10737418240")).await.expect(413);
}
