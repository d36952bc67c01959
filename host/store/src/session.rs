//! Sessions: a connection to read with, or to write with until the transaction ends.
//!
//! Every way to the database and back costs more than most statements. So what is written waits in the session and
//! travels with the next question, or with the commit. All of it is counted.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres, Sqlite, SqliteConnection};
use tokio::runtime::Handle;

use crate::column;
use crate::delivery::{Answers, Delivery, Part};
use crate::dialect::{Batch, ROLLBACK};
use crate::error::StoreError;
use crate::listing::Row;
use crate::tally::Counters;

/// One connection, to read with or within a transaction.
#[derive(Debug)]
pub struct Session {
    /// `None` once it is on its way back to the pool.
    link: Option<Link>,
    stage: Stage,
    posted: Vec<Part>,
    counters: Arc<Counters>,
}

#[derive(Debug)]
pub(crate) enum Link {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

/// How far the transaction of a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// There is none: each statement is one by itself.
    Reading,
    /// The database has not heard of it yet.
    Unbegun,
    /// It has begun.
    Begun,
}

/// A writing transaction. Dropped without [`Tx::commit`], it never happened.
#[derive(Debug)]
pub struct Tx {
    session: Session,
    name: &'static str,
    begun: Instant,
}

pub(crate) enum Driver<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl Session {
    pub(crate) fn new(link: Link, stage: Stage, counters: Arc<Counters>) -> Self {
        Self { link: Some(link), stage, posted: Vec::new(), counters }
    }

    fn link(&mut self) -> &mut Link {
        self.link.as_mut().expect("only the end of a session takes its connection")
    }

    /// The connection, for one statement that is to follow [`Session::ready`].
    pub(crate) fn driver(&mut self) -> Driver<'_> {
        self.counters.statements(1);
        self.counters.trip();
        match self.link() {
            Link::Sqlite(connection) => Driver::Sqlite(connection),
            Link::Postgres(connection) => Driver::Postgres(connection),
        }
    }

    /// The text of a statement for this database.
    pub(crate) fn text(&mut self, batch: Batch) -> &'static str {
        match self.link() {
            Link::Sqlite(_) => batch.sqlite,
            Link::Postgres(_) => batch.postgres,
        }
    }

    /// Sends what waits, so that a statement of another kind can follow it.
    pub(crate) async fn ready(&mut self) -> Result<(), StoreError> {
        if self.stage == Stage::Unbegun || !self.posted.is_empty() {
            self.deliver(Vec::new(), false).await?;
        }
        Ok(())
    }

    /// Carries out a many-row statement that answers nothing.
    pub(crate) async fn write<T: Serialize>(&mut self, statement: Batch, rows: &[T]) -> Result<(), StoreError> {
        self.ready().await?;
        self.post(statement, rows)?;
        self.ready().await
    }

    /// Has a many-row statement carried out that answers nothing, before the next question or with the commit. What is
    /// posted together may be carried out in any order, so that no two posts may be about the same row.
    pub(crate) fn post<T: Serialize>(&mut self, statement: Batch, rows: &[T]) -> Result<(), StoreError> {
        self.counters.rows(rows.len());
        self.posted.push(Part { statement, rows: column::rows(rows)? });
        Ok(())
    }

    /// Carries out a many-row statement and takes what it answers.
    pub(crate) async fn find<T: Serialize, R: Row>(
        &mut self,
        statement: Batch,
        rows: &[T],
    ) -> Result<Vec<R>, StoreError> {
        let part = Part { statement, rows: column::rows(rows)? };
        let found = self.deliver(vec![part], false).await?.read()?;
        self.counters.rows(found.len());
        Ok(found)
    }

    /// Two questions. The second sees what the first has locked as it is then.
    pub(crate) async fn find_both<T: Serialize, U: Serialize, R: Row, S: Row>(
        &mut self,
        (first, rows): (Batch, &[T]),
        (second, others): (Batch, &[U]),
    ) -> Result<(Vec<R>, Vec<S>), StoreError> {
        let parts = vec![
            Part { statement: first, rows: column::rows(rows)? },
            Part { statement: second, rows: column::rows(others)? },
        ];
        let mut answers = self.deliver(parts, false).await?;
        let seconds = answers.read()?;
        let firsts = answers.read()?;
        self.counters.rows(firsts.len() + seconds.len());
        Ok((firsts, seconds))
    }

    /// Sends what waits and then these questions, in as few ways as the database allows; after them the commit, if it `ends`.
    async fn deliver(&mut self, questions: Vec<Part>, ends: bool) -> Result<Answers, StoreError> {
        let posted = std::mem::take(&mut self.posted);
        // One statement is a transaction by itself.
        let is_alone = ends && posted.len() + questions.len() <= 1;
        let begins = self.stage == Stage::Unbegun && !is_alone;
        if begins {
            // Before it is sent: if nobody waits for the answer, it may have begun all the same.
            self.stage = Stage::Begun;
        }
        let delivery = Delivery { begins, posted, questions, commits: ends && self.stage == Stage::Begun };
        self.counters.statements(delivery.statements());
        let counters = Arc::clone(&self.counters);
        let answers = match self.link() {
            Link::Sqlite(connection) => Answers::Sqlite(delivery.through_sqlite(connection, &counters).await?),
            Link::Postgres(connection) => Answers::Postgres(delivery.through_postgres(connection, &counters).await?),
        };
        if ends {
            self.stage = Stage::Reading;
        }
        Ok(answers)
    }
}

impl Drop for Session {
    /// A transaction that was not committed is taken back before anybody else has its connection.
    fn drop(&mut self) {
        if self.stage != Stage::Begun {
            return;
        }
        let (Some(link), Ok(runtime)) = (self.link.take(), Handle::try_current()) else { return };
        runtime.spawn(async move {
            match link {
                Link::Sqlite(mut connection) => {
                    // SQLite itself takes back what it fails to commit; then there is nothing left to do.
                    if sqlx::raw_sql(ROLLBACK).execute(&mut *connection).await.is_err() {
                        connection.close_on_drop();
                    }
                }
                Link::Postgres(mut connection) => {
                    if sqlx::raw_sql(ROLLBACK).execute(&mut *connection).await.is_err() {
                        connection.close_on_drop();
                    }
                }
            }
        });
    }
}

impl Tx {
    pub(crate) fn new(session: Session, name: &'static str, begun: Instant) -> Self {
        Self { session, name, begun }
    }

    /// Makes everything since [`crate::Store::begin`] durable, all or nothing.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        self.session.deliver(Vec::new(), true).await?;
        self.session.counters.commit();
        tracing::trace!(transaction = self.name, micros = self.begun.elapsed().as_micros(), "committed");
        Ok(())
    }
}

impl Deref for Tx {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Session {
        &mut self.session
    }
}
