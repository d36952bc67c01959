//! How the databases find what is claimed and who waits for slots: by an index, in its order, among any amount of other work.

use std::fmt::Debug;
use std::sync::Mutex;

use flow_model::admission::{Limit, LimitKey, Rank, Standings};
use flow_model::graph::TaskIndex;
use flow_model::ids::TenantId;
use flow_model::run::RunType;
use flow_model::state::{Phase, TaskStatus};
use flow_store::lane::{self, Entry, LaneKey};
use flow_store::task_instance::TaskKey;
use flow_store::work::{self, WorkRow};
use flow_store::{StoreConfig, Tx, task_instance};
use flow_test_support::on_both;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::schema::{postgres_url, sqlite_file};
use crate::seed::{self, NOW, run_key};

/// How much else there is.
const MUCH: u64 = 20_000;

/// The texts of all statements of this process, as the driver reports them.
static TEXTS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps the text of every statement.
struct Listener;

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Text);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Text;

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        let mut texts = TEXTS.lock().expect("no test has failed");
        let text = value.trim().to_owned();
        if field.name() == "db.statement" && !texts.contains(&text) {
            texts.push(text);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

/// Something that is asked, and by which index it has to be found.
struct Look {
    /// What occurs in its text.
    parts: &'static [&'static str],
    /// What occurs in it on PostgreSQL alone.
    mark: Option<&'static str>,
    /// The parameters, as literals.
    given: &'static [&'static str],
    /// The index.
    index: &'static str,
}

const LOOKS: [Look; 6] = [
    Look {
        parts: &["FROM work", "AND turn IS NOT NULL ORDER BY turn LIMIT (SELECT r.most"],
        mark: Some("FOR UPDATE SKIP LOCKED"),
        given: &[r#"'[{"most":16}]'"#],
        index: "work_claimable",
    },
    Look {
        parts: &["FROM work", "tenant IN (SELECT", "ORDER BY turn LIMIT $1"],
        mark: Some("FOR UPDATE SKIP LOCKED"),
        given: &["16", "'[\"acme\"]'"],
        index: "work_claimable",
    },
    Look {
        parts: &["FROM work", "AND tenant = $2 ORDER BY priority DESC, place LIMIT $1"],
        mark: Some("FOR UPDATE SKIP LOCKED"),
        given: &["16", "'acme'"],
        index: "work_of_tenant",
    },
    Look {
        parts: &["SUM(l.weight * l.queued)"],
        mark: Some("json_to_recordset"),
        given: &[POOL, "'acme'"],
        index: "lane_taken",
    },
    Look {
        parts: &["string_agg(w.run_key"],
        mark: Some("json_to_recordset"),
        given: &[POOL, "'acme'", "64", "0"],
        index: "lane_waiting",
    },
    Look {
        parts: &["FROM task_instance", "state = 'scheduled' AND tenant = $3 ORDER BY map_index LIMIT $4"],
        mark: Some("FROM task_instance WHERE"),
        given: &["'00000000-0000-0000-0000-000000000001'", "1", "'acme'", "4"],
        index: "task_instance_waiting",
    },
];

/// A pool, as the one row of a parameter.
const POOL: &str = r#"'[{"limit_key":"pool:db"}]'"#;

impl Look {
    /// Its text with its parameters, as it was executed.
    fn text(&self, is_postgres: bool) -> String {
        let texts = TEXTS.lock().expect("no test has failed").clone();
        let is_it = |text: &&String| {
            let is_of_this = self.mark.is_none_or(|mark| text.contains(mark) == is_postgres);
            // What travels with other statements can be explained alone all the same.
            is_of_this && text.starts_with("SELECT") && self.parts.iter().all(|part| text.contains(part))
        };
        let found: Vec<&String> = texts.iter().filter(is_it).collect();
        assert_eq!(found.len(), 1, "{:?} occur in one statement of {texts:#?}", self.parts);
        (1..).zip(self.given).fold(found[0].clone(), |text, (at, given)| text.replace(&format!("${at}"), given))
    }
}

/// What the database is going to do, in its words.
async fn plan(config: &StoreConfig, statement: &str) -> String {
    match config {
        StoreConfig::Sqlite(_) => {
            let mut connection = SqliteConnection::connect(&sqlite_file(config)).await.expect("the file can be opened");
            let text = format!("EXPLAIN QUERY PLAN {statement}");
            let rows: Vec<(i64, i64, i64, String)> =
                sqlx::query_as(AssertSqlSafe(text)).fetch_all(&mut connection).await.expect("a plan");
            rows.into_iter().map(|(_, _, _, line)| line + "\n").collect()
        }
        StoreConfig::Postgres { .. } => {
            let mut connection = PgConnection::connect(postgres_url(config)).await.expect("the server answers");
            sqlx::query("ANALYZE").execute(&mut connection).await.expect("it can be counted");
            let text = format!("EXPLAIN {statement}");
            let rows: Vec<String> =
                sqlx::query_scalar(AssertSqlSafe(text)).fetch_all(&mut connection).await.expect("a plan");
            rows.join("\n")
        }
    }
}

/// Much work of two tenants, some of which can be claimed, and many lanes under one pool.
async fn fill(tx: &mut Tx, tenants: &[TenantId; 2]) {
    let work: Vec<WorkRow> = (0..MUCH)
        .map(|at| {
            let turn = (!at.is_multiple_of(4)).then_some(at);
            WorkRow {
                priority: i64::try_from(at % 7).expect("small"),
                ..seed::work(at.into(), tenants[(at % 2) as usize].as_str(), turn)
            }
        })
        .collect();
    work::insert(tx, &work).expect("it can be offered");
    let entry = |at: u64| Entry {
        tenant: tenants[(at % 2) as usize].clone(),
        lane: LaneKey { run: run_key((at / 10).into()), task: TaskIndex(u32::try_from(at % 10).expect("small")) },
        limits: vec![Limit { key: pool(), weight: 1, allowed: None }],
        rank: Rank::of(i32::try_from(at % 5).expect("small"), RunType::Manual, None, NOW),
        count: Standings { waiting: 3, queued: i64::from(at.is_multiple_of(100)), ..Standings::default() },
    };
    lane::enter(tx, &(0..MUCH).map(entry).collect::<Vec<_>>()).await.expect("they can stand in line");
    let scheduled = TaskStatus { phase: Phase::Scheduled, ..TaskStatus::NEW };
    let instance = |at: u32| {
        let key = TaskKey { map_index: Some(at / 10), ..seed::task_key(u128::from(at % 2), at % 10) };
        seed::new_task(key, scheduled)
    };
    let instances: Vec<_> = (0..u32::try_from(MUCH).expect("small")).map(instance).collect();
    task_instance::insert(tx, &instances).expect("they are new");
}

fn pool() -> LimitKey {
    LimitKey::Pool("db".parse().expect("a pool's name"))
}

on_both! {
    async fn what_is_claimed_and_who_waits_is_found_by_an_index(db: TestStore) {
        // Somebody else may have begun to listen, who hears the same.
        drop(tracing::subscriber::set_global_default(Listener));
        let tenants = [db.tenant("acme", NOW).await, db.tenant("other", NOW).await];
        let mut tx = db.store.begin("test").await.expect("a transaction");
        fill(&mut tx, &tenants).await;
        tx.commit().await.expect("a commit");
        let mut tx = db.store.begin("test").await.expect("a transaction");
        // What is asked first travels with the beginning, as one text.
        work::waiting_turns(&mut tx).await.expect("a look");
        let lane = LaneKey { run: run_key(1), task: TaskIndex(1) };
        assert_eq!(work::next(&mut tx, 16, None).await.expect("a look").len(), 16);
        assert_eq!(work::next(&mut tx, 16, Some(&tenants[..1])).await.expect("a look").len(), 16);
        assert_eq!(work::weightiest(&mut tx, &tenants[0], 16).await.expect("a look").len(), 16);
        lane::taken(&mut tx, &tenants[0], [&pool()]).await.expect("a look");
        lane::waiting_at(&mut tx, &tenants[0], [&pool()], (64, 0)).await.expect("a look");
        lane::first_waiting(&mut tx, &tenants[0], lane, 4).await.expect("a look");
        tx.commit().await.expect("a commit");
        for look in LOOKS {
            let statement = look.text(db.store.is_shared());
            let plan = plan(&db.config, &statement).await;
            let reads_all = ["Seq Scan on work", "Seq Scan on lane", "Seq Scan on task", "Sort", "FOR ORDER BY"];
            assert!(plan.contains(look.index), "{} is not used:\n{statement}\n{plan}", look.index);
            assert!(!reads_all.iter().any(|word| plan.contains(word)), "{statement}\n{plan}");
        }
    }
}
