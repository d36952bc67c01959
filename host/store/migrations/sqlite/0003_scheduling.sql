-- All of Airflow's task instance states, mapped tasks, waiting without a slot, and every kind of user code as work.
--
-- Tables whose checks change are copied. What the scheduler's rules count is one JSON object per row, which only they read.

CREATE TABLE task_instance_next (
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
    seen TEXT NOT NULL,
    skips TEXT,
    length BIGINT,
    wait TEXT,
    spent_ms BIGINT NOT NULL,
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
    item TEXT,
    map_label TEXT,
    note TEXT,
    PRIMARY KEY (run_key, task_index, map_index),
    CHECK (
        state IN ('none', 'scheduled', 'queued', 'running', 'up_for_retry', 'up_for_reschedule', 'deferred',
            'awaiting_input', 'success', 'failed', 'skipped', 'upstream_failed', 'removed')
    ),
    CHECK (
        (attempt IS NOT NULL)
        = (state IN ('queued', 'running', 'up_for_retry', 'up_for_reschedule', 'deferred', 'awaiting_input'))
    ),
    CHECK ((due_at IS NOT NULL) = (state IN ('up_for_retry', 'up_for_reschedule'))),
    CHECK (map_index >= -1 AND try_number >= 0 AND max_tries >= 0 AND losses >= 0 AND spent_ms >= 0 AND length >= 0)
) WITHOUT ROWID;

INSERT INTO task_instance_next (run_key, task_index, map_index, tenant, task_id, state, attempt, due_at, try_number,
    max_tries, losses, seen, spent_ms, queued_at, start_date, end_date, worker, error_class, error_message, progress,
    cpu_us, wall_us, peak_memory, note)
SELECT run_key, task_index, map_index, tenant, task_id, state, attempt, due_at, try_number, max_tries, losses,
    json_object('success', up_success, 'failed', up_failed, 'skipped', up_skipped, 'upstream_failed', up_upstream_failed),
    0, queued_at, start_date, end_date, worker, error_class, error_message, progress, cpu_us, wall_us, peak_memory, note
FROM task_instance;

DROP TABLE task_instance;
ALTER TABLE task_instance_next RENAME TO task_instance;

-- A mapped task of a run, once it is known how many instances it has. What it has seen of the upstream that its instances
-- share is kept here once for all of them, and how they ended is counted, so that a join of thousands costs one row.
CREATE TABLE expansion (
    run_key TEXT NOT NULL,
    task_index BIGINT NOT NULL,
    tenant TEXT NOT NULL,
    facts TEXT NOT NULL,
    PRIMARY KEY (run_key, task_index)
) WITHOUT ROWID;

CREATE TABLE dag_run_next (
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
    timeout_at BIGINT,
    triggered_by TEXT NOT NULL,
    triggering_user TEXT,
    tally TEXT NOT NULL,
    held BOOLEAN NOT NULL,
    note TEXT,
    PRIMARY KEY (run_key),
    CHECK (state IN ('queued', 'running', 'success', 'failed')),
    CHECK (
        run_type IN ('manual', 'scheduled', 'backfill', 'operator_triggered', 'asset_triggered', 'asset_materialization')
    ),
    CHECK ((end_date IS NOT NULL) = (state IN ('success', 'failed')))
) WITHOUT ROWID;

INSERT INTO dag_run_next (run_key, tenant, dag_id, run_id, version, state, run_type, logical_date, data_interval_start,
    data_interval_end, run_after, queued_at, start_date, end_date, triggered_by, triggering_user, tally, held, note)
SELECT run_key, tenant, dag_id, run_id, version, state, run_type, logical_date, data_interval_start, data_interval_end,
    run_after, queued_at, start_date, end_date, triggered_by, triggering_user,
    json_object('unfinished', unfinished, 'failed_leaves', failed_leaves), false, note
FROM dag_run;

DROP TABLE dag_run;
ALTER TABLE dag_run_next RENAME TO dag_run;

CREATE UNIQUE INDEX dag_run_id ON dag_run (tenant, dag_id, run_id);
CREATE UNIQUE INDEX dag_run_logical_date ON dag_run (tenant, dag_id, logical_date);
CREATE INDEX dag_run_state ON dag_run (tenant, dag_id, state, logical_date);
CREATE INDEX dag_run_of_dag ON dag_run (tenant, dag_id, run_key);
CREATE INDEX dag_run_of_tenant ON dag_run (tenant, run_key);
CREATE INDEX dag_run_active ON dag_run (tenant, state) WHERE state IN ('queued', 'running');
CREATE INDEX dag_run_timeout ON dag_run (timeout_at) WHERE timeout_at IS NOT NULL AND state = 'running';
CREATE INDEX dag_run_held ON dag_run (tenant, dag_id, run_key) WHERE held;

-- Besides tasks and parses: looking for what a deferred task instance waits for (`trigger` in a sandbox, `wait` by the host
-- itself), asking a timetable, running a callback. `payload` says what to run where no other row does.
CREATE TABLE work_next (
    attempt TEXT NOT NULL,
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    run_key TEXT,
    task_index BIGINT,
    map_index BIGINT,
    try_number BIGINT NOT NULL,
    module TEXT,
    module_version BIGINT,
    dag_id TEXT,
    payload TEXT,
    turn BIGINT,
    available_at BIGINT NOT NULL,
    worker TEXT,
    lease_until BIGINT,
    PRIMARY KEY (attempt),
    CHECK (kind IN ('task', 'parse', 'trigger', 'wait', 'timetable', 'callback')),
    CHECK (
        (kind IN ('task', 'trigger', 'wait'))
        = (run_key IS NOT NULL AND task_index IS NOT NULL AND map_index IS NOT NULL AND module IS NULL)
    ),
    CHECK ((kind = 'parse') = (module IS NOT NULL)),
    CHECK ((module IS NULL) = (module_version IS NULL)),
    CHECK ((kind IN ('timetable', 'callback')) = (dag_id IS NOT NULL)),
    CHECK (payload IS NULL OR kind IN ('task', 'callback', 'timetable')),
    CHECK (payload IS NOT NULL OR kind <> 'callback'),
    CHECK ((worker IS NULL) = (lease_until IS NULL)),
    CHECK (worker IS NULL OR turn IS NOT NULL)
) WITHOUT ROWID;

INSERT INTO work_next (attempt, tenant, kind, run_key, task_index, map_index, try_number, module, module_version, turn,
    available_at, worker, lease_until)
SELECT attempt, tenant, kind, run_key, task_index, map_index, try_number, module, module_version, turn, available_at,
    worker, lease_until FROM work;

DROP TABLE work;
ALTER TABLE work_next RENAME TO work;

CREATE INDEX work_claimable ON work (turn, tenant) WHERE worker IS NULL AND turn IS NOT NULL;
CREATE INDEX work_delayed ON work (available_at) WHERE turn IS NULL;
CREATE INDEX work_leased ON work (lease_until) WHERE worker IS NOT NULL;
CREATE INDEX work_timetable ON work (tenant, dag_id) WHERE kind = 'timetable';
