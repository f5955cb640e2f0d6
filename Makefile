# Each target is one script of a few lines; read them in scripts/.
PYTHON ?= python3
export PYTHON

.PHONY: run test test-fast check bench bench-search faults lock clean

run:  ## the whole platform in one process, with demo data: make run ARGS="--reset"
	@scripts/venv run
	@# Without bytecode every start would compile 300 modules anew: 8 s instead of 3.
	@exec env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -m pailou dev $(ARGS)

test:  ## all tests, with real servers that it starts and stops itself: make test ARGS="-k redis"
	@scripts/venv dev
	@scripts/install-test-servers
	@scripts/install-test-sdks
	@scripts/test $(ARGS)

test-fast:  ## unit and architecture tests: no servers, a few seconds
	@scripts/venv dev
	@scripts/test-fast $(ARGS)

check:  ## format, lint, types, imports
	@scripts/venv dev
	@scripts/check

bench:  ## CPU per request beside nginx's, measured in the same run
	@scripts/venv dev
	@scripts/install-test-servers
	@.venv/bin/python -m benchmarks $(ARGS)

bench-search:  ## searches and statistics over 1,000,000 call logs in Elasticsearch and 100,000 in SQLite
	@scripts/venv dev
	@scripts/install-test-servers
	@.venv/bin/python -m benchmarks.search $(ARGS)

faults:  ## every fault of docs/reliability.md with a minute of load each; writes its table: make faults ARGS="-k r1", two at a time: ARGS="-n 2"
	@scripts/venv dev
	@scripts/install-test-servers
	@scripts/faults $(ARGS)

lock:  ## write the lock files from pyproject.toml: make lock ARGS=--upgrade
	@scripts/venv dev
	@scripts/lock $(ARGS)

clean:  ## remove what was made here, the demo's data too
	rm -rf .venv var build *.egg-info .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
