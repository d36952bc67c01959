//! What is known of limits while somebody is admitted: how large they are and how much of them is taken.

use std::collections::{BTreeMap, HashMap};

use flow_model::admission::{Lane, Limit, LimitKey, Need, Room};
use flow_model::ids::{PoolName, TenantId};
use flow_store::lane::{self, LaneKey, LaneRow};
use flow_store::slot_pool::{self, PoolRow};
use flow_store::{Session, StoreError};

/// See the module.
#[derive(Default)]
pub(super) struct Ledger {
    places: HashMap<LimitKey, usize>,
    taken: Vec<u64>,
    pools: HashMap<PoolName, PoolRow>,
}

impl Ledger {
    /// Looks up those of these limits that are not known yet.
    pub(super) async fn learn<'k>(
        &mut self,
        db: &mut Session,
        tenant: &TenantId,
        keys: impl IntoIterator<Item = &'k LimitKey>,
    ) -> Result<(), StoreError> {
        let mut new: Vec<LimitKey> = Vec::new();
        for key in keys {
            if !self.places.contains_key(key) {
                self.places.insert(key.clone(), self.taken.len());
                self.taken.push(0);
                new.push(key.clone());
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        if new.iter().any(|key| key.pool().is_some()) {
            let pools = slot_pool::named(db, tenant, new.iter().filter_map(LimitKey::pool)).await?;
            self.pools.extend(pools.into_iter().map(|pool| (pool.name.clone(), pool)));
        }
        for (key, standings) in lane::taken(db, tenant, &new).await? {
            let includes_deferred =
                key.pool().and_then(|pool| self.pools.get(pool)).is_some_and(|p| p.include_deferred);
            if let Some(&place) = self.places.get(&key) {
                self.taken[place] = standings.taken(&key, includes_deferred);
            }
        }
        Ok(())
    }

    /// How much is taken of each limit, by its place.
    pub(super) fn taken(&mut self) -> &mut [u64] {
        &mut self.taken
    }

    /// The limits and how much is taken of each.
    pub(super) fn known(&self) -> (Vec<LimitKey>, Vec<u64>) {
        let mut keys: Vec<(&LimitKey, usize)> = self.places.iter().map(|(key, &place)| (key, place)).collect();
        keys.sort_by_key(|&(_, place)| place);
        (keys.into_iter().map(|(key, _)| key.clone()).collect(), self.taken.clone())
    }

    /// Whether a limit leaves no room whoever asks. Other than a pool's, that is for each lane to say.
    pub(super) fn is_full(&self, key: &LimitKey) -> bool {
        let taken = self.places.get(key).map_or(0, |&place| self.taken[place]);
        key.pool().is_some_and(|pool| self.room_of(pool).is_full(taken))
    }

    fn room_of(&self, pool: &PoolName) -> Room {
        self.pools.get(pool).map_or(Room::Missing, PoolRow::room)
    }

    fn room(&self, limit: &Limit) -> Room {
        match (limit.key.pool(), limit.allowed) {
            (Some(pool), _) => self.room_of(pool),
            (None, Some(allowed)) => Room::Slots(allowed.into()),
            (None, None) => Room::Endless,
        }
    }

    /// Rows as lanes. All their limits are known.
    pub(super) fn lanes(&self, rows: Vec<LaneRow>) -> Vec<(LaneKey, Lane)> {
        let mut lanes: BTreeMap<LaneKey, Lane> = BTreeMap::new();
        for row in rows {
            let waiting = u32::try_from(row.count.waiting).unwrap_or(0);
            let lane = lanes.entry(row.lane).or_insert_with(|| Lane { rank: row.rank, waiting, needs: Vec::new() });
            let Some(&limit) = self.places.get(&row.limit.key) else { continue };
            lane.needs.push(Need { limit, weight: row.limit.weight.into(), room: self.room(&row.limit) });
        }
        lanes.into_iter().collect()
    }
}
