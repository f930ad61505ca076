# Everything runs in .venv, which the first target to be called prepares; no need to activate it.
#   make demo    draw H&E from example label maps into demo-output/
#   make test    all checks and tests, as CI runs them
#   make lint    the checks alone
#   make train DATA=folder [CONFIG=models/colon-3class/train.toml]
#   make clean   remove what builds and runs left (make clean-all: the environment as well)
# PYTHON=/path/to/python chooses the interpreter when .venv is made.

BIN := .venv/bin
CONFIG ?= models/colon-3class/train.toml
# two processes, each with a screen of its own; all tests of a file in one, for they share models; in the
# order that tests/conftest.py gives them
PYTEST_ARGS ?= --numprocesses 2 --dist loadfile --no-loadscope-reorder
export PYTHON
# compile what is imported once, not in every process
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo test lint checks suite train clean clean-all

setup:
	@scripts/setup.sh

demo: setup
	$(BIN)/histosynth demo

# the checks take one core, and so does the start of the tests
test: setup
	@$(MAKE) --no-print-directory --jobs 2 checks suite

suite:
	$(BIN)/pytest $(PYTEST_ARGS)

lint: setup
	@$(MAKE) --no-print-directory checks

checks:
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

train: setup
	@test -n "$(DATA)" || { echo "make train needs DATA=folder, the one that holds the training images" >&2; exit 2; }
	$(BIN)/histosynth train paint --config "$(CONFIG)" --data "$(DATA)"

clean:
	rm -rf build dist demo-output .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

clean-all: clean
	rm -rf .venv
