-- From when on cleaning may remove what a task instance remembers; never if it is null.
ALTER TABLE task_state ADD COLUMN expires_at BIGINT;

CREATE INDEX task_state_expiring ON task_state (expires_at) WHERE expires_at IS NOT NULL;

-- The DAGs that a person or a program wants to find first.
CREATE TABLE dag_favorite (
    tenant  TEXT NOT NULL,
    subject TEXT NOT NULL,
    dag_id  TEXT NOT NULL,
    PRIMARY KEY (tenant, subject, dag_id),
    FOREIGN KEY (tenant, dag_id) REFERENCES dag (tenant, dag_id) ON DELETE CASCADE
) WITHOUT ROWID;

-- What the attempts of deleted runs have used.
CREATE TABLE tenant_meter (
    tenant        TEXT NOT NULL PRIMARY KEY,
    attempts      BIGINT NOT NULL,
    cpu_us        BIGINT NOT NULL,
    wall_us       BIGINT NOT NULL,
    memory_kib_ms BIGINT NOT NULL
) WITHOUT ROWID;
