# Everything from a fresh clone: Python 3.11+, git and a C++ compiler are enough.
#   make demo    the main job: the default model repairs a real bug, and proves it
#   make test    everything that must hold: make check, the real model, the real sandbox
#   make check   lint, types, directions, the tests that need no model

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/wisp
LLAMA := llama-cpp-python==0.3.36
# GCC 12 takes the tile configuration of ggml's AMX code for dead and drops it, so that code dies of
# SIGILL on processors that have AMX; dead stores are kept where the compiler knows the switches
# (github.com/ggml-org/llama.cpp/pull/26954). AMX reads a prompt half as fast again.
KEPT := $(shell echo | $(CXX) -fno-tree-dse -fno-dse -x c++ -E - 2>&1 >/dev/null | grep -q . \
  || echo -fno-tree-dse -fno-dse)
WHEELS := $(CACHE)/wheels/llama-0.3.36$(if $(KEPT),-dse)
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: demo test check lint types contracts unit remote long model setup local clean

demo: local
	$(BIN)/python benchmarks/demo.py

test: check remote long model

check: lint types contracts unit

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

contracts: setup
	$(BIN)/lint-imports

# in the order of the files: those of tests/agent take longest, and none of them may come last alone
unit: setup
	$(BIN)/pytest -m "not model and not remote and not long" -n 2 --dist loadfile --no-loadscope-reorder

remote: setup
	$(BIN)/pytest -m "remote and not model" -n 2 --dist loadfile

long: setup
	$(BIN)/pytest -m long

model: local
	$(BIN)/agent models pull qwen2.5-coder-0.5b --yes
	WISP_REQUIRE_MODEL=1 $(BIN)/pytest -m model

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml
	@echo "building the environment in $(VENV) (a minute)"
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade "pip>=25.1"
	$(PIP) install --group dev -e .
	touch $@

local: $(VENV)/.local

# llama.cpp compiles for 6 to 12 minutes; the wheel is kept outside the clone, once per machine
$(VENV)/.local: $(VENV)/.ready
	@mkdir -p "$(WHEELS)"
	@ls "$(WHEELS)"/llama_cpp_python-0.3.36-*.whl >/dev/null 2>&1 || { \
	  echo "compiling llama.cpp once for this machine (6 to 12 minutes)"; \
	  CMAKE_ARGS="-DCMAKE_CXX_FLAGS='$(KEPT)'" \
	  $(BIN)/python -m pip wheel --no-deps -w "$(WHEELS)" $(LLAMA); }
	$(PIP) install --find-links "$(WHEELS)" "llama-cpp-python[server]==0.3.36" -e ".[local]"
	touch $@

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache
