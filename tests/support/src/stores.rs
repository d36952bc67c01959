//! Throw-away stores on both databases.

use flow_model::ids::TenantId;
use flow_model::rest::tenants::Tenant;
use flow_model::time::Millis;
use flow_store::{Store, StoreConfig, tenant};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::postgres::Postgres;

/// A migrated store that vanishes with the test.
#[derive(Debug)]
pub struct TestStore {
    /// The store.
    pub store: Store,
    /// Where it is, to open it a second time.
    pub config: StoreConfig,
    _directory: Option<TempDir>,
}

/// The database that the others are copies of.
static TEMPLATE: OnceCell<()> = OnceCell::const_new();
const TEMPLATE_NAME: &str = "flow_template";

impl TestStore {
    /// A store in a SQLite file.
    pub async fn sqlite() -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let config = StoreConfig::Sqlite(directory.path().join("flow.db"));
        Self { _directory: Some(directory), ..Self::at(config).await }
    }

    /// A store that outlives the test.
    pub async fn at(config: StoreConfig) -> Self {
        let store = open(&config).await;
        store.migrate().await.expect("the schema can be made");
        Self { store, config, _directory: None }
    }

    /// A store in a database of this test binary's PostgreSQL server.
    pub async fn postgres() -> Self {
        let server = Postgres::shared();
        TEMPLATE
            .get_or_init(|| async {
                let store = open(&postgres(server.create_named(TEMPLATE_NAME, None))).await;
                store.migrate().await.expect("the schema can be made");
                store.close().await;
            })
            .await;
        let config = postgres(server.create(Some(TEMPLATE_NAME)));
        Self { store: open(&config).await, config, _directory: None }
    }

    /// One of each.
    pub async fn both() -> [Self; 2] {
        [Self::sqlite().await, Self::postgres().await]
    }

    /// Makes a tenant.
    pub async fn tenant(&self, name: &str, now: Millis) -> TenantId {
        let name: TenantId = name.parse().expect("a tenant's name");
        let new = Tenant {
            name: name.clone(),
            description: None,
            quota: flow_model::quota::Quota::default(),
            policy: flow_model::quota::Policy::default(),
            created_at: now,
            updated_at: now,
        };
        let mut tx = self.store.begin("test tenant").await.expect("a transaction");
        assert!(tenant::insert(&mut tx, &new).await.expect("a tenant can be made"), "the tenant is new");
        tx.commit().await.expect("a commit");
        name
    }
}

fn postgres(url: String) -> StoreConfig {
    StoreConfig::Postgres { url, connections: 8 }
}

async fn open(config: &StoreConfig) -> Store {
    Store::open(config.clone()).await.expect("the store can be opened")
}

/// Runs each test once per database: `on_both! { async fn name(db: TestStore) { … } }`.
#[macro_export]
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($db:ident: TestStore) $body:block)+) => {
        $(
            mod $name {
                use super::*;

                $(#[$meta])*
                async fn check($db: $crate::TestStore) $body

                #[tokio::test]
                async fn on_sqlite() {
                    check($crate::TestStore::sqlite().await).await;
                }

                #[tokio::test]
                async fn on_postgres() {
                    check($crate::TestStore::postgres().await).await;
                }
            }
        )+
    };
}
