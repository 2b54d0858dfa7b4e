# Everything a person types. `make help` lists it.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
CORES ?= $(shell nproc 2>/dev/null || echo 2)
SNAKEMAKE := $(BIN)/snakemake --cores $(CORES)

.DEFAULT_GOAL := help
.PHONY: help setup demo mlflow ibsi progress why usage tune-resources test test-all lint format config-docs lock clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## Install everything into .venv, as locked

# uv builds PyRadiomics with what its own metadata forgets (see pyproject.toml).
$(STAMP): envs/requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --python $(BIN)/python --compile-bytecode --require-hashes \
		-r envs/requirements.lock
	$(BIN)/python -m rigoromics.extract.fast.warm
	@touch $(STAMP)

demo: setup  ## Simulate a multi-centre cohort and run the whole study: raw DICOM to paper
	$(SNAKEMAKE) --quiet rules -- simulate
	$(SNAKEMAKE) --quiet rules -- sheet
	$(SNAKEMAKE)
	@echo
	@echo "The paper:   results/demo/paper/manuscript.pdf"
	@echo "The report:  results/demo/paper/report.html"
	@echo "The runs:    make mlflow"

mlflow: setup  ## Open the MLflow UI on this machine (http://127.0.0.1:5000)
	$(BIN)/mlflow ui --backend-store-uri sqlite:///results/mlflow.db --host 127.0.0.1 --port 5000

ibsi: setup  ## Compare the engines with IBSI's reference values (options: IBSI="--help")
	$(BIN)/python -m scripts.ibsi $(IBSI)

# Of another study than config/config.yaml's: make progress CONFIG=config/studies/<study>.yaml
CONFIG ?= config/config.yaml
ABOUT = $(BIN)/python -m scripts.progress --configfile $(CONFIG)

progress: setup  ## Stages of the study: cases done, failed, time left, cost so far
	@$(ABOUT) show

why: setup  ## Why a case failed, with its log: make why CASE=<patient>
	@$(ABOUT) why $(CASE)

usage: setup  ## What each rule took, beside the memory and time that it asked for; also as a page
	@$(ABOUT) usage

tune-resources: setup  ## Memory and time to ask for, from what ran (for a profile)
	@$(ABOUT) tune

test: setup lint  ## Lint, then the tests that take minutes
	$(BIN)/python -m pytest tests/unit -n $(CORES) -m "not slow"
	$(BIN)/python -m pytest tests/rules tests/workflow -m "not slow"

test-all: setup lint  ## Every test, the slow ones too
	$(BIN)/python -m pytest tests/unit -n $(CORES)
	$(BIN)/python -m pytest tests/rules tests/workflow

lint: setup  ## Check style, types, rules and generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/mypy
	$(BIN)/snakemake --lint

format: setup  ## Rewrite Python and Snakemake files in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules

config-docs: setup  ## Rewrite config.yaml's comments, the JSON schema and the reference page
	$(BIN)/python -m rigoromics.config

lock: setup  ## Resolve envs/requirements.in anew, and the conda file and container recipe with the same pins
	$(BIN)/uv pip compile envs/requirements.in -o envs/requirements.lock --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --quiet
	$(BIN)/python envs/make_files.py

clean:  ## Remove results and simulated data; never the environment
	rm -rf results data/demo .snakemake
