# Every chore of the project. `make` alone lists them.

ifndef PYTHON
PYTHON := $(shell .ci/python)
endif
DATABASES ?= sqlite,postgresql,mariadb
HOST = 127.0.0.1
PORT = 8778
DATABASE = sqlite:///$(CURDIR)/.cache/ullage.db
WORKERS = 1
FLEET = examples/fleet.yaml
JOBS ?= 2
WHAT ?=
ARGUMENTS ?=

export PYTHON DATABASES
export PYTHONDONTWRITEBYTECODE ?=
comma := ,
servers := $(filter-out sqlite,$(subst $(comma), ,$(DATABASES)))
in-tests := cd tests && ../.venv-test/bin/python

.PHONY: help setup clients test-tools reference keystone run demo test lint format conformance differential bench faults soak audit-tools security sbom docs lock clean

help: ## List the chores
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: ## Build .venv: the product alone, from its hash-pinned lock
	@.ci/venv .venv requirements/product.txt project

clients: ## Build .venv-clients: the openstack command
	@.ci/venv .venv-clients requirements/clients.txt

test-tools: ## Build .venv-test: the product and what its tests need
	@.ci/venv .venv-test requirements/test.txt project

reference: test-tools ## Build .venv-reference: the reference service, for comparison
	@$(in-tests) -m differential.reference >/dev/null

keystone: test-tools ## Build .venv-keystone: a Keystone for the tests of its tokens
	@.ci/venv .venv-keystone requirements/keystone.txt

run: setup clients ## Load the example fleet, say what to try, and serve it (HOST, PORT, DATABASE, WORKERS, FLEET)
	@mkdir -p .cache
	@.venv/bin/ullage load $(FLEET) --database $(DATABASE)
	@.ci/what-to-try http://$(HOST):$(PORT)
	@exec .venv/bin/ullage serve --host $(HOST) --port $(PORT) --database $(DATABASE) --auth noauth2 --workers $(WORKERS)

demo: setup clients ## Do what `make run` does, walk through the README's first five minutes, and stop
	@.ci/packages curl
	@.venv/bin/python tests/readme.py

test: test-tools clients reference keystone ## Everything: style, types, tests on every database (DATABASES=sqlite leaves servers out)
	@.ci/packages curl nginx $(servers)
	@$(MAKE) --no-print-directory lint
	.venv-test/bin/pytest -n $(JOBS) --dist loadgroup $(ARGUMENTS)

lint: test-tools ## Style and types
	.venv-test/bin/ruff check
	.venv-test/bin/ruff format --check
	.venv-test/bin/mypy

format: test-tools ## Put the code in the agreed form
	.venv-test/bin/ruff check --fix
	.venv-test/bin/ruff format

conformance: test-tools ## The reference's published suites against Ullage; ends with CONFORMANCE passed/total
	@.ci/packages $(servers)
	@$(in-tests) -m conformance.run $(ARGUMENTS)

differential: reference ## The same random requests to the reference and to Ullage (ARGUMENTS="--requests N --seed S")
	@$(in-tests) -m differential.run $(ARGUMENTS)

bench: reference ## Measure beside the reference, into docs/performance.md (QUICK=1, RESUME=1, WHAT=row,row)
	@.ci/packages wrk postgresql mariadb
	@.venv-test/bin/python -m bench $(if $(QUICK),--quick) $(if $(RESUME),--resume) $(if $(WHAT),--rows $(WHAT)) $(ARGUMENTS)

faults: test-tools ## Kill workers, services and databases under load; ends with FAULTS kills=K acknowledged=N lost=0 ...
	@.ci/packages $(servers)
	@$(in-tests) -m faults.run --databases $(DATABASES) $(ARGUMENTS)

soak: test-tools ## Half an hour of claims and searches; ends with SOAK ... growth_mib=G (ARGUMENTS="--minutes M --database NAME")
	@.ci/packages $(servers)
	@$(in-tests) -m faults.soak $(ARGUMENTS)

audit-tools:
	@.ci/venv .venv-audit requirements/audit.txt

security: test-tools audit-tools ## Attack the running service on every database; ends with SECURITY requests=N failures=0 ...
	@.ci/packages sqlmap $(servers)
	.venv-test/bin/ruff check --select S --quiet src
	.venv-audit/bin/bandit --quiet --recursive src
	@$(in-tests) -m security.dependencies
	@$(in-tests) -m security.run --databases $(DATABASES) $(ARGUMENTS)

sbom: setup test-tools audit-tools ## Write the CycloneDX list of what the product is made of (.cache/sbom.json)
	@$(in-tests) -m security.sbom

docs: test-tools ## Write the generated reference pages anew
	@$(in-tests) reference_pages.py

lock: ## Resolve the requirements anew and pin them with hashes (needs uv)
	@.ci/lock

clean: ## Remove environments and caches (and the database of `make run`)
	rm -rf .venv .venv-test .venv-clients .venv-reference .venv-keystone .venv-audit .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
