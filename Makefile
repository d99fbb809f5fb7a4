# make run    serve the board with sample data (DEMO=0: empty) and print a sign-in link
# make portal an example portal that shows the board in four ways, beside `make run`
# make test   everything the project tests itself with
# make bench  README's speed table, on this machine (make bench-full: with 10 million calls)
VENV := .venv
PYTHON ?= python3
FLASK := $(VENV)/bin/flask --app app
DEMO ?= 1

.PHONY: run link portal test lint bench bench-full screenshots chromium

run: $(VENV)/run
	@$(FLASK) migrate
	@if [ "$(DEMO)" != 0 ]; then $(FLASK) demo; fi
	@$(FLASK) user link
	@exec $(VENV)/bin/gunicorn

link: $(VENV)/run
	@$(FLASK) user link

portal: $(VENV)/run instance/example-portal.key
	@BOARD_KEY=$$(cat instance/example-portal.key) $(VENV)/bin/python docs/examples/portal/portal.py

instance/example-portal.key:
	@mkdir -p instance
	@$(FLASK) migrate
	@$(FLASK) grant list | grep -q '^example-portal:.*(live)$$' || \
	  $(FLASK) grant create example-portal --origin http://127.0.0.1:8100
	@umask 077 && $(FLASK) key create example-portal --scope embed | tail -n 1 > $@

test: lint chromium
	$(VENV)/bin/pytest --numprocesses 2

lint: $(VENV)/dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

# Its tables are Markdown on standard output, and what it is doing on standard error.
bench: $(VENV)/dev chromium
	$(VENV)/bin/python -m benchmarks
	$(VENV)/bin/python -m benchmarks.otlp
	$(VENV)/bin/python -m benchmarks.portals

bench-full: $(VENV)/dev chromium
	$(VENV)/bin/python -m benchmarks --full
	$(VENV)/bin/python -m benchmarks.otlp
	$(VENV)/bin/python -m benchmarks.portals

screenshots: $(VENV)/dev chromium
	$(VENV)/bin/python tests/browser/screenshots.py

# Each mark is newer than the packages it stands for.
$(VENV)/run: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/dev: requirements.txt requirements-oidc.txt requirements-dev.txt | $(VENV)/run
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# The browser that the tests drive comes from Debian's packages.
chromium:
	@command -v chromium >/dev/null || { \
	  SUDO=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	  $$SUDO apt-get update -qq && $$SUDO apt-get install -y -qq --no-install-recommends chromium; }
