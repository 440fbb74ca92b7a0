"""Tests: the same code path, a directory of its own for each run, and shorter patience."""

import atexit
import os
import shutil
import tempfile

# Before the settings read it, so that two runs at once do not meet. A worker that a test starts inherits it.
if "VAR_DIR" not in os.environ:
    os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="styleguide-test-")
    atexit.register(shutil.rmtree, os.environ["VAR_DIR"], ignore_errors=True)

from config.django.base import *  # noqa: F403  the directory first
from config.env import env

DEBUG = False

# https://docs.djangoproject.com/en/5.2/topics/testing/overview/#password-hashing
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

EMAIL_TIMEOUT = env.int("EMAIL_TIMEOUT_SECONDS", default=1)
