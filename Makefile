# Two commands on a fresh machine: `make demo` and `make test`. Both make .venv and install into it.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test coverage lint docs tutorials clean

demo: .venv/installed
	$(BIN)/exemplum demo

test: .venv/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

coverage: .venv/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=term --cov-report=html

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m tools.links
	$(BIN)/python -m tools.english

# The site of the docs in site/; a warning is an error. make docs && python -m http.server --directory site
docs: .venv/installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

# Every command of the tutorials, in temporary folders, and the notebook
tutorials: .venv/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m tools.tutorials
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m slow tests/test_notebook.py

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Exemplum needs Python 3.11 or later; say which: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv exemplum-demo htmlcov .coverage site .cache
