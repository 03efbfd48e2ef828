# `make up` and `make test` are all that a fresh checkout needs; `make help` lists the rest.
PYTHON ?= python3
SECONDS ?= 600
BIN := .venv/bin
STAMP := .venv/.installed
OLDEST := .venv/oldest-engine/.installed

.DEFAULT_GOAL := help
.PHONY: help setup up test fuzz lint format bench lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv with the locked versions and the gigawatt command in it

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Gigawatt needs Python 3.11 or newer; name one with: make PYTHON=python3.12 setup")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --progress-bar on --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

up: setup ## the whole stack on this machine: broker, engine, worker, a simulated fleet
	$(BIN)/gigawatt up

$(OLDEST): $(STAMP) requirements-oldest.lock
	rm -rf $(@D)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --progress-bar on --no-deps --require-hashes \
		--target $(@D) -r requirements-oldest.lock
	@touch $@

test: setup lint $(OLDEST) ## format, lint, types, import rules, then every test
	$(BIN)/pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

fuzz: setup ## look for what breaks the front or the worker: ten minutes each of four fuzzers; SECONDS=60 is a minute
	GIGAWATT_FUZZ_SECONDS=$(SECONDS) GIGAWATT_FUZZ_SEED=$${GIGAWATT_FUZZ_SEED:-$$(date +%s)000} \
		$(BIN)/pytest -s --timeout=0 tests/fuzz

lint: setup ## what `make test` checks before it runs anything
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## rewrite the code in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## measure cost, freshness and size from a thousand to a million chips
	$(BIN)/gigawatt bench

lock: setup ## lock the newest versions that pyproject.toml allows
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --universal --upgrade --generate-hashes --no-annotate --no-header \
		--extra local --extra build --extra dev pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile --universal --generate-hashes --no-annotate --no-header --constraint requirements.lock \
		--extra build pyproject.toml --output-file requirements-image.lock
	$(BIN)/uv pip compile --universal --no-deps --generate-hashes --no-annotate --no-header \
		requirements-oldest.in --output-file requirements-oldest.lock

clean: ## remove .venv and caches
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
