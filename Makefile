# Everything a developer does, as one word each. `make` alone lists the words.

# The Python that .venv is made with (3.11 or newer).
PYTHON ?= python3
# What embeds: torch on the cpu, torch on a GPU (cuda), or no torch: the bundled model alone, 0.8 GB less to download.
TORCH ?= cpu
# How many processes run the tests side by side; each has servers of its own. Three on two cores, because for much of
# its time a test waits for what it has started.
PROCESSES ?= 3
# Passed on to pytest: make test ARGS="tests/gateway -k upload"
ARGS ?=

RUN := .venv/.ready-run-$(TORCH)
DEV := .venv/.ready-dev-$(TORCH)
BIN := .venv/bin/python -m
SET_UP := setup.cfg pyproject.toml scripts/setup_venv.py

.DEFAULT_GOAL := help
.PHONY: help run demo rq bench validate test faults check format format-check lint types imports picture clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  Settings: PORT=8000  DATA_DIR=.data  REDIS_URL=...  TORCH=cpu|cuda|none  PYTHON=python3"

run: $(RUN) ## Start everything: gateway, daemon, worker, search, dashboard and an embedded Valkey
	@exec $(BIN) scripts.run

demo: $(RUN) ## Show the system at work, from upload to search, on made-up media
	@exec $(BIN) scripts.demo

rq: $(RUN) ## RQ's own command on the system that runs in DATA_DIR; make rq ARGS=info
	@test -f "$${DATA_DIR:-.data}/environment" || { echo "Nothing runs in $${DATA_DIR:-.data}: make run"; exit 1; }
	@. "$$(cd "$${DATA_DIR:-.data}" && pwd)/environment" && exec $(BIN) rq.cli $(ARGS)

bench: $(RUN) ## Measure against other queues, side by side; ARGS="peers --rounds 3" for a part
	@exec $(BIN) scripts.bench $(ARGS)

validate: $(RUN) ## Tell what is wrong with an HLS stream; URL=https://.../master.m3u8 ARGS="--decode"
	@$(BIN) scripts.validate $(URL) $(ARGS)

test: $(DEV) ## Run the tests; ARGS="tests/broker -k claim" chooses some
	@$(BIN) pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder $(ARGS)

faults: $(DEV) ## Kill, stop and cut off everything at random for an hour, and count what was lost
	@FAULTS=20 $(BIN) pytest -m "faults or scales" --timeout 3600 -s $(ARGS)

check: format-check lint types imports test ## Everything that must hold before a change is done

format: $(DEV) ## Put the code into shape and fix what can be fixed by itself
	@$(BIN) ruff format .
	@$(BIN) ruff check --fix .

format-check: $(DEV)
	@$(BIN) ruff format --check .

lint: $(DEV) ## Look for mistakes in the code
	@$(BIN) ruff check .

types: $(DEV) ## Check the types
	@$(BIN) mypy

imports: $(DEV) ## Check who may import whom (the contracts in setup.cfg)
	@.venv/bin/python -c "from importlinter.cli import lint_imports_command as check; check()" --no-cache

picture: $(DEV) ## Take the README's picture of the page anew, on the system that runs in DATA_DIR (needs Chromium)
	@$(BIN) tests.page.picture

clean: ## Remove .venv, caches and build leftovers; never your data
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN): $(SET_UP)
	@$(MAKE) --no-print-directory set-up PURPOSE=run

$(DEV): $(SET_UP)
	@$(MAKE) --no-print-directory set-up PURPOSE=dev

.PHONY: set-up
set-up:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not there: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@$(PYTHON) scripts/setup_venv.py $(PURPOSE) $(TORCH)
