# make run    set everything up, run the scenario library over phases 0-6, print the table and where the report is
# make test   set everything up, run the tests; lists what it skipped for want of PostgreSQL, Redis, stripe-mock, Chromium
#             or Stripe's command line: `.ci/install`, then `.ci/services make test` runs everything
# make lint   style, formatting and types
# make lock   choose and pin the newest versions of all dependencies (needs uv)
# make clean  remove what the other targets made, recorded runs excepted

.DELETE_ON_ERROR:
.PHONY: help run test lint lock clean

VENV := .venv
BIN := $(VENV)/bin
OUT ?= runs/library
PYTHONS ?= python3 python3.13 python3.12 python3.11 python
TESTS ?=
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

run: $(VENV)/.installed
	@$(BIN)/gatefall run --phase 0-6 --out $(OUT) --force

test: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest -n auto $(TESTS)

lint: $(VENV)/.installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

# Each stamp is touched last, so that a set-up that was cut short is done again.
$(VENV)/.python:
	@found=; for name in $(PYTHONS); do \
		if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$name; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "Python 3.11 or later is needed; tried: $(PYTHONS)." >&2; \
		echo "Install one, or name it: make PYTHONS=/path/to/python3.12 $(MAKECMDGOALS)" >&2; \
		exit 1; \
	fi; \
	if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "$$found lacks the modules venv and ensurepip (on Debian and Ubuntu: apt install python3-venv)." >&2; \
		exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$("$$found" --version)"; \
	"$$found" -m venv --clear $(VENV) && touch $@

$(VENV)/.installed: $(VENV)/.python requirements.txt pyproject.toml
	@echo "Installing what requirements.txt pins"
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	@echo "Installing what requirements-dev.txt pins"
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.txt
	@touch $@

# The same versions for every Python, and no addresses of package indexes in the files.
LOCK = uv pip compile --quiet --upgrade --generate-hashes --universal --fork-strategy fewest --python-version 3.11 \
	--no-annotate --no-header --no-emit-index-url --no-emit-find-links pyproject.toml --group build
NOTE = \# Locked by `make lock`: every package with its version and hashes, the same on Python 3.11, 3.12 and 3.13.
lock:
	@(echo '$(NOTE)' && $(LOCK) --extra postgresql --extra redis) > requirements.txt.new && mv requirements.txt.new requirements.txt
	@(echo '$(NOTE)' && $(LOCK) --all-extras --group dev) > requirements-dev.txt.new && mv requirements-dev.txt.new requirements-dev.txt

clean:
	@rm -rf $(VENV) .venv-other node_modules build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
