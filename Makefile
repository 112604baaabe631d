# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
export PYTHON VENV

.DEFAULT_GOAL := help
.PHONY: help demo test fork-test lint types docker-test browser-test clean

help:
	@echo "make demo          run the shop on 1, 2 and 4 nodes and report how throughput grows"
	@echo "make test          run the tests (real gunicorn, HAProxy, Valkey and Locust, no Docker)"
	@echo "make fork-test     run the framework's tests on a fork of it, under another name"
	@echo "make lint types    check style and types"
	@echo "make docker-test   run the tests that need a Docker engine"
	@echo "make browser-test  run the tests that need Chromium"
	@echo "make clean         remove the environment, caches and reports"

$(VENV)/.demo: pyproject.toml scripts/environment
	@scripts/environment "local,loadtests"
	@touch $@

$(VENV)/.dev: pyproject.toml scripts/environment
	@scripts/environment "dev"
	@touch $@

$(VENV)/.types: pyproject.toml scripts/environment
	@scripts/environment "dev,types"
	@touch $@ $(VENV)/.dev

$(VENV)/.browser: pyproject.toml scripts/environment
	@scripts/environment "dev,browser"
	@touch $@ $(VENV)/.dev

demo: $(VENV)/.demo
	@rm -f reports/demo.db*; mkdir -p reports
	@$(BIN)/twofold verify --directory examples/shop --nodes 1,2,4 --max-time 4m \
		--env DATABASE_URL=sqlite:///$(CURDIR)/reports/demo.db \
		--json reports/demo.json --html reports/demo.html

test: $(VENV)/.dev
	$(BIN)/pytest -m "not docker and not browser"

fork-test: $(VENV)/.dev
	$(BIN)/python scripts/fork-test -q

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.types
	$(BIN)/mypy
	$(BIN)/pyright

docker-test: $(VENV)/.dev
	$(BIN)/pytest -m docker tests/docker

browser-test: $(VENV)/.browser
	$(BIN)/pytest -m browser tests/browser

clean:
	rm -rf $(VENV) .cache .nox .mypy_cache .pytest_cache .ruff_cache reports
