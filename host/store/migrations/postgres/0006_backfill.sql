-- What lists show of a DAG, how many of its runs may be active, parts of DAGs, and backfills.

ALTER TABLE dag ADD COLUMN display_name TEXT;
ALTER TABLE dag ADD COLUMN owners TEXT NOT NULL DEFAULT '[]';
ALTER TABLE dag ADD COLUMN max_active_runs BIGINT NOT NULL DEFAULT 16;
ALTER TABLE dag ADD COLUMN max_active_tasks BIGINT;
ALTER TABLE dag ADD COLUMN max_failed_runs BIGINT NOT NULL DEFAULT 0;
ALTER TABLE dag ADD COLUMN limits_tasks BOOLEAN NOT NULL DEFAULT false;

-- A part of a version of a DAG, which runs by itself, has the version's number and is no version of its own.
ALTER TABLE dag_version ADD COLUMN part TEXT;
DROP INDEX dag_version_number;
CREATE UNIQUE INDEX dag_version_number ON dag_version (tenant, dag_id, number) WHERE part IS NULL;
CREATE UNIQUE INDEX dag_version_part ON dag_version (tenant, dag_id, number, part) WHERE part IS NOT NULL;

-- Runs that wait for their DAG to have room, oldest first.
CREATE INDEX dag_run_queued ON dag_run (tenant, dag_id, run_key) WHERE state = 'queued';

-- Backfills that were asked for together have one chain; those of a higher stage wait for those of the lower ones.
CREATE TABLE backfill (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant TEXT NOT NULL,
    dag_id TEXT NOT NULL,
    chain BIGINT,
    stage BIGINT NOT NULL,
    from_date BIGINT NOT NULL,
    to_date BIGINT NOT NULL,
    conf TEXT,
    reprocess TEXT NOT NULL,
    backwards BOOLEAN NOT NULL,
    on_latest_version BOOLEAN NOT NULL,
    max_active_runs BIGINT NOT NULL,
    is_paused BOOLEAN NOT NULL,
    asked_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    completed_at BIGINT,
    CHECK (reprocess IN ('none', 'failed', 'completed')),
    CHECK (max_active_runs >= 1)
);

CREATE INDEX backfill_of_dag ON backfill (tenant, dag_id, id);
CREATE UNIQUE INDEX backfill_active ON backfill (tenant, dag_id) WHERE completed_at IS NULL;
CREATE INDEX backfill_chain ON backfill (tenant, chain, stage) WHERE completed_at IS NULL;

-- The runs of a backfill in the order in which they are made, and the DAG run that was made for each.
CREATE TABLE backfill_run (
    backfill BIGINT NOT NULL,
    ordinal BIGINT NOT NULL,
    tenant TEXT NOT NULL,
    state TEXT NOT NULL,
    run_after BIGINT NOT NULL,
    data_interval_start BIGINT NOT NULL,
    data_interval_end BIGINT NOT NULL,
    run_key TEXT,
    left_out TEXT,
    PRIMARY KEY (backfill, ordinal),
    CHECK (state IN ('waiting', 'active', 'ended', 'left_out')),
    CHECK ((run_key IS NOT NULL) = (state IN ('active', 'ended'))),
    CHECK ((left_out IS NOT NULL) = (state = 'left_out'))
);

CREATE INDEX backfill_run_open ON backfill_run (backfill, state, ordinal) WHERE state IN ('waiting', 'active');
CREATE INDEX backfill_run_made ON backfill_run (run_key) WHERE run_key IS NOT NULL;
