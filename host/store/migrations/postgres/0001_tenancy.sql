-- The same tables as in migrations/sqlite, whose comments say what they are for.
--
-- Three things differ: BYTEA for BLOB, how rows are counted, and COLLATE "C" for names, which is how SQLite sorts.

CREATE TABLE tenant (
    name        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    description TEXT,
    quota       TEXT NOT NULL,
    policy      TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    CONSTRAINT tenant_name_given CHECK (name <> '')
);

CREATE TABLE member (
    tenant        TEXT NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    username      TEXT COLLATE "C" NOT NULL,
    role          TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    PRIMARY KEY (tenant, username),
    CONSTRAINT member_role_valid CHECK (role IN ('viewer', 'user', 'op', 'admin'))
);

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

CREATE TABLE signing_key (
    kid            TEXT NOT NULL PRIMARY KEY,
    master_kid     TEXT NOT NULL,
    private_sealed BYTEA NOT NULL,
    public_key     BYTEA NOT NULL,
    created_at     BIGINT NOT NULL,
    retired_at     BIGINT
);

CREATE TABLE data_key (
    tenant     TEXT NOT NULL PRIMARY KEY REFERENCES tenant (name) ON DELETE CASCADE,
    master_kid TEXT NOT NULL,
    wrapped    BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE variable (
    tenant       TEXT NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    var_key      TEXT COLLATE "C" NOT NULL,
    value_sealed BYTEA NOT NULL,
    description  TEXT,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    PRIMARY KEY (tenant, var_key)
);

CREATE TABLE connection (
    tenant          TEXT NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    conn_id         TEXT COLLATE "C" NOT NULL,
    conn_type       TEXT NOT NULL,
    description     TEXT,
    host            TEXT,
    port            BIGINT,
    db_schema       TEXT,
    login           TEXT,
    password_sealed BYTEA,
    extra_sealed    BYTEA,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    PRIMARY KEY (tenant, conn_id),
    CONSTRAINT connection_port_valid CHECK (port BETWEEN 0 AND 65535)
);

CREATE TABLE blob (
    digest     TEXT NOT NULL PRIMARY KEY,
    size       BIGINT NOT NULL,
    bytes      BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT blob_size_valid CHECK (size > 0)
);

CREATE TABLE module (
    tenant          TEXT NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    name            TEXT COLLATE "C" NOT NULL,
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

CREATE TABLE import_error (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant      TEXT NOT NULL,
    module      TEXT NOT NULL,
    version     BIGINT NOT NULL,
    occurred_at BIGINT NOT NULL,
    filename    TEXT NOT NULL,
    message     TEXT NOT NULL,
    UNIQUE (tenant, module),
    FOREIGN KEY (tenant, module) REFERENCES module (tenant, name) ON DELETE CASCADE
);

CREATE TABLE event_log (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
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

CREATE TABLE task_state (
    run_key    TEXT NOT NULL,
    task_index BIGINT NOT NULL,
    map_index  BIGINT NOT NULL,
    key        TEXT NOT NULL,
    tenant     TEXT NOT NULL,
    value      TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (run_key, task_index, map_index, key)
);
