//! The services of the catalog, on both databases: tenants and their people, secrets, modules, and what guests may call.

mod assets;
mod capabilities;
mod connections;
mod house;
mod modules;
mod people;
mod refusals;
mod tenants;
mod tokens;
mod variables;
