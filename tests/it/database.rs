//! The two databases that every scenario runs on.

use flow_test_support::Postgres;
use flow_tests::{Host, Options};
use tempfile::TempDir;

/// A host on one of the databases. Its data goes when this is dropped.
pub(crate) struct Stage {
    /// The host.
    pub(crate) host: Host,
    /// How it was started.
    pub(crate) options: Options,
    _data: TempDir,
}

/// Which database a scenario runs on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Database {
    /// In the data directory.
    Sqlite,
    /// On a server that all scenarios share, each in a database of its own.
    Postgres,
}

impl Database {
    /// A host on a new database.
    pub(crate) fn stage(self, flags: &[&str]) -> Stage {
        let data = tempfile::tempdir().expect("a folder for the data");
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let options = Options { data: data.path().join("data"), database_url: self.url(), flags, ..Options::default() };
        Stage { host: Host::start(options.clone()), options, _data: data }
    }

    fn url(self) -> Option<String> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(Postgres::shared().create(None)),
        }
    }
}

/// Makes a scenario a test on each database.
macro_rules! on_both_databases {
    ($($scenario:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $scenario() { super::$scenario($crate::database::Database::Sqlite).await; })+
        }
        mod postgres {
            $(#[tokio::test] async fn $scenario() { super::$scenario($crate::database::Database::Postgres).await; })+
        }
    };
}
pub(crate) use on_both_databases;
