# Two commands set everything up: `make demo` runs the server, `make test` runs every check.
# Both need only Python 3.11 or newer with venv.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint types unit conformance fuzz soak agents bench clean

demo: $(VENV)/.run
	$(BIN)/llm-mux demo

test: lint types unit

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.dev
	$(BIN)/mypy
	$(BIN)/pyright

unit: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto --dist worksteal

conformance: $(VENV)/.dev
	$(BIN)/python -m pytest tests -n auto --dist worksteal --conformance docs/conformance.md

fuzz: $(VENV)/.dev
	$(BIN)/python -m fuzz --seconds 600

MINUTES ?= 10
STREAMS ?= 500

soak: $(VENV)/.dev
	$(BIN)/python -m tests.faults.soak --minutes $(MINUTES) --streams $(STREAMS)
	LLM_MUX_SOAK=50 $(BIN)/python -m pytest tests/life -k killing

agents: $(VENV)/.dev
	$(BIN)/python -m tests.agents

bench: $(VENV)/.run
	$(BIN)/python -m bench $(ARGS)

$(VENV)/.python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	touch $@

$(VENV)/.run: $(VENV)/.python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test,lint]'
	touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
