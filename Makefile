# Everything a user or developer runs. `make help` lists it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DBT    := .venv-dbt
AUDIT  := .venv-audit
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-strip-extras --generate-hashes --no-header \
  --no-annotate --no-emit-index-url --no-emit-find-links
# Built for some versions of Python only, so it is no part of the lock file.
ATHERIS := 3.0.0
FUZZ_TARGETS ?= fit gpx tcx containers reading downstream yaml csv workouts
FUZZ_SECONDS ?= 60
FUZZ_RUNS ?= -1
CHAOS ?= 20
export PERF_HOME ?= $(CURDIR)/.perf

.DEFAULT_GOAL := help
.PHONY: help demo test lint types rings bench chaos fuzz up down clean lock docs dbt setup audit audit-accept

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(STAMP) ## make the virtual environment from the lock file

$(STAMP): requirements-dev.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP) ## run the main job on a generated athlete with two seasons
	$(BIN)/perf-pipeline demo

test: $(STAMP) ## run the tests
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not e2e"
	$(BIN)/python -m pytest -q -m e2e

lint: $(STAMP) ## style, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

dbt: $(DBT)/.installed ## make the environment of the real dbt, the tests' oracle of dbt_like_sql

$(DBT)/.installed: requirements-dbt.lock
	@test -x $(DBT)/bin/python || $(PYTHON) -m venv $(DBT)
	$(DBT)/bin/python -m pip install --quiet --require-hashes -r requirements-dbt.lock
	@touch $@

audit: $(AUDIT)/.installed ## look for secrets in the files, and for known vulnerabilities of the locked packages
	@$(AUDIT)/bin/python .ci/audit.py secrets && $(AUDIT)/bin/python .ci/audit.py dependencies

audit-accept: $(AUDIT)/.installed
	@$(AUDIT)/bin/python .ci/audit.py accept

$(AUDIT)/.installed: requirements-audit.lock
	@test -x $(AUDIT)/bin/python || $(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install --quiet --require-hashes -r requirements-audit.lock
	@touch $@

bench: $(STAMP) ## run every benchmark
	$(BIN)/python -m benchmarks

chaos: $(STAMP) ## break everything for long: CHAOS trials of each kind of fault
	PERF_CHAOS=$(CHAOS) $(BIN)/python -m pytest -q -n 2 perf_pipeline_tests/reliability

fuzz: $(STAMP) ## look for files that break a reader: FUZZ_TARGETS, FUZZ_SECONDS each, FUZZ_RUNS each
	@$(BIN)/python -c "import atheris" 2>/dev/null || $(BIN)/python -m pip install --quiet "atheris==$(ATHERIS)"
	@for target in $(FUZZ_TARGETS); do \
	  $(BIN)/python -m perf_pipeline_tests.fuzzing $$target -max_total_time=$(FUZZ_SECONDS) -runs=$(FUZZ_RUNS) || exit 1; \
	done

up: $(STAMP) ## start the UI (http://127.0.0.1:3000) and the daemon that watches the inbox
	$(BIN)/perf-pipeline serve

down: $(STAMP) ## stop the embedded database
	$(BIN)/perf-pipeline stop

lock: ## write the lock files anew: names, versions and hashes only
	$(BIN)/python -m pip install --quiet uv
	$(COMPILE) --output-file requirements.lock pyproject.toml
	$(COMPILE) --extra cluster --constraint requirements.lock --output-file requirements-cluster.lock pyproject.toml
	$(COMPILE) --all-extras --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
	$(COMPILE) --output-file requirements-dbt.lock requirements-dbt.in
	$(COMPILE) --output-file requirements-audit.lock requirements-audit.in

docs: $(STAMP) ## write the data dictionary and dbt's sources anew
	$(BIN)/python -m perf_pipeline.pipeline.data_dictionary

clean: ## remove the virtual environment, caches and PERF_HOME (the demo's data)
	-@test -x $(BIN)/perf-pipeline && $(BIN)/perf-pipeline stop >/dev/null 2>&1
	rm -rf $(VENV) $(DBT) $(AUDIT) .perf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .fuzz
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
