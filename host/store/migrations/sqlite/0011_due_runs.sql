-- By it the timekeeper finds when the next run is due that waits for its time.
CREATE INDEX dag_run_due ON dag_run (run_after) WHERE state = 'queued';
