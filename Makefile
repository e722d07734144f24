# Every command makes .venv from requirements.lock first when it is missing or stale.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
RUN := PYTHONPATH=. $(BIN)/python -m
READY := $(VENV)/.ready
# Two processes with two threads each fight for two cores: measured ten times slower.
export OMP_NUM_THREADS ?= 1

.PHONY: help site test serve verify lint new lock bench clean format vendor canary cpus seeds
.DEFAULT_GOAL := help

help: ## what there is
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12
	@if [ -e $(READY) ]; then echo; echo "make site goes through these stages:"; $(RUN) scripts.build --stages; fi

$(READY): requirements.lock
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: install it, or name one: make PYTHON=python3 $(MAKECMDGOALS)" >&2; exit 1; }
	rm -rf $(VENV) # where it is a link: the link, not what others use
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@touch $@

site: $(READY) ## verify everything and publish to site/ (REPORTS="gpu.json" adds other machines' proofs)
	$(RUN) scripts.build $(if $(REPORTS),--reports $(REPORTS)) $(if $(DEVICE),--device $(DEVICE))

test: $(READY) ## all tests but what `make site` has just proved (ARGS=--fresh: those too); uses site/ and a browser
	@$(RUN) scripts.tools.chromium
	$(BIN)/python -m pytest -q -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

serve: $(READY) ## live preview on http://127.0.0.1:8000
	$(RUN) scripts.preview.serve

verify: $(READY) ## run the snippets (TORCH=2.14.1: with that torch, in a virtual environment of its own)
	$(RUN) $(if $(TORCH),scripts.tools.torch_versions $(TORCH),scripts.verify) $(ARGS)

lint: $(READY) ## ruff, mypy, and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY) ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

new: $(READY) ## scaffold an entry: make new ENTRY=initialization/some-id
	@$(RUN) scripts.tools.new $(ENTRY)

lock: $(READY) ## resolve requirements.lock from pyproject.toml
	$(BIN)/pip-compile --quiet --upgrade --extra dev --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-options --output-file requirements.lock pyproject.toml
	sed -i 's/^torch==\([0-9.]*\)+cpu/torch==\1/' requirements.lock

bench: $(READY) ## measure verifier, search, page weight, Lighthouse, rebuilds, one more entry (WHAT=entry: that alone)
	$(RUN) scripts.bench $(WHAT) $(ARGS)

canary: site ## the same pages with the generators that may follow MkDocs (ARGS=--newest: their newest versions)
	$(RUN) scripts.tools.canary $(ARGS)

cpus: $(READY) ## the snippets and claims as other processors round (ARGS=older-x86: as that one)
	$(RUN) scripts.tools.other_cpus $(ARGS)

seeds: $(READY) ## the experiments and claims with 1000 added to each seed (ARGS=7: another number)
	$(RUN) scripts.tools.other_seeds $(ARGS)

vendor: ## fetch the front-end files that the repository ships, at the versions in scripts/tools/vendor.json
	$(RUN) scripts.tools.vendor

clean: ## remove what builds made; site/ too
	rm -rf build site
