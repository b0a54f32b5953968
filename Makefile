# The workshop. `make demo` runs the main job, `make test` passes the tests; both install what they need.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMPS := .stamps

.PHONY: help setup foreign check test wheel demo bench soak docs lock format clean

help:
	@echo "make demo    boot the virtual industrial PC and give a guest its GPU, start to finish (pictures in out/demo/)"
	@echo "make test    everything: format, lint, types, import contracts, unit tests, the lab"
	@echo "make check   the part of 'make test' that needs no QEMU, servers or node (three minutes)"
	@echo "make wheel   build the wheel and install it with each extra alone"
	@echo "make bench   speed, side by side with other tools, in one run"
	@echo "make soak    the long versions of the tests"
	@echo "make format  put the sources into the agreed form"
	@echo "make docs    write docs/cli.md from the program"
	@echo "make lock    renew requirements.lock from pyproject.toml"
	@echo "make clean   remove what make made here (the download cache stays: ~/.cache/dinrail)"

$(STAMPS)/packages: packages.txt tools/install-packages
	@mkdir -p $(STAMPS)
	tools/install-packages
	@touch $@

$(STAMPS)/venv: requirements.lock pyproject.toml $(STAMPS)/packages
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

setup: $(STAMPS)/venv

# npm's two ADS clients, which tests run against our server.
$(STAMPS)/foreign: tests/foreign/package-lock.json $(STAMPS)/packages
	cd tests/foreign && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error
	@touch $@

foreign: setup $(STAMPS)/foreign

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q -m "not lab and not ads and not control"

test: check wheel foreign
	$(BIN)/pytest -q -m ads --durations=10
	$(BIN)/pytest -q -m control --durations=15
	$(BIN)/pytest -q -m lab --durations=15

wheel: setup
	$(BIN)/python -m tools.wheels

demo: setup
	$(BIN)/dinrail lab demo --out out/demo

bench: setup foreign
	$(BIN)/python -m tools.bench

soak: setup foreign
	DINRAIL_SOAK=1 $(BIN)/pytest -q

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: setup
	$(BIN)/python -m tools.clidoc

lock:
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra dev \
		--output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) $(STAMPS) out build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
