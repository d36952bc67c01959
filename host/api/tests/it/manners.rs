//! What every answer wears, whatever it says.

use serde_json::json;

use crate::host::{Host, ask};

#[tokio::test]
async fn every_answer_is_dressed() {
    let host = Host::start().await;
    let mut ids = Vec::new();
    for path in ["/health", "/api/v2/dags", "/nothing"] {
        let answer = host.ask(ask("GET", path)).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.headers[name], value, "{path}");
        }
        ids.push(answer.headers["x-request-id"].to_str().expect("text").to_owned());
    }
    ids.dedup();
    assert_eq!(ids.len(), 3, "every request has its own id");
}

#[tokio::test]
async fn errors_are_problems() {
    let host = Host::start().await;
    let answer = host.ask(ask("GET", "/api/v2/dags")).await.expect(401);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    let detail = "not authenticated: send an api token as `Authorization: Bearer TOKEN`";
    let expected = json!({ "title": "Unauthorized", "status": 401, "code": "unauthenticated", "detail": detail });
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn the_server_says_how_it_is() {
    let host = Host::start().await;
    assert_eq!(host.ask(ask("GET", "/health")).await.expect(200).json(), json!({ "status": "ok" }));
    assert_eq!(host.ask(ask("GET", "/ready")).await.expect(200).json(), json!({ "status": "ok" }));
    let version = host.ask(ask("GET", "/api/v2/version")).await.expect(200).json();
    assert_eq!(version, json!({ "version": "0.0.0", "git_version": null }));
    let health = host.ask(ask("GET", "/api/v2/monitor/health")).await.expect(200).json();
    assert_eq!(health["metadatabase"]["status"], "healthy");
    let metrics = host.ask(ask("GET", "/metrics")).await.expect(200);
    assert_eq!(metrics.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert!(metrics.text().contains("\nflow_host_work{state=\"leased\"} 0\n"), "{}", metrics.text());
    let document = host.ask(ask("GET", "/openapi.json")).await.expect(200).json();
    assert_eq!(document["info"]["title"], "flow-host");
}

#[tokio::test]
async fn lists_are_paged_and_sorted() {
    let host = Host::start().await;
    let admin = host.tenant("acme").await;
    for key in ["b", "a", "c"] {
        let body = json!({ "key": key, "value": key });
        host.ask(ask("POST", "/api/v2/variables").token(&admin).json(&body)).await.expect(201);
    }
    for (query, keys) in [
        ("", vec!["a", "b", "c"]),
        ("?limit=2", vec!["a", "b"]),
        ("?limit=2&offset=2", vec!["c"]),
        ("?order_by=-key", vec!["c", "b", "a"]),
        ("?limit=0", vec![]),
        ("?limit=1000000", vec!["a", "b", "c"]),
        ("?variable_key_pattern=b%25", vec!["b"]),
    ] {
        let list = host.ask(ask("GET", format!("/api/v2/variables{query}")).token(&admin)).await.expect(200).json();
        let seen: Vec<_> = list["variables"].as_array().expect("a list").iter().map(|one| one["key"].clone()).collect();
        assert_eq!(seen, keys, "{query}");
        assert_eq!(list["total_entries"], if query.contains("pattern") { 1 } else { 3 }, "{query}");
    }
}
