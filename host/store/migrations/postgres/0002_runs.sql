-- DAGs, their versions, their runs, and the queue of claimable work.
--
-- Instants are milliseconds since 1970 in UTC. Every row carries its tenant. No foreign keys: these tables are written
-- many times per task, and whoever deletes a run or a DAG deletes explicitly. Tables whose rows change in place leave
-- room on their pages, so that a change finds space beside the old row and no index is touched.

CREATE TABLE dag (
    tenant TEXT NOT NULL,
    dag_id TEXT NOT NULL,
    version TEXT NOT NULL,
    module TEXT NOT NULL,
    description TEXT,
    tags TEXT NOT NULL,
    schedule TEXT,
    is_paused BOOLEAN NOT NULL,
    is_stale BOOLEAN NOT NULL,
    parsed_at BIGINT NOT NULL,
    next_run_at BIGINT,
    next_interval_start BIGINT,
    next_interval_end BIGINT,
    PRIMARY KEY (tenant, dag_id),
    CHECK (next_run_at IS NULL OR (next_interval_start IS NOT NULL AND next_interval_end IS NOT NULL))
);

CREATE INDEX dag_due ON dag (next_run_at) WHERE next_run_at IS NOT NULL;

CREATE TABLE dag_version (
    id TEXT NOT NULL,
    tenant TEXT NOT NULL,
    dag_id TEXT NOT NULL,
    number BIGINT NOT NULL,
    module TEXT NOT NULL,
    module_version BIGINT NOT NULL,
    digest TEXT NOT NULL,
    spec TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (id),
    CHECK (number >= 1)
);

CREATE UNIQUE INDEX dag_version_number ON dag_version (tenant, dag_id, number);

CREATE TABLE dag_run (
    run_key TEXT NOT NULL,
    tenant TEXT NOT NULL,
    dag_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    version TEXT NOT NULL,
    state TEXT NOT NULL,
    run_type TEXT NOT NULL,
    logical_date BIGINT,
    data_interval_start BIGINT,
    data_interval_end BIGINT,
    run_after BIGINT NOT NULL,
    queued_at BIGINT NOT NULL,
    start_date BIGINT,
    end_date BIGINT,
    triggered_by TEXT NOT NULL,
    triggering_user TEXT,
    unfinished BIGINT NOT NULL,
    failed_leaves BIGINT NOT NULL,
    note TEXT,
    PRIMARY KEY (run_key),
    CHECK (state IN ('queued', 'running', 'success', 'failed')),
    CHECK (run_type IN ('manual', 'scheduled')),
    CHECK (unfinished >= 0 AND failed_leaves >= 0),
    CHECK ((end_date IS NOT NULL) = (state IN ('success', 'failed')))
) WITH (fillfactor = 70);

CREATE UNIQUE INDEX dag_run_id ON dag_run (tenant, dag_id, run_id);
CREATE UNIQUE INDEX dag_run_logical_date ON dag_run (tenant, dag_id, logical_date);
CREATE INDEX dag_run_state ON dag_run (tenant, dag_id, state, logical_date);
CREATE INDEX dag_run_of_dag ON dag_run (tenant, dag_id, run_key);
CREATE INDEX dag_run_of_tenant ON dag_run (tenant, run_key);
CREATE INDEX dag_run_active ON dag_run (tenant, state) WHERE state IN ('queued', 'running');

-- A configuration can be large and never changes, a run's row is small and changes with every task: apart, so that no
-- change rewrites the configuration. A run without one has no row here.
CREATE TABLE dag_run_conf (
    run_key TEXT NOT NULL,
    tenant TEXT NOT NULL,
    conf TEXT NOT NULL,
    PRIMARY KEY (run_key)
);

CREATE TABLE task_instance (
    run_key TEXT NOT NULL,
    task_index BIGINT NOT NULL,
    map_index BIGINT NOT NULL,
    tenant TEXT NOT NULL,
    task_id TEXT NOT NULL,
    state TEXT NOT NULL,
    attempt TEXT,
    due_at BIGINT,
    try_number BIGINT NOT NULL,
    max_tries BIGINT NOT NULL,
    losses BIGINT NOT NULL,
    up_success BIGINT NOT NULL,
    up_failed BIGINT NOT NULL,
    up_skipped BIGINT NOT NULL,
    up_upstream_failed BIGINT NOT NULL,
    queued_at BIGINT,
    start_date BIGINT,
    end_date BIGINT,
    worker TEXT,
    error_class TEXT,
    error_message TEXT,
    progress DOUBLE PRECISION,
    cpu_us BIGINT,
    wall_us BIGINT,
    peak_memory BIGINT,
    note TEXT,
    PRIMARY KEY (run_key, task_index, map_index),
    CHECK (
        state IN ('none', 'queued', 'running', 'up_for_retry', 'success', 'failed', 'skipped', 'upstream_failed')
    ),
    CHECK ((attempt IS NOT NULL) = (state IN ('queued', 'running', 'up_for_retry'))),
    CHECK ((due_at IS NOT NULL) = (state = 'up_for_retry')),
    CHECK (try_number >= 0 AND max_tries >= 0 AND losses >= 0),
    CHECK (up_success >= 0 AND up_failed >= 0 AND up_skipped >= 0 AND up_upstream_failed >= 0)
) WITH (fillfactor = 70);

-- The tries of a task instance before its present or last one.
CREATE TABLE task_try (
    run_key TEXT NOT NULL,
    task_index BIGINT NOT NULL,
    map_index BIGINT NOT NULL,
    try_number BIGINT NOT NULL,
    tenant TEXT NOT NULL,
    state TEXT NOT NULL,
    queued_at BIGINT,
    start_date BIGINT,
    end_date BIGINT,
    worker TEXT,
    error_class TEXT,
    error_message TEXT,
    cpu_us BIGINT,
    wall_us BIGINT,
    peak_memory BIGINT,
    PRIMARY KEY (run_key, task_index, map_index, try_number),
    CHECK (try_number >= 1)
);

-- Work that is claimable (it has a turn and no worker), delayed (it has no turn), or leased (it has a worker). The row of
-- an attempt is what makes the attempt count: without it the attempt is fenced.
CREATE TABLE work (
    attempt TEXT NOT NULL,
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    run_key TEXT,
    task_index BIGINT,
    map_index BIGINT,
    try_number BIGINT NOT NULL,
    module TEXT,
    module_version BIGINT,
    turn BIGINT,
    available_at BIGINT NOT NULL,
    worker TEXT,
    lease_until BIGINT,
    PRIMARY KEY (attempt),
    CHECK (
        (kind = 'task' AND run_key IS NOT NULL AND task_index IS NOT NULL AND map_index IS NOT NULL AND module IS NULL
            AND module_version IS NULL)
        OR (kind = 'parse' AND run_key IS NULL AND task_index IS NULL AND map_index IS NULL AND module IS NOT NULL
            AND module_version IS NOT NULL)
    ),
    CHECK ((worker IS NULL) = (lease_until IS NULL)),
    CHECK (worker IS NULL OR turn IS NOT NULL)
) WITH (fillfactor = 70);

CREATE INDEX work_claimable ON work (turn, tenant) WHERE worker IS NULL AND turn IS NOT NULL;
CREATE INDEX work_delayed ON work (available_at) WHERE turn IS NULL;
CREATE INDEX work_leased ON work (lease_until) WHERE worker IS NOT NULL;

CREATE TABLE xcom (
    run_key TEXT NOT NULL,
    task_index BIGINT NOT NULL,
    map_index BIGINT NOT NULL,
    key TEXT NOT NULL,
    tenant TEXT NOT NULL,
    value TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (run_key, task_index, map_index, key)
);

-- What attempts logged, in the pieces in which it arrived. The owner is a run's key, or `module:NAME@VERSION` for the
-- log of a parse. Lines are JSON objects, one a line.
CREATE TABLE log_chunk (
    tenant TEXT NOT NULL,
    owner TEXT NOT NULL,
    task_index BIGINT NOT NULL,
    map_index BIGINT NOT NULL,
    try_number BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    attempt TEXT NOT NULL,
    lines TEXT NOT NULL,
    PRIMARY KEY (tenant, owner, task_index, map_index, try_number, seq)
);

-- Processes that schedule or run work. `instance` is the installation that an in-process job belongs to.
CREATE TABLE job (
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    hostname TEXT NOT NULL,
    instance TEXT,
    start_date BIGINT NOT NULL,
    latest_heartbeat BIGINT NOT NULL,
    end_date BIGINT,
    PRIMARY KEY (id),
    CHECK (state IN ('running', 'success', 'failed')),
    CHECK ((end_date IS NULL) = (state = 'running'))
);

CREATE INDEX job_running ON job (instance) WHERE state = 'running';
