# make demo · make test: the two commands of the README. PYTHON names the interpreter to use.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test docs bench clean

demo: $(VENV)/.installed
	$(BIN)/yuxi-gis demo --overwrite

test: $(VENV)/.tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

docs: $(VENV)/.installed
	$(BIN)/python -c 'from pathlib import Path; from yuxi_gis.checks import RULES, write_pages; write_pages(Path("docs/rules"), RULES)'

bench: $(VENV)/.tools
	$(BIN)/python benchmarks/accuracy.py
	$(BIN)/python benchmarks/detection.py
	$(BIN)/python benchmarks/villages.py
	$(BIN)/python benchmarks/change.py
	$(BIN)/python benchmarks/attribution.py
	$(BIN)/python benchmarks/read_geopackage.py
	$(BIN)/python benchmarks/webmap.py
	$(BIN)/python benchmarks/checks.py 100000

$(VENV)/.installed: setup.cfg pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.tools: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	touch $@

clean:
	rm -rf $(VENV) yuxi-demo build *.egg-info
