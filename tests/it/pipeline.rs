//! The main job: a component is uploaded, its DAG runs on real data, and its results are what they should be.

use flow_tests::{Client, component};
use serde_json::{Value, json};

use crate::database::{Database, on_both_databases};

on_both_databases!(the_weather_report_comes_out, a_retry_goes_on_where_the_last_try_was, tenants_see_their_own_alone);

const WEATHER: &str = include_str!("../../guest-examples/etl/conf.json");

/// Uploads `etl` and everything that it uses.
pub(crate) async fn prepare_etl(tenant: &Client) {
    tenant.upload("etl", component("etl")).await.expect(201);
    let variable = json!({ "key": "temperature_unit", "value": "celsius" });
    tenant.post("/api/v2/variables", &variable).await.expect(201);
    let connection = json!({ "connection_id": "reports", "conn_type": "http", "host": "reports.example.com" });
    tenant.post("/api/v2/connections", &connection).await.expect(201);
}

/// The run's conf with four years of weather.
pub(crate) fn weather() -> Value {
    serde_json::from_str(WEATHER).expect("the conf is JSON")
}

async fn the_weather_report_comes_out(database: Database) {
    let stage = database.stage(&[]);
    let tenant = stage.host.tenant("acme").await;
    prepare_etl(&tenant).await;
    let run = tenant.trigger("etl", weather()).await;
    assert_eq!(tenant.wait("etl", &run).await, "success");
    let report = tenant.result("etl", &run, "report").await;
    let days: Vec<u64> = report.as_array().expect("rows").iter().filter_map(|row| row["days"].as_u64()).collect();
    assert_eq!((days.len(), days.iter().sum::<u64>()), (12, 1461), "every day of four years is in one of the months");
    assert_eq!(report[0]["month"], "january");
}

async fn a_retry_goes_on_where_the_last_try_was(database: Database) {
    let stage = database.stage(&[]);
    let tenant = stage.host.tenant("acme").await;
    prepare_etl(&tenant).await;
    let run = tenant.trigger("etl", weather()).await;
    assert_eq!(tenant.wait("etl", &run).await, "success");
    let delivery = tenant.result("etl", &run, "deliver").await;
    assert_eq!((&delivery["rows"], &delivery["resumed_at_row"]), (&json!(12), &json!(6)));
    assert_eq!(delivery["to"], "http://reports.example.com/");
    let task = tenant.get(format!("/api/v2/dags/etl/dagRuns/{run}/taskInstances/deliver")).await.expect(200);
    assert_eq!(task["try_number"], 2);
}

async fn tenants_see_their_own_alone(database: Database) {
    let stage = database.stage(&[]);
    let (acme, globex) = (stage.host.tenant("acme").await, stage.host.tenant("globex").await);
    prepare_etl(&acme).await;
    globex.upload("hello", component("hello")).await.expect(201);
    let run = acme.trigger("etl", weather()).await;
    assert_eq!(acme.wait("etl", &run).await, "success");
    for path in ["variables/temperature_unit", "connections/reports", "modules/etl", "dags/etl"] {
        acme.get(format!("/api/v2/{path}")).await.expect(200);
        let foreign = globex.get(format!("/api/v2/{path}")).await;
        let absent = globex.get(format!("/api/v2/{path}x")).await;
        assert_eq!((foreign.status, absent.status.as_u16()), (absent.status, 404), "{path}");
        let (foreign, absent) = (foreign.body.to_string(), absent.body.to_string());
        let name = path.rsplit('/').next().expect("a name");
        assert_eq!(foreign.replace(name, "*"), absent.replace(&format!("{name}x"), "*"), "{path}");
    }
    globex.get(format!("/api/v2/dags/etl/dagRuns/{run}")).await.expect(404);
}
