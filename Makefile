# `make help` lists the targets. Everything lives in .venv; a second run of any target does only what is missing.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq
# pytest compiles the tests with its own asserts, which takes a third of a run of the unit tests: keep what it compiled.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest
PYTEST_ARGS ?=

LOCKED := $(VENV)/.locked-installed
TOOLS := $(VENV)/.tools-installed
PROJECT := $(VENV)/.project-installed

.DEFAULT_GOAL := help
.PHONY: help install demo unit test deploy-test dashboards chaos lint format bench reference docs man lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# pip compiles the libraries, but not what is installed in place. Python would compile that at each start, if it cannot
# write (as a service's own user, or with PYTHONDONTWRITEBYTECODE), and the start would take more than twice as long.
install: $(PROJECT) ## install Mailferry and what running needs into .venv, with .venv/bin/mailferry
	@$(BIN)/python -m compileall -q -j 0 services shared

demo: install ## run the whole pipeline between a bundled source and target, in the terminal
	@$(BIN)/mailferry demo

unit: install $(TOOLS) ## run the tests that need no servers, with fewer examples, in about a minute
	@$(PYTEST) tests/unit -n 2 --dist worksteal -q --hypothesis-profile=quick $(PYTEST_ARGS)

test: install $(TOOLS) ## install the test servers if they are missing, then run every test
	@deploy/debian/install-test-servers
	@deploy/debian/install-deploy-tools
	@$(PYTEST) -n 3 --dist worksteal $(PYTEST_ARGS)  # most tests wait: two leave half of two cores idle

deploy-test: install $(TOOLS) ## build and run image and Debian package, boot systemd, follow docs/several-machines.md, draw dashboards; takes minutes, needs root
	@deploy/debian/install-test-servers
	@deploy/debian/install-deploy-tools --all
	@$(PYTEST) -m deploy tests/deploy $(PYTEST_ARGS)

dashboards: install ## write the dashboards for Grafana anew
	@$(BIN)/python deploy/grafana/build.py

chaos: install $(TOOLS) ## kill, wipe, fill and stop parts at random for ROUNDS=200; SEED=… repeats a run
	@deploy/debian/install-test-servers
	@$(BIN)/python -m tests.chaos $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED))

lint: install $(TOOLS) ## check style, types and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: install $(TOOLS) ## format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: install $(TOOLS) ## measure against real servers on this machine
	@deploy/debian/install-test-servers
	@$(BIN)/python -m bench

reference: install ## write docs/reference from the definitions in the code
	@$(BIN)/python deploy/tools/write-references

docs: install $(TOOLS) ## build the documentation into docs/_build; a link that leads nowhere is an error
	@$(BIN)/python -m sphinx -q -W --keep-going -j 2 docs docs/_build
	@echo "docs/_build/README.html"

man: install $(TOOLS) ## write man pages of all commands into dist/man
	@$(BIN)/python deploy/tools/write-man-pages dist/man

# requirements-dev.lock has all libraries. requirements.lock is the part that running needs, in the same versions.
COMPILE := $(BIN)/uv pip compile pyproject.toml --python-version 3.11 --universal --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --upgrade --quiet

lock: install $(TOOLS) ## resolve pyproject.toml into requirements.lock (to run) and requirements-dev.lock (all)
	@$(COMPILE) --extra build --extra dev --extra otel --output-file requirements-dev.lock
	@$(COMPILE) --extra build --constraints requirements-dev.lock --no-annotate --output-file requirements.lock
	@$(BIN)/python deploy/docker/write-runtime-lock
	@$(BIN)/python deploy/release/write-sbom

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
