-- Tenants and what belongs to one: members, tokens, keys, variables, connections, modules, the audit log.
--
-- Ids and JSON are TEXT, instants BIGINT milliseconds since 1970 UTC. Deleting a tenant deletes what belongs to it.

CREATE TABLE tenant (
    name        TEXT NOT NULL PRIMARY KEY,
    description TEXT,
    quota       TEXT NOT NULL,
    policy      TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    CONSTRAINT tenant_name_given CHECK (name <> '')
);

CREATE TABLE member (
    tenant        TEXT NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    username      TEXT NOT NULL,
    role          TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    PRIMARY KEY (tenant, username),
    CONSTRAINT member_role_valid CHECK (role IN ('viewer', 'user', 'op', 'admin'))
);

-- Issued tokens, so that one can be revoked by its id. A platform administrator's and a worker's have no tenant.
CREATE TABLE token (
    jti        TEXT NOT NULL PRIMARY KEY,
    audience   TEXT NOT NULL,
    tenant     TEXT REFERENCES tenant (name) ON DELETE CASCADE,
    subject    TEXT NOT NULL,
    role       TEXT,
    scope      TEXT,
    note       TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    CONSTRAINT token_audience_valid CHECK (audience IN ('api', 'worker')),
    CONSTRAINT token_role_valid CHECK (role IN ('viewer', 'user', 'op', 'admin', 'platform-admin')),
    CONSTRAINT token_api_has_role CHECK ((audience = 'api') = (role IS NOT NULL)),
    CONSTRAINT token_worker_has_scope CHECK ((audience = 'worker') = (scope IS NOT NULL)),
    CONSTRAINT token_tenant_fits_role CHECK ((tenant IS NOT NULL) = (role IS NOT NULL AND role <> 'platform-admin')),
    CONSTRAINT token_expires_later CHECK (expires_at > created_at)
);

CREATE INDEX token_by_tenant ON token (tenant, subject);
CREATE INDEX token_by_expiry ON token (expires_at);

-- The keys that tokens are signed with; the private half is sealed under the master key.
CREATE TABLE signing_key (
    kid            TEXT NOT NULL PRIMARY KEY,
    master_kid     TEXT NOT NULL,
    private_sealed BLOB NOT NULL,
    public_key     BLOB NOT NULL,
    created_at     BIGINT NOT NULL,
    retired_at     BIGINT
);

-- One key per tenant for its secrets, wrapped under the master key that master_kid names.
CREATE TABLE data_key (
    tenant     TEXT NOT NULL PRIMARY KEY REFERENCES tenant (name) ON DELETE CASCADE,
    master_kid TEXT NOT NULL,
    wrapped    BLOB NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE variable (
    tenant       TEXT NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    var_key      TEXT NOT NULL,
    value_sealed BLOB NOT NULL,
    description  TEXT,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    PRIMARY KEY (tenant, var_key)
);

CREATE TABLE connection (
    tenant          TEXT NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    conn_id         TEXT NOT NULL,
    conn_type       TEXT NOT NULL,
    description     TEXT,
    host            TEXT,
    port            BIGINT,
    db_schema       TEXT,
    login           TEXT,
    password_sealed BLOB,
    extra_sealed    BLOB,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    PRIMARY KEY (tenant, conn_id),
    CONSTRAINT connection_port_valid CHECK (port BETWEEN 0 AND 65535)
);

-- The bytes of components, each stored once. A tenant reaches them only through a module_version of its own.
CREATE TABLE blob (
    digest     TEXT NOT NULL PRIMARY KEY,
    size       BIGINT NOT NULL,
    bytes      BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT blob_size_valid CHECK (size > 0)
);

-- current_version is the newest one whose DAGs were accepted; last_version the newest one, accepted or not.
CREATE TABLE module (
    tenant          TEXT NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    name            TEXT NOT NULL,
    current_version BIGINT,
    last_version    BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    PRIMARY KEY (tenant, name),
    CONSTRAINT module_current_exists CHECK (current_version BETWEEN 1 AND last_version),
    CONSTRAINT module_last_valid CHECK (last_version >= 1)
);

CREATE TABLE module_version (
    tenant      TEXT NOT NULL,
    module      TEXT NOT NULL,
    version     BIGINT NOT NULL,
    digest      TEXT NOT NULL REFERENCES blob (digest),
    size        BIGINT NOT NULL,
    state       TEXT NOT NULL,
    imports     TEXT NOT NULL,
    exports     TEXT NOT NULL,
    compile_ms  BIGINT NOT NULL,
    uploaded_by TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    parsed_at   BIGINT,
    outline     TEXT,
    error       TEXT,
    PRIMARY KEY (tenant, module, version),
    FOREIGN KEY (tenant, module) REFERENCES module (tenant, name) ON DELETE CASCADE,
    CONSTRAINT module_version_state_valid CHECK (state IN ('parsing', 'ready', 'failed')),
    CONSTRAINT module_version_parsed_at CHECK ((state = 'parsing') = (parsed_at IS NULL)),
    CONSTRAINT module_version_outline CHECK ((state = 'ready') = (outline IS NOT NULL)),
    CONSTRAINT module_version_error CHECK ((state = 'failed') = (error IS NOT NULL))
);

CREATE INDEX module_version_by_digest ON module_version (digest, tenant);

-- Why the newest upload of a module was not accepted; gone with the next one that is.
CREATE TABLE import_error (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant      TEXT NOT NULL,
    module      TEXT NOT NULL,
    version     BIGINT NOT NULL,
    occurred_at BIGINT NOT NULL,
    filename    TEXT NOT NULL,
    message     TEXT NOT NULL,
    UNIQUE (tenant, module),
    FOREIGN KEY (tenant, module) REFERENCES module (tenant, name) ON DELETE CASCADE
);

-- Who did what. Rows of the platform's own administration have no tenant.
CREATE TABLE event_log (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant      TEXT REFERENCES tenant (name) ON DELETE CASCADE,
    occurred_at BIGINT NOT NULL,
    event       TEXT NOT NULL,
    owner       TEXT NOT NULL,
    dag_id      TEXT,
    run_id      TEXT,
    task_id     TEXT,
    map_index   BIGINT,
    try_number  BIGINT,
    extra       TEXT
);

CREATE INDEX event_log_by_tenant ON event_log (tenant, id);

-- What a task instance remembers between its tries; see 0002_runs.sql for its key.
CREATE TABLE task_state (
    run_key    TEXT NOT NULL,
    task_index BIGINT NOT NULL,
    map_index  BIGINT NOT NULL,
    key        TEXT NOT NULL,
    tenant     TEXT NOT NULL,
    value      TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (run_key, task_index, map_index, key)
) WITHOUT ROWID;
