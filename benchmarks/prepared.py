"""Importing this sets Django up, with a directory of its own for what the embedded profile writes.

A benchmark in one process imports it before any model.
"""

import atexit
import os
import shutil
import tempfile

import django

# Before the settings read them. With DEBUG, Django would keep every query.
os.environ.update(VAR_DIR=tempfile.mkdtemp(prefix="styleguide-benchmark-"), DJANGO_DEBUG="False")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.django.base")
atexit.register(shutil.rmtree, os.environ["VAR_DIR"], ignore_errors=True)

django.setup()
