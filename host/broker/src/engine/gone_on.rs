//! DAGs whose runs may have waited for each other.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use flow_model::ids::{DagId, TenantId};

/// DAGs of which a run has gone on that others may wait for. A hint that is lost costs time: all that are held are looked at
/// now and then.
#[derive(Default)]
pub(crate) struct GoneOn(Mutex<BTreeSet<(TenantId, DagId)>>);

impl GoneOn {
    /// Those of them since the last call.
    pub(crate) fn take(&self) -> BTreeSet<(TenantId, DagId)> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn note(&self, dags: BTreeSet<(TenantId, DagId)>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(dags);
    }
}
