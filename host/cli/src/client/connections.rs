//! `flow-host connections`: where other systems are and how to log in there.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use flow_model::call::ConnectionDetails;
use flow_model::ids::ConnectionId;
use serde_json::{Map, Value, json};

use super::call::{Call, at};
use super::listing::{List, Page};
use super::session::{Session, Verb};
use super::{export, input};
use crate::errors::Failure;
use crate::output::Answer;

const CONNECTIONS: List = List {
    entries: "connections",
    columns: &["connection_id", "conn_type", "host", "port", "schema", "login", "description"],
};

/// The fields of a connection besides its id.
const FIELDS: [&str; 8] = ["conn_type", "description", "host", "login", "password", "schema", "port", "extra"];

/// What can be done with connections.
#[derive(Debug, Subcommand)]
pub(crate) enum Connections {
    /// List connections
    List(Page),
    /// Show one connection; its secrets are masked
    Get(IdArg),
    /// Create a connection
    #[command(after_help = EXAMPLES)]
    Add(SetArgs),
    /// Create a connection or replace it
    #[command(after_help = EXAMPLES)]
    Set(SetArgs),
    /// Delete a connection
    Delete(IdArg),
    /// Create or replace the connections in a JSON or YAML file
    #[command(
        after_help = "The file holds an object: {\"id\": \"URI\"} or {\"id\": {\"conn_type\": …, \"host\": …}}.\n\nExample:\n  flow-host connections import connections.json"
    )]
    Import {
        /// The file, `-` for standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Write all connections to a file; secrets are masked
    Export(export::ExportArgs),
}

const EXAMPLES: &str = r#"Examples:
  flow-host connections add weather --conn-uri 'https://api.example.com'
  flow-host connections add db --conn-uri 'postgres://me:secret@db.example:5432/sales?sslmode=require'
  flow-host connections add db --conn-json '{"conn_type": "postgres", "host": "db.example", "login": "me"}'
  flow-host connections set db --conn-type postgres --conn-host db.example --conn-password @password.txt"#;

/// A connection.
#[derive(Debug, Args)]
pub(crate) struct IdArg {
    /// The connection's id
    #[arg(value_name = "ID")]
    id: ConnectionId,
}

/// A connection in one of three forms: a URI, JSON, or its parts.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("form").required(true).args(["conn_uri", "conn_json", "conn_type"]))]
pub(crate) struct SetArgs {
    /// The connection's id
    #[arg(value_name = "ID")]
    id: ConnectionId,
    /// All parts as type://login:password@host:port/schema?extra, or @FILE with it
    #[arg(long, visible_alias = "uri", value_name = "URI|@FILE")]
    conn_uri: Option<String>,
    /// All parts as a JSON object, or @FILE with it
    #[arg(long, visible_alias = "json", value_name = "JSON|@FILE")]
    conn_json: Option<String>,
    /// What kind of system it is, such as postgres or http
    #[arg(long, value_name = "TYPE")]
    conn_type: Option<String>,
    #[command(flatten)]
    parts: Parts,
    /// What it is for
    #[arg(long, visible_alias = "description", value_name = "TEXT")]
    conn_description: Option<String>,
}

/// The parts of a connection besides its type.
#[derive(Debug, Args)]
pub(crate) struct Parts {
    /// Host name or address
    #[arg(long = "conn-host", value_name = "HOST", requires = "conn_type")]
    host: Option<String>,
    /// TCP port
    #[arg(long = "conn-port", value_name = "PORT", requires = "conn_type")]
    port: Option<u16>,
    /// Database, schema or scheme
    #[arg(long = "conn-schema", value_name = "SCHEMA", requires = "conn_type")]
    schema: Option<String>,
    /// User name
    #[arg(long = "conn-login", value_name = "LOGIN", requires = "conn_type")]
    login: Option<String>,
    /// Password, or @FILE with it, so that it stays out of the command line
    #[arg(long = "conn-password", value_name = "PASSWORD|@FILE", requires = "conn_type")]
    password: Option<String>,
    /// Everything else: a JSON object, or @FILE with it
    #[arg(long = "conn-extra", value_name = "JSON|@FILE", requires = "conn_type")]
    extra: Option<String>,
}

impl Verb for Connections {
    async fn run(self, session: &Session) -> Result<Answer> {
        match self {
            Self::List(page) => session.list(CONNECTIONS, Call::get(at!["connections"]), &page).await,
            Self::Get(IdArg { id }) => session.object(Call::get(at!["connections", id]), &[]).await,
            Self::Add(args) => {
                let id = args.id.clone();
                session.done(Call::post(at!["connections"], args.body()?), format!("added connection `{id}`")).await
            }
            Self::Set(args) => {
                let id = args.id.clone();
                let whole = put(session, &id, args.body()?).await?;
                Ok(Answer::Done(format!("set connection `{id}`"), whole))
            }
            Self::Delete(IdArg { id }) => {
                session.done(Call::delete(at!["connections", id]), format!("deleted connection `{id}`")).await
            }
            Self::Import { file } => import(session, &file).await,
            Self::Export(args) => {
                let (rows, _) = session.entries(CONNECTIONS.entries, Call::get(at!["connections"]), &Page::ALL).await?;
                export::write(args, "connections", rows.iter().filter_map(exported).collect())
            }
        }
    }
}

impl SetArgs {
    /// The connection with every field, so that `set` leaves nothing of what was there before.
    fn body(self) -> Result<Value> {
        let Self { id, conn_uri, conn_json, conn_type, parts, conn_description } = self;
        let mut body = match (conn_uri, conn_json) {
            (Some(uri), _) => of_uri(&line(uri)?)?,
            (None, Some(json)) => of_object(serde_json::to_value(input::object("--conn-json", json)?)?)?,
            (None, None) => parts.body(conn_type.as_deref())?,
        };
        if let Some(description) = conn_description {
            body.insert("description".to_owned(), description.into());
        }
        Ok(complete(&id, body))
    }
}

impl Parts {
    fn body(self, conn_type: Option<&str>) -> Result<Map<String, Value>> {
        let extra = self.extra.map(|extra| input::object("--conn-extra", extra)).transpose()?;
        of_object(json!({
            "conn_type": conn_type,
            "host": self.host,
            "port": self.port,
            "schema": self.schema,
            "login": self.login,
            "password": self.password.map(line).transpose()?,
            "extra": extra,
        }))
    }
}

/// A text of one line; where it comes from a file, without the line's end.
fn line(given: String) -> Result<String> {
    Ok(input::text(given)?.trim_end_matches(['\r', '\n']).to_owned())
}

async fn put(session: &Session, id: &ConnectionId, body: Value) -> Result<Value> {
    let (path, above) = (at!["connections", id], at!["connections"]);
    session.change_or_create(Call::patch(path, &body), Call::post(above, &body)).await
}

async fn import(session: &Session, file: &std::path::Path) -> Result<Answer> {
    let entries = input::entries(file)?;
    input::refuse_masked("connection", &entries)?;
    let connections = parse(entries)?;
    let count = connections.len();
    for (id, body) in connections {
        put(session, &id, body).await?;
    }
    Ok(Answer::Done(format!("imported {count} connections"), json!({ "imported": count })))
}

/// A file's connections, each a URI or an object of its parts.
pub(crate) fn parse(entries: Map<String, Value>) -> Result<Vec<(ConnectionId, Value)>> {
    let mut connections = Vec::with_capacity(entries.len());
    for (id, entry) in entries {
        let id: ConnectionId = id.parse().map_err(|error| Failure::usage(format!("{error}")))?;
        let fields = match entry {
            Value::String(uri) => of_uri(&uri),
            other => of_object(other),
        };
        let fields = fields.map_err(|error| Failure::usage(format!("connection `{id}`: {error}")))?;
        connections.push((id.clone(), complete(&id, fields)));
    }
    Ok(connections)
}

/// The parts of an Airflow connection URI.
fn of_uri(uri: &str) -> Result<Map<String, Value>> {
    let details = ConnectionDetails::from_uri(uri).map_err(|error| Failure::usage(error.to_string()))?;
    of_object(serde_json::to_value(details)?)
}

/// Known fields only, `extra` as the text that the API takes, and the type in place.
fn of_object(object: Value) -> Result<Map<String, Value>> {
    let Value::Object(mut fields) = object else {
        return Err(Failure::usage("a connection is a URI or a JSON object").into());
    };
    if let Some(unknown) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return Err(Failure::usage(format!("a connection has no `{unknown}`"))
            .hint(format!("it has {}", FIELDS.join(", ")))
            .into());
    }
    if fields.get("conn_type").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err(Failure::usage("a connection needs a `conn_type`, such as postgres or http").into());
    }
    if let Some(extra @ Value::Object(_)) = fields.get("extra") {
        let text = extra.to_string();
        fields.insert("extra".to_owned(), text.into());
    }
    Ok(fields)
}

fn complete(id: &ConnectionId, mut fields: Map<String, Value>) -> Value {
    for name in FIELDS {
        fields.entry(name).or_insert(Value::Null);
    }
    fields.insert("connection_id".to_owned(), id.as_str().into());
    Value::Object(fields)
}

fn exported(row: &Value) -> Option<(String, Value)> {
    let id = row.get("connection_id")?.as_str()?.to_owned();
    let fields = row.as_object()?.iter().filter(|(name, value)| FIELDS.contains(&name.as_str()) && !value.is_null());
    Some((id, Value::Object(fields.map(|(name, value)| (name.clone(), value.clone())).collect())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(uri: &str) -> Map<String, Value> {
        of_uri(uri).expect("it is a connection")
    }

    #[test]
    fn a_uri_and_json_say_the_same() {
        let json = json!({
            "conn_type": "postgres", "host": "db.example", "login": "me", "password": "p@ss", "port": 5432, "schema": "sales",
            "extra": {"sslmode": "require"},
        });
        assert_eq!(
            complete(&"db".parse().expect("it is an id"), of_object(json).expect("it is a connection")),
            json!({
                "connection_id": "db", "conn_type": "postgres", "host": "db.example", "login": "me", "password": "p@ss",
                "port": 5432, "schema": "sales", "extra": "{\"sslmode\":\"require\"}", "description": null,
            })
        );
        let from_uri = uri("postgres://me:p%40ss@db.example:5432/sales?sslmode=require");
        assert_eq!(from_uri["password"], "p@ss");
        assert_eq!(from_uri["extra"], "{\"sslmode\":\"require\"}");
    }

    #[test]
    fn what_is_no_connection_is_refused() {
        for (object, reason) in [
            (json!([]), "a connection is a URI or a JSON object"),
            (json!({"host": "a"}), "a connection needs a `conn_type`, such as postgres or http"),
            (json!({"conn_type": "http", "hots": "a"}), "a connection has no `hots`"),
        ] {
            assert_eq!(of_object(object).expect_err("it is none").to_string(), reason);
        }
    }

    #[test]
    fn an_export_names_what_there_is() {
        let row = json!({"connection_id": "w", "conn_type": "http", "host": "h", "password": null, "team_name": null});
        assert_eq!(exported(&row), Some(("w".to_owned(), json!({"conn_type": "http", "host": "h"}))));
    }
}
