# Two commands do everything from a fresh clone: `make demo` and `make test`.
# Both may be repeated; they set up .venv the first time and do nothing there the second.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?=
export PYTHON

BIN := .venv/bin
PORT ?=
# Most of the time is waiting, so three processes on two cores. A file is one process's.
PYTEST_ARGS ?= -n 3 --dist loadfile

.PHONY: help demo test check format lock bench chaos setup setup-demo clean

help:  ## Show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

demo: setup-demo  ## Start everything on this machine: agent server, bridge and a Slack-like page
	@exec $(BIN)/letta-bridge demo $(if $(PORT),--port $(PORT))

test: setup  ## Run every check and every test
	@chromium="$$(scripts/ensure-chromium)"; \
	echo "Running the tests…"; \
	CHROMIUM="$$chromium" $(BIN)/python -m pytest $(PYTEST_ARGS)
	@$(MAKE) --no-print-directory check

check: setup  ## Lint, formatting, types and import contracts
	@echo "Checking style, types and imports…"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup  ## Bring the code into shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup  ## Print the benchmarks' figures beside their floors
	@$(BIN)/python -m bench

chaos: setup  ## Break things for twenty minutes and judge what people see (SEED, ROUNDS, FAULTS, WRITE)
	@$(BIN)/python -m tests.chaos

lock: setup  ## Resolve the dependencies again and write the hash locks
	@scripts/lock

setup:
	@scripts/setup dev

setup-demo:
	@scripts/setup demo

clean:  ## Remove what was installed and built (the demo's workspace in .demo stays)
	@rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
