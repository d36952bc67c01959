//! Tokens over HTTP: logging in, revoking, rotating keys, and what a wrong token is told.

use std::time::Duration;

use flow_broker::PlatformActor;
use flow_model::roles::Role;
use serde_json::json;

use crate::host::{Host, ask};

const LIST: &str = "/api/v2/importErrors";

#[tokio::test]
async fn a_name_and_a_password_give_a_token_that_works() {
    let host = Host::start().await;
    let admin = host.tenant("acme").await;
    let member = json!({ "username": "ann", "password": "correct horse", "role": "user" });
    host.ask(ask("POST", "/api/v2/users").token(&admin).json(&member)).await.expect(201);
    for body in [
        json!({ "username": "ann", "password": "correct horse", "tenant": "acme" }),
        json!({ "username": "ann@acme", "password": "correct horse" }),
    ] {
        for path in ["/auth/token", "/auth/token/cli"] {
            let answer = host.ask(ask("POST", path).json(&body)).await.expect(201).json();
            let token = answer["access_token"].as_str().expect("a token");
            host.ask(ask("GET", LIST).token(token)).await.expect(200);
            host.ask(ask("GET", "/api/v2/users").token(token)).await.expect(403);
        }
    }
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_are_told_the_same() {
    let host = Host::start().await;
    let admin = host.tenant("acme").await;
    host.tenant("other").await;
    let member = json!({ "username": "ann", "password": "correct horse", "role": "user" });
    host.ask(ask("POST", "/api/v2/users").token(&admin).json(&member)).await.expect(201);
    for body in [
        json!({ "username": "ann", "password": "wrong horse", "tenant": "acme" }),
        json!({ "username": "bob", "password": "correct horse", "tenant": "acme" }),
        json!({ "username": "ann", "password": "correct horse", "tenant": "other" }),
        json!({ "username": "ann", "password": "correct horse", "tenant": "nobody" }),
        json!({ "username": "ann@ACME", "password": "correct horse" }),
        json!({ "username": "../ann", "password": "correct horse", "tenant": "acme" }),
        json!({ "username": "ann@acme", "password": "correct horse", "tenant": "other" }),
    ] {
        let answer = host.ask(ask("POST", "/auth/token").json(&body)).await.expect(401);
        assert_eq!(answer.json()["detail"], "Invalid credentials", "{body}");
    }
    let nowhere = json!({ "username": "ann", "password": "correct horse" });
    let answer = host.ask(ask("POST", "/auth/token").json(&nowhere)).await.expect(422).json();
    assert_eq!(answer["detail"][0]["loc"], json!(["body", "tenant"]));
}

#[tokio::test]
async fn a_revoked_token_opens_nothing_at_once() {
    let host = Host::start().await;
    let admin = host.tenant("acme").await;
    let body = json!({ "subject": "ci", "role": "viewer" });
    let issued = host.ask(ask("POST", "/api/v2/tokens").token(&admin).json(&body)).await.expect(201).json();
    let token = issued["access_token"].as_str().expect("a token").to_owned();
    host.ask(ask("GET", LIST).token(&token)).await.expect(200);
    let path = format!("/api/v2/tokens/{}", issued["id"].as_str().expect("an id"));
    host.ask(ask("DELETE", path).token(&admin)).await.expect(204);
    let answer = host.ask(ask("GET", LIST).token(&token)).await.expect(401);
    assert_eq!(answer.json()["detail"], "the token was revoked: get a new one");
}

#[tokio::test]
async fn a_token_is_never_shown_again() {
    let host = Host::start().await;
    let admin = host.tenant("acme").await;
    let body = json!({ "subject": "ci", "role": "viewer" });
    host.ask(ask("POST", "/api/v2/tokens").token(&admin).json(&body)).await.expect(201);
    let list = host.ask(ask("GET", "/api/v2/tokens").token(&admin)).await.expect(200).text();
    assert!(!list.contains("access_token") && !list.contains("eyJ"), "{list}");
}

#[tokio::test]
async fn nobody_issues_a_token_that_can_do_more() {
    let host = Host::start().await;
    let admin = host.tenant("acme").await;
    let body = json!({ "subject": "ci", "role": "platform-admin" });
    let answer = host.ask(ask("POST", "/api/v2/tokens").token(&admin).json(&body)).await;
    assert!(matches!(answer.status.as_u16(), 403 | 422), "{}", answer.text());
}

#[tokio::test]
async fn a_token_ends_by_itself() {
    let host = Host::start().await;
    host.tenant("acme").await;
    let token = host.token("acme", Role::Viewer).await;
    host.pass(Duration::from_secs(3_604));
    host.ask(ask("GET", LIST).token(&token)).await.expect(401);
    host.pass(Duration::from_secs(2));
    let answer = host.ask(ask("GET", LIST).token(&token)).await.expect(401);
    assert_eq!(answer.json()["detail"], "the token has expired: get a new one");
    assert_eq!(answer.headers["www-authenticate"], "Bearer");
    assert_eq!(answer.headers["content-type"], "application/problem+json");
}

#[tokio::test]
async fn keys_rotate_while_tokens_go_on() {
    let host = Host::start().await;
    host.tenant("acme").await;
    let old = host.token("acme", Role::Viewer).await;
    host.tokens.rotate(&PlatformActor { name: "root".to_owned() }).await.expect("a new key");
    let new = host.token("acme", Role::Viewer).await;
    assert_ne!(old.split('.').next(), new.split('.').next(), "the new key signs");
    host.ask(ask("GET", LIST).token(&old)).await.expect(200);
    host.ask(ask("GET", LIST).token(&new)).await.expect(200);
    let keys = host.ask(ask("GET", "/.well-known/jwks.json")).await.expect(200).json();
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(2));
}
