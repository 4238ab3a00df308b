# Everything is set up in .venv by the targets themselves; nothing else is touched.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# Bytecode of what is never imported would cost more time than that of the rest saves.
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt

.PHONY: help quickstart results docs test test-long kills fuzz licences audit lint types clean

help:  ## show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/'

$(VENV)/.run: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

# Of resemblyzer the weights alone are needed; its dependencies have to be compiled.
$(VENV)/.dev: $(VENV)/.run
	$(PIP) --editable '.[dev]'
	$(PIP) --no-deps resemblyzer
	touch $@

$(VENV)/.docs: $(VENV)/.run
	$(PIP) --editable '.[docs]'
	touch $@

# EXTRAS=asteroid,scaper of pyproject.toml besides; all at once, because pip takes ten seconds to resolve each time.
EXTRAS ?= asteroid
$(VENV)/.all: $(VENV)/.run
	$(PIP) --editable '.[dev,docs,$(EXTRAS)]'
	$(PIP) --no-deps resemblyzer
	touch $(VENV)/.dev $(VENV)/.docs $@

# Of npm: checks of pages for keyboards and screen readers. Their tests skip without it.
tests/axe/node_modules: tests/axe/package-lock.json
	npm ci --prefix tests/axe --silent --no-audit --no-fund --ignore-scripts
	touch $@

quickstart: $(VENV)/.run  ## build the embedded sets, run the systems, print the leaderboard
	$(BIN)/tsebench run quickstart

PAPERS = soundbeam_table1 soundbeam_table2 query_refinement_table1 query_refinement_fig3 \
         speakerbeam_conditioning tse_vs_cascade generative av_table1 av_table2
# RUNS=DIR... adds runs at other scales to the page.
results: $(VENV)/.run  ## run the papers' experiments on embedded data, write docs/results.md
	set -e; for paper in $(PAPERS); do $(BIN)/tsebench run paper/$$paper --set scale=mini; done
	$(BIN)/tsebench report $(PAPERS:%=runs/%_mini) $(RUNS) --out docs --format results \
	    --option results.latex=false

docs: $(VENV)/.docs  ## build the documentation site into build/site; warnings are errors
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "build/site/index.html; with search: python -m http.server --directory build/site"

# Hundreds of tests start the program, which takes longer without bytecode.
PYTEST = PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
# MARKS= runs all tests, the long ones too.
MARKS ?= not long
OPTIONS ?=
test: $(VENV)/.dev  ## run the tests
	$(PYTEST) -m "$(MARKS)" $(OPTIONS)

test-long: $(VENV)/.dev  ## run the long tests: installs, servers, browsers, kills, simulations, all sets and networks
	$(PYTEST) -m long

# NUMBER=300 SEED=1 of kills, JOBS=run,score of build, run, score, train and report.
NUMBER ?= 100
SEED ?= 0
kills: $(VENV)/.dev  ## kill long commands at random moments, and compare what they leave
	$(BIN)/python tests/campaigns --number $(NUMBER) --seed $(SEED) --jobs "$(JOBS)"

# COUNT=1000 SEED=1 of damaged files, READERS=wav,yaml of those in tests/helpers/fuzz/readers.py.
COUNT ?= 1000
fuzz: $(VENV)/.dev  ## read damaged files of every kind
	cd tests && OMP_NUM_THREADS=1 ../$(BIN)/python -m helpers.fuzz.campaign $(COUNT) "$(READERS)" $(SEED)

# The extras asteroid and scaper are listed if they are installed: pip install '.[asteroid,scaper]'.
licences: $(VENV)/.dev  ## licences of all dependencies and of what their wheels hold, into docs/licences.md
	$(BIN)/python tools/licences.py

audit: $(VENV)/.dev  ## known weaknesses of the versions in constraints.txt; exit code 2 if the database cannot be reached
	$(BIN)/python tools/audit_versions.py

lint: $(VENV)/.dev  ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy wants the package under its own name; the repository root is the package.
types: $(VENV)/.dev  ## mypy
	rm -rf build/types && mkdir -p build/types/tsebench
	cd build/types/tsebench && ln -s ../../../__init__.py ../../../__main__.py ../../../py.typed $(addprefix ../../../,bench cli core datasets doctor reference reports systems) .
	cd build/types && MYPYPATH=. ../../$(BIN)/mypy --config-file ../../pyproject.toml -p tsebench
	cd build/types && MYPYPATH=.:../../docs/site ../../$(BIN)/mypy --config-file ../../pyproject.toml -m hook
	cd build/types && MYPYPATH=../../tools ../../$(BIN)/mypy --config-file ../../pyproject.toml -m licences -m audit_versions

clean:  ## remove what the targets made
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
