#!/usr/bin/env python
"""Django's command line: ``manage.py help`` lists what it can do."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.django.base")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        # The message says which variable; how we came to read it helps nobody but us.
        if "--traceback" in sys.argv:
            raise
        sys.exit(f"ImproperlyConfigured: {error}")
