# `make help` lists the targets.
PYTHON ?= python3
VENV ?= .venv
TORCH ?= cpu
BIN := $(VENV)/bin
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
endif
CONSTRAINTS := $(if $(filter cpu,$(TORCH)),-c constraints/cpu.txt)
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet $(CONSTRAINTS)

.DEFAULT_GOAL := help
.PHONY: help run test test-all lint types reference clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1\t/' | expand -t 12

run: $(VENV)/.run  ## install into .venv, then train an LSTM on the S&P 500 (TORCH=cuda: pip's choice of torch)
	$(BIN)/seqexp train model=lstm data=stocks

test: $(VENV)/.test  ## install the test tools, run the tests (under 10 minutes on 2 cores)
	$(BIN)/python -m pytest -n auto

test-all: $(VENV)/.dev  ## the slow tests, and those against heavy optional parts
	$(BIN)/python -m pytest -n auto -m slow

lint: $(VENV)/.dev  ## ruff, checks and format
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(VENV)/.dev  ## mypy --strict
	$(BIN)/mypy

reference: $(VENV)/.run  ## write docs/configuration.md and docs/schema.json anew from the schema
	$(BIN)/python -m seqexp.config.reference docs

clean:  ## remove .venv and caches; outputs/ stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist

# torch first and by itself: only then does the pin decide which build is fetched.
$(VENV)/.run: pyproject.toml constraints/cpu.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) torch
	$(PIP) -e .
	touch $@

$(VENV)/.test: $(VENV)/.run
	$(PIP) -e ".[test]"
	touch $@

$(VENV)/.dev: $(VENV)/.test
	$(PIP) -e ".[dev]"
	touch $@
