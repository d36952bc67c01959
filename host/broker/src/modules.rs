//! Modules: what they are, going back to an earlier version, deleting one, and why an upload was not accepted.

mod apply;
mod upload;

use flow_model::ids::{ModuleName, TenantId};
use flow_model::inspect::Inspection;
use flow_model::rest::import_errors::{ImportError, ImportErrorFilter};
use flow_model::rest::modules::{Module, ModuleDetails, ModuleVersion, RollbackBody, UploadedModule, VersionState};
use flow_model::rest::{Names, Page, PageRequest};
use flow_store::{Session, blob, dag, import_error, log, module};
use serde_json::json;

pub use upload::{Upload, UploadError};

use crate::assets;
use crate::audit;
use crate::error::{Actor, ServiceError};
use crate::local::LocalBroker;

impl LocalBroker {
    /// The modules of a tenant whose names are among `names`.
    pub async fn modules(
        &self,
        tenant: &TenantId,
        names: Names<'_>,
        page: &PageRequest,
    ) -> Result<Page<Module>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        Ok(module::list(&mut db, tenant, names, page).await?)
    }

    /// One module with what its current version needs and offers.
    pub async fn module_details(&self, tenant: &TenantId, name: &ModuleName) -> Result<ModuleDetails, ServiceError> {
        let mut db = self.inner.store.read().await?;
        module::get(&mut db, tenant, name).await?.ok_or_else(|| absent(name))
    }

    /// The versions of a module.
    pub async fn module_versions(
        &self,
        tenant: &TenantId,
        name: &ModuleName,
        page: &PageRequest,
    ) -> Result<Page<ModuleVersion>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        module::get(&mut db, tenant, name).await?.ok_or_else(|| absent(name))?;
        Ok(module::versions(&mut db, tenant, name, page).await?)
    }

    /// Uploads the bytes of an earlier version once more: it is parsed again and becomes the newest version.
    pub async fn roll_back_module(
        &self,
        actor: &Actor,
        name: &ModuleName,
        body: RollbackBody,
    ) -> Result<UploadedModule, UploadError> {
        let mut tx = self.inner.store.begin("roll back module").await?;
        self.inner.locked_tenant(&mut tx, &actor.tenant).await?;
        let versions = module::lock(&mut tx, &actor.tenant, name).await?.ok_or_else(|| absent(name))?;
        let target = match body.version {
            Some(version) => accepted(&mut tx, &actor.tenant, name, version).await?,
            None => accepted_before(&mut tx, &actor.tenant, name, versions.current.unwrap_or(1)).await?,
        };
        let again = Inspection {
            digest: target.digest,
            size: target.size,
            imports: target.imports,
            exports: target.exports,
            compile_ms: target.compile_ms,
        };
        let version = self.inner.add_version(&mut tx, actor, name, (versions.last + 1, &again)).await?;
        let extra = json!({"module": name, "version": version, "of": target.version});
        audit::note(&mut tx, actor, self.now(), "rollback_module", &extra)?;
        tx.commit().await?;
        self.inner.parse_offered();
        self.parsed(&actor.tenant, name, version).await
    }

    /// Has the current version of a module parsed again, as a new version of the same component: its DAGs are others if the
    /// variables that it reads are.
    pub async fn parse_again(&self, actor: &Actor, name: &ModuleName) -> Result<UploadedModule, UploadError> {
        let mut db = self.inner.store.read().await?;
        let current = module::get(&mut db, &actor.tenant, name).await?.ok_or_else(|| absent(name))?.module.version;
        drop(db);
        let Some(version) = current else {
            let reason = "no version of it was accepted; upload one that is";
            return Err(ServiceError::conflict(about(name), reason).into());
        };
        self.roll_back_module(actor, name, RollbackBody { version: Some(version) }).await
    }

    /// Deletes a module with all its versions. Its DAGs become stale; their history stays.
    pub async fn delete_module(&self, actor: &Actor, name: &ModuleName) -> Result<(), ServiceError> {
        let tenant = &actor.tenant;
        let mut tx = self.inner.store.begin("delete module").await?;
        let versions = module::lock(&mut tx, tenant, name).await?.ok_or_else(|| absent(name))?;
        let active = module::active_runs(&mut tx, tenant, name).await?;
        if active > 0 {
            let reason = format!("{active} runs of its DAGs have not ended; wait for them or mark them as failed");
            return Err(ServiceError::conflict(about(name), reason));
        }
        for mut dag in dag::lock_of_module(&mut tx, tenant, name).await? {
            assets::forget(&mut tx, tenant, &dag.dag_id, self.now()).await?;
            dag.is_stale = true;
            dag.next = None;
            dag::put(&mut tx, &dag).await?;
        }
        let digests = module::digests(&mut tx, tenant, Some(name)).await?;
        module::delete(&mut tx, tenant, name).await?;
        blob::sweep(&mut tx, &digests).await?;
        for version in 1..=versions.last {
            log::delete(&mut tx, tenant, &format!("module:{name}@{version}")).await?;
        }
        audit::note(&mut tx, actor, self.now(), "delete_module", &json!({"module": name}))?;
        Ok(tx.commit().await?)
    }

    /// Why newest versions of modules were not accepted, that match `filter`.
    pub async fn import_errors(
        &self,
        tenant: &TenantId,
        filter: &ImportErrorFilter,
        page: &PageRequest,
    ) -> Result<Page<ImportError>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        Ok(import_error::list(&mut db, tenant, filter, page).await?)
    }

    /// One import error.
    pub async fn import_error(&self, tenant: &TenantId, id: i64) -> Result<ImportError, ServiceError> {
        let mut db = self.inner.store.read().await?;
        import_error::get(&mut db, tenant, id).await?.ok_or_else(|| ServiceError::not_found("import error", id))
    }
}

async fn accepted(
    db: &mut Session,
    tenant: &TenantId,
    name: &ModuleName,
    version: u32,
) -> Result<ModuleVersion, ServiceError> {
    let found = module::find_version(db, tenant, name, version).await?;
    let found = found.ok_or_else(|| ServiceError::not_found("module version", format!("{name}@{version}")))?;
    match found.state {
        VersionState::Ready => Ok(found),
        VersionState::Parsing | VersionState::Failed => {
            Err(ServiceError::conflict(about(name), format!("version {version} was not accepted")))
        }
    }
}

async fn accepted_before(
    db: &mut Session,
    tenant: &TenantId,
    name: &ModuleName,
    version: u32,
) -> Result<ModuleVersion, ServiceError> {
    let found = module::latest_ready_before(db, tenant, name, version).await?;
    found.ok_or_else(|| ServiceError::conflict(about(name), "no version before the current one was accepted"))
}

fn absent(name: &ModuleName) -> ServiceError {
    ServiceError::not_found("module", name)
}

fn about(name: &ModuleName) -> String {
    format!("module {:?}", name.as_str())
}
