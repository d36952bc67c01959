//! How many uploads may be under way, so that neither one tenant nor all together take the server's memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use flow_model::ids::TenantId;

use crate::http::Problem;

/// How long one component may take to arrive.
pub(crate) const UPLOAD_TIME: Duration = Duration::from_mins(10);

/// Uploads of one tenant at once.
const PER_TENANT: usize = 4;

/// Uploads of all tenants at once.
const IN_ALL: usize = 16;

/// The uploads under way.
#[derive(Clone, Default)]
pub(crate) struct Uploads {
    underway: Arc<Mutex<HashMap<TenantId, usize>>>,
}

/// A place among the uploads under way; it is given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    underway: Arc<Mutex<HashMap<TenantId, usize>>>,
    tenant: TenantId,
}

impl Uploads {
    /// Takes a place for an upload of `tenant`, or answers 429 or 503.
    pub(crate) fn enter(&self, tenant: &TenantId) -> Result<Place, Problem> {
        let mut underway = self.underway.lock().unwrap_or_else(PoisonError::into_inner);
        if underway.get(tenant).is_some_and(|own| *own >= PER_TENANT) {
            let detail = format!("{PER_TENANT} uploads of this tenant are under way: wait for one to end");
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "quota", detail));
        }
        if underway.values().sum::<usize>() >= IN_ALL {
            let detail = "too many uploads are under way: try again";
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail));
        }
        *underway.entry(tenant.clone()).or_default() += 1;
        Ok(Place { underway: Arc::clone(&self.underway), tenant: tenant.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut underway = self.underway.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = underway.get_mut(&self.tenant) {
            *own -= 1;
            if *own == 0 {
                underway.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tenant_cannot_take_all_places_and_places_come_back() {
        let uploads = Uploads::default();
        let name = |n: usize| format!("t{n}").parse::<TenantId>().expect("a good name");
        let mut held: Vec<_> = (0..PER_TENANT).map(|_| uploads.enter(&name(0)).expect("a free place")).collect();
        assert_eq!(uploads.enter(&name(0)).expect_err("full").status(), StatusCode::TOO_MANY_REQUESTS);
        held.extend((PER_TENANT..IN_ALL).map(|n| uploads.enter(&name(n)).expect("a free place")));
        assert_eq!(uploads.enter(&name(99)).expect_err("full").status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(held);
        assert!(uploads.enter(&name(0)).is_ok());
        assert!(uploads.underway.lock().expect("not poisoned").is_empty(), "nothing is kept of who has gone");
    }
}
