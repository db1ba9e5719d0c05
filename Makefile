# Everything happens in .venv inside this folder; nothing else on the machine is changed.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
# One thread for each process: the work is spread over processes, and a grader that forks must be single-threaded.
export OMP_NUM_THREADS ?= 1
export KERAS_BACKEND ?= torch
PACKAGES := exercises/labkit tools/labbuild tools/labs autograder/labgrade

.PHONY: help install demo test lint format test-slow test-network bench results clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: .venv/.installed  ## make .venv with pinned dependencies

.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "seqlabs needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 …" >&2; exit 3; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing pinned dependencies into .venv (a few minutes the first time)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[data,build,grade,test]'
	@touch $@

demo: install  ## build the labs, grade the sample class, print the table and the report's path
	@$(BIN)/labs build
	@$(BIN)/labs grade tests/sample_class/02-recurrent-attention --lab 02-recurrent-attention --notebook cells \
	  --timeout 5 --floor limits-only --out build/demo || test $$? -eq 1
	@$(BIN)/labs feedback build/demo || test $$? -eq 1
	@$(BIN)/labs report build/demo || test $$? -eq 1

test: install lint  ## everything that must pass
	@$(BIN)/python -m pytest -n 2

lint: install  ## ruff and mypy --strict on the packages
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: install  ## let ruff mend what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

test-slow: install  ## the marked tier: full corpora, repeats, long runs (an hour or more)
	@$(BIN)/python -m pytest -m slow

test-network: install  ## tests that ask a package registry
	@$(BIN)/python -m pytest -m network

bench: install  ## measure builds and grading beside their peers (minutes)
	@for bench in tools/bench/bench_*.py; do echo "== $$bench"; $(BIN)/python $$bench; done

results: install  ## write docs/results.md from the records of the trainings
	@$(BIN)/python tools/results/make_results.py

clean:  ## remove what was built (keeps .venv)
	@rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
