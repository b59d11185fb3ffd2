# `make demo` and `make test` do everything on a machine that has Python 3.10 or newer and pip: they make a virtual
# environment, install auvseg into it and run. PYTHON=python3.12 picks another interpreter, VENV=path another folder.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint fast clean

demo: $(VENV)/.runtime
	$(BIN)/auvseg demo auvseg-demo

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile -m "slow or not slow" --cov --cov-report=term --cov-fail-under=90

lint: $(VENV)/.development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The quick suite, for the minutes between two edits.
fast: $(VENV)/.development
	$(BIN)/python -m pytest

$(VENV)/.runtime: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.development: $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .coverage
