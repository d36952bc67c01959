//! Checks of the house as a whole: tidy rules, end to end over HTTP, benchmarks.
