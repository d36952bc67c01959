//! What a run finds: its component, its conf, variables, connections and pools. All of it is read before anything starts.

use std::path::Path;

use anyhow::Result;
use bytes::Bytes;
use flow_model::ids::ModuleName;
use flow_model::rest::JsonText;
use flow_model::rest::connections::ConnectionBody;
use flow_model::rest::pools::PoolBody;
use flow_model::rest::variables::VariableBody;
use flow_model::time::Millis;
use serde_json::{Map, Value};

use super::answers;
use super::args::GivenArgs;
use crate::client::{input, parse_connections, parse_variables};
use crate::errors::Failure;

/// What a run finds.
pub(super) struct Given {
    /// The run's conf.
    pub(super) conf: Option<JsonText>,
    /// The run's logical date.
    pub(super) logical_date: Option<Millis>,
    /// What the run's questions are answered.
    pub(super) answers: Vec<answers::Given>,
    /// The tenant's variables.
    pub(super) variables: Vec<VariableBody>,
    /// The tenant's connections.
    pub(super) connections: Vec<ConnectionBody>,
    /// The tenant's pools besides the default one.
    pub(super) pools: Vec<PoolBody>,
}

impl Given {
    /// Reads what the arguments name.
    pub(super) fn read(args: GivenArgs) -> Result<Self> {
        let GivenArgs { conf, logical_date, vars, vars_file, conns, conns_file, pools, answer } = args;
        let mut variables = entries("variable", vars_file.as_deref())?;
        for (key, value) in vars {
            variables.insert(key.as_str().to_owned(), input::text(value)?.into());
        }
        let mut connections = entries("connection", conns_file.as_deref())?;
        connections.extend(conns.into_iter().map(|(id, uri)| (id.as_str().to_owned(), uri.into())));
        let connections = parse_connections(connections)?.into_iter().map(|(id, body)| {
            let invalid = |error| Failure::usage(format!("connection `{id}` is not valid: {error}"));
            serde_json::from_value(body).map_err(invalid)
        });
        let pool =
            |(name, slots)| PoolBody { name, slots, description: None, include_deferred: false, team_name: None };
        Ok(Self {
            conf: conf.map(|conf| input::object("--conf", conf)).transpose()?,
            logical_date,
            answers: answer,
            variables: parse_variables(variables)?,
            connections: connections.collect::<Result<_, _>>()?,
            pools: pools.into_iter().map(pool).collect(),
        })
    }
}

fn entries(kind: &str, file: Option<&Path>) -> Result<Map<String, Value>> {
    let Some(file) = file else { return Ok(Map::new()) };
    let entries = input::entries(file)?;
    input::refuse_masked(kind, &entries)?;
    Ok(entries)
}

/// A component and the name of the module that it becomes.
pub(super) fn component(file: &Path) -> Result<(ModuleName, Bytes), Failure> {
    let bytes = std::fs::read(file).map_err(|error| {
        Failure::usage(format!("cannot read the component {}: {error}", file.display()))
            .hint("build it with `cargo build --release --target wasm32-wasip2`; it is in target/wasm32-wasip2/release")
    })?;
    let name = file.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
    // Nothing but messages shows the name.
    let name = name.map_or_else(|| "module".parse(), Ok).map_err(|error| Failure::failed(format!("{error}")))?;
    Ok((name, bytes.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(vars: &[(&str, &str)], vars_file: Option<&Path>) -> Result<Given> {
        Given::read(GivenArgs {
            conf: None,
            logical_date: None,
            vars: vars.iter().map(|(key, value)| (key.parse().expect("a key"), (*value).to_owned())).collect(),
            vars_file: vars_file.map(Path::to_owned),
            conns: vec![("db".parse().expect("an id"), "postgres://me:secret@db.example/sales".to_owned())],
            conns_file: None,
            pools: Vec::new(),
            answer: Vec::new(),
        })
    }

    #[test]
    fn flags_go_before_files() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = folder.path().join("variables.json");
        std::fs::write(&file, r#"{"region": "us", "limits": {"rows": 10}}"#).expect("it can be written");
        let given = given(&[("region", "eu")], Some(&file)).expect("all is well");
        let shown: Vec<_> = given.variables.iter().map(|one| (one.key.as_str(), one.value.to_string())).collect();
        assert_eq!(shown, [("limits", r#"{"rows":10}"#.to_owned()), ("region", r#""eu""#.to_owned())]);
        assert_eq!(given.connections[0].host.as_deref(), Some("db.example"));
    }

    #[test]
    fn what_an_export_masked_is_refused() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = folder.path().join("variables.yaml");
        std::fs::write(&file, "password: '***'\n").expect("it can be written");
        let error = given(&[], Some(&file)).err().expect("it is masked");
        assert!(error.to_string().contains("`password`"), "{error}");
    }

    #[test]
    fn a_component_has_the_name_of_its_file_where_that_is_one() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        for (name, module) in [("my_flow.wasm", "my_flow"), ("my flow (1).wasm", "module")] {
            let file = folder.path().join(name);
            std::fs::write(&file, b"\0asm").expect("it can be written");
            assert_eq!(component(&file).expect("it can be read").0.as_str(), module);
        }
        let error = component(&folder.path().join("none.wasm")).expect_err("there is none");
        assert!(error.to_string().contains("none.wasm"), "{error}");
    }
}
