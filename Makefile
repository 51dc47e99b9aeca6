# make run    serve the course on this machine     make test   run all tests, in the browser too
# make check  run what CI runs                     make clean  remove what these targets made

VENV := .venv
BIN := $(VENV)/bin
NODE := node_modules/.stamp
# Node comes with the Python packages of requirements-dev.txt; its scripts find it on the PATH.
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# PORT and HOST are read from the command line of make only, so that variables of the environment open no port.
PORT :=
HOST :=

.PHONY: run test check lint types container format bench audit screenshots clean

run: $(VENV)/app.stamp
	$(BIN)/streamlit run app.py $(PORT:%=--server.port %) $(HOST:%=--server.address 0.0.0.0 --browser.serverAddress %)

# Compile and compute before class what a class will ask: takes some minutes, and a server then answers from disk.
warm: $(VENV)/app.stamp
	$(BIN)/python -m ntkviz warm

test: $(VENV)/dev.stamp
	NTKVIZ_BROWSER="$$($(BIN)/python scripts/find_browser.py --install)" && export NTKVIZ_BROWSER && \
	$(BIN)/python -m pytest $(ARGS)

check: lint types container test

# Lint Python, then lint, type-check and test the modules of the browser.
lint: $(VENV)/dev.stamp $(NODE)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(NPM) run --silent lint
	$(NPM) run --silent test

format: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/dev.stamp
	$(BIN)/mypy

container: $(VENV)/dev.stamp
	$(BIN)/hadolint Dockerfile

bench: $(VENV)/dev.stamp
	@NTKVIZ_BROWSER="$$($(BIN)/python scripts/find_browser.py --install)" && export NTKVIZ_BROWSER && \
	for file in benchmarks/[a-z]*.py; do \
	  name=$$(basename "$$file" .py); echo "== $$name"; $(BIN)/python -m "benchmarks.$$name" || exit 1; \
	done

# Look up known vulnerabilities of the pinned packages in the advisory database of the package index; needs the internet.
audit: $(VENV)/dev.stamp
	$(BIN)/python -m venv .cache/audit
	.cache/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1
	.cache/audit/bin/pip-audit --strict --no-deps --disable-pip -r requirements.txt

screenshots: $(VENV)/dev.stamp
	NTKVIZ_BROWSER="$$($(BIN)/python scripts/find_browser.py --install)" && export NTKVIZ_BROWSER && \
	$(BIN)/python -m scripts.screenshots

# Make the environment with the first Python of 3.11 or newer; PYTHON=/path/to/python names another.
$(BIN)/python:
	@for python in $(PYTHON) python3.11 python3.12 python3.13 python3; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "Making $(VENV) with $$($$python --version)"; exec "$$python" -m venv $(VENV); \
	  fi; \
	done; echo "ntkviz needs Python 3.11 or newer: install it, or name it with make PYTHON=..." >&2; exit 1

# Stamp files: packages are installed again only when the requirements change.
$(VENV)/app.stamp: requirements.txt | $(BIN)/python
	$(PIP) -r requirements.txt
	@touch $@

$(VENV)/dev.stamp: requirements.txt requirements-dev.txt | $(BIN)/python
	$(PIP) -r requirements-dev.txt
	@touch $@ $(VENV)/app.stamp

# The lock file holds packages and their hashes, but no server: npm uses the registry that it is configured for.
$(NODE): package.json package-lock.json | $(VENV)/dev.stamp
	$(NPM) ci --silent --no-fund --no-audit
	@touch $@

clean:
	rm -rf $(VENV) node_modules .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis test-artifacts build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
