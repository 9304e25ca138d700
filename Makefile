# Every target sets up what it needs: Python >= 3.11, make and git are enough, root is not. Stamps make repeat runs quick.
.DELETE_ON_ERROR:
.PHONY: help demo test test-stacks check accuracy bench fuzz coverage corpora chains checks probing replays edge-clients api-fuzz gateway-load docs lock clean

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install
LOCK := $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options $(UPGRADE)
TIME ?= 60
SIZE ?= full
DIR ?=

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

demo: $(VENV)/run.stamp  ## the runbook's failures, diagnosed from recordings, then provoked on a gateway of our own and mended
	@$(BIN)/python tools/demo.py

test: $(VENV)/dev.stamp  ## the test suite (no network, no foreign stacks)
	$(BIN)/python -m pytest -n auto

test-stacks: $(VENV)/dev.stamp  ## the tests that need real foreign TLS stacks or tshark (lab/packages.txt)
	$(BIN)/python -m pytest -m stacks

check: $(VENV)/dev.stamp  ## ruff, mypy --strict, generated documents
	$(BIN)/ruff check --no-cache .
	$(BIN)/mypy
	@for tool in tools/make_*.py; do echo $$tool --check; $(BIN)/python $$tool --check || exit 1; done

docs: $(VENV)/dev.stamp  ## write everything that is generated: registry, schema, documents
	@for tool in tools/make_*.py; do echo $$tool; $(BIN)/python $$tool || exit 1; done

accuracy: $(VENV)/run.stamp  ## 544 labelled captures of real stacks, all and held out
	$(BIN)/python benchmarks/accuracy.py

bench: $(VENV)/run.stamp  ## speed, memory and start-up beside tshark (SIZE=small for a quick look)
	$(BIN)/python benchmarks/bench.py --size $(SIZE)

chains: $(VENV)/dev.stamp  ## how far the profiles agree with OpenSSL, Java and Go on generated chains
	$(BIN)/python benchmarks/chains.py

checks: $(VENV)/run.stamp  ## a folder of 10,000 certificates, beside openssl and one Python process
	$(BIN)/python benchmarks/checks.py

probing: $(VENV)/dev.stamp  ## what a server accepts, beside sslscan, sslyze and testssl (lab/packages.txt)
	$(BIN)/python benchmarks/probing.py

replays: $(VENV)/dev.stamp  ## causes of a refused ClientHello x server stacks, replayed (lab/packages.txt)
	$(BIN)/python -m benchmarks.replays

gateway-load: $(VENV)/dev.stamp  ## the local gateway beside nginx, and 10,000 failing handshakes (lab/packages.txt)
	$(BIN)/python benchmarks/gateway.py

edge-clients: $(VENV)/dev.stamp  ## apigeetool, apigee-edge-js and apigeecli against the local Management API (needs node and npm)
	$(BIN)/python -m lab.edge_clients

api-fuzz: $(VENV)/dev.stamp  ## schemathesis over the local Management API
	$(BIN)/python -m lab.api_fuzz

corpora: $(VENV)/run.stamp  ## what we read beside what tshark reads, over a folder of captures: DIR=...
	$(BIN)/python benchmarks/corpora.py $(DIR)

fuzz: $(VENV)/fuzz.stamp  ## coverage-guided fuzzing of every parser (TIME=seconds)
	$(BIN)/python -m tools.fuzz --seconds $(TIME)

coverage: $(VENV)/dev.stamp  ## line coverage of wire/ and capture/, each at least 90 %
	$(BIN)/python tools/coverage_rooms.py

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "whytls needs Python 3.11 or newer (python3 on the path, or make PYTHON=/path/to/python)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "$(PYTHON) cannot make a virtual environment (Debian: the package python3-venv)"; exit 1; }

$(VENV)/run.stamp: requirements/run.txt pyproject.toml | $(BIN)/python
	$(PIP) --require-hashes -r requirements/run.txt
	$(PIP) --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q src  # as an installation does: a cold start reads bytecode
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/fuzz.stamp: requirements/fuzz.txt $(VENV)/run.stamp
	$(PIP) --require-hashes -r requirements/fuzz.txt
	@touch $@

# Versions that are locked stay as long as pyproject.toml allows them; `make lock UPGRADE=--upgrade` moves on to the newest.
lock: $(VENV)/dev.stamp  ## write requirements/*.txt anew
	$(LOCK) --build-deps-for editable --extra gateway -o requirements/run.txt pyproject.toml
	$(LOCK) --build-deps-for editable --extra gateway --extra dev -c requirements/run.txt -o requirements/dev.txt pyproject.toml
	$(LOCK) --build-deps-for editable --extra gateway --extra fuzz -c requirements/dev.txt -o requirements/fuzz.txt pyproject.toml

clean:  ## remove what was made
	rm -rf $(VENV) .work build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* src/*.egg-info
