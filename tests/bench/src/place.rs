//! Where a part is measured: a folder and a database of its own, gone afterwards.

use std::path::PathBuf;

use flow_store::{Store, StoreConfig};
use flow_test_support::Postgres;
use flow_tests::{Host, Options};
use tempfile::TempDir;

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Database {
    /// SQLite with a write-ahead log and `synchronous=FULL`.
    Sqlite,
    /// PostgreSQL with its defaults.
    Postgres,
}

/// A folder and a database.
pub(crate) struct Place {
    folder: TempDir,
    url: Option<String>,
}

impl Database {
    /// Its name in the figures.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

impl Place {
    /// A fresh place, on the server if there is one.
    pub(crate) fn new(server: Option<&Postgres>) -> Self {
        let url = server.map(|server| server.create(None));
        Self { folder: TempDir::new().expect("a folder for the data"), url }
    }

    /// Starts a host here; what an earlier one left is there.
    pub(crate) fn host(&self, flags: &[&str]) -> Host {
        Host::start(self.options(flags))
    }

    /// How a host is started here.
    pub(crate) fn options(&self, flags: &[&str]) -> Options {
        let quiet = ["--log", "error"];
        let flags = quiet.iter().chain(flags).map(|flag| (*flag).to_owned()).collect();
        Options { data: self.data(), database_url: self.url.clone(), flags, ..Options::default() }
    }

    /// Where the host's database is.
    pub(crate) fn config(&self) -> StoreConfig {
        std::fs::create_dir_all(self.data()).expect("the data folder can be made");
        match &self.url {
            Some(url) => StoreConfig::Postgres { url: url.clone(), connections: 8 },
            None => StoreConfig::Sqlite(self.data().join("flow.db")),
        }
    }

    /// Opens the host's database, to put there what would take too long over HTTP.
    pub(crate) async fn store(&self) -> Store {
        Store::open(self.config()).await.expect("the database can be opened")
    }

    /// A path for files of the part.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn data(&self) -> PathBuf {
        self.path("data")
    }
}
