# One word per chore. Everything a fresh Debian or Ubuntu machine needs beyond Python 3.11, make and Node 20 is set up by these.
.PHONY: demo test check bench js format clean conformance
.DEFAULT_GOAL := demo

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
JS_READY := js/node_modules/.ready

demo: $(READY)            ## start the sample site on memory and a temporary SQLite file, and print its address
	$(BIN)/alsohere demo

test: $(READY) $(JS_READY) browser  ## everything: unit, model, interop, hostile, browser, js
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --ignore=tests/browser
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/browser
	cd js && npm test --silent

check: $(READY) $(JS_READY)         ## lint, types, import law, docs tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	cd js && npm run --silent check
	$(BIN)/python -m pytest tests/test_shape.py tests/test_docs.py tests/test_docs_examples.py tests/test_bundle.py

bench: $(READY)           ## the table of docs/reference/benchmarks.md (needs a C compiler and Node)
	$(BIN)/python bench/run.py

js: $(JS_READY)           ## rebuild the browser bundle under src/alsohere/server/static
	cd js && npm run --silent build

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: browser
browser:
	@sh tests/browser/install.sh

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "alsohere needs Python 3.11 or newer; set PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq python3-venv; \
	  else echo "Python's venv module is missing: sudo apt-get install python3-venv"; exit 1; fi; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

$(JS_READY): js/package.json js/package-lock.json
	cd js && npm ci --silent --no-audit --no-fund
	@touch $@

clean:
	rm -rf $(VENV) js/node_modules bench/build
