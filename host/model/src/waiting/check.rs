//! Whether a task may wait for what it wants to.

use crate::dag::{ExternalRun, WaitFor, WaitSpec};
use crate::ids::{AssetName, DagId};
use crate::uses::{Uses, covers, is_origin_pattern};

/// Refuses a wait that could never end, or for what a task of this DAG does not declare that it uses. Whoever makes HTTP requests
/// checks their origins again.
pub fn check(wait: &WaitSpec, (dag, uses): (&DagId, &Uses)) -> Result<(), String> {
    if wait.timeout_ms == Some(0) {
        return Err("it waits for 0 ms; leave timeout_ms out for seven days".to_owned());
    }
    match &wait.until {
        WaitFor::Run(external) => check_run(external, (dag, uses)),
        WaitFor::Asset(name) => {
            name.parse::<AssetName>().map_err(|error| error.to_string())?;
            if covers(&uses.assets, name) { Ok(()) } else { Err(undeclared("asset", name, "assets")) }
        }
        WaitFor::Http(check) => check_url(&check.url, uses),
        WaitFor::Trigger(trigger) if trigger.name.is_empty() => {
            Err("it waits for a trigger without a name; name one of the module's".to_owned())
        }
        WaitFor::Trigger(_) | WaitFor::Instant(_) | WaitFor::Duration(_) | WaitFor::AfterInterval(_) => Ok(()),
    }
}

fn check_url(url: &str, uses: &Uses) -> Result<(), String> {
    if !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(format!("it waits for {url:?}, which is neither http:// nor https://"));
    }
    match plain_origin(url) {
        Some(origin) if !covers(&uses.origins, &origin) => Err(undeclared("origin", &origin, "origins")),
        Some(_) | None => Ok(()),
    }
}

/// The origin of a URL that is spelled as origins are declared; what else a URL can be is for whoever asks for it to read.
fn plain_origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let own_port = if scheme == "https" { ":443" } else { ":80" };
    let authority = rest.split(['/', '?', '#']).next()?.to_ascii_lowercase();
    let origin = format!("{scheme}://{}", authority.strip_suffix(own_port).unwrap_or(&authority));
    Some(origin).filter(|origin| !origin.ends_with('*') && is_origin_pattern(origin))
}

fn check_run(external: &ExternalRun, (dag, uses): (&DagId, &Uses)) -> Result<(), String> {
    let other = &external.dag_id;
    if other != dag && !covers(&uses.dags, other.as_str()) {
        return Err(undeclared("DAG", other.as_str(), "dags"));
    }
    match external.allowed_states.iter().find(|state| external.failed_states.contains(state)) {
        Some(state) => Err(format!("it waits for {state} and fails at {state}; leave one of them out")),
        None => Ok(()),
    }
}

fn undeclared(kind: &str, name: &str, list: &str) -> String {
    format!("it waits for {kind} {name:?} and does not declare that it uses it: add it to `uses.{list}`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn checked(until: &Value, uses: &Value) -> Result<(), String> {
        let wait: WaitSpec = serde_json::from_value(json!({"until": until})).expect("a wait");
        let uses: Uses = serde_json::from_value(uses.clone()).expect("uses");
        check(&wait, (&"mine".parse().expect("a DAG"), &uses))
    }

    #[test]
    fn what_is_waited_for_is_declared() {
        let run = |dag: &str| json!({"run": {"dag_id": dag}});
        let http = |url: &str| json!({"http": {"url": url}});
        for (until, uses, expected) in [
            (run("mine"), json!({}), Ok(())),
            (run("other"), json!({"dags": ["oth*"]}), Ok(())),
            (run("other"), json!({}), Err("it waits for DAG \"other\" and does not declare that it uses it")),
            (json!({"asset": "a"}), json!({"assets": ["a"]}), Ok(())),
            (json!({"asset": "a"}), json!({"dags": ["a"]}), Err("it waits for asset \"a\" and does not declare")),
            (json!({"asset": ""}), json!({"assets": ["*"]}), Err("")),
            (http("https://a.example/b"), json!({"origins": ["https://a.example"]}), Ok(())),
            (http("https://A.example:443?b"), json!({"origins": ["https://a.example"]}), Ok(())),
            (http("http://a.example:81/b"), json!({"origins": ["http://a.example:*"]}), Ok(())),
            (
                http("https://a.example/b"),
                json!({}),
                Err("it waits for origin \"https://a.example\" and does not declare"),
            ),
            (
                http("https://a.example:8443/b"),
                json!({"origins": ["https://a.example"]}),
                Err("it waits for origin \"https://a.example:8443\""),
            ),
            (http("https://bücher.example/b"), json!({}), Ok(())),
            (json!({"trigger": {"name": "t"}}), json!({}), Ok(())),
            (json!({"trigger": {"name": ""}}), json!({}), Err("it waits for a trigger without a name")),
            (json!({"http": {"url": "file:///etc"}}), json!({}), Err("it waits for \"file:///etc\", which is neither")),
            (json!({"duration": 1}), json!({}), Ok(())),
        ] {
            match (checked(&until, &uses), expected) {
                (Ok(()), Ok(())) => {}
                (Err(message), Err(begin)) => assert!(message.starts_with(begin), "{until}: {message}"),
                (found, expected) => panic!("{until}: {found:?} where {expected:?} was expected"),
            }
        }
        let both = json!({"run": {"dag_id": "mine", "allowed_states": ["failed"], "failed_states": ["failed"]}});
        let message = checked(&both, &json!({})).expect_err("it contradicts itself");
        assert_eq!(message, "it waits for failed and fails at failed; leave one of them out");
    }
}
