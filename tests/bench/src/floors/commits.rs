//! The rows that a task costs, written through the same driver with the same durability and no rule at all.
//!
//! Statements take many rows from one JSON parameter, as those of the store do.

use std::time::Instant;

use flow_store::StoreConfig;
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use crate::form::Times;
use crate::place::Place;
use crate::process::per_second;

const RUNS: usize = 10;
const TASKS: usize = 100;
/// Tasks that one commit takes on.
const BATCH: usize = 256;

/// What happens to a task.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// It is there and can be claimed.
    Create,
    /// Somebody has it and runs it.
    Take,
    /// It has ended and left its result.
    End,
}

/// A task.
#[derive(Debug, Clone)]
pub(crate) struct Entry(Value);

/// Three small tables, and one connection to them.
pub(crate) struct Ledger {
    link: Link,
    made: usize,
}

enum Link {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Runs one body on whichever driver there is.
macro_rules! on {
    ($link:expr, $c:ident => $body:expr) => {
        match $link {
            Link::Sqlite($c) => $body,
            Link::Postgres($c) => $body,
        }
    };
}

/// A statement that takes its rows from `r`, in the words of both databases.
macro_rules! rows {
    ($before:literal, $after:literal) => {
        [
            concat!(
                $before,
                " FROM (SELECT value->>'run' AS run, value->>'task' AS task, value->>'attempt' AS attempt, ",
                "value->>'stamp' AS stamp FROM json_each($1)) AS r ",
                $after
            ),
            concat!(
                $before,
                " FROM (SELECT * FROM json_to_recordset($1::json) AS j(run text, task bigint, attempt text, stamp bigint)) AS r ",
                $after
            ),
        ]
    };
}

const TABLES: &[&str] = &[
    "CREATE TABLE floor_instance (run TEXT, task BIGINT, map_index BIGINT, tenant TEXT, name TEXT, state TEXT, \
     attempt TEXT, try_number BIGINT, seen TEXT, worker TEXT, queued_at BIGINT, start_date BIGINT, end_date BIGINT, \
     PRIMARY KEY (run, task, map_index))",
    "CREATE TABLE floor_work (attempt TEXT PRIMARY KEY, tenant TEXT, kind TEXT, run TEXT, task BIGINT, turn BIGINT, \
     worker TEXT, lease_until BIGINT)",
    "CREATE INDEX floor_claimable ON floor_work (turn, tenant) WHERE worker IS NULL",
    "CREATE INDEX floor_leased ON floor_work (lease_until) WHERE worker IS NOT NULL",
    "CREATE TABLE floor_result (run TEXT, task BIGINT, map_index BIGINT, key TEXT, tenant TEXT, value TEXT, \
     created_at BIGINT, PRIMARY KEY (run, task, map_index, key))",
];

const CREATE: &[[&str; 2]] = &[
    rows!(
        "INSERT INTO floor_instance (run, task, map_index, tenant, name, state, attempt, try_number, seen, queued_at) \
         SELECT r.run, r.task, -1, 'bench', 'noop', 'queued', r.attempt, 1, '{}', r.stamp",
        ""
    ),
    rows!(
        "INSERT INTO floor_work (attempt, tenant, kind, run, task, turn) SELECT r.attempt, 'bench', 'task', r.run, r.task, \
         r.stamp",
        ""
    ),
];
const TAKE: &[[&str; 2]] = &[
    rows!("UPDATE floor_work SET worker = 'worker', lease_until = r.stamp", "WHERE floor_work.attempt = r.attempt"),
    rows!(
        "UPDATE floor_instance SET state = 'running', worker = 'worker', start_date = r.stamp",
        "WHERE floor_instance.run = r.run AND floor_instance.task = r.task AND floor_instance.map_index = -1"
    ),
];
const END: &[[&str; 2]] = &[
    rows!(
        "UPDATE floor_instance SET state = 'success', attempt = NULL, end_date = r.stamp",
        "WHERE floor_instance.run = r.run AND floor_instance.task = r.task AND floor_instance.map_index = -1"
    ),
    rows!("DELETE FROM floor_work WHERE attempt IN (SELECT r.attempt", ")"),
    rows!(
        "INSERT INTO floor_result (run, task, map_index, key, tenant, value, created_at) SELECT r.run, r.task, -1, \
         'return_value', 'bench', '1', r.stamp",
        ""
    ),
];

impl Step {
    fn statements(self) -> &'static [[&'static str; 2]] {
        match self {
            Self::Create => CREATE,
            Self::Take => TAKE,
            Self::End => END,
        }
    }
}

impl Ledger {
    /// A connection such as the host's store has, to tables of its own.
    pub(crate) async fn open(place: &Place) -> Self {
        let mut link = match place.config() {
            StoreConfig::Sqlite(_) => {
                let options = SqliteConnectOptions::new()
                    .filename(place.path("floor.db"))
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full);
                Link::Sqlite(SqliteConnection::connect_with(&options).await.expect("the file can be opened"))
            }
            StoreConfig::Postgres { url, .. } => {
                Link::Postgres(PgConnection::connect(&url).await.expect("the server can be reached"))
            }
        };
        for &text in TABLES {
            // As the store's tables are: the key is the table.
            let is_sqlite_table = matches!(link, Link::Sqlite(_)) && text.starts_with("CREATE TABLE");
            let text = AssertSqlSafe(if is_sqlite_table { format!("{text} WITHOUT ROWID") } else { text.to_owned() });
            on!(&mut link, c => drop(sqlx::query(text).execute(c).await.expect("a table")));
        }
        Self { link, made: 0 }
    }

    /// New tasks of one run.
    pub(crate) fn entries(&mut self, count: usize) -> Vec<Entry> {
        let run = format!("01990000-0000-7000-8000-{:012}", self.made);
        let entry = |task: usize| {
            let id = self.made + task;
            Entry(
                json!({"run": run, "task": task, "attempt": format!("01990000-0000-7000-9000-{id:012}"), "stamp": id}),
            )
        };
        let entries = (0..count).map(entry).collect();
        self.made += count;
        entries
    }

    /// Takes these steps in one transaction that is durable when this returns.
    pub(crate) async fn commit(&mut self, steps: &[(Step, &[Entry])]) {
        let steps = steps.iter().filter(|(_, entries)| !entries.is_empty());
        let steps: Vec<(Step, String)> = steps.map(|(step, entries)| (*step, rows_of(entries))).collect();
        let (begin, dialect) = match self.link {
            Link::Sqlite(_) => ("BEGIN IMMEDIATE", 0),
            Link::Postgres(_) => ("BEGIN", 1),
        };
        on!(&mut self.link, c => {
            let mut tx = c.begin_with(begin).await.expect("a transaction");
            for (step, rows) in &steps {
                for texts in step.statements() {
                    sqlx::query(texts[dialect]).bind(rows).execute(&mut *tx).await.expect("the statement is right");
                }
            }
            tx.commit().await.expect("a commit");
        });
    }

    /// Commits of one task each, one after the other, in a second.
    pub(crate) async fn lone_commits(&mut self, times: Times) -> Vec<f64> {
        let mut measured = Vec::new();
        for _ in times {
            let one = self.entries(1);
            let begun = Instant::now();
            self.commit(&[(Step::Create, &one), (Step::Take, &one)]).await;
            measured.push(per_second(1, begun.elapsed()));
            self.commit(&[(Step::End, &one)]).await;
        }
        measured
    }

    /// Tasks a second of ten runs of a hundred tasks, taken and ended many at a time.
    pub(crate) async fn throughput(&mut self, times: Times) -> Vec<f64> {
        let mut measured = Vec::new();
        for _ in times {
            let runs: Vec<Vec<Entry>> = (0..RUNS).map(|_| self.entries(TASKS)).collect();
            let tasks = runs.concat();
            let begun = Instant::now();
            for run in &runs {
                self.commit(&[(Step::Create, run)]).await;
            }
            for step in [Step::Take, Step::End] {
                for batch in tasks.chunks(BATCH) {
                    self.commit(&[(step, batch)]).await;
                }
            }
            measured.push(per_second(RUNS * TASKS, begun.elapsed()));
        }
        measured
    }

    /// Every task has ended, once.
    pub(crate) async fn check(&mut self) {
        const QUESTIONS: [&str; 3] = [
            "SELECT COUNT(*) FROM floor_instance WHERE state = 'success'",
            "SELECT COUNT(*) FROM floor_result",
            "SELECT COUNT(*) FROM floor_work",
        ];
        let mut counts = Vec::new();
        for text in QUESTIONS {
            let count: i64 = on!(&mut self.link, c => sqlx::query_scalar(text).fetch_one(c).await.expect("a count"));
            counts.push(count);
        }
        let made = i64::try_from(self.made).expect("a count");
        assert_eq!(counts, [made, made, 0], "the floor did what a host has to do");
    }
}

fn rows_of(entries: &[Entry]) -> String {
    entries.iter().map(|entry| entry.0.clone()).collect::<Value>().to_string()
}
