//! One tenant with one of everything, so that another can ask for it.

use serde_json::{Value, json};

use crate::host::{Host, ask, component};
use crate::worker::{Worker, wish};

/// What stands for each parameter of a path.
#[derive(Debug, Clone)]
pub(crate) struct Names(Vec<(&'static str, String)>);

/// Names that nobody has.
const ABSENT: &[(&str, &str)] = &[
    ("dag_id", "absent_dag"),
    ("dag_run_id", "absent_run"),
    ("task_id", "absent_task"),
    ("group_id", "absent_group"),
    ("task_try_number", "1"),
    ("try_number", "1"),
    ("map_index", "-1"),
    ("xcom_key", "absent_key"),
    ("version_number", "1"),
    ("variable_key", "absent_variable"),
    ("connection_id", "absent_connection"),
    ("pool_name", "absent_pool"),
    ("username", "absent_user"),
    ("tenant", "absent"),
    ("name", "absent_module"),
    ("file_token", "absent_module"),
    ("id", "019f0000-0000-7000-8000-00000000dead"),
    ("import_error_id", "424242"),
    ("backfill_id", "424242"),
    ("callback_id", "019f0000-0000-7000-8000-00000000dead"),
    ("event_log_id", "424242"),
    ("asset_id", "424242"),
    ("asset_alias_id", "424242"),
    ("grant_id", "424242"),
    ("key", "absent_key"),
    ("section", "absent_section"),
    ("option", "absent_option"),
];

impl Names {
    pub(crate) fn get(&self, parameter: &str) -> &str {
        let found = self.0.iter().find(|(name, _)| *name == parameter);
        found.map_or_else(|| panic!("give the parameter {parameter:?} a value in population.rs"), |(_, value)| value)
    }

    /// The path with values in place of its parameters.
    pub(crate) fn fill(&self, path: &str) -> String {
        let mut filled = path.to_owned();
        for part in path.split('{').skip(1) {
            let parameter = part.split('}').next().expect("a closed brace");
            filled = filled.replace(&format!("{{{parameter}}}"), self.get(parameter));
        }
        filled
    }

    /// The text without these values.
    pub(crate) fn forget(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (_, value)| match value.parse::<i64>() {
            // A number stands in many places; here it is meant only where a message quotes it.
            Ok(_) => text.replace(&format!("\\\"{value}\\\""), "\\\"<name>\\\""),
            Err(_) => text.replace(value, "<name>"),
        })
    }

    /// Values that nobody has.
    pub(crate) fn absent() -> Self {
        Self(ABSENT.iter().map(|(name, value)| (*name, (*value).to_owned())).collect())
    }
}

/// Makes the tenant `alpha`; answers with the names of what it has, a worker's token and an attempt's.
pub(crate) async fn populate(host: &Host) -> (Names, (String, String)) {
    let admin = host.tenant("alpha").await;
    let post =
        async |path: &str, body: Value| host.ask(ask("POST", path).token(&admin).json(&body)).await.expect(201).json();
    post("/api/v2/variables", json!({ "key": "alpha_variable", "value": "alpha_value" })).await;
    post(
        "/api/v2/connections",
        json!({ "connection_id": "alpha_connection", "conn_type": "http", "host": "alpha_host" }),
    )
    .await;
    post("/api/v2/pools", json!({ "name": "alpha_pool", "slots": 3, "description": "alpha_words" })).await;
    post("/api/v2/users", json!({ "username": "alpha_user", "password": "alpha_password", "role": "user" })).await;
    let token = post("/api/v2/tokens", json!({ "subject": "alpha_subject", "role": "viewer" })).await;

    let worker = Worker::start(host.broker.clone());
    let dag = json!([{ "dag_id": "alpha_dag", "description": "alpha_words", "tags": ["alpha_tag"],
                       "schedule": { "cron": { "expression": "@daily" } }, "start_date": "2999-01-01T00:00:00Z",
                       "callbacks": [{ "on": "on_success", "function": "alpha_callback" }],
                       "assets": [{ "name": "alpha_asset", "uri": "alpha_uri", "extra": { "alpha": 1 } }],
                       "asset_aliases": [{ "name": "alpha_alias" }],
                       "groups": [{ "group_id": "alpha_group" }],
                       "tasks": [{ "task_id": "alpha_task", "function": "alpha_function", "group": "alpha_group",
                                   "outlets": ["alpha_asset", "alpha_alias"] }] }]);
    let upload = |name: &str, dags: &Value| {
        ask("POST", format!("/api/v2/modules/{name}")).token(&admin).body("application/wasm", component(dags))
    };
    host.ask(upload("alpha_module", &dag)).await.expect(201);
    host.ask(upload("alpha_broken", &json!([]))).await.expect(422);
    let run = json!({ "dag_run_id": "alpha_run", "logical_date": null, "conf": { "alpha": 1 }, "note": "alpha_note" });
    let run = host.ask(ask("POST", "/api/v2/dags/alpha_dag/dagRuns").token(&admin).json(&run)).await;
    assert!(run.status.is_success(), "{}", run.text());
    host.ask(ask("GET", "/api/v2/dags/alpha_dag/dagRuns/alpha_run/wait?interval=1").token(&admin)).await.expect(200);
    let callbacks = "/api/v2/dags/alpha_dag/dagRuns/alpha_run/callbacks";
    let callback = loop {
        let answer = host.ask(ask("GET", callbacks).token(&admin)).await.expect(200).json();
        if answer["callbacks"][0]["state"] == "success" {
            break answer["callbacks"][0]["id"].as_str().expect("an id").to_owned();
        }
    };
    drop(worker);
    let state = "/api/v2/dags/alpha_dag/dagRuns/alpha_run/taskInstances/alpha_task/state-store/alpha_key";
    let body = json!({ "value": { "alpha": 1 } });
    host.ask(ask("PUT", state).token(&admin).json(&body)).await.expect(204);
    let range =
        json!({ "dag_id": "alpha_dag", "from_date": "2020-01-01T00:00:00Z", "to_date": "2020-01-02T00:00:00Z" });
    let backfill = host.ask(ask("POST", "/api/v2/backfills").token(&admin).json(&range)).await.expect(200).json();

    let first = async |path: &str, list: &str, id: &str| {
        let answer = host.ask(ask("GET", path).token(&admin)).await.expect(200).json();
        answer[list][0][id].to_string()
    };
    let asset = first("/api/v2/assets", "assets", "id").await;
    let kept = format!("/api/v2/assets/{asset}/state-store/alpha_key");
    host.ask(ask("PUT", kept).token(&admin).json(&body)).await.expect(204);
    let grant = post(&format!("/api/v2/assets/{asset}/grants"), json!({ "to_tenant": "gamma" })).await;
    let known = [
        ("dag_id", "alpha_dag".to_owned()),
        ("dag_run_id", "alpha_run".to_owned()),
        ("task_id", "alpha_task".to_owned()),
        ("group_id", "alpha_group".to_owned()),
        ("task_try_number", "1".to_owned()),
        ("try_number", "1".to_owned()),
        ("map_index", "-1".to_owned()),
        ("xcom_key", "return_value".to_owned()),
        ("version_number", "1".to_owned()),
        ("variable_key", "alpha_variable".to_owned()),
        ("connection_id", "alpha_connection".to_owned()),
        ("pool_name", "alpha_pool".to_owned()),
        ("username", "alpha_user".to_owned()),
        ("tenant", "alpha".to_owned()),
        ("name", "alpha_module".to_owned()),
        ("file_token", "alpha_module".to_owned()),
        ("id", token["id"].as_str().expect("an id").to_owned()),
        ("callback_id", callback),
        ("backfill_id", backfill["id"].to_string()),
        ("import_error_id", first("/api/v2/importErrors", "import_errors", "import_error_id").await),
        ("event_log_id", first("/api/v2/eventLogs", "event_logs", "event_log_id").await),
        ("asset_id", asset),
        ("asset_alias_id", first("/api/v2/assets/aliases", "asset_aliases", "id").await),
        ("grant_id", grant["id"].to_string()),
        ("key", "alpha_key".to_owned()),
        ("section", "core".to_owned()),
        ("option", "parallelism".to_owned()),
    ];
    (Names(known.into_iter().collect()), work_tokens(host, &admin).await)
}

/// A worker's token, and the token of an attempt of `alpha` that is under way.
async fn work_tokens(host: &Host, admin: &str) -> (String, String) {
    let body = json!({ "dag_run_id": "alpha_other", "logical_date": null });
    let run = host.ask(ask("POST", "/api/v2/dags/alpha_dag/dagRuns").token(admin).json(&body)).await;
    assert!(run.status.is_success(), "{}", run.text());
    let worker = host.worker().await;
    let wish = serde_json::to_value(wish(1)).expect("it is JSON");
    let work = host.ask(ask("POST", "/internal/v1/claim").token(&worker).json(&wish)).await.expect(200).json();
    let attempt = work[0]["grant"]["token"].as_str().expect("a token").to_owned();
    (worker, attempt)
}

/// Everything that `alpha` has, as its administrator sees it.
pub(crate) async fn snapshot(host: &Host, admin: &str) -> Vec<String> {
    let mut seen = Vec::new();
    for path in [
        "/api/v2/variables",
        "/api/v2/variables/alpha_variable",
        "/api/v2/connections",
        "/api/v2/pools",
        "/api/v2/users",
        "/api/v2/modules",
        "/api/v2/modules/alpha_module/versions",
        "/api/v2/dags",
        "/api/v2/dags/~/dagRuns",
        "/api/v2/dags/~/dagRuns/~/taskInstances",
        "/api/v2/dags/alpha_dag/dagRuns/alpha_run/taskInstances/alpha_task/state-store",
        "/api/v2/backfills",
        "/api/v2/assets",
        "/api/v2/assets/aliases",
        "/api/v2/assets/events",
        "/api/v2/assetGrants",
        "/api/v2/importErrors",
        "/api/v2/eventLogs",
    ] {
        seen.push(host.ask(ask("GET", path).token(admin)).await.expect(200).text());
    }
    seen
}
