# Every command of the project. `make help` prints the lines marked with ##.
# Variables are given on the command line: `make demo CONTACTS=my.csv EXIT=1`.

PYTHON ?= python3
VENV := .venv
SAM_VENV := .venv-sam
LOCK_VENV := .venv-lock
PEERS_VENV := .venv-peers
RUN := $(VENV)/bin/python
SAM := SAM_CLI_TELEMETRY=0 $(SAM_VENV)/bin/sam
LOCK_FLAGS := --quiet --generate-hashes --no-emit-index-url --custom-compile-command "make lock"
PIP_FLAGS := -qq --disable-pip-version-check --no-input --no-compile --no-deps --require-hashes

CONTACTS ?=
SCENARIO ?=
PORT ?=
EXIT ?=
KEEP ?=
LEADS ?=
PYTEST_ARGS ?=
ARGS ?= --help
WORKERS ?= 2
# Who runs what is said in tests/support/workers.py; the longest first.
IN_ORDER := --no-loadscope-reorder
# Where the tests that have a platform or a browser lie, so that the others need not be read.
ALONE = tests/journeys tests/browser $(shell grep -rl 'mark\.platform' tests/adapters tests/contracts)
# What was built is tried by `make check`, which builds it.
NOT_BUILT := --ignore=tests/contracts/test_built_layers.py
IAM ?=
LAYERS ?=
SOAK_S ?=
SEED ?=
EXAMPLES ?=
export CONTACTS SCENARIO PORT EXIT KEEP IAM LAYERS LEADS SOAK_S SEED
# Compiled once, not at each of the many starts of a process.
unexport PYTHONDONTWRITEBYTECODE
# Our code is a layer, not an installed package.
export PYTHONPATH := layers/core

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint check mutants fuzz client soak bench bench-scale bench-burst bench-import bench-calls bench-peers cli build deploy \
	lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.local $(if $(filter built,$(LAYERS)),build) ## A whole campaign on this machine [CONTACTS=my.csv SCENARIO=faults PORT=4566 EXIT=1 KEEP=1]
	@$(RUN) -m infra.local.demo

test: $(VENV)/.dev ## All tests but the benches [PYTEST_ARGS="-k segments"]
	@$(RUN) -m pytest -n $(WORKERS) $(IN_ORDER) -m "not alone" $(NOT_BUILT) $(PYTEST_ARGS)
	@$(RUN) -m pytest -n $(WORKERS) $(IN_ORDER) -m alone $(or $(PYTEST_ARGS),$(ALONE)) || [ $$? -eq 5 ]

lint: $(VENV)/.dev ## Style and types: ruff and mypy --strict
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy

check: $(VENV)/.dev build ## The template: cfn-lint, sam validate, sam build, our own rules, the HTTP contract
	@$(SAM_VENV)/bin/cfn-lint template.yaml infra/data.yaml infra/permissions.yaml infra/alarms.yaml infra/aws_sms.yaml \
		infra/queues.yaml infra/sign_in.yaml infra/webhooks.yaml infra/links.yaml infra/invocations.yaml
	@$(SAM) validate --lint --template template.yaml --region us-east-1
	@$(RUN) -m infra.openapi --check
	@$(RUN) -m pytest -q -n $(WORKERS) $(IN_ORDER) tests/architecture tests/contracts/test_template_*.py \
		tests/contracts/test_built_layers.py tests/contracts/test_routes.py \
		tests/contracts/test_public_contract.py

mutants: $(VENV)/.dev ## Remove each guard in a copy of the tree and expect a test to notice [GUARDS="opt-out" SHARE=1/5]
	@$(if $(SHARE),SHARE=$(SHARE) )$(RUN) -m tests.faults.mutation $(GUARDS)

soak: $(VENV)/.dev ## Long random lives of a campaign, with crashes at any call, for SOAK_S seconds [SOAK_S=600 SEED=7]
	@$(RUN) -m tests.faults.soak

fuzz: $(VENV)/.dev ## Ask every route of the HTTP API, as every role, what nobody thought of [EXAMPLES=100]
	@EXAMPLES=$(or $(EXAMPLES),100) $(RUN) -m pytest -n $(WORKERS) -q tests/contracts/test_fuzzed_contract.py $(PYTEST_ARGS)

client: $(VENV)/.dev ## Write a Python client of the HTTP API into build/client, from the contract
	@$(RUN) -m infra.openapi.client

bench: $(VENV)/.dev ## Write units, requests and cost per message at 1k and 10k leads [LEADS=100000 MPS=10]
	@PYTHONPATH=layers/core $(RUN) -m tests.bench

bench-scale: $(VENV)/.dev ## A million people in one campaign and a hundred campaigns at once, in virtual time
	@PYTHONPATH=layers/core $(RUN) -m tests.bench.scale

bench-burst: $(VENV)/.dev ## 100,000 receipts at once: lost, invocations, time to work off [RECEIPTS=10000 WEBHOOKS=1000]
	@PYTHONPATH=layers/core $(RUN) -m tests.bench.burst

bench-import: $(VENV)/.dev ## Rows per second and peak memory of a CSV import at 10k, 100k and 1M rows [SIZES=10000,100000]
	@PYTHONPATH=layers/core $(RUN) -m tests.bench.imports

bench-calls: $(VENV)/.dev ## CPU of one call to DynamoDB and to a provider, by boto3 and urllib3 and by ours [CALLS=500]
	@PYTHONPATH=layers/core $(RUN) -m tests.bench.calls

bench-peers: $(VENV)/.dev $(PEERS_VENV)/.peers ## CPU per sent message against Celery + Redis and a boto3 loop [MESSAGES=2000 MPS=100]
	@PYTHONPATH=layers/core $(RUN) -m tests.bench.peers

cli: $(VENV)/.local ## The command line against your deployment [ARGS="campaigns list"]
	@$(RUN) -m infra.cli $(ARGS)

build: $(SAM_VENV)/.sam ## Build the functions and both layers for AWS into .aws-sam/build
	@mkdir -p .aws-sam
	@PYTHON="$(abspath $(SAM_VENV))/bin/python" $(SAM) build --template template.yaml > .aws-sam/build.log 2>&1 \
		|| { cat .aws-sam/build.log >&2; exit 1; }
	@grep 'vendor layer:' .aws-sam/build.log

deploy: build ## Deploy to your AWS account; asks for what it needs
	@$(SAM) deploy --guided

lock: $(LOCK_VENV)/.uv ## Write the lock files anew from requirements/*.in, the vendor layer and the peers
	@for name in local dev sam; do \
		(cd requirements && ../$(LOCK_VENV)/bin/uv pip compile $(LOCK_FLAGS) --universal \
			--python-version 3.11 $$name.in --output-file $$name.txt) || exit 1; \
	done
	@cd tests/bench/peers && ../../../$(LOCK_VENV)/bin/uv pip compile $(LOCK_FLAGS) --universal \
		--python-version 3.11 requirements.in --output-file requirements.txt
	@cd layers/vendor && ../../$(LOCK_VENV)/bin/uv pip compile $(LOCK_FLAGS) --no-deps \
		--python-version 3.14 --python-platform aarch64-manylinux_2_28 \
		requirements.in --output-file requirements.txt

clean: ## Remove what was built and the local platform's state; environments stay
	@rm -rf .aws-sam .carillon build .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Environments. A stamp is written last, so an interrupted install is taken up again,
# and with the stamp present nothing is asked of the network.

define python_is_new_enough
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Carillon needs Python 3.11 or newer, and '$(PYTHON)' is not; say which to use: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "'$(PYTHON)' has no venv module; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
endef

$(VENV)/.local: requirements/local.txt
	$(python_is_new_enough)
	@echo "Preparing $(VENV) (once) ..."
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install $(PIP_FLAGS) -r $<
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.local
	@echo "Adding the test tools to $(VENV) (once) ..."
	@$(RUN) -m pip install $(PIP_FLAGS) -r $<
	@touch $@

$(SAM_VENV)/.sam: requirements/sam.txt
	$(python_is_new_enough)
	@echo "Preparing $(SAM_VENV) (once) ..."
	@test -x $(SAM_VENV)/bin/python || $(PYTHON) -m venv $(SAM_VENV)
	@$(SAM_VENV)/bin/python -m pip install $(PIP_FLAGS) -r $<
	@touch $@

$(PEERS_VENV)/.peers: tests/bench/peers/requirements.txt
	$(python_is_new_enough)
	@echo "Preparing $(PEERS_VENV) (once) ..."
	@test -x $(PEERS_VENV)/bin/python || $(PYTHON) -m venv $(PEERS_VENV)
	@$(PEERS_VENV)/bin/python -m pip install $(PIP_FLAGS) -r $<
	@touch $@

$(LOCK_VENV)/.uv:
	$(python_is_new_enough)
	@$(PYTHON) -m venv $(LOCK_VENV)
	@$(LOCK_VENV)/bin/python -m pip install -qq --disable-pip-version-check uv==0.13.9
	@touch $@
