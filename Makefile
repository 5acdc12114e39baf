# Two commands for a fresh machine: `make demo` and `make test`. Each sets itself up in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= ../shared/data/pairs.csv
ENCODER ?= mini
APP ?=
QUICK ?=
NOT_FAST := database or browser or ray or offline_towers or clip_towers or slow

.PHONY: demo test test-fast check hooks quality bench screenshots app-build clean help

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

$(VENV)/.ready: pyproject.toml .ci/ensure_mongod.py
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Argus needs Python 3.10 or newer: make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV); the first time takes a few minutes (torch is large)."
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[offline,ray,test]' || \
	  { echo "Installing failed. It needs about 8 GB of free disk here, most of it torch; free now:"; df -h . ; exit 1; }
	$(BIN)/python .ci/ensure_mongod.py
	@touch $@

## make demo [APP=1]        run the main job on the shipped pairs; APP=1 opens the FiftyOne App
demo: export FIFTYONE_DO_NOT_TRACK = true
demo: export FIFTYONE_DATABASE_VALIDATION = false
demo: $(VENV)/.ready
	$(BIN)/argus link
	$(BIN)/argus demo --out demo-out $(if $(APP),--app)

## make test                the checks and all tests
test: check
	$(BIN)/python -m pytest

## make test-fast           tests without database, browser, Ray or towers: at most 90 s on 2 cores
test-fast: $(VENV)/.ready
	$(BIN)/python -m pytest -m "not ($(NOT_FAST))" --durations 3

## make check               lint, format, types, files: the list in .pre-commit-config.yaml, on all files
check: export PRE_COMMIT_HOME = $(CURDIR)/$(VENV)/pre-commit
check: $(VENV)/.ready
	@if git rev-parse --git-dir >/dev/null 2>&1; then $(BIN)/pre-commit run --all-files; \
	else echo "Not a git checkout: which files are checked is not known, so none is."; fi

## make hooks               the same checks on what a commit changes, before each commit
hooks: $(VENV)/.ready
	$(BIN)/pre-commit install

## make quality DATA=pairs.csv [ENCODER=mini]   measure on a list of pairs with masks, write docs/quality.md
quality: $(VENV)/.ready
	$(BIN)/python -m benchmarks.quality --pairs $(DATA) --encoder $(ENCODER)

## make bench [QUICK=1]     measure speed, write docs/benchmarks.md; QUICK=1: the same ratios in about 25 minutes
bench: $(VENV)/.ready
	$(BIN)/python -m benchmarks.speed $(if $(QUICK),--quick)

## make screenshots         the README's pictures of the App, made anew in a real Chromium
screenshots: $(VENV)/.ready
	$(BIN)/python -m pytest tests/browser/make_screenshots.py

## make app-build           the panels' TypeScript into assets/argus_panels.js (needs npm)
app-build:
	cd app && npm ci && npm run build

clean:
	rm -rf $(VENV) demo-out out
