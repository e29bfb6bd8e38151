# Needs make and Python 3.11, 3.12 or 3.13 with venv; everything else goes into .venv.

PYTHON ?= python3
BIN := .venv/bin
PLUGINS := $(wildcard plugins/*/pyproject.toml)
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet -c constraints.txt

# Another environment that happens to be active, or pip settings made for one, do not reach .venv.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH PIP_PREFIX PIP_TARGET PIP_USER

.DEFAULT_GOAL := help
.PHONY: help demo test check format reference bench peers clean

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

demo: .venv/made  ## train a small model on images
	$(BIN)/azuraforge train images

test: .venv/made-dev  ## the tests, but for the slow ones
	$(BIN)/pytest

check: .venv/made-dev  ## format, lint, types, who imports whom
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: .venv/made-dev  ## write the format, and the fixes that are safe
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

reference: .venv/made-dev  ## write docs/ops.md and docs/functions.md anew
	$(BIN)/python -m azuraforge.engine.reference docs

bench: .venv/made-peers  ## our speed beside PyTorch's; on a machine that does nothing else
	$(BIN)/python -m benchmarks.compare

peers: .venv/made-peers  ## PyTorch, for the tests and benchmarks that compare with it

clean:  ## remove .venv and everything else that was made
	rm -rf .venv build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/made: pyproject.toml constraints.txt $(PLUGINS)
	@$(PYTHON) -c 'import sys; v = sys.version_info; (3, 11) <= v < (3, 14) or sys.exit( \
	    f"AzuraForge needs Python 3.11, 3.12 or 3.13; $(PYTHON) is {v[0]}.{v[1]}." \
	    " Name another: make PYTHON=python3.12")'
	@$(BIN)/python -c "" 2>/dev/null || $(PYTHON) -m venv --clear .venv
	@echo "Installing AzuraForge into .venv (about a minute and 1 GB the first time) ..."
	@$(PIP) -e '.[all]' $(PLUGINS:%/pyproject.toml=-e ./%)
	@touch $@

.venv/made-dev: .venv/made
	@echo "Installing the development tools into .venv ..."
	@$(PIP) 'azuraforge[dev]'
	@touch $@

.venv/made-peers: .venv/made
	@echo "Installing PyTorch into .venv ..."
	@$(PIP) 'azuraforge[peers]'
	@touch $@
