//! What a task declares it uses, and whether a name is covered by that declaration.

use serde::{Deserialize, Serialize};

/// Names and patterns per kind. A trailing `*` is a prefix, `*` alone everything of that kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Uses {
    /// Variable keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<String>,
    /// Connection ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connections: Vec<String>,
    /// Other DAGs, to trigger or to ask about. A DAG may always ask about itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dags: Vec<String>,
}

/// Whether one of `patterns` covers `name`.
pub fn covers(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => pattern == name,
    })
}

impl Uses {
    /// Both lists together, as a task gets its DAG's and its own.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let join = |a: &[String], b: &[String]| {
            let mut all: Vec<String> = a.iter().chain(b).cloned().collect();
            all.sort_unstable();
            all.dedup();
            all
        };
        Self {
            variables: join(&self.variables, &other.variables),
            connections: join(&self.connections, &other.connections),
            dags: join(&self.dags, &other.dags),
        }
    }

    /// Whether any pattern ends in `*`. A tenant's policy can forbid that.
    pub fn has_wildcard(&self) -> bool {
        [&self.variables, &self.connections, &self.dags].into_iter().flatten().any(|pattern| pattern.ends_with('*'))
    }
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_star_covers_only_at_the_end() {
        let patterns = ["plain".to_owned(), "pre_*".to_owned(), "a*b".to_owned()];
        for (name, expected) in [("plain", true), ("plain2", false), ("pre_x", true), ("pre", false), ("axb", false)] {
            assert_eq!(covers(&patterns, name), expected, "{name}");
        }
        assert!(covers(&["*".to_owned()], "anything"));
        assert!(!covers(&[], "anything"));
    }
}
