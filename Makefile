# Everything a developer runs. `make help` lists it.

GUESTS := guest-examples/target/wasm32-wasip2/release
GUEST_SOURCES := $(shell git ls-files 'guest-examples/*.rs')
# As part of the workspace: so the dependencies are built once for the program and its tests.
HOST_BUILD := cargo build --workspace --bin flow-host
HOST := $(or $(CARGO_TARGET_DIR),target)/debug/flow-host
# In one go with what measures it, so that both are built from the same dependencies.
BENCH_BUILD := cargo build --release --workspace --bin flow-host --bin bench
BENCH := $(or $(CARGO_TARGET_DIR),target)/release/bench
GUEST_BUILD := cargo build --release --target wasm32-wasip2 --manifest-path guest-examples/Cargo.toml --target-dir guest-examples/target

.DEFAULT_GOAL := help
.PHONY: help demo test lint format guests bench bench-smoke profile targets postgres cargo-component clean

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: targets guests ## Build everything, run the example workflows on real data, show the results
	$(HOST_BUILD)
	@$(HOST) demo --modules $(GUESTS) $(DEMO_FLAGS)

test: targets guests cargo-component postgres ## Pass every test, on SQLite and on PostgreSQL
	$(HOST_BUILD)
	cargo test --workspace --no-fail-fast

lint: ## Check formatting and lints as CI does
	cargo fmt --all --check
	rustfmt --edition 2024 --check $(GUEST_SOURCES)
	cargo clippy --workspace --all-targets -- -D warnings

format: ## Format every source
	cargo fmt --all
	rustfmt --edition 2024 $(GUEST_SOURCES)

guests: targets ## Build the example components
	$(GUEST_BUILD)

bench: targets guests ## Measure, on SQLite and on PostgreSQL, and write docs/PERFORMANCE.md; BENCH_FLAGS=--short for a glance
	$(BENCH_BUILD)
	$(BENCH) $(BENCH_FLAGS)

bench-smoke: targets guests ## See that measuring works, without measuring anything worth to know
	cargo build --workspace --bin flow-host --bin bench
	$(dir $(HOST))bench --tiny --database sqlite --only workloads --only fairness --only waiting-followers

profile: targets guests ## Say where a task's time goes, with a flame graph; needs perf. WHEN=before or after
	$(BENCH_BUILD)
	$(BENCH) --profile $(or $(WHEN),after)

targets: # What guests compile to
	@rustup target list --installed | grep -qx wasm32-wasip2 || rustup target add wasm32-wasip2
	@rustup target list --installed | grep -qx wasm32-wasip1 || rustup target add wasm32-wasip1

cargo-component: # Two tests build tenants' crates with it
	@command -v cargo-component >/dev/null || cargo install cargo-component --locked

postgres: # Tests start a throw-away server of their own; this only puts the binaries there
	@.ci/install-postgres

clean: ## Remove everything that was built
	cargo clean
	cargo clean --manifest-path guest-examples/Cargo.toml --target-dir guest-examples/target
