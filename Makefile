# What there is to do. Needs Python 3.11 or newer and GNU make; everything else is installed into .venv/.

VENV := .venv
PY := $(VENV)/bin/python
# Written last: without it the installation was never finished. Holds where it was made, because scripts in it hold that too.
STAMP := $(VENV)/installed

# A half, moved or broken .venv/ is as good as none.
USABLE := $(shell test "$$(cat $(STAMP) 2>/dev/null)" = "$(CURDIR)" && $(PY) -c '' 2>/dev/null && echo yes)
ifneq ($(USABLE),yes)
.PHONY: $(STAMP)
endif

# Each is tried, because a name on the PATH may be a shim that leads nowhere. PYTHON=/path/to/python make setup uses that one.
PYTHON ?= $(shell for name in python3.11 python3 python3.12 python3.13 python3.14; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$name && break; done)

COMPILE := $(PY) -m uv pip compile -q --generate-hashes --universal --python-version 3.11 --no-emit-find-links \
	--no-emit-index-url --custom-compile-command "make requirements"

# Made up for the deploy check, which looks at the settings and connects to nothing.
PRODUCTION := DJANGO_SETTINGS_MODULE=config.django.production DJANGO_DEBUG=False ALLOWED_HOSTS=app.example.com \
	APP_BASE_URL=https://app.example.com DATABASE_URL=postgres://app:made-up@db.example.com/app \
	CELERY_BROKER_URL=amqps://app:made-up@broker.example.com/app EMAIL_URL=smtp+tls://app:made-up@mail.example.com:587

# `make test` is the same everywhere, whatever the shell exports.
NO_SERVICES := env -u DATABASE_URL -u CELERY_BROKER_URL -u EMAIL_URL -u EMAIL_SERVERS -u EMAIL_FALLBACKS -u EMAIL_LIMITS
# The embedded profile is SQLite by definition.
NOT_EMBEDDED := --ignore=styleguide_example/embedded

# The peers of the benchmark are installed apart: nothing else needs them.
BENCH_VENV := .venv-bench
BENCH_STAMP := $(BENCH_VENV)/installed
BENCH_USABLE := $(shell test "$$(cat $(BENCH_STAMP) 2>/dev/null)" = "$(CURDIR)" && $(BENCH_VENV)/bin/python -c '' 2>/dev/null && echo yes)
ifneq ($(BENCH_USABLE),yes)
.PHONY: $(BENCH_STAMP)
endif

# The tests start hundreds of processes: what Python compiled for one of them is kept for the others.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup run demo test pytest coverage screenshots faults faults-quick bench bench-quick check audit format requirements migrations shell clean

help: ## Show what there is to do
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP) ## Create .venv/ with everything the project needs; again when requirements change

$(STAMP): requirements/dev.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and none is on the PATH. Install it, or name one: make setup PYTHON=/path/to/python" >&2; exit 1; }
	@echo "Installing into $(VENV)/: a minute or two, and again only when requirements change."
	@rm -f $(STAMP)
	@test "$(USABLE)" = yes || $(PYTHON) -m venv --clear $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --require-hashes -r requirements/dev.txt
	@printf '%s\n' "$(CURDIR)" > $(STAMP)

run: $(STAMP) ## Run the product on this machine until Ctrl-C
	@$(PY) -m styleguide_example.embedded.run

demo: $(STAMP) ## Show that no e-mail of three people is lost, no edit of an admin, no job; ends with the account
	@$(PY) -m styleguide_example.embedded.demo

# BROKER names another broker for the half on PostgreSQL: make test BROKER=amqp://guest:guest@127.0.0.1:5672//
test: $(STAMP) ## Run the tests, on SQLite and on PostgreSQL; some of them: make test ARGS="-k mailbox"
	@echo "On SQLite, with the embedded broker:"
	@$(NO_SERVICES) $(MAKE) --no-print-directory pytest
	@echo "On PostgreSQL (from the package index), with $(if $(BROKER),the broker that BROKER names,the embedded broker):"
	@$(NO_SERVICES) $(if $(BROKER),CELERY_BROKER_URL='$(BROKER)') $(PY) -W "ignore:XDG_RUNTIME_DIR is not set" -m styleguide_example.common.tests.with_postgresql \
		$(MAKE) --no-print-directory pytest ARGS="$(NOT_EMBEDDED) $(ARGS)"
	@$(if $(BROKER),:,echo "Not run here: the suite with RabbitMQ and with Redis as services; .ci/run does that, and says what it needs.")

# Once, on the database and broker of the environment. The processes wait more than they compute, so 4 do on 2 cores.
pytest: $(STAMP)
	@$(PY) -m pytest -q -n 4 --dist worksteal $(ARGS)

coverage: $(STAMP) ## Run the tests once, on SQLite, and show the lines that none of them reaches
	@$(NO_SERVICES) $(MAKE) --no-print-directory pytest ARGS="--cov --cov-report=term $(ARGS)"

screenshots: $(STAMP) ## Photograph each page of a small believable world, into var/screenshots/; ARGS=--docs renews those of the docs
	@$(PY) -W "ignore:XDG_RUNTIME_DIR is not set" -m screenshots $(ARGS)

# ARGS=--peers needs what the peers of the benchmark are made of, too.
faults: $(STAMP) $(if $(findstring --peers,$(ARGS)),$(BENCH_STAMP)) ## Break one thing at a time under the running product, and count what is lost or doubled; ARGS=--help
	@$(PY) -W "ignore:XDG_RUNTIME_DIR is not set" -m faults $(ARGS)

faults-quick: $(STAMP) ## The decisive ten of it, in under four minutes; needs a RabbitMQ server
	@$(PY) -W "ignore:XDG_RUNTIME_DIR is not set" -m faults --quick $(ARGS)

bench: $(BENCH_STAMP) ## Measure many e-mails against other ways to send them, on PostgreSQL and RabbitMQ: half an hour
	@$(BENCH_VENV)/bin/python -m benchmarks.bulk $(ARGS)

bench-quick: $(BENCH_STAMP) ## The decisive part of it, in under three minutes; what else there is: ARGS=--help
	@$(BENCH_VENV)/bin/python -m benchmarks.bulk --quick $(ARGS)

$(BENCH_STAMP): requirements/bench.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and none is on the PATH. Name one: make bench PYTHON=/path/to/python" >&2; exit 1; }
	@echo "Installing into $(BENCH_VENV)/: a minute, and again only when requirements/bench.txt changes."
	@rm -f $(BENCH_STAMP)
	@test "$(BENCH_USABLE)" = yes || $(PYTHON) -m venv --clear $(BENCH_VENV)
	@$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --require-hashes -r requirements/bench.txt
	@printf '%s\n' "$(CURDIR)" > $(BENCH_STAMP)

check: $(STAMP) ## Lint, format, types, contracts, migrations, deploy settings, known vulnerabilities
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy .
	$(VENV)/bin/lint-imports
	DATABASE_URL=sqlite://:memory: $(PY) manage.py makemigrations --check --dry-run
	@echo "manage.py check --deploy, with production settings"
	@$(PRODUCTION) SECRET_KEY="$$($(PY) -c 'import secrets; print(secrets.token_urlsafe(50))')" \
		$(PY) manage.py check --deploy --fail-level WARNING
	@$(MAKE) --no-print-directory audit

# An index without advisory data makes pip-audit say "No known vulnerabilities found" of packages that nobody looked up.
audit: $(STAMP) ## Look up known vulnerabilities of the locked requirements (part of check)
	@echo "pip-audit"
	@output=$$($(PY) -m pip_audit -r requirements/dev.txt --require-hashes --disable-pip --progress-spinner off 2>&1); code=$$?; \
	skipped=$$(echo "$$output" | grep -c 'could not be audited'); \
	if echo "$$output" | grep -q '^Name .* Version .* ID'; then echo "$$output"; exit 1; \
	elif [ $$code -ne 0 ]; then echo "The audit could not be made: $$(echo "$$output" | tail -n 1)"; \
	elif [ $$skipped -gt 0 ]; then echo "The audit could not be made: the package index knows no advisories for $$skipped of the locked packages."; \
	else echo "No known vulnerabilities."; fi

format: $(STAMP) ## Put code into the one format and mend what the linter can
	$(PY) -m ruff check --fix
	$(PY) -m ruff format

requirements: $(STAMP) ## Lock requirements/*.in into requirements/*.txt, with hashes
	$(COMPILE) requirements/base.in -o requirements/base.txt
	$(COMPILE) requirements/embedded.in -o requirements/embedded.txt
	$(COMPILE) requirements/dev.in -o requirements/dev.txt
	$(COMPILE) -c requirements/dev.txt requirements/bench.in -o requirements/bench.txt

migrations: $(STAMP) ## Write migrations for changed models
	$(PY) manage.py makemigrations

shell: $(STAMP) ## Open a Python shell with the models imported
	@$(PY) manage.py shell

clean: ## Remove caches and reports; .venv/ and var/ stay
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.* htmlcov staticfiles
	find config styleguide_example faults benchmarks screenshots -name __pycache__ -type d -prune -exec rm -rf {} +
