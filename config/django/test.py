"""Tests: the same code path, a directory of its own for each run, and shorter patience."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

# Before the settings read them: a directory and a queue for each process of the suite, so that two runs at once do not
# meet. A worker that a test starts inherits both.
_process = os.environ.get("PYTEST_XDIST_WORKER", "main")
if os.environ.get("TEST_PROCESS") != _process:
    os.environ["TEST_PROCESS"] = _process
    os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="styleguide-test-")
    os.environ["CELERY_TASK_DEFAULT_QUEUE"] = Path(os.environ["VAR_DIR"]).name
    atexit.register(shutil.rmtree, os.environ["VAR_DIR"], ignore_errors=True)
# What a developer wrote into .env for `make run` is not what the tests are about.
os.environ["ENV_FILE"] = os.devnull

from config.django.base import *  # noqa: F403  the directory first
from config.env import env

DEBUG = False

# https://docs.djangoproject.com/en/5.2/topics/testing/overview/#password-hashing
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Tests with a server that says nothing have less patience; a busy machine lets any thread wait for a second.
EMAIL_TIMEOUT = env.int("EMAIL_TIMEOUT_SECONDS", default=10, at_least=1)
# Workers under test have leases of seconds, and some of their conversations are held for as long as it takes.
EMAIL_TIMEOUT_CONVERSATION = 60

# Every test has a client of its own, and would have all static files listed for it. They are looked for when asked for.
# https://whitenoise.readthedocs.io/en/stable/django.html#WHITENOISE_AUTOREFRESH
WHITENOISE_AUTOREFRESH = True

# Processes are killed under the tests, the machine keeps its power: nothing has to reach the disk.
# https://www.sqlite.org/pragma.html#pragma_synchronous
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":  # noqa: F405
    DATABASES["default"]["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"  # noqa: F405
