//! The two schemas say the same: tables, columns, types, nullability, keys and indexes.

use std::collections::{BTreeMap, BTreeSet};

use flow_store::StoreConfig;
use flow_test_support::TestStore;
use sqlx::{Connection, PgConnection, SqliteConnection};

/// A table's columns (type, nullable) and its indexes (columns in order, unique, partial).
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    columns: BTreeMap<String, (String, bool)>,
    indexes: BTreeSet<(String, bool, bool)>,
}

type Schema = BTreeMap<String, Table>;

/// One name per meaning. Nothing else about a type differs between the databases.
fn same_type(name: &str) -> String {
    let name = name.to_lowercase();
    match name.as_str() {
        "integer" => "bigint".to_owned(),
        "bytea" => "blob".to_owned(),
        _ => name,
    }
}

pub(crate) fn sqlite_file(config: &StoreConfig) -> String {
    match config {
        StoreConfig::Sqlite(file) => format!("sqlite://{}", file.display()),
        StoreConfig::Postgres { .. } => panic!("it is a file"),
    }
}

pub(crate) fn postgres_url(config: &StoreConfig) -> &str {
    match config {
        StoreConfig::Postgres { url, .. } => url,
        StoreConfig::Sqlite(_) => panic!("it is a server"),
    }
}

const SQLITE_COLUMNS: &str = "SELECT m.name, c.name, c.type, c.\"notnull\" = 0 AND c.pk = 0 FROM sqlite_schema AS m \
     JOIN pragma_table_info(m.name) AS c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE '\\_sqlx%' ESCAPE '\\'";
const SQLITE_INDEXES: &str = "SELECT m.name, i.\"unique\", i.partial, (SELECT group_concat(x.name) FROM \
     (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno) AS x) FROM sqlite_schema AS m \
     JOIN pragma_index_list(m.name) AS i WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE '\\_sqlx%' ESCAPE '\\'";

async fn sqlite() -> Schema {
    let db = TestStore::sqlite().await;
    let mut connection = SqliteConnection::connect(&sqlite_file(&db.config)).await.expect("the file can be opened");
    let columns: Vec<(String, String, String, bool)> =
        sqlx::query_as(SQLITE_COLUMNS).fetch_all(&mut connection).await.expect("the columns");
    let indexes: Vec<(String, bool, bool, String)> =
        sqlx::query_as(SQLITE_INDEXES).fetch_all(&mut connection).await.expect("the indexes");
    assemble(columns, indexes)
}

const POSTGRES_COLUMNS: &str = "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, NULL), NOT a.attnotnull \
     FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid WHERE c.relkind = 'r' AND a.attnum > 0 \
     AND NOT a.attisdropped AND c.relnamespace = 'public'::regnamespace AND c.relname NOT LIKE '\\_sqlx%'";
const POSTGRES_INDEXES: &str = "SELECT c.relname::text, i.indisunique, i.indpred IS NOT NULL, \
     (SELECT string_agg(a.attname, ',' ORDER BY k.place) FROM unnest(i.indkey::int[]) WITH ORDINALITY AS k(number, place) \
     JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.number) FROM pg_index AS i \
     JOIN pg_class AS c ON c.oid = i.indrelid WHERE c.relnamespace = 'public'::regnamespace \
     AND c.relname NOT LIKE '\\_sqlx%'";

async fn postgres() -> Schema {
    let db = TestStore::postgres().await;
    let mut connection = PgConnection::connect(postgres_url(&db.config)).await.expect("the server answers");
    let columns: Vec<(String, String, String, bool)> =
        sqlx::query_as(POSTGRES_COLUMNS).fetch_all(&mut connection).await.expect("the columns");
    let indexes: Vec<(String, bool, bool, String)> =
        sqlx::query_as(POSTGRES_INDEXES).fetch_all(&mut connection).await.expect("the indexes");
    assemble(columns, indexes)
}

fn assemble(columns: Vec<(String, String, String, bool)>, indexes: Vec<(String, bool, bool, String)>) -> Schema {
    let mut schema = Schema::new();
    for (table, column, kind, nullable) in columns {
        schema.entry(table).or_default().columns.insert(column, (same_type(&kind), nullable));
    }
    for (table, unique, partial, over) in indexes {
        schema.entry(table).or_default().indexes.insert((over, unique, partial));
    }
    // SQLite keeps no separate index where an integer key is the row's own number; PostgreSQL does.
    for table in schema.values_mut() {
        table.indexes.remove(&("id".to_owned(), true, false));
    }
    schema
}

#[tokio::test]
async fn both_schemas_say_the_same() {
    let (sqlite, postgres) = (sqlite().await, postgres().await);
    let names = |schema: &Schema| schema.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&sqlite), names(&postgres), "SQLite's tables on the left, PostgreSQL's on the right");
    assert!(sqlite.len() > 20, "every table was looked at");
    for (name, table) in &sqlite {
        assert_eq!(table, &postgres[name], "table {name}: SQLite on the left, PostgreSQL on the right");
    }
}

#[tokio::test]
async fn migrating_twice_changes_nothing() {
    for db in TestStore::both().await {
        db.store.migrate().await.expect("the schema is up to date");
    }
}
