//! The HTTP doors: Airflow's REST API v2, our additions, and the worker door.
