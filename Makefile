# What a person runs. Everything is built once, with one profile; see Cargo.toml.

SHELL := /bin/bash
CARGO := cargo

.PHONY: help demo test test-long test-cosign test-mutation check build needs bench-latency bench-spec bench-audit load-debian fuzz

help: ## lists what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:[^#]*## /\t/' | expand -t 16

needs: ## installs what building RocksDB needs, or says how
	@.ci/needs

build: needs ## builds everything
	$(CARGO) build --locked --workspace

demo: build ## the main job on real input, from source to install, and what is refused
	@$$($(CARGO) metadata --locked --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]*)".*/\1/')/debug/glarus-demo

test: build ## all tests
	$(CARGO) test --locked --workspace

test-long: build ## the tests that are too long for every run: every bit of every proof up to 130 entries, every byte of every accepted text
	$(CARGO) test --locked --workspace -- --ignored

test-cosign: build ## provenance that cosign signs now, where it is installed, from --envelope to an installed file
	$(CARGO) test --locked --workspace --test cosign -- --nocapture

SEED ?= 20261125
test-mutation: build ## a thousand damaged records, each refused by its name; SEED=n for another thousand
	GLARUS_SEED=$(SEED) $(CARGO) test --locked --workspace --test mutation -- --nocapture

check: test ## what CI runs: tests, format, lints, documentation
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps

bench-latency: build ## from a submission to its cosigned proof, on an idle log
	@$$($(CARGO) metadata --locked --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]*)".*/\1/')/debug/glarus-bench-latency

bench-audit: build ## entries that an audit reads and judges in a second, beside the floors of this machine
	@$$($(CARGO) metadata --locked --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]*)".*/\1/')/debug/glarus-bench-audit

load-debian: build ## all packages of a Debian suite become records, and the whole is audited; takes some minutes
	@$$($(CARGO) metadata --locked --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]*)".*/\1/')/debug/glarus-load-debian

# With the profile and the features of everything else, so that only criterion and the benchmark are built beside it.
bench-spec: ## what the specification costs: proofs, checkpoints, records, verdicts, against their limits
	$(CARGO) bench --locked --workspace --profile dev --bench spec

SECONDS ?= 10
fuzz: ## fuzzes every parser and every decision, SECONDS=n each
	@.ci/fuzz $(SECONDS)
