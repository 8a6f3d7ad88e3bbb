# make demo   release real files to a registry in a folder, twice
# make test   run all tests
# make bench  measure, and write docs/performance.md; BENCH="one-large cold --runs 3" for a part
# make lint   format check, lint, types
# Everything sets itself up: Python 3.11 or later and make are all it needs.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
CODE := provider/pulumi_codeartifact_release tests scripts examples benchmarks __main__.py

.PHONY: demo test bench lint format lock clean

demo: $(READY)
	@$(BIN)/python scripts/demo.py

test: $(READY)
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

bench: $(READY)
	@$(BIN)/python -m benchmarks $(BENCH)

lint: $(READY)
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/mypy

format: $(READY)
	@$(BIN)/ruff format $(CODE)
	@$(BIN)/ruff check --fix $(CODE)

# Rewrites requirements.lock with the newest versions that fit, for every platform and Python.
lock: $(READY)
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links \
	  --no-header --upgrade -o requirements.lock provider/pyproject.toml requirements.in

$(READY): requirements.txt requirements.lock provider/pyproject.toml scripts/setup_venv.py
	@$(PYTHON) scripts/setup_venv.py
	@touch $(READY)

clean:
	@rm -rf .venv .demo .coverage .mypy_cache .pytest_cache .ruff_cache
