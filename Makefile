# make                 this help
# make toy-phase       a phase diagram of toy addition
# make mnist-phase     one of MNIST
# make modular-phase   one of a small transformer on modular addition
# make figures         published figures, and docs/figures.md
# make docs            the documentation, as pages in site/
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

TASK ?= toy_regression
SCALE ?= quick
LAUNCHER ?= stacked
JOBS ?= -1
TRAINER ?= cpu
ifndef DIR
DIR := multirun/$(shell date +%Y-%m-%d/%H-%M-%S)
endif
export DIR  # recipes have it from the shell, with all the characters that it may have
# and Hydra with what is a quote, or would be one's end, escaped
QUOTED = $$(printf %s "$$DIR" | sed 's/\(\\*\)"/\1\1\\"/g; s/\(\\*\)$$/\1\1/')

toy-phase: EXPERIMENT := re_tug/fig1_$(TASK:toy_%=%)
mnist-phase: EXPERIMENT := re_tug/fig2
modular-phase: EXPERIMENT := omnigrok/modular_phases

# conf/experiment/ says what each scale means; GRID and BUDGET override it
SIZE = $(if $(GRID),'hydra.sweeper.grid=$(GRID)') $(if $(BUDGET),'phase.budget=$(BUDGET)')
LAUNCHER_joblib := 'hydra.launcher.n_jobs=$(JOBS)'
LAUNCHER_stacked := $(if $(filter-out -1,$(JOBS)),'hydra.launcher.workers=$(JOBS)')

# $(call choose,NAME,choices): refuse what isn't one of them
choose = $(if $(filter 1,$(words $($1))),$(if $(filter $($1),$2),,$(call refuse,$1,$2)),$(call refuse,$1,$2))
refuse = $(error $1=$($1): choose one of $2)
ifneq ($(filter toy-phase mnist-phase modular-phase figures,$(MAKECMDGOALS)),)
$(call choose,SCALE,smoke quick paper)
$(call choose,TASK,toy_regression toy_classification)
$(call choose,LAUNCHER,joblib basic stacked)
$(call choose,TRAINER,cpu gpu auto)
endif

.DEFAULT_GOAL := help

.PHONY: help setup toy-phase mnist-phase modular-phase figures docs test test-long lint bench gpu-check clean

help:  ## Print this help
	@echo "make TARGET [NAME=value ...]"
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-13s %s\n", $$1, $$2}'
	@echo "toy-phase, mnist-phase and modular-phase take"
	@echo "  TASK=toy_regression|toy_classification   (now $(TASK); toy-phase only)"
	@echo "  SCALE=smoke|quick|paper                  (now $(SCALE))"
	@echo "  GRID=n       values on each axis"
	@echo "  BUDGET=n     optimizer steps a cell"
	@echo "  LAUNCHER=stacked|joblib|basic            (now $(LAUNCHER))"
	@echo "  JOBS=n       processes, -1 for all cores (now $(JOBS))"
	@echo "  TRAINER=cpu|gpu|auto                     (now $(TRAINER))"
	@echo "  DIR=folder   a new sweep's folder, or that of one to go on with"
	@echo "figures takes SCALE, and FIGURES='name ...' of docs/gallery.yaml (all by default)"

setup: $(VENV)/ready  ## Make .venv with the pinned packages

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,fetch]'
	@touch $@

toy-phase: setup  ## Sweep toy addition and draw its phase diagram
mnist-phase: setup  ## Sweep MNIST and draw its phase diagram
modular-phase: setup  ## Sweep modular addition and draw its phase diagram
toy-phase mnist-phase modular-phase:
	$(RUN) train.py -m experiment=$(EXPERIMENT) hydra/launcher=$(LAUNCHER) \
	  $(LAUNCHER_$(LAUNCHER)) "hydra.sweep.dir=\"$(QUOTED)\"" hydra.sweeper.scale=$(SCALE) $(SIZE) \
	  trainer=$(TRAINER)
	$(RUN) analyze.py "$$DIR"

figures: setup  ## Make published figures at SCALE, and docs/figures.md
	$(RUN) docs/gallery.py $(SCALE) $(FIGURES)

docs: setup  ## Build the documentation: site/index.html
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict

test: setup lint  ## Check the code and run the tests that take seconds
	$(RUN) -m pytest -n auto

test-long: setup  ## Run the tests that take longer, and those of the package
	$(RUN) -m pytest -n auto -m 'long and not slow'
	$(RUN) -m pytest -m wheel

lint: setup  ## Ruff and mypy
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

bench: setup  ## Measure speed beside a plain PyTorch loop, JAX and the processor
	$(RUN) bench/speed.py
	$(RUN) bench/mnist.py
	$(RUN) bench/modular.py
	$(RUN) bench/limits.py

gpu-check: setup  ## Check and time all that runs on a GPU: DIR/gpu.md, ten minutes
	$(RUN) bench/gpu_check.py "$$DIR"

clean:  ## Remove what was built, but no results
	rm -rf $(VENV) build site *.egg-info .pytest_cache .ruff_cache .mypy_cache
