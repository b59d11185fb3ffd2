# `make demo` and `make test` do everything on a machine that has Python 3.10 or newer and pip: they make a virtual
# environment, install auvseg into it and run. PYTHON=python3.12 picks another interpreter, VENV=path another folder.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# pip compiles on one core, tests of packages included; this takes all cores and leaves those out. Without it Python compiles
# at every start where PYTHONDONTWRITEBYTECODE is set, as in many containers. A file for a later Python is no error.
QUICKLY := --quiet --no-compile
COMPILE = $(BIN)/python -m compileall -qq -j 0 -x '/tests?/' $(VENV)/lib src || true

WHOLE = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder -m "slow or not slow"

.PHONY: demo test coverage lint javascript fast package audit lowest clean

demo: $(VENV)/.runtime
	$(BIN)/auvseg demo auvseg-demo

test: lint
	$(WHOLE)

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

# Which lines the tests reach; takes half as long again as `make test`.
coverage: $(VENV)/.development
	$(WHOLE) --cov --cov-report=term --cov-fail-under=90

# The quick suite, for the minutes between two edits.
fast: $(VENV)/.development
	$(BIN)/python -m pytest

# The wheel and the source archive: whole, and at work in a clean environment.
package: $(VENV)/.development
	$(BIN)/python tools/check_package.py

# Known vulnerabilities of what is installed, where pip-audit's database can be reached.
audit: $(VENV)/.development
	$(BIN)/python tools/audit.py

# The quick suite with the lowest version of every direct dependency that pyproject.toml allows; downloads several GB.
lowest:
	$(PYTHON) -m venv $(VENV)-lowest
	$(VENV)-lowest/bin/python -m pip install --quiet uv
	$(VENV)-lowest/bin/uv pip install --quiet --compile-bytecode --python $(VENV)-lowest --resolution lowest-direct --editable ".[dev]"
	$(VENV)-lowest/bin/python -m pytest

$(VENV)/.runtime: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install $(QUICKLY) --editable .
	$(COMPILE)
	touch $@

$(VENV)/.development: $(VENV)/.runtime
	$(BIN)/python -m pip install $(QUICKLY) --editable ".[dev]"
	$(COMPILE)
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-lowest tools/js/node_modules .mypy_cache .pytest_cache .ruff_cache .coverage
