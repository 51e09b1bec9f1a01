PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-all lint clean

demo: $(READY)  ## the whole loop on synthetic faces: generate, attack, score, table
	$(BIN)/leakboard demo

test: $(READY)  ## the quick suite: ruff, mypy, doctests, tests
	$(MAKE) lint
	$(BIN)/pytest -m "not slow"

test-all: $(READY)  ## browsers, servers, kills, fuzz, simulations
	$(BIN)/pytest -m slow

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info
