"""What a deploy does to an empty database, and one admin's edit."""

from django.core.management import call_command
from django.db import connections
from django_celery_beat.models import IntervalSchedule, PeriodicTask

SWEEP_EVERY_SECONDS = 2


def prepare() -> None:
    """Migrate, set the timetable up, and let the sweeps run more often, as an admin may decide to.

    The times of the stack are a fifteenth of those of a deployment (:mod:`faults.profiles`); so are those of its
    sweeps.
    """
    call_command("migrate", verbosity=0, interactive=False)
    call_command("setup_periodic_tasks", verbosity=0)
    often, _ = IntervalSchedule.objects.get_or_create(every=SWEEP_EVERY_SECONDS, period=IntervalSchedule.SECONDS)
    for schedule in PeriodicTask.objects.filter(interval__isnull=False):
        schedule.interval = often
        schedule.save()
    connections.close_all()  # so that the database can be copied
