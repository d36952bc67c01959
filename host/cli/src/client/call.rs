//! One request to the API as plain data: built by the commands, sent by the client.

use flow_model::time::Millis;
use reqwest::{Method, Url};
use serde::Serialize;

/// One request: what to do to which resource.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    /// The verb.
    pub(crate) method: Method,
    /// The path below `/api/v2`, one element per segment, so that no name can reach beyond its own.
    pub(crate) path: Vec<String>,
    /// The parameters, in order.
    pub(crate) query: Vec<(&'static str, String)>,
    /// The JSON body, if any, as it is sent: no number loses digits on the way.
    pub(crate) body: Option<String>,
}

/// The path of a resource: `at!["dags", dag_id, "dagRuns"]`.
macro_rules! at {
    [$($segment:expr),+ $(,)?] => { vec![$($segment.to_string()),+] };
}
pub(crate) use at;

impl Call {
    /// Reads.
    pub(crate) fn get(path: Vec<String>) -> Self {
        Self::new(Method::GET, path, None)
    }

    /// Deletes.
    pub(crate) fn delete(path: Vec<String>) -> Self {
        Self::new(Method::DELETE, path, None)
    }

    /// Creates, or does.
    pub(crate) fn post(path: Vec<String>, body: impl Serialize) -> Self {
        Self::new(Method::POST, path, Some(json(&body)))
    }

    /// Changes the given fields.
    pub(crate) fn patch(path: Vec<String>, body: impl Serialize) -> Self {
        Self::new(Method::PATCH, path, Some(json(&body)))
    }

    /// Replaces.
    pub(crate) fn put(path: Vec<String>, body: impl Serialize) -> Self {
        Self::new(Method::PUT, path, Some(json(&body)))
    }

    /// The same request with a parameter, if there is a value for it.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// The same request with a parameter given once for each value.
    #[must_use]
    pub(crate) fn with_each<T: ToString>(mut self, name: &'static str, values: &[T]) -> Self {
        self.query.extend(values.iter().map(|value| (name, value.to_string())));
        self
    }

    /// The address of this request on the server at `base`.
    pub(crate) fn url(&self, base: &Url) -> Url {
        let mut url = below(base, ["api", "v2"].into_iter().chain(self.path.iter().map(String::as_str)));
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        url
    }

    fn new(method: Method, path: Vec<String>, body: Option<String>) -> Self {
        Self { method, path, query: Vec::new(), body }
    }
}

/// The address of the path made of these segments on the server at `base`, which may itself have a path.
pub(crate) fn below<'a>(base: &Url, segments: impl IntoIterator<Item = &'a str>) -> Url {
    let mut url = base.clone();
    // Only an address that cannot have a path refuses; that of a server can.
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

/// A body's text. Ours have fields with names and plain values, which JSON can hold.
fn json(body: &impl Serialize) -> String {
    serde_json::to_string(body).unwrap_or_default()
}

/// Reads an instant as people type it: RFC 3339, or a date for its first moment in UTC.
pub(crate) fn instant(text: &str) -> Result<Millis, String> {
    text.parse().or_else(|_| format!("{text}T00:00:00Z").parse()).map_err(|_| {
        "use a date such as 2026-11-22, or an instant with its zone such as 2026-11-22T10:00:00Z".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url_of(call: &Call, base: &str) -> String {
        call.url(&base.parse().expect("the base is a URL")).into()
    }

    #[test]
    fn names_stay_within_their_segment() {
        let call = Call::get(at!["dags", "a/b?c#d", "dagRuns", "manual__2026-01-01T00:00:00+00:00"]);
        let expected = "http://h:1/api/v2/dags/a%2Fb%3Fc%23d/dagRuns/manual__2026-01-01T00:00:00+00:00";
        assert_eq!(url_of(&call, "http://h:1"), expected);
        assert_eq!(url_of(&Call::get(at!["dags"]), "https://h/below/"), "https://h/below/api/v2/dags");
    }

    #[test]
    fn parameters_are_encoded_and_absent_ones_left_out() {
        let call =
            Call::get(at!["dags"]).with("limit", Some(5)).with("x", None::<u8>).with_each("state", &["a b", "c&d"]);
        assert_eq!(url_of(&call, "http://h"), "http://h/api/v2/dags?limit=5&state=a+b&state=c%26d");
    }

    #[test]
    fn instants_need_a_zone_and_dates_do_not() {
        assert_eq!(instant("2026-11-22").map(|at| at.to_string()), Ok("2026-11-22T00:00:00Z".to_owned()));
        assert_eq!(
            instant("2026-11-22T10:00:00+02:00").map(|at| at.to_string()),
            Ok("2026-11-22T08:00:00Z".to_owned())
        );
        for bad in ["", "yesterday", "2026-11-22T10:00:00", "2026-13-01"] {
            assert!(instant(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
