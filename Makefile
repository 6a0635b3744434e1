# `make help` lists the targets. Everything lives in .venv; a second run of any target does only what is missing.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq
PYTEST_ARGS ?=

LOCKED := $(VENV)/.locked-installed
TOOLS := $(VENV)/.tools-installed
PROJECT := $(VENV)/.project-installed

.DEFAULT_GOAL := help
.PHONY: help install demo unit test chaos lint format bench reference lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# pip compiles the libraries, nobody compiles what is installed in place. Python does so when it imports a module, but only
# where it may write: not as a service's own user, nor with PYTHONDONTWRITEBYTECODE, and then at each start again, which
# takes longer than all the rest of it. A source that is edited later is noticed by its time, as usual.
install: $(PROJECT) ## Mailferry and the pinned libraries that running needs into .venv; leaves .venv/bin/mailferry
	@$(BIN)/python -m compileall -q -j 0 services shared

demo: install ## a bundled source and target and the whole pipeline between them, in the terminal
	@$(BIN)/mailferry demo

unit: install $(TOOLS) ## the tests that need no servers, in less than a minute
	@$(BIN)/python -m pytest tests/unit -n 2 --dist worksteal -q $(PYTEST_ARGS)

test: install $(TOOLS) ## install the test servers if they are missing, then run every test
	@deploy/debian/install-test-servers
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(PYTEST_ARGS)

chaos: install $(TOOLS) ## kill, wipe, fill and stop everything at random for ROUNDS=200, again with SEED=…
	@deploy/debian/install-test-servers
	@$(BIN)/python -m tests.chaos $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED))

lint: install $(TOOLS) ## style, types and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: install $(TOOLS) ## put the code into its canonical form
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: install $(TOOLS) ## measure against real servers on this machine
	@deploy/debian/install-test-servers
	@$(BIN)/python -m bench

reference: install ## write the pages in docs/reference anew from the definitions in the code
	@$(BIN)/mailferry config reference > docs/reference/configuration.md

# What running needs is a part of the whole, so it is resolved second, with the versions of the whole.
COMPILE := $(BIN)/uv pip compile pyproject.toml --python-version 3.11 --universal --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --upgrade --quiet

lock: install $(TOOLS) ## resolve pyproject.toml anew into requirements.lock (to run) and requirements-dev.lock (all)
	@$(COMPILE) --extra build --extra dev --output-file requirements-dev.lock
	@$(COMPILE) --extra build --constraints requirements-dev.lock --no-annotate --output-file requirements.lock

clean: ## remove .venv, caches and build results
	@rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@deploy/debian/create-venv $(VENV)

$(LOCKED): requirements.lock | $(BIN)/python
	@echo "Installing the pinned libraries into $(VENV)" >&2
	@$(PIP) install --require-hashes -r requirements.lock
	@touch $@

$(TOOLS): requirements-dev.lock | $(LOCKED)
	@echo "Installing the tools of tests and lint into $(VENV)" >&2
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

$(PROJECT): pyproject.toml $(LOCKED)
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@
