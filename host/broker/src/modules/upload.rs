//! Uploading a module: inspect it, store it, have it parsed, and answer what came of it.

use std::pin::pin;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use flow_model::ids::{Digest, ModuleName, TenantId};
use flow_model::inspect::{Inspection, Rejection};
use flow_model::quota;
use flow_model::rest::modules::{ModuleVersion, UploadedModule, VersionState};
use flow_model::rest::tenants::Tenant;
use flow_model::time::Millis;
use flow_store::module::NewVersion;
use flow_store::{Session, StoreError, blob, module};
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use crate::audit;
use crate::error::{Actor, ServiceError};
use crate::local::{Inner, LocalBroker};

/// How long an upload waits for its parse.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often it looks by itself: another node may have applied the parse.
const LOOK: Duration = Duration::from_secs(1);

/// For how long a version that was refused is kept once its module is uploaded again.
const REFUSED_KEPT_MS: i64 = 10 * 60_000;

/// What an upload came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upload {
    /// It is the module's new version.
    Created(UploadedModule),
    /// The module's newest version has the same bytes already.
    Unchanged(UploadedModule),
}

/// Why an upload was not accepted. Whatever it was, the module's current version stays what it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// It is no component, or one that cannot run here.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// Its DAGs were refused; the import error says the same.
    #[error("{0}")]
    Refused(String),
    /// Anything else.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl UploadError {
    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Rejected(rejection) => rejection.code(),
            Self::Refused(_) => "import-error",
            Self::Service(error) => error.code(),
        }
    }
}

impl From<StoreError> for UploadError {
    fn from(error: StoreError) -> Self {
        Self::Service(error.into())
    }
}

impl LocalBroker {
    /// Uploads a component as the module's next version, and waits for its DAGs.
    pub async fn upload_module(&self, actor: &Actor, name: &ModuleName, bytes: Bytes) -> Result<Upload, UploadError> {
        let tenant = self.tenant(&actor.tenant).await?;
        let limit = usize::try_from(tenant.quota.component_bytes).unwrap_or(usize::MAX);
        if bytes.len() > limit {
            return Err(ServiceError::TooLarge { what: "the component".to_owned(), limit }.into());
        }
        let digest = digest_of(bytes.clone()).await?;
        if let Some(same) = self.same_as_newest(&actor.tenant, name, digest).await? {
            return Ok(Upload::Unchanged(self.parsed(&actor.tenant, name, same).await?));
        }
        let inspection = (self.inner.admit)(bytes.clone()).await?;
        let version = self.store_version(actor, name, &Inspection { digest, ..inspection }, &bytes).await?;
        Ok(Upload::Created(self.parsed(&actor.tenant, name, version).await?))
    }

    /// The newest version, if it has this digest and was not refused. One that was is tried again: what a parse reads of
    /// the tenant's variables may have changed.
    async fn same_as_newest(
        &self,
        tenant: &TenantId,
        name: &ModuleName,
        digest: Digest,
    ) -> Result<Option<u32>, StoreError> {
        let mut db = self.inner.store.read().await?;
        let Some(found) = module::get(&mut db, tenant, name).await? else { return Ok(None) };
        let newest = module::find_version(&mut db, tenant, name, found.module.last_version).await?;
        let same = newest.filter(|newest| newest.digest == digest && newest.state != VersionState::Failed);
        Ok(same.map(|newest| newest.version))
    }

    async fn store_version(
        &self,
        actor: &Actor,
        name: &ModuleName,
        inspection: &Inspection,
        bytes: &Bytes,
    ) -> Result<u32, ServiceError> {
        let now = self.now();
        let mut tx = self.inner.store.begin("upload module").await?;
        let tenant = self.inner.locked_tenant(&mut tx, &actor.tenant).await?;
        let versions = module::lock(&mut tx, &actor.tenant, name).await?;
        let stale = Millis(now.0.saturating_sub(REFUSED_KEPT_MS));
        let forgotten = module::forget_failed(&mut tx, &actor.tenant, name, stale).await?;
        blob::sweep(&mut tx, &forgotten).await?;
        check_quota(&mut tx, &tenant, versions.is_none(), inspection).await?;
        blob::put(&mut tx, &inspection.digest, bytes, now).await?;
        let next = versions.map_or(1, |versions| versions.last + 1);
        let version = self.inner.add_version(&mut tx, actor, name, (next, inspection)).await?;
        let extra = json!({"module": name, "version": version, "digest": inspection.digest, "size": inspection.size});
        audit::note(&mut tx, actor, now, "post_module", &extra)?;
        tx.commit().await?;
        self.inner.parse_offered();
        Ok(version)
    }

    /// What became of a version once it is parsed.
    pub(super) async fn parsed(
        &self,
        tenant: &TenantId,
        name: &ModuleName,
        version: u32,
    ) -> Result<UploadedModule, UploadError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Interest is registered before looking, so that an end between the two is not missed.
            let mut ended = pin!(self.inner.parsed.notified());
            ended.as_mut().enable();
            let found = {
                let mut db = self.inner.store.read().await?;
                module::find_version(&mut db, tenant, name, version).await?
            };
            let found = found.ok_or_else(|| super::absent(name))?;
            match found.state {
                VersionState::Ready => return Ok(uploaded(name, found)),
                VersionState::Failed => return Err(UploadError::Refused(found.error.unwrap_or_default())),
                VersionState::Parsing if Instant::now() >= deadline => return Err(still_parsing(name, version).into()),
                VersionState::Parsing => drop(timeout_at(deadline.min(Instant::now() + LOOK), ended).await),
            }
        }
    }
}

impl Inner {
    /// Adds a version to a module and offers its parse.
    pub(super) async fn add_version(
        &self,
        db: &mut Session,
        actor: &Actor,
        name: &ModuleName,
        (version, inspection): (u32, &Inspection),
    ) -> Result<u32, StoreError> {
        let (now, tenant) = (self.now(), &actor.tenant);
        module::put(db, tenant, name, version, now).await?;
        let new = NewVersion { module: name, version, inspection, uploaded_by: &actor.name, created_at: now };
        module::insert_version(db, tenant, &new).await?;
        self.offer_parse(db, tenant, (name, version), now)?;
        Ok(version)
    }
}

async fn check_quota(
    db: &mut Session,
    tenant: &Tenant,
    is_new: bool,
    inspection: &Inspection,
) -> Result<(), ServiceError> {
    let quota = &tenant.quota;
    if is_new {
        quota::admit("modules", module::count(db, &tenant.name).await?, 1, quota.modules)?;
    }
    let held = module::stored_besides(db, &tenant.name, &inspection.digest).await?;
    Ok(quota::admit("stored_bytes", held, inspection.size, quota.stored_bytes)?)
}

/// The digest, computed off the async threads: it takes a while for tens of megabytes.
async fn digest_of(bytes: Bytes) -> Result<Digest, ServiceError> {
    let computed = tokio::task::spawn_blocking(move || digest(&SHA256, &bytes)).await;
    let stopping = || ServiceError::Unavailable("the host is stopping".to_owned());
    let computed = computed.map_err(|_| stopping())?;
    computed.as_ref().try_into().map(Digest).map_err(|_| ServiceError::Internal)
}

fn uploaded(name: &ModuleName, version: ModuleVersion) -> UploadedModule {
    let outline = version.outline.unwrap_or_default();
    UploadedModule {
        name: name.clone(),
        version: version.version,
        digest: version.digest,
        size: version.size,
        dags: outline.dags,
        warnings: outline.warnings,
    }
}

fn still_parsing(name: &ModuleName, version: u32) -> ServiceError {
    ServiceError::Unavailable(format!(
        "version {version} of module {:?} is stored, but no worker has parsed it yet; it takes effect once one has",
        name.as_str()
    ))
}
