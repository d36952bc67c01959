-- Assets, the events of their updates, and what DAGs wait for them. The ids of assets, aliases, events and grants are
-- numbers as in Airflow, unique in the installation.

-- An asset is active as long as a DAG refers to it, or another tenant shares it with this one.
CREATE TABLE asset (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant      TEXT NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    uri         TEXT NOT NULL,
    asset_group TEXT NOT NULL,
    extra       TEXT NOT NULL,
    is_active   BOOLEAN NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);

CREATE UNIQUE INDEX asset_name ON asset (tenant, name);
CREATE UNIQUE INDEX asset_uri ON asset (tenant, uri) WHERE is_active;

CREATE TABLE asset_alias (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant      TEXT NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    alias_group TEXT NOT NULL
);

CREATE UNIQUE INDEX asset_alias_name ON asset_alias (tenant, name);

-- The assets that were updated under an alias.
CREATE TABLE asset_alias_member (
    alias_id BIGINT NOT NULL,
    asset_id BIGINT NOT NULL,
    tenant   TEXT NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    PRIMARY KEY (alias_id, asset_id)
) WITHOUT ROWID;

CREATE INDEX asset_alias_of_asset ON asset_alias_member (asset_id);

-- Which DAGs and tasks refer to which assets and aliases, by name or URI. `task_id` is empty for a DAG itself.
CREATE TABLE asset_reference (
    tenant     TEXT NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    dag_id     TEXT NOT NULL,
    kind       TEXT NOT NULL,
    target     TEXT NOT NULL,
    task_id    TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, dag_id, kind, target, task_id),
    CONSTRAINT asset_reference_kind_valid CHECK (
        kind IN ('declared', 'schedule_name', 'schedule_uri', 'schedule_alias', 'outlet', 'outlet_alias', 'inlet',
            'inlet_alias')
    )
) WITHOUT ROWID;

CREATE INDEX asset_reference_target ON asset_reference (tenant, target, kind);

CREATE TABLE asset_event (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant           TEXT NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    asset_id         BIGINT NOT NULL,
    occurred_at      BIGINT NOT NULL,
    extra            TEXT NOT NULL,
    source_dag_id    TEXT,
    source_task_id   TEXT,
    source_run_id    TEXT,
    source_map_index BIGINT NOT NULL,
    partition_key    TEXT
);

CREATE INDEX asset_event_of_asset ON asset_event (asset_id, id);
CREATE INDEX asset_event_of_tenant ON asset_event (tenant, id);
CREATE INDEX asset_event_age ON asset_event (occurred_at);

-- The aliases in whose name an event was emitted.
CREATE TABLE asset_event_alias (
    event_id BIGINT NOT NULL,
    alias_id BIGINT NOT NULL,
    tenant   TEXT NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    PRIMARY KEY (alias_id, event_id)
) WITHOUT ROWID;

CREATE INDEX asset_event_alias_of_event ON asset_event_alias (event_id);

-- What a running attempt has said of assets. It becomes events when the attempt succeeds.
CREATE TABLE asset_emission (
    run_key       TEXT NOT NULL,
    task_index    BIGINT NOT NULL,
    map_index     BIGINT NOT NULL,
    attempt       TEXT NOT NULL,
    seq           BIGINT NOT NULL,
    tenant        TEXT NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    asset         TEXT NOT NULL,
    alias         TEXT,
    partition_key TEXT,
    extra         TEXT NOT NULL,
    PRIMARY KEY (run_key, task_index, map_index, attempt, seq)
) WITHOUT ROWID;

-- DAGs that run when assets are updated. Whoever publishes an event holds the rows of those that wait for it before the
-- event gets its number, so that a run takes every event up to the highest number and none is passed over. `seen` is the
-- number of the last event that a run has taken.
CREATE TABLE asset_consumer (
    tenant      TEXT NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    dag_id      TEXT NOT NULL,
    seen        BIGINT NOT NULL,
    partitions  TEXT,
    due_at      BIGINT,
    PRIMARY KEY (tenant, dag_id)
) WITHOUT ROWID;

CREATE INDEX asset_consumer_due ON asset_consumer (due_at) WHERE due_at IS NOT NULL;

-- The assets that were updated since the last run of a DAG that waits for them.
CREATE TABLE asset_queue (
    tenant    TEXT NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    dag_id    TEXT NOT NULL,
    asset_id  BIGINT NOT NULL,
    queued_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, dag_id, asset_id)
) WITHOUT ROWID;

CREATE INDEX asset_queue_of_asset ON asset_queue (asset_id);

-- The events that a run was made for.
CREATE TABLE dag_run_asset_event (
    run_key  TEXT NOT NULL,
    event_id BIGINT NOT NULL,
    tenant   TEXT NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    PRIMARY KEY (run_key, event_id)
) WITHOUT ROWID;

CREATE INDEX dag_run_of_asset_event ON dag_run_asset_event (event_id);

-- A run to be made for one part of its DAG's assets, once enough events of that part have come. It is touched if events
-- have come since somebody looked.
CREATE TABLE partition_run (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant        TEXT NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    dag_id        TEXT NOT NULL,
    partition_key TEXT NOT NULL,
    is_touched    BOOLEAN NOT NULL,
    created_at    BIGINT NOT NULL
);

CREATE UNIQUE INDEX partition_run_key ON partition_run (tenant, dag_id, partition_key);
CREATE INDEX partition_run_touched ON partition_run (tenant, dag_id, id) WHERE is_touched;

CREATE TABLE partition_event (
    partition_run_id BIGINT NOT NULL,
    event_id         BIGINT NOT NULL,
    asset_id         BIGINT NOT NULL,
    source_key       TEXT NOT NULL,
    tenant           TEXT NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    PRIMARY KEY (partition_run_id, event_id)
) WITHOUT ROWID;

-- An asset that its owner offers to another tenant. It takes effect when that tenant accepts it, under a name of its own:
-- `local_asset_id` is that tenant's asset, which gets a copy of every event. Nobody checks whether `to_tenant` exists,
-- so that an offer says nothing about that.
CREATE TABLE asset_grant (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant         TEXT NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    asset_id       BIGINT NOT NULL,
    to_tenant      TEXT NOT NULL,
    offered_at     BIGINT NOT NULL,
    offered_by     TEXT NOT NULL,
    accepted_at    BIGINT,
    local_asset_id BIGINT,
    CONSTRAINT asset_grant_to_another CHECK (to_tenant <> tenant),
    CONSTRAINT asset_grant_accepted CHECK ((accepted_at IS NULL) = (local_asset_id IS NULL))
);

CREATE UNIQUE INDEX asset_grant_once ON asset_grant (asset_id, to_tenant);
CREATE INDEX asset_grant_incoming ON asset_grant (to_tenant);
CREATE UNIQUE INDEX asset_grant_local ON asset_grant (local_asset_id) WHERE local_asset_id IS NOT NULL;

ALTER TABLE dag_run ADD COLUMN partition_key TEXT;

CREATE INDEX dag_run_partition ON dag_run (tenant, dag_id, partition_key) WHERE partition_key IS NOT NULL;
