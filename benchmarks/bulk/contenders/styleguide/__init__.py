"""The pattern of HackSoft's Django-Styleguide-Example: a row, ``on_commit``, a task for each e-mail, a new connection.

https://github.com/HackSoftware/Django-Styleguide-Example
"""

from benchmarks.bulk.contenders.styleguide.celery import app

__all__ = ["app"]
