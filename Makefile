# Seeing Faces. `make book` builds the site, `make test` runs every test; each target sets up .venv when it is missing or stale.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PORT ?= 8000
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help book serve lab train test check bench clean new-page checks-record
help:            ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

# ---- set-up -------------------------------------------------------------------------------------------------------
$(VENV)/.ready: requirements.txt constraints.txt pyproject.toml tools/setup_venv.sh
	PYTHON="$(PYTHON)" sh tools/setup_venv.sh requirements.txt $@

$(VENV)/.ready-dev: $(VENV)/.ready requirements-dev.txt
	PYTHON="$(PYTHON)" sh tools/setup_venv.sh requirements-dev.txt $@


.PHONY: fonts chromium
fonts chromium:
	@sh tools/system_packages.sh $@

# ---- reading ------------------------------------------------------------------------------------------------------
book: $(VENV)/.ready fonts  ## build both editions into _build/site
	$(PY) tools/build_book.py

serve: book      ## build, then show the site on http://127.0.0.1:8000
	$(PY) tools/serve.py --port $(PORT)

lab: $(VENV)/.ready  ## open the labs in JupyterLab
	$(VENV)/bin/jupyter lab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/labs

# ---- training ----------------------------------------------------------------------------------------------------
train: $(VENV)/.ready  ## train a network anew: make train NAME=coursenet (without NAME: what there is)
	$(PY) -m course_lib train $(if $(NAME),$(NAME) --keep,--list)

# ---- checking -----------------------------------------------------------------------------------------------------
test: $(VENV)/.ready-dev chromium book  ## all tests, those in the browser and in JupyterLab included
	$(PY) -m pytest --record-checks=_build/checks.json
	$(PY) -m pytest --nbmake --nbmake-timeout=300 book/en labs/zh  # as a reader's JupyterLab runs them

check: $(VENV)/.ready-dev chromium book  ## lint, types, import layers, rules for pages, links, transfers
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache
	$(PY) tools/check_sources.py
	$(PY) tools/check_site.py _build/site

bench: $(VENV)/.ready-dev  ## measures and losses against the code a user would write, as ratios
	$(PY) -m course_lib.bench

checks-record: test  ## make this test run the one that the book's checks page shows
	cp _build/checks.json data/checks.json

# ---- writing ------------------------------------------------------------------------------------------------------
new-page: $(VENV)/.ready  ## make new-page NAME=quality/symmetry EN="Symmetry" ZH="对称性"
	$(PY) tools/new_page.py "$(NAME)" "$(EN)" "$(ZH)"

clean:           ## remove what was built, keep the environment
	rm -rf _build
