//! `/metrics`: what the host has done and has to do, as Prometheus reads it. It tells of no tenant by name.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use flow_broker::Metrics;
use utoipa_axum::routes;

use super::Routes;
use crate::Api;
use crate::http::Problem;

/// The text format's own media type.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn routes() -> Routes {
    Routes::default().open(routes!(get_metrics))
}

/// What the host has done and has to do, in Prometheus' text format.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "Monitor",
    responses((status = 200, body = String, content_type = "text/plain")),
)]
async fn get_metrics(State(api): State<Api>) -> Result<impl IntoResponse, Problem> {
    let metrics = api.broker.metrics().await?;
    Ok(([(header::CONTENT_TYPE, PROMETHEUS)], text(&metrics)))
}

fn text(metrics: &Metrics) -> String {
    let mut text = String::new();
    family(&mut text, ("claims_total", "counter"), "Times that a worker asked for work.", [("", metrics.claims)]);
    let claimed = [("", metrics.attempts_claimed)];
    family(&mut text, ("attempts_claimed_total", "counter"), "Attempts that workers were given.", claimed);
    let ended: Vec<(String, u64)> = metrics
        .attempts_ended
        .iter()
        .map(|((kind, end), count)| (format!("{{kind=\"{kind}\",end=\"{end}\"}}"), *count))
        .collect();
    let help = "Attempts that ended, by what they were and how; failures by their error class.";
    let ended = ended.iter().map(|(labels, count)| (labels.as_str(), *count));
    family(&mut text, ("attempts_ended_total", "counter"), help, ended);
    family(&mut text, ("calls_total", "counter"), "Calls that guests have made.", [("", metrics.calls)]);
    let queue = metrics.queue;
    let queue = [
        ("{state=\"claimable\"}", queue.claimable),
        ("{state=\"delayed\"}", queue.delayed),
        ("{state=\"leased\"}", queue.leased),
    ];
    family(&mut text, ("work", "gauge"), "Work that awaits a worker, its time, or its end.", queue);
    family(&mut text, ("tenants", "gauge"), "Tenants.", [("", metrics.tenants)]);
    text
}

fn family<'a>(
    text: &mut String,
    (name, kind): (&str, &str),
    help: &str,
    samples: impl IntoIterator<Item = (&'a str, u64)>,
) {
    let _ = writeln!(text, "# HELP flow_host_{name} {help}\n# TYPE flow_host_{name} {kind}");
    for (labels, value) in samples {
        let _ = writeln!(text, "flow_host_{name}{labels} {value}");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_family_says_what_it_is() {
        let ended = BTreeMap::from([(("task", "success"), 3), (("task", "timeout"), 1)]);
        let metrics = Metrics { claims: 5, attempts_ended: ended, ..Metrics::default() };
        let text = text(&metrics);
        assert!(text.starts_with(
            "# HELP flow_host_claims_total Times that a worker asked for work.\n\
             # TYPE flow_host_claims_total counter\nflow_host_claims_total 5\n"
        ));
        assert!(text.contains("\nflow_host_attempts_ended_total{kind=\"task\",end=\"timeout\"} 1\n"));
        assert!(text.contains("\n# TYPE flow_host_work gauge\nflow_host_work{state=\"claimable\"} 0\n"));
    }
}
