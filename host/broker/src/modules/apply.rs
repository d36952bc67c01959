//! Applying what a parse found: all DAGs of the module's version take effect, or none does and the import error says why.

use std::collections::BTreeSet;

use flow_model::admission;
use flow_model::dag::ScheduleSpec;
use flow_model::description;
use flow_model::graph::Graph;
use flow_model::ids::{DagId, DagVersionId, Digest, ModuleName, PoolName, TenantId};
use flow_model::inspect::check_exports;
use flow_model::quota;
use flow_model::rest::modules::Outline;
use flow_model::rest::tenants::Tenant;
use flow_model::time::Millis;
use flow_model::uses::Uses;
use flow_model::work::{AttemptEnd, ErrorClass, Failure};
use flow_store::dag::{self, DagRow};
use flow_store::dag_version::{self, VersionRow};
use flow_store::import_error::{self, NewImportError};
use flow_store::module::{self, VersionEnd};
use flow_store::{Session, StoreError, connection, dag_pool, run, slot_pool, variable};

use crate::assets::{self, Registration};
use crate::engine::Version;
use crate::error::ServiceError;
use crate::local::Inner;
use crate::text::keep_message;
use crate::timetables::plan_next;

/// How many warnings an upload is answered with at most.
const MAX_WARNINGS: usize = 20;

/// Why a version is not accepted.
struct Refusal {
    message: String,
    /// The source file, where the guest named it.
    file: Option<String>,
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self { message, file: None }
    }
}

/// A version of a module whose parse has ended.
struct Parsed<'a> {
    inner: &'a Inner,
    tenant: &'a Tenant,
    module: &'a ModuleName,
    version: u32,
    digest: Digest,
    /// The interfaces that the component exports.
    exports: &'a [String],
    now: Millis,
}

impl Inner {
    /// Ends the parse of a version. If a newer version took effect in the meantime, this one changes no DAG any more.
    pub(crate) async fn apply_parse(
        &self,
        db: &mut Session,
        tenant: &TenantId,
        (module, version): (&ModuleName, u32),
        end: AttemptEnd,
        now: Millis,
    ) -> Result<(), ServiceError> {
        let tenant = self.locked_tenant(db, tenant).await?;
        let Some(versions) = module::lock(db, &tenant.name, module).await? else { return Ok(()) };
        let Some(found) = module::find_version(db, &tenant.name, module, version).await? else { return Ok(()) };
        let (digest, exports) = (found.digest, found.exports.as_slice());
        let parsed = Parsed { inner: self, tenant: &tenant, module, version, digest, exports, now };
        let superseded = versions.current.is_some_and(|current| current > version);
        match parsed.judge(db, end).await? {
            Ok(graphs) => parsed.accept(db, graphs, superseded).await?,
            Err(refusal) => parsed.refuse(db, &refusal, superseded).await?,
        }
        Ok(())
    }
}

impl Parsed<'_> {
    /// The DAGs that the version describes, or why they cannot be accepted.
    async fn judge(&self, db: &mut Session, end: AttemptEnd) -> Result<Result<Vec<Graph>, Refusal>, StoreError> {
        let text = match described(end) {
            Ok(text) => text,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let graphs = match description::read(&text, &self.tenant.quota, &self.tenant.policy) {
            Ok(graphs) => graphs,
            Err(error) => return Ok(Err(error.to_string().into())),
        };
        for graph in &graphs {
            let id = &graph.spec().dag_id;
            if let Err(reason) = check_exports(graph.spec(), self.exports) {
                return Ok(Err(format!("DAG {:?}: {reason}", id.as_str()).into()));
            }
            if let Some(owner) = self.other_owner(db, id).await? {
                let message = format!(
                    "DAG {:?} belongs to module {:?}; choose another id, or delete that module first",
                    id.as_str(),
                    owner.as_str()
                );
                return Ok(Err(message.into()));
            }
        }
        if let Some(clash) = Registration::of(&graphs).clash(db, &self.tenant.name, self.module).await? {
            return Ok(Err(clash.into()));
        }
        let elsewhere = dag::count_elsewhere(db, &self.tenant.name, self.module).await?;
        let described = u64::try_from(graphs.len()).unwrap_or(u64::MAX);
        match quota::admit("dags", elsewhere, described, self.tenant.quota.dags) {
            Ok(()) => Ok(Ok(graphs)),
            Err(over) => Ok(Err(format!("quota used up: {over}").into())),
        }
    }

    /// Another module that describes the DAG.
    async fn other_owner(&self, db: &mut Session, id: &DagId) -> Result<Option<ModuleName>, StoreError> {
        let found = dag::lock(db, &self.tenant.name, id).await?;
        Ok(found.filter(|dag| dag.module != *self.module && !dag.is_stale).map(|dag| dag.module))
    }

    async fn accept(&self, db: &mut Session, graphs: Vec<Graph>, superseded: bool) -> Result<(), StoreError> {
        let outline = self.outline(db, &graphs).await?;
        let tenant = &self.tenant.name;
        let end = VersionEnd::Ready(&outline);
        if !module::end_version(db, tenant, (self.module, self.version), end, self.now).await? || superseded {
            return Ok(());
        }
        module::set_current(db, tenant, self.module, self.version, self.now).await?;
        import_error::clear(db, tenant, self.module, self.version).await?;
        for vanished in dag::lock_of_module(db, tenant, self.module).await? {
            if outline.dags.binary_search(&vanished.dag_id).is_err() && !vanished.is_stale {
                assets::forget(db, tenant, &vanished.dag_id, self.now).await?;
                dag::put(db, &DagRow { is_stale: true, next: None, ..vanished }).await?;
            }
        }
        let registration = Registration::of(&graphs);
        for graph in graphs {
            self.put_dag(db, graph).await?;
        }
        registration.apply(db, tenant, self.now).await
    }

    async fn refuse(&self, db: &mut Session, refusal: &Refusal, superseded: bool) -> Result<(), StoreError> {
        let (tenant, message) = (&self.tenant.name, keep_message(&refusal.message));
        let end = VersionEnd::Failed(&message);
        if !module::end_version(db, tenant, (self.module, self.version), end, self.now).await? || superseded {
            return Ok(());
        }
        let filename = keep_message(refusal.file.as_deref().unwrap_or(self.module.as_str()));
        let error = NewImportError {
            module: self.module,
            version: self.version,
            at: self.now,
            filename: &filename,
            message: &message,
        };
        import_error::put(db, tenant, &error).await
    }

    /// Makes the DAG what `graph` says. It has a new version if what it says, or the component that runs it, has changed.
    async fn put_dag(&self, db: &mut Session, graph: Graph) -> Result<(), StoreError> {
        let (tenant, id) = (&self.tenant.name, graph.spec().dag_id.clone());
        let present = dag::lock(db, tenant, &id).await?;
        let version = self.version_of(db, graph).await?;
        let unchanged = present.as_ref().is_some_and(|dag| dag.version == version.id && !dag.is_stale);
        let is_paused = match &present {
            Some(dag) => dag.is_paused,
            None => version.graph.spec().is_paused_upon_creation,
        };
        let spec = version.graph.spec();
        let mut row = DagRow {
            tenant: tenant.clone(),
            dag_id: id,
            version: version.id,
            module: self.module.clone(),
            display_name: spec.display_name.clone(),
            description: spec.description.clone(),
            tags: serde_json::json!(spec.tags).to_string(),
            owners: serde_json::json!(spec.owners()).to_string(),
            limits: spec.into(),
            schedule: spec.schedule.as_ref().map(ScheduleSpec::to_string),
            is_paused,
            is_stale: false,
            parsed_at: self.now,
            next: present.filter(|_| unchanged).and_then(|dag| dag.next),
        };
        if !unchanged && !is_paused {
            let last = run::last_scheduled(db, tenant, &row.dag_id).await?;
            plan_next(db, &self.inner.engine, (&mut row, &version), last, self.now).await?;
        }
        dag::put(db, &row).await?;
        dag_pool::put(db, tenant, &row.dag_id, &admission::pools_of(spec)).await
    }

    /// The DAG's newest version if it says the same and is run by the same component, a new one otherwise.
    async fn version_of(&self, db: &mut Session, graph: Graph) -> Result<Version, StoreError> {
        let (tenant, dag_id) = (&self.tenant.name, graph.spec().dag_id.clone());
        let spec = serde_json::json!(graph.spec()).to_string();
        let latest = dag_version::latest(db, tenant, &dag_id).await?;
        let number = latest.as_ref().map_or(1, |latest| latest.number + 1);
        if let Some(latest) = latest.filter(|latest| latest.spec == spec && latest.digest == self.digest) {
            return Ok(Version::new(latest.id, self.digest, graph));
        }
        let id = DagVersionId::mint(self.now, self.inner.random());
        let row = VersionRow {
            id,
            tenant: tenant.clone(),
            dag_id: dag_id.clone(),
            number,
            module: self.module.clone(),
            module_version: self.version,
            digest: self.digest,
            spec,
            part: None,
            created_at: self.now,
        };
        dag_version::insert(db, &row).await?;
        Ok(Version::new(id, self.digest, graph))
    }

    async fn outline(&self, db: &mut Session, graphs: &[Graph]) -> Result<Outline, StoreError> {
        let mut dags: Vec<DagId> = graphs.iter().map(|graph| graph.spec().dag_id.clone()).collect();
        dags.sort_unstable();
        let mut uses = Uses::default();
        for spec in graphs.iter().map(Graph::spec) {
            // Most tasks declare nothing of their own.
            let of_tasks = spec.tasks.iter().map(|task| &task.uses).filter(|uses| **uses != Uses::default());
            for declared in std::iter::once(&spec.uses).chain(of_tasks) {
                uses = uses.union(declared);
            }
        }
        let mut warnings = self.warnings(db, &uses).await?;
        warnings.extend(self.pool_warnings(db, graphs).await?);
        warnings.truncate(MAX_WARNINGS);
        Ok(Outline { dags, uses, warnings })
    }

    /// Names that are used and not there yet.
    async fn warnings(&self, db: &mut Session, uses: &Uses) -> Result<Vec<String>, StoreError> {
        let tenant = &self.tenant.name;
        let variables: BTreeSet<String> = variable::keys(db, tenant, "").await?.into_iter().collect();
        let connections: BTreeSet<String> = connection::ids(db, tenant).await?.into_iter().collect();
        let missing = |kind: &'static str, used: &[String], there: &BTreeSet<String>| -> Vec<String> {
            let missing = used.iter().filter(|name| !name.ends_with('*') && !there.contains(*name));
            missing.map(|name| format!("{kind} {name:?} is used and does not exist yet")).collect()
        };
        let mut warnings = missing("variable", &uses.variables, &variables);
        warnings.extend(missing("connection", &uses.connections, &connections));
        Ok(warnings)
    }

    /// Pools that are named and not there yet.
    async fn pool_warnings(&self, db: &mut Session, graphs: &[Graph]) -> Result<Vec<String>, StoreError> {
        let named: BTreeSet<PoolName> =
            graphs.iter().flat_map(|graph| admission::pools_of(graph.spec()).into_keys()).collect();
        if named.is_empty() {
            return Ok(Vec::new());
        }
        let there = slot_pool::named(db, &self.tenant.name, &named).await?;
        let missing = named.iter().filter(|name| !there.iter().any(|pool| pool.name == **name));
        Ok(missing.map(|name| format!("pool {:?} is used and does not exist yet", name.as_str())).collect())
    }
}

/// The description that the attempt ended with, or why there is none.
fn described(end: AttemptEnd) -> Result<String, Refusal> {
    match end {
        AttemptEnd::Parsed { dags } => Ok(dags),
        AttemptEnd::Failed(failure) => Err(failed(failure)),
        AttemptEnd::Success { .. }
        | AttemptEnd::Branch { .. }
        | AttemptEnd::ShortCircuit { .. }
        | AttemptEnd::Skipped { .. }
        | AttemptEnd::Deferred(_)
        | AttemptEnd::Reschedule { .. }
        | AttemptEnd::AwaitingInput { .. }
        | AttemptEnd::Pending { .. }
        | AttemptEnd::Fired { .. }
        | AttemptEnd::NextRun(_) => {
            Err("the worker reported the end of a task where a parse was asked for".to_owned().into())
        }
    }
}

fn failed(failure: Failure) -> Refusal {
    let message = match failure.class {
        ErrorClass::Error | ErrorClass::Fatal => failure.message,
        class => format!("the module could not describe its DAGs ({}): {}", class.code(), failure.message),
    };
    let file = failure.location.map(|at| match at.line {
        Some(line) => format!("{}:{line}", at.file),
        None => at.file,
    });
    Refusal { message, file }
}
