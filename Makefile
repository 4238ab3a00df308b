# Everything is set up in .venv by the targets themselves; nothing else is touched.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help quickstart test lint types clean

help:  ## show the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/'

$(VENV)/.run: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.run
	$(PIP) --editable '.[dev]'
	touch $@

quickstart: $(VENV)/.run  ## build the embedded sets, run the systems, print the leaderboard
	$(BIN)/tsebench run quickstart

test: $(VENV)/.dev  ## run all tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4

lint: $(VENV)/.dev  ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy wants the package under its own name; the repository root is the package.
types: $(VENV)/.dev  ## mypy
	rm -rf build/types && mkdir -p build/types/tsebench
	cd build/types/tsebench && ln -s ../../../*.py ../../../py.typed ../../../bench ../../../datasets ../../../reports ../../../systems .
	cd build/types && MYPYPATH=. ../../$(BIN)/mypy --config-file ../../pyproject.toml -p tsebench

clean:  ## remove what the targets made
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
