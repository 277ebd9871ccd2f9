.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SPARK_VENV := .venv-spark
ADAPTER := adapters/dbt-sparksession
SQL_FOLDERS := models analyses tests/data
SIZES ?= 1e5 1e6 1e7

export DBT_PROFILES_DIR := $(CURDIR)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Or every process compiles all it imports anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## List what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) \
		| awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(VENV)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; $(PYTHON) is older. Name another: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

# Nothing is compiled by pip: what is imported is then, and most never is.
$(VENV)/runtime: $(VENV)/python requirements.txt pyproject.toml
	$(BIN)/pip install --quiet --no-compile --require-hashes --requirement requirements.txt
	$(BIN)/pip install --quiet --no-compile --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/development: $(VENV)/runtime requirements-dev.txt
	$(BIN)/pip install --quiet --no-compile --require-hashes --requirement requirements-dev.txt
	@touch $@

.PHONY: setup
setup: $(VENV)/runtime ## Make the environment in .venv

.PHONY: build
build: $(VENV)/runtime ## Build, publish and audit the segments of the customer file
	$(BIN)/dbt build
	@$(BIN)/mall-segments audit --accept-drift --quiet
	@$(BIN)/mall-segments summary

.PHONY: report
report: $(VENV)/runtime ## Say where the report of the published segments is
	@$(BIN)/mall-segments report

.PHONY: audit
audit: $(VENV)/runtime ## Audit the published generation with Great Expectations
	$(BIN)/mall-segments audit

.PHONY: serve
serve: $(VENV)/runtime ## Answer POST /predict_cluster on 127.0.0.1
	$(BIN)/mall-segments serve

.PHONY: questions
questions: $(VENV)/runtime ## Write docs/questions.md anew from what is published
	$(BIN)/mall-segments questions --output docs/questions.md

$(SPARK_VENV)/requirements: requirements-spark.txt | $(VENV)/python
	$(BIN)/python -m venv $(SPARK_VENV)
	$(SPARK_VENV)/bin/pip install --quiet --no-compile --require-hashes --requirement requirements-spark.txt
	@touch $@

# After the other environment, for both write what the package is into its folder.
$(SPARK_VENV)/runtime: $(SPARK_VENV)/requirements pyproject.toml $(ADAPTER)/pyproject.toml | $(VENV)/runtime
	$(SPARK_VENV)/bin/pip install --quiet --no-compile --no-deps --no-build-isolation --editable . --editable $(ADAPTER)
	@touch $@

.PHONY: spark
spark: $(SPARK_VENV)/runtime $(VENV)/runtime ## Build and test on Spark, locally and by Spark Connect
	@$(SPARK_VENV)/bin/python -m dbt.adapters.sparksession
	SPARK_CONF_DIR=$(CURDIR)/tests/spark/conf $(SPARK_VENV)/bin/pytest --durations 5 \
		$(ADAPTER) tests/spark

.PHONY: test
test: $(VENV)/development ## Run every test
	$(BIN)/pytest --numprocesses auto --dist worksteal --durations 15

$(VENV)/benchmarks: $(VENV)/development requirements-bench.txt
	$(BIN)/pip install --quiet --no-compile --require-hashes --requirement requirements-bench.txt
	@touch $@

.PHONY: bench
bench: $(VENV)/benchmarks ## Measure builds and fits: make bench SIZES="1e6 1e8"
	$(BIN)/python benchmarks/builds.py $(SIZES)
	$(BIN)/python benchmarks/fits.py 1e7
	$(BIN)/python benchmarks/report.py

.PHONY: faults
faults: $(VENV)/development ## Only kill, starve, double and spoil real builds
	$(BIN)/pytest tests/faults --numprocesses auto --dist worksteal --durations 15

.PHONY: lint lint-python lint-sql
lint: $(VENV)/development ## Check layout, style and types
	@# Each uses one processor.
	$(MAKE) --jobs=2 --output-sync=target lint-python lint-sql

lint-python: $(VENV)/development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lint-sql: $(VENV)/development
	@# Beside a build, which has the project's own target and database.
	MALL_SEGMENTS_HOME=target/lint $(BIN)/sqlfluff lint --disable-progress-bar $(SQL_FOLDERS)

.PHONY: environments
environments: ## Make the environments of tests and of Spark
	@# Each pip uses one processor.
	$(MAKE) --jobs=2 $(VENV)/development $(SPARK_VENV)/runtime

.PHONY: check
check: environments ## What CI runs: lint, build with its audit, test and spark
	@# None of these keeps two processors busy.
	$(MAKE) --jobs=4 --output-sync=target spark build lint-sql lint-python
	$(MAKE) test

.PHONY: format
format: $(VENV)/development ## Rewrite code in the project's layout
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix --disable-progress-bar $(SQL_FOLDERS)

.PHONY: lock
lock: ## Pin the newest allowed dependencies (needs uv on the path)
	uv pip compile --universal --python-version 3.11 --generate-hashes \
		--no-strip-extras --upgrade --quiet --custom-compile-command "make lock" \
		requirements.in --output-file requirements.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes \
		--no-strip-extras --upgrade --quiet --custom-compile-command "make lock" \
		requirements-dev.in --output-file requirements-dev.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes \
		--no-strip-extras --upgrade --quiet --custom-compile-command "make lock" \
		requirements-spark.in --output-file requirements-spark.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes \
		--no-strip-extras --upgrade --quiet --custom-compile-command "make lock" \
		requirements-bench.in --output-file requirements-bench.txt

.PHONY: clean
clean: ## Remove everything made here except published generations
	rm -rf $(VENV) $(SPARK_VENV) target logs warehouse
