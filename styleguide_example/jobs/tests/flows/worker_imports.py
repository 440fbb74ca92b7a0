"""``celery worker --include`` of these flows: makes the kinds that do work in tests known to a real worker."""

import os

from styleguide_example.jobs import pauses
from styleguide_example.jobs.tests.work import work_register

work_register()
# The product has no setting for it.
pauses.CACHE_SECONDS = int(os.environ.get("PAUSE_CACHE_SECONDS", pauses.CACHE_SECONDS))
