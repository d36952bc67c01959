//! How long a large module takes to become DAGs.

use std::time::Instant;

use flow_tests::{Host, component};

use crate::form::Times;
use crate::process::millis;

const DAGS: usize = 200;
const TASKS: usize = 10;

/// From sending a component with 200 DAGs that is compiled already to the DAGs being ready, in milliseconds. Each time it
/// is another tenant's, to whom they are new.
pub(super) async fn whole_modules(host: &Host, times: Times) -> Vec<f64> {
    let many = component("many");
    host.tenant("compiles").await.upload("many", many.clone()).await.expect(201);
    let mut measured = Vec::new();
    for round in times {
        let tenant = host.tenant(&format!("parse{round}")).await;
        let begun = Instant::now();
        tenant.upload("many", many.clone()).await.expect(201);
        measured.push(millis(begun.elapsed()));
        assert_eq!(tenant.get("/api/v2/dags?limit=1").await.expect(200)["total_entries"], DAGS);
        let last = tenant.get(format_args!("/api/v2/dags/d{:03}/tasks", DAGS - 1)).await.expect(200);
        assert_eq!(last["total_entries"], TASKS);
    }
    measured
}
