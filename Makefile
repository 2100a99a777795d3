# Every task of the project; `make help` lists them.
# A fresh machine needs Python 3.11, 3.12 or 3.13 (with venv) and make: whatever else a task needs, it gets.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

UV_VERSION := 0.13.9
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$python && break; done)
UV := $(shell command -v uv || echo .uv/bin/uv)
RUN := .venv/bin
READY := .venv/.ready
PACKAGES := libs/events services/enrollment services/matching services/sessions services/feedback cli
# Further arguments of a task: make demo ARGS="--keep --people 400"
ARGS ?=

.PHONY: help
help: ## List the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(READY) ## Run the whole loop on this machine and show what happened
	$(RUN)/viceversa demo $(ARGS)

.PHONY: up
up: $(READY) ## Run the platform on this machine until Ctrl-C
	$(RUN)/viceversa up $(ARGS)

.PHONY: test
test: export UV := $(abspath $(UV))
test: $(READY) ## Run every test; integration tests take a real Kafka where there is one
	$(RUN)/python -m pytest -n logical --maxprocesses=8 --dist=loadgroup $(ARGS)

.PHONY: coverage
coverage: export UV := $(abspath $(UV))
coverage: $(READY) ## Run every test and show which lines none reaches, also in the services' processes (slow)
	$(RUN)/python -m pytest -n logical --maxprocesses=8 --dist=loadgroup --cov --cov-report=term \
		tests/integration tests/chaos libs services cli $(ARGS)

.PHONY: lint
lint: $(READY) ## Check style, types, and who may import whom
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/lint-imports --no-logo

.PHONY: format
format: $(READY) ## Write the code as the linter wants it
	$(RUN)/ruff check --fix .
	$(RUN)/ruff format .

.PHONY: golden
golden: $(READY) ## Keep one JSON of each new version of a private event; those that are kept never change
	@$(foreach service,$(notdir $(filter services/%,$(PACKAGES))),$(RUN)/python -m events.testing.golden $(service) \
		services/$(service)/tests/golden &&) true

.PHONY: chaos
chaos: export PYTHONPATH := tests:deploy/kafka
chaos: $(READY) ## Faults under load, then a checker; ARGS="--seed 7 --minutes 5 --faults a,b"
	$(RUN)/python -m chaos $(ARGS)

.PHONY: chaos-selftest
chaos-selftest: export PYTHONPATH := tests:deploy/kafka
chaos-selftest: $(READY) ## Bugs planted in a copy of the runtime must be caught by the checker
	$(RUN)/python -m chaos.selftest $(ARGS)

.PHONY: bench
bench: $(READY) ## Measure ours beside its peers; writes benchmarks/results/latest.json
	$(RUN)/python -m benchmarks $(ARGS)

.PHONY: compose-demo
compose-demo: $(READY) ## Build the images, run the demo against docker compose, take it down
	$(RUN)/python deploy/compose/demo.py $(ARGS)

.PHONY: kafka
kafka: $(READY) ## Run one real Kafka broker from its jars until Ctrl-C (needs Java)
	$(RUN)/python deploy/kafka/kafka_node.py $(ARGS)

.PHONY: lock
lock: $(filter .uv/bin/uv,$(UV)) ## Renew requirements.lock (ARGS=--upgrade for newer versions)
	$(UV) export --quiet --no-emit-workspace --all-groups --all-extras --format requirements-txt $(ARGS) \
		--output-file requirements.lock > /dev/null
	@! grep -nE '://|^--' requirements.lock || { echo "requirements.lock may name no host"; exit 1; }

.PHONY: hooks
hooks: $(filter .uv/bin/uv,$(UV)) ## Check each commit before it is made
	$(UV) tool run pre-commit install --hook-type pre-commit --hook-type commit-msg

.PHONY: clean
clean: ## Delete what the tasks have put here, except the platform's data
	rm -rf .venv .uv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis deploy/kafka/libs

$(READY): requirements.lock $(PACKAGES:=/pyproject.toml) | $(filter .uv/bin/uv,$(UV))
	@test -n "$(PYTHON)" || { echo "Viceversa needs Python 3.11, 3.12 or 3.13"; exit 1; }
	@test -x $(RUN)/python || $(UV) venv --quiet --python $(PYTHON) .venv
	$(UV) pip sync --quiet --python $(RUN)/python --require-hashes --compile-bytecode requirements.lock
	$(UV) pip install --quiet --python $(RUN)/python --no-deps $(PACKAGES:%=--editable %)
	@touch $@

.uv/bin/uv:
	@test -n "$(PYTHON)" || { echo "Viceversa needs Python 3.11, 3.12 or 3.13"; exit 1; }
	$(PYTHON) -m venv .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
