//! The one place that changes state: authorises, brokers, schedules.
