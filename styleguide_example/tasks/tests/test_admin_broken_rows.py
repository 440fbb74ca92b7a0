"""Rows that no form of ours would write: nobody who looks at the others is kept from it."""

import pytest
from django.db import connection
from django.test import Client
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from styleguide_example.tasks.enums import SyncAction
from styleguide_example.tasks.services import periodic_tasks_sync
from styleguide_example.tasks.tests.admins import DAY, DRIFT, LIST, page_of, person_make, text_of
from styleguide_example.tasks.tests.beats import Beat, schedule_make
from styleguide_example.tasks.tests.factories import entry_make
from styleguide_example.tasks.timing import Cron

pytestmark = pytest.mark.django_db


def _unknown_zone(row: PeriodicTask) -> None:
    table = connection.ops.quote_name(CrontabSchedule._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET timezone = %s WHERE id = %s", ["Mars/Olympus", row.crontab_id])  # noqa: S608


def _unknown_period(row: PeriodicTask) -> None:
    interval = IntervalSchedule.objects.create(every=1, period="month")
    PeriodicTask.objects.filter(pk=row.pk).update(crontab=None, interval=interval)


def _no_timing(row: PeriodicTask) -> None:
    PeriodicTask.objects.filter(pk=row.pk).update(crontab=None)


def _deep_arguments(row: PeriodicTask) -> None:
    PeriodicTask.objects.filter(pk=row.pk).update(kwargs="[" * 20_000)


@pytest.mark.parametrize("break_it", [_unknown_zone, _unknown_period, _no_timing, _deep_arguments])
class TestBrokenRow:
    def test_can_be_seen_and_deleted_in_the_admin(self, client: Client, break_it: object) -> None:
        row = schedule_make("Broken", Cron("0 3 * * *"))
        assert callable(break_it)
        break_it(row)
        client.force_login(
            person_make("view_periodictask", "change_periodictask", "delete_periodictask", "view_schedulerun")
        )

        assert "Broken" in text_of(client.get(LIST))
        for page in (DAY, DRIFT, page_of(row), page_of(row, "history")):
            text_of(client.get(page))
        client.post(page_of(row, "delete"), {"post": "yes"})

        assert not PeriodicTask.objects.exists()

    def test_keeps_neither_a_deploy_nor_beat_from_the_others(self, break_it: object) -> None:
        row = schedule_make("Broken", Cron("0 3 * * *"))
        assert callable(break_it)
        break_it(row)

        plan = periodic_tasks_sync(entries=[entry_make("Good")])

        assert plan.counts[SyncAction.CREATED] == 1
        Beat().lead()
