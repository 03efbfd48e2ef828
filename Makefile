# `make up` and `make test` are all that a fresh checkout needs; `make help` lists the rest.
PYTHON ?= python3
SECONDS ?= 600
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --progress-bar on
STAMP := .venv/.installed
DEV := .venv/.installed-dev
OLDEST := .venv/oldest-engine/.installed
PYTEST := $(BIN)/pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder --durations 20 --durations-min 5
# A .venv is whole if its installation ended, its Python exists, and it was made for this checkout. A link is the
# operator's own .venv.
IS_WHOLE := test -L .venv || { test -e $(STAMP) && $(BIN)/python -I -c 'import gigawatt, os, sys; \
	sys.exit(not os.path.samefile(os.path.dirname(gigawatt.__file__), "gigawatt"))' 2> /dev/null; }

.DEFAULT_GOAL := help
.PHONY: help setup dev up test unit integration lowest mutants fuzz lint format bench lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## make .venv with the locked versions and the gigawatt command in it
	@if test -e .venv && ! { $(IS_WHOLE); }; then echo "setup: .venv is broken, or belongs to another checkout; creating it again"; rm -rf .venv; fi
	@$(MAKE) --no-print-directory $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Gigawatt needs Python 3.11 or newer; select one with: make PYTHON=python3.12 setup")'
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "setup: $(PYTHON) has no venv; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "setup 1 of 3: making .venv (5 s)"
	@$(PYTHON) -m venv .venv
	@echo "setup 2 of 3: downloading and installing $$(grep -c "==" requirements.lock) packages, 1.2 GB on disk (1 to 5 minutes, once)"
	@$(PIP) --no-deps --require-hashes -r requirements.lock
	@echo "setup 3 of 3: the gigawatt command (5 s)"
	@$(PIP) --quiet --no-deps --no-build-isolation --editable .
	@touch $@

dev: setup
	@$(MAKE) --no-print-directory $(DEV)

$(DEV): requirements-dev.lock
	@echo "setup: tools for tests and lint, 0.3 GB on disk (1 minute, once)"
	@$(PIP) --quiet --require-hashes -r requirements-dev.lock
	@touch $@

up: setup ## the whole stack on this machine: broker, engine, worker, a simulated fleet
	@$(BIN)/gigawatt up

$(OLDEST): requirements-oldest.lock | dev
	rm -rf $(@D)
	$(PIP) --quiet --no-deps --require-hashes --target $(@D) -r requirements-oldest.lock
	@touch $@

test: dev $(OLDEST) ## lint, unit tests, integration tests, and how long each of them took
	@for part in lint unit integration; do \
		began=$$(date +%s); $(MAKE) --no-print-directory $$part || failed="$$failed $$part"; \
		took="$$took $$part $$(($$(date +%s) - began)) s"; \
	done; echo "test:$$took"; test -z "$$failed" || { echo "test: failed:$$failed"; exit 1; }

unit: dev ## tests that start no other process
	$(PYTEST) -m "not integration"

integration: dev $(OLDEST) ## tests with a real broker, engine, browser or command
	$(PYTEST) -m integration

lowest: dev ## unit tests with the lowest versions that pyproject.toml allows, in .venv/lowest
	$(PIP) --quiet uv
	$(BIN)/uv venv --quiet --clear .venv/lowest
	$(BIN)/uv pip compile --quiet --resolution lowest-direct --extra local --extra build --extra dev \
		pyproject.toml --output-file .venv/lowest/requirements.txt
	$(BIN)/uv pip install --quiet --python .venv/lowest --requirement .venv/lowest/requirements.txt
	$(BIN)/uv pip install --quiet --python .venv/lowest --no-deps --no-build-isolation --editable .
	.venv/lowest/bin/pytest -m "not integration"

mutants: dev ## change the code in many small ways, and count the changes that no unit test notices; SECONDS=600 of it
	$(PIP) --quiet mutmut==3.8.1
	timeout --signal=INT $(SECONDS) $(BIN)/mutmut run --max-children 2 $(MUTANTS) || test $$? -eq 124
	$(BIN)/mutmut export-cicd-stats
	@cat mutants/mutmut-cicd-stats.json

fuzz: dev ## run four fuzzers against the front and the worker for ten minutes each; SECONDS=60 for one minute
	GIGAWATT_FUZZ_SECONDS=$(SECONDS) GIGAWATT_FUZZ_SEED=$${GIGAWATT_FUZZ_SEED:-$$(date +%s)000} \
		$(BIN)/pytest -s --timeout=0 tests/fuzz

lint: dev ## what `make test` checks before it runs anything
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: dev ## rewrite the code in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## measure cost, freshness and size of a thousand to fifty thousand chips in hosts of eight
	$(BIN)/gigawatt bench

lock: dev ## lock the newest versions that pyproject.toml allows; pandas, which chDB asks for, only for tests
	$(PIP) --quiet uv
	$(BIN)/uv pip compile --universal --upgrade --generate-hashes --no-annotate --no-header \
		--extra local --extra build --extra dev pyproject.toml --output-file requirements-dev.lock
	$(BIN)/uv pip compile --universal --generate-hashes --no-annotate --no-header --constraint requirements-dev.lock \
		--extra local --extra build --no-emit-package pandas pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile --universal --generate-hashes --no-annotate --no-header --constraint requirements-dev.lock \
		--extra build pyproject.toml --output-file requirements-image.lock
	$(BIN)/uv pip compile --universal --no-deps --generate-hashes --no-annotate --no-header \
		requirements-oldest.in --output-file requirements-oldest.lock

clean: ## remove .venv and caches
	rm -rf .venv mutants .mypy_cache .pytest_cache .ruff_cache .hypothesis
