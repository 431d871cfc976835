.DEFAULT_GOAL := help
.PHONY: help install run test check compose-test protos screenshot bench torture lock wheels clean

PYTHON ?= python3
# Passed in the environment, since a shell would interpret quotes and backticks in the path.
export VAR ?= var
# Without compiled files, each of the many processes that the targets start would compile all modules again.
export PYTHONDONTWRITEBYTECODE :=
VENV := .venv
BIN := $(VENV)/bin
PROTO := protos/loyalty/v1/loyalty.proto

help:  ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed  ## Make .venv/ with everything that run, test and check need

# The environment is created once; a changed lock or project is installed into it.
$(VENV)/.installed: deploy/requirements-dev.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r deploy/requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ": try make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

run: install  ## Start everything on the loopback with two demo shops, and print the page's address
	@exec $(BIN)/python -m deploy.local --var "$$VAR"

test: install  ## Run the whole suite
	$(BIN)/python -m pytest

check: install  ## Lint, types, import contracts, stub drift
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python deploy/stubs.py --check

compose-test: install  ## Build the image and try the containers (needs a Docker engine and docker-compose 1.29)
	$(BIN)/python -m deploy.compose_check

protos: install  ## Regenerate the stubs beside the .proto
	$(BIN)/python deploy/stubs.py

screenshot: install  ## Draw docs/sidebar.png from the real page (needs a Chromium)
	$(BIN)/python -m tests.end_to_end.screenshot

# The peer beside us in the bench has its own environment: nothing else depends on it.
bench/peer/.venv: bench/peer/requirements.lock | $(BIN)/python
	$(BIN)/python -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r bench/peer/requirements.lock
	@touch $@

bench: install bench/peer/.venv  ## Measure against the machine's floors; writes bench/results/
	$(BIN)/python -m pytest -n0 bench
	$(BIN)/python -m bench

torture: install  ## Send ten thousand awards while everything fails, then compare the ledger with TRIFFT (about ten minutes)
	$(BIN)/python -m bench.torture

lock: install  ## Resolve the dependencies again
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade --extra dev pyproject.toml -o deploy/requirements-dev.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml -c deploy/requirements-dev.lock -o deploy/requirements.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade bench/peer/requirements.in -o bench/peer/requirements.lock

wheels: install  ## Ask the package index whether each locked wheel exists for each Python and machine of README
	@for machine in x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu aarch64-apple-darwin; do \
	  for python in 3.11 3.12 3.13 3.14; do \
	    echo "CPython $$python on $$machine"; \
	    $(BIN)/uv pip install --quiet --dry-run --no-deps --require-hashes --only-binary :all: --target build/wheels \
	      --python-platform $$machine --python-version $$python -r deploy/requirements-dev.lock || exit 1; \
	  done; \
	done

clean:  ## Remove the environment and the data of make run
	rm -rf $(VENV) bench/peer/.venv var
