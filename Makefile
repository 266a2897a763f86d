# Two commands on a fresh machine with Python 3.11 and make: `make run` and `make test`.
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.8
DEALS ?= 100000
# One more than cores, since some wait for a daemon; less where three engines need all memory.
TEST_PROCESSES ?= $(shell awk '/MemTotal/ {print ($$2 > 12000000) ? 3 : 2}' /proc/meminfo 2>/dev/null || echo 2)

# Dagster resolves a relative home from wherever it is started, so it is given absolute.
export DAGSTER_HOME := $(CURDIR)/var/dagster
export REGULATORY_ASSETS_VAR ?= $(CURDIR)/var
export REGULATORY_ASSETS_DATA ?= $(CURDIR)/data
# Many short processes are started; each would compile every library anew.
unexport PYTHONDONTWRITEBYTECODE
BERKA ?= $(CURDIR)/../shared/data/berka

.PHONY: help run run-real ui test test-long lint bench env jars home clean
.DEFAULT_GOAL := help

help:  ## Show the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/:/' | column -t -s:

env: $(VENV)/.installed  ## Create the environment from requirements.lock.

$(VENV)/.installed: requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing; install Python 3.11 or set PYTHON"; exit 1; }
	@echo "creating the environment in $(VENV) (a minute the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@

home:
	@mkdir -p $(DAGSTER_HOME)
	@cmp -s dagster.yaml $(DAGSTER_HOME)/dagster.yaml || cp dagster.yaml $(DAGSTER_HOME)/dagster.yaml

run: env home  ## Take the sample bank through the graph and correct one deal.
	@$(BIN)/regulatory-assets demo sample

run-real: export REGULATORY_ASSETS_SOURCES = $(CURDIR)/data/berka/sources
run-real: env home  ## The same on the real bank in $(BERKA).
	@$(BIN)/regulatory-assets demo real --bank $(BERKA)

ui: env home  ## Dagster's UI on the same instance, with its daemon.
	@$(BIN)/dagster dev -w workspace.yaml

jars: env  ## Fetch what local Apache Spark needs, once.
	@$(BIN)/python -m regulatory_assets.engine.spark

test: env jars  ## All tests but the long ones.
	@$(BIN)/python -m pytest -m "not long" -n $(TEST_PROCESSES) $(PYTEST_ARGS)

test-long: env jars  ## The long property runs.
	@$(BIN)/python -m pytest -m "long or hypothesis" --hypothesis-profile searching

lint: env  ## Style and types.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: env jars  ## Measure against DuckDB and PySpark; DEALS=N.
	@$(BIN)/python -m benchmarks --deals $(DEALS)

clean:  ## Remove all state; the environment stays.
	rm -rf var
