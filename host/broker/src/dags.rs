//! DAGs, their labels and how their runs stand, as people read them.

use std::collections::BTreeMap;
use std::time::Duration;

use flow_model::dag::{DagSpec, ScheduleSpec};
use flow_model::ids::{DagId, TenantId};
use flow_model::rest::dag_stats::{DagStats, StateCount};
use flow_model::rest::dag_versions::DagVersion;
use flow_model::rest::dags::{Dag, DagDetails, DagFilter, NextDagRun, Timing};
use flow_model::rest::{Names, Page, PageRequest};
use flow_model::state::RunState;
use flow_model::timetable::NextRun;
use flow_store::dag::DagRow;
use flow_store::view::dags::Listed;
use flow_store::{Session, StoreError, dag, dag_favorite, run, view};

use crate::assets::shown_condition;
use crate::error::{Actor, ServiceError};
use crate::local::LocalBroker;
use crate::schedules::{next_run, preview};

impl LocalBroker {
    /// The DAGs that match `filter`. Favorites are those of the caller.
    pub async fn dags(
        &self,
        caller: &Actor,
        filter: &DagFilter,
        page: &PageRequest,
    ) -> Result<Page<Dag>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let found = view::dags::list(&mut db, &caller.tenant, (filter, &caller.name), page).await?;
        let mut entries = Vec::with_capacity(found.entries.len());
        for listed in found.entries {
            entries.push(self.completed(&mut db, &caller.tenant, listed).await?);
        }
        Ok(Page { entries, total: found.total })
    }

    /// One DAG.
    pub async fn dag(&self, tenant: &TenantId, dag: &DagId) -> Result<Dag, ServiceError> {
        let mut db = self.inner.store.read().await?;
        self.shown_dag(&mut db, tenant, dag).await
    }

    async fn shown_dag(&self, db: &mut Session, tenant: &TenantId, dag: &DagId) -> Result<Dag, ServiceError> {
        let found = view::dags::get(db, tenant, dag).await?.ok_or_else(|| ServiceError::not_found("DAG", dag))?;
        Ok(self.completed(db, tenant, found).await?)
    }

    /// A DAG with what its version says of it. One that is paused shows the run that would come next if it were not, which
    /// moves on with the time, as in Airflow.
    async fn completed(&self, db: &mut Session, tenant: &TenantId, listed: Listed) -> Result<Dag, StoreError> {
        let Listed { mut dag, version } = listed;
        let version = self.inner.engine.versions.get(db, tenant, version).await?;
        let spec = version.graph.spec();
        dag.timing = Timing::from(spec);
        if dag.is_paused && !dag.is_stale && spec.schedule.is_some() {
            let last = run::last_scheduled(db, tenant, &dag.dag_id).await?;
            let next = next_run(&version, last, self.now());
            let interval = next.map(|next| next.interval);
            dag.next_dagrun_run_after = next.map(|next| next.run_after);
            dag.next_dagrun_logical_date = interval.map(|interval| interval.start);
            dag.next_dagrun_data_interval_start = interval.map(|interval| interval.start);
            dag.next_dagrun_data_interval_end = interval.map(|interval| interval.end);
        }
        Ok(dag)
    }

    /// One DAG with everything that is known of it, and whether it is one of the caller's favorites.
    pub async fn dag_details(&self, caller: &Actor, dag: &DagId) -> Result<DagDetails, ServiceError> {
        let tenant = &caller.tenant;
        let mut db = self.inner.store.read().await?;
        let row = known_dag(&mut db, tenant, dag).await?;
        let version = self.inner.engine.versions.get(&mut db, tenant, row.version).await?;
        let shown = self.shown_dag(&mut db, tenant, dag).await?;
        let latest = view::dag_versions::latest(&mut db, tenant, dag).await?;
        let asset_expression = shown_condition(&mut db, tenant, version.graph.spec()).await?;
        let is_favorite = dag_favorite::is(&mut db, tenant, &caller.name, dag).await?;
        let runs = run::counts(&mut db, tenant, dag).await?;
        let running = runs.into_iter().find(|(state, _)| *state == RunState::Running);
        let active_runs_count = running.map_or(0, |(_, count)| count);
        Ok(DagDetails {
            asset_expression,
            is_favorite,
            active_runs_count,
            ..details(shown, version.graph.spec(), latest)
        })
    }

    /// The runs that a DAG's schedule will make, at most `count`, as if the DAG were not paused. Where a module has to be
    /// asked, no more than the next one is known.
    pub async fn next_runs(
        &self,
        tenant: &TenantId,
        dag: &DagId,
        count: u32,
    ) -> Result<Page<NextDagRun>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let row = known_dag(&mut db, tenant, dag).await?;
        let version = self.inner.engine.versions.get(&mut db, tenant, row.version).await?;
        let last = run::last_scheduled(&mut db, tenant, dag).await?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let mut runs = preview(&version, last, self.now(), count);
        if runs.is_empty() {
            runs.extend(row.next.into_iter().take(count));
        }
        let shown = |run: NextRun| NextDagRun {
            logical_date: run.interval.start,
            data_interval_start: run.interval.start,
            data_interval_end: run.interval.end,
            run_after: run.run_after,
        };
        Ok(Page { total: runs.len() as u64, entries: runs.into_iter().map(shown).collect() })
    }

    /// The labels of the tenant's DAGs among `names`, each once.
    pub async fn dag_tags(
        &self,
        tenant: &TenantId,
        names: Names<'_>,
        page: &PageRequest,
    ) -> Result<Page<String>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        Ok(view::dags::tags(&mut db, tenant, names, page).await?)
    }

    /// How many runs of these DAGs, or of all, are in each state. A DAG that never ran is left out, as in Airflow.
    pub async fn dag_stats(&self, tenant: &TenantId, dags: &[DagId]) -> Result<Page<DagStats>, ServiceError> {
        let mut db = self.inner.store.read().await?;
        let mut stats: BTreeMap<DagId, Vec<StateCount>> = BTreeMap::new();
        for (dag, state, count) in view::dag_stats::counts(&mut db, tenant, dags).await? {
            let none = || RunState::ALL.iter().map(|&state| StateCount { state, count: 0 }).collect();
            let counts = stats.entry(dag).or_insert_with(none);
            counts.iter_mut().filter(|one| one.state == state).for_each(|one| one.count = count);
        }
        let shown = |(dag_id, stats): (DagId, _)| DagStats { dag_display_name: dag_id.to_string(), dag_id, stats };
        let entries: Vec<DagStats> = stats.into_iter().map(shown).collect();
        Ok(Page { total: entries.len() as u64, entries })
    }
}

/// The DAG, which must be the tenant's.
pub(crate) async fn known_dag(db: &mut Session, tenant: &TenantId, dag: &DagId) -> Result<DagRow, ServiceError> {
    dag::find(db, tenant, dag).await?.ok_or_else(|| ServiceError::not_found("DAG", dag))
}

fn details(dag: Dag, spec: &DagSpec, latest: Option<DagVersion>) -> DagDetails {
    let timezone = spec.schedule.as_ref().map_or("UTC", ScheduleSpec::timezone);
    DagDetails {
        catchup: spec.catchup,
        dag_run_timeout: spec.dagrun_timeout_ms.map(|timeout| Duration::from_millis(timeout).into()),
        asset_expression: None,
        doc_md: spec.doc_md.clone(),
        start_date: spec.start_date,
        end_date: spec.end_date,
        is_paused_upon_creation: Some(spec.is_paused_upon_creation),
        params: spec.params.clone(),
        fail_fast: spec.fail_fast,
        rerun_with_latest_version: spec.rerun_with_latest_version,
        render_template_as_native_obj: false,
        template_search_path: None,
        timezone: Some(timezone.to_owned()),
        last_parsed: dag.last_parsed_time,
        default_args: None,
        owner_links: None,
        is_favorite: false,
        active_runs_count: 0,
        concurrency: dag.max_active_tasks,
        latest_dag_version: latest,
        dag,
    }
}
