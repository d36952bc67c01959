-- What people and programs keep of an asset besides its events, by key.
CREATE TABLE asset_state (
    asset_id   BIGINT NOT NULL REFERENCES asset (id) ON DELETE CASCADE,
    key        TEXT NOT NULL,
    tenant     TEXT NOT NULL REFERENCES tenant (name) ON DELETE CASCADE,
    value      TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (asset_id, key)
) WITHOUT ROWID;
