# Everything a newcomer needs: each target does its own set-up in .venv, as an ordinary user or root.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
PATRONI := .tools/patroni/.ready
MUTATE := .tools/mutate/.ready
PEERS := .tools/bench/.ready
# A machine may say that Python keeps no compiled modules: then each of hundreds of processes compiles them all again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup run test check attack bench campaign mutate rules sample sbom lock clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(READY) ## make the isolated environment .venv from the hash-pinned lock

$(READY): requirements/dev.txt requirements/uv.txt pyproject.toml
	@echo "setting up .venv (first time only)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 setup"; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "the venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/uv.txt
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

run: $(READY) ## start the sandbox with its sample on http://127.0.0.1:8080 (ONCE=1: play it and exit)
	@$(BIN)/chroniccare sandbox $(if $(ONCE),--once)

test: $(READY) ## run every test, on SQLite and PostgreSQL
	@$(BIN)/python -m pytest
	@$(BIN)/coverage report --include='gateway/domain/*' --fail-under=100 --skip-covered
	@$(BIN)/coverage report --fail-under=95 --skip-covered

check: $(READY) ## lint, types, import contracts, generated files current, secrets, known weaknesses
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.rules.book --check
	$(BIN)/python -m gateway.sandbox.generator --check
	.ci/secrets
	.ci/weaknesses

sbom: $(READY) ## write the bill of materials of what runs, as CycloneDX, to sbom.json
	@$(BIN)/cyclonedx-py requirements requirements/runtime.txt --pyproject pyproject.toml --output-reproducible --output-file sbom.json
	@echo sbom.json

attack: $(READY) ## let the attacker loose on a large register; writes bench/ATTACKS.md
	@$(BIN)/python -m bench.attack

bench: $(READY) $(PEERS) ## measure speed against its limits and peers (ROUNDS=5 SECONDS=4); writes bench/RESULTS.md
	@$(BIN)/python -m bench.speed $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SECONDS),--seconds $(SECONDS))

$(PEERS): requirements/bench.txt $(READY)
	@echo "setting up the peers in .tools (first time only)"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .tools/bench
	@$(BIN)/uv pip sync --quiet --python .tools/bench/bin/python --require-hashes requirements/bench.txt
	@touch $@

campaign: $(READY) $(if $(filter patroni,$(STORE)),$(PATRONI)) ## break a deployment under load and judge it (STORE=sqlite|postgresql|patroni MINUTES=5 SEED=n RATE=writes/s); writes bench/CAMPAIGN.md
	@$(BIN)/python -m bench.campaign $(if $(STORE),--store $(STORE)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) $(if $(RATE),--rate $(RATE))

$(PATRONI): requirements/patroni.txt requirements/build.txt $(READY)
	@echo "setting up Patroni in .tools (first time only)"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .tools/patroni
	@$(BIN)/uv pip install --quiet --python .tools/patroni/bin/python --require-hashes --requirement requirements/build.txt
	@$(BIN)/uv pip install --quiet --python .tools/patroni/bin/python --require-hashes --no-build-isolation --requirement requirements/patroni.txt
	@touch $@

mutate: $(READY) $(MUTATE) ## change the code that guards identities in small ways, and see whether tests notice (FILES=); writes bench/MUTATION.md
	@.tools/mutate/bin/python -m bench.mutate $(FILES)

$(MUTATE): requirements/mutate.txt requirements/dev.txt $(READY)
	@echo "setting up mutmut in .tools (first time only)"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .tools/mutate
	@$(BIN)/uv pip install --quiet --python .tools/mutate/bin/python --require-hashes --requirement requirements/dev.txt --requirement requirements/mutate.txt
	@touch $@

rules: $(READY) ## print RULES.md from the rule tables in tests/rules
	$(BIN)/python -m tests.rules.book

sample: $(READY) ## write the synthetic sample again from its seed
	$(BIN)/python -m gateway.sandbox.generator

lock: $(READY) ## compile the hash-pinned lock files from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml --output-file requirements/runtime.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --extra dev --constraints requirements/runtime.txt pyproject.toml --output-file requirements/dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --group patroni --constraints requirements/dev.txt --output-file requirements/patroni.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --group bench --constraints requirements/dev.txt --output-file requirements/bench.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --group mutate --constraints requirements/dev.txt --output-file requirements/mutate.txt
	awk '/^uv==/{p=1;print;next} p&&/^    --hash/{print;next} p{exit}' requirements/dev.txt > requirements/uv.txt
	awk '/^setuptools==/{p=1;print;next} p&&/^    --hash/{print;next} p{exit}' requirements/dev.txt > requirements/build.txt

clean: ## remove the environment and the sandbox's data
	rm -rf .venv .sandbox .tools
