# `make demo` and `make test` do everything on a machine that has Python 3.10 or newer and pip: they make a virtual
# environment, install auvseg into it and run. PYTHON=python3.12 picks another interpreter, VENV=path another folder.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint javascript fast clean

demo: $(VENV)/.runtime
	$(BIN)/auvseg demo auvseg-demo

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile -m "slow or not slow" --cov --cov-report=term --cov-fail-under=90

lint: $(VENV)/.development javascript
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The report's JavaScript: types, lint, tests. Without Node.js it is left out with a word, but not in CI.
javascript:
ifneq ($(shell command -v npm),)
	cd tools/js && npm ci --silent && npm run --silent types && npm run --silent lint && npm run --silent test
else ifdef CI
	$(error CI needs npm, which checks the report's JavaScript)
else
	@echo "no npm: the report's JavaScript is not checked"
endif

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
	rm -rf $(VENV) tools/js/node_modules .mypy_cache .pytest_cache .ruff_cache .coverage
