.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SPARK_VENV := .venv-spark
ADAPTERS_VENV := .venv-adapters
ADAPTER := adapters/dbt-sparksession
SQL_FOLDERS := models analyses tests/data
SIZES ?= 1e5 1e6 1e7
LOCKS := requirements-uv requirements requirements-dev requirements-spark requirements-adapters

# What `make build` is given: make build FILE=customers.csv ORDERS=... SETTINGS=...
GIVEN = $(if $(FILE),"$(FILE)") $(if $(ORDERS),--orders "$(ORDERS)") \
	$(if $(SETTINGS),--settings "$(SETTINGS)")

UV := $(BIN)/uv pip install --python

export DBT_PROFILES_DIR := $(CURDIR)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Or every process compiles all it imports anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## List what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) \
		| awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(VENV)/python: requirements-uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; $(PYTHON) is older. Name another: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Making $(VENV); its packages are installed once."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --require-hashes --requirement requirements-uv.txt
	@touch $@

$(VENV)/runtime: $(VENV)/python requirements.txt pyproject.toml
	$(UV) $(BIN)/python --require-hashes --requirement requirements.txt
	$(UV) $(BIN)/python --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/development: $(VENV)/runtime requirements-dev.txt
	$(UV) $(BIN)/python --require-hashes --requirement requirements-dev.txt
	@touch $@

.PHONY: setup
setup: $(VENV)/runtime ## Make the environment in .venv

.PHONY: build
build: $(VENV)/runtime ## Build, publish and audit: make build FILE=customers.csv
	@$(BIN)/mall-segments build $(GIVEN)

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
	$(BIN)/python -m venv --without-pip $(SPARK_VENV)
	$(UV) $(SPARK_VENV)/bin/python --require-hashes --requirement requirements-spark.txt
	@touch $@

# After the other environment, for both write what the package is into its folder.
$(SPARK_VENV)/runtime: $(SPARK_VENV)/requirements pyproject.toml $(ADAPTER)/pyproject.toml | $(VENV)/runtime
	$(UV) $(SPARK_VENV)/bin/python --quiet --no-deps --no-build-isolation --editable . --editable $(ADAPTER)
	@touch $@

.PHONY: spark
spark: $(SPARK_VENV)/runtime $(VENV)/runtime ## Build and test on Spark, locally and by Spark Connect
	@$(SPARK_VENV)/bin/python -m dbt.adapters.sparksession
	@# Apart, for one process has a session of its own or one of Spark Connect.
	SPARK_CONF_DIR=$(CURDIR)/tests/spark/conf $(SPARK_VENV)/bin/pytest $(ADAPTER)
	SPARK_CONF_DIR=$(CURDIR)/tests/spark/conf $(SPARK_VENV)/bin/pytest --durations 5 \
		tests/spark

$(ADAPTERS_VENV)/runtime: requirements-adapters.txt | $(VENV)/python
	$(BIN)/python -m venv --without-pip $(ADAPTERS_VENV)
	$(UV) $(ADAPTERS_VENV)/bin/python --require-hashes --requirement requirements-adapters.txt
	@touch $@

.PHONY: adapters
adapters: $(ADAPTERS_VENV)/runtime ## Try others' adapters, frames and Dagster
	PYTHONPATH=src $(ADAPTERS_VENV)/bin/python -m pytest --override-ini filterwarnings= adapters/warehouses

# Files of tests in whole, in the order that tests/conftest.py puts them in.
PYTEST := $(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder --durations 15

.PHONY: test
test: $(VENV)/development ## Run every test
	$(PYTEST)

.PHONY: bench
bench: $(VENV)/development ## Measure builds, fits and scoring: make bench SIZES="1e6 1e8"
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/builds.py $(SIZES) --kinds whole real orders
	$(BIN)/python benchmarks/fits.py 1e7
	$(BIN)/python benchmarks/scoring.py
	$(BIN)/python benchmarks/serving.py --rounds 3 --seconds 2
	$(BIN)/python benchmarks/hostile.py

.PHONY: faults
faults: $(VENV)/development ## Only kill, starve, double and spoil real builds
	$(PYTEST) tests/faults

.PHONY: lint lint-python lint-sql lint-ci
lint: $(VENV)/development ## Check layout, style and types
	@# Each uses one processor.
	$(MAKE) --jobs=2 --output-sync=target lint-python lint-sql lint-ci

lint-python: $(VENV)/development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lint-sql: $(VENV)/development
	@# Beside a build, which has the project's own target and database.
	MALL_SEGMENTS_HOME=target/lint $(BIN)/sqlfluff lint --disable-progress-bar $(SQL_FOLDERS)

lint-ci: $(VENV)/development
	$(BIN)/actionlint .github/workflows/*.yml
	$(BIN)/hadolint Containerfile Containerfile.build

.PHONY: environments
environments: ## Make the environments of tests and of Spark
	$(MAKE) $(VENV)/development $(SPARK_VENV)/runtime

.PHONY: check
check: environments ## What CI runs: lint, build with its audit, test and spark
	@# None of these keeps two processors busy.
	$(MAKE) --jobs=4 --output-sync=target spark build lint-sql lint-python lint-ci
	$(MAKE) test

.PHONY: format
format: $(VENV)/development ## Rewrite code in the project's layout
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix --disable-progress-bar $(SQL_FOLDERS)

.PHONY: lock
lock: $(VENV)/python ## Pin the newest allowed dependencies
	@# The files name no index: whoever installs has their own.
	for name in $(LOCKS); do \
		$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
			--no-strip-extras --upgrade --quiet \
			--custom-compile-command "make lock" $$name.in --output-file $$name.txt; \
	done

.PHONY: clean
clean: ## Remove everything made here except published generations
	rm -rf $(VENV) $(SPARK_VENV) $(ADAPTERS_VENV) target logs warehouse
