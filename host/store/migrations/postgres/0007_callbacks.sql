-- Deadlines that have not been met, and callbacks.

-- Its subject is a run, a task (`task:ID`) or a group (`group:ID`) of it. One that was met is removed.
CREATE TABLE deadline (
    run_key TEXT NOT NULL,
    subject TEXT NOT NULL,
    ordinal BIGINT NOT NULL,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    missed_at BIGINT,
    PRIMARY KEY (run_key, subject, ordinal)
);

CREATE INDEX deadline_due ON deadline (due_at) WHERE missed_at IS NULL;
CREATE INDEX deadline_of_tenant ON deadline (tenant, due_at);

-- What runs after something has happened. As long as it is queued there is a piece of work for it.
CREATE TABLE callback (
    id TEXT NOT NULL,
    tenant TEXT NOT NULL,
    run_key TEXT NOT NULL,
    version TEXT NOT NULL,
    task_index BIGINT,
    event TEXT NOT NULL,
    function TEXT NOT NULL,
    arguments TEXT NOT NULL,
    happening TEXT NOT NULL,
    retries BIGINT NOT NULL,
    state TEXT NOT NULL,
    try_number BIGINT NOT NULL,
    losses BIGINT NOT NULL,
    error_class TEXT,
    error_message TEXT,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    PRIMARY KEY (id),
    CHECK (state IN ('queued', 'success', 'failed')),
    CHECK ((ended_at IS NULL) = (state = 'queued'))
);

CREATE INDEX callback_of_run ON callback (tenant, run_key, id);
