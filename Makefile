# Needs Python 3.11 or newer and make; everything else is installed into .venv from requirements.lock.
#   PYTHON=…     another interpreter for .venv        ARGS=…    further arguments of the program behind a target
#   COVERAGE=1   measure coverage while testing       UPGRADE=1 let `make lock` move to newer versions

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

PYTHON ?= $(firstword $(shell for p in python3.11 python3.12 python3.13 python3; do command -v $$p; done))
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help demo install test selfcheck lint style types arrows contracts format protos lock clean

help: ## say what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 18

demo: install ## certify the bundled implementations, raise MadQCI and break it, and say where the report is
	@$(BIN)/qkd-harness demo $(ARGS)

test: install ## run all tests
	@$(BIN)/$(if $(COVERAGE),coverage run -m )pytest tests -n 2 --dist worksteal $(ARGS)

selfcheck: install ## every suite on every bundled fault and correct variant (a quarter of an hour on two cores)
	@$(BIN)/qkd-harness selfcheck $(ARGS)

lint: style types arrows contracts ## all static checks (each also alone; -k runs all, whatever fails)

style: install
	@echo "ruff check" && $(BIN)/ruff check .
	@echo "ruff format" && $(BIN)/ruff format --check .

types: install
	@echo "mypy" && $(BIN)/mypy

arrows: install
	@echo "import-linter" && $(BIN)/lint-imports --no-logo

contracts: install
	@$(BIN)/python protos/contracts.py lint
	@$(BIN)/python protos/contracts.py breaking
	@$(BIN)/python protos/contracts.py check

format: install ## let ruff mend what it can
	@$(BIN)/ruff check --fix-only . && $(BIN)/ruff format .

protos: install ## regenerate the stubs from the .proto files
	@$(BIN)/python protos/contracts.py generate

install: .venv/.installed ## make .venv with what is locked and this project (editable)

# uv (itself by hash, from the lock) takes seconds where pip takes a minute; where only pip is set up to reach
# an index, pip does it all
.venv/.locked: requirements.lock | $(BIN)/python
	@echo "Installing what requirements.lock names ..."
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > .venv/uv.lock
	@$(PIP) install --require-hashes -r .venv/uv.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock || \
	  { echo "uv could not; pip can take a minute or two ..."; $(PIP) install --require-hashes -r requirements.lock; }
	@touch $@

.venv/.installed: pyproject.toml .venv/.locked
	@echo "Installing this project into .venv ..."
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(BIN)/python:
	@test -n "$(PYTHON)" && "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name it with: make PYTHON=/path/to/python"; exit 1; }
	@echo "Making .venv with $(PYTHON) ..."
	@"$(PYTHON)" -m venv .venv || \
	  { rm -rf .venv; echo "$(PYTHON) cannot make environments: install its venv module (Debian: python3-venv)"; exit 1; }

# uv resolves for every platform and Python at once; the lock names packages and hashes, no index or host
lock: $(BIN)/uv ## write requirements.lock anew from pyproject.toml
	@$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' --quiet \
	  $(if $(UPGRADE),--upgrade) --output-file requirements.lock
	@! grep -n '://' requirements.lock
	@echo "requirements.lock: $$(grep -c == requirements.lock) packages"

# a lock that cannot be installed must not stand in the way of making a new one
$(BIN)/uv: | $(BIN)/python
	@$(PIP) install uv

clean: ## remove .venv and everything that was built or measured
	@rm -rf .venv build dist out .coverage .coverage.* htmlcov .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
