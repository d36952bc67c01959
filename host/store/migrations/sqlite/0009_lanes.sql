-- What is taken of a limit is added up from its index alone. Without the counts in it, SQLite reads every lane of the tenant
-- instead, those that only wait included.
DROP INDEX lane_taken;
CREATE INDEX lane_taken ON lane (tenant, limit_key, weight, queued, running, deferred, awaiting_input)
    WHERE queued > 0 OR running > 0 OR deferred > 0 OR awaiting_input > 0;
