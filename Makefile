# `make` installs everything into .venv and runs the default suite; `make help` lists the rest.
PYTHON ?= python3
BIN := .venv/bin
SOURCES := kexue_pipe tests benchmarks
# a file's tests share what they ran; files with slow tests come first
PARALLEL := --numprocesses 2 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := report
.PHONY: report smoke test test-fast check format bench docs lock clean help

report: .venv/installed  ## run the default suite: results/report/default.html
	$(BIN)/snakemake -j8

smoke: .venv/installed  ## a first look in about a minute: results/report/smoke.html
	$(BIN)/snakemake -j8 --config suite=smoke

test: .venv/tested  ## run all tests
	$(BIN)/pytest $(PARALLEL)

test-fast: .venv/tested  ## run the tests that take seconds
	$(BIN)/pytest $(PARALLEL) -m "not slow"

check: .venv/tested  ## lint, format, types, workflow; edits nothing
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

format: .venv/tested  ## format the code
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/snakefmt Snakefile workflow

bench: .venv/tested  ## time everything beside its peers, and say which goals are met
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

docs: .venv/installed  ## rewrite docs/tables.md from the schemas
	$(BIN)/python -m kexue_pipe.core.table_docs > docs/tables.md

lock: .venv/tested  ## write the exact versions of .venv into requirements.lock
	$(BIN)/pip freeze --exclude-editable | sed 's/+cpu//' > requirements.lock

clean:  ## delete all results (checkpoints included) and keep the environment
	find results -mindepth 1 ! -name README.md -delete

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

.venv/installed: pyproject.toml requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint requirements.lock --editable .
	touch $@

.venv/tested: .venv/installed
	$(BIN)/pip install --quiet --constraint requirements.lock --editable '.[test]'
	touch $@
