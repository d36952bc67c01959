-- Pools, and what holds task instances back that are under a limit.

-- Every tenant has default_pool. It is `counted` from the day on which somebody gave it an end: until then the task
-- instances that name no pool are under no limit at all and have no lane. Every other pool is counted.
CREATE TABLE pool (
    tenant TEXT NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    name TEXT NOT NULL,
    slots BIGINT NOT NULL,
    description TEXT,
    include_deferred BOOLEAN NOT NULL,
    counted BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, name),
    CONSTRAINT pool_slots_valid CHECK (slots >= -1),
    CONSTRAINT pool_counted CHECK (counted OR (name = 'default_pool' AND slots = -1))
);

INSERT INTO pool (tenant, name, slots, description, include_deferred, counted, created_at, updated_at)
SELECT name, 'default_pool', -1, 'Default pool', false, false, created_at, created_at FROM tenant;

-- How many instances of one task in one run wait and how many are under way: one row for each limit that they are under.
-- `weight` is what each of them takes of the limit, `allowed` how much there is of it in all; NULL where a pool says that.
-- A lane without any instance has no rows.
CREATE TABLE lane (
    tenant TEXT NOT NULL,
    run_key TEXT NOT NULL,
    task_index BIGINT NOT NULL,
    limit_key TEXT NOT NULL,
    weight BIGINT NOT NULL,
    allowed BIGINT,
    is_backfill BOOLEAN NOT NULL,
    priority BIGINT NOT NULL,
    ranked_at BIGINT NOT NULL,
    waiting BIGINT NOT NULL,
    queued BIGINT NOT NULL,
    running BIGINT NOT NULL,
    deferred BIGINT NOT NULL,
    awaiting_input BIGINT NOT NULL,
    PRIMARY KEY (tenant, run_key, task_index, limit_key),
    CHECK (weight >= 1 AND allowed >= 0),
    CHECK (waiting >= 0 AND queued >= 0 AND running >= 0 AND deferred >= 0 AND awaiting_input >= 0)
) WITH (fillfactor = 70);

CREATE INDEX lane_waiting ON lane (tenant, limit_key, is_backfill, priority DESC, ranked_at, run_key, task_index)
    WHERE waiting > 0;
CREATE INDEX lane_taken ON lane (tenant, limit_key)
    WHERE queued > 0 OR running > 0 OR deferred > 0 OR awaiting_input > 0;

-- The instances of a lane that wait, in the order in which they are admitted.
CREATE INDEX task_instance_waiting ON task_instance (run_key, task_index, map_index) WHERE state = 'scheduled';

-- Among a tenant's own work the weightier is claimed first, then what was offered earlier. `place` is the turn that it was
-- given when it was offered, `turn` the one that it has now.
ALTER TABLE work ADD COLUMN priority BIGINT NOT NULL DEFAULT 0;
ALTER TABLE work ADD COLUMN place BIGINT NOT NULL DEFAULT 0;

CREATE INDEX work_of_tenant ON work (tenant, priority DESC, place) WHERE worker IS NULL AND turn IS NOT NULL;

-- The pools that the present version of each DAG names, with the most slots that a task of it takes, so that a pool that is
-- missing or too small for it can be told of.
CREATE TABLE dag_pool (
    tenant TEXT NOT NULL,
    dag_id TEXT NOT NULL,
    pool TEXT NOT NULL,
    slots BIGINT NOT NULL,
    PRIMARY KEY (tenant, dag_id, pool),
    CHECK (slots >= 1)
);
