//! Statements on their way to the database together, and the answers on their way back.

use futures::TryStreamExt;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Either, Executor as _, PgConnection, SqliteConnection};

use crate::dialect::{BEGIN_POSTGRES, BEGIN_SQLITE, Batch, COMMIT, in_turn, together};
use crate::error::StoreError;
use crate::listing::Row;
use crate::tally::Counters;

/// A statement with its rows.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) statement: Batch,
    pub(crate) rows: String,
}

/// What is sent at once: to SQLite in one way, to PostgreSQL in a way for the beginning, for all that is posted, for each
/// question and for the commit.
pub(crate) struct Delivery {
    pub(crate) begins: bool,
    pub(crate) posted: Vec<Part>,
    pub(crate) questions: Vec<Part>,
    pub(crate) commits: bool,
}

/// What the questions were answered.
pub(crate) enum Answers {
    Sqlite(Vec<Vec<SqliteRow>>),
    Postgres(Vec<Vec<PgRow>>),
}

impl Answers {
    /// Takes the answer to the last question that is left.
    pub(crate) fn read<R: Row>(&mut self) -> Result<Vec<R>, StoreError> {
        let rows: Result<Vec<R>, sqlx::Error> = match self {
            Self::Sqlite(answers) => answers.pop().unwrap_or_default().iter().map(R::from_row).collect(),
            Self::Postgres(answers) => answers.pop().unwrap_or_default().iter().map(R::from_row).collect(),
        };
        Ok(rows?)
    }
}

impl Delivery {
    /// How many statements there are.
    pub(crate) fn statements(&self) -> usize {
        usize::from(self.begins) + self.posted.len() + self.questions.len() + usize::from(self.commits)
    }

    pub(crate) async fn through_sqlite(
        self,
        connection: &mut SqliteConnection,
        counters: &Counters,
    ) -> Result<Vec<Vec<SqliteRow>>, StoreError> {
        let (all, asked) = (self.statements(), self.questions.len());
        if all == 0 {
            return Ok(Vec::new());
        }
        counters.trip();
        let first_question = usize::from(self.begins) + self.posted.len();
        let parts: Vec<Part> = self.posted.into_iter().chain(self.questions).collect();
        let begin = self.begins.then_some(BEGIN_SQLITE);
        let end = self.commits.then_some(COMMIT);
        let text = in_turn(begin, parts.iter().map(|part| part.statement.sqlite), end);
        let mut query = sqlx::query(AssertSqlSafe(text));
        for Part { rows, .. } in parts {
            query = query.bind(rows);
        }
        let mut answers: Vec<Vec<SqliteRow>> = vec![Vec::new()];
        let mut stream = connection.fetch_many(query);
        while let Some(step) = stream.try_next().await? {
            match step {
                Either::Left(_) => answers.push(Vec::new()),
                Either::Right(row) => {
                    if let Some(answer) = answers.last_mut() {
                        answer.push(row);
                    }
                }
            }
        }
        Ok(answers.into_iter().skip(first_question).take(asked).collect())
    }

    pub(crate) async fn through_postgres(
        self,
        connection: &mut PgConnection,
        counters: &Counters,
    ) -> Result<Vec<Vec<PgRow>>, StoreError> {
        if self.begins {
            counters.trip();
            sqlx::raw_sql(BEGIN_POSTGRES).execute(&mut *connection).await?;
        }
        for group in groups(&self.posted) {
            counters.trip();
            let mut query = match group {
                [alone] => sqlx::query(alone.statement.postgres),
                several => sqlx::query(AssertSqlSafe(together(several.iter().map(|part| part.statement.postgres)))),
            };
            for Part { rows, .. } in group {
                query = query.bind(rows);
            }
            query.execute(&mut *connection).await?;
        }
        let mut answers = Vec::with_capacity(self.questions.len());
        for Part { statement, rows } in &self.questions {
            counters.trip();
            answers.push(sqlx::query(statement.postgres).bind(rows).fetch_all(&mut *connection).await?);
        }
        if self.commits {
            counters.trip();
            sqlx::raw_sql(COMMIT).execute(&mut *connection).await?;
        }
        Ok(answers)
    }
}

/// What can be carried out together on PostgreSQL, where no part of a statement sees what another does: nothing about a
/// table that an earlier part is about, but for what comes in place of rows that are deleted.
fn groups(posted: &[Part]) -> impl Iterator<Item = &[Part]> {
    let mut about: Vec<(&str, &str)> = Vec::new();
    posted.chunk_by(move |before, part| {
        let ((verb, table), last) = (subject(part.statement.postgres), subject(before.statement.postgres));
        about.push(last);
        let apart = |&(earlier, other): &(&str, &str)| other != table || (earlier, verb) == ("DELETE", "INSERT");
        let fits = about.iter().all(apart);
        if !fits {
            about.clear();
        }
        fits
    })
}

/// What a write does, and to which table.
fn subject(text: &str) -> (&str, &str) {
    let mut words = text.split_whitespace();
    let verb = words.next().unwrap_or_default();
    (verb, words.find(|word| !matches!(*word, "INTO" | "FROM")).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(statements: &[&'static str]) -> Vec<usize> {
        let part = |text: &&'static str| Part { statement: Batch { sqlite: "", postgres: text }, rows: String::new() };
        let posted: Vec<Part> = statements.iter().map(part).collect();
        groups(&posted).map(<[Part]>::len).collect()
    }

    #[test]
    fn writes_that_could_meet_go_one_after_the_other() {
        assert_eq!(
            sizes(&["DELETE FROM work WHERE", "INSERT INTO work (a)", "UPDATE run SET a", "INSERT INTO try"]),
            [4]
        );
        assert_eq!(sizes(&["INSERT INTO work (a)", "UPDATE work SET a", "UPDATE run SET a"]), [1, 2]);
        assert_eq!(
            sizes(&["UPDATE run SET a", "INSERT INTO work (a)", "UPDATE run SET a", "UPDATE run SET b"]),
            [2, 1, 1]
        );
        assert_eq!(sizes(&[]), [0; 0]);
    }
}
