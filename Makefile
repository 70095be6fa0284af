# The one task runner: people, pre-commit and CI call the same targets.
# Everything is installed into .venv by the targets themselves; Python 3.11 and make are enough.

PYTHON ?= python3
# Without them the server's own settings apply: 127.0.0.1:8000.
HOST ?=
PORT ?=
# Folder of labelled pictures with a manifest.csv, for train, evaluate and the tests that want it.
DATA ?= $(WORKSAFE_DATA)
CONFIG ?= src/worksafe/training/configs/hazards.toml
INITIAL ?=
RUN_DIR ?= runs/$(basename $(notdir $(CONFIG)))
SPLIT ?= val
FUZZ_S ?= 60
# Processes that run tests, each of up to a gigabyte.
JOBS ?= 2
# Requests over which `make bench` watches memory; 20000 take ten minutes and more.
REQUESTS ?= 2000

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# The files are complete; to resolve again, an old pip looks at releases newer than those pinned.
LOCKED := $(PIP) --no-deps --require-hashes -r
# Our own bytecode as well, as pip makes it for all others: the server is ready 0.2 s earlier where
# nothing is written when it runs (PYTHONDONTWRITEBYTECODE, a read-only folder, another user's).
INSTALL = $(PIP) --no-deps --no-build-isolation -e . && $(BIN)/python -m compileall -q src
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header \
	--upgrade pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help serve test test-train fuzz check format bench train crossvalidate evaluate docs setup lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-12s %s\n", $$1, $$2}'

serve: $(VENV)/serve ## serve on http://127.0.0.1:8000: [HOST=… PORT=…]
	$(BIN)/worksafe serve $(if $(HOST),--host $(HOST)) $(if $(PORT),--port $(PORT))

test: $(VENV)/dev ## run all tests but those of training
	$(BIN)/pytest -m "not train" -n $(JOBS) --dist loadfile --cov --cov-report=term:skip-covered --cov-fail-under=95

test-train: $(VENV)/train ## run the tests of training; installs PyTorch
	OMP_NUM_THREADS=1 $(BIN)/pytest -m train -n $(JOBS) --dist worksteal

fuzz: $(VENV)/fuzz ## fuzz decoding and request bodies: [FUZZ_S=60] seconds each; Linux
	PYTHONPATH=tests $(BIN)/python tests/fuzz/fuzz_decode.py $(FUZZ_S)
	PYTHONPATH=tests $(BIN)/python tests/fuzz/fuzz_requests.py $(FUZZ_S)

check: $(VENV)/dev ## lint, types, import contract, docstrings, sizes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m numpydoc lint $$(find src -name '*.py')
	$(BIN)/pytest -q tests/contracts/test_architecture.py -k "lines or imports_go"

format: $(VENV)/dev ## format the code, and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/dev ## measure speed against naive servers, A B A B; tables and plots in results/
	$(BIN)/python benchmarks/bench_nudity.py
	$(BIN)/python benchmarks/bench_parts.py
	$(BIN)/python benchmarks/bench_http.py
	$(BIN)/python benchmarks/bench_video.py
	$(BIN)/python benchmarks/bench_growth.py --requests $(REQUESTS) --overload 20
	$(BIN)/python benchmarks/plot.py

train: $(VENV)/train ## train the hazards detector: DATA=… INITIAL=… [CONFIG=… RUN_DIR=…]
	$(BIN)/worksafe train "$(CONFIG)" --data "$(DATA)" --run-dir "$(RUN_DIR)" \
		$(if $(INITIAL),--initial "$(INITIAL)")

crossvalidate: $(VENV)/train ## measure a recipe on sources it never saw: DATA=… INITIAL=… CONFIG=…
	$(BIN)/worksafe crossvalidate "$(CONFIG)" --data "$(DATA)" --run-dir "$(RUN_DIR)-folds" \
		$(if $(INITIAL),--initial "$(INITIAL)")

evaluate: $(VENV)/dev ## measure what ships on labelled pictures: DATA=… [SPLIT=val]
	$(BIN)/worksafe evaluate --data "$(DATA)" --split $(SPLIT) --robustness

docs: $(VENV)/dev ## check that every link in the documents leads somewhere
	$(BIN)/pytest tests/contracts/test_documents.py

setup: $(VENV)/dev ## install what development needs

lock: $(VENV)/dev ## pin all dependencies anew, with hashes and without index addresses
	$(LOCK) --group build --group runtime --extra video -o requirements/serve.txt
	$(LOCK) --group dev --extra video -o requirements/dev.txt
	$(LOCK) --group fuzz --extra video -o requirements/fuzz.txt
	$(LOCK) --group dev --extra train --no-emit-package torch -o requirements/train.txt

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage

# A stamp file says what .venv holds; each larger set contains the smaller ones.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/serve: requirements/serve.txt pyproject.toml | $(BIN)/python
	$(LOCKED) requirements/serve.txt
	$(INSTALL)
	@touch $@

$(VENV)/dev: requirements/dev.txt pyproject.toml | $(BIN)/python
	$(LOCKED) requirements/dev.txt
	$(INSTALL)
	@touch $@ $(VENV)/serve

$(VENV)/fuzz: requirements/fuzz.txt pyproject.toml | $(BIN)/python
	$(LOCKED) requirements/fuzz.txt
	$(INSTALL)
	@touch $@ $(VENV)/dev $(VENV)/serve

# torch is not in the hashed set: its CPU build has other hashes than the registry's own file.
$(VENV)/train: requirements/train.txt pyproject.toml | $(BIN)/python
	$(LOCKED) requirements/train.txt
	$(PIP) torch==2.13.0
	$(INSTALL)
	@touch $@ $(VENV)/dev $(VENV)/serve
