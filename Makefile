# Needs python3 (3.11 or later) and make. The first target installs everything into .venv,
# later ones install nothing until pyproject.toml or constraints.txt change.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo install test test-all docs lint clean

# The whole loop on synthetic faces: train, release, attack, score, table. What was stopped goes
# on, what is finished is shown again; remove demo-out for another.
demo: $(READY)
	$(BIN)/leakboard demo --out demo-out

# Only what the first of the others does as well.
install: $(READY)

# The quick suite, on every core; files stay whole, since their tests share what they made.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/pytest -m "not slow" --numprocesses auto --dist loadfile

# What the quick suite leaves out: browsers, servers, kills, fuzz, simulations.
test-all: $(READY)
	$(BIN)/pytest -m slow

# The pages of docs/ as a site, site/index.html; a warning is an error.
docs: $(READY)
	$(BIN)/sphinx-build --fresh-env --fail-on-warning --keep-going --quiet \
		--doctree-dir build/doctrees docs site

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The stamp is touched last: an interrupted installation is taken up again.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit( \
	"Leakboard needs Python 3.11 or later, but $(PYTHON) is %d.%d; " % v[:2] + \
	"name another with: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	@echo "Installing into $(VENV): some 7.5 GB, 5 to 15 minutes without a word, once."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable ".[dev]"
	@touch $@

clean:
	rm -rf $(VENV) build site *.egg-info
