"""``celery worker --include`` of these flows: makes the kinds that do work in tests known to a real worker."""

from styleguide_example.jobs.tests.work import work_register

work_register()
