-- Questions to people, with their answers. One per wait: `attempt` is that of the wait, which no longer counts once it is
-- over. A question that nobody answered in time may have its defaults for an answer, and then nobody who gave it.
CREATE TABLE human_input (
    attempt TEXT NOT NULL,
    tenant TEXT NOT NULL,
    run_key TEXT NOT NULL,
    task_index BIGINT NOT NULL,
    map_index BIGINT NOT NULL,
    try_number BIGINT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT,
    options TEXT NOT NULL,
    defaults TEXT,
    multiple BOOLEAN NOT NULL,
    params TEXT NOT NULL,
    assigned_users TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    response_until BIGINT,
    responded_at BIGINT,
    responded_by TEXT,
    chosen_options TEXT,
    params_input TEXT,
    PRIMARY KEY (attempt),
    CHECK ((chosen_options IS NOT NULL) = (responded_at IS NOT NULL)),
    CHECK ((params_input IS NOT NULL) = (responded_at IS NOT NULL)),
    CHECK (responded_by IS NULL OR responded_at IS NOT NULL)
);

CREATE INDEX human_input_of_task ON human_input (run_key, task_index, map_index, try_number, attempt);
CREATE INDEX human_input_of_tenant ON human_input (tenant, created_at);
CREATE INDEX human_input_open ON human_input (tenant, created_at) WHERE responded_at IS NULL;
