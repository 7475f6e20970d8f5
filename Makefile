# The commands of README.md. Everything is built with the release profile, so that the heavy crates are built once.
.PHONY: demo test build deps fmt lint doc unit interop mcp bench fuzz

# With the features of the whole workspace, so that the tests need not compile the heavy crates a second time.
build: deps
	cargo build --release --workspace --bin quicksave

# Builds, starts a workflow, kills it in the middle, resumes it, and checks that nothing was done twice.
demo: build
	examples/demo/run

# All that the README promises to test.
test: deps fmt lint doc unit interop mcp
	@echo "all checks passed"

# Installs what is missing, or says what to install.
deps:
	@scripts/install-deps

fmt:
	cargo fmt --all --check

lint:
	cargo clippy --release --workspace --all-targets -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps --quiet

unit:
	cargo test --release --workspace

# The photon ecosystem's own library reads our logs, and we read its.
interop: build
	tests/interop/run

# The official clients of MCP and their servers, against the same binary.
mcp: build
	tests/mcp/run

# Ours and the peers in one run; `make bench WRITE=1` also writes docs/benchmarks.md.
bench: deps
	benches/run $(if $(WRITE),--write)

# Coverage-guided fuzzing of Neutron; `make fuzz SECONDS_EACH=600` for ten minutes with each target.
fuzz:
	SECONDS_EACH=$(or $(SECONDS_EACH),60) fuzz/run
