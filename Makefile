# The two commands are `make` (set-up, then the demo reports) and `make test`. `make help` lists the rest.
# Kept to what make 3.81 (macOS) understands.

# The first Python that is new enough; PYTHON=... overrides it.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && exit; done; echo python3)
BIN := .venv/bin
DEMO := data/demo
WORKSPACES := $(sort $(dir $(wildcard data/*/kpi.toml)) $(DEMO)/)
UPGRADE = --upgrade
UV_COMPILE = $(BIN)/python -m uv pip compile --quiet --universal --generate-hashes --no-header
PYTEST = $(BIN)/python -m pytest

.DEFAULT_GOAL := report
.PHONY: report setup setup-dev test test-slow test-spark mutants lint lock lab bench bench-kpis bench-explorers bench-reports clean help

report: setup $(DEMO)/kpi.toml ## set up and render the demo reports (the default)
	@for workspace in $(WORKSPACES); do \
		$(BIN)/kpi --workspace $$workspace report --all --out reports || exit $$?; \
	done
	@echo; echo "Open in a browser:"
	@for page in reports/index.html reports/*/*/*/report.html; do \
		case $$page in *.failed/*) continue;; esac; \
		if [ -f "$$page" ]; then echo "  $(CURDIR)/$$page"; fi; \
	done

# small, so that its reports take seconds; drawn once and kept until `make clean`
$(DEMO)/kpi.toml: | setup
	@$(BIN)/kpi sample $(DEMO) --users 1500

setup: ## make or mend .venv with what the reports need
	@$(PYTHON) setup/install.py runtime

setup-dev: # the same with what the tests need
	@$(PYTHON) setup/install.py dev
	@setup/chromium.sh

test: setup-dev ## set up and run the test suite with its coverage
	@$(PYTEST) -n logical --cov --cov-report=term

test-slow: setup-dev ## the long simulations, wide property searches and installs
	@$(PYTEST) -n logical -m "slow or hypothesis" --hypothesis-profile=search

test-spark: ## --engine spark against the answers of one machine, in an environment of its own; needs Java 17
	@test -x .venv-spark/bin/python || $(PYTHON) -m venv .venv-spark
	@for lock in dev spark; do .venv-spark/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--require-hashes -r requirements/$$lock.lock || exit $$?; done
	@.venv-spark/bin/python -m pytest -n 0 -m spark tests/sources/test_cluster.py

mutants: setup-dev ## plant small faults in the central modules and see which no test notices (MUTANTS="measure --every 3")
	@$(BIN)/python -m tests.mutants.run $(MUTANTS)

lint: setup-dev ## style, types and import floors alone
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

lab: setup ## open the notebooks in JupyterLab (WORKSPACE=data/clickstream for the other data)
	@$(BIN)/kpi --workspace $(or $(WORKSPACE),data/cdnow) lab

bench: ## measure side by side with other engines, in an environment of its own (BENCH="--events 1000000 --runs 5")
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/bench.lock
	@.venv-bench/bin/python benchmarks/run.py $(BENCH)

bench-kpis: setup ## measure the whole catalogue on the demo company (BENCH="--users 10000,20000 --runs 3")
	@$(BIN)/python benchmarks/catalogue.py $(BENCH)

bench-explorers: setup ## measure how soon explorers answer (BENCH="--events 1000000 --runs 5")
	@$(BIN)/python benchmarks/explorers.py $(BENCH)

bench-reports: setup ## measure ten monthly reports against ten empty notebooks (BENCH="--rounds 3")
	@$(BIN)/python benchmarks/reports.py $(BENCH)

lock: setup-dev ## choose new versions of all requirements and lock them by hash (UPGRADE= keeps the old where it can)
	@echo uv | $(UV_COMPILE) $(UPGRADE) --no-annotate - -o requirements/bootstrap.lock
	@$(UV_COMPILE) $(UPGRADE) --group build pyproject.toml -o requirements/runtime.lock
	@$(UV_COMPILE) $(UPGRADE) --group dev pyproject.toml -c requirements/runtime.lock -o requirements/dev.lock
	@$(UV_COMPILE) $(UPGRADE) --group bench pyproject.toml -c requirements/runtime.lock -o requirements/bench.lock
	@$(UV_COMPILE) $(UPGRADE) --group spark pyproject.toml -c requirements/dev.lock -o requirements/spark.lock

clean: ## remove .venv, rendered reports, the drawn demo data and caches
	rm -rf $(DEMO) .venv dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.*
	find reports -mindepth 1 ! -name README.md -delete 2>/dev/null || true
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## this list
	@echo "KPI workbench"; echo
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)$$/  make \1|\2/p' Makefile | while IFS='|' read -r name text; do \
		printf '%-18s %s\n' "$$name" "$$text"; done
	@echo; echo "PYTHON=python3.12 make ... chooses the Python for .venv (here: $(PYTHON))"
