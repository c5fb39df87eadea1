# `make demo` and `make test` do everything on a machine with Python (3.11 or later) and make.
PYTHON ?= python3
BIN := .venv/bin
SOURCES := $(shell find rl_designer envs agents -name '*.py' -o -name '*.npz' -o -name '*.toml' -o -name '*.md' -o -path '*/templates/*')
DEMO ?= demo
# What hardly anything here imports, two fifths of all there is; Python compiles it where it is imported after all.
SELDOM := authlib|docutils|mypyc?|onnxruntime|plotly|prompt_toolkit|pygments|setuptools|torchgen|werkzeug
SELDOM_PARTS := ray/(air|data|llm|rllib|serve|train|tune)|scipy/signal|sympy/(physics|stats)|torch/(_inductor|testing)
NOT_COMPILED := /tests?/|/($(SELDOM)|$(SELDOM_PARTS))/

.PHONY: install demo test lint types tests reference audit clean

install: .venv/installed

.venv/dependencies: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	touch .venv/begun
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt ".[test]"
	-$(BIN)/python -m compileall -qq -j 0 -x '$(NOT_COMPILED)' .venv/lib  # on all cores, which pip doesn't
	rm -rf build && mv .venv/begun $@  # which is as old as the sources that were installed

# An installed copy, not an editable one, so that mypy and the tests of the command see what users get. It came with
# the dependencies, but for sources that are newer.
.venv/installed: .venv/dependencies $(SOURCES)
	@test -z "$$(find $? -newer .venv/dependencies)" || $(BIN)/python -m pip install --quiet --no-deps .
	rm -rf build && touch $@

# Eight designs of what was learned on other data, beside 64 random ones.
demo: install
	$(BIN)/rl-designer train --data mnist1d --examples 1000 --max-parameters 20k --evaluations 72 --control-share 0.889 \
		--run $(DEMO)/run --store $(DEMO)/store.sqlite
	$(BIN)/rl-designer sample $(DEMO)/run -n 5

# Types and tests at the same time: many tests wait.
test: lint
	$(MAKE) --jobs 2 types tests

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	cd .venv && bin/mypy --config-file ../pyproject.toml -p rl_designer

# One more than two cores have: many tests wait for processes of theirs. Those need not compile all modules anew
# where the environment asks for no bytecode.
tests: install
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist worksteal

reference: install
	$(BIN)/python -m rl_designer.command_reference > docs/commands.md

# Known vulnerabilities of the pinned versions; needs the network.
audit: .venv/dependencies
	$(BIN)/python -m pip install --quiet --constraint constraints.txt pip-audit
	$(BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip

clean:
	rm -rf .venv build demo runs
