# make demo   release real files to a registry in a folder, twice
# make check  lint, and the fast tests: in about four minutes
# make test   run all tests
# make bench  measure, and write docs/performance.md; BENCH="one-large cold --runs 3" for a part
# make generate  write what is made from the code: docs/api.md, the template for `pulumi new`, the jobs of `init --ci`
# make lint   format check, lint, types, spelling, Markdown
# Everything sets itself up: Python 3.11 or later and make are all it needs.

PYTHON ?= python3
# Compiled modules halve the time of the tests. __pycache__ is ignored by git.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
CODE := provider/pulumi_codeartifact_release tests scripts examples benchmarks __main__.py
TEXT := *.md *.toml Makefile docs provider

.PHONY: demo check test bench lint types text format generate lock ready clean

demo: ready
	@$(BIN)/python scripts/demo.py

check: lint
	@$(BIN)/python -m pytest -m "not slow" tests/unit tests/functional tests/model $(PYTEST_ARGS)

test: ready
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

bench: ready
	@$(BIN)/python -m benchmarks $(BENCH)

lint: ready
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/ruff check $(CODE)
	@$(MAKE) --no-print-directory --jobs types text

types:
	@$(BIN)/mypy

text:
	@$(BIN)/codespell $(TEXT) $(CODE)
	@$(BIN)/pymarkdown --strict-config scan -r *.md docs provider examples

format: ready
	@$(BIN)/ruff format $(CODE)
	@$(BIN)/ruff check --fix $(CODE)

generate: ready
	@$(BIN)/python -m scripts.generate $(COMMIT)

# Rewrites what is pinned, with the newest versions that fit, for every platform and Python: all of it with hashes for
# `make`; what the distribution needs with hashes for CI; and that without hashes for `pulumi install`, because pip
# refuses an editable install beside hashes.
PACKAGED_LOCK = provider/pulumi_codeartifact_release/cli/project/requirements.lock
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links \
  --no-header
lock: ready
	@$(COMPILE) --upgrade --generate-hashes -o requirements.lock provider/pyproject.toml requirements.in
	@grep ^flit_core requirements.in | $(COMPILE) --generate-hashes -c requirements.lock -o $(PACKAGED_LOCK) \
	  provider/pyproject.toml -
	@$(COMPILE) -c requirements.lock -o provider/requirements.txt provider/pyproject.toml

ready:
	@$(PYTHON) scripts/setup_venv.py

clean:
	@rm -rf .venv .demo .coverage .mypy_cache .pytest_cache .ruff_cache
